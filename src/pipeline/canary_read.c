/* SPDX-License-Identifier: Apache-2.0
 *
 * See canary.h: Kayenta's JSON to values. Upstream looks options up loosely (a missing step on the
 * way gives the default) and casts what it finds; a failed cast aborts the judgement, so it is an
 * error here. What strict and upstream read differently is marked. Called by canary users in cli/.
 */
#include "pipeline/canary.h"

#include <math.h>

#include "base/arena.h"
#include "base/str.h"

#define WHOLE_MAX 2147483647.0 /* upstream casts whole numbers to 32 bits */

/* One object of options being read. */
struct reader {
    const struct json *from; /* NULL: absent, every option has its default */
    const char *metric, *path;
    bool strict;
};

static enum hd_code fail(const struct reader *r, const char *key, const char *what,
                         struct hd_error *err)
{
    return hd_fail(err, HD_PARSE, "metric '%s': %s%s: %s", r->metric, r->path, key, what);
}

/* The member, or NULL where the default holds. In strict reading null is absent. */
static const struct json *member(const struct reader *r, const char *key)
{
    const struct json *j = json_get(r->from, key);
    return j && r->strict && json_type(j) == JSON_NULL ? NULL : j;
}

static enum hd_code number(const struct reader *r, const char *key, double *to,
                           struct hd_error *err)
{
    const struct json *j = member(r, key);
    if (!j)
        return HD_OK;
    if (json_type(j) == JSON_NULL)
        *to = 0; /* upstream */
    else if (json_double(j, key, to, NULL))
        return fail(r, key, "not a number", err);
    if (!r->strict && *to == floor(*to) && fabs(*to) > WHOLE_MAX)
        return fail(r, key, "a whole number beyond 32 bits", err);
    return HD_OK;
}

static enum hd_code flag(const struct reader *r, const char *key, bool *to, struct hd_error *err)
{
    const struct json *j = member(r, key);
    if (!j)
        return HD_OK;
    if (json_type(j) == JSON_NULL)
        *to = false; /* upstream */
    else if (json_bool(j, key, to, NULL))
        return fail(r, key, "neither true nor false", err);
    return HD_OK;
}

static enum hd_code word(const struct reader *r, const char *key, const char **to,
                         struct hd_error *err)
{
    const struct json *j = member(r, key);
    if (j && json_text(j, key, to, NULL))
        return fail(r, key, "not a text", err);
    return HD_OK;
}

/* A word of a list; strict refuses others, where upstream takes any other as the fallback. */
static enum hd_code one_of(const struct reader *r, const char *key, const char *const *words,
                           uint8_t fallback, uint8_t *ret, struct hd_error *err)
{
    const char *text = NULL;
    if (word(r, key, &text, err))
        return err->code;
    *ret = fallback;
    if (!text)
        return HD_OK;
    for (uint8_t i = 0; words[i]; i++) {
        if (str_is(words[i], text)) {
            *ret = i;
            return HD_OK;
        }
    }
    return r->strict ? fail(r, key, "no such word", err) : HD_OK;
}

static enum hd_code object(const struct reader *r, const char *key, const char *path,
                           struct reader *ret, struct hd_error *err)
{
    const struct json *j = json_get(r->from, key);
    bool is_object = j && json_type(j) == JSON_OBJECT;
    *ret = (struct reader){is_object ? j : NULL, r->metric, path, r->strict};
    if (j && !is_object && json_type(j) != JSON_NULL && r->strict)
        return fail(r, key, "not an object", err);
    return HD_OK;
}

static enum hd_code read_effect(const struct reader *canary, struct kayenta_options *o,
                                struct hd_error *err)
{
    static const char *const measures[] = {"meanRatio", "cles", NULL};
    struct reader r;
    uint8_t measure;
    if (object(canary, "effectSize", "effectSize.", &r, err) ||
        one_of(&r, "measure", measures, 0, &measure, err))
        return err->code;
    *o = kayenta_options_default(measure == 1);
    if (number(&r, "allowedIncrease", &o->allowed_increase, err) ||
        number(&r, "allowedDecrease", &o->allowed_decrease, err) ||
        number(&r, "criticalIncrease", &o->critical_increase, err) ||
        number(&r, "criticalDecrease", &o->critical_decrease, err))
        return err->code;
    return HD_OK;
}

