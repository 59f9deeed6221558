/* SPDX-License-Identifier: Apache-2.0
 *
 * A run as a real Prometheus would have seen it: the counters of six pods, some of which restart,
 * scrape by scrape, as OpenMetrics; and the same counts poll by poll.
 */
#ifndef VERDICT_METRICS_H
#define VERDICT_METRICS_H

#include "generate.h"

/* Draws a run of a cell with a scrape interval. Writes its samples (without the closing "# EOF")
 * with the label job="JOB" and the switch at `switch_s` since the epoch, and returns the counts
 * that the polls of verdict-bench/1 see. In a guard the old colour is idle after the switch. */
struct bench_run metrics_run(struct hd_arena *, const struct generate_cell *, uint32_t run,
                             const char *job, int64_t switch_s, FILE *);

#endif
