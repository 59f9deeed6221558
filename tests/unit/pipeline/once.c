/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders with an Idempotency-Key that come again before the first answer is on the disk: in one turn
 * of the loop, and while the store cannot commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "cred/cred.h"
#include "pipeline/pipeline.h"
#include "../../support/store_fixture.h"

#define TOKEN "hld_0123456789"
#define CANCEL(key, reason)                                                                        \
    "{\"id\":1,\"key\":\"" key "\",\"do\":\"cancel\",\"token\":\"" TOKEN "\",\"service\":null,"       \
    "\"guard\":\"01JD2K0000000000000000000A\",\"args\":{\"reason\":\"" reason "\"}}"

struct world {
    struct fixture f;
    struct config *config;
    struct pipeline *p;
    struct hd_now now;
    struct buf answer;
};

/* A network that never answers. */
static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline, net_done_fn *done, void *user)
{
    static uint64_t last;
    (void)ctx;
    (void)r;
    (void)deadline;
    (void)done;
    (void)user;
    return ++last;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    (void)ctx;
    (void)id;
}

static struct hd_now wire_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static int setup(void **state)
{
    static const char yaml[] = "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
                               "services:\n  shop:\n    colours: [blue, green]\n"
                               "    actuator: {type: haproxy, socket: /s, backend: b}\n"
                               "    checks: [{use: http-request-rate, min: 1}]\n";
    static char hash[65];
    struct config_mistakes mistakes;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_dir(&w->f);
    OK(&w->f, fixture_open(&w->f));
    OK(&w->f, config_load_text(w->f.arena, "once.yaml", (struct hd_span){yaml, strlen(yaml)}, NULL,
                               &w->config, &mistakes, &w->f.err));
    cred_sha256_hex((struct hd_span){TOKEN, strlen(TOKEN)}, hash);
    w->now = (struct hd_now){.wall_ms = 1795220000000, .boot_ms = 100000};
    w->answer = BUF_INIT(PIPELINE_PACKET_MAX);
    struct pipeline_options o = {.wire = {w, wire_send, wire_cancel, wire_now},
                                 .store = w->f.s,
                                 .config = w->config,
                                 .boot_id = "boot",
                                 .admin_token_hash = hash};
    OK(&w->f, pipeline_new(&o, w->now, &w->p, &w->f.err));
    (void)pipeline_tick(w->p, w->now);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pipeline_free(w->p);
    config_unref(w->config);
    buf_clear(&w->answer);
    fixture_clean(&w->f);
    free(w);
    return 0;
}

static int order(struct world *w, const char *packet)
{
    buf_clear(&w->answer);
    w->answer = BUF_INIT(PIPELINE_PACKET_MAX);
    pipeline_command(w->p, w->now, (struct hd_span){packet, strlen(packet)}, &w->answer);
    const char *status = strstr(buf_at(&w->answer), "\"status\":");
    return status ? atoi(status + 9) : 0;
}

static void hold(struct world *w, int want)
{
    assert_int_equal(order(w, "{\"id\":2,\"do\":\"hold\",\"token\":\"" TOKEN "\",\"service\":null,\"guard\":null,"
                              "\"args\":{\"reason\":\"x\",\"duration_ms\":60000}}"), want);
}

static void I8_a_key_twice_in_one_turn(void **state)
{
    struct world *w = *state;
    assert_int_equal(order(w, CANCEL("k", "a")), 404);
    assert_int_equal(order(w, CANCEL("k", "a")), 404);
    hold(w, 201); /* the store can commit */
    assert_int_equal(order(w, CANCEL("k", "a")), 404);
    hold(w, 201);
}

static void a_key_for_another_order_in_one_turn(void **state)
{
    struct world *w = *state;
    assert_int_equal(order(w, CANCEL("k", "a")), 404);
    assert_int_equal(order(w, CANCEL("k", "b")), 422);
    hold(w, 201);
    assert_int_equal(order(w, CANCEL("k", "b")), 422);
}

/* I8: what waits for a commit is bounded; without a commit there is nothing to drop it by. */
static void I8_many_keys_in_one_turn(void **state)
{
    struct world *w = *state;
    int status = 0;
    for (int i = 0; i < 2000; i++) {
        char packet[400];
        (void)snprintf(packet, sizeof packet, "{\"id\":1,\"key\":\"k%d\",\"do\":\"cancel\",\"token\":\"" TOKEN "\","
                       "\"service\":null,\"guard\":\"none\",\"args\":{\"reason\":\"x\"}}", i);
        status = order(w, packet);
    }
    assert_int_equal(status, 503);
    hold(w, 201);
    assert_int_equal(order(w, CANCEL("k", "a")), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(I8_a_key_twice_in_one_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_for_another_order_in_one_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(I8_many_keys_in_one_turn, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
