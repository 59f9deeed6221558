/* SPDX-License-Identifier: Apache-2.0
 *
 * Intents: the journal, the open ones, and what the budgets of I6 count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

static struct store_intent intent(void)
{
    return (struct store_intent){
        .guard = "G",
        .service = "shop",
        .actuator = "haproxy",
        .kind = "revert",
        .automatic = true,
        .candidate = "green",
        .candidate_version = "v41",
        .from = "a=0",
        .to = "a=1",
        .steps = "[1]",
        .native = "echo",
        .journaled_ms = 1000,
        .sent_ms = -1,
        .done_ms = -1,
        .deadline_ms = 9000,
    };
}

static int64_t add(struct fixture *f, const struct store_intent *i)
{
    int64_t seq = 0;
    OK(f, store_add_intent(f->s, i, &seq, &f->err));
    return seq;
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct store_intent put = intent(), *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    put.seq = add(f, &put);
    fixture_commit(f);
    OK(f, store_intents(f->s, f->arena, "G", &got, &n, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(got->seq, put.seq);
    assert_string_equal(got->actuator, "haproxy");
    assert_string_equal(got->from, "a=0");
    assert_string_equal(got->to, "a=1");
    assert_true(got->automatic);
    assert_int_equal(got->outcome, HD_INTENT_JOURNALED);
    assert_int_equal(got->journaled_ms, 1000);
    assert_int_equal(got->sent_ms, -1);
    assert_null(got->follow);
    assert_null(got->text);
    put.outcome = HD_INTENT_ACCEPTED;
    put.sends = 2;
    put.step = 1;
    put.follow = "chg-7";
    put.sent_ms = 1100;
    put.done_ms = 1200;
    put.text = "ok";
    put.steps = "[1,2]";
    put.deadline_ms = 9500;
    put.to = "changed";
    put.journaled_ms = 1;
    fixture_begin(f);
    OK(f, store_put_intent(f->s, &put, &f->err));
    fixture_commit(f);
    OK(f, store_intents(f->s, f->arena, "G", &got, &n, &f->err));
    assert_int_equal(got->outcome, HD_INTENT_ACCEPTED);
    assert_int_equal(got->sends, 2);
    assert_int_equal(got->step, 1);
    assert_string_equal(got->follow, "chg-7");
    assert_string_equal(got->steps, "[1,2]");
    assert_string_equal(got->text, "ok");
    assert_int_equal(got->sent_ms, 1100);
    assert_int_equal(got->done_ms, 1200);
    assert_int_equal(got->deadline_ms, 9500);
    assert_string_equal(got->to, "a=1"); /* the journal is not rewritten */
    assert_int_equal(got->journaled_ms, 1000);
    put.seq = 99;
    fixture_begin(f);
    assert_int_equal(store_put_intent(f->s, &put, &f->err), HD_ABSENT);
    store_rollback(f->s);
}

static void test_open_ones(void **state)
{
    struct fixture *f = *state;
    struct store_intent i = intent(), *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    for (i.outcome = HD_INTENT_JOURNALED; i.outcome <= HD_INTENT_REFUSED; i.outcome++)
        add(f, &i);
    fixture_commit(f);
    OK(f, store_intents(f->s, f->arena, NULL, &got, &n, &f->err));
    assert_int_equal(n, 4);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(got[k].outcome, k);
    OK(f, store_intents(f->s, f->arena, "G", &got, &n, &f->err));
    assert_int_equal(n, 8);
    OK(f, store_intents(f->s, f->arena, "H", &got, &n, &f->err));
    assert_int_equal(n, 0);
}

struct revert_row {
    const char *name, *service, *kind, *version;
    bool automatic;
    int32_t outcome;
    int64_t sent_ms, journaled_ms;
    size_t want; /* I6: counted since 1000 for shop */
    bool want_reverted;
};

