/* SPDX-License-Identifier: Apache-2.0
 *
 * Any router with an HTTP interface: one read-back whose JSON says which colour is live, and one or
 * more templated requests that change it. Decides what is sent and what a reply means; opens no
 * connection and sees no secret. Called by pipeline/.
 */
#include "actuators/webhook/webhook.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define WORDS_MAX 200 /* of a refusal's body kept */
#define RETRY_MAX_S 600

const char *const webhook_methods[] = {"PUT", "POST", "PATCH", "DELETE", NULL};
static const char *const as_words[] = {"json", "form", "text", NULL}; /* enum as */
static const char *const kind_words[] = {"set", "once", NULL};

#define READ(field) .offset = offsetof(struct webhook_read, field)
#define WRITE(field) .offset = offsetof(struct webhook_write, field)
#define CFG(field) .offset = offsetof(struct webhook_cfg, field)

static const struct hd_option write_options[] = {
    {.key = "method",
     .type = HD_OPT_WORD,
     WRITE(method),
     .fallback = "PUT",
     .words = webhook_methods,
     .help = "HTTP method."},
    {.key = "path",
     .type = HD_OPT_TEXT,
     WRITE(path),
     .help = "Path and query below the endpoint's address; placeholders are URL-encoded."},
    {.key = "as",
     .type = HD_OPT_WORD,
     WRITE(as),
     .fallback = "json",
     .words = as_words,
     .help = "What the body is: sets Content-Type and how placeholders are escaped."},
    {.key = "body",
     .type = HD_OPT_TEXT,
     WRITE(body),
     .fallback = "",
     .help = "Body; {{value}} {{from}} {{colour}} {{version}} {{stamp}} are filled in."},
    {.key = "headers",
     .type = HD_OPT_PAIRS,
     WRITE(headers),
     .count_offset = offsetof(struct webhook_write, n_headers),
     .fallback = "",
     .help = "Headers of this request, with placeholders; no secrets (those belong to the "
             "endpoint's headers)."},
    {NULL},
};

static const struct hd_option read_options[] = {
    {.key = "path", .type = HD_OPT_TEXT, READ(path), .help = "Path and query of the read-back."},
    {.key = "value",
     .type = HD_OPT_TEXT,
     READ(value),
     .fallback = "$",
     .help = "JSON path of the text that says which colour has the traffic."},
    {.key = "version",
     .type = HD_OPT_TEXT,
     READ(version),
     .fallback = "",
     .help = "JSON path of the version, or `etag`; {{version}} carries it into the write."},
    {.key = "ready",
     .type = HD_OPT_TEXT,
     READ(ready),
     .fallback = "",
     .help = "JSON path of the number of ready members of {{colour}}."},
    {.key = "wanted",
     .type = HD_OPT_TEXT,
     READ(wanted),
     .fallback = "",
     .help = "JSON path of the number of wanted members of {{colour}}."},
    {NULL},
};

static const struct hd_option options[] = {
    HD_ENDPOINT_OPTIONS(struct webhook_cfg, at),
    {.key = "read",
     .type = HD_OPT_GROUP,
     CFG(read),
     .size = sizeof(struct webhook_read),
     .sub = read_options,
     .help = "How the live state is read."},
    {.key = "write",
     .type = HD_OPT_LIST,
     CFG(write),
     .count_offset = offsetof(struct webhook_cfg, n_write),
     .size = sizeof(struct webhook_write),
     .min = 1,
     .max = HD_PLAN_MAX,
     .sub = write_options,
     .help = "The requests that move the traffic, in order."},
    {.key = "kind",
     .type = HD_OPT_WORD,
     CFG(kind),
     .fallback = "set",
     .words = kind_words,
     .help = "set: the same requests twice end in the same state; once: never repeat them."},
    {NULL},
};

static const struct hd_option side_options[] = {
    {.key = "value",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct webhook_side, value),
     .fallback = "",
     .help = "The value that gives this colour everything; without it: its name."},
    {NULL},
};

const char *webhook_side_value(const struct hd_site *site, size_t k)
{
    const char *named = ((const struct webhook_side *)site->side[k])->value;
    return named ? named : site->colour[k];
}

