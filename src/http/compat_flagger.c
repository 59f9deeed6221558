/* SPDX-License-Identifier: Apache-2.0
 *
 * Flagger's webhooks, and the gates of its load tester. Flagger takes every status up to 202 for yes
 * and puts the text of a no into its user's event: so yes is 200 (202 where the load tester says so),
 * no is 403 with one line, and nothing else ever is a success. A fault never advances a canary, and
 * never rolls one back.
 */
#include <string.h>

#include "base/str.h"
#include "http/blame.h"
#include "http/compat.h"
#include "http/handlers.h"

#define CALL_TEXT "text/plain; charset=utf-8"
#define NAME_MAX_ 253 /* of a Kubernetes object */

static enum hd_code say(struct call *c, unsigned status, const char *text)
{
    buf_print(call_answer(c, status, CALL_TEXT), "%s\n", compat_line(c, text));
    c->reply.retry = false;
    return HD_OK;
}

static enum hd_code no(struct call *c, const char *why)
{
    return say(c, 403, arena_print(c->arena, "Forbidden: %s", why));
}

static void refuse(struct call *c, unsigned status, const char *code, const char *detail)
{
    (void)code;
    if (status < 500 && status != 429) /* a 5xx would be tried again, and its text lost */
        (void)say(c, status, detail);
    else
        (void)no(c, detail);
}

const struct dialect flagger_dialect = {refuse};

static void taken(struct call *c, unsigned status, const struct json *body)
{
    if (!compat_refused(c, status, body)) /* what the load tester says: no text */
        (void)call_answer(c, status, CALL_TEXT);
}

/* --- what Flagger sends --- */

struct hook {
    const char *name, *gate, *phase, *checksum; /* gate: NAME.NAMESPACE */
    const char *reason, *run;                   /* ours: who opens a gate may say more */
    const char *message;                        /* of an event */
    int64_t lasts_ms;                           /* 0: not said */
};

static const char *member(struct call *c, const struct json *j, const char *key)
{
    const char *text;
    return json_text(json_get(j, key), key, &text, NULL) || !*text ? NULL : arena_text(c->arena, text);
}

/* Of Flagger's words and ours the first that is no text: to leave it out would open more than was meant. */
static const char *odd_member(const struct json *body)
{
    static const char *const texts[] = {"name", "namespace", "phase", "checksum", "reason", "run", "for"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct json *j = json_get(body, texts[i]);
        if (j && json_type(j) != JSON_STRING && json_type(j) != JSON_NULL)
            return texts[i];
    }
    return NULL;
}

static bool is_empty(const struct json *body, const char *key)
{
    const char *text;
    return !json_text(json_get(body, key), key, &text, NULL) && !*text;
}

/* False: refused. */
static bool read_hook(struct call *c, struct hook *h)
{
    JSON_AUTO body = NULL;
    struct hd_error err;
    if (json_parse(buf_span(&c->body), &body, &err) || json_type(body) != JSON_OBJECT) {
        (void)call_refuse(c, 400, "bad_json", "the body is not a JSON object");
        return false;
    }
    const char *namespace = member(c, body, "namespace"), *lasts = member(c, body, "for"), *odd = odd_member(body);
    *h = (struct hook){
        .name = member(c, body, "name"),
        .phase = member(c, body, "phase"),
        .checksum = member(c, body, "checksum"),
        .reason = member(c, body, "reason"),
        .run = member(c, body, "run"),
        .message = member(c, json_get(body, "metadata"), "eventMessage"),
    };
    if (odd)
        (void)call_refuse(c, 400, "bad_field", "%s must be a text", odd);
    else if (is_empty(body, "run"))
        (void)call_refuse(c, 400, "bad_field", "run is empty");
    else if (!h->name || !namespace || strlen(h->name) > NAME_MAX_ || strlen(namespace) > NAME_MAX_)
        (void)call_refuse(c, 400, "bad_name", "name and namespace must be texts");
    else if (is_empty(body, "for") || (lasts && (!str_read_duration(lasts, &h->lasts_ms) || h->lasts_ms <= 0)))
        (void)call_refuse(c, 400, "bad_duration", "for must be a duration like 30m");
    else
        h->gate = arena_print(c->arena, "%s.%s", h->name, namespace);
    return h->gate != NULL;
}

/* --- gates --- */

/* "/rollback/..." -> "rollback", anything else the gates that let a canary go on */
static const char *space_of(const struct call *c)
{
    return str_begins(c->path, "/rollback/") ? "rollback" : "gate";
}

/* Why the gate is closed; NULL: it is open. */
static const char *closed(struct call *c, const char *space, const struct hook *h)
{
    struct store_gate gate;
    struct hd_error err;
    enum hd_code code = store_gate(c->store, c->arena, space, h->gate, c->now_ms, &gate, &err);
    if (code && code != HD_ABSENT)
        return err.text[0] ? arena_text(c->arena, err.text) : "the history cannot be read";
    if (code)
        return arena_print(c->arena, "%s %s is closed", space, h->gate);
    if (!gate.open)
        return arena_print(c->arena, "%s %s was closed by %s%s%s", space, h->gate, gate.actor,
                           gate.reason ? ": " : "", gate.reason ? gate.reason : "");
    if (gate.run && !str_is(gate.run, h->checksum))
        return arena_print(c->arena, "%s %s is open for another run", space, h->gate);
    return NULL;
}

enum hd_code flagger_gate(struct call *c, struct hd_error *err)
{
    struct hook h;
    (void)err;
    if (!read_hook(c, &h))
        return HD_OK;
    const char *why = closed(c, space_of(c), &h);
    return why ? no(c, why) : say(c, 200, "Approved");
}

enum hd_code flagger_approve(struct call *c, struct hd_error *err)
{
    (void)err;
    return say(c, 200, "OK");
}

