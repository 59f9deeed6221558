/* SPDX-License-Identifier: Apache-2.0
 *
 * Is one role well, for aftercare: every check that counts, by its limit or by what its past tolerates.
 * No rules, no memory but what is still being gathered; never ends anything. Called by pipeline/ after
 * a verified revert.
 */
#include "engine/engine.h"

#include <math.h>

#include "engine/dispersion.h"
#include "engine/judge.h"
#include "engine/stream.h"

#define WELL_POLLS 2 /* with new samples: one may be a moment's luck, or tell of the time before */
#define USUAL_Z 3.0  /* a few minutes say this little of a rare error */

static const struct hd_measurement *measurement_of(const struct hd_evidence *e, uint32_t check,
                                                   enum hd_role role)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->m[i].check == check && e->m[i].role == role)
            return &e->m[i];
    }
    return NULL;
}

/* The minutes before the switch, with as many bad ones as chance may have left out; false: unknown. */
static bool usual_of(const struct hd_check *c, const struct hd_check_state *s, struct judge_sums *ret)
{
    *ret = (struct judge_sums){s->before_events, s->before_exposure, s->before_ms,
                               s->before_judged ? s->before_value : NAN};
    if (!judge_baseline_enough(c, ret))
        return false;
    if (c->query.kind != HD_QUERY_COUNTS)
        return true;
    double bad = c->query.complement ? ret->exposure - ret->events : ret->events;
    bad = fmin(dispersion_upper(fmax(bad, 0), ret->exposure, USUAL_Z), 1) * ret->exposure;
    ret->events = c->query.complement ? ret->exposure - bad : bad;
    return true;
}

static enum hd_band band_of(bool well) { return well ? HD_BAND_PASS : HD_BAND_FAIL; }

/* A sequential check without a limit of its own. */
static enum hd_band by_past(const struct hd_policy *p, uint32_t i, const struct hd_check_state *s, double value)
{
    const struct hd_check *c = &p->checks[i];
    const struct stream_words *w = (const struct stream_words *)(const void *)s->words;
    struct stream_shape shape = stream_shape(c);
    bool counts = c->query.kind == HD_QUERY_COUNTS;
    double sign = (counts ? shape.flip != c->query.complement : shape.low) ? -1 : 1; /* -1: less is worse */
    struct judge_sums before;
    bool known = w->ceiling > 0 || w->gauge_ms > 0;
    double usual = usual_of(c, s, &before) ? judge_value(c, &before) : NAN;
    double limit = known || isfinite(usual) ? stream_limit(p, i, w, known, usual) : NAN;
    double bad = s->tripped ? s->worst_value : NAN;
    if (!isfinite(limit) && !(counts && isfinite(bad)))
        return HD_BAND_NONE;
    if (isfinite(limit) && sign * value > sign * limit)
        return HD_BAND_FAIL;
    if (!isfinite(limit) && !isfinite(usual))
        usual = sign < 0; /* no request bad */
    bool far = isfinite(bad) && isfinite(usual) && (!isfinite(limit) || sign * bad > sign * limit);
    return band_of(!far || sign * value <= sign * (usual + bad) / 2);
}

/* NONE: there is nothing to measure by. */
static enum hd_band measure(const struct hd_policy *p, uint32_t i, const struct hd_check_state *s,
                            const struct judge_sums *sums)
{
    const struct hd_check *c = &p->checks[i];
    struct judge_sums before;
    double value = judge_value(c, sums);
    if (stream_is_sequential(p, i) && !judge_has_absolute(c))
        return by_past(p, i, s, value);
    struct judgement j = judge(c, sums, NULL, usual_of(c, s, &before) ? &before : NULL);
    if (j.decided)
        return band_of(!j.broken);
    return judge_has_absolute(c) ? band_of(judge_absolute(c, value) == JUDGE_HOLDS) : HD_BAND_NONE;
}

/* Is there anything to measure the check by? */
static bool has_measure(const struct hd_policy *p, uint32_t i, const struct hd_check_state *s)
{
    return measure(p, i, s, &(struct judge_sums){.value = NAN}) != HD_BAND_NONE;
}

static void take(const struct hd_policy *p, const struct hd_check_state *s, const struct hd_measurement *m,
                 uint32_t i, struct engine_health *sum)
{
    const struct hd_check *c = &p->checks[i];
    uint16_t reason;
    if (judge_outcome(c, m, &reason) != HD_OUTCOME_OK) {
        sum->band[i] = HD_BAND_NONE;
        sum->polls[i] = 0;
        return;
    }
    if (!m->fresh)
        return;
    sum->events[i] += m->events;
    sum->exposure[i] += m->exposure;
    sum->ms[i] += m->covers_ms > 0 ? m->covers_ms : 0;
    sum->polls[i]++;
    struct judge_sums sums = {sum->events[i], sum->exposure[i], sum->ms[i], m->value};
    if (!judge_enough(c, &sums))
        return;
    enum hd_band band = measure(p, i, s, &sums);
    sum->value[i] = judge_value(c, &sums);
    sum->bad[i] = band == HD_BAND_FAIL ? sum->bad[i] + 1 : 0;
    if (band == HD_BAND_FAIL)
        sum->polls[i] = 0;
    if (band == HD_BAND_FAIL || sum->polls[i] >= WELL_POLLS)
        sum->band[i] = (uint8_t)band;
    sum->events[i] = sum->exposure[i] = 0;
    sum->ms[i] = 0;
}

enum hd_band engine_health(const struct hd_policy *p, const struct hd_guard_state *guard, enum hd_role role,
                           const struct hd_evidence *evidence, struct engine_health *sum)
{
    bool failed = false, missing = false, any = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        const struct hd_check_state *s = &guard->check[i];
        if (p->checks[i].advisory || s->earlier || !has_measure(p, i, s))
            continue;
        take(p, s, measurement_of(evidence, i, role), i, sum);
        failed |= sum->band[i] == HD_BAND_FAIL;
        missing |= sum->band[i] == HD_BAND_NONE;
        any = true;
        if (sum->bad[i] > sum->bad[sum->worst])
            sum->worst = i;
    }
    return failed ? HD_BAND_FAIL : missing || !any ? HD_BAND_NONE : HD_BAND_PASS;
}
