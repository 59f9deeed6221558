/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of one guard, in the reader's order: am I needed, what do users get, what was done, why;
 * then the checks with their charts, the timeline, who was told. Reads the store only.
 */
#include "http/guard.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "http/chart.h"
#include "http/handlers.h"
#include "http/parts.h"
#include "json/json.h"

#define OPEN_CHARTS 4 /* shown without a click; more would bury the timeline */

static bool is_live(const struct store_guard *g)
{
    return !hd_state_terminal(g->state);
}

/* --- the first screen --- */

static void need_line(struct buf *b, const struct store_guard *g, bool alarm)
{
    bool needed = g->needs_human || (alarm && is_live(g));
    bool acting = g->state >= HD_STATE_DECIDING && g->state <= HD_STATE_AFTERCARE;
    enum tone tone = needed ? TONE_FAIL : is_live(g) ? TONE_RUN : TONE_PASS;
    html_print(b, "<p class=\"need %s\" role=\"%s\">", html_tone_word(tone),
               needed ? "alert" : "status");
    html_icon(b, tone);
    html_print(b, "%s</p>",
               g->needs_human ? "You are needed now"
               : !is_live(g)  ? "You are not needed"
               : alarm        ? "You are needed: haldane is not watching"
               : acting       ? "Not needed yet: haldane is acting"
                              : "Not needed: haldane is watching");
}

static void row_begin(struct buf *b, const char *name)
{
    html_print(b, "<div><dt>%s</dt><dd>", name);
}

static void row_end(struct buf *b)
{
    html_print(b, "</dd></div>");
}

static void now_row(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    row_begin(b, "Now");
    if (v->has_reading)
        part_sides(b, &v->reading, &v->guard, now_ms);
    else
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
    row_end(b);
}

/* The newest act notice that is not settled: what exactly a human is asked for. */
static void act_row(struct buf *b, const struct guard_view *v)
{
    for (size_t i = v->n_events; i-- > 0 && v->guard.needs_human;) {
        const struct store_event *e = &v->event[i];
        if (e->severity != HD_SEVERITY_ACT || e->resolved)
            continue;
        row_begin(b, "Asked");
        html_print(b, "<b>%s</b>", e->headline);
        if (e->text && *e->text)
            html_print(b, "<div class=\"pre\">%s</div>", e->text);
        row_end(b);
        return;
    }
}

struct step {
    const char *word;
    int64_t at_ms;
};

/* "decided 03:04:10Z > sent +200 ms > ... > verified: no" */
static void steps(struct buf *b, const struct store_guard *g, int64_t now_ms)
{
    const struct step step[] = {
        {"switched", g->switch_to_ms}, {"decided", g->decided_ms},   {"sent", g->sent_ms},
        {"accepted", g->accepted_ms},  {"verified", g->verified_ms}, {"recovered", g->recovered_ms},
    };
    char text[STR_TIME_MAX];
    int64_t last = -1;
    html_print(b, "<ol class=\"steps\">");
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        int64_t at = step[i].at_ms;
        html_print(b, "<li%s>", at < 0 ? " class=\"no\"" : "");
        if (at < 0) {
            html_print(b, is_live(g) ? "%s: not yet</li>" : "not %s</li>", step[i].word);
            break; /* what comes after cannot have happened */
        }
        html_print(b, "%s ", step[i].word);
        html_time(b, at, last < 0 ? now_ms : last); /* the date only where it changes */
        if (last >= 0)
            html_print(b, " <span class=\"m\">+%s</span>", str_duration(at - last, text));
        html_print(b, "</li>");
        last = at;
    }
    html_print(b, "</ol>");
}

static void done_row(struct buf *b, const struct store_guard *g, int64_t now_ms)
{
    char text[STR_TIME_MAX];
    row_begin(b, "Done");
    if (g->decided_ms >= 0) {
        steps(b, g, now_ms);
        if (g->bad_since_ms >= 0 && g->recovered_ms >= g->bad_since_ms)
            html_print(b, "Users were affected for about <b>%s</b>.",
                       str_duration(g->recovered_ms - g->bad_since_ms, text));
    } else {
        html_print(b, "Nothing was changed. Watch%s since ", is_live(g) ? "ing" : "ed");
        html_time(b, g->started_ms, now_ms);
        if (is_live(g) && g->until_ms >= 0) {
            html_print(b, ", until ");
            html_time(b, g->until_ms, now_ms);
            html_print(b, " (");
            html_ago(b, g->until_ms, now_ms);
            html_print(b, ").");
        } else if (g->ended_ms >= 0) {
            html_print(b, ", for %s.", str_duration(g->ended_ms - g->started_ms, text));
        }
    }
    row_end(b);
}

