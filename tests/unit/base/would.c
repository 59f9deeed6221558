/* SPDX-License-Identifier: Apache-2.0
 *
 * Would haldane act right now: every reason that refuses, its sentence and its end, which of two speaks,
 * and both sides of every limit.
 */
#include "base/would.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define NOW ((int64_t)1795257000000) /* 2026-11-21T10:30:00Z */
#define MINUTE 60000

static const int64_t few[] = {NOW - 40 * MINUTE}, many[] = {NOW - 50 * MINUTE, NOW - 40 * MINUTE, NOW - 2 * MINUTE};
static const int64_t two[] = {NOW - 50000, NOW - 10000};

/* Nothing stands against it. */
static struct would_facts free_facts(void)
{
    return (struct would_facts){.now_ms = NOW,
                                .rules = {.mode = HD_MODE_ENFORCE,
                                          .rollback_safe = true,
                                          .rollback_unsafe_until_ms = -1,
                                          .cooldown_ms = 10 * MINUTE,
                                          .reverts_per_hour = 2,
                                          .brake = 2,
                                          .target_ready = 0.8},
                                .cooling_ms = -1,
                                .reverts = few,
                                .n_reverts = 1,
                                .target = "blue",
                                .ready = 2,
                                .wanted = 2,
                                .candidate_good = 1};
}

struct row {
    const char *name;
    void (*change)(struct would_facts *);
    int reason;
    const char *sentence;
    int64_t until_ms;
};

#define CASE(name, body) \
    static void name(struct would_facts *f) { body; }
CASE(nothing, (void)f)
CASE(shadow, f->rules.mode = HD_MODE_SHADOW; f->held = "x")
CASE(unsafe, f->rules.unsafe = true; f->rules.mode = HD_MODE_ADVISE)
CASE(advise, f->rules.mode = HD_MODE_ADVISE; f->rules.on_fail_page = true)
CASE(on_fail, f->rules.on_fail_page = true; f->rules.rollback_safe = false)
CASE(never_safe, f->rules.rollback_safe = false; f->held = "x")
CASE(not_safe_yet, f->rules.rollback_safe = false; f->rules.rollback_unsafe_until_ms = NOW + 1)
CASE(safe_again, f->rules.rollback_safe = false; f->rules.rollback_unsafe_until_ms = NOW)
CASE(held, f->held = "freeze"; f->held_until_ms = NOW + 5 * MINUTE; f->reverted_before = true)
CASE(held_long, f->held = "freeze"; f->held_until_ms = NOW + 3 * 1440 * MINUTE)
CASE(again, f->reverted_before = true; f->cooling_ms = NOW)
CASE(cooling, f->cooling_ms = NOW - 8 * MINUTE; f->n_reverts = 2)
CASE(cooled, f->cooling_ms = NOW - 10 * MINUTE - 1)
CASE(no_cooldown, f->cooling_ms = NOW; f->rules.cooldown_ms = 0)
CASE(spent, f->reverts = many; f->n_reverts = 3)
CASE(spent_by_coming, f->coming = 1)
CASE(all_coming, f->n_reverts = 0; f->coming = 2)
CASE(braked, f->decisions = two; f->n_decisions = 2)
CASE(not_braked, f->decisions = two; f->n_decisions = 1)
CASE(asks, f->rules.approvers = "alice, bob")
CASE(rejected, f->rejected = "failed a guard"; f->ready = 0)
CASE(probe, f->probe_bad = "status 503, expected 200")
CASE(unknown, f->ready = f->wanted = HD_UNKNOWN)
CASE(vouched, f->ready = f->wanted = HD_UNKNOWN; f->rules.vouched[f->rules.n_vouched++] = "blue")
CASE(other_vouched, f->ready = f->wanted = HD_UNKNOWN; f->rules.vouched[f->rules.n_vouched++] = "green")
CASE(none_ready, f->ready = 0)
CASE(few_ready, f->ready = 3; f->wanted = 4; f->candidate_good = 0.9)
CASE(worse_still, f->ready = 3; f->wanted = 4; f->candidate_good = 0.75)
CASE(enough_ready, f->ready = 4; f->wanted = 5; f->candidate_good = 0.9)
CASE(wanted_unknown, f->ready = 1; f->wanted = HD_UNKNOWN)
CASE(no_target, f->target = NULL; f->ready = 0; f->rejected = "x")

