/* SPDX-License-Identifier: Apache-2.0
 *
 * One poll of a guard: asks every data source what its checks need at one instant of the source's
 * clock, turns rows into measurements, and hands the evidence to decide.c or care.c. Equal
 * questions of one instant are sent once. A poll that is still on its way is not overtaken: the
 * next one covers its time too. Judges nothing.
 */
#include "pipeline/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define CLOCK_EVERY_MS 60000      /* how long a source's clock offset is believed */
#define BIN_MS 60000              /* "the minutes before the switch" */
#define FIRST_SCRAPE_MS 30000     /* assumed scrape interval until it is learned: twice the usual */
#define BEFORE_TRY_MS 60000       /* how long a failing source is asked again for them */
#define WINDOW_MAX_MS (3600 * 1000)
#define PIECES (HD_SIDES_MAX + 1) /* a text per colour, and the targets' start times */
#define PIECE_TARGETS HD_SIDES_MAX

/* What one piece of one check got. Rows live in the fetch's arena, which the collect keeps. */
struct piece {
    bool asked, here;
    enum hd_code code;
    uint16_t reason;
    struct hd_rows rows;
};

struct collect {
    struct guard *g;
    bool before;          /* the minutes before the switch, not a poll */
    bool waits_for_clock;
    int64_t at_boot_ms, wall_ms, t_ms;
    size_t waiting;
    struct hd_arena *arenas[HD_CHECKS_MAX * PIECES];
    size_t n_arenas;
    struct {
        int64_t at_ms, since_ms; /* on the source's clock, as asked: a fail-over in the middle of a
                                    poll has another clock */
    } when[HD_CHECKS_MAX];
    struct piece piece[HD_CHECKS_MAX][PIECES];
};

struct waiter {
    struct collect *collect;
    uint32_t check, piece;
    struct waiter *next;
};

/* One question on its way; several guards may wait for it. */
struct fetch {
    struct fetch *next;
    struct pipeline *p;
    struct source *source;
    const void *cfg;
    struct config *pin; /* owner of cfg */
    char *key;
    uint64_t hash; /* of key */
    struct talk *talk;
    struct hd_arena *own; /* the question */
    struct hd_probe probe;
    struct hd_question question;
    struct hd_rows rows;
    uint16_t reason;
    struct waiter *waiters;
};

/* --- sources and their clocks --- */

static const struct hd_endpoint *endpoint_of(const struct hd_provider *provider, const void *cfg)
{
    return provider->endpoint ? provider->endpoint(cfg) : NULL;
}

/* By name, kind and addresses: a reload may give an old name to another server, while a live guard
 * still asks the one it started with. */
struct source *source_find(struct pipeline *p, const struct hd_datasource *ds)
{
    const struct hd_provider *provider = hd_provider_find(ds->plugin.type);
    BUF_AUTO address = BUF_INIT(64 * 1024);
    const struct hd_endpoint *at = endpoint_of(provider, ds->plugin.cfg);
    for (uint32_t i = 0; at && i < at->n_bases; i++)
        buf_print(&address, "%s ", at->bases[i]);
    for (size_t i = 0; i < p->n_sources; i++) {
        struct source *s = p->sources[i];
        if (str_is(s->name, ds->name) && s->provider == provider && str_is(s->address, buf_at(&address)))
            return s;
    }
    struct source *s = calloc(1, sizeof *s);
    struct source **list = realloc(p->sources, (p->n_sources + 1) * sizeof *list);
    if (!s || !list)
        abort();
    p->sources = list;
    list[p->n_sources++] = s;
    s->name = strdup(ds->name);
    s->address = strdup(buf_at(&address));
    s->provider = provider;
    BUF_AUTO ok = BUF_INIT(512);
    BUF_AUTO bad = BUF_INIT(512);
    metric_label(&ok, "datasource", ds->name);
    metric_label(&bad, "datasource", ds->name);
    metric_label(&ok, "outcome", "ok");
    metric_label(&bad, "outcome", "error");
    static const char name[] = "haldane_queries_total", help[] = "Questions to data sources by outcome";
    s->ok = metric_get(name, METRIC_COUNTER, help, buf_at(&ok));
    s->failed = metric_get(name, METRIC_COUNTER, help, buf_at(&bad));
    return s;
}

