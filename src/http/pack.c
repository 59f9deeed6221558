/* SPDX-License-Identifier: Apache-2.0
 *
 * See pack.h. Called by server.c for every text it sends.
 */
#include "http/pack.h"

#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/str.h"

#define LEVEL 6
#define GZIP 31 /* window bits of zlib, plus 16: with gzip's frame */

bool pack_taken(const char *accept)
{
    for (const char *at = accept; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        at += strspn(at, " \t");
        size_t n = strcspn(at, ",; \t");
        if (n != 4 || strncasecmp(at, "gzip", 4) != 0)
            continue;
        const char *q = at + n + strspn(at + n, " \t;");
        bool none = (*q == 'q' || *q == 'Q') && q[1] == '=' && q[2] == '0' &&
                    !q[3 + strspn(q + 3, ".0 \t")]; /* "q=0", "q=0.000" */
        return !none;
    }
    return false;
}

/* Everything of `text` with this level; the window is emptied behind it. */
static bool put(z_stream *z, struct buf *to, struct hd_span text, int level, int flush)
{
    unsigned char out[16384];
    z->next_in = NULL;
    z->avail_in = 0;
    z->next_out = out;
    z->avail_out = sizeof out;
    int code = deflateParams(z, level, Z_DEFAULT_STRATEGY); /* nothing is pending: all was flushed */
    z->next_in = (const unsigned char *)text.at;
    z->avail_in = (unsigned)text.len;
    while (code == Z_OK) {
        code = deflate(z, flush);
        buf_add(to, out, sizeof out - z->avail_out);
        bool more = z->avail_out == 0;
        z->next_out = out;
        z->avail_out = sizeof out;
        if (!more)
            break;
    }
    return code == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) && !to->full;
}

bool pack_gzip(struct buf *body, const char *secret)
{
    z_stream z = {0};
    size_t n = secret ? strlen(secret) : 0;
    if (body->len < PACK_MIN || body->len > PACK_MAX ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    struct buf out = BUF_INIT(PACK_MAX + PACK_MIN);
    const char *at = body->at, *end = body->at + body->len, *hit;
    bool good = true;
    while (good && n && (hit = memmem(at, (size_t)(end - at), secret, n))) {
        good = put(&z, &out, (struct hd_span){at, (size_t)(hit - at)}, LEVEL, Z_FULL_FLUSH) &&
               put(&z, &out, (struct hd_span){hit, n}, Z_NO_COMPRESSION, Z_FULL_FLUSH);
        at = hit + n;
    }
    good = good && put(&z, &out, (struct hd_span){at, (size_t)(end - at)}, LEVEL, Z_FINISH);
    (void)deflateEnd(&z);
    if (!good || out.len >= body->len) {
        buf_clear(&out);
        return false;
    }
    buf_clear(body);
    *body = out;
    return true;
}
