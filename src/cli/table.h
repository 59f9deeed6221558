/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts for people: aligned columns, times in UTC. Foreign text is made harmless for a terminal.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include <haldane/types.h>

#define TABLE_COLUMNS_MAX 12

/* Rows gathered, then printed at once. The last column is as wide as it likes: it may be something to paste, and grep
 * wants lines. Of `prose` it goes on below itself on a terminal, and where there is no room beside the others begins
 * below them. */
struct table {
    struct hd_arena *arena;
    size_t columns, n, room;
    const char **cell; /* [n][columns] */
    bool prose;        /* the last column is for people to read */
};

/* One text for each column; NULL and "" are shown as "-". */
void table_row(struct table *, ...);
void table_print(const struct table *, FILE *to);
void table_print_in(const struct table *, size_t columns, FILE *to); /* of a terminal so wide; 0: none */

/* A copy without what could change a terminal; newlines become spaces. NULL: "". */
const char *table_clean(struct hd_arena *, const char *text);
/* "2026-11-20 03:04:10Z"; NULL for a time that has not come (-1). */
const char *table_time(struct hd_arena *, int64_t wall_ms);
/* "2m 03s"; NULL below 0. */
const char *table_duration(struct hd_arena *, int64_t ms);
/* A value with its unit, or NULL for NaN. */
const char *table_value(struct hd_arena *, double value, const char *unit);
/* "12,431"; NULL for NaN. */
const char *table_count(struct hd_arena *, double n);

#endif
