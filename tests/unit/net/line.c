/* SPDX-License-Identifier: Apache-2.0
 *
 * The line protocol against scripted peers, over TCP and over a local socket.
 */
#include "fixture.h"

struct script {
    const char *name;
    const char *answer;
    size_t fill;  /* this many 'x' and a newline follow */
    enum hd_io io;
    const char *text; /* a part of it */
};

enum { CAP = 50000 };

static const struct script scripts[] = {
    {"whole", "ok\n", 0, HD_IO_OK, ""},
    {"whole, two lines", "1 web 5\n\n", 0, HD_IO_OK, ""},
    {"cut", "1 web", 0, HD_IO_LOST, "the answer was cut short: "},
    {"no bytes", NULL, 0, HD_IO_LOST, "closed without an answer: "},
    {"at the cap", "", CAP - 1, HD_IO_OK, ""},
    {"past the cap", "", CAP, HD_IO_TOO_BIG, "the answer is larger than 50000 bytes: "},
};

static void serve_script(struct server *s, int fd, int connection)
{
    const struct script *script = s->arg;
    char request[1000] = "", *fill = malloc(script->fill + 2);
    (void)connection;
    for (size_t len = 0; !strchr(request, '\n');) {
        ssize_t n = recv(fd, request + len, sizeof request - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    atomic_fetch_add(&s->requests, 1);
    if (strcmp(request, "show stat\n") == 0 && script->answer) {
        say(fd, script->answer);
        (void)poll(NULL, 0, 20); /* in two pieces */
        memset(fill, 'x', script->fill);
        fill[script->fill] = '\n';
        if (script->fill)
            say_bytes(fd, fill, script->fill + 1);
    }
    free(fill);
}

static struct call *line_to(struct client *client, int i, const char *base)
{
    struct call *c = call_to(client, i, base);
    c->request.via = HD_VIA_LINE;
    c->request.body = (struct hd_span){"show stat\n", 10};
    c->request.cap_bytes = CAP;
    return c;
}

static struct call *line_server(struct client *client, int i, const char *host,
                                const struct server *s)
{
    char base[100];
    (void)snprintf(base, sizeof base, "tcp:%s:%d", host, s->port);
    return line_to(client, i, base);
}

static void want(const struct script *script, const struct hd_response *r)
{
    bool whole = r->io == HD_IO_OK && (script->fill ? r->body.len == script->fill + 1
                                                    : strcmp(r->body.at, script->answer) == 0);
    if (r->io != script->io || !strstr(r->text, script->text) ||
        (script->io == HD_IO_OK && !whole) || r->status != 0)
        fail_msg("%s: io %d, %zu bytes: %s", script->name, r->io, r->body.len, r->text);
}

static void test_I8_answers(void **state)
{
    char folder[] = "/tmp/net-XXXXXX", path[100], base[120];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    (void)snprintf(base, sizeof base, "unix:%s", path);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct server *tcp = server_tcp(serve_script, &scripts[i]);
        struct server *local = server_unix(path, serve_script, &scripts[i]);
        want(&scripts[i], ask(line_server(*state, 0, "127.0.0.1", tcp)));
        want(&scripts[i], ask(line_server(*state, 1, "localhost", tcp)));
        want(&scripts[i], ask(line_to(*state, 2, base)));
        server_stop(tcp);
        server_stop(local);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void serve_rude(struct server *s, int fd, int connection)
{
    char byte;
    struct linger now = {.l_onoff = 1}; /* closing resets the connection */
    (void)connection;
    if (recv(fd, &byte, 1, 0) == 1)
        atomic_fetch_add(&s->requests, 1);
    if (s->arg)
        say(fd, "1 web 5\n");
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void test_reset_is_lost(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct server *s = server_tcp(serve_rude, i ? "answer" : NULL);
        const struct hd_response *r = ask(line_server(*state, 0, "127.0.0.1", s));
        assert_int_equal(r->io, HD_IO_LOST);
        assert_int_equal(atomic_load(&s->requests), 1);
        assert_non_null(strstr(r->text, "onnection reset by peer: 127.0.0.1:"));
        server_stop(s);
    }
}

static void serve_large(struct server *s, int fd, int connection)
{
    static char text[65536];
    size_t total = 0;
    ssize_t n;
    (void)connection;
    (void)poll(NULL, 0, 100); /* so that the sender's buffer fills */
    while (total < (size_t)atomic_load(&s->now) && (n = recv(fd, text, sizeof text, 0)) > 0)
        total += (size_t)n;
    (void)snprintf(text, sizeof text, "%zu\n", total);
    say(fd, text);
}

static void test_large_request(void **state)
{
    size_t len = 8 << 20;
    char *body = malloc(len), want_text[50];
    assert_non_null(body);
    memset(body, 'x', len);
    struct server *s = server_tcp(serve_large, NULL);
    atomic_store(&s->now, (int)len);
    struct call *c = line_server(*state, 0, "127.0.0.1", s);
    c->request.body = (struct hd_span){body, len};
    const struct hd_response *r = ask(c);
    (void)snprintf(want_text, sizeof want_text, "%zu\n", len);
    assert_int_equal(r->io, HD_IO_OK);
    assert_string_equal(r->body.at, want_text);
    server_stop(s);

    s = server_tcp(serve_large, NULL); /* answers after the first part, and closes */
    atomic_store(&s->now, 1);
    c = line_server(*state, 0, "127.0.0.1", s);
    c->request.body = (struct hd_span){body, len};
    r = ask(c);
    assert_int_equal(r->io, HD_IO_LOST);
    server_stop(s);
    free(body);
}

static void serve_silent(struct server *s, int fd, int connection)
{
    (void)connection;
    say(fd, "1 web 5\n"); /* and does not close */
    while (!atomic_load(&s->release))
        (void)poll(NULL, 0, 5);
}

static void test_deadline(void **state)
{
    struct server *s = server_tcp(serve_silent, NULL);
    struct call *c = line_server(*state, 0, "127.0.0.1", s);
    c->endpoint.timeout_ms = 300;
    const struct hd_response *r = ask(c);
    assert_int_equal(r->io, HD_IO_TIMEOUT);
    assert_in_range(r->took_ms, 300, 2000);
    assert_non_null(strstr(r->text, "no whole answer within 300 ms: 127.0.0.1:"));
    server_stop(s);
}

static void test_connect_times_out(void **state)
{
    /* a full queue of a listener that never accepts: the next connection hangs */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), full[4];
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    for (int i = 0; i < 4; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(full[i], (struct sockaddr *)&at, len);
    }
    (void)poll(NULL, 0, 50);
    char base[100];
    (void)snprintf(base, sizeof base, "tcp:127.0.0.1:%d", ntohs(at.sin_port));
    struct call *c = line_to(*state, 0, base);
    c->endpoint.timeout_ms = 300;
    const struct hd_response *r = ask(c);
    for (int i = 0; i < 4; i++)
        (void)close(full[i]);
    (void)close(fd);
    if (strstr(r->text, "no whole answer")) {
        print_message("# left out: this kernel lets every connection in\n");
        return;
    }
    assert_int_equal(r->io, HD_IO_NOT_SENT);
    assert_non_null(strstr(r->text, "no connection within 300 ms: 127.0.0.1:"));
}

static void test_not_sent(void **state)
{
    struct server *gone = server_tcp(serve_script, NULL);
    char refused[100], long_path[200] = "unix:/";
    (void)snprintf(refused, sizeof refused, "tcp:127.0.0.1:%d", gone->port);
    server_stop(gone);
    memset(long_path + 6, 'x', 150);
    const struct {
        const char *base, *text;
    } row[] = {
        {refused, "connection refused: 127.0.0.1:"},
        {"unix:/nonexistent/socket", "no such file or directory: unix:/nonexistent/socket"},
        {long_path, "the path of a socket has at most 107 bytes"},
        {"tcp:haproxy.example:9999", "needs an address in numbers, or localhost: tcp:haproxy"},
        {"tcp:127.0.0.1", "no port from 1 to 65535"},
        {"tcp:127.0.0.1:0", "no port from 1 to 65535"},
        {"tcp:127.0.0.1:65536", "no port from 1 to 65535"},
        {"tcp:[127.0.0.1]x:1", "needs an address in numbers"},
        {"tcp::1", "needs an address in numbers"},
        {"tcp:]:1", "needs an address in numbers"},
        {"tcp:[]:1", "needs an address in numbers"},
        {"http://127.0.0.1:1", "a line protocol needs unix:/path or tcp:host:port"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct hd_response *r = ask(line_to(*state, 0, row[i].base));
        if (r->io != HD_IO_NOT_SENT || !strstr(r->text, row[i].text))
            fail_msg("%s: io %d: %s", row[i].base, r->io, r->text);
    }
}

static void test_ipv6(void **state)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0) {
        (void)close(fd);
        print_message("# left out: no IPv6 here\n");
        return;
    }
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    struct server *s = server_run(fd, serve_script, &scripts[0]);
    s->port = ntohs(at.sin6_port);
    want(&scripts[0], ask(line_server(*state, 0, "[::1]", s)));
    server_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_CASE(test_I8_answers), CLIENT_CASE(test_reset_is_lost),
        CLIENT_CASE(test_large_request), CLIENT_CASE(test_deadline),
        CLIENT_CASE(test_connect_times_out), CLIENT_CASE(test_not_sent), CLIENT_CASE(test_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
