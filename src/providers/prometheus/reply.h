/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads answers of the Prometheus query API; see reply.c.
 */
#ifndef PROVIDERS_PROMETHEUS_REPLY_H
#define PROVIDERS_PROMETHEUS_REPLY_H

#include <haldane/provider.h>

#include "base/buf.h"

struct prometheus_reply {
    const struct hd_question *question;
    bool clock; /* the answer to time(): only source_now_ms is filled */
    bool accept_warnings;
};

/* Texts and points live in the arena. Fails as hd_provider.fetch does. */
enum hd_code prometheus_read(struct hd_arena *, const struct prometheus_reply *,
                             const struct hd_response *, struct hd_rows *ret, uint16_t *ret_reason,
                             struct hd_error *err);

/* The same without the quick reader: what it must agree with (tests). */
enum hd_code prometheus_read_tree(struct hd_arena *, const struct prometheus_reply *,
                                  const struct hd_response *, struct hd_rows *ret,
                                  uint16_t *ret_reason, struct hd_error *err);

/* A PromQL string literal in double quotes. */
void prometheus_quote_into(struct buf *, const char *text);

#endif
