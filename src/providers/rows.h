/* SPDX-License-Identifier: Apache-2.0
 *
 * What every provider needs to make rows: foreign text made safe, and the one-row answer of a probe
 * that is asked per side.
 */
#ifndef PROVIDERS_ROWS_H
#define PROVIDERS_ROWS_H

#include <haldane/provider.h>

/* Foreign text as one harmless line of at most HD_TEXT_MAX bytes; NULL stays NULL. */
const char *rows_text(struct hd_arena *, const char *text);
/* The same of the start of a body. "" for an empty one. */
const char *rows_excerpt(struct hd_arena *, struct hd_span body);
/* Value of the header with this lower-case name, or NULL. */
const char *rows_header(const struct hd_response *, const char *name);
/* By its content type or its first character. */
bool rows_is_html(const struct hd_response *);

/* What one answer says about one side. */
struct finding {
    enum hd_outcome outcome;
    enum hd_reason_number reason; /* with OK: what stands behind the value; 0: nothing to say */
    double value;                 /* with OK */
    const char *text;             /* foreign words; NULL: none */
};

/* The one row of a probe that is asked per side. `at_ms`: of the value. */
struct hd_rows rows_one(struct hd_arena *, uint8_t side, struct finding, int64_t at_ms);

/* A provider of one value per side, as it is now. */
struct per_side {
    const char *no_label;   /* why it cannot be asked by a label */
    const char *no_history; /* why it knows no past */
    enum hd_code (*ask)(struct hd_arena *, const void *cfg, const struct hd_question *,
                        struct hd_ask *ret, struct hd_error *);
    struct finding (*judge)(struct hd_arena *, const void *cfg, const struct hd_response *);
};
/* What its fetch does. */
enum hd_code rows_per_side(struct hd_arena *, const struct per_side *, const void *cfg,
                           const struct hd_question *, const struct hd_talk *,
                           struct hd_ask *ret_ask, struct hd_rows *ret_rows, struct hd_error *);

#endif
