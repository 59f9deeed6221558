/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole path, as fast as it goes: the real pipeline, engine, store, Prometheus codec and
 * network, against the fake Prometheus. Only the pipeline's clock is not real: as soon as every
 * guard has been polled and its evidence is committed, the clock jumps to the next poll. HAProxy is
 * answered here (one reading an hour is all these guards need); so is the source's clock, which
 * must be the pipeline's.
 *
 *     whole CONFIG ROUNDS REQUESTS_FILE   prints "guards=N polls=N replies=N seconds=S cpu=S"
 *
 * The bodies of the last round's requests go to REQUESTS_FILE, for the bare loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "cred/cred.h"
#include "pipeline/pipeline.h"

#define INTERVAL_MS 5000
#define READ_EVERY_MS 3600000 /* what the config says */
#define SWITCH_AFTER_MS 10000
#define WARM_ROUNDS 4
#define ROUND_S_MAX 30

struct call {
    struct bench *bench;
    const struct hd_request *request;
    net_done_fn *done;
    void *user;
    struct call *next; /* of those answered here */
};

struct bench {
    struct loop *loop;
    struct net *net;
    struct store *store;
    struct config *config;
    struct pipeline *pipeline;
    struct hd_now base; /* the pipeline's clock is this and the time since `real` */
    int64_t real_boot_ms;
    bool green;
    struct call *here, **here_end;
    size_t sent, got;
    FILE *requests; /* NULL: not noted */
};

static struct hd_now virtual_now(void *ctx)
{
    const struct bench *b = ctx;
    int64_t since = clock_now().boot_ms - b->real_boot_ms;
    return (struct hd_now){b->base.wall_ms + since, b->base.boot_ms + since};
}

/* To just after the next multiple of the interval. */
static void jump(struct bench *b)
{
    struct hd_now now = virtual_now(b);
    int64_t ahead = INTERVAL_MS - now.wall_ms % INTERVAL_MS + 1;
    b->base = (struct hd_now){now.wall_ms + ahead, now.boot_ms + ahead};
    b->real_boot_ms = clock_now().boot_ms;
}

/* --- the wire --- */

static void http_done(void *user, const struct hd_response *r)
{
    struct call *c = user;
    c->bench->got++;
    c->done(c->user, r);
    free(c);
}

static uint64_t bench_send(void *ctx, const struct hd_request *r, int64_t deadline_ms,
                           net_done_fn *done, void *user)
{
    struct bench *b = ctx;
    struct call *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    (void)deadline_ms;
    *c = (struct call){b, r, done, user, NULL};
    if (r->via == HD_VIA_HTTP && !str_begins(r->body.at, "query=time")) {
        b->sent++;
        if (b->requests)
            (void)fprintf(b->requests, "%.*s\n", (int)r->body.len, r->body.at);
        return net_send(b->net, r, 0, http_done, c);
    }
    *b->here_end = c;
    b->here_end = &c->next;
    return 0;
}

static void bench_cancel(void *ctx, uint64_t id)
{
    struct bench *b = ctx;
    net_cancel(b->net, id);
}

static void answer_here(struct bench *b)
{
    while (b->here) {
        struct call *c = b->here;
        b->here = c->next;
        if (!b->here)
            b->here_end = &b->here;
        ARENA_AUTO a = arena_new();
        int64_t now = virtual_now(b).wall_ms;
        char weight[2][8] = {"100", "0"};
        const char *text =
            c->request->via == HD_VIA_HTTP
                ? arena_print(a,
                              "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\","
                              "\"result\":[%lld.%03lld,\"%lld.%03lld\"]}}",
                              (long long)now / 1000, (long long)now % 1000, (long long)now / 1000,
                              (long long)now % 1000)
            : str_begins(c->request->body.at, "show")
                ? arena_print(a,
                              "Name: HAProxy\nPid: 1\nStart_time_sec: 1\n\n1\n# be_name srv_name "
                              "srv_op_state srv_admin_state srv_uweight srv_iweight "
                              "srv_check_result srv_check_state\nshop blue1 2 0 %s 100 3 6\n"
                              "shop green1 2 0 %s 0 3 6\n\n",
                              weight[b->green], weight[!b->green])
                : "Require <weight> or <weight%>.\n\n";
        struct hd_response r = {.io = HD_IO_OK, .status = 200, .text = "",
                                .body = {text, strlen(text)}};
        c->done(c->user, &r);
        free(c);
    }
}

