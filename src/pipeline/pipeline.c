/* SPDX-License-Identifier: Apache-2.0
 *
 * The conductor's desk: what is due and which stage takes it, services and sinks of the config,
 * start, reload and stop. The stages are in the files beside it; internal.h lists them.
 */
#include "pipeline/internal.h"
#include "pipeline/once.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define EVICT_EVERY_MS 30000
#define BALLAST_EVERY_MS 60000
#define JUMP_MS 1000        /* the wall clock may be slewed by less */
#define TURN_MAX_MS 1000    /* a turn at least every second: the watchdog counts on it */

/* --- the schedule --- */

static void read_due(struct pipeline *p, uint32_t service) { watch_due(p->services[service]); }
static void poll_due(struct pipeline *p, uint32_t service)
{
    if (p->services[service]->guard)
        collect_poll(p->services[service]->guard);
}
static void acting_due(struct pipeline *p, uint32_t service)
{
    if (p->services[service]->guard)
        act_due(p->services[service]->guard);
}
static void caring_due(struct pipeline *p, uint32_t service)
{
    if (p->services[service]->guard)
        care_due(p->services[service]->guard);
}

/* What becomes due, and who takes it. */
static const struct stage {
    enum due_kind kind;
    void (*run)(struct pipeline *, uint32_t index);
} stages[] = {
    {DUE_READ, read_due},  /* watch.c: the router's value and readiness */
    {DUE_POLL, poll_due},  /* collect.c, then decide.c or care.c */
    {DUE_ACT, acting_due}, /* act.c: the next read or send of a revert, or its deadline */
    {DUE_CARE, caring_due}, /* care.c: recovered in time? closed? */
    {DUE_LIMITS, limits_due}, /* limits.c: has a guard ended since other limits were tried? */
    {DUE_ANALYSE, analysis_due}, /* analysis.c: a poll, or the end of its run */
};

static uint64_t due_key(enum due_kind kind, uint32_t index) { return (uint64_t)kind << 32 | index; }

void due_set(struct pipeline *p, enum due_kind kind, uint32_t index, int64_t boot_ms)
{
    if (!sched_set(p->sched, due_key(kind, index), boot_ms))
        abort();
}

void due_drop(struct pipeline *p, enum due_kind kind, uint32_t index)
{
    sched_drop(p->sched, due_key(kind, index));
}

int64_t boot_of_wall(const struct pipeline *p, int64_t wall_ms)
{
    return p->now.boot_ms + (wall_ms - p->now.wall_ms);
}

uint64_t random_next(struct pipeline *p) /* splitmix64 */
{
    uint64_t z = p->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void pipeline_wake(struct pipeline *p) { p->now = p->o.wire.now(p->o.wire.ctx); }

/* --- services, sinks, holds --- */

struct service *service_find(struct pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->n_services; i++) {
        if (str_is(p->services[i]->name, name))
            return p->services[i];
    }
    return NULL;
}

static void service_free(struct service *s)
{
    watch_stop(s);
    s->drill = drill_cancel(s->drill);
    command_drop(s);
    guard_free(s->guard);
    arena_free(s->last_arena);
    arena_free(s->carried_arena);
    free(s->forgets_to);
    free(s->our_value);
    free(s->drilled);
    free(s->drill_refused);
    free(s->limits);
    free(s->name);
    free(s);
}

/* Has it left the configuration, and does nothing live, wait or end of it any more? */
static bool service_is_over(const struct service *s)
{
    const struct pipeline *p = s->p;
    bool over = !s->policy && !s->guard && !s->orders && !s->reading && !s->drill && !service_waits(s) && !limits_busy(s);
    for (size_t i = 0; over && i < HD_ANALYSES_MAX; i++)
        over = !p->analyses[i] || p->analyses[i]->service != s;
    for (const struct guard *g = p->ended; over && g; g = g->next_ended)
        over = g->service != s;
    return over;
}

/* A place in the list, which is the service's for its life: that of one that is over, or a new one. */
static struct service **service_place(struct pipeline *p)
{
    static const enum due_kind kinds[] = {DUE_READ, DUE_POLL, DUE_ACT, DUE_CARE, DUE_LIMITS};
    for (size_t i = 0; i < p->n_services; i++) {
        if (!service_is_over(p->services[i]))
            continue;
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            due_drop(p, kinds[k], (uint32_t)i);
        service_free(p->services[i]);
        return &p->services[i];
    }
    struct service **list = realloc(p->services, (p->n_services + 1) * sizeof *list);
    if (!list)
        abort();
    p->services = list;
    return &list[p->n_services++];
}

