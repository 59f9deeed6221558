/* SPDX-License-Identifier: Apache-2.0
 *
 * What a side's past says about chance: how many of its requests behave as if independent, and how
 * high its share of bad ones may be by its own history. Works on whole histories, oldest first.
 */
#ifndef ENGINE_DISPERSION_H
#define ENGINE_DISPERSION_H

#include "engine/sequential.h"

/* Polls of equal length: bad ones and requests. */
struct history {
    const double *events, *exposure;
    size_t n;
};

/* A poll shrunk to its independent requests: both divided by 1 + (n-1) rho. */
struct seq_arm dispersion_effective(struct seq_arm, double rho);
/* Correlation between the requests of a poll, estimated high: from successive differences of the
 * shares over batches of 1, 2, 4, 8 and 16 polls, at their 90 % upper limit (Wilson-Hilferty). None
 * of more than `most` polls, unless shorter ones hold too few events. */
double dispersion_rho(const struct history *, size_t most);
/* Relative standard deviation between the shares of blocks of `block` polls beyond chance. */
double dispersion_between(const struct history *, double rho, size_t block);
/* Upper limit of a rate after E events in N, at z standard deviations (closed form). */
double dispersion_upper(double events, double exposure, double z);

/* What is kept of a history: enough for a ceiling, whatever the tolerance. */
struct past {
    double rho, between;
    double events, exposure; /* effective */
};
struct past dispersion_learn(const struct history *, double rho, size_t block);
/* The highest share that the past allows, with the tolerance on top; at most 0.95. */
double dispersion_ceiling(const struct past *, double ratio, double offset, double z);
/* z with a chance of p above it (standard normal), 0 < p <= 1/2. */
double dispersion_z(double p);

#endif
