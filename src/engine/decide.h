/* SPDX-License-Identifier: Apache-2.0
 *
 * From the states of the checks to the end of the guard, and to the reasons that explain it.
 */
#ifndef ENGINE_DECIDE_H
#define ENGINE_DECIDE_H

#include "engine/engine.h"

/* What a check still lacks for a pass (I1): a set of these. */
enum decide_lack { DECIDE_FEW_POLLS = 1, DECIDE_FEW_SAMPLES = 2, DECIDE_LAST_BLIND = 4 };

/* May this check decide: neither advisory by its config nor by its past. */
bool decide_counts(const struct hd_check *, const struct hd_check_state *);
/* Must this check be observed before the guard may pass? */
bool decide_required(const struct hd_policy *, uint32_t check);
unsigned decide_lacks(const struct hd_policy *, const struct hd_guard_state *, uint32_t check);
/* Stable, full of traffic and well before the switch, turned bad together with the candidate. */
bool decide_both_turned(const struct hd_guard_state *, const struct hd_check_state *);
/* Advisory for its past alone, broken since the switch as well, and not seen well for long enough since:
 * it fails nothing, and nothing passes beside it. */
bool decide_not_well_again(const struct hd_policy *, const struct hd_guard_state *, uint32_t check);

/* pass_score is set, and this score (NaN: none) does not reach it. */
bool decide_low_score(const struct hd_policy *, double score);

/* Ends the guard in `s` (kind, cause), or extends it, or leaves it going; fills the score. True: it
 * ended and needs a human now. */
bool decide(const struct hd_policy *, struct hd_guard_state *s);

/* The verdict with its reasons, worst first, from the state alone. */
void verdict_fill(const struct hd_policy *, const struct hd_guard_state *, struct hd_verdict *ret);

#endif
