/* SPDX-License-Identifier: Apache-2.0
 *
 * See dispersion.h. Each estimate walks the history once per batch size and keeps nothing. Called
 * by evidence.c before a guard begins, and by `haldane engine eval`.
 */
#include "engine/dispersion.h"

#include <math.h>
#include <stdbool.h>

#define Z_UPPER 1.2816     /* 90 % */
#define BATCH_MAX 16       /* polls */
#define BATCHES_MIN 60     /* fewer batches say too little about their spread */
#define PAIRS_MIN 10
#define EVENTS_MIN 0.2     /* expected in a batch; below, a share is noise */
#define CEILING_MAX 0.95   /* at 1 nothing could be too bad */

struct seq_arm dispersion_effective(struct seq_arm a, double rho)
{
    double phi = a.exposure > 1 ? 1 + (a.exposure - 1) * rho : 1;
    return (struct seq_arm){a.events / phi, a.exposure / phi};
}

static struct seq_arm sum_of(const struct history *h, size_t from, size_t n)
{
    struct seq_arm sum = {0, 0};
    for (size_t i = from; i < from + n; i++) {
        sum.events += h->events[i];
        sum.exposure += h->exposure[i];
    }
    return sum;
}

/* The larger of `best` and rho by batches of `size` polls. `p`: share of the whole history. */
static double rho_of_batches(const struct history *h, size_t size, double p, double mean_n,
                             double best)
{
    size_t m = h->n / size, pairs = 0;
    double sum = 0;
    if (m < BATCHES_MIN || p * mean_n * (double)size < EVENTS_MIN)
        return best;
    struct seq_arm last = sum_of(h, 0, size);
    for (size_t i = 1; i < m; i++) {
        struct seq_arm now = sum_of(h, i * size, size);
        if (now.exposure > 0 && last.exposure > 0) {
            double d = now.events / now.exposure - last.events / last.exposure;
            sum += d * d / (p * (1 - p) * (1 / now.exposure + 1 / last.exposure));
            pairs++;
        }
        last = now;
    }
    if (pairs < PAIRS_MIN)
        return best;
    double df = (double)pairs / 1.5, c = 2 / (9 * df), root = 1 - c - Z_UPPER * sqrt(c);
    double chi = df * root * root * root;
    double rho = (sum / (double)pairs * df / chi - 1) / (mean_n > 2 ? mean_n - 1 : 1);
    return rho > best ? rho : best;
}

double dispersion_rho(const struct history *h, size_t most)
{
    struct seq_arm all = sum_of(h, 0, h->n);
    if (!(all.exposure > 0) || !(all.events > 0) || all.events >= all.exposure)
        return 0;
    double p = all.events / all.exposure, mean_n = all.exposure / (double)h->n, best = 0;
    bool used = false;
    for (size_t size = 1; size <= BATCH_MAX && (size <= most || !used); size *= 2) {
        used |= p * mean_n * (double)size >= EVENTS_MIN;
        best = rho_of_batches(h, size, p, mean_n, best);
    }
    return best;
}

static struct seq_arm effective_sum(const struct history *h, size_t from, size_t n, double rho)
{
    struct seq_arm sum = {0, 0};
    for (size_t i = from; i < from + n; i++) {
        struct seq_arm a =
            dispersion_effective((struct seq_arm){h->events[i], h->exposure[i]}, rho);
        sum.events += a.events;
        sum.exposure += a.exposure;
    }
    return sum;
}

double dispersion_between(const struct history *h, double rho, size_t block)
{
    size_t blocks = block ? h->n / block : 0;
    struct seq_arm all = effective_sum(h, 0, blocks * block, rho);
    if (blocks < 2 || !(all.exposure > 0) || !(all.events > 0))
        return 0;
    double p = all.events / all.exposure, spread = 0, mean = all.exposure * p / (double)blocks;
    for (size_t i = 0; i < blocks; i++) {
        struct seq_arm b = effective_sum(h, i * block, block, rho);
        spread += (b.events - b.exposure * p) * (b.events - b.exposure * p);
    }
    double beyond = spread / (double)(blocks - 1) - mean;
    return beyond > 0 ? sqrt(beyond) / mean : 0;
}

double dispersion_upper(double events, double exposure, double z)
{
    return (events + z * z / 2 + z * sqrt(events + z * z / 4)) / exposure;
}

struct past dispersion_learn(const struct history *h, double rho, size_t block)
{
    struct seq_arm all = effective_sum(h, 0, h->n, rho);
    return (struct past){rho, dispersion_between(h, rho, block), all.events, all.exposure};
}

double dispersion_ceiling(const struct past *p, double ratio, double offset, double z)
{
    if (!(p->exposure > 0))
        return CEILING_MAX;
    double upper = dispersion_upper(p->events, p->exposure, z) +
                   2 * p->between * p->events / p->exposure;
    double q = ratio * upper + offset;
    return q < CEILING_MAX ? q : CEILING_MAX;
}

/* By bisection: it is asked once a guard. */
double dispersion_z(double p)
{
    double low = 0, high = 10;
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(middle / sqrt(2)) > p)
            low = middle;
        else
            high = middle;
    }
    return low;
}
