/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies as gzip: a page's first load should fit the first round trip of a slow line.
 */
#ifndef HTTP_PACK_H
#define HTTP_PACK_H

#include "base/buf.h"

#define PACK_MIN 1000u        /* below, the frame of gzip eats the gain */
#define PACK_MAX (1u << 20)   /* 10 ms of the face's thread; only /metrics and evidence are larger */

/* "gzip, br;q=1" takes gzip; "gzip;q=0" and NULL do not. */
bool pack_taken(const char *accept_encoding);
/* Replaces the body by its gzip form; false: it stays as it is. `secret` (NULL: none) is stored
 * beside what is compressed and never within: a length that depends on both a secret and a text of
 * a stranger's choice would give the secret away (BREACH). */
bool pack_gzip(struct buf *body, const char *secret);

#endif
