#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rule: sequential` in the real daemon: a bad release is taken back against the past, against the
other colour and against an objective; a shared outage, a blip and a good release are not; the
evidence outlives the daemon (I9), is shown, and decides alike when it is replayed.

    sequential.py HALDANE

One service each, all behind one HAProxy. Polls come every second, so that a blip is 3 s.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GOOD, BAD, BASE = (200, 0), (180, 20), (199, 1)
HALF = {"blue": 50, "green": 50}
RULE = {"rule": "sequential", "ignore_blips": "3s", "duration": "120s"}
CHECK = "[{{use: http-5xx-ratio, with: {{job: {}}}}}]"
SLO = "[{{use: http-5xx-ratio, with: {{job: {}}}, max: 5%}}]"
SLOW = "[{{use: http-slower-than, with: {{job: {}}}}}]"
PAIR = "[{{use: http-5xx-ratio, name: one, with: {{job: {0}}}}}, {{use: http-5xx-ratio, name: two, with: {{job: late}}}}]"

# service -> (checks, guard, traffic after the switch, green, blue, is it taken back)
PLAY = {
    "past": (CHECK, {}, w.GREEN, BAD, None, True),
    "beside": (CHECK, {}, HALF, BAD, BASE, True),
    "objective": (SLO, {}, w.GREEN, BAD, None, True),
    "slow": (SLOW, {}, w.GREEN, BAD, None, True),
    "strange": (SLOW, {"duration": "100s"}, HALF, None, None, False),
    "shared": (CHECK, {}, HALF, BAD, BAD, False),
    "blip": (CHECK, {"ignore_blips": "8s"}, w.GREEN, None, None, False),
    "good": (CHECK, {"duration": "20s"}, HALF, BASE, BASE, False),
    "half": (PAIR, {}, HALF, BASE, BASE, False),
    "late": (CHECK, {}, HALF, BASE, BASE, False),
}


def whole(d, name):
    return d.api(f"/guards/{d.guard(name)['id']}")


def reasons(d, name):
    return {r["slug"]: r["text"] for r in whole(d, name)["reasons"]}


def taken_back(d, router, names):
    for n in names:
        g = d.wait_state("aftercare reverted", 40, n)
        w.equal((g["verdict"], router.weights(n)), ("fail", w.BLUE), f"{n}: taken back", g["why"])
        said = reasons(d, n)
        w.ok("the evidence sufficed" in said.get("evidence", ""), f"{n}: says by what", said)
        w.ok("cannot_tell" in said if n != "beside" else g["cause"] == "release",
             f"{n}: says whether it can tell it from an outage", (said, g["cause"]))
        weigh = whole(d, n)["weigh"]
        w.ok(weigh["meter"] == 1 and weigh["sufficed_at"], f"{n}: the meter is full", weigh)


def shown(world, d, guard):
    status, page = d.get(f"/g/{guard['id']}")
    page = page.decode() if isinstance(page, bytes) else page
    w.equal(status, 200, "the page is there")
    w.ok("of what a revert needs" in page and "<meter" in page, "the page has the meter", page[-2000:])
    w.ok("independent ones" in page, "and says how many requests count")
    out = subprocess.run([world.binary, "show", guard["id"], "--url", f"http://127.0.0.1:{d.port}"],
                         capture_output=True, text=True, timeout=20)
    w.ok("100 % of what a revert needs; sufficed" in out.stdout, "show has it too", out)
    w.ok("weighed together" in out.stdout and " of " not in out.stdout.split("POLLS")[1].splitlines()[1],
         "and counts no poll of its own against a limit", out)
    out = subprocess.run([world.binary, "replay", guard["id"], "--store", d.db, "-o", "json"],
                         capture_output=True, text=True, timeout=20)
    w.ok(json.loads(out.stdout)["equal"], "a replay decides alike", out)


