/* SPDX-License-Identifier: Apache-2.0
 *
 * What machines ask: is the loop turning, should traffic come here, the metrics; and the assets.
 * None of them fails because a data source or a router does.
 */
#include <string.h>

#include "base/metrics.h"
#include "base/str.h"
#include "http/handlers.h"
#include "http/html.h"
#include "json/json.h"

static void say(struct call *c, unsigned status, const char *word, const char *detail)
{
    struct json_out o = json_out(call_answer(c, status, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "status", word);
    json_put_text(&o, "detail", detail);
    json_end(&o, '}');
}

enum hd_code health_alive(struct call *c, struct hd_error *err)
{
    (void)err;
    const char *alarm = call_stuck(c); /* not a lost store: what only memory has would be gone */
    say(c, alarm ? 503 : 200, alarm ? "stuck" : "ok", alarm ? alarm : "The guard loop turns.");
    return HD_OK;
}

enum hd_code health_ready(struct call *c, struct hd_error *err)
{
    const char *fact;
    enum hd_code code =
        c->store ? store_fact(c->store, c->arena, "boot_id", &fact, err) : err->code;
    if (!c->store || (code != HD_OK && code != HD_ABSENT))
        say(c, 503, "no_store", arena_print(c->arena, "The store cannot be read: %s.", err->text));
    else if (c->facts->loop_gone || !(metric_value(c->facts->ready) > 0))
        say(c, 503, "not_ready", "The configuration is not loaded yet, or the daemon is stopping.");
    else
        say(c, 200, "ok", "The store can be read and the configuration is loaded.");
    return HD_OK;
}

enum hd_code health_metrics(struct call *c, struct hd_error *err)
{
    (void)err;
    const char *accept = call_header(c, "Accept");
    bool open = accept && strstr(accept, "application/openmetrics-text");
    metrics_print(call_answer(c, 200,
                              open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                   : "text/plain; version=0.0.4; charset=utf-8"),
                  open);
    return HD_OK;
}

/* The address carries the tag, so what is behind it never changes. */
static enum hd_code asset(struct call *c, const char *type, const char *text, const char *tag)
{
    const char *etag = arena_print(c->arena, "\"%s\"", tag);
    const char *have = call_header(c, "If-None-Match");
    bool same = have && strstr(have, etag);
    struct buf *b = call_answer(c, same ? 304 : 200, type);
    if (!same)
        buf_text(b, text);
    c->reply.etag = etag;
    c->reply.cache = "public, max-age=31536000, immutable";
    return HD_OK;
}

enum hd_code health_style(struct call *c, struct hd_error *err)
{
    (void)err;
    return asset(c, "text/css; charset=utf-8", http_style, html_style_tag());
}

enum hd_code health_script(struct call *c, struct hd_error *err)
{
    (void)err;
    return asset(c, "text/javascript; charset=utf-8", http_script, html_script_tag());
}
