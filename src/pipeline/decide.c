/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in, and what follows from it: one step of the engine, bands and reasons recorded, a
 * human paged, the guard passed, ended or handed to act.c. The judgement itself is the engine's;
 * whether haldane may act on it (mode, holds, budgets) says may.c.
 */
#include "pipeline/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/reason.h"
#include "base/str.h"
#include "json/json.h"

void decide_keep(struct guard *g, const struct hd_evidence *e, int64_t wall_ms, int64_t t_ms, bool care)
{
    if (g->n_queue >= PENDING_EVIDENCE_MAX) { /* the store is lost: the oldest goes */
        struct evidence_item *old = g->queue;
        g->queue = old->next;
        free(old);
        g->n_queue--;
    }
    struct evidence_item *item = calloc(1, sizeof *item + e->n_past * sizeof *e->past);
    if (!item)
        abort();
    memcpy(item->m, e->m, e->n * sizeof *e->m);
    if (e->n_past)
        memcpy(item->past, e->past, e->n_past * sizeof *e->past);
    item->row = (struct store_evidence){.wall_ms = wall_ms, .t_ms = t_ms, .care = care, .evidence = *e};
    item->row.evidence.m = item->m;
    item->row.evidence.past = item->past;
    if (!g->queue)
        g->queue_end = &g->queue;
    *g->queue_end = item;
    g->queue_end = &item->next;
    g->n_queue++;
}

static void queue_bands(struct guard *g, const struct hd_guard_state *before, int64_t wall_ms)
{
    for (uint32_t i = 0; i < g->engine.n_checks; i++) {
        const struct hd_check_state *c = &g->engine.check[i];
        if (c->band == before->check[i].band)
            continue;
        if (g->n_bands == HD_CHECKS_MAX) /* the store is lost: the oldest goes */
            memmove(g->bands, g->bands + 1, --g->n_bands * sizeof *g->bands);
        g->bands[g->n_bands++] = (struct store_band){.wall_ms = wall_ms,
                                                     .check = (uint8_t)i,
                                                     .band = c->band,
                                                     .value = c->value,
                                                     .stable = c->stable_value,
                                                     .limit = c->limit,
                                                     .n = c->n};
    }
}

static void reasons_json(struct guard *g, const char *words)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names;
    guard_names(g, &names, checks, units, words);
    buf_clear(&g->reasons);
    struct json_out o = json_out(&g->reasons);
    json_begin(&o, NULL, '[');
    for (size_t i = 0; i < g->verdict.n; i++) {
        const struct hd_reason *r = &g->verdict.reason[i];
        BUF_AUTO text = BUF_INIT(1000);
        reason_render(&text, r, &names);
        json_begin(&o, NULL, '{');
        json_put_i64(&o, "number", r->number);
        json_put_text(&o, "slug", reason_slug(r->number));
        json_put_text(&o, "severity", hd_severity_word((int)reason_severity(r->number)));
        json_put_text(&o, "text", buf_at(&text));
        if (r->check < g->policy->n_checks)
            json_put_text(&o, "check", g->policy->checks[r->check].name);
        json_end(&o, '}');
    }
    json_end(&o, ']');
}

/* The guard's series on /metrics, looked up once. */
struct guard_gauges {
    struct metric *evaluated;
    struct {
        struct metric *value[HD_ROLES], *limit;
    } check[];
};

