/* SPDX-License-Identifier: Apache-2.0
 *
 * What is due when. Pure: time comes in. An absolute schedule: things due every N ms lie on
 * multiples of N since the epoch, so that equal questions of different services meet and nothing
 * drifts; a late turn skips what it missed instead of catching up in a burst.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first multiple of `every_ms` after `now_ms` (wall). */
int64_t sched_next_multiple(int64_t now_ms, int64_t every_ms);

/* A heap of (due, key); every key is there at most once. Times are boot ms. */
struct sched;
struct sched *sched_new(void);
struct sched *sched_free(struct sched *);
/* Sets or moves a key; false: out of memory. */
bool sched_set(struct sched *, uint64_t key, int64_t due_ms);
void sched_drop(struct sched *, uint64_t key); /* absent keys are fine */
/* Removes and gives the earliest key that is due; false: none. Equal times: smaller key first. */
bool sched_pop(struct sched *, int64_t now_ms, uint64_t *ret_key, int64_t *ret_due_ms);
/* When the earliest is due; INT64_MAX: nothing. */
int64_t sched_due(const struct sched *);

/* Backoff before try `n` (1, 2, ...): base doubled up to cap, less up to a quarter of it by
 * `jitter` (any number; the same number gives the same wait). */
int64_t sched_backoff_ms(unsigned n, int64_t base_ms, int64_t cap_ms, uint64_t jitter);

#endif