static const char *cause_sentence(const struct store_guard *g)
{
    switch (g->cause) {
    case HD_CAUSE_RELEASE:
        return "The stable side, watched in the same polls, is well: it is this release.";
    case HD_CAUSE_SHARED:
        return "Both colours break the same limit: it is not the deploy.";
    case HD_CAUSE_EARLIER:
        return "It was bad before the switch already.";
    default:
        if (g->verdict != HD_VERDICT_FAIL)
            return NULL;
        return g->recovered_ms >= 0
                   ? "The other side had no traffic to compare with; users recovered when it was moved back."
                   : "The other side had no traffic to compare with: it may be a shared outage too.";
    }
}

/* All reasons but the one that `why` says already. */
static void more_reasons(struct buf *b, const struct store_guard *g)
{
    JSON_AUTO j = NULL;
    bool open = false;
    if (!g->reasons || json_parse((struct hd_span){g->reasons, strlen(g->reasons)}, &j, NULL) ||
        json_type(j) != JSON_ARRAY)
        return;
    for (const struct json *r = json_first(j); r; r = json_next(r)) {
        const char *text;
        if (json_text(json_get(r, "text"), "text", &text, NULL) || !*text || str_is(text, g->why))
            continue;
        html_print(b, open ? "<li>%s</li>" : "<ul class=\"more\"><li>%s</li>", text);
        open = true;
    }
    if (open)
        html_print(b, "</ul>");
}

static void why_row(struct buf *b, const struct store_guard *g)
{
    static const char *const meaning[] = {
#define STATE(number, name, word, terminal, sentence) [number] = sentence,
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
    };
    const char *cause = cause_sentence(g);
    row_begin(b, "Why");
    if (g->why && *g->why)
        html_print(b, "<b>%s</b>", g->why);
    else if (g->state >= 0 && (size_t)g->state < sizeof meaning / sizeof *meaning)
        html_print(b, "%s", meaning[g->state]);
    if (cause)
        html_print(b, "<div>%s</div>", cause);
    more_reasons(b, g);
    row_end(b);
}

static void native_row(struct buf *b, const struct store_guard *g)
{
    if (!g->native || !*g->native)
        return;
    row_begin(b, "By hand");
    html_print(
        b, "<details%s><summary>%s</summary><pre>%s</pre></details>", g->needs_human ? " open" : "",
        g->needs_human ? "This moves the traffic back, without haldane:"
                       : "moves the traffic back to the stable side, even if haldane is down",
        g->native);
    row_end(b);
}

static void lead(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    /* Its border says whether to worry now: a finished rollback is no alarm. */
    enum tone tone = g->needs_human                  ? TONE_FAIL
                     : g->state == HD_STATE_REVERTED ? TONE_NONE
                                                     : html_state_tone(g->state);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / ");
    part_service_link(b, g->service);
    html_print(b, "/ guard %s</p><section class=\"lead %s\">", g->id, html_tone_word(tone));
    need_line(b, g, v->alarm != NULL);
    html_print(b, "<h1>%s</h1><p class=\"sub\">", g->headline);
    part_state(b, g->state);
    html_print(b, " <b>%s</b>: ", g->service);
    part_switch(b, g);
    if (g->analysis)
        html_print(b, " &middot; analysis: judges, cannot act");
    else if (g->mode != HD_MODE_ENFORCE)
        html_print(b, " &middot; mode %s: does not act", hd_mode_word(g->mode));
    html_print(b, "</p><dl class=\"rows\">");
    now_row(b, v, now_ms);
    act_row(b, v);
    done_row(b, g, now_ms);
    why_row(b, g);
    native_row(b, g);
    html_print(b, "</dl>");
    for (size_t i = 0; i < v->n_holds; i++)
        part_hold(b, &v->hold[i], now_ms);
    html_print(b, "</section>");
}

/* --- checks --- */

static void value_cell(struct buf *b, const char *label, double value, const char *unit)
{
    BUF_AUTO text = BUF_INIT(64);
    if (isfinite(value))
        reason_value(&text, value, unit);
    html_print(b, "<td data-l=\"%s\">%s</td>", label, text.len ? buf_at(&text) : "-");
}

