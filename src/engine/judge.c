/* SPDX-License-Identifier: Apache-2.0
 *
 * See judge.h. Max and min are one absolute limit (a range), worse and below one relative limit; a
 * check with both breaks only when both are broken. NaN is never compared. Called by engine.c and
 * health.c.
 */
#include "engine/judge.h"

#include <math.h>

#define COUNT_MAX 9007199254740992.0 /* 2^53: beyond it a double cannot count */
#define PROOF_ALPHA 0.001        /* chance that a well side looks so bad in so few requests */
#define PROOF_SAMPLES_MAX 100000 /* more are enough by any min_samples */

static bool above(double value, double limit)
{
    return isfinite(value) && isfinite(limit) && value > limit;
}

static bool below(double value, double limit)
{
    return isfinite(value) && isfinite(limit) && value < limit;
}

static bool is_count(double v) { return isfinite(v) && v >= 0 && v <= COUNT_MAX; }

uint8_t judge_outcome(const struct hd_check *c, const struct hd_measurement *m,
                      uint16_t *ret_reason)
{
    *ret_reason = m ? m->reason : HD_REASON_NO_SERIES;
    if (!m)
        return HD_OUTCOME_NO_DATA;
    if (m->outcome != HD_OUTCOME_OK || !m->fresh)
        return m->outcome;
    bool fit = c->query.kind == HD_QUERY_GAUGE ? isfinite(m->value)
                                               : is_count(m->events) && is_count(m->exposure);
    if (fit)
        return HD_OUTCOME_OK;
    *ret_reason = HD_REASON_NOT_A_NUMBER;
    return HD_OUTCOME_NAN;
}

double judge_need(const struct hd_check *c)
{
    if (c->query.kind == HD_QUERY_GAUGE)
        return 0;
    return isfinite(c->min_samples) && c->min_samples > 1 ? c->min_samples : 1;
}

bool judge_enough(const struct hd_check *c, const struct judge_sums *s)
{
    if (c->query.kind == HD_QUERY_COUNTS)
        return s->exposure >= judge_need(c);
    return isfinite(judge_value(c, s)); /* no traffic at all is a rate like any other */
}

bool judge_baseline_enough(const struct hd_check *c, const struct judge_sums *s)
{
    return isfinite(judge_value(c, s)) &&
           (c->query.kind == HD_QUERY_GAUGE || s->exposure >= judge_need(c));
}

/* P(X >= k) for X ~ Binomial(n, p), by the terms below k; 0 < p < 1. */
static double binomial_tail(double k, double n, double p)
{
    double term = n * log1p(-p), odds = log(p) - log1p(-p), below_k = 0;
    for (double i = 0; i < k; i++) {
        below_k += exp(term);
        term += log((n - i) / (i + 1)) + odds;
    }
    return 1 - below_k;
}

bool judge_proves_break(const struct hd_check *c, const struct judge_sums *s)
{
    double n = s->exposure, bad = c->query.complement ? n - s->events : s->events;
    if (c->query.kind != HD_QUERY_COUNTS || !(n >= 1) || n > PROOF_SAMPLES_MAX || bad < 0 || bad > n)
        return false;
    double value = judge_value(c, s);
    double max = c->query.complement ? 1 - c->min : c->max; /* of the bad share */
    double min = c->query.complement ? 1 - c->max : c->min;
    if (judge_absolute(c, value) == JUDGE_HOLDS)
        return false;
    if (isfinite(max) && bad / n > max)
        return max <= 0 || (max < 1 && binomial_tail(bad, n, max) <= PROOF_ALPHA);
    return isfinite(min) && min > 0 && bad / n < min &&
           (min >= 1 || binomial_tail(n - bad, n, 1 - min) <= PROOF_ALPHA);
}

double judge_value(const struct hd_check *c, const struct judge_sums *s)
{
    double v = NAN;
    if (c->query.kind == HD_QUERY_GAUGE)
        v = s->value;
    else if (c->query.kind == HD_QUERY_RATE)
        v = s->ms > 0 ? s->exposure / ((double)s->ms / 1000) : NAN;
    else if (s->exposure > 0)
        v = c->query.complement ? 1 - s->events / s->exposure : s->events / s->exposure;
    return isfinite(v) ? v : NAN;
}

bool judge_has_absolute(const struct hd_check *c) { return isfinite(c->max) || isfinite(c->min); }

enum judge_limit judge_absolute(const struct hd_check *c, double value)
{
    return above(value, c->max) ? JUDGE_MAX : below(value, c->min) ? JUDGE_MIN : JUDGE_HOLDS;
}

static bool has_relative(const struct hd_check *c)
{
    return isfinite(c->worse_than_baseline) || isfinite(c->min_of_baseline);
}

/* *ret_limit: the limit in the check's own unit; NaN: the baseline gives none. */
static enum judge_limit judge_relative(const struct hd_check *c, double value, double baseline,
                                       double *ret_limit)
{
    double high = c->worse_than_baseline * baseline, low = c->min_of_baseline * baseline;
    bool is_low = below(value, low);
    *ret_limit = is_low || !isfinite(high) ? low : high;
    return above(value, high) ? JUDGE_WORSE : is_low ? JUDGE_BELOW : JUDGE_HOLDS;
}

/* `warn` lies on the near side of max, or of min where there is no max. */
static bool is_near(const struct hd_check *c, double value)
{
    return isfinite(c->max) || !isfinite(c->min) ? above(value, c->warn) : below(value, c->warn);
}

struct judgement judge(const struct hd_check *c, const struct judge_sums *candidate,
                       const struct judge_sums *stable, const struct judge_sums *before)
{
    struct judgement j = {
        .value = judge_value(c, candidate),
        .n = c->query.kind == HD_QUERY_GAUGE ? NAN : candidate->exposure,
        .baseline = stable ? JUDGE_CONCURRENT : before ? JUDGE_BEFORE : JUDGE_NO_BASELINE,
    };
    j.stable = stable ? judge_value(c, stable) : before ? judge_value(c, before) : NAN;
    bool has_absolute = judge_has_absolute(c), relative = has_relative(c);
    double relative_limit;
    enum judge_limit by_absolute = judge_absolute(c, j.value);
    enum judge_limit by_relative = judge_relative(c, j.value, j.stable, &relative_limit);
    bool may_break = has_absolute ? by_absolute != JUDGE_HOLDS : relative;
    if (has_absolute)
        j.limit = by_absolute == JUDGE_MIN || !isfinite(c->max) ? c->min : c->max;
    else
        j.limit = relative_limit;
    if (may_break && relative && !isfinite(relative_limit))
        return j;
    j.decided = true;
    j.broken = may_break && (!relative || by_relative != JUDGE_HOLDS);
    if (j.broken)
        j.broke_by = (uint8_t)(has_absolute ? by_absolute : by_relative);
    j.shared = j.broken && has_absolute && stable && judge_absolute(c, j.stable) == by_absolute;
    j.band = j.broken ? HD_BAND_FAIL : is_near(c, j.value) ? HD_BAND_WARN : HD_BAND_PASS;
    return j;
}
