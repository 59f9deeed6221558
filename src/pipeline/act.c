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
#include "pipeline/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/reason.h"
#include "base/str.h"
#include "json/json.h"

#define SENDS_MAX 3          /* I6: a set is sent at most so often, each time after a read-back */
#define AGAIN_BASE_MS 100
#define AGAIN_CAP_MS 2000
#define UNCHANGED_READS 2    /* read-backs without effect before a set is sent again */
#define STORE_TRIES 3
#define STEP_WINDOW_MS 20    /* a step answered later than this is followed by a reading, not by the next step */
#define STAMP "haldane %s"   /* what routers that keep a note are told: who */

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

static void clear_intent(struct act *a)
{
    free(a->texts.from);
    free(a->texts.steps);
    free(a->texts.native);
    free(a->texts.follow);
    free(a->texts.words);
    memset(&a->texts, 0, sizeof a->texts);
    a->intent = (struct store_intent){.seq = 0};
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
    clear_intent(a);
    free(a->why_now);
    *a = (struct act){.again_ms = INT64_MAX};
}

/* Replaces one text of the intent by a copy. */
static const char *keep(char **slot, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    free(*slot);
    return *slot = copy;
}

/* What went wrong last: the intent's text too, once there is an intent. */
static void note_words(struct act *a, const char *text)
{
    a->intent.text = keep(&a->texts.words, text);
}

static void schedule(struct guard *g)
{
    const struct act *a = &g->act;
    due_set(g->p, DUE_ACT, g->service->index,
            a->again_ms < a->deadline_ms ? a->again_ms : a->deadline_ms);
}

/* Later, with backoff. */
static void again(struct guard *g)
{
    struct act *a = &g->act;
    a->again_ms = g->p->now.boot_ms + sched_backoff_ms(++a->tries, AGAIN_BASE_MS, AGAIN_CAP_MS,
                                                      random_next(g->p));
    schedule(g);
}

static void count_actuation(const struct guard *g, int outcome)
{
    BUF_AUTO l = BUF_INIT(1024);
    metric_label(&l, "actuator", g->policy->actuator.type);
    metric_label(&l, "service", g->service->name);
    metric_label(&l, "outcome", hd_intent_word(outcome));
    metric_add(metric_get("haldane_actuations_total", METRIC_COUNTER, "Intents by how they ended", buf_at(&l)), 1);
}

/* The intent's outcome; a final one also says when. */
static void set_outcome(struct guard *g, int outcome, const char *text)
{
    struct act *a = &g->act;
    if (!a->intent.guard)
        return;
    a->intent.outcome = outcome;
    if (text)
        note_words(a, text);
    if (outcome >= HD_INTENT_VERIFIED) {
        a->intent.done_ms = g->p->now.wall_ms;
        count_actuation(g, outcome);
    }
    a->intent_dirty = true;
    g->dirty = true;
}

/* Ends the guard without success; in one transaction with its act-now notice (I3). */
static void stand_down(struct guard *g, int state, int outcome, int reason, const char *text)
{
    ARENA_AUTO a = arena_new();
    text = arena_text(a, text); /* it may be the intent's own, which is replaced now */
    set_outcome(g, outcome, text);
    if (state != HD_STATE_SUPERSEDED)
        service_reject(g->service, guard_colour(g, HD_CANDIDATE), true, "failed a guard");
    guard_end(g, state, reason, text);
}

/* --- gate (I4) --- */

/* How much of the traffic the candidate still serves well, 0..1: its ready share times the share
 * of good answers in the worst failing check. */
static double candidate_good(const struct guard *g, const struct hd_side_live *side)
{
    double good = 1;
    if (side->ready != HD_UNKNOWN && side->wanted != HD_UNKNOWN && side->wanted > 0)
        good = (double)side->ready / side->wanted;
    double worst = 1;
    for (uint32_t i = 0; i < g->engine.n_checks; i++) {
        const struct hd_check_state *c = &g->engine.check[i];
        const struct hd_check *check = &g->policy->checks[i];
        if (c->band != HD_BAND_FAIL || !str_is(check->unit, "share") || isnan(c->value))
            continue;
        double share = check->query.complement ? c->value : 1 - c->value;
        worst = share < worst ? share : worst;
    }
    return good * worst;
}

