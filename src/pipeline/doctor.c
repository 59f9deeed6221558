/* SPDX-License-Identifier: Apache-2.0
 *
 * The order for a doctor: our own program, run as `haldane doctor`, beside the loop, so that whoever
 * asks over HTTP is told what a shell on this machine would tell, and the loop waits for none of the
 * many answers. One at a time. Called by command.c.
 */
#include <stdlib.h>

#include "base/str.h"
#include "pipeline/order.h"

struct doctor {
    struct pipeline *p;
    int64_t id; /* of the order */
    uint64_t running;
    struct hd_endpoint at;
    struct hd_request request;
};

struct doctor *doctor_free(struct doctor *d)
{
    if (d && d->running)
        d->p->o.wire.cancel(d->p->o.wire.ctx, d->running);
    free(d);
    return NULL;
}

static void done(void *user, const struct hd_response *r)
{
    struct doctor *d = user;
    struct pipeline *p = d->p;
    JSON_AUTO said = NULL;
    struct hd_error err;
    BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
    struct json_out o = json_out(&answer);
    pipeline_wake(p);
    d->running = 0;
    bool good = r->io == HD_IO_OK && (r->status == 0 || r->status == 1) && !json_parse(r->body, &said, &err);
    json_begin(&o, NULL, '{');
    json_put_i64(&o, "id", d->id);
    json_put_i64(&o, "status", good ? 200 : 503);
    if (good) {
        ARENA_AUTO a = arena_new();
        json_put_raw(&o, "body", arena_text_n(a, r->body.at, r->body.len));
    } else {
        json_begin(&o, "body", '{');
        json_put_text(&o, "code", "no_finding");
        json_put_text(&o, "detail", r->io == HD_IO_TOO_BIG ? "there are more findings than an answer holds: run haldane "
                                                             "doctor on the machine itself"
                                    : r->io != HD_IO_OK ? r->text
                                                        : "haldane doctor gave no findings: see the log");
        json_end(&o, '}');
    }
    json_end(&o, '}');
    p->o.answer(p->o.answer_ctx, buf_span(&answer));
    p->doctor = doctor_free(d);
}

void doctor_order(struct order *o)
{
    struct pipeline *p = o->p;
    struct doctor *d;
    if (!p->o.doctor || !p->o.answer) {
        order_problem(o, 501, "no_doctor", "this daemon cannot run haldane doctor");
        return;
    }
    if (p->doctor || !(d = calloc(1, sizeof *d))) {
        order_problem(o, 503, "busy", "somebody else's doctor is on its way");
        return;
    }
    d->p = p;
    d->id = o->id;
    d->at = (struct hd_endpoint){.name = "doctor", .timeout_ms = HD_DOCTOR_MS};
    d->request = (struct hd_request){.via = HD_VIA_EXEC, .effect = HD_EFFECT_READ, .label = "doctor", .at = &d->at,
                                     .cap_bytes = PIPELINE_PACKET_MAX - 1024};
    d->request.u.exec.argv = p->o.doctor;
    d->request.u.exec.own = true;
    p->doctor = d;
    o->later = true;
    d->running = p->o.wire.send(p->o.wire.ctx, &d->request, p->now.boot_ms + HD_DOCTOR_MS, done, d);
}
