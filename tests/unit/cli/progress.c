/* SPDX-License-Identifier: Apache-2.0
 *
 * What someone who waits is told, and the exit code of each end, from the daemon's JSON.
 */
#include "capture.h"

#include "base/arena.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/table.h"

#define AT 1700000000000 /* 22:13:20 UTC */

static void parse(const char *text, struct json **ret)
{
    struct hd_error err;
    if (json_parse((struct hd_span){text, strlen(text)}, ret, &err))
        fail_msg("%s: %s", text, err.text);
}

/* --- ends --- */

static const struct end {
    const char *json;
    int exit;
} ends[] = {
    {"{\"state\":\"pending\",\"live\":true}", -1},
    {"{\"state\":\"warming\",\"live\":true}", -1},
    {"{\"state\":\"watching\",\"live\":true}", -1},
    {"{\"state\":\"deciding\",\"live\":true}", -1},
    {"{\"state\":\"reverting\",\"live\":true}", -1},
    {"{\"state\":\"verifying\",\"live\":true}", -1},
    {"{\"state\":\"aftercare\",\"live\":true,\"recovered_at\":null}", -1},
    {"{\"state\":\"aftercare\",\"live\":true,\"recovered_at\":\"2026-11-20T03:04:10.123Z\"}", 1},
    {"{\"state\":\"aftercare\",\"live\":true,\"needs_human\":true,\"recovered_at\":null}", 4},
    {"{\"state\":\"passed\"}", 0},
    {"{\"state\":\"reverted\"}", 1},
    {"{\"state\":\"not_verified\"}", 4},
    {"{\"state\":\"not_recovered\"}", 4},
    {"{\"state\":\"refused\"}", 4},
    {"{\"state\":\"advised\"}", 5},
    {"{\"state\":\"inconclusive\"}", 3},
    {"{\"state\":\"superseded\"}", 9},
    {"{\"state\":\"cancelled\"}", 9},
    {"{\"state\":\"exploded\",\"live\":true}", -1},
    {"{\"state\":\"exploded\",\"live\":false}", 3}, /* a newer daemon: never a pass */
    {"{}", -1},
};

static void exit_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        JSON_AUTO j = NULL;
        struct face_guard g;
        parse(ends[i].json, &j);
        face_guard(j, &g);
        if (face_exit(&g) != ends[i].exit)
            fail_msg("%s: %d, not %d", ends[i].json, face_exit(&g), ends[i].exit);
    }
}

/* A pass is said by one state only; every other end is not 0. */
static void only_passed_is_zero(void **state)
{
    (void)state;
    for (int s = 0; !str_is(hd_state_word(s), "?"); s++) {
        struct face_guard g = {.state = hd_state_word(s), .recovered_ms = -1};
        int want_zero = s == HD_STATE_PASSED;
        if (hd_state_terminal(s) && (face_exit(&g) == 0) != want_zero)
            fail_msg("%s gives %d", g.state, face_exit(&g));
        if (!hd_state_terminal(s) && face_exit(&g) != -1)
            fail_msg("%s is no end", g.state);
    }
}

/* --- lines --- */

#define HEAD "{\"id\":\"01JD2K0000000000000000000A\",\"service\":\"shop\",\"live\":true,"               \
             "\"stable\":{\"colour\":\"blue\"},\"candidate\":{\"colour\":\"green\",\"share\":1},"
#define CHECK(band, tripped, value, broken, judged)                                                \
    "\"checks\":[{\"name\":\"5xx\",\"title\":\"t\",\"outcome\":\"ok\",\"band\":\"" band "\","            \
    "\"value\":" value ",\"stable\":0.002,\"limit\":\"<= 1%\",\"unit\":\"share\",\"n\":4120,"            \
    "\"polls\":{\"broken\":" broken ",\"judged\":" judged "},\"tripped\":" tripped "}]}"

