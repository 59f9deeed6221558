/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard's body: made at a switch, moved along state.def, described in one sentence, packed into
 * its row. Decides nothing; the stages do.
 */
#include "pipeline/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/pack.h"
#include "base/reason.h"
#include "base/str.h"
#include "engine/rules.h"
#include "json/json.h"

#define SERIES_HEADS (4 * HD_CHECKS_MAX) /* bytes of the lengths between the checks' memories */

int policy_colour(const struct hd_policy *policy, const char *name)
{
    for (uint32_t i = 0; name && i < policy->n_colours; i++) {
        if (str_is(policy->colours[i].name, name))
            return (int)i;
    }
    return -1;
}

const char *guard_colour(const struct guard *g, enum hd_role role)
{
    return g->policy->colours[role == HD_STABLE ? g->stable : g->candidate].name;
}

int64_t guard_time(const struct guard *g)
{
    int64_t t = g->t_base_ms + (g->p->now.boot_ms - g->boot_base_ms);
    return t > 0 ? t : 0;
}

static const char id_digit[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's base 32 */

void guard_id_taken(struct pipeline *p, const char *id)
{
    const char *at;
    int64_t time = 0;
    for (int i = 0; i < 10 && id[i] && (at = strchr(id_digit, id[i])); i++)
        time = time << 5 | (at - id_digit);
    p->id_ms = time > p->id_ms ? time : p->id_ms;
}

/* Time first, so that ids sort by age: also those of after the clock was set back. */
static void make_id(struct pipeline *p, char out[27])
{
    p->id_ms = p->now.wall_ms > p->id_ms ? p->now.wall_ms : p->id_ms + 1;
    uint64_t time = (uint64_t)p->id_ms;
    for (int i = 9; i >= 0; i--, time >>= 5)
        out[i] = id_digit[time & 31];
    uint64_t random[2] = {random_next(p), random_next(p)};
    for (int i = 0; i < 16; i++) {
        out[10 + i] = id_digit[random[i / 8] & 31];
        random[i / 8] >>= 5;
    }
    out[26] = '\0';
}

static void limit_text(struct buf *b, const struct hd_check *c)
{
    const char *glue = "";
    bool limited = !isnan(c->max) || !isnan(c->min) || !isnan(c->worse_than_baseline) ||
                   !isnan(c->min_of_baseline);
    double tolerated = limited || c->fail_after.kind != HD_RULE_SEQUENTIAL ? (double)NAN : c->tolerance;
    const struct {
        double limit;
        const char *sign, *after;
        bool factor;
    } part[] = {{c->max, "<= ", "", false},
                {c->min, ">= ", "", false},
                {c->worse_than_baseline, "<= ", "x baseline", true},
                {c->min_of_baseline, ">= ", "x baseline", true},
                {tolerated, "<= ", "x baseline", true}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (isnan(part[i].limit))
            continue;
        buf_print(b, "%s%s", glue, part[i].sign);
        reason_value(b, part[i].limit, part[i].factor ? "" : c->unit);
        buf_text(b, part[i].after);
        glue = " or ";
    }
}

/* Where people draw its query; and the labels by which what it counts is told apart. */
static void put_graph(struct json_out *o, const struct hd_config *config, const struct hd_check *c)
{
    ARENA_AUTO a = arena_new();
    const struct hd_query *q = &c->query;
    const struct hd_plugin *source = &config->datasources[c->datasource].plugin;
    const struct hd_provider *provider = hd_provider_find(source->type);
    if (!provider || !provider->graph)
        return;
    json_put_text(o, "graph", provider->graph(a, source->cfg));
    if (q->kind != HD_QUERY_GAUGE)
        json_put_text(o, "by", arena_print(a, "%s%s%s", q->by_label ? q->by_label : "",
                                           q->by_label && q->key_label ? ", " : "", q->key_label ? q->key_label : ""));
}

void guard_checks_json(const struct hd_config *config, const struct hd_policy *policy, struct buf *to)
{
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '[');
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        const struct hd_check *c = &policy->checks[i];
        BUF_AUTO limit = BUF_INIT(256);
        limit_text(&limit, c);
        json_begin(&o, NULL, '{');
        json_put_text(&o, "name", c->name);
        json_put_text(&o, "title", c->title);
        json_put_text(&o, "unit", c->unit);
        json_put_text(&o, "limit", buf_at(&limit));
        json_put_text(&o, "rule",
                      rules_of(policy, i)->kind == HD_RULE_SEQUENTIAL ? "sequential" : "threshold");
        json_put_double(&o, "max", c->max);
        json_put_double(&o, "min", c->min);
        json_put_double(&o, "warn", c->warn);
        json_put_double(&o, "worse_than_baseline", c->worse_than_baseline);
        json_put_double(&o, "min_of_baseline", c->min_of_baseline);
        json_put_bool(&o, "critical", c->critical);
        json_put_bool(&o, "advisory", c->advisory);
        json_put_bool(&o, "complement", c->query.complement);
        json_put_text(&o, "kind", c->query.kind == HD_QUERY_COUNTS  ? "counts"
                                  : c->query.kind == HD_QUERY_RATE ? "rate"
                                                                   : "gauge");
        json_put_text(&o, "query", c->query.text[0]);
        put_graph(&o, config, c);
        json_end(&o, '}');
    }
    json_end(&o, ']');
}

