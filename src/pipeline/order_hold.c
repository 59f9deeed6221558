/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders about what haldane may do by itself: hold automatic reverts and release them again, make a
 * rejected side a target again. Called by command.c.
 */
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

#define HOLD_MAX_MS ((int64_t)30 * 86400 * 1000)

/* Ends the transaction; false: nothing of it holds, and the order is answered. */
static bool commit(struct order *o, enum hd_code code, struct hd_error *err)
{
    struct pipeline *p = o->p;
    if (!code)
        code = store_commit(p->o.store, err);
    if (code) {
        store_rollback(p->o.store);
        bool full = code == HD_LIMIT;
        order_problem(o, full ? 429 : 503, full ? "too_many_holds" : "not_saved", arena_text(o->arena, err->text));
        return false;
    }
    holds_read(p);
    return true;
}

/* What is held, and until when. */
static const char *held(const struct order *o, const struct store_hold *hold)
{
    BUF_AUTO b = BUF_INIT(4096);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_bool(&out, "ok", true);
    if (hold->service)
        json_put_text(&out, "service", hold->service);
    json_put_time(&out, "until", hold->until_ms);
    json_end(&out, '}');
    return arena_text(o->arena, buf_at(&b));
}

void hold_order(struct order *o)
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
    if (!commit(o, code, &err))
        return;
    char until[STR_TIME_MAX];
    event_add(p, NULL, o->service, "operator", HD_REASON_NONE,
              arena_print(o->arena, "Automatic reverts of %s are held until %s",
                          o->service ? o->service : "the whole fleet",
                          would_until(hold.until_ms, p->now.wall_ms, until)),
              hold.reason, true);
    o->body = held(o, &hold);
    o->status = 201;
}

const struct store_hold *order_named_hold(const struct order *o)
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

/* A hold that ends brings no ended guard back: who relied on one is told. */
static void released(struct order *o)
{
    struct pipeline *p = o->p;
    BUF_AUTO left = BUF_INIT(4096);
    BUF_AUTO b = BUF_INIT(8192);
    for (size_t i = 0; i < p->n_services; i++) {
        const char *text = !o->service || str_is(o->service, p->services[i]->name)
                               ? mark_unwatched(p->services[i], o->arena) : NULL;
        if (text)
            buf_print(&left, "%s%s: %s", left.len ? "; " : "", p->services[i]->name, text);
    }
    const char *reason = order_text(o, "reason");
    event_add(p, NULL, o->service, "operator", HD_REASON_NONE, "Automatic reverts are released",
              arena_print(o->arena, "%s%s%s", reason ? reason : "", reason && left.len ? "; " : "", buf_at(&left)), true);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_bool(&out, "ok", true);
    if (left.len)
        json_put_text(&out, "unwatched", buf_at(&left));
    json_end(&out, '}');
    o->body = arena_text(o->arena, buf_at(&b));
    o->status = 200;
}

void release_order(struct order *o)
{
    struct pipeline *p = o->p;
    const struct store_hold *one = order_named_hold(o);
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
    if (!commit(o, code, &err))
        return;
    if (n)
        released(o);
    else
        order_problem(o, 404, "no_hold", "there is no such hold in force");
}

void rearm_order(struct order *o)
{
    struct service *s = o->s;
    const char *colour = order_text(o, "colour");
    if (!mark_rearm(s, colour)) {
        order_problem(o, 404, "not_rejected", "no such side is rejected");
        return;
    }
    event_add(s->p, NULL, s->name, "operator", HD_REASON_OPERATOR, "Re-armed: rejected sides may be targets again",
              order_text(o, "reason"), true);
    o->status = 200;
}
