/* SPDX-License-Identifier: Apache-2.0
 *
 * What every reply row of every actuator means, and which configurations are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <haldane/actuator.h>

#include "actuators/haproxy/state.h"

#include "../../support/options.h"
#include "../../support/wire.h"

#define TWO "set server shop/a weight 1;set server shop/b weight 1\n"
#define REHEARSAL "set server shop/a weight;set server shop/b weight\n"
#define REQUIRE "Require <weight> or <weight%>.\n\n"

/* Which servers a colour has when its config lists none. */
static void a_server_has_its_colour(void **state)
{
    static const struct {
        const char *colour, *server;
        bool want;
    } row[] = {
        {"blue", "blue", true},   {"blue", "blue1", true},  {"blue", "blue12", true}, {"blue", "blue-1", true},
        {"blue", "blue_2", true}, {"blue", "blue.3", true}, {"blue", "blue1a", false}, {"blue", "bluebird", false},
        {"blue", "blue-", false}, {"blue", "blu", false},   {"v4", "v4", true},        {"v4", "v4-1", true},
        {"v4", "v41", false},     {"v4", "v41-1", false},   {"v41", "v41-2", true},    {"v41", "v412", false},
    };
    const struct haproxy_side side = {.n_servers = 0};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct hd_site site = {.n_sides = 1, .colour = {row[i].colour}, .side = {&side}};
        if (haproxy_belongs(&site, 0, row[i].server) != row[i].want)
            fail_msg("%s of colour %s: not %d", row[i].server, row[i].colour, row[i].want);
    }
}

