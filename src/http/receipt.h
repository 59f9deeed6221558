/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard as a receipt: everything its verdict was made of, in a file that proves itself. JSON, one
 * part to a line; each line but the first names the SHA-256 of the line before (without its comma),
 * and the last line of the file that of the last part, so that nothing can be changed, dropped or
 * added without it showing:
 *
 *   {"format":"haldane-receipt-1","parts":[
 *   {"prev":"","guard":{...}},
 *   {"prev":"3f2c...","policy":"..."},
 *   ...
 *   ],"hash":"9b1e..."}
 *
 * `haldane replay FILE` reads it again, offline, and judges anew.
 */
#ifndef HTTP_RECEIPT_H
#define HTTP_RECEIPT_H

#include "http/view.h"

#define RECEIPT_FORMAT "haldane-receipt-1"

/* 64 hex digits and a NUL; made by the caller's library. */
typedef void receipt_digest(struct hd_span, char out[65]);

/* HD_LIMIT: larger than HD_REPLY_BYTES_MAX. */
enum hd_code receipt_write(struct buf *, const struct guard_view *, const struct engine_input *,
                           size_t n_inputs, receipt_digest *, struct hd_error *err);

#endif
