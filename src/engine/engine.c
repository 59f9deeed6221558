/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of the decision: takes the evidence of a poll into the checks' states, then asks
 * decide.c. Evidence that is not usable steps nothing; it can only let a check go blind. Knows no
 * clock, no I/O, no colour. Called by pipeline/, and by replay, backtest and analyze alike.
 */
#include "engine/decide.h"

#include <math.h>

#include "engine/poll.h"
#include "engine/rules.h"
#include "engine/stream.h"
#include "engine/weigh.h"

#define FULL_SWITCH_PPM 990000u /* from here on, too little is left on stable to compare with */
#define TIME_MAX_MS ((int64_t)1 << 53) /* of any guard time: sums of two cannot overflow */

void engine_state_init(const struct hd_policy *p, struct hd_guard_state *ret)
{
    *ret = (struct hd_guard_state){.n_checks = p->n_checks, .score = NAN};
    for (uint32_t i = 0; i < p->n_checks; i++) {
        struct hd_check_state *s = &ret->check[i];
        s->outcome = HD_OUTCOME_NO_DATA;
        s->value = s->stable_value = s->limit = s->n = NAN;
        s->worst_value = s->worst_stable = s->worst_limit = s->worst_n = NAN;
    }
    weigh_init(p, ret);
}

static enum hd_code index_evidence(struct poll *p, struct hd_error *err)
{
    for (size_t i = 0; i < p->evidence->n; i++) {
        const struct hd_measurement *m = &p->evidence->m[i];
        if (m->check >= p->policy->n_checks || m->role >= HD_ROLES)
            return hd_fail(err, HD_INVALID, "evidence names check %u, role %u", m->check, m->role);
        if (p->m[m->check][m->role])
            return hd_fail(err, HD_INVALID, "two measurements of check %u, role %u", m->check,
                           m->role);
        p->m[m->check][m->role] = m;
    }
    for (size_t i = 0; i < p->evidence->n_past; i++) {
        if (p->evidence->past[i].check >= p->policy->n_checks)
            return hd_fail(err, HD_INVALID, "the past names check %u", p->evidence->past[i].check);
    }
    return HD_OK;
}

bool poll_usable(const struct hd_check *c, const struct hd_measurement *m)
{
    uint16_t reason;
    return m && m->fresh && judge_outcome(c, m, &reason) == HD_OUTCOME_OK;
}

/* `sum` and some more, at most `max`. */
static int64_t add_ms(int64_t sum, int64_t more, int64_t max)
{
    return more <= 0 ? sum : more < max - sum ? sum + more : max;
}

static bool before_bad(const struct hd_check_state *s)
{
    return s->before_judged >= 2 && 2 * (uint64_t)s->before_broken > s->before_judged;
}

/* One minute before the switch: what stable counted is the baseline; did it break the limit? */
static void take_bin(const struct hd_check *c, const struct hd_measurement *m,
                     struct hd_check_state *s)
{
    if (!poll_usable(c, m))
        return;
    struct judge_sums bin = {m->events, m->exposure, m->covers_ms, m->value};
    if (c->query.kind != HD_QUERY_GAUGE) {
        s->before_events += m->events;
        s->before_exposure += m->exposure;
        s->before_ms = add_ms(s->before_ms, m->covers_ms, TIME_MAX_MS);
    }
    if (!judge_enough(c, &bin))
        return;
    s->before_judged++;
    if (c->query.kind == HD_QUERY_GAUGE)
        s->before_value += (m->value - s->before_value) / s->before_judged;
    bool broken = judge_absolute(c, judge_value(c, &bin)) != JUDGE_HOLDS;
    s->before_broken += broken;
    s->earlier = broken && before_bad(s); /* bins come oldest first: a clean last one ends it */
}

/* How much time the measurement covers: counters say it; a gauge stands for one interval. Never
 * more than has passed since the switch. */
static int64_t covered_ms(const struct poll *p, const struct hd_check *c,
                          const struct hd_measurement *m)
{
    int64_t ms = m->covers_ms;
    if (c->query.kind == HD_QUERY_GAUGE)
        ms = p->since_last_ms < p->policy->guard.interval_ms ? p->since_last_ms
                                                             : p->policy->guard.interval_ms;
    return add_ms(0, ms, p->t_ms);
}

