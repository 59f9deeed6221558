/* SPDX-License-Identifier: Apache-2.0
 *
 * Alertmanager's API v2: every message is an alert, sent to every peer. Decides its labels (its
 * identity: a resolved alert must have those of the firing one, so no ids in them) and
 * annotations. Opens no connection. Called by pipeline/.
 */
#include <ctype.h>
#include <string.h>

#include <haldane/endpoint.h>
#include <haldane/notifier.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "notifiers/reply.h"
#include "json/json.h"

#define BODY_MAX (256u << 10)
#define REPEAT_MS                                                                                  \
    60000 /* Prometheus' own pace; Alertmanager forgets after five minutes of silence */

struct alertmanager_cfg {
    struct hd_endpoint at;
    const struct hd_pair *labels, *annotations;
    uint32_t n_labels, n_annotations;
};

static const char *const severity_word[] = {"info", "warning", "page"}; /* enum hd_severity */
static const char *const own_labels[] = {"alertname", "service", "severity", "state", NULL};

#define CFG(field) .offset = offsetof(struct alertmanager_cfg, field)

static const struct hd_option options[] = {
    HD_ENDPOINT_OPTIONS(struct alertmanager_cfg, at),
    {.key = "labels",
     .type = HD_OPT_PAIRS,
     CFG(labels),
     .count_offset = offsetof(struct alertmanager_cfg, n_labels),
     .fallback = "",
     .help = "Labels added to every alert, for routing."},
    {.key = "annotations",
     .type = HD_OPT_PAIRS,
     CFG(annotations),
     .count_offset = offsetof(struct alertmanager_cfg, n_annotations),
     .fallback = "",
     .help = "Annotations added to every alert; they go before a service's own runbook."},
    {NULL},
};

static bool label_ok(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (isalnum((unsigned char)*name) || *name == '_')
        name++;
    return *name == '\0';
}

static enum hd_code check(const void *config, struct hd_error *err)
{
    const struct alertmanager_cfg *cfg = config;
    enum hd_code code = hd_endpoint_check(&cfg->at, err);
    if (!code && cfg->at.n_bases > HD_ASK_MAX)
        code = hd_fail(err, HD_INVALID, "urls: more than %d peers", HD_ASK_MAX);
    for (uint32_t i = 0; !code && i < cfg->n_labels; i++) {
        const struct hd_pair *l = &cfg->labels[i];
        if (!label_ok(l->name) || !*l->value)
            code = hd_fail(err, HD_INVALID, "labels: '%s' is no label name with a value", l->name);
        for (size_t j = 0; !code && own_labels[j]; j++) {
            if (str_is(l->name, own_labels[j]))
                code = hd_fail(err, HD_INVALID, "labels: haldane sets '%s' itself", l->name);
        }
    }
    for (uint32_t i = 0; !code && i < cfg->n_annotations; i++) {
        if (!label_ok(cfg->annotations[i].name))
            code =
                hd_fail(err, HD_INVALID, "annotations: '%s' is no name", cfg->annotations[i].name);
    }
    return code;
}

static const struct hd_endpoint *endpoint(const void *config)
{
    return &((const struct alertmanager_cfg *)config)->at;
}

/* Alertmanager drops empty labels; so do we, to know the identity. */
static void put(struct json_out *o, const char *key, const char *text)
{
    if (text && *text)
        json_put_text(o, key, text);
}

static void put_labels(struct json_out *o, const struct alertmanager_cfg *cfg,
                       const struct hd_message *m)
{
    json_begin(o, "labels", '{');
    put(o, "alertname",
        m->heartbeat                     ? "HaldaneHeartbeat"
        : m->severity == HD_SEVERITY_ACT ? "HaldaneActNow"
                                         : "HaldaneEvent");
    put(o, "severity", m->heartbeat ? "none" : severity_word[m->severity]);
    put(o, "service", m->service);
    put(o, "state", m->heartbeat ? NULL : m->state);
    for (uint32_t i = 0; i < cfg->n_labels; i++)
        put(o, cfg->labels[i].name, cfg->labels[i].value);
    json_end(o, '}');
}

