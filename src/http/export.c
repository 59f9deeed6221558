/* SPDX-License-Identifier: Apache-2.0
 *
 * See export.h. Called by the routes of the exports.
 */
#include "http/export.h"

#include <math.h>
#include <string.h>

#include "base/reason.h"
#include "base/str.h"
#include "http/blame.h"
#include "http/graph.h"
#include "http/guard_parts.h"
#include "http/handlers.h"

#define POLLS_SHOWN 12 /* of the failing check, the last ones before the decision */
#define HANDOVER_MS ((int64_t)12 * 3600 * 1000)
#define HANDOVER_MAX 500

void export_text(struct buf *b, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (strchr("\\`*_[]<>|#~!", *p))
            buf_byte(b, '\\');
        buf_byte(b, (unsigned char)*p < 0x20 || *p == 0x7F ? ' ' : *p);
    }
}

static void time_text(struct buf *b, int64_t ms)
{
    char text[STR_TIME_MAX];
    buf_text(b, ms < 0 ? "not" : str_moment(ms, 0, text));
}

static void value_text(struct buf *b, double value, const char *unit)
{
    if (isfinite(value))
        reason_value(b, value, unit);
    else
        buf_byte(b, '-');
}

/* --- users affected --- */

static double errors_of(const struct check_view *c, const struct hd_measurement *m)
{
    return c->complement ? m->exposure - m->events : m->events;
}

/* The check that failed; else one that does not count, and broke its limit all the same. */
static const struct check_view *failed_check(const struct guard_view *v)
{
    const struct check_view *over = NULL;
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct check_view *c = &v->check[i];
        if (!str_is(c->kind, "counts"))
            continue;
        if (c->tone == TONE_FAIL)
            return c;
        if (!over && c->state && (c->state->tripped || c->state->broken || c->state->shared))
            over = c;
    }
    return over;
}

/* Share of errors of the other side in this poll, else in the minutes before the switch. */
static double usual_share(const struct check_view *c, const struct store_evidence *e)
{
    for (size_t k = 0; k < e->evidence.n; k++) {
        const struct hd_measurement *m = &e->evidence.m[k];
        if (m->check == c->index && m->role == HD_STABLE && m->fresh && m->exposure > 0)
            return errors_of(c, m) / m->exposure;
    }
    const struct hd_check_state *s = c->state;
    double before = s && s->before_exposure > 0 ? s->before_events / s->before_exposure : 0;
    return c->complement && before > 0 ? 1 - before : before;
}

/* Of how many polls one that was read tells: the newest were all read. */
static double stands_for(const struct guard_view *v, const struct hd_evidence *e)
{
    return e->poll + STORE_SPREAD_NEWEST > v->polls ? 1 : (double)v->polls_every;
}

void export_affected(const struct guard_view *v, struct affected *ret)
{
    *ret = (struct affected){.check = failed_check(v)};
    for (size_t i = 0; ret->check && i < v->n_evidence; i++) {
        const struct store_evidence *e = &v->evidence[i];
        for (size_t k = 0; k < e->evidence.n && !e->evidence.before; k++) {
            const struct hd_measurement *m = &e->evidence.m[k];
            if (m->check != ret->check->index || m->role != HD_CANDIDATE || !m->fresh ||
                !(m->exposure > 0))
                continue;
            double errors = errors_of(ret->check, m), each = stands_for(v, &e->evidence);
            ret->requests += each * m->exposure;
            ret->errors += each * errors;
            ret->beyond += each * fmax(0, errors - m->exposure * usual_share(ret->check, e));
            ret->polls++;
            ret->last_ms = e->wall_ms;
        }
    }
}

