#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: smoke.py VERDICT_BENCH

Twenty runs of a few cells of verdict-bench, with seed 1: does every rule still decide about as it
should? The full set is tests/bench/verdict/run. TAP.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from cells import Bench, cell, wilson  # noqa: E402
from tap import Tap  # noqa: E402

RUNS = 20
# cell, rule, least and most runs that end, most seconds of the median
WANT = (
    (cell("healthy", "canary"), "haldane", 0, 0, None),
    (cell("healthy", "guard", 100, 5, 15), "haldane", 0, 0, None),
    (cell("overdispersed AR", "guard", 1000), "haldane", 0, 0, None),
    (cell("blip 20s 5%", "guard", 100, 5, 5), "haldane", 0, 0, None),
    (cell("outage both +5% 20min", "canary"), "haldane", 0, 0, None),
    (cell("outage both +5% 20min", "canary"), "argo99", RUNS, RUNS, 1500),
    (cell("outage both +5% 20min", "guard"), "haldane+probe", 0, 1, None),
    (cell("err .1->5%", "canary"), "haldane", RUNS, RUNS, 50),
    (cell("err .1->5%", "canary"), "argo99", RUNS, RUNS, 240),
    (cell("err .1->5%", "canary"), "flagger99", RUNS, RUNS, 360),
    (cell("err .1->5%", "canary"), "kayenta", RUNS, RUNS, 600),
    (cell("p99 x2", "guard", 100, 5, 15), "haldane", RUNS, RUNS, 55),
    (cell("p99 x2", "guard", 100, 5, 15), "argo99", 0, 0, None),
    (cell("err .1->1%", "guard", 1000), "haldane", RUNS, RUNS, 50),
)


def main():
    tap = Tap()
    rules = {}
    for c, rule, *_ in WANT:
        rules.setdefault(c, set()).add(rule)
    bench = Bench(sys.argv[1], 1, RUNS)
    bench.run({c: RUNS for c in rules}, {c: sorted(r) for c, r in rules.items()})
    for c, rule, least, most, median in WANT:
        s = bench.score(c, rule)
        good = s.runs == RUNS and least <= s.acted <= most and (median is None or s.quantile(.5) <= median)
        tap.point(good, f"{rule}: {' '.join(map(str, c))}", f"{s.acted} of {s.runs} ended, median {s.quantile(.5)}")
    low, high = wilson(0, 1000)
    tap.point(low == 0 and .0037 < high < .0039, "0 of 1000 is less than 0.4 %", f"{low} {high}")
    return tap.done()


sys.exit(main())
