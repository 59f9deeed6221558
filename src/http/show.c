/* SPDX-License-Identifier: Apache-2.0
 *
 * See show.h. The one place that names the API's fields. Called by api.c.
 */
#include "http/show.h"

#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "engine/weigh.h"
#include "http/blame.h"

#include <haldane/policy.h>

static void put_count(struct json_out *o, const char *key, uint32_t n)
{
    if (n == UINT32_MAX)
        json_put_null(o, key);
    else
        json_put_i64(o, key, n);
}

/* Stored JSON goes in as it is. */
static void put_stored(struct json_out *o, const char *key, const char *json)
{
    if (json && *json)
        json_put_raw(o, key, json);
    else
        json_put_null(o, key);
}

static void put_share(struct json_out *o, const struct store_side *s)
{
    json_put_double(o, "share", s->share_ppm / 1e6);
    put_count(o, "ready", s->ready);
    put_count(o, "wanted", s->wanted);
}

static void put_role(struct json_out *o, const char *key, const char *colour, const char *version,
                     const struct store_reading *r)
{
    const struct store_side *s = r ? view_side(r, colour) : NULL;
    json_begin(o, key, '{');
    json_put_text(o, "colour", colour);
    json_put_text(o, "version", version);
    if (s) {
        put_share(o, s);
    } else {
        json_put_null(o, "share");
        json_put_null(o, "ready");
        json_put_null(o, "wanted");
    }
    json_put_time(o, "read_at", s ? r->last_ms : -1);
    json_end(o, '}');
}

static void put_mark(struct json_out *o, const struct store_guard *g)
{
    const char *said, *word = store_mark_word(g, &said);
    if (!word) {
        json_put_null(o, "mark");
        return;
    }
    json_begin(o, "mark", '{');
    json_put_text(o, "verdict", word);
    json_put_text(o, "reason", g->mark_reason);
    json_put_text(o, "actor", g->mark_actor);
    json_put_time(o, "at", g->marked_ms);
    json_end(o, '}');
}

static void put_guard(struct json_out *o, const struct store_guard *g, const struct store_reading *r,
                      const struct stance *stance, const char *public_url)
{
    char etag[32], url[HD_TEXT_MAX + 64];
    struct cause_facts facts;
    BUF_AUTO cause = BUF_INIT(2 * HD_TEXT_MAX + 400);
    blame_facts(g, &facts);
    cause_say(&cause, &facts);
    (void)snprintf(etag, sizeof etag, "\"v%lld\"", (long long)g->version);
    (void)snprintf(url, sizeof url, "%s/g/%s", public_url, g->id);
    json_put_text(o, "id", g->id);
    json_put_text(o, "service", g->service);
    json_put_text(o, "state", hd_state_word(g->state));
    json_put_bool(o, "live", !hd_state_terminal(g->state));
    json_put_text(o, "headline", g->headline);
    json_put_text(o, "why", g->why);
    put_stored(o, "reasons", g->reasons);
    json_put_bool(o, "needs_human", g->needs_human);
    json_put_bool(o, "analysis", g->analysis);
    json_put_text(o, "mode", hd_mode_word(g->mode));
    json_put_text(o, "verdict", hd_verdict_word(g->verdict));
    json_put_text(o, "cause", hd_cause_word(g->cause));
    json_put_text(o, "cause_text", cause.len ? buf_at(&cause) : NULL);
    json_put_double(o, "score", g->score);
    json_put_text(o, "trigger", g->trigger);
    json_put_text(o, "group", g->group);
    put_role(o, "stable", g->stable, g->stable_version, r);
    put_role(o, "candidate", g->candidate, g->candidate_version, r);
    json_begin(o, "switch", '{');
    json_put_time(o, "from", g->switch_from_ms);
    json_put_time(o, "to", g->switch_to_ms);
    json_end(o, '}');
    json_put_time(o, "started_at", g->started_ms);
    json_put_time(o, "until", g->until_ms);
    json_put_time(o, "ended_at", g->ended_ms);
    json_put_time(o, "bad_since", g->bad_since_ms);
    json_put_time(o, "decided_at", g->decided_ms);
    json_put_time(o, "sent_at", g->sent_ms);
    json_put_time(o, "accepted_at", g->accepted_ms);
    json_put_time(o, "verified_at", g->verified_ms);
    json_put_time(o, "recovered_at", g->recovered_ms);
    json_put_text(o, "native", g->native);
    json_put_text(o, "rehearsal", g->rehearsal);
    stance_put(o, stance);
    put_stored(o, "change", g->change);
    put_mark(o, g);
    json_put_text(o, "config_hash", g->config_hash);
    json_put_text(o, "etag", etag);
    json_put_text(o, "url", url);
}

