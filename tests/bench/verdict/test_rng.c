/* SPDX-License-Identifier: Apache-2.0
 *
 * The samplers of verdict-bench against what their laws say: moments and chi-square, with fixed
 * seeds, so that a failure is a change and never chance.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rng.h"

#define DRAWS 200000
#define SIGMAS 4.5

static void splitmix64_is_the_published_sequence(void **unused)
{
    (void)unused;
    static const uint64_t want[] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f};
    struct rng r = {.state = 0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(rng_next(&r), want[i]);
}

static void streams_differ(void **unused)
{
    (void)unused;
    struct rng a = rng_of(1, 1), b = rng_of(1, 2), c = rng_of(2, 1), again = rng_of(1, 1);
    uint64_t first = rng_next(&a);
    assert_true(first != rng_next(&b) && first != rng_next(&c));
    assert_int_equal(first, rng_next(&again));
}

/* --- moments --- */

static double draw_uniform(struct rng *r, double a, double b)
{
    return (void)a, (void)b, rng_uniform(r);
}
static double draw_normal(struct rng *r, double a, double b)
{
    return (void)a, (void)b, rng_normal(r);
}
static double draw_gamma(struct rng *r, double a, double b)
{
    return (void)b, rng_gamma(r, a);
}
static double draw_beta(struct rng *r, double a, double b)
{
    return rng_beta(r, a, b);
}
static double draw_poisson(struct rng *r, double a, double b)
{
    return (void)b, rng_poisson(r, a);
}

static const struct {
    const char *name;
    double (*draw)(struct rng *, double, double);
    double a, b, mean, variance, fourth; /* fourth: central moment, for the variance's own error */
} laws[] = {
    {"uniform", draw_uniform, 0, 0, .5, 1. / 12, 1. / 80},
    {"normal", draw_normal, 0, 0, 0, 1, 3},
    {"gamma .3", draw_gamma, .3, 0, .3, .3, 3 * .09 + 6 * .3},
    {"gamma 2.5", draw_gamma, 2.5, 0, 2.5, 2.5, 3 * 6.25 + 6 * 2.5},
    {"gamma 998", draw_gamma, 998, 0, 998, 998, 3 * 998. * 998 + 6 * 998},
    {"beta 1 998", draw_beta, 1, 998, 1. / 999, 998. / (999. * 999 * 1000), 9e-12},
    {"poisson .001", draw_poisson, .001, 0, .001, .001, .001 + 3e-6},
    {"poisson .7", draw_poisson, .7, 0, .7, .7, .7 + 3 * .49},
    {"poisson 12", draw_poisson, 12, 0, 12, 12, 12 + 3 * 144},
    {"poisson 29.99", draw_poisson, 29.99, 0, 29.99, 29.99, 29.99 + 3 * 899.4},
    {"poisson 30", draw_poisson, 30, 0, 30, 30, 30 + 3 * 900},
    {"poisson 333", draw_poisson, 333, 0, 333, 333, 333 + 3 * 110889.},
    {"poisson 1e6", draw_poisson, 1e6, 0, 1e6, 1e6, 1e6 + 3e12},
};

static void mean_and_variance_are_the_laws_own(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        struct rng r = rng_of(7, i);
        double sum = 0, square = 0;
        for (int k = 0; k < DRAWS; k++) {
            double x = laws[i].draw(&r, laws[i].a, laws[i].b) - laws[i].mean;
            sum += x;
            square += x * x;
        }
        double mean_error = sqrt(laws[i].variance / DRAWS);
        double variance_error =
            sqrt((laws[i].fourth - laws[i].variance * laws[i].variance) / DRAWS);
        if (fabs(sum / DRAWS) > SIGMAS * mean_error ||
            fabs(square / DRAWS - laws[i].variance) > SIGMAS * variance_error)
            fail_msg("%s: mean off by %g sigma, variance by %g", laws[i].name,
                     sum / DRAWS / mean_error,
                     (square / DRAWS - laws[i].variance) / variance_error);
    }
}

/* --- shape --- */

static double poisson_share(double mean, double k)
{
    return exp(k * log(mean) - mean - lgamma(k + 1));
}

/* Chi-square over the counts whose expectation is at least 20; all others share one bin. */
static void poisson_has_its_shape(void **unused)
{
    (void)unused;
    static const double means[] = {.2, 3, 17, 29.9, 30.1, 45, 140};
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        static uint32_t seen[1000];
        struct rng r = rng_of(11, i);
        for (int k = 0; k < 1000; k++)
            seen[k] = 0;
        for (int k = 0; k < DRAWS; k++) {
            double x = rng_poisson(&r, means[i]);
            assert_true(x >= 0 && x < 1000);
            seen[(int)x]++;
        }
        double chi = 0, rest = DRAWS, rest_seen = DRAWS, bins = 0;
        for (int k = 0; k < 1000; k++) {
            double want = DRAWS * poisson_share(means[i], k);
            if (want < 20)
                continue;
            chi += (seen[k] - want) * (seen[k] - want) / want;
            rest -= want;
            rest_seen -= seen[k];
            bins++;
        }
        if (rest > 1)
            chi += (rest_seen - rest) * (rest_seen - rest) / rest;
        if (chi > bins + SIGMAS * sqrt(2 * bins) + 5)
            fail_msg("poisson %g: chi-square %g over %g bins", means[i], chi, bins);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitmix64_is_the_published_sequence),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(mean_and_variance_are_the_laws_own),
        cmocka_unit_test(poisson_has_its_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
