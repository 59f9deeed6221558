/* SPDX-License-Identifier: Apache-2.0
 *
 * The reasons of a verdict as numbers, from policy and state alone, so that a stored state explains
 * itself again. Decides nothing, writes no sentence (base/reason.c does). Called by engine.c.
 */
#include "engine/decide.h"

#include <math.h>
#include <string.h>

#include "engine/rules.h"
#include "engine/stream.h"
#include "engine/weigh.h"

/* What comes first. */
enum rank { FIRST, UNDECIDED, SHARED_NOW, BROKEN_NOW, NOT_SEEN, TOLERATED, NEAR_LIMIT, GOOD };

#define RANKED_MAX (6 * HD_CHECKS_MAX + 10) /* six rows a check at most, and the guard's own */

struct ranked {
    struct hd_reason reason[RANKED_MAX];
    enum rank rank[RANKED_MAX];
    size_t n;
};

/* Keeps the rows sorted; equal ranks stay in the order of the checks. */
static void put(struct ranked *r, enum rank rank, struct hd_reason reason)
{
    size_t at = r->n++;
    for (; at && r->rank[at - 1] > rank; at--) {
        r->rank[at] = r->rank[at - 1];
        r->reason[at] = r->reason[at - 1];
    }
    r->rank[at] = rank;
    r->reason[at] = reason;
}

static struct hd_reason row(enum hd_reason_number number, uint32_t check)
{
    return (struct hd_reason){.number = (uint16_t)number, .check = (uint8_t)check,
                              .role = HD_CANDIDATE, .value = NAN, .limit = NAN, .stable = NAN,
                              .n = NAN};
}

/* A row with the figures of the last judgement. */
static struct hd_reason figures(enum hd_reason_number number, const struct hd_policy *p,
                                const struct hd_guard_state *g, uint32_t check)
{
    const struct hd_check_state *s = &g->check[check];
    struct hd_reason r = row(number, check);
    r.baseline = s->baseline;
    r.value = s->value;
    r.limit = s->limit;
    r.stable = s->stable_value;
    r.n = s->n;
    rules_tell(rules_of(p, check), s, &r.k, &r.of);
    return r;
}

/* The figures of the judgement that tripped the check. */
static struct hd_reason worst(enum hd_reason_number number, const struct hd_policy *p,
                              const struct hd_guard_state *g, uint32_t check)
{
    const struct hd_check_state *s = &g->check[check];
    struct hd_reason r = figures(number, p, g, check);
    r.value = s->worst_value;
    r.limit = s->worst_limit;
    r.stable = s->worst_stable;
    r.n = s->worst_n;
    r.k = s->worst_k;
    return r;
}

static enum hd_reason_number broken_reason(const struct hd_check_state *s)
{
    static const enum hd_reason_number by_limit[] = {
        [JUDGE_HOLDS] = HD_REASON_ABOVE_MAX,         [JUDGE_MAX] = HD_REASON_ABOVE_MAX,
        [JUDGE_MIN] = HD_REASON_BELOW_MIN,           [JUDGE_WORSE] = HD_REASON_WORSE_THAN_BASELINE,
        [JUDGE_BELOW] = HD_REASON_BELOW_BASELINE,
    };
    return by_limit[s->broke_by <= JUDGE_BELOW ? s->broke_by : JUDGE_HOLDS];
}

/* Before the switch: stable's value then, against the absolute limit. */
static struct hd_reason earlier(const struct hd_check *c, const struct hd_check_state *s,
                                uint32_t check)
{
    struct hd_reason r = row(HD_REASON_EARLIER, check);
    struct judge_sums before = {s->before_events, s->before_exposure, s->before_ms,
                                s->before_value};
    r.role = HD_STABLE;
    r.baseline = JUDGE_BEFORE;
    r.value = r.stable = judge_value(c, &before);
    r.limit = judge_absolute(c, r.value) == JUDGE_MIN || !isfinite(c->max) ? c->min : c->max;
    r.n = c->query.kind == HD_QUERY_GAUGE ? NAN : s->before_exposure;
    r.k = s->before_broken;
    r.of = s->before_judged;
    return r;
}

