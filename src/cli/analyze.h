/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways of `haldane analyze`; each returns an exit status.
 */
#ifndef CLI_ANALYZE_H
#define CLI_ANALYZE_H

#include "cli/internal.h"
#include "cli/trial.h"
#include "pipeline/canary.h"

#define ANALYZE_PASS 75 /* scores, as in Orca, Kayenta's usual client */
#define ANALYZE_MARGINAL 50

/* A canary config of Kayenta over given values, or over a data source. */
int analyze_canary(const struct cli_args *);
/* A configured service's own checks over a time of the past. */
int analyze_service(const struct cli_args *);
/* The evidence of a trial by Kayenta's test instead of the checks' limits. */
int analyze_rule(const struct cli_args *, struct hd_arena *, const struct trial *);
/* --compat; an exit status. */
int analyze_compat(const struct cli_args *, bool *ret_strict);
/* What they share: judges values as --thresholds and -o say, and prints the result. */
int analyze_values(const struct cli_args *, struct hd_arena *, const struct canary *,
                   struct canary_pair *, size_t n, double pass, double marginal);

#endif
