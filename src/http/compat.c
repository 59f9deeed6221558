/* SPDX-License-Identifier: Apache-2.0
 *
 * See compat.h. Decides which guard or analysis a question is about, and never takes an old verdict
 * for a new one. Called by the compat_*.c handlers.
 */
#include "http/compat.h"

#include <string.h>

#include "base/str.h"
#include "http/http.h"
#include "http/ids.h"
#include "http/view.h"

static const struct {
    const char *prefix;
    const struct dialect *dialect;
} dialects[] = {
    {"/compat/argo/", &argo_dialect},
    {"/compat/flagger/", &flagger_dialect},
    {"/compat/kayenta/", &kayenta_dialect},
    {"/gate/", &flagger_dialect},
    {"/rollback/", &flagger_dialect},
};

const struct dialect *compat_dialect(const struct call *c)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (str_begins(c->path, dialects[i].prefix))
            return dialects[i].dialect;
    }
    return NULL;
}

const char *compat_line(struct call *c, const char *text)
{
    char *copy = arena_text(c->arena, text);
    str_clean(copy, HD_TEXT_MAX);
    return copy;
}

static enum compat_found say(struct compat_view *v, enum compat_found found, const char *reason)
{
    v->reason = reason;
    return found;
}

static enum compat_found failed(struct call *c, struct compat_view *v, const struct hd_error *err)
{
    return say(v, COMPAT_BLIND, arena_print(c->arena, "the history cannot be read: %s", err->text));
}

/* Of the sides that are named the one that is no colour of the service; NULL: they are. */
static const char *colour_unknown(struct call *c, const struct store_service *s, const struct compat_ask *ask)
{
    const char *const asked[] = {ask->candidate, ask->stable};
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    JSON_AUTO list = NULL;
    bool known[2] = {!asked[0], !asked[1]};
    if (json_parse((struct hd_span){s->colours, strlen(s->colours)}, &list, NULL))
        return NULL;
    for (const struct json *k = json_first(list); k; k = json_next(k)) {
        const char *name = "";
        (void)json_text(k, "", &name, NULL);
        buf_print(&b, "%s%s", b.len ? ", " : "", name);
        for (int i = 0; i < 2; i++)
            known[i] |= str_is(asked[i], name);
    }
    if (known[0] && known[1])
        return NULL;
    return arena_print(c->arena, "'%s' is no colour of %s, which has %s", asked[known[0]], s->name, buf_at(&b));
}

/* Why there is no such service, or no such colour of it: which there are, or the one that was meant. NULL: there
 * is. A run is of the sides that it was started for, which may be versions. */
