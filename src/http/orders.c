/* SPDX-License-Identifier: Apache-2.0
 *
 * The orders a POST can give, as tables: fields, types, lengths. Whoever may give them is decided
 * by the loop; here only a body (JSON, or a page's form) that is not what the table says is refused.
 */
#include "http/orders.h"

#include <string.h>

#include "base/str.h"
#include "http/form.h"
#include "http/html.h"
#include "http/http.h"
#include "json/json.h"

enum field_type {
    FIELD_TEXT, FIELD_NAME, FIELD_DURATION, FIELD_TIME, FIELD_FLAG, FIELD_CHANGE, FIELD_GLOBS
};

struct field {
    const char *key;
    enum field_type type;
    bool required;
    const char *arg; /* in the packet; NULL: the key, of a duration duration_ms */
};

struct order {
    const char *what;                                                   /* the word in the packet */
    /* BODY: its "service" · NAME: the path's segment is the argument "name" */
    enum { ABOUT_FLEET, ABOUT_SERVICE, ABOUT_GUARD, ABOUT_BODY, ABOUT_NAME } about;
    struct field field[12]; /* ends with a row without key */
    int64_t patience_ms;   /* 0: as any order */
    bool keyed;            /* needs an Idempotency-Key: given twice, it must not happen twice */
};

#define REASON {"reason", FIELD_TEXT, true}
#define REASON_OR_NOT {"reason", FIELD_TEXT, false}
#define HOLD {REASON, {"for", FIELD_DURATION, true}, {"actor", FIELD_TEXT, false}}

/* clang-format off */
const struct order
    order_guard = {"guard", ABOUT_BODY,
        {{"service", FIELD_NAME, true}, {"to", FIELD_NAME, false}, {"from", FIELD_NAME, false},
         {"group", FIELD_NAME, false}, {"change", FIELD_CHANGE, false},
         {"duration", FIELD_DURATION, false}, {"mode", FIELD_NAME, false},
         {"rollback_safe", FIELD_FLAG, false}}},
    order_guard_revert = {"revert", ABOUT_GUARD, {{"to", FIELD_NAME, false}, REASON}, .keyed = true},
    order_guard_hold = {"hold", ABOUT_GUARD, HOLD, .keyed = true},
    order_guard_release = {"release", ABOUT_GUARD, {REASON_OR_NOT}, .keyed = true},
    order_guard_cancel = {"cancel", ABOUT_GUARD, {REASON}, .keyed = true},
    order_guard_rearm = {"rearm", ABOUT_GUARD, {{"colour", FIELD_NAME, false}, REASON}, .keyed = true},
    order_guard_change = {"change", ABOUT_GUARD,
        {{"extend", FIELD_DURATION, false}, {"mode", FIELD_NAME, false}, {"note", FIELD_TEXT, false},
         REASON_OR_NOT}},
    order_guard_mark = {"mark", ABOUT_GUARD,
        {{"verdict", FIELD_NAME, true}, REASON_OR_NOT, {"actor", FIELD_TEXT, false}}},
    order_guard_acknowledge = {"acknowledge", ABOUT_GUARD, {REASON_OR_NOT}},
    order_service_hold = {"hold", ABOUT_SERVICE, HOLD},
    order_service_release = {"release", ABOUT_SERVICE, {REASON_OR_NOT}},
    order_service_rearm = {"rearm", ABOUT_SERVICE, {{"colour", FIELD_NAME, false}, REASON}},
    order_service_revert = {"revert", ABOUT_SERVICE, {{"to", FIELD_NAME, false}, REASON}},
    /* of a page, whose form is flat */
    order_service_guard = {"guard", ABOUT_SERVICE,
        {{"to", FIELD_NAME, false}, {"from", FIELD_NAME, false}, {"version", FIELD_NAME, false},
         {"commit", FIELD_NAME, false}}},
    order_service_drill = {"drill", ABOUT_SERVICE, {{"to", FIELD_NAME, false}}},
    order_fleet_hold = {"hold", ABOUT_FLEET, HOLD},
    order_hold_release = {"release_hold", ABOUT_NAME, {REASON_OR_NOT}},
    order_fleet_release = {"release", ABOUT_FLEET, {REASON_OR_NOT}},
    order_reload = {"reload", ABOUT_FLEET, {{0}}},
    order_doctor = {"doctor", ABOUT_FLEET, {{0}}, .patience_ms = HD_DOCTOR_MS + HD_COMMAND_MS},
    order_replay = {"", ABOUT_FLEET, {{"guard", FIELD_NAME, true}}}, /* ends with its fields: tries.c */
    order_token = {"token", ABOUT_FLEET,
        {{"name", FIELD_NAME, true}, {"role", FIELD_NAME, true}, {"services", FIELD_GLOBS, false},
         {"for", FIELD_DURATION, false}}},
    order_token_revoke = {"revoke_token", ABOUT_NAME, {{0}}},
    order_login = {"login", ABOUT_FLEET, {{0}}},
    order_logout = {"logout", ABOUT_FLEET, {{0}}},
    order_analysis = {"analyse", ABOUT_BODY,
        {{"service", FIELD_NAME, true}, {"candidate", FIELD_NAME, false},
         {"stable", FIELD_NAME, false}, {"candidate_label", FIELD_TEXT, false},
         {"stable_label", FIELD_TEXT, false}, {"run", FIELD_TEXT, false},
         {"ttl", FIELD_DURATION, false, "ttl_ms"}, {"duration", FIELD_DURATION, false},
         {"interval", FIELD_DURATION, false, "interval_ms"}, {"from", FIELD_TIME, false, "from_ms"},
         {"to", FIELD_TIME, false, "to_ms"}}},
    order_approval = {"approve", ABOUT_GUARD, {{"decision", FIELD_NAME, true}, REASON}},
    /* another tool's wire format: its handler makes the packet */
    order_compat = {"", ABOUT_FLEET, {{0}}};
