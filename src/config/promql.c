/* SPDX-License-Identifier: Apache-2.0
 *
 * See promql.h.
 */
#include "config/promql.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define DEPTH_MAX 64 /* brackets in brackets; people write four */

bool promql_is(const struct promql_token *t, enum promql_kind kind, const char *text)
{
    return t->kind == kind && str_is(t->text, text);
}

static bool any_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (str_is(*words, word))
            return true;
    }
    return false;
}

bool promql_is_aggregation(const char *word)
{
    static const char *const words[] = {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count",
                                        "count_values", "bottomk", "topk", "quantile", NULL};
    return any_of(word, words);
}

/* Words before a list of labels. */
static bool before_labels(const char *word)
{
    static const char *const words[] = {"by", "without", "on", "ignoring", "group_left", "group_right", NULL};
    return any_of(word, words);
}

static bool is_keyword(const char *word)
{
    static const char *const words[] = {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end",
                                        "atan2", NULL};
    return before_labels(word) || any_of(word, words);
}

/* --- tokens --- */

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == ':'; }

/* Length of "{{word}}" at p; 0: none. */
static size_t hole_at(const char *p)
{
    if (!str_begins(p, "{{") || !isalpha((unsigned char)p[2]))
        return 0;
    size_t n = 2;
    while (is_word(p[n]))
        n++;
    return str_begins(p + n, "}}") ? n + 2 : 0;
}

/* A quoted text without its quotes; NULL: it has no end. */
static const char *read_quoted(struct hd_arena *a, const char **at)
{
    char quote = **at;
    BUF_AUTO b = BUF_INIT(HD_QUERY_BYTES_MAX);
    const char *p = *at + 1;
    for (; *p && *p != quote; p++) {
        if (*p == '\\' && quote != '`' && p[1])
            p++;
        buf_byte(&b, *p);
    }
    if (!*p)
        return NULL;
    *at = p + 1;
    return arena_text(a, buf_at(&b));
}

static size_t sign_len(const char *p)
{
    static const char *const two[] = {"=~", "!~", "!=", "==", ">=", "<=", NULL};
    for (size_t i = 0; two[i]; i++) {
        if (str_begins(p, two[i]))
            return 2;
    }
    return 1;
}

struct reader {
    struct hd_arena *a;
    struct promql *out;
    const char *begin;
    size_t open[DEPTH_MAX], depth;
};

static enum hd_code read_bracket(struct reader *r, char c, struct promql_token *t, struct hd_error *err)
{
    static const char opens[] = "([{", closes[] = ")]}";
    const char *close = strchr(closes, c);
    t->kind = close ? PROMQL_CLOSE : PROMQL_OPEN;
    if (!close) {
        if (r->depth == DEPTH_MAX)
            return hd_fail(err, HD_PARSE, "more than %d brackets in brackets", DEPTH_MAX);
        r->open[r->depth++] = r->out->n;
        return HD_OK;
    }
    struct promql_token *other = r->depth ? &r->out->token[r->open[--r->depth]] : NULL;
    if (!other || *other->text != opens[close - closes])
        return hd_fail(err, HD_PARSE, "'%c' at byte %zu closes nothing", c, t->at);
    t->pair = (size_t)(other - r->out->token);
    other->pair = r->out->n;
    return HD_OK;
}

static enum hd_code read_token(struct reader *r, const char **at, struct hd_error *err)
{
    struct promql_token *t = &r->out->token[r->out->n];
    const char *p = *at;
    size_t n = hole_at(p);
    *t = (struct promql_token){.at = (size_t)(p - r->begin)};
    if (n) {
        t->kind = PROMQL_HOLE;
        t->text = arena_text_n(r->a, p + 2, n - 4);
    } else if (*p == '"' || *p == '\'' || *p == '`') {
        t->kind = PROMQL_TEXT;
        t->text = read_quoted(r->a, at);
        if (!t->text)
            return hd_fail(err, HD_PARSE, "the quote at byte %zu has no end", t->at);
        r->out->n++;
        return HD_OK;
    } else {
        while (is_word(p[n]) || (n && p[n] == '.' && isdigit((unsigned char)*p)))
            n++;
        t->kind = !n ? PROMQL_SIGN : isdigit((unsigned char)*p) ? PROMQL_NUMBER : PROMQL_WORD;
        n = n ? n : sign_len(p);
        t->text = arena_text_n(r->a, p, n);
        if (t->kind == PROMQL_SIGN && strchr("()[]{}", *p)) {
            enum hd_code code = read_bracket(r, *p, t, err);
            if (code)
                return code;
        }
    }
    r->out->n++;
    *at = p + n;
    return HD_OK;
}

enum hd_code promql_read(struct hd_arena *a, const char *query, struct promql *ret, struct hd_error *err)
{
    struct promql q = {.token = arena_many(a, strlen(query) + 1, struct promql_token)};
    struct reader r = {.a = a, .out = &q, .begin = query};
    for (const char *p = query; *p;) {
        if (isspace((unsigned char)*p)) {
            p++;
        } else if (*p == '#') {
            p += strcspn(p, "\n");
        } else {
            enum hd_code code = read_token(&r, &p, err);
            if (code)
                return code;
        }
    }
    if (r.depth)
        return hd_fail(err, HD_PARSE, "'%s' at byte %zu is not closed", q.token[r.open[r.depth - 1]].text,
                       q.token[r.open[r.depth - 1]].at);
    *ret = q;
    return HD_OK;
}