struct service *service_need(struct pipeline *p, const char *name)
{
    struct service *s = service_find(p, name);
    if (s)
        return s;
    struct service **place = service_place(p);
    s = *place = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->p = p;
    s->name = strdup(name);
    s->index = (uint32_t)(place - p->services);
    s->unread_since_ms = -1;
    return s;
}

void holds_read(struct pipeline *p)
{
    struct hd_arena *a = arena_new();
    struct store_hold *holds;
    size_t n = 0;
    struct hd_error err;
    if (store_holds(p->o.store, a, p->now.wall_ms, &holds, &n, &err)) {
        log_warn(NULL, "cannot read the holds: %s", err.text);
        arena_free(a);
        return;
    }
    arena_free(p->holds_arena);
    p->holds_arena = a;
    p->holds = holds;
    p->n_holds = n;
}

const struct store_hold *hold_of(const struct pipeline *p, const char *service)
{
    for (size_t i = 0; i < p->n_holds; i++) {
        const struct store_hold *h = &p->holds[i];
        bool now = h->released_ms < 0 && p->now.wall_ms < h->until_ms;
        if (now && (!h->service || str_is(h->service, service)))
            return h;
    }
    return NULL;
}

static void sinks_make(struct pipeline *p)
{
    static const char help[] = "Messages to notifiers by outcome";
    p->n_sinks = p->c->n_sinks;
    p->sinks = calloc(p->n_sinks + 1, sizeof *p->sinks);
    if (!p->sinks)
        abort();
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct hd_sink *from = &p->c->sinks[i];
        BUF_AUTO ok = BUF_INIT(512);
        BUF_AUTO bad = BUF_INIT(512);
        metric_label(&ok, "sink", from->name);
        metric_label(&ok, "outcome", "ok");
        metric_label(&bad, "sink", from->name);
        metric_label(&bad, "outcome", "error");
        p->sinks[i] = (struct sink){
            .name = from->name,
            .notifier = hd_notifier_find(from->plugin.type),
            .cfg = from->plugin.cfg,
            .page = from->page,
            .ok = metric_get("haldane_notifications_total", METRIC_COUNTER, help, buf_at(&ok)),
            .failed = metric_get("haldane_notifications_total", METRIC_COUNTER, help, buf_at(&bad)),
        };
    }
}

static void sinks_free(struct pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        notify_cancel(p->sinks[i].sending);
    for (struct event_item *e = p->events; e; e = e->next)
        e->direct = 0; /* by other sinks from now on, perhaps because these did not work */
    free(p->sinks);
    p->sinks = NULL;
    p->n_sinks = 0;
}

/* --- start, reload, stop --- */

static void take_config(struct pipeline *p, struct config *config)
{
    sinks_free(p);
    struct config *old = p->config;
    p->config = config_ref(config);
    p->c = config_get(config);
    sinks_make(p);
    for (size_t i = 0; i < p->n_services; i++) {
        struct service *s = p->services[i];
        s->policy = config_service(config, s->name);
        s->drill = drill_cancel(s->drill);
        if (!s->guard) {
            watch_stop(s);
            if (!s->policy)
                due_drop(p, DUE_READ, s->index);
        }
    }
    for (uint32_t i = 0; i < p->c->n_services; i++) {
        struct service *s = service_need(p, p->c->services[i].name);
        s->policy = &p->c->services[i];
        due_set(p, DUE_READ, s->index, p->now.boot_ms);
    }
    p->services_dirty = true;
    p->config_ms = p->now.wall_ms;
    config_unref(old);
}

static void reload_metrics(const struct pipeline *p, bool ok)
{
    metric_set(metric_get("haldane_config_last_reload_successful", METRIC_GAUGE,
                          "1: the last load of the configuration was accepted", ""), ok);
    metric_set(metric_get("haldane_services", METRIC_GAUGE, "Services in the configuration", ""),
               p->c->n_services);
}

void pipeline_reload(struct pipeline *p, struct hd_now now, struct config *config)
{
    p->now = now;
    take_config(p, config);
    recover_services(p);
    for (size_t i = 0; i < p->n_services; i++) {
        if (!p->services[i]->policy)
            watch_now(p->services[i]); /* whoever waits for its reading is answered */
    }
    reload_metrics(p, true);
    event_add(p, NULL, NULL, "daemon", HD_REASON_NONE, "Configuration reloaded", p->c->hash, false);
    log_info(NULL, "configuration reloaded: %s", p->c->hash);
}