/* 0: the target may take the traffic; else the reason, with its numbers in *ret. */
static int gate(const struct guard *g, const struct hd_live *live, bool automatic, struct hd_reason *ret,
                const char **ret_text)
{
    const struct hd_side_live *target = &live->side[g->stable];
    *ret = (struct hd_reason){.check = HD_NO_CHECK, .role = HD_STABLE, .value = NAN, .limit = NAN,
                              .stable = NAN, .n = NAN};
    *ret_text = NULL;
    const char *why = service_rejected(g->service, guard_colour(g, HD_STABLE));
    if (automatic && why) {
        *ret_text = why;
        return HD_REASON_TARGET_REJECTED;
    }
    if (g->act.probe_bad) {
        *ret_text = g->act.texts.words;
        return HD_REASON_TARGET_PROBE;
    }
    if (target->ready == HD_UNKNOWN) {
        bool vouched = g->policy->target.trust || g->policy->target.probe.at[g->stable];
        return vouched ? 0 : HD_REASON_TARGET_UNKNOWN;
    }
    ret->k = target->ready;
    ret->of = target->wanted == HD_UNKNOWN ? target->ready : target->wanted;
    if (target->ready == 0)
        return HD_REASON_TARGET_NOT_READY;
    double share = ret->of ? (double)target->ready / ret->of : 1;
    if (share < g->policy->target.ready && candidate_good(g, &live->side[g->candidate]) > share)
        return HD_REASON_TARGET_SMALL;
    return 0;
}

static const char *gate_text(struct guard *g, struct hd_reason *why, int reason, const char *text,
                             struct buf *to)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names;
    guard_names(g, &names, checks, units, text);
    why->number = (uint16_t)reason;
    reason_render(to, why, &names);
    return buf_at(to);
}

/* --- sending --- */

static void read_world(struct guard *g, enum act_phase phase);
static void send_step(struct guard *g);

/* The request itself is the evidence of what was sent; bodies hold no secrets. */
static void steps_json(const struct hd_plan *plan, struct buf *to)
{
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '[');
    for (size_t i = 0; i < plan->n; i++) {
        const struct hd_request *r = plan->step[i];
        static const char *const effect[] = {"read", "set", "once"};
        json_begin(&o, NULL, '{');
        json_put_text(&o, "label", r->label);
        json_put_text(&o, "effect", effect[r->effect]);
        json_put_text(&o, "to", r->at && r->base < r->at->n_bases ? r->at->bases[r->base] : NULL);
        if (r->via == HD_VIA_HTTP)
            json_put_text(&o, "method", r->u.http.method);
        if (r->via == HD_VIA_HTTP)
            json_put_text(&o, "path", r->u.http.path);
        json_put_text(&o, "text", r->body.at);
        json_end(&o, '}');
    }
    json_end(&o, ']');
}

/* True when what is missing now is the last part of the journaled plan, and not all of it. */
static bool is_rest(const struct guard *g, const struct hd_plan *rest)
{
    BUF_AUTO json = BUF_INIT(HD_BLOB_BYTES_MAX);
    if (!rest->n || !g->act.intent.steps)
        return false;
    steps_json(rest, &json);
    json.at[0] = ','; /* "[{...}]": other steps must come before */
    return str_ends(g->act.intent.steps, json.at);
}

/* A change of ours that went a part of the way, and nobody else's. */
static bool half_done(const struct guard *g, const struct talk *t, const struct hd_live *live)
{
    ARENA_AUTO a = arena_new();
    struct hd_goal goal = {.value = g->goal, .stamp = arena_print(a, STAMP, g->row.id)};
    struct hd_plan rest = {.n = 0};
    return value_made_of(live->value, g->act.intent.from, g->goal) &&
           !g->actuator->plan(a, &g->policy->site, &t->said, &goal, &rest, NULL) && is_rest(g, &rest);
}

