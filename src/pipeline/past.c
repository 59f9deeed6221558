/* SPDX-License-Identifier: Apache-2.0
 *
 * What stable did in the hours before the switch, for the sequential rule: raw samples in chunks,
 * one question at a time beside the polls, counted as the polls are, and learned from once; the time of
 * releases that were rejected is left out. First the latency bounds that it picks, which the guard then
 * keeps. It decides nothing, and no poll waits for it. Called by collect.c; the result is evidence.
 */
#include "pipeline/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/past.h"
#include "engine/weigh.h"

#define TRIES_MAX 5 /* of a source that fails before the bounds are picked: as many polls */

struct past_talk {
    struct guard *g;
    uint32_t check; /* the one that is asked */
    bool picking;   /* for its bound: every bucket is asked for */
    struct past_bounds bounds;
    double pick[HD_CHECKS_MAX];
    bool any_picked;
    struct hd_arena *arena; /* of the texts that are asked */
    struct past_bins bins;
    struct hd_past past[HD_CHECKS_MAX];
    size_t n;
    int64_t left_out_ms; /* the most of any check */
    /* the open question */
    int64_t chunk_ms;
    struct talk *talk;
    struct source *source;
    const void *cfg;
    struct hd_probe probe;
    struct hd_question question;
    struct hd_rows rows;
    uint16_t reason;
};

struct past_talk *past_free(struct past_talk *t)
{
    if (!t)
        return NULL;
    t->g->p->n_pasts--;
    talk_cancel(t->talk);
    arena_free(t->arena);
    free(t->bins.events);
    free(t->bins.exposure);
    free(t);
    return NULL;
}

static const struct hd_check *check_of(const struct past_talk *t)
{
    return &t->g->policy->checks[t->check];
}

static bool counted(const struct past_talk *t) { return check_of(t)->query.kind != HD_QUERY_GAUGE; }

static int64_t scrape_of(const struct past_talk *t)
{
    return counted(t) ? counts_scrape_ms(t->g->counts[t->check]) : 0;
}

static enum hd_code next(void *what, struct talk *talk, struct hd_ask *ret, struct hd_error *err)
{
    struct past_talk *t = what;
    return t->source->provider->fetch(talk->arena, t->cfg, &t->question, &talk->said, ret, &t->rows,
                                      &t->reason, err);
}

static struct counts_look look_of(const struct past_talk *t)
{
    struct counts_look look = {.query = &check_of(t)->query, .at_ms = t->question.at_ms,
                               .interval_ms = t->bins.bin_ms, .rows = &t->rows};
    for (uint32_t k = 0; k < HD_SIDES_MAX; k++)
        look.role_of[k] = k == t->g->stable ? HD_STABLE : -1;
    return look;
}

static void take_counts(struct past_talk *t)
{
    ARENA_AUTO a = arena_new();
    int64_t bin_ms = t->bins.bin_ms;
    size_t n = (size_t)(t->chunk_ms / bin_ms);
    struct hd_measurement(*bin)[HD_ROLES] = arena_array(a, n, sizeof *bin);
    struct counts_look look = look_of(t);
    struct hd_error err;
    memset(bin, 0, n * sizeof *bin);
    if (counts_bins(&look, bin_ms, n, bin, &err))
        log_warn(t->g->service->name, "the past: %s", err.text);
    else
        for (size_t i = 0; i < n; i++)
            past_put(&t->bins, check_of(t), t->bins.back_ms + (int64_t)(n - 1 - i) * bin_ms,
                     &bin[i][HD_STABLE]);
}

static void take_gauge(struct past_talk *t)
{
    for (size_t i = 0; i < t->rows.n; i++) {
        const struct hd_row *row = &t->rows.row[i];
        for (size_t k = 0; row->side == t->g->stable && k < row->n; k++) {
            struct hd_measurement m = {.fresh = true, .value = row->point[k].value};
            past_put(&t->bins, check_of(t), t->question.at_ms - row->point[k].at_ms, &m);
        }
    }
}

static void tell_left_out(const struct past_talk *t)
{
    char text[HD_TEXT_MAX];
    if (!t->left_out_ms)
        return;
    (void)snprintf(text, sizeof text, "%lld s of %s", (long long)(t->left_out_ms / 1000),
                   guard_colour(t->g, HD_STABLE));
    event_guard(t->g, "check", HD_REASON_PAST_LEFT_OUT, text, false);
}

static void finish(struct past_talk *t)
{
    struct guard *g = t->g;
    struct hd_measurement none;
    tell_left_out(t);
    struct hd_evidence e = {.poll = HD_BEFORE_BINS + 1, .before = true, .m = &none,
                            .past = t->past, .n_past = t->n};
    g->past_taken = e.n_past > 0;
    if (e.n_past)
        decide_evidence(g, &e, g->row.switch_from_ms, 0);
    g->past = past_free(t);
}

