/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and who hears of them. An event waits in memory for the turn's commit, which also makes
 * its outbox rows; deliveries follow in each sink's order, retried, never in front of a revert.
 * Heartbeats stop when a live guard stops evaluating. Past the store only when it cannot commit.
 */
#include "pipeline/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/reason.h"
#include "base/str.h"

#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 60000
#define HEARTBEAT_MS 15000
#define BEATS_TO_DIE 4           /* a heartbeat is true for so many intervals without news */
#define EVENTS_MAX 10000         /* in memory while the store is lost */

struct delivery {
    struct pipeline *p;
    struct sink *sink;
    struct config *pin;     /* owner of the sink's cfg */
    struct hd_arena *arena;
    int64_t id;             /* outbox row; 0: heartbeat, repeat or past the store */
    struct event_item *direct; /* told past the store, which may take it meanwhile; NULL */
    uint32_t tries;
    struct hd_ask ask;
    struct delivery_slot {
        struct delivery *d;
        size_t i;
        uint64_t wire;
    } slot[HD_ASK_MAX];
    size_t waiting;
    enum hd_code worst;
    int32_t retry_ms;
    char error[300];
};

/* --- events --- */

static struct event_item *event_new(struct pipeline *p, const char *service, const char *guard,
                                    const char *kind, int reason)
{
    struct hd_arena *a = arena_new();
    struct event_item *e = arena_of(a, struct event_item);
    e->arena = a;
    e->row = (struct store_event){
        .wall_ms = p->now.wall_ms,
        .guard = arena_text(a, guard),
        .service = arena_text(a, service),
        .kind = kind,
        .reason = reason,
        .severity = reason ? (int32_t)reason_severity(reason) : HD_SEVERITY_INFO,
    };
    if (p->n_events >= EVENTS_MAX) { /* only while the store is lost; the log has it */
        struct event_item *old = p->events;
        p->events = old->next;
        arena_free(old->arena);
        p->n_events--;
    }
    if (!p->events)
        p->events_end = &p->events;
    *p->events_end = e;
    p->events_end = &e->next;
    p->n_events++;
    return e;
}

void event_add(struct pipeline *p, const struct guard *g, const char *service, const char *kind,
               int reason, const char *headline, const char *text, bool tell)
{
    struct event_item *e = event_new(p, service, g ? g->row.id : NULL, kind, reason);
    e->row.headline = arena_text(e->arena, headline);
    e->row.text = arena_text(e->arena, text ? text : "");
    e->tell = tell;
}

/* The sentence of the reason in the guard's own words, followed by what is known beside it. */
void event_headed(struct guard *g, const char *kind, int reason, const char *headline, const char *text, bool tell)
{
    struct event_item *e = event_new(g->p, g->service->name, g->row.id, kind, reason);
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names;
    struct hd_reason r = {.number = (uint16_t)reason, .check = HD_NO_CHECK, .stable = 0.0 / 0.0,
                          .value = 0.0 / 0.0, .limit = 0.0 / 0.0};
    guard_names(g, &names, checks, units, text);
    BUF_AUTO sentence = BUF_INIT(2000);
    bool of_check = reason >= HD_REASON_ABOVE_MAX && reason < HD_REASON_MODE_ADVISE;
    bool of_may = reason >= HD_REASON_MODE_ADVISE && reason <= HD_REASON_TARGET_REJECTED;
    if (reason && !of_check && !of_may) /* those sentences need their numbers: the caller gives them as text */
        reason_render(&sentence, &r, &names);
    if (text && *text && !strstr(buf_at(&sentence), text))
        buf_print(&sentence, "%s%s", sentence.len ? ": " : "", text);
    if (g->row.mode == HD_MODE_SHADOW || (e->row.severity == HD_SEVERITY_ACT && !g->row.needs_human))
        e->row.severity = HD_SEVERITY_INFO;
    if (g->row.needs_human && reason && hd_state_terminal(g->row.state))
        e->row.severity = HD_SEVERITY_ACT;
    if (of_check && g->row.needs_human)
        e->row.severity = HD_SEVERITY_ACT;
    e->row.state = arena_text(e->arena, hd_state_word(g->row.state));
    e->row.headline = arena_text(e->arena, headline);
    e->row.text = arena_text(e->arena, buf_at(&sentence));
    bool there = reason == HD_REASON_NOT_RECOVERED; /* the traffic is where the command would move it */
    e->row.native = e->row.severity == HD_SEVERITY_ACT && g->native.len && !there
                        ? arena_text(e->arena, buf_at(&g->native))
                        : NULL;
    e->tell = tell && !g->row.analysis;
    log_info(g->service->name, "guard %s: %s%s%s", g->row.id, headline,
             sentence.len ? ": " : "", buf_at(&sentence));
}

