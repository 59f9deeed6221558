/* SPDX-License-Identifier: Apache-2.0
 *
 * Kayenta's judge as rows of `haldane engine eval`: reads inputs, calls the engine, writes the
 * result. It judges as upstream does, since that is what is compared; "mode": "strict" asks for
 * ours. Computes nothing itself. Called by eval.c.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/eval.h"
#include "engine/kayenta.h"
#include "engine/ranks.h"
#include "pipeline/canary.h"

#define REACH 1e-4 /* of Kayenta's root finder */

/* --- reading and writing --- */

static void put_number(const struct eval *e, const char *key, double v)
{
    if (isnan(v))
        json_put_text(e->out, key, "NaN");
    else
        json_put_double(e->out, key, v);
}

static void put_why(struct json_out *out, int why)
{
    if (why)
        json_put_text(out, "reason_kind", kayenta_why_word(why));
    else
        json_put_null(out, "reason_kind");
}

static double number_or(const struct json *from, const char *key, double otherwise)
{
    double v;
    return json_double(json_get(from, key), key, &v, NULL) ? otherwise : v;
}

static bool flag(const struct json *from, const char *key)
{
    bool v;
    return !json_bool(json_get(from, key), key, &v, NULL) && v;
}

static const char *text_or(const struct json *from, const char *key, const char *otherwise)
{
    const char *v;
    return json_text(json_get(from, key), key, &v, NULL) ? otherwise : v;
}

static bool is_strict(const struct eval *e)
{
    return str_is(text_or(e->in, "mode", ""), "strict");
}

static enum hd_code values(const struct eval *e, const char *key, struct samples *ret,
                           struct hd_error *err)
{
    return canary_read_values(e->arena, json_get(e->in, key), key, false, ret, err);
}

static enum hd_code both(const struct eval *e, struct samples *control, struct samples *experiment,
                         struct hd_error *err)
{
    enum hd_code code = values(e, "control", control, err);
    return code ? code : values(e, "experiment", experiment, err);
}

static enum hd_code sorted(const struct eval *e, struct samples s, double **ret,
                           struct hd_error *err)
{
    if (!s.n)
        return hd_fail(err, HD_INVALID, "no values");
    double *at = arena_many(e->arena, 2 * s.n, double);
    memcpy(at, s.at, s.n * sizeof *at);
    samples_sort(at, s.n, at + s.n);
    *ret = at;
    return HD_OK;
}

static enum hd_code ranks_of(const struct eval *e, struct samples x, struct samples y,
                             struct ranks **ret, struct hd_error *err)
{
    double *sorted_x = NULL, *sorted_y = NULL;
    enum hd_code code = sorted(e, x, &sorted_x, err);
    if (!code)
        code = sorted(e, y, &sorted_y, err);
    if (!code && !(isfinite(sorted_x[0]) && isfinite(sorted_x[x.n - 1]) && isfinite(sorted_y[0]) &&
                   isfinite(sorted_y[y.n - 1])))
        code = hd_fail(err, HD_INVALID, "NaN and infinities cannot be ranked");
    if (!code)
        *ret = ranks_new(e->arena, sorted_x, x.n, sorted_y, y.n);
    return code;
}

/* --- the test and its parts --- */

static enum hd_code normal_quantiles(const struct eval *e, struct hd_error *err)
{
    double p = number_or(e->in, "p", (1.0 - number_or(e->in, "conf", NAN)) / 2);
    if (isnan(p))
        return hd_fail(err, HD_ABSENT, "p, or conf: missing");
    if (!(p >= 0 && p <= 1))
        return hd_fail(err, HD_INVALID, "p: %g is not within 0..1", p);
    put_number(e, "z", ranks_normal(p));
    return HD_OK;
}

static enum hd_code w_statistic(const struct eval *e, struct hd_error *err)
{
    struct samples x, y;
    struct ranks *r;
    double mu;
    if (values(e, "x", &x, err) || values(e, "y", &y, err) || eval_number(e, "mu", &mu, err) ||
        ranks_of(e, x, y, &r, err))
        return err->code;
    put_number(e, "value", ranks_statistic(r, mu) - number_or(e->in, "quantile", 0));
    return HD_OK;
}

