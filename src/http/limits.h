/* SPDX-License-Identifier: Apache-2.0
 *
 * What other limits would have done to the switches of the past, as `haldane backtest` says it in
 * JSON: read, put into words, drawn, and tabled. Pure.
 */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include "base/buf.h"

#include <haldane/types.h>

#define LIMITS_ROWS_MAX 16
#define LIMITS_SWEEPS_MAX 64

/* One value of a limit. */
struct limits_row {
    double number;
    const char *value, *text; /* "0.5%", "5 reverts, 2 real, 3 false" */
    bool own;                 /* the one in force */
    int64_t reverts, real, false_ones, unknown, missed, cut_short;
};

struct limits_sweep {
    const char *check, *limit; /* check NULL: of the sequential rule */
    int64_t switches, without; /* judged; whose policy had no such limit */
    size_t n;
    struct limits_row row[LIMITS_ROWS_MAX]; /* by number */
};

struct limits {
    size_t switches;  /* in all */
    size_t n_left_out;
    const char *left_out; /* why the first of those was; NULL: none */
    size_t n;
    struct limits_sweep *sweep; /* [n] */
};

/* Texts live in the arena. HD_PARSE. */
enum hd_code limits_read(struct hd_arena *, struct hd_span json, struct limits *ret, struct hd_error *err);

/* "http-5xx-ratio, max" */
const char *limits_name(struct hd_arena *, const struct limits_sweep *);
/* "0.5%: 5 reverts, 3 false; 1% (in force): 2 reverts, both real." */
void limits_say(struct buf *, const struct limits_sweep *);
/* A row of the service's page: one limit in words, and where the others are. */
struct call;
void limits_brief(struct call *, struct buf *);
/* Inside of a page; `id` is unique there. */
void limits_draw(struct buf *, struct hd_arena *, const struct limits_sweep *, unsigned id);
void limits_table(struct buf *, const struct limits_sweep *);
/* All of them as a file of its own. */
void limits_svg(struct buf *, struct hd_arena *, const char *service, const struct limits *);

#endif
