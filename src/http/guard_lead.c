/* SPDX-License-Identifier: Apache-2.0
 *
 * The first screen of a guard's page, in the reader's order. Says what is, never what might look
 * nice: what is not known is said to be unknown. Called by guard.c.
 */
#include <math.h>
#include <string.h>

#include "base/reason.h"
#include "base/str.h"
#include "engine/weigh.h"
#include "http/actions.h"
#include "http/blame.h"
#include "http/course.h"
#include "http/guard_parts.h"
#include "http/parts.h"
#include "json/json.h"

#define BESIDE_SHOWN 5
#define MEASURED_OLD_MS 60000 /* the share of a poll that long ago is history */

static bool is_live(const struct store_guard *g)
{
    return !hd_state_terminal(g->state);
}

const char *guard_sentence(struct hd_arena *a, const struct store_guard *g)
{
    return arena_print(a, "%s: %s", g->service, g->headline);
}

static bool both_bad(const struct guard_view *v)
{
    struct cause_facts f;
    blame_facts(&v->guard, &f);
    return cause_both_bad(cause_of(&f));
}

/* A newer guard of the service that needs somebody; NULL: none. */
static const struct store_guard *newer_needing(const struct guard_view *v)
{
    for (size_t i = 0; i < v->n_recent; i++) { /* newest first */
        if (v->recent[i].needs_human && strcmp(v->recent[i].id, v->guard.id) > 0)
            return &v->recent[i];
    }
    return NULL;
}

static void need_line(struct buf *b, struct hd_arena *a, const struct guard_view *v)
{
    const struct store_guard *g = &v->guard, *newer = newer_needing(v);
    enum course course = course_of(g, &v->stance);
    bool alarm = v->alarm != NULL, needed = g->needs_human || newer || (alarm && is_live(g));
    bool left = course == COURSE_LEFT || course == COURSE_OVER_LEFT;
    enum tone tone = needed                            ? TONE_FAIL
                     : left || course == COURSE_OVER ? TONE_WARN
                     : is_live(g)                      ? TONE_RUN
                                                       : TONE_PASS;
    html_print(b, "<p class=\"need %s\" role=\"%s\">", html_tone_word(tone),
               needed ? "alert" : "status");
    html_icon(b, tone);
    html_print(b, "%s", g->needs_human          ? "You are needed now"
                        : newer                 ? "You are needed, by a newer release: "
                        : alarm && is_live(g) ? "You are needed: haldane itself is not well"
                                                : course_need(g, course));
    if (newer && !g->needs_human)
        html_print(b, "<a href=\"/g/%s\">%s</a>", newer->id, newer->headline);
    html_print(b, "</p>");
    if (left && !needed)
        part_stance(b, a, "", &v->stance);
}

static void row_begin(struct buf *b, const char *name)
{
    html_print(b, "<div><dt>%s</dt><dd>", name);
}

static void row_end(struct buf *b)
{
    html_print(b, "</dd></div>");
}

/* What the data source counted, beside what the router says it sends. */
static void measured(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    if (!isfinite(v->measured[HD_CANDIDATE]) || v->guard.verified_ms > v->measured_ms ||
        now_ms - v->measured_ms > MEASURED_OLD_MS)
        return;
    html_print(b, "<div class=\"m\">measured: ");
    part_share(b, (uint32_t)lround(v->measured[HD_CANDIDATE] * 1e6));
    html_print(b, " of the requests on %s, ", v->guard.candidate);
    part_share(b, (uint32_t)lround(v->measured[HD_STABLE] * 1e6));
    html_print(b, " on %s, ", v->guard.stable);
    html_ago(b, v->measured_ms, now_ms);
    html_print(b, "</div>");
}

/* Its versions are what its colours had then: with a newer guard nobody knows from it what they have now. */
static void now_row(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    struct store_guard g = v->guard;
    if (!v->at_ms && v->n_recent && strcmp(v->recent[0].id, g.id) > 0)
        g.stable_version = g.candidate_version = NULL;
    row_begin(b, v->at_ms ? "Then" : "Now");
    if (v->has_reading)
        part_sides(b, &v->reading, &g, true, now_ms);
    else
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
    measured(b, v, now_ms);
    row_end(b);
}

