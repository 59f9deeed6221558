/* SPDX-License-Identifier: Apache-2.0
 *
 * See recall.h. One piece covers CHUNK_MS of polls; a source that finds it too large is asked for
 * smaller ones, down to a single poll, which is what a live guard asks. Start times of processes
 * are asked for the instants at which they matter: when a series is new, or fell. How the router
 * split the traffic is read off the requests. Called by backtest.c.
 */
#include "cli/recall.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/counts.h"
#include "engine/past.h"

#define CHUNK_MS 600000
#define BIN_MS 60000          /* the minutes before the switch, as the daemon cuts them */
#define FIRST_SCRAPE_MS 30000 /* assumed until it is learned, as the daemon does */

/* The past of one check. */
struct memory {
    const struct hd_check *check;
    struct counts *counts;
    int64_t from_ms, to_ms, chunk_ms; /* what is here, and how much is asked at once */
    struct hd_arena *arena;           /* of what is here */
    struct hd_rows rows;
    struct hd_arena *starts_arena;
    struct hd_rows starts;
    uint64_t series; /* the ones in the last poll */
};

struct recall {
    struct asker *asker;
    struct hd_arena *arena;
    const struct hd_config *config;
    const struct hd_policy *policy;
    const struct past_releases *releases;
    int64_t since_ms, end_ms, interval_ms;
    int8_t role_of[HD_SIDES_MAX];
    struct memory memory[HD_CHECKS_MAX];
};

static bool counted(const struct hd_check *c)
{
    return c->query.kind != HD_QUERY_GAUGE;
}

static void recall_close(struct recall *p)
{
    for (size_t i = 0; i < HD_CHECKS_MAX; i++) {
        struct memory *m = &p->memory[i];
        (void)counts_free(m->counts);
        (void)arena_free(m->arena);
        (void)arena_free(m->starts_arena);
    }
}
#define RECALL_AUTO __attribute__((cleanup(recall_close))) struct recall

static void recall_open(struct recall *p)
{
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        p->memory[i] = (struct memory){.check = &p->policy->checks[i],
                                       .counts = counts_new(),
                                       .chunk_ms = CHUNK_MS,
                                       .arena = arena_new(),
                                       .starts_arena = arena_new()};
    }
}

/* --- pieces --- */

static bool too_many(const struct hd_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->row[i].outcome == HD_OUTCOME_TOO_MANY)
            return true;
    }
    return false;
}

/* Makes the window before the poll at `at_ms` be here. */
static enum hd_code load(struct recall *p, struct memory *m, int64_t at_ms, int64_t window_ms,
                         struct hd_error *err)
{
    int64_t interval = p->interval_ms;
    while (at_ms > m->to_ms || at_ms - window_ms < m->from_ms || !m->to_ms) {
        struct ask_when when = {.at_ms = at_ms + m->chunk_ms, .step_ms = interval};
        if (when.at_ms > p->end_ms)
            when.at_ms = p->end_ms;
        when.range_ms = when.at_ms - at_ms + window_ms;
        arena_reset(m->arena);
        m->rows = (struct hd_rows){.n = 0};
        if (ask_rows(p->asker, m->arena, p->config, p->policy, m->check, &when, &m->rows, err))
            return err->code;
        m->to_ms = when.at_ms;
        m->from_ms = at_ms - window_ms;
        if (!too_many(&m->rows) || m->chunk_ms < interval)
            return HD_OK;
        m->chunk_ms /= 2;
        m->to_ms = 0;
    }
    return HD_OK;
}

/* The rows as a poll would have got them: samples in (from, to]. */
static struct hd_rows cut(struct hd_arena *a, const struct hd_rows *rows, int64_t from_ms,
                          int64_t to_ms)
{
    struct hd_row *row = arena_many(a, rows->n, struct hd_row);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        size_t first = 0, last = r->n;
        while (first < r->n && r->point[first].at_ms <= from_ms)
            first++;
        while (last > first && r->point[last - 1].at_ms > to_ms)
            last--;
        if (r->n && first == last)
            continue;
        row[n] = *r;
        row[n].point = r->point + first;
        row[n++].n = last - first;
    }
    return (struct hd_rows){.row = row, .n = n};
}

/* --- a poll --- */

/* A series that came or went, or fell: only then do start times matter. */
static bool has_news(const struct hd_rows *rows, uint64_t *series)
{
    uint64_t sum = 0;
    bool fell = false;
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        sum += r->n ? str_hash(r->series ? r->series : "", r->side) : 0;
        for (size_t k = 1; k < r->n; k++)
            fell |= r->point[k].value < r->point[k - 1].value;
    }
    bool news = fell || sum != *series;
    *series = sum;
    return news;
}

