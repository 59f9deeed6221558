/* SPDX-License-Identifier: Apache-2.0
 *
 * The one way traffic is moved back: probe and read the world, gate, journal the exact plan, send
 * it, read back until it is proven. The same for every actuator; what a broken or odd answer means
 * depends only on whether the request is an absolute set or a once-only order. Never waits for a
 * data source, a notifier or the candidate (I10).
 *
 * What if we die here? Before the journal's commit: nothing was sent, the guard decides again.
 * After it, anywhere: recover.c reads the world, and act_resume goes on from what it finds.
 */
#include "pipeline/act.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define SENDS_MAX 3          /* I6: a set is sent at most so often, each time after a read-back */
#define AGAIN_BASE_MS 100
#define AGAIN_CAP_MS 2000
#define UNCHANGED_READS 2    /* read-backs without effect before a set is sent again */

bool act_busy(const struct guard *g)
{
    return g->row.state == HD_STATE_DECIDING || g->row.state == HD_STATE_REVERTING ||
           g->row.state == HD_STATE_VERIFYING;
}

static void clear_plan(struct act *a)
{
    a->arena = arena_free(a->arena);
    a->plan = (struct hd_plan){.n = 0};
    a->step = 0;
}

void act_quiet(struct guard *g)
{
    struct act *a = &g->act;
    a->talk = talk_cancel(a->talk);
    if (a->sending)
        g->p->o.wire.cancel(g->p->o.wire.ctx, a->sending);
    a->sending = 0;
}

void act_clear(struct guard *g)
{
    struct act *a = &g->act;
    act_quiet(g);
    clear_plan(a);
    intent_clear(a);
    free(a->why_now);
    *a = (struct act){.again_ms = INT64_MAX};
}

void act_schedule(struct guard *g)
{
    const struct act *a = &g->act;
    due_set(g->p, DUE_ACT, g->service->index,
            a->again_ms < a->deadline_ms ? a->again_ms : a->deadline_ms);
}

void act_again(struct guard *g)
{
    struct act *a = &g->act;
    a->again_ms = g->p->now.boot_ms + sched_backoff_ms(++a->tries, AGAIN_BASE_MS, AGAIN_CAP_MS,
                                                      random_next(g->p));
    act_schedule(g);
}

void act_stand_down(struct guard *g, int state, int outcome, int reason, const char *text)
{
    ARENA_AUTO a = arena_new();
    text = arena_text(a, text); /* it may be the intent's own, which is replaced now */
    intent_outcome(g, outcome, text);
    if (state != HD_STATE_SUPERSEDED)
        mark_reject(g, g->ordered ? "to be left by an order" : "failed a guard");
    guard_end(g, state, reason, text);
}

/* --- reading the world --- */

/* What the reading still lacks of the goal. */
static enum hd_code plan_rest(const struct guard *g, const struct talk *t, struct hd_arena *a, struct hd_plan *ret,
                              struct hd_error *err)
{
    struct hd_goal goal = {.value = g->goal, .stamp = arena_print(a, ACT_STAMP, g->row.id)};
    return g->actuator->plan(a, &g->policy->site, &t->said, &goal, ret, err);
}

static bool make_plan(struct guard *g, struct talk *t, struct hd_error *err)
{
    struct act *a = &g->act;
    struct hd_plan plan = {.n = 0};
    if (plan_rest(g, t, t->arena, &plan, err))
        return false;
    if (plan.n == 0) {
        (void)hd_fail(err, HD_INVALID, "the router offers no change that leads to '%s'", g->goal);
        return false;
    }
    clear_plan(a);
    a->plan = plan;
    a->arena = t->arena; /* the requests live there */
    t->arena = NULL;
    return true;
}

/* A human had the traffic moved to a side that was rejected: a guard of its own watches it, which judges
 * it as a candidate and never moves it. False: the config has lost a side meanwhile. */
