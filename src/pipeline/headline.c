/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard in one sentence, at most 120 characters, that answers "am I needed?": the same in title,
 * heading, chat and CLI. Rendered here once and stored. Decides nothing. Called whenever a guard moves,
 * and at each poll.
 */
#include "pipeline/internal.h"

#include "base/cause.h"
#include "base/str.h"

#include <string.h>

#define UNREAD "; the router cannot be read - act now"

/* By the worst reason of the last poll; the engine's alone, orders have none. */
static enum cause_said cause_now(const struct guard *g)
{
    return cause_of(&(struct cause_facts){.verdict = g->row.verdict, .cause = g->row.cause,
                                          .first = g->verdict.n ? g->verdict.reason[0].number : 0});
}

static bool all_blind(const struct guard *g)
{
    return g->told_blind == (UINT64_C(1) << g->policy->n_checks) - 1;
}

/* Bad before the switch and bad since leads all else that is known. */
static bool not_well_again(const struct guard *g)
{
    return g->verdict.n && g->verdict.reason[0].number == HD_REASON_NOT_WELL_AGAIN;
}

static void headline_watching(const struct guard *g, struct buf *b)
{
    const char *stable = guard_colour(g, HD_STABLE), *candidate = guard_colour(g, HD_CANDIDATE);
    const struct side_mark *m = mark_of(g->service, candidate);
    char at[STR_TIME_MAX];
    if (g->told_shared && cause_now(g) == CAUSE_TURNED)
        buf_print(b, "Both %s and %s turned bad after the switch - act now", stable, candidate);
    else if (g->told_shared)
        buf_print(b, "Both %s and %s are failing: likely not the deploy - act now", stable, candidate);
    else if (g->service->unread_told)
        buf_print(b, "Watching %s (from %s)" UNREAD, candidate, stable);
    else if (g->told_blind)
        buf_print(b, "Watching %s (from %s), %sblind - look", candidate, stable, all_blind(g) ? "" : "partly ");
    else if (not_well_again(g))
        buf_print(b, "Watching %s (from %s): over a limit that was broken before the switch too", candidate, stable);
    else if (m)
        buf_print(b, "Watching %s (from %s) again: it was rejected at %s", candidate, stable,
                  str_moment(m->at_ms, g->p->now.wall_ms, at));
    else
        buf_print(b, "Watching %s (from %s)%s", candidate, stable,
                  g->row.state == HD_STATE_WARMING ? ", warming up" : "");
}

static void headline_inconclusive(const struct guard *g, struct buf *b)
{
    const char *stable = guard_colour(g, HD_STABLE), *candidate = guard_colour(g, HD_CANDIDATE);
    if (g->row.cause == HD_CAUSE_SHARED)
        buf_print(b, "Both %s and %s are failing: likely not the deploy - act now", stable, candidate);
    else if (cause_now(g) == CAUSE_TURNED)
        buf_print(b, "Both %s and %s turned bad after the switch; cannot tell why - act now", stable,
                  candidate);
    else if (not_well_again(g))
        buf_print(b, "%s is over a limit that was broken before the switch too%s", candidate,
                  g->row.needs_human ? " - decide yourself" : "");
    else
        buf_print(b, "Not enough evidence about %s%s", candidate,
                  g->row.needs_human ? " - decide yourself" : "");
}

/* What a human ordered is not told as if the release had failed. */
static bool headline_ordered(const struct guard *g, struct buf *b)
{
    const char *stable = guard_colour(g, HD_STABLE), *candidate = guard_colour(g, HD_CANDIDATE);
    char at[STR_TIME_MAX];
    switch (g->row.state) {
    case HD_STATE_DECIDING:
        buf_print(b, "Ordered back to %s: checking that it can take the traffic", stable);
        return true;
    case HD_STATE_REVERTING:
    case HD_STATE_VERIFYING:
        buf_print(b, "Moving the traffic back from %s to %s, as ordered", candidate, stable);
        return true;
    case HD_STATE_REVERTED:
        if (g->row.recovered_ms < 0) {
            buf_print(b, "Moved to %s as ordered, verified; a guard of its own watches it", stable);
            return true;
        }
        /* fall through */
    case HD_STATE_AFTERCARE:
        if (g->row.recovered_ms >= 0)
            buf_print(b, "Rolled back to %s as ordered, users are well - no action needed", stable);
        else
            buf_print(b, "Rolled back to %s as ordered, verified at %s; watching that users are well", stable,
                      str_moment(g->row.verified_ms, g->row.verified_ms, at));
        return true;
    case HD_STATE_REFUSED:
        buf_print(b, "The ordered roll-back to %s could NOT be made - act now", stable);
        return true;
    default:
        return false;
    }
}

/* False: it is looked after by now as any other. */
static bool headline_unwell(const struct guard *g, struct buf *b)
{
    if (g->row.state != HD_STATE_AFTERCARE && g->row.state != HD_STATE_NOT_RECOVERED)
        return false;
    buf_print(b, g->turned ? "Rolled back to %s; users were well, and are NOT any more - act now"
                           : "Rolled back to %s, but users have NOT recovered - act now",
              guard_colour(g, HD_STABLE));
    return true;
}

