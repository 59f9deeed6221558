/* SPDX-License-Identifier: Apache-2.0
 *
 * See table.h. Called by every command whose result is a list.
 */
#include "cli/table.h"

#include <math.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"

#define LAST_MIN 24 /* a last column of less is not worth a paragraph */

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

/* How many bytes of `text` go into a line of `room` characters: up to a blank, or, where no blank comes in time,
 * up to the next one: no address is broken. */
static size_t fits(const char *text, size_t room)
{
    size_t at = 0, used = 0, blank = 0;
    for (; text[at]; at++) {
        bool lead = ((unsigned char)text[at] & 0xc0) != 0x80;
        if (at && text[at] == ' ')
            blank = at;
        if (lead && used >= room && blank)
            return blank;
        used += lead;
    }
    return at;
}

/* The last cell of a row, continued below itself. */
static void print_last(const char *text, size_t len, size_t start, size_t room, FILE *to)
{
    for (const char *end = text + len; text < end;) {
        size_t n = room ? fits(text, room) : (size_t)(end - text);
        if (text + n > end)
            n = (size_t)(end - text);
        (void)fprintf(to, "%.*s", (int)n, text);
        for (text += n; text < end && *text == ' ';)
            text++;
        if (text < end)
            (void)fprintf(to, "\n%*s", (int)start, "");
    }
}

void table_print(const struct table *t, FILE *to)
{
    struct winsize size;
    bool terminal = isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0;
    table_print_in(t, terminal ? size.ws_col : 0, to);
}

void table_print_in(const struct table *t, size_t columns, FILE *to)
{
    size_t width[TABLE_COLUMNS_MAX] = {0}, start = 0;
    for (size_t i = 0; i < t->n * t->columns; i++) {
        size_t w = width_of(t->cell[i]);
        if (w > width[i % t->columns])
            width[i % t->columns] = w;
    }
    for (size_t i = 0; i + 1 < t->columns; i++)
        start += width[i] + 2;
    size_t room = columns >= start + LAST_MIN ? columns - start : 0;
    size_t blank = 0; /* not printed before something follows it in the line */
    for (size_t i = 0; i < t->n * t->columns; i++) {
        const char *cell = t->cell[i];
        size_t column = i % t->columns, len = strlen(cell), padded = width[column] - width_of(cell) + 2;
        for (; len && cell[len - 1] == ' '; len--)
            padded++;
        if (len)
            (void)fprintf(to, "%*s", (int)blank, "");
        if (len && column + 1 == t->columns)
            print_last(cell, len, start, room, to);
        else if (len)
            (void)fprintf(to, "%.*s", (int)len, cell);
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
