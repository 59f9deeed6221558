/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_judge.h. Checks are the share of errors, and the shares slower than the bounds that the
 * run's own history picks; half of the weight is on errors. Called by bench.c and
 * tests/bench/verdict.
 */
#include "cli/bench_judge.h"

#include <math.h>

#include "base/arena.h"
#include "engine/engine.h"
#include "engine/past.h"
#include "engine/weigh.h"

#define PICKED_MAX 3
#define CHECKS_MAX (1 + PICKED_MAX)
#define CANARY_PPM 100000u
#define HOLD_BACK_PPM 20000u

struct bench {
    const struct bench_head *head;
    const struct bench_run *run;
    struct hd_check check[CHECKS_MAX];
    uint32_t column[CHECKS_MAX];
    struct hd_policy policy;
    bool with_stable; /* somebody looks at the old version after the switch */
};

static int64_t ms_of(double s)
{
    return (int64_t)(s * 1000 + .5);
}

/* Columns of the history side by side, as the engine learns from them. */
static void histories(struct hd_arena *a, const struct bench_series *s, struct history *ret)
{
    double *exposure = arena_many(a, s->polls, double);
    for (uint32_t i = 0; i < s->polls; i++)
        exposure[i] = bench_row(s, i)[BENCH_REQUESTS];
    for (uint32_t c = BENCH_ERRORS; c < s->columns; c++) {
        double *events = arena_many(a, s->polls, double);
        for (uint32_t i = 0; i < s->polls; i++)
            events[i] = bench_row(s, i)[c];
        ret[c] = (struct history){events, exposure, s->polls};
    }
}

static void add_check(struct bench *b, uint32_t column, double weight)
{
    static const char *const names[] = {"errors", "slow-1", "slow-2", "slow-3"};
    uint32_t i = b->policy.n_checks++;
    b->column[i] = column;
    b->check[i] = (struct hd_check){
        .name = names[i],
        .title = names[i],
        .unit = "share",
        .query = {.kind = HD_QUERY_COUNTS,
                  .classify = column == BENCH_ERRORS ? HD_CLASSIFY_KEYS : HD_CLASSIFY_BUCKET},
        .max = NAN,
        .min = NAN,
        .warn = NAN,
        .worse_than_baseline = NAN,
        .min_of_baseline = NAN,
        .fail_after = {.kind = HD_RULE_SEQUENTIAL, .k = 1},
        .tolerance = 1.15,
        .tolerance_abs = NAN,
        .weight = weight,
        .min_samples = 1,
    };
}

static void make_policy(struct bench *b, const struct bench_rule *rule, const struct history *h)
{
    size_t pick[PICKED_MAX];
    size_t n = past_pick_bounds(h + BENCH_SLOWER, b->head->n_bounds, pick);
    b->policy = (struct hd_policy){
        .name = "bench",
        .stable = -1,
        .candidate = -1,
        .checks = b->check,
        .guard = {.duration_ms = ms_of(b->head->polls * b->head->poll_s),
                  .interval_ms = ms_of(b->head->poll_s),
                  .fail_after = {.kind = HD_RULE_CONSECUTIVE, .k = 3},
                  .false_rollbacks = rule->false_rollbacks,
                  .tolerance = 1.15,
                  .tolerance_abs = NAN,
                  .ignore_blips_ms = 20000,
                  .pass_score = NAN},
        .on_inconclusive = HD_ON_INCONCLUSIVE_PAGE,
    };
    add_check(b, BENCH_ERRORS, n ? .5 : 1);
    for (size_t i = 0; i < n; i++)
        add_check(b, BENCH_SLOWER + (uint32_t)pick[i], .5 / (double)n);
    b->with_stable = b->run->stable.polls && (!b->head->guard || rule->probes);
}

/* --- evidence --- */

static void measure(const struct bench *b, uint32_t check, enum hd_role role, const double *row,
                    struct hd_measurement *ret)
{
    *ret = (struct hd_measurement){.check = (uint8_t)check,
                                   .role = (uint8_t)role,
                                   .fresh = true,
                                   .events = row[b->column[check]],
                                   .exposure = row[BENCH_REQUESTS],
                                   .value = NAN,
                                   .covers_ms = b->policy.guard.interval_ms};
}

static enum hd_code step(const struct bench *b, uint32_t poll, struct hd_guard_state *state,
                         struct hd_verdict *verdict, struct hd_error *err)
{
    struct hd_measurement m[CHECKS_MAX * HD_ROLES];
    struct hd_evidence e = {.poll = poll + 1, .scrape_ms = ms_of(b->head->scrape_s), .m = m};
    uint32_t stable = !b->head->guard ? 1000000 - CANARY_PPM : b->with_stable ? HOLD_BACK_PPM : 0;
    e.presence[HD_STABLE] = (struct hd_presence){true, stable, UINT32_MAX, UINT32_MAX};
    e.presence[HD_CANDIDATE] = (struct hd_presence){true, 1000000 - stable, UINT32_MAX, UINT32_MAX};
    for (uint32_t i = 0; i < b->policy.n_checks; i++) {
        measure(b, i, HD_CANDIDATE, bench_row(&b->run->candidate, poll), &m[e.n++]);
        if (b->with_stable)
            measure(b, i, HD_STABLE, bench_row(&b->run->stable, poll), &m[e.n++]);
    }
    return engine_step(&b->policy, state, &e, ms_of((poll + 1) * b->head->poll_s), state, verdict,
                       err);
}

static enum hd_code learn(const struct bench *b, const struct history *h,
                          struct hd_guard_state *state, struct hd_error *err)
{
    struct hd_past past[CHECKS_MAX];
    struct hd_verdict verdict;
    struct hd_evidence e = {.poll = 1, .before = true, .past = past};
    int64_t step_ms = ms_of(b->head->history_poll_s);
    for (uint32_t i = 0; i < b->policy.n_checks; i++)
        e.n_past += past_learn(&b->policy, i, &h[b->column[i]], step_ms, &past[e.n_past]);
    return engine_step(&b->policy, state, &e, 0, state, &verdict, err);
}

enum hd_code bench_judge(struct hd_arena *a, const struct bench_head *head,
                         const struct bench_run *run, const struct bench_rule *rule,
                         struct bench_end *ret, struct hd_error *err)
{
    struct bench b = {.head = head, .run = run};
    struct history h[BENCH_COLUMNS_MAX];
    struct hd_guard_state *state = arena_of(a, struct hd_guard_state);
    struct hd_verdict *verdict = arena_of(a, struct hd_verdict);
    struct bench_end end = {NAN, NAN};
    histories(a, &run->history, h);
    make_policy(&b, rule, h);
    engine_state_init(&b.policy, state);
    enum hd_code code = learn(&b, h, state, err);
    for (uint32_t i = 0; !code && i < head->polls; i++) {
        code = step(&b, i, state, verdict, err);
        if (code || state->kind != HD_VERDICT_NONE)
            break;
    }
    if (code)
        return hd_error_add(err, "run %u", run->run);
    int64_t healthy_ms = weigh_view(state).healthy_ms;
    if (healthy_ms > 0)
        end.healthy_s = (double)healthy_ms / 1000;
    if (state->kind == HD_VERDICT_FAIL)
        end.rollback_s = (double)state->t_ms / 1000;
    *ret = end;
    return HD_OK;
}
