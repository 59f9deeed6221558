/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on its way through the face: what a handler may ask of it, and what it answers.
 * Handlers know no socket and no libmicrohttpd; server.c makes the calls and sends the replies.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/metrics.h"
#include "http/html.h"
#include "http/http.h"
#include "json/json.h"
#include "store/store.h"

struct MHD_Connection;
struct call;

/* enum hd_code of a handler other than HD_OK becomes an error reply made from `err`. */
typedef enum hd_code (*call_handler)(struct call *, struct hd_error *err);

struct form;   /* form.h */
struct limits; /* limit.h */
struct order; /* orders.h: what a POST asks of the loop */

enum route_needs {
    ROUTE_PLAIN = 0,
    ROUTE_STORE = 1, /* a readable store, else 503 */
    ROUTE_HTML = 2,  /* errors are pages */
    ROUTE_PROBE = 4, /* a store if there is one; why not is in the handler's `err` */
    ROUTE_OPEN = 8,  /* answered to anybody, whatever auth.anonymous says */
    ROUTE_ANY_SECRET = 16, /* the token may also come as Basic password, or as /t/TOKEN in front */
};

struct route {
    const char *method, *pattern; /* a segment "*" is captured into call->param */
    call_handler run;
    unsigned needs;            /* enum route_needs, ORed */
    const char *query[12];     /* names of the query parameters it knows */
    const struct order *order; /* POST only */
};

enum route_match { ROUTE_FOUND, ROUTE_NOT_FOUND, ROUTE_WRONG_METHOD };
/* `ret_param`: the captured segment; `ret_allow` (WRONG_METHOD): "OPTIONS, GET, HEAD, POST". In the arena. */
enum route_match route_find(struct hd_arena *, const char *method, const char *path,
                            const struct route **ret, const char **ret_param,
                            const char **ret_allow);
extern const struct route http_routes[]; /* ends with a row without method */

struct reply {
    unsigned status;                     /* 0: not answered yet */
    const char *type;                    /* content type; static */
    const char *cache;                   /* static; NULL: no-store */
    const char *location, *etag, *allow, *cookie, *link; /* in the call's arena; NULL: none */
    const char *policy; /* Content-Security-Policy; static; NULL: the pages' own */
    bool packed;                         /* the body is gzip */
    bool retry;                          /* Retry-After */
    bool close;                          /* nothing more is read from this connection */
    struct buf body;
};

struct face_facts { /* what handlers need to know of the daemon around them */
    void (*digest)(struct hd_span, char out[65]); /* NULL: none */
    http_check *check;   /* NULL: this daemon cannot */
    const char *queries; /* for it */
    http_replay *replay; /* NULL: this daemon cannot */
    http_who *who;       /* NULL: tokens are the loop's business alone */
    struct limits *limits;
    const char *public_url;
    struct metric *tick, *ready, *lost; /* set by the loop */
    bool loop_gone;              /* nobody answers commands any more */
};

enum call_from { FROM_NOBODY, FROM_BEARER, FROM_BASIC, FROM_PATH, FROM_COOKIE };

struct call {
    const struct face_facts *facts;
    struct MHD_Connection *connection;
    const struct route *route; /* NULL: none matched */
    const char *path, *param;  /* decoded; param: the captured segment, NULL: none */
    struct hd_arena *arena;
    struct store *store; /* ROUTE_STORE; with ROUTE_PROBE it may be NULL */
    int64_t now_ms;      /* wall, when the request came */
    struct buf body;     /* of the request */
    bool body_too_big;
    const char *secret;  /* token or session that came along; NULL: none */
    enum call_from from; /* how */
    uint64_t peer;       /* hash of the address it came from */
    const struct store_account *account; /* whose secret it is; NULL: nobody's, or nobody knows */
    const struct form *form; /* body of a POST to a page; NULL: none */
    /* A handler that left no reply and no packet is run again when the store has changed, and at
     * this wall time at the latest; 0: it has answered. */
    int64_t until_ms;
    int64_t seen_version; /* of a guard, when the wait began */
    bool stream;         /* the reply is a stream of events after this one: */
    int64_t stream_after;
    struct buf packet; /* a handler's command for the loop; empty: none */
    /* Makes the reply of the loop's answer; NULL: JSON, or what orders_page makes on a page. */
    void (*taken)(struct call *, unsigned status, const struct json *body);
    void *asked;         /* what `taken` needs of the handler that set it */
    const char *refused; /* the sentence of the last refusal; NULL: none */
    struct reply reply;
};

/* NULL: not given. Borrowed for the time of the call. */
const char *call_header(const struct call *, const char *name);
const char *call_query(const struct call *, const char *name);

/* The same address from `next` on, which its parameter `cursor` names, for those who follow links (RFC 8288). */
void call_link_next(struct call *, const char *cursor, const char *next);

/* A field of a page's form; NULL: not given, or empty. */
const char *call_form(const struct call *, const char *name);
/* What a page's form must carry in its hidden field "csrf"; NULL: nobody is logged in. */
const char *call_csrf(const struct call *);
/* Sends the browser on, after a POST or to the login. */
enum hd_code call_redirect(struct call *, const char *location);

/* What the head of a page needs of its call. */
struct html_page call_page(const struct call *, const char *title);
/* A sentence when the guard loop does not turn, or the store takes nothing; NULL: all is well. */
const char *call_alarm(const struct call *);
const char *call_stuck(const struct call *); /* only what a restart may help against */

/* An empty reply body to write into. */
struct buf *call_answer(struct call *, unsigned status, const char *type);
/* An error reply: a page on HTML routes, another tool's words on its own (compat.h), else a problem
 * document (RFC 9457). Returns HD_OK. */
enum hd_code call_refuse(struct call *, unsigned status, const char *code, const char *format, ...)
    HD_PRINTF(4, 5);
/* A problem document, on any route. */
void call_problem(struct call *, unsigned status, const char *code, const char *detail);
/* Its members; the caller may add some, and ends the object. */
struct json_out call_begin_problem(struct call *, unsigned status, const char *code,
                                   const char *detail, bool retryable);
/* The error reply for an error of ours. */
void call_fail(struct call *, const struct hd_error *);
const char *call_status_title(unsigned status);
/* True for 429 and 503: the same request may work later. */
bool call_status_retryable(unsigned status);

#define CALL_FOR_EVER "private, max-age=31536000, immutable" /* what has ended */
#define CALL_JSON "application/json"
#define CALL_PROBLEM "application/problem+json"
#define CALL_SVG "image/svg+xml"
#define CALL_HTML "text/html; charset=utf-8"

#endif