/* {n, a, b, m, d}: ((a i + b) mod m) / d for i = 0..n-1. */
static enum hd_code generate(const struct eval *e, const char *key, struct samples *ret,
                             struct hd_error *err)
{
    int64_t n, a, b, m, d;
    const struct json *from = json_get(json_get(e->in, "generate"), key);
    if (json_i64(json_get(from, "n"), "n", &n, err) ||
        json_i64(json_get(from, "a"), "a", &a, err) ||
        json_i64(json_get(from, "b"), "b", &b, err) ||
        json_i64(json_get(from, "m"), "m", &m, err) || json_i64(json_get(from, "d"), "d", &d, err))
        return hd_error_add(err, "generate.%s", key);
    if (n < 1 || n > HD_POINTS_MAX || m < 1 || d < 1 || a < 0 || b < 0 || a > INT32_MAX ||
        b > INT32_MAX)
        return hd_fail(err, HD_INVALID, "generate.%s: out of range", key);
    double *at = arena_many(e->arena, (size_t)n, double);
    for (int64_t i = 0; i < n; i++)
        at[i] = (double)((a * i + b) % m) / (double)d;
    *ret = (struct samples){at, (size_t)n};
    return HD_OK;
}

static double sum(struct samples s)
{
    double total = 0;
    for (size_t i = 0; i < s.n; i++)
        total += s.at[i];
    return total;
}

static enum hd_code interval(const struct eval *e, struct hd_error *err)
{
    struct samples x, y;
    struct ranks *r;
    struct ranks_shift shift;
    bool made = json_get(e->in, "generate") != NULL;
    if (made ? generate(e, "x", &x, err) || generate(e, "y", &y, err)
             : values(e, "x_experiment", &x, err) || values(e, "y_control", &y, err))
        return err->code;
    if (ranks_of(e, x, y, &r, err))
        return err->code;
    if (!ranks_shift(r, number_or(e->in, "conf", 0.98), REACH, &shift))
        return hd_fail(err, HD_INVALID, "the samples have no spread");
    put_number(e, "lower", shift.lower);
    put_number(e, "upper", shift.upper);
    put_number(e, "estimate", shift.estimate);
    if (made) {
        put_number(e, "check_sum_x", sum(x));
        put_number(e, "check_sum_y", sum(y));
    }
    return HD_OK;
}

static enum hd_code percentile(const struct eval *e, struct hd_error *err)
{
    struct samples s;
    double p, *at = NULL;
    if (values(e, "values", &s, err) || eval_number(e, "p", &p, err) || sorted(e, s, &at, err))
        return err->code;
    if (!(p >= 0 && p <= 100))
        return hd_fail(err, HD_INVALID, "p: not within 0..100");
    put_number(e, "value", samples_percentile(at, s.n, p / 100));
    return HD_OK;
}

static enum hd_code summary(const struct eval *e, struct hd_error *err)
{
    struct samples s;
    if (values(e, "values", &s, err))
        return err->code;
    struct samples_stats stats = samples_stats(s);
    put_number(e, "min", stats.min);
    put_number(e, "max", stats.max);
    put_number(e, "mean", stats.mean);
    put_number(e, "std", stats.std);
    json_put_i64(e->out, "count", (int64_t)stats.count);
    return HD_OK;
}

static enum hd_code effect_size(const struct eval *e, struct hd_error *err)
{
    struct samples control, experiment;
    struct ranks *r;
    if (both(e, &control, &experiment, err))
        return err->code;
    if (!str_is(text_or(e->in, "measure", "meanRatio"), "cles")) {
        double x = samples_mean(experiment), y = samples_mean(control);
        put_number(e, "value", x == 0 || y == 0 ? NAN : x / y);
        return HD_OK;
    }
    if (ranks_of(e, experiment, control, &r, err))
        return err->code;
    put_number(e, "value", ranks_cles(r));
    return HD_OK;
}

static enum hd_code outliers(const struct eval *e, struct hd_error *err)
{
    struct samples s;
    double *at = NULL;
    if (values(e, "values", &s, err) || (s.n && sorted(e, s, &at, err)))
        return err->code;
    bool guarded =
        !json_get(e->in, "with_percentile_guard") || flag(e->in, "with_percentile_guard");
    struct samples_fences f = {0, 0};
    if (s.n)
        f = samples_fences(at, s.n, number_or(e->in, "factor", 3), guarded);
    size_t kept = 0;
    json_begin(e->out, "outlier_indexes", '[');
    for (size_t i = 0; i < s.n; i++) {
        bool out = s.at[i] < f.low || s.at[i] > f.high;
        kept += !out;
        if (out)
            json_put_i64(e->out, NULL, (int64_t)i);
    }
    json_end(e->out, ']');
    json_put_i64(e->out, "kept", (int64_t)kept);
    return HD_OK;
}

