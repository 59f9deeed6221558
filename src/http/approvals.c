/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverts that wait for a named human: what is asked, of whom, until when, and what was decided, for
 * programs and as a page. Deciding is a POST, which the loop carries out (actions.c asks for it).
 */
#include "http/handlers.h"
#include "http/parts.h"
#include "json/json.h"

static const char *const words[] = {"open", "approved", "rejected", "expired", "withdrawn"};

static void show(struct json_out *o, struct call *c, const struct store_approval *a)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "id", a->guard);
    json_put_text(o, "service", a->service);
    json_put_text(o, "what", "revert");
    json_put_text(o, "approvers", a->approvers);
    json_put_text(o, "outcome", words[a->outcome]);
    json_put_time(o, "asked_at", a->asked_ms);
    json_put_time(o, "expires_at", a->expires_ms);
    json_put_time(o, "decided_at", a->decided_ms);
    json_put_text(o, "actor", a->actor);
    json_put_text(o, "reason", a->reason);
    json_put_text(o, "url", arena_print(c->arena, "%s/g/%s", c->facts->public_url, a->guard));
    json_end(o, '}');
}

enum hd_code api_approvals(struct call *c, struct hd_error *err)
{
    struct store_approval *list;
    size_t n;
    if (store_approvals(c->store, c->arena, &list, &n, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_begin(&o, "items", '[');
    for (size_t i = 0; i < n; i++)
        show(&o, c, &list[i]);
    json_end(&o, ']');
    json_put_null(&o, "next");
    json_end(&o, '}');
    return HD_OK;
}

enum hd_code api_approval(struct call *c, struct hd_error *err)
{
    struct store_approval a;
    enum hd_code code = store_approval(c->store, c->arena, c->param, &a, err);
    if (code == HD_ABSENT)
        return call_refuse(c, 404, "no_approval", "no revert of a guard %s was asked about", c->param);
    if (code)
        return code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    show(&o, c, &a);
    return HD_OK;
}

/* --- the page --- */

#define PAST_SHOWN 50

static void row(struct buf *b, const struct store_approval *a, int64_t now_ms)
{
    static const enum tone tones[] = {[APPROVAL_OPEN] = TONE_FAIL, [APPROVAL_APPROVED] = TONE_PASS,
                                      [APPROVAL_REJECTED] = TONE_NONE, [APPROVAL_EXPIRED] = TONE_WARN,
                                      [APPROVAL_WITHDRAWN] = TONE_NONE};
    html_print(b, "<tr><td data-l=\"state\"><span class=\"s %s\">", html_tone_word(tones[a->outcome]));
    html_icon(b, tones[a->outcome]);
    html_print(b, "%s</span></td><td data-l=\"service\">", words[a->outcome]);
    part_service_link(b, a->service);
    html_print(b, "</td><td data-l=\"asked\" class=\"w\">");
    part_approval(b, a, now_ms);
    if (a->outcome == APPROVAL_OPEN)
        html_print(b, "</td><td data-l=\"about\"><a class=\"button\" href=\"/approvals/%s\">Decide</a></td></tr>",
                   a->guard);
    else
        html_print(b, "</td><td data-l=\"about\"><a href=\"/g/%s\">its guard</a></td></tr>", a->guard);
}

static void table(struct buf *b, const char *name, const struct store_approval *list, size_t n, int64_t now_ms)
{
    html_print(b, "<h2>%s</h2><table class=\"list\"><thead><tr><th scope=\"col\">state</th>"
                  "<th scope=\"col\">service</th><th scope=\"col\">asked</th><th scope=\"col\">about</th></tr>"
                  "</thead><tbody>", name);
    for (size_t i = 0; i < n; i++)
        row(b, &list[i], now_ms);
    html_print(b, "</tbody></table>");
}

enum hd_code approvals_page(struct call *c, struct hd_error *err)
{
    struct store_approval *open, *past;
    size_t n_open, n_past;
    if (store_approvals(c->store, c->arena, &open, &n_open, err) ||
        store_approvals_past(c->store, c->arena, PAST_SHOWN, &past, &n_past, err))
        return err->code;
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, n_open ? "Reverts that wait for a human" : "No revert waits for a human");
    page.tone = n_open ? TONE_FAIL : TONE_PASS;
    page.live = n_open > 0;
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / approvals</p><h1 class=\"%s\">",
               html_tone_word(page.tone));
    html_icon(b, page.tone);
    html_print(b, "%s</h1>", page.title);
    if (n_open)
        table(b, "Open", open, n_open, c->now_ms);
    if (n_past)
        table(b, "The last that were settled", past, n_past, c->now_ms);
    if (!n_open && !n_past)
        html_print(b, "<p>A service asks when its configuration says who decides:</p>"
                      "<pre>approval: {by: [alice, bob], within: 10m}</pre><p>Then an automatic revert of it waits "
                      "for one of them, here or at a terminal (<code>haldane approve</code>).</p>");
    html_foot(b);
    return HD_OK;
}
