/* SPDX-License-Identifier: Apache-2.0
 *
 * One conversation: the codec is asked what it wants to know, the requests go out together, the
 * answers are kept in order, the codec is asked again, until it has its result. What a refused,
 * lost, late or oversized answer means is decided here once for all codecs; replicas of a data
 * source are tried in turn, and one conversation never mixes two.
 */
#include "pipeline/internal.h"

#include <stdlib.h>

struct talk *talk_start(struct pipeline *p, talk_next_fn *next, void *what, talk_done_fn *done,
                        void *user, int64_t deadline_ms)
{
    struct talk *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->p = p;
    t->arena = arena_new();
    t->said.item = t->item;
    t->bases = 1;
    t->next = next;
    t->what = what;
    t->done = done;
    t->user = user;
    t->deadline_ms = deadline_ms;
    t->later = p->later;
    p->later = t;
    return t;
}

struct talk *talk_replicas(struct talk *t, uint32_t bases, uint32_t first)
{
    t->bases = bases ? bases : 1;
    t->base = first < t->bases ? first : 0;
    return t;
}

static void unlink_later(struct talk *t)
{
    for (struct talk **at = &t->p->later; *at; at = &(*at)->later) {
        if (*at == t) {
            *at = t->later;
            return;
        }
    }
}

static void stop_slots(struct talk *t)
{
    for (size_t i = 0; i < t->n_slots; i++) {
        if (!t->slot[i].response && t->slot[i].id)
            t->p->o.wire.cancel(t->p->o.wire.ctx, t->slot[i].id);
    }
    t->n_slots = 0;
    t->waiting = 0;
}

struct talk *talk_cancel(struct talk *t)
{
    if (!t)
        return NULL;
    unlink_later(t);
    stop_slots(t);
    arena_free(t->arena);
    free(t);
    return NULL;
}

static void finish(struct talk *t, enum hd_code code, const struct hd_error *err)
{
    unlink_later(t);
    stop_slots(t);
    t->done(t->user, t, code, err);
    arena_free(t->arena);
    free(t);
}

static const struct hd_response *copy_response(struct hd_arena *a, const struct hd_response *r)
{
    struct hd_response *copy = arena_of(a, struct hd_response);
    *copy = *r;
    struct hd_pair *headers = arena_many(a, r->n_headers, struct hd_pair);
    for (size_t i = 0; i < r->n_headers; i++)
        headers[i] = (struct hd_pair){arena_text(a, r->headers[i].name),
                                      arena_text(a, r->headers[i].value)};
    copy->headers = headers;
    copy->body = (struct hd_span){arena_text_n(a, r->body.at ? r->body.at : "", r->body.len),
                                  r->body.len};
    copy->text = arena_text(a, r->text ? r->text : "");
    return copy;
}

static const struct {
    enum hd_code code;
    uint16_t reason;
} io_means[] = {
    [HD_IO_OK] = {HD_OK, HD_REASON_NONE},
    [HD_IO_NOT_SENT] = {HD_BUSY, HD_REASON_UNREACHABLE},
    [HD_IO_LOST] = {HD_BUSY, HD_REASON_CUT_SHORT},
    [HD_IO_TIMEOUT] = {HD_TIMEOUT, HD_REASON_TIMEOUT},
    [HD_IO_TOO_BIG] = {HD_LIMIT, HD_REASON_TOO_BIG},
};

static void turn(struct talk *t);

bool talk_has_more(const struct talk *t) { return t->tried + 1 < t->bases; }

/* The whole conversation again, on the next replica; false: all were tried. */
static bool next_replica(struct talk *t)
{
    if (!talk_has_more(t))
        return false;
    t->tried++;
    t->base = (t->base + 1) % t->bases;
    t->fresh = NULL;
    t->n_slots = 0;
    t->said.n = 0;
    turn(t);
    return true;
}

/* All answers of this turn are here. */
static void turn_done(struct talk *t)
{
    for (size_t i = 0; i < t->n_slots; i++) {
        const struct hd_response *r = t->slot[i].response;
        if (r->io == HD_IO_OK || t->io_is_evidence)
            continue;
        if (next_replica(t))
            return;
        struct hd_error err;
        t->io = r->io;
        t->reason = io_means[r->io].reason;
        enum hd_code code = hd_fail(&err, io_means[r->io].code, "%s: %s",
                                    t->slot[i].request->label, r->text);
        finish(t, code, &err);
        return;
    }
    for (size_t i = 0; i < t->n_slots; i++)
        t->item[t->said.n++] = (struct hd_exchange){t->slot[i].request, t->slot[i].response};
    t->n_slots = 0;
    turn(t);
}

static void slot_done(void *user, const struct hd_response *r)
{
    struct talk_slot *slot = user;
    struct talk *t = slot->talk;
    pipeline_wake(t->p);
    if (--t->waiting == 0) {
        slot->response = t->fresh = r;
        turn_done(t);
    } else {
        slot->response = copy_response(t->arena, r);
    }
}

/* The talk goes on, and outlives the answer that came last; nearly all end with it, and need no copy. */
static void keep_fresh(struct talk *t)
{
    for (size_t i = 0; t->fresh && i < t->said.n; i++) {
        if (t->item[i].response == t->fresh)
            t->item[i].response = copy_response(t->arena, t->fresh);
    }
    t->fresh = NULL;
}

static void turn(struct talk *t)
{
    struct hd_error err = {0};
    struct hd_ask ask = {.n = 0};
    enum hd_code code = t->next(t->what, t, &ask, &err);
    if (!code && t->said.n + ask.n > HD_TALK_MAX)
        code = hd_fail(&err, HD_LIMIT, "more than %d exchanges in one conversation", HD_TALK_MAX);
    if (code && t->said.n && next_replica(t)) /* it answered, and not with what was asked */
        return;
    if (code || ask.n == 0) {
        finish(t, code, &err);
        return;
    }
    keep_fresh(t);
    t->n_slots = t->waiting = ask.n;
    for (size_t i = 0; i < ask.n; i++) {
        struct hd_request *request = arena_copy(t->arena, ask.request[i], sizeof *request);
        request->urgent = t->urgent;
        if (t->bases > 1)
            request->base = t->base;
        t->slot[i] = (struct talk_slot){.talk = t, .request = request};
    }
    for (size_t i = 0; i < ask.n; i++)
        t->slot[i].id = t->p->o.wire.send(t->p->o.wire.ctx, t->slot[i].request, t->deadline_ms,
                                          slot_done, &t->slot[i]);
}

void talk_run_later(struct pipeline *p)
{
    while (p->later) {
        struct talk *t = p->later;
        p->later = t->later;
        t->later = NULL;
        turn(t);
    }
}