static const struct {
    const char *name, *actuator;
    enum hd_effect effect;
    const char *sent;
    int32_t status;
    const char *retry_after, *body;
    enum hd_answer want;
    int32_t retry_ms;
    const char *text, *follow;
} replies[] = {
    {"an empty line each", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "\n\n", HD_ANSWER_ACCEPTED, 0,
     NULL, NULL},
    {"one of two", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "\n", HD_ANSWER_CONFLICT, 0,
     "1 of 2 commands were answered", NULL},
    {"nothing", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "", HD_ANSWER_CONFLICT, 0,
     "0 of 2 commands were answered", NULL},
    {"one too many", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "\n\n\n", HD_ANSWER_CONFLICT, 0,
     "3 of 2 commands were answered", NULL},
    {"no such server", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "\nNo such server.\n\n",
     HD_ANSWER_REFUSED, 0, "No such server.", NULL},
    {"static algorithm", "haproxy", HD_EFFECT_SET, TWO, 0, NULL,
     "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n\n\n",
     HD_ANSWER_REFUSED, 0,
     "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.", NULL},
    {"words of a rehearsal after a change", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, REQUIRE REQUIRE,
     HD_ANSWER_REFUSED, 0, "Require <weight> or <weight%>.", NULL},
    {"control characters", "haproxy", HD_EFFECT_SET, TWO, 0, NULL, "\x1b[31mred\n\n",
     HD_ANSWER_REFUSED, 0, "?[31mred", NULL},
    {"rehearsal allowed", "haproxy", HD_EFFECT_READ, REHEARSAL, 0, NULL, REQUIRE REQUIRE,
     HD_ANSWER_ACCEPTED, 0, NULL, NULL},
    {"rehearsal cut short", "haproxy", HD_EFFECT_READ, REHEARSAL, 0, NULL, REQUIRE,
     HD_ANSWER_CONFLICT, 0, "1 of 2 commands were answered", NULL},
    {"rehearsal of a map", "haproxy", HD_EFFECT_READ, "set map /m k\n", 0, NULL,
     "'set map' expects three parameters: map identifier, key and value.\n\n", HD_ANSWER_ACCEPTED,
     0, NULL, NULL},
    {"rehearsal denied", "haproxy", HD_EFFECT_READ, REHEARSAL, 0, NULL,
     REQUIRE "Permission denied\n\n", HD_ANSWER_REFUSED, 0,
     "Permission denied: its `stats socket` line needs `level admin`", NULL},
    {"rehearsal answered like a change", "haproxy", HD_EFFECT_READ, REHEARSAL, 0, NULL, "\n\n",
     HD_ANSWER_REFUSED, 0, "an answer of another shape", NULL},

    {"accepted", "exec", HD_EFFECT_SET, "{}", 0, NULL,
     "{\"answer\":\"accepted\",\"follow\":\"d-1\"}", HD_ANSWER_ACCEPTED, 0, NULL, "d-1"},
    {"retry", "exec", HD_EFFECT_SET, "{}", 0, NULL,
     "{\"answer\":\"retry\",\"retry_ms\":1500,\"text\":\"locked\"}", HD_ANSWER_RETRY, 1500,
     "locked", NULL},
    {"conflict", "exec", HD_EFFECT_SET, "{}", 0, NULL, "{\"answer\":\"conflict\"}",
     HD_ANSWER_CONFLICT, 0, NULL, NULL},
    {"refused", "exec", HD_EFFECT_SET, "{}", 0, NULL, "{\"answer\":\"refused\",\"text\":\"no\"}",
     HD_ANSWER_REFUSED, 0, "no", NULL},
    {"exit status", "exec", HD_EFFECT_SET, "{}", 3, NULL, "{\"answer\":\"accepted\"}",
     HD_ANSWER_CONFLICT, 0, "exit status 3", NULL},
    {"killed", "exec", HD_EFFECT_ONCE, "{}", 137, NULL, "", HD_ANSWER_CONFLICT, 0,
     "exit status 137", NULL},
    {"unknown word", "exec", HD_EFFECT_SET, "{}", 0, NULL, "{\"answer\":\"yes\"}",
     HD_ANSWER_CONFLICT, 0,
     "answer: none of accepted, retry, conflict, refused, or retry_ms out of "
     "range",
     NULL},
    {"negative wait", "exec", HD_EFFECT_SET, "{}", 0, NULL,
     "{\"answer\":\"retry\",\"retry_ms\":-1}", HD_ANSWER_CONFLICT, 0, "*", NULL},
    {"no JSON", "exec", HD_EFFECT_SET, "{}", 0, NULL, "done", HD_ANSWER_CONFLICT, 0, "*", NULL},

    {"200", "webhook", HD_EFFECT_SET, "{}", 200, NULL, "", HD_ANSWER_ACCEPTED, 0, NULL, NULL},
    {"202", "webhook", HD_EFFECT_SET, "{}", 202, NULL, "x", HD_ANSWER_ACCEPTED, 0, NULL, NULL},
    {"302", "webhook", HD_EFFECT_SET, "{}", 302, NULL, "", HD_ANSWER_REFUSED, 0, "HTTP 302", NULL},
    {"400", "webhook", HD_EFFECT_SET, "{}", 400, NULL, "bad \x07 colour\nmore", HD_ANSWER_REFUSED,
     0, "HTTP 400: bad ? colour", NULL},
    {"401", "webhook", HD_EFFECT_SET, "{}", 401, NULL, "", HD_ANSWER_REFUSED, 0, "HTTP 401", NULL},
    {"404", "webhook", HD_EFFECT_SET, "{}", 404, NULL, "", HD_ANSWER_REFUSED, 0, "HTTP 404", NULL},
    {"408", "webhook", HD_EFFECT_SET, "{}", 408, NULL, "", HD_ANSWER_CONFLICT, 0, "HTTP 408", NULL},
    {"409", "webhook", HD_EFFECT_SET, "{}", 409, NULL, "", HD_ANSWER_CONFLICT, 0, "HTTP 409", NULL},
    {"412", "webhook", HD_EFFECT_SET, "{}", 412, NULL, "stale", HD_ANSWER_CONFLICT, 0,
     "HTTP 412: stale", NULL},
    {"429", "webhook", HD_EFFECT_SET, "{}", 429, "7", "", HD_ANSWER_RETRY, 7000, "HTTP 429", NULL},
    {"429 for a day", "webhook", HD_EFFECT_SET, "{}", 429, "86400", "", HD_ANSWER_RETRY, 600000,
     "HTTP 429", NULL},
    {"503 with a date", "webhook", HD_EFFECT_SET, "{}", 503, "Sat, 21 Nov 2026 00:00:00 GMT", "",
     HD_ANSWER_RETRY, 0, "HTTP 503", NULL},
    {"500", "webhook", HD_EFFECT_ONCE, "{}", 500, NULL, "", HD_ANSWER_CONFLICT, 0, "HTTP 500",
     NULL},
};