uint32_t collect_replicas(const struct source *s, const void *cfg)
{
    const struct hd_endpoint *at = endpoint_of(s->provider, cfg);
    return at ? at->n_bases : 1;
}

static void fetch_free(struct fetch *f)
{
    for (struct waiter *w = f->waiters; w;) {
        struct waiter *next = w->next;
        free(w);
        w = next;
    }
    arena_free(f->own);
    config_unref(f->pin);
    free(f->key);
    free(f);
}

static enum hd_code fetch_next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    struct fetch *f = what;
    return f->source->provider->fetch(t->arena, f->cfg, &f->question, &t->said, ret, &f->rows,
                                      &f->reason, err);
}

static struct fetch **fetch_list(struct pipeline *p, uint64_t hash)
{
    return &p->fetches[hash % FETCH_LISTS];
}

static void fetch_unlink(struct fetch *f)
{
    for (struct fetch **at = fetch_list(f->p, f->hash); *at; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            return;
        }
    }
}

static void collect_ask(struct collect *c);
static void collect_done(struct collect *c);
static int8_t role_of(const struct guard *g, uint32_t colour);

/* What the faces say of a source changes only when it does: no write for each answer. */
static void source_is(struct source *s, const struct pipeline *p, bool well, const char *why)
{
    metric_add(well ? s->ok : s->failed, 1);
    if (s->well == (well ? 1 : -1))
        return;
    s->well = well ? 1 : -1;
    s->well_ms = p->now.wall_ms;
    free(s->ill);
    s->ill = well ? NULL : strdup(why);
    s->dirty = true;
}

static void clocks_ready(struct pipeline *p)
{
    size_t at = 0;
    for (struct guard *g; (g = guard_next(p, &at));) {
        if (g->collect && g->collect->waits_for_clock)
            collect_ask(g->collect);
    }
}

static void clock_done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct fetch *f = user;
    struct pipeline *p = f->p;
    struct source *s = f->source;
    s->clock_talk = NULL;
    if (!code && f->rows.source_now_ms > 0 && t->said.n) {
        /* The source evaluated between sending and answering; half the way is the best guess. */
        int64_t took = t->said.item[t->said.n - 1].response->took_ms;
        s->clock_minus_boot = f->rows.source_now_ms - (p->now.boot_ms - took / 2);
        s->clock_known = true;
        s->clock_failing = false;
        s->base = t->base;
    } else {
        s->clock_known = false;
        s->clock_failing = true;
        s->clock_reason = f->reason ? f->reason : t->reason ? t->reason : HD_REASON_WRONG_TYPE;
        log_warn(s->name, "cannot ask the time: %s", code ? err->text : "the answer has none");
    }
    s->clock_read_ms = p->now.boot_ms;
    source_is(s, p, s->clock_known, code ? err->text : "the answer has no time");
    fetch_free(f);
    clocks_ready(p);
}

/* Asks the source what time it is: windows and ages are on its clock, not ours. */
static void ask_clock(struct guard *g, struct source *s, const struct hd_datasource *ds)
{
    if (s->clock_talk)
        return;
    struct pipeline *p = g->p;
    struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->p = p;
    f->source = s;
    f->cfg = ds->plugin.cfg;
    f->pin = config_ref(g->pin);
    f->question = (struct hd_question){ /* no probe: only the time is asked */
        .probe = &f->probe, .n = 0, .series_max = 1, .answer_max = HD_ANSWER_BYTES_SMALL};
    s->clock_talk = talk_replicas(talk_start(p, fetch_next, f, clock_done, f, 0),
                                  collect_replicas(s, f->cfg), s->base);
}

/* --- asking --- */

const struct hd_datasource *collect_source(const struct guard *g, const struct hd_check *check)
{
    return &config_get(g->pin)->datasources[check->datasource];
}

static int64_t source_time(const struct source *s, int64_t boot_ms)
{
    return s->clock_known ? boot_ms + s->clock_minus_boot : 0;
}

