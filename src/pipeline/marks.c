/* SPDX-License-Identifier: Apache-2.0
 *
 * Sides that a guard or a human rejected (I4, I11): no target of an automatic revert until they pass
 * or are re-armed, and named wherever they have traffic all the same. Kept in memory for the gate,
 * saved with the turn. Called by whoever ends a guard, by orders and at a start.
 */
#include "pipeline/internal.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define LEFT_PPM (HD_WHOLE_PPM / 100) /* less is no traffic: a canary's drain, a health check */

static bool in_policy(const struct service *s, const char *colour)
{
    const struct hd_policy *policy = policy_of(s);
    for (uint32_t i = 0; policy && i < policy->n_colours; i++) {
        if (str_is(policy->colours[i].name, colour))
            return true;
    }
    return false;
}

/* The side's own place, else one that nobody needs any more; NULL: none. */
static struct side_mark *place(struct service *s, const char *colour)
{
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        if (str_is(s->mark[i].colour, colour))
            return &s->mark[i];
    }
    for (size_t i = 0; i < HD_SIDES_MAX; i++) { /* colours come and go with the config */
        if (!s->mark[i].dirty && (!s->mark[i].rejected || !in_policy(s, s->mark[i].colour)))
            return &s->mark[i];
    }
    return NULL;
}

/* `r` may point into the mark that it replaces. */
static void set(struct service *s, const struct store_rejection *r)
{
    struct side_mark *m = place(s, r->colour), fresh = {.at_ms = r->at_ms, .rejected = r->rejected, .dirty = true};
    if (!m || (!r->rejected && !m->rejected && str_is(m->colour, r->colour)))
        return;
    (void)strncpy(fresh.colour, r->colour, sizeof fresh.colour - 1);
    (void)strncpy(fresh.why, r->why ? r->why : "", sizeof fresh.why - 1);
    (void)strncpy(fresh.guard, r->guard ? r->guard : "", sizeof fresh.guard - 1);
    *m = fresh;
}

const struct side_mark *mark_of(const struct service *s, const char *colour)
{
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        if (s->mark[i].rejected && str_is(s->mark[i].colour, colour))
            return &s->mark[i];
    }
    return NULL;
}

const char *service_rejected(const struct service *s, const char *colour)
{
    const struct side_mark *m = mark_of(s, colour);
    return m ? m->why : NULL;
}

const char *mark_unwatched(const struct service *s, struct hd_arena *a)
{
    for (size_t i = 0; i < HD_SIDES_MAX && !s->guard; i++) {
        const struct side_mark *m = &s->mark[i];
        struct store_guard row;
        if (!m->rejected || reading_share(&s->last, m->colour) < LEFT_PPM ||
            store_guard(s->p->o.store, a, m->guard, &row, NULL))
            continue;
        return arena_print(a, "guard %s already ended %s, and %s still has traffic; revert by hand: haldane revert %s "
                           "--reason TEXT", row.id, hd_state_word(row.state), m->colour, s->name);
    }
    return NULL;
}

void mark_left(struct service *s, const struct store_reading *last, const struct store_reading *now)
{
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        const struct side_mark *m = &s->mark[i];
        struct store_guard row;
        if (!m->rejected || reading_share(last, m->colour) < LEFT_PPM || reading_share(now, m->colour) >= LEFT_PPM ||
            store_guard(s->p->o.store, a, m->guard, &row, NULL) || !row.needs_human || !hd_state_terminal(row.state))
            continue;
        event_settle(s->p, &row, arena_print(a, "%s has no traffic any more%s%s", m->colour,
                                             now->owner ? ": " : "", now->owner ? now->owner : ""));
    }
}

void mark_reject(struct guard *g, const char *why)
{
    const char *colour = guard_colour(g, HD_CANDIDATE);
    const struct side_mark *m = mark_of(g->service, colour);
    if (!m || !str_is(m->guard, g->row.id)) /* a guard rejects once, for its first reason */
        set(g->service, &(struct store_rejection){colour, why, g->row.id, g->p->now.wall_ms, true});
}

static void accept(struct service *s, const char *colour)
{
    set(s, &(struct store_rejection){.colour = colour, .at_ms = s->p->now.wall_ms});
}

void mark_passed(struct guard *g)
{
    accept(g->service, guard_colour(g, HD_CANDIDATE));
}

bool mark_rearm(struct service *s, const char *colour)
{
    bool any = false;
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        if (!s->mark[i].rejected || (colour && !str_is(s->mark[i].colour, colour)))
            continue;
        accept(s, s->mark[i].colour);
        any = true;
    }
    return any;
}

void mark_take_up(struct service *s)
{
    ARENA_AUTO a = arena_new();
    struct store_rejection *list;
    struct hd_error err;
    size_t n = 0;
    if (store_rejections(s->p->o.store, a, s->name, &list, &n, &err)) {
        log_warn(s->name, "cannot read which sides were rejected: %s", err.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (in_policy(s, list[i].colour))
            set(s, &list[i]);
    }
    mark_saved(s);
}

bool mark_waits(const struct service *s)
{
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        if (s->mark[i].dirty)
            return true;
    }
    return false;
}

enum hd_code mark_write(const struct service *s, struct hd_error *err)
{
    enum hd_code code = HD_OK;
    for (size_t i = 0; !code && i < HD_SIDES_MAX; i++) {
        const struct side_mark *m = &s->mark[i];
        struct store_rejection r = {m->colour, m->why, *m->guard ? m->guard : NULL, m->at_ms, m->rejected};
        if (m->dirty)
            code = store_put_rejection(s->p->o.store, s->name, &r, err);
    }
    return code;
}

void mark_saved(struct service *s)
{
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        s->mark[i].dirty = false;
}
