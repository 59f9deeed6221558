/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of orders: the answer to one with a key, so that its repetition changes nothing, and
 * what came to a guard from outside, so that a replay repeats it.
 */
#include "base/arena.h"
#include "store/sql.h"

enum hd_code store_put_answered(struct store *s, const struct store_answered *a,
                                struct hd_error *err)
{
    enum hd_code code = sql_write(
        s,
        "DELETE FROM answered WHERE made_ms <= ?1 OR seq <="
        " (SELECT max(seq) FROM answered) - ?2",
        ARGS(INT_ARG(a->made_ms - HD_KEY_MS), INT_ARG(HD_KEYS_MAX - 1)), err);
    return code ? code
                : sql_write(s,
                            "INSERT INTO answered (hash, \"order\", status, answer, made_ms)"
                            " VALUES (?1, ?2, ?3, ?4, ?5)",
                            ARGS(TEXT_ARG(a->hash), TEXT_ARG(a->order), INT_ARG(a->status),
                                 TEXT_ARG(a->answer), INT_ARG(a->made_ms)),
                            err);
}

static enum hd_code read_answered(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_answered *a = ret;
    a->hash = row_text(row);
    a->order = row_text(row);
    a->status = (int32_t)row_int(row);
    a->answer = row_text(row);
    a->made_ms = row_int(row);
    return HD_OK;
}

enum hd_code store_answered(struct store *s, struct hd_arena *arena, const char *hash,
                            int64_t now_ms, struct store_answered *ret, struct hd_error *err)
{
    struct sql_query q = {"SELECT hash, \"order\", status, answer, made_ms FROM answered"
                          " WHERE hash = ?1 AND made_ms > ?2",
                          ARGS(TEXT_ARG(hash), INT_ARG(now_ms - HD_KEY_MS)), read_answered,
                          sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no order had this key") : code;
}

enum hd_code store_put_pin(struct store *s, const struct store_guard *g, struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = guard_seq(s, g->id, &seq, err);
    return code ? code
                : sql_write(s, "UPDATE guard_pin SET checks = ?2, pin = ?3, rules = ?4 WHERE guard = ?1",
                            ARGS(INT_ARG(seq), TEXT_ARG(g->checks), TEXT_ARG(g->pin), TEXT_ARG(g->rules)), err);
}

enum hd_code store_add_input(struct store *s, const char *guard, const struct engine_input *in,
                             struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = guard_seq(s, guard, &seq, err);
    return code ? code
                : sql_write(s, "INSERT INTO input (guard, polls, by_ms, kind) VALUES (?1, ?2, ?3, ?4)",
                            ARGS(INT_ARG(seq), INT_ARG(in->polls), INT_ARG(in->by_ms), INT_ARG(in->kind)),
                            err);
}

static enum hd_code read_input(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct engine_input *in = ret;
    in->polls = row_int(row);
    in->by_ms = row_int(row);
    in->kind = (int32_t)row_int(row);
    return HD_OK;
}

enum hd_code store_inputs(struct store *s, struct hd_arena *arena, const char *guard,
                          struct engine_input **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT polls, by_ms, kind FROM input WHERE guard ="
                          " (SELECT seq FROM guard WHERE id = ?1) ORDER BY seq",
                          ARGS(TEXT_ARG(guard)), read_input, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}
