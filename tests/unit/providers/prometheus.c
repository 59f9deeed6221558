/* SPDX-License-Identifier: Apache-2.0
 *
 * What the Prometheus codec asks, and what it makes of answers that no healthy server gives.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <haldane/endpoint.h>

#include "reply.h"

static const char *const blue[] = {"blue", NULL}, *const green[] = {"green", NULL};

static const struct hd_probe sides = {"q", -1, "version", {blue, green}, NULL, false};
static const struct hd_probe raw = {"x_total{a=\"b\"}", -1, "version", {blue, green}, NULL, true};
static const struct hd_probe keyed = {"x_total{a=\"b\"}", -1, "version", {blue, green}, "code", true};
static const struct hd_probe every = {"q", 1, NULL, {NULL}, NULL, false, true};
static const struct hd_probe one = {"up", 1, NULL, {NULL}, NULL, false};

static void *new_cfg(struct hd_arena *a, const struct hd_provider *p)
{
    void *cfg = arena_alloc(a, p->cfg_size);
    cfg_put(cfg, p, "timeout", &(int32_t){5000}, sizeof(int32_t), 0);
    return cfg;
}

struct result {
    enum hd_code code;
    struct hd_ask ask;
    struct hd_rows rows;
    uint16_t reason;
    struct hd_error err;
};

static struct result fetch(struct hd_arena *a, const void *cfg, const struct hd_question *q,
                           const char *const *replies, size_t n)
{
    static const struct hd_request request = {.base = 1};
    struct hd_exchange *item = arena_many(a, n, struct hd_exchange);
    for (size_t i = 0; i < n; i++) {
        struct hd_response r = reply_parse(a, replies[i], strlen(replies[i]));
        item[i] = (struct hd_exchange){&request, arena_copy(a, &r, sizeof r)};
    }
    struct result r = {.ask = {.n = 99}};
    r.code = hd_provider_find("prometheus")
                 ->fetch(a, cfg, q, &(struct hd_talk){item, n}, &r.ask, &r.rows, &r.reason, &r.err);
    return r;
}

static const struct {
    const char *name;
    struct hd_question q;
    const char *path, *body;
} requests[] = {
    {"instant", {&sides, 1, .at_ms = 1700000000123}, "/api/v1/query",
     "query=q&time=1700000000.123&timeout=5.000&dedup=a%26b"},
    {"the source's own now", {&one, 1}, "/api/v1/query", "query=up&timeout=5.000&dedup=a%26b"},
    {"raw window", {&raw, 1, .at_ms = 1700000000000, .range_ms = 35000}, "/api/v1/query",
     "query=x_total%7Ba%3D%22b%22%7D%5B35000ms%5D&time=1700000000.000&timeout=5.000&dedup=a%26b"},
    {"raw instant", {&raw, 1, .at_ms = 1700000000000}, "/api/v1/query",
     "query=x_total%7Ba%3D%22b%22%7D&time=1700000000.000&timeout=5.000&dedup=a%26b"},
    {"range", {&sides, 1, .at_ms = 1700000060000, .range_ms = 60000, .step_ms = 15000},
     "/api/v1/query_range",
     "query=q&start=1700000000.000&end=1700000060.000&step=15.000&timeout=5.000&dedup=a%26b"},
    {"range that ends now asks the time first", {&sides, 1, .range_ms = 60000, .step_ms = 15000},
     "/api/v1/query", "query=time%28%29&nocache=1&timeout=5.000&dedup=a%26b"},
    {"clock", {NULL, 0}, "/api/v1/query", "query=time%28%29&nocache=1&timeout=5.000&dedup=a%26b"},
};

static void test_requests(void **state)
{
    (void)state;
    const struct hd_pair *params = &(struct hd_pair){"dedup", "a&b"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        ARENA_AUTO a = arena_new();
        void *cfg = new_cfg(a, hd_provider_find("prometheus"));
        cfg_put(cfg, hd_provider_find("prometheus"), "params", &params, sizeof params, 1);
        struct result r = fetch(a, cfg, &requests[i].q, NULL, 0);
        const struct hd_request *got = r.ask.request[0];
        if (r.code || r.ask.n != 1)
            fail_msg("%s: no request", requests[i].name);
        if (!str_is(got->u.http.path, requests[i].path) ||
            !str_is(got->body.at, requests[i].body) || strlen(got->body.at) != got->body.len)
            fail_msg("%s: %s %s", requests[i].name, got->u.http.path, got->body.at);
        assert_string_equal(got->u.http.method, "POST");
        assert_int_equal(got->effect, HD_EFFECT_READ);
        assert_int_equal(got->cap_bytes, HD_ANSWER_BYTES_MAX);
    }
}

static void test_query_length(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        ARENA_AUTO a = arena_new();
        char *text = arena_alloc(a, 3 * HD_QUERY_BYTES_MAX + 16384);
        memset(text, '{', over ? 3 * HD_QUERY_BYTES_MAX : HD_QUERY_BYTES_MAX);
        struct hd_probe p = one;
        p.query = text;
        struct hd_question q = {&p, 1, .at_ms = 1};
        struct result r = fetch(a, new_cfg(a, hd_provider_find("prometheus")), &q, NULL, 0);
        assert_int_equal(r.code, over ? HD_LIMIT : HD_OK);
    }
}

#define RESULT(type, items)                                                                        \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":[" items "]}}"
#define VECTOR(items) RESULT("vector", items)
#define MATRIX(items) RESULT("matrix", items)
#define BLUE "{\"metric\":{\"version\":\"blue\"},\"value\":[1,\"5\"]}"
#define RAW(labels, values) "{\"metric\":{\"__name__\":\"x\"" labels "},\"values\":[" values "]}"
#define HEAD(status, headers) "HTTP/1.1 " status "\r\n" headers "\r\n"

static const struct {
    const char *name;
    const struct hd_probe *probe;
    int64_t range_ms;
    const char *reply, *want;
} replies[] = {
    {"samples out of order, doubled, one of them no number", &keyed, 4000,
     MATRIX(RAW(",\"version\":\"blue\",\"code\":\"200\"",
                "[3,\"7\"],[1.0004,\"5\"],[2,\"NaN\"],[3.000,\"8\"],[1.5,\"6\"]")),
     "blue ok key=200 series={__name__=\"x\",code=\"200\",version=\"blue\"} | "
     "1000=5 1500=6 3000=8\ngreen no_data/no_series\n"},
    {"only numbers that are none", &raw, 4000,
     MATRIX(RAW(",\"version\":\"blue\"", "[1,\"NaN\"],[2,\"+Inf\"]")),
     "blue nan/infinite series={__name__=\"x\",version=\"blue\"}\ngreen no_data/no_series\n"},
    {"NaN in every scrape", &raw, 4000,
     MATRIX(RAW(",\"version\":\"blue\"", "[1,\"NaN\"],[2,\"NaN\"]")),
     "blue nan/not_a_number series={__name__=\"x\",version=\"blue\"}\n"
     "green no_data/no_series\n"},
    {"the mark of a series' end is all that is left of it", &keyed, 4000,
     MATRIX(RAW(",\"version\":\"blue\"", "[1,\"NaN\"]") ","
            RAW(",\"version\":\"blue\",\"code\":\"200\"", "[1,\"7\"]")),
     "blue no_data/no_series key= series={__name__=\"x\",version=\"blue\"}\n"
     "blue ok key=200 series={__name__=\"x\",code=\"200\",version=\"blue\"} | 1000=7\n"
     "green no_data/no_series\n"},
    {"a series without samples", &raw, 4000, MATRIX(RAW(",\"version\":\"blue\"", "")),
     "blue no_data/no_series series={__name__=\"x\",version=\"blue\"}\n"
     "green no_data/no_series\n"},
    {"computed values are no counters", &raw, 4000,
     MATRIX("{\"metric\":{\"version\":\"blue\"},\"values\":[[1,\"5\"]]}"),
     "blue error/wrong_type text=computed values instead of samples: the query must be a plain "
     "selector\n"
     "green error/wrong_type text=computed values instead of samples: the query must be a plain "
     "selector\n"},
    {"every series of one side, one with an infinity", &every, 4000,
     MATRIX("{\"metric\":{\"pod\":\"b\"},\"values\":[[1,\"5\"],[2,\"NaN\"],[3,\"+Inf\"],[4,\"6\"]]},"
            "{\"metric\":{\"pod\":\"a\"},\"values\":[[1,\"7\"],[2,\"NaN\"]]}"),
     "green ok series={pod=\"a\"} | 1000=7\n"
     "green nan/infinite series={pod=\"b\"} | 1000=5 4000=6\n"},
    {"a side that nobody asked for", &sides, 0,
     VECTOR(BLUE ",{\"metric\":{\"version\":\"red\"},\"value\":[1,\"5\"]}"),
     "blue ok series={version=\"blue\"} | 1000=5\n"
     "green no_data/no_series text=series with another `version`: 1\n"},
    {"incomplete by its flag", &sides, 0,
     "{\"status\":\"success\",\"isPartial\":true,\"data\":{\"resultType\":\"vector\","
     "\"result\":[" BLUE "]}}",
     "blue partial/warning series={version=\"blue\"} text=isPartial: true | 1000=5\n"
     "green partial/warning text=isPartial: true\n"},
    {"two warnings", &sides, 0,
     "{\"status\":\"success\",\"warnings\":[\"one\\nline\",\"two\"],\"data\":{\"resultType\":"
     "\"vector\",\"result\":[]}}",
     "blue partial/warning text=one line; two\ngreen partial/warning text=one line; two\n"},
    {"infos are no warnings", &sides, 0,
     "{\"status\":\"success\",\"infos\":[\"might not be a counter\"],\"isPartial\":false,\"data\":{"
     "\"resultType\":\"vector\",\"result\":[" BLUE "]}}",
     "blue ok series={version=\"blue\"} | 1000=5\ngreen no_data/no_series\n"},
    {"matrix where a vector was asked", &sides, 0,
     MATRIX(RAW(",\"version\":\"blue\"", "[1,\"1\"]")),
     "blue error/wrong_type text=resultType matrix\n"
     "green error/wrong_type text=resultType matrix\n"},
    {"vector where samples were asked", &raw, 4000, VECTOR(BLUE),
     "blue error/wrong_type text=resultType vector\n"
     "green error/wrong_type text=resultType vector\n"},
    {"scalar where sides were asked", &sides, 0,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"5\"]}}",
     "blue error/wrong_type text=resultType scalar\n"
     "green error/wrong_type text=resultType scalar\n"},
    {"native histogram", &sides, 0,
     VECTOR("{\"metric\":{\"version\":\"green\"},\"histogram\":[1,{\"count\":\"3\"}]}"),
     "blue no_data/no_series\ngreen error/native_histogram series={version=\"green\"}\n"},
    {"a series without the label of the key", &keyed, 4000,
     MATRIX(RAW(",\"version\":\"blue\"", "[1,\"5\"]") "," RAW(",\"version\":\"green\",\"code\":\"500\"", "[1,\"7\"]")),
     "blue error/no_key key= series={__name__=\"x\",version=\"blue\"} text=no `code` in {__name__=\"x\",version=\"blue\"}\n"
     "green ok key=500 series={__name__=\"x\",code=\"500\",version=\"green\"} | 1000=7\n"},
    {"login page", &sides, 0, HEAD("200 OK", "Content-Type: text/html\r\n") "<html>sign in</html>",
     "fails parse/html_page: a web page\n"},
    {"login page without a type", &sides, 0, " \n<!doctype html>",
     "fails parse/html_page: a web page\n"},
    {"redirect to a login", &sides, 0, HEAD("302 Found", "Location: https://sso/\r\n"),
     "fails parse/http_status: HTTP 302: redirects to https://sso/\n"},
    {"gateway error", &sides, 0, HEAD("502 Bad Gateway", "Content-Type: text/html\r\n") "<html>",
     "fails busy/http_status: HTTP 502: a web page\n"},
    {"too many requests", &sides, 0,
     HEAD("429 Too Many Requests", "") "{\"status\":\"error\",\"errorType\":\"too_many_requests\","
                                       "\"error\":\"slow down\"}",
     "fails busy/http_status: HTTP 429: slow down\n"},
    {"forbidden", &sides, 0, HEAD("403 Forbidden", "") "no\r\norg",
     "fails denied/denied: HTTP 403: no  org\n"},
    {"an error with 200", &sides, 0,
     "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"x\"}",
     "blue error/bad_query text=x\ngreen error/bad_query text=x\n"},
    {"success with 500", &sides, 0, HEAD("500 Oops", "") VECTOR(BLUE),
     "fails busy/http_status: HTTP 500: " VECTOR(BLUE) "\n"},
    {"cut in the middle", &sides, 0, "{\"status\":\"success\",\"data\":{\"resultType\":\"vec",
     "fails parse/not_json: JSON line 1 column 42: a string is not closed, or holds a control "
     "character\n"},
    {"empty body", &sides, 0, "",
     "fails parse/not_json: JSON line 1 column 1: ends in the middle\n"},
    {"JSON of somebody else", &sides, 0, "{\"status\":3}",
     "fails parse/not_json: status: not a string\n"},
    {"no result", &sides, 0, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\"}}",
     "fails parse/not_json: not an answer of Prometheus: data.resultType or data.result is "
     "missing\n"},
    {"a number that is no text", &sides, 0,
     VECTOR("{\"metric\":{\"version\":\"blue\"},\"value\":[1,5]}"),
     "fails parse/not_json: not an answer of Prometheus: a sample is not [seconds, \"number\"]\n"},
    {"a number in hexadecimal", &sides, 0,
     VECTOR("{\"metric\":{\"version\":\"blue\"},\"value\":[1,\"0x5\"]}"),
     "fails parse/not_json: not an answer of Prometheus: a sample is not [seconds, \"number\"]\n"},
    {"a label that is no text", &one, 0, VECTOR("{\"metric\":{\"a\":1},\"value\":[1,\"5\"]}"),
     "fails parse/not_json: not an answer of Prometheus: a label is no text\n"},
    {"no labels", &one, 0, VECTOR("{\"value\":[1,\"5\"]}"),
     "fails parse/not_json: not an answer of Prometheus: data.result[].metric is no object\n"},
    {"no value", &one, 0, VECTOR("{\"metric\":{}}"),
     "fails parse/not_json: not an answer of Prometheus: data.result[] has no value\n"},
};

static void dump(struct buf *b, const struct result *r)
{
    if (r->code)
        buf_print(b, "fails %s/%s: %s\n", hd_code_word(r->code), reason_slug(r->reason),
                  r->err.text);
    else
        rows_dump(b, &r->rows);
}

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(1 << 16);
        struct hd_question q = {replies[i].probe, 1, .at_ms = 4000, .range_ms = replies[i].range_ms,
                                .step_ms = 1000};
        struct result r =
            fetch(a, new_cfg(a, hd_provider_find("prometheus")), &q, &replies[i].reply, 1);
        dump(&b, &r);
        if (!str_is(buf_at(&b), replies[i].want))
            fail_msg("%s:\n--- want\n%s--- got\n%s", replies[i].name, replies[i].want, buf_at(&b));
    }
}

static void test_warnings_can_be_accepted(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 16);
    void *cfg = new_cfg(a, hd_provider_find("prometheus"));
    cfg_put(cfg, hd_provider_find("prometheus"), "accept_warnings", &(bool){true}, sizeof(bool), 0);
    struct hd_question q = {&sides, 1, .at_ms = 4000};
    const char *reply = "{\"status\":\"success\",\"warnings\":[\"w\"],\"data\":{\"resultType\":"
                        "\"vector\",\"result\":[" BLUE "]}}";
    struct result r = fetch(a, cfg, &q, &reply, 1);
    dump(&b, &r);
    assert_string_equal(buf_at(&b),
                        "blue ok series={version=\"blue\"} | 1000=5\ngreen no_data/no_series\n");
}

static void test_range_without_an_instant(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 16);
    void *cfg = new_cfg(a, hd_provider_find("prometheus"));
    struct hd_question q = {&sides, 1, .range_ms = 60000, .step_ms = 15000};
    const char *replies_[] = {
        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[100,\"100.25\"]}}",
        MATRIX("{\"metric\":{\"version\":\"blue\"},\"values\":[[85,\"1\"],[100,\"2\"]]}")};
    struct result r = fetch(a, cfg, &q, replies_, 1);
    assert_int_equal(r.code, HD_OK);
    assert_int_equal(r.ask.n, 1);
    assert_string_equal(r.ask.request[0]->u.http.path, "/api/v1/query_range");
    assert_string_equal(r.ask.request[0]->body.at,
                        "query=q&start=40.250&end=100.250&step=15.000&timeout=5.000");
    assert_int_equal(r.ask.request[0]->base, 1); /* the replica of the first turn */
    r = fetch(a, cfg, &q, replies_, 2);
    assert_int_equal(r.ask.n, 0);
    dump(&b, &r);
    assert_string_equal(buf_at(&b), "now 100250\nblue ok series={version=\"blue\"} | 85000=1 "
                                    "100000=2\ngreen no_data/no_series\n");
    const char *odd = VECTOR(BLUE ",{}");
    assert_int_equal(fetch(a, cfg, &q, &odd, 1).code, HD_OK); /* a vector's first number */
    const char *bad = VECTOR("");
    assert_int_equal(fetch(a, cfg, &q, &bad, 1).code, HD_PARSE);
    q.step_ms = 0;
    assert_int_equal(fetch(a, cfg, &q, NULL, 0).code, HD_INVALID);
}

