#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""After a revert: users are well again only when it is proven, who pages that they are not takes it back
when they are, and a side that turns bad in aftercare is told too. After an advice: that nothing watches is
said by a drill and by who ends a hold, and the notice ends when a human has moved the traffic away.

    care.py HALDANE

A rule with limits and one without; the outage begins with the revert and is on the good side as well.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

GOOD, BAD = (199, 1), (150, 50)
VERIFY = {"recover_within": "7s", "aftercare": "10m"}
SERVICES = {
    "limit": {"checks": "[{use: http-5xx-ratio, with: {job: limit}, max: 5%}]"},
    "past": {"checks": "[{use: http-5xx-ratio, with: {job: past}}]",
             "guard": {"rule": "sequential", "ignore_blips": "3s"}},
}
LEFT = {
    "left": {"checks": "[{use: http-5xx-ratio, with: {job: left}, max: 5%}, {use: http-5xx-ratio, name: extra, "
                       "with: {job: left}, max: 5%, advisory: true}]"},
    "seen": {"mode": "advise"},
}


def texts(d, n):
    return [e["text"] for e in d.api(f"/guards/{d.guard(n)['id']}/timeline")["items"]]


def advised(world, d, router, prometheus):
    def cli(*words):
        done = subprocess.run([world.binary, *words, "-c", d.file], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    cli("hold", "left", "--for", "10m", "--reason", "freeze")
    for n in LEFT:
        prometheus.say(n, green=BAD)
        router.set(w.GREEN, n)
    for n in LEFT:
        g = d.wait_state("advised", 20, n)
        w.ok(g["needs_human"] and g["headline"].endswith(" - act now"), f"{n}: who does not act calls", g["headline"])
    left = f"guard {d.guard('left')['id']} already ended advised, and green still has traffic; revert by hand: haldane revert left"
    said = cli("release", "left")
    w.ok(left in said, "left: a hold that ends brings no guard back, and says so", said)
    w.ok(left in " ".join(r["text"] for r in d.rows("SELECT text FROM event WHERE service = 'left'")), "left: also in the journal")
    said = cli("drill", "left")
    w.ok("act     NO" in said and "nothing watches it now: " + left in said, "left: so does a drill", said)
    w.ok("will not be taken back by extra (advisory)" in said, "left: and which check would not do it", said)
    cli("ack", d.guard("seen")["id"])
    g = d.guard("seen")
    w.ok("act now" not in g["headline"] and "; acknowledged by " in g["headline"], "seen: headline and banner agree", g["headline"])
    router.set(w.BLUE, "left")
    w.wait(lambda: not d.guards("left")[-1]["needs_human"], 8, "the notice of what was left ends with its traffic")
    g = d.guards("left")[-1]
    w.ok(g["state"] == "advised" and "act now" not in g["headline"], "left: moved away by hand, nobody is needed", g)
    w.ok("Settled: green has no traffic any more" in
         " ".join(r["headline"] for r in d.rows("SELECT headline FROM event WHERE service = 'left'")), "left: and why")


def seen(d, n, g):
    """What users got after the revert is kept and drawn, and judged by no replay."""
    items = d.api(f"/guards/{g['id']}/evidence")["items"]
    after = [e for e in items if e["aftercare"]]
    w.ok(len(after) > 3 and items[-len(after):] == after and after[-1]["at"] > g["verified_at"],
         f"{n}: polls of aftercare are evidence to look at", str([e["at"] for e in after]))
    w.equal([e["poll"] for e in after], list(range(1, len(after) + 1)), f"{n}: numbered from one")
    status, svg = d.get(f"/api/v1/guards/{g['id']}/chart.svg?check=http-5xx-ratio")
    w.ok(status == 200 and ">R<" in svg, f"{n}: a chart marks when users were well", svg[:300])
    done = subprocess.run([d.world.binary, "replay", g["id"], "-c", d.file], capture_output=True, text=True, timeout=20)
    w.equal(done.returncode, 0, f"{n}: a replay says the same", done.stdout + done.stderr)


def main(world):
    router = w.Router(world, backends=list(SERVICES) + list(LEFT))
    prometheus = w.Prometheus()
    services = {}
    for n, more in SERVICES.items():
        prometheus.say(n, blue=GOOD, green=None)
        services[n] = w.service(router, n, verify=VERIFY, **more)
    for n, more in LEFT.items():
        prometheus.say(n, blue=GOOD, green=None)
        services[n] = w.service(router, n, **more)
    d = w.Daemon(world, w.config(services, prometheus, limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(services)
    advised(world, d, router, prometheus)
    for n in SERVICES:
        prometheus.say(n, blue=None, green=GOOD)
        router.set(w.GREEN, n)
    for n in SERVICES:
        d.wait_state("watching", 10, n)
    w.wait(lambda: d.rows("SELECT count(*) AS n FROM evidence WHERE after = 0 AND poll > 5")[0]["n"], 20, "the past")
    for n in SERVICES:
        prometheus.say(n, green=BAD)
    for n in SERVICES:
        d.wait_state("aftercare", 40, n)
        prometheus.say(n, green=None, blue=BAD)  # what both share is down
    for n in SERVICES:
        g = w.wait(lambda: d.guard(n)["needs_human"] and d.guard(n), 20, f"{n}: paged")
        w.equal((g["state"], g["recovered_at"]), ("aftercare", None), f"{n}: users that get errors have not recovered", g)
        w.ok("NOT recovered - act now" in g["headline"], f"{n}: it says so", g["headline"])
        w.equal([r["native"] for r in d.rows("SELECT native FROM event WHERE guard = ? AND severity = 2", g["id"])], [None],
                f"{n}: and gives no command that would move the traffic to where it is")
        w.ok(any("of blue is at 25" in t for t in texts(d, n)), f"{n}: and by what", texts(d, n))
        prometheus.say(n, blue=GOOD)
    for n in SERVICES:
        g = w.wait(lambda: d.guard(n)["recovered_at"] and d.guard(n), 20, f"{n}: well")
        w.equal((g["state"], g["needs_human"]), ("aftercare", False), f"{n}: when they are well nobody is needed", g)
        w.ok(any("well again" in t for t in texts(d, n)), f"{n}: and it says so", texts(d, n))
        seen(d, n, g)
        prometheus.say(n, blue=BAD)
    for n in SERVICES:
        g = w.wait(lambda: d.guard(n)["needs_human"] and d.guard(n), 30, f"{n}: paged again")
        w.ok("were well, and are NOT any more" in g["headline"], f"{n}: a side that turns bad later is told", g["headline"])
    d.stop()


w.need("haproxy", "setpriv")
w.run(main, 120)
