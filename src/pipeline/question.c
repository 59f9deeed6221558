/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to data sources on their way: which source answers, what its clock says, and who waits.
 * Equal questions of one instant are sent once, whoever asks; each who waits has the rows its own way of reading
 * the answer makes of it.
 * Judges nothing. Called by collect.c.
 */
#include "pipeline/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

struct waiter {
    struct collect *collect;
    uint32_t check, piece;
    const char *key_label; /* how it reads the answer */
    struct waiter *next;
};

/* One question on its way; several guards may wait for it. */
struct fetch {
    struct fetch *next;
    struct pipeline *p;
    struct source *source;
    const void *cfg;
    struct config *pin; /* owner of cfg */
    uint64_t hash; /* of the query's text */
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
    s->took = metric_get(METRIC_SOURCE_TOOK, METRIC_GAUGE, "Time that the newest answer of a data source took", buf_at(&ok));
    s->at = metric_get(METRIC_SOURCE_AT, METRIC_GAUGE, "When a data source answered last", buf_at(&ok));
    metric_label(&bad, "datasource", ds->name);
    metric_label(&ok, "outcome", "ok");
    metric_label(&bad, "outcome", "error");
    static const char name[] = "haldane_queries_total", help[] = "Questions to data sources by outcome";
    s->ok = metric_get(name, METRIC_COUNTER, help, buf_at(&ok));
    s->failed = metric_get(name, METRIC_COUNTER, help, buf_at(&bad));
    return s;
}

uint32_t source_replicas(const struct source *s, const void *cfg)
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
    free(f);
}

/* Could it not run the query? That may be the replica's fault: one that is being stopped says so for a moment,
 * and one that is overloaded. */
static const struct hd_row *not_run(const struct hd_rows *rows)
{
    const struct hd_row *first = rows->n ? rows->row : NULL;
    bool refused = first && first->outcome == HD_OUTCOME_ERROR &&
                   (first->reason == HD_REASON_EXECUTION || first->reason == HD_REASON_TIMEOUT);
    return refused ? first : NULL;
}

static enum hd_code fetch_next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    struct fetch *f = what;
    enum hd_code code = f->source->provider->fetch(t->arena, f->cfg, &f->question, &t->said, ret, &f->rows,
                                                   &f->reason, err);
    const struct hd_row *bad = code || ret->n || !talk_has_more(t) ? NULL : not_run(&f->rows);
    return bad ? hd_fail(err, HD_BUSY, "%s", bad->text ? bad->text : "it could not run the query") : code;
}

static struct fetch *fetch_new(const struct guard *g, struct source *s, const struct hd_datasource *ds)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->p = g->p;
    f->source = s;
    f->cfg = ds->plugin.cfg;
    f->pin = config_ref(g->pin);
    return f;
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

