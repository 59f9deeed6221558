#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager with our published configuration tells the real daemon of alerts: they start, feed
and fail guards; told again, resolved, cut short and out of order they do no more than once.

    compat_alertmanager.py HALDANE ALERTMANAGER.YML
"""
import datetime
import json
import os
import re
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GREEN = {"green": 100, "blue": 0}  # in this order: never without any traffic
BLUE = {"blue": 100, "green": 0}


class Alertmanager:
    def __init__(self, world, d, config, name="am"):
        with open(world.path("token"), "w") as f, open(f"{d.db}.token") as t:
            f.write(t.read().strip())
        config = config.replace("haldane.example:8417", f"127.0.0.1:{d.port}")
        config = config.replace("/etc/alertmanager/haldane.token", world.path("token"))
        for key, value in (("group_wait", "50ms"), ("group_interval", "200ms"), ("repeat_interval", "1s")):
            config, n = re.subn(rf"{key}: \w+", f"{key}: {value}", config)
            assert n == 3, key
        with open(world.path(f"{name}.yml"), "w") as f:
            f.write(config)
        self.port = w.free_port()
        world.start(name, ["prometheus-alertmanager", f"--config.file={world.path(f'{name}.yml')}",
                           f"--storage.path={world.path(name)}", "--cluster.listen-address=",
                           f"--web.listen-address=127.0.0.1:{self.port}"])
        w.wait(self.ready, 20, f"alertmanager is up: {world.tail(name)}")

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=10).status == 200
        except OSError:
            return False

    def tell(self, name, what, since, ends=None, service="shop"):
        at = lambda t: datetime.datetime.fromtimestamp(t, datetime.timezone.utc).isoformat()
        alert = {"labels": {"alertname": name, "service": service, "haldane": what},
                 "annotations": {"summary": f"{name} says so"}, "startsAt": at(since)}
        if ends:
            alert["endsAt"] = at(ends)
        urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts", json.dumps([alert]).encode(),
            {"Content-Type": "application/json"}), timeout=20)


def told(d, headline):
    return [r for r in d.rows("SELECT headline, guard FROM event WHERE kind = 'check'") if headline in r["headline"]]


def longer(d, duration):
    """The guard watches for so long: what is told by Alertmanager must come before its end."""
    w.equal(d.order("/guards", service="shop", duration=duration)[0], 200, f"the guard watches for {duration}")


def fail(d, am, router):
    old = time.time() - 60
    router.set(GREEN)
    g = d.wait_state("watching", 10)
    longer(d, "5m")
    am.tell("OldTrouble", "fail", old)
    w.wait(lambda: told(d, "OldTrouble is firing, since before the switch"), 15, "the old alert")
    w.equal(d.guard()["state"], "watching", "an alert from before the switch fails no guard")
    am.tell("Bad", "fail", time.time())
    done = d.wait_state("reverted", 30)
    w.equal((done["id"], router.weights()), (g["id"], w.BLUE), "an alert since the switch does: taken back")
    w.ok("an alert is firing: Bad: Bad says so" in done["why"], "its words are the reason", done["why"])
    w.equal((done["verdict"], done["reasons"][0]["slug"]), ("fail", "alert"), "and the verdict's")
    out = subprocess.run([d.world.binary, "replay", done["id"], "--store", d.db], capture_output=True, text=True,
                         timeout=20)
    w.equal(out.returncode, 0, "which a replay finds again", out.stdout + out.stderr)
    time.sleep(2.5)  # told again at least once
    w.equal(len(told(d, "Alert Bad is firing")), 1, "told again, it is no news")
    am.tell("Bad", "fail", old, time.time() - 0.1)
    am.tell("OldTrouble", "fail", old, time.time() - 0.1)
    d.order("/services/shop/rearm", reason="next")


def feed(d, am, router):
    router.set(GREEN)
    g = d.wait_state("watching", 10, nth=2)
    longer(d, "15s")
    since = time.time()
    am.tell("Slow", "feed", since)
    w.wait(lambda: told(d, "Alert Slow is firing"), 15, "the feeding alert")
    timeline = d.api(f"/guards/{g['id']}/timeline")["items"]
    w.ok(any("Slow" in e["headline"] for e in timeline), "a feeding alert stands in the timeline")
    done = d.wait_state("inconclusive passed reverted", 30, nth=2)
    w.equal((done["id"], done["state"], done["verdict"]), (g["id"], "inconclusive", "inconclusive"),
            "while it fires, the release does not pass", done["why"])
    w.ok("Slow" in done["why"] and done["needs_human"], "a human is told why", str(done["why"]))
    w.equal(router.weights(), {"blue": 0, "green": 100}, "nothing was moved")
    am.tell("Slow", "feed", since, time.time() - 0.1)
    w.wait(lambda: told(d, "Alert Slow has resolved"), 15, "the end of the feeding alert")
    router.set(BLUE)
    d.wait_state("passed inconclusive", 30, nth=3)
    w.equal(d.guard()["state"], "passed", "once it has resolved, the next release passes", str(d.guard()["why"]))


def cut_short(d, am, router):
    """`max_alerts: 1`: of two alerts only the old one, first by its labels, is told."""
    old, since = time.time() - 60, time.time()
    router.set(GREEN)
    g = d.wait_state("watching", 10, nth=4)
    longer(d, "15s")
    am.tell("AlwaysThere", "feed", old)
    am.tell("Hidden", "feed", since + 1)
    w.wait(lambda: told(d, "1 alerts were left out of a message"), 15, "the message cut short")
    w.equal(told(d, "Alert Hidden is firing"), [], "Alertmanager tells one alert of the two")
    done = d.wait_state("inconclusive passed reverted", 30, nth=4)
    w.equal((done["id"], done["state"]), (g["id"], "inconclusive"), "the release does not pass on what was left out",
            done["why"])
    w.ok("1 alerts that a message left out" in done["why"], "which is the reason", done["why"])
    am.tell("Hidden", "feed", since + 1, time.time() - 0.1)
    am.tell("AlwaysThere", "feed", old, time.time() - 0.1)
    w.wait(lambda: told(d, "is told again, or over"), 15, "the group told whole")
    router.set(BLUE)
    d.wait_state("passed inconclusive", 30, nth=5)
    w.equal(d.guard()["state"], "passed", "then the next one passes", str(d.guard()["why"]))


def start(d, am):
    am.tell("Deployed", "start", time.time(), service="cart")
    g = w.wait(lambda: d.guard("cart"), 15, "the started guard")
    w.equal((g["live"], g["trigger"]), (True, "api"), "an alert starts a guard")
    time.sleep(2.5)
    w.equal(len(d.guards("cart")), 1, "once")


def message(d, do, alerts, service="shop", **more):
    with open(f"{d.db}.token") as t:
        headers = {"Authorization": f"Bearer {t.read().strip()}", "Content-Type": "application/json"}
    status, text = d.request("POST", f"/compat/alertmanager?service={service}&do={do}",
                             json.dumps({"version": "4", "alerts": alerts, **more}), headers)
    return status, json.loads(text)


def by_hand(d):
    """What a real Alertmanager seldom does."""
    alert = lambda i, status="firing": {"status": status, "labels": {"alertname": f"A{i}"}, "annotations": {},
                                        "startsAt": "2026-01-01T00:00:00Z", "fingerprint": f"f{i}"}
    w.equal(message(d, "feed", [alert(1)])[1], {"alerts": 1, "news": 1, "left_out": 0}, "an alert is news")
    w.equal(message(d, "feed", [alert(1)])[1]["news"], 0, "the same is none")
    w.equal(message(d, "feed", [alert(1), alert(1, "resolved")])[1]["news"], 1, "its end is")
    w.equal(message(d, "feed", [alert(1)])[1]["news"], 0, "an old message after the end is none")
    w.equal(message(d, "feed", [alert(2, "resolved")])[1]["news"], 0, "the end of what nobody told is none")
    w.equal(message(d, "feed", [alert(3)], truncatedAlerts=7)[1]["left_out"], 7, "a cut list is told of")
    w.equal(len(told(d, "7 alerts were left out")), 1, "in the journal too")
    w.equal(message(d, "feed", [alert(3)], truncatedAlerts=9)[0], 200, "cut again")
    w.equal(len(told(d, "9 alerts were left out")), 0, "which is no news")
    w.equal(message(d, "feed", [alert(3)])[0], 200, "told whole")
    w.equal(message(d, "feed", [alert(3)], truncatedAlerts=9)[0], 200, "and cut once more")
    w.equal(len(told(d, "9 alerts were left out")), 1, "is news")
    w.equal(message(d, "feed", [alert(3, "resolved")], truncatedAlerts=9, status="resolved")[0], 200,
            "what is left out of an end has ended")
    w.equal(d.rows("SELECT name FROM alert WHERE firing AND fingerprint LIKE 'left-out-%'"), [], "all of it")
    many = [alert(i) for i in range(100, 165)]
    w.equal(message(d, "feed", many)[1], {"alerts": 64, "news": 64, "left_out": 1}, "64 are taken, one is left out")
    d.kill()
    d.start()
    w.equal(message(d, "feed", [alert(3)])[1]["news"], 0, "known again after a kill")
    for name, body in (("no list", {}), ("an odd status", {"alerts": [alert(1, "x")]}),
                       ("no fingerprint", {"alerts": [{"status": "firing", "startsAt": "2026-01-01T00:00:00Z"}]})):
        alerts = body.get("alerts")
        w.equal(message(d, "feed", alerts)[0], 400, f"{name}: 400")
    w.equal(message(d, "boil", [])[0], 400, "an odd deed: 400")
    w.equal(message(d, "feed", [alert(1)], service="nobody")[0], 404, "a service nobody knows: 404")
    w.equal(message(d, "feed", [alert(1)], service="")[0], 422, "no service at all: 422")
    w.equal(message(d, "start", [alert(1, "resolved")])[1], {"guard": None}, "an end starts nothing")


def main(world):
    with open(sys.argv[2]) as f:
        config = f.read()
    router, prometheus = w.Router(world, backends=("shop", "cart"), weights=w.BLUE), w.Prometheus()
    for job in ("shop", "cart"):
        prometheus.say(job, blue=(50, 0), green=(50, 0))
    service = lambda name: w.service(router, backend=name, guard={"duration": "6s"},
                                     verify={"aftercare": "1s", "recover_within": "15s"})
    d = w.Daemon(world, w.config({"shop": service("shop"), "cart": service("cart")}, prometheus)).start()
    d.wait_read(("shop", "cart"))
    am = Alertmanager(world, d, config)
    fail(d, am, router)
    feed(d, am, router)
    start(d, am)
    short, n = re.subn(r"(do=feed\n)", r"\1        max_alerts: 1\n", config)
    assert n == 1
    cut_short(d, Alertmanager(world, d, short, "am-short"), router)
    by_hand(d)


if __name__ == "__main__":
    w.need("haproxy", "prometheus-alertmanager")
    w.run(main, 160)
