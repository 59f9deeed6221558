/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic on one side's samples, for judges that look at values instead of counts: sorting, type
 * 7 percentiles, summary statistics, outliers. Nothing here allocates or fails.
 */
#ifndef ENGINE_SAMPLES_H
#define ENGINE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

struct samples {
    const double *at;
    size_t n;
};

struct samples_stats {
    size_t count;
    double min, max, mean, std; /* std: of a sample (n - 1); all 0 without samples */
};

/* Ascending, in place; no NaN. `spare` holds n more. */
void samples_sort(double *at, size_t n, double *spare);
/* sorted[] ascending, n >= 1, p in 0..1; between two values the straight line (R's type 7). */
double samples_percentile(const double *sorted, size_t n, double p);
/* Two-pass mean, corrected by the mean of what it leaves over; NaN without samples. */
double samples_mean(struct samples);
struct samples_stats samples_stats(struct samples);

/* Values outside are outliers: `factor` x the interquartile range beyond the quartiles; with
 * `guarded` never inside the 1st to 99th percentile. n >= 1. */
struct samples_fences {
    double low, high;
};
struct samples_fences samples_fences(const double *sorted, size_t n, double factor, bool guarded);

#endif
