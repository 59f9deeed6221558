/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of Kayenta's API that Argo's `kayenta` metric and Spinnaker's Orca use: start an
 * execution, ask for it, cancel it (compat_kayenta_config.c: find a canary config). A service stands
 * for a config, an analysis for an execution; what is answered is the analysis' verdict with its
 * score moved to the side of the asker's thresholds on which the verdict lies. A client that gets
 * anything but a 200 starts a new execution, so an execution that cannot be looked at right now is
 * still running.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "http/compat.h"
#include "http/handlers.h"
#include "http/view.h"

#define AHEAD_MS 60000 /* so far a client's clock may go before ours */

static void refuse(struct call *c, unsigned status, const char *code, const char *detail)
{
    unsigned as = status == 422 ? 400 : status;
    (void)code;
    struct json_out o = json_out(call_answer(c, as, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_time(&o, "timestamp", c->now_ms);
    json_put_i64(&o, "status", as);
    json_put_text(&o, "error", call_status_title(as));
    json_put_text(&o, "message", detail);
    json_put_text(&o, "path", c->path);
    json_end(&o, '}');
}

const struct dialect kayenta_dialect = {refuse};

/* --- start --- */

/* What the asker wants to find again; kept as the note of the analysis. */
struct wish {
    const char *application, *parent; /* parent: of a pipeline; NULL */
    const char *scope;                /* its name among the scopes, of the first one */
    double pass, marginal;
};

/* What is to be judged. */
struct window {
    const char *stable, *candidate;
    int64_t from_ms, to_ms; /* -1: from now on, as long as the service's guards */
};

static const char *scope_text(const struct json *side, const char *key)
{
    const char *text = NULL;
    (void)json_text(json_get(side, key), key, &text, NULL);
    return text && *text ? text : NULL;
}

static bool is_odd(const struct json *side, const char *key)
{
    const struct json *j = json_get(side, key);
    return j && json_type(j) != JSON_STRING && json_type(j) != JSON_NULL;
}

/* Both or neither must be there. */
static bool read_window(const struct json *side, struct window *ret)
{
    const char *start = scope_text(side, "start"), *end = scope_text(side, "end");
    if (is_odd(side, "start") || is_odd(side, "end"))
        return false;
    ret->from_ms = ret->to_ms = -1;
    return (!start && !end) ||
           (start && end && str_read_time(start, &ret->from_ms) && str_read_time(end, &ret->to_ms));
}

/* A sentence when the pair makes no sense. */
static const char *read_pair(struct call *c, const struct json *pair, struct window *ret)
{
    const struct json *control = json_get(pair, "controlScope"),
                      *experiment = json_get(pair, "experimentScope");
    const char *stable = scope_text(control, "scope"), *candidate = scope_text(experiment, "scope");
    struct window other;
    if (!stable || !candidate)
        return "a scope needs a controlScope and an experimentScope with the name of a colour";
    if (!read_window(experiment, ret) || !read_window(control, &other))
        return "start and end of a scope must be times like 2026-11-20T03:00:00Z, both or neither";
    if (ret->from_ms != other.from_ms || ret->to_ms != other.to_ms)
        return "controlScope and experimentScope must be of the same time";
    ret->stable = arena_text(c->arena, stable);
    ret->candidate = arena_text(c->arena, candidate);
    return NULL;
}

/* The two sides and their time; every scope must name the same. A sentence when it does not. */
static const char *read_scopes(struct call *c, const struct json *body, struct wish *wish,
                               struct window *ret)
{
    const struct json *scopes = json_get(body, "scopes");
    if (!scopes || json_type(scopes) != JSON_OBJECT || !json_first(scopes))
        return "scopes are missing";
    wish->scope = arena_text(c->arena, json_key(json_first(scopes)));
    for (const struct json *s = json_first(scopes); s; s = json_next(s)) {
        struct window w;
        const char *fault = read_pair(c, s, &w);
        if (fault)
            return fault;
        if (s == json_first(scopes))
            *ret = w;
        else if (!str_is(w.stable, ret->stable) || !str_is(w.candidate, ret->candidate) ||
                 w.from_ms != ret->from_ms || w.to_ms != ret->to_ms)
            return "all scopes must be about the same two colours and the same time";
    }
    return NULL;
}

/* NULL: they make sense; nothing is set before that is known. */
static const char *read_thresholds(const struct json *t, struct wish *ret)
{
    double pass, marginal;
    if (json_double(json_get(t, "pass"), "pass", &pass, NULL) ||
        json_double(json_get(t, "marginal"), "marginal", &marginal, NULL))
        return "thresholds.pass and thresholds.marginal must be numbers";
    if (!(marginal >= 0 && marginal <= pass && pass <= 100))
        return "0 <= marginal <= pass <= 100 must hold";
    ret->pass = pass;
    ret->marginal = marginal;
    return NULL;
}

static void taken(struct call *c, unsigned status, const struct json *body)
{
    const char *id = NULL;
    if (compat_refused(c, status, body))
        return;
    (void)json_text(json_get(body, "id"), "id", &id, NULL);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "canaryExecutionId", id);
    json_end(&o, '}');
}

/* False: refused. */
static bool put_note(struct call *c, const struct wish *wish, struct json_out *to)
{
    BUF_AUTO note = BUF_INIT(HD_TEXT_MAX);
    struct json_out n = json_out(&note);
    json_begin(&n, NULL, '{');
    json_put_text(&n, "application", wish->application);
    json_put_text(&n, "parent", wish->parent);
    json_put_text(&n, "scope", wish->scope);
    json_put_double(&n, "pass", wish->pass);
    json_put_double(&n, "marginal", wish->marginal);
    json_end(&n, '}');
    if (note.full) {
        buf_clear(&c->packet);
        (void)call_refuse(c, 400, "bad_field", "application, parent and scope have names that are too long");
        return false;
    }
    json_put_text(to, "note", buf_at(&note));
    return true;
}

static void send_start(struct call *c, const struct window *w, const struct wish *wish)
{
    struct json_out o = compat_order(c, "analyse", c->param, NULL);
    json_put_text(&o, "trigger", "kayenta");
    json_put_text(&o, "candidate", w->candidate);
    json_put_text(&o, "stable", w->stable);
    if (w->from_ms >= 0) {
        bool ahead = w->from_ms > c->now_ms && w->from_ms - c->now_ms < AHEAD_MS;
        json_put_i64(&o, "from_ms", ahead ? c->now_ms : w->from_ms);
        json_put_i64(&o, "to_ms", w->to_ms);
    }
    if (!put_note(c, wish, &o))
        return;
    compat_send(&o);
    c->taken = taken;
}

enum hd_code kayenta_start(struct call *c, struct hd_error *err)
{
    const char *application = call_query(c, "application");
    const char *parent = call_query(c, "parentPipelineExecutionId");
    struct wish wish = {.application = application && *application ? application : c->param,
                        .parent = parent && *parent ? parent : NULL};
    struct window window = {.from_ms = -1};
    JSON_AUTO body = NULL;
    if (json_parse(buf_span(&c->body), &body, err) || json_type(body) != JSON_OBJECT)
        return call_refuse(c, 400, "bad_json", "the body is not a JSON object");
    if (strlen(c->param) > HD_NAME_MAX)
        return call_refuse(c, 404, "absent", "no such canary config: the name is too long");
    const char *fault = read_scopes(c, body, &wish, &window);
    if (!fault)
        fault = read_thresholds(json_get(body, "thresholds"), &wish);
    if (fault)
        return call_refuse(c, 400, "bad_field", "%s", fault);
    send_start(c, &window, &wish);
    return HD_OK;
}

/* --- ask --- */

static struct wish wish_of(struct call *c, const struct store_guard *g)
{
    struct wish wish = {.application = g->service, .scope = "default", .pass = 95, .marginal = 75};
    struct store_run run;
    struct hd_error err;
    JSON_AUTO j = NULL;
    if (store_run_of(c->store, c->arena, g->id, &run, &err) || !run.note ||
        json_parse((struct hd_span){run.note, strlen(run.note)}, &j, &err))
        return wish;
    const char *application = scope_text(j, "application"), *scope = scope_text(j, "scope");
    (void)read_thresholds(j, &wish);
    wish.parent = arena_text(c->arena, scope_text(j, "parent"));
    if (application)
        wish.application = arena_text(c->arena, application);
    if (scope)
        wish.scope = arena_text(c->arena, scope);
    return wish;
}

/* On which side of the thresholds the verdict lies. A pass keeps its score, a fail has none. */
static double score_of(const struct store_guard *g, const struct wish *wish)
{
    double score = isnan(g->score) ? 0 : g->score;
    if (g->verdict == HD_VERDICT_PASS)
        return score;
    if (g->verdict == HD_VERDICT_FAIL)
        return 0;
    double most = wish->pass - 1;
    if (wish->marginal > most) /* no room for "marginal": then it is no pass either */
        return fmax(most, 0);
    return fmin(fmax(score, wish->marginal), most);
}

static void put_time(struct json_out *o, struct call *c, const char *name, int64_t ms)
{
    if (ms < 0)
        return;
    json_put_i64(o, arena_print(c->arena, "%sMillis", name), ms);
    json_put_time(o, arena_print(c->arena, "%sIso", name), ms);
}

static void put_stats(struct json_out *o, const char *key, double n, double mean)
{
    json_begin(o, key, '{');
    json_begin(o, "stats", '{');
    json_put_double(o, "count", isfinite(n) ? floor(n) : 0);
    json_put_double(o, "mean", isfinite(mean) ? mean : 0);
    json_end(o, '}');
    json_end(o, '}');
}

static const char *label_of(const struct check_view *v)
{
    if (v->state && v->state->tripped)
        return "High";
    return v->band == HD_BAND_NONE ? "Nodata" : v->band == HD_BAND_FAIL ? "High" : "Pass";
}

/* A check is a metric and a group of its own. */
static void put_check(struct json_out *o, const struct check_view *v)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", v->name);
    json_begin(o, "tags", '{');
    json_end(o, '}');
    json_put_text(o, "id", v->name);
    json_put_text(o, "classification", label_of(v));
    json_begin(o, "groups", '[');
    json_put_text(o, NULL, v->name);
    json_end(o, ']');
    put_stats(o, "experimentMetadata", v->state ? v->state->sum_exposure : 0, v->value);
    put_stats(o, "controlMetadata", v->state ? v->state->stable_exposure : 0, v->stable);
    json_put_bool(o, "critical", v->critical);
    json_put_bool(o, "muted", v->advisory);
    json_end(o, '}');
}

