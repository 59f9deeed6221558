/* SPDX-License-Identifier: Apache-2.0
 *
 * When other limits are tried for the page: after a guard has ended, in a process of its own; never
 * beside a revert, which stops it; once for the same guards; and what it says is stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

/* The router reads; a write hangs with it. A computation goes on. */
static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        if (is_child(&w->call[i]) || w->hangs)
            i++;
        else
            reply_route(w, i);
    }
}

/* The computation that runs; it must be there. */
static size_t running(const struct world *w)
{
    size_t i = 0;
    while (i < w->n_calls && !is_child(&w->call[i]))
        i++;
    assert_true(i < w->n_calls);
    return i;
}

static const char *stored(struct world *w)
{
    const char *value = "";
    struct hd_error err;
    (void)store_fact(w->f.s, w->f.arena, "limits/shop", &value, &err);
    return value;
}

/* About the newest guard. */
static void order(struct world *w, const char *what)
{
    struct store_guard *list;
    size_t n;
    const struct store_filter newest = {.verdict = -1, .limit = 1};
    OK(&w->f, store_guards(w->f.s, w->f.arena, &newest, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
    BUF_AUTO packet = BUF_INIT(2000);
    BUF_AUTO said = BUF_INIT(PIPELINE_PACKET_MAX);
    buf_print(&packet,
              "{\"id\":1,\"do\":\"%s\",\"token\":\"admin\",\"service\":\"shop\",\"guard\":\"%s\",\"reason\":\"test\"}",
              what, list->id);
    pipeline_command(w->p, w->now, buf_span(&packet), &said);
}

static int setup(void **state)
{
    *state = world_new("version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" SERVICE, answer);
    return 0;
}

/* A guard that a human cancels. */
static void guard(struct world *w)
{
    pass(w, 10); /* what it moves away from was read */
    w->live = str_is(w->live, "blue") ? "green" : "blue";
    pass(w, 10);
    assert_int_equal(pipeline_live_guards(w->p), 1);
    order(w, "cancel");
    pass(w, 1);
    assert_int_equal(pipeline_live_guards(w->p), 0);
}

static void it_follows_a_guard_and_is_stored(void **state)
{
    struct world *w = *state;
    pass(w, 20);
    assert_int_equal(w->begun, 0); /* nothing has ended yet */
    guard(w);
    pass(w, 5);
    assert_int_equal(w->begun, 1);
    const struct hd_request *r = w->call[running(w)].request;
    assert_string_equal(r->u.exec.argv[0], "/bin/haldane");
    assert_string_equal(r->u.exec.argv[2], "shop");
    assert_int_equal(r->effect, HD_EFFECT_READ);
    assert_true(r->at->timeout_ms == HD_LIMITS_MS && r->cap_bytes == HD_LIMITS_BYTES);
    reply(w, running(w), HD_IO_OK, 0, "{\"service\":\"shop\"}");
    pass(w, 1);
    assert_non_null(strstr(stored(w), " {\"service\":\"shop\"}"));
    w->p = pipeline_free(w->p);
    start(w); /* it looks once, and knows these guards */
    pass(w, 30);
    assert_int_equal(w->begun, 1);
}

static void what_goes_wrong_is_said(void **state)
{
    struct world *w = *state;
    guard(w);
    pass(w, 5);
    reply(w, running(w), HD_IO_TIMEOUT, 0, "");
    pass(w, 30);
    assert_true(str_ends(stored(w), " killed"));
    assert_int_equal(w->begun, 1); /* and not tried again for the same guards */
    guard(w);
    pass(w, 5);
    reply(w, running(w), HD_IO_OK, 2, "x");
    pass(w, 1);
    assert_true(str_ends(stored(w), " haldane backtest ended with status 2"));
}

static void I10_it_gives_way_to_a_revert(void **state)
{
    struct world *w = *state;
    guard(w);
    pass(w, 5);
    assert_int_equal(w->begun, 1);
    w->live = str_is(w->live, "blue") ? "green" : "blue";
    pass(w, 10);
    w->hangs = true;
    order(w, "revert");
    pass(w, 1);
    assert_true(pipeline_busy(w->p));
    assert_int_equal(w->stopped, 1);
    pass(w, 3);
    assert_int_equal(w->begun, 1); /* and does not begin beside it */
}

/* Each is up to HD_LIMITS_BYTES. */
static void I8_what_is_of_no_service_any_more_is_forgotten(void **state)
{
    struct world *w = *state;
    const char *value;
    w->p = pipeline_free(w->p);
    OK(&w->f, store_begin(w->f.s, &w->f.err));
    OK(&w->f, store_put_fact(w->f.s, "limits/gone", "key 1 {}", &w->f.err));
    OK(&w->f, store_put_fact(w->f.s, "limits/shop", "key 1 {}", &w->f.err));
    OK(&w->f, store_commit(w->f.s, &w->f.err));
    start(w);
    pass(w, 1);
    assert_int_equal(store_fact(w->f.s, w->f.arena, "limits/gone", &value, &w->f.err), HD_ABSENT);
    assert_string_equal(stored(w), "key 1 {}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_follows_a_guard_and_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(I10_it_gives_way_to_a_revert, setup, teardown),
        cmocka_unit_test_setup_teardown(I8_what_is_of_no_service_any_more_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
