/* SPDX-License-Identifier: Apache-2.0
 *
 * See samples.h. The sums are made in the order of the samples, as Kayenta makes them. Decides
 * nothing. Called by kayenta.c and ranks.c.
 */
#include "engine/samples.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define RUN 8          /* sorted by insertion, before runs are merged */
#define RADIX_FROM 256 /* values from which sorting byte by byte is the faster way */

static void sort_run(double *at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double v = at[i];
        size_t k = i;
        for (; k > 0 && at[k - 1] > v; k--)
            at[k] = at[k - 1];
        at[k] = v;
    }
}

static void merge(const double *a, size_t n_a, const double *b, size_t n_b, double *to)
{
    size_t i = 0, k = 0;
    while (i < n_a && k < n_b) {
        bool first = a[i] <= b[k]; /* no branch on it: samples come in no order */
        *to++ = first ? a[i] : b[k];
        i += first;
        k += !first;
    }
    memcpy(to, a + i, (n_a - i) * sizeof *a);
    memcpy(to + (n_a - i), b + k, (n_b - k) * sizeof *b);
}

/* Doubles as whole numbers of the same order: of negative ones all bits are turned, of the others
 * the sign. */
static uint64_t key_of(uint64_t bits)
{
    return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static uint64_t bits_of(uint64_t key)
{
    return key ^ (key >> 63 ? UINT64_C(1) << 63 : UINT64_MAX);
}

/* One pass over a byte of every key; how often each byte occurs becomes where it goes. */
static void sort_byte(const uint64_t *from, uint64_t *to, size_t n, unsigned shift, uint32_t *often)
{
    uint32_t place = 0;
    for (size_t b = 0; b < 256; b++) {
        uint32_t count = often[b];
        often[b] = place;
        place += count;
    }
    for (size_t i = 0; i < n; i++)
        to[often[from[i] >> shift & 255]++] = from[i];
}

static void sort_radix(double *at, size_t n, double *spare)
{
    uint32_t often[8][256] = {0};
    uint64_t *from = (uint64_t *)at, *to = (uint64_t *)spare;
    for (size_t i = 0; i < n; i++) {
        from[i] = key_of(from[i]);
        for (unsigned b = 0; b < 8; b++)
            often[b][from[i] >> 8 * b & 255]++;
    }
    for (unsigned b = 0; b < 8; b++) {
        if (often[b][from[0] >> 8 * b & 255] == n) /* all alike */
            continue;
        sort_byte(from, to, n, 8 * b, often[b]);
        uint64_t *was = from;
        from = to;
        to = was;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = bits_of(from[i]);
    if (to != (uint64_t *)at)
        memcpy(at, to, n * sizeof *at);
}

void samples_sort(double *at, size_t n, double *spare)
{
    if (n >= RADIX_FROM) {
        sort_radix(at, n, spare);
        return;
    }
    double *from = at, *to = spare;
    for (size_t i = 0; i < n; i += RUN)
        sort_run(at + i, n - i < RUN ? n - i : RUN);
    for (size_t run = RUN; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t n_a = n - i < run ? n - i : run, left = n - i - n_a;
            merge(from + i, n_a, from + i + n_a, left < run ? left : run, to + i);
        }
        double *was = from;
        from = to;
        to = was;
    }
    if (from != at)
        memcpy(at, from, n * sizeof *at);
}

double samples_percentile(const double *sorted, size_t n, double p)
{
    double h = p * (double)(n - 1);
    size_t i = (size_t)h;
    return i + 1 < n ? sorted[i] + (h - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

double samples_mean(struct samples s)
{
    double sum = 0, rest = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += s.at[i];
    double first = sum / (double)s.n;
    for (size_t i = 0; i < s.n; i++)
        rest += s.at[i] - first;
    return first + rest / (double)s.n;
}

struct samples_stats samples_stats(struct samples s)
{
    struct samples_stats r = {.count = s.n};
    if (!s.n)
        return r;
    r.min = r.max = s.at[0];
    r.mean = samples_mean(s);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < s.n; i++) {
        double d = s.at[i] - r.mean;
        sum += d;
        squares += d * d;
        r.min = s.at[i] < r.min ? s.at[i] : r.min;
        r.max = s.at[i] > r.max ? s.at[i] : r.max;
    }
    if (s.n > 1)
        r.std = sqrt((squares - sum * sum / (double)s.n) / (double)(s.n - 1));
    return r;
}

struct samples_fences samples_fences(const double *sorted, size_t n, double factor, bool guarded)
{
    double low = samples_percentile(sorted, n, 0.25), high = samples_percentile(sorted, n, 0.75);
    double reach = factor * (high - low);
    struct samples_fences f = {low - reach, high + reach};
    if (guarded) {
        f.low = fmin(f.low, samples_percentile(sorted, n, 0.01));
        f.high = fmax(f.high, samples_percentile(sorted, n, 0.99));
    }
    return f;
}
