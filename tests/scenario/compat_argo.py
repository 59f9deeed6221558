#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Argo Rollouts asks: our published AnalysisTemplate against the real daemon, measured and assessed by
Argo's rules; and what an analysis must never do: move traffic, look like a switch, stand in the way of
a real guard, forget itself over a kill.

    compat_argo.py HALDANE TEMPLATE
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import argo  # noqa: E402
import world as w  # noqa: E402

KEYS = {"phase", "verdict", "ok", "ready", "score", "reason", "id"}
PATH = "/compat/argo/v1/analysis"
MISTAKE = "a mistake in the template, and no verdict: "


def token(d):
    with open(f"{d.db}.token") as f:
        return f.read().strip()


def get(d, query):
    status, text = d.get(f"{PATH}?{query}")
    answer = json.loads(text)
    if status != 200 or set(answer) != KEYS:
        w.ok(False, f"?{query} answers one flat object with every key", f"{status} {text}")
    return answer


def post(d, **body):
    _, text = d.request("POST", PATH, json.dumps({"service": "shop", **body}), {"Authorization": f"Bearer {token(d)}"})
    return json.loads(text)


def metric(d, template, **args):
    return argo.Metric(template, {"service": "shop", "candidate": "green", "stable": "blue",
                                  "address": f"http://127.0.0.1:{d.port}", "token": token(d), **args})


def until(m, seconds, what):
    w.wait(lambda: m.measure() and m.phase != "Running", seconds, what, 0.5)
    return m.results[-1]


def reading(d, template):
    a = get(d, "service=shop")
    w.equal((a["phase"], a["ready"]), ("Running", False), "a service without a guard: not ready")
    for name, query, words in (("a service nobody knows", "service=nobody", "there are: shop"),
                               ("a service misspelt", "service=shpo", "did you mean 'shop'?"),
                               ("a guard that is not there", "guard=x", "there is no guard x"),
                               ("an argument misspelt", "servce=shop", "there is no parameter servce here")):
        a = get(d, query)
        w.ok((a["phase"], a["ok"], a["verdict"], a["ready"]) == ("Failed", False, "none", False) and words in a["reason"] and
             a["reason"].startswith(MISTAKE), f"{name}: Failed at once, and why", str(a))
    mistaken = metric(d, template, run="typo", service="shpo")
    w.equal((mistaken.measure(), mistaken.phase), ("Failed", "Failed"), "so that Argo goes back after the first measurement")
    a = get(d, "service=shop&run=r0")
    w.equal((a["phase"], a["ready"]), ("Running", False), "a GET finds no analysis of a new run")
    w.equal(d.api("/guards?analysis=all")["items"], [], "and starts none")
    status, text = d.request("POST", f"{PATH}?service=shop&run=r0&candidate=green")
    w.equal(status, 401, "starting one needs a token", text)


def bodies(d):
    """Whatever cannot be understood is neither success nor failure."""
    headers = {"Authorization": f"Bearer {token(d)}"}
    for name, body in (("bad JSON", "{"), ("a list", "[]"), ("an odd key", '{"service":"shop","x":"1"}'),
                       ("an odd type", '{"service":1}'), ("no colours", '{"service":"shop","run":"r"}'),
                       ("an odd ttl", '{"service":"shop","run":"r","candidate":"green","ttl":"9"}'),
                       ("an odd duration", '{"service":"shop","run":"r","candidate":"green","duration":"x"}'),
                       ("two polls", '{"service":"shop","run":"r","candidate":"green","duration":"2s"}'),
                       ("an odd interval", '{"service":"shop","run":"r","candidate":"green","interval":"1ms"}'),
                       ("a short ttl", '{"service":"shop","run":"r","candidate":"green","ttl":"1s"}'),
                       ("one side twice", '{"service":"shop","run":"r","candidate":"green",'
                                          '"stable":"green"}')):
        status, text = d.request("POST", PATH, body, headers)
        a = json.loads(text)
        w.ok(status == 200 and set(a) == KEYS and a["phase"] == "Failed" and not a["ok"] and a["verdict"] == "none" and
             a["reason"].startswith(MISTAKE), f"{name}: Failed as a mistake, with a reason", f"{status} {text}")
    a = post(d, run="", candidate="green")
    w.equal((a["phase"], a["reason"]), ("Failed", MISTAKE + "run is empty"), "an empty run is no question about a guard")
    status, text = d.request("POST", f"{PATH}?service=shop&run=&candidate=green", None, headers)
    w.equal(json.loads(text)["reason"], MISTAKE + "run is empty", "nor is one in the address", text)
    for side in ({"candidate": "purple"}, {"candidate": "green", "stable": "purple"}):
        a = post(d, run="r", **side)
        w.equal((a["phase"], a["reason"]),
                ("Failed", MISTAKE + "'purple' is no colour of the service, which has blue, green"),
                "an unknown colour: which there are")
    status, text = d.request("POST", PATH, '{"service":"shop","run":"r"}',
                             {"Authorization": "Bearer hld_wrong"})
    w.equal(status, 401, "a wrong token is told by the status", text)


