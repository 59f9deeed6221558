/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of Kayenta's API that Argo's `kayenta` metric and Spinnaker's Orca use: find a canary
 * config, start an execution, ask for it. A service stands for a config, an analysis for an
 * execution; what is answered is the analysis' verdict with its score moved to the side of the
 * asker's thresholds on which the verdict lies. A client that gets anything but a 200 starts a new
 * execution, so an execution that cannot be looked at right now is still running.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "http/compat.h"
#include "http/handlers.h"
#include "http/view.h"

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

/* --- configs --- */

/* One for each service; its id is the name. */
enum hd_code kayenta_configs(struct call *c, struct hd_error *err)
{
    const char *application = call_query(c, "application");
    struct store_service *list;
    size_t n;
    if (store_services(c->store, c->arena, &list, &n, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '[');
    for (size_t i = 0; i < n; i++) {
        json_begin(&o, NULL, '{');
        json_put_text(&o, "id", list[i].name);
        json_put_text(&o, "name", list[i].name);
        json_begin(&o, "applications", '[');
        json_put_text(&o, NULL, application && *application ? application : list[i].name);
        json_end(&o, ']');
        json_end(&o, '}');
    }
    json_end(&o, ']');
    return HD_OK;
}

/* --- start --- */

/* What the asker wants to find again; kept as the note of the analysis. */
struct wish {
    const char *application;
    double pass, marginal;
};

static const char *scope_of(const struct json *pair, const char *side)
{
    const char *text = NULL;
    (void)json_text(json_get(json_get(pair, side), "scope"), side, &text, NULL);
    return text && *text ? text : NULL;
}

/* The two sides; every scope must name the same. A sentence when it does not. */
static const char *read_scopes(struct call *c, const struct json *body, const char **ret_stable,
                               const char **ret_candidate)
{
    const struct json *scopes = json_get(body, "scopes");
    *ret_stable = *ret_candidate = NULL;
    if (!scopes || json_type(scopes) != JSON_OBJECT || !json_first(scopes))
        return "scopes are missing";
    for (const struct json *s = json_first(scopes); s; s = json_next(s)) {
        const char *stable = scope_of(s, "controlScope"), *candidate = scope_of(s, "experimentScope");
        if (!stable || !candidate)
            return "a scope needs a controlScope and an experimentScope with the name of a colour";
        if (*ret_stable && (!str_is(*ret_stable, stable) || !str_is(*ret_candidate, candidate)))
            return "all scopes must be about the same two colours";
        *ret_stable = arena_text(c->arena, stable);
        *ret_candidate = arena_text(c->arena, candidate);
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

static void send_start(struct call *c, const char *stable, const char *candidate,
                       const struct wish *wish)
{
    BUF_AUTO note = BUF_INIT(4096);
    struct json_out n = json_out(&note);
    json_begin(&n, NULL, '{');
    json_put_text(&n, "application", wish->application);
    json_put_double(&n, "pass", wish->pass);
    json_put_double(&n, "marginal", wish->marginal);
    json_end(&n, '}');
    struct json_out o = compat_order(c, "analyse", c->param);
    json_put_text(&o, "trigger", "kayenta");
    json_put_text(&o, "candidate", candidate);
    json_put_text(&o, "stable", stable);
    json_put_text(&o, "note", buf_at(&note));
    compat_send(&o);
    c->taken = taken;
}

enum hd_code kayenta_start(struct call *c, struct hd_error *err)
{
    const char *application = call_query(c, "application"), *stable, *candidate;
    struct wish wish = {.application = application && *application ? application : c->param};
    JSON_AUTO body = NULL;
    if (json_parse(buf_span(&c->body), &body, err) || json_type(body) != JSON_OBJECT)
        return call_refuse(c, 400, "bad_json", "the body is not a JSON object");
    if (strlen(c->param) > HD_NAME_MAX || strlen(wish.application) > 2 * HD_NAME_MAX)
        return call_refuse(c, 404, "absent", "no such canary config: the name is too long");
    const char *fault = read_scopes(c, body, &stable, &candidate);
    if (!fault)
        fault = read_thresholds(json_get(body, "thresholds"), &wish);
    if (fault)
        return call_refuse(c, 400, "bad_field", "%s", fault);
    send_start(c, stable, candidate, &wish);
    return HD_OK;
}

/* --- ask --- */

static struct wish wish_of(struct call *c, const struct store_guard *g)
{
    struct wish wish = {.application = g->service, .pass = 95, .marginal = 75};
    struct store_run run;
    struct hd_error err;
    JSON_AUTO j = NULL;
    if (store_run_of(c->store, c->arena, g->id, &run, &err) || !run.note ||
        json_parse((struct hd_span){run.note, strlen(run.note)}, &j, &err))
        return wish;
    const char *application;
    (void)read_thresholds(j, &wish);
    if (!json_text(json_get(j, "application"), "application", &application, &err))
        wish.application = arena_text(c->arena, application);
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

static void put_count(struct json_out *o, const char *key, double n)
{
    json_begin(o, key, '{');
    json_begin(o, "stats", '{');
    json_put_double(o, "count", isfinite(n) ? floor(n) : 0);
    json_end(o, '}');
    json_end(o, '}');
}

static void put_check(struct json_out *o, const struct check_view *v)
{
    const char *word = v->state && v->state->tripped ? "High"
                       : v->band == HD_BAND_NONE     ? "Nodata"
                       : v->band == HD_BAND_FAIL     ? "High"
                                                     : "Pass";
    json_begin(o, NULL, '{');
    json_put_text(o, "name", v->name);
    json_put_text(o, "id", v->name);
    json_put_text(o, "classification", word);
    json_begin(o, "groups", '[');
    json_end(o, ']');
    put_count(o, "experimentMetadata", v->state ? v->state->sum_exposure : 0);
    put_count(o, "controlMetadata", v->state ? v->state->stable_exposure : 0);
    json_end(o, '}');
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
    json_put_text(o, "judgeName", "haldane");
    json_begin(o, "results", '[');
    for (size_t i = 0; i < n; i++)
        put_check(o, &check[i]);
    json_end(o, ']');
    json_begin(o, "groupScores", '[');
    json_end(o, ']');
    json_begin(o, "score", '{');
    json_put_double(o, "score", score);
    json_put_text(o, "classification", score >= wish->pass       ? "Pass"
                                       : score >= wish->marginal ? "Marginal"
                                                                 : "Fail");
    json_put_text(o, "classificationReason", compat_line(c, v->reason));
    json_end(o, '}');
    json_end(o, '}');
    json_put_text(o, "canaryDuration",
                  arena_print(c->arena, "PT%lldS", (long long)((g->ended_ms - g->started_ms) / 1000)));
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
    bool cancelled = g->state == HD_STATE_CANCELLED, over = hd_state_terminal(g->state);
    const char *status = cancelled ? "canceled" : over ? "succeeded" : "running";
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "application", wish.application);
    json_put_text(&o, "pipelineId", g->id);
    json_begin(&o, "stageStatus", '{');
    json_put_text(&o, "judge", status);
    json_end(&o, '}');
    json_put_bool(&o, "complete", over);
    json_put_text(&o, "status", status);
    if (over && !cancelled)
        put_result(&o, c, v, &wish);
    json_put_text(&o, "canaryConfigId", g->service);
    json_begin(&o, "canaryExecutionRequest", '{');
    json_begin(&o, "thresholds", '{');
    json_put_double(&o, "pass", wish.pass);
    json_put_double(&o, "marginal", wish.marginal);
    json_end(&o, '}');
    json_end(&o, '}');
    put_time(&o, c, "buildTime", g->started_ms);
    put_time(&o, c, "startTime", g->started_ms);
    put_time(&o, c, "endTime", g->ended_ms);
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
