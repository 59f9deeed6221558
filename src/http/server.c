/* SPDX-License-Identifier: Apache-2.0
 *
 * The face's one thread: it waits for libmicrohttpd's epoll descriptor, the loop's answers and the
 * stop signal in one poll, so nothing here needs a lock. Decides which handler answers, what is
 * refused before one runs, and how long anything may take. Never writes the store.
 */
#include "http/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "http/call.h"
#include "http/form.h"
#include "http/limit.h"
#include "http/listen.h"
#include "http/orders.h"
#include "http/pack.h"
#include "http/pending.h"
#include "http/stream.h"
#include "http/who.h"

#define STOP_MS 1000 /* to send the last answers when stopping */
#define BEAT_MS 15000 /* proxies close a connection that is silent for 30 s or more */
#define LOOK_MS 200  /* how old a change may be when it is told: below what people notice */

/* A connection, to cut it off when it takes too long over a request. */
struct peer {
    struct peer *prev, *next;
    int fd;
    bool waiting;     /* suspended until the loop answers */
    int64_t since_ms; /* boot: connected, or answered last */
};

struct http {
    struct face_facts facts;
    struct pending pending;
    struct MHD_Daemon *daemon;
    struct store *store; /* this thread's own reader; NULL: not open */
    char *store_path, *public_url;
    char *certificate, *key; /* PEM; NULL: no TLS */
    struct peer *peers;
    struct limits limits;
    struct streams streams;
    struct visit *waits; /* for a change of the store */
    size_t n_waits;
    int64_t look_ms;     /* boot: when to look whether it has changed, while somebody waits for that */
    int64_t tell_ms;     /* boot: when tell_waiting wants to be called */
    int64_t store_version;
    struct metric *requests[6]; /* by hundreds of the status */
    unsigned busy;              /* calls that are not answered yet */
    /* libmicrohttpd has work that neither its descriptor nor its timeout tells of: a wait ended, or
     * a connection closed and it may accept again */
    bool again;
    int64_t request_ms;
    int stop, port;
    pthread_t thread;
};

/* A call as libmicrohttpd's callbacks carry it; `call` is what handlers see. */
struct visit {
    struct call call;
    struct face_facts facts;
    struct http *http;
    struct peer *peer;
    bool seen;         /* the headers were looked at */
    const char *fault; /* of the request's target; NULL: none */
    struct visit *next; /* of those that wait */
};

