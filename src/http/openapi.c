/* SPDX-License-Identifier: Apache-2.0
 *
 * The API described by itself (OpenAPI 3.1), at /api/openapi.json. Paths, methods, parameters and
 * bodies come from the routes and orders that answer, the answers' shapes from schema.c; here stand
 * only the words about them. Routes of other tools' formats (/compat) and pages are not part of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "http/handlers.h"
#include "http/openapi.h"
#include "http/orders.h"
#include "http/schema.h"
#include "json/json.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- what the routes do not say --- */

/* `answer`: a schema of schema.c; "": text of another type. `firm`: it stays as it is within
 * v1; the others may change between releases. */
static const struct about {
    const char *method, *pattern, *id, *summary;
    unsigned status;
    const char *answer;
    bool firm;
} abouts[] = {
    {"GET", "/healthz", "alive", "Does the guard loop turn?", 200, "Health", true},
    {"GET", "/readyz", "ready", "Can the store be read, is the configuration loaded?", 200, "Health", true},
    {"GET", "/metrics", "metrics", "Metrics for Prometheus", 200, "", true},
    {"GET", "/api/openapi.json", "openapi", "This document", 200, "Any", false},
    {"GET", "/api/v1/fleet", "getFleet", "Who is needed, what is watched, what ended in the last 12 hours", 200, "Fleet",
     false},
    {"GET", "/api/v1/services", "listServices", "Where the traffic of each service is", 200, "ServiceList", false},
    {"GET", "/api/v1/services/*", "getService", "Where the traffic of a service is", 200, "Service", false},
    {"GET", "/api/v1/services/*/limits", "getLimits", "What other limits would have done to its last guards", 200,
     "Limits", false},
    {"GET", "/api/v1/services/*/limits.svg", "drawLimits", "The same as a picture", 200, "", false},
    {"GET", "/api/v1/guards", "listGuards", "Guards, newest first", 200, "GuardList", true},
    {"POST", "/api/v1/guards", "startGuard", "Guard a switch; 200: one that is there answers", 201, "Ordered", true},
    {"GET", "/api/v1/guards/*", "getGuard", "A guard with its checks", 200, "Guard", true},
    {"PATCH", "/api/v1/guards/*", "changeGuard", "Extend it, lower its mode, leave a note; needs If-Match", 200,
     "Ordered", true},
    {"GET", "/api/v1/guards/*/wait", "waitForGuard", "The guard, once it has ended or the time is up", 200, "Guard",
     true},
    {"GET", "/api/v1/guards/*/timeline", "listGuardEvents", "What happened, oldest first", 200, "EventList", false},
    {"GET", "/api/v1/guards/*/evidence", "listEvidence", "What was measured, poll by poll", 200, "EvidenceList", false},
    {"GET", "/api/v1/guards/*/verdicts", "listVerdicts", "How the judgement of each check changed", 200, "VerdictList",
     true},
    {"GET", "/api/v1/guards/*/export.md", "exportGuard", "A post-mortem to be finished, in Markdown", 200, "", false},
    {"GET", "/api/v1/guards/*/receipt", "getReceipt", "All the verdict was made of, chained by hashes", 200, "Any",
     false},
    {"GET", "/api/v1/guards/*/chart.svg", "drawChart", "A check's chart", 200, "", false},
    {"POST", "/api/v1/guards/*/revert", "revertGuard", "Move the traffic back now", 202, "Ordered", true},
    {"POST", "/api/v1/guards/*/hold", "holdGuard", "No automatic reverts of its service for a while", 201, "Ordered",
     true},
    {"POST", "/api/v1/guards/*/release", "releaseGuard", "End the holds of its service", 200, "Ordered", true},
    {"POST", "/api/v1/guards/*/cancel", "cancelGuard", "End it without a verdict", 200, "Ordered", true},
    {"POST", "/api/v1/guards/*/rearm", "rearmGuard", "Rejected sides of its service may be targets again", 200,
     "Ordered", true},
    {"POST", "/api/v1/guards/*/mark", "markGuard", "Was its verdict a false alarm?", 200, "Ordered", false},
    {"POST", "/api/v1/guards/*/acknowledge", "acknowledgeGuard", "A human has seen it", 200, "Ordered", false},
    {"POST", "/api/v1/services/*/hold", "holdService", "No automatic reverts for a while", 201, "Ordered", false},
    {"POST", "/api/v1/services/*/release", "releaseService", "End the holds of a service", 200, "Ordered", false},
    {"POST", "/api/v1/services/*/rearm", "rearmService", "Rejected sides may be targets again", 200, "Ordered", false},
    {"POST", "/api/v1/services/*/revert", "revertService", "Move the traffic back now", 202, "Ordered", false},
    {"POST", "/api/v1/services/*/drill", "drillService", "Rehearse a revert; moves nothing", 202, "Ordered", false},
    {"POST", "/api/v1/analysis", "startAnalysis", "Judge without power to act", 201, "Ordered", true},
    {"GET", "/api/v1/groups/*", "getGroup", "The guards of what was released together", 200, "Group", false},
    {"GET", "/api/v1/groups/*/wait", "waitForGroup", "The group, once all its guards have ended or the time is up", 200,
     "Group", false},
    {"GET", "/api/v1/approvals", "listApprovals", "Reverts that wait for a named human", 200, "ApprovalList", false},
    {"GET", "/api/v1/approvals/*", "getApproval", "What was asked of whom, and decided", 200, "Approval", false},
    {"POST", "/api/v1/approvals/*", "decideApproval", "Let a revert go, or stop it: by an account that was named", 200,
     "Ordered", false},
    {"GET", "/api/v1/events", "followEvents", "The journal as server-sent events; resumes by Last-Event-ID", 200, "",
     false},
    {"GET", "/api/v1/holds", "listHolds", "Holds in force", 200, "HoldList", true},
    {"POST", "/api/v1/holds", "holdFleet", "No automatic reverts of the whole fleet for a while", 201, "Ordered", true},
    {"DELETE", "/api/v1/holds/*", "deleteHold", "End one hold", 200, "Ordered", true},
    {"POST", "/api/v1/holds/release", "releaseFleet", "End the holds of the whole fleet", 200, "Ordered", true},
    {"GET", "/api/v1/tokens", "listTokens", "Who has a token", 200, "TokenList", false},
    {"POST", "/api/v1/tokens", "makeToken", "A new token, told once", 201, "Token", false},
    {"DELETE", "/api/v1/tokens/*", "revokeToken", "End a token and its logins", 200, "Ordered", false},
    {"GET", "/api/v1/config", "getConfig", "The configuration in force, secrets as references", 200, "Config", false},
    {"POST", "/api/v1/config/reload", "reloadConfig", "Load the configuration anew", 200, "Ordered", false},
    {"POST", "/api/v1/config/check", "checkConfig", "Is it a configuration? Nothing is loaded", 200, "Checked", false},
    {"POST", "/api/v1/replay", "replayGuard", "Judge its stored evidence again and compare", 200, "Replay", false},
    {"POST", "/api/v1/doctor", "askDoctor", "Would it work here? All it leans on is tried", 200, "Doctor", false},
};

