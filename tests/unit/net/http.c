/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP against servers with scripted behaviour: what is sent, what an answer means, caps,
 * deadlines, credentials.
 */
#include "fixture.h"

/* --- what an answer means --- */

struct script {
    const char *name;
    const char *answer;   /* as it stands on the wire; NULL: none */
    const char *fill;     /* this many bytes of 'x' follow, as text; NULL: none */
    uint32_t cap;
    enum hd_io io;
    int status;
    const char *body, *text; /* text: a part of it */
};

#define OK_LENGTH(n) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\n\r\n"
#define OK_CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct script scripts[] = {
    {"whole", OK_LENGTH("5") "hello", NULL, 100, HD_IO_OK, 200, "hello", ""},
    {"whole, until the end", "HTTP/1.1 200 OK\r\n\r\nhello", NULL, 100, HD_IO_OK, 200, "hello", ""},
    {"whole, chunked", OK_CHUNKED "5\r\nhello\r\n0\r\n\r\n", NULL, 100, HD_IO_OK, 200, "hello", ""},
    {"no content", "HTTP/1.1 204 No\r\n\r\n", NULL, 100, HD_IO_OK, 204, "", ""},
    {"5xx is an answer", "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", NULL, 100, HD_IO_OK, 503,
     "no", ""},
    {"redirect is not followed",
     "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", NULL, 100, HD_IO_OK,
     302, "", ""},
    {"after a 103", "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n" OK_LENGTH("2") "ok", NULL, 100,
     HD_IO_OK, 200, "ok", ""},
    {"cut short", OK_LENGTH("10") "hello", NULL, 100, HD_IO_LOST, 0, "", "127.0.0.1:"},
    {"cut short, chunked", OK_CHUNKED "5\r\nhello\r\n", NULL, 100, HD_IO_LOST, 0, "", "127.0.0.1:"},
    {"cut in a header", "HTTP/1.1 200 OK\r\nConte", NULL, 100, HD_IO_LOST, 0, "", "127.0.0.1:"},
    {"cut after the status line", "HTTP/1.1 200 OK\r\n", NULL, 100, HD_IO_LOST, 0, "",
     "the answer was cut short: 127.0.0.1:"},
    {"no answer", NULL, NULL, 100, HD_IO_LOST, 0, "", "closed without an answer: 127.0.0.1:"},
    {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", NULL, 100, HD_IO_LOST, 0, "", "127.0.0.1:"},
    {"at the cap", OK_LENGTH("70000"), "70000", 70000, HD_IO_OK, 200, NULL, ""},
    {"past the cap", OK_LENGTH("70001"), "70001", 70000, HD_IO_TOO_BIG, 0, "",
     "the answer is larger than 70000 bytes: 127.0.0.1:"},
    {"past the cap, no length", "HTTP/1.1 200 OK\r\n\r\n", "70001", 70000, HD_IO_TOO_BIG, 0, "",
     "larger than 70000 bytes"},
    {"headers past the cap", "HTTP/1.1 200 OK\r\nX-Long: ", "70000", 100, HD_IO_TOO_BIG, 0, "",
     "headers are larger"},
};

static void serve_script(struct server *s, int fd, int connection)
{
    const struct script *script = s->arg;
    char *text = malloc(TEXT);
    (void)connection;
    if (hear(s, fd, text) && script->answer) {
        say(fd, script->answer);
        size_t n = script->fill ? strtoul(script->fill, NULL, 10) : 0;
        char *fill = malloc(n + 1);
        memset(fill, 'x', n);
        if (str_is(script->name, "headers past the cap"))
            for (size_t i = 1000; i < n; i += 1000) /* curl refuses one long line by itself */
                memcpy(fill + i, "\r\nX: ", 5);
        say_bytes(fd, fill, n);
        free(fill);
    }
    free(text);
}

