/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces that more than one page shows. Pure.
 */
#ifndef HTTP_PARTS_H
#define HTTP_PARTS_H

#include "http/html.h"
#include "http/way.h"

/* The place of a colour, which is its mark and hue on every page and in every chart, whatever its
 * role: 0 circle, 1 triangle, 2 square, 3 diamond. A colour that the reading does not name, or
 * without a reading: 0 for the guard's stable side, 1 for its candidate. */
unsigned part_place(const struct store_reading *, const struct store_guard *, const char *colour);
/* What users get: a bar and "blue v41 100%, 5 of 5 ready". The guard (NULL: none) knows versions and, if
 * it is what the page is about, `roles`. */
void part_sides(struct buf *, const struct store_reading *, const struct store_guard *, bool roles,
                int64_t now_ms);
/* "automatic reverts are held ..." */
void part_hold(struct buf *, const struct store_hold *, int64_t now_ms);
/* Why haldane would not act by itself, for how long, and what could be done about it; `lead` in front. */
void part_stance(struct buf *, struct hd_arena *, const char *lead, const struct stance *);
/* Whom to ask about a service, and where to look; NULL: not said. */
struct contacts {
    const char *owner, *runbook, *dashboard;
};
/* "owner #cart, runbook, dashboard"; `before` stands in front where there is any. */
void part_contacts(struct buf *, const char *before, const struct contacts *);
/* A foreign address may lead somewhere: http and https. NULL: no. */
bool part_leads(const char *url);
void part_link(struct buf *, const char *url, const char *word);
/* Whom a revert was left to, and what became of that. */
void part_approval(struct buf *, const struct store_approval *, int64_t now_ms);
/* A table of guards; `service`: with a column for it. */
void part_guards(struct buf *, const struct store_guard *, size_t n, bool service, int64_t now_ms);
/* " until 03:46:00Z (in 24m)": how long there is a way back; nothing without an end. */
void part_until(struct buf *, const struct way *, int64_t now_ms);
/* What speaks for and against it, a line each. */
void part_way(struct buf *, const struct way *);
/* "newest answer in 12 ms, 3 s ago" of a data source; "" until this daemon had one. */
void part_answered(struct buf *, const char *before, const char *source, int64_t now_ms);
/* "[icon] watching" */
void part_state(struct buf *, int state);
/* "blue 41 to green 42"; of an analysis, which has no switch, "green 42 against blue 41" */
void part_switch(struct buf *, const struct store_guard *);
void part_service_link(struct buf *, const char *service);
void part_group_link(struct buf *, const char *group);
/* "12.5%" of parts per million. */
void part_share(struct buf *, uint32_t share_ppm);

#endif
