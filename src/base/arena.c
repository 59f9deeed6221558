/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks; the newest is filled. Called by everyone; see arena.h for the promise.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)1024) /* the least: thousands of arenas hold one question; later blocks
                                      double what is there */
#define BLOCK_BYTES_MAX ((size_t)256 << 10)
#define ARENA_BYTES_MAX ((size_t)512 << 20) /* 10 times the largest capped answer, parsed */

struct block {
    struct block *older;
    size_t size, used;
    alignas(max_align_t) unsigned char at[];
};

struct hd_arena {
    struct block *newest;
    size_t bytes;
    unsigned others; /* owners beside the first */
};

static _Noreturn void arena_die(const char *why)
{
    (void)fprintf(stderr, "haldane: out of memory: %s\n", why);
    abort();
}

static struct block *block_new(size_t size, struct block *older)
{
    struct block *b = malloc(sizeof *b + size);
    if (!b)
        arena_die("no block");
    b->older = older;
    b->size = size;
    b->used = 0;
    return b;
}

struct hd_arena *arena_new(void)
{
    struct hd_arena *a = calloc(1, sizeof *a);
    if (!a)
        arena_die("no arena");
    return a;
}

struct hd_arena *arena_ref(struct hd_arena *a)
{
    a->others++;
    return a;
}

struct hd_arena *arena_free(struct hd_arena *a)
{
    if (!a || a->others) {
        if (a)
            a->others--;
        return NULL;
    }
    for (struct block *b = a->newest; b;) {
        struct block *older = b->older;
        free(b);
        b = older;
    }
    free(a);
    return NULL;
}

void arena_reset(struct hd_arena *a)
{
    while (a->newest && a->newest->older) {
        struct block *older = a->newest->older;
        free(a->newest);
        a->newest = older;
    }
    if (a->newest) {
        a->newest->used = 0;
        a->bytes = a->newest->size;
    }
}

size_t arena_bytes(const struct hd_arena *a) { return a->bytes; }

/* Room that is not zeroed. */
static void *take(struct hd_arena *a, size_t size)
{
    if (size > ARENA_BYTES_MAX - a->bytes)
        arena_die("an act needs more than its ceiling");
    const size_t step = alignof(max_align_t);
    size = (size + step - 1) / step * step;
    if (!a->newest || a->newest->size - a->newest->used < size) {
        size_t block = a->bytes < BLOCK_BYTES       ? BLOCK_BYTES
                       : a->bytes > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX
                                                    : a->bytes;
        block = size > block ? size : block;
        a->newest = block_new(block, a->newest);
        a->bytes += block;
    }
    void *at = a->newest->at + a->newest->used;
    a->newest->used += size;
    return at;
}

void *arena_alloc(struct hd_arena *a, size_t size) { return memset(take(a, size), 0, size); }

void *arena_array(struct hd_arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        arena_die("array overflow");
    return arena_alloc(a, n * size);
}

char *arena_text_n(struct hd_arena *a, const char *at, size_t len)
{
    char *copy = take(a, len + 1);
    if (len)
        memcpy(copy, at, len);
    copy[len] = '\0';
    return copy;
}

char *arena_text(struct hd_arena *a, const char *text)
{
    return text ? arena_text_n(a, text, strlen(text)) : NULL;
}

void *arena_copy(struct hd_arena *a, const void *at, size_t size)
{
    void *copy = take(a, size);
    if (size)
        memcpy(copy, at, size);
    return copy;
}

char *arena_vprint(struct hd_arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        arena_die("format");
    char *text = arena_alloc(a, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

char *arena_print(struct hd_arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprint(a, format, args);
    va_end(args);
    return text;
}
