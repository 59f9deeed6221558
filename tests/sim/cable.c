/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire: requests fly for a while, arrive, have their effect, and an answer flies back; or one of
 * the things that go wrong does. Keeps the promises of net.h and no others: one callback per send,
 * later; at the deadline at the latest. A request that has left arrives also when the daemon has
 * died.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

const char *const trouble_word[] = {"well",       "refused",     "hanging", "lost before it arrived",
                                    "lost after its effect", "late", "unavailable", "a web page",
                                    "garbage",    "too big",     "empty",   "a warning", "NaN"};

struct flight {
    struct flight *next;
    uint64_t id;
    enum peer peer;
    enum trouble trouble;
    enum hd_via via;
    char *body, *path;
    uint32_t cap;
    int64_t left, arrive, back, deadline; /* back: when the answer is here, INT64_MAX: not known */
    bool arrived;
    enum hd_io io;
    int32_t status;
    struct buf answer;
    struct telling tell;
    net_done_fn *done; /* NULL: nobody waits any more */
    void *user;
};

static int64_t boot_to_sim(const struct sim *sim, int64_t boot_ms) { return boot_ms + sim->boot_0; }

static enum peer peer_of(const struct sim *sim, const struct hd_request *r)
{
    const char *base = r->base < r->at->n_bases ? r->at->bases[r->base] : "";
    for (int i = 0; i < sim->n_services; i++) {
        if ((str_begins(base, "unix:/sim/") || str_begins(base, "http://flip.")) &&
            strstr(base, sim->service[i].name))
            return (enum peer)(PEER_ROUTER + i);
    }
    if (str_begins(base, "http://prom"))
        return PEER_PROM;
    return str_begins(base, "http://am") ? PEER_AM : PEER_HOOK;
}

static int64_t latency(struct sim *sim, enum peer peer)
{
    struct rng *r = &sim->net_rng;
    if (rng_chance(r, 0.01))
        return rng_between(r, 50, 200);
    return peer < PEER_PROM ? rng_between(r, 0, 3) : rng_between(r, 2, 15);
}

static void free_flight(struct flight *f)
{
    buf_clear(&f->answer);
    free(f->body);
    free(f->path);
    free(f);
}

static void add(struct sim *sim, struct flight *f)
{
    struct flight **at = &sim->flights;
    size_t n = 0;
    for (; *at; at = &(*at)->next)
        n += (*at)->done != NULL;
    *at = f;
    if (n + 1 > sim->in_flight_max)
        sim->in_flight_max = n + 1;
}

static enum trouble trouble_of(struct sim *sim, enum peer peer)
{
    struct peer_state *p = &sim->peer[peer];
    if (p->trouble == WELL || sim->t >= p->until || !rng_chance(&sim->net_rng, p->share))
        return WELL;
    if (peer < PEER_PROM)
        sim->service[peer].router.trouble_t = sim->t;
    return p->trouble;
}

static uint64_t wire_send(void *ctx, const struct hd_request *r, int64_t deadline_ms, net_done_fn *done,
                          void *user)
{
    struct sim *sim = ctx;
    struct flight *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->id = ++sim->flight_id;
    bool dead = faultvfs_down(sim->disk);
    bool struck = !dead && sim->kill_at_send && ++sim->sends == sim->kill_at_send;
    if (struck)
        sim->kill_at_send = 0;
    f->peer = peer_of(sim, r);
    f->trouble = trouble_of(sim, f->peer);
    f->via = r->via;
    f->body = strndup(r->body.at ? r->body.at : "", r->body.len);
    f->path = strdup(r->via == HD_VIA_HTTP ? r->u.http.path : "");
    f->cap = r->cap_bytes;
    f->answer = BUF_INIT(8u << 20);
    f->done = done;
    f->user = user;
    f->left = sim->t;
    f->arrive = sim->t + latency(sim, f->peer);
    if (f->trouble == LATE)
        f->arrive += rng_between(&sim->net_rng, 500, 6000);
    f->back = INT64_MAX;
    f->deadline = sim->t + r->at->timeout_ms;
    if (deadline_ms && boot_to_sim(sim, deadline_ms) < f->deadline)
        f->deadline = boot_to_sim(sim, deadline_ms);
    if (f->deadline <= sim->t)
        f->deadline = sim->t + 1;
    if (dead || (struck && sim->kill_before)) {
        free_flight(f); /* a dead process sends nothing */
    } else {
        if (f->peer < PEER_PROM && r->effect != HD_EFFECT_READ)
            audit_send(sim, &sim->service[f->peer], r);
        if (r->effect == HD_EFFECT_ONCE && f->peer < PEER_PROM && f->trouble != REFUSED)
            audit_once(sim, &sim->service[f->peer]);
        add(sim, f);
    }
    if (struck) {
        say(sim, "fate", "kill -9 %s a byte leaves", sim->kill_before ? "before" : "after");
        faultvfs_strike(sim->disk, FAULT_KILL);
    }
    return sim->flight_id;
}

