/* SPDX-License-Identifier: Apache-2.0
 *
 * One answer of the Prometheus API becoming rows: decides which outcome and reason each series and
 * each side has. Never trusts the order of samples, never aggregates, never fills a gap, never
 * turns a missing answer into a number. Called by prometheus.c.
 */
#include "providers/prometheus/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"
#include "providers/prometheus/series.h"
#include "providers/rows.h"

#define SECONDS_MAX 1e11 /* the year 5138: what is more is no time in seconds */

/* errorType of an API error: what it says about this query. Other types are about the source. */
static const struct {
    const char *type;
    int32_t status;
    uint16_t reason;
} api_errors[] = {
    {"bad_data", 400, HD_REASON_BAD_QUERY},
    {"execution", 422, HD_REASON_EXECUTION},
    {"timeout", -1, HD_REASON_TIMEOUT},
    {"canceled", -1, HD_REASON_TIMEOUT},
};

struct reader {
    struct hd_arena *a;
    const struct hd_question *q;
    const struct hd_probe *p; /* NULL: the clock was asked */
    struct hd_row *row;
    size_t n;
    size_t points;            /* samples so far, over all series */
    size_t strangers;         /* series that are of no side */
    bool computed;            /* raw: a series without a name is no counter's */
    int64_t source_now_ms;
    struct labels labels;     /* of the series at hand */
    struct points samples;
    struct buf text;          /* its labels as text */
    uint16_t *ret_reason;
    struct hd_error *err;
};

static bool reader_covers(const struct reader *r, int side)
{
    return r->p->side >= 0 ? side == r->p->side : r->p->side_values[side] != NULL;
}

/* Nothing of the answer is used: one row per side says why. */
static void reader_refuse(struct reader *r, enum hd_outcome outcome, enum hd_reason_number reason,
                          const char *text)
{
    r->row = arena_many(r->a, HD_SIDES_MAX, struct hd_row);
    r->n = 0;
    for (int side = 0; side < HD_SIDES_MAX; side++) {
        if (reader_covers(r, side))
            r->row[r->n++] = (struct hd_row){.side = (uint8_t)side, .outcome = (uint8_t)outcome,
                                             .reason = (uint16_t)reason,
                                             .text = rows_text(r->a, text)};
    }
}

static enum hd_code malformed(struct reader *r, const char *what)
{
    *r->ret_reason = HD_REASON_NOT_JSON;
    return hd_fail(r->err, HD_PARSE, "not an answer of Prometheus: %s", what);
}

/* Only for seconds that were checked to be at most SECONDS_MAX. */
static int64_t to_ms(double seconds)
{
    return (int64_t)(seconds < 0 ? seconds * 1e3 - 0.5 : seconds * 1e3 + 0.5);
}

/* [seconds, "number"]. */
static bool read_sample(const struct json *pair, struct points *to)
{
    double seconds, value;
    const char *text;
    const struct json *first = json_first(pair), *second = first ? json_next(first) : NULL;
    if (json_type(pair) != JSON_ARRAY || !second || json_next(second) ||
        json_double(first, "time", &seconds, NULL) || json_text(second, "value", &text, NULL) ||
        seconds < -SECONDS_MAX || seconds > SECONDS_MAX)
        return false;
    uint16_t bad = points_bad((struct hd_span){text, strlen(text)});
    if (bad)
        points_add_bad(to, bad);
    else if (str_read_double(text, &value))
        points_add(to, to_ms(seconds), value);
    else
        return false;
    return true;
}

