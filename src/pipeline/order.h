/* SPDX-License-Identifier: Apache-2.0
 *
 * One order on its way through the loop: what came in the packet, and what the answer will say.
 * Shared by command.c and the files that carry out a family of orders.
 */
#ifndef PIPELINE_ORDER_H
#define PIPELINE_ORDER_H

#include "json/json.h"
#include "pipeline/accounts.h"
#include "pipeline/internal.h"

struct order {
    struct pipeline *p;
    struct hd_arena *arena;
    const struct json *packet, *args;
    int64_t id;
    const char *what, *service, *guard, *token, *key; /* key: Idempotency-Key; NULL */
    char once_hash[65], once_order[65]; /* with a key: of who and the key, of what */
    struct account by; /* who gives it; known once it is allowed */
    /* the answer */
    int status;
    const char *code, *detail; /* of a problem */
    const char *again;         /* members of the answer that this key got before; NULL */
    const char *body;          /* JSON of an answer that is not about a guard; NULL */
    struct guard *about;       /* the guard the answer is about; NULL: none */
    char about_id[27];
    const struct store_guard *row; /* an analysis that ended: what the answer tells of it */
    struct hd_span text;       /* the packet itself */
    bool fresh;                /* the router was read after the order came */
    bool later;                /* it waits for that */
};

/* The answer is a refusal. */
void order_problem(struct order *, int status, const char *code, const char *detail);
/* An argument, made harmless and cut to HD_TEXT_MAX; NULL: not given, or empty. */
const char *order_text(const struct order *, const char *key);
int64_t order_number(const struct order *, const char *key, int64_t fallback);
/* The answer is about this guard. */
void order_about(struct order *, struct guard *, int status);
/* -1: the service has no such colour. */
int order_colour(const struct hd_policy *, const char *name);
void drill_order(struct order *, struct service *);
void analysis_order(struct order *, struct service *);
void alerts_order(struct order *, struct service *);
/* As accounts_order; g: the live guard that it names, or NULL. */
bool approval_order(struct order *, struct guard *);
/* True when the order was of that family: it was carried out then, or refused. `g`: the guard it is
 * about, when it is live. */
bool accounts_order(struct order *);
/* Its answer holds a secret. */
bool accounts_shows_secret(const struct order *);
bool change_order(struct order *, struct guard *g);
/* Gates belong to names that need not be services of ours. */
bool gates_order(struct order *);

#endif
