/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates of a user: "{{name}}" becomes the value of that name, escaped for where it stands.
 */
#ifndef BASE_FILL_H
#define BASE_FILL_H

#include <haldane/wire.h>

#include "base/buf.h"

/* Appends the value so that it cannot end the text around it. */
typedef void fill_escape_fn(struct buf *, const char *value);
void fill_plain(struct buf *, const char *value); /* control characters become blanks */
void fill_url(struct buf *, const char *value);   /* all but RFC 3986 "unreserved" as %XX */

/* Appends `text` with its placeholders filled; blanks inside the braces are allowed. A value NULL
 * is empty. HD_INVALID: an unknown name (the text lists the known ones), or braces that do not
 * close; HD_LIMIT: `to` is full. */
enum hd_code fill(struct buf *to, const char *text, const struct hd_pair *values, size_t n,
                  fill_escape_fn *, struct hd_error *err);

#endif