static void test_I8_answers(void **state)
{
    struct client *client = *state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const struct script *want = &scripts[i];
        struct server *s = server_tcp(serve_script, want);
        struct call *c = call_server(client, 0, s);
        c->request.cap_bytes = want->cap;
        const struct hd_response *r = ask(c);
        if (r->io != want->io || r->status != want->status || !strstr(r->text, want->text) ||
            (want->body && strcmp(r->body.at, want->body) != 0) ||
            (!want->body && r->body.len != want->cap))
            fail_msg("%s: io %d status %d body %zu: %s", want->name, r->io, r->status, r->body.len,
                     r->text);
        assert_int_equal(atomic_load(&s->requests), 1);
        server_stop(s);
    }
}

static void serve_headers(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    (void)connection;
    if (hear(s, fd, text)) {
        say(fd, "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
                "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nRETRY-AFTER:  7 \r\nX-Empty:\r\n"
                "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n");
        for (int i = 0; i < HD_HEADERS_MAX; i++) {
            char line[50];
            (void)snprintf(line, sizeof line, "X-%d: %d\r\n", i, i);
            say(fd, line);
        }
        say(fd, "\r\n");
    }
    free(text);
}

static void test_I8_headers(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_headers, NULL);
    const struct hd_response *r = ask(call_server(client, 0, s));
    assert_int_equal(r->io, HD_IO_OK);
    assert_string_equal(header_of(r, "etag"), "\"a\"");
    assert_string_equal(header_of(r, "retry-after"), "7");
    assert_string_equal(header_of(r, "x-empty"), "");
    assert_string_equal(header_of(r, "set-cookie"), "a");
    assert_string_equal(r->headers[4].value, "b");
    assert_null(header_of(r, "x-interim"));
    assert_int_equal(r->n_headers, HD_HEADERS_MAX);
    assert_string_equal(header_of(r, "x-57"), "57"); /* six stand before */
    assert_null(header_of(r, "x-58"));
    server_stop(s);
}

/* --- compression --- */

static void serve_gzip(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT), head[200], *packed = malloc(1 << 20);
    (void)connection;
    FILE *f = popen(s->arg, "re"); /* the command makes the body */
    size_t n = f ? fread(packed, 1, 1 << 20, f) : 0;
    if (f)
        (void)pclose(f);
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    while (hear(s, fd, text)) {
        say(fd, head);
        say_bytes(fd, packed, n);
    }
    free(packed);
    free(text);
}

static void test_I8_gzip(void **state)
{
    static const struct {
        const char *name, *command;
        enum hd_io io;
        size_t len;
    } row[] = {
        {"at the cap", "head -c 500000 /dev/zero | gzip", HD_IO_OK, 500000},
        {"past the cap", "head -c 500001 /dev/zero | gzip", HD_IO_TOO_BIG, 0},
        {"bomb", "head -c 100000000 /dev/zero | gzip", HD_IO_TOO_BIG, 0},
        {"not gzip", "echo plain text", HD_IO_LOST, 0},
    };
    struct client *client = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct server *s = server_tcp(serve_gzip, row[i].command);
        struct call *c = call_server(client, 0, s);
        c->request.cap_bytes = 500000;
        const struct hd_response *r = ask(c);
        if (r->io != row[i].io || r->body.len != row[i].len)
            fail_msg("%s: io %d, %zu bytes: %s", row[i].name, r->io, r->body.len, r->text);
        server_stop(s);
    }
}

/* --- deadlines --- */

static void serve_drip(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    (void)connection;
    if (hear(s, fd, text)) {
        say(fd, OK_LENGTH("100000"));
        while (!atomic_load(&s->release)) {
            say(fd, "x");
            (void)poll(NULL, 0, 10);
        }
    }
    free(text);
}

static void serve_nothing(struct server *s, int fd, int connection)
{
    char byte;
    (void)connection;
    while (!atomic_load(&s->release) && recv(fd, &byte, 1, 0) > 0)
        ;
}