/* n series with m samples each. */
static const char *wide(struct hd_arena *a, struct buf *b, size_t n, size_t m)
{
    buf_text(b, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
    for (size_t i = 0; i < n; i++) {
        buf_print(b, "%s{\"metric\":{\"__name__\":\"x\",\"version\":\"blue\",\"i\":\"%zu\"},"
                     "\"values\":[", i ? "," : "", i);
        for (size_t k = 0; k < m; k++)
            buf_print(b, "%s[%zu,\"1\"]", k ? "," : "", k + 1);
        buf_text(b, "]}");
    }
    buf_text(b, "]}}");
    return arena_text(a, buf_at(b));
}

static const struct {
    const char *name;
    size_t series, samples;
    uint32_t series_max;
    enum hd_outcome outcome;
    enum hd_reason_number reason;
    size_t rows; /* 2: both sides refused */
} caps[] = {
    {"series at the cap of the question", 10, 1, 10, HD_OUTCOME_OK, HD_REASON_NONE, 11},
    {"one series past it", 11, 1, 10, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_MANY_SERIES, 2},
    {"series at our own cap", HD_SERIES_MAX, 1, 0, HD_OUTCOME_OK, HD_REASON_NONE,
     HD_SERIES_MAX + 1},
    {"one past ours", HD_SERIES_MAX + 1, 1, 0, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_MANY_SERIES, 2},
    {"samples at the cap", 100, HD_POINTS_MAX / 100, 0, HD_OUTCOME_OK, HD_REASON_NONE, 101},
    {"one sample past it", 1, HD_POINTS_MAX + 1, 0, HD_OUTCOME_TOO_MANY, HD_REASON_TOO_BIG, 2},
};

static void test_i8_caps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(HD_ANSWER_BYTES_MAX);
        const char *reply = wide(a, &b, caps[i].series, caps[i].samples);
        assert_false(b.full);
        struct hd_question q = {&raw, 1, .at_ms = 1, .range_ms = 1000,
                                .series_max = caps[i].series_max};
        struct result r = fetch(a, new_cfg(a, hd_provider_find("prometheus")), &q, &reply, 1);
        if (r.code || r.rows.n != caps[i].rows || r.rows.row[0].outcome != caps[i].outcome ||
            r.rows.row[0].reason != caps[i].reason)
            fail_msg("%s: %zu rows, %s/%s", caps[i].name, r.rows.n,
                     hd_outcome_word(r.rows.row[0].outcome), reason_slug(r.rows.row[0].reason));
    }
}

