/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes over a wire, as values. Codecs (providers, actuators, notifiers) make requests and
 * read responses; they see no socket, no secret, no clock and no retry.
 */
#ifndef HALDANE_WIRE_H
#define HALDANE_WIRE_H

#include <haldane/types.h>

enum hd_via {
    HD_VIA_HTTP, /* no redirect is followed */
    HD_VIA_LINE, /* connect, send the body, read until the peer closes; whole only if the answer
                    ends in '\n'; no bytes at all = LOST */
    HD_VIA_EXEC, /* argv, body on stdin, stdout is the answer, stderr goes to the log */
};

enum hd_auth { HD_AUTH_NONE, HD_AUTH_BASIC, HD_AUTH_BEARER };

struct hd_pair {
    const char *name, *value;
};

/* Where and as whom. Part of the frozen config, filled from the shared option rows; secrets are
 * references ("${file:/run/secrets/x}") that the core resolves anew at each use. */
struct hd_endpoint {
    const char *name;  /* for messages: "datasources.prom" */
    const char *const *bases; /* https://host:port/prefix | unix:/path | tcp:host:port; never empty
                                 in a request; HTTP: or a secret reference to one; EXEC: no bases,
                                 only name and timeout_ms count */
    uint32_t n_bases;  /* replicas: one conversation stays on one of them */
    enum hd_auth auth;
    const char *secret; /* reference: token or password; NULL: none */
    const char *user;   /* BASIC */
    const char *ca_file, *cert_file, *key_file; /* NULL: the system's CAs, no client certificate */
    const char *proxy;  /* NULL: none; proxies of the environment are never read */
    const struct hd_pair *headers; /* values may be secret references */
    uint32_t n_headers;
    int32_t timeout_ms; /* one exchange, name look-up and connect included */
};

enum hd_effect {
    HD_EFFECT_READ, /* changes nothing */
    HD_EFFECT_SET,  /* absolute: sending it twice ends in the same state */
    HD_EFFECT_ONCE, /* a toggle or an order: at most once per intent */
};

struct hd_request {
    enum hd_via via;
    enum hd_effect effect;
    const char *label; /* "read weights": journal, page, log */
    const struct hd_endpoint *at;
    bool urgent;       /* a revert waits for it: it never stands in line behind others (set by the
                          core, not by codecs) */
    uint32_t base;     /* which of at->bases; HTTP and LINE */
    union {
        struct {
            const char *method;
            const char *path;  /* begins with '/', encoded; appended to the base's prefix */
            const char *query; /* encoded; NULL: none */
            const struct hd_pair *headers;
            size_t n_headers;
        } http;
        struct {
            const char *const *argv; /* NULL-terminated; argv[0] is an absolute path */
            bool own;                /* haldane itself: it gets our environment, secrets and all */
        } exec;
    } u;
    struct hd_span body; /* HTTP body; the line with its newline; stdin */
    uint32_t cap_bytes;  /* of the answer, decompressed */
};

enum hd_io {
    HD_IO_OK,       /* a whole answer is here */
    HD_IO_NOT_SENT, /* certainly no effect: refused, no such host, TLS refused before the request */
    HD_IO_LOST,     /* sent, or perhaps sent; the connection broke. Effect unknown */
    HD_IO_TIMEOUT,  /* effect unknown */
    HD_IO_TOO_BIG,  /* effect unknown */
};

struct hd_response {
    enum hd_io io;
    int32_t status;             /* HTTP status | exit status, 128+n for signal n | 0 */
    const struct hd_pair *headers; /* names in lower case */
    size_t n_headers;
    struct hd_span body;
    const char *text;           /* for io != OK: what happened, in words; never NULL */
    int64_t sent_ms;            /* wall time of the first byte */
    int32_t took_ms;
};

struct hd_exchange {
    const struct hd_request *request;
    const struct hd_response *response;
};

/* Everything said so far, in order of asking. A codec sees only exchanges with io == HD_IO_OK,
 * unless it says hd_provider.io_is_evidence. */
struct hd_talk {
    const struct hd_exchange *item;
    size_t n;
};

/* What a codec wants to know next; they go out together. n == 0: nothing more, the result is
 * filled. */
struct hd_ask {
    const struct hd_request *request[HD_ASK_MAX];
    size_t n;
};

#endif