static bool hand_over(struct guard *g)
{
    struct service *s = g->service;
    int candidate = s->policy ? policy_colour(s->policy, guard_colour(g, HD_STABLE)) : -1;
    int stable = s->policy ? policy_colour(s->policy, guard_colour(g, HD_CANDIDATE)) : -1;
    if (candidate < 0 || stable < 0)
        return false;
    const struct guard_start next = {
        .stable = (uint8_t)stable,
        .candidate = (uint8_t)candidate,
        .trigger = "order",
        .value_before = g->act.intent.from,
        .value_after = g->goal,
        .switch_from_ms = g->p->now.wall_ms,
        .switch_to_ms = g->p->now.wall_ms,
        .advise = true,
    };
    guard_end(g, HD_STATE_REVERTED, HD_REASON_OPERATOR, "a guard of its own watches it from here on");
    (void)guard_start(s, &next);
    return true;
}

static void proven(struct guard *g, const struct hd_live *live)
{
    struct act *a = &g->act;
    bool already = !a->intent.guard;
    if (g->row.state == HD_STATE_REVERTING) /* planned again, and then the goal was there */
        guard_move(g, HD_STATE_VERIFYING);
    intent_outcome(g, HD_INTENT_VERIFIED, NULL);
    if (g->row.verified_ms < 0)
        g->row.verified_ms = g->p->now.wall_ms;
    g->verified_t_ms = guard_time(g);
    bool again = g->ordered && mark_of(g->service, guard_colour(g, HD_STABLE));
    mark_reject(g, g->ordered ? "left by an order" : "reverted by haldane");
    guard_move(g, HD_STATE_AFTERCARE);
    event_guard(g, "intent", already ? HD_REASON_ALREADY_THERE : HD_REASON_VERIFIED, g->goal, true);
    due_drop(g->p, DUE_ACT, g->service->index);
    watch_stop(g->service); /* a reading begun before our write says nothing about it */
    watch_rebase(g->service, g->policy, live); /* the proof is the newest reading, for whoever looks */
    if (!again || !hand_over(g))
        care_begin(g);
}

/* I4; false: the target may not take the traffic, and the guard has ended. */
static bool gate(struct guard *g, const struct hd_live *live)
{
    ARENA_AUTO a = arena_new();
    struct would w = may_take(g, live, g->act.automatic, a);
    if (w.reason)
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, w.reason, may_say(&w, g->p, a));
    return !w.reason;
}

/* An order whose steps must not be repeated. One from before a restart is planned again to know. */
static bool is_once(const struct guard *g, const struct talk *t)
{
    ARENA_AUTO a = arena_new();
    struct hd_plan plan = g->act.plan;
    if (!plan.n && plan_rest(g, t, a, &plan, NULL))
        return !g->actuator->absolute;
    bool once = false;
    for (size_t i = 0; i < plan.n; i++)
        once |= plan.step[i]->effect == HD_EFFECT_ONCE;
    return once;
}

/* By a new plan, from its step `begin` on. `further`: it goes on where the last one got to, and repeats
 * nothing. */
static void send_again(struct guard *g, struct talk *t, size_t begin, bool further)
{
    struct act *a = &g->act;
    struct hd_error err;
    if (!gate(g, &a->observe.live))
        return;
    if (!make_plan(g, t, &err)) {
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED, err.text);
        return;
    }
    a->unchanged = 0;
    a->unsent = false;
    a->begun = begin;
    intent_fill(g, a->intent.from, !further);
    act_send(g);
}

/* A change of ours that went a part of the way, and nobody else's: how many steps are missing; 0: it is not. */
static size_t half_done(const struct guard *g, const struct talk *t, const struct hd_live *live)
{
    ARENA_AUTO a = arena_new();
    struct hd_plan rest = {.n = 0};
    bool half = value_made_of(live->value, g->act.intent.from, g->goal) && !plan_rest(g, t, a, &rest, NULL) &&
                intent_is_rest(g, &rest);
    return half ? rest.n : 0;
}

static bool may_send_again(const struct guard *g, bool once, bool further)
{
    const struct act *a = &g->act;
    /* An order may go again only when it certainly had no effect; a set when it is seen to have
     * none. What did not leave at all is not counted, nor what goes on. */
    return (further || a->intent.sends < SENDS_MAX) && (a->unsent || !once);
}

