/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet, as a page and as data: who needs a human, what is being watched, the last twelve hours as a
 * handover, every service. Reads the store only.
 */
#include "http/fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/handlers.h"
#include "http/parts.h"
#include "http/show.h"

#define HANDOVER_MS ((int64_t)12 * 3600 * 1000)
#define RECENT_MAX 100
#define ROUTER_OLD_MS 60000 /* routers are read every 5 s */
#define NAMED_MAX 5
#define GROUPS_SHOWN 20 /* a group is one change; more of them live at once have pages of their own */

static void count_word(struct buf *b, size_t n, const char *word, bool *said)
{
    if (!n)
        return;
    html_print(b, "%s%zu %s", *said ? ", " : "", n, word);
    *said = true;
}

/* Of those that are live, what presses most. */
static void say_live(struct buf *b, const struct fleet_view *v)
{
    for (enum course c = COURSE_OVER_LEFT; c > COURSE_WELL; c--) {
        if (v->n_course[c]) {
            course_say(b, c, v->n_course[c]);
            return;
        }
    }
    course_say(b, COURSE_WELL, v->n_live);
}

/* The page's one sentence. */
static void say_fleet(struct buf *b, const struct fleet_view *v)
{
    size_t needing = v->n_needing + v->n_acts;
    if (v->alarm)
        html_print(b, "haldane itself needs you");
    else if (needing)
        html_print(b, needing == 1 ? "%zu thing needs you" : "%zu things need you", needing);
    else if (v->n_live)
        say_live(b, v);
    else
        html_print(b, "All well: nothing is being released");
}

/* Nobody is needed yet, and it is not all well. */
static bool is_doubtful(const struct fleet_view *v)
{
    return v->n_course[COURSE_LEFT] || v->n_course[COURSE_OVER] || v->n_course[COURSE_OVER_LEFT];
}

static void needs_you(struct buf *b, const struct fleet_view *v)
{
    if (!v->n_needing && !v->n_acts)
        return;
    html_print(b, "<h2>Needs you</h2>");
    for (size_t i = 0; i < v->n_acts; i++) {
        const struct store_event *e = &v->act[i];
        html_print(b, "<section class=\"lead fail\"><p class=\"need fail\" role=\"alert\">");
        html_icon(b, TONE_FAIL);
        html_print(b, "%s</p>", e->headline);
        if (e->service)
            part_service_link(b, e->service);
        html_ago(b, e->wall_ms, v->now_ms);
        if (e->text && *e->text)
            html_print(b, "<div class=\"pre\">%s</div>", e->text);
        if (e->native && *e->native)
            html_print(b, "<pre class=\"cmd\">%s</pre>", e->native);
        html_print(b, "</section>");
    }
    for (size_t i = 0; i < v->n_needing; i++) {
        const struct store_guard *g = &v->needing[i];
        html_print(b,
                   "<section class=\"lead fail\" data-copy=\"%s: %s&#10;%s\" data-url=\"/g/%s\">"
                   "<p class=\"need fail\" role=\"alert\">",
                   g->service, g->headline, g->why, g->id);
        html_icon(b, TONE_FAIL);
        html_print(b, "<a href=\"/g/%s\">%s</a></p><p>", g->id, g->headline);
        part_state(b, g->state);
        html_print(b, " ");
        part_service_link(b, g->service);
        html_print(b, "&middot; ");
        part_switch(b, g);
        html_print(b, " &middot; switched ");
        html_ago(b, g->switch_to_ms, v->now_ms);
        html_print(b, "</p>");
        if (v->notice && v->notice[i])
            html_print(b, "<p class=\"pre\">%s</p>", v->notice[i]);
        if (g->why && !(v->notice && v->notice[i] && strstr(v->notice[i], g->why)))
            html_print(b, "<p>%s</p>", g->why);
        html_print(b, "<p class=\"do\"><a class=\"button\" href=\"/g/%s\">Open</a> ", g->id);
        for (size_t k = 0; k < v->n_approvals; k++) {
            if (str_is(v->approval[k].guard, g->id))
                html_print(b, "<a class=\"button\" href=\"/approvals/%s\">Approve or reject</a> ", g->id);
        }
        html_print(b, "</p>");
        if (v->contacts)
            part_contacts(b, "Ask or read: ", &v->contacts[i]);
        html_print(b, "</section>");
    }
}

