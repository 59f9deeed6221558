/* SPDX-License-Identifier: Apache-2.0
 *
 * May the target take the traffic (I4)? The probe of its side, and the gate over a live reading: not
 * rejected, ready, and not less able than the candidate is. Reads only. Called by act.c before every
 * send.
 */
#include "pipeline/act.h"

#include <math.h>

#include "base/str.h"

/* How much of the traffic the candidate still serves well, 0..1: its ready share times the share
 * of good answers in the worst failing check. */
static double candidate_good(const struct guard *g, const struct hd_side_live *side)
{
    double good = 1;
    if (side->ready != HD_UNKNOWN && side->wanted != HD_UNKNOWN && side->wanted > 0)
        good = (double)side->ready / side->wanted;
    double worst = 1;
    for (uint32_t i = 0; i < g->engine.n_checks; i++) {
        const struct hd_check_state *c = &g->engine.check[i];
        const struct hd_check *check = &g->policy->checks[i];
        if (c->band != HD_BAND_FAIL || !str_is(check->unit, "share") || isnan(c->value))
            continue;
        double share = check->query.complement ? c->value : 1 - c->value;
        worst = share < worst ? share : worst;
    }
    return good * worst;
}

int target_gate(const struct guard *g, const struct hd_live *live, bool automatic, struct hd_reason *ret,
                const char **ret_text)
{
    const struct hd_side_live *target = &live->side[g->stable];
    *ret = (struct hd_reason){.check = HD_NO_CHECK, .role = HD_STABLE, .value = NAN, .limit = NAN,
                              .stable = NAN, .n = NAN};
    *ret_text = NULL;
    const char *why = service_rejected(g->service, guard_colour(g, HD_STABLE));
    if (automatic && why) {
        *ret_text = why;
        return HD_REASON_TARGET_REJECTED;
    }
    if (g->act.probe_bad) {
        *ret_text = g->act.texts.words;
        return HD_REASON_TARGET_PROBE;
    }
    if (target->ready == HD_UNKNOWN) {
        bool vouched = g->policy->target.trust || g->policy->target.probe.at[g->stable];
        return vouched ? 0 : HD_REASON_TARGET_UNKNOWN;
    }
    ret->k = target->ready;
    ret->of = target->wanted == HD_UNKNOWN ? target->ready : target->wanted;
    if (target->ready == 0)
        return HD_REASON_TARGET_NOT_READY;
    double share = ret->of ? (double)target->ready / ret->of : 1;
    if (share < g->policy->target.ready && candidate_good(g, &live->side[g->candidate]) > share)
        return HD_REASON_TARGET_SMALL;
    return 0;
}

const char *target_refusal(struct guard *g, struct hd_reason *why, int reason, const char *text,
                             struct buf *to)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names;
    guard_names(g, &names, checks, units, text);
    why->number = (uint16_t)reason;
    reason_render(to, why, &names);
    return buf_at(to);
}

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