/* clang-format on */

/* --- body --- */

static void refuse_field(struct call *c, const char *pointer, const char *detail)
{
    (void)call_refuse(c, 422, "bad_field", "%s: %s", pointer, detail);
    struct buf *b = &c->reply.body;
    if (!str_is(c->reply.type, CALL_PROBLEM)) /* a page: its sentence says all */
        return;
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
    if (!(*ret)[strspn(*ret, " \t\r\n")])
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
        const char *fault = json_get(j, *w) != k ? "is given twice" : text_fault(c, k, HD_TEXT_MAX, &text);
        if (fault)
            return arena_print(c->arena, "%s %s", *w, fault);
        if (str_is(*w, "url") && !str_begins(text, "https://") && !str_begins(text, "http://"))
            return "url must begin with https:// or http://";
        json_put_text(args, *w, text);
    }
    return NULL;
}

/* Becomes one text, with commas. */
static const char *globs_fault(const struct call *c, const char *key, const struct json *j,
                               struct json_out *args)
{
    BUF_AUTO list = BUF_INIT(HD_TEXT_MAX);
    if (json_type(j) != JSON_ARRAY || !json_first(j))
        return "must be a list of globs";
    for (const struct json *k = json_first(j); k; k = json_next(k)) {
        const char *text;
        const char *fault = text_fault(c, k, HD_NAME_MAX, &text);
        if (fault || strchr(text, ','))
            return "must be a list of globs without commas";
        buf_print(&list, "%s%s", list.len ? "," : "", text);
    }
    if (list.full)
        return "is too long";
    json_put_text(args, key, buf_at(&list));
    return NULL;
}

/* A page's form has only texts. */
static const char *flag_fault(const struct call *c, const char *key, const struct json *j,
                              struct json_out *args)
{
    const char *text = NULL;
    bool yes = false;
    if (c->form && !json_text(j, "", &text, NULL) && (str_is(text, "true") || str_is(text, "false")))
        yes = str_is(text, "true");
    else if (json_bool(j, "", &yes, NULL))
        return "must be true or false";
    json_put_bool(args, key, yes);
    return NULL;
}

