/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known to go wrong with PromQL that decides over a release: each lint with a query that has
 * it and one that has not, and no lint about anything else in either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "config/lint.h"
#include "config/promql.h"
#include "fake.h"

#define ALL "sum(rate(x_total{ {{match}} }[2m]))"
#define BAD "sum(rate(x_total{ {{match}}, code=~\"5..\" }[2m]))"

/* want: slugs in order, each with a blank behind it; "": nothing. */
static const struct {
    const char *query, *want;
} rows[] = {
    /* divisions */
    {"rate(x_total{ {{match}}, a=\"b\" }[2m]) / rate(x_total{ {{match}} }[2m])", "ratio_of_series nan_on_idle "},
    {"sum(rate(x_total{ {{match}} }[2m]) / (rate(y_total{ {{match}} }[2m]) > 0))", "ratio_of_series "},
    {"sum(rate(x_total{ {{match}} }[2m])) by (a) / on(a) (rate(y_total{ {{match}} }[2m]) > 0)", "ratio_of_series "},
    {ALL " / (sum(rate(y_total{ {{match}} }[2m])) > 0)", ""},
    {"sum(rate(x_total{ {{match}} }[2m])) by (a) / on(a) group_left() (sum(rate(y_total{ {{match}} }[2m])) by (a) > 0)", ""},
    {"max(used_bytes{ {{match}} } / limit_bytes{ {{match}} })", ""}, /* gauges of the same thing */
    {BAD " / (" ALL " > 0)", "empty_numerator "},
    {"(" BAD " or vector(0)) / (" ALL " > 0)", ""},
    {"(" BAD " or 0 * " ALL ") / (" ALL " > 0)", ""},
    {"1 - sum(rate(x_total{ {{match}}, code!~\"5..\" }[2m])) / (" ALL " > 0)", "empty_numerator "},
    {ALL " / sum(rate(y_total{ {{match}} }[2m]))", "nan_on_idle "},
    {ALL " / clamp_min(sum(rate(y_total{ {{match}} }[2m])), 0.1)", ""},
    {ALL " / 100", ""},
    {"100 * " ALL " / (sum by (a) (rate(y_total{ {{match}} }[2m])) > 0)", ""},
    /* codes */
    {"sum(rate(x_total{ {{match}}, status=~\"5.\" }[2m]))", "regex_matches_nothing "},
    {"sum(rate(x_total{ {{match}}, http_status_code=~\"^5\" }[2m]))", ""}, /* a class */
    {"sum(rate(x_total{ {{match}}, code=~\"50\" }[2m]))", "regex_matches_nothing "},
    {"sum(rate(x_total{ {{match}}, code=~\"5..|429\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, code=~\"5\\\\d\\\\d\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, code=~\"5xx\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, grpc_code=~\"Internal|Unknown\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, page=~\"5.\" }[2m]))", ""}, /* no code */
    {"sum(rate(x_total{ {{match}}, status=~\"2.*\" }[2m]))", "success_is_2xx "},
    {"sum(rate(x_total{ {{match}}, status=~\"2..\" }[2m]))", "success_is_2xx "},
    {"sum(rate(x_total{ {{match}}, status=~\"[23]..\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, status!~\"5..\" }[2m]))", ""},
    {"sum(rate(x_total{ {{match}}, code=~\"((((((((((((((((((((a*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)\" }[2m]))", ""},
    /* counters, windows */
    {"x_total{ {{match}} }", "counter_without_rate "},
    {"sum by (v) (x_total{ {{match}} })", "counter_without_rate "},
    {"sum without (v) (increase(x_total{ {{match}} }[5m]))", ""},
    {"count(x_total{ {{match}} })", ""},
    {"sum(queue_depth{ {{match}} })", ""},
    {"sum(irate(x_total{ {{match}} }[2m]))", "irate "},
    {"sum(rate(x_total{ {{match}} }[30s]))", "short_window "},
    {"sum(rate(x_total{ {{match}} }[1m]))", ""},
    {"max_over_time(sum(rate(x_total{ {{match}} }[5m]))[10s:5s])", ""}, /* a subquery makes its own samples */
    {"histogram_quantile(0.99, sum by (le) (rate(x_bucket{ {{match}} }[5m])))", ""},
    /* colours */
    {"sum(rate(x_total[2m]))", "no_colour "},
    {"sum by ({{by}}) (rate(x_total[2m]))", ""},
    {"sum by (version) (rate(x_total[2m]))", ""},
    {"sum(rate(x_total{version=\"green\"}[2m]))", ""},
    {"sum(rate(x_total{pod=~\"shop-{{colour}}-.*\"}[2m]))", ""},
    {ALL " / (sum(rate(y_total[2m])) > 0)", "selector_without_colour "},
    /* nothing there */
    {"sum(depth{ {{match}} }) or vector(0)", "empty_is_zero "},
    {"sum(depth{ {{match}} } or vector(0))", ""},
    /* not to be read */
    {"sum(rate(x_total{ {{match}} }[2m])", "not_promql "},
    {"sum(x{a=\"b)})", "not_promql "},
    {"x]", "not_promql "},
    {"{{match}}", "no_colour "},
    {"", "no_colour "},
    {"/", "no_colour "},
    {"a/", "no_colour "},
    {"sum by", "no_colour "},
    {"{ {{match}}, __name__=~\"x|y\" } # a / comment", ""},
};

static void each_lint_has_and_has_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO got = BUF_INIT(4096);
        struct config_lints found;
        config_lint(a, rows[i].query, "version", &found);
        for (size_t k = 0; k < found.n; k++) {
            buf_print(&got, "%s ", found.item[k].slug);
            assert_true(found.item[k].at <= strlen(rows[i].query));
        }
        if (!str_is(buf_at(&got), rows[i].want))
            fail_msg("%s: wanted '%s', got '%s'", rows[i].query, rows[i].want, buf_at(&got));
    }
}

static void I8_brackets_have_a_depth(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char text[200];
    struct promql q;
    struct hd_error err;
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text, '(', depth);
        memset(text + depth, ')', depth);
        text[2 * depth] = '\0';
        assert_int_equal(promql_read(a, text, &q, &err), depth == 64 ? HD_OK : HD_PARSE);
    }
}

static void no_more_lints_than_room(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(8192);
    struct config_lints found;
    for (size_t i = 0; i < 2 * CONFIG_LINTS_MAX; i++)
        buf_print(&text, "%sx_total{ {{match}} }", i ? " + " : "");
    config_lint(a, buf_at(&text), "version", &found);
    assert_int_equal(found.n, CONFIG_LINTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lint_has_and_has_not),
        cmocka_unit_test(I8_brackets_have_a_depth),
        cmocka_unit_test(no_more_lints_than_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
