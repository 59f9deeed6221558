/* SPDX-License-Identifier: Apache-2.0
 *
 * An order with a key is carried out once: its repetition gets the first answer (the IETF's draft of
 * the Idempotency-Key header).
 */
#ifndef PIPELINE_ONCE_H
#define PIPELINE_ONCE_H

#include "pipeline/order.h"

/* False: the answer is there already, or the key must not be used so. */
bool once_admit(struct order *);
/* Remembers the answer, for the transaction of this turn. `members`: the packet's, without the id. */
void once_remember(const struct order *, const char *members);

/* They are stored, or nobody will ask any more. */
void once_forget(struct pipeline *);

#endif