static struct guard_gauges *gauges_of(const struct guard *g)
{
    static const char value_help[] = "Last judged value of a check",
                      limit_help[] = "Limit of a check as judged last",
                      last_help[] = "When the service was last evaluated";
    uint32_t n = g->policy->n_checks;
    struct guard_gauges *ret = arena_alloc(g->own, sizeof *ret + n * sizeof ret->check[0]);
    BUF_AUTO service = BUF_INIT(512);
    metric_label(&service, "service", g->service->name);
    for (uint32_t i = 0; i < n; i++) {
        BUF_AUTO check = BUF_INIT(1024);
        buf_text(&check, buf_at(&service));
        metric_label(&check, "check", g->policy->checks[i].name);
        for (int r = 0; r < HD_ROLES; r++) {
            BUF_AUTO role = BUF_INIT(1024);
            buf_text(&role, buf_at(&check));
            metric_label(&role, "role", r == HD_STABLE ? "stable" : "candidate");
            ret->check[i].value[r] = metric_get("haldane_check_value", METRIC_GAUGE, value_help,
                                                buf_at(&role));
        }
        ret->check[i].limit = metric_get("haldane_check_limit", METRIC_GAUGE, limit_help, buf_at(&check));
    }
    ret->evaluated = metric_get("haldane_last_evaluation_timestamp_seconds", METRIC_GAUGE, last_help,
                                buf_at(&service));
    return ret;
}

static void gauges(struct guard *g)
{
    if (g->row.analysis) /* the series are the live guard's */
        return;
    if (!g->gauges)
        g->gauges = gauges_of(g);
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        const struct hd_check_state *c = &g->engine.check[i];
        metric_set(g->gauges->check[i].value[HD_STABLE], c->stable_value);
        metric_set(g->gauges->check[i].value[HD_CANDIDATE], c->value);
        metric_set(g->gauges->check[i].limit, c->limit);
    }
    metric_set(g->gauges->evaluated, (double)g->p->now.wall_ms / 1000);
}

static bool is_shared(const struct hd_reason *r)
{
    return r->number == HD_REASON_SHARED || r->number == HD_REASON_BOTH_BAD_AFTER_SWITCH ||
           r->number == HD_REASON_NO_WORSE;
}

/* Pages once for each check that went blind or is bad on both colours, and takes it back when that
 * has ended. A verdict of the same poll tells for itself: what it acts on must stay the reason. */
static void page_early(struct guard *g)
{
    uint64_t blind = 0, shared = 0;
    for (size_t i = 0; i < g->verdict.n; i++) {
        const struct hd_reason *r = &g->verdict.reason[i];
        if (r->check >= HD_CHECKS_MAX)
            continue;
        if (r->number == HD_REASON_BLIND)
            blind |= (uint64_t)1 << r->check;
        if (is_shared(r))
            shared |= (uint64_t)1 << r->check;
    }
    if (!g->verdict.page)
        shared &= g->told_shared; /* not for long enough yet */
    for (size_t i = 0; i < g->verdict.n; i++) {
        const struct hd_reason *r = &g->verdict.reason[i];
        uint64_t bit = r->check < HD_CHECKS_MAX ? (uint64_t)1 << r->check : 0;
        bool fresh = g->verdict.kind == HD_VERDICT_NONE &&
                     ((r->number == HD_REASON_BLIND && (bit & blind & ~g->told_blind)) ||
                      (is_shared(r) && (bit & shared & ~g->told_shared)));
        if (!fresh)
            continue;
        if (r->number == HD_REASON_BLIND)
            g->told_blind |= bit;
        else
            g->told_shared |= bit;
        guard_why(g, r, NULL);
        guard_needs_human(g, r->number, buf_at(&g->why));
    }
    bool ended = (g->told_blind & ~blind) || (g->told_shared & ~shared);
    g->told_blind &= blind;
    g->told_shared &= shared;
    if (ended && !g->told_blind && !g->told_shared && !g->service->unread_told && g->verdict.kind == HD_VERDICT_NONE) {
        g->row.needs_human = false;
        event_resolve(g, false);
    }
}

static void describe(struct guard *g)
{
    g->row.verdict = g->verdict.kind;
    g->row.cause = g->verdict.cause;
    g->row.score = g->verdict.score;
    if (g->verdict.n)
        guard_why(g, &g->verdict.reason[0], NULL);
    reasons_json(g, NULL);
    guard_headline(g);
}

