/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard as a post-mortem in Markdown, filled in as far as the store knows, and the last twelve
 * hours as a handover. What only a human knows is left as an open box or an empty heading, and says
 * so. Pure.
 */
#ifndef HTTP_EXPORT_H
#define HTTP_EXPORT_H

#include "http/view.h"

/* `url`: of the face, for links. */
void export_guard(struct buf *, struct hd_arena *, const struct guard_view *, const char *url,
                  int64_t now_ms);
void export_handover(struct buf *, const struct store_guard *, size_t n, const char *url,
                     int64_t now_ms);
/* Foreign text, so that it cannot become markup or another line. NULL writes nothing. */
void export_text(struct buf *, const char *text);

/* Requests that failed beyond what the other side had meanwhile, by the check that failed:
 * sum over polls of max(0, errors - requests x share of errors on the other side). */
struct affected {
    const struct check_view *check; /* NULL: no check counts requests, or none failed */
    double requests, errors, beyond;
    uint32_t polls;
    int64_t last_ms; /* of the newest poll that it adds up */
};
void export_affected(const struct guard_view *, struct affected *ret);

#endif
