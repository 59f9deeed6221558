/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in force: the effective configuration, holds, data sources, and for each service what a
 * revert would do right now. Read only: the file is the truth, and it is changed there.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/actions.h"
#include "http/handlers.h"
#include "http/parts.h"
#include "http/view.h"

#define SERVICES_SHOWN 200 /* each asks the store three times; the others have a page of their own */

/* "1795220000000 TEXT": the text behind the time; -1: it is not like that. */
static const char *stamped(struct hd_arena *a, const char *value, int64_t *ret_ms)
{
    size_t n = strcspn(value, " ");
    if (!str_read_i64(arena_text_n(a, value, n), ret_ms))
        *ret_ms = -1;
    return value + n + (value[n] == ' ');
}

static void config_part(struct call *c, struct buf *b)
{
    struct hd_error err;
    const char *loaded = NULL, *refused = NULL, *text = NULL, *rest;
    int64_t ms;
    (void)store_fact(c->store, c->arena, "config/loaded", &loaded, &err);
    (void)store_fact(c->store, c->arena, "config/refused", &refused, &err);
    (void)store_fact(c->store, c->arena, "config/text", &text, &err);
    html_print(b, "<h2>Configuration</h2>");
    if (loaded) {
        rest = stamped(c->arena, loaded, &ms);
        html_print(b, "<p>In force since ");
        html_time(b, ms, c->now_ms);
        html_print(b, " (");
        html_ago(b, ms, c->now_ms);
        html_print(b, "), <code>%s</code>. %sThe file is the truth; change it there, then "
                      "<code>haldane reload</code>.</p>",
                   arena_text_n(c->arena, rest, strnlen(rest, 12)),
                   refused && *refused ? "" : "No reload was refused since. ");
        html_print(b, "<p class=\"do\"><a class=\"button\" href=\"/settings/check\">Validate pasted YAML</a></p>");
    }
    if (refused && *refused) {
        rest = stamped(c->arena, refused, &ms);
        html_print(b, "<p class=\"note warn\">");
        html_icon(b, TONE_WARN);
        html_print(b, "<b>A reload was refused</b> at ");
        html_time(b, ms, c->now_ms);
        html_print(b, ", what was in force before goes on: %s</p>", rest);
    }
    if (text)
        html_print(b, "<details><summary>the effective configuration, every default written, "
                      "secrets as references</summary><pre>%s</pre></details>",
                   text);
}

static enum hd_code holds_part(struct call *c, struct buf *b, struct hd_error *err)
{
    struct store_hold *hold;
    size_t n;
    if (store_holds(c->store, c->arena, c->now_ms, &hold, &n, err))
        return err->code;
    html_print(b, "<h2>Holds</h2>");
    if (!n)
        html_print(b, "<p>None: automatic reverts are not held anywhere.</p>");
    for (size_t i = 0; i < n; i++)
        part_hold(b, &hold[i], c->now_ms);
    bool fleet = false;
    for (size_t i = 0; i < n; i++)
        fleet |= !hold[i].service;
    actions_of_fleet(b, fleet);
    return HD_OK;
}

/* "ok 1795220000000", "bad 1795220000000 connection refused" */
static void source_row(struct call *c, struct buf *b, const struct store_fact *f)
{
    bool ok = str_begins(f->value, "ok ");
    int64_t ms;
    const char *why = stamped(c->arena, f->value + (ok ? 3 : 4), &ms); /* behind "ok " or "bad " */
    html_print(b, "<tr><th scope=\"row\">%s</th><td data-l=\"state\"><span class=\"s %s\">",
               f->key + strlen("source/"), ok ? "pass" : "fail");
    html_icon(b, ok ? TONE_PASS : TONE_FAIL);
    html_print(b, "%s</span></td><td data-l=\"since\">", ok ? "answers" : "fails");
    html_time(b, ms, c->now_ms);
    html_print(b, " <span class=\"m\">");
    html_ago(b, ms, c->now_ms);
    html_print(b, "</span></td><td data-l=\"why\" class=\"w\">");
    const size_t empty = b->len;
    html_print(b, "%s", why);
    part_answered(b, *why ? "; " : "", f->key + strlen("source/"), c->now_ms);
    html_print(b, b->len == empty ? "-</td></tr>" : "</td></tr>");
}