void decide_take(struct guard *g, enum engine_input_kind kind, int64_t by_ms)
{
    struct engine_input in = {.polls = g->engine.polls, .by_ms = by_ms, .kind = (int32_t)kind};
    engine_take(&in, &g->engine, &g->verdict);
    if (g->n_inputs < GUARD_INPUTS_MAX)
        g->input[g->n_inputs++] = in;
    g->dirty = true;
}

/* An alert's word in place of the checks'. */
static void say_alert(struct guard *g, enum engine_input_kind kind, const char *words)
{
    decide_take(g, kind, 0);
    g->row.verdict = g->verdict.kind;
    guard_why(g, &g->verdict.reason[0], words);
    reasons_json(g, words);
}

/* A release is not good while an alert that feeds its guard has been firing since the switch. */
static bool alert_fires(struct guard *g)
{
    ARENA_AUTO a = arena_new();
    const struct pipeline *p = g->p;
    struct store_alert alert;
    struct hd_error err;
    enum hd_code code = g->row.analysis ? HD_ABSENT
                                        : store_alert_firing(p->o.store, a, g->service->name, g->row.switch_from_ms,
                                                             p->now.wall_ms - HD_ALERT_FIRING_MS, &alert, &err);
    if (code == HD_ABSENT)
        return false;
    say_alert(g, ENGINE_ALERT_DOUBTED,
              code ? arena_print(a, "whether one fires cannot be read: %s", err.text)
                   : arena_print(a, "%s, though every check held", alert.name));
    return true;
}

static void passed(struct guard *g, int reason)
{
    if (alert_fires(g)) {
        g->row.needs_human = g->row.mode != HD_MODE_SHADOW;
        guard_end(g, HD_STATE_INCONCLUSIVE, HD_REASON_ALERT, buf_at(&g->why));
        return;
    }
    if (!g->row.analysis)
        mark_passed(g);
    guard_end(g, HD_STATE_PASSED, reason, buf_at(&g->why));
}

static void inconclusive(struct guard *g)
{
    int reason = g->verdict.n ? g->verdict.reason[0].number : HD_REASON_TOO_FEW_POLLS;
    switch (g->row.analysis ? (int32_t)HD_ON_INCONCLUSIVE_PAGE : g->policy->on_inconclusive) {
    case HD_ON_INCONCLUSIVE_PASS:
        if (!g->verdict.page) { /* both colours failing is never a pass */
            passed(g, reason);
            return;
        }
        break;
    case HD_ON_INCONCLUSIVE_REVERT:
        if (g->verdict.cause != HD_CAUSE_SHARED) {
            decide_revert(g, true, NULL);
            return;
        }
        break;
    default:
        break;
    }
    g->row.needs_human = g->row.mode != HD_MODE_SHADOW;
    guard_end(g, HD_STATE_INCONCLUSIVE, reason, buf_at(&g->why));
}

/* What users feel, also while warm-up lets no check count it. */
static bool is_bad(const struct guard *g)
{
    bool bad = g->engine.silent > 0;
    for (uint32_t i = 0; i < g->engine.n_checks; i++)
        bad |= (g->engine.check[i].consecutive > 0 || g->engine.check[i].band == HD_BAND_FAIL) &&
               !g->policy->checks[i].advisory;
    return bad;
}