def picked(world, d, prometheus):
    """A latency without a bound: three, picked from the past, kept by the guard, asked for alone."""
    g = d.guard("slow")
    def said(name):
        return " ".join(r["text"] or "" for r in d.rows("SELECT text FROM event WHERE service = ?", name))

    pin = d.rows("SELECT pin FROM guard_pin JOIN guard ON seq = guard_pin.guard WHERE id = ?", g["id"])[0]["pin"]
    w.ok("{{le}}" not in pin, "slow: the pin has the bounds", pin[-3000:])
    titles = " ".join(c["title"] for c in whole(d, "slow")["checks"])
    w.ok(all(f"({b})" in titles for b in ("100ms", "250ms", "500ms")), "slow: its checks say which were picked", titles)
    w.ok("p70 100ms, http-slower-than-p95 250ms, http-slower-than-p99.5 500ms" in said("slow"), "slow: and so does its record",
         said("slow"))
    out = subprocess.run([world.binary, "replay", g["id"], "--store", d.db, "-o", "json"],
                         capture_output=True, text=True, timeout=20)
    w.ok(json.loads(out.stdout)["equal"], "slow: a replay decides alike", out)
    w.ok(prometheus.buckets["slow"] == {"0.1", "0.25", "0.5", "+Inf"}, "slow: only these are asked for", prometheus.buckets)
    w.ok("no histogram of blue was there" in said("strange"), "strange: says why it cannot be told", said("strange"))


def status(world, d, name):
    return subprocess.run([world.binary, "status", name, "--url", f"http://127.0.0.1:{d.port}"], capture_output=True,
                          text=True, timeout=20).stdout


def pasts(d, name):
    """How many pasts of a service's guards are evidence in the store."""
    return d.rows("SELECT count(*) AS n FROM evidence JOIN guard ON guard.seq = evidence.guard"
                  " WHERE service = ? AND after = 0 AND poll > 5", name)[0]["n"]


def main(world):
    router = w.Router(world, backends=list(PLAY))
    prometheus = w.Prometheus()
    services = {}
    for n, (checks, guard, *_) in PLAY.items():
        if n not in ("late", "strange"):
            prometheus.say(n, blue=BASE if n != "slow" else (200, 0), green=None)
        services[n] = w.service(router, n, checks=checks.format(n), guard={**RULE, **guard})
    d = w.Daemon(world, w.config(services, prometheus, limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(PLAY)
    for n, (_, _, traffic, *_) in PLAY.items():
        router.set(traffic, n)
        blue = None if traffic == w.GREEN else (BASE[0] // 2, 1)
        if n not in ("late", "strange"):
            prometheus.say(n, blue=blue, green=BASE if blue is None else blue)
    for n in PLAY:
        d.wait_state("watching", 10, n)
    time.sleep(6)  # a release that turns bad later, once its past is known
    for n, (_, _, _, green, blue, _) in PLAY.items():
        if n not in ("blip", "late", "strange"):
            prometheus.say(n, green=green, blue=blue)
    prometheus.say("blip", green=BAD)
    time.sleep(2)
    prometheus.say("blip", green=BASE)
    w.wait(lambda: "of what a revert needs: http-5xx-ratio" in status(world, d, "objective"), 10,
           "status says how near a live guard is, and by which check")
    before = whole(d, "shared")["weigh"]
    w.wait(lambda: pasts(d, "half"), 20, "the past of what has samples")
    w.equal((pasts(d, "half"), pasts(d, "late")), (1, 0), "what has no samples teaches nothing")
    prometheus.say("late", blue=BASE, green=BASE)  # with a past, from now on
    d.kill()
    d.start()
    taken_back(d, router, [n for n in PLAY if PLAY[n][-1]])
    shown(world, d, d.guard("past"))
    picked(world, d, prometheus)
    g = d.wait_state("passed", 40, "good")
    w.equal(g["verdict"], "pass", "good: passes", g["why"])
    w.ok(whole(d, "good")["weigh"]["meter"] < 1 and "evidence_meter" in reasons(d, "good"),
         "good: and says how near it was", g)
    for n in ("shared", "blip"):
        g = d.guard(n)
        w.equal((g["verdict"], router.relay.sets(n)), ("none", []), f"{n}: is left alone", g["why"])
    after = whole(d, "shared")["weigh"]
    w.ok(before and after and after["meter"] < 1, "I9 shared: the evidence went on after kill -9", (before, after))
    w.equal(pasts(d, "half"), 1, "I9 half: what one of its checks learned before the kill is stored once")
    w.equal(pasts(d, "late"), 1, "I9 late: what could not be learned before the kill was learned after it")
    d.stop()


w.need("haproxy", "setpriv")
w.run(main, 120)
