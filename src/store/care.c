/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the file small, whole and copied. Decides what is evicted: evidence of finished guards
 * first, verdicts never. Called by the pipeline between its turns, and by `haldane db`.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/sql.h"

#define LOG_BYTES (4 << 20) /* what the log keeps after a checkpoint: journal_size_limit */

static enum hd_code used_bytes(struct store *s, int64_t *ret, struct hd_error *err)
{
    int64_t pages = 0, spare = 0, page_size = 0;
    enum hd_code code = sql_int(s, "PRAGMA page_count", NO_ARGS, &pages, err);
    if (!code)
        code = sql_int(s, "PRAGMA freelist_count", NO_ARGS, &spare, err);
    if (!code)
        code = sql_int(s, "PRAGMA page_size", NO_ARGS, &page_size, err);
    if (!code)
        *ret = (pages - spare) * page_size;
    return code;
}

int64_t store_log_bytes(const struct store *s)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (rc != SQLITE_OK || !file || !file->pMethods)
        return 0;
    return file->pMethods->xFileSize(file, &size) == SQLITE_OK ? size : 0;
}

enum hd_code store_room(struct store *s, struct store_room *ret, struct hd_error *err)
{
    struct statvfs disk;
    int64_t used = 0;
    if (used_bytes(s, &used, err))
        return err->code;
    if (statvfs(s->path, &disk))
        return hd_fail(err, HD_IO, "%s: statvfs: %s", s->path, strerror(errno));
    ret->bytes = used + store_log_bytes(s);
    ret->free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    return HD_OK;
}

enum hd_code store_measure(struct store *s, struct store_size *ret, struct hd_error *err)
{
    struct store_size size = {0};
    enum hd_code code = used_bytes(s, &size.bytes, err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM guard", NO_ARGS, &size.guards, err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM evidence", NO_ARGS, &size.evidence_rows, err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM event", NO_ARGS, &size.events, err);
    if (code)
        return code;
    size.bytes += store_log_bytes(s);
    *ret = size;
    return HD_OK;
}

/* A kind of thing to evict; deletes at most `most` rows and says how many; 0: nothing left. */
typedef enum hd_code (*evict_kind)(struct store *, int64_t most, int64_t *ret_n,
                                   struct hd_error *err);

/* Evidence of the oldest finished guard that has some. */
static enum hd_code evict_evidence(struct store *s, int64_t most, int64_t *ret_n,
                                   struct hd_error *err)
{
    int64_t guard = 0, gone;
    enum hd_code code =
        sql_int(s, "SELECT seq FROM guard WHERE live = 0 AND evicted < 2 ORDER BY seq LIMIT 1",
                NO_ARGS, &guard, err);
    if (code)
        return code == HD_ABSENT ? HD_OK : code;
    code = sql_write(s,
                     "DELETE FROM evidence WHERE seq IN"
                     " (SELECT seq FROM evidence WHERE guard = ?1 LIMIT ?2)",
                     ARGS(INT_ARG(guard), INT_ARG(most)), err);
    if (code)
        return code;
    gone = sqlite3_changes(s->db);
    *ret_n = gone + 1; /* the guard's own row moves on even when it had no evidence */
    return sql_write(s, "UPDATE guard SET evicted = ?2 WHERE seq = ?1",
                     ARGS(INT_ARG(guard), INT_ARG(gone < most ? 2 : 1)), err);
}

/* Events (and their outbox rows, by the foreign key), bands, inputs, the approval, the words of a mark,
 * pin and engine text of the oldest finished guard without evidence. What a sink or a human still waits for
 * stays, and so does whether the verdict was marked. */
static enum hd_code evict_events(struct store *s, int64_t most, int64_t *ret_n,
                                 struct hd_error *err)
{
    static const char *const steps[] = {
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event"
        " WHERE guard = (SELECT id FROM guard WHERE seq = ?1)"
        " AND NOT (severity = 2 AND resolved = 0)"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = event.seq AND done = 0) LIMIT ?2)",
        "DELETE FROM band WHERE seq IN (SELECT seq FROM band WHERE guard = ?1 LIMIT ?2)",
        "DELETE FROM input WHERE seq IN (SELECT seq FROM input WHERE guard = ?1 LIMIT ?2)",
        "DELETE FROM approval WHERE guard = (SELECT id FROM guard WHERE seq = ?1) AND ?2 > 0",
        "UPDATE guard_mark SET reason = NULL, actor = NULL WHERE guard = ?1 AND reason IS NOT NULL AND ?2 > 0",
    };
    int64_t guard = 0, gone = 0;
    bool rest = false;
    enum hd_code code =
        sql_int(s, "SELECT seq FROM guard WHERE live = 0 AND evicted = 2 ORDER BY seq LIMIT 1",
                NO_ARGS, &guard, err);
    if (code)
        return code == HD_ABSENT ? HD_OK : code;
    for (size_t i = 0; !code && i < sizeof steps / sizeof *steps; i++) {
        code = sql_write(s, steps[i], ARGS(INT_ARG(guard), INT_ARG(most)), err);
        int64_t n = code ? 0 : sqlite3_changes(s->db);
        rest |= n == most;
        gone += n;
    }
    if (!code)
        code = sql_write(s, "UPDATE guard_pin SET pin = NULL WHERE guard = ?1",
                         ARGS(INT_ARG(guard)), err);
    if (!code)
        code = sql_write(s, "DELETE FROM guard_memory WHERE guard = ?1", ARGS(INT_ARG(guard)), err);
    *ret_n = gone + 1;
    return code || rest ? code
                        : sql_write(s, "UPDATE guard SET evicted = 3 WHERE seq = ?1",
                                    ARGS(INT_ARG(guard)), err);
}