static void read_back(struct guard *g, struct talk *t, const struct hd_live *live)
{
    struct act *a = &g->act;
    ARENA_AUTO arena = arena_new();
    bool moved = a->step > a->begun; /* steps were accepted since the last reading */
    size_t left;
    if (str_is(live->value, g->goal)) {
        proven(g, live);
    } else if (a->refused) {
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED,
                   arena_print(arena, "%s; the router still has %s",
                               a->intent.text ? a->intent.text : "", live->value));
    } else if (str_is(live->value, a->intent.from)) {
        bool wait = ++a->unchanged < UNCHANGED_READS && a->intent.outcome == HD_INTENT_ACCEPTED &&
                    !a->unsent;
        bool once = is_once(g, t);
        /* Sent twice before a restart: for the same reason, as far as anybody knows. */
        a->unseen |= (moved || (a->resumed && a->intent.sends > 1)) && !once;
        if (!wait && may_send_again(g, once, moved && once))
            send_again(g, t, once ? a->step : 0, moved && once);
        else
            act_again(g); /* until the deadline says unverified */
    } else if ((left = half_done(g, t, live))) {
        bool further = moved && left < a->plan.n;
        if (may_send_again(g, is_once(g, t), further))
            send_again(g, t, 0, further);
        else
            act_again(g);
    } else {
        act_stand_down(g, HD_STATE_SUPERSEDED, HD_INTENT_CONFLICT, HD_REASON_CHANGED_BY_OTHER,
                   arena_print(arena, "the router has %s, neither what was nor what we wanted%s%s",
                               live->value, live->owner ? ", by " : "", live->owner ? live->owner : ""));
        watch_rebase(g->service, g->policy, live); /* partly ours, so no switch of anybody */
    }
}

/* Somebody changed the traffic between the last reading and this one (I5). */
static bool changed_by_other(struct guard *g, const struct hd_live *live)
{
    const struct service *s = g->service;
    if (str_is(live->value, s->last.value) || (!g->act.reapply && str_is(live->value, g->row.value_after)))
        return false;
    uint32_t share = live->side[g->candidate].share_ppm;
    if (!g->act.reapply && share > reading_share(&s->last, guard_colour(g, HD_CANDIDATE)))
        return false; /* a further step of the same switch */
    watch_take(g->service, live); /* ends the guard, and knows this change from the next one */
    return true;
}

/* A hold was ordered since haldane decided by itself, or since a reload undid its revert, and not a byte has left: it
 * holds. */
static bool held(struct guard *g)
{
    ARENA_AUTO a = arena_new();
    struct would w = may_hold(g);
    bool again = g->act.reapply && g->row.state == HD_STATE_REVERTING;
    if (!g->act.automatic || !w.reason || (g->row.state != HD_STATE_DECIDING && !again))
        return false;
    const char *text = may_say(&w, g->p, a);
    if (again)
        act_stand_down(g, HD_STATE_NOT_VERIFIED, HD_INTENT_REFUSED, HD_REASON_UNDONE,
                       arena_print(a, "a reload of the router undid it; %s", text));
    else
        act_stand_down(g, HD_STATE_ADVISED, HD_INTENT_REFUSED, w.reason, text);
    return true;
}

static bool choose_goal(struct guard *g, const struct hd_live *live)
{
    const char *value = g->row.value_before && *g->row.value_before ? g->row.value_before
                                                                     : live->side[g->stable].alone;
    if (!g->goal && value && *value)
        g->goal = strdup(value);
    return g->goal != NULL;
}

static void first_read(struct guard *g, struct talk *t, const struct hd_live *live)
{
    struct hd_error err;
    if (!choose_goal(g, live)) {
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_NO_TARGET_VALUE, NULL);
        return;
    }
    if (str_is(live->value, g->goal)) {
        proven(g, live);
        return;
    }
    if (changed_by_other(g, live) || held(g) || !gate(g, live))
        return;
    if (!make_plan(g, t, &err)) {
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED, err.text);
        return;
    }
    intent_fill(g, live->value, true);
    act_send(g);
}

