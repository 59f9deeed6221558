/* SPDX-License-Identifier: Apache-2.0
 *
 * See net.h. Decides which request starts when, and does the one wait. Never parses an answer,
 * never decides whether a failed request is sent again (but for one 401, in http.c). Called by the
 * pipeline and the CLI.
 */
#include "net/net.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/transfer.h"

#define WAIT_MS_MAX 60000 /* one poll; the caller comes back anyway */

static void stop(struct transfer *t)
{
    loop_timer_drop(t->net->loop, &t->timer);
    transfer_http_stop(t);
    transfer_line_stop(t);
}

static void transfer_free(struct transfer *t)
{
    stop(t);
    transfer_move(t, NULL);
    buf_clear(&t->body);
    arena_free(t->arena);
    free(t);
}

enum hd_code net_new(struct loop *loop, net_secret_fn *secret, struct net **ret,
                     struct hd_error *err)
{
    struct net *n = calloc(1, sizeof *n);
    if (!n)
        return hd_fail(err, HD_NOMEM, "network: out of memory");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(n->multi = curl_multi_init())) {
        free(n);
        return hd_fail(err, HD_NOMEM, "network: libcurl does not start");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    n->at_once = HD_TRANSFERS_MAX;
    (void)curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)HD_TRANSFERS_MAX);
    n->loop = loop;
    n->secret = secret;
    TAILQ_INIT(&n->waiting);
    TAILQ_INIT(&n->running);
    TAILQ_INIT(&n->ended);
    *ret = n;
    return HD_OK;
}

struct net *net_free(struct net *n)
{
    if (!n)
        return NULL;
    struct transfers *lists[] = {&n->waiting, &n->running, &n->ended};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        while (!TAILQ_EMPTY(lists[i]))
            transfer_free(TAILQ_FIRST(lists[i]));
    }
    while (n->n_idle)
        curl_easy_cleanup(n->idle[--n->n_idle]);
    (void)curl_multi_cleanup(n->multi);
    curl_global_cleanup();
    free(n);
    return NULL;
}

size_t net_in_flight(const struct net *n) { return n->n_running; }

static void not_sent(struct transfer *t, const char *text)
{
    if (!t->arena)
        t->arena = arena_new();
    transfer_end(t, HD_IO_NOT_SENT, 0, clock_now().wall_ms, text);
}

static void start(struct transfer *t)
{
    const struct hd_request *r = t->request;
    struct hd_error err = {0};
    int64_t limit = r->at->timeout_ms;
    if (limit <= 0 || limit > HD_EXCHANGE_MS_MAX)
        limit = HD_EXCHANGE_MS_MAX;
    loop_timer_drop(t->net->loop, &t->timer);
    transfer_move(t, &t->net->running);
    t->arena = arena_new();
    t->started = clock_now();
    t->end_ms = t->started.boot_ms + limit;
    if (t->deadline_ms && t->deadline_ms < t->end_ms)
        t->end_ms = t->deadline_ms;
    t->body = BUF_INIT(r->cap_bytes < HD_ANSWER_BYTES_MAX ? r->cap_bytes : HD_ANSWER_BYTES_MAX);
    enum hd_code code;
    if (r->base >= r->at->n_bases)
        code = hd_fail(&err, HD_INVALID, "%s has no base number %u", r->at->name, r->base);
    else if (t->end_ms <= t->started.boot_ms)
        code = hd_fail(&err, HD_TIMEOUT, "the deadline had passed: %s", transfer_peer(t));
    else if (r->via == HD_VIA_HTTP)
        code = transfer_http_start(t, &err);
    else if (r->via == HD_VIA_LINE)
        code = transfer_line_start(t, &err);
    else
        code = hd_fail(&err, HD_INVALID, "not a request for the network");
    if (code)
        not_sent(t, err.text);
}

static void on_waited_too_long(void *user)
{
    struct transfer *t = user;
    not_sent(t, "the deadline passed while other requests were in flight");
}

void net_set_in_flight(struct net *n, size_t at_once)
{
    n->at_once = at_once < 1 ? 1 : at_once < HD_TRANSFERS_MAX ? at_once : HD_TRANSFERS_MAX;
}

static struct transfer *transfer_new(struct net *n, const struct hd_request *request, net_done_fn *done, void *user)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        abort(); /* as an arena does: an answer is always delivered */
    *t = (struct transfer){.net = n,
                           .id = ++n->last_id,
                           .request = request,
                           .done = done,
                           .user = user,
                           .started = clock_now(),
                           .fd = -1};
    return t;
}

uint64_t net_follow(struct net *n, const struct hd_request *request, int64_t quiet_ms, net_piece_fn *piece,
                    net_done_fn *done, void *user)
{
    struct transfer *t = transfer_new(n, request, done, user);
    t->piece = piece;
    t->quiet_ms = quiet_ms;
    start(t);
    return t->id;
}

uint64_t net_send(struct net *n, const struct hd_request *request, int64_t deadline_boot_ms,
                  net_done_fn *done, void *user)
{
    struct transfer *t = transfer_new(n, request, done, user);
    t->deadline_ms = deadline_boot_ms;
    if (request->effect != HD_EFFECT_READ || request->urgent ||
        (n->n_running < n->at_once && TAILQ_EMPTY(&n->waiting))) {
        start(t);
    } else if (n->n_waiting >= HD_WAITING_MAX) {
        not_sent(t, "too many requests are waiting");
    } else {
        transfer_move(t, &n->waiting);
        if (deadline_boot_ms)
            loop_timer_set(n->loop, &t->timer, deadline_boot_ms, on_waited_too_long, t);
    }
    return t->id;
}

void net_cancel(struct net *n, uint64_t id)
{
    struct transfers *lists[] = {&n->running, &n->waiting, &n->ended};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct transfer *t;
        TAILQ_FOREACH(t, lists[i], link) {
            if (t->id == id) {
                transfer_free(t);
                return;
            }
        }
    }
}

/* Those that have ended by now; what a callback makes fail at once waits for the next turn. */
static void deliver(struct net *n)
{
    size_t count = 0;
    struct transfer *t;
    TAILQ_FOREACH(t, &n->ended, link)
        count++;
    while (count-- && (t = TAILQ_FIRST(&n->ended))) {
        transfer_move(t, NULL); /* so that the callback can cancel any id */
        t->done(t->user, &t->response);
        transfer_free(t);
    }
}

static void start_waiting(struct net *n)
{
    while (n->n_running < n->at_once && !TAILQ_EMPTY(&n->waiting))
        start(TAILQ_FIRST(&n->waiting));
}

void net_wait(struct net *n, int64_t wait_ms)
{
    int64_t cap = wait_ms < 0 ? 0 : wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX;
    int64_t wait = TAILQ_EMPTY(&n->ended) ? loop_wait_ms(n->loop, clock_now().boot_ms, cap) : 0;
    struct curl_waitfd fd = {.fd = loop_fd(n->loop), .events = CURL_WAIT_POLLIN};
    int running;
    (void)curl_multi_poll(n->multi, &fd, 1, (int)wait, NULL);
    (void)curl_multi_perform(n->multi, &running);
    transfer_http_collect(n);
    deliver(n);
    loop_dispatch(n->loop, clock_now().boot_ms);
    deliver(n); /* lines end in the loop */
    start_waiting(n);
}
