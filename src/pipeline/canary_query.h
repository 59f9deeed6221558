/* SPDX-License-Identifier: Apache-2.0
 *
 * What a canary config asks a Prometheus: an execution request (which side is found where, and
 * when) and a metric's query become PromQL; the answers of both sides become pairs of values. Pure.
 */
#ifndef PIPELINE_CANARY_QUERY_H
#define PIPELINE_CANARY_QUERY_H

#include <haldane/provider.h>

#include "pipeline/canary.h"

#define CANARY_SCOPES_MAX 32

/* One side of a scope. */
struct canary_where {
    const struct json *from; /* location, project, extendedScopeParams ... */
    const char *scope;
    int64_t start_ms, end_ms, step_ms;
};

struct canary_request {
    size_t n;
    struct {
        const char *name;
        struct canary_where control, experiment;
    } scope[CANARY_SCOPES_MAX];
    double pass, marginal; /* NaN: not given */
};

/* {scopes: {NAME: {controlScope, experimentScope}}, thresholds: {pass, marginal}}: the body of
 * Kayenta's execution request. */
enum hd_code canary_read_request(const struct json *, struct canary_request *ret,
                                 struct hd_error *err);

/* The metric's query for one side. HD_INVALID: no scope of its name, a query for another kind of
 * source, an undefined variable of a template. */
enum hd_code canary_query(struct hd_arena *, const struct canary *, const struct canary_metric *,
                          const struct canary_where *, const char **ret, struct hd_error *err);

/* The rows of both sides of one metric, paired by equal labels. Appends to pair[*n], which has room
 * for `max`. HD_INVALID: rows that cannot be paired; HD_BUSY: an answer that is not whole. */
struct canary_side {
    const struct canary_where *where;
    struct hd_rows rows;
};
enum hd_code canary_pair_rows(struct hd_arena *, const char *name,
                              const struct canary_side *control,
                              const struct canary_side *experiment, struct canary_pair *pair,
                              size_t max, size_t *n, struct hd_error *err);

#endif