static const char *field_fault(const struct call *c, const struct field *f, const struct json *j,
                               struct json_out *args)
{
    if (f->type == FIELD_CHANGE)
        return change_fault(c, j, args);
    if (f->type == FIELD_GLOBS)
        return globs_fault(c, f->key, j, args);
    if (f->type == FIELD_FLAG)
        return flag_fault(c, f->key, j, args);
    const char *text;
    int64_t ms;
    const char *fault = text_fault(c, j, f->type == FIELD_TEXT ? HD_TEXT_MAX : HD_NAME_MAX, &text);
    if (fault)
        return fault;
    if (f->type == FIELD_DURATION) {
        if (!str_read_duration(text, &ms) || ms <= 0)
            return "must be a duration like 30m or 1h30m";
        json_put_i64(args, f->arg ? f->arg : "duration_ms", ms);
    } else if (f->type == FIELD_TIME) {
        if (!str_read_time(text, &ms))
            return "must be a time like 2026-11-20T03:00:00Z";
        json_put_i64(args, f->arg, ms);
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

/* What the client saw: the guard's ETag, or on a page's form its state. False: refused. */
static bool put_seen(struct call *c, const struct order *o, struct json_out *args)
{
    const char *etag = call_header(c, "If-Match"), *state = call_form(c, "seen");
    if (o == &order_guard_change && !(etag && *etag) && !c->form)
        (void)call_refuse(c, 428, "no_if_match", "send If-Match with the guard's ETag, or with *");
    else if (etag && strlen(etag) > HD_NAME_MAX)
        (void)call_refuse(c, 412, "changed", "the guard has changed since");
    else if (etag)
        json_put_text(args, "if_match", etag);
    if (state && strlen(state) <= HD_NAME_MAX)
        json_put_text(args, "if_state", state);
    return c->reply.status == 0;
}

/* Writes "args" from the table's fields; false: refused. */
static bool take_fields(struct call *c, const struct order *o, const struct json *body,
                        struct json_out *args)
{
    json_begin(args, "args", '{');
    if (o->about == ABOUT_NAME)
        json_put_text(args, "name", c->param);
    if (!put_seen(c, o, args))
        return false;
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

/* A page's form as the JSON that the API would have got; what was left empty was not given. */
static void form_json(const struct call *c, struct buf *to)
{
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '{');
    for (size_t i = 0; i < c->form->n; i++) {
        const char *key = c->form->field[i].key, *value = c->form->field[i].value;
        if (*value && field_of(c->route->order, key))
            json_put_text(&o, key, value);
    }
    json_end(&o, '}');
}

/* Of the header (a text with or without quotes), or of a page's form. False: refused. */
static bool take_key(struct call *c, const struct order *o, const char **ret)
{
    const char *text = c->form ? form_get(c->form, "key") : call_header(c, "Idempotency-Key");
    size_t n = text ? strlen(text) : 0;
    bool quoted = n > 1 && text[0] == '"' && text[n - 1] == '"';
    const char *key = quoted ? arena_text_n(c->arena, text + 1, n - 2) : text;
    *ret = key;
    if (!key && (!o->keyed || c->form))
        return true;
    if (!key)
        (void)call_refuse(c, 400, "no_key",
                          "send an Idempotency-Key of your own making, and the same one again "
                          "should you have to repeat the order");
    else if (!*key || strlen(key) > HD_KEY_MAX || strpbrk(key, "\"\\ "))
        (void)call_refuse(c, 400, "bad_key", "an Idempotency-Key has 1 to %d visible characters",
                          HD_KEY_MAX);
    return c->reply.status == 0;
}

static void put_packet(struct call *c, const struct order *o, const struct json *body)
{
    const char *key;
    if (!take_key(c, o, &key))
        return;
    const char *service = o->about == ABOUT_SERVICE ? c->param : NULL;
    if (o->about == ABOUT_BODY && json_get(body, "service"))
        (void)json_text(json_get(body, "service"), "service", &service, NULL);
    buf_clear(&c->packet);
    c->packet = BUF_INIT(HTTP_PACKET_MAX);
    struct json_out out = json_out(&c->packet);
    json_begin(&out, NULL, '{');
    if (key)
        json_put_text(&out, "key", key);
    json_put_text(&out, "do", o->what);
    json_put_text(&out, "token", c->secret);
    json_put_text(&out, "service", service);
    json_put_text(&out, "guard", o->about == ABOUT_GUARD ? c->param : NULL);
    if (!take_fields(c, o, body, &out))
        buf_clear(&c->packet);
    else
        json_end(&out, '}');
}

enum hd_code orders_take(struct call *c, struct hd_error *err)
{
    BUF_AUTO form = BUF_INIT(HD_BODY_BYTES_MAX);
    struct hd_span text = c->body.len ? buf_span(&c->body) : (struct hd_span){"{}", 2};
    JSON_AUTO body = NULL;
    if (c->form) {
        form_json(c, &form);
        text = buf_span(&form);
    }
    if (json_parse(text, &body, err))
        return call_refuse(c, 400, "bad_json", "the body is not JSON: %s", err->text);
    if (json_type(body) != JSON_OBJECT)
        return call_refuse(c, 400, "bad_json", "the body must be a JSON object");
    if (c->param && strlen(c->param) > HD_NAME_MAX)
        return call_refuse(c, 404, "absent", "no such thing: the name is too long");
    if (c->route->needs & ROUTE_HTML && !c->taken)
        c->taken = orders_page;
    put_packet(c, c->route->order, body);
    return HD_OK;
}

void orders_page(struct call *c, unsigned status, const struct json *body)
{
    const struct order *o = c->route->order;
    const char *detail = "the guard loop refused this order", *id = NULL;
    if (json_get(body, "detail"))
        (void)json_text(json_get(body, "detail"), "detail", &detail, NULL);
    if (status >= 400) {
        (void)call_refuse(c, status, "refused", "%s", detail);
        return;
    }
    if (json_get(body, "id"))
        (void)json_text(json_get(body, "id"), "id", &id, NULL);
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    buf_text(&b, id || o->about == ABOUT_GUARD ? "/g/" : o->about == ABOUT_SERVICE ? "/s/" : "/");
    if (id || o->about == ABOUT_GUARD || o->about == ABOUT_SERVICE)
        html_segment(&b, id ? id : c->param);
    (void)call_redirect(c, buf_at(&b));
}

/* --- description --- */

bool orders_need_key(const struct order *o)
{
    return o->keyed;
}

int64_t orders_patience_ms(const struct order *o)
{
    return o ? o->patience_ms : 0;
}

static void describe_field(const struct field *f, struct json_out *out)
{
    static const struct {
        const char *type;
        int max;
    } of[] = {[FIELD_TEXT] = {"string", HD_TEXT_MAX},
              [FIELD_NAME] = {"string", HD_NAME_MAX},
              [FIELD_DURATION] = {"string", HD_NAME_MAX},
              [FIELD_TIME] = {"string", HD_NAME_MAX},
              [FIELD_FLAG] = {"boolean", 0},
              [FIELD_CHANGE] = {"object", 0},
              [FIELD_GLOBS] = {"array", 0}};
    json_begin(out, f->key, '{');
    json_put_text(out, "type", of[f->type].type);
    if (of[f->type].max) {
        json_put_i64(out, "minLength", 1);
        json_put_i64(out, "maxLength", of[f->type].max);
    }
    if (f->type == FIELD_TIME)
        json_put_text(out, "format", "date-time");
    if (f->type == FIELD_DURATION)
        json_put_text(out, "pattern", "^([0-9]+(ms|s|m|h|d))+$");
    if (f->type == FIELD_GLOBS) {
        json_begin(out, "items", '{');
        json_put_text(out, "type", "string");
        json_end(out, '}');
    }
    json_end(out, '}');
}

void orders_describe(const struct order *o, struct json_out *out)
{
    bool needed = false;
    json_begin(out, "requestBody", '{');
    json_begin(out, "content", '{');
    json_begin(out, CALL_JSON, '{');
    json_begin(out, "schema", '{');
    json_put_text(out, "type", "object");
    json_put_bool(out, "additionalProperties", false);
    json_begin(out, "properties", '{');
    for (const struct field *f = o->field; f->key; f++)
        describe_field(f, out);
    json_end(out, '}');
    json_begin(out, "required", '[');
    for (const struct field *f = o->field; f->key; f++) {
        if (f->required)
            json_put_text(out, NULL, f->key);
        needed |= f->required;
    }
    json_end(out, ']');
    json_end(out, '}');
    json_end(out, '}');
    json_end(out, '}');
    json_put_bool(out, "required", needed);
    json_end(out, '}');
}
