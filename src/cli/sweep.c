/* SPDX-License-Identifier: Apache-2.0
 *
 * See sweep.h. Collects no evidence and knows no source: the same polls are judged again and again
 * by the one engine. Called by backtest.c.
 */
#include "cli/sweep.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"

/* The limits that can be swept, in the order in which one is chosen. */
static const struct {
    const char *name;
    size_t offset;
    bool factor;
} limits[] = {
    {"max", offsetof(struct hd_check, max), false},
    {"min", offsetof(struct hd_check, min), false},
    {"worse_than_baseline", offsetof(struct hd_check, worse_than_baseline), true},
    {"min_of_baseline", offsetof(struct hd_check, min_of_baseline), true},
};
#define N_LIMITS (sizeof limits / sizeof *limits)

/* What the sequential rule was given, and what to try instead. */
static const struct {
    enum sweep_of of;
    const char *name, *unit;
    double least, most; /* both excluded, and included */
    double usual[5];
} rules[] = {
    {SWEEP_FALSE_ROLLBACKS, "false_rollbacks", "share", 0, .5, {.001, .005, .01, .05, .1}},
    {SWEEP_TOLERANCE, "tolerance", "x", .999999, 100, {1.05, 1.15, 1.3, 1.5, 2}},
};
#define N_RULES (sizeof rules / sizeof *rules)

static double *limit_at(struct hd_check *c, size_t row)
{
    return (double *)((char *)c + limits[row].offset);
}

/* N_LIMITS: none. */
static size_t limit_row(const struct hd_check *c)
{
    struct hd_check copy = *c;
    size_t row = 0;
    while (row < N_LIMITS && !isfinite(*limit_at(&copy, row)))
        row++;
    return row;
}

static bool is_sequential(const struct hd_check *c)
{
    return c->fail_after.kind == HD_RULE_SEQUENTIAL;
}

/* What a gauge's past taught holds for one tolerance only, and a check may have its own. */
static bool inherits(const struct hd_policy *p, const struct hd_check *c)
{
    return is_sequential(c) && c->query.kind != HD_QUERY_GAUGE && c->tolerance == p->guard.tolerance;
}

static bool has_rule(const struct hd_policy *p, enum sweep_of of)
{
    for (uint32_t i = 0; i < p->n_checks; i++) {
        const struct hd_check *c = &p->checks[i];
        if (of == SWEEP_TOLERANCE ? inherits(p, c) : is_sequential(c))
            return true;
    }
    return false;
}

static double own_of(const struct hd_policy *p, enum sweep_of of)
{
    return of == SWEEP_TOLERANCE ? p->guard.tolerance : p->guard.false_rollbacks;
}

/* --- what is asked --- */

/* "0.5%", "1.5x", "450ms" where the value is a time, "12". */
static bool read_value(const char *text, size_t n, const char *unit, double *ret)
{
    char copy[32];
    int64_t ms;
    if (!n || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    char last = copy[n - 1];
    if (str_is(unit, "s") && str_read_duration(copy, &ms)) {
        *ret = (double)ms / 1000;
        return true;
    }
    if (last == '%' || last == 'x')
        copy[n - 1] = '\0';
    if (!str_read_double(copy, ret))
        return false;
    *ret *= last == '%' ? .01 : 1;
    return true;
}

static const struct hd_check *check_named(const struct hd_policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (str_is(p->checks[i].name, name) && limit_row(&p->checks[i]) < N_LIMITS)
            return &p->checks[i];
    }
    return NULL;
}

static enum hd_code unknown(struct hd_arena *a, const struct hd_policy *p, const char *name,
                            struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(4000);
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (limit_row(&p->checks[i]) < N_LIMITS)
            buf_print(&b, "%s%s", b.len ? ", " : "", p->checks[i].name);
    }
    for (size_t i = 0; i < N_RULES; i++) {
        if (has_rule(p, rules[i].of))
            buf_print(&b, "%s%s", b.len ? ", " : "", rules[i].name);
    }
    if (!b.len)
        return hd_fail(err, HD_INVALID, "there is nothing to sweep: no check of %s has a limit", p->name);
    return hd_fail(err, HD_INVALID, "there is no check '%s' with a limit; what can be swept: %s", name,
                   arena_text(a, buf_at(&b)));
}

