/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known to go wrong with PromQL that decides over a release, read off the text alone. Never
 * refuses anything. Called by build_check.c (warnings of `check`) and by `query lint`.
 */
#ifndef CONFIG_LINT_H
#define CONFIG_LINT_H

#include <haldane/types.h>

struct config_lint {
    const char *slug; /* "ratio_of_series" */
    const char *text; /* what happens, and what to write instead */
    size_t at;        /* byte in the query */
};

#define CONFIG_LINTS_MAX 32 /* of one query; more is no news */

struct config_lints {
    struct config_lint item[CONFIG_LINTS_MAX];
    size_t n;
};

/* `label`: of the service that asks ("version"), by which colours are told apart. Texts live in the
 * arena. */
void config_lint(struct hd_arena *, const char *query, const char *label, struct config_lints *ret);

#endif