/* "3 passed, 1 reverted." */
static void say_ended(struct buf *b, const struct fleet_view *v)
{
    size_t of[16] = {0};
    bool said = false;
    for (size_t i = 0; i < v->n_recent; i++)
        of[v->recent[i].state & 15]++;
    for (int s = 0; s < 16; s++) {
        if (hd_state_terminal(s))
            count_word(b, of[s], html_state_words(s), &said);
    }
    html_print(b, said ? "." : "No release ended.");
}

/* Names of what was released together, of the guards that are live or ended just now; the newest first. */
struct group_row {
    const char *name;
    size_t n, live, needing, failed;
};

static size_t find_groups(const struct fleet_view *v, struct group_row list[GROUPS_SHOWN])
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_live + v->n_recent; i++) {
        const struct store_guard *g = i < v->n_live ? &v->live[i] : &v->recent[i - v->n_live];
        size_t k = 0;
        if (!g->group)
            continue;
        while (k < n && !str_is(list[k].name, g->group))
            k++;
        if (k == GROUPS_SHOWN)
            continue;
        if (k == n)
            list[n++] = (struct group_row){.name = g->group};
        list[k].n++;
        list[k].live += !hd_state_terminal(g->state);
        list[k].needing += g->needs_human;
        list[k].failed += g->verdict == HD_VERDICT_FAIL;
    }
    return n;
}

static void groups(struct buf *b, const struct fleet_view *v)
{
    struct group_row list[GROUPS_SHOWN];
    size_t n = find_groups(v, list);
    if (!n)
        return;
    html_print(b, "<h2>Released together</h2><table class=\"list\"><thead><tr><th scope=\"col\">state</th>"
                  "<th scope=\"col\">group</th><th scope=\"col\">guards</th></tr></thead><tbody>");
    for (size_t i = 0; i < n; i++) {
        const struct group_row *g = &list[i];
        enum tone tone = g->needing ? TONE_FAIL : g->failed ? TONE_WARN : g->live ? TONE_RUN : TONE_PASS;
        bool said = false;
        html_print(b, "<tr><td data-l=\"state\"><span class=\"s %s\">", html_tone_word(tone));
        html_icon(b, tone);
        html_print(b, "%s</span></td><th scope=\"row\" data-l=\"group\">",
                   g->needing ? "needs you" : g->failed ? "failed" : g->live ? "watching" : "ended");
        part_group_link(b, g->name);
        html_print(b, "</th><td data-l=\"guards\">");
        count_word(b, g->live, "watched", &said);
        count_word(b, g->n - g->live, "ended", &said);
        count_word(b, g->failed, "failed", &said);
        html_print(b, "</td></tr>");
    }
    html_print(b, "</tbody></table>");
}

static void handover(struct buf *b, const struct fleet_view *v)
{
    html_print(b, "<h2>Last 12 hours</h2><p>");
    say_ended(b, v);
    html_print(b, " <a id=\"export\" href=\"/handover.md\">Export handover</a></p>");
    if (v->n_recent)
        part_guards(b, v->recent, v->n_recent, true, v->now_ms);
}

static void services(struct buf *b, const struct fleet_view *v)
{
    html_print(b,
               "<h2>Services</h2><table class=\"list\"><thead><tr><th scope=\"col\">service</th>"
               "<th scope=\"col\">users get</th><th scope=\"col\">mode</th></tr></thead><tbody>");
    for (size_t i = 0; i < v->n_services; i++) {
        html_print(b, "<tr><th scope=\"row\">");
        part_service_link(b, v->service[i].name);
        html_print(b, "</th><td data-l=\"users get\" class=\"w\">");
        if (v->has_reading[i])
            part_sides(b, &v->reading[i], NULL, false, v->now_ms);
        else
            html_print(b, "<span class=\"m\">the router was not read yet</span>");
        html_print(b, "</td><td data-l=\"mode\">%s</td></tr>", v->service[i].mode);
    }
    html_print(b, "</tbody></table>");
}

