# SPDX-License-Identifier: Apache-2.0
"""What verdict-bench is expected to show: each target is a set of cells, a figure over them and the
most (or least) it may be. Figures of a share carry how many runs they are from."""
from cells import cell

OURS, PROBE, HEALTHY = "haldane", "haldane+probe", "haldane-healthy"
PEERS = ("argo95", "argo99", "argo99-10s", "argo-tight", "flagger99", "flagger-tight", "kayenta")
MODES, RATES = ("canary", "guard"), (.1, 1, 10, 100, 1000)
BB, AR, DAY = "overdispersed bb", "overdispersed AR", "diurnal drift"
BLIP5, BLIP50, COLD = "blip 20s 5%", "blip 20s 50%", "cold start 20s (5%, lat x3)"
OUT_ERR, OUT_LAT = "outage both +5% 20min", "outage both lat x2 20min"
E02, E1, E5, E50, P2 = "err .1->.2%", "err .1->1%", "err .1->5%", "err .1->50%", "p99 x2"
LATE1, LATE50, RAMP = "late .1->1% @30min", "late .1->50% @30min", "slow ramp .1->2%/1h"
FALSE = ("healthy", BB, AR, DAY, BLIP5, BLIP50, COLD)
ALT = (E02, E1, E5, E50, "p99 +10%", "p99 +50%", P2, RAMP, LATE1, LATE50, "err .1->1% overdisp bb",
       "err .1->1% overdisp AR")


def at(scenarios, modes=MODES, rps=100, poll=10, scrape=0):
    return [cell(s, m, rps, poll, scrape) for s in scenarios for m in modes]


def pooled(b, cells, rule=OURS):
    scores = [b.score(c, rule) for c in cells]
    return sum(s.acted for s in scores) / sum(s.runs for s in scores)


def worst(b, cells, rule=OURS):
    return max(b.score(c, rule).false() for c in cells)


def mean(b, cells, rule=OURS):
    return sum(b.score(c, rule).false() for c in cells) / len(cells)


def slowest(q):
    return lambda b, cells, rule=OURS: max(b.score(c, rule).quantile(q) or float("inf") for c in cells)


def missed(b, cells, rule=OURS):
    return max(b.score(c, rule).missed() for c in cells)


