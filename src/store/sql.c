/* SPDX-License-Identifier: Apache-2.0
 *
 * The thin layer over SQLite. Called by every file of this folder; knows no table.
 */
#include "store/sql.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"

/* Extended codes first; what is not here is HD_IO. */
static const struct {
    int rc;
    enum hd_code code;
} codes[] = {
    {SQLITE_CONSTRAINT_PRIMARYKEY, HD_CONFLICT},
    {SQLITE_CONSTRAINT_UNIQUE, HD_CONFLICT},
    {SQLITE_CONSTRAINT, HD_INVALID},
    {SQLITE_FULL, HD_FULL},
    {SQLITE_CORRUPT, HD_CORRUPT},
    {SQLITE_NOTADB, HD_CORRUPT},
    {SQLITE_BUSY, HD_BUSY},
    {SQLITE_LOCKED, HD_BUSY},
    {SQLITE_READONLY, HD_DENIED},
    {SQLITE_PERM, HD_DENIED},
    {SQLITE_AUTH, HD_DENIED},
    {SQLITE_TOOBIG, HD_LIMIT},
    {SQLITE_NOMEM, HD_NOMEM},
};

static enum hd_code code_of(int rc)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].rc == rc || codes[i].rc == (rc & 0xff))
            return codes[i].code;
    }
    return HD_IO;
}

enum hd_code sql_fail(struct store *s, int rc, const char *what, struct hd_error *err)
{
    int number = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN
                     ? sqlite3_system_errno(s->db)
                     : 0;
    bool full = number == ENOSPC || number == EDQUOT;
    enum hd_code code = full ? HD_FULL : code_of(rc);
    const char *words = number ? strerrordesc_np(number) : NULL;
    (void)hd_fail(err, code, "%s: %s%s%s (%d) in: %.60s", s->path, sqlite3_errmsg(s->db),
                  words ? ": " : "", words ? words : "", rc, what);
    if (code == HD_FULL && !s->reader && !s->ballast_used) {
        side_delete(s->vfs, s->path, "-ballast");
        s->ballast_used = s->ballast > 0;
    }
    return code;
}

