/* SPDX-License-Identifier: Apache-2.0
 *
 * See ask.h. One conversation at a time: the codec says what it wants to know, all of it goes out
 * together, the answers are handed back, until it has its result. Replicas are tried in turn.
 */
#include "cli/ask.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "cred/cred.h"
#include "config/config.h"
#include "engine/counts.h"
#include "engine/past.h"
#include "pipeline/wire.h"

#define ASK_MS 60000        /* one conversation, whatever the endpoints say */
#define SCRAPE_MS 30000     /* assumed scrape interval: twice the usual */

struct asker {
    struct loop *loop;
    struct wire wire;
};

static enum hd_code secret(struct hd_arena *a, const char *reference, const char **ret,
                           struct hd_error *err)
{
    return cred_resolve(a, reference, ret, err);
}

enum hd_code ask_open(struct asker **ret, struct hd_error *err)
{
    struct asker *a = calloc(1, sizeof *a);
    if (!a)
        return hd_fail(err, HD_NOMEM, "out of memory");
    enum hd_code code = loop_new(&a->loop, err);
    if (!code)
        code = net_new(a->loop, secret, &a->wire.net, err);
    if (!code)
        code = exec_new(a->loop, &a->wire.exec, err);
    if (code)
        (void)ask_close(a);
    else
        *ret = a;
    return code;
}

struct asker *ask_close(struct asker *a)
{
    if (!a)
        return NULL;
    (void)exec_free(a->wire.exec);
    (void)net_free(a->wire.net);
    (void)loop_free(a->loop);
    free(a);
    return NULL;
}

/* --- a conversation --- */

struct talk {
    struct hd_arena *arena;
    struct hd_exchange item[HD_TALK_MAX];
    struct hd_talk said;
    size_t waiting;
    uint32_t base, bases;
    bool io_is_evidence;
    enum hd_code (*next)(void *what, struct hd_arena *, const struct hd_talk *, struct hd_ask *ret,
                         struct hd_error *err);
    void *what;
};

struct slot {
    struct talk *talk;
    struct hd_request *request;
    struct hd_response *response;
};

static void answered(void *user, const struct hd_response *r)
{
    struct slot *slot = user;
    struct hd_arena *a = slot->talk->arena;
    struct hd_response *copy = arena_copy(a, r, sizeof *r);
    struct hd_pair *headers = arena_many(a, r->n_headers, struct hd_pair);
    for (size_t i = 0; i < r->n_headers; i++)
        headers[i] =
            (struct hd_pair){arena_text(a, r->headers[i].name), arena_text(a, r->headers[i].value)};
    copy->headers = headers;
    copy->body.at = arena_text_n(a, r->body.at ? r->body.at : "", r->body.len);
    copy->text = arena_text(a, r->text ? r->text : "");
    slot->response = copy;
    slot->talk->waiting--;
}

/* Sends what was asked and waits for all of it. */
static enum hd_code exchange(struct asker *asker, struct talk *t, const struct hd_ask *ask,
                             struct hd_error *err)
{
    struct slot slot[HD_ASK_MAX];
    struct pipeline_wire wire = wire_of(&asker->wire);
    int64_t deadline = clock_now().boot_ms + ASK_MS;
    t->waiting = ask->n;
    for (size_t i = 0; i < ask->n; i++) {
        struct hd_request *request = arena_copy(t->arena, ask->request[i], sizeof *request);
        if (t->bases > 1)
            request->base = t->base;
        slot[i] = (struct slot){.talk = t, .request = request};
        (void)wire.send(wire.ctx, request, deadline, answered, &slot[i]);
    }
    while (t->waiting)
        net_wait(asker->wire.net, ASK_MS);
    for (size_t i = 0; i < ask->n; i++) {
        const struct hd_response *r = slot[i].response;
        if (r->io != HD_IO_OK && !t->io_is_evidence)
            return hd_fail(err, HD_BUSY, "%s: %s", slot[i].request->label, r->text);
        t->item[t->said.n++] = (struct hd_exchange){slot[i].request, r};
    }
    return HD_OK;
}

