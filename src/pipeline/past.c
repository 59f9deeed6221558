/* SPDX-License-Identifier: Apache-2.0
 *
 * What stable did in the hours before the switch, for the sequential rule: raw samples in chunks,
 * one question at a time beside the polls, counted as the polls are, and learned from once. It
 * decides nothing, and no poll waits for it. Called by collect.c; the result is evidence.
 */
#include "pipeline/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/past.h"
#include "engine/weigh.h"

#define PAST_MS (3 * 3600000)       /* how much of the past is normal */
#define LONG_MS (24 * 3600000)      /* below LOW_RATE */
#define LOW_RATE 1.0                /* requests per second */
#define LOW_STEP_MS 80000           /* of such a past: a step must hold some requests */
#define CHUNK_MS 600000             /* 1,200 series at 15 s are 1.1 MB */
#define LONG_CHUNK_MS 3600000
#define SCRAPE_MS 30000             /* assumed until it is learned: what a chunk's base lies before it */
#define GAUGE_STEP_MS 60000
#define BINS_MAX (LONG_MS / 1000)

struct past_read {
    struct guard *g;
    uint32_t check;         /* the one that is asked */
    int64_t back_ms;        /* how far back it was asked already */
    int64_t asked_ms;       /* the length of the open question */
    int64_t bin_ms;
    double *events, *exposure; /* bins, oldest first; the last ends at the switch */
    size_t n_bins;
    double requests;
    struct hd_past past[HD_CHECKS_MAX];
    size_t n;
    /* the open question */
    struct talk *talk;
    struct source *source;
    const void *cfg;
    struct hd_probe probe;
    struct hd_question question;
    struct hd_rows rows;
    uint16_t reason;
};

struct past_read *past_free(struct past_read *r)
{
    if (!r)
        return NULL;
    talk_cancel(r->talk);
    free(r->events);
    free(r->exposure);
    free(r);
    return NULL;
}

static const struct hd_check *check_of(const struct past_read *r)
{
    return &r->g->policy->checks[r->check];
}

static bool counted(const struct past_read *r) { return check_of(r)->query.kind != HD_QUERY_GAUGE; }

static int64_t scrape_of(const struct past_read *r)
{
    int64_t ms = counted(r) ? counts_scrape_ms(r->g->counts[r->check]) : 0;
    return ms > 0 ? ms : SCRAPE_MS;
}

/* A bin holds a poll's counts; with rarer scrapes, a scrape's. */
static void begin_check(struct past_read *r)
{
    int64_t interval = r->g->policy->guard.interval_ms;
    int64_t scrape = counted(r) ? counts_scrape_ms(r->g->counts[r->check]) : GAUGE_STEP_MS;
    r->bin_ms = scrape > interval ? (scrape + interval - 1) / interval * interval : interval;
    r->n_bins = (size_t)(LONG_MS / r->bin_ms);
    if (r->n_bins > BINS_MAX)
        r->n_bins = BINS_MAX;
    memset(r->events, 0, r->n_bins * sizeof *r->events);
    memset(r->exposure, 0, r->n_bins * sizeof *r->exposure);
    r->back_ms = 0;
    r->requests = 0;
}

static enum hd_code next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    struct past_read *r = what;
    return r->source->provider->fetch(t->arena, r->cfg, &r->question, &t->said, ret, &r->rows,
                                      &r->reason, err);
}

static void take_bin(struct past_read *r, int64_t end_back_ms, const struct hd_measurement *m)
{
    size_t from_end = (size_t)(end_back_ms / r->bin_ms);
    if (from_end >= r->n_bins)
        return;
    struct seq_arm a = past_step(check_of(r), m);
    r->events[r->n_bins - 1 - from_end] = a.events;
    r->exposure[r->n_bins - 1 - from_end] = a.exposure;
    r->requests += m->fresh ? m->exposure : 0;
}

static void take_counts(struct past_read *r)
{
    ARENA_AUTO a = arena_new();
    size_t n = (size_t)(r->asked_ms / r->bin_ms);
    struct hd_measurement(*bin)[HD_ROLES] = arena_array(a, n, sizeof *bin);
    struct counts_look look = {.query = &check_of(r)->query, .at_ms = r->question.at_ms,
                               .interval_ms = r->bin_ms, .rows = &r->rows};
    struct hd_error err;
    for (uint32_t k = 0; k < HD_SIDES_MAX; k++)
        look.role_of[k] = k == r->g->stable ? HD_STABLE : -1;
    memset(bin, 0, n * sizeof *bin);
    if (counts_bins(&look, r->bin_ms, n, bin, &err)) {
        log_warn(r->g->service->name, "the past: %s", err.text);
        return;
    }
    for (size_t i = 0; i < n; i++)
        take_bin(r, r->back_ms + (int64_t)(n - 1 - i) * r->bin_ms, &bin[i][HD_STABLE]);
}

static void take_gauge(struct past_read *r)
{
    for (size_t i = 0; i < r->rows.n; i++) {
        const struct hd_row *row = &r->rows.row[i];
        for (size_t k = 0; row->side == r->g->stable && k < row->n; k++) {
            struct hd_measurement m = {.fresh = true, .value = row->point[k].value};
            int64_t back_ms = r->question.at_ms - row->point[k].at_ms;
            if (back_ms >= 0)
                take_bin(r, back_ms, &m);
        }
    }
}

