/* SPDX-License-Identifier: Apache-2.0
 *
 * See counts.h. Rows and memory are both sorted by target and series and merged; the new memory is
 * a list of its own, so that a look that fails changes nothing, and the order of the rows never
 * matters. Sums nothing before it is differenced, and invents no burst: a first value whose history
 * is unknown is a base. Called by pipeline/ for every poll, and once for the minutes before.
 */
#include "engine/look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define SCRAPE_GUESS_MS 60000 /* the longest common one, until two samples of a target are seen */
#define WINDOW_SLACK_MS 5000  /* delay until a scrape is visible, and clocks that differ */
#define SCRAPE_JITTER 0.9     /* two scrapes of a target are at least this part of a step apart */
#define START_SLACK_MS 5000   /* a start time is in whole seconds, and on the target's own clock */
#define STEP_BACK 0.9         /* a counter that falls to this part or less began anew */

/* All that is known of one target in this look. */
struct group {
    uint64_t target;
    struct item *item;
    size_t n_items;
    const struct counts_series *old;
    size_t n_old;
    int64_t scraped_ms; /* earliest scrape known; INT64_MAX: none */
    int64_t start_ms;   /* of its process; COUNTS_NEVER: unknown */
    int64_t died_ms, anew_ms; /* scrapes between which it restarted; COUNTS_NEVER: not known */
    int64_t until_ms;   /* newest scrape that is whole */
};

static int64_t median_step(const struct counts_role *role)
{
    int64_t step[COUNTS_STEPS];
    size_t n = role->steps < COUNTS_STEPS ? (size_t)role->steps : COUNTS_STEPS;
    if (!n)
        return 0;
    memcpy(step, role->step, n * sizeof *step);
    qsort(step, n, sizeof *step, look_by_number);
    return step[n / 2];
}

void counts_learn_scrape(struct counts *c)
{
    int64_t a = median_step(&c->role[HD_STABLE]), b = median_step(&c->role[HD_CANDIDATE]);
    c->scrape_ms = a > b ? a : b;
}

int64_t counts_scrape_ms(const struct counts *c) { return c->scrape_ms; }

static int64_t scrape_or_guess(const struct counts *c)
{
    int64_t scrape_ms = counts_scrape_ms(c);
    return scrape_ms ? scrape_ms : SCRAPE_GUESS_MS;
}

bool counts_is_new(const struct counts *c)
{
    return c->role[HD_STABLE].looked_ms == COUNTS_NEVER &&
           c->role[HD_CANDIDATE].looked_ms == COUNTS_NEVER;
}

int64_t counts_window_ms(const struct counts *c, int64_t at_ms, int64_t interval_ms)
{
    int64_t scrapes = 2 * scrape_or_guess(c);
    int64_t window = interval_ms + scrapes + WINDOW_SLACK_MS, back = 0;
    for (int r = 0; r < HD_ROLES; r++) {
        int64_t looked_ms = c->role[r].looked_ms;
        if (looked_ms != COUNTS_NEVER && at_ms - looked_ms + scrapes > back)
            back = at_ms - looked_ms + scrapes;
    }
    /* Farther back nothing is gained: increments are taken from the remembered value, and the
     * full number of series at a common scrape interval just fits HD_POINTS_MAX. */
    if (back > HD_SERIES_KEEP_MS)
        back = HD_SERIES_KEEP_MS;
    return window > back ? window : back;
}

/* Where a counter falls and the process began just there, all of the target's counters began anew,
 * also those that have grown past their old value since: the errors of a crash loop. The start time
 * alone is no proof (an exporter restarts, what it counts does not), and neither is the fall (one
 * series is dropped and made again). */
static void find_restart(struct group *g)
{
    g->died_ms = g->anew_ms = COUNTS_NEVER;
    for (size_t i = 0; g->start_ms != COUNTS_NEVER && i < g->n_items; i++) {
        const struct hd_row *row = g->item[i].row;
        for (size_t k = 1; k < row->n; k++) {
            const struct hd_point *a = &row->point[k - 1], *b = &row->point[k];
            if (b->value < a->value && g->start_ms > a->at_ms - START_SLACK_MS &&
                g->start_ms < b->at_ms + START_SLACK_MS) {
                g->died_ms = a->at_ms;
                g->anew_ms = b->at_ms;
            }
        }
    }
}

