/* SPDX-License-Identifier: Apache-2.0
 *
 * Is one role well, for aftercare: absolute limits only, no rules, no memory but the counts still
 * being gathered. Never ends anything. Called by pipeline/ after a verified revert.
 */
#include "engine/engine.h"

#include "engine/judge.h"

static const struct hd_measurement *measurement_of(const struct hd_evidence *e, uint32_t check,
                                                   enum hd_role role)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->m[i].check == check && e->m[i].role == role)
            return &e->m[i];
    }
    return NULL;
}

static void take(const struct hd_check *c, const struct hd_measurement *m, uint32_t i,
                 struct engine_health *sum)
{
    uint16_t reason;
    if (judge_outcome(c, m, &reason) != HD_OUTCOME_OK) {
        sum->band[i] = HD_BAND_NONE;
        return;
    }
    if (!m->fresh)
        return;
    sum->events[i] += m->events;
    sum->exposure[i] += m->exposure;
    struct judge_sums sums = {sum->events[i], sum->exposure[i], m->covers_ms, m->value};
    if (!judge_enough(c, &sums))
        return;
    bool well = judge_absolute(c, judge_value(c, &sums)) == JUDGE_HOLDS;
    sum->band[i] = well ? HD_BAND_PASS : HD_BAND_FAIL;
    sum->events[i] = sum->exposure[i] = 0;
}

enum hd_band engine_health(const struct hd_policy *p, enum hd_role role,
                           const struct hd_evidence *evidence, struct engine_health *sum)
{
    bool failed = false, missing = false, any = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (p->checks[i].advisory)
            continue;
        take(&p->checks[i], measurement_of(evidence, i, role), i, sum);
        failed |= sum->band[i] == HD_BAND_FAIL;
        missing |= sum->band[i] == HD_BAND_NONE;
        any = true;
    }
    return failed ? HD_BAND_FAIL : missing || !any ? HD_BAND_NONE : HD_BAND_PASS;
}
