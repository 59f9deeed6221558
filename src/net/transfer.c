/* SPDX-License-Identifier: Apache-2.0
 *
 * See transfer.h. Keeps the lists and fills the response; never touches a socket, never calls back.
 * Called by net.c, http.c and line.c.
 */
#include "net/transfer.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static size_t *count_of(struct net *n, const struct transfers *list)
{
    return list == &n->waiting ? &n->n_waiting : list == &n->running ? &n->n_running : NULL;
}

void transfer_move(struct transfer *t, struct transfers *to)
{
    size_t *from_count = count_of(t->net, t->in), *to_count = count_of(t->net, to);
    if (t->in)
        TAILQ_REMOVE(t->in, t, link);
    if (from_count)
        --*from_count;
    t->in = to;
    if (to)
        TAILQ_INSERT_TAIL(to, t, link);
    if (to_count)
        ++*to_count;
}

void transfer_end(struct transfer *t, enum hd_io io, int32_t status, int64_t sent_ms,
                  const char *text)
{
    loop_timer_drop(t->net->loop, &t->timer);
    bool ok = io == HD_IO_OK;
    t->response = (struct hd_response){
        .io = io,
        .status = ok ? status : 0,
        .headers = t->header,
        .n_headers = ok ? t->n_header : 0,
        .body = ok ? buf_span(&t->body) : (struct hd_span){"", 0},
        .text = arena_text(t->arena, text),
        .sent_ms = sent_ms,
        .took_ms = (int32_t)(clock_now().boot_ms - t->started.boot_ms),
    };
    if (!ok)
        str_clean((char *)(uintptr_t)t->response.text, strlen(text));
    transfer_move(t, &t->net->ended);
}

int64_t transfer_left_ms(const struct transfer *t)
{
    int64_t left = t->end_ms - clock_now().boot_ms;
    return left > 0 ? left : 1;
}

const char *transfer_peer(const struct transfer *t)
{
    const char *base = t->request->at->bases[t->request->base];
    if (str_begins(base, "tcp:"))
        return base + strlen("tcp:");
    const char *at = strstr(base, "://");
    if (!at)
        return base;
    at += strlen("://");
    return arena_text_n(t->arena, at, strcspn(at, "/"));
}

const char *transfer_errno(const struct transfer *t, int error)
{
    char *text = arena_text(t->arena, strerror(error));
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') /* but not "RPC ..." */
        text[0] = (char)(text[0] - 'A' + 'a');
    return text;
}
