/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge of Kayenta (NetflixACAJudge-v1.0): two lists of values per metric in, a label per
 * metric, a score per group and one score out. Pure; scratch memory is an arena of the caller.
 * "Strict" closes what the original leaves open; kayenta.md has the table of differences.
 */
#ifndef ENGINE_KAYENTA_H
#define ENGINE_KAYENTA_H

#include <haldane/types.h>

#include "engine/samples.h"

#define KAYENTA_GROUPS_MAX 64 /* a bit each */

/* K(name, word): words are those of Kayenta's API. */
#define KAYENTA_LABELS(K)                                                                          \
    K(PASS, "Pass")                                                                                \
    K(HIGH, "High")                                                                                \
    K(LOW, "Low")                                                                                  \
    K(NODATA, "Nodata")                                                                            \
    K(NODATA_FAIL, "NodataFailMetric")                                                             \
    K(ERROR, "Error")
enum kayenta_label {
#define K(name, word) KAYENTA_##name,
    KAYENTA_LABELS(K)
#undef K
};

/* Why a metric has its label, or a score its value. */
#define KAYENTA_WHYS(K)                                                                            \
    K(NONE, "")                                                                                    \
    K(CLASSIFIED, "classified")                                                                    \
    K(CLASSIFIED_CRITICAL, "classified-critical")                                                  \
    K(IDENTICAL, "identical")                                                                      \
    K(MISSING_DATA, "missing-data")                                                                \
    K(FAILED, "error")                                                                             \
    K(CRITICAL_FAILURE, "critical-failure")                                                        \
    K(TOO_MANY_NODATA, "too-many-nodata")
enum kayenta_why {
#define K(name, word) KAYENTA_WHY_##name,
    KAYENTA_WHYS(K)
#undef K
};

enum kayenta_grade { KAYENTA_GRADE_PASS, KAYENTA_GRADE_MARGINAL, KAYENTA_GRADE_FAIL };

const char *kayenta_label_word(int);
const char *kayenta_why_word(int);
const char *kayenta_grade_word(int); /* "Pass" "Marginal" "Fail" */

enum kayenta_direction { KAYENTA_EITHER, KAYENTA_INCREASE, KAYENTA_DECREASE };

struct kayenta_options {
    uint8_t direction; /* enum kayenta_direction */
    bool replace_nan;  /* NaN becomes 0; else it is taken out */
    bool critical, must_have_data;
    bool muted; /* judged and shown, never scored */
    bool cles;  /* effect size by P(x > y); else by the ratio of the means */
    bool drop_outliers;
    double outlier_factor;                       /* > 0 */
    double allowed_increase, allowed_decrease;   /* High, Low only from this effect size on */
    double critical_increase, critical_decrease; /* critical only from this one on */
    double tolerance, confidence;
};
struct kayenta_options kayenta_options_default(bool cles);

struct kayenta_result {
    uint8_t label; /* enum kayenta_label */
    uint8_t why;   /* enum kayenta_why */
    bool critical; /* a failure of this metric alone decides */
    bool muted;
    uint64_t groups; /* bit i: group i of the classifier */
    double ratio;    /* of the means; 1 where nothing was compared; NaN: a mean is 0, or an error */
    double lower, upper, estimate, effect; /* of experiment - control; NaN: not compared */
    double bound;                          /* lower must be above it, or upper under its negative */
    struct samples_stats control, experiment; /* after NaN and outliers */
};

/* One metric. Fills everything but groups. HD_INVALID: options that no value can meet. */
enum hd_code kayenta_judge(struct hd_arena *scratch, const struct kayenta_options *, bool strict,
                           struct samples control, struct samples experiment,
                           struct kayenta_result *ret, struct hd_error *err);

/* Percent of the whole score; NaN: shares with the other groups without a weight what the weighted
 * ones leave. */
struct kayenta_weights {
    double of[KAYENTA_GROUPS_MAX];
    size_t n;
};

struct kayenta_score {
    double score;  /* 0..100, two decimals */
    uint8_t grade; /* enum kayenta_grade */
    uint8_t why; /* enum kayenta_why: what set the score to 0; NONE: it is the sum of the groups */
    size_t by;   /* CRITICAL_FAILURE: index of the metric */
    struct kayenta_group {
        bool present; /* a metric that is not muted belongs to it */
        bool judged;  /* at least one of them has data */
        double score;
    } group[KAYENTA_GROUPS_MAX];
};

void kayenta_score(const struct kayenta_result *, size_t n, const struct kayenta_weights *,
                   bool strict, double pass, double marginal, struct kayenta_score *ret);

#endif
