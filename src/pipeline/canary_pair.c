/* SPDX-License-Identifier: Apache-2.0
 *
 * See canary_query.h: series of two sides to pairs, as Kayenta's mixer makes them. Series with
 * equal labels belong together; one without a partner is paired with values that are all NaN. What
 * a side lacks to its window's number of points is NaN too. Called by cli/analyze_canary.c.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "pipeline/canary_query.h"

/* One series of one side. */
struct set {
    const char *tags; /* sorted labels without the metric's name: {a="1",b="2"} */
    struct samples values;
};

struct sets {
    struct set *set;
    size_t n;
};

/* The end of a quoted value that begins at `at`. */
static const char *value_end(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        at += *at == '\\' && at[1];
    return *at ? at + 1 : at;
}

/* Labels without __name__, which tells nothing apart. */
static const char *tags_of(struct hd_arena *a, const char *series)
{
    const char *at = strstr(series ? series : "", "__name__=\"");
    if (!at || (at[-1] != '{' && at[-1] != ','))
        return series ? series : "{}";
    const char *end = value_end(at + strlen("__name__="));
    if (*end == ',')
        end++;
    else if (at[-1] == ',')
        at--;
    return arena_print(a, "%.*s%s", (int)(at - series), series, end);
}

/* Names of the labels of a set, to see whether two sets can be told apart by the same ones. */
static const char *keys_of(struct hd_arena *a, const char *tags)
{
    BUF_AUTO b = BUF_INIT(HD_ANSWER_BYTES_MAX);
    for (const char *at = tags + 1; *at && *at != '}';) {
        const char *equals = strchr(at, '=');
        if (!equals)
            break;
        buf_add(&b, at, (size_t)(equals - at) + 1);
        at = value_end(equals + 1);
        at += *at == ',';
    }
    return arena_text(a, buf_at(&b));
}

static size_t points_of(const struct canary_where *w)
{
    return (size_t)((w->end_ms - w->start_ms) / w->step_ms);
}

/* What the row has, then NaN up to `points`. */
static struct samples values_of(struct hd_arena *a, const struct hd_row *row, size_t points)
{
    bool infinite = row->reason == HD_REASON_INFINITE;
    size_t n = 0, all = row->n + infinite > points ? row->n + infinite : points;
    double *at = arena_many(a, all, double);
    for (; n < row->n; n++)
        at[n] = row->point[n].value;
    if (infinite)
        at[n++] = HUGE_VAL;
    for (; n < all; n++)
        at[n] = NAN;
    return (struct samples){at, all};
}

static struct samples all_nan(struct hd_arena *a, size_t n)
{
    return values_of(a, &(struct hd_row){.n = 0}, n);
}

static enum hd_code read_sets(struct hd_arena *a, const struct canary_side *side, const char *name,
                              struct sets *ret, struct hd_error *err)
{
    size_t points = points_of(side->where);
    ret->set = arena_many(a, side->rows.n + 1, struct set);
    ret->n = 0;
    if (points > HD_POINTS_MAX)
        return hd_fail(err, HD_LIMIT, "more than %d points in the window", HD_POINTS_MAX);
    for (size_t i = 0; i < side->rows.n; i++) {
        const struct hd_row *row = &side->rows.row[i];
        bool none = row->outcome == HD_OUTCOME_NO_DATA || row->outcome == HD_OUTCOME_NAN;
        if (row->outcome != HD_OUTCOME_OK && !none)
            return hd_fail(err, HD_BUSY, "%s of the %s: %s", hd_outcome_word(row->outcome), name,
                           row->text ? row->text : "the answer is not whole");
        if (!row->series && !row->n) /* no series at all */
            continue;
        ret->set[ret->n++] = (struct set){tags_of(a, row->series), values_of(a, row, points)};
    }
    if (!ret->n)
        ret->set[ret->n++] = (struct set){"{}", all_nan(a, points)};
    return HD_OK;
}

static const struct set *find(const struct sets *s, const char *tags)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_is(s->set[i].tags, tags))
            return &s->set[i];
    return NULL;
}

static enum hd_code check_keys(struct hd_arena *a, const struct sets *control,
                               const struct sets *experiment, struct hd_error *err)
{
    const char *keys = keys_of(a, control->set[0].tags);
    for (size_t i = 0; i < control->n + experiment->n; i++) {
        const struct set *s = i < control->n ? &control->set[i] : &experiment->set[i - control->n];
        if (!str_is(keys_of(a, s->tags), keys))
            return hd_fail(err, HD_INVALID, "the series have different labels: %.200s, and %.200s",
                           control->set[0].tags, s->tags);
    }
    return HD_OK;
}

struct mix {
    struct hd_arena *arena;
    const char *name;
    size_t points_control, points_experiment;
    struct canary_pair *pair;
    size_t max, *n;
};

static enum hd_code put(struct mix *m, const char *tags, const struct set *control,
                        const struct set *experiment, struct hd_error *err)
{
    if (*m->n == m->max)
        return hd_fail(err, HD_LIMIT, "more than %zu pairs of series", m->max);
    m->pair[(*m->n)++] = (struct canary_pair){
        .name = m->name,
        .id = tags,
        .control = control ? control->values : all_nan(m->arena, m->points_control),
        .experiment = experiment ? experiment->values : all_nan(m->arena, m->points_experiment),
    };
    return HD_OK;
}

enum hd_code canary_pair_rows(struct hd_arena *a, const char *name,
                              const struct canary_side *control,
                              const struct canary_side *experiment, struct canary_pair *pair,
                              size_t max, size_t *n, struct hd_error *err)
{
    struct sets c, e;
    struct mix m = {a, name, points_of(control->where), points_of(experiment->where), pair, max, n};
    if (read_sets(a, control, "control", &c, err) ||
        read_sets(a, experiment, "experiment", &e, err))
        return hd_error_add(err, "metric '%s'", name);
    bool plain_c = find(&c, "{}"), plain_e = find(&e, "{}");
    enum hd_code code = plain_c == plain_e ? check_keys(a, &c, &e, err) : HD_OK;
    /* Where one side has no labels at all, it is a place-holder for the other's. */
    for (size_t i = 0; i < c.n && !code && !(plain_c && !plain_e); i++)
        code = put(&m, c.set[i].tags, &c.set[i],
                   plain_c == plain_e ? find(&e, c.set[i].tags) : NULL, err);
    for (size_t i = 0; i < e.n && !code && !(plain_e && !plain_c); i++)
        if (plain_c != plain_e || !find(&c, e.set[i].tags))
            code = put(&m, e.set[i].tags, NULL, &e.set[i], err);
    return code ? hd_error_add(err, "metric '%s'", name) : HD_OK;
}
