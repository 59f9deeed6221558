#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kayenta's clients ask: the three calls of Argo's `kayenta` metric and of Spinnaker's Orca, as they make
them (no headers: the token stands in the address), against the real daemon.

    compat_kayenta.py HALDANE
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402


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
            assert isinstance(c.get("applications", []), list) and isinstance(c["name"], str)
        return [c["id"] for c in found if c["name"] == name][0]

    def start(self, id_, control="blue", experiment="green", **more):
        scope = {"location": "", "step": 0, "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"}
        return self.call("POST", f"/canary/{id_}?application=app&metricsAccountName=&configurationAccountName="
                         "&storageAccountName=", {
                             "scopes": {"default": {"controlScope": {"scope": control, **scope},
                                                    "experimentScope": {"scope": experiment, **scope}}},
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
    w.ok(status == 400 and "colours" in a["message"], "a colour that is not there: 400", str(a))
    w.equal(argo.call("GET", "/canary/01JD2K9999999999999999999X")[0], 404, "an execution that is not there: 404")
    status, text = d.request("POST", f"{argo.base}/canary/shop", "{", {"Content-Type": "application/json"})
    w.equal(status, 400, "bad JSON: 400", text)
    status, text = d.request("POST", "/t/hld_wrong/compat/kayenta/canary/shop", "{}", {})
    w.equal(status, 401, "a token that is not known: 401", text)
    w.equal(d.api("/guards?analysis=all")["items"], [], "none of them started anything")


def main(world):
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    d = w.Daemon(world, w.config({"shop": w.service(router, guard={"duration": "5s"})}, prometheus)).start()
    d.wait_read()
    with open(f"{d.db}.token") as t:
        argo = Argo(d, t.read().strip())
    refusals(d, argo)

    id_ = argo.config("shop")
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

    status, a = argo.start(id_)
    d.order(f"/guards/{a['canaryExecutionId']}/cancel", reason="enough")
    gone = argo.poll(a["canaryExecutionId"])
    w.equal((gone["complete"], gone["status"], "result" in gone), (True, "canceled", False),
            "a cancelled one is complete, without a score")
    w.equal((router.relay.sets(), d.guards()), ([], []), "nothing was moved, no guard was made")


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 120)
