/* SPDX-License-Identifier: Apache-2.0
 *
 * See html.h. Called by the pages; knows nothing of guards but the tone of a state.
 */
#include "http/html.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* C1 controls and the characters that turn the direction of what follows. */
static bool is_hostile(const unsigned char *p, size_t len)
{
    if (len == 1)
        return (*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7F;
    if (len == 2)
        return (p[0] == 0xC2 && p[1] < 0xA0) || (p[0] == 0xD8 && p[1] == 0x9C);
    if (len == 3 && p[0] == 0xE2 && p[1] == 0x80)
        return p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE);
    return len == 3 && p[0] == 0xE2 && p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9;
}

void html_text(struct buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p;) {
        size_t len = str_utf8_length(p);
        if (len == 0 || is_hostile(p, len))
            buf_text(b, "\xEF\xBF\xBD");
        else if (*p == '&')
            buf_text(b, "&amp;");
        else if (*p == '<')
            buf_text(b, "&lt;");
        else if (*p == '>')
            buf_text(b, "&gt;");
        else if (*p == '"')
            buf_text(b, "&#34;");
        else if (*p == '\'')
            buf_text(b, "&#39;");
        else
            buf_add(b, p, len);
        p += len ? len : 1;
    }
}

void html_segment(struct buf *b, const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";
    /* A dot is kept inside a name; "." and ".." would climb. */
    bool dots = str_is(text, ".") || str_is(text, "..");
    for (const char *p = text; *p; p++) {
        if (strchr(safe, *p) || (*p == '.' && !dots))
            buf_byte(b, *p);
        else
            buf_print(b, "%%%02X", (unsigned char)*p);
    }
}

/* The spec between '%' and its conversion letter is handed on; only %s is ours. */
static const char *print_one(struct buf *b, const char *p, va_list *args)
{
    char spec[16] = "%";
    size_t n = 1;
    while (*p && strchr("0123456789.+-lz", *p) && n < sizeof spec - 2)
        spec[n++] = *p++;
    spec[n] = *p;
    spec[n + 1] = '\0';
    bool wide = strchr(spec, 'l') || strchr(spec, 'z');
    switch (*p) {
    case 's':
        html_text(b, va_arg(*args, const char *));
        break;
    case 'd':
        if (wide)
            buf_print(b, spec, va_arg(*args, long long));
        else
            buf_print(b, spec, va_arg(*args, int));
        break;
    case 'u':
        if (wide)
            buf_print(b, spec, va_arg(*args, unsigned long long));
        else
            buf_print(b, spec, va_arg(*args, unsigned));
        break;
    case 'f':
    case 'g':
        buf_print(b, spec, va_arg(*args, double));
        break;
    default:
        buf_byte(b, '%');
        break;
    }
    return *p ? p + 1 : p;
}

void html_print(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p;) {
        if (*p == '%') {
            p = print_one(b, p + 1, &args);
        } else {
            size_t n = strcspn(p, "%");
            buf_add(b, p, n);
            p += n;
        }
    }
    va_end(args);
}

static const char *const tone_words[] = {"none", "pass", "fail", "warn", "run"};

const char *html_tone_word(enum tone t)
{
    return tone_words[t];
}

void html_icon(struct buf *b, enum tone t)
{
    html_print(b, "<svg class=\"i %s\" aria-hidden=\"true\"><use href=\"#i-%s\"/></svg>",
               tone_words[t], tone_words[t]);
}

static const enum tone state_tones[] = {
    [HD_STATE_PENDING] = TONE_RUN,        [HD_STATE_WARMING] = TONE_RUN,
    [HD_STATE_WATCHING] = TONE_RUN,       [HD_STATE_DECIDING] = TONE_RUN,
    [HD_STATE_REVERTING] = TONE_RUN,      [HD_STATE_VERIFYING] = TONE_RUN,
    [HD_STATE_AFTERCARE] = TONE_RUN,      [HD_STATE_PASSED] = TONE_PASS,
    [HD_STATE_REVERTED] = TONE_FAIL,      [HD_STATE_NOT_VERIFIED] = TONE_FAIL,
    [HD_STATE_NOT_RECOVERED] = TONE_FAIL, [HD_STATE_REFUSED] = TONE_FAIL,
    [HD_STATE_ADVISED] = TONE_WARN,       [HD_STATE_INCONCLUSIVE] = TONE_WARN,
    [HD_STATE_SUPERSEDED] = TONE_NONE,    [HD_STATE_CANCELLED] = TONE_NONE,
};

enum tone html_state_tone(int state)
{
    size_t n = sizeof state_tones / sizeof *state_tones;
    return state >= 0 && (size_t)state < n ? state_tones[state] : TONE_NONE;
}

const char *html_outcome_words(int outcome)
{
    static const char *const words[] = {
        [HD_OUTCOME_OK] = "ok",           [HD_OUTCOME_NO_DATA] = "no data",
        [HD_OUTCOME_TOO_FEW] = "too few requests", [HD_OUTCOME_NAN] = "no number",
        [HD_OUTCOME_STALE] = "too old",   [HD_OUTCOME_PARTIAL] = "incomplete answer",
        [HD_OUTCOME_TOO_MANY] = "too many series", [HD_OUTCOME_ERROR] = "no usable answer",
    };
    return outcome >= 0 && (size_t)outcome < sizeof words / sizeof *words ? words[outcome] : hd_outcome_word(outcome);
}

