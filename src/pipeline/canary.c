/* SPDX-License-Identifier: Apache-2.0
 *
 * See canary.h: ties pairs to metrics, judges them one by one, scores the whole, and says in words
 * why, with the figures that Kayenta keeps to itself. Never fetches values. Called by cli/.
 */
#include "pipeline/canary.h"

#include <math.h>

#include "base/arena.h"
#include "base/str.h"

static enum hd_code metric_of(const struct canary *c, const char *name, size_t *ret,
                              struct hd_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        if (str_is(c->metric[i].name, name)) {
            *ret = i;
            return HD_OK;
        }
    }
    return hd_fail(err, HD_INVALID, "no metric '%s' in the canary config", name);
}

enum hd_code canary_judge(struct hd_arena *a, const struct canary *c, const struct canary_pair *p,
                          size_t n, double pass, double marginal, struct canary_report *ret,
                          struct hd_error *err)
{
    struct canary_report r = {.result = arena_many(a, n, struct kayenta_result),
                              .metric = arena_many(a, n, size_t),
                              .n = n};
    ARENA_AUTO scratch = arena_new();
    for (size_t i = 0; i < n; i++) {
        arena_reset(scratch);
        if (metric_of(c, p[i].name, &r.metric[i], err))
            return err->code;
        const struct canary_metric *m = &c->metric[r.metric[i]];
        if (kayenta_judge(scratch, &m->options, c->strict, p[i].control, p[i].experiment,
                          &r.result[i], err))
            return hd_error_add(err, "metric '%s'", m->name);
        r.result[i].groups = m->groups;
    }
    kayenta_score(r.result, n, &c->weights, c->strict, pass, marginal, &r.score);
    *ret = r;
    return HD_OK;
}

/* --- in words --- */

static const char *say_missing(const struct kayenta_result *r)
{
    return r->control.count      ? "the experiment has no data"
           : r->experiment.count ? "the control has no data"
                                 : "neither side has data";
}

static const char *say_error(const struct kayenta_result *r)
{
    bool finite = isfinite(r->control.min) && isfinite(r->control.max) &&
                  isfinite(r->experiment.min) && isfinite(r->experiment.max);
    if (!finite)
        return "the data hold an infinity";
    return r->control.min == r->control.max && r->experiment.min == r->experiment.max
               ? "one value on each side cannot be ranked"
               : "the values lie too far apart to be compared";
}

const char *canary_say(struct hd_arena *a, const struct kayenta_result *r)
{
    switch (r->why) {
    case KAYENTA_WHY_IDENTICAL:
        return "both sides have the same values";
    case KAYENTA_WHY_MISSING_DATA:
        return say_missing(r);
    case KAYENTA_WHY_FAILED:
        return say_error(r);
    case KAYENTA_WHY_CLASSIFIED:
    case KAYENTA_WHY_CLASSIFIED_CRITICAL:
        return arena_print(a, "the experiment is %s by %.4g to %.4g, more than the margin of %.4g",
                           r->label == KAYENTA_HIGH ? "higher" : "lower",
                           r->label == KAYENTA_HIGH ? r->lower : -r->upper,
                           r->label == KAYENTA_HIGH ? r->upper : -r->lower, r->bound);
    default:
        return "";
    }
}

const char *canary_say_score(struct hd_arena *a, const struct canary *c,
                             const struct canary_report *r)
{
    if (r->score.why == KAYENTA_WHY_CRITICAL_FAILURE)
        return arena_print(a, "critical metric '%s' is %s: %s",
                           c->metric[r->metric[r->score.by]].name,
                           kayenta_label_word(r->result[r->score.by].label),
                           canary_say(a, &r->result[r->score.by]));
    if (r->score.why == KAYENTA_WHY_TOO_MANY_NODATA)
        return "half of the metrics or more have no data";
    return "";
}

/* --- as JSON --- */