/* With one replica, to the codec's result. */
static enum hd_code converse(struct asker *asker, struct talk *t, bool *ret_io,
                             struct hd_error *err)
{
    *ret_io = false;
    t->said = (struct hd_talk){.item = t->item};
    for (;;) {
        struct hd_ask ask = {.n = 0};
        enum hd_code code = t->next(t->what, t->arena, &t->said, &ask, err);
        if (code || !ask.n)
            return code;
        if (t->said.n + ask.n > HD_TALK_MAX)
            return hd_fail(err, HD_LIMIT, "more than %d exchanges in one conversation",
                           HD_TALK_MAX);
        code = exchange(asker, t, &ask, err);
        if (code) {
            *ret_io = true;
            return code;
        }
    }
}

static enum hd_code talk(struct asker *asker, struct talk *t, struct hd_error *err)
{
    bool io;
    enum hd_code code = converse(asker, t, &io, err);
    for (uint32_t tried = 1; code && io && tried < t->bases; tried++) {
        t->base = (t->base + 1) % t->bases;
        code = converse(asker, t, &io, err);
    }
    return code;
}

/* --- routers --- */

struct observe {
    const struct hd_actuator *actuator;
    const struct hd_site *site;
    struct hd_live *live;
};

static enum hd_code observe_next(void *what, struct hd_arena *a, const struct hd_talk *said,
                                 struct hd_ask *ret, struct hd_error *err)
{
    struct observe *o = what;
    return o->actuator->observe(a, o->site, NULL, said, ret, o->live, err);
}

enum hd_code ask_router(struct asker *asker, struct hd_arena *a, const struct hd_policy *policy,
                        struct hd_live *ret, struct hd_error *err)
{
    struct hd_live live = {.value = NULL};
    struct observe o = {hd_actuator_find(policy->actuator.type), &policy->site, &live};
    struct talk t = {.arena = a, .bases = 1, .next = observe_next, .what = &o};
    if (!o.actuator)
        return hd_fail(err, HD_INVALID, "there is no actuator '%s'", policy->actuator.type);
    enum hd_code code = talk(asker, &t, err);
    if (!code)
        *ret = live;
    return code;
}

/* --- data sources --- */

struct fetch {
    const struct hd_provider *provider;
    const void *cfg;
    struct hd_question question;
    struct hd_rows rows;
    uint16_t reason;
};

static enum hd_code fetch_next(void *what, struct hd_arena *a, const struct hd_talk *said,
                               struct hd_ask *ret, struct hd_error *err)
{
    struct fetch *f = what;
    return f->provider->fetch(a, f->cfg, &f->question, said, ret, &f->rows, &f->reason, err);
}

/* Everything one check is asked with. */
struct work {
    struct asker *asker;
    struct hd_arena *arena;
    const struct hd_config *config;
    const struct hd_policy *policy;
    const struct hd_check *check;
    struct hd_query *own;     /* the check's query, if its bound is to be picked */
    const struct hd_provider *provider;
    const void *cfg;
    uint32_t base;            /* replica in use: one check never mixes two */
    int64_t window_ms, at_ms; /* at: the instant, on the source's clock; 0: its own now */
    int64_t step_ms;          /* of a range of gauges */
};

