/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of what is being watched: what users get, the worst check, how far the guard is, and until when
 * the release can be taken back. The worst comes first.
 */
#ifndef HTTP_WATCHING_H
#define HTTP_WATCHING_H

#include "http/view.h"

#define WATCHING_MAX 100 /* each asks the store three times; the others are listed without */

struct watching {
    struct store_guard guard; /* with its engine's state */
    const struct store_reading *reading; /* NULL: none yet */
    enum tone tone;   /* of the worst check */
    const char *word; /* of it: "near its limit"; NULL: nothing is judged yet */
    struct way way;
};

/* What the table needs around one guard; `service`: as configured, NULL: no longer. */
struct watching_facts {
    const struct store_service *service;
    const struct store_reading *reading;
    const struct store_hold *hold;
    const char *alarm;
    int64_t now_ms;
};
enum hd_code watching_load(struct store *, struct hd_arena *, const char *id, const struct watching_facts *,
                           struct watching *ret, struct hd_error *err);
void watching_sort(struct watching *, size_t n);
void watching_table(struct buf *, const struct watching *, size_t n, int64_t now_ms);

#endif
