/* SPDX-License-Identifier: Apache-2.0
 *
 * The one transaction per turn: whatever changed in memory waits here until it is durable, and
 * nothing that acts or answers goes on before (I2, I7). A failed commit loses nothing: everything
 * stays in line, and is written whole at the next try.
 *
 * Evidence alone is committed without waiting for the disk, once a second at most it waits: an fsync
 * for every answer was half the cost of a poll. kill -9 loses nothing of it; a power cut loses the
 * newest commits, so that a guard goes back to an earlier poll with the memory it had then, and asks
 * for the time since again. Whatever acts, answers or is told takes the synced way, and all before it
 * along.
 */
#include "pipeline/accounts.h"
#include "pipeline/internal.h"
#include "pipeline/once.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "json/json.h"

#define DURABLE_MS 1000 /* I9: so much evidence, and nothing else, a power cut may cost */

/* Which sinks hear of an event: `page` ones what needs a human, the others what is told. */
static size_t sinks_for(const struct pipeline *p, const struct event_item *e, const char **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_sinks; i++) {
        bool hears = p->sinks[i].page ? e->row.severity == HD_SEVERITY_ACT : e->tell;
        if (hears)
            ret[n++] = p->sinks[i].name;
    }
    return n;
}

static enum hd_code write_events(struct pipeline *p, struct hd_error *err)
{
    const char *names[64];
    for (struct event_item *e = p->events; e; e = e->next) {
        size_t n = sinks_for(p, e, names); /* told twice is the safe side of told past the store */
        int64_t seq;
        enum hd_code code = e->row.resolved
                                ? store_resolve_acts(p->o.store, e->row.guard, e->row.service,
                                                     e->row.wall_ms, err)
                                : store_add_event(p->o.store, &e->row, names, n, &seq, err);
        if (code)
            return code;
    }
    return HD_OK;
}

/* "ours/SERVICE": when and what haldane wrote last; empty when that is over. */
static enum hd_code write_ours(struct service *s, struct hd_error *err)
{
    if (!s->ours_dirty)
        return HD_OK;
    ARENA_AUTO a = arena_new();
    return store_put_fact(s->p->o.store, arena_print(a, "ours/%s", s->name),
                          s->our_value ? arena_print(a, "%lld %s", (long long)s->ours_ms, s->our_value)
                                       : "",
                          err);
}

static enum hd_code write_drilled(struct service *s, struct hd_error *err)
{
    struct store_drill drill = {s->drilled_ms, s->drilled_ok, s->drilled, s->drill_refused};
    return s->drilled_dirty ? store_put_drill(s->p->o.store, s->name, &drill, err) : HD_OK;
}

static enum hd_code write_limits(struct service *s, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    return s->limits ? store_put_fact(s->p->o.store, arena_print(a, "limits/%s", s->name), s->limits, err) : HD_OK;
}

static enum hd_code write_guard(struct guard *g, struct hd_error *err)
{
    struct store *store = g->p->o.store;
    enum hd_code code = HD_OK;
    if (g->dirty || g->queue || g->n_bands || g->act.intent_dirty) {
        guard_pack(g);
        code = g->added ? store_put_guard(store, &g->row, err) : store_add_guard(store, &g->row, err);
    }
    if (!code && g->approval_dirty)
        code = store_put_approval(store, &g->approval, err);
    if (!code && g->pin_dirty)
        code = store_put_pin(store, &g->row, err);
    for (uint32_t i = 0; !code && i < g->n_inputs; i++)
        code = store_add_input(store, g->row.id, &g->input[i], err);
    if (!code && g->run_dirty)
        code = store_put_run(store, &g->run, g->p->now.wall_ms, err);
    for (struct evidence_item *e = g->queue; !code && e; e = e->next)
        code = store_put_evidence(store, g->row.id, &e->row, err);
    for (size_t i = 0; !code && i < g->n_bands; i++)
        code = store_put_band(store, g->row.id, &g->bands[i], err);
    if (!code && g->act.intent_dirty) {
        if (g->act.intent.seq)
            code = store_put_intent(store, &g->act.intent, err);
        else
            code = store_add_intent(store, &g->act.intent, &g->act.intent.seq, err);
    }
    return code;
}