enum hd_code webhook_fill(struct hd_arena *a, const char *text, const struct hd_pair *v, size_t n,
                          fill_escape_fn *escape, const char **ret, struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(FILLED_MAX);
    enum hd_code code = fill(&b, text, v, n, escape, err);
    if (!code)
        *ret = arena_text(a, buf_at(&b));
    return code;
}

enum hd_code webhook_recode(enum hd_code code, enum hd_code from, enum hd_code to,
                           struct hd_error *err)
{
    if (code != from)
        return code;
    if (err)
        err->code = to;
    return to;
}

const char *webhook_header(const struct hd_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (str_is(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return NULL;
}

/* --- options --- */

/* What a request line or a header cannot carry, wherever it stands in the template. */
static bool breaks_line(const char *text, bool target)
{
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text) || (target && *text == ' '))
            return true;
    }
    return false;
}

static enum hd_code check_read(struct hd_arena *a, const struct hd_site *site, struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    const char *unused;
    if (cfg->read.path[0] != '/')
        return hd_fail(err, HD_INVALID, "read.path: begins with '/'");
    if (breaks_line(cfg->read.path, true))
        return hd_fail(err, HD_INVALID, "read.path: has a blank or a control character");
    enum hd_code code = json_path_check(cfg->read.value, err);
    if (!code && cfg->read.version && !str_is(cfg->read.version, "etag"))
        code = json_path_check(cfg->read.version, err);
    for (size_t k = 0; k < site->n_sides; k++) {
        if (!code && cfg->read.ready)
            code = webhook_colour_path(a, cfg->read.ready, site->colour[k], &unused, err);
        if (!code && cfg->read.wanted)
            code = webhook_colour_path(a, cfg->read.wanted, site->colour[k], &unused, err);
    }
    if (code)
        hd_error_add(err, "read");
    return code;
}

static enum hd_code check_lines(const struct hd_request *r, uint32_t i, struct hd_error *err)
{
    const char *query = r->u.http.query;
    if (breaks_line(r->u.http.path, true) || (query && breaks_line(query, true)))
        return hd_fail(err, HD_INVALID, "write[%u].path: has a blank or a control character", i);
    for (size_t k = 0; k < r->u.http.n_headers; k++) {
        const struct hd_pair *h = &r->u.http.headers[k];
        if (breaks_line(h->name, true) || breaks_line(h->value, false))
            return hd_fail(err, HD_INVALID, "write[%u].headers: has a control character", i);
    }
    return HD_OK;
}

/* A trial filling finds unknown placeholders and bodies that are no JSON at load time. */
static enum hd_code check_write(struct hd_arena *a, const struct hd_site *site, uint32_t i,
                                struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    const struct webhook_write *w = &cfg->write[i];
    struct hd_goal goal = {.value = webhook_side_value(site, 0), .stamp = "trial"};
    const struct hd_request *r;
    if (w->path[0] != '/')
        return hd_fail(err, HD_INVALID, "write[%u].path: begins with '/'", i);
    enum hd_code code = webhook_write(a, site, i, goal.value, "1", &goal, &r, err);
    if (!code)
        code = check_lines(r, i, err);
    if (code || w->as != AS_JSON || !w->body)
        return code;
    JSON_AUTO j = NULL;
    code = json_parse(r->body, &j, err);
    if (code)
        hd_error_add(err, "write[%u].body", i);
    return webhook_recode(code, HD_PARSE, HD_INVALID, err);
}

static enum hd_code check(const struct hd_site *site, struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    ARENA_AUTO a = arena_new();
    enum hd_code code = hd_endpoint_check(&cfg->at, err);
    if (!code)
        code = check_read(a, site, err);
    if (!code && (cfg->n_write == 0 || cfg->n_write > HD_PLAN_MAX))
        code = hd_fail(err, HD_INVALID, "write: 1 to %d requests", HD_PLAN_MAX);
    for (uint32_t i = 0; !code && i < cfg->n_write; i++)
        code = check_write(a, site, i, err);
    for (size_t k = 0; !code && k < site->n_sides; k++) {
        if (strlen(webhook_side_value(site, k)) > VALUE_MAX)
            code = hd_fail(err, HD_INVALID, "colour %s: value: too long", site->colour[k]);
        for (size_t other = 0; !code && other < k; other++) {
            if (str_is(webhook_side_value(site, k), webhook_side_value(site, other)))
                code = hd_fail(err, HD_INVALID, "colours %s and %s have the same value",
                               site->colour[other], site->colour[k]);
        }
    }
    return code;
}