static void wire_cancel(void *ctx, uint64_t id)
{
    struct sim *sim = ctx;
    for (struct flight *f = sim->flights; f; f = f->next) {
        if (f->id == id)
            f->done = NULL;
    }
}

static struct hd_now wire_now(void *ctx) { return daemon_now(ctx); }

struct pipeline_wire cable_wire(struct sim *sim)
{
    return (struct pipeline_wire){.ctx = sim, .send = wire_send, .cancel = wire_cancel, .now = wire_now};
}

/* --- at the other end --- */

static void answer_sink(struct sim *sim, struct flight *f)
{
    if (f->peer == PEER_AM && strstr(f->body, "HaldaneActNow")) {
        const char *guard = strstr(f->body, "\"guard\":\"");
        if (guard)
            buf_print(&sim->alerts, "%.26s\n", guard + 9);
        sim->n_pages++;
    }
    f->status = 200;
    buf_text(&f->answer, "ok");
}

static bool has_effect(const struct flight *f)
{
    return f->trouble != HANGING && f->trouble != LOST_BEFORE && f->trouble != REFUSED &&
           f->trouble != UNAVAILABLE && f->trouble != HTML;
}

static void serve(struct sim *sim, struct flight *f)
{
    f->tell.check = -1;
    if (!has_effect(f))
        return;
    if (f->peer < PEER_PROM && f->via == HD_VIA_HTTP)
        f->status = router_http(sim, &sim->service[f->peer], f->path, &f->answer);
    else if (f->peer < PEER_PROM)
        router_talk(sim, &sim->service[f->peer], f->body, BY_DAEMON, &f->answer);
    else if (f->peer == PEER_PROM)
        f->status = prom_answer(sim, f->body, f->trouble, &f->answer, &f->tell);
    else
        answer_sink(sim, f);
}

static void spoil(struct sim *sim, struct flight *f)
{
    bool http = f->via == HD_VIA_HTTP;
    int64_t there = f->arrive, way = latency(sim, f->peer);
    f->io = HD_IO_OK;
    f->back = there + way;
    switch (f->trouble) {
    case REFUSED:
        f->io = HD_IO_NOT_SENT;
        break;
    case HANGING:
        f->io = HD_IO_TIMEOUT;
        f->back = f->deadline;
        break;
    case LOST_BEFORE:
    case LOST_AFTER:
        f->io = HD_IO_LOST;
        break;
    case TOO_BIG:
        f->io = HD_IO_TOO_BIG;
        break;
    case UNAVAILABLE:
    case HTML:
        f->io = http ? HD_IO_OK : HD_IO_LOST;
        f->status = f->trouble == HTML ? 200 : 503;
        buf_clear(&f->answer);
        buf_text(&f->answer, f->trouble == HTML ? "<html><body>Log in</body></html>" : "no backend");
        break;
    case GARBAGE:
        if (f->answer.len > 1) { /* cut short; a line answer ends well all the same */
            f->answer.len /= 2;
            f->answer.at[f->answer.len] = '\0';
            if (!http)
                buf_byte(&f->answer, '\n');
        }
        break;
    default:
        break;
    }
    if (f->answer.len > f->cap)
        f->io = HD_IO_TOO_BIG;
    if (f->back > f->deadline) {
        f->io = HD_IO_TIMEOUT;
        f->back = f->deadline;
    }
    if (f->io != HD_IO_OK || (f->trouble != WELL && f->trouble != LATE))
        f->tell.check = -1;
}

