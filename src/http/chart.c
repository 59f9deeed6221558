/* SPDX-License-Identifier: Apache-2.0
 *
 * See chart.h. Inline SVG without style attributes (the page's policy forbids them) and without
 * script. Called by guard.c.
 */
#include "http/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "base/str.h"

/* The drawing's own units; the page scales it to the width there is. */
#define WIDTH 400.0
#define HEIGHT 220.0
#define LEFT 46.0
#define RIGHT 328.0
#define TOP 26.0
#define BOTTOM 192.0
#define LINE 14.0 /* one line of its text */

struct frame {
    const struct chart *c;
    double low, high; /* values at BOTTOM and TOP */
    int64_t from_ms, to_ms;
};

static const char *name_of(const struct chart *c, int role)
{
    const char *name = role == HD_STABLE ? c->stable : c->candidate;
    return name ? name : role == HD_STABLE ? "stable" : "candidate";
}

static bool range_of(const struct view_series *s, int role, double *ret_low, double *ret_high)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < s->n; i++) {
        double v = s->point[i].value[role];
        if (isfinite(v)) {
            low = fmin(low, v);
            high = fmax(high, v);
        }
    }
    *ret_low = low;
    *ret_high = high;
    return high >= low;
}

/* The next number above whose half is short to read. */
static double round_up(double v)
{
    static const double step[] = {1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10};
    double unit = pow(10, floor(log10(v)));
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        if (step[i] * unit >= v)
            return step[i] * unit;
    }
    return 10 * unit;
}

/* From zero, unless everything lies in the upper half: a success ratio would be a flat line. */
static bool frame_of(const struct chart *c, struct frame *ret)
{
    const struct view_series *s = c->series;
    double low = INFINITY, high = -INFINITY, limit = c->check->limit_value;
    bool any = false;
    for (int r = 0; r < HD_ROLES; r++) {
        double l, h;
        if (range_of(s, r, &l, &h)) {
            any = true;
            low = fmin(low, l);
            high = fmax(high, h);
        }
    }
    if (!any)
        return false;
    if (isfinite(limit)) {
        low = fmin(low, limit);
        high = fmax(high, limit);
    }
    double room = high - low > 1e-12 ? (high - low) / 4 : fabs(high) / 20;
    if (low >= 0 && low <= high / 2)
        low = room = 0;
    double top = room > 0 ? high + room : high > 0 ? round_up(high * 1.1) : 1;
    if (str_is(c->check->unit, "share") && high <= 1 && top > 1)
        top = 1;
    int64_t from = s->point[0].at_ms, to = s->point[s->n - 1].at_ms;
    to = to > c->decided_ms ? to : c->decided_ms;
    to = to > c->verified_ms ? to : c->verified_ms;
    to = to > c->recovered_ms ? to : c->recovered_ms;
    if (c->switch_ms >= 0 && to > c->switch_ms) {
        int64_t near = c->switch_ms - (to - c->switch_ms) / 10;
        from = from > near ? from : near;
        from = from < c->switch_ms ? from : c->switch_ms; /* its mark stands where it was */
    }
    *ret = (struct frame){.c = c,
                          .low = low >= 0 ? fmax(0, low - room) : low - room,
                          .high = top,
                          .from_ms = from,
                          .to_ms = to};
    if (ret->high <= ret->low)
        ret->high = ret->low + 1;
    if (ret->to_ms <= ret->from_ms)
        ret->to_ms = ret->from_ms + 1;
    return true;
}

static double x_of(const struct frame *f, int64_t ms)
{
    double t = (double)(ms - f->from_ms) / (double)(f->to_ms - f->from_ms);
    return LEFT + (RIGHT - LEFT) * fmin(1, fmax(0, t));
}

static double y_of(const struct frame *f, double v)
{
    double t = (v - f->low) / (f->high - f->low);
    return BOTTOM - (BOTTOM - TOP) * fmin(1, fmax(0, t));
}

static void value_text(struct buf *b, const struct chart *c, double v)
{
    BUF_AUTO text = BUF_INIT(64);
    if (isfinite(v))
        reason_value(&text, v, c->check->unit);
    html_text(b, text.len ? buf_at(&text) : "-");
}

