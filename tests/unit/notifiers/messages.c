/* SPDX-License-Identifier: Apache-2.0
 *
 * What every notifier sends, byte by byte against golden files; what replies mean; which
 * configurations are refused. The alerts of alertmanager/ were taken by a real Alertmanager 0.25
 * (tests/scenario/alertmanager_live.py sends them again).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <haldane/notifier.h>

#include "../../support/options.h"
#include "../../support/wire.h"
#include "json/json.h"

#define AT 1795219200000 /* 2026-11-21T00:00:00Z */
#define ACT                                                                                        \
    .seq = 42, .service = "shop", .guard = "01JD0000000000000000000000", .state = "not_verified",  \
    .headline = "shop: the revert to blue is not verified",                                        \
    .body = "5xx ratio 4.1 % > 1 % on green.\nHAProxy refused: Permission denied",                 \
    .native = "echo 'set server shop/blue1 weight 100' | socat stdio unix-connect:/run/a.sock",    \
    .url = "https://haldane.example/guards/01JD", .stable = "blue", .candidate = "green",          \
    .severity = HD_SEVERITY_ACT, .at_ms = AT
#define ABOUT                                                                                      \
    .owner = "#team-shop", .runbook = "https://wiki.example/shop?a=1&b=<c>", .dashboard = "https://grafana.example/d/shop"

static const struct row {
    const char *name, *notifier; /* golden/NAME.want */
    struct opt cfg[6];
    struct hd_message message;
} rows[] = {
#define PEERS                                                                                      \
    {                                                                                              \
        "urls", "http://am-a:9093|http://am-b:9093/prefix"                                         \
    }
    {"alertmanager/act",
     "alertmanager",
     {PEERS,
      {"labels", "team=shop|env=prod"},
      {"annotations", "runbook_url=https://wiki.example/shop"}},
     {ACT, .ends_ms = AT + 180000}},
    {"alertmanager/resolved",
     "alertmanager",
     {{"url", "http://am-a:9093"}},
     {ACT, .resolved = true}},
    {"alertmanager/event",
     "alertmanager",
     {{"url", "http://am-a:9093"}},
     {.seq = 7,
      .service = "shop",
      .headline = "shop: guard passed",
      .body = "",
      .severity = HD_SEVERITY_INFO,
      .at_ms = AT}},
    {"alertmanager/heartbeat",
     "alertmanager",
     {{"url", "http://am-a:9093"}},
     {.headline = "haldane is alive",
      .state = "x",
      .heartbeat = true,
      .at_ms = AT,
      .ends_ms = AT + 180000}},
    {"alertmanager/hostile",
     "alertmanager",
     {{"url", "http://am-a:9093"}},
     {.service = "a\"},{\"b",
      .headline = "</script>\x01\xff",
      .body = "{{ template }}",
      .severity = HD_SEVERITY_WARN,
      .at_ms = AT}},
#define HOOK                                                                                       \
    {                                                                                              \
        "url", "https://hooks.example/services/T0/B0/x?thread=1"                                   \
    }
    {"slack/act", "webhook", {HOOK}, {ACT}},
    {"slack/resolved", "webhook", {{"url", "http://chat"}}, {ACT, .resolved = true}},
    {"slack/secret", "webhook", {{"url", "${file:/run/secrets/slack}"}}, {ACT}},
    {"slack/hostile",
     "webhook",
     {HOOK},
     {.service = "<!channel>",
      .headline = "a & b < c > d",
      .body = "<http://evil|click>\xff",
      .url = "https://h/?a=1&b=2",
      .severity = HD_SEVERITY_INFO,
      .at_ms = AT}},
    {"slack/template",
     "webhook",
     {{"urls", "http://a/x|http://b/y"},
      {"body", "{\"t\":\"{{headline}}\",\"b\":\"{{ body }}\",\"s\":[\"{{service}}\",\"{{guard}}\","
               "\"{{state}}\",\"{{severity}}\",\"{{command}}\",\"{{url}}\",\"{{stable}}\","
               "\"{{candidate}}\",\"{{time}}\"],\"r\":{{resolved}},\"n\":{{seq}}}"}},
     {ACT}},
    {"alertmanager/about",
     "alertmanager",
     {{"url", "http://am-a:9093"}, {"annotations", "runbook_url=https://wiki.example/all"}},
     {ACT, ABOUT}},
    {"slack/about", "webhook", {HOOK}, {ACT, ABOUT}},
};
#define N_ROWS (sizeof rows / sizeof *rows)

