/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start finds: guards that were live go on with their evidence (I9), intents that were open
 * are resolved by reading the world, never by guessing. Called once, by pipeline_new.
 */
#include "pipeline/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "json/json.h"

static void take_up_reading(struct service *s)
{
    struct hd_error err;
    struct hd_arena *a = arena_new();
    struct store_reading last;
    if (store_reading(s->p->o.store, a, s->name, &last, &err)) {
        arena_free(a);
        return;
    }
    s->last_arena = a;
    s->last = last;
    s->last.service = s->name;
    if (last.ours)
        s->our_value = strdup(last.value);
}

static void take_up_marks(struct service *s)
{
    const struct hd_policy *policy = policy_of(s);
    ARENA_AUTO a = arena_new();
    for (uint32_t i = 0; policy && i < policy->n_colours; i++) {
        const char *why = NULL;
        struct hd_error err;
        if (store_rejected(s->p->o.store, a, s->name, policy->colours[i].name, &why, &err) || !why)
            continue;
        service_reject(s, policy->colours[i].name, true, why);
    }
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        s->mark[i].dirty = false;
}

static void load_counts(struct guard *g, const char *text)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, &err))
        return;
    const struct json *item = json_first(j);
    for (uint32_t i = 0; i < g->policy->n_checks && item; i++, item = json_next(item)) {
        const char *one;
        struct counts *loaded = NULL;
        if (json_text(item, "counts", &one, &err) || !*one ||
            counts_load((struct hd_span){one, strlen(one)}, &loaded, &err))
            continue;
        counts_free(g->counts[i]);
        g->counts[i] = loaded;
    }
}

static int64_t resume_i64(const struct json *j, const char *key, int64_t fallback)
{
    int64_t v;
    return json_i64(json_get(j, key), key, &v, NULL) ? fallback : v;
}

static bool resume_bool(const struct json *j, const char *key)
{
    bool v = false;
    return !json_bool(json_get(j, key), key, &v, NULL) && v;
}

/* The guard's own clock over a restart: boot time if the machine ran on, else what the wall clock
 * says, but never backwards. */
static int64_t resumed_time(const struct guard *g, const struct json *j)
{
    const struct pipeline *p = g->p;
    const char *boot = NULL;
    int64_t t = resume_i64(j, "t_ms", 0);
    bool same = !json_text(json_get(j, "boot_id"), "boot_id", &boot, NULL) && str_is(boot, p->o.boot_id);
    int64_t gone = same ? p->now.boot_ms - resume_i64(j, "boot_ms", p->now.boot_ms)
                        : p->now.wall_ms - resume_i64(j, "wall_ms", p->now.wall_ms);
    return t + (gone > 0 ? gone : 0);
}

static void load_resume(struct guard *g, const char *text)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    const char *goal;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, &err)) {
        g->t_base_ms = g->p->now.wall_ms - g->row.switch_to_ms;
        return;
    }
    g->t_base_ms = resumed_time(g, j);
    g->polls = (uint32_t)resume_i64(j, "polls", 0);
    g->before_done = resume_bool(j, "before_done");
    g->told_blind = (uint64_t)resume_i64(j, "told_blind", 0);
    g->told_shared = (uint64_t)resume_i64(j, "told_shared", 0);
    g->reapplied = resume_bool(j, "reapplied");
    g->act.automatic = resume_bool(j, "automatic");
    if (!json_text(json_get(j, "goal"), "goal", &goal, NULL))
        g->goal = strdup(goal);
}

static int colour_of(const struct hd_policy *policy, const char *name)
{
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        if (str_is(policy->colours[i].name, name))
            return (int)i;
    }
    return -1;
}

/* The row's texts, copied to live as long as the guard. */
static void own_row(struct guard *g, const struct store_guard *row)
{
    struct hd_arena *a = g->own;
    g->row = *row;
    g->row.service = g->service->name;
    g->row.trigger = arena_text(a, row->trigger);
    g->row.stable = guard_colour(g, HD_STABLE);
    g->row.candidate = guard_colour(g, HD_CANDIDATE);
    g->row.stable_version = arena_text(a, row->stable_version);
    g->row.candidate_version = arena_text(a, row->candidate_version);
    g->row.value_before = arena_text(a, row->value_before);
    g->row.value_after = arena_text(a, row->value_after);
    g->row.config_hash = arena_text(a, row->config_hash);
    g->row.pin = arena_text(a, row->pin);
    g->row.checks = arena_text(a, row->checks);
    buf_text(&g->headline, row->headline);
    buf_text(&g->why, row->why);
    buf_text(&g->reasons, row->reasons);
    buf_text(&g->native, row->native);
    buf_text(&g->rehearsal, row->rehearsal);
    buf_text(&g->change, row->change);
    if (row->engine)
        g->engine = *row->engine;
}

