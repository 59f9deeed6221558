/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard of up to two checks under `rule: sequential`, fed with counts; and known random numbers for them.
 * For the tests of engine/weigh.h; static functions only.
 */
#ifndef WEIGH_GUARD_H
#define WEIGH_GUARD_H

#include "engine/past.h"
#include "engine/weigh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_OF __attribute__((unused)) static

#define POLL_MS 5000
#define POLLS 240
#define STEPS 2160
#define LIMIT 6

/* A known stream of numbers (xorshift64*), and counts near their mean. */
struct rng {
    uint64_t x;
};

GUARD_OF double uniform(struct rng *r)
{
    r->x ^= r->x >> 12;
    r->x ^= r->x << 25;
    r->x ^= r->x >> 27;
    return (double)((r->x * 0x2545f4914f6cdd1dULL) >> 11) / 9007199254740992.0;
}

/* Poisson by multiplying, in parts that do not underflow. */
GUARD_OF double count(struct rng *r, double mean)
{
    double n = 0;
    for (; mean > 0; mean -= 500) {
        double limit = exp(-fmin(mean, 500)), product = uniform(r);
        for (; product > limit; n++)
            product *= uniform(r);
    }
    return n;
}

/* --- a guard of two checks --- */

struct world {
    struct hd_check check[2];
    struct hd_policy policy;
    struct hd_guard_state state;
    struct hd_verdict verdict;
    int64_t t_ms, scrape_ms;
    uint32_t share_ppm;
    int ended, pages; /* poll */
};

GUARD_OF void world_init(struct world *w, size_t n_checks)
{
    *w = (struct world){.share_ppm = 100000};
    for (size_t i = 0; i < 2; i++) {
        w->check[i] = (struct hd_check){
            .name = i ? "slow" : "errors", .unit = "share", .max = NAN, .min = NAN, .warn = NAN,
            .worse_than_baseline = NAN, .min_of_baseline = NAN, .tolerance = 1.15,
            .tolerance_abs = NAN, .weight = 1, .min_samples = 100,
            .fail_after = {HD_RULE_SEQUENTIAL, 3, 0},
        };
    }
    w->check[1].query.classify = HD_CLASSIFY_BUCKET;
    w->policy = (struct hd_policy){
        .checks = w->check, .n_checks = (uint32_t)n_checks,
        .on_inconclusive = HD_ON_INCONCLUSIVE_PAGE,
        .guard = {.duration_ms = POLLS * POLL_MS, .interval_ms = POLL_MS, .blind_for_ms = 120000,
                  .fail_after = {HD_RULE_SEQUENTIAL, 3, 0}, .pass_score = NAN,
                  .false_rollbacks = 0.01, .tolerance = 1.15, .ignore_blips_ms = 20000},
    };
}

GUARD_OF void world_start(struct world *w) { engine_state_init(&w->policy, &w->state); }

GUARD_OF void step(struct world *w, const struct hd_evidence *e)
{
    struct hd_error err;
    bool open = w->state.kind == HD_VERDICT_NONE;
    assert_int_equal(engine_step(&w->policy, &w->state, e, w->t_ms, &w->state, &w->verdict, &err),
                     HD_OK);
    w->pages += w->verdict.page;
    if (open && w->state.kind != HD_VERDICT_NONE)
        w->ended = (int)e->poll;
}

/* What both sides showed in one poll; exposure < 0: no measurement. */
struct counts_of_poll {
    struct seq_arm side[HD_ROLES][2];
};

GUARD_OF void poll_at(struct world *w, uint32_t poll, int64_t t_ms, const struct counts_of_poll *c)
{
    struct hd_measurement m[4];
    struct hd_evidence e = {.poll = poll, .scrape_ms = w->scrape_ms, .m = m};
    w->t_ms = t_ms;
    for (uint8_t r = 0; r < HD_ROLES; r++) {
        e.presence[r] = (struct hd_presence){
            w->share_ppm != 0, r == HD_CANDIDATE ? w->share_ppm : 1000000 - w->share_ppm, 3, 3};
        for (uint8_t i = 0; i < w->policy.n_checks; i++) {
            if (c->side[r][i].exposure >= 0)
                m[e.n++] = (struct hd_measurement){
                    .check = i, .role = r, .outcome = HD_OUTCOME_OK, .fresh = true,
                    .events = c->side[r][i].events, .exposure = c->side[r][i].exposure,
                    .value = NAN, .covers_ms = POLL_MS};
        }
    }
    step(w, &e);
}

GUARD_OF void poll(struct world *w, uint32_t number, const struct counts_of_poll *c)
{
    poll_at(w, number, (int64_t)number * POLL_MS, c);
}

GUARD_OF struct seq_arm draw(struct rng *r, double requests, double share)
{
    double n = requests < 0 ? -1 : count(r, requests), e = n > 0 ? count(r, n * share) : 0;
    return (struct seq_arm){e < n ? e : fmax(n, 0), n};
}

/* Three hours of stable at this share of errors, as evidence of before the switch. */
GUARD_OF void learn(struct world *w, struct rng *r, double requests, double share)
{
    static double events[STEPS], exposure[STEPS];
    struct hd_past past[2];
    struct hd_evidence e = {.before = true, .past = past};
    for (uint32_t i = 0; i < w->policy.n_checks; i++) {
        for (size_t k = 0; k < STEPS; k++) {
            struct seq_arm a = draw(r, requests, share);
            events[k] = a.events;
            exposure[k] = a.exposure;
        }
        struct history h = {events, exposure, STEPS};
        e.n_past += past_learn(&w->policy, i, &h, POLL_MS, &past[e.n_past]);
    }
    step(w, &e);
}

#endif
