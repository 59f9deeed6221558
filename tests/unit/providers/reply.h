/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded answers as values, options by their keys, and rows as text: shared by the tests and the
 * fuzz target of the providers.
 */
#ifndef TESTS_REPLY_H
#define TESTS_REPLY_H

#include <stdlib.h>
#include <string.h>

#include <haldane/provider.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"
#include "base/str.h"

/* "HTTP/1.1 200 OK\r\nName: value\r\n...\r\n\r\nbody". Without such a head, all is the body of a
 * 200. Everything is copied into the arena. */
static inline struct hd_response reply_parse(struct hd_arena *a, const char *at, size_t len)
{
    struct hd_response r = {.status = 200, .text = "", .sent_ms = 1000, .took_ms = 250};
    char *text = arena_text_n(a, at, len);
    size_t head = 0;
    if (len > 12 && memcmp(text, "HTTP/1.1 ", 9) == 0) {
        r.status = atoi(text + 9);
        char *end = memmem(text, len, "\r\n\r\n", 4);
        head = end ? (size_t)(end - text) + 4 : len;
    }
    r.body = (struct hd_span){arena_text_n(a, text + head, len - head), len - head};
    struct hd_pair *pair = arena_many(a, HD_HEADERS_MAX, struct hd_pair);
    r.headers = pair;
    text[head] = '\0';
    char *save = NULL;
    for (char *line = strtok_r(text, "\r\n", &save); line && r.n_headers < HD_HEADERS_MAX;
         line = strtok_r(NULL, "\r\n", &save)) {
        char *colon = strstr(line, ": ");
        if (!colon || !head)
            continue;
        *colon = '\0';
        for (char *p = line; *p; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        pair[r.n_headers++] = (struct hd_pair){line, colon + 2};
    }
    return r;
}

/* Sets one option of a config through the option table, as config/ does; `count`: of a list. */
static inline void cfg_put(void *cfg, const struct hd_provider *p, const char *key,
                           const void *value, size_t size, uint32_t count)
{
    for (const struct hd_option *o = p->options; o->key; o++) {
        if (!str_is(o->key, key))
            continue;
        memcpy((char *)cfg + o->offset, value, size);
        if (count)
            memcpy((char *)cfg + o->count_offset, &count, sizeof count);
        return;
    }
    abort(); /* no such option: the test is wrong */
}

/* A line per row: "blue ok key=200 target=shop|blue1 series={...} | 1000=1 2000=2". */
static inline void rows_dump(struct buf *b, const struct hd_rows *rows)
{
    static const char *const colour[HD_SIDES_MAX] = {"blue", "green", "c", "d"};
    if (rows->source_now_ms)
        buf_print(b, "now %lld\n", (long long)rows->source_now_ms);
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        buf_print(b, "%s %s", colour[r->side], hd_outcome_word(r->outcome));
        if (r->reason)
            buf_print(b, "/%s", reason_slug(r->reason));
        if (r->key)
            buf_print(b, " key=%s", r->key);
        if (r->target)
            buf_print(b, " target=%.*s|%s", (int)strcspn(r->target, "\x1f"), r->target,
                      r->target + strcspn(r->target, "\x1f") + 1);
        if (r->series)
            buf_print(b, " series=%s", r->series);
        if (r->text)
            buf_print(b, " text=%s", r->text);
        for (size_t k = 0; k < r->n; k++)
            buf_print(b, "%s%lld=%.17g", k ? " " : " | ", (long long)r->point[k].at_ms,
                      r->point[k].value);
        buf_byte(b, '\n');
    }
}

#endif
