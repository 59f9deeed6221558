/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverts that wait for a human, and who decided what.
 */
#include "store/sql.h"

enum hd_code store_put_approval(struct store *s, const struct store_approval *a, struct hd_error *err)
{
    return sql_write(s,
                     "INSERT OR REPLACE INTO approval (guard, service, approvers, asked_ms,"
                     " expires_ms, outcome, actor, reason, decided_ms)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     ARGS(TEXT_ARG(a->guard), TEXT_ARG(a->service), TEXT_ARG(a->approvers),
                          INT_ARG(a->asked_ms), INT_ARG(a->expires_ms), INT_ARG(a->outcome),
                          TEXT_ARG(a->actor), TEXT_ARG(a->reason), INT_ARG(a->decided_ms)),
                     err);
}

static enum hd_code read_approval(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_approval *a = ret;
    a->guard = row_text(row);
    a->service = row_text(row);
    a->approvers = row_text(row);
    a->asked_ms = row_int(row);
    a->expires_ms = row_int(row);
    a->outcome = (int32_t)row_int(row);
    a->actor = row_text(row);
    a->reason = row_text(row);
    a->decided_ms = row_int(row);
    return HD_OK;
}

#define SELECT                                                                                     \
    "SELECT guard, service, approvers, asked_ms, expires_ms, outcome, actor, reason, decided_ms"   \
    " FROM approval WHERE "

enum hd_code store_approval(struct store *s, struct hd_arena *arena, const char *guard,
                            struct store_approval *ret, struct hd_error *err)
{
    struct sql_query q = {SELECT "guard = ?1", ARGS(TEXT_ARG(guard)), read_approval, sizeof *ret};
    return sql_one(s, arena, &q, ret, err);
}

enum hd_code store_approvals(struct store *s, struct hd_arena *arena, struct store_approval **ret,
                             size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {SELECT "outcome = 0 ORDER BY asked_ms LIMIT ?1",
                          ARGS(INT_ARG(HD_ROWS_MAX)), read_approval, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

/* Ids of guards grow with time. */
enum hd_code store_approvals_past(struct store *s, struct hd_arena *arena, size_t limit, struct store_approval **ret,
                                  size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {SELECT "outcome <> 0 ORDER BY guard DESC LIMIT ?1",
                          ARGS(INT_ARG((int64_t)limit)), read_approval, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}
