/* SPDX-License-Identifier: Apache-2.0
 *
 * What a human or a verdict forbids: holds (no automatic revert until they expire) and rejected
 * sides (no target until they pass or are re-armed).
 */
#include "base/arena.h"
#include "store/sql.h"

/* What is over is in the journal, and asked for no more. */
static enum hd_code make_room(struct store *s, int64_t now_ms, struct hd_error *err)
{
    int64_t n = 0;
    enum hd_code code = sql_write(s, "DELETE FROM hold WHERE released_ms >= 0 OR until_ms <= ?1",
                                  ARGS(INT_ARG(now_ms)), err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM hold", NO_ARGS, &n, err);
    return !code && n >= STORE_HOLDS_MAX ? hd_fail(err, HD_LIMIT, "%d holds are in force already", STORE_HOLDS_MAX)
                                         : code;
}

enum hd_code store_add_hold(struct store *s, const struct store_hold *hold, int64_t *ret_id,
                            struct hd_error *err)
{
    enum hd_code code = make_room(s, hold->from_ms, err);
    if (code)
        return code;
    code = sql_write(
        s,
        "INSERT INTO hold (service, reason, actor, from_ms, until_ms, released_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, -1)",
        ARGS(TEXT_ARG(hold->service), TEXT_ARG(hold->reason), TEXT_ARG(hold->actor),
             INT_ARG(hold->from_ms), INT_ARG(hold->until_ms)),
        err);
    if (!code)
        *ret_id = sqlite3_last_insert_rowid(s->db);
    return code;
}

enum hd_code store_release_holds(struct store *s, const char *service, int64_t now_ms,
                                 size_t *ret_n, struct hd_error *err)
{
    enum hd_code code = sql_write(s,
                                  "UPDATE hold SET released_ms = ?2"
                                  " WHERE released_ms < 0 AND until_ms > ?2 AND service IS ?1",
                                  ARGS(TEXT_ARG(service), INT_ARG(now_ms)), err);
    if (!code)
        *ret_n = (size_t)sqlite3_changes(s->db);
    return code;
}

enum hd_code store_release_hold(struct store *s, int64_t id, int64_t now_ms, struct hd_error *err)
{
    enum hd_code code = sql_write(s,
                                  "UPDATE hold SET released_ms = ?2"
                                  " WHERE id = ?1 AND released_ms < 0 AND until_ms > ?2",
                                  ARGS(INT_ARG(id), INT_ARG(now_ms)), err);
    if (!code && sqlite3_changes(s->db) == 0)
        return hd_fail(err, HD_ABSENT, "no hold %lld is in force", (long long)id);
    return code;
}

static enum hd_code read_hold(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_hold *hold = ret;
    hold->id = row_int(row);
    hold->service = row_text(row);
    hold->reason = row_text(row);
    hold->actor = row_text(row);
    hold->from_ms = row_int(row);
    hold->until_ms = row_int(row);
    hold->released_ms = row_int(row);
    return HD_OK;
}

/* One that begins later was ordered before the clock was set back. */
enum hd_code store_holds(struct store *s, struct hd_arena *arena, int64_t now_ms,
                         struct store_hold **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT id, service, reason, actor, from_ms, until_ms, released_ms"
                          " FROM hold WHERE released_ms < 0 AND until_ms > ?1"
                          " ORDER BY id",
                          ARGS(INT_ARG(now_ms)), read_hold, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_put_rejection(struct store *s, const char *service, const struct store_rejection *r,
                                 struct hd_error *err)
{
    /* Re-arming is remembered by the newest intent, not by time: wall time may step back. */
    return sql_write(
        s,
        "INSERT INTO rejection (service, colour, rejected, why, guard, changed_ms, rearmed)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
        " CASE WHEN ?3 THEN 0 ELSE (SELECT coalesce(max(seq), 0) FROM intent) END)"
        " ON CONFLICT (service, colour) DO UPDATE SET rejected = excluded.rejected,"
        " why = excluded.why, guard = excluded.guard, changed_ms = excluded.changed_ms,"
        " rearmed = max(rearmed, excluded.rearmed)",
        ARGS(TEXT_ARG(service), TEXT_ARG(r->colour), INT_ARG(r->rejected), TEXT_ARG(r->why),
             TEXT_ARG(r->guard), INT_ARG(r->at_ms)),
        err);
}

static enum hd_code read_rejection(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_rejection *r = ret;
    r->colour = row_text(row);
    r->why = row_text(row);
    r->guard = row_text(row);
    r->at_ms = row_int(row);
    r->rejected = true;
    return HD_OK;
}

enum hd_code store_rejections(struct store *s, struct hd_arena *arena, const char *service,
                              struct store_rejection **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT colour, coalesce(why, ''), guard, changed_ms FROM rejection"
                          " WHERE service = ?1 AND rejected ORDER BY colour",
                          ARGS(TEXT_ARG(service)), read_rejection, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

static enum hd_code read_why(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(const char **)ret = row_text(row);
    return HD_OK;
}

enum hd_code store_rejected(struct store *s, struct hd_arena *arena, const char *service,
                            const char *colour, const char **ret_why, struct hd_error *err)
{
    struct sql_query q = {"SELECT coalesce(why, '') FROM rejection"
                          " WHERE service = ?1 AND colour = ?2 AND rejected",
                          ARGS(TEXT_ARG(service), TEXT_ARG(colour)), read_why, sizeof *ret_why};
    const char *why = NULL;
    enum hd_code code = sql_one(s, arena, &q, &why, err);
    if (code && code != HD_ABSENT)
        return code;
    *ret_why = why;
    return HD_OK;
}
