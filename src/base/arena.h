/* SPDX-License-Identifier: Apache-2.0
 *
 * One arena per act (a fetch, an intent, a page): everything the act allocates dies with it.
 * Allocation never returns NULL. What is put into an arena is capped before (answers, bodies,
 * files), so running into the arena's own ceiling is our bug, and ends the process: the intent
 * journal is durable, and a restart resumes.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <haldane/error.h>
#include <haldane/types.h>

struct hd_arena *arena_new(void);
/* One more owner, for what two acts share; the last arena_free frees. */
struct hd_arena *arena_ref(struct hd_arena *);
/* Takes NULL; returns NULL. */
struct hd_arena *arena_free(struct hd_arena *);
/* Frees all but the first block, so that a loop can use one arena again and again. */
void arena_reset(struct hd_arena *);
size_t arena_bytes(const struct hd_arena *);

/* Zeroed, aligned for any type. size 0 gives a valid pointer. */
void *arena_alloc(struct hd_arena *, size_t size);
void *arena_array(struct hd_arena *, size_t n, size_t size); /* overflow-checked */
#define arena_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_many(arena, n, type) ((type *)arena_array((arena), (n), sizeof(type)))

char *arena_text(struct hd_arena *, const char *text);           /* NULL stays NULL */
char *arena_text_n(struct hd_arena *, const char *at, size_t len); /* adds the NUL */
void *arena_copy(struct hd_arena *, const void *at, size_t size);
char *arena_print(struct hd_arena *, const char *format, ...) HD_PRINTF(2, 3);
char *arena_vprint(struct hd_arena *, const char *format, va_list args) HD_PRINTF(2, 0);

static inline void arena_free_p(struct hd_arena **a) { *a = arena_free(*a); }
#define ARENA_AUTO __attribute__((cleanup(arena_free_p))) struct hd_arena *

#endif
