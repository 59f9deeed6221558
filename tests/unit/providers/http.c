/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP check asks, and what it makes of answers and of silence.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reply.h"

struct options { /* of one case; NULL and 0: left at their defaults */
    const char *url, *json, *equals;
    int64_t expect;
    int32_t measure; /* 0 good, 1 latency, 2 value */
};

static void *new_cfg(struct hd_arena *a, const struct hd_provider *p, struct options o)
{
    void *cfg = arena_alloc(a, p->cfg_size);
    const char *url = o.url ? o.url : "http://{{colour}}.shop/ready";
    int64_t expect = o.expect ? o.expect : 200;
    cfg_put(cfg, p, "url", &url, sizeof url, 0);
    cfg_put(cfg, p, "json", &o.json, sizeof o.json, 0);
    cfg_put(cfg, p, "equals", &o.equals, sizeof o.equals, 0);
    cfg_put(cfg, p, "expect", &expect, sizeof expect, 0);
    cfg_put(cfg, p, "measure", &o.measure, sizeof o.measure, 0);
    cfg_put(cfg, p, "timeout", &(int32_t){2000}, sizeof(int32_t), 0);
    return cfg;
}

static const struct {
    const char *url, *base, *path, *query; /* base NULL: refused */
} urls[] = {
    {"http://green.shop/ready", "http://green.shop", "/ready", NULL},
    {"https://green.shop:8443/a/b?x=1&y=%20#part", "https://green.shop:8443", "/a/b", "x=1&y=%20"},
    {"http://[::1]:80", "http://[::1]:80", "/", NULL},
    {"http://green?deep", "http://green", "/", "deep"},
    {"http://green#x", "http://green", "/", NULL},
    {"ftp://green/", NULL},
    {"http:///ready", NULL},
    {"http://user:pw@green/", NULL},
    {"http://green/a b", NULL},
    {"http://green/\r\nx: y", NULL},
    {"http://gr\xc3\xbcn/", NULL},
    {"", NULL},
};

static void test_requests(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("http");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        ARENA_AUTO a = arena_new();
        struct hd_probe probe = {.query = urls[i].url, .side = 1};
        struct hd_question q = {.probe = &probe, .n = 1, .at_ms = 5};
        struct hd_ask ask = {.n = 99};
        struct hd_rows rows;
        uint16_t reason;
        struct hd_error err = {0};
        enum hd_code code = p->fetch(a, new_cfg(a, p, (struct options){0}), &q,
                                     &(struct hd_talk){NULL, 0}, &ask, &rows, &reason, &err);
        if (code != (urls[i].base ? HD_OK : HD_INVALID))
            fail_msg("%s: %s", urls[i].url, err.text);
        if (code)
            continue;
        const struct hd_request *r = ask.request[0];
        if (ask.n != 1 || r->at->n_bases != 1 || !str_is(r->at->bases[0], urls[i].base) ||
            !str_is(r->u.http.path, urls[i].path) || !str_is(r->u.http.query, urls[i].query))
            fail_msg("%s: %s %s %s", urls[i].url, r->at->bases[0], r->u.http.path,
                     r->u.http.query ? r->u.http.query : "-");
        assert_string_equal(r->u.http.method, "GET");
        assert_int_equal(r->at->timeout_ms, 2000);
        assert_int_equal(r->effect, HD_EFFECT_READ);
    }
}

#define UP "{\"status\":\"UP\",\"queue\":{\"depth\":[12.5]},\"text\":\"5\"}"

/* Answers come after 250 ms at 1000. */
static const struct {
    const char *name;
    struct options options;
    enum hd_io io;
    const char *reply, *want;
} replies[] = {
    {"good", {0}, HD_IO_OK, "ok", "green ok | 1000=1\n"},
    {"another status", {0}, HD_IO_OK, "HTTP/1.1 503 No\r\n\r\nwarming\nup",
     "green ok/unexpected_status text=HTTP 503: warming up | 1000=0\n"},
    {"a redirect is another status", {0}, HD_IO_OK, "HTTP/1.1 302 No\r\n\r\n<a>",
     "green ok/unexpected_status text=HTTP 302: a web page | 1000=0\n"},
    {"a status that is expected", {.expect = 401}, HD_IO_OK, "HTTP/1.1 401 No\r\n\r\n",
     "green ok | 1000=1\n"},
    {"refused", {0}, HD_IO_NOT_SENT, "", "green ok/unreachable text=words | 1000=0\n"},
    {"broken", {0}, HD_IO_LOST, "", "green ok/cut_short text=words | 1000=0\n"},
    {"too slow", {0}, HD_IO_TIMEOUT, "", "green ok/timeout text=words | 1000=0\n"},
    {"too big", {0}, HD_IO_TOO_BIG, "", "green ok/too_big text=words | 1000=0\n"},
    {"value as wanted", {.json = "$.status", .equals = "UP"}, HD_IO_OK, UP, "green ok | 1000=1\n"},
    {"number as wanted", {.json = "queue.depth[0]", .equals = "12.5"}, HD_IO_OK, UP,
     "green ok | 1000=1\n"},
    {"value there", {.json = "status"}, HD_IO_OK, UP, "green ok | 1000=1\n"},
    {"another value", {.json = "status", .equals = "DOWN"}, HD_IO_OK, UP,
     "green ok/unexpected_value text=status is 'UP' | 1000=0\n"},
    {"no value", {.json = "state", .equals = "UP"}, HD_IO_OK, UP,
     "green ok/unexpected_value text=nothing at 'state' of the path 'state' | 1000=0\n"},
    {"an object is no value", {.json = "queue", .equals = "UP"}, HD_IO_OK, UP,
     "green ok/unexpected_value text=queue: not a single value | 1000=0\n"},
    {"no JSON", {.json = "status", .equals = "UP"}, HD_IO_OK, "UP",
     "green ok/not_json text=JSON line 1 column 1: not JSON | 1000=0\n"},
    {"latency", {.measure = 1}, HD_IO_OK, "", "green ok | 1000=0.25\n"},
    {"latency of a quick error", {.measure = 1}, HD_IO_OK, "HTTP/1.1 500 No\r\n\r\n",
     "green error/unexpected_status text=HTTP 500:\n"},
    {"latency of a wrong value", {.measure = 1, .json = "status", .equals = "DOWN"}, HD_IO_OK, UP,
     "green error/unexpected_value text=status is 'UP'\n"},
    {"latency of a timeout", {.measure = 1}, HD_IO_TIMEOUT, "",
     "green ok/timeout text=words | 1000=0.25\n"},
    {"latency of a refusal", {.measure = 1}, HD_IO_NOT_SENT, "",
     "green error/unreachable text=words\n"},
    {"number", {.measure = 2, .json = "queue.depth[0]"}, HD_IO_OK, UP, "green ok | 1000=12.5\n"},
    {"number as text", {.measure = 2, .json = "text"}, HD_IO_OK, UP,
     "green error/unexpected_value text=text: not a number\n"},
    {"no number", {.measure = 2, .json = "depth"}, HD_IO_OK, UP,
     "green error/unexpected_value text=nothing at 'depth' of the path 'depth'\n"},
    {"number of another status", {.measure = 2, .json = "text"}, HD_IO_OK,
     "HTTP/1.1 500 No\r\n\r\n" UP, "green error/unexpected_status text=HTTP 500: " UP "\n"},
    {"number of nobody", {.measure = 2, .json = "text"}, HD_IO_LOST, "",
     "green error/cut_short text=words\n"},
    {"number too big", {.measure = 2, .json = "text"}, HD_IO_TOO_BIG, "",
     "green too_many/too_big text=words\n"},
};

