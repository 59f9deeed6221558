/* SPDX-License-Identifier: Apache-2.0
 *
 * After a verified revert: did users recover, and does the traffic stay where it was put? Judges
 * stable by the absolute limits, re-reads the router with every reading of watch.c, applies the
 * revert once more if a reload undid it, and closes the guard. Never acts against a human.
 */
#include "pipeline/internal.h"

#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define WELL_POLLS 2                 /* polls in a row in which stable must be well */
#define RECOVERED_PPM 10000u         /* candidate share below 1 % */

/* ms since the proof, on the guard's own clock: a jump of the wall clock closes nothing. */
static int64_t since_proof(const struct guard *g) { return guard_time(g) - g->verified_t_ms; }

static void schedule(struct guard *g)
{
    int64_t until = g->row.recovered_ms >= 0 ? g->policy->verify.aftercare_ms
                                             : g->policy->verify.recover_within_ms;
    due_set(g->p, DUE_CARE, g->service->index, g->p->now.boot_ms + until - since_proof(g));
}

void care_begin(struct guard *g)
{
    memset(&g->health, 0, sizeof g->health);
    g->well = 0;
    schedule(g);
    due_set(g->p, DUE_POLL, g->service->index,
            boot_of_wall(g->p, sched_next_multiple(g->p->now.wall_ms, g->policy->guard.interval_ms)));
    watch_now(g->service);
}

static void recovered(struct guard *g)
{
    g->row.recovered_ms = g->p->now.wall_ms;
    g->row.needs_human = false;
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
    buf_print(&text, "%s after the decision", str_duration(g->row.recovered_ms - g->row.decided_ms, took));
    event_guard(g, "state", HD_REASON_RECOVERED, buf_at(&text), true);
    schedule(g);
}

void care_evidence(struct guard *g, const struct hd_evidence *e)
{
    if (g->row.recovered_ms >= 0)
        return;
    enum hd_band band = engine_health(g->policy, HD_STABLE, e, &g->health);
    if (band == HD_BAND_FAIL)
        g->well = 0;
    else if (band == HD_BAND_PASS)
        g->well++;
    uint32_t share = reading_share(&g->service->last, guard_colour(g, HD_CANDIDATE));
    if (g->well >= WELL_POLLS && share < RECOVERED_PPM)
        recovered(g);
}

static void undone_by_reload(struct guard *g, const struct store_reading *now)
{
    if (!g->reapplied && g->policy->verify.reapply > 0) {
        g->reapplied = true;
        event_guard(g, "reading", HD_REASON_REAPPLIED, now->value, true);
        guard_move(g, HD_STATE_REVERTING);
        act_start(g, true, true, NULL);
        return;
    }
    guard_end(g, HD_STATE_NOT_VERIFIED, HD_REASON_UNDONE, "a reload of the router undid it again");
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

void care_due(struct guard *g)
{
    if (g->row.state != HD_STATE_AFTERCARE)
        return;
    if (g->row.recovered_ms >= 0 && since_proof(g) >= g->policy->verify.aftercare_ms)
        guard_end(g, HD_STATE_REVERTED, HD_REASON_NONE, "aftercare is over: it stayed so");
    else if (g->row.recovered_ms < 0 && since_proof(g) >= g->policy->verify.recover_within_ms)
        guard_end(g, HD_STATE_NOT_RECOVERED, HD_REASON_NOT_RECOVERED, buf_at(&g->why));
    else
        schedule(g);
}
