/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns the rows of one look into items to count: whose they are, what they mean (events, requests,
 * a bucket), and whether they can be counted at all. Remembers nothing. Called by counts.c.
 */
#include "engine/look.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/str.h"

int look_by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void look_refuse(struct work *w, int role, uint8_t outcome, uint16_t reason)
{
    if (outcome > w->outcome[role] || (outcome == w->outcome[role] && reason < w->reason[role])) {
        w->outcome[role] = outcome;
        w->reason[role] = reason;
    }
}

/* `le` as a number: "1", "1.0" and "1e+00" are one bound. */
static bool same_bound(const char *le, double bound)
{
    double v;
    return str_read_double(le, &v) && fabs(v - bound) <= 1e-9 * fabs(bound);
}

static bool whole_histogram(const char *le)
{
    return str_is(le, "+Inf") || str_is(le, "Inf") || str_is(le, "inf");
}

static void classify(const struct hd_query *q, const char *key, struct item *ret)
{
    if (!key)
        key = "";
    if (q->kind == HD_QUERY_COUNTS && q->classify == HD_CLASSIFY_BUCKET) {
        ret->exposure = whole_histogram(key);
        ret->event = ret->exposure ? 1 : same_bound(key, q->bound) ? -1 : 0;
        return;
    }
    ret->exposure = !q->exposure || str_glob_any(q->exposure, key);
    ret->event = q->kind == HD_QUERY_COUNTS && str_glob_any(q->events, key);
}

static void check_points(struct work *w, const struct hd_row *row, int role)
{
    for (size_t i = 0; i < row->n; i++) {
        double v = row->point[i].value;
        int64_t at_ms = row->point[i].at_ms;
        if (!isfinite(v))
            look_refuse(w, role, HD_OUTCOME_NAN,
                        isnan(v) ? HD_REASON_NOT_A_NUMBER : HD_REASON_INFINITE);
        else if (v < 0)
            look_refuse(w, role, HD_OUTCOME_ERROR, HD_REASON_NEGATIVE_COUNT);
        if (at_ms < 0 || at_ms > COUNTS_TIME_MAX)
            look_refuse(w, role, HD_OUTCOME_ERROR, HD_REASON_WRONG_TYPE);
    }
}

static uint64_t target_of(const struct hd_row *row)
{
    return row->target ? str_hash(row->target, 1) | 1 : 0;
}

/* Two hashes from different seeds; a row without labels is known by its target and key. */
static void identify(struct item *item, const struct hd_row *row)
{
    uint64_t seed[2];
    for (uint64_t i = 0; i < 2; i++) {
        seed[i] = (row->side + 1u) * 0x9e3779b97f4a7c15u + i * 0xc2b2ae3d27d4eb4fu;
        if (!row->series && row->target)
            seed[i] = str_hash(row->target, seed[i]);
    }
    str_hash_two(row->series ? row->series : row->key ? row->key : "", seed, item->id);
}

static int by_series(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = counts_series_order(x->target, x->id, y->target, y->id);
    if (order == 0)
        order = look_by_number(&x->row->point[0].at_ms, &y->row->point[0].at_ms);
    return order;
}

static enum hd_code take_rows(struct work *w, struct hd_error *err)
{
    const struct hd_rows *rows = w->look->rows;
    if (rows->n > HD_SERIES_MAX)
        return hd_fail(err, HD_LIMIT, "%zu series in one look", rows->n);
    w->item = arena_many(w->arena, rows->n, struct item);
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *row = &rows->row[i];
        if (row->side >= HD_SIDES_MAX)
            return hd_fail(err, HD_INVALID, "row %zu: no such side", i);
        int role = w->look->role_of[row->side];
        if (role < 0)
            continue;
        if (row->outcome != HD_OUTCOME_OK && row->outcome != HD_OUTCOME_NO_DATA)
            look_refuse(w, role, row->outcome, row->reason);
        if (row->outcome != HD_OUTCOME_OK || !row->n)
            continue;
        struct item *item = &w->item[w->n_items++];
        *item = (struct item){.row = row, .role = (uint8_t)role, .target = target_of(row)};
        identify(item, row);
        classify(w->look->query, row->key, item);
        check_points(w, row, role);
        w->any[role] |= item->exposure;
    }
    return HD_OK;
}

int look_by_target(const void *a, const void *b)
{
    const struct start *x = a, *y = b;
    return x->target < y->target ? -1 : x->target > y->target;
}

static bool read_start(const struct hd_row *row, struct start *ret)
{
    if (row->outcome != HD_OUTCOME_OK || !row->target || !row->n || row->point[0].at_ms < 0)
        return false;
    double start_ms = row->point[row->n - 1].value * 1000;
    if (!(start_ms >= 0 && start_ms < (double)COUNTS_TIME_MAX)) /* NaN too */
        return false;
    *ret = (struct start){target_of(row), (int64_t)start_ms, row->point[0].at_ms};
    return true;
}

/* One start per target: the latest start, the earliest scrape. Unusable rows know nothing. */
static void take_starts(struct work *w)
{
    const struct hd_rows *rows = w->look->targets;
    size_t n = 0;
    w->start = arena_many(w->arena, rows->n, struct start);
    for (size_t i = 0; i < rows->n; i++)
        n += read_start(&rows->row[i], &w->start[n]);
    qsort(w->start, n, sizeof *w->start, look_by_target);
    for (size_t i = 0; i < n; i++) {
        struct start s = w->start[i], *last = w->n_starts ? &w->start[w->n_starts - 1] : NULL;
        if (!last || last->target != s.target) {
            w->start[w->n_starts++] = s;
            continue;
        }
        if (s.start_ms > last->start_ms)
            last->start_ms = s.start_ms;
        if (s.scraped_ms < last->scraped_ms)
            last->scraped_ms = s.scraped_ms;
    }
}

enum hd_code look_take_rows(struct work *w, struct hd_error *err)
{
    enum hd_code code = take_rows(w, err);
    if (code)
        return code;
    size_t n = 0;
    for (size_t i = 0; i < w->n_items; i++) {
        if (w->outcome[w->item[i].role] == HD_OUTCOME_OK)
            w->item[n++] = w->item[i];
    }
    w->n_items = n;
    qsort(w->item, n, sizeof *w->item, by_series);
    if (w->look->targets)
        take_starts(w);
    return HD_OK;
}
