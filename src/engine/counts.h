/* SPDX-License-Identifier: Apache-2.0
 *
 * From raw counter samples to increments per poll: the series memory of one check in one guard.
 * Differences each series by its own timestamps and skips samples seen before, so that restarts,
 * new and vanished pods and missed scrapes count right. Never differences a sum.
 */
#ifndef ENGINE_COUNTS_H
#define ENGINE_COUNTS_H

#include "base/buf.h"

#include <haldane/policy.h>
#include <haldane/provider.h>
#include <haldane/verdict.h>

struct counts;

/* Growth of one series between two samples; after a fall the counter began anew: all of it is. */
static inline double counts_grown(double last, double value)
{
    return value >= last ? value - last : value;
}

struct counts *counts_new(void);
struct counts *counts_free(struct counts *); /* takes NULL, returns NULL */
static inline void counts_free_p(struct counts **c) { *c = counts_free(*c); }

/* Learned scrape interval: the larger of the colours' median timestamp steps; 0: not known yet. */
int64_t counts_scrape_ms(const struct counts *);
/* Nothing was ever taken in. */
bool counts_is_new(const struct counts *);
/* How wide a window the next look must ask for: poll + 2 scrapes + 5 s, or as far back as the last
 * look (a stall, a restart) plus 2 scrapes. `interval_ms`: of the polls. */
int64_t counts_window_ms(const struct counts *, int64_t at_ms, int64_t interval_ms);

struct counts_look {
    const struct hd_query *query;
    int8_t role_of[HD_SIDES_MAX]; /* enum hd_role of each colour; -1: neither */
    int64_t at_ms;                /* instant of this look, on the source's clock */
    int64_t since_ms;             /* what was counted before this (the switch) is base, not evidence */
    int64_t interval_ms;
    const struct hd_rows *rows;    /* the counters, raw */
    const struct hd_rows *targets; /* process start times in seconds by target; NULL: unknown */
};

/* One look: fills check, role, outcome, reason, fresh, events, exposure, age, covers of both
 * measurements (the caller sets `check`). A role without any row of its own gets NO_DATA. Allocates
 * its memory of series; HD_LIMIT beyond HD_SERIES_MAX. */
enum hd_code counts_look(struct counts *, const struct counts_look *,
                         struct hd_measurement ret[HD_ROLES], struct hd_error *err);

/* The minutes before the switch from one wide look, cut into `n` bins of `bin_ms` that end at
 * look->at_ms; ret is [n][HD_ROLES], oldest first. Keeps nothing. */
enum hd_code counts_bins(const struct counts_look *, int64_t bin_ms, size_t n,
                         struct hd_measurement (*ret)[HD_ROLES], struct hd_error *err);

/* Versioned bytes, so that a restart goes on where it was. load: HD_PARSE, HD_VERSION. */
void counts_save(const struct counts *, struct buf *);
enum hd_code counts_load(struct hd_span bytes, struct counts **ret, struct hd_error *err);

#endif
