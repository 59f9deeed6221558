/* SPDX-License-Identifier: Apache-2.0
 *
 * Any router with an HTTP interface: one read-back whose JSON says which colour is live, and one or
 * more templated requests that change it. Decides what is sent and what a reply means; opens no
 * connection and sees no secret. Called by pipeline/.
 */
#include <ctype.h>
#include <string.h>

#include <haldane/actuator.h>
#include <haldane/endpoint.h>

#include "actuators/native.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/fill.h"
#include "base/str.h"
#include "json/json.h"

#define FILLED_MAX (64u << 10) /* one filled path, header or body */
#define VALUE_MAX 1000         /* bytes of a value or version: they go into templates */
#define WORDS_MAX 200          /* of a refusal's body kept */
#define RETRY_MAX_S 600

enum as { AS_JSON, AS_FORM, AS_TEXT };

struct webhook_write {
    int32_t method, as;
    const char *path, *body;
    const struct hd_pair *headers;
    uint32_t n_headers;
};

struct webhook_read {
    const char *path, *value, *version, *ready, *wanted;
};

struct webhook_cfg {
    struct hd_endpoint at;
    struct webhook_read read;
    const struct webhook_write *write;
    uint32_t n_write;
    int32_t kind; /* 0 set, 1 once */
};

struct webhook_side {
    const char *value;
};

static const char *const method_words[] = {"PUT", "POST", "PATCH", "DELETE", NULL};
static const char *const as_words[] = {"json", "form", "text", NULL}; /* enum as */
static const char *const as_type[] = {"application/json", "application/x-www-form-urlencoded",
                                      "text/plain; charset=utf-8"};
static fill_escape_fn *const as_escape[] = {json_escape, fill_url, fill_plain};
static const char *const kind_words[] = {"set", "once", NULL};

#define READ(field) .offset = offsetof(struct webhook_read, field)
#define WRITE(field) .offset = offsetof(struct webhook_write, field)
#define CFG(field) .offset = offsetof(struct webhook_cfg, field)