/* Parameters of queries, whichever route takes them. */
static const struct {
    const char *name, *type, *help;
} parameters[] = {
    {"service", "text", "only of this service"},
    {"state", "text", "live, all, or one state"},
    {"verdict", "=verdict", "only with this verdict"},
    {"group", "text", "only guards that carry this name: what was released together"},
    {"needs_human", "text", "true: only those a human must look at"},
    {"analysis", "text", "true: only analyses; all: these too"},
    {"since", "time", "started at or after"},
    {"until", "text", "guards: started before · wait: terminal, settled or change"},
    {"limit", "int", "items of one page"},
    {"cursor", "text", "what \"next\" of the page before said"},
    {"timeout", "text", "a duration of at most 55s"},
    {"after", "int", "events with greater numbers"},
    {"check", "text", "name of a check; the first without it"},
};

/* --- writing --- */

static const char *param_name(const char *pattern)
{
    return strstr(pattern, "/services/") ? "service" : strstr(pattern, "/tokens/") ? "name" : "id";
}

/* "/guards/x*" with its segment named; false: not for this document. */
static bool path_of(const struct route *r, char *to, size_t size)
{
    const char *star = strchr(r->pattern, '*');
    bool ours = str_begins(r->pattern, "/api/") || str_is(r->pattern, "/metrics") ||
                str_is(r->pattern, "/healthz") || str_is(r->pattern, "/readyz");
    if (star)
        (void)snprintf(to, size, "%.*s{%s}%s", (int)(star - r->pattern), r->pattern,
                       param_name(r->pattern), star + 1);
    else
        (void)snprintf(to, size, "%s", r->pattern);
    return ours;
}