int64_t collect_since(const struct guard *g, const struct source *s)
{
    int64_t boot = g->boot_base_ms - g->t_base_ms;
    int64_t between = g->row.switch_to_ms - g->row.switch_from_ms;
    return source_time(s, boot - (between > 0 ? between : 0));
}

static void piece_failed(struct collect *c, uint32_t check, uint32_t piece, uint16_t reason)
{
    c->piece[check][piece] = (struct piece){
        .asked = true, .here = true, .code = HD_BUSY, .reason = reason ? reason : HD_REASON_TIMEOUT};
}

static void fetch_done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct fetch *f = user;
    fetch_unlink(f);
    f->talk = NULL;
    if (code)
        log_warn(f->source->name, "%s", err->text);
    if (!code && f->source->base != t->base) {
        f->source->base = t->base;
        f->source->clock_known = false; /* another replica, another clock */
    }
    source_is(f->source, f->p, !code, code ? err->text : "");
    struct hd_arena *arena = t->arena; /* the rows live there */
    t->arena = NULL;
    while (f->waiters) {
        struct waiter *w = f->waiters;
        struct collect *c = w->collect;
        f->waiters = w->next;
        if (code)
            piece_failed(c, w->check, w->piece, f->reason ? f->reason : t->reason);
        else
            c->piece[w->check][w->piece] = (struct piece){.asked = true, .here = true, .rows = f->rows};
        free(w);
        if (f->waiters && !code) { /* the last one takes the arena; the others a reference */
            c->arenas[c->n_arenas++] = arena_ref(arena);
        } else if (!code) {
            c->arenas[c->n_arenas++] = arena;
            arena = NULL;
        }
        if (--c->waiting == 0)
            collect_done(c);
    }
    arena_free(arena);
    fetch_free(f);
}

static void key_values(struct buf *key, const char *const *values)
{
    for (; values && *values; values++)
        buf_print(key, "%s\x1e", *values);
    buf_byte(key, '\x1f');
}

/* Everything that makes two questions the same question. */
static char *key_of(const struct source *s, const void *cfg, const struct hd_probe *probe,
                    const struct hd_question *q)
{
    BUF_AUTO key = BUF_INIT(64 * 1024);
    buf_print(&key, "%s\x1f%p\x1f%s\x1f%d\x1f%s\x1f%s\x1f%d\x1f%lld\x1f%lld\x1f%lld\x1f", s->name, cfg,
              probe->query, probe->side, probe->side_label ? probe->side_label : "",
              probe->key_label ? probe->key_label : "", probe->raw, (long long)q->at_ms,
              (long long)q->range_ms, (long long)q->step_ms);
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        key_values(&key, probe->side_values[i]);
    return strdup(buf_at(&key));
}

static struct fetch *fetch_start(struct guard *g, const struct hd_datasource *ds, struct source *s,
                                 const struct hd_probe *probe, const struct hd_question *q)
{
    struct pipeline *p = g->p;
    char *key = key_of(s, ds->plugin.cfg, probe, q);
    uint64_t hash = str_hash(key, 0);
    struct fetch **list = fetch_list(p, hash);
    for (struct fetch *f = *list; f; f = f->next) {
        if (f->hash == hash && str_is(f->key, key)) {
            free(key);
            return f;
        }
    }
    struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->p = p;
    f->source = s;
    f->cfg = ds->plugin.cfg;
    f->pin = config_ref(g->pin);
    f->key = key;
    f->hash = hash;
    f->own = arena_new();
    f->probe = *probe;
    f->probe.query = arena_text(f->own, probe->query);
    f->question = *q;
    f->question.probe = &f->probe;
    f->question.n = 1;
    f->next = *list;
    *list = f;
    f->talk = talk_replicas(talk_start(p, fetch_next, f, fetch_done, f, 0),
                            collect_replicas(s, f->cfg), s->base);
    f->talk->io_is_evidence = s->provider->io_is_evidence;
    return f;
}

