/* SPDX-License-Identifier: Apache-2.0
 *
 * Which request starts when: the cap on reads, sets that overtake, cancelling, the end.
 */
#include "fixture.h"

enum { MANY = 200 };

static void serve_slow(struct server *s, int fd, int connection)
{
    char *text = malloc(TEXT);
    (void)connection;
    while (hear(s, fd, text)) {
        int now = atomic_fetch_add(&s->now, 1) + 1, most = atomic_load(&s->most);
        while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
            ;
        (void)poll(NULL, 0, 30);
        atomic_fetch_sub(&s->now, 1);
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    free(text);
}

static void test_I8_reads_in_flight(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_slow, NULL);
    for (int i = 0; i < MANY; i++)
        send_call(call_server(client, i, s), 0);
    run_until(client, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(client->call[i].answers, 1);
        assert_int_equal(client->call[i].response.io, HD_IO_OK);
    }
    assert_int_equal(client->most_in_flight, HD_TRANSFERS_MAX);
    assert_in_range(atomic_load(&s->most), HD_TRANSFERS_MAX / 2, HD_TRANSFERS_MAX);
    for (int i = HD_TRANSFERS_MAX; i < MANY; i++) /* first in, first out, wave by wave */
        assert_true(client->call[i].order >= i - 2 * HD_TRANSFERS_MAX);
    assert_int_equal(net_in_flight(client->net), 0);
    server_stop(s);
}

static void test_I8_fewer_in_flight(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_slow, NULL);
    net_set_in_flight(client->net, 2);
    for (int i = 0; i < 10; i++)
        send_call(call_server(client, i, s), 0);
    run_until(client, 10);
    assert_int_equal(client->most_in_flight, 2);
    server_stop(s);
}

static void test_I10_a_set_overtakes(void **state)
{
    struct client *client = *state;
    struct server *held = server_tcp(serve_hold, NULL), *router = server_tcp(serve_echo, NULL);
    for (int i = 0; i < MANY; i++)
        send_call(call_server(client, i, held), 0);
    /* and so does a read that a revert waits for */
    static const enum hd_effect effects[] = {HD_EFFECT_SET, HD_EFFECT_ONCE, HD_EFFECT_READ};
    for (int i = 0; i < 3; i++) {
        struct call *c = call_server(client, MANY + i, router);
        c->request.effect = effects[i];
        c->request.urgent = effects[i] == HD_EFFECT_READ;
        int64_t start = clock_now().boot_ms;
        send_call(c, 0);
        assert_int_equal(net_in_flight(client->net), HD_TRANSFERS_MAX + 1);
        run_until(client, i + 1);
        assert_int_equal(c->response.io, HD_IO_OK);
        assert_true(clock_now().boot_ms - start < 2000);
    }
    atomic_store(&held->release, true);
    run_until(client, MANY + 3);
    server_stop(held);
    server_stop(router);
}

static void test_deadline_while_waiting(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_hold, NULL);
    for (int i = 0; i < HD_TRANSFERS_MAX; i++)
        send_call(call_server(client, i, s), 0);
    struct call *late = call_server(client, HD_TRANSFERS_MAX, s);
    send_call(late, clock_now().boot_ms + 200);
    run_until(client, 1);
    assert_int_equal(late->response.io, HD_IO_NOT_SENT);
    assert_in_range(late->response.took_ms, 199, 2000);
    atomic_store(&s->release, true);
    run_until(client, HD_TRANSFERS_MAX + 1);
    assert_true(atomic_load(&s->requests) == HD_TRANSFERS_MAX);
    server_stop(s);
}

