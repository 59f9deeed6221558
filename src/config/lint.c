/* SPDX-License-Identifier: Apache-2.0
 *
 * See lint.h. One function per mistake; each sentence ends with what to write instead.
 */
#include "config/lint.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "config/promql.h"

#define REGEX_MAX 100 /* bytes; a longer one is not tried out */
#define WINDOW_MIN_MS 60000 /* four scrapes of 15 s, the usual interval */

struct linting {
    struct hd_arena *a;
    const struct promql *q;
    const char *label;
    struct config_lints *ret;
};

static void found(struct linting *l, const char *slug, size_t token, const char *format, ...)
    HD_PRINTF(4, 5);
static void found(struct linting *l, const char *slug, size_t token, const char *format, ...)
{
    va_list args;
    if (l->ret->n == CONFIG_LINTS_MAX)
        return;
    va_start(args, format);
    l->ret->item[l->ret->n++] = (struct config_lint){slug, arena_vprint(l->a, format, args),
                                                     token < l->q->n ? l->q->token[token].at : 0};
    va_end(args);
}

/* --- selectors --- */

static bool is_code_label(const char *label)
{
    return strstr(label, "code") || strstr(label, "status");
}

/* A regular expression of RE2 as one of POSIX; NULL: it has more than both know. */
static const char *posix_regex(struct hd_arena *a, const char *re2)
{
    BUF_AUTO b = BUF_INIT(4096);
    buf_text(&b, "^(");
    for (const char *p = re2; *p; p++) {
        if (str_begins(p, "(?:")) {
            buf_byte(&b, '(');
            p += 2;
        } else if (str_begins(p, "\\d")) {
            buf_text(&b, "[0-9]");
            p++;
        } else if (str_begins(p, "(?") || (*p == '\\' && strchr("wsbDWSB", p[1]))) {
            return NULL;
        } else {
            buf_byte(&b, *p);
        }
    }
    buf_text(&b, ")$");
    return arena_text(a, buf_at(&b));
}

/* How many of the answers that begin with `digit` a matcher takes: status codes, and the words of
 * exporters that count by class ("5xx", "5"). */
static int takes(const regex_t *regex, char digit)
{
    int n = 0;
    for (int code = 0; code <= 101; code++) {
        char text[16];
        if (code < 100)
            (void)snprintf(text, sizeof text, "%c%02d", digit, code);
        else
            (void)snprintf(text, sizeof text, code == 100 ? "%cxx" : "%c", digit);
        n += regexec(regex, text, 0, NULL, 0) == 0;
    }
    return n;
}

static void lint_code(struct linting *l, const struct promql_matcher *m, size_t at)
{
    if (!str_is(m->sign, "=~") || !is_code_label(m->label) || strchr(m->value, '{') ||
        strlen(m->value) > REGEX_MAX)
        return;
    const char *posix = posix_regex(l->a, m->value);
    regex_t regex;
    if (!posix || regcomp(&regex, posix, REG_EXTENDED | REG_NOSUB))
        return;
    int by_class[6] = {0}, all = 0;
    for (int c = 1; c <= 5; c++)
        all += by_class[c] = takes(&regex, (char)('0' + c));
    regfree(&regex);
    if (!all && m->value[strcspn(m->value, "0123456789")])
        found(l, "regex_matches_nothing", at,
              "%s=~\"%s\" matches no status code: a regular expression covers the whole value; write "
              "%s=~\"5..\"", m->label, m->value, m->label);
    else if (by_class[2] && !by_class[3] && !by_class[4])
        found(l, "success_is_2xx", at,
              "%s=~\"%s\" counts redirects and the client's own mistakes (3xx, 4xx) as failures; write "
              "%s!~\"5..\"", m->label, m->value, m->label);
}

/* The functions that turn a counter into something to compare. */
static bool takes_counters(const char *call)
{
    static const char *const words[] = {"rate", "increase", "irate", "resets", "changes", "idelta", "delta",
                                        "count", "group", "absent", "absent_over_time", "timestamp",
                                        "count_over_time", "present_over_time", "last_over_time", NULL};
    for (size_t i = 0; call && words[i]; i++) {
        if (str_is(words[i], call))
            return true;
    }
    return false;
}

static bool is_counter(const char *metric)
{
    return metric && (str_ends(metric, "_total") || str_ends(metric, "_bucket"));
}

static void lint_selector(struct linting *l, const struct promql_selector *s)
{
    struct promql_matcher m;
    for (size_t i = 0; promql_matcher(l->q, s, &i, &m);)
        lint_code(l, &m, i - 3);
    if (is_counter(s->metric) && !takes_counters(s->call))
        found(l, "counter_without_rate", s->all.from,
              "%s counts since its process began: it only grows, and falls to 0 at a restart; write "
              "rate(%s{...}[2m])", s->metric, s->metric);
    if (str_is(s->call, "irate"))
        found(l, "irate", s->all.from,
              "irate looks at the last two samples only and jumps with every one; write rate(...[2m])");
    int64_t ms;
    if (s->range.to > s->range.from && str_read_duration(l->q->token[s->range.from].text, &ms) &&
        ms < WINDOW_MIN_MS)
        found(l, "short_window", s->range.from,
              "[%s] holds fewer than four scrapes of 15 s: one missed scrape leaves nothing; write [1m] or "
              "more", l->q->token[s->range.from].text);
}

/* --- colours --- */

static bool holds_hole(const struct promql *q, struct promql_span span, const char *word)
{
    for (size_t i = span.from; i < span.to; i++) {
        if (promql_is(&q->token[i], PROMQL_HOLE, word))
            return true;
    }
    return false;
}