static void test_deadlines(void **state)
{
    static const struct {
        const char *name, *scheme;
        void (*serve)(struct server *, int, int);
        int32_t timeout_ms;
        int64_t deadline_ms; /* from now; 0: none */
        enum hd_io io;
        const char *text;
    } row[] = {
        {"slow drip", "http", serve_drip, 300, 0, HD_IO_TIMEOUT,
         "no whole answer within 300 ms while reading the answer: 127.0.0.1:"},
        {"no answer", "http", serve_hold, 300, 0, HD_IO_TIMEOUT, "no answer within 300 ms: 127."},
        {"deadline first", "http", serve_hold, 5000, 300, HD_IO_TIMEOUT, "no answer within"},
        {"timeout first", "http", serve_hold, 300, 5000, HD_IO_TIMEOUT, "no answer within 300 ms"},
        {"TLS hangs", "https", serve_nothing, 300, 0, HD_IO_NOT_SENT,
         "no answer within 300 ms while connecting: 127.0.0.1:"},
    };
    struct client *client = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct server *s = server_tcp(row[i].serve, NULL);
        struct call *c = call_server(client, 0, s);
        (void)snprintf(c->base_text, sizeof c->base_text, "%s://127.0.0.1:%d", row[i].scheme,
                       s->port);
        c->endpoint.timeout_ms = row[i].timeout_ms;
        int64_t start = clock_now().boot_ms;
        send_call(c, row[i].deadline_ms ? start + row[i].deadline_ms : 0);
        run_until(client, (int)i + 1);
        int64_t took = clock_now().boot_ms - start;
        if (c->response.io != row[i].io || took < 290 || took > 2000 ||
            !strstr(c->response.text, row[i].text))
            fail_msg("%s: io %d after %lld ms: %s", row[i].name, c->response.io, (long long)took,
                     c->response.text);
        assert_in_range(c->response.took_ms, 290, 2000);
        server_stop(s);
    }
}

/* --- answers without an end --- */

struct followed {
    char text[64];
    size_t len;
    int pieces, ends;
    enum hd_io io;
    int status;
    char why[200], body[64];
};

static void on_piece(void *user, struct hd_span piece)
{
    struct followed *f = user;
    f->pieces++;
    assert_true(f->len + piece.len < sizeof f->text);
    memcpy(f->text + f->len, piece.at, piece.len);
    f->len += piece.len;
}

static void on_followed(void *user, const struct hd_response *r)
{
    struct followed *f = user;
    f->ends++;
    f->io = r->io;
    f->status = r->status;
    (void)snprintf(f->why, sizeof f->why, "%s", r->text ? r->text : "");
    (void)snprintf(f->body, sizeof f->body, "%.*s", (int)r->body.len, r->body.at);
}

/* What a row says; then it ends the stream, or says nothing more. */
struct stream_script {
    const char *head, *first, *second;
    bool silent;
};

static void serve_stream(struct server *s, int fd, int connection)
{
    const struct stream_script *script = s->arg;
    char *text = malloc(TEXT);
    (void)connection;
    if (hear(s, fd, text)) {
        say(fd, script->head);
        say(fd, script->first);
        (void)poll(NULL, 0, 400); /* longer than the endpoint's timeout */
        say(fd, script->second);
        while (script->silent && !atomic_load(&s->release))
            (void)poll(NULL, 0, 10);
    }
    (void)shutdown(fd, SHUT_RDWR);
    free(text);
}

/* Pieces come as they are sent, past any timeout; another status is an answer as any; silence is an end. */
static void test_follow(void **state)
{
#define STREAM "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    static const struct {
        const char *name;
        struct stream_script script;
        const char *text, *body, *why;
        enum hd_io io;
        int status;
    } row[] = {
        {"ends", {STREAM, "id: 1\n", "id: 2\n", false}, "id: 1\nid: 2\n", "", "", HD_IO_OK, 200},
        {"refused", {"HTTP/1.1 403 X\r\nConnection: close\r\n\r\n", "no", "", false}, "", "no", "", HD_IO_OK, 403},
        {"silent", {STREAM, "id: 1\n", "", true}, "id: 1\n", "", "silent for 1", HD_IO_TIMEOUT, 0},
    };
    struct client *client = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct server *s = server_tcp(serve_stream, &row[i].script);
        struct call *c = call_server(client, 0, s);
        struct followed f = {.len = 0};
        int64_t until = clock_now().boot_ms + 10000;
        c->endpoint.timeout_ms = 300;
        (void)net_follow(client->net, &c->request, 1000, on_piece, on_followed, &f);
        while (!f.ends && clock_now().boot_ms < until)
            net_wait(client->net, 50);
        f.text[f.len] = '\0';
        if (f.ends != 1 || f.io != row[i].io || f.status != row[i].status || !str_is(f.text, row[i].text) ||
            !str_is(f.body, row[i].body) || !str_begins(f.why, row[i].why))
            fail_msg("%s: %d ends, io %d, status %d: \"%s\" \"%s\" \"%s\"", row[i].name, f.ends, f.io, f.status, f.text,
                     f.body, f.why);
        server_stop(s);
    }
}

