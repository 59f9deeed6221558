/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads every service's router on its schedule and decides what a reading means: nothing new, a
 * switch (a guard starts), a further step of it, our own write, a router that forgot its run-time
 * state, or somebody else's change (the guard ends, nothing is written). Never writes to a router.
 * Called by the schedule and by command.c.
 */
#include "pipeline/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define OURS_LATE_MS 3600000 /* a write of ours may take effect so late, and is still ours */

void service_ours(struct service *s, const char *value)
{
    char *copy = value ? strdup(value) : NULL;
    free(s->our_value);
    s->our_value = copy;
    s->ours_ms = s->p->now.wall_ms;
    s->ours_dirty = true;
}

const struct hd_policy *policy_of(const struct service *s)
{
    return s->guard ? s->guard->policy : s->policy;
}

static enum hd_code observe_next(void *what, struct talk *t, struct hd_ask *ret, struct hd_error *err)
{
    struct observe *o = what;
    memset(&o->live, 0, sizeof o->live);
    return o->actuator->observe(t->arena, o->site, o->follow, &t->said, ret, &o->live, err);
}

struct talk *observe_start(struct pipeline *p, struct observe *o, talk_done_fn *done, void *user,
                           int64_t deadline_ms)
{
    return talk_start(p, observe_next, o, done, user, deadline_ms);
}

uint32_t reading_share(const struct store_reading *r, const char *colour)
{
    for (size_t i = 0; r->service && i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, colour))
            return r->side[i].share_ppm;
    }
    return 0;
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = text; p && (p = strstr(p, word)); p++) {
        if ((p == text || p[-1] == ' ') && (!p[len] || p[len] == ' '))
            return true;
    }
    return false;
}

bool value_made_of(const char *live, const char *from, const char *to)
{
    ARENA_AUTO a = arena_new();
    char *save;
    for (char *w = strtok_r(arena_text(a, live), " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (!has_word(from, w) && !has_word(to, w) && !str_is(w, "|") && !str_ends(w, ":"))
            return false;
    }
    return true;
}

/* What haldane wrote last, or a part of it beside what was there: a revert that nobody could read
 * back may have gone half the way. */
static bool is_ours(const struct service *s, const char *value)
{
    const struct store_reading *last = &s->last;
    if (str_is(value, s->our_value))
        return true;
    return s->our_value && last->service && !last->ours && !str_is(value, last->value) &&
           value_made_of(value, last->value, s->our_value);
}

void live_to_reading(struct hd_arena *a, const struct service *s, const struct hd_policy *policy,
                     const struct hd_live *live, struct store_reading *ret)
{
    int64_t now = s->p->now.wall_ms;
    *ret = (struct store_reading){
        .service = s->name,
        .first_ms = now,
        .last_ms = now,
        .value = arena_text(a, live->value),
        .owner = arena_text(a, live->owner),
        .memory = arena_text(a, live->memory),
        .note = arena_text(a, live->note),
        .ours = is_ours(s, live->value),
        .n_sides = policy->n_colours,
    };
    for (uint32_t i = 0; i < policy->n_colours; i++)
        ret->side[i] = (struct store_side){arena_text(a, policy->colours[i].name),
                                           live->side[i].share_ppm, live->side[i].ready,
                                           live->side[i].wanted};
}

static bool carries(const struct hd_policy *policy, uint32_t share_ppm)
{
    return share_ppm > policy->detect.switch_at * HD_WHOLE_PPM;
}

/* The colour whose share rose above switch_at between two readings, the largest if several did;
 * -1: none. `home` (NULL: none) is the side of a guard to which the traffic may return without
 * that being a switch: by its name, since a reload may order the colours anew. Where the config fixes
 * the roles, only the candidate's rise is one. */
static int risen(const struct hd_policy *policy, const struct store_reading *last,
                 const struct store_reading *now, const char *home)
{
    int best = -1;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const char *colour = policy->colours[i].name;
        if (str_is(colour, home) || (policy->kind == HD_KIND_CANARY && (int)i != policy->candidate))
            continue;
        if (!carries(policy, reading_share(now, colour)) || carries(policy, reading_share(last, colour)))
            continue;
        if (best < 0 || reading_share(now, colour) > reading_share(now, policy->colours[best].name))
            best = (int)i;
    }
    return best;
}