static void put_group(struct json_out *o, const struct check_view *v)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", v->name);
    json_put_double(o, "score", !str_is(label_of(v), "Pass") ? 0 : v->band == HD_BAND_WARN ? 50 : 100);
    json_put_text(o, "classification", "");
    json_put_text(o, "classificationReason", "");
    json_end(o, '}');
}

static int64_t lasts_ms(const struct store_guard *g)
{
    return g->until_ms - g->switch_to_ms;
}

static void put_result(struct json_out *o, struct call *c, const struct compat_view *v,
                       const struct wish *wish)
{
    const struct store_guard *g = &v->guard;
    struct check_view *check;
    size_t n;
    double score = score_of(g, wish);
    view_checks(c->arena, g->checks, g->engine, &check, &n);
    json_begin(o, "result", '{');
    json_begin(o, "judgeResult", '{');
    json_put_text(o, "judgeName", KAYENTA_ACCOUNT);
    json_begin(o, "results", '[');
    for (size_t i = 0; i < n; i++)
        put_check(o, &check[i]);
    json_end(o, ']');
    json_begin(o, "groupScores", '[');
    for (size_t i = 0; i < n; i++)
        put_group(o, &check[i]);
    json_end(o, ']');
    json_begin(o, "score", '{');
    json_put_double(o, "score", score);
    json_put_text(o, "classification", score >= wish->pass       ? "Pass"
                                       : score >= wish->marginal ? "Marginal"
                                                                 : "Fail");
    json_put_text(o, "classificationReason", compat_line(c, v->reason));
    json_end(o, '}');
    json_end(o, '}');
    json_put_text(o, "canaryDuration", arena_print(c->arena, "PT%lldS", (long long)(lasts_ms(g) / 1000)));
    json_end(o, '}');
}

