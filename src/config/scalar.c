/* SPDX-License-Identifier: Apache-2.0
 *
 * See scalar.h.
 */
#include "config/scalar.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/mistake.h"
#include "cred/cred.h"

static const char *const bool_words[] = {"false", "true", NULL};

const char *scalar_type_word(int type)
{
    static const char *const word[] = {
        [HD_OPT_TEXT] = "text",         [HD_OPT_SECRET] = "secret reference",
        [HD_OPT_PATH] = "absolute path", [HD_OPT_URL] = "URL",
        [HD_OPT_BOOL] = "true or false", [HD_OPT_INT] = "whole number",
        [HD_OPT_NUMBER] = "number",     [HD_OPT_SHARE] = "share",
        [HD_OPT_FACTOR] = "factor",     [HD_OPT_AMOUNT] = "share, duration or number",
        [HD_OPT_DURATION] = "duration", [HD_OPT_SIZE] = "size",
        [HD_OPT_TIME] = "time",         [HD_OPT_WORD] = "word",
        [HD_OPT_RULE] = "rule",         [HD_OPT_GROUP] = "mapping",
        [HD_OPT_TEXTS] = "list of texts", [HD_OPT_PAIRS] = "mapping of texts",
        [HD_OPT_LIST] = "list",         [HD_OPT_NAMED] = "mapping by name",
        [HD_OPT_PLUGIN] = "plug-in",    [HD_OPT_URLS] = "list of URLs",
        [HD_OPT_SOCKETS] = "list of sockets",
    };
    return word[type];
}

/* --- reading --- */

#define WHY(...) (*why = arena_print(a, __VA_ARGS__), false)

/* YAML 1.1 read 010 as eight; nobody can say what a reader of the file expects. */
static bool leading_zero(const char *text)
{
    const char *p = text + (*text == '-');
    return p[0] == '0' && p[1] >= '0' && p[1] <= '9';
}

static bool read_i64(struct hd_arena *a, const char *text, int64_t *ret, const char **why)
{
    if (leading_zero(text) || !str_read_i64(text, ret))
        return WHY("'%s' is not a whole number", text);
    return true;
}

static bool read_number(struct hd_arena *a, const char *text, double *ret, const char **why)
{
    if (leading_zero(text) || !str_read_double(text, ret))
        return WHY("'%s' is not a number", text);
    return true;
}

static bool read_duration(struct hd_arena *a, const char *text, int64_t *ret, const char **why)
{
    double bare;
    if (str_read_duration(text, ret))
        return true;
    if (str_read_double(text, &bare))
        return WHY("'%s' has no unit: write %ss, %sm or %sms", text, text, text, text);
    return WHY("'%s' is not a duration like 250ms, 5s, 15m or 1h30m", text);
}