static void fill_intent(struct guard *g, const char *from)
{
    struct act *a = &g->act;
    BUF_AUTO steps = BUF_INIT(HD_BLOB_BYTES_MAX);
    steps_json(&a->plan, &steps);
    if (!is_rest(g, &a->plan)) /* the rest of a plan is known by the whole of it */
        a->intent.steps = keep(&a->texts.steps, buf_at(&steps));
    a->intent.native = keep(&a->texts.native, a->plan.native);
    a->intent.sends++;
    a->intent.step = 0;
    a->intent.outcome = HD_INTENT_JOURNALED;
    if (!a->intent.guard) {
        int64_t left = a->deadline_ms - g->p->now.boot_ms;
        a->intent.guard = g->row.id;
        a->intent.service = g->service->name;
        a->intent.actuator = g->policy->actuator.type;
        a->intent.kind = a->reapply ? "reapply" : "revert";
        a->intent.automatic = a->automatic;
        a->intent.candidate = g->row.candidate;
        a->intent.candidate_version = g->row.candidate_version;
        a->intent.from = keep(&a->texts.from, from);
        a->intent.to = g->goal;
        a->intent.text = NULL; /* words from before it say nothing about it */
        a->intent.journaled_ms = g->p->now.wall_ms;
        a->intent.sent_ms = a->intent.done_ms = -1;
        a->intent.deadline_ms = g->p->now.wall_ms + left;
    }
    if (a->plan.native) {
        buf_clear(&g->native);
        buf_text(&g->native, a->plan.native);
    }
    a->intent_dirty = true;
}

/* What was filled in for a send that did not happen. */
static void unsend_intent(struct act *a)
{
    if (a->stored) {
        a->intent.sends -= a->intent.sends > 0;
        return;
    }
    a->intent_dirty = false;
    clear_intent(a);
}

/* The store cannot take the intent: not a byte may leave, unless the config says otherwise and a
 * repeated write is harmless. */
static bool act_without_store(struct guard *g, const struct hd_error *err)
{
    struct act *a = &g->act;
    const struct hd_config *c = config_get(g->pin);
    if (++a->store_tries < STORE_TRIES) { /* the world is read anew before the next try */
        unsend_intent(a);
        a->phase = a->stored ? ACT_BACK : ACT_READ;
        a->again_ms = g->p->now.boot_ms + 200;
        schedule(g);
        return false;
    }
    if (c->storage.lost == HD_STORE_LOST_REVERT && g->actuator->absolute) {
        guard_needs_human(g, HD_REASON_REVERTED_WITHOUT_STORE, err->text);
        return true;
    }
    unsend_intent(a);
    stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_STORE_LOST, err->text);
    notify_direct(g->p);
    return false;
}

/* I2: commit, then send. */
static void journal_and_send(struct guard *g)
{
    struct act *a = &g->act;
    struct hd_error err;
    if (g->row.state != HD_STATE_REVERTING)
        guard_move(g, HD_STATE_REVERTING);
    service_ours(g->service, g->goal);
    if (!a->announced)
        event_guard(g, "intent", HD_REASON_NONE, a->intent.native, true);
    a->announced = true;
    if (save_all(g->p, &err) && !act_without_store(g, &err))
        return;
    a->step = 0;
    a->tries = 0;
    send_step(g);
}

static void all_accepted(struct guard *g)
{
    g->row.accepted_ms = g->p->now.wall_ms;
    set_outcome(g, HD_INTENT_ACCEPTED, NULL);
    guard_move(g, HD_STATE_VERIFYING);
    g->act.tries = 0;
    read_world(g, ACT_BACK);
}

/* The answer is lost, late, or says "look": only a reading can tell what happened. */
static void look(struct guard *g, const char *text)
{
    set_outcome(g, HD_INTENT_UNKNOWN, text);
    if (g->row.state == HD_STATE_REVERTING)
        guard_move(g, HD_STATE_VERIFYING);
    g->act.tries = 0;
    read_world(g, ACT_BACK);
}