static void ask_piece(struct collect *c, uint32_t check, uint32_t piece, const struct hd_probe *probe,
                      const struct hd_question *q)
{
    struct guard *g = c->g;
    const struct hd_datasource *ds = collect_source(g, &g->policy->checks[check]);
    struct source *s = source_find(g->p, ds);
    if (s->provider->counts && !s->clock_known) {
        piece_failed(c, check, piece, s->clock_reason);
        return;
    }
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct waiter){.collect = c, .check = check, .piece = piece};
    struct fetch *f = fetch_start(g, ds, s, probe, q);
    w->next = f->waiters;
    f->waiters = w;
    c->piece[check][piece].asked = true;
    c->waiting++;
}

static bool counted(const struct hd_query *q) { return q->kind != HD_QUERY_GAUGE; }

static int64_t window_of(const struct collect *c, uint32_t check, const struct source *s, int64_t at)
{
    const struct guard *g = c->g;
    int64_t window = counts_window_ms(g->counts[check], at, g->policy->guard.interval_ms);
    if (g->polls == 0) {
        int64_t first = at - collect_since(g, s) + 2 * FIRST_SCRAPE_MS;
        window = window > first ? window : first;
    }
    return window < WINDOW_MAX_MS ? window : WINDOW_MAX_MS;
}

static void ask_check(struct collect *c, uint32_t check)
{
    struct guard *g = c->g;
    const struct hd_query *query = &g->policy->checks[check].query;
    struct source *s = source_find(g->p, collect_source(g, &g->policy->checks[check]));
    const struct hd_config *config = config_get(g->pin);
    int64_t since = collect_since(g, s), at = c->before ? since : source_time(s, c->at_boot_ms);
    c->when[check].at_ms = at;
    c->when[check].since_ms = since;
    struct hd_question q = {
        .at_ms = at,
        .series_max = (uint32_t)config->limits.series,
        .answer_max = (uint32_t)config->limits.answer,
    };
    if (c->before)
        q.range_ms = HD_BEFORE_BINS * BIN_MS + (counted(query) ? 2 * FIRST_SCRAPE_MS : 0);
    else if (counted(query))
        q.range_ms = window_of(c, check, s, at);
    if (c->before && !counted(query))
        q.step_ms = BIN_MS;
    struct hd_probe probe = {.raw = counted(query), .key_label = query->key_label};
    for (uint32_t i = 0; i < (query->by_label ? 1 : g->policy->n_colours); i++) {
        probe.query = query->text[i];
        if (!probe.query || (!query->by_label && i != g->stable && i != g->candidate))
            continue;
        probe.side = query->by_label ? -1 : (int8_t)i;
        probe.side_label = query->by_label;
        memcpy(probe.side_values, query->values, sizeof probe.side_values);
        ask_piece(c, check, i, &probe, &q);
    }
    if (counted(query) && query->target_text) {
        struct hd_probe targets = {.query = query->target_text, .side = 0, .raw = true};
        struct hd_question when = {.at_ms = at, .series_max = q.series_max, .answer_max = q.answer_max};
        ask_piece(c, check, PIECE_TARGETS, &targets, &when);
    }
}

/* Asks for the clocks that are not known well enough; true when one must come first. */
static bool clocks_missing(struct collect *c)
{
    struct guard *g = c->g;
    bool missing = false;
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        const struct hd_datasource *ds = collect_source(g, &g->policy->checks[i]);
        struct source *s = source_find(g->p, ds);
        if (!s->provider->counts)
            continue;
        bool old = g->p->now.boot_ms - s->clock_read_ms > CLOCK_EVERY_MS;
        bool just_failed = !s->clock_known && s->clock_read_ms >= c->at_boot_ms && s->clock_read_ms;
        if ((!s->clock_known && !just_failed) || (s->clock_known && old))
            ask_clock(g, s, ds);
        missing |= !s->clock_known && s->clock_talk && !s->clock_failing;
    }
    return missing;
}

