/* SPDX-License-Identifier: Apache-2.0
 *
 * See table.h. Called by every command whose result is a list.
 */
#include "cli/table.h"

#include <math.h>
#include <stdarg.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"

/* Characters, which is columns for all that we print ourselves. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void table_row(struct table *t, ...)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 16;
        const char **cell = arena_many(t->arena, room * t->columns, const char *);
        if (t->n)
            memcpy(cell, t->cell, t->n * t->columns * sizeof *cell);
        t->cell = cell;
        t->room = room;
    }
    va_list args;
    va_start(args, t);
    for (size_t i = 0; i < t->columns; i++) {
        const char *text = va_arg(args, const char *);
        t->cell[t->n * t->columns + i] = text && *text ? table_clean(t->arena, text) : "-";
    }
    va_end(args);
    t->n++;
}

void table_print(const struct table *t, FILE *to)
{
    size_t width[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->n * t->columns; i++) {
        size_t w = width_of(t->cell[i]);
        if (w > width[i % t->columns])
            width[i % t->columns] = w;
    }
    size_t blank = 0; /* not printed before something follows it in the line */
    for (size_t i = 0; i < t->n * t->columns; i++) {
        const char *cell = t->cell[i];
        size_t column = i % t->columns, len = strlen(cell), padded = width[column] - width_of(cell) + 2;
        for (; len && cell[len - 1] == ' '; len--)
            padded++;
        if (len)
            (void)fprintf(to, "%*s%.*s", (int)blank, "", (int)len, cell);
        blank = len ? padded : blank + padded;
        if (column + 1 < t->columns)
            continue;
        (void)fputc('\n', to);
        blank = 0;
    }
}

const char *table_clean(struct hd_arena *a, const char *text)
{
    if (!text)
        return "";
    char *copy = arena_text(a, text);
    for (char *c = copy; *c; c++)
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    str_clean(copy, strlen(copy));
    return copy;
}

const char *table_time(struct hd_arena *a, int64_t wall_ms)
{
    char text[STR_TIME_MAX];
    if (wall_ms < 0)
        return NULL;
    return arena_text(a, str_moment(wall_ms, 0, text));
}

const char *table_duration(struct hd_arena *a, int64_t ms)
{
    char text[STR_TIME_MAX];
    return ms < 0 ? NULL : arena_text(a, str_duration(ms, text));
}

const char *table_value(struct hd_arena *a, double value, const char *unit)
{
    BUF_AUTO b = BUF_INIT(64);
    if (isnan(value))
        return NULL;
    reason_value(&b, value, unit);
    return arena_text(a, buf_at(&b));
}

const char *table_count(struct hd_arena *a, double n)
{
    BUF_AUTO b = BUF_INIT(64);
    if (isnan(n))
        return NULL;
    reason_count(&b, n);
    return arena_text(a, buf_at(&b));
}
