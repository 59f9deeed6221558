/* SPDX-License-Identifier: Apache-2.0
 *
 * The API described by itself (OpenAPI 3.1), at /api/openapi.json. Paths, methods, parameters and
 * bodies come from the routes and orders that answer; here stand only the words about them and the
 * shapes of the answers, which tests/scenario/openapi.py holds against real ones. Routes of other
 * tools' formats (/compat) and pages are not part of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "http/handlers.h"
#include "http/openapi.h"
#include "http/orders.h"
#include "json/json.h"

/* --- what the routes do not say --- */

/* `answer`: a schema of the next table; "": text of another type. `firm`: it stays as it is within
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
    {"GET", "/api/v1/services", "listServices", "Where the traffic of each service is", 200, "ServiceList", false},
    {"GET", "/api/v1/services/*", "getService", "Where the traffic of a service is", 200, "Service", false},
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
};

/* Types: text int number bool time any, @Schema, =enum; [..] a list; a trailing ? also null. A
 * property that begins with "?" may be missing. */
static const struct property {
    const char *schema, *name, *type;
} properties[] = {
    {"Health", "status", "text"},
    {"Health", "detail", "text"},

    {"Problem", "type", "text"},
    {"Problem", "title", "text"},
    {"Problem", "status", "int"},
    {"Problem", "detail", "text"},
    {"Problem", "instance", "text"},
    {"Problem", "code", "text"},
    {"Problem", "retryable", "bool"},
    {"Problem", "?errors", "[@FieldError]"},
    {"FieldError", "pointer", "text"},
    {"FieldError", "detail", "text"},

    {"Ordered", "?ok", "bool"},
    {"Ordered", "?id", "text"},
    {"Ordered", "?service", "text"},
    {"Ordered", "?state", "=state"},
    {"Ordered", "?headline", "text"},
    {"Ordered", "?verdict", "=verdict"},
    {"Ordered", "?score", "number?"},
    {"Ordered", "?why", "text?"},

    {"Side", "colour", "text?"},
    {"Side", "version", "text?"},
    {"Side", "share", "number?"},
    {"Side", "ready", "int?"},
    {"Side", "wanted", "int?"},
    {"Side", "read_at", "time?"},
    {"Interval", "from", "time?"},
    {"Interval", "to", "time?"},
    {"Reason", "number", "int"},
    {"Reason", "slug", "text"},
    {"Reason", "severity", "text"},
    {"Reason", "text", "text"},
    {"Reason", "?check", "text?"},

    {"GuardRow", "id", "text"},
    {"GuardRow", "service", "text"},
    {"GuardRow", "state", "=state"},
    {"GuardRow", "live", "bool"},
    {"GuardRow", "headline", "text"},
    {"GuardRow", "why", "text?"},
    {"GuardRow", "reasons", "[@Reason]?"},
    {"GuardRow", "needs_human", "bool"},
    {"GuardRow", "analysis", "bool"},
    {"GuardRow", "mode", "=mode"},
    {"GuardRow", "verdict", "=verdict"},
    {"GuardRow", "cause", "=cause"},
    {"GuardRow", "score", "number?"},
    {"GuardRow", "trigger", "text?"},
    {"GuardRow", "stable", "@Side"},
    {"GuardRow", "candidate", "@Side"},
    {"GuardRow", "switch", "@Interval"},
    {"GuardRow", "started_at", "time?"},
    {"GuardRow", "until", "time?"},
    {"GuardRow", "ended_at", "time?"},
    {"GuardRow", "bad_since", "time?"},
    {"GuardRow", "decided_at", "time?"},
    {"GuardRow", "sent_at", "time?"},
    {"GuardRow", "accepted_at", "time?"},
    {"GuardRow", "verified_at", "time?"},
    {"GuardRow", "recovered_at", "time?"},
    {"GuardRow", "native", "text?"},
    {"GuardRow", "rehearsal", "text?"},
    {"GuardRow", "change", "@Change?"},
    {"GuardRow", "config_hash", "text?"},
    {"GuardRow", "etag", "text"},
    {"GuardRow", "url", "text"},
    {"Guard", "", "GuardRow"}, /* all of it, and: */
    {"Guard", "checks", "[@Check]"},
    {"Guard", "intent", "@Intent?"},
    {"Guard", "weigh", "@Weigh?"},
    {"Change", "?version", "text"},
    {"Change", "?commit", "text"},
    {"Change", "?url", "text"},
    {"Change", "?actor", "text"},
    {"Polls", "broken", "int"},
    {"Polls", "judged", "int"},
    {"Check", "name", "text"},
    {"Check", "title", "text"},
    {"Check", "outcome", "=outcome?"},
    {"Check", "band", "=band"},
    {"Check", "value", "number?"},
    {"Check", "stable", "number?"},
    {"Check", "limit", "text"},
    {"Check", "unit", "text"},
    {"Check", "n", "number?"},
    {"Check", "polls", "@Polls"},
    {"Check", "tripped", "bool"},
    {"Check", "blind", "bool"},
    {"Check", "critical", "bool"},
    {"Check", "advisory", "bool"},
    {"Check", "query", "text?"},
    {"Intent", "seq", "int"},
    {"Intent", "kind", "text"},
    {"Intent", "actuator", "text?"},
    {"Intent", "automatic", "bool"},
    {"Intent", "from", "text?"},
    {"Intent", "to", "text?"},
    {"Intent", "steps", "any"},
    {"Intent", "native", "text?"},
    {"Intent", "outcome", "=intent"},
    {"Intent", "sends", "int"},
    {"Intent", "journaled_at", "time?"},
    {"Intent", "sent_at", "time?"},
    {"Intent", "done_at", "time?"},
    {"Intent", "text", "text?"},
    {"Weigh", "meter", "number?"},
    {"Weigh", "log_e", "number?"},
    {"Weigh", "needed", "number?"},
    {"Weigh", "sufficed_at", "time?"},
    {"Weigh", "healthy_at", "time?"},
    {"Weigh", "pause", "bool"},
    {"Weigh", "cannot_tell", "bool"},

    {"Share", "?colour", "text"},
    {"Share", "share", "number"},
    {"Share", "ready", "int?"},
    {"Share", "wanted", "int?"},
    {"Reading", "first_at", "time?"},
    {"Reading", "read_at", "time?"},
    {"Reading", "value", "text"},
    {"Reading", "owner", "text?"},
    {"Reading", "note", "text?"},
    {"Reading", "ours", "bool"},
    {"Reading", "sides", "[@Share]"},
    {"Hold", "id", "int"},
    {"Hold", "service", "text?"},
    {"Hold", "reason", "text?"},
    {"Hold", "actor", "text?"},
    {"Hold", "from", "time?"},
    {"Hold", "until", "time?"},
    {"Hold", "released_at", "time?"},
    {"Service", "name", "text"},
    {"Service", "mode", "=mode"},
    {"Service", "kind", "text"},
    {"Service", "colours", "[text]"},
    {"Service", "checks", "any"},
    {"Service", "config_hash", "text"},
    {"Service", "about", "any"},
    {"Service", "reading", "@Reading?"},
    {"Service", "drill", "@Drill?"},
    {"Service", "holds", "[@Hold]"},
    {"Drill", "at", "time?"},
    {"Drill", "ok", "bool"},
    {"Drill", "text", "text"},

    {"Event", "seq", "int"},
    {"Event", "at", "time?"},
    {"Event", "guard", "text?"},
    {"Event", "service", "text?"},
    {"Event", "kind", "text"},
    {"Event", "reason", "text?"},
    {"Event", "severity", "=severity"},
    {"Event", "state", "=state?"},
    {"Event", "headline", "text?"},
    {"Event", "text", "text?"},
    {"Event", "native", "text?"},
    {"Event", "resolved", "bool"},
    {"Measurement", "check", "int"},
    {"Measurement", "role", "text"},
    {"Measurement", "outcome", "=outcome"},
    {"Measurement", "reason", "text?"},
    {"Measurement", "fresh", "bool"},
    {"Measurement", "events", "number?"},
    {"Measurement", "exposure", "number?"},
    {"Measurement", "value", "number?"},
    {"Measurement", "age_ms", "int"},
    {"Measurement", "covers_ms", "int"},
    {"Evidence", "poll", "int"},
    {"Evidence", "at", "time?"},
    {"Evidence", "t_ms", "int"},
    {"Evidence", "before", "bool"},
    {"Evidence", "backfill", "bool"},
    {"Evidence", "stable", "@Share?"},
    {"Evidence", "candidate", "@Share?"},
    {"Evidence", "measurements", "[@Measurement]"},
    {"Band", "at", "time?"},
    {"Band", "check", "text?"},
    {"Band", "band", "=band"},
    {"Band", "value", "number?"},
    {"Band", "stable", "number?"},
    {"Band", "limit", "number?"},
    {"Band", "n", "number?"},
    {"VerdictList", "verdict", "=verdict"},
    {"VerdictList", "cause", "=cause"},
    {"VerdictList", "score", "number?"},
    {"VerdictList", "why", "text?"},
    {"VerdictList", "items", "[@Band]"},
    {"Token", "name", "text"},
    {"Token", "role", "text"},
    {"Token", "services", "[text]"},
    {"Token", "origin", "text"},
    {"Token", "actor", "text?"},
    {"Token", "made_at", "time?"},
    {"Token", "until", "time?"},
    {"Token", "?token", "text"},
    {"Config", "loaded_at", "time?"},
    {"Config", "hash", "text?"},
    {"Config", "refused_at", "time?"},
    {"Config", "refused", "text?"},
    {"Config", "yaml", "text?"},

    {"ServiceList", "items", "[@Service]"},
    {"ServiceList", "next", "text?"},
    {"GuardList", "items", "[@GuardRow]"},
    {"GuardList", "next", "text?"},
    {"EventList", "items", "[@Event]"},
    {"EventList", "next", "text?"},
    {"EvidenceList", "evicted", "bool"},
    {"EvidenceList", "items", "[@Evidence]"},
    {"EvidenceList", "next", "text?"},
    {"HoldList", "items", "[@Hold]"},
    {"HoldList", "next", "text?"},
    {"Approval", "id", "text"},
    {"Approval", "service", "text"},
    {"Approval", "what", "text"},
    {"Approval", "approvers", "text"},
    {"Approval", "outcome", "text"},
    {"Approval", "asked_at", "time?"},
    {"Approval", "expires_at", "time?"},
    {"Approval", "decided_at", "time?"},
    {"Approval", "actor", "text?"},
    {"Approval", "reason", "text?"},
    {"Approval", "url", "text"},
    {"ApprovalList", "items", "[@Approval]"},
    {"ApprovalList", "next", "text?"},
    {"TokenList", "items", "[@Token]"},
    {"TokenList", "next", "text?"},
};