/* Does a selector name the colour: by a hole, in a quoted text, or by the service's own label? */
static bool names_colour(struct linting *l, const struct promql_selector *s)
{
    struct promql_matcher m;
    for (size_t i = 0; promql_matcher(l->q, s, &i, &m);) {
        if (strstr(m.value, "{{colour}}") || str_is(m.label, l->label))
            return true;
    }
    return holds_hole(l->q, s->braces, "match");
}

static void lint_colours(struct linting *l)
{
    struct promql_span whole = {0, l->q->n};
    struct promql_selector s;
    bool by = holds_hole(l->q, whole, "by"), any;
    for (size_t i = 0; i + 1 < l->q->n; i++) /* by (version) */
        by |= promql_is(&l->q->token[i], PROMQL_WORD, l->label) && l->q->token[i + 1].kind != PROMQL_SIGN;
    any = by;
    for (size_t i = 0; !any && promql_selector(l->q, &i, &s);)
        any = names_colour(l, &s);
    if (!any) {
        found(l, "no_colour", 0,
              "both colours are thrown together: a bad release is diluted by the good one; write {{match}} "
              "into every selector, or `by ({{by}})`");
        return;
    }
    for (size_t i = 0; promql_selector(l->q, &i, &s);) {
        if (!by && !names_colour(l, &s))
            found(l, "selector_without_colour", s.all.from,
                  "%s is asked for all colours, and other parts of the query for one; write {{match}} into "
                  "its braces", s.metric ? s.metric : "this selector");
    }
}

/* --- divisions --- */

/* What a side of a division is, by its outermost word. */
static const char *head_of(const struct promql *q, struct promql_span span)
{
    while (span.from < span.to && promql_is(&q->token[span.from], PROMQL_OPEN, "("))
        span.from++;
    return span.from < span.to && q->token[span.from].kind == PROMQL_WORD ? q->token[span.from].text : "";
}

static bool is_rate(const char *word)
{
    return str_is(word, "rate") || str_is(word, "irate") || str_is(word, "increase");
}

static bool has(const struct promql *q, struct promql_span span, enum promql_kind kind, const char *text)
{
    for (size_t i = span.from; i < span.to; i++) {
        if (promql_is(&q->token[i], kind, text))
            return true;
    }
    return false;
}

/* True when some selector of a side picks series by the answer's code. */
static bool picks_codes(const struct promql *q, struct promql_span span)
{
    struct promql_selector s;
    struct promql_matcher m;
    for (size_t i = span.from; promql_selector(q, &i, &s) && s.all.to <= span.to;) {
        for (size_t k = 0; promql_matcher(q, &s, &k, &m);) {
            if (is_code_label(m.label))
                return true;
        }
    }
    return false;
}

static void lint_division(struct linting *l, size_t at)
{
    struct promql_span left, right;
    promql_sides(l->q, at, &left, &right);
    const char *over = head_of(l->q, left), *under = head_of(l->q, right);
    if (is_rate(over) || is_rate(under))
        found(l, "ratio_of_series", at,
              "divides series by series, and only those with equal labels meet: each 5xx series by itself is "
              "100%%; write sum(%s(...)) / sum(%s(...))", is_rate(over) ? over : "rate",
              is_rate(under) ? under : "rate");
    else if (picks_codes(l->q, left) && !picks_codes(l->q, right) && !has(l->q, left, PROMQL_WORD, "or"))
        found(l, "empty_numerator", left.from,
              "before the first such answer there is no series, and nothing over something is nothing: "
              "'no errors' and 'no metrics' look alike; write (%s(...) or 0 * <denominator>) / <denominator>",
              promql_is_aggregation(over) ? over : "sum");
    bool rates = is_rate(under);
    for (size_t i = right.from; i < right.to && !rates; i++)
        rates = l->q->token[i].kind == PROMQL_WORD && is_rate(l->q->token[i].text);
    if (rates && !has(l->q, right, PROMQL_SIGN, ">") && !has(l->q, right, PROMQL_WORD, "clamp_min"))
        found(l, "nan_on_idle", right.from,
              "without traffic this is 0 / 0 = NaN, which no comparison is true of; write ... / (%s(...) > 0): "
              "then idle is 'no data'", promql_is_aggregation(under) ? under : "sum");
}

/* `... or vector(0)` at the end of everything. */
static void lint_default(struct linting *l)
{
    for (size_t i = 0; i + 3 < l->q->n; i++) {
        if (l->q->token[i].kind == PROMQL_OPEN)
            i = l->q->token[i].pair;
        else if (promql_is(&l->q->token[i], PROMQL_WORD, "or") &&
                 promql_is(&l->q->token[i + 1], PROMQL_WORD, "vector"))
            found(l, "empty_is_zero", i,
                  "when the metric is gone (a crashed exporter, a renamed label), the answer is a healthy "
                  "constant; write `or vector(0)` around the numerator only");
    }
}

void config_lint(struct hd_arena *a, const char *query, const char *label, struct config_lints *ret)
{
    struct promql q;
    struct hd_error err;
    struct linting l = {.a = a, .q = &q, .label = label, .ret = ret};
    ret->n = 0;
    if (promql_read(a, query, &q, &err)) {
        ret->item[ret->n++] = (struct config_lint){"not_promql", arena_text(a, err.text), 0};
        return;
    }
    struct promql_selector s;
    for (size_t i = 0; promql_selector(&q, &i, &s);)
        lint_selector(&l, &s);
    lint_colours(&l);
    for (size_t i = 0; i < q.n; i++) {
        if (promql_is(&q.token[i], PROMQL_SIGN, "/"))
            lint_division(&l, i);
    }
    lint_default(&l);
}
