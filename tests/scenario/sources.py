#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Data sources that fail in every way they know, each beside a guard of its own: no pass, no
revert, one page when the check has been blind for `blind_for`, and an honest end when it heals (I1).
And a replica that takes over from one that dies.

    sources.py HALDANE
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import world as w  # noqa: E402

# fault of the source -> slug that says why the check sees nothing
FAULTS = {
    "html": "html_page",
    "503": "http_503",
    "garbage": "not_json",
    "closed": "execution",
    "truncated": "cut_short",
    "hang": "timeout",
    "slow": "timeout",
    "nan": "not_a_number",
    "empty": "no_series",
    "refuse": "cut_short",
}
QUICK = {"duration": "20s", "fail_after": "2", "blind_for": "3s"}
SEEING = {**QUICK, "blind_for": "15s"}  # whose source is not ill: this machine may pause for some seconds


def start(world):
    """One service and one source for each fault, one with a dead replica, and one that is well."""
    names = [f"s-{f}" for f in FAULTS] + ["well", "late", "replica"]
    router = w.Router(world, backends=names)
    sources = {n: w.Prometheus() for n in names}
    spare = w.Prometheus()
    for n in names:
        sources[n].say(n, blue=(50, 0), green=(50, 0))
    spare.say("replica", blue=(50, 0), green=(50, 0))
    texts = {n: f'{{type: prometheus, url: "{p.url}", timeout: 1s}}' for n, p in sources.items()}
    sources["late"].delay = 1.4  # answers, and always after the next poll is due
    texts["late"] = f'{{type: prometheus, url: "{sources["late"].url}", timeout: 4s}}'
    texts["replica"] = (f'{{type: prometheus, urls: ["{sources["replica"].url}", "{spare.url}"], '
                        "timeout: 1s}")
    services = {n: w.service(router, n, guard=QUICK, datasource=n) for n in names}
    for n in ("well", "late"):
        services[n] = w.service(router, n, guard=SEEING, datasource=n)
    services["replica"] = w.service(router, "replica", guard={**SEEING, "duration": "10m"},
                                    datasource="replica")
    alertmanager = w.Alertmanager()
    d = w.Daemon(world, w.config(services, texts, alertmanager)).start()
    d.wait_read(names)
    return d, router, sources, spare, alertmanager, names


def check_outcome(d, service):
    g = d.guard(service)
    full = d.api(f"/guards/{g['id']}")
    return full["checks"][0], [r["slug"] for r in full["reasons"]]


def blind(d, router, sources, alertmanager):
    for f in FAULTS:
        sources[f"s-{f}"].fault = f
    for n in sources:
        router.set(w.GREEN, n)
    for f, slug in FAULTS.items():
        n = f"s-{f}"
        d.wait_state("watching", 5, n)
        w.wait(lambda: d.guard(n)["needs_human"], 9, f"{f}: a page after blind_for")
        check, slugs = check_outcome(d, n)
        w.ok(slug in slugs and check["band"] == "none", f"I1 {f} is named {slug}, and is no value",
             f"{slugs} {check}")
        g = d.guard(n)
        w.equal((g["state"], g["verdict"], g["headline"]),
                ("watching", "none", "Watching green (from blue), blind - look"),
                f"I1 {f}: blind, neither passed nor failed")
    w.ok(not d.guard("well")["needs_human"], "a guard whose source is well is not touched by it")
    w.wait(lambda: check_outcome(d, "late")[0]["band"] == "pass", 9, "a source slower than the polls is seen")
    w.ok(not d.guard("late")["needs_human"], "a source slower than the polls is seen all the same")


def heal(d, router, sources, alertmanager):
    """Half of the sources heal in time, half never do."""
    healed = [f for i, f in enumerate(FAULTS) if i % 2 == 0]
    for f in healed:
        sources[f"s-{f}"].fault = None
    for f in healed:
        w.wait(lambda: not d.guard(f"s-{f}")["needs_human"], 6, f"{f} healed: the page is taken back")
    w.ok(True, "a source that heals takes its page back")
    for f in FAULTS:
        g = d.wait_state("passed inconclusive", 24, f"s-{f}")
        if f in healed:
            w.ok(g["state"] == "passed" or "observed in" in g["why"],
                 f"I1 {f} healed: passes, or says how little was observed", g["why"])
        else:
            w.equal((g["state"], g["needs_human"]), ("inconclusive", True),
                    f"I1 {f} to the end is no pass", g["why"])
        pages = [a for a in alertmanager.pages(f"s-{f}") if "endsAt" not in a or
                 a["endsAt"] > a["startsAt"]]
        w.ok(1 <= len({a["startsAt"] for a in pages}) <= (1 if f in healed else 2),
             f"{f}: paged once for being blind, and once more only for its end", pages)
    for n in ("well", "late"):
        w.equal(d.wait_state("passed", 8, n)["verdict"], "pass", f"the guard that was {n} passes")
    w.equal(router.relay.sets(), [], "no source's silence moved any traffic")


def replica(d, router, sources, spare):
    """The first replica falls ill, then dies, while the second answers all the time; the release
    turns bad after that."""
    first = sources["replica"]
    for fault in ("closed", "503", "html", "hang"):
        first.fault = fault
        asked = spare.asked
        w.wait(lambda: spare.asked > asked + 2, 6, f"the second replica is asked: {fault}")
        spare.fault, first.fault = "503", None  # and back to the first
        asked = first.asked
        w.wait(lambda: first.asked > asked + 2, 6, f"the first replica is asked again: {fault}")
        spare.fault = None
    w.ok(True, "a replica that is being stopped, or answers 503, a web page or nothing, hands over to the other")
    first.fault = "refuse"
    first.server.shutdown()
    first.server.server_close()
    asked = spare.asked
    w.wait(lambda: spare.asked > asked + 2, 6, "the second replica is asked")
    g = d.guard("replica")
    w.equal((g["state"], g["needs_human"]), ("watching", False), "nobody is paged for one replica")
    spare.say("replica", green=(25, 25))
    g = d.wait_state("reverted", 15, "replica")
    w.equal((g["verdict"], router.weights("replica")), ("fail", w.BLUE),
            "the second replica's evidence takes the release back")
    w.equal(len(router.relay.sets("replica")), 2, "by exactly one change")


def main(world):
    d, router, sources, spare, alertmanager, names = start(world)
    blind(d, router, sources, alertmanager)
    heal(d, router, sources, alertmanager)
    replica(d, router, sources, spare)
    d.stop()


w.need("haproxy", "setpriv")
w.run(main, 85)
