/* SPDX-License-Identifier: Apache-2.0
 *
 * One series of an answer as it was read, before anything is decided about it; the same from both
 * readers (the quick one, and the one over the JSON tree).
 */
#ifndef PROVIDERS_PROMETHEUS_SERIES_H
#define PROVIDERS_PROMETHEUS_SERIES_H

#include <haldane/provider.h>

#include "base/buf.h"

struct label {
    struct hd_span name, value; /* inside the answer: no NUL behind them */
};

/* Both are used again for the next series, and grow with the longest. */
struct labels {
    struct label *at;
    size_t n, room;
};
struct points {
    struct hd_point *at; /* those that are numbers */
    size_t n, room;
    size_t all;          /* samples, numbers or not */
    uint16_t last_bad;   /* reason of the last one that is none */
    bool infinite;
};

void labels_add(struct labels *, struct hd_span name, struct hd_span value);
const struct hd_span *labels_find(const struct labels *, const char *name); /* its value, or NULL */
/* Sorted, as text, so that one series reads the same in every answer; sorts them. */
void labels_text(struct labels *, struct buf *to);

/* What stands there when it is no number: NaN, +Inf; 0: something else. */
uint16_t points_bad(struct hd_span value);
void points_add(struct points *, int64_t at_ms, double value);
void points_add_bad(struct points *, uint16_t reason);

/* The quick reader: walks the text of an answer that is nothing but series, as both servers write
 * it. Whatever else comes, it gives up, and the tree is read from the start. */
struct quick {
    const char *at, *end;
    bool matrix, first;
};
enum quick_next { QUICK_SERIES, QUICK_END, QUICK_LOST };
bool quick_begin(struct quick *, struct hd_span body, bool matrix);
/* A series, its labels, then its points; false: lost. */
enum quick_next quick_labels(struct quick *, struct labels *ret);
bool quick_points(struct quick *, struct points *ret, size_t max);

#endif
