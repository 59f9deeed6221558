/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration as text, checked as `haldane check -` would, for the HTTP face.
 */
#ifndef CLI_CHECKED_H
#define CLI_CHECKED_H

#include "config/config.h"
#include "http/http.h"

http_check checked_text;
/* The same list, in the arena; texts are borrowed. */
void checked_copy(struct hd_arena *, const struct config_mistakes *, struct http_checked *ret);

#endif