/* Asks what is not on its way already, without waiting for anything. */
static void ask_all(struct collect *c)
{
    c->waits_for_clock = false;
    c->waiting++; /* until all are asked */
    for (uint32_t i = 0; i < c->g->policy->n_checks; i++) {
        const struct hd_provider *provider =
            source_find(c->g->p, collect_source(c->g, &c->g->policy->checks[i]))->provider;
        bool open = false; /* left over from the poll before */
        for (uint32_t k = 0; k < PIECES; k++)
            open |= c->piece[i][k].asked;
        if (!open && (!c->before || provider->counts))
            ask_check(c, i);
    }
    if (--c->waiting == 0)
        collect_done(c);
}

static void collect_ask(struct collect *c)
{
    c->waits_for_clock = clocks_missing(c);
    if (!c->waits_for_clock)
        ask_all(c);
}

/* --- joining --- */

static int8_t role_of(const struct guard *g, uint32_t colour)
{
    return colour == g->stable ? HD_STABLE : colour == g->candidate ? HD_CANDIDATE : -1;
}

/* All rows of a check's pieces as one list, and for each role why its question failed (0: it did
 * not): one colour's failing query must not hide the other colour. */
static struct hd_rows join_rows(const struct collect *c, uint32_t check, struct hd_arena *a,
                                uint16_t failed[HD_ROLES])
{
    const struct guard *g = c->g;
    bool by_label = g->policy->checks[check].query.by_label != NULL;
    struct hd_rows all = {0};
    size_t n = 0;
    failed[HD_STABLE] = failed[HD_CANDIDATE] = 0;
    for (uint32_t i = 0; i < HD_SIDES_MAX; i++) {
        const struct piece *p = &c->piece[check][i];
        int8_t role = i < g->policy->n_colours ? role_of(g, i) : -1;
        for (int8_t r = 0; p->asked && p->code && r < HD_ROLES; r++) {
            if (by_label || r == role)
                failed[r] = p->reason;
        }
        n += p->rows.n;
    }
    struct hd_row *row = arena_many(a, n, struct hd_row);
    for (uint32_t i = 0; i < HD_SIDES_MAX; i++) {
        const struct hd_rows *r = &c->piece[check][i].rows;
        if (r->n)
            memcpy(row + all.n, r->row, r->n * sizeof *row);
        all.n += r->n;
    }
    all.row = row;
    return all;
}

static struct hd_measurement empty_measurement(uint32_t check, uint8_t role, uint8_t outcome,
                                               uint16_t reason)
{
    return (struct hd_measurement){.check = (uint8_t)check,
                                   .role = role,
                                   .outcome = outcome,
                                   .reason = reason,
                                   .value = NAN,
                                   .age_ms = -1};
}

static void join_gauge(const struct collect *c, uint32_t check, const struct hd_rows *rows, int64_t at,
                       struct hd_measurement m[HD_ROLES])
{
    const struct guard *g = c->g;
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *row = &rows->row[i];
        int8_t role = role_of(g, row->side);
        if (role < 0)
            continue;
        m[role] = empty_measurement(check, (uint8_t)role, row->outcome, row->reason);
        if (row->outcome != HD_OUTCOME_OK || !row->n)
            continue;
        const struct hd_point *last = &row->point[row->n - 1];
        m[role].value = last->value;
        m[role].fresh = true;
        m[role].age_ms = at && at > last->at_ms ? at - last->at_ms : 0;
        m[role].covers_ms = g->policy->guard.interval_ms;
    }
}

static void join_counts(struct collect *c, uint32_t check, const struct hd_rows *rows,
                        struct hd_measurement m[HD_ROLES])
{
    struct guard *g = c->g;
    const struct piece *targets = &c->piece[check][PIECE_TARGETS];
    struct counts_look look = {
        .query = &g->policy->checks[check].query,
        .at_ms = c->when[check].at_ms,
        .since_ms = c->when[check].since_ms,
        .interval_ms = g->policy->guard.interval_ms,
        .rows = rows,
        .targets = targets->here && !targets->code ? &targets->rows : NULL,
    };
    for (uint32_t i = 0; i < HD_SIDES_MAX; i++)
        look.role_of[i] = i < g->policy->n_colours ? role_of(g, i) : -1;
    struct hd_error err;
    if (counts_look(g->counts[check], &look, m, &err)) {
        log_warn(g->service->name, "%s: %s", g->policy->checks[check].name, err.text);
        for (uint8_t r = 0; r < HD_ROLES; r++)
            m[r] = empty_measurement(check, r, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_MANY_SERIES);
    }
    for (uint8_t r = 0; r < HD_ROLES; r++) {
        m[r].check = (uint8_t)check;
        m[r].role = r;
    }
}

