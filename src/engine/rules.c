/* SPDX-License-Identifier: Apache-2.0
 *
 * See rules.h. The threshold rules share one step (a bit per judgement) and differ in what they
 * count. Decides only about one check. Called by engine.c and verdict.c.
 */
#include "engine/rules.h"

struct rule {
    void (*step)(const struct judgement *, struct hd_check_state *);
    bool (*met)(const struct hd_rule *, const struct hd_check_state *);
    void (*tell)(const struct hd_rule *, const struct hd_check_state *, uint32_t *, uint32_t *);
};

uint32_t rules_k(const struct hd_rule *r) { return r->k > 1 ? r->k : 1; }

static uint32_t window_of(const struct hd_rule *r)
{
    uint32_t n = r->n > rules_k(r) ? r->n : rules_k(r);
    return n < HD_WINDOW_MAX ? n : HD_WINDOW_MAX;
}

static uint32_t bits_of(uint64_t recent, uint32_t n)
{
    return (uint32_t)__builtin_popcountll(recent & (UINT64_MAX >> (64 - n)));
}

static uint32_t broken_of(const struct hd_rule *r, const struct hd_check_state *s)
{
    return bits_of(s->recent, window_of(r));
}

bool rules_silent(const struct hd_rule *r, uint32_t in_a_row, uint64_t looks)
{
    uint32_t k = rules_k(r), n = 2 * k - 1 > window_of(r) ? 2 * k - 1 : window_of(r);
    return in_a_row >= k || (in_a_row && bits_of(looks, n < HD_WINDOW_MAX ? n : HD_WINDOW_MAX) >= k);
}

static void step_bits(const struct judgement *j, struct hd_check_state *s)
{
    s->recent = s->recent << 1 | j->broken;
    s->broken += j->broken;
    s->consecutive = j->broken ? s->consecutive + 1 : 0;
}

static bool consecutive_met(const struct hd_rule *r, const struct hd_check_state *s)
{
    return s->consecutive >= rules_k(r);
}

static void consecutive_tell(const struct hd_rule *r, const struct hd_check_state *s, uint32_t *k,
                             uint32_t *of)
{
    *k = s->consecutive;
    *of = s->consecutive > rules_k(r) ? s->consecutive : rules_k(r);
}

static bool window_met(const struct hd_rule *r, const struct hd_check_state *s)
{
    return broken_of(r, s) >= rules_k(r);
}

static void window_tell(const struct hd_rule *r, const struct hd_check_state *s, uint32_t *k,
                        uint32_t *of)
{
    *k = broken_of(r, s);
    *of = window_of(r);
}

static bool total_met(const struct hd_rule *r, const struct hd_check_state *s)
{
    return s->broken >= rules_k(r);
}

static void total_tell(const struct hd_rule *r, const struct hd_check_state *s, uint32_t *k,
                       uint32_t *of)
{
    (void)r;
    *k = s->broken;
    *of = s->judged;
}

/* All sequential checks are weighed together, by weigh.c. */
static void step_none(const struct judgement *j, struct hd_check_state *s)
{
    (void)j;
    (void)s;
}

static bool never_met(const struct hd_rule *r, const struct hd_check_state *s)
{
    (void)r;
    (void)s;
    return false;
}

static const struct rule rules[] = {
    [HD_RULE_CONSECUTIVE] = {step_bits, consecutive_met, consecutive_tell},
    [HD_RULE_K_OF_N] = {step_bits, window_met, window_tell},
    [HD_RULE_TOTAL] = {step_bits, total_met, total_tell},
    [HD_RULE_SEQUENTIAL] = {step_none, never_met, total_tell},
};

static const struct rule *rule_of(const struct hd_rule *r)
{
    bool known = r->kind >= 0 && (size_t)r->kind < sizeof rules / sizeof *rules;
    return &rules[known ? r->kind : HD_RULE_CONSECUTIVE];
}

bool rules_step(const struct hd_rule *r, const struct judgement *j, struct hd_check_state *s)
{
    rule_of(r)->step(j, s);
    return j->broken && rule_of(r)->met(r, s);
}

void rules_tell(const struct hd_rule *r, const struct hd_check_state *s, uint32_t *ret_k,
                uint32_t *ret_of)
{
    rule_of(r)->tell(r, s, ret_k, ret_of);
}

const struct hd_rule *rules_of(const struct hd_policy *p, uint32_t check)
{
    const struct hd_rule *own = &p->checks[check].fail_after;
    return own->k ? own : &p->guard.fail_after;
}
