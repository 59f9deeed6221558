/* SPDX-License-Identifier: Apache-2.0
 *
 * See receipt.h. Called by the export's route; read back by the replay of the command line.
 */
#include "http/receipt.h"

#include <string.h>

#include "http/handlers.h"
#include "http/show.h"

#define TOO_LARGE "the receipt would be larger than %u bytes"

struct chain {
    struct buf *to;
    receipt_digest *digest;
    char prev[65];
    size_t begins; /* of the line that is being written */
};

static struct json_out part_begin(struct chain *c)
{
    buf_text(c->to, c->begins ? ",\n" : "\n");
    c->begins = c->to->len;
    struct json_out o = json_out(c->to);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "prev", c->prev);
    return o;
}

static void part_end(struct chain *c, struct json_out *o)
{
    json_end(o, '}');
    c->digest((struct hd_span){c->to->at + c->begins, c->to->len - c->begins}, c->prev);
}

static void put_hex(struct json_out *o, const char *key, struct hd_span bytes)
{
    static const char digit[] = "0123456789abcdef";
    BUF_AUTO text = BUF_INIT(2 * HD_BLOB_BYTES_MAX + 2);
    for (size_t i = 0; i < bytes.len; i++) {
        buf_byte(&text, digit[(unsigned char)bytes.at[i] >> 4]);
        buf_byte(&text, digit[(unsigned char)bytes.at[i] & 15]);
    }
    json_put_text(o, key, buf_at(&text));
}

/* Whole numbers and texts as they are; of the evidence the very bytes of the store: every bit of a
 * double counts. */
static void put_evidence(struct chain *c, const struct store_evidence *e)
{
    BUF_AUTO blob = BUF_INIT(HD_BLOB_BYTES_MAX);
    store_evidence_pack(&e->evidence, &blob);
    struct json_out o = part_begin(c);
    json_begin(&o, "evidence", '{');
    json_put_time(&o, "at", e->wall_ms);
    json_put_i64(&o, "wall_ms", e->wall_ms);
    json_put_i64(&o, "t_ms", e->t_ms);
    json_put_i64(&o, "poll", e->evidence.poll);
    json_put_bool(&o, "before", e->evidence.before);
    put_hex(&o, "data", buf_span(&blob));
    json_end(&o, '}');
    part_end(c, &o);
}

static void put_verdict(struct chain *c, const struct store_guard *g)
{
    struct json_out o = part_begin(c);
    json_begin(&o, "verdict", '{');
    json_put_text(&o, "verdict", hd_verdict_word(g->verdict));
    json_put_i64(&o, "kind", g->verdict);
    json_put_i64(&o, "cause", g->cause);
    json_put_double(&o, "score", g->score);
    json_put_text(&o, "reasons", g->reasons); /* the stored text, as a text */
    json_end(&o, '}');
    part_end(c, &o);
}

static void put_rest(struct chain *c, const struct guard_view *v)
{
    for (size_t i = 0; i < v->n_events; i++) {
        BUF_AUTO one = BUF_INIT(HD_BLOB_BYTES_MAX);
        struct json_out inner = json_out(&one), o = part_begin(c);
        show_event(&inner, &v->event[i]);
        json_put_raw(&o, "event", buf_at(&one));
        part_end(c, &o);
    }
    for (size_t i = 0; i < v->n_intents; i++) {
        const struct store_intent *it = &v->intent[i];
        struct json_out o = part_begin(c);
        json_begin(&o, "change", '{');
        json_put_i64(&o, "seq", it->seq);
        json_put_text(&o, "kind", it->kind);
        json_put_bool(&o, "automatic", it->automatic);
        json_put_text(&o, "from", it->from);
        json_put_text(&o, "to", it->to);
        json_put_text(&o, "steps", it->steps);
        json_put_text(&o, "outcome", hd_intent_word(it->outcome));
        json_put_time(&o, "journaled_at", it->journaled_ms);
        json_put_time(&o, "sent_at", it->sent_ms);
        json_put_time(&o, "done_at", it->done_ms);
        json_end(&o, '}');
        part_end(c, &o);
    }
}