static void every_reply_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        ARENA_AUTO a = arena_new();
        const struct hd_actuator *act = hd_actuator_find(replies[i].actuator);
        struct hd_site site = {.cfg = opt_fill(a, act->options, act->cfg_size, NULL)};
        struct hd_pair header = {"retry-after", replies[i].retry_after};
        struct hd_request request = {.effect = replies[i].effect,
                                     .body = {replies[i].sent, strlen(replies[i].sent)}};
        struct hd_response response = {
            .status = replies[i].status,
            .headers = &header,
            .n_headers = replies[i].retry_after ? 1 : 0,
            .body = {replies[i].body, strlen(replies[i].body)},
        };
        struct hd_exchange x = {&request, &response};
        struct hd_reply got = {0};
        struct hd_error err = {0};
        if (act->reply(a, &site, &x, &got, &err))
            fail_msg("%s: %s: %s", replies[i].actuator, replies[i].name, err.text);
        bool text = str_is(replies[i].text, "*") ? got.text && *got.text
                                                 : str_is(got.text, replies[i].text);
        if (got.answer != replies[i].want || got.retry_ms != replies[i].retry_ms || !text ||
            !str_is(got.follow, replies[i].follow))
            fail_msg("%s: %s: answer %d retry %d text '%s'", replies[i].actuator, replies[i].name,
                     (int)got.answer, got.retry_ms, got.text ? got.text : "(none)");
    }
}

#define SOCKET                                                                                     \
    {                                                                                              \
        "socket", "/run/a.sock"                                                                    \
    }
#define SHOP                                                                                       \
    {                                                                                              \
        "backend", "shop"                                                                          \
    }
#define URL                                                                                        \
    {"url", "http://r"},                                                                           \
    {                                                                                              \
        "read.path", "/v"                                                                          \
    }
#define WRITE                                                                                      \
    {                                                                                              \
        "write.0.path", "/v"                                                                       \
    }