static enum hd_code fetch(struct work *w, const struct hd_probe *probe, int64_t range_ms,
                          struct hd_rows *ret, struct hd_error *err)
{
    const struct hd_endpoint *at = w->provider->endpoint ? w->provider->endpoint(w->cfg) : NULL;
    static const struct hd_probe none = {0};
    struct fetch f = {
        .provider = w->provider,
        .cfg = w->cfg,
        .question = {.probe = probe ? probe : &none,
                     .n = probe != NULL,
                     .at_ms = w->at_ms,
                     .range_ms = range_ms,
                     .step_ms = w->step_ms,
                     .series_max = (uint32_t)w->config->limits.series,
                     .answer_max = (uint32_t)w->config->limits.answer},
    };
    struct talk t = {.arena = w->arena,
                     .base = w->base,
                     .bases = at && at->n_bases ? at->n_bases : 1,
                     .io_is_evidence = w->provider->io_is_evidence,
                     .next = fetch_next,
                     .what = &f};
    enum hd_code code = talk(w->asker, &t, err);
    w->base = t.base;
    if (!code)
        *ret = f.rows;
    return code;
}

/* Rows of every colour: one question where a label tells them apart, else one each. */
static enum hd_code fetch_sides(struct work *w, int64_t range_ms, struct hd_rows *ret,
                                struct hd_error *err)
{
    const struct hd_query *q = &w->check->query;
    struct hd_rows all = {.n = 0};
    for (uint32_t i = 0; i < (q->by_label ? 1 : w->policy->n_colours); i++) {
        struct hd_probe probe = {.query = q->text[i],
                                 .side = q->by_label ? -1 : (int8_t)i,
                                 .side_label = q->by_label,
                                 .key_label = q->key_label,
                                 .raw = q->kind != HD_QUERY_GAUGE};
        struct hd_rows some;
        if (!probe.query)
            continue;
        memcpy(probe.side_values, q->values, sizeof probe.side_values);
        enum hd_code code = fetch(w, &probe, range_ms, &some, err);
        if (code)
            return code;
        struct hd_row *row = arena_many(w->arena, all.n + some.n, struct hd_row);
        if (all.n)
            memcpy(row, all.row, all.n * sizeof *row);
        if (some.n)
            memcpy(row + all.n, some.row, some.n * sizeof *row);
        all.row = row;
        all.n += some.n;
    }
    *ret = all;
    return HD_OK;
}

static enum hd_code fetch_targets(struct work *w, struct hd_rows *ret, struct hd_error *err)
{
    struct hd_probe probe = {.query = w->check->query.target_text, .side = 0, .raw = true};
    if (probe.query)
        return fetch(w, &probe, 0, ret, err);
    *ret = (struct hd_rows){.n = 0};
    return HD_OK;
}

/* What rows say by themselves: how many series, and the first outcome that is not ok. */
static void read_rows(const struct hd_rows *rows, uint32_t colour, struct ask_side *side)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        if (r->side != colour)
            continue;
        side->series += r->n > 0;
        if (r->outcome != HD_OUTCOME_OK && !side->text)
            side->text = r->text;
    }
}

static void gauge_side(const struct work *w, const struct hd_rows *rows, uint32_t colour,
                       struct ask_side *side)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        if (r->side != colour)
            continue;
        side->outcome = r->outcome;
        side->reason = r->reason;
        if (r->outcome != HD_OUTCOME_OK || !r->n)
            continue;
        const struct hd_point *last = &r->point[r->n - 1];
        side->value = last->value;
        side->age_ms = w->at_ms > last->at_ms ? w->at_ms - last->at_ms : w->at_ms ? 0 : -1;
    }
}

static double value_of(const struct hd_query *q, const struct hd_measurement *m)
{
    if (q->kind == HD_QUERY_RATE)
        return m->covers_ms > 0 ? m->exposure / ((double)m->covers_ms / 1000) : (double)NAN;
    if (m->exposure <= 0)
        return NAN;
    return q->complement ? 1 - m->events / m->exposure : m->events / m->exposure;
}

