/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates: what somebody opened or closed for another controller, until it expires. What nobody opened
 * is closed.
 */
#include "store/sql.h"

enum hd_code store_put_gate(struct store *s, const struct store_gate *gate, struct hd_error *err)
{
    int64_t others = 0;
    enum hd_code code = sql_write(s, "DELETE FROM gate WHERE expires_ms <= ?1",
                                  ARGS(INT_ARG(gate->changed_ms)), err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM gate WHERE NOT (space = ?1 AND name = ?2)",
                       ARGS(TEXT_ARG(gate->space), TEXT_ARG(gate->name)), &others, err);
    if (!code && others >= HD_GATES_MAX)
        return hd_fail(err, HD_LIMIT, "%d gates are open or closed already", HD_GATES_MAX);
    if (!code)
        code = sql_write(s,
                         "INSERT OR REPLACE INTO gate (space, name, open, run, reason, actor,"
                         " changed_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         ARGS(TEXT_ARG(gate->space), TEXT_ARG(gate->name), INT_ARG(gate->open),
                              TEXT_ARG(gate->run), TEXT_ARG(gate->reason), TEXT_ARG(gate->actor),
                              INT_ARG(gate->changed_ms), INT_ARG(gate->expires_ms)),
                         err);
    return code;
}

static enum hd_code read_gate(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_gate *gate = ret;
    gate->space = row_text(row);
    gate->name = row_text(row);
    gate->open = row_int(row);
    gate->run = row_text(row);
    gate->reason = row_text(row);
    gate->actor = row_text(row);
    gate->changed_ms = row_int(row);
    gate->expires_ms = row_int(row);
    return HD_OK;
}

enum hd_code store_gate(struct store *s, struct hd_arena *arena, const char *space,
                        const char *name, int64_t now_ms, struct store_gate *ret,
                        struct hd_error *err)
{
    struct sql_query q = {"SELECT space, name, open, run, reason, actor, changed_ms, expires_ms"
                          " FROM gate WHERE space = ?1 AND name = ?2 AND expires_ms > ?3",
                          ARGS(TEXT_ARG(space), TEXT_ARG(name), INT_ARG(now_ms)), read_gate,
                          sizeof *ret};
    return sql_one(s, arena, &q, ret, err);
}
