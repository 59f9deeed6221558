/* SPDX-License-Identifier: Apache-2.0
 *
 * Guards: one list of columns below makes the insert, the update, the select and the reader. What
 * is set once and what every poll rewrites have tables of their own.
 */
#include <stdio.h>

#include "base/arena.h"
#include "store/sql.h"

#define SWITCHES_MS 172800000 /* two days: a day of the past, and what stood when it began */

/* T: text, I: whole number or bool, D: double. In the order of the bound values. */
#define INDEXED_COLUMNS(T, I) T(service) I(needs_human) I(analysis) I(started_ms) T(group)
#define PLAIN_COLUMNS(T, I, D)                                                                     \
    I(mode) I(verdict) I(cause) D(score) T(trigger) T(stable) T(candidate) T(stable_version)       \
    T(candidate_version) T(value_before) T(value_after) I(switch_from_ms) I(switch_to_ms)          \
    I(until_ms) I(ended_ms) I(decided_ms) I(sent_ms) I(accepted_ms) I(verified_ms)                 \
    I(recovered_ms) I(bad_since_ms) T(headline) T(why) T(reasons) T(native) T(rehearsal) T(change) \
    T(config_hash)
#define GUARD_COLUMNS(T, I, D) INDEXED_COLUMNS(T, I) I(state) PLAIN_COLUMNS(T, I, D)

#define NAME(column) ", \"" #column "\""
#define MARK(column) ", ?"
#define SET(column) ", \"" #column "\" = ?"
#define BIND_T(column) , TEXT_ARG(guard->column)
#define BIND_I(column) , INT_ARG(guard->column)
#define BIND_D(column) , REAL_ARG(guard->column)
#define TAKE_T(column) guard->column = row_text(row);
#define TAKE_I(column) guard->column = (__typeof__(guard->column))row_int(row);
#define TAKE_D(column) guard->column = row_real(row);

