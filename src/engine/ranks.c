/* SPDX-License-Identifier: Apache-2.0
 *
 * See ranks.h. One evaluation walks both sorted samples once, as distinct values with their
 * numbers, so ties make it cheaper. All sums are whole or half numbers below 2^53, so their order
 * does not matter and figures equal those of a ranking by sort. Called by kayenta.c.
 */
#include "engine/ranks.h"

#include <math.h>

#include "base/arena.h"

#define ROUNDS_MAX 1001
#define EPSILON 2.220446049250313e-16

#define AHEAD 4 /* values of y looked at in one go */

/* Indexes of y, count_y and below begin at AHEAD: y has as many infinities on both sides. */
struct ranks {
    double m, n;     /* samples */
    size_t n_x, n_y; /* distinct values */
    double *x, *count_x;
    double *y, *count_y, *below; /* below[i]: samples of y under y[i] */
    double ties_y;               /* sum of t^3 - t over y alone */
    double low, high;            /* smallest and largest difference */
    double gap, largest;         /* of x: between two values, by size */
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

/* The smallest distance between two values of x. */
static double nearest(const struct ranks *w)
{
    double gap = HUGE_VAL;
    for (size_t i = 1; i < w->n_x; i++)
        gap = fmin(gap, w->x[i] - w->x[i - 1]);
    return gap;
}

struct ranks *ranks_new(struct hd_arena *a, const double *x, size_t m, const double *y, size_t n)
{
    struct ranks *w = arena_of(a, struct ranks);
    double *room = arena_many(a, 2 * m + 3 * (n + 2 * AHEAD), double);
    *w = (struct ranks){.m = (double)m, .n = (double)n, .x = room, .count_x = room + m};
    w->y = room + 2 * m;
    w->count_y = w->y + n + 2 * AHEAD;
    w->below = w->count_y + n + 2 * AHEAD;
    w->n_x = distinct(x, m, w->x, w->count_x);
    w->n_y = distinct(y, n, w->y + AHEAD, w->count_y + AHEAD);
    for (size_t i = AHEAD; i < w->n_y + AHEAD; i++) {
        w->below[i + 1] = w->below[i] + w->count_y[i];
        w->ties_y += cube(w->count_y[i]);
    }
    for (size_t i = 0; i < AHEAD; i++) {
        w->y[i] = -HUGE_VAL;
        w->y[AHEAD + w->n_y + i] = HUGE_VAL;
    }
    w->gap = nearest(w);
    w->largest = fmax(fabs(x[0]), fabs(x[m - 1]));
    w->low = x[0] - y[n - 1];
    w->high = x[m - 1] - y[0];
    return w;
}

/* What the walk over x has found so far. */
struct found {
    double pairs; /* with x - mu above y, equal ones counted half */
    double ties;  /* sum of t^3 - t over all values */
};

/* `count` values of x at v; `at`: the first y that is not under v. */
static inline void add(const struct ranks *w, double v, double count, size_t at, struct found *f)
{
    f->pairs += count * w->below[at];
    f->ties += cube(count);
    if (v == w->y[at]) {
        double other = w->count_y[at];
        f->pairs += count * other * 0.5;
        f->ties += cube(count + other) - cube(other) - cube(count);
    }
}

/* How many of the AHEAD values are under v: counted, not branched on, since samples come in no
 * order. */
static inline size_t under(const double *y, double v)
{
    return (size_t)(y[0] < v) + (y[1] < v) + (y[2] < v) + (y[3] < v);
}

static inline size_t walk_up(const double *y, size_t at, double v)
{
    size_t n;
    do {
        n = under(y + at, v);
        at += n;
    } while (n == AHEAD);
    return at;
}

static inline size_t walk_down(const double *y, size_t at, double v)
{
    size_t n;
    do {
        n = AHEAD - under(y + at - AHEAD, v);
        at -= n;
    } while (n == AHEAD);
    return at;
}

/* From both ends at once: two walks that do not wait for each other. */
static struct found walk(const struct ranks *w, double mu)
{
    struct found low = {0, w->ties_y}, high = {0, 0};
    size_t at_low = AHEAD, at_high = AHEAD + w->n_y, i = 0, k = w->n_x;
    while (i + 1 < k) {
        double v_low = w->x[i] - mu, v_high = w->x[k - 1] - mu;
        at_low = walk_up(w->y, at_low, v_low);
        at_high = walk_down(w->y, at_high, v_high);
        add(w, v_low, w->count_x[i++], at_low, &low);
        add(w, v_high, w->count_x[--k], at_high, &high);
    }
    if (i < k)
        add(w, w->x[i] - mu, w->count_x[i], walk_up(w->y, at_low, w->x[i] - mu), &low);
    return (struct found){low.pairs + high.pairs, low.ties + high.ties};
}

/* The same where rounding may make x - mu equal for different x. */
static struct found walk_close(const struct ranks *w, double mu)
{
    struct found f = {0, w->ties_y};
    size_t at = AHEAD;
    for (size_t i = 0; i < w->n_x; i++) {
        double v = w->x[i] - mu, count = w->count_x[i];
        for (; i + 1 < w->n_x && w->x[i + 1] - mu == v; i++)
            count += w->count_x[i + 1];
        at = walk_up(w->y, at, v);
        add(w, v, count, at, &f);
    }
    return f;
}

static struct found find(const struct ranks *w, double mu)
{
    /* Each x - mu is off by half a unit in its last place. */
    bool apart = w->gap > 2 * EPSILON * (w->largest + fabs(mu));
    return apart ? walk(w, mu) : walk_close(w, mu);
}

double ranks_statistic(const struct ranks *w, double mu)
{
    if (!isfinite(w->x[0] - mu) || !isfinite(w->x[w->n_x - 1] - mu))
        return NAN;
    struct found f = find(w, mu);
    double all = w->m + w->n, dz = f.pairs - w->m * w->n / 2;
    double correction = dz > 0 ? 0.5 : dz < 0 ? -0.5 : 0;
    double sigma = sqrt(w->m * w->n / 12 * (all + 1 - f.ties / (all * (all - 1))));
    return sigma > 0 ? (dz - correction) / sigma : NAN;
}

double ranks_cles(const struct ranks *w)
{
    return find(w, 0).pairs / (w->m * w->n);
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
static double find_root(const struct ranks *w, double level, double reach, double fa, double fb)
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

static double find_bound(const struct ranks *w, double level, double reach, double first,
                         double last)
{
    return first - level <= 0  ? w->low
           : last - level >= 0 ? w->high
                               : find_root(w, level, reach, first - level, last - level);
}

bool ranks_shift(const struct ranks *w, double confidence, double reach, struct ranks_shift *ret)
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
