/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends a plan step by step: the intent's commit first (I2), then each request, each answer taken for
 * what it proves. An answer that is lost, late or odd leads to a reading, never to a guess. Called by
 * act.c, which reads and decides.
 */
#include "pipeline/act.h"

#include "base/log.h"
#include "base/str.h"

#define STORE_TRIES 3
#define STEP_WINDOW_MS 20    /* a step answered later than this is followed by a reading, not by the next step */

static void send_step(struct guard *g);

/* The store cannot take the intent: not a byte may leave, unless the config says otherwise and a
 * repeated write is harmless. */
static bool act_without_store(struct guard *g, const struct hd_error *err)
{
    struct act *a = &g->act;
    const struct hd_config *c = config_get(g->pin);
    if (++a->store_tries < STORE_TRIES) { /* the world is read anew before the next try */
        intent_unsend(a);
        a->step = a->begun;
        a->unsent = a->stored; /* of one that was sent before, what this time was to leave */
        a->phase = a->stored ? ACT_BACK : ACT_READ;
        a->again_ms = g->p->now.boot_ms + 200;
        act_schedule(g);
        return false;
    }
    if (c->storage.lost == HD_STORE_LOST_REVERT && g->actuator->absolute) {
        guard_needs_human(g, HD_REASON_REVERTED_WITHOUT_STORE, err->text);
        return true;
    }
    intent_unsend(a);
    act_stand_down(g, HD_STATE_REFUSED, HD_INTENT_REFUSED, HD_REASON_STORE_LOST, err->text);
    notify_direct(g->p);
    return false;
}

void act_send(struct guard *g)
{
    struct act *a = &g->act;
    struct hd_error err;
    if (g->row.state != HD_STATE_REVERTING)
        guard_move(g, HD_STATE_REVERTING);
    service_ours(g->service, g->goal);
    if (!a->announced)
        event_guard(g, "intent", HD_REASON_NONE,
                    arena_print(a->arena, "haldane sends: %s", a->intent.native ? a->intent.native : g->goal), true);
    a->announced = true;
    if (save_all(g->p, &err) && !act_without_store(g, &err))
        return;
    a->step = a->begun;
    a->tries = 0;
    send_step(g);
}

static void all_accepted(struct guard *g)
{
    if (g->row.accepted_ms < 0) /* of the revert, not of its re-apply: the steps are told in their order */
        g->row.accepted_ms = g->p->now.wall_ms;
    intent_outcome(g, HD_INTENT_ACCEPTED, NULL);
    guard_move(g, HD_STATE_VERIFYING);
    g->act.tries = 0;
    act_read(g, ACT_BACK);
}

/* The answer is lost, late, or says "look": only a reading can tell what happened. */
static void look(struct guard *g, const char *text)
{
    intent_outcome(g, HD_INTENT_UNKNOWN, text);
    if (g->row.state == HD_STATE_REVERTING)
        guard_move(g, HD_STATE_VERIFYING);
    g->act.tries = 0;
    act_read(g, ACT_BACK);
}

static void step_answered(struct guard *g, const struct hd_reply *reply, bool slow)
{
    struct act *a = &g->act;
    if (reply->follow)
        intent_follow(a, reply->follow);
    switch (reply->answer) {
    case HD_ANSWER_ACCEPTED:
        a->intent.step = (uint32_t)++a->step;
        a->tries = 0;
        a->intent_dirty = true;
        if (a->step < a->plan.n && slow && !a->unseen) {
            a->unsent = true;
            act_read(g, ACT_BACK); /* the reading has grown old: somebody may have come between */
        } else if (a->step < a->plan.n) {
            send_step(g);
        } else {
            all_accepted(g);
        }
        break;
    case HD_ANSWER_RETRY: /* certainly no effect; but the world may move on while we wait (I5) */
        a->unsent = true;
        intent_outcome(g, HD_INTENT_SENT, reply->text);
        a->phase = ACT_BACK;
        act_again(g);
        if (reply->retry_ms > 0)
            a->again_ms = g->p->now.boot_ms + reply->retry_ms;
        act_schedule(g);
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
        if (a->step == a->begun) {
            a->intent.sends -= a->counted;
            a->counted = false;
        }
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
    act_schedule(g);
    if (a->intent.sent_ms < 0) {
        a->intent.sent_ms = p->now.wall_ms;
        g->row.sent_ms = g->row.sent_ms < 0 ? p->now.wall_ms : g->row.sent_ms;
    }
    intent_outcome(g, HD_INTENT_SENT, NULL);
    watch_stop(g->service);
    a->sending = p->o.wire.send(p->o.wire.ctx, a->plan.step[a->step], a->deadline_ms, step_done, g);
}
