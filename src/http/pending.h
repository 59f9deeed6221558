/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders on their way to the guard loop and back: a fixed table of requests that wait, each with
 * its deadline. Answers may come in any order, late, or never.
 */
#ifndef HTTP_PENDING_H
#define HTTP_PENDING_H

#include "http/call.h"

struct pending {
    int fd; /* our end of the pair; -1: the loop has gone */
    int64_t timeout_ms;
    int64_t next_id;
    struct {
        int64_t id;       /* 0: free */
        int64_t until_ms; /* boot time */
        struct call *call;
    } slot[HD_COMMANDS_MAX];
    /* The call's reply is filled; send it. */
    void (*done)(struct call *);
};

/* Hands call->packet to the loop. True: the call waits, and `done` will be called once. False: it
 * was refused here (reply filled), nothing was handed over. */
bool pending_send(struct pending *, struct call *, int64_t boot_ms);
/* Reads every answer that is there. */
void pending_receive(struct pending *);
/* Ends what waited too long; returns the earliest deadline left, INT64_MAX: none. */
int64_t pending_expire(struct pending *, int64_t boot_ms);
/* Closes our end and ends all that wait: the outcome of each is unknown. */
void pending_abandon(struct pending *, const char *why);

#endif