static int by_time(const void *v, const void *w)
{
    const struct hd_point *a = v, *b = w;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Oldest first, one sample per instant: of two the larger, since counters only grow. */
static size_t order_points(struct hd_point *at, size_t n)
{
    size_t kept = 0, sorted = 1;
    while (sorted < n && by_time(&at[sorted - 1], &at[sorted]) <= 0)
        sorted++;
    if (sorted < n) /* sources answer in order, almost always */
        qsort(at, n, sizeof *at, by_time);
    for (size_t i = 0; i < n; i++) {
        if (kept && at[kept - 1].at_ms == at[i].at_ms)
            kept--;
        at[kept++] = at[i];
    }
    return kept;
}

/* What the samples of a series say; those that are no numbers are left out. A series without the label
 * that tells its events apart says nothing: counted under no value it would be requests without errors. */
static void take_points(struct reader *r, struct hd_row *row, struct points *p, bool single)
{
    if (p->n && row->key && !*row->key) {
        row->outcome = HD_OUTCOME_ERROR;
        row->reason = HD_REASON_NO_KEY;
        row->text = rows_text(r->a, arena_print(r->a, "no `%s` in %.300s", r->p->key_label, row->series));
        return;
    }
    row->n = order_points(p->at, p->n);
    row->point = arena_copy(r->a, p->at, row->n * sizeof *p->at);
    if (p->infinite && r->p->every_series) {
        row->outcome = HD_OUTCOME_NAN;
        row->reason = HD_REASON_INFINITE;
        return;
    }
    /* VictoriaMetrics marks the end of a series by a NaN, which stays in the window a scrape longer
     * than the last number does. A counter that is really NaN is so in every scrape. */
    bool ended = !single && r->p->raw && p->all == 1 && p->last_bad == HD_REASON_NOT_A_NUMBER;
    if (!p->n) {
        row->outcome = p->last_bad && !ended ? HD_OUTCOME_NAN : HD_OUTCOME_NO_DATA;
        row->reason = p->last_bad && !ended ? p->last_bad : HD_REASON_NO_SERIES;
    }
}

/* The samples of one series: a single one, or an array. */
static enum hd_code read_points(struct reader *r, struct hd_row *row, const struct json *values,
                                bool single)
{
    if (json_type(values) != JSON_ARRAY)
        return malformed(r, "data.result[].values is no array");
    r->points += single ? 1 : json_count(values);
    if (r->points > HD_POINTS_MAX)
        return HD_OK; /* the caller looks at the sum */
    struct points *p = &r->samples;
    *p = (struct points){.at = p->at, .room = p->room};
    for (const struct json *v = single ? values : json_first(values); v;
         v = single ? NULL : json_next(v)) {
        if (!read_sample(v, p))
            return malformed(r, "a sample is not [seconds, \"number\"]");
    }
    take_points(r, row, p, single);
    return HD_OK;
}

/* The value of a label as text, "" where it is not there, as in PromQL. */
static const char *label_text(const struct reader *r, const char *name)
{
    const struct hd_span *value = labels_find(&r->labels, name);
    return value ? arena_text_n(r->a, value->at, value->len) : "";
}

static void take_labels(struct reader *r, struct hd_row *row)
{
    struct labels *l = &r->labels;
    const struct hd_span *job = labels_find(l, "job"), *instance = labels_find(l, "instance");
    struct buf *b = &r->text;
    b->len = 0;
    if (job || instance) {
        if (job)
            buf_add(b, job->at, job->len);
        buf_byte(b, '\x1f');
        if (instance)
            buf_add(b, instance->at, instance->len);
        row->target = arena_text_n(r->a, buf_at(b), b->len);
        b->len = 0;
    }
    labels_text(l, b);
    row->series = arena_text_n(r->a, buf_at(b), b->len);
}

/* Whose series it is; -1: nobody's. */
static int side_of(const struct reader *r)
{
    if (r->p->side >= 0)
        return r->p->side;
    const char *value = label_text(r, r->p->side_label);
    for (int side = 0; side < HD_SIDES_MAX; side++) {
        if (str_glob_any(r->p->side_values[side], value))
            return side;
    }
    return -1;
}

/* A row for the series whose labels were read; NULL: it is nobody's. */
static struct hd_row *take_series(struct reader *r, bool matrix)
{
    r->computed |= matrix && r->p->raw && !labels_find(&r->labels, "__name__");
    int side = side_of(r);
    if (side < 0) {
        r->strangers++;
        return NULL;
    }
    struct hd_row *row = &r->row[r->n++];
    *row = (struct hd_row){.side = (uint8_t)side};
    if (r->p->key_label)
        row->key = label_text(r, r->p->key_label);
    take_labels(r, row);
    return row;
}

/* --- from the tree --- */

/* A label that is no text counts as none; *ret_what says so, for a series that is ours. */
static void read_labels(struct reader *r, const struct json *metric, const char **ret_what)
{
    *ret_what = !metric || json_type(metric) != JSON_OBJECT ? "data.result[].metric is no object" : NULL;
    r->labels.n = 0;
    for (const struct json *l = *ret_what ? NULL : json_first(metric); l; l = json_next(l)) {
        const char *name = json_key(l), *value;
        if (json_text(l, name, &value, NULL))
            *ret_what = "a label is no text";
        else
            labels_add(&r->labels, (struct hd_span){name, strlen(name)},
                       (struct hd_span){value, strlen(value)});
    }
}

/* One item of data.result, if it is one of ours. */
static enum hd_code read_series(struct reader *r, const struct json *item, bool matrix)
{
    const char *what;
    read_labels(r, json_get(item, "metric"), &what);
    struct hd_row *row = take_series(r, matrix);
    if (!row)
        return HD_OK;
    if (what)
        return malformed(r, what);
    if (json_get(item, "histogram") || json_get(item, "histograms")) {
        row->outcome = HD_OUTCOME_ERROR;
        row->reason = HD_REASON_NATIVE_HISTOGRAM;
        return HD_OK;
    }
    const struct json *values = json_get(item, matrix ? "values" : "value");
    if (!values)
        return malformed(r, "data.result[] has no value");
    return read_points(r, row, values, !matrix);
}

static int text_order(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_place(const void *v, const void *w)
{
    const struct hd_row *a = v, *b = w;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    int keys = text_order(a->key, b->key);
    return keys ? keys : text_order(a->series, b->series);
}

/* Where a side (and key) may have one value only, several series of it are no value. */
static void fold_several(struct reader *r)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < r->n; i = next) {
        struct hd_row row = r->row[i];
        for (next = i + 1; next < r->n && r->row[next].side == row.side &&
                           text_order(r->row[next].key, row.key) == 0;)
            next++;
        if (next > i + 1)
            row = (struct hd_row){
                .side = row.side, .outcome = HD_OUTCOME_ERROR, .reason = HD_REASON_SEVERAL_SERIES,
                .key = row.key,
                .text = rows_text(r->a, arena_print(r->a, "%zu series: %.200s, %.200s", next - i,
                                                    row.series, r->row[i + 1].series))};
        r->row[kept++] = row;
    }
    r->n = kept;
}

