/* SPDX-License-Identifier: Apache-2.0
 *
 * What counts as the normal past of a side: its time under releases that were not rejected. That the rest
 * is left out, to the window around it, and what a guard can say with what remains.
 */
#include "engine/past.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BIN_MS = 5000, MINUTE = 60000, HOUR = 60 * MINUTE, POLLS = 60 };

#define SINCE ((int64_t)100 * HOUR)
#define AGO(minutes) (SINCE - (int64_t)(minutes) * MINUTE)

static void a_rejected_release_is_left_out_with_its_window(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct past_switch on[3];
        size_t n;
        int64_t before, span; /* minutes */
        bool want;
    } rows[] = {
        {"no switch", {{0}}, 0, 5, 1, false},
        {"one that was good", {{AGO(30), AGO(28), false}}, 1, 28, 2, false},
        {"within", {{AGO(30), AGO(20), true}}, 1, 25, 1, true},
        {"around", {{AGO(30), AGO(28), true}}, 1, 10, 60, true},
        {"a minute before it", {{AGO(30), AGO(20), true}}, 1, 30, 1, true},
        {"two minutes before it", {{AGO(30), AGO(20), true}}, 1, 31, 1, false},
        {"a minute after it", {{AGO(30), AGO(20), true}}, 1, 19, 1, true},
        {"two minutes after it", {{AGO(30), AGO(20), true}}, 1, 18, 1, false},
        {"it stays until the next one comes", {{AGO(90), AGO(88), true}, {AGO(30), AGO(20), false}}, 2, 40, 1, true},
        {"and the next one is normal", {{AGO(90), AGO(88), true}, {AGO(30), AGO(20), false}}, 2, 25, 1, false},
        {"between two of them", {{AGO(90), AGO(88), true}, {AGO(80), AGO(78), true}}, 2, 84, 1, true},
        {"a good one before", {{AGO(90), AGO(88), false}, {AGO(80), AGO(78), true}}, 2, 84, 1, false},
        {"rejected to this day", {{AGO(30), SINCE, true}}, 1, 0, 1, true},
        {"of all time", {{0, AGO(30), true}}, 1, 60L * 24, 1, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct past_releases r = {rows[i].on, rows[i].n, SINCE};
        if (past_left_out(&r, rows[i].before * MINUTE, rows[i].span * MINUTE) != rows[i].want)
            fail_msg("%s", rows[i].name);
    }
    assert_false(past_left_out(NULL, 0, MINUTE));
}

/* --- a guard over what was learned --- */

static struct hd_check errors = {
    .name = "errors", .unit = "share", .max = NAN, .min = NAN, .warn = NAN, .worse_than_baseline = NAN,
    .min_of_baseline = NAN, .tolerance = 1.15, .tolerance_abs = NAN, .weight = 1, .min_samples = 100,
    .fail_after = {HD_RULE_SEQUENTIAL, 3, 0},
};
static const struct hd_policy policy = {
    .checks = &errors, .n_checks = 1, .on_inconclusive = HD_ON_INCONCLUSIVE_PAGE,
    .guard = {.duration_ms = POLLS * BIN_MS, .interval_ms = BIN_MS, .blind_for_ms = 120000,
              .fail_after = {HD_RULE_SEQUENTIAL, 3, 0}, .pass_score = NAN, .false_rollbacks = 0.01,
              .tolerance = 1.15, .ignore_blips_ms = 20000},
};

/* The past of a side that was bad in some minutes of its last hours, and good in the others. */
static bool learn(int hours, const struct past_releases *releases, bool (*bad)(int64_t minute), struct hd_past *ret)
{
    struct past_bins b = {.releases = releases,
                          .events = calloc(PAST_BINS_MAX, sizeof(double)),
                          .exposure = calloc(PAST_BINS_MAX, sizeof(double))};
    past_begin(&policy, &errors, BIN_MS, &b);
    for (int64_t chunk; (chunk = past_next_ms(&b, &errors)) > 0; past_read(&b, chunk)) {
        for (int64_t at = b.back_ms; at < b.back_ms + chunk && at < (int64_t)hours * HOUR; at += BIN_MS) {
            struct hd_measurement m = {.fresh = true, .exposure = 500, .value = NAN, .covers_ms = BIN_MS};
            m.events = bad(at / MINUTE) ? 150 : (double)(at / BIN_MS % 2);
            past_put(&b, &errors, at, &m);
        }
    }
    bool enough = past_end(&policy, 0, &b, ret);
    free(b.events);
    free(b.exposure);
    return enough;
}

