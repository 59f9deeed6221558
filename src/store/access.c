/* SPDX-License-Identifier: Apache-2.0
 *
 * May the user who runs this keep a store at a path? Decides by the folder and by the files that are
 * there, and names the user and what is closed to him. Changes nothing. Called by store.c when a file
 * cannot be opened (SQLite tries to read what it may not write, and tells of that), and by doctor.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/store.h"

static const char *name_of(struct hd_arena *a, uid_t uid)
{
    char room[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) || !found)
        return arena_print(a, "%lu", (unsigned long)uid);
    return arena_text(a, entry.pw_name);
}

const char *store_user(struct hd_arena *a) { return name_of(a, geteuid()); }

static enum hd_code denied(struct hd_arena *a, const char *what, const char *deed, const struct stat *st,
                           struct hd_error *err)
{
    return hd_fail(err, HD_DENIED, "permission denied: user %s may not %s %s, which is %s's (mode %04o)",
                   store_user(a), deed, what, name_of(a, st->st_uid), (unsigned)(st->st_mode & 07777));
}

static enum hd_code may(struct hd_arena *a, const char *what, int mode, const char *deed, struct hd_error *err)
{
    struct stat st;
    if (faccessat(AT_FDCWD, what, mode, AT_EACCESS) == 0)
        return HD_OK;
    int why = errno;
    if (why == EACCES && stat(what, &st) == 0)
        return denied(a, what, deed, &st, err);
    return hd_fail(err, why == EACCES ? HD_DENIED : why == ENOENT ? HD_ABSENT : HD_IO, "%s: %s%s", what,
                   strerrordesc_np(why), why == EACCES ? " (a folder above it is closed)" : "");
}

/* The folder that a file lies in. */
static const char *folder_of(struct hd_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : arena_text_n(a, path, (size_t)(slash - path));
}

static enum hd_code is_folder(const char *folder, struct hd_error *err)
{
    struct stat st;
    if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode))
        return hd_fail(err, HD_INVALID, "%s is no folder", folder);
    return HD_OK;
}

enum hd_code store_access(const char *path, bool write, struct hd_error *err)
{
    static const char *const files[] = {"", "-wal", "-shm", "-lock", "-ballast", ".token"};
    ARENA_AUTO a = arena_new();
    const char *folder = folder_of(a, path);
    enum hd_code code = may(a, folder, write ? W_OK | X_OK : X_OK, write ? "write into" : "look into", err);
    if (!code)
        code = is_folder(folder, err);
    for (size_t i = 0; !code && i < (write ? sizeof files / sizeof *files : 1); i++) {
        code = may(a, arena_print(a, "%s%s", path, files[i]), write ? R_OK | W_OK : R_OK, write ? "write" : "read", err);
        if (code == HD_ABSENT) /* it will be made */
            code = HD_OK;
    }
    return code;
}