static void put_parameter(struct json_out *o, const char *in, const char *name, const char *type,
                          const char *help, bool required)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", name);
    json_put_text(o, "in", in);
    json_put_bool(o, "required", required);
    json_put_text(o, "description", help);
    schema_put(o, "schema", type);
    json_end(o, '}');
}

static void put_parameters(struct json_out *o, const struct route *r)
{
    json_begin(o, "parameters", '[');
    if (strchr(r->pattern, '*'))
        put_parameter(o, "path", param_name(r->pattern), "text", "which one", true);
    for (const char *const *q = r->query; *q; q++) {
        for (size_t i = 0; i < COUNT(parameters); i++) {
            if (str_is(parameters[i].name, *q))
                put_parameter(o, "query", *q, parameters[i].type, parameters[i].help, false);
        }
    }
    if (r->order)
        put_parameter(o, "header", "Idempotency-Key", "text",
                      "the same for a repetition, which then changes nothing", orders_need_key(r->order));
    if (str_is(r->method, "PATCH"))
        put_parameter(o, "header", "If-Match", "text", "the guard's ETag, or *", true);
    json_end(o, ']');
}

static void put_answer(struct json_out *o, const char *status, const char *words, const char *type,
                       const char *schema)
{
    char word[HD_NAME_MAX];
    (void)snprintf(word, sizeof word, "@%s", schema);
    json_begin(o, status, '{');
    json_put_text(o, "description", words);
    json_begin(o, "content", '{');
    json_begin(o, type, '{');
    schema_put(o, "schema", *schema ? word : "text");
    json_end(o, '}');
    json_end(o, '}');
    json_end(o, '}');
}

static const char *type_of(const struct route *r, const struct about *a)
{
    if (*a->answer)
        return CALL_JSON;
    return str_ends(r->pattern, ".svg")      ? "image/svg+xml"
           : str_ends(r->pattern, ".md")     ? "text/markdown"
           : str_ends(r->pattern, "/events") ? "text/event-stream"
                                             : "text/plain";
}

/* Of the one POST that takes no order. */
static void put_yaml_body(struct json_out *o)
{
    json_begin(o, "requestBody", '{');
    json_begin(o, "content", '{');
    json_begin(o, "application/yaml", '{');
    schema_put(o, "schema", "text");
    json_end(o, '}');
    json_end(o, '}');
    json_put_bool(o, "required", true);
    json_end(o, '}');
}