static void draw_axes(struct buf *b, const struct frame *f)
{
    char clock[STR_TIME_MAX];
    for (int i = 0; i <= 2; i++) {
        double v = f->low + (f->high - f->low) * i / 2, y = y_of(f, v);
        html_print(
            b, "<path class=\"g\" d=\"M%.0f %.1fH%.0f\"/><text class=\"e\" x=\"%.0f\" y=\"%.1f\">",
            LEFT, y, RIGHT, LEFT - 5, y + 4);
        value_text(b, f->c, v);
        html_print(b, "</text>");
    }
    html_print(b, "<text x=\"%.0f\" y=\"%.0f\">%sZ</text>", LEFT, BOTTOM + LINE + 3,
               str_clock(f->from_ms, clock));
    html_print(b, "<text class=\"e\" x=\"%.0f\" y=\"%.0f\">%sZ</text>", RIGHT, BOTTOM + LINE + 3,
               str_clock(f->to_ms, clock));
}

static void draw_limit(struct buf *b, const struct frame *f)
{
    double limit = f->c->check->limit_value;
    if (!isfinite(limit))
        return;
    double y = y_of(f, limit);
    html_print(
        b,
        "<path class=\"l\" d=\"M%.0f %.1fH%.0f\"/><text class=\"lt\" x=\"%.0f\" y=\"%.1f\">%s ",
        LEFT, y, RIGHT, LEFT + 4, y - 4, f->c->check->moving ? "limit of the last judged poll" : "limit");
    value_text(b, f->c, limit);
    html_print(b, "</text>");
}

/* Letters stand beside each other even when their moments nearly coincide. */
static void draw_marks(struct buf *b, const struct frame *f)
{
    const struct {
        char letter;
        int64_t ms;
    } mark[] = {{f->c->analysis ? 'B' : 'S', f->c->switch_ms}, {'D', f->c->decided_ms}, {'V', f->c->verified_ms},
                {'R', f->c->recovered_ms}};
    double free_from = 0;
    for (size_t i = 0; i < sizeof mark / sizeof *mark; i++) {
        if (mark[i].ms < 0)
            continue;
        double x = x_of(f, mark[i].ms), at = fmax(x, free_from);
        html_print(
            b, "<path class=\"m\" d=\"M%.1f %.0fV%.0f\"/><text class=\"c\" x=\"%.1f\" y=\"%.0f\">",
            x, TOP - 6, BOTTOM, at, TOP - 10);
        buf_byte(b, mark[i].letter);
        html_print(b, "</text>");
        free_from = at + LINE;
    }
}

static void draw_marker(struct buf *b, unsigned place, double x, double y)
{
    if (place == 0)
        html_print(b, "<circle class=\"c0\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.8\"/>", x, y);
    else if (place == 1)
        html_print(b, "<path class=\"c1\" d=\"M%.1f %.1fl4 7h-8z\"/>", x, y - 4);
    else if (place == 2)
        html_print(b, "<path class=\"c2\" d=\"M%.1f %.1fh6v6h-6z\"/>", x - 3, y - 3);
    else
        html_print(b, "<path class=\"c3\" d=\"M%.1f %.1fl4 4-4 4-4-4z\"/>", x, y - 4);
}

/* Of the time before the switch only the newest value counts, as the level it came from. */
static size_t first_drawn(const struct frame *f, int role)
{
    const struct view_series *s = f->c->series;
    size_t first = 0;
    for (size_t i = 0; i < s->n && s->point[i].at_ms <= f->from_ms; i++) {
        if (isfinite(s->point[i].value[role]))
            first = i;
    }
    return first;
}

static void draw_series(struct buf *b, const struct frame *f, int role)
{
    const struct view_series *s = f->c->series;
    size_t every = s->n > 30 ? 3 : 1, first = first_drawn(f, role);
    unsigned place = f->c->place[role];
    bool down = false;
    html_print(b, "<path class=\"l%u%s\" d=\"", place, role == HD_CANDIDATE ? " ca" : "");
    for (size_t i = first; i < s->n; i++) {
        double v = s->point[i].value[role];
        if (isfinite(v)) /* what was not observed stays a gap */
            html_print(b, "%s%.1f %.1f", down ? "L" : "M", x_of(f, s->point[i].at_ms), y_of(f, v));
        down = isfinite(v);
    }
    html_print(b, "\"/>");
    for (size_t i = first; i < s->n; i++) {
        double v = s->point[i].value[role];
        bool alone = (i == 0 || !isfinite(s->point[i - 1].value[role])) &&
                     (i + 1 == s->n || !isfinite(s->point[i + 1].value[role]));
        if (isfinite(v) && (i % every == 0 || alone))
            draw_marker(b, place, x_of(f, s->point[i].at_ms), y_of(f, v));
    }
}

