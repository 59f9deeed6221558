/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that take their time: the journal as a stream, and the wait for a guard. What is written
 * to the store by another handle must be told without being asked for again.
 */
#include "face.h"

static int64_t add_event(const struct bench *b, const char *headline)
{
    struct hd_error err;
    struct store *s = NULL;
    int64_t seq = 0;
    const struct store_event e = {
        .wall_ms = 5, .service = "cart", .kind = "state", .headline = headline, .text = ""};
    sample_ok(store_open(&(struct store_options){.path = b->path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    sample_ok(store_add_event(s, &e, NULL, 0, &seq, &err), &err);
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
    return seq;
}

static int64_t newest(const struct bench *b)
{
    struct hd_error err;
    struct store *s = NULL;
    int64_t seq = -1;
    sample_ok(store_open_reader(b->path, &s, &err), &err);
    sample_ok(store_newest_event(s, &seq, &err), &err);
    (void)store_close(s);
    return seq;
}

static int follow(const struct bench *b, const char *header)
{
    char text[500];
    int n = snprintf(text, sizeof text, "GET /api/v1/events HTTP/1.1\r\nHost: h\r\n%s\r\n", header);
    int fd = dial(b);
    say(fd, text, (size_t)n);
    return fd;
}

/* Takes out what frames the chunks: a line with a size between two line ends of the protocol, which
 * events themselves never contain. */
static void unframe(const char *raw, char *to)
{
    while (*raw) {
        size_t digits = raw[0] == '\r' && raw[1] == '\n' ? strspn(raw + 2, "0123456789abcdefABCDEF") : 0;
        if (digits && raw[2 + digits] == '\r')
            raw += 2 + digits + 2;
        else
            *to++ = *raw++;
    }
    *to = '\0';
}

/* Reads until `want` is there; what was read stays valid until the next call. */
static const char *hear_until(int fd, const char *want)
{
    static char raw[2000000], text[2000000];
    size_t len = 0;
    text[0] = '\0';
    while (!strstr(text, want)) {
        ssize_t n = recv(fd, raw + len, sizeof raw - 1 - len, 0);
        if (n <= 0)
            fail_msg("no \"%s\" in \"%s\"", want, text);
        len += (size_t)n;
        raw[len] = '\0';
        unframe(raw, text);
    }
    return text;
}

static void test_follow(void **state)
{
    struct bench b;
    char want[100], header[100];
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    int fd = follow(&b, "");
    const char *text = hear_until(fd, "retry: 3000\n\n");
    assert_int_equal(status_of(text), 200);
    assert_non_null(strstr(text, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(text, "X-Accel-Buffering: no\r\n"));
    assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
    int64_t first = add_event(&b, "first");
    (void)snprintf(want, sizeof want, "id: %lld\nevent: state\ndata: {\"seq\":%lld,", (long long)first,
                   (long long)first);
    assert_non_null(strstr(hear_until(fd, "\"first\""), want));
    (void)add_event(&b, "second");
    assert_null(strstr(hear_until(fd, "\"second\""), "\"first\"")); /* each once */
    (void)close(fd);
    /* Another one goes on where this one stopped. */
    (void)snprintf(header, sizeof header, "Last-Event-ID: %lld\r\n", (long long)first);
    fd = follow(&b, header);
    text = hear_until(fd, "\"second\"");
    assert_null(strstr(text, "\"first\""));
    assert_null(strstr(text, "reset"));
    (void)close(fd);
    bench_close(&b);
}

static void test_resume(void **state)
{
    static const struct {
        const char *name, *header;
        int status;
        const char *want;
    } row[] = {
        {"from the beginning", "Last-Event-ID: 0\r\n", 200, "id: 1\nevent: "},
        {"an id of another store", "Last-Event-ID: 999999\r\n", 200, "event: reset\n"},
        {"no id", "Last-Event-ID: x\r\n", 400, "bad_parameter"},
        {"a negative id", "Last-Event-ID: -5\r\n", 400, "bad_parameter"},
        {"two ids", "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n", 400, "bad_framing"},
    };
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int fd = follow(&b, row[i].header);
        if (status_of(hear_until(fd, row[i].want)) != row[i].status)
            fail_msg("%s", row[i].name);
        (void)close(fd);
    }
    bench_close(&b);
}

/* More than a batch, and more than the batch's bytes: all of it comes, in order, each once. */
static void test_much(void **state)
{
    enum { N = 250 };
    struct bench b;
    static char headline[2001];
    struct hd_error err;
    struct store *s = NULL;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    memset(headline, 'h', sizeof headline - 1);
    const struct store_event e = {.wall_ms = 5, .kind = "state", .headline = headline, .text = headline};
    int64_t seq = 0, from = newest(&b);
    sample_ok(store_open(&(struct store_options){.path = b.path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    for (int i = 0; i < N; i++)
        sample_ok(store_add_event(s, &e, NULL, 0, &seq, &err), &err);
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
    char header[100], want[100];
    (void)snprintf(header, sizeof header, "Last-Event-ID: %lld\r\n", (long long)from);
    (void)snprintf(want, sizeof want, "id: %lld\nevent: ", (long long)seq);
    int fd = follow(&b, header);
    const char *at = hear_until(fd, want);
    for (int64_t i = from + 1; i <= seq; i++) {
        (void)snprintf(want, sizeof want, "id: %lld\nevent: ", (long long)i);
        const char *found = strstr(at, want);
        if (!found || strstr(found + 1, want))
            fail_msg("event %lld is %s", (long long)i, found ? "there twice" : "missing");
        at = found;
    }
    (void)close(fd);
    bench_close(&b);
}

static void test_beat(void **state)
{
    struct bench b;
    (void)state;
    bench_beat_ms = 50;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    int fd = follow(&b, "");
    (void)hear_until(fd, "\n:\n\n");
    (void)hear_until(fd, "\n:\n\n");
    (void)close(fd);
    bench_close(&b);
    bench_beat_ms = 0;
}

/* As many as may be, one past it, and others are still served; all get an event; stopping ends them. */
static void I8_streams(void **state)
{
    struct bench b;
    static int fd[HD_STREAMS_MAX];
    (void)state;
    many_descriptors();
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (int i = 0; i < HD_STREAMS_MAX; i++) {
        fd[i] = follow(&b, "");
        (void)hear_until(fd[i], "retry: 3000\n\n");
    }
    int more = follow(&b, "");
    const char *text = hear_until(more, "too_many_streams");
    assert_int_equal(status_of(text), 503);
    assert_non_null(strstr(text, "Retry-After: "));
    (void)close(more);
    assert_int_equal(status_of(ask(&b, GET("/api/v1/guards"))), 200);
    (void)add_event(&b, "to all");
    for (int i = 0; i < HD_STREAMS_MAX; i++)
        (void)hear_until(fd[i], "\"to all\"");
    b.http = http_stop(b.http);
    for (int i = 0; i < HD_STREAMS_MAX; i++)
        assert_non_null(strstr(hear(fd[i]), "0\r\n\r\n"));
    bench_close(&b);
}

static void end_guard(const struct bench *b)
{
    struct hd_error err;
    struct store *s = NULL;
    struct store_guard g;
    ARENA_AUTO a = arena_new();
    sample_ok(store_open(&(struct store_options){.path = b->path}, &s, &err), &err);
    sample_ok(store_guard(s, a, SAMPLE_WATCHING, &g, &err), &err);
    g.state = HD_STATE_PASSED;
    sample_ok(store_begin(s, &err), &err);
    sample_ok(store_put_guard(s, &g, &err), &err);
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
}

static void test_wait(void **state)
{
    static const struct {
        const char *name, *request;
        int status;
        const char *want;
    } row[] = {
        {"ended already", GET("/api/v1/guards/" SAMPLE_REVERTED "/wait"), 200, "\"state\":\"reverted\""},
        {"not in time", GET(G "/wait?timeout=300ms"), 200, "\"state\":\"watching\""},
        {"no time", GET(G "/wait?timeout=0s"), 200, "\"live\":true"},
        {"unknown", GET("/api/v1/guards/x/wait"), 404, "unknown_guard"},
        {"too long", GET(G "/wait?timeout=56s"), 400, "bad_parameter"},
        {"until what", GET(G "/wait?until=noon"), 400, "bad_parameter"},
    };
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *reply = ask(&b, row[i].request);
        if (status_of(reply) != row[i].status || !strstr(reply, row[i].want))
            fail_msg("%s: %s", row[i].name, reply);
    }
    int ended = dial(&b), changed = dial(&b);
    say_text(ended, GET(G "/wait"));
    say_text(changed, GET(G "/wait?until=change"));
    (void)poll(NULL, 0, 100);
    (void)add_event(&b, "something else");
    struct pollfd p[] = {{.fd = ended, .events = POLLIN}, {.fd = changed, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 400), 0);
    end_guard(&b);
    assert_non_null(strstr(hear(ended), "\"state\":\"passed\""));
    assert_non_null(strstr(hear(changed), "\"state\":\"passed\""));
    bench_close(&b);
}

static void I8_waits(void **state)
{
    struct bench b;
    int fd[HD_WAITS_MAX];
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (int i = 0; i < HD_WAITS_MAX; i++) {
        fd[i] = dial(&b);
        say_text(fd[i], GET(G "/wait"));
    }
    (void)poll(NULL, 0, 200);
    const char *reply = ask(&b, GET(G "/wait"));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "too_many_waits"));
    b.http = http_stop(b.http);
    for (int i = 0; i < HD_WAITS_MAX; i++)
        assert_int_equal(status_of(hear(fd[i])), 503);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follow), cmocka_unit_test(test_resume), cmocka_unit_test(test_much),
        cmocka_unit_test(test_beat),   cmocka_unit_test(I8_streams),  cmocka_unit_test(test_wait),
        cmocka_unit_test(I8_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
