/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP face: its own thread (libmicrohttpd), its own query-only store handle. Reads are
 * answered from the store; whatever changes something is handed to the guard loop as one JSON
 * text over a socket pair, and answered with what the loop says after its commit. The face shares
 * no memory with the loop but the page of atomics of base/metrics.h.
 *
 * A command on the pair (SOCK_SEQPACKET, one packet each way, at most HTTP_PACKET_MAX):
 *   {"id":7,"do":"revert","token":"hld_...","service":null,"guard":"01J...","args":{...}}
 * and its answer, which may come in any order:
 *   {"id":7,"status":202,"location":"/api/v1/guards/01J...","body":{...}}
 * "do": guard revert hold release cancel rearm acknowledge change mark drill reload doctor token
 * revoke_token login logout.
 * The loop checks the token, or the session that stands for one.
 * "service" and "guard" both null: the whole fleet. "args" is flat and holds only what orders.c
 * lists for the route, of the type and length given there: texts reason, to, from, colour, actor,
 * version, commit, url, name, role, mode, note, verdict, services (globs with commas), the number
 * duration_ms, the truth value rollback_safe; if_match and if_state are what the client saw of the
 * guard. "key" beside them is the Idempotency-Key, when there was one. A refusal is a status of 400 or
 * more with "body":{"code","detail","retryable"?,...}; the face makes the problem document of it.
 *
 * Two gauges of the loop are read here: haldane_last_tick_timestamp_seconds (wall seconds, set
 * every turn; /healthz) and haldane_ready (1: configuration loaded and not stopping; /readyz).
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "json/json.h"
#include "store/accounts.h"
#include "store/store.h"

#define HTTP_PACKET_MAX 131072 /* what a pair of sockets takes by default */

struct http;

/* Whose secret it is: HD_DENIED: nobody's. Asked on the face's thread with the face's own handle. */
typedef enum hd_code http_who(struct store *, struct hd_arena *, const char *secret, int64_t now_ms,
                              struct store_account *ret, struct hd_error *err);

/* What is wrong with a configuration that somebody pasted; nothing of it comes into force. Also on the
 * face's thread. HD_OK with mistakes in the answer; HD_LIMIT: too large. */
/* Judges a stored guard again, within the transaction, and writes what came of it as one object.
 * HD_ABSENT: there is no such guard, or no evidence of it any more. */
typedef enum hd_code http_replay(struct store *, struct hd_arena *, const char *guard, struct json_out *,
                                 struct hd_error *err);

struct http_mistake {
    const char *file;        /* NULL: the text that was sent */
    int line, column;        /* from 1; 0: of the whole */
    const char *path, *text; /* "services.shop.checks[0].max" */
    bool warning;
};
struct http_checked {
    const struct http_mistake *item;
    size_t n, more, errors;  /* more: beyond the n of the list; errors: of all that are no warnings */
    size_t services, checks; /* when there is no error */
};
typedef enum hd_code http_check(struct hd_arena *, struct hd_span yaml, const char *queries,
                                struct http_checked *ret, struct hd_error *err);

/* The errors, or the warnings, as a JSON array of {file?, line, column, pointer, detail}: as many as
 * fit. */
void http_put_mistakes(const struct http_checked *, bool warnings, struct buf *to);

struct http_options {
    const char *listen;     /* "127.0.0.1:8417" or "[::1]:8417"; port 0: any free one */
    const char *public_url; /* NULL: http://listen */
    const char *certificate, *key; /* PEM files: serve TLS; NULL: plain */
    const char *store_path;
    int commands; /* our end of the pair; owned from now on, whatever is returned */
    /* SHA-256 in hexadecimal, for receipts; NULL: there are none */
    void (*digest)(struct hd_span, char out[65]);
    http_check *check;   /* NULL: this daemon cannot */
    const char *queries; /* folder of the query library, borrowed for good; NULL: the one built in */
    http_replay *replay; /* NULL: this daemon cannot */
    http_who *who; /* NULL: nobody is asked: all may read, and orders go on to the loop */
    int32_t command_ms, request_ms; /* 0: HD_COMMAND_MS, HD_REQUEST_MS */
    int32_t beat_ms; /* a comment on a stream that was silent for so long; 0: 15 s */
};

/* HD_INVALID: listen is not address:port. HD_IO: it cannot be listened on, or the files of TLS
 * cannot be used. Call it on the loop's
 * thread (it makes the face's metric series), before or after the store exists. */
enum hd_code http_start(const struct http_options *, struct http **ret, struct hd_error *err);
/* Shows another pair of files to whoever connects from now on; those that are connected go on. The files
 * are tried first: HD_IO, HD_INVALID: what was shown stays. NULL: the configuration has none (a face that
 * speaks TLS goes on with the old pair; a plain one stays plain). Called on the loop's thread; the pair is
 * handed over by one atomic pointer. */
enum hd_code http_renew(struct http *, const char *certificate, const char *key, struct hd_error *err);
int http_port(const struct http *);    /* the one in use */
struct http *http_stop(struct http *); /* ends every connection; takes NULL, returns NULL */

#endif
