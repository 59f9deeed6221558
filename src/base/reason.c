/* SPDX-License-Identifier: Apache-2.0
 *
 * See reason.h. The sentences are rows of haldane/reason.def; this file fills their braces.
 */
#include "base/reason.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct row {
    int number;
    const char *slug;
    enum hd_severity severity;
    const char *sentence;
} rows[] = {
#define REASON(number, name, slug, severity, sentence) {number, slug, HD_SEVERITY_##severity, sentence},
#include <haldane/reason.def>
#undef REASON
};

static const struct row *row_of(int number)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].number == number)
            return &rows[i];
    }
    return NULL;
}

const char *reason_slug(int number)
{
    const struct row *r = row_of(number);
    return r ? r->slug : "?";
}

enum hd_severity reason_severity(int number)
{
    const struct row *r = row_of(number);
    return r ? r->severity : HD_SEVERITY_WARN;
}

void reason_count(struct buf *b, double n)
{
    char digits[32];
    if (!isfinite(n)) {
        buf_text(b, "?");
        return;
    }
    int len = snprintf(digits, sizeof digits, "%.0f", n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
            buf_byte(b, ',');
        buf_byte(b, digits[i]);
    }
}

/* Three significant digits and `more`, no exponent for what people meet. */
static void number_out(struct buf *b, double v, int more)
{
    double size = fabs(v);
    if (size >= 1000 && size < 1e15 && !more)
        reason_count(b, v);
    else if (size >= 1000 && size < 1e15)
        buf_print(b, "%.*f", more, v);
    else if (size != 0 && (size < 1e-4 || size >= 1e15))
        buf_print(b, "%.*e", 2 + more, v);
    else
        buf_print(b, "%.*g", 3 + more, v);
}

/* Near the whole, what is missing counts: 99.95 % is not 100 %. */
static void percent_out(struct buf *b, double percent, int more)
{
    char text[40];
    double missing = 100 - percent;
    if (!(missing > 5e-7 && missing < 10)) {
        buf_print(b, "%.*g%%", percent != 0 && fabs(percent) < 0.01 ? 2 + more : 3 + more, percent);
        return;
    }
    int n = snprintf(text, sizeof text, "%.*f", 1 - (int)floor(log10(missing)) + more, percent);
    while (n > 0 && text[n - 1] == '0')
        n--;
    buf_print(b, "%.*s%%", text[n - 1] == '.' ? n - 1 : n, text);
}

static void value_out(struct buf *b, double v, const char *unit, int more)
{
    if (!isfinite(v)) {
        buf_text(b, "no value");
    } else if (str_is(unit, "share")) {
        percent_out(b, v * 100, more);
    } else if (str_is(unit, "s")) {
        buf_print(b, fabs(v) < 1 ? "%.*g ms" : "%.*g s", 3 + more, fabs(v) < 1 ? v * 1000 : v);
    } else {
        number_out(b, v, more);
        if (unit && *unit) {
            if (unit[0] != '/' && !str_begins(unit, "1/"))
                buf_byte(b, ' ');
            buf_text(b, str_begins(unit, "1/") ? unit + 1 : unit);
        }
    }
}

void reason_value(struct buf *b, double v, const char *unit)
{
    value_out(b, v, unit, 0);
}

#define MORE_MAX 4

/* So many digits more that two different numbers do not read alike: "5% > 5%" explains nothing. */
static int digits_more(double x, double y, const char *unit)
{
    for (int more = 0; more < MORE_MAX; more++) {
        BUF_AUTO a = BUF_INIT(100);
        BUF_AUTO b = BUF_INIT(100);
        value_out(&a, x, unit, more);
        value_out(&b, y, unit, more);
        if (!str_is(buf_at(&a), buf_at(&b)))
            return more;
    }
    return 0;
}

static void fill(struct buf *b, const char *name, const struct hd_reason *r,
                 const struct reason_names *names)
{
    bool known = r->check < names->n_checks;
    const char *unit = known && names->unit ? names->unit[r->check] : "";
    if (str_is(name, "check"))
        buf_text(b, known && names->check ? names->check[r->check] : "the guard");
    else if (str_is(name, "side"))
        buf_text(b, r->role < HD_ROLES && names->side[r->role] ? names->side[r->role]
                    : r->role == HD_STABLE ? "stable" : "the candidate");
    else if (str_is(name, "value"))
        value_out(b, r->value, unit, digits_more(r->value, r->limit, unit));
    else if (str_is(name, "limit"))
        value_out(b, r->limit, unit, digits_more(r->value, r->limit, unit));
    else if (str_is(name, "stable"))
        reason_value(b, r->stable, unit);
    else if (str_is(name, "n"))
        reason_count(b, r->n);
    else if (str_is(name, "k"))
        reason_count(b, r->k);
    else if (str_is(name, "of"))
        reason_count(b, r->of);
    else if (str_is(name, "baseline"))
        buf_text(b, r->baseline == 2 ? "before the switch"
                    : names->side[HD_STABLE] ? names->side[HD_STABLE] : "stable");
    else if (str_is(name, "until"))
        buf_text(b, names->until);
    else if (str_is(name, "text"))
        buf_text(b, names->text ? names->text : "");
}

/* Drops "({baseline} {stable})" when there is no baseline, ", n={n}" for a gauge, " of {of}" when
 * nobody knows of how many and " until {until}" of what has no end: a sentence must not say "no value". */
static const char *skip_absent(const char *p, const struct hd_reason *r,
                               const struct reason_names *names)
{
    static const char count_as[] = ", n={n} count as {k}";
    static const char base[] = " ({baseline} {stable})", count[] = ", n={n}",
                      inner[] = ", {baseline} {stable}", words[] = ": {text}", of[] = " of {of}",
                      until[] = " until {until}";
    if (!isfinite(r->stable) && str_begins(p, base))
        return p + sizeof base - 1;
    if (!isfinite(r->stable) && str_begins(p, inner))
        return p + sizeof inner - 1;
    if (!(names->text && *names->text) && str_begins(p, words))
        return p + sizeof words - 1;
    if (!(names->until && *names->until) && str_begins(p, until))
        return p + sizeof until - 1;
    if (!(r->n > 0) && str_begins(p, count_as))
        return p + sizeof count_as - 1;
    if (!(r->n > 0) && str_begins(p, count))
        return p + sizeof count - 1;
    if (r->of == UINT32_MAX && str_begins(p, of))
        return p + sizeof of - 1;
    return NULL;
}

void reason_render(struct buf *b, const struct hd_reason *r, const struct reason_names *names)
{
    const struct row *row = row_of(r->number);
    const char *p = row ? row->sentence : "a reason this version does not know";
    while (*p) {
        const char *past = skip_absent(p, r, names);
        if (past) {
            p = past;
            continue;
        }
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            buf_byte(b, *p++);
            continue;
        }
        char name[16] = "";
        size_t n = (size_t)(end - p - 1);
        if (n < sizeof name) {
            memcpy(name, p + 1, n);
            name[n] = '\0';
        }
        fill(b, name, r, names);
        p = end + 1;
    }
}
