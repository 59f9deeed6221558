/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asking: finds the secret of a request, lets the daemon say whose it is, and refuses who may
 * not see or do this at all. What a role and its services allow is decided by the loop.
 */
#ifndef HTTP_WHO_H
#define HTTP_WHO_H

#include "http/call.h"

#define WHO_COOKIE "haldane"

/* "/t/TOKEN/rest": takes the token out of the path. Before the route is looked for. */
void who_take_path(struct call *);
/* Finds the secret in the headers; needs the route. */
void who_read(struct call *);
/* Could be a token or a session. */
bool who_is_secret(const char *text);
/* After the body: sets c->account. False: refused (reply filled). `unread`: why there is no store
 * to look into; NULL: there is one. */
bool who_admit(struct call *, const struct hd_error *unread);
/* Counts a secret of nobody and refuses: 401, or 429 when there were many. */
void who_refuse_secret(struct call *);

#endif
