/* SPDX-License-Identifier: Apache-2.0
 *
 * Services that come and go with reloads: those that are over leave their place to others (I8), one whose
 * guard lives does not, and one that comes back is known again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define HEAD "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" SERVICE

static int setup(void **state)
{
    *state = world_new(HEAD, answer_routes);
    return 0;
}

/* The world's service under another name. */
static void rename_service(struct world *w, const char *name)
{
    const char *at = strstr(HEAD, "shop:");
    reload(w, arena_print(w->f.arena, "%.*s%s%s", (int)(at - HEAD), HEAD, name, at + 4));
    pass(w, 10);
}

static void reload_often(struct world *w)
{
    for (int i = 0; i < 30; i++)
        rename_service(w, arena_print(w->f.arena, "preview-%d", i));
}

static void I8_services_that_are_gone(void **state)
{
    struct world *w = *state;
    pass(w, 10);
    reload_often(w);
    assert_in_range(w->p->n_services, 1, 2);
    assert_null(service_find(w->p, "shop"));
    assert_int_equal(service_find(w->p, "preview-29")->last.n_sides, 2); /* it is read */
}

static void one_with_a_guard_stays(void **state)
{
    struct world *w = *state;
    pass(w, 10);
    w->live = "green";
    pass(w, 10);
    const struct guard *g = service_find(w->p, "shop")->guard;
    assert_non_null(g);
    reload_often(w);
    assert_ptr_equal(service_find(w->p, "shop")->guard, g);
    assert_in_range(w->p->n_services, 2, 3);
    w->live = "blue"; /* which ends it */
    pass(w, 10);
    reload_often(w);
    assert_null(service_find(w->p, "shop"));
}

static void one_that_comes_back_is_known(void **state)
{
    struct world *w = *state;
    struct store_rejection no = {"green", "it was taken back", NULL, 1, true};
    pass(w, 10);
    fixture_begin(&w->f);
    OK(&w->f, store_put_rejection(w->f.s, "shop", &no, &w->f.err));
    fixture_commit(&w->f);
    reload_often(w);
    w->live = "green"; /* moved while nobody looked */
    rename_service(w, "shop");
    const struct service *s = service_find(w->p, "shop");
    assert_non_null(service_rejected(s, "green"));
    assert_non_null(s->guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(I8_services_that_are_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(one_with_a_guard_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_comes_back_is_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
