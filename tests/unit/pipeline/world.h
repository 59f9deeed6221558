/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline with one service, on a wire that a test answers and a clock that it turns. Decides
 * nothing about guards; static functions only; include it after cmocka.h.
 */
#ifndef PIPELINE_WORLD_H
#define PIPELINE_WORLD_H

#include "base/str.h"
#include "config/config.h"
#include "pipeline/pipeline.h"
#include "../../support/store_fixture.h"

#define CALLS_MAX 256
#define LATER_MAX 8
#define SERVICE \
    "services:\n  shop:\n    colours: [blue, green]\n    target: {trust: true}\n" \
    "    actuator: {type: webhook, url: \"http://r\", read: {path: /route, value: $.live," \
    " ready: $.ready, wanted: $.wanted}, write: [{method: PUT, path: /route, body: '{\"to\": \"{{value}}\"}'}]}\n" \
    "    checks: [{use: http-5xx-ratio, max: 1%}]\n" \
    "    guard: {duration: 1h, blind_for: 50m}\n"

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
    struct call call[CALLS_MAX]; /* that wait for an answer */
    size_t n_calls;
    const char *live;         /* colour with the traffic */
    bool hangs;               /* what a test lets hang */
    unsigned begun, stopped;  /* children; those that were cancelled */
    unsigned beats;           /* heartbeats sent */
    int later[LATER_MAX];     /* statuses of the newest orders that had to wait, as they were answered */
    unsigned n_later;
    void (*answer)(struct world *); /* what can be answered now */
};

static bool is_child(const struct call *c) { return c->request->via == HD_VIA_EXEC; }

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline, net_done_fn *done, void *user)
{
    static uint64_t last;
    struct world *w = ctx;
    (void)deadline;
    assert_true(w->n_calls < CALLS_MAX);
    w->call[w->n_calls++] = (struct call){done, user, r, ++last};
    w->begun += is_child(&w->call[w->n_calls - 1]);
    return last;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct world *w = ctx;
    for (size_t i = 0; i < w->n_calls; i++) {
        if (w->call[i].id != id)
            continue;
        w->stopped += is_child(&w->call[i]);
        w->call[i] = w->call[--w->n_calls];
    }
}

static int status_of(const char *answer)
{
    const char *status = strstr(answer, "\"status\":");
    return status ? atoi(status + 9) : 0;
}

static void wire_answer(void *ctx, struct hd_span packet)
{
    struct world *w = ctx;
    w->later[w->n_later++ % LATER_MAX] = status_of(packet.at);
}

static struct hd_now wire_now(void *ctx) { return ((struct world *)ctx)->now; }

static void reply(struct world *w, size_t i, enum hd_io io, int status, const char *body)
{
    struct call c = w->call[i];
    w->call[i] = w->call[--w->n_calls];
    struct hd_response r = {.io = io, .status = status, .body = {body, strlen(body)}, .text = io == HD_IO_OK ? "" : "killed",
                            .sent_ms = w->now.wall_ms};
    c.done(c.user, &r);
}

FIXTURE void reply_route(struct world *w, size_t i)
{
    char body[100];
    (void)snprintf(body, sizeof body, "{\"live\":\"%s\",\"ready\":3,\"wanted\":3}", w->live);
    reply(w, i, HD_IO_OK, 200, body);
}

/* The router answers; no source does. */
__attribute__((unused)) static void answer_routes(struct world *w)
{
    while (w->n_calls) {
        if (str_begins(w->call[0].request->u.http.path, "/route"))
            reply_route(w, 0);
        else
            reply(w, 0, HD_IO_OK, 503, "");
    }
}

/* So many seconds, a turn each. */
static void pass(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        w->now.wall_ms += 1000;
        w->now.boot_ms += 1000;
        (void)pipeline_tick(w->p, w->now);
        w->answer(w);
        (void)pipeline_tick(w->p, w->now);
    }
}

static void start(struct world *w)
{
    struct pipeline_options o = {.wire = {w, wire_send, wire_cancel, wire_now},
                                 .store = w->f.s,
                                 .config = w->config,
                                 .program = "/bin/haldane",
                                 .store_path = "/db",
                                 .admin_token_hash = "8c6976e5b5410415bde908bd4dee15dfb167a9c873fc4bb8a81f6f2ab448a918",
                                 .boot_id = "boot",
                                 .answer = wire_answer,
                                 .answer_ctx = w};
    OK(&w->f, pipeline_new(&o, w->now, &w->p, &w->f.err));
}

/* By the admin; its status, 0: the answer comes later. */
FIXTURE int ordered(struct world *w, const char *what, const char *args)
{
    BUF_AUTO packet = BUF_INIT(1000);
    BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
    buf_print(&packet, "{\"id\":1,\"do\":\"%s\",\"token\":\"admin\",\"service\":\"shop\",\"guard\":null,\"args\":{%s}}",
              what, args);
    pipeline_command(w->p, w->now, buf_span(&packet), &answer);
    return status_of(buf_at(&answer));
}

static struct config *config_of(struct world *w, const char *yaml)
{
    struct config_mistakes mistakes = {.n = 0};
    struct config *c = NULL;
    enum hd_code code = config_load_text(w->f.arena, "world.yaml", (struct hd_span){yaml, strlen(yaml)}, NULL, &c,
                                         &mistakes, &w->f.err);
    if (code)
        fail_msg("%zu mistakes: %s", mistakes.n, w->f.err.text);
    return c;
}

FIXTURE void reload(struct world *w, const char *yaml)
{
    struct config *c = config_of(w, yaml);
    pipeline_reload(w->p, w->now, c);
    config_unref(c);
}

FIXTURE struct world *world_new(const char *yaml, void (*answer)(struct world *))
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_dir(&w->f);
    OK(&w->f, fixture_open(&w->f));
    w->config = config_of(w, yaml);
    w->live = "blue";
    w->answer = answer;
    w->now = (struct hd_now){.wall_ms = 1795220000000, .boot_ms = 1000000};
    start(w);
    return w;
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

#endif
