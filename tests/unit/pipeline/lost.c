/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not get lost with the store: the page that says so, which is tried again, and what was seen meanwhile; and
 * what must not stay when a guard cannot be taken up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "pipeline/internal.h"
#include "world.h"

#define YAML \
    "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" \
    "notifiers: {oncall: {type: webhook, url: \"http://c/hook\", page: true}}\n" SERVICE \
    "    approval: {by: [alice], within: 10m}\n"

static unsigned tried, refuse; /* calls of the pager; how many it does not take */
static int refusal;            /* what it says to those */

static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        const struct hd_request *r = w->call[i].request;
        bool http = r->via == HD_VIA_HTTP;
        if (http && str_is(r->u.http.path, "/route")) {
            reply_route(w, i);
        } else if (http && !str_begins(r->u.http.path, "/api")) {
            bool taken = tried++ >= refuse;
            reply(w, i, HD_IO_OK, taken ? 200 : refusal, "");
        } else {
            i++;
        }
    }
}

/* Green has the traffic, and a guard. */
static int setup(void **state)
{
    static const char limit[] = "max: 1%";
    static const char yaml[] = YAML;
    const char *rest = strstr(yaml, limit) + strlen(limit);
    BUF_AUTO b = BUF_INIT(4000);
    buf_print(&b, "%.*s, advisory: true%s", (int)(rest - yaml), yaml, rest); /* it fails no guard */
    struct world *w = world_new(buf_at(&b), answer);
    pass(w, 10);
    w->live = "green";
    pass(w, 10);
    assert_non_null(w->p->services[0]->guard);
    tried = refuse = 0;
    *state = w;
    return 0;
}

/* Away, or back. */
static void move_store(struct world *w, bool away)
{
    char other[100];
    (void)snprintf(other, sizeof other, "%s.away", w->f.path);
    assert_int_equal(rename(away ? w->f.path : other, away ? other : w->f.path), 0);
}

static void I3_a_page_past_the_store_is_tried_again(void **state)
{
    struct world *w = *state;
    refuse = 3;
    refusal = 503;
    move_store(w, true);
    (void)ordered(w, "revert", "\"reason\":\"x\"");
    pass(w, 60);
    assert_true(w->p->store_lost);
    assert_int_equal(tried, refuse + 1);
    move_store(w, false);
}

static void I3_a_page_past_the_store_goes_to_the_pager_of_a_reload(void **state)
{
    struct world *w = *state;
    refuse = 1;
    refusal = 404; /* no such channel: it is not asked again */
    move_store(w, true);
    (void)ordered(w, "revert", "\"reason\":\"x\"");
    pass(w, 30);
    assert_int_equal(tried, 1);
    reload(w, YAML);
    pass(w, 30);
    assert_int_equal(tried, 2);
    move_store(w, false);
}

static void bands_of_while_it_was_lost(void **state)
{
    struct world *w = *state;
    struct guard *g = w->p->services[0]->guard;
    struct store_band *bands;
    size_t n;
    move_store(w, true);
    for (uint32_t poll = 1; poll <= 2 * HD_CHECKS_MAX; poll++) {
        const struct hd_measurement m[] = {
            {.check = 0, .role = HD_CANDIDATE, .fresh = true, .events = poll % 2 ? 50 : 0, .exposure = 1000, .value = NAN,
             .covers_ms = 5000},
            {.check = 0, .role = HD_STABLE, .outcome = HD_OUTCOME_NO_DATA, .value = NAN, .age_ms = -1}};
        const struct hd_evidence e = {.poll = poll, .m = m, .n = 2};
        decide_evidence(g, &e, w->now.wall_ms + poll, guard_time(g) + 5000 * poll);
    }
    assert_false(hd_state_terminal(g->row.state));
    move_store(w, false);
    pass(w, 3);
    OK(&w->f, store_bands(w->f.s, w->f.arena, g->row.id, &bands, &n, &w->f.err));
    assert_int_equal(n, HD_CHECKS_MAX);
    assert_int_equal(bands[n - 1].band, HD_BAND_PASS);
    assert_int_equal(bands[n - 2].band, HD_BAND_FAIL);
}

static void spoil(struct world *w, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(w->f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE guard_pin SET pin = 'of another version'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void I3_a_guard_that_cannot_be_taken_up(void **state)
{
    static const struct {
        const char *name;
        char before; /* a: it asks for an approval; r: its revert is on its way */
        const char *sql, *state;
        bool rejected; /* its candidate (I11) */
        unsigned told;
    } rows[] = {
        {"it watched", 0, "", "inconclusive", false, 1},
        {"it watched in mode shadow", 0, "UPDATE guard SET mode = 2", "inconclusive", false, 0},
        {"it was an analysis", 0, "UPDATE guard SET analysis = 1", "inconclusive", false, 0},
        {"it asked for an approval", 'a', "", "refused", true, 1},
        {"its revert was sent", 'r', "", "not_verified", true, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_approval *asked;
        struct store_intent *open;
        struct store_guard g;
        char id[27];
        size_t n = 0, n_open = 0;
        if (i)
            (void)setup(state);
        struct world *w = *state;
        memcpy(id, w->p->services[0]->guard->row.id, sizeof id);
        if (rows[i].before == 'a')
            assert_true(approval_ask(w->p->services[0]->guard));
        if (rows[i].before == 'r')
            (void)ordered(w, "revert", "\"reason\":\"x\"");
        pass(w, 2);
        w->p = pipeline_free(w->p);
        spoil(w, rows[i].sql);
        tried = 0;
        start(w);
        pass(w, 2);
        OK(&w->f, store_guard(w->f.s, w->f.arena, id, &g, &w->f.err));
        OK(&w->f, store_approvals(w->f.s, w->f.arena, &asked, &n, &w->f.err));
        OK(&w->f, store_intents(w->f.s, w->f.arena, NULL, &open, &n_open, &w->f.err));
        bool rejected = mark_of(w->p->services[0], "green") != NULL;
        if (!str_is(hd_state_word(g.state), rows[i].state) || rejected != rows[i].rejected || tried != rows[i].told ||
            n || n_open || g.needs_human != (rows[i].told > 0))
            fail_msg("%s: %s, rejected %d, told %u, asked %zu, open %zu, needs_human %d", rows[i].name,
                     hd_state_word(g.state), rejected, tried, n, n_open, g.needs_human);
        if (i + 1 < sizeof rows / sizeof *rows)
            (void)teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(I3_a_page_past_the_store_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(I3_a_page_past_the_store_goes_to_the_pager_of_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(bands_of_while_it_was_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(I3_a_guard_that_cannot_be_taken_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
