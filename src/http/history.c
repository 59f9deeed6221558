/* SPDX-License-Identifier: Apache-2.0
 *
 * See history.h. Called by service.c; the two exports are routes of their own.
 */
#include "http/history.h"

#include <string.h>

#include "base/str.h"
#include "http/handlers.h"
#include "http/html.h"
#include "http/parts.h"
#include "http/show.h"
#include "http/view.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

#define BIT(state) (1u << HD_STATE_##state)
static const struct {
    const char *slug, *word;
    uint32_t states;
} shows[] = {
    {"", "all", 0},
    {"passed", "passed", BIT(PASSED)},
    {"reverted", "rolled back", BIT(REVERTED)},
    {"failed", "failed, and not well at once",
     BIT(NOT_VERIFIED) | BIT(NOT_RECOVERED) | BIT(REFUSED) | BIT(ADVISED)},
    {"inconclusive", "inconclusive", BIT(INCONCLUSIVE)},
    {"ended", "superseded or cancelled", BIT(SUPERSEDED) | BIT(CANCELLED)},
};

/* "2026-11-20", as a form's date field says it, or a whole instant. `end`: the end of that day. */
static bool read_day(struct hd_arena *a, const char *text, bool end, int64_t *ret)
{
    if (str_read_time(text, ret))
        return true;
    if (!str_read_time(arena_print(a, "%sT00:00:00Z", text), ret))
        return false;
    *ret += end ? DAY_MS : 0;
    return true;
}

bool history_read(struct call *c, size_t limit, struct history *ret)
{
    const char *show = call_query(c, "show"), *since = call_query(c, "since"),
               *until = call_query(c, "until"), *bad = NULL;
    size_t i = 0, n = sizeof shows / sizeof *shows;
    *ret = (struct history){.show = show ? show : "",
                            .since = since ? since : "",
                            .until = until ? until : "",
                            .filter = {.service = c->param,
                                       .verdict = -1,
                                       .limit = limit,
                                       .before = call_query(c, "before")}};
    while (i < n && !str_is(shows[i].slug, ret->show))
        i++;
    if (i == n)
        bad = "\"show\" is not one of the choices.";
    else if (*ret->since && !read_day(c->arena, ret->since, false, &ret->filter.since_ms))
        bad = "\"since\" is not a day like 2026-11-20.";
    else if (*ret->until && !read_day(c->arena, ret->until, true, &ret->filter.until_ms))
        bad = "\"until\" is not a day like 2026-11-20.";
    else if (*ret->since && *ret->until && ret->filter.since_ms >= ret->filter.until_ms)
        bad = "\"until\" lies before \"since\".";
    else if (ret->filter.before && !view_is_id(ret->filter.before))
        bad = "\"before\" is not the id of a guard.";
    ret->narrowed = *ret->show || *ret->since || *ret->until || ret->filter.before;
    if (bad)
        (void)call_refuse(c, 400, "bad_parameter", "%s", bad);
    else
        ret->filter.states = shows[i].states;
    return !bad;
}

void history_form(struct buf *b, const struct history *h)
{
    html_print(b, "<form class=\"filter\" method=\"get\"><label>show <select name=\"show\">");
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++)
        html_print(b, "<option value=\"%s\"%s>%s</option>", shows[i].slug,
                   str_is(shows[i].slug, h->show) ? " selected" : "", shows[i].word);
    html_print(b,
               "</select></label> <label>since <input type=\"date\" name=\"since\" value=\"%s\"></label>"
               " <label>until <input type=\"date\" name=\"until\" value=\"%s\"></label>"
               " <button>Filter</button></form>",
               h->since, h->until);
}

static void one(struct buf *b, const char *key, const char *value, bool *first)
{
    if (!value || !*value)
        return;
    html_print(b, *first ? "?%s=" : "&amp;%s=", key);
    html_segment(b, value);
    *first = false;
}

void history_query(struct buf *b, const struct history *h, const char *before)
{
    bool first = true;
    one(b, "show", h->show, &first);
    one(b, "since", h->since, &first);
    one(b, "until", h->until, &first);
    one(b, "before", before, &first);
}

/* --- analyses: judgements without power to act, which other controllers ask for --- */

#define PAGE 50

static void older(struct buf *b, const struct history *h, const char *before)
{
    html_print(b, "<p class=\"pages\"><a rel=\"next\" href=\"/analyses");
    history_query(b, h, before);
    html_print(b, "\">older</a></p>");
}

