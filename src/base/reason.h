/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns a reason's numbers into the one sentence that page, API, CLI and chat print.
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include "base/buf.h"

#include <haldane/verdict.h>

/* What the numbers of a reason refer to. Any text may be NULL. */
struct reason_names {
    const char *const *check, *const *unit; /* by check index */
    size_t n_checks;
    const char *side[HD_ROLES];             /* colour names by role */
    const char *text;                       /* a foreign system's own words */
    const char *until;                      /* when it ends by itself */
};

const char *reason_slug(int number); /* "?" for an unknown number */
enum hd_severity reason_severity(int number);
void reason_render(struct buf *, const struct hd_reason *, const struct reason_names *);
/* A value with its unit, rounded for people: "4.8%", "212 ms", "1,234/s", "12". */
void reason_value(struct buf *, double value, const char *unit);
/* 12431 -> "12,431". */
void reason_count(struct buf *, double n);

#endif
