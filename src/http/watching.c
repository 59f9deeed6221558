/* SPDX-License-Identifier: Apache-2.0
 *
 * See watching.h. Called by fleet.c.
 */
#include "http/watching.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "http/parts.h"

/* Only changes are stored: the last one of each check is how it stands. */
static enum hd_band worst_of(const struct store_band *list, size_t n)
{
    uint8_t now[HD_CHECKS_MAX] = {0}, worst = HD_BAND_NONE;
    for (size_t i = 0; i < n; i++) {
        if (list[i].check < HD_CHECKS_MAX && list[i].band <= HD_BAND_FAIL)
            now[list[i].check] = list[i].band;
    }
    for (size_t i = 0; i < HD_CHECKS_MAX; i++)
        worst = now[i] > worst ? now[i] : worst;
    return (enum hd_band)worst;
}

enum hd_code watching_load(struct store *s, struct hd_arena *a, const struct store_guard *g,
                           const struct watching_facts *facts, struct watching *ret, struct hd_error *err)
{
    struct store_band *band;
    size_t n;
    const struct way_facts f = {.service = facts->service,
                                .reading = facts->reading,
                                .guard = g,
                                .alarm = facts->alarm,
                                .now_ms = facts->now_ms};
    if (store_bands(s, a, g->id, &band, &n, err))
        return err->code;
    *ret = (struct watching){.guard = g, .reading = facts->reading, .stance = facts->stance, .worst = worst_of(band, n)};
    return view_find_way(s, a, &f, facts->budgets, &ret->way, err);
}

static int rank(const struct watching *w)
{
    return w->guard->needs_human ? -1 : HD_BAND_FAIL - (int)w->worst;
}

/* Equally bad ones: the newest first, as they came. */
static int by_rank(const void *a, const void *b)
{
    const struct watching *x = a, *y = b;
    int d = rank(x) - rank(y);
    return d ? d : strcmp(y->guard->id, x->guard->id);
}

void watching_sort(struct watching *list, size_t n)
{
    if (n)
        qsort(list, n, sizeof *list, by_rank);
}

static void serving(struct buf *b, const struct watching *w)
{
    if (!w->reading) {
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
        return;
    }
    html_print(b, "<ul class=\"sides\">");
    for (size_t i = 0; i < w->reading->n_sides; i++) {
        const struct store_side *s = &w->reading->side[i];
        if (!s->share_ppm)
            continue;
        html_print(b, "<li class=\"c%zu\">%s <b>", i, s->colour);
        part_share(b, s->share_ppm);
        html_print(b, "</b></li>");
    }
    html_print(b, "</ul>");
}

static void progress(struct buf *b, const struct store_guard *g, int64_t now_ms)
{
    char done[STR_TIME_MAX], whole[STR_TIME_MAX];
    if (g->until_ms > g->started_ms && g->decided_ms < 0)
        html_print(b, "%s of %s", str_duration(now_ms - g->started_ms, done),
                   str_duration(g->until_ms - g->started_ms, whole));
    else
        html_print(b, "for %s", str_duration(now_ms - g->started_ms, done));
}

static void back(struct buf *b, const struct watching *w, int64_t now_ms)
{
    const struct way *way = &w->way;
    if (way->state == WAY_THERE || way->state == WAY_NONE) {
        html_print(b, "-");
        return;
    }
    enum tone tone = way->state == WAY_BLOCKED ? TONE_FAIL : way->state == WAY_OPEN ? TONE_PASS : TONE_WARN;
    const struct store_side *s = w->reading ? view_side(w->reading, way->to) : NULL;
    html_print(b, "<span class=\"s %s\">", html_tone_word(tone));
    html_icon(b, tone);
    html_print(b, "%s</span>%s", way->state == WAY_BLOCKED ? "would be refused" : "",
               way->state == WAY_ORDER ? "by an order only, " : "");
    if (way->state != WAY_BLOCKED && way->until_ms >= 0) {
        html_time(b, way->until_ms, now_ms);
        html_print(b, " (");
        html_ago(b, way->until_ms, now_ms);
        html_print(b, ")");
    } else if (way->state != WAY_BLOCKED) {
        html_print(b, "no limit");
    }
    if (s && s->ready != UINT32_MAX && s->wanted != UINT32_MAX)
        html_print(b, " <span class=\"m\">%s %u of %u ready</span>", way->to, s->ready, s->wanted);
}

static void row(struct buf *b, const struct watching *w, int64_t now_ms)
{
    const struct store_guard *g = w->guard;
    html_print(b, "<tr><td data-l=\"state\">");
    part_state(b, g->state);
    html_print(b, "</td><th scope=\"row\" data-l=\"service\">");
    part_service_link(b, g->service);
    html_print(b, "</th><td data-l=\"serving\">");
    serving(b, w);
    html_print(b, "</td><td data-l=\"what\" class=\"w\"><a href=\"/g/%s\">%s</a><div class=\"m\">%s", g->id, g->headline,
               g->why);
    if (w->worst >= HD_BAND_WARN && g->verified_ms < 0) { /* else of a side that has no traffic any more */
        enum tone tone = w->worst == HD_BAND_FAIL ? TONE_FAIL : TONE_WARN;
        html_print(b, " <span class=\"s %s\">", html_tone_word(tone));
        html_icon(b, tone);
        html_print(b, w->worst == HD_BAND_FAIL ? "over its limit</span>" : "near its limit</span>");
    }
    if (stance_left_alone(w->stance)) {
        html_print(b, "<div><span class=\"s warn\">");
        html_icon(b, TONE_WARN);
        html_print(b, "</span><b>haldane will NOT take this back:</b> %s</div>", w->stance->because);
    }
    html_print(b, "</div></td><td data-l=\"guard\">");
    progress(b, g, now_ms);
    html_print(b, "</td><td data-l=\"back until\">");
    back(b, w, now_ms);
    html_print(b, "</td></tr>");
}

void watching_table(struct buf *b, const struct watching *list, size_t n, int64_t now_ms)
{
    html_print(b, "<table class=\"list\"><thead><tr><th scope=\"col\">state</th><th scope=\"col\">service</th>"
                  "<th scope=\"col\">serving</th><th scope=\"col\">worst check</th><th scope=\"col\">guard</th>"
                  "<th scope=\"col\">can be taken back until</th></tr></thead><tbody>");
    for (size_t i = 0; i < n; i++)
        row(b, &list[i], now_ms);
    html_print(b, "</tbody></table>");
}
