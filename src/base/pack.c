/* SPDX-License-Identifier: Apache-2.0
 *
 * See pack.h. Pure; knows nothing of what is packed. Called by the engine's memory and the store's
 * evidence.
 */
#include "base/pack.h"

#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

enum pack_form pack_form(double v)
{
    if (bits_of(v) == 0)
        return PACK_ZERO;
    if (bits_of(v) == bits_of((double)NAN))
        return PACK_NAN;
    return v > 0 && v <= WHOLE_MAX && floor(v) == v ? PACK_WHOLE : PACK_RAW;
}

void pack_varint(struct buf *to, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (char)(v | 0x80);
    bytes[n++] = (char)v;
    buf_add(to, bytes, n);
}

void pack_signed(struct buf *to, int64_t v)
{
    pack_varint(to, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void pack_raw(struct buf *to, uint64_t v)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(v >> (8 * i));
    buf_add(to, bytes, sizeof bytes);
}

void pack_double(struct buf *to, double v)
{
    enum pack_form form = pack_form(v);
    if (form == PACK_WHOLE)
        pack_varint(to, (uint64_t)v);
    else if (form == PACK_RAW)
        pack_raw(to, bits_of(v));
}

uint8_t unpack_byte(struct unpack *in)
{
    if (in->at == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->at++;
}

uint64_t unpack_varint(struct unpack *in, uint64_t max)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = unpack_byte(in);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            in->bad |= v > max;
            return in->bad ? 0 : v;
        }
    }
    in->bad = true;
    return 0;
}

int64_t unpack_signed(struct unpack *in)
{
    uint64_t v = unpack_varint(in, UINT64_MAX);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

uint64_t unpack_raw(struct unpack *in)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)unpack_byte(in) << (8 * i);
    return in->bad ? 0 : v;
}

double unpack_double(struct unpack *in, unsigned form)
{
    uint64_t bits;
    double v;
    switch (form & 3) {
    case PACK_WHOLE:
        return (double)unpack_varint(in, (uint64_t)WHOLE_MAX);
    case PACK_NAN:
        return NAN;
    case PACK_RAW:
        bits = unpack_raw(in);
        memcpy(&v, &bits, sizeof v);
        return v;
    default:
        return 0.0;
    }
}
