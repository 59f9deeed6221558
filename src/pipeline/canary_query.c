/* SPDX-License-Identifier: Apache-2.0
 *
 * See canary_query.h. A config's own query wins ("PromQL:" in a template); else it is an average of
 * the metric under filters, as Kayenta's Prometheus service builds it. Sends nothing. Called by
 * cli/analyze_canary.c.
 */
#include "pipeline/canary_query.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define STEP_S_DEFAULT 60
#define OWN_QUERY "PromQL:"

/* --- the request --- */

static enum hd_code read_time(const struct json *j, const char *key, int64_t *ret,
                              struct hd_error *err)
{
    const char *text;
    if (json_text(json_get(j, key), key, &text, err))
        return err->code;
    if (!str_read_time(text, ret))
        return hd_fail(err, HD_PARSE, "%s: '%s' is no time such as 2026-11-20T03:00:00Z", key,
                       text);
    return HD_OK;
}

static enum hd_code read_where(const struct json *j, struct canary_where *ret, struct hd_error *err)
{
    int64_t step_s = 0;
    *ret = (struct canary_where){.from = j};
    const struct json *step = json_get(j, "step");
    if (json_text(json_get(j, "scope"), "scope", &ret->scope, err) ||
        read_time(j, "start", &ret->start_ms, err) || read_time(j, "end", &ret->end_ms, err) ||
        (step && json_i64(step, "step", &step_s, err)))
        return err->code;
    if (ret->end_ms <= ret->start_ms)
        return hd_fail(err, HD_INVALID, "end is not after start");
    if (step_s < 0 || step_s > 86400)
        return hd_fail(err, HD_INVALID, "step: seconds up to a day, not %lld", (long long)step_s);
    ret->step_ms = 1000 * (step_s ? step_s : STEP_S_DEFAULT);
    return HD_OK;
}

enum hd_code canary_read_request(const struct json *from, struct canary_request *ret,
                                 struct hd_error *err)
{
    const struct json *scopes = json_get(from, "scopes"), *limits = json_get(from, "thresholds");
    ret->n = 0;
    ret->pass = ret->marginal = NAN;
    if (!scopes || json_type(scopes) != JSON_OBJECT || !json_first(scopes))
        return hd_fail(err, HD_PARSE, "scopes: at least one is needed");
    for (const struct json *j = json_first(scopes); j; j = json_next(j), ret->n++) {
        if (ret->n == CANARY_SCOPES_MAX)
            return hd_fail(err, HD_LIMIT, "scopes: more than %d", CANARY_SCOPES_MAX);
        ret->scope[ret->n].name = json_key(j);
        if (read_where(json_get(j, "controlScope"), &ret->scope[ret->n].control, err))
            return hd_error_add(err, "scopes.%s.controlScope", json_key(j));
        if (read_where(json_get(j, "experimentScope"), &ret->scope[ret->n].experiment, err))
            return hd_error_add(err, "scopes.%s.experimentScope", json_key(j));
    }
    const struct json *pass = json_get(limits, "pass"), *marginal = json_get(limits, "marginal");
    if ((pass && json_double(pass, "thresholds.pass", &ret->pass, err)) ||
        (marginal && json_double(marginal, "thresholds.marginal", &ret->marginal, err)))
        return err->code;
    return HD_OK;
}

/* --- templates --- */

/* A variable of a template: parameters of the scope win over what every scope has. */
static const char *variable(const struct canary_metric *m, const struct canary_where *w,
                            const char *name)
{
    static const char *const of_scope[] = {"location", "project", "resourceType", NULL};
    const char *text = NULL;
    if (!json_text(json_get(json_get(w->from, "extendedScopeParams"), name), name, &text, NULL))
        return text;
    if (str_is(name, "scope"))
        return w->scope;
    for (size_t i = 0; of_scope[i]; i++)
        if (str_is(name, of_scope[i]) && !json_text(json_get(w->from, name), name, &text, NULL))
            return text;
    if (str_is(name, "resourceType"))
        (void)json_text(json_get(m->query, name), name, &text, NULL);
    return text;
}

/* ${name} becomes its value. A stored config may have it as $\{name}. */
static enum hd_code expand(struct hd_arena *a, const struct canary_metric *m,
                           const struct canary_where *w, const char *text, const char **ret,
                           struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(HD_QUERY_BYTES_MAX);
    for (const char *at = text; *at;) {
        size_t open = str_begins(at, "${") ? 2 : str_begins(at, "$\\{") ? 3 : 0;
        const char *close = open ? strchr(at, '}') : NULL;
        if (!close) {
            buf_byte(&b, *at++);
            continue;
        }
        const char *name = arena_text_n(a, at + open, (size_t)(close - at) - open);
        const char *value = variable(m, w, name);
        if (!value)
            return hd_fail(err, HD_INVALID,
                           "the template wants ${%s}, which the scope does not have", name);
        buf_text(&b, value);
        at = close + 1;
    }
    if (b.full)
        return hd_fail(err, HD_LIMIT, "a query has at most %d bytes", HD_QUERY_BYTES_MAX);
    *ret = arena_text(a, buf_at(&b));
    return HD_OK;
}