/* --- labels --- */

static uint8_t direction_of(const char *word)
{
    return str_is(word, "increase")   ? KAYENTA_INCREASE
           : str_is(word, "decrease") ? KAYENTA_DECREASE
                                      : KAYENTA_EITHER;
}

static enum hd_code classify(const struct eval *e, struct hd_error *err)
{
    struct samples control, experiment;
    struct kayenta_result r;
    struct kayenta_options o =
        kayenta_options_default(str_is(text_or(e->in, "measure", ""), "cles"));
    o.direction = direction_of(text_or(e->in, "direction", ""));
    o.replace_nan = str_is(text_or(e->in, "nan_strategy", ""), "replace");
    o.critical = flag(e->in, "critical");
    o.must_have_data = flag(e->in, "must_have_data");
    o.tolerance = number_or(e->in, "tolerance", o.tolerance);
    o.confidence = number_or(e->in, "confidence_level", o.confidence);
    o.allowed_increase = number_or(e->in, "allowed_increase", o.allowed_increase);
    o.allowed_decrease = number_or(e->in, "allowed_decrease", o.allowed_decrease);
    o.critical_increase = number_or(e->in, "critical_increase", o.critical_increase);
    o.critical_decrease = number_or(e->in, "critical_decrease", o.critical_decrease);
    if (both(e, &control, &experiment, err) ||
        kayenta_judge(e->arena, &o, is_strict(e), control, experiment, &r, err))
        return err->code;
    json_put_text(e->out, "classification", kayenta_label_word(r.label));
    json_put_bool(e->out, "critical", r.critical);
    put_number(e, "deviation", r.ratio);
    put_why(e->out, r.why);
    return HD_OK;
}

/* Options by the names of the canary config. */
static enum hd_code from_issues(const struct eval *e, struct hd_error *err)
{
    struct samples control, experiment;
    struct kayenta_result r;
    const struct json *from = json_get(e->in, "options");
    struct kayenta_options o =
        kayenta_options_default(str_is(text_or(from, "measure", ""), "cles"));
    o.direction = direction_of(text_or(from, "direction", ""));
    o.critical = flag(from, "critical");
    o.allowed_increase = number_or(from, "allowedIncrease", o.allowed_increase);
    o.allowed_decrease = number_or(from, "allowedDecrease", o.allowed_decrease);
    o.critical_increase = number_or(from, "criticalIncrease", o.critical_increase);
    o.critical_decrease = number_or(from, "criticalDecrease", o.critical_decrease);
    if (both(e, &control, &experiment, err) ||
        kayenta_judge(e->arena, &o, is_strict(e), control, experiment, &r, err))
        return err->code;
    json_put_text(e->out, "classification", kayenta_label_word(r.label));
    put_number(e, "deviation", r.ratio);
    put_number(e, "lower", r.lower);
    put_number(e, "upper", r.upper);
    put_number(e, "estimate", r.estimate);
    return HD_OK;
}

/* --- scores --- */

static void put_groups(const struct eval *e, const struct canary *c, const struct kayenta_score *s)
{
    json_begin(e->out, "group_scores", '{');
    for (size_t g = 0; g < c->weights.n; g++)
        if (s->group[g].present)
            json_put_double(e->out, c->group[g], s->group[g].score);
    json_end(e->out, '}');
}

static enum hd_code label_of(const char *word, uint8_t *ret, struct hd_error *err)
{
    for (uint8_t i = 0; i <= KAYENTA_ERROR; i++) {
        if (str_is(kayenta_label_word(i), word)) {
            *ret = i;
            return HD_OK;
        }
    }
    return hd_fail(err, HD_INVALID, "no classification '%s'", word);
}