/* --- selectors --- */

/* The function whose brackets are the innermost around token i; NULL: none. */
static const char *call_around(const struct promql *q, size_t i)
{
    while (i--) {
        const struct promql_token *t = &q->token[i];
        if (t->kind == PROMQL_CLOSE) {
            i = t->pair;
            continue;
        }
        if (!promql_is(t, PROMQL_OPEN, "("))
            continue;
        const struct promql_token *before = i ? t - 1 : NULL;
        if (before && before->kind == PROMQL_CLOSE && before->pair) /* sum by (x) (...) */
            before = q->token + before->pair - 1;
        if (before && before->kind == PROMQL_WORD && before_labels(before->text) && before > q->token)
            before--;
        if (before && before->kind == PROMQL_WORD && !is_keyword(before->text))
            return before->text;
    }
    return NULL;
}

static bool opens(const struct promql *q, size_t i, const char *bracket)
{
    return i < q->n && promql_is(&q->token[i], PROMQL_OPEN, bracket);
}

bool promql_selector(const struct promql *q, size_t *i, struct promql_selector *ret)
{
    for (; *i < q->n; (*i)++) {
        const struct promql_token *t = &q->token[*i];
        bool word = t->kind == PROMQL_WORD, nameless = promql_is(t, PROMQL_OPEN, "{");
        if (word && before_labels(t->text)) {
            if (opens(q, *i + 1, "("))
                *i = q->token[*i + 1].pair;
            continue;
        }
        if (promql_is(t, PROMQL_OPEN, "[")) { /* of a subquery */
            *i = t->pair;
            continue;
        }
        if (!nameless && (!word || is_keyword(t->text) || opens(q, *i + 1, "(") ||
                          promql_is_aggregation(t->text)))
            continue;
        *ret = (struct promql_selector){.metric = word ? t->text : NULL, .call = call_around(q, *i)};
        ret->all.from = *i;
        *i += word;
        if (opens(q, *i, "{")) {
            ret->braces = (struct promql_span){*i + 1, q->token[*i].pair};
            *i = q->token[*i].pair + 1;
        }
        if (opens(q, *i, "[")) {
            ret->range = (struct promql_span){*i + 1, q->token[*i].pair};
            *i = q->token[*i].pair + 1;
        }
        ret->all.to = *i;
        return true;
    }
    return false;
}

bool promql_matcher(const struct promql *q, const struct promql_selector *s, size_t *i,
                    struct promql_matcher *ret)
{
    for (*i = *i < s->braces.from ? s->braces.from : *i; *i + 2 < s->braces.to; (*i)++) {
        const struct promql_token *t = &q->token[*i];
        if (t->kind != PROMQL_WORD || t[1].kind != PROMQL_SIGN || t[2].kind != PROMQL_TEXT)
            continue;
        *ret = (struct promql_matcher){t->text, t[1].text, t[2].text, t->at};
        *i += 3;
        return true;
    }
    return false;
}

/* --- operands --- */

/* From the last token of an operand to its first: f(x), sum(x) by (l), m{..}[..], (...). */
static size_t operand_begin(const struct promql *q, size_t i)
{
    for (;;) {
        if (q->token[i].kind == PROMQL_CLOSE)
            i = q->token[i].pair;
        const struct promql_token *before = i ? &q->token[i - 1] : NULL;
        bool word = before && before->kind == PROMQL_WORD;
        if (q->token[i].kind != PROMQL_OPEN || !before || (!word && before->kind != PROMQL_CLOSE) ||
            (word && is_keyword(before->text) && !before_labels(before->text)))
            return i;
        i--;
        if (word && i && before_labels(before->text))
            i--;
    }
}

/* One past the last token of the operand that begins at i. */
static size_t operand_end(const struct promql *q, size_t i)
{
    while (i + 1 < q->n && promql_is(&q->token[i], PROMQL_SIGN, "-"))
        i++;
    for (;; i++) {
        if (q->token[i].kind == PROMQL_OPEN)
            i = q->token[i].pair;
        if (i + 1 >= q->n)
            return q->n;
        const struct promql_token *next = &q->token[i + 1];
        if (next->kind != PROMQL_OPEN && !(next->kind == PROMQL_WORD && before_labels(next->text)))
            return i + 1;
    }
}

void promql_sides(const struct promql *q, size_t i, struct promql_span *ret_left,
                  struct promql_span *ret_right)
{
    *ret_left = (struct promql_span){i ? operand_begin(q, i - 1) : 0, i};
    size_t right = i + 1;
    while (right < q->n && q->token[right].kind == PROMQL_WORD && is_keyword(q->token[right].text))
        right = opens(q, right + 1, "(") ? q->token[right + 1].pair + 1 : right + 1;
    *ret_right = (struct promql_span){right, right < q->n ? operand_end(q, right) : q->n};
}
