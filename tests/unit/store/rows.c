/* SPDX-License-Identifier: Apache-2.0
 *
 * Services, readings, facts, holds and rejected sides: what goes in comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/sql.h"
#include "../../support/store_fixture.h"

static void test_facts(void **state)
{
    struct fixture *f = *state;
    const char *value = NULL;
    assert_int_equal(store_fact(f->s, f->arena, "boot_id", &value, &f->err), HD_ABSENT);
    fixture_begin(f);
    OK(f, store_put_fact(f->s, "boot_id", "one", &f->err));
    OK(f, store_put_fact(f->s, "boot_id", "two", &f->err));
    OK(f, store_put_fact(f->s, "odd'; DROP TABLE fact; --", "\"", &f->err));
    fixture_commit(f);
    OK(f, store_fact(f->s, f->arena, "boot_id", &value, &f->err));
    assert_string_equal(value, "two");
    OK(f, store_fact(f->s, f->arena, "odd'; DROP TABLE fact; --", &value, &f->err));
    assert_string_equal(value, "\"");
    struct store_drill drill = {.at_ms = 0};
    assert_int_equal(store_drill(f->s, f->arena, "shop", &drill, &f->err), HD_ABSENT);
    fixture_begin(f);
    OK(f, store_put_drill(f->s, "shop", &(struct store_drill){1700000000123, false, ""}, &f->err));
    OK(f, store_put_drill(f->s, "shop", &(struct store_drill){1700000000456, true, "a b 'c'"}, &f->err));
    OK(f, store_put_fact(f->s, "drill/cart", "ok", &f->err));
    fixture_commit(f);
    OK(f, store_drill(f->s, f->arena, "shop", &drill, &f->err));
    assert_true(drill.ok && drill.at_ms == 1700000000456);
    assert_string_equal(drill.text, "a b 'c'");
    assert_int_equal(store_drill(f->s, f->arena, "cart", &drill, &f->err), HD_CORRUPT);
    static const struct {
        const char *prefix;
        size_t want;
        const char *first;
    } row[] = {{"boot", 1, "boot_id"}, {"", 4, "boot_id"}, {"odd'", 1, "odd'; DROP TABLE fact; --"},
               {"bop", 0, NULL}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_fact *list;
        size_t n;
        OK(f, store_facts(f->s, f->arena, row[i].prefix, &list, &n, &f->err));
        if (n != row[i].want || (n && strcmp(list[0].key, row[i].first) != 0))
            fail_msg("\"%s\": %zu facts", row[i].prefix, n);
    }
}

static void test_services(void **state)
{
    struct fixture *f = *state;
    const struct store_service row[] = {
        {"shop", "enforce", "blue_green", "[\"b\"]", "[]", "h", "{}"},
        {"api", "advise", "canary", NULL, NULL, NULL, NULL},
    };
    struct store_service *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    OK(f, store_put_services(f->s, row, 2, &f->err));
    fixture_commit(f);
    OK(f, store_services(f->s, f->arena, &got, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(got[0].name, "shop");
    assert_string_equal(got[0].colours, "[\"b\"]");
    assert_string_equal(got[0].about, "{}");
    assert_string_equal(got[1].name, "api");
    assert_null(got[1].about);
    OK(f, store_service(f->s, f->arena, "api", got, &f->err));
    assert_string_equal(got->mode, "advise");
    assert_int_equal(store_service(f->s, f->arena, "ap", got, &f->err), HD_ABSENT);
    fixture_begin(f);
    OK(f, store_put_services(f->s, row + 1, 1, &f->err));
    fixture_commit(f);
    OK(f, store_services(f->s, f->arena, &got, &n, &f->err));
    assert_int_equal(n, 1);
    assert_string_equal(got[0].name, "api");
}

static struct store_reading reading(void)
{
    return (struct store_reading){
        .service = "shop", .first_ms = 100, .last_ms = 100, .value = "w=1", .memory = "m1",
        .owner = "ops", .n_sides = 2,
        .side = {{"bl\"ue", 1000000, 3, UINT32_MAX}, {"green", UINT32_MAX, UINT32_MAX - 1, 0}},
    };
}

/* What makes a new row, and what only moves the newest one. */
static void test_readings(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *value, *memory;
        uint32_t share, ready;
        size_t sides;
        int new_row;
    } row[] = {
        {"the first", "w=1", "m1", 1000000, 3, 2, 1},
        {"the same again", "w=1", "m1", 1000000, 3, 2, 0},
        {"another ready count", "w=1", "m1", 1000000, 2, 2, 0},
        {"another share", "w=1", "m1", 500000, 2, 2, 1},
        {"another value", "w=2", "m1", 500000, 2, 2, 1},
        {"another memory", "w=2", "m2", 500000, 2, 2, 1},
        {"no memory", "w=2", NULL, 500000, 2, 2, 1},
        {"a side less", "w=2", NULL, 500000, 2, 1, 1},
        {"back to an earlier value", "w=1", "m1", 1000000, 3, 2, 1},
    };
    int64_t last_id = 0, first_ms = 0;
    struct store_reading got;
    assert_int_equal(store_reading(f->s, f->arena, "shop", &got, &f->err), HD_ABSENT);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_reading r = reading();
        r.first_ms = r.last_ms = 100 * (int64_t)i;
        r.value = row[i].value;
        r.memory = row[i].memory;
        r.side[0].share_ppm = row[i].share;
        r.side[0].ready = row[i].ready;
        r.n_sides = row[i].sides;
        first_ms = row[i].new_row ? r.first_ms : first_ms;
        fixture_begin(f);
        OK(f, store_put_reading(f->s, &r, &f->err));
        fixture_commit(f);
        OK(f, store_reading(f->s, f->arena, "shop", &got, &f->err));
        bool good = (got.id > last_id) == row[i].new_row && got.last_ms == r.last_ms &&
                    got.first_ms == first_ms && got.side[0].ready == row[i].ready &&
                    got.side[0].share_ppm == row[i].share && got.n_sides == row[i].sides;
        if (!good)
            fail_msg("%s", row[i].name);
        last_id = got.id;
    }
    assert_string_equal(got.side[0].colour, "bl\"ue");
    assert_int_equal(got.side[0].wanted, UINT32_MAX);
    assert_int_equal(got.side[1].share_ppm, UINT32_MAX);
    assert_int_equal(got.side[1].ready, UINT32_MAX - 1);
    assert_string_equal(got.owner, "ops");
    assert_null(got.note);
    assert_false(got.ours);
    struct store_reading idle = reading();
    idle.n_sides = 1;
    idle.side[0].share_ppm = 0;
    idle.first_ms = idle.last_ms = 99999;
    fixture_begin(f);
    OK(f, store_put_reading(f->s, &idle, &f->err));
    fixture_commit(f);
    OK(f, store_reading(f->s, f->arena, "shop", &got, &f->err));
    assert_int_equal(got.side[0].share_ppm, 0);
    OK(f, store_reading_with_traffic(f->s, f->arena, "shop", &got, &f->err));
    assert_int_equal(got.id, last_id);
    assert_int_equal(store_reading_with_traffic(f->s, f->arena, "none", &got, &f->err), HD_ABSENT);
}

