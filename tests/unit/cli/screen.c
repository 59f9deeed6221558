/* SPDX-License-Identifier: Apache-2.0
 *
 * What watch shows of a fleet: the screen at several sizes, and a line for each change.
 */
#include "capture.h"

#include "base/arena.h"
#include "base/str.h"
#include "cli/screen.h"

#define NOW 1700000600000 /* 22:23:20 UTC */
#define GUARD(id, state, headline, more)                                                           \
    "{\"id\":\"" id "\",\"service\":\"shop\",\"state\":\"" state "\",\"headline\":\"" headline "\","     \
    "\"stable\":{\"colour\":\"blue\"},\"candidate\":{\"colour\":\"green\"}" more "}"
#define LIVE GUARD("A", "watching", "Watching green (from blue)",                                    \
                   ",\"live\":true,\"until\":\"2023-11-14T22:26:30Z\",\"why\":\"5xx 0.1% within 1%\"")
#define REFUSED GUARD("B", "refused", "green is failing",                                            \
                      ",\"needs_human\":true,\"why\":\"5xx 5% > 1%\","                             \
                      "\"switch\":{\"to\":\"2023-11-14T22:20:20Z\"},\"ended_at\":\"2023-11-14T22:21:00Z\"")
#define PASSED GUARD("C", "passed", "v2 passed", ",\"ended_at\":\"2023-11-14T14:00:00Z\"")
#define FLEET(sentence, needed, acts, needing, live, recent)                                       \
    "{\"sentence\":\"" sentence "\",\"needed\":" needed ",\"ended\":\"1 passed.\",\"acts\":[" acts "],"   \
    "\"needing\":[" needing "],\"live\":[" live "],\"recent\":[" recent "],\"holds\":[]}"
#define HELD GUARD("A", "watching", "Watching green (from blue)",                                    \
                   ",\"live\":true,\"would_act\":false,\"would_not_because\":\"automatic reverts are held: freeze\"")
#define LEFT(sentence)                                                                             \
    "{\"sentence\":\"" sentence "\",\"needed\":false,\"doubt\":true,\"ended\":\"\",\"live\":[" HELD "]}"
#define ALONE FLEET("x", "false", "", "", LIVE, "")
#define WATCHING "22:23:20 shop  watching      Watching green (from blue)\n"
#define QUIET FLEET("All well: nothing is being released", "false", "", "", "", PASSED)
#define BUSY FLEET("1 thing needs you", "true", "", REFUSED, LIVE, REFUSED "," PASSED)
#define NOTICE                                                                                     \
    "{\"seq\":7,\"headline\":\"The store is\\u001b[2J full\",\"text\":\"disk\",\"at\":\"2023-11-14T22:23:00Z\"}"

static const struct row {
    const char *name, *fleet;
    struct screen look;
    const char *want;
} rows[] = {
    {"quiet", QUIET, {80, 20, false, NOW, -1},
     "All well: nothing is being released  (live; q quits)\n\nLAST 12 HOURS  1 passed.\n(v) shop  14:00Z  v2 passed\n"},
    {"busy", BUSY, {80, 20, false, NOW, -1},
     "1 thing needs you  (live; q quits)\n\n"
     "NEEDS YOU (1)\n(X) shop  green is failing\n    refused, blue -> green, switched 3 min ago\n    5xx 5% > 1%\n"
     "    haldane show B\n\n"
     "WATCHING (1)\n(o) shop  watching  blue -> green, 3 min left\n    Watching green (from blue)\n"
     "    5xx 0.1% within 1%\n\n"
     "LAST 12 HOURS  1 passed.\n(X) shop  2 min ago  green is failing\n(v) shop  14:00Z  v2 passed\n"},
    {"small", BUSY, {20, 5, false, NOW, -1},
     "1 thing needs you  (\n\nNEEDS YOU (1)\n(X) shop  green is f\n... 12 more lines: m\n"},
    {"colour ends where it should", QUIET, {12, 3, true, NOW, -1},
     "\x1b[32mAll well: no\x1b[0m\n\n... 2 more l\n"},
    {"stale", QUIET, {60, 2, false, NOW, NOW - 60000},
     "STALE since 22:22:20Z: the daemon does not answer  (q quits)\n"
     "... 4 more lines: make the terminal taller, or haldane list\n"},
    {"a notice without a guard", FLEET("x", "true", NOTICE, "", "", ""), {80, 5, false, NOW, -1},
     "x  (live; q quits)\n\nNEEDS YOU (1)\n(X) The store is?[2J full  haldane  just now\n"
     "... 3 more lines: make the terminal "
     "taller, or haldane list\n"},
    {"left alone is not green", LEFT("1 release is being watched"), {80, 20, true, NOW, -1},
     "\x1b[33m1 release is being watched\x1b[0m  (live; q quits)\n\n"
     "\x1b[1mWATCHING (1)\x1b[0m\n\x1b[33m(?) shop\x1b[0m  watching  blue -> green\n    Watching green (from blue)\n"
     "\x1b[33m    haldane will NOT take this back: \x1b[0mautomatic reverts are held: freeze\n\n"
     "\x1b[1mLAST 12 HOURS\x1b[0m  \n"},
    {"nonsense", "[7]", {80, 20, false, NOW, -1}, "haldane  (live; q quits)\n\nLAST 12 HOURS\n"},
};

