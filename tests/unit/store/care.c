/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring, evicting, checking, copying.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

#include <sqlite3.h>

#define GUARDS 60u
#define POLLS 40u

/* Finished guards with evidence, events and a band each; the last ten are live. */
static void fill(struct fixture *f)
{
    for (unsigned n = 0; n < GUARDS; n++) {
        struct store_guard g = fixture_guard(n);
        struct store_band band = {.band = HD_BAND_FAIL};
        static const char *const sinks[] = {"pager"};
        struct store_event e = {.guard = g.id, .service = "shop", .kind = "state", .text = ""};
        int64_t seq;
        g.state = n < GUARDS - 10 ? HD_STATE_PASSED : HD_STATE_WATCHING;
        fixture_begin(f);
        OK(f, store_add_guard(f->s, &g, &f->err));
        for (uint32_t poll = 1; poll <= POLLS; poll++) {
            struct store_evidence evidence = fixture_evidence(f->arena, poll, 60);
            OK(f, store_put_evidence(f->s, g.id, &evidence, &f->err));
        }
        OK(f, store_put_band(f->s, g.id, &band, &f->err));
        OK(f, store_add_input(f->s, g.id, &(struct engine_input){1, 1, ENGINE_EXTENDED}, &f->err));
        OK(f, store_put_approval(f->s, &(struct store_approval){.guard = g.id, .service = "shop", .approvers = "ann"},
                                 &f->err));
        OK(f, store_mark_guard(f->s, g.id, true, "known", "ann", 1, &f->err));
        OK(f, store_add_event(f->s, &e, NULL, 0, &seq, &f->err));
        if (n == 0) /* still to be told */
            OK(f, store_add_event(f->s, &e, sinks, 1, &seq, &f->err));
        e.severity = HD_SEVERITY_ACT;
        if (n == 1) /* still open */
            OK(f, store_add_event(f->s, &e, NULL, 0, &seq, &f->err));
        fixture_commit(f);
        arena_reset(f->arena);
    }
}

static void open_with(struct fixture *f, int64_t max_size)
{
    struct store_options o = {.path = f->path, .max_size = max_size};
    f->s = store_close(f->s);
    OK(f, store_open(&o, &f->s, &f->err));
}

/* Evicts to the end; each call's piece is bounded. */
static unsigned evict(struct fixture *f)
{
    unsigned calls = 0;
    for (bool more = true; more; calls++) {
        struct store_size before, after;
        assert_true(calls < 100);
        OK(f, store_measure(f->s, &before, &f->err));
        OK(f, store_evict(f->s, &more, &f->err));
        OK(f, store_measure(f->s, &after, &f->err));
        assert_true(before.evidence_rows - after.evidence_rows <= HD_EVICT_ROWS);
        assert_int_equal(after.guards, GUARDS);
    }
    return calls;
}

static enum hd_code evidence_of(struct fixture *f, unsigned n, size_t *ret_n)
{
    struct store_evidence *e;
    return store_evidence(f->s, f->arena, fixture_id(n), &e, ret_n, &f->err);
}

static size_t events_of(struct fixture *f, unsigned n)
{
    struct store_event *e;
    size_t n_events = 99;
    OK(f, store_events(f->s, f->arena, fixture_id(n), 0, 0, &e, &n_events, &f->err));
    return n_events;
}

static void test_nothing_to_evict(void **state)
{
    struct fixture *f = *state;
    struct store_size size;
    size_t n = 0;
    fill(f);
    evict(f); /* max_size 0: no limit */
    open_with(f, 1 << 30);
    assert_int_equal(evict(f), 1);
    OK(f, evidence_of(f, 0, &n));
    assert_int_equal(n, POLLS);
    OK(f, store_measure(f->s, &size, &f->err));
    assert_int_equal(size.evidence_rows, GUARDS * POLLS);
    assert_int_equal(size.events, GUARDS + 2);
    store_set_max_size(f->s, 1); /* a reload says less */
    evict(f);
    assert_int_equal(evidence_of(f, 0, &n), HD_ABSENT);
}

