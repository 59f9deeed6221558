/* SPDX-License-Identifier: Apache-2.0
 *
 * The dead man's heartbeat: it goes out while live guards are evaluated, and no longer when one is
 * not, whatever else still turns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static bool asks(const struct call *c, const char *path)
{
    return c->request->via == HD_VIA_HTTP && str_begins(c->request->u.http.path, path);
}

static bool is_beat(const struct call *c)
{
    return asks(c, "/api/v2/alerts") && strstr(c->request->body.at, "HaldaneHeartbeat");
}

/* A hanging source keeps its questions. */
static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        char body[200] = "{}";
        bool source = asks(&w->call[i], "/api/v1/query");
        if (source && w->hangs) {
            i++;
            continue;
        }
        if (asks(&w->call[i], "/route")) {
            reply_route(w, i);
            continue;
        }
        if (source)
            (void)snprintf(body, sizeof body, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\","
                           "\"result\":[%lld,\"%lld\"]}}", (long long)w->now.wall_ms / 1000,
                           (long long)w->now.wall_ms / 1000);
        w->beats += is_beat(&w->call[i]);
        reply(w, i, HD_IO_OK, 200, body);
    }
}

static int setup(void **state)
{
    *state = world_new("version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
                       "notifiers: {oncall: {type: alertmanager, url: \"http://a\", page: true}}\n" SERVICE, answer);
    return 0;
}

static void start_guard(struct world *w)
{
    struct store_guard *list;
    size_t n;
    pass(w, 20);
    w->live = "green";
    pass(w, 30);
    struct store_filter live = {.live = true, .verdict = -1};
    OK(&w->f, store_guards(w->f.s, w->f.arena, &live, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
}

static void beats_while_a_guard_is_evaluated(void **state)
{
    struct world *w = *state;
    start_guard(w);
    unsigned before = w->beats;
    pass(w, 60);
    assert_in_range(w->beats - before, 3, 5);
    w->hangs = true; /* polls are cut, and are evaluated as seeing nothing */
    before = w->beats;
    pass(w, 120);
    assert_in_range(w->beats - before, 7, 9);
}

static void stops_when_a_guard_is_not(void **state)
{
    struct world *w = *state;
    start_guard(w);
    unsigned before = w->beats;
    w->now.wall_ms += 120000; /* the loop stood still */
    w->now.boot_ms += 120000;
    (void)pipeline_tick(w->p, w->now);
    for (size_t i = 0; i < w->n_calls; i++)
        assert_false(is_beat(&w->call[i]));
    assert_int_equal(w->beats, before);
    pass(w, 60);
    assert_in_range(w->beats - before, 2, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(beats_while_a_guard_is_evaluated, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_when_a_guard_is_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
