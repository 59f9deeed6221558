/* SPDX-License-Identifier: Apache-2.0
 *
 * One look at work: what look.c prepares and counts.c counts. Lives in the arena of the look.
 */
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "engine/memory.h"

/* One row that counts. */
struct item {
    const struct hd_row *row;
    uint64_t target, id[2];
    uint8_t role;
    int8_t event; /* +1: its growth is events; -1: it is taken off them (a bucket); 0: neither */
    bool exposure;
};

struct start {
    uint64_t target;
    int64_t start_ms, scraped_ms; /* of the process; its earliest scrape in this look */
};

struct bin {
    double events, exposure;
    int64_t from_ms, to_ms; /* what the increments cover */
    bool any;
};

/* One look at work. Bins are [bin][role]. */
struct work {
    const struct counts_look *look;
    struct hd_arena *arena;
    const struct counts *old;
    struct counts next;
    int64_t since_ms, until_ms, bin_ms;
    size_t n_bins;
    struct bin *bin, *group_bin; /* all; those of the target at hand */
    struct item *item;
    size_t n_items;
    struct start *start;
    size_t n_starts;
    uint8_t outcome[HD_ROLES];
    uint16_t reason[HD_ROLES];
    bool any[HD_ROLES]; /* a usable row of exposure came */
};

/* Fills item (sorted as the memory is, without those of a refused role) and start; refuses roles
 * whose rows cannot be counted. */
enum hd_code look_take_rows(struct work *, struct hd_error *err);
/* The worst outcome of a role wins, whatever the order of its rows. */
void look_refuse(struct work *, int role, uint8_t outcome, uint16_t reason);
int look_by_number(const void *a, const void *b);
int look_by_target(const void *a, const void *b);

#endif
