/* SPDX-License-Identifier: Apache-2.0
 *
 * What other tools leave with us: names of analyses, gates, alerts; found again until they expire,
 * bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

static void put_run(struct fixture *f, const char *service, const char *run, const char *guard,
                    int64_t expires_ms, int64_t now_ms)
{
    struct store_run r = {service, run, guard, expires_ms, "note"};
    fixture_begin(f);
    OK(f, store_put_run(f->s, &r, now_ms, &f->err));
    fixture_commit(f);
}

static void test_runs(void **state)
{
    struct fixture *f = *state;
    struct store_run r;
    put_run(f, "shop", "a", "G1", 100, 0);
    put_run(f, "api", "a", "G2", 200, 0);
    OK(f, store_run(f->s, f->arena, "shop", "a", 99, &r, &f->err));
    assert_string_equal(r.guard, "G1");
    assert_string_equal(r.note, "note");
    assert_int_equal(r.expires_ms, 100);
    assert_int_equal(store_run(f->s, f->arena, "shop", "a", 100, &r, &f->err), HD_ABSENT);
    assert_int_equal(store_run(f->s, f->arena, "shop", "b", 0, &r, &f->err), HD_ABSENT);
    OK(f, store_run_of(f->s, f->arena, "G1", &r, &f->err));
    assert_string_equal(r.run, "a");
    put_run(f, "shop", "a", "G3", 300, 100); /* a new meaning; what has expired goes */
    OK(f, store_run(f->s, f->arena, "shop", "a", 100, &r, &f->err));
    assert_string_equal(r.guard, "G3");
    assert_int_equal(store_run_of(f->s, f->arena, "G1", &r, &f->err), HD_ABSENT);
}

/* I8: at the cap, and one past it: the next one to expire goes. */
static void test_I8_runs_cap(void **state)
{
    struct fixture *f = *state;
    struct store_run r;
    fixture_begin(f);
    for (int i = 0; i < HD_RUNS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "r%d", i);
        struct store_run one = {"shop", name, "G", 1000 + i, NULL};
        OK(f, store_put_run(f->s, &one, 0, &f->err));
    }
    fixture_commit(f);
    OK(f, store_run(f->s, f->arena, "shop", "r0", 0, &r, &f->err));
    put_run(f, "shop", "more", "G", 1000000, 0);
    assert_int_equal(store_run(f->s, f->arena, "shop", "r0", 0, &r, &f->err), HD_ABSENT);
    OK(f, store_run(f->s, f->arena, "shop", "r1", 0, &r, &f->err));
    OK(f, store_run(f->s, f->arena, "shop", "more", 0, &r, &f->err));
}

/* A gate is closed unless somebody opened it, and not for ever. */
static void test_gates(void **state)
{
    struct fixture *f = *state;
    struct store_gate g = {"gate", "a.b", true, "r1", "why", "who", 10, 100}, got;
    assert_int_equal(store_gate(f->s, f->arena, "gate", "a.b", 10, &got, &f->err), HD_ABSENT);
    fixture_begin(f);
    OK(f, store_put_gate(f->s, &g, &f->err));
    fixture_commit(f);
    OK(f, store_gate(f->s, f->arena, "gate", "a.b", 99, &got, &f->err));
    assert_true(got.open);
    assert_string_equal(got.run, "r1");
    assert_string_equal(got.actor, "who");
    assert_string_equal(got.reason, "why");
    assert_int_equal(store_gate(f->s, f->arena, "rollback", "a.b", 10, &got, &f->err), HD_ABSENT);
    assert_int_equal(store_gate(f->s, f->arena, "gate", "a.b", 100, &got, &f->err), HD_ABSENT);
    g.open = false;
    g.run = NULL;
    fixture_begin(f);
    OK(f, store_put_gate(f->s, &g, &f->err));
    fixture_commit(f);
    OK(f, store_gate(f->s, f->arena, "gate", "a.b", 99, &got, &f->err));
    assert_true(!got.open && !got.run);
}

/* I8: at the cap, and one past it, until others expire. */
static void test_I8_gates_cap(void **state)
{
    struct fixture *f = *state;
    struct store_gate g = {.space = "gate", .name = "more", .actor = "who", .expires_ms = 100};
    fixture_begin(f);
    for (int i = 0; i < HD_GATES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "g%d", i);
        struct store_gate one = {.space = "gate", .name = name, .actor = "who", .expires_ms = 100};
        OK(f, store_put_gate(f->s, &one, &f->err));
    }
    assert_int_equal(store_put_gate(f->s, &g, &f->err), HD_LIMIT);
    g.name = "g0"; /* one that is there already can be changed */
    OK(f, store_put_gate(f->s, &g, &f->err));
    g.name = "more";
    g.changed_ms = 100;
    g.expires_ms = 200;
    OK(f, store_put_gate(f->s, &g, &f->err));
    fixture_commit(f);
}

static void test_alerts(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *what;
        int64_t starts_ms;
        bool firing, news, stands;
    } row[] = {
        {"new", "feed", 10, true, true, true},
        {"again", "feed", 10, true, false, true},
        {"the same for another deed", "fail", 10, true, true, true},
        {"resolved", "feed", 10, false, true, false},
        {"resolved again", "feed", 10, false, false, false},
        {"an old message", "feed", 10, true, false, false},
        {"begins anew", "feed", 20, true, true, true},
        {"the end of an unknown one", "feed", 30, false, false, false},
        {"its old message", "feed", 30, true, false, false},
    };
    struct store_alert got;
    fixture_begin(f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_alert a = {"shop", row[i].what, "f1", "Bad", row[i].starts_ms, 100, row[i].firing};
        bool news = false, firing = false;
        OK(f, store_put_alert(f->s, &a, &news, &firing, &f->err));
        if (news != row[i].news || firing != row[i].stands)
            fail_msg("%s: news %d, firing %d", row[i].name, news, firing);
    }
    fixture_commit(f);
    OK(f, store_alert_firing(f->s, f->arena, "shop", 20, 100, &got, &f->err));
    assert_string_equal(got.name, "Bad");
    assert_int_equal(store_alert_firing(f->s, f->arena, "shop", 21, 100, &got, &f->err), HD_ABSENT);
    assert_int_equal(store_alert_firing(f->s, f->arena, "shop", 20, 101, &got, &f->err), HD_ABSENT);
    assert_int_equal(store_alert_firing(f->s, f->arena, "cart", 20, 100, &got, &f->err), HD_ABSENT);
}

/* I8: at the cap, and one past it: the one that was told longest ago goes, and is news again. */
static void test_I8_alerts_cap(void **state)
{
    struct fixture *f = *state;
    bool news = false, firing = false;
    fixture_begin(f);
    for (int i = 0; i <= HD_ALERTS_MAX; i++) {
        char print[32];
        (void)snprintf(print, sizeof print, "f%d", i);
        struct store_alert a = {"shop", "feed", print, "Bad", 1, 100 + i, true};
        OK(f, store_put_alert(f->s, &a, &news, &firing, &f->err));
    }
    struct store_alert last = {"shop", "feed", "f1", "Bad", 1, 100 + HD_ALERTS_MAX, true};
    OK(f, store_put_alert(f->s, &last, &news, &firing, &f->err));
    assert_false(news);
    last.fingerprint = "f0";
    OK(f, store_put_alert(f->s, &last, &news, &firing, &f->err));
    assert_true(news);
    fixture_commit(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_runs), T(test_I8_runs_cap), T(test_gates),
                                       T(test_I8_gates_cap), T(test_alerts), T(test_I8_alerts_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