/* What the config says of every service goes before what one service says of itself. */
static bool is_set(const struct alertmanager_cfg *cfg, const char *name)
{
    for (uint32_t i = 0; i < cfg->n_annotations; i++) {
        if (strcmp(cfg->annotations[i].name, name) == 0)
            return true;
    }
    return false;
}

static void put_annotations(struct json_out *o, const struct alertmanager_cfg *cfg,
                            const struct hd_message *m)
{
    const struct hd_pair about[] = {
        {"owner", m->owner}, {"runbook_url", m->runbook}, {"dashboard_url", m->dashboard}};
    json_begin(o, "annotations", '{');
    put(o, "summary", m->headline);
    put(o, "description", m->body);
    put(o, "command", m->native);
    put(o, "guard", m->guard);
    put(o, "stable", m->stable);
    put(o, "candidate", m->candidate);
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        if (!is_set(cfg, about[i].name))
            put(o, about[i].name, about[i].value);
    }
    for (uint32_t i = 0; i < cfg->n_annotations; i++)
        put(o, cfg->annotations[i].name, cfg->annotations[i].value);
    json_end(o, '}');
}

/* Without an end Alertmanager takes the time of arrival and adds its resolve_timeout, so that a
 * message that was delivered late still fires. */
static void put_alert(struct json_out *o, const struct alertmanager_cfg *cfg,
                      const struct hd_message *m)
{
    json_begin(o, NULL, '{');
    put_labels(o, cfg, m);
    put_annotations(o, cfg, m);
    json_put_time(o, "startsAt", m->at_ms);
    if (m->resolved)
        json_put_time(o, "endsAt", m->at_ms);
    else if (m->ends_ms > m->at_ms)
        json_put_time(o, "endsAt", m->ends_ms);
    put(o, "generatorURL", m->url);
    json_end(o, '}');
}

static enum hd_code write_alert(struct hd_arena *a, const void *config, const struct hd_message *m,
                                struct hd_ask *ret_ask, struct hd_error *err)
{
    static const struct hd_pair type = {"Content-Type", "application/json"};
    const struct alertmanager_cfg *cfg = config;
    BUF_AUTO body = BUF_INIT(BODY_MAX);
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '[');
    put_alert(&o, cfg, m);
    json_end(&o, ']');
    if (body.full)
        return hd_fail(err, HD_LIMIT, "the alert is longer than %u bytes", BODY_MAX);
    const char *text = arena_text(a, buf_at(&body));
    struct hd_ask ask = {.n = cfg->at.n_bases};
    for (uint32_t i = 0; i < cfg->at.n_bases; i++) {
        struct hd_request *r = arena_of(a, struct hd_request);
        *r = (struct hd_request){
            .via = HD_VIA_HTTP,
            .effect = HD_EFFECT_SET,
            .label = "alert",
            .at = &cfg->at,
            .base = i,
            .u.http = {.method = "POST",
                       .path = "/api/v2/alerts",
                       .headers = &type,
                       .n_headers = 1},
            .body = {text, body.len},
            .cap_bytes = HD_ANSWER_BYTES_SMALL,
        };
        ask.request[i] = r;
    }
    *ret_ask = ask;
    return HD_OK;
}

static enum hd_code reply(struct hd_arena *a, const void *config, const struct hd_exchange *x,
                          int32_t *ret_retry_ms, struct hd_error *err)
{
    (void)config;
    enum hd_code code = notifiers_reply(a, x, ret_retry_ms, err);
    const struct hd_response *r = x->response;
    for (size_t i = 0; !code && i < r->n_headers; i++) {
        if (str_is(r->headers[i].name, "content-type") && str_begins(r->headers[i].value, "text/html"))
            code = hd_fail(err, HD_BUSY, "a web page: a login?"); /* Alertmanager answers with none */
    }
    return code;
}

const struct hd_notifier notifier_alertmanager = {
    .name = "alertmanager",
    .summary = "Prometheus Alertmanager (API v2), every peer of a cluster",
    .cfg_size = sizeof(struct alertmanager_cfg),
    .options = options,
    .endpoint = endpoint,
    .check = check,
    .heartbeats = true,
    .repeat_ms = REPEAT_MS,
    .write = write_alert,
    .reply = reply,
};
