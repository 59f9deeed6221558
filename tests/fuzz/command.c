/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a packet of the HTTP face, to a guard loop with a store: one answer to each, JSON with a
 * status, at once or when the router was read (which fails here); and the loop turns on.
 */
#include "base/arena.h"
#include "cred/cred.h"
#include "json/json.h"
#include "pipeline/pipeline.h"

#include "../support/faultvfs.h"
#include "fuzz.h"

#define TOKEN "hld_fuzz"
#define NOW_MS INT64_C(1795000000000)
#define FLIGHTS_MAX 64
#define ROUNDS 12

static const char yaml[] =
    "version: 1\n"
    "storage: {path: /fuzz.db, ballast: 1MiB}\n"
    "datasources:\n"
    "  prom: {type: prometheus, url: 'http://prom.test'}\n"
    "services:\n"
    "  shop:\n"
    "    colours: [blue, green]\n"
    "    actuator: {type: haproxy, socket: /shop.sock, backend: shop}\n"
    "    checks:\n"
    "      - {use: http-5xx-ratio, with: {job: shop}, max: 1%}\n";

struct world {
    int64_t t;
    struct {
        net_done_fn *done;
        void *user;
        uint64_t id;
    } flight[FLIGHTS_MAX];
    uint64_t ids;
    unsigned answers;
};

static void check_answer(struct world *w, struct hd_span packet)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    int64_t status;
    w->answers++;
    MUST(packet.len < PIPELINE_PACKET_MAX && !json_parse(packet, &j, &err));
    MUST(!json_i64(json_get(j, "status"), "status", &status, &err) && status >= 200 && status < 600);
    MUST(json_get(j, "id") && json_get(j, "body"));
}

static void late_answer(void *ctx, struct hd_span packet) { check_answer(ctx, packet); }

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline_ms, net_done_fn *done,
                          void *user)
{
    struct world *w = ctx;
    (void)r;
    (void)deadline_ms;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (w->flight[i].done)
            continue;
        w->flight[i].done = done;
        w->flight[i].user = user;
        w->flight[i].id = ++w->ids;
        return w->ids;
    }
    abort();
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct world *w = ctx;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (w->flight[i].id == id)
            w->flight[i].done = NULL;
    }
}

static struct hd_now wire_now(void *ctx)
{
    const struct world *w = ctx;
    return (struct hd_now){.wall_ms = NOW_MS + w->t, .boot_ms = 1000 + w->t};
}

/* Nobody is reached. */
static void answer_flights(struct world *w)
{
    static const struct hd_response lost = {.io = HD_IO_NOT_SENT, .text = "refused", .body = {"", 0}};
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        net_done_fn *done = w->flight[i].done;
        w->flight[i].done = NULL;
        if (done)
            done(w->flight[i].user, &lost);
    }
}

static struct config *config(void)
{
    static struct config *c;
    struct hd_error err = {0};
    struct config_mistakes m;
    struct hd_arena *a = arena_new();
    if (!c && config_load_text(a, "fuzz.yaml", (struct hd_span){yaml, strlen(yaml)}, NULL, &c, &m, &err)) {
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&m, &said);
        (void)fprintf(stderr, "%s\n%s\n", err.text, buf_at(&said));
        abort();
    }
    arena_free(a);
    return c;
}

static void turn(struct world *w, struct pipeline *p)
{
    for (int i = 0; i < ROUNDS; i++) {
        (void)pipeline_tick(p, wire_now(w));
        answer_flights(w);
        w->t += 500;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char hash[65];
    struct world w = {.t = 0};
    struct faultvfs *disk = faultvfs_new("fuzz", 1);
    struct store_options where = {.path = "/fuzz.db", .max_size = 64 << 20, .vfs = "fuzz"};
    struct store *store = NULL;
    struct pipeline *p = NULL;
    struct hd_error err;
    BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
    cred_sha256_hex((struct hd_span){TOKEN, strlen(TOKEN)}, hash);
    MUST(!store_open(&where, &store, &err));
    struct pipeline_options o = {
        .wire = {.ctx = &w, .send = wire_send, .cancel = wire_cancel, .now = wire_now},
        .store = store, .config = config(), .seed = 1, .boot_id = "boot", .admin_token_hash = hash,
        .answer = late_answer, .answer_ctx = &w,
    };
    MUST(!pipeline_new(&o, wire_now(&w), &p, &err));
    char *packet = malloc(size + 1);
    if (!packet)
        abort();
    memcpy(packet, data, size);
    packet[size] = '\0';
    pipeline_command(p, wire_now(&w), (struct hd_span){packet, size}, &answer);
    if (answer.len)
        check_answer(&w, buf_span(&answer));
    turn(&w, p);
    MUST(w.answers == 1);
    free(packet);
    pipeline_stop(p, wire_now(&w));
    pipeline_free(p);
    store_close(store);
    faultvfs_free(disk);
    return 0;
}