static void arrive(struct sim *sim, struct flight *f)
{
    f->arrived = true;
    serve(sim, f);
    spoil(sim, f);
    if (f->back < sim->t)
        f->back = sim->t;
}

/* --- the way back --- */

static void told(struct sim *sim, const struct flight *f)
{
    struct app *s = &sim->service[f->tell.service];
    for (int k = 0; f->tell.check >= 0 && k < N_COLOURS; k++) {
        struct watched *w = &s->watched[f->tell.check][k];
        if (f->tell.newest[k] < 0)
            continue;
        if (w->n == w->room) {
            w->room = w->room ? 2 * w->room : 256;
            w->told = realloc(w->told, w->room * sizeof *w->told);
            if (!w->told)
                abort();
        }
        w->told[w->n++] = (struct told){sim->t, f->tell.from, f->tell.newest[k]};
    }
}

static void give(struct sim *sim, struct flight *f)
{
    static const struct hd_pair json[] = {{"content-type", "application/json"}};
    static const struct hd_pair html[] = {{"content-type", "text/html"}};
    struct hd_response r = {
        .io = f->io,
        .status = f->status,
        .headers = f->trouble == HTML ? html : json,
        .n_headers = f->via == HD_VIA_HTTP,
        .body = f->io == HD_IO_OK ? buf_span(&f->answer) : (struct hd_span){"", 0},
        .text = f->io == HD_IO_OK ? "" : trouble_word[f->trouble],
        .sent_ms = WALL0 + f->left + sim->wall_off,
        .took_ms = (int32_t)(sim->t - f->left),
    };
    told(sim, f);
    f->done(f->user, &r);
}

int64_t cable_next(const struct sim *sim)
{
    int64_t next = INT64_MAX;
    for (const struct flight *f = sim->flights; f; f = f->next) {
        int64_t at = f->arrived ? f->back : f->arrive;
        if (!f->arrived && f->done && f->deadline < at)
            at = f->deadline;
        next = at < next ? at : next;
    }
    return next;
}

/* What is due now, in order of leaving; callbacks send and cancel meanwhile. */
static struct flight *next_due(struct sim *sim)
{
    for (struct flight **at = &sim->flights; *at; at = &(*at)->next) {
        struct flight *f = *at;
        if (!f->arrived && f->arrive <= sim->t)
            arrive(sim, f);
        bool late = !f->arrived && f->done && f->deadline <= sim->t;
        if (!late && !(f->arrived && (f->back <= sim->t || !f->done)))
            continue;
        if (late) { /* given up here, and still on its way there */
            struct flight *ghost = calloc(1, sizeof *ghost);
            if (!ghost)
                abort();
            *ghost = *f;
            ghost->done = NULL;
            ghost->next = f->next;
            *f = (struct flight){.next = ghost, .id = f->id, .peer = f->peer, .trouble = LATE,
                                 .io = HD_IO_TIMEOUT, .left = f->left, .arrived = true,
                                 .back = sim->t, .done = f->done, .user = f->user, .tell = {.check = -1}};
        }
        *at = f->next;
        f->next = NULL;
        return f;
    }
    return NULL;
}

void cable_step(struct sim *sim)
{
    for (struct flight *f; !sim->failed && (f = next_due(sim));) {
        if (f->done && sim->alive) {
            give(sim, f);
            daemon_after(sim);
        }
        free_flight(f);
    }
}

/* Nobody waits any more. What has left is on its way; when the power goes, only some of it was. */
void cable_daemon_died(struct sim *sim, bool power)
{
    for (struct flight *f = sim->flights; f; f = f->next) {
        f->done = NULL;
        if (power && !f->arrived && rng_chance(&sim->net_rng, 0.5))
            f->trouble = LOST_BEFORE;
    }
    sim->kill_at_send = 0;
}

void cable_free(struct sim *sim)
{
    while (sim->flights) {
        struct flight *f = sim->flights;
        sim->flights = f->next;
        free_flight(f);
    }
    buf_clear(&sim->alerts);
}
