/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as few bytes, exact: what is written with every poll. Whole numbers seven bits a byte, low
 * ones first, the eighth bit: more follow. A double is a form of two bits, which the caller keeps,
 * and the bytes of that form: every bit of it comes back.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Nothing: +0.0 · whole: a varint · NaN: the usual one, no byte · raw: eight bytes. */
enum pack_form { PACK_ZERO, PACK_WHOLE, PACK_NAN, PACK_RAW };

void pack_varint(struct buf *, uint64_t);
void pack_signed(struct buf *, int64_t); /* small ones of either sign are short */
void pack_raw(struct buf *, uint64_t);   /* eight bytes, little-endian */
enum pack_form pack_form(double);
void pack_double(struct buf *, double);  /* without its form */

/* What is left to read; `bad` stays set once anything did not fit, and all further values are 0. */
struct unpack {
    const unsigned char *at, *end;
    bool bad;
};
uint8_t unpack_byte(struct unpack *);
uint64_t unpack_varint(struct unpack *, uint64_t max);
int64_t unpack_signed(struct unpack *);
uint64_t unpack_raw(struct unpack *);
double unpack_double(struct unpack *, unsigned form); /* its two low bits count */

#endif