static struct hd_ask perform(struct hd_arena *a, const struct row *row, const struct hd_message *m)
{
    const struct hd_notifier *n = hd_notifier_find(row->notifier);
    struct hd_error err = {0};
    struct hd_ask ask = {0};
    const void *cfg = opt_fill(a, n->options, n->cfg_size, row->cfg);
    if (n->check(cfg, &err) || n->write(a, cfg, m, &ask, &err))
        fail_msg("%s: %s", row->name, err.text);
    return ask;
}

static void writes_as_recorded(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO got = BUF_INIT(WIRE_TEXT_MAX);
        struct hd_ask ask = perform(a, &rows[i], &rows[i].message);
        for (size_t k = 0; k < ask.n; k++)
            wire_print(&got, ask.request[k]);
        if (golden_same(a, arena_print(a, "%s.want", rows[i].name), buf_at(&got)))
            continue;
        print_error("%s: differs from its golden file; got:\n%s", rows[i].name, buf_at(&got));
        bad++;
    }
    assert_int_equal(bad, 0);
}

static void every_body_is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        JSON_AUTO j = NULL;
        struct hd_error err = {0};
        struct hd_ask ask = perform(a, &rows[i], &rows[i].message);
        if (json_parse(ask.request[0]->body, &j, &err))
            fail_msg("%s: %s", rows[i].name, err.text);
    }
}

static const char *labels_of(struct hd_arena *a, struct hd_ask ask)
{
    const char *text = ask.request[0]->body.at, *end = strstr(text, "\"annotations\"");
    return arena_text_n(a, text, (size_t)(end - text));
}

/* A resolved alert has the labels of the firing one, and an id is never a label. */
static void labels_are_the_identity(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct hd_message m = {ACT};
    const char *firing = labels_of(a, perform(a, &rows[1], &m));
    m.resolved = true;
    m.guard = "01JDOTHER";
    m.headline = "shop: well again";
    m.at_ms += 1000;
    assert_string_equal(firing, labels_of(a, perform(a, &rows[1], &m)));
    assert_null(strstr(firing, "01JD"));
    assert_non_null(strstr(firing, "HaldaneActNow"));
}

/* Slack refuses sections of more than 3,000 characters. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char *body = arena_alloc(a, 20001);
    for (size_t i = 0; i < 10000; i++)
        memcpy(body + 2 * i, i % 2 ? "é" : "&<", 2);
    struct hd_message m = {ACT};
    m.body = body;
    struct hd_ask ask = perform(a, &rows[5], &m);
    JSON_AUTO j = NULL;
    struct hd_error err = {0};
    const struct json *text;
    const char *words;
    assert_int_equal(json_parse(ask.request[0]->body, &j, &err), HD_OK);
    assert_int_equal(json_path_get(j, "blocks[1].text.text", &text, &err), HD_OK);
    assert_int_equal(json_text(text, "text", &words, &err), HD_OK);
    assert_in_range(strlen(words), 2880, 3000);
    assert_true(str_ends(words, "…"));
    assert_null(strstr(words, "\xEF\xBF\xBD")); /* no character was cut in two */
}

static const struct {
    int32_t status;
    const char *retry_after, *body;
    enum hd_code want;
    int32_t retry_ms;
    const char *words;
} replies[] = {
    {200, NULL, "ok", HD_OK, -1, ""},
    {204, NULL, "", HD_OK, -1, ""},
    {302, NULL, "", HD_INVALID, -1, "HTTP 302"},
    {400, NULL, "no_text\x07", HD_INVALID, -1, "HTTP 400: no_text?"},
    {403, NULL, "invalid_token\r\nmore", HD_INVALID, -1, "HTTP 403: invalid_token"},
    {404, NULL, "", HD_INVALID, -1, "HTTP 404"},
    {408, NULL, "", HD_BUSY, 0, "HTTP 408"},
    {429, "30", "", HD_BUSY, 30000, "HTTP 429"},
    {429, "999999999", "", HD_BUSY, 3600000, "HTTP 429"},
    {429, "-5", "", HD_BUSY, 0, "HTTP 429"},
    {500, NULL, "boom", HD_BUSY, 0, "HTTP 500: boom"},
    {503, "Sat, 21 Nov 2026 00:00:00 GMT", "", HD_BUSY, 0, "HTTP 503"},
};

