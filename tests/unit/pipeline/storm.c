/* SPDX-License-Identifier: Apache-2.0
 *
 * Reloads, restarts, clock jumps, orders, a store that goes and comes, a router and a pager of changing mind, all at once.
 * When it is quiet again every order has its answer, and every change of traffic its end (I3). What the simulation does
 * not do: the configuration changes all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define STORMS 12
#define STEPS 250
#define N_SERVICES 3

static uint64_t chance_state;
static unsigned asked, at_once;
static bool calm, away; /* away: the store, which cannot commit then */
static const char *live[N_SERVICES];
static const char *const names[N_SERVICES] = {"shop", "cart", "pay"}, *const colours[] = {"blue", "green", "red"};

static uint64_t draw(uint64_t n) /* xorshift64* */
{
    chance_state ^= chance_state >> 12;
    chance_state ^= chance_state << 25;
    chance_state ^= chance_state >> 27;
    return (chance_state * 0x2545F4914F6CDD1DULL >> 33) % n;
}

/* Any of the services, any order of the colours, any mode. */
static const char *yaml(struct hd_arena *a)
{
    static const char *const sides[] = {"blue, green", "green, blue", "green, red, blue", "blue, red"};
    static const char *const more[] = {"", "    mode: advise\n", "    approval: {by: [admin], within: 30s}\n",
                                       "    guard: {cooldown: 0s, duration: 3m}\n"};
    BUF_AUTO b = BUF_INIT(8000);
    buf_text(&b, "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n");
    if (draw(4))
        buf_text(&b, "notifiers: {oncall: {type: webhook, url: \"http://c/hook\", page: true}}\n");
    buf_text(&b, "services:\n");
    uint64_t present = draw((1u << N_SERVICES) - 1) + 1;
    for (unsigned i = 0; i < N_SERVICES; i++) {
        if (present >> i & 1)
            buf_print(&b,
                      "  %s:\n    colours: [%s]\n    target: {trust: true}\n"
                      "    actuator: {type: webhook, url: \"http://r\", kind: %s, read: {path: /route%u, value: $.live,"
                      " ready: $.ready, wanted: $.wanted}, write: [{path: /write%u, body: '{\"to\": \"{{value}}\"}'}%s]}\n"
                      "    checks: [{use: http-5xx-ratio, max: 1%%}]\n    verify: {timeout: 10s}\n%s",
                      names[i], sides[draw(4)], draw(2) ? "set" : "once", i, i,
                      draw(2) ? "" : ", {path: /nothing, body: '{}'}", more[draw(4)]);
    }
    return arena_text(a, buf_at(&b));
}

static void answer_one(struct world *w, size_t i)
{
    static const enum hd_io bad[] = {HD_IO_NOT_SENT, HD_IO_LOST, HD_IO_TIMEOUT};
    const struct hd_request *r = w->call[i].request;
    const char *path = r->u.http.path;
    char body[200] = "{}";
    if (!calm && !draw(12)) {
        reply(w, i, bad[draw(3)], 0, "");
        return;
    }
    if (!calm && !draw(12)) {
        reply(w, i, HD_IO_OK, draw(2) ? 503 : 409, "no");
        return;
    }
    if (str_begins(path, "/write") && (calm || draw(5))) {
        for (size_t k = 0; k < 3; k++) {
            if (strstr(r->body.at, colours[k]))
                live[path[6] - '0'] = colours[k];
        }
    } else if (str_begins(path, "/route")) {
        (void)snprintf(body, sizeof body, "{\"live\":\"%s\",\"ready\":%llu,\"wanted\":3}", live[path[6] - '0'],
                       calm ? 3ull : (unsigned long long)draw(4));
    } else if (str_begins(path, "/api")) {
        reply(w, i, HD_IO_OK, 503, "");
        return;
    }
    reply(w, i, HD_IO_OK, 200, body);
}

static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        if (is_child(&w->call[i]) || (!calm && draw(3) == 0))
            i++;
        else
            answer_one(w, i);
    }
}

