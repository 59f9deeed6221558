/* SPDX-License-Identifier: Apache-2.0
 *
 * See blame.h. Called by whatever tells a cause: pages, exports, the API, other tools' formats.
 */
#include "http/blame.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"

/* The reason that leads. 0: there is none, or the verdict was not its doing: an order has its own "why". */
static int first_reason(const struct store_guard *g)
{
    JSON_AUTO j = NULL;
    const char *text;
    int64_t number;
    if (!g->reasons || json_parse((struct hd_span){g->reasons, strlen(g->reasons)}, &j, NULL) ||
        json_type(j) != JSON_ARRAY)
        return 0;
    const struct json *first = json_first(j);
    if (!first || json_i64(json_get(first, "number"), "number", &number, NULL) ||
        json_text(json_get(first, "text"), "text", &text, NULL))
        return 0;
    return g->verdict == HD_VERDICT_NONE || str_is(text, g->why) ? (int)number : 0;
}

void blame_facts(const struct store_guard *g, struct cause_facts *ret)
{
    *ret = (struct cause_facts){.verdict = g->verdict,
                                .cause = g->cause,
                                .first = first_reason(g),
                                .recovered = g->recovered_ms >= 0,
                                .stable = g->stable,
                                .candidate = g->candidate};
}

const char *blame_say(struct hd_arena *a, const struct store_guard *g)
{
    struct cause_facts f;
    BUF_AUTO b = BUF_INIT(2 * HD_TEXT_MAX + 400);
    blame_facts(g, &f);
    cause_say(&b, &f);
    return b.len ? arena_text(a, buf_at(&b)) : NULL;
}
