/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane analyze SERVICE --rule kayenta`: the checks of a service as the metrics of a canary
 * config, and the polls of both sides as their values. A complete window is judged once: this test
 * must not be looked at again and again, which is why no guard has it as a rule.
 */
#include <math.h>

#include "base/arena.h"
#include "cli/analyze.h"

/* The value of one side in one poll; NaN: nothing new was seen. */
static double value_of(const struct hd_query *q, const struct hd_measurement *m)
{
    if (m->outcome != HD_OUTCOME_OK || !m->fresh)
        return NAN;
    if (q->kind == HD_QUERY_GAUGE)
        return m->value;
    if (q->kind == HD_QUERY_RATE)
        return m->covers_ms > 0 ? m->exposure / ((double)m->covers_ms / 1000) : (double)NAN;
    if (!(m->exposure > 0))
        return NAN;
    return q->complement ? 1 - m->events / m->exposure : m->events / m->exposure;
}

static struct samples values_of(struct hd_arena *a, const struct trial *t, uint32_t check,
                                enum hd_role role)
{
    double *at = arena_many(a, t->n, double);
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct hd_evidence *e = &t->evidence[i].evidence;
        for (size_t k = 0; k < e->n && !e->before; k++)
            if (e->m[k].check == check && e->m[k].role == role)
                at[n++] = value_of(&t->policy->checks[check].query, &e->m[k]);
    }
    return (struct samples){at, n};
}

/* Which way is bad. Without limits: more of what is counted, unless what is counted is good. */
static uint8_t direction_of(const struct hd_check *c)
{
    bool up = isfinite(c->max) || isfinite(c->worse_than_baseline);
    bool down = isfinite(c->min) || isfinite(c->min_of_baseline);
    if (up != down)
        return up ? KAYENTA_INCREASE : KAYENTA_DECREASE;
    if (up || c->query.kind != HD_QUERY_COUNTS)
        return KAYENTA_EITHER;
    return c->query.complement ? KAYENTA_DECREASE : KAYENTA_INCREASE;
}

static struct canary_metric metric_of(const struct hd_check *c, uint32_t group)
{
    struct canary_metric m = {.name = c->name, .groups = UINT64_C(1) << group};
    m.options = kayenta_options_default(false);
    m.options.direction = direction_of(c);
    m.options.critical = c->critical;
    m.options.muted = c->advisory;
    m.options.must_have_data = true;
    return m;
}

int analyze_rule(const struct cli_args *args, struct hd_arena *a, const struct trial *t)
{
    const struct hd_policy *p = t->policy;
    struct canary_metric *metric = arena_many(a, p->n_checks, struct canary_metric);
    struct canary_pair *pair = arena_many(a, p->n_checks, struct canary_pair);
    struct canary c = {.name = p->name, .metric = metric, .n = p->n_checks};
    double weights = 0;
    int status = analyze_compat(args, &c.strict);
    if (status)
        return status;
    for (uint32_t i = 0; i < p->n_checks; i++)
        weights += p->checks[i].advisory ? 0 : p->checks[i].weight;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        metric[i] = metric_of(&p->checks[i], i);
        c.group[i] = p->checks[i].name;
        c.weights.of[i] = weights > 0 ? 100 * p->checks[i].weight / weights : 0;
        pair[i] = (struct canary_pair){.name = p->checks[i].name,
                                       .id = "",
                                       .control = values_of(a, t, i, HD_STABLE),
                                       .experiment = values_of(a, t, i, HD_CANDIDATE)};
    }
    c.weights.n = p->n_checks;
    double pass = isfinite(p->guard.pass_score) ? p->guard.pass_score : ANALYZE_PASS;
    return analyze_values(args, a, &c, pair, c.n, pass, fmin(pass, ANALYZE_MARGINAL));
}
