/* SPDX-License-Identifier: Apache-2.0
 *
 * See decide.h. Silence is never a pass (I1) and never a fail: what was not observed can only make
 * a guard inconclusive. Called by engine.c after each poll; changes only the guard's own fields.
 */
#include "engine/decide.h"

#include <math.h>

#include "engine/rules.h"
#include "engine/stream.h"
#include "engine/weigh.h"

#define POLLS_LAST 3 /* one of the last three polls must have been observed */

bool decide_counts(const struct hd_check *c, const struct hd_check_state *s)
{
    return !c->advisory && !s->earlier;
}

/* Critical checks; without any, all that may fail the guard; without any, all. A check that was
 * broken before the switch must be observed all the same. */
bool decide_required(const struct hd_policy *p, uint32_t check)
{
    bool critical = false, deciding = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        critical |= p->checks[i].critical && !p->checks[i].advisory;
        deciding |= !p->checks[i].advisory;
    }
    const struct hd_check *c = &p->checks[check];
    return critical ? c->critical && !c->advisory : !deciding || !c->advisory;
}

unsigned decide_lacks(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t check)
{
    const struct hd_check *c = &p->checks[check];
    const struct hd_check_state *s = &g->check[check];
    int64_t polls_ms = POLLS_LAST * p->guard.interval_ms;
    int64_t scrapes_ms = 2 * g->scrape_ms + p->guard.interval_ms;
    unsigned lacks = 0;
    if (!s->judged || s->watched_ms <= p->guard.duration_ms / 2)
        lacks |= DECIDE_FEW_POLLS;
    if (c->query.kind == HD_QUERY_COUNTS && !(s->sum_exposure >= judge_need(c)))
        lacks |= DECIDE_FEW_SAMPLES;
    if (g->t_ms - s->observed_ms > (polls_ms > scrapes_ms ? polls_ms : scrapes_ms))
        lacks |= DECIDE_LAST_BLIND;
    return lacks;
}

bool decide_both_turned(const struct hd_guard_state *g, const struct hd_check_state *s)
{
    return g->full_switch && s->before_judged > 0 && !s->earlier;
}

/* Once it is seen well for long enough, `earlier` is over (engine.c): what is still here was not. */
bool decide_not_well_again(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t check)
{
    const struct hd_check *c = &p->checks[check];
    const struct hd_check_state *s = &g->check[check];
    if (c->advisory || !s->earlier)
        return false;
    if (!stream_is_sequential(p, check))
        return s->broken || s->shared;
    struct judge_sums all = {s->sum_events, s->sum_exposure, s->watched_ms, s->value};
    return judge_absolute(c, judge_value(c, &all)) != JUDGE_HOLDS;
}

/* 100 x the weighted share of pass, a warning one half; what is not known counts nothing, or with
 * `benefit` as a pass. NaN: nothing judged yet. */
static double score_of(const struct hd_policy *p, const struct hd_guard_state *g, bool benefit)
{
    double sum = 0, all = 0;
    bool judged = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        const struct hd_check_state *s = &g->check[i];
        double weight = p->checks[i].weight;
        if (!decide_counts(&p->checks[i], s) || !isfinite(weight) || weight <= 0)
            continue;
        judged |= s->judged > 0;
        all += weight;
        if (s->band == HD_BAND_PASS || (benefit && s->band == HD_BAND_NONE))
            sum += weight;
        else if (s->band == HD_BAND_WARN)
            sum += weight / 2;
    }
    return judged && all > 0 ? 100 * (sum / all) : NAN;
}

bool decide_low_score(const struct hd_policy *p, double score)
{
    return isfinite(p->guard.pass_score) && !(isfinite(score) && score >= p->guard.pass_score);
}

static void end(struct hd_guard_state *g, enum hd_verdict_kind kind, enum hd_cause cause)
{
    g->kind = (uint8_t)kind;
    g->cause = (uint8_t)cause;
}

