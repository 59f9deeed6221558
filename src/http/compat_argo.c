/* SPDX-License-Identifier: Apache-2.0
 *
 * The `web` metric of Argo Rollouts: one address, one flat object with every key always there. Argo
 * takes whatever is not a 2xx for an error of the measurement, so every answer is a 200. What cannot be
 * answered now is neither success nor failure. A question that can never be answered as it is put (a
 * service, a colour, a field that does not exist: a mistake in the template) is Failed, with what was
 * meant: Argo then goes back to the stable side at once, where Inconclusive would let the release run on,
 * unwatched, until a limit of the template is used up. Only who may not ask, or asks with a wrong method
 * or frame, is told so by the status.
 * GET changes nothing; POST and PUT start the analysis that they name, once.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "http/compat.h"
#include "http/handlers.h"
#include "http/orders.h"

/* By enum hd_verdict_kind. */
static const char *const phases[] = {"Running", "Successful", "Failed", "Inconclusive"};

struct argo {
    const char *id; /* "": none */
    int verdict;    /* enum hd_verdict_kind */
    enum { AS_JUDGED, HOPELESS, MISTAKEN } how; /* no verdict, and asking again will not bring one; or never could */
    double score;
    const char *reason;
};

static void write_answer(struct call *c, const struct argo *a)
{
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    bool ready = a->verdict != HD_VERDICT_NONE;
    json_begin(&o, NULL, '{');
    json_put_text(&o, "phase", phases[a->how == MISTAKEN   ? (int)HD_VERDICT_FAIL
                                      : a->how == HOPELESS ? (int)HD_VERDICT_INCONCLUSIVE
                                                           : a->verdict]);
    json_put_text(&o, "verdict", hd_verdict_word(a->verdict));
    json_put_bool(&o, "ok", a->verdict == HD_VERDICT_PASS);
    json_put_bool(&o, "ready", ready);
    json_put_double(&o, "score", a->score);
    json_put_text(&o, "reason", compat_line(c, a->reason));
    json_put_text(&o, "id", a->id);
    json_end(&o, '}');
}

static const char *mistake(struct call *c, const char *detail)
{
    return arena_print(c->arena, "a mistake in the template, and no verdict: %s", detail);
}

static void refuse(struct call *c, unsigned status, const char *code, const char *detail)
{
    bool retryable = call_status_retryable(status) || status == 504;
    bool mistaken = status == 400 || status == 404 || status == 422;
    if (status == 401 || status == 403 || status == 405 || c->reply.close)
        call_problem(c, status, code, detail);
    else
        write_answer(c, &(struct argo){.id = "",
                                       .how = mistaken ? MISTAKEN : retryable ? AS_JUDGED : HOPELESS,
                                       .score = NAN,
                                       .reason = mistaken ? mistake(c, detail) : detail});
}

/* The loop's answer to a start. */
static void taken(struct call *c, unsigned status, const struct json *body)
{
    struct argo a = {.id = "", .score = NAN, .reason = ""};
    const char *verdict = "none", *why = "";
    if (compat_refused(c, status, body))
        return;
    (void)json_text(json_get(body, "id"), "id", &a.id, NULL);
    (void)json_text(json_get(body, "verdict"), "verdict", &verdict, NULL);
    (void)json_text(json_get(body, "headline"), "headline", &a.reason, NULL);
    (void)json_text(json_get(body, "why"), "why", &why, NULL);
    (void)json_double(json_get(body, "score"), "score", &a.score, NULL);
    a.verdict = hd_verdict_of(verdict);
    if (a.verdict > HD_VERDICT_NONE && *why)
        a.reason = arena_print(c->arena, "%s: %s", a.reason, why);
    write_answer(c, &a);
}

const struct dialect argo_dialect = {refuse};

struct argo_ask {
    struct compat_ask what;
    const char *ttl, *duration, *interval;
    bool empty_run; /* a name was to be given: what it should have been, nobody can tell */
};