/* --- rounds --- */

static bool idle(const struct bench *b) { return !b->here && b->got == b->sent; }

/* Turns until nothing is on its way, and what came of it is committed. */
static bool settle(struct bench *b)
{
    int64_t end = clock_now().boot_ms + ROUND_S_MAX * 1000;
    for (bool last = false; clock_now().boot_ms < end;) {
        (void)pipeline_tick(b->pipeline, virtual_now(b));
        if (idle(b) && last)
            return true;
        last = idle(b);
        answer_here(b);
        net_wait(b->net, idle(b) ? 0 : 1000);
    }
    (void)fprintf(stderr, "whole: a round did not end\n");
    return false;
}

static bool rounds(struct bench *b, int n)
{
    for (int i = 0; i < n; i++) {
        jump(b);
        if (!settle(b))
            return false;
    }
    return true;
}

static enum hd_code secret(struct hd_arena *a, const char *reference, const char **ret,
                           struct hd_error *err)
{
    return cred_resolve(a, reference, ret, err);
}

static enum hd_code start(struct bench *b, const char *file, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct config_mistakes mistakes = {.n = 0};
    enum hd_code code = config_load(a, file, NULL, &b->config, &mistakes, err);
    if (code)
        return code;
    struct store_options store = {.path = config_get(b->config)->storage.path};
    code = store_open(&store, &b->store, err);
    if (!code)
        code = loop_new(&b->loop, err);
    if (!code)
        code = net_new(b->loop, secret, &b->net, err);
    b->base = clock_now();
    b->real_boot_ms = b->base.boot_ms;
    /* The first reading is due now, the second one soon: at the full hour. */
    b->base.wall_ms += READ_EVERY_MS - b->base.wall_ms % READ_EVERY_MS - SWITCH_AFTER_MS;
    b->here_end = &b->here;
    struct pipeline_options o = {.wire = {b, bench_send, bench_cancel, virtual_now},
                                 .store = b->store,
                                 .config = b->config,
                                 .seed = 1,
                                 .boot_id = clock_boot_id()};
    return code ? code : pipeline_new(&o, virtual_now(b), &b->pipeline, err);
}

static double cpu(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double wall(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct bench b = {.green = false};
    struct hd_error err = {0};
    if (argc < 4)
        return 2;
    log_set_level(LOG_ERROR);
    if (start(&b, argv[1], &err)) {
        (void)fprintf(stderr, "whole: %s\n", err.text);
        return 1;
    }
    int n = atoi(argv[2]);
    bool ok = settle(&b); /* blue is live */
    b.green = true;
    b.base.wall_ms += SWITCH_AFTER_MS; /* the next reading is due */
    b.base.boot_ms += SWITCH_AFTER_MS;
    ok = ok && settle(&b) && rounds(&b, WARM_ROUNDS);
    size_t guards = pipeline_live_guards(b.pipeline), before = b.got;
    double began = wall(), burned = cpu();
    ok = ok && rounds(&b, n);
    double took = wall() - began;
    burned = cpu() - burned;
    size_t replies = b.got - before;
    b.requests = fopen(argv[3], "we");
    ok = ok && b.requests && rounds(&b, 1) && fclose(b.requests) == 0;
    (void)printf("guards=%zu polls=%zu replies=%zu seconds=%.4f cpu=%.4f\n", guards,
                 guards * (size_t)n, replies, took, burned);
    pipeline_stop(b.pipeline, virtual_now(&b));
    pipeline_free(b.pipeline);
    net_free(b.net);
    loop_free(b.loop);
    store_close(b.store);
    config_unref(b.config);
    return ok ? 0 : 1;
}
