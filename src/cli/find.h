/* SPDX-License-Identifier: Apache-2.0
 *
 * Switches of the past by the traffic itself: the requests that the colours counted, asked of the
 * source of the first check that counts any.
 */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include "cli/recall.h"

struct find {
    struct asker *asker;
    struct hd_arena *arena;
    const struct hd_config *config;
    const struct hd_policy *policy;
    recall_progress_fn *progress; /* NULL: nobody is told */
    void *user;
};

/* A moment at which traffic moved to a candidate. */
struct find_switch {
    int64_t at_ms;    /* at the earliest */
    int64_t until_ms; /* when it moved on, or back; -1: not while a guard would have watched */
    uint32_t stable, candidate, next; /* colours; next: to whom it moved then */
    bool silent;      /* nobody counted a request: told from what the other side no longer got */
};

/* Every switch between two times that the source can show, in order, as the daemon would have taken
 * it: what moves back during a guard ends it and is no switch. HD_INVALID: no check counts requests. */
enum hd_code find_switches(const struct find *, int64_t from_ms, int64_t to_ms, struct find_switch **ret,
                           size_t *ret_n, struct hd_error *err);

/* When the traffic moved on from the candidate of a known switch, before `to_ms`: fills until_ms and
 * next. */
enum hd_code find_end(const struct find *, int64_t to_ms, struct find_switch *, struct hd_error *err);

#endif
