/* SPDX-License-Identifier: Apache-2.0
 *
 * What other tools leave with us: names of analyses, found again until they expire, bounded.
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

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_runs), T(test_I8_runs_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
