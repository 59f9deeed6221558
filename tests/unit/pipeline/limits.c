/* SPDX-License-Identifier: Apache-2.0
 *
 * When other limits are tried for the page: after a guard has ended, in a process of its own; never
 * beside a revert, which stops it; once for the same guards; and what it says is stored.
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

#define CALLS_MAX 64

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
    const char *live;
    bool router_hangs;
    unsigned begun, stopped; /* computations */
};

static bool computes(const struct call *c) { return c->request->via == HD_VIA_EXEC; }

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline, net_done_fn *done, void *user)
{
    static uint64_t last;
    struct world *w = ctx;
    (void)deadline;
    assert_true(w->n_calls < CALLS_MAX);
    w->call[w->n_calls++] = (struct call){done, user, r, ++last};
    w->begun += computes(&w->call[w->n_calls - 1]);
    return last;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct world *w = ctx;
    for (size_t i = 0; i < w->n_calls; i++) {
        if (w->call[i].id != id)
            continue;
        w->stopped += computes(&w->call[i]);
        w->call[i] = w->call[--w->n_calls];
    }
}

static struct hd_now wire_now(void *ctx) { return ((struct world *)ctx)->now; }

static void reply(struct world *w, size_t i, enum hd_io io, int status, const char *body)
{
    struct call c = w->call[i];
    w->call[i] = w->call[--w->n_calls];
    struct hd_response r = {.io = io, .status = status, .body = {body, strlen(body)}, .text = "killed",
                            .sent_ms = w->now.wall_ms};
    c.done(c.user, &r);
}

/* The router reads; a write hangs with it. */
static void answer(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        char body[200];
        if (computes(&w->call[i]) || w->router_hangs) {
            i++;
            continue;
        }
        (void)snprintf(body, sizeof body, "{\"live\":\"%s\",\"ready\":3,\"wanted\":3}", w->live);
        reply(w, i, HD_IO_OK, 200, body);
    }
}

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

/* The computation that runs; it must be there. */
static size_t running(const struct world *w)
{
    size_t i = 0;
    while (i < w->n_calls && !computes(&w->call[i]))
        i++;
    assert_true(i < w->n_calls);
    return i;
}

static const char *stored(struct world *w)
{
    const char *value = "";
    struct hd_error err;
    (void)store_fact(w->f.s, w->f.arena, "limits/shop", &value, &err);
    return value;
}

