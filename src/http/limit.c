/* SPDX-License-Identifier: Apache-2.0
 *
 * See limit.h: one instant per slot (the generic cell rate algorithm, as ATM networks police a
 * line). Called by who.c and login.c.
 */
#include "http/limit.h"

static const struct {
    int64_t period_ms, burst;
} rates[LIMIT_KINDS] = {
    /* A secret has 256 bits: this keeps a guesser's load and log lines small, not his chances. */
    [LIMIT_FAILED] = {6000, 10},
    /* A loop that orders more often is broken; the guard loop must stay free for reverts. */
    [LIMIT_ORDERS] = {50, 200},
};

bool limit_spent(const struct limits *l, enum limit_kind kind, uint64_t key, int64_t boot_ms)
{
    int64_t paid = l->paid_ms[kind][key % LIMIT_SLOTS];
    return paid - boot_ms > (rates[kind].burst - 1) * rates[kind].period_ms;
}

bool limit_take(struct limits *l, enum limit_kind kind, uint64_t key, int64_t boot_ms)
{
    int64_t *paid = &l->paid_ms[kind][key % LIMIT_SLOTS];
    if (limit_spent(l, kind, key, boot_ms))
        return false;
    *paid = (*paid > boot_ms ? *paid : boot_ms) + rates[kind].period_ms;
    return true;
}
