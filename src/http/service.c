/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of one service: what its users get now, whether it could go back, its holds, how its
 * guards have done, and those guards, newest first, by a filter.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/actions.h"
#include "http/course.h"
#include "http/handlers.h"
#include "http/history.h"
#include "http/limits.h"
#include "http/parts.h"
#include "http/view.h"

#define PAGE 50

struct page {
    struct call *call;
    struct history history;
    bool configured, has_reading, drilled;
    struct store_service service;
    struct store_reading reading;
    struct store_drill drill;
    struct store_guard *list, *recent; /* by the filter · the newest, for the record */
    struct store_guard *needing;       /* a human, newest first */
    struct store_guard live;           /* with its memory, while has_live */
    struct store_event *act;           /* open notices */
    struct store_budgets budgets;
    size_t n, n_recent, n_needing, n_acts;
    bool has_live;
    struct stance stance;
    struct record record;
    struct way way;
    bool rejected; /* one of its sides is no target */
};

static void row(struct buf *b, const char *name)
{
    html_print(b, "<div><dt>%s</dt><dd>", name);
}

static void now_rows(struct buf *b, const struct page *p)
{
    const struct store_reading *r = p->has_reading ? &p->reading : NULL;
    row(b, "Now");
    if (r)
        part_sides(b, r, p->n_recent ? &p->recent[0] : NULL, false, p->call->now_ms);
    else
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
    html_print(b, "</dd></div>");
    if (r && r->value) {
        row(b, "Router");
        html_print(b, "<code>%s</code>%s%s", r->value, r->owner ? ", managed by " : "", r->owner);
        html_print(b, " since ");
        html_time(b, r->first_ms, p->call->now_ms);
        html_print(b, "</dd></div>");
    }
}

static void record_rows(struct buf *b, const struct page *p)
{
    row(b, "Record");
    record_say(b, &p->record);
    if (p->n_recent == RECORD_GUARDS)
        html_print(b, " <span class=\"m\">(the newest %d)</span>", RECORD_GUARDS);
    size_t before = b->len;
    html_print(b, "<div>Medians: ");
    size_t empty = b->len;
    record_times(b, &p->record);
    if (b->len == empty)
        b->len = before;
    else
        html_print(b, ".</div>");
    html_print(b, "</dd></div>");
}

static void about_rows(struct buf *b, const struct page *p)
{
    struct hd_arena *a = p->call->arena;
    struct contacts contacts;
    if (!p->configured)
        return;
    view_contacts(a, &p->service, &contacts);
    if (contacts.owner || contacts.runbook || contacts.dashboard) {
        row(b, "About");
        part_contacts(b, "", &contacts);
        html_print(b, "</dd></div>");
    }
    row(b, "Rules");
    html_print(b, "mode %s, on fail %s, undecided %s, by %s", p->service.mode,
               view_about(a, &p->service, "on_fail"), view_about(a, &p->service, "on_inconclusive"),
               view_about(a, &p->service, "actuator"));
    html_print(b, ", config <code>%s</code>",
               arena_text_n(a, p->service.config_hash, strnlen(p->service.config_hash, 12)));
    html_print(b, "</dd></div>");
}

static void limits_row(struct buf *b, const struct page *p)
{
    row(b, "Limits");
    limits_brief(p->call, b);
    html_print(b, "</dd></div>");
}

/* A way back that nobody ever tried is a hope. */
static void drill_row(struct buf *b, const struct page *p)
{
    row(b, "Drill");
    if (p->drilled) {
        html_ago(b, p->drill.at_ms, p->call->now_ms);
        html_print(b, ", ");
        html_time(b, p->drill.at_ms, p->call->now_ms);
        html_print(b, !p->drill.ok       ? ", a revert would <strong>not</strong> have worked"
                      : p->drill.refused ? ", a revert would have worked, and haldane would <strong>not</strong> have "
                                           "made it by itself"
                                         : ", a revert would have worked");
        html_print(b, " <span class=\"m\">%s%s%s</span>", p->drill.refused ? p->drill.refused : "",
                   p->drill.refused ? "; " : "", p->drill.text);
    } else {
        html_print(b, "<span class=\"m\">never: <code>haldane drill %s</code> rehearses a revert and moves nothing"
                      "</span>", p->call->param);
    }
    html_print(b, "</dd></div>");
}

/* --- am I needed? --- */

/* A notice of the service that belongs to no guard; NULL: none. */
static const struct store_event *own_act(const struct page *p)
{
    for (size_t i = 0; i < p->n_acts; i++) {
        if (!p->act[i].guard && str_is(p->act[i].service, p->call->param))
            return &p->act[i];
    }
    return NULL;
}