/* The reading that stood at a moment, also within the time that it was seen. */
static void test_reading_at(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *want; /* NULL: none */
    } row[] = {{99, NULL}, {100, "w=1"}, {250, "w=1"}, {299, "w=1"}, {300, "w=2"}, {9000, "w=2"}};
    struct fixture *f = *state;
    struct store_reading r = reading(), got;
    fixture_begin(f);
    for (int i = 0; i < 3; i++) {
        r.first_ms = r.last_ms = 100 * (i + 1);
        r.value = i < 2 ? "w=1" : "w=2";
        OK(f, store_put_reading(f->s, &r, &f->err));
    }
    fixture_commit(f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        enum hd_code code = store_reading_at(f->s, f->arena, "shop", row[i].at_ms, &got, &f->err);
        if (code != (row[i].want ? HD_OK : HD_ABSENT) || (row[i].want && strcmp(got.value, row[i].want) != 0))
            fail_msg("at %lld: %d", (long long)row[i].at_ms, (int)code);
    }
}

static void test_approvals(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"01A", "01B", "01C", "01D"};
    struct store_approval a = {.service = "shop", .approvers = "ann, bob", .expires_ms = 900}, *list;
    size_t n = 99;
    fixture_begin(f);
    for (int i = 0; i < 4; i++) {
        a.guard = ids[i];
        a.asked_ms = 100 - i;
        a.outcome = i == 1 || i == 3 ? APPROVAL_OPEN : APPROVAL_REJECTED;
        a.decided_ms = a.outcome == APPROVAL_OPEN ? -1 : 500;
        OK(f, store_put_approval(f->s, &a, &f->err));
    }
    fixture_commit(f);
    OK(f, store_approvals(f->s, f->arena, &list, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].guard, "01D"); /* asked first */
    OK(f, store_approvals_past(f->s, f->arena, 50, &list, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].guard, "01C"); /* the newest guard */
    OK(f, store_approvals_past(f->s, f->arena, 1, &list, &n, &f->err));
    assert_int_equal(n, 1);
}

