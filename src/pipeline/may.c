/* SPDX-License-Identifier: Apache-2.0
 *
 * May haldane act? The facts as the loop knows them: policy, holds, budgets, rejected sides, the newest
 * reading. The judgement is base/would.c's. Changes nothing but the brake's memory. Called by decide.c,
 * rehearse.c, drill.c and target.c.
 */
#include "pipeline/internal.h"

#include "base/log.h"
#include "base/str.h"

#define DECISIONS (sizeof((struct pipeline *)0)->decisions / sizeof *((struct pipeline *)0)->decisions)

/* --- the brake --- */

void may_decided(struct pipeline *p)
{
    p->decisions[p->n_decisions++ % DECISIONS] = p->now.boot_ms;
    p->decisions_dirty = true;
}

/* Those of the last minute, in wall time. */
static int64_t *decisions(const struct pipeline *p, struct hd_arena *a, size_t *ret_n)
{
    size_t end = p->n_decisions, first = end;
    while (first > 0 && end - first < DECISIONS &&
           p->now.boot_ms - p->decisions[(first - 1) % DECISIONS] < WOULD_BRAKE_MS)
        first--;
    int64_t *list = arena_many(a, end - first, int64_t);
    for (size_t i = first; i < end; i++)
        list[i - first] = p->now.wall_ms - (p->now.boot_ms - p->decisions[i % DECISIONS]);
    *ret_n = end - first;
    return list;
}

enum hd_code may_write(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    size_t n;
    const int64_t *list = decisions(p, a, &n);
    return p->decisions_dirty ? store_put_decisions(p->o.store, list, n, err) : HD_OK;
}

void may_take_up(struct pipeline *p)
{
    ARENA_AUTO a = arena_new();
    int64_t *list;
    size_t n = 0;
    struct hd_error err;
    if (store_decisions(p->o.store, a, p->now.wall_ms - WOULD_BRAKE_MS, &list, &n, &err))
        log_warn(NULL, "cannot read the decisions of the last minute: %s", err.text);
    for (size_t i = 0; i < n; i++) /* none of them from the future, if the clock stepped back */
        p->decisions[p->n_decisions++ % DECISIONS] =
            boot_of_wall(p, list[i] < p->now.wall_ms ? list[i] : p->now.wall_ms);
}

/* --- facts --- */

static int64_t *reverts_since(const struct service *s, struct hd_arena *a, const char *name, int64_t ago_ms,
                              size_t *ret_n)
{
    const struct pipeline *p = s->p;
    int64_t *list = NULL;
    struct hd_error err;
    *ret_n = 0;
    if (store_reverts(p->o.store, a, name, p->now.wall_ms - ago_ms, &list, ret_n, &err))
        log_warn(s->name, "cannot count reverts: %s", err.text);
    return list;
}

/* Reverts that are decided and not journaled yet count too: several may trip in one instant. */
static size_t reverts_coming(const struct pipeline *p, const struct guard *g)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_services; i++) {
        const struct guard *o = p->services[i]->guard;
        n += o && o != g && act_busy(o) && o->act.automatic && !o->act.reapply && !o->act.stored;
    }
    return n;
}

static bool reverted_once(const struct guard *g)
{
    bool was = false;
    struct hd_error err;
    if (store_was_reverted(g->p->o.store, g->service->name, g->row.candidate, g->row.candidate_version,
                           &was, &err))
        log_warn(g->service->name, "cannot look up reverts: %s", err.text);
    return was;
}

static void take_target(const struct service *s, const char *target, struct would_facts *f)
{
    f->target = target;
    f->rejected = service_rejected(s, target);
    f->ready = f->wanted = HD_UNKNOWN;
    f->candidate_good = 1;
}

