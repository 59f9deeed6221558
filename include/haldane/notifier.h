/* SPDX-License-Identifier: Apache-2.0
 *
 * The notifier contract: a place to tell, as a codec. The core keeps one outbox row per event and
 * sink, retries and keeps the order; a notifier only writes the request and reads the reply.
 */
#ifndef HALDANE_NOTIFIER_H
#define HALDANE_NOTIFIER_H

#include <haldane/option.h>
#include <haldane/wire.h>

/* One event to tell, rendered once; page, API, CLI and chat print the same headline. */
struct hd_message {
    int64_t seq;              /* journal number: order and identity */
    const char *service, *guard; /* guard: id, or NULL */
    const char *state;        /* word of the guard's state, or NULL */
    const char *headline;     /* one line, at most 120 characters */
    const char *body;         /* a few lines: why, what was done; may be "" */
    const char *native;       /* command for a human, or NULL */
    const char *url;          /* of the page, or NULL */
    const char *stable, *candidate; /* colours, or NULL */
    const char *owner, *runbook, *dashboard; /* of the service, as configured now; or NULL */
    enum hd_severity severity;
    bool resolved;            /* the condition behind an earlier `act` message has ended */
    bool heartbeat;           /* "I am alive": no event behind it */
    int64_t at_ms, ends_ms;   /* wall; ends_ms: how long it is true without news (heartbeat, firing) */
};

struct hd_notifier {
    const char *name, *summary;
    uint32_t cfg_size;
    const struct hd_option *options;
    const struct hd_endpoint *(*endpoint)(const void *cfg);
    enum hd_code (*check)(const void *cfg, struct hd_error *err);
    bool heartbeats;   /* takes hd_message.heartbeat */
    int32_t repeat_ms; /* a firing act message is sent again at this pace until resolved; 0: once */
    /* All requests must be answered well: a peer each. */
    enum hd_code (*write)(struct hd_arena *, const void *cfg, const struct hd_message *,
                          struct hd_ask *ret_ask, struct hd_error *err);
    /* HD_OK delivered · HD_BUSY again later (*ret_retry_ms, 0: own backoff) · HD_INVALID never */
    enum hd_code (*reply)(struct hd_arena *, const void *cfg, const struct hd_exchange *,
                          int32_t *ret_retry_ms, struct hd_error *err);
};

extern const struct hd_notifier *const hd_notifiers[];
const struct hd_notifier *hd_notifier_find(const char *name);

#endif
