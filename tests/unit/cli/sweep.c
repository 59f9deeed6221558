/* SPDX-License-Identifier: Apache-2.0
 *
 * Sweeps: reading the limits, judging the same polls under each, and saying what came out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "cli/sweep.h"

static const struct {
    const char *text, *check; /* check: NULL: refused */
    size_t n;
    double last;
} texts[] = {
    {"5xx=1%", "5xx", 1, .01},
    {"http-5xx-ratio=0.5%,1%,0.02", "http-5xx-ratio", 3, .02},
    {"a=b=7", "a=b", 1, 7},
    {"5xx", NULL},
    {"=1%", NULL},
    {"5xx=", NULL},
    {"5xx=1%,", NULL},
    {"5xx=x", NULL},
    {"5xx=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", NULL},
};

static void limits_are_read_or_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ARENA_AUTO a = arena_new();
        struct sweep s;
        struct hd_error err;
        bool ok = !sweep_read(a, texts[i].text, &s, &err);
        if (ok != (texts[i].check != NULL) ||
            (ok && (strcmp(s.check, texts[i].check) || s.n != texts[i].n ||
                    fabs(s.value[s.n - 1] - texts[i].last) > 1e-12)))
            fail_msg("'%s'", texts[i].text);
    }
}

static const struct {
    struct sweep_row row;
    const char *want;
} rows[] = {
    {{.reverts = 0}, "no revert"},
    {{.reverts = 0, .missed = 2}, "no revert, 2 missed"},
    {{.reverts = 1}, "1 revert"},
    {{.reverts = 1, .real = 1}, "1 revert, real"},
    {{.reverts = 2, .real = 2}, "2 reverts, both real"},
    {{.reverts = 3, .false_ones = 3}, "3 reverts, all false"},
    {{.reverts = 5, .real = 2, .false_ones = 3}, "5 reverts, 2 real, 3 false"},
    {{.reverts = 4, .real = 2, .false_ones = 1, .missed = 1},
     "4 reverts, 2 real, 1 false, 1 unknown, 1 missed"},
};

static void rows_are_sentences(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        assert_string_equal(sweep_text(a, &rows[i].row), rows[i].want);
    }
}

/* A switch whose candidate fails `share` of its requests in every poll. */
static struct trial *trial_of(struct hd_arena *a, const struct hd_policy *p, double share,
                              enum trial_truth truth)
{
    struct trial *t = arena_of(a, struct trial);
    *t = (struct trial){.policy = p, .truth = truth, .n = 20, .stable = "blue", .candidate = "green",
                        .evidence = arena_many(a, 20, struct store_evidence)};
    for (uint32_t i = 0; i < 20; i++) {
        struct hd_measurement m = {.role = HD_CANDIDATE, .fresh = true, .exposure = 1000, .value = NAN,
                                   .events = share * 1000, .covers_ms = 5000};
        t->evidence[i] = (struct store_evidence){
            .t_ms = 5000 * (i + 1), .evidence = {.poll = i + 1, .m = arena_copy(a, &m, sizeof m), .n = 1}};
    }
    return t;
}

static void each_limit_judges_all_switches(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct hd_check check = {.name = "5xx", .max = .01, .min = NAN, .warn = NAN, .weight = 1,
                             .worse_than_baseline = NAN, .min_of_baseline = NAN,
                             .fail_after = {HD_RULE_CONSECUTIVE, 3, 0}, .min_samples = 20};
    struct hd_policy p = {.name = "shop", .checks = &check, .n_checks = 1,
                          .guard = {.duration_ms = 900000, .interval_ms = 5000, .pass_score = NAN}};
    const struct trial *trials[] = {trial_of(a, &p, .05, TRIAL_BAD), trial_of(a, &p, .015, TRIAL_BAD),
                                    trial_of(a, &p, .007, TRIAL_GOOD), trial_of(a, &p, .007, TRIAL_UNKNOWN),
                                    trial_of(a, &p, .001, TRIAL_GOOD)};
    static const char *const want[] = {"4 reverts, 2 real, 1 false, 1 unknown", "2 reverts, both real",
                                       "1 revert, real, 1 missed"};
    struct sweep s;
    struct sweep_row row[SWEEP_VALUES_MAX];
    struct hd_error err;
    assert_int_equal(sweep_read(a, "5xx=0.5%,1%,2%", &s, &err), HD_OK);
    if (sweep_run(&s, trials, 5, row, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(sweep_text(a, &row[i]), want[i]);
        assert_int_equal(row[i].own, i == 1);
    }
    assert_true(sweep_default(&check, &s) && s.n == 5);
    check.max = NAN;
    assert_false(sweep_default(&check, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read_or_refused),
        cmocka_unit_test(rows_are_sentences),
        cmocka_unit_test(each_limit_judges_all_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