enum hd_code flagger_halt(struct call *c, struct hd_error *err)
{
    (void)err;
    return say(c, 403, "Forbidden");
}

static enum hd_code order_gate(struct call *c, const char *to)
{
    struct hook h;
    if (!read_hook(c, &h))
        return HD_OK;
    struct json_out o = compat_order(c, "gate", h.name, NULL);
    json_put_text(&o, "space", space_of(c));
    json_put_text(&o, "name", h.gate);
    json_put_text(&o, "to", to);
    if (h.run || h.checksum)
        json_put_text(&o, "run", h.run ? h.run : h.checksum);
    if (h.reason)
        json_put_text(&o, "reason", h.reason);
    if (h.lasts_ms)
        json_put_i64(&o, "duration_ms", h.lasts_ms);
    compat_send(&o);
    c->taken = taken;
    return HD_OK;
}

enum hd_code flagger_open(struct call *c, struct hd_error *err)
{
    (void)err;
    return order_gate(c, "open");
}

enum hd_code flagger_close(struct call *c, struct hd_error *err)
{
    (void)err;
    return order_gate(c, "close");
}

/* --- verdicts --- */

/* The service's own guard, or with a candidate in the address the analysis of this very run. */
static struct compat_ask ask_of(struct call *c, const struct hook *h)
{
    const char *candidate = call_query(c, "candidate"), *service = call_query(c, "service");
    struct compat_ask ask = {
        .service = service ? service : h->name,
        .candidate = candidate,
        .stable = call_query(c, "stable"),
    };
    if (candidate)
        ask.run = arena_print(c->arena, "flagger/%s/%s/%s", h->gate, candidate,
                              h->checksum ? h->checksum : "");
    return ask;
}

static bool passes(struct call *c, const char *key) { return str_is(call_query(c, key), "pass"); }

/* What of the address of a check makes no sense; NULL: nothing. */
static const char *odd_check(struct call *c)
{
    static const char *const words[] = {"on_running", "on_inconclusive"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (call_query(c, words[i]) && !passes(c, words[i]))
            return arena_print(c->arena, "%s is pass, or left out", words[i]);
    }
    return str_is(call_query(c, "candidate"), "") ? "candidate is empty" : NULL;
}

static void started(struct call *c, unsigned status, const struct json *body)
{
    const char *headline = "an analysis was started";
    if (compat_refused(c, status, body))
        return;
    (void)json_text(json_get(body, "headline"), "headline", &headline, NULL);
    (void)(passes(c, "on_running") ? say(c, 200, headline) : no(c, headline));
}

static void start(struct call *c, const struct compat_ask *ask)
{
    struct json_out o = compat_order(c, "analyse", ask->service, NULL);
    json_put_text(&o, "run", ask->run);
    json_put_text(&o, "trigger", "flagger");
    json_put_text(&o, "candidate", ask->candidate);
    if (ask->stable)
        json_put_text(&o, "stable", ask->stable);
    compat_send(&o);
    c->taken = started;
}

enum hd_code flagger_check(struct call *c, struct hd_error *err)
{
    struct hook h;
    struct compat_view v;
    (void)err;
    if (!read_hook(c, &h))
        return HD_OK;
    const char *odd = odd_check(c);
    if (odd)
        return call_refuse(c, 400, "bad_parameter", "%s", odd);
    struct compat_ask ask = ask_of(c, &h);
    enum compat_found found = compat_look(c, &ask, err, &v);
    if (found == COMPAT_NOTHING && ask.run)
        start(c, &ask);
    else if (found == COMPAT_UNKNOWN)
        return say(c, 404, v.reason);
    else if (found != COMPAT_FOUND)
        return no(c, v.reason);
    else if (v.guard.verdict == HD_VERDICT_PASS ||
             (v.guard.verdict == HD_VERDICT_NONE && passes(c, "on_running")) ||
             (v.guard.verdict == HD_VERDICT_INCONCLUSIVE && passes(c, "on_inconclusive")))
        return say(c, 200, v.reason);
    else
        return no(c, v.reason);
    return HD_OK;
}

/* 200 rolls production back. Only a human's open gate, or a verdict that blames this release while
 * stable is well, is worth that. */
enum hd_code flagger_rollback(struct call *c, struct hd_error *err)
{
    struct hook h;
    struct compat_view v;
    if (!read_hook(c, &h))
        return HD_OK;
    const char *shut = closed(c, "rollback", &h);
    if (!shut)
        return say(c, 200, arena_print(c->arena, "rollback %s is open", h.gate));
    struct compat_ask ask = ask_of(c, &h);
    enum compat_found found = compat_look(c, &ask, err, &v);
    if (found == COMPAT_UNKNOWN)
        return say(c, 404, v.reason);
    if (found != COMPAT_FOUND || v.guard.verdict != HD_VERDICT_FAIL)
        return no(c, v.reason);
    const char *cause = blame_say(c->arena, &v.guard);
    if (v.guard.cause != HD_CAUSE_RELEASE)
        return no(c, arena_print(c->arena, "%s; is it the release? %s", v.reason,
                                 cause ? cause : "Not asked: nothing failed by itself."));
    return say(c, 200, v.reason);
}

enum hd_code flagger_event(struct call *c, struct hd_error *err)
{
    struct hook h;
    (void)err;
    if (!read_hook(c, &h))
        return HD_OK;
    struct json_out o = compat_order(c, "flagger_event", h.name, NULL);
    json_put_text(&o, "name", h.gate);
    if (h.phase)
        json_put_text(&o, "phase", h.phase);
    if (h.message)
        json_put_text(&o, "text", h.message);
    compat_send(&o);
    c->taken = taken;
    return HD_OK;
}
