/* SPDX-License-Identifier: Apache-2.0
 *
 * A drill: what a human orders on a quiet day to know that a revert would work. Reads the router, plans
 * the way to the side without traffic, asks its probe, sends the plan's rehearsal, and reads once more
 * to prove that nothing moved. Never writes; what it finds is stored with its date. Called by
 * command.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

struct drill {
    struct service *s;
    struct config *pin; /* owner of what policy points into */
    const struct hd_policy *policy;
    struct observe observe;
    struct talk *talk;
    struct hd_arena *arena;     /* of the first reading and the plan */
    struct hd_request *probe;   /* asked before the plan's steps; NULL: none */
    struct hd_plan plan;
    size_t step;
    uint64_t sending;           /* wire id; 0: none */
    int target;                 /* colour; -1: the one without traffic */
    const char *value;          /* of the first reading */
    struct buf text;
};

struct drill *drill_cancel(struct drill *d)
{
    if (!d)
        return NULL;
    if (d->sending)
        d->s->p->o.wire.cancel(d->s->p->o.wire.ctx, d->sending);
    d->talk = talk_cancel(d->talk);
    arena_free(d->arena);
    buf_clear(&d->text);
    config_unref(d->pin);
    free(d);
    return NULL;
}

/* One line, made harmless; replaces what stood there. */
static void keep(char **to, const char *text)
{
    free(*to);
    *to = text ? strdup(text) : NULL;
    if (text && !*to)
        abort();
    if (text)
        str_clean(*to, HD_TEXT_MAX);
}

/* Why haldane would not go the way by itself; NULL: it would. */
static const char *refusal(struct drill *d, struct hd_arena *a)
{
    const struct service *s = d->s;
    const struct guard *g = s->guard;
    struct would w = g && g->stable == d->target
                         ? may_act(g, a)
                         : may_go(s, d->policy, config_get(d->pin), &d->observe.live, (uint32_t)d->target, a);
    return w.reason ? may_say(&w, s->p, a) : NULL;
}

/* Which checks would not take a release back: by the file, and by what was bad before the live switch. */
static void say_advisory(struct drill *d)
{
    const struct guard *g = d->s->guard;
    const struct hd_policy *policy = g ? g->policy : d->policy;
    const char *before = "; will not be taken back by ";
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        bool earlier = g && g->engine.check[i].earlier;
        if (!policy->checks[i].advisory && !earlier)
            continue;
        buf_print(&d->text, "%s%s (%s)", before, policy->checks[i].name,
                  earlier ? "advisory: it was bad before the switch" : "advisory");
        before = ", ";
    }
}

static void conclude(struct drill *d, bool ok, const char *why)
{
    struct service *s = d->s;
    ARENA_AUTO a = arena_new();
    const char *refused = ok ? refusal(d, a) : NULL;
    const char *found = why ? why : buf_at(&d->text);
    keep(&s->drilled, d->target < 0 ? found : arena_print(a, "to %s: %s", d->policy->colours[d->target].name, found));
    keep(&s->drill_refused, refused);
    s->drilled_ok = ok;
    s->drilled_ms = s->p->now.wall_ms;
    s->drilled_dirty = true;
    event_add(s->p, NULL, s->name, "gate",
              !ok       ? HD_REASON_REHEARSAL_FAILED
              : refused ? HD_REASON_REHEARSAL_REFUSED
                        : HD_REASON_REHEARSAL_OK,
              !ok       ? "Drill: a revert would not work"
              : refused ? "Drill: a revert would work, and haldane would not make it by itself"
                        : "Drill: a revert would work",
              refused ? arena_print(a, "%s; %s", s->drill_refused, s->drilled) : s->drilled, !ok || refused);
    s->drill = drill_cancel(d);
}

/* The second reading: a drill moves nothing, and sees when somebody else does. */
static void read_again(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct drill *d = user;
    d->talk = NULL;
    (void)t;
    if (code) {
        conclude(d, false, err->text);
    } else if (!str_is(d->observe.live.value, d->value)) {
        conclude(d, false, arena_print(d->arena, "the router changed during the drill: %s", d->observe.live.value));
    } else {
        if (!d->plan.n)
            buf_text(&d->text, "; the router cannot be asked whether it would take it");
        buf_text(&d->text, "; it reads as before");
        say_advisory(d);
        conclude(d, true, NULL);
    }
}

static void next_step(struct drill *d);

