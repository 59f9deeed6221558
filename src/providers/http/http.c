/* SPDX-License-Identifier: Apache-2.0
 *
 * One GET per colour as evidence: decides whether the answer is good, how long it took, or which
 * number it holds. Never follows a redirect, never looks back in time, never tries twice. Called by
 * the pipeline through hd_provider.
 */
#include <string.h>

#include <haldane/endpoint.h>
#include <haldane/provider.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"
#include "providers/rows.h"

enum measure { MEASURE_GOOD, MEASURE_LATENCY, MEASURE_VALUE };
static const char *const measure_words[] = {"good", "latency", "value", NULL};

struct http_cfg {
    struct hd_endpoint at; /* without bases: every colour has its own address */
    const char *url;       /* template */
    int64_t expect;
    const char *json, *equals; /* NULL: only the status counts */
    int32_t measure;
};

static const struct hd_option options[] = {
    {.key = "url", .type = HD_OPT_TEXT, .offset = offsetof(struct http_cfg, url),
     .help = "Address that is asked, with {{colour}} where the colours differ."},
    HD_ENDPOINT_HTTP(struct http_cfg, at),
    {.key = "expect", .type = HD_OPT_INT, .offset = offsetof(struct http_cfg, expect),
     .fallback = "200", .min = 100, .max = 599, .help = "The one status that is good."},
    {.key = "json", .type = HD_OPT_TEXT, .offset = offsetof(struct http_cfg, json), .fallback = "",
     .help = "Path of a value in the JSON answer: \"$.status\", \"checks[0].up\"."},
    {.key = "equals", .type = HD_OPT_TEXT, .offset = offsetof(struct http_cfg, equals),
     .fallback = "", .help = "Text that the value at `json` must be."},
    {.key = "measure", .type = HD_OPT_WORD, .offset = offsetof(struct http_cfg, measure),
     .fallback = "good", .words = measure_words,
     .help = "good: 1 or 0; latency: seconds until the whole answer; value: the number at `json`."},
    {NULL},
};

static const struct hd_endpoint *http_endpoint(const void *cfg)
{
    return &((const struct http_cfg *)cfg)->at;
}

static const char *http_default_query(const void *cfg)
{
    return ((const struct http_cfg *)cfg)->url;
}

struct url {
    size_t origin; /* length of scheme://host:port */
    const char *path, *query; /* query NULL: none */
};

static enum hd_code url_split(struct hd_arena *a, const char *text, struct url *ret,
                              struct hd_error *err)
{
    size_t scheme = str_begins(text, "http://") ? 7 : str_begins(text, "https://") ? 8 : 0;
    size_t host = scheme ? strcspn(text + scheme, "/?#") : 0;
    if (!host)
        return hd_fail(err, HD_INVALID, "url: '%s' is not http://host/... or https://host/...",
                       text);
    if (memchr(text + scheme, '@', host))
        return hd_fail(err, HD_INVALID, "url: use `auth`, not user:password@");
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p == 0x7f)
            return hd_fail(err, HD_INVALID, "url: blanks, control characters and other bytes than "
                                            "ASCII must be %%-encoded");
    }
    const char *rest = text + scheme + host;
    size_t path = strcspn(rest, "?#");
    const char *mark = rest + path;
    *ret = (struct url){.origin = scheme + host,
                        .path = *rest == '/' ? arena_text_n(a, rest, path) : "/"};
    if (*mark == '?')
        ret->query = arena_text_n(a, mark + 1, strcspn(mark + 1, "#"));
    return HD_OK;
}

static enum hd_code http_check(const void *v, struct hd_error *err)
{
    const struct http_cfg *cfg = v;
    ARENA_AUTO a = arena_new();
    struct url url = {0};
    enum hd_code code = url_split(a, cfg->url, &url, err);
    if (!code && cfg->json && json_path_check(cfg->json, err))
        code = hd_error_add(err, "json");
    if (code)
        return code;
    if (cfg->equals && !cfg->json)
        return hd_fail(err, HD_INVALID, "equals: needs `json`, the path of the value");
    if (cfg->measure == MEASURE_VALUE && (!cfg->json || cfg->equals))
        return hd_fail(err, HD_INVALID, "measure: value needs `json`, and no `equals`");
    return hd_endpoint_check(&cfg->at, err);
}

static enum hd_code ask(struct hd_arena *a, const void *v, const struct hd_question *q,
                        struct hd_ask *ret, struct hd_error *err)
{
    const struct http_cfg *cfg = v;
    const char *text = q->probe->query;
    struct url url = {0};
    enum hd_code code = url_split(a, text, &url, err);
    if (code)
        return code;
    const char **base = arena_many(a, 1, const char *);
    base[0] = arena_text_n(a, text, url.origin);
    struct hd_endpoint *at = arena_copy(a, &cfg->at, sizeof cfg->at);
    at->bases = base;
    at->n_bases = 1;
    struct hd_request *r = arena_of(a, struct hd_request);
    r->via = HD_VIA_HTTP;
    r->effect = HD_EFFECT_READ;
    r->label = "probe";
    r->at = at;
    r->u.http.method = "GET";
    r->u.http.path = url.path;
    r->u.http.query = url.query;
    r->cap_bytes = HD_ANSWER_BYTES_SMALL;
    *ret = (struct hd_ask){.request = {r}, .n = 1};
    return HD_OK;
}

