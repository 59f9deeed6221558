/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders of humans and of CI, as they come from the HTTP face: one JSON packet in, one out, and
 * the 2xx only after the commit (I7). Checks the token, finds the guard, and calls the stages; a
 * human may order what a policy would not do, but not what the gate forbids.
 */
#include "pipeline/once.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define JUST_NOW_MS 60000
#define HOLD_MAX_MS ((int64_t)30 * 86400 * 1000)

struct order_wait {
    struct order_wait *next;
    char *packet;
    size_t len;
    char once_hash[65]; /* "": without a key */
};

#define ORDERS_MAX 16 /* waiting for one reading of one service */


void order_problem(struct order *o, int status, const char *code, const char *detail)
{
    o->status = status;
    o->code = code;
    o->detail = detail;
}

const char *order_text(const struct order *o, const char *key)
{
    const char *text = NULL;
    if (json_text(json_get(o->args, key), key, &text, NULL) || !*text)
        return NULL;
    char *copy = arena_text(o->arena, text);
    str_clean(copy, HD_TEXT_MAX);
    return copy;
}

int64_t order_number(const struct order *o, const char *key, int64_t fallback)
{
    int64_t v;
    return json_i64(json_get(o->args, key), key, &v, NULL) ? fallback : v;
}

/* --- who may --- */

/* Orders not named here need an operator. */
static const struct {
    const char *what;
    int32_t role;
} needs[] = {
    {"reload", HD_TOKEN_ADMIN}, {"token", HD_TOKEN_ADMIN},  {"revoke_token", HD_TOKEN_ADMIN},
    {"login", HD_TOKEN_VIEWER}, {"logout", HD_TOKEN_VIEWER},
};

static bool allowed(struct order *o)
{
    struct hd_error err;
    int32_t need = HD_TOKEN_OPERATOR;
    if (!o->token) {
        order_problem(o, 401, "no_token", "this needs a bearer token");
        return false;
    }
    enum hd_code code = accounts_find(o->p->o.store, o->arena, o->token, o->p->now.wall_ms, &o->by, &err);
    if (code == HD_DENIED) {
        order_problem(o, 401, "bad_token", "the token is not known");
        return false;
    }
    if (code) {
        order_problem(o, 503, "no_store", arena_text(o->arena, err.text));
        return false;
    }
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (str_is(needs[i].what, o->what))
            need = needs[i].role;
    }
    int32_t role = accounts_role(&o->by, o->service);
    if (role < need)
        order_problem(o, 403, "not_allowed", "the token's role or services do not cover this");
    return role >= need;
}

/* --- what --- */

static struct guard *live_guard(const struct pipeline *p, const char *id)
{
    for (size_t i = 0; i < p->n_services; i++) {
        struct guard *g = p->services[i]->guard;
        if (g && str_is(g->row.id, id))
            return g;
    }
    return NULL;
}

void order_about(struct order *o, struct guard *g, int status)
{
    o->about = g;
    memcpy(o->about_id, g->row.id, sizeof o->about_id);
    o->status = status;
}

int order_colour(const struct hd_policy *policy, const char *name)
{
    for (uint32_t i = 0; name && i < policy->n_colours; i++) {
        if (str_is(policy->colours[i].name, name))
            return (int)i;
    }
    return -1;
}

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

static struct guard *start(struct order *o, struct service *s, int candidate, int stable, const char *before)
{
    const char *colour = s->policy->colours[candidate].name;
    bool carries = reading_share(&s->last, colour) > s->policy->detect.switch_at * HD_WHOLE_PPM;
    /* A guard lasts its whole time from the order, unless the switch was a moment ago. */
    int64_t now = o->p->now.wall_ms;
    int64_t since = carries && now - s->last.first_ms < JUST_NOW_MS ? s->last.first_ms : now;
    struct guard_start g = {
        .stable = (uint8_t)stable,
        .candidate = (uint8_t)candidate,
        .trigger = "api",
        .change = change_json(o),
        .version = order_text(o, "version"),
        .value_before = before,
        .value_after = carries ? s->last.value : NULL,
        .switch_from_ms = since,
        .switch_to_ms = since,
        .pending = !carries,
    };
    struct guard *made = guard_start(s, &g);
    watch_now(s);
    return made;
}

