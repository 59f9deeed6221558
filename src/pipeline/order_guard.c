/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders about one guard: start it (or join the one that watches already, or get the answer that one
 * gave), move the traffic back, cancel it, acknowledge it. A human may order what a policy would not
 * do, but not what the gate forbids. Called by command.c.
 */
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

#define JUST_NOW_MS 60000

static int busiest(const struct service *s, const struct hd_policy *policy, int except)
{
    int best = -1;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        if ((int)i != except && (best < 0 || reading_share(&s->last, policy->colours[i].name) >
                                                 reading_share(&s->last, policy->colours[best].name)))
            best = (int)i;
    }
    return best;
}

static const char *change_json(const struct order *o)
{
    static const char *const keys[] = {"version", "commit", "url", "actor"};
    BUF_AUTO b = BUF_INIT(8192);
    struct json_out out = json_out(&b);
    bool any = false;
    json_begin(&out, NULL, '{');
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = order_text(o, keys[i]);
        any |= text != NULL;
        if (text)
            json_put_text(&out, keys[i], text);
    }
    json_end(&out, '}');
    return any ? arena_text(o->arena, buf_at(&b)) : NULL;
}

/* `since_ms`: what happened before is another release's. */
static struct guard *start(struct order *o, struct service *s, int candidate, int stable, const char *before,
                           int64_t since_ms)
{
    const char *colour = s->policy->colours[candidate].name;
    bool carries = reading_share(&s->last, colour) > s->policy->detect.switch_at * HD_WHOLE_PPM;
    /* A guard lasts its whole time from the order, unless the switch was a moment ago. */
    int64_t now = o->p->now.wall_ms;
    int64_t since = carries && now - s->last.first_ms < JUST_NOW_MS && s->last.first_ms >= since_ms ? s->last.first_ms
                                                                                                  : now;
    struct guard_start g = {
        .stable = (uint8_t)stable,
        .candidate = (uint8_t)candidate,
        .trigger = "api",
        .change = change_json(o),
        .version = order_text(o, "version"),
        .group = order_text(o, "group"),
        .value_before = before,
        .value_after = carries ? s->last.value : NULL,
        .switch_from_ms = since,
        .switch_to_ms = since,
        .pending = !carries,
    };
    struct guard *made = guard_start(s, &g);
    (void)order_apply_terms(o, made);
    watch_now(s);
    return made;
}

/* True: said that it belongs to another group than the one that is named. */
static bool other_group(struct order *o, const struct store_guard *row)
{
    const char *group = order_text(o, "group");
    if (!group || !row->group || str_is(group, row->group))
        return false;
    order_problem(o, 409, "other_group", arena_print(o->arena, "guard %s belongs to group %s", row->id, row->group));
    return true;
}

/* Is the live guard about the sides that are named? */
static bool same_sides(struct order *o, const struct guard *g)
{
    const char *to = order_text(o, "to"), *from = order_text(o, "from");
    const char *odd = to && policy_colour(g->policy, to) < 0       ? to
                      : from && policy_colour(g->policy, from) < 0 ? from
                                                                   : NULL;
    if (odd)
        order_problem(o, 422, "no_such_colour", arena_print(o->arena, "'%s' is no colour of the service", odd));
    else if ((to && !str_is(to, g->row.candidate)) || (from && !str_is(from, g->row.stable)))
        order_problem(o, 409, "other_guard", arena_print(o->arena, "guard %s is live, and watches %s (from %s)", g->row.id,
                                                         g->row.candidate, g->row.stable));
    else
        return true;
    return false;
}

static void join(struct order *o, struct guard *g)
{
    const char *change = change_json(o), *version = order_text(o, "version");
    const char *known = g->row.candidate_version, *group = order_text(o, "group");
    if (!same_sides(o, g))
        return;
    bool other = version && known && !str_is(version, known);
    if (other && (act_busy(g) || g->row.state == HD_STATE_AFTERCARE)) {
        order_problem(o, 409, "busy", arena_print(o->arena, "guard %s of version %s is %s; ask again when it "
                                            "has ended", g->row.id, known, hd_state_word(g->row.state)));
        return;
    }
    if (other) { /* another release: its own guard */
        struct service *s = g->service;
        int candidate = policy_colour(s->policy, g->row.candidate), stable = policy_colour(s->policy, g->row.stable);
        if (candidate < 0 || stable < 0) {
            order_problem(o, 422, "no_such_colour", "the configuration has no such colours any more");
            return;
        }
        const char *before = arena_text(o->arena, g->row.value_before);
        guard_end(g, HD_STATE_SUPERSEDED, HD_REASON_NEW_CANDIDATE, version);
        order_about(o, start(o, s, candidate, stable, before, o->p->now.wall_ms), 201);
        return;
    }
    if (other_group(o, &g->row))
        return;
    if (!order_apply_terms(o, g))
        return;
    if (group)
        g->row.group = arena_text(g->own, group);
    if (change) {
        buf_clear(&g->change);
        buf_text(&g->change, change);
    }
    if (version)
        g->row.candidate_version = arena_text(g->own, version);
    g->dirty = true;
    order_about(o, g, 200);
}

