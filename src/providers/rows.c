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
