/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a canary config with its values, strict and as upstream: no crash, a score that is a
 * number (strict: from 0 to 100, and never 100 where a metric that counts did not pass), a result
 * that is JSON, and queries of a capped length.
 */
#include <math.h>

#include "base/arena.h"
#include "pipeline/canary_query.h"
#include "fuzz.h"

static void check_queries(struct hd_arena *a, const struct canary *c, const struct json *scope)
{
    struct canary_where where = {.from = scope, .scope = "v1", .end_ms = 60000, .step_ms = 1000};
    struct hd_error err;
    for (size_t i = 0; i < c->n; i++) {
        const char *query = NULL;
        if (!canary_query(a, c, &c->metric[i], &where, &query, &err))
            MUST(query && strlen(query) <= HD_QUERY_BYTES_MAX);
    }
}

static void check_score(const struct canary *c, const struct canary_report *r)
{
    MUST(isfinite(r->score.score));
    if (!c->strict)
        return;
    MUST(r->score.score >= 0 && r->score.score <= 100);
    for (size_t i = 0; i < r->n; i++) {
        const struct kayenta_result *m = &r->result[i];
        bool counts = !m->muted && (m->groups || m->critical);
        MUST(!counts || m->label != KAYENTA_ERROR || !m->critical || r->score.score == 0);
    }
}

static void check(const struct json *from, bool strict)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(64u << 20);
    const struct json *config = json_get(from, "config");
    struct json_out out = json_out(&text);
    struct canary c;
    struct canary_pair *pair = NULL;
    struct canary_report r;
    struct canary_request request;
    size_t n = 0;
    struct hd_error err;
    JSON_AUTO again = NULL;
    (void)canary_read_request(from, &request, &err);
    if (canary_read(a, config ? config : from, strict, &c, &err))
        return;
    check_queries(a, &c, json_get(from, "scope"));
    if (canary_read_pairs(a, json_get(from, "metric_set_pairs"), strict, &pair, &n, &err) ||
        canary_judge(a, &c, pair, n, 75, 50, &r, &err))
        return;
    check_score(&c, &r);
    canary_put(&out, NULL, &c, pair, &r);
    MUST(!json_parse(buf_span(&text), &again, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    JSON_AUTO from = NULL;
    const char *text = arena_text_n(a, (const char *)data, size);
    if (json_parse((struct hd_span){text, size}, &from, NULL))
        return 0;
    check(from, true);
    check(from, false);
    return 0;
}