static void add_missing_sides(struct reader *r)
{
    const char *text = NULL;
    if (r->strangers)
        text = rows_text(r->a, arena_print(r->a, "series with another `%s`: %zu", r->p->side_label,
                                           r->strangers));
    for (int side = 0; side < HD_SIDES_MAX; side++) {
        bool seen = !reader_covers(r, side);
        for (size_t i = 0; i < r->n && !seen; i++)
            seen = r->row[i].side == side;
        if (!seen)
            r->row[r->n++] = (struct hd_row){.side = (uint8_t)side, .outcome = HD_OUTCOME_NO_DATA,
                                             .reason = HD_REASON_NO_SERIES, .text = text};
    }
}

static uint32_t series_max(const struct reader *r)
{
    return r->q->series_max ? r->q->series_max : HD_SERIES_MAX;
}

/* Every series has its row. */
static void finish_rows(struct reader *r)
{
    /* VictoriaMetrics takes any expression with a window for a subquery; a computed sum must never
     * be counted as a counter. */
    if (r->computed) {
        reader_refuse(r, HD_OUTCOME_ERROR, HD_REASON_WRONG_TYPE,
                      "computed values instead of samples: the query must be a plain selector");
        return;
    }
    add_missing_sides(r);
    qsort(r->row, r->n, sizeof *r->row, by_place);
    if (!r->p->raw && !r->p->every_series)
        fold_several(r);
}

static enum hd_code read_vector(struct reader *r, const struct json *result, bool matrix)
{
    size_t n = json_count(result);
    if (n > series_max(r)) {
        reader_refuse(r, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_MANY_SERIES,
                      arena_print(r->a, "%zu series, and %u are allowed", n, series_max(r)));
        return HD_OK;
    }
    r->row = arena_many(r->a, n + HD_SIDES_MAX, struct hd_row);
    for (const struct json *i = json_first(result); i; i = json_next(i)) {
        enum hd_code code = read_series(r, i, matrix);
        if (code)
            return code;
    }
    if (r->points > HD_POINTS_MAX) {
        reader_refuse(r, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_BIG,
                      arena_print(r->a, "more than %d samples", HD_POINTS_MAX));
        return HD_OK;
    }
    finish_rows(r);
    return HD_OK;
}

/* One number without labels. */
static enum hd_code read_scalar(struct reader *r, const struct json *result)
{
    r->row = arena_many(r->a, 1, struct hd_row);
    r->row[0] = (struct hd_row){.side = (uint8_t)r->p->side};
    r->n = 1;
    return read_points(r, r->row, result, true);
}