const char *call_header(const struct call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

const char *call_query(const struct call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* --- one request --- */

/* Called with the target as it was sent, before libmicrohttpd decodes it: what is decoded no longer
 * tells "/a%2Fb" from "/a/b". Its value is what on_request finds in `state`. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
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
    if (orders_refuse_headers(c))
        return;
    if (v->fault) {
        (void)call_refuse(c, 400, "bad_target", "%s", v->fault);
        c->reply.close = true;
    } else if (m == ROUTE_NOT_FOUND) {
        (void)call_refuse(c, 404, "no_route", "there is nothing at this address");
    } else if (m == ROUTE_WRONG_METHOD) {
        (void)call_refuse(c, 405, "wrong_method", "this address takes %s", allow);
        c->reply.allow = allow;
    } else {
        (void)MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, check_query, c);
    }
}

/* The reader is opened at first need, and anew after it failed: the daemon may have replaced it.
 * One answer sees one moment of it. */
static enum hd_code reader(struct http *h, struct store **ret, struct hd_error *err)
{
    enum hd_code code = h->store ? HD_OK : store_open_reader(h->store_path, &h->store, err);
    if (!code)
        code = store_begin(h->store, err);
    if (code) {
        h->store = store_close(h->store);
        return code;
    }
    *ret = h->store;
    return HD_OK;
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
    enum hd_code code = wants ? reader(v->http, &c->store, &err) : HD_OK;
    if (code && c->route->needs & ROUTE_STORE) {
        (void)call_refuse(c, 503, "no_store", "The history cannot be read: %s", err.text);
        return;
    }
    code = who_admit(c, code ? &err : NULL) ? c->route->run(c, &err) : HD_OK;
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
                                         buf_at(&c->reply.body), clock_now().boot_ms);
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

/* Lets a client that has seen this very answer keep it (RFC 9110, 13.1.2). */
static void answer_unchanged(struct call *c)
{
    struct reply *r = &c->reply;
    const char *seen = call_header(c, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (r->status != 200 || c->stream || !c->route || !str_is(c->route->method, "GET") ||
        !r->type || !str_is(r->type, CALL_JSON) || c->route->needs & (ROUTE_OPEN | ROUTE_ANY_SECRET))
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

static enum MHD_Result reply_send(struct visit *v)
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

/* False: too many wait already (refused). */
static bool wait_begin(struct visit *v)
{
    struct http *h = v->http;
    if (h->streams.ending) {
        (void)call_refuse(&v->call, 503, "stopping", "haldane is stopping");
        return false;
    }
    if (h->n_waits == HD_WAITS_MAX) {
        (void)call_refuse(&v->call, 503, "too_many_waits", "%d requests wait already", HD_WAITS_MAX);
        return false;
    }
    v->next = h->waits;
    h->waits = v;
    h->n_waits++;
    h->tell_ms = 0;
    v->peer->waiting = true;
    MHD_suspend_connection(v->call.connection);
    return true;
}

/* Runs again those whose time has come, or all of them: on_request goes on where it waited. */
static void wait_end(struct http *h, int64_t wall_ms, bool all)
{
    for (struct visit **at = &h->waits; *at;) {
        struct visit *v = *at;
        if (!all && v->call.until_ms > wall_ms) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        h->n_waits--;
        v->peer->waiting = false;
        v->peer->since_ms = clock_now().boot_ms;
        MHD_resume_connection(v->call.connection);
    }
}

/* Asks the store whether it has changed; costs microseconds. */
static bool look(struct http *h)
{
    struct hd_error err;
    struct store *s;
    int64_t version = 0, head = h->streams.head;
    if (reader(h, &s, &err))
        return false;
    enum hd_code code = store_version(s, &version, &err);
    if (!code && version != h->store_version)
        code = store_newest_event(s, &head, &err);
    store_rollback(s);
    if (code) {
        h->store = store_close(h->store);
        return false;
    }
    bool changed = version != h->store_version;
    h->store_version = version;
    h->streams.head = head;
    return changed;
}

/* Tells what has changed to those that wait for it; returns when to come again (boot ms). */
static int64_t tell_waiting(struct http *h, struct hd_now now)
{
    struct hd_error err;
    struct store *s = NULL;
    int64_t next = INT64_MAX;
    bool changed = false;
    if (!h->waits && !h->streams.n)
        return next;
    if (h->look_ms <= now.boot_ms) {
        h->look_ms = now.boot_ms + LOOK_MS;
        changed = look(h);
    }
    wait_end(h, now.wall_ms, changed);
    if (h->streams.n) {
        (void)reader(h, &s, &err);
        next = stream_feed(&h->streams, s, now.boot_ms);
        if (s)
            store_rollback(s);
    }
    return next < h->look_ms ? next : h->look_ms;
}

/* libmicrohttpd calls it at least twice for a request (headers; end of the body), once for each
 * piece of the body between, and once more after a wait. A body that nobody will read is still
 * taken to its end: a refusal sent in the middle of an upload is lost with the connection. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
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
    if (!c->reply.status && !c->packet.len && c->until_ms && wait_begin(v))
        return MHD_YES;
    if (!c->reply.status && c->packet.len &&
        pending_send(&v->http->pending, c, clock_now().boot_ms)) {
        v->peer->waiting = true;
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    return reply_send(v);
}

static void on_answer(struct call *c)
{
    struct visit *v = (struct visit *)c; /* its first member */
    v->peer->waiting = false;
    v->peer->since_ms = clock_now().boot_ms;
    v->http->again = true;
    MHD_resume_connection(c->connection);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct visit *v = *state;
    (void)cls;
    (void)connection;
    (void)how;
    if (!v)
        return;
    v->peer->since_ms = clock_now().boot_ms;
    visit_end(v);
    *state = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *h = cls;
    struct peer *p = *state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        p = calloc(1, sizeof *p);
        if (!p)
            abort(); /* as arena_new: nothing sensible can follow */
        p->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        p->since_ms = clock_now().boot_ms;
        p->next = h->peers;
        if (p->next)
            p->next->prev = p;
        h->peers = p;
        *state = p;
    } else if (p) {
        h->again = true;
        if (p->prev)
            p->prev->next = p->next;
        else
            h->peers = p->next;
        if (p->next)
            p->next->prev = p->prev;
        free(p);
        *state = NULL;
    }
}

/* --- the thread --- */

/* Cuts off who is too slow; returns when to look again. libmicrohttpd closes a connection whose
 * socket is shut down by itself. */
static int64_t cut_slow(struct http *h, int64_t boot_ms)
{
    int64_t next = INT64_MAX;
    for (struct peer *p = h->peers; p; p = p->next) {
        int64_t until = p->since_ms + h->request_ms;
        if (p->waiting)
            continue;
        if (until <= boot_ms) {
            (void)shutdown(p->fd, SHUT_RDWR);
            p->since_ms = boot_ms; /* not again before another period */
            until = boot_ms + h->request_ms;
        }
        next = next < until ? next : until;
    }
    return next;
}

/* How long the poll may sleep; -1: until something comes. */
static int sleep_ms(struct http *h)
{
    int64_t now = clock_now().boot_ms;
    int64_t next = pending_expire(&h->pending, now), slow = cut_slow(h, now);
    next = next < slow ? next : slow;
    next = next < h->tell_ms ? next : h->tell_ms;
    if (h->again || h->streams.hungry)
        next = now;
    int64_t ms = next == INT64_MAX ? INT64_MAX : next - now;
    MHD_UNSIGNED_LONG_LONG own;
    if (MHD_get_timeout(h->daemon, &own) == MHD_YES && (int64_t)own < ms)
        ms = (int64_t)own;
    return ms == INT64_MAX ? -1 : ms > 60000 ? 60000 : ms < 0 ? 0 : (int)ms;
}

/* One turn; false once it is time to stop. */
static bool turn(struct http *h, int max_ms)
{
    int ms = sleep_ms(h);
    struct pollfd fd[3] = {
        {.fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
         .events = POLLIN},
        {.fd = h->stop, .events = POLLIN},
        {.fd = h->pending.fd, .events = POLLIN}, /* -1 is skipped */
    };
    if (max_ms >= 0 && (ms < 0 || ms > max_ms))
        ms = max_ms;
    if (poll(fd, 3, ms) < 0 && errno != EINTR)
        log_error("http", "poll: %s", strerror(errno));
    if (fd[2].revents)
        pending_receive(&h->pending);
    h->again = false;
    h->tell_ms = tell_waiting(h, clock_now());
    (void)MHD_run(h->daemon);
    return !fd[1].revents;
}

/* A suspended connection would make MHD_stop_daemon abort, so all waits end first, and their
 * answers get a moment to leave. */
static void wind_down(struct http *h)
{
    MHD_socket listener = MHD_quiesce_daemon(h->daemon);
    if (listener != MHD_INVALID_SOCKET)
        (void)close(listener);
    int64_t until = clock_now().boot_ms + STOP_MS;
    uint64_t count;
    (void)!read(h->stop, &count, sizeof count);
    pending_abandon(&h->pending, "haldane is stopping");
    stream_end(&h->streams);
    wait_end(h, 0, true);
    do
        (void)turn(h, 10);
    while ((h->busy || h->streams.n) && clock_now().boot_ms < until);
    MHD_stop_daemon(h->daemon);
    h->store = store_close(h->store);
}

static void *face_thread(void *arg)
{
    struct http *h = arg;
    sigset_t all;
    (void)sigfillset(&all); /* signals are the loop's; a dead peer is an EPIPE */
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (turn(h, -1))
        ;
    wind_down(h);
    return NULL;
}

/* --- start and stop --- */

static void on_log(void *cls, const char *format, va_list args)
{
    char text[500];
    (void)cls;
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http", "%s", text);
}

static enum hd_code start_daemon(struct http *h, int listener, struct hd_error *err)
{
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, h->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, h->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    }, plain[] = {{MHD_OPTION_END, 0, NULL}};
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (h->certificate ? MHD_USE_TLS : MHD_NO_FLAG),
        0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, HD_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HD_HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HD_IDLE_MS / 1000,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_ARRAY, h->certificate ? tls : plain,
        MHD_OPTION_END);
    if (h->daemon)
        return HD_OK;
    (void)close(listener);
    return hd_fail(err, HD_IO, "the HTTP server cannot start%s",
                   h->certificate ? ": are listen.certificate and listen.key a pair?" : "");
}

