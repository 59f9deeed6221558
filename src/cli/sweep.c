/* SPDX-License-Identifier: Apache-2.0
 *
 * See sweep.h. Collects no evidence and knows no source: the same polls are judged again and again
 * by the one engine. Called by backtest.c.
 */
#include "cli/sweep.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

/* The limits that can be swept, in the order in which one is chosen. */
static const struct {
    const char *name;
    size_t offset;
} limits[] = {
    {"max", offsetof(struct hd_check, max)},
    {"min", offsetof(struct hd_check, min)},
    {"worse_than_baseline", offsetof(struct hd_check, worse_than_baseline)},
    {"min_of_baseline", offsetof(struct hd_check, min_of_baseline)},
};
#define N_LIMITS (sizeof limits / sizeof *limits)

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

const char *sweep_limit(const struct hd_check *c)
{
    size_t row = limit_row(c);
    return row < N_LIMITS ? limits[row].name : NULL;
}

static bool read_value(const char *text, size_t n, double *ret)
{
    char copy[32];
    double factor = 1;
    if (!n || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (copy[n - 1] == '%') {
        copy[n - 1] = '\0';
        factor = .01;
    }
    if (!str_read_double(copy, ret))
        return false;
    *ret *= factor;
    return true;
}

enum hd_code sweep_read(struct hd_arena *a, const char *text, struct sweep *ret,
                        struct hd_error *err)
{
    const char *at = strrchr(text, '=');
    if (!at || at == text)
        return hd_fail(err, HD_INVALID, "'%s' is not CHECK=LIMIT,LIMIT,...", text);
    *ret = (struct sweep){.check = arena_text_n(a, text, (size_t)(at - text))};
    do {
        size_t n = strcspn(++at, ",");
        if (ret->n == SWEEP_VALUES_MAX)
            return hd_fail(err, HD_INVALID, "more than %d limits", SWEEP_VALUES_MAX);
        if (!read_value(at, n, &ret->value[ret->n++]))
            return hd_fail(err, HD_INVALID, "'%.*s' is not a limit", (int)n, at);
        at += n;
    } while (*at);
    return HD_OK;
}

bool sweep_default(const struct hd_check *c, struct sweep *ret)
{
    static const double factors[] = {.25, .5, 1, 2, 4};
    struct hd_check copy = *c;
    size_t row = limit_row(c);
    if (row == N_LIMITS)
        return false;
    *ret = (struct sweep){.check = c->name};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        ret->value[ret->n++] = *limit_at(&copy, row) * factors[i];
    return true;
}

/* The policy of the trial with another limit of the check; as it is where it has no such check. */
static enum hd_code run_with(const struct sweep *s, double value, const struct trial *t,
                             struct trial_end *ret, bool *ret_own, struct hd_error *err)
{
    struct hd_policy policy = *t->policy;
    struct hd_check checks[HD_CHECKS_MAX];
    memcpy(checks, policy.checks, policy.n_checks * sizeof *checks);
    policy.checks = checks;
    for (uint32_t i = 0; i < policy.n_checks; i++) {
        size_t row = limit_row(&checks[i]);
        if (!str_is(checks[i].name, s->check) || row == N_LIMITS)
            continue;
        *ret_own |= fabs(*limit_at(&checks[i], row) - value) <= 1e-12 * fabs(value);
        *limit_at(&checks[i], row) = value;
    }
    return trial_run(t, &policy, ret, err);
}

enum hd_code sweep_run(const struct sweep *s, const struct trial *const *trials, size_t n,
                       struct sweep_row ret[SWEEP_VALUES_MAX], struct hd_error *err)
{
    for (size_t v = 0; v < s->n; v++) {
        struct sweep_row r = {.value = s->value[v]};
        for (size_t i = 0; i < n; i++) {
            struct trial_end end;
            if (run_with(s, r.value, trials[i], &end, &r.own, err))
                return err->code;
            bool reverts = end.verdict.kind == HD_VERDICT_FAIL;
            r.reverts += reverts;
            r.real += reverts && trials[i]->truth == TRIAL_BAD;
            r.false_ones += reverts && trials[i]->truth == TRIAL_GOOD;
            r.missed += !reverts && trials[i]->truth == TRIAL_BAD;
        }
        ret[v] = r;
    }
    return HD_OK;
}

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
    else if (unknown != r->reverts) {
        buf_print(&b, ", %zu real, %zu false", r->real, r->false_ones);
        if (unknown)
            buf_print(&b, ", %zu unknown", unknown);
    }
    if (r->missed)
        buf_print(&b, ", %zu missed", r->missed);
    return arena_text(a, buf_at(&b));
}