static void test_replies(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("http");
    struct hd_probe probe = {.query = "http://green.shop/ready", .side = 1};
    struct hd_question q = {.probe = &probe, .n = 1, .at_ms = 5};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(4096);
        struct hd_response response = reply_parse(a, replies[i].reply, strlen(replies[i].reply));
        response.io = replies[i].io;
        response.text = "words";
        struct hd_request request = {0};
        struct hd_exchange exchange = {&request, &response};
        struct hd_ask ask = {.n = 99};
        struct hd_rows rows;
        uint16_t reason;
        struct hd_error err = {0};
        enum hd_code code = p->fetch(a, new_cfg(a, p, replies[i].options), &q,
                                     &(struct hd_talk){&exchange, 1}, &ask, &rows, &reason, &err);
        if (code || ask.n)
            fail_msg("%s: %s", replies[i].name, err.text);
        rows_dump(&b, &rows);
        if (!str_is(buf_at(&b), replies[i].want))
            fail_msg("%s:\n--- want\n%s--- got\n%s", replies[i].name, replies[i].want, buf_at(&b));
    }
}

static void test_what_it_cannot_answer(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("http");
    ARENA_AUTO a = arena_new();
    void *cfg = new_cfg(a, p, (struct options){0});
    struct hd_probe probe = {.query = "http://green.shop/ready", .side = 1};
    struct hd_question q = {.probe = &probe, .n = 1, .at_ms = 5, .range_ms = 60000};
    struct hd_talk talk = {NULL, 0};
    struct hd_ask ask = {.n = 99};
    struct hd_rows rows;
    uint16_t reason;
    struct hd_error err;
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_OK);
    assert_int_equal(ask.n, 0);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.row[0].outcome, HD_OUTCOME_NO_DATA);
    probe.side = -1;
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_INVALID);
    q.n = 0; /* it has no clock of its own */
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_OK);
    assert_int_equal(rows.n + ask.n, 0);
    assert_int_equal(rows.source_now_ms, 0);
}

static const struct {
    const char *name;
    struct options options;
    const char *want; /* NULL: accepted */
} checks[] = {
    {"as it is", {0}, NULL},
    {"value", {.measure = 2, .json = "$.a[0]"}, NULL},
    {"address", {.url = "shop/ready"},
     "url: 'shop/ready' is not http://host/... or https://host/..."},
    {"login in the address", {.url = "http://a:b@shop/"}, "url: use `auth`, not user:password@"},
    {"path", {.json = "$.a["}, "json: JSON path '$.a[': column 5: expected .name, [0] or ['name']"},
    {"equals without json", {.equals = "UP"}, "equals: needs `json`, the path of the value"},
    {"value without json", {.measure = 2}, "measure: value needs `json`, and no `equals`"},
    {"value with equals", {.measure = 2, .json = "a", .equals = "1"},
     "measure: value needs `json`, and no `equals`"},
};

static void test_check(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("http");
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        ARENA_AUTO a = arena_new();
        struct hd_error err = {0};
        enum hd_code code = p->check(new_cfg(a, p, checks[i].options), &err);
        if (code != (checks[i].want ? HD_INVALID : HD_OK) ||
            (code && !str_is(err.text, checks[i].want)))
            fail_msg("%s: %s", checks[i].name, err.text);
    }
}

static void test_default_query(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("http");
    ARENA_AUTO a = arena_new();
    assert_string_equal(p->default_query(new_cfg(a, p, (struct options){0})),
                        "http://{{colour}}.shop/ready");
    assert_true(p->io_is_evidence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_what_it_cannot_answer),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_default_query),
    };
    return cmocka_run_group_tests_name("http check", tests, NULL, NULL);
}
