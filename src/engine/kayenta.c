/* SPDX-License-Identifier: Apache-2.0
 *
 * See kayenta.h: one metric from values to label. The order of the tests is Kayenta's: no data,
 * equal data, then the interval with its tolerance and the effect size. Never looks at other
 * metrics (kayenta_score.c does). Called by pipeline/ and cli/.
 */
#include "engine/kayenta.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "engine/ranks.h"

#define REACH 1e-4 /* how near Kayenta's root finder comes, in the unit of the metric */
#define TOLERANCE 0.25
#define CONFIDENCE 0.98
#define OUTLIER_FACTOR 3.0

static const char *const labels[] = {
#define K(name, word) word,
    KAYENTA_LABELS(K)
#undef K
};
static const char *const whys[] = {
#define K(name, word) word,
    KAYENTA_WHYS(K)
#undef K
};
static const char *const grades[] = {"Pass", "Marginal", "Fail"};

#define WORD_OF(list, i) ((i) >= 0 && (size_t)(i) < sizeof(list) / sizeof *(list) ? (list)[i] : "?")

const char *kayenta_label_word(int i)
{
    return WORD_OF(labels, i);
}
const char *kayenta_why_word(int i)
{
    return WORD_OF(whys, i);
}
const char *kayenta_grade_word(int i)
{
    return WORD_OF(grades, i);
}

struct kayenta_options kayenta_options_default(bool cles)
{
    double effect = cles ? 0.5 : 1.0;
    return (struct kayenta_options){
        .cles = cles,
        .outlier_factor = OUTLIER_FACTOR,
        .allowed_increase = effect,
        .allowed_decrease = effect,
        .critical_increase = effect,
        .critical_decrease = effect,
        .tolerance = TOLERANCE,
        .confidence = CONFIDENCE,
    };
}

/* One side after NaN and outliers: in the order it came in, and sorted. */
struct side {
    struct samples raw;
    double *sorted;
    bool constant;
};

static size_t drop_outside(double *at, size_t n, struct samples_fences f)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (at[i] >= f.low && at[i] <= f.high)
            at[kept++] = at[i];
    return kept;
}

static struct side prepare(struct hd_arena *a, const struct kayenta_options *o, struct samples s)
{
    double *raw = arena_many(a, 3 * s.n, double), *sorted = raw + s.n;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (!isnan(s.at[i]) || o->replace_nan)
            raw[n++] = isnan(s.at[i]) ? 0 : s.at[i];
    memcpy(sorted, raw, n * sizeof *raw);
    samples_sort(sorted, n, sorted + s.n);
    if (n && o->drop_outliers) {
        struct samples_fences f = samples_fences(sorted, n, o->outlier_factor, true);
        drop_outside(sorted, n, f);
        n = drop_outside(raw, n, f);
    }
    return (struct side){
        .raw = {raw, n}, .sorted = sorted, .constant = n && sorted[0] == sorted[n - 1]};
}

static bool is_finite(const struct side *s)
{
    return !s->raw.n || (isfinite(s->sorted[0]) && isfinite(s->sorted[s->raw.n - 1]));
}

static bool is_same(const struct side *a, const struct side *b)
{
    if (a->raw.n == b->raw.n && memcmp(a->sorted, b->sorted, a->raw.n * sizeof *a->sorted) == 0)
        return true;
    return a->constant && b->constant && a->sorted[0] == b->sorted[0];
}

static double ratio_of(const struct kayenta_result *r)
{
    double x = r->experiment.mean, y = r->control.mean;
    return x == 0 || y == 0 ? NAN : x / y;
}

/* Two constants. Kayenta adds random noise of a hundred-thousandth to each that is not 0, so that
 * its test has something to rank; this is what the noise averages to. Where there is nothing that
 * noise could tell apart, that is one pair of values, the test has no spread. */
static bool compare_constants(const struct side *x, const struct side *y, struct kayenta_result *r)
{
    double cx = x->sorted[0], cy = y->sorted[0];
    bool one_x = x->raw.n == 1 || cx == 0, one_y = y->raw.n == 1 || cy == 0;
    if (one_x && one_y && cx - (cx - cy) == cy)
        return false;
    r->lower = r->upper = r->estimate = cx - cy;
    r->effect = cx > cy ? 1 : 0;
    return true;
}

