/* SPDX-License-Identifier: Apache-2.0
 *
 * See lint.h. Takes the selectors of what a check sends and asks for each: how many series are
 * there, which matcher takes the last one away, how often is it scraped. Reads only, and a handful
 * of small answers each.
 */
#include "cli/lint.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "cli/internal.h"
#include "config/promql.h"

#define LOOK_S 600      /* how far back scrapes are counted */
#define SHOWN_MAX 8     /* values, labels or names in one sentence */
#define SEEN_MAX 64     /* of them, to find the one that was meant */
#define SELECTORS_MAX 8 /* of one query */
#define WIDE 10000.0    /* series under one number: the source works for it at every poll */

struct linting {
    struct asker *asker;
    struct hd_arena *a;
    const struct hd_config *config;
    const struct hd_policy *policy;
    const struct hd_check *check;
    const struct hd_datasource *source;
    const struct lint_sides *sides;
    const char *label; /* that tells the colours apart; NULL: not known */
    const struct promql *q;
    const char *text; /* of the query */
    struct lints *found;
};

HD_PRINTF(4, 5) static void say(struct linting *l, const char *slug, enum lint_kind kind, const char *format, ...)
{
    struct lints *f = l->found;
    va_list args;
    va_start(args, format);
    const char *text = arena_vprint(l->a, format, args);
    va_end(args);
    for (size_t i = 0; i < f->n; i++) {
        if (str_is(f->item[i].slug, slug) && str_is(f->item[i].text, text))
            return; /* of the other colour's query */
    }
    if (f->n < LINTS_MAX)
        f->item[f->n++] = (struct lint){slug, text, kind};
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

/* Names (of metrics, labels, values of a label), each once. */
struct names {
    const char *item[SEEN_MAX];
    size_t n;
};

/* Adds the names (value NULL) or the values of one label of a series, without what is there. */
static void collect(struct linting *l, const char *series, const char *label, struct names *to)
{
    struct promql p;
    struct hd_error err;
    if (!series || promql_read(l->a, series, &p, &err))
        return;
    for (size_t i = 0; i + 2 < p.n && to->n < SEEN_MAX; i++) {
        if (p.token[i].kind != PROMQL_WORD || p.token[i + 2].kind != PROMQL_TEXT)
            continue;
        const char *word = label ? p.token[i + 2].text : p.token[i].text;
        bool wanted = label ? str_is(p.token[i].text, label) : !str_is(word, "__name__");
        for (size_t k = 0; k < to->n && wanted; k++)
            wanted = !str_is(to->item[k], word);
        if (wanted)
            to->item[to->n++] = word;
    }
}

/* Labels (label NULL) or values of a label in the series of an expression. */
static struct names names_in(struct linting *l, const char *expression, const char *label)
{
    struct names names = {.n = 0};
    struct hd_rows rows = {.n = 0};
    (void)series_of(l, expression, &rows);
    for (size_t i = 0; i < rows.n; i++)
        collect(l, rows.row[i].series, label, &names);
    return names;
}

/* "a, b, c; did you mean 'b'?" */
static const char *there_are(struct linting *l, const struct names *names, const char *meant)
{
    struct str_near near = {.word = meant};
    BUF_AUTO b = BUF_INIT(4000);
    for (size_t i = 0; i < names->n; i++) {
        str_near_offer(&near, names->item[i]);
        if (i < SHOWN_MAX)
            buf_print(&b, "%s%s", i ? ", " : "", *names->item[i] ? names->item[i] : "\"\"");
        else if (i == SHOWN_MAX)
            buf_text(&b, ", ...");
    }
    if (near.name)
        buf_print(&b, "; did you mean '%s'?", near.name);
    return names->n ? arena_text(l->a, buf_at(&b)) : "none";
}

/* --- one selector --- */

static const char *quoted(const struct linting *l, const char *text)
{
    return hd_provider_find(l->source->plugin.type)->quote(l->a, text);
}

static struct names metrics_like(struct linting *l, const char *glob)
{
    return names_in(l, arena_print(l->a, "topk(%d, count by (__name__) ({__name__=~%s}))", SEEN_MAX, quoted(l, glob)),
                    "__name__");
}

/* Names that begin like it, else those that end like it. */
static void lint_metric(struct linting *l, const char *metric)
{
    size_t stem = strcspn(metric, "_");
    struct names like = metrics_like(l, arena_print(l->a, "%.*s_.*", (int)stem, metric));
    if (!like.n && metric[stem])
        like = metrics_like(l, arena_print(l->a, ".+%s", metric + stem));
    say(l, "metric_absent", LINT_MISSING, "there is no series %s; of that family there are: %s", metric,
        there_are(l, &like, metric));
}

/* What takes the last series away; true: this matcher does. */
static bool lint_matcher(struct linting *l, const char *metric, const struct promql_matcher *m)
{
    const char *value = quoted(l, m->value);
    if (number_of(l, arena_print(l->a, "count(%s{%s%s%s})", metric, m->label, m->sign, value)) != 0)
        return false;
    if (number_of(l, arena_print(l->a, "count(%s{%s!=\"\"})", metric, m->label)) == 0) {
        struct names labels = names_in(l, arena_print(l->a, "topk(3, %s)", metric), NULL);
        say(l, "label_absent", LINT_MISSING, "%s has no label '%s'; it has: %s", metric, m->label,
            there_are(l, &labels, m->label));
        return true;
    }
    if (l->label && str_is(m->label, l->label))
        return true; /* the colours have a lint of their own */
    struct names values = names_in(
        l, arena_print(l->a, "topk(%d, count by (%s) (%s))", SEEN_MAX, m->label, metric), m->label);
    const char *wide = arena_print(l->a, ".*(%s).*", m->value);
    bool inside = str_is(m->sign, "=~") &&
                  number_of(l, arena_print(l->a, "count(%s{%s=~%s})", metric, m->label, quoted(l, wide))) > 0;
    say(l, "value_absent", LINT_MISSING, "no series of %s has %s%s%s; there are: %s%s", metric, m->label, m->sign, value,
        there_are(l, &values, m->value),
        inside ? ". A regular expression covers the whole value: .* is missing at one of its ends" : "");
    return true;
}

static void lint_absent(struct linting *l, const struct promql_selector *s)
{
    if (!s->metric)
        return;
    if (number_of(l, arena_print(l->a, "count(%s)", s->metric)) == 0) {
        lint_metric(l, s->metric);
        return;
    }
    bool explained = false;
    struct promql_matcher m;
    for (size_t i = 0; promql_matcher(l->q, s, &i, &m);)
        explained |= lint_matcher(l, s->metric, &m);
    if (!explained)
        say(l, "no_series", LINT_MISSING, "each matcher of %s fits some series, and all of them together none", s->metric);
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
        say(l, "short_window", LINT_NOTE, "[%s] holds fewer than four scrapes of %s, which come every %s: write [%s]",
            l->q->token[s->range.from].text, s->metric ? s->metric : "it", str_duration_exact(scrape_ms, now),
            str_duration_exact(4 * scrape_ms, want));
}

/* --- programs that nobody told apart --- */

/* Labels by which series of different programs differ, the likeliest first. */
static const struct {
    const char *label, *many;
} origin[] = {{"job", "jobs"}, {"proxy", "proxies"}, {"service", "services"}, {"app", "apps"}, {"namespace", "namespaces"}};
#define ORIGINS (sizeof origin / sizeof *origin)

static const char *label_of(struct linting *l, const char *series, const char *label)
{
    struct names one = {.n = 0};
    collect(l, series, label, &one);
    return one.n ? one.item[0] : "";
}

static bool is_in(const struct names *names, const char *word)
{
    for (size_t i = 0; i < names->n; i++) {
        if (str_is(names->item[i], word))
            return true;
    }
    return false;
}

/* The values of a label in the series of one colour, where there are several; else nothing. */
static struct names mixed(struct linting *l, const struct hd_rows *rows, const char *label)
{
    for (size_t i = 0; i < rows->n; i++) {
        const char *side = l->label ? label_of(l, rows->row[i].series, l->label) : "";
        struct names names = {.n = 0};
        for (size_t k = i; k < rows->n; k++) {
            if (!l->label || str_is(label_of(l, rows->row[k].series, l->label), side))
                collect(l, rows->row[k].series, label, &names);
        }
        if (names.n > 1)
            return names;
    }
    return (struct names){.n = 0};
}

/* What to write, and where. */
static const char *told_apart(struct linting *l, const char *label, const char *value)
{
    if (!l->check->use)
        return arena_print(l->a, "write %s=\"%s\" into its braces", label, value);
    if (str_is(label, "service") || str_is(label, "app")) /* of the library's queries none takes it for this label */
        return arena_print(l->a, "write %s=\"%s\" into the `match` of each colour, beside what it is told by", label, value);
    return arena_print(l->a, "add `with: {%s: %s}`", label, value);
}

static void say_mixed(struct linting *l, const struct promql_selector *s, size_t which, const struct names *names)
{
    const char *own = is_in(names, l->policy->name) ? l->policy->name : "...";
    enum lint_kind kind = LINT_MIXED;
    for (uint32_t i = 0; i < l->config->n_services; i++) {
        const char *other = l->config->services[i].name;
        if (!str_is(other, l->policy->name) && is_in(names, other))
            kind = LINT_FOREIGN;
    }
    say(l, "mixed_series", kind, "one colour has series of %s %s in %s, and all are counted together: %s",
        origin[which].many, there_are(l, names, ""), s->metric ? s->metric : "a selector",
        told_apart(l, origin[which].label, own));
}

/* Series of several programs under one colour. Where the query names the label itself, they are meant. */
static void lint_mixed(struct linting *l, const struct promql_selector *s, const char *plain)
{
    struct promql_matcher m;
    struct hd_rows rows = {.n = 0};
    struct names found[ORIGINS] = {{.n = 0}};
    bool named[ORIGINS] = {false};
    BUF_AUTO by = BUF_INIT(HD_NAME_MAX + 100);
    buf_text(&by, l->label ? l->label : "");
    for (size_t i = 0; promql_matcher(l->q, s, &i, &m);) {
        for (size_t k = 0; k < ORIGINS; k++)
            named[k] |= str_is(m.label, origin[k].label);
    }
    for (size_t k = 0; k < ORIGINS; k++)
        buf_print(&by, "%s%s", by.len ? ", " : "", origin[k].label);
    (void)series_of(l, arena_print(l->a, "topk(%d, count by (%s) (%s))", SEEN_MAX, buf_at(&by), plain), &rows);
    for (size_t k = 0; k < ORIGINS; k++) {
        if (!named[k])
            found[k] = mixed(l, &rows, origin[k].label);
    }
    for (int own = 1; own >= 0; own--) { /* that which has the service's name tells most */
        for (size_t k = 0; k < ORIGINS; k++) {
            if (found[k].n && (!own || is_in(&found[k], l->policy->name))) {
                say_mixed(l, s, k, &found[k]);
                return;
            }
        }
    }
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
        say(l, "too_many_series", LINT_NOTE, "%.0f series, and limits.series is %lld: narrow it with `with: {job: ...}`", n,
            (long long)l->config->limits.series);
    else if (!raw && n > WIDE)
        say(l, "too_many_series", LINT_NOTE, "%.0f series are added up at every poll: narrow the selector of %s, or "
            "let a recording rule do it", n, s->metric ? s->metric : "it");
    if (n > 0) {
        lint_window(l, s, plain);
        lint_mixed(l, s, plain);
    }
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
    l->q = NULL;
    l->text = NULL;
}

/* --- the colours --- */

/* Of a text for each colour: the label whose value differs between the first two. */
static const char *differing_label(struct linting *l)
{
    struct promql q[2];
    struct promql_selector s[2];
    struct promql_matcher m[2];
    struct hd_error err;
    for (size_t i = 0; i < 2; i++) {
        size_t from = 0;
        const char *text = l->check->query.text[i];
        if (!text || promql_read(l->a, text, &q[i], &err) || !promql_selector(&q[i], &from, &s[i]))
            return NULL;
    }
    for (size_t i = 0, k = 0; promql_matcher(&q[0], &s[0], &i, &m[0]) && promql_matcher(&q[1], &s[1], &k, &m[1]);) {
        if (str_is(m[0].label, m[1].label) && !str_is(m[0].value, m[1].value))
            return m[0].label;
    }
    return NULL;
}

/* The values of a label in what a query asks for first, whatever its matcher of that label says. */
static struct names values_of_label(struct linting *l, const char *text, const char *label, const char **ret_metric)
{
    struct promql q;
    struct promql_selector s;
    struct promql_matcher m;
    struct hd_error err;
    size_t from = 0, n = 0;
    BUF_AUTO rest = BUF_INIT(HD_QUERY_BYTES_MAX);
    if (!text || promql_read(l->a, text, &q, &err) || !promql_selector(&q, &from, &s) || !s.metric)
        return (struct names){.n = 0};
    for (size_t i = 0; promql_matcher(&q, &s, &i, &m);) {
        if (!str_is(m.label, label))
            buf_print(&rest, "%s%s%s%s", n++ ? ", " : "", m.label, m.sign, quoted(l, m.value));
    }
    *ret_metric = s.metric;
    return names_in(l, arena_print(l->a, "topk(%d, count by (%s) (%s{%s}))", SEEN_MAX, label, s.metric, buf_at(&rest)),
                    label);
}

static bool is_claimed(const struct hd_policy *policy, const char *value)
{
    bool claimed = false;
    for (uint32_t i = 0; i < policy->n_colours; i++)
        claimed |= str_glob_any(policy->colours[i].label, value);
    return claimed;
}

/* A colour without series. One that has never been deployed looks the same as one that is misspelt: it is
 * missing where a name like it is there and belongs to nobody, or where it has traffic. */
static void lint_colour(struct linting *l, uint32_t colour, bool all)
{
    const struct hd_colour *c = &l->policy->colours[colour];
    const char *metric, *meant = c->label && c->label[0] ? c->label[0] : c->name;
    struct names values = values_of_label(l, l->check->query.text[l->check->query.by_label ? 0 : colour], l->label,
                                          &metric);
    struct str_near near = {.word = meant};
    uint32_t ppm = l->sides->share_ppm[colour];
    if (!values.n) /* said of its metric or label */
        return;
    for (size_t i = 0; i < values.n; i++) {
        if (!is_claimed(l->policy, values.item[i]))
            str_near_offer(&near, values.item[i]);
    }
    bool serves = ppm != HD_UNKNOWN && ppm > 0;
    say(l, "colour_absent", near.name || serves || all ? LINT_MISSING : LINT_NOTE,
        "no series of %s is of colour %s (%s=%s)%s; there are: %s%s", metric, c->name, l->label, meant,
        serves ? ", which has traffic" : "", there_are(l, &values, near.name ? meant : ""),
        near.name || serves || all ? "" : ". If it was never deployed, that is as it should be");
}

static void lint_colours(struct linting *l)
{
    bool all = true;
    for (uint32_t i = 0; i < l->policy->n_colours; i++)
        all &= l->sides->series[i] == 0;
    for (uint32_t i = 0; l->label && i < l->policy->n_colours; i++) {
        if (!l->sides->series[i])
            lint_colour(l, i, all);
    }
}

/* --- the bound of a latency --- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t bounds_of(const struct names *values, double bound[SEEN_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < values->n; i++) {
        if (str_read_double(values->item[i], &bound[n]) && bound[n] > 0)
            n++;
    }
    qsort(bound, n, sizeof *bound, by_size);
    return n;
}

/* A bound between two buckets: those that there are, and the nearest by ratio. */
static void lint_bound(struct linting *l)
{
    const struct hd_query *q = &l->check->query;
    double bound[SEEN_MAX], nearest = 0;
    const char *metric;
    if (q->classify != HD_CLASSIFY_BUCKET || !q->key_label || isnan(q->bound))
        return;
    struct names values = values_of_label(l, q->text[0], q->key_label, &metric);
    size_t n = bounds_of(&values, bound);
    BUF_AUTO list = BUF_INIT(2000);
    for (size_t i = 0; i < n; i++) {
        double off = fabs(log(bound[i] / q->bound));
        if (off < 1e-9)
            return;
        if (nearest == 0 || off < fabs(log(nearest / q->bound)))
            nearest = bound[i];
        buf_print(&list, "%s%s", i ? ", " : "", config_bound_text(l->a, q, bound[i]));
    }
    if (n)
        say(l, "bound_absent", LINT_MISSING, "%s has no bucket at %s; there are: %s; the nearest is %s", metric,
            config_bound_text(l->a, q, q->bound), buf_at(&list), config_bound_text(l->a, q, nearest));
}

void lint_check(struct asker *asker, struct hd_arena *a, const struct hd_config *config,
                const struct hd_policy *policy, const struct hd_check *check, const struct lint_sides *sides,
                struct lints *ret)
{
    const struct hd_datasource *source = &config->datasources[check->datasource];
    const struct hd_provider *p = hd_provider_find(source->plugin.type);
    struct hd_check every = *check; /* while its latency bound is not picked */
    struct linting l = {.asker = asker, .a = a, .config = config, .policy = policy, .check = &every,
                        .source = source, .sides = sides, .found = ret};
    ret->n = 0;
    if (!p || !p->counts || !p->quote)
        return;
    every.query = config_every_bucket(a, config, check);
    l.label = every.query.by_label ? every.query.by_label : differing_label(&l);
    for (uint32_t i = 0; i < (every.query.by_label ? 1 : policy->n_colours); i++) {
        if (every.query.text[i])
            lint_text(&l, every.query.text[i]);
    }
    lint_colours(&l);
    lint_bound(&l);
}