static void source_answered(const struct source *s, const struct talk *t)
{
    if (!t->said.n)
        return;
    metric_set(s->took, t->said.item[t->said.n - 1].response->took_ms / 1000.0);
    metric_set(s->at, (double)t->p->now.wall_ms / 1000.0);
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
        source_answered(s, t);
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
void question_clock(struct guard *g, struct source *s, const struct hd_datasource *ds)
{
    if (s->clock_talk)
        return;
    struct pipeline *p = g->p;
    struct fetch *f = fetch_new(g, s, ds);
    f->question = (struct hd_question){ /* no probe: only the time is asked */
        .probe = &f->probe, .n = 0, .series_max = 1, .answer_max = HD_ANSWER_BYTES_SMALL};
    s->clock_talk = talk_replicas(talk_start(p, fetch_next, f, clock_done, f, 0),
                                  source_replicas(s, f->cfg), s->base);
}

/* --- asking --- */

static void piece_failed(struct collect *c, uint32_t check, uint32_t piece, uint16_t reason)
{
    c->piece[check][piece] = (struct piece){
        .asked = true, .here = true, .code = HD_BUSY, .reason = reason ? reason : HD_REASON_TIMEOUT};
}

/* Whoever tells the rows apart by another label reads the same answer once more. */
static enum hd_code rows_for(const struct waiter *w, struct fetch *f, const struct talk *t, struct hd_rows *ret)
{
    *ret = f->rows;
    if (str_is(w->key_label, f->probe.key_label))
        return HD_OK;
    struct hd_probe probe = f->probe;
    probe.key_label = w->key_label;
    struct hd_question q = f->question;
    q.probe = &probe;
    struct hd_ask nothing;
    struct hd_error err;
    return f->source->provider->fetch(t->arena, f->cfg, &q, &t->said, &nothing, ret, &f->reason, &err);
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
    if (!code)
        source_answered(f->source, t);
    while (f->waiters) {
        struct waiter *w = f->waiters;
        struct collect *c = w->collect;
        f->waiters = w->next;
        struct hd_rows rows;
        if (code || rows_for(w, f, t, &rows)) {
            piece_failed(c, w->check, w->piece, f->reason ? f->reason : t->reason);
        } else {
            c->piece[w->check][w->piece] = (struct piece){.asked = true, .here = true, .rows = rows};
            c->arenas[c->n_arenas++] = arena_ref(t->arena); /* the rows live there */
        }
        free(w);
        if (--c->waiting == 0)
            collect_done(c);
    }
    fetch_free(f);
}

static bool same_values(const char *const *a, const char *const *b)
{
    while (a && b && *a && str_is(*a, *b)) {
        a++;
        b++;
    }
    return (!a || !*a) && (!b || !*b);
}

/* Is what `f` asks the same question? Then its answer has the same bytes. */
static bool asks(const struct fetch *f, const struct source *s, const void *cfg,
                 const struct hd_probe *probe, const struct hd_question *q)
{
    const struct hd_probe *p = &f->probe;
    bool same = f->source == s && f->cfg == cfg && str_is(p->query, probe->query) &&
                p->side == probe->side && str_is(p->side_label, probe->side_label) &&
                p->raw == probe->raw && p->every_series == probe->every_series &&
                f->question.at_ms == q->at_ms && f->question.range_ms == q->range_ms &&
                f->question.step_ms == q->step_ms;
    for (size_t i = 0; same && i < HD_SIDES_MAX; i++)
        same = same_values(p->side_values[i], probe->side_values[i]);
    return same;
}

static struct fetch *fetch_start(struct guard *g, const struct hd_datasource *ds, struct source *s,
                                 const struct hd_probe *probe, const struct hd_question *q)
{
    struct pipeline *p = g->p;
    uint64_t hash = str_hash(probe->query, (uint64_t)q->at_ms);
    struct fetch **list = fetch_list(p, hash);
    for (struct fetch *f = *list; f; f = f->next) {
        if (f->hash == hash && asks(f, s, ds->plugin.cfg, probe, q))
            return f;
    }
    struct fetch *f = fetch_new(g, s, ds);
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
                            source_replicas(s, f->cfg), s->base);
    f->talk->io_is_evidence = s->provider->io_is_evidence;
    return f;
}

void question_ask(struct collect *c, uint32_t check, uint32_t piece, const struct hd_probe *probe,
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
    *w = (struct waiter){.collect = c, .check = check, .piece = piece, .key_label = probe->key_label};
    struct fetch *f = fetch_start(g, ds, s, probe, q);
    w->next = f->waiters;
    f->waiters = w;
    c->piece[check][piece].asked = true;
    c->waiting++;
}

/* --- no longer waiting --- */

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

void question_hand_over(struct collect *old, struct collect *next)
{
    for (size_t i = 0; i < FETCH_LISTS; i++) {
        for (struct fetch *f = old->g->p->fetches[i]; f; f = f->next)
            hand_over(f, old, next);
    }
}

void question_drop(const struct collect *c)
{
    for (size_t i = 0; i < FETCH_LISTS && c->waiting; i++) {
        for (struct fetch *f = c->g->p->fetches[i]; f; f = f->next)
            stop_waiting(f, c);
    }
}

void question_stop(struct pipeline *p)
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