static struct hd_reason few_samples(const struct hd_policy *p, uint32_t i, double n)
{
    struct hd_reason r = row(HD_REASON_TOO_FEW_SAMPLES, i);
    r.n = n;
    r.limit = judge_need(&p->checks[i]);
    r.of = r.limit < UINT32_MAX ? (uint32_t)ceil(r.limit) : UINT32_MAX;
    return r;
}

/* The evidence of a sequential check, as it was when it sufficed. */
static struct hd_reason evidence(enum hd_reason_number number, const struct hd_policy *p,
                                 const struct hd_guard_state *g, uint32_t check)
{
    struct hd_reason r = worst(number, p, g, check);
    r.of = (uint32_t)(g->check[check].tripped_ms / 1000);
    return r;
}

/* The one row that says how a check stands. */
static void put_standing(struct ranked *r, const struct hd_policy *p,
                         const struct hd_guard_state *g, uint32_t i)
{
    const struct hd_check *c = &p->checks[i];
    const struct hd_check_state *s = &g->check[i];
    bool counts = decide_counts(c, s), sequential = stream_is_sequential(p, i);
    if (decide_not_well_again(p, g, i))
        put(r, g->kind == HD_VERDICT_NONE ? BROKEN_NOW : UNDECIDED, figures(HD_REASON_NOT_WELL_AGAIN, p, g, i));
    else if (s->tripped && sequential)
        put(r, FIRST, evidence(HD_REASON_EVIDENCE, p, g, i));
    else if (s->shared_run && sequential)
        put(r, SHARED_NOW, figures(HD_REASON_NO_WORSE, p, g, i));
    else if (s->tripped && counts)
        put(r, FIRST, worst(broken_reason(s), p, g, i));
    else if (s->tripped)
        put(r, TOLERATED, worst(HD_REASON_ADVISORY, p, g, i));
    else if (s->shared_run)
        put(r, counts ? SHARED_NOW : TOLERATED,
            figures(decide_both_turned(g, s) ? HD_REASON_BOTH_BAD_AFTER_SWITCH : HD_REASON_SHARED,
                    p, g, i));
    else if (s->blind)
        put(r, NOT_SEEN, row(HD_REASON_BLIND, i));
    else if (s->band == HD_BAND_FAIL)
        put(r, counts ? BROKEN_NOW : TOLERATED, figures(broken_reason(s), p, g, i));
    else if (sequential && s->band != HD_BAND_NONE && stream_is_beyond(c, s->value, s->limit))
        put(r, NEAR_LIMIT, figures(HD_REASON_UNPROVEN, p, g, i));
    else if (s->band == HD_BAND_WARN)
        put(r, NEAR_LIMIT, figures(HD_REASON_NEAR, p, g, i));
    else if (s->band == HD_BAND_PASS)
        put(r, GOOD, figures(HD_REASON_WITHIN, p, g, i));
    else if (s->outcome == HD_OUTCOME_TOO_FEW && g->kind == HD_VERDICT_NONE)
        put(r, NOT_SEEN, few_samples(p, i, s->gather_exposure));
    if (s->reason)
        put(r, NOT_SEEN, row((enum hd_reason_number)s->reason, i));
    if (s->earlier)
        put(r, TOLERATED, earlier(c, s, i));
}

/* Far above the usual, and no evidence: the whole guard's value, and what the least would have been that is
 * one. */
static struct hd_reason restless(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t i)
{
    const struct hd_check_state *s = &g->check[i];
    struct judge_sums all = {s->sum_events, s->sum_exposure, s->watched_ms, NAN};
    struct hd_reason r = figures(HD_REASON_RESTLESS, p, g, i);
    double whole = judge_value(&p->checks[i], &all), least = weigh_least(p, g, i);
    if (stream_is_above(p, i, s))
        r.value = whole;
    r.n = s->sum_exposure;
    r.k = (uint32_t)fmin(weigh_effective(g, i), UINT32_MAX);
    if (isfinite(least) && !stream_is_beyond(&p->checks[i], r.value, least) && 2 * r.k < r.n)
        r.limit = least;
    else
        r.number = HD_REASON_FAR_ABOVE;
    return r;
}