void pipeline_reload_refused(struct pipeline *p, struct hd_now now, const char *why)
{
    ARENA_AUTO a = arena_new();
    free(p->refused);
    p->refused = strdup(arena_print(a, "%lld %s", (long long)now.wall_ms, why));
}

enum hd_code pipeline_new(const struct pipeline_options *o, struct hd_now now, struct pipeline **ret,
                          struct hd_error *err)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return hd_fail(err, HD_NOMEM, "no memory");
    p->o = *o;
    p->now = now;
    p->random = o->seed;
    p->wall_minus_boot = now.wall_ms - now.boot_ms;
    p->sched = sched_new();
    p->events_end = &p->events;
    p->evict_ms = p->ballast_ms = now.boot_ms + EVICT_EVERY_MS;
    p->outbox_ms = now.boot_ms;
    p->acts_old = true;
    take_config(p, o->config);
    reload_metrics(p, true);
    /* Series that an alert looks for must be there before the first fault. */
    (void)metric_get("haldane_db_write_errors_total", METRIC_COUNTER, "Transactions that could not be committed", "");
    (void)metric_get("haldane_clock_jumps_total", METRIC_COUNTER, "Jumps of the wall clock", "");
    limits_start(p);
    enum hd_code code = recover_all(p, err);
    if (!code)
        code = save_all(p, err);
    if (code)
        p = pipeline_free(p);
    else
        *ret = p;
    return code;
}

struct pipeline *pipeline_free(struct pipeline *p)
{
    if (!p)
        return NULL;
    limits_stop(p);
    for (size_t i = 0; i < HD_ANALYSES_MAX; i++)
        guard_free(p->analyses[i]);
    for (size_t i = 0; i < p->n_services; i++)
        service_free(p->services[i]);
    free(p->services);
    while (p->ended) {
        struct guard *next = p->ended->next_ended;
        guard_free(p->ended);
        p->ended = next;
    }
    p->doctor = doctor_free(p->doctor);
    sinks_free(p);
    free(p->refused);
    question_stop(p);
    while (p->events) {
        struct event_item *next = p->events->next;
        arena_free(p->events->arena);
        p->events = next;
    }
    once_forget(p);
    arena_free(p->holds_arena);
    sched_free(p->sched);
    config_unref(p->config);
    free(p);
    return NULL;
}

/* --- one turn --- */

static void clock_check(struct pipeline *p)
{
    int64_t diff = p->now.wall_ms - p->now.boot_ms, jump = diff - p->wall_minus_boot;
    p->wall_minus_boot = diff;
    if (jump < JUMP_MS && jump > -JUMP_MS)
        return;
    metric_add(metric_get("haldane_clock_jumps_total", METRIC_COUNTER, "Jumps of the wall clock", ""), 1);
    log_warn(NULL, "the wall clock jumped by %lld ms; guards go on by their own clock", (long long)jump);
    for (size_t i = 0; i < p->n_sources; i++)
        p->sources[i]->clock_read_ms = 0; /* ask again what time it is there */
    if (jump < 0)
        notify_hurry(p);
    for (size_t i = 0; i < p->n_services; i++) /* multiples of the interval lie elsewhere now */
        due_set(p, DUE_READ, p->services[i]->index, p->now.boot_ms);
    size_t at = 0;
    for (struct guard *g; (g = guard_next(p, &at));) {
        if (!act_busy(g))
            guard_poll_at(g, p->now.boot_ms);
    }
}

static void run_due(struct pipeline *p)
{
    uint64_t key;
    int64_t due;
    while (sched_pop(p->sched, p->now.boot_ms, &key, &due)) {
        for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
            if (stages[i].kind == key >> 32)
                stages[i].run(p, (uint32_t)key);
        }
    }
}

/* Told again whenever it has doubled. */
static void watch_log(struct pipeline *p)
{
    int64_t bytes = store_log_bytes(p->o.store);
    if (bytes < STORE_LOG_LONG) {
        p->log_told = 0;
    } else if (bytes >= 2 * p->log_told) {
        p->log_told = bytes;
        log_warn(NULL, "the store's log, %s-wal, has grown to %lld MiB, and storage.max_size does not hold it: somebody "
                 "goes on reading what the store was (a backup, a sqlite3 shell)", p->o.store_path,
                 (long long)(bytes >> 20));
    }
}

