/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests as text, to compare them with golden files byte by byte; and golden files themselves.
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <stdio.h>
#include <stdlib.h>

#include <haldane/wire.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define WIRE_TEXT_MAX (1u << 20)

static inline void wire_print(struct buf *to, const struct hd_request *r)
{
    static const char *const via[] = {"HTTP", "LINE", "EXEC"};
    static const char *const effect[] = {"read", "set", "once"};
    buf_print(to, "%s %s \"%s\" cap %u", via[r->via], effect[r->effect], r->label, r->cap_bytes);
    if (r->via == HD_VIA_EXEC) {
        for (size_t i = 0; r->u.exec.argv[i]; i++)
            buf_print(to, " [%s]", r->u.exec.argv[i]);
    } else {
        buf_print(to, " at %s", r->at->bases[r->base]);
    }
    buf_byte(to, '\n');
    if (r->via == HD_VIA_HTTP) {
        buf_print(to, "%s %s%s%s\n", r->u.http.method, r->u.http.path, r->u.http.query ? "?" : "",
                  r->u.http.query ? r->u.http.query : "");
        for (size_t i = 0; i < r->u.http.n_headers; i++)
            buf_print(to, "%s: %s\n", r->u.http.headers[i].name, r->u.http.headers[i].value);
    }
    buf_add(to, r->body.at, r->body.len);
    if (r->body.len > 0 && r->body.at[r->body.len - 1] != '\n')
        buf_byte(to, '\n');
}

static inline struct hd_span golden_read(struct hd_arena *a, const char *name)
{
    const char *path = arena_print(a, TEST_DATA "/golden/%s", name);
    FILE *f = fopen(path, "re");
    if (!f)
        return (struct hd_span){"", 0};
    char *text = arena_alloc(a, WIRE_TEXT_MAX + 1);
    size_t len = fread(text, 1, WIRE_TEXT_MAX, f);
    fclose(f);
    return (struct hd_span){text, len};
}

/* True when `got` is what the golden file says. With HALDANE_GOLDEN=write the file is written anew
 * and the comparison fails, so that nobody leaves the variable set. */
static inline bool golden_same(struct hd_arena *a, const char *name, const char *got)
{
    const char *mode = getenv("HALDANE_GOLDEN");
    if (str_is(mode, "write")) {
        FILE *f = fopen(arena_print(a, TEST_DATA "/golden/%s", name), "we");
        if (f) {
            fputs(got, f);
            fclose(f);
        }
        return false;
    }
    return str_is(golden_read(a, name).at, got);
}

#endif
