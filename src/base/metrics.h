/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of atomics: the only memory the two threads share. The loop's thread adds series and
 * changes values; any thread may print. A series is never removed, its number is capped.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

struct metric;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* The series `name{labels}`, made at the first call; name, type and help must be literals, `labels`
 * is a printed label list without braces ("" for none). Beyond HD_METRICS_MAX every new one is the
 * same overflow series. Loop's thread only. */
struct metric *metric_get(const char *name, enum metric_type, const char *help, const char *labels);
bool metrics_full(void); /* did one not fit? Loop's thread only */
void metric_add(struct metric *, double more);
void metric_set(struct metric *, double value);
double metric_value(const struct metric *);
/* What the series has, from any thread; NaN: there is none yet. */
double metric_read(const char *name, const char *labels);
/* Written by pipeline/question.c, read by the pages too. */
#define METRIC_SOURCE_TOOK "haldane_source_answer_seconds"
#define METRIC_SOURCE_AT "haldane_source_last_answer_timestamp_seconds"
/* A label value with quotes, backslashes and newlines escaped, appended to `to`. */
void metric_label(struct buf *to, const char *name, const char *value);
/* Prometheus text 0.0.4, or OpenMetrics 1.0.0. */
void metrics_print(struct buf *, bool openmetrics);

#endif