static void draw_names(struct buf *b, const struct frame *f)
{
    double y[HD_ROLES] = {NAN, NAN};
    for (int r = 0; r < HD_ROLES; r++) {
        for (size_t i = f->c->series->n; i-- > 0 && isnan(y[r]);) {
            if (isfinite(f->c->series->point[i].value[r]))
                y[r] = y_of(f, f->c->series->point[i].value[r]);
        }
    }
    if (fabs(y[0] - y[1]) < LINE) { /* false when one is NaN */
        double middle = fmax(TOP + LINE / 2, fmin(BOTTOM - LINE / 2, (y[0] + y[1]) / 2));
        double side = y[0] < y[1] ? -1 : 1;
        y[0] = middle + side * LINE / 2;
        y[1] = middle - side * LINE / 2;
    }
    for (int r = 0; r < HD_ROLES; r++) {
        char name[64];
        if (isnan(y[r]))
            continue;
        (void)snprintf(name, sizeof name, "%s", name_of(f->c, r));
        str_clean(name, 9);
        draw_marker(b, f->c->place[r], RIGHT + 10, y[r]);
        html_print(b, "<text x=\"%.0f\" y=\"%.1f\">%s</text>", RIGHT + 17, y[r] + 4, name);
    }
}

void chart_say(struct buf *b, const struct chart *c)
{
    bool said = false;
    for (int r = HD_ROLES - 1; r >= 0; r--) {
        double low, high;
        html_print(b, "%s%s ", said ? "; " : "", name_of(c, r));
        if (range_of(c->series, r, &low, &high)) {
            html_print(b, "between ");
            value_text(b, c, low);
            html_print(b, " and ");
            value_text(b, c, high);
        } else {
            html_print(b, "not observed");
        }
        said = true;
    }
    if (isfinite(c->check->limit_value)) {
        html_print(b, c->check->moving ? "; limit of the last judged poll " : "; limit ");
        value_text(b, c, c->check->limit_value);
    }
    html_print(b, ".");
}

void chart_draw(struct buf *b, const struct chart *c)
{
    struct frame f;
    unsigned id = c->check->index;
    if (!c->series->n || !frame_of(c, &f)) {
        html_print(b, "<p class=\"m\">Nothing was observed yet.</p>");
        return;
    }
    html_print(b,
               "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" "
               "aria-labelledby=\"ct%u cd%u\"><title id=\"ct%u\">%s</title><desc id=\"cd%u\">",
               WIDTH, HEIGHT, id, id, id, c->check->title, id);
    chart_say(b, c);
    html_print(b, "</desc>");
    draw_axes(b, &f);
    draw_marks(b, &f);
    draw_limit(b, &f);
    draw_series(b, &f, HD_STABLE);
    draw_series(b, &f, HD_CANDIDATE);
    draw_names(b, &f);
    html_print(b, "</svg>");
}

static void table_cell(struct buf *b, const struct chart *c, const struct view_point *p, int role)
{
    html_print(b, "<td>");
    value_text(b, c, p->value[role]);
    if (isfinite(p->value[role]) && p->n[role] > 0) {
        html_print(b, " <span class=\"m\">n=");
        reason_count(b, p->n[role]);
        html_print(b, "</span>");
    } else if (p->outcome[role] != HD_OUTCOME_OK) {
        html_print(b, " <span class=\"m\" title=\"%s\">%s</span>", hd_outcome_word(p->outcome[role]),
                   html_outcome_words(p->outcome[role]));
    }
    html_print(b, "</td>");
}

void chart_table(struct buf *b, const struct chart *c)
{
    html_print(
        b,
        "<table class=\"data\"><thead><tr><th scope=\"col\">time</th><th scope=\"col\">%s</th>"
        "<th scope=\"col\">%s</th></tr></thead><tbody>",
        name_of(c, HD_CANDIDATE), name_of(c, HD_STABLE));
    for (size_t i = 0; i < c->series->n; i++) {
        const struct view_point *p = &c->series->point[i];
        html_print(b, "<tr><th scope=\"row\">");
        html_time(b, p->at_ms, c->now_ms);
        html_print(b, "%s</th>", p->before ? " before" : "");
        table_cell(b, c, p, HD_CANDIDATE);
        table_cell(b, c, p, HD_STABLE);
        html_print(b, "</tr>");
    }
    html_print(b, "</tbody></table>");
    if (c->series->polls_every > 1)
        html_print(b, "<p class=\"m\">Each row adds up %zu polls, of which one in %zu was read; the API has every one.</p>",
                   c->series->polls_per_point * c->series->polls_every, c->series->polls_every);
    else if (c->series->polls_per_point > 1)
        html_print(b, "<p class=\"m\">Each row adds up %zu polls; the API has every one.</p>",
                   c->series->polls_per_point);
}