/* --- certainly no effect --- */

static void serve_no_tls(struct server *s, int fd, int connection)
{
    char hello[1000];
    (void)s;
    (void)connection;
    if (recv(fd, hello, sizeof hello, 0) > 0)
        say(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void test_not_sent(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL), *gone = server_tcp(serve_echo, NULL),
                  *plain = server_tcp(serve_no_tls, NULL);
    char refused[100], refused_text[100], tls[100];
    (void)snprintf(refused, sizeof refused, "http://127.0.0.1:%d/prefix", gone->port);
    (void)snprintf(refused_text, sizeof refused_text, "connection refused: 127.0.0.1:%d",
                   gone->port);
    (void)snprintf(tls, sizeof tls, "https://127.0.0.1:%d", plain->port);
    server_stop(gone);
    const struct hd_pair bad_value = {"X-Bad", "a\r\nX-Injected: 1"}, bad_name = {"X Bad", "a"},
                         secret = {"X-Key", "${secret}"};
    const struct {
        const char *name, *base, *method;
        const struct hd_pair *header, *own_header; /* of the request, of the endpoint */
        enum hd_auth auth;
        const char *cert, *text;
    } row[] = {
        {"refused", refused, "GET", NULL, NULL, 0, NULL, refused_text},
        {"plain server", tls, "GET", NULL, NULL, 0, NULL, "127.0.0.1:"},
        {"certificate is missing", tls, "GET", NULL, NULL, 0, "/nonexistent.pem", "127.0.0.1:"},
        {"no socket", "unix:/nonexistent", "GET", NULL, NULL, 0, NULL, ": unix:/nonexistent"},
        {"wrong base", "tcp:127.0.0.1:1", "GET", NULL, NULL, 0, NULL, "HTTP needs http://"},
        {"wrong scheme", "file:///etc/passwd", "GET", NULL, NULL, 0, NULL, "HTTP needs http://"},
        {"user in the address", "http://a:b@127.0.0.1:1", "GET", NULL, NULL, 0, NULL, ""},
        {"method", NULL, "GET /\r\nX: ", NULL, NULL, 0, NULL, "not an HTTP method"},
        {"header value", NULL, "GET", &bad_value, NULL, 0, NULL, "X-Bad: a control character"},
        {"header name", NULL, "GET", &bad_name, NULL, 0, NULL, "not a header name"},
        {"header's secret", NULL, "GET", NULL, &secret, 0, NULL,
         "test: header X-Key: ${secret}: no such file"},
        {"secret", NULL, "GET", NULL, NULL, HD_AUTH_BEARER, NULL, "test: ${secret}: no such file"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct call *c = call_server(client, 0, s);
        if (row[i].base)
            (void)snprintf(c->base_text, sizeof c->base_text, "%s", row[i].base);
        c->request.u.http.method = row[i].method;
        c->request.u.http.headers = row[i].header;
        c->request.u.http.n_headers = row[i].header != NULL;
        c->endpoint.headers = row[i].own_header;
        c->endpoint.n_headers = row[i].own_header != NULL;
        c->endpoint.auth = row[i].auth;
        c->endpoint.secret = "${secret}";
        c->endpoint.cert_file = row[i].cert;
        const struct hd_response *r = ask(c);
        if (r->io != HD_IO_NOT_SENT || !strstr(r->text, row[i].text))
            fail_msg("%s: io %d: %s", row[i].name, r->io, r->text);
    }
    struct call *c = call_server(client, 0, s);
    send_call(c, clock_now().boot_ms - 1);
    run_until(client, client->n_answers + 1);
    assert_int_equal(c->response.io, HD_IO_NOT_SENT);
    c->request.base = 1;
    assert_int_equal(ask(c)->io, HD_IO_NOT_SENT);
    assert_int_equal(atomic_load(&s->requests), 0);
    server_stop(s);
    server_stop(plain);
}

/* --- what is sent --- */

static void test_requests(void **state)
{
    static const struct hd_pair own[] = {{"X-Scope", "team"},
                                         {"X-Key", "${secret}"},
                                         {"X-None", ""}},
                                json = {"Content-Type", "application/json"};
    static const struct {
        const char *method, *path, *query, *body;
        const struct hd_pair *header;
        enum hd_auth auth;
        const char *want[6]; /* parts of the request */
        const char *not_there;
    } row[] = {
        {"GET", "/api/v1/query", "q=a%20b&t=1", "", NULL, 0,
         {"GET /pre/fix/api/v1/query?q=a%20b&t=1 HTTP/1.1\r\n", "\r\nUser-Agent: haldane/",
          "\r\nAccept-Encoding: gzip\r\n", "\r\nX-Scope: team\r\n", "\r\nX-Key: s3cret\r\n",
          "\r\nX-None:\r\n"},
         "Content-Length"},
        {"GET", "/a/../b/./c", NULL, "", NULL, 0, {"GET /pre/fix/a/../b/./c HTTP/1.1\r\n"}, "?"},
        {"POST", "/x", NULL, "{\"a\":1}", &json, HD_AUTH_BEARER,
         {"POST /pre/fix/x HTTP/1.1\r\n", "\r\nAuthorization: Bearer s3cret\r\n",
          "\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 7\r\n",
          "\r\n\r\n{\"a\":1}"}, "Expect"},
        {"POST", "/x", NULL, "", NULL, 0, {"\r\nContent-Length: 0\r\n"}, "Expect"},
        {"PUT", "/x", NULL, "a", NULL, HD_AUTH_BASIC,
         {"PUT /pre", "\r\nAuthorization: Basic bWU6czNjcmV0\r\n", "\r\n\r\na"}, "Expect"},
        {"PATCH", "/x", NULL, "a", NULL, 0, {"PATCH /pre", "\r\n\r\na"}, "Authorization"},
        {"DELETE", "/x", NULL, "", NULL, 0, {"DELETE /pre"}, "Content-Length"},
        {"DELETE", "/x", NULL, "why", NULL, 0, {"DELETE /pre", "\r\n\r\nwhy"}, "Expect"},
        {"OPTIONS", "/x", NULL, "", NULL, 0, {"OPTIONS /pre"}, "Content-Length"},
    };
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL);
    secret_now = "s3cret";
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct call *c = call_server(client, 0, s);
        (void)strcat(c->base_text, "/pre/fix/");
        c->endpoint.headers = own;
        c->endpoint.n_headers = 3;
        c->endpoint.auth = row[i].auth;
        c->endpoint.secret = "${secret}";
        c->endpoint.user = "me";
        c->request.u.http.method = row[i].method;
        c->request.u.http.path = row[i].path;
        c->request.u.http.query = row[i].query;
        c->request.u.http.headers = row[i].header;
        c->request.u.http.n_headers = row[i].header != NULL;
        c->request.body = (struct hd_span){row[i].body, strlen(row[i].body)};
        const struct hd_response *r = ask(c);
        if (r->io != HD_IO_OK || r->status != 200)
            fail_msg("%s %s: io %d: %s", row[i].method, row[i].path, r->io, r->text);
        for (size_t w = 0; w < 6 && row[i].want[w]; w++) {
            if (!strstr(r->body.at, row[i].want[w]) || strstr(r->body.at, row[i].not_there))
                fail_msg("row %zu, part %zu: %s", i, w, r->body.at);
        }
    }
    server_stop(s);
}

