/* SPDX-License-Identifier: Apache-2.0
 *
 * Nanoseconds of CPU that Kayenta's judge takes for one metric, from two lists of values to the
 * label: many different data sets in turn, so that no branch is learned by heart.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "engine/kayenta.h"

#define SETS 64
#define BATCHES 9
#define BATCH_S 0.05

static uint64_t state = 88172645463325252u;

static double uniform(void) /* above 0, below 1 */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double gauss(void) { return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()); }

static double value_gaussian(void) { return 10 + gauss(); }
static double value_ties(void) { return floor(10 * uniform()); }
static double value_heavy(void) { return pow(uniform(), -1 / 1.2); } /* Pareto: no variance */
static double value_sparse(void) { return uniform() < 0.9 ? 0 : floor(1 + 3 * uniform()); }

static const struct shape {
    const char *name;
    double (*value)(void);
} shapes[] = {
    {"gaussian", value_gaussian},
    {"ten values (ties)", value_ties},
    {"heavy tail", value_heavy},
    {"nine of ten are 0", value_sparse},
};

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(const struct shape *s, size_t n)
{
    ARENA_AUTO data = arena_new();
    ARENA_AUTO scratch = arena_new();
    struct kayenta_options o = kayenta_options_default(false);
    struct kayenta_result r;
    struct hd_error err;
    double *set[SETS], ns[BATCHES];
    for (size_t k = 0; k < SETS; k++) {
        set[k] = arena_many(data, 2 * n, double);
        for (size_t i = 0; i < 2 * n; i++)
            set[k][i] = s->value();
    }
    for (size_t b = 0; b < BATCHES; b++) {
        double began = cpu_s(), took = 0;
        size_t done = 0;
        for (; took < BATCH_S; took = cpu_s() - began) {
            for (size_t k = 0; k < SETS; k++, done++) {
                arena_reset(scratch);
                if (kayenta_judge(scratch, &o, true, (struct samples){set[k], n},
                                  (struct samples){set[k] + n, n}, &r, &err) ||
                    r.label == KAYENTA_ERROR)
                    exit(1);
            }
        }
        ns[b] = took / (double)done * 1e9;
    }
    qsort(ns, BATCHES, sizeof *ns, by_number);
    return ns[BATCHES / 2];
}

int main(void)
{
    static const size_t sizes[] = {60, 1440, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
            (void)printf("%zu\t%s\t%.0f\n", sizes[i], shapes[k].name, measure(&shapes[k], sizes[i]));
    return 0;
}