/* Routers that were read within a minute, and those that were not by name. */
static void routers(struct buf *b, const struct fleet_view *v)
{
    size_t old = 0;
    for (size_t i = 0; i < v->n_services; i++)
        old += !v->has_reading[i] || v->now_ms - v->reading[i].last_ms > ROUTER_OLD_MS;
    html_print(b, "Routers: <span class=\"s %s\">", html_tone_word(old ? TONE_FAIL : TONE_PASS));
    html_icon(b, old ? TONE_FAIL : TONE_PASS);
    html_print(b, "%zu of %zu read within a minute</span>", v->n_services - old, v->n_services);
    for (size_t i = 0, said = 0; i < v->n_services && said < NAMED_MAX; i++) {
        if (v->has_reading[i] && v->now_ms - v->reading[i].last_ms <= ROUTER_OLD_MS)
            continue;
        html_print(b, said++ ? ", %s" : ", not %s", v->service[i].name);
    }
    html_print(b, ".");
}

/* "1795220000000 connection refused": the time in front; -1: it is not like that. */
static int64_t stamp(const char *text)
{
    char number[24];
    int64_t ms;
    (void)snprintf(number, sizeof number, "%.*s", (int)strcspn(text, " "), text);
    return str_read_i64(number, &ms) ? ms : -1;
}

/* What the watching rests on: "prom answers since 06:21:57Z". */
static void sources(struct buf *b, const struct fleet_view *v)
{
    html_print(b, "<h2>What it rests on</h2><p>");
    if (v->n_services)
        routers(b, v);
    html_print(b, "</p><p>Data sources: %s", v->n_sources ? "" : "none was asked yet");
    for (size_t i = 0; i < v->n_sources; i++) {
        const char *value = v->source[i].value;
        bool ok = str_begins(value, "ok ");
        html_print(b, "%s<span class=\"s %s\">", i ? "; " : "", ok ? "pass" : "fail");
        html_icon(b, ok ? TONE_PASS : TONE_FAIL);
        html_print(b, "%s %s</span> since ", v->source[i].key + sizeof "source/" - 1, ok ? "answers" : "fails");
        html_time(b, stamp(value + (ok ? 3 : 4)), v->now_ms);
        part_answered(b, ", ", v->source[i].key + sizeof "source/" - 1, v->now_ms);
    }
    html_print(b, ". <a href=\"/settings\">What is in force</a></p>");
    if (v->room.bytes)
        html_print(b, "<p>History: %.1f MiB, %.1f GiB of the disk are free.</p>", (double)v->room.bytes / (1 << 20),
                   (double)v->room.free_bytes / (1 << 30));
    html_print(b, "<p><a href=\"/approvals\">Approvals</a>: %zu open. "
                  "<a href=\"/analyses\">Analyses</a> for other controllers.</p>", v->n_approvals);
}

/* Nobody should read an empty page as "all is guarded". */
static void empty(struct buf *b)
{
    html_print(b,
               "<section class=\"lead warn\"><h1>No service is configured</h1>"
               "<p>Nothing is being watched, so nothing will be rolled back. To guard one:</p><ol>"
               "<li>describe the service and its two colours in the configuration file; twelve "
               "lines are enough (<code>haldane.yaml</code>)</li>"
               "<li><code>haldane check haldane.yaml</code> names every mistake at its place</li>"
               "<li><code>haldane reload</code>, and move traffic as you always do: the guard "
               "starts by itself</li></ol><p><code>haldane doctor</code> says what is still missing. "
               "<a href=\"/demo\">An invented example</a> shows what a guard's page says.</p></section>");
}

void fleet_render(struct buf *b, const struct fleet_view *v)
{
    BUF_AUTO title = BUF_INIT(200);
    bool needed = v->n_needing || v->n_acts || v->alarm;
    bool doubt = is_doubtful(v);
    enum tone tone = needed ? TONE_FAIL : doubt ? TONE_WARN : v->n_live ? TONE_RUN : TONE_PASS;
    say_fleet(&title, v);
    if (!v->n_services) {
        html_head(b, &(struct html_page){.title = "No service is configured",
                                         .tone = TONE_WARN,
                                         .alarm = v->alarm,
                                         .account = v->account,
                                         .csrf = v->csrf,
                                         .now_ms = v->now_ms});
        empty(b);
    } else {
        html_head(b, &(struct html_page){.title = buf_at(&title),
                                         .tone = tone,
                                         .live = v->n_live > 0,
                                         .alarm = v->alarm,
                                         .account = v->account,
                                         .csrf = v->csrf,
                                         .now_ms = v->now_ms});
        html_print(b, "<h1 class=\"%s\">", html_tone_word(tone));
        html_icon(b, tone);
        html_print(b, "%s</h1>", buf_at(&title));
    }
    for (size_t i = 0; i < v->n_holds; i++)
        part_hold(b, &v->hold[i], v->now_ms);
    needs_you(b, v);
    if (v->n_live) {
        html_print(b, "<h2>Watching</h2>");
        if (v->n_watching)
            watching_table(b, v->watching, v->n_watching, v->now_ms);
        if (v->n_live > v->n_watching)
            part_guards(b, v->live + v->n_watching, v->n_live - v->n_watching, true, v->now_ms);
    }
    groups(b, v);
    if (v->n_services || v->n_recent)
        handover(b, v);
    if (v->n_services)
        services(b, v);
    if (v->n_services)
        sources(b, v);
    html_foot(b);
}