static enum hd_code count(struct recall *p, struct memory *m, int64_t at_ms,
                          struct hd_measurement ret[HD_ROLES], struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    int64_t interval = p->interval_ms;
    int64_t window = counts_window_ms(m->counts, at_ms, interval);
    int64_t first = at_ms - p->since_ms + 2 * FIRST_SCRAPE_MS;
    if (!m->to_ms && window < first)
        window = first;
    if (load(p, m, at_ms, window, err))
        return err->code;
    struct hd_rows rows = cut(a, &m->rows, at_ms - window, at_ms);
    if (has_news(&rows, &m->series)) {
        struct ask_when when = {.at_ms = at_ms, .targets = true};
        arena_reset(m->starts_arena);
        if (ask_rows(p->asker, m->starts_arena, p->config, p->policy, m->check, &when, &m->starts,
                     err))
            return err->code;
    }
    struct counts_look look = {.query = &m->check->query,
                               .at_ms = at_ms,
                               .since_ms = p->since_ms,
                               .interval_ms = interval,
                               .rows = &rows,
                               .targets = m->starts.n ? &m->starts : NULL};
    memcpy(look.role_of, p->role_of, sizeof look.role_of);
    return counts_look(m->counts, &look, ret, err);
}

static enum hd_code look(struct recall *p, struct memory *m, int64_t at_ms,
                         struct hd_measurement ret[HD_ROLES], struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    int64_t interval = p->interval_ms;
    if (load(p, m, at_ms, interval, err))
        return err->code;
    struct hd_rows rows = cut(a, &m->rows, at_ms - interval, at_ms);
    for (size_t i = 0; i < rows.n; i++) {
        const struct hd_row *r = &rows.row[i];
        int8_t role = p->role_of[r->side];
        if (role < 0)
            continue;
        ret[role].outcome = r->outcome;
        ret[role].reason = r->reason;
        if (r->outcome != HD_OUTCOME_OK || !r->n)
            continue;
        ret[role].value = r->point[r->n - 1].value;
        ret[role].fresh = true;
        ret[role].age_ms = at_ms - r->point[r->n - 1].at_ms;
        ret[role].covers_ms = interval;
    }
    return HD_OK;
}

static struct hd_measurement nothing(uint16_t reason)
{
    return (struct hd_measurement){
        .value = NAN, .age_ms = -1, .outcome = HD_OUTCOME_NO_DATA, .reason = reason};
}

static void empty(struct hd_measurement m[HD_ROLES], uint32_t check)
{
    for (uint8_t r = 0; r < HD_ROLES; r++) {
        m[r] = nothing(HD_REASON_NO_SERIES);
        m[r].check = (uint8_t)check;
        m[r].role = r;
    }
}

static enum hd_code poll(struct recall *p, uint32_t number, int64_t at_ms,
                         struct store_evidence *ret, struct hd_error *err)
{
    uint32_t n = p->policy->n_checks;
    struct hd_measurement *m = arena_many(p->arena, n * HD_ROLES, struct hd_measurement);
    struct hd_evidence e = {.poll = number, .m = m, .n = n * HD_ROLES};
    for (uint32_t i = 0; i < n; i++) {
        struct memory *memory = &p->memory[i];
        struct hd_measurement *mine = m + (size_t)i * HD_ROLES;
        empty(mine, i);
        enum hd_code code = counted(memory->check) ? count(p, memory, at_ms, mine, err)
                                                   : look(p, memory, at_ms, mine, err);
        if (code)
            return hd_error_add(err, "%s", memory->check->name);
        for (uint8_t r = 0; r < HD_ROLES; r++) {
            mine[r].check = (uint8_t)i;
            mine[r].role = r;
        }
        int64_t scrape = counts_scrape_ms(memory->counts);
        e.scrape_ms = scrape > e.scrape_ms ? scrape : e.scrape_ms;
    }
    *ret = (struct store_evidence){.wall_ms = at_ms, .t_ms = at_ms - p->since_ms, .evidence = e};
    return HD_OK;
}

/* --- the minutes before --- */

