/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and the outbox: order per sink, retries, giving up, resolving, the cap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

static const char *const both[] = {"pager", "chat"};

static int64_t add(struct fixture *f, const char *guard, int32_t severity, size_t n_sinks)
{
    struct store_event e = {.wall_ms = 50, .guard = guard, .service = "shop", .kind = "state",
                            .reason = HD_REASON_NONE + 1, .severity = severity, .state = "watching",
                            .headline = "head", .text = ""};
    int64_t seq = 0;
    OK(f, store_add_event(f->s, &e, both, n_sinks, &seq, &f->err));
    return seq;
}

static size_t due(struct fixture *f, int64_t now_ms, struct store_message **ret)
{
    size_t n = 0;
    OK(f, store_outbox_due(f->s, f->arena, now_ms, ret, &n, &f->err));
    return n;
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct store_event *got = NULL;
    size_t n = 0;
    int64_t first;
    fixture_begin(f);
    first = add(f, "A", HD_SEVERITY_INFO, 0);
    for (int i = 0; i < 4; i++)
        add(f, i % 2 ? "A" : NULL, HD_SEVERITY_WARN, 0);
    fixture_commit(f);
    static const struct {
        const char *name, *guard;
        int64_t after;
        size_t limit, want;
    } row[] = {{"all", NULL, 0, 0, 5},
               {"limit", NULL, 0, 2, 2},
               {"after the first", NULL, 1, 100, 4},
               {"of a guard", "A", 0, 100, 3},
               {"of a guard, after", "A", 1, 100, 2},
               {"of nobody", "B", 0, 100, 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t after = row[i].after ? first : 0;
        OK(f, store_events(f->s, f->arena, row[i].guard, after, row[i].limit, &got, &n, &f->err));
        if (n != row[i].want)
            fail_msg("%s: %zu", row[i].name, n);
        for (size_t k = 1; k < n; k++)
            assert_true(got[k].seq > got[k - 1].seq);
    }
    OK(f, store_events(f->s, f->arena, "A", 0, 1, &got, &n, &f->err));
    assert_int_equal(got->wall_ms, 50);
    assert_string_equal(got->kind, "state");
    assert_string_equal(got->state, "watching");
    assert_string_equal(got->text, "");
    assert_null(got->native);
    assert_int_equal(got->reason, HD_REASON_NONE + 1);
    assert_false(got->resolved);
}

static void test_order_and_retry(void **state)
{
    struct fixture *f = *state;
    struct store_message *m = NULL;
    int64_t first, second, next = 0;
    OK(f, store_outbox_next(f->s, &next, &f->err));
    assert_true(next == INT64_MAX);
    fixture_begin(f);
    first = add(f, "A", HD_SEVERITY_ACT, 2);
    second = add(f, "A", HD_SEVERITY_INFO, 2);
    fixture_commit(f);
    /* the oldest of each sink only */
    assert_int_equal(due(f, 100, &m), 2);
    assert_string_equal(m[0].sink, "pager");
    assert_string_equal(m[1].sink, "chat");
    assert_int_equal(m[0].event.seq, first);
    assert_int_equal(m[0].tries, 0);
    fixture_begin(f);
    OK(f, store_outbox_put(f->s, m[0].id, 0, 500, "503", &f->err)); /* the pager fails */
    OK(f, store_outbox_put(f->s, m[1].id, 1, 110, NULL, &f->err));  /* the chat has it */
    fixture_commit(f);
    assert_int_equal(due(f, 120, &m), 1);
    assert_string_equal(m[0].sink, "chat");
    assert_int_equal(m[0].event.seq, second);
    fixture_begin(f);
    OK(f, store_outbox_put(f->s, m[0].id, 1, 130, NULL, &f->err));
    fixture_commit(f);
    /* the pager's second waits behind its first */
    assert_int_equal(due(f, 499, &m), 0);
    OK(f, store_outbox_next(f->s, &next, &f->err));
    assert_int_equal(next, 500);
    assert_int_equal(due(f, 500, &m), 1);
    assert_int_equal(m[0].event.seq, first);
    assert_int_equal(m[0].tries, 1);
    assert_string_equal(m[0].error, "503");
    fixture_begin(f);
    OK(f, store_outbox_put(f->s, m[0].id, 2, 600, "gave up", &f->err));
    assert_int_equal(store_outbox_put(f->s, 999, 1, 600, NULL, &f->err), HD_ABSENT);
    fixture_commit(f);
    assert_int_equal(due(f, 600, &m), 1);
    assert_int_equal(m[0].event.seq, second);
    size_t n = 0;
    OK(f, store_outbox_of(f->s, f->arena, "A", &m, &n, &f->err));
    assert_int_equal(n, 4);
    assert_int_equal(m[0].done, 2);
    assert_int_equal(m[0].done_ms, 600);
    assert_string_equal(m[0].error, "gave up");
    assert_int_equal(m[0].tries, 2);
    assert_int_equal(m[1].done, 1);
    assert_int_equal(m[1].done_ms, 110);
    assert_int_equal(m[2].done, 0);
    assert_int_equal(m[2].done_ms, -1);
}

static size_t open_acts(struct fixture *f)
{
    struct store_event *e;
    size_t n = 99;
    OK(f, store_open_acts(f->s, f->arena, &e, &n, &f->err));
    return n;
}

static void test_resolve(void **state)
{
    struct fixture *f = *state;
    struct store_message *m = NULL;
    int64_t act;
    fixture_begin(f);
    add(f, "A", HD_SEVERITY_WARN, 2);
    act = add(f, "A", HD_SEVERITY_ACT, 1); /* only the pager was told */
    add(f, "B", HD_SEVERITY_ACT, 2);
    add(f, NULL, HD_SEVERITY_ACT, 0);
    fixture_commit(f);
    assert_int_equal(open_acts(f), 3);
    fixture_begin(f);
    OK(f, store_resolve_acts(f->s, "A", NULL, 70, &f->err));
    OK(f, store_resolve_acts(f->s, "A", NULL, 71, &f->err)); /* again: nothing more */
    fixture_commit(f);
    assert_int_equal(open_acts(f), 2);
    size_t n = 0;
    OK(f, store_outbox_of(f->s, f->arena, "A", &m, &n, &f->err));
    assert_int_equal(n, 4);
    assert_true(m[3].resolving);
    assert_string_equal(m[3].sink, "pager");
    assert_int_equal(m[3].event.seq, act);
    assert_true(m[3].event.resolved);
    assert_false(m[0].event.resolved);
    fixture_begin(f);
    OK(f, store_resolve_acts(f->s, NULL, "shop", 80, &f->err)); /* B's and the service's own */
    fixture_commit(f);
    assert_int_equal(open_acts(f), 0);
}

static void test_resolve_the_daemons(void **state)
{
    struct fixture *f = *state;
    struct store_event e = {.kind = "daemon", .severity = HD_SEVERITY_ACT, .headline = "no store"};
    int64_t seq;
    fixture_begin(f);
    OK(f, store_add_event(f->s, &e, both, 2, &seq, &f->err));
    add(f, NULL, HD_SEVERITY_ACT, 0);
    OK(f, store_resolve_acts(f->s, NULL, NULL, 1, &f->err));
    fixture_commit(f);
    assert_int_equal(open_acts(f), 1);
}

/* I8: one more than the cap costs the oldest informational message, never an act one. */
static void test_I8_outbox_cap(void **state)
{
    struct fixture *f = *state;
    struct store_message *m = NULL;
    size_t n = 0, given_up = 0;
    fixture_begin(f);
    add(f, "act", HD_SEVERITY_ACT, 1);
    add(f, "info", HD_SEVERITY_INFO, 1);
    for (int i = 2; i < HD_OUTBOX_MAX; i++)
        add(f, i < 500 ? "info" : NULL, i < 500 ? HD_SEVERITY_INFO : HD_SEVERITY_WARN, 1);
    OK(f, store_outbox_of(f->s, f->arena, "info", &m, &n, &f->err));
    assert_int_equal(m[0].done, 0); /* at the cap */
    add(f, NULL, HD_SEVERITY_ACT, 1);
    fixture_commit(f);
    OK(f, store_outbox_of(f->s, f->arena, "info", &m, &n, &f->err));
    for (size_t i = 0; i < n; i++)
        given_up += m[i].done == 2;
    assert_int_equal(given_up, 1);
    assert_int_equal(m[0].done, 2);
    assert_string_equal(m[0].error, "the outbox was full");
    OK(f, store_outbox_of(f->s, f->arena, "act", &m, &n, &f->err));
    assert_int_equal(m[0].done, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_events), T(test_order_and_retry), T(test_resolve),
                                       T(test_resolve_the_daemons), T(test_I8_outbox_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