static void every_reply_has_its_code(void **state)
{
    (void)state;
    for (size_t n = 0; hd_notifiers[n]; n++) {
        for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
            ARENA_AUTO a = arena_new();
            struct hd_pair h = {"retry-after", replies[i].retry_after};
            struct hd_response r = {
                .status = replies[i].status,
                .headers = &h,
                .n_headers = replies[i].retry_after ? 1 : 0,
                .body = {replies[i].body, strlen(replies[i].body)},
            };
            struct hd_exchange x = {NULL, &r};
            struct hd_error err = {0};
            int32_t retry_ms = -1;
            enum hd_code code = hd_notifiers[n]->reply(a, NULL, &x, &retry_ms, &err);
            if (code != replies[i].want || retry_ms != replies[i].retry_ms ||
                !str_is(err.text, replies[i].words))
                fail_msg("%s: %d: code %d retry %d '%s'", hd_notifiers[n]->name, replies[i].status,
                         (int)code, retry_ms, err.text);
        }
    }
}

/* Slack says "ok" as text/html; what looks like a page in front of Alertmanager is no delivery. */
static void a_login_page_is_no_delivery(void **state)
{
    (void)state;
    for (size_t n = 0; hd_notifiers[n]; n++) {
        ARENA_AUTO a = arena_new();
        struct hd_pair h = {"content-type", "text/html; charset=utf-8"};
        struct hd_response r = {.status = 200, .headers = &h, .n_headers = 1, .body = {"<html>", 6}};
        struct hd_exchange x = {NULL, &r};
        struct hd_error err = {0};
        int32_t retry_ms = 0;
        bool page = str_is(hd_notifiers[n]->name, "alertmanager");
        assert_int_equal(hd_notifiers[n]->reply(a, NULL, &x, &retry_ms, &err), page ? HD_BUSY : HD_OK);
    }
}

static const struct {
    const char *notifier;
    struct opt cfg[4];
    const char *want; /* part of the message; NULL: accepted */
} configs[] = {
    {"alertmanager", {{"url", "http://am"}}, NULL},
    {"alertmanager", {{"urls", "1|2|3|4|5|6|7|8|9"}}, "more than 8"},
    {"alertmanager", {{"url", "http://am"}, {"labels", "severity=x"}}, "haldane sets 'severity'"},
    {"alertmanager", {{"url", "http://am"}, {"labels", "a-b=x"}}, "'a-b' is no label name"},
    {"alertmanager", {{"url", "http://am"}, {"labels", "a="}}, "'a' is no label name"},
    {"alertmanager", {{"url", "http://am"}, {"annotations", "1=x"}}, "'1' is no name"},
    {"alertmanager", {{"url", "http://am"}, {"auth.type", "basic"}}, "basic needs"},
    {"webhook", {{"url", "http://c"}}, NULL},
    {"webhook", {{"url", "http://c"}, {"body", "{\"a\":\"{{headline}}\"}"}}, NULL},
    {"webhook", {{"url", "http://c"}, {"body", "{\"a\":{{headline}}}"}}, "body:"},
    {"webhook", {{"url", "http://c"}, {"body", "{\"a\":\"{{title}}\"}"}}, "{{title}} is not known"},
    {"webhook", {{"urls", "1|2|3|4|5|6|7|8|9"}}, "more than 8"},
    {"webhook", {{"urls", "http://c|https://hooks.slack.com/services/T0/s3cret"}}, "a chat is a secret"},
    {"webhook", {{"url", "https://discord.com/api/webhooks/1/s3cret/slack"}}, "a chat is a secret"},
    {"webhook", {{"url", "${env:SLACK}"}}, NULL},
};

static void configurations_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        ARENA_AUTO a = arena_new();
        const struct hd_notifier *n = hd_notifier_find(configs[i].notifier);
        const void *cfg = opt_fill(a, n->options, n->cfg_size, configs[i].cfg);
        struct hd_error err = {0};
        enum hd_code code = n->check(cfg, &err);
        bool good = configs[i].want ? code == HD_INVALID && strstr(err.text, configs[i].want)
                                    : code == HD_OK;
        if (!good || strstr(err.text, "s3cret"))
            fail_msg("row %zu (%s): code %d '%s'", i, n->name, (int)code, err.text);
        assert_int_equal(n->endpoint(cfg)->n_bases > 0, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_as_recorded),       cmocka_unit_test(every_body_is_json),
        cmocka_unit_test(labels_are_the_identity),  cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(every_reply_has_its_code), cmocka_unit_test(a_login_page_is_no_delivery),
        cmocka_unit_test(configurations_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
