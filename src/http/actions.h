/* SPDX-License-Identifier: Apache-2.0
 *
 * What a human can do from a page: which buttons stand where, and the page that asks once more
 * before anything is ordered. A link never changes anything; the form's POST hands the same order to
 * the loop as the API does.
 */
#ifndef HTTP_ACTIONS_H
#define HTTP_ACTIONS_H

#include "http/view.h"

/* Links to the actions that make sense now, and nothing when there are none. */
void actions_of_guard(struct buf *, const struct guard_view *, const struct way *, int64_t now_ms);
void actions_of_service(struct buf *, const char *service, const struct way *, bool live, bool held,
                        bool any_rejected);
void actions_of_fleet(struct buf *, bool held);

#endif
