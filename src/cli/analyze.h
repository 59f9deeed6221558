/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways of `haldane analyze`; each returns an exit status.
 */
#ifndef CLI_ANALYZE_H
#define CLI_ANALYZE_H

#include "cli/internal.h"

/* A canary config of Kayenta over given values, or over a data source. */
int analyze_canary(const struct cli_args *);
/* A configured service's own checks over a time of the past. */
int analyze_service(const struct cli_args *);

#endif