static const struct hd_option write_options[] = {
    {.key = "method",
     .type = HD_OPT_WORD,
     WRITE(method),
     .fallback = "PUT",
     .words = method_words,
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

static const char *side_value(const struct hd_site *site, size_t k)
{
    const char *named = ((const struct webhook_side *)site->side[k])->value;
    return named ? named : site->colour[k];
}

enum { V_VALUE, V_FROM, V_COLOUR, V_VERSION, V_STAMP, N_VALUES };

static void set_values(struct hd_pair v[N_VALUES], const struct hd_site *site, const char *from,
                       const char *version, const struct hd_goal *goal)
{
    v[V_VALUE] = (struct hd_pair){"value", goal->value};
    v[V_FROM] = (struct hd_pair){"from", from};
    v[V_COLOUR] = (struct hd_pair){"colour", NULL};
    v[V_VERSION] = (struct hd_pair){"version", version};
    v[V_STAMP] = (struct hd_pair){"stamp", goal->stamp};
    for (size_t k = 0; k < site->n_sides; k++) {
        if (str_is(side_value(site, k), goal->value))
            v[V_COLOUR].value = site->colour[k];
    }
}

static enum hd_code filled(struct hd_arena *a, const char *text, const struct hd_pair *v, size_t n,
                           fill_escape_fn *escape, const char **ret, struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(FILLED_MAX);
    enum hd_code code = fill(&b, text, v, n, escape, err);
    if (!code)
        *ret = arena_text(a, buf_at(&b));
    return code;
}

/* "$.colours.{{colour}}.ready" for one colour. */
static enum hd_code colour_path(struct hd_arena *a, const char *path, const char *colour,
                                const char **ret, struct hd_error *err)
{
    struct hd_pair v = {"colour", colour};
    enum hd_code code = filled(a, path, &v, 1, fill_plain, ret, err);
    return code ? code : json_path_check(*ret, err);
}

/* The same failure under the code that fits where we stand: a path that leads nowhere is an answer
 * of another shape, and a body that is no JSON a mistake in the config. */
static enum hd_code recode(enum hd_code code, enum hd_code from, enum hd_code to,
                           struct hd_error *err)
{
    if (code != from)
        return code;
    if (err)
        err->code = to;
    return to;
}

/* --- writing --- */

static enum hd_code fill_headers(struct hd_arena *a, const struct webhook_write *w,
                                 const struct hd_pair *v, struct hd_request *r,
                                 struct hd_error *err)
{
    struct hd_pair *h = arena_many(a, w->n_headers + 1u, struct hd_pair);
    enum hd_code code = HD_OK;
    size_t n = 0;
    if (w->body)
        h[n++] = (struct hd_pair){"Content-Type", as_type[w->as]};
    for (uint32_t i = 0; !code && i < w->n_headers; i++) {
        h[n].name = w->headers[i].name;
        code = filled(a, w->headers[i].value, v, N_VALUES, fill_plain, &h[n].value, err);
        n++;
    }
    r->u.http.headers = h;
    r->u.http.n_headers = n;
    return code;
}

static enum hd_code new_write(struct hd_arena *a, const struct webhook_cfg *cfg, uint32_t i,
                              const struct hd_pair *v, const struct hd_request **ret,
                              struct hd_error *err)
{
    const struct webhook_write *w = &cfg->write[i];
    struct hd_request *r = arena_of(a, struct hd_request);
    const char *path, *body = "";
    *r = (struct hd_request){
        .via = HD_VIA_HTTP,
        .effect = cfg->kind == 0 ? HD_EFFECT_SET : HD_EFFECT_ONCE,
        .label =
            cfg->n_write == 1 ? "write" : arena_print(a, "write %u of %u", i + 1, cfg->n_write),
        .at = &cfg->at,
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
        .u.http = {.method = method_words[w->method]},
    };
    enum hd_code code = filled(a, w->path, v, N_VALUES, fill_url, &path, err);
    if (!code && w->body)
        code = filled(a, w->body, v, N_VALUES, as_escape[w->as], &body, err);
    if (!code)
        code = fill_headers(a, w, v, r, err);
    if (code) {
        hd_error_add(err, "write[%u]", i);
        return code;
    }
    const char *query = strchr(path, '?');
    r->u.http.path = query ? arena_text_n(a, path, (size_t)(query - path)) : path;
    r->u.http.query = query ? query + 1 : NULL;
    r->body = (struct hd_span){body, strlen(body)};
    *ret = r;
    return HD_OK;
}

static void native_pair(struct buf *to, const char *option, const char *text)
{
    if (!text)
        return;
    buf_print(to, " %s ", option);
    native_word(to, text);
}

static void native_header(struct buf *to, const struct hd_pair *h)
{
    BUF_AUTO text = BUF_INIT(FILLED_MAX);
    buf_print(&text, "%s: %s", h->name, h->value);
    native_pair(to, "-H", buf_at(&text));
}

/* The same by curl. Secrets stay out: a token is taken from the shell's $TOKEN, a password is asked
 * for, and a header with a reference is left out. */
static void native_add(struct buf *to, const struct hd_request *r)
{
    const struct hd_endpoint *at = r->at;
    const char *base = at->bases[0];
    BUF_AUTO url = BUF_INIT(FILLED_MAX);
    bool local = str_begins(base, "unix:");
    buf_print(&url, "%s%s%s%s", local ? "http://localhost" : base, r->u.http.path,
              r->u.http.query ? "?" : "", r->u.http.query ? r->u.http.query : "");
    buf_print(to, "%scurl -fsS -X %s ", to->len ? " && " : "", r->u.http.method);
    native_word(to, buf_at(&url));
    native_pair(to, "--unix-socket", local ? base + 5 : NULL);
    native_pair(to, "--cacert", at->ca_file);
    native_pair(to, "--cert", at->cert_file);
    native_pair(to, "--key", at->key_file);
    native_pair(to, "-x", at->proxy);
    if (at->auth == HD_AUTH_BASIC)
        native_pair(to, "-u", at->user);
    else if (at->auth == HD_AUTH_BEARER)
        buf_text(to, " -H \"Authorization: Bearer $TOKEN\"");
    for (uint32_t i = 0; i < at->n_headers; i++) {
        if (!strstr(at->headers[i].value, "${"))
            native_header(to, &at->headers[i]);
    }
    for (size_t i = 0; i < r->u.http.n_headers; i++)
        native_header(to, &r->u.http.headers[i]);
    if (r->body.len > 0)
        native_pair(to, "--data-binary", r->body.at);
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
            code = colour_path(a, cfg->read.ready, site->colour[k], &unused, err);
        if (!code && cfg->read.wanted)
            code = colour_path(a, cfg->read.wanted, site->colour[k], &unused, err);
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
    struct hd_goal goal = {.value = side_value(site, 0), .stamp = "trial"};
    struct hd_pair v[N_VALUES];
    const struct hd_request *r;
    if (w->path[0] != '/')
        return hd_fail(err, HD_INVALID, "write[%u].path: begins with '/'", i);
    set_values(v, site, side_value(site, 0), "1", &goal);
    enum hd_code code = new_write(a, cfg, i, v, &r, err);
    if (!code)
        code = check_lines(r, i, err);
    if (code || w->as != AS_JSON || !w->body)
        return code;
    JSON_AUTO j = NULL;
    code = json_parse(r->body, &j, err);
    if (code)
        hd_error_add(err, "write[%u].body", i);
    return recode(code, HD_PARSE, HD_INVALID, err);
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
        if (strlen(side_value(site, k)) > VALUE_MAX)
            code = hd_fail(err, HD_INVALID, "colour %s: value: too long", site->colour[k]);
        for (size_t other = 0; !code && other < k; other++) {
            if (str_is(side_value(site, k), side_value(site, other)))
                code = hd_fail(err, HD_INVALID, "colours %s and %s have the same value",
                               site->colour[other], site->colour[k]);
        }
    }
    return code;
}

/* --- reading --- */

static const char *header_of(const struct hd_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (str_is(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return NULL;
}

static const struct hd_request *new_read(struct hd_arena *a, const struct webhook_cfg *cfg)
{
    const char *query = strchr(cfg->read.path, '?');
    struct hd_request *r = arena_of(a, struct hd_request);
    *r = (struct hd_request){
        .via = HD_VIA_HTTP,
        .effect = HD_EFFECT_READ,
        .label = "read",
        .at = &cfg->at,
        .u.http =
            {
                .method = "GET",
                .path = query ? arena_text_n(a, cfg->read.path, (size_t)(query - cfg->read.path))
                              : cfg->read.path,
                .query = query ? query + 1 : NULL,
            },
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
    };
    return r;
}

static enum hd_code read_status(int32_t status, struct hd_error *err)
{
    if (status == 200)
        return HD_OK;
    if (status == 401 || status == 403)
        return hd_fail(err, HD_DENIED, "read: HTTP %d", status);
    if (status == 404 || status == 410)
        return hd_fail(err, HD_ABSENT, "read: HTTP %d", status);
    if (status == 408 || status == 429 || status >= 500)
        return hd_fail(err, HD_BUSY, "read: HTTP %d", status);
    return hd_fail(err, HD_PARSE, "read: HTTP %d instead of 200", status);
}

/* One line of text that may go into a template and a journal row. */
static enum hd_code read_line(struct hd_arena *a, const struct json *j, const char *path,
                              const char **ret, struct hd_error *err)
{
    const struct json *at;
    const char *text;
    enum hd_code code = json_path_get(j, path, &at, err);
    if (!code)
        code = json_scalar(a, at, path, &text, err);
    if (code)
        return recode(code, HD_ABSENT, HD_PARSE, err);
    char *clean = arena_text(a, text);
    str_clean(clean, VALUE_MAX);
    if (!*text || json_type(at) == JSON_NULL || !str_is(clean, text))
        return hd_fail(err, HD_PARSE, "%s: empty, too long, or with control characters", path);
    *ret = clean;
    return HD_OK;
}

static enum hd_code read_count(struct hd_arena *a, const struct json *j, const char *path,
                               const char *colour, uint32_t *ret, struct hd_error *err)
{
    const char *own;
    const struct json *at;
    int64_t n;
    *ret = HD_UNKNOWN;
    if (!path)
        return HD_OK;
    enum hd_code code = colour_path(a, path, colour, &own, err);
    if (!code)
        code = json_path_get(j, own, &at, err);
    if (!code)
        code = json_i64(at, own, &n, err);
    if (!code && (n < 0 || n > INT32_MAX))
        code = hd_fail(err, HD_PARSE, "%s: out of range", own);
    if (!code)
        *ret = (uint32_t)n;
    return recode(code, HD_ABSENT, HD_PARSE, err);
}

static enum hd_code read_live(struct hd_arena *a, const struct hd_site *site,
                              const struct hd_talk *talk, struct hd_live *ret, struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    const struct hd_response *r = talk->item[talk->n - 1].response;
    JSON_AUTO j = NULL;
    struct hd_live live = {0};
    enum hd_code code = read_status(r->status, err);
    if (!code)
        code = json_parse(r->body, &j, err);
    if (!code)
        code = read_line(a, j, cfg->read.value, &live.value, err);
    if (!code && str_is(cfg->read.version, "etag")) {
        live.version = arena_text(a, header_of(r, "etag"));
        code = live.version ? HD_OK : hd_fail(err, HD_PARSE, "read: no ETag");
    } else if (!code && cfg->read.version) {
        code = read_line(a, j, cfg->read.version, &live.version, err);
    }
    for (size_t k = 0; !code && k < site->n_sides; k++) {
        struct hd_side_live *s = &live.side[k];
        s->alone = side_value(site, k);
        s->share_ppm = str_is(live.value, s->alone) ? HD_WHOLE_PPM : 0;
        code = read_count(a, j, cfg->read.ready, site->colour[k], &s->ready, err);
        if (!code)
            code = read_count(a, j, cfg->read.wanted, site->colour[k], &s->wanted, err);
    }
    if (!code)
        *ret = live;
    return code;
}

static enum hd_code observe(struct hd_arena *a, const struct hd_site *site, const char *follow,
                            const struct hd_talk *talk, struct hd_ask *ret_ask,
                            struct hd_live *ret_live, struct hd_error *err)
{
    (void)follow;
    if (talk->n == 0) {
        *ret_ask = (struct hd_ask){{new_read(a, site->cfg)}, 1};
        return HD_OK;
    }
    enum hd_code code = read_live(a, site, talk, ret_live, err);
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
    struct hd_pair v[N_VALUES];
    BUF_AUTO native = BUF_INIT(HD_BLOB_BYTES_MAX);
    enum hd_code code = read_live(a, site, talk, &live, err);
    if (code)
        return code;
    set_values(v, site, live.value, live.version, goal);
    if (!goal->rehearse && !str_is(live.value, goal->value)) {
        for (uint32_t i = 0; !code && i < cfg->n_write; i++) {
            code = new_write(a, cfg, i, v, &p.step[p.n], err);
            if (!code)
                native_add(&native, p.step[p.n++]);
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
    const char *text = header_of(r, "retry-after"); /* as a date: our own backoff */
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