static void affected(struct buf *b, const struct guard_view *v)
{
    struct affected a;
    char text[STR_TIME_MAX];
    export_affected(v, &a);
    buf_text(b, "| users affected | ");
    if (!a.polls) {
        buf_text(b, a.check ? "unknown: the polls are no longer stored |\n"
                            : "no check that counts requests was seen to break its limit |\n");
        return;
    }
    reason_count(b, round(a.beyond));
    buf_text(b, " requests failed beyond what was usual: the sum over ");
    buf_print(b, "%u poll%s of max(0, errors - requests x usual share of errors), by ", a.polls, a.polls == 1 ? "" : "s");
    export_text(b, a.check->name);
    buf_text(b, " (");
    reason_count(b, a.errors);
    buf_text(b, " errors in ");
    reason_count(b, a.requests);
    buf_print(b, " requests of ");
    export_text(b, v->guard.candidate);
    buf_text(b, "; usual: the other side in the same poll, else the minutes before the switch; up to "
                "the poll of ");
    time_text(b, a.last_ms);
    if (v->polls_every > 1)
        buf_print(b, "; estimated from one poll in %zu", v->polls_every);
    buf_byte(b, ')');
    if (v->guard.bad_since_ms >= 0 && v->guard.recovered_ms >= v->guard.bad_since_ms)
        buf_print(b, ", for about %s",
                  str_duration(v->guard.recovered_ms - v->guard.bad_since_ms, text));
    buf_text(b, " |\n");
}

/* --- summary, timeline, why --- */

static void text_of_cause(struct buf *b, const struct cause_facts *f)
{
    BUF_AUTO text = BUF_INIT(2 * HD_TEXT_MAX + 400);
    cause_say(&text, f);
    export_text(b, text.len ? buf_at(&text) : "haldane did not ask; a human looks");
}

static void side_text(struct buf *b, const char *colour, const char *version)
{
    export_text(b, colour);
    if (version) {
        buf_byte(b, ' ');
        export_text(b, version);
    }
}

static void moment(struct buf *b, const char *word, int64_t ms, int64_t after_ms)
{
    char text[STR_TIME_MAX];
    if (ms < 0)
        return;
    buf_print(b, "| %s | ", word);
    time_text(b, ms);
    if (after_ms >= 0 && ms >= after_ms)
        buf_print(b, " (+%s)", str_duration(ms - after_ms, text));
    buf_text(b, " |\n");
}

static void contact(struct buf *b, const char *name, const char *text)
{
    if (!text)
        return;
    buf_print(b, "| %s | ", name);
    if (part_leads(text) && !text[strcspn(text, "<>| \n")])
        buf_print(b, "<%s>", text);
    else
        export_text(b, text);
    buf_text(b, " |\n");
}

static void summary(struct buf *b, struct hd_arena *a, const struct guard_view *v, const char *url)
{
    const struct store_guard *g = &v->guard;
    const char *cause = blame_say(a, g);
    buf_text(b, "| | |\n|---|---|\n| service | ");
    export_text(b, g->service);
    buf_text(b, " |\n");
    contact(b, "owner", v->contacts.owner);
    contact(b, "runbook", v->contacts.runbook);
    contact(b, "dashboard", v->contacts.dashboard);
    buf_text(b, "| change | ");
    side_text(b, g->stable, g->stable_version);
    buf_text(b, " to ");
    side_text(b, g->candidate, g->candidate_version);
    if (v->change_commit) {
        buf_text(b, ", commit ");
        export_text(b, v->change_commit);
    }
    if (v->change_actor) {
        buf_text(b, ", by ");
        export_text(b, v->change_actor);
    }
    buf_text(b, " |\n");
    moment(b, g->analysis ? "judged from" : "switch", g->switch_to_ms, -1);
    moment(b, "first bad poll", g->bad_since_ms, g->switch_to_ms);
    moment(b, "decided", g->decided_ms, g->switch_to_ms);
    moment(b, "change sent", g->sent_ms, g->decided_ms);
    moment(b, "verified", g->verified_ms, g->decided_ms);
    moment(b, "users well", g->recovered_ms, g->decided_ms);
    moment(b, "guard ended", g->ended_ms, g->switch_to_ms);
    affected(b, v);
    buf_print(b, "| verdict | %s, %s |\n", hd_verdict_word(g->verdict), html_state_words(g->state));
    if (cause) {
        buf_text(b, "| was it the release | ");
        export_text(b, cause);
        buf_text(b, " |\n");
    }
    buf_print(b, "| evidence | %s/g/%s |\n\n", url, g->id);
}

