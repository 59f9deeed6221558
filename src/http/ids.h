/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids of guards as people type them: in small letters, or only the beginning.
 */
#ifndef HTTP_IDS_H
#define HTTP_IDS_H

#include "http/call.h"

/* Does this route's address name a guard? */
bool ids_asked(const struct call *);
/* A word as an id: whole ones in capitals, or the one guard whose id begins so. HD_ABSENT: there is none;
 * HD_CONFLICT: several, which the text names. Without a store (NULL) only whole ones are known. */
enum hd_code ids_find(struct store *, struct hd_arena *, const char *word, const char **ret, struct hd_error *err);

#endif
