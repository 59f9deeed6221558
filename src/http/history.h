/* SPDX-License-Identifier: Apache-2.0
 *
 * The guards of a service by a reader's filter: as the rows of its page, and the same rows as CSV
 * and JSON. The filter is in the address, so that it can be sent to somebody.
 */
#ifndef HTTP_HISTORY_H
#define HTTP_HISTORY_H

#include "http/call.h"

#define HISTORY_QUERY {"show", "since", "until", "before"}

struct history {
    const char *show, *since, *until; /* as they were asked for; never NULL */
    struct store_filter filter;
    bool narrowed; /* by anything of it */
};

/* False: refused. `limit`: rows of one page. */
bool history_read(struct call *, size_t limit, struct history *ret);
/* The form that makes such an address. */
void history_form(struct buf *, const struct history *);
/* "?show=reverted&since=2026-11-01" and whatever comes then; "" without a filter. */
void history_query(struct buf *, const struct history *, const char *before);

#endif
