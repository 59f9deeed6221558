/* SPDX-License-Identifier: Apache-2.0
 *
 * Latency bounds that nobody wrote: a sequential check without one is three, and stable's past says
 * where they lie. Leaves the place in the query open, and fills it in once they are known. Picks
 * nothing itself (engine/past.h). Called by pipeline/ and cli/.
 */
#include <math.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "config/fill.h"

bool config_unpicked(const struct hd_check *c) { return c->pick && isnan(c->query.bound); }

static struct fill fill_of(struct hd_arena *a, const struct hd_config *config,
                           const struct hd_check *c)
{
    const char *type = config->datasources[c->datasource].plugin.type;
    return (struct fill){.a = a, .provider = hd_provider_find(type)};
}

static struct hd_query filled(const struct fill *f, const struct hd_query *q, const double *bound,
                              size_t n)
{
    struct hd_query r = *q;
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        r.text[i] = fill_bounds(f, q->text[i], bound, n);
    r.target_text = fill_bounds(f, q->target_text, bound, n);
    return r;
}

struct hd_query config_every_bucket(struct hd_arena *a, const struct hd_config *config,
                                    const struct hd_check *c)
{
    struct fill f = fill_of(a, config, c);
    return filled(&f, &c->query, NULL, 0);
}

const char *config_bound_text(struct hd_arena *a, const struct hd_query *q, double bound)
{
    double ms = q->bound_unit ? bound : bound * 1000;
    return ms < 1000 ? arena_print(a, "%.6gms", ms) : arena_print(a, "%.6gs", ms / 1000);
}

bool config_same_histogram(const struct hd_policy *p, uint32_t check, uint32_t other)
{
    const struct hd_check *a = &p->checks[check], *b = &p->checks[other];
    bool same = config_unpicked(a) && config_unpicked(b) && a->datasource == b->datasource;
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        same = same && str_is(a->query.text[i] ? a->query.text[i] : "", b->query.text[i] ? b->query.text[i] : "");
    return same;
}

/* Bounds of all checks that ask the same as this one, so that they ask one question. */
static size_t bounds_beside(const struct hd_policy *p, uint32_t check, const double *bound,
                            double ret[HD_CHECKS_MAX])
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (isfinite(bound[i]) && config_same_histogram(p, check, i))
            ret[n++] = bound[i];
    }
    return n;
}

const struct hd_policy *config_pick(struct hd_arena *a, const struct hd_config *config,
                                    const struct hd_policy *policy, const double *bound)
{
    struct hd_policy *p = arena_copy(a, policy, sizeof *policy);
    struct hd_check *checks = arena_copy(a, policy->checks, policy->n_checks * sizeof *checks);
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        struct hd_check *c = &checks[i];
        double list[HD_CHECKS_MAX];
        if (!config_unpicked(c) || !isfinite(bound[i]))
            continue;
        struct fill f = fill_of(a, config, c);
        c->query = filled(&f, &c->query, list, bounds_beside(policy, i, bound, list));
        c->query.bound = bound[i];
        c->title = arena_print(a, "%s (%s)", c->title, config_bound_text(a, &c->query, bound[i]));
    }
    p->checks = checks;
    return p;
}