static enum hd_code score(const struct eval *e, struct hd_error *err)
{
    struct canary c = {.name = ""};
    const struct json *list = json_get(e->in, "results");
    struct kayenta_result *r = arena_many(e->arena, json_count(list), struct kayenta_result);
    size_t n = 0, g;
    for (const struct json *j = json_first(list); j; j = json_next(j), n++) {
        const char *name;
        r[n].critical = flag(j, "critical");
        r[n].muted = flag(j, "muted");
        if (label_of(text_or(j, "classification", "?"), &r[n].label, err))
            return err->code;
        for (const struct json *k = json_first(json_get(j, "groups")); k; k = json_next(k)) {
            if (json_text(k, "groups", &name, err) || canary_group_of(&c, name, &g, err))
                return err->code;
            r[n].groups |= UINT64_C(1) << g;
        }
    }
    const struct json *weights = json_get(e->in, "group_weights");
    for (const struct json *j = json_first(weights); j; j = json_next(j))
        if (canary_group_of(&c, json_key(j), &g, err) ||
            json_double(j, json_key(j), &c.weights.of[g], err))
            return err->code;
    struct kayenta_score s;
    kayenta_score(r, n, &c.weights, is_strict(e), number_or(e->in, "pass", 75),
                  number_or(e->in, "marginal", 50), &s);
    json_put_double(e->out, "summary_score", s.score);
    json_put_text(e->out, "classification", kayenta_grade_word(s.grade));
    put_groups(e, &c, &s);
    put_why(e->out, s.why);
    return HD_OK;
}

static enum hd_code judge(const struct eval *e, struct canary *c, struct canary_pair **pair,
                          struct canary_report *ret, struct hd_error *err)
{
    size_t n;
    const struct json *limit = json_get(e->in, "thresholds");
    if (canary_read(e->arena, json_get(e->in, "config"), is_strict(e), c, err) ||
        canary_read_pairs(e->arena, json_get(e->in, "metric_set_pairs"), is_strict(e), pair, &n,
                          err))
        return err->code;
    return canary_judge(e->arena, c, *pair, n, number_or(limit, "pass", NAN),
                        number_or(limit, "marginal", NAN), ret, err);
}

/* An input that aborts upstream's judgement is a result here, with what is wrong in words. */
static enum hd_code end_to_end(const struct eval *e, struct hd_error *err)
{
    struct canary c;
    struct canary_pair *pair;
    struct canary_report r;
    if (judge(e, &c, &pair, &r, err)) {
        json_put_bool(e->out, "judge_throws", true);
        json_put_text(e->out, "why", err->text);
        return HD_OK;
    }
    json_begin(e->out, "results", '[');
    for (size_t i = 0; i < r.n; i++) {
        json_begin(e->out, NULL, '{');
        json_put_text(e->out, "name", pair[i].name);
        json_put_text(e->out, "classification", kayenta_label_word(r.result[i].label));
        json_put_bool(e->out, "critical", r.result[i].critical);
        json_put_bool(e->out, "muted", r.result[i].muted);
        if (r.result[i].label == KAYENTA_ERROR)
            json_put_null(e->out, "ratio");
        else
            put_number(e, "ratio", r.result[i].ratio);
        put_why(e->out, r.result[i].why);
        json_end(e->out, '}');
    }
    json_end(e->out, ']');
    put_groups(e, &c, &r.score);
    json_put_double(e->out, "score", r.score.score);
    json_put_text(e->out, "classification", kayenta_grade_word(r.score.grade));
    put_why(e->out, r.score.why);
    return HD_OK;
}

const struct eval_statistic eval_kayenta[] = {
    {"normal_quantiles", "p, or conf: then p = (1 - conf) / 2", "z", normal_quantiles},
    {"w_statistic", "x, y, mu, quantile", "value: W(mu) - quantile", w_statistic},
    {"mann_whitney_interval",
     "x_experiment, y_control, conf; or generate {x, y: {n, a, b, m, d}}: ((a i + b) mod m) / d",
     "lower, upper, estimate", interval},
    {"percentile_R7", "values, p (0..100)", "value", percentile},
    {"summary_statistics", "values", "min, max, mean, std, count", summary},
    {"effect_size", "measure (meanRatio, cles), control, experiment", "value", effect_size},
    {"outliers", "values, factor, with_percentile_guard", "outlier_indexes, kept", outliers},
    {"classify",
     "control, experiment, tolerance, confidence_level, direction, nan_strategy, critical,"
     " must_have_data, measure, allowed_ and critical_ increase and decrease, mode (upstream, "
     "strict)",
     "classification, critical, deviation, reason_kind", classify},
    {"score",
     "results [{classification, groups, critical, muted}], group_weights, pass, marginal, mode",
     "summary_score, classification, group_scores, reason_kind", score},
    {"judge_end_to_end",
     "config, thresholds {pass, marginal}, metric_set_pairs [{name, values {control, experiment}}],"
     " mode",
     "results, group_scores, score, classification, reason_kind; or judge_throws", end_to_end},
    {"from_issues", "control, experiment, options (as in a canary config, flat), mode",
     "classification, deviation, lower, upper, estimate", from_issues},
    {NULL},
};