void event_guard(struct guard *g, const char *kind, int reason, const char *text, bool tell)
{
    event_headed(g, kind, reason, buf_at(&g->headline), text, tell);
}

void event_past(struct pipeline *p, const struct store_guard *row, const char *text)
{
    struct event_item *e = event_new(p, row->service, row->id, "operator", HD_REASON_NONE);
    e->row.state = arena_text(e->arena, hd_state_word(row->state));
    e->row.headline = arena_text(e->arena, row->headline);
    e->row.text = arena_text(e->arena, text);
}

void event_settle(struct pipeline *p, const struct store_guard *row, const char *text)
{
    for (int resolving = 0; resolving < 2; resolving++) { /* what is told, and what it ends */
        struct event_item *e = event_new(p, row->service, row->id, "reading", HD_REASON_NONE);
        e->row.state = arena_text(e->arena, hd_state_word(row->state));
        e->row.headline = arena_print(e->arena, "Settled: %s", text);
        e->row.text = "";
        e->row.resolved = resolving;
    }
}

void event_resolve(struct guard *g, bool whole_service)
{
    struct event_item *e = event_new(g->p, g->service->name, whole_service ? NULL : g->row.id, "state", 0);
    guard_headline(g);
    e->row.headline = arena_text(e->arena, buf_at(&g->headline));
    e->row.text = "";
    e->row.resolved = true;
}

/* --- deliveries --- */

struct delivery *notify_cancel(struct delivery *d)
{
    if (!d)
        return NULL;
    for (size_t i = 0; i < d->ask.n; i++) {
        if (d->slot[i].wire)
            d->p->o.wire.cancel(d->p->o.wire.ctx, d->slot[i].wire);
    }
    if (d->sink && d->sink->sending == d)
        d->sink->sending = NULL;
    arena_free(d->arena);
    config_unref(d->pin);
    free(d);
    return NULL;
}

static void outbox_put(struct delivery *d, int32_t done, int64_t when_ms)
{
    struct hd_error err;
    struct store *store = d->p->o.store;
    enum hd_code code = store_begin(store, &err);
    if (!code)
        code = store_outbox_put(store, d->id, done, when_ms, d->error[0] ? d->error : NULL, &err);
    if (!code)
        code = store_commit(store, &err);
    if (code) { /* delivered, and not noted: it will be told once more, which is the safe side */
        store_rollback(store);
        log_warn(d->sink->name, "outbox: %s", err.text);
        d->p->store_lost = true; /* the store is tried again before the next delivery */
        d->p->store_try_ms = d->p->now.boot_ms + 1000;
        d->p->outbox_ms = d->p->store_try_ms + 1000;
    }
}

/* What could not be told past the store is told again: nobody else hears of it. */
static void direct_failed(struct delivery *d)
{
    struct pipeline *p = d->p;
    struct event_item *e = p->events;
    while (e && e != d->direct)
        e = e->next;
    if (e)
        e->direct &= ~((uint64_t)1 << (d->sink - p->sinks));
    d->sink->direct_ms = p->now.boot_ms + sched_backoff_ms(++d->sink->direct_tries, RETRY_BASE_MS, RETRY_CAP_MS,
                                                           random_next(p));
}

static void delivery_end(struct delivery *d)
{
    struct pipeline *p = d->p;
    bool ok = d->worst == HD_OK;
    metric_add(ok ? d->sink->ok : d->sink->failed, 1);
    if (!ok)
        log_warn(d->sink->name, "not told: %s", d->error);
    if (d->id && ok) {
        outbox_put(d, 1, p->now.wall_ms);
    } else if (d->id && d->worst == HD_INVALID) {
        outbox_put(d, 2, p->now.wall_ms);
    } else if (d->id) {
        int64_t wait = sched_backoff_ms(d->tries + 1, RETRY_BASE_MS, RETRY_CAP_MS, random_next(p));
        outbox_put(d, 0, p->now.wall_ms + (d->retry_ms > wait ? d->retry_ms : wait));
    } else if (d->direct && ok) {
        d->sink->direct_tries = 0;
    } else if (d->direct && d->worst != HD_INVALID) {
        direct_failed(d);
    }
    d->sink->sending = NULL;
    if (!p->store_lost)
        p->outbox_ms = p->now.boot_ms;
    notify_cancel(d);
}

