/* SPDX-License-Identifier: Apache-2.0
 *
 * A receipt (http/receipt.h) read back: its chain proved, its parts as what a replay needs.
 */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include "cli/trial.h"

/* HD_CORRUPT: the chain does not hold, and where; HD_PARSE: it is no receipt; HD_IO. `ret_guard` has
 * what a replay compares with; the policy is its pin. */
enum hd_code receipt_read(struct hd_arena *, const char *file, struct store_guard *ret_guard,
                          struct trial *ret, struct hd_error *err);

#endif
