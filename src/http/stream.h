/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal as server-sent events: connections that stay open and get each event once, in order,
 * with its number as the id to resume by. Fed by the face's thread from its own reader; the guard
 * loop knows nothing of it.
 */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "base/buf.h"
#include "http/http.h"
#include "store/store.h"

struct MHD_Connection;
struct MHD_Response;

struct streams {
    struct stream *first;
    size_t n;
    int64_t head;      /* number of the newest event known */
    int64_t beat_ms;   /* a comment goes out after so much silence */
    bool hungry;       /* one of them has more to get at once */
    bool ending;       /* the face stops */
    /* Whose token a stream was opened with, asked anew now and then: who loses it reads no more. NULL:
     * nobody is asked. */
    http_who *who;
    struct buf batch;  /* made for one of them, and as good for all that stand where it stood */
    int64_t batch_after, batch_last;
};

/* A response that goes on until the client leaves. `after`: events with greater numbers come;
 * `greeting` comes first; `secret`: the token or session that may read it, NULL: anybody may. NULL: no
 * memory, or HD_STREAMS_MAX are open. */
struct MHD_Response *stream_open(struct streams *, struct MHD_Connection *, int64_t after,
                                 const char *greeting, const char *secret, int64_t boot_ms);
/* Gives every stream that waits what is new, or a comment when it was quiet for long. `store`: in a
 * transaction; NULL: cannot be read now. Returns when to be called again (boot ms). */
int64_t stream_feed(struct streams *, struct store *, struct hd_now);
/* Lets all of them end, for the stop of the face. */
void stream_end(struct streams *);

#endif