/* time() as a scalar, or VictoriaMetrics' vector of one. The number is read, not the time beside
 * it: VictoriaMetrics rounds that. */
static enum hd_code read_clock(struct reader *r, const struct json *result, bool scalar)
{
    const struct json *pair = scalar ? result : json_get(json_first(result), "value");
    struct points *now = &r->samples;
    if (!pair || !read_sample(pair, now) || !now->n || now->at->value < 1 || now->at->value > SECONDS_MAX)
        return malformed(r, "the time is no time");
    r->source_now_ms = to_ms(now->at->value);
    return HD_OK;
}

/* Warnings of the source in one line; NULL: none. */
static const char *read_warnings(struct hd_arena *a, const struct json *root)
{
    BUF_AUTO b = BUF_INIT(4 * HD_TEXT_MAX);
    for (const struct json *w = json_first(json_get(root, "warnings")); w; w = json_next(w)) {
        const char *text;
        if (json_text(w, "warnings[]", &text, NULL))
            continue;
        if (b.len)
            buf_text(&b, "; ");
        buf_add(&b, text, strnlen(text, HD_TEXT_MAX));
    }
    return b.len ? rows_text(a, buf_at(&b)) : NULL;
}

/* A side of which only a part was looked at was not observed, also when nothing was found. */
static void mark_partial(struct reader *r, const char *text)
{
    for (size_t i = 0; i < r->n; i++) {
        struct hd_row *row = &r->row[i];
        if (row->outcome != HD_OUTCOME_OK && row->outcome != HD_OUTCOME_NO_DATA)
            continue;
        row->outcome = HD_OUTCOME_PARTIAL;
        row->reason = HD_REASON_WARNING;
        row->text = text;
    }
}

static enum hd_code read_success(struct reader *r, const struct json *root, bool accept_warnings)
{
    const struct json *data = json_get(root, "data"), *result = json_get(data, "result");
    const char *type;
    if (json_text(json_get(data, "resultType"), "data.resultType", &type, NULL) || !result ||
        json_type(result) != JSON_ARRAY)
        return malformed(r, "data.resultType or data.result is missing");
    bool matrix = r->p && r->q->range_ms > 0; /* of raw samples, or a point per step */
    bool scalar = !matrix && str_is(type, "scalar") && (!r->p || r->p->side >= 0);
    if (!scalar && !str_is(type, matrix ? "matrix" : "vector")) {
        if (!r->p)
            return malformed(r, "the time is no time");
        reader_refuse(r, HD_OUTCOME_ERROR, HD_REASON_WRONG_TYPE,
                      arena_print(r->a, "resultType %s", type));
        return HD_OK;
    }
    if (!r->p)
        return read_clock(r, result, scalar);
    enum hd_code code = scalar ? read_scalar(r, result) : read_vector(r, result, matrix);
    if (code)
        return code;
    const char *warnings = accept_warnings ? NULL : read_warnings(r->a, root);
    bool partial = false;
    (void)json_bool(json_get(root, "isPartial"), "isPartial", &partial, NULL);
    if (partial || warnings)
        mark_partial(r, warnings ? warnings : "isPartial: true");
    return HD_OK;
}

/* {"status":"error"}: either the query is at fault, or the source. */
static enum hd_code read_api_error(struct reader *r, const struct json *root, int32_t status)
{
    const char *type = "", *text = "";
    (void)json_text(json_get(root, "errorType"), "errorType", &type, NULL);
    (void)json_text(json_get(root, "error"), "error", &text, NULL);
    for (size_t i = 0; r->p && i < sizeof api_errors / sizeof *api_errors; i++) {
        if (str_is(type, api_errors[i].type) || status == api_errors[i].status) {
            reader_refuse(r, HD_OUTCOME_ERROR, api_errors[i].reason, text);
            return HD_OK;
        }
    }
    *r->ret_reason = status == 503 ? HD_REASON_HTTP_503 : HD_REASON_HTTP_STATUS;
    return hd_fail(r->err, HD_BUSY, "HTTP %d: %s", status, rows_text(r->a, text));
}