void show_guard_row(struct json_out *o, const struct store_guard *g, const struct store_reading *r,
                    const struct stance *stance, const char *public_url)
{
    json_begin(o, NULL, '{');
    put_guard(o, g, r, stance, public_url);
    json_end(o, '}');
}

static void put_check(struct json_out *o, const struct check_view *c)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", c->name);
    json_put_text(o, "title", c->title);
    json_put_text(o, "outcome", c->state ? hd_outcome_word(c->state->outcome) : NULL);
    json_put_text(o, "band", hd_band_word((int)c->band));
    json_put_double(o, "value", c->value);
    json_put_double(o, "stable", c->stable);
    if (c->state && isfinite(c->stable))
        json_put_text(o, "baseline", c->state->baseline == 2 ? "before" : "concurrent");
    else
        json_put_null(o, "baseline");
    json_put_text(o, "limit", c->limit);
    json_put_text(o, "rule", c->sequential ? "sequential" : "threshold");
    json_put_text(o, "unit", c->unit);
    json_put_double(o, "n", c->n);
    json_begin(o, "polls", '{');
    json_put_i64(o, "broken", c->state ? c->state->broken : 0);
    json_put_i64(o, "judged", c->state ? c->state->judged : 0);
    json_put_i64(o, "shared", c->state ? c->state->shared : 0);
    json_put_i64(o, "warmup", c->state ? c->state->warm : 0);
    json_end(o, '}');
    json_put_bool(o, "tripped", c->state && c->state->tripped);
    json_put_bool(o, "blind", c->state && c->state->blind);
    json_put_bool(o, "critical", c->critical);
    json_put_bool(o, "advisory", c->advisory);
    json_put_bool(o, "earlier", c->state && c->state->earlier);
    json_put_text(o, "query", c->query);
    json_end(o, '}');
}

static void put_intent(struct json_out *o, const struct store_intent *i)
{
    json_begin(o, "intent", '{');
    json_put_i64(o, "seq", i->seq);
    json_put_text(o, "kind", i->kind);
    json_put_text(o, "actuator", i->actuator);
    json_put_bool(o, "automatic", i->automatic);
    json_put_text(o, "from", i->from);
    json_put_text(o, "to", i->to);
    put_stored(o, "steps", i->steps);
    json_put_text(o, "native", i->native);
    json_put_text(o, "outcome", hd_intent_word(i->outcome));
    json_put_i64(o, "sends", i->sends);
    json_put_time(o, "journaled_at", i->journaled_ms);
    json_put_time(o, "sent_at", i->sent_ms);
    json_put_time(o, "done_at", i->done_ms);
    json_put_text(o, "text", i->text);
    json_end(o, '}');
}

/* How far the evidence of a sequential rule is; null: the guard has none. */
static void put_weigh(struct json_out *o, const struct guard_view *v)
{
    const struct store_guard *g = &v->guard;
    struct weigh w = {.any = false};
    const char *leading = NULL;
    if (g->engine)
        w = weigh_view(g->engine);
    if (!w.any) {
        json_put_null(o, "weigh");
        return;
    }
    json_begin(o, "weigh", '{');
    json_put_double(o, "meter", w.meter);
    json_put_double(o, "log_e", w.log_e);
    json_put_double(o, "needed", w.threshold);
    for (size_t i = 0; i < v->n_checks && w.meter > 0; i++)
        leading = v->check[i].index == w.leading ? v->check[i].name : leading;
    json_put_text(o, "leading", leading);
    json_put_time(o, "sufficed_at", w.crossed_ms ? g->switch_to_ms + w.crossed_ms : -1);
    json_put_time(o, "healthy_at", w.healthy_ms ? g->switch_to_ms + w.healthy_ms : -1);
    json_put_bool(o, "pause", w.pause);
    json_put_bool(o, "cannot_tell", w.cannot_tell);
    json_end(o, '}');
}