def good_and_bad(d, template, prometheus, router):
    good = metric(d, template, run="7c9f")
    w.equal(good.measure(), "Inconclusive", "the first measurement starts it")
    first = good.results[0]
    w.equal((first["phase"], first["ready"]), ("Running", False), "which runs")
    answer = until(good, 30, "the analysis of a good release ends")
    w.equal((good.phase, answer["ok"], answer["verdict"]), ("Successful", True, "pass"),
            "a good release: Successful", str(answer))
    w.equal({r["id"] for r in good.results}, {first["id"]}, "every measurement asked the same analysis")
    w.equal(answer["score"], 100, "with its score")

    prometheus.say("shop", green=(50, 25))
    w.equal(metric(d, template, run="7c9f").measure(), "Successful",
            "the same run asked again tells the same verdict")
    bad = metric(d, template, run="8d0a")
    answer = until(bad, 30, "the analysis of a bad release ends")
    w.equal((bad.phase, answer["verdict"], answer["ok"]), ("Failed", "fail", False),
            "a bad release: Failed", str(answer))
    w.ok("http-5xx-ratio" in answer["reason"], "with the reason", str(answer))
    w.equal(router.weights(), w.BLUE, "no traffic was moved")
    w.equal(router.relay.sets(), [], "and nothing written")
    w.equal(d.guards(), [], "no guard was made of it")
    w.equal(d.rows("SELECT * FROM rejection WHERE rejected"), [], "no side was rejected")
    w.equal(len(d.api("/guards?analysis=true")["items"]), 2, "the list has both when asked for them")
    return answer["id"]


def other_sides(d):
    """A verdict is about the sides that were judged: nobody gets it for others under the same name."""
    def told(name, a, judged):
        w.equal((a["phase"], a["ok"], a["id"]), ("Inconclusive", False, ""), f"{name}: not that verdict", str(a))
        w.ok(judged in a["reason"] and "other sides: use another run name" in a["reason"], f"{name}: why", str(a))

    judged = "the run 7c9f judged candidate green against blue"
    for name, sides in (("swapped sides", {"candidate": "blue", "stable": "green"}),
                        ("another candidate", {"candidate": "blue"}), ("another stable", {"stable": "green"}),
                        ("a version", {"candidate": "green", "version": "v1"})):
        told(name, post(d, run="7c9f", **sides), judged)
    told("another candidate by GET", get(d, "service=shop&run=7c9f&candidate=blue"), judged)
    for name, more in (("the stable that was meant", {"stable": "blue"}), ("another duration", {"duration": "9s"})):
        a = post(d, run="7c9f", candidate="green", **more)
        w.equal(a["phase"], "Successful", f"{name}: the same analysis", str(a))
    first = post(d, run="versions", candidate="green", version="v1")
    again = post(d, run="versions", candidate="green", version="v1")
    w.equal((again["id"], again["phase"]), (first["id"], "Running"), "the same version joins")
    told("another version", post(d, run="versions", candidate="green", version="v2"),
         "the run versions judged candidate green (v1) against blue")
    for run in ("7c9f", "versions"):
        status, a = d.order("/analysis", service="shop", run=run, candidate="blue", stable="green")
        w.equal((status, a.get("code")), (409, "other_sides"), f"the API tells no verdict of {run} for others", str(a))


def own_times(d, template, prometheus):
    """The asker says how long, and how often it looks; over HTTP also of when."""
    m = metric(d, template, run="long", duration="9s")
    began = time.monotonic()
    answer = until(m, 40, "the analysis of nine seconds ends")
    w.ok(m.phase == "Successful" and time.monotonic() - began > 8, "it lasts as long as its template says", str(answer))
    status, a = d.order("/analysis", service="shop", candidate="green", duration="8s", interval="2s")
    g = w.wait(lambda: (lambda g: not g["live"] and g)(d.api(f"/guards/{a['id']}")), 30, "the analysis each 2 s")
    w.equal((status, g["verdict"], g["checks"][0]["polls"]["judged"] <= 5), (201, "pass", True),
            "it looks each two seconds", str(g))
    at = lambda ago: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    status, a = d.order("/analysis", service="shop", candidate="green", **{"from": at(600), "to": at(500)})
    g = w.wait(lambda: (lambda g: not g["live"] and g)(d.api(f"/guards/{a['id']}")), 30, "the analysis of the past")
    w.equal((status, g["verdict"]), (201, "pass"), "a time of the past", str(g))
    w.ok(g["switch"]["to"] < g["until"] < g["started_at"], "which had ended when it was asked for", str(g))
    for name, args in (("to without from", {"to": at(10)}), ("both ends and a duration",
                       {"from": at(60), "to": at(30), "duration": "10s"}), ("the future", {"from": at(-100)}),
                       ("no time", {"from": "yesterday"})):
        status, a = d.order("/analysis", service="shop", candidate="green", **args)
        w.equal(status, 422, f"{name}: 422", str(a))


