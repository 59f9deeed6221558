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

static struct hd_check limited = {.name = "http-5xx-ratio", .unit = "share", .max = .01, .min = NAN, .warn = NAN,
                                  .weight = 1, .worse_than_baseline = NAN, .min_of_baseline = NAN,
                                  .fail_after = {HD_RULE_CONSECUTIVE, 3, 0}, .min_samples = 20};

static struct hd_policy policy_of(const struct hd_check *checks, uint32_t n)
{
    return (struct hd_policy){.name = "shop", .checks = checks, .n_checks = n,
                              .guard = {.duration_ms = 900000, .interval_ms = 5000, .pass_score = NAN,
                                        .false_rollbacks = .01, .tolerance = 1.15, .tolerance_abs = NAN,
                                        .ignore_blips_ms = 20000}};
}

static const struct {
    const char *text, *check; /* check: NULL: refused */
    size_t n;
    double last;
    const char *limit;
} texts[] = {
    {"http-5xx-ratio=1%", "http-5xx-ratio", 1, .01, "max"},
    {"http-5xx-ratio=0.5%,1%,0.02", "http-5xx-ratio", 3, .02, "max"},
    {"a=b=1.5x", "a=b", 1, 1.5, "worse_than_baseline"},
    {"p99=450ms,2s", "p99", 2, 2, "max"},
    {"false_rollbacks=0.1%,10%", "", 2, .1, "false_rollbacks"},
    {"tolerance=1.05x,2", "", 2, 2, "tolerance"},
    {"false_rollbacks=0", NULL},
    {"false_rollbacks=51%", NULL},
    {"tolerance=0.9x", NULL},
    {"none=1%", NULL, 0, 0, "there is no check 'none' with a limit; what can be swept: http-5xx-ratio, a=b, p99, "
                            "false_rollbacks, tolerance"},
    {"weighed=1%", NULL, 0, 0, "there is no check 'weighed' with a limit"},
    {"http-5xx-ratio", NULL},
    {"=1%", NULL},
    {"http-5xx-ratio=", NULL},
    {"http-5xx-ratio=1%,", NULL},
    {"http-5xx-ratio=x", NULL},
    {"http-5xx-ratio=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", NULL},
};

static void limits_are_read_or_refused(void **unused)
{
    (void)unused;
    struct hd_check checks[] = {limited, limited, limited, limited};
    checks[1].name = "a=b";
    checks[1].max = NAN;
    checks[1].worse_than_baseline = 2;
    checks[2].name = "p99";
    checks[2].unit = "s";
    checks[3].name = "weighed";
    checks[3].max = NAN;
    checks[3].fail_after.kind = HD_RULE_SEQUENTIAL;
    checks[3].tolerance = 1.15;
    struct hd_policy p = policy_of(checks, 4);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ARENA_AUTO a = arena_new();
        struct sweep s;
        struct hd_error err;
        bool ok = !sweep_read(a, &p, texts[i].text, &s, &err);
        if (ok != (texts[i].check != NULL) ||
            (ok && (strcmp(s.check ? s.check : "", texts[i].check) || s.n != texts[i].n ||
                    strcmp(s.limit, texts[i].limit) || fabs(s.row[s.n - 1].value - texts[i].last) > 1e-12)) ||
            (!ok && texts[i].limit && !strstr(err.text, texts[i].limit)))
            fail_msg("'%s': %s", texts[i].text, ok ? "taken" : err.text);
    }
}