enum hd_code receipt_write(struct buf *b, const struct guard_view *v,
                           const struct engine_input *input, size_t n_inputs,
                           receipt_digest *digest, struct hd_error *err)
{
    const struct store_guard *g = &v->guard;
    struct chain c = {.to = b, .digest = digest};
    buf_text(b, "{\"format\":\"" RECEIPT_FORMAT "\",\"haldane\":\"" HALDANE_VERSION "\",\"parts\":[");
    struct json_out o = part_begin(&c);
    json_begin(&o, "guard", '{');
    json_put_text(&o, "id", g->id);
    json_put_text(&o, "service", g->service);
    json_put_text(&o, "stable", g->stable);
    json_put_text(&o, "candidate", g->candidate);
    json_put_text(&o, "candidate_version", g->candidate_version);
    json_put_i64(&o, "switch_ms", g->switch_to_ms);
    json_put_text(&o, "state", hd_state_word(g->state));
    json_put_text(&o, "headline", g->headline);
    json_put_text(&o, "why", g->why);
    json_end(&o, '}');
    part_end(&c, &o);
    o = part_begin(&c);
    json_put_text(&o, "policy", g->pin);
    part_end(&c, &o);
    put_verdict(&c, g);
    for (size_t i = 0; i < v->n_evidence; i++)
        put_evidence(&c, &v->evidence[i]);
    for (size_t i = 0; i < n_inputs; i++) {
        o = part_begin(&c);
        json_begin(&o, "extension", '{');
        json_put_i64(&o, "polls", input[i].polls);
        json_put_i64(&o, "by_ms", input[i].by_ms);
        json_put_i64(&o, "kind", input[i].kind);
        json_end(&o, '}');
        part_end(&c, &o);
    }
    put_rest(&c, v);
    buf_print(b, "\n],\"hash\":\"%s\"}\n", c.prev);
    if (b->full)
        return hd_fail(err, HD_LIMIT, TOO_LARGE, HD_REPLY_BYTES_MAX);
    return HD_OK;
}

#define ROW_BYTES 250 /* of a poll's line, without its data */

/* The order of the engine's steps is that of the store, which view_load gives up for drawing. What could not
 * be sent is not read. */
static enum hd_code in_order(struct call *c, struct guard_view *v, struct hd_error *err)
{
    struct store_evidence_size size;
    enum hd_code code = store_evidence_size(c->store, c->param, HD_REPLY_BYTES_MAX / ROW_BYTES, &size, err);
    if (code)
        return code;
    if (size.rows * ROW_BYTES + 2 * (size_t)size.bytes > HD_REPLY_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, TOO_LARGE, HD_REPLY_BYTES_MAX);
    code = store_evidence(c->store, c->arena, c->param, &v->evidence, &v->n_evidence, err);
    if (code == HD_ABSENT) {
        v->n_evidence = 0;
        return HD_OK;
    }
    return code;
}

enum hd_code export_receipt(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    struct engine_input *input;
    size_t n;
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err)) {
        if (err->code != HD_ABSENT)
            return err->code;
        return call_refuse(c, 404, "unknown_guard", "there is no guard %s", c->param);
    }
    if (!c->facts->digest)
        return call_refuse(c, 501, "no_digest", "receipts cannot be made here");
    if (!hd_state_terminal(v->guard.state))
        return call_refuse(c, 409, "live", "the guard is live: its receipt comes with its end");
    if (in_order(c, v, err) ||
        store_inputs(c->store, c->arena, c->param, &input, &n, err))
        return err->code;
    return receipt_write(call_answer(c, 200, CALL_JSON), v, input, n, c->facts->digest, err);
}