static void gather(const struct poll *p, uint32_t i, struct hd_check_state *s)
{
    const struct hd_check *c = &p->policy->checks[i];
    const struct hd_measurement *mine = p->m[i][HD_CANDIDATE];
    s->observed++;
    int64_t newest_ms = mine->age_ms > 0 ? p->t_ms - mine->age_ms : p->t_ms;
    if (newest_ms > s->observed_ms) /* what is old was not observed now (I1) */
        s->observed_ms = newest_ms;
    s->gather_ms = add_ms(s->gather_ms, covered_ms(p, c, mine), p->t_ms);
    if (c->query.kind == HD_QUERY_GAUGE)
        return;
    s->sum_events += mine->events;
    s->sum_exposure += mine->exposure;
    s->gather_events += mine->events;
    s->gather_exposure += mine->exposure;
}

/* Stable's counts join even in a poll without new samples of the candidate: scrape offsets are
 * fixed, and the two might never meet in one poll. */
static void gather_stable(const struct poll *p, uint32_t i, struct hd_check_state *s)
{
    const struct hd_check *c = &p->policy->checks[i];
    const struct hd_measurement *theirs = p->m[i][HD_STABLE];
    if (c->query.kind == HD_QUERY_GAUGE || !poll_usable(c, theirs))
        return;
    s->stable_events += theirs->events;
    s->stable_exposure += theirs->exposure;
    s->gather_stable_events += theirs->events;
    s->gather_stable_exposure += theirs->exposure;
    s->gather_stable_ms = add_ms(s->gather_stable_ms, covered_ms(p, c, theirs), p->t_ms);
}

static void forget_gathered(struct hd_check_state *s)
{
    s->gather_events = s->gather_exposure = 0;
    s->gather_stable_events = s->gather_stable_exposure = 0;
    s->gather_ms = s->gather_stable_ms = 0;
}

static struct judgement judge_gathered(const struct poll *p, uint32_t i,
                                       const struct hd_check_state *s)
{
    const struct hd_check *c = &p->policy->checks[i];
    const struct hd_measurement *theirs = p->m[i][HD_STABLE];
    struct judge_sums candidate = {s->gather_events, s->gather_exposure, s->gather_ms,
                                   p->m[i][HD_CANDIDATE]->value};
    struct judge_sums stable = {s->gather_stable_events, s->gather_stable_exposure,
                                s->gather_stable_ms, poll_usable(c, theirs) ? theirs->value : NAN};
    struct judge_sums before = {s->before_events, s->before_exposure, s->before_ms,
                                s->before_judged ? s->before_value : NAN};
    /* After a full switch stable's own traffic says nothing about the candidate's. */
    bool says = judge_baseline_enough(c, &stable) || judge_proves_break(c, &stable);
    bool concurrent = says && !(c->query.kind == HD_QUERY_RATE && p->full);
    return judge(c, &candidate, concurrent ? &stable : NULL,
                 judge_baseline_enough(c, &before) ? &before : NULL);
}

static void show(const struct judgement *j, struct hd_check_state *s)
{
    s->band = j->band;
    s->baseline = j->baseline;
    s->broke_by = j->broke_by;
    s->value = j->value;
    s->stable_value = j->stable;
    s->limit = j->limit;
    s->n = j->n;
    s->reason = j->decided ? HD_REASON_NONE : HD_REASON_NO_BASELINE;
}

/* Seen well for as many polls as a trip takes, it is no longer what it was before the switch: from now
 * on it counts like any other, and what it broke till then is forgotten. */
static void look_well_again(const struct hd_rule *rule, bool well, struct hd_check_state *s)
{
    s->well_again = s->earlier && well ? s->well_again + 1 : 0;
    if (s->well_again < rules_k(rule))
        return;
    s->earlier = s->tripped = 0;
    s->well_again = s->broken = 0;
    s->tripped_ms = 0;
    s->recent = 0;
}

/* True: both colours have been bad for as long as a trip would have taken; a human is told now. */
static bool step_rule(const struct poll *p, uint32_t i, const struct judgement *j,
                      struct hd_check_state *s)
{
    const struct hd_rule *rule = rules_of(p->policy, i);
    if (j->shared) {
        s->shared++;
        s->shared_run++;
        s->well_again = 0;
        return s->shared_run == rules_k(rule) && decide_counts(&p->policy->checks[i], s);
    }
    /* A side without traffic has calm gauges, whatever befell the rest. */
    bool idle = p->alone && p->policy->checks[i].query.kind == HD_QUERY_GAUGE;
    s->shared_run = 0;
    s->well_run = j->broken ? s->well_run + (j->baseline == JUDGE_CONCURRENT && !idle) : 0;
    bool met = rules_step(rule, j, s);
    look_well_again(rule, !j->broken, s);
    if (!met || s->tripped)
        return false;
    uint32_t of;
    s->tripped = 1;
    s->tripped_ms = p->t_ms;
    s->worst_value = j->value;
    s->worst_stable = j->stable;
    s->worst_limit = j->limit;
    s->worst_n = j->n;
    rules_tell(rule, s, &s->worst_k, &of);
    return false;
}

