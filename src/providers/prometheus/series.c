/* SPDX-License-Identifier: Apache-2.0
 *
 * See series.h. Keeps what was read, and writes labels in PromQL's way; decides only which words
 * are no numbers. Called by both readers.
 */
#include "providers/prometheus/series.h"

#include <stdlib.h>
#include <string.h>

#include "providers/prometheus/reply.h"

static void *more(void *at, size_t *room, size_t size)
{
    *room = *room ? 2 * *room : 64;
    void *bigger = realloc(at, *room * size);
    if (!bigger)
        abort();
    return bigger;
}

void labels_add(struct labels *l, struct hd_span name, struct hd_span value)
{
    if (l->n == l->room)
        l->at = more(l->at, &l->room, sizeof *l->at);
    l->at[l->n++] = (struct label){name, value};
}

const struct hd_span *labels_find(const struct labels *l, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < l->n; i++) {
        if (l->at[i].name.len == len && memcmp(l->at[i].name.at, name, len) == 0)
            return &l->at[i].value;
    }
    return NULL;
}

static int by_name(const void *v, const void *w)
{
    const struct label *a = v, *b = w;
    size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.at, b->name.at, n);
    return order ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static bool is_plain(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x20 && u != 0x7f && u != '"' && u != '\\';
}

static void quote_into(struct buf *b, struct hd_span text)
{
    const char *end = text.at + text.len;
    buf_byte(b, '"');
    for (const char *p = text.at; p < end; p++) {
        const char *run = p;
        while (p < end && is_plain(*p))
            p++;
        buf_add(b, run, (size_t)(p - run));
        if (p == end)
            break;
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            buf_print(b, "\\%c", c);
        else
            buf_print(b, "\\x%02x", c);
    }
    buf_byte(b, '"');
}

void prometheus_quote_into(struct buf *b, const char *text)
{
    quote_into(b, (struct hd_span){text, strlen(text)});
}

void labels_text(struct labels *l, struct buf *to)
{
    bool sorted = true;
    for (size_t i = 1; i < l->n && sorted; i++)
        sorted = by_name(&l->at[i - 1], &l->at[i]) <= 0;
    if (!sorted)
        qsort(l->at, l->n, sizeof *l->at, by_name);
    for (size_t i = 0; i < l->n; i++) {
        buf_byte(to, i ? ',' : '{');
        buf_add(to, l->at[i].name.at, l->at[i].name.len);
        buf_byte(to, '=');
        quote_into(to, l->at[i].value);
    }
    buf_text(to, l->n ? "}" : "{}");
}

static bool span_is(struct hd_span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

uint16_t points_bad(struct hd_span value)
{
    if (span_is(value, "NaN"))
        return HD_REASON_NOT_A_NUMBER;
    return span_is(value, "+Inf") || span_is(value, "-Inf") || span_is(value, "Inf") ? HD_REASON_INFINITE : 0;
}

void points_add(struct points *p, int64_t at_ms, double value)
{
    if (p->n == p->room)
        p->at = more(p->at, &p->room, sizeof *p->at);
    p->at[p->n++] = (struct hd_point){at_ms, value};
    p->all++;
}

void points_add_bad(struct points *p, uint16_t reason)
{
    p->infinite |= reason == HD_REASON_INFINITE;
    p->last_bad = reason;
    p->all++;
}
