/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of src/store/ only: the handle, and a thin layer over SQLite's calls. Statements are
 * prepared once and kept in the handle, known by the address of their literal; every value is
 * bound. Reading fills plain structs row by row from one reader function per kind of row.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>

#include "store/side.h"
#include "store/store.h"

#define SQL_CACHE_MAX 96 /* there are about 70 literals */

struct store {
    sqlite3 *db;
    sqlite3_vfs *vfs;
    char *path;             /* full */
    int64_t max_size, ballast;
    struct side lock;       /* the writer's claim */
    ino_t log_inode;        /* of the log that is open; 0: not known */
    bool reader;
    bool open;              /* between begin and commit or rollback */
    bool relaxed;           /* commits do not wait for the disk now */
    bool unsynced;          /* the newest one did not */
    bool ballast_used;
    enum hd_code failed;    /* first failed write of the open transaction */
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } cache[SQL_CACHE_MAX];
    size_t n_cached;
};

struct sql_arg {
    enum { SQL_TEXT, SQL_INT, SQL_REAL, SQL_BLOB } type;
    union {
        const char *text; /* NULL: NULL */
        int64_t i;
        double d;         /* NaN: NULL */
        struct hd_span blob;
    } v;
};
struct sql_args {
    const struct sql_arg *at;
    size_t n;
};
#define TEXT_ARG(x) {SQL_TEXT, {.text = (x)}}
#define INT_ARG(x) {SQL_INT, {.i = (x)}}
#define REAL_ARG(x) {SQL_REAL, {.d = (x)}}
#define BLOB_ARG(x) {SQL_BLOB, {.blob = (x)}}
#define ARGS(...)                                                                                  \
    ((struct sql_args){(const struct sql_arg[]){__VA_ARGS__},                                      \
                       sizeof((const struct sql_arg[]){__VA_ARGS__}) / sizeof(struct sql_arg)})
#define NO_ARGS ((struct sql_args){NULL, 0})

/* A guard's headline without its call for a human: ?2 in its place. */
#define CALL_OPENS(words) "replace("
#define CALL_CLOSES(words) ", '" words "', ?2)"
#define SETTLED_HEADLINE STORE_CALLS(CALL_OPENS) "headline" STORE_CALLS(CALL_CLOSES)

/* Columns of the current row, taken from left to right. */
struct sql_row {
    sqlite3_stmt *stmt;
    struct hd_arena *arena;
    int next;
};
const char *row_text(struct sql_row *); /* in the arena; NULL stays NULL */
int64_t row_int(struct sql_row *);
double row_real(struct sql_row *);      /* NULL: NaN */
struct hd_span row_blob(struct sql_row *); /* valid until the next row */

struct sql_query {
    const char *sql;
    struct sql_args args;
    enum hd_code (*read)(struct sql_row *, void *ret, struct hd_error *err);
    size_t size; /* of what `read` fills; zeroed before */
};

/* Turns a result code of SQLite into ours; a full disk frees the ballast. */
enum hd_code sql_fail(struct store *, int rc, const char *what, struct hd_error *err);
/* One statement that changes rows; the transaction must be open. HD_CONFLICT: a row of that key
 * is there already. */
enum hd_code sql_write(struct store *, const char *sql, struct sql_args, struct hd_error *err);
/* The only row (HD_ABSENT: none; no text is set) · every row. */
enum hd_code sql_one(struct store *, struct hd_arena *, const struct sql_query *, void *ret,
                     struct hd_error *err);
enum hd_code sql_many(struct store *, struct hd_arena *, const struct sql_query *, void **ret,
                      size_t *ret_n, struct hd_error *err);
/* The first column of the only row, NULL as 0; HD_ABSENT as above. */
enum hd_code sql_int(struct store *, const char *sql, struct sql_args, int64_t *ret,
                     struct hd_error *err);
/* One or more statements without values; no transaction needed. */
enum hd_code sql_run(struct store *, const char *sql, struct hd_error *err);
/* One statement of every turn, prepared once: BEGIN, COMMIT. */
enum hd_code sql_step(struct store *, const char *sql, struct hd_error *err);
void sql_forget(struct store *); /* finalizes what is cached */

/* guards.c: the number of a guard's row. HD_ABSENT names the id. */
enum hd_code guard_seq(struct store *, const char *id, int64_t *ret, struct hd_error *err);

/* migrate.c. check changes nothing: HD_CORRUPT, HD_VERSION, HD_INVALID (somebody else's file);
 * *ret_version 0: empty. run brings the schema to the newest version. */
enum hd_code migrate_check(struct store *, int64_t *ret_version, struct hd_error *err);
enum hd_code migrate_run(struct store *, int64_t version, struct hd_error *err);
extern const char *const store_steps[];
extern const size_t store_n_steps;

#endif
