/* SPDX-License-Identifier: Apache-2.0
 *
 * Lints that need the data: does what a check asks for exist, is it scraped often enough, is it too
 * much? For `check --online` and `doctor`. Reads only.
 */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "cli/ask.h"

#define LINTS_MAX 32 /* of one check; more is no news */

enum lint_kind {
    LINT_NOTE,
    LINT_MISSING, /* haldane would be blind: something that is asked for does not exist */
    LINT_MIXED,   /* a side's series are of more than one program */
    LINT_FOREIGN, /* and one of them is another service of this configuration */
};
struct lint {
    const char *slug; /* "label_absent" */
    const char *text; /* what is not as the check wants it, and what there is instead */
    enum lint_kind kind;
};
struct lints {
    struct lint item[LINTS_MAX];
    size_t n;
};

/* What is known of the sides. */
struct lint_sides {
    size_t series[HD_SIDES_MAX];      /* that answered */
    uint32_t share_ppm[HD_SIDES_MAX]; /* of the traffic; HD_UNKNOWN */
};

/* All that is found about one check; texts live in the arena. */
void lint_check(struct asker *, struct hd_arena *, const struct hd_config *, const struct hd_policy *,
                const struct hd_check *, const struct lint_sides *, struct lints *ret);

#endif
