/* SPDX-License-Identifier: Apache-2.0
 *
 * POSTs that change nothing: is this text a configuration, and does the stored evidence of a guard still
 * give its verdict? Answered here, on the face's thread; the guard loop hears nothing of them. Called
 * through routes.c.
 */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "http/handlers.h"
#include "http/orders.h"

#define MISTAKE_BYTES 4096u /* one, as JSON */
#define ROWS_MAX (HD_PAGE_EVIDENCE_BYTES / 32) /* of evidence: a row of one check has that many bytes */

static bool is_yaml(const char *type)
{
    static const char *const known[] = {"application/yaml", "application/x-yaml", "text/yaml", "text/plain"};
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        if (strncasecmp(type, known[i], n) == 0 && strchr("; \t", type[n]))
            return true;
    }
    return false;
}

/* "services.shop.checks[0].max" as a JSON pointer: "/services/shop/checks/0/max". */
static void put_pointer(struct json_out *o, const char *path)
{
    BUF_AUTO b = BUF_INIT(4 * HD_TEXT_MAX);
    for (const char *p = path; *p; p++) {
        if (p == path || *p == '.' || *p == '[')
            buf_byte(&b, '/');
        if (!strchr(".[]", *p))
            buf_byte(&b, *p);
    }
    json_put_text(o, "pointer", buf_at(&b));
}

void http_put_mistakes(const struct http_checked *checked, bool warnings, struct buf *to)
{
    size_t room = to->max - 1;
    buf_byte(to, '[');
    for (size_t i = 0; i < checked->n; i++) {
        const struct http_mistake *m = &checked->item[i];
        BUF_AUTO one = BUF_INIT(MISTAKE_BYTES);
        struct json_out o = json_out(&one);
        if (m->warning != warnings)
            continue;
        json_begin(&o, NULL, '{');
        if (m->file)
            json_put_text(&o, "file", m->file);
        json_put_i64(&o, "line", m->line);
        json_put_i64(&o, "column", m->column);
        put_pointer(&o, m->path);
        json_put_text(&o, "detail", m->text);
        json_end(&o, '}');
        if (one.full || to->len + one.len + 1 > room)
            continue;
        buf_text(to, to->len > 1 ? "," : "");
        buf_add(to, buf_at(&one), one.len);
    }
    buf_byte(to, ']');
}

enum hd_code try_config(struct call *c, struct hd_error *err)
{
    struct http_checked r = {0};
    BUF_AUTO errors = BUF_INIT(HD_MISTAKES_MAX * MISTAKE_BYTES);
    BUF_AUTO warnings = BUF_INIT(HD_MISTAKES_MAX * MISTAKE_BYTES);
    struct json_out o;
    if (!c->facts->check)
        return call_refuse(c, 501, "no_check", "this daemon checks no configurations");
    if (!is_yaml(call_header(c, "Content-Type")))
        return call_refuse(c, 415, "not_yaml", "the body must be sent as application/yaml");
    if (c->body.len > HD_CHECK_BYTES_MAX)
        return call_refuse(c, 413, "body_too_large", "more than %d bytes are not checked over HTTP; `haldane check FILE` "
                           "checks any file", HD_CHECK_BYTES_MAX);
    if (c->facts->check(c->arena, buf_span(&c->body), c->facts->queries, &r, err))
        return call_refuse(c, 422, "bad_config", "%s", err->text);
    http_put_mistakes(&r, false, &errors);
    http_put_mistakes(&r, true, &warnings);
    if (r.errors) {
        o = call_begin_problem(c, 422, "bad_config",
                               arena_print(c->arena, "%zu mistake%s", r.errors, r.errors == 1 ? "" : "s"), false);
    } else {
        o = json_out(call_answer(c, 200, CALL_JSON));
        json_begin(&o, NULL, '{');
        json_put_i64(&o, "services", (int64_t)r.services);
        json_put_i64(&o, "checks", (int64_t)r.checks);
    }
    json_put_raw(&o, "errors", buf_at(&errors));
    json_put_raw(&o, "warnings", buf_at(&warnings));
    json_end(&o, '}');
    return HD_OK;
}

enum hd_code try_replay(struct call *c, struct hd_error *err)
{
    JSON_AUTO order = NULL;
    const char *guard = NULL;
    if (!c->facts->replay)
        return call_refuse(c, 501, "no_replay", "this daemon replays nothing");
    enum hd_code code = orders_take(c, err);
    if (code || c->reply.status)
        return code;
    code = json_parse(buf_span(&c->packet), &order, err);
    buf_clear(&c->packet); /* its fields were read as an order's; nothing is ordered */
    if (!code)
        code = json_text(json_get(json_get(order, "args"), "guard"), "guard", &guard, err);
    if (code)
        return code;
    struct store_evidence_size size;
    code = store_evidence_size(c->store, guard, ROWS_MAX + 1, &size, err);
    if (code)
        return code == HD_ABSENT ? call_refuse(c, 404, "no_evidence", "%s", err->text) : code;
    if (size.bytes > HD_PAGE_EVIDENCE_BYTES || size.rows > ROWS_MAX)
        return call_refuse(c, 422, "too_much_evidence",
                           "more than %d KiB of evidence are not judged over HTTP; `haldane replay %s` judges any amount",
                           HD_PAGE_EVIDENCE_BYTES >> 10, guard);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    code = c->facts->replay(c->store, c->arena, guard, &o, err);
    return code == HD_ABSENT ? call_refuse(c, 404, "no_evidence", "%s", err->text) : code;
}
