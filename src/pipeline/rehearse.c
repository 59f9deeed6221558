/* SPDX-License-Identifier: Apache-2.0
 *
 * The rehearsal at a guard's start: could we revert right now, and would we by ourselves, what exactly
 * would be sent, and what could a human paste? Reads only. What it finds is stored with the guard, and told when the
 * answer is no. Never stands in the way of a revert.
 */
#include "pipeline/internal.h"

#include <string.h>

#include "base/str.h"

static void conclude(struct guard *g, bool ok, const char *text)
{
    static const char *const words[] = {
        [HD_REASON_REHEARSAL_OK] = "ok",
        [HD_REASON_REHEARSAL_FAILED] = "a revert would not work right now",
        [HD_REASON_REHEARSAL_REFUSED] = "haldane would not revert by itself right now",
    };
    ARENA_AUTO a = arena_new();
    int reason = ok ? HD_REASON_REHEARSAL_OK : HD_REASON_REHEARSAL_FAILED;
    struct would w = {.reason = HD_REASON_NONE};
    if (ok && !g->ordered) /* who orders a revert has named its target, and takes it upon them */
        w = may_act(g, a);
    if (w.reason) {
        reason = HD_REASON_REHEARSAL_REFUSED;
        const char *next = would_next(a, &w, g->service->name);
        text = arena_print(a, "%s%s%s; an order would work: %s", may_say(&w, g->p, a), next ? "; " : "",
                           next ? next : "", text);
    }
    g->rehearsed = true;
    buf_clear(&g->rehearsal);
    buf_print(&g->rehearsal, "%s: %s", words[reason], text);
    g->dirty = true;
    if (reason == HD_REASON_REHEARSAL_OK)
        event_guard(g, "gate", reason, text, false);
    else /* the line alone must say what the warning is about */
        event_headed(g, "gate", reason, arena_print(a, "%s: %s", buf_at(&g->headline), words[reason]), text, true);
    g->rehearse_arena = arena_free(g->rehearse_arena);
    g->rehearse_plan = (struct hd_plan){.n = 0};
}

void rehearse_plan(const struct hd_plan *plan, struct buf *to)
{
    buf_print(to, "would send %zu request%s", plan->n, plan->n == 1 ? "" : "s");
    for (size_t i = 0; i < plan->n; i++) {
        const char *body = plan->step[i]->body.at ? plan->step[i]->body.at : "";
        buf_print(to, "%s%s", i ? "; " : ": ", plan->step[i]->label);
        if (plan->step[i]->body.len)
            buf_print(to, " (%.*s)", (int)strcspn(body, "\n"), body);
    }
}

static void next_step(struct guard *g);

static void step_done(void *user, const struct hd_response *r)
{
    struct guard *g = user;
    const struct hd_request *request = g->rehearse_plan.step[g->rehearse_step];
    struct hd_reply reply = {.answer = HD_ANSWER_REFUSED, .text = r->text};
    struct hd_error err = {.text = ""};
    pipeline_wake(g->p);
    g->rehearse_send = 0;
    if (r->io == HD_IO_OK) {
        struct hd_exchange exchange = {request, r};
        if (g->actuator->reply(g->rehearse_arena, &g->policy->site, &exchange, &reply, &err))
            reply = (struct hd_reply){.answer = HD_ANSWER_REFUSED, .text = err.text};
    }
    if (reply.answer != HD_ANSWER_ACCEPTED) {
        conclude(g, false, arena_print(g->rehearse_arena, "%s: %s", request->label,
                                       reply.text ? reply.text : "refused"));
        return;
    }
    g->rehearse_step++;
    next_step(g);
}

static void next_step(struct guard *g)
{
    if (g->rehearse_step >= g->rehearse_plan.n) {
        conclude(g, true, arena_text(g->rehearse_arena, buf_at(&g->rehearsal)));
        return;
    }
    g->rehearse_send = g->p->o.wire.send(g->p->o.wire.ctx, g->rehearse_plan.step[g->rehearse_step], 0,
                                         step_done, g);
}

bool rehearse_target(const struct hd_policy *policy, uint8_t side, const struct hd_live *live,
                     struct buf *to)
{
    const struct hd_side_live *t = &live->side[side];
    const char *colour = policy->colours[side].name;
    if (t->ready == HD_UNKNOWN) {
        bool vouched = policy->target.trust || policy->target.probe.at[side];
        buf_print(to, "readiness of %s cannot be read%s; ", colour,
                  vouched ? ", a probe or trust stands for it" : "");
        return vouched;
    }
    buf_print(to, "%s has %u of %u members ready; ", colour, t->ready,
              t->wanted == HD_UNKNOWN ? t->ready : t->wanted);
    return t->ready > 0;
}

static void observed(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct guard *g = user;
    const struct hd_live *live = &g->rehearse_observe.live;
    struct hd_error mine;
    g->rehearse = NULL;
    if (code) {
        conclude(g, false, err->text);
        return;
    }
    const char *value = g->row.value_before && *g->row.value_before ? g->row.value_before
                                                                     : live->side[g->stable].alone;
    struct hd_goal goal = {.value = value, .stamp = arena_print(t->arena, ACT_STAMP, g->row.id)};
    struct hd_plan plan = {.n = 0}, rehearsal = {.n = 0};
    buf_clear(&g->rehearsal);
    bool ready = rehearse_target(g->policy, g->stable, live, &g->rehearsal);
    if (!value || !*value) {
        conclude(g, false, "no value is known that gives the target the traffic");
        return;
    }
    if (g->actuator->plan(t->arena, &g->policy->site, &t->said, &goal, &plan, &mine)) {
        conclude(g, false, mine.text);
        return;
    }
    if (plan.native) {
        buf_clear(&g->native);
        buf_text(&g->native, plan.native);
    }
    rehearse_plan(&plan, &g->rehearsal);
    goal.rehearse = true;
    if (!ready || g->actuator->plan(t->arena, &g->policy->site, &t->said, &goal, &rehearsal, &mine)) {
        conclude(g, false, arena_text(t->arena, ready ? mine.text : buf_at(&g->rehearsal)));
        return;
    }
    for (size_t i = 0; i < rehearsal.n; i++) {
        if (rehearsal.step[i]->effect != HD_EFFECT_READ) { /* a rehearsal never writes */
            conclude(g, false, "the actuator cannot rehearse");
            return;
        }
    }
    g->rehearse_plan = rehearsal;
    g->rehearse_step = 0;
    g->rehearse_arena = t->arena; /* the requests live there */
    t->arena = NULL;
    next_step(g);
}

void act_rehearse(struct guard *g)
{
    if (g->rehearse || g->rehearse_send)
        return;
    g->rehearse_observe = (struct observe){.actuator = g->actuator, .site = &g->policy->site};
    g->rehearse = observe_start(g->p, &g->rehearse_observe, observed, g, 0);
}
