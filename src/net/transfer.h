/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside net/ only: one request on its way, and what the two ways to carry it have in common. A
 * transfer is in exactly one list: waiting, running or ended; an ended one waits for its callback.
 */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "loop/loop.h"
#include "net/net.h"

TAILQ_HEAD(transfers, transfer);

struct transfer {
    TAILQ_ENTRY(transfer) link;
    struct transfers *in;
    struct net *net;
    uint64_t id;
    const struct hd_request *request;
    net_done_fn *done;
    net_piece_fn *piece; /* of an answer without an end; NULL: a whole answer */
    int64_t quiet_ms;    /* with it: longer silence is the end */
    void *user;
    int64_t deadline_ms;      /* boot, as the caller said; 0: none */
    int64_t end_ms;           /* boot: this exchange ends here; known when it starts */
    struct hd_now started;
    struct loop_timer timer;  /* deadline while waiting, and of a LINE */
    struct hd_arena *arena;   /* headers, texts, secrets; from the start on */
    struct buf body;
    struct hd_pair header[HD_HEADERS_MAX];
    size_t n_header, header_bytes;
    bool too_big;
    struct hd_response response; /* filled by transfer_end */

    /* HTTP */
    CURL *easy; /* NULL: not with curl */
    struct curl_slist *lines;
    const char *const *secrets; /* as read_secrets: those that were sent */
    char *curl_text;            /* CURL_ERROR_SIZE */
    int64_t attempt_ms;         /* wall: this attempt began */
    bool head_whole;            /* the empty line after the headers has come */
    bool again;                 /* the one retry after 401 has been used */

    /* LINE */
    int fd; /* -1: none */
    size_t sent;
    bool connected;
};

/* A peer whose name was not found in time: hash of its text, and how long it is left alone. */
struct unresolved {
    uint64_t peer;
    int64_t until_ms; /* boot */
};

struct net {
    struct loop *loop;
    net_secret_fn *secret;
    CURLM *multi;
    CURL *idle[HD_TRANSFERS_MAX];
    size_t n_idle;
    struct unresolved unresolved[HD_LOOKUPS_MAX]; /* by hash; the newest wins */
    struct transfers waiting, running, ended;
    size_t n_waiting, n_running;
    size_t at_once; /* reads under way; at most HD_TRANSFERS_MAX */
    uint64_t last_id;
};

/* Moves between lists and keeps the counts; `to` NULL: out of all lists. */
void transfer_move(struct transfer *, struct transfers *to);
/* The end of a transfer that its way has let go of already: the answer, or what happened. `sent_ms`
 * is the wall time of the first byte. */
void transfer_end(struct transfer *, enum hd_io, int32_t status, int64_t sent_ms, const char *text);
/* ms left for a transfer that has started; at least 1. */
int64_t transfer_left_ms(const struct transfer *);
/* The base it talks to, as people name it: "127.0.0.1:9090", "unix:/run/haproxy.sock". */
const char *transfer_peer(const struct transfer *);
/* "connection refused" */
const char *transfer_errno(const struct transfer *, int error);

/* http.c. A failure to start leaves nothing behind; the error's text is the answer's. */
enum hd_code transfer_http_start(struct transfer *, struct hd_error *err);
void transfer_http_stop(struct transfer *);
void transfer_http_collect(struct net *); /* ends what curl has finished */

/* line.c, the same. */
enum hd_code transfer_line_start(struct transfer *, struct hd_error *err);
void transfer_line_stop(struct transfer *);

#endif
