/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings a file to the newest schema, one numbered step per transaction, forward only. Decides
 * whether a file is ours at all. Called by store.c at open, before anything is written.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/sql.h"

#define APPLICATION_ID 0x48414c44 /* "HALD", as schema/0001.sql sets it */

static enum hd_code read_finding(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(const char **)ret = row_text(row);
    return HD_OK;
}

/* Bigger files are checked whole by `haldane db check` only: a start must not take seconds. */
static enum hd_code quick_check(struct store *s, struct hd_error *err)
{
    int64_t pages = 0, page_size = 0;
    enum hd_code code = sql_int(s, "PRAGMA page_count", NO_ARGS, &pages, err);
    if (!code)
        code = sql_int(s, "PRAGMA page_size", NO_ARGS, &page_size, err);
    if (code || pages * page_size > HD_STORE_CHECK_BYTES_MAX)
        return code;
    const char *finding = NULL;
    ARENA_AUTO arena = arena_new();
    struct sql_query q = {"PRAGMA quick_check(1)", NO_ARGS, read_finding, sizeof finding};
    code = sql_one(s, arena, &q, &finding, err);
    if (!code && !str_is(finding, "ok"))
        return hd_fail(err, HD_CORRUPT, "%s is damaged: %s", s->path, finding);
    return code;
}

enum hd_code migrate_check(struct store *s, int64_t *ret_version, struct hd_error *err)
{
    int64_t owner = 0, version = 0, things = 0;
    enum hd_code code = sql_int(s, "PRAGMA application_id", NO_ARGS, &owner, err);
    if (!code)
        code = sql_int(s, "PRAGMA user_version", NO_ARGS, &version, err);
    if (!code)
        code = sql_int(s, "SELECT count(*) FROM sqlite_schema", NO_ARGS, &things, err);
    if (code)
        return code;
    bool empty = owner == 0 && version == 0 && things == 0;
    if (!empty && owner != APPLICATION_ID)
        return hd_fail(err, HD_INVALID, "%s is a database of another program", s->path);
    if (version < 0 || version > (int64_t)store_n_steps)
        return hd_fail(err, HD_VERSION, "%s has schema %lld; this haldane knows up to %zu", s->path,
                       (long long)version, store_n_steps);
    if (!empty && !s->reader && (code = quick_check(s, err)))
        return code;
    *ret_version = version;
    return HD_OK;
}

static enum hd_code run_step(struct store *s, size_t number, struct hd_error *err)
{
    int64_t version = 0;
    enum hd_code code = sql_run(s, "BEGIN IMMEDIATE", err);
    if (!code)
        code = sql_run(s, store_steps[number - 1], err);
    if (!code)
        code = sql_int(s, "PRAGMA user_version", NO_ARGS, &version, err);
    if (!code && version != (int64_t)number)
        code = hd_fail(err, HD_CORRUPT, "step %zu of the schema set version %lld", number,
                       (long long)version);
    if (!code)
        code = sql_run(s, "COMMIT", err);
    if (code && !sqlite3_get_autocommit(s->db))
        (void)sql_run(s, "ROLLBACK", NULL);
    return code;
}

enum hd_code migrate_run(struct store *s, int64_t version, struct hd_error *err)
{
    for (size_t number = (size_t)version + 1; number <= store_n_steps; number++) {
        enum hd_code code = run_step(s, number, err);
        if (code) {
            (void)hd_error_add(err, "schema step %zu", number);
            return code;
        }
    }
    return HD_OK;
}