static void join_check(struct collect *c, uint32_t check, struct hd_measurement m[HD_ROLES])
{
    ARENA_AUTO a = arena_new();
    struct guard *g = c->g;
    uint16_t failed[HD_ROLES];
    struct hd_rows rows = join_rows(c, check, a, failed);
    for (uint8_t r = 0; r < HD_ROLES; r++)
        m[r] = empty_measurement(check, r, HD_OUTCOME_NO_DATA, HD_REASON_NO_SERIES);
    if (failed[HD_STABLE] && failed[HD_CANDIDATE])
        ; /* nothing came */
    else if (counted(&g->policy->checks[check].query))
        join_counts(c, check, &rows, m);
    else
        join_gauge(c, check, &rows, c->when[check].at_ms, m);
    for (uint8_t r = 0; r < HD_ROLES; r++) {
        if (failed[r])
            m[r] = empty_measurement(check, r, HD_OUTCOME_ERROR, failed[r]);
    }
}

static void fill_presence(const struct guard *g, struct hd_evidence *e)
{
    const struct service *s = g->service;
    int64_t old = 3 * g->policy->detect.every_ms;
    bool known = s->last.service && s->unread_since_ms < 0 && g->p->now.wall_ms - s->last.last_ms < old;
    for (int r = 0; r < HD_ROLES; r++) {
        const char *colour = guard_colour(g, (enum hd_role)r);
        for (size_t i = 0; known && i < s->last.n_sides; i++) {
            if (str_is(s->last.side[i].colour, colour))
                e->presence[r] = (struct hd_presence){true, s->last.side[i].share_ppm,
                                                      s->last.side[i].ready, s->last.side[i].wanted};
        }
    }
}

static int64_t scrape_of(const struct guard *g)
{
    int64_t scrape = 0;
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        int64_t one = counts_scrape_ms(g->counts[i]);
        scrape = one > scrape ? one : scrape;
    }
    return scrape;
}

static void gauge_bin(const struct collect *c, const struct hd_rows *rows, int64_t end_ms,
                      struct hd_measurement m[HD_ROLES])
{
    for (size_t i = 0; i < rows->n; i++) {
        int8_t role = role_of(c->g, rows->row[i].side);
        for (size_t k = 0; role >= 0 && k < rows->row[i].n; k++) {
            const struct hd_point *p = &rows->row[i].point[k];
            if (p->at_ms <= end_ms - BIN_MS || p->at_ms > end_ms)
                continue;
            m[role].outcome = HD_OUTCOME_OK;
            m[role].value = p->value;
            m[role].fresh = true;
            m[role].covers_ms = BIN_MS;
        }
    }
}

typedef struct hd_measurement bins[HD_BEFORE_BINS][HD_ROLES];

static void before_check(struct collect *c, uint32_t check, bins bin)
{
    ARENA_AUTO a = arena_new();
    struct guard *g = c->g;
    const struct hd_query *query = &g->policy->checks[check].query;
    uint16_t failed[HD_ROLES];
    struct hd_rows rows = join_rows(c, check, a, failed);
    for (uint32_t b = 0; b < HD_BEFORE_BINS; b++) {
        for (uint8_t r = 0; r < HD_ROLES; r++)
            bin[b][r] = empty_measurement(check, r, failed[r] ? HD_OUTCOME_ERROR : HD_OUTCOME_NO_DATA,
                                          failed[r]);
    }
    int64_t end = c->when[check].since_ms;
    if (!rows.n)
        return;
    if (!counted(query)) {
        for (uint32_t b = 0; b < HD_BEFORE_BINS; b++)
            gauge_bin(c, &rows, end - (int64_t)(HD_BEFORE_BINS - 1 - b) * BIN_MS, bin[b]);
        return;
    }
    struct counts_look look = {.query = query, .at_ms = end, .interval_ms = BIN_MS, .rows = &rows};
    for (uint32_t k = 0; k < HD_SIDES_MAX; k++)
        look.role_of[k] = k < g->policy->n_colours ? role_of(g, k) : -1;
    struct hd_error err;
    if (counts_bins(&look, BIN_MS, HD_BEFORE_BINS, bin, &err))
        log_warn(g->service->name, "before the switch: %s", err.text);
}

