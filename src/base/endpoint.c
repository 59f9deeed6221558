/* SPDX-License-Identifier: Apache-2.0
 *
 * The nested option rows of an endpoint, and the rules across them; see haldane/endpoint.h.
 */
#include <haldane/endpoint.h>

static const char *const auth_words[] = {"none", "basic", "bearer", NULL}; /* enum hd_auth */

#define AT(field) .offset = offsetof(struct hd_endpoint, field)

const struct hd_option hd_endpoint_auth_options[] = {
    {.key = "type", .type = HD_OPT_WORD, AT(auth), .fallback = "none", .words = auth_words,
     .help = "How we log in."},
    {.key = "user", .type = HD_OPT_TEXT, AT(user), .fallback = "", .help = "User name (basic)."},
    {.key = "token", .type = HD_OPT_SECRET, AT(secret), .fallback = "",
     .help = "Reference to the token (bearer)."},
    {.key = "password", .type = HD_OPT_SECRET, .alias = true, AT(secret),
     .help = "Reference to the password (basic)."},
    {NULL},
};

const struct hd_option hd_endpoint_tls_options[] = {
    {.key = "ca", .type = HD_OPT_PATH, AT(ca_file), .fallback = "",
     .help = "File with the CAs we trust instead of the system's."},
    {.key = "cert", .type = HD_OPT_PATH, AT(cert_file), .fallback = "",
     .help = "Our client certificate."},
    {.key = "key", .type = HD_OPT_PATH, AT(key_file), .fallback = "",
     .help = "The key of our client certificate."},
    {NULL},
};

enum hd_code hd_endpoint_check(const struct hd_endpoint *at, struct hd_error *err)
{
    if (at->auth == HD_AUTH_BASIC && (!at->user || !at->secret))
        return hd_fail(err, HD_INVALID, "auth: basic needs `user` and `password`");
    if (at->auth == HD_AUTH_BEARER && !at->secret)
        return hd_fail(err, HD_INVALID, "auth: bearer needs `token`");
    if (at->auth != HD_AUTH_BASIC && at->user)
        return hd_fail(err, HD_INVALID, "auth.user: only basic has a user");
    if (at->auth == HD_AUTH_NONE && at->secret)
        return hd_fail(err, HD_INVALID, "auth: a secret is given, but no `type`: basic or bearer?");
    if (!at->cert_file != !at->key_file)
        return hd_fail(err, HD_INVALID, "tls: `cert` and `key` go together");
    return HD_OK;
}