/* The side that had the traffic before; -1: none had any. */
static int side_before(const struct hd_policy *policy, const struct store_reading *last, int candidate)
{
    if (policy->kind == HD_KIND_CANARY)
        return policy->stable;
    int best = -1;
    uint32_t most = 0;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        uint32_t share = reading_share(last, policy->colours[i].name);
        if ((int)i != candidate && share > most) {
            most = share;
            best = (int)i;
        }
    }
    return best;
}

/* The value of the last reading, if going back to it takes (nearly) everything off the candidate;
 * else NULL, and the revert gives stable everything. */
static const char *whole_before(const struct store_reading *last, const char *candidate)
{
    return reading_share(last, candidate) < HD_WHOLE_PPM / 100 ? last->value : NULL;
}

static void detect(struct service *s, const struct store_reading *last, const struct store_reading *now,
                   const char *home)
{
    const struct hd_policy *policy = s->policy;
    if (!policy || now->ours || s->guard)
        return;
    int candidate = risen(policy, last, now, home);
    if (candidate < 0)
        return;
    int before = side_before(policy, last, candidate);
    if (before < 0) {
        event_add(s->p, NULL, s->name, "reading", HD_REASON_NO_TARGET_VALUE,
                  "Traffic came up with no side before it: nothing to go back to, no guard",
                  policy->colours[candidate].name, true);
        return;
    }
    struct guard_start start = {
        .stable = (uint8_t)before,
        .candidate = (uint8_t)candidate,
        .trigger = "traffic",
        .value_before = whole_before(last, policy->colours[candidate].name),
        .value_after = now->value,
        .switch_from_ms = last->last_ms,
        .switch_to_ms = now->first_ms,
    };
    (void)guard_start(s, &start);
}

/* Somebody else changed the traffic while a guard was watching. */
static void superseded(struct guard *g, int reason, const struct store_reading *now)
{
    ARENA_AUTO a = arena_new();
    const char *text = now->owner;
    if (reason == HD_REASON_RETURNED_TO_STABLE) {
        mark_reject(g, "moved away by someone else");
        text = arena_print(a, "%s%sa roll-back is no release, and starts no guard of its own", text ? text : "",
                           text ? "; " : "");
    }
    guard_end(g, HD_STATE_SUPERSEDED, reason, text);
}

/* A guard that waits for the switch it was told of. */
static void pending_reading(struct guard *g, const struct store_reading *last,
                            const struct store_reading *now)
{
    if (!carries(g->policy, reading_share(now, guard_colour(g, HD_CANDIDATE))))
        return;
    if (last->service && !str_is(last->value, now->value)) {
        g->row.value_before =
            arena_text(g->own, whole_before(last, guard_colour(g, HD_CANDIDATE)));
        g->row.switch_from_ms = last->last_ms;
        g->row.switch_to_ms = now->first_ms;
    }
    g->row.value_after = arena_text(g->own, now->value);
    g->t_base_ms = 0; /* the guard's time begins with the switch */
    g->boot_base_ms = g->p->now.boot_ms;
    guard_move(g, g->policy->guard.warmup_ms > 0 ? HD_STATE_WARMING : HD_STATE_WATCHING);
    if (mark_of(g->service, guard_colour(g, HD_CANDIDATE)))
        guard_tell_switch(g, NULL);
    act_rehearse(g);
}

/* To which side the traffic may return without that being a switch; NULL: none. */
static const char *home_of(const struct guard *g)
{
    return g && !g->from_rejected ? guard_colour(g, HD_STABLE) : NULL;
}