/* A little over the limit: the oldest evidence goes, the rest stays. */
static void test_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct store_size size;
    size_t n = 0, gone = 0;
    fill(f);
    f->s = store_close(f->s);
    OK(f, fixture_open(f)); /* the log is empty now: bytes are those of the database */
    OK(f, store_measure(f->s, &size, &f->err));
    open_with(f, size.bytes - (200 << 10) + (4 << 20));
    evict(f);
    for (unsigned i = 0; i < GUARDS; i++) {
        enum hd_code code = evidence_of(f, i, &n);
        if (code == HD_ABSENT) {
            assert_int_equal(gone, i); /* no gap */
            gone++;
        } else {
            OK(f, code);
            assert_int_equal(n, POLLS);
        }
    }
    assert_in_range(gone, 1, GUARDS - 20);
    assert_int_equal(events_of(f, 0), 2);
}

/* A limit that cannot be met: everything that may go goes, verdicts and live guards stay. */
static void test_all_that_may_go(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    struct store_guard g;
    fill(f);
    open_with(f, 1);
    evict(f);
    for (unsigned i = 0; i < GUARDS; i++) {
        bool live = i >= GUARDS - 10;
        OK(f, store_guard(f->s, f->arena, fixture_id(i), &g, &f->err));
        assert_string_equal(g.headline, "head");
        assert_string_equal(g.checks, "[1]");
        assert_int_equal(g.pin != NULL, live);
        assert_true(g.was_good); /* a part of the verdict; its words are not */
        assert_int_equal(g.mark_reason != NULL, live);
        struct store_approval approval;
        assert_int_equal(store_approval(f->s, f->arena, fixture_id(i), &approval, &f->err), live ? HD_OK : HD_ABSENT);
        enum hd_code code = evidence_of(f, i, &n);
        assert_int_equal(code, live ? HD_OK : HD_ABSENT);
        struct store_band *band;
        OK(f, store_bands(f->s, f->arena, fixture_id(i), &band, &n, &f->err));
        assert_int_equal(n, live);
        struct engine_input *input;
        OK(f, store_inputs(f->s, f->arena, fixture_id(i), &input, &n, &f->err));
        assert_int_equal(n, live);
        /* guard 0 has a message that waits, guard 1 an open act */
        assert_int_equal(events_of(f, i), live || i < 2);
    }
    OK(f, store_check(f->s, &f->err));
}

/* A guard that was evicted in part only is not given out as if it were whole. */
static void test_evicted_in_part(void **state)
{
    struct fixture *f = *state;
    bool more = false;
    size_t n = 0;
    struct store_guard g = fixture_guard(1);
    g.state = HD_STATE_PASSED;
    open_with(f, 1);
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    for (uint32_t poll = 1; poll <= HD_EVICT_ROWS + 10; poll++) {
        struct store_evidence e = fixture_evidence(f->arena, poll, 1);
        OK(f, store_put_evidence(f->s, g.id, &e, &f->err));
    }
    fixture_commit(f);
    OK(f, store_evict(f->s, &more, &f->err));
    assert_true(more);
    struct store_size size;
    OK(f, store_measure(f->s, &size, &f->err));
    assert_int_equal(size.evidence_rows, 10);
    assert_int_equal(evidence_of(f, 1, &n), HD_ABSENT);
    assert_non_null(strstr(f->err.text, "evicted"));
    while (more)
        OK(f, store_evict(f->s, &more, &f->err));
    OK(f, store_measure(f->s, &size, &f->err));
    assert_int_equal(size.evidence_rows, 0);
}

static void test_old_readings(void **state)
{
    struct fixture *f = *state;
    struct store_reading r = {.service = "shop", .value = "1"}, got;
    bool more = true;
    open_with(f, 1);
    fixture_begin(f);
    OK(f, store_put_reading(f->s, &r, &f->err));
    r.value = "2";
    OK(f, store_put_reading(f->s, &r, &f->err));
    r.service = "api";
    OK(f, store_put_reading(f->s, &r, &f->err));
    fixture_commit(f);
    while (more)
        OK(f, store_evict(f->s, &more, &f->err));
    OK(f, store_reading(f->s, f->arena, "shop", &got, &f->err));
    assert_string_equal(got.value, "2");
    OK(f, store_reading(f->s, f->arena, "api", &got, &f->err));
}