static void make_metrics(struct http *h)
{
    static const char *const labels[] = {
        "", "code=\"1xx\"", "code=\"2xx\"", "code=\"3xx\"", "code=\"4xx\"", "code=\"5xx\""};
    for (size_t i = 1; i < sizeof labels / sizeof *labels; i++)
        h->requests[i] = metric_get("haldane_http_requests_total", METRIC_COUNTER,
                                    "Answers of the HTTP face by class of status.", labels[i]);
    h->facts.tick = metric_get("haldane_last_tick_timestamp_seconds", METRIC_GAUGE,
                               "When the guard loop last turned.", "");
    h->facts.ready =
        metric_get("haldane_ready", METRIC_GAUGE,
                   "1 when the configuration is loaded and the daemon is not stopping.", "");
}

static void http_free(struct http *h)
{
    if (h->pending.fd >= 0)
        (void)close(h->pending.fd);
    if (h->stop >= 0)
        (void)close(h->stop);
    free(h->store_path);
    free(h->public_url);
    free(h->certificate);
    free(h->key);
    free(h);
}

/* The address to print in links: without a trailing slash. */
static char *own_url(const struct http_options *o, int port)
{
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    if (o->public_url)
        buf_add(&b, o->public_url, strlen(o->public_url) - str_ends(o->public_url, "/"));
    else
        buf_print(&b, "http%s://%.*s:%d", o->certificate ? "s" : "",
                  (int)(strrchr(o->listen, ':') - o->listen), o->listen, port);
    return strdup(buf_at(&b));
}

