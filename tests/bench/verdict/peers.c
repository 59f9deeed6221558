/* SPDX-License-Identifier: Apache-2.0
 *
 * See peers.h. Argo Rollouts: a measurement fails when its success condition is not true, which it
 * is not for NaN; more failures of one metric than failureLimit, in all, fail the run. Flagger: a
 * check of no data fails too, failures are never taken back, and the rollback comes one look after
 * the threshold. Neither looks at the old colour. Called by main.c.
 */
#include "peers.h"

#include <math.h>

#include "scenario.h"

#define TIGHT_P99_S (1.25 * SCENARIO_P99_S)

double peer_quantile(const struct bench_head *h, const double *row, double q)
{
    double n = row[BENCH_REQUESTS], rank = q * n, below = 0, lower = 0;
    if (n <= 0)
        return NAN;
    for (uint32_t b = 0; b < h->n_bounds; b++) {
        double upto = n - row[BENCH_SLOWER + b];
        if (upto >= rank)
            return lower + (h->bounds_s[b] - lower) *
                               (upto > below ? (rank - below) / (upto - below) : 1);
        below = upto;
        lower = h->bounds_s[b];
    }
    return lower; /* beyond the last bound Prometheus gives that bound */
}

/* Counts of the `window_s` before `at_s`. */
static void add_window(const struct bench_head *h, const struct bench_series *s, double at_s,
                       double window_s, double ret[BENCH_COLUMNS_MAX])
{
    for (uint32_t c = 0; c < s->columns; c++)
        ret[c] = 0;
    for (uint32_t i = 0; i < s->polls; i++) {
        double end_s = (i + 1) * h->poll_s;
        if (end_s > at_s + 1e-6)
            break;
        if (end_s <= at_s - window_s + 1e-6)
            continue;
        for (uint32_t c = 0; c < s->columns; c++)
            ret[c] += bench_row(s, i)[c];
    }
}

static double thresholds(const struct peer *p, const struct bench_head *h,
                         const struct bench_run *r)
{
    unsigned errors = 0, slow = 0, either = 0;
    double end_s = h->polls * h->poll_s;
    for (double at_s = p->every_s; at_s <= end_s + 1e-6; at_s += p->every_s) {
        double row[BENCH_COLUMNS_MAX];
        add_window(h, &r->candidate, at_s, p->window_s, row);
        bool failing = !(1 - row[BENCH_ERRORS] / row[BENCH_REQUESTS] >= p->success);
        bool slower = !(peer_quantile(h, row, .99) <= p->p99_s);
        errors += failing;
        slow += slower;
        either += failing || slower;
        if (p->together ? either >= p->fails : errors >= p->fails || slow >= p->fails)
            return at_s + (p->late ? p->every_s : 0);
    }
    return NAN;
}

const struct peer peers[] = {
    {"argo95", thresholds, .95, .5, 300, 60, 4},
    {"argo99", thresholds, .99, .5, 300, 60, 4},
    {"argo99-10s", thresholds, .99, .5, 60, 10, 4},
    {"argo-tight", thresholds, .998, TIGHT_P99_S, 300, 60, 4},
    {"flagger99", thresholds, .99, .5, 60, 60, 5, .together = true, .late = true},
    {"flagger-tight", thresholds, .998, TIGHT_P99_S, 60, 60, 5, .together = true, .late = true},
};
const size_t n_peers = sizeof peers / sizeof *peers;
