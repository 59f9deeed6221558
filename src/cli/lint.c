/* SPDX-License-Identifier: Apache-2.0
 *
 * See lint.h. Takes the selectors of what a check sends and asks for each: how many series are
 * there, which matcher takes the last one away, how often is it scraped. Reads only, and a handful
 * of small answers each.
 */
#include "cli/lint.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "cli/table.h"
#include "config/promql.h"

#define LOOK_S 600     /* how far back scrapes are counted */
#define SHOWN_MAX 8    /* values, labels or names in one sentence */
#define SELECTORS_MAX 8 /* of one query */
#define WIDE 10000.0   /* series under one number: the source works for it at every poll */

struct linting {
    struct asker *asker;
    struct hd_arena *a;
    const struct hd_config *config;
    const struct hd_policy *policy;
    const struct hd_check *check;
    const struct hd_datasource *source;
    const struct promql *q;
    const char *text; /* of the query */
    size_t n;
};

static void say(struct linting *l, const char *slug, const char *format, ...) HD_PRINTF(3, 4);
static void say(struct linting *l, const char *slug, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprint(l->a, format, args);
    va_end(args);
    (void)printf("%s/%s: %s: %s\n", l->policy->name, l->check->name, slug, table_clean(l->a, text));
    l->n++;
}

static bool series_of(struct linting *l, const char *expression, struct hd_rows *ret)
{
    struct hd_error err;
    return !ask_expression(l->asker, l->a, l->config, l->source, expression, ret, &err);
}

/* The one number of an expression; 0: it has none, -1: the source gave no answer. */
static double number_of(struct linting *l, const char *expression)
{
    struct hd_rows rows;
    if (!series_of(l, expression, &rows))
        return -1;
    return rows.n && rows.row[0].n ? rows.row[0].point[0].value : 0;
}

/* --- what there is instead --- */

/* Adds the names (value NULL) or the values of one label of a series, without what is there. */
static void collect(struct linting *l, const char *series, const char *label, const char **seen, size_t *n)
{
    struct promql p;
    struct hd_error err;
    if (!series || promql_read(l->a, series, &p, &err))
        return;
    for (size_t i = 0; i + 2 < p.n && *n < SHOWN_MAX; i++) {
        if (p.token[i].kind != PROMQL_WORD || p.token[i + 2].kind != PROMQL_TEXT)
            continue;
        const char *word = label ? p.token[i + 2].text : p.token[i].text;
        bool wanted = label ? str_is(p.token[i].text, label) : !str_is(word, "__name__");
        for (size_t k = 0; k < *n && wanted; k++)
            wanted = !str_is(seen[k], word);
        if (wanted)
            seen[(*n)++] = word;
    }
}

/* "a, b, c": labels (label NULL) or values of a label in the series of an expression. */
static const char *there_are(struct linting *l, const char *expression, const char *label)
{
    const char *seen[SHOWN_MAX];
    size_t n = 0;
    struct hd_rows rows = {.n = 0};
    BUF_AUTO b = BUF_INIT(1000);
    (void)series_of(l, expression, &rows);
    for (size_t i = 0; i < rows.n; i++)
        collect(l, rows.row[i].series, label, seen, &n);
    for (size_t i = 0; i < n; i++)
        buf_print(&b, "%s%s", i ? ", " : "", *seen[i] ? seen[i] : "\"\"");
    return n ? arena_text(l->a, buf_at(&b)) : "none";
}

/* --- one selector --- */

static const char *quoted(const struct linting *l, const char *text)
{
    return hd_provider_find(l->source->plugin.type)->quote(l->a, text);
}

/* Names that begin like it. */
static void lint_metric(struct linting *l, const char *metric)
{
    size_t stem = strcspn(metric, "_");
    const char *like = arena_print(l->a, "topk(%d, count by (__name__) ({__name__=~%s}))", SHOWN_MAX,
                                   quoted(l, arena_print(l->a, "%.*s_.*", (int)stem, metric)));
    say(l, "metric_absent", "there is no series %s; of that family there are: %s", metric,
        there_are(l, like, "__name__"));
}

