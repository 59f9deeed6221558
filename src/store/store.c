/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens, locks and closes the file; transactions; the ballast. Decides when a file is refused,
 * and never repairs one. Called by the pipeline (writer), http and cli (readers).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/sql.h"

#define BUSY_MS 2000 /* the only one in a writer's way is a reader that recovers the log */
#define BALLAST "-ballast"

static enum hd_code connect(struct store *s, int flags, struct hd_error *err)
{
    SIDE_PRIVATE;
    int rc = sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             s->vfs->zName);
    if (!s->db)
        return hd_fail(err, HD_NOMEM, "%s: out of memory", s->path);
    if (rc != SQLITE_OK)
        return sql_fail(s, rc, "open", err);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    /* Until the file is known to be ours and whole, closing it must not change it. */
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return sql_run(s,
                   "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;"
                   "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
                   err);
}

static enum hd_code full_path(struct store *s, const char *path, struct hd_error *err)
{
    if (!path || !*path)
        return hd_fail(err, HD_INVALID, "the store has no path");
    size_t size = (size_t)s->vfs->mxPathname + 1;
    s->path = calloc(1, size);
    if (!s->path)
        return hd_fail(err, HD_NOMEM, "%s: out of memory", path);
    int rc = s->vfs->xFullPathname(s->vfs, path, (int)size, s->path);
    /* Other good codes say that a link was followed. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_OK)
        return hd_fail(err, HD_IO, "%s: not a usable path", path);
    return HD_OK;
}

static struct store *store_new(const char *vfs)
{
    struct store *s = calloc(1, sizeof *s);
    if (s)
        s->vfs = sqlite3_vfs_find(vfs);
    return s;
}

static enum hd_code claim(struct store *s, struct hd_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;
    enum hd_code code = side_open(s->vfs, s->path, "-lock", flags, &s->lock, err);
    if (code == HD_IO)
        return hd_error_add(err, "the folder of the store (storage.path) must be there, and writable (install -d)");
    return code ? code : side_lock(&s->lock, err);
}

/* SQLite reads what it may not write, and fails later with other words: those that say who may not do what
 * take their place. Of a simulated disk nothing is known. */
static enum hd_code explain(const struct store *s, enum hd_code code, struct hd_error *err)
{
    struct hd_error why;
    if ((code != HD_IO && code != HD_ABSENT && code != HD_DENIED) || s->vfs != sqlite3_vfs_find(NULL))
        return code;
    enum hd_code found = store_access(s->path, !s->reader, &why);
    if (!found && s->reader) /* which makes the log's index where no daemon runs */
        found = store_access(s->path, true, &why);
    if (found == HD_DENIED)
        return hd_fail(err, HD_DENIED, "%s: " STORE_ACCESS_NEXT, why.text);
    return found == HD_IO ? hd_fail(err, HD_IO, "%s", why.text) : code;
}

/* An emptied database beside a log that still has rows: SQLite would throw the log away. */
static enum hd_code check_emptied(struct store *s, struct hd_error *err)
{
    if (!side_exists(s->vfs, s->path, "") && side_exists(s->vfs, s->path, "-wal"))
        return hd_fail(err, HD_CORRUPT, "%s is empty or gone, and its log is not", s->path);
    return HD_OK;
}

static enum hd_code read_word(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(const char **)ret = row_text(row);
    return HD_OK;
}

static enum hd_code use_log(struct store *s, struct hd_error *err)
{
    const char *mode = NULL;
    ARENA_AUTO arena = arena_new();
    struct sql_query q = {"PRAGMA journal_mode = WAL", NO_ARGS, read_word, sizeof mode};
    enum hd_code code = sql_one(s, arena, &q, &mode, err);
    if (code)
        return code;
    if (!str_is(mode, "wal"))
        return hd_fail(err, HD_IO, "%s: this file system cannot keep a write-ahead log", s->path);
    return sql_run(s, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;", err);
}

static enum hd_code make_ballast(struct store *s, struct hd_error *err)
{
    int64_t size = side_size(s->vfs, s->path, BALLAST);
    if (s->ballast <= 0) {
        if (size >= 0)
            side_delete(s->vfs, s->path, BALLAST);
        return HD_OK;
    }
    enum hd_code code =
        size == s->ballast ? HD_OK : side_fill(s->vfs, s->path, BALLAST, s->ballast, err);
    s->ballast_used = code != HD_OK;
    return code;
}

/* 0: it is not there, or on a simulated disk. */
static ino_t log_inode(const struct store *s)
{
    ARENA_AUTO a = arena_new();
    struct stat st;
    return stat(arena_print(a, "%s-wal", s->path), &st) ? 0 : st.st_ino;
}

static enum hd_code open_writer(struct store *s, struct hd_error *err)
{
    int64_t version = 0;
    enum hd_code code = check_emptied(s, err);
    if (!code)
        code = connect(s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (!code)
        code = migrate_check(s, &version, err);
    if (!code)
        code = use_log(s, err);
    if (!code)
        code = migrate_run(s, version, err);
    if (!code)
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    s->log_inode = code ? 0 : log_inode(s);
    return code;
}

static void disconnect(struct store *s)
{
    sql_forget(s);
    (void)sqlite3_close(s->db);
    s->db = NULL;
}

enum hd_code store_open(const struct store_options *options, struct store **ret,
                        struct hd_error *err)
{
    struct store *s = store_new(options->vfs);
    if (!s || !s->vfs) {
        free(s);
        return hd_fail(err, HD_INVALID, "no such VFS, or no memory");
    }
    s->max_size = options->max_size;
    s->ballast = options->ballast;
    enum hd_code code = full_path(s, options->path, err);
    if (!code)
        code = claim(s, err);
    if (!code) {
        code = open_writer(s, err);
        if (code == HD_FULL && s->ballast_used) { /* the ballast was given up: there is room now */
            disconnect(s);
            code = open_writer(s, err);
        }
    }
    if (!code && !s->ballast_used) {
        code = make_ballast(s, err);
        if (code == HD_FULL) /* a full disk must not keep the daemon from starting */
            code = HD_OK;
    }
    if (code) {
        code = explain(s, code, err);
        store_close(s);
    } else {
        *ret = s;
    }
    return code;
}

static enum hd_code check_reader(struct store *s, struct hd_error *err)
{
    int64_t version = 0;
    enum hd_code code = sql_run(s, "PRAGMA query_only = ON", err);
    if (!code)
        code = migrate_check(s, &version, err);
    if (code)
        return code;
    if (version == 0)
        return hd_fail(err, HD_ABSENT, "%s is empty: no daemon has used it yet", s->path);
    if (version < (int64_t)store_n_steps)
        return hd_fail(err, HD_INVALID, "%s has the older schema %lld: start the daemon once",
                       s->path, (long long)version);
    return HD_OK;
}

enum hd_code store_open_reader(const char *path, struct store **ret, struct hd_error *err)
{
    struct store *s = store_new(NULL);
    if (!s || !s->vfs) {
        free(s);
        return hd_fail(err, HD_NOMEM, "%s: out of memory", path);
    }
    s->reader = true;
    enum hd_code code = full_path(s, path, err);
    if (!code && !side_exists(s->vfs, s->path, ""))
        code = hd_fail(err, HD_ABSENT, "%s: no such file, or an empty one", s->path);
    /* Not READONLY: the log's index must be made where no daemon runs. query_only keeps us from
     * the rows. */
    if (!code)
        code = connect(s, SQLITE_OPEN_READWRITE, err);
    if (!code)
        code = check_reader(s, err);
    if (code) {
        code = explain(s, code, err);
        store_close(s);
    } else {
        *ret = s;
    }
    return code;
}

struct store *store_close(struct store *s)
{
    if (!s)
        return NULL;
    if (s->db) {
        store_rollback(s);
        disconnect(s);
    }
    side_close(&s->lock);
    free(s->path);
    free(s);
    return NULL;
}

/* What is written to a file that has no name any more is gone with us: no intent may rest on it (I2). */
static enum hd_code check_place(struct store *s, struct hd_error *err)
{
    int moved = 0;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
        return hd_fail(err, HD_IO, "%s was moved, deleted or replaced while it was open: put it back, or restart "
                       "haldane, which takes what is there", s->path);
    if (s->log_inode && log_inode(s) != s->log_inode)
        return hd_fail(err, HD_IO, "%s-wal was moved, deleted or replaced while it was open: stop haldane (SIGTERM: it "
                       "brings what is in there into the store), and start it again", s->path);
    return HD_OK;
}

static enum hd_code begin(struct store *s, bool relaxed, struct hd_error *err)
{
    enum hd_code code = s->reader || relaxed ? HD_OK : check_place(s, err);
    if (s->open)
        return hd_fail(err, HD_INVALID, "%s: a transaction is open already", s->path);
    if (!code && s->relaxed != relaxed) /* cannot change within a transaction */
        code = sql_run(s, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", err);
    if (!code)
        s->relaxed = relaxed;
    if (!code)
        code = sql_step(s, s->reader ? "BEGIN" : "BEGIN IMMEDIATE", err);
    s->open = !code;
    s->failed = HD_OK;
    return code;
}

enum hd_code store_begin(struct store *s, struct hd_error *err) { return begin(s, false, err); }

enum hd_code store_begin_relaxed(struct store *s, struct hd_error *err) { return begin(s, true, err); }

/* The log is synced by itself. A commit that changes nothing would not do: SQLite writes no page, and
 * then does not sync, for a transaction whose rows end as they were, byte for byte. */
enum hd_code store_sync(struct store *s, struct hd_error *err)
{
    sqlite3_file *log = NULL;
    if (check_place(s, err)) /* evidence alone goes on for long without another commit that waits */
        return HD_IO;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc == SQLITE_OK && log && log->pMethods)
        rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK)
        return sql_fail(s, rc, "sync of the log", err);
    s->unsynced = false;
    return HD_OK;
}

static int pages_written(struct store *s)
{
    int now = 0, most;
    (void)sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_WRITE, &now, &most, 0);
    return now;
}

/* A commit that waits for the disk takes all before it along, also when it has written nothing. */
static enum hd_code commit(struct store *s, struct hd_error *err)
{
    int before = pages_written(s);
    enum hd_code code = sql_step(s, "COMMIT", err);
    if (code)
        return code;
    if (!s->relaxed && s->unsynced && pages_written(s) == before)
        return store_sync(s, err);
    s->unsynced = s->relaxed;
    return HD_OK;
}

enum hd_code store_commit(struct store *s, struct hd_error *err)
{
    if (!s->open)
        return hd_fail(err, HD_INVALID, "%s: no transaction is open", s->path);
    enum hd_code code = s->failed;
    if (code)
        (void)hd_fail(err, code, "%s: a write of this transaction has failed", s->path);
    else
        code = commit(s, err);
    if (code)
        store_rollback(s);
    s->open = false;
    return code;
}

void store_rollback(struct store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->open = false;
    s->failed = HD_OK;
}

bool store_ballast_used(const struct store *s) { return s->ballast_used; }

enum hd_code store_restore_ballast(struct store *s, struct hd_error *err)
{
    if (s->reader)
        return hd_fail(err, HD_DENIED, "%s: a reader has no ballast", s->path);
    return make_ballast(s, err);
}