static const struct {
    const char *word;
    int64_t bytes;
} size_unit[] = {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", (int64_t)1 << 40}};
#define SIZE_UNITS (sizeof size_unit / sizeof *size_unit)

static bool read_size(struct hd_arena *a, const char *text, int64_t *ret, const char **why)
{
    size_t digits = strspn(text, "0123456789");
    int64_t n;
    if (digits && str_read_i64(arena_text_n(a, text, digits), &n) && !leading_zero(text)) {
        if (!text[digits]) {
            *ret = n;
            return true;
        }
        for (size_t i = 0; i < SIZE_UNITS; i++) {
            if (str_is(text + digits, size_unit[i].word) && n <= INT64_MAX / size_unit[i].bytes) {
                *ret = n * size_unit[i].bytes;
                return true;
            }
        }
    }
    return WHY("'%s' is not a size like 64MiB or 4GiB", text);
}

/* "1%", "0.5 %", "1.5x": the number in front of a sign. */
static bool read_signed_by(struct hd_arena *a, const char *text, char sign, double *ret)
{
    size_t n = strlen(text);
    if (n < 2 || text[n - 1] != sign)
        return false;
    for (n--; n > 1 && text[n - 1] == ' ';)
        n--;
    const char *number = arena_text_n(a, text, n);
    return !leading_zero(number) && str_read_double(number, ret);
}

static bool read_share(struct hd_arena *a, const char *text, double *ret, const char **why)
{
    double percent;
    if (read_signed_by(a, text, '%', &percent)) {
        *ret = percent / 100;
        return true;
    }
    if (leading_zero(text) || !str_read_double(text, ret))
        return WHY("'%s' is not a share like 1%% or 0.01", text);
    return true;
}

static bool read_amount(struct hd_arena *a, const char *text, double *ret, const char **why)
{
    int64_t ms;
    double percent;
    if (read_signed_by(a, text, '%', &percent)) {
        *ret = percent / 100;
        return true;
    }
    if (str_read_duration(text, &ms)) {
        *ret = (double)ms / 1000;
        return true;
    }
    if (leading_zero(text) || !str_read_double(text, ret))
        return WHY("'%s' is neither a share (1%%), a duration (450ms) nor a number", text);
    return true;
}

static bool read_factor(struct hd_arena *a, const char *text, double *ret, const char **why)
{
    if (read_signed_by(a, text, 'x', ret))
        return true;
    if (leading_zero(text) || !str_read_double(text, ret))
        return WHY("'%s' is not a factor like 1.5x", text);
    return true;
}

static bool read_word(struct hd_arena *a, const char *text, const char *const *words, int64_t *ret,
                      const char **why)
{
    for (int64_t i = 0; words[i]; i++) {
        if (str_is(text, words[i])) {
            *ret = i;
            return true;
        }
    }
    return WHY("'%s' is not one of: %s%s", text, mistake_words(a, words),
               mistake_hint(a, text, words));
}

/* 3 · "3 of 5" · "4 total" */
static bool read_rule(struct hd_arena *a, const char *text, struct hd_rule *ret, const char **why)
{
    unsigned k, n;
    int end = 0;
    size_t len = strlen(text);
    if (isdigit((unsigned char)*text) && *text != '0' && len < 16) {
        if (sscanf(text, "%9u%n", &k, &end) == 1 && (size_t)end == len) {
            *ret = (struct hd_rule){HD_RULE_CONSECUTIVE, k, 0};
            return true;
        }
        if (sscanf(text, "%9u total%n", &k, &end) == 1 && (size_t)end == len) {
            *ret = (struct hd_rule){HD_RULE_TOTAL, k, 0};
            return true;
        }
        if (sscanf(text, "%9u of %9u%n", &k, &n, &end) == 2 && (size_t)end == len) {
            if (n > HD_WINDOW_MAX)
                return WHY("'%s': at most the last %d polls are remembered", text, HD_WINDOW_MAX);
            if (k > n)
                return WHY("'%s' can never happen: %u is more than %u", text, k, n);
            *ret = (struct hd_rule){HD_RULE_K_OF_N, k, n};
            return true;
        }
    }
    return WHY("'%s' is not a rule like 3, \"3 of 5\" or \"4 total\"", text);
}

/* The place of the first byte that may not stand in a URL (RFC 3986: blanks, quotes, controls). */
static const char *bad_in_url(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7F || strchr("\"<>\\^`", *text))
            return text;
    }
    return NULL;
}

static bool read_url(struct hd_arena *a, const char *text, const char **ret, const char **why)
{
    const char *rest = str_begins(text, "http://")    ? text + 7
                       : str_begins(text, "https://") ? text + 8
                                                      : NULL;
    if (!rest || !*rest || strchr("/:?#", *rest))
        return WHY("'%s' is not a URL: it begins with http:// or https:// and a host", text);
    if (bad_in_url(text))
        return WHY("'%s' has a character that may not stand in a URL", text);
    if (memchr(rest, '@', strcspn(rest, "/?#")))
        return WHY("a user or password in a URL is not supported: use `auth`");
    *ret = text;
    return true;
}

