/* SPDX-License-Identifier: Apache-2.0
 *
 * Which answers the quick reader takes, which it leaves to the tree, and that both read the same
 * numbers from them, bit for bit.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "providers/prometheus/reply.h"
#include "providers/prometheus/series.h"

#define ANSWER(type, items)                                                                        \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":[" items "]}}"
#define V(labels, value) "{\"metric\":{" labels "},\"value\":" value "}"
#define M(labels, values) "{\"metric\":{" labels "},\"values\":[" values "]}"

static const struct {
    const char *name, *text;
    bool matrix;
    int series; /* -1: left to the tree */
    size_t samples;
} answers[] = {
    {"nothing", ANSWER("vector", ""), false, 0, 0},
    {"one", ANSWER("vector", V("\"a\":\"b\"", "[1,\"5\"]")), false, 1, 1},
    {"two, one without labels", ANSWER("vector", V("", "[1,\"5\"]") "," V("\"a\":\"b\"", "[1.5,\"6\"]")), false, 2, 2},
    {"samples", ANSWER("matrix", M("\"a\":\"b\",\"c\":\"d\"", "[1.25,\"5\"],[2,\"NaN\"],[3,\"+Inf\"]")), true, 1, 3},
    {"another type", ANSWER("matrix", ""), false, -1, 0},
    {"an error", "{\"status\":\"error\"}", false, -1, 0},
    {"a warning", "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]},\"warnings\":[\"w\"]}",
     false, -1, 0},
    {"a flag before", "{\"status\":\"success\",\"isPartial\":false,\"data\":{}}", false, -1, 0},
    {"something behind", ANSWER("vector", "") "x", false, -1, 0},
    {"a space", ANSWER("vector", V("\"a\": \"b\"", "[1,\"5\"]")), false, -1, 0},
    {"an escape", ANSWER("vector", V("\"a\":\"\\n\"", "[1,\"5\"]")), false, -1, 0},
    {"not ASCII", ANSWER("vector", V("\"a\":\"\xc3\xa9\"", "[1,\"5\"]")), false, -1, 0},
    {"a label that is no text", ANSWER("vector", V("\"a\":1", "[1,\"5\"]")), false, -1, 0},
    {"no comma", ANSWER("vector", V("", "[1,\"5\"]") V("", "[1,\"5\"]")), false, -1, 0},
    {"a comma too many", ANSWER("vector", V("", "[1,\"5\"]") ","), false, -1, 0},
    {"a comma first", ANSWER("vector", "," V("", "[1,\"5\"]")), false, -1, 0},
    {"a histogram", ANSWER("vector", "{\"metric\":{},\"histogram\":[1,{}]}"), false, -1, 0},
    {"a value and more", ANSWER("vector", "{\"metric\":{},\"value\":[1,\"5\"],\"x\":1}"), false, -1, 0},
    {"no samples", ANSWER("matrix", M("", "")), true, -1, 0},
    {"three in a sample", ANSWER("vector", V("", "[1,\"5\",6]")), false, -1, 0},
    {"a number that is no text", ANSWER("vector", V("", "[1,5]")), false, -1, 0},
    {"not a number", ANSWER("vector", V("", "[1,\"five\"]")), false, -1, 0},
    {"hexadecimal", ANSWER("vector", V("", "[1,\"0x5\"]")), false, -1, 0},
    {"no time", ANSWER("vector", V("", "[,\"5\"]")), false, -1, 0},
    {"a time with a zero before", ANSWER("vector", V("", "[01,\"5\"]")), false, -1, 0},
    {"a time that ends with its point", ANSWER("vector", V("", "[1.,\"5\"]")), false, -1, 0},
    {"a negative time", ANSWER("vector", V("", "[-1,\"5\"]")), false, -1, 0},
    {"a time with an exponent", ANSWER("vector", V("", "[1e9,\"5\"]")), false, -1, 0},
    {"microseconds", ANSWER("vector", V("", "[1.0004,\"5\"]")), false, -1, 0},
    {"a time of eleven digits", ANSWER("vector", V("", "[12345678901,\"5\"]")), false, -1, 0},
    {"cut", "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"a", false, -1, 0},
};

static int walk(struct hd_span text, bool matrix, size_t *ret_samples)
{
    struct labels labels = {0};
    struct points points = {0};
    struct quick q;
    int n = 0;
    *ret_samples = 0;
    enum quick_next next = quick_begin(&q, text, matrix) ? QUICK_SERIES : QUICK_LOST;
    while (next == QUICK_SERIES && (next = quick_labels(&q, &labels)) == QUICK_SERIES) {
        if (!quick_points(&q, &points, 10))
            next = QUICK_LOST;
        n++;
        *ret_samples += points.all;
    }
    free(labels.at);
    free(points.at);
    return next == QUICK_END ? n : -1;
}

static void test_which_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        size_t samples;
        int series = walk((struct hd_span){answers[i].text, strlen(answers[i].text)}, answers[i].matrix, &samples);
        if (series != answers[i].series || (series >= 0 && samples != answers[i].samples))
            fail_msg("%s: %d series, %zu samples", answers[i].name, series, samples);
    }
}

