/* SPDX-License-Identifier: Apache-2.0
 *
 * That nothing foreign gets through html_print as markup, what a chart's points add up to, and
 * which address finds which route.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/openapi.h"
#include "http/call.h"
#include "http/html.h"
#include "http/view.h"

static void test_text(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } row[] = {
        {"plain", "checkout", "checkout"},
        {"markup", "<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"},
        {"quotes", "a\"b'c", "a&#34;b&#39;c"},
        {"umlaut", "gr\xC3\xBCn", "gr\xC3\xBCn"},
        {"escape", "\x1B[31m", "\xEF\xBF\xBD[31m"},
        {"C1 control",
         "a\xC2\x9B"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"bidi override",
         "a\xE2\x80\xAE"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"bidi isolate",
         "a\xE2\x81\xA6"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"broken UTF-8", "a\xFF\xC3", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"overlong <", "\xC0\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"nothing", NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(1000);
        html_print(&b, "%s", row[i].text);
        if (!str_is(buf_at(&b), row[i].want))
            fail_msg("%s: got \"%s\"", row[i].name, buf_at(&b));
    }
}

static void test_print(void **state)
{
    (void)state;
    BUF_AUTO b = BUF_INIT(1000);
    html_print(&b, "%d|%u|%zu|%lld|%.1f|%.3g|%%|%s|", -3, 4u, (size_t)5, -6LL, 1.25, 0.5, "<");
    assert_string_equal(buf_at(&b), "-3|4|5|-6|1.2|0.5|%|&lt;|");
}

static void test_segment(void **state)
{
    static const struct {
        const char *text, *want;
    } row[] = {
        {"checkout-2.x", "checkout-2.x"},
        {"a/b?c#d e", "a%2Fb%3Fc%23d%20e"},
        {"..", "%2E%2E"},
        {"\"><script>", "%22%3E%3Cscript%3E"},
        {"\xC3\xBC", "%C3%BC"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(1000);
        html_segment(&b, row[i].text);
        if (!str_is(buf_at(&b), row[i].want))
            fail_msg("%s: got \"%s\"", row[i].text, buf_at(&b));
    }
}

static void test_times(void **state)
{
    int64_t at = 0;
    (void)state;
    assert_true(str_read_time("2026-11-20T03:04:10Z", &at));
    BUF_AUTO b = BUF_INIT(1000);
    html_time(&b, at, at + 1000);
    assert_non_null(strstr(buf_at(&b), ">03:04:10Z<"));
    html_time(&b, at, at + 86400000);
    assert_non_null(strstr(buf_at(&b), ">2026-11-20 03:04:10Z<"));
    buf_clear(&b);
    html_time(&b, -1, at);
    html_ago(&b, at, at + 4200);
    html_ago(&b, at, at - 150000);
    html_ago(&b, at, at);
    assert_string_equal(buf_at(&b), "-4.2 s agoin 2m 30s0 s ago");
}

static void test_routes(void **state)
{
    static const struct {
        const char *method, *path;
        enum route_match want;
        const char *param, *allow;
    } row[] = {
        {"GET", "/", ROUTE_FOUND, NULL, NULL},
        {"HEAD", "/healthz", ROUTE_FOUND, NULL, NULL},
        {"GET", "/g/01J", ROUTE_FOUND, "01J", NULL},
        {"GET", "/g/", ROUTE_NOT_FOUND, NULL, NULL},
        {"GET", "/g/a/b", ROUTE_NOT_FOUND, NULL, NULL},
        {"GET", "/api/v1/guards", ROUTE_FOUND, NULL, NULL},
        {"GET", "/api/v1/guards/", ROUTE_NOT_FOUND, NULL, NULL},
        {"GET", "/api/v1/guards/x/timeline", ROUTE_FOUND, "x", NULL},
        {"POST", "/api/v1/services/a.b/rearm", ROUTE_FOUND, "a.b", NULL},
        {"POST", "/api/v1/guards/x/rearm", ROUTE_FOUND, "x", NULL},
        {"POST", "/api/v1/guards/x/nothing", ROUTE_NOT_FOUND, NULL, NULL},
        {"DELETE", "/api/v1/guards", ROUTE_WRONG_METHOD, NULL, "OPTIONS, GET, HEAD, POST"},
        {"GET", "/api/v1/guards/x/revert", ROUTE_WRONG_METHOD, NULL, "OPTIONS, POST"},
        {"POST", "/", ROUTE_WRONG_METHOD, NULL, "OPTIONS, GET, HEAD"},
        {"get", "/", ROUTE_WRONG_METHOD, NULL, "OPTIONS, GET, HEAD"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct route *route = NULL;
        const char *param = NULL, *allow = NULL;
        enum route_match got = route_find(a, row[i].method, row[i].path, &route, &param, &allow);
        if (got != row[i].want || !str_is(param, row[i].param) || !str_is(allow, row[i].allow))
            fail_msg("%s %s: %d, param %s, allow %s", row[i].method, row[i].path, (int)got, param,
                     allow);
    }
}

/* No GET gives an order, and whatever else belongs to our own API does, but for a text that is only looked
 * at; other tools also ask by POST. */
