/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the webhook actuator share: its options, and how a template is filled.
 * webhook.c holds the options and says what a reply means, read.c makes a reading from an answer,
 * write.c the requests that change it.
 */
#ifndef ACTUATORS_WEBHOOK_H
#define ACTUATORS_WEBHOOK_H

#include <haldane/actuator.h>
#include <haldane/endpoint.h>

#include "base/fill.h"
#include "json/json.h"

#define FILLED_MAX (64u << 10) /* one filled path, header or body */
#define VALUE_MAX 1000         /* bytes of a value or version: they go into templates */

enum as { AS_JSON, AS_FORM, AS_TEXT };

struct webhook_write {
    int32_t method, as;
    const char *path, *body;
    const struct hd_pair *headers;
    uint32_t n_headers;
};

struct webhook_read {
    const char *path, *value, *version, *ready, *wanted;
};

struct webhook_cfg {
    struct hd_endpoint at;
    struct webhook_read read;
    const struct webhook_write *write;
    uint32_t n_write;
    int32_t kind; /* 0 set, 1 once */
};

struct webhook_side {
    const char *value;
};

/* The words of `method`, also what is sent. */
extern const char *const webhook_methods[];

/* The value that gives this colour everything. */
const char *webhook_side_value(const struct hd_site *, size_t side);
enum hd_code webhook_fill(struct hd_arena *, const char *text, const struct hd_pair *, size_t n,
                          fill_escape_fn *, const char **ret, struct hd_error *err);
/* The same failure under the code that fits where we stand: a path that leads nowhere is an answer
 * of another shape, and a body that is no JSON a mistake in the config. */
enum hd_code webhook_recode(enum hd_code, enum hd_code from, enum hd_code to, struct hd_error *err);
/* Value of the header with this lower-case name, or NULL. */
const char *webhook_header(const struct hd_response *, const char *name);

/* "$.colours.{{colour}}.ready" for one colour. */
enum hd_code webhook_colour_path(struct hd_arena *, const char *path, const char *colour,
                                 const char **ret, struct hd_error *err);
const struct hd_request *webhook_ask(struct hd_arena *, const struct webhook_cfg *);
/* What the talk's last answer says. Errors as hd_actuator.observe. */
enum hd_code webhook_read(struct hd_arena *, const struct hd_site *, const struct hd_talk *,
                          struct hd_live *ret, struct hd_error *err);

/* The i-th write that leads from a reading to a goal. `version`: of the reading, or NULL. */
enum hd_code webhook_write(struct hd_arena *, const struct hd_site *, uint32_t i, const char *from,
                           const char *version, const struct hd_goal *,
                           const struct hd_request **ret, struct hd_error *err);
/* The same by curl, behind what `to` holds. */
void webhook_native(struct buf *to, const struct hd_request *);

#endif