static void done(void *user, struct talk *talk, enum hd_code code, const struct hd_error *err);

/* Asks for the chunk before the last one; false: this check needs no more, or cannot be asked. */
static bool ask(struct past_talk *t)
{
    struct guard *g = t->g;
    const struct hd_datasource *ds = collect_source(g, check_of(t));
    const struct hd_config *config = config_get(g->pin);
    struct hd_query every = config_every_bucket(t->arena, config, check_of(t));
    const struct hd_query *q = t->picking ? &every : &check_of(t)->query;
    uint32_t text = q->by_label ? 0 : g->stable;
    int64_t scrape_ms = scrape_of(t);
    t->source = source_find(g->p, ds);
    t->chunk_ms = past_next_ms(&t->bins, check_of(t));
    if (!t->source->provider->counts || !t->source->clock_known || !q->text[text] || !t->chunk_ms)
        return false;
    t->cfg = ds->plugin.cfg;
    t->probe = (struct hd_probe){.query = q->text[text], .side = q->by_label ? -1 : (int8_t)text,
                                 .side_label = q->by_label, .raw = counted(t),
                                 .key_label = q->key_label};
    memcpy(t->probe.side_values, q->values, sizeof t->probe.side_values);
    t->question = (struct hd_question){
        .probe = &t->probe, .n = 1, .at_ms = collect_since(g, t->source) - t->bins.back_ms,
        .range_ms = t->chunk_ms +
                    (counted(t) ? 2 * (scrape_ms ? scrape_ms : PAST_SCRAPE_MS) : 0),
        .step_ms = counted(t) ? 0 : PAST_GAUGE_STEP_MS,
        .series_max = (uint32_t)config->limits.series,
        .answer_max = (uint32_t)config->limits.answer};
    t->talk = talk_replicas(talk_start(g->p, next, t, done, t, 0), source_replicas(t->source, t->cfg),
                            t->source->base);
    return true;
}

/* --- rejected releases --- */

const struct past_releases *past_releases(const struct guard *g, struct hd_arena *a)
{
    struct past_releases *r = arena_of(a, struct past_releases);
    struct store_switch unknown = {.ended_ms = g->row.switch_from_ms, .rejected = true}, *list;
    struct hd_error err;
    size_t n;
    r->since_ms = g->row.switch_from_ms;
    if (store_switches_onto(g->p->o.store, a, g->service->name, guard_colour(g, HD_STABLE), r->since_ms,
                            HD_PAST_SWITCHES_MAX, &list, &n, &err)) {
        log_warn(g->service->name, "which releases of %s were rejected: %s", guard_colour(g, HD_STABLE), err.text);
        list = &unknown; /* any might have been */
        n = 1;
    } else if (!n && g->from_rejected) { /* for longer than is looked back */
        list = &unknown;
        n = 1;
    }
    struct past_switch *on = arena_many(a, n, struct past_switch);
    for (size_t i = 0; i < n; i++) {
        bool open = list[i].ended_ms < 0 || g->from_rejected; /* rejected to this day */
        on[i] = (struct past_switch){list[i].from_ms, open ? r->since_ms : list[i].ended_ms, list[i].rejected};
    }
    if (n == HD_PAST_SWITCHES_MAX)
        on[0] = (struct past_switch){0, on[0].until_ms, true};
    r->on = on;
    r->n = n;
    return r;
}

/* --- picking bounds --- */

/* The guard keeps them: they go into its pin. */
static void keep_picks(struct past_talk *t)
{
    struct guard *g = t->g;
    BUF_AUTO text = BUF_INIT(2000);
    guard_take_policy(g, config_pick(g->own, config_get(g->pin), g->policy, t->pick));
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        if (isfinite(t->pick[i]))
            buf_print(&text, "%s%s %s", text.len ? ", " : "", g->policy->checks[i].name,
                      config_bound_text(t->arena, &g->policy->checks[i].query, t->pick[i]));
    }
    event_guard(g, "check", HD_REASON_BOUNDS_PICKED, buf_at(&text), false);
}

static void cannot_pick(struct past_talk *t)
{
    struct guard *g = t->g;
    bool seen = t->bounds.n > 0;
    BUF_AUTO text = BUF_INIT(1000);
    buf_print(&text, seen ? "%s: the histogram of %s counted too few requests before the switch"
                          : "%s: no histogram of %s was there before the switch: give `bound`, or another metric",
              check_of(t)->name, guard_colour(g, HD_STABLE));
    event_guard(g, "check", HD_REASON_NO_HISTOGRAM, buf_at(&text), false);
}

