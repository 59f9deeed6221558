/* SPDX-License-Identifier: Apache-2.0
 *
 * Two checks that look at the same counter: it is asked once a poll, and each reads the answer its own
 * way. A counter without a status label is a rate all the same, and says nothing about errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define YAML(check)                                                                                       \
    "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"                              \
    "services:\n  shop:\n    colours: [blue, green]\n    target: {trust: true}\n"                         \
    "    actuator: {type: webhook, url: \"http://r\", read: {path: /route, value: $.live,"                \
    " ready: $.ready, wanted: $.wanted}, write: [{method: PUT, path: /route, body: '{\"to\": \"{{value}}\"}'}]}\n" \
    "    checks: [" check "]\n"                                                                           \
    "    guard: {duration: 1h, blind_for: 50m}\n"
#define FAILED "{use: http-5xx-ratio, max: 1%}"
#define RATE "{use: http-request-rate, min: 1}"
#define POLLS 12

static unsigned counters_asked; /* since the newest turn of the clock */
static unsigned most_asked;

static void add_series(struct buf *b, const char *labels, double per_second, int64_t now_s)
{
    buf_print(b, "{\"metric\":{\"__name__\":\"http_requests_total\",%s},\"values\":[", labels);
    for (int64_t at = now_s - 60; at <= now_s; at += 5)
        buf_print(b, "[%lld,\"%.0f\"]%s", (long long)at, (double)(at % 100000) * per_second, at == now_s ? "" : ",");
    buf_text(b, "]}");
}

static void answer_source(struct world *w, size_t i)
{
    const char *form = w->call[i].request->body.at;
    int64_t now_s = w->now.wall_ms / 1000;
    BUF_AUTO b = BUF_INIT(100000);
    if (strstr(form, "query=time")) {
        buf_print(&b, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[%lld,\"%lld\"]}}",
                  (long long)now_s, (long long)now_s);
    } else if (strstr(form, "process_start_time")) {
        buf_text(&b, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}");
    } else {
        counters_asked++;
        now_s -= now_s % 5;
        buf_text(&b, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
        add_series(&b, "\"instance\":\"b\",\"version\":\"blue\",\"code\":\"200\"", 20, now_s);
        buf_text(&b, ",");
        add_series(&b, "\"instance\":\"g\",\"version\":\"green\"", 4, now_s); /* no code */
        buf_text(&b, "]}}");
    }
    reply(w, i, HD_IO_OK, 200, buf_at(&b));
}

static void answer(struct world *w)
{
    counters_asked = 0;
    while (w->n_calls) {
        if (str_begins(w->call[0].request->u.http.path, "/api/v1/query"))
            answer_source(w, 0);
        else
            reply_route(w, 0);
    }
    if (counters_asked > most_asked)
        most_asked = counters_asked;
}

static const struct row {
    const char *yaml;
    uint8_t failed, rate; /* index of the check */
} errors_first = {YAML(FAILED ", " RATE), 0, 1}, rate_first = {YAML(RATE ", " FAILED), 1, 0}, *row;

static int setup(void **state)
{
    row = *state;
    *state = world_new(row->yaml, answer);
    return 0;
}

static const struct hd_measurement *measured(const struct hd_evidence *e, uint8_t check, uint8_t role)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->m[i].check == check && e->m[i].role == role)
            return &e->m[i];
    }
    fail_msg("check %u of role %u was not measured", check, role);
    return NULL;
}

static void asked_once_and_read_by_each(void **state)
{
    struct world *w = *state;
    struct store_guard *list;
    size_t n;
    pass(w, 20);
    w->live = "green";
    most_asked = 0;
    pass(w, 5 * POLLS);
    struct store_filter live = {.live = true, .verdict = -1};
    OK(&w->f, store_guards(w->f.s, w->f.arena, &live, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
    struct store_evidence *polls;
    OK(&w->f, store_evidence(w->f.s, w->f.arena, list[0].id, &polls, &n, &w->f.err));
    assert_true(n > POLLS / 2);
    const struct hd_evidence *last = &polls[n - 1].evidence;
    const struct hd_measurement *rate = measured(last, row->rate, HD_CANDIDATE);
    assert_int_equal(rate->outcome, HD_OUTCOME_OK);
    assert_true(rate->exposure > 0);
    assert_int_equal(measured(last, row->rate, HD_STABLE)->outcome, HD_OUTCOME_OK);
    assert_int_equal(measured(last, row->failed, HD_STABLE)->outcome, HD_OUTCOME_OK);
    assert_int_equal(measured(last, row->failed, HD_CANDIDATE)->outcome, HD_OUTCOME_ERROR);
    assert_int_equal(measured(last, row->failed, HD_CANDIDATE)->reason, HD_REASON_NO_KEY);
    assert_int_equal(most_asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"errors first", asked_once_and_read_by_each, setup, teardown, (void *)&errors_first},
        {"rate first", asked_once_and_read_by_each, setup, teardown, (void *)&rate_first},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
