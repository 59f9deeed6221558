/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on a disk that fails at its Nth change, for N = 1, 2, ... until a run survives: what
 * was acknowledged is there, what was not is there whole or not at all (I2, I7, I9). And on a full
 * disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/store_fixture.h"
#include "faultvfs.h"

#define VFS "fault"
#define DB "/h.db"
#define ROUNDS 4u

struct world {
    struct faultvfs *disk;
    struct store *s;
    struct hd_arena *arena;
    struct hd_error err;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->disk = faultvfs_new(VFS, 1);
    w->arena = arena_new();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    w->s = store_close(w->s);
    w->disk = faultvfs_free(w->disk);
    w->arena = arena_free(w->arena);
    free(w);
    return 0;
}

static enum hd_code open_store(struct world *w, int64_t ballast)
{
    struct store_options o = {.path = DB, .ballast = ballast, .vfs = VFS};
    return store_open(&o, &w->s, &w->err);
}

/* One act: a guard, its evidence, an intent and an event, all or nothing. */
static enum hd_code act(struct world *w, unsigned n)
{
    struct store_guard g = fixture_guard(n);
    struct store_intent intent = {.guard = g.id, .service = "shop", .kind = "revert", .text = "t"};
    struct store_event event = {.guard = g.id, .kind = "intent", .severity = HD_SEVERITY_ACT};
    static const char *const sinks[] = {"pager"};
    int64_t seq;
    enum hd_code code = store_begin(w->s, &w->err);
    if (!code)
        code = store_add_guard(w->s, &g, &w->err);
    for (uint32_t poll = 1; !code && poll <= 2; poll++) {
        struct store_evidence e = fixture_evidence(w->arena, poll, 60);
        code = store_put_evidence(w->s, g.id, &e, &w->err);
    }
    if (!code)
        code = store_add_intent(w->s, &intent, &seq, &w->err);
    if (!code)
        code = store_add_event(w->s, &event, sinks, 1, &seq, &w->err);
    if (!code)
        code = store_commit(w->s, &w->err);
    if (code)
        store_rollback(w->s);
    return code;
}

/* Is act n there? Half of it is a failure. */
static bool whole(struct world *w, unsigned n)
{
    struct store_guard g;
    struct store_evidence *e;
    struct store_intent *i;
    struct store_message *m;
    size_t n_e = 0, n_i = 0, n_m = 0;
    enum hd_code code = store_guard(w->s, w->arena, fixture_id(n), &g, &w->err);
    OK(w, store_intents(w->s, w->arena, fixture_id(n), &i, &n_i, &w->err));
    OK(w, store_outbox_of(w->s, w->arena, fixture_id(n), &m, &n_m, &w->err));
    if (code == HD_ABSENT) {
        assert_int_equal(n_i + n_m, 0);
        return false;
    }
    OK(w, code);
    OK(w, store_evidence(w->s, w->arena, fixture_id(n), &e, &n_e, &w->err));
    assert_int_equal(n_e, 2);
    assert_int_equal(n_i, 1);
    assert_int_equal(n_m, 1);
    return true;
}

/* Opens, acts ROUNDS times, closes; bit n of the result: act n was acknowledged. Stops when the
 * machine is down; another failure is tried once more, as the pipeline does. */
static unsigned run(struct world *w)
{
    unsigned acknowledged = 0;
    if (open_store(w, 8192)) {
        if (faultvfs_down(w->disk))
            return 0;
        OK(w, open_store(w, 8192));
    }
    for (unsigned n = 0; n < ROUNDS && !faultvfs_down(w->disk); n++) {
        enum hd_code code = act(w, n);
        if (code && !faultvfs_down(w->disk))
            code = act(w, n);
        if (!code)
            acknowledged |= 1u << n;
        else if (!faultvfs_down(w->disk))
            fail_msg("act %u fails twice: %s", n, w->err.text);
    }
    w->s = store_close(w->s);
    return acknowledged;
}

