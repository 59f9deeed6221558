/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence against a release that may be looked at after every poll: log e-factors, their mixture
 * over effect sizes and over the moment the trouble began, and the limiter of bursts. Numbers only;
 * what they are fed with, and what follows from them, is decided elsewhere.
 *
 * Every factor f has E[exp(f) | past] <= 1 while the release is as good as tolerated. By Ville's
 * inequality the chance that the evidence ever reaches 1/alpha is then at most alpha, however often
 * one looks. Robbins 1970; Shin, Ramdas, Rinaldo (e-detectors); the two-arm factor has its proof
 * beside it. Everything stays in natural logarithms.
 */
#ifndef ENGINE_SEQUENTIAL_H
#define ENGINE_SEQUENTIAL_H

#include <stddef.h>
#include <stdint.h>

#define SEQ_TILTS 5    /* effect sizes that are looked for at once */
#define SEQ_OK_TILTS 3 /* the same, for the proof of health */
#define SEQ_BURST 0.3  /* share of the meter that one short disturbance may fill */

extern const double seq_tilt[SEQ_TILTS], seq_ok_tilt[SEQ_OK_TILTS];

/* What one side showed in one poll: bad ones of so many; `exposure` may also be time. */
struct seq_arm {
    double events, exposure;
};

/* One side against a share q. g > 1: true share at most q; g < 1: at least q. */
double seq_kernel(struct seq_arm, double q, double g);
/* One side, events without a count of requests: `lambda` is their tolerated rate in exposure. */
double seq_kernel_poisson(struct seq_arm, double lambda, double g);
/* Both sides in the same time: new share at most ratio x old share + offset (g > 1; at least: g < 1).
 * 0 when a side had no exposure. */
double seq_two_arm(struct seq_arm new, struct seq_arm old, double ratio, double offset, double g);
/* Bet of `stake` (0..1) on one poll's share r against q; holds under any dependence in the poll. */
double seq_rate_bet(double r, double q, double stake);

double seq_log_add(double a, double b);                /* ln(e^a + e^b); -INFINITY is none */
double seq_log_sum(const double *x, size_t n);         /* the same for many; none: -INFINITY */
/* Prior chance that the trouble begins at poll t (1, 2, ...) of a watch of `horizon` polls; half of
 * it lies on the first. horizon 0: without an end. */
double seq_start_weight(double t, double horizon);
/* Polls in a row that must carry evidence before the limiter opens, plus one: a disturbance of
 * `blip_ms` arrives smeared over one scrape. */
uint32_t seq_limiter_polls(int64_t blip_ms, int64_t poll_ms, int64_t scrape_ms);

/* One stream of evidence: ln of the weight on each tilt; init with seq_stream_init. */
struct seq_stream {
    double ls[SEQ_TILTS];
};
void seq_stream_init(struct seq_stream *);

/* What all streams of one guard share. */
struct seq_meter {
    double t;       /* polls so far */
    double unspent; /* start weight not given out yet */
    double run;     /* polls in a row, up to the last, with log_a > 0 */
    double log_a;   /* evidence of what has been started; -INFINITY at first */
};
void seq_meter_init(struct seq_meter *);
double seq_meter_log_e(const struct seq_meter *); /* the evidence, with the weight still unspent */

/* One poll, in three steps: begin (ret: ln of this poll's start weight), each stream, end. */
double seq_begin(struct seq_meter *, double horizon);
/* `f`: factors by tilt; NULL: nothing was seen, factor 1. */
void seq_take(struct seq_stream *, double log_weight, const double f[SEQ_TILTS]);
/* The same, but that no tilt grows above `most`; none loses what it had before. Evidence it is all the same:
 * what is cut off only makes it less. */
void seq_take_capped(struct seq_stream *, double log_weight, const double f[SEQ_TILTS], double most);
/* `weight[i]` of stream i, at most 1 in sum; 0: it does not count. `limit`: of the limiter, in
 * polls; 0: none. */
void seq_end(struct seq_meter *, struct seq_stream *const *streams, const double *weight, size_t n,
             double threshold, uint32_t limit);
/* How much a stream contributes, for blame: greatest is guilty. */
double seq_share(const struct seq_stream *, double weight);

/* Proof of health: sums of factors over seq_ok_tilt, added up since the start. */
double seq_ok_log_e(const double sum[SEQ_OK_TILTS]);

#endif