static void check_row(struct buf *b, const struct check_view *c, const struct store_guard *g)
{
    html_print(b, "<tr id=\"check-%s\"><td data-l=\"state\"><span class=\"s %s\">", c->name,
               html_tone_word(c->tone));
    html_icon(b, c->tone);
    html_print(b, "%s</span></td><th scope=\"row\">%s", c->word, c->title);
    if (c->critical || c->advisory)
        html_print(b, " <span class=\"m\">%s</span>", c->critical ? "critical" : "advisory");
    html_print(b, "</th>");
    value_cell(b, g->candidate, c->value, c->unit);
    value_cell(b, g->stable, c->stable, c->unit);
    html_print(b, "<td data-l=\"limit\">%s</td><td data-l=\"n\">", *c->limit ? c->limit : "-");
    if (isfinite(c->n) && c->n > 0)
        reason_count(b, c->n);
    else
        html_print(b, "-");
    html_print(b, "</td><td data-l=\"polls over\">");
    if (c->state)
        html_print(b, "%u of %u", c->state->broken, c->state->judged);
    else
        html_print(b, "-");
    html_print(b, "</td><td data-l=\"query\" class=\"w\">");
    if (c->query)
        html_print(b, "<details><summary>query</summary><pre>%s</pre></details>", c->query);
    html_print(b, "</td></tr>");
}