/* Counted exactly as a guard's first poll would, for this colour alone. */
static enum hd_code count_side(const struct work *w, const struct hd_rows *rows,
                               const struct hd_rows *targets, uint32_t colour,
                               struct ask_side *side, struct hd_error *err)
{
    __attribute__((cleanup(counts_free_p))) struct counts *counts = counts_new();
    struct hd_measurement m[HD_ROLES] = {{.value = NAN}, {.value = NAN}};
    struct counts_look look = {.query = &w->check->query,
                               .at_ms = w->at_ms,
                               .since_ms = w->at_ms - w->window_ms,
                               .interval_ms = w->window_ms,
                               .rows = rows,
                               .targets = targets->n ? targets : NULL};
    for (uint32_t i = 0; i < HD_SIDES_MAX; i++)
        look.role_of[i] = i == colour ? HD_CANDIDATE : -1;
    enum hd_code code = counts_look(counts, &look, m, err);
    if (code)
        return code;
    const struct hd_measurement *c = &m[HD_CANDIDATE];
    side->outcome = c->outcome;
    side->reason = c->reason;
    side->age_ms = c->age_ms;
    if (c->outcome == HD_OUTCOME_OK || c->outcome == HD_OUTCOME_TOO_FEW) {
        side->n = c->exposure;
        side->value = value_of(&w->check->query, c);
    }
    return HD_OK;
}

/* The bound that the window itself picks, of all colours' requests, as a guard's past would. */
static void pick_bound(const struct work *w, const struct hd_rows *rows, struct hd_query *q)
{
    struct past_bounds bounds = {.n = 0};
    struct past_bins whole = {.back_ms = 0};
    double picked[HD_PICKS];
    struct hd_error err;
    struct counts_look look = {
        .query = q, .at_ms = w->at_ms, .interval_ms = w->window_ms, .rows = rows};
    for (uint32_t i = 0; i < HD_SIDES_MAX; i++)
        look.role_of[i] = i < w->policy->n_colours ? HD_STABLE : -1;
    if (!past_add_bounds(&look, &whole, w->window_ms, &bounds, &err) && past_pick(&bounds, picked))
        q->bound = picked[w->check->pick - HD_PICK_P70];
}

static enum hd_code ask_counts(struct work *w, struct ask_side *side, struct hd_error *err)
{
    struct hd_rows rows, targets = {.n = 0};
    enum hd_code code = fetch_sides(w, w->window_ms + 2 * SCRAPE_MS, &rows, err);
    if (!code)
        code = fetch_targets(w, &targets, err);
    if (!code && config_unpicked(w->check))
        pick_bound(w, &rows, w->own);
    for (uint32_t i = 0; !code && i < w->policy->n_colours; i++) {
        read_rows(&rows, i, &side[i]);
        side[i].bound = w->check->pick ? w->check->query.bound : NAN;
        if (config_unpicked(w->check)) {
            side[i].reason = HD_REASON_NO_HISTOGRAM;
            side[i].text = "too few requests in this window, or no histogram";
            continue;
        }
        code = count_side(w, &rows, &targets, i, &side[i], err);
    }
    return code;
}

static enum hd_code ask_gauge(struct work *w, struct ask_side *side, struct hd_error *err)
{
    struct hd_rows rows;
    enum hd_code code = fetch_sides(w, 0, &rows, err);
    for (uint32_t i = 0; !code && i < w->policy->n_colours; i++) {
        read_rows(&rows, i, &side[i]);
        gauge_side(w, &rows, i, &side[i]);
    }
    return code;
}

static enum hd_code work_of(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                            const struct hd_policy *policy, const struct hd_check *check,
                            struct work *ret, struct hd_error *err)
{
    const struct hd_datasource *source = &config->datasources[check->datasource];
    *ret = (struct work){.asker = asker,
                         .arena = a,
                         .config = config,
                         .policy = policy,
                         .check = check,
                         .provider = hd_provider_find(source->plugin.type),
                         .cfg = source->plugin.cfg};
    if (!ret->provider)
        return hd_fail(err, HD_INVALID, "there is no provider '%s'", source->plugin.type);
    return HD_OK;
}

static const char *source_name(const struct work *w)
{
    return w->config->datasources[w->check->datasource].name;
}

