/* SPDX-License-Identifier: Apache-2.0
 *
 * When judgements trip a check. One row per enum hd_rule_kind; a rule that carries evidence from
 * poll to poll keeps it in hd_check_state.words.
 */
#ifndef ENGINE_RULES_H
#define ENGINE_RULES_H

#include "engine/engine.h"
#include "engine/judge.h"

/* Takes in one judgement that counts; true: the rule is met. */
bool rules_step(const struct hd_rule *, const struct judgement *, struct hd_check_state *);
/* How far it is: k broken polls of so many that the rule looks at. */
void rules_tell(const struct hd_rule *, const struct hd_check_state *, uint32_t *ret_k,
                uint32_t *ret_of);
/* The rule's k, at least 1. */
uint32_t rules_k(const struct hd_rule *);
/* Is a candidate silent too often, that was so at the last look? As many polls in a row as the rule wants, or most
 * of the last ones: what crashes and is started again is ready for a moment now and then. */
bool rules_silent(const struct hd_rule *, uint32_t in_a_row, uint64_t looks);
/* The check's own rule, or the guard's where it has none. */
const struct hd_rule *rules_of(const struct hd_policy *, uint32_t check);

#endif