/* The newest notice that is not settled, as far as it says more than the heading and the why. */
static void asked_row(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    if (v->approval.guard) {
        row_begin(b, "Approval");
        part_approval(b, &v->approval, now_ms);
        row_end(b);
        return;
    }
    for (size_t i = v->n_events; i-- > 0 && g->needs_human;) {
        const struct store_event *e = &v->event[i];
        if (e->severity != HD_SEVERITY_ACT || e->resolved)
            continue;
        bool headline = !str_is(e->headline, g->headline);
        bool text = e->text && *e->text && !str_is(e->text, g->why);
        if (!headline && !text)
            return;
        row_begin(b, "Notice");
        if (headline)
            html_print(b, "<b>%s</b>", e->headline);
        if (text)
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
        {g->analysis ? "began" : "switched", g->switch_to_ms}, {"decided", g->decided_ms},   {"sent", g->sent_ms},
        {"accepted", g->accepted_ms},  {"verified", g->verified_ms}, {"recovered", g->recovered_ms},
    };
    char text[STR_TIME_MAX];
    int64_t last = -1;
    html_print(b, "<ol class=\"steps\">");
    const size_t n = g->analysis ? 2 : sizeof step / sizeof *step; /* it sends nothing */
    for (size_t i = 0; i < n; i++) {
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

static void why_row(struct buf *b, struct hd_arena *a, const struct guard_view *v)
{
    static const char *const meaning[] = {
#define STATE(number, name, word, terminal, sentence) [number] = sentence,
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
    };
    const struct store_guard *g = &v->guard;
    const char *cause = blame_say(a, g);
    row_begin(b, "Why");
    if (g->why && *g->why)
        html_print(b, "<b>%s</b>", g->why);
    else if (g->state >= 0 && (size_t)g->state < sizeof meaning / sizeof *meaning)
        html_print(b, "%s", meaning[g->state]);
    more_reasons(b, g);
    row_end(b);
    if (cause) {
        row_begin(b, "Deploy?");
        html_print(b, "%s", cause);
        row_end(b);
    }
}

/* --- can I go back or forward, what can I do --- */

static void way_row(struct buf *b, const struct guard_view *v, const struct way *w, int64_t now_ms)
{
    static const enum tone tones[] = {[WAY_OPEN] = TONE_PASS,
                                      [WAY_DOUBT] = TONE_WARN,
                                      [WAY_ORDER] = TONE_WARN,
                                      [WAY_BLOCKED] = TONE_FAIL,
                                      [WAY_THERE] = TONE_NONE,
                                      [WAY_NONE] = TONE_NONE};
    row_begin(b, "Way back");
    if (w->n)
        html_print(b, "<details><summary>");
    html_print(b, "<span class=\"s %s\">", html_tone_word(tones[w->state]));
    html_icon(b, tones[w->state]);
    html_print(b, "</span>%s", w->sentence);
    part_until(b, w, now_ms);
    if (w->n)
        html_print(b, "</summary>");
    part_way(b, w);
    if (w->n)
        html_print(b, "</details>");
    if (v->rejected[HD_CANDIDATE])
        html_print(b, "<div>Way forward: %s was rejected (%s) and is no target for haldane until it is "
                      "re-armed or passes.</div>",
                   v->guard.candidate,
                   *v->rejected[HD_CANDIDATE] ? v->rejected[HD_CANDIDATE] : "by a human");
    row_end(b);
}

static bool is_blind(const struct guard_view *v)
{
    for (size_t i = 0; i < v->n_checks; i++) {
        if (v->check[i].state && v->check[i].state->blind)
            return true;
    }
    return false;
}

/* What is worth trying, by how it stands; NULL: nothing. */
static const char *advice(const struct guard_view *v, const struct way *w, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    if (!g->needs_human)
        return NULL;
    if (both_bad(v))
        return "Look first at what both colours share: the database, the network, a provider. Moving "
               "the traffic back does not help against a shared outage.";
    switch (g->state) {
    case HD_STATE_WARMING:
    case HD_STATE_WATCHING:
        return view_waits(v, now_ms) ? "Decide: approve the revert or reject it, before it is too late."
               : is_blind(v)         ? "haldane sees too little to judge this release: judge it yourself, and look why "
                                       "its source gives no evidence."
               : w->old              ? "haldane cannot read the router, nor move its traffic: look at the router."
                                     : NULL;
    case HD_STATE_NOT_VERIFIED:
        return "Move the traffic by hand with the command below, then see that \"Now\" follows.";
    case HD_STATE_AFTERCARE:
    case HD_STATE_NOT_RECOVERED:
        return "The traffic is back and users are not well: look for what the release left behind, or "
               "for an outage beside it.";
    case HD_STATE_REFUSED:
        return w->state == WAY_BLOCKED
                   ? "Make the other side ready first, or take the release forward."
               : g->sent_ms >= 0
                   ? "See in the notice what the router refuses; mend that first, or move the traffic by hand there."
               : w->old
                   ? "Mend first that haldane cannot read the router, or move the traffic by hand there."
               : w->state == WAY_DOUBT
                   ? "See in the notice what was in the way, and whether it still is; then order the revert, or move the "
                     "traffic by hand."
                   : "The way back is open now: order the revert, or move the traffic by hand.";
    case HD_STATE_ADVISED:
        return "Decide: order the revert, or move the traffic by hand, or keep the release.";
    case HD_STATE_INCONCLUSIVE:
        return "Look at the checks without evidence, then keep the release or take it back.";
    default:
        return NULL;
    }
}

static void todo_row(struct buf *b, const struct guard_view *v, const struct way *w, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const char *text = advice(v, w, now_ms);
    bool open = g->needs_human && !both_bad(v);
    row_begin(b, "To do");
    if (text)
        html_print(b, "<b>%s</b>", text);
    part_contacts(b, "Ask or read: ", &v->contacts);
    if (w->native && !g->analysis)
        html_print(b,
                   "<details%s><summary>by hand: moves the traffic to %s, also when haldane is down"
                   "</summary><pre id=\"native\" class=\"cmd\">%s</pre></details>",
                   open ? " open" : "", w->to, w->native);
    actions_of_guard(b, v, w, now_ms);
    row_end(b);
}

/* --- what changed, how sure --- */

static void beside(struct buf *b, const struct guard_view *v)
{
    if (!v->n_beside || v->at_ms)
        return;
    html_print(b, "<div>Within a quarter of an hour of it:");
    for (size_t i = 0; i < v->n_beside && i < BESIDE_SHOWN; i++)
        html_print(b, "%s <a href=\"/g/%s\">%s</a> %s", i ? "," : "", v->beside[i].id, v->beside[i].service,
                   html_state_words(v->beside[i].state));
    if (v->n_beside > BESIDE_SHOWN)
        html_print(b, " and %zu more", v->n_beside - BESIDE_SHOWN);
    html_print(b, ".</div>");
}

static void change_row(struct buf *b, const struct guard_view *v)
{
    const struct store_guard *g = &v->guard;
    bool said = v->change_version || v->change_commit || v->change_url || v->change_actor;
    row_begin(b, g->analysis ? "Judged" : "Changed");
    part_switch(b, g);
    if (v->change_commit)
        html_print(b, ", commit <code>%s</code>", v->change_commit);
    if (v->change_actor)
        html_print(b, ", by %s", v->change_actor);
    if (part_leads(v->change_url)) {
        html_print(b, ", ");
        part_link(b, v->change_url, v->change_url);
    }
    if (!said && !g->analysis)
        html_print(b, " <span class=\"m\">(nobody said which version; <code>haldane guard %s "
                      "--version TEXT</code> would)</span>",
                   g->service);
    if (g->group) {
        html_print(b, "<div>Released together with others: group ");
        part_group_link(b, g->group);
        html_print(b, "</div>");
    }
    beside(b, v);
    row_end(b);
}

static void sure_requests(struct buf *b, const struct guard_view *v)
{
    double most = 0, other = 0;
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct hd_check_state *s = v->check[i].state;
        if (s && s->sum_exposure > most) {
            most = s->sum_exposure;
            other = s->stable_exposure;
        }
    }
    if (!(most > 0))
        return;
    html_print(b, "; ");
    reason_count(b, most);
    html_print(b, " requests of %s, ", v->guard.candidate);
    reason_count(b, other);
    html_print(b, " of %s", v->guard.stable);
}

/* The evidence of a sequential rule as a meter: 100 % is what a revert needs. */
static void sure_weigh(struct buf *b, const struct guard_view *v)
{
    struct weigh w = weigh_view(v->guard.engine);
    if (!w.any)
        return;
    html_print(b, "<div>evidence against %s: <meter min=\"0\" max=\"100\" value=\"%.0f\">%.0f %%</meter> "
                  "%.0f %% of what a %s needs", v->guard.candidate, 100 * w.meter,
               100 * w.meter, 100 * w.meter, v->guard.analysis ? "fail" : "revert");
    if (w.crossed_ms) {
        html_print(b, "; it sufficed ");
        html_time(b, v->guard.switch_to_ms + w.crossed_ms, v->guard.switch_to_ms);
    } else if (w.healthy_ms) {
        html_print(b, "; proven healthy ");
        html_time(b, v->guard.switch_to_ms + w.healthy_ms, v->guard.switch_to_ms);
    }
    html_print(b, "</div><div class=\"m\">a %s needs evidence that chance gives at most once in %.0f "
                  "guards, even if %s is just tolerable; what is shorter than ignore_blips cannot give it "
                  "alone</div>", v->guard.analysis ? "fail" : "revert", floor(exp(w.threshold) + 0.5), v->guard.candidate);
    for (size_t i = 0; i < v->n_checks; i++) {
        double n = weigh_effective(v->guard.engine, v->check[i].index);
        const struct hd_check_state *s = v->check[i].state;
        if (!s || !(n > 0) || !(s->sum_exposure > 0))
            continue;
        html_print(b, "<div class=\"m\">%s: ", v->check[i].name);
        reason_count(b, s->sum_exposure);
        html_print(b, " requests count as ");
        reason_count(b, n);
        html_print(b, " independent ones</div>");
    }
    if (w.cannot_tell)
        html_print(b, "<div class=\"m\">cannot tell this release from a shared outage: no traffic is "
                      "left on %s</div>", v->guard.stable);
}

/* Polls in which a check was not observed, by check. */
static void sure_gaps(struct buf *b, const struct guard_view *v)
{
    uint32_t polls = v->guard.engine ? v->guard.engine->polls : 0;
    bool any = false;
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct hd_check_state *s = v->check[i].state;
        if (!s || s->observed >= polls)
            continue;
        html_print(b, "<div class=\"m\">%s: not observed in %u of %u polls%s</div>", v->check[i].name,
                   polls - s->observed, polls, s->blind ? "; blind now" : "");
        any = true;
    }
    if (!any && polls)
        html_print(b, "; no poll was missed");
}