static void check_after(struct world *w, enum fault fault, uint64_t nth, unsigned acknowledged)
{
    OK(w, open_store(w, 8192));
    OK(w, store_check(w->s, &w->err));
    for (unsigned n = 0; n < ROUNDS; n++) {
        bool there = whole(w, n);
        if ((acknowledged & (1u << n)) && !there)
            fail_msg("fault %d at change %llu: act %u was acknowledged and is lost", (int)fault,
                     (unsigned long long)nth, n);
    }
    OK(w, act(w, ROUNDS)); /* and life goes on */
    w->s = store_close(w->s);
}

/* Every N, with a fresh disk and another seed each. */
static void every_change(enum fault fault)
{
    uint64_t nth = 1;
    for (bool survived = false; !survived; nth++) {
        struct world w = {.disk = faultvfs_new(VFS, nth), .arena = arena_new()};
        faultvfs_arm(w.disk, fault, nth);
        unsigned acknowledged = run(&w);
        survived = faultvfs_changes(w.disk) < nth;
        faultvfs_restart(w.disk);
        check_after(&w, fault, nth, acknowledged);
        if (survived)
            assert_int_equal(acknowledged, (1u << ROUNDS) - 1);
        faultvfs_free(w.disk);
        arena_free(w.arena);
    }
    print_message("# fault %d struck at each of %llu changes\n", (int)fault,
                  (unsigned long long)nth - 2);
    assert_true(nth > 100);
}

static void test_I2_every_change_fails(void **state)
{
    (void)state;
    every_change(FAULT_ERROR);
}

static void test_I9_killed_at_every_change(void **state)
{
    (void)state;
    every_change(FAULT_KILL);
}

static void test_I9_power_cut_at_every_change(void **state)
{
    (void)state;
    every_change(FAULT_POWER);
}

/* The disk itself: unsynced bytes really get lost, or else the tests above prove nothing. */
static void test_the_disk_loses(void **state)
{
    struct world *w = *state;
    size_t len = 0;
    OK(w, open_store(w, 0));
    for (unsigned n = 0; n < 3; n++)
        OK(w, act(w, n));
    assert_non_null(faultvfs_bytes(w->disk, DB "-wal", &len));
    size_t synced = len;
    OK(w, store_begin(w->s, &w->err));
    struct store_guard g = fixture_guard(9);
    OK(w, store_add_guard(w->s, &g, &w->err));
    faultvfs_strike(w->disk, FAULT_POWER);
    assert_int_equal(store_commit(w->s, &w->err), HD_IO);
    w->s = store_close(w->s);
    faultvfs_restart(w->disk);
    assert_non_null(faultvfs_bytes(w->disk, DB "-wal", &len));
    assert_int_equal(len, synced);
    OK(w, open_store(w, 0));
    assert_true(whole(w, 2));
    assert_false(whole(w, 9));
}

static void put_number(struct world *w, bool relaxed, int n)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", n);
    OK(w, relaxed ? store_begin_relaxed(w->s, &w->err) : store_begin(w->s, &w->err));
    OK(w, store_put_fact(w->s, "number", text, &w->err));
    OK(w, store_commit(w->s, &w->err));
}

enum then { NOTHING, SYNC, NEXT, SAME };

/* What a power cut leaves of the numbers 1 (durable) to 5, and of 6 if that waits for the disk. SAME: 5
 * once more, which leaves every row as it is. */
static int left_of(uint64_t seed, enum then then)
{
    struct world w = {.disk = faultvfs_new(VFS, seed), .arena = arena_new()};
    const char *left;
    OK(&w, open_store(&w, 0));
    put_number(&w, false, 1);
    for (int n = 2; n <= 5; n++)
        put_number(&w, true, n);
    if (then == SYNC)
        OK(&w, store_sync(w.s, &w.err));
    if (then == NEXT || then == SAME)
        put_number(&w, false, then == NEXT ? 6 : 5);
    faultvfs_strike(w.disk, FAULT_POWER);
    w.s = store_close(w.s);
    faultvfs_restart(w.disk);
    OK(&w, open_store(&w, 0));
    OK(&w, store_fact(w.s, w.arena, "number", &left, &w.err));
    int n = atoi(left);
    w.s = store_close(w.s);
    arena_free(w.arena);
    faultvfs_free(w.disk);
    return n;
}

