/* SPDX-License-Identifier: Apache-2.0
 *
 * See rng.h. splitmix64 (Steele, Lea, Flood 2014); normals by Marsaglia's polar method, gammas by
 * Marsaglia and Tsang (2000), Poisson by sequential inversion below a mean of 30 and by Hoermann's
 * transformed rejection PTRS (1993) above: all exact up to rounding. Called by generate.c.
 */
#include "rng.h"

#include <math.h>

#define INVERT_BELOW 30.0

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_next(struct rng *r)
{
    return mix(r->state += 0x9e3779b97f4a7c15u);
}

struct rng rng_of(uint64_t seed, uint64_t stream)
{
    struct rng r = {.state = seed};
    r.state = rng_next(&r) ^ stream;
    r.state = rng_next(&r);
    return r;
}

double rng_uniform(struct rng *r)
{
    return ((double)(rng_next(r) >> 12) + .5) * 0x1p-52;
}

double rng_normal(struct rng *r)
{
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    double x, y, s;
    do {
        x = 2 * rng_uniform(r) - 1;
        y = 2 * rng_uniform(r) - 1;
        s = x * x + y * y;
    } while (s >= 1 || s <= 0);
    double f = sqrt(-2 * log(s) / s);
    r->spare = y * f;
    r->has_spare = true;
    return x * f;
}

double rng_gamma(struct rng *r, double shape)
{
    if (shape < 1) /* one more, and a power of a uniform takes it off again */
        return rng_gamma(r, shape + 1) * pow(rng_uniform(r), 1 / shape);
    double d = shape - 1. / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(r), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(rng_uniform(r)) < x * x / 2 + d - d * v + d * log(v))
            return d * v;
    }
}

double rng_beta(struct rng *r, double a, double b)
{
    double x = rng_gamma(r, a), y = rng_gamma(r, b);
    return x + y > 0 ? x / (x + y) : 0;
}

static double poisson_invert(struct rng *r, double mean)
{
    double u = rng_uniform(r), term = exp(-mean), k = 0;
    while (u > term && term > 0) {
        u -= term;
        term *= mean / ++k;
    }
    return k;
}

static double poisson_reject(struct rng *r, double mean)
{
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inverse = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = rng_uniform(r) - .5, v = rng_uniform(r), near = .5 - fabs(u);
        double k = floor((2 * a / near + b) * u + mean + 0.43);
        if (near >= 0.07 && v <= squeeze)
            return k;
        if (k < 0 || (near < 0.013 && v > near))
            continue;
        if (log(v * inverse / (a / (near * near) + b)) <= k * log(mean) - mean - lgamma(k + 1))
            return k;
    }
}

double rng_poisson(struct rng *r, double mean)
{
    if (!(mean > 0))
        return 0;
    return mean < INVERT_BELOW ? poisson_invert(r, mean) : poisson_reject(r, mean);
}
