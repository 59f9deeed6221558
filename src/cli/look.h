/* SPDX-License-Identifier: Apache-2.0
 *
 * What `check --online` and `query run` print about one check and one router.
 */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "cli/ask.h"
#include "cli/lint.h"
#include "cli/table.h"

#define LOOK_COLUMNS 8
void look_head(struct table *);
/* Asks and adds a row for each colour, and says in `sides` how many series it has. An exit status:
 * CLI_INCONCLUSIVE: the source cannot be asked now; CLI_USAGE: it can, and what is asked is wrong. Then every
 * side counts as seen. */
int look_check(struct asker *, struct table *, const struct hd_config *, const struct hd_policy *,
                const struct hd_check *, int64_t window_ms, struct lint_sides *sides);
/* Of two such statuses: what the configuration has wrong stays wrong when the rest is up. */
int look_worse(int, int);
/* Reads the router, prints a line for each colour, and says in `sides` how much traffic it has. Where no
 * traffic is, rehearses whether the router would take a change. A status as above. */
int look_router(struct asker *, const struct hd_policy *, struct lint_sides *sides);

#endif