static void test_readings_of_two(void **state)
{
    struct fixture *f = *state;
    struct store_reading a = reading(), b = reading(), got;
    b.service = "api";
    b.ours = true;
    fixture_begin(f);
    OK(f, store_put_reading(f->s, &a, &f->err));
    OK(f, store_put_reading(f->s, &b, &f->err));
    fixture_commit(f);
    OK(f, store_reading(f->s, f->arena, "shop", &got, &f->err));
    assert_false(got.ours);
    OK(f, store_reading(f->s, f->arena, "api", &got, &f->err));
    assert_true(got.ours);
}

static size_t holds_at(struct fixture *f, int64_t now_ms)
{
    struct store_hold *hold;
    size_t n = 99;
    OK(f, store_holds(f->s, f->arena, now_ms, &hold, &n, &f->err));
    return n;
}

static void test_holds(void **state)
{
    struct fixture *f = *state;
    struct store_hold fleet = {.reason = "freeze", .actor = "ann", .from_ms = 100, .until_ms = 200};
    struct store_hold shop = {.service = "shop", .reason = "r", .actor = "bob", .from_ms = 100,
                              .until_ms = 300};
    int64_t id = 0;
    size_t n = 0;
    fixture_begin(f);
    OK(f, store_add_hold(f->s, &fleet, &id, &f->err));
    OK(f, store_add_hold(f->s, &shop, &id, &f->err));
    fixture_commit(f);
    static const struct {
        const char *name;
        int64_t now_ms;
        size_t want;
    } row[] = {
        {"the clock was set back", 99, 2}, {"from", 100, 2}, {"the fleet's is over", 200, 1}, {"all over", 300, 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (holds_at(f, row[i].now_ms) != row[i].want)
            fail_msg("%s", row[i].name);
    }
    fixture_begin(f);
    OK(f, store_release_holds(f->s, "shop", 150, &n, &f->err));
    assert_int_equal(n, 1);
    fixture_commit(f);
    struct store_hold *hold;
    OK(f, store_holds(f->s, f->arena, 150, &hold, &n, &f->err));
    assert_int_equal(n, 1);
    assert_null(hold[0].service);
    assert_string_equal(hold[0].actor, "ann");
    assert_int_equal(hold[0].released_ms, -1);
    fixture_begin(f);
    OK(f, store_release_holds(f->s, NULL, 150, &n, &f->err));
    assert_int_equal(n, 1);
    OK(f, store_release_holds(f->s, NULL, 150, &n, &f->err));
    assert_int_equal(n, 0);
    fixture_commit(f);
    assert_int_equal(holds_at(f, 150), 0);
}

static void I8_holds_are_so_many(void **state)
{
    struct fixture *f = *state;
    struct store_hold hold = {.service = "shop", .reason = "r", .from_ms = 100, .until_ms = 200};
    int64_t id = 0, rows = 0;
    fixture_begin(f);
    OK(f, sql_write(f->s, "INSERT INTO hold (from_ms, until_ms, released_ms) WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL"
                          " SELECT i + 1 FROM n WHERE i < ?1) SELECT 100, 200, -1 FROM n",
                    ARGS(INT_ARG(STORE_HOLDS_MAX)), &f->err));
    OK(f, store_add_hold(f->s, &hold, &id, &f->err)); /* the last of so many */
    assert_int_equal(store_add_hold(f->s, &hold, &id, &f->err), HD_LIMIT);
    store_rollback(f->s);
    fixture_begin(f);
    OK(f, store_add_hold(f->s, &hold, &id, &f->err));
    hold = (struct store_hold){.reason = "r", .from_ms = 200, .until_ms = 300}; /* the other is over */
    OK(f, store_add_hold(f->s, &hold, &id, &f->err));
    fixture_commit(f);
    OK(f, sql_int(f->s, "SELECT count(*) FROM hold", NO_ARGS, &rows, &f->err));
    assert_int_equal(rows, 1);
}

/* What is configured no longer is forgotten, and nothing else. */
static void I8_names_that_are_gone(void **state)
{
    static const char *const keep[] = {"prom", "cw"};
    struct fixture *f = *state;
    struct store_fact *list;
    const char *value;
    size_t n = 0;
    fixture_begin(f);
    OK(f, store_put_fact(f->s, "source/prom", "ok 1", &f->err));
    OK(f, store_put_fact(f->s, "source/prometheus", "ok 1", &f->err));
    OK(f, store_put_fact(f->s, "source/old", "ok 1", &f->err));
    OK(f, store_put_fact(f->s, "sourced", "1", &f->err));
    OK(f, store_keep_facts(f->s, "source/", keep, 2, &f->err));
    fixture_commit(f);
    OK(f, store_facts(f->s, f->arena, "source/", &list, &n, &f->err));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].key, "source/prom");
    OK(f, store_fact(f->s, f->arena, "sourced", &value, &f->err));
}