def beside_a_guard(d, template, prometheus, router):
    """A real switch while analyses run: its guard acts, they do not."""
    m = metric(d, template, run="beside")
    m.measure()
    router.set({"green": 100, "blue": 0})  # in this order: never without any traffic
    done = d.wait_state("reverted", 30)
    w.equal(router.weights(), w.BLUE, "a real guard beside analyses takes its release back")
    w.equal(done["analysis"], False, "and is itself none")
    until(m, 30, "the analysis beside it ends")
    w.equal(m.phase, "Failed", "the analysis says the same")
    w.equal(get(d, "service=shop")["phase"], "Failed", "the service's own guard can be asked too")
    w.equal(get(d, f"guard={done['id']}")["verdict"], "fail", "and by its id")
    w.equal(get(d, "service=shop&candidate=blue")["ready"], False, "but not about another side")


def over_a_kill(d, template, prometheus):
    prometheus.say("shop", green=(50, 0))
    m = metric(d, template, run="killed", duration="12s")
    m.measure()
    time.sleep(2)
    row = d.rows("SELECT id, version FROM guard WHERE live AND analysis ORDER BY seq DESC")[0]
    status, answer = d.order(f"/guards/{row['id']}/acknowledge")
    w.equal((status, answer.get("state")), (200, "watching"), "a live analysis is acknowledged as it is now", answer)
    w.equal(d.rows("SELECT series IS NULL AS lost FROM guard_memory m JOIN guard g ON m.guard = g.seq WHERE g.id = ?",
                   row["id"]), [{"lost": 0}], "and keeps its memory")
    d.kill()
    down = m.measure()
    d.start()
    w.equal((down, m.phase), ("Error", "Running"), "one error is not the end of Argo's metric")
    answer = until(m, 30, "the analysis goes on after the kill")
    ids = {r["id"] for r in m.results}
    w.equal((m.phase, len(ids)), ("Successful", 1), "as the same one", str(answer))
    events = d.api(f"/guards/{answer['id']}/timeline")["items"]
    w.ok(any("restarted" in e["text"] for e in events), "which its timeline tells")


def bounded(d):
    headers = {"Authorization": f"Bearer {token(d)}"}
    for i in range(8):
        status, text = d.request("POST", f"{PATH}?service=shop&candidate=green&duration=5m&run=many{i}", None, headers)
        last = json.loads(text)
    w.ok(last["id"], "eight analyses of one service are live at once", str(last))
    status, text = d.request("POST", f"{PATH}?service=shop&candidate=green&duration=5m&run=toomany", None, headers)
    a = json.loads(text)
    w.equal((status, a["phase"], a["id"]), (200, "Running", ""), "the ninth is not started", text)
    status, cancelled = d.order(f"/guards/{last['id']}/cancel", reason="enough")
    w.equal(status, 200, "one is cancelled by an operator", str(cancelled))
    w.equal(get(d, "service=shop&run=many7")["phase"], "Inconclusive", "which is neither pass nor fail")
    status, answer = d.order("/analysis", service="shop", candidate="green", run="api")
    w.equal(status, 201, "its place is free: the API starts one", str(answer))
    status, again = d.order("/analysis", service="shop", candidate="green", run="api")
    w.equal((status, again["id"]), (200, answer["id"]), "once")
    w.equal(d.order(f"/guards/{answer['id']}/revert", reason="x")[0], 404, "an analysis cannot revert")


def main(world):
    with open(sys.argv[2]) as f:
        template = argo.parse(f.read())
    router, prometheus = w.Router(world), w.Prometheus()
    prometheus.say("shop", blue=(50, 0), green=(50, 0))
    guard = {"duration": "6s", "cooldown": "0s"}
    d = w.Daemon(world, w.config({"shop": w.service(router, guard=guard)}, prometheus)).start()
    d.wait_read()
    reading(d, template)
    bodies(d)
    good_and_bad(d, template, prometheus, router)
    other_sides(d)
    prometheus.say("shop", green=(50, 0))
    own_times(d, template, prometheus)
    prometheus.say("shop", green=(50, 25))
    beside_a_guard(d, template, prometheus, router)
    over_a_kill(d, template, prometheus)
    bounded(d)


if __name__ == "__main__":
    w.need("haproxy")
    w.run(main, 170)
