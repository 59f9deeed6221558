/* SPDX-License-Identifier: Apache-2.0
 *
 * The orders a POST can give, as tables: fields, types, lengths. Whoever may give them is decided
 * by the loop; here only what cannot be an honest order is refused: a doubtful frame, a request
 * that a foreign web page made, no token, a body that is not what the table says.
 */
#include "http/orders.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "http/http.h"
#include "json/json.h"

#define TOKEN_MAX 200

enum field_type { FIELD_TEXT, FIELD_NAME, FIELD_DURATION, FIELD_CHANGE };

struct field {
    const char *key;
    enum field_type type;
    bool required;
};

struct order {
    const char *what;                                                   /* the word in the packet */
    enum { ABOUT_FLEET, ABOUT_SERVICE, ABOUT_GUARD, ABOUT_BODY } about; /* BODY: its "service" */
    struct field field[6]; /* ends with a row without key */
};

#define REASON {"reason", FIELD_TEXT, true}
#define REASON_OR_NOT {"reason", FIELD_TEXT, false}
#define HOLD {REASON, {"for", FIELD_DURATION, true}, {"actor", FIELD_TEXT, false}}

/* clang-format off */
const struct order
    order_guard = {"guard", ABOUT_BODY,
        {{"service", FIELD_NAME, true}, {"to", FIELD_NAME, false}, {"from", FIELD_NAME, false},
         {"change", FIELD_CHANGE, false}}},
    order_guard_revert = {"revert", ABOUT_GUARD, {{"to", FIELD_NAME, false}, REASON}},
    order_guard_hold = {"hold", ABOUT_GUARD, HOLD},
    order_guard_release = {"release", ABOUT_GUARD, {REASON_OR_NOT}},
    order_guard_cancel = {"cancel", ABOUT_GUARD, {REASON}},
    order_guard_acknowledge = {"acknowledge", ABOUT_GUARD, {REASON_OR_NOT}},
    order_service_hold = {"hold", ABOUT_SERVICE, HOLD},
    order_service_release = {"release", ABOUT_SERVICE, {REASON_OR_NOT}},
    order_service_rearm = {"rearm", ABOUT_SERVICE, {{"colour", FIELD_NAME, false}, REASON}},
    order_service_revert = {"revert", ABOUT_SERVICE, {{"to", FIELD_NAME, false}, REASON}},
    order_fleet_hold = {"hold", ABOUT_FLEET, HOLD},
    order_fleet_release = {"release", ABOUT_FLEET, {REASON_OR_NOT}},
    order_reload = {"reload", ABOUT_FLEET, {{0}}};
/* clang-format on */

/* --- headers --- */