static enum hd_code observe(struct hd_arena *a, const struct hd_site *site, const char *follow,
                            const struct hd_talk *talk, struct hd_ask *ret_ask,
                            struct hd_live *ret_live, struct hd_error *err)
{
    (void)follow;
    if (talk->n == 0) {
        *ret_ask = (struct hd_ask){{webhook_ask(a, site->cfg)}, 1};
        return HD_OK;
    }
    enum hd_code code = webhook_read(a, site, talk, ret_live, err);
    if (!code)
        ret_ask->n = 0;
    return code;
}

static enum hd_code plan(struct hd_arena *a, const struct hd_site *site, const struct hd_talk *talk,
                         const struct hd_goal *goal, struct hd_plan *ret, struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    struct hd_live live;
    struct hd_plan p = {.native = ""};
    BUF_AUTO native = BUF_INIT(HD_BLOB_BYTES_MAX);
    enum hd_code code = webhook_read(a, site, talk, &live, err);
    if (code)
        return code;
    if (!goal->rehearse && !str_is(live.value, goal->value)) {
        for (uint32_t i = 0; !code && i < cfg->n_write; i++) {
            code = webhook_write(a, site, i, live.value, live.version, goal, &p.step[p.n], err);
            if (!code)
                webhook_native(&native, p.step[p.n++]);
        }
        p.native = arena_text(a, buf_at(&native));
    }
    if (!code)
        *ret = p;
    return code;
}

static int32_t retry_after_ms(const struct hd_response *r)
{
    int64_t s;
    const char *text = webhook_header(r, "retry-after"); /* as a date: our own backoff */
    if (!text || !str_read_i64(text, &s) || s < 0)
        return 0;
    return (int32_t)(s < RETRY_MAX_S ? s : RETRY_MAX_S) * 1000;
}

static enum hd_code reply(struct hd_arena *a, const struct hd_site *site,
                          const struct hd_exchange *x, struct hd_reply *ret, struct hd_error *err)
{
    (void)site;
    (void)err;
    const struct hd_response *r = x->response;
    int32_t s = r->status;
    struct hd_reply out = {.answer = HD_ANSWER_REFUSED};
    if (s >= 200 && s < 300)
        out.answer = HD_ANSWER_ACCEPTED;
    else if (s == 429 || s == 503)
        out = (struct hd_reply){.answer = HD_ANSWER_RETRY, .retry_ms = retry_after_ms(r)};
    else if (s == 408 || s == 409 || s == 412 || s >= 500)
        out.answer = HD_ANSWER_CONFLICT;
    if (out.answer != HD_ANSWER_ACCEPTED) {
        char *words =
            arena_text_n(a, r->body.at, r->body.len < WORDS_MAX ? r->body.len : WORDS_MAX);
        words[strcspn(words, "\r\n")] = '\0';
        str_clean(words, WORDS_MAX);
        out.text = arena_print(a, "HTTP %d%s%s", s, *words ? ": " : "", words);
    }
    *ret = out;
    return HD_OK;
}

static bool tells_readiness(const void *config)
{
    const struct webhook_cfg *cfg = config;
    return cfg->read.ready != NULL;
}

const struct hd_actuator actuator_webhook = {
    .name = "webhook",
    .summary = "Any router with an HTTP interface: one JSON read-back, templated writes",
    .cas = HD_CAS_READ_COMPARE,
    .window = "what someone else changes between our read and our write, unless a write carries "
              "{{version}} (If-Match) or {{from}} and the router compares it",
    .rehearsal = HD_REHEARSE_NONE,
    .readiness = tells_readiness,
    .absolute = false,
    .cfg_size = sizeof(struct webhook_cfg),
    .side_size = sizeof(struct webhook_side),
    .options = options,
    .side_options = side_options,
    .check = check,
    .observe = observe,
    .plan = plan,
    .reply = reply,
};
