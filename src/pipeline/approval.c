/* SPDX-License-Identifier: Apache-2.0
 *
 * A revert that waits for a named human. The guard goes on watching meanwhile: readings may end it, and
 * what haldane sees is recorded. Approved, the revert goes its usual way, through holds, budgets and the
 * gate; rejected, it ends; unanswered, it is only advised. Called by decide.c, collect.c and command.c.
 */
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

bool approval_open(const struct guard *g)
{
    return g->approval.guard && g->approval.outcome == APPROVAL_OPEN;
}

bool approval_ask(struct guard *g)
{
    int64_t now = g->p->now.wall_ms;
    if (!*g->policy->approval.by || g->approval.outcome == APPROVAL_APPROVED)
        return false;
    if (approval_open(g))
        return true;
    g->approval = (struct store_approval){
        .guard = g->row.id,
        .service = g->service->name,
        .approvers = would_approvers(g->own, g->policy),
        .asked_ms = now,
        .expires_ms = now + g->policy->approval.within_ms,
        .outcome = APPROVAL_OPEN,
        .decided_ms = -1,
    };
    g->approval_dirty = true;
    if (g->row.verdict == HD_VERDICT_NONE)
        g->row.verdict = HD_VERDICT_FAIL;
    g->row.decided_ms = now;
    guard_needs_human(g, HD_REASON_APPROVAL,
                      arena_print(g->own, "haldane approve %s --reason TEXT, by one of: %s", g->row.id,
                                  g->approval.approvers));
    return true;
}

void approval_close(struct guard *g, enum store_approval_outcome outcome, const char *actor, const char *reason)
{
    if (!approval_open(g))
        return;
    g->approval.outcome = (int32_t)outcome;
    g->approval.actor = arena_text(g->own, actor);
    g->approval.reason = arena_text(g->own, reason);
    g->approval.decided_ms = g->p->now.wall_ms;
    g->approval_dirty = true;
}

bool approval_due(struct guard *g)
{
    if (!approval_open(g) || g->p->now.wall_ms < g->approval.expires_ms)
        return false;
    approval_close(g, APPROVAL_EXPIRED, NULL, NULL);
    mark_reject(g, "failed a guard");
    guard_move(g, HD_STATE_DECIDING);
    guard_end(g, HD_STATE_ADVISED, HD_REASON_NOT_APPROVED, buf_at(&g->why));
    return true;
}

/* --- the order --- */

static bool may_approve(const struct order *o, const struct guard *g)
{
    for (const char *const *name = g->policy->approval.by; *name; name++) {
        if (str_is(*name, o->by.name))
            return true;
    }
    return false;
}

/* The guard does not wait: was it ever asked about? */
static void refuse(struct order *o)
{
    struct store_approval a;
    struct hd_error err;
    enum hd_code code = store_approval(o->p->o.store, o->arena, o->guard, &a, &err);
    if (code == HD_ABSENT)
        order_problem(o, 404, "no_approval", "no revert of this guard waits for an approval");
    else if (code)
        order_problem(o, 503, "no_store", arena_text(o->arena, err.text));
    else if (a.outcome == APPROVAL_EXPIRED)
        order_problem(o, 410, "expired", "it came too late: the revert was not approved in time");
    else
        order_problem(o, 409, "decided", a.actor ? arena_print(o->arena, "%s has decided already", a.actor)
                                                 : "it is not asked any more");
}

static void decide(struct order *o, struct guard *g, bool yes)
{
    const char *why = order_text(o, "reason");
    const char *said = arena_print(o->arena, "%s %s the revert: %s", o->by.name, yes ? "approved" : "rejected", why);
    approval_close(g, yes ? APPROVAL_APPROVED : APPROVAL_REJECTED, o->by.name, why);
    order_about(o, g, 200);
    if (!yes) {
        guard_end(g, HD_STATE_CANCELLED, HD_REASON_OPERATOR, said);
        return;
    }
    g->row.needs_human = false;
    event_resolve(g, false);
    event_guard(g, "operator", HD_REASON_NONE, said, true);
    decide_revert(g, true, NULL);
}

void approval_order(struct order *o)
{
    struct guard *g = o->g;
    const char *decision = order_text(o, "decision");
    bool yes = str_is(decision, "approve");
    if (!yes && !str_is(decision, "reject"))
        order_problem(o, 422, "bad_decision", "decision must be approve or reject");
    else if (!order_text(o, "reason"))
        order_problem(o, 422, "no_reason", "a reason is needed: others will ask why");
    else if (g && approval_due(g)) /* the poll that would have said so is still to come */
        order_problem(o, 410, "expired", "it came too late: the revert was not approved in time");
    else if (!g || !approval_open(g))
        refuse(o);
    else if (!may_approve(o, g))
        order_problem(o, 403, "not_asked", arena_print(o->arena, "only %s may decide this, with a token or "
                                                       "login of their own", g->approval.approvers));
    else
        decide(o, g, yes);
}
