/* SPDX-License-Identifier: Apache-2.0
 *
 * Files beside the database. Called by store.c and care.c; never touches the database itself.
 */
#include "store/side.h"

#include <errno.h>
#include <string.h>

#define CHUNK ((size_t)64 << 10)

static const char *system_words(sqlite3_vfs *vfs)
{
    int number = vfs->xGetLastError ? vfs->xGetLastError(vfs, 0, NULL) : 0;
    const char *words = number ? strerrordesc_np(number) : NULL;
    return words ? words : "input/output error";
}

bool side_exists(sqlite3_vfs *vfs, const char *path, const char *suffix)
{
    int there = 0;
    char *name = sqlite3_mprintf("%s%s", path, suffix);
    if (name)
        (void)vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, &there);
    sqlite3_free(name);
    return there;
}

enum hd_code side_open(sqlite3_vfs *vfs, const char *path, const char *suffix, int flags,
                       struct side *ret, struct hd_error *err)
{
    SIDE_PRIVATE;
    struct side side = {.file = sqlite3_malloc(vfs->szOsFile)};
    char *name = sqlite3_mprintf("%s%s", path, suffix);
    if (name)
        side.name = sqlite3_create_filename(name, "", "", 0, NULL);
    sqlite3_free(name);
    if (!side.file || !side.name) {
        sqlite3_free(side.file);
        sqlite3_free_filename(side.name);
        (void)hd_fail(err, HD_NOMEM, "%s%s: out of memory", path, suffix);
        return HD_NOMEM;
    }
    memset(side.file, 0, (size_t)vfs->szOsFile);
    errno = 0;
    int rc = vfs->xOpen(vfs, side.name, side.file, flags, NULL);
    if (rc == SQLITE_OK) {
        *ret = side;
        return HD_OK;
    }
    bool full = rc == SQLITE_FULL || errno == ENOSPC;
    bool absent = !(flags & SQLITE_OPEN_CREATE) && !side_exists(vfs, path, suffix);
    (void)hd_fail(err, full ? HD_FULL : absent ? HD_ABSENT : HD_IO, "cannot open %s: %s", side.name,
                  system_words(vfs));
    if (side.file->pMethods)
        side.file->pMethods->xClose(side.file);
    sqlite3_free(side.file);
    sqlite3_free_filename(side.name);
    return full ? HD_FULL : absent ? HD_ABSENT : HD_IO;
}

void side_close(struct side *side)
{
    if (!side->file)
        return;
    side->file->pMethods->xUnlock(side->file, SQLITE_LOCK_NONE);
    side->file->pMethods->xClose(side->file);
    sqlite3_free(side->file);
    sqlite3_free_filename(side->name);
    *side = (struct side){0};
}

enum hd_code side_lock(struct side *side, struct hd_error *err)
{
    static const int ladder[] = {SQLITE_LOCK_SHARED, SQLITE_LOCK_RESERVED, SQLITE_LOCK_EXCLUSIVE};
    for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++) {
        int rc = side->file->pMethods->xLock(side->file, ladder[i]);
        if (rc == SQLITE_BUSY)
            return hd_fail(err, HD_CONFLICT, "another haldane holds %s", side->name);
        if (rc != SQLITE_OK)
            return hd_fail(err, HD_IO, "cannot lock %s", side->name);
    }
    return HD_OK;
}

int64_t side_size(sqlite3_vfs *vfs, const char *path, const char *suffix)
{
    struct side side;
    sqlite3_int64 size = -1;
    if (side_open(vfs, path, suffix, SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL, &side, NULL))
        return -1;
    if (side.file->pMethods->xFileSize(side.file, &size) != SQLITE_OK)
        size = -1;
    side_close(&side);
    return size;
}

/* Bytes that no file system can store as a hole or compress away. */
static void noise(unsigned char *at, size_t len, uint64_t *state)
{
    for (size_t i = 0; i + sizeof *state <= len; i += sizeof *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        memcpy(at + i, state, sizeof *state);
    }
}

static int fill(sqlite3_file *file, int64_t bytes)
{
    unsigned char *chunk = sqlite3_malloc((int)CHUNK);
    uint64_t state = 0x9e3779b97f4a7c15u;
    int rc = chunk ? SQLITE_OK : SQLITE_NOMEM;
    for (int64_t at = 0; rc == SQLITE_OK && at < bytes; at += (int64_t)CHUNK) {
        int64_t left = bytes - at;
        noise(chunk, CHUNK, &state);
        rc = file->pMethods->xWrite(file, chunk,
                                    (int)(left < (int64_t)CHUNK ? left : (int64_t)CHUNK), at);
    }
    sqlite3_free(chunk);
    return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

enum hd_code side_fill(sqlite3_vfs *vfs, const char *path, const char *suffix, int64_t bytes,
                       struct hd_error *err)
{
    struct side side;
    side_delete(vfs, path, suffix);
    enum hd_code code = side_open(
        vfs, path, suffix, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL,
        &side, err);
    if (code)
        return code;
    errno = 0;
    int rc = fill(side.file, bytes);
    bool full = rc == SQLITE_FULL || errno == ENOSPC || errno == EDQUOT;
    side_close(&side);
    if (rc == SQLITE_OK)
        return HD_OK;
    side_delete(vfs, path, suffix);
    return hd_fail(err, full ? HD_FULL : HD_IO, "cannot write %s%s: %s", path, suffix,
                   full ? "no space left" : system_words(vfs));
}

enum hd_code side_sync(sqlite3_vfs *vfs, const char *path, struct hd_error *err)
{
    struct side side;
    /* CREATE makes the sync cover the directory's entry too. */
    enum hd_code code = side_open(
        vfs, path, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL,
        &side, err);
    if (code)
        return code;
    int rc = side.file->pMethods->xSync(side.file, SQLITE_SYNC_NORMAL);
    side_close(&side);
    return rc == SQLITE_OK ? HD_OK
                           : hd_fail(err, HD_IO, "cannot sync %s: %s", path, system_words(vfs));
}

void side_delete(sqlite3_vfs *vfs, const char *path, const char *suffix)
{
    char *name = sqlite3_mprintf("%s%s", path, suffix);
    if (name)
        (void)vfs->xDelete(vfs, name, 1);
    sqlite3_free(name);
}
