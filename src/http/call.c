/* SPDX-License-Identifier: Apache-2.0
 *
 * The replies of the face that are not answers: problem documents and error pages. Called by the
 * handlers and by server.c.
 */
#include "http/call.h"

#include "base/str.h"
#include "http/compat.h"
#include "http/form.h"
#include "http/html.h"
#include "json/json.h"

#define TICK_FRESH_MS 5000 /* the loop turns at least once a second */

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad request"},       {401, "A token is needed"},
    {403, "Not allowed"},       {404, "No such thing"},
    {405, "Wrong method"},      {409, "Conflict"},
    {411, "A length is needed"}, {412, "It has changed"},
    {413, "Too large"},         {415, "Not the right type"},
    {428, "Say what you saw"},
    {422, "A field is wrong"},  {423, "Held"},
    {429, "Too many requests"}, {500, "Internal error"},
    {501, "Not possible here"}, {503, "Not now"},
    {504, "No answer in time"},
};

const char *call_status_title(unsigned status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Error";
}

bool call_status_retryable(unsigned status)
{
    return status == 429 || status == 503;
}

const char *call_stuck(const struct call *c)
{
    char text[STR_TIME_MAX];
    double tick = metric_value(c->facts->tick);
    int64_t age_ms = c->now_ms - (int64_t)(tick * 1000);
    if (c->facts->loop_gone)
        return "The guard loop has ended: nothing is being watched or rolled back.";
    if (!(tick > 0))
        return "The guard loop has not turned yet: nothing is being watched.";
    if (age_ms < TICK_FRESH_MS)
        return NULL;
    return arena_print(c->arena,
                       "The guard loop last turned %s ago: nothing is being watched or "
                       "rolled back until it does again.",
                       str_duration(age_ms, text));
}

const char *call_alarm(const struct call *c)
{
    const char *stuck = call_stuck(c);
    if (stuck || !(metric_value(c->facts->lost) > 0))
        return stuck;
    return "haldane cannot write its store, and its log says why: what stands here may be old, a release that fails now "
           "is taken back only if storage.store_lost says so, and pages go out without this record.";
}

const char *call_form(const struct call *c, const char *name)
{
    return c->form ? form_get(c->form, name) : NULL;
}

const char *call_csrf(const struct call *c)
{
    return c->account ? c->account->csrf : NULL;
}

enum hd_code call_redirect(struct call *c, const char *location)
{
    (void)call_answer(c, 303, CALL_HTML);
    c->reply.location = arena_text(c->arena, location);
    return HD_OK;
}

struct buf *call_answer(struct call *c, unsigned status, const char *type)
{
    buf_clear(&c->reply.body);
    c->reply.body = BUF_INIT(HD_REPLY_BYTES_MAX);
    c->reply.status = status;
    c->reply.type = type;
    c->reply.retry = call_status_retryable(status);
    return &c->reply.body;
}

struct html_page call_page(const struct call *c, const char *title)
{
    return (struct html_page){.title = title,
                              .alarm = call_alarm(c),
                              .account = c->account ? c->account->name : NULL,
                              .csrf = c->account ? c->account->csrf : NULL,
                              .now_ms = c->now_ms};
}

static bool wants_page(const struct call *c)
{
    if (c->route)
        return c->route->needs & ROUTE_HTML;
    return !str_begins(c->path, "/api/");
}

static void refuse_page(struct call *c, unsigned status, const char *detail)
{
    struct buf *b = call_answer(c, status, CALL_HTML);
    struct html_page page = call_page(c, call_status_title(status));
    html_head(b, &page);
    html_print(b, "<section class=\"lead warn\"><h1>");
    html_icon(b, TONE_WARN);
    html_print(b, "%s</h1><p>%s</p>", call_status_title(status), detail);
    if (status >= 500)
        html_print(b, "<p>Guards go on without this page: the daemon's log and the command "
                      "<code>haldane status</code> say more.</p>");
    if (status == 401)
        html_print(b, "<p><a href=\"/login\">Log in</a></p>");
    html_print(b, "<p><a href=\"/\">To the fleet</a></p></section>");
    html_foot(b);
}

struct json_out call_begin_problem(struct call *c, unsigned status, const char *code,
                                   const char *detail, bool retryable)
{
    struct json_out o = json_out(call_answer(c, status, CALL_PROBLEM));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "type", arena_print(c->arena, "urn:haldane:problem:%s", code));
    json_put_text(&o, "title", call_status_title(status));
    json_put_i64(&o, "status", status);
    json_put_text(&o, "detail", detail);
    json_put_text(&o, "instance", c->path);
    json_put_text(&o, "code", code);
    json_put_bool(&o, "retryable", retryable);
    return o;
}

void call_problem(struct call *c, unsigned status, const char *code, const char *detail)
{
    struct json_out o = call_begin_problem(c, status, code, detail, call_status_retryable(status));
    json_end(&o, '}');
}

enum hd_code call_refuse(struct call *c, unsigned status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *detail = arena_vprint(c->arena, format, args);
    va_end(args);
    const struct dialect *dialect = compat_dialect(c);
    c->refused = detail;
    if (dialect)
        dialect->refuse(c, status, code, detail);
    else if (wants_page(c))
        refuse_page(c, status, detail);
    else
        call_problem(c, status, code, detail);
    return HD_OK;
}

void call_fail(struct call *c, const struct hd_error *e)
{
    static const struct {
        enum hd_code code;
        unsigned status;
    } status_of[] = {{HD_INVALID, 400}, {HD_PARSE, 500},    {HD_DENIED, 403}, {HD_ABSENT, 404},
                     {HD_BUSY, 503},    {HD_TIMEOUT, 504},  {HD_IO, 503},     {HD_CORRUPT, 503},
                     {HD_VERSION, 503}, {HD_CONFLICT, 409}, {HD_LIMIT, 500}};
    unsigned status = 500;
    for (size_t i = 0; i < sizeof status_of / sizeof *status_of; i++) {
        if (status_of[i].code == e->code)
            status = status_of[i].status;
    }
    (void)call_refuse(c, status, hd_code_word(e->code), "%s", e->text);
}

void call_link_next(struct call *c, const char *cursor, const char *next)
{
    BUF_AUTO b = BUF_INIT(HD_HTTP_HEAD_MAX);
    buf_print(&b, "<%s?%s=", c->path, cursor);
    html_segment(&b, next);
    for (const char *const *q = c->route->query; *q; q++) {
        const char *value = call_query(c, *q);
        if (!value || str_is(*q, cursor))
            continue;
        buf_print(&b, "&%s=", *q);
        html_segment(&b, value);
    }
    buf_text(&b, ">; rel=\"next\"");
    if (!b.full)
        c->reply.link = arena_text(c->arena, buf_at(&b));
}