static enum hd_code service_unknown(struct call *c, const struct compat_ask *ask, const char **ret,
                                    const char **ret_colour, struct hd_error *err)
{
    const char *name = ask->service;
    struct str_near near = {.word = name};
    struct store_service *list;
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    size_t n;
    *ret = *ret_colour = NULL;
    if (store_services(c->store, c->arena, &list, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++) {
        if (str_is(list[i].name, name)) {
            *ret_colour = ask->run ? NULL : colour_unknown(c, &list[i], ask);
            return HD_OK;
        }
        str_near_offer(&near, list[i].name);
        buf_print(&b, "%s%s", i ? ", " : "", list[i].name);
    }
    *ret = near.name ? arena_print(c->arena, "no service %s is configured; did you mean '%s'?", name, near.name)
                     : arena_print(c->arena, "no service %s is configured; there are: %s", name, n ? buf_at(&b) : "none");
    return HD_OK;
}

/* What a row says. A verdict that was reached stays true whatever the loop does; one that is still
 * to come needs the loop. */
static enum compat_found tell(struct call *c, struct compat_view *v)
{
    const struct store_guard *g = &v->guard;
    const char *alarm = call_alarm(c);
    v->ready = g->verdict != HD_VERDICT_NONE;
    if (!v->ready && alarm)
        return say(v, COMPAT_BLIND, alarm);
    const char *why = v->ready && g->why ? g->why : "";
    return say(v, COMPAT_FOUND,
               *why ? arena_print(c->arena, "%s: %s", g->headline, why) : g->headline);
}

static enum compat_found look_guard(struct call *c, const char *id, struct compat_view *v)
{
    struct hd_error err = {0};
    enum hd_code code = ids_find(c->store, c->arena, id, &id, &err);
    if (code == HD_CONFLICT)
        return say(v, COMPAT_UNKNOWN, arena_text(c->arena, err.text));
    if (!code)
        code = store_guard(c->store, c->arena, id, &v->guard, &err);
    if (code == HD_ABSENT)
        return say(v, COMPAT_UNKNOWN, arena_print(c->arena, "there is no guard %s", id));
    return code ? failed(c, v, &err) : tell(c, v);
}

/* A guard is named, and what it should be about. */
static enum compat_found look_named(struct call *c, const struct compat_ask *ask, struct compat_view *v)
{
    enum compat_found found = look_guard(c, ask->guard, v);
    const struct store_guard *g = &v->guard;
    bool other = (ask->service && !str_is(ask->service, g->service)) ||
                 (ask->candidate && !str_is(ask->candidate, g->candidate)) ||
                 (ask->stable && !str_is(ask->stable, g->stable)) ||
                 (ask->version && g->candidate_version && !str_is(ask->version, g->candidate_version));
    if (found != COMPAT_FOUND || !other)
        return found;
    return say(v, COMPAT_OTHER,
               arena_print(c->arena, "guard %s is about something else: %s of %s against %s", g->id, g->candidate,
                           g->service, g->stable));
}

static enum compat_found look_run(struct call *c, const struct compat_ask *ask,
                                  struct compat_view *v)
{
    struct hd_error err;
    struct store_run run;
    enum hd_code code = store_run(c->store, c->arena, ask->service, ask->run, c->now_ms, &run, &err);
    if (code == HD_ABSENT)
        return say(v, COMPAT_NOTHING,
                   arena_print(c->arena, "no analysis of run %s was started", ask->run));
    if (code)
        return failed(c, v, &err);
    enum compat_found found = look_guard(c, run.guard, v);
    const struct store_sides asked = {ask->candidate, ask->stable, ask->version, NULL};
    const char *other = found == COMPAT_FOUND ? store_run_other(c->arena, ask->run, &v->guard, &asked) : NULL;
    return other ? say(v, COMPAT_OTHER, other) : found;
}

/* Does the verdict of a guard that has ended still speak of what is live? */
static const char *outdated(struct call *c, const struct store_guard *g,
                            const struct store_reading *now)
{
    const char *alarm = call_alarm(c);
    if (alarm)
        return alarm;
    bool stands = now && (str_is(g->value_after, now->value) || now->ours);
    if (stands && c->now_ms - g->ended_ms < COMPAT_FRESH_MS)
        return NULL;
    char when[STR_TIME_MAX];
    return arena_print(c->arena, "no guard of %s is live; the last one ended %s and may be about another "
                                 "release", g->service, str_moment(g->ended_ms, c->now_ms, when));
}

static enum compat_found look_service(struct call *c, const struct compat_ask *ask,
                                      struct compat_view *v)
{
    struct store_filter filter = {.service = ask->service, .verdict = -1, .limit = 1};
    struct store_guard *rows;
    struct store_reading reading;
    struct hd_error err;
    bool has_reading;
    size_t n;
    if (store_guards(c->store, c->arena, &filter, &rows, &n, &err) ||
        view_reading(c->store, c->arena, ask->service, &has_reading, &reading, &err))
        return failed(c, v, &err);
    if (!n)
        return say(v, COMPAT_NOTHING,
                   arena_print(c->arena, "%s has had no guard yet", ask->service));
    bool other = (ask->candidate && !str_is(ask->candidate, rows->candidate)) ||
                 (ask->stable && !str_is(ask->stable, rows->stable)) ||
                 (ask->version && !str_is(ask->version, rows->candidate_version));
    if (other)
        return say(v, COMPAT_NOTHING,
                   arena_print(c->arena, "the newest guard of %s is about another release", ask->service));
    const char *why = hd_state_terminal(rows->state)
                          ? outdated(c, rows, has_reading ? &reading : NULL)
                          : NULL;
    if (why)
        return say(v, COMPAT_NOTHING, why);
    v->guard = *rows;
    return tell(c, v);
}

/* A name that the configuration does not hold is a mistake of who asks, but not when it once was there,
 * or when a daemon that has just begun has yet to write down its services. */
static enum compat_found look_gone(struct call *c, const struct compat_ask *ask, const char *unknown,
                                   struct compat_view *v)
{
    const struct store_filter filter = {.service = ask->service, .verdict = -1, .limit = 1};
    struct store_service *services;
    struct store_guard *rows;
    struct hd_error err;
    size_t n, n_rows;
    if (store_services(c->store, c->arena, &services, &n, &err) ||
        store_guards(c->store, c->arena, &filter, &rows, &n_rows, &err))
        return failed(c, v, &err);
    return say(v, !n ? COMPAT_BLIND : n_rows ? COMPAT_OTHER : COMPAT_UNKNOWN, unknown);
}

enum compat_found compat_look(struct call *c, const struct compat_ask *ask,
                              const struct hd_error *unread, struct compat_view *ret)
{
    struct hd_error err;
    const char *unknown, *no_colour;
    *ret = (struct compat_view){.reason = ""};
    if (!c->store)
        return failed(c, ret, unread);
    if (ask->guard)
        return look_named(c, ask, ret);
    if (!ask->service)
        return say(ret, COMPAT_UNKNOWN, "name a guard or a service");
    if (service_unknown(c, ask, &unknown, &no_colour, &err))
        return failed(c, ret, &err);
    if (no_colour)
        return say(ret, COMPAT_UNKNOWN, no_colour);
    enum compat_found found = ask->run  ? look_run(c, ask, ret)
                              : unknown ? COMPAT_NOTHING
                                        : look_service(c, ask, ret);
    return unknown && found == COMPAT_NOTHING ? look_gone(c, ask, unknown, ret) : found;
}

bool compat_refused(struct call *c, unsigned status, const struct json *body)
{
    const char *code = "refused", *detail = "the guard loop refused this";
    if (status < 400)
        return false;
    (void)json_text(json_get(body, "code"), "code", &code, NULL);
    (void)json_text(json_get(body, "detail"), "detail", &detail, NULL);
    (void)call_refuse(c, status, code, "%s", detail);
    return true;
}

struct json_out compat_order(struct call *c, const char *what, const char *service,
                             const char *guard)
{
    buf_clear(&c->packet);
    c->packet = BUF_INIT(HTTP_PACKET_MAX);
    struct json_out o = json_out(&c->packet);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "do", what);
    json_put_text(&o, "token", c->secret);
    json_put_text(&o, "service", service);
    json_put_text(&o, "guard", guard);
    json_begin(&o, "args", '{');
    return o;
}

void compat_send(struct json_out *o)
{
    json_end(o, '}');
    json_end(o, '}');
}
