/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's page, apart from the loading: from rows to HTML. Pure.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "http/view.h"

void guard_render(struct buf *, struct hd_arena *, const struct guard_view *, int64_t now_ms);

/* One check's chart as a file of its own: SVG with its style. */
void guard_chart(struct buf *, const struct guard_view *, const struct check_view *, int64_t now_ms);

#endif
