/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of what is being watched: what users get, the worst check, how far the guard is, and until when
 * the release can be taken back. The worst comes first.
 */
#ifndef HTTP_WATCHING_H
#define HTTP_WATCHING_H

#include "http/view.h"

#define WATCHING_MAX 100 /* each asks the store twice; the others are listed without */

struct watching {
    const struct store_guard *guard; /* as it was listed */
    const struct store_reading *reading; /* NULL: none yet */
    enum hd_band worst; /* of its checks */
    const struct stance *stance;
    struct way way;
};

/* What the table needs around one guard; `service`: as configured, NULL: no longer. */
struct watching_facts {
    const struct store_service *service;
    const struct store_reading *reading;
    const struct stance *stance;
    const struct store_budgets *budgets;
    const char *alarm;
    int64_t now_ms;
};
enum hd_code watching_load(struct store *, struct hd_arena *, const struct store_guard *,
                           const struct watching_facts *, struct watching *ret, struct hd_error *err);
void watching_sort(struct watching *, size_t n);
void watching_table(struct buf *, const struct watching *, size_t n, int64_t now_ms);

#endif
