/* SPDX-License-Identifier: Apache-2.0
 *
 * What stable's time before the switch teaches the sequential rule about one check. Asked once,
 * before the guard's first poll; the result is evidence, and is stored as such.
 */
#ifndef ENGINE_PAST_H
#define ENGINE_PAST_H

#include "engine/counts.h"
#include "engine/dispersion.h"
#include "engine/engine.h"

/* One step of the past as bad ones of so many (GAUGE: the value in `events`, exposure 1); a step
 * without usable evidence: exposure 0. */
struct seq_arm past_step(const struct hd_check *, const struct hd_measurement *);
/* What is normal for stable is what the releases on it showed that were not rejected: its time under one
 * that a guard failed, or a human took back, is left out, or every bad release would make room for the
 * next one on the same side. These are the switches onto stable before the one that is judged, oldest
 * first; each release stayed until the next one came. All times are of one clock. */
struct past_switch {
    int64_t from_ms;
    int64_t until_ms; /* of the last one: how long its time is left out, if it was rejected */
    bool rejected;
};
struct past_releases {
    const struct past_switch *on;
    size_t n;
    int64_t since_ms; /* the switch that is judged */
};
/* Does any of the `span_ms` that ended so long before the switch lie in such a time, or so near that a
 * sample of it may tell of both? NULL: no. */
bool past_left_out(const struct past_releases *, int64_t before_ms, int64_t span_ms);

/* A past while it is read, backwards from the switch, a chunk at a time: 3 hours, and a day where
 * there is less than a request a second. Zero it, give it room for PAST_BINS_MAX doubles each. */
#define PAST_BINS_MAX 86400
#define PAST_GAUGE_STEP_MS 60000 /* a gauge is asked at these steps */
#define PAST_SCRAPE_MS 30000     /* assumed until it is learned: the base of a chunk's first bin
                                    lies up to two scrapes before it */
struct past_bins {
    const struct past_releases *releases; /* NULL: none was rejected; set by the caller */
    double *events, *exposure; /* the last one ends at the switch */
    int64_t bin_ms;            /* a poll, or with rarer scrapes a scrape */
    int64_t back_ms;           /* how far back it was read */
    int64_t left_out_ms;       /* of that, with evidence of a rejected release */
    double requests;
};
/* Begins anew. `scrape_ms`: learned; 0: unknown. */
void past_begin(const struct hd_policy *, const struct hd_check *, int64_t scrape_ms,
                struct past_bins *);
/* How long a chunk to read next, a multiple of bin_ms that ends back_ms before the switch; 0: no
 * more. `past_read` says that it was. */
int64_t past_next_ms(const struct past_bins *, const struct hd_check *);
void past_read(struct past_bins *, int64_t chunk_ms);
/* What stable did in the bin (GAUGE: had) that ended so long before the switch. */
void past_put(struct past_bins *, const struct hd_check *, int64_t before_ms,
              const struct hd_measurement *);
/* Joins steps of a quiet past, so the bins are spent. False: too little is known. */
bool past_end(const struct hd_policy *, uint32_t check, struct past_bins *, struct hd_past *ret);

/* Steps of `step_ms`, oldest first. False: too little for anything (fewer than 60 seen steps). */
bool past_learn(const struct hd_policy *, uint32_t check, const struct history *, int64_t step_ms,
                struct hd_past *ret);

/* A past of a histogram, bucket by bucket, to pick bounds from; zero it. Requests slower than `bound`, of
 * so many. */
#define PAST_BOUNDS_MAX 64
#define PAST_PICK_ENOUGH 10000 /* 50 of them are slower than the last pick */
struct past_bounds {
    double bound[PAST_BOUNDS_MAX], slower[PAST_BOUNDS_MAX], requests[PAST_BOUNDS_MAX];
    size_t n;
};
/* Adds what stable did in the chunk of `chunk_ms` that the bins are read next, of which `look` has the rows
 * of every bucket. The first chunk says which bounds there are. HD_LIMIT: more than PAST_BOUNDS_MAX. */
enum hd_code past_add_bounds(const struct counts_look *, const struct past_bins *, int64_t chunk_ms,
                             struct past_bounds *, struct hd_error *err);
double past_bounds_requests(const struct past_bounds *);
/* The bound of each pick, enum hd_pick less one; a histogram with too few bounds gives one twice. False:
 * none, or too few requests to say. */
bool past_pick(const struct past_bounds *, double ret[HD_PICKS]);

/* Which of `n` histories (slower than a bound each) are nearest to 30 %, 5 % and 0.5 % of slow
 * requests: fills at most 3 indexes in this order, no two alike, and returns how many. */
size_t past_pick_bounds(const struct history *, size_t n, size_t ret[3]);

#endif
