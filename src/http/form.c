/* SPDX-License-Identifier: Apache-2.0
 *
 * See form.h. Called by server.c.
 */
#include "http/form.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte behind "%41"; -1: it is no such thing. */
static int escaped(const char *at, size_t left)
{
    int high = left > 2 ? hex_of(at[1]) : -1, low = high >= 0 ? hex_of(at[2]) : -1;
    return low < 0 ? -1 : high * 16 + low;
}

/* NULL: not well-formed. */
static const char *decode(struct hd_arena *a, const char *at, size_t len)
{
    char *out = arena_alloc(a, len + 1), *to = out;
    for (size_t i = 0; i < len; i++) {
        int byte = at[i] == '%' ? escaped(at + i, len - i) : at[i] == '+' ? ' ' : (unsigned char)at[i];
        if (byte <= 0)
            return NULL;
        i += at[i] == '%' ? 2 : 0;
        *to++ = (char)byte;
    }
    return out;
}

static bool has(const struct form *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_is(f->field[i].key, key))
            return true;
    }
    return false;
}

enum hd_code form_parse(struct hd_arena *a, struct hd_span text, struct form *ret,
                        struct hd_error *err)
{
    struct form f = {0};
    const char *end = text.at + text.len;
    for (const char *at = text.at; at < end;) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (f.n == FORM_FIELDS_MAX)
            return hd_fail(err, HD_INVALID, "the form has more than %d fields", FORM_FIELDS_MAX);
        const char *key = decode(a, at, (size_t)((equals ? equals : stop) - at));
        const char *value = equals ? decode(a, equals + 1, (size_t)(stop - equals - 1)) : "";
        if (!key || !value)
            return hd_fail(err, HD_INVALID, "the form is not well-formed");
        if (has(&f, key))
            return hd_fail(err, HD_INVALID, "the form has the field %s twice", key);
        f.field[f.n].key = key;
        f.field[f.n++].value = value;
        at = stop + 1;
    }
    *ret = f;
    return HD_OK;
}

const char *form_get(const struct form *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_is(f->field[i].key, key))
            return *f->field[i].value ? f->field[i].value : NULL;
    }
    return NULL;
}

/* "/", "/." and "/.." before the next slash or the end. */
static bool odd_segment(const char *slash, const char *end)
{
    size_t n = 0;
    while (slash + 1 + n < end && slash[1 + n] != '/')
        n++;
    bool last = slash + 1 + n == end;
    return (n == 0 && !last) || (n == 1 && slash[1] == '.') ||
           (n == 2 && slash[1] == '.' && slash[2] == '.');
}

const char *form_target_fault(const char *target)
{
    size_t len = strlen(target), path = strcspn(target, "?");
    if (*target != '/')
        return "the target must be a path";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)target[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return "a character of the address must be escaped";
        if (i < path && c == '/' && odd_segment(target + i, target + path))
            return "the path has an empty or a dot segment";
        if (c != '%')
            continue;
        int byte = escaped(target + i, len - i);
        if (byte < 0)
            return "a percent sign of the address begins no %-sequence";
        if (byte == 0 || (i < path && (byte == '/' || byte == '.')))
            return "a NUL, or a slash or dot of the path, is escaped";
    }
    return NULL;
}
