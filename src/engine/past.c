/* SPDX-License-Identifier: Apache-2.0
 *
 * See past.h. Walks the arrays it is given, allocates nothing. Called by pipeline/, and by what
 * replays histories: backtest and verdict-bench.
 */
#include "engine/past.h"

#include <math.h>

#include "engine/stream.h"

#define STEPS_MIN 60         /* an hour of minutes, or five minutes of polls */
#define BLOCK_MS 600000      /* level shifts are looked for between blocks of 10 minutes */
#define LONG_STEP_MS 60000
#define LONG_BLOCK_MS 4800000 /* with longer steps: little traffic, so that few fall in a block */
#define QUANTILE 0.9         /* of a gauge: what is usual */

struct seq_arm past_step(const struct hd_check *c, const struct hd_measurement *m)
{
    struct stream_shape shape = stream_shape(c);
    if (!poll_usable(c, m))
        return (struct seq_arm){0, 0};
    if (c->query.kind == HD_QUERY_GAUGE)
        return (struct seq_arm){m->value, 1};
    if (c->query.kind == HD_QUERY_RATE)
        return (struct seq_arm){m->exposure, (double)m->covers_ms * 1000};
    double events = m->events < m->exposure ? m->events : m->exposure;
    return (struct seq_arm){shape.flip ? m->exposure - events : events, m->exposure};
}

/* The smallest value that `share` of the seen steps do not exceed, by bisection. */
static double quantile(const struct history *h, double share)
{
    double low = INFINITY, high = -INFINITY, n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (!(h->exposure[i] > 0))
            continue;
        low = h->events[i] < low ? h->events[i] : low;
        high = h->events[i] > high ? h->events[i] : high;
        n++;
    }
    for (int step = 0; step < 60 && low < high; step++) {
        double middle = low + (high - low) / 2, below = 0;
        for (size_t i = 0; i < h->n; i++)
            below += h->exposure[i] > 0 && h->events[i] <= middle;
        if (below >= share * n)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* How often a step was bad, after a good one and after a bad one. */
static void learn_gauge(const struct hd_check *c, const struct history *h, struct hd_past *ret)
{
    struct stream_shape shape = stream_shape(c);
    bool last = false, known = false;
    double usual = quantile(h, shape.low ? 1 - QUANTILE : QUANTILE);
    ret->limit = isfinite(shape.limit) ? shape.limit : usual * shape.ratio;
    for (size_t i = 0; i < h->n; i++) {
        if (!(h->exposure[i] > 0))
            continue;
        bool bad = shape.low ? h->events[i] < ret->limit : h->events[i] > ret->limit;
        if (known) {
            ret->polls[last]++;
            ret->bad[last] += bad;
        }
        last = bad;
        known = true;
    }
}

bool past_learn(const struct hd_policy *p, uint32_t check, const struct history *h,
                int64_t step_ms, struct hd_past *ret)
{
    const struct hd_check *c = &p->checks[check];
    struct hd_past past = {.check = (uint8_t)check, .step_ms = step_ms, .limit = NAN};
    size_t seen = 0;
    for (size_t i = 0; i < h->n; i++)
        seen += h->exposure[i] > 0;
    if (seen < STEPS_MIN || step_ms <= 0)
        return false;
    if (c->query.kind == HD_QUERY_GAUGE) {
        learn_gauge(c, h, &past);
    } else {
        size_t block = step_ms <= LONG_STEP_MS ? (size_t)(BLOCK_MS / step_ms)
                                               : (size_t)(LONG_BLOCK_MS / step_ms);
        struct past learned = dispersion_learn(h, dispersion_rho(h), block);
        past.rho = learned.rho;
        past.between = learned.between;
        past.events = learned.events;
        past.exposure = learned.exposure;
    }
    *ret = past;
    return true;
}

size_t past_pick_bounds(const struct history *h, size_t n, size_t ret[3])
{
    static const double target[3] = {0.30, 0.05, 0.005};
    size_t picked = 0;
    for (size_t k = 0; k < 3 && n; k++) {
        size_t best = 0;
        double nearest = INFINITY;
        for (size_t i = 0; i < n; i++) {
            double events = 0, exposure = 0;
            for (size_t j = 0; j < h[i].n; j++) {
                events += h[i].events[j];
                exposure += h[i].exposure[j];
            }
            double share = exposure > 0 ? events / exposure : 0;
            double off = fabs(log(share > 1e-9 ? share : 1e-9) - log(target[k]));
            if (off < nearest) {
                nearest = off;
                best = i;
            }
        }
        bool again = false;
        for (size_t j = 0; j < picked; j++)
            again |= ret[j] == best;
        if (!again)
            ret[picked++] = best;
    }
    return picked;
}