/* Events of no guard, then readings that are not their service's newest. */
static enum hd_code evict_rest(struct store *s, int64_t most, int64_t *ret_n, struct hd_error *err)
{
    static const char *const steps[] = {
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE (guard IS NULL OR guard IN"
        " (SELECT id FROM guard WHERE evicted = 3))"
        " AND NOT (severity = 2 AND resolved = 0)"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = event.seq AND done = 0)"
        " ORDER BY seq LIMIT ?1)",
        "DELETE FROM reading WHERE id IN (SELECT id FROM reading AS old WHERE EXISTS"
        " (SELECT 1 FROM reading WHERE service = old.service AND id > old.id)"
        " ORDER BY id LIMIT ?1)",
    };
    enum hd_code code = HD_OK;
    for (size_t i = 0; !code && *ret_n == 0 && i < sizeof steps / sizeof *steps; i++) {
        code = sql_write(s, steps[i], ARGS(INT_ARG(most)), err);
        *ret_n = code ? 0 : sqlite3_changes(s->db);
    }
    return code;
}

static enum hd_code too_big(struct store *s, bool *ret, struct hd_error *err)
{
    int64_t used = 0;
    enum hd_code code = used_bytes(s, &used, err);
    if (!code)
        *ret = s->max_size > 0 && used + LOG_BYTES > s->max_size;
    return code;
}

/* Guard by guard, until it is enough, a call's worth of rows is gone, or nothing more may go. */
static enum hd_code evict_some(struct store *s, bool *ret_more, struct hd_error *err)
{
    static const evict_kind kinds[] = {evict_evidence, evict_events, evict_rest};
    int64_t gone = 0;
    bool big = true;
    size_t kind = 0;
    enum hd_code code = HD_OK;
    while (!code && big && kind < sizeof kinds / sizeof *kinds && gone < HD_EVICT_ROWS) {
        int64_t n = 0;
        code = kinds[kind](s, HD_EVICT_ROWS - gone, &n, err);
        gone += n;
        kind += n == 0;
        if (!code)
            code = too_big(s, &big, err);
    }
    *ret_more = big && gone > 0;
    return code;
}

void store_set_max_size(struct store *s, int64_t bytes) { s->max_size = bytes; }

enum hd_code store_evict(struct store *s, bool *ret_more, struct hd_error *err)
{
    bool more = false;
    if (s->open)
        return hd_fail(err, HD_INVALID, "%s: no eviction inside of a transaction", s->path);
    enum hd_code code = too_big(s, &more, err);
    if (!code && more) {
        code = store_begin(s, err);
        if (!code)
            code = evict_some(s, &more, err);
        if (!code)
            code = store_commit(s, err);
        if (code)
            store_rollback(s);
    }
    if (!code)
        *ret_more = more;
    return code;
}

static enum hd_code read_finding(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    const char *first = row_text(row);
    *(const char **)ret = first ? first : "";
    return HD_OK;
}

enum hd_code store_check(struct store *s, struct hd_error *err)
{
    const char *finding = NULL;
    int64_t version = 0;
    ARENA_AUTO arena = arena_new();
    struct sql_query whole = {"PRAGMA integrity_check(1)", NO_ARGS, read_finding, sizeof finding};
    struct sql_query keys = {"SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1", NO_ARGS,
                             read_finding, sizeof finding};
    enum hd_code code = sql_one(s, arena, &whole, &finding, err);
    if (code)
        return code;
    if (!str_is(finding, "ok"))
        return hd_fail(err, HD_CORRUPT, "%s is damaged: %s", s->path, finding);
    code = sql_one(s, arena, &keys, &finding, err);
    if (code != HD_ABSENT)
        return code ? code
                    : hd_fail(err, HD_CORRUPT, "%s: a row of %s refers to a row that is gone",
                              s->path, finding);
    code = sql_int(s, "PRAGMA user_version", NO_ARGS, &version, err);
    if (!code && version != (int64_t)store_n_steps)
        return hd_fail(err, HD_CORRUPT, "%s has schema %lld, not %zu", s->path, (long long)version,
                       store_n_steps);
    return code;
}

static enum hd_code vacuum_into(struct store *s, const char *path, struct hd_error *err)
{
    SIDE_PRIVATE;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    enum hd_code code = rc == SQLITE_DONE ? HD_OK : sql_fail(s, rc, "VACUUM INTO", err);
    sqlite3_finalize(stmt);
    return code;
}

enum hd_code store_backup(struct store *s, const char *path, struct hd_error *err)
{
    if (s->open)
        return hd_fail(err, HD_INVALID, "%s: no backup inside of a transaction", s->path);
    int there = 0;
    if (s->vfs->xAccess(s->vfs, path, SQLITE_ACCESS_READWRITE, &there) == SQLITE_OK && there)
        return hd_fail(err, HD_CONFLICT, "%s: the file exists", path);
    /* query_only would forbid writing the copy as well. */
    enum hd_code code = s->reader ? sql_run(s, "PRAGMA query_only = OFF", err) : HD_OK;
    if (!code)
        code = vacuum_into(s, path, err);
    if (s->reader && sql_run(s, "PRAGMA query_only = ON", code ? NULL : err) && !code)
        code = HD_IO;
    /* VACUUM INTO writes without syncing. */
    if (!code)
        code = side_sync(s->vfs, path, err);
    if (code)
        side_delete(s->vfs, path, "");
    return code;
}
