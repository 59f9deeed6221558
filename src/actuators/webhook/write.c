/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook's writes: fills the templates for one goal, and says the same as a command for a human.
 * Never puts a secret into either. Called by webhook.c.
 */
#include "actuators/webhook/webhook.h"

#include <string.h>

#include "actuators/native.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

static const char *const as_type[] = {"application/json", "application/x-www-form-urlencoded",
                                      "text/plain; charset=utf-8"};
static fill_escape_fn *const as_escape[] = {json_escape, fill_url, fill_plain};

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
        if (str_is(webhook_side_value(site, k), goal->value))
            v[V_COLOUR].value = site->colour[k];
    }
}

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
        code = webhook_fill(a, w->headers[i].value, v, N_VALUES, fill_plain, &h[n].value, err);
        n++;
    }
    r->u.http.headers = h;
    r->u.http.n_headers = n;
    return code;
}

enum hd_code webhook_write(struct hd_arena *a, const struct hd_site *site, uint32_t i,
                           const char *from, const char *version, const struct hd_goal *goal,
                           const struct hd_request **ret, struct hd_error *err)
{
    const struct webhook_cfg *cfg = site->cfg;
    const struct webhook_write *w = &cfg->write[i];
    struct hd_pair v[N_VALUES];
    struct hd_request *r = arena_of(a, struct hd_request);
    const char *path, *body = "";
    *r = (struct hd_request){
        .via = HD_VIA_HTTP,
        .effect = cfg->kind == 0 ? HD_EFFECT_SET : HD_EFFECT_ONCE,
        .label =
            cfg->n_write == 1 ? "write" : arena_print(a, "write %u of %u", i + 1, cfg->n_write),
        .at = &cfg->at,
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
        .u.http = {.method = webhook_methods[w->method]},
    };
    set_values(v, site, from, version, goal);
    enum hd_code code = webhook_fill(a, w->path, v, N_VALUES, fill_url, &path, err);
    if (!code && w->body)
        code = webhook_fill(a, w->body, v, N_VALUES, as_escape[w->as], &body, err);
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

/* Secrets stay out: a token is taken from the shell's $TOKEN, a password is asked
 * for, and a header with a reference is left out. */
void webhook_native(struct buf *to, const struct hd_request *r)
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
