/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus and what speaks its API (VictoriaMetrics, Thanos, Mimir): decides which of the two
 * query endpoints answers a question, and in how many turns. Never looks into an answer (reply.c
 * does). Called by the pipeline through hd_provider.
 *
 * Source of the format: Prometheus documentation, "HTTP API", section "Expression queries".
 */
#include <string.h>

#include <haldane/endpoint.h>

#include "base/arena.h"
#include "base/fill.h"
#include "base/str.h"
#include "providers/prometheus/reply.h"

struct prometheus_cfg {
    struct hd_endpoint at;
    const struct hd_pair *params;
    uint32_t n_params;
    bool accept_warnings;
    const char *external_url; /* NULL: as we reach it */
};

static const struct hd_option options[] = {
    HD_ENDPOINT_OPTIONS(struct prometheus_cfg, at),
    {.key = "accept_warnings", .type = HD_OPT_BOOL,
     .offset = offsetof(struct prometheus_cfg, accept_warnings), .fallback = "false",
     .help = "Judge answers that the source itself calls incomplete."},
    {.key = "external_url", .type = HD_OPT_URL,
     .offset = offsetof(struct prometheus_cfg, external_url), .fallback = "",
     .help = "Where people reach its pages, for the links on ours; `url` by default."},
    {.key = "params", .type = HD_OPT_PAIRS, .offset = offsetof(struct prometheus_cfg, params),
     .count_offset = offsetof(struct prometheus_cfg, n_params), .fallback = "",
     .help = "More parameters of every query, such as `dedup: \"true\"` for Thanos."},
    {NULL},
};

#define API "/api/v1" /* the address is of what stands before it */

/* Parameters we send ourselves. */
static const char *const own_params[] = {"query", "time", "start", "end", "step", "timeout", NULL};

static const struct hd_endpoint *prometheus_endpoint(const void *cfg)
{
    return &((const struct prometheus_cfg *)cfg)->at;
}

static enum hd_code prometheus_check(const void *v, struct hd_error *err)
{
    const struct prometheus_cfg *cfg = v;
    for (uint32_t i = 0; i < cfg->n_params; i++) {
        for (size_t k = 0; own_params[k]; k++) {
            if (str_is(cfg->params[i].name, own_params[k]))
                return hd_fail(err, HD_INVALID, "params: `%s` is set by haldane itself",
                               own_params[k]);
        }
    }
    for (uint32_t i = 0; i < cfg->at.n_bases; i++) {
        const char *base = cfg->at.bases[i];
        size_t n = strlen(base);
        while (n && base[n - 1] == '/')
            n--;
        if (n >= strlen(API) && strncmp(base + n - strlen(API), API, strlen(API)) == 0)
            return hd_fail(err, HD_INVALID, "url: drop " API " at its end: haldane adds it");
    }
    return hd_endpoint_check(&cfg->at, err);
}

static const char *prometheus_graph(struct hd_arena *a, const void *v)
{
    const struct prometheus_cfg *cfg = v;
    const char *base = cfg->external_url ? cfg->external_url : cfg->at.n_bases ? cfg->at.bases[0] : NULL;
    if (!base)
        return NULL;
    size_t n = strcspn(base, "?#");
    while (n && base[n - 1] == '/')
        n--;
    return arena_print(a, "%.*s/graph", (int)n, base);
}

static const char *prometheus_quote(struct hd_arena *a, const char *text)
{
    BUF_AUTO b = BUF_INIT(4 * strlen(text) + 2);
    prometheus_quote_into(&b, text);
    return arena_text(a, buf_at(&b));
}

/* --- requests --- */

static void form_add(struct buf *b, const char *key, const char *value)
{
    if (b->len)
        buf_byte(b, '&');
    fill_url(b, key);
    buf_byte(b, '=');
    fill_url(b, value);
}