static enum hd_code read_options(const struct reader *metric, struct kayenta_options *o,
                                 struct hd_error *err)
{
    static const char *const directions[] = {"either", "increase", "decrease", NULL};
    static const char *const nan_ways[] = {"remove", "replace", NULL};
    static const char *const outlier_ways[] = {"keep", "remove", NULL};
    struct reader all, r, outliers;
    uint8_t nan_way, outlier_way;
    if (object(metric, "analysisConfigurations", "analysisConfigurations.", &all, err) ||
        object(&all, "canary", "canary.", &r, err) ||
        object(&r, "outliers", "outliers.", &outliers, err))
        return err->code;
    if (read_effect(&r, o, err) ||
        one_of(&r, "direction", directions, KAYENTA_EITHER, &o->direction, err) ||
        one_of(&r, "nanStrategy", nan_ways, 0, &nan_way, err) ||
        one_of(&outliers, "strategy", outlier_ways, 0, &outlier_way, err))
        return err->code;
    o->replace_nan = nan_way == 1;
    o->drop_outliers = outlier_way == 1;
    if (flag(&r, "critical", &o->critical, err) ||
        flag(&r, "mustHaveData", &o->must_have_data, err) || flag(&r, "muted", &o->muted, err) ||
        number(&outliers, "outlierFactor", &o->outlier_factor, err))
        return err->code;
    return HD_OK;
}

enum hd_code canary_group_of(struct canary *c, const char *name, size_t *ret, struct hd_error *err)
{
    size_t g = 0;
    while (g < c->weights.n && !str_is(c->group[g], name))
        g++;
    if (g == KAYENTA_GROUPS_MAX)
        return hd_fail(err, HD_LIMIT, "more than %d groups", KAYENTA_GROUPS_MAX);
    if (g == c->weights.n) {
        c->group[g] = name;
        c->weights.of[g] = NAN;
        c->weights.n++;
    }
    *ret = g;
    return HD_OK;
}

static enum hd_code read_groups(const struct reader *r, struct canary *c, uint64_t *ret,
                                struct hd_error *err)
{
    const struct json *list = json_get(r->from, "groups");
    if (!list || json_type(list) != JSON_ARRAY)
        return fail(r, "groups", "a list is needed ([]: counts in no group)", err);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *name;
        size_t g;
        if (json_text(j, "groups", &name, NULL))
            return fail(r, "groups", "not a text", err);
        if (canary_group_of(c, name, &g, err))
            return err->code;
        *ret |= UINT64_C(1) << g;
    }
    return HD_OK;
}

static enum hd_code read_metric(const struct json *j, struct canary *c, struct canary_metric *m,
                                struct hd_error *err)
{
    *m = (struct canary_metric){.name = "", .scope = "default", .query = json_get(j, "query")};
    struct reader r = {j, "?", "", c->strict};
    if (word(&r, "name", &m->name, err))
        return err->code;
    r.metric = m->name;
    if (!*m->name && c->strict)
        return fail(&r, "name", "missing", err);
    const struct json *scope = json_get(j, "scopeName");
    if (scope && json_type(scope) != JSON_NULL && word(&r, "scopeName", &m->scope, err))
        return err->code;
    if (read_groups(&r, c, &m->groups, err) || read_options(&r, &m->options, err))
        return err->code;
    if (m->options.drop_outliers && !(m->options.outlier_factor > 0))
        return fail(&r, "outliers.outlierFactor", "must be above 0", err);
    return HD_OK;
}

static enum hd_code read_weights(const struct json *classifier, struct canary *c,
                                 struct hd_error *err)
{
    if (!classifier || json_type(classifier) != JSON_OBJECT)
        return hd_fail(err, HD_PARSE, "classifier: missing");
    double sum = 0;
    const struct json *weights = json_get(classifier, "groupWeights");
    for (const struct json *j = json_first(weights); j; j = json_next(j)) {
        double weight;
        size_t g;
        if (json_double(j, json_key(j), &weight, NULL))
            return hd_fail(err, HD_PARSE, "classifier.groupWeights.%s: not a number", json_key(j));
        if (c->strict && weight < 0)
            return hd_fail(err, HD_INVALID, "classifier.groupWeights.%s: negative", json_key(j));
        if (canary_group_of(c, json_key(j), &g, err))
            return err->code;
        c->weights.of[g] = weight;
        sum += weight;
    }
    if (c->strict && sum > 100 + 1e-9)
        return hd_fail(err, HD_INVALID, "classifier.groupWeights: %g percent in all", sum);
    return HD_OK;
}

