/* SPDX-License-Identifier: Apache-2.0
 *
 * See trial.h. Called by replay, analyze, backtest and bench.
 */
#include "cli/trial.h"

#include <math.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"

enum hd_code trial_read(struct store *s, struct hd_arena *a, const char *id,
                        struct store_guard *ret_guard, struct trial *ret, struct hd_error *err)
{
    struct trial t = {.n = 0};
    enum hd_code code = store_guard(s, a, id, ret_guard, err);
    if (!code)
        code = store_evidence(s, a, id, &t.evidence, &t.n, err);
    if (!code)
        code = store_inputs(s, a, id, &t.input, &t.n_inputs, err);
    if (code)
        return code;
    t.name = arena_text(a, ret_guard->id);
    t.switch_ms = ret_guard->switch_to_ms;
    t.stable = ret_guard->stable;
    t.candidate = ret_guard->candidate;
    *ret = t;
    return HD_OK;
}

/* Those that came before the next poll; `all`: after the last one. */
static void take_inputs(const struct trial *t, size_t *at, bool all, struct hd_guard_state *state,
                        struct hd_verdict *verdict)
{
    for (; *at < t->n_inputs && (all || t->input[*at].polls <= state->polls); ++*at) {
        if (t->as_it_was || t->input[*at].kind == ENGINE_EXTENDED)
            engine_take(&t->input[*at], state, verdict);
    }
}

enum hd_code trial_load(struct store *s, struct hd_arena *a, const char *id,
                        struct store_guard *ret_guard, struct trial *ret, struct hd_error *err)
{
    enum hd_code code = store_begin(s, err); /* one moment for all */
    if (!code)
        code = trial_read(s, a, id, ret_guard, ret, err);
    store_rollback(s);
    return code;
}

enum hd_code trial_run(const struct trial *t, const struct hd_policy *policy, struct trial_end *ret,
                       struct hd_error *err)
{
    struct hd_guard_state state;
    struct hd_verdict verdict = {.score = NAN};
    size_t input = 0;
    engine_state_init(policy, &state);
    *ret = (struct trial_end){.verdict = verdict, .t_ms = -1};
    for (size_t i = 0; i < t->n && ret->verdict.kind == HD_VERDICT_NONE; i++) {
        const struct store_evidence *e = &t->evidence[i];
        take_inputs(t, &input, false, &state, &ret->verdict);
        if (ret->verdict.kind != HD_VERDICT_NONE) /* an order's or an alert's */
            break;
        if (engine_step(policy, &state, &e->evidence, e->t_ms, &state, &verdict, err))
            return hd_error_add(err, "poll %u", e->evidence.poll);
        if (e->evidence.before) /* what the minutes before say is no verdict yet */
            continue;
        ret->verdict = verdict;
        if (verdict.kind != HD_VERDICT_NONE)
            ret->t_ms = e->t_ms;
    }
    take_inputs(t, &input, true, &state, &ret->verdict);
    return HD_OK;
}

const char *trial_reason(struct hd_arena *a, const struct trial *t, const struct hd_policy *policy,
                         const struct hd_reason *reason)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names = {.check = checks,
                                 .unit = units,
                                 .n_checks = policy->n_checks,
                                 .side = {t->stable, t->candidate}};
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        checks[i] = policy->checks[i].name;
        units[i] = policy->checks[i].unit;
    }
    BUF_AUTO b = BUF_INIT(1000);
    reason_render(&b, reason, &names);
    return arena_text(a, buf_at(&b));
}

void trial_put_reason(struct json_out *out, int number, const char *text)
{
    json_begin(out, NULL, '{');
    json_put_i64(out, "number", number);
    json_put_text(out, "slug", reason_slug(number));
    json_put_text(out, "text", text);
    json_end(out, '}');
}

int trial_newest(struct store *store, struct hd_arena *a, const char *service, struct store_filter filter,
                 const char **ret_id)
{
    struct str_near near = {.word = service};
    struct store_guard *guard;
    struct store_service *known;
    struct hd_error err;
    size_t n;
    filter.service = service;
    filter.limit = 1;
    if (store_guards(store, a, &filter, &guard, &n, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    *ret_id = n ? guard[0].id : "";
    if (n)
        return CLI_OK;
    if (store_services(store, a, &known, &n, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    for (size_t i = 0; i < n; i++) {
        if (str_is(known[i].name, service))
            return CLI_OK;
        str_near_offer(&near, known[i].name);
    }
    return cli_no_service(&near);
}

bool trial_time(const char *text, int64_t now_ms, int64_t *ret)
{
    int64_t ago;
    if (str_read_time(text, ret))
        return true;
    if (!str_read_duration(text, &ago))
        return false;
    *ret = now_ms - ago;
    return true;
}

int trial_range(const struct cli_args *args, int64_t now_ms, int64_t *ret_from_ms,
                int64_t *ret_to_ms)
{
    static const char *const names[] = {"from", "to"};
    int64_t *const to[] = {ret_from_ms, ret_to_ms};
    *ret_from_ms = 0;
    *ret_to_ms = now_ms;
    for (int i = 0; i < 2; i++) {
        const char *text = cli_option(args, names[i]);
        if (text && !trial_time(text, now_ms, to[i]))
            return cli_usage(args,
                             "--%s is a time such as 2026-11-20T03:00:00Z, or how long ago (24h), "
                             "not '%s'",
                             names[i], text);
    }
    if (*ret_from_ms >= *ret_to_ms)
        return cli_usage(args, "--from is not before --to");
    return CLI_OK;
}