static void parse(const char *text, struct json **ret)
{
    struct hd_error err;
    if (json_parse((struct hd_span){text, strlen(text)}, ret, &err))
        fail_msg("%s: %s", text, err.text);
}

static void screens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        JSON_AUTO fleet = NULL;
        BUF_AUTO got = BUF_INIT(1u << 16);
        parse(rows[i].fleet, &fleet);
        screen_render(fleet, &rows[i].look, &got);
        if (!str_is(buf_at(&got), rows[i].want))
            fail_msg("%s: got\n%swant\n%s", rows[i].name, buf_at(&got), rows[i].want);
    }
}

/* At any size: no line too long, none too many. */
static void sizes(void **state)
{
    (void)state;
    JSON_AUTO fleet = NULL;
    parse(BUSY, &fleet);
    for (size_t width = 20; width < 90; width += 7) {
        for (size_t height = 4; height < 20; height++) {
            BUF_AUTO got = BUF_INIT(1u << 16);
            screen_render(fleet, &(struct screen){width, height, false, NOW, -1}, &got);
            size_t lines = 0;
            for (const char *line = buf_at(&got); *line; lines++) {
                size_t n = strcspn(line, "\n");
                assert_true(n <= width);
                line += n + 1;
            }
            assert_true(lines <= height);
        }
    }
}

/* One after the other, as looks at one daemon. */
static const struct step {
    const char *fleet, *lines;
} steps[] = {
    {BUSY, "22:23:20 shop  refused       ACT NOW: green is failing: 5xx 5% > 1%\n"
           "22:23:20 shop  watching      Watching green (from blue)\n"},
    {BUSY, ""},
    {FLEET("x", "true", NOTICE, REFUSED, "", REFUSED "," PASSED),
     "22:23:20 haldane  notice        ACT NOW: The store is?[2J full: disk\n"},
    {FLEET("x", "true", NOTICE, "", "", GUARD("A", "passed", "green passed", "") "," REFUSED "," PASSED),
     "22:23:20 shop  passed        green passed\n"},
    {FLEET("x", "true", "", "", GUARD("D", "warming", "Watching", ""), ""), "22:23:20 shop  warming       Watching\n"},
    {ALONE, WATCHING},
    {LEFT("x"), "22:23:20 shop  watching      Watching green (from blue); haldane will NOT take this back: automatic "
                "reverts are held: freeze\n"},
    {LEFT("x"), ""},
    {ALONE, WATCHING},
};

static void changes(void **state)
{
    (void)state;
    struct screen_seen seen = {.n = 0}, others = {.n = 0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        JSON_AUTO fleet = NULL;
        BUF_AUTO got = BUF_INIT(1u << 16);
        parse(steps[i].fleet, &fleet);
        screen_changes(fleet, &seen, NOW, false, &got);
        if (!str_is(buf_at(&got), steps[i].lines))
            fail_msg("step %zu: got\n%swant\n%s", i, buf_at(&got), steps[i].lines);
    }
    JSON_AUTO fleet = NULL;
    BUF_AUTO got = BUF_INIT(1u << 16);
    parse(steps[0].fleet, &fleet);
    screen_changes(fleet, &others, NOW, true, &got);
    assert_string_equal(buf_at(&got),
                        "{\"at\":\"2023-11-14T22:23:20.000Z\",\"id\":\"B\",\"service\":\"shop\",\"state\":\"refused\","
                        "\"headline\":\"green is failing\",\"why\":\"5xx 5% \\u003e 1%\",\"needs_human\":true,"
                        "\"would_not_because\":null}\n"
                        "{\"at\":\"2023-11-14T22:23:20.000Z\",\"id\":\"A\",\"service\":\"shop\",\"state\":\"watching\","
                        "\"headline\":\"Watching green (from blue)\",\"why\":\"5xx 0.1% within 1%\","
                        "\"needs_human\":false,\"would_not_because\":null}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(screens), cmocka_unit_test(sizes), cmocka_unit_test(changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