static void guard_reading(struct guard *g, const struct store_reading *last,
                          const struct store_reading *now, bool reloaded)
{
    struct service *s = g->service;
    const char *home = home_of(g);
    if (g->row.state == HD_STATE_AFTERCARE) {
        care_reading(g, now, reloaded);
    } else if (g->row.state == HD_STATE_PENDING) {
        pending_reading(g, last, now);
    } else if (!g->act.reapply && str_is(g->row.value_after, now->value)) {
        if (reloaded)
            event_guard(g, "reading", HD_REASON_ROUTER_RELOADED, "its values are as before", false);
    } else {
        uint32_t share = reading_share(now, guard_colour(g, HD_CANDIDATE));
        int third = risen(g->policy, last, now, home);
        if (!carries(g->policy, share)) {
            superseded(g,
                       reloaded           ? HD_REASON_ROUTER_RELOADED
                       : g->from_rejected ? HD_REASON_NEW_CANDIDATE
                                          : HD_REASON_RETURNED_TO_STABLE,
                       now);
        } else if (third >= 0 && third != g->candidate) {
            superseded(g, HD_REASON_NEW_CANDIDATE, now);
        } else if (share > reading_share(last, guard_colour(g, HD_CANDIDATE)) && !reloaded && !g->act.reapply) {
            g->row.value_after = arena_text(g->own, now->value);
            g->dirty = true;
            event_guard(g, "reading", HD_REASON_NONE, "a further step of the same switch", false);
        } else {
            superseded(g, reloaded ? HD_REASON_ROUTER_RELOADED : HD_REASON_CHANGED_BY_OTHER, now);
        }
    }
    if (!reloaded) /* a router that fell back to its file proves nothing about either side */
        detect(s, last, now, home); /* does nothing while the guard lives */
}

/* Makes it the newest reading; returns the arena of the one before. */
static struct hd_arena *keep_reading(struct service *s, const struct hd_policy *policy,
                                     const struct hd_live *live)
{
    struct hd_arena *a = arena_new(), *old = s->last_arena;
    struct store_reading now;
    live_to_reading(a, s, policy, live, &now);
    if (s->last.service && str_is(s->last.value, now.value))
        now.first_ms = s->last.first_ms;
    free(s->forgets_to);
    s->forgets_to = live->forgets_to ? strdup(live->forgets_to) : NULL;
    s->last = now;
    s->last_dirty = true;
    s->last_arena = a;
    return old;
}

static void drop_carried(struct service *s)
{
    s->carried_arena = arena_free(s->carried_arena);
    s->carried = (struct store_reading){.service = NULL};
}

void watch_rebase(struct service *s, const struct hd_policy *policy, const struct hd_live *live)
{
    arena_free(keep_reading(s, policy, live));
    drop_carried(s);
}

bool reading_idle(const struct store_reading *r)
{
    for (size_t i = 0; r->service && i < r->n_sides; i++) {
        if (r->side[i].share_ppm)
            return false;
    }
    return r->service != NULL;
}

/* Keeps or drops the newest reading with traffic; takes over `old`, the arena of `last`. */
static void keep_carried(struct service *s, const struct store_reading *last, struct hd_arena *old,
                         const char *home)
{
    if (!reading_idle(&s->last)) {
        drop_carried(s);
    } else if (last->service && !reading_idle(last)) {
        arena_free(s->carried_arena);
        s->carried_arena = old;
        s->carried = *last;
        (void)snprintf(s->carried_home, sizeof s->carried_home, "%s", home ? home : "");
        return;
    }
    arena_free(old);
}

