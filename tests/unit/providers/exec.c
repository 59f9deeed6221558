/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command is told, and what its exit status and its words become.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reply.h"

static void *new_cfg(struct hd_arena *a, const struct hd_provider *p, int32_t measure)
{
    static const char *const command[] = {"/usr/bin/smoke", "--json"};
    const char *const *at = command;
    void *cfg = arena_alloc(a, p->cfg_size);
    cfg_put(cfg, p, "command", &at, sizeof at, 2);
    cfg_put(cfg, p, "timeout", &(int32_t){3000}, sizeof(int32_t), 0);
    cfg_put(cfg, p, "measure", &measure, sizeof measure, 0);
    return cfg;
}

static const struct {
    const char *name, *query;
    int64_t at_ms;
    const char *want;
} inputs[] = {
    {"names", "{\"service\":\"shop\",\"check\":\"smoke\",\"colour\":\"green\"}", 1700000000123,
     "{\"do\":\"check\",\"at\":\"2023-11-14T22:13:20.123Z\",\"service\":\"shop\",\"check\":"
     "\"smoke\",\"colour\":\"green\"}\n"},
    {"numbers and nested values", "{\"n\":12,\"on\":true,\"deep\":{\"a\":1}}", 0,
     "{\"do\":\"check\",\"at\":null,\"n\":12,\"on\":true}\n"},
    {"a text", "green: \"yes\"", 0,
     "{\"do\":\"check\",\"at\":null,\"query\":\"green: \\\"yes\\\"\"}\n"},
    {"a list is a text", "[1]", 0, "{\"do\":\"check\",\"at\":null,\"query\":\"[1]\"}\n"},
};

static void test_requests(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("exec");
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        ARENA_AUTO a = arena_new();
        struct hd_probe probe = {.query = inputs[i].query, .side = 1};
        struct hd_question q = {.probe = &probe, .n = 1, .at_ms = inputs[i].at_ms};
        struct hd_ask ask = {.n = 99};
        struct hd_rows rows;
        uint16_t reason;
        struct hd_error err;
        enum hd_code code = p->fetch(a, new_cfg(a, p, 0), &q, &(struct hd_talk){NULL, 0}, &ask,
                                     &rows, &reason, &err);
        assert_int_equal(code, HD_OK);
        assert_int_equal(ask.n, 1);
        const struct hd_request *r = ask.request[0];
        if (!str_is(r->body.at, inputs[i].want) || r->body.len != strlen(inputs[i].want))
            fail_msg("%s: %s", inputs[i].name, r->body.at);
        assert_int_equal(r->via, HD_VIA_EXEC);
        assert_string_equal(r->u.exec.argv[0], "/usr/bin/smoke");
        assert_string_equal(r->u.exec.argv[1], "--json");
        assert_null(r->u.exec.argv[2]);
        assert_int_equal(r->at->timeout_ms, 3000);
    }
}

enum { GOOD, VALUE };

static const struct {
    const char *name;
    int32_t measure;
    enum hd_io io;
    int32_t status;
    const char *out, *want;
} replies[] = {
    {"good", GOOD, HD_IO_OK, 0, "{\"ok\":true}\n", "blue ok | 1000=1\n"},
    {"good with words", GOOD, HD_IO_OK, 0, "{\"ok\":true,\"text\":\"3 pages\"}",
     "blue ok text=3 pages | 1000=1\n"},
    {"bad by its word", GOOD, HD_IO_OK, 0, "{\"ok\":false,\"text\":\"no\\tbasket\"}",
     "blue ok/unexpected_value text=no basket | 1000=0\n"},
    {"bad by its exit", GOOD, HD_IO_OK, 3, "oops",
     "blue ok/child_failed text=exit status 3 | 1000=0\n"},
    {"bad by its exit, whatever it says", GOOD, HD_IO_OK, 1, "{\"ok\":true,\"text\":\"hm\"}",
     "blue ok/child_failed text=exit status 1: hm | 1000=0\n"},
    {"hung", GOOD, HD_IO_TIMEOUT, 0, "", "blue ok/timeout text=words | 1000=0\n"},
    {"not to be started says nothing", GOOD, HD_IO_NOT_SENT, 0, "",
     "blue error/child_failed text=words\n"},
    {"lost", GOOD, HD_IO_LOST, 0, "", "blue error/child_failed text=words\n"},
    {"too long", GOOD, HD_IO_TOO_BIG, 0, "", "blue too_many/too_big text=words\n"},
    {"silence is no pass", GOOD, HD_IO_OK, 0, "",
     "blue error/not_json text=JSON line 1 column 1: ends in the middle\n"},
    {"no JSON", GOOD, HD_IO_OK, 0, "all fine",
     "blue error/not_json text=JSON line 1 column 1: not JSON\n"},
    {"a value where a word is measured", GOOD, HD_IO_OK, 0, "{\"value\":1}",
     "blue error/unexpected_value text=ok: missing\n"},
    {"ok as a number", GOOD, HD_IO_OK, 0, "{\"ok\":1}",
     "blue error/unexpected_value text=ok: not true or false\n"},
    {"a list", GOOD, HD_IO_OK, 0, "[true]", "blue error/unexpected_value text=ok: missing\n"},
    {"value", VALUE, HD_IO_OK, 0, "{\"value\":-1.5e3,\"text\":\"ms\"}",
     "blue ok text=ms | 1000=-1500\n"},
    {"value as text", VALUE, HD_IO_OK, 0, "{\"value\":\"12\"}",
     "blue error/unexpected_value text=value: not a number\n"},
    {"value out of range", VALUE, HD_IO_OK, 0, "{\"value\":1e999}",
     "blue error/not_json text=JSON: a number is out of range\n"},
    {"value of a failed command", VALUE, HD_IO_OK, 2, "{\"value\":0}",
     "blue error/child_failed text=exit status 2\n"},
    {"value of a hung command", VALUE, HD_IO_TIMEOUT, 0, "", "blue error/timeout text=words\n"},
};

