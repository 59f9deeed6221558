#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kayenta's clients ask: the calls of Argo's `kayenta` metric and of Spinnaker's Orca, as they make them (no
headers: the token stands in the address), against the real daemon: over a time of the past, which is what
both send, over one that has not ended, and from now on.

    compat_kayenta.py HALDANE TEMPLATE
"""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import argo as rules  # noqa: E402
import world as w  # noqa: E402


def iso(t):
    """As Go writes it, in the controller's zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+02:00", time.gmtime(t + 7200))


class Argo:
    """Its provider: exactly 200 or an error; the score is cut to a whole number."""

    def __init__(self, d, token, passes=95, marginal=75):
        self.d, self.base, self.at = d, f"/t/{token}/compat/kayenta", (passes, marginal)

    def call(self, method, path, body=None):
        status, text = self.d.request(method, self.base + path, body and json.dumps(body),
                                      {"Content-Type": "application/json"} if body else {})
        return status, json.loads(text)

    def config(self, name):
        status, found = self.call("GET", "/canaryConfig?application=app&configurationAccountName=")
        assert status == 200, found
        for c in found:
            assert isinstance(c["applications"], list) and isinstance(c["name"], str), c
            assert isinstance(c["updatedTimestamp"], int) and isinstance(c["updatedTimestampIso"], str), c
        return [c["id"] for c in found if c["name"] == name][0]

    def start(self, id_, control="blue", experiment="green", window=None, later=0, **more):
        """`window`: from and to, seconds since the epoch; `later`: the experiment's is so much later."""
        def scope(name, late=0):
            times = dict(zip(("start", "end"), (iso(t + late) for t in window or ())))
            return {"scope": name, "location": "", "step": 0, **times}
        return self.call("POST", f"/canary/{id_}?application=app&parentPipelineExecutionId=01P&metricsAccountName="
                         "&configurationAccountName=&storageAccountName=", {
                             "scopes": {"main": {"controlScope": scope(control),
                                                 "experimentScope": scope(experiment, later)}},
                             "thresholds": {"pass": self.at[0], "marginal": self.at[1]}, **more})

    def poll(self, execution):
        status, a = self.call("GET", f"/canary/{execution}")
        assert status == 200 and isinstance(a["complete"], bool), (status, a)
        return a

    def phase(self, execution, seconds=30):
        a = w.wait(lambda: (lambda a: a["complete"] and a)(self.poll(execution)), seconds, "complete", 0.3)
        score = int(a["result"]["judgeResult"]["score"]["score"])
        return ("Successful" if score >= self.at[0] else "Inconclusive" if score >= self.at[1]
                else "Failed"), a


def refusals(d, argo):
    w.equal(argo.start("nobody")[0], 404, "a config that is not there: 404")
    for name, more in (("no scopes", {"scopes": {}}), ("no thresholds", {"thresholds": None}),
                       ("thresholds the wrong way round", {"thresholds": {"pass": 1, "marginal": 2}})):
        status, a = argo.start("shop", **more)
        w.ok(status == 400 and a["message"], f"{name}: 400 with a message", str(a))
    status, a = argo.start("shop", experiment="purple")
    w.ok(status == 400 and "has blue, green" in a["message"], "a colour that is not there: 400, with those that are", str(a))
    w.equal(argo.call("GET", "/canary/01JD2K9999999999999999999X")[0], 404, "an execution that is not there: 404")
    now = int(time.time())
    for name, how, words in (
            ("two times", {"window": (now - 90, now - 60), "later": 5}, "same time"),
            ("an end before the start", {"window": (now - 60, now - 90)}, "must lie in the past"),
            ("a time that has not begun", {"window": (now + 300, now + 390)}, "must lie in the past"),
            ("a time shorter than three polls", {"window": (now - 60, now - 58)}, "three intervals"),
            ("a month", {"window": (now - 86400 * 30, now)}, "20000")):
        status, a = argo.start("shop", **how)
        w.ok(status == 400 and words in a["message"], f"{name}: 400 with a message", str(a))
    status, text = d.request("POST", f"{argo.base}/canary/shop", "{", {"Content-Type": "application/json"})
    w.equal(status, 400, "bad JSON: 400", text)
    status, text = d.request("POST", "/t/hld_wrong/compat/kayenta/canary/shop", "{}", {})
    w.equal(status, 401, "a token that is not known: 401", text)
    w.equal(d.api("/guards?analysis=all")["items"], [], "none of them started anything")


