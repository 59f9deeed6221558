/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scrape gets: both formats, families together, label values that cannot break a line, and
 * no more series than the cap.
 */
#include "base/metrics.h"

#include <haldane/limits.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void labels(void **state)
{
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"shop", "service=\"shop\""},
        {"", "service=\"\""},
        {"a \"b\"", "service=\"a \\\"b\\\"\""},
        {"back\\slash", "service=\"back\\\\slash\""},
        {"two\nlines", "service=\"two\\nlines\""},
        {"{}=,", "service=\"{}=,\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BUF_AUTO b = BUF_INIT(1000);
        metric_label(&b, "service", rows[i].value);
        assert_string_equal(buf_at(&b), rows[i].want);
        metric_label(&b, "check", "x");
        assert_non_null(strstr(buf_at(&b), "\",check=\"x\""));
    }
}

/* The page is one for the program: this comes first, and the cap last. */
static void both_formats(void **state)
{
    static const char text[] = "# HELP t_runs_total Runs\n# TYPE t_runs_total counter\n"
                               "t_runs_total{service=\"a\"} 2.5\nt_runs_total{service=\"b\"} 0\n"
                               "# HELP t_level Level\n# TYPE t_level gauge\nt_level -1\n"
                               "# HELP t_odd Odd\n# TYPE t_odd gauge\n"
                               "t_odd{is=\"nan\"} NaN\nt_odd{is=\"up\"} +Inf\nt_odd{is=\"down\"} -Inf\n";
    static const char open[] = "# HELP t_runs Runs\n# TYPE t_runs counter\nt_runs_total{service=\"a\"} 2.5\n";
    (void)state;
    struct metric *a = metric_get("t_runs_total", METRIC_COUNTER, "Runs", "service=\"a\"");
    struct metric *level = metric_get("t_level", METRIC_GAUGE, "Level", "");
    metric_set(metric_get("t_odd", METRIC_GAUGE, "Odd", "is=\"nan\""), NAN);
    metric_set(metric_get("t_odd", METRIC_GAUGE, "Odd", "is=\"up\""), INFINITY);
    metric_set(metric_get("t_odd", METRIC_GAUGE, "Odd", "is=\"down\""), -INFINITY);
    assert_ptr_not_equal(metric_get("t_runs_total", METRIC_COUNTER, "Runs", "service=\"b\""), a);
    assert_ptr_equal(metric_get("t_runs_total", METRIC_COUNTER, "Runs", "service=\"a\""), a);
    metric_add(a, 2);
    metric_add(a, 0.5);
    assert_true(metric_read("t_runs_total", "service=\"a\"") == 2.5 && isnan(metric_read("t_runs_total", "")));
    metric_set(level, 3);
    metric_set(level, -1);
    assert_true(metric_value(a) == 2.5 && metric_value(level) == -1);
    BUF_AUTO b = BUF_INIT(10000);
    metrics_print(&b, false);
    assert_string_equal(buf_at(&b), text);
    BUF_AUTO o = BUF_INIT(10000);
    metrics_print(&o, true);
    assert_ptr_equal(strstr(buf_at(&o), open), buf_at(&o));
    assert_string_equal(buf_at(&o) + o.len - 6, "# EOF\n");
}

static void I8_at_the_cap_and_one_past_it(void **state)
{
    struct metric *last = NULL, *past[2];
    char text[40];
    (void)state;
    for (int i = 6; i < HD_METRICS_MAX; i++) {
        (void)snprintf(text, sizeof text, "n=\"%d\"", i);
        last = metric_get("t_many", METRIC_GAUGE, "Many", text);
    }
    assert_false(metrics_full());
    past[0] = metric_get("t_many", METRIC_GAUGE, "Many", "n=\"past\"");
    assert_true(metrics_full());
    past[1] = metric_get("t_other", METRIC_GAUGE, "Other", "");
    assert_ptr_not_equal(last, past[0]);
    assert_ptr_equal(past[0], past[1]);
    metric_set(past[0], 7); /* goes nowhere, and harms nobody */
    assert_ptr_equal(metric_get("t_many", METRIC_GAUGE, "Many", text), last);
    BUF_AUTO b = BUF_INIT(4u << 20);
    metrics_print(&b, false);
    assert_null(strstr(buf_at(&b), "past"));
    assert_non_null(strstr(buf_at(&b), text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels), cmocka_unit_test(both_formats),
                                       cmocka_unit_test(I8_at_the_cap_and_one_past_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