enum hd_code ask_check(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                       const struct hd_policy *policy, const struct hd_check *check,
                       int64_t window_ms, struct ask_side ret[HD_SIDES_MAX], struct hd_error *err)
{
    struct work w;
    struct hd_rows clock = {.n = 0};
    struct hd_check own = *check;
    if (config_unpicked(check))
        own.query = config_every_bucket(a, config, check);
    if (work_of(asker, a, config, policy, &own, &w, err))
        return err->code;
    w.own = &own.query;
    w.window_ms = window_ms;
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        ret[i] = (struct ask_side){.outcome = HD_OUTCOME_NO_DATA,
                                   .reason = HD_REASON_NO_SERIES,
                                   .value = NAN,
                                   .n = NAN,
                                   .bound = NAN,
                                   .age_ms = -1};
    if (w.provider->counts &&
        fetch(&w, NULL, 0, &clock, err)) /* windows lie on the source's clock */
        return hd_error_add(err, "%s", source_name(&w));
    w.at_ms = clock.source_now_ms;
    bool counted = check->query.kind != HD_QUERY_GAUGE;
    if (counted ? ask_counts(&w, ret, err) : ask_gauge(&w, ret, err))
        return hd_error_add(err, "%s", source_name(&w));
    return HD_OK;
}

enum hd_code ask_rows(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                      const struct hd_policy *policy, const struct hd_check *check,
                      const struct ask_when *when, struct hd_rows *ret, struct hd_error *err)
{
    struct work w;
    if (work_of(asker, a, config, policy, check, &w, err))
        return err->code;
    w.at_ms = when->at_ms;
    w.step_ms = when->step_ms;
    if (when->targets ? fetch_targets(&w, ret, err)
                      : fetch_sides(&w, when->range_ms, ret, err))
        return hd_error_add(err, "%s", source_name(&w));
    return HD_OK;
}

enum hd_code ask_clock(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                       const struct hd_policy *policy, const struct hd_check *check,
                       int64_t *ret_ms, struct hd_error *err)
{
    struct work w;
    struct hd_rows clock = {.n = 0};
    if (work_of(asker, a, config, policy, check, &w, err))
        return err->code;
    if (!w.provider->counts)
        return hd_fail(err, HD_INVALID, "%s: cannot be asked about the past", source_name(&w));
    if (fetch(&w, NULL, 0, &clock, err))
        return hd_error_add(err, "%s", source_name(&w));
    *ret_ms = clock.source_now_ms;
    return HD_OK;
}

enum hd_code ask_expression(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                            const struct hd_datasource *source, const char *expression, struct hd_rows *ret,
                            struct hd_error *err)
{
    struct work w = {.asker = asker,
                     .arena = a,
                     .config = config,
                     .provider = hd_provider_find(source->plugin.type),
                     .cfg = source->plugin.cfg};
    struct hd_probe probe = {.query = expression, .side = 0, .raw = true};
    if (!w.provider || !w.provider->counts)
        return hd_fail(err, HD_INVALID, "%s takes no expressions", source->plugin.type);
    if (fetch(&w, &probe, 0, ret, err))
        return hd_error_add(err, "%s", source->name);
    return HD_OK;
}

enum hd_code ask_time(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                      const struct hd_datasource *source, int64_t *ret_ms, struct hd_error *err)
{
    struct work w = {.asker = asker,
                     .arena = a,
                     .config = config,
                     .provider = hd_provider_find(source->plugin.type),
                     .cfg = source->plugin.cfg};
    struct hd_rows clock = {.n = 0};
    if (!w.provider || !w.provider->counts)
        return hd_fail(err, HD_INVALID, "%s does not say what time it is", source->plugin.type);
    enum hd_code code = fetch(&w, NULL, 0, &clock, err);
    if (!code)
        *ret_ms = clock.source_now_ms;
    return code;
}

