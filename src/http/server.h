/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the face's one thread share: the face itself, its connections, and a request as
 * libmicrohttpd's callbacks carry it. server.c owns the thread and turns it, peers.c the connections,
 * visit.c a request's way to its handler, reply.c the answer's way out, waits.c those that wait for a
 * change of the store. Nobody else includes this.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <microhttpd.h>
#include <pthread.h>

#include "http/call.h"
#include "http/limit.h"
#include "http/pending.h"
#include "http/stream.h"
#include "http/tls.h"

/* A connection, to cut it off when it takes too long over a request. */
struct peer {
    struct peer *prev, *next;
    int fd;
    bool waiting;     /* suspended until the loop answers */
    int64_t since_ms; /* boot: connected, or answered last */
};

struct http {
    struct face_facts facts;
    struct pending pending;
    struct MHD_Daemon *daemon;
    struct store *store; /* this thread's own reader; NULL: not open */
    char *store_path, *public_url;
    bool secure;               /* it speaks TLS */
    _Atomic(struct tls *) fresh; /* a pair that the loop has tried, for the face to take; NULL: none */
    struct peer *peers;
    struct limits limits;
    struct streams streams;
    struct visit *waits; /* for a change of the store */
    size_t n_waits;
    int64_t look_ms;     /* boot: when to look whether it has changed, while somebody waits for that */
    int64_t tell_ms;     /* boot: when waits_tell wants to be called */
    int64_t store_version;
    struct metric *requests[6]; /* by hundreds of the status */
    unsigned busy;              /* calls that are not answered yet */
    /* libmicrohttpd has work that neither its descriptor nor its timeout tells of: a wait ended, or
     * a connection closed and it may accept again */
    bool again;
    int64_t request_ms;
    int stop, port;
    pthread_t thread;
};

/* A call as libmicrohttpd's callbacks carry it; `call` is what handlers see. */
struct visit {
    struct call call;
    struct face_facts facts;
    struct http *http;
    struct peer *peer;
    bool seen;         /* the headers were looked at */
    const char *fault; /* of the request's target; NULL: none */
    struct visit *next; /* of those that wait */
};

/* peers.c: libmicrohttpd's MHD_NotifyConnectionCallback; `cls`: the face */
void peers_notify(void *cls, struct MHD_Connection *, void **state,
                  enum MHD_ConnectionNotificationCode);
/* Cuts off who is too slow; returns when to look again. */
int64_t peers_cut_slow(struct http *, int64_t boot_ms);

/* visit.c: libmicrohttpd's callbacks for a request; `cls`: the face */
void *visit_begin(void *cls, const char *target, struct MHD_Connection *);
enum MHD_Result visit_request(void *cls, struct MHD_Connection *, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **state);
void visit_completed(void *cls, struct MHD_Connection *, void **state,
                     enum MHD_RequestTerminationCode);
/* The loop has answered: pending.done. */
void visit_answered(struct call *);

/* reply.c: queues the call's reply, or opens its stream. */
enum MHD_Result reply_send(struct visit *);

/* waits.c: the face's own reader of the store, in a transaction: one answer sees one moment of it.
 * It is opened at first need, and anew after it failed: the daemon may have replaced it. */
enum hd_code waits_reader(struct http *, struct store **ret, struct hd_error *err);
/* Suspends the request until the store changes or its time comes; false: too many wait already
 * (refused). */
bool waits_begin(struct visit *);
/* Runs again those whose time has come, or all of them: visit_request goes on where it waited. */
void waits_end(struct http *, int64_t wall_ms, bool all);
/* Tells what has changed to those that wait for it; returns when to come again (boot ms). */
int64_t waits_tell(struct http *, struct hd_now);

#endif
