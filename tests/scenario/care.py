#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""After a revert: users are well again only when it is proven, who pages that they are not takes it back
when they are, and a side that turns bad in aftercare is told too.

    care.py HALDANE

A rule with limits and one without; the outage begins with the revert and is on the good side as well.
"""
import os
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


def texts(d, n):
    return [e["text"] for e in d.api(f"/guards/{d.guard(n)['id']}/timeline")["items"]]


def main(world):
    router = w.Router(world, backends=list(SERVICES))
    prometheus = w.Prometheus()
    services = {}
    for n, more in SERVICES.items():
        prometheus.say(n, blue=GOOD, green=None)
        services[n] = w.service(router, n, verify=VERIFY, **more)
    d = w.Daemon(world, w.config(services, prometheus, limits="reverts_per_hour: 100, brake: 100")).start()
    d.wait_read(SERVICES)
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
        w.ok(any("of blue is at 25" in t for t in texts(d, n)), f"{n}: and by what", texts(d, n))
        prometheus.say(n, blue=GOOD)
    for n in SERVICES:
        g = w.wait(lambda: d.guard(n)["recovered_at"] and d.guard(n), 20, f"{n}: well")
        w.equal((g["state"], g["needs_human"]), ("aftercare", False), f"{n}: when they are well nobody is needed", g)
        w.ok(any("well again" in t for t in texts(d, n)), f"{n}: and it says so", texts(d, n))
        prometheus.say(n, blue=BAD)
    for n in SERVICES:
        g = w.wait(lambda: d.guard(n)["needs_human"] and d.guard(n), 30, f"{n}: paged again")
        w.ok("were well, and are NOT any more" in g["headline"], f"{n}: a side that turns bad later is told", g["headline"])
    d.stop()


w.need("haproxy", "setpriv")
w.run(main, 120)