static bool read_socket(struct hd_arena *a, const char *text, const char **ret, const char **why)
{
    if (*text == '/') {
        *ret = arena_print(a, "unix:%s", text);
        return true;
    }
    const char *colon = strrchr(text, ':');
    int64_t port;
    bool tcp = str_begins(text, "tcp:") && colon > text + 4 && str_read_i64(colon + 1, &port) &&
               port >= 1 && port <= 65535;
    if (!tcp && !str_begins(text, "unix:/"))
        return WHY("'%s' is neither an absolute path nor tcp:host:port", text);
    *ret = text;
    return true;
}

/* The reason must never repeat the text: it may be the secret itself. */
static bool read_secret(const char *text, const char **ret, const char **why)
{
    if (!cred_is_reference(text)) {
        *why = strstr(text, "${") ? "a reference must be the whole value, with nothing before or behind it; what is "
                                    "sent behind `Bearer` has keys of its own: auth: {type: bearer, token: ...}"
                                  : "a secret is never written here: use ${file:/path}, ${env:NAME} or "
                                    "${credential:name}";
        return false;
    }
    *ret = text;
    return true;
}

static bool read_secret_url(struct hd_arena *a, const char *text, const char **ret, const char **why)
{
    *ret = text;
    if (cred_is_reference(text) || read_url(a, text, ret, why))
        return true;
    *why = "is neither a URL (http:// or https://, a host, no user or password) nor a reference like "
           "${file:/path}";
    return false;
}

static bool read_time(struct hd_arena *a, const char *text, int64_t *ret, const char **why)
{
    if (!str_read_time(text, ret))
        return WHY("'%s' is not a time like 2026-11-20T03:04:05Z", text);
    return true;
}

static bool read_path(struct hd_arena *a, const char *text, const char **ret, const char **why)
{
    if (*text != '/')
        return WHY("'%s' is not an absolute path", text);
    *ret = text;
    return true;
}

static bool in_range(struct hd_arena *a, const struct hd_option *o, double v, const char *text,
                     const char **why)
{
    if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max))
        return true;
    BUF_AUTO b = BUF_INIT(256);
    struct scalar low = {.i = (int64_t)o->min, .d = o->min};
    struct scalar high = {.i = (int64_t)o->max, .d = o->max};
    scalar_write(&b, o, DIALECT_HUMAN, &low);
    buf_text(&b, " to ");
    scalar_write(&b, o, DIALECT_HUMAN, &high);
    return WHY("%s is outside %s", text, buf_at(&b));
}

static bool read_canonical(struct hd_arena *a, const struct hd_option *o, const char *text,
                           struct scalar *v, bool *ret_ok, const char **why)
{
    switch (o->type) {
    case HD_OPT_DURATION:
    case HD_OPT_SIZE:
    case HD_OPT_TIME:
        *ret_ok = read_i64(a, text, &v->i, why);
        return true;
    case HD_OPT_NUMBER:
    case HD_OPT_SHARE:
    case HD_OPT_FACTOR:
    case HD_OPT_AMOUNT:
        v->d = (double)NAN;
        *ret_ok = str_is(text, "nan") || read_number(a, text, &v->d, why);
        return true;
    default:
        return false;
    }
}

static bool read_value(struct hd_arena *a, const struct hd_option *o, const char *text,
                       struct scalar *v, const char **why)
{
    switch (o->type) {
    case HD_OPT_SECRET: return read_secret(text, &v->text, why);
    case HD_OPT_PATH: return read_path(a, text, &v->text, why);
    case HD_OPT_URL:
    case HD_OPT_URLS: return o->secret ? read_secret_url(a, text, &v->text, why)
                                       : read_url(a, text, &v->text, why);
    case HD_OPT_SOCKETS: return read_socket(a, text, &v->text, why);
    case HD_OPT_INT: return read_i64(a, text, &v->i, why);
    case HD_OPT_NUMBER: return read_number(a, text, &v->d, why);
    case HD_OPT_SHARE: return read_share(a, text, &v->d, why);
    case HD_OPT_FACTOR: return read_factor(a, text, &v->d, why);
    case HD_OPT_AMOUNT: return read_amount(a, text, &v->d, why);
    case HD_OPT_DURATION: return read_duration(a, text, &v->i, why);
    case HD_OPT_SIZE: return read_size(a, text, &v->i, why);
    case HD_OPT_TIME: return read_time(a, text, &v->i, why);
    case HD_OPT_BOOL: return read_word(a, text, bool_words, &v->i, why);
    case HD_OPT_WORD: return read_word(a, text, o->words, &v->i, why);
    case HD_OPT_RULE: return read_rule(a, text, &v->rule, why);
    default: v->text = text; return true;
    }
}