/* About the newest guard. */
static void order(struct world *w, const char *what)
{
    struct store_guard *list;
    size_t n;
    const struct store_filter newest = {.verdict = -1, .limit = 1};
    OK(&w->f, store_guards(w->f.s, w->f.arena, &newest, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
    BUF_AUTO packet = BUF_INIT(2000);
    BUF_AUTO said = BUF_INIT(PIPELINE_PACKET_MAX);
    buf_print(&packet,
              "{\"id\":1,\"do\":\"%s\",\"token\":\"admin\",\"service\":\"shop\",\"guard\":\"%s\",\"reason\":\"test\"}",
              what, list->id);
    pipeline_command(w->p, w->now, buf_span(&packet), &said);
}

static void start(struct world *w)
{
    struct pipeline_options o = {.wire = {w, wire_send, wire_cancel, wire_now},
                                 .store = w->f.s,
                                 .config = w->config,
                                 .program = "/bin/haldane",
                                 .store_path = "/db",
                                 .admin_token_hash = "8c6976e5b5410415bde908bd4dee15dfb167a9c873fc4bb8a81f6f2ab448a918",
                                 .boot_id = "boot"};
    OK(&w->f, pipeline_new(&o, w->now, &w->p, &w->f.err));
}

static int setup(void **state)
{
    static const char yaml[] =
        "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
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
    enum hd_code code = config_load_text(w->f.arena, "limits.yaml", (struct hd_span){yaml, strlen(yaml)}, NULL,
                                         &w->config, &mistakes, &w->f.err);
    if (code)
        fail_msg("%zu mistakes: %s", mistakes.n, w->f.err.text);
    w->live = "blue";
    w->now = (struct hd_now){.wall_ms = 1795220000000, .boot_ms = 1000000};
    start(w);
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

/* A guard that a human cancels. */
static void guard(struct world *w)
{
    pass(w, 10); /* what it moves away from was read */
    w->live = str_is(w->live, "blue") ? "green" : "blue";
    pass(w, 10);
    assert_int_equal(pipeline_live_guards(w->p), 1);
    order(w, "cancel");
    pass(w, 1);
    assert_int_equal(pipeline_live_guards(w->p), 0);
}

static void it_follows_a_guard_and_is_stored(void **state)
{
    struct world *w = *state;
    pass(w, 20);
    assert_int_equal(w->begun, 0); /* nothing has ended yet */
    guard(w);
    pass(w, 5);
    assert_int_equal(w->begun, 1);
    const struct hd_request *r = w->call[running(w)].request;
    assert_string_equal(r->u.exec.argv[0], "/bin/haldane");
    assert_string_equal(r->u.exec.argv[2], "shop");
    assert_int_equal(r->effect, HD_EFFECT_READ);
    assert_true(r->at->timeout_ms == HD_LIMITS_MS && r->cap_bytes == HD_LIMITS_BYTES);
    reply(w, running(w), HD_IO_OK, 0, "{\"service\":\"shop\"}");
    pass(w, 1);
    assert_non_null(strstr(stored(w), " {\"service\":\"shop\"}"));
    w->p = pipeline_free(w->p);
    start(w); /* it looks once, and knows these guards */
    pass(w, 30);
    assert_int_equal(w->begun, 1);
}

static void what_goes_wrong_is_said(void **state)
{
    struct world *w = *state;
    guard(w);
    pass(w, 5);
    reply(w, running(w), HD_IO_TIMEOUT, 0, "");
    pass(w, 30);
    assert_true(str_ends(stored(w), " killed"));
    assert_int_equal(w->begun, 1); /* and not tried again for the same guards */
    guard(w);
    pass(w, 5);
    reply(w, running(w), HD_IO_OK, 2, "x");
    pass(w, 1);
    assert_true(str_ends(stored(w), " haldane backtest ended with status 2"));
}

static void I10_it_gives_way_to_a_revert(void **state)
{
    struct world *w = *state;
    guard(w);
    pass(w, 5);
    assert_int_equal(w->begun, 1);
    w->live = str_is(w->live, "blue") ? "green" : "blue";
    pass(w, 10);
    w->router_hangs = true;
    order(w, "revert");
    pass(w, 1);
    assert_true(pipeline_busy(w->p));
    assert_int_equal(w->stopped, 1);
    pass(w, 3);
    assert_int_equal(w->begun, 1); /* and does not begin beside it */
}

/* Each is up to HD_LIMITS_BYTES. */
static void I8_what_is_of_no_service_any_more_is_forgotten(void **state)
{
    struct world *w = *state;
    const char *value;
    w->p = pipeline_free(w->p);
    OK(&w->f, store_begin(w->f.s, &w->f.err));
    OK(&w->f, store_put_fact(w->f.s, "limits/gone", "key 1 {}", &w->f.err));
    OK(&w->f, store_put_fact(w->f.s, "limits/shop", "key 1 {}", &w->f.err));
    OK(&w->f, store_commit(w->f.s, &w->f.err));
    start(w);
    pass(w, 1);
    assert_int_equal(store_fact(w->f.s, w->f.arena, "limits/gone", &value, &w->f.err), HD_ABSENT);
    assert_string_equal(stored(w), "key 1 {}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_follows_a_guard_and_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(I10_it_gives_way_to_a_revert, setup, teardown),
        cmocka_unit_test_setup_teardown(I8_what_is_of_no_service_any_more_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
