/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a secret belongs to: tokens of the config, of the daemon's own file and those made by an
 * order, and browsers' sessions. Works on any handle of the store, so that the face asks the same
 * question on its own thread as the loop does before it obeys.
 */
#ifndef PIPELINE_ACCOUNTS_H
#define PIPELINE_ACCOUNTS_H

#include "store/accounts.h"
#include "store/store.h"

#include <haldane/policy.h>

struct account {
    const char *name;
    int32_t role;                /* enum hd_token_role */
    const char *const *services; /* globs, NULL-terminated */
    char hash[65];               /* of its token */
    bool session;
};

/* HD_DENIED: nobody's. Any other code: the store cannot be read. */
enum hd_code accounts_find(struct store *, struct hd_arena *, const char *secret, int64_t now_ms,
                           struct account *ret, struct hd_error *err);
/* The same as the face wants it (http_options.who). */
enum hd_code accounts_who(struct store *, struct hd_arena *, const char *secret, int64_t now_ms,
                          struct store_account *ret, struct hd_error *err);
/* What the account may do to a service, or (NULL) to the whole fleet: a role. Globs bound what is
 * changed; who is known at all may read. */
int32_t accounts_role(const struct account *, const char *service);

struct pipeline;
/* The config's tokens and the daemon's own, for the store's transaction of the turn. */
enum hd_code accounts_save(struct pipeline *, struct hd_error *err);

#endif