static const struct step {
    const char *json, *lines;
} steps[] = {
    {HEAD "\"state\":\"warming\",\"headline\":\"Watching green\",\"url\":\"http://h/g/1\"}",
     "22:13:20 shop  guard         01JD2K0000000000000000000A http://h/g/1\n"
     "22:13:20 shop  warming       Watching green\n"},
    {HEAD "\"state\":\"warming\",\"headline\":\"Watching green, 3 polls\"}", ""},
    {HEAD "\"state\":\"watching\",\"headline\":\"Watching green\"," CHECK("pass", "false", "0.003", "0", "1"),
     "22:13:20 shop  pass          5xx 0.3% (<= 1%; blue 0.2%) n=4,120\n"
     "22:13:20 shop  watching      Watching green\n"},
    {HEAD "\"state\":\"watching\"," CHECK("pass", "false", "0.004", "0", "2"), ""},
    {HEAD "\"state\":\"watching\"," CHECK("fail", "false", "0.048", "0", "3"),
     "22:13:20 shop  over          5xx 4.8% (<= 1%; blue 0.2%) n=4,120\n"},
    {HEAD "\"state\":\"watching\"," CHECK("fail", "false", "0.048", "1", "3"),
     "22:13:20 shop  FAIL 1/3      5xx 4.8% (<= 1%; blue 0.2%) n=4,120\n"},
    {HEAD "\"state\":\"watching\"," CHECK("fail", "false", "0.048", "1", "3"), ""},
    {HEAD "\"state\":\"watching\"," CHECK("fail", "false", "0.05", "2", "4"),
     "22:13:20 shop  FAIL 2/4      5xx 5% (<= 1%; blue 0.2%) n=4,120\n"},
    {HEAD "\"state\":\"watching\"," CHECK("warn", "false", "0.009", "2", "5"),
     "22:13:20 shop  warn          5xx 0.9% (<= 1%; blue 0.2%) n=4,120\n"},
    {HEAD "\"state\":\"reverting\",\"headline\":\"Back to blue\"," CHECK("fail", "true", "0.05", "3", "6"),
     "22:13:20 shop  FAIL 3/6      5xx 5% (<= 1%; blue 0.2%) n=4,120\n"
     "22:13:20 shop  reverting     Back to blue\n"},
    {HEAD "\"state\":\"refused\",\"headline\":\"No\\u001b[31m\\nway\",\"needs_human\":true,"
          "\"why\":\"5xx 5% > 1%\",\"because\":\"blue has no ready member\"}",
     "22:13:20 shop  refused       No?[31m way\n"
     "22:13:20 shop  ACT NOW       blue has no ready member\n"},
};

/* The line of its state said something else, and the side that stands beside a value is where that is from. */
static const struct step asked[] = {
    {HEAD "\"state\":\"watching\",\"headline\":\"Watching green\",\"checks\":[{\"name\":\"5xx\",\"band\":\"pass\","
          "\"value\":0.01,\"stable\":0.002,\"baseline\":\"before\",\"limit\":\"<= 1%\",\"unit\":\"share\"}]}",
     "22:13:20 shop  guard         01JD2K0000000000000000000A \n"
     "22:13:20 shop  pass          5xx 1% (<= 1%; before the switch 0.2%)\n"
     "22:13:20 shop  watching      Watching green\n"},
    {HEAD "\"state\":\"watching\",\"headline\":\"green is failing: the roll-back waits - act now\","
          "\"needs_human\":true,\"why\":\"5xx 5% > 1%\"}",
     "22:13:20 shop  ACT NOW       green is failing: the roll-back waits - act now: 5xx 5% > 1%\n"},
};

/* Of a sequential rule no poll passes or fails by itself; how far the evidence is goes by quarters. */
#define WEIGHED(band, tripped, value, meter)                                                       \
    HEAD "\"state\":\"watching\",\"headline\":\"W\",\"weigh\":{\"meter\":" meter "},"                  \
    "\"checks\":[{\"name\":\"5xx\",\"rule\":\"sequential\",\"outcome\":\"ok\",\"band\":\"" band "\","      \
    "\"value\":" value ",\"stable\":0.002,\"unit\":\"share\",\"n\":4120,"                               \
    "\"polls\":{\"broken\":0,\"judged\":19},\"tripped\":" tripped "}]}"

static const struct step weighed[] = {
    {WEIGHED("pass", "false", "0.338", "0.02"),
     "22:13:20 shop  guard         01JD2K0000000000000000000A \n"
     "22:13:20 shop  weighed       5xx 33.8% (blue 0.2%) n=4,120\n"
     "22:13:20 shop  watching      W\n"},
    {WEIGHED("pass", "false", "0.2", "0.24"), ""},
    {WEIGHED("pass", "false", "0.2", "0.509"), "22:13:20 shop  evidence      against green: 50 % of what a revert needs\n"},
    {WEIGHED("pass", "false", "0.2", "0.6"), ""},
    {WEIGHED("pass", "false", "0.2", "0.3"), "22:13:20 shop  evidence      against green: 30 % of what a revert needs\n"},
    {WEIGHED("fail", "true", "0.3", "1"), "22:13:20 shop  FAIL          5xx 30% (blue 0.2%) n=4,120\n"
     "22:13:20 shop  evidence      against green: 100 % of what a revert needs\n"},
};

