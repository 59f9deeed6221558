/* SPDX-License-Identifier: Apache-2.0
 *
 * How many requests of each kind one colour can expect, up to any moment: the truth of a scenario
 * with its noise, before chance.
 */
#ifndef VERDICT_MEANS_H
#define VERDICT_MEANS_H

#include <haldane/types.h>

#include "scenario.h"

#define MEANS_BOUNDS 6
#define MEANS_BUCKETS (MEANS_BOUNDS + 1)
#define MEANS_CELLS (2 * MEANS_BUCKETS) /* failed requests by latency, then the others */

extern const double means_bounds_s[MEANS_BOUNDS];

/* Means of the cells from the first step's beginning to each step's end. */
struct means {
    double first_s, step_s;
    size_t steps;
    double *upto; /* [steps + 1][MEANS_CELLS] */
};

struct arm {
    const struct scenario *scenario;
    const struct scenario_draw *draw;
    bool new_version;
    double rps_before, rps; /* before the switch, and from it on */
    int noise;
};

struct means means_of(struct hd_arena *, const struct arm *, struct rng *, double first_s,
                      double last_s, double step_s);
/* Adds the means from the start to `at_s`, times `weight`. */
void means_add(const struct means *, double at_s, double weight, double to[MEANS_CELLS]);

#endif