/* --- single requests, rehearsals --- */

enum hd_code ask_once(struct asker *asker, struct hd_arena *a, const struct hd_request *request,
                      const struct hd_response **ret, struct hd_error *err)
{
    struct talk t = {.arena = a};
    struct hd_ask ask = {.request = {request}, .n = 1};
    enum hd_code code = exchange(asker, &t, &ask, err);
    if (!code)
        *ret = t.item[0].response;
    return code;
}

/* Sends the steps of a rehearsal; the first that is not accepted ends it. */
static enum hd_code send_rehearsal(struct asker *asker, struct hd_arena *a, const struct hd_policy *policy,
                                   const struct hd_actuator *actuator, const struct hd_plan *plan,
                                   struct hd_error *err)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct hd_exchange said = {plan->step[i], NULL};
        struct hd_reply reply = {.answer = HD_ANSWER_REFUSED};
        if (plan->step[i]->effect != HD_EFFECT_READ)
            return hd_fail(err, HD_INVALID, "%s cannot rehearse", actuator->name);
        enum hd_code code = ask_once(asker, a, plan->step[i], &said.response, err);
        if (!code)
            code = actuator->reply(a, &policy->site, &said, &reply, err);
        if (code)
            return code;
        if (reply.answer != HD_ANSWER_ACCEPTED)
            return hd_fail(err, HD_DENIED, "%s: %s", plan->step[i]->label, reply.text ? reply.text : "refused");
    }
    return HD_OK;
}

enum hd_code ask_rehearse(struct asker *asker, struct hd_arena *a, const struct hd_policy *policy,
                          uint32_t colour, const char **ret_text, struct hd_error *err)
{
    struct hd_live live = {.value = NULL};
    struct observe o = {hd_actuator_find(policy->actuator.type), &policy->site, &live};
    struct talk t = {.arena = a, .bases = 1, .next = observe_next, .what = &o};
    struct hd_plan plan = {.n = 0};
    enum hd_code code = talk(asker, &t, err);
    if (code)
        return code;
    struct hd_goal goal = {.value = live.side[colour].alone, .rehearse = true};
    if (!goal.value)
        return hd_fail(err, HD_ABSENT, "no value is known that gives it the traffic");
    code = o.actuator->plan(a, &policy->site, &t.said, &goal, &plan, err);
    if (!code)
        code = send_rehearsal(asker, a, policy, o.actuator, &plan, err);
    if (!code && !plan.n)
        return hd_fail(err, HD_INVALID, "%s cannot ask beforehand whether a change would be taken",
                       o.actuator->name);
    if (!code)
        *ret_text = "the router would take the change";
    return code;
}

enum hd_code ask_series(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                        const struct hd_datasource *source, const char *expression,
                        const struct ask_range *range, struct hd_rows *ret, struct hd_error *err)
{
    struct hd_probe probe = {.query = expression, .side = 0, .every_series = true};
    struct fetch f = {.provider = hd_provider_find(source->plugin.type), .cfg = source->plugin.cfg};
    if (!f.provider || !f.provider->counts)
        return hd_fail(err, HD_INVALID, "%s takes no expressions", source->plugin.type);
    f.question = (struct hd_question){.probe = &probe,
                                      .n = 1,
                                      .at_ms = range->to_ms,
                                      .range_ms = range->to_ms - range->from_ms,
                                      .step_ms = range->step_ms,
                                      .series_max = (uint32_t)config->limits.series,
                                      .answer_max = (uint32_t)config->limits.answer};
    const struct hd_endpoint *at = f.provider->endpoint ? f.provider->endpoint(f.cfg) : NULL;
    struct talk t = {
        .arena = a, .bases = at && at->n_bases ? at->n_bases : 1, .next = fetch_next, .what = &f};
    if (talk(asker, &t, err))
        return hd_error_add(err, "%s", source->name);
    *ret = f.rows;
    return HD_OK;
}