static void test_table(void **state)
{
    (void)state;
    for (const struct route *r = http_routes; r->method; r++) {
        bool get = str_is(r->method, "GET"), ours = str_begins(r->pattern, "/api/");
        bool looks = str_ends(r->pattern, "/config/check");
        if (get ? r->order != NULL : ours && !r->order && !looks)
            fail_msg("%s %s: a GET gives no order, and every POST of the API does", r->method,
                     r->pattern);
    }
}

/* The API's description has each of its routes, and nothing else. */
static void test_described(void **state)
{
    (void)state;
    for (const struct route *r = http_routes; r->method; r++) {
        if (!openapi_knows(r))
            fail_msg("%s %s is not described in openapi.c", r->method, r->pattern);
    }
    if (openapi_stale())
        fail_msg("openapi.c describes %s, which has no route", openapi_stale());
}

static void add_poll(struct store_evidence *e, struct hd_measurement *m, uint32_t poll,
                     double events, double exposure, enum hd_outcome outcome)
{
    *m = (struct hd_measurement){.check = 0,
                                 .role = HD_CANDIDATE,
                                 .outcome = (uint8_t)outcome,
                                 .fresh = true,
                                 .events = events,
                                 .exposure = exposure};
    *e =
        (struct store_evidence){.wall_ms = poll * 5000, .evidence = {.poll = poll, .m = m, .n = 1}};
}

static void test_points(void **state)
{
    enum { N = 2 * VIEW_POINTS_MAX };
    static struct store_evidence e[N];
    static struct hd_measurement m[N];
    struct check_view c = {.kind = "counts", .unit = "share", .title = "x", .limit_value = 0.01};
    struct view_series s;
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        add_poll(&e[i], &m[i], i, i == 1 ? 10 : 0, i == 1 ? 100 : 900, HD_OUTCOME_OK);
    add_poll(&e[4], &m[4], 4, 5, 10, HD_OUTCOME_STALE);
    add_poll(&e[5], &m[5], 5, 5, 10, HD_OUTCOME_ERROR);
    view_points(&c, e, VIEW_POINTS_MAX, &s);
    assert_int_equal(s.n, VIEW_POINTS_MAX);
    assert_true(s.point[1].value[HD_CANDIDATE] == 0.1);
    assert_true(isnan(s.point[4].value[HD_CANDIDATE]));
    assert_true(isnan(s.point[1].value[HD_STABLE]));
    view_points(&c, e, VIEW_POINTS_MAX + 1, &s);
    assert_int_equal(s.polls_per_point, 2);
    assert_int_equal(s.n, VIEW_POINTS_MAX / 2 + 1);
    assert_true(s.point[0].value[HD_CANDIDATE] ==
                0.01); /* 10 of 1,000, not the mean of 0 and 10% */
    assert_true(isnan(s.point[2].value[HD_CANDIDATE]));
    c.complement = true;
    view_points(&c, e, 2, &s);
    assert_true(s.point[1].value[HD_CANDIDATE] == 0.9);
    c.kind = "rate";
    m[0].covers_ms = 5000;
    view_points(&c, e, 1, &s);
    assert_true(s.point[0].value[HD_CANDIDATE] == 180);
    c.index = 1; /* a check that nobody measured */
    view_points(&c, e, N, &s);
    assert_int_equal(s.n, 0);
}

static void test_badness(void **state)
{
    struct hd_guard_state g = {.n_checks = 3};
    struct check_view *check;
    size_t n;
    (void)state;
    ARENA_AUTO a = arena_new();
    g.check[0] = (struct hd_check_state){.judged = 1, .band = HD_BAND_PASS};
    g.check[1] = (struct hd_check_state){.judged = 1, .band = HD_BAND_WARN};
    g.check[2] = (struct hd_check_state){.judged = 1, .tripped = 1, .band = HD_BAND_FAIL};
    view_checks(a, "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]", &g, &check, &n);
    assert_int_equal(n, 3);
    const struct check_view **order = view_by_badness(a, check, n);
    assert_string_equal(order[0]->name, "c");
    assert_string_equal(order[1]->name, "b");
    assert_string_equal(order[2]->name, "a");
    assert_string_equal(order[0]->word, "fail");
    view_checks(a, "[{\"name\":\"a\",\"limit\":0.01,\"unit\":\"share\"}]", NULL, &check, &n);
    assert_string_equal(check[0].limit, "1%");
    assert_string_equal(check[0].word, "not judged yet");
    view_checks(a, "{\"broken", &g, &check, &n);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_print),
        cmocka_unit_test(test_segment), cmocka_unit_test(test_times),
        cmocka_unit_test(test_routes),  cmocka_unit_test(test_table),
        cmocka_unit_test(test_described),
        cmocka_unit_test(test_points),  cmocka_unit_test(test_badness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