const char *headline_uncalled(struct hd_arena *a, const char *text)
{
#define CALL(words) words,
    static const char *const calls[] = {STORE_CALLS(CALL)};
#undef CALL
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (str_ends(text, calls[i]))
            return arena_text_n(a, text, strlen(text) - strlen(calls[i]));
    }
    return arena_text(a, text);
}

static void render(struct guard *g)
{
    const char *stable = guard_colour(g, HD_STABLE), *candidate = guard_colour(g, HD_CANDIDATE);
    struct buf *b = &g->headline;
    char at[STR_TIME_MAX];
    buf_clear(b);
    if (g->row.analysis) {
        analysis_headline(g);
        return;
    }
    if (approval_open(g)) {
        buf_print(b, "%s is failing: the roll-back to %s waits for an approval - act now", candidate, stable);
        return;
    }
    if (g->approval.outcome == APPROVAL_APPROVED && g->row.state <= HD_STATE_WATCHING) {
        buf_print(b, "%s is failing: the roll-back to %s is approved", candidate, stable);
        return;
    }
    if (g->taken_over) {
        buf_print(b, "Rolled back to %s, verified%s; then someone else moved the traffic again - look now", stable,
                  g->row.recovered_ms >= 0 ? " and recovered" : "");
        return;
    }
    if (g->unwell && headline_unwell(g, b))
        return;
    if (g->service->unread_told && g->row.state == HD_STATE_AFTERCARE) {
        buf_print(b, "Rolled back to %s, verified" UNREAD, stable);
        return;
    }
    if (g->ordered && headline_ordered(g, b))
        return;
    switch (g->row.state) {
    case HD_STATE_PENDING:
        buf_print(b, "Waiting for the switch to %s%s", candidate, g->service->unread_told ? UNREAD : "");
        break;
    case HD_STATE_WARMING:
    case HD_STATE_WATCHING:
        headline_watching(g, b);
        break;
    case HD_STATE_DECIDING:
        buf_print(b, "%s is failing: checking that %s can take the traffic back", candidate, stable);
        break;
    case HD_STATE_REVERTING:
    case HD_STATE_VERIFYING:
        buf_print(b, "Moving the traffic back from %s to %s%s", candidate, stable,
                  g->reapplied ? " again: a reload undid it" : "");
        break;
    case HD_STATE_AFTERCARE:
        if (g->row.recovered_ms >= 0)
            buf_print(b, "Rolled back to %s and recovered - no action needed", stable);
        else if (g->reapplied)
            buf_print(b, "Rolled back to %s again after a reload, verified; waiting for users to recover", stable);
        else
            buf_print(b, "Rolled back to %s, verified at %s; waiting for users to recover", stable,
                      str_moment(g->row.verified_ms, g->row.verified_ms, at));
        break;
    case HD_STATE_PASSED:
        buf_print(b, "%s passed - no action needed", candidate);
        break;
    case HD_STATE_REVERTED:
        buf_print(b, "Rolled back to %s and recovered - no action needed", stable);
        break;
    case HD_STATE_NOT_VERIFIED:
        buf_print(b, g->end_reason == HD_REASON_UNDONE ? "Rolled back to %s, and a reload undid it - act now"
                                                       : "Revert to %s sent but NOT verified - act now", stable);
        break;
    case HD_STATE_NOT_RECOVERED:
        buf_print(b, "Rolled back to %s, but users have NOT recovered - act now", stable);
        break;
    case HD_STATE_REFUSED:
        buf_print(b, "%s is failing and could NOT be rolled back - act now", candidate);
        break;
    case HD_STATE_ADVISED:
        if (g->row.mode == HD_MODE_SHADOW)
            buf_print(b, "Shadow: would have rolled %s back to %s", candidate, stable);
        else
            buf_print(b, "%s is failing; haldane did not roll back - act now", candidate);
        break;
    case HD_STATE_INCONCLUSIVE:
        headline_inconclusive(g, b);
        break;
    case HD_STATE_SUPERSEDED:
        if (g->row.needs_human)
            buf_print(b, "%s is failing, and someone else changed the traffic during the revert - look now",
                      candidate);
        else if (g->end_reason == HD_REASON_NEW_CANDIDATE)
            buf_print(b, "Ended: a newer release took its place; haldane wrote nothing");
        else if (g->end_reason == HD_REASON_ROUTER_RELOADED)
            buf_print(b, "Ended: the router restarted and forgot the switch; haldane wrote nothing");
        else if (g->end_reason == HD_REASON_RETURNED_TO_STABLE)
            buf_print(b, "Ended: someone rolled back to %s, which needs no guard; haldane wrote nothing", stable);
        else
            buf_print(b, "Ended: someone else changed the traffic; haldane wrote nothing");
        break;
    case HD_STATE_CANCELLED:
        buf_print(b, "Cancelled by an operator");
        break;
    default:
        break;
    }
}

/* One sentence, at most 120 characters, that answers "am I needed?"; who is not is not called. */
void guard_headline(struct guard *g)
{
    struct buf *b = &g->headline;
    render(g);
    if (g->row.needs_human)
        return;
    ARENA_AUTO a = arena_new();
    const char *rest = headline_uncalled(a, buf_at(b));
    buf_clear(b);
    buf_text(b, rest);
}