static bool any_failed(const struct collect *c)
{
    for (uint32_t i = 0; i < c->g->policy->n_checks; i++) {
        for (uint32_t k = 0; k < HD_SIDES_MAX; k++) {
            if (c->piece[i][k].code)
                return true;
        }
    }
    return false;
}

/* The minutes before the switch as evidence, one bin after the other. A source that fails is asked
 * again for a while: without these minutes there may be no baseline. */
static void before_done(struct collect *c)
{
    struct guard *g = c->g;
    if (any_failed(c) && guard_time(g) < BEFORE_TRY_MS)
        return;
    g->before_done = true;
    ARENA_AUTO a = arena_new();
    bins *bin = arena_alloc(a, g->policy->n_checks * sizeof *bin);
    for (uint32_t i = 0; i < g->policy->n_checks; i++)
        before_check(c, i, bin[i]);
    for (uint32_t b = 0; b < HD_BEFORE_BINS; b++) {
        struct hd_measurement m[2 * HD_CHECKS_MAX];
        struct hd_evidence e = {.poll = b + 1, .before = true, .m = m};
        for (uint32_t i = 0; i < g->policy->n_checks; i++) {
            for (uint8_t r = 0; r < HD_ROLES; r++) {
                m[e.n] = bin[i][b][r];
                m[e.n].check = (uint8_t)i;
                m[e.n++].role = r;
            }
        }
        decide_evidence(g, &e, g->row.switch_from_ms - (int64_t)(HD_BEFORE_BINS - 1 - b) * BIN_MS, 0);
    }
}

static void poll_done(struct collect *c)
{
    struct guard *g = c->g;
    struct hd_measurement m[2 * HD_CHECKS_MAX];
    struct hd_evidence e = {.poll = ++g->polls, .backfill = g->backfill, .m = m};
    for (uint32_t i = 0; i < g->policy->n_checks; i++, e.n += HD_ROLES)
        join_check(c, i, &m[e.n]);
    e.scrape_ms = scrape_of(g);
    fill_presence(g, &e);
    g->backfill = false;
    g->polled_ms = g->p->now.boot_ms;
    int64_t wall_ms = c->wall_ms, t_ms = c->t_ms;
    if (g->row.state == HD_STATE_AFTERCARE)
        care_evidence(g, &e);
    else
        decide_evidence(g, &e, wall_ms, t_ms);
}

static struct collect *collect_make(struct guard *g, bool before)
{
    struct collect *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    struct pipeline *p = g->p;
    int64_t interval = g->policy->guard.interval_ms;
    c->g = g;
    c->before = before;
    c->wall_ms = sched_next_multiple(p->now.wall_ms, interval) - interval;
    c->at_boot_ms = boot_of_wall(p, c->wall_ms);
    if (!before)
        g->asked_ms = c->at_boot_ms;
    c->t_ms = guard_time(g) - (p->now.boot_ms - c->at_boot_ms);
    if (c->t_ms < 0)
        c->t_ms = 0;
    return c;
}

static void collect_start(struct guard *g, bool before)
{
    struct collect *c = collect_make(g, before);
    g->collect = c;
    collect_ask(c);
}

/* What `old` waits for in this question, `next` waits for from now on. */
static void hand_over(struct fetch *f, struct collect *old, struct collect *next)
{
    for (struct waiter *w = f->waiters; w; w = w->next) {
        if (w->collect != old)
            continue;
        piece_failed(old, w->check, w->piece, HD_REASON_TIMEOUT);
        w->collect = next;
        next->piece[w->check][w->piece].asked = true;
        next->when[w->check] = old->when[w->check];
        old->waiting--;
        next->waiting++;
    }
}