static void test_replies(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("exec");
    struct hd_probe probe = {.query = "{}", .side = 0};
    struct hd_question q = {.probe = &probe, .n = 1, .at_ms = 5};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(4096);
        struct hd_response response = reply_parse(a, replies[i].out, strlen(replies[i].out));
        response.io = replies[i].io;
        response.status = replies[i].status;
        response.text = "words";
        struct hd_request request = {0};
        struct hd_exchange exchange = {&request, &response};
        struct hd_ask ask = {.n = 99};
        struct hd_rows rows;
        uint16_t reason;
        struct hd_error err = {0};
        enum hd_code code = p->fetch(a, new_cfg(a, p, replies[i].measure), &q,
                                     &(struct hd_talk){&exchange, 1}, &ask, &rows, &reason, &err);
        if (code || ask.n)
            fail_msg("%s: %s", replies[i].name, err.text);
        rows_dump(&b, &rows);
        if (!str_is(buf_at(&b), replies[i].want))
            fail_msg("%s:\n--- want\n%s--- got\n%s", replies[i].name, replies[i].want, buf_at(&b));
    }
}

static void test_what_it_cannot_answer(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("exec");
    ARENA_AUTO a = arena_new();
    void *cfg = new_cfg(a, p, GOOD);
    struct hd_probe probe = {.query = "{}", .side = 0};
    struct hd_question q = {.probe = &probe, .n = 1, .at_ms = 5, .range_ms = 60000};
    struct hd_talk talk = {NULL, 0};
    struct hd_ask ask = {.n = 99};
    struct hd_rows rows;
    uint16_t reason;
    struct hd_error err;
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_OK);
    assert_int_equal(ask.n, 0);
    assert_int_equal(rows.row[0].outcome, HD_OUTCOME_NO_DATA);
    q.range_ms = 0;
    char *text = arena_alloc(a, HD_QUERY_BYTES_MAX + 2);
    memset(text, 'x', HD_QUERY_BYTES_MAX);
    probe.query = text;
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_OK);
    text[HD_QUERY_BYTES_MAX] = 'x';
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_LIMIT);
    probe.side = -1;
    assert_int_equal(p->fetch(a, cfg, &q, &talk, &ask, &rows, &reason, &err), HD_INVALID);
}

static void test_check(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("exec");
    ARENA_AUTO a = arena_new();
    struct hd_error err;
    void *cfg = new_cfg(a, p, GOOD);
    assert_int_equal(p->check(cfg, &err), HD_OK);
    const char *const relative[] = {"smoke"}, *const *at = relative;
    cfg_put(cfg, p, "command", &at, sizeof at, 1);
    assert_int_equal(p->check(cfg, &err), HD_INVALID);
    assert_string_equal(err.text, "command: must begin with an absolute path");
    assert_null(p->endpoint);
    assert_true(p->io_is_evidence);
    assert_string_equal(
        p->default_query(cfg),
        "{\"service\":\"{{service}}\",\"check\":\"{{check}}\",\"colour\":\"{{colour}}\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_what_it_cannot_answer),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests_name("exec check", tests, NULL, NULL);
}