static const struct store_side *rejected_live(const struct page *p)
{
    for (size_t i = 0; p->has_reading && i < p->reading.n_sides; i++) {
        const struct store_side *s = &p->reading.side[i];
        if (s->rejected && s->share_ppm && s->share_ppm != UINT32_MAX)
            return s;
    }
    return NULL;
}

static bool is_blind(const struct page *p)
{
    const struct hd_guard_state *g = p->has_live ? p->live.engine : NULL;
    for (uint32_t i = 0; g && i < g->n_checks; i++) {
        if (g->check[i].blind)
            return true;
    }
    return false;
}

static void need(struct buf *b, enum tone tone, const char *text, const struct store_guard *g)
{
    html_print(b, "<p class=\"need %s\" role=\"%s\">", html_tone_word(tone), tone == TONE_FAIL ? "alert" : "status");
    html_icon(b, tone);
    html_print(b, "%s", text);
    if (g)
        html_print(b, "<a href=\"/g/%s\">%s</a>", g->id, g->headline);
    html_print(b, "</p>");
}

static void need_rejected(struct buf *b, const struct page *p, const struct store_side *s)
{
    html_print(b, "<p class=\"because\">%s has traffic and was rejected", s->colour);
    if (s->rejected->guard)
        html_print(b, " by <a href=\"/g/%s\">a guard</a>", s->rejected->guard);
    html_print(b, " at ");
    html_time(b, s->rejected->at_ms, p->call->now_ms);
    html_print(b, "%s%s</p>", *s->rejected->why ? ": " : "", s->rejected->why);
}

static void need_lines(struct buf *b, const struct page *p)
{
    const struct store_event *act = own_act(p);
    const struct store_side *rejected = rejected_live(p);
    enum course course = p->has_live ? course_of(&p->live, &p->stance) : COURSE_WELL;
    bool said = false;
    bool left = p->has_live ? course == COURSE_LEFT || course == COURSE_OVER_LEFT : stance_left_alone(&p->stance);
    if (call_alarm(p->call))
        need(b, TONE_FAIL, "You are needed: haldane itself is not well", NULL);
    else if (p->n_needing)
        need(b, TONE_FAIL, "You are needed now: ", &p->needing[0]);
    else if (act)
        need(b, TONE_FAIL, arena_print(p->call->arena, "You are needed now: %s", act->headline), NULL);
    else if (!p->configured)
        need(b, TONE_WARN, "Nothing guards this service: it is no longer configured", NULL);
    else if ((said = p->has_live && course != COURSE_WELL))
        need(b, course == COURSE_ACTING || course == COURSE_BACK ? TONE_RUN : TONE_WARN, course_need(&p->live, course),
             NULL);
    else if (is_blind(p))
        need(b, TONE_WARN, "Look: a check has no usable evidence any more", NULL);
    else if (rejected)
        need(b, TONE_WARN, "Look: a rejected side has traffic", NULL);
    else if ((said = left))
        need(b, TONE_WARN, "Not needed now; if the next release fails, haldane will NOT take it back", NULL);
    else
        need(b, p->has_live ? TONE_RUN : TONE_PASS,
             p->has_live ? course_need(&p->live, course) : "Not needed: nothing is being released", NULL);
    if (rejected)
        need_rejected(b, p, rejected);
    if (left && !(p->has_live && p->live.decided_ms >= 0)) /* it has failed, and that is said */
        part_stance(b, p->call->arena,
                    said          ? ""
                    : p->has_live ? "If it fails, haldane will NOT take this back: "
                                  : "haldane would not take back the next release: ",
                    &p->stance);
}

static void lead(struct buf *b, const struct page *p)
{
    html_print(b, "<section class=\"lead none\">");
    need_lines(b, p);
    html_print(b, "<dl class=\"rows\">");
    now_rows(b, p);
    row(b, "Way back");
    html_print(b, "%s", p->way.sentence);
    part_until(b, &p->way, p->call->now_ms);
    part_way(b, &p->way);
    html_print(b, "</dd></div>");
    if (p->configured)
        drill_row(b, p);
    record_rows(b, p);
    about_rows(b, p);
    if (p->n_recent)
        limits_row(b, p);
    html_print(b, "</dl>");
    if (p->configured)
        actions_of_service(b, p->call->param, &p->way, p->has_live,
                           view_hold(p->budgets.hold, p->budgets.n_holds, p->call->param) != NULL, p->rejected);
    html_print(b, "</section>");
}

/* Who has no guard yet learns how one comes to be. */
static void teach(struct buf *b, const char *service)
{
    html_print(b,
               "<p>No guard yet. One starts by itself when traffic moves from one colour to another; "
               "nothing else is needed. To wait for it in a pipeline:</p><pre>haldane guard %s --wait"
               "</pre><p>To see what it would ask, and whether the queries find anything:</p>"
               "<pre>haldane check --print</pre><p><a href=\"/demo\">An invented example</a> shows what a guard's page "
               "says.</p>",
               service);
}

