/* SPDX-License-Identifier: Apache-2.0
 *
 * The Mann-Whitney interval and estimate of the shift between two samples, as Kayenta's judge makes
 * them: normal approximation with ties and continuity correction, and the very points that its root
 * finder visits, since the estimate is wherever that finder lands.
 */
#ifndef ENGINE_RANKS_H
#define ENGINE_RANKS_H

#include <haldane/types.h>

/* Two sorted samples, prepared for many evaluations; lives in the arena it was made in. */
struct ranks;

/* Both ascending, at least one finite value each; they are copied. */
struct ranks *ranks_new(struct hd_arena *, const double *x, size_t m, const double *y, size_t n);

/* The standardised rank sum of {x - mu} among {y}, with continuity correction; NaN when all values
 * are one (no spread), or x - mu is more than a double holds. Linear in the distinct values. */
double ranks_statistic(const struct ranks *, double mu);

struct ranks_shift {
    double lower, upper, estimate; /* of x - y */
};
/* `confidence` like 0.98; `reach`: how near a root is found (Kayenta: 1e-4). false: no spread, or
 * no root in 1001 rounds. */
bool ranks_shift(const struct ranks *, double confidence, double reach, struct ranks_shift *ret);

/* P(x > y) + P(x = y) / 2: the common language effect size. */
double ranks_cles(const struct ranks *);

/* Quantile of the standard normal distribution, p in 0..1, to the last digits of a double. */
double ranks_normal(double p);

#endif