static void put_scope(struct json_out *o, const char *key, const struct store_guard *g,
                      const char *colour)
{
    json_begin(o, key, '{');
    json_put_text(o, "scope", colour);
    json_put_text(o, "location", "");
    json_put_time(o, "start", g->switch_to_ms);
    json_put_time(o, "end", g->until_ms);
    json_put_i64(o, "step", 0);
    json_begin(o, "extendedScopeParams", '{');
    json_end(o, '}');
    json_end(o, '}');
}

static void put_request(struct json_out *o, const struct store_guard *g, const struct wish *wish)
{
    json_begin(o, "canaryExecutionRequest", '{');
    json_begin(o, "scopes", '{');
    json_begin(o, wish->scope, '{');
    put_scope(o, "controlScope", g, g->stable);
    put_scope(o, "experimentScope", g, g->candidate);
    json_end(o, '}');
    json_end(o, '}');
    json_begin(o, "thresholds", '{');
    json_put_double(o, "pass", wish->pass);
    json_put_double(o, "marginal", wish->marginal);
    json_end(o, '}');
    json_end(o, '}');
}

static void put_running(struct call *c, const char *id)
{
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "pipelineId", id);
    json_put_bool(&o, "complete", false);
    json_put_text(&o, "status", "running");
    json_end(&o, '}');
}

