/* SPDX-License-Identifier: Apache-2.0
 *
 * The quick reader of what Prometheus and VictoriaMetrics answer nearly always: series of plain
 * labels and samples, without a space, an escape or a warning. Reading these from the text takes a
 * fifth of the time of a JSON tree, and a tree of each answer was a third of a poll. Decides
 * nothing: what it does not know it leaves to the tree, so a text means the same with and without
 * it (the fuzz target `provider` holds the two side by side). Called by reply.c.
 *
 * The answer ends with a NUL (hd_span), which is no part of anything read here: no test for the end
 * is needed.
 */
#include <string.h>

#include "base/str.h"
#include "providers/prometheus/series.h"

#define NUMBER_MAX 40 /* characters; no double printed shortest is longer */

static bool skip(struct quick *q, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(q->at, text, n) != 0)
        return false;
    q->at += n;
    return true;
}

static bool skip_byte(struct quick *q, char c)
{
    if (*q->at != c)
        return false;
    q->at++;
    return true;
}

/* A string of printable ASCII without escapes; q stands behind its opening quote. */
static bool read_string(struct quick *q, struct hd_span *ret)
{
    const char *p = q->at;
    while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
        p++;
    if (*p != '"')
        return false;
    *ret = (struct hd_span){q->at, (size_t)(p - q->at)};
    q->at = p + 1;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Up to `max` digits, with a point among them or not, as a whole number and the power of ten it is
 * to be divided by. */
static const char *read_digits(const char *p, size_t max, uint64_t *ret, size_t *ret_places)
{
    uint64_t whole = 0;
    size_t n = 0;
    const char *point = NULL;
    for (; is_digit(*p) || (*p == '.' && n && !point); p++) {
        if (*p == '.') {
            point = p;
            continue;
        }
        if (++n > max)
            return NULL;
        whole = whole * 10 + (uint64_t)(*p - '0');
    }
    *ret = whole;
    *ret_places = point ? (size_t)(p - point) - 1 : 0;
    return n && (!point || *ret_places) ? p : NULL;
}

/* Seconds as both servers write them: whole, or with ms. */
static bool read_time(struct quick *q, int64_t *ret_ms)
{
    static const int64_t ms[] = {1000, 100, 10, 1};
    uint64_t whole;
    size_t places;
    const char *end = read_digits(q->at, 13, &whole, &places);
    if (!end || *q->at == '0' || places > 3 || end - q->at > (ptrdiff_t)(places ? 11 + places : 10))
        return false;
    *ret_ms = (int64_t)whole * ms[places];
    q->at = end;
    return true;
}

/* The number behind the opening quote. Up to 15 digits, and the power of ten of their places, are
 * exact doubles: their quotient is the nearest double to the text, which is what strtod gives (W. D.
 * Clinger, "How to read floating point numbers accurately", 1990). */
static bool read_value(struct quick *q, struct points *ret, int64_t at_ms)
{
    static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    uint64_t whole;
    size_t places;
    const char *end = read_digits(q->at, 15, &whole, &places);
    if (end && *end == '"') {
        points_add(ret, at_ms, (double)whole / power[places]);
        q->at = end + 1;
        return true;
    }
    struct hd_span text;
    char copy[NUMBER_MAX];
    double value;
    if (!read_string(q, &text) || text.len >= sizeof copy)
        return false;
    uint16_t bad = points_bad(text);
    if (bad) {
        points_add_bad(ret, bad);
        return true;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (!str_read_double(copy, &value))
        return false;
    points_add(ret, at_ms, value);
    return true;
}

/* [seconds,"number"] */
static bool read_sample(struct quick *q, struct points *ret)
{
    int64_t at_ms;
    return skip_byte(q, '[') && read_time(q, &at_ms) && skip_byte(q, ',') && skip_byte(q, '"') &&
           read_value(q, ret, at_ms) && skip_byte(q, ']');
}

bool quick_begin(struct quick *q, struct hd_span body, bool matrix)
{
    *q = (struct quick){.at = body.at, .end = body.at + body.len, .matrix = matrix, .first = true};
    return body.len <= HD_ANSWER_BYTES_MAX && skip(q, "{\"status\":\"success\",\"data\":{\"resultType\":\"") &&
           skip(q, matrix ? "matrix" : "vector") && skip(q, "\",\"result\":[");
}

enum quick_next quick_labels(struct quick *q, struct labels *ret)
{
    ret->n = 0;
    if (skip(q, "]}}"))
        return q->at == q->end ? QUICK_END : QUICK_LOST;
    if ((!q->first && !skip_byte(q, ',')) || !skip(q, "{\"metric\":{"))
        return QUICK_LOST;
    q->first = false;
    if (skip_byte(q, '}'))
        return QUICK_SERIES;
    do {
        struct hd_span name, value;
        if (!skip_byte(q, '"') || !read_string(q, &name) || !skip(q, ":\"") || !read_string(q, &value))
            return QUICK_LOST;
        labels_add(ret, name, value);
    } while (*q->at++ == ',');
    return q->at[-1] == '}' ? QUICK_SERIES : QUICK_LOST;
}

bool quick_points(struct quick *q, struct points *ret, size_t max)
{
    *ret = (struct points){.at = ret->at, .room = ret->room};
    if (!q->matrix)
        return skip(q, ",\"value\":") && read_sample(q, ret) && skip_byte(q, '}');
    if (!skip(q, ",\"values\":["))
        return false;
    do {
        if (ret->all >= max || !read_sample(q, ret))
            return false;
    } while (*q->at++ == ',');
    return q->at[-1] == ']' && skip_byte(q, '}');
}