static void world_read(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct guard *g = user;
    struct act *a = &g->act;
    a->talk = NULL;
    if (code) {
        log_warn(g->service->name, "guard %s: cannot read the router: %s", g->row.id, err->text);
        intent_words(a, err->text);
        act_again(g);
    } else if (a->observe.live.settling) {
        act_again(g);
    } else if (a->phase == ACT_READ) {
        first_read(g, t, &a->observe.live);
    } else {
        read_back(g, t, &a->observe.live);
    }
}

void act_read(struct guard *g, enum act_phase phase)
{
    struct act *a = &g->act;
    a->phase = phase;
    a->again_ms = INT64_MAX;
    a->observe = (struct observe){
        .actuator = g->actuator, .site = &g->policy->site, .follow = a->intent.follow};
    a->talk = observe_start(g->p, &a->observe, world_read, g, a->deadline_ms);
    a->talk->urgent = true; /* I10: not behind questions to a source that hangs */
    act_schedule(g);
}

static void probe_done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct guard *g = user;
    (void)t;
    struct act *a = &g->act;
    a->talk = NULL;
    if (code && !a->resumed) {
        ARENA_AUTO arena = arena_new();
        const struct would w = {.reason = HD_REASON_TARGET_PROBE, .text = err->text,
                                .target = guard_colour(g, HD_STABLE), .until_ms = -1};
        act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, w.reason, may_say(&w, g->p, arena));
        return;
    }
    a->probe_bad = code != HD_OK;
    if (code)
        intent_words(a, err->text);
    act_read(g, a->resumed ? ACT_BACK : ACT_READ);
}

/* The target is probed first, so that the reading is as fresh as can be when we write. */
static void look_and_go(struct guard *g)
{
    struct act *a = &g->act;
    if (!g->policy->target.probe.at[g->stable]) {
        act_read(g, a->resumed ? ACT_BACK : ACT_READ);
        return;
    }
    a->phase = ACT_PROBE;
    a->talk = target_probe(g, probe_done, a->deadline_ms);
}

void act_start(struct guard *g, bool automatic, bool reapply, const char *why_now)
{
    act_clear(g);
    struct act *a = &g->act;
    a->automatic = automatic;
    a->reapply = reapply;
    a->why_now = why_now ? strdup(why_now) : NULL;
    a->deadline_ms = g->p->now.boot_ms + g->policy->verify.timeout_ms;
    collect_free(g->collect); /* nothing may stand beside a revert */
    g->collect = NULL;
    g->past = past_free(g->past);
    act_schedule(g);
    look_and_go(g);
}

void act_resume(struct guard *g, const struct store_intent *i)
{
    act_clear(g);
    struct act *a = &g->act;
    a->resumed = true;
    a->announced = true;
    a->automatic = i->automatic;
    a->reapply = str_is(i->kind, "reapply");
    a->deadline_ms = g->p->now.boot_ms + g->policy->verify.timeout_ms;
    free(g->goal);
    g->goal = strdup(i->to);
    intent_resume(g, i);
    service_ours(g->service, g->goal);
    if (g->row.state == HD_STATE_REVERTING)
        guard_move(g, HD_STATE_VERIFYING);
    act_schedule(g);
    look_and_go(g);
}

void act_due(struct guard *g)
{
    struct act *a = &g->act;
    if (!act_busy(g))
        return;
    if (g->p->now.boot_ms >= a->deadline_ms) {
        const char *text = a->texts.words;
        bool before = !a->intent.guard; /* nothing was sent */
        act_stand_down(g, before ? HD_STATE_REFUSED : HD_STATE_NOT_VERIFIED, HD_INTENT_UNVERIFIED,
                   before ? HD_REASON_ROUTER_UNREADABLE : HD_REASON_NOT_VERIFIED, text);
        return;
    }
    if (g->p->now.boot_ms < a->again_ms) {
        act_schedule(g);
        return;
    }
    a->again_ms = INT64_MAX;
    if (!a->talk && !a->sending)
        act_read(g, a->phase);
}