static void put_operation(struct json_out *o, const struct route *r, const struct about *a)
{
    char method[8] = "", status[16];
    for (size_t i = 0; r->method[i] && i + 1 < sizeof method; i++)
        method[i] = (char)(r->method[i] | 0x20);
    json_begin(o, method, '{');
    json_put_text(o, "operationId", a->id);
    json_put_text(o, "summary", a->summary);
    json_put_text(o, "x-stability", a->firm ? "stable" : "experimental");
    put_parameters(o, r);
    if (r->order && !str_is(r->method, "DELETE"))
        orders_describe(r->order, o);
    else if (str_is(r->method, "POST"))
        put_yaml_body(o);
    json_begin(o, "responses", '{');
    (void)snprintf(status, sizeof status, "%u", a->status);
    put_answer(o, status, a->status == 202 ? "It was ordered and is stored" : "Done", type_of(r, a),
               a->answer);
    if (a->status == 201)
        put_answer(o, "200", "It was there already", CALL_JSON, a->answer);
    if (str_is(a->answer, "Health"))
        put_answer(o, "503", "No", CALL_JSON, a->answer);
    put_answer(o, "default", "Why not (RFC 9457)", CALL_PROBLEM, "Problem");
    json_end(o, '}');
    json_end(o, '}');
}

static const struct about *about_of(const struct route *r)
{
    for (size_t i = 0; i < COUNT(abouts); i++) {
        if (str_is(abouts[i].method, r->method) && str_is(abouts[i].pattern, r->pattern))
            return &abouts[i];
    }
    return NULL;
}

/* The operations of one path stand together, under its first row. */
static void put_paths(struct json_out *o)
{
    json_begin(o, "paths", '{');
    for (const struct route *r = http_routes; r->method; r++) {
        char path[200];
        const struct route *first = http_routes;
        while (!str_is(first->pattern, r->pattern))
            first++;
        if (first != r || !path_of(r, path, sizeof path))
            continue;
        json_begin(o, path, '{');
        for (const struct route *same = r; same->method; same++) {
            if (str_is(same->pattern, r->pattern) && about_of(same))
                put_operation(o, same, about_of(same));
        }
        json_end(o, '}');
    }
    json_end(o, '}');
}

bool openapi_knows(const struct route *r)
{
    char path[200];
    return !path_of(r, path, sizeof path) || about_of(r);
}

const char *openapi_stale(void)
{
    for (size_t i = 0; i < COUNT(abouts); i++) {
        const struct route *r = http_routes;
        while (r->method && !(str_is(abouts[i].method, r->method) && str_is(abouts[i].pattern, r->pattern)))
            r++;
        if (!r->method)
            return abouts[i].id;
    }
    return NULL;
}

static void put_security(struct json_out *o)
{
    static const char *const scheme[] = {"bearer", "session"};
    json_begin(o, "securitySchemes", '{');
    json_begin(o, "bearer", '{');
    json_put_text(o, "type", "http");
    json_put_text(o, "scheme", "bearer");
    json_end(o, '}');
    json_begin(o, "session", '{');
    json_put_text(o, "type", "apiKey");
    json_put_text(o, "in", "cookie");
    json_put_text(o, "name", "haldane");
    json_end(o, '}');
    json_end(o, '}');
    json_end(o, '}'); /* components */
    json_begin(o, "security", '[');
    for (size_t i = 0; i < COUNT(scheme); i++) {
        json_begin(o, NULL, '{');
        json_begin(o, scheme[i], '[');
        json_end(o, ']');
        json_end(o, '}');
    }
    json_begin(o, NULL, '{'); /* auth.anonymous: read */
    json_end(o, '}');
    json_end(o, ']');
}

enum hd_code openapi_document(struct call *c, struct hd_error *err)
{
    (void)err;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "openapi", "3.1.0");
    json_begin(&o, "info", '{');
    json_put_text(&o, "title", "haldane");
    json_put_text(&o, "version", HALDANE_VERSION);
    json_put_text(&o, "description",
                  "Guards releases the moment traffic moves to them. What is marked experimental may "
                  "change between releases.");
    json_begin(&o, "license", '{');
    json_put_text(&o, "name", "Apache-2.0");
    json_put_text(&o, "identifier", "Apache-2.0");
    json_end(&o, '}');
    json_end(&o, '}');
    put_paths(&o);
    json_begin(&o, "components", '{');
    schema_put_all(&o);
    put_security(&o);
    json_end(&o, '}');
    return HD_OK;
}
