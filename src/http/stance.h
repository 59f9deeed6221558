/* SPDX-License-Identifier: Apache-2.0
 *
 * How haldane stands to a release now: would it take it back by itself, and if not, why not and for how
 * long (base/would.h), as every page, the API and, through it, the CLI say it. Reads the store.
 */
#ifndef HTTP_STANCE_H
#define HTTP_STANCE_H

#include "json/json.h"
#include "store/store.h"

struct stance {
    bool known;          /* else nobody can say: no such service any more, or nothing to take back */
    struct would act;    /* by itself */
    struct would order;  /* the gate alone, for who orders it */
    const char *because; /* why not by itself, a sentence; NULL: it would */
    const char *left;    /* "4m 10s left"; NULL: nobody knows when that ends */
    const char *next;    /* what a human could do about it; NULL: wait, or nothing */
};

/* As store_would; what the store cannot say leaves it unknown. */
enum hd_code stance_load(struct store *, struct hd_arena *, const struct store_asked *, struct stance *ret,
                         struct hd_error *err);
/* It watches, and nothing is decided yet: there is something to take back. */
bool stance_open(const struct store_guard *);
/* To a guard that is open; to another one it is unknown. */
enum hd_code stance_of_guard(struct store *, struct hd_arena *, const struct store_guard *,
                             const struct store_budgets *, int64_t now_ms, struct stance *ret, struct hd_error *err);
/* It is known, and it would not. */
static inline bool stance_left_alone(const struct stance *s) { return s && s->known && s->because; }
/* ", 4m 10s left", or nothing. */
const char *stance_left(struct hd_arena *, const struct stance *);
/* would_act, would_not_because, would_not_until; NULL: unknown. */
void stance_put(struct json_out *, const struct stance *);

#endif