/* Polls up to the moment that the page shows. */
static void sure_then(struct buf *b, const struct guard_view *v, int64_t at_ms)
{
    row_begin(b, "How sure");
    html_print(b, "%zu poll%s until then", v->polls, v->polls == 1 ? "" : "s");
    if (v->polls) {
        html_print(b, ", the newest ");
        html_ago(b, v->evidence[v->n_evidence - 1].wall_ms, at_ms);
    }
    row_end(b);
}

static void sure_row(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    if (v->at_ms && !g->engine)
        sure_then(b, v, now_ms);
    if (!g->engine)
        return;
    row_begin(b, "How sure");
    html_print(b, "%u poll%s", g->engine->polls, g->engine->polls == 1 ? "" : "s");
    if (is_live(g) && g->verified_ms < 0 && v->n_evidence) {
        html_print(b, ", the newest ");
        html_ago(b, v->evidence[v->n_evidence - 1].wall_ms, now_ms);
    }
    sure_requests(b, v);
    if (isfinite(g->score))
        html_print(b, "; score %.3g of 100", g->score);
    sure_gaps(b, v);
    sure_weigh(b, v);
    row_end(b);
}

/* To take along: what is sent on or kept, before one has to look for it. */
static void tools(struct buf *b, const struct store_guard *g)
{
    html_print(b, " &middot; <a id=\"export\" href=\"/api/v1/guards/%s/export.md\">post-mortem</a>", g->id);
    if (hd_state_terminal(g->state))
        html_print(b, " &middot; <a href=\"/api/v1/guards/%s/receipt\">receipt</a>", g->id);
}