static enum hd_code prepare(struct store *s, const char *sql, sqlite3_stmt **ret,
                            struct hd_error *err)
{
    for (size_t i = 0; i < s->n_cached; i++) {
        if (s->cache[i].sql == sql) {
            *ret = s->cache[i].stmt;
            return HD_OK;
        }
    }
    if (s->n_cached == SQL_CACHE_MAX)
        return hd_fail(err, HD_LIMIT, "%s: more than %d statements", s->path, SQL_CACHE_MAX);
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK)
        return sql_fail(s, rc, sql, err);
    s->cache[s->n_cached].sql = sql;
    s->cache[s->n_cached++].stmt = stmt;
    *ret = stmt;
    return HD_OK;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct sql_arg *arg)
{
    switch (arg->type) {
    case SQL_TEXT:
        return sqlite3_bind_text(stmt, at, arg->v.text, -1, SQLITE_STATIC);
    case SQL_INT:
        return sqlite3_bind_int64(stmt, at, arg->v.i);
    case SQL_REAL:
        return sqlite3_bind_double(stmt, at, arg->v.d); /* NaN is NULL to SQLite */
    case SQL_BLOB:
        return sqlite3_bind_blob64(stmt, at, arg->v.blob.at, arg->v.blob.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static void finish(sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt); /* repeats the code of the step before */
    (void)sqlite3_clear_bindings(stmt);
}

/* A statement ready to step; the caller calls finish() after HD_OK. */
static enum hd_code start(struct store *s, const char *sql, struct sql_args args,
                          sqlite3_stmt **ret, struct hd_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum hd_code code = prepare(s, sql, &stmt, err);
    for (size_t i = 0; !code && i < args.n; i++) {
        const struct sql_arg *arg = &args.at[i];
        size_t len = arg->type == SQL_BLOB                   ? arg->v.blob.len
                     : arg->type == SQL_TEXT && arg->v.text ? strlen(arg->v.text)
                                                            : 0;
        int rc;
        if (len > HD_BLOB_BYTES_MAX)
            code = hd_fail(err, HD_LIMIT, "value %zu has %zu bytes, at most %u can be stored: %.60s",
                           i + 1, len, HD_BLOB_BYTES_MAX, sql);
        else if ((rc = bind_one(stmt, (int)i + 1, arg)) != SQLITE_OK)
            code = sql_fail(s, rc, sql, err);
    }
    if (code) {
        if (stmt)
            finish(stmt);
        return code;
    }
    *ret = stmt;
    return HD_OK;
}

static enum hd_code write_row(struct store *s, const char *sql, struct sql_args args,
                              struct hd_error *err)
{
    sqlite3_stmt *stmt;
    enum hd_code code = start(s, sql, args, &stmt, err);
    if (code)
        return code;
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE)
        code = sql_fail(s, rc, sql, err);
    finish(stmt);
    return code;
}

enum hd_code sql_write(struct store *s, const char *sql, struct sql_args args, struct hd_error *err)
{
    if (s->reader)
        return hd_fail(err, HD_DENIED, "%s: a reader cannot write", s->path);
    if (!s->open)
        return hd_fail(err, HD_INVALID, "%s: a write outside of a transaction", s->path);
    /* SQLite may have ended a failed transaction by itself; a later row must not be committed
     * alone. */
    if (s->failed)
        return hd_fail(err, s->failed, "%s: the transaction has failed before", s->path);
    s->failed = write_row(s, sql, args, err);
    return s->failed;
}

const char *row_text(struct sql_row *row)
{
    int at = row->next++;
    const void *text = sqlite3_column_text(row->stmt, at);
    return text ? arena_text_n(row->arena, text, (size_t)sqlite3_column_bytes(row->stmt, at))
                : NULL;
}

int64_t row_int(struct sql_row *row) { return sqlite3_column_int64(row->stmt, row->next++); }

double row_real(struct sql_row *row)
{
    int at = row->next++;
    return sqlite3_column_type(row->stmt, at) == SQLITE_NULL ? NAN
                                                             : sqlite3_column_double(row->stmt, at);
}

struct hd_span row_blob(struct sql_row *row)
{
    int at = row->next++;
    const void *blob = sqlite3_column_blob(row->stmt, at);
    return (struct hd_span){blob, (size_t)sqlite3_column_bytes(row->stmt, at)};
}

/* Rows as they come, in an array that doubles. */
struct rows {
    char *at;
    size_t n, room, bytes_before;
};

static enum hd_code take_row(struct hd_arena *arena, const struct sql_query *q, sqlite3_stmt *stmt,
                             struct rows *rows, struct hd_error *err)
{
    if (rows->n == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 8;
        char *at = arena_array(arena, room, q->size);
        if (rows->n)
            memcpy(at, rows->at, rows->n * q->size);
        rows->at = at;
        rows->room = room;
    }
    if (arena_bytes(arena) - rows->bytes_before > HD_ROWS_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, "more than %u MiB of rows in one answer: %.60s",
                       HD_ROWS_BYTES_MAX >> 20, q->sql);
    struct sql_row row = {.stmt = stmt, .arena = arena};
    return q->read(&row, rows->at + q->size * rows->n++, err);
}

enum hd_code sql_many(struct store *s, struct hd_arena *arena, const struct sql_query *q,
                      void **ret, size_t *ret_n, struct hd_error *err)
{
    sqlite3_stmt *stmt;
    struct rows rows = {.bytes_before = arena_bytes(arena)};
    enum hd_code code = start(s, q->sql, q->args, &stmt, err);
    if (code)
        return code;
    int rc = SQLITE_ROW;
    while (!code && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        code = take_row(arena, q, stmt, &rows, err);
    if (!code && rc != SQLITE_DONE)
        code = sql_fail(s, rc, q->sql, err);
    finish(stmt);
    if (!code) {
        *ret = rows.at;
        *ret_n = rows.n;
    }
    return code;
}

enum hd_code sql_one(struct store *s, struct hd_arena *arena, const struct sql_query *q, void *ret,
                     struct hd_error *err)
{
    void *row = NULL;
    size_t n = 0;
    enum hd_code code = sql_many(s, arena, q, &row, &n, err);
    if (code)
        return code;
    if (n == 0)
        return HD_ABSENT;
    memcpy(ret, row, q->size);
    return HD_OK;
}

enum hd_code sql_int(struct store *s, const char *sql, struct sql_args args, int64_t *ret,
                     struct hd_error *err)
{
    sqlite3_stmt *stmt;
    enum hd_code code = start(s, sql, args, &stmt, err);
    if (code)
        return code;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    else
        code = rc == SQLITE_DONE ? HD_ABSENT : sql_fail(s, rc, sql, err);
    finish(stmt);
    return code;
}

enum hd_code sql_step(struct store *s, const char *sql, struct hd_error *err)
{
    return write_row(s, sql, (struct sql_args){.n = 0}, err);
}

enum hd_code sql_run(struct store *s, const char *sql, struct hd_error *err)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HD_OK : sql_fail(s, rc, sql, err);
}

void sql_forget(struct store *s)
{
    for (size_t i = 0; i < s->n_cached; i++)
        sqlite3_finalize(s->cache[i].stmt);
    s->n_cached = 0;
}