static void guards(struct buf *b, const struct page *p)
{
    struct call *c = p->call;
    const struct history *h = &p->history;
    html_print(b, "<h2 id=\"history\">Guards</h2>");
    if (!p->n && !h->narrowed) {
        teach(b, c->param);
        return;
    }
    history_form(b, h);
    if (p->n)
        part_guards(b, p->list, p->n < PAGE ? p->n : PAGE, false, c->now_ms);
    else
        html_print(b, "<p>No guard is like that. <a href=\"?\">All of them</a></p>");
    html_print(b, "<p class=\"pages\">");
    if (p->n > PAGE) {
        html_print(b, "<a rel=\"next\" href=\"/s/");
        html_segment(b, c->param);
        history_query(b, h, p->list[PAGE - 1].id);
        html_print(b, "\">older</a> ");
    }
    static const char *const kinds[] = {"csv", "json"};
    for (size_t i = 0; i < 2; i++) {
        html_print(b, "<a href=\"/s/");
        html_segment(b, c->param);
        html_print(b, "/guards.%s", kinds[i]);
        history_query(b, h, NULL);
        html_print(b, "\">as %s</a> ", i ? "JSON" : "CSV");
    }
    if (p->n > PAGE)
        html_print(b, "(the newest %d of them; by a filter also older ones)", HD_ROWS_MAX);
    html_print(b, "</p>");
}

static enum hd_code load(struct page *p, struct hd_error *err)
{
    struct call *c = p->call;
    const struct store_filter recent = {
        .service = c->param, .verdict = -1, .limit = RECORD_GUARDS},
                              needing = {.service = c->param, .needs_human = true, .verdict = -1, .limit = 1};
    enum hd_code code = store_service(c->store, c->arena, c->param, &p->service, err);
    if (code && code != HD_ABSENT)
        return code;
    p->configured = !code;
    if (store_guards(c->store, c->arena, &p->history.filter, &p->list, &p->n, err) ||
        store_guards(c->store, c->arena, &recent, &p->recent, &p->n_recent, err) ||
        store_guards(c->store, c->arena, &needing, &p->needing, &p->n_needing, err) ||
        store_open_acts(c->store, c->arena, &p->act, &p->n_acts, err) ||
        store_budgets(c->store, c->arena, c->now_ms, &p->budgets, err) ||
        view_reading(c->store, c->arena, c->param, &p->has_reading, &p->reading, err))
        return err->code;
    code = store_drill(c->store, c->arena, c->param, &p->drill, err);
    if (code && code != HD_ABSENT)
        return code;
    p->drilled = !code;
    record_of(c->arena, p->recent, p->n_recent, &p->record);
    p->has_live = p->n_recent && !hd_state_terminal(p->recent[0].state);
    if (p->has_live && store_guard(c->store, c->arena, p->recent[0].id, &p->live, err))
        return err->code;
    const struct way_facts f = {.service = p->configured ? &p->service : NULL,
                                .reading = p->has_reading ? &p->reading : NULL,
                                .guard = p->n_recent ? &p->recent[0] : NULL,
                                .alarm = call_alarm(c),
                                .now_ms = c->now_ms};
    const struct store_asked asked = {.service = c->param,
                                      .row = f.service,
                                      .guard = p->has_live && stance_open(&p->live) ? &p->live : NULL,
                                      .budgets = &p->budgets,
                                      .now_ms = c->now_ms};
    if (view_find_way(c->store, c->arena, &f, &p->budgets, &p->way, err) ||
        stance_load(c->store, c->arena, &asked, &p->stance, err))
        return err->code;
    for (size_t i = 0; p->has_reading && i < p->reading.n_sides; i++)
        p->rejected |= p->reading.side[i].rejected != NULL;
    return HD_OK;
}

/* A service that is no longer configured keeps its history, and so its page. */
enum hd_code service_page(struct call *c, struct hd_error *err)
{
    struct page *p = arena_of(c->arena, struct page);
    p->call = c;
    if (!history_read(c, PAGE + 1, &p->history))
        return HD_OK;
    if (load(p, err))
        return err->code;
    if (!p->configured && !p->n_recent && !p->has_reading)
        return call_refuse(c, 404, "unknown_service", "There is no service %s.", c->param);
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, c->param);
    page.live = p->has_live;
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / %s</p><h1>%s</h1>", c->param,
               c->param);
    if (!p->configured)
        html_print(b, "<p class=\"note warn\">This service is no longer configured: nothing guards "
                      "it.</p>");
    for (size_t i = 0; i < p->budgets.n_holds; i++) {
        if (!p->budgets.hold[i].service || str_is(p->budgets.hold[i].service, c->param))
            part_hold(b, &p->budgets.hold[i], c->now_ms);
    }
    lead(b, p);
    guards(b, p);
    html_foot(b);
    return HD_OK;
}
