/* SPDX-License-Identifier: Apache-2.0
 *
 * Text helpers, as tables: globs, strict numbers, durations, calendar times, clean text.
 */
#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void equality(void **state)
{
    (void)state;
    assert_true(str_is(NULL, NULL) && str_is("a", "a"));
    assert_false(str_is(NULL, "") || str_is("", NULL) || str_is("a", "ab"));
    assert_true(str_begins("blue1", "blue") && str_begins("x", ""));
    assert_false(str_begins("blu", "blue"));
    assert_true(str_ends("a.yaml", ".yaml") && str_ends("x", ""));
    assert_false(str_ends("yaml", ".yaml"));
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool want;
    } rows[] = {
        {"5*", "503", true},         {"5*", "250", false},       {"*", "", true},
        {"", "", true},              {"", "a", false},           {"?", "", false},
        {"a?c", "abc", true},        {"*.*.yaml", "a.b.yaml", true},
        {"*ab*ab*", "xabyab", true}, {"*ab*ab", "xabab!", false},
        {"blue[1]", "blue1", false}, {"blue[1]", "blue[1]", true},
        {"a*b*c", "aXbXbXc", true},  {"a**", "a", true},         {"*a", "ba!", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_glob(rows[i].pattern, rows[i].text) != rows[i].want)
            fail_msg("%s on %s", rows[i].pattern, rows[i].text);
    }
    const char *const list[] = {"4*", "5*", NULL};
    assert_true(str_glob_any(list, "500"));
    assert_false(str_glob_any(list, "200"));
    assert_false(str_glob_any(NULL, "200"));
}

/* I8: time stays linear in what a hostile pattern can make of it. */
static void I8_globs_stay_cheap(void **state)
{
    (void)state;
    static char pattern[2001], text[4001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "*a", 2);
    memset(text, 'a', 4000);
    text[3999] = 'b';
    assert_false(str_glob(pattern, text));
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double want;
    } rows[] = {
        {"1", true, 1},       {"-0.25", true, -0.25}, {"1e+00", true, 1},  {"1.5e3", true, 1500},
        {"", false, 0},       {" 1", false, 0},       {"1 ", false, 0},    {"0x10", false, 0},
        {"nan", false, 0},    {"inf", false, 0},      {"1e999", false, 0}, {"+1", false, 0},
        {"1,5", false, 0},    {".5", false, 0},       {"--1", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double got = 77;
        bool ok = str_read_double(rows[i].text, &got);
        if (ok != rows[i].ok || (ok && got != rows[i].want) || (!ok && got != 77))
            fail_msg("double '%s': %d %g", rows[i].text, ok, got);
    }
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } whole[] = {
        {"0", true, 0},      {"-9223372036854775808", true, INT64_MIN},
         {"9223372036854775808", false, 0},
        {"1.0", false, 0},   {"", false, 0},  {"-", false, 0},  {"12a", false, 0},
          {" 1", false, 0},
        {"9223372036854775807", true, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(whole); i++) {
        int64_t got = 77;
        bool ok = str_read_i64(whole[i].text, &got);
        if (ok != whole[i].ok || got != (ok ? whole[i].want : 77))
            fail_msg("i64 '%s': %d %lld", whole[i].text, ok, (long long)got);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
        const char *exact, *people;
    } rows[] = {
        {"250ms", 250, "250ms", "250 ms"},     {"5s", 5000, "5s", "5.0 s"},
        {"1h30m", 5400000, "1h30m", "90m 00s"}, {"2d", 172800000, "2d", "2d 00h"},
        {"1.5s", 1500, "1s500ms", "1.5 s"},    {"0s", 0, "0s", "0 ms"},
        {"90s", 90000, "1m30s", "90 s"},       {"3h", 10800000, "3h", "3h 00m"},
        {"5", -1, NULL, NULL},   {"", -1, NULL, NULL},    {"5 s", -1, NULL, NULL},
        {"5s1m", -1, NULL, NULL}, {"5x", -1, NULL, NULL}, {"-5s", -1, NULL, NULL},
        {"0x10s", -1, NULL, NULL}, {"1e1m", -1, NULL, NULL}, {"1.2.3s", -1, NULL, NULL},
        {"1m1m", -1, NULL, NULL}, {"0.5ms", -1, NULL, NULL}, {"999999999999999d", -1, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = -1;
        char out[STR_TIME_MAX];
        bool ok = str_read_duration(rows[i].text, &got);
        if (ok != (rows[i].want >= 0) || got != rows[i].want)
            fail_msg("'%s': %lld", rows[i].text, (long long)got);
        if (ok && strcmp(str_duration_exact(got, out), rows[i].exact) != 0)
            fail_msg("'%s' exact: %s", rows[i].text, out);
        if (ok && strcmp(str_duration(got, out), rows[i].people) != 0)
            fail_msg("'%s' for people: %s", rows[i].text, out);
    }
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
        const char *back;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
        {"2026-11-20T03:04:10.123Z", 1795143850123, "2026-11-20T03:04:10.123Z"},
        {"2024-02-29T12:00:00+01:00", 1709204400000, "2024-02-29T11:00:00.000Z"},
        {"2024-02-29 12:00:00-00:30", 1709209800000, "2024-02-29T12:30:00.000Z"},
        {"9999-12-31T23:59:59Z", 253402300799000, "9999-12-31T23:59:59.000Z"},
        {"2023-02-29T00:00:00Z", -1, NULL}, {"2026-13-01T00:00:00Z", -1, NULL},
        {"2026-11-20", -1, NULL},           {"2026-11-20T03:04:10", -1, NULL},
        {"2026-11-20T24:00:00Z", -1, NULL}, {"2026-11-20T03:04:10Zx", -1, NULL},
        {"1969-12-31T23:59:59Z", -1, NULL}, {"", -1, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = -1;
        char out[STR_TIME_MAX];
        if (str_read_time(rows[i].text, &got) != (rows[i].want >= 0) || got != rows[i].want)
            fail_msg("'%s': %lld", rows[i].text, (long long)got);
        if (rows[i].back && strcmp(str_time(got, out), rows[i].back) != 0)
            fail_msg("'%s' back: %s", rows[i].text, out);
    }
    char out[STR_TIME_MAX];
    assert_string_equal(str_clock(1795143850123, out), "03:04:10");
    assert_string_equal(str_moment(1795143850123, 1795143850123, out), "03:04:10Z");
    assert_string_equal(str_moment(1795143850123, 1795143850123 - 86400000, out), "2026-11-20 03:04:10Z");
    assert_string_equal(str_moment(1795143850123, 0, out), "2026-11-20 03:04:10Z");
    (void)str_moment(INT64_MIN, INT64_MAX, out);
    assert_string_equal(str_time(-1, out), "1969-12-31T23:59:59.999Z");
    (void)str_time(INT64_MAX, out); /* writes no more than it may */
    (void)str_time(INT64_MIN, out);
    (void)str_duration(INT64_MAX, out);
    (void)str_duration_exact(INT64_MAX, out);
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned want;
    } rows[] = {
        {"", "", 0},          {"max", "max", 0},   {"max", "mx", 1},   {"max", "amx", 1},
        {"warmup", "wramup", 1}, {"abc", "xyz", 3}, {"short", "", 4},
        {"a very long name that is longer than sixty-four characters, really", "a", 4},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned got = str_distance(rows[i].a, rows[i].b, 4);
        if (got != rows[i].want || str_distance(rows[i].b, rows[i].a, 4) != got)
            fail_msg("%s, %s: %u", rows[i].a, rows[i].b, got);
    }
}

