/* SPDX-License-Identifier: Apache-2.0
 *
 * When traffic moved, told from nothing but the requests that each colour counted: the past of a
 * router that nobody wrote down. Pure arithmetic over bins of time.
 */
#ifndef CLI_TRAFFIC_H
#define CLI_TRAFFIC_H

#include <haldane/limits.h>
#include <haldane/types.h>

#define TRAFFIC_BINS 128 /* remembered: the longest window, and as much again before it */

/* A colour that had no more than `limit` of the requests has more, or the other way round. It
 * happened after after_ms, and by by_ms its first (its last) requests had been counted. */
struct traffic_shift {
    int64_t after_ms, by_ms;
    int8_t colour, before; /* before: who had most requests until then; -1: nobody */
    int8_t next;           /* of a fall: who has most of them now; -1: nobody */
    bool up;
    bool silent;           /* a rise that nobody counted: who had the requests lives and gets none, and of the colour
                            * there is no sample; a release that crashed at its start leaves no more */
};

/* What was counted in one bin of time. */
struct traffic_bin {
    double requests[HD_SIDES_MAX];
    bool seen[HD_SIDES_MAX]; /* one of its targets was scraped */
};

struct traffic {
    uint32_t n_colours;
    double limit; /* a share */
    int64_t scrape_ms, bin_ms;
    size_t n; /* bins so far */
    double sum[TRAFFIC_BINS][HD_SIDES_MAX]; /* requests up to the end of a bin, in all */
    bool seen[TRAFFIC_BINS][HD_SIDES_MAX];
    struct {
        bool known, up;
        double mine, all; /* requests up to its last rise */
        double rate;      /* a bin's requests, when it was seen last with traffic */
        size_t fell; /* bins up to its last fall: they say nothing of a rise */
    } side[HD_SIDES_MAX];
    int8_t silent, quiet; /* the colour of a silent rise, and who gets nothing since; -1: none */
};

/* A fifth of the time between two scrapes, at least a second: finer than that a source cannot tell. */
int64_t traffic_bin_ms(int64_t scrape_ms);
/* How long it looks before it knows who has the traffic, and says anything. */
int64_t traffic_lead_ms(int64_t scrape_ms);
void traffic_begin(struct traffic *, uint32_t n_colours, double limit, int64_t scrape_ms);
/* The next bin, which ends at `end_ms`; returns how many shifts it proved, at most one a colour. */
size_t traffic_take(struct traffic *, int64_t end_ms, const struct traffic_bin *,
                    struct traffic_shift ret[HD_SIDES_MAX]);

#endif
