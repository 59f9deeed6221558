/* SPDX-License-Identifier: Apache-2.0
 *
 * The face's one thread: it waits for libmicrohttpd's epoll descriptor, the loop's answers and the
 * stop signal in one poll, so nothing here needs a lock. Decides in what order it starts, turns and
 * stops; what becomes of a request is decided in visit.c. Never writes the store.
 */
#include "http/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "http/listen.h"

#define STOP_MS 1000 /* to send the last answers when stopping */
#define BEAT_MS 15000 /* proxies close a connection that is silent for 30 s or more */

/* How long the poll may sleep; -1: until something comes. */
static int sleep_ms(struct http *h)
{
    int64_t now = clock_now().boot_ms;
    int64_t next = pending_expire(&h->pending, now), slow = peers_cut_slow(h, now);
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

/* Whoever connects wakes the poll, so a pair that came meanwhile is in place before the handshake. */
static void take_fresh(struct http *h)
{
    struct tls *t = atomic_exchange(&h->fresh, NULL);
    if (t)
        tls_use(t, clock_now().boot_ms);
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
    take_fresh(h);
    h->again = false;
    h->tell_ms = waits_tell(h, clock_now());
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
    waits_end(h, 0, true);
    do
        (void)turn(h, 10);
    while ((h->busy || h->streams.n) && clock_now().boot_ms < until);
    MHD_stop_daemon(h->daemon);
    tls_use(NULL, 0);
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
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)tls_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    }, plain[] = {{MHD_OPTION_END, 0, NULL}};
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (h->secure ? MHD_USE_TLS : MHD_NO_FLAG),
        0, NULL, NULL, visit_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, HD_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HD_HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HD_IDLE_MS / 1000,
        MHD_OPTION_NOTIFY_COMPLETED, visit_completed, h, MHD_OPTION_NOTIFY_CONNECTION, peers_notify,
        h, MHD_OPTION_URI_LOG_CALLBACK, visit_begin, h, MHD_OPTION_ARRAY, h->secure ? tls : plain,
        MHD_OPTION_END);
    if (h->daemon)
        return HD_OK;
    (void)close(listener);
    return hd_fail(err, HD_IO, "the HTTP server cannot start");
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
    h->facts.lost = metric_get("haldane_store_lost", METRIC_GAUGE, "1: the store cannot commit", "");
}

static void http_free(struct http *h)
{
    if (h->pending.fd >= 0)
        (void)close(h->pending.fd);
    if (h->stop >= 0)
        (void)close(h->stop);
    free(h->store_path);
    free(h->public_url);
    tls_free(atomic_load(&h->fresh));
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

enum hd_code http_renew(struct http *h, const char *certificate, const char *key, struct hd_error *err)
{
    struct tls *t;
    char ends[STR_TIME_MAX];
    if (!h->secure || !certificate) {
        if (h->secure || certificate)
            log_warn("http", "TLS is begun and ended by a restart only");
        return HD_OK;
    }
    enum hd_code code = tls_load(certificate, key, &t, err);
    if (code)
        return code;
    log_info("http", "%s is shown from now on, and valid until %s", certificate, str_time(tls_ends_ms(t), ends));
    tls_free(atomic_exchange(&h->fresh, t));
    return HD_OK;
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
                                  .done = visit_answered,
                                  .timeout_ms = o->command_ms ? o->command_ms : HD_COMMAND_MS};
    h->facts.who = h->streams.who = o->who;
    h->facts.digest = o->digest;
    h->facts.replay = o->replay;
    h->facts.check = o->check;
    h->facts.queries = o->queries;
    h->facts.limits = &h->limits;
    h->streams.beat_ms = o->beat_ms ? o->beat_ms : BEAT_MS;
    h->request_ms = o->request_ms ? o->request_ms : HD_REQUEST_MS;
    h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->store_path = strdup(o->store_path);
    make_metrics(h);
    enum hd_code code = listen_on(o->listen, &listener, &h->port, err);
    h->secure = o->certificate != NULL;
    if (!code)
        code = http_renew(h, o->certificate, o->key, err);
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
