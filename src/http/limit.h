/* SPDX-License-Identifier: Apache-2.0
 *
 * How often somebody may do something. A fixed table: who shares a slot shares the allowance, which
 * can only refuse more, never less. Pure but for the table.
 */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include <haldane/types.h>

enum limit_kind {
    LIMIT_FAILED, /* secrets of nobody, by address */
    LIMIT_ORDERS, /* orders, by secret */
    LIMIT_KINDS
};

#define LIMIT_SLOTS 1024

struct limits {
    int64_t paid_ms[LIMIT_KINDS][LIMIT_SLOTS]; /* boot: until when what was taken is paid for */
};

/* False: not now. */
bool limit_take(struct limits *, enum limit_kind, uint64_t key, int64_t boot_ms);
/* True: limit_take would refuse. */
bool limit_spent(const struct limits *, enum limit_kind, uint64_t key, int64_t boot_ms);

#endif
