/* SPDX-License-Identifier: Apache-2.0
 *
 * Text helpers without locale, allocation or surprise.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <haldane/types.h>

bool str_is(const char *a, const char *b); /* equal; two NULLs are equal */
bool str_begins(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
/* Shell glob over the whole text: `*` any run, `?` one character, nothing else is special. Linear
 * time for any pattern. */
bool str_glob(const char *pattern, const char *text);
/* True when one of the NULL-terminated globs matches; a NULL list matches nothing. */
bool str_glob_any(const char *const *globs, const char *text);

/* Whole-text number readers: false on anything but one finite number; no locale, no "0x", no
 * leading blank. */
bool str_read_double(const char *text, double *ret);
bool str_read_i64(const char *text, int64_t *ret);

/* "250ms" "5s" "1h30m" "2d" -> milliseconds; a bare number is refused (which unit?). */
bool str_read_duration(const char *text, int64_t *ret_ms);
/* RFC 3339 -> wall ms. */
bool str_read_time(const char *text, int64_t *ret_ms);

#define STR_TIME_MAX 32
/* "2026-11-20T03:04:10.123Z"; writes at most STR_TIME_MAX bytes. */
const char *str_time(int64_t wall_ms, char out[STR_TIME_MAX]);
/* "03:04:10" in UTC. */
const char *str_clock(int64_t wall_ms, char out[STR_TIME_MAX]);
/* How people are told a moment, on pages, in post-mortems, by the CLI and in chat: "03:04:10Z", or
 * "2026-11-20 03:04:10Z" when that is another day than `day_ms`'s (0: in any case). */
const char *str_moment(int64_t wall_ms, int64_t day_ms, char out[STR_TIME_MAX]);
/* "2m 03s", "51 s", "3.1 s", "250 ms": for people. */
const char *str_duration(int64_t ms, char out[STR_TIME_MAX]);
/* "15m", "1h30m", "250ms": reads back by str_read_duration to the same number. */
const char *str_duration_exact(int64_t ms, char out[STR_TIME_MAX]);

/* Distance for "did you mean": edits with transpositions, at most `cap`. */
unsigned str_distance(const char *a, const char *b, unsigned cap);
/* The nearest of the names that were offered. Starts as {.word = what was typed}. */
struct str_near {
    const char *word, *name; /* name: NULL while nothing is near */
    unsigned distance;
};
void str_near_offer(struct str_near *, const char *name);

/* Characters that would let foreign text change a log line or a terminal (C0, DEL, C1, bidi
 * controls, invalid UTF-8) become '?'; cut to `max` bytes at a character's border. In place. */
void str_clean(char *text, size_t max);

/* Bytes of the well-formed UTF-8 character at p; 0: malformed (overlong forms and surrogates too). */
size_t str_utf8_length(const unsigned char *p);

uint64_t str_hash(const char *text, uint64_t seed); /* FNV-1a; not for secrets */
/* The same from two seeds, in the time of one. */
void str_hash_two(const char *text, const uint64_t seed[2], uint64_t ret[2]);

#endif
