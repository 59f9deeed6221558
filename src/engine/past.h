/* SPDX-License-Identifier: Apache-2.0
 *
 * What stable's time before the switch teaches the sequential rule about one check. Asked once,
 * before the guard's first poll; the result is evidence, and is stored as such.
 */
#ifndef ENGINE_PAST_H
#define ENGINE_PAST_H

#include "engine/dispersion.h"
#include "engine/engine.h"

/* One step of the past as bad ones of so many (GAUGE: the value in `events`, exposure 1); a step
 * without usable evidence: exposure 0. */
struct seq_arm past_step(const struct hd_check *, const struct hd_measurement *);
/* Steps of `step_ms`, oldest first. False: too little for anything (fewer than 60 seen steps). */
bool past_learn(const struct hd_policy *, uint32_t check, const struct history *, int64_t step_ms,
                struct hd_past *ret);

/* Which of `n` histories (slower than a bound each) are nearest to 30 %, 5 % and 0.5 % of slow
 * requests: fills at most 3 indexes in this order, no two alike, and returns how many. */
size_t past_pick_bounds(const struct history *, size_t n, size_t ret[3]);

#endif