static void init_bufs(struct guard *g)
{
    g->headline = BUF_INIT(400);
    g->why = BUF_INIT(1000);
    g->reasons = BUF_INIT(HD_BLOB_BYTES_MAX);
    g->rehearsal = BUF_INIT(2000);
    g->native = BUF_INIT(16384);
    g->change = BUF_INIT(16384);
    g->resume = BUF_INIT(HD_BLOB_BYTES_MAX);
    g->series = BUF_INIT(HD_BLOB_BYTES_MAX);
    g->act.again_ms = INT64_MAX;
}

struct guard *guard_new(struct service *s, struct config *pin, const struct hd_policy *policy,
                        bool analysis)
{
    struct guard *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->p = s->p;
    g->service = s;
    g->pin = config_ref(pin);
    g->policy = policy;
    g->actuator = hd_actuator_find(policy->actuator.type);
    g->own = arena_new();
    g->queue_end = &g->queue;
    init_bufs(g);
    engine_state_init(policy, &g->engine);
    for (uint32_t i = 0; i < policy->n_checks; i++)
        g->counts[i] = counts_new();
    g->boot_base_ms = g->p->now.boot_ms;
    g->asked_ms = INT64_MIN / 2;
    if (analysis)
        analysis_enter(g);
    else
        s->guard = g;
    return g;
}

struct guard *guard_next(const struct pipeline *p, size_t *at)
{
    while (*at < p->n_services + HD_ANALYSES_MAX) {
        size_t i = (*at)++;
        struct guard *g = i < p->n_services ? p->services[i]->guard : p->analyses[i - p->n_services];
        if (g)
            return g;
    }
    return NULL;
}

void guard_poll_at(struct guard *g, int64_t boot_ms)
{
    due_set(g->p, g->row.analysis ? DUE_ANALYSE : DUE_POLL, g->row.analysis ? g->slot : g->service->index,
            boot_ms);
}

void guard_pin(struct guard *g)
{
    BUF_AUTO pin = BUF_INIT(HD_BLOB_BYTES_MAX);
    BUF_AUTO checks = BUF_INIT(HD_BLOB_BYTES_MAX);
    BUF_AUTO rules = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out o = json_out(&rules);
    struct would_rules r;
    config_pin(g->pin, g->policy, &pin);
    guard_checks_json(config_get(g->pin), g->policy, &checks);
    would_rules_of(g->own, g->policy, config_get(g->pin), &r);
    r.unsafe = g->unsafe;
    store_rules_save(&r, &o, NULL);
    g->row.rules = arena_text(g->own, buf_at(&rules));
    g->row.pin = arena_text(g->own, buf_at(&pin));
    g->row.checks = arena_text(g->own, buf_at(&checks));
    g->pin_dirty = g->dirty = true;
}

void guard_take_policy(struct guard *g, const struct hd_policy *policy)
{
    g->policy = policy;
    guard_pin(g);
}

void guard_take_duration(struct guard *g, int64_t duration_ms)
{
    struct config *own = config_vary(g->pin, g->policy, duration_ms);
    config_unref(g->pin);
    g->pin = own;
    g->policy = config_get(own)->services;
    g->row.until_ms = g->row.switch_to_ms + duration_ms;
    guard_pin(g);
}