static const struct {
    uint8_t outcome;
    uint16_t reason;
} no_answer[] = {
    [HD_IO_NOT_SENT] = {HD_OUTCOME_ERROR, HD_REASON_UNREACHABLE},
    [HD_IO_LOST] = {HD_OUTCOME_ERROR, HD_REASON_CUT_SHORT},
    [HD_IO_TIMEOUT] = {HD_OUTCOME_ERROR, HD_REASON_TIMEOUT},
    [HD_IO_TOO_BIG] = {HD_OUTCOME_TOO_MANY, HD_REASON_TOO_BIG},
};

/* The value at `json`: fills the number, or compares the text. */
static struct finding look_inside(struct hd_arena *a, const struct http_cfg *cfg,
                                  struct hd_span body)
{
    JSON_AUTO root = NULL;
    const struct json *at;
    struct hd_error why = {0};
    const char *text = "";
    if (json_parse(body, &root, &why))
        return (struct finding){HD_OUTCOME_ERROR, HD_REASON_NOT_JSON, 0, arena_text(a, why.text)};
    struct finding f = {HD_OUTCOME_OK, HD_REASON_NONE, 1, NULL};
    if (json_path_get(root, cfg->json, &at, &why) ||
        (cfg->measure == MEASURE_VALUE ? json_double(at, cfg->json, &f.value, &why)
                                       : json_scalar(a, at, cfg->json, &text, &why)))
        return (struct finding){HD_OUTCOME_ERROR, HD_REASON_UNEXPECTED_VALUE, 0,
                                arena_text(a, why.text)};
    if (cfg->equals && !str_is(text, cfg->equals))
        return (struct finding){HD_OUTCOME_ERROR, HD_REASON_UNEXPECTED_VALUE, 0,
                                arena_print(a, "%s is '%.200s'", cfg->json, text)};
    return f;
}

static struct finding judge(struct hd_arena *a, const void *v, const struct hd_response *in)
{
    const struct http_cfg *cfg = v;
    struct finding f = {HD_OUTCOME_OK, HD_REASON_NONE, 1, NULL};
    if (in->io != HD_IO_OK)
        f = (struct finding){no_answer[in->io].outcome, no_answer[in->io].reason, 0, in->text};
    else if (in->status != cfg->expect)
        f = (struct finding){HD_OUTCOME_ERROR, HD_REASON_UNEXPECTED_STATUS, 0,
                             arena_print(a, "HTTP %d: %s", in->status,
                                         rows_is_html(in) ? "a web page"
                                                          : rows_excerpt(a, in->body))};
    else if (cfg->json)
        f = look_inside(a, cfg, in->body);
    double took = (double)in->took_ms / 1e3;
    if (cfg->measure == MEASURE_GOOD && f.outcome != HD_OUTCOME_OK)
        return (struct finding){HD_OUTCOME_OK, f.reason, 0, f.text};
    /* It took at least as long as we waited. Another error may be quick, and says nothing. */
    if (cfg->measure == MEASURE_LATENCY && in->io == HD_IO_TIMEOUT)
        return (struct finding){HD_OUTCOME_OK, f.reason, took, f.text};
    if (cfg->measure == MEASURE_LATENCY && f.outcome == HD_OUTCOME_OK)
        f.value = took;
    return f;
}

static const struct per_side per_side = {
    .no_label = "an HTTP check asks per colour, not by a label",
    .no_history = "an HTTP check has no history",
    .ask = ask,
    .judge = judge,
};

static enum hd_code http_fetch(struct hd_arena *a, const void *v, const struct hd_question *q,
                               const struct hd_talk *talk, struct hd_ask *ret_ask,
                               struct hd_rows *ret_rows, uint16_t *ret_reason, struct hd_error *err)
{
    *ret_reason = HD_REASON_NONE;
    return rows_per_side(a, &per_side, v, q, talk, ret_ask, ret_rows, err);
}

const struct hd_provider provider_http = {
    .name = "http",
    .summary = "one GET per colour: is it good, how long it took, or a number in its JSON answer",
    .cfg_size = sizeof(struct http_cfg),
    .batch_max = 1,
    .io_is_evidence = true,
    .options = options,
    .endpoint = http_endpoint,
    .check = http_check,
    .default_query = http_default_query,
    .fetch = http_fetch,
};