/* Why an ended guard is in its state, as far as `why` does not say it: a refusal's reason, who undid it.
 * NULL: there is no more to say. */
static const char *because(const struct guard_view *v)
{
    const struct store_guard *g = &v->guard;
    if (!hd_state_terminal(g->state))
        return NULL;
    for (size_t i = v->n_events; i-- > 0;) {
        const struct store_event *e = &v->event[i];
        if (!str_is(e->kind, "state") || !e->state || !str_is(e->state, hd_state_word(g->state)))
            continue;
        bool news = e->reason && e->text && *e->text && !(g->why && str_is(e->text, g->why)) &&
                    !str_is(e->text, g->headline);
        return news ? e->text : NULL;
    }
    return NULL;
}

void show_guard(struct json_out *o, const struct guard_view *v, const char *public_url)
{
    json_begin(o, NULL, '{');
    put_guard(o, &v->guard, v->has_reading ? &v->reading : NULL, stance_open(&v->guard) ? &v->stance : NULL, public_url);
    json_put_text(o, "because", because(v));
    json_begin(o, "checks", '[');
    for (size_t i = 0; i < v->n_checks; i++)
        put_check(o, &v->check[i]);
    json_end(o, ']');
    put_weigh(o, v);
    if (v->n_intents)
        put_intent(o, &v->intent[v->n_intents - 1]);
    else
        json_put_null(o, "intent");
    json_end(o, '}');
}

static void put_rejected(struct json_out *o, const struct store_rejection *r)
{
    if (!r) {
        json_put_null(o, "rejected");
        return;
    }
    json_begin(o, "rejected", '{');
    json_put_text(o, "guard", r->guard);
    json_put_time(o, "at", r->at_ms);
    json_put_text(o, "why", r->why);
    json_end(o, '}');
}

static void put_reading(struct json_out *o, const struct store_reading *r)
{
    json_begin(o, "reading", '{');
    json_put_time(o, "first_at", r->first_ms);
    json_put_time(o, "read_at", r->last_ms);
    json_put_text(o, "value", r->value);
    json_put_text(o, "owner", r->owner);
    json_put_text(o, "note", r->note);
    json_put_bool(o, "ours", r->ours);
    json_begin(o, "sides", '[');
    for (size_t i = 0; i < r->n_sides; i++) {
        json_begin(o, NULL, '{');
        json_put_text(o, "colour", r->side[i].colour);
        put_share(o, &r->side[i]);
        put_rejected(o, r->side[i].rejected);
        json_end(o, '}');
    }
    json_end(o, ']');
    json_end(o, '}');
}

void show_hold(struct json_out *o, const struct store_hold *h)
{
    json_begin(o, NULL, '{');
    json_put_i64(o, "id", h->id);
    json_put_text(o, "service", h->service);
    json_put_text(o, "reason", h->reason);
    json_put_text(o, "actor", h->actor);
    json_put_time(o, "from", h->from_ms);
    json_put_time(o, "until", h->until_ms);
    json_put_time(o, "released_at", h->released_ms);
    json_end(o, '}');
}

void show_band(struct json_out *o, const struct store_band *b, const char *check)
{
    json_begin(o, NULL, '{');
    json_put_time(o, "at", b->wall_ms);
    json_put_text(o, "check", check);
    json_put_text(o, "band", hd_band_word(b->band));
    json_put_double(o, "value", b->value);
    json_put_double(o, "stable", b->stable);
    json_put_double(o, "limit", b->limit);
    json_put_double(o, "n", b->n);
    json_end(o, '}');
}

void show_token(struct json_out *o, const struct store_token *t)
{
    static const char *const roles[] = {
        [HD_TOKEN_VIEWER] = "viewer", [HD_TOKEN_OPERATOR] = "operator", [HD_TOKEN_ADMIN] = "admin"};
    static const char *const origins[] = {[STORE_ORIGIN_ORDER] = "order",
                                          [STORE_ORIGIN_CONFIG] = "config",
                                          [STORE_ORIGIN_LOCAL] = "local"};
    json_begin(o, NULL, '{');
    json_put_text(o, "name", t->name);
    json_put_text(o, "role", roles[t->role]);
    put_stored(o, "services", t->services);
    json_put_text(o, "origin", origins[t->origin]);
    json_put_text(o, "actor", t->actor);
    json_put_time(o, "made_at", t->made_ms);
    json_put_time(o, "until", t->until_ms);
    json_end(o, '}');
}

