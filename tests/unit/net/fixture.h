/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of net/: a real server with one thread for each connection, and a client that
 * collects answers.
 */
#ifndef TEST_NET_FIXTURE_H
#define TEST_NET_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "net/net.h"

enum { WORKERS = 512, CALLS = 256, TEXT = 65536 };

/* --- server --- */

struct server {
    int fd, port;
    void (*serve)(struct server *, int fd, int connection);
    const void *arg;
    pthread_t acceptor, worker[WORKERS];
    pthread_mutex_t lock;
    int open[WORKERS]; /* -1: closed */
    int n;
    atomic_int requests, now, most; /* most: of `now`, requests that were in work at once */
    atomic_bool release;            /* set by the test: let go what is being held */
};

struct connection {
    struct server *server;
    int number;
};

static inline void *work(void *user)
{
    struct connection c = *(struct connection *)user;
    free(user);
    struct server *s = c.server;
    s->serve(s, s->open[c.number], c.number);
    (void)pthread_mutex_lock(&s->lock);
    (void)close(s->open[c.number]);
    s->open[c.number] = -1;
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static inline void *accept_all(void *user)
{
    struct server *s = user;
    for (int fd; s->n < WORKERS && (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = malloc(sizeof *c);
        *c = (struct connection){s, s->n};
        (void)pthread_mutex_lock(&s->lock);
        s->open[s->n] = fd;
        (void)pthread_mutex_unlock(&s->lock);
        if (pthread_create(&s->worker[s->n], NULL, work, c) != 0)
            abort();
        s->n++;
    }
    return NULL;
}

static inline struct server *server_run(int fd, void (*serve)(struct server *, int, int),
                                        const void *arg)
{
    struct server *s = calloc(1, sizeof *s);
    s->fd = fd;
    s->serve = serve;
    s->arg = arg;
    (void)pthread_mutex_init(&s->lock, NULL);
    if (listen(fd, 256) != 0 || pthread_create(&s->acceptor, NULL, accept_all, s) != 0)
        abort();
    return s;
}

static inline struct server *server_tcp(void (*serve)(struct server *, int, int), const void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        abort();
    struct server *s = server_run(fd, serve, arg);
    s->port = ntohs(at.sin_port);
    return s;
}

static inline struct server *server_unix(const char *path, void (*serve)(struct server *, int, int),
                                         const void *arg)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        abort();
    return server_run(fd, serve, arg);
}

static inline void server_stop(struct server *s)
{
    atomic_store(&s->release, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->acceptor, NULL);
    (void)close(s->fd);
    (void)pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n; i++) {
        if (s->open[i] >= 0)
            (void)shutdown(s->open[i], SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->n; i++)
        (void)pthread_join(s->worker[i], NULL);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static inline void say_bytes(int fd, const void *at, size_t len)
{
    for (const char *p = at; len;) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        p += n;
        len -= (size_t)n;
    }
}

static inline void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

/* One HTTP request with its body into `text`; false when the peer closed. Counts it. */
static inline bool hear(struct server *s, int fd, char text[TEXT])
{
    size_t len = 0, want = 0;
    while (!want || len < want) {
        ssize_t n = recv(fd, text + len, TEXT - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *size = strcasestr(text, "\r\ncontent-length:");
        if (end && !want)
            want = (size_t)(end + 4 - text) +
                   (size && size < end ? strtoul(size + 17, NULL, 10) : 0);
    }
    atomic_fetch_add(&s->requests, 1);
    return true;
}

/* Answers each request with the request itself. */
static inline void serve_echo(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT), head[100];
    (void)connection;
    while (hear(s, fd, text)) {
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                       strlen(text));
        say(fd, head);
        say(fd, text);
    }
    free(text);
}

