/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills struct hd_error; see haldane/error.h.
 */
#include <haldane/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum hd_code hd_error_set(struct hd_error *err, enum hd_code code, const char *file, int line,
                          const char *format, ...)
{
    if (!err)
        return code;
    err->code = code;
    err->file = file;
    err->line = line;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    str_clean(err->text, sizeof err->text - 1);
    return code;
}

enum hd_code hd_error_add(struct hd_error *err, const char *format, ...)
{
    if (!err)
        return HD_IO;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t at = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    for (const char *p = ": "; *p && at + 1 < sizeof text; p++)
        text[at++] = *p;
    for (const char *p = err->text; *p && at + 1 < sizeof text; p++)
        text[at++] = *p;
    text[at] = '\0';
    str_clean(text, sizeof text - 1); /* a character cut in two becomes '?' */
    memcpy(err->text, text, strlen(text) + 1);
    return err->code;
}

const char *hd_code_word(enum hd_code code)
{
    static const char *const word[] = {"ok",       "invalid", "parse", "denied",  "absent",
                                       "busy",     "limit",   "timeout", "conflict", "full",
                                       "corrupt",  "version", "io",    "nomem"};
    return (size_t)code < sizeof word / sizeof *word ? word[code] : "?";
}
