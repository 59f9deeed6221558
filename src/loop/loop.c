/* SPDX-License-Identifier: Apache-2.0
 *
 * See loop.h. Decides the order in which ready descriptors and due timers run. Never waits, never
 * reads the clock, never closes a descriptor that it did not open. Called by net (dispatch) and by
 * everyone who owns a descriptor or a timer.
 *
 * An event carries the descriptor's number and its generation, so that an event of a removed
 * descriptor, even when its number was given out again meanwhile, is dropped. Timers are a binary
 * heap by (due, order of setting).
 */
#include "loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_A_CALL 64

struct watch {
    loop_fd_fn *fn; /* NULL: not watched */
    void *user;
    uint32_t generation;
};

struct entry {
    int64_t due_ms;
    uint64_t order;
    struct loop_timer *timer;
};

struct loop {
    int epoll_fd, signal_fd;
    struct watch *watch; /* by descriptor */
    size_t n_watch;
    struct entry *heap; /* from 1; heap[i].timer->slot == i */
    size_t n, size;
    uint64_t order;
    int64_t floor_ms; /* while timers run: their `now`. What they set is due then at the earliest */
    void (*signal_fn)(void *user, int signal);
    void *signal_user;
};

enum hd_code loop_new(struct loop **ret, struct hd_error *err)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return hd_fail(err, HD_NOMEM, "event loop: out of memory");
    l->signal_fd = -1;
    l->floor_ms = INT64_MIN;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        free(l);
        return hd_fail(err, HD_IO, "event loop: %s", strerror(errno));
    }
    *ret = l;
    return HD_OK;
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    if (l->signal_fd >= 0)
        (void)close(l->signal_fd);
    (void)close(l->epoll_fd);
    free(l->watch);
    free(l->heap);
    free(l);
    return NULL;
}

int loop_fd(const struct loop *l) { return l->epoll_fd; }

/* --- descriptors --- */

static enum hd_code watch_room(struct loop *l, int fd, struct hd_error *err)
{
    if (fd < 0 || fd >= HD_DESCRIPTORS_MAX)
        return hd_fail(err, HD_LIMIT, "descriptor %d is not below %d", fd, HD_DESCRIPTORS_MAX);
    size_t need = (size_t)fd + 1;
    if (need <= l->n_watch)
        return HD_OK;
    size_t n = l->n_watch ? l->n_watch : 64;
    while (n < need)
        n *= 2;
    struct watch *watch = realloc(l->watch, n * sizeof *watch);
    if (!watch)
        return hd_fail(err, HD_NOMEM, "event loop: out of memory");
    memset(watch + l->n_watch, 0, (n - l->n_watch) * sizeof *watch);
    l->watch = watch;
    l->n_watch = n;
    return HD_OK;
}

static struct watch *watch_of(struct loop *l, int fd)
{
    return fd >= 0 && (size_t)fd < l->n_watch && l->watch[fd].fn ? &l->watch[fd] : NULL;
}

static int control(struct loop *l, int op, int fd, uint32_t events)
{
    uint64_t tag = (uint64_t)l->watch[fd].generation << 32 | (uint32_t)fd;
    struct epoll_event e = {.events = events, .data.u64 = tag};
    return epoll_ctl(l->epoll_fd, op, fd, &e);
}

enum hd_code loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *user,
                      struct hd_error *err)
{
    enum hd_code code = watch_room(l, fd, err);
    if (code)
        return code;
    if (watch_of(l, fd))
        return hd_fail(err, HD_CONFLICT, "descriptor %d is watched already", fd);
    l->watch[fd].generation++;
    if (control(l, EPOLL_CTL_ADD, fd, events) != 0)
        return hd_fail(err, HD_IO, "descriptor %d: %s", fd, strerror(errno));
    l->watch[fd].fn = fn;
    l->watch[fd].user = user;
    return HD_OK;
}

enum hd_code loop_change(struct loop *l, int fd, uint32_t events, struct hd_error *err)
{
    if (!watch_of(l, fd))
        return hd_fail(err, HD_ABSENT, "descriptor %d is not watched", fd);
    if (control(l, EPOLL_CTL_MOD, fd, events) != 0)
        return hd_fail(err, HD_IO, "descriptor %d: %s", fd, strerror(errno));
    return HD_OK;
}

void loop_remove(struct loop *l, int fd)
{
    struct watch *w = watch_of(l, fd);
    if (!w)
        return;
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    w->fn = NULL;
}

/* --- timers --- */

