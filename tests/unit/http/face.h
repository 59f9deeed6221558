/* SPDX-License-Identifier: Apache-2.0
 *
 * What every test of the face needs: a real one on a free port over a sample store, a client with raw
 * sockets, and the guard loop's end of the pair. Static functions only.
 */
#ifndef UNIT_HTTP_FACE_H
#define UNIT_HTTP_FACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/metrics.h"
#include "base/str.h"
#include "http/http.h"
#include "sample.h"
#include "json/json.h"

#include <haldane/policy.h>

/* '@' becomes the length of what follows the headers. */
#define POST(path, headers, body)                                                                  \
    "POST " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" headers                           \
    "Content-Length: @\r\n\r\n" body
#define PATCH(path, headers, body)                                                                 \
    "PATCH " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" headers                          \
    "Content-Length: @\r\n\r\n" body
#define TOKEN "Authorization: Bearer hld_secret\r\n"
#define ORDER TOKEN "Idempotency-Key: k1\r\nContent-Type: application/json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define G "/api/v1/guards/" SAMPLE_WATCHING

struct bench {
    struct http *http;
    int loop; /* the guard loop's end of the pair */
    char dir[100], path[120];
};

__attribute__((unused)) static int32_t bench_beat_ms;
__attribute__((unused)) static http_who *bench_who; /* of the next bench; NULL: none; likewise: */
__attribute__((unused)) static http_replay *bench_replay;
__attribute__((unused)) static http_check *bench_check;

__attribute__((unused)) static void bench_open(struct bench *b, int what, int32_t command_ms, int32_t request_ms)
{
    struct hd_error err;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    b->loop = pair[1];
    (void)sample_make(b->dir, b->path);
    if (what >= 0)
        sample_fill(b->path, (enum sample_what)what, clock_now().wall_ms);
    const struct http_options o = {.listen = "127.0.0.1:0",
                                   .store_path = b->path,
                                   .commands = pair[0],
                                   .who = bench_who,
                                   .replay = bench_replay,
                                   .check = bench_check,
                                   .beat_ms = bench_beat_ms,
                                   .command_ms = command_ms,
                                   .request_ms = request_ms};
    if (http_start(&o, &b->http, &err))
        fail_msg("%s", err.text);
    struct timeval wait = {.tv_sec = 5};
    assert_int_equal(setsockopt(b->loop, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    metric_set(metric_get("haldane_last_tick_timestamp_seconds", METRIC_GAUGE, "", ""),
               (double)clock_now().wall_ms / 1000);
    metric_set(metric_get("haldane_ready", METRIC_GAUGE, "", ""), 1);
}

__attribute__((unused)) static void bench_close(struct bench *b)
{
    assert_null(http_stop(b->http));
    if (b->loop >= 0)
        (void)close(b->loop);
    sample_drop(b->dir, b->path);
}

/* --- a client --- */

__attribute__((unused)) static int dial(const struct bench *b)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)http_port(b->http)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = 5};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* A refused upload may end in EPIPE; what counts is the answer. */
__attribute__((unused)) static void say(int fd, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

/* Until the face closes; the text stays valid until the next call. "" when nothing came. */
__attribute__((unused)) static const char *hear(int fd)
{
    static char text[200000];
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<sizeof text - 1; len += n> 0 ? (size_t)n : 0)
        n = recv(fd, text + len, sizeof text - 1 - len, 0);
    text[len] = '\0';
    (void)close(fd);
    return text;
}

/* The request of a template, with its length filled in. */
__attribute__((unused)) static const char *filled(const char *template)
{
    static char text[4096];
    const char *at = strstr(template, "Content-Length: @"), *body = strstr(template, "\r\n\r\n");
    if (!at)
        return template;
    at += strlen("Content-Length: ");
    (void)snprintf(text, sizeof text, "%.*s%zu%s", (int)(at - template), template, strlen(body + 4),
                   at + 1);
    return text;
}

__attribute__((unused)) static void say_text(int fd, const char *template)
{
    const char *text = filled(template);
    say(fd, text, strlen(text));
}

__attribute__((unused)) static int status_of(const char *reply)
{
    return str_begins(reply, "HTTP/1.1 ") ? atoi(reply + 9) : 0;
}

__attribute__((unused)) static const char *ask(const struct bench *b, const char *request)
{
    int fd = dial(b);
    say_text(fd, request);
    return hear(fd);
}

/* --- the guard loop --- */

struct command {
    int64_t id;
    char text[HTTP_PACKET_MAX];
};

__attribute__((unused)) static void take_command(const struct bench *b, struct command *ret)
{
    ssize_t n = recv(b->loop, ret->text, sizeof ret->text - 1, 0);
    struct json *j = NULL;
    if (n <= 0)
        fail_msg("no command came: %s", strerror(errno));
    ret->text[n] = '\0';
    assert_int_equal(json_parse((struct hd_span){ret->text, (size_t)n}, &j, NULL), HD_OK);
    assert_int_equal(json_i64(json_get(j, "id"), "id", &ret->id, NULL), HD_OK);
    j = json_free(j);
}

__attribute__((unused)) static void give_answer(const struct bench *b, int64_t id, const char *rest)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "{\"id\":%lld,%s}", (long long)id, rest);
    assert_int_equal(send(b->loop, text, (size_t)n, MSG_NOSIGNAL), n);
}

/* Both ends of more than a thousand connections are ours. */
__attribute__((unused)) static void many_descriptors(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#endif
