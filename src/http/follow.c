/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that take their time: a guard as soon as it has ended or changed, and the journal as it
 * grows. Decides when there is something to say; server.c does the waiting.
 */
#include <string.h>

#include "base/str.h"
#include "http/follow.h"
#include "http/handlers.h"

#define BEHIND_MAX 10000 /* events: who is further behind does better to read everything anew */

bool follow_timeout(struct call *c, int64_t *ret)
{
    const char *text = call_query(c, "timeout");
    *ret = HD_WAIT_MS;
    if (!text || (str_read_duration(text, ret) && *ret >= 0 && *ret <= HD_WAIT_MS))
        return true;
    (void)call_refuse(c, 400, "bad_parameter", "timeout must be a duration of at most %d s",
                      HD_WAIT_MS / 1000);
    return false;
}

bool follow_reached(const struct call *c, const struct store_guard *g, const char *until)
{
    if (hd_state_terminal(g->state))
        return true;
    if (str_is(until, "settled"))
        return g->state == HD_STATE_AFTERCARE && (g->recovered_ms >= 0 || g->needs_human);
    return str_is(until, "change") && g->version != c->seen_version;
}

enum hd_code follow_guard(struct call *c, struct hd_error *err)
{
    ARENA_AUTO a = arena_new(); /* it may look hundreds of times */
    struct store_guard g;
    const char *until = call_query(c, "until");
    int64_t timeout_ms;
    if (!follow_timeout(c, &timeout_ms))
        return HD_OK;
    if (until && !str_is(until, "terminal") && !str_is(until, "settled") && !str_is(until, "change"))
        return call_refuse(c, 400, "bad_parameter", "until is one of: terminal settled change");
    enum hd_code code = store_guard(c->store, a, c->param, &g, err);
    if (code == HD_ABSENT)
        return call_refuse(c, 404, "unknown_guard", "there is no guard %s", c->param);
    if (code)
        return code;
    if (!c->until_ms) {
        c->until_ms = c->now_ms + timeout_ms;
        c->seen_version = g.version;
    }
    return c->now_ms >= c->until_ms || follow_reached(c, &g, until) ? api_guard(c, err) : HD_OK;
}

/* The number to go on after, or -1: refused. */
static int64_t read_last(struct call *c)
{
    const char *text = call_header(c, "Last-Event-ID");
    int64_t last = -2; /* none: from now on */
    if (!text)
        text = call_query(c, "after");
    if (!text || (str_read_i64(text, &last) && last >= 0))
        return last;
    (void)call_refuse(c, 400, "bad_parameter", "Last-Event-ID must be the id of an event");
    return -1;
}

enum hd_code follow_events(struct call *c, struct hd_error *err)
{
    int64_t last = read_last(c), newest, oldest;
    if (last == -1)
        return HD_OK;
    if (store_newest_event(c->store, &newest, err) || store_oldest_event(c->store, &oldest, err))
        return err->code;
    /* Of another store, or events between have been evicted (the oldest go first). */
    bool gone = last > newest || (last >= 0 && (last + 1 < oldest || newest - last > BEHIND_MAX));
    struct buf *b = call_answer(c, 200, "text/event-stream");
    buf_text(b, "retry: 3000\n\n");
    if (gone)
        buf_print(b, "id: %lld\nevent: reset\ndata: {}\n\n", (long long)newest);
    c->stream = true;
    c->stream_after = gone || last < 0 ? newest : last;
    return HD_OK;
}
