/* SPDX-License-Identifier: Apache-2.0
 *
 * See buf.h. Growth doubles up to the maximum.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_clear(struct buf *b)
{
    free(b->at);
    *b = BUF_INIT(b->max);
}

static bool buf_room(struct buf *b, size_t more)
{
    if (b->full || more > b->max - b->len) {
        b->full = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->size)
        return true;
    size_t size = b->size ? b->size : 64;
    while (size < need)
        size *= 2;
    char *at = realloc(b->at, size);
    if (!at) {
        b->full = true;
        return false;
    }
    b->at = at;
    b->size = size;
    return true;
}

void buf_add(struct buf *b, const void *at, size_t len)
{
    if (!buf_room(b, len))
        return;
    if (len)
        memcpy(b->at + b->len, at, len);
    b->len += len;
    b->at[b->len] = '\0';
}

void buf_text(struct buf *b, const char *text)
{
    if (text)
        buf_add(b, text, strlen(text));
}

void buf_byte_slow(struct buf *b, char c) { buf_add(b, &c, 1); }

/* Most texts fit into what is there; only else they are formatted a second time. */
void buf_vprint(struct buf *b, const char *format, va_list args)
{
    va_list again;
    size_t room = b->size - b->len;
    va_copy(again, args);
    int len = vsnprintf(room ? b->at + b->len : NULL, room, format, again);
    va_end(again);
    bool fits = len >= 0 && (size_t)len < room;
    if (room && (!fits || b->full || (size_t)len > b->max - b->len))
        b->at[b->len] = '\0';
    if (len < 0 || !buf_room(b, (size_t)len))
        return;
    if (!fits)
        (void)vsnprintf(b->at + b->len, (size_t)len + 1, format, args);
    b->len += (size_t)len;
}

void buf_print(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprint(b, format, args);
    va_end(args);
}

const char *buf_at(const struct buf *b) { return b->at ? b->at : ""; }

struct hd_span buf_span(const struct buf *b) { return (struct hd_span){buf_at(b), b->len}; }
