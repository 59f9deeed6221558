/* SPDX-License-Identifier: Apache-2.0
 *
 * The post-mortem: foreign text stays text in Markdown, and the users affected are counted as its
 * formula says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/export.h"
#include "http/graph.h"
#include "base/arena.h"

static void test_text(void **state)
{
    static const struct {
        const char *text, *want;
    } row[] = {
        {NULL, ""},
        {"plain text, 5%", "plain text, 5%"},
        {"a|b", "a\\|b"},
        {"# no heading\n- no list", "\\# no heading - no list"},
        {"[x](javascript:1)", "\\[x\\](javascript:1)"},
        {"<img> `code` *b* _i_ ~s~ ![i]", "\\<img\\> \\`code\\` \\*b\\* \\_i\\_ \\~s\\~ \\!\\[i\\]"},
        {"\x1B[31mred\x7F", " \\[31mred "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(1000);
        export_text(&b, row[i].text);
        assert_string_equal(buf_at(&b), row[i].want);
    }
}

/* Polls of {errors, requests} on both sides; stable without requests: the minutes before count. */
static void test_affected(void **state)
{
    static const struct {
        const char *name;
        bool complement, failed;
        uint32_t broken;
        double candidate[2][2], stable[2][2], before[2];
        double want;
        uint32_t polls;
    } row[] = {
        {"beside stable", false, true, 3, {{50, 100}, {20, 100}}, {{1, 100}, {0, 100}}, {0, 0}, 69, 2},
        {"against before", false, true, 3, {{50, 100}, {20, 100}}, {{0, 0}, {0, 0}}, {10, 1000}, 68, 2},
        {"better than usual is not paid back", false, true, 3, {{0, 100}, {20, 100}}, {{50, 100}, {0, 100}},
         {0, 0}, 20, 2},
        {"successes counted", true, true, 3, {{50, 100}, {80, 100}}, {{100, 100}, {100, 100}}, {0, 0}, 70, 2},
        {"over its limit, and it does not count", false, false, 1, {{50, 100}, {20, 100}}, {{0, 0}, {0, 0}},
         {100, 1000}, 50, 2},
        {"nothing failed", false, false, 0, {{50, 100}, {20, 100}}, {{1, 100}, {0, 100}}, {0, 0}, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct hd_check_state s = {.broken = row[i].broken,
                                   .before_events = row[i].before[0], .before_exposure = row[i].before[1]};
        struct check_view c = {.name = "errors", .kind = "counts", .complement = row[i].complement,
                               .tone = row[i].failed ? TONE_FAIL : TONE_PASS, .state = &s};
        struct hd_measurement m[2][2];
        struct store_evidence e[2];
        for (int k = 0; k < 2; k++) {
            const double *const side[] = {row[i].stable[k], row[i].candidate[k]};
            for (int r = 0; r < 2; r++)
                m[k][r] = (struct hd_measurement){.role = (uint8_t)r, .fresh = true,
                                                  .events = side[r][0], .exposure = side[r][1], .value = NAN};
            e[k] = (struct store_evidence){.evidence = {.poll = (uint32_t)k + 1, .m = m[k], .n = 2}};
        }
        struct guard_view v = {.check = &c, .n_checks = 1, .evidence = e, .n_evidence = 2, .polls_every = 1};
        struct affected a;
        export_affected(&v, &a);
        if (fabs(a.beyond - row[i].want) > 1e-9 || a.polls != row[i].polls)
            fail_msg("%s: %g requests in %u polls", row[i].name, a.beyond, a.polls);
    }
}

/* Where a source draws a check: the very expression, over the time of the guard, and nothing that runs. */
/* Who was told of the switch only does not know how it ended; what was counted is said to its last poll. */
static void test_told(void **state)
{
    static const struct {
        int64_t wall_ms, decided_ms;
        int32_t severity, done;
        bool resolving, knows;
    } row[] = {{1000, 5000, HD_SEVERITY_INFO, 1, false, false}, {5000, 5000, HD_SEVERITY_INFO, 1, false, true},
               {4000, 5000, HD_SEVERITY_ACT, 1, false, true},   {5000, 5000, HD_SEVERITY_ACT, 0, false, false},
               {5000, 5000, HD_SEVERITY_ACT, 1, true, false},   {1000, -1, HD_SEVERITY_INFO, 1, false, false},
               {6000, -1, HD_SEVERITY_INFO, 1, false, true}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct hd_measurement m = {.role = HD_CANDIDATE, .fresh = true, .events = 5, .exposure = 10};
        struct store_evidence e = {.wall_ms = 90123000, .evidence = {.poll = 1, .m = &m, .n = 1}};
        struct check_view c = {.name = "errors", .kind = "counts", .tone = TONE_FAIL, .unit = "share", .limit = "",
                               .word = ""};
        struct store_message told = {.sink = "chat", .done = row[i].done, .resolving = row[i].resolving,
                                     .event = {.wall_ms = row[i].wall_ms, .severity = row[i].severity}};
        struct guard_view *v = arena_of(a, struct guard_view);
        *v = (struct guard_view){.guard = {.service = "shop", .headline = "x", .stable = "blue", .candidate = "green",
                                           .ended_ms = 6000, .decided_ms = row[i].decided_ms, .sent_ms = -1,
                                           .accepted_ms = -1, .verified_ms = -1, .recovered_ms = -1, .bad_since_ms = -1},
                                 .check = &c, .n_checks = 1, .evidence = &e, .n_evidence = 1, .polls_every = 1,
                                 .told = &told, .n_told = 1};
        export_guard(&b, a, v, "http://h", 9000);
        if ((strstr(buf_at(&b), "[x] The team knows") != NULL) != row[i].knows)
            fail_msg("row %zu: %s", i, buf_at(&b));
        if (!strstr(buf_at(&b), "up to the poll of 1970-01-02 01:02:03Z)"))
            fail_msg("row %zu: %s", i, buf_at(&b));
    }
}

static void test_graph(void **state)
{
    static const char base[] = "https://prom.example/p/graph";
    static const struct {
        const char *name, *graph, *by, *query;
        int64_t ended_ms;
        const char *want; /* NULL: no link */
    } row[] = {
        {"counter", base, "version, code", "x_total{a=\"b\"}", -1,
         "https://prom.example/p/graph?g0.expr=sum%20by%20%28version%2C%20code%29%20%28rate%28x_total"
         "%7Ba%3D%22b%22%7D%5B2m%5D%29%29&g0.tab=0&g0.range_input=35m&g0.end_input=2026-11-21%2000%3A30%3A00"},
        {"counter of one side", base, "", "x_total", -1,
         "https://prom.example/p/graph?g0.expr=sum%28rate%28x_total%5B2m%5D%29%29&g0.tab=0&g0.range_input=35m"
         "&g0.end_input=2026-11-21%2000%3A30%3A00"},
        {"gauge, ended", base, NULL, "max(q) > 1", 1795219200000 + 600500,
         "https://prom.example/p/graph?g0.expr=max%28q%29%20%3E%201&g0.tab=0&g0.range_input=17m"
         "&g0.end_input=2026-11-21%2000%3A11%3A00"},
        {"no page", NULL, NULL, "q", -1, NULL},
        {"no query", base, NULL, NULL, -1, NULL},
        {"script", "javascript:alert(1)//graph", NULL, "q", -1, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        const struct check_view c = {.graph = row[i].graph, .by = row[i].by, .query = row[i].query};
        const struct store_guard g = {.switch_from_ms = 1795219200000, .ended_ms = row[i].ended_ms};
        const char *url = graph_url(a, &c, &g, 1795219200000 + 1800000);
        if (!url != !row[i].want || (url && strcmp(url, row[i].want) != 0))
            fail_msg("%s: %s", row[i].name, url);
    }
}

/* A long guard of which one poll in three was read and the newest ones: a poll that was read by itself, as those
 * are that made it fail, counts once. */
static void test_affected_of_a_long_guard(void **state)
{
    enum { POLLS = 6000, EVERY = 3, BAD = 4 };
    static struct store_evidence e[POLLS];
    static struct hd_measurement m[POLLS];
    struct hd_check_state s = {.before_events = 0, .before_exposure = 1000};
    struct check_view c = {.name = "errors", .kind = "counts", .tone = TONE_FAIL, .state = &s};
    struct affected a;
    size_t n = 0;
    (void)state;
    for (uint32_t k = 1; k <= POLLS; k++) {
        if (k % EVERY && k + STORE_SPREAD_NEWEST <= POLLS)
            continue;
        m[n] = (struct hd_measurement){.role = HD_CANDIDATE, .fresh = true, .exposure = 100, .value = NAN,
                                       .events = k + BAD > POLLS ? 50 : 0};
        e[n] = (struct store_evidence){.evidence = {.poll = k, .m = &m[n], .n = 1}};
        n++;
    }
    struct guard_view v = {.check = &c, .n_checks = 1, .evidence = e, .n_evidence = n, .polls = POLLS,
                           .polls_every = EVERY};
    export_affected(&v, &a);
    assert_true(a.beyond > 50 * BAD - 1 && a.beyond < 50 * BAD + 1);
    assert_true(fabs(a.requests - 100 * POLLS) <= 100 * EVERY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_affected),
                                       cmocka_unit_test(test_told),
                                       cmocka_unit_test(test_graph),
                                       cmocka_unit_test(test_affected_of_a_long_guard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
