/* SPDX-License-Identifier: Apache-2.0
 *
 * See once.h. The answer is stored with what the order changed, so that neither is there without the
 * other. Until that commit it is found in memory: a second row of one key could never be committed.
 * An answer that says "not now" is not kept: asking again must be possible.
 */
#include "pipeline/once.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cred/cred.h"

#define PENDING_MAX 256 /* answers that no commit has taken yet: a turn has a few, a lost store has many */

static void hash_text(const char *text, char out[65])
{
    cred_sha256_hex((struct hd_span){text, strlen(text)}, out);
}

/* What is ordered, whoever's token carries it: the packet from its "service" on. */
static const char *ordered(const struct order *o)
{
    const char *rest = strstr(o->text.at, "\"service\":");
    return arena_print(o->arena, "%s %s", o->what, rest ? rest : "");
}

static bool still_running(const struct order *o)
{
    const struct service *s = o->service ? service_find(o->p, o->service) : NULL;
    return s && !o->fresh && command_waits(s, o->once_hash);
}

/* HD_ABSENT: no order had this key; HD_LIMIT: too much waits for a commit to take another one. */
static enum hd_code find(const struct order *o, struct store_answered *ret, struct hd_error *err)
{
    size_t n = 0;
    for (const struct answered *a = o->p->answered; a; a = a->next) {
        if (str_is(a->hash, o->once_hash)) {
            *ret = a->row;
            ret->answer = arena_text(o->arena, a->text);
            return HD_OK;
        }
        n++;
    }
    enum hd_code code = store_answered(o->p->o.store, o->arena, o->once_hash, o->p->now.wall_ms, ret, err);
    return code == HD_ABSENT && n >= PENDING_MAX
               ? hd_fail(err, HD_LIMIT, "too many answers wait for the store; nothing was done")
               : code;
}

bool once_admit(struct order *o)
{
    struct store_answered was;
    struct hd_error err;
    if (!o->key)
        return true;
    hash_text(arena_print(o->arena, "%s %s", o->by.name, o->key), o->once_hash);
    hash_text(ordered(o), o->once_order);
    if (still_running(o)) {
        order_problem(o, 409, "still_running", "the first order with this Idempotency-Key is not answered yet");
        return false;
    }
    enum hd_code code = find(o, &was, &err);
    if (code == HD_ABSENT)
        return true;
    if (code)
        order_problem(o, 503, "no_store", arena_text(o->arena, err.text));
    else if (!str_is(was.order, o->once_order))
        order_problem(o, 422, "key_reused", "this Idempotency-Key was used for another order");
    else {
        o->again = was.answer;
        o->status = was.status;
    }
    return false;
}

void once_remember(const struct order *o, const char *members)
{
    struct pipeline *p = o->p;
    if (!o->once_hash[0] || o->again || o->later || o->status >= 500 || str_is(o->code, "still_running") ||
        str_is(o->code, "key_reused"))
        return;
    struct answered *a = calloc(1, sizeof *a);
    if (!a)
        return;
    *a = (struct answered){.next = p->answered, .text = strdup(members)};
    memcpy(a->hash, o->once_hash, sizeof a->hash);
    memcpy(a->order, o->once_order, sizeof a->order);
    a->row = (struct store_answered){
        .hash = a->hash, .order = a->order, .status = o->status, .answer = a->text, .made_ms = p->now.wall_ms};
    p->answered = a;
}

void once_forget(struct pipeline *p)
{
    while (p->answered) {
        struct answered *next = p->answered->next;
        free(p->answered->text);
        free(p->answered);
        p->answered = next;
    }
}
