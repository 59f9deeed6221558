/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts in the store: who may order what, and who is logged in. Hashes only, never a token.
 */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "store/store.h"

enum store_origin { STORE_ORIGIN_ORDER, STORE_ORIGIN_CONFIG, STORE_ORIGIN_LOCAL };
struct store_token {
    int32_t origin;       /* enum store_origin */
    const char *name;
    int32_t role;         /* enum hd_token_role */
    const char *services; /* JSON array of globs */
    const char *hash;     /* hex SHA-256; CONFIG: a reference to it */
    const char *actor;    /* who made it; NULL */
    int64_t made_ms, until_ms; /* until -1: no end */
};
/* Whom a secret belongs to, for the face. */
struct store_account {
    const char *name;
    int32_t role;     /* enum hd_token_role */
    const char *csrf; /* what its forms must carry; NULL: it is no browser's session */
};
/* Replaces those of the config and the daemon's own. */
enum hd_code store_put_tokens(struct store *, const struct store_token *, size_t n, struct hd_error *err);
/* HD_CONFLICT: the name is taken, by whatever origin; HD_LIMIT. */
enum hd_code store_add_token(struct store *, const struct store_token *, struct hd_error *err);
enum hd_code store_drop_token(struct store *, const char *name, struct hd_error *err); /* HD_ABSENT */
enum hd_code store_tokens(struct store *, struct hd_arena *, struct store_token **ret, size_t *ret_n,
                          struct hd_error *err);
/* Also drops what has expired, and the oldest beyond HD_SESSIONS_MAX. */
enum hd_code store_add_session(struct store *, const char *hash, const char *token_hash, int64_t now_ms,
                               int64_t until_ms, struct hd_error *err);
enum hd_code store_drop_session(struct store *, const char *hash, struct hd_error *err);
/* HD_ABSENT: none, or expired. */
enum hd_code store_session(struct store *, struct hd_arena *, const char *hash, int64_t now_ms,
                           const char **ret_token_hash, struct hd_error *err);

#endif