static void start_row(struct guard *g, const struct guard_start *start)
{
    struct pipeline *p = g->p;
    g->row = (struct store_guard){
        .service = g->service->name,
        .state = start->pending                 ? HD_STATE_PENDING
                 : g->policy->guard.warmup_ms > 0 ? HD_STATE_WARMING
                                                : HD_STATE_WATCHING,
        .mode = start->analysis                                        ? (int32_t)HD_MODE_SHADOW
                : start->advise && g->policy->mode == HD_MODE_ENFORCE ? (int32_t)HD_MODE_ADVISE
                                                                       : g->policy->mode,
        .analysis = start->analysis,
        .score = NAN,
        .trigger = arena_text(g->own, start->trigger),
        .stable = guard_colour(g, HD_STABLE),
        .candidate = guard_colour(g, HD_CANDIDATE),
        .candidate_version = arena_text(g->own, start->version),
        .stable_version = arena_text(g->own, start->stable_version),
        .group = arena_text(g->own, start->group),
        .value_before = arena_text(g->own, start->value_before),
        .value_after = arena_text(g->own, start->value_after),
        .switch_from_ms = start->switch_from_ms,
        .switch_to_ms = start->switch_to_ms,
        .started_ms = p->now.wall_ms,
        .until_ms = start->switch_to_ms + g->policy->guard.duration_ms,
        .ended_ms = -1,
        .decided_ms = -1,
        .sent_ms = -1,
        .accepted_ms = -1,
        .verified_ms = -1,
        .recovered_ms = -1,
        .bad_since_ms = -1,
        .config_hash = arena_text(g->own, config_get(g->pin)->hash),
    };
    make_id(p, g->row.id);
    guard_pin(g);
    g->pin_dirty = false; /* it is stored with the guard */
    buf_text(&g->change, start->change);
}

void guard_tell_switch(struct guard *g, const char *how)
{
    const struct side_mark *m = mark_of(g->service, guard_colour(g, HD_CANDIDATE));
    char at[STR_TIME_MAX];
    if (!m || g->row.analysis) {
        event_guard(g, "state", HD_REASON_NONE, how, true);
        return;
    }
    BUF_AUTO text = BUF_INIT(2 * HD_TEXT_MAX);
    ARENA_AUTO a = arena_new();
    struct would w = may_act(g, a);
    buf_print(&text, "%s, rejected by guard %s at %s (%s). ", m->colour, *m->guard ? m->guard : "?",
              str_moment(m->at_ms, g->p->now.wall_ms, at), m->why);
    if (!w.reason)
        buf_print(&text, "It is watched, and taken back if it fails");
    else
        buf_print(&text, "It is watched, and not taken back by haldane: %s", may_say(&w, g->p, a));
    event_guard(g, "state", HD_REASON_REJECTED_LIVE, buf_at(&text), true);
}

struct guard *guard_start(struct service *s, const struct guard_start *start)
{
    struct pipeline *p = s->p;
    struct guard *g = guard_new(s, start->pin ? start->pin : p->config,
                                start->pin ? config_service(start->pin, s->name) : s->policy, start->analysis);
    if (start->analysis)
        analysis_take_times(g, start);
    g->stable = start->stable;
    g->candidate = start->candidate;
    g->from_rejected = service_rejected(s, guard_colour(g, HD_STABLE)) != NULL;
    start_row(g, start);
    /* A switch found by two readings is as old as the second one; one after a restart lies
     * between them, and what it did meanwhile is asked of the source. */
    g->t_base_ms = p->now.wall_ms - start->switch_to_ms;
    if (g->t_base_ms < 0 || (g->t_base_ms > g->policy->guard.duration_ms && !start->analysis))
        g->t_base_ms = 0;
    guard_headline(g);
    g->dirty = true;
    if (start->pending)
        event_guard(g, "state", HD_REASON_NONE, "waiting for the switch", true);
    else
        guard_tell_switch(g, start->analysis ? "ordered" : start->advise ? "moved by an order" : "switch seen");
    guard_poll_at(g, boot_of_wall(p, sched_next_multiple(p->now.wall_ms, g->policy->guard.interval_ms)));
    due_set(p, DUE_READ, s->index, p->now.boot_ms);
    if (!start->pending && !start->analysis)
        act_rehearse(g);
    log_info(s->name, "%s %s started: %s -> %s (%s)", start->analysis ? "analysis" : "guard", g->row.id,
             g->row.stable, g->row.candidate, g->row.trigger);
    return g;
}

static void free_queue(struct guard *g)
{
    while (g->queue) {
        struct evidence_item *next = g->queue->next;
        free(g->queue);
        g->queue = next;
    }
}