static void step_done(void *user, const struct hd_response *r)
{
    struct drill *d = user;
    bool probe = d->probe && d->step == 0;
    const struct hd_request *request = probe ? d->probe : d->plan.step[d->step - (d->probe != NULL)];
    const char *why = NULL;
    pipeline_wake(d->s->p);
    d->sending = 0;
    if (r->io != HD_IO_OK) {
        why = r->text;
    } else if (probe) {
        long long want = (long long)d->policy->target.probe.expect;
        if (r->status != want)
            why = arena_print(d->arena, "status %d, expected %lld", r->status, want);
    } else {
        struct hd_exchange exchange = {request, r};
        struct hd_reply reply = {.answer = HD_ANSWER_REFUSED, .text = "refused"};
        struct hd_error err;
        if (d->observe.actuator->reply(d->arena, &d->policy->site, &exchange, &reply, &err))
            why = arena_text(d->arena, err.text);
        else if (reply.answer != HD_ANSWER_ACCEPTED)
            why = reply.text ? reply.text : "refused";
    }
    if (why) {
        conclude(d, false, arena_print(d->arena, "%s: %s", request->label, why));
        return;
    }
    d->step++;
    next_step(d);
}

static void next_step(struct drill *d)
{
    struct pipeline *p = d->s->p;
    size_t probes = d->probe != NULL;
    if (d->step < d->plan.n + probes) {
        const struct hd_request *request = d->step < probes ? d->probe : d->plan.step[d->step - probes];
        d->sending = p->o.wire.send(p->o.wire.ctx, request, 0, step_done, d);
        return;
    }
    d->observe = (struct observe){.actuator = d->observe.actuator, .site = d->observe.site};
    d->talk = observe_start(p, &d->observe, read_again, d, 0);
}

static struct hd_request *probe_of(struct hd_arena *a, const struct hd_probe_policy *probe, int side)
{
    if (!probe->at[side])
        return NULL;
    struct hd_request *r = arena_of(a, struct hd_request);
    *r = (struct hd_request){.via = HD_VIA_HTTP, .effect = HD_EFFECT_READ, .label = "probe the target",
                             .at = probe->at[side], .cap_bytes = HD_ANSWER_BYTES_SMALL};
    r->u.http.method = "GET";
    r->u.http.path = probe->path[side];
    return r;
}

/* Why the plan cannot be rehearsed; NULL: it can. */
static const char *make_plan(struct drill *d, struct talk *t)
{
    const struct hd_actuator *actuator = d->observe.actuator;
    const struct hd_live *live = &d->observe.live;
    struct hd_plan plan = {.n = 0};
    struct hd_goal goal = {.value = live->side[d->target].alone, .stamp = "drill"};
    struct hd_error err;
    if (!rehearse_target(d->policy, (uint8_t)d->target, live, &d->text))
        return arena_text(t->arena, buf_at(&d->text));
    if (!goal.value || !*goal.value)
        return "no value is known that gives the target the traffic";
    if (actuator->plan(t->arena, &d->policy->site, &t->said, &goal, &plan, &err))
        return arena_text(t->arena, err.text);
    rehearse_plan(&plan, &d->text);
    goal.rehearse = true;
    if (actuator->plan(t->arena, &d->policy->site, &t->said, &goal, &d->plan, &err))
        return arena_text(t->arena, err.text);
    for (size_t i = 0; i < d->plan.n; i++) {
        if (d->plan.step[i]->effect != HD_EFFECT_READ)
            return "the actuator cannot rehearse";
    }
    return NULL;
}

static void observed(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct drill *d = user;
    const struct hd_live *live = &d->observe.live;
    d->talk = NULL;
    if (code) {
        conclude(d, false, err->text);
        return;
    }
    for (uint32_t i = 0; i < d->policy->n_colours && d->target < 0; i++) {
        if (live->side[i].share_ppm < HD_WHOLE_PPM / 2)
            d->target = (int)i;
    }
    d->arena = t->arena; /* the requests live there */
    t->arena = NULL;
    struct talk said = *t;
    said.arena = d->arena;
    d->value = arena_text(d->arena, live->value);
    if (d->target < 0) {
        conclude(d, false, "every colour has half of the traffic or more: name one");
        return;
    }
    const char *why = make_plan(d, &said);
    if (why) {
        conclude(d, false, why);
        return;
    }
    d->probe = probe_of(d->arena, &d->policy->target.probe, d->target);
    next_step(d);
}

void drill_order(struct order *o)
{
    struct service *s = o->s;
    const char *to = order_text(o, "to");
    int target = to ? policy_colour(s->policy, to) : -1;
    if (to && target < 0) {
        order_problem(o, 422, "no_colour", "the service has no such colour");
        return;
    }
    if (s->drill) {
        order_problem(o, 409, "drill_on", "a drill of this service is on its way");
        return;
    }
    struct drill *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    *d = (struct drill){.s = s, .policy = s->policy, .pin = config_ref(s->p->config), .target = target,
                        .text = BUF_INIT(4096)};
    d->observe = (struct observe){.actuator = hd_actuator_find(s->policy->actuator.type),
                                  .site = &s->policy->site};
    s->drill = d;
    d->talk = observe_start(s->p, &d->observe, observed, d, 0);
    o->status = 202;
}
