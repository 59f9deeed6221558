/* SPDX-License-Identifier: Apache-2.0
 *
 * What a revert would do right now, and how the guards of a service have done: rows in, sentence out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/record.h"
#include "http/way.h"

#define NOW 1000000000

static struct store_guard guard(int state)
{
    return (struct store_guard){.state = state,
                                .service = "shop",
                                .stable = "blue",
                                .candidate = "green",
                                .switch_to_ms = NOW - 60000,
                                .decided_ms = NOW - 30000,
                                .native = "move blue",
                                .mode = HD_MODE_ENFORCE};
}

static void test_way(void **state)
{
    static const struct store_service service = {.name = "shop", .mode = "enforce"};
    static const struct stance acts = {.known = true},
                               held = {.known = true, .act = {.reason = HD_REASON_HELD}, .left = "60 s left",
                                       .because = "automatic reverts are held until 10:31:00Z: freeze"},
                               small = {.known = true,
                                        .act = {.reason = HD_REASON_HELD},
                                        .because = "automatic reverts are held",
                                        .order = {.reason = HD_REASON_TARGET_SMALL, .target = "blue", .ready = 1,
                                                  .wanted = 2, .until_ms = -1}};
    static const struct {
        const char *name;
        int guard; /* its state; -1: none */
        uint32_t green_ppm, ready, wanted;
        int64_t age_ms;
        bool configured;
        const struct stance *stance;
        const char *rejected, *alarm;
        enum way_state want;
        const char *line; /* one of its lines; NULL: none is asked for */
        bool native;
        int64_t kept_for_ms;
        const char *sentence; /* NULL: none is asked for */
    } row[] = {
        {"open", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &acts, NULL, NULL, WAY_OPEN,
         "blue has 2 members ready", true},
        {"part of the traffic", HD_STATE_WATCHING, 100000, 2, 2, 0, true, &acts, NULL, NULL, WAY_OPEN,
         NULL, true},
        {"not ready", HD_STATE_WATCHING, 1000000, 0, 2, 0, true, &acts, NULL, NULL, WAY_BLOCKED,
         "would be the outage", true},
        {"half ready", HD_STATE_WATCHING, 1000000, 1, 2, 0, true, &acts, NULL, NULL, WAY_DOUBT,
         "only 1 of 2", true},
        {"readiness unknown", HD_STATE_WATCHING, 1000000, UINT32_MAX, UINT32_MAX, 0, true, &acts,
         NULL, NULL, WAY_DOUBT, "cannot be seen", true},
        {"an old reading", HD_STATE_WATCHING, 1000000, 2, 2, 61000, true, &acts, NULL, NULL,
         WAY_DOUBT, "last read 61 s ago", true},
        {"rejected", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &acts, "failed a guard", NULL,
         WAY_DOUBT, "rejected (failed a guard)", true},
        {"held: an order still works", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &held, NULL, NULL,
         WAY_ORDER, "By itself haldane would not go it: automatic reverts are held until 10:31:00Z: freeze, 60 s left",
         true, 0, "By itself haldane would not revert to blue right now: automatic reverts are held until 10:31:00Z: "
         "freeze, 60 s left. An order would work."},
        {"held, an old reading", HD_STATE_WATCHING, 1000000, 2, 2, 61000, true, &held, NULL, NULL, WAY_ORDER,
         "last read 61 s ago", true, 0, NULL},
        {"not even by an order", HD_STATE_WATCHING, 1000000, 1, 2, 0, true, &small, NULL, NULL, WAY_BLOCKED,
         "blue has 1 of 2 members ready, and the candidate still serves better", true, 0,
         "A revert to blue would be refused right now."},
        {"held, while it is being taken back", HD_STATE_REVERTING, 1000000, 2, 2, 0, true, &held, NULL, NULL,
         WAY_OPEN, NULL, true, 0, NULL},
        {"nothing is known of it", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, NULL, NULL, NULL, WAY_OPEN, NULL, true,
         0, "A revert to blue would work right now."},
        {"kept for a while", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &acts, NULL, NULL, WAY_OPEN,
         "kept for 10m 00s after the switch", true, 600000, NULL},
        {"kept for long enough ago", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &acts, NULL, NULL, WAY_DOUBT,
         "it may be gone", true, 30000, NULL},
        {"there already", HD_STATE_REVERTED, 0, 2, 2, 0, true, &acts, NULL, NULL, WAY_THERE, NULL,
         false},
        {"ended, and still on the candidate", HD_STATE_ADVISED, 1000000, 2, 2, 0, true, &held, NULL,
         NULL, WAY_OPEN, NULL, true, 0, "An order to go back to blue would work right now; haldane does not do it by "
         "itself, its guard has ended."},
        {"no guard yet", -1, 1000000, 2, 2, 0, true, &acts, NULL, NULL, WAY_NONE, NULL, false},
        {"no service any more", HD_STATE_ADVISED, 1000000, 2, 2, 0, false, NULL, NULL, NULL,
         WAY_BLOCKED, "no longer configured", true},
        {"the loop is stuck", HD_STATE_WATCHING, 1000000, 2, 2, 0, true, &acts, NULL, "stuck!",
         WAY_BLOCKED, "stuck!", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        struct store_guard g = guard(row[i].guard);
        struct store_reading r = {
            .service = "shop",
            .last_ms = NOW - row[i].age_ms,
            .n_sides = 2,
            .side = {{"blue", 1000000 - row[i].green_ppm, row[i].ready, row[i].wanted},
                     {"green", row[i].green_ppm, 2, 2}}};
        struct way_facts f = {.service = row[i].configured ? &service : NULL,
                              .reading = &r,
                              .guard = row[i].guard < 0 ? NULL : &g,
                              .stance = row[i].stance,
                              .rejected = row[i].rejected,
                              .alarm = row[i].alarm,
                              .kept_for_ms = row[i].kept_for_ms,
                              .now_ms = NOW};
        struct way w;
        way_find(a, &f, &w);
        bool line = !row[i].line;
        for (size_t k = 0; k < w.n; k++)
            line |= row[i].line && strstr(w.line[k].text, row[i].line);
        int64_t until = row[i].kept_for_ms ? NOW - 60000 + row[i].kept_for_ms : -1;
        if (w.until_ms != until)
            fail_msg("%s: can be taken back until %lld", row[i].name, (long long)w.until_ms);
        if (row[i].sentence && !str_is(w.sentence, row[i].sentence))
            fail_msg("%s: \"%s\"", row[i].name, w.sentence);
        if (w.state != row[i].want || !line || (w.native != NULL) != row[i].native || !w.sentence)
            fail_msg("%s: state %d, \"%s\", native %s, line %s", row[i].name, (int)w.state,
                     w.sentence, w.native, line ? "there" : "missing");
    }
}