/* Low traffic: longer steps from bin `first` on, so that each holds some requests. */
static struct history join_steps(struct past_read *r, size_t first, size_t n, int64_t *step_ms)
{
    size_t parts = (size_t)((LOW_STEP_MS + r->bin_ms - 1) / r->bin_ms);
    double *events = r->events + first, *exposure = r->exposure + first;
    for (size_t i = 0; i < n; i++) {
        double e = events[i], x = exposure[i];
        events[i] = exposure[i] = 0;
        events[i / parts] += e;
        exposure[i / parts] += x;
    }
    *step_ms = (int64_t)parts * r->bin_ms;
    return (struct history){events, exposure, n / parts};
}

static void learn(struct past_read *r)
{
    size_t n = (size_t)(r->back_ms / r->bin_ms);
    int64_t step_ms = r->bin_ms;
    n = n < r->n_bins ? n : r->n_bins;
    struct history h = {r->events + r->n_bins - n, r->exposure + r->n_bins - n, n};
    if (r->back_ms > PAST_MS && counted(r))
        h = join_steps(r, r->n_bins - n, n, &step_ms);
    if (past_learn(r->g->policy, r->check, &h, step_ms, &r->past[r->n]))
        r->n++;
    else
        log_warn(r->g->service->name, "%s: too little is known of %s before the switch",
                 check_of(r)->name, guard_colour(r->g, HD_STABLE));
}

static void finish(struct past_read *r)
{
    struct guard *g = r->g;
    struct hd_measurement none;
    struct hd_evidence e = {.poll = HD_BEFORE_BINS + 1, .before = true, .m = &none,
                            .past = r->past, .n_past = r->n};
    if (e.n_past)
        decide_evidence(g, &e, g->row.switch_from_ms, 0);
    g->past = past_free(r);
}

static void done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err);

/* Asks for the chunk before the last one; false: this check needs no more. */
static bool ask(struct past_read *r)
{
    const struct hd_query *q = &check_of(r)->query;
    struct guard *g = r->g;
    const struct hd_datasource *ds = collect_source(g, check_of(r));
    const struct hd_config *config = config_get(g->pin);
    uint32_t text = q->by_label ? 0 : g->stable;
    bool low = r->requests < LOW_RATE * (PAST_MS / 1000);
    r->source = source_find(g->p, ds);
    if (!r->source->provider->counts || !r->source->clock_known || !q->text[text] ||
        (r->back_ms >= PAST_MS && !(low && counted(r))) || r->back_ms >= LONG_MS)
        return false;
    r->asked_ms = r->back_ms < PAST_MS ? CHUNK_MS : LONG_CHUNK_MS;
    if (!counted(r))
        r->asked_ms = PAST_MS;
    r->asked_ms -= r->asked_ms % r->bin_ms;
    r->cfg = ds->plugin.cfg;
    r->probe = (struct hd_probe){.query = q->text[text], .side = q->by_label ? -1 : (int8_t)text,
                                 .side_label = q->by_label, .raw = counted(r),
                                 .key_label = q->key_label};
    memcpy(r->probe.side_values, q->values, sizeof r->probe.side_values);
    r->question = (struct hd_question){
        .probe = &r->probe, .n = 1, .at_ms = collect_since(g, r->source) - r->back_ms,
        .range_ms = r->asked_ms + (counted(r) ? 2 * scrape_of(r) : 0),
        .step_ms = counted(r) ? 0 : GAUGE_STEP_MS,
        .series_max = (uint32_t)config->limits.series,
        .answer_max = (uint32_t)config->limits.answer};
    r->talk = talk_replicas(talk_start(g->p, next, r, done, r, 0), collect_replicas(r->source, r->cfg),
                            r->source->base);
    return true;
}

/* The next check that wants to know its past. */
static void ask_next(struct past_read *r)
{
    for (; r->check < r->g->policy->n_checks; r->check++) {
        if (!weigh_wants_past(r->g->policy, &r->g->engine, r->check))
            continue;
        begin_check(r);
        if (ask(r))
            return;
    }
    finish(r);
}

/* A chunk that fails ends the walk back: what is known until there must do. */
static void done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct past_read *r = user;
    (void)t;
    r->talk = NULL;
    if (code)
        log_warn(r->source->name, "the past of %s: %s", r->g->service->name, err->text);
    else if (counted(r))
        take_counts(r);
    else
        take_gauge(r);
    r->back_ms += code ? 0 : r->asked_ms;
    if (!code && ask(r))
        return;
    learn(r);
    r->check++;
    ask_next(r);
}

void past_poll(struct guard *g)
{
    bool wanted = false;
    for (uint32_t i = 0; i < g->policy->n_checks; i++)
        wanted |= weigh_wants_past(g->policy, &g->engine, i);
    if (g->past || g->past_asked || !wanted)
        return;
    struct past_read *r = calloc(1, sizeof *r);
    if (!r || !(r->events = calloc(BINS_MAX, sizeof *r->events)) ||
        !(r->exposure = calloc(BINS_MAX, sizeof *r->exposure)))
        abort();
    g->past_asked = true;
    g->past = r;
    r->g = g;
    ask_next(r);
}