static void put_lacks(struct ranked *r, const struct hd_policy *p, const struct hd_guard_state *g,
                      uint32_t i)
{
    unsigned lacks = decide_required(p, i) ? decide_lacks(p, g, i) : 0;
    if (decide_counts(&p->checks[i], &g->check[i]) && weigh_is_unproven(p, g, i))
        put(r, UNDECIDED, restless(p, g, i));
    if (lacks & DECIDE_FEW_SAMPLES)
        put(r, UNDECIDED, few_samples(p, i, g->check[i].sum_exposure));
    if (lacks & DECIDE_FEW_POLLS) {
        struct hd_reason why = row(HD_REASON_TOO_FEW_POLLS, i);
        why.k = g->check[i].judged;
        why.of = g->polls;
        put(r, UNDECIDED, why);
    }
    if (lacks & DECIDE_LAST_BLIND)
        put(r, UNDECIDED, row(HD_REASON_LAST_POLLS_BLIND, i));
}

static void put_guard(struct ranked *r, const struct hd_policy *p, const struct hd_guard_state *g)
{
    struct hd_reason why = row((enum hd_reason_number)g->silent_by, HD_NO_CHECK);
    if (g->silent) {
        why.k = g->silent_ready;
        why.of = g->silent_wanted;
        put(r, FIRST, why);
    }
    if (g->kind == HD_VERDICT_PASS)
        put(r, FIRST, row(HD_REASON_ALL_GOOD, HD_NO_CHECK));
    if (g->kind != HD_VERDICT_NONE && decide_low_score(p, g->score)) {
        why = row(HD_REASON_LOW_SCORE, HD_NO_CHECK);
        why.value = g->score;
        why.limit = p->guard.pass_score;
        put(r, UNDECIDED, why);
    }
}

static uint32_t percent(double share) { return share > 0 ? (uint32_t)(100 * share) : 0; }

/* Where the evidence of all sequential checks stands. */
static void put_weigh(struct ranked *r, const struct hd_guard_state *g, bool late)
{
    struct weigh v = weigh_view(g);
    struct hd_reason why;
    if (!v.any)
        return;
    why = row(v.pause ? HD_REASON_EVIDENCE_PAUSE : HD_REASON_EVIDENCE_METER, HD_NO_CHECK);
    why.k = percent(v.meter);
    why.value = v.meter;
    put(r, v.pause ? NEAR_LIMIT : GOOD, why);
    if (v.doubt > 0 && late) {
        why = row(HD_REASON_DOUBT, HD_NO_CHECK);
        why.k = percent(v.doubt);
        put(r, UNDECIDED, why);
    }
    if (v.cannot_tell)
        put(r, v.crossed_ms ? UNDECIDED : TOLERATED, row(HD_REASON_CANNOT_TELL, HD_NO_CHECK));
    if (v.shared) {
        why = row(HD_REASON_STABLE_WORSE, HD_NO_CHECK);
        why.role = HD_STABLE;
        put(r, SHARED_NOW, why);
    }
    if (v.healthy_ms && !v.crossed_ms) {
        why = row(HD_REASON_PROVEN_HEALTHY, HD_NO_CHECK);
        why.k = (uint32_t)(v.healthy_ms / 1000);
        put(r, GOOD, why);
    }
    if (v.routing_ms) {
        why = row(HD_REASON_ROUTING, HD_NO_CHECK);
        why.k = percent(v.routed + 0.005);
        why.of = percent(v.share + 0.005);
        put(r, NEAR_LIMIT, why);
    }
}

void verdict_fill(const struct hd_policy *p, const struct hd_guard_state *g, struct hd_verdict *ret)
{
    struct ranked r = {.n = 0};
    bool over = g->t_ms + p->guard.interval_ms >= p->guard.duration_ms + g->extended_ms;
    /* It ended, or waits for an answer from poll to poll: who is given more time early lacks nothing yet. */
    bool late = g->kind == HD_VERDICT_INCONCLUSIVE ||
                (g->kind == HD_VERDICT_NONE && g->extended_ms > 0 && over);
    put_guard(&r, p, g);
    put_weigh(&r, g, late);
    for (uint32_t i = 0; i < p->n_checks; i++) {
        put_standing(&r, p, g, i);
        if (late)
            put_lacks(&r, p, g, i);
    }
    *ret = (struct hd_verdict){.kind = g->kind, .cause = g->cause, .score = g->score};
    ret->n = r.n < HD_REASONS_MAX ? r.n : HD_REASONS_MAX;
    memcpy(ret->reason, r.reason, ret->n * sizeof *ret->reason);
}