/* The sides that an order is about: as named, else by the newest reading. A guard goes `to` the
 * candidate; a revert goes `to` stable. */
static bool choose_sides(struct order *o, const struct service *s, const char *candidate_key,
                         const char *stable_key, int *candidate, int *stable)
{
    const struct hd_policy *policy = s->policy;
    const char *mine = order_text(o, candidate_key), *theirs = order_text(o, stable_key);
    *candidate = mine ? policy_colour(policy, mine)
                 : policy->kind == HD_KIND_CANARY ? policy->candidate : busiest(s, policy, -1);
    *stable = theirs ? policy_colour(policy, theirs)
              : policy->kind == HD_KIND_CANARY ? policy->stable : busiest(s, policy, *candidate);
    if (*candidate < 0 || *stable < 0 || *candidate == *stable) {
        order_problem(o, 422, "no_such_colour", "to and from must be two colours of the service");
        return false;
    }
    return true;
}

/* The newest guard of the service; NULL: none. */
static struct store_guard *newest(const struct order *o, const struct service *s)
{
    struct store_filter filter = {.service = s->name, .verdict = -1, .limit = 1};
    struct store_guard *rows;
    size_t n = 0;
    struct hd_error err;
    return store_guards(o->p->o.store, o->arena, &filter, &rows, &n, &err) || !n ? NULL : &rows[0];
}

/* The guard that answers is of the group that is named from now on, also when it has ended: the group's verdict
 * must not lack it. False: it cannot be, which is said. */
static bool take_group(struct order *o, const struct store_guard *g)
{
    struct store *s = o->p->o.store;
    const char *group = order_text(o, "group");
    struct hd_error err;
    if (other_group(o, g))
        return false;
    if (!group || g->group)
        return true;
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_group_guard(s, g->id, group, &err);
    if (!code)
        code = store_commit(s, &err);
    if (!code)
        return true;
    store_rollback(s);
    order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
    return false;
}

/* The guard that has already answered the question: nothing was switched since it judged (or since
 * haldane took its candidate back). Asking late must not turn its answer into another one. */
static bool answered(struct order *o, const struct service *s, const char *candidate)
{
    const struct store_guard *g = newest(o, s);
    const char *version = order_text(o, "version"), *to = order_text(o, "to"), *from = order_text(o, "from");
    if (!g || g->state == HD_STATE_CANCELLED || g->state == HD_STATE_SUPERSEDED)
        return false;
    if ((version && g->candidate_version && !str_is(version, g->candidate_version)) ||
        (from && !str_is(from, g->stable)))
        return false;
    bool stands = str_is(g->value_after, s->last.value) && str_is(g->candidate, candidate);
    bool taken_back = s->last.ours && (!to || str_is(to, g->candidate));
    if (!stands && !taken_back)
        return false;
    if (!take_group(o, g))
        return true;
    memcpy(o->about_id, g->id, sizeof o->about_id);
    o->status = 200;
    return true;
}

void guard_order(struct order *o)
{
    struct service *s = o->s;
    int candidate, stable;
    if (!o->fresh) {
        order_read_first(o);
        return;
    }
    if (!order_read_terms(o))
        return;
    if (s->guard) {
        join(o, s->guard);
        return;
    }
    if (!choose_sides(o, s, "to", "from", &candidate, &stable))
        return;
    const char *colour = s->policy->colours[candidate].name;
    if (answered(o, s, colour))
        return;
    if (s->last.ours && reading_share(&s->last, colour) >= HD_WHOLE_PPM / 2)
        order_problem(o, 409, "no_switch", arena_print(o->arena, "%s has the traffic by haldane's own revert, "
                                                 "not by a switch", colour));
    else
        order_about(o, start(o, s, candidate, stable, NULL, 0), 201);
}

