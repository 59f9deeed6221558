/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers of verdict-bench: one 64-bit state, and exact samplers over it. The same seed and
 * stream give the same numbers for ever. Not for secrets.
 */
#ifndef VERDICT_RNG_H
#define VERDICT_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
    double spare; /* second normal of the last pair */
    bool has_spare;
};

/* Streams of one seed begin at unrelated places of the one long cycle. */
struct rng rng_of(uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *);
double rng_uniform(struct rng *); /* in (0, 1), both ends excluded */
double rng_normal(struct rng *);  /* mean 0, deviation 1 */
double rng_gamma(struct rng *, double shape);
double rng_beta(struct rng *, double a, double b);
double rng_poisson(struct rng *, double mean); /* a whole number; mean <= 0 gives 0 */

#endif
