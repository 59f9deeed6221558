/* SPDX-License-Identifier: Apache-2.0
 *
 * What waiting for a guard and for a group have in common.
 */
#ifndef HTTP_FOLLOW_H
#define HTTP_FOLLOW_H

#include "http/call.h"

/* The query's "55s"; false: refused. */
bool follow_timeout(struct call *, int64_t *ret_ms);
/* Has what is waited for happened? `until`: "settled": also when users have recovered after a verified
 * revert, or did not in time, though haldane still looks after it; "change": or the guard is not as it was when the wait
 * began; else, or NULL: it has ended. */
bool follow_reached(const struct call *, const struct store_guard *, const char *until);

#endif
