/* SPDX-License-Identifier: Apache-2.0
 *
 * What the face's one thread takes upon itself for one request: at each cap, and one past it.
 */
#include "face.h"

#include "http/view.h"

#define REPLAY(id) POST("/api/v1/replay", ORDER, "{\"guard\":\"" id "\"}")
#define LONG_GUARD "01JD2K0000000000000000000E"

static size_t checked_bytes; /* of the last configuration that was looked at */
static int replayed;

static enum hd_code checks(struct hd_arena *a, struct hd_span yaml, const char *queries, struct http_checked *ret,
                           struct hd_error *err)
{
    (void)a;
    (void)queries;
    (void)err;
    checked_bytes = yaml.len;
    *ret = (struct http_checked){.services = 1, .checks = 1};
    return HD_OK;
}

static enum hd_code replays(struct store *s, struct hd_arena *a, const char *guard, struct json_out *out,
                            struct hd_error *err)
{
    (void)s;
    (void)a;
    (void)guard;
    (void)err;
    replayed++;
    json_begin(out, NULL, '{');
    json_end(out, '}');
    return HD_OK;
}

static void test_I8_config(void **state)
{
    static const struct {
        const char *name;
        size_t bytes;
        int status;
    } row[] = {{"at the cap", HD_CHECK_BYTES_MAX, 200}, {"one past it", HD_CHECK_BYTES_MAX + 1, 413}};
    struct bench b;
    (void)state;
    bench_check = checks;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char head[300];
        char *body = malloc(row[i].bytes);
        assert_non_null(body);
        memset(body, 'a', row[i].bytes);
        int n = snprintf(head, sizeof head, "POST /api/v1/config/check HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" TOKEN
                         "Content-Type: application/yaml\r\nContent-Length: %zu\r\n\r\n", row[i].bytes);
        int fd = dial(&b);
        checked_bytes = 0;
        say(fd, head, (size_t)n);
        say(fd, body, row[i].bytes);
        free(body);
        const char *reply = hear(fd);
        if (status_of(reply) != row[i].status || checked_bytes != (row[i].status == 200 ? row[i].bytes : 0))
            fail_msg("%s: %zu bytes looked at: %s", row[i].name, checked_bytes, reply);
    }
    bench_close(&b);
}

