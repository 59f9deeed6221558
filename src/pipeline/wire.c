/* SPDX-License-Identifier: Apache-2.0
 *
 * See wire.h. Ids of the two senders are told apart by their lowest bit.
 */
#include "pipeline/wire.h"

#include "base/clock.h"

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline_ms,
                          net_done_fn *done, void *user)
{
    struct wire *w = ctx;
    if (r->via == HD_VIA_EXEC)
        return exec_send(w->exec, r, deadline_ms, done, user) << 1 | 1;
    return net_send(w->net, r, deadline_ms, done, user) << 1;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct wire *w = ctx;
    if (id & 1)
        exec_cancel(w->exec, id >> 1);
    else
        net_cancel(w->net, id >> 1);
}

static struct hd_now wire_now(void *ctx)
{
    (void)ctx;
    return clock_now();
}

struct pipeline_wire wire_of(struct wire *w)
{
    return (struct pipeline_wire){.ctx = w, .send = wire_send, .cancel = wire_cancel, .now = wire_now};
}