static bool entry_before(const struct entry *a, const struct entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void heap_put(struct loop *l, size_t i, struct entry e)
{
    l->heap[i] = e;
    e.timer->slot = i;
}

/* Places `e` into the hole at `i`, up or down as its key wants. */
static void heap_settle(struct loop *l, size_t i, struct entry e)
{
    for (; i > 1 && entry_before(&e, &l->heap[i / 2]); i /= 2)
        heap_put(l, i, l->heap[i / 2]);
    for (size_t child; (child = 2 * i) <= l->n; i = child) {
        if (child < l->n && entry_before(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!entry_before(&l->heap[child], &e))
            break;
        heap_put(l, i, l->heap[child]);
    }
    heap_put(l, i, e);
}

/* Timers live in owners whose number is capped; like an arena, the heap ends the process when there
 * is no memory: a timer lost in silence would be a deadline that never comes. */
static void heap_room(struct loop *l)
{
    if (l->n + 1 < l->size)
        return;
    l->size = l->size ? 2 * l->size : 64;
    struct entry *heap = realloc(l->heap, l->size * sizeof *heap);
    if (!heap)
        abort();
    l->heap = heap;
}

void loop_timer_drop(struct loop *l, struct loop_timer *t)
{
    size_t i = t->slot;
    if (!i)
        return;
    t->slot = 0;
    struct entry last = l->heap[l->n--];
    if (last.timer != t)
        heap_settle(l, i, last);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_boot_ms, loop_timer_fn *fn,
                    void *user)
{
    loop_timer_drop(l, t);
    heap_room(l);
    t->due_ms = due_boot_ms;
    t->fn = fn;
    t->user = user;
    struct entry e = {.due_ms = due_boot_ms > l->floor_ms ? due_boot_ms : l->floor_ms,
                      .order = ++l->order,
                      .timer = t};
    heap_settle(l, ++l->n, e);
}

int64_t loop_wait_ms(const struct loop *l, int64_t now_boot_ms, int64_t cap_ms)
{
    if (!l->n)
        return cap_ms;
    int64_t due = l->heap[1].due_ms, left = due <= now_boot_ms ? 0 : due - now_boot_ms;
    return left < cap_ms ? left : cap_ms;
}

/* --- running --- */

/* A timer set by a timer waits for the next call, even when it is due already: a chain of timers
 * cannot keep the descriptors waiting. The floor puts it behind all that is due now. */
static void run_timers(struct loop *l, int64_t now_boot_ms)
{
    uint64_t last = l->order;
    l->floor_ms = now_boot_ms;
    while (l->n && l->heap[1].due_ms <= now_boot_ms && l->heap[1].order <= last) {
        struct loop_timer *t = l->heap[1].timer;
        loop_timer_drop(l, t);
        t->fn(t->user);
    }
    l->floor_ms = INT64_MIN;
}

void loop_dispatch(struct loop *l, int64_t now_boot_ms)
{
    struct epoll_event event[EVENTS_A_CALL];
    int n = epoll_wait(l->epoll_fd, event, EVENTS_A_CALL, 0);
    for (int i = 0; i < n; i++) {
        int fd = (int)(uint32_t)event[i].data.u64;
        const struct watch *w = watch_of(l, fd);
        if (w && w->generation == event[i].data.u64 >> 32)
            w->fn(w->user, fd, event[i].events);
    }
    run_timers(l, now_boot_ms);
}

/* --- signals --- */

static void on_signal(void *user, int fd, uint32_t events)
{
    struct loop *l = user;
    struct signalfd_siginfo info;
    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        l->signal_fn(l->signal_user, (int)info.ssi_signo);
}

enum hd_code loop_signals(struct loop *l, const int *signals, size_t n,
                          void (*fn)(void *user, int signal), void *user, struct hd_error *err)
{
    if (l->signal_fd >= 0)
        return hd_fail(err, HD_CONFLICT, "signals are watched already");
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < n; i++) {
        if (sigaddset(&set, signals[i]) != 0)
            return hd_fail(err, HD_INVALID, "no such signal: %d", signals[i]);
    }
    int e = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (e)
        return hd_fail(err, HD_IO, "signals: %s", strerror(e));
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return hd_fail(err, HD_IO, "signals: %s", strerror(errno));
    enum hd_code code = loop_add(l, fd, EPOLLIN, on_signal, l, err);
    if (code) {
        (void)close(fd);
        return code;
    }
    l->signal_fd = fd;
    l->signal_fn = fn;
    l->signal_user = user;
    return HD_OK;
}