/* What the newest open notice of each guard says besides: why haldane did not act, what to type. */
static void load_notices(struct call *c, struct fleet_view *v)
{
    v->notice = arena_many(c->arena, v->n_needing, const char *);
    for (size_t i = 0; i < v->n_needing; i++) {
        for (size_t k = 0; k < v->n_acts; k++) {
            const struct store_event *e = &v->act[k];
            if (str_is(e->guard, v->needing[i].id) && e->text && *e->text && !str_is(e->text, v->needing[i].why))
                v->notice[i] = e->text;
        }
    }
}

/* Act notices of a guard are shown with it; here are those of a service or of the daemon. */
static void keep_guardless(struct fleet_view *v, const char *service)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n_acts; i++) {
        const char *of = v->act[i].service;
        if (!v->act[i].guard && (!service || !of || str_is(of, service)))
            v->act[kept++] = v->act[i];
    }
    v->n_acts = kept;
}

static void load_contacts(struct call *c, struct fleet_view *v)
{
    v->contacts = arena_many(c->arena, v->n_needing, struct contacts);
    for (size_t i = 0; i < v->n_needing; i++) {
        for (size_t k = 0; k < v->n_services; k++) {
            if (str_is(v->service[k].name, v->needing[i].service))
                view_contacts(c->arena, &v->service[k], &v->contacts[i]);
        }
    }
}

static enum hd_code load_stances(struct call *c, struct fleet_view *v, struct hd_error *err)
{
    if (store_budgets(c->store, c->arena, v->now_ms, &v->budgets, err))
        return err->code;
    v->stance = arena_many(c->arena, v->n_live, struct stance);
    for (size_t i = 0; i < v->n_live; i++) {
        if (stance_of_guard(c->store, c->arena, &v->live[i], &v->budgets, v->now_ms, &v->stance[i], err))
            return err->code;
        v->n_course[course_of(&v->live[i], &v->stance[i])]++;
    }
    v->hold = v->budgets.hold;
    v->n_holds = v->budgets.n_holds;
    return HD_OK;
}

/* `service`: only what is about it; NULL: all. */
static enum hd_code load(struct call *c, const char *service, struct fleet_view *v, struct hd_error *err)
{
    uint32_t ended = 0;
    for (int s = 0; s < 32; s++)
        ended |= hd_state_terminal(s) ? UINT32_C(1) << s : 0;
    const struct store_filter needing = {.service = service, .needs_human = true, .verdict = -1, .limit = RECENT_MAX},
                              live = {.service = service, .live = true, .verdict = -1, .limit = HD_PAGE_ITEMS_MAX},
                              recent = {.service = service,
                                        .verdict = -1,
                                        .states = ended,
                                        .since_ms = c->now_ms - HANDOVER_MS,
                                        .limit = RECENT_MAX};
    struct hd_error unknown;
    v->now_ms = c->now_ms;
    const struct html_page page = call_page(c, "");
    v->alarm = page.alarm;
    v->account = page.account;
    v->csrf = page.csrf;
    if (store_services(c->store, c->arena, &v->service, &v->n_services, err) ||
        store_guards(c->store, c->arena, &needing, &v->needing, &v->n_needing, err) ||
        store_guards(c->store, c->arena, &live, &v->live, &v->n_live, err) ||
        store_guards(c->store, c->arena, &recent, &v->recent, &v->n_recent, err) ||
        store_approvals(c->store, c->arena, &v->approval, &v->n_approvals, err) ||
        store_open_acts(c->store, c->arena, &v->act, &v->n_acts, err) ||
        store_facts(c->store, c->arena, "source/", &v->source, &v->n_sources, err))
        return err->code;
    v->reading = arena_many(c->arena, v->n_services, struct store_reading);
    v->has_reading = arena_many(c->arena, v->n_services, bool);
    for (size_t i = 0; i < v->n_services; i++) {
        if (view_reading(c->store, c->arena, v->service[i].name, &v->has_reading[i], &v->reading[i],
                         err))
            return err->code;
    }
    if (load_stances(c, v, err))
        return err->code;
    if (store_room(c->store, &v->room, &unknown))
        v->room.bytes = 0; /* a foot without it is no reason to show no page */
    load_contacts(c, v);
    load_notices(c, v);
    keep_guardless(v, service);
    return HD_OK;
}