static void test_quote(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "\"\""},
        {"green", "\"green\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\x7f\x01", "\"\\x0a\\x7f\\x01\""},
        {"\"} or vector(1) #", "\"\\\"} or vector(1) #\""},
        {"gr\xc3\xbcn", "\"gr\xc3\xbcn\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        assert_string_equal(hd_provider_find("prometheus")->quote(a, rows[i].text), rows[i].want);
    }
}

static void test_check(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("prometheus");
    ARENA_AUTO a = arena_new();
    struct hd_error err;
    void *cfg = new_cfg(a, p);
    const struct hd_pair *params = &(struct hd_pair){"nocache", "1"};
    cfg_put(cfg, p, "params", &params, sizeof params, 1);
    assert_int_equal(p->check(cfg, &err), HD_OK);
    params = &(struct hd_pair){"time", "1"};
    cfg_put(cfg, p, "params", &params, sizeof params, 1);
    assert_int_equal(p->check(cfg, &err), HD_INVALID);
    assert_string_equal(err.text, "params: `time` is set by haldane itself");
    assert_ptr_equal(p->endpoint(cfg), cfg);
}

/* The address of the API in place of the server's. */
static void test_check_url(void **state)
{
    static const struct {
        const char *url;
        bool wrong;
    } rows[] = {{"http://prom:9090", false},
                {"http://vm:8481/select/0/prometheus/", false},
                {"http://prom:9090/api/v1x", false},
                {"http://prom:9090/api/v1", true},
                {"http://prom:9090/api/v1//", true}};
    (void)state;
    const struct hd_provider *p = hd_provider_find("prometheus");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct hd_error err;
        void *cfg = new_cfg(a, p);
        const char *const *urls = &rows[i].url;
        cfg_put(cfg, p, "url", &urls, sizeof urls, 1);
        assert_int_equal(p->check(cfg, &err), rows[i].wrong ? HD_INVALID : HD_OK);
        if (rows[i].wrong)
            assert_string_equal(err.text, "url: drop /api/v1 at its end: haldane adds it");
    }
}

static void test_graph(void **state)
{
    static const struct {
        const char *url, *external, *want;
    } rows[] = {
        {"http://prom:9090", NULL, "http://prom:9090/graph"},
        {"http://vm:8481/select/0/prometheus/", NULL, "http://vm:8481/select/0/prometheus/graph"},
        {"http://prom:9090", "https://prom.example/?x#y", "https://prom.example/graph"},
        {NULL, NULL, NULL},
    };
    (void)state;
    const struct hd_provider *p = hd_provider_find("prometheus");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        void *cfg = new_cfg(a, p);
        const char *const *urls = &rows[i].url;
        cfg_put(cfg, p, "url", &urls, sizeof urls, rows[i].url ? 1 : 0);
        cfg_put(cfg, p, "external_url", &rows[i].external, sizeof rows[i].external, 0);
        const char *got = p->graph(a, cfg);
        assert_true(!got == !rows[i].want);
        if (got)
            assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_url),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_query_length),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_warnings_can_be_accepted),
        cmocka_unit_test(test_range_without_an_instant),
        cmocka_unit_test(test_i8_caps),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests_name("prometheus", tests, NULL, NULL);
}