static void slot_done(void *user, const struct hd_response *r)
{
    struct delivery_slot *slot = user;
    struct delivery *d = slot->d;
    struct hd_error err = {.text = ""};
    enum hd_code code;
    int32_t retry_ms = 0;
    pipeline_wake(d->p);
    slot->wire = 0;
    if (r->io != HD_IO_OK) {
        code = hd_fail(&err, HD_BUSY, "%s", r->text);
    } else {
        struct hd_exchange exchange = {d->ask.request[slot->i], r};
        code = d->sink->notifier->reply(d->arena, d->sink->cfg, &exchange, &retry_ms, &err);
    }
    if (code && d->worst != HD_BUSY) { /* BUSY wins: a peer may still take it */
        d->worst = code == HD_INVALID ? HD_INVALID : HD_BUSY;
        (void)snprintf(d->error, sizeof d->error, "%.*s", (int)sizeof d->error - 1, err.text);
    }
    if (retry_ms > d->retry_ms)
        d->retry_ms = retry_ms;
    if (--d->waiting == 0)
        delivery_end(d);
}

/* `of` a row of the outbox, or `direct`ly past the store, or neither (NULL). */
static void deliver(struct pipeline *p, struct sink *sink, const struct hd_message *m,
                    const struct store_message *of, struct event_item *direct)
{
    struct delivery *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    d->p = p;
    d->sink = sink;
    d->pin = config_ref(p->config);
    d->arena = arena_new();
    d->id = of ? of->id : 0;
    d->tries = of ? of->tries : 0;
    d->direct = direct;
    struct hd_error err;
    if (sink->notifier->write(d->arena, sink->cfg, m, &d->ask, &err) || !d->ask.n) {
        (void)snprintf(d->error, sizeof d->error, "%.*s", (int)sizeof d->error - 1, err.text);
        d->worst = HD_INVALID;
        d->waiting = 0;
        sink->sending = d;
        delivery_end(d);
        return;
    }
    sink->sending = d;
    d->waiting = d->ask.n;
    for (size_t i = 0; i < d->ask.n; i++) {
        d->slot[i] = (struct delivery_slot){.d = d, .i = i};
        d->slot[i].wire = p->o.wire.send(p->o.wire.ctx, d->ask.request[i], 0, slot_done, &d->slot[i]);
    }
}

static struct hd_message message_of(struct pipeline *p, struct hd_arena *a, const struct store_event *e)
{
    const char *base = p->c->public_url;
    if (!base)
        base = arena_print(a, "http://%s", p->c->listen);
    const struct hd_policy *policy = e->service ? config_service(p->config, e->service) : NULL;
    struct store_guard g;
    if (!e->guard || store_guard(p->o.store, a, e->guard, &g, NULL))
        g = (struct store_guard){.stable = NULL};
    return (struct hd_message){
        .seq = e->seq,
        .service = e->service,
        .guard = e->guard,
        .state = e->state,
        .headline = e->service ? arena_print(a, "%s: %s", e->service, e->headline) : e->headline,
        .body = e->text ? e->text : "",
        .native = e->native,
        .url = e->guard ? arena_print(a, "%s/g/%s", base, e->guard) : base,
        .stable = g.stable,
        .candidate = g.candidate,
        .owner = policy ? policy->owner : NULL,
        .runbook = policy ? policy->runbook : NULL,
        .dashboard = policy ? policy->dashboard : NULL,
        .severity = (enum hd_severity)e->severity,
        .resolved = e->resolved,
        .at_ms = e->wall_ms,
        .ends_ms = p->now.wall_ms + 5 * RETRY_CAP_MS,
    };
}

static struct sink *sink_find(struct pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        if (str_is(p->sinks[i].name, name))
            return &p->sinks[i];
    }
    return NULL;
}

static void outbox_due(struct pipeline *p)
{
    ARENA_AUTO a = arena_new();
    struct store_message *rows;
    size_t n = 0;
    struct hd_error err;
    if (store_outbox_due(p->o.store, a, p->now.wall_ms, &rows, &n, &err)) {
        log_warn(NULL, "outbox: %s", err.text);
        p->outbox_ms = p->now.boot_ms + 1000;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct sink *sink = sink_find(p, rows[i].sink);
        bool late = p->now.wall_ms - rows[i].event.wall_ms > HD_OUTBOX_TRY_MS;
        if (!sink || late) { /* the sink is gone from the config, or it took too long */
            struct sink gone = {.name = rows[i].sink};
            struct delivery d = {.p = p, .sink = &gone, .id = rows[i].id};
            (void)snprintf(d.error, sizeof d.error, "%s", sink ? "given up" : "no such notifier any more");
            outbox_put(&d, 2, p->now.wall_ms);
        } else if (!sink->sending) {
            struct hd_message m = message_of(p, a, &rows[i].event);
            m.resolved = rows[i].resolving;
            if (m.resolved) { /* nobody is called, nor asked to do anything */
                m.headline = headline_uncalled(a, m.headline);
                m.native = NULL;
            }
            deliver(p, sink, &m, &rows[i], NULL);
        }
    }
    int64_t next = INT64_MAX;
    if (!store_outbox_next(p->o.store, &next, &err) && next != INT64_MAX) {
        int64_t at = boot_of_wall(p, next);
        p->outbox_ms = at > p->now.boot_ms ? at : p->now.boot_ms + 50;
    } else {
        p->outbox_ms = INT64_MAX;
    }
}

