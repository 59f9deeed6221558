/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook's read-back: the request, and what its answer says. Decides which answer is a reading
 * at all; never guesses a value that is not there. Called by webhook.c.
 */
#include "actuators/webhook/webhook.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

/* "$.colours.{{colour}}.ready" for one colour. */
enum hd_code webhook_colour_path(struct hd_arena *a, const char *path, const char *colour,
                                 const char **ret, struct hd_error *err)
{
    struct hd_pair v = {"colour", colour};
    enum hd_code code = webhook_fill(a, path, &v, 1, fill_plain, ret, err);
    return code ? code : json_path_check(*ret, err);
}

const struct hd_request *webhook_ask(struct hd_arena *a, const struct webhook_cfg *cfg)
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
        return webhook_recode(code, HD_ABSENT, HD_PARSE, err);
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
    enum hd_code code = webhook_colour_path(a, path, colour, &own, err);
    if (!code)
        code = json_path_get(j, own, &at, err);
    if (!code)
        code = json_i64(at, own, &n, err);
    if (!code && (n < 0 || n > INT32_MAX))
        code = hd_fail(err, HD_PARSE, "%s: out of range", own);
    if (!code)
        *ret = (uint32_t)n;
    return webhook_recode(code, HD_ABSENT, HD_PARSE, err);
}

enum hd_code webhook_read(struct hd_arena *a, const struct hd_site *site,
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
        live.version = arena_text(a, webhook_header(r, "etag"));
        code = live.version ? HD_OK : hd_fail(err, HD_PARSE, "read: no ETag");
    } else if (!code && cfg->read.version) {
        code = read_line(a, j, cfg->read.version, &live.version, err);
    }
    for (size_t k = 0; !code && k < site->n_sides; k++) {
        struct hd_side_live *s = &live.side[k];
        s->alone = webhook_side_value(site, k);
        s->share_ppm = str_is(live.value, s->alone) ? HD_WHOLE_PPM : 0;
        code = read_count(a, j, cfg->read.ready, site->colour[k], &s->ready, err);
        if (!code)
            code = read_count(a, j, cfg->read.wanted, site->colour[k], &s->wanted, err);
    }
    if (!code)
        *ret = live;
    return code;
}
