/* SPDX-License-Identifier: Apache-2.0
 *
 * The option rows of an endpoint, shared by every codec that talks to one, so that address, login,
 * TLS, headers, proxy and timeout are written the same way everywhere. A codec puts them into its
 * own table:
 *
 *     static const struct hd_option options[] = {
 *         HD_ENDPOINT_OPTIONS(struct prometheus_cfg, at),
 *         {.key = "max_age", ...},
 *         {NULL},
 *     };
 */
#ifndef HALDANE_ENDPOINT_H
#define HALDANE_ENDPOINT_H

#include <haldane/option.h>
#include <haldane/wire.h>

/* Rows relative to a struct hd_endpoint. */
extern const struct hd_option hd_endpoint_auth_options[], hd_endpoint_tls_options[];

/* Rules across the rows: basic needs user and password, bearer a token, cert goes with key. A
 * codec's `check` calls it. HD_INVALID; the text names the option. */
enum hd_code hd_endpoint_check(const struct hd_endpoint *, struct hd_error *err);

/* What every endpoint has, whatever its address is made of. */
#define HD_ENDPOINT_COMMON(struct_, member)                                                        \
    {.key = "endpoint",                                                                            \
     .type = HD_OPT_TEXT,                                                                          \
     .internal = true,                                                                             \
     .offset = offsetof(struct_, member.name),                                                     \
     .fallback = "",                                                                               \
     .help = "Name of this endpoint in messages."},                                                \
    {                                                                                              \
        .key = "timeout", .type = HD_OPT_DURATION, .offset = offsetof(struct_, member.timeout_ms), \
        .size = sizeof(int32_t), .fallback = "5s", .min = 100, .max = 60000,                       \
        .help = "How long one exchange may take, name look-up and connect included."               \
    }

/* Address of an HTTP endpoint: url or urls. `secret_`: an address may be a secret. */
#define HD_ENDPOINT_URLS(struct_, member, secret_)                                                 \
    {.key = "urls",                                                                                \
     .type = HD_OPT_URLS,                                                                          \
     .secret = secret_,                                                                            \
     .offset = offsetof(struct_, member.bases),                                                    \
     .count_offset = offsetof(struct_, member.n_bases),                                            \
     .help = "Addresses of the replicas; one conversation stays on one of them."},                 \
    {                                                                                              \
        .key = "url", .type = HD_OPT_URLS, .alias = true, .secret = secret_,                       \
        .offset = offsetof(struct_, member.bases),                                                 \
        .count_offset = offsetof(struct_, member.n_bases),                                         \
        .help = "Address, where there is one only."                                                \
    }

/* An HTTP endpoint whose codec makes the address: auth, tls, headers, proxy, timeout. */
#define HD_ENDPOINT_HTTP(struct_, member)                                                          \
    HD_ENDPOINT_COMMON(struct_, member),                                                           \
    {.key = "auth",                                                                                \
     .type = HD_OPT_GROUP,                                                                         \
     .offset = offsetof(struct_, member),                                                          \
     .size = sizeof(struct hd_endpoint),                                                           \
     .fallback = "",                                                                               \
     .sub = hd_endpoint_auth_options,                                                              \
     .help = "How we log in."},                                                                    \
    {.key = "tls",                                                                                 \
     .type = HD_OPT_GROUP,                                                                         \
     .offset = offsetof(struct_, member),                                                          \
     .size = sizeof(struct hd_endpoint),                                                           \
     .fallback = "",                                                                               \
     .sub = hd_endpoint_tls_options,                                                               \
     .help = "Whom we trust, and the certificate we show."},                                       \
    {.key = "headers",                                                                             \
     .type = HD_OPT_PAIRS,                                                                         \
     .offset = offsetof(struct_, member.headers),                                                  \
     .count_offset = offsetof(struct_, member.n_headers),                                          \
     .fallback = "",                                                                               \
     .help = "Headers of every request; a value may be a secret reference."},                      \
    {                                                                                              \
        .key = "proxy", .type = HD_OPT_URL, .offset = offsetof(struct_, member.proxy),             \
        .fallback = "", .help = "HTTP proxy; those of the environment are never used."             \
    }

/* An HTTP endpoint: all of both. */
#define HD_ENDPOINT_OPTIONS(struct_, member)                                                       \
    HD_ENDPOINT_URLS(struct_, member, false), HD_ENDPOINT_HTTP(struct_, member)

/* A line-based endpoint: socket or sockets, timeout. */
#define HD_SOCKET_OPTIONS(struct_, member)                                                         \
    HD_ENDPOINT_COMMON(struct_, member),                                                           \
    {.key = "sockets",                                                                             \
     .type = HD_OPT_SOCKETS,                                                                       \
     .offset = offsetof(struct_, member.bases),                                                    \
     .count_offset = offsetof(struct_, member.n_bases),                                            \
     .min = 1,                                                                                     \
     .max = HD_LINE_INSTANCES_MAX,                                                                 \
     .help = "Sockets of the instances that must agree: /path or tcp:host:port."},                 \
    {                                                                                              \
        .key = "socket", .type = HD_OPT_SOCKETS, .alias = true,                                    \
        .offset = offsetof(struct_, member.bases),                                                 \
        .count_offset = offsetof(struct_, member.n_bases),                                         \
        .help = "Socket, where there is one instance only."                                        \
    }

#endif
