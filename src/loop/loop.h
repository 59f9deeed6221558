/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns one epoll descriptor and the timers. It never waits: net/ does the one wait on loop_fd()
 * together with libcurl's sockets, then calls loop_dispatch().
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <haldane/types.h>

struct loop;
typedef void loop_fd_fn(void *user, int fd, uint32_t events /* EPOLLIN ... */);
typedef void loop_timer_fn(void *user);

/* Embedded in its owner; zero it before the first use. */
struct loop_timer {
    int64_t due_ms; /* boot */
    loop_timer_fn *fn;
    void *user;
    size_t slot; /* the loop's own; 0: not set */
};

enum hd_code loop_new(struct loop **ret, struct hd_error *err);
struct loop *loop_free(struct loop *); /* takes NULL, returns NULL; closes no foreign descriptor */
int loop_fd(const struct loop *);

enum hd_code loop_add(struct loop *, int fd, uint32_t events, loop_fd_fn *, void *user,
                      struct hd_error *err);
enum hd_code loop_change(struct loop *, int fd, uint32_t events, struct hd_error *err);
void loop_remove(struct loop *, int fd); /* before closing it; safe inside a callback */

/* Sets or moves a timer. */
void loop_timer_set(struct loop *, struct loop_timer *, int64_t due_boot_ms, loop_timer_fn *, void *user);
void loop_timer_drop(struct loop *, struct loop_timer *); /* unset timers are fine */

/* ms until the next timer, 0 if one is due, at most `cap_ms`. */
int64_t loop_wait_ms(const struct loop *, int64_t now_boot_ms, int64_t cap_ms);
/* Runs what is ready without waiting: descriptors (at most 64 a call), then timers due at `now`. */
void loop_dispatch(struct loop *, int64_t now_boot_ms);

/* SIGTERM, SIGINT, SIGHUP, ... as descriptor events; blocks them for the process. */
enum hd_code loop_signals(struct loop *, const int *signals, size_t n, void (*fn)(void *user, int signal),
                          void *user, struct hd_error *err);

#endif
