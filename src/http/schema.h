/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of the API's answers, for its description.
 */
#ifndef HTTP_SCHEMA_H
#define HTTP_SCHEMA_H

#include "json/json.h"

/* A property `key` with the schema of a word: text int number bool time any, @Schema, =enum;
 * [..] a list; a trailing ? also null. */
void schema_put(struct json_out *, const char *key, const char *type);
/* "schemas", all of them. */
void schema_put_all(struct json_out *);

#endif
