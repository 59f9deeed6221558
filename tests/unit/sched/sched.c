/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler: the heap against a plain list under random orders, the absolute schedule, backoff.
 */
#include "sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void next_multiple(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t now, every, want;
    } rows[] = {
        {"between two", 7, 5, 10},
        {"on one: the next", 10, 5, 15},
        {"at the epoch", 0, 5000, 5000},
        {"before the epoch", -7, 5, -5},
        {"before the epoch, on one", -5, 5, 0},
        {"a late turn skips what it missed", 1700000003217, 5000, 1700000005000},
        {"no interval: the next millisecond", 7, 0, 8},
        {"end of time", INT64_MAX - 1, 1000, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = sched_next_multiple(rows[i].now, rows[i].every);
        if (got != rows[i].want)
            fail_msg("%s: %lld", rows[i].name, (long long)got);
    }
}

static void backoff(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned n;
        int64_t base, cap;
        uint64_t jitter;
        int64_t want;
    } rows[] = {
        {"first", 1, 1000, 60000, 0, 1000},
        {"second doubles", 2, 1000, 60000, 0, 2000},
        {"fifth", 5, 1000, 60000, 0, 16000},
        {"capped", 7, 1000, 60000, 0, 60000},
        {"many tries stay at the cap", 4000000000u, 1000, 60000, 0, 60000},
        {"base above the cap", 1, 90000, 60000, 0, 60000},
        {"zeroth is like the first", 0, 1000, 60000, 0, 1000},
        {"jitter takes off", 1, 1000, 60000, 100, 900},
        {"at most a quarter", 1, 1000, 60000, 250, 750},
        {"any jitter number", 1, 1000, 60000, 251, 1000},
        {"huge cap", 200, INT64_MAX / 4, INT64_MAX, 0, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = sched_backoff_ms(rows[i].n, rows[i].base, rows[i].cap, rows[i].jitter);
        if (got != rows[i].want)
            fail_msg("%s: %lld", rows[i].name, (long long)got);
    }
}

static void order(void **state)
{
    (void)state;
    struct sched *s = sched_new();
    uint64_t key;
    int64_t due;
    assert_int_equal(sched_due(s), INT64_MAX);
    assert_false(sched_pop(s, INT64_MAX, &key, &due));
    sched_drop(s, 1);
    assert_true(sched_set(s, 9, 100) && sched_set(s, 3, 100) && sched_set(s, 5, 50));
    assert_int_equal(sched_due(s), 50);
    assert_false(sched_pop(s, 49, &key, &due));
    assert_true(sched_set(s, 5, 200)); /* moved, not doubled */
    assert_true(sched_pop(s, 1000, &key, &due));
    assert_int_equal(key, 3);
    assert_int_equal(due, 100);
    assert_true(sched_pop(s, 1000, &key, &due));
    assert_int_equal(key, 9);
    sched_drop(s, 9); /* gone already */
    assert_true(sched_pop(s, 1000, &key, &due));
    assert_int_equal(key, 5);
    assert_false(sched_pop(s, 1000, &key, &due));
    assert_null(sched_free(s));
    assert_null(sched_free(NULL));
}

enum { KEYS = 300 };

static uint64_t key_of(uint64_t k) { return k << 40 | (k & 3); } /* differ in high bits only */

static void heap_like_a_list(void **state)
{
    (void)state;
    struct sched *s = sched_new();
    int64_t list[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        list[i] = -1;
    uint64_t x = 12345;
    for (int round = 0; round < 40000; round++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint64_t k = (x >> 33) % KEYS, what = x >> 60;
        int64_t due = (int64_t)(x >> 20) % 1000;
        due = due < 0 ? -due : due;
        if (what < 8) {
            assert_true(sched_set(s, key_of(k), due));
            list[k] = due;
        } else if (what < 11) {
            sched_drop(s, key_of(k));
            list[k] = -1;
        } else {
            size_t best = KEYS;
            for (size_t i = 0; i < KEYS; i++) {
                if (list[i] >= 0 && (best == KEYS || list[i] < list[best]))
                    best = i;
            }
            uint64_t key = 0;
            int64_t got = 0;
            bool any = sched_pop(s, due, &key, &got);
            assert_int_equal(any, best < KEYS && list[best] <= due);
            if (any) {
                assert_int_equal(key, key_of(best));
                assert_int_equal(got, list[best]);
                list[best] = -1;
            }
        }
    }
    sched_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_multiple),
        cmocka_unit_test(backoff),
        cmocka_unit_test(order),
        cmocka_unit_test(heap_like_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
