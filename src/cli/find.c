/* SPDX-License-Identifier: Apache-2.0
 *
 * See find.h. Asks raw counters in large pieces, counts them as a live guard does, cuts them into
 * bins as fine as the scrapes allow, and takes what traffic.h proves as the daemon takes readings of
 * a router. Called by backtest.c.
 */
#include "cli/find.h"

#include "base/arena.h"
#include "cli/traffic.h"
#include "config/config.h"
#include "engine/counts.h"

#define CHUNK_MS 600000
#define CHUNK_LEAST_MS 60000  /* an answer for so short a time that is too large is too large */
#define FIRST_SCRAPE_MS 60000 /* assumed until it is learned: the longest usual one */
#define SHIFTS_MAX 4000
#define SWITCHES_MAX 1000
#define PAIRS (HD_SIDES_MAX / HD_ROLES)

struct scan {
    const struct find *find;
    const struct hd_check *check;
    struct counts *counts; /* only to learn how often is scraped */
    struct traffic traffic;
    bool begun;
    int64_t chunk_ms;
    struct traffic_shift *shift;
    size_t n;
};

static const struct hd_check *check_of(const struct hd_policy *p)
{
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (p->checks[i].query.kind != HD_QUERY_GAUGE)
            return &p->checks[i];
    }
    return NULL;
}

/* The check as it is asked here: of a histogram without a bound, how many it counted. */
static const struct hd_check *asked_of(const struct find *f)
{
    static const char *const all[] = {"+Inf", NULL}, *const none[] = {NULL};
    const struct hd_check *c = check_of(f->policy);
    if (!config_unpicked(c))
        return c;
    struct hd_check *counted = arena_copy(f->arena, c, sizeof *c);
    counted->query = config_every_bucket(f->arena, f->config, c);
    counted->query.classify = HD_CLASSIFY_KEYS;
    counted->query.events = none;
    counted->query.exposure = all;
    return counted;
}

static bool too_many(const struct hd_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->row[i].outcome == HD_OUTCOME_TOO_MANY)
            return true;
    }
    return false;
}

/* Colours in pairs, for counts are made of two roles. */
static void look_at(const struct scan *s, int pair, struct counts_look *ret)
{
    ret->query = &s->check->query;
    for (int i = 0; i < HD_SIDES_MAX; i++)
        ret->role_of[i] = (int8_t)(i / HD_ROLES == pair ? i % HD_ROLES : -1);
}

static enum hd_code learn(struct scan *s, const struct hd_rows *rows, int64_t at_ms, struct hd_error *err)
{
    struct hd_measurement unused[HD_ROLES] = {{.check = 0}};
    struct counts_look look = {.at_ms = at_ms, .interval_ms = s->chunk_ms, .rows = rows};
    look_at(s, 0, &look);
    enum hd_code code = counts_look(s->counts, &look, unused, err);
    int64_t scrape_ms = counts_scrape_ms(s->counts);
    if (code || !scrape_ms)
        return code;
    traffic_begin(&s->traffic, s->find->policy->n_colours, s->find->policy->detect.switch_at, scrape_ms);
    s->begun = true;
    return HD_OK;
}

static void take(struct scan *s, struct hd_measurement (*const bin[PAIRS])[HD_ROLES], size_t n,
                 int64_t from_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct traffic_bin b = {.requests = {0}};
        struct traffic_shift shift[HD_SIDES_MAX];
        for (uint32_t c = 0; c < s->find->policy->n_colours; c++) {
            const struct hd_measurement *m = &bin[c / HD_ROLES][i][c % HD_ROLES];
            b.seen[c] = m->outcome == HD_OUTCOME_OK && m->fresh;
            b.requests[c] = b.seen[c] ? m->exposure : 0;
        }
        size_t found = traffic_take(&s->traffic, from_ms + (int64_t)(i + 1) * s->traffic.bin_ms, &b, shift);
        for (size_t k = 0; k < found && s->n < SHIFTS_MAX; k++)
            s->shift[s->n++] = shift[k];
    }
}