static void put_execution(struct call *c, const struct compat_view *v)
{
    const struct store_guard *g = &v->guard;
    struct wish wish = wish_of(c, g);
    struct store_service service;
    struct hd_error err;
    bool cancelled = g->state == HD_STATE_CANCELLED, over = hd_state_terminal(g->state);
    const char *status = cancelled ? "canceled" : over ? "succeeded" : "running";
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "application", wish.application);
    if (wish.parent)
        json_put_text(&o, "parentPipelineExecutionId", wish.parent);
    json_put_text(&o, "pipelineId", g->id);
    json_begin(&o, "stageStatus", '{');
    json_put_text(&o, "judge", status);
    json_end(&o, '}');
    json_put_bool(&o, "complete", over);
    json_put_text(&o, "status", status);
    if (over && !cancelled)
        put_result(&o, c, v, &wish);
    if (!store_service(c->store, c->arena, g->service, &service, &err))
        kayenta_put_config(&o, "config", c, &service);
    json_put_text(&o, "canaryConfigId", g->service);
    put_request(&o, g, &wish);
    put_time(&o, c, "buildTime", g->started_ms);
    put_time(&o, c, "startTime", g->started_ms);
    put_time(&o, c, "endTime", g->ended_ms);
    json_put_text(&o, "storageAccountName", KAYENTA_ACCOUNT);
    json_put_text(&o, "metricsAccountName", KAYENTA_ACCOUNT);
    json_put_text(&o, "configurationAccountName", KAYENTA_ACCOUNT);
    json_end(&o, '}');
}

enum hd_code kayenta_execution(struct call *c, struct hd_error *unread)
{
    struct compat_ask ask = {.guard = c->param};
    struct compat_view v;
    switch (compat_look(c, &ask, unread, &v)) {
    case COMPAT_FOUND:
        put_execution(c, &v);
        return HD_OK;
    case COMPAT_UNKNOWN:
        return call_refuse(c, 404, "absent", "there is no execution %s", c->param);
    default:
        put_running(c, c->param);
        return HD_OK;
    }
}

/* --- cancel --- */

static void cancelled(struct call *c, unsigned status, const struct json *body)
{
    if (status == 409 || !compat_refused(c, status, body)) /* 409: it ended meanwhile */
        (void)call_answer(c, 202, CALL_JSON);
}

/* What has ended stays as it is; a guard is no execution, and stays too. */
enum hd_code kayenta_cancel(struct call *c, struct hd_error *unread)
{
    struct compat_ask ask = {.guard = c->param};
    struct compat_view v;
    enum compat_found found = compat_look(c, &ask, unread, &v);
    if (found == COMPAT_BLIND)
        return call_refuse(c, 503, "blind", "%s", v.reason);
    if (found != COMPAT_FOUND || !v.guard.analysis)
        return call_refuse(c, 404, "absent", "there is no execution %s", c->param);
    if (hd_state_terminal(v.guard.state)) {
        (void)call_answer(c, 202, CALL_JSON);
        return HD_OK;
    }
    struct json_out o = compat_order(c, "cancel", NULL, c->param);
    json_put_text(&o, "reason", "cancelled by Kayenta's client");
    compat_send(&o);
    c->taken = cancelled;
    return HD_OK;
}