static enum hd_code bins_of(struct recall *p, uint32_t i, struct hd_measurement (*bin)[HD_ROLES],
                            struct hd_error *err)
{
    struct memory *m = &p->memory[i];
    struct hd_rows rows;
    struct ask_when when = {
        .at_ms = p->since_ms, .step_ms = BIN_MS, .range_ms = HD_BEFORE_BINS * BIN_MS};
    when.range_ms += counted(m->check) ? 2 * FIRST_SCRAPE_MS : 0;
    for (uint32_t b = 0; b < HD_BEFORE_BINS; b++)
        empty(bin[b], i);
    arena_reset(m->arena);
    if (ask_rows(p->asker, m->arena, p->config, p->policy, m->check, &when, &rows, err))
        return err->code;
    if (counted(m->check)) {
        struct counts_look look = {
            .query = &m->check->query, .at_ms = p->since_ms, .interval_ms = BIN_MS, .rows = &rows};
        memcpy(look.role_of, p->role_of, sizeof look.role_of);
        return counts_bins(&look, BIN_MS, HD_BEFORE_BINS, bin, err);
    }
    for (size_t k = 0; k < rows.n; k++) {
        const struct hd_row *r = &rows.row[k];
        for (size_t j = 0; p->role_of[r->side] >= 0 && j < r->n; j++) {
            int64_t back = (p->since_ms - r->point[j].at_ms) / BIN_MS;
            if (back < 0 || back >= HD_BEFORE_BINS)
                continue;
            struct hd_measurement *to = &bin[HD_BEFORE_BINS - 1 - back][p->role_of[r->side]];
            to->outcome = HD_OUTCOME_OK;
            to->value = r->point[j].value;
            to->fresh = true;
            to->covers_ms = BIN_MS;
        }
    }
    return HD_OK;
}

static enum hd_code before(struct recall *p, struct store_evidence ret[HD_BEFORE_BINS],
                           struct hd_error *err)
{
    uint32_t n = p->policy->n_checks;
    struct hd_measurement *all =
        arena_many(p->arena, (size_t)HD_BEFORE_BINS * n * HD_ROLES, struct hd_measurement);
    for (uint32_t i = 0; i < n; i++) {
        struct hd_measurement bin[HD_BEFORE_BINS][HD_ROLES];
        if (bins_of(p, i, bin, err))
            return hd_error_add(err, "%s, before the switch", p->policy->checks[i].name);
        for (uint32_t b = 0; b < HD_BEFORE_BINS; b++) {
            for (uint8_t r = 0; r < HD_ROLES; r++) {
                struct hd_measurement *m = &all[((size_t)b * n + i) * HD_ROLES + r];
                *m = bin[b][r];
                if (r == HD_STABLE && m->outcome == HD_OUTCOME_OK &&
                    past_left_out(p->releases, (int64_t)(HD_BEFORE_BINS - 1 - b) * BIN_MS, BIN_MS))
                    *m = nothing(HD_REASON_PAST_LEFT_OUT);
                m->check = (uint8_t)i;
                m->role = r;
            }
        }
    }
    for (uint32_t b = 0; b < HD_BEFORE_BINS; b++)
        ret[b] = (struct store_evidence){.wall_ms = p->since_ms -
                                                    (int64_t)(HD_BEFORE_BINS - 1 - b) * BIN_MS,
                                         .evidence = {.poll = b + 1,
                                                      .before = true,
                                                      .n = (size_t)n * HD_ROLES,
                                                      .m = all + (size_t)b * n * HD_ROLES}};
    return HD_OK;
}

/* --- the hours before, for the sequential rule --- */

static void take_past(const struct recall *p, const struct hd_check *c, const struct hd_rows *rows,
                      int64_t at_ms, int64_t chunk_ms, struct past_bins *b)
{
    ARENA_AUTO a = arena_new();
    struct hd_error err;
    size_t n = (size_t)(chunk_ms / b->bin_ms);
    struct hd_measurement(*bin)[HD_ROLES] = arena_array(a, n, sizeof *bin);
    struct counts_look look = {
        .query = &c->query, .at_ms = at_ms, .interval_ms = b->bin_ms, .rows = rows};
    for (size_t k = 0; !counted(c) && k < rows->n; k++) {
        const struct hd_row *r = &rows->row[k];
        for (size_t j = 0; p->role_of[r->side] == HD_STABLE && j < r->n; j++)
            past_put(b, c, at_ms - r->point[j].at_ms,
                     &(struct hd_measurement){.fresh = true, .value = r->point[j].value});
    }
    if (!counted(c))
        return;
    memcpy(look.role_of, p->role_of, sizeof look.role_of);
    memset(bin, 0, n * sizeof *bin);
    for (size_t i = 0; !counts_bins(&look, b->bin_ms, n, bin, &err) && i < n; i++)
        past_put(b, c, b->back_ms + (int64_t)(n - 1 - i) * b->bin_ms, &bin[i][HD_STABLE]);
}

/* --- latency bounds that the hours before pick --- */