/* What was broken before the switch is never told as good, and each poll that is over is said. */
#define EARLIER(band, value, broken, earlier)                                                      \
    HEAD "\"state\":\"watching\",\"headline\":\"W\",\"checks\":[{\"name\":\"5xx\",\"outcome\":\"ok\","         \
    "\"band\":\"" band "\",\"value\":" value ",\"limit\":\"<= 1%\",\"unit\":\"share\",\"n\":4120,"             \
    "\"polls\":{\"broken\":" broken ",\"judged\":9},\"tripped\":false,\"earlier\":" earlier "}]}"

static const struct step earlier[] = {
    {EARLIER("pass", "0.003", "0", "true"),
     "22:13:20 shop  guard         01JD2K0000000000000000000A \n"
     "22:13:20 shop  not counted   5xx 0.3% (<= 1%) n=4,120: it was broken before the switch too\n"
     "22:13:20 shop  watching      W\n"},
    {EARLIER("fail", "0.28", "1", "true"),
     "22:13:20 shop  not counted   5xx 28% (<= 1%) n=4,120: it was broken before the switch too\n"},
    {EARLIER("fail", "0.29", "2", "true"),
     "22:13:20 shop  not counted   5xx 29% (<= 1%) n=4,120: it was broken before the switch too\n"},
    {EARLIER("pass", "0.001", "0", "false"), "22:13:20 shop  pass          5xx 0.1% (<= 1%) n=4,120\n"},
};

static void walk(const struct step *step, size_t n)
{
    struct progress p = {.colour = false};
    for (size_t i = 0; i < n; i++) {
        JSON_AUTO j = NULL;
        BUF_AUTO b = BUF_INIT(4096);
        struct face_guard g;
        parse(step[i].json, &j);
        face_guard(j, &g);
        progress_look(&p, &g, AT, &b);
        if (!str_is(buf_at(&b), step[i].lines))
            fail_msg("step %zu: got\n%swant\n%s", i, buf_at(&b), step[i].lines);
    }
}

static void lines(void **state)
{
    (void)state;
    walk(steps, sizeof steps / sizeof *steps);
    walk(weighed, sizeof weighed / sizeof *weighed);
    walk(earlier, sizeof earlier / sizeof *earlier);
    walk(asked, sizeof asked / sizeof *asked);
}

static void colour_only_when_asked(void **state)
{
    (void)state;
    JSON_AUTO j = NULL;
    parse(steps[0].json, &j);
    struct face_guard g;
    face_guard(j, &g);
    for (int colour = 0; colour < 2; colour++) {
        struct progress p = {.colour = colour};
        BUF_AUTO b = BUF_INIT(4096);
        progress_look(&p, &g, AT, &b);
        assert_int_equal(strchr(buf_at(&b), '\x1b') != NULL, colour);
    }
}

static void live_line(void **state)
{
    (void)state;
    static const char want[] = "shop  watching green 100%, 2m 05s left  5xx 4.8% (<= 1%; blue 0.2%) n=4,120";
    JSON_AUTO j = NULL;
    parse(HEAD "\"state\":\"watching\",\"until\":\"2023-11-14T22:15:25Z\","
          CHECK("fail", "false", "0.048", "1", "3"), &j);
    struct face_guard g;
    face_guard(j, &g);
    struct progress p = {.colour = false};
    for (size_t width = 1; width < 100; width++) {
        BUF_AUTO b = BUF_INIT(4096);
        progress_live(&p, &g, AT, width, &b);
        size_t len = width < strlen(want) ? width : strlen(want);
        if (strlen(buf_at(&b)) != len || strncmp(buf_at(&b), want, len) != 0)
            fail_msg("width %zu: \"%s\"", width, buf_at(&b));
    }
}

static void result(void **state)
{
    (void)state;
    JSON_AUTO j = NULL;
    BUF_AUTO b = BUF_INIT(4096);
    parse("{\"id\":\"01JD2K0000000000000000000A\",\"service\":\"shop\",\"state\":\"reverted\","
          "\"headline\":\"Back on blue\",\"why\":\"5xx\",\"url\":\"http://h/g/1\","
          "\"stable\":{\"colour\":\"blue\",\"version\":\"v41\"},\"candidate\":{\"colour\":\"green\"},"
          "\"decided_at\":\"2026-11-20T03:04:10.000Z\",\"verified_at\":\"2026-11-20T03:04:13.100Z\","
          "\"recovered_at\":\"2026-11-20T03:05:01.000Z\",\"native\":\"echo x\"}", &j);
    struct face_guard g;
    face_guard(j, &g);
    progress_result(&g, &b);
    assert_string_equal(buf_at(&b), "shop: reverted. Back on blue\n"
                                    "  why        5xx\n"
                                    "  candidate  green\n"
                                    "  stable     blue v41\n"
                                    "  verified   3.1 s after the decision\n"
                                    "  recovered  51 s after the decision\n"
                                    "  page       http://h/g/1\n"
                                    "  guard      01JD2K0000000000000000000A\n");
}