static enum hd_code read_http_error(struct reader *r, const struct hd_response *in)
{
    int32_t status = in->status;
    const char *to = rows_header(in, "location"), *said = rows_excerpt(r->a, in->body);
    if (rows_is_html(in))
        said = "a web page";
    if (status / 100 == 3 && to)
        said = rows_text(r->a, arena_print(r->a, "redirects to %.300s", to));
    enum hd_code code = HD_PARSE;
    if (status == 401 || status == 403)
        code = HD_DENIED;
    else if (status == 404)
        code = HD_ABSENT;
    else if (status == 429 || status >= 500)
        code = HD_BUSY;
    *r->ret_reason = code == HD_DENIED ? HD_REASON_DENIED
                     : status == 503   ? HD_REASON_HTTP_503
                                       : HD_REASON_HTTP_STATUS;
    return hd_fail(r->err, code, "HTTP %d: %s", status, said);
}

static enum hd_code read_reply(struct reader *r, const struct hd_response *in, bool accept_warnings)
{
    if (in->status == 401 || in->status == 403)
        return read_http_error(r, in);
    JSON_AUTO root = NULL;
    struct hd_error why = {0};
    const char *status = "";
    if (!json_parse(in->body, &root, &why))
        (void)json_text(json_get(root, "status"), "status", &status, &why);
    if (str_is(status, "error"))
        return read_api_error(r, root, in->status);
    if (in->status / 100 != 2)
        return read_http_error(r, in);
    if (str_is(status, "success"))
        return read_success(r, root, accept_warnings);
    *r->ret_reason = rows_is_html(in) ? HD_REASON_HTML_PAGE : HD_REASON_NOT_JSON;
    return hd_fail(r->err, HD_PARSE, "%s",
                   rows_is_html(in) ? "a web page"
                   : why.code       ? why.text
                                    : "no status of a Prometheus answer");
}

/* --- from the text --- */

/* True: all was read. Else the answer is one for the tree, and a new reader. */
static bool read_quick(struct reader *r, struct hd_span body)
{
    struct quick q;
    size_t room = 2 * HD_SIDES_MAX;
    enum quick_next next;
    bool matrix = r->q->range_ms > 0;
    if (!quick_begin(&q, body, matrix))
        return false;
    r->row = arena_many(r->a, room, struct hd_row);
    while ((next = quick_labels(&q, &r->labels)) == QUICK_SERIES) {
        if (r->n + HD_SIDES_MAX >= room) { /* a side that is missing needs a row too */
            struct hd_row *more = arena_many(r->a, room *= 2, struct hd_row);
            r->row = memcpy(more, r->row, r->n * sizeof *more);
        }
        struct hd_row *row = take_series(r, matrix);
        if (r->n + r->strangers > series_max(r) ||
            !quick_points(&q, &r->samples, HD_POINTS_MAX - r->points))
            return false;
        if (!row)
            continue;
        r->points += r->samples.all;
        take_points(r, row, &r->samples, !matrix);
    }
    if (next == QUICK_LOST)
        return false;
    finish_rows(r);
    return true;
}

static enum hd_code read_with(bool quick, struct hd_arena *a, const struct prometheus_reply *ask,
                              const struct hd_response *in, struct hd_rows *ret, uint16_t *ret_reason,
                              struct hd_error *err)
{
    struct reader r = {.a = a, .q = ask->question, .ret_reason = ret_reason, .err = err,
                       .text = BUF_INIT(4 * (size_t)HD_ANSWER_BYTES_MAX)};
    if (!ask->clock)
        r.p = &ask->question->probe[0];
    enum hd_code code = HD_PARSE; /* not that simple */
    if (!quick)
        code = read_reply(&r, in, ask->accept_warnings);
    else if (r.p && in->status / 100 == 2 && read_quick(&r, in->body))
        code = HD_OK;
    buf_clear(&r.text);
    free(r.labels.at);
    free(r.samples.at);
    if (!code)
        *ret = (struct hd_rows){r.row, r.n, r.source_now_ms};
    return code;
}

enum hd_code prometheus_read_tree(struct hd_arena *a, const struct prometheus_reply *ask,
                                  const struct hd_response *in, struct hd_rows *ret,
                                  uint16_t *ret_reason, struct hd_error *err)
{
    return read_with(false, a, ask, in, ret, ret_reason, err);
}

enum hd_code prometheus_read(struct hd_arena *a, const struct prometheus_reply *ask,
                             const struct hd_response *in, struct hd_rows *ret,
                             uint16_t *ret_reason, struct hd_error *err)
{
    if (!read_with(true, a, ask, in, ret, ret_reason, err))
        return HD_OK;
    return read_with(false, a, ask, in, ret, ret_reason, err);
}
