/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders that wait for a reading of the router, several of them at once, and a configuration that changes meanwhile
 * or under a live guard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define HEAD "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
#define OTHER "services:\n  cart:\n    colours: [blue, green]\n    actuator: {type: haproxy, socket: /s, backend: b}\n" \
              "    checks: [{use: http-5xx-ratio, max: 1%}]\n"

/* A router that hangs keeps its readings. */
static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        bool route = w->call[i].request->via == HD_VIA_HTTP && str_is(w->call[i].request->u.http.path, "/route");
        if (route && !w->hangs)
            reply_route(w, i);
        else
            i++;
    }
}

static int setup(void **state)
{
    struct world *w = world_new(HEAD SERVICE, answer);
    pass(w, 10);
    *state = w;
    return 0;
}

static size_t guards(struct world *w, struct store_guard **ret)
{
    size_t n = 0;
    OK(&w->f, store_guards(w->f.s, w->f.arena, &(struct store_filter){.verdict = -1}, ret, &n, &w->f.err));
    return n;
}

/* One turn of the loop, and what it asks is answered. */
static void turn(struct world *w)
{
    (void)pipeline_tick(w->p, w->now);
    w->answer(w);
}

static void the_reading_was_begun_after_the_order(void **state)
{
    struct world *w = *state;
    struct store_guard *list;
    for (int i = 0; i < 3; i++) /* the first one begins a reading, which says nothing to the others */
        assert_int_equal(ordered(w, "guard", "\"to\":\"green\""), 0);
    turn(w);
    assert_int_equal(w->n_later, 1);
    assert_int_equal(w->later[0], 201);
    turn(w);
    assert_int_equal(w->n_later, 3);
    assert_int_equal(w->later[1], 200);
    assert_int_equal(w->later[2], 200);
    assert_int_equal(guards(w, &list), 1);
}

static void a_service_that_goes_takes_its_orders_along(void **state)
{
    struct world *w = *state;
    struct store_guard *list;
    w->hangs = true;
    assert_int_equal(ordered(w, "revert", "\"to\":\"green\",\"reason\":\"x\""), 0);
    reload(w, HEAD OTHER);
    assert_int_equal(w->n_later, 1);
    assert_int_equal(w->later[0], 404);
    w->hangs = false;
    pass(w, 10);
    reload(w, HEAD SERVICE);
    pass(w, 10);
    assert_int_equal(w->n_later, 1);
    assert_int_equal(guards(w, &list), 0);
}

/* The same service, with its colours in another order: a guard means them by name. */
static void turn_round(struct world *w)
{
    BUF_AUTO yaml = BUF_INIT(4000);
    buf_text(&yaml, HEAD SERVICE);
    memcpy(strstr(yaml.at, "[blue, green]"), "[green, blue]", strlen("[green, blue]"));
    reload(w, buf_at(&yaml));
}

static void I11_a_way_back_is_no_switch_after_a_reload(void **state)
{
    struct world *w = *state;
    struct store_guard *list;
    w->live = "green";
    pass(w, 10);
    turn_round(w);
    w->live = "blue";
    pass(w, 10);
    assert_int_equal(guards(w, &list), 1);
    assert_int_equal(list[0].state, HD_STATE_SUPERSEDED);
    w->live = "green";
    pass(w, 10);
    assert_int_equal(guards(w, &list), 2);
}

static void a_new_version_after_a_reload(void **state)
{
    struct world *w = *state;
    struct store_guard *list;
    w->live = "green";
    pass(w, 10);
    for (int version = 1; version <= 2; version++) {
        char args[100];
        (void)snprintf(args, sizeof args, "\"to\":\"green\",\"version\":\"v%d\"", version);
        assert_int_equal(ordered(w, "guard", args), 0);
        pass(w, 3);
        turn_round(w);
    }
    assert_int_equal(w->later[1], 201);
    assert_int_equal(guards(w, &list), 2);
    assert_string_equal(list[0].candidate, "green");
    assert_string_equal(list[0].stable, "blue");
    assert_string_equal(list[0].candidate_version, "v2");
}

/* Decided, and the router does not answer: a hold that is ordered now still holds. */
static void a_hold_before_the_first_byte(void **state)
{
    static const struct {
        const char *name;
        bool automatic, hold, release;
        int state;
    } rows[] = {
        {"no hold", true, false, false, HD_STATE_VERIFYING},
        {"a hold", true, true, false, HD_STATE_ADVISED},
        {"a hold, and its release", true, true, true, HD_STATE_VERIFYING},
        {"a hold, and a human's own order", false, true, false, HD_STATE_VERIFYING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_guard *list;
        if (i)
            (void)setup(state);
        struct world *w = *state;
        w->live = "green";
        pass(w, 10);
        w->hangs = true;
        decide_revert(w->p->services[0]->guard, rows[i].automatic, "x");
        pass(w, 1);
        if (rows[i].hold)
            assert_int_equal(ordered(w, "hold", "\"reason\":\"x\",\"duration_ms\":60000"), 201);
        if (rows[i].release)
            assert_int_equal(ordered(w, "release", ""), 200);
        w->hangs = false;
        pass(w, 2);
        (void)guards(w, &list);
        if (list[0].state != rows[i].state || (list[0].sent_ms >= 0) != (rows[i].state == HD_STATE_VERIFYING))
            fail_msg("%s: %s", rows[i].name, hd_state_word(list[0].state));
        if (i + 1 < sizeof rows / sizeof *rows)
            (void)teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_reading_was_begun_after_the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(I11_a_way_back_is_no_switch_after_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_version_after_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hold_before_the_first_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(a_service_that_goes_takes_its_orders_along, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