static void serve_head(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    (void)connection;
    while (hear(s, fd, text))
        say(fd, OK_LENGTH("5000"));
    free(text);
}

static void test_head_has_no_body(void **state)
{
    struct server *s = server_tcp(serve_head, NULL);
    struct call *c = call_server(*state, 0, s);
    c->request.u.http.method = "HEAD";
    const struct hd_response *r = ask(c);
    assert_int_equal(r->io, HD_IO_OK);
    assert_string_equal(header_of(r, "content-length"), "5000");
    assert_int_equal(r->body.len, 0);
    server_stop(s);
}

static void test_times(void **state)
{
    struct server *s = server_tcp(serve_echo, NULL);
    int64_t before = clock_now().wall_ms;
    const struct hd_response *r = ask(call_server(*state, 0, s));
    assert_in_range(r->sent_ms, before, clock_now().wall_ms);
    assert_in_range(r->took_ms, 0, clock_now().wall_ms - before + 1);
    server_stop(s);
}

static void test_proxies(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy",
                                        "ALL_PROXY"};
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(setenv(names[i], "http://127.0.0.1:1", 1), 0);
    assert_int_equal(ask(call_server(client, 0, s))->io, HD_IO_OK);
    assert_int_equal(setenv("no_proxy", "*", 1), 0); /* nor does this undo the configured one */
    char proxy[100];
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", s->port);
    struct call *c = call_to(client, 0, "http://metrics.example");
    c->endpoint.proxy = proxy;
    const struct hd_response *r = ask(c);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(unsetenv(names[i]), 0);
    assert_int_equal(unsetenv("no_proxy"), 0);
    assert_int_equal(r->io, HD_IO_OK);
    assert_non_null(strstr(r->body.at, "GET http://metrics.example/ HTTP/1.1\r\n"));
    server_stop(s);
}

