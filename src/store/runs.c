/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs: the names under which other tools ask for an analysis, so that asking again finds the same
 * one. Decides what is forgotten: what has expired, and beyond the cap what would expire next; and
 * that a name's verdict is told for no sides but those it is about.
 */
#include "base/arena.h"
#include "base/str.h"
#include "store/sql.h"

enum hd_code store_put_run(struct store *s, const struct store_run *run, int64_t now_ms,
                           struct hd_error *err)
{
    enum hd_code code = sql_write(s, "DELETE FROM run WHERE expires_ms <= ?1",
                                  ARGS(INT_ARG(now_ms)), err);
    if (!code)
        code = sql_write(s,
                         "DELETE FROM run WHERE (service, run) IN (SELECT service, run FROM run"
                         " ORDER BY expires_ms LIMIT max(0, (SELECT count(*) FROM run) - ?1))",
                         ARGS(INT_ARG(HD_RUNS_MAX - 1)), err);
    if (!code)
        code = sql_write(s,
                         "INSERT OR REPLACE INTO run (service, run, guard, expires_ms, note)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)",
                         ARGS(TEXT_ARG(run->service), TEXT_ARG(run->run), TEXT_ARG(run->guard),
                              INT_ARG(run->expires_ms), TEXT_ARG(run->note)),
                         err);
    return code;
}

static enum hd_code read_run(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_run *run = ret;
    run->service = row_text(row);
    run->run = row_text(row);
    run->guard = row_text(row);
    run->expires_ms = row_int(row);
    run->note = row_text(row);
    return HD_OK;
}

#define SELECT "SELECT service, run, guard, expires_ms, note FROM run WHERE "

enum hd_code store_run(struct store *s, struct hd_arena *arena, const char *service,
                       const char *run, int64_t now_ms, struct store_run *ret,
                       struct hd_error *err)
{
    struct sql_query q = {SELECT "service = ?1 AND run = ?2 AND expires_ms > ?3",
                          ARGS(TEXT_ARG(service), TEXT_ARG(run), INT_ARG(now_ms)), read_run,
                          sizeof *ret};
    return sql_one(s, arena, &q, ret, err);
}

enum hd_code store_run_of(struct store *s, struct hd_arena *arena, const char *guard,
                          struct store_run *ret, struct hd_error *err)
{
    struct sql_query q = {SELECT "guard = ?1 LIMIT 1", ARGS(TEXT_ARG(guard)), read_run,
                          sizeof *ret};
    return sql_one(s, arena, &q, ret, err);
}

static bool is_other(const char *asked, const char *judged)
{
    return asked && !str_is(asked, judged);
}

static const char *side_text(struct hd_arena *arena, const char *colour, const char *version)
{
    return version ? arena_print(arena, "%s (%s)", colour, version) : colour;
}

const char *store_run_other(struct hd_arena *arena, const char *run, const struct store_guard *g,
                            const struct store_sides *asked)
{
    if (!is_other(asked->candidate, g->candidate) && !is_other(asked->stable, g->stable) &&
        !is_other(asked->candidate_version, g->candidate_version) &&
        !is_other(asked->stable_version, g->stable_version))
        return NULL;
    return arena_print(arena, "the run %s judged candidate %s against %s and was asked for other sides: "
                       "use another run name", run, side_text(arena, g->candidate, g->candidate_version),
                       side_text(arena, g->stable, g->stable_version));
}
