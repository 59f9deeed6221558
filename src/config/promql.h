/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of PromQL as lints need: words, brackets, selectors, and what stands on both sides of a
 * division. Never decides whether a text is PromQL: the server does. Called by lint.c and by the
 * command line's online lints.
 */
#ifndef CONFIG_PROMQL_H
#define CONFIG_PROMQL_H

#include <haldane/types.h>

enum promql_kind {
    PROMQL_WORD,   /* name of anything */
    PROMQL_TEXT,   /* a quoted text */
    PROMQL_NUMBER, /* or a duration */
    PROMQL_HOLE,   /* {{word}} of a template */
    PROMQL_SIGN,   /* operator, comma */
    PROMQL_OPEN,
    PROMQL_CLOSE,
};

struct promql_token {
    uint8_t kind;
    const char *text; /* of a TEXT without its quotes, escapes undone; of a HOLE the word */
    size_t at;        /* byte in the query */
    size_t pair;      /* OPEN, CLOSE: index of the other one */
};

struct promql {
    struct promql_token *token;
    size_t n;
};

/* HD_PARSE: brackets or quotes do not fit; the text says which. */
enum hd_code promql_read(struct hd_arena *, const char *query, struct promql *ret, struct hd_error *err);

/* Tokens [from, to). */
struct promql_span {
    size_t from, to;
};

struct promql_selector {
    const char *metric;       /* NULL: nameless */
    struct promql_span braces; /* what stands between { and }; empty: none */
    struct promql_span range;  /* between [ and ]; empty: an instant */
    struct promql_span all;
    const char *call;          /* innermost function around it; NULL */
};

/* The next selector at or after token *i; false: no more. */
bool promql_selector(const struct promql *, size_t *i, struct promql_selector *ret);

/* One `label op "value"` of a selector; *i walks over its braces. A hole is skipped. */
struct promql_matcher {
    const char *label, *sign, *value;
    size_t at;
};
bool promql_matcher(const struct promql *, const struct promql_selector *, size_t *i,
                    struct promql_matcher *ret);

/* The operands of the division at token i. */
void promql_sides(const struct promql *, size_t i, struct promql_span *ret_left,
                  struct promql_span *ret_right);

bool promql_is(const struct promql_token *, enum promql_kind, const char *text);
bool promql_is_aggregation(const char *word);

#endif
