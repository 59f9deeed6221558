/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of src/store/ only: the files beside the database (PATH-lock, PATH-ballast), reached
 * through the database's own VFS, so that a simulated disk holds them too.
 */
#ifndef STORE_SIDE_H
#define STORE_SIDE_H

#include <sqlite3.h>
#include <sys/stat.h>

#include <haldane/types.h>

/* What is made until side_public is ours alone (0600): the store holds queries, addresses, hashes of tokens. SQLite
 * gives the log and its index the mode of the database. For the guard loop's thread: no other makes files. */
static inline mode_t side_private(void) { return umask(077); }
static inline void side_public(const mode_t *was) { (void)umask(*was); }
#define SIDE_PRIVATE __attribute__((cleanup(side_public), unused)) const mode_t was_mode = side_private()

struct side {
    const char *name;   /* sqlite3_create_filename */
    sqlite3_file *file; /* NULL: not open */
};

/* `flags`: SQLITE_OPEN_ ones, with the type of file. HD_ABSENT without CREATE, HD_IO. */
enum hd_code side_open(sqlite3_vfs *, const char *path, const char *suffix, int flags,
                       struct side *ret, struct hd_error *err);
void side_close(struct side *); /* also unlocks; twice is fine */
/* HD_CONFLICT: another process (or handle) holds it. */
enum hd_code side_lock(struct side *, struct hd_error *err);
/* Is there a file, and is it not empty? Never opens it: closing a second descriptor of a database
 * drops the locks that this process has on it. */
bool side_exists(sqlite3_vfs *, const char *path, const char *suffix);
/* -1: no such file. Not for the database (see above). */
int64_t side_size(sqlite3_vfs *, const char *path, const char *suffix);
/* `bytes` of real blocks, durable. HD_FULL leaves nothing behind. */
enum hd_code side_fill(sqlite3_vfs *, const char *path, const char *suffix, int64_t bytes,
                       struct hd_error *err);
/* Makes what somebody else wrote to the file durable. */
enum hd_code side_sync(sqlite3_vfs *, const char *path, struct hd_error *err);
void side_delete(sqlite3_vfs *, const char *path, const char *suffix);

#endif
