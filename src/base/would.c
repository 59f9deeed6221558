/* SPDX-License-Identifier: Apache-2.0
 *
 * See would.h. Asks nobody and writes nothing. Called by the decision and the gate of pipeline/, by
 * store/would.c for the faces.
 */
#include "base/would.h"

#include <math.h>
#include <stdio.h>

#include "base/reason.h"

#define DAY_MS 86400000

const char *would_approvers(struct hd_arena *a, const struct hd_policy *policy)
{
    BUF_AUTO b = BUF_INIT(16384);
    for (const char *const *name = policy->approval.by; name && *name; name++)
        buf_print(&b, "%s%s", b.len ? ", " : "", *name);
    return b.len ? arena_text(a, buf_at(&b)) : NULL;
}

void would_rules_of(struct hd_arena *a, const struct hd_policy *policy, const struct hd_config *c,
                    struct would_rules *ret)
{
    *ret = (struct would_rules){
        .mode = policy->mode,
        .on_fail_page = policy->on_fail == HD_ON_FAIL_PAGE,
        .rollback_safe = policy->rollback_safe,
        .rollback_unsafe_until_ms = policy->rollback_unsafe_until_ms,
        .cooldown_ms = policy->guard.cooldown_ms,
        .reverts_per_hour = c->limits.reverts_per_hour,
        .brake = c->limits.brake,
        .target_ready = policy->target.ready,
        .approvers = would_approvers(a, policy),
    };
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        if (policy->target.trust || policy->target.probe.at[i])
            ret->vouched[ret->n_vouched++] = policy->colours[i].name;
    }
}

static struct would because(const struct would_facts *f, int reason, const char *text, int64_t until_ms)
{
    return (struct would){.reason = reason,
                          .text = text,
                          .target = f->target,
                          .ready = f->ready,
                          .wanted = f->wanted,
                          .all = reason == HD_REASON_HELD && f->held_all,
                          .until_ms = until_ms};
}

/* When fewer than `limit` of them are younger than `window_ms`. */
static int64_t frees_ms(const int64_t *list, size_t n, size_t coming, int64_t limit, int64_t window_ms)
{
    size_t at = n + coming - (size_t)limit; /* of the oldest that must be older than the window */
    return at < n ? list[at] + window_ms : -1;
}

struct would would_decide(const struct would_facts *f)
{
    const struct would_rules *r = &f->rules;
    int64_t cool_ms = f->cooling_ms + r->cooldown_ms, unsafe_ms = r->rollback_unsafe_until_ms;
    if (f->unwatched)
        return because(f, HD_REASON_UNWATCHED, f->unwatched, -1);
    if (r->mode == HD_MODE_SHADOW)
        return because(f, HD_REASON_MODE_SHADOW, NULL, -1);
    if (r->unsafe)
        return because(f, HD_REASON_NOT_ROLLBACK_SAFE, NULL, -1);
    if (r->mode == HD_MODE_ADVISE)
        return because(f, HD_REASON_MODE_ADVISE, NULL, -1);
    if (r->on_fail_page)
        return because(f, HD_REASON_ON_FAIL_PAGE, NULL, -1);
    if (!r->rollback_safe && (unsafe_ms < 0 || f->now_ms < unsafe_ms))
        return because(f, HD_REASON_NOT_ROLLBACK_SAFE, NULL, unsafe_ms);
    if (f->held)
        return because(f, HD_REASON_HELD, f->held, f->held_until_ms);
    if (f->reverted_before)
        return because(f, HD_REASON_ALREADY_REVERTED, NULL, -1);
    if (f->cooling_ms >= 0 && f->now_ms <= cool_ms && r->cooldown_ms > 0)
        return because(f, HD_REASON_COOLDOWN, NULL, cool_ms);
    if ((int64_t)(f->n_reverts + f->coming) >= r->reverts_per_hour)
        return because(f, HD_REASON_BUDGET, NULL,
                       frees_ms(f->reverts, f->n_reverts, f->coming, r->reverts_per_hour, WOULD_HOUR_MS));
    if ((int64_t)f->n_decisions >= r->brake)
        return because(f, HD_REASON_BRAKE, NULL, frees_ms(f->decisions, f->n_decisions, 0, r->brake, WOULD_BRAKE_MS));
    if (r->approvers)
        return because(f, HD_REASON_APPROVAL, r->approvers, -1);
    return because(f, HD_REASON_NONE, NULL, -1);
}