static void revert_live(struct order *o, struct guard *g)
{
    const char *why = order_text(o, "reason"), *to = order_text(o, "to"), *target = guard_colour(g, HD_STABLE);
    const char *rejected = service_rejected(g->service, target);
    if (to ? !str_is(to, target) : rejected != NULL) {
        order_problem(o, 409, to ? "other_target" : "target_rejected",
                to ? arena_print(o->arena, "guard %s would go back to %s", g->row.id, target)
                   : arena_print(o->arena, "%s was rejected (%s); name it (--to %s) if it shall have the "
                                 "traffic all the same", target, rejected, target));
        return;
    }
    if (g->row.state != HD_STATE_PENDING && g->row.state != HD_STATE_WARMING &&
        g->row.state != HD_STATE_WATCHING) {
        order_problem(o, 409, "wrong_state",
                      arena_print(o->arena, "guard %s takes no revert any more: it is in state %s", g->row.id,
                                  hd_state_word(g->row.state)));
        return;
    }
    order_about(o, g, 202);
    decide_revert(g, false, why);
}

/* No guard is live: the newest one that ended says what it looked like before. `to` is where the
 * traffic shall go, `from` the side it leaves. Without them it leaves the side that was switched to
 * last; a side that was rejected, or the way haldane itself took, must be named. */
static void revert_service(struct order *o, struct service *s)
{
    int candidate, stable;
    bool named = order_text(o, "to") != NULL;
    if (s->guard) {
        revert_live(o, s->guard);
        return;
    }
    if (!choose_sides(o, s, "from", "to", &candidate, &stable))
        return;
    const char *target = s->policy->colours[stable].name;
    const char *rejected = service_rejected(s, target);
    if (!named && s->last.ours) {
        order_problem(o, 409, "already_reverted", arena_print(o->arena, "the traffic is on %s by haldane's own "
                "revert; name the side it shall go to", s->policy->colours[candidate].name));
        return;
    }
    if (!named && rejected) {
        order_problem(o, 409, "target_rejected", arena_print(o->arena, "%s was rejected (%s); name it if it "
                "shall have the traffic all the same", target, rejected));
        return;
    }
    const struct store_guard *last = newest(o, s);
    bool same = last && str_is(last->candidate, s->policy->colours[candidate].name) &&
                str_is(last->stable, target);
    struct guard *g = start(o, s, candidate, stable, same ? last->value_before : NULL, 0);
    order_about(o, g, 202);
    decide_revert(g, false, order_text(o, "reason"));
}

void revert_order(struct order *o)
{
    if (o->g)
        revert_live(o, o->g);
    else if (o->fresh || o->s->guard)
        revert_service(o, o->s);
    else
        order_read_first(o);
}

void cancel_order(struct order *o)
{
    struct guard *g = o->g;
    if (!hd_state_may_move(g->row.state, HD_STATE_CANCELLED)) {
        order_problem(o, 409, "wrong_state",
                      arena_print(o->arena, "too late: the guard's state is %s", hd_state_word(g->row.state)));
        return;
    }
    order_about(o, g, 200);
    guard_end(g, HD_STATE_CANCELLED, HD_REASON_OPERATOR, order_text(o, "reason"));
}

static const char *acknowledged_by(const struct order *o)
{
    char at[STR_TIME_MAX];
    const char *actor = order_text(o, "actor");
    return arena_print(o->arena, "; acknowledged by %s at %s", actor ? actor : o->by.name,
                       str_moment(o->p->now.wall_ms, o->p->now.wall_ms, at));
}

/* A human has seen it: the banner goes, Alertmanager resolves. */
void acknowledge_order(struct order *o)
{
    struct pipeline *p = o->p;
    struct guard *g = o->g;
    struct hd_error err;
    if (g) {
        g->row.needs_human = false;
        event_resolve(g, false);
        order_tell(o, g, &g->row, "Acknowledged");
        order_about(o, g, 200);
        return;
    }
    const struct store_guard *row = order_stored(o);
    if (!row)
        return;
    enum hd_code code = store_begin(p->o.store, &err);
    if (!code)
        code = store_acknowledge(p->o.store, o->guard, acknowledged_by(o), &err);
    if (!code)
        code = store_resolve_acts(p->o.store, o->guard, NULL, p->now.wall_ms, &err);
    if (!code)
        code = store_commit(p->o.store, &err);
    if (code) {
        store_rollback(p->o.store);
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    p->outbox_ms = p->now.boot_ms;
    order_tell(o, NULL, row, "Acknowledged");
    o->status = 200;
}
