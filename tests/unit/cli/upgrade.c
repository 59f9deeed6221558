/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores that older haldanes left at a kill -9 in the middle of a guard: all of them is there, the guard goes on
 * with its evidence and the memory of its series, holds hold, and a replay gives the verdicts of then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "cli/replay.h"
#include "engine/memory.h"
#include "pipeline/internal.h"
#include "../pipeline/world.h"

#define YAML "version: 1\ndatasources: {prom: {type: prometheus, url: \"http://h\"}}\n" SERVICE
#define SERIES 4 /* two colours, two codes */
#define DOWN_MS 3000

static const struct row {
    const char *name;
    int64_t saved_ms;     /* wall time of the guard's last turn */
    unsigned polls, t_ms; /* of the guard then */
    const char *shop, *done, *bad; /* guards */
} rows[] = {
    {"schema_01", 1795282099004, 7, 7002, "01M7ZJDFZ21Z2YSFW85898Y47J",
     "01M7ZJDFZ28XWKX74JSFXENM3R", "01M7ZJDFZ2E6XTNJ4D6M9MTWNR"},
    {"schema_13", 1795282107004, 7, 7000, "01M7ZJDQS41NKMJAKMMAKH5800",
     "01M7ZJDQS13SJY5C60V1AXAJ8Z", "01M7ZJDQS4XJR3XQSK3DWV4KZ4"},
};

static void fill(struct fixture *f, const char *name)
{
    static char text[1 << 17];
    FILE *in = fopen(arena_print(f->arena, TEST_DATA "/golden/store/%s.sql", name), "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    assert_true(feof(in));
    (void)fclose(in);
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", name, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct world *world_of(const struct row *row)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_dir(&w->f);
    fill(&w->f, row->name);
    OK(&w->f, fixture_open(&w->f));
    w->config = config_of(w, YAML);
    w->live = "green";
    w->answer = answer_routes;
    w->now = (struct hd_now){.wall_ms = row->saved_ms + DOWN_MS, .boot_ms = 1000000};
    start(w);
    return w;
}

static void goes_on(struct world *w, const struct row *row)
{
    const struct guard *g = service_find(w->p, "shop")->guard;
    if (!g || !str_is(g->row.id, row->shop))
        fail_msg("%s: the guard does not go on", row->name);
    assert_string_equal(hd_state_word(g->row.state), "watching");
    assert_int_equal(g->engine.polls, row->polls);
    assert_int_equal(guard_time(g), row->t_ms + DOWN_MS);
    assert_int_equal(g->counts[0]->n, SERIES);
    pass(w, 2);
    assert_in_range(g->engine.polls, row->polls + 1, row->polls + 3);
    assert_non_null(hold_of(w->p, "bad"));
}

static void is_proven(struct world *w, const char *id, int verdict)
{
    struct store_guard g;
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out out = json_out(&b);
    OK(&w->f, store_guard(w->f.s, w->f.arena, id, &g, &w->f.err));
    assert_int_equal(g.verdict, verdict);
    OK(&w->f, replay_json(w->f.s, w->f.arena, id, &out, &w->f.err));
    if (!strstr(buf_at(&b), "\"equal\":true"))
        fail_msg("%s", buf_at(&b));
}

static void I9_an_older_store(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world_of(&rows[i]);
        goes_on(w, &rows[i]);
        is_proven(w, rows[i].done, HD_VERDICT_PASS);
        is_proven(w, rows[i].bad, HD_VERDICT_FAIL);
        OK(&w->f, store_check(w->f.s, &w->f.err));
        void *it = w;
        (void)teardown(&it);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(I9_an_older_store)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
