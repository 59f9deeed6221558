/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates that another controller waits at: opened and closed by an order, kept by the store with who,
 * why and until when. And what such a controller tells of itself, for the timeline. Called by
 * command.c; whoever asks whether a gate is open reads the store.
 */
#include "pipeline/order.h"

#include "base/str.h"

static const char *const spaces[] = {"gate", "rollback"};

static enum hd_code put(struct order *o, const char *space, const char *name, bool open,
                        int64_t lasts_ms, struct hd_error *err)
{
    int64_t now = o->p->now.wall_ms;
    struct store_gate gate = {
        .space = space,
        .name = name,
        .open = open,
        .run = open ? order_text(o, "run") : NULL,
        .reason = order_text(o, "reason"),
        .actor = o->by.name,
        .changed_ms = now,
        .expires_ms = now + lasts_ms,
    };
    return store_put_gate(o->p->o.store, &gate, err);
}

/* In a transaction of its own; with `space` NULL every gate of the name. */
static bool change(struct order *o, const char *space, const char *name, bool open, int64_t lasts_ms)
{
    struct store *store = o->p->o.store;
    struct hd_error err;
    enum hd_code code = store_begin(store, &err);
    for (size_t i = 0; !code && i < 2; i++) {
        if (!space || str_is(space, spaces[i]))
            code = put(o, spaces[i], name, open, lasts_ms, &err);
    }
    if (!code)
        code = store_commit(store, &err);
    if (!code)
        return true;
    store_rollback(store);
    order_problem(o, code == HD_LIMIT ? 429 : 503, code == HD_LIMIT ? "too_many_gates" : "not_saved",
                  arena_text(o->arena, err.text));
    return false;
}

static void tell(struct order *o, const char *headline, const char *text)
{
    const struct service *s = service_find(o->p, o->service);
    event_add(o->p, s ? s->guard : NULL, o->service, "operator", HD_REASON_NONE, headline, text, false);
}

void gates_order(struct order *o)
{
    const char *space = order_text(o, "space"), *name = order_text(o, "name"), *why = order_text(o, "reason");
    bool open = str_is(order_text(o, "to"), "open");
    int64_t lasts = order_number(o, "duration_ms", HD_GATE_MS);
    if (!name || !space || lasts <= 0 || lasts > HD_GATE_MS_MAX) {
        order_problem(o, 422, "bad_gate", "a gate stays open for at most 7 days");
        return;
    }
    if (!change(o, space, name, open, lasts))
        return;
    tell(o, arena_print(o->arena, "%s %s %s by %s", str_is(space, "gate") ? "Gate" : "Rollback gate", name,
                        open ? "opened" : "closed", o->by.name), why);
    o->status = 202;
}

/* An event has a text, a hook after the rollout has none: with that what was opened for the run ends,
 * and the next one begins with closed gates. */
void gates_event(struct order *o)
{
    const char *name = order_text(o, "name"), *phase = order_text(o, "phase"), *text = order_text(o, "text");
    bool over = !text && (str_is(phase, "Succeeded") || str_is(phase, "Failed"));
    if (over && !change(o, NULL, name, false, HD_GATE_MS_MAX))
        return;
    tell(o, arena_print(o->arena, "Flagger: %s is %s", name, phase ? phase : "?"), text);
    o->status = 200;
}