static void take_bounds(struct past_talk *t)
{
    struct counts_look look = look_of(t);
    struct hd_error err;
    if (past_add_bounds(&look, &t->bins, t->chunk_ms, &t->bounds, &err))
        log_warn(t->g->service->name, "the past: %s", err.text);
    t->bins.requests = past_bounds_requests(&t->bounds);
}

static void pick(struct past_talk *t)
{
    const struct hd_policy *p = t->g->policy;
    double bound[HD_PICKS];
    if (!past_pick(&t->bounds, bound)) {
        cannot_pick(t);
        return;
    }
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (config_same_histogram(p, t->check, i))
            t->pick[i] = bound[p->checks[i].pick - HD_PICK_P70];
    }
    t->any_picked = true;
}

/* The next check whose bound is to be picked; true: it is asked for. */
static bool ask_bounds(struct past_talk *t)
{
    for (; t->check < t->g->policy->n_checks; t->check++) {
        bool told = false; /* by another check of the same histogram, which had none */
        for (uint32_t i = 0; i < t->check; i++)
            told |= config_same_histogram(t->g->policy, t->check, i);
        if (!config_unpicked(check_of(t)) || told)
            continue;
        memset(&t->bounds, 0, sizeof t->bounds);
        past_begin(t->g->policy, check_of(t), 0, &t->bins);
        if (ask(t))
            return true;
    }
    t->picking = false;
    t->check = 0;
    if (t->any_picked)
        keep_picks(t);
    return false;
}

/* --- one check after the other --- */

/* The next check that wants to know its past. */
static void ask_next(struct past_talk *t)
{
    if (t->picking && ask_bounds(t))
        return;
    for (; t->check < t->g->policy->n_checks; t->check++) {
        if (!weigh_wants_past(t->g->policy, &t->g->engine, t->check) ||
            config_unpicked(check_of(t)))
            continue;
        past_begin(t->g->policy, check_of(t), scrape_of(t), &t->bins);
        if (ask(t))
            return;
    }
    finish(t);
}

/* The same after a chunk of buckets. A source that gave none is asked again at a later poll. */
static void done_picking(struct past_talk *t, enum hd_code code)
{
    struct guard *g = t->g;
    if (code && !t->bounds.n && g->past_tries < TRIES_MAX) {
        g->past_tries++;
        g->past_asked = false;
        g->past = past_free(t);
        return;
    }
    if (!code) {
        take_bounds(t);
        past_read(&t->bins, t->chunk_ms);
        bool enough = past_bounds_requests(&t->bounds) >= PAST_PICK_ENOUGH;
        if (t->bounds.n && !enough && ask(t)) /* without a histogram now, what it was is no use */
            return;
    }
    pick(t);
    t->check++;
    ask_next(t);
}

/* A chunk that fails ends the walk back: what is known until there must do. */
static void done(void *user, struct talk *talk, enum hd_code code, const struct hd_error *err)
{
    struct past_talk *t = user;
    (void)talk;
    t->talk = NULL;
    if (code)
        log_warn(t->source->name, "the past of %s: %s", t->g->service->name, err->text);
    if (t->picking) {
        done_picking(t, code);
        return;
    }
    if (code)
        ; /* said */
    else if (counted(t))
        take_counts(t);
    else
        take_gauge(t);
    past_read(&t->bins, code ? 0 : t->chunk_ms);
    if (!code && ask(t))
        return;
    if (t->bins.left_out_ms > t->left_out_ms)
        t->left_out_ms = t->bins.left_out_ms;
    if (past_end(t->g->policy, t->check, &t->bins, &t->past[t->n]))
        t->n++;
    else
        log_warn(t->g->service->name, "%s: too little is known of %s before the switch",
                 check_of(t)->name, guard_colour(t->g, HD_STABLE));
    t->check++;
    ask_next(t);
}

void past_poll(struct guard *g)
{
    bool wanted = false;
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        if (!weigh_wants_past(g->policy, &g->engine, i))
            continue;
        const struct source *s = source_find(g->p, collect_source(g, &g->policy->checks[i]));
        if (s->provider->counts && !s->clock_known)
            return; /* as after a restart: a later poll finds it */
        wanted = true;
    }
    if (g->past || g->past_asked || !wanted || g->p->n_pasts >= HD_PASTS_MAX)
        return;
    struct past_talk *t = calloc(1, sizeof *t);
    if (!t || !(t->bins.events = calloc(PAST_BINS_MAX, sizeof(double))) ||
        !(t->bins.exposure = calloc(PAST_BINS_MAX, sizeof(double))))
        abort();
    g->past_asked = true;
    g->p->n_pasts++;
    g->past = t;
    t->g = g;
    t->arena = arena_new();
    t->bins.releases = past_releases(g, t->arena);
    t->picking = true;
    for (uint32_t i = 0; i < HD_CHECKS_MAX; i++)
        t->pick[i] = NAN;
    ask_next(t);
}
