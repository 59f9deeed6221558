/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of all providers; see rows.h. Decides nothing about outcomes, does no I/O. Called by the
 * providers' folders only.
 */
#include "providers/rows.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

const char *rows_text(struct hd_arena *a, const char *text)
{
    if (!text)
        return NULL;
    /* A character has at most 4 bytes, so that str_clean makes the cut at a character's border. */
    char *line = arena_text_n(a, text, strnlen(text, HD_TEXT_MAX + 4));
    for (char *p = line; *p; p++) {
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    }
    str_clean(line, HD_TEXT_MAX);
    size_t len = strlen(line);
    while (len && line[len - 1] == ' ')
        line[--len] = '\0';
    return line;
}

const char *rows_excerpt(struct hd_arena *a, struct hd_span body)
{
    return body.len ? rows_text(a, body.at) : "";
}

const char *rows_header(const struct hd_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (str_is(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return NULL;
}

bool rows_is_html(const struct hd_response *r)
{
    const char *type = rows_header(r, "content-type");
    if (type && str_begins(type, "text/html"))
        return true;
    return r->body.len && r->body.at[strspn(r->body.at, " \t\r\n")] == '<';
}

struct hd_rows rows_one(struct hd_arena *a, uint8_t side, struct finding f, int64_t at_ms)
{
    struct hd_row *row = arena_of(a, struct hd_row);
    *row = (struct hd_row){.side = side, .outcome = (uint8_t)f.outcome,
                           .reason = (uint16_t)f.reason, .text = rows_text(a, f.text)};
    if (f.outcome == HD_OUTCOME_OK) {
        struct hd_point point = {at_ms, f.value};
        row->point = arena_copy(a, &point, sizeof point);
        row->n = 1;
    }
    return (struct hd_rows){.row = row, .n = 1};
}

enum hd_code rows_per_side(struct hd_arena *a, const struct per_side *p, const void *cfg,
                           const struct hd_question *q, const struct hd_talk *talk,
                           struct hd_ask *ret_ask, struct hd_rows *ret_rows, struct hd_error *err)
{
    if (q->n && q->probe->side < 0)
        return hd_fail(err, HD_INVALID, "%s", p->no_label);
    if (q->n && !q->range_ms && !talk->n)
        return p->ask(a, cfg, q, ret_ask, err);
    *ret_ask = (struct hd_ask){0};
    *ret_rows = (struct hd_rows){0};
    if (!q->n)
        return HD_OK;
    struct finding f = {HD_OUTCOME_NO_DATA, HD_REASON_NO_SERIES, 0, p->no_history};
    int64_t at_ms = q->at_ms;
    if (!q->range_ms) {
        const struct hd_response *in = talk->item[0].response;
        f = p->judge(a, cfg, in);
        at_ms = in->sent_ms ? in->sent_ms : at_ms;
    }
    *ret_rows = rows_one(a, (uint8_t)q->probe->side, f, at_ms);
    return HD_OK;
}
