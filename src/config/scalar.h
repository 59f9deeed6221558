/* SPDX-License-Identifier: Apache-2.0
 *
 * One scalar by its option row: text -> value, value -> text. Strict where YAML libraries are lax:
 * a duration has its unit, a number is the whole text, a secret is a reference.
 * Called by walk.c and print.c.
 */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include "base/buf.h"

#include <haldane/option.h>
#include <haldane/policy.h>

/* In which spelling a document is written. */
enum dialect {
    DIALECT_HUMAN,     /* 15m, 1%, 4GiB, {type: x, ...}, maps by name */
    DIALECT_CANONICAL, /* 900000, 0.01, 4294967296, {type: x, x: {...}}, lists of {name, ...} */
};

struct scalar {
    const char *text; /* TEXT, SECRET, PATH, URL; SOCKET */
    int64_t i;        /* BOOL, INT, DURATION, SIZE, TIME, WORD */
    double d;         /* NUMBER, SHARE, FACTOR, AMOUNT */
    struct hd_rule rule;
};

/* Reads one scalar of this type; of a list type (TEXTS, URLS, SOCKETS): one item. False: what is
 * wrong is in *ret_why, about `text` ("'30' has no unit: write 30s"). */
bool scalar_read(struct hd_arena *, const struct hd_option *, enum dialect, const char *text,
                 struct scalar *ret, const char **ret_why);
/* The value that stands for "absent". */
struct scalar scalar_absent(const struct hd_option *);
bool scalar_is_absent(const struct hd_option *, const struct scalar *);
/* Writes a value that reads back as the same one; texts are quoted where YAML needs it. */
void scalar_write(struct buf *, const struct hd_option *, enum dialect, const struct scalar *);
/* Reads the value of a row out of its struct. */
struct scalar scalar_get(const struct hd_option *, const void *base);

/* "text", "duration": for messages and the reference. */
const char *scalar_type_word(int type);
/* A double-quoted YAML text. */
void scalar_quote(struct buf *, const char *text);

#endif