static void demo_banner(struct buf *b)
{
    html_print(b, "<p class=\"note warn\">");
    html_icon(b, TONE_WARN);
    html_print(b, "<b>An invented example</b>: no such service, release or rollback was ever there. It is kept in the "
                  "program, not in the history, and nothing can be ordered from it. <a href=\"/\">To the fleet</a></p>");
}

/* A page that shows another time than now must not be taken for the state of things. */
static void moment_banner(struct buf *b, const struct guard_view *v, int64_t now_ms)
{
    html_print(b, "<p class=\"note warn\">");
    html_icon(b, TONE_WARN);
    html_print(b, "<b>This is how it stood at ");
    html_time(b, v->at_ms, 0);
    html_print(b, "</b>, ");
    html_ago(b, v->at_ms, now_ms);
    html_print(b, ", by what was known then. It does not change, and nothing can be ordered from it. "
                  "<a href=\"/g/%s\">How it stands now</a></p>", v->guard.id);
}

static void lead_rows(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    struct way way;
    html_print(b, "<dl class=\"rows\">");
    now_row(b, v, now_ms);
    asked_row(b, v, now_ms);
    done_row(b, g, now_ms);
    why_row(b, a, v);
    view_way(a, v, now_ms, &way);
    if (!g->analysis && !v->at_ms)
        way_row(b, v, &way, now_ms);
    if ((!g->analysis || is_live(g)) && !v->at_ms)
        todo_row(b, v, &way, now_ms);
    change_row(b, v);
    sure_row(b, v, now_ms);
    html_print(b, "</dl>");
}

