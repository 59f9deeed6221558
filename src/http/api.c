/* SPDX-License-Identifier: Apache-2.0
 *
 * The reading half of /api/v1: lists and single things from the store. Nothing here changes
 * anything. Called through routes.c.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/guard.h"
#include "http/handlers.h"
#include "http/html.h"
#include "http/show.h"

#include <haldane/policy.h>

#define LIST_DEFAULT 50

static struct json_out begin_list(struct call *c)
{
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_begin(&o, "items", '[');
    return o;
}

static void end_list(struct call *c, struct json_out *o, const char *next)
{
    json_end(o, ']');
    json_put_text(o, "next", next);
    json_end(o, '}');
    if (next)
        call_link_next(c, "cursor", next);
}

static enum hd_code put_service(struct call *c, struct json_out *o, const struct store_service *s,
                                const struct store_budgets *budgets, struct hd_error *err)
{
    const struct store_filter newest = {.service = s->name, .verdict = -1, .limit = 1};
    struct store_reading reading;
    struct store_drill drill;
    struct store_guard *guard;
    struct stance stance;
    size_t n;
    bool has;
    if (view_reading(c->store, c->arena, s->name, &has, &reading, err) ||
        store_guards(c->store, c->arena, &newest, &guard, &n, err))
        return err->code;
    const struct store_asked asked = {.service = s->name,
                                      .row = s,
                                      .guard = n && stance_open(guard) ? guard : NULL,
                                      .budgets = budgets,
                                      .now_ms = c->now_ms};
    if (stance_load(c->store, c->arena, &asked, &stance, err))
        return err->code;
    enum hd_code code = store_drill(c->store, c->arena, s->name, &drill, err);
    if (code && code != HD_ABSENT)
        return code;
    show_service(o, s, has ? &reading : NULL, code ? NULL : &drill, budgets, &stance);
    return HD_OK;
}

enum hd_code api_services(struct call *c, struct hd_error *err)
{
    struct store_service *list;
    struct store_budgets budgets;
    size_t n;
    if (store_services(c->store, c->arena, &list, &n, err) ||
        store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    struct json_out o = begin_list(c);
    for (size_t i = 0; i < n; i++) {
        if (put_service(c, &o, &list[i], &budgets, err))
            return err->code;
    }
    end_list(c, &o, NULL);
    return HD_OK;
}

enum hd_code api_service(struct call *c, struct hd_error *err)
{
    struct store_service s;
    struct store_budgets budgets;
    enum hd_code code = store_service(c->store, c->arena, c->param, &s, err);
    if (code == HD_ABSENT)
        return call_refuse(c, 404, "unknown_service", "no service %s is configured", c->param);
    if (code || store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    return put_service(c, &o, &s, &budgets, err);
}

/* The query of /guards; false: refused. */
static bool read_filter(struct call *c, struct store_filter *ret)
{
    const char *state = call_query(c, "state"), *verdict = call_query(c, "verdict");
    const char *human = call_query(c, "needs_human"), *limit = call_query(c, "limit");
    const char *analysis = call_query(c, "analysis");
    int64_t n = LIST_DEFAULT;
    const char *bad = NULL;
    *ret = (struct store_filter){
        .service = call_query(c, "service"), .group = call_query(c, "group"), .verdict = -1,
        .before = call_query(c, "cursor")};
    const char *since = call_query(c, "since"), *until = call_query(c, "until");
    int word = state ? hd_state_of(state) : -1;
    if (word >= 0)
        ret->states = 1u << word;
    if (state && word < 0 && !str_is(state, "live") && !str_is(state, "all"))
        bad = "state must be live, all or a state of a guard";
    else if ((since && !str_read_time(since, &ret->since_ms)) ||
             (until && !str_read_time(until, &ret->until_ms)))
        bad = "since and until must be times like 2026-11-20T03:04:10Z";
    else if (until && since && ret->since_ms >= ret->until_ms)
        bad = "since must lie before until";
    else if (str_is(ret->service, "") || str_is(ret->group, ""))
        bad = "service and group must not be empty";
    else if (verdict && (ret->verdict = hd_verdict_of(verdict)) < 0)
        bad = "verdict must be none, pass, fail or inconclusive";
    else if (human && !str_is(human, "true"))
        bad = "needs_human can only be true";
    else if (analysis && !str_is(analysis, "true") && !str_is(analysis, "all"))
        bad = "analysis must be true (only analyses) or all";
    else if (limit && (!str_read_i64(limit, &n) || n < 1 || n > HD_PAGE_ITEMS_MAX))
        bad = arena_print(c->arena, "limit must be 1 to %d", HD_PAGE_ITEMS_MAX);
    else if (ret->before && !view_is_id(ret->before))
        bad = "cursor must be what \"next\" said";
    ret->analyses = !analysis               ? STORE_GUARDS
                    : str_is(analysis, "all") ? STORE_GUARDS_AND_ANALYSES
                                              : STORE_ANALYSES;
    ret->live = str_is(state, "live");
    ret->needs_human = human != NULL;
    ret->limit = (size_t)n;
    if (bad)
        (void)call_refuse(c, 400, "bad_parameter", "%s", bad);
    return !bad;
}

