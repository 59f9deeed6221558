/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall clock is set back by a day: what was ordered, told and begun before it lies in its future.
 * Nobody waits a day for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define DAY_MS 86400000

static unsigned told;  /* messages that reached the hook */
static bool hook_down;

static bool asks(const struct call *c, const char *path)
{
    return c->request->via == HD_VIA_HTTP && str_begins(c->request->u.http.path, path);
}

static void answer(struct world *w)
{
    while (w->n_calls) {
        if (asks(&w->call[0], "/route")) {
            reply_route(w, 0);
        } else if (asks(&w->call[0], "/hook")) {
            told += !hook_down;
            reply(w, 0, HD_IO_OK, hook_down ? 503 : 200, "");
        } else {
            reply(w, 0, HD_IO_OK, 503, "");
        }
    }
}

static int setup(void **state)
{
    told = 0;
    hook_down = false;
    *state = world_new("version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
                       "notifiers: {chat: {type: webhook, url: \"http://c/hook\"}}\n" SERVICE, answer);
    return 0;
}

static void newest(struct world *w, size_t want, struct store_guard *ret)
{
    struct store_guard *list;
    size_t n;
    OK(&w->f, store_guards(w->f.s, w->f.arena, &(struct store_filter){.verdict = -1}, &list, &n, &w->f.err));
    assert_int_equal(n, want);
    *ret = list[0];
}

/* A guard, which is over again. */
static void watch_one(struct world *w)
{
    w->live = "green";
    pass(w, 20);
    w->live = "blue";
    pass(w, 20);
}

static void restart(struct world *w)
{
    pipeline_free(w->p);
    start(w);
}

static void a_guard_of_after_is_the_newest(void **state)
{
    struct world *w = *state;
    struct store_guard first, second, third;
    pass(w, 10);
    watch_one(w);
    newest(w, 1, &first);
    w->now.wall_ms -= DAY_MS;
    w->live = "green";
    pass(w, 20);
    newest(w, 2, &second);
    assert_false(hd_state_terminal(second.state));
    w->live = "blue";
    pass(w, 20);
    w->now.wall_ms -= DAY_MS;
    restart(w);
    w->live = "green";
    pass(w, 20);
    newest(w, 3, &third);
    assert_false(hd_state_terminal(third.state));
}

static void messages_wait_no_day(void **state)
{
    for (int over_a_start = 0; over_a_start < 2; over_a_start++) {
        struct world *w = *state;
        pass(w, 10);
        hook_down = true;
        watch_one(w);
        hook_down = false;
        unsigned before = told;
        w->now.wall_ms -= DAY_MS / 100; /* a quarter of an hour is no better */
        if (over_a_start)
            restart(w);
        pass(w, 3);
        if (told == before)
            fail_msg("%s: nobody is told", over_a_start ? "over a start" : "while it runs");
    }
}

static void a_hold_stands(void **state)
{
    struct world *w = *state;
    struct store_hold hold = {.reason = "freeze", .from_ms = w->now.wall_ms, .until_ms = w->now.wall_ms + DAY_MS,
                              .released_ms = -1};
    int64_t id;
    fixture_begin(&w->f);
    OK(&w->f, store_add_hold(w->f.s, &hold, &id, &w->f.err));
    fixture_commit(&w->f);
    restart(w);
    assert_non_null(hold_of(w->p, "shop"));
    w->now.wall_ms -= 2000;
    pass(w, 1);
    assert_non_null(hold_of(w->p, "shop"));
    restart(w);
    assert_non_null(hold_of(w->p, "shop"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_guard_of_after_is_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_wait_no_day, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hold_stands, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