/* Is the restart of the target between these two samples of a series? */
static bool restarted(const struct group *g, int64_t from_ms, int64_t to_ms)
{
    return g->anew_ms != COUNTS_NEVER && from_ms <= g->died_ms && to_ms >= g->anew_ms;
}

/* A scrape appears in the source as a whole, but some stores take its samples in one by one: when
 * a series that was in the target's last scrape but one lacks the last, that scrape waits for the
 * next look, so that events and requests are always of the same scrapes. A series that ended with
 * its process is not waited for. */
static int64_t whole_until(const struct group *g)
{
    int64_t newest = INT64_MIN, prior = INT64_MIN;
    for (size_t i = 0; i < g->n_items; i++) {
        const struct hd_row *row = g->item[i].row;
        for (size_t k = 0; k < row->n; k++) {
            int64_t at_ms = row->point[k].at_ms;
            if (at_ms > newest) {
                prior = newest;
                newest = at_ms;
            } else if (at_ms < newest && at_ms > prior) {
                prior = at_ms;
            }
        }
    }
    for (size_t i = 0; i < g->n_items; i++) {
        const struct hd_row *row = g->item[i].row;
        if (g->target && row->point[row->n - 1].at_ms == prior && !restarted(g, prior, newest))
            return prior;
    }
    return newest;
}

static void know_target(const struct work *w, struct group *g)
{
    g->scraped_ms = INT64_MAX;
    g->start_ms = COUNTS_NEVER;
    for (size_t i = 0; i < g->n_old; i++) {
        if (g->old[i].first_ms < g->scraped_ms)
            g->scraped_ms = g->old[i].first_ms;
    }
    for (size_t i = 0; i < g->n_items; i++) {
        if (g->item[i].row->point[0].at_ms < g->scraped_ms)
            g->scraped_ms = g->item[i].row->point[0].at_ms;
    }
    struct start key = {.target = g->target};
    const struct start *s =
        w->n_starts ? bsearch(&key, w->start, w->n_starts, sizeof key, look_by_target) : NULL;
    if (s) {
        g->start_ms = s->start_ms;
        if (s->scraped_ms < g->scraped_ms)
            g->scraped_ms = s->scraped_ms;
    }
    find_restart(g);
    g->until_ms = whole_until(g);
}

/* The next target of rows or memory; false: none is left. */
static bool next_group(struct work *w, size_t *item, size_t *old, struct group *ret)
{
    if (*item == w->n_items && *old == w->old->n)
        return false;
    uint64_t a = *item < w->n_items ? w->item[*item].target : UINT64_MAX;
    uint64_t b = *old < w->old->n ? w->old->series[*old].target : UINT64_MAX;
    *ret = (struct group){.target = a < b ? a : b,
                          .item = w->n_items ? &w->item[*item] : NULL,
                          .old = w->old->n ? &w->old->series[*old] : NULL};
    for (; *item < w->n_items && w->item[*item].target == ret->target; ++*item)
        ret->n_items++;
    for (; *old < w->old->n && w->old->series[*old].target == ret->target; ++*old)
        ret->n_old++;
    know_target(w, ret);
    return true;
}

/* Steps between the scrapes of this target that are new, from its row with the most samples. */
static void learn_steps(struct work *w, const struct group *g)
{
    int64_t last_ms = COUNTS_NEVER;
    const struct item *best = NULL;
    for (size_t i = 0; i < g->n_old; i++) {
        if (g->old[i].last_ms > last_ms)
            last_ms = g->old[i].last_ms;
    }
    for (size_t i = 0; i < g->n_items; i++) {
        if (!best || g->item[i].row->n > best->row->n)
            best = &g->item[i];
    }
    for (size_t i = 0; best && i < best->row->n; i++) {
        int64_t at_ms = best->row->point[i].at_ms;
        if (at_ms <= last_ms)
            continue;
        struct counts_role *role = &w->next.role[best->role];
        if (last_ms != COUNTS_NEVER)
            role->step[role->steps++ % COUNTS_STEPS] = at_ms - last_ms;
        last_ms = at_ms;
    }
}