struct headers {
    unsigned lengths, encodings, hosts;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct headers *h = cls;
    (void)kind;
    (void)value;
    h->lengths += strcasecmp(name, "Content-Length") == 0;
    h->encodings += strcasecmp(name, "Transfer-Encoding") == 0;
    h->hosts += strcasecmp(name, "Host") == 0;
    return MHD_YES;
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

/* "Bearer hld_x" -> "hld_x"; NULL: absent or not that shape. */
static const char *token_of(const struct call *c)
{
    const char *h = call_header(c, "Authorization");
    if (!h || strncasecmp(h, "Bearer ", 7) != 0)
        return NULL;
    h += 7 + strspn(h + 7, " ");
    size_t n = strlen(h);
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    return n && n <= TOKEN_MAX && strspn(h, allowed) == n ? h : NULL;
}

static bool is_json_type(const char *type)
{
    size_t n = strlen(CALL_JSON);
    return type && strncasecmp(type, CALL_JSON, n) == 0 && strchr("; \t", type[n]);
}

bool orders_refuse_headers(struct call *c)
{
    struct headers h = {0};
    (void)MHD_get_connection_values(c->connection, MHD_HEADER_KIND, count_header, &h);
    bool order = c->route && c->route->order;
    const char *why = h.lengths > 1              ? "more than one Content-Length"
                      : h.encodings > 1          ? "more than one Transfer-Encoding"
                      : h.lengths && h.encodings ? "both Content-Length and Transfer-Encoding"
                      : order && h.hosts != 1    ? "exactly one Host header is needed"
                                                 : NULL;
    if (why) {
        (void)call_refuse(c, 400, "bad_framing", "%s", why);
        c->reply.close = true; /* what follows on this connection could be anybody's request */
        return true;
    }
    if (!order)
        return false;
    if (from_elsewhere(c))
        (void)call_refuse(c, 403, "cross_site", "the request comes from another web site");
    else if (!token_of(c))
        (void)call_refuse(c, 401, "no_token", "send \"Authorization: Bearer hld_...\"");
    else if ((h.lengths || h.encodings) && !str_is(call_header(c, "Content-Length"), "0") &&
             !is_json_type(call_header(c, "Content-Type")))
        (void)call_refuse(c, 415, "not_json", "the body must be sent as " CALL_JSON);
    return c->reply.status != 0;
}

/* --- body --- */

static void refuse_field(struct call *c, const char *pointer, const char *detail)
{
    (void)call_refuse(c, 422, "bad_field", "%s: %s", pointer, detail);
    struct buf *b = &c->reply.body;
    b->len--; /* the closing brace */
    struct json_out o = {.to = b, .first = 0, .depth = 1};
    json_begin(&o, "errors", '[');
    json_begin(&o, NULL, '{');
    json_put_text(&o, "pointer", pointer);
    json_put_text(&o, "detail", detail);
    json_end(&o, '}');
    json_end(&o, ']');
    json_end(&o, '}');
}

/* NULL: fine. */
static const char *text_fault(const struct call *c, const struct json *j, size_t max,
                              const char **ret)
{
    if (json_text(j, "", ret, NULL))
        return "must be a text";
    if (!**ret)
        return "must not be empty";
    if (strlen(*ret) > max)
        return arena_print(c->arena, "is longer than %zu bytes", max);
    return NULL;
}

/* Its members stand beside the other arguments in the packet. */
static const char *change_fault(const struct call *c, const struct json *j, struct json_out *args)
{
    static const char *const known[] = {"version", "commit", "url", "actor", NULL};
    if (json_type(j) != JSON_OBJECT)
        return "must be an object";
    for (const struct json *k = json_first(j); k; k = json_next(k)) {
        const char *const *w = known;
        while (*w && !str_is(*w, json_key(k)))
            w++;
        if (!*w)
            return "takes only version, commit, url and actor";
        const char *text;
        const char *fault = text_fault(c, k, HD_TEXT_MAX, &text);
        if (fault)
            return arena_print(c->arena, "%s %s", *w, fault);
        if (str_is(*w, "url") && !str_begins(text, "https://") && !str_begins(text, "http://"))
            return "url must begin with https:// or http://";
        json_put_text(args, *w, text);
    }
    return NULL;
}

static const char *field_fault(const struct call *c, const struct field *f, const struct json *j,
                               struct json_out *args)
{
    if (f->type == FIELD_CHANGE)
        return change_fault(c, j, args);
    const char *text;
    int64_t ms;
    const char *fault = text_fault(c, j, f->type == FIELD_TEXT ? HD_TEXT_MAX : HD_NAME_MAX, &text);
    if (fault)
        return fault;
    if (f->type == FIELD_DURATION) {
        if (!str_read_duration(text, &ms) || ms <= 0)
            return "must be a duration like 30m or 1h30m";
        json_put_i64(args, "duration_ms", ms);
    } else if (!str_is(f->key, "service")) {
        json_put_text(args, f->key, text);
    }
    return NULL;
}

static const struct field *field_of(const struct order *o, const char *key)
{
    for (const struct field *f = o->field; f->key; f++) {
        if (str_is(f->key, key))
            return f;
    }
    return NULL;
}

/* Writes "args" from the table's fields; false: refused. */
static bool take_fields(struct call *c, const struct order *o, const struct json *body,
                        struct json_out *args)
{
    json_begin(args, "args", '{');
    for (const struct json *k = json_first(body); k; k = json_next(k)) {
        const struct field *f = field_of(o, json_key(k));
        const char *fault = f ? field_fault(c, f, k, args) : "is not known here";
        if (f && json_get(body, f->key) != k)
            fault = "is given twice";
        if (fault) {
            refuse_field(c, arena_print(c->arena, "/%s", json_key(k)), fault);
            return false;
        }
    }
    json_end(args, '}');
    for (const struct field *f = o->field; f->key; f++) {
        if (f->required && !json_get(body, f->key)) {
            refuse_field(c, arena_print(c->arena, "/%s", f->key), "is missing");
            return false;
        }
    }
    return true;
}

enum hd_code orders_take(struct call *c, struct hd_error *err)
{
    const struct order *o = c->route->order;
    struct hd_span text = c->body.len ? buf_span(&c->body) : (struct hd_span){"{}", 2};
    JSON_AUTO body = NULL;
    if (json_parse(text, &body, err))
        return call_refuse(c, 400, "bad_json", "the body is not JSON: %s", err->text);
    if (json_type(body) != JSON_OBJECT)
        return call_refuse(c, 400, "bad_json", "the body must be a JSON object");
    if (c->param && strlen(c->param) > HD_NAME_MAX)
        return call_refuse(c, 404, "absent", "no such thing: the name is too long");
    const char *service = o->about == ABOUT_SERVICE ? c->param : NULL;
    if (o->about == ABOUT_BODY && json_get(body, "service"))
        (void)json_text(json_get(body, "service"), "service", &service, NULL);
    buf_clear(&c->packet);
    c->packet = BUF_INIT(HTTP_PACKET_MAX);
    struct json_out out = json_out(&c->packet);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "do", o->what);
    json_put_text(&out, "token", token_of(c));
    json_put_text(&out, "service", service);
    json_put_text(&out, "guard", o->about == ABOUT_GUARD ? c->param : NULL);
    if (!take_fields(c, o, body, &out))
        buf_clear(&c->packet);
    else
        json_end(&out, '}');
    return HD_OK;
}
