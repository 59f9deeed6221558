/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal everyone reads, and the outbox: one row per event and sink, sent in the order of
 * their numbers. Bounds the outbox; never sends.
 */
#include "base/arena.h"
#include "store/sql.h"

#define EVENT_COLUMNS                                                                              \
    "event.seq, event.wall_ms, event.guard, event.service, event.kind, event.reason,"              \
    " event.severity, event.state, event.headline, event.text, event.native, event.resolved"

static enum hd_code add_row(struct store *s, int64_t event, const char *sink, bool resolving,
                            struct hd_error *err)
{
    return sql_write(s,
                     "INSERT INTO outbox (event, sink, resolving) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (event, sink, resolving) DO NOTHING",
                     ARGS(INT_ARG(event), TEXT_ARG(sink), INT_ARG(resolving)), err);
}

/* Beyond the cap the least severe goes first, the oldest of them: given up, and marked so. */
static enum hd_code bound_outbox(struct store *s, int64_t wall_ms, struct hd_error *err)
{
    int64_t waiting = 0;
    enum hd_code code =
        sql_int(s, "SELECT count(*) FROM outbox WHERE done = 0", NO_ARGS, &waiting, err);
    if (code || waiting <= HD_OUTBOX_MAX)
        return code;
    return sql_write(s,
                     "UPDATE outbox SET done = 2, done_ms = ?1, error = 'the outbox was full'"
                     " WHERE id IN (SELECT outbox.id FROM outbox JOIN event ON event.seq = event"
                     " WHERE done = 0 ORDER BY severity, outbox.id LIMIT ?2)",
                     ARGS(INT_ARG(wall_ms), INT_ARG(waiting - HD_OUTBOX_MAX)), err);
}

enum hd_code store_add_event(struct store *s, const struct store_event *event,
                             const char *const *sinks, size_t n_sinks, int64_t *ret_seq,
                             struct hd_error *err)
{
    enum hd_code code = sql_write(
        s,
        "INSERT INTO event (wall_ms, guard, service, kind, reason, severity, state, headline, text,"
        " native, resolved) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        ARGS(INT_ARG(event->wall_ms), TEXT_ARG(event->guard), TEXT_ARG(event->service),
             TEXT_ARG(event->kind), INT_ARG(event->reason), INT_ARG(event->severity),
             TEXT_ARG(event->state), TEXT_ARG(event->headline), TEXT_ARG(event->text),
             TEXT_ARG(event->native), INT_ARG(event->resolved)),
        err);
    if (code)
        return code;
    int64_t seq = sqlite3_last_insert_rowid(s->db);
    for (size_t i = 0; !code && i < n_sinks; i++)
        code = add_row(s, seq, sinks[i], false, err);
    if (!code && n_sinks)
        code = bound_outbox(s, event->wall_ms, err);
    if (!code)
        *ret_seq = seq;
    return code;
}

static enum hd_code read_event(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_event *event = ret;
    event->seq = row_int(row);
    event->wall_ms = row_int(row);
    event->guard = row_text(row);
    event->service = row_text(row);
    event->kind = row_text(row);
    event->reason = (int32_t)row_int(row);
    event->severity = (int32_t)row_int(row);
    event->state = row_text(row);
    event->headline = row_text(row);
    event->text = row_text(row);
    event->native = row_text(row);
    event->resolved = row_int(row);
    return HD_OK;
}