static bool is_vouched(const struct would_facts *f)
{
    for (size_t i = 0; i < f->rules.n_vouched; i++) {
        if (str_is(f->rules.vouched[i], f->target))
            return true;
    }
    return false;
}

double would_worst(double worst, const char *unit, bool complement, double value)
{
    if (!str_is(unit, "share") || isnan(value))
        return worst;
    return fmin(worst, complement ? value : 1 - value);
}

double would_good(uint32_t ready, uint32_t wanted, double worst)
{
    bool known = ready != HD_UNKNOWN && wanted != HD_UNKNOWN && wanted > 0;
    return known ? worst * ready / wanted : worst;
}

struct would would_gate(const struct would_facts *f, bool automatic)
{
    struct would w = because(f, HD_REASON_NONE, NULL, -1);
    if (w.wanted == HD_UNKNOWN)
        w.wanted = w.ready;
    if (automatic && f->rejected) {
        w.reason = HD_REASON_TARGET_REJECTED;
        w.text = f->rejected;
    } else if (f->probe_bad) {
        w.reason = HD_REASON_TARGET_PROBE;
        w.text = f->probe_bad;
    } else if (f->ready == HD_UNKNOWN) {
        w.reason = is_vouched(f) ? HD_REASON_NONE : HD_REASON_TARGET_UNKNOWN;
    } else if (f->ready == 0) {
        w.reason = HD_REASON_TARGET_NOT_READY;
    } else {
        double share = w.wanted ? (double)w.ready / w.wanted : 1;
        if (share < f->rules.target_ready && f->candidate_good > share)
            w.reason = HD_REASON_TARGET_SMALL;
    }
    return w;
}

struct would would_act(const struct would_facts *f)
{
    struct would w = would_decide(f);
    return w.reason || !f->target ? w : would_gate(f, true);
}

const char *would_until(int64_t until_ms, int64_t now_ms, char out[STR_TIME_MAX])
{
    char full[STR_TIME_MAX];
    (void)str_time(until_ms, full); /* 2026-11-21T10:32:05.000Z */
    if (until_ms - now_ms < DAY_MS)
        (void)snprintf(out, STR_TIME_MAX, "%.8sZ", full + 11);
    else
        (void)snprintf(out, STR_TIME_MAX, "%.19sZ", full);
    return out;
}

void would_say(struct buf *b, const struct would *w, int64_t now_ms)
{
    char until[STR_TIME_MAX] = "";
    const struct reason_names names = {.side = {w->target, NULL}, .text = w->text, .until = until};
    const struct hd_reason r = {.number = (uint16_t)w->reason, .check = HD_NO_CHECK, .role = HD_STABLE,
                                .value = (double)NAN, .limit = (double)NAN, .stable = (double)NAN,
                                .n = (double)NAN, .k = w->ready, .of = w->wanted};
    if (w->until_ms >= 0)
        (void)would_until(w->until_ms, now_ms, until);
    if (w->reason == HD_REASON_APPROVAL) /* the reason's own words are for when it has asked */
        buf_print(b, "it asks a human first: %s", w->text);
    else
        reason_render(b, &r, &names);
}

const char *would_next(struct hd_arena *a, const struct would *w, const char *service)
{
    switch (w->reason) {
    case HD_REASON_HELD:
        return w->all ? "haldane release ends the hold" : arena_print(a, "haldane release %s ends the hold", service);
    case HD_REASON_TARGET_REJECTED:
    case HD_REASON_ALREADY_REVERTED:
        return arena_print(a, "haldane rearm %s --reason TEXT allows it again", service);
    case HD_REASON_TARGET_NOT_READY:
    case HD_REASON_TARGET_SMALL:
        return arena_print(a, "start %s, or let it be", w->target);
    case HD_REASON_TARGET_UNKNOWN:
        return "name a `target.probe`, or trust it";
    default:
        return NULL;
    }
}