def middle(b, cells, rule=OURS):
    """Median of the medians; what was not found counts as never."""
    all_of = sorted(b.score(c, rule).quantile(.5) or float("inf") for c in cells)
    return all_of[len(all_of) // 2]


def found(b, cells, rule=OURS):
    return sum(1 - b.score(c, rule).missed() for c in cells) / len(cells)


def wrong(b, cells, rule=HEALTHY):
    return max(b.score(c, rule).acted / b.score(c, rule).runs for c in cells)


MEDIAN, P95 = slowest(.5), slowest(.95)
STRONG = [c for r in (100, 1000) for c in at((E5, E50, P2), rps=r)]
HEADLINE_KEEP = at(FALSE) + at((OUT_ERR, OUT_LAT), ("canary",))
HEADLINE_FIND = at(ALT) + at((E02, E1, E5, E50, P2), rps=1000)
G, C = ("guard",), ("canary",)

# number, what, cells, runs, [(name, figure, rule, unit, most; least when negative)]
TARGETS = [
    (1, "healthy, all traffic, both", at(("healthy",)), 10000, [("false", pooled, OURS, "%", .02)]),
    (1, "healthy at other rates", [c for r in (.1, 1, 10, 1000) for c in at(("healthy",), rps=r)], 1000,
     [("false", pooled, OURS, "%", .02)]),
    (2, "bursts, waves, day: 100 and 1000 rps", [c for r in (100, 1000) for c in at((BB, AR, DAY), rps=r)], 1000,
     [("worst cell", worst, OURS, "%", .3), ("mean", mean, OURS, "%", .05)]),
    (3, "blip 20 s of 5 %", at((BLIP5,)), 1000, [("false", worst, OURS, "%", .5)]),
    (3, "blip 20 s of 50 %", at((BLIP50,)), 1000, [("false", worst, OURS, "%", 1.5)]),
    (3, "cold start", at((COLD,)), 1000, [("false", worst, OURS, "%", .1)]),
    (4, "shared outage, canary", at((OUT_ERR, OUT_LAT), C), 1000, [("false", worst, OURS, "%", .1)]),
    (4, "shared outage, guard with hold-back", at((OUT_ERR, OUT_LAT), G), 1000, [("false", worst, PROBE, "%", 1)]),
    (5, "5 %, 50 % errors, p99 x2, from 100 rps", STRONG, 1000,
     [("median", MEDIAN, OURS, "s", 40), ("p95", P95, OURS, "s", 50), ("missed", missed, OURS, "%", 0)]),
    (6, "1 % errors: guard 100 rps", at((E1,), G), 1000, [("median", MEDIAN, OURS, "s", 40)]),
    (6, "1 % errors: canary 100 rps", at((E1,), C), 1000, [("median", MEDIAN, OURS, "s", 120)]),
    (6, "1 % errors: canary 1000 rps", at((E1,), C, 1000), 1000, [("median", MEDIAN, OURS, "s", 40)]),
    (7, "50 % after 30 min", at((LATE50,)), 1000, [("median", MEDIAN, OURS, "s", 40)]),
    (7, "1 % after 30 min: guard", at((LATE1,), G), 1000, [("median", MEDIAN, OURS, "s", 60)]),
    (7, "1 % after 30 min: canary", at((LATE1,), C), 1000, [("median", MEDIAN, OURS, "s", 170)]),
    (8, "0.2 % errors, 1000 rps: guard", at((E02,), G, 1000), 1000, [("median", MEDIAN, OURS, "s", 120)]),
    (8, "0.2 % errors, 1000 rps: canary", at((E02,), C, 1000), 1000, [("median", MEDIAN, OURS, "s", 540)]),
    (9, "ramp to 2 %: guard", at((RAMP,), G), 1000, [("median", MEDIAN, OURS, "s", 500)]),
    (9, "ramp to 2 %: canary", at((RAMP,), C), 1000, [("median", MEDIAN, OURS, "s", 860)]),
    (10, "guard 0.1 rps, 50 % errors", at((E50,), G, .1), 1000, [("median", MEDIAN, OURS, "s", 80)]),
    (10, "guard 1 rps, 5 % errors", at((E5,), G, 1), 1000, [("median", MEDIAN, OURS, "s", 120)]),
    (11, "proof of health, 100 rps: guard", at(("healthy",), G), 500, [("median", MEDIAN, HEALTHY, "s", 70)]),
    (11, "proof of health, 100 rps: canary", at(("healthy",), C), 500, [("median", MEDIAN, HEALTHY, "s", 450)]),
    (11, "wrong proofs of 1 % errors and p99 x2", at((E1, P2)), 500, [("wrong", wrong, HEALTHY, "%", 0)]),
    (12, "all keep cells at 100 rps (guard outages apart)", HEADLINE_KEEP, 1000, [("mean false", mean, OURS, "%", .15)]),
    (12, "all faults, also those below the tolerance", HEADLINE_FIND, 1000,
     [("found", found, OURS, "%", -93), ("median", middle, OURS, "s", 40)]),
]
for peer, times in (("argo99", 6), ("flagger99", 9), ("kayenta", 15)):
    TARGETS.append((13, f"#5 by {peer}: so many times slower", at((E5, E50), MODES), 1000,
                    [("times", lambda b, cells, rule: middle(b, cells, rule) / middle(b, cells), peer, "x", -times)]))
    TARGETS.append((13, f"mean false rate of {peer}, less ours", HEADLINE_KEEP, 1000,
                    [("points", lambda b, cells, rule: mean(b, cells, rule) - mean(b, cells), peer, "%", -1e-9)]))
for scrape, k in ((1, 0), (5, 1), (15, 2)):
    def s(scenarios, modes=MODES, scrape=scrape):
        return at(scenarios, modes, 100, 5, scrape)
    TARGETS += [
        (15, f"healthy, scrapes {scrape} s", s(("healthy",)), 4000, [("worst cell", worst, OURS, "%", .05)]),
        (16, f"bursts, waves, canary outage, scrapes {scrape} s", s((BB, AR)) + s((OUT_ERR,), C), 2000,
         [("worst cell", worst, OURS, "%", (.4, .4, .3)[k])]),
        (17, f"blip of 5 %, scrapes {scrape} s", s((BLIP5,)), 2000, [("worst cell", worst, OURS, "%", .5)]),
        (17, f"cold start, scrapes {scrape} s", s((COLD,)), 2000, [("worst cell", worst, OURS, "%", .2)]),
        (18, f"blip of 50 %, canary, scrapes {scrape} s", s((BLIP50,), C), 2000, [("false", worst, OURS, "%", 1.5)]),
        (18, f"blip of 50 %, guard, scrapes {scrape} s", s((BLIP50,), G), 2000, [("false", worst, OURS, "%", .2)]),
        (19, f"guard 5 %, 50 %, p99 x2, scrapes {scrape} s", s((E5, E50, P2), G), 500,
         [("median", MEDIAN, OURS, "s", (35, 35, 50)[k]), ("p95", P95, OURS, "s", (40, 40, 60)[k])]),
        (20, f"canary 50 %, p99 x2, scrapes {scrape} s", s((E50, P2), C), 500,
         [("median", MEDIAN, OURS, "s", (35, 35, 55)[k]), ("p95", P95, OURS, "s", (45, 50, 70)[k])]),
        (21, f"canary 5 %, scrapes {scrape} s", s((E5,), C), 500,
         [("median", MEDIAN, OURS, "s", (40, 40, 60)[k]), ("p95", P95, OURS, "s", (70, 70, 90)[k])]),
        (22, f"1 % errors: guard, scrapes {scrape} s", s((E1,), G), 500, [("median", MEDIAN, OURS, "s", (45, 45, 65)[k])]),
        (22, f"1 % errors: canary, scrapes {scrape} s", s((E1,), C), 500, [("median", MEDIAN, OURS, "s", (125, 130, 150)[k])]),
        (23, f"missed in 19 to 22, scrapes {scrape} s", s((E1, E5, E50, P2)), 500, [("missed", missed, OURS, "%", 0)]),
    ]
TARGETS.sort(key=lambda t: t[0])
