/* SPDX-License-Identifier: Apache-2.0
 *
 * A chat or any other receiver of JSON by HTTP POST: Slack's incoming-webhook format (Mattermost,
 * Rocket.Chat and Discord's /slack take it too), or a template of the user. Decides the bytes;
 * opens no connection. Called by pipeline/.
 */
#include <stdio.h>
#include <string.h>

#include <haldane/endpoint.h>
#include <haldane/notifier.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fill.h"
#include "base/str.h"
#include "notifiers/reply.h"
#include "json/json.h"

#define BODY_MAX (64u << 10)
#define BLOCK_MAX 2900 /* Slack refuses a message with a section of more than 3,000 characters */

struct webhook_cfg {
    struct hd_endpoint at;
    const char *body;
};

static const struct hd_option options[] = {
    HD_ENDPOINT_URLS(struct webhook_cfg, at, true),
    HD_ENDPOINT_HTTP(struct webhook_cfg, at),
    {.key = "body",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct webhook_cfg, body),
     .fallback = "",
     .help = "JSON to send instead of Slack's; {{headline}} {{body}} {{service}} {{guard}} "
             "{{state}} {{severity}} {{command}} {{url}} {{stable}} {{candidate}} {{resolved}} "
             "{{time}} {{seq}} {{owner}} {{runbook}} {{dashboard}} are filled in."},
    {NULL},
};

static const char *prefix(const struct hd_message *m)
{
    return m->resolved                       ? "Resolved: "
           : m->severity == HD_SEVERITY_ACT  ? "ACT NOW: "
           : m->severity == HD_SEVERITY_WARN ? "Warning: "
                                             : "";
}

/* Slack's three special characters as entities; cut at a character's border, with an ellipsis. */
static void put_escaped(struct buf *to, const char *text, size_t max)
{
    for (size_t start = to->len; *text; text++) {
        bool border = ((unsigned char)*text & 0xC0) != 0x80;
        if (border && to->len - start + 8 > max) {
            buf_text(to, "…");
            return;
        }
        if (*text == '&')
            buf_text(to, "&amp;");
        else if (*text == '<')
            buf_text(to, "&lt;");
        else if (*text == '>')
            buf_text(to, "&gt;");
        else
            buf_byte(to, *text);
    }
}

static void put_section(struct json_out *o, const char *before, const char *text, const char *after)
{
    BUF_AUTO b = BUF_INIT(BODY_MAX);
    if (!text || !*text)
        return;
    buf_text(&b, before);
    put_escaped(&b, text, BLOCK_MAX);
    buf_text(&b, after);
    json_begin(o, NULL, '{');
    json_put_text(o, "type", "section");
    json_begin(o, "text", '{');
    json_put_text(o, "type", "mrkdwn");
    json_put_text(o, "text", buf_at(&b));
    json_end(o, '}');
    json_end(o, '}');
}

/* "<URL|word>"; a bar in the address would end it. */
static void put_link(struct buf *to, const char *url, const char *word)
{
    buf_text(to, to->len ? " · <" : "<");
    for (size_t n; *url; url += n) {
        n = strcspn(url, "|");
        BUF_AUTO part = BUF_INIT(BODY_MAX);
        buf_add(&part, url, n);
        put_escaped(to, buf_at(&part), BLOCK_MAX / 4);
        if (url[n]) {
            buf_text(to, "%7C");
            n++;
        }
    }
    buf_print(to, "|%s>", word);
}

static void put_context(struct json_out *o, const struct hd_message *m)
{
    BUF_AUTO b = BUF_INIT(BODY_MAX);
    const char *const part[] = {m->service, m->state, m->guard, m->owner};
    const struct hd_pair link[] = {{"page", m->url}, {"runbook", m->runbook}, {"dashboard", m->dashboard}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (!part[i])
            continue;
        buf_text(&b, b.len ? " · " : "");
        put_escaped(&b, part[i], BLOCK_MAX / 4);
    }
    for (size_t i = 0; i < sizeof link / sizeof *link; i++) {
        if (link[i].value)
            put_link(&b, link[i].value, link[i].name);
    }
    if (b.len == 0)
        return;
    json_begin(o, NULL, '{');
    json_put_text(o, "type", "context");
    json_begin(o, "elements", '[');
    json_begin(o, NULL, '{');
    json_put_text(o, "type", "mrkdwn");
    json_put_text(o, "text", buf_at(&b));
    json_end(o, '}');
    json_end(o, ']');
    json_end(o, '}');
}

/* The text alone must read well: it is what a watch or a lock screen shows. */
static void put_slack(struct buf *to, const struct hd_message *m)
{
    BUF_AUTO text = BUF_INIT(BODY_MAX);
    BUF_AUTO bold = BUF_INIT(BODY_MAX);
    buf_text(&text, prefix(m));
    put_escaped(&text, m->headline, BLOCK_MAX);
    buf_print(&bold, "*%s", prefix(m));
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "text", buf_at(&text));
    json_begin(&o, "blocks", '[');
    put_section(&o, buf_at(&bold), m->headline, "*");
    put_section(&o, "", m->body, "");
    put_section(&o, "By hand:\n```", m->native, "```");
    put_context(&o, m);
    json_end(&o, ']');
    json_end(&o, '}');
}