static void care_for_store(struct pipeline *p)
{
    struct hd_error err;
    bool more = false;
    if (p->now.boot_ms >= p->evict_ms && !p->store_lost) {
        if (store_evict(p->o.store, &more, &err))
            log_warn(NULL, "evicting old evidence: %s", err.text);
        p->evict_ms = p->now.boot_ms + (more ? 100 : EVICT_EVERY_MS);
        watch_log(p);
    }
    if (p->now.boot_ms >= p->ballast_ms) {
        p->ballast_ms = p->now.boot_ms + BALLAST_EVERY_MS;
        if (store_ballast_used(p->o.store) && !pipeline_busy(p)) /* it is written whole: not now */
            (void)store_restore_ballast(p->o.store, &err); /* full still: tried again later */
    }
}

static void count_acts(struct pipeline *p)
{
    ARENA_AUTO a = arena_new();
    struct store_event *acts;
    struct hd_error err;
    if (p->acts_old && !store_open_acts(p->o.store, a, &acts, &p->n_acts, &err))
        p->acts_old = false;
}

/* Said once: there is no way back but a restart. */
static void watch_metrics(struct pipeline *p)
{
    if (!metrics_full() || p->metrics_told)
        return;
    p->metrics_told = true;
    log_warn(NULL, "/metrics has its %d series: of services and checks that are new from now on it tells nothing, and "
             "alert rules see nothing of them; a restart forgets those of services that are gone", HD_METRICS_MAX);
}

static void tick_metrics(struct pipeline *p)
{
    static struct metric *tick, *live, *human, *intents, *lost, *ready, *analyses;
    if (!tick) {
        tick = metric_get("haldane_last_tick_timestamp_seconds", METRIC_GAUGE, "When the guard loop turned last", "");
        ready = metric_get("haldane_ready", METRIC_GAUGE, "1: configured, and not stopping", "");
        live = metric_get("haldane_live_guards", METRIC_GAUGE, "Guards that are live", "");
        analyses = metric_get("haldane_live_analyses", METRIC_GAUGE, "Analyses that are live", "");
        human = metric_get("haldane_needs_human", METRIC_GAUGE, "Act-now notices that nobody has taken back", "");
        intents = metric_get("haldane_open_intents", METRIC_GAUGE, "Changes of traffic on their way", "");
        lost = metric_get("haldane_store_lost", METRIC_GAUGE, "1: the store cannot commit", "");
    }
    size_t n = 0, open = 0, judging = 0;
    count_acts(p);
    for (size_t i = 0; i < HD_ANALYSES_MAX; i++)
        judging += p->analyses[i] != NULL;
    for (size_t i = 0; i < p->n_services; i++) {
        const struct guard *g = p->services[i]->guard;
        n += g != NULL;
        open += g && act_busy(g);
    }
    metric_set(tick, (double)p->now.wall_ms / 1000);
    metric_set(ready, !p->stopping);
    metric_set(live, (double)n);
    metric_set(analyses, (double)judging);
    metric_set(human, (double)p->n_acts);
    metric_set(intents, (double)open);
    metric_set(lost, p->store_lost);
    watch_metrics(p);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t pipeline_tick(struct pipeline *p, struct hd_now now)
{
    struct hd_error err;
    p->now = now;
    clock_check(p);
    talk_run_later(p);
    run_due(p);
    limits_yield(p);
    talk_run_later(p);
    if (!p->store_lost || now.boot_ms >= p->store_try_ms)
        (void)save_turn(p, &err);
    if (p->store_lost)
        notify_direct(p);
    notify_due(p);
    care_for_store(p);
    tick_metrics(p);
    if (p->later)
        return now.boot_ms;
    int64_t next = least(least(sched_due(p->sched), notify_next(p)), save_next(p));
    /* What needs the store waits for the next try to commit. */
    next = least(next, p->store_lost ? p->store_try_ms : p->evict_ms);
    return least(next, now.boot_ms + TURN_MAX_MS);
}

bool pipeline_busy(const struct pipeline *p)
{
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i]->guard && act_busy(p->services[i]->guard))
            return true;
    }
    return false;
}

size_t pipeline_live_guards(const struct pipeline *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_services; i++)
        n += p->services[i]->guard != NULL;
    return n;
}

void pipeline_stop(struct pipeline *p, struct hd_now now)
{
    struct hd_error err;
    p->now = now;
    p->stopping = true;
    size_t at = 0;
    for (struct guard *g; (g = guard_next(p, &at));)
        g->dirty = true;
    if (save_all(p, &err))
        log_error(NULL, "stopping without having saved: %s", err.text);
    tick_metrics(p);
}