/* A silent candidate, or a check that tripped. */
static bool failed(const struct hd_policy *p, struct hd_guard_state *g)
{
    if (rules_silent(&p->guard.fail_after, g->silent, g->silent_looks)) {
        end(g, HD_VERDICT_FAIL, HD_CAUSE_RELEASE);
        return true;
    }
    bool tripped = false, stable_well = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        const struct hd_check_state *s = &g->check[i];
        if (!s->tripped || !decide_counts(&p->checks[i], s))
            continue;
        tripped = true;
        stable_well |= 2 * (uint64_t)s->well_run > s->consecutive; /* beside most of the bad polls */
    }
    if (tripped)
        end(g, HD_VERDICT_FAIL, stable_well ? HD_CAUSE_RELEASE : HD_CAUSE_UNKNOWN);
    return tripped;
}

/* Every required check has all it needs. */
static bool observed(const struct hd_policy *p, const struct hd_guard_state *g)
{
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (decide_required(p, i) && decide_lacks(p, g, i))
            return false;
    }
    return p->n_checks > 0;
}

/* Does the deadline find no answer: both colours bad, not enough observed, a check that was broken before
 * the switch not well again, every check that could decide of that kind, evidence that is enough to stop
 * giving the candidate more traffic, or values that no evidence could tell from a past like this. */
static bool undecided(const struct hd_policy *p, const struct hd_guard_state *g,
                      enum hd_cause *ret_cause)
{
    bool shared = false, both = false, deciding = false, earlier = false, still = false, unproven = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        const struct hd_check_state *s = &g->check[i];
        earlier |= !p->checks[i].advisory && s->earlier;
        still |= decide_not_well_again(p, g, i);
        if (!decide_counts(&p->checks[i], s))
            continue;
        deciding = true;
        unproven |= weigh_is_unproven(p, g, i);
        shared |= s->shared_run > 0;
        both |= s->shared_run > 0 && decide_both_turned(g, s);
    }
    still |= earlier && !deciding;
    *ret_cause = both ? HD_CAUSE_UNKNOWN : shared ? HD_CAUSE_SHARED
                 : still ? HD_CAUSE_EARLIER : HD_CAUSE_UNKNOWN;
    return shared || still || unproven || weigh_view(g).doubt > 0 || !observed(p, g);
}

/* With `wait` the guard goes on until it can say, at most as long again as it was meant to last. */
static bool may_wait(const struct hd_policy *p, struct hd_guard_state *g)
{
    int64_t left = p->guard.duration_ms - g->extended_ms;
    if (p->on_inconclusive != HD_ON_INCONCLUSIVE_WAIT || left <= 0)
        return false;
    int64_t more = g->t_ms + p->guard.interval_ms - p->guard.duration_ms - g->extended_ms;
    g->extended_ms += more < left ? more : left;
    return g->t_ms < p->guard.duration_ms + g->extended_ms;
}

bool decide(const struct hd_policy *p, struct hd_guard_state *g)
{
    g->score = score_of(p, g, false);
    if (failed(p, g) || g->t_ms < p->guard.duration_ms + g->extended_ms)
        return false;
    if (g->silent || weigh_holds_back(p, g)) /* it fails in a few polls, or was a blip */
        return false;
    enum hd_cause cause;
    bool open = undecided(p, g, &cause);
    bool low = decide_low_score(p, g->score);
    if (!open && low && decide_low_score(p, score_of(p, g, true))) {
        end(g, HD_VERDICT_FAIL, HD_CAUSE_UNKNOWN);
        return false;
    }
    if (!open && !low) {
        end(g, HD_VERDICT_PASS, HD_CAUSE_UNKNOWN);
        return false;
    }
    if (may_wait(p, g))
        return false;
    end(g, HD_VERDICT_INCONCLUSIVE, cause);
    bool told = p->on_inconclusive == HD_ON_INCONCLUSIVE_PAGE ||
                p->on_inconclusive == HD_ON_INCONCLUSIVE_WAIT;
    for (uint32_t i = 0; i < p->n_checks; i++)
        told |= decide_not_well_again(p, g, i) ||
                (decide_counts(&p->checks[i], &g->check[i]) && g->check[i].shared_run > 0);
    return told;
}