static struct guard *take_up_guard(struct pipeline *p, struct service *s, const struct store_guard *row,
                                   struct hd_error *err)
{
    struct config *pin = NULL;
    enum hd_code code = config_load_pin((struct hd_span){row->pin, strlen(row->pin)}, &pin, err);
    const struct hd_policy *policy = code ? NULL : config_service(pin, s->name);
    int stable = policy ? colour_of(policy, row->stable) : -1;
    int candidate = policy ? colour_of(policy, row->candidate) : -1;
    if (stable < 0 || candidate < 0) {
        config_unref(pin);
        if (!code)
            (void)hd_fail(err, HD_CORRUPT, "its pinned config does not know its colours");
        return NULL;
    }
    struct guard *g = guard_new(s, pin, policy);
    config_unref(pin); /* the guard has its own reference */
    g->stable = (uint8_t)stable;
    g->candidate = (uint8_t)candidate;
    own_row(g, row);
    load_resume(g, row->resume);
    load_counts(g, row->counts);
    g->added = true;
    g->dirty = true;
    g->backfill = true;
    g->boot_base_ms = p->now.boot_ms;
    return g;
}

static const struct store_intent *intent_of(const struct guard *g, const struct store_intent *list, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (str_is(list[i - 1].guard, g->row.id))
            return &list[i - 1];
    }
    return NULL;
}

static void go_on(struct guard *g, const struct store_intent *intent)
{
    struct pipeline *p = g->p;
    struct service *s = g->service;
    event_guard(g, "daemon", HD_REASON_RESTARTED, NULL, false);
    log_info(s->name, "guard %s goes on as %s", g->row.id, hd_state_word(g->row.state));
    due_set(p, DUE_READ, s->index, p->now.boot_ms);
    if (intent) {
        event_guard(g, "daemon", HD_REASON_INTENT_OPEN, intent->to, false);
        act_resume(g, intent);
    } else if (act_busy(g)) { /* decided, and nothing was journaled: decide by a live reading again */
        if (g->row.state != HD_STATE_DECIDING)
            g->row.state = HD_STATE_DECIDING;
        act_start(g, g->act.automatic, false, NULL);
    } else if (g->row.state == HD_STATE_AFTERCARE) {
        care_begin(g);
    } else {
        due_set(p, DUE_POLL, s->index, p->now.boot_ms);
        if (!g->row.rehearsal && g->row.state != HD_STATE_PENDING)
            act_rehearse(g);
    }
}

enum hd_code recover_all(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct store_filter live = {.live = true, .verdict = -1, .limit = HD_SERVICES_MAX};
    struct store_guard *rows;
    struct store_intent *intents;
    size_t n = 0, n_intents = 0;
    for (size_t i = 0; i < p->n_services; i++)
        take_up_reading(p->services[i]);
    enum hd_code code = store_guards(p->o.store, a, &live, &rows, &n, err);
    if (!code)
        code = store_intents(p->o.store, a, NULL, &intents, &n_intents, err);
    for (size_t i = 0; !code && i < n; i++) {
        struct store_guard row;
        struct hd_error mine;
        struct service *s = service_need(p, rows[i].service);
        if (s->guard || store_guard(p->o.store, a, rows[i].id, &row, &mine))
            continue;
        if (!s->last.service)
            take_up_reading(s);
        struct guard *g = take_up_guard(p, s, &row, &mine);
        if (g)
            go_on(g, intent_of(g, intents, n_intents));
        else
            event_add(p, NULL, s->name, "daemon", HD_REASON_NOT_VERIFIED, "A live guard cannot be taken up",
                      mine.text, true);
    }
    for (size_t i = 0; !code && i < p->n_services; i++)
        take_up_marks(p->services[i]);
    holds_read(p);
    return code;
}