static const struct {
    const char *name, *actuator;
    struct opt cfg[8], blue[4];
    const char *want; /* part of the message; NULL: accepted */
} configs[] = {
    {"minimal", "haproxy", {SOCKET, SHOP}, {{0}}, NULL},
    {"eight instances", "haproxy", {{"sockets", "/1|/2|/3|/4|/5|/6|/7|/8"}, SHOP}, {{0}}, NULL},
    {"nine instances",
     "haproxy",
     {{"sockets", "/1|/2|/3|/4|/5|/6|/7|/8|/9"}, SHOP},
     {{0}},
     "more than 8"},
    {"twice the same", "haproxy", {{"sockets", "/1|/1"}, SHOP}, {{0}}, "twice"},
    {"neither form", "haproxy", {SOCKET}, {{0}}, "one of them"},
    {"both forms",
     "haproxy",
     {SOCKET, SHOP, {"map.file", "/m"}, {"map.key", "k"}},
     {{0}},
     "one of them"},
    {"map without key", "haproxy", {SOCKET, {"map.file", "/m"}}, {{0}}, "are needed"},
    {"two commands in a backend",
     "haproxy",
     {SOCKET, {"backend", "a;disable server b/c"}},
     {{0}},
     "not a name"},
    {"newline in a key",
     "haproxy",
     {SOCKET, {"map.file", "/m"}, {"map.key", "a\nb"}},
     {{0}},
     "are needed"},
    {"quote in a socket", "haproxy", {{"socket", "/run/a'b"}, SHOP}, {{0}}, "plain characters"},
    {"comma in a socket", "haproxy", {{"socket", "/run/a,exec"}, SHOP}, {{0}}, "plain characters"},
    {"options in an address",
     "haproxy",
     {{"socket", "tcp:h:1,fork"}, SHOP},
     {{0}},
     "plain characters"},
    {"value without map", "haproxy", {SOCKET, SHOP}, {{"value", "x"}}, "go with `map`"},
    {"servers with map",
     "haproxy",
     {SOCKET, {"map.file", "/m"}, {"map.key", "k"}},
     {{"servers", "x"}},
     "goes with `backend`"},
    {"same value",
     "haproxy",
     {SOCKET, {"map.file", "/m"}, {"map.key", "k"}},
     {{"value", "green"}},
     "have the same value"},
    {"odd value",
     "haproxy",
     {SOCKET, {"map.file", "/m"}, {"map.key", "k"}},
     {{"value", "a b"}},
     "not a name"},

    {"minimal", "exec", {{"command", "/bin/true"}}, {{0}}, NULL},
    {"no path", "exec", {{"command", "true"}}, {{0}}, "absolute path"},
    {"no command", "exec", {{0}}, {{0}}, "absolute path"},

    {"minimal", "webhook", {URL, WRITE}, {{0}}, NULL},
    {"no write", "webhook", {URL}, {{0}}, "write: 1 to"},
    {"unknown placeholder",
     "webhook",
     {URL, {"write.0.path", "/{{color}}"}},
     {{0}},
     "{{color}} is not known here; there are: value, from, colour, version, stamp"},
    {"open braces",
     "webhook",
     {URL, WRITE, {"write.0.body", "{\"a\":\"{{value\"}"}},
     {{0}},
     "without '}}'"},
    {"body is no JSON",
     "webhook",
     {URL, WRITE, {"write.0.body", "{\"a\":{{value}}}"}},
     {{0}},
     "write[0].body"},
    {"text is anything",
     "webhook",
     {URL, WRITE, {"write.0.body", "{\"a\":{{value}}}"}, {"write.0.as", "text"}},
     {{0}},
     NULL},
    {"relative path", "webhook", {URL, {"write.0.path", "v"}}, {{0}}, "begins with '/'"},
    {"blank in a path", "webhook", {URL, {"write.0.path", "/v w"}}, {{0}}, "blank or a control"},
    {"line break in a query", "webhook", {URL, {"write.0.path", "/v?a=\n"}}, {{0}}, "blank or a control"},
    {"bad JSON path", "webhook", {URL, WRITE, {"read.value", "a[b"}}, {{0}}, "JSON path"},
    {"same value", "webhook", {URL, WRITE}, {{"value", "green"}}, "have the same value"},
    {"bearer without token", "webhook", {URL, WRITE, {"auth.type", "bearer"}}, {{0}}, "token"},
};

static void configurations_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        ARENA_AUTO a = arena_new();
        const struct hd_actuator *act = hd_actuator_find(configs[i].actuator);
        struct hd_error err = {0};
        struct hd_site site = {
            .cfg = opt_fill(a, act->options, act->cfg_size, configs[i].cfg),
            .n_sides = 2,
            .colour = {"blue", "green"},
            .side = {opt_fill(a, act->side_options, act->side_size, configs[i].blue),
                     opt_fill(a, act->side_options, act->side_size, NULL)},
        };
        enum hd_code code = act->check(&site, &err);
        bool good = configs[i].want ? code == HD_INVALID && strstr(err.text, configs[i].want)
                                    : code == HD_OK;
        if (!good)
            fail_msg("%s: %s: code %d '%s'", configs[i].actuator, configs[i].name, (int)code,
                     err.text);
    }
}

static void registry_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; hd_actuators[i]; i++) {
        const struct hd_actuator *act = hd_actuators[i];
        assert_ptr_equal(hd_actuator_find(act->name), act);
        assert_true(act->summary && act->window && act->options && act->side_options);
        assert_true(act->check && act->observe && act->plan && act->reply && act->side_size > 0);
    }
    assert_null(hd_actuator_find("nginxx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_has_its_answer),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(a_server_has_its_colour),
        cmocka_unit_test(registry_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
