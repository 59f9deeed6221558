/* SPDX-License-Identifier: Apache-2.0
 *
 * One poll of a guard: asks every data source what its checks need at one instant of the source's
 * clock, turns rows into measurements, and hands the evidence to decide.c or care.c.
 * question.c sends the questions. A poll that is still on its way is not overtaken: the next one
 * covers its time too. Judges nothing.
 */
#include "pipeline/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/past.h"

#define CLOCK_EVERY_MS 60000      /* how long a source's clock offset is believed */
#define BIN_MS 60000              /* "the minutes before the switch" */
#define FIRST_SCRAPE_MS 30000     /* assumed scrape interval until it is learned: twice the usual */
#define CATCH_UP_MS 20            /* from poll to poll of the past: live guards come in between */
#define BEFORE_TRY_MS 60000       /* how long a failing source is asked again for them */
#define WINDOW_MAX_MS (3600 * 1000)

/* --- asking --- */

const struct hd_datasource *collect_source(const struct guard *g, const struct hd_check *check)
{
    return &config_get(g->pin)->datasources[check->datasource];
}

static int64_t source_time(const struct source *s, int64_t boot_ms)
{
    return s->clock_known ? boot_ms + s->clock_minus_boot : 0;
}

/* Whoever names a time of the past means the source's own clock, as `haldane analyze` does: our guess of how
 * far that is from ours would put a poll on either side of a sample. */
static int64_t instant_at(const struct collect *c, const struct source *s)
{
    return analysis_of_past(c->g) ? c->wall_ms : source_time(s, c->at_boot_ms);
}

int64_t collect_since(const struct guard *g, const struct source *s)
{
    if (analysis_of_past(g))
        return g->row.switch_from_ms;
    int64_t boot = g->boot_base_ms - g->t_base_ms;
    int64_t between = g->row.switch_to_ms - g->row.switch_from_ms;
    return source_time(s, boot - (between > 0 ? between : 0));
}

static bool counted(const struct hd_query *q) { return q->kind != HD_QUERY_GAUGE; }

/* From when on requests count: from the switch; of a check whose memory was lost with a restart from the
 * poll before, so that none counts twice (I9). */
static int64_t counts_since(const struct collect *c, uint32_t check, int64_t switch_ms, int64_t at)
{
    const struct guard *g = c->g;
    int64_t gone_ms = c->t_ms - g->engine.t_ms;
    bool lost = !c->before && counts_is_new(g->counts[check]) && g->engine.check[check].observed;
    return !lost ? switch_ms : gone_ms > 0 ? at - gone_ms : at;
}

static int64_t window_of(const struct collect *c, uint32_t check, int64_t since, int64_t at)
{
    const struct guard *g = c->g;
    int64_t window = counts_window_ms(g->counts[check], at, g->policy->guard.interval_ms);
    if (counts_is_new(g->counts[check])) {
        int64_t first = at - since + 2 * FIRST_SCRAPE_MS;
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
    int64_t since = collect_since(g, s), at = c->before ? since : instant_at(c, s);
    since = counts_since(c, check, since, at);
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
        q.range_ms = window_of(c, check, since, at);
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
        question_ask(c, check, i, &probe, &q);
    }
    if (counted(query) && query->target_text) {
        struct hd_probe targets = {.query = query->target_text, .side = 0, .raw = true};
        struct hd_question when = {.at_ms = at, .series_max = q.series_max, .answer_max = q.answer_max};
        question_ask(c, check, PIECE_TARGETS, &targets, &when);
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
        bool just_failed = !s->clock_known && s->clock_read_ms >= c->begun_ms && s->clock_read_ms;
        if ((!s->clock_known && !just_failed) || (s->clock_known && old))
            question_clock(g, s, ds);
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
        bool open = config_unpicked(&c->g->policy->checks[i]); /* or left over from the poll before */
        for (uint32_t k = 0; k < PIECES; k++)
            open |= c->piece[i][k].asked;
        if (!open && (!c->before || provider->counts))
            ask_check(c, i);
    }
    if (--c->waiting == 0)
        collect_done(c);
}

