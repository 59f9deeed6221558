/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the guard's page: its three parts, each in a file of its own. Pure.
 */
#ifndef HTTP_GUARD_PARTS_H
#define HTTP_GUARD_PARTS_H

#include "http/view.h"

/* The first screen: am I needed, what do users get, what was done, why, is it the deploy, can I go
 * back, what can I do, what changed, how sure is it. */
void guard_lead(struct buf *, struct hd_arena *, const struct guard_view *, int64_t now_ms);
/* Timeline, changes of traffic, the service's history, who was told, particulars, exports. */
void guard_rest(struct buf *, const struct guard_view *, int64_t now_ms);
/* The guard's own sentence, the same in heading, title and chat: "checkout: Rolled back to ...". */
const char *guard_sentence(struct hd_arena *, const struct store_guard *);

#endif
