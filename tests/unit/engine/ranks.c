/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast paths beside the plain definition: sorting beside qsort, and the rank statistic beside a
 * ranking of all values, equal to the last bit, for ties, for values that rounding makes one, and
 * for every size at which the walk changes its way.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/ranks.h"
#include "engine/samples.h"

#define N_MAX 700

static uint64_t state = 88172645463325252u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double uniform(void) { return (double)(draw() >> 11) / 9007199254740992.0; }

static double plain(void) { return 20 * uniform() - 10; }
static double tied(void) { return (double)(draw() % 7) - 3; }
static double sparse(void) { return draw() % 10 ? 0 : uniform(); }
static double heavy(void) { return pow(1 - uniform(), -3) * (draw() % 2 ? 1 : -1); }
static double close_by(void) { return 1 + (double)(draw() % 5) * DBL_EPSILON; }
static double close_and_far(void) { return draw() % 2 ? close_by() : 1e6 * uniform(); }
static double tiny(void) { return 1e-300 * uniform(); }

static const struct kind {
    const char *name;
    double (*x)(void), (*y)(void);
} kinds[] = {
    {"plain", plain, plain},       {"ties", tied, tied},
    {"ties against plain", tied, plain}, {"sparse", sparse, sparse},
    {"heavy tails", heavy, heavy}, {"close to one another", close_by, close_by},
    {"close and far", close_and_far, heavy}, {"tiny", tiny, tiny},
    {"tiny against plain", tiny, plain},
};

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cube(double t) { return t * t * t - t; }

/* By the definition: rank everything, average the ranks of equal values. */
static double ranked(const double *x, size_t m, const double *y, size_t n, double mu)
{
    double all[2 * N_MAX], ranks = 0, ties = 0;
    for (size_t i = 0; i < m; i++)
        all[i] = x[i] - mu;
    memcpy(all + m, y, n * sizeof *y);
    qsort(all, m + n, sizeof *all, by_number);
    for (size_t i = 0, end; i < m + n; i = end) {
        size_t of_x = 0;
        for (end = i; end < m + n && all[end] == all[i]; end++)
            ;
        for (size_t k = 0; k < m; k++)
            of_x += x[k] - mu == all[i];
        ranks += (double)of_x * ((double)(i + 1 + end) / 2);
        ties += cube((double)(end - i));
    }
    double dm = (double)m, dn = (double)n, dz = ranks - dm * (dm + 1) / 2 - dm * dn / 2;
    double sigma = sqrt(dm * dn / 12 * (dm + dn + 1 - ties / ((dm + dn) * (dm + dn - 1))));
    return sigma > 0 ? (dz - (dz > 0 ? 0.5 : dz < 0 ? -0.5 : 0)) / sigma : NAN;
}

static void compare(const struct kind *kind, size_t m, size_t n)
{
    ARENA_AUTO a = arena_new();
    double x[N_MAX], y[N_MAX], spare[N_MAX];
    for (size_t i = 0; i < m; i++)
        x[i] = kind->x();
    for (size_t i = 0; i < n; i++)
        y[i] = kind->y();
    samples_sort(x, m, spare);
    samples_sort(y, n, spare);
    struct ranks *r = ranks_new(a, x, m, y, n);
    double mus[] = {0, x[0] - y[n - 1], x[m - 1] - y[0], x[m / 2] - y[n / 2], plain(), tied(), heavy()};
    for (size_t i = 0; i < sizeof mus / sizeof *mus; i++) {
        double got = ranks_statistic(r, mus[i]), want = ranked(x, m, y, n, mus[i]);
        if (got != want && !(isnan(got) && isnan(want)))
            fail_msg("%s, %zu and %zu values, mu %a: %a, not %a", kind->name, m, n, mus[i], got, want);
    }
}

static void statistic(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t m = 1; m <= 12; m++)
            for (size_t n = 1; n <= 12; n++)
                compare(&kinds[k], m, n);
        compare(&kinds[k], 300, 37);
        compare(&kinds[k], 1, N_MAX);
        compare(&kinds[k], N_MAX, 1);
        compare(&kinds[k], 500, 500);
    }
    ARENA_AUTO a = arena_new();
    double x[] = {-DBL_MAX, 0}, y[] = {0, 1};
    struct ranks_shift shift;
    struct ranks *r = ranks_new(a, x, 2, y, 2);
    assert_true(isnan(ranks_statistic(r, DBL_MAX)) && isnan(ranks_statistic(r, HUGE_VAL)));
    r = ranks_new(a, (double[]){0, DBL_MAX}, 2, (double[]){-DBL_MAX, 0}, 2);
    assert_false(ranks_shift(r, 0.98, 1e-4, &shift));
}

static void sort(void **unused)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 255, 256, 257, N_MAX};
    (void)unused;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            double got[N_MAX], want[N_MAX], spare[N_MAX];
            for (size_t i = 0; i < sizes[s]; i++)
                got[i] = want[i] = i % 97 == 5 ? HUGE_VAL : i % 89 == 7 ? -HUGE_VAL : kinds[k].x();
            samples_sort(got, sizes[s], spare);
            qsort(want, sizes[s], sizeof *want, by_number);
            for (size_t i = 0; i < sizes[s]; i++)
                if (got[i] != want[i])
                    fail_msg("%s, %zu values: %a at %zu, not %a", kinds[k].name, sizes[s], got[i], i,
                             want[i]);
        }
    }
}

/* However far or near the two sides lie, the interval is found and holds what it must. */
static void interval(void **unused)
{
    static const double shifts[] = {0, 1e-9, 1, 1e9, 1e200};
    (void)unused;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++) {
            ARENA_AUTO a = arena_new();
            double x[40], y[40], spare[40];
            for (size_t i = 0; i < 40; i++) {
                x[i] = kinds[k].x() + shifts[s];
                y[i] = kinds[k].y();
            }
            samples_sort(x, 40, spare);
            samples_sort(y, 40, spare);
            struct ranks_shift r;
            if (!ranks_shift(ranks_new(a, x, 40, y, 40), 0.98, 1e-4, &r))
                continue; /* rounding made all values one */
            if (!(r.lower >= x[0] - y[39] && r.upper <= x[39] - y[0] && r.estimate >= x[0] - y[39] &&
                  r.estimate <= x[39] - y[0]))
                fail_msg("%s, shifted by %g: %g..%g, %g", kinds[k].name, shifts[s], r.lower, r.upper,
                         r.estimate);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistic),
        cmocka_unit_test(sort),
        cmocka_unit_test(interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
