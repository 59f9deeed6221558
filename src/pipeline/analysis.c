/* SPDX-License-Identifier: Apache-2.0
 *
 * Analyses: guards that judge by the service's policy and can never act. Other tools order them,
 * under a name of their own, and come back for the verdict. They run beside the live guard, poll
 * and store like it, and touch neither the router, nor the marks of rejected sides, nor a pager.
 * Called by command.c, by the schedule and where guard.c and decide.c tell the two apart.
 */
#include "pipeline/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

bool analysis_room(const struct service *s)
{
    const struct pipeline *p = s->p;
    size_t all = 0, mine = 0;
    for (size_t i = 0; i < HD_ANALYSES_MAX; i++) {
        all += p->analyses[i] != NULL;
        mine += p->analyses[i] && p->analyses[i]->service == s;
    }
    return all < HD_ANALYSES_MAX && mine < HD_ANALYSES_SERVICE_MAX;
}

void analysis_enter(struct guard *g)
{
    uint32_t slot = 0;
    while (slot < HD_ANALYSES_MAX && g->p->analyses[slot])
        slot++;
    if (slot == HD_ANALYSES_MAX)
        abort(); /* analysis_room was not asked */
    g->slot = slot;
    g->p->analyses[slot] = g;
}

void analysis_leave(struct guard *g)
{
    due_drop(g->p, DUE_ANALYSE, g->slot);
    g->p->analyses[g->slot] = NULL;
}

struct guard *analysis_find(const struct service *s, const char *run)
{
    for (size_t i = 0; i < HD_ANALYSES_MAX; i++) {
        struct guard *g = s->p->analyses[i];
        if (g && g->service == s && str_is(g->run.run, run))
            return g;
    }
    return NULL;
}

struct guard *analysis_live(const struct pipeline *p, const char *id)
{
    for (size_t i = 0; id && i < HD_ANALYSES_MAX; i++) {
        if (p->analyses[i] && str_is(p->analyses[i]->row.id, id))
            return p->analyses[i];
    }
    return NULL;
}

void analysis_take_times(struct guard *g, const struct guard_start *start)
{
    struct hd_policy *own = arena_copy(g->own, g->policy, sizeof *own);
    own->guard.duration_ms = start->duration_ms;
    own->guard.interval_ms = start->interval_ms;
    g->policy = own;
}

bool analysis_of_past(const struct guard *g)
{
    return g->row.analysis && g->row.switch_to_ms < g->row.started_ms;
}

struct guard *analysis_start(struct service *s, const struct analysis_start *start)
{
    int64_t now = s->p->now.wall_ms;
    struct guard_start how = {
        .stable = start->stable,
        .candidate = start->candidate,
        .trigger = start->trigger,
        .version = start->version,
        .stable_version = start->stable_version,
        .pin = start->pin,
        .switch_from_ms = start->from_ms,
        .switch_to_ms = start->from_ms,
        .analysis = true,
        .duration_ms = start->duration_ms,
        .interval_ms = start->interval_ms,
    };
    struct guard *g = guard_start(s, &how);
    g->run = (struct store_run){
        .service = s->name,
        .run = start->run ? arena_text(g->own, start->run) : g->row.id,
        .guard = g->row.id,
        .expires_ms = now + start->ttl_ms,
        .note = arena_text(g->own, start->note),
    };
    g->run_dirty = true;
    if (analysis_of_past(g)) {
        g->before_done = true; /* it is no switch: what was before its time says nothing */
        guard_poll_at(g, s->p->now.boot_ms);
    }
    return g;
}

void analysis_due(struct pipeline *p, uint32_t slot)
{
    struct guard *g = p->analyses[slot];
    if (g && p->now.wall_ms >= g->run.expires_ms)
        guard_end(g, HD_STATE_CANCELLED, HD_REASON_NONE, "its run expired before a verdict");
    else if (g)
        collect_poll(g);
}

void analysis_headline(struct guard *g)
{
    const char *stable = guard_colour(g, HD_STABLE), *candidate = guard_colour(g, HD_CANDIDATE);
    struct buf *b = &g->headline;
    switch (g->row.state) {
    case HD_STATE_PASSED:
        buf_print(b, "Analysis: %s passed", candidate);
        break;
    case HD_STATE_ADVISED:
        buf_print(b, "Analysis: %s fails; nothing was changed", candidate);
        break;
    case HD_STATE_INCONCLUSIVE:
        if (g->row.cause == HD_CAUSE_SHARED)
            buf_print(b, "Analysis: both %s and %s are failing", stable, candidate);
        else
            buf_print(b, "Analysis: not enough evidence about %s", candidate);
        break;
    case HD_STATE_CANCELLED:
        buf_print(b, "Analysis cancelled");
        break;
    default:
        buf_print(b, "Analysing %s against %s", candidate, stable);
        break;
    }
}

