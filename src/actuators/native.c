/* SPDX-License-Identifier: Apache-2.0
 *
 * See native.h. Decides only how a text becomes one word of a POSIX shell; runs nothing.
 */
#include "actuators/native.h"

#include <string.h>

#define HARMLESS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

void native_word(struct buf *to, const char *text)
{
    size_t len = strlen(text);
    if (len > 0 && strspn(text, HARMLESS) == len) {
        buf_add(to, text, len);
        return;
    }
    buf_byte(to, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_text(to, "'\\''");
        else
            buf_byte(to, *text);
    }
    buf_byte(to, '\'');
}
