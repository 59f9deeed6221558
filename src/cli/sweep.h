/* SPDX-License-Identifier: Apache-2.0
 *
 * What other limits, another chance of a false rollback or another tolerance would have done to the
 * same switches: one row per value, with its reverts told apart by what is known of each switch.
 */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "cli/trial.h"

#define SWEEP_VALUES_MAX 16
#define SWEEPS_MAX (HD_CHECKS_MAX + 2) /* each check's limit, and the two of the sequential rule */

enum sweep_of { SWEEP_LIMIT, SWEEP_FALSE_ROLLBACKS, SWEEP_TOLERANCE };

/* How the switches ended under one value. */
struct sweep_row {
    double value;
    bool own;                      /* the value of the policy as it is */
    size_t reverts, real, false_ones; /* the others: unknown */
    size_t missed;                 /* bad ones, judged to the end and not reverted */
    size_t cut_short;              /* their evidence ended before a verdict */
};

struct sweep {
    enum sweep_of of;
    const char *check; /* LIMIT: whose; else NULL */
    const char *limit; /* "max" "min" "worse_than_baseline" ... "false_rollbacks" "tolerance" */
    const char *unit;  /* of its values */
    size_t judged, without; /* switches; without: those whose policy had no such limit */
    size_t n;
    struct sweep_row row[SWEEP_VALUES_MAX];
};

/* "CHECK=0.5%,1%", "false_rollbacks=0.1%,1%", "tolerance=1.05x,1.5x". HD_INVALID names what the policy has. */
enum hd_code sweep_read(struct hd_arena *, const struct hd_policy *, const char *text, struct sweep *ret,
                        struct hd_error *err);
/* What is worth trying with this policy: around each limit, and around what the sequential rule was
 * given. Returns how many. */
size_t sweep_defaults(const struct hd_policy *, struct sweep ret[SWEEPS_MAX]);

/* Judges one more switch under every value. */
enum hd_code sweep_add(struct sweep *, const struct trial *, struct hd_error *err);

/* "2 reverts, both real", "5 reverts, 2 real, 3 false", "no revert, 1 missed". */
const char *sweep_text(struct hd_arena *, const struct sweep_row *);
const char *sweep_value(struct hd_arena *, const struct sweep *, double value);

#endif
