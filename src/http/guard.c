/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of one guard, in the reader's order: the first screen (guard_lead.c), the checks with
 * their charts, the rest (guard_rest.c). Reads the store only.
 */
#include "http/guard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "http/chart.h"
#include "http/graph.h"
#include "http/guard_parts.h"
#include "http/handlers.h"
#include "http/moment.h"
#include "http/parts.h"

#define SAMPLES_SHOWN 3
#define OPEN_CHARTS 4 /* shown without a click; more would bury the timeline */

static void value_cell(struct buf *b, const char *label, double value, const struct check_view *c, bool stable)
{
    BUF_AUTO text = BUF_INIT(64);
    BUF_AUTO of = BUF_INIT(64);
    if (isfinite(value))
        reason_value(&text, value, c->unit);
    if (stable)
        view_baseline(&of, c);
    html_print(b, "<td data-l=\"%s\">%s", label, text.len ? buf_at(&text) : "-");
    html_print(b, of.len ? "<span class=\"m\">%s</span></td>" : "</td>", of.len ? buf_at(&of) : "");
}

/* "06:45:19Z green 50% n=50, blue 0% n=50" of the newest polls that asked this check. */
static void samples(struct buf *b, const struct guard_view *v, const struct check_view *c)
{
    const char *const name[HD_ROLES] = {v->guard.stable, v->guard.candidate};
    size_t said = 0;
    for (size_t i = v->n_evidence; i-- > 0 && said < SAMPLES_SHOWN;) {
        struct view_point p;
        if (v->evidence[i].evidence.before || !view_point(c, v->evidence, i, i + 1, &p))
            continue;
        html_print(b, said++ ? "<li>" : "<p class=\"m\">its newest samples:</p><ul class=\"more\"><li>");
        html_time(b, p.at_ms, v->guard.switch_to_ms);
        for (int r = HD_ROLES - 1; r >= 0; r--) {
            BUF_AUTO text = BUF_INIT(64);
            if (isfinite(p.value[r]))
                reason_value(&text, p.value[r], c->unit);
            else
                buf_text(&text, html_outcome_words(p.outcome[r]));
            html_print(b, "%s %s %s", r == HD_STABLE ? "," : "", name[r], buf_at(&text));
            if (p.n[r] > 0)
                html_print(b, " n=%.0f", p.n[r]);
        }
        html_print(b, "</li>");
    }
    html_print(b, said ? "</ul>" : "");
}

static void query_cell(struct buf *b, struct hd_arena *a, const struct guard_view *v, const struct check_view *c,
                       int64_t now_ms)
{
    if (!c->query)
        return;
    html_print(b, "<details><summary>query</summary><pre class=\"cmd\">%s</pre>", c->query);
    const char *graph = graph_url(a, c, &v->guard, now_ms);
    if (graph) {
        html_print(b, "<p>");
        part_link(b, graph, "open in Prometheus");
        html_print(b, "</p>");
    }
    samples(b, v, c);
    html_print(b, "</details>");
}

static void check_row(struct buf *b, struct hd_arena *a, const struct guard_view *v, const struct check_view *c,
                      int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    html_print(b, "<tr id=\"check-%s\"><td data-l=\"state\"><span class=\"s %s\">", c->name,
               html_tone_word(c->tone));
    html_icon(b, c->tone);
    html_print(b, "%s</span></td><th scope=\"row\">%s", c->word, c->name);
    if (c->critical || c->advisory)
        html_print(b, " <span class=\"m\">%s</span>", c->critical ? "critical" : "advisory");
    if (!str_is(c->title, c->name))
        html_print(b, "<div class=\"m\">%s</div>", c->title);
    html_print(b, "</th>");
    value_cell(b, g->candidate, c->value, c, false);
    value_cell(b, g->stable, c->stable, c, true);
    html_print(b, "<td data-l=\"limit\">%s</td><td data-l=\"n\">", *c->limit ? c->limit : "-");
    if (isfinite(c->n) && c->n > 0)
        reason_count(b, c->n);
    else
        html_print(b, "-");
    html_print(b, "</td><td data-l=\"broken in\">");
    view_polls(b, c);
    html_print(b, "</td><td data-l=\"query\" class=\"w\">");
    query_cell(b, a, v, c, now_ms);
    html_print(b, "</td></tr>");
}