static void give_order(struct world *w)
{
    static const struct {
        const char *what, *args;
        bool service; /* the face knows no such order about a guard */
    } orders[] = {
        {"guard", "\"to\":\"green\",\"version\":\"v1\"", true}, {"guard", "\"to\":\"green\",\"version\":\"v2\"", true},
        {"guard", "\"to\":\"blue\",\"duration_ms\":600000", true}, {"guard", "", true}, {"revert", "\"reason\":\"x\""},
        {"revert", "\"reason\":\"x\",\"to\":\"blue\""}, {"revert", "\"reason\":\"x\",\"to\":\"red\""},
        {"hold", "\"reason\":\"x\",\"duration_ms\":20000"}, {"release", ""}, {"rearm", "\"reason\":\"x\""},
        {"drill", "", true}, {"cancel", "\"reason\":\"x\""}, {"approve", "\"decision\":\"approve\",\"reason\":\"x\""},
        {"approve", "\"decision\":\"reject\",\"reason\":\"x\""}, {"change", "\"mode\":\"advise\""},
        {"acknowledge", "\"reason\":\"x\""},
        {"alerts", "\"what\":\"fail\",\"alerts\":[{\"fingerprint\":\"f\",\"name\":\"n\",\"starts_ms\":1995220000000,"
                   "\"firing\":true}]", true},
        {"analyse", "\"candidate\":\"green\",\"stable\":\"blue\"", true},
    };
    size_t k = draw(sizeof orders / sizeof *orders);
    const char *service = names[draw(N_SERVICES)], *id = NULL;
    const struct service *s = service_find(w->p, service);
    if (s && s->guard && !orders[k].service && draw(2))
        id = s->guard->row.id;
    BUF_AUTO packet = BUF_INIT(1000);
    BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
    buf_print(&packet, "{\"id\":1,\"do\":\"%s\",\"token\":\"admin\",\"service\":%s%s%s,\"guard\":%s%s%s,\"args\":{%s}}",
              orders[k].what, id ? "null" : "\"", id ? "" : service, id ? "" : "\"", id ? "\"" : "null", id ? id : "",
              id ? "\"" : "", orders[k].args);
    pipeline_command(w->p, w->now, buf_span(&packet), &answer);
    asked++;
    at_once += answer.len > 0;
}

static void move_store(struct world *w, bool to)
{
    char other[100];
    (void)snprintf(other, sizeof other, "%s.away", w->f.path);
    if (to != away)
        assert_int_equal(rename(to ? w->f.path : other, to ? other : w->f.path), 0);
    away = to;
}

static void step(struct world *w)
{
    switch (draw(13)) {
    case 0: {
        struct config *old = w->config;
        w->config = config_of(w, yaml(w->f.arena));
        pipeline_reload(w->p, w->now, w->config);
        config_unref(old);
        break;
    }
    case 1:
        if (draw(4))
            break;
        asked -= asked - at_once - w->n_later; /* who waits is cut off */
        move_store(w, false);
        w->p = pipeline_free(w->p);
        start(w);
        break;
    case 12:
        move_store(w, !away && draw(2));
        break;
    case 2:
        w->now.wall_ms += draw(4) ? 0 : (int64_t)draw(7200000) - 3600000;
        break;
    case 3:
    case 4:
        live[draw(N_SERVICES)] = colours[draw(3)];
        break;
    case 5:
    case 6:
    case 7:
        for (uint64_t n = draw(3); n <= 2; n++)
            give_order(w);
        break;
    default:
        break;
    }
    int64_t ms = (int64_t)draw(3000);
    w->now.wall_ms += ms;
    w->now.boot_ms += ms;
    (void)pipeline_tick(w->p, w->now);
    if (draw(4))
        answer(w);
    if (draw(2))
        (void)pipeline_tick(w->p, w->now);
}

static void I3_after_the_storm(void **state)
{
    (void)state;
    const char *only = getenv("STORM");
    for (unsigned i = only ? (unsigned)atoi(only) : 1; i <= (only ? (unsigned)atoi(only) : STORMS); i++) {
        struct hd_arena *a = arena_new();
        struct store_intent *open;
        size_t n;
        chance_state = i * 0x9E3779B97F4A7C15u;
        asked = at_once = 0;
        calm = false;
        for (size_t k = 0; k < N_SERVICES; k++)
            live[k] = "blue";
        struct world *w = world_new(yaml(a), answer);
        arena_free(a);
        for (unsigned k = 0; k < STEPS; k++)
            step(w);
        calm = true;
        move_store(w, false);
        pass(w, 60);
        OK(&w->f, store_intents(w->f.s, w->f.arena, NULL, &open, &n, &w->f.err));
        for (size_t k = 0; k < w->p->n_services; k++) {
            const struct service *s = w->p->services[k];
            if (s->guard && act_busy(s->guard))
                fail_msg("storm %u: %s is still %s", i, s->name, hd_state_word(s->guard->row.state));
        }
        if (n || asked != at_once + w->n_later)
            fail_msg("storm %u: %zu intents are open; %u orders, %u answers", i, n, asked, at_once + w->n_later);
        void *s = w;
        (void)teardown(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(I3_after_the_storm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