static void join(struct order *o, struct guard *g)
{
    const char *change = change_json(o), *version = order_text(o, "version"), *to = order_text(o, "to");
    const char *known = g->row.candidate_version;
    if (to && order_colour(g->policy, to) < 0) {
        order_problem(o, 422, "no_such_colour", arena_print(o->arena, "'%s' is no colour of the service", to));
        return;
    }
    if (to && !str_is(to, g->row.candidate)) {
        order_problem(o, 409, "other_guard", arena_print(o->arena, "guard %s is live, and watches %s", g->row.id,
                                                   g->row.candidate));
        return;
    }
    bool other = version && known && !str_is(version, known);
    if (other && (act_busy(g) || g->row.state == HD_STATE_AFTERCARE)) {
        order_problem(o, 409, "busy", arena_print(o->arena, "guard %s of version %s is %s; ask again when it "
                                            "has ended", g->row.id, known, hd_state_word(g->row.state)));
        return;
    }
    if (other) { /* another release: its own guard */
        struct service *s = g->service;
        int candidate = g->candidate, stable = g->stable;
        const char *before = arena_text(o->arena, g->row.value_before);
        guard_end(g, HD_STATE_SUPERSEDED, HD_REASON_NEW_CANDIDATE, version);
        order_about(o, start(o, s, candidate, stable, before), 201);
        return;
    }
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
    *candidate = mine ? order_colour(policy, mine)
                 : policy->kind == HD_KIND_CANARY ? policy->candidate : busiest(s, policy, -1);
    *stable = theirs ? order_colour(policy, theirs)
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

/* The guard that has already answered the question: nothing was switched since it judged (or since
 * haldane took its candidate back). Asking late must not turn its answer into another one. */
static bool answered(struct order *o, const struct service *s, const char *candidate)
{
    const struct store_guard *g = newest(o, s);
    const char *version = order_text(o, "version"), *to = order_text(o, "to");
    if (!g || g->state == HD_STATE_CANCELLED || g->state == HD_STATE_SUPERSEDED)
        return false;
    if (version && g->candidate_version && !str_is(version, g->candidate_version))
        return false;
    bool stands = str_is(g->value_after, s->last.value) && str_is(g->candidate, candidate);
    bool taken_back = s->last.ours && (!to || str_is(to, g->candidate));
    if (!stands && !taken_back)
        return false;
    memcpy(o->about_id, g->id, sizeof o->about_id);
    o->status = 200;
    return true;
}

static void order_guard(struct order *o, struct service *s)
{
    int candidate, stable;
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
        order_about(o, start(o, s, candidate, stable, NULL), 201);
}

/* Puts the order aside until the router has been read: what it was a second ago may be the other
 * side of the very switch that is asked about. */
static void read_first(struct order *o, struct service *s)
{
    struct order_wait *w = calloc(1, sizeof *w), **at = &s->orders;
    if (!w || s->n_orders >= ORDERS_MAX || !o->p->o.answer) {
        free(w);
        order_problem(o, 503, "busy", "too many orders wait for a reading of the router");
        return;
    }
    *w = (struct order_wait){.packet = strndup(o->text.at, o->text.len), .len = o->text.len};
    memcpy(w->once_hash, o->once_hash, sizeof w->once_hash);
    while (*at)
        at = &(*at)->next;
    *at = w;
    s->n_orders++;
    o->later = true;
    watch_now(s);
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
static void order_service_revert(struct order *o, struct service *s)
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
    struct guard *g = start(o, s, candidate, stable, same ? last->value_before : NULL);
    order_about(o, g, 202);
    decide_revert(g, false, order_text(o, "reason"));
}

static void order_hold(struct order *o)
{
    struct pipeline *p = o->p;
    int64_t lasts = order_number(o, "duration_ms", 0);
    const char *actor = order_text(o, "actor");
    struct store_hold hold = {.service = o->service,
                              .reason = order_text(o, "reason"),
                              .actor = actor ? actor : o->by.name,
                              .from_ms = p->now.wall_ms,
                              .until_ms = p->now.wall_ms + lasts,
                              .released_ms = -1};
    struct hd_error err;
    int64_t id;
    if (!hold.reason || lasts <= 0 || lasts > HOLD_MAX_MS) {
        order_problem(o, 422, "bad_hold", "a hold needs a reason and an expiry of at most 30 days");
        return;
    }
    enum hd_code code = store_begin(p->o.store, &err);
    if (!code)
        code = store_add_hold(p->o.store, &hold, &id, &err);
    if (!code)
        code = store_commit(p->o.store, &err);
    if (code) {
        store_rollback(p->o.store);
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    holds_read(p);
    event_add(p, NULL, o->service, "operator", HD_REASON_NONE,
              o->service ? "Automatic reverts of this service are held" : "Automatic reverts of the whole fleet are held",
              hold.reason, true);
    o->status = 201;
}

/* The hold that an order names by its number; NULL: it names none, or none in force. */
static const struct store_hold *named_hold(const struct order *o)
{
    const char *name = order_text(o, "name");
    int64_t id;
    if (!str_is(o->what, "release_hold") || !name || !str_read_i64(name, &id))
        return NULL;
    for (size_t i = 0; i < o->p->n_holds; i++) {
        if (o->p->holds[i].id == id)
            return &o->p->holds[i];
    }
    return NULL;
}

static void order_release(struct order *o)
{
    struct pipeline *p = o->p;
    const struct store_hold *one = named_hold(o);
    struct hd_error err;
    size_t n = 0;
    enum hd_code code = store_begin(p->o.store, &err);
    if (!code && one) {
        code = store_release_hold(p->o.store, one->id, p->now.wall_ms, &err);
        n = code == HD_OK;
        code = code == HD_ABSENT ? HD_OK : code;
    } else if (!code && str_is(o->what, "release")) {
        code = store_release_holds(p->o.store, o->service, p->now.wall_ms, &n, &err);
    }
    if (!code)
        code = store_commit(p->o.store, &err);
    if (code) {
        store_rollback(p->o.store);
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    holds_read(p);
    if (n)
        event_add(p, NULL, o->service, "operator", HD_REASON_NONE, "Automatic reverts are released",
                  order_text(o, "reason"), true);
    o->status = n ? 200 : 404;
    if (!n)
        order_problem(o, 404, "no_hold", "there is no such hold in force");
}

static void order_cancel(struct order *o, struct guard *g)
{
    if (!hd_state_may_move(g->row.state, HD_STATE_CANCELLED)) {
        order_problem(o, 409, "wrong_state", arena_print(o->arena, "the guard is %s", hd_state_word(g->row.state)));
        return;
    }
    order_about(o, g, 200);
    guard_end(g, HD_STATE_CANCELLED, HD_REASON_OPERATOR, order_text(o, "reason"));
}

/* A human has seen it: the banner goes, Alertmanager resolves. */
static void order_acknowledge(struct order *o)
{
    struct pipeline *p = o->p;
    struct guard *g = live_guard(p, o->guard);
    struct store_guard row;
    struct hd_error err;
    if (g) {
        g->row.needs_human = false;
        event_resolve(g, false);
        order_about(o, g, 200);
        return;
    }
    if (store_guard(p->o.store, o->arena, o->guard, &row, &err)) {
        order_problem(o, 404, "no_guard", "there is no such guard");
        return;
    }
    row.needs_human = false;
    row.version++;
    enum hd_code code = store_begin(p->o.store, &err);
    if (!code)
        code = store_put_guard(p->o.store, &row, &err);
    if (!code)
        code = store_resolve_acts(p->o.store, row.id, NULL, p->now.wall_ms, &err);
    if (!code)
        code = store_commit(p->o.store, &err);
    if (code) {
        store_rollback(p->o.store);
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    p->outbox_ms = p->now.boot_ms;
    memcpy(o->about_id, row.id, sizeof o->about_id);
    o->status = 200;
}

static void order_rearm(struct order *o, struct service *s)
{
    const char *colour = order_text(o, "colour");
    bool any = false;
    for (size_t i = 0; i < HD_SIDES_MAX; i++) {
        struct side_mark *m = &s->mark[i];
        if (m->rejected && (!colour || str_is(m->colour, colour))) {
            m->rejected = false;
            m->why[0] = '\0';
            m->dirty = any = true;
        }
    }
    if (!any) {
        order_problem(o, 404, "not_rejected", "no such side is rejected");
        return;
    }
    event_add(s->p, NULL, s->name, "operator", HD_REASON_OPERATOR, "Re-armed: rejected sides may be targets again",
              order_text(o, "reason"), true);
    o->status = 200;
}

static void order_reload(struct order *o)
{
    struct pipeline *p = o->p;
    struct config *fresh = NULL;
    struct hd_error err;
    if (!p->o.load) {
        order_problem(o, 501, "no_file", "this daemon has no file to load");
        return;
    }
    if (p->o.load(p->o.load_ctx, &fresh, &err)) {
        pipeline_reload_refused(p, p->now, err.text);
        order_problem(o, 422, "bad_config", arena_text(o->arena, err.text));
        return;
    }
    pipeline_reload(p, p->now, fresh);
    config_unref(fresh);
    o->status = 200;
}

/* A page that was open for a while must not order what its reader would not have. */
static bool as_seen(struct order *o, const struct guard *g)
{
    const char *seen = order_text(o, "if_state"), *now = g ? hd_state_word(g->row.state) : NULL;
    struct store_guard row;
    struct hd_error err;
    if (!seen || !o->guard)
        return true;
    if (!now && !store_guard(o->p->o.store, o->arena, o->guard, &row, &err))
        now = hd_state_word(row.state);
    if (str_is(seen, now))
        return true;
    order_problem(o, 409, "changed",
                  arena_print(o->arena, "the guard was %s on the page, and is %s now", seen, now ? now : "gone"));
    return false;
}

static void run(struct order *o)
{
    struct pipeline *p = o->p;
    struct guard *g = o->guard ? live_guard(p, o->guard) : NULL;
    if (!g && str_is(o->what, "cancel"))
        g = analysis_live(p, o->guard);
    if (g)
        o->service = g->service->name;
    if (named_hold(o)) /* for the token */
        o->service = named_hold(o)->service ? arena_text(o->arena, named_hold(o)->service) : NULL;
    if (o->guard && !g) { /* ended: the row says whose it was, for the token */
        struct store_guard row;
        struct hd_error err;
        o->service = store_guard(p->o.store, o->arena, o->guard, &row, &err) ? NULL : row.service;
    }
    struct service *s = o->service ? service_find(p, o->service) : NULL;
    if (!allowed(o))
        return;
    if (!once_admit(o) || !as_seen(o, g) || accounts_order(o) || change_order(o, g) || gates_order(o) ||
        approval_order(o, g))
        return;
    bool for_guard = o->guard && !str_is(o->what, "acknowledge") && !str_is(o->what, "rearm");
    if (for_guard && !g) {
        order_problem(o, 404, "no_live_guard", "no such guard is live");
    } else if (o->service && (!s || !s->policy) && !o->guard) {
        order_problem(o, 404, "no_service", "there is no such service");
    } else if (str_is(o->what, "guard") && s) {
        if (o->fresh)
            order_guard(o, s);
        else
            read_first(o, s);
    } else if (str_is(o->what, "analyse") && s) {
        analysis_order(o, s);
    } else if (str_is(o->what, "alerts") && s) {
        alerts_order(o, s);
    } else if (str_is(o->what, "revert") && g) {
        revert_live(o, g);
    } else if (str_is(o->what, "revert") && s) {
        if (o->fresh || s->guard)
            order_service_revert(o, s);
        else
            read_first(o, s);
    } else if (str_is(o->what, "drill") && s) {
        drill_order(o, s);
    } else if (str_is(o->what, "hold")) {
        order_hold(o);
    } else if (str_is(o->what, "release") || str_is(o->what, "release_hold")) {
        order_release(o);
    } else if (str_is(o->what, "cancel") && g) {
        order_cancel(o, g);
    } else if (str_is(o->what, "rearm") && s) {
        order_rearm(o, s);
    } else if (str_is(o->what, "acknowledge") && o->guard) {
        order_acknowledge(o);
    } else if (str_is(o->what, "reload")) {
        order_reload(o);
    } else {
        order_problem(o, 400, "bad_command", "there is no such command");
    }
}

static void body_out(const struct order *o, struct json_out *out)
{
    if (o->status < 400 && o->body) {
        json_put_raw(out, "body", o->body);
        return;
    }
    json_begin(out, "body", '{');
    if (o->status >= 400) {
        json_put_text(out, "type", "about:blank");
        json_put_text(out, "title", o->code);
        json_put_i64(out, "status", o->status);
        json_put_text(out, "detail", o->detail);
        json_put_text(out, "code", o->code);
        json_put_bool(out, "retryable", o->status == 503);
    } else if (o->about_id[0]) {
        json_put_text(out, "id", o->about_id);
        const struct guard *g = o->about;
        const struct store_guard *row = g ? &g->row : o->row;
        if (row) {
            json_put_text(out, "service", row->service);
            json_put_text(out, "state", hd_state_word(row->state));
            json_put_text(out, "headline", g ? buf_at(&g->headline) : row->headline);
        }
        if (row && row->analysis) {
            json_put_text(out, "verdict", hd_verdict_word(row->verdict));
            json_put_double(out, "score", row->score);
            json_put_text(out, "why", g ? buf_at(&g->why) : row->why);
        }
    } else {
        json_put_bool(out, "ok", true);
    }
    json_end(out, '}');
}

/* The answer's members but the id, which is the packet's own. */
static const char *members_of(const struct order *o)
{
    BUF_AUTO text = BUF_INIT(PIPELINE_PACKET_MAX);
    struct json_out out = json_out(&text);
    if (o->again)
        return o->again;
    json_begin(&out, NULL, '{');
    json_put_i64(&out, "status", o->status);
    if (o->about_id[0])
        json_put_text(&out, "location", arena_print(o->arena, "/api/v1/guards/%s", o->about_id));
    body_out(o, &out);
    return arena_text(o->arena, buf_at(&text) + 1);
}

/* A repetition gets the first answer; one that held a secret is stored nowhere. */
static void remember(const struct order *o, const char *members)
{
    struct order shown = *o;
    if (o->status >= 400 || !accounts_shows_secret(o)) {
        once_remember(o, members);
        return;
    }
    shown.about_id[0] = '\0';
    order_problem(&shown, 409, "shown_once", "this order was carried out, and its secret was shown then: "
                  "end it and order another one");
    once_remember(&shown, members_of(&shown));
}

static void answer_out(const struct order *o, const char *members, struct buf *to)
{
    buf_print(to, "{\"id\":%lld,%s}", (long long)o->id, members);
}

static const char *packet_text(const struct order *o, const char *key)
{
    const char *text = NULL;
    return json_text(json_get(o->packet, key), key, &text, NULL) ? NULL : text;
}

/* True: the answer is written; false: it comes later. */
static bool command(struct pipeline *p, struct hd_span packet, bool fresh, const struct hd_error *unread,
                    struct buf *answer)
{
    ARENA_AUTO a = arena_new();
    JSON_AUTO j = NULL;
    struct hd_error err;
    struct order o = {.p = p, .arena = a, .text = packet, .fresh = fresh};
    if (json_parse(packet, &j, &err)) {
        order_problem(&o, 400, "bad_command", err.text);
    } else {
        o.packet = j;
        o.args = json_get(j, "args");
        (void)json_i64(json_get(j, "id"), "id", &o.id, NULL);
        o.what = packet_text(&o, "do");
        o.service = packet_text(&o, "service");
        o.guard = packet_text(&o, "guard");
        o.token = packet_text(&o, "token");
        o.key = packet_text(&o, "key");
        if (unread)
            order_problem(&o, 503, "router_unread", unread->text);
        else
            run(&o);
    }
    if (o.later)
        return false;
    const char *members = members_of(&o); /* before the commit, which frees a guard that ended */
    remember(&o, members);
    if (o.status < 400 && save_all(p, &err)) {
        o.about = NULL;
        o.again = NULL; /* not before it is durable (I7) */
        order_problem(&o, 503, "not_saved", err.text);
        members = members_of(&o);
    }
    log_info(o.service, "command %s: %d", o.what ? o.what : "?", o.status);
    answer_out(&o, members, answer);
    return true;
}

void pipeline_command(struct pipeline *p, struct hd_now now, struct hd_span packet, struct buf *answer)
{
    p->now = now;
    (void)command(p, packet, false, NULL, answer);
}

static struct order_wait *pop(struct service *s)
{
    struct order_wait *w = s->orders;
    s->orders = w->next;
    s->n_orders--;
    return w;
}

void command_read(struct service *s, const struct hd_error *err)
{
    for (; s->orders_ready > 0 && s->orders; s->orders_ready--) {
        struct order_wait *w = pop(s);
        BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
        if (command(s->p, (struct hd_span){w->packet, w->len}, true, err, &answer))
            s->p->o.answer(s->p->o.answer_ctx, buf_span(&answer));
        free(w->packet);
        free(w);
    }
    s->orders_ready = 0;
}

bool command_waits(const struct service *s, const char *once_hash)
{
    const struct order_wait *w = s->orders;
    while (w && !str_is(w->once_hash, once_hash))
        w = w->next;
    return w != NULL;
}

void command_drop(struct service *s)
{
    while (s->orders) {
        struct order_wait *w = pop(s);
        free(w->packet);
        free(w);
    }
}