static double threshold(const struct json *classifier, const char *key)
{
    double v;
    return json_double(json_get(json_get(classifier, "scoreThresholds"), key), key, &v, NULL) ? NAN
                                                                                              : v;
}

static bool is_taken(const struct canary_metric *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(list[i].name, name))
            return true;
    return false;
}

enum hd_code canary_read(struct hd_arena *a, const struct json *from, bool strict,
                         struct canary *ret, struct hd_error *err)
{
    const struct json *list = json_get(from, "metrics"), *classifier = json_get(from, "classifier");
    struct canary c = {.name = "", .strict = strict, .templates = json_get(from, "templates")};
    if (!list || json_type(list) != JSON_ARRAY || !json_first(list))
        return hd_fail(err, HD_PARSE, "metrics: at least one is needed");
    if (json_count(list) > CANARY_METRICS_MAX)
        return hd_fail(err, HD_LIMIT, "metrics: more than %d", CANARY_METRICS_MAX);
    (void)json_text(json_get(from, "name"), "name", &c.name, NULL);
    struct canary_metric *metric = arena_many(a, json_count(list), struct canary_metric);
    c.metric = metric;
    for (const struct json *j = json_first(list); j; j = json_next(j), c.n++) {
        if (read_metric(j, &c, &metric[c.n], err))
            return err->code;
        if (strict && is_taken(metric, c.n, metric[c.n].name))
            return hd_fail(err, HD_INVALID, "metric '%s' stands twice", metric[c.n].name);
    }
    if (read_weights(classifier, &c, err))
        return err->code;
    c.pass = threshold(classifier, "pass");
    c.marginal = threshold(classifier, "marginal");
    *ret = c;
    return HD_OK;
}

static bool read_value(const struct json *j, bool strict, double *ret)
{
    const char *text;
    if (json_type(j) == JSON_NULL && strict) {
        *ret = NAN;
        return true;
    }
    if (!json_double(j, "", ret, NULL))
        return true;
    if (json_text(j, "", &text, NULL))
        return false;
    *ret = str_is(text, "Infinity") ? HUGE_VAL : str_is(text, "-Infinity") ? -HUGE_VAL : NAN;
    return !isnan(*ret) || str_is(text, "NaN");
}

enum hd_code canary_read_values(struct hd_arena *a, const struct json *list, const char *path,
                                bool strict, struct samples *ret, struct hd_error *err)
{
    if (!list || json_type(list) != JSON_ARRAY)
        return hd_fail(err, HD_PARSE, "%s: a list of numbers is needed", path);
    size_t n = json_count(list), i = 0;
    if (n > HD_POINTS_MAX)
        return hd_fail(err, HD_LIMIT, "%s: more than %d values", path, HD_POINTS_MAX);
    double *at = arena_many(a, n, double);
    for (const struct json *j = json_first(list); j; j = json_next(j), i++)
        if (!read_value(j, strict, &at[i]))
            return hd_fail(err, HD_PARSE, "%s: item %zu is not a number", path, i);
    *ret = (struct samples){at, n};
    return HD_OK;
}

enum hd_code canary_read_pairs(struct hd_arena *a, const struct json *list, bool strict,
                               struct canary_pair **ret, size_t *ret_n, struct hd_error *err)
{
    if (!list || json_type(list) != JSON_ARRAY)
        return hd_fail(err, HD_PARSE, "a list of {name, values: {control, experiment}} is needed");
    size_t n = json_count(list), i = 0;
    if (n > CANARY_METRICS_MAX)
        return hd_fail(err, HD_LIMIT, "more than %d pairs", CANARY_METRICS_MAX);
    struct canary_pair *pair = arena_many(a, n, struct canary_pair);
    for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
        const struct json *values = json_get(j, "values");
        pair[i] = (struct canary_pair){.id = "", .tags = json_get(j, "tags")};
        (void)json_text(json_get(j, "id"), "id", &pair[i].id, NULL);
        if (json_text(json_get(j, "name"), "name", &pair[i].name, err) ||
            canary_read_values(a, json_get(values, "control"), "values.control", strict,
                               &pair[i].control, err) ||
            canary_read_values(a, json_get(values, "experiment"), "values.experiment", strict,
                               &pair[i].experiment, err))
            return hd_error_add(err, "pair %zu", i);
    }
    *ret = pair;
    *ret_n = n;
    return HD_OK;
}