/* Cuts the rows of (from, to] into bins; what is left of a bin waits for the next piece. */
static enum hd_code count(struct scan *s, struct hd_arena *a, const struct hd_rows *rows,
                          const struct hd_rows *starts, int64_t from_ms, int64_t *to_ms,
                          struct hd_error *err)
{
    size_t n = (size_t)((*to_ms - from_ms) / s->traffic.bin_ms);
    struct hd_measurement(*bin[PAIRS])[HD_ROLES];
    *to_ms = from_ms + (int64_t)n * s->traffic.bin_ms;
    for (int pair = 0; pair < PAIRS; pair++) {
        struct counts_look look = {.at_ms = *to_ms, .interval_ms = s->traffic.bin_ms, .rows = rows,
                                   .targets = starts->n ? starts : NULL};
        look_at(s, pair, &look);
        bin[pair] = arena_array(a, n, sizeof *bin[pair]);
        enum hd_code code = n ? counts_bins(&look, s->traffic.bin_ms, n, bin[pair], err) : HD_OK;
        if (code)
            return code;
    }
    take(s, bin, n, from_ms);
    return HD_OK;
}

/* One piece from `from_ms` on; says how far it went. */
static enum hd_code piece(struct scan *s, int64_t from_ms, int64_t end_ms, int64_t *ret_to_ms,
                          struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    const struct find *f = s->find;
    int64_t lead_ms = 2 * (s->begun ? s->traffic.scrape_ms : FIRST_SCRAPE_MS);
    struct hd_rows rows, starts;
    for (;; s->chunk_ms /= 2) {
        int64_t to_ms = from_ms + s->chunk_ms < end_ms ? from_ms + s->chunk_ms : end_ms;
        struct ask_when when = {.at_ms = to_ms, .range_ms = to_ms - from_ms + lead_ms, .step_ms = 1000};
        if (ask_rows(f->asker, a, f->config, f->policy, s->check, &when, &rows, err))
            return err->code;
        *ret_to_ms = to_ms;
        if (!too_many(&rows) || s->chunk_ms <= CHUNK_LEAST_MS)
            break;
    }
    struct ask_when when = {.at_ms = *ret_to_ms, .targets = true};
    if (ask_rows(f->asker, a, f->config, f->policy, s->check, &when, &starts, err) ||
        (!s->begun && learn(s, &rows, *ret_to_ms, err)))
        return err->code;
    return s->begun ? count(s, a, &rows, &starts, from_ms, ret_to_ms, err) : HD_OK;
}

static enum hd_code scan_to(struct scan *s, int64_t from_ms, int64_t to_ms, struct hd_error *err)
{
    int64_t at_ms = from_ms;
    while (at_ms < to_ms) {
        int64_t next_ms = at_ms;
        if (piece(s, at_ms, to_ms, &next_ms, err))
            return hd_error_add(err, "%s, looking for switches", s->check->name);
        if (next_ms <= at_ms)
            break; /* less than a bin is left */
        at_ms = next_ms;
        if (s->find->progress)
            s->find->progress(s->find->user, (size_t)((at_ms - from_ms) / 1000),
                              (size_t)((to_ms - from_ms) / 1000));
    }
    return HD_OK;
}

/* All shifts between two times, and what comes before while it learns who has the traffic. */
static enum hd_code scan(const struct find *f, int64_t from_ms, int64_t to_ms, struct traffic_shift **ret,
                         size_t *ret_n, struct hd_error *err)
{
    struct scan *s = arena_of(f->arena, struct scan);
    *s = (struct scan){.find = f, .check = asked_of(f), .chunk_ms = CHUNK_MS, .counts = counts_new(),
                       .shift = arena_many(f->arena, SHIFTS_MAX, struct traffic_shift)};
    int64_t lead_ms = traffic_lead_ms(FIRST_SCRAPE_MS);
    enum hd_code code = scan_to(s, (from_ms - lead_ms) / 1000 * 1000, to_ms, err);
    s->counts = counts_free(s->counts);
    *ret = s->shift;
    *ret_n = s->n;
    return code;
}