static enum hd_code put_template(struct buf *to, const char *text, const struct hd_message *m,
                                 struct hd_error *err)
{
    char seq[24], time[STR_TIME_MAX];
    const struct hd_pair v[] = {
        {"headline", m->headline},
        {"body", m->body},
        {"service", m->service},
        {"guard", m->guard},
        {"state", m->state},
        {"severity", hd_severity_word((int)m->severity)},
        {"command", m->native},
        {"url", m->url},
        {"stable", m->stable},
        {"candidate", m->candidate},
        {"resolved", m->resolved ? "true" : "false"},
        {"time", str_time(m->at_ms, time)},
        {"seq", seq},
        {"owner", m->owner},
        {"runbook", m->runbook},
        {"dashboard", m->dashboard},
    };
    snprintf(seq, sizeof seq, "%lld", (long long)m->seq);
    return fill(to, text, v, sizeof v / sizeof *v, json_escape, err);
}

/* Where whoever knows the address may write: it must not stand in the file. */
static const char *const chats[] = {"https://hooks.slack.com/", "https://hooks.slack-gov.com/",
                                    "https://discord.com/api/webhooks/",
                                    "https://discordapp.com/api/webhooks/",
                                    "https://chat.googleapis.com/"};

/* The message must not repeat it. */
static enum hd_code check_address(const char *url, struct hd_error *err)
{
    for (size_t i = 0; i < sizeof chats / sizeof *chats; i++) {
        if (str_begins(url, chats[i]))
            return hd_fail(err, HD_INVALID, "url: the address of a chat is a secret and is never "
                           "written here: use ${file:/path}, ${env:NAME} or ${credential:name}");
    }
    return HD_OK;
}

/* A trial filling finds unknown placeholders and a body that is no JSON at load time. */
static enum hd_code check(const void *config, struct hd_error *err)
{
    const struct webhook_cfg *cfg = config;
    struct hd_message trial = {.headline = "trial \"1\"", .body = "two\nlines"};
    BUF_AUTO b = BUF_INIT(BODY_MAX);
    JSON_AUTO j = NULL;
    enum hd_code code = hd_endpoint_check(&cfg->at, err);
    if (!code && cfg->at.n_bases > HD_ASK_MAX)
        code = hd_fail(err, HD_INVALID, "urls: more than %d", HD_ASK_MAX);
    for (uint32_t i = 0; !code && i < cfg->at.n_bases; i++)
        code = check_address(cfg->at.bases[i], err);
    if (code || !cfg->body)
        return code;
    code = put_template(&b, cfg->body, &trial, err);
    if (!code && json_parse(buf_span(&b), &j, err))
        code = HD_INVALID;
    if (code && err)
        err->code = code;
    if (code)
        hd_error_add(err, "body");
    return code;
}

static const struct hd_endpoint *endpoint(const void *config)
{
    return &((const struct webhook_cfg *)config)->at;
}

/* "https://host/services/T/B" is base and path in one: the request takes it apart, because a path
 * that is appended to it would end in a slash too many. To a reference nothing is appended. */
static const struct hd_request *new_post(struct hd_arena *a, const struct hd_endpoint *at,
                                         uint32_t i, struct hd_span body)
{
    static const struct hd_pair type = {"Content-Type", "application/json"};
    struct hd_endpoint *own = arena_copy(a, at, sizeof *at);
    const char **base = arena_many(a, 1, const char *);
    const char *url = at->bases[i], *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    *base = path ? arena_text_n(a, url, (size_t)(path - url)) : url;
    own->bases = base;
    own->n_bases = 1;
    const char *query = path ? strchr(path, '?') : NULL;
    struct hd_request *r = arena_of(a, struct hd_request);
    *r = (struct hd_request){
        .via = HD_VIA_HTTP,
        .effect = HD_EFFECT_ONCE,
        .label = "message",
        .at = own,
        .u.http =
            {
                .method = "POST",
                .path = !host   ? ""
                        : !path ? "/"
                        : query ? arena_text_n(a, path, (size_t)(query - path))
                                : path,
                .query = query ? query + 1 : NULL,
                .headers = &type,
                .n_headers = 1,
            },
        .body = body,
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
    };
    return r;
}

static enum hd_code write_message(struct hd_arena *a, const void *config,
                                  const struct hd_message *m, struct hd_ask *ret_ask,
                                  struct hd_error *err)
{
    const struct webhook_cfg *cfg = config;
    BUF_AUTO b = BUF_INIT(BODY_MAX);
    enum hd_code code = HD_OK;
    if (cfg->body)
        code = put_template(&b, cfg->body, m, err);
    else
        put_slack(&b, m);
    if (!code && b.full)
        code = hd_fail(err, HD_LIMIT, "the message is longer than %u bytes", BODY_MAX);
    if (code)
        return code;
    struct hd_span body = {arena_text(a, buf_at(&b)), b.len};
    struct hd_ask ask = {.n = cfg->at.n_bases};
    for (uint32_t i = 0; i < cfg->at.n_bases; i++)
        ask.request[i] = new_post(a, &cfg->at, i, body);
    *ret_ask = ask;
    return HD_OK;
}

static enum hd_code reply(struct hd_arena *a, const void *config, const struct hd_exchange *x,
                          int32_t *ret_retry_ms, struct hd_error *err)
{
    (void)config;
    return notifiers_reply(a, x, ret_retry_ms, err);
}

const struct hd_notifier notifier_webhook = {
    .name = "webhook",
    .summary = "JSON by HTTP POST: Slack's format, or a template of yours",
    .cfg_size = sizeof(struct webhook_cfg),
    .options = options,
    .endpoint = endpoint,
    .check = check,
    .heartbeats = false,
    .repeat_ms = 0,
    .write = write_message,
    .reply = reply,
};