/* I9: what did not wait for the disk may be lost, newest first; what waits takes all before it along. */
static void test_I9_relaxed(void **state)
{
    bool lost = false;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        int n = left_of(seed, NOTHING);
        assert_in_range(n, 1, 5);
        lost |= n < 5;
        assert_int_equal(left_of(seed, SYNC), 5);
        assert_int_equal(left_of(seed, NEXT), 6);
        assert_int_equal(left_of(seed, SAME), 5);
    }
    assert_true(lost);
}

/* I2: a full disk costs the ballast, not the intent. */
static void test_I2_full_disk(void **state)
{
    struct world *w = *state;
    enum hd_code code = HD_OK;
    unsigned n = 0;
    OK(w, open_store(w, 512 << 10));
    faultvfs_set_capacity(w->disk, 4 << 20);
    while (!code) {
        code = act(w, n);
        n += !code;
        assert_true(n < 5000);
    }
    assert_int_equal(code, HD_FULL);
    assert_true(store_ballast_used(w->s));
    OK(w, act(w, n)); /* the same once more: there is room now */
    assert_int_equal(store_restore_ballast(w->s, &w->err), HD_FULL);
    assert_true(store_ballast_used(w->s));
    size_t len;
    assert_null(faultvfs_bytes(w->disk, DB "-ballast", &len)); /* nothing half made is left */
    for (unsigned i = 0; i <= n; i++)
        assert_true(whole(w, i));
    OK(w, store_check(w->s, &w->err));
    faultvfs_set_capacity(w->disk, 16 << 20);
    OK(w, store_restore_ballast(w->s, &w->err));
    assert_false(store_ballast_used(w->s));
}

/* No ballast left: HD_FULL stays HD_FULL, reads go on, and space given back is enough. */
static void test_full_for_good(void **state)
{
    struct world *w = *state;
    enum hd_code code = HD_OK;
    unsigned n = 0;
    OK(w, open_store(w, 0));
    faultvfs_set_capacity(w->disk, 2 << 20);
    while (!code) {
        code = act(w, n);
        n += !code;
    }
    assert_int_equal(code, HD_FULL);
    assert_false(store_ballast_used(w->s)); /* there was none */
    assert_int_equal(act(w, n), HD_FULL);
    assert_true(whole(w, n - 1));
    assert_false(whole(w, n));
    faultvfs_set_capacity(w->disk, 0);
    OK(w, act(w, n));
}

/* A daemon that starts on a full disk gives up the ballast and runs. */
static void test_start_on_a_full_disk(void **state)
{
    struct world *w = *state;
    OK(w, open_store(w, 512 << 10));
    OK(w, act(w, 0));
    w->s = store_close(w->s);
    faultvfs_set_capacity(w->disk, faultvfs_used(w->disk));
    OK(w, open_store(w, 512 << 10));
    if (act(w, 1))
        OK(w, act(w, 1));
    assert_true(store_ballast_used(w->s));
    w->s = store_close(w->s);
    OK(w, open_store(w, 1 << 20)); /* no room for a ballast: it starts all the same */
    assert_true(store_ballast_used(w->s));
}

static void test_second_writer(void **state)
{
    struct world *w = *state;
    struct store_options o = {.path = DB, .vfs = VFS};
    struct store *other = NULL;
    OK(w, open_store(w, 0));
    assert_int_equal(store_open(&o, &other, &w->err), HD_CONFLICT);
    w->s = store_close(w->s);
    OK(w, store_open(&o, &other, &w->err));
    store_close(other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I2_every_change_fails),
        cmocka_unit_test(test_I9_killed_at_every_change),
        cmocka_unit_test(test_I9_power_cut_at_every_change),
        T(test_the_disk_loses),
        cmocka_unit_test(test_I9_relaxed),
        T(test_I2_full_disk),
        T(test_full_for_good),
        T(test_start_on_a_full_disk),
        T(test_second_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