static const char **place_of(struct argo_ask *ask, const char *key)
{
    const struct {
        const char *key, **at;
    } place[] = {{"guard", &ask->what.guard},   {"service", &ask->what.service},
                 {"run", &ask->what.run},       {"candidate", &ask->what.candidate},
                 {"stable", &ask->what.stable}, {"version", &ask->what.version},
                 {"ttl", &ask->ttl},           {"duration", &ask->duration},
                 {"interval", &ask->interval}};
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        if (str_is(place[i].key, key))
            return place[i].at;
    }
    return NULL;
}

static void put(struct argo_ask *ask, const char **at, const char *text)
{
    *at = text && *text ? text : NULL;
    if (at == &ask->what.run)
        ask->empty_run = text && !*text;
}

static void take_query(const struct call *c, struct argo_ask *ask)
{
    for (const char *const *key = c->route->query; *key; key++)
        put(ask, place_of(ask, *key), call_query(c, *key));
}

/* Members of a JSON body win over the address; false: refused. */
static bool take_body(struct call *c, struct argo_ask *ask)
{
    JSON_AUTO body = NULL;
    struct hd_error err;
    if (!c->body.len)
        return true;
    if (json_parse(buf_span(&c->body), &body, &err) || json_type(body) != JSON_OBJECT) {
        (void)call_refuse(c, 400, "bad_json", "the body is not a JSON object");
        return false;
    }
    for (const struct json *k = json_first(body); k; k = json_next(k)) {
        const char **at = place_of(ask, json_key(k)), *text;
        if (json_get(body, json_key(k)) != k) {
            (void)call_refuse(c, 422, "bad_field", "%s is given twice", json_key(k));
            return false;
        }
        if (!at || json_text(k, json_key(k), &text, &err)) {
            (void)call_refuse(c, 422, "bad_field", "%s is not known here, or no text", json_key(k));
            return false;
        }
        put(ask, at, arena_text(c->arena, text));
    }
    return true;
}

/* False: refused. */
static bool put_duration(struct call *c, struct json_out *o, const char *key, const char *text)
{
    int64_t ms = 0;
    if (text && !str_read_duration(text, &ms)) {
        buf_clear(&c->packet);
        (void)call_refuse(c, 422, "bad_times", "%.*s must be a duration like 30m", (int)strcspn(key, "_"), key);
        return false;
    }
    if (text)
        json_put_i64(o, key, ms);
    return true;
}

static void put_text(struct json_out *o, const char *key, const char *text)
{
    if (text)
        json_put_text(o, key, text);
}

static void start(struct call *c, const struct argo_ask *ask)
{
    struct json_out o = compat_order(c, "analyse", ask->what.service, NULL);
    put_text(&o, "run", ask->what.run);
    put_text(&o, "trigger", "argo");
    put_text(&o, "candidate", ask->what.candidate);
    put_text(&o, "stable", ask->what.stable);
    put_text(&o, "version", ask->what.version);
    if (!put_duration(c, &o, "ttl_ms", ask->ttl) || !put_duration(c, &o, "duration_ms", ask->duration) ||
        !put_duration(c, &o, "interval_ms", ask->interval))
        return;
    compat_send(&o);
    c->taken = taken;
}

enum hd_code argo_analysis(struct call *c, struct hd_error *unread)
{
    struct argo_ask ask = {.ttl = NULL};
    struct compat_view v;
    take_query(c, &ask);
    if (!take_body(c, &ask))
        return HD_OK;
    if (ask.empty_run && ask.what.candidate && !ask.what.guard && c->route->order)
        return call_refuse(c, 422, "bad_field", "run is empty");
    enum compat_found found = compat_look(c, &ask.what, unread, &v);
    if (found == COMPAT_NOTHING && ask.what.run && c->route->order) {
        start(c, &ask);
        return HD_OK;
    }
    bool has = found == COMPAT_FOUND;
    write_answer(c, &(struct argo){.id = has ? v.guard.id : "",
                                   .verdict = has ? v.guard.verdict : (int)HD_VERDICT_NONE,
                                   .how = found == COMPAT_UNKNOWN ? MISTAKEN
                                          : found == COMPAT_OTHER ? HOPELESS
                                                                  : AS_JUDGED,
                                   .score = has ? v.guard.score : (double)NAN,
                                   .reason = found == COMPAT_UNKNOWN ? mistake(c, v.reason) : v.reason});
    return HD_OK;
}
