/* SPDX-License-Identifier: Apache-2.0
 *
 * Order of timers, changes from inside callbacks, stale events, signals.
 */
#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMERS = 500 };

struct tick {
    struct loop_timer timer;
    struct scene *scene;
    int name;
};

struct scene {
    struct loop *loop;
    struct tick tick[TIMERS];
    int ran[4 * TIMERS];
    size_t n_ran;
    struct tick *drop, *set; /* done by the next callback */
    int64_t set_due;
    int fd[3], remove, added;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct hd_error err;
    if (!s || loop_new(&s->loop, &err) != HD_OK)
        return -1;
    for (int i = 0; i < TIMERS; i++)
        s->tick[i] = (struct tick){.scene = s, .name = i};
    for (int i = 0; i < 3; i++)
        s->fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->remove = -1;
    s->added = -1;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    s->loop = loop_free(s->loop);
    for (int i = 0; i < 3; i++)
        (void)close(s->fd[i]);
    free(s);
    return 0;
}

static void on_tick(void *user)
{
    struct tick *t = user;
    struct scene *s = t->scene;
    s->ran[s->n_ran++] = t->name;
    if (s->drop)
        loop_timer_drop(s->loop, &s->drop->timer);
    if (s->set)
        loop_timer_set(s->loop, &s->set->timer, s->set_due, on_tick, s->set);
    s->drop = s->set = NULL;
}

static void set_tick(struct scene *s, int name, int64_t due)
{
    loop_timer_set(s->loop, &s->tick[name].timer, due, on_tick, &s->tick[name]);
}

static void want_ran(struct scene *s, size_t n, const int *want)
{
    assert_int_equal(s->n_ran, n);
    if (n)
        assert_memory_equal(s->ran, want, n * sizeof *want);
    s->n_ran = 0;
}

static void test_timers_in_order(void **state)
{
    struct scene *s = *state;
    uint32_t seed = 7;
    for (int i = 0; i < TIMERS; i++) {
        seed = seed * 1664525u + 1013904223u;
        set_tick(s, i, 1000 + (int64_t)(seed >> 24));
    }
    for (int i = 0; i < TIMERS; i += 3)
        loop_timer_drop(s->loop, &s->tick[i].timer);
    for (int i = 1; i < TIMERS; i += 5)
        set_tick(s, i, 900 + i);
    size_t left = 0;
    for (int i = 0; i < TIMERS; i++)
        left += s->tick[i].timer.slot != 0;
    loop_dispatch(s->loop, 1100);
    for (size_t i = 0; i < s->n_ran; i++)
        assert_true(s->tick[s->ran[i]].timer.due_ms <= 1100);
    loop_dispatch(s->loop, 10000);
    assert_int_equal(s->n_ran, left);
    for (size_t i = 1; i < s->n_ran; i++)
        assert_true(s->tick[s->ran[i - 1]].timer.due_ms <= s->tick[s->ran[i]].timer.due_ms);
}

static void test_equal_times_in_order_of_setting(void **state)
{
    struct scene *s = *state;
    for (int i = 9; i >= 0; i--)
        set_tick(s, i, 50);
    set_tick(s, 5, 50); /* moved to the end */
    loop_dispatch(s->loop, 49);
    want_ran(s, 0, NULL);
    loop_dispatch(s->loop, 50);
    want_ran(s, 10, (int[]){9, 8, 7, 6, 4, 3, 2, 1, 0, 5});
}

static void test_wait_ms(void **state)
{
    struct scene *s = *state;
    static const struct {
        int64_t due, now, cap, want;
    } row[] = {{100, 0, 1000, 100}, {100, 100, 1000, 0}, {100, 200, 1000, 0}, {5000, 0, 1000, 1000},
               {5000, 4000, 1000, 1000}, {5000, 4001, 1000, 999}, {100, 0, 0, 0},
               {INT64_MIN, 5, 9, 0}, {INT64_MAX, 5, 9, 9}};
    assert_int_equal(loop_wait_ms(s->loop, 0, 777), 777);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        set_tick(s, 0, row[i].due);
        if (loop_wait_ms(s->loop, row[i].now, row[i].cap) != row[i].want)
            fail_msg("row %zu", i);
    }
}