const char *html_state_words(int state)
{
    switch (state) {
    case HD_STATE_NOT_VERIFIED:
        return "not verified";
    case HD_STATE_NOT_RECOVERED:
        return "not recovered";
    default:
        return hd_state_word(state);
    }
}

void html_time(struct buf *b, int64_t wall_ms, int64_t day_ms)
{
    char full[STR_TIME_MAX], text[STR_TIME_MAX];
    if (wall_ms < 0) {
        buf_byte(b, '-');
        return;
    }
    (void)str_time(wall_ms, full);
    html_print(b, "<time datetime=\"%s\" title=\"%s\">%s</time>", full, full, str_moment(wall_ms, day_ms, text));
}

void html_ago(struct buf *b, int64_t wall_ms, int64_t now_ms)
{
    char text[STR_TIME_MAX];
    int64_t ms = now_ms - wall_ms;
    if (ms > -1000 && ms < 1000)
        buf_text(b, "0 s ago"); /* not "now": a page may show another moment than this one */
    else if (ms < 0)
        html_print(b, "in %s", str_duration(-ms, text));
    else
        html_print(b, "%s ago", str_duration(ms, text));
}

const char *html_style_tag(void)
{
    static _Thread_local char tag[20];
    if (!*tag)
        (void)snprintf(tag, sizeof tag, "%016llx", (unsigned long long)str_hash(http_style, 0));
    return tag;
}

const char *html_script_tag(void)
{
    static _Thread_local char tag[20];
    if (!*tag)
        (void)snprintf(tag, sizeof tag, "%016llx", (unsigned long long)str_hash(http_script, 0));
    return tag;
}

/* Each shape differs in outline, so that it reads without colour. */
static const char shapes[] =
    "<svg width=\"0\" height=\"0\" aria-hidden=\"true\" class=\"defs\">"
    "<symbol id=\"i-pass\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"7\"/>"
    "<path class=\"k\" d=\"M4.6 8.3l2.4 2.4 4.5-5\"/></symbol>"
    "<symbol id=\"i-fail\" viewBox=\"0 0 16 16\"><path d=\"M5 1h6l4 4v6l-4 4H5l-4-4V5z\"/>"
    "<path class=\"k\" d=\"M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2\"/></symbol>"
    "<symbol id=\"i-warn\" viewBox=\"0 0 16 16\"><path d=\"M8 1l7.5 14H.5z\"/>"
    "<path class=\"k\" d=\"M8 6v4m0 2.2v.6\"/></symbol>"
    "<symbol id=\"i-run\" viewBox=\"0 0 16 16\"><circle class=\"o\" cx=\"8\" cy=\"8\" r=\"6\"/>"
    "<circle cx=\"8\" cy=\"8\" r=\"2.5\"/></symbol>"
    "<symbol id=\"i-none\" viewBox=\"0 0 16 16\"><path class=\"o\" d=\"M3 8h10\"/></symbol></svg>";

static const char *const tab_colours[] = {"57606a", "0b6b4f", "a3260b", "7a5200", "0b5cad"};

static void account(struct buf *b, const struct html_page *p)
{
    if (p->csrf)
        html_print(b,
                   "<form method=\"post\" action=\"/logout\"><input type=\"hidden\" name=\"csrf\" "
                   "value=\"%s\"><span class=\"m\">%s</span> <button class=\"plain\">log out</button>"
                   "</form>",
                   p->csrf, p->account);
    else
        html_print(b, "<a href=\"/login\">log in</a>");
}

void html_head(struct buf *b, const struct html_page *p)
{
    char full[STR_TIME_MAX], clock[STR_TIME_MAX];
    html_print(b,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
               "<meta name=\"color-scheme\" content=\"light dark\"><title>%s</title>",
               p->title);
    html_print(b, "<meta property=\"og:title\" content=\"%s\">", p->title);
    if (p->live)
        buf_text(b, "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>");
    html_print(
        b,
        "<link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' "
        "viewBox='0 0 16 16'%%3E%%3Crect width='16' height='16' rx='4' fill='%%23%s'/%%3E"
        "%%3C/svg%%3E\"><link rel=\"stylesheet\" href=\"/assets/style.css?v=%s\">"
        "<script defer src=\"/assets/live.js?v=%s\"></script></head><body%s>",
        tab_colours[p->tone], html_style_tag(), html_script_tag(), p->live ? " data-live" : "");
    buf_text(b, shapes);
    html_print(b,
               "<a class=\"skip\" href=\"#main\">to the content</a><header><nav aria-label=\"pages\">"
               "<a class=\"brand\" href=\"/\">haldane</a> <a href=\"/settings\">settings</a></nav>"
               "<span class=\"m\" id=\"of\">page of <time datetime=\"%s\">%sZ</time></span>",
               str_time(p->now_ms, full), str_clock(p->now_ms, clock));
    account(b, p);
    buf_text(b, "</header><main id=\"main\">");
    if (p->alarm) {
        html_print(b, "<p class=\"alarm\" role=\"alert\">");
        html_icon(b, TONE_FAIL);
        html_print(b, "%s</p>", p->alarm);
    }
}

void html_foot(struct buf *b)
{
    buf_text(b, "</main></body></html>\n");
}