void notify_hurry(struct pipeline *p)
{
    struct hd_error err;
    enum hd_code code = store_begin(p->o.store, &err);
    if (!code)
        code = store_outbox_hurry(p->o.store, &err);
    if (!code)
        code = store_commit(p->o.store, &err);
    if (code) {
        store_rollback(p->o.store);
        log_warn(NULL, "outbox: %s", err.text);
    }
    p->outbox_ms = p->now.boot_ms;
}

/* Every live guard has finished a poll lately; else the heartbeat stops, and its absence is the
 * alarm. */
static bool all_evaluate(const struct pipeline *p)
{
    for (size_t i = 0; i < p->n_services; i++) {
        const struct guard *g = p->services[i]->guard;
        if (!g || act_busy(g) || g->row.state == HD_STATE_PENDING)
            continue;
        int64_t since = g->polled_ms ? g->polled_ms : g->boot_base_ms;
        int64_t late = 3 * g->policy->guard.interval_ms + 30000;
        if (p->now.boot_ms - since > late)
            return false;
    }
    return true;
}

static void heartbeat(struct pipeline *p, struct sink *s)
{
    if (p->now.boot_ms < s->heartbeat_ms)
        return;
    s->heartbeat_ms = p->now.boot_ms + HEARTBEAT_MS;
    if (!s->notifier->heartbeats || s->sending || p->store_lost || !all_evaluate(p))
        return;
    struct hd_message m = {.headline = "haldane is alive and evaluates",
                           .body = "",
                           .heartbeat = true,
                           .at_ms = p->now.wall_ms,
                           .ends_ms = p->now.wall_ms + BEATS_TO_DIE * HEARTBEAT_MS};
    deliver(p, s, &m, NULL, NULL);
}

/* Alertmanager forgets what is not repeated. */
static void repeat(struct pipeline *p, struct sink *s)
{
    if (p->now.boot_ms < s->repeat_ms || !s->notifier->repeat_ms || !s->page)
        return;
    s->repeat_ms = p->now.boot_ms + s->notifier->repeat_ms;
    ARENA_AUTO a = arena_new();
    struct store_event *acts;
    size_t n = 0;
    struct hd_error err;
    if (s->sending || store_open_acts(p->o.store, a, &acts, &n, &err) || !n)
        return;
    struct hd_message m = message_of(p, a, &acts[s->repeat_at++ % n]);
    deliver(p, s, &m, NULL, NULL);
    if (s->repeat_at % n) /* the others follow closely */
        s->repeat_ms = p->now.boot_ms + 200;
}

void notify_due(struct pipeline *p)
{
    if (p->now.boot_ms >= p->outbox_ms && !p->store_lost)
        outbox_due(p);
    for (size_t i = 0; i < p->n_sinks; i++) {
        heartbeat(p, &p->sinks[i]);
        repeat(p, &p->sinks[i]);
    }
}

int64_t notify_next(const struct pipeline *p)
{
    int64_t next = p->store_lost ? INT64_MAX : p->outbox_ms;
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sink *s = &p->sinks[i];
        next = s->heartbeat_ms < next ? s->heartbeat_ms : next;
        if (s->notifier->repeat_ms && s->page && s->repeat_ms < next)
            next = s->repeat_ms;
    }
    return next;
}

void notify_direct(struct pipeline *p)
{
    for (struct event_item *e = p->events; e; e = e->next) {
        if (e->row.severity != HD_SEVERITY_ACT)
            continue;
        for (size_t i = 0; i < p->n_sinks && i < 64; i++) {
            struct sink *s = &p->sinks[i];
            if (!s->page || s->sending || e->direct >> i & 1 || p->now.boot_ms < s->direct_ms)
                continue; /* a busy sink takes it at a later turn */
            struct hd_message m = message_of(p, e->arena, &e->row);
            m.seq = -e->row.wall_ms; /* no journal number yet; negative ones never meet those */
            e->direct |= (uint64_t)1 << i;
            deliver(p, s, &m, NULL, e);
        }
    }
}
