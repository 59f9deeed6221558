/* SPDX-License-Identifier: Apache-2.0
 *
 * One check of one guard as a drawing and as a table of the same numbers. Pure.
 */
#ifndef HTTP_CHART_H
#define HTTP_CHART_H

#include "http/view.h"

struct chart {
    const struct check_view *check;
    const struct view_series *series;
    const char *stable, *candidate;             /* colours */
    unsigned place[HD_ROLES];                   /* theirs: part_place */
    bool analysis;                              /* it began, without a switch */
    int64_t switch_ms, decided_ms, verified_ms, recovered_ms; /* marks; -1: none */
    int64_t now_ms;
};

/* Stable is solid, candidate dashed; mark and hue are those of the colour, and both are named at
 * their ends. It begins a little before the switch: of the time before that only the last minute is
 * drawn, at the edge. */
void chart_draw(struct buf *, const struct chart *);
/* What the drawing shows, as one sentence. */
void chart_say(struct buf *, const struct chart *);
void chart_table(struct buf *, const struct chart *);

#endif
