/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of verdict-bench/1: one JSON line that says what is in it, then one line per run with the
 * counts of every poll. Read only; tests/bench/verdict writes them.
 */
#ifndef CLI_BENCH_FILE_H
#define CLI_BENCH_FILE_H

#include <stdio.h>

#include <haldane/types.h>

#include "base/buf.h"

#define BENCH_BOUNDS_MAX 16 /* Prometheus' default buckets are 11 */
#define BENCH_COLUMNS_MAX (2 + BENCH_BOUNDS_MAX)
enum bench_column { BENCH_REQUESTS, BENCH_ERRORS, BENCH_SLOWER /* than bound 0, 1, ... */ };

struct bench_head {
    char scenario[64];
    bool guard; /* all traffic on the new version; else a canary beside the old one */
    bool expect_rollback;
    double rps;
    uint32_t runs;
    int64_t seed;
    uint32_t polls, history_polls;
    double poll_s, history_poll_s, scrape_s, onset_s;
    uint32_t n_bounds;
    double bounds_s[BENCH_BOUNDS_MAX];
};

/* Counts of one colour: `polls` rows of 2 + n_bounds numbers. */
struct bench_series {
    uint32_t polls, columns;
    double *at;
};

struct bench_run {
    uint32_t run;
    struct bench_series history; /* the old version before the switch */
    struct bench_series candidate;
    struct bench_series stable; /* canary: the old colour; guard: probes on it. May be empty */
};

static inline const double *bench_row(const struct bench_series *s, uint32_t poll)
{
    return s->at + (size_t)poll * s->columns;
}

/* A line of the file into `line` (emptied first); HD_ABSENT at the end, HD_LIMIT if it is longer
 * than the buffer's maximum. */
enum hd_code bench_read_line(FILE *, struct buf *line, struct hd_error *err);
enum hd_code bench_read_head(struct hd_span line, struct bench_head *ret, struct hd_error *err);
/* Fails on another shape than the head's, and on counts that are negative or more than requests. */
enum hd_code bench_read_run(struct hd_arena *, const struct bench_head *, struct hd_span line,
                            struct bench_run *ret, struct hd_error *err);

#endif
