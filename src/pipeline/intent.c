/* SPDX-License-Identifier: Apache-2.0
 *
 * The intent of an act: its texts, its steps as they are journaled, its outcome. Fills in memory
 * only; save.c writes it, before the first byte is sent (I2). Called by act.c and send.c.
 */
#include "pipeline/act.h"

#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "base/str.h"
#include "json/json.h"

void intent_clear(struct act *a)
{
    free(a->texts.from);
    free(a->texts.steps);
    free(a->texts.native);
    free(a->texts.follow);
    free(a->texts.words);
    memset(&a->texts, 0, sizeof a->texts);
    a->intent = (struct store_intent){.seq = 0};
}

/* Replaces one text of the intent by a copy. */
static const char *keep(char **slot, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    free(*slot);
    return *slot = copy;
}

void intent_words(struct act *a, const char *text)
{
    a->intent.text = keep(&a->texts.words, text);
}

void intent_follow(struct act *a, const char *follow)
{
    a->intent.follow = keep(&a->texts.follow, follow);
}

static void count_actuation(const struct guard *g, int outcome)
{
    BUF_AUTO l = BUF_INIT(1024);
    metric_label(&l, "actuator", g->policy->actuator.type);
    metric_label(&l, "service", g->service->name);
    metric_label(&l, "outcome", hd_intent_word(outcome));
    metric_add(metric_get("haldane_actuations_total", METRIC_COUNTER, "Intents by how they ended", buf_at(&l)), 1);
}

void intent_outcome(struct guard *g, int outcome, const char *text)
{
    struct act *a = &g->act;
    if (!a->intent.guard)
        return;
    a->intent.outcome = outcome;
    if (text)
        intent_words(a, text);
    if (outcome >= HD_INTENT_VERIFIED) {
        a->intent.done_ms = g->p->now.wall_ms;
        count_actuation(g, outcome);
    }
    a->intent_dirty = true;
    g->dirty = true;
}

/* The request itself is the evidence of what was sent; bodies hold no secrets. */
static void steps_json(const struct hd_plan *plan, struct buf *to)
{
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '[');
    for (size_t i = 0; i < plan->n; i++) {
        const struct hd_request *r = plan->step[i];
        static const char *const effect[] = {"read", "set", "once"};
        json_begin(&o, NULL, '{');
        json_put_text(&o, "label", r->label);
        json_put_text(&o, "effect", effect[r->effect]);
        json_put_text(&o, "to", r->at && r->base < r->at->n_bases ? r->at->bases[r->base] : NULL);
        if (r->via == HD_VIA_HTTP)
            json_put_text(&o, "method", r->u.http.method);
        if (r->via == HD_VIA_HTTP)
            json_put_text(&o, "path", r->u.http.path);
        json_put_text(&o, "text", r->body.at);
        json_end(&o, '}');
    }
    json_end(&o, ']');
}

bool intent_is_rest(const struct guard *g, const struct hd_plan *rest)
{
    BUF_AUTO json = BUF_INIT(HD_BLOB_BYTES_MAX);
    if (!rest->n || !g->act.intent.steps)
        return false;
    steps_json(rest, &json);
    json.at[0] = ','; /* "[{...}]": other steps must come before */
    return str_ends(g->act.intent.steps, json.at);
}

void intent_fill(struct guard *g, const char *from, bool counted)
{
    struct act *a = &g->act;
    BUF_AUTO steps = BUF_INIT(HD_BLOB_BYTES_MAX);
    steps_json(&a->plan, &steps);
    if (!intent_is_rest(g, &a->plan)) /* the rest of a plan is known by the whole of it */
        a->intent.steps = keep(&a->texts.steps, buf_at(&steps));
    a->intent.native = keep(&a->texts.native, a->plan.native);
    a->counted = counted;
    a->intent.sends += counted;
    a->intent.step = (uint32_t)a->begun;
    a->intent.outcome = HD_INTENT_JOURNALED;
    if (!a->intent.guard) {
        int64_t left = a->deadline_ms - g->p->now.boot_ms;
        a->intent.guard = g->row.id;
        a->intent.service = g->service->name;
        a->intent.actuator = g->policy->actuator.type;
        a->intent.kind = a->reapply ? "reapply" : "revert";
        a->intent.automatic = a->automatic;
        a->intent.candidate = g->row.candidate;
        a->intent.candidate_version = g->row.candidate_version;
        a->intent.from = keep(&a->texts.from, from);
        a->intent.to = g->goal;
        a->intent.text = NULL; /* words from before it say nothing about it */
        a->intent.journaled_ms = g->p->now.wall_ms;
        a->intent.sent_ms = a->intent.done_ms = -1;
        a->intent.deadline_ms = g->p->now.wall_ms + left;
    }
    if (a->plan.native) {
        buf_clear(&g->native);
        buf_text(&g->native, a->plan.native);
    }
    a->intent_dirty = true;
}

void intent_unsend(struct act *a)
{
    if (a->stored) {
        a->intent.sends -= a->counted;
        a->counted = false;
        return;
    }
    a->intent_dirty = false;
    intent_clear(a);
}

void intent_resume(struct guard *g, const struct store_intent *i)
{
    struct act *a = &g->act;
    a->intent = *i;
    a->intent.guard = g->row.id;
    a->intent.service = g->service->name;
    a->intent.actuator = g->policy->actuator.type;
    a->intent.kind = a->reapply ? "reapply" : "revert";
    a->intent.candidate = g->row.candidate;
    a->intent.candidate_version = g->row.candidate_version;
    a->intent.from = keep(&a->texts.from, i->from);
    a->intent.steps = keep(&a->texts.steps, i->steps);
    a->intent.native = keep(&a->texts.native, i->native);
    a->intent.follow = keep(&a->texts.follow, i->follow);
    intent_words(a, i->text);
    a->intent.to = g->goal;
    a->stored = true;
}
