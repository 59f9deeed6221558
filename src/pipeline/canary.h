/* SPDX-License-Identifier: Apache-2.0
 *
 * Canary configs in Kayenta's JSON: reading them and the metric values beside them, judging the
 * whole, writing the result as Kayenta's CanaryJudgeResult with our figures added. No I/O; the
 * arithmetic is engine/kayenta.h.
 */
#ifndef PIPELINE_CANARY_H
#define PIPELINE_CANARY_H

#include "engine/kayenta.h"
#include "json/json.h"

#define CANARY_METRICS_MAX 1000 /* in one config; a pair of value lists counts as one too */

struct canary_metric {
    const char *name;
    struct kayenta_options options;
    uint64_t groups;          /* bit i: canary.group[i] */
    const char *scope;        /* scopeName; "default" where the config has none */
    const struct json *query; /* as it is written; NULL: none */
};

/* One canary config. Texts and `query` live in the document it was read from. */
struct canary {
    const char *name; /* "" where it has none */
    bool strict;      /* false: everything as upstream does it, its holes included */
    const struct canary_metric *metric;
    size_t n;
    const char *group[KAYENTA_GROUPS_MAX];
    struct kayenta_weights weights;
    const struct json *templates; /* NULL: none */
    double pass, marginal;        /* classifier.scoreThresholds; NaN: none */
};

/* Values of one metric (of one combination of tags) on both sides. */
struct canary_pair {
    const char *name, *id; /* id: "" where there is none */
    const struct json *tags;
    struct samples control, experiment;
};

struct canary_report {
    struct kayenta_result *result; /* one per pair, in their order */
    size_t *metric;                /* index of its metric in the config */
    size_t n;
    struct kayenta_score score;
};

/* Fails with HD_PARSE or HD_INVALID, naming the field, where upstream would abort the judgement;
 * strict refuses more: wrong types anywhere, weights that are negative or over 100 in all. */
enum hd_code canary_read(struct hd_arena *, const struct json *, bool strict, struct canary *ret,
                         struct hd_error *err);
/* [{name, id?, tags?, values: {control: [...], experiment: [...]}}, ...]; numbers, "NaN",
 * "Infinity", "-Infinity"; strict takes null as NaN. */
enum hd_code canary_read_pairs(struct hd_arena *, const struct json *, bool strict,
                               struct canary_pair **ret, size_t *ret_n, struct hd_error *err);
/* The index of a group; new names are added. HD_LIMIT. */
enum hd_code canary_group_of(struct canary *, const char *name, size_t *ret, struct hd_error *err);
/* One list of values, as in a pair. */
enum hd_code canary_read_values(struct hd_arena *, const struct json *, const char *path,
                                bool strict, struct samples *ret, struct hd_error *err);

/* Judges every pair by the metric of its name; HD_INVALID: a pair that the config does not know. */
enum hd_code canary_judge(struct hd_arena *, const struct canary *, const struct canary_pair *,
                          size_t n, double pass, double marginal, struct canary_report *ret,
                          struct hd_error *err);

/* Why this result has its label, why the score is what it is; in words, "" for nothing to say. */
const char *canary_say(struct hd_arena *, const struct kayenta_result *);
const char *canary_say_score(struct hd_arena *, const struct canary *,
                             const struct canary_report *);

void canary_put(struct json_out *, const char *key, const struct canary *,
                const struct canary_pair *, const struct canary_report *);

#endif