static void test_evict_inside(void **state)
{
    struct fixture *f = *state;
    bool more = true;
    open_with(f, 1);
    fixture_begin(f);
    fixture_add_guard(f, 1);
    assert_int_equal(store_evict(f->s, &more, &f->err), HD_INVALID);
    fixture_commit(f); /* and the caller's transaction is untouched */
    struct store_guard g;
    OK(f, store_guard(f->s, f->arena, fixture_id(1), &g, &f->err));
}

static void test_check(void **state)
{
    struct fixture *f = *state;
    fill(f);
    OK(f, store_check(f->s, &f->err));
    f->s = store_close(f->s);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM guard WHERE seq = 3", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    OK(f, fixture_open(f));
    assert_int_equal(store_check(f->s, &f->err), HD_CORRUPT);
    assert_non_null(strstr(f->err.text, "a row that is gone"));
}

static void test_backup(void **state)
{
    struct fixture *f = *state;
    struct store *reader = NULL, *copy = NULL;
    struct store_size size, copied;
    char name[96];
    size_t n = 0;
    (void)snprintf(name, sizeof name, "%s.copy", f->path);
    fill(f);
    OK(f, store_open_reader(f->path, &reader, &f->err));
    OK(f, store_backup(reader, name, &f->err));
    assert_int_equal(store_backup(reader, name, &f->err), HD_CONFLICT);
    /* the reader is still one */
    struct store_guard g = fixture_guard(99);
    assert_int_equal(store_add_guard(reader, &g, &f->err), HD_DENIED);
    OK(f, store_open_reader(name, &copy, &f->err));
    OK(f, store_check(copy, &f->err));
    OK(f, store_measure(f->s, &size, &f->err));
    OK(f, store_measure(copy, &copied, &f->err));
    assert_int_equal(size.guards, copied.guards);
    assert_int_equal(size.evidence_rows, copied.evidence_rows);
    assert_int_equal(size.events, copied.events);
    for (unsigned i = 0; i < GUARDS; i++) {
        struct store_evidence *a, *b;
        size_t n_a = 0, n_b = 0;
        OK(f, store_guard(copy, f->arena, fixture_id(i), &g, &f->err));
        OK(f, store_evidence(f->s, f->arena, fixture_id(i), &a, &n_a, &f->err));
        OK(f, store_evidence(copy, f->arena, fixture_id(i), &b, &n_b, &f->err));
        assert_int_equal(n_a, n_b);
        for (n = 0; n < n_a; n++)
            assert_memory_equal(a[n].evidence.m, b[n].evidence.m,
                                a[n].evidence.n * sizeof *a[n].evidence.m);
    }
    copy = store_close(copy);
    reader = store_close(reader);
    assert_int_equal(unlink(name), 0);
    OK(f, store_backup(f->s, name, &f->err)); /* the writer can as well */
    struct store_options o = {.path = name};
    OK(f, store_open(&o, &copy, &f->err)); /* and a daemon runs on it */
    copy = store_close(copy);
    char lock[112];
    (void)snprintf(lock, sizeof lock, "%s-lock", name);
    assert_int_equal(unlink(lock), 0);
}

static void test_backup_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_backup(f->s, "/nowhere/at/all", &f->err), HD_IO);
    char name[96];
    (void)snprintf(name, sizeof name, "%s.copy", f->path);
    FILE *empty = fopen(name, "wb");
    assert_non_null(empty);
    (void)fclose(empty);
    assert_int_equal(store_backup(f->s, name, &f->err), HD_CONFLICT);
    assert_int_equal(unlink(name), 0);
    fixture_begin(f);
    assert_int_equal(store_backup(f->s, name, &f->err), HD_INVALID);
    store_rollback(f->s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_nothing_to_evict), T(test_oldest_first), T(test_all_that_may_go),
        T(test_evicted_in_part), T(test_old_readings), T(test_evict_inside), T(test_check),
        T(test_backup), T(test_backup_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