static const struct row rows[] = {
    {"nothing", nothing, HD_REASON_NONE, "", -1},
    {"shadow", shadow, HD_REASON_MODE_SHADOW, "mode shadow: recorded only", -1},
    {"unsafe", unsafe, HD_REASON_NOT_ROLLBACK_SAFE, "rollback_safe says that going back would break things", -1},
    {"advise", advise, HD_REASON_MODE_ADVISE, "mode advise: haldane says what it would do", -1},
    {"on_fail", on_fail, HD_REASON_ON_FAIL_PAGE, "on_fail: page", -1},
    {"never_safe", never_safe, HD_REASON_NOT_ROLLBACK_SAFE, "rollback_safe says that going back would break things",
     -1},
    {"not_safe_yet", not_safe_yet, HD_REASON_NOT_ROLLBACK_SAFE,
     "rollback_safe says that going back would break things until 10:30:00Z", NOW + 1},
    {"safe_again", safe_again, HD_REASON_NONE, "", -1},
    {"held", held, HD_REASON_HELD, "automatic reverts are held until 10:35:00Z: freeze", NOW + 5 * MINUTE},
    {"held_long", held_long, HD_REASON_HELD, "automatic reverts are held until 2026-11-24T10:30:00Z: freeze",
     NOW + 3 * (int64_t)1440 * MINUTE},
    {"again", again, HD_REASON_ALREADY_REVERTED, "this version was reverted automatically once already", -1},
    {"cooling", cooling, HD_REASON_COOLDOWN,
     "this service was reverted a short while ago: cool-down until 10:32:00Z", NOW + 2 * MINUTE},
    {"cooled", cooled, HD_REASON_NONE, "", -1},
    {"no_cooldown", no_cooldown, HD_REASON_NONE, "", -1},
    {"spent", spent, HD_REASON_BUDGET, "reverts_per_hour is used up until 10:50:00Z", NOW + 20 * MINUTE},
    {"spent_by_coming", spent_by_coming, HD_REASON_BUDGET, "reverts_per_hour is used up until 10:50:00Z",
     NOW + 20 * MINUTE},
    {"all_coming", all_coming, HD_REASON_BUDGET, "reverts_per_hour is used up", -1},
    {"braked", braked, HD_REASON_BRAKE,
     "several services would revert within a minute: a common cause is likelier than this release; held until "
     "10:30:10Z", NOW + 10000},
    {"not_braked", not_braked, HD_REASON_NONE, "", -1},
    {"asks", asks, HD_REASON_APPROVAL, "it asks a human first: alice, bob", -1},
    {"rejected", rejected, HD_REASON_TARGET_REJECTED,
     "blue was rejected by a guard or a human before: failed a guard", -1},
    {"probe", probe, HD_REASON_TARGET_PROBE, "the probe of blue fails: status 503, expected 200", -1},
    {"unknown", unknown, HD_REASON_TARGET_UNKNOWN,
     "readiness of blue cannot be read, and neither a probe nor `target: trust` is configured", -1},
    {"vouched", vouched, HD_REASON_NONE, "", -1},
    {"other_vouched", other_vouched, HD_REASON_TARGET_UNKNOWN,
     "readiness of blue cannot be read, and neither a probe nor `target: trust` is configured", -1},
    {"none_ready", none_ready, HD_REASON_TARGET_NOT_READY,
     "blue has no ready member: going back would be the outage", -1},
    {"few_ready", few_ready, HD_REASON_TARGET_SMALL,
     "blue has 3 of 4 members ready, and the candidate still serves better", -1},
    {"worse_still", worse_still, HD_REASON_NONE, "", -1},
    {"enough_ready", enough_ready, HD_REASON_NONE, "", -1},
    {"wanted_unknown", wanted_unknown, HD_REASON_NONE, "", -1},
    {"no_target", no_target, HD_REASON_NONE, "", -1},
};

static void test_would(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct would_facts f = free_facts();
        BUF_AUTO b = BUF_INIT(500);
        rows[i].change(&f);
        struct would w = would_act(&f);
        would_say(&b, &w, NOW);
        if (w.reason != rows[i].reason || w.until_ms != rows[i].until_ms || strcmp(buf_at(&b), rows[i].sentence) != 0)
            fail_msg("%s: reason %d until %lld \"%s\"", rows[i].name, w.reason, (long long)w.until_ms, buf_at(&b));
    }
}

/* What ends by itself has ended when it says so. */
static void test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct would_facts f = free_facts();
        rows[i].change(&f);
        if (rows[i].until_ms < 0)
            continue;
        f.now_ms = rows[i].until_ms + 1;
        while (f.n_reverts && f.reverts[0] < f.now_ms - WOULD_HOUR_MS) {
            f.reverts++;
            f.n_reverts--;
        }
        while (f.n_decisions && f.decisions[0] <= f.now_ms - WOULD_BRAKE_MS) {
            f.decisions++;
            f.n_decisions--;
        }
        if (f.held_until_ms && f.held_until_ms < f.now_ms)
            f.held = NULL;
        f.coming = 0;
        struct would w = would_act(&f);
        if (w.reason == rows[i].reason)
            fail_msg("%s: still %d after its end", rows[i].name, w.reason);
    }
}

/* What a human orders may go to a rejected side, and needs a ready one all the same (I4). */
static void test_ordered(void **state)
{
    (void)state;
    struct would_facts f = free_facts();
    f.rejected = "failed a guard";
    assert_int_equal(would_gate(&f, false).reason, HD_REASON_NONE);
    assert_int_equal(would_gate(&f, true).reason, HD_REASON_TARGET_REJECTED);
    f.ready = 0;
    assert_int_equal(would_gate(&f, false).reason, HD_REASON_TARGET_NOT_READY);
}

static void test_good(void **state)
{
    (void)state;
    assert_true(would_good(1, 2, 0.9) == 0.45);
    assert_true(would_good(HD_UNKNOWN, 2, 0.9) == 0.9);
    assert_true(would_good(0, 0, 1) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_would), cmocka_unit_test(test_ends),
                                       cmocka_unit_test(test_ordered), cmocka_unit_test(test_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