def choosing(argo):
    status, config = argo.call("GET", "/canaryConfig/shop")
    metric = config["metrics"][0]
    w.equal((status, config["id"], metric["name"], metric["analysisConfigurations"]["canary"]["direction"]),
            (200, "shop", "http-5xx-ratio", "increase"), "a config can be read", str(config))
    w.ok("http_requests_total" in metric["query"]["customInlineTemplate"], "with its query", str(metric))
    w.equal(argo.call("GET", "/canaryConfig/nobody")[0], 404, "one that is not there: 404")
    status, accounts = argo.call("GET", "/credentials")
    w.equal((status, [a["name"] for a in accounts], "METRICS_STORE" in accounts[0]["supportedTypes"]),
            (200, ["haldane"], True), "accounts can be listed")


def past(d, argo, id_, prometheus):
    """What Argo sends: the interval that ends now. Then a time that a bad release fills half of."""
    now = int(time.time())
    began = time.monotonic()
    phase, done = argo.phase(argo.start(id_, window=(now - 120, now))[1]["canaryExecutionId"])
    w.equal((phase, done["result"]["canaryDuration"]), ("Successful", "PT120S"), "the last two minutes were good",
            str(done))
    scopes = done["canaryExecutionRequest"]["scopes"]["main"]
    w.ok(time.monotonic() - began < 60, "which does not take two minutes")
    w.equal((scopes["controlScope"]["scope"], scopes["experimentScope"]["scope"],
             time.strptime(scopes["controlScope"]["start"][:19], "%Y-%m-%dT%H:%M:%S")),
            ("blue", "green", time.strptime(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - 120)),
                                            "%Y-%m-%dT%H:%M:%S")), "it tells what it was asked")
    judged = done["result"]["judgeResult"]["results"][0]
    w.ok(6200 > judged["experimentMetadata"]["stats"]["count"] > 5500, "50 requests a second were counted", str(judged))

    prometheus.say("shop", green=(50, 25))
    bad = time.time()
    running = argo.start(id_, window=(now - 60, now + 20))[1]["canaryExecutionId"]
    phase, done = argo.phase(running, 40)
    w.equal(phase, "Failed", "a time that has not ended: the rest is judged as it comes", str(done))
    at = [e["at"] for e in d.api(f"/guards/{running}/timeline")["items"] if "fails" in e["headline"]]
    w.ok(at and at[0][:19] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(bad)), "after it had turned bad", str(at))
    now = int(time.time())
    phase, done = argo.phase(argo.start(id_, window=(int(bad) + 1, now))[1]["canaryExecutionId"])
    w.equal(phase, "Failed", "the time since then was bad", str(done))
    phase, done = argo.phase(argo.start(id_, window=(int(bad) - 100, int(bad) - 20))[1]["canaryExecutionId"])
    w.equal(phase, "Successful", "the time before was not", str(done))
    phase, done = argo.phase(argo.start(id_, window=(now - 7300, now - 7200))[1]["canaryExecutionId"])
    w.equal(phase, "Inconclusive", "nobody knows about two hours ago", str(done))
    prometheus.say("shop", green=(50, 0))


def over_a_kill(d, argo, id_):
    """A long time of the past, half way through when the daemon dies."""
    now = int(time.time())
    status, a = argo.start(id_, window=(now - 700, now - 100))
    id_ = a["canaryExecutionId"]
    polls = lambda: d.api(f"/guards/{id_}")["checks"][0]["polls"]["judged"]
    w.wait(lambda: polls() > 20, 20, "some polls")
    w.equal(argo.poll(id_)["complete"], False, "it is on its way")
    d.kill()
    d.start()
    phase, done = argo.phase(id_, 60)
    count = done["result"]["judgeResult"]["results"][0]["controlMetadata"]["stats"]["count"]
    w.ok(phase == "Successful" and 599 <= polls() <= 600, "over a kill no poll is left out or made twice", f"{polls()}: {done}")
    w.ok(29950 <= count <= 30050, "and every request is counted once", str(count))