/* A target with requests must have the bucket, and the other way round. */
static void check_buckets(struct work *w, const struct group *g)
{
    bool whole[HD_ROLES] = {false}, bound[HD_ROLES] = {false};
    for (size_t i = 0; i < g->n_items; i++) {
        whole[g->item[i].role] |= g->item[i].event > 0;
        bound[g->item[i].role] |= g->item[i].event < 0;
    }
    for (int r = 0; r < HD_ROLES; r++) {
        if (whole[r] && !bound[r])
            look_refuse(w, r, HD_OUTCOME_ERROR, HD_REASON_NO_SUCH_BOUND);
        if (!whole[r] && bound[r])
            look_refuse(w, r, HD_OUTCOME_ERROR, HD_REASON_NEGATIVE_COUNT);
    }
}

/* Is the first value of a series an increment? Yes when its target was scraped before without it,
 * or when the process began after the last look (one scrape of grace: nobody can have scraped it
 * unseen), or after the switch and so shortly before this scrape that there was none before it (it
 * may have taken a while to be seen). *ret_from_ms: since when it grew. */
static bool first_counts(const struct work *w, const struct group *g, int role, int64_t at_ms,
                         int64_t *ret_from_ms)
{
    int64_t scrape_ms = counts_scrape_ms(&w->next);
    double step = SCRAPE_JITTER * (double)scrape_ms;
    if (g->target && g->scraped_ms < at_ms && (double)(at_ms - g->scraped_ms) >= step) {
        *ret_from_ms = g->scraped_ms;
        if (scrape_ms && at_ms - scrape_ms > g->scraped_ms)
            *ret_from_ms = at_ms - scrape_ms;
        return true;
    }
    int64_t looked_ms = w->old->role[role].looked_ms;
    *ret_from_ms = g->start_ms;
    if (g->start_ms > (looked_ms == COUNTS_NEVER ? w->since_ms : looked_ms - scrape_ms))
        return true;
    return g->start_ms > w->since_ms && g->start_ms > at_ms - scrape_ms;
}

static void add(struct work *w, const struct item *item, double grown, int64_t from_ms,
                int64_t at_ms)
{
    size_t i = w->n_bins == 1 ? 0 : (size_t)((at_ms - w->since_ms - 1) / w->bin_ms);
    struct bin *b = &w->group_bin[i * HD_ROLES + item->role];
    if (from_ms < w->since_ms)
        from_ms = w->since_ms;
    if (!b->any || from_ms < b->from_ms)
        b->from_ms = from_ms;
    if (!b->any || at_ms > b->to_ms)
        b->to_ms = at_ms;
    b->any = true;
    b->exposure += item->exposure ? grown : 0;
    b->events += item->event * grown;
}

/* A small fall of a process that is older than the last sample is no new beginning: another replica
 * answers, whose clock is ahead, and its sample is the older one. Counted as a restart it would
 * bring back all that the process ever did. */
static bool stepped_back(const struct group *g, const struct counts_series *s, double value)
{
    return value < s->last && value > STEP_BACK * s->last && g->start_ms != COUNTS_NEVER &&
           g->start_ms < s->last_ms - START_SLACK_MS;
}

static void count_item(struct work *w, const struct group *g, const struct item *item,
                       struct counts_series *s, bool known)
{
    for (size_t i = 0; i < item->row->n; i++) {
        struct hd_point p = item->row->point[i];
        if (p.at_ms > g->until_ms || p.at_ms > w->until_ms)
            break;
        if (known && p.at_ms <= s->last_ms)
            continue;
        if (known && stepped_back(g, s, p.value))
            p.value = s->last;
        int64_t from_ms = s->last_ms;
        if (known && restarted(g, s->last_ms, p.at_ms))
            s->last = 0;
        bool counts = known || first_counts(w, g, item->role, p.at_ms, &from_ms);
        double grown = known ? counts_grown(s->last, p.value) : p.value;
        if (counts && p.at_ms > w->since_ms)
            add(w, item, grown, from_ms, p.at_ms);
        if (!known)
            s->first_ms = p.at_ms;
        s->last_ms = p.at_ms;
        s->last = p.value;
        known = true;
    }
    if (known && restarted(g, s->last_ms, g->until_ms))
        s->last = 0; /* it ended with its process: when it returns, all of it is new */
}

