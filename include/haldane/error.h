/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a must-check code, plus one struct on the caller's stack that carries the text.
 * The text is set once, where the failure happens; every level above only adds context in front
 * of it; the stage border logs it once. Nothing here allocates.
 */
#ifndef HALDANE_ERROR_H
#define HALDANE_ERROR_H

#define HD_MUST_CHECK __attribute__((warn_unused_result))
#define HD_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* HD_OK is 0, so `if (code)` reads as "if it failed". */
enum hd_code {
    HD_OK = 0,
    HD_INVALID,  /* the caller's or the user's input breaks a documented rule */
    HD_PARSE,    /* foreign text is not what its format says; the text names the field */
    HD_DENIED,   /* 401, 403, permission denied */
    HD_ABSENT,   /* no such thing: 404, no row, no file */
    HD_BUSY,     /* not now: 429, 5xx, locked; asking again later is right */
    HD_LIMIT,    /* a cap of limits.h was reached; nothing was cut off silently */
    HD_TIMEOUT,  /* a deadline passed */
    HD_CONFLICT, /* somebody else was there first */
    HD_FULL,     /* no space left on the disk */
    HD_CORRUPT,  /* our own stored data is damaged */
    HD_VERSION,  /* written by a newer haldane */
    HD_IO,       /* the operating system refused; the text carries its words */
    HD_NOMEM,
};

struct hd_error {
    enum hd_code code;
    const char *file; /* where it was set, for the debug log */
    int line;
    char text[1000]; /* one line, no newline, UTF-8, always terminated */
};

/* Sets code and text at the place of failure and returns `code`, so that one statement does both:
 * `return hd_fail(err, HD_PARSE, "%s: not a number", path);`. A NULL `err` is allowed. */
#define hd_fail(err, code, ...) hd_error_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)

enum hd_code hd_error_set(struct hd_error *err, enum hd_code code, const char *file, int line,
                          const char *format, ...) HD_PRINTF(5, 6);
/* Puts "context: " in front of the text and returns the code already in `err`. */
enum hd_code hd_error_add(struct hd_error *err, const char *format, ...) HD_PRINTF(2, 3);
/* "invalid", "parse" ...: the stable word of a code. */
const char *hd_code_word(enum hd_code code);

#endif