/* Rules, hold and budgets. `g`: the live guard, if the question is about it; else NULL. */
static void take_rules(const struct service *s, const struct guard *g, const struct hd_policy *policy,
                       const struct hd_config *c, struct hd_arena *a, struct would_facts *f)
{
    const struct pipeline *p = s->p;
    const struct store_hold *hold = hold_of(p, s->name);
    size_t n;
    *f = (struct would_facts){.now_ms = p->now.wall_ms, .cooling_ms = -1};
    would_rules_of(a, policy, c, &f->rules);
    if (g) {
        f->rules.mode = g->row.mode;
        f->rules.unsafe = g->unsafe;
        f->reverted_before = reverted_once(g);
    }
    if (hold) {
        f->held = hold->reason ? hold->reason : "";
        f->held_until_ms = hold->until_ms;
        f->held_all = !hold->service;
    }
    const int64_t *own = reverts_since(s, a, s->name, f->rules.cooldown_ms, &n);
    if (n)
        f->cooling_ms = own[n - 1];
    f->reverts = reverts_since(s, a, NULL, WOULD_HOUR_MS, &f->n_reverts);
    f->decisions = decisions(p, a, &f->n_decisions);
    f->coming = reverts_coming(p, g);
}

struct would may_decide(const struct guard *g, struct hd_arena *a)
{
    struct would_facts f;
    take_rules(g->service, g, g->policy, config_get(g->pin), a, &f);
    f.rules.approvers = NULL; /* who must be asked is asked after it */
    return would_decide(&f);
}

static double worst_of(const struct guard *g)
{
    double worst = 1;
    for (uint32_t i = 0; i < g->engine.n_checks; i++) {
        const struct hd_check_state *c = &g->engine.check[i];
        const struct hd_check *check = &g->policy->checks[i];
        if (c->band == HD_BAND_FAIL)
            worst = would_worst(worst, check->unit, check->query.complement, c->value);
    }
    return worst;
}

static const struct store_side *last_side(const struct service *s, const char *colour)
{
    for (size_t i = 0; i < s->last.n_sides; i++) {
        if (str_is(s->last.side[i].colour, colour))
            return &s->last.side[i];
    }
    return NULL;
}

struct would may_act(const struct guard *g, struct hd_arena *a)
{
    const struct service *s = g->service;
    const struct store_side *side = last_side(s, guard_colour(g, HD_STABLE)),
                            *other = last_side(s, guard_colour(g, HD_CANDIDATE));
    struct would_facts f;
    take_rules(s, g, g->policy, config_get(g->pin), a, &f);
    if (side) {
        take_target(s, side->colour, &f);
        f.ready = side->ready;
        f.wanted = side->wanted;
    }
    if (other)
        f.candidate_good = would_good(other->ready, other->wanted, worst_of(g));
    return would_act(&f);
}

struct would may_go(const struct service *s, const struct hd_policy *policy, const struct hd_config *c,
                    const struct hd_live *live, uint32_t target, struct hd_arena *a)
{
    struct would_facts f;
    take_rules(s, NULL, policy, c, a, &f);
    f.unwatched = mark_unwatched(s, a);
    take_target(s, policy->colours[target].name, &f);
    f.ready = live->side[target].ready;
    f.wanted = live->side[target].wanted;
    return would_act(&f);
}

struct would may_hold(const struct guard *g)
{
    const struct store_hold *hold = hold_of(g->p, g->service->name);
    if (!hold)
        return (struct would){.reason = HD_REASON_NONE};
    return (struct would){.reason = HD_REASON_HELD, .text = hold->reason ? hold->reason : "", .all = !hold->service,
                          .until_ms = hold->until_ms};
}

struct would may_take(const struct guard *g, const struct hd_live *live, bool automatic, struct hd_arena *a)
{
    const struct hd_side_live *side = &live->side[g->stable], *other = &live->side[g->candidate];
    struct would_facts f = {.now_ms = g->p->now.wall_ms};
    would_rules_of(a, g->policy, config_get(g->pin), &f.rules);
    take_target(g->service, guard_colour(g, HD_STABLE), &f);
    f.probe_bad = g->act.probe_bad ? g->act.texts.words : NULL;
    if (g->act.probe_bad && !f.probe_bad)
        f.probe_bad = "";
    f.ready = side->ready;
    f.wanted = side->wanted;
    f.candidate_good = would_good(other->ready, other->wanted, worst_of(g));
    return would_gate(&f, automatic);
}

/* --- words --- */

const char *may_say(const struct would *w, const struct pipeline *p, struct hd_arena *a)
{
    BUF_AUTO b = BUF_INIT(2 * HD_TEXT_MAX);
    would_say(&b, w, p->now.wall_ms);
    return arena_text(a, buf_at(&b));
}