static void json_colours(const struct hd_policy *policy, struct buf *to)
{
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '[');
    for (uint32_t i = 0; i < policy->n_colours; i++)
        json_put_text(&o, NULL, policy->colours[i].name);
    json_end(&o, ']');
}

static void json_about(const struct hd_policy *policy, const struct hd_config *c, struct buf *to)
{
    static const char *const on_fail[] = {"revert", "page"};
    static const char *const on_inconclusive[] = {"wait", "page", "pass", "revert"};
    ARENA_AUTO a = arena_new();
    struct would_rules rules;
    struct json_out o = json_out(to);
    would_rules_of(a, policy, c, &rules);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "actuator", policy->actuator.type);
    json_put_i64(&o, "duration_ms", policy->guard.duration_ms);
    json_put_i64(&o, "interval_ms", policy->guard.interval_ms);
    json_put_text(&o, "on_fail", on_fail[policy->on_fail]);
    json_put_text(&o, "on_inconclusive", on_inconclusive[policy->on_inconclusive]);
    json_put_i64(&o, "kept_for_ms", policy->target.kept_for_ms);
    json_put_bool(&o, "rollback_safe", policy->rollback_safe);
    json_put_time(&o, "rollback_unsafe_until", policy->rollback_safe ? -1 : policy->rollback_unsafe_until_ms);
    json_put_text(&o, "owner", policy->owner);
    json_put_text(&o, "runbook", policy->runbook);
    json_put_text(&o, "dashboard", policy->dashboard);
    store_rules_save(&rules, &o, "rules");
    json_end(&o, '}');
}

/* "source/NAME": "ok 1795220000000" or "bad 1795220000000 connection refused". */
static enum hd_code write_source(struct pipeline *p, const struct source *s, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    return store_put_fact(p->o.store, arena_print(a, "source/%s", s->name),
                          arena_print(a, "%s %lld%s%s", s->well > 0 ? "ok" : "bad",
                                      (long long)s->well_ms, s->ill ? " " : "", s->ill ? s->ill : ""),
                          err);
}

/* What the settings page shows: the effective text, and since when it is the one. */
static enum hd_code write_config(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(HD_BLOB_BYTES_MAX);
    config_print(p->config, &text);
    enum hd_code code = store_put_fact(p->o.store, "config/text", buf_at(&text), err);
    if (!code)
        code = store_put_fact(p->o.store, "config/loaded",
                              arena_print(a, "%lld %s", (long long)p->config_ms, p->c->hash), err);
    if (!code)
        code = store_put_fact(p->o.store, "config/refused", "", err);
    return code;
}

static enum hd_code write_services(struct pipeline *p, struct hd_error *err)
{
    static const char *const kind[] = {"blue_green", "canary"};
    ARENA_AUTO a = arena_new();
    struct store_service *row = arena_many(a, p->c->n_services, struct store_service);
    for (uint32_t i = 0; i < p->c->n_services; i++) {
        const struct hd_policy *policy = &p->c->services[i];
        BUF_AUTO colours = BUF_INIT(4096);
        BUF_AUTO checks = BUF_INIT(HD_BLOB_BYTES_MAX);
        BUF_AUTO about = BUF_INIT(HD_BLOB_BYTES_MAX);
        json_colours(policy, &colours);
        guard_checks_json(p->c, policy, &checks);
        json_about(policy, p->c, &about);
        row[i] = (struct store_service){
            .name = policy->name,
            .mode = hd_mode_word(policy->mode),
            .kind = kind[policy->kind],
            .colours = arena_text(a, buf_at(&colours)),
            .checks = arena_text(a, buf_at(&checks)),
            .config_hash = p->c->hash,
            .about = arena_text(a, buf_at(&about)),
        };
    }
    return store_put_services(p->o.store, row, p->c->n_services, err);
}

/* What was found out of sources and services that are configured no longer. */
static enum hd_code forget_names(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    const char **source = arena_many(a, p->c->n_datasources, const char *);
    const char **service = arena_many(a, p->c->n_services, const char *);
    for (uint32_t i = 0; i < p->c->n_datasources; i++)
        source[i] = p->c->datasources[i].name;
    for (uint32_t i = 0; i < p->c->n_services; i++)
        service[i] = p->c->services[i].name;
    enum hd_code code = store_keep_facts(p->o.store, "source/", source, p->c->n_datasources, err);
    if (!code)
        code = store_keep_facts(p->o.store, "drill/", service, p->c->n_services, err);
    return code ? code : store_keep_facts(p->o.store, "limits/", service, p->c->n_services, err);
}