static void test_I8_waiting(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_hold, NULL);
    struct call *one = call_server(client, 0, s);
    for (int i = 0; i < HD_TRANSFERS_MAX + HD_WAITING_MAX; i++)
        (void)net_send(client->net, &one->request, 0, on_answer, one);
    run_for(client, 20);
    assert_int_equal(client->n_answers, 0);
    struct call *past = call_server(client, 1, s);
    send_call(past, 0);
    run_until(client, 1);
    assert_int_equal(past->response.io, HD_IO_NOT_SENT);
    assert_string_equal(past->response.text, "too many requests are waiting");
    client->net = net_free(client->net); /* with everything on its way */
    server_stop(s);
}

static void test_cancel_in_callback(void **state)
{
    struct client *client = *state;
    struct server *s = server_tcp(serve_echo, NULL), *held = server_tcp(serve_hold, NULL);
    struct call *first = call_server(client, 0, s), *runs = call_server(client, 1, held),
                *fails = call_to(client, 2, "tcp:x"), *waits = NULL,
                *next = call_server(client, 3, s);
    send_call(runs, 0);
    first->request.effect = HD_EFFECT_SET;
    send_call(first, 0);
    for (int i = 10; i < 10 + HD_TRANSFERS_MAX; i++)
        send_call(waits = call_server(client, i, held), 0);
    client->cancel[0] = first; /* itself */
    client->cancel[1] = runs;
    client->cancel[2] = fails;
    client->cancel[3] = waits; /* the last one has no place yet */
    next->request.effect = HD_EFFECT_SET;
    client->send = next;
    run_until(client, 1);
    send_call(fails, 0);
    net_cancel(client->net, fails->id); /* ended, not yet delivered */
    run_until(client, 2);
    assert_int_equal(next->answers, 1);
    atomic_store(&held->release, true);
    run_until(client, 2 + HD_TRANSFERS_MAX - 1);
    run_for(client, 50);
    assert_int_equal(client->n_answers, 2 + HD_TRANSFERS_MAX - 1);
    assert_int_equal(first->answers, 1);
    assert_int_equal(runs->answers + fails->answers + waits->answers, 0);
    net_cancel(client->net, first->id);
    net_cancel(client->net, 0);
    assert_int_equal(net_in_flight(client->net), 0);
    server_stop(s);
    server_stop(held);
}

/* A callback that cancels an answer delivered in the same turn. */
static void test_cancel_ended(void **state)
{
    struct client *client = *state;
    struct call *a = call_to(client, 0, "tcp:x"), *b = call_to(client, 1, "tcp:x"),
                *c = call_to(client, 2, "tcp:x");
    send_call(a, 0);
    send_call(b, 0);
    client->cancel[0] = b;
    client->send = c;
    net_wait(client->net, 1000);
    run_until(client, 2);
    assert_int_equal(a->answers, 1);
    assert_int_equal(b->answers, 0);
    assert_int_equal(c->answers, 1);
}

static void on_timer(void *user) { ++*(int *)user; }

static void test_wait_runs_timers(void **state)
{
    struct client *client = *state;
    struct loop_timer timer = {0};
    int ran = 0;
    int64_t start = clock_now().boot_ms;
    loop_timer_set(client->loop, &timer, start + 100, on_timer, &ran);
    while (!ran && clock_now().boot_ms < start + 5000)
        net_wait(client->net, 10000);
    assert_int_equal(ran, 1);
    assert_in_range(clock_now().boot_ms - start, 100, 2000);
    start = clock_now().boot_ms;
    net_wait(client->net, 50);
    assert_in_range(clock_now().boot_ms - start, 45, 2000);
    net_wait(client->net, -5);
}

static void test_free_takes_null(void **state)
{
    (void)state;
    assert_null(net_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_CASE(test_I8_reads_in_flight), CLIENT_CASE(test_I8_fewer_in_flight),
        CLIENT_CASE(test_I10_a_set_overtakes),
        CLIENT_CASE(test_deadline_while_waiting), CLIENT_CASE(test_I8_waiting),
        CLIENT_CASE(test_cancel_in_callback), CLIENT_CASE(test_cancel_ended),
        CLIENT_CASE(test_wait_runs_timers), cmocka_unit_test(test_free_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