/* --- the order --- */

/* True: said that the name is of an analysis of other sides, or of another time. */
static bool analysis_other(struct order *o, const char *run, const struct store_guard *row)
{
    const char *version = order_text(o, "version");
    const struct store_sides asked = {
        .candidate = order_text(o, "candidate"),
        .stable = order_text(o, "stable"),
        .candidate_version = version ? version : order_text(o, "candidate_label"),
        .stable_version = order_text(o, "stable_label"),
    };
    const char *other = store_run_other(o->arena, run, row, &asked);
    bool same = order_number(o, "from_ms", row->switch_to_ms) == row->switch_to_ms &&
                order_number(o, "to_ms", row->until_ms) == row->until_ms;
    if (other)
        order_problem(o, 409, "other_sides", other);
    else if (!same)
        order_problem(o, 409, "other_time",
                      arena_print(o->arena, "the run %s judges another time: use another run name", run));
    return other || !same;
}

/* Under a name that has been used, the same analysis answers: live, or by its stored row; but not for
 * other sides. */
static bool analysis_known(struct order *o, struct service *s, const char *run)
{
    struct guard *live = analysis_find(s, run);
    struct store_guard *row = arena_of(o->arena, struct store_guard);
    struct store_run found;
    struct hd_error err;
    if (live) {
        if (!analysis_other(o, run, &live->row))
            order_about(o, live, 200);
        return true;
    }
    if (store_run(o->p->o.store, o->arena, s->name, run, o->p->now.wall_ms, &found, &err) ||
        store_guard(o->p->o.store, o->arena, found.guard, row, &err))
        return false;
    if (analysis_other(o, run, row))
        return true;
    memcpy(o->about_id, row->id, sizeof o->about_id);
    o->row = row;
    o->status = 200;
    return true;
}

/* A tool that gives no name and asks again what is being judged for it already (Kayenta's clients start
 * a new execution after every fault of a line) joins it. */
static bool analysis_joined(struct order *o, const struct service *s, const struct analysis_start *start)
{
    bool live = start->from_ms == o->p->now.wall_ms;
    for (size_t i = 0; start->note && i < HD_ANALYSES_MAX; i++) {
        struct guard *g = o->p->analyses[i];
        if (!g || g->service != s || g->stable != start->stable || g->candidate != start->candidate ||
            !str_is(g->run.note, start->note) || !str_is(g->row.trigger, start->trigger))
            continue;
        bool same = g->policy->guard.duration_ms == start->duration_ms &&
                    (live ? !analysis_of_past(g) : g->row.switch_to_ms == start->from_ms);
        if (!same)
            continue;
        order_about(o, g, 200);
        return true;
    }
    return false;
}

/* The first of the two names that is no colour gets the colours that there are. */
static const char *sides_fault(struct order *o, const struct hd_policy *policy, const char *mine, const char *theirs)
{
    const char *odd = mine && policy_colour(policy, mine) < 0       ? mine
                      : theirs && policy_colour(policy, theirs) < 0 ? theirs
                                                                    : NULL;
    const char *names = policy->colours[0].name;
    if (!odd)
        return "candidate and stable must be two colours of the service";
    for (uint32_t i = 1; i < policy->n_colours; i++)
        names = arena_print(o->arena, "%s, %s", names, policy->colours[i].name);
    return arena_print(o->arena, "'%s' is no colour of the service, which has %s", odd, names);
}

/* The sides must be named where the config does not fix them: by traffic alone nobody can say which
 * one a release is, before the switch it is the one without. */
static bool analysis_sides(struct order *o, const struct hd_policy *policy, int *candidate, int *stable)
{
    const char *mine = order_text(o, "candidate"), *theirs = order_text(o, "stable");
    int leaves = theirs ? policy_colour(policy, theirs) : policy->stable;
    *candidate = mine                             ? policy_colour(policy, mine)
                 : policy->candidate >= 0         ? policy->candidate
                 : order_text(o, "candidate_label") ? leaves != 1 /* a version takes a place that is free */
                                                    : -1;
    *stable = leaves >= 0 || theirs          ? leaves
              : policy->n_colours == 2       ? 1 - *candidate
              : order_text(o, "stable_label") ? *candidate == 0
                                              : -1;
    if (*candidate >= 0 && *stable >= 0 && *candidate != *stable)
        return true;
    order_problem(o, 422, "no_such_colour", sides_fault(o, policy, mine, theirs));
    return false;
}