void decide_evidence(struct guard *g, const struct hd_evidence *e, int64_t wall_ms, int64_t t_ms)
{
    struct hd_guard_state before = g->engine;
    struct hd_error err;
    if (engine_step(g->policy, &before, e, t_ms, &g->engine, &g->verdict, &err)) {
        log_error(g->service->name, "guard %s: %s", g->row.id, err.text);
        return;
    }
    decide_keep(g, e, wall_ms, t_ms, false);
    g->dirty = true;
    if (e->before)
        return;
    queue_bands(g, &before, wall_ms);
    if (approval_open(g)) { /* the verdict stands; a human decides */
        gauges(g);
        return;
    }
    describe(g);
    gauges(g);
    if (!is_bad(g) && g->verdict.kind == HD_VERDICT_NONE)
        g->row.bad_since_ms = -1;
    else if (is_bad(g) && g->row.bad_since_ms < 0)
        g->row.bad_since_ms = wall_ms;
    g->row.until_ms = g->row.switch_to_ms + g->policy->guard.duration_ms + g->engine.extended_ms;
    page_early(g);
    if (g->row.state == HD_STATE_WARMING && t_ms >= g->policy->guard.warmup_ms) {
        guard_move(g, HD_STATE_WATCHING);
        event_guard(g, "state", HD_REASON_NONE, "warm-up over: every check is judged from now on", false);
    }
    if (g->verdict.kind == HD_VERDICT_FAIL)
        decide_revert(g, true, NULL);
    else if (g->verdict.kind == HD_VERDICT_PASS)
        passed(g, g->verdict.n ? g->verdict.reason[0].number : HD_REASON_ALL_GOOD);
    else if (g->verdict.kind == HD_VERDICT_INCONCLUSIVE)
        inconclusive(g);
}

/* --- may haldane act? --- */

bool decide_unsafe(const struct hd_policy *policy, int64_t wall_ms)
{
    return !policy->rollback_safe &&
           (policy->rollback_unsafe_until_ms < 0 || wall_ms < policy->rollback_unsafe_until_ms);
}

static void detect_metric(const struct guard *g)
{
    BUF_AUTO l = BUF_INIT(512);
    metric_label(&l, "service", g->service->name);
    metric_set(metric_get("haldane_detect_seconds", METRIC_GAUGE,
                          "Last decision to revert: time since the switch", buf_at(&l)),
               (double)(g->row.decided_ms - g->row.switch_to_ms) / 1000);
}

/* It acts: who was asked to approve it, or told that it sees too little or trouble on both sides, is not needed for
 * that any more. */
static void settle_early(struct guard *g)
{
    g->told_blind = g->told_shared = 0;
    if (!g->row.needs_human || g->service->unread_told)
        return;
    g->row.needs_human = false;
    event_resolve(g, false);
}

void decide_revert(struct guard *g, bool automatic, const char *why_now)
{
    struct pipeline *p = g->p;
    ARENA_AUTO a = arena_new();
    struct would may = {.reason = HD_REASON_NONE};
    if (automatic && !g->row.analysis)
        may = may_decide(g, a);
    if (automatic && !g->row.analysis && !may.reason && approval_ask(g))
        return;
    approval_close(g, APPROVAL_WITHDRAWN, NULL, NULL); /* ordered otherwise: a later answer finds nothing */
    g->row.decided_ms = p->now.wall_ms;
    g->ordered = !automatic;
    if (g->ordered)
        decide_take(g, ENGINE_ORDERED_BACK, 0);
    if (g->ordered)
        guard_why(g, &(struct hd_reason){.number = HD_REASON_OPERATOR, .check = HD_NO_CHECK}, why_now);
    guard_move(g, HD_STATE_DECIDING);
    if (g->row.verdict == HD_VERDICT_NONE)
        g->row.verdict = HD_VERDICT_FAIL;
    if (g->row.analysis) {
        guard_end(g, HD_STATE_ADVISED, HD_REASON_ANALYSIS, buf_at(&g->why));
        return;
    }
    if (may.reason) {
        mark_reject(g, "failed a guard");
        guard_end(g, HD_STATE_ADVISED, may.reason, arena_print(a, "%s; %s", may_say(&may, p, a), buf_at(&g->why)));
        return;
    }
    detect_metric(g);
    settle_early(g);
    if (automatic)
        may_decided(p);
    event_guard(g, "state", automatic ? (g->verdict.n ? g->verdict.reason[0].number : 0) : HD_REASON_OPERATOR,
                automatic ? buf_at(&g->why) : why_now, false);
    act_start(g, automatic, false, why_now);
}

void decide_alert(struct guard *g, const char *words)
{
    say_alert(g, ENGINE_ALERT_FAILED, words);
    decide_revert(g, true, NULL);
}
