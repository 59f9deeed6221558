/* SPDX-License-Identifier: Apache-2.0
 *
 * See reply.h. The receiver's words go into the error text, cleaned and cut.
 */
#include "notifiers/reply.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define WORDS_MAX 200
#define RETRY_MAX_S 3600 /* a message is retried for a day; nobody may delay it by more than this  \
                          */

static int32_t retry_after_ms(const struct hd_response *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        int64_t s;
        if (str_is(r->headers[i].name, "retry-after") && str_read_i64(r->headers[i].value, &s) &&
            s >= 0)
            return (int32_t)(s < RETRY_MAX_S ? s : RETRY_MAX_S) * 1000;
    }
    return 0;
}

enum hd_code notifiers_reply(struct hd_arena *a, const struct hd_exchange *x, int32_t *ret_retry_ms,
                             struct hd_error *err)
{
    const struct hd_response *r = x->response;
    if (r->status >= 200 && r->status < 300)
        return HD_OK;
    char *words = arena_text_n(a, r->body.at, r->body.len < WORDS_MAX ? r->body.len : WORDS_MAX);
    words[strcspn(words, "\r\n")] = '\0';
    str_clean(words, WORDS_MAX);
    bool later = r->status == 408 || r->status == 429 || r->status >= 500;
    if (later)
        *ret_retry_ms = retry_after_ms(r);
    return hd_fail(err, later ? HD_BUSY : HD_INVALID, "HTTP %d%s%s", r->status, *words ? ": " : "",
                   words);
}
