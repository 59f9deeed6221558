/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: references in the config, read anew at each use; tokens of our own HTTP face.
 */
#ifndef CRED_CRED_H
#define CRED_CRED_H

#include <haldane/types.h>

/* True for a well-formed "${file:/path}", "${env:NAME}" or "${credential:name}" (the last is a file
 * of systemd's $CREDENTIALS_DIRECTORY). */
bool cred_is_reference(const char *text);
/* The secret behind a reference, one trailing newline removed; text without a reference is given
 * back as it is. HD_ABSENT, HD_DENIED, HD_LIMIT (64 KiB), HD_INVALID (control characters inside);
 * the text names the reference, never the secret. */
enum hd_code cred_resolve(struct hd_arena *, const char *text, const char **ret, struct hd_error *err);

/* "hld_" + 43 characters of 256 random bits. */
enum hd_code cred_token_new(char out[64], struct hd_error *err);
/* Hex SHA-256 of any bytes. */
void cred_sha256_hex(struct hd_span bytes, char out[65]);
/* Constant-time comparison of two texts of any length. */
bool cred_equal(const char *a, const char *b);

#endif
