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

/* What an order to guard asks beyond the configuration. */
struct terms {
    int64_t duration_ms; /* 0: as configured */
    int32_t mode;        /* enum hd_mode; enforce: as configured */
    bool unsafe;         /* going back would break things */
};

struct order {
    struct pipeline *p;
    struct hd_arena *arena;
    const struct json *packet, *args;
    int64_t id;
    const char *what, *service, *guard, *token, *key; /* key: Idempotency-Key; NULL */
    char once_hash[65], once_order[65]; /* with a key: of who and the key, of what */
    struct account by; /* who gives it; known once it is allowed */
    struct service *s;         /* the one it names, or that of the guard it names; NULL */
    struct guard *g;           /* the live guard or analysis it names; NULL */
    struct terms terms;
    /* the answer */
    int status;
    const char *code, *detail; /* of a problem */
    const char *errors;        /* of a problem: a JSON array of its parts; NULL */
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
/* Fills o->terms, or refuses (false). */
bool order_read_terms(struct order *);
/* To a guard that the order has started, or joins. False: refused, and nothing has changed. */
bool order_apply_terms(struct order *, struct guard *);
/* The row of any guard as it is stored, which the answer is about; NULL: there is none, which is said. */
const struct store_guard *order_stored(struct order *);
/* Into the journal: what was ordered, by whom and why. `g`: when it is live. */
void order_tell(struct order *, struct guard *g, const struct store_guard *, const char *what);
/* Puts the order aside until the router has been read: what it was a second ago may be the other
 * side of the very switch that is asked about. */
void order_read_first(struct order *);

/* Each carries one order out, or refuses it; the table of command.c says what it finds in `s` and `g`. */
void guard_order(struct order *);
void revert_order(struct order *);
void cancel_order(struct order *);
void acknowledge_order(struct order *);
void hold_order(struct order *);
void release_order(struct order *);
void rearm_order(struct order *);
void change_order(struct order *);
void mark_order(struct order *);
void analysis_order(struct order *);
void alerts_order(struct order *);
void approval_order(struct order *);
void drill_order(struct order *);
void doctor_order(struct order *);
void gates_order(struct order *);
void gates_event(struct order *);
void accounts_token(struct order *);
void accounts_revoke(struct order *);
void accounts_login(struct order *);
void accounts_logout(struct order *);
/* The hold that an order names by its number; NULL: it names none, or none in force. */
const struct store_hold *order_named_hold(const struct order *);
bool accounts_shows_secret(const struct order *); /* its answer holds a secret */

#endif
