/* SPDX-License-Identifier: Apache-2.0
 *
 * Any target and body through the real routes and handlers, over a store that has something to tell,
 * and any answer of the guard loop to the orders that come of it. Input:
 *
 *     POST /api/v1/holds hld_secret
 *     "status":201,"body":{"ok":true}}
 *     {"reason":"...","for":"1h"}
 *
 * Every request gets one reply, JSON where it says so; a GET orders nothing; an order is one JSON
 * packet of a bounded size with the sender's secret in it.
 */
#include <microhttpd.h>
#include <sys/socket.h>

#include "../unit/http/sample.h"
#include "base/str.h"
#include "http/call.h"
#include "http/form.h"
#include "http/limit.h"
#include "http/orders.h"
#include "http/pending.h"
#include "http/who.h"

#include "fuzz.h"

#define NOW_MS INT64_C(1795000000000)

static struct store *reader(void)
{
    static struct store *s;
    char dir[100], path[120];
    struct hd_error err;
    if (s)
        return s;
    sample_make(dir, path);
    sample_fill(path, SAMPLE_WITH_HOSTILE, NOW_MS);
    sample_ok(store_open_reader(path, &s, &err), &err);
    sample_drop(dir, path); /* it is open */
    return s;
}

static void done(struct call *c) { c->connection = NULL; }

static void must_be_json(const struct buf *text)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    MUST(!json_parse(buf_span(text), &j, &err));
}

static void check_reply(const struct call *c)
{
    const struct reply *r = &c->reply;
    MUST(r->status >= 200 && r->status < 600);
    if (r->type && (str_is(r->type, CALL_JSON) || str_is(r->type, CALL_PROBLEM)))
        must_be_json(&r->body);
    if (r->type && str_is(r->type, CALL_HTML))
        MUST(!strstr(buf_at(&r->body), "<script>alert")); /* of the hostile texts */
    MUST(!r->location || fuzz_plain(r->location));
    MUST(!r->cookie || fuzz_plain(r->cookie));
    MUST(!r->etag || fuzz_plain(r->etag));
}

/* The order goes to the loop, and `answer` comes back. */
static void hand_on(struct call *c, const char *answer)
{
    static char packet[HTTP_PACKET_MAX + 1];
    struct pending p = {.timeout_ms = 1000, .next_id = 1, .done = done};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
        abort();
    p.fd = pair[0];
    if (pending_send(&p, c, 1)) {
        ssize_t n = recv(pair[1], packet, HTTP_PACKET_MAX, 0);
        MUST(n > 0);
        JSON_AUTO j = NULL;
        struct hd_error err;
        int64_t id;
        MUST(!json_parse((struct hd_span){packet, (size_t)n}, &j, &err));
        MUST(!json_i64(json_get(j, "id"), "id", &id, &err) && json_get(j, "do") && json_get(j, "args"));
        int len = snprintf(packet, sizeof packet, "{\"id\":%lld,%s", (long long)id, answer);
        if (len > 0 && (size_t)len < HTTP_PACKET_MAX)
            (void)send(pair[1], packet, (size_t)len, 0);
        pending_receive(&p);
        if (p.slot[0].id)
            pending_abandon(&p, "the test has ended");
    }
    if (p.fd >= 0)
        (void)close(p.fd);
    (void)close(pair[1]);
}

static void run(struct call *c, const char *answer)
{
    struct hd_error err = {0};
    struct form form;
    bool order = !str_is(c->route->method, "GET");
    if (order && !c->secret && c->route->order && !(c->route->needs & ROUTE_OPEN))
        return; /* frame_refuse has refused it */
    if (order && c->route->needs & ROUTE_HTML) {
        if (form_parse(c->arena, buf_span(&c->body), &form, &err))
            return;
        c->form = &form;
    }
    if (c->route->needs & (ROUTE_STORE | ROUTE_PROBE)) {
        c->store = reader();
        MUST(!store_begin(c->store, &err));
    }
    enum hd_code code = c->route->run(c, &err);
    if (code) {
        MUST(*err.text);
        call_fail(c, &err);
    }
    if (c->store)
        store_rollback(c->store);
    MUST(c->reply.status || c->packet.len);
    MUST(order || !c->packet.len);
    if (!c->reply.status)
        hand_on(c, answer);
    check_reply(c);
}

static void visit(const char *method, char *target, const char *secret, const char *answer, struct fuzz *body)
{
    static struct metric *tick, *lost;
    static struct limits limits;
    const char *allow;
    tick = tick ? tick : metric_get("fuzz_tick", METRIC_GAUGE, "", "");
    lost = lost ? lost : metric_get("fuzz_lost", METRIC_GAUGE, "", "");
    metric_set(tick, (double)NOW_MS / 1000);
    struct face_facts facts = {.public_url = "http://haldane.test", .limits = &limits, .tick = tick, .ready = tick,
                               .lost = lost};
    struct call c = {.facts = &facts, .arena = arena_new(), .now_ms = NOW_MS, .body = BUF_INIT(HD_BODY_BYTES_MAX)};
    if (!form_target_fault(target)) {
        target[strcspn(target, "?")] = '\0';
        (void)MHD_http_unescape(target);
        c.path = arena_text(c.arena, target);
        c.secret = who_is_secret(secret) ? arena_text(c.arena, secret) : NULL;
        buf_add(&c.body, body->at, body->left);
        who_take_path(&c);
        if (route_find(c.arena, method, c.path, &c.route, &c.param, &allow) == ROUTE_FOUND)
            run(&c, answer);
    }
    buf_clear(&c.body);
    buf_clear(&c.packet);
    buf_clear(&c.reply.body);
    (void)arena_free(c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {data, size};
    char *line = fuzz_line(&f), *answer = fuzz_line(&f), *save;
    char *method = strtok_r(line, " ", &save), *target = strtok_r(NULL, " ", &save);
    char *secret = strtok_r(NULL, " ", &save);
    if (target)
        visit(method, target, secret ? secret : "", answer, &f);
    free(line);
    free(answer);
    return 0;
}
