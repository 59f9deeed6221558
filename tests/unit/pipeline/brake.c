/* SPDX-License-Identifier: Apache-2.0
 *
 * What the brake remembers: every automatic decision of the last minute, however many, over a restart too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define MANY 200

static void answer(struct world *w)
{
    while (w->n_calls)
        reply_route(w, 0);
}

static int setup(void **state)
{
    *state = world_new("version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" SERVICE, answer);
    return 0;
}

static void ask(struct world *w, size_t *ret_n)
{
    int64_t *list;
    fixture_begin(&w->f);
    OK(&w->f, may_write(w->p, &w->f.err));
    fixture_commit(&w->f);
    OK(&w->f, store_decisions(w->f.s, w->f.arena, w->now.wall_ms - WOULD_BRAKE_MS, &list, ret_n, &w->f.err));
}

static void I6_more_than_a_few_decisions(void **state)
{
    struct world *w = *state;
    size_t n;
    may_decided(w->p);
    pass(w, WOULD_BRAKE_MS / 1000);
    for (int i = 0; i < MANY; i++)
        may_decided(w->p);
    ask(w, &n);
    assert_int_equal(n, MANY); /* the first is too old */
    pipeline_free(w->p);
    start(w);
    may_decided(w->p);
    ask(w, &n);
    assert_int_equal(n, MANY + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(I6_more_than_a_few_decisions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
