/* SPDX-License-Identifier: Apache-2.0
 *
 * See limits.h. A row for each value: its words, and below them a bar of its reverts, real ones
 * solid, unknown ones half as high, false ones hollow, so that nothing hangs on a hue. Inline SVG
 * without style attributes and script. Called by limits.c and by `haldane backtest --svg`.
 */
#include "http/limits.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/html.h"
#include "json/json.h"

/* The drawing's own units. */
#define WIDTH 400
#define LEFT 70
#define RIGHT 392
#define ROW 34
#define LINE 14 /* a second line of words */
#define MARK 6  /* more room below "in force" */
#define LINE_CHARS 40 /* of a phone's larger letters, from LEFT to RIGHT */
#define TOP 6
#define BAR 10
#define TITLE 26 /* of one among several */

/* --- reading --- */

static int64_t number(const struct json *j, const char *key)
{
    struct hd_error err;
    int64_t n = 0;
    (void)json_i64(json_get(j, key), key, &n, &err);
    return n;
}

static const char *text(struct hd_arena *a, const struct json *j, const char *key)
{
    struct hd_error err;
    const char *at = NULL;
    (void)json_text(json_get(j, key), key, &at, &err);
    return arena_text(a, at);
}

static bool flag(const struct json *j, const char *key)
{
    struct hd_error err;
    bool yes = false;
    (void)json_bool(json_get(j, key), key, &yes, &err);
    return yes;
}

static struct limits_row row_of(struct hd_arena *a, const struct json *j)
{
    struct hd_error err;
    double value = 0;
    (void)json_double(json_get(j, "value"), "value", &value, &err);
    return (struct limits_row){.number = value,
                               .value = text(a, j, "value_text"),
                               .text = text(a, j, "text"),
                               .own = flag(j, "own"),
                               .reverts = number(j, "reverts"),
                               .real = number(j, "real"),
                               .false_ones = number(j, "false"),
                               .unknown = number(j, "unknown"),
                               .missed = number(j, "missed"),
                               .cut_short = number(j, "cut_short")};
}

/* The one in force stands where its value belongs, in whatever order they were tried. */
static void put_row(struct limits_sweep *s, struct limits_row row)
{
    size_t at = s->n++;
    for (; at > 0 && s->row[at - 1].number > row.number; at--)
        s->row[at] = s->row[at - 1];
    s->row[at] = row;
}

/* Rows of one limit stand together. */
static void read_row(struct hd_arena *a, const struct json *j, struct limits *l)
{
    const char *check = text(a, j, "check"), *limit = text(a, j, "limit");
    struct limits_sweep *s = l->n ? &l->sweep[l->n - 1] : NULL;
    if (!s || !str_is(s->check, check) || !str_is(s->limit, limit)) {
        if (l->n == LIMITS_SWEEPS_MAX)
            return;
        s = &l->sweep[l->n++];
        *s = (struct limits_sweep){.check = check, .limit = limit};
    }
    s->switches = number(j, "switches");
    s->without = number(j, "without");
    if (s->n < LIMITS_ROWS_MAX)
        put_row(s, row_of(a, j));
}

enum hd_code limits_read(struct hd_arena *a, struct hd_span from, struct limits *ret, struct hd_error *err)
{
    JSON_AUTO j = NULL;
    struct limits l = {.sweep = arena_many(a, LIMITS_SWEEPS_MAX, struct limits_sweep)};
    if (json_parse(from, &j, err))
        return err->code;
    for (const struct json *s = json_first(json_get(j, "switches")); s; s = json_next(s)) {
        const char *why = text(a, s, "left_out");
        l.switches++;
        l.n_left_out += why != NULL;
        if (why && !l.left_out)
            l.left_out = why;
    }
    for (const struct json *r = json_first(json_get(j, "sweep")); r; r = json_next(r))
        read_row(a, r, &l);
    *ret = l;
    return HD_OK;
}

/* --- words --- */

const char *limits_name(struct hd_arena *a, const struct limits_sweep *s)
{
    return s->check ? arena_print(a, "%s, %s", s->check, s->limit) : arena_text(a, s->limit);
}

void limits_say(struct buf *b, const struct limits_sweep *s)
{
    for (size_t i = 0; i < s->n; i++)
        html_print(b, "%s%s%s: %s", i ? "; " : "", s->row[i].value, s->row[i].own ? " (in force)" : "", s->row[i].text);
    html_print(b, ".");
}

void limits_table(struct buf *b, const struct limits_sweep *s)
{
    static const char *const heads[] = {"reverts", "real", "false", "unknown", "missed", "cut short"};
    html_print(b, "<table class=\"list data\"><thead><tr><th scope=\"col\">%s</th>", s->limit);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        html_print(b, "<th scope=\"col\">%s</th>", heads[i]);
    html_print(b, "</tr></thead><tbody>");
    for (size_t i = 0; i < s->n; i++) {
        const struct limits_row *r = &s->row[i];
        const int64_t cell[] = {r->reverts, r->real, r->false_ones, r->unknown, r->missed, r->cut_short};
        html_print(b, "<tr><th scope=\"row\">%s%s</th>", r->value, r->own ? " (in force)" : "");
        for (size_t k = 0; k < sizeof cell / sizeof *cell; k++)
            html_print(b, "<td data-l=\"%s\">%lld</td>", heads[k], (long long)cell[k]);
        html_print(b, "</tr>");
    }
    html_print(b, "</tbody></table>");
}