static void link_order(struct buf *b, const struct guard_view *v, bool by_name, const char *word)
{
    char text[STR_TIME_MAX];
    if (by_name == v->by_name) {
        html_print(b, " <b>%s</b>", word);
        return;
    }
    html_print(b, " <a href=\"?sort=%s", by_name ? "name" : "worst");
    if (v->at_ms)
        html_print(b, "&amp;at=%s", str_time(v->at_ms, text));
    html_print(b, "#checks\">%s</a>", word);
}

static void checks_table(struct buf *b, struct hd_arena *a, const struct guard_view *v, const struct check_view **order,
                         int64_t now_ms)
{
    html_print(b, "<h2 id=\"checks\">Checks</h2>");
    if (v->n_checks > 1 && !v->demo) {
        html_print(b, "<p class=\"m\">sorted:");
        link_order(b, v, false, "worst first");
        link_order(b, v, true, "by name");
        html_print(b, "</p>");
    }
    html_print(
        b,
        "<table class=\"list checks\"><thead><tr><th scope=\"col\">state</th>"
        "<th scope=\"col\">check</th><th scope=\"col\">%s</th><th scope=\"col\">%s</th>"
        "<th scope=\"col\">limit</th><th scope=\"col\">n</th><th scope=\"col\">broken in</th>"
        "<th scope=\"col\">query</th></tr></thead><tbody>",
        v->guard.candidate, v->guard.stable);
    for (size_t i = 0; i < v->n_checks; i++)
        check_row(b, a, v, order[i], now_ms);
    html_print(b, "</tbody></table>");
}

static void mark_legend(struct buf *b, char letter, const char *word, int64_t ms, int64_t day_ms)
{
    if (ms < 0)
        return;
    html_print(b, " <span class=\"k\">");
    buf_byte(b, letter);
    html_print(b, " %s ", word);
    html_time(b, ms, day_ms);
    html_print(b, "</span>");
}

static struct chart chart_of(const struct guard_view *v, const struct check_view *c,
                             struct view_series *series, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const struct store_reading *reading = v->has_reading ? &v->reading : NULL;
    view_points(c, v->evidence, v->n_evidence, series);
    view_care_points(c, v->care, v->n_care, series);
    series->polls_every = v->polls_every;
    return (struct chart){.check = c,
                          .series = series,
                          .stable = g->stable,
                          .candidate = g->candidate,
                          .place = {part_place(reading, g, g->stable),
                                    part_place(reading, g, g->candidate)},
                          .analysis = g->analysis,
                          .switch_ms = g->switch_to_ms,
                          .decided_ms = g->decided_ms,
                          .verified_ms = g->verified_ms,
                          .recovered_ms = g->recovered_ms,
                          .now_ms = now_ms};
}

void guard_chart(struct buf *b, const struct guard_view *v, const struct check_view *c, int64_t now_ms)
{
    struct view_series *series = calloc(1, sizeof *series);
    if (!series)
        abort();
    const struct chart chart = chart_of(v, c, series, now_ms);
    html_print(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"320\"><style><![CDATA[");
    buf_text(b, http_style);
    html_print(b, "]]></style>");
    if (series->n)
        chart_draw(b, &chart);
    else
        html_print(b, "<text x=\"20\" y=\"40\">Nothing was observed yet.</text>");
    html_print(b, "</svg>");
    free(series);
}

static void chart_figure(struct buf *b, const struct guard_view *v, const struct check_view *c,
                         struct view_series *series, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const struct chart chart = chart_of(v, c, series, now_ms);
    html_print(b, "<figure><figcaption><b>%s</b> ", c->name);
    if (series->n)
        chart_say(b, &chart);
    html_print(b, "</figcaption>");
    chart_draw(b, &chart);
    if (series->n) {
        html_print(b, "<p class=\"m marks\">");
        mark_legend(b, g->analysis ? 'B' : 'S', g->analysis ? "began" : "switch", g->switch_to_ms, now_ms);
        mark_legend(b, 'D', "decided", g->decided_ms, g->switch_to_ms);
        mark_legend(b, 'V', "verified", g->verified_ms, g->switch_to_ms);
        mark_legend(b, 'R', "recovered", g->recovered_ms, g->switch_to_ms);
        html_print(b, "</p><details><summary>the numbers</summary>");
        chart_table(b, &chart);
        html_print(b, "</details>");
    }
    if (series->n && !v->demo) {
        html_print(b, "<p class=\"m\"><a href=\"/api/v1/guards/%s/chart.svg?check=", g->id);
        html_segment(b, c->name);
        html_print(b, "\">%s as SVG</a></p>", c->name);
    }
    html_print(b, "</figure>");
}