static void checks_table(struct buf *b, const struct guard_view *v, const struct check_view **order)
{
    html_print(
        b,
        "<h2>Checks</h2><table class=\"list checks\"><thead><tr><th scope=\"col\">state</th>"
        "<th scope=\"col\">check</th><th scope=\"col\">%s</th><th scope=\"col\">%s</th>"
        "<th scope=\"col\">limit</th><th scope=\"col\">n</th><th scope=\"col\">polls over</th>"
        "<th scope=\"col\">query</th></tr></thead><tbody>",
        v->guard.candidate, v->guard.stable);
    for (size_t i = 0; i < v->n_checks; i++)
        check_row(b, order[i], &v->guard);
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

static void chart_figure(struct buf *b, const struct guard_view *v, const struct check_view *c,
                         struct view_series *series, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const struct chart chart = {.check = c,
                                .series = series,
                                .stable = g->stable,
                                .candidate = g->candidate,
                                .switch_ms = g->switch_to_ms,
                                .decided_ms = g->decided_ms,
                                .verified_ms = g->verified_ms,
                                .now_ms = now_ms};
    view_points(c, v->evidence, v->n_evidence, series);
    html_print(b, "<figure><figcaption><b>%s</b> ", c->title);
    if (series->n)
        chart_say(b, &chart);
    html_print(b, "</figcaption>");
    chart_draw(b, &chart);
    if (series->n) {
        html_print(b, "<p class=\"m marks\">");
        mark_legend(b, 'S', "switch", g->switch_to_ms, now_ms);
        mark_legend(b, 'D', "decided", g->decided_ms, g->switch_to_ms);
        mark_legend(b, 'V', "verified", g->verified_ms, g->switch_to_ms);
        html_print(b, "</p><details><summary>the numbers</summary>");
        chart_table(b, &chart);
        html_print(b, "</details>");
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

/* --- the rest --- */

static void timeline(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    html_print(b, "<h2>Timeline</h2>");
    if (v->events_left_out)
        html_print(
            b,
            "<p class=\"m\">%zu older lines are in the <a href=\"/api/v1/guards/%s/timeline\">"
            "timeline's JSON</a>.</p>",
            v->events_left_out, v->guard.id);
    html_print(b, "<ol class=\"time\">");
    for (size_t i = 0; i < v->n_events; i++) {
        const struct store_event *e = &v->event[i];
        enum tone tone = e->severity == HD_SEVERITY_ACT    ? e->resolved ? TONE_NONE : TONE_FAIL
                         : e->severity == HD_SEVERITY_WARN ? TONE_WARN
                                                           : TONE_NONE;
        html_print(b, "<li id=\"e%lld\">", (long long)e->seq);
        html_time(b, e->wall_ms, i ? v->event[i - 1].wall_ms : now_ms);
        html_print(b, "<div>");
        if (tone != TONE_NONE)
            html_icon(b, tone);
        html_print(b, "%s", e->headline);
        if (e->severity == HD_SEVERITY_ACT)
            html_print(b, " <span class=\"m\">%s</span>",
                       e->resolved ? "asked for a human; settled" : "asks for a human");
        if (e->text && *e->text)
            html_print(b, "<div class=\"m pre\">%s</div>", e->text);
        html_print(b, "</div></li>");
    }
    html_print(b, "</ol>");
    if (!v->n_events)
        html_print(b, "<p class=\"m\">Nothing happened yet.</p>");
}

static void intent_steps(struct buf *b, const struct store_intent *it)
{
    JSON_AUTO j = NULL;
    if (!it->steps || json_parse((struct hd_span){it->steps, strlen(it->steps)}, &j, NULL) ||
        json_type(j) != JSON_ARRAY)
        return;
    html_print(b, "<ol>");
    for (const struct json *s = json_first(j); s; s = json_next(s)) {
        const char *label = "", *text = "";
        (void)json_text(json_get(s, "label"), "label", &label, NULL);
        (void)json_text(json_get(s, "text"), "text", &text, NULL);
        html_print(b, "<li>%s<pre>%s</pre></li>", label, text);
    }
    html_print(b, "</ol>");
}

static void intents(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    if (v->n_intents)
        html_print(b, "<h2>Changes of traffic</h2>");
    for (size_t i = 0; i < v->n_intents; i++) {
        const struct store_intent *it = &v->intent[i];
        html_print(b, "<details><summary>%s %lld by %s: <b>%s</b>, journaled ", it->kind,
                   (long long)it->seq, it->actuator, hd_intent_word(it->outcome));
        html_time(b, it->journaled_ms, now_ms);
        html_print(b, "%s%s</summary><p>from <code>%s</code> to <code>%s</code></p>",
                   it->text && *it->text ? ": " : "", it->text, it->from, it->to);
        intent_steps(b, it);
        html_print(b, "</details>");
    }
}

static void told(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    if (!v->n_told)
        return;
    html_print(b, "<h2>Told</h2><ul class=\"told\">");
    for (size_t i = 0; i < v->n_told; i++) {
        const struct store_message *m = &v->told[i];
        enum tone tone = m->done == 1 ? TONE_PASS : m->done == 2 ? TONE_FAIL : TONE_RUN;
        html_print(b, "<li><span class=\"s %s\">", html_tone_word(tone));
        html_icon(b, tone);
        html_print(b, "%s</span> ",
                   m->done == 1   ? "delivered"
                   : m->done == 2 ? "given up"
                                  : "waiting");
        if (m->done)
            html_time(b, m->done_ms, now_ms);
        html_print(b, " <b>%s</b>%s: %s", m->sink, m->resolving ? " (settled)" : "",
                   m->event.headline);
        if (m->done != 1 && m->error)
            html_print(b, " <span class=\"m\">%u tries, last: %s</span>", m->tries, m->error);
        html_print(b, "</li>");
    }
    html_print(b, "</ul>");
}

static void fact(struct buf *b, const char *name, const char *text)
{
    if (text && *text)
        html_print(b, "<div><dt>%s</dt><dd>%s</dd></div>", name, text);
}

static void facts(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    html_print(b, "<h2>Particulars</h2><dl class=\"facts\">");
    fact(b, "released", v->change_version);
    fact(b, "commit", v->change_commit);
    fact(b, "by", v->change_actor);
    if (v->change_url &&
        (str_begins(v->change_url, "https://") || str_begins(v->change_url, "http://")))
        html_print(b, "<div><dt>change</dt><dd><a rel=\"noreferrer\" href=\"%s\">%s</a></dd></div>",
                   v->change_url, v->change_url);
    html_print(b, "<div><dt>switch seen</dt><dd>between ");
    html_time(b, g->switch_from_ms, now_ms);
    html_print(b, " and ");
    html_time(b, g->switch_to_ms, g->switch_from_ms);
    html_print(b, "</dd></div>");
    fact(b, "started by", g->trigger);
    fact(b, "mode", hd_mode_word(g->mode));
    fact(b, "verdict", hd_verdict_word(g->verdict));
    if (isfinite(g->score))
        html_print(b, "<div><dt>score</dt><dd>%.3g of 100</dd></div>", g->score);
    fact(b, "rehearsal", g->rehearsal);
    fact(b, "router before", g->value_before);
    fact(b, "router after", g->value_after);
    fact(b, "config", g->config_hash);
    html_print(b,
               "<div><dt>as JSON</dt><dd><a href=\"/api/v1/guards/%s\">guard</a> "
               "<a href=\"/api/v1/guards/%s/timeline\">timeline</a> "
               "<a href=\"/api/v1/guards/%s/evidence\">evidence</a></dd></div></dl>",
               g->id, g->id, g->id);
}

void guard_render(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const struct check_view **order = view_by_badness(a, v->check, v->n_checks);
    enum tone tone = g->needs_human ? TONE_FAIL : html_state_tone(g->state);
    html_head(b, &(struct html_page){.title = g->headline,
                                     .tone = tone,
                                     .live = is_live(g),
                                     .alarm = v->alarm,
                                     .now_ms = now_ms});
    lead(b, v, now_ms);
    if (v->n_checks) {
        checks_table(b, v, order);
        charts(b, v, order, a, now_ms);
    }
    timeline(b, v, now_ms);
    intents(b, v, now_ms);
    told(b, v, now_ms);
    facts(b, v, now_ms);
    html_foot(b);
}

enum hd_code guard_page(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err)) {
        if (err->code != HD_ABSENT)
            return err->code;
        return call_refuse(c, 404, "unknown_guard", "There is no guard %s.", c->param);
    }
    v->alarm = call_alarm(c);
    guard_render(call_answer(c, 200, CALL_HTML), c->arena, v, c->now_ms);
    return HD_OK;
}