enum hd_code api_guards(struct call *c, struct hd_error *err)
{
    struct store_filter filter;
    struct store_guard *list;
    size_t n;
    if (!read_filter(c, &filter))
        return HD_OK;
    size_t limit = filter.limit++; /* one more tells whether there is a next page */
    if (store_guards(c->store, c->arena, &filter, &list, &n, err))
        return err->code;
    struct store_budgets budgets;
    if (store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    struct json_out o = begin_list(c);
    for (size_t i = 0; i < n && i < limit; i++) {
        struct store_reading reading;
        struct stance stance;
        bool has;
        if (view_reading(c->store, c->arena, list[i].service, &has, &reading, err) ||
            stance_of_guard(c->store, c->arena, &list[i], &budgets, c->now_ms, &stance, err))
            return err->code;
        show_guard_row(&o, &list[i], has ? &reading : NULL, &stance, c->facts->public_url);
    }
    end_list(c, &o, n > limit ? list[limit - 1].id : NULL);
    return HD_OK;
}

static enum hd_code unknown_guard(struct call *c, const struct hd_error *err)
{
    if (err->code != HD_ABSENT)
        return err->code;
    return call_refuse(c, 404, "unknown_guard", "there is no guard %s", c->param);
}

enum hd_code api_guard(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err))
        return unknown_guard(c, err);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    show_guard(&o, v, c->facts->public_url);
    c->reply.etag = arena_print(c->arena, "\"v%lld\"", (long long)v->guard.version);
    return HD_OK;
}

static enum hd_code find_guard(struct call *c, struct store_guard *ret, struct hd_error *err)
{
    if (!view_is_id(c->param))
        return hd_fail(err, HD_ABSENT, "there is no guard %s", c->param);
    return store_guard(c->store, c->arena, c->param, ret, err);
}

/* "cursor" as the last page's "next" said; false: refused. */
static bool read_after(struct call *c, int64_t *ret)
{
    const char *text = call_query(c, "cursor");
    *ret = 0;
    if (!text || (str_read_i64(text, ret) && *ret >= 0))
        return true;
    (void)call_refuse(c, 400, "bad_parameter", "cursor must be what \"next\" said");
    return false;
}

enum hd_code api_timeline(struct call *c, struct hd_error *err)
{
    struct store_event *list;
    struct store_guard g;
    size_t n;
    int64_t after;
    if (!read_after(c, &after))
        return HD_OK;
    if (find_guard(c, &g, err))
        return unknown_guard(c, err);
    if (store_events(c->store, c->arena, c->param, after, HD_ROWS_MAX, &list, &n, err))
        return err->code;
    struct json_out o = begin_list(c);
    for (size_t i = 0; i < n; i++)
        show_event(&o, &list[i]);
    end_list(c, &o,
             n == HD_ROWS_MAX ? arena_print(c->arena, "%lld", (long long)list[n - 1].seq) : NULL);
    return HD_OK;
}

/* Paged by the row's place: evidence is only ever appended. */
enum hd_code api_evidence(struct call *c, struct hd_error *err)
{
    struct store_evidence_page page = {0};
    struct store_guard g;
    int64_t after;
    if (!read_after(c, &after))
        return HD_OK;
    if (find_guard(c, &g, err))
        return unknown_guard(c, err);
    enum hd_code code = store_evidence_after(c->store, c->arena, c->param, after, HD_PAGE_ITEMS_MAX, &page, err);
    if (code && code != HD_ABSENT)
        return code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_bool(&o, "evicted", code == HD_ABSENT);
    json_begin(&o, "items", '[');
    for (size_t i = 0; i < page.n; i++)
        show_evidence(&o, &page.list[i]);
    end_list(c, &o, page.more ? arena_print(c->arena, "%lld", (long long)page.last) : NULL);
    if (hd_state_terminal(g.state))
        c->reply.cache = CALL_FOR_EVER;
    return HD_OK;
}