static void test_I6_what_counts(void **state)
{
    struct fixture *f = *state;
    static const struct revert_row row[] = {
        {"sent", "shop", "revert", "v41", true, HD_INTENT_VERIFIED, 1100, 1000, 1, true},
        {"journaled: perhaps sent", "shop", "revert", "v41", true, HD_INTENT_JOURNALED, -1, 1000, 1,
         true},
        {"refused before it was sent", "shop", "revert", "v41", true, HD_INTENT_REFUSED, -1, 1000,
         0, false},
        {"refused by the router", "shop", "revert", "v41", true, HD_INTENT_REFUSED, 1100, 1000, 1,
         true},
        {"a human's", "shop", "revert", "v41", false, HD_INTENT_VERIFIED, 1100, 1000, 0, false},
        {"re-apply", "shop", "reapply", "v41", true, HD_INTENT_VERIFIED, 1100, 1000, 0, false},
        {"too long ago", "shop", "revert", "v41", true, HD_INTENT_VERIFIED, 1100, 999, 0, true},
        {"another service", "api", "revert", "v41", true, HD_INTENT_VERIFIED, 1100, 1000, 0, false},
        {"another version", "shop", "revert", "v42", true, HD_INTENT_VERIFIED, 1100, 1000, 1,
         false},
        {"unknown version", "shop", "revert", NULL, true, HD_INTENT_VERIFIED, 1100, 1000, 1, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_intent put = intent();
        size_t n = 99;
        int64_t *at;
        bool reverted = !row[i].want_reverted, unknown = true;
        put.service = row[i].service;
        put.kind = row[i].kind;
        put.candidate_version = row[i].version;
        put.automatic = row[i].automatic;
        put.outcome = row[i].outcome;
        put.sent_ms = row[i].sent_ms;
        put.journaled_ms = row[i].journaled_ms;
        fixture_begin(f);
        add(f, &put);
        OK(f, store_reverts(f->s, f->arena, "shop", 1000, &at, &n, &f->err));
        OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
        OK(f, store_was_reverted(f->s, "shop", "green", NULL, &unknown, &f->err));
        store_rollback(f->s);
        if (n != row[i].want || reverted != row[i].want_reverted || unknown)
            fail_msg("%s: %zu, %d, %d", row[i].name, n, reverted, unknown);
    }
}

static void test_count_over_all(void **state)
{
    struct fixture *f = *state;
    struct store_intent i = intent();
    size_t n = 0;
    int64_t *at;
    fixture_begin(f);
    add(f, &i);
    i.service = "api";
    i.journaled_ms = 500;
    add(f, &i);
    fixture_commit(f);
    OK(f, store_reverts(f->s, f->arena, NULL, 0, &at, &n, &f->err));
    assert_int_equal(n, 2);
    assert_true(at[0] == 500 && at[1] == 1000); /* oldest first */
}

/* As many as the largest reverts_per_hour are counted, or it would never be used up. */
static void test_I6_counts_to_the_cap(void **state)
{
    struct fixture *f = *state;
    struct store_intent i = intent();
    size_t n = 0;
    int64_t *at;
    fixture_begin(f);
    for (int k = 0; k <= HD_REVERTS_PER_HOUR_MAX; k++) {
        i.journaled_ms = 1000 + k;
        add(f, &i);
    }
    OK(f, store_reverts(f->s, f->arena, NULL, 0, &at, &n, &f->err));
    store_rollback(f->s);
    assert_int_equal(n, HD_REVERTS_PER_HOUR_MAX);
    assert_true(at[0] == 1001 && at[n - 1] == 1000 + HD_REVERTS_PER_HOUR_MAX);
}

static enum hd_code reject(struct fixture *f, bool rejected, const char *why, int64_t at_ms)
{
    const struct store_rejection r = {"green", why, NULL, at_ms, rejected};
    return store_put_rejection(f->s, "shop", &r, &f->err);
}

/* Re-arming forgets what was reverted before it, not what comes after, whatever the clock says. */
static void test_I6_rearmed(void **state)
{
    struct fixture *f = *state;
    struct store_intent i = intent();
    bool reverted = false;
    fixture_begin(f);
    add(f, &i);
    OK(f, reject(f, true, "reverted", 5000));
    OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
    assert_true(reverted);
    OK(f, reject(f, false, NULL, 6000));
    OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
    assert_false(reverted);
    OK(f, reject(f, true, "by hand", 7000));
    OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
    assert_false(reverted); /* a later rejection does not bring the old revert back */
    i.journaled_ms = 10;
    add(f, &i);
    OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
    assert_true(reverted);
    OK(f, reject(f, true, "again", 5000));
    OK(f, store_was_reverted(f->s, "shop", "green", "v41", &reverted, &f->err));
    assert_true(reverted);
    fixture_commit(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_round_trip), T(test_open_ones),
                                       T(test_I6_what_counts), T(test_count_over_all),
                                       T(test_I6_what_counts), T(test_I6_counts_to_the_cap),
                                       T(test_I6_rearmed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
