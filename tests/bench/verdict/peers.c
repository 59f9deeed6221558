/* SPDX-License-Identifier: Apache-2.0
 *
 * See peers.h. Argo Rollouts: a measurement fails when its success condition is not true, which it
 * is not for NaN; more failures of one metric than failureLimit, in all, fail the run. Flagger: a
 * check of no data fails too, failures are never taken back, and the rollback comes one look after
 * the threshold. Neither looks at the old colour. Kayenta: every ten minutes its judge compares all
 * points so far, of one minute each, of the share of errors and the p99 with those of the old
 * colour (in a guard: as many just before the switch); one metric High of two scores 50 and fails.
 * Its judge is the engine's own. Called by main.c.
 */
#include "peers.h"

#include <math.h>

#include "base/arena.h"
#include "engine/kayenta.h"
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
            return lower +
                   (h->bounds_s[b] - lower) * (upto > below ? (rank - below) / (upto - below) : 1);
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

/* --- Kayenta --- */

#define POINTS_MAX 1440 /* a day of minutes */
#define POINT_S 60.

/* Points of one minute (or of one poll that is longer): share of errors, and p99. */
static size_t points_of(const struct bench_head *h, const struct bench_series *s, double poll_s,
                        double errors[POINTS_MAX], double p99[POINTS_MAX])
{
    uint32_t step = poll_s < POINT_S ? (uint32_t)(POINT_S / poll_s) : 1;
    size_t n = 0;
    for (uint32_t i = 0; i + step <= s->polls && n < POINTS_MAX; i += step, n++) {
        double row[BENCH_COLUMNS_MAX] = {0};
        for (uint32_t k = 0; k < step; k++) {
            for (uint32_t c = 0; c < s->columns; c++)
                row[c] += bench_row(s, i + k)[c];
        }
        errors[n] = row[BENCH_ERRORS] / row[BENCH_REQUESTS];
        p99[n] = peer_quantile(h, row, .99);
    }
    return n;
}

static bool is_high(const double *control, const double *experiment, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct kayenta_options o = kayenta_options_default(false);
    struct kayenta_result r;
    struct hd_error err;
    o.direction = KAYENTA_INCREASE;
    return !kayenta_judge(a, &o, false, (struct samples){control, n},
                          (struct samples){experiment, n}, &r, &err) &&
           r.label == KAYENTA_HIGH;
}

static double kayenta(const struct peer *p, const struct bench_head *h, const struct bench_run *r)
{
    double new[2][POINTS_MAX], old[2][POINTS_MAX];
    const struct bench_series *control = h->guard ? &r->history : &r->stable;
    double control_s = h->guard ? h->history_poll_s : h->poll_s;
    size_t n = points_of(h, &r->candidate, h->poll_s, new[0], new[1]);
    size_t n_old = points_of(h, control, control_s, old[0], old[1]);
    size_t every = (size_t)(p->every_s / POINT_S);
    for (size_t at = every; at <= n; at += every) {
        size_t from = h->guard ? n_old - at : 0; /* just before the switch */
        if (at > n_old)
            break;
        if (is_high(old[0] + from, new[0], at) || is_high(old[1] + from, new[1], at))
            return (double)at * POINT_S;
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
    {"kayenta", kayenta, .every_s = 600},
};
const size_t n_peers = sizeof peers / sizeof *peers;