static void clean(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t max;
        const char *want;
    } rows[] = {
        {"plain", "hello", 10, "hello"},
        {"newline and escape", "a\nb\x1b[31m", 20, "a?b?[31m"},
        {"DEL", "a\x7f", 20, "a?"},
        {"C1", "a\xc2\x9b", 20, "a?"},
        {"umlaut stays", "gr\xc3\xbcn", 20, "gr\xc3\xbcn"},
        {"bidi override", "a\xe2\x80\xae" "b", 20, "a?b"},
        {"bidi isolate", "a\xe2\x81\xa6", 20, "a?"},
        {"invalid bytes", "\xff\xc3(", 20, "?" "?("},
        {"overlong slash", "\xc0\xaf", 20, "??"},
        {"surrogate", "\xed\xa0\x80", 20, "???"},
        {"cut at a character's border", "ab\xc3\xbc", 3, "ab"},
        {"cut to nothing", "ab", 0, ""},
        {"cut off in a character", "a\xe2\x82", 20, "a??"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[64];
        memcpy(text, rows[i].text, strlen(rows[i].text) + 1);
        str_clean(text, rows[i].max);
        if (strcmp(text, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, text);
    }
}

static void hashes(void **state)
{
    (void)state;
    assert_true(str_hash("", 0) == 14695981039346656037u); /* FNV-1a's own offset and vector */
    assert_true(str_hash("a", 0) == 0xaf63dc4c8601ec8cu);
    assert_true(str_hash("a", 1) != str_hash("a", 0));
    const uint64_t seed[2] = {7, 11};
    uint64_t two[2];
    str_hash_two("job=shop", seed, two);
    assert_true(two[0] == str_hash("job=shop", 7) && two[1] == str_hash("job=shop", 11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),  cmocka_unit_test(globs),
                cmocka_unit_test(I8_globs_stay_cheap),
        cmocka_unit_test(numbers),   cmocka_unit_test(durations), cmocka_unit_test(times),
        cmocka_unit_test(distances), cmocka_unit_test(clean),     cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
