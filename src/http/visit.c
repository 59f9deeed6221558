/* SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. One request on its way to its handler: what is refused before one runs, the body,
 * and where it goes on after a wait. Never writes the store. Called by libmicrohttpd and pending.c.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/form.h"
#include "http/frame.h"
#include "http/ids.h"
#include "http/listen.h"
#include "http/server.h"
#include "http/view.h"
#include "http/who.h"

const char *call_header(const struct call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

const char *call_query(const struct call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Called with the target as it was sent, before libmicrohttpd decodes it: what is decoded no longer
 * tells "/a%2Fb" from "/a/b". Its value is what visit_request finds in `state`. */
void *visit_begin(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct http *h = cls;
    struct visit *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->http = h;
    v->facts = h->facts;
    v->facts.loop_gone = h->pending.fd < 0;
    v->peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct call *c = &v->call;
    c->facts = &v->facts;
    c->connection = connection;
    c->arena = arena_new();
    c->now_ms = clock_now().wall_ms;
    c->body = BUF_INIT(HD_BODY_BYTES_MAX);
    v->fault = form_target_fault(target);
    h->busy++;
    return v;
}

static void visit_end(struct visit *v)
{
    v->http->busy--;
    buf_clear(&v->call.body);
    buf_clear(&v->call.packet);
    buf_clear(&v->call.reply.body);
    (void)arena_free(v->call.arena);
    free(v);
}

static enum MHD_Result check_query(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct call *c = cls;
    (void)kind;
    for (const char *const *q = c->route->query; *q; q++) {
        if (!str_is(*q, name))
            continue;
        if (call_query(c, name) == value)
            return MHD_YES;
        (void)call_refuse(c, 400, "repeated_parameter", "the parameter %s is given twice", name);
        return MHD_NO;
    }
    (void)call_refuse(c, 400, "unknown_parameter", "there is no parameter %s here", name);
    return MHD_NO;
}

/* What can be said before the body is read. */
static void choose(struct visit *v, const char *method, const char *path)
{
    struct call *c = &v->call;
    const char *allow = NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c->path = arena_text(c->arena, path);
    c->peer = listen_peer(info ? info->client_addr : NULL);
    who_take_path(c);
    enum route_match m = route_find(c->arena, method, c->path, &c->route, &c->param, &allow);
    who_read(c);
    if (frame_refuse(c))
        return;
    if (v->fault) {
        (void)call_refuse(c, 400, "bad_target", "%s", v->fault);
        c->reply.close = true;
    } else if (m == ROUTE_NOT_FOUND) {
        (void)call_refuse(c, 404, "no_route", "there is nothing at this address");
    } else if (m == ROUTE_WRONG_METHOD && str_is(method, "OPTIONS")) {
        (void)call_answer(c, 204, NULL);
        c->reply.allow = allow;
    } else if (m == ROUTE_WRONG_METHOD) {
        (void)call_refuse(c, 405, "wrong_method", "this address takes %s", allow);
        c->reply.allow = allow;
    } else {
        (void)MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, check_query, c);
    }
}

/* The form of a page; false: refused. */
static bool take_form(struct call *c)
{
    struct form *f = arena_of(c->arena, struct form);
    struct hd_error err;
    if (!(c->route->needs & ROUTE_HTML) || str_is(c->route->method, "GET"))
        return true;
    if (form_parse(c->arena, buf_span(&c->body), f, &err)) {
        (void)call_refuse(c, 400, "bad_form", "%s", err.text);
        return false;
    }
    c->form = f;
    return true;
}

/* The guard that the address names, as its id; false: refused. A word that is none is the handler's to refuse. */
static bool take_id(struct visit *v)
{
    struct call *c = &v->call;
    struct hd_error err;
    if (!ids_asked(c) || view_is_id(c->param))
        return true;
    if (!c->store)
        (void)waits_reader(v->http, &c->store, &err);
    if (ids_find(c->store, c->arena, c->param, &c->param, &err) != HD_CONFLICT)
        return true;
    (void)call_refuse(c, 404, "ambiguous_id", "%s", err.text);
    return false;
}

static void run(struct visit *v)
{
    struct call *c = &v->call;
    struct hd_error err = {0};
    c->store = NULL;
    c->now_ms = clock_now().wall_ms;
    bool asks_who = c->facts->who && !(c->route->needs & ROUTE_OPEN);
    if (c->body_too_big) {
        (void)call_refuse(c, 413, "body_too_large", "the body is larger than %u bytes",
                          HD_BODY_BYTES_MAX);
        return;
    }
    if (!take_form(c))
        return;
    bool wants = asks_who || c->route->needs & (ROUTE_STORE | ROUTE_PROBE);
    enum hd_code code = wants ? waits_reader(v->http, &c->store, &err) : HD_OK;
    if (code && c->route->needs & ROUTE_STORE) {
        (void)call_refuse(c, 503, "no_store", "The history cannot be read: %s", err.text);
        return;
    }
    code = who_admit(c, code ? &err : NULL) && take_id(v) ? c->route->run(c, &err) : HD_OK;
    if (code)
        call_fail(c, &err);
    if (c->store)
        store_rollback(c->store);
    if (code == HD_IO || code == HD_CORRUPT)
        v->http->store = store_close(v->http->store);
    if (c->reply.body.full)
        (void)call_refuse(c, 500, "reply_too_large", "the answer would be larger than %u bytes",
                          HD_REPLY_BYTES_MAX);
}

/* libmicrohttpd calls it at least twice for a request (headers; end of the body), once for each
 * piece of the body between, and once more after a wait. A body that nobody will read is still
 * taken to its end: a refusal sent in the middle of an upload is lost with the connection. */
enum MHD_Result visit_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    struct visit *v = *state;
    (void)cls;
    (void)version;
    if (!v)
        return MHD_NO;
    if (!v->seen) {
        v->seen = true;
        choose(v, method, path);
        return v->call.reply.close ? reply_send(v) : MHD_YES;
    }
    struct call *c = &v->call;
    if (*upload_len) {
        if (!c->reply.status)
            buf_add(&c->body, upload, *upload_len);
        c->body_too_big = c->body.full;
        *upload_len = 0;
        return MHD_YES;
    }
    if (!c->reply.status)
        run(v);
    if (!c->reply.status && !c->packet.len && c->until_ms && waits_begin(v))
        return MHD_YES;
    if (!c->reply.status && c->packet.len &&
        pending_send(&v->http->pending, c, clock_now().boot_ms)) {
        v->peer->waiting = true;
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    return reply_send(v);
}

void visit_answered(struct call *c)
{
    struct visit *v = (struct visit *)c; /* its first member */
    v->peer->waiting = false;
    v->peer->since_ms = clock_now().boot_ms;
    v->http->again = true;
    MHD_resume_connection(c->connection);
}

void visit_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct visit *v = *state;
    (void)cls;
    (void)connection;
    (void)how;
    if (!v)
        return;
    v->peer->since_ms = clock_now().boot_ms;
    v->peer->waiting = false; /* a stream that has ended */
    visit_end(v);
    *state = NULL;
}
