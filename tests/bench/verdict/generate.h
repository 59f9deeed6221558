/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the counts that a judge gets to see from what really happens: random requests, counted by
 * three pods, known when they are scraped.
 */
#ifndef VERDICT_GENERATE_H
#define VERDICT_GENERATE_H

#include "cli/bench_file.h"
#include "means.h"

struct generate_cell {
    const struct scenario *scenario;
    bool guard;
    double rps;
    uint32_t poll_s; /* 5 or 10 */
    double scrape_s; /* 0: a poll sees everything up to its own moment */
    int64_t seed;
};

struct bench_head generate_head(const struct generate_cell *, uint32_t runs);
/* Run `run` of the cell, whatever other runs are made: a cell can be done in parts. */
struct bench_run generate_run(struct hd_arena *, const struct generate_cell *, uint32_t run);
/* The random numbers of a run, and what both colours can expect in it. */
struct rng generate_rng(const struct generate_cell *, uint32_t run);
struct generate_arms {
    struct arm candidate, stable;
};
struct generate_arms generate_arms(const struct generate_cell *, const struct scenario_draw *);
/* The same as lines of verdict-bench/1. */
void generate_write_head(const struct bench_head *, FILE *);
void generate_write_run(const struct bench_head *, const struct bench_run *, FILE *);

#endif