void watch_take(struct service *s, const struct hd_live *live)
{
    bool half_way = reading_idle(&s->last) && s->carried.service;
    struct store_reading last = half_way ? s->carried : s->last, replaced = s->last;
    const char *home = home_of(s->guard);
    struct hd_arena *old = keep_reading(s, policy_of(s), live);
    struct store_reading now = s->last;
    bool same = last.service && str_is(last.value, now.value);
    bool reloaded = last.service && last.memory && now.memory && !str_is(last.memory, now.memory);
    if (s->guard)
        guard_reading(s->guard, &last, &now, reloaded);
    else if (last.service && !same)
        detect(s, &last, &now, half_way ? s->carried_home : NULL);
    mark_left(s, &last, &now);
    if (s->our_value && ((last.service && last.ours && !now.ours) ||
                         s->p->now.wall_ms - s->ours_ms > OURS_LATE_MS))
        service_ours(s, NULL); /* somebody moved on from it: the same value later is theirs */
    keep_carried(s, &replaced, old, home);
}

static void unread(struct service *s, const struct hd_error *err)
{
    struct pipeline *p = s->p;
    if (s->unread_since_ms < 0) {
        s->unread_since_ms = p->now.boot_ms;
        log_warn(s->name, "cannot read the router: %s", err->text);
    }
    const struct hd_policy *policy = policy_of(s);
    if (!s->unread_told && s->guard && !act_busy(s->guard) &&
        p->now.boot_ms - s->unread_since_ms >= policy->guard.blind_for_ms) {
        s->unread_told = true;
        guard_needs_human(s->guard, HD_REASON_ROUTER_UNREADABLE, err->text);
    }
}

static void readable_again(struct service *s)
{
    struct guard *g = s->guard;
    s->unread_told = false;
    if (!g || g->told_blind || g->told_shared || g->unwell || !g->row.needs_human || approval_open(g))
        return;
    g->row.needs_human = false;
    g->dirty = true;
    event_resolve(g, false);
}

static void reading_done(void *user, struct talk *t, enum hd_code code, const struct hd_error *err)
{
    struct service *s = user;
    (void)t;
    s->reading = NULL;
    struct config *pin = s->reading_pin;
    s->reading_pin = NULL;
    if (code) {
        unread(s, err);
    } else {
        bool old = s->reading_policy != policy_of(s);
        if (s->unread_since_ms >= 0)
            log_info(s->name, "the router can be read again");
        s->unread_since_ms = -1;
        if (s->unread_told)
            readable_again(s);
        s->read_again |= old; /* a guard ended or a config came meanwhile: read by the new one, for orders too */
        s->orders_ready = old ? 0 : s->orders_ready;
        if (!old && !s->observe.live.settling && !(s->guard && act_busy(s->guard)))
            watch_take(s, &s->observe.live); /* an act reads for itself, and keeps what it decided on */
    }
    config_unref(pin);
    command_read(s, code ? err : NULL);
    if (s->read_again) {
        s->read_again = false;
        watch_now(s);
    }
}

static void start_reading(struct service *s)
{
    const struct hd_policy *policy = policy_of(s);
    if (!policy) {
        command_gone(s);
        return;
    }
    s->reading_policy = policy;
    s->observe = (struct observe){
        .actuator = hd_actuator_find(policy->actuator.type),
        .site = &policy->site,
    };
    s->reading_pin = config_ref(s->guard ? s->guard->pin : s->p->config);
    s->reading = observe_start(s->p, &s->observe, reading_done, s, 0);
    s->orders_ready = s->n_orders;
    s->reading->urgent = s->n_orders > 0; /* a human waits for it */
}

void watch_stop(struct service *s)
{
    s->reading = talk_cancel(s->reading);
    s->reading_pin = config_unref(s->reading_pin);
    s->orders_ready = 0; /* the next reading covers them */
}

void watch_now(struct service *s)
{
    if (s->reading)
        s->read_again = true;
    else
        start_reading(s);
}

void watch_due(struct service *s)
{
    const struct hd_policy *policy = policy_of(s);
    if (!policy)
        return;
    int64_t next = sched_next_multiple(s->p->now.wall_ms, policy->detect.every_ms);
    due_set(s->p, DUE_READ, s->index, boot_of_wall(s->p, next));
    if (!s->reading)
        start_reading(s);
}
