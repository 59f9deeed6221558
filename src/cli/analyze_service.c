/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane analyze SERVICE`: judges a time of the past by the service's own checks, one colour
 * against another, or against another time. The evidence is what a guard would have got, and the
 * one engine decides. Acts on nothing, stores nothing.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/cause.h"
#include "base/reason.h"
#include "base/str.h"
#include "cli/analyze.h"
#include "cli/recall.h"
#include "cli/table.h"
#include "json/json.h"

#define AHEAD_MS 60000 /* so far our clock may go before the source's */
#define POLLS_MAX 50000 /* three days of polls each 5 s */

struct analysis {
    const struct cli_args *args;
    struct hd_arena *arena;
    const struct hd_config *config;
    struct hd_policy policy; /* the service's, for as long as the analysis looks */
    struct trial trial;
    int64_t from_ms, to_ms, stable_from_ms; /* stable_from: 0: of the same time */
    const struct config *loaded;
    struct config *versions; /* its service, asked for versions; NULL: for colours */
    struct hd_guard_state state;
    struct hd_verdict verdict;
    struct hd_error err;
};

static int fail(const struct analysis *x)
{
    return cli_fail(CLI_USAGE, "%s", x->err.text);
}

/* --- what is asked --- */

static int colour_index(const struct hd_policy *p, const char *name)
{
    for (uint32_t i = 0; name && i < p->n_colours; i++)
        if (str_is(p->colours[i].name, name))
            return (int)i;
    return -1;
}

static const char *colour_of(const struct hd_policy *p, const char *name)
{
    int i = colour_index(p, name);
    return i < 0 ? NULL : p->colours[i].name;
}

/* Without --stable: the side with the fixed role, or the only other one. */
static const char *other_of(const struct hd_policy *p, const char *candidate)
{
    if (p->kind == HD_KIND_CANARY)
        return p->colours[p->stable].name;
    return p->n_colours == 2 ? p->colours[str_is(p->colours[0].name, candidate)].name : NULL;
}

static int read_sides(struct analysis *x)
{
    const struct hd_policy *p = &x->policy;
    const char *candidate = cli_option(x->args, "candidate"),
               *stable = cli_option(x->args, "stable");
    if (!candidate && p->kind == HD_KIND_CANARY)
        candidate = p->colours[p->candidate].name;
    if (!candidate)
        return cli_usage(x->args, "--candidate COLOUR: whom to judge");
    x->trial.candidate = colour_of(p, candidate);
    if (!stable)
        stable = x->stable_from_ms ? candidate : other_of(p, candidate);
    if (!stable)
        return cli_usage(x->args, "--stable COLOUR: against whom");
    x->trial.stable = colour_of(p, stable);
    if (!x->trial.candidate || !x->trial.stable)
        return cli_usage(x->args, "service %s has no colour '%s'", p->name,
                         x->trial.candidate ? stable : candidate);
    if (str_is(x->trial.candidate, x->trial.stable) && !x->stable_from_ms)
        return cli_usage(x->args, "--stable-from T: against which time of %s", stable);
    return CLI_OK;
}

/* The places of the policy that the sides take: of a colour its own, of a version one that is free. */
static int places(struct analysis *x, const char *const label[HD_ROLES], int ret[HD_ROLES])
{
    static const char *const colour_option[] = {[HD_STABLE] = "stable", [HD_CANDIDATE] = "candidate"};
    const struct hd_policy *p = &x->policy;
    for (int r = 0; r < HD_ROLES; r++) {
        const char *colour = cli_option(x->args, colour_option[r]);
        ret[r] = colour_index(p, colour);
        if (colour && label[r])
            return cli_usage(x->args, "--%s and --%s-label: one of them", colour_option[r], colour_option[r]);
        if (colour && ret[r] < 0)
            return cli_usage(x->args, "service %s has no colour '%s'", p->name, colour);
        if (!colour && !label[r] && (r == HD_CANDIDATE || !x->stable_from_ms))
            return cli_usage(x->args, "--%s-label VALUE or --%s COLOUR: which side is not said", colour_option[r],
                             colour_option[r]);
    }
    for (int r = 0; r < HD_ROLES; r++) {
        int fixed = r == HD_STABLE ? p->stable : p->candidate;
        if (ret[r] < 0 && label[r])
            ret[r] = fixed >= 0 ? fixed : ret[1 - r] >= 0 ? ret[1 - r] == 0 : r == HD_CANDIDATE;
    }
    if (ret[HD_STABLE] < 0) /* the candidate at another time */
        ret[HD_STABLE] = ret[HD_CANDIDATE];
    return CLI_OK;
}

/* Versions take the places of colours, and their names. */
static int read_versions(struct analysis *x)
{
    const char *label[HD_ROLES] = {[HD_STABLE] = cli_option(x->args, "stable-label"),
                                   [HD_CANDIDATE] = cli_option(x->args, "candidate-label")},
               *value[HD_SIDES_MAX] = {NULL};
    int at[HD_ROLES];
    if (label[0] && str_is(label[0], label[1])) {
        if (!x->stable_from_ms)
            return cli_usage(x->args, "--stable-from T: against which time of %s", label[0]);
        label[HD_STABLE] = NULL;
    }
    int status = places(x, label, at);
    if (status)
        return status;
    for (int r = 0; r < HD_ROLES; r++)
        value[at[r]] = label[r] ? label[r] : value[at[r]];
    if (config_relabel(x->loaded, config_service(x->loaded, x->policy.name), value, &x->versions, &x->err))
        return fail(x);
    x->config = config_get(x->versions);
    x->policy = *config_service(x->versions, x->policy.name);
    struct hd_colour *colours = arena_copy(x->arena, x->policy.colours, x->policy.n_colours * sizeof *colours);
    for (int r = 0; r < HD_ROLES; r++)
        colours[at[r]].name = label[r] ? label[r] : colours[at[r]].name;
    x->policy.colours = colours;
    x->trial.stable = colours[at[HD_STABLE]].name;
    x->trial.candidate = colours[at[HD_CANDIDATE]].name;
    return CLI_OK;
}

/* Whole polls, so that the last one ends the guard. */
static int read_times(struct analysis *x, int64_t now_ms)
{
    int64_t interval = x->policy.guard.interval_ms;
    int status = trial_range(x->args, now_ms, &x->from_ms, &x->to_ms);
    const char *stable_from = cli_option(x->args, "stable-from");
    if (status)
        return status;
    if (!x->from_ms)
        x->from_ms = x->to_ms - x->policy.guard.duration_ms;
    if (stable_from && !trial_time(stable_from, now_ms, &x->stable_from_ms))
        return cli_usage(x->args, "--stable-from is a time, or how long ago, not '%s'",
                         stable_from);
    if (x->to_ms > now_ms + AHEAD_MS)
        return cli_usage(x->args, "--to is still to come");
    if (x->stable_from_ms && x->stable_from_ms + (x->to_ms - x->from_ms) > now_ms + AHEAD_MS)
        return cli_usage(x->args, "the time that begins at --stable-from, as long as the other, is not over yet");
    x->from_ms = x->from_ms / interval * interval;
    x->to_ms = x->to_ms / interval * interval;
    x->stable_from_ms = x->stable_from_ms / interval * interval;
    int64_t polls = (x->to_ms - x->from_ms) / interval;
    if (polls < 1 || polls > POLLS_MAX)
        return cli_usage(x->args, "from 1 to %d polls of %lld s can be judged at once, not %lld",
                         POLLS_MAX, (long long)(interval / 1000), (long long)polls);
    return CLI_OK;
}

/* --- evidence --- */

/* The polls of a time, and what stable's own past taught. The minutes before are left out: it is no
 * switch, and they would make a check that stable failed advisory. */
static enum hd_code collect(struct analysis *x, struct asker *asker, struct trial *t,
                            int64_t from_ms)
{
    t->policy = &x->policy;
    t->switch_ms = from_ms;
    if (recall_collect(asker, x->arena, x->config, t, from_ms + x->policy.guard.duration_ms, NULL,
                       NULL, &x->err))
        return x->err.code;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!t->evidence[i].evidence.before || t->evidence[i].evidence.n_past)
            t->evidence[n++] = t->evidence[i];
    t->n = n;
    return HD_OK;
}

/* The poll with stable's part from `old`. */
static void take_stable(struct hd_arena *a, struct hd_evidence *poll, const struct hd_evidence *old)
{
    struct hd_measurement *m = arena_copy(a, poll->m, poll->n * sizeof *m);
    for (size_t k = 0; k < poll->n && k < old->n; k++)
        if (m[k].role == HD_STABLE)
            m[k] = old->m[k];
    poll->m = m;
    poll->scrape_ms = old->scrape_ms > poll->scrape_ms ? old->scrape_ms : poll->scrape_ms;
}

/* Stable's past, and its part of each poll, come from another time. */
static enum hd_code collect_two(struct analysis *x, struct asker *asker)
{
    struct trial now = {.candidate = x->trial.candidate}, then = {.stable = x->trial.stable};
    enum hd_code code = collect(x, asker, &now, x->from_ms);
    if (!code)
        code = collect(x, asker, &then, x->stable_from_ms);
    if (code)
        return code;
    struct store_evidence *e = arena_many(x->arena, then.n, struct store_evidence);
    size_t n = 0, next = 0;
    for (size_t i = 0; i < then.n; i++) {
        const struct hd_evidence *old = &then.evidence[i].evidence;
        while (next < now.n && now.evidence[next].evidence.before)
            next++;
        if (old->before) {
            e[n++] = then.evidence[i];
        } else if (next < now.n) {
            e[n] = now.evidence[next++];
            take_stable(x->arena, &e[n++].evidence, old);
        }
    }
    x->trial.evidence = e;
    x->trial.n = n;
    return HD_OK;
}

static enum hd_code judge(struct analysis *x)
{
    engine_state_init(&x->policy, &x->state);
    for (size_t i = 0; i < x->trial.n; i++) {
        const struct store_evidence *e = &x->trial.evidence[i];
        if (engine_step(&x->policy, &x->state, &e->evidence, e->t_ms, &x->state, &x->verdict,
                        &x->err))
            return hd_error_add(&x->err, "poll %u", e->evidence.poll);
    }
    return HD_OK;
}

/* --- the result --- */

static void put_check(struct json_out *out, const struct hd_check *c,
                      const struct hd_check_state *s)
{
    json_begin(out, NULL, '{');
    json_put_text(out, "check", c->name);
    json_put_text(out, "band", hd_band_word(s->tripped ? HD_BAND_FAIL : s->band));
    json_put_bool(out, "tripped", s->tripped);
    json_put_double(out, "value", s->tripped ? s->worst_value : s->value);
    json_put_double(out, "stable", s->tripped ? s->worst_stable : s->stable_value);
    json_put_double(out, "limit", s->tripped ? s->worst_limit : s->limit);
    json_put_text(out, "unit", c->unit);
    json_put_double(out, "n", s->sum_exposure);
    json_put_i64(out, "judged", s->judged);
    json_put_i64(out, "broken", s->broken);
    json_put_i64(out, "shared", s->shared);
    json_end(out, '}');
}

static void print_json(struct analysis *x)
{
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "service", x->policy.name);
    json_put_text(&out, "candidate", x->trial.candidate);
    json_put_text(&out, "stable", x->trial.stable);
    json_put_time(&out, "from", x->from_ms);
    json_put_time(&out, "to", x->to_ms);
    json_put_time(&out, "stable_from", x->stable_from_ms ? x->stable_from_ms : -1);
    json_put_text(&out, "verdict", hd_verdict_word(x->verdict.kind));
    json_put_text(&out, "cause", hd_cause_word(x->verdict.cause));
    json_put_double(&out, "score", x->verdict.score);
    json_put_i64(&out, "polls", x->state.polls);
    json_begin(&out, "checks", '[');
    for (uint32_t i = 0; i < x->policy.n_checks; i++)
        put_check(&out, &x->policy.checks[i], &x->state.check[i]);
    json_end(&out, ']');
    json_begin(&out, "reasons", '[');
    for (size_t i = 0; i < x->verdict.n; i++)
        trial_put_reason(&out, x->verdict.reason[i].number,
                         trial_reason(x->arena, &x->trial, &x->policy, &x->verdict.reason[i]));
    json_end(&out, ']');
    json_end(&out, '}');
    (void)puts(buf_at(&b));
}

static void print_checks(struct analysis *x)
{
    struct hd_arena *a = x->arena;
    struct table t = {.arena = a, .columns = 7};
    table_row(&t, "CHECK", "BAND", x->trial.candidate,
              x->stable_from_ms ? arena_print(a, "%s then", x->trial.stable) : x->trial.stable,
              "LIMIT", "REQUESTS", "POLLS");
    for (uint32_t i = 0; i < x->policy.n_checks; i++) {
        const struct hd_check *c = &x->policy.checks[i];
        const struct hd_check_state *s = &x->state.check[i];
        table_row(&t, c->name, hd_band_word(s->tripped ? HD_BAND_FAIL : s->band),
                  table_value(a, s->tripped ? s->worst_value : s->value, c->unit),
                  table_value(a, s->tripped ? s->worst_stable : s->stable_value, c->unit),
                  table_value(a, s->tripped ? s->worst_limit : s->limit, c->unit),
                  c->query.kind == HD_QUERY_GAUGE ? NULL : table_count(a, s->sum_exposure),
                  arena_print(a, "%u of %u broken", s->broken, s->judged));
    }
    table_print(&t, stdout);
}

static void print_text(struct analysis *x)
{
    struct hd_arena *a = x->arena;
    const struct cause_facts facts = {.verdict = x->verdict.kind, .cause = x->verdict.cause,
                                      .first = x->verdict.n ? x->verdict.reason[0].number : 0,
                                      .stable = x->trial.stable, .candidate = x->trial.candidate};
    BUF_AUTO cause = BUF_INIT(2 * HD_TEXT_MAX + 400);
    (void)printf("%s, %s against %s", x->policy.name, x->trial.candidate, x->trial.stable);
    if (x->stable_from_ms)
        (void)printf(" of %s", table_time(a, x->stable_from_ms));
    (void)printf(", %s to %s\nverdict %s", table_time(a, x->from_ms),
                 table_time(a, x->to_ms), hd_verdict_word(x->verdict.kind));
    (void)(isnan(x->verdict.score) ? printf("\n\n") : printf(", score %.3g\n\n", x->verdict.score));
    print_checks(x);
    (void)puts("");
    for (size_t i = 0; i < x->verdict.n; i++)
        (void)printf("%s\n",
                     table_clean(a, trial_reason(a, &x->trial, &x->policy, &x->verdict.reason[i])));
    cause_say(&cause, &facts);
    if (cause.len)
        (void)printf("the release? %s\n", table_clean(a, buf_at(&cause)));
}

/* --- haldane analyze SERVICE --- */

/* By the engine, or by --rule. */
static int judge_evidence(struct analysis *x)
{
    static const int status_of[] = {[HD_VERDICT_NONE] = CLI_INCONCLUSIVE,
                                    [HD_VERDICT_PASS] = CLI_OK,
                                    [HD_VERDICT_FAIL] = CLI_ADVISED,
                                    [HD_VERDICT_INCONCLUSIVE] = CLI_INCONCLUSIVE};
    if (cli_option(x->args, "rule"))
        return analyze_rule(x->args, x->arena, &x->trial);
    if (judge(x))
        return fail(x);
    if (cli_json(x->args))
        print_json(x);
    else
        print_text(x);
    return status_of[x->verdict.kind];
}

static int analyze(struct analysis *x)
{
    ASKER_AUTO asker = NULL;
    int64_t now_ms;
    const char *rule = cli_option(x->args, "rule");
    if (rule && !str_is(rule, "kayenta"))
        return cli_usage(x->args, "--rule is kayenta, or left out, not '%s'", rule);
    if (!x->policy.n_checks)
        return cli_fail(CLI_USAGE, "service %s has no checks", x->policy.name);
    if (ask_open(&asker, &x->err) ||
        ask_clock(asker, x->arena, x->config, &x->policy, &x->policy.checks[0], &now_ms, &x->err))
        return fail(x);
    int status = read_times(x, now_ms);
    bool versions = cli_option(x->args, "candidate-label") || cli_option(x->args, "stable-label");
    if (!status)
        status = versions ? read_versions(x) : read_sides(x);
    if (status)
        return status;
    x->policy.guard.duration_ms = x->to_ms - x->from_ms;
    x->policy.on_inconclusive = HD_ON_INCONCLUSIVE_PAGE; /* the end is the end */
    x->trial.policy = &x->policy;
    if (x->stable_from_ms ? collect_two(x, asker) : collect(x, asker, &x->trial, x->from_ms))
        return fail(x);
    return judge_evidence(x);
}

int analyze_service(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    struct analysis *x = arena_of(a, struct analysis);
    struct config *config = cli_load(cli_config_file(cli_option(args, "config")), NULL);
    if (!config)
        return CLI_USAGE;
    const struct hd_policy *policy = config_service(config, cli_word(args, 0));
    x->args = args;
    x->arena = a;
    x->loaded = config;
    x->config = config_get(config);
    int status;
    if (policy) {
        x->policy = *policy;
        status = analyze(x);
    } else {
        status = cli_unknown_service(config, cli_word(args, 0));
    }
    config_unref(x->versions);
    config_unref(config);
    return status;
}