/* What takes the last series away. */
static void lint_matcher(struct linting *l, const char *metric, const struct promql_matcher *m)
{
    const char *value = quoted(l, m->value);
    if (number_of(l, arena_print(l->a, "count(%s{%s%s%s})", metric, m->label, m->sign, value)) != 0)
        return;
    if (number_of(l, arena_print(l->a, "count(%s{%s!=\"\"})", metric, m->label)) == 0) {
        say(l, "label_absent", "%s has no label '%s'; it has: %s", metric, m->label,
            there_are(l, arena_print(l->a, "topk(3, %s)", metric), NULL));
        return;
    }
    const char *values = there_are(
        l, arena_print(l->a, "topk(%d, count by (%s) (%s))", SHOWN_MAX, m->label, metric), m->label);
    const char *wide = arena_print(l->a, ".*(%s).*", m->value);
    bool inside = str_is(m->sign, "=~") &&
                  number_of(l, arena_print(l->a, "count(%s{%s=~%s})", metric, m->label, quoted(l, wide))) > 0;
    say(l, "value_absent", "no series of %s has %s%s%s; there are: %s%s", metric, m->label, m->sign, value,
        values, inside ? ". A regular expression covers the whole value: .* is missing at one of its ends" : "");
}

static void lint_absent(struct linting *l, const struct promql_selector *s)
{
    if (!s->metric)
        return;
    if (number_of(l, arena_print(l->a, "count(%s)", s->metric)) == 0) {
        lint_metric(l, s->metric);
        return;
    }
    size_t before = l->n;
    struct promql_matcher m;
    for (size_t i = 0; promql_matcher(l->q, s, &i, &m);)
        lint_matcher(l, s->metric, &m);
    if (l->n == before)
        say(l, "no_series", "each matcher of %s fits some series, and all of them together none", s->metric);
}

static void lint_window(struct linting *l, const struct promql_selector *s, const char *plain)
{
    char want[STR_TIME_MAX], now[STR_TIME_MAX];
    int64_t ms;
    if (s->range.to == s->range.from || !str_read_duration(l->q->token[s->range.from].text, &ms))
        return;
    double scrapes = number_of(l, arena_print(l->a, "max(count_over_time(%s[%ds]))", plain, LOOK_S));
    if (scrapes < 3) /* it began just now */
        return;
    int64_t scrape_ms = (int64_t)(LOOK_S * 1000 / scrapes + 500) / 1000 * 1000;
    if (ms < 4 * scrape_ms)
        say(l, "short_window", "[%s] holds fewer than four scrapes of %s, which come every %s: write [%s]",
            l->q->token[s->range.from].text, s->metric ? s->metric : "it", str_duration_exact(scrape_ms, now),
            str_duration_exact(4 * scrape_ms, want));
}

static void lint_selector(struct linting *l, const struct promql_selector *s)
{
    size_t end = s->braces.to ? s->braces.to + 1 : s->all.from + 1; /* without its range */
    size_t from = l->q->token[s->all.from].at;
    size_t to = end < l->q->n ? l->q->token[end].at : strlen(l->text);
    const char *plain = arena_text_n(l->a, l->text + from, to - from);
    double n = number_of(l, arena_print(l->a, "count(%s)", plain));
    bool raw = l->check->query.kind != HD_QUERY_GAUGE;
    if (n < 0)
        return;
    if (n == 0)
        lint_absent(l, s);
    else if (raw && n > (double)l->config->limits.series)
        say(l, "too_many_series", "%.0f series, and limits.series is %lld: narrow it with `with: {job: ...}`", n,
            (long long)l->config->limits.series);
    else if (!raw && n > WIDE)
        say(l, "too_many_series", "%.0f series are added up at every poll: narrow the selector of %s, or "
            "let a recording rule do it", n, s->metric ? s->metric : "it");
    if (n > 0)
        lint_window(l, s, plain);
}

static void lint_text(struct linting *l, const char *text)
{
    struct promql q;
    struct hd_error err;
    struct promql_selector s;
    if (promql_read(l->a, text, &q, &err))
        return;
    l->q = &q;
    l->text = text;
    for (size_t i = 0, n = 0; n < SELECTORS_MAX && promql_selector(&q, &i, &s); n++)
        lint_selector(l, &s);
}

size_t lint_check(struct asker *asker, const struct hd_config *config, const struct hd_policy *policy,
                  const struct hd_check *check)
{
    ARENA_AUTO a = arena_new();
    const struct hd_datasource *source = &config->datasources[check->datasource];
    const struct hd_provider *p = hd_provider_find(source->plugin.type);
    struct linting l = {.asker = asker, .a = a, .config = config, .policy = policy, .check = check,
                        .source = source};
    if (!p || !p->counts || !p->quote)
        return 0;
    for (uint32_t i = 0; i < (check->query.by_label ? 1 : policy->n_colours); i++) {
        if (check->query.text[i])
            lint_text(&l, check->query.text[i]);
    }
    return l.n;
}