bool scalar_read(struct hd_arena *a, const struct hd_option *o, enum dialect dialect,
                 const char *text, struct scalar *ret, const char **why)
{
    struct scalar v = {.d = (double)NAN};
    bool ok;
    if (dialect != DIALECT_CANONICAL || !read_canonical(a, o, text, &v, &ok, why))
        ok = read_value(a, o, text, &v, why);
    if (!ok)
        return false;
    switch (o->type) {
    case HD_OPT_SHARE:
        if (v.d < 0 || v.d > 1)
            return WHY("%s is outside 0%% to 100%%", text);
        break;
    case HD_OPT_FACTOR:
        if (v.d <= 0)
            return WHY("%s: a factor is above 0", text);
        break;
    case HD_OPT_INT:
    case HD_OPT_DURATION:
    case HD_OPT_SIZE:
        if (!scalar_is_absent(o, &v) && !in_range(a, o, (double)v.i, text, why))
            return false;
        if (o->size == sizeof(int32_t) && v.i != (int32_t)v.i)
            return WHY("%s is too large", text);
        break;
    default: break;
    }
    if ((o->type == HD_OPT_NUMBER || o->type == HD_OPT_SHARE || o->type == HD_OPT_FACTOR ||
         o->type == HD_OPT_AMOUNT) && !isnan(v.d) && !in_range(a, o, v.d, text, why))
        return false;
    *ret = v;
    return true;
}

struct scalar scalar_absent(const struct hd_option *o)
{
    return (struct scalar){.i = o->type == HD_OPT_TIME ? -1 : 0, .d = (double)NAN};
}

bool scalar_is_absent(const struct hd_option *o, const struct scalar *v)
{
    switch (o->type) {
    case HD_OPT_NUMBER:
    case HD_OPT_SHARE:
    case HD_OPT_FACTOR:
    case HD_OPT_AMOUNT: return isnan(v->d);
    case HD_OPT_TIME: return v->i == -1;
    case HD_OPT_INT:
    case HD_OPT_DURATION:
    case HD_OPT_SIZE: return v->i == 0 && o->fallback && !*o->fallback;
    case HD_OPT_TEXT:
    case HD_OPT_SECRET:
    case HD_OPT_PATH:
    case HD_OPT_URL: return !v->text;
    default: return false;
    }
}

/* --- writing --- */

void scalar_quote(struct buf *b, const char *text)
{
    buf_byte(b, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_print(b, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7F)
            buf_print(b, "\\x%02x", *p);
        else
            buf_byte(b, (char)*p);
    }
    buf_byte(b, '"');
}

/* Plain where no reader of YAML could take it for anything else. */
static void write_text(struct buf *b, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    static const char *const reserved[] = {"true", "false", "null", "yes", "no", "on", "off", "y",
                                           "n", "nan", NULL};
    bool plain = *text && isalpha((unsigned char)*text) && !text[strspn(text, safe)];
    for (size_t i = 0; reserved[i]; i++)
        plain = plain && strcasecmp(text, reserved[i]) != 0;
    if (*text == '/' && !text[strspn(text, safe)])
        plain = true;
    if (plain)
        buf_text(b, text);
    else
        scalar_quote(b, text);
}

/* The shortest decimal that, through `back`, reads as the same double. */
static void write_double(struct buf *b, double v, double scale, const char *sign)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v * scale);
        if (!strchr(text, 'e') && strtod(text, NULL) / scale == v) {
            buf_print(b, "%s%s", text, sign);
            return;
        }
    }
    buf_print(b, "%.17g", v);
}

