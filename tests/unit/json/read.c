/* SPDX-License-Identifier: Apache-2.0
 *
 * What json_parse takes and refuses, what a path finds, and that the writer's text reads back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "json/json.h"

static enum hd_code parse(const char *text, struct json **ret, struct hd_error *err)
{
    return json_parse((struct hd_span){text, strlen(text)}, ret, err);
}

static void test_parse(void **state)
{
    static const struct {
        const char *name, *text;
        enum hd_code want;
    } row[] = {
        {"object", "{\"a\":1}", HD_OK},
        {"blanks around", " \n[1, 2]\t", HD_OK},
        {"trailing garbage", "{} x", HD_PARSE},
        {"two values", "1 2", HD_PARSE},
        {"cut in an object", "{\"a\":", HD_PARSE},
        {"cut in a string", "{\"a\":\"b", HD_PARSE},
        {"empty", "", HD_PARSE},
        {"html", "<html>login</html>", HD_PARSE},
        {"leading zero", "[01]", HD_PARSE},
        {"dot without digits", "[1.]", HD_PARSE},
        {"exponent without digits", "[1e]", HD_PARSE},
        {"infinite", "[1e400]", HD_PARSE},
        {"NaN", "[NaN]", HD_PARSE},
        {"raw newline in a string", "[\"a\nb\"]", HD_PARSE},
        {"NUL escape", "[\"a\\u0000b\"]", HD_PARSE},
        {"trailing comma", "[1,]", HD_PARSE},
        {"deep, at the cap", NULL, HD_OK},
        {"deep, one past it", NULL, HD_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char deep[2 * HD_JSON_DEPTH_MAX + 4] = "";
        const char *text = row[i].text;
        if (!text) {
            size_t n = HD_JSON_DEPTH_MAX + (row[i].want == HD_LIMIT);
            memset(deep, '[', n);
            memset(deep + n, ']', n);
            text = deep;
        }
        struct hd_error err;
        struct json *j = NULL;
        enum hd_code code = parse(text, &j, &err);
        if (code != row[i].want)
            fail_msg("%s: got %s", row[i].name, hd_code_word(code));
        json_free(j);
    }
}

static void test_place(void **state)
{
    struct hd_error err;
    struct json *j = NULL;
    (void)state;
    assert_int_equal(parse("{\n  \"a\": 01}", &j, &err), HD_PARSE);
    assert_non_null(strstr(err.text, "line 2 column 8"));
}

static void test_path(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: absent */
        enum hd_code code;
    } row[] = {
        {"$.data.items[1].name", "b", HD_OK},   {"data.items[0].name", "a", HD_OK},
        {"$['odd key']", "true", HD_OK},        {"$.data.n", "12.5", HD_OK},
        {"$.data.items[2].name", NULL, HD_ABSENT}, {"$.nothing", NULL, HD_ABSENT},
        {"$.data..n", NULL, HD_INVALID},        {"$.data[x]", NULL, HD_INVALID},
        {"$.data", NULL, HD_PARSE},             {"$x", NULL, HD_INVALID},
    };
    struct hd_error err;
    struct json *j = NULL;
    (void)state;
    assert_int_equal(parse("{\"data\":{\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"n\":12.5},"
                           "\"odd key\":true}", &j, &err), HD_OK);
    struct hd_arena *a = arena_new();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct json *at = NULL;
        const char *text = NULL;
        enum hd_code code = json_path_get(j, row[i].path, &at, &err);
        if (!code)
            code = json_scalar(a, at, row[i].path, &text, &err);
        if (code != row[i].code || (row[i].want && strcmp(text, row[i].want) != 0))
            fail_msg("%s: %s %s", row[i].path, hd_code_word(code), text ? text : "-");
    }
    arena_free(a);
    json_free(j);
}

static void test_write(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    struct json_out o = json_out(&b);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "a", "x\"\\\n<\xff\xC3\xA9");
    json_begin(&o, "list", '[');
    json_put_double(&o, NULL, 0.1);
    json_put_double(&o, NULL, 1.0 / 3);
    json_put_i64(&o, NULL, -5);
    json_end(&o, ']');
    json_begin(&o, "empty", '{');
    json_end(&o, '}');
    json_put_bool(&o, "t", true);
    json_put_time(&o, "at", 1700000000123);
    json_end(&o, '}');
    assert_string_equal(buf_at(&b),
                        "{\"a\":\"x\\\"\\\\\\n\\u003c\xEF\xBF\xBD\xC3\xA9\",\"list\":[0.1,"
                        "0.3333333333333333,-5],\"empty\":{},\"t\":true,"
                        "\"at\":\"2023-11-14T22:13:20.123Z\"}");
    struct hd_error err;
    struct json *j = NULL;
    assert_int_equal(json_parse(buf_span(&b), &j, &err), HD_OK);
    int64_t v;
    assert_int_equal(json_i64(json_get(j, "t"), "t", &v, &err), HD_PARSE);
    assert_int_equal(json_i64(json_get(j, "none"), "none", &v, &err), HD_ABSENT);
    json_free(j);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_place),
                                       cmocka_unit_test(test_path), cmocka_unit_test(test_write)};
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