void guard_lead(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    /* Its border says whether to worry now: a finished rollback is no alarm. */
    enum tone tone = g->needs_human                  ? TONE_FAIL
                     : g->state == HD_STATE_REVERTED ? TONE_NONE
                                                     : html_state_tone(g->state);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / ");
    if (v->demo) {
        html_print(b, "an invented guard</p>");
        demo_banner(b);
    } else {
        part_service_link(b, g->service);
        html_print(b, "/ guard <span class=\"id\">%s</span>", g->id);
        tools(b, g);
        html_print(b, "</p>");
    }
    if (v->at_ms && !v->demo)
        moment_banner(b, v, now_ms);
    html_print(b, "<section class=\"lead %s\"", html_tone_word(tone));
    if (!v->demo && !v->at_ms) /* what is sent on must be true now */
        html_print(b, " data-copy=\"%s&#10;%s\" data-url=\"/g/%s\"", guard_sentence(a, g), g->why, g->id);
    html_print(b, ">");
    if (!v->at_ms)
        need_line(b, a, v);
    html_print(b, "<h1>%s</h1><p class=\"sub\">", guard_sentence(a, g));
    part_state(b, g->state);
    html_print(b, " ");
    part_switch(b, g);
    if (g->analysis)
        html_print(b, " &middot; analysis: judges, cannot act");
    else if (g->mode != HD_MODE_ENFORCE)
        html_print(b, " &middot; mode %s: does not act", hd_mode_word(g->mode));
    html_print(b, "</p>");
    lead_rows(b, a, v, v->at_ms ? v->at_ms : now_ms);
    for (size_t i = 0; i < v->n_holds && !v->at_ms; i++)
        part_hold(b, &v->hold[i], now_ms);
    html_print(b, "</section>");
}
