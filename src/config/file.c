/* SPDX-License-Identifier: Apache-2.0
 *
 * See file.h.
 */
#include "config/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define FILES_MAX 4096 /* in one folder: a file per service */

static enum hd_code refused(const char *path, struct hd_error *err)
{
    int e = errno;
    enum hd_code code = e == ENOENT || e == ENOTDIR ? HD_ABSENT
                        : e == EACCES || e == EPERM ? HD_DENIED
                                                    : HD_IO;
    return hd_fail(err, code, "%s: %s", path, strerror(e));
}

static void close_p(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

enum hd_code file_read(struct hd_arena *a, const char *path, struct hd_span *ret,
                       struct hd_error *err)
{
    __attribute__((cleanup(close_p))) FILE *f = fopen(path, "re");
    if (!f)
        return refused(path, err);
    size_t size = 65536, len = 0;
    char *text = arena_alloc(a, size + 1);
    for (;;) {
        len += fread(text + len, 1, size - len, f);
        if (ferror(f))
            return refused(path, err);
        if (len < size)
            break;
        if (size > HD_CONFIG_BYTES_MAX)
            return hd_fail(err, HD_LIMIT, "%s: larger than %u bytes", path, HD_CONFIG_BYTES_MAX);
        char *wider = arena_alloc(a, size * 4 + 1);
        memcpy(wider, text, len);
        text = wider;
        size *= 4;
    }
    text[len] = '\0';
    *ret = (struct hd_span){text, len};
    return HD_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void closedir_p(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

enum hd_code file_names(struct hd_arena *a, const char *folder, const char *const **ret,
                        struct hd_error *err)
{
    const char **names = arena_many(a, FILES_MAX + 1, const char *);
    __attribute__((cleanup(closedir_p))) DIR *d = opendir(folder);
    size_t n = 0;
    if (!d && errno != ENOENT)
        return refused(folder, err);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (*e->d_name == '.' || !str_ends(e->d_name, ".yaml"))
            continue;
        if (n == FILES_MAX)
            return hd_fail(err, HD_LIMIT, "%s: more than %d files", folder, FILES_MAX);
        names[n++] = arena_text(a, e->d_name);
    }
    qsort(names, n, sizeof *names, by_text);
    *ret = names;
    return HD_OK;
}
