/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as evidence: doubles with any bits, times, outcomes, pasts, presence. The engine takes
 * them in, ends at most once, names every outcome, and fails no guard whose candidate was never
 * observed and never silent.
 */
#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"

#define STEPS_MAX 256 /* of one input */
#define RECORD 48

enum { ERRORS, SLOW, RATE, GAUGE, CHECKS };

static const struct hd_policy *policy(void)
{
    static struct hd_check check[CHECKS];
    static struct hd_policy p;
    for (int i = 0; i < CHECKS; i++) {
        check[i] = (struct hd_check){
            .name = "check", .unit = "share", .max = i == SLOW ? 0.01 : NAN, .min = NAN,
            .warn = NAN, .worse_than_baseline = NAN, .min_of_baseline = i == RATE ? 0.5 : NAN,
            .tolerance = 1.15, .tolerance_abs = NAN, .weight = 1, .min_samples = 10,
            .fail_after = {HD_RULE_SEQUENTIAL, 3, 0},
        };
    }
    check[SLOW].query.classify = HD_CLASSIFY_BUCKET;
    check[SLOW].fail_after.kind = HD_RULE_K_OF_N;
    check[SLOW].fail_after.n = 5;
    check[RATE].query.kind = HD_QUERY_RATE;
    check[GAUGE].query.kind = HD_QUERY_GAUGE;
    p = (struct hd_policy){
        .checks = check, .n_checks = CHECKS, .on_inconclusive = HD_ON_INCONCLUSIVE_WAIT,
        .guard = {.duration_ms = 600000, .interval_ms = 5000, .blind_for_ms = 60000,
                  .fail_after = {HD_RULE_SEQUENTIAL, 3, 0}, .pass_score = NAN,
                  .false_rollbacks = 0.01, .tolerance = 1.15, .ignore_blips_ms = 20000},
    };
    return &p;
}

static double double_at(const uint8_t *at)
{
    double v;
    memcpy(&v, at, sizeof v);
    return at[8] & 1 ? v : (double)(at[0] | at[1] << 8); /* half of them are small counts */
}

static struct hd_measurement measurement_at(const uint8_t *r)
{
    int64_t time[2];
    memcpy(time, r + 32, sizeof time);
    return (struct hd_measurement){
        .check = r[0] % CHECKS, .role = r[1] % HD_ROLES, .outcome = r[2] & 1 ? r[3] % 8 : HD_OUTCOME_OK,
        .fresh = !(r[2] & 2), .events = double_at(r + 4), .exposure = double_at(r + 13),
        .value = double_at(r + 22), .age_ms = time[0], .covers_ms = r[2] & 4 ? time[1] : 5000};
}

static struct hd_past past_at(const uint8_t *r)
{
    struct hd_past past = {.check = r[0] % CHECKS, .step_ms = r[1] * 1000, .limit = double_at(r + 31)};
    past.rho = double_at(r + 4);
    past.between = double_at(r + 13);
    past.events = double_at(r + 22);
    past.exposure = past.polls[0] = past.bad[1] = double_at(r + 4);
    past.bad[0] = past.polls[1] = double_at(r + 13);
    return past;
}

static bool fit(const struct hd_measurement *m)
{
    return m->role == HD_CANDIDATE && m->outcome == HD_OUTCOME_OK && m->fresh;
}

static void check_verdict(const struct hd_guard_state *g, const struct hd_verdict *v, bool observed)
{
    if (g->kind == HD_VERDICT_FAIL && !observed)
        abort();
    for (size_t i = 0; i < v->n; i++) {
        if (strcmp(reason_slug(v->reason[i].number), "?") == 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hd_guard_state state;
    struct hd_verdict verdict;
    struct hd_error err;
    bool observed = false;
    int64_t t_ms = 0;
    engine_state_init(policy(), &state);
    for (int i = 0; i < STEPS_MAX && size >= 2 * RECORD; i++, data += 2 * RECORD, size -= 2 * RECORD) {
        struct hd_measurement m[2] = {measurement_at(data), measurement_at(data + RECORD)};
        struct hd_past past = past_at(data);
        struct hd_evidence e = {.poll = (uint32_t)i + 1, .before = data[3] & 0x80, .m = m,
                                .n = m[0].check == m[1].check && m[0].role == m[1].role ? 1 : 2,
                                .scrape_ms = data[5] * 1000, .past = &past};
        e.n_past = e.before;
        for (int r = 0; r < HD_ROLES; r++)
            e.presence[r] = (struct hd_presence){data[6] & 1, data[7] * 4000u, data[8] % 3, 2};
        observed |= !e.before && (fit(&m[0]) || fit(&m[1]) || e.presence[HD_CANDIDATE].known ||
                                  m[0].outcome != HD_OUTCOME_OK || m[1].outcome != HD_OUTCOME_OK);
        t_ms += data[9] & 1 ? 5000 : (int64_t)(int8_t)data[10] * 100;
        if (engine_step(policy(), &state, &e, t_ms, &state, &verdict, &err))
            abort();
        check_verdict(&state, &verdict, observed);
    }
    return 0;
}