/* Fills lower, upper, estimate and effect. false: the test cannot be made. */
static bool compare(struct hd_arena *a, const struct kayenta_options *o, bool strict,
                    const struct side *x, const struct side *y, struct kayenta_result *r)
{
    if (x->constant && y->constant) {
        if (!compare_constants(x, y, r))
            return false;
    } else {
        struct ranks *w = ranks_new(a, x->sorted, x->raw.n, y->sorted, y->raw.n);
        double range = fmax(x->sorted[x->raw.n - 1], y->sorted[y->raw.n - 1]) -
                       fmin(x->sorted[0], y->sorted[0]);
        struct ranks_shift shift;
        if (!ranks_shift(w, o->confidence, strict ? REACH * fmin(1, range) : REACH, &shift))
            return false;
        r->lower = shift.lower;
        r->upper = shift.upper;
        r->estimate = shift.estimate;
        r->effect = o->cles ? ranks_cles(w) : NAN;
    }
    if (!o->cles)
        r->effect = strict && (r->experiment.mean <= 0 || r->control.mean <= 0) ? NAN : r->ratio;
    return true;
}

static bool at_least(double effect, double limit)
{
    return isnan(effect) || effect >= limit;
}
static bool at_most(double effect, double limit)
{
    return isnan(effect) || effect <= limit;
}

static void classify(const struct kayenta_options *o, struct kayenta_result *r)
{
    r->bound = o->tolerance * fabs(r->estimate);
    if (o->direction != KAYENTA_DECREASE && r->lower > r->bound &&
        at_least(r->effect, o->allowed_increase))
        r->label = KAYENTA_HIGH;
    else if (o->direction != KAYENTA_INCREASE && r->upper < -r->bound &&
             at_most(r->effect, o->allowed_decrease))
        r->label = KAYENTA_LOW;
    else
        return;
    r->critical =
        o->critical && (r->label == KAYENTA_HIGH ? at_least(r->effect, o->critical_increase)
                                                 : at_most(r->effect, o->critical_decrease));
    r->why = r->critical ? KAYENTA_WHY_CLASSIFIED_CRITICAL : KAYENTA_WHY_CLASSIFIED;
}

static void no_data(const struct kayenta_options *o, bool strict, struct kayenta_result *r)
{
    if (o->replace_nan && !strict)
        return;
    r->why = KAYENTA_WHY_MISSING_DATA;
    r->label = o->must_have_data && !o->critical ? KAYENTA_NODATA_FAIL : KAYENTA_NODATA;
    r->critical = o->critical;
}

static void cannot_judge(const struct kayenta_options *o, bool strict, struct kayenta_result *r)
{
    r->label = KAYENTA_ERROR;
    r->why = KAYENTA_WHY_FAILED;
    r->critical = strict && o->critical;
    r->ratio = NAN;
}

static enum hd_code check_options(const struct kayenta_options *o, struct hd_error *err)
{
    if (o->drop_outliers && !(o->outlier_factor > 0))
        return hd_fail(err, HD_INVALID, "outlierFactor must be above 0");
    if (!(o->confidence > 0 && o->confidence < 1))
        return hd_fail(err, HD_INVALID, "the confidence level must lie between 0 and 1");
    return HD_OK;
}

enum hd_code kayenta_judge(struct hd_arena *a, const struct kayenta_options *o, bool strict,
                           struct samples control, struct samples experiment,
                           struct kayenta_result *ret, struct hd_error *err)
{
    if (check_options(o, err))
        return err->code;
    struct side x = prepare(a, o, experiment), y = prepare(a, o, control);
    struct kayenta_result r = {
        .label = KAYENTA_PASS,
        .muted = o->muted,
        .ratio = 1,
        .lower = NAN,
        .upper = NAN,
        .estimate = NAN,
        .effect = NAN,
        .bound = NAN,
        .control = samples_stats(y.raw),
        .experiment = samples_stats(x.raw),
    };
    if (strict && !(is_finite(&x) && is_finite(&y))) {
        cannot_judge(o, strict, &r);
    } else if (!x.raw.n || !y.raw.n) {
        no_data(o, strict, &r);
    } else if (is_same(&x, &y)) {
        r.why = KAYENTA_WHY_IDENTICAL;
    } else {
        r.ratio = ratio_of(&r);
        if (!is_finite(&x) || !is_finite(&y)) /* no interval holds an infinity: Kayenta passes */
            ;
        else if (compare(a, o, strict, &x, &y, &r))
            classify(o, &r);
        else
            cannot_judge(o, strict, &r);
    }
    *ret = r;
    return HD_OK;
}