static bool guard_waits(const struct guard *g)
{
    return g->dirty || g->queue || g->n_bands || g->act.intent_dirty || g->run_dirty || g->approval_dirty;
}

bool service_waits(const struct service *s)
{
    return mark_waits(s) || s->last_dirty || s->ours_dirty || s->drilled_dirty || s->limits;
}

static bool anything(const struct pipeline *p)
{
    bool any = p->services_dirty || p->decisions_dirty || p->answered || p->events || p->ended || p->refused;
    for (size_t i = 0; i < p->n_sources && !any; i++)
        any = p->sources[i]->dirty;
    for (size_t i = 0; i < p->n_services && !any; i++)
        any = service_waits(p->services[i]);
    size_t at = 0;
    for (const struct guard *g; !any && (g = guard_next(p, &at));)
        any = guard_waits(g);
    return any;
}

static bool is_evidence(const struct guard *g)
{
    return g->added && !g->act.intent_dirty && !g->run_dirty && !g->approval_dirty && !g->pin_dirty;
}

/* What waits can be asked for again, and the guards' memory goes back with it: nothing acts, answers or
 * was told by it. A value of the router that is new here is no evidence. */
static bool only_evidence(const struct pipeline *p)
{
    bool only = !p->services_dirty && !p->decisions_dirty && !p->events && !p->ended && !p->refused && !p->store_lost;
    for (size_t i = 0; i < p->n_sources && only; i++)
        only = !p->sources[i]->dirty;
    for (size_t i = 0; i < p->n_services && only; i++) {
        const struct service *s = p->services[i];
        only = !s->ours_dirty && !mark_waits(s) && !(s->last_dirty && s->last.first_ms == s->last.last_ms);
    }
    size_t at = 0;
    for (const struct guard *g; only && (g = guard_next(p, &at));)
        only = !guard_waits(g) || is_evidence(g);
    return only;
}

static bool disk_is_due(const struct pipeline *p) { return p->now.boot_ms - p->durable_ms >= DURABLE_MS; }

int64_t save_next(const struct pipeline *p)
{
    return p->owed && !p->store_lost ? p->durable_ms + DURABLE_MS : INT64_MAX;
}

static enum hd_code write_all(struct pipeline *p, bool relaxed, struct hd_error *err)
{
    enum hd_code code = relaxed ? store_begin_relaxed(p->o.store, err) : store_begin(p->o.store, err);
    if (!code && p->services_dirty)
        code = write_services(p, err);
    if (!code && p->services_dirty)
        code = write_config(p, err);
    if (!code && p->services_dirty)
        code = forget_names(p, err);
    if (!code && p->services_dirty)
        code = accounts_save(p, err);
    if (!code)
        code = may_write(p, err);
    if (!code && p->refused)
        code = store_put_fact(p->o.store, "config/refused", p->refused, err);
    for (size_t i = 0; !code && i < p->n_sources; i++) {
        if (p->sources[i]->dirty)
            code = write_source(p, p->sources[i], err);
    }
    for (size_t i = 0; !code && i < p->n_services; i++) {
        struct service *s = p->services[i];
        if (s->last_dirty)
            code = store_put_reading(p->o.store, &s->last, err);
        if (!code)
            code = write_ours(s, err);
        if (!code)
            code = write_drilled(s, err);
        if (!code)
            code = write_limits(s, err);
        if (!code)
            code = mark_write(s, err);
    }
    size_t at = 0;
    for (struct guard *g; !code && (g = guard_next(p, &at));)
        code = write_guard(g, err);
    for (struct guard *g = p->ended; !code && g; g = g->next_ended)
        code = write_guard(g, err);
    if (!code)
        code = write_events(p, err);
    for (const struct answered *a = p->answered; !code && a; a = a->next)
        code = store_put_answered(p->o.store, &a->row, err);
    if (!code)
        code = store_commit(p->o.store, err);
    if (code)
        store_rollback(p->o.store);
    return code;
}

