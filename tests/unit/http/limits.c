/* SPDX-License-Identifier: Apache-2.0
 *
 * What other limits would have done, out of a backtest's JSON: words, table and drawing of the same
 * numbers, and foreign names as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "http/html.h"
#include "http/limits.h"

#define ROW(check, value, own, rest)                                                               \
    "{\"check\":" check ",\"limit\":\"max\",\"value\":" value ",\"value_text\":\"" value "%\",\"own\":" own "," rest "}"
#define OF "\"switches\":20,\"without\":1,\"missed\":0,"
#define TWO                                                                                        \
    OF "\"reverts\":2,\"real\":2,\"false\":0,\"unknown\":0,\"cut_short\":0,\"text\":\"2 reverts, both real\""
#define FIVE                                                                                       \
    OF "\"reverts\":5,\"real\":1,\"false\":3,\"unknown\":1,\"cut_short\":2," \
       "\"text\":\"5 reverts, 1 real, 3 false, 1 unknown, 2 cut short\""

static const char json[] =
    "{\"service\":\"shop\",\"switches\":[{\"left_out\":null},{\"left_out\":\"its evidence was evicted\"}],\"sweep\":["
    ROW("\"5xx\"", "1", "true", TWO) "," ROW("\"5xx\"", "0.5", "false", FIVE) "," ROW("\"5xx\"", "2", "false", TWO) ","
    ROW("\"<b>\"", "1", "true", TWO) "," ROW("null", "1", "true", TWO) "]}";

static void take(struct hd_arena *a, struct limits *ret)
{
    struct hd_error err;
    assert_int_equal(limits_read(a, (struct hd_span){json, strlen(json)}, ret, &err), HD_OK);
}

static void it_is_read(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct limits l;
    struct hd_error err;
    take(a, &l);
    assert_int_equal(l.switches, 2);
    assert_int_equal(l.n_left_out, 1);
    assert_string_equal(l.left_out, "its evidence was evicted");
    assert_int_equal(l.n, 3);
    assert_int_equal(l.sweep[0].n, 3); /* by value, the one in force among them */
    assert_true(!l.sweep[0].row[0].own && l.sweep[0].row[1].own && !l.sweep[0].row[2].own);
    assert_int_equal(l.sweep[0].row[0].false_ones, 3);
    assert_string_equal(limits_name(a, &l.sweep[0]), "5xx, max");
    assert_string_equal(limits_name(a, &l.sweep[2]), "max");
    assert_int_equal(limits_read(a, (struct hd_span){"x", 1}, &l, &err), HD_PARSE);
    assert_int_equal(limits_read(a, (struct hd_span){"{}", 2}, &l, &err), HD_OK);
    assert_int_equal(l.n, 0);
}

static void words_table_and_drawing_agree(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    BUF_AUTO said = BUF_INIT(1000), table = BUF_INIT(4000), drawn = BUF_INIT(4000);
    struct limits l;
    take(a, &l);
    limits_say(&said, &l.sweep[0]);
    assert_string_equal(buf_at(&said), "0.5%: 5 reverts, 1 real, 3 false, 1 unknown, 2 cut short; "
                                       "1% (in force): 2 reverts, both real; 2%: 2 reverts, both real.");
    limits_table(&table, &l.sweep[0]);
    assert_non_null(strstr(buf_at(&table), "<th scope=\"row\">0.5%</th><td data-l=\"reverts\">5</td>"
                                           "<td data-l=\"real\">1</td><td data-l=\"false\">3</td>"
                                           "<td data-l=\"unknown\">1</td><td data-l=\"missed\">0</td>"
                                           "<td data-l=\"cut short\">2</td>"));
    assert_non_null(strstr(buf_at(&table), "1% (in force)"));
    limits_draw(&drawn, a, &l.sweep[0], 7);
    static const char *const want[] = {
        "aria-labelledby=\"lt7 ld7\"", "<title id=\"lt7\">5xx, max</title>",
        /* Of 20 switches over 322 units: one real, one unknown, three false; then two real. */
        "y=\"17\">5 reverts, 1 real, 3 false, 1 unknown, </text>", "y=\"31\">2 cut short</text>",
        "<rect class=\"rr\" x=\"70.5\" y=\"36\" width=\"15.1\" height=\"10\"/>",
        "<rect class=\"ru\" x=\"86.6\" y=\"41\" width=\"15.1\" height=\"5\"/>",
        "<rect class=\"rf\" x=\"102.7\" y=\"36\" width=\"47.3\" height=\"10\"/>",
        "<rect class=\"rr\" x=\"70.5\" y=\"70\" width=\"31.2\" height=\"10\"/>",
        "class=\"e b\" x=\"62\" y=\"65\">1%</text>", "class=\"e b\" x=\"62\" y=\"79\">in force</text>"};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (!strstr(buf_at(&drawn), want[i]))
            fail_msg("%s\nis not in\n%s", want[i], buf_at(&drawn));
    }
}

static void foreign_names_stay_text(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    BUF_AUTO svg = BUF_INIT(100000);
    struct limits l;
    take(a, &l);
    limits_svg(&svg, a, "<i>", &l);
    assert_null(strstr(buf_at(&svg), "<b>"));
    assert_null(strstr(buf_at(&svg), "<i>"));
    assert_non_null(strstr(buf_at(&svg), "&lt;b&gt;, max"));
    assert_null(strstr(buf_at(&svg), " style="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read),
        cmocka_unit_test(words_table_and_drawing_agree),
        cmocka_unit_test(foreign_names_stay_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
