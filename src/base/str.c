/* SPDX-License-Identifier: Apache-2.0
 *
 * See str.h. Pure functions; calendar arithmetic is done here so that no time zone can interfere.
 */
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool str_is(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

/* One star is remembered; on a mismatch the text goes back to it, one character further. */
bool str_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *mark = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            mark = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool str_glob_any(const char *const *globs, const char *text)
{
    for (; globs && *globs; globs++) {
        if (str_glob(*globs, text))
            return true;
    }
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool str_read_i64(const char *text, int64_t *ret)
{
    const char *p = text + (*text == '-');
    if (!is_digit(*p))
        return false;
    for (const char *q = p; *q; q++) {
        if (!is_digit(*q))
            return false;
    }
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *ret = v;
    return true;
}

bool str_read_double(const char *text, double *ret)
{
    const char *p = text + (*text == '-');
    if (!is_digit(*p) || (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')))
        return false;
    char *end;
    double v = strtod(text, &end); /* the C locale: nobody calls setlocale() here */
    if (*end || !isfinite(v))
        return false;
    *ret = v;
    return true;
}

bool str_read_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *word;
        double ms;
    } unit[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    double total = 0, last = INFINITY;
    const char *p = text;
    if (!*p)
        return false;
    while (*p) {
        if (!is_digit(*p))
            return false;
        char *end;
        double v = strtod(p, &end);
        if (end != p + strspn(p, "0123456789.")) /* hexadecimal, or with an exponent */
            return false;
        size_t n = strspn(end, "abcdefghijklmnopqrstuvwxyz");
        double ms = 0;
        for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
            if (strlen(unit[i].word) == n && memcmp(unit[i].word, end, n) == 0)
                ms = unit[i].ms;
        }
        if (ms == 0 || ms >= last) /* unknown unit, or "5s1m" */
            return false;
        last = ms;
        total += v * ms;
        p = end + n;
    }
    if (!(total <= 9e15) || total != floor(total))
        return false;
    *ret_ms = (int64_t)total;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (Fliegel and Van Flandern's way of
 * counting from March). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp + (mp < 10 ? 3 : -9);
    *y = yoe + era * 400 + (*m <= 2);
}

static bool read_part(const char **p, int digits, int64_t min, int64_t max, char end, int64_t *ret)
{
    int64_t v = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (!is_digit(**p))
            return false;
        v = v * 10 + (**p - '0');
    }
    if (v < min || v > max || (end && **p != end))
        return false;
    *p += end != 0;
    *ret = v;
    return true;
}

bool str_read_time(const char *text, int64_t *ret_ms)
{
    const char *p = text;
    int64_t y, mo, d, h, mi, s, ms = 0, zone = 0;
    if (!read_part(&p, 4, 1970, 9999, '-', &y) || !read_part(&p, 2, 1, 12, '-', &mo) ||
        !read_part(&p, 2, 1, 31, 0, &d) || (*p != 'T' && *p != ' '))
        return false;
    p++;
    if (!read_part(&p, 2, 0, 23, ':', &h) || !read_part(&p, 2, 0, 59, ':', &mi) ||
        !read_part(&p, 2, 0, 60, 0, &s))
        return false;
    if (*p == '.') {
        int64_t unit = 100;
        for (p++; is_digit(*p); p++, unit /= 10)
            ms += unit * (*p - '0');
    }
    if (*p == '+' || *p == '-') {
        int sign = *p++ == '+' ? 1 : -1;
        int64_t zh, zm;
        if (!read_part(&p, 2, 0, 23, ':', &zh) || !read_part(&p, 2, 0, 59, 0, &zm))
            return false;
        zone = sign * (zh * 60 + zm) * 60;
    } else if (*p++ != 'Z') {
        return false;
    }
    int64_t y2, mo2, d2;
    date_of(days_of(y, mo, d), &y2, &mo2, &d2);
    if (*p || d2 != d) /* 30 February */
        return false;
    *ret_ms = (days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - zone) * 1000 + ms;
    return true;
}

/* Splits into day and ms of day, for times before 1970 too. */
static int64_t split_day(int64_t wall_ms, int64_t *ret_days)
{
    int64_t day = 86400000, rest = wall_ms % day;
    *ret_days = wall_ms / day - (rest < 0);
    return rest < 0 ? rest + day : rest;
}

const char *str_time(int64_t wall_ms, char out[STR_TIME_MAX])
{
    int64_t days, y, mo, d, ms = split_day(wall_ms, &days);
    date_of(days, &y, &mo, &d);
    (void)snprintf(out, STR_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)(y % 10000),
                   (int)mo, (int)d, (int)(ms / 3600000), (int)(ms / 60000 % 60),
                   (int)(ms / 1000 % 60), (int)(ms % 1000));
    return out;
}

const char *str_clock(int64_t wall_ms, char out[STR_TIME_MAX])
{
    int64_t days, ms = split_day(wall_ms, &days);
    (void)snprintf(out, STR_TIME_MAX, "%02d:%02d:%02d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
                   (int)(ms / 1000 % 60));
    return out;
}