/* Two looks in one interval are one poll, as after a restart: nothing is twice as bad for being asked
 * twice. */
static bool too_soon(const struct poll *p, int64_t last_ms)
{
    return p->t_ms - last_ms < p->policy->guard.interval_ms / 2;
}

/* Takes one check's evidence in; true: a human is told now. */
static bool take_check(const struct poll *p, uint32_t i, struct hd_check_state *s)
{
    const struct hd_check *c = &p->policy->checks[i];
    const struct hd_measurement *mine = p->m[i][HD_CANDIDATE];
    uint16_t reason;
    uint8_t outcome = judge_outcome(c, mine, &reason);
    if (outcome != HD_OUTCOME_OK) {
        s->outcome = outcome;
        s->reason = reason;
        return false;
    }
    if (s->outcome != HD_OUTCOME_OK && s->outcome != HD_OUTCOME_TOO_FEW) {
        s->outcome = HD_OUTCOME_OK; /* the source answers again */
        s->reason = HD_REASON_NONE;
    }
    gather_stable(p, i, s);
    if (!mine->fresh)
        return false;
    gather(p, i, s);
    struct judge_sums sums = {s->gather_events, s->gather_exposure, s->gather_ms, mine->value};
    bool enough = judge_enough(c, &sums);
    s->outcome = enough ? HD_OUTCOME_OK : HD_OUTCOME_TOO_FEW;
    s->reason = HD_REASON_NONE;
    if (!enough)
        return false;
    if (s->judged && too_soon(p, s->judged_ms)) { /* added to the next one it would dilute that */
        s->watched_ms = add_ms(s->watched_ms, s->gather_ms, p->t_ms);
        forget_gathered(s);
        return false;
    }
    struct judgement j = judge_gathered(p, i, s);
    bool sequential = stream_is_sequential(p->policy, i);
    if (sequential) { /* the limits are judged by all the evidence, not by this poll */
        j.decided = stream_has_null(c, s, p->alone, poll_usable(c, p->m[i][HD_STABLE]));
        j.band = HD_BAND_PASS;
        /* As the evidence does, it waits for stable's samples: the two sides may come in turns. */
        if (!j.decided && s->gather_ms < 2 * (p->scrape_ms + p->policy->guard.interval_ms))
            return false;
    }
    show(&j, s);
    const bool counts = !p->warm || c->critical;
    if (j.decided) {
        s->judged++;
        s->warm += !counts && !sequential;
        s->judged_ms = p->t_ms;
        s->watched_ms = add_ms(s->watched_ms, s->gather_ms, p->t_ms);
    }
    forget_gathered(s);
    return j.decided && !sequential && counts && step_rule(p, i, &j, s);
}

/* True: the check went blind in this poll, and a human is told. */
static bool look_blind(const struct hd_policy *p, uint32_t i, int64_t t_ms,
                       struct hd_check_state *s)
{
    bool was = s->blind;
    s->blind = p->guard.blind_for_ms > 0 && t_ms - s->observed_ms >= p->guard.blind_for_ms;
    if (s->blind)
        s->band = HD_BAND_NONE;
    return s->blind && !was && decide_counts(&p->checks[i], s);
}

/* The candidate carries traffic and gives no samples, while its source is alive: every counted
 * check lacks the candidate and at least one has stable. A service that is known to be idle gives
 * nobody samples. */
static bool no_samples(const struct poll *p, const struct hd_guard_state *g)
{
    const struct hd_presence *presence = &p->evidence->presence[HD_CANDIDATE];
    bool alive = false;
    if (p->t_ms < 2 * g->scrape_ms + p->policy->guard.interval_ms ||
        (presence->known && !presence->share_ppm))
        return false;
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        const struct hd_check *c = &p->policy->checks[i];
        const struct hd_measurement *mine = p->m[i][HD_CANDIDATE], *theirs = p->m[i][HD_STABLE];
        const struct hd_check_state *s = &g->check[i];
        if (c->query.kind != HD_QUERY_COUNTS)
            continue;
        if (!mine || (mine->outcome != HD_OUTCOME_NO_DATA && mine->outcome != HD_OUTCOME_STALE))
            return false;
        uint16_t reason;
        bool idle = s->before_ms > 0 && !(s->before_exposure + s->stable_exposure > 0);
        alive |= theirs && judge_outcome(c, theirs, &reason) == HD_OUTCOME_OK && !idle;
    }
    return alive;
}

/* The candidate has shown life: new samples, or a ready member. */
static bool alive(const struct poll *p)
{
    const struct hd_presence *presence = &p->evidence->presence[HD_CANDIDATE];
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        if (poll_usable(&p->policy->checks[i], p->m[i][HD_CANDIDATE]))
            return true;
    }
    return presence->known &&
           (!presence->share_ppm || (presence->ready && presence->ready != UINT32_MAX));
}