/* NaN and infinities as Kayenta writes them. */
static void put_number(struct json_out *to, const char *key, double v)
{
    if (isfinite(v))
        json_put_double(to, key, v);
    else
        json_put_text(to, key, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

static void put_stats(struct json_out *to, const char *key, const struct samples_stats *s)
{
    json_begin(to, key, '{');
    json_begin(to, "stats", '{');
    json_put_i64(to, "count", (int64_t)s->count);
    put_number(to, "mean", s->mean);
    put_number(to, "min", s->min);
    put_number(to, "std", s->std);
    put_number(to, "max", s->max);
    json_end(to, '}');
    json_end(to, '}');
}

static void put_tags(struct json_out *to, const struct json *tags)
{
    const char *text;
    json_begin(to, "tags", '{');
    for (const struct json *j = json_first(tags); j; j = json_next(j))
        if (!json_text(j, "tags", &text, NULL))
            json_put_text(to, json_key(j), text);
    json_end(to, '}');
}

/* What the label was made of: not in Kayenta's own result. */
static void put_test(struct json_out *to, const struct kayenta_result *r)
{
    json_begin(to, "test", '{');
    put_number(to, "lower", r->lower);
    put_number(to, "upper", r->upper);
    put_number(to, "estimate", r->estimate);
    put_number(to, "bound", r->bound);
    put_number(to, "effect", r->effect);
    json_end(to, '}');
}

static void put_result(struct json_out *to, struct hd_arena *a, const struct canary *c,
                       const struct canary_metric *m, const struct canary_pair *p,
                       const struct kayenta_result *r)
{
    json_begin(to, NULL, '{');
    json_put_text(to, "name", p->name);
    put_tags(to, p->tags);
    json_put_text(to, "id", p->id);
    json_put_text(to, "classification", kayenta_label_word(r->label));
    if (r->why)
        json_put_text(to, "classificationReason", canary_say(a, r));
    json_begin(to, "groups", '[');
    for (size_t g = 0; g < c->weights.n; g++)
        if (m->groups >> g & 1)
            json_put_text(to, NULL, c->group[g]);
    json_end(to, ']');
    put_stats(to, "experimentMetadata", &r->experiment);
    put_stats(to, "controlMetadata", &r->control);
    if (r->label != KAYENTA_ERROR) {
        json_begin(to, "resultMetadata", '{');
        put_number(to, "ratio", r->ratio);
        json_end(to, '}');
    }
    json_put_bool(to, "critical", r->critical);
    json_put_bool(to, "muted", r->muted);
    if (isfinite(r->estimate))
        put_test(to, r);
    json_end(to, '}');
}

static void put_groups(struct json_out *to, const struct canary *c, const struct kayenta_score *s)
{
    json_begin(to, "groupScores", '[');
    for (size_t g = 0; g < c->weights.n; g++) {
        if (!s->group[g].present)
            continue;
        json_begin(to, NULL, '{');
        json_put_text(to, "name", c->group[g]);
        json_put_double(to, "score", s->group[g].score);
        json_put_text(to, "classification", "");
        json_put_text(to, "classificationReason", s->group[g].judged ? "" : "no data");
        json_end(to, '}');
    }
    json_end(to, ']');
}

void canary_put(struct json_out *to, const char *key, const struct canary *c,
                const struct canary_pair *p, const struct canary_report *r)
{
    ARENA_AUTO a = arena_new();
    json_begin(to, key, '{');
    json_put_text(to, "judgeName", "NetflixACAJudge-v1.0");
    json_begin(to, "results", '[');
    for (size_t i = 0; i < r->n; i++)
        put_result(to, a, c, &c->metric[r->metric[i]], &p[i], &r->result[i]);
    json_end(to, ']');
    put_groups(to, c, &r->score);
    json_begin(to, "score", '{');
    json_put_double(to, "score", r->score.score);
    json_put_text(to, "classification", kayenta_grade_word(r->score.grade));
    json_put_text(to, "classificationReason", canary_say_score(a, c, r));
    json_end(to, '}');
    json_end(to, '}');
}