/* A source that hangs must not hold up what the others know, nor the router's own reading (I10): the
 * poll ends with what is here, and its open questions go over to the next one, which counts what
 * they bring. */
static void collect_cut(struct guard *g)
{
    struct collect *old = g->collect, *c = collect_make(g, false);
    for (size_t i = 0; i < FETCH_LISTS; i++) {
        for (struct fetch *f = g->p->fetches[i]; f; f = f->next)
            hand_over(f, old, c);
    }
    g->collect = NULL;
    poll_done(old);
    collect_free(old);
    if (hd_state_terminal(g->row.state) || act_busy(g)) {
        collect_free(c);
        return;
    }
    g->collect = c;
    collect_ask(c);
}

/* The next poll is due, and the one before is not done. */
static void collect_late(struct guard *g)
{
    struct collect *c = g->collect;
    if (c->before) { /* tried again after this poll, for a while */
        g->collect = collect_free(c);
        g->before_done = guard_time(g) >= BEFORE_TRY_MS;
        collect_start(g, false);
    } else if (c->waits_for_clock) {
        ask_all(c);
    } else {
        collect_cut(g);
    }
}

static void collect_done(struct collect *c)
{
    struct guard *g = c->g;
    bool before = c->before;
    g->collect = NULL; /* deciding may end the guard, which would free it */
    if (before)
        before_done(c);
    else
        poll_done(c);
    collect_free(c);
    if (before && !hd_state_terminal(g->row.state) && !act_busy(g))
        collect_start(g, false);
}

void collect_poll(struct guard *g)
{
    struct pipeline *p = g->p;
    if (approval_due(g))
        return;
    int64_t interval = g->policy->guard.interval_ms;
    int64_t next_ms = boot_of_wall(p, sched_next_multiple(p->now.wall_ms, interval));
    guard_poll_at(g, next_ms);
    if (g->row.state == HD_STATE_PENDING && guard_time(g) > g->policy->guard.duration_ms) {
        guard_end(g, HD_STATE_INCONCLUSIVE, HD_REASON_NONE, "the switch never came");
        return;
    }
    if (act_busy(g) || g->row.state == HD_STATE_PENDING)
        return;
    /* The two clocks are cut to whole ms apart from each other: the multiple that is due can still
     * be a ms away by the wall clock, and the instant before it has been asked. */
    if (next_ms - interval - g->asked_ms < interval / 2)
        return;
    if (g->collect) {
        collect_late(g);
        return;
    }
    if (g->polls && g->before_done && g->row.state != HD_STATE_AFTERCARE)
        past_poll(g);
    collect_start(g, !g->before_done && g->row.state != HD_STATE_AFTERCARE);
}

static void stop_waiting(struct fetch *f, const struct collect *c)
{
    for (struct waiter **at = &f->waiters; *at;) {
        struct waiter *w = *at;
        if (w->collect == c) {
            *at = w->next;
            free(w);
        } else {
            at = &w->next;
        }
    }
}

struct collect *collect_free(struct collect *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < FETCH_LISTS && c->waiting; i++) {
        for (struct fetch *f = c->g->p->fetches[i]; f; f = f->next)
            stop_waiting(f, c);
    }
    for (size_t i = 0; i < c->n_arenas; i++)
        arena_free(c->arenas[i]);
    free(c);
    return NULL;
}

void collect_stop(struct pipeline *p)
{
    for (size_t i = 0; i < FETCH_LISTS; i++) {
        while (p->fetches[i]) {
            struct fetch *f = p->fetches[i];
            p->fetches[i] = f->next;
            talk_cancel(f->talk);
            fetch_free(f);
        }
    }
    for (size_t i = 0; i < p->n_sources; i++) {
        struct source *s = p->sources[i];
        if (s->clock_talk) {
            struct fetch *f = s->clock_talk->user;
            talk_cancel(s->clock_talk);
            fetch_free(f);
        }
        free(s->name);
        free(s->address);
        free(s->ill);
        free(s);
    }
    free(p->sources);
    p->sources = NULL;
    p->n_sources = 0;
}