static void guard_saved(struct guard *g)
{
    g->added = true;
    g->dirty = g->pin_dirty = g->run_dirty = g->approval_dirty = false;
    g->n_inputs = 0;
    g->n_bands = 0;
    g->act.stored |= g->act.intent.seq > 0;
    g->act.intent_dirty = false;
    while (g->queue) {
        struct evidence_item *next = g->queue->next;
        free(g->queue);
        g->queue = next;
    }
    g->queue_end = &g->queue;
    g->n_queue = 0;
}

static void all_saved(struct pipeline *p)
{
    p->services_dirty = p->decisions_dirty = false;
    free(p->refused);
    p->refused = NULL;
    for (size_t i = 0; i < p->n_sources; i++)
        p->sources[i]->dirty = false;
    for (size_t i = 0; i < p->n_services; i++) {
        struct service *s = p->services[i];
        s->last_dirty = s->ours_dirty = s->drilled_dirty = false;
        free(s->limits);
        s->limits = NULL;
        mark_saved(s);
    }
    size_t at = 0;
    for (struct guard *g; (g = guard_next(p, &at));)
        guard_saved(g);
    while (p->ended) {
        struct guard *next = p->ended->next_ended;
        guard_free(p->ended);
        p->ended = next;
    }
    while (p->events) {
        struct event_item *next = p->events->next;
        arena_free(p->events->arena);
        p->events = next;
    }
    p->events_end = &p->events;
    once_forget(p);
    if (p->n_events)
        p->outbox_ms = p->now.boot_ms; /* there may be something to deliver */
    p->acts_old |= p->n_events > 0;
    p->n_events = 0;
}

/* An intent that got its number in a transaction that was rolled back has none. */
static void forget_numbers(struct pipeline *p)
{
    for (size_t i = 0; i < p->n_services; i++) {
        struct guard *g = p->services[i]->guard;
        if (g && !g->act.stored)
            g->act.intent.seq = 0;
    }
    for (struct guard *g = p->ended; g; g = g->next_ended) {
        if (!g->act.stored)
            g->act.intent.seq = 0;
    }
}

static enum hd_code lost(struct pipeline *p, enum hd_code code, const struct hd_error *err)
{
    forget_numbers(p);
    metric_add(metric_get("haldane_db_write_errors_total", METRIC_COUNTER,
                          "Transactions that could not be committed", ""), 1);
    if (!p->store_lost)
        log_error(NULL, "the store cannot commit: %s", err->text);
    p->store_lost = true;
    p->store_try_ms = p->now.boot_ms + 1000;
    return code;
}

static enum hd_code save(struct pipeline *p, bool relaxed, struct hd_error *err)
{
    bool spent = store_ballast_used(p->o.store);
    enum hd_code code = write_all(p, relaxed, err);
    if (code == HD_FULL && !spent && store_ballast_used(p->o.store)) {
        forget_numbers(p);
        log_error(NULL, "the disk is full: the ballast was freed to go on");
        code = write_all(p, relaxed, err);
    }
    if (code)
        return lost(p, code, err);
    if (p->store_lost)
        log_info(NULL, "the store can commit again");
    p->store_lost = false;
    p->owed = relaxed;
    if (!relaxed)
        p->durable_ms = p->now.boot_ms;
    all_saved(p);
    return HD_OK;
}

/* A durable commit that wrote nothing has synced nothing of those before it. */
static enum hd_code pay(struct pipeline *p, struct hd_error *err)
{
    enum hd_code code = p->owed ? store_sync(p->o.store, err) : HD_OK;
    if (code)
        return lost(p, code, err);
    p->owed = false;
    p->durable_ms = p->now.boot_ms;
    return HD_OK;
}

enum hd_code save_all(struct pipeline *p, struct hd_error *err)
{
    return anything(p) || p->store_lost ? save(p, false, err) : pay(p, err);
}

enum hd_code save_turn(struct pipeline *p, struct hd_error *err)
{
    if (anything(p) || p->store_lost)
        return save(p, !disk_is_due(p) && only_evidence(p), err);
    return disk_is_due(p) ? pay(p, err) : HD_OK;
}