static enum hd_code pick_of(struct recall *p, uint32_t i, double ret[HD_PICKS], struct hd_error *err)
{
    struct hd_check every = p->policy->checks[i];
    struct past_bins b = {.releases = p->releases,
                          .events = arena_many(p->arena, PAST_BINS_MAX, double),
                          .exposure = arena_many(p->arena, PAST_BINS_MAX, double)};
    struct past_bounds *bounds = arena_of(p->arena, struct past_bounds);
    int64_t chunk_ms;
    every.query = config_every_bucket(p->arena, p->config, &every);
    past_begin(p->policy, &every, 0, &b);
    while (past_bounds_requests(bounds) < PAST_PICK_ENOUGH && (chunk_ms = past_next_ms(&b, &every)) > 0) {
        ARENA_AUTO a = arena_new();
        struct hd_rows rows;
        struct ask_when when = {.at_ms = p->since_ms - b.back_ms, .range_ms = chunk_ms + 2 * PAST_SCRAPE_MS};
        struct counts_look look = {
            .query = &every.query, .at_ms = when.at_ms, .interval_ms = b.bin_ms, .rows = &rows};
        memcpy(look.role_of, p->role_of, sizeof look.role_of);
        if (ask_rows(p->asker, a, p->config, p->policy, &every, &when, &rows, err) ||
            past_add_bounds(&look, &b, chunk_ms, bounds, err))
            return hd_error_add(err, "%s, the hours before", every.name);
        past_read(&b, chunk_ms);
        b.requests = past_bounds_requests(bounds);
        if (!bounds->n)
            break;
    }
    return past_pick(bounds, ret) ? HD_OK
                                  : hd_fail(err, HD_ABSENT, "%s: the past has no histogram that could pick "
                                            "the bound: give `bound`", every.name);
}

/* As a guard does, once. */
static enum hd_code pick(struct recall *p, struct hd_error *err)
{
    double bound[HD_CHECKS_MAX], group[HD_PICKS];
    bool any = false;
    for (uint32_t i = 0; i < HD_CHECKS_MAX; i++)
        bound[i] = NAN;
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        if (!config_unpicked(&p->policy->checks[i]) || isfinite(bound[i]))
            continue;
        if (pick_of(p, i, group, err))
            return err->code;
        any = true;
        for (uint32_t k = i; k < p->policy->n_checks; k++) {
            if (config_same_histogram(p->policy, i, k))
                bound[k] = group[p->policy->checks[k].pick - HD_PICK_P70];
        }
    }
    if (any)
        p->policy = config_pick(p->arena, p->config, p->policy, bound);
    return HD_OK;
}

static enum hd_code past_of(struct recall *p, uint32_t i, struct past_bins *b, struct hd_past *ret,
                            size_t *ret_n, struct hd_error *err)
{
    const struct hd_check *c = &p->policy->checks[i];
    int64_t scrape_ms = counts_scrape_ms(p->memory[i].counts), chunk_ms;
    past_begin(p->policy, c, scrape_ms, b);
    while ((chunk_ms = past_next_ms(b, c)) > 0) {
        ARENA_AUTO a = arena_new();
        struct hd_rows rows;
        struct ask_when when = {
            .at_ms = p->since_ms - b->back_ms, .range_ms = chunk_ms, .step_ms = PAST_GAUGE_STEP_MS};
        when.range_ms += counted(c) ? 2 * (scrape_ms ? scrape_ms : PAST_SCRAPE_MS) : 0;
        if (ask_rows(p->asker, a, p->config, p->policy, c, &when, &rows, err))
            return hd_error_add(err, "%s, the hours before", c->name);
        take_past(p, c, &rows, when.at_ms, chunk_ms, b);
        past_read(b, chunk_ms);
    }
    *ret_n += past_end(p->policy, i, b, ret);
    return HD_OK;
}

/* As the daemon: once, after the first poll has taught how often is scraped. */
static enum hd_code past(struct recall *p, struct trial *t, struct hd_error *err)
{
    struct hd_past *known = arena_many(p->arena, p->policy->n_checks, struct hd_past);
    struct past_bins b = {.releases = p->releases};
    size_t n = 0;
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        if (p->policy->checks[i].fail_after.kind != HD_RULE_SEQUENTIAL)
            continue;
        if (!b.events) {
            b.events = arena_many(p->arena, PAST_BINS_MAX, double);
            b.exposure = arena_many(p->arena, PAST_BINS_MAX, double);
        }
        if (past_of(p, i, &b, &known[n], &n, err))
            return err->code;
    }
    if (n)
        t->evidence[t->n++] = (struct store_evidence){
            .wall_ms = p->since_ms,
            .evidence = {.poll = HD_BEFORE_BINS + 1, .before = true, .past = known, .n_past = n}};
    return HD_OK;
}