/* A release after a full switch, with this share of errors. *ret_polls: until it ended. */
static enum hd_verdict_kind judge_release(const struct hd_past *past, double share, int *ret_polls)
{
    struct hd_guard_state s;
    struct hd_verdict v = {.kind = HD_VERDICT_NONE};
    struct hd_error err;
    engine_state_init(&policy, &s);
    if (past) {
        const struct hd_evidence e = {.before = true, .past = past, .n_past = 1};
        assert_int_equal(engine_step(&policy, &s, &e, 0, &s, &v, &err), HD_OK);
    }
    for (*ret_polls = 0; v.kind == HD_VERDICT_NONE && *ret_polls < 2 * POLLS;) {
        struct hd_measurement m = {.role = HD_CANDIDATE, .fresh = true, .exposure = 500, .events = 500 * share,
                                   .value = NAN, .covers_ms = BIN_MS};
        struct hd_evidence e = {.poll = (uint32_t)++*ret_polls, .m = &m, .n = 1, .scrape_ms = BIN_MS};
        e.presence[HD_CANDIDATE] = (struct hd_presence){true, 1000000, 3, 3};
        e.presence[HD_STABLE] = (struct hd_presence){true, 0, 3, 3};
        assert_int_equal(engine_step(&policy, &s, &e, *ret_polls * BIN_MS, &s, &v, &err), HD_OK);
    }
    return v.kind;
}

static bool in_a_minute(int64_t minute) { return minute == 40; }
static bool in_most(int64_t minute) { return minute % 10 < 8; }

/* One bad minute makes everything look like noise for hours; two, minutes apart, all the more. */
static void what_was_rejected_blinds_nobody(void **state)
{
    (void)state;
    struct hd_past whole, clean;
    int polls;
    const struct past_switch on[] = {{AGO(41), AGO(39), true}, {AGO(30), AGO(25), false}};
    const struct past_releases releases = {on, 2, SINCE};
    assert_true(learn(3, NULL, in_a_minute, &whole));
    assert_true(learn(3, &releases, in_a_minute, &clean));
    assert_true(whole.rho > .1 && clean.rho < .001);
    assert_int_equal(judge_release(&clean, .05, &polls), HD_VERDICT_FAIL);
    assert_true(polls <= 8);
    assert_int_equal(judge_release(&clean, .001, &polls), HD_VERDICT_PASS);
}

/* I1: with too little that is clean there is no past, and without one nothing passes or fails by it. */
static void I1_too_little_that_is_clean_is_no_pass(void **state)
{
    (void)state;
    struct past_switch on[36];
    struct hd_past past;
    int polls;
    for (int i = 0; i < 36; i++) /* every ten minutes a bad one, and a good one that stays for two */
        on[i] = (struct past_switch){AGO(180 - 10 * (i / 2) - (i % 2) * 8), SINCE, i % 2 == 0};
    const struct past_releases releases = {on, 36, SINCE};
    assert_true(learn(3, NULL, in_most, &past));
    assert_false(learn(3, &releases, in_most, &past));
    assert_int_equal(judge_release(NULL, .3, &polls), HD_VERDICT_INCONCLUSIVE);
    assert_int_equal(judge_release(NULL, .001, &polls), HD_VERDICT_INCONCLUSIVE);
    errors.max = .02; /* a limit needs no past */
    assert_int_equal(judge_release(NULL, .3, &polls), HD_VERDICT_FAIL);
    assert_int_equal(judge_release(NULL, .001, &polls), HD_VERDICT_PASS);
    errors.max = NAN;
}

/* --- bounds --- */

/* One pod whose requests are slower than 0.1 s in 5 % of cases, and in all of them for ten minutes. */
static void bounds_are_picked_without_it(void **state)
{
    (void)state;
    static struct hd_point fast[121], all[121];
    const int64_t chunk = 10 * MINUTE;
    double n[2] = {0, 0};
    for (size_t i = 0; i < 121; i++) {
        all[i] = (struct hd_point){SINCE - chunk + (int64_t)i * BIN_MS, n[1] += 100};
        fast[i] = (struct hd_point){all[i].at_ms, n[0] += i < 60 ? 0 : 95};
    }
    struct hd_row row[2] = {{.series = "a", .key = "0.1", .point = fast, .n = 121},
                            {.series = "b", .key = "+Inf", .point = all, .n = 121}};
    const struct hd_rows rows = {.row = row, .n = 2};
    const struct hd_query query = {.kind = HD_QUERY_COUNTS, .classify = HD_CLASSIFY_BUCKET};
    const struct counts_look look = {.query = &query, .role_of = {HD_STABLE}, .at_ms = SINCE,
                                     .interval_ms = BIN_MS, .rows = &rows};
    const struct past_switch on[] = {{AGO(12), AGO(11), true}, {AGO(5), AGO(4), false}};
    const struct past_releases releases = {on, 2, SINCE};
    struct hd_error err;
    for (int left_out = 0; left_out < 2; left_out++) {
        struct past_bounds b = {.n = 0};
        const struct past_bins bins = {.releases = left_out ? &releases : NULL};
        assert_int_equal(past_add_bounds(&look, &bins, chunk, &b, &err), HD_OK);
        assert_int_equal(b.n, 1);
        double share = b.slower[0] / b.requests[0];
        assert_true(left_out ? fabs(share - .05) < 1e-9 && b.requests[0] < 5000 : share > .4 && b.requests[0] > 11000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rejected_release_is_left_out_with_its_window),
        cmocka_unit_test(what_was_rejected_blinds_nobody),
        cmocka_unit_test(I1_too_little_that_is_clean_is_no_pass),
        cmocka_unit_test(bounds_are_picked_without_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
