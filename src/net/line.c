/* SPDX-License-Identifier: Apache-2.0
 *
 * A line protocol: connect, write the body, read until the peer closes (HAProxy's runtime socket).
 * Whole only if the answer ends in '\n'. Decides what a broken connection means for the request;
 * never blocks, so a host is a number or `localhost`, never a name to look up. Called by net.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "net/transfer.h"

#define READ_BYTES 16384
#define READS_A_TURN 16 /* a fast peer must not hold the loop */
#define KNOCK_AGAIN_MS 5 /* a local peer's queue was full; HAProxy's stats socket takes ten at once */

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum hd_code read_unix(const char *path, union address *ret, socklen_t *ret_len,
                              struct hd_error *err)
{
    *ret = (union address){.local.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->local.sun_path)
        return hd_fail(err, HD_INVALID, "the path of a socket has at most %zu bytes: %s",
                       sizeof ret->local.sun_path - 1, path);
    memcpy(ret->local.sun_path, path, strlen(path));
    *ret_len = sizeof ret->local;
    return HD_OK;
}

/* "127.0.0.1:9999" "[::1]:9999" "localhost:9999" */
static enum hd_code read_tcp(const char *text, union address *ret, socklen_t *ret_len,
                             struct hd_error *err)
{
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !str_read_i64(colon + 1, &port) || port < 1 || port > 65535)
        return hd_fail(err, HD_INVALID, "no port from 1 to 65535: tcp:%s", text);
    bool bracket = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t len = (size_t)(colon - text) - (bracket ? 2 : 0);
    if (len < sizeof host)
        memcpy(host, text + bracket, len);
    *ret = (union address){0};
    const char *v4 = str_is(host, "localhost") ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, v4, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_len = sizeof ret->v4;
        return HD_OK;
    }
    if (bracket && inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_len = sizeof ret->v6;
        return HD_OK;
    }
    return hd_fail(err, HD_INVALID,
                   "a line protocol needs an address in numbers, or localhost: tcp:%s", text);
}

static enum hd_code read_base(const char *base, union address *ret, socklen_t *ret_len,
                              struct hd_error *err)
{
    if (str_begins(base, "unix:"))
        return read_unix(base + strlen("unix:"), ret, ret_len, err);
    if (str_begins(base, "tcp:"))
        return read_tcp(base + strlen("tcp:"), ret, ret_len, err);
    return hd_fail(err, HD_INVALID, "a line protocol needs unix:/path or tcp:host:port: %s", base);
}

void transfer_line_stop(struct transfer *t)
{
    if (t->fd < 0)
        return;
    loop_remove(t->net->loop, t->fd);
    (void)close(t->fd);
    t->fd = -1;
}

/* `what` and the peer; before the first byte everything is NOT_SENT. */
static void line_end(struct transfer *t, enum hd_io io, const char *what)
{
    transfer_line_stop(t);
    bool unsent = io != HD_IO_OK && t->sent == 0;
    const char *text =
        io == HD_IO_OK ? "" : arena_print(t->arena, "%s: %s", what, transfer_peer(t));
    transfer_end(t, unsent ? HD_IO_NOT_SENT : io, 0, t->attempt_ms, text);
}

static void on_deadline(void *user)
{
    struct transfer *t = user;
    char ms[STR_TIME_MAX];
    line_end(t, HD_IO_TIMEOUT,
             arena_print(t->arena, "no %s within %s", t->connected ? "whole answer" : "connection",
                         str_duration(t->end_ms - t->started.boot_ms, ms)));
}

static void closed_by_peer(struct transfer *t)
{
    if (t->body.len == 0)
        line_end(t, HD_IO_LOST, "closed without an answer");
    else if (t->sent < t->request->body.len)
        line_end(t, HD_IO_LOST, "closed before it had read the request");
    else if (t->body.at[t->body.len - 1] != '\n')
        line_end(t, HD_IO_LOST, "the answer was cut short");
    else
        line_end(t, HD_IO_OK, "");
}