enum hd_code api_holds(struct call *c, struct hd_error *err)
{
    struct store_hold *list;
    size_t n;
    if (store_holds(c->store, c->arena, c->now_ms, &list, &n, err))
        return err->code;
    struct json_out o = begin_list(c);
    for (size_t i = 0; i < n; i++)
        show_hold(&o, &list[i]);
    end_list(c, &o, NULL);
    return HD_OK;
}

enum hd_code api_tokens(struct call *c, struct hd_error *err)
{
    struct store_token *list;
    size_t n;
    if (c->facts->who && !c->account)
        return call_refuse(c, 401, "no_token", "send \"Authorization: Bearer hld_...\"");
    if (c->account && c->account->role < HD_TOKEN_ADMIN)
        return call_refuse(c, 403, "not_allowed", "only an admin sees who has a token");
    if (store_tokens(c->store, c->arena, &list, &n, err))
        return err->code;
    struct json_out o = begin_list(c);
    for (size_t i = 0; i < n; i++)
        show_token(&o, &list[i]);
    end_list(c, &o, NULL);
    return HD_OK;
}

/* How each check's judgement changed over the guard, and how it ended. */
enum hd_code api_verdicts(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    struct store_band *list;
    size_t n;
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err))
        return unknown_guard(c, err);
    if (store_bands(c->store, c->arena, c->param, &list, &n, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "verdict", hd_verdict_word(v->guard.verdict));
    json_put_text(&o, "cause", hd_cause_word(v->guard.cause));
    json_put_double(&o, "score", v->guard.score);
    json_put_text(&o, "why", v->guard.why);
    json_begin(&o, "items", '[');
    for (size_t i = 0; i < n; i++)
        show_band(&o, &list[i], list[i].check < v->n_checks ? v->check[list[i].check].name : NULL);
    json_end(&o, ']');
    json_end(&o, '}');
    if (hd_state_terminal(v->guard.state))
        c->reply.cache = CALL_FOR_EVER;
    return HD_OK;
}

/* By its name; without one the worst, which is the first on the page. */
static const struct check_view *check_of(struct hd_arena *a, const struct guard_view *v, const char *name)
{
    if (!name)
        return v->n_checks ? view_by_badness(a, v->check, v->n_checks)[0] : NULL;
    for (size_t i = 0; i < v->n_checks; i++) {
        if (str_is(v->check[i].name, name))
            return &v->check[i];
    }
    return NULL;
}

enum hd_code api_chart(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err))
        return unknown_guard(c, err);
    const struct check_view *check = check_of(c->arena, v, call_query(c, "check"));
    if (!check)
        return call_refuse(c, 404, "unknown_check", "the guard has no such check");
    guard_chart(call_answer(c, 200, CALL_SVG), v, check, c->now_ms);
    c->reply.policy = "default-src 'none'; style-src 'unsafe-inline'"; /* its own style sheet */
    if (hd_state_terminal(v->guard.state))
        c->reply.cache = CALL_FOR_EVER;
    return HD_OK;
}

/* The two parts of a fact "MS TEXT". */
static void put_stamped(struct call *c, struct json_out *o, const char *fact, const char *time_key,
                        const char *key)
{
    const char *blank = fact ? strchr(fact, ' ') : NULL;
    int64_t ms = -1;
    if (blank)
        (void)str_read_i64(arena_text_n(c->arena, fact, (size_t)(blank - fact)), &ms);
    json_put_time(o, time_key, ms);
    json_put_text(o, key, blank ? blank + 1 : NULL);
}

enum hd_code api_config(struct call *c, struct hd_error *err)
{
    const char *loaded = NULL, *refused = NULL, *text = NULL;
    enum hd_code code = store_fact(c->store, c->arena, "config/loaded", &loaded, err);
    if (!code)
        code = store_fact(c->store, c->arena, "config/refused", &refused, err);
    if (!code)
        code = store_fact(c->store, c->arena, "config/text", &text, err);
    if (code && code != HD_ABSENT)
        return code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    put_stamped(c, &o, loaded, "loaded_at", "hash");
    put_stamped(c, &o, refused, "refused_at", "refused");
    json_put_text(&o, "yaml", text);
    json_end(&o, '}');
    return HD_OK;
}