static void test_timer_changes_in_callback(void **state)
{
    struct scene *s = *state;
    set_tick(s, 1, 10);
    set_tick(s, 2, 10);
    set_tick(s, 3, 20);
    s->drop = &s->tick[2];
    loop_dispatch(s->loop, 30);
    want_ran(s, 2, (int[]){1, 3});

    set_tick(s, 1, 10);
    set_tick(s, 2, 25);
    s->set = &s->tick[1]; /* itself, overdue: next call, behind nothing that was due */
    s->set_due = 0;
    loop_dispatch(s->loop, 30);
    want_ran(s, 2, (int[]){1, 2});
    assert_int_equal(loop_wait_ms(s->loop, 30, 1000), 0);
    loop_dispatch(s->loop, 30);
    want_ran(s, 1, (int[]){1});
    loop_timer_drop(s->loop, &s->tick[1].timer);
    loop_dispatch(s->loop, 1000);
    want_ran(s, 0, NULL);
}

static void on_fd(void *user, int fd, uint32_t events)
{
    struct scene *s = user;
    struct hd_error err;
    assert_true(events & EPOLLIN);
    s->ran[s->n_ran++] = fd;
    for (int i = 0; s->remove == 1 && i < 3; i++)
        loop_remove(s->loop, s->fd[i]);
    /* the same number again, in the same turn: the old event must not reach it */
    if (s->added == 1)
        assert_int_equal(loop_add(s->loop, s->fd[fd == s->fd[0]], EPOLLIN, on_fd, s, &err), HD_OK);
    s->added = 0;
}

static void watch_all(struct scene *s)
{
    struct hd_error err;
    uint64_t one = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_add(s->loop, s->fd[i], EPOLLIN, on_fd, s, &err), HD_OK);
        assert_int_equal(write(s->fd[i], &one, sizeof one), sizeof one);
    }
}

static void test_descriptors(void **state)
{
    struct scene *s = *state;
    struct hd_error err;
    watch_all(s);
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 3);
    s->n_ran = 0;
    assert_int_equal(loop_change(s->loop, s->fd[1], 0, &err), HD_OK);
    loop_remove(s->loop, s->fd[0]);
    loop_remove(s->loop, s->fd[0]);
    loop_dispatch(s->loop, 0);
    want_ran(s, 1, (int[]){s->fd[2]});
    assert_int_equal(loop_add(s->loop, s->fd[2], EPOLLIN, on_fd, s, &err), HD_CONFLICT);
    assert_int_equal(loop_change(s->loop, s->fd[0], EPOLLIN, &err), HD_ABSENT);
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 1);
}

static void test_remove_in_callback(void **state)
{
    struct scene *s = *state;
    watch_all(s);
    s->remove = 1;
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 1);
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 1);
}

static void test_stale_event_after_add_again(void **state)
{
    struct scene *s = *state;
    watch_all(s);
    s->remove = s->added = 1;
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 1);
    s->remove = 0;
    loop_dispatch(s->loop, 0);
    assert_int_equal(s->n_ran, 2);
}

static void test_I8_descriptor_cap(void **state)
{
    struct scene *s = *state;
    struct hd_error err;
    assert_int_equal(loop_add(s->loop, HD_DESCRIPTORS_MAX, EPOLLIN, on_fd, s, &err), HD_LIMIT);
    assert_int_equal(loop_add(s->loop, HD_DESCRIPTORS_MAX - 1, EPOLLIN, on_fd, s, &err), HD_IO);
    assert_int_equal(loop_add(s->loop, -1, EPOLLIN, on_fd, s, &err), HD_LIMIT);
}

static void on_signal(void *user, int number)
{
    struct scene *s = user;
    s->ran[s->n_ran++] = number;
}

static void test_signals(void **state)
{
    struct scene *s = *state;
    struct hd_error err;
    const int set[] = {SIGUSR1, SIGHUP};
    assert_int_equal(loop_signals(s->loop, set, 2, on_signal, s, &err), HD_OK);
    assert_int_equal(loop_signals(s->loop, set, 2, on_signal, s, &err), HD_CONFLICT);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    loop_dispatch(s->loop, 0);
    want_ran(s, 2, (int[]){SIGHUP, SIGUSR1});
    loop_dispatch(s->loop, 0);
    want_ran(s, 0, NULL);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_timers_in_order), CASE(test_equal_times_in_order_of_setting), CASE(test_wait_ms),
        CASE(test_timer_changes_in_callback), CASE(test_descriptors), CASE(test_remove_in_callback),
        CASE(test_stale_event_after_add_again), CASE(test_I8_descriptor_cap), CASE(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
