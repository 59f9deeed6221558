/* SPDX-License-Identifier: Apache-2.0
 *
 * How the guards of a service have done: counts, medians, false alarms. Pure.
 */
#ifndef HTTP_RECORD_H
#define HTTP_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

#define RECORD_GUARDS 200 /* of the newest; older ones say little of the service of today */

struct record {
    size_t guards; /* that ended */
    size_t alarms; /* of those, with the verdict fail and without an order */
    size_t false_alarms, missed; /* marked so by a human */
    size_t of_state[16];
    /* Medians over what applies, ms; -1: never. detect: switch to decision · revert: decision to
     * proof · recover: decision to users well. */
    int64_t detect_ms, revert_ms, recover_ms;
};
void record_of(struct hd_arena *, const struct store_guard *, size_t n, struct record *ret);
/* "Of 24 guards 2 raised an alarm; 1 of these was marked false (50%); 1 other was bad and not caught." */
void record_say(struct buf *, const struct record *);
/* "detected 62 s, reverted 3.1 s, recovered 48 s"; nothing when there is none. */
void record_times(struct buf *, const struct record *);

#endif
