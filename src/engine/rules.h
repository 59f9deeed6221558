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
/* The check's own rule, or the guard's where it has none. */
const struct hd_rule *rules_of(const struct hd_policy *, uint32_t check);

#endif