static void look_silent(const struct poll *p, struct hd_guard_state *g)
{
    const struct hd_presence *presence = &p->evidence->presence[HD_CANDIDATE];
    bool none_ready = presence->known && presence->share_ppm && presence->ready == 0;
    bool silent = none_ready || no_samples(p, g);
    if (!silent && !alive(p))
        return;
    if (!silent)
        g->silent = 0;
    if (g->polls > 1 && too_soon(p, g->silent_ms))
        return;
    g->silent_looks = g->silent_looks << 1 | silent;
    g->silent_ms = p->t_ms;
    if (!silent)
        return;
    g->silent++;
    g->silent_by = none_ready ? HD_REASON_CANDIDATE_SILENT : HD_REASON_CANDIDATE_NO_SAMPLES;
    g->silent_ready = presence->known ? presence->ready : UINT32_MAX;
    g->silent_wanted = presence->known ? presence->wanted : UINT32_MAX;
}

/* Takes a poll of after the switch in; true: a human is told now. */
static bool take_poll(struct poll *p, struct hd_guard_state *g)
{
    const struct hd_presence *presence = &p->evidence->presence[HD_CANDIDATE];
    bool page = false, was_warm = g->polls > 0 && g->t_ms < p->policy->guard.warmup_ms;
    p->since_last_ms = p->t_ms - g->t_ms;
    p->warm = p->t_ms < p->policy->guard.warmup_ms;
    g->polls++;
    g->t_ms = p->t_ms;
    if (p->evidence->scrape_ms > 0 && p->evidence->scrape_ms < TIME_MAX_MS)
        g->scrape_ms = p->evidence->scrape_ms;
    p->scrape_ms = g->scrape_ms;
    if (presence->known && presence->share_ppm >= FULL_SWITCH_PPM)
        g->full_switch = 1;
    p->full = g->full_switch;
    p->alone = weigh_is_alone(p, g);
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        struct hd_check_state *s = &g->check[i];
        if (was_warm && !p->warm && !p->policy->checks[i].critical)
            forget_gathered(s); /* the warm-up is not judged later */
        page |= take_check(p, i, s);
        page |= look_blind(p->policy, i, p->t_ms, s);
    }
    page |= weigh_step(p, g);
    look_silent(p, g);
    return page;
}

enum hd_code engine_step(const struct hd_policy *policy, const struct hd_guard_state *before,
                         const struct hd_evidence *evidence, int64_t t_ms,
                         struct hd_guard_state *ret_after, struct hd_verdict *ret_verdict,
                         struct hd_error *err)
{
    struct poll p = {.policy = policy, .evidence = evidence,
                     .t_ms = t_ms > before->t_ms ? t_ms : before->t_ms};
    if (p.t_ms > TIME_MAX_MS)
        p.t_ms = TIME_MAX_MS;
    enum hd_code code = index_evidence(&p, err);
    if (code)
        return code;
    bool page = false;
    struct hd_guard_state *g = ret_after;
    if (g != before)
        *g = *before;
    if (g->kind == HD_VERDICT_NONE && evidence->before) {
        for (uint32_t i = 0; i < policy->n_checks; i++)
            take_bin(&policy->checks[i], p.m[i][HD_STABLE], &g->check[i]);
        weigh_past(policy, evidence, g);
    } else if (g->kind == HD_VERDICT_NONE) {
        page = take_poll(&p, g);
        page |= decide(policy, g);
    }
    verdict_fill(policy, g, ret_verdict);
    ret_verdict->page = page;
    return HD_OK;
}

void engine_take(const struct engine_input *in, struct hd_guard_state *s, struct hd_verdict *v)
{
    switch (in->kind) {
    case ENGINE_EXTENDED:
        s->extended_ms += in->by_ms;
        break;
    case ENGINE_ORDERED_BACK:
        v->kind = v->kind == HD_VERDICT_NONE ? HD_VERDICT_FAIL : v->kind;
        break;
    case ENGINE_ALERT_FAILED:
    case ENGINE_ALERT_DOUBTED:
        v->kind = in->kind == ENGINE_ALERT_FAILED ? HD_VERDICT_FAIL : HD_VERDICT_INCONCLUSIVE;
        v->reason[0] = (struct hd_reason){.number = HD_REASON_ALERT, .check = HD_NO_CHECK};
        v->n = 1;
        break;
    case ENGINE_NEVER_CAME:
        v->kind = HD_VERDICT_INCONCLUSIVE;
        break;
    default:
        break;
    }
}