void show_service(struct json_out *o, const struct store_service *s, const struct store_reading *r,
                  const struct store_drill *drill, const struct store_budgets *b, const struct stance *stance)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", s->name);
    json_put_text(o, "mode", s->mode);
    json_put_text(o, "kind", s->kind);
    put_stored(o, "colours", s->colours);
    put_stored(o, "checks", s->checks);
    json_put_text(o, "config_hash", s->config_hash);
    put_stored(o, "about", s->about);
    if (r)
        put_reading(o, r);
    else
        json_put_null(o, "reading");
    if (drill) {
        json_begin(o, "drill", '{');
        json_put_time(o, "at", drill->at_ms);
        json_put_bool(o, "ok", drill->ok);
        json_put_text(o, "text", drill->text);
        json_put_bool(o, "would_act", drill->ok && !drill->refused);
        json_put_text(o, "would_not_because", drill->refused);
        json_end(o, '}');
    } else {
        json_put_null(o, "drill");
    }
    json_begin(o, "holds", '[');
    for (size_t i = 0; i < b->n_holds; i++) {
        if (!b->hold[i].service || str_is(b->hold[i].service, s->name))
            show_hold(o, &b->hold[i]);
    }
    json_end(o, ']');
    stance_put(o, stance);
    json_end(o, '}');
}

void show_event(struct json_out *o, const struct store_event *e)
{
    json_begin(o, NULL, '{');
    json_put_i64(o, "seq", e->seq);
    json_put_time(o, "at", e->wall_ms);
    json_put_text(o, "guard", e->guard);
    json_put_text(o, "service", e->service);
    json_put_text(o, "kind", e->kind);
    json_put_text(o, "reason", e->reason ? reason_slug(e->reason) : NULL);
    json_put_text(o, "severity", hd_severity_word(e->severity));
    json_put_text(o, "state", e->state);
    json_put_text(o, "headline", e->headline);
    json_put_text(o, "text", e->text);
    json_put_text(o, "native", e->native);
    json_put_bool(o, "resolved", e->resolved);
    json_end(o, '}');
}

static void put_measurement(struct json_out *o, const struct hd_measurement *m)
{
    json_begin(o, NULL, '{');
    json_put_i64(o, "check", m->check);
    json_put_text(o, "role", m->role == HD_STABLE ? "stable" : "candidate");
    json_put_text(o, "outcome", hd_outcome_word(m->outcome));
    json_put_text(o, "reason", m->reason ? reason_slug(m->reason) : NULL);
    json_put_bool(o, "fresh", m->fresh);
    json_put_double(o, "events", m->events);
    json_put_double(o, "exposure", m->exposure);
    json_put_double(o, "value", m->value);
    json_put_i64(o, "age_ms", m->age_ms);
    json_put_i64(o, "covers_ms", m->covers_ms);
    json_end(o, '}');
}

static void put_presence(struct json_out *o, const char *key, const struct hd_presence *p)
{
    if (!p->known) {
        json_put_null(o, key);
        return;
    }
    json_begin(o, key, '{');
    json_put_double(o, "share", p->share_ppm / 1e6);
    put_count(o, "ready", p->ready);
    put_count(o, "wanted", p->wanted);
    json_end(o, '}');
}

void show_evidence(struct json_out *o, const struct store_evidence *e)
{
    json_begin(o, NULL, '{');
    json_put_i64(o, "poll", e->evidence.poll);
    json_put_time(o, "at", e->wall_ms);
    json_put_i64(o, "t_ms", e->t_ms);
    json_put_bool(o, "before", e->evidence.before);
    json_put_bool(o, "aftercare", e->care);
    json_put_bool(o, "backfill", e->evidence.backfill);
    put_presence(o, "stable", &e->evidence.presence[HD_STABLE]);
    put_presence(o, "candidate", &e->evidence.presence[HD_CANDIDATE]);
    json_begin(o, "measurements", '[');
    for (size_t i = 0; i < e->evidence.n; i++)
        put_measurement(o, &e->evidence.m[i]);
    json_end(o, ']');
    json_end(o, '}');
}