enum hd_code store_events(struct store *s, struct hd_arena *arena, const char *guard,
                          int64_t after_seq, size_t limit, struct store_event **ret, size_t *ret_n,
                          struct hd_error *err)
{
    static const char of_guard[] = "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1"
                                   " AND guard = ?3 ORDER BY seq LIMIT ?2";
    static const char of_all[] =
        "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    int64_t most = (int64_t)(limit && limit < HD_ROWS_MAX ? limit : HD_ROWS_MAX);
    struct sql_query q = {guard ? of_guard : of_all,
                          guard ? ARGS(INT_ARG(after_seq), INT_ARG(most), TEXT_ARG(guard))
                                : ARGS(INT_ARG(after_seq), INT_ARG(most)),
                          read_event, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_newest_event(struct store *s, int64_t *ret_seq, struct hd_error *err)
{
    return sql_int(s, "SELECT coalesce(max(seq), 0) FROM event", NO_ARGS, ret_seq, err);
}

enum hd_code store_oldest_event(struct store *s, int64_t *ret_seq, struct hd_error *err)
{
    return sql_int(s, "SELECT coalesce(min(seq), 0) FROM event", NO_ARGS, ret_seq, err);
}

_Static_assert(HD_SEVERITY_ACT == 2, "the queries and the index of open acts say 2");

enum hd_code store_open_acts(struct store *s, struct hd_arena *arena, struct store_event **ret,
                             size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT " EVENT_COLUMNS
                          " FROM event WHERE severity = 2 AND resolved = 0 ORDER BY seq",
                          NO_ARGS, read_event, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

/* The open acts of ?1 (a guard), else of ?2 (a service), else of the daemon itself. */
#define OPEN_ACTS_OF                                                                               \
    " severity = 2 AND resolved = 0"                                                               \
    " AND CASE WHEN ?1 IS NOT NULL THEN guard = ?1 ELSE service IS ?2 END"

enum hd_code store_resolve_acts(struct store *s, const char *guard, const char *service,
                                int64_t wall_ms, struct hd_error *err)
{
    enum hd_code code = sql_write(
        s,
        "INSERT INTO outbox (event, sink, resolving) SELECT event, sink, 1 FROM outbox"
        " WHERE resolving = 0 AND event IN (SELECT seq FROM event WHERE" OPEN_ACTS_OF ")"
        " ORDER BY id",
        ARGS(TEXT_ARG(guard), TEXT_ARG(service)), err);
    if (!code)
        code = sql_write(s, "UPDATE event SET resolved = 1 WHERE" OPEN_ACTS_OF,
                         ARGS(TEXT_ARG(guard), TEXT_ARG(service)), err);
    if (!code)
        code = sql_write(s,
                         "UPDATE guard SET needs_human = 0, version = version + 1, headline = " SETTLED_HEADLINE
                         " WHERE needs_human = 1"
                         " AND (id = ?1 OR (?1 IS NULL AND service = ?3))",
                         ARGS(TEXT_ARG(guard), TEXT_ARG("; settled since"), TEXT_ARG(service)), err);
    return code ? code : bound_outbox(s, wall_ms, err);
}

#define MESSAGE_COLUMNS                                                                            \
    "SELECT outbox.id, sink, tries, next_ms, done, done_ms, error, resolving, " EVENT_COLUMNS      \
    " FROM outbox JOIN event ON event.seq = outbox.event"

static enum hd_code read_message(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_message *message = ret;
    message->id = row_int(row);
    message->sink = row_text(row);
    message->tries = (uint32_t)row_int(row);
    message->next_ms = row_int(row);
    message->done = (int32_t)row_int(row);
    message->done_ms = row_int(row);
    message->error = row_text(row);
    message->resolving = row_int(row);
    return read_event(row, &message->event, err);
}

/* Only the oldest waiting row of a sink may go: a failing one holds up those behind it. */
#define HEADS "(SELECT min(id) FROM outbox WHERE done = 0 GROUP BY sink)"

enum hd_code store_outbox_due(struct store *s, struct hd_arena *arena, int64_t now_ms,
                              struct store_message **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {MESSAGE_COLUMNS " WHERE outbox.id IN " HEADS
                                          " AND next_ms <= ?1 ORDER BY outbox.id",
                          ARGS(INT_ARG(now_ms)), read_message, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_outbox_next(struct store *s, int64_t *ret_ms, struct hd_error *err)
{
    return sql_int(s, "SELECT coalesce(min(next_ms), ?1) FROM outbox WHERE id IN " HEADS,
                   ARGS(INT_ARG(INT64_MAX)), ret_ms, err);
}

enum hd_code store_outbox_hurry(struct store *s, struct hd_error *err)
{
    return sql_write(s, "UPDATE outbox SET next_ms = 0 WHERE done = 0 AND next_ms > 0", NO_ARGS, err);
}

enum hd_code store_outbox_put(struct store *s, int64_t id, int32_t done, int64_t next_or_done_ms,
                              const char *error, struct hd_error *err)
{
    enum hd_code code =
        sql_write(s,
                  "UPDATE outbox SET tries = tries + 1, done = ?2, error = ?4,"
                  " next_ms = CASE ?2 WHEN 0 THEN ?3 ELSE next_ms END,"
                  " done_ms = CASE ?2 WHEN 0 THEN -1 ELSE ?3 END WHERE id = ?1",
                  ARGS(INT_ARG(id), INT_ARG(done), INT_ARG(next_or_done_ms), TEXT_ARG(error)), err);
    if (!code && sqlite3_changes(s->db) == 0)
        return hd_fail(err, HD_ABSENT, "no message %lld is stored", (long long)id);
    return code;
}

enum hd_code store_outbox_of(struct store *s, struct hd_arena *arena, const char *guard,
                             struct store_message **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {MESSAGE_COLUMNS " WHERE event.guard = ?1 ORDER BY outbox.id LIMIT ?2",
                          ARGS(TEXT_ARG(guard), INT_ARG(HD_ROWS_MAX)), read_message, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}