def published(d, token, prometheus):
    """Our AnalysisTemplate, asked as Argo's provider does: it looks the config up by its name, fills in the
    interval that ends now, and comes back every so often."""
    with open(sys.argv[2]) as f:
        template = rules.parse(f.read())
    args = {a["name"]: a.get("value") for a in template["spec"]["args"]}
    args.update(service="shop", stable="blue", candidate="green", token=token)
    metric = rules.fill(template["spec"]["metrics"][0], args)
    spec = metric["provider"]["kayenta"]
    w.equal(sorted(spec), ["address", "application", "canaryConfigName", "configurationAccountName",
                           "metricsAccountName", "scopes", "storageAccountName", "threshold"],
            "the template has the fields that Argo's CRD wants")
    w.equal([sorted(spec["scopes"][0][k]) for k in ("controlScope", "experimentScope")],
            [["end", "region", "scope", "start", "step"]] * 2, "and so have its scopes")
    w.ok(int(metric["count"]) >= int(metric["inconclusiveLimit"]), "and limits that Argo accepts")
    at = spec["address"].replace("http://haldane.haldane.svc:8417", "")
    client = Argo(d, at.split("/")[2], int(spec["threshold"]["pass"]), int(spec["threshold"]["marginal"]))
    w.equal(client.base, at, "its address has the token where it is looked for")
    now, scope = int(time.time()), spec["scopes"][0]
    phase, done = client.phase(client.start(
        client.config(spec["canaryConfigName"]), scope["controlScope"]["scope"], scope["experimentScope"]["scope"],
        (now - 60 * int(metric["interval"][:-1]), now))[1]["canaryExecutionId"], 60)
    w.equal((phase, done["result"]["canaryDuration"]), ("Successful", "PT300S"), "the template's last interval passes",
            str(done))
    d.kill()
    status = None
    try:
        status = client.call("GET", f"/canary/{done['pipelineId']}")[0]
    except OSError:
        pass
    d.start()
    w.equal((status, client.poll(done["pipelineId"])["status"]), (None, "succeeded"),
            "an execution outlives a daemon that does not answer")


def cancelling(d, argo, id_):
    put = lambda i: d.request("PUT", f"{argo.base}/pipelines/{i}/cancel", '""', {"Content-Type": "application/json"})
    status, a = argo.start(id_)
    w.equal(put(a["canaryExecutionId"]), (202, ""), "Orca cancels an execution")
    gone = argo.poll(a["canaryExecutionId"])
    w.equal((gone["complete"], gone["status"], "result" in gone), (True, "canceled", False),
            "a cancelled one is complete, without a score")
    w.equal(put(a["canaryExecutionId"])[0], 202, "twice is once")
    w.equal(put("01JD2K9999999999999999999X")[0], 404, "what is not there: 404")
    w.equal(d.request("PUT", f"/compat/kayenta/pipelines/{a['canaryExecutionId']}/cancel", "", {})[0], 401,
            "without a token: 401")


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    d = w.Daemon(world, w.config({"shop": w.service(router, guard={"duration": "5s"})}, prometheus)).start()
    d.wait_read()
    with open(f"{d.db}.token") as t:
        argo = Argo(d, t.read().strip())
    refusals(d, argo)
    choosing(argo)

    published(d, argo.base.split("/")[2], prometheus)

    id_ = argo.config("shop")
    past(d, argo, id_, prometheus)
    over_a_kill(d, argo, id_)
    status, a = argo.start(id_)
    w.ok(status == 200 and re.fullmatch("[0-9A-Z]{26}", a["canaryExecutionId"]), "an execution starts", str(a))
    first = argo.poll(a["canaryExecutionId"])
    w.equal((first["complete"], first["status"]), (False, "running"), "and runs")
    w.equal(argo.start(id_)[1], a, "who starts it again while it runs joins it")
    w.ok("result" not in first, "without a result")
    phase, done = argo.phase(a["canaryExecutionId"])
    w.equal((phase, done["status"]), ("Successful", "succeeded"), "a good release", str(done))
    judged = done["result"]["judgeResult"]
    w.equal((judged["score"]["score"], judged["score"]["classification"]), (100, "Pass"), "with its score")
    # what Orca reads besides
    w.ok(done["application"] == "app" and re.fullmatch(r"PT\d+S", done["result"]["canaryDuration"]) and
         judged["score"]["classificationReason"], "and what Orca reads", str(done))
    w.ok(all(r["controlMetadata"]["stats"]["count"] > 0 for r in judged["results"]), "counts too", str(judged))

    prometheus.say("shop", green=(50, 25))
    phase, bad = argo.phase(argo.start(id_)[1]["canaryExecutionId"])
    w.equal((phase, bad["status"]), ("Failed", "succeeded"), "a bad release fails; the execution succeeded",
            str(bad))
    w.ok("http-5xx-ratio" in bad["result"]["judgeResult"]["score"]["classificationReason"], "with the reason")
    w.equal([r["classification"] for r in bad["result"]["judgeResult"]["results"]], ["High"], "of the check")

    prometheus.say("shop", blue=None, green=None)
    phase, lost = argo.phase(argo.start(id_)[1]["canaryExecutionId"])
    w.equal(phase, "Inconclusive", "no data is neither", str(lost))
    strict = Argo(d, argo.base.split("/")[2], 90, 90)
    phase, lost = strict.phase(strict.start(id_)[1]["canaryExecutionId"])
    w.equal(phase, "Failed", "and no pass where the thresholds leave nothing between", str(lost))

    cancelling(d, argo, id_)
    w.equal((router.relay.sets(), d.guards()), ([], []), "nothing was moved, no guard was made")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 210)
