/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message says: the sides by name, and what has ended calls nobody any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define CHAT "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" \
    "notifiers: {chat: {type: webhook, url: \"http://c/hook\", body: '{\"said\": \"{{severity}} " \
    "{{resolved}} {{stable}} {{candidate}} {{headline}}\"}'}}\n"
#define SERVICE_OF(check) "services:\n  shop:\n    colours: [blue, green]\n    target: {trust: true}\n" \
    "    actuator: {type: webhook, url: \"http://r\", read: {path: /route, value: $.live}, kind: set," \
    " write: [{method: PUT, path: /route, body: '{\"to\": \"{{value}}\"}'}]}\n" \
    "    checks: [" check "]\n    guard: {duration: 1h, blind_for: 30s}\n"

static char said[20][300];
static size_t n_said;

/* The source answers nothing but its clock. */
static void answer(struct world *w)
{
    while (w->n_calls) {
        const struct hd_request *r = w->call[0].request;
        char body[200];
        if (r->via == HD_VIA_HTTP && str_begins(r->u.http.path, "/route") && w->hangs) {
            reply(w, 0, HD_IO_NOT_SENT, 0, "");
            continue;
        }
        if (r->via == HD_VIA_HTTP && str_begins(r->u.http.path, "/route")) {
            reply_route(w, 0);
            continue;
        }
        if (r->via == HD_VIA_HTTP && str_begins(r->u.http.path, "/hook") && n_said < 20)
            (void)snprintf(said[n_said++], sizeof said[0], "%.*s", (int)r->body.len, r->body.at);
        (void)snprintf(body, sizeof body, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\","
                       "\"result\":[%lld,\"%lld\"]}}", (long long)w->now.wall_ms / 1000,
                       (long long)w->now.wall_ms / 1000);
        reply(w, 0, HD_IO_OK, 200, body);
    }
}

static int setup(void **state)
{
    n_said = 0;
    *state = world_new(CHAT SERVICE_OF("{use: http-5xx-ratio, max: 1%}"), answer);
    return 0;
}

static int setup_asking(void **state)
{
    n_said = 0;
    *state = world_new(CHAT SERVICE_OF("{use: http-5xx-ratio, max: 1%}") "    approval: {by: [alice]}\n", answer);
    return 0;
}

/* Nothing but the router is ever missed. */
static int setup_seeing(void **state)
{
    n_said = 0;
    *state = world_new(CHAT SERVICE_OF("{name: up, http: {url: \"http://u/up\"}, min: 1}"), answer);
    return 0;
}

static void was_said(const char *want)
{
    for (size_t i = 0; i < n_said; i++) {
        if (strstr(said[i], want))
            return;
    }
    for (size_t i = 0; i < n_said; i++)
        print_message("%s\n", said[i]);
    fail_msg("not said: %s", want);
}

static void names_sides_and_calls_no_more(void **state)
{
    struct world *w = *state;
    pass(w, 20);
    w->live = "green";
    pass(w, 120);
    was_said("info false blue green shop: Watching green (from blue)");
    was_said("act false blue green shop: Watching green (from blue), blind - look\"");
    w->live = "blue";
    pass(w, 30);
    was_said("act true blue green shop: Watching green (from blue), blind\"");
}

/* Over a restart, too: nobody else would take the notice back. */
static void unread_router_is_said_and_settled(void **state)
{
    struct world *w = *state;
    for (int restarted = 0; restarted < 2; restarted++) {
        n_said = 0;
        w->live = "blue";
        pass(w, 20);
        w->live = "green";
        pass(w, 10);
        w->hangs = true; /* the router is away */
        pass(w, 45);
        was_said("act false blue green shop: Watching green (from blue); the router cannot be read - act now\"");
        if (restarted) {
            pipeline_free(w->p);
            w->n_calls = 0;
            start(w);
            pass(w, 40);
        }
        w->hangs = false;
        pass(w, 10);
        was_said("act true blue green shop: Watching green (from blue); the router cannot be read\"");
        struct store_event *acts;
        size_t n;
        OK(&w->f, store_open_acts(w->f.s, w->f.arena, &acts, &n, &w->f.err));
        for (size_t i = 0; i < n; i++)
            assert_int_not_equal(acts[i].reason, HD_REASON_ROUTER_UNREADABLE);
    }
}

static unsigned open_acts(struct world *w)
{
    struct store_event *acts;
    size_t n;
    OK(&w->f, store_open_acts(w->f.s, w->f.arena, &acts, &n, &w->f.err));
    return (unsigned)n;
}

/* Three polls in which no member is ready; in the last one the check is seen again. */
static void crash(struct world *w, struct guard *g)
{
    for (uint32_t poll = 1; poll <= 3; poll++) {
        const struct hd_measurement m[] = {
            {.check = 0, .role = HD_CANDIDATE, .outcome = poll < 3 ? HD_OUTCOME_NO_DATA : HD_OUTCOME_OK, .fresh = poll == 3,
             .exposure = 1000, .value = NAN, .covers_ms = 5000},
            {.check = 0, .role = HD_STABLE, .outcome = HD_OUTCOME_NO_DATA, .value = NAN, .age_ms = -1}};
        const struct hd_evidence e = {.poll = g->polls + poll, .m = m, .n = 2,
                                      .presence[HD_CANDIDATE] = {.known = true, .share_ppm = 1000000, .wanted = 3}};
        decide_evidence(g, &e, w->now.wall_ms + poll, guard_time(g) + 5000 * poll);
    }
}

/* A human was told that it is blind, or asked for an approval, and that is over with the revert. */
static void calls_nobody_while_it_acts(void **state)
{
    for (int approval = 0; approval < 2; approval++) {
        if (approval)
            (void)setup_asking(state);
        struct world *w = *state;
        pass(w, 20);
        w->live = "green";
        pass(w, approval ? 10 : 60);
        struct guard *g = w->p->services[0]->guard;
        if (approval)
            assert_true(approval_ask(g));
        pass(w, 1);
        assert_int_equal(open_acts(w), 1);
        w->hangs = true;
        if (approval)
            assert_int_equal(ordered(w, "revert", "\"reason\":\"x\""), 202);
        else
            crash(w, g);
        pass(w, 1);
        assert_int_equal(g->row.state, HD_STATE_DECIDING);
        assert_false(g->row.needs_human);
        assert_int_equal(open_acts(w), 0);
        if (!approval)
            (void)teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_sides_and_calls_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(unread_router_is_said_and_settled, setup_seeing, teardown),
        cmocka_unit_test_setup_teardown(calls_nobody_while_it_acts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
