/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of one service: what its users get now, its holds, and its guards, newest first.
 */
#include "base/arena.h"
#include "base/str.h"
#include "http/handlers.h"
#include "http/parts.h"
#include "http/view.h"

#define PAGE 50

static void now_part(struct buf *b, const struct store_reading *r, int64_t now_ms)
{
    html_print(b, "<section class=\"lead none\"><dl class=\"rows\"><div><dt>Now</dt><dd>");
    if (r)
        part_sides(b, r, NULL, now_ms);
    else
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
    html_print(b, "</dd></div>");
    if (r && r->value)
        html_print(b, "<div><dt>Router</dt><dd><code>%s</code>%s%s</dd></div>", r->value,
                   r->owner ? ", managed by " : "", r->owner);
    html_print(b, "</dl></section>");
}

static void history(struct call *c, struct buf *b, const struct store_guard *list, size_t n)
{
    html_print(b, "<h2>Guards</h2>");
    if (!n)
        html_print(b, "<p class=\"m\">None yet: a guard starts by itself when traffic moves.</p>");
    else
        part_guards(b, list, n < PAGE ? n : PAGE, false, c->now_ms);
    if (n > PAGE) {
        html_print(b, "<p><a href=\"/s/");
        html_segment(b, c->param);
        html_print(b, "?before=%s\">older</a></p>", list[PAGE - 1].id);
    }
}

/* A service that is no longer configured keeps its history, and so its page. */
enum hd_code service_page(struct call *c, struct hd_error *err)
{
    struct store_service *service;
    struct store_guard *list;
    struct store_hold *hold;
    struct store_reading reading;
    size_t n, n_services, n_holds;
    bool has, known = false;
    struct store_filter filter = {
        .service = c->param, .verdict = -1, .limit = PAGE + 1, .before = call_query(c, "before")};
    if (filter.before && !view_is_id(filter.before))
        return call_refuse(c, 400, "bad_parameter", "\"before\" is not the id of a guard.");
    if (store_services(c->store, c->arena, &service, &n_services, err) ||
        store_guards(c->store, c->arena, &filter, &list, &n, err) ||
        store_holds(c->store, c->arena, c->now_ms, &hold, &n_holds, err) ||
        view_reading(c->store, c->arena, c->param, &has, &reading, err))
        return err->code;
    for (size_t i = 0; i < n_services && !known; i++)
        known = str_is(service[i].name, c->param);
    if (!known && !n && !has)
        return call_refuse(c, 404, "unknown_service", "There is no service %s.", c->param);
    bool live = n && !filter.before && !hd_state_terminal(list[0].state);
    struct buf *b = call_answer(c, 200, CALL_HTML);
    html_head(b, &(struct html_page){.title = c->param,
                                     .tone = TONE_NONE,
                                     .live = live,
                                     .alarm = call_alarm(c),
                                     .now_ms = c->now_ms});
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / %s</p><h1>%s</h1>", c->param,
               c->param);
    if (!known)
        html_print(b, "<p class=\"note warn\">This service is no longer configured: nothing guards "
                      "it.</p>");
    for (size_t i = 0; i < n_holds; i++) {
        if (!hold[i].service || str_is(hold[i].service, c->param))
            part_hold(b, &hold[i], c->now_ms);
    }
    now_part(b, has ? &reading : NULL, c->now_ms);
    history(c, b, list, n);
    html_foot(b);
    return HD_OK;
}
