# SPDX-License-Identifier: Apache-2.0
"""Equal footing: the best threshold rule that somebody could have picked who knew the fault, beside ours.

A member of the oracle's family (oracle.h) may stand for a kind of traffic if it rolls back at most
1 % of the healthy releases there, and of those with one blip of 5 % errors between the fifth minute
and the fiftieth. Of these the one that finds a fault soonest is shown, chosen anew for every fault, on
the very runs it is shown for. A second one may not take back a cold start either: the first looks at
a window that only begins to fill, and the blip never comes then."""
from cells import cell

OURS, ORACLE = "haldane", "oracle"
TRAFFIC = (("canary", 10), ("canary", 100), ("canary", 1000), ("guard", 1), ("guard", 10), ("guard", 100), ("guard", 1000))
FAULTS = ("err .1->.2%", "err .1->1%", "err .1->5%", "err .1->50%", "p99 +50%", "p99 x2")
HEALTHY, BLIP, COLD, BLIP50 = "healthy", "blip 20s 5%", "cold start 20s (5%, lat x3)", "blip 20s 50%"
OUTAGE = {"err": "outage both +5% 20min", "p99": "outage both lat x2 20min"}
FALSE_MAX, FOUND_MIN = .01, .95
RUNS = 200


def cells():
    for mode, rps in TRAFFIC:
        for scenario in (HEALTHY, BLIP, COLD, BLIP50, *OUTAGE.values(), *FAULTS):
            yield cell(scenario, mode, rps)


def members(bench, fault):
    prefix = f"{ORACLE} {'p99' if fault.startswith('p99') else 'errors'}>"
    return dict.fromkeys(m for rules in bench.parts.values() for m in rules if m.startswith(prefix))


def best(bench, fault, mode, rps, survives):
    """The member that finds the fault soonest of those allowed; None: no such member finds it."""
    found = []
    for m in members(bench, fault):
        if any(bench.score(cell(k, mode, rps), m).false() > FALSE_MAX for k in survives):
            continue
        s = bench.score(cell(fault, mode, rps), m)
        if s.missed() <= 1 - FOUND_MIN:
            found.append((s.quantile(.5), s.quantile(.95), m))
    return min(found)[2] if found else None


def delays(s):
    if not s.found:
        return "miss"
    text = f"{s.quantile(.5):.0f}/{s.quantile(.95):.0f}"
    return text + (f" ({100 * (1 - s.missed()):.0f} %)" if s.missed() > .005 else "")


def print_footing(bench):
    rules = [OURS, ORACLE]
    bench.run(dict.fromkeys(cells(), RUNS), dict.fromkeys(cells(), rules))
    print("| traffic | fault | best threshold | and no cold start | haldane | "
          "false: best threshold | and no cold start | haldane |\n|---|---|---|---|---|---|---|---|")
    for mode, rps in TRAFFIC:
        for fault in FAULTS:
            print_row(bench, mode, rps, fault)
    print(f"\nDelays: median/p95 in s (found, if under 99.5 %), {bench.score(next(cells()), OURS).runs} runs a cell. false: "
          "% rolled back of cold starts / blips of 50 % / shared outages.\nA threshold may roll back 1 % of healthy releases and of "
          "those with a blip of 5 %, and finds 95 % of the fault; -: none of its family does.")


def print_row(bench, mode, rps, fault):
    def entry(rule):
        return delays(bench.score(cell(fault, mode, rps), rule)) if rule else "-"

    def false(rule):
        keep = (COLD, BLIP50, OUTAGE[fault[:3]])
        return "/".join(f"{100 * bench.score(cell(k, mode, rps), rule).false():.0f}" for k in keep) if rule else ""

    def named(rule):
        return entry(rule) + (f": {rule[len(ORACLE) + 1:]}" if rule else "")

    soonest = best(bench, fault, mode, rps, (HEALTHY, BLIP))
    robust = best(bench, fault, mode, rps, (HEALTHY, BLIP, COLD))
    print(f"| {mode} {rps:g} rps | {fault} | {named(soonest)} | {named(robust)} | {entry(OURS)} | "
          f"{false(soonest)} | {false(robust)} | {false(OURS)} |")