static const struct {
    struct sweep_row row;
    const char *want;
} rows[] = {
    {{.reverts = 0}, "no revert"},
    {{.reverts = 0, .missed = 2}, "no revert, 2 missed"},
    {{.reverts = 0, .cut_short = 1}, "no revert, 1 cut short"},
    {{.reverts = 1}, "1 revert, unknown"},
    {{.reverts = 2}, "2 reverts, both unknown"},
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

/* A switch whose candidate fails `share` of its requests in every poll, and stable a thousandth. */
static struct trial *trial_of(struct hd_arena *a, const struct hd_policy *p, double share,
                              enum trial_truth truth, uint32_t polls)
{
    struct trial *t = arena_of(a, struct trial);
    *t = (struct trial){.policy = p, .truth = truth, .n = polls, .stable = "blue", .candidate = "green",
                        .evidence = arena_many(a, polls, struct store_evidence)};
    for (uint32_t i = 0; i < polls; i++) {
        struct hd_measurement m[HD_ROLES];
        for (uint8_t r = 0; r < HD_ROLES; r++)
            m[r] = (struct hd_measurement){.role = r, .fresh = true, .exposure = 1000, .value = NAN,
                                           .events = r == HD_CANDIDATE ? share * 1000 : 1, .covers_ms = 5000};
        t->evidence[i] = (struct store_evidence){
            .t_ms = 5000 * (i + 1),
            .evidence = {.poll = i + 1, .m = arena_copy(a, m, sizeof m), .n = HD_ROLES, .scrape_ms = 5000}};
    }
    return t;
}

#define WHOLE 181 /* polls of a guard */

static void each_limit_judges_all_switches(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct hd_policy p = policy_of(&limited, 1);
    const struct trial *trials[] = {
        trial_of(a, &p, .05, TRIAL_BAD, WHOLE), trial_of(a, &p, .015, TRIAL_BAD, WHOLE),
        trial_of(a, &p, .007, TRIAL_GOOD, WHOLE), trial_of(a, &p, .007, TRIAL_UNKNOWN, WHOLE),
        trial_of(a, &p, .001, TRIAL_GOOD, WHOLE), trial_of(a, &p, .05, TRIAL_BAD, 2)};
    static const char *const want[] = {"4 reverts, 2 real, 1 false, 1 unknown, 1 cut short",
                                       "2 reverts, both real, 1 cut short", "1 revert, real, 1 missed, 1 cut short"};
    struct sweep s, defaults[SWEEPS_MAX];
    struct hd_error err;
    assert_int_equal(sweep_read(a, &p, "http-5xx-ratio=0.5%,1%,2%", &s, &err), HD_OK);
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        if (sweep_add(&s, trials[i], &err))
            fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(sweep_text(a, &s.row[i]), want[i]);
        assert_int_equal(s.row[i].own, i == 1);
    }
    assert_int_equal(s.judged, 6);
    assert_int_equal(sweep_defaults(&p, defaults), 1);
    assert_int_equal(defaults[0].n, 5);
    struct hd_check other = limited;
    other.name = "other";
    struct hd_policy q = policy_of(&other, 1);
    assert_int_equal(sweep_add(&s, trial_of(a, &q, .05, TRIAL_BAD, WHOLE), &err), HD_OK);
    assert_int_equal(s.without, 1);
    assert_int_equal(s.judged, 6);
}

/* The chance and the tolerance of the sequential rule: whoever allows more reverts more. */
static void the_sequential_rule_is_swept(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct hd_check check = limited;
    check.max = NAN;
    check.fail_after.kind = HD_RULE_SEQUENTIAL;
    check.tolerance = 1.15;
    check.tolerance_abs = 0;
    struct hd_policy p = policy_of(&check, 1);
    struct sweep s[SWEEPS_MAX];
    struct hd_error err;
    assert_int_equal(sweep_defaults(&p, s), 2);
    assert_string_equal(s[0].limit, "false_rollbacks");
    assert_string_equal(s[1].limit, "tolerance");
    static const double share[] = {.05, .003, .002, .0017, .0015, .0014, .0013, .001};
    for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
        const struct trial *t = trial_of(a, &p, share[i], i < 7 ? TRIAL_BAD : TRIAL_GOOD, WHOLE);
        if (sweep_add(&s[0], t, &err) || sweep_add(&s[1], t, &err))
            fail_msg("%s", err.text);
    }
    for (size_t k = 0; k < 2; k++) {
        size_t own = 0;
        for (size_t i = 0; i < s[k].n; i++) {
            own += s[k].row[i].own;
            assert_int_equal(s[k].row[i].false_ones, 0);
            if (i && (k ? s[k].row[i].reverts > s[k].row[i - 1].reverts
                        : s[k].row[i].reverts < s[k].row[i - 1].reverts))
                fail_msg("%s at %g", s[k].limit, s[k].row[i].value);
        }
        assert_int_equal(own, 1);
        assert_true(s[k].row[0].reverts != s[k].row[s[k].n - 1].reverts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read_or_refused),
        cmocka_unit_test(rows_are_sentences),
        cmocka_unit_test(each_limit_judges_all_switches),
        cmocka_unit_test(the_sequential_rule_is_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