/* When, for how long and how often it looks; what is left out is as the service's guards do. */
static bool analysis_times(struct order *o, const struct service *s, struct analysis_start *start)
{
    const struct hd_policy *policy = s->policy;
    int64_t now = o->p->now.wall_ms, from = order_number(o, "from_ms", now), to = order_number(o, "to_ms", -1);
    int64_t duration = order_number(o, "duration_ms", to >= 0 ? to - from : policy->guard.duration_ms);
    int64_t interval = order_number(o, "interval_ms", policy->guard.interval_ms);
    int64_t ttl = order_number(o, "ttl_ms", HD_RUN_TTL_MS);
    const char *fault = NULL;
    if (from > now || duration <= 0 || (to >= 0 && to - from != duration))
        fault = "from must lie in the past, and to after it; who gives both gives no duration";
    else if (duration <= policy->guard.warmup_ms || duration < 3 * interval)
        fault = "it must last longer than the service's guard.warmup, and at least three intervals";
    else if (interval < HD_ANALYSIS_INTERVAL_MIN_MS || interval > HD_ANALYSIS_INTERVAL_MAX_MS ||
             duration > HD_ANALYSIS_MS_MAX || duration / interval > HD_ANALYSIS_POLLS_MAX)
        fault = arena_print(o->arena, "an interval is 1s to 1h, and an analysis lasts at most 7 days and %d of them",
                            HD_ANALYSIS_POLLS_MAX);
    else if (ttl < from + duration - now || ttl > HD_RUN_TTL_MS_MAX)
        fault = "ttl must be at least as long as the analysis, and at most 7 days";
    if (fault)
        order_problem(o, 422, "bad_times", fault);
    start->from_ms = from;
    start->duration_ms = duration;
    start->interval_ms = interval;
    start->ttl_ms = ttl;
    return fault == NULL;
}

/* What asks a process how it is now cannot say how it was. */
static const char *check_without_past(const struct service *s)
{
    const struct hd_config *c = config_get(s->p->config);
    for (uint32_t i = 0; i < s->policy->n_checks; i++) {
        const struct hd_check *check = &s->policy->checks[i];
        if (!hd_provider_find(c->datasources[check->datasource].plugin.type)->counts)
            return check->name;
    }
    return NULL;
}

static bool past_room(struct order *o, const struct service *s)
{
    const char *check = check_without_past(s);
    size_t n = 0;
    for (size_t i = 0; i < HD_ANALYSES_MAX; i++)
        n += o->p->analyses[i] && analysis_of_past(o->p->analyses[i]);
    if (check)
        order_problem(o, 422, "no_past", arena_print(o->arena, "the source of check %s cannot be asked about "
                                                     "the past", check));
    else if (n >= HD_ANALYSES_PAST_MAX)
        order_problem(o, 429, "too_many_analyses", "as many analyses of the past are live as there can be");
    return !check && n < HD_ANALYSES_PAST_MAX;
}

/* Sides by versions: the service asks for these values of the colours' label. False: it cannot, which is
 * said. */
static bool analysis_versions(struct order *o, const struct service *s, struct analysis_start *start)
{
    const char *label[HD_SIDES_MAX] = {NULL}, *version = order_text(o, "version");
    const char *mine = order_text(o, "candidate_label"), *theirs = order_text(o, "stable_label");
    struct hd_error err;
    label[start->candidate] = mine;
    label[start->stable] = theirs;
    start->version = version ? version : mine;
    start->stable_version = theirs;
    if (!mine && !theirs)
        return true;
    if (str_is(mine, theirs))
        order_problem(o, 422, "one_version", "candidate_label and stable_label must be two versions");
    else if (config_relabel(s->p->config, s->policy, label, &start->pin, &err))
        order_problem(o, 422, "no_versions", arena_text(o->arena, err.text));
    return start->pin != NULL;
}

void analysis_order(struct order *o)
{
    struct service *s = o->s;
    const char *trigger = order_text(o, "trigger");
    int candidate, stable;
    struct analysis_start start = {
        .trigger = trigger ? trigger : "api",
        .run = order_text(o, "run"),
        .note = order_text(o, "note"),
    };
    if (start.run && analysis_known(o, s, start.run))
        return;
    if (!analysis_sides(o, s->policy, &candidate, &stable) || !analysis_times(o, s, &start))
        return;
    start.candidate = (uint8_t)candidate;
    start.stable = (uint8_t)stable;
    if (!start.run && analysis_joined(o, s, &start))
        return;
    if (!analysis_versions(o, s, &start))
        return;
    if (!analysis_room(s))
        order_problem(o, 429, "too_many_analyses", "as many analyses are live as there can be");
    else if (start.from_ms == o->p->now.wall_ms || past_room(o, s))
        order_about(o, analysis_start(s, &start), 201);
    config_unref(start.pin);
}