const char *str_moment(int64_t wall_ms, int64_t day_ms, char out[STR_TIME_MAX])
{
    int64_t day, other;
    (void)split_day(wall_ms, &day);
    (void)split_day(day_ms, &other);
    if (day == other) {
        (void)str_clock(wall_ms, out);
    } else {
        (void)str_time(wall_ms, out);
        out[strlen("2026-11-20")] = ' ';
    }
    memcpy(out + (day == other ? strlen("03:04:10") : strlen("2026-11-20 03:04:10")), "Z", sizeof "Z");
    return out;
}

const char *str_duration(int64_t ms, char out[STR_TIME_MAX])
{
    long long s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(out, STR_TIME_MAX, "%lld ms", (long long)ms);
    else if (ms < 10000)
        (void)snprintf(out, STR_TIME_MAX, "%lld.%lld s", s, (long long)(ms / 100 % 10));
    else if (s < 120)
        (void)snprintf(out, STR_TIME_MAX, "%lld s", s);
    else if (s < 7200)
        (void)snprintf(out, STR_TIME_MAX, "%lldm %02llds", s / 60, s % 60);
    else if (s < 172800)
        (void)snprintf(out, STR_TIME_MAX, "%lldh %02lldm", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, STR_TIME_MAX, "%lldd %02lldh", s / 86400, s / 3600 % 24);
    return out;
}

const char *str_duration_exact(int64_t ms, char out[STR_TIME_MAX])
{
    static const struct {
        const char *word;
        int64_t ms;
    } unit[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof unit / sizeof *unit && ms > 0; i++) {
        int64_t n = ms / unit[i].ms;
        if (n && at < STR_TIME_MAX)
            at += (size_t)snprintf(out + at, STR_TIME_MAX - at, "%lld%s", (long long)n,
                                   unit[i].word);
        ms %= unit[i].ms;
    }
    if (!at)
        (void)snprintf(out, STR_TIME_MAX, "0s");
    return out;
}

/* Optimal string alignment over three rows; names are short, longer ones are far by definition. */
unsigned str_distance(const char *a, const char *b, unsigned cap)
{
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX)
        return cap;
    unsigned row[3][MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = row[i % 3];
        const unsigned *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned cost = a[i - 1] != b[j - 1], best = up[j - 1] + cost;
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m] < cap ? row[n % 3][m] : cap;
}

#define NEAR 2 /* edits, for "did you mean" */

void str_near_offer(struct str_near *near, const char *name)
{
    unsigned distance = str_distance(name, near->word, NEAR + 1);
    if (distance > NEAR || (near->name && distance >= near->distance))
        return;
    near->name = name;
    near->distance = distance;
}

/* RFC 3629 section 4. */
size_t str_utf8_length(const unsigned char *p)
{
    static const struct {
        unsigned char from, to, low, high;
        size_t n;
    } form[] = {
        {0x00, 0x7F, 0, 0, 1},          {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3},    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4},    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        if (p[0] < form[i].from || p[0] > form[i].to)
            continue;
        if (form[i].n > 1 && (p[1] < form[i].low || p[1] > form[i].high))
            return 0;
        for (size_t k = 2; k < form[i].n; k++) {
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        }
        return form[i].n;
    }
    return 0;
}

/* C0, DEL, C1 (U+0080..9F) and the bidi controls U+200E/F, U+202A..E, U+2066..9. */
static bool is_control(const unsigned char *p, size_t n)
{
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7F;
    if (n == 2)
        return p[0] == 0xC2 && p[1] < 0xA0;
    return n == 3 && p[0] == 0xE2 &&
           ((p[1] == 0x80 && ((p[2] >= 0xAA && p[2] <= 0xAE) || p[2] == 0x8E || p[2] == 0x8F)) ||
            (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
}

void str_clean(char *text, size_t max)
{
    unsigned char *in = (unsigned char *)text, *out = in;
    while (*in) {
        size_t n = str_utf8_length(in);
        bool bad = n == 0 || is_control(in, n);
        size_t take = n ? n : 1, give = bad ? 1 : n;
        if ((size_t)(out - (unsigned char *)text) + give > max)
            break;
        if (bad)
            *out = '?';
        else
            memmove(out, in, n);
        out += give;
        in += take;
    }
    *out = '\0';
}

void str_hash_two(const char *text, const uint64_t seed[2], uint64_t ret[2])
{
    uint64_t a = seed[0] ^ 14695981039346656037u, b = seed[1] ^ 14695981039346656037u;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        a = (a ^ *p) * 1099511628211u;
        b = (b ^ *p) * 1099511628211u;
    }
    ret[0] = a;
    ret[1] = b;
}

uint64_t str_hash(const char *text, uint64_t seed)
{
    uint64_t h = seed ^ 14695981039346656037u;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        h = (h ^ *p) * 1099511628211u;
    return h;
}
