/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing text or byte buffer that must be given its maximum at the start. Writing past it is
 * refused and remembered: check `buf_full` once at the end instead of every call.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <haldane/types.h>

struct buf {
    char *at; /* NUL-terminated once anything was written; NULL before */
    size_t len, size, max;
    bool full; /* something did not fit; what is in `at` is a clean prefix */
};

#define BUF_INIT(bytes) ((struct buf){.max = (bytes)})
#define BUF_AUTO __attribute__((cleanup(buf_clear))) struct buf

void buf_clear(struct buf *);            /* frees; the maximum stays */
void buf_add(struct buf *, const void *at, size_t len);
void buf_text(struct buf *, const char *text); /* NULL adds nothing */
void buf_print(struct buf *, const char *format, ...) HD_PRINTF(2, 3);
void buf_vprint(struct buf *, const char *format, va_list args) HD_PRINTF(2, 0);
const char *buf_at(const struct buf *);  /* "" when empty, never NULL */
struct hd_span buf_span(const struct buf *);

void buf_byte_slow(struct buf *, char c);
static inline void buf_byte(struct buf *b, char c)
{
    if (b->len + 1 >= b->size || b->len >= b->max || b->full) {
        buf_byte_slow(b, c);
        return;
    }
    b->at[b->len++] = c;
    b->at[b->len] = '\0';
}

#endif
