/* SPDX-License-Identifier: Apache-2.0
 *
 * Which time of stable is no past for a guard: that of rejected releases, as the store tells of them;
 * all of it when the store cannot tell, or stable was rejected longer ago than is looked back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "engine/past.h"
#include "pipeline/internal.h"
#include "../../support/store_fixture.h"

#define MINUTE_MS ((int64_t)60000)
#define DAY_MS ((int64_t)86400000)
#define NOW_MS (10 * DAY_MS)

static void spoil(struct fixture *f)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE guard_mark", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* One release on green so long ago, and blue's guard now. */
static void which_time_is_left_out(void **state)
{
    static const struct {
        const char *name;
        int64_t ago_ms; /* 0: there was none */
        bool failed, from_rejected, spoilt;
        bool hour, day; /* is what was so long ago left out? */
    } rows[] = {
        {"none was there", 0, false, false, false, false, false},
        {"it passed", DAY_MS / 2, false, false, false, false, false},
        {"it failed, and was re-armed", DAY_MS / 2, true, false, false, false, false},
        {"it failed, and stands rejected", DAY_MS / 2, true, true, false, true, false},
        {"it failed days ago, and stands rejected", 3 * DAY_MS, true, true, false, true, true},
        {"it failed days ago, and was re-armed", 3 * DAY_MS, true, false, false, false, false},
        {"nobody can say", DAY_MS / 2, false, false, true, true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        fixture_dir(&f);
        OK(&f, fixture_open(&f));
        if (rows[i].ago_ms) {
            struct store_guard old = fixture_guard(1);
            old.switch_from_ms = old.started_ms = NOW_MS - rows[i].ago_ms;
            old.ended_ms = old.started_ms + 20 * MINUTE_MS;
            old.state = rows[i].failed ? HD_STATE_ADVISED : HD_STATE_PASSED;
            old.verdict = rows[i].failed ? HD_VERDICT_FAIL : HD_VERDICT_PASS;
            fixture_begin(&f);
            OK(&f, store_add_guard(f.s, &old, &f.err));
            fixture_commit(&f);
        }
        if (rows[i].spoilt)
            spoil(&f);
        const struct hd_colour colours[] = {{.name = "blue"}, {.name = "green"}};
        const struct hd_policy policy = {.colours = colours, .n_colours = 2};
        struct pipeline *p = calloc(1, sizeof *p);
        struct service service = {.p = p, .name = (char *)(uintptr_t) "shop"};
        struct guard *g = calloc(1, sizeof *g);
        assert_true(p && g);
        p->o.store = f.s;
        *g = (struct guard){.p = p, .service = &service, .policy = &policy, .stable = 1,
                            .from_rejected = rows[i].from_rejected};
        g->row.switch_from_ms = NOW_MS;
        const struct past_releases *r = past_releases(g, f.arena);
        bool hour = past_left_out(r, 60 * MINUTE_MS, MINUTE_MS), day = past_left_out(r, DAY_MS - MINUTE_MS, MINUTE_MS);
        if (hour != rows[i].hour || day != rows[i].day)
            fail_msg("%s: left out %d, %d", rows[i].name, hour, day);
        free(g);
        free(p);
        fixture_clean(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(which_time_is_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