static const struct {
    const char *name;
    const char *(*word)(int);
} enums[] = {
    {"state", hd_state_word},       {"verdict", hd_verdict_word}, {"mode", hd_mode_word},
    {"cause", hd_cause_word},       {"outcome", hd_outcome_word}, {"band", hd_band_word},
    {"severity", hd_severity_word}, {"intent", hd_intent_word},
};

/* Parameters of queries, whichever route takes them. */
static const struct {
    const char *name, *type, *help;
} parameters[] = {
    {"service", "text", "only of this service"},
    {"state", "text", "live, all, or one state"},
    {"verdict", "=verdict", "only with this verdict"},
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

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void put_scalar(struct json_out *o, const char *name, size_t len, bool null)
{
    static const struct {
        const char *name, *type, *format;
    } row[] = {{"text", "string", NULL}, {"int", "integer", NULL},       {"number", "number", NULL},
               {"bool", "boolean", NULL}, {"time", "string", "date-time"}};
    for (size_t i = 0; i < COUNT(row); i++) {
        if (strlen(row[i].name) != len || strncmp(row[i].name, name, len) != 0)
            continue;
        if (null) {
            json_begin(o, "type", '[');
            json_put_text(o, NULL, row[i].type);
            json_put_text(o, NULL, "null");
            json_end(o, ']');
        } else {
            json_put_text(o, "type", row[i].type);
        }
        if (row[i].format)
            json_put_text(o, "format", row[i].format);
    }
}

static void put_enum(struct json_out *o, const char *name, size_t len, bool null)
{
    json_begin(o, "enum", '[');
    for (size_t i = 0; i < COUNT(enums); i++) {
        if (strlen(enums[i].name) != len || strncmp(enums[i].name, name, len) != 0)
            continue;
        for (int n = 0; !str_is(enums[i].word(n), "?"); n++)
            json_put_text(o, NULL, enums[i].word(n));
    }
    if (null)
        json_put_null(o, NULL);
    json_end(o, ']');
}

static void put_ref(struct json_out *o, const char *key, const char *name, size_t len)
{
    char ref[HD_NAME_MAX + 32];
    (void)snprintf(ref, sizeof ref, "#/components/schemas/%.*s", (int)len, name);
    json_put_text(o, key, ref);
}

/* A schema from a word of the type language; inside of an object that is open. */
static void put_type(struct json_out *o, const char *type, size_t len)
{
    bool null = len && type[len - 1] == '?';
    len -= null;
    if (type[0] == '[') {
        if (null) {
            json_begin(o, "type", '[');
            json_put_text(o, NULL, "array");
            json_put_text(o, NULL, "null");
            json_end(o, ']');
        } else {
            json_put_text(o, "type", "array");
        }
        json_begin(o, "items", '{');
        put_type(o, type + 1, len - 2);
        json_end(o, '}');
    } else if (type[0] == '=') {
        put_enum(o, type + 1, len - 1, null);
    } else if (type[0] == '@' && null) {
        json_begin(o, "oneOf", '[');
        json_begin(o, NULL, '{');
        put_ref(o, "$ref", type + 1, len - 1);
        json_end(o, '}');
        json_begin(o, NULL, '{');
        json_put_text(o, "type", "null");
        json_end(o, '}');
        json_end(o, ']');
    } else if (type[0] == '@') {
        put_ref(o, "$ref", type + 1, len - 1);
    } else {
        put_scalar(o, type, len, null);
    }
}

static void put_named(struct json_out *o, const char *key, const char *type)
{
    json_begin(o, key, '{');
    put_type(o, type, strlen(type));
    json_end(o, '}');
}

/* Properties of a schema, with those of the one it builds on; `required`: only the names of those
 * that are always there. */
static void put_properties(struct json_out *o, const char *schema, bool required)
{
    for (size_t i = 0; i < COUNT(properties); i++) {
        const struct property *p = &properties[i];
        bool maybe = p->name[0] == '?';
        if (!str_is(p->schema, schema))
            continue;
        if (!p->name[0])
            put_properties(o, p->type, required);
        else if (!required)
            put_named(o, p->name + maybe, p->type);
        else if (!maybe)
            json_put_text(o, NULL, p->name);
    }
}

static void put_schemas(struct json_out *o)
{
    json_begin(o, "schemas", '{');
    put_named(o, "Any", "any");
    for (size_t i = 0; i < COUNT(properties); i++) {
        const char *schema = properties[i].schema;
        size_t first = 0;
        while (!str_is(properties[first].schema, schema))
            first++;
        if (first != i)
            continue;
        json_begin(o, schema, '{');
        json_put_text(o, "type", "object");
        json_begin(o, "properties", '{');
        put_properties(o, schema, false);
        json_end(o, '}');
        json_begin(o, "required", '[');
        put_properties(o, schema, true);
        json_end(o, ']');
        json_end(o, '}');
    }
    json_end(o, '}');
}

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
    put_named(o, "schema", type);
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
    json_begin(o, status, '{');
    json_put_text(o, "description", words);
    json_begin(o, "content", '{');
    json_begin(o, type, '{');
    json_begin(o, "schema", '{');
    if (*schema)
        put_ref(o, "$ref", schema, strlen(schema));
    else
        json_put_text(o, "type", "string");
    json_end(o, '}');
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
    put_schemas(&o);
    put_security(&o);
    json_end(&o, '}');
    return HD_OK;
}
