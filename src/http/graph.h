/* SPDX-License-Identifier: Apache-2.0
 *
 * The address at which a check's source draws what the check asked, over the time of its guard. Pure.
 */
#ifndef HTTP_GRAPH_H
#define HTTP_GRAPH_H

#include "http/view.h"

/* NULL: its source draws nothing, or the address given for it is none of the web. `until_ms`: of a guard that
 * goes on, up to when. */
const char *graph_url(struct hd_arena *, const struct check_view *, const struct store_guard *, int64_t until_ms);

#endif