enum hd_code guard_seq(struct store *s, const char *id, int64_t *ret, struct hd_error *err)
{
    enum hd_code code =
        sql_int(s, "SELECT seq FROM guard WHERE id = ?1", ARGS(TEXT_ARG(id)), ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no guard %s is stored", id) : code;
}

/* What a finished guard no longer needs (resume, counts) is dropped here. */
static enum hd_code put_memory(struct store *s, int64_t seq, const struct store_guard *guard,
                               struct hd_error *err)
{
    bool live = !hd_state_terminal(guard->state);
    BUF_AUTO engine = BUF_INIT(HD_BLOB_BYTES_MAX);
    if (guard->engine)
        store_state_save(guard->engine, &engine);
    return sql_write(s,
                     "INSERT INTO guard_memory (guard, engine, resume, series)"
                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (guard) DO UPDATE SET"
                     " engine = coalesce(excluded.engine, engine), resume = excluded.resume,"
                     " series = excluded.series, counts = NULL",
                     ARGS(INT_ARG(seq), TEXT_ARG(guard->engine ? buf_at(&engine) : NULL),
                          TEXT_ARG(live ? guard->resume : NULL),
                          BLOB_ARG(live ? guard->counts : (struct hd_span){0})),
                     err);
}

enum hd_code store_add_guard(struct store *s, const struct store_guard *guard, struct hd_error *err)
{
    enum hd_code code = sql_write(
        s,
        "INSERT INTO guard (id, version, live" GUARD_COLUMNS(NAME, NAME, NAME)
        ") VALUES (?, 1, ?" GUARD_COLUMNS(MARK, MARK, MARK) ")",
        ARGS(TEXT_ARG(guard->id), INT_ARG(!hd_state_terminal(guard->state))
             GUARD_COLUMNS(BIND_T, BIND_I, BIND_D)),
        err);
    if (code)
        return code;
    int64_t seq = sqlite3_last_insert_rowid(s->db);
    code = sql_write(s, "INSERT INTO guard_pin (guard, checks, pin, rules) VALUES (?1, ?2, ?3, ?4)",
                     ARGS(INT_ARG(seq), TEXT_ARG(guard->checks), TEXT_ARG(guard->pin), TEXT_ARG(guard->rules)), err);
    return code ? code : put_memory(s, seq, guard, err);
}

/* With every poll: SQLite writes an index anew for a column that is set, also to what it was. */
enum hd_code store_put_guard(struct store *s, const struct store_guard *guard, struct hd_error *err)
{
    int64_t seq, live = !hd_state_terminal(guard->state);
    enum hd_code code = guard_seq(s, guard->id, &seq, err);
    if (!code)
        code = sql_write(s,
                         "UPDATE guard SET version = version + 1, state = ?"
                         PLAIN_COLUMNS(SET, SET, SET) " WHERE seq = ?",
                         ARGS(INT_ARG(guard->state) PLAIN_COLUMNS(BIND_T, BIND_I, BIND_D), INT_ARG(seq)), err);
    if (!code)
        code = sql_write(s,
                         "UPDATE guard SET live = ?" INDEXED_COLUMNS(SET, SET) " WHERE seq = ? AND (live"
                         INDEXED_COLUMNS(NAME, NAME) ") IS NOT (?" INDEXED_COLUMNS(MARK, MARK) ")",
                         ARGS(INT_ARG(live) INDEXED_COLUMNS(BIND_T, BIND_I), INT_ARG(seq),
                              INT_ARG(live) INDEXED_COLUMNS(BIND_T, BIND_I)),
                         err);
    return code ? code : put_memory(s, seq, guard, err);
}

enum hd_code store_acknowledge(struct store *s, const char *id, const char *words, struct hd_error *err)
{
    enum hd_code code = sql_write(s,
                                  "UPDATE guard SET version = version + 1, needs_human = 0,"
                                  " headline = " SETTLED_HEADLINE " WHERE id = ?1",
                                  ARGS(TEXT_ARG(id), TEXT_ARG(words)), err);
    if (!code && sqlite3_changes(s->db) == 0)
        return hd_fail(err, HD_ABSENT, "no guard %s is stored", id);
    return code;
}

enum hd_code store_group_guard(struct store *s, const char *id, const char *group, struct hd_error *err)
{
    return sql_write(s, "UPDATE guard SET version = version + 1, \"group\" = ?2 WHERE id = ?1",
                     ARGS(TEXT_ARG(id), TEXT_ARG(group)), err);
}

static void read_columns(struct sql_row *row, struct store_guard *guard)
{
    const char *id = row_text(row);
    (void)snprintf(guard->id, sizeof guard->id, "%s", id ? id : "");
    guard->version = row_int(row);
    GUARD_COLUMNS(TAKE_T, TAKE_I, TAKE_D)
    guard->checks = row_text(row);
    guard->rules = row_text(row);
    guard->resume = row_text(row);
    guard->marked_ms = row_int(row);
    guard->was_good = row_int(row);
    guard->mark_reason = row_text(row);
    guard->mark_actor = row_text(row);
}

static enum hd_code read_listed(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    read_columns(row, ret);
    return HD_OK;
}

static enum hd_code read_guard(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_guard *guard = ret;
    read_columns(row, guard);
    guard->pin = row_text(row);
    struct hd_span counts = row_blob(row), text;
    if (counts.at) {
        guard->counts.at = arena_text_n(row->arena, counts.at, counts.len);
        guard->counts.len = counts.len;
    }
    text = row_blob(row);
    if (!text.at)
        return HD_OK;
    struct hd_guard_state *engine = arena_of(row->arena, struct hd_guard_state);
    enum hd_code code = store_state_load(text, engine, err);
    if (code) {
        (void)hd_error_add(err, "guard %s", guard->id);
        return code == HD_VERSION ? HD_VERSION : HD_CORRUPT;
    }
    guard->engine = engine;
    return HD_OK;
}

#define TABLES                                                                                     \
    " FROM guard LEFT JOIN guard_pin ON guard_pin.guard = guard.seq"                               \
    " LEFT JOIN guard_memory ON guard_memory.guard = guard.seq"                                    \
    " LEFT JOIN guard_mark ON guard_mark.guard = guard.seq"
#define LISTED                                                                                     \
    "SELECT id, version" GUARD_COLUMNS(NAME, NAME, NAME) ", checks, rules, resume,"                       \
    " coalesce(marked_ms, -1), coalesce(false_alarm, 0), guard_mark.reason, guard_mark.actor"

enum hd_code store_guard(struct store *s, struct hd_arena *arena, const char *id,
                         struct store_guard *ret, struct hd_error *err)
{
    struct sql_query q = {LISTED ", pin, coalesce(series, counts), engine" TABLES " WHERE id = ?1",
                          ARGS(TEXT_ARG(id)), read_guard, sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no guard %s is stored", id) : code;
}

/* The clause in front picks the index; the rest only filters, so that no index is taken for `started_ms`, whatever
 * SQLite thinks of it (3.53 reads the whole history then): the + says so. */
#define LIST(clause)                                                                               \
    LISTED TABLES " WHERE " clause " (?1 IS NULL OR service = ?1) AND (?2 = 0 OR live = 1)"        \
                  " AND (?3 = 0 OR needs_human = 1) AND (?4 < 0 OR verdict = ?4)"                  \
                  " AND +started_ms >= ?5 AND (?6 IS NULL OR id < ?6)"                              \
                  " AND (?8 = 0 OR (?8 >> state) & 1) AND (?9 = 0 OR started_ms < ?9)"             \
                  " AND (?10 = 1 OR analysis = (?10 = 2))"                                          \
                  " AND (?11 IS NULL OR \"group\" = ?11) ORDER BY id DESC LIMIT ?7"
/* No older id is looked at: the guards that began in time are found by their index. */
/* Without the index named, min(id) would be looked for from the first id on. */
#define FROM_STARTED "FROM guard INDEXED BY guard_started WHERE started_ms >= "
#define SINCE "id >= (SELECT min(id) " FROM_STARTED "?5) AND"
/* And no newer one: a short time long ago is found as fast as a recent one. */
#define WITHIN FROM_STARTED "?5 AND started_ms < ?9)"
#define BETWEEN "id >= (SELECT min(id) " WITHIN " AND id <= (SELECT max(id) " WITHIN " AND"
static const char list_live[] = LIST("live = 1 AND");
static const char list_needs_human[] = LIST("needs_human = 1 AND");
static const char list_group[] = LIST("\"group\" = ?11 AND");
static const char list_service[] = LIST("service = ?1 AND");
static const char list_service_since[] = LIST("service = ?1 AND " SINCE);
static const char list_since[] = LIST(SINCE);
static const char list_analyses[] = LIST("analysis = 1 AND");
static const char list_between[] = LIST(BETWEEN);
static const char list_all[] = LIST("");

enum hd_code store_guards(struct store *s, struct hd_arena *arena,
                          const struct store_filter *filter, struct store_guard **ret,
                          size_t *ret_n, struct hd_error *err)
{
    const char *sql = filter->live          ? list_live
                      : filter->needs_human ? list_needs_human
                      : filter->group                      ? list_group
                      : filter->analyses == STORE_ANALYSES ? list_analyses
                      : filter->service && filter->since_ms > 0 ? list_service_since
                      : filter->service                         ? list_service
                      : filter->since_ms > 0 && filter->until_ms > 0 ? list_between
                      : filter->since_ms > 0                    ? list_since
                                                                : list_all;
    size_t limit = filter->limit && filter->limit < HD_ROWS_MAX ? filter->limit : HD_ROWS_MAX;
    struct sql_query q = {sql,
                          ARGS(TEXT_ARG(filter->service), INT_ARG(filter->live),
                               INT_ARG(filter->needs_human), INT_ARG(filter->verdict),
                               INT_ARG(filter->since_ms), TEXT_ARG(filter->before),
                               INT_ARG((int64_t)limit), INT_ARG(filter->states),
                               INT_ARG(filter->until_ms), INT_ARG(filter->analyses),
                               TEXT_ARG(filter->group)),
                          read_listed, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

static enum hd_code read_switch(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_switch *s = ret;
    (void)err;
    s->from_ms = row_int(row);
    s->ended_ms = row_int(row);
    s->rejected = row_int(row);
    return HD_OK;
}

/* The states from REVERTED to ADVISED are those after a revert was decided, on no verdict or on
 * `on_inconclusive`. A guard whose switch never came saw no value after it. */
enum hd_code store_switches_onto(struct store *s, struct hd_arena *arena, const char *service,
                                 const char *colour, int64_t before_ms, size_t limit,
                                 struct store_switch **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {
        "SELECT switch_from_ms, ended_ms, rejected FROM (SELECT id, switch_from_ms, ended_ms,"
        " CASE WHEN false_alarm IS NOT NULL THEN NOT false_alarm WHEN verdict = ?5 THEN 1"
        " ELSE state BETWEEN ?6 AND ?7"
        " OR EXISTS (SELECT 1 FROM event WHERE event.guard = guard.id AND event.reason = ?8)"
        " END AS rejected FROM guard LEFT JOIN guard_mark ON guard_mark.guard = guard.seq"
        " WHERE service = ?1 AND id >= (SELECT min(id) " FROM_STARTED "?4)"
        " AND candidate = ?2 AND analysis = 0 AND value_after IS NOT NULL AND switch_from_ms < ?3"
        " ORDER BY id DESC LIMIT ?9) ORDER BY id",
        ARGS(TEXT_ARG(service), TEXT_ARG(colour), INT_ARG(before_ms), INT_ARG(before_ms - SWITCHES_MS),
             INT_ARG(HD_VERDICT_FAIL), INT_ARG(HD_STATE_REVERTED), INT_ARG(HD_STATE_ADVISED),
             INT_ARG(HD_REASON_RETURNED_TO_STABLE), INT_ARG((int64_t)limit)),
        read_switch, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

static enum hd_code read_named(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_named *n = ret;
    (void)err;
    n->id = row_text(row);
    n->service = row_text(row);
    return HD_OK;
}

enum hd_code store_guards_named(struct store *s, struct hd_arena *arena, const char *begin, size_t limit,
                                struct store_named **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT id, service FROM guard WHERE id >= ?1 AND id < ?1 || 'a' ORDER BY id DESC LIMIT ?2",
                          ARGS(TEXT_ARG(begin), INT_ARG((int64_t)limit)), read_named, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_mark_guard(struct store *s, const char *id, bool was_good, const char *reason,
                              const char *actor, int64_t wall_ms, struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = guard_seq(s, id, &seq, err);
    if (!code)
        code = sql_write(s,
                         "INSERT INTO guard_mark (guard, false_alarm, reason, actor, marked_ms)"
                         " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (guard) DO UPDATE SET"
                         " false_alarm = excluded.false_alarm, reason = excluded.reason,"
                         " actor = excluded.actor, marked_ms = excluded.marked_ms",
                         ARGS(INT_ARG(seq), INT_ARG(was_good), TEXT_ARG(reason),
                              TEXT_ARG(actor), INT_ARG(wall_ms)),
                         err);
    if (!code) /* whoever saw it before sees that it changed */
        code = sql_write(s, "UPDATE guard SET version = version + 1 WHERE seq = ?1",
                         ARGS(INT_ARG(seq)), err);
    return code;
}

static const struct {
    const char *word, *said;
    int32_t verdict;
    bool was_good;
} marks[] = {
    {"right", "right", HD_VERDICT_FAIL, false},
    {"false_alarm", "a false alarm", HD_VERDICT_FAIL, true},
    {"right", "right", HD_VERDICT_PASS, true},
    {"missed", "missed a bad release", HD_VERDICT_PASS, false},
    {"false_alarm", "a false alarm", HD_VERDICT_INCONCLUSIVE, true},
    {"missed", "missed a bad release", HD_VERDICT_INCONCLUSIVE, false},
    {"false_alarm", "a false alarm", HD_VERDICT_NONE, true},
    {"missed", "missed a bad release", HD_VERDICT_NONE, false},
};
#define MARKS (sizeof marks / sizeof *marks)

const char *store_mark_word(const struct store_guard *g, const char **ret_said)
{
    for (size_t i = 0; i < MARKS && g->marked_ms >= 0; i++) {
        if (marks[i].verdict == g->verdict && marks[i].was_good == g->was_good) {
            if (ret_said)
                *ret_said = marks[i].said;
            return marks[i].word;
        }
    }
    return NULL;
}

const char *store_mark_read(const char *word, int32_t verdict, bool *ret_was_good)
{
    for (size_t i = 0; i < MARKS; i++) {
        if (marks[i].verdict == verdict && str_is(marks[i].word, word)) {
            *ret_was_good = marks[i].was_good;
            return marks[i].said;
        }
    }
    return NULL;
}

const char *store_mark_words(struct hd_arena *a, int32_t verdict)
{
    const char *words = NULL;
    for (size_t i = 0; i < MARKS; i++) {
        if (marks[i].verdict == verdict)
            words = words ? arena_print(a, "%s or %s", words, marks[i].word) : marks[i].word;
    }
    return words;
}
