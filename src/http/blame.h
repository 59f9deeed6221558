/* SPDX-License-Identifier: Apache-2.0
 *
 * "Was it the release?" of a stored guard: what base/cause.h needs to know, read from its row.
 */
#ifndef HTTP_BLAME_H
#define HTTP_BLAME_H

#include "base/cause.h"
#include "store/store.h"

void blame_facts(const struct store_guard *, struct cause_facts *ret);
/* The sentence; NULL: there is nothing to say. */
const char *blame_say(struct hd_arena *, const struct store_guard *);

#endif
