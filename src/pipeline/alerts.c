/* SPDX-License-Identifier: Apache-2.0
 *
 * Alerts that an Alertmanager sends us about a service. One that feeds its guard stands in the timeline,
 * and while it fires the guard does not pass (decide.c); one that fails it is a check that tripped. What
 * fired before the switch is not held against the release. Of alerts that a message left out nobody knows
 * what they say: together they are one that feeds the guard, until the group is told whole. Called by
 * command.c.
 */
#include "pipeline/order.h"

#include "base/str.h"

static const char *text_of(const struct order *o, const struct json *j, const char *key)
{
    const char *text;
    if (json_text(json_get(j, key), key, &text, NULL))
        return "";
    char *copy = arena_text(o->arena, text);
    str_clean(copy, HD_TEXT_MAX);
    return copy;
}

struct taken {
    struct store_alert alert;
    const char *text;
    bool news, firing;
};

/* What the message of this group leaves out, if anything. */
static enum hd_code note_rest(struct order *o, struct taken *ret, struct hd_error *err)
{
    struct store *store = o->p->o.store;
    const char *group = order_text(o, "group");
    struct store_alert *a = &ret->alert;
    bool fires = false;
    (void)json_bool(json_get(o->args, "rest_fires"), "rest_fires", &fires, NULL);
    *ret = (struct taken){.alert = {.service = o->service,
                                    .what = "feed",
                                    .fingerprint = group ? group : "",
                                    .name = arena_print(o->arena, "%lld alerts that a message left out",
                                                        (long long)order_number(o, "left_out", 0)),
                                    .starts_ms = o->p->now.wall_ms,
                                    .seen_ms = o->p->now.wall_ms,
                                    .firing = fires},
                          .text = ""};
    enum hd_code code = store_alert_since(store, a->service, a->fingerprint, &a->starts_ms, err);
    if (code && (code != HD_ABSENT || !fires))
        return code == HD_ABSENT ? HD_OK : code;
    return store_put_alert(store, a, &ret->news, &ret->firing, err);
}

/* Notes all of them in one transaction, and as one more what was left out. */
static enum hd_code note(struct order *o, const struct json *list, struct taken *ret, size_t *ret_n,
                         struct hd_error *err)
{
    struct store *store = o->p->o.store;
    enum hd_code code = store_begin(store, err);
    size_t n = 0;
    for (const struct json *j = json_first(list); !code && j && n < HD_ALERTS_BODY_MAX; j = json_next(j), n++) {
        struct taken *t = &ret[n];
        *t = (struct taken){.alert = {.service = o->service,
                                      .what = order_text(o, "what"),
                                      .fingerprint = text_of(o, j, "fingerprint"),
                                      .name = text_of(o, j, "name"),
                                      .seen_ms = o->p->now.wall_ms},
                            .text = text_of(o, j, "text")};
        (void)json_i64(json_get(j, "starts_ms"), "starts_ms", &t->alert.starts_ms, NULL);
        (void)json_bool(json_get(j, "firing"), "firing", &t->alert.firing, NULL);
        code = store_put_alert(store, &t->alert, &t->news, &t->firing, err);
    }
    if (!code)
        code = note_rest(o, &ret[n], err);
    if (!code)
        code = store_commit(store, err);
    if (code)
        store_rollback(store);
    *ret_n = n;
    return code;
}

static bool watching(const struct guard *g)
{
    return g && (g->row.state == HD_STATE_WARMING || g->row.state == HD_STATE_WATCHING);
}

static void tell(struct order *o, struct guard *g, const struct taken *t, const char *more)
{
    const char *headline = arena_print(o->arena, "Alert %s %s%s", t->alert.name,
                                       t->firing ? "is firing" : "has resolved", more);
    event_add(o->p, g, o->service, "check", HD_REASON_NONE, headline, t->text, false);
}

static void tell_rest(struct order *o, const struct taken *rest, int64_t left_out)
{
    const char *words = !rest->firing ? "Every alert of a group that was cut short is told again, or over"
                                      : arena_print(o->arena, "%lld alerts were left out of a message: a "
                                                    "release does not pass on what nobody told",
                                                    (long long)left_out);
    if (rest->news)
        event_add(o->p, o->s->guard, o->service, "check", HD_REASON_NONE, words, "", false);
}

/* A repeat may still fail a guard: the message before may have been lost with the process. */
static void act(struct order *o, struct guard *g, const struct taken *t)
{
    bool fails = t->firing && str_is(t->alert.what, "fail") && watching(g);
    bool earlier = g && t->alert.starts_ms < g->row.switch_from_ms;
    if (t->news)
        tell(o, g, t, t->firing && earlier ? ", since before the switch: not held against it" : "");
    if (fails && !earlier)
        decide_alert(g, arena_print(o->arena, "%s%s%s", t->alert.name,
                                    *t->text ? ": " : "", t->text));
}

void alerts_order(struct order *o)
{
    struct taken *taken = arena_many(o->arena, HD_ALERTS_BODY_MAX + 1, struct taken);
    const struct json *list = json_get(o->args, "alerts");
    int64_t left_out = order_number(o, "left_out", 0);
    struct hd_error err;
    size_t n = 0, news = 0;
    if (!list || json_type(list) != JSON_ARRAY || !order_text(o, "what")) {
        order_problem(o, 400, "bad_command", "alerts is no list");
        return;
    }
    if (note(o, list, taken, &n, &err)) {
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        act(o, o->s->guard, &taken[i]); /* which may end with the first of them */
        news += taken[i].news;
    }
    tell_rest(o, &taken[n], left_out);
    o->body = arena_print(o->arena, "{\"alerts\":%zu,\"news\":%zu,\"left_out\":%lld}", n, news,
                          (long long)left_out);
    o->status = 200;
}
