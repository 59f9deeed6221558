/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of decisions to change traffic (I2), and what the budgets of I6 count in it.
 */
#include "base/arena.h"
#include "store/sql.h"

/* Set once · moved by every put. T: text, I: whole number or bool. */
#define INTENT_FIXED(T, I)                                                                         \
    T(guard) T(service) T(actuator) T(kind) I(automatic) T(candidate) T(candidate_version) T(from) \
    T(to) T(native) I(journaled_ms)
#define INTENT_MOVING(T, I)                                                                        \
    I(outcome) I(sends) I(step) I(sent_ms) I(done_ms) I(deadline_ms) T(follow) T(steps) T(text)

#define NAME(column) ", \"" #column "\""
#define MARK(column) ", ?"
#define SET(column) ", \"" #column "\" = ?"
#define BIND_T(column) , TEXT_ARG(intent->column)
#define BIND_I(column) , INT_ARG(intent->column)
#define TAKE_T(column) intent->column = row_text(row);
#define TAKE_I(column) intent->column = (__typeof__(intent->column))row_int(row);

enum hd_code store_add_intent(struct store *s, const struct store_intent *intent, int64_t *ret_seq,
                              struct hd_error *err)
{
    enum hd_code code =
        sql_write(s,
                  "INSERT INTO intent (seq" INTENT_FIXED(NAME, NAME) INTENT_MOVING(NAME, NAME)
                  ") VALUES (?" INTENT_FIXED(MARK, MARK) INTENT_MOVING(MARK, MARK) ")",
                  ARGS(TEXT_ARG(NULL) INTENT_FIXED(BIND_T, BIND_I) INTENT_MOVING(BIND_T, BIND_I)),
                  err);
    if (!code)
        *ret_seq = sqlite3_last_insert_rowid(s->db);
    return code;
}

enum hd_code store_put_intent(struct store *s, const struct store_intent *intent,
                              struct hd_error *err)
{
    enum hd_code code = sql_write(
        s, "UPDATE intent SET seq = ?" INTENT_MOVING(SET, SET) " WHERE seq = ?",
        ARGS(INT_ARG(intent->seq) INTENT_MOVING(BIND_T, BIND_I), INT_ARG(intent->seq)), err);
    if (!code && sqlite3_changes(s->db) == 0)
        return hd_fail(err, HD_ABSENT, "no intent %lld is stored", (long long)intent->seq);
    return code;
}

static enum hd_code read_intent(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_intent *intent = ret;
    intent->seq = row_int(row);
    INTENT_FIXED(TAKE_T, TAKE_I)
    INTENT_MOVING(TAKE_T, TAKE_I)
    return HD_OK;
}

#define INTENTS                                                                                    \
    "SELECT seq" INTENT_FIXED(NAME, NAME) INTENT_MOVING(NAME, NAME) " FROM intent WHERE "

enum hd_code store_intents(struct store *s, struct hd_arena *arena, const char *guard,
                           struct store_intent **ret, size_t *ret_n, struct hd_error *err)
{
    static const char of_guard[] = INTENTS "guard = ?1 ORDER BY seq";
    /* journaled, sent, accepted, unknown: the words of the index, so that it is used */
    static const char open[] = INTENTS "outcome <= 3 ORDER BY seq";
    struct sql_query q = {guard ? of_guard : open, guard ? ARGS(TEXT_ARG(guard)) : NO_ARGS,
                          read_intent, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}
_Static_assert(HD_INTENT_UNKNOWN == 3 && HD_INTENT_JOURNALED == 0, "the open outcomes come first");

/* An intent that is only journaled may have been sent just before a crash: it counts. */
#define SENT "(sends > 0 OR sent_ms >= 0 OR outcome = 0)"

static enum hd_code read_ms(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(int64_t *)ret = row_int(row);
    return HD_OK;
}

enum hd_code store_reverts(struct store *s, struct hd_arena *arena, const char *service, int64_t since_ms,
                           int64_t **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT journaled_ms FROM (SELECT journaled_ms FROM intent WHERE journaled_ms >= ?1"
                          " AND automatic AND kind = 'revert' AND (?2 IS NULL OR service = ?2) AND " SENT
                          " ORDER BY journaled_ms DESC LIMIT ?3) ORDER BY journaled_ms",
                          ARGS(INT_ARG(since_ms), TEXT_ARG(service), INT_ARG(HD_REVERTS_PER_HOUR_MAX)), read_ms,
                          sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_was_reverted(struct store *s, const char *service, const char *candidate,
                                const char *version, bool *ret, struct hd_error *err)
{
    int64_t found = 0;
    enum hd_code code =
        sql_int(s,
                "SELECT EXISTS (SELECT 1 FROM intent WHERE service = ?1 AND candidate = ?2"
                " AND candidate_version = ?3 AND automatic AND kind = 'revert' AND " SENT
                " AND seq > coalesce((SELECT rearmed FROM rejection"
                " WHERE service = ?1 AND colour = ?2), 0))",
                ARGS(TEXT_ARG(service), TEXT_ARG(candidate), TEXT_ARG(version)), &found, err);
    if (!code)
        *ret = found;
    return code;
}