/* The metric's template, filled; NULL: it has none. */
static enum hd_code template_of(struct hd_arena *a, const struct canary *c,
                                const struct canary_metric *m, const struct canary_where *w,
                                const char **ret, struct hd_error *err)
{
    const char *text = NULL, *name;
    const struct json *old = json_get(m->query, "customFilter");
    if (old && json_type(old) != JSON_NULL)
        return hd_fail(err, HD_INVALID,
                       "query.customFilter is not read any more: use "
                       "customInlineTemplate");
    if (json_text(json_get(m->query, "customInlineTemplate"), "", &text, NULL) &&
        !json_text(json_get(m->query, "customFilterTemplate"), "", &name, NULL) &&
        json_text(json_get(c->templates, name), "", &text, NULL))
        return hd_fail(err, HD_INVALID, "there is no template '%s'", name);
    *ret = NULL;
    return text ? expand(a, m, w, text, ret, err) : HD_OK;
}

/* --- the query --- */

static void add_filter(struct buf *b, const char *format, ...) HD_PRINTF(2, 3);
static void add_filter(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (b->len)
        buf_byte(b, ',');
    buf_vprint(b, format, args);
    va_end(args);
}

static void add_list(struct buf *b, const struct json *list)
{
    const char *text;
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (!json_text(j, "", &text, NULL))
            add_filter(b, "%s", text);
}

/* How a kind of machine is found by its scope. */
static enum hd_code add_resource(struct buf *b, const struct canary_metric *m,
                                 const struct canary_where *w, struct hd_error *err)
{
    const char *type = variable(m, w, "resourceType"), *location = variable(m, w, "location");
    if (!type || !*type)
        return hd_fail(err, HD_INVALID, "the query has neither a template nor a resourceType");
    if (!location || !*location)
        return hd_fail(err, HD_INVALID, "resourceType %s needs a location", type);
    if (str_is(type, "gce_instance")) {
        add_filter(b, "instance=~\"%s-.{4}\"", w->scope);
        add_filter(b, "zone=~\".+zones/%s-.{1}\"", location);
    } else if (str_is(type, "aws_ec2_instance")) {
        add_filter(b, "asg_groupName=\"%s\"", w->scope);
        add_filter(b, "zone=~\"%s.{1}\"", location);
    } else {
        return hd_fail(err, HD_INVALID, "resourceType '%s' is not known", type);
    }
    return HD_OK;
}

static enum hd_code average(struct hd_arena *a, const struct canary_metric *m,
                            const struct canary_where *w, const char *filter, const char **ret,
                            struct hd_error *err)
{
    BUF_AUTO filters = BUF_INIT(HD_QUERY_BYTES_MAX);
    BUF_AUTO by = BUF_INIT(HD_QUERY_BYTES_MAX);
    const char *metric;
    if (json_text(json_get(m->query, "metricName"), "query.metricName", &metric, err))
        return err->code;
    if (filter)
        buf_text(&filters, filter);
    else if (add_resource(&filters, m, w, err))
        return err->code;
    add_list(&filters, json_get(m->query, "labelBindings"));
    add_list(&by, json_get(m->query, "groupByFields"));
    *ret = arena_print(a, "avg(%s{%s})%s%s%s", metric, buf_at(&filters), by.len ? " by (" : "",
                       buf_at(&by), by.len ? ")" : "");
    if (filters.full || by.full || strlen(*ret) > HD_QUERY_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, "a query has at most %d bytes", HD_QUERY_BYTES_MAX);
    return HD_OK;
}

enum hd_code canary_query(struct hd_arena *a, const struct canary *c, const struct canary_metric *m,
                          const struct canary_where *w, const char **ret, struct hd_error *err)
{
    const char *type = "", *template = NULL;
    (void)json_text(json_get(m->query, "type"), "type", &type, NULL);
    enum hd_code code = HD_OK;
    if (!str_is(type, "prometheus"))
        code = hd_fail(err, HD_INVALID, "query.type '%s': only prometheus can be asked", type);
    if (!code)
        code = template_of(a, c, m, w, &template, err);
    if (!code && template && str_begins(template, OWN_QUERY))
        *ret = template + strlen(OWN_QUERY);
    else if (!code)
        code = average(a, m, w, template, ret, err);
    return code ? hd_error_add(err, "metric '%s'", m->name) : HD_OK;
}