struct guard *guard_free(struct guard *g)
{
    if (!g)
        return NULL;
    struct buf *const bufs[] = {&g->headline, &g->why,    &g->reasons, &g->rehearsal,
                                &g->native,   &g->change, &g->resume,  &g->series};
    collect_free(g->collect);
    past_free(g->past);
    act_clear(g);
    talk_cancel(g->rehearse);
    if (g->rehearse_send)
        g->p->o.wire.cancel(g->p->o.wire.ctx, g->rehearse_send);
    arena_free(g->rehearse_arena);
    for (uint32_t i = 0; i < HD_CHECKS_MAX; i++)
        counts_free(g->counts[i]);
    free_queue(g);
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_clear(bufs[i]);
    free(g->goal);
    arena_free(g->own);
    config_unref(g->pin);
    free(g);
    return NULL;
}

void guard_names(const struct guard *g, struct reason_names *ret, const char **checks,
                 const char **units, const char *text)
{
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        checks[i] = g->policy->checks[i].name;
        units[i] = g->policy->checks[i].unit;
    }
    *ret = (struct reason_names){
        .check = checks,
        .unit = units,
        .n_checks = g->policy->n_checks,
        .side = {guard_colour(g, HD_STABLE), guard_colour(g, HD_CANDIDATE)},
        .text = text,
    };
}

void guard_why(struct guard *g, const struct hd_reason *r, const char *text)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names;
    guard_names(g, &names, checks, units, text);
    buf_clear(&g->why);
    reason_render(&g->why, r, &names);
    g->dirty = true;
}

void guard_move(struct guard *g, int state)
{
    if (!hd_state_may_move(g->row.state, state)) {
        log_error(g->service->name, "guard %s: refused to move from %s to %s", g->row.id,
                  hd_state_word(g->row.state), hd_state_word(state));
        return;
    }
    log_info(g->service->name, "guard %s: %s -> %s", g->row.id, hd_state_word(g->row.state),
             hd_state_word(state));
    g->row.state = state;
    guard_headline(g);
    g->dirty = true;
}

void guard_needs_human(struct guard *g, int reason, const char *text)
{
    g->row.needs_human = g->row.mode != HD_MODE_SHADOW;
    guard_headline(g);
    g->dirty = true;
    event_guard(g, "state", reason, text, true);
}

/* Which verdict a terminal state stands for, where the engine did not end it by itself. */
static int verdict_of_state(int state)
{
    switch (state) {
    case HD_STATE_PASSED:
        return HD_VERDICT_PASS;
    case HD_STATE_REVERTED:
    case HD_STATE_NOT_VERIFIED:
    case HD_STATE_NOT_RECOVERED:
    case HD_STATE_REFUSED:
    case HD_STATE_ADVISED:
        return HD_VERDICT_FAIL;
    default:
        return HD_VERDICT_INCONCLUSIVE;
    }
}

static bool state_pages(const struct guard *g, int state)
{
    if (g->row.mode == HD_MODE_SHADOW)
        return false;
    if (g->act.intent.outcome == HD_INTENT_CONFLICT)
        return true; /* half of our change may be there */
    return state == HD_STATE_NOT_VERIFIED || state == HD_STATE_NOT_RECOVERED ||
           state == HD_STATE_REFUSED || state == HD_STATE_ADVISED;
}

static void count_verdict(const struct guard *g)
{
    BUF_AUTO l = BUF_INIT(512);
    metric_label(&l, "service", g->service->name);
    metric_label(&l, "verdict", hd_verdict_word(g->row.verdict));
    if (g->row.analysis) {
        metric_add(metric_get("haldane_analyses_total", METRIC_COUNTER, "Analyses that ended", buf_at(&l)), 1);
        return;
    }
    metric_label(&l, "state", hd_state_word(g->row.state));
    metric_add(metric_get("haldane_verdicts_total", METRIC_COUNTER, "Guards that ended", buf_at(&l)), 1);
}

/* Good news ends what needed a human before: the traffic is where it is well. */
static void resolve_service(struct guard *g, int state)
{
    if (state == HD_STATE_PASSED || state == HD_STATE_REVERTED)
        event_resolve(g, true);
    else if (g->row.needs_human && !state_pages(g, state) &&
             (state == HD_STATE_SUPERSEDED || state == HD_STATE_CANCELLED))
        event_resolve(g, false);
}