/* --- the router --- */

#define SPLIT_LEAST 20 /* requests that tell how the traffic was split */

/* How the router split the traffic at a poll is seen in the requests that came after it, over two
 * scrapes; where too few came, as before. In whole percents, for chance is no change of a setting.
 * `silent`: nobody counted the switch, so that while nobody counts all goes to a candidate that never
 * started.
 */
static void add_splits(const struct recall *p, struct store_evidence *poll, size_t n, bool silent)
{
    uint32_t check = 0, ppm = UINT32_MAX;
    while (check < p->policy->n_checks && !counted(&p->policy->checks[check]))
        check++;
    for (size_t i = 0; check < p->policy->n_checks && i < n; i++) {
        double sum[HD_ROLES] = {0};
        size_t last = i + 1 + 2 * (size_t)(poll[n - 1].evidence.scrape_ms / p->interval_ms + 1);
        for (size_t k = i + 1; k <= last && k < n; k++) {
            if (poll[k].evidence.before)
                continue;
            const struct hd_measurement *m = &poll[k].evidence.m[(size_t)check * HD_ROLES];
            for (int r = 0; r < HD_ROLES; r++)
                sum[r] += m[r].outcome == HD_OUTCOME_OK ? m[r].exposure : 0;
        }
        double all = sum[HD_STABLE] + sum[HD_CANDIDATE];
        bool none = silent && all < SPLIT_LEAST;
        if (none)
            ppm = HD_WHOLE_PPM;
        else if (all >= SPLIT_LEAST)
            ppm = (uint32_t)floor(100 * sum[HD_CANDIDATE] / all + .5) * 10000;
        struct hd_presence *presence = poll[i].evidence.presence;
        for (int r = 0; ppm <= 1000000 && r < HD_ROLES; r++)
            presence[r] = (struct hd_presence){true, r == HD_CANDIDATE ? ppm : 1000000 - ppm,
                                               none && r == HD_CANDIDATE ? 0 : UINT32_MAX, UINT32_MAX};
    }
}

/* --- a trial --- */

static int colour_index(const struct hd_policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_colours; i++) {
        if (str_is(p->colours[i].name, name))
            return (int)i;
    }
    return -1;
}

enum hd_code recall_collect(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                            struct trial *t, int64_t until_ms, recall_progress_fn *progress,
                            void *user, struct hd_error *err)
{
    const struct hd_policy *policy = t->policy;
    int64_t interval = policy->guard.interval_ms;
    int64_t first = (t->switch_ms / interval + 1) * interval;
    /* The poll that ends the guard is the first one after its time. */
    int64_t end = (t->switch_ms + policy->guard.duration_ms + interval - 1) / interval * interval;
    int64_t cut = (t->cut_ms + interval - 1) / interval * interval;
    if (t->cut_ms && cut < end)
        end = cut;
    RECALL_AUTO p = {.asker = asker,
                     .arena = a,
                     .config = config,
                     .policy = policy,
                     .releases = &t->before,
                     .interval_ms = interval,
                     .since_ms = t->switch_ms,
                     .end_ms = end < until_ms ? end : until_ms};
    for (int i = 0; i < HD_SIDES_MAX; i++)
        p.role_of[i] = (int8_t)(i == colour_index(policy, t->stable)      ? HD_STABLE
                                : i == colour_index(policy, t->candidate) ? HD_CANDIDATE
                                                                          : -1);
    p.end_ms = p.end_ms / interval * interval;
    size_t polls = p.end_ms >= first ? (size_t)((p.end_ms - first) / interval) + 1 : 0;
    if (progress)
        progress(user, 0, polls); /* the hours before may take a while */
    if (pick(&p, err))
        return err->code;
    recall_open(&p);
    t->evidence = arena_many(a, polls + HD_BEFORE_BINS + 1, struct store_evidence);
    if (before(&p, t->evidence, err))
        return err->code;
    t->n = HD_BEFORE_BINS;
    for (size_t i = 0; i < polls; i++) {
        if (poll(&p, (uint32_t)i + 1, first + (int64_t)i * interval, &t->evidence[t->n], err))
            return err->code;
        t->n++;
        if (i == 0 && past(&p, t, err))
            return err->code;
        if (progress)
            progress(user, i + 1, polls);
    }
    add_splits(&p, &t->evidence[HD_BEFORE_BINS], t->n - HD_BEFORE_BINS, t->silent);
    return HD_OK;
}