static void charts(struct buf *b, const struct guard_view *v, const struct check_view **order,
                   struct hd_arena *a, int64_t now_ms)
{
    struct view_series *series = arena_of(a, struct view_series);
    if (v->no_evidence) {
        html_print(b, "<p class=\"m\">%s</p>", v->no_evidence);
        return;
    }
    html_print(b, "<div class=\"charts\">");
    for (size_t i = 0; i < v->n_checks; i++) {
        if (i == OPEN_CHARTS)
            html_print(b, "</div><details><summary>charts of the other checks</summary>"
                          "<div class=\"charts\">");
        chart_figure(b, v, order[i], series, now_ms);
    }
    html_print(b, v->n_checks > OPEN_CHARTS ? "</div></details>" : "</div>");
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct check_view *const *)a)->name, (*(const struct check_view *const *)b)->name);
}

static void head(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    char text[STR_TIME_MAX];
    const char *title = guard_sentence(a, g);
    if (v->demo)
        title = arena_print(a, "Invented example: %s", title);
    else if (v->at_ms)
        title = arena_print(a, "At %s, %s", str_moment(v->at_ms, now_ms, text), title);
    html_head(b, &(struct html_page){.title = title,
                                     .tone = g->needs_human ? TONE_FAIL : html_state_tone(g->state),
                                     .live = !v->at_ms && !hd_state_terminal(g->state),
                                     .alarm = v->alarm,
                                     .account = v->account,
                                     .csrf = v->csrf,
                                     .now_ms = now_ms});
}

void guard_render(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    const struct check_view **order = view_by_badness(a, v->check, v->n_checks);
    const int64_t then_ms = v->at_ms ? v->at_ms : now_ms;
    if (v->by_name && v->n_checks)
        qsort(order, v->n_checks, sizeof *order, by_name);
    head(b, a, v, now_ms);
    guard_lead(b, a, v, now_ms);
    if (v->n_checks) {
        checks_table(b, a, v, order, then_ms);
        charts(b, v, order, a, then_ms);
    }
    guard_rest(b, v, then_ms);
    html_foot(b);
}

/* "at" and "sort" of the address; false: refused. */
static bool read_query(struct call *c, const struct store_guard *g, int64_t *ret_at, bool *ret_by_name)
{
    const char *at = call_query(c, "at"), *sort = call_query(c, "sort"), *bad = NULL;
    char text[STR_TIME_MAX];
    *ret_at = 0;
    *ret_by_name = str_is(sort, "name");
    if (at && !str_read_time(at, ret_at))
        bad = "\"at\" is not a time like 2026-11-20T03:04:10Z.";
    else if (at && *ret_at < g->started_ms)
        bad = arena_print(c->arena, "The guard began at %s: there is nothing to show from before.",
                          str_moment(g->started_ms, c->now_ms, text));
    else if (at && *ret_at > c->now_ms)
        bad = "That moment is still to come.";
    else if (sort && !*ret_by_name && !str_is(sort, "worst"))
        bad = "\"sort\" is worst or name.";
    if (bad)
        (void)call_refuse(c, 400, "bad_parameter", "%s", bad);
    return !bad;
}

enum hd_code guard_page(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err)) {
        if (err->code != HD_ABSENT)
            return err->code;
        return call_refuse(c, 404, "unknown_guard", "There is no guard %s.", c->param);
    }
    int64_t at_ms;
    bool sorted;
    if (!read_query(c, &v->guard, &at_ms, &sorted))
        return HD_OK;
    if (view_load_service(c->store, c->arena, v, c->now_ms, err) ||
        (at_ms && moment_freeze(c->store, c->arena, v, at_ms, err)))
        return err->code;
    v->by_name = sorted;
    const struct html_page page = call_page(c, "");
    v->alarm = page.alarm;
    v->account = page.account;
    v->csrf = page.csrf;
    guard_render(call_answer(c, 200, CALL_HTML), c->arena, v, c->now_ms);
    return HD_OK;
}
