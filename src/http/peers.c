/* SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. Who is connected, and who is cut off for taking too long over a request. Called by
 * server.c.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/server.h"

void peers_notify(void *cls, struct MHD_Connection *connection, void **state,
                  enum MHD_ConnectionNotificationCode what)
{
    struct http *h = cls;
    struct peer *p = *state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        p = calloc(1, sizeof *p);
        if (!p)
            abort(); /* as arena_new: nothing sensible can follow */
        p->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        p->since_ms = clock_now().boot_ms;
        p->next = h->peers;
        if (p->next)
            p->next->prev = p;
        h->peers = p;
        *state = p;
    } else if (p) {
        h->again = true;
        if (p->prev)
            p->prev->next = p->next;
        else
            h->peers = p->next;
        if (p->next)
            p->next->prev = p->prev;
        free(p);
        *state = NULL;
    }
}

/* libmicrohttpd closes a connection whose
 * socket is shut down by itself. */
int64_t peers_cut_slow(struct http *h, int64_t boot_ms)
{
    int64_t next = INT64_MAX;
    for (struct peer *p = h->peers; p; p = p->next) {
        int64_t until = p->since_ms + h->request_ms;
        if (p->waiting)
            continue;
        if (until <= boot_ms) {
            (void)shutdown(p->fd, SHUT_RDWR);
            p->since_ms = boot_ms; /* not again before another period */
            until = boot_ms + h->request_ms;
        }
        next = next < until ? next : until;
    }
    return next;
}