static void step_answered(struct guard *g, const struct hd_reply *reply, bool slow)
{
    struct act *a = &g->act;
    if (reply->follow)
        a->intent.follow = keep(&a->texts.follow, reply->follow);
    switch (reply->answer) {
    case HD_ANSWER_ACCEPTED:
        a->intent.step = (uint32_t)++a->step;
        a->tries = 0;
        a->intent_dirty = true;
        if (a->step < a->plan.n && slow)
            read_world(g, ACT_BACK); /* the reading has grown old: somebody may have come between */
        else if (a->step < a->plan.n)
            send_step(g);
        else
            all_accepted(g);
        break;
    case HD_ANSWER_RETRY: /* certainly no effect; but the world may move on while we wait (I5) */
        a->unsent = a->step == 0;
        set_outcome(g, HD_INTENT_SENT, reply->text);
        a->phase = ACT_BACK;
        again(g);
        if (reply->retry_ms > 0)
            a->again_ms = g->p->now.boot_ms + reply->retry_ms;
        schedule(g);
        break;
    case HD_ANSWER_CONFLICT:
        look(g, reply->text);
        break;
    case HD_ANSWER_REFUSED:
        a->refused = true;
        look(g, reply->text);
        break;
    }
}

static void step_done(void *user, const struct hd_response *response)
{
    struct guard *g = user;
    struct act *a = &g->act;
    const struct hd_request *request = a->plan.step[a->step];
    pipeline_wake(g->p);
    a->sending = 0;
    struct hd_reply reply = {.answer = HD_ANSWER_CONFLICT, .text = response->text};
    if (response->io == HD_IO_NOT_SENT) {
        reply.answer = HD_ANSWER_RETRY;
        a->intent.sends -= a->step == 0 && a->intent.sends > 0;
    } else if (response->io == HD_IO_OK) {
        struct hd_exchange exchange = {request, response};
        struct hd_error err;
        if (g->actuator->reply(a->arena, &g->policy->site, &exchange, &reply, &err)) {
            reply.answer = HD_ANSWER_CONFLICT; /* an answer that cannot be read is a lost one */
            reply.text = arena_text(a->arena, err.text);
        }
    }
    log_info(g->service->name, "guard %s: %s: %s", g->row.id, request->label,
             reply.answer == HD_ANSWER_ACCEPTED ? "accepted" : reply.text ? reply.text : "");
    step_answered(g, &reply, response->took_ms > STEP_WINDOW_MS);
}

static void send_step(struct guard *g)
{
    struct act *a = &g->act;
    struct pipeline *p = g->p;
    a->phase = ACT_SEND;
    a->again_ms = INT64_MAX;
    schedule(g);
    if (a->intent.sent_ms < 0) {
        a->intent.sent_ms = p->now.wall_ms;
        g->row.sent_ms = g->row.sent_ms < 0 ? p->now.wall_ms : g->row.sent_ms;
    }
    set_outcome(g, HD_INTENT_SENT, NULL);
    watch_stop(g->service);
    a->sending = p->o.wire.send(p->o.wire.ctx, a->plan.step[a->step], a->deadline_ms, step_done, g);
}

/* --- reading the world --- */

static bool make_plan(struct guard *g, struct talk *t, struct hd_error *err)
{
    struct act *a = &g->act;
    struct hd_goal goal = {.value = g->goal,
                           .stamp = arena_print(t->arena, STAMP, g->row.id)};
    struct hd_plan plan = {.n = 0};
    if (g->actuator->plan(t->arena, &g->policy->site, &t->said, &goal, &plan, err))
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

static void proven(struct guard *g)
{
    struct act *a = &g->act;
    bool already = !a->intent.guard;
    if (g->row.state == HD_STATE_REVERTING) /* planned again, and then the goal was there */
        guard_move(g, HD_STATE_VERIFYING);
    set_outcome(g, HD_INTENT_VERIFIED, NULL);
    g->row.verified_ms = g->p->now.wall_ms;
    g->verified_t_ms = guard_time(g);
    service_reject(g->service, guard_colour(g, HD_CANDIDATE), true, "reverted by haldane");
    guard_move(g, HD_STATE_AFTERCARE);
    event_guard(g, "intent", already ? HD_REASON_ALREADY_THERE : HD_REASON_VERIFIED, g->goal, true);
    due_drop(g->p, DUE_ACT, g->service->index);
    watch_stop(g->service); /* a reading begun before our write says nothing about it */
    care_begin(g);
}

static void send_again(struct guard *g, struct talk *t)
{
    struct act *a = &g->act;
    struct hd_error err;
    struct hd_reason why;
    const char *text;
    int reason = gate(g, &a->observe.live, a->automatic, &why, &text);
    if (reason) {
        BUF_AUTO b = BUF_INIT(1000);
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, reason, gate_text(g, &why, reason, text, &b));
        return;
    }
    if (!make_plan(g, t, &err)) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED, err.text);
        return;
    }
    a->unchanged = 0;
    a->unsent = false;
    fill_intent(g, a->intent.from);
    journal_and_send(g);
}