static void timeline(struct buf *b, const struct guard_view *v)
{
    buf_text(b, "## Timeline (UTC)\n\n");
    if (v->events_left_out)
        buf_print(b, "- %zu older lines are left out\n", v->events_left_out);
    for (size_t i = 0; i < v->n_events; i++) {
        const struct store_event *e = &v->event[i];
        buf_text(b, "- ");
        time_text(b, e->wall_ms);
        buf_print(b, " (%lld) ", (long long)e->seq);
        export_text(b, e->headline);
        if (e->text && *e->text) {
            buf_text(b, ": ");
            export_text(b, e->text);
        }
        buf_byte(b, '\n');
    }
    if (!v->n_events)
        buf_text(b, "Its lines are no longer stored.\n");
    buf_byte(b, '\n');
}

/* As a code block that its text cannot end: a fence longer than any run of backticks in it. */
static void fenced(struct buf *b, const char *text)
{
    size_t most = 2, run = 0;
    for (const char *p = text; *p; p++) {
        run = *p == '`' ? run + 1 : 0;
        most = run > most ? run : most;
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i <= most; i++)
            buf_byte(b, '`');
        buf_byte(b, '\n');
        if (!side)
            buf_print(b, "%s\n", text);
    }
    buf_byte(b, '\n');
}

static void checks(struct buf *b, struct hd_arena *a, const struct guard_view *v, int64_t now_ms)
{
    buf_text(b, "| check | state | ");
    export_text(b, v->guard.candidate);
    buf_text(b, " | ");
    export_text(b, v->guard.stable);
    buf_text(b, " | limit | n | broken in |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct check_view *c = &v->check[i];
        buf_text(b, "| ");
        export_text(b, c->name);
        buf_print(b, " | %s | ", c->word);
        value_text(b, c->value, c->unit);
        buf_text(b, " | ");
        value_text(b, c->stable, c->unit);
        view_baseline(b, c);
        buf_text(b, " | ");
        export_text(b, c->limit);
        buf_text(b, " | ");
        if (isfinite(c->n) && c->n > 0)
            reason_count(b, c->n);
        buf_text(b, " | ");
        view_polls(b, c);
        buf_text(b, " |\n");
    }
    buf_byte(b, '\n');
    for (size_t i = 0; i < v->n_checks; i++) {
        if (!v->check[i].query)
            continue;
        buf_text(b, "What was asked for ");
        export_text(b, v->check[i].name);
        buf_text(b, ":\n\n");
        fenced(b, v->check[i].query);
        const char *graph = graph_url(a, &v->check[i], &v->guard, now_ms);
        if (graph)
            buf_print(b, "[Open in Prometheus](%s)\n\n", graph);
    }
}

static void samples(struct buf *b, struct hd_arena *a, const struct guard_view *v)
{
    const struct check_view *c = failed_check(v);
    struct view_series *s = arena_of(a, struct view_series);
    if (!c || !v->n_evidence)
        return;
    size_t from = v->n_evidence > POLLS_SHOWN ? v->n_evidence - POLLS_SHOWN : 0;
    view_points(c, v->evidence + from, v->n_evidence - from, s);
    buf_text(b, "The last polls of ");
    export_text(b, c->name);
    buf_text(b, ":\n\n| poll | ");
    export_text(b, v->guard.candidate);
    buf_text(b, " | n | ");
    export_text(b, v->guard.stable);
    buf_text(b, " | n |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < s->n; i++) {
        const struct view_point *p = &s->point[i];
        buf_text(b, "| ");
        time_text(b, p->at_ms);
        for (int r = HD_ROLES - 1; r >= 0; r--) {
            buf_text(b, " | ");
            value_text(b, p->value[r], c->unit);
            buf_text(b, " | ");
            reason_count(b, p->n[r]);
        }
        buf_text(b, " |\n");
    }
    buf_byte(b, '\n');
}

/* --- what was not known --- */