/* What haldane could not do stands above what the release did. */
static void result_of_a_refusal(void **state)
{
    (void)state;
    JSON_AUTO j = NULL;
    BUF_AUTO b = BUF_INIT(4096);
    struct face_guard g;
    parse("{\"id\":\"01JD2K0000000000000000000A\",\"service\":\"shop\",\"state\":\"refused\","
          "\"headline\":\"green is failing\",\"why\":\"5xx\",\"because\":\"blue has no ready member\","
          "\"stable\":{\"colour\":\"blue\"},\"candidate\":{\"colour\":\"green\"}}", &j);
    face_guard(j, &g);
    progress_result(&g, &b);
    assert_non_null(strstr(buf_at(&b), "shop: refused. green is failing\n"
                                       "  because    blue has no ready member\n"
                                       "  why        5xx\n"));
}

/* Who is told to move traffic by hand finds it elsewhere. */
static void by_hand(void **state)
{
    static const struct {
        const char *json;
        bool want;
    } row[] = {{"\"needs_human\":true,\"stable\":{\"colour\":\"blue\",\"share\":0}", true},
               {"\"needs_human\":true,\"stable\":{\"colour\":\"blue\"}", true},
               {"\"needs_human\":true,\"stable\":{\"colour\":\"blue\",\"share\":1}", false},
               {"\"needs_human\":false,\"stable\":{\"colour\":\"blue\",\"share\":0}", false}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        JSON_AUTO j = NULL;
        BUF_AUTO b = BUF_INIT(4096);
        BUF_AUTO text = BUF_INIT(1000);
        struct face_guard g;
        buf_print(&text, "{\"state\":\"not_recovered\",\"native\":\"echo x\",%s}", row[i].json);
        parse(buf_at(&text), &j);
        face_guard(j, &g);
        progress_result(&g, &b);
        if ((strstr(buf_at(&b), "by hand") != NULL) != row[i].want)
            fail_msg("%s: %s", row[i].json, buf_at(&b));
    }
}

/* A daemon that answers nonsense of the right shape must not break the client. */
static void odd_json(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}", "[]", "{\"checks\":7}", "{\"checks\":[7,null,{}]}", "{\"state\":7,\"checks\":{\"a\":1}}",
        "{\"stable\":[],\"candidate\":\"x\",\"switch\":1,\"started_at\":\"yesterday\"}",
        "{\"checks\":[{\"value\":\"x\",\"polls\":[]}],\"state\":\"watching\",\"live\":true}"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        JSON_AUTO j = NULL;
        BUF_AUTO b = BUF_INIT(8192);
        struct face_guard g;
        struct progress p = {.colour = true};
        parse(odd[i], &j);
        face_guard(j, &g);
        progress_look(&p, &g, AT, &b);
        progress_live(&p, &g, AT, 79, &b);
        progress_result(&g, &b);
        if (face_exit(&g) != -1)
            fail_msg("%s ends", odd[i]);
    }
}

/* --- tables --- */

static void tables(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct table t = {.arena = a, .columns = 3};
    FILE *f = tmpfile();
    char text[SAID_MAX];
    table_row(&t, "A", "LONGER", "C");
    table_row(&t, "größer", NULL, "last\x1b[2J");
    for (int i = 0; i < 20; i++) /* past the first room */
        table_row(&t, "x", "", "");
    table_print(&t, f);
    slurp(f, text);
    holds("table", "text", text, "A       LONGER  C\ngrößer  -       last?[2J\nx       -       -\n");
    assert_int_equal(t.n, 22);
}

static void words(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    assert_string_equal(table_time(a, 1763607850123), "2025-11-20 03:04:10Z");
    assert_null(table_time(a, -1));
    assert_null(table_duration(a, -1));
    assert_string_equal(table_duration(a, 123000), "2m 03s");
    assert_string_equal(table_value(a, 0.048, "share"), "4.8%");
    assert_string_equal(table_count(a, 12431), "12,431");
    assert_true(face_is_id("01JD2K0000000000000000000A"));
    assert_false(face_is_id("01JD2K0000000000000000000"));
    assert_true(face_is_id("01jd2k0000000000000000000a"));
    assert_false(face_is_id("01JD2K0000000000000000000U"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes), cmocka_unit_test(only_passed_is_zero),
        cmocka_unit_test(lines),      cmocka_unit_test(colour_only_when_asked),
        cmocka_unit_test(live_line),  cmocka_unit_test(result), cmocka_unit_test(result_of_a_refusal),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(odd_json),   cmocka_unit_test(tables),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
