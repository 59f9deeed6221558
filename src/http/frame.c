/* SPDX-License-Identifier: Apache-2.0
 *
 * See frame.h. Called by visit.c.
 */
#include "http/frame.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/compat.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

/* Given twice, each of them would let two programs read two requests. */
static const char *const once[] = {"Content-Length",  "Transfer-Encoding", "Host",
                                   "Authorization",   "Content-Type",      "Origin",
                                   "Idempotency-Key", "If-Match",          "Last-Event-ID"};
enum { LENGTH, ENCODING, HOST, ONCE = sizeof once / sizeof *once };

struct headers {
    unsigned n[ONCE];
    bool odd_name;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "!#$%&'*+-.^_`|~"; /* RFC 9110, token */
    struct headers *h = cls;
    (void)kind;
    (void)value;
    h->odd_name |= !*name || name[strspn(name, allowed)];
    for (size_t i = 0; i < ONCE; i++)
        h->n[i] += strcasecmp(name, once[i]) == 0;
    return MHD_YES;
}

/* NULL: every program on the way reads the same request. libmicrohttpd takes what follows as it
 * comes; a length that is no plain number it refuses itself. */
static const char *framing_fault(const struct call *c, const struct headers *h, bool changes)
{
    if (h->odd_name)
        return "a header's name is malformed";
    if (h->n[LENGTH] && h->n[ENCODING])
        return "both Content-Length and Transfer-Encoding";
    for (size_t i = 0; i < ONCE; i++) {
        if (h->n[i] > 1)
            return arena_print(c->arena, "more than one %s", once[i]);
    }
    return changes && h->n[HOST] != 1 ? "exactly one Host header is needed" : NULL;
}

/* "https://haldane.example:8443/x" -> "haldane.example:8443" */
static struct hd_span authority_of(const char *url)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    return (struct hd_span){at, strcspn(at, "/?#")};
}

static bool same_authority(const char *origin, const char *host)
{
    struct hd_span a = authority_of(origin);
    return strlen(host) == a.len && strncasecmp(a.at, host, a.len) == 0;
}

/* A browser says where a request comes from; a foreign page has no business here even with a
 * token. Other clients send neither header. */
static bool from_elsewhere(const struct call *c)
{
    const char *site = call_header(c, "Sec-Fetch-Site"), *origin = call_header(c, "Origin");
    const char *host = call_header(c, "Host");
    if (site && !str_is(site, "same-origin") && !str_is(site, "none"))
        return true;
    if (!origin)
        return false;
    struct hd_span ours = authority_of(c->facts->public_url);
    return !(host && same_authority(origin, host)) &&
           !same_authority(origin, arena_text_n(c->arena, ours.at, ours.len));
}

static bool is_type(const char *type, const char *want)
{
    size_t n = strlen(want);
    return type && strncasecmp(type, want, n) == 0 && strchr("; \t", type[n]);
}

static bool refuse_type(struct call *c)
{
    const char *packed = call_header(c, "Content-Encoding");
    if (packed && strcasecmp(packed, "identity") != 0) {
        (void)call_refuse(c, 415, "encoded", "send the body as it is: no Content-Encoding is taken");
        return true;
    }
    const char *type = call_header(c, "Content-Type");
    bool form = c->route->needs & ROUTE_HTML;
    if (is_type(type, form ? FORM_TYPE : CALL_JSON))
        return false;
    (void)call_refuse(c, 415, form ? "not_a_form" : "not_json", "the body must be sent as %s",
                      form ? FORM_TYPE : CALL_JSON);
    return true;
}

bool frame_refuse(struct call *c)
{
    struct headers h = {0};
    bool order = c->route && c->route->order;
    bool changes = c->route && !str_is(c->route->method, "GET");
    (void)MHD_get_connection_values(c->connection, MHD_HEADER_KIND, count_header, &h);
    const char *why = framing_fault(c, &h, changes);
    if (why) {
        (void)call_refuse(c, 400, "bad_framing", "%s", why);
        c->reply.close = true; /* what follows on this connection could be anybody's request */
        return true;
    }
    if (changes && h.n[ENCODING]) {
        /* Chunks are what two parsers disagree about most; nobody needs them for a small body. */
        (void)call_refuse(c, 411, "no_length", "send the body with a Content-Length");
        c->reply.close = true;
        return true;
    }
    if (changes && from_elsewhere(c))
        (void)call_refuse(c, 403, "cross_site", "the request comes from another web site");
    else if (order && !c->secret && !(c->route->needs & ROUTE_OPEN))
        (void)call_refuse(c, 401, "no_token", "send \"Authorization: Bearer hld_...\"");
    else if (order && !compat_dialect(c) && h.n[LENGTH] &&
             !str_is(call_header(c, "Content-Length"), "0"))
        (void)refuse_type(c);
    return c->reply.status != 0;
}
