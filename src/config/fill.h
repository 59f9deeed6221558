/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the query of one check, ready to send: fills templates, tells the sides apart, quotes what
 * people wrote so that it cannot break out of its place. Called by build.c.
 */
#ifndef CONFIG_FILL_H
#define CONFIG_FILL_H

#include "config/library.h"

#include <haldane/provider.h>

#define FILL_LABEL "version" /* of a service and a shape that say none */

/* What a check is filled from. */
struct fill {
    struct hd_arena *a;
    const struct raw_service *service; /* colours with their labels */
    const struct raw_check *check;
    const struct hd_provider *provider;
    const void *cfg; /* of the provider */
};

/* From the library. HD_INVALID; the text says what is wrong with the check. */
enum hd_code fill_library(const struct fill *, const struct library_query *,
                          struct raw_query *ret, struct hd_error *err);
/* From the user's own text, or, when it is NULL, from the provider's own. HD_ABSENT: that one is
 * missing, because an option of the provider is. */
enum hd_code fill_free(const struct fill *, const char *text, struct raw_query *ret,
                       struct hd_error *err);

/* The names of a colour's servers, as its actuator is told; no list: its name, or its name with
 * digits. */
struct raw_globs fill_servers(struct hd_arena *, const struct raw_service *, uint32_t colour);
/* Left open in the texts of a check whose bound the past picks. */
#define FILL_LE "{{le}}"
/* Puts bounds in there; n = 0: every bucket. NULL stays NULL. */
const char *fill_bounds(const struct fill *, const char *text, const double *bound, size_t n);
/* Name of a metric or a label. */
bool fill_is_identifier(const char *text);

#endif
