/* SPDX-License-Identifier: Apache-2.0
 *
 * The provider contract: a source of metrics as a codec. It turns a question into requests and
 * answers into rows; it owns no socket, clock, retry or secret and keeps no state but the talk.
 */
#ifndef HALDANE_PROVIDER_H
#define HALDANE_PROVIDER_H

#include <haldane/option.h>
#include <haldane/wire.h>

/* One thing asked. Either `side` says whose it is, or the sides are told apart by a label whose
 * value matches one of the globs of a side. */
struct hd_probe {
    const char *query;      /* in the source's language, placeholders filled */
    int8_t side;            /* index of the colour; -1: told apart by side_label */
    const char *side_label; /* with side == -1 */
    const char *const *side_values[HD_SIDES_MAX]; /* NULL-terminated lists of globs; NULL: no such side */
    const char *key_label;  /* each value of this label is a row of its own ("le", "code"); NULL:
                               one row per series. How the answer is read, no part of what is asked:
                               one answer may be read with several */
    bool raw;               /* one row per series: with range_ms every sample of the window with
                               its own timestamp (for counting; the query is a plain selector),
                               without it the one value of the instant (start times of targets).
                               Not raw: one value per side, key and instant, and two series of
                               one side are the reason `several_series` */
    bool every_series;      /* with step_ms and not raw: one row per series all the same, and an
                               infinity among its points is the reason `infinite` of a row that
                               keeps the other points */
};

struct hd_question {
    const struct hd_probe *probe;
    size_t n;         /* <= batch_max; 0: only the source's clock is asked */
    int64_t at_ms;    /* the instant, on the source's clock; 0: the source's own now */
    int64_t range_ms; /* window that ends at at_ms; 0: the instant alone */
    int64_t step_ms;  /* with range_ms and not raw: one point per step */
    uint32_t series_max, answer_max; /* caps: rows, bytes */
};

/* Always finite; NaN and infinities are outcomes. */
struct hd_point {
    int64_t at_ms; /* the sample's own time, on the source's clock */
    double value;
};

/* Every probe gets at least one row per side it covers; where the source has nothing, that row has
 * an outcome other than OK and no points. */
struct hd_row {
    uint16_t probe;     /* index into hd_question.probe */
    uint8_t side;       /* index of the colour */
    uint8_t outcome;    /* enum hd_outcome */
    uint16_t reason;    /* enum hd_reason_number; 0: none */
    const char *key;    /* value of key_label, or NULL */
    const char *series; /* identity: the sorted labels as text; NULL where there is none */
    const char *target; /* what is scraped as one ("job\x1finstance"); NULL: unknown */
    const struct hd_point *point; /* oldest first */
    size_t n;
    const char *text;   /* the source's own words about it (a warning, an error), or NULL */
};

struct hd_rows {
    const struct hd_row *row;
    size_t n;
    int64_t source_now_ms; /* when the source said what time it is; else 0 */
};

struct hd_provider {
    const char *name, *summary;
    uint32_t cfg_size;
    uint32_t batch_max;     /* probes in one question: Prometheus 1, CloudWatch 500 */
    bool counts;            /* can deliver raw counter samples */
    bool io_is_evidence;    /* the codec is also handed exchanges with io != HD_IO_OK: that nobody
                               answers is what it measures. Else the core makes error rows of them */
    const struct hd_option *options;
    /* Where requests go; NULL for a provider that has no endpoint (exec). Without bases when each
     * request carries its own address (http). */
    const struct hd_endpoint *(*endpoint)(const void *cfg);
    /* Rules across options; NULL: none. The text names the option. */
    enum hd_code (*check)(const void *cfg, struct hd_error *err);
    /* What a check asks that has no query of its own: a template with {{service}} {{check}}
     * {{colour}}, filled once per side into hd_probe.query. NULL: a query must be given. */
    const char *(*default_query)(const void *cfg);
    /* The page on which people draw a query, without what it takes, which is what Prometheus' takes
     * (g0.expr ...). NULL: there is none. */
    const char *(*graph)(struct hd_arena *, const void *cfg);
    /* `text` as a literal of this query language, for filling templates; NULL: as it is. */
    const char *(*quote)(struct hd_arena *, const char *text);
    /* A conversation: called with everything said so far; asks more, or fills the rows. Fails with
     * HD_PARSE, HD_DENIED, HD_ABSENT, HD_BUSY only when no row can be made at all; the reason row
     * is then in *ret_reason. Everything that concerns one probe is a row with its outcome. */
    enum hd_code (*fetch)(struct hd_arena *, const void *cfg, const struct hd_question *,
                          const struct hd_talk *, struct hd_ask *ret_ask, struct hd_rows *ret_rows,
                          uint16_t *ret_reason, struct hd_error *err);
};

/* Ends with NULL; generated by the build from one list of names. */
extern const struct hd_provider *const hd_providers[];
const struct hd_provider *hd_provider_find(const char *name);

#endif
