/* SPDX-License-Identifier: Apache-2.0
 *
 * What really happens to a service in each scenario of verdict-bench: error share, latency and
 * traffic of both colours, second by second. The switch is second 0.
 */
#ifndef VERDICT_SCENARIO_H
#define VERDICT_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "rng.h"

#define SCENARIO_SECONDS 3600  /* of the guard */
#define SCENARIO_ERRORS .001   /* share of a healthy version */
#define SCENARIO_MEDIAN_S .040 /* latency: lognormal, p99 204 ms */
#define SCENARIO_SIGMA .70
#define SCENARIO_P99_S (SCENARIO_MEDIAN_S * 5.0956) /* exp(2.3263 sigma) */

enum scenario_when { ALWAYS, RAMP, LATE, BLIP, COLD, OUTAGE };
enum scenario_noise { EVEN, BURSTS, WAVES }; /* beta-binomial shocks; autocorrelated ones */

struct scenario {
    const char *name;
    bool rollback; /* what a good judge does */
    double onset_s;
    int when, noise;
    double errors, slower; /* share of errors, factor on latency while it is bad */
    bool both;             /* the old version suffers alike */
    bool daily;            /* traffic, errors and latency swing over 24 hours */
};

extern const struct scenario scenarios[];
extern const size_t n_scenarios;
const struct scenario *scenario_of(const char *name); /* NULL: unknown */

/* What differs from run to run. */
struct scenario_draw {
    double blip_at_s, phase;
};
struct scenario_draw scenario_draw(const struct scenario *, struct rng *);

struct scenario_truth {
    double errors, slower, traffic; /* traffic: factor on the service's mean */
};
/* Of the time from `at_s` on, `step_s` long. History lies before second 0. */
struct scenario_truth scenario_truth(const struct scenario *, const struct scenario_draw *,
                                     bool new_version, double at_s, double step_s);

#endif
