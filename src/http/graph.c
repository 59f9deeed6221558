/* SPDX-License-Identifier: Apache-2.0
 *
 * See graph.h. Called by guard.c and export.c.
 *
 * Source of the parameters: the address line of Prometheus' own graph page (g0.expr, g0.tab, g0.range_input,
 * g0.end_input), which VictoriaMetrics and Thanos take too.
 */
#include "http/graph.h"

#include "base/str.h"

#define MINUTE_MS ((int64_t)60000)
#define BEFORE_MS (5 * MINUTE_MS) /* of the time before the switch: what was usual */
#define AFTER_MS MINUTE_MS

/* A counter is drawn as the rate of what its selector selects; a gauge's query stands for itself. */
static const char *expression(struct hd_arena *a, const struct check_view *c)
{
    if (!c->by)
        return c->query;
    if (!*c->by)
        return arena_print(a, "sum(rate(%s[2m]))", c->query);
    return arena_print(a, "sum by (%s) (rate(%s[2m]))", c->by, c->query);
}

const char *graph_url(struct hd_arena *a, const struct check_view *c, const struct store_guard *g, int64_t until_ms)
{
    char time[STR_TIME_MAX];
    BUF_AUTO b = BUF_INIT(4 * HD_QUERY_BYTES_MAX);
    if (!c->query || !part_leads(c->graph))
        return NULL;
    const int64_t end_ms = g->ended_ms >= 0 && g->ended_ms < until_ms ? g->ended_ms + AFTER_MS : until_ms;
    const int64_t minutes = (end_ms - g->switch_from_ms + BEFORE_MS + MINUTE_MS - 1) / MINUTE_MS;
    (void)str_time(end_ms, time); /* "2026-11-20T03:04:10.123Z" */
    buf_print(&b, "%s?g0.expr=", c->graph);
    html_segment(&b, expression(a, c));
    buf_print(&b, "&g0.tab=0&g0.range_input=%lldm&g0.end_input=%.10s%%20", (long long)minutes, time);
    html_segment(&b, arena_text_n(a, time + 11, sizeof "00:00:00" - 1));
    return b.full ? NULL : arena_text(a, buf_at(&b));
}
