/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens and sessions, as hashes: what was made by an order, and a copy of what the config and the
 * daemon's own file say, so that the face finds all of them here. Decides nothing about what a
 * token allows.
 */
#include "base/arena.h"
#include "store/accounts.h"
#include "store/sql.h"

static enum hd_code add_token(struct store *s, const struct store_token *t, struct hd_error *err)
{
    return sql_write(s,
                     "INSERT INTO token (origin, name, role, services, hash, actor, made_ms,"
                     " until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     ARGS(INT_ARG(t->origin), TEXT_ARG(t->name), INT_ARG(t->role),
                          TEXT_ARG(t->services), TEXT_ARG(t->hash), TEXT_ARG(t->actor),
                          INT_ARG(t->made_ms), INT_ARG(t->until_ms)),
                     err);
}

_Static_assert(STORE_ORIGIN_ORDER == 0, "the queries say 0");

enum hd_code store_put_tokens(struct store *s, const struct store_token *token, size_t n,
                              struct hd_error *err)
{
    enum hd_code code = sql_write(s, "DELETE FROM token WHERE origin <> 0", NO_ARGS, err);
    for (size_t i = 0; !code && i < n; i++)
        code = add_token(s, &token[i], err);
    return code;
}

enum hd_code store_add_token(struct store *s, const struct store_token *t, struct hd_error *err)
{
    int64_t n = 0;
    enum hd_code code = sql_int(s, "SELECT count(*) FROM token WHERE name = ?1",
                                ARGS(TEXT_ARG(t->name)), &n, err);
    if (!code && n)
        return hd_fail(err, HD_CONFLICT, "there is a token %s already", t->name);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM token WHERE origin = 0", NO_ARGS, &n, err);
    if (!code && n >= HD_TOKENS_MAX)
        return hd_fail(err, HD_LIMIT, "there are %d tokens already", HD_TOKENS_MAX);
    return code ? code : add_token(s, t, err);
}

enum hd_code store_drop_token(struct store *s, const char *name, struct hd_error *err)
{
    enum hd_code code = sql_write(s, "DELETE FROM token WHERE origin = 0 AND name = ?1",
                                  ARGS(TEXT_ARG(name)), err);
    if (!code && sqlite3_changes(s->db) == 0)
        return hd_fail(err, HD_ABSENT, "no token %s was made by an order", name);
    return code;
}

static enum hd_code read_token(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_token *t = ret;
    t->origin = (int32_t)row_int(row);
    t->name = row_text(row);
    t->role = (int32_t)row_int(row);
    t->services = row_text(row);
    t->hash = row_text(row);
    t->actor = row_text(row);
    t->made_ms = row_int(row);
    t->until_ms = row_int(row);
    return HD_OK;
}

enum hd_code store_tokens(struct store *s, struct hd_arena *arena, struct store_token **ret,
                          size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT origin, name, role, services, hash, actor, made_ms, until_ms"
                          " FROM token ORDER BY name, origin",
                          NO_ARGS, read_token, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

/* --- sessions --- */

enum hd_code store_add_session(struct store *s, const char *hash, const char *token_hash,
                               int64_t now_ms, int64_t until_ms, struct hd_error *err)
{
    enum hd_code code = sql_write(
        s,
        "DELETE FROM session WHERE until_ms <= ?1 OR seq IN"
        " (SELECT seq FROM session WHERE token_hash = ?3 ORDER BY seq DESC LIMIT -1 OFFSET ?4) OR seq IN"
        " (SELECT seq FROM session ORDER BY seq DESC LIMIT -1 OFFSET ?2)",
        ARGS(INT_ARG(now_ms), INT_ARG(HD_SESSIONS_MAX - 1), TEXT_ARG(token_hash),
             INT_ARG(HD_SESSIONS_OF_ONE - 1)),
        err);
    return code ? code
                : sql_write(s,
                            "INSERT INTO session (hash, token_hash, until_ms) VALUES (?1, ?2, ?3)",
                            ARGS(TEXT_ARG(hash), TEXT_ARG(token_hash), INT_ARG(until_ms)), err);
}

enum hd_code store_drop_session(struct store *s, const char *hash, struct hd_error *err)
{
    return sql_write(s, "DELETE FROM session WHERE hash = ?1", ARGS(TEXT_ARG(hash)), err);
}

static enum hd_code read_text(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(const char **)ret = row_text(row);
    return HD_OK;
}

enum hd_code store_session(struct store *s, struct hd_arena *arena, const char *hash,
                           int64_t now_ms, const char **ret_token_hash, struct hd_error *err)
{
    struct sql_query q = {"SELECT token_hash FROM session WHERE hash = ?1 AND until_ms > ?2",
                          ARGS(TEXT_ARG(hash), INT_ARG(now_ms)), read_text,
                          sizeof *ret_token_hash};
    enum hd_code code = sql_one(s, arena, &q, ret_token_hash, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no such session") : code;
}