static void of_check(const struct hd_check *c, struct sweep *ret)
{
    size_t row = limit_row(c);
    *ret = (struct sweep){.of = SWEEP_LIMIT,
                          .check = c->name,
                          .limit = limits[row].name,
                          .unit = limits[row].factor ? "x" : c->unit};
}

static size_t rule_named(const struct hd_policy *p, const char *name)
{
    size_t i = 0;
    while (i < N_RULES && !(str_is(rules[i].name, name) && has_rule(p, rules[i].of)))
        i++;
    return i;
}

enum hd_code sweep_read(struct hd_arena *a, const struct hd_policy *p, const char *text, struct sweep *ret,
                        struct hd_error *err)
{
    const char *at = strrchr(text, '=');
    if (!at || at == text)
        return hd_fail(err, HD_INVALID, "'%s' is not CHECK=LIMIT,LIMIT,...", text);
    const char *name = arena_text_n(a, text, (size_t)(at - text));
    const struct hd_check *c = check_named(p, name);
    size_t rule = c ? N_RULES : rule_named(p, name);
    if (c)
        of_check(c, ret);
    else if (rule == N_RULES)
        return unknown(a, p, name, err);
    else
        *ret = (struct sweep){.of = rules[rule].of, .limit = rules[rule].name, .unit = rules[rule].unit};
    do {
        size_t n = strcspn(++at, ",");
        double value;
        if (ret->n == SWEEP_VALUES_MAX)
            return hd_fail(err, HD_INVALID, "more than %d limits", SWEEP_VALUES_MAX);
        if (!read_value(at, n, ret->unit, &value))
            return hd_fail(err, HD_INVALID, "'%.*s' is not a limit", (int)n, at);
        if (rule < N_RULES && !(value > rules[rule].least && value <= rules[rule].most))
            return hd_fail(err, HD_INVALID, "%s cannot be %.*s", rules[rule].name, (int)n, at);
        ret->row[ret->n++].value = value;
        at += n;
    } while (*at);
    return HD_OK;
}

/* In order, and each value once. */
static void put_value(struct sweep *s, double value)
{
    size_t at = 0;
    while (at < s->n && s->row[at].value < value)
        at++;
    if (at < s->n && fabs(s->row[at].value - value) <= 1e-12 * fabs(value))
        return;
    memmove(&s->row[at + 1], &s->row[at], (s->n - at) * sizeof s->row[0]);
    s->row[at] = (struct sweep_row){.value = value};
    s->n++;
}

size_t sweep_defaults(const struct hd_policy *p, struct sweep ret[SWEEPS_MAX])
{
    static const double factors[] = {.25, .5, 1, 2, 4};
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        struct hd_check copy = p->checks[i];
        size_t row = limit_row(&copy);
        if (row == N_LIMITS)
            continue;
        of_check(&p->checks[i], &ret[n]);
        for (size_t k = 0; k < sizeof factors / sizeof *factors; k++)
            put_value(&ret[n], *limit_at(&copy, row) * factors[k]);
        n++;
    }
    for (size_t i = 0; i < N_RULES; i++) {
        if (!has_rule(p, rules[i].of))
            continue;
        ret[n] = (struct sweep){.of = rules[i].of, .limit = rules[i].name, .unit = rules[i].unit};
        put_value(&ret[n], own_of(p, rules[i].of));
        for (size_t k = 0; k < sizeof rules[i].usual / sizeof *rules[i].usual; k++)
            put_value(&ret[n], rules[i].usual[k]);
        n++;
    }
    return n;
}

/* --- judging --- */

