/* SPDX-License-Identifier: Apache-2.0
 *
 * See means.h. Each colour has its own noise. Called by generate.c and metrics.c.
 */
#include "means.h"

#include <math.h>

#include "base/arena.h"

#define SHOCK_S 10. /* one beta-binomial shock */
#define SHOCK_RHO .001
#define SHOCK_SLOWER .10 /* deviation of the logarithm */
#define WAVE_S 60.       /* correlation time */
#define WAVE_ERRORS .5   /* deviations of the logarithms */
#define WAVE_SLOWER .05

const double means_bounds_s[MEANS_BOUNDS] = {.025, .05, .1, .25, .5, 1};

/* --- noise --- */

struct noise {
    int kind;
    struct rng *rng;
    double shock_until_s, errors, slower; /* BURSTS: of the shock that lasts */
    bool begun;                           /* WAVES */
    double wave_errors, wave_slower;
};

/* The shock that begins with this step draws the share of its whole time from the truth of now. */
static void burst(struct noise *n, double at_s, const struct scenario_truth *t)
{
    if (at_s < n->shock_until_s)
        return;
    double most = 1 / SHOCK_RHO - 1;
    n->errors = rng_beta(n->rng, fmax(t->errors * most, 1e-9), fmax((1 - t->errors) * most, 1e-9));
    n->slower = exp(SHOCK_SLOWER * rng_normal(n->rng));
    n->shock_until_s = at_s + SHOCK_S;
}

static void wave(struct noise *n, double step_s)
{
    double keep = n->begun ? exp(-step_s / WAVE_S) : 0, add = sqrt(1 - keep * keep);
    n->begun = true;
    n->wave_errors = keep * n->wave_errors + add * rng_normal(n->rng);
    n->wave_slower = keep * n->wave_slower + add * rng_normal(n->rng);
}

static void disturb(struct noise *n, double at_s, double step_s, struct scenario_truth *t)
{
    if (n->kind == BURSTS) {
        burst(n, at_s, t);
        t->errors = n->errors;
        t->slower *= n->slower;
    } else if (n->kind == WAVES) {
        wave(n, step_s);
        t->errors *= exp(WAVE_ERRORS * n->wave_errors - WAVE_ERRORS * WAVE_ERRORS / 2);
        t->errors = fmin(t->errors, 1);
        t->slower *= exp(WAVE_SLOWER * n->wave_slower);
    }
}

/* --- means per step --- */

/* Share of requests in each latency bucket. */
static void bucket_shares(double slower, double ret[MEANS_BUCKETS])
{
    double left = 1;
    for (int b = 0; b < MEANS_BOUNDS; b++) {
        double z = (log(means_bounds_s[b]) - log(SCENARIO_MEDIAN_S * slower)) / SCENARIO_SIGMA;
        double over = .5 * erfc(z / M_SQRT2);
        ret[b] = left - over;
        left = over;
    }
    ret[MEANS_BOUNDS] = left;
}

struct means means_of(struct hd_arena *a, const struct arm *arm, struct rng *r, double first_s,
                      double last_s, double step_s)
{
    struct means m = {first_s, step_s, (size_t)((last_s - first_s) / step_s + .5), NULL};
    struct noise noise = {.kind = arm->noise, .rng = r, .shock_until_s = first_s};
    double share[MEANS_BUCKETS], of = -1;
    m.upto = arena_many(a, (m.steps + 1) * MEANS_CELLS, double);
    for (size_t i = 0; i < m.steps; i++) {
        double at_s = first_s + (double)i * step_s;
        struct scenario_truth t =
            scenario_truth(arm->scenario, arm->draw, arm->new_version, at_s, step_s);
        disturb(&noise, at_s, step_s, &t);
        if (t.slower > of || t.slower < of)
            bucket_shares(of = t.slower, share);
        double n = (at_s < 0 ? arm->rps_before : arm->rps) * t.traffic * step_s;
        double *now = m.upto + i * MEANS_CELLS, *next = now + MEANS_CELLS;
        for (int b = 0; b < MEANS_BUCKETS; b++) {
            next[b] = now[b] + n * t.errors * share[b];
            next[MEANS_BUCKETS + b] = now[MEANS_BUCKETS + b] + n * (1 - t.errors) * share[b];
        }
    }
    return m;
}

void means_add(const struct means *m, double at_s, double weight, double to[MEANS_CELLS])
{
    double steps = fmax((at_s - m->first_s) / m->step_s, 0);
    size_t whole = steps < (double)m->steps ? (size_t)steps : m->steps;
    double part = whole < m->steps ? steps - (double)whole : 0;
    const double *now = m->upto + whole * MEANS_CELLS, *next = now + (part > 0 ? MEANS_CELLS : 0);
    for (int c = 0; c < MEANS_CELLS; c++)
        to[c] += weight * (now[c] + part * (next[c] - now[c]));
}
