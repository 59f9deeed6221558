/* SPDX-License-Identifier: Apache-2.0
 *
 * What other limits would have done to the same switches: one row per limit, with its reverts told
 * apart by what is known of each switch.
 */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "cli/trial.h"
#include "json/json.h"

#define SWEEP_VALUES_MAX 16

struct sweep {
    const char *check;
    size_t n;
    double value[SWEEP_VALUES_MAX];
};

/* "CHECK=0.5%,1%,2%". HD_INVALID. */
enum hd_code sweep_read(struct hd_arena *, const char *text, struct sweep *ret,
                        struct hd_error *err);
/* A quarter, half, once, twice and four times the check's own limit; false: it has none. */
bool sweep_default(const struct hd_check *, struct sweep *ret);

/* How the trials ended under one limit. */
struct sweep_row {
    double value;
    bool own;                                 /* the limit of the policy as it is */
    size_t reverts, real, false_ones, missed; /* missed: bad ones that were kept */
};
enum hd_code sweep_run(const struct sweep *, const struct trial *const *, size_t n,
                       struct sweep_row ret[SWEEP_VALUES_MAX], struct hd_error *err);

/* "2 reverts, both real", "5 reverts, 2 real, 3 false", "no revert, 1 missed". */
const char *sweep_text(struct hd_arena *, const struct sweep_row *);
/* "max" "min" "worse_than_baseline": the limit that is swept; NULL: none. */
const char *sweep_limit(const struct hd_check *);

#endif