static void unknowns(struct buf *b, const struct guard_view *v)
{
    const struct store_guard *g = &v->guard;
    struct cause_facts f;
    uint32_t polls = g->engine ? g->engine->polls : 0;
    size_t before = b->len;
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct hd_check_state *s = v->check[i].state;
        if (!s || s->observed >= polls)
            continue;
        buf_text(b, "- ");
        export_text(b, v->check[i].name);
        buf_print(b, " was not observed in %u of %u polls%s\n", polls - s->observed, polls,
                  s->blind ? ", and was blind at the end" : "");
    }
    if (!g->candidate_version)
        buf_text(b, "- which version it was: nobody told haldane\n");
    if (g->switch_to_ms - g->switch_from_ms > 60000)
        buf_text(b, "- when exactly the switch was: haldane did not run, it lies between two readings\n");
    blame_facts(g, &f);
    if (!cause_is_known(cause_of(&f))) {
        buf_text(b, "- whether it was the release: ");
        text_of_cause(b, &f);
        buf_byte(b, '\n');
    }
    if (v->no_evidence)
        buf_text(b, "- the polls themselves are no longer stored; verdict and times are\n");
    if (b->len == before)
        buf_text(b, "- nothing that it asked for was missing\n");
    buf_byte(b, '\n');
}

/* --- the checklist of a roll-back by hand, as far as there is evidence --- */

static void box(struct buf *b, bool done, const char *what)
{
    buf_print(b, "- [%c] %s: ", done ? 'x' : ' ', what);
}

/* Who heard of the switch only knows nothing of its end. */
static bool tells_of_it(const struct guard_view *v, const struct store_message *m)
{
    const struct store_guard *g = &v->guard;
    int64_t since_ms = g->decided_ms >= 0 ? g->decided_ms : g->ended_ms;
    bool news = m->event.severity == HD_SEVERITY_ACT || (since_ms >= 0 && m->event.wall_ms >= since_ms);
    return m->done == 1 && !m->resolving && news;
}

static void before_boxes(struct buf *b, const struct guard_view *v, const char *url)
{
    const struct store_guard *g = &v->guard;
    bool told = false;
    struct cause_facts f;
    blame_facts(g, &f);
    box(b, cause_is_known(cause_of(&f)) && cause_of(&f) != CAUSE_UNSAID, "Is it the deployment");
    text_of_cause(b, &f);
    buf_print(b, " ([evidence](%s/g/%s))\n", url, g->id);
    box(b, g->why && *g->why, "Error rates are written down");
    export_text(b, g->why);
    buf_text(b, "\n");
    for (size_t i = 0; i < v->n_told; i++)
        told |= tells_of_it(v, &v->told[i]);
    box(b, told, "The team knows");
    if (!told)
        buf_text(b, "haldane told nobody; a human does\n");
    for (size_t i = 0, said = 0; i < v->n_told && told; i++) {
        if (!tells_of_it(v, &v->told[i]))
            continue;
        buf_text(b, said++ ? ", " : "");
        export_text(b, v->told[i].sink);
        buf_byte(b, ' ');
        time_text(b, v->told[i].done_ms);
    }
    if (told)
        buf_byte(b, '\n');
}

static void during_boxes(struct buf *b, const struct guard_view *v)
{
    const struct store_guard *g = &v->guard;
    const struct store_intent *it = v->n_intents ? &v->intent[v->n_intents - 1] : NULL;
    box(b, g->sent_ms >= 0, "The roll-back is carried out");
    if (it && g->sent_ms >= 0)
        buf_print(b, "change %lld, %s, sent ", (long long)it->seq,
                  it->automatic ? "by haldane" : "by an order");
    if (g->sent_ms >= 0)
        time_text(b, g->sent_ms);
    else
        buf_text(b, "haldane sent nothing");
    buf_text(b, "\n");
    box(b, g->accepted_ms >= 0, "It goes on as it should");
    buf_text(b, g->accepted_ms >= 0 ? "the router answered " : "the router answered nothing that is stored");
    if (g->accepted_ms >= 0)
        time_text(b, g->accepted_ms);
    buf_text(b, "\n");
    box(b, g->verified_ms >= 0 && g->state != HD_STATE_NOT_VERIFIED, "The old version has the traffic");
    if (g->verified_ms >= 0) {
        buf_text(b, "read back ");
        time_text(b, g->verified_ms);
        buf_text(b, ": ");
        export_text(b, it ? it->to : g->value_before);
        buf_text(b, g->state == HD_STATE_NOT_VERIFIED ? "; undone since\n" : "\n");
    } else {
        buf_text(b, "no reading proves it; a human looks\n");
    }
}

