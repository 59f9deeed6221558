/* SPDX-License-Identifier: Apache-2.0
 *
 * The page and the API of what other limits would have done to the last guards of a service. Judges
 * nothing: the loop had it computed after the newest guard had ended (pipeline/limits.c), and here
 * it is read.
 */
#include "http/limits.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/handlers.h"

/* The fact "limits/SERVICE": "KEY AT_MS JSON", or why there is none in place of the JSON. */
struct computed {
    int64_t at_ms;     /* -1: never */
    const char *json;  /* NULL: it could not be computed */
    const char *error; /* NULL: it could */
    struct limits limits;
};

static enum hd_code load(struct call *c, struct computed *ret, struct hd_error *err)
{
    const char *value, *at, *rest;
    *ret = (struct computed){.at_ms = -1};
    enum hd_code code = store_fact(c->store, c->arena, arena_print(c->arena, "limits/%s", c->param), &value, err);
    if (code)
        return code == HD_ABSENT ? HD_OK : code;
    at = strchr(value, ' ');
    rest = at ? strchr(at + 1, ' ') : NULL;
    if (!rest || !str_read_i64(arena_text_n(c->arena, at + 1, (size_t)(rest - at - 1)), &ret->at_ms))
        return hd_fail(err, HD_CORRUPT, "the fact limits/%s is damaged", c->param);
    rest++;
    if (*rest != '{') {
        ret->error = rest;
        return HD_OK;
    }
    ret->json = rest;
    return limits_read(c->arena, (struct hd_span){rest, strlen(rest)}, &ret->limits, err);
}

/* False: there is no such service, and it was said. */
static bool known(struct call *c, struct hd_error *err)
{
    struct store_service service;
    struct store_guard *list;
    const struct store_filter any = {.service = c->param, .verdict = -1, .limit = 1};
    size_t n = 0;
    if (store_service(c->store, c->arena, c->param, &service, err) == HD_OK)
        return true;
    if (err->code == HD_ABSENT && !store_guards(c->store, c->arena, &any, &list, &n, err) && n)
        return true;
    (void)call_refuse(c, 404, "unknown_service", "There is no service %s.", c->param);
    return false;
}

enum hd_code api_limits(struct call *c, struct hd_error *err)
{
    struct computed k;
    if (!known(c, err))
        return HD_OK;
    if (load(c, &k, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "service", c->param);
    json_put_time(&o, "computed_at", k.at_ms);
    json_put_text(&o, "error", k.error);
    if (k.json)
        json_put_raw(&o, "backtest", k.json);
    else
        json_put_null(&o, "backtest");
    json_end(&o, '}');
    return HD_OK;
}

enum hd_code api_limits_svg(struct call *c, struct hd_error *err)
{
    struct computed k;
    if (!known(c, err))
        return HD_OK;
    if (load(c, &k, err))
        return err->code;
    if (!k.json)
        return call_refuse(c, 404, "not_computed", "%s", k.error ? k.error : "nothing has been computed yet");
    limits_svg(call_answer(c, 200, CALL_SVG), c->arena, c->param, &k.limits);
    c->reply.policy = "default-src 'none'; style-src 'unsafe-inline'"; /* its own style sheet */
    return HD_OK;
}

/* --- the page --- */

static void missing(struct buf *b, const struct computed *k)
{
    if (k->error)
        html_print(b, "<p class=\"note warn\">It could not be computed: %s.</p>", k->error);
    else if (!k->json)
        html_print(b, "<p>Nothing has been computed yet. It follows a few seconds after a guard of this service has "
                      "ended.</p>");
    else if (!k->limits.switches)
        html_print(b, "<p>No guard of this service has ended yet.</p>");
    else if (k->limits.n_left_out == k->limits.switches)
        html_print(b, "<p>Of none of the last %zu guards is there anything to judge: %s.</p>", k->limits.switches,
                   k->limits.left_out);
    else if (!k->limits.n)
        html_print(b, "<p>No check of the newest guard has a limit or a test that could be tried otherwise.</p>");
}

static void figure(struct call *c, struct buf *b, const struct limits_sweep *s, unsigned id)
{
    html_print(b, "<figure><figcaption><b>%s</b> ", limits_name(c->arena, s));
    if (!s->switches) {
        html_print(b, "none of these guards had it.</figcaption></figure>");
        return;
    }
    limits_say(b, s);
    if (s->without)
        html_print(b, " %lld of the guards had no such limit.", (long long)s->without);
    html_print(b, "</figcaption>");
    limits_draw(b, c->arena, s, id);
    html_print(b, "<details><summary>as a table</summary>");
    limits_table(b, s);
    html_print(b, "</details></figure>");
}

static void body(struct call *c, struct buf *b, const struct computed *k)
{
    const struct limits *l = &k->limits;
    missing(b, k);
    if (!l->n || l->n_left_out == l->switches)
        return;
    if (l->switches > 1)
        html_print(b, "<p>The last %zu guards", l->switches);
    else
        html_print(b, "<p>The only guard so far");
    html_print(b, " judged once more, from stored evidence and by the policy of its time, with one thing changed at a "
                  "time. ");
    html_print(b, "Computed ");
    html_time(b, k->at_ms, c->now_ms);
    html_print(b, ".</p>");
    if (l->n_left_out)
        html_print(b, "<p class=\"note warn\">%zu of them could not be judged: %s.</p>", l->n_left_out, l->left_out);
    html_print(b, "<div class=\"charts\">");
    for (size_t i = 0; i < l->n; i++)
        figure(c, b, &l->sweep[i], (unsigned)i);
    html_print(b, "</div><p class=\"m\">A bar is as long as its part of the guards: solid reverts were real, hollow ones "
                  "false, those half as high are unknown. A revert is false when a human marked the "
                  "guard so, or when it passed and nobody said otherwise; it is real when a human marked it right. "
                  "Missed are bad releases that would have been kept; cut short are guards whose evidence ended before "
                  "a verdict, as after a revert.</p><p class=\"pages\"><a href=\"/api/v1/services/");
    html_segment(b, c->param);
    html_print(b, "/limits\">as JSON</a> <a href=\"/api/v1/services/");
    html_segment(b, c->param);
    html_print(b, "/limits.svg\">as a picture</a></p><p class=\"m\">Try others: <code>haldane backtest %s --guards "
                  "--sweep CHECK=1%%,2%%</code></p>", c->param);
}

void limits_brief(struct call *c, struct buf *b)
{
    struct computed k;
    struct hd_error err;
    bool any = !load(c, &k, &err) && k.limits.n && k.limits.sweep[0].switches;
    if (any) {
        html_print(b, "last %zu: %s: ", k.limits.switches, limits_name(c->arena, &k.limits.sweep[0]));
        limits_say(b, &k.limits.sweep[0]);
    }
    html_print(b, "<div><a href=\"/s/");
    html_segment(b, c->param);
    html_print(b, "/limits\">what other limits would have done</a></div>");
}

enum hd_code limits_page(struct call *c, struct hd_error *err)
{
    struct computed k;
    if (!known(c, err))
        return HD_OK;
    if (load(c, &k, err))
        return err->code;
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, arena_print(c->arena, "%s: other limits", c->param));
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / <a href=\"/s/");
    html_segment(b, c->param);
    html_print(b, "\">%s</a> / limits</p><h1>What other limits would have done</h1>", c->param);
    body(c, b, &k);
    html_foot(b);
    return HD_OK;
}
