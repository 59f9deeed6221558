/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends HTTP and line requests and gives back whole answers; does the one wait of the daemon.
 * Deadlines, byte caps, decompression, credentials, TLS are here, and nowhere else. Never blocks
 * outside net_wait: name look-ups run in libcurl's threads, and are abandoned at the deadline. LINE
 * takes addresses in numbers, or localhost.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "loop/loop.h"

#include <haldane/wire.h>

struct net;
/* Called once per accepted request, from net_wait, never from net_send. Everything in the response
 * dies when the callback returns. */
typedef void net_done_fn(void *user, const struct hd_response *);
/* The secret behind a reference (cred_resolve); given by main, so that net needs no cred. */
typedef enum hd_code net_secret_fn(struct hd_arena *, const char *reference, const char **ret,
                                   struct hd_error *err);

/* Call it before any thread starts. The process ignores SIGPIPE from here on. */
enum hd_code net_new(struct loop *, net_secret_fn *, struct net **ret, struct hd_error *err);
struct net *net_free(struct net *); /* cancels all; takes NULL, returns NULL */

/* Starts HTTP or LINE. The request must stay valid until the callback. Beyond HD_TRANSFERS_MAX in
 * flight, reads wait in line in order of asking; a request with an effect, or an urgent
 * one, is started at once.
 * `deadline_ms` (boot): no longer than this, whatever the endpoint's timeout; 0: only that. An
 * answer is always delivered: failures to start come as HD_IO_NOT_SENT. After a 401 the secrets are
 * read again, and the request is repeated once if they have changed. */
uint64_t net_send(struct net *, const struct hd_request *, int64_t deadline_boot_ms, net_done_fn *,
                  void *user);
/* A GET whose answer has no end (server-sent events): each piece of a 200 comes as it arrives, decompressed,
 * and is not kept; `done` comes once, when the peer has ended it (HD_IO_OK, or another status with its body),
 * was silent for `quiet_ms`, or is gone. Only the connecting is bounded by the endpoint's timeout. */
typedef void net_piece_fn(void *user, struct hd_span);
uint64_t net_follow(struct net *, const struct hd_request *, int64_t quiet_ms, net_piece_fn *, net_done_fn *,
                    void *user);
/* Fewer reads at once than HD_TRANSFERS_MAX (limits.in_flight); at least 1. */
void net_set_in_flight(struct net *, size_t n);
void net_cancel(struct net *, uint64_t id); /* no callback any more; unknown ids are fine */
size_t net_in_flight(const struct net *);

/* The one wait: until something is ready or `wait_ms` passed; runs net's callbacks and dispatches
 * the loop. */
void net_wait(struct net *, int64_t wait_ms);

#endif
