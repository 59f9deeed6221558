/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON writer; see json.h. Numbers by the shortest of 15, 16, 17 digits that reads back equal.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "json/json.h"

struct json_out json_out(struct buf *to) { return (struct json_out){.to = to, .first = 1}; }

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>';
}

/* "<" and ">" are escaped too, so that no document can end a script element around it. */
void json_escape(struct buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t run = 0, n;
        while (plain(p[run]))
            run++;
        buf_add(b, p, run);
        p += run;
        n = str_utf8_length(p);
        if (!*p)
            break;
        if (n == 0)
            buf_text(b, "\xEF\xBF\xBD");
        else if (*p == '"' || *p == '\\')
            buf_print(b, "\\%c", *p);
        else if (*p == '\n')
            buf_text(b, "\\n");
        else if (*p < 0x20 || *p == 0x7F || *p == '<' || *p == '>')
            buf_print(b, "\\u%04x", *p);
        else
            buf_add(b, p, n);
        p += n ? n : 1;
    }
}

static void put_string(struct buf *b, const char *text)
{
    buf_byte(b, '"');
    json_escape(b, text);
    buf_byte(b, '"');
}

static void put_key(struct json_out *o, const char *key)
{
    uint64_t bit = (uint64_t)1 << (o->depth % 64);
    if (!(o->first & bit))
        buf_byte(o->to, ',');
    o->first &= ~bit;
    if (key) {
        put_string(o->to, key);
        buf_byte(o->to, ':');
    }
}

void json_begin(struct json_out *o, const char *key, char open)
{
    put_key(o, key);
    buf_byte(o->to, open);
    o->depth++;
    o->first |= (uint64_t)1 << (o->depth % 64);
}

void json_end(struct json_out *o, char close)
{
    o->depth--;
    buf_byte(o->to, close);
}

void json_put_text(struct json_out *o, const char *key, const char *text)
{
    put_key(o, key);
    if (text)
        put_string(o->to, text);
    else
        buf_text(o->to, "null");
}

void json_put_double(struct json_out *o, const char *key, double v)
{
    put_key(o, key);
    if (!isfinite(v)) {
        buf_text(o->to, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (str_read_double(text, &back) && back == v)
            break;
    }
    buf_text(o->to, text);
}

void json_put_i64(struct json_out *o, const char *key, int64_t v)
{
    put_key(o, key);
    buf_print(o->to, "%lld", (long long)v);
}

void json_put_bool(struct json_out *o, const char *key, bool v)
{
    put_key(o, key);
    buf_text(o->to, v ? "true" : "false");
}

void json_put_null(struct json_out *o, const char *key) { json_put_text(o, key, NULL); }

void json_put_raw(struct json_out *o, const char *key, const char *json)
{
    put_key(o, key);
    buf_text(o->to, json);
}

void json_put_time(struct json_out *o, const char *key, int64_t wall_ms)
{
    char text[STR_TIME_MAX];
    json_put_text(o, key, wall_ms < 0 ? NULL : str_time(wall_ms, text));
}