static bool would_block(int e) { return e == EAGAIN || e == EWOULDBLOCK || e == EINTR; }

/* False: the transfer has ended. A peer that has closed may have answered before: only reading
 * tells, so a broken pipe is no end yet. */
static bool line_write(struct transfer *t)
{
    const struct hd_span *body = &t->request->body;
    while (t->sent < body->len) {
        ssize_t n = send(t->fd, body->at + t->sent, body->len - t->sent, MSG_NOSIGNAL);
        if (n < 0 && would_block(errno))
            return true;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET) && t->sent > 0)
            break;
        if (n < 0) {
            line_end(t, HD_IO_LOST, transfer_errno(t, errno));
            return false;
        }
        if (t->sent == 0)
            t->attempt_ms = clock_now().wall_ms;
        t->sent += (size_t)n;
    }
    if (loop_change(t->net->loop, t->fd, EPOLLIN, NULL)) {
        line_end(t, HD_IO_LOST, "the socket cannot be watched");
        return false;
    }
    return true;
}

static void line_read(struct transfer *t)
{
    char piece[READ_BYTES];
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(t->fd, piece, sizeof piece, 0);
        if (n < 0 && would_block(errno))
            return;
        if (n < 0) {
            line_end(t, HD_IO_LOST, transfer_errno(t, errno));
            return;
        }
        if (n == 0) {
            closed_by_peer(t);
            return;
        }
        buf_add(&t->body, piece, (size_t)n);
        if (t->body.full) {
            line_end(t, HD_IO_TOO_BIG,
                     arena_print(t->arena, "the answer is larger than %zu bytes", t->body.max));
            return;
        }
    }
}

static void on_ready(void *user, int fd, uint32_t events)
{
    struct transfer *t = user;
    if (!t->connected) {
        int e = 0;
        socklen_t len = sizeof e;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0 || e) {
            line_end(t, HD_IO_NOT_SENT, transfer_errno(t, e ? e : errno));
            return;
        }
        t->connected = true;
    }
    if ((events & EPOLLOUT) && !line_write(t))
        return;
    if (events & ~(uint32_t)EPOLLOUT)
        line_read(t);
}

static void knock_again(void *user);

/* Of a local socket EAGAIN says that the queue of the peer is full: nothing was begun. */
static enum hd_code knock(struct transfer *t, struct hd_error *err)
{
    union address to;
    socklen_t len = 0;
    struct loop *loop = t->net->loop;
    enum hd_code code = read_base(t->request->at->bases[t->request->base], &to, &len, err);
    if (code)
        return code;
    if (t->fd < 0)
        t->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0)
        return hd_fail(err, HD_IO, "%s: %s", transfer_errno(t, errno), transfer_peer(t));
    t->connected = connect(t->fd, &to.any, len) == 0;
    bool refused = !t->connected && errno != EINPROGRESS;
    if (refused && errno == EAGAIN && transfer_left_ms(t) > KNOCK_AGAIN_MS) {
        loop_timer_set(loop, &t->timer, clock_now().boot_ms + KNOCK_AGAIN_MS, knock_again, t);
        return HD_OK;
    }
    if (refused)
        return hd_fail(err, HD_IO, "%s: %s", transfer_errno(t, errno), transfer_peer(t));
    loop_timer_set(loop, &t->timer, t->end_ms, on_deadline, t);
    code = loop_add(loop, t->fd, EPOLLIN | EPOLLOUT, on_ready, t, err);
    if (!code && t->connected) /* now: the caller may turn to its disk first */
        (void)line_write(t);
    return code;
}

static void knock_again(void *user)
{
    struct transfer *t = user;
    struct hd_error err;
    if (knock(t, &err)) {
        transfer_line_stop(t);
        transfer_end(t, HD_IO_NOT_SENT, 0, t->attempt_ms, err.text);
    }
}

enum hd_code transfer_line_start(struct transfer *t, struct hd_error *err)
{
    t->attempt_ms = t->started.wall_ms;
    enum hd_code code = knock(t, err);
    if (code)
        transfer_line_stop(t);
    return code;
}
