/* SPDX-License-Identifier: Apache-2.0
 *
 * The probe of the target, before a revert (I4). Reads only. Called by act.c.
 */
#include "pipeline/act.h"


static enum hd_code probe_next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    const struct guard *g = what;
    const struct hd_probe_policy *probe = &g->policy->target.probe;
    if (t->said.n == 0) {
        struct hd_request *r = arena_of(t->arena, struct hd_request);
        *r = (struct hd_request){.via = HD_VIA_HTTP,
                                 .effect = HD_EFFECT_READ,
                                 .label = "probe the target",
                                 .at = probe->at[g->stable],
                                 .cap_bytes = HD_ANSWER_BYTES_SMALL};
        r->u.http.method = "GET";
        r->u.http.path = probe->path[g->stable];
        ret->request[ret->n++] = r;
        return HD_OK;
    }
    int32_t status = t->said.item[0].response->status;
    if (status != probe->expect)
        return hd_fail(err, HD_CONFLICT, "status %d, expected %lld", status, (long long)probe->expect);
    return HD_OK;
}

struct talk *target_probe(struct guard *g, talk_done_fn *done, int64_t deadline_ms)
{
    struct talk *t = talk_start(g->p, probe_next, g, done, g, deadline_ms);
    t->urgent = true;
    return t;
}