/* The trial's policy with another value; false: it has no such limit. *ret_own: it is its own. */
static bool change(const struct sweep *s, double value, struct hd_policy *p, struct hd_check *checks,
                   bool *ret_own)
{
    double own = NAN;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        size_t row = limit_row(&checks[i]);
        if (s->of == SWEEP_TOLERANCE && inherits(p, &checks[i])) {
            own = p->guard.tolerance;
            checks[i].tolerance = value;
        } else if (s->of == SWEEP_FALSE_ROLLBACKS && is_sequential(&checks[i])) {
            own = p->guard.false_rollbacks;
        } else if (s->of == SWEEP_LIMIT && row < N_LIMITS && str_is(checks[i].name, s->check) &&
                   str_is(limits[row].name, s->limit)) {
            own = *limit_at(&checks[i], row);
            *limit_at(&checks[i], row) = value;
        }
    }
    if (s->of == SWEEP_FALSE_ROLLBACKS)
        p->guard.false_rollbacks = value;
    *ret_own = fabs(own - value) <= 1e-12 * fabs(value);
    return !isnan(own);
}

static void count(struct sweep_row *r, enum trial_truth truth, int kind)
{
    bool reverts = kind == HD_VERDICT_FAIL;
    r->reverts += reverts;
    r->real += reverts && truth == TRIAL_BAD;
    r->false_ones += reverts && truth == TRIAL_GOOD;
    r->cut_short += kind == HD_VERDICT_NONE;
    r->missed += !reverts && kind != HD_VERDICT_NONE && truth == TRIAL_BAD;
}

enum hd_code sweep_add(struct sweep *s, const struct trial *t, struct hd_error *err)
{
    for (size_t v = 0; v < s->n; v++) {
        struct hd_policy policy = *t->policy;
        struct hd_check checks[HD_CHECKS_MAX];
        struct trial_end end;
        bool own;
        memcpy(checks, policy.checks, policy.n_checks * sizeof *checks);
        if (!change(s, s->row[v].value, &policy, checks, &own)) {
            s->without++;
            return HD_OK;
        }
        policy.checks = checks;
        if (trial_run(t, &policy, &end, err))
            return err->code;
        s->row[v].own |= own;
        count(&s->row[v], t->truth, end.verdict.kind);
    }
    s->judged++;
    return HD_OK;
}

/* --- words --- */

static void all_of(struct buf *b, size_t n, const char *what)
{
    buf_print(b, ", %s%s", n == 1 ? "" : n == 2 ? "both " : "all ", what);
}

const char *sweep_text(struct hd_arena *a, const struct sweep_row *r)
{
    BUF_AUTO b = BUF_INIT(200);
    if (r->reverts)
        buf_print(&b, "%zu revert%s", r->reverts, r->reverts > 1 ? "s" : "");
    else
        buf_text(&b, "no revert");
    size_t unknown = r->reverts - r->real - r->false_ones;
    if (r->reverts && r->real == r->reverts)
        all_of(&b, r->reverts, "real");
    else if (r->reverts && r->false_ones == r->reverts)
        all_of(&b, r->reverts, "false");
    else if (r->reverts && unknown == r->reverts)
        all_of(&b, r->reverts, "unknown");
    else if (r->reverts) {
        buf_print(&b, ", %zu real, %zu false", r->real, r->false_ones);
        if (unknown)
            buf_print(&b, ", %zu unknown", unknown);
    }
    if (r->missed)
        buf_print(&b, ", %zu missed", r->missed);
    if (r->cut_short)
        buf_print(&b, ", %zu cut short", r->cut_short);
    return arena_text(a, buf_at(&b));
}

const char *sweep_value(struct hd_arena *a, const struct sweep *s, double value)
{
    BUF_AUTO b = BUF_INIT(64);
    bool factor = str_is(s->unit, "x");
    reason_value(&b, value, factor ? "" : s->unit);
    return arena_print(a, "%s%s", buf_at(&b), factor ? "x" : "");
}
