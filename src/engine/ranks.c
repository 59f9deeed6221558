/* SPDX-License-Identifier: Apache-2.0
 *
 * See ranks.h. One evaluation walks both sorted samples once, as distinct values with their
 * numbers, so ties make it cheaper. Each value of x remembers where it stood among y: once the root
 * finder takes small steps nearly all of them stand there still, which one comparison shows. All
 * sums are whole or half numbers below 2^53, so their order does not matter and figures equal those
 * of a ranking by sort. Called by kayenta.c.
 */
#include "engine/ranks.h"

#include <math.h>

#include "base/arena.h"

#define ROUNDS_MAX 1001
#define EPSILON 2.220446049250313e-16

/* y has a guard on each side: y[0] = -inf, y[n_y + 1] = +inf. */
struct ranks {
    double m, n;     /* samples */
    size_t n_x, n_y; /* distinct values */
    double *x, *count_x;
    double *y, *count_y, *below; /* below[i]: samples of y under y[i] */
    double ties_y;               /* sum of t^3 - t over y alone */
    uint32_t *stood;             /* index of the first y that is not under x[i] - mu, last time */
    double low, high;            /* smallest and largest difference */
};

static double cube(double t)
{
    return t * t * t - t;
}

static size_t distinct(const double *sorted, size_t n, double *value, double *count)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!i || sorted[i] != value[k - 1]) {
            value[k] = sorted[i];
            count[k++] = 0;
        }
        count[k - 1]++;
    }
    return k;
}

struct ranks *ranks_new(struct hd_arena *a, const double *x, size_t m, const double *y, size_t n)
{
    struct ranks *w = arena_of(a, struct ranks);
    double *room = arena_many(a, 2 * m + 3 * (n + 2), double);
    *w = (struct ranks){.m = (double)m, .n = (double)n, .x = room, .count_x = room + m};
    w->y = room + 2 * m;
    w->count_y = w->y + n + 2;
    w->below = w->count_y + n + 2;
    w->n_x = distinct(x, m, w->x, w->count_x);
    w->n_y = distinct(y, n, w->y + 1, w->count_y + 1);
    w->y[0] = -HUGE_VAL;
    w->y[w->n_y + 1] = HUGE_VAL;
    for (size_t i = 1; i <= w->n_y; i++) {
        w->below[i + 1] = w->below[i] + w->count_y[i];
        w->ties_y += cube(w->count_y[i]);
    }
    w->stood = arena_many(a, w->n_x, uint32_t);
    for (size_t i = 0; i < w->n_x; i++)
        w->stood[i] = 1;
    w->low = x[0] - y[n - 1];
    w->high = x[m - 1] - y[0];
    return w;
}

/* Pairs with x - mu above y, equal ones counted half; *ret_ties: sum of t^3 - t over all. */
static double pairs_above(struct ranks *w, double mu, double *ret_ties)
{
    double pairs = 0, ties = w->ties_y;
    size_t at = 1;
    for (size_t i = 0; i < w->n_x; i++) {
        double v = w->x[i] - mu, count = w->count_x[i];
        size_t stood = w->stood[i];
        while (i + 1 < w->n_x && w->x[i + 1] - mu == v) /* made one by rounding */
            count += w->count_x[++i];
        if (w->y[stood - 1] < v && v <= w->y[stood]) {
            at = stood;
        } else {
            while (w->y[at] < v)
                at++;
            w->stood[i] = (uint32_t)at;
        }
        pairs += count * w->below[at];
        ties += cube(count);
        if (v == w->y[at]) {
            double other = w->count_y[at];
            pairs += count * other * 0.5;
            ties += cube(count + other) - cube(other) - cube(count);
        }
    }
    *ret_ties = ties;
    return pairs;
}

double ranks_statistic(struct ranks *w, double mu)
{
    double ties, all = w->m + w->n;
    double dz = pairs_above(w, mu, &ties) - w->m * w->n / 2;
    double correction = dz > 0 ? 0.5 : dz < 0 ? -0.5 : 0;
    double sigma = sqrt(w->m * w->n / 12 * (all + 1 - ties / (all * (all - 1))));
    return sigma > 0 ? (dz - correction) / sigma : NAN;
}