static bool may_send_again(const struct guard *g)
{
    const struct act *a = &g->act;
    bool once = a->resumed && !g->actuator->absolute && !a->plan.n;
    for (size_t i = 0; i < a->plan.n; i++)
        once |= a->plan.step[i]->effect == HD_EFFECT_ONCE;
    /* An order may go again only when it certainly had no effect; a set when it is seen to have
     * none. What did not leave at all is not counted. */
    return a->intent.sends < SENDS_MAX && (a->unsent || !once);
}

static void read_back(struct guard *g, struct talk *t, const struct hd_live *live)
{
    struct act *a = &g->act;
    ARENA_AUTO arena = arena_new();
    if (str_is(live->value, g->goal)) {
        proven(g);
    } else if (a->refused) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED,
                   arena_print(arena, "%s; the router still has %s",
                               a->intent.text ? a->intent.text : "", live->value));
    } else if (str_is(live->value, a->intent.from)) {
        bool wait = ++a->unchanged < UNCHANGED_READS && a->intent.outcome == HD_INTENT_ACCEPTED &&
                    !a->unsent;
        if (!wait && may_send_again(g))
            send_again(g, t);
        else
            again(g); /* until the deadline says unverified */
    } else if (half_done(g, t, live)) {
        if (may_send_again(g))
            send_again(g, t);
        else
            again(g);
    } else {
        stand_down(g, HD_STATE_SUPERSEDED, HD_INTENT_CONFLICT, HD_REASON_CHANGED_BY_OTHER,
                   arena_print(arena, "the router has %s, neither what was nor what we wanted%s%s",
                               live->value, live->owner ? ", by " : "", live->owner ? live->owner : ""));
        watch_rebase(g->service, g->policy, live); /* partly ours, so no switch of anybody */
    }
}

/* Somebody changed the traffic between the last reading and this one (I5). */
static bool changed_by_other(struct guard *g, const struct hd_live *live)
{
    const struct service *s = g->service;
    if (str_is(live->value, g->row.value_after) || str_is(live->value, s->last.value))
        return false;
    uint32_t share = live->side[g->candidate].share_ppm;
    if (!g->act.reapply && share > reading_share(&s->last, guard_colour(g, HD_CANDIDATE)))
        return false; /* a further step of the same switch */
    watch_take(g->service, live); /* ends the guard, and knows this change from the next one */
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
    struct act *a = &g->act;
    struct hd_error err;
    struct hd_reason why;
    const char *text;
    BUF_AUTO b = BUF_INIT(1000);
    if (!choose_goal(g, live)) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_NO_TARGET_VALUE, NULL);
        return;
    }
    if (str_is(live->value, g->goal)) {
        proven(g);
        return;
    }
    if (changed_by_other(g, live))
        return;
    int reason = gate(g, live, a->automatic, &why, &text);
    if (reason) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, reason, gate_text(g, &why, reason, text, &b));
        return;
    }
    if (!make_plan(g, t, &err)) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_ROUTER_REFUSED, err.text);
        return;
    }
    fill_intent(g, live->value);
    journal_and_send(g);
}