/* A guard with polls of `measures` each until there are `polls` of them or `bytes` packed ones; returns how many. */
static uint32_t add_guard(const struct bench *b, const char *id, size_t measures, uint32_t polls, int64_t bytes)
{
    struct hd_error err;
    struct store *s = NULL;
    struct hd_measurement m[(size_t)HD_CHECKS_MAX * HD_ROLES];
    int64_t at_ms = clock_now().wall_ms - (int64_t)86400000, used = 0;
    uint32_t poll = 0;
    struct store_guard g = sample_guard(id, "cart", HD_STATE_PASSED, at_ms);
    g.ended_ms = at_ms + 80000000;
    for (size_t i = 0; i < measures; i++)
        m[i] = (struct hd_measurement){.check = (uint8_t)(i / 2), .role = i % 2, .fresh = true, .events = 1,
                                       .exposure = 100, .value = NAN, .covers_ms = 5000};
    sample_ok(store_open(&(struct store_options){.path = b->path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    sample_ok(store_add_guard(s, &g, &err), &err);
    while (poll < polls) {
        poll++;
        const struct store_evidence e = {.wall_ms = at_ms + 5000 * (int64_t)poll, .t_ms = 5000 * (int64_t)poll,
                                         .evidence = {.poll = poll, .scrape_ms = 5000, .m = m, .n = measures}};
        BUF_AUTO packed = BUF_INIT(HD_BLOB_BYTES_MAX);
        store_evidence_pack(&e.evidence, &packed);
        used += (int64_t)packed.len;
        if (bytes && used > bytes)
            break;
        sample_ok(store_put_evidence(s, id, &e, &err), &err);
    }
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
    return poll;
}

static void test_I8_replay(void **state)
{
    struct bench b;
    (void)state;
    bench_replay = replays;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    const uint32_t fit = add_guard(&b, SAMPLE_HOSTILE, 64, 100000, HD_PAGE_EVIDENCE_BYTES) - 1;
    (void)add_guard(&b, LONG_GUARD, 64, fit + 1, 0);
    static const struct {
        const char *name, *request;
        int status;
        const char *want;
    } row[] = {
        {"at the cap", REPLAY(SAMPLE_HOSTILE), 200, "{}"},
        {"one poll past it", REPLAY(LONG_GUARD), 422, "haldane replay " LONG_GUARD},
        {"no such guard", REPLAY("01JD2K9999999999999999999X"), 404, "no_evidence"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *reply = ask(&b, row[i].request);
        if (status_of(reply) != row[i].status || !strstr(reply, row[i].want))
            fail_msg("%s: %s", row[i].name, reply);
    }
    assert_int_equal(replayed, 1);
    bench_close(&b);
}

/* However many polls there are, a page reads so many; each point says what it stands for. */
static void test_I8_page(void **state)
{
    static const struct {
        const char *name;
        uint32_t polls;
        size_t read;
        const char *says;
    } row[] = {
        {"at the cap", HD_PAGE_POLLS_MAX, HD_PAGE_POLLS_MAX, "Each row adds up 34 polls; the API has every one"},
        {"one past it", HD_PAGE_POLLS_MAX + 1, HD_PAGE_POLLS_MAX / 2 + 4,
         "Each row adds up 34 polls, of which one in 2 was read; the API has every one"},
        {"ten times that", 10 * HD_PAGE_POLLS_MAX, HD_PAGE_POLLS_MAX + 7,
         "Each row adds up 340 polls, of which one in 10 was read"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        struct bench b;
        struct hd_error err;
        struct store *s = NULL;
        struct guard_view *v = arena_of(a, struct guard_view);
        bench_open(&b, SAMPLE_EMPTY, 0, 0);
        (void)add_guard(&b, LONG_GUARD, 4, row[i].polls, 0);
        sample_ok(store_open_reader(b.path, &s, &err), &err);
        sample_ok(view_load(s, a, LONG_GUARD, clock_now().wall_ms, v, &err), &err);
        (void)store_close(s);
        if (v->n_evidence != row[i].read || v->polls != row[i].polls)
            fail_msg("%s: %zu of %zu polls were read", row[i].name, v->n_evidence, v->polls);
        const char *reply = ask(&b, GET("/g/" LONG_GUARD));
        if (status_of(reply) != 200 || !strstr(reply, row[i].says))
            fail_msg("%s: %s", row[i].name, reply);
        bench_close(&b);
    }
}

#define MANY_ID "01JD2K%020u"

static void add_guards(const struct bench *b, unsigned from, unsigned to)
{
    struct hd_error err;
    struct store *s = NULL;
    sample_ok(store_open(&(struct store_options){.path = b->path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    for (unsigned i = from; i < to; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, MANY_ID, i);
        struct store_guard g = sample_guard(id, "cart", HD_STATE_PASSED, clock_now().wall_ms - 86400000 + i);
        sample_ok(store_add_guard(s, &g, &err), &err);
    }
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
}

/* The rows of a service for a spreadsheet: the rest of them is a link away. */
static void test_I8_rows(void **state)
{
    static const char link[] =
        "\r\nLink: </s/cart/guards.csv?before=01JD2K00000000000000000001&show=passed>; rel=\"next\"\r\n";
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    add_guards(&b, 1, HD_ROWS_MAX);
    assert_null(strstr(ask(&b, GET("/s/cart/guards.csv?show=passed")), "\r\nLink: "));
    add_guards(&b, HD_ROWS_MAX, HD_ROWS_MAX + 1);
    assert_non_null(strstr(ask(&b, GET("/s/cart/guards.csv?show=passed")), link));
    add_guards(&b, 0, 1);
    const char *rest = ask(&b, GET("/s/cart/guards.csv?before=01JD2K00000000000000000001&show=passed"));
    assert_non_null(strstr(rest, "\"01JD2K00000000000000000000\",\"cart\""));
    assert_null(strstr(rest, "\r\nLink: "));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I8_config),
        cmocka_unit_test(test_I8_replay),
        cmocka_unit_test(test_I8_page),
        cmocka_unit_test(test_I8_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