/* Adds what one target counted. Events are clamped per target: a bucket above its +Inf is skew. */
static void close_group(struct work *w)
{
    for (size_t i = 0; i < w->n_bins * HD_ROLES; i++) {
        struct bin *g = &w->group_bin[i], *b = &w->bin[i];
        if (!g->any)
            continue;
        b->exposure += g->exposure;
        b->events += g->events > 0 ? g->events : 0;
        if (!b->any || g->from_ms < b->from_ms)
            b->from_ms = g->from_ms;
        if (!b->any || g->to_ms > b->to_ms)
            b->to_ms = g->to_ms;
        b->any = true;
        *g = (struct bin){0};
    }
}

static bool usable(const struct work *w, const struct item *item)
{
    return w->outcome[item->role] == HD_OUTCOME_OK && (item->exposure || item->event);
}

static int order_of(const struct counts_series *s, const struct item *item)
{
    return counts_series_order(s->target, s->id, item->target, item->id);
}

/* Merges a target's memory with its rows into the new memory. */
static void count_group(struct work *w, const struct group *g)
{
    size_t o = 0;
    for (size_t i = 0; i < g->n_items; i++) {
        const struct item *item = &g->item[i];
        if (!usable(w, item))
            continue;
        for (; o < g->n_old && order_of(&g->old[o], item) < 0; o++)
            w->next.series[w->next.n++] = g->old[o];
        if (o < g->n_old && order_of(&g->old[o], item) == 0)
            w->next.series[w->next.n++] = g->old[o++];
        struct counts_series *last = w->next.n ? &w->next.series[w->next.n - 1] : NULL;
        bool known = last && order_of(last, item) == 0;
        if (known) {
            count_item(w, g, item, last, true);
        } else {
            struct counts_series s = {item->target, {item->id[0], item->id[1]},
                                      COUNTS_NEVER, COUNTS_NEVER, 0};
            count_item(w, g, item, &s, false);
            if (s.last_ms != COUNTS_NEVER)
                w->next.series[w->next.n++] = s;
        }
    }
    for (; o < g->n_old; o++)
        w->next.series[w->next.n++] = g->old[o];
    close_group(w);
}

/* Counts the rows of one look into bins; on success w->next is the new memory, owned by the
 * caller. */
static enum hd_code count_rows(struct work *w, struct hd_error *err)
{
    enum hd_code code = look_take_rows(w, err);
    if (code)
        return code;
    memcpy(w->next.role, w->old->role, sizeof w->next.role);
    bool buckets = w->look->query->kind == HD_QUERY_COUNTS &&
                   w->look->query->classify == HD_CLASSIFY_BUCKET;
    struct group g;
    for (size_t item = 0, old = 0; next_group(w, &item, &old, &g);) {
        learn_steps(w, &g);
        if (buckets)
            check_buckets(w, &g);
    }
    counts_learn_scrape(&w->next);
    for (int r = 0; r < HD_ROLES; r++) {
        if (!w->any[r])
            look_refuse(w, r, HD_OUTCOME_NO_DATA, HD_REASON_NO_SERIES);
    }
    w->bin = arena_many(w->arena, w->n_bins * HD_ROLES, struct bin);
    w->group_bin = arena_many(w->arena, w->n_bins * HD_ROLES, struct bin);
    w->next.series = malloc((w->old->n + w->n_items + 1) * sizeof *w->next.series);
    if (!w->next.series)
        return hd_fail(err, HD_NOMEM, "no memory for %zu series", w->old->n + w->n_items);
    for (size_t item = 0, old = 0; next_group(w, &item, &old, &g);)
        count_group(w, &g);
    return HD_OK;
}

/* Forgets what is gone for so long that it will not come back. */
static void forget(struct counts *c, int64_t at_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (at_ms - c->series[i].last_ms <= HD_SERIES_KEEP_MS)
            c->series[n++] = c->series[i];
    }
    c->n = n;
}

static struct hd_measurement measure(const struct work *w, int role, const struct bin *b)
{
    struct hd_measurement m = {.role = (uint8_t)role, .outcome = w->outcome[role],
                               .reason = w->reason[role], .value = NAN, .age_ms = -1};
    if (m.outcome != HD_OUTCOME_OK)
        return m;
    m.fresh = b->any;
    m.reason = b->any ? HD_REASON_NONE : HD_REASON_NO_NEW_SAMPLES;
    m.events = b->events;
    m.exposure = b->exposure;
    return m;
}

