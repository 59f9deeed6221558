/* SPDX-License-Identifier: Apache-2.0
 *
 * See fill.h.
 */
#include "base/fill.h"

#include <ctype.h>
#include <string.h>

void fill_plain(struct buf *to, const char *value)
{
    for (; *value; value++)
        buf_byte(to, iscntrl((unsigned char)*value) ? ' ' : *value);
}

void fill_url(struct buf *to, const char *value)
{
    static const char digit[] = "0123456789ABCDEF";
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
            buf_byte(to, *value);
        else
            buf_add(to, (char[]){'%', digit[c >> 4], digit[c & 15]}, 3);
    }
}

static enum hd_code fail_name(const char *name, size_t len, const struct hd_pair *values, size_t n,
                              struct hd_error *err)
{
    BUF_AUTO known = BUF_INIT(HD_TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        buf_print(&known, "%s%s", i ? ", " : "", values[i].name);
    return hd_fail(err, HD_INVALID, "{{%.*s}} is not known here; there are: %s",
                   (int)(len < HD_NAME_MAX ? len : HD_NAME_MAX), name, buf_at(&known));
}

enum hd_code fill(struct buf *to, const char *text, const struct hd_pair *values, size_t n,
                  fill_escape_fn *escape, struct hd_error *err)
{
    for (const char *open; (open = strstr(text, "{{"));) {
        const char *name = open + 2, *close = strstr(name, "}}");
        if (!close)
            return hd_fail(err, HD_INVALID, "'{{' without '}}'");
        buf_add(to, text, (size_t)(open - text));
        text = close + 2;
        while (name < close && *name == ' ')
            name++;
        while (name < close && close[-1] == ' ')
            close--;
        size_t i = 0, len = (size_t)(close - name);
        while (i < n && (strlen(values[i].name) != len || memcmp(values[i].name, name, len) != 0))
            i++;
        if (i == n)
            return fail_name(name, len, values, n, err);
        if (values[i].value)
            escape(to, values[i].value);
    }
    buf_text(to, text);
    if (to->full)
        return hd_fail(err, HD_LIMIT, "the filled text is longer than %zu bytes", to->max);
    return HD_OK;
}