enum hd_code http_start(const struct http_options *o, struct http **ret, struct hd_error *err)
{
    struct http *h = calloc(1, sizeof *h);
    int listener = -1;
    if (!h) {
        (void)close(o->commands);
        return hd_fail(err, HD_NOMEM, "no memory for the HTTP face");
    }
    h->pending = (struct pending){.fd = o->commands,
                                  .next_id = 1,
                                  .done = on_answer,
                                  .timeout_ms = o->command_ms ? o->command_ms : HD_COMMAND_MS};
    h->facts.who = o->who;
    h->facts.digest = o->digest;
    h->facts.limits = &h->limits;
    h->streams.beat_ms = o->beat_ms ? o->beat_ms : BEAT_MS;
    h->request_ms = o->request_ms ? o->request_ms : HD_REQUEST_MS;
    h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->store_path = strdup(o->store_path);
    make_metrics(h);
    enum hd_code code = listen_on(o->listen, &listener, &h->port, err);
    if (!code && o->certificate)
        code = listen_pem(o->certificate, &h->certificate, err);
    if (!code && o->certificate)
        code = listen_pem(o->key, &h->key, err);
    if (code && listener >= 0)
        (void)close(listener);
    if (!code) {
        h->public_url = own_url(o, h->port);
        h->facts.public_url = h->public_url;
        code = start_daemon(h, listener, err);
    }
    if (!code && (h->stop < 0 || !h->store_path || !h->public_url ||
                  pthread_create(&h->thread, NULL, face_thread, h))) {
        code = hd_fail(err, HD_IO, "the HTTP face's thread cannot start");
        MHD_stop_daemon(h->daemon);
    }
    if (code) {
        http_free(h);
        return code;
    }
    *ret = h;
    return HD_OK;
}

int http_port(const struct http *h)
{
    return h->port;
}

struct http *http_stop(struct http *h)
{
    if (!h)
        return NULL;
    uint64_t one = 1;
    (void)!write(h->stop, &one, sizeof one);
    (void)pthread_join(h->thread, NULL);
    http_free(h);
    return NULL;
}
