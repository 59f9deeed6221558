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

#define LAST_MIN 50 /* a last column of less stands below the others, */
#define BELOW 4     /* so far in */

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

/* Text of `len` bytes that begins at column `start` and goes on below itself; `room` 0: in one line. */
static void print_prose(const char *text, size_t len, size_t start, size_t room, FILE *to)
{
    for (const char *end = text + len; text < end;) {
        size_t n = room ? fits(text, room) : len;
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

/* Where the last column is: beside the others, or below them; and how wide. */
struct last {
    size_t start, room; /* 0: as wide as it likes */
    bool below;
};

static struct last place_last(const struct table *t, const size_t *width, size_t columns)
{
    struct last last = {.start = 0};
    for (size_t i = 0; i + 1 < t->columns; i++)
        last.start += width[i] + 2;
    if (!t->prose || columns < BELOW + LAST_MIN)
        return last;
    last.below = columns < last.start + LAST_MIN;
    last.start = last.below ? BELOW : last.start;
    last.room = columns - last.start;
    return last;
}

void table_print_in(const struct table *t, size_t columns, FILE *to)
{
    size_t width[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->n * t->columns; i++) {
        size_t w = width_of(t->cell[i]);
        if (w > width[i % t->columns])
            width[i % t->columns] = w;
    }
    const struct last last = place_last(t, width, columns);
    size_t blank = 0; /* not printed before something follows it in the line */
    bool any = false; /* in this line */
    for (size_t i = 0; i < t->n * t->columns; i++) {
        const char *cell = t->cell[i];
        size_t column = i % t->columns, len = strlen(cell), padded = width[column] - width_of(cell) + 2;
        bool ends = column + 1 == t->columns;
        if (ends && last.below && str_is(cell, "-"))
            len = 0; /* nothing is said with no line at all */
        for (; len && cell[len - 1] == ' '; len--)
            padded++;
        if (len && ends && last.below)
            (void)fprintf(to, "%s%*s", any ? "\n" : "", (int)last.start, "");
        else if (len)
            (void)fprintf(to, "%*s", (int)blank, "");
        print_prose(cell, len, last.start, ends ? last.room : 0, to);
        any |= len > 0;
        blank = len ? padded : blank + padded;
        if (!ends)
            continue;
        (void)fputc('\n', to);
        blank = 0;
        any = false;
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