void guard_end(struct guard *g, int state, int reason, const char *text)
{
    struct pipeline *p = g->p;
    struct service *s = g->service;
    if (!hd_state_may_move(g->row.state, state)) {
        log_error(s->name, "guard %s: refused to end from %s as %s", g->row.id,
                  hd_state_word(g->row.state), hd_state_word(state));
        return;
    }
    g->row.ended_ms = p->now.wall_ms;
    g->end_reason = reason;
    if (g->row.verdict == HD_VERDICT_NONE)
        g->row.verdict = verdict_of_state(state);
    approval_close(g, APPROVAL_WITHDRAWN, NULL, NULL);
    if (!g->row.analysis)
        resolve_service(g, state);
    if (state_pages(g, state))
        g->row.needs_human = true;
    else if (state == HD_STATE_PASSED || state == HD_STATE_REVERTED || state == HD_STATE_SUPERSEDED ||
             state == HD_STATE_CANCELLED)
        g->row.needs_human = false;
    guard_move(g, state);
    /* Who was told "recovered" need not hear that aftercare is over. */
    event_guard(g, "state", reason, text, state != HD_STATE_REVERTED || reason);
    collect_free(g->collect);
    g->collect = NULL;
    g->past = past_free(g->past);
    if (g->row.analysis) {
        analysis_leave(g);
    } else {
        due_drop(p, DUE_POLL, s->index);
        due_drop(p, DUE_ACT, s->index);
        due_drop(p, DUE_CARE, s->index);
        s->guard = NULL;
        limits_old(s);
    }
    act_quiet(g);
    g->rehearse = talk_cancel(g->rehearse);
    if (g->rehearse_send)
        p->o.wire.cancel(p->o.wire.ctx, g->rehearse_send);
    g->rehearse_send = 0;
    count_verdict(g);
    g->next_ended = p->ended; /* freed after the commit that saves it */
    p->ended = g;
}

/* A check whose memory does not fit any more has none after a restart. */
static void pack_counts(struct guard *g)
{
    g->series.len = 0;
    if (hd_state_terminal(g->row.state))
        return;
    BUF_AUTO one = BUF_INIT(HD_BLOB_BYTES_MAX);
    buf_byte(&g->series, GUARD_SERIES_VERSION);
    for (uint32_t i = 0; i < g->policy->n_checks; i++) {
        one.len = 0;
        counts_save(g->counts[i], &one);
        if (one.full || g->series.len + one.len + SERIES_HEADS > g->series.max)
            one.len = 0;
        one.full = false;
        pack_varint(&g->series, one.len);
        buf_add(&g->series, one.at, one.len);
    }
}

static void pack_resume(struct guard *g)
{
    buf_clear(&g->resume);
    struct json_out o = json_out(&g->resume);
    json_begin(&o, NULL, '{');
    json_put_i64(&o, "t_ms", guard_time(g));
    json_put_i64(&o, "wall_ms", g->p->now.wall_ms);
    json_put_i64(&o, "boot_ms", g->p->now.boot_ms);
    json_put_text(&o, "boot_id", g->p->o.boot_id);
    json_put_i64(&o, "polls", g->polls);
    json_put_bool(&o, "before_done", g->before_done);
    json_put_bool(&o, "past_taken", g->past_taken);
    json_put_i64(&o, "told_blind", (int64_t)g->told_blind);
    json_put_i64(&o, "told_shared", (int64_t)g->told_shared);
    json_put_i64(&o, "verified_t_ms", g->verified_t_ms);
    json_put_text(&o, "goal", g->goal);
    json_put_bool(&o, "reapplied", g->reapplied);
    json_put_bool(&o, "unwell", g->unwell);
    json_put_bool(&o, "turned", g->turned);
    json_put_bool(&o, "from_rejected", g->from_rejected);
    json_put_bool(&o, "automatic", g->act.automatic);
    json_put_bool(&o, "ordered", g->ordered);
    json_put_bool(&o, "unsafe", g->unsafe);
    json_put_bool(&o, "reapply", g->act.reapply);
    json_put_text(&o, "why_now", g->act.why_now);
    json_end(&o, '}');
}

static const char *text_or_null(const struct buf *b) { return b->len ? b->at : NULL; }

void guard_pack(struct guard *g)
{
    pack_counts(g);
    pack_resume(g);
    g->row.headline = buf_at(&g->headline);
    g->row.why = buf_at(&g->why);
    g->row.reasons = g->reasons.len ? buf_at(&g->reasons) : "[]";
    g->row.native = text_or_null(&g->native);
    g->row.rehearsal = text_or_null(&g->rehearsal);
    g->row.change = text_or_null(&g->change);
    g->row.resume = hd_state_terminal(g->row.state) ? NULL : buf_at(&g->resume);
    g->row.counts = g->series.len ? buf_span(&g->series) : (struct hd_span){0};
    g->row.engine = &g->engine;
    g->row.version++;
}
