/* SPDX-License-Identifier: Apache-2.0
 *
 * Lints that need the data: does what a check asks for exist, is it scraped often enough, is it too
 * much? For `check --online` and `doctor`.
 */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "cli/ask.h"

/* Prints a line for each thing found about one check; how many. */
size_t lint_check(struct asker *, const struct hd_config *, const struct hd_policy *,
                  const struct hd_check *);

#endif
