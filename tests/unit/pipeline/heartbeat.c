/* SPDX-License-Identifier: Apache-2.0
 *
 * The dead man's heartbeat: it goes out while live guards are evaluated, and no longer when one is
 * not, whatever else still turns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/config.h"
#include "pipeline/pipeline.h"
#include "../../support/store_fixture.h"

#define CALLS_MAX 256

struct call {
    net_done_fn *done;
    void *user;
    const struct hd_request *request;
    uint64_t id;
};

struct world {
    struct fixture f;
    struct config *config;
    struct pipeline *p;
    struct hd_now now;
    struct call call[CALLS_MAX];
    size_t n_calls;
    const char *live;      /* colour with the traffic */
    bool source_hangs;
    unsigned beats;        /* heartbeats sent */
};

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline, net_done_fn *done, void *user)
{
    static uint64_t last;
    struct world *w = ctx;
    (void)deadline;
    assert_true(w->n_calls < CALLS_MAX);
    w->call[w->n_calls++] = (struct call){done, user, r, ++last};
    return last;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct world *w = ctx;
    for (size_t i = 0; i < w->n_calls; i++) {
        if (w->call[i].id == id)
            w->call[i] = w->call[--w->n_calls];
    }
}

static struct hd_now wire_now(void *ctx) { return ((struct world *)ctx)->now; }

static bool asks(const struct call *c, const char *path)
{
    return c->request->via == HD_VIA_HTTP && str_begins(c->request->u.http.path, path);
}

static bool is_beat(const struct call *c)
{
    return asks(c, "/api/v2/alerts") && strstr(c->request->body.at, "HaldaneHeartbeat");
}

/* Answers what can be answered now; a hanging source keeps its questions. */
static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        struct call c = w->call[i];
        char body[200] = "{}";
        bool source = asks(&c, "/api/v1/query");
        if (source && w->source_hangs) {
            i++;
            continue;
        }
        if (asks(&c, "/route"))
            (void)snprintf(body, sizeof body, "{\"live\":\"%s\",\"ready\":3,\"wanted\":3}", w->live);
        else if (source)
            (void)snprintf(body, sizeof body, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\","
                           "\"result\":[%lld,\"%lld\"]}}", (long long)w->now.wall_ms / 1000,
                           (long long)w->now.wall_ms / 1000);
        w->beats += is_beat(&c);
        w->call[i] = w->call[--w->n_calls];
        struct hd_response r = {.io = HD_IO_OK, .status = 200, .body = {body, strlen(body)}, .text = "",
                                .sent_ms = w->now.wall_ms};
        c.done(c.user, &r);
    }
}

/* So many seconds, a turn each. */
static void pass(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        w->now.wall_ms += 1000;
        w->now.boot_ms += 1000;
        (void)pipeline_tick(w->p, w->now);
        answer(w);
        (void)pipeline_tick(w->p, w->now);
    }
}

static int setup(void **state)
{
    static const char yaml[] =
        "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
        "notifiers: {oncall: {type: alertmanager, url: \"http://a\", page: true}}\n"
        "services:\n  shop:\n    colours: [blue, green]\n    target: {trust: true}\n"
        "    actuator: {type: webhook, url: \"http://r\", read: {path: /route, value: $.live,"
        " ready: $.ready, wanted: $.wanted}, write: [{method: PUT, path: /route, body: '{\"to\": \"{{value}}\"}'}]}\n"
        "    checks: [{use: http-5xx-ratio, max: 1%}]\n"
        "    guard: {duration: 1h, blind_for: 50m}\n";
    struct config_mistakes mistakes = {.n = 0};
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_dir(&w->f);
    OK(&w->f, fixture_open(&w->f));
    enum hd_code code = config_load_text(w->f.arena, "beat.yaml", (struct hd_span){yaml, strlen(yaml)}, NULL,
                                         &w->config, &mistakes, &w->f.err);
    if (code)
        fail_msg("%zu mistakes: %s", mistakes.n, w->f.err.text);
    w->live = "blue";
    w->now = (struct hd_now){.wall_ms = 1795220000000, .boot_ms = 1000000};
    struct pipeline_options o = {.wire = {w, wire_send, wire_cancel, wire_now},
                                 .store = w->f.s,
                                 .config = w->config,
                                 .boot_id = "boot"};
    OK(&w->f, pipeline_new(&o, w->now, &w->p, &w->f.err));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pipeline_free(w->p);
    config_unref(w->config);
    fixture_clean(&w->f);
    free(w);
    return 0;
}

static void start_guard(struct world *w)
{
    struct store_guard *list;
    size_t n;
    pass(w, 20);
    w->live = "green";
    pass(w, 30);
    struct store_filter live = {.live = true, .verdict = -1};
    OK(&w->f, store_guards(w->f.s, w->f.arena, &live, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
}

static void beats_while_a_guard_is_evaluated(void **state)
{
    struct world *w = *state;
    start_guard(w);
    unsigned before = w->beats;
    pass(w, 60);
    assert_in_range(w->beats - before, 3, 5);
    w->source_hangs = true; /* polls are cut, and are evaluated as seeing nothing */
    before = w->beats;
    pass(w, 120);
    assert_in_range(w->beats - before, 7, 9);
}

static void stops_when_a_guard_is_not(void **state)
{
    struct world *w = *state;
    start_guard(w);
    unsigned before = w->beats;
    w->now.wall_ms += 120000; /* the loop stood still */
    w->now.boot_ms += 120000;
    (void)pipeline_tick(w->p, w->now);
    for (size_t i = 0; i < w->n_calls; i++)
        assert_false(is_beat(&w->call[i]));
    assert_int_equal(w->beats, before);
    pass(w, 60);
    assert_in_range(w->beats - before, 2, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(beats_while_a_guard_is_evaluated, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_when_a_guard_is_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
