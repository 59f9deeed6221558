/* SPDX-License-Identifier: Apache-2.0
 *
 * See pending.h. Packets are written and read whole (SOCK_SEQPACKET); nothing here ever blocks.
 * Once an order was handed over, a reply never says that nothing happened unless the loop said so.
 */
#include "http/pending.h"

#include "http/http.h"
#include "http/orders.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "json/json.h"

#define ENDED "the guard loop has ended"
#define LOOK "the service's page and /api/v1/guards show what happened"

static void finish(struct pending *p, size_t i)
{
    struct call *c = p->slot[i].call;
    p->slot[i].id = 0;
    p->slot[i].call = NULL;
    p->done(c);
}

void pending_abandon(struct pending *p, const char *why)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    for (size_t i = 0; i < HD_COMMANDS_MAX; i++) {
        if (!p->slot[i].id)
            continue;
        (void)call_refuse(p->slot[i].call, 503, "outcome_unknown",
                          "%s; the outcome of this order is unknown: after the restart " LOOK, why);
        finish(p, i);
    }
}

int64_t pending_expire(struct pending *p, int64_t boot_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < HD_COMMANDS_MAX; i++) {
        if (!p->slot[i].id)
            continue;
        if (p->slot[i].until_ms > boot_ms) {
            next = next < p->slot[i].until_ms ? next : p->slot[i].until_ms;
            continue;
        }
        (void)call_refuse(p->slot[i].call, 504, "outcome_unknown",
                          "the guard loop did not answer in time; it may still carry out this "
                          "order: " LOOK);
        finish(p, i);
    }
    return next;
}

bool pending_send(struct pending *p, struct call *c, int64_t boot_ms)
{
    size_t i = 0;
    while (i < HD_COMMANDS_MAX && p->slot[i].id)
        i++;
    if (p->fd < 0) {
        (void)call_refuse(c, 503, "stopping", ENDED "; nothing was done");
        return false;
    }
    if (i == HD_COMMANDS_MAX) {
        (void)call_refuse(c, 503, "too_many_orders",
                          "%d orders are waiting for the guard loop already; nothing was done",
                          HD_COMMANDS_MAX);
        return false;
    }
    BUF_AUTO packet = BUF_INIT(HTTP_PACKET_MAX);
    buf_print(&packet, "{\"id\":%lld,%s", (long long)p->next_id, buf_at(&c->packet) + 1);
    ssize_t n = packet.full ? -1 : send(p->fd, packet.at, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        if (!packet.full && (errno == EPIPE || errno == ECONNRESET))
            pending_abandon(p, ENDED);
        (void)call_refuse(c, 503, "busy",
                          "the guard loop takes no orders right now; nothing was done");
        return false;
    }
    p->slot[i].id = p->next_id++;
    int64_t patience_ms = orders_patience_ms(c->route->order);
    p->slot[i].until_ms = boot_ms + (patience_ms ? patience_ms : p->timeout_ms);
    p->slot[i].call = c;
    return true;
}

static void copy_value(struct json_out *o, const char *key, const struct json *j)
{
    const char *text = NULL;
    double number = 0;
    bool yes = false;
    switch (json_type(j)) {
    case JSON_OBJECT:
    case JSON_ARRAY: {
        bool object = json_type(j) == JSON_OBJECT;
        json_begin(o, key, object ? '{' : '[');
        for (const struct json *k = json_first(j); k; k = json_next(k))
            copy_value(o, object ? json_key(k) : NULL, k);
        json_end(o, object ? '}' : ']');
        break;
    }
    case JSON_STRING:
        (void)json_text(j, "", &text, NULL);
        json_put_text(o, key, text);
        break;
    case JSON_NUMBER:
        (void)json_double(j, "", &number, NULL);
        json_put_double(o, key, number);
        break;
    case JSON_BOOL:
        (void)json_bool(j, "", &yes, NULL);
        json_put_bool(o, key, yes);
        break;
    case JSON_NULL:
        json_put_null(o, key);
        break;
    }
}

/* The loop's refusal, completed to a problem document. */
static void problem_of(struct call *c, unsigned status, const struct json *body)
{
    static const char *const ours[] = {"type", "title",  "status",    "instance",
                                       "code", "detail", "retryable", NULL};
    const char *code = "refused", *detail = "the guard loop refused this order";
    bool retryable = call_status_retryable(status);
    if (json_get(body, "code"))
        (void)json_text(json_get(body, "code"), "code", &code, NULL);
    if (json_get(body, "detail"))
        (void)json_text(json_get(body, "detail"), "detail", &detail, NULL);
    if (json_get(body, "retryable"))
        (void)json_bool(json_get(body, "retryable"), "retryable", &retryable, NULL);
    struct json_out o = call_begin_problem(c, status, code, detail, retryable);
    bool object = body && json_type(body) == JSON_OBJECT;
    for (const struct json *k = object ? json_first(body) : NULL; k; k = json_next(k)) {
        bool known = false;
        for (const char *const *w = ours; *w; w++)
            known = known || str_is(*w, json_key(k));
        if (!known)
            copy_value(&o, json_key(k), k);
    }
    json_end(&o, '}');
}

static void answer(struct call *c, const struct json *j)
{
    int64_t status = 0;
    const char *location = NULL;
    const struct json *body = json_get(j, "body");
    if (json_i64(json_get(j, "status"), "status", &status, NULL) || status < 200 || status > 599) {
        log_error("http", "an answer of the guard loop has no status");
        (void)call_refuse(c, 500, "outcome_unknown",
                          "the guard loop's answer cannot be read; " LOOK);
        return;
    }
    if (c->taken) {
        c->taken(c, (unsigned)status, body);
        return;
    }
    if (status >= 400) {
        problem_of(c, (unsigned)status, body);
        return;
    }
    struct json_out o = json_out(call_answer(c, (unsigned)status, CALL_JSON));
    if (body)
        copy_value(&o, NULL, body);
    else
        buf_text(o.to, "{}");
    if (json_get(j, "location") &&
        !json_text(json_get(j, "location"), "location", &location, NULL) &&
        !strpbrk(location, "\r\n"))
        c->reply.location = arena_text(c->arena, location);
}

static void take(struct pending *p, struct hd_span packet)
{
    struct hd_error err;
    JSON_AUTO j = NULL;
    int64_t id;
    if (json_parse(packet, &j, &err) || json_i64(json_get(j, "id"), "id", &id, &err)) {
        log_error("http", "an answer of the guard loop is not readable: %s", err.text);
        return;
    }
    for (size_t i = 0; i < HD_COMMANDS_MAX && id > 0; i++) {
        if (p->slot[i].id == id) {
            answer(p->slot[i].call, j);
            finish(p, i);
            return;
        }
    }
    log_info("http", "the guard loop answered order %lld too late", (long long)id);
}

void pending_receive(struct pending *p)
{
    static _Thread_local char packet[HTTP_PACKET_MAX + 1];
    /* At most a table of answers at a time, so that a talkative peer cannot hold the thread. */
    for (int i = 0; i < HD_COMMANDS_MAX && p->fd >= 0; i++) {
        ssize_t n = recv(p->fd, packet, sizeof packet, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            pending_abandon(p, ENDED);
            return;
        }
        if (n > HTTP_PACKET_MAX) {
            log_error("http", "an answer of the guard loop is too large");
            continue;
        }
        packet[n] = '\0';
        take(p, (struct hd_span){packet, (size_t)n});
    }
}
