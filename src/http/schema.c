/* SPDX-License-Identifier: Apache-2.0
 *
 * See schema.h. A table of {schema, property, type}; tests/scenario/openapi.py holds it against real
 * answers. Pure. Called by openapi.c.
 */
#include "http/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#include <haldane/types.h>
#include <haldane/verdict.h>

/* The types are those of schema.h. A property that begins with "?" may be missing; one without a
 * name stands for all of another schema. */
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
    {"Problem", "?warnings", "[@FieldError]"},
    {"FieldError", "pointer", "text"},
    {"FieldError", "detail", "text"},
    {"FieldError", "?file", "text"}, /* of a configuration: */
    {"FieldError", "?line", "int"},
    {"FieldError", "?column", "int"},

    {"Checked", "services", "int"},
    {"Checked", "checks", "int"},
    {"Checked", "errors", "[@FieldError]"},
    {"Checked", "warnings", "[@FieldError]"},
    {"Replay", "id", "text"},
    {"Replay", "equal", "bool"},
    {"Replay", "evidence", "int"},
    {"Replay", "stored", "@Outcome"},
    {"Replay", "replayed", "@Outcome"},
    {"Outcome", "verdict", "=verdict"},
    {"Outcome", "cause", "=cause"},
    {"Outcome", "score", "number?"},
    {"Outcome", "reasons", "[@Why]"},
    {"Why", "number", "int"},
    {"Why", "slug", "text"},
    {"Why", "text", "text"},
    {"Doctor", "findings", "[@Finding]"},
    {"Doctor", "PASS", "int"},
    {"Doctor", "WARN", "int"},
    {"Doctor", "FAIL", "int"},
    {"Finding", "grade", "text"},
    {"Finding", "what", "text"},
    {"Finding", "text", "text"},
    {"Finding", "?next", "text"},

    {"Ordered", "?ok", "bool"},
    {"Ordered", "?id", "text"},
    {"Ordered", "?service", "text"},
    {"Ordered", "?state", "=state"},
    {"Ordered", "?headline", "text"},
    {"Ordered", "?mode", "=mode"},
    {"Ordered", "?until", "time?"},
    {"Ordered", "?verdict", "=verdict"},
    {"Ordered", "?score", "number?"},
    {"Ordered", "?why", "text?"},
    {"Ordered", "?unwatched", "text"},

    {"Side", "colour", "text?"},
    {"Side", "version", "text?"},
    {"Side", "share", "number?"},
    {"Side", "ready", "int?"},
    {"Side", "wanted", "int?"},
    {"Side", "read_at", "time?"},
    {"Interval", "from", "time?"},
    {"Interval", "to", "time?"},
    {"Mark", "verdict", "text"},
    {"Mark", "reason", "text?"},
    {"Mark", "actor", "text?"},
    {"Mark", "at", "time"},
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
    {"GuardRow", "cause_text", "text?"},
    {"GuardRow", "score", "number?"},
    {"GuardRow", "trigger", "text?"},
    {"GuardRow", "group", "text?"},
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
    {"GuardRow", "would_act", "bool?"},
    {"GuardRow", "would_not_because", "text?"},
    {"GuardRow", "would_not_until", "time?"},
    {"GuardRow", "change", "@Change?"},
    {"GuardRow", "mark", "@Mark?"},
    {"GuardRow", "config_hash", "text?"},
    {"GuardRow", "etag", "text"},
    {"GuardRow", "url", "text"},
    {"Guard", "", "GuardRow"}, /* all of it, and: */
    {"Guard", "because", "text?"},
    {"Guard", "checks", "[@Check]"},
    {"Guard", "intent", "@Intent?"},
    {"Guard", "weigh", "@Weigh?"},
    {"Change", "?version", "text"},
    {"Change", "?commit", "text"},
    {"Change", "?url", "text"},
    {"Change", "?actor", "text"},
    {"Polls", "broken", "int"},
    {"Polls", "judged", "int"},
    {"Polls", "shared", "int"},
    {"Polls", "warmup", "int"},
    {"Check", "name", "text"},
    {"Check", "title", "text"},
    {"Check", "outcome", "=outcome?"},
    {"Check", "band", "=band"},
    {"Check", "value", "number?"},
    {"Check", "stable", "number?"},
    {"Check", "baseline", "text?"},
    {"Check", "limit", "text"},
    {"Check", "rule", "text"},
    {"Check", "unit", "text"},
    {"Check", "n", "number?"},
    {"Check", "polls", "@Polls"},
    {"Check", "tripped", "bool"},
    {"Check", "blind", "bool"},
    {"Check", "critical", "bool"},
    {"Check", "advisory", "bool"},
    {"Check", "earlier", "bool"},
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
    {"Weigh", "leading", "text?"},
    {"Weigh", "sufficed_at", "time?"},
    {"Weigh", "healthy_at", "time?"},
    {"Weigh", "pause", "bool"},
    {"Weigh", "cannot_tell", "bool"},

    {"Share", "?colour", "text"},
    {"Share", "share", "number"},
    {"Share", "ready", "int?"},
    {"Share", "wanted", "int?"},
    {"Share", "?rejected", "@Rejected?"},
    {"Rejected", "guard", "text?"},
    {"Rejected", "at", "time?"},
    {"Rejected", "why", "text"},
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
    {"Service", "would_act", "bool?"},
    {"Service", "would_not_because", "text?"},
    {"Service", "would_not_until", "time?"},
    {"Drill", "at", "time?"},
    {"Drill", "ok", "bool"},
    {"Drill", "text", "text"},
    {"Drill", "would_act", "bool"},
    {"Drill", "would_not_because", "text?"},

    {"Limits", "service", "text"},
    {"Limits", "computed_at", "time?"},
    {"Limits", "error", "text?"},
    {"Limits", "backtest", "@Backtest?"},
    {"Backtest", "service", "text"},
    {"Backtest", "switches", "[@TriedSwitch]"},
    {"Backtest", "sweep", "[@TriedLimit]"},
    {"TriedSwitch", "guard", "text?"},
    {"TriedSwitch", "switch_at", "time?"},
    {"TriedSwitch", "stable", "text"},
    {"TriedSwitch", "candidate", "text"},
    {"TriedSwitch", "was", "text?"},
    {"TriedSwitch", "would", "text?"},
    {"TriedSwitch", "verdict", "=verdict"},
    {"TriedSwitch", "cause", "=cause"},
    {"TriedSwitch", "score", "number?"},
    {"TriedSwitch", "after_s", "number?"},
    {"TriedSwitch", "reason", "text?"},
    {"TriedSwitch", "why", "text?"},
    {"TriedSwitch", "polls", "int"},
    {"TriedSwitch", "cut_short", "bool"},
    {"TriedSwitch", "?uncounted", "bool"},
    {"TriedSwitch", "moved_on_at", "time?"},
    {"TriedSwitch", "moved_on_to", "text?"},
    {"TriedSwitch", "left_out", "text?"},
    {"TriedLimit", "check", "text?"},
    {"TriedLimit", "limit", "text"},
    {"TriedLimit", "value", "number"},
    {"TriedLimit", "value_text", "text"},
    {"TriedLimit", "own", "bool"},
    {"TriedLimit", "switches", "int"},
    {"TriedLimit", "without", "int"},
    {"TriedLimit", "reverts", "int"},
    {"TriedLimit", "real", "int"},
    {"TriedLimit", "false", "int"},
    {"TriedLimit", "unknown", "int"},
    {"TriedLimit", "missed", "int"},
    {"TriedLimit", "cut_short", "int"},
    {"TriedLimit", "text", "text"},

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
    {"Evidence", "aftercare", "bool"},
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

    {"Fleet", "now", "time?"},
    {"Fleet", "sentence", "text"},
    {"Fleet", "needed", "bool"},
    {"Fleet", "doubt", "bool"},
    {"Fleet", "ended", "text"},
    {"Fleet", "acts", "[@Event]"},
    {"Fleet", "needing", "[@GuardRow]"},
    {"Fleet", "live", "[@GuardRow]"},
    {"Fleet", "recent", "[@GuardRow]"},
    {"Fleet", "holds", "[@Hold]"},
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
    {"Group", "id", "text"},
    {"Group", "verdict", "=verdict"},
    {"Group", "terminal", "bool"},
    {"Group", "reverted", "bool"},
    {"Group", "needs_human", "bool"},
    {"Group", "guards", "[@GuardRow]"},
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

static void put_ref(struct json_out *o, const char *name, size_t len)
{
    char ref[HD_NAME_MAX + 32];
    (void)snprintf(ref, sizeof ref, "#/components/schemas/%.*s", (int)len, name);
    json_put_text(o, "$ref", ref);
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
        put_ref(o, type + 1, len - 1);
        json_end(o, '}');
        json_begin(o, NULL, '{');
        json_put_text(o, "type", "null");
        json_end(o, '}');
        json_end(o, ']');
    } else if (type[0] == '@') {
        put_ref(o, type + 1, len - 1);
    } else {
        put_scalar(o, type, len, null);
    }
}

void schema_put(struct json_out *o, const char *key, const char *type)
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
            schema_put(o, p->name + maybe, p->type);
        else if (!maybe)
            json_put_text(o, NULL, p->name);
    }
}

void schema_put_all(struct json_out *o)
{
    json_begin(o, "schemas", '{');
    schema_put(o, "Any", "any");
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