static void checklist(struct buf *b, const struct guard_view *v, const char *url)
{
    const struct store_guard *g = &v->guard;
    buf_text(b, "## Roll-back checklist\n\nBefore\n\n");
    before_boxes(b, v, url);
    buf_text(b, "\nDuring\n\n");
    during_boxes(b, v);
    buf_text(b, "\nAfter\n\n");
    box(b, g->recovered_ms >= 0, "Error rates are normal again");
    if (g->recovered_ms >= 0) {
        buf_text(b, "users were well ");
        time_text(b, g->recovered_ms);
        buf_text(b, "\n");
    } else {
        buf_text(b, "not seen by haldane; a human looks\n");
    }
    buf_text(b, "- [ ] The incident ticket is up to date: a human does\n"
                "- [ ] The post-mortem is in the calendar: a human does\n\n");
}

void export_guard(struct buf *b, struct hd_arena *a, const struct guard_view *v, const char *url, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    buf_text(b, "# ");
    export_text(b, guard_sentence(a, g));
    buf_text(b, "\n\n");
    summary(b, a, v, url);
    buf_text(b, "## Why\n\n");
    if (g->why && *g->why) {
        export_text(b, g->why);
        buf_text(b, "\n\n");
    }
    checks(b, a, v, now_ms);
    samples(b, a, v);
    timeline(b, v);
    buf_text(b, "## What haldane did not know\n\n");
    unknowns(b, v);
    if (!g->analysis)
        checklist(b, v, url);
    buf_text(b, "## Cause\n\n(written by a human)\n\n## What will be done\n\n(written by a human)\n\n");
    if (hd_state_terminal(g->state))
        buf_print(b, "Receipt: %s/api/v1/guards/%s/receipt, proved again by `haldane replay FILE`.\n", url, g->id);
    else
        buf_text(b, "The guard goes on; its receipt comes with its end.\n");
}

/* --- handover --- */

void export_handover(struct buf *b, const struct store_guard *g, size_t n, const char *url,
                     int64_t now_ms)
{
    buf_text(b, "# Releases of the last 12 hours, up to ");
    time_text(b, now_ms);
    buf_text(b, "\n\n");
    for (size_t i = 0; i < n; i++) {
        buf_print(b, "- %s", g[i].needs_human ? "**needs a human** " : "");
        time_text(b, g[i].started_ms);
        buf_text(b, " ");
        export_text(b, g[i].service);
        buf_text(b, " ");
        side_text(b, g[i].stable, g[i].stable_version);
        buf_text(b, " to ");
        side_text(b, g[i].candidate, g[i].candidate_version);
        buf_print(b, ", %s: ", html_state_words(g[i].state));
        export_text(b, g[i].headline);
        if (g[i].why && *g[i].why) {
            buf_text(b, " (");
            export_text(b, g[i].why);
            buf_byte(b, ')');
        }
        buf_print(b, " [evidence](%s/g/%s)\n", url, g[i].id);
    }
    if (!n)
        buf_text(b, "No release was watched.\n");
}

/* --- routes --- */

enum hd_code export_markdown(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    if (view_load(c->store, c->arena, c->param, c->now_ms, v, err)) {
        if (err->code != HD_ABSENT)
            return err->code;
        return call_refuse(c, 404, "unknown_guard", "there is no guard %s", c->param);
    }
    if (view_load_service(c->store, c->arena, v, c->now_ms, err))
        return err->code;
    export_guard(call_answer(c, 200, "text/markdown; charset=utf-8"), c->arena, v, c->facts->public_url, c->now_ms);
    return HD_OK;
}

enum hd_code handover_markdown(struct call *c, struct hd_error *err)
{
    const struct store_filter recent = {
        .verdict = -1, .since_ms = c->now_ms - HANDOVER_MS, .limit = HANDOVER_MAX};
    struct store_guard *list;
    size_t n;
    if (store_guards(c->store, c->arena, &recent, &list, &n, err))
        return err->code;
    export_handover(call_answer(c, 200, "text/markdown; charset=utf-8"), list, n,
                    c->facts->public_url, c->now_ms);
    return HD_OK;
}
