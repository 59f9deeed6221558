/* SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. An answer on its way out: headers that every answer has, what a client has already
 * seen (304), gzip, streams. Called by visit.c.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/pack.h"
#include "http/server.h"

#define POLICY "Content-Security-Policy"

static const struct {
    const char *name, *value;
} fixed_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "same-origin"}, /* with no-referrer a browser hides a form's origin too */
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {POLICY,
     "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; base-uri 'none'; "
     "form-action 'self'; frame-ancestors 'none'"},
};

static void add_headers(struct MHD_Response *r, const struct reply *reply)
{
    for (size_t i = 0; i < sizeof fixed_headers / sizeof *fixed_headers; i++) {
        bool own = reply->policy && str_is(fixed_headers[i].name, POLICY);
        (void)MHD_add_response_header(r, fixed_headers[i].name, own ? reply->policy : fixed_headers[i].value);
    }
    if (reply->link)
        (void)MHD_add_response_header(r, "Link", reply->link);
    (void)MHD_add_response_header(r, "Cache-Control", reply->cache ? reply->cache : "no-store");
    if (reply->type)
        (void)MHD_add_response_header(r, "Content-Type", reply->type);
    if (reply->packed)
        (void)MHD_add_response_header(r, "Content-Encoding", "gzip");
    (void)MHD_add_response_header(r, "Vary", "Accept-Encoding, Cookie");
    if (reply->location)
        (void)MHD_add_response_header(r, "Location", reply->location);
    if (reply->etag)
        (void)MHD_add_response_header(r, "ETag", reply->etag);
    if (reply->allow)
        (void)MHD_add_response_header(r, "Allow", reply->allow);
    if (reply->retry)
        (void)MHD_add_response_header(r, "Retry-After", "1");
    if (reply->cookie)
        (void)MHD_add_response_header(r, "Set-Cookie", reply->cookie);
    if (reply->status == 401)
        (void)MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
    if (reply->close)
        (void)MHD_add_response_header(r, "Connection", "close");
}

static struct MHD_Response *plain_response(struct reply *reply)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(reply->body.len, reply->body.at, MHD_RESPMEM_MUST_FREE);
    if (r)
        reply->body = BUF_INIT(0); /* the response owns it now */
    return r;
}

/* NULL: refused. */
static struct MHD_Response *stream_response(struct visit *v)
{
    struct call *c = &v->call;
    struct MHD_Response *r = stream_open(&v->http->streams, c->connection, c->stream_after,
                                         buf_at(&c->reply.body), c->account ? c->secret : NULL,
                                         clock_now().boot_ms);
    if (!r) {
        (void)call_refuse(c, 503, "too_many_streams", "%d streams are open already",
                          HD_STREAMS_MAX);
        return NULL;
    }
    v->peer->waiting = true; /* it may be silent for as long as it likes */
    v->http->tell_ms = 0;
    (void)MHD_add_response_header(r, "X-Accel-Buffering", "no");
    return r;
}

/* Pages say how old everything on them is, and carry a form's secret: no two are alike. */
static bool keeps(const char *type)
{
    return str_is(type, CALL_JSON) || str_is(type, CALL_SVG) || str_begins(type, "text/markdown");
}

/* Lets a client that has seen this very answer keep it (RFC 9110, 13.1.2). */
static void answer_unchanged(struct call *c)
{
    struct reply *r = &c->reply;
    const char *seen = call_header(c, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (r->status != 200 || c->stream || !c->route || !str_is(c->route->method, "GET") ||
        !r->type || !keeps(r->type) || c->route->needs & (ROUTE_OPEN | ROUTE_ANY_SECRET))
        return;
    if (!r->etag)
        r->etag = arena_print(c->arena, "\"%016llx\"",
                              (unsigned long long)str_hash(buf_at(&r->body), 0));
    if (!r->cache)
        r->cache = "private, no-cache";
    if (!seen || !(str_is(seen, "*") || strstr(seen, r->etag)))
        return;
    r->status = 304;
    buf_clear(&r->body);
}

static bool is_text(const char *type)
{
    return type && (str_begins(type, "text/") || str_begins(type, "application/json"));
}

enum MHD_Result reply_send(struct visit *v)
{
    struct reply *reply = &v->call.reply;
    answer_unchanged(&v->call);
    struct MHD_Response *r = v->call.stream ? stream_response(v) : NULL;
    if (!r) {
        reply->packed = is_text(reply->type) &&
                        pack_taken(call_header(&v->call, MHD_HTTP_HEADER_ACCEPT_ENCODING)) &&
                        pack_gzip(&reply->body, call_csrf(&v->call));
        r = plain_response(reply);
    }
    if (!r)
        return MHD_NO;
    add_headers(r, reply);
    enum MHD_Result sent = MHD_queue_response(v->call.connection, reply->status, r);
    MHD_destroy_response(r);
    metric_add(v->http->requests[reply->status / 100], 1);
    return sent;
}