/* --- shifts as switches --- */

static bool may_be(const struct hd_policy *p, const struct traffic_shift *s)
{
    return s->up && s->before >= 0 && (p->kind != HD_KIND_CANARY || s->colour == p->candidate);
}

static uint32_t stable_of(const struct hd_policy *p, const struct traffic_shift *s)
{
    return (uint32_t)(p->kind == HD_KIND_CANARY ? p->stable : s->before);
}

/* Does the shift end a guard over this switch? To whom the traffic went: the colour that rose, or
 * after a fall the one that had it before. */
static bool ends(const struct hd_policy *p, const struct find_switch *f, const struct traffic_shift *s)
{
    if (s->by_ms <= f->at_ms || s->by_ms >= f->at_ms + p->guard.duration_ms)
        return false;
    if (!s->up)
        return (uint32_t)s->colour == f->candidate;
    return s->after_ms >= f->at_ms && (uint32_t)s->colour != f->candidate && p->kind != HD_KIND_CANARY;
}

static void end(struct find_switch *f, const struct traffic_shift *s)
{
    f->until_ms = s->by_ms;
    f->next = s->up ? (uint32_t)s->colour : s->next >= 0 ? (uint32_t)s->next : f->stable;
}

enum hd_code find_switches(const struct find *f, int64_t from_ms, int64_t to_ms, struct find_switch **ret,
                           size_t *ret_n, struct hd_error *err)
{
    struct traffic_shift *shift;
    size_t n_shifts, n = 0;
    struct find_switch *list = arena_many(f->arena, SWITCHES_MAX, struct find_switch), *last = NULL;
    if (!check_of(f->policy))
        return hd_fail(err, HD_INVALID, "name the switches: no check of the service counts requests");
    if (scan(f, from_ms, to_ms, &shift, &n_shifts, err))
        return err->code;
    for (size_t i = 0; i < n_shifts && n < SWITCHES_MAX; i++) {
        const struct traffic_shift *s = &shift[i];
        bool over = last && last->until_ms >= 0, back = last && s->up && (uint32_t)s->colour == last->stable;
        if (last && !over && ends(f->policy, last, s)) {
            end(last, s);
            over = true;
        }
        if (!may_be(f->policy, s) || s->by_ms <= from_ms ||
            (over && back && s->after_ms <= last->until_ms)) /* the move back */
            continue;
        last = &list[n++];
        *last = (struct find_switch){.at_ms = s->after_ms, .until_ms = -1, .stable = stable_of(f->policy, s),
                                     .candidate = (uint32_t)s->colour, .silent = s->silent};
    }
    *ret = list;
    *ret_n = n;
    return HD_OK;
}

enum hd_code find_end(const struct find *f, int64_t to_ms, struct find_switch *ret, struct hd_error *err)
{
    struct traffic_shift *shift;
    size_t n;
    int64_t end_ms = ret->at_ms + f->policy->guard.duration_ms;
    ret->until_ms = -1;
    if (!check_of(f->policy))
        return HD_OK;
    if (scan(f, ret->at_ms, end_ms < to_ms ? end_ms : to_ms, &shift, &n, err))
        return err->code;
    bool uncounted = false;
    for (size_t i = 0; i < n && ret->until_ms < 0; i++) {
        const struct traffic_shift *s = &shift[i];
        bool heard = uncounted && !s->up && (uint32_t)s->colour == ret->candidate;
        if (s->silent || heard) /* a switch that is named need not be guessed from silence, nor its end */
            uncounted = s->silent;
        else if (ends(f->policy, ret, s))
            end(ret, s);
    }
    return HD_OK;
}
