/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands below the charts of a guard's page: timeline, changes of traffic, the service's
 * history, who was told, particulars. Called by guard.c.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "http/guard_parts.h"
#include "http/parts.h"
#include "json/json.h"

#define HISTORY_SHOWN 5

static void timeline(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    char at[STR_TIME_MAX];
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
        if (!v->demo)
            html_print(b, "<a href=\"?at=%s\">", str_time(e->wall_ms, at));
        html_time(b, e->wall_ms, i ? v->event[i - 1].wall_ms : now_ms);
        html_print(b, v->demo ? "<div>" : "</a><div>");
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
    html_print(b, v->demo ? "</ol>" : v->n_events ? "</ol><p class=\"m\">A time leads to this page as it was then.</p>"
                              : "</ol><p class=\"m\">Nothing happened yet.</p>");
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

static const char *intent_words(int outcome)
{
    switch (outcome) {
    case HD_INTENT_JOURNALED:
        return "written down, not sent yet";
    case HD_INTENT_UNKNOWN:
        return "sent, the answer was lost";
    case HD_INTENT_UNVERIFIED:
        return "not verified";
    case HD_INTENT_CONFLICT:
        return "given up: someone else changed the traffic";
    default:
        return hd_intent_word(outcome);
    }
}

static void intents(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    if (v->n_intents)
        html_print(b, "<h2>Changes of traffic</h2>");
    for (size_t i = 0; i < v->n_intents; i++) {
        const struct store_intent *it = &v->intent[i];
        html_print(b, "<details><summary>%s %lld by %s: <b>%s</b>, journaled ", it->kind,
                   (long long)it->seq, it->actuator, intent_words(it->outcome));
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

static const char *started_by(const char *trigger)
{
    static const struct {
        const char *slug, *words;
    } row[] = {{"traffic", "the switch, seen at the router"},
               {"cli", "haldane guard"},
               {"api", "an order over the API"},
               {"order", "an order to move the traffic"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (str_is(row[i].slug, trigger))
            return row[i].words;
    }
    return trigger; /* the name of another tool */
}

static void facts(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    html_print(b, "<h2>Particulars</h2><dl class=\"facts\">");
    html_print(b, g->analysis ? "<div><dt>judged from</dt><dd>" : "<div><dt>switch seen</dt><dd>between ");
    html_time(b, g->switch_from_ms, now_ms);
    if (!g->analysis) {
        html_print(b, " and ");
        html_time(b, g->switch_to_ms, g->switch_from_ms);
    }
    html_print(b, "</dd></div>");
    fact(b, "started by", started_by(g->trigger));
    fact(b, "asked for as", v->run.run);
    fact(b, "mode", g->analysis ? NULL : hd_mode_word(g->mode));
    fact(b, "verdict", hd_verdict_word(g->verdict));
    if (isfinite(g->score))
        html_print(b, "<div><dt>score</dt><dd>%.3g of 100</dd></div>", g->score);
    fact(b, "rehearsal", g->rehearsal);
    fact(b, "router before", g->value_before);
    fact(b, "router after", g->value_after);
    fact(b, "config", g->config_hash);
    html_print(b,
               "<div><dt>to take along</dt><dd><a href=\"/api/v1/guards/%s/export.md\">"
               "post-mortem</a>%s",
               g->id, hd_state_terminal(g->state) ? ", " : "");
    if (hd_state_terminal(g->state))
        html_print(b, "<a href=\"/api/v1/guards/%s/receipt\">receipt</a> <span class=\"m\">"
                      "(<code>haldane replay FILE</code> proves it again)</span>",
                   g->id);
    html_print(b,
               "</dd></div><div><dt>as JSON</dt><dd><a href=\"/api/v1/guards/%s\">guard</a> "
               "<a href=\"/api/v1/guards/%s/timeline\">timeline</a> "
               "<a href=\"/api/v1/guards/%s/evidence\">evidence</a></dd></div></dl>",
               g->id, g->id, g->id);
}

static void history(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    size_t n = v->n_recent < HISTORY_SHOWN ? v->n_recent : HISTORY_SHOWN;
    html_print(b, "<h2>History of ");
    part_service_link(b, v->guard.service);
    html_print(b, "</h2><p>");
    record_say(b, &v->record);
    const struct record *r = &v->record;
    const bool times = r->detect_ms >= 0 || r->revert_ms >= 0 || r->recover_ms >= 0;
    html_print(b, times ? " Medians: " : "");
    record_times(b, r);
    html_print(b, times ? ".</p>" : "</p>");
    if (n)
        part_guards(b, v->recent, n, false, now_ms);
}

void guard_rest(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    timeline(b, v, now_ms);
    intents(b, v, now_ms);
    if (!v->at_ms)
        history(b, v, now_ms);
    told(b, v, now_ms);
    if (!v->demo)
        facts(b, v, now_ms);
}