/* --- the drawing --- */

static double width_of(const struct limits_sweep *s, int64_t n)
{
    return s->switches > 0 ? (double)(RIGHT - LEFT) * (double)n / (double)s->switches : 0;
}

/* Where its words go on in a second line; NULL: they fit into one. */
static const char *second_line(const struct limits_row *r)
{
    const char *at = NULL;
    if (strlen(r->text) <= LINE_CHARS)
        return NULL;
    for (const char *p = strstr(r->text, ", "); p && p - r->text <= LINE_CHARS; p = strstr(p + 2, ", "))
        at = p + 2;
    return at;
}

static void draw_words(struct buf *b, const struct limits_row *r, int y)
{
    const char *second = second_line(r);
    char first[LINE_CHARS + 4];
    (void)snprintf(first, sizeof first, "%.*s", second ? (int)(second - r->text) : LINE_CHARS, r->text);
    html_print(b, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text><text x=\"%d\" y=\"%d\">%s</text>",
               r->own ? "e b" : "e", LEFT - 8, y + 11, r->value, LEFT, y + 11, first);
    if (r->own)
        html_print(b, "<text class=\"e b\" x=\"%d\" y=\"%d\">in force</text>", LEFT - 8, y + 11 + LINE);
    if (second)
        html_print(b, "<text x=\"%d\" y=\"%d\">%s</text>", LEFT, y + 11 + LINE, second);
}

static int row_height(const struct limits_row *r) { return ROW + (second_line(r) ? LINE : r->own ? MARK : 0); }

static void draw_row(struct buf *b, const struct limits_sweep *s, const struct limits_row *r, int y)
{
    const struct {
        const char *mark;
        int64_t n;
        int top, height;
    } part[] = {{"rr", r->real, 0, BAR}, {"ru", r->unknown, BAR / 2, BAR / 2}, {"rf", r->false_ones, 0, BAR}};
    double x = LEFT;
    draw_words(b, r, y);
    y += second_line(r) ? LINE : 0;
    html_print(b, "<path class=\"g\" d=\"M%d %dH%d\"/>", LEFT, y + 16 + BAR, RIGHT);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        double w = width_of(s, part[i].n);
        if (part[i].n > 0)
            html_print(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", part[i].mark,
                       x + .5, y + 16 + part[i].top, w > 2 ? w - 1 : w, part[i].height);
        x += w;
    }
}

static int height_of(const struct limits_sweep *s)
{
    int height = TOP;
    for (size_t i = 0; i < s->n; i++)
        height += row_height(&s->row[i]);
    return height;
}

static void draw_rows(struct buf *b, const struct limits_sweep *s, int y)
{
    y += TOP;
    for (size_t i = 0; i < s->n; i++) {
        draw_row(b, s, &s->row[i], y);
        y += row_height(&s->row[i]);
    }
}

void limits_draw(struct buf *b, struct hd_arena *a, const struct limits_sweep *s, unsigned id)
{
    html_print(b,
               "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 %d %d\" aria-labelledby=\"lt%u ld%u\">"
               "<title id=\"lt%u\">%s</title><desc id=\"ld%u\">",
               WIDTH, height_of(s), id, id, id, limits_name(a, s), id);
    limits_say(b, s);
    html_print(b, "</desc>");
    draw_rows(b, s, 0);
    html_print(b, "</svg>");
}

void limits_svg(struct buf *b, struct hd_arena *a, const char *service, const struct limits *l)
{
    int height = 2 * TITLE, y = TITLE;
    for (size_t i = 0; i < l->n; i++)
        height += TITLE + height_of(&l->sweep[i]);
    html_print(b,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\"><title>Other limits for %s, over %zu switches</title><style><![CDATA[",
               2 * WIDTH, 2 * height, WIDTH, height, service, l->switches);
    buf_text(b, http_style);
    html_print(b, "]]></style><text class=\"b\" x=\"8\" y=\"18\">%s: %zu switches, %zu left out</text>", service,
               l->switches, l->n_left_out);
    for (size_t i = 0; i < l->n; i++) {
        html_print(b, "<text class=\"b\" x=\"8\" y=\"%d\">%s</text>", y + 18, limits_name(a, &l->sweep[i]));
        draw_rows(b, &l->sweep[i], y + TITLE);
        y += TITLE + height_of(&l->sweep[i]);
    }
    html_print(b, "<text x=\"8\" y=\"%d\">solid: real · half as high: unknown · hollow: false</text></svg>",
               height - 8);
}