double ranks_cles(struct ranks *w)
{
    double ties;
    return pairs_above(w, 0, &ties) / (w->m * w->n);
}

/* What the root finder carries: b is the best point, the root lies between b and c, a was b. */
struct bracket {
    double a, b, c, fa, fb, fc;
};

/* How far to go from b: to the crossing of the line through two points or of the parabola through
 * three, when that is well inside and well under half the step before, else to the middle. */
static double next_step(const struct bracket *k, double before, double least, double middle)
{
    if (fabs(before) < least || fabs(k->fa) <= fabs(k->fb))
        return middle;
    double gap = k->c - k->b, p, q;
    if (k->a == k->c) {
        double t = k->fb / k->fa;
        p = gap * t;
        q = 1 - t;
    } else {
        double r = k->fa / k->fc, s = k->fb / k->fc, t = k->fb / k->fa;
        p = t * (gap * r * (r - s) - (k->b - k->a) * (s - 1));
        q = (r - 1) * (s - 1) * (t - 1);
    }
    if (p > 0)
        q = -q;
    else
        p = -p;
    bool inside = p < 0.75 * gap * q - fabs(least * q) / 2 && p < fabs(before * q / 2);
    return inside ? p / q : middle;
}

/* A root of statistic - level, by Brent's "zeroin" (Algorithms for Minimization without
 * Derivatives, 1973, chapter 4); fa and fb are the values at a and b. NaN: none was found. */
static double find_root(struct ranks *w, double level, double reach, double fa, double fb)
{
    struct bracket k = {.a = w->low, .b = w->high, .c = w->low, .fa = fa, .fb = fb, .fc = fa};
    if (fa == 0)
        return k.a;
    if (fb == 0)
        return k.b;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        double before = k.b - k.a;
        if (fabs(k.fc) < fabs(k.fb))
            k = (struct bracket){.a = k.b, .b = k.c, .c = k.b, .fa = k.fb, .fb = k.fc, .fc = k.fb};
        double least = 2 * EPSILON * fabs(k.b) + reach / 2, middle = (k.c - k.b) / 2;
        if (fabs(middle) <= least || k.fb == 0)
            return k.b;
        double step = next_step(&k, before, least, middle);
        if (fabs(step) < least)
            step = step > 0 ? least : -least;
        k.a = k.b;
        k.fa = k.fb;
        k.b += step;
        k.fb = ranks_statistic(w, k.b) - level;
        if ((k.fb > 0 && k.fc > 0) || (k.fb < 0 && k.fc < 0)) {
            k.c = k.a;
            k.fc = k.fa;
        }
    }
    return NAN;
}

static double find_bound(struct ranks *w, double level, double reach, double first, double last)
{
    return first - level <= 0  ? w->low
           : last - level >= 0 ? w->high
                               : find_root(w, level, reach, first - level, last - level);
}

bool ranks_shift(struct ranks *w, double confidence, double reach, struct ranks_shift *ret)
{
    double level = ranks_normal((1.0 - confidence) / 2);
    double first = ranks_statistic(w, w->low), last = ranks_statistic(w, w->high);
    if (isnan(first) || isnan(last))
        return false;
    struct ranks_shift s = {
        .lower = find_bound(w, -level, reach, first, last),
        .upper = find_bound(w, level, reach, first, last),
        .estimate = find_root(w, 0, reach, first, last),
    };
    if (isnan(s.lower) || isnan(s.upper) || isnan(s.estimate))
        return false;
    *ret = s;
    return true;
}

double ranks_normal(double p)
{
    if (!(p > 0 && p < 1))
        return p == 0 ? -HUGE_VAL : p == 1 ? HUGE_VAL : NAN;
    double tail = p < 0.5 ? p : 1 - p; /* exact */
    /* Abramowitz and Stegun 26.2.23, good to 4.5e-4; two steps of Halley's method do the rest. */
    double t = sqrt(-2 * log(tail));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
               t;
    for (int i = 0; i < 2; i++) {
        double u = (erfc(-z * M_SQRT1_2) / 2 - tail) * sqrt(2 * M_PI) * exp(z * z / 2);
        z -= u / (1 + z * u / 2);
    }
    return p < 0.5 ? z : -z;
}