/* Holds the request until released or the peer goes away; then answers "ok". */
static inline void serve_hold(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    (void)connection;
    while (hear(s, fd, text)) {
        while (!atomic_load(&s->release) && poll(&gone, 1, 5) == 0)
            ;
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    free(text);
}

/* --- client --- */

struct call {
    struct client *client;
    char base_text[200];
    const char *base[1];
    struct hd_endpoint endpoint;
    struct hd_request request;
    uint64_t id;
    int answers, order;
    struct hd_response response; /* its texts point into `kept` */
    struct hd_arena *kept;
};

struct client {
    struct loop *loop;
    struct net *net;
    struct call *call; /* CALLS */
    int n_answers;
    size_t most_in_flight;
    struct call *cancel[4], *send; /* done by the next answer */
};

static const char *secret_now; /* what ${secret} is; NULL: cannot be read */
static const char *secret_next; /* what it is after the next reading; NULL: the same */
static int secret_reads;

static inline enum hd_code read_secret(struct hd_arena *a, const char *reference, const char **ret,
                                       struct hd_error *err)
{
    if (strcmp(reference, "${secret}") != 0) {
        *ret = reference;
        return HD_OK;
    }
    if (!secret_now)
        return hd_fail(err, HD_ABSENT, "${secret}: no such file");
    *ret = arena_text(a, secret_now);
    secret_reads++;
    if (secret_next)
        secret_now = secret_next;
    return HD_OK;
}

static inline int client_set_up(void **state)
{
    struct client *c = calloc(1, sizeof *c);
    struct hd_error err;
    if (!c || !(c->call = calloc(CALLS, sizeof *c->call)) || loop_new(&c->loop, &err) ||
        net_new(c->loop, read_secret, &c->net, &err))
        return -1;
    secret_now = secret_next = NULL;
    secret_reads = 0;
    *state = c;
    return 0;
}

static inline int client_tear_down(void **state)
{
    struct client *c = *state;
    c->net = net_free(c->net);
    c->loop = loop_free(c->loop);
    for (int i = 0; i < CALLS; i++)
        c->call[i].kept = arena_free(c->call[i].kept);
    free(c->call);
    free(c);
    return 0;
}

static inline void send_call(struct call *c, int64_t deadline_ms);

static inline void on_answer(void *user, const struct hd_response *r)
{
    struct call *c = user;
    struct client *client = c->client;
    assert_non_null(r->text);
    assert_int_equal(r->body.at[r->body.len], 0);
    c->kept = arena_free(c->kept);
    c->kept = arena_new();
    c->response = *r;
    c->response.body.at = arena_text_n(c->kept, r->body.at, r->body.len);
    c->response.text = arena_text(c->kept, r->text);
    struct hd_pair *pair = arena_many(c->kept, r->n_headers, struct hd_pair);
    for (size_t i = 0; i < r->n_headers; i++)
        pair[i] = (struct hd_pair){arena_text(c->kept, r->headers[i].name),
                                   arena_text(c->kept, r->headers[i].value)};
    c->response.headers = pair;
    c->answers++;
    c->order = client->n_answers++;
    for (int i = 0; i < 4; i++) {
        struct call *cancel = client->cancel[i];
        client->cancel[i] = NULL;
        if (cancel)
            net_cancel(client->net, cancel->id);
    }
    struct call *next = client->send;
    client->send = NULL;
    if (next)
        send_call(next, 0);
}

static inline void send_call(struct call *c, int64_t deadline_ms)
{
    struct client *client = c->client;
    c->id = net_send(client->net, &c->request, deadline_ms, on_answer, c);
    size_t now = net_in_flight(client->net);
    client->most_in_flight = now > client->most_in_flight ? now : client->most_in_flight;
}

static inline struct call *call_to(struct client *client, int i, const char *base)
{
    struct call *c = &client->call[i];
    c->client = client;
    (void)snprintf(c->base_text, sizeof c->base_text, "%s", base);
    c->base[0] = c->base_text;
    c->endpoint = (struct hd_endpoint){
        .name = "test", .bases = c->base, .n_bases = 1, .timeout_ms = 5000};
    c->request = (struct hd_request){.label = "test", .at = &c->endpoint, .cap_bytes = 1 << 20};
    c->request.u.http.method = "GET";
    c->request.u.http.path = "/";
    return c;
}

static inline struct call *call_server(struct client *client, int i, const struct server *s)
{
    char base[100];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%d", s->port);
    return call_to(client, i, base);
}

static inline void run_until(struct client *c, int answers)
{
    int64_t end = clock_now().boot_ms + 20000;
    while (c->n_answers < answers) {
        if (clock_now().boot_ms > end)
            fail_msg("%d of %d answers", c->n_answers, answers);
        net_wait(c->net, 1000);
        size_t now = net_in_flight(c->net);
        c->most_in_flight = now > c->most_in_flight ? now : c->most_in_flight;
    }
}

static inline void run_for(struct client *c, int64_t ms)
{
    for (int64_t end = clock_now().boot_ms + ms; clock_now().boot_ms < end;)
        net_wait(c->net, 10);
}

/* Sends and waits for the answer. */
static inline const struct hd_response *ask(struct call *c)
{
    c->answers = 0;
    send_call(c, 0);
    assert_int_equal(c->answers, 0); /* never from net_send */
    run_until(c->client, c->client->n_answers + 1);
    assert_int_equal(c->answers, 1);
    return &c->response;
}

static inline const char *header_of(const struct hd_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (str_is(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return NULL;
}

#define CLIENT_CASE(f) cmocka_unit_test_setup_teardown(f, client_set_up, client_tear_down)

#endif
