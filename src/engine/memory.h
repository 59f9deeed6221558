/* SPDX-License-Identifier: Apache-2.0
 *
 * What counting remembers between two looks. Flat on purpose: a series is known by a 128-bit hash
 * of its labels, so that 5,000 of them fit in 240 KiB, and in half of that saved. Shared by counts.c
 * (which changes it), memory.c (which saves and loads it) and memory_text.c (which reads the form of
 * before).
 */
#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H

#include "engine/counts.h"

#define COUNTS_STEPS 32 /* latest scrape steps of a role; their median outlives a missed scrape */
#define COUNTS_NEVER (-1)
#define COUNTS_TIME_MAX ((int64_t)1 << 53) /* no sample is newer: beyond it, times are damaged */

struct counts_series {
    uint64_t target;   /* hash of what is scraped as one; 0: unknown */
    uint64_t id[2];    /* hash of colour and labels */
    int64_t first_ms;  /* earliest sample known */
    int64_t last_ms;   /* latest sample taken in */
    double last;       /* its value */
};

struct counts_role {
    int64_t looked_ms;  /* latest look that was taken in, or COUNTS_NEVER */
    int64_t covered_ms; /* counted up to this sample time, or COUNTS_NEVER */
    int64_t newest_ms;  /* newest sample ever seen, or COUNTS_NEVER */
    uint64_t steps;     /* scrape steps seen in all; the latest COUNTS_STEPS are kept */
    int64_t step[COUNTS_STEPS];
};

struct counts {
    struct counts_role role[HD_ROLES];
    int64_t scrape_ms; /* from the steps: the median, of the slower role; 0: none is known */
    struct counts_series *series; /* by target, then id; no two alike */
    size_t n;
};

/* Order of the memory: < 0, 0, > 0. */
int counts_series_order(uint64_t target_a, const uint64_t id_a[2], uint64_t target_b,
                        const uint64_t id_b[2]);

/* counts.c. After steps have come: fills scrape_ms. */
void counts_learn_scrape(struct counts *);

/* memory_text.c. False: damaged, or none; `ret` is freed all the same. */
bool counts_load_text(struct hd_span text, struct counts *ret);

#endif