static void test_rejected(void **state)
{
    struct fixture *f = *state;
    const char *why = "?";
    OK(f, store_rejected(f->s, f->arena, "shop", "green", &why, &f->err));
    assert_null(why);
    fixture_begin(f);
    OK(f, store_put_rejection(f->s, "shop", &(struct store_rejection){"green", "failed", "01M7", 1, true}, &f->err));
    OK(f, store_put_rejection(f->s, "shop", &(struct store_rejection){"blue", NULL, NULL, 1, true}, &f->err));
    fixture_commit(f);
    OK(f, store_rejected(f->s, f->arena, "shop", "green", &why, &f->err));
    assert_string_equal(why, "failed");
    OK(f, store_rejected(f->s, f->arena, "shop", "blue", &why, &f->err));
    assert_string_equal(why, "");
    OK(f, store_rejected(f->s, f->arena, "api", "green", &why, &f->err));
    assert_null(why);
    struct store_rejection *list;
    size_t n = 0;
    OK(f, store_rejections(f->s, f->arena, "shop", &list, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(list[1].colour, "green");
    assert_string_equal(list[1].guard, "01M7");
    assert_int_equal(list[1].at_ms, 1);
    assert_null(list[0].guard);
    fixture_begin(f);
    OK(f, store_put_rejection(f->s, "shop", &(struct store_rejection){"green", NULL, NULL, 2, false}, &f->err));
    fixture_commit(f);
    OK(f, store_rejected(f->s, f->arena, "shop", "green", &why, &f->err));
    assert_null(why);
    OK(f, store_rejections(f->s, f->arena, "shop", &list, &n, &f->err));
    assert_int_equal(n, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_facts), T(test_services), T(test_readings),
                                       T(test_reading_at), T(test_approvals), T(test_readings_of_two),
                                       T(test_holds), T(I8_holds_are_so_many), T(test_rejected), T(I8_names_that_are_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