void collect_ask(struct collect *c)
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
    bool asked = c->when[check].at_ms != 0; /* a bound may have been picked since */
    for (uint8_t r = 0; r < HD_ROLES; r++)
        m[r] = empty_measurement(check, r, HD_OUTCOME_NO_DATA,
                                 asked ? HD_REASON_NO_SERIES : HD_REASON_NOT_PICKED);
    bool open = g->policy->checks[check].pick && !asked;
    if (open || (failed[HD_STABLE] && failed[HD_CANDIDATE]))
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
    bool known = s->last.service && s->unread_since_ms < 0 && g->p->now.wall_ms - s->last.last_ms < old &&
                 !analysis_of_past(g);
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

/* A release that was rejected is no baseline, and what it broke was no trouble of before. */
static void leave_out(const struct past_releases *releases, uint32_t check, bins bin)
{
    for (uint32_t b = 0; b < HD_BEFORE_BINS; b++) {
        struct hd_measurement *m = &bin[b][HD_STABLE];
        if (m->outcome == HD_OUTCOME_OK && past_left_out(releases, (int64_t)(HD_BEFORE_BINS - 1 - b) * BIN_MS, BIN_MS))
            *m = empty_measurement(check, HD_STABLE, HD_OUTCOME_NO_DATA, HD_REASON_PAST_LEFT_OUT);
    }
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
    const struct past_releases *releases = past_releases(g, a);
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        before_check(c, i, bin[i]);
        leave_out(releases, i, bin[i]);
    }
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
        care_evidence(g, &e, wall_ms, t_ms);
    else
        decide_evidence(g, &e, wall_ms, t_ms);
}

/* The last multiple of the interval; of a past that is made up for, the one after the last poll. */
static int64_t instant_of(const struct guard *g)
{
    int64_t interval = g->policy->guard.interval_ms;
    if (analysis_of_past(g))
        return (g->row.switch_to_ms / interval + g->polls + 1) * interval;
    return sched_next_multiple(g->p->now.wall_ms, interval) - interval;
}

static struct collect *collect_make(struct guard *g, bool before)
{
    struct collect *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    struct pipeline *p = g->p;
    c->g = g;
    c->before = before;
    c->wall_ms = instant_of(g);
    c->at_boot_ms = boot_of_wall(p, c->wall_ms);
    c->begun_ms = analysis_of_past(g) ? p->now.boot_ms : c->at_boot_ms;
    if (!before)
        g->asked_ms = c->at_boot_ms;
    c->t_ms = analysis_of_past(g) ? c->wall_ms - g->row.switch_to_ms
                                  : guard_time(g) - (p->now.boot_ms - c->at_boot_ms);
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

/* A source that hangs must not hold up what the others know, nor the router's own reading (I10): the
 * poll ends with what is here, and its open questions go over to the next one, which counts what
 * they bring. */
static void collect_cut(struct guard *g)
{
    struct collect *old = g->collect, *c = collect_make(g, false);
    question_hand_over(old, c);
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

void collect_done(struct collect *c)
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

/* Every poll in its turn, none left out, and none before stable's hours are known. */
static void catch_up(struct guard *g)
{
    struct pipeline *p = g->p;
    int64_t due_ms = boot_of_wall(p, instant_of(g)), next_ms = p->now.boot_ms + CATCH_UP_MS;
    if (due_ms <= p->now.boot_ms && !g->collect && g->polls)
        past_poll(g);
    guard_poll_at(g, due_ms > next_ms ? due_ms : next_ms);
    if (due_ms <= p->now.boot_ms && !g->collect && !g->past)
        collect_start(g, false);
}

void collect_poll(struct guard *g)
{
    struct pipeline *p = g->p;
    if (approval_due(g))
        return;
    if (analysis_of_past(g)) {
        catch_up(g);
        return;
    }
    int64_t interval = g->policy->guard.interval_ms;
    int64_t next_ms = boot_of_wall(p, sched_next_multiple(p->now.wall_ms, interval));
    guard_poll_at(g, next_ms);
    if (g->row.state == HD_STATE_PENDING && guard_time(g) > g->policy->guard.duration_ms) {
        decide_take(g, ENGINE_NEVER_CAME, 0);
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

struct collect *collect_free(struct collect *c)
{
    if (!c)
        return NULL;
    question_drop(c);
    for (size_t i = 0; i < c->n_arenas; i++)
        arena_free(c->arenas[i]);
    free(c);
    return NULL;
}