static void write_size(struct buf *b, int64_t v)
{
    for (size_t i = SIZE_UNITS; v && i-- > 0;) {
        if (v % size_unit[i].bytes == 0) {
            buf_print(b, "%lld%s", (long long)(v / size_unit[i].bytes), size_unit[i].word);
            return;
        }
    }
    buf_print(b, "%lld", (long long)v);
}

static void write_rule(struct buf *b, enum dialect dialect, const struct hd_rule *r)
{
    static const char *const kind[] = {"consecutive", "k_of_n", "total", "sequential"};
    if (dialect == DIALECT_CANONICAL)
        buf_print(b, "{kind: %s, k: %u, n: %u}", kind[r->kind], r->k, r->n);
    else if (r->kind == HD_RULE_K_OF_N)
        buf_print(b, "%u of %u", r->k, r->n);
    else
        buf_print(b, r->kind == HD_RULE_TOTAL ? "%u total" : "%u", r->k);
}

static void write_human(struct buf *b, const struct hd_option *o, const struct scalar *v)
{
    char text[STR_TIME_MAX];
    switch (o->type) {
    case HD_OPT_DURATION: buf_text(b, str_duration_exact(v->i, text)); break;
    case HD_OPT_SIZE: write_size(b, v->i); break;
    case HD_OPT_TIME: buf_print(b, "\"%s\"", str_time(v->i, text)); break;
    case HD_OPT_SHARE: write_double(b, v->d, 100, "%"); break;
    case HD_OPT_FACTOR: write_double(b, v->d, 1, "x"); break;
    default: write_double(b, v->d, 1, ""); break;
    }
}

void scalar_write(struct buf *b, const struct hd_option *o, enum dialect dialect,
                  const struct scalar *v)
{
    switch (o->type) {
    case HD_OPT_BOOL: buf_text(b, bool_words[v->i]); return;
    case HD_OPT_WORD: buf_text(b, o->words[v->i]); return;
    case HD_OPT_RULE: write_rule(b, dialect, &v->rule); return;
    case HD_OPT_INT: buf_print(b, "%lld", (long long)v->i); return;
    case HD_OPT_DURATION:
    case HD_OPT_SIZE:
    case HD_OPT_TIME:
        if (dialect == DIALECT_CANONICAL)
            buf_print(b, "%lld", (long long)v->i);
        else
            write_human(b, o, v);
        return;
    case HD_OPT_NUMBER:
    case HD_OPT_SHARE:
    case HD_OPT_FACTOR:
    case HD_OPT_AMOUNT:
        if (dialect == DIALECT_CANONICAL)
            buf_print(b, isnan(v->d) ? "nan" : "%.17g", v->d);
        else
            write_human(b, o, v);
        return;
    default:
        if (dialect == DIALECT_CANONICAL)
            scalar_quote(b, v->text);
        else
            write_text(b, v->text);
    }
}

struct scalar scalar_get(const struct hd_option *o, const void *base)
{
    const char *at = (const char *)base + o->offset;
    struct scalar v = {.d = (double)NAN};
    switch (o->type) {
    case HD_OPT_BOOL: v.i = *(const bool *)at; break;
    case HD_OPT_WORD: v.i = *(const int32_t *)at; break;
    case HD_OPT_INT:
    case HD_OPT_DURATION:
    case HD_OPT_SIZE:
    case HD_OPT_TIME:
        v.i = o->size == sizeof(int32_t) ? *(const int32_t *)at : *(const int64_t *)at;
        break;
    case HD_OPT_NUMBER:
    case HD_OPT_SHARE:
    case HD_OPT_FACTOR:
    case HD_OPT_AMOUNT: v.d = *(const double *)at; break;
    case HD_OPT_RULE: v.rule = *(const struct hd_rule *)at; break;
    default: v.text = *(const char *const *)at; break;
    }
    return v;
}