/* What stands around each guard that is live; the rest of them stay a plain list. */
static enum hd_code load_watching(struct call *c, struct fleet_view *v, struct hd_error *err)
{
    v->n_watching = v->n_live < WATCHING_MAX ? v->n_live : WATCHING_MAX;
    v->watching = arena_many(c->arena, v->n_watching, struct watching);
    for (size_t i = 0; i < v->n_watching; i++) {
        const char *name = v->live[i].service;
        struct watching_facts f = {
            .stance = &v->stance[i], .budgets = &v->budgets, .alarm = v->alarm, .now_ms = v->now_ms};
        for (size_t k = 0; k < v->n_services; k++) {
            if (!str_is(v->service[k].name, name))
                continue;
            f.service = &v->service[k];
            f.reading = v->has_reading[k] ? &v->reading[k] : NULL;
        }
        if (watching_load(c->store, c->arena, &v->live[i], &f, &v->watching[i], err))
            return err->code;
    }
    watching_sort(v->watching, v->n_watching);
    return HD_OK;
}

enum hd_code fleet_page(struct call *c, struct hd_error *err)
{
    struct fleet_view *v = arena_of(c->arena, struct fleet_view);
    if (load(c, NULL, v, err) || load_watching(c, v, err))
        return err->code;
    fleet_render(call_answer(c, 200, CALL_HTML), v);
    return HD_OK;
}

/* --- the same as data --- */

/* `stance`: one each; NULL: none is live. */
static void put_guards(const struct call *c, struct json_out *o, const char *key, const struct store_guard *g, size_t n,
                       const struct stance *stance)
{
    json_begin(o, key, '[');
    for (size_t i = 0; i < n; i++)
        show_guard_row(o, &g[i], NULL, stance ? &stance[i] : NULL, c->facts->public_url);
    json_end(o, ']');
}

enum hd_code fleet_api(struct call *c, struct hd_error *err)
{
    struct fleet_view *v = arena_of(c->arena, struct fleet_view);
    const char *service = call_query(c, "service");
    BUF_AUTO sentence = BUF_INIT(200);
    BUF_AUTO ended = BUF_INIT(400);
    bool known = !service;
    if (load(c, service, v, err))
        return err->code;
    for (size_t i = 0; i < v->n_services; i++)
        known |= service && str_is(v->service[i].name, service);
    if (!known && !v->n_live && !v->n_needing && !v->n_recent)
        return call_refuse(c, 404, "unknown_service", "no service %s is configured", service);
    say_fleet(&sentence, v);
    say_ended(&ended, v);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_time(&o, "now", v->now_ms);
    json_put_text(&o, "sentence", v->n_services ? buf_at(&sentence) : "No service is configured");
    json_put_bool(&o, "needed", v->n_needing || v->n_acts || v->alarm);
    json_put_bool(&o, "doubt", is_doubtful(v));
    json_put_text(&o, "ended", buf_at(&ended));
    json_begin(&o, "acts", '[');
    for (size_t i = 0; i < v->n_acts; i++)
        show_event(&o, &v->act[i]);
    json_end(&o, ']');
    put_guards(c, &o, "needing", v->needing, v->n_needing, NULL);
    put_guards(c, &o, "live", v->live, v->n_live, v->stance);
    put_guards(c, &o, "recent", v->recent, v->n_recent, NULL);
    json_begin(&o, "holds", '[');
    for (size_t i = 0; i < v->n_holds; i++) {
        if (!service || view_hold(&v->hold[i], 1, service))
            show_hold(&o, &v->hold[i]);
    }
    json_end(&o, ']');
    json_end(&o, '}');
    return HD_OK;
}
