/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentences: values with units, every row of reason.def, absent figures left out.
 */
#include "base/reason.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void values(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *want;
    } rows[] = {
        {0.048, "share", "4.8%"},    {0, "share", "0%"},          {1, "share", "100%"},
        {0.00005, "share", "0.005%"}, {0.212, "s", "212 ms"},     {1.5, "s", "1.5 s"},
        {1234.4, "1/s", "1,234/s"},  {12, "", "12"},              {12, NULL, "12"},
        {0.5, "", "0.5"},            {1e-9, "", "1.00e-09"},      {-1234567, "", "-1,234,567"},
        {0.9995, "share", "99.95%"}, {0.9, "share", "90%"},       {0.99999, "share", "99.999%"},
        {0.9567, "share", "95.7%"},  {0.99, "share", "99%"},      {1 - 1e-12, "share", "100%"},
        {0.999999, "share", "99.9999%"}, {0.901, "share", "90.1%"}, {1.05, "share", "105%"},
        {3, "orders", "3 orders"},   {NAN, "share", "no value"},  {INFINITY, "s", "no value"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        BUF_AUTO b = BUF_INIT(100);
        reason_value(&b, rows[i].value, rows[i].unit);
        if (strcmp(buf_at(&b), rows[i].want) != 0)
            fail_msg("%g %s: %s", rows[i].value, rows[i].unit, buf_at(&b));
    }
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *want;
    } rows[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"}, {NAN, "?"},
        {-1000, "-1,000"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        BUF_AUTO b = BUF_INIT(100);
        reason_count(&b, rows[i].n);
        if (strcmp(buf_at(&b), rows[i].want) != 0)
            fail_msg("%g: %s", rows[i].n, buf_at(&b));
    }
}

static void sentences(void **state)
{
    (void)state;
    static const char *const check[] = {"errors"}, *const unit[] = {"share"};
    const struct reason_names names = {check, unit, 1, {"blue", "green"}, "503 from upstream"};
    static const struct {
        const char *name;
        struct hd_reason reason;
        const char *want;
    } rows[] = {
        {"all figures", {HD_REASON_ABOVE_MAX, 0, HD_CANDIDATE, 1, 0.048, 0.01, 0.001, 12431, 3, 3},
         "errors on green 4.8% > 1% (blue 0.1%), 3 of 3 polls, n=12,431"},
        {"baseline before", {HD_REASON_ABOVE_MAX, 0, HD_CANDIDATE, 2, 0.048, 0.01, 0.001, 100, 3,
         3},
         "errors on green 4.8% > 1% (before the switch 0.1%), 3 of 3 polls, n=100"},
        {"no baseline, no n", {HD_REASON_ABOVE_MAX, 0, HD_CANDIDATE, 0, 0.048, 0.01, NAN, NAN, 2,
         3},
         "errors on green 4.8% > 1%, 2 of 3 polls"},
        {"counted as fewer", {HD_REASON_EVIDENCE, 0, HD_CANDIDATE, 2, 0.283, 0.02, 0, 12741, 2741, 35},
         "errors on green 28.3%, tolerated 2% (before the switch 0%): the evidence sufficed 35 s after the "
         "switch, n=12,741 count as 2,741"},
        {"foreign text", {HD_REASON_HTTP_503, 0, 0, 0, NAN, NAN, NAN, NAN, 0, 0},
         "the source is not available (503): 503 from upstream"},
        {"members", {HD_REASON_CANDIDATE_SILENT, HD_NO_CHECK, HD_CANDIDATE, 0, NAN, NAN, NAN, NAN,
         0, 4},
         "green carries traffic and has 0 of 4 members ready"},
        {"members, of nobody knows how many", {HD_REASON_CANDIDATE_SILENT, HD_NO_CHECK, HD_CANDIDATE, 0,
         NAN, NAN, NAN, NAN, 0, UINT32_MAX},
         "green carries traffic and has 0 members ready"},
        {"the guard's score", {HD_REASON_LOW_SCORE, HD_NO_CHECK, 0, 0, 82.5, 95, NAN, NAN, 0, 0},
         "score 82.5 is below 95"},
        {"just above", {HD_REASON_ABOVE_MAX, 0, HD_CANDIDATE, 1, 0.05004, 0.05, 0.001, 12431, 3, 3},
         "errors on green 5.004% > 5% (blue 0.1%), 3 of 3 polls, n=12,431"},
        {"just below", {HD_REASON_BELOW_MIN, 0, HD_CANDIDATE, 1, 0.99946, 0.9995, 0.99999, 50000, 3, 3},
         "errors on green 99.946% < 99.95% (blue 99.999%), 3 of 3 polls, n=50,000"},
        {"many needed", {HD_REASON_TOO_FEW_SAMPLES, 0, HD_CANDIDATE, 0, NAN, NAN, NAN, 1336, 0, 100000},
         "errors saw 1,336 requests of the 100,000 it needs"},
        {"from the future", {9999, 0, 0, 0, NAN, NAN, NAN, NAN, 0, 0},
         "a reason this version does not know"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        BUF_AUTO b = BUF_INIT(500);
        reason_render(&b, &rows[i].reason, &names);
        if (strcmp(buf_at(&b), rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, buf_at(&b));
    }
}

/* Every row: unique number and slug, a sentence without braces left, with no names at all. */
static void every_row(void **state)
{
    (void)state;
    static const struct {
        int number;
        const char *slug;
        enum hd_severity severity;
    } rows[] = {
#define REASON(number, name, slug, severity, sentence) {number, slug, HD_SEVERITY_##severity},
#include <haldane/reason.def>
#undef REASON
    };
    const struct reason_names names = {.n_checks = 0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t k = 0; k < i; k++) {
            if (rows[k].number == rows[i].number || strcmp(rows[k].slug, rows[i].slug) == 0)
                fail_msg("%s: twice", rows[i].slug);
        }
        struct hd_reason r = {.number = (uint16_t)rows[i].number, .check = HD_NO_CHECK,
            .stable = NAN,
                              .n = NAN};
        BUF_AUTO b = BUF_INIT(500);
        reason_render(&b, &r, &names);
        if (strpbrk(buf_at(&b), "{}") || (!*buf_at(&b) && rows[i].number))
            fail_msg("%s: '%s'", rows[i].slug, buf_at(&b));
        assert_string_equal(reason_slug(rows[i].number), rows[i].slug);
        assert_int_equal(reason_severity(rows[i].number), rows[i].severity);
    }
    assert_string_equal(reason_slug(9999), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(counts),
        cmocka_unit_test(sentences),
        cmocka_unit_test(every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