/* Behind a NUL, there may be more. */
static void test_nul_is_no_end(void **state)
{
    (void)state;
    static const char text[] = ANSWER("vector", "") "\0x";
    size_t samples;
    assert_int_equal(walk((struct hd_span){text, sizeof text - 1}, false, &samples), -1);
}

static void test_i8_points(void **state)
{
    (void)state;
    size_t samples;
    const char *ten = ANSWER("matrix", M("", "[1,\"1\"],[2,\"1\"],[3,\"1\"],[4,\"1\"],[5,\"1\"],[6,\"1\"],[7,\"1\"],"
                                             "[8,\"1\"],[9,\"1\"],[10,\"1\"]"));
    const char *more = ANSWER("matrix", M("", "[1,\"1\"],[2,\"1\"],[3,\"1\"],[4,\"1\"],[5,\"1\"],[6,\"1\"],[7,\"1\"],"
                                              "[8,\"1\"],[9,\"1\"],[10,\"1\"],[11,\"1\"]"));
    assert_int_equal(walk((struct hd_span){ten, strlen(ten)}, true, &samples), 1);
    assert_int_equal(walk((struct hd_span){more, strlen(more)}, true, &samples), -1);
}

/* --- numbers --- */

static const struct hd_probe one = {"q", 0, NULL, {NULL}, NULL, false};

static void read_one(struct hd_arena *a, const char *time, const char *value, bool tree, struct hd_rows *ret)
{
    struct hd_question q = {&one, 1, .at_ms = 1};
    struct prometheus_reply ask = {.question = &q};
    const char *text = arena_print(a, ANSWER("vector", V("\"a\":\"b\"", "[%s,\"%s\"]")), time, value);
    struct hd_response in = {.status = 200, .text = "", .body = {text, strlen(text)}};
    uint16_t reason;
    struct hd_error err;
    enum hd_code code = (tree ? prometheus_read_tree : prometheus_read)(a, &ask, &in, ret, &reason, &err);
    if (code)
        fail_msg("[%s,%s]: %s", time, value, err.text);
}

static void same(const char *time, const char *value)
{
    ARENA_AUTO a = arena_new();
    struct hd_rows quick, tree;
    read_one(a, time, value, false, &quick);
    read_one(a, time, value, true, &tree);
    if (quick.n != 1 || tree.n != 1 || quick.row->n != tree.row->n ||
        memcmp(quick.row->point, tree.row->point, quick.row->n * sizeof *tree.row->point) != 0)
        fail_msg("[%s,%s] differs", time, value);
}

static uint64_t random_next(uint64_t *at)
{
    *at ^= *at << 13;
    *at ^= *at >> 7;
    return *at ^= *at << 17;
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "0", "-0", "0.0", "1.", "007", "999999999999999", "9999999999999999", "0.1", "0.3",
        "0.00000000000001", "123456789.012345", "1e22", "1e-7", "5e-324", "1.7976931348623157e308",
        "9007199254740993", "NaN", "+Inf", "-Inf", "Inf", "-1.5", "0.30000000000000004",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        same("1795220000.123", odd[i]);
    static const char *const times[] = {"1", "1.5", "1795220000", "1795220000.001", "1795220000.999",
                                        "9999999999.999", "1795220000.05", "0", "0.001", "-1.5", "1e9"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        same(times[i], "1");
    uint64_t r = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char value[64], time[64];
        uint64_t bits = random_next(&r), places = bits % 15;
        (void)snprintf(time, sizeof time, "%" PRIu64 ".%03" PRIu64, random_next(&r) % 9999999999u + 1,
                       random_next(&r) % 1000);
        double scale = 1;
        for (uint64_t k = 0; k < places; k++)
            scale *= 10;
        (void)snprintf(value, sizeof value, "%.*f", (int)places, (double)(random_next(&r) % 1000000000000000u) / scale);
        same(time, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_answers),
        cmocka_unit_test(test_nul_is_no_end),
        cmocka_unit_test(test_i8_points),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
