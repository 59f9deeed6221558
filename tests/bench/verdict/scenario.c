/* SPDX-License-Identifier: Apache-2.0
 *
 * See scenario.h. The 21 scenarios are rows: when the trouble is there, how large it is, whom it
 * hits and which noise lies over everything. Called by generate.c.
 */
#include "scenario.h"

#include <math.h>
#include <string.h>

#define HEALTHY SCENARIO_ERRORS
#define DAY_S 86400.
#define BLIP_S 20.

const struct scenario scenarios[] = {
    {"healthy", false, 0, ALWAYS, EVEN, HEALTHY, 1},
    {"err .1->.2%", true, 0, ALWAYS, EVEN, .002, 1},
    {"err .1->1%", true, 0, ALWAYS, EVEN, .01, 1},
    {"err .1->5%", true, 0, ALWAYS, EVEN, .05, 1},
    {"err .1->50%", true, 0, ALWAYS, EVEN, .5, 1},
    {"p99 +10%", true, 0, ALWAYS, EVEN, HEALTHY, 1.1},
    {"p99 +50%", true, 0, ALWAYS, EVEN, HEALTHY, 1.5},
    {"p99 x2", true, 0, ALWAYS, EVEN, HEALTHY, 2},
    {"slow ramp .1->2%/1h", true, 0, RAMP, EVEN, .02, 1},
    {"late .1->1% @30min", true, 1800, LATE, EVEN, .01, 1},
    {"late .1->50% @30min", true, 1800, LATE, EVEN, .5, 1},
    {"blip 20s 5%", false, 0, BLIP, EVEN, .05, 2},
    {"blip 20s 50%", false, 0, BLIP, EVEN, .5, 2},
    {"cold start 20s (5%, lat x3)", false, 0, COLD, EVEN, .05, 3},
    {"outage both +5% 20min", false, 0, OUTAGE, EVEN, HEALTHY + .05, 1, .both = true},
    {"outage both lat x2 20min", false, 0, OUTAGE, EVEN, HEALTHY, 2, .both = true},
    {"overdispersed bb", false, 0, ALWAYS, BURSTS, HEALTHY, 1},
    {"overdispersed AR", false, 0, ALWAYS, WAVES, HEALTHY, 1},
    {"err .1->1% overdisp bb", true, 0, ALWAYS, BURSTS, .01, 1},
    {"err .1->1% overdisp AR", true, 0, ALWAYS, WAVES, .01, 1},
    {"diurnal drift", false, 0, ALWAYS, EVEN, HEALTHY, 1, .daily = true},
};
const size_t n_scenarios = sizeof scenarios / sizeof *scenarios;

const struct scenario *scenario_of(const char *name)
{
    for (size_t i = 0; i < n_scenarios; i++) {
        if (!strcmp(scenarios[i].name, name))
            return &scenarios[i];
    }
    return NULL;
}

struct scenario_draw scenario_draw(const struct scenario *s, struct rng *r)
{
    struct scenario_draw d = {0};
    if (s->when == BLIP)
        d.blip_at_s = 300 + 2700 * rng_uniform(r);
    if (s->daily)
        d.phase = 2 * M_PI * rng_uniform(r);
    return d;
}

/* Share of the step that lies in [from, from + length). */
static double overlap(double from, double length, double at, double step)
{
    double first = fmax(from, at), last = fmin(from + length, at + step);
    return fmax(0, last - first) / step;
}

/* How much of the trouble is there, 0 to 1. */
static double trouble(const struct scenario *s, const struct scenario_draw *d, double at,
                      double step)
{
    double middle = at + step / 2;
    switch (s->when) {
    case RAMP:
        return middle / SCENARIO_SECONDS;
    case LATE:
        return middle >= s->onset_s;
    case BLIP:
        return overlap(d->blip_at_s, BLIP_S, at, step);
    case COLD:
        return overlap(0, BLIP_S, at, step);
    case OUTAGE:
        return middle > 900 && middle < 2100;
    default:
        return 1;
    }
}

struct scenario_truth scenario_truth(const struct scenario *s, const struct scenario_draw *d,
                                     bool new_version, double at_s, double step_s)
{
    double bad = at_s >= 0 && (new_version || s->both) ? trouble(s, d, at_s, step_s) : 0;
    struct scenario_truth t = {HEALTHY + bad * (s->errors - HEALTHY), 1 + bad * (s->slower - 1), 1};
    if (s->daily) {
        double swing = sin(2 * M_PI / DAY_S * (at_s + step_s / 2) + d->phase);
        t = (struct scenario_truth){HEALTHY * (1 + .5 * swing), 1 + .1 * swing, 1 + .5 * swing};
    }
    return t;
}
