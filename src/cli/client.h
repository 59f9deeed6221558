/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of the daemon's HTTP API: finds its address and our token, sends one request at a time
 * and waits for the answer.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "cli/internal.h"
#include "json/json.h"

struct client;

/* What a client is for. Without ORDERS it can only GET, and may be answered by the default address when
 * the configuration cannot be read. */
enum client_use {
    CLIENT_READS = 0,
    CLIENT_ORDERS = 1,
    CLIENT_SIGNALS = 2, /* SIGINT and SIGTERM end waiting instead of the process */
    CLIENT_SCREEN = 4,  /* with it: a terminal's new size ends a pause */
};
/* By the options of CLI_CLIENT_OPTIONS. Says what is wrong itself; returns an exit status. */
int client_open(const struct cli_args *, unsigned use, struct client **ret);
struct client *client_close(struct client *); /* takes NULL, returns NULL */
static inline void client_close_p(struct client **c)
{
    *c = client_close(*c);
}
#define CLIENT_AUTO __attribute__((cleanup(client_close_p))) struct client *

struct client_answer {
    int status;        /* of HTTP; 0: none came */
    struct buf raw;    /* the body */
    struct json *body; /* the same read; NULL: no JSON */
    char why[1000];    /* when the call failed: one line, clean */
};
void client_answer_clear(struct client_answer *);
#define ANSWER_AUTO __attribute__((cleanup(client_answer_clear))) struct client_answer

/* One exchange. `path` below /api/v1, encoded; `query` encoded or NULL; `body` JSON, or NULL: a
 * GET. CLI_OK: a 2xx with JSON is in `ret`; else the exit status, and `why`: CLI_UNREACHABLE (also
 * for a 5xx), CLI_AUTH, CLI_INTERRUPTED, CLI_USAGE (any other 4xx). `ret` is cleared first. */
int client_call(struct client *, const char *path, const char *query, const char *body,
                struct client_answer *ret);
/* A DELETE, as client_call. */
int client_delete(struct client *, const char *path, struct client_answer *ret);
/* A PATCH of whatever version is there, saying why not on stderr. */
int client_change(struct client *, const char *path, const char *body, struct client_answer *ret);
/* A GET of any text, which is in `raw`; saying why not on stderr. */
int client_text(struct client *, const char *path, struct client_answer *ret);
/* client_call, saying why not on stderr. */
int client_ask(struct client *, const char *path, const char *query, const char *body,
               struct client_answer *ret);
/* Lets time pass; returns early when a signal came. */
void client_sleep(struct client *, int64_t ms);
bool client_interrupted(const struct client *);

/* --- what happens, as it happens --- */

/* Follows the daemon's journal (server-sent events), unless that goes on already. */
void client_follow(struct client *);
/* Has something happened since the last call? True for a stream that has just begun. */
bool client_news(struct client *);
/* Why nothing more comes; NULL: the stream goes on. */
const char *client_lost(const struct client *);
/* Lets time pass until anything at all comes: news, a signal, a descriptor of the loop. */
void client_pause(struct client *, int64_t ms);
struct loop *client_loop(struct client *);

/* An address to listen on as one to connect to. */
const char *client_url_of_listen(struct hd_arena *, const char *listen);
/* `text` as one segment of a path or a value of a query. */
const char *client_encode(struct hd_arena *, const char *text);
/* A word of the user as the id of a guard: an id or enough of its beginning, or a service, whose newest
 * guard it is.
 * An exit status; said why not. */
int client_guard_id(struct client *, const char *word, char ret_id[27]);
/* The guard whose id begins with `word`; "" when there is none. An exit status; said why not. */
int client_guard_begins(struct client *, const char *word, char ret_id[27]);
/* The guard that a word names by its id or the beginning of it; "": it is a service's name, or nothing. An
 * exit status; said why not. */
int client_guard_word(struct client *, const char *word, char ret_id[27]);
/* A service has no guards. Is there such a service? CLI_OK: yes; else says which is meant. */
int client_check_service(struct client *, const char *name);
/* client_ask about one service (NULL: none): of one that the daemon does not know, says which is meant. */
int client_ask_service(struct client *, const char *service, const char *path, const char *body,
                       struct client_answer *ret);
/* Says why a call about a service failed with `status`, in the same words; returns the exit status. */
int client_refused(struct client *, const char *service, int status, const struct client_answer *);

#endif
