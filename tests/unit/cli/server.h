/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of cli/: a daemon that follows a script. It takes one connection at a time, keeps
 * what was asked, and answers with the next row; the last row is repeated.
 */
#ifndef TEST_CLI_SERVER_H
#define TEST_CLI_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "capture.h"

#include "cli/cli.h"

enum { REQUESTS_MAX = 16, REQUEST_BYTES = 4096 };

struct reply {
    int status;       /* 0: hang up without an answer */
    const char *body;
    bool interrupt;   /* then Ctrl-C */
};

struct server {
    int fd, port;
    const struct reply *script; /* ends with a row without body and status */
    char request[REQUESTS_MAX][REQUEST_BYTES];
    int n;
    pthread_t thread;
};

static inline void take_request(int fd, char *to)
{
    size_t n = 0, want = 0;
    while (n < REQUEST_BYTES - 1 && (!want || n < want)) {
        ssize_t got = read(fd, to + n, REQUEST_BYTES - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        to[n] = '\0';
        const char *end = strstr(to, "\r\n\r\n"), *length = strcasestr(to, "content-length: ");
        if (end)
            want = (size_t)(end + 4 - to) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    }
    to[n] = '\0';
}

static inline void *serve_script(void *user)
{
    struct server *s = user;
    const struct reply *r = s->script;
    for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; (void)close(fd)) {
        char extra[REQUEST_BYTES], head[200];
        take_request(fd, s->n < REQUESTS_MAX ? s->request[s->n] : extra);
        s->n++;
        if (r->status) {
            size_t len = strlen(r->body);
            int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                             "Content-Length: %zu\r\nConnection: close\r\n\r\n", r->status, len);
            ssize_t done = write(fd, head, (size_t)n);
            done += write(fd, r->body, len);
            (void)done;
        }
        if (r->interrupt)
            (void)kill(getpid(), SIGINT);
        if (r[1].body)
            r++;
    }
    return NULL;
}

static inline void server_start(struct server *s, const struct reply *script)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *s = (struct server){.script = script};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve_script, s), 0);
}

static inline void server_stop(struct server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

/* Runs the command line against the script, or (NULL) against a port where nobody listens. "@" of
 * an argument is the token file. */
static inline void run_client(const struct reply *script, const char *const *args, struct server *s,
                              struct said *said)
{
    static const struct reply none[] = {{0, "", false}, {0, NULL, false}};
    char url[64], token[] = "/tmp/haldane-token-XXXXXX", *argv[16] = {(char *)"haldane"};
    int argc = 1, fd = mkstemp(token);
    assert_true(fd >= 0 && write(fd, "hld_secret\n", 11) == 11);
    (void)close(fd);
    server_start(s, script ? script : none);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", s->port);
    if (!script)
        server_stop(s);
    assert_int_equal(setenv("HALDANE_URL", url, 1), 0);
    for (; argc < 15 && args[argc - 1]; argc++)
        argv[argc] = strcmp(args[argc - 1], "@") == 0 ? token : (char *)args[argc - 1];
    capture(cli_main, argc, argv, said);
    if (script)
        server_stop(s);
    (void)unlink(token);
}

/* Before any thread: Ctrl-C is for the client's signal descriptor only; nothing of the machine's
 * own haldane is read. */
static inline void client_setup(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)unsetenv("HALDANE_TOKEN");
    (void)unsetenv("HALDANE_CONFIG"); /* nor is there one in /etc where tests run */
}

#endif