static enum hd_code sources_part(struct call *c, struct buf *b, struct hd_error *err)
{
    struct store_fact *fact;
    size_t n;
    if (store_facts(c->store, c->arena, "source/", &fact, &n, err))
        return err->code;
    html_print(b, "<h2>Data sources</h2>");
    if (!n) {
        html_print(b, "<p>None was asked yet: a source is asked while a release is watched. "
                      "<code>haldane query run SERVICE --all</code> asks one now.</p>");
        return HD_OK;
    }
    html_print(b, "<table class=\"list\"><thead><tr><th scope=\"col\">source</th><th scope=\"col\">"
                  "state</th><th scope=\"col\">since</th><th scope=\"col\">why</th></tr></thead>"
                  "<tbody>");
    for (size_t i = 0; i < n; i++)
        source_row(c, b, &fact[i]);
    html_print(b, "</tbody></table>");
    return HD_OK;
}

/* --- the dry run --- */

/* The way back by an order, and what haldane would do by itself: with the live guard, else with the next. */
struct dry {
    struct way way;
    struct stance stance;
    bool live;
};

static enum hd_code look(struct call *c, const struct store_service *s, const struct store_budgets *budgets,
                         struct dry *ret, struct hd_error *err)
{
    const struct store_filter newest = {.service = s->name, .verdict = -1, .limit = 1};
    struct store_reading reading;
    struct store_guard *guard;
    size_t n;
    bool has;
    if (store_guards(c->store, c->arena, &newest, &guard, &n, err) ||
        view_reading(c->store, c->arena, s->name, &has, &reading, err))
        return err->code;
    ret->live = n && stance_open(guard);
    const struct way_facts f = {.service = s,
                                .reading = has ? &reading : NULL,
                                .guard = n ? guard : NULL,
                                .alarm = call_alarm(c),
                                .now_ms = c->now_ms};
    const struct store_asked asked = {.service = s->name,
                                      .row = s,
                                      .guard = ret->live ? guard : NULL,
                                      .budgets = budgets,
                                      .now_ms = c->now_ms};
    if (view_find_way(c->store, c->arena, &f, budgets, &ret->way, err))
        return err->code;
    return stance_load(c->store, c->arena, &asked, &ret->stance, err);
}

static void put_dry(struct call *c, struct buf *b, const struct store_service *s, const struct dry *d)
{
    const struct way *w = &d->way;
    html_print(b, "<li><b>");
    part_service_link(b, s->name);
    html_print(b, "</b>%s", w->sentence);
    part_until(b, w, c->now_ms);
    html_print(b, " <span class=\"m\">mode %s</span>", s->mode);
    if (stance_left_alone(&d->stance) && !d->live) {
        html_print(b, "<div><span class=\"s warn\">");
        html_icon(b, TONE_WARN);
        html_print(b, "</span><b>The next release haldane would NOT take back if it failed now:</b> %s%s</div>",
                   d->stance.because, stance_left(c->arena, &d->stance));
    }
    if (w->n)
        html_print(b, "<details><summary>step by step</summary>");
    part_way(b, w);
    if (w->native)
        html_print(b, "<pre class=\"cmd\">%s</pre>", w->native);
    html_print(b, w->n ? "</details></li>" : "</li>");
}

static enum hd_code dry_run(struct call *c, struct buf *b, struct hd_error *err)
{
    struct store_service *service;
    struct store_budgets budgets;
    size_t n;
    if (store_services(c->store, c->arena, &service, &n, err) ||
        store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    html_print(b, "<h2 id=\"dry-run\">What would a revert do right now?</h2><p class=\"m\">By what was "
                  "read last; the router is asked again before anything is sent.</p>");
    if (!n)
        html_print(b, "<p>No service is configured, so nothing would be taken back.</p>");
    html_print(b, "<ul class=\"ways\">");
    for (size_t i = 0; i < n && i < SERVICES_SHOWN; i++) {
        struct dry d;
        if (look(c, &service[i], &budgets, &d, err))
            return err->code;
        put_dry(c, b, &service[i], &d);
    }
    html_print(b, "</ul>");
    if (n > SERVICES_SHOWN)
        html_print(b, "<p>%zu more have it on their own pages.</p>", n - SERVICES_SHOWN);
    return HD_OK;
}

enum hd_code settings_page(struct call *c, struct hd_error *err)
{
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, "Settings");
    html_head(b, &page);
    html_print(b, "<h1>Settings</h1>");
    if (holds_part(c, b, err) || dry_run(c, b, err) || sources_part(c, b, err))
        return err->code;
    config_part(c, b);
    html_foot(b);
    return HD_OK;
}