static void test_unix_socket(void **state)
{
    char folder[] = "/tmp/net-XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    struct server *s = server_unix(path, serve_echo, NULL);
    struct call *c = call_to(*state, 0, "unix:");
    (void)strcat(c->base_text, path);
    c->request.u.http.path = "/containers/json";
    const struct hd_response *r = ask(c);
    assert_int_equal(r->io, HD_IO_OK);
    assert_non_null(strstr(r->body.at, "GET /containers/json HTTP/1.1\r\nHost: localhost\r\n"));
    server_stop(s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* --- 401 --- */

static void serve_guarded(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    (void)connection;
    while (hear(s, fd, text))
        say(fd, strstr(text, s->arg)
                    ? OK_LENGTH("2") "ok"
                    : "HTTP/1.1 401 No\r\nX-Try: 1\r\nContent-Length: 2\r\n\r\nno");
    free(text);
}

static void test_401(void **state)
{
    static const struct hd_pair own = {"X-Key", "${secret}"};
    static const struct {
        const char *name, *first, *next, *wants;
        bool in_header;
        int status, requests;
    } row[] = {
        {"rotated", "old", "new", "Bearer new", false, 200, 2},
        {"rotated, a header", "old", "new", "X-Key: new", true, 200, 2},
        {"the same", "old", NULL, "Bearer new", false, 401, 1},
        {"changed, still wrong", "old", "other", "Bearer new", false, 401, 2},
        {"right at once", "new", NULL, "Bearer new", false, 200, 1},
    };
    struct client *client = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct server *s = server_tcp(serve_guarded, row[i].wants);
        struct call *c = call_server(client, 0, s);
        c->endpoint.auth = row[i].in_header ? HD_AUTH_NONE : HD_AUTH_BEARER;
        c->endpoint.secret = "${secret}";
        c->endpoint.headers = &own;
        c->endpoint.n_headers = row[i].in_header;
        c->request.effect = HD_EFFECT_SET;
        secret_now = row[i].first;
        secret_next = row[i].next;
        const struct hd_response *r = ask(c);
        if (r->io != HD_IO_OK || r->status != row[i].status ||
            atomic_load(&s->requests) != row[i].requests ||
            strcmp(r->body.at, r->status == 200 ? "ok" : "no") != 0)
            fail_msg("%s: io %d status %d, %d requests", row[i].name, r->io, r->status,
                     atomic_load(&s->requests));
        server_stop(s);
    }
}

/* Whoever knows the address of a chat may write there: it is sent, and nothing else tells it. */
static void test_secret_address(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL);
    char good[100];
    (void)snprintf(good, sizeof good, "http://127.0.0.1:%d/services/T0/s3cret", s->port);
    const struct {
        const char *name, *address;
        enum hd_io io;
        const char *text; /* of the failure */
    } row[] = {
        {"sent", good, HD_IO_OK, ""},
        {"no file", NULL, HD_IO_NOT_SENT, "test: url: ${secret}: no such file"},
        {"no address", "s3cret", HD_IO_NOT_SENT, "HTTP needs http://, https:// or unix:/path: ${secret}"},
        {"nobody there", "http://127.0.0.1:1/s3cret", HD_IO_NOT_SENT, "connection refused: ${secret}"},
        {"no URL", "http:///s3cret", HD_IO_NOT_SENT, ": ${secret}"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct call *c = call_server(client, 0, s);
        (void)snprintf(c->base_text, sizeof c->base_text, "${secret}");
        c->request.u.http.path = "";
        secret_now = row[i].address;
        const struct hd_response *r = ask(c);
        bool told = strstr(r->text, "s3cret") != NULL;
        if (r->io != row[i].io || !strstr(r->text, row[i].text) || told ||
            (r->io == HD_IO_OK && !strstr(r->body.at, "GET /services/T0/s3cret HTTP/1.1\r\n")))
            fail_msg("%s: io %d: %s\n%s", row[i].name, r->io, r->text, r->body.len ? r->body.at : "");
    }
    server_stop(s);
}

/* --- connections --- */

static void serve_breaks(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    if (hear(s, fd, text) && (connection == 0 || s->arg)) {
        say(fd, OK_LENGTH("2") "ok");
        (void)hear(s, fd, text); /* the second one on this connection gets no answer */
    }
    free(text);
}

static void test_I6_once_is_sent_once(void **state)
{
    static const struct {
        enum hd_effect effect;
        const char *answers; /* later connections: NULL: none */
        enum hd_io io;
        int requests;
    } row[] = {
        {HD_EFFECT_READ, "yes", HD_IO_OK, 3}, /* repeated by curl: harmless */
        {HD_EFFECT_ONCE, NULL, HD_IO_LOST, 2},
    };
    struct client *client = *state;
    for (size_t i = 0; i < 2; i++) {
        struct server *s = server_tcp(serve_breaks, row[i].answers);
        struct call *c = call_server(client, 0, s);
        assert_int_equal(ask(c)->io, HD_IO_OK);
        c->request.effect = row[i].effect;
        c->request.u.http.method = "POST";
        const struct hd_response *r = ask(c);
        if (r->io != row[i].io || atomic_load(&s->requests) != row[i].requests)
            fail_msg("row %zu: io %d, %d requests: %s", i, r->io, atomic_load(&s->requests),
                     r->text);
        server_stop(s);
    }
}

static void test_connections_are_used_again(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(call_server(client, 0, s))->io, HD_IO_OK);
    assert_int_equal(s->n, 1);
    server_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_CASE(test_I8_answers),
        CLIENT_CASE(test_I8_headers),
        CLIENT_CASE(test_I8_gzip),
        CLIENT_CASE(test_deadlines),
        CLIENT_CASE(test_follow),
        CLIENT_CASE(test_not_sent),
        CLIENT_CASE(test_requests),
        CLIENT_CASE(test_head_has_no_body),
        CLIENT_CASE(test_times),
        CLIENT_CASE(test_proxies),
        CLIENT_CASE(test_unix_socket),
        CLIENT_CASE(test_401),
        CLIENT_CASE(test_secret_address),
        CLIENT_CASE(test_I6_once_is_sent_once),
        CLIENT_CASE(test_connections_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