static void note_newest(const struct work *w, struct counts *c)
{
    for (size_t i = 0; i < w->n_items; i++) {
        const struct hd_row *row = w->item[i].row;
        int64_t *newest_ms = &c->role[w->item[i].role].newest_ms;
        if (usable(w, &w->item[i]) && row->point[row->n - 1].at_ms > *newest_ms)
            *newest_ms = row->point[row->n - 1].at_ms;
    }
}

/* Was this role's answer taken in, so that the next window begins here? Too wide an answer, and a
 * bound that does not exist, would only get worse by asking farther back. */
static bool taken_in(const struct hd_measurement *m)
{
    return m->outcome <= HD_OUTCOME_NO_DATA || m->outcome == HD_OUTCOME_TOO_MANY ||
           m->reason == HD_REASON_NO_SUCH_BOUND;
}

static void finish(const struct work *w, struct counts *c, int role, struct hd_measurement *m)
{
    const struct counts_look *look = w->look;
    const struct bin *b = &w->bin[role];
    struct counts_role *memory = &c->role[role];
    *m = measure(w, role, b);
    if (taken_in(m))
        memory->looked_ms = look->at_ms;
    if (memory->newest_ms != COUNTS_NEVER)
        m->age_ms = look->at_ms > memory->newest_ms ? look->at_ms - memory->newest_ms : 0;
    if (m->fresh) {
        int64_t from_ms = b->from_ms > memory->covered_ms ? b->from_ms : memory->covered_ms;
        m->covers_ms = b->to_ms > from_ms ? b->to_ms - from_ms : 0;
        if (b->to_ms > memory->covered_ms)
            memory->covered_ms = b->to_ms;
    } else if (m->outcome == HD_OUTCOME_OK &&
               m->age_ms > 2 * scrape_or_guess(c) + look->interval_ms) {
        m->outcome = HD_OUTCOME_STALE;
        m->reason = HD_REASON_OLD_SAMPLES;
    }
}

enum hd_code counts_look(struct counts *c, const struct counts_look *look,
                         struct hd_measurement ret[HD_ROLES], struct hd_error *err)
{
    ARENA_AUTO arena = arena_new();
    struct work w = {.look = look, .arena = arena, .old = c, .n_bins = 1,
                     .since_ms = look->since_ms, .until_ms = INT64_MAX};
    enum hd_code code = count_rows(&w, err);
    if (code)
        return code;
    forget(&w.next, look->at_ms);
    if (w.next.n > HD_SERIES_MAX) {
        free(w.next.series);
        return hd_fail(err, HD_LIMIT, "%zu series to remember", w.next.n);
    }
    free(c->series);
    *c = w.next;
    note_newest(&w, c);
    for (int r = 0; r < HD_ROLES; r++) {
        uint8_t check = ret[r].check;
        finish(&w, c, r, &ret[r]);
        ret[r].check = check;
    }
    return HD_OK;
}

enum hd_code counts_bins(const struct counts_look *look, int64_t bin_ms, size_t n,
                         struct hd_measurement (*ret)[HD_ROLES], struct hd_error *err)
{
    if (n < 1 || n > HD_BINS_MAX || bin_ms < 1)
        return hd_fail(err, HD_INVALID, "%zu bins of %lld ms", n, (long long)bin_ms);
    ARENA_AUTO arena = arena_new();
    struct counts none = {.role = {{COUNTS_NEVER, COUNTS_NEVER, COUNTS_NEVER, 0, {0}},
                                   {COUNTS_NEVER, COUNTS_NEVER, COUNTS_NEVER, 0, {0}}}};
    struct work w = {.look = look, .arena = arena, .old = &none, .n_bins = n, .bin_ms = bin_ms,
                     .since_ms = look->at_ms - (int64_t)n * bin_ms, .until_ms = look->at_ms};
    enum hd_code code = count_rows(&w, err);
    if (code)
        return code;
    free(w.next.series);
    for (size_t i = 0; i < n * HD_ROLES; i++) {
        const struct bin *b = &w.bin[i];
        struct hd_measurement *m = &ret[i / HD_ROLES][i % HD_ROLES];
        uint8_t check = m->check;
        *m = measure(&w, (int)(i % HD_ROLES), b);
        m->check = check;
        m->covers_ms = b->to_ms - b->from_ms;
        if (m->covers_ms > bin_ms)
            m->covers_ms = bin_ms;
        if (m->covers_ms < 0)
            m->covers_ms = 0;
    }
    return HD_OK;
}