enum hd_code analyses_page(struct call *c, struct hd_error *err)
{
    struct history h;
    struct store_guard *list;
    size_t n;
    if (!history_read(c, PAGE + 1, &h))
        return HD_OK;
    h.filter.analyses = STORE_ANALYSES;
    if (store_guards(c->store, c->arena, &h.filter, &list, &n, err))
        return err->code;
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, "Analyses");
    for (size_t i = 0; i < n && !page.live; i++)
        page.live = !hd_state_terminal(list[i].state);
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / analyses</p><h1>Analyses</h1><p>They judge a release "
                  "by its service's own checks for another controller (Argo Rollouts, Flagger, Kayenta's clients, "
                  "<code>POST /api/v1/analysis</code>), and move no traffic.</p>");
    history_form(b, &h);
    if (n)
        part_guards(b, list, n < PAGE ? n : PAGE, true, c->now_ms);
    else
        html_print(b, "<p>There is none%s.</p>", h.narrowed ? " like that" : " yet");
    if (n > PAGE)
        older(b, &h, list[PAGE - 1].id);
    html_foot(b);
    return HD_OK;
}

/* --- the same rows for a spreadsheet and for a program --- */

/* RFC 4180; a cell that a spreadsheet would run as a formula is made a text. */
static void cell(struct buf *b, const char *text, bool last)
{
    bool formula = text && *text && strchr("=+-@\t\r", *text);
    buf_byte(b, '"');
    if (formula)
        buf_byte(b, '\'');
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '"')
            buf_byte(b, '"');
        buf_byte(b, *p == '\0' ? ' ' : *p);
    }
    buf_text(b, last ? "\"\r\n" : "\",");
}

static void time_cell(struct buf *b, int64_t ms)
{
    char text[STR_TIME_MAX];
    cell(b, ms < 0 ? "" : str_time(ms, text), false);
}

static void span_cell(struct buf *b, int64_t from_ms, int64_t to_ms)
{
    if (from_ms >= 0 && to_ms >= from_ms)
        buf_print(b, "%.3f,", (double)(to_ms - from_ms) / 1000);
    else
        buf_byte(b, ',');
}

static void csv_row(struct buf *b, const struct store_guard *g)
{
    cell(b, g->id, false);
    cell(b, g->service, false);
    time_cell(b, g->started_ms);
    time_cell(b, g->ended_ms);
    cell(b, g->stable, false);
    cell(b, g->stable_version, false);
    cell(b, g->candidate, false);
    cell(b, g->candidate_version, false);
    cell(b, hd_state_word(g->state), false);
    cell(b, hd_verdict_word(g->verdict), false);
    cell(b, hd_cause_word(g->cause), false);
    span_cell(b, g->switch_to_ms, g->decided_ms);
    span_cell(b, g->decided_ms, g->verified_ms);
    span_cell(b, g->decided_ms, g->recovered_ms);
    cell(b, store_mark_word(g, NULL), false);
    cell(b, g->headline, false);
    cell(b, g->why, true);
}

/* HD_OK with a reply: refused. */
static enum hd_code load(struct call *c, struct store_guard **ret, size_t *ret_n,
                         struct hd_error *err)
{
    const struct store_filter any = {.service = c->param, .verdict = -1, .limit = 1};
    struct history h;
    struct store_service service;
    struct store_guard *last;
    size_t n;
    if (!history_read(c, HD_ROWS_MAX, &h))
        return HD_OK;
    if (store_guards(c->store, c->arena, &h.filter, ret, ret_n, err) ||
        (!*ret_n && store_guards(c->store, c->arena, &any, &last, &n, err)))
        return err->code;
    if (!*ret_n && !n && store_service(c->store, c->arena, c->param, &service, err) == HD_ABSENT)
        return call_refuse(c, 404, "unknown_service", "There is no service %s.", c->param);
    if (*ret_n == HD_ROWS_MAX)
        call_link_next(c, "before", (*ret)[HD_ROWS_MAX - 1].id);
    return HD_OK;
}

enum hd_code history_csv(struct call *c, struct hd_error *err)
{
    struct store_guard *list;
    size_t n;
    enum hd_code code = load(c, &list, &n, err);
    if (code || c->reply.status)
        return code;
    struct buf *b = call_answer(c, 200, "text/csv; charset=utf-8");
    buf_text(b, "id,service,started,ended,stable,stable_version,candidate,candidate_version,state,"
                "verdict,cause,detect_s,revert_s,recover_s,mark,headline,why\r\n");
    for (size_t i = 0; i < n; i++)
        csv_row(b, &list[i]);
    return HD_OK;
}

enum hd_code history_json(struct call *c, struct hd_error *err)
{
    struct store_guard *list;
    size_t n;
    enum hd_code code = load(c, &list, &n, err);
    if (code || c->reply.status)
        return code;
    struct store_budgets budgets;
    if (store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_begin(&o, "items", '[');
    for (size_t i = 0; i < n; i++) {
        struct stance stance;
        if (stance_of_guard(c->store, c->arena, &list[i], &budgets, c->now_ms, &stance, err))
            return err->code;
        show_guard_row(&o, &list[i], NULL, &stance, c->facts->public_url);
    }
    json_end(&o, ']');
    json_put_text(&o, "next", n == HD_ROWS_MAX ? list[n - 1].id : NULL);
    json_end(&o, '}');
    return HD_OK;
}
