/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces that more than one page shows. Pure.
 */
#ifndef HTTP_PARTS_H
#define HTTP_PARTS_H

#include "http/html.h"
#include "store/store.h"

/* What users get: a bar and "blue 100%, 5 of 5 ready". NULL roles: only the colours' names. */
void part_sides(struct buf *, const struct store_reading *, const struct store_guard *roles,
                int64_t now_ms);
/* "automatic reverts are held ..." */
void part_hold(struct buf *, const struct store_hold *, int64_t now_ms);
/* A table of guards; `service`: with a column for it. */
void part_guards(struct buf *, const struct store_guard *, size_t n, bool service, int64_t now_ms);
/* "[icon] watching" */
void part_state(struct buf *, int state);
/* "blue 41 to green 42" */
void part_switch(struct buf *, const struct store_guard *);
void part_service_link(struct buf *, const char *service);
/* "12.5%" of parts per million. */
void part_share(struct buf *, uint32_t share_ppm);

#endif