static void world_read(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct guard *g = user;
    struct act *a = &g->act;
    a->talk = NULL;
    if (code) {
        log_warn(g->service->name, "guard %s: cannot read the router: %s", g->row.id, err->text);
        note_words(a, err->text);
        again(g);
    } else if (a->observe.live.settling) {
        again(g);
    } else if (a->phase == ACT_READ) {
        first_read(g, t, &a->observe.live);
    } else {
        read_back(g, t, &a->observe.live);
    }
}

static void read_world(struct guard *g, enum act_phase phase)
{
    struct act *a = &g->act;
    a->phase = phase;
    a->again_ms = INT64_MAX;
    a->observe = (struct observe){
        .actuator = g->actuator, .site = &g->policy->site, .follow = a->intent.follow};
    a->talk = observe_start(g->p, &a->observe, world_read, g, a->deadline_ms);
    a->talk->urgent = true; /* I10: not behind questions to a source that hangs */
    schedule(g);
}

/* --- probe of the target --- */

static enum hd_code probe_next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    const struct guard *g = what;
    const struct hd_probe_policy *probe = &g->policy->target.probe;
    if (t->said.n == 0) {
        struct hd_request *r = arena_of(t->arena, struct hd_request);
        *r = (struct hd_request){.via = HD_VIA_HTTP,
                                 .effect = HD_EFFECT_READ,
                                 .label = "probe the target",
                                 .at = probe->at[g->stable],
                                 .cap_bytes = HD_ANSWER_BYTES_SMALL};
        r->u.http.method = "GET";
        r->u.http.path = probe->path[g->stable];
        ret->request[ret->n++] = r;
        return HD_OK;
    }
    int32_t status = t->said.item[0].response->status;
    if (status != probe->expect)
        return hd_fail(err, HD_CONFLICT, "status %d, expected %lld", status, (long long)probe->expect);
    return HD_OK;
}

static void probe_done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct guard *g = user;
    (void)t;
    struct act *a = &g->act;
    a->talk = NULL;
    if (code && !a->resumed) {
        stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_TARGET_PROBE, err->text);
        return;
    }
    a->probe_bad = code != HD_OK;
    if (code)
        note_words(a, err->text);
    read_world(g, a->resumed ? ACT_BACK : ACT_READ);
}

/* The target is probed first, so that the reading is as fresh as can be when we write. */
static void look_and_go(struct guard *g)
{
    struct act *a = &g->act;
    if (!g->policy->target.probe.at[g->stable]) {
        read_world(g, a->resumed ? ACT_BACK : ACT_READ);
        return;
    }
    a->phase = ACT_PROBE;
    a->talk = talk_start(g->p, probe_next, g, probe_done, g, a->deadline_ms);
    a->talk->urgent = true;
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
    schedule(g);
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
    a->intent = *i;
    a->intent.guard = g->row.id;
    a->intent.service = g->service->name;
    a->intent.actuator = g->policy->actuator.type;
    a->intent.kind = a->reapply ? "reapply" : "revert";
    a->intent.candidate = g->row.candidate;
    a->intent.candidate_version = g->row.candidate_version;
    a->intent.from = keep(&a->texts.from, i->from);
    a->intent.steps = keep(&a->texts.steps, i->steps);
    a->intent.native = keep(&a->texts.native, i->native);
    a->intent.follow = keep(&a->texts.follow, i->follow);
    note_words(a, i->text);
    free(g->goal);
    g->goal = strdup(i->to);
    a->intent.to = g->goal;
    a->stored = true;
    service_ours(g->service, g->goal);
    if (g->row.state == HD_STATE_REVERTING)
        guard_move(g, HD_STATE_VERIFYING);
    schedule(g);
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
        stand_down(g, before ? HD_STATE_REFUSED : HD_STATE_NOT_VERIFIED, HD_INTENT_UNVERIFIED,
                   before ? HD_REASON_ROUTER_UNREADABLE : HD_REASON_NOT_VERIFIED, text);
        return;
    }
    if (g->p->now.boot_ms < a->again_ms) {
        schedule(g);
        return;
    }
    a->again_ms = INT64_MAX;
    if (!a->talk && !a->sending)
        read_world(g, a->phase);
}