/* What was read too long ago promises nothing; at a decision the router is read, or cannot be. */
static void test_old_reading(void **state)
{
    static const struct store_service service = {.name = "shop", .mode = "enforce"};
    static const struct stance acts = {.known = true},
                               held = {.known = true, .act = {.reason = HD_REASON_HELD}, .left = "60 s left",
                                       .because = "automatic reverts are held"};
    static const struct {
        const char *name;
        int64_t age_ms; /* the decision is 30 s old */
        const struct stance *stance;
        const char *old, *sentence; /* NULL: not old */
        bool unread;
    } row[] = {
        {"a human was told that it cannot be read", 4000, &acts, "4.0 s",
         "Whether a revert to blue would work is not known: the router was last read 4.0 s ago.", true},
        {"read a minute ago", 61000, &acts, "61 s",
         "Whether a revert to blue would work is not known: the router was last read 61 s ago."},
        {"not read since the decision", 31000, &acts, "31 s",
         "Whether a revert to blue would work is not known: the router was last read 31 s ago."},
        {"read since", 29000, &acts, NULL, "A revert to blue would work right now."},
        {"held, too", 61000, &held, "61 s",
         "By itself haldane would not revert to blue right now: automatic reverts are held, 60 s left. Whether an "
         "order would work is not known: the router was last read 61 s ago."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        struct store_guard g = guard(HD_STATE_WATCHING);
        struct store_reading r = {.service = "shop", .last_ms = NOW - row[i].age_ms, .n_sides = 2,
                                  .side = {{"blue", 0, 2, 2}, {"green", 1000000, 2, 2}}};
        struct way_facts f = {.service = &service, .reading = &r, .guard = &g, .stance = row[i].stance,
                              .unread = row[i].unread, .now_ms = NOW};
        struct way w;
        way_find(a, &f, &w);
        if (!str_is(w.sentence, row[i].sentence) || !str_is(w.old ? w.old : "", row[i].old ? row[i].old : ""))
            fail_msg("%s: old %s: \"%s\"", row[i].name, w.old, w.sentence);
    }
}

/* A way that did not work is in doubt; one that haldane would not have gone then is asked about anew. */
static void test_rehearsal(void **state)
{
    static const struct store_service service = {.name = "shop", .mode = "enforce"};
    static const struct stance acts = {.known = true};
    static const struct store_reading r = {
        .service = "shop", .last_ms = NOW, .n_sides = 2, .side = {{"blue", 0, 2, 2}, {"green", 1000000, 2, 2}}};
    static const struct {
        const char *rehearsal;
        enum way_state want;
    } row[] = {{"ok: would send 1 request", WAY_OPEN},
               {"a revert would not work right now: permission denied", WAY_DOUBT},
               {"haldane would not revert by itself right now: cool-down", WAY_OPEN}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        struct store_guard g = guard(HD_STATE_WATCHING);
        struct way w;
        g.rehearsal = row[i].rehearsal;
        way_find(a, &(struct way_facts){.service = &service, .reading = &r, .guard = &g, .stance = &acts, .now_ms = NOW},
                 &w);
        if (w.state != row[i].want)
            fail_msg("%s: state %d", row[i].rehearsal, (int)w.state);
    }
}

/* Nor would an order surely work where the last one did not. */
static void test_last_change(void **state)
{
    static const struct store_service service = {.name = "shop", .mode = "enforce"};
    static const struct store_reading r = {
        .service = "shop", .last_ms = NOW, .n_sides = 2, .side = {{"blue", 0, 2, 2}, {"green", 1000000, 2, 2}}};
    static const struct {
        int state;
        int64_t sent_ms, verified_ms;
        enum way_state want;
        const char *says;
        int ended_by;
    } row[] = {{HD_STATE_ADVISED, -1, -1, WAY_OPEN, NULL},
               {HD_STATE_REFUSED, -1, -1, WAY_DOUBT, "The probe of blue failed", HD_REASON_TARGET_PROBE},
               {HD_STATE_REFUSED, -1, -1, WAY_OPEN, NULL, HD_REASON_TARGET_NOT_READY},
               {HD_STATE_REFUSED, -1, -1, WAY_OPEN, NULL},
               {HD_STATE_REFUSED, NOW, -1, WAY_DOUBT, "The router refused"},
               {HD_STATE_NOT_VERIFIED, NOW, -1, WAY_DOUBT, "had no effect that could be read"},
               {HD_STATE_NOT_VERIFIED, NOW, NOW, WAY_DOUBT, "was undone"}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        struct store_guard g = guard(row[i].state);
        struct way w;
        bool said = !row[i].says;
        g.sent_ms = row[i].sent_ms;
        g.verified_ms = row[i].verified_ms;
        way_find(a, &(struct way_facts){.service = &service, .reading = &r, .guard = &g, .ended_by = row[i].ended_by,
                                        .now_ms = NOW}, &w);
        for (size_t k = 0; k < w.n; k++)
            said |= row[i].says && strstr(w.line[k].text, row[i].says);
        if (w.state != row[i].want || !said)
            fail_msg("row %zu: state %d, %s", i, (int)w.state, w.sentence);
    }
}

static void test_record(void **state)
{
    struct store_guard list[6] = {guard(HD_STATE_REVERTED), guard(HD_STATE_REVERTED),
                                  guard(HD_STATE_REVERTED), guard(HD_STATE_PASSED),
                                  guard(HD_STATE_WATCHING), guard(HD_STATE_REVERTED)};
    static const int64_t detect[] = {60000, 10000, 30000};
    struct record r;
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1000);
    for (size_t i = 0; i < 6; i++) {
        struct store_guard *g = &list[i];
        g->decided_ms = g->verified_ms = g->recovered_ms = g->bad_since_ms = -1;
        g->marked_ms = -1;
        g->switch_to_ms = NOW;
        if (i < 3) {
            g->verdict = HD_VERDICT_FAIL;
            g->bad_since_ms = NOW + 1;
            g->decided_ms = NOW + detect[i];
            g->verified_ms = g->decided_ms + 3000;
        }
    }
    list[0].marked_ms = NOW, list[0].was_good = true;
    list[5].verdict = HD_VERDICT_FAIL; /* by an order: nothing was seen to be bad */
    list[5].decided_ms = NOW + 1;
    list[5].verified_ms = NOW + 2;
    record_of(a, list, 6, &r);
    assert_int_equal(r.guards, 5);
    assert_int_equal(r.alarms, 3);
    assert_int_equal(r.false_alarms, 1);
    assert_int_equal(r.detect_ms, 30000); /* the order is no detection */
    assert_int_equal(r.revert_ms, 3000);
    assert_int_equal(r.recover_ms, -1);
    record_say(&b, &r);
    assert_string_equal(b.at, "Of 5 guards 3 raised an alarm; 1 of these was marked false (33%).");
    list[3].verdict = HD_VERDICT_PASS;
    list[3].marked_ms = NOW;
    record_of(a, list, 6, &r);
    buf_clear(&b);
    record_say(&b, &r);
    assert_string_equal(b.at, "Of 5 guards 3 raised an alarm; 1 of these was marked false (33%); "
                              "1 other was bad and not caught.");
    list[3].was_good = true; /* it passed, rightly */
    record_of(a, list, 6, &r);
    assert_int_equal(r.missed, 0);
    buf_clear(&b);
    record_times(&b, &r);
    assert_string_equal(b.at, "detected 30 s, reverted 3.0 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_way), cmocka_unit_test(test_old_reading),
                                       cmocka_unit_test(test_rehearsal), cmocka_unit_test(test_last_change),
                                       cmocka_unit_test(test_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