static void form_seconds(struct buf *b, const char *key, int64_t ms)
{
    form_add(b, key, "");
    buf_print(b, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
}

static struct hd_request *make_request(struct hd_arena *a, const struct prometheus_cfg *cfg,
                                       const struct hd_question *q, const char *path,
                                       const char *label, struct buf *form)
{
    static const struct hd_pair headers[] = {
        {"content-type", "application/x-www-form-urlencoded"},
        {"accept", "application/json"},
    };
    form_seconds(form, "timeout", cfg->at.timeout_ms);
    for (uint32_t i = 0; i < cfg->n_params; i++)
        form_add(form, cfg->params[i].name, cfg->params[i].value);
    struct hd_request *r = arena_of(a, struct hd_request);
    r->via = HD_VIA_HTTP;
    r->effect = HD_EFFECT_READ;
    r->label = label;
    r->at = &cfg->at;
    r->u.http.method = "POST";
    r->u.http.path = path;
    r->u.http.headers = headers;
    r->u.http.n_headers = sizeof headers / sizeof *headers;
    r->body = (struct hd_span){arena_text_n(a, buf_at(form), form->len), form->len};
    r->cap_bytes = q->answer_max ? q->answer_max : HD_ANSWER_BYTES_MAX;
    return r;
}

static void instant_form(struct buf *form, const struct hd_question *q)
{
    form->full |= strlen(q->probe->query) > HD_QUERY_BYTES_MAX;
    form_add(form, "query", q->probe->query);
    if (q->probe->raw && q->range_ms > 0)
        buf_print(form, "%%5B%lldms%%5D", (long long)q->range_ms); /* [5000ms] */
    if (q->at_ms)
        form_seconds(form, "time", q->at_ms);
}

static void range_form(struct buf *form, const struct hd_question *q, int64_t end_ms)
{
    form_add(form, "query", q->probe->query);
    form_seconds(form, "start", end_ms - q->range_ms);
    form_seconds(form, "end", end_ms);
    form_seconds(form, "step", q->step_ms);
}

/* One turn of the talk. */
struct turn {
    bool clock;     /* ask only what time it is */
    int64_t end_ms; /* of a range query; 0: an instant query */
    uint32_t base;  /* a talk stays on one replica */
};

static enum hd_code ask(struct hd_arena *a, const struct prometheus_cfg *cfg,
                        const struct hd_question *q, struct turn turn, struct hd_ask *ret,
                        struct hd_error *err)
{
    /* Every byte of a query can become three; the rest is for the parameters of the config. */
    BUF_AUTO form = BUF_INIT(3 * (size_t)HD_QUERY_BYTES_MAX + 16384);
    struct hd_request *r;
    if (turn.clock) {
        /* Without it, VictoriaMetrics says what time it was 30 s ago (its latency offset). */
        form_add(&form, "query", "time()");
        form_add(&form, "nocache", "1");
        r = make_request(a, cfg, q, API "/query", "ask the time", &form);
    } else if (turn.end_ms) {
        range_form(&form, q, turn.end_ms);
        r = make_request(a, cfg, q, API "/query_range", "query a range", &form);
    } else {
        instant_form(&form, q);
        r = make_request(a, cfg, q, API "/query", "query", &form);
    }
    if (form.full)
        return hd_fail(err, HD_LIMIT, "a query with its parameters is longer than %d bytes",
                       HD_QUERY_BYTES_MAX);
    r->base = turn.base;
    *ret = (struct hd_ask){.request = {r}, .n = 1};
    return HD_OK;
}

static enum hd_code prometheus_fetch(struct hd_arena *a, const void *v,
                                     const struct hd_question *q, const struct hd_talk *talk,
                                     struct hd_ask *ret_ask, struct hd_rows *ret_rows,
                                     uint16_t *ret_reason, struct hd_error *err)
{
    const struct prometheus_cfg *cfg = v;
    *ret_reason = HD_REASON_NONE;
    bool range = q->n && !q->probe->raw && q->range_ms > 0, clock_first = range && !q->at_ms;
    if (range && q->step_ms <= 0)
        return hd_fail(err, HD_INVALID, "a range query needs a step");
    struct turn turn = {.clock = !q->n || clock_first, .end_ms = range ? q->at_ms : 0};
    if (!talk->n)
        return ask(a, cfg, q, turn, ret_ask, err);
    struct prometheus_reply reply = {
        .question = q, .clock = turn.clock, .accept_warnings = cfg->accept_warnings};
    struct hd_rows rows;
    enum hd_code code = prometheus_read(a, &reply, talk->item[0].response, &rows, ret_reason, err);
    if (!code && clock_first) {
        turn = (struct turn){.end_ms = rows.source_now_ms, .base = talk->item[0].request->base};
        if (talk->n == 1)
            return ask(a, cfg, q, turn, ret_ask, err);
        reply.clock = false;
        code = prometheus_read(a, &reply, talk->item[1].response, &rows, ret_reason, err);
        rows.source_now_ms = turn.end_ms;
    }
    if (code)
        return code;
    ret_ask->n = 0;
    *ret_rows = rows;
    return HD_OK;
}

const struct hd_provider provider_prometheus = {
    .name = "prometheus",
    .summary = "Prometheus and what speaks its query API: VictoriaMetrics, Thanos, Mimir",
    .cfg_size = sizeof(struct prometheus_cfg),
    .batch_max = 1,
    .counts = true,
    .options = options,
    .endpoint = prometheus_endpoint,
    .check = prometheus_check,
    .graph = prometheus_graph,
    .quote = prometheus_quote,
    .fetch = prometheus_fetch,
};
