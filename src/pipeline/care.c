/* SPDX-License-Identifier: Apache-2.0
 *
 * After a verified revert: did users recover, do they stay well, and does the traffic stay where it was
 * put? Takes users for well on proof alone (engine_health), pages once when it does not come in time or
 * ends, takes that back when it comes late, re-reads the router with every reading of watch.c, applies
 * the revert once more if a reload undid it, and closes the guard. Never acts against a human.
 */
#include "pipeline/internal.h"

#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define TURNED_BAD 5                 /* judgements in a row: of half an hour's hundreds some are bad by chance */
#define RECOVERED_PPM 10000u         /* candidate share below 1 % */

/* ms since the proof, on the guard's own clock: a jump of the wall clock closes nothing. */
static int64_t since_proof(const struct guard *g) { return guard_time(g) - g->verified_t_ms; }

/* When aftercare is over, in the same time. */
static int64_t ends_ms(const struct guard *g)
{
    int64_t within = g->row.recovered_ms < 0 ? g->policy->verify.recover_within_ms : 0;
    return g->policy->verify.aftercare_ms > within ? g->policy->verify.aftercare_ms : within;
}

static void schedule(struct guard *g)
{
    bool waits = g->row.recovered_ms < 0 && !g->unwell;
    int64_t until = waits ? g->policy->verify.recover_within_ms : ends_ms(g);
    due_set(g->p, DUE_CARE, g->service->index, g->p->now.boot_ms + until - since_proof(g));
}

void care_begin(struct guard *g)
{
    memset(&g->health, 0, sizeof g->health);
    schedule(g);
    due_set(g->p, DUE_POLL, g->service->index,
            boot_of_wall(g->p, sched_next_multiple(g->p->now.wall_ms, g->policy->guard.interval_ms)));
    watch_now(g->service);
}

static void recovered(struct guard *g)
{
    bool late = g->unwell;
    g->row.recovered_ms = g->p->now.wall_ms;
    g->row.needs_human = false;
    g->unwell = g->turned = false;
    event_resolve(g, true);
    guard_headline(g);
    g->dirty = true;
    BUF_AUTO l = BUF_INIT(512);
    metric_label(&l, "service", g->service->name);
    metric_set(metric_get("haldane_recover_seconds", METRIC_GAUGE,
                          "Last revert: from the decision until users were well again", buf_at(&l)),
               (double)(g->row.recovered_ms - g->row.decided_ms) / 1000);
    char took[STR_TIME_MAX];
    BUF_AUTO text = BUF_INIT(200);
    buf_print(&text, "%s%s after the decision", late ? "well again " : "",
              str_duration(g->row.recovered_ms - g->row.decided_ms, took));
    event_guard(g, "state", HD_REASON_RECOVERED, buf_at(&text), true);
    schedule(g);
}

/* Users are not well, and somebody is told, once. */
static void unwell(struct guard *g, const char *why)
{
    g->row.recovered_ms = -1;
    g->unwell = true;
    guard_needs_human(g, HD_REASON_NOT_RECOVERED, why);
    schedule(g);
}

/* What is bad by the last judgements; nothing when none was. */
static const char *worst_now(const struct guard *g, struct buf *b)
{
    const struct hd_check *c = &g->policy->checks[g->health.worst];
    if (g->health.bad[g->health.worst]) {
        buf_print(b, "%s of %s is at ", c->name, guard_colour(g, HD_STABLE));
        reason_value(b, g->health.value[g->health.worst], c->unit);
    } else {
        buf_text(b, "nothing proves that they are");
    }
    return buf_at(b);
}

static void turned_bad(struct guard *g)
{
    char at[STR_TIME_MAX];
    BUF_AUTO b = BUF_INIT(400);
    buf_print(&b, "they were at %s, and are not any more: ",
              str_moment(g->row.recovered_ms, g->p->now.wall_ms, at));
    (void)worst_now(g, &b);
    g->turned = true;
    unwell(g, buf_at(&b));
}

void care_evidence(struct guard *g, const struct hd_evidence *e, int64_t wall_ms, int64_t t_ms)
{
    decide_keep(g, e, wall_ms, t_ms, true);
    enum hd_band band = engine_health(g->policy, &g->engine, HD_STABLE, e, &g->health);
    uint32_t share = reading_share(&g->service->last, guard_colour(g, HD_CANDIDATE));
    if (g->row.recovered_ms < 0 && band == HD_BAND_PASS && share < RECOVERED_PPM)
        recovered(g);
    else if (g->row.recovered_ms >= 0 && g->health.bad[g->health.worst] >= TURNED_BAD)
        turned_bad(g);
}

/* Whether users are well is proven anew: they were served by the candidate meanwhile. */
static void undone_by_reload(struct guard *g, const struct store_reading *now)
{
    ARENA_AUTO a = arena_new();
    struct would w = may_hold(g);
    g->row.recovered_ms = -1;
    if (!g->reapplied && !w.reason && g->policy->verify.reapply > 0) {
        g->reapplied = true;
        guard_move(g, HD_STATE_REVERTING);
        event_guard(g, "reading", HD_REASON_REAPPLIED, now->value, true);
        act_start(g, true, true, NULL);
        return;
    }
    guard_end(g, HD_STATE_NOT_VERIFIED, HD_REASON_UNDONE,
              g->reapplied ? "a reload of the router undid it again"
              : w.reason   ? arena_print(a, "a reload of the router undid it; %s", may_say(&w, g->p, a))
                           : "a reload of the router undid it");
}

/* The router was read while we take care. */
void care_reading(struct guard *g, const struct store_reading *now, bool reloaded)
{
    if (str_is(now->value, g->goal))
        return;
    /* A router that does not say whether it forgot is known by the value it forgets to; one that
     * does, and has another value since, was changed by somebody. */
    const char *file = g->service->forgets_to;
    bool forgot = file ? str_is(now->value, file) && (reloaded || !now->memory) : reloaded;
    if (forgot && reading_share(now, guard_colour(g, HD_CANDIDATE)) >= RECOVERED_PPM) {
        undone_by_reload(g, now);
        return;
    }
    /* Somebody took over: their change wins, and is a switch of its own if it is one. */
    bool well = g->row.recovered_ms >= 0;
    g->taken_over = true;
    guard_end(g, well ? HD_STATE_REVERTED : HD_STATE_NOT_RECOVERED,
              well ? HD_REASON_CHANGED_BY_OTHER : HD_REASON_UNDONE, now->owner);
}

static void given_up(struct guard *g)
{
    BUF_AUTO why = BUF_INIT(500);
    (void)worst_now(g, &why);
    buf_print(&why, "; aftercare is over, haldane looks no longer: haldane ack %s ends this notice", g->row.id);
    guard_end(g, HD_STATE_NOT_RECOVERED, HD_REASON_NOT_RECOVERED, buf_at(&why));
}

void care_due(struct guard *g)
{
    if (g->row.state != HD_STATE_AFTERCARE)
        return;
    bool well = g->row.recovered_ms >= 0;
    BUF_AUTO why = BUF_INIT(400);
    if (since_proof(g) >= ends_ms(g) && well)
        guard_end(g, HD_STATE_REVERTED, HD_REASON_NONE, "aftercare is over: it stayed so");
    else if (since_proof(g) >= ends_ms(g))
        given_up(g);
    else if (!well && !g->unwell && since_proof(g) >= g->policy->verify.recover_within_ms)
        unwell(g, worst_now(g, &why));
    else
        schedule(g);
}
