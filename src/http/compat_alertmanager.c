/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook receiver of Alertmanager: each message is a group of alerts about one service, told again
 * until they resolve. By the address an alert starts, feeds or fails the service's guard; knowing it
 * again, and what becomes of it, is the loop's business. Refusals are problem documents: Alertmanager
 * sends again after a 5xx and drops after a 4xx.
 */
#include <string.h>

#include "base/str.h"
#include "http/compat.h"
#include "http/handlers.h"

#define WORDS_MAX 200 /* of an alert's summary: HD_ALERTS_BODY_MAX of them fit a packet */

static const char *text_in(struct call *c, const struct json *j, const char *key, size_t max)
{
    const char *text;
    if (!j || json_text(json_get(j, key), key, &text, NULL) || !*text)
        return NULL;
    char *copy = arena_text(c->arena, text);
    str_clean(copy, max);
    return copy;
}

/* What is wrong with it; NULL: nothing, and it stands in the packet. */
static const char *put_alert(struct call *c, struct json_out *o, const struct json *j, bool *ret_firing)
{
    const char *status = text_in(c, j, "status", 20), *print = text_in(c, j, "fingerprint", 64);
    const char *starts = text_in(c, j, "startsAt", 64);
    const char *name = text_in(c, json_get(j, "labels"), "alertname", HD_NAME_MAX);
    const char *words = text_in(c, json_get(j, "annotations"), "summary", WORDS_MAX);
    int64_t starts_ms;
    bool firing = str_is(status, "firing");
    if (!firing && !str_is(status, "resolved"))
        return "status must be firing or resolved";
    if (!print || !starts || !str_read_time(starts, &starts_ms))
        return "fingerprint and startsAt are needed";
    json_begin(o, NULL, '{');
    json_put_text(o, "fingerprint", print);
    json_put_text(o, "name", name ? name : print);
    json_put_text(o, "text", words ? words : "");
    json_put_i64(o, "starts_ms", starts_ms);
    json_put_bool(o, "firing", firing);
    json_end(o, '}');
    *ret_firing |= firing;
    return NULL;
}

/* The packet of the alerts; `ret_firing`: one of them is. NULL, or what is wrong. */
static const char *put_alerts(struct call *c, const struct json *body, const char *service,
                              const char *what, bool *ret_firing)
{
    const struct json *alerts = json_get(body, "alerts"), *cut = json_get(body, "truncatedAlerts");
    const char *fault = NULL;
    int64_t left_out = 0;
    bool rest_fires = true;
    size_t n = 0;
    if (!alerts || json_type(alerts) != JSON_ARRAY)
        return "alerts must be a list";
    if (cut && (json_i64(cut, "truncatedAlerts", &left_out, NULL) || left_out < 0))
        return "truncatedAlerts must be a count";
    if (str_is(text_in(c, body, "status", 20), "resolved"))
        rest_fires = false;
    const char *group = "";
    (void)json_text(json_get(body, "groupKey"), "groupKey", &group, NULL);
    struct json_out o = compat_order(c, "alerts", service, NULL);
    json_put_text(&o, "what", what);
    json_put_text(&o, "group", arena_print(c->arena, "left-out-%016llx",
                                           (unsigned long long)str_hash(group, 0)));
    json_begin(&o, "alerts", '[');
    for (const struct json *j = json_first(alerts); j && !fault; j = json_next(j)) {
        if (n++ < HD_ALERTS_BODY_MAX)
            fault = put_alert(c, &o, j, ret_firing);
        else
            left_out++;
    }
    json_end(&o, ']');
    json_put_i64(&o, "left_out", left_out);
    json_put_bool(&o, "rest_fires", rest_fires && left_out > 0);
    compat_send(&o);
    return fault;
}

/* The guard is started, joined, or there is none to start: none of it is worth another message. */
static void started(struct call *c, unsigned status, const struct json *body)
{
    const char *id = NULL, *detail = NULL;
    if (status != 409 && compat_refused(c, status, body))
        return;
    (void)json_text(json_get(body, "id"), "id", &id, NULL);
    (void)json_text(json_get(body, "detail"), "detail", &detail, NULL);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "guard", id);
    if (detail)
        json_put_text(&o, "detail", detail);
    json_end(&o, '}');
}

static void start(struct call *c, const char *service)
{
    const char *to = call_query(c, "to"), *from = call_query(c, "from");
    struct json_out o = compat_order(c, "guard", service, NULL);
    json_put_text(&o, "actor", "alertmanager");
    if (to && *to)
        json_put_text(&o, "to", to);
    if (from && *from)
        json_put_text(&o, "from", from);
    compat_send(&o);
    c->taken = started;
}

static enum hd_code done(struct call *c)
{
    buf_clear(&c->packet);
    buf_text(call_answer(c, 200, CALL_JSON), "{\"guard\":null}");
    return HD_OK;
}

enum hd_code alertmanager_take(struct call *c, struct hd_error *err)
{
    const char *what = call_query(c, "do"), *service = call_query(c, "service");
    bool firing = false, starts = str_is(what, "start");
    JSON_AUTO body = NULL;
    if (what && !starts && !str_is(what, "feed") && !str_is(what, "fail"))
        return call_refuse(c, 400, "bad_parameter", "do must be start, feed or fail");
    if (!starts && (call_query(c, "to") || call_query(c, "from")))
        return call_refuse(c, 400, "bad_parameter", "to and from are for do=start");
    if (json_parse(buf_span(&c->body), &body, err) || json_type(body) != JSON_OBJECT)
        return call_refuse(c, 400, "bad_json", "the body is not a JSON object");
    if (!service || !*service)
        service = text_in(c, json_get(body, "commonLabels"), "service", HD_NAME_MAX);
    if (!service)
        return call_refuse(c, 422, "no_service",
                           "name the service in the address, or group alerts by their label `service`");
    const char *fault = put_alerts(c, body, service, what ? what : "feed", &firing);
    if (fault) {
        buf_clear(&c->packet);
        return call_refuse(c, 400, "bad_alert", "%s", fault);
    }
    if (starts && !firing)
        return done(c);
    if (starts)
        start(c, service);
    return HD_OK;
}
