/* SPDX-License-Identifier: Apache-2.0
 *
 * The sequential rule through engine_step: that it is the arithmetic of sequential.h, whom it blames
 * and when it holds back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/stream.h"
#include "weigh_guard.h"

/* --- the arithmetic --- */

static void equals_the_formulas(void **state)
{
    (void)state;
    struct world w;
    struct rng r = {7};
    struct seq_meter meter;
    struct seq_stream stream[2], *list[2] = {&stream[0], &stream[1]};
    static const double weight[2] = {0.5, 0.5}, offset[2] = {1e-4, 1e-3};
    world_init(&w, 2);
    world_start(&w);
    seq_meter_init(&meter);
    seq_stream_init(&stream[0]);
    seq_stream_init(&stream[1]);
    struct seq_arm wait[HD_ROLES][2] = {{{0, 0}}};
    for (uint32_t t = 1; t <= 100; t++) {
        struct counts_of_poll c;
        double log_weight = seq_begin(&meter, POLLS);
        for (int i = 0; i < 2; i++) {
            double f[SEQ_TILTS] = {0};
            for (int s = 0; s < HD_ROLES; s++) { /* the sides take turns: they meet by waiting only */
                c.side[s][i] = draw(&r, (int)t % 2 == s ? 400 : 0, 0.01);
                wait[s][i].events += c.side[s][i].events;
                wait[s][i].exposure += c.side[s][i].exposure;
            }
            bool met = wait[0][i].exposure > 0 && wait[1][i].exposure > 0;
            for (int k = 0; met && k < SEQ_TILTS; k++)
                f[k] = seq_two_arm(wait[HD_CANDIDATE][i], wait[HD_STABLE][i], 1.15, offset[i],
                                   seq_tilt[k]);
            if (met)
                wait[0][i] = wait[1][i] = (struct seq_arm){0, 0};
            seq_take(&stream[i], log_weight, f);
        }
        seq_end(&meter, list, weight, 2, log(100), LIMIT);
        poll(&w, t, &c);
        struct weigh v = weigh_view(&w.state);
        if (fabs(v.log_e - seq_meter_log_e(&meter)) > 1e-12)
            fail_msg("poll %u: %.17g, not %.17g", t, v.log_e, seq_meter_log_e(&meter));
    }
}

/* --- scenes --- */

struct scene {
    const char *name;
    uint32_t share_ppm;
    double candidate, stable;     /* share of errors */
    double n_candidate, n_stable; /* requests a poll; -1: no series */
    double past;                  /* share before the switch; < 0: nothing known */
    double max;                   /* NAN: none */
    int blip;                     /* the candidate is bad for so many polls only; 0: always */
    int64_t scrape_ms;
    uint8_t kind, cause;
    int before;  /* it fails before this poll */
    int pages;
    uint16_t reason; /* one of the verdict's */
    int leaves;      /* stable has traffic up to this poll only; 0: always */
};

static const struct scene scenes[] = {
    {"a healthy canary passes", 100000, .001, .001, 500, 4500, .001, NAN, 0, 0, HD_VERDICT_PASS,
     HD_CAUSE_UNKNOWN, 0, 0, HD_REASON_PROVEN_HEALTHY},
    {"a bad canary fails by itself", 100000, .05, .001, 500, 4500, .001, NAN, 0, 0,
     HD_VERDICT_FAIL, HD_CAUSE_RELEASE, 12, 0, HD_REASON_EVIDENCE},
    {"a canary needs no past", 100000, .05, .001, 500, 4500, -1, NAN, 0, 0, HD_VERDICT_FAIL,
     HD_CAUSE_RELEASE, 12, 0, HD_REASON_EVIDENCE},
    {"within the tolerance is well", 100000, .0101, .01, 500, 4500, .01, NAN, 0, 0,
     HD_VERDICT_PASS, HD_CAUSE_UNKNOWN, 0, 0, 0},
    {"a shared outage is not the canary", 100000, .05, .05, 500, 4500, .001, NAN, 0, 0,
     HD_VERDICT_PASS, HD_CAUSE_UNKNOWN, 0, 0, HD_REASON_STABLE_WORSE},
    {"a blip decides nothing", 100000, .5, .001, 500, 4500, .001, NAN, 4, 0, HD_VERDICT_PASS,
     HD_CAUSE_UNKNOWN, 0, 0, 0},
    {"a blip smeared over a scrape decides nothing", 1000000, .5, .001, 500, -1, .001, NAN, 7, 15000,
     HD_VERDICT_PASS, HD_CAUSE_UNKNOWN, 0, 0, 0},
    {"after a full switch the past decides", 1000000, .05, 0, 500, -1, .001, NAN, 0, 0,
     HD_VERDICT_FAIL, HD_CAUSE_UNKNOWN, 9, 0, HD_REASON_CANNOT_TELL},
    {"well after a full switch", 1000000, .001, 0, 500, -1, .001, NAN, 0, 0, HD_VERDICT_PASS,
     HD_CAUSE_UNKNOWN, 0, 0, HD_REASON_PROVEN_HEALTHY},
    {"without a past there is nothing to compare with", 1000000, .05, 0, 500, -1, -1, NAN, 0, 0,
     HD_VERDICT_INCONCLUSIVE, HD_CAUSE_UNKNOWN, 0, 1, HD_REASON_NO_BASELINE},
    {"a hold-back shows that it is the release", 980000, .05, .001, 500, 10, .001, NAN, 0, 0,
     HD_VERDICT_FAIL, HD_CAUSE_RELEASE, 40, 0, HD_REASON_EVIDENCE},
    {"a hold-back shows that it is not", 980000, .05, .05, 500, 10, .001, NAN, 0, 0,
     HD_VERDICT_INCONCLUSIVE, HD_CAUSE_SHARED, 0, 2, HD_REASON_NO_WORSE},
    {"an objective needs neither", 1000000, .05, 0, 500, -1, -1, .01, 0, 0, HD_VERDICT_FAIL,
     HD_CAUSE_UNKNOWN, 9, 0, HD_REASON_EVIDENCE},
    {"seen beside stable before that lost its traffic", 1000000, .3, .001, 500, 500, .001, NAN, 0, 0,
     HD_VERDICT_FAIL, HD_CAUSE_RELEASE, 12, 0, HD_REASON_EVIDENCE, 4},
    {"seen beside stable in the first polls only", 1000000, .3, .001, 500, 500, .001, NAN, 0, 0,
     HD_VERDICT_FAIL, HD_CAUSE_UNKNOWN, 12, 0, HD_REASON_EVIDENCE, 2},
    {"within the objective", 1000000, .005, 0, 500, -1, -1, .01, 0, 0, HD_VERDICT_PASS,
     HD_CAUSE_UNKNOWN, 0, 0, 0},
    {"over the objective like stable", 500000, .05, .05, 500, 500, .001, .01, 0, 0,
     HD_VERDICT_INCONCLUSIVE, HD_CAUSE_SHARED, 0, 2, HD_REASON_NO_WORSE},
    {"the router's settings are unknown", 0, .05, 0, 500, -1, .001, NAN, 0, 0, HD_VERDICT_FAIL,
     HD_CAUSE_UNKNOWN, 9, 0, HD_REASON_CANNOT_TELL},
    {"requests do not follow the settings", 100000, .001, .001, 2500, 2500, .001, NAN, 0, 0,
     HD_VERDICT_PASS, HD_CAUSE_UNKNOWN, 0, 0, HD_REASON_ROUTING},
};

static bool says(const struct hd_verdict *v, uint16_t reason)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->reason[i].number == reason)
            return true;
    }
    return reason == 0;
}

static void run_scene(const struct scene *s, struct world *w)
{
    struct rng r = {42};
    world_init(w, 1);
    w->share_ppm = s->share_ppm;
    w->scrape_ms = s->scrape_ms;
    w->check[0].max = s->max;
    world_start(w);
    if (s->past >= 0)
        learn(w, &r, 5000, s->past);
    for (int t = 1; t <= POLLS; t++) {
        bool bad = !s->blip || (t > 100 && t <= 100 + s->blip);
        struct counts_of_poll c;
        c.side[HD_CANDIDATE][0] = draw(&r, s->n_candidate, bad ? s->candidate : s->past);
        c.side[HD_STABLE][0] = draw(&r, s->leaves && t > s->leaves ? -1 : s->n_stable, s->stable);
        poll(w, (uint32_t)t, &c);
    }
}

static void whom_it_blames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        const struct scene *s = &scenes[i];
        struct world w;
        run_scene(s, &w);
        if (w.state.kind != s->kind || w.state.cause != s->cause || w.pages != s->pages ||
            (s->before && w.ended >= s->before) || !says(&w.verdict, s->reason) ||
            (s->cause == HD_CAUSE_RELEASE && says(&w.verdict, HD_REASON_CANNOT_TELL)))
            fail_msg("%s: kind %u, cause %u, at %d, pages %d, %s reason %u (first %u)", s->name,
                     w.state.kind, w.state.cause, w.ended, w.pages,
                     says(&w.verdict, s->reason) ? "with" : "without", s->reason,
                     w.verdict.reason[0].number);
    }
}

/* "10,000 requests count as 900": correlated requests decide more slowly. */
static void correlated_requests_count_less(void **state)
{
    (void)state;
    static double events[STEPS], exposure[STEPS];
    struct world w;
    struct rng r = {3};
    world_init(&w, 1);
    world_start(&w);
    for (size_t k = 0; k < STEPS; k++) {
        exposure[k] = 10000;
        events[k] = count(&r, 10000 * (k / 2 % 2 ? 0.002 : 0.0005));
    }
    struct history h = {events, exposure, STEPS};
    struct hd_past past;
    assert_true(past_learn(&w.policy, 0, &h, POLL_MS, &past));
    step(&w, &(struct hd_evidence){.before = true, .past = &past, .n_past = 1});
    struct counts_of_poll c = {.side = {[HD_STABLE] = {{10, 10000}}, [HD_CANDIDATE] = {{10, 10000}}}};
    poll(&w, 1, &c);
    double n = weigh_effective(&w.state, 0);
    assert_true(n > 100 && n < 5000);
}

/* Batches are as long as asked for, and longer where shorter ones hold too few events to tell. */
static void noise_is_looked_for_where_there_are_events(void **state)
{
    (void)state;
    static double events[STEPS], exposure[STEPS];
    static const struct {
        double requests, share;
        int wave; /* steps up, and as many down */
        size_t most;
        double from, to; /* how much wider than chance */
    } rows[] = {
        {500, .01, 1, 1, 5, 15},      {500, .01, 1, 16, 5, 15},
        {500, .01, 16, 1, 1.2, 1.9},  {500, .01, 16, 16, 100, 250},
        {10, .0025, 8, 1, 1.01, 1.6}, /* .2 events in eight steps */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rng r = {5};
        for (int k = 0; k < STEPS; k++) {
            exposure[k] = rows[i].requests;
            double up = k / rows[i].wave % 2 ? 1.9 : .1;
            events[k] = fmin(exposure[k], count(&r, rows[i].requests * rows[i].share * up));
        }
        double rho = dispersion_rho(&(struct history){events, exposure, STEPS}, rows[i].most);
        double wider = 1 + (rows[i].requests - 1) * rho;
        if (!(wider >= rows[i].from && wider <= rows[i].to))
            fail_msg("row %zu: %g", i, wider);
    }
}

/* Bounds near 30, 5 and 0.5 % of slow requests; too few bounds give one twice, too few requests none. */
static void the_past_picks_bounds(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double share[6], requests, want[HD_PICKS]; /* slower than bound 1, 2, ...; want 0: none */
    } rows[] = {
        {6, {.6, .31, .04, .02, .004, .0001}, 1e4, {2, 3, 5}},
        {6, {.9, .8, .7, .6, .5, .4}, 1e4, {6, 6, 6}},
        {1, {.2}, 1e4, {1, 1, 1}},
        {2, {.3, .006}, 1e4, {1, 2, 2}},
        {3, {1, .05, 0}, 1e4, {1, 2, 2}},
        {3, {.3, .05, .005}, 199, {0}},
        {0, {0}, 0, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct past_bounds b = {.n = rows[i].n};
        double got[HD_PICKS] = {0};
        for (size_t k = 0; k < b.n; k++) {
            b.bound[k] = (double)k + 1;
            b.requests[k] = rows[i].requests;
            b.slower[k] = rows[i].share[k] * rows[i].requests;
        }
        bool any = past_pick(&b, got);
        assert_int_equal(any, rows[i].want[0] > 0);
        if (memcmp(got, rows[i].want, sizeof got) != 0)
            fail_msg("row %zu: %g %g %g", i, got[0], got[1], got[2]);
    }
}

/* A past with an incident in it: slower, and not blind. */
static void an_incident_in_the_past_blinds_nobody(void **state)
{
    (void)state;
    static double events[STEPS], exposure[STEPS];
    struct world w;
    struct rng r = {3};
    world_init(&w, 1);
    w.check[0].max = .05;
    w.share_ppm = 1000000;
    world_start(&w);
    for (size_t k = 0; k < STEPS; k++) {
        exposure[k] = 500;
        events[k] = k % 700 < 60 ? 200 : 0;
    }
    struct history h = {events, exposure, STEPS};
    struct hd_past past;
    assert_true(past_learn(&w.policy, 0, &h, POLL_MS, &past));
    assert_true(past.rho <= 1);
    step(&w, &(struct hd_evidence){.before = true, .past = &past, .n_past = 1});
    for (uint32_t t = 1; t <= 24; t++) {
        struct counts_of_poll c = {.side = {[HD_STABLE] = {{0, -1}}}};
        c.side[HD_CANDIDATE][0] = draw(&r, 500, .4);
        poll(&w, t, &c);
    }
    assert_int_equal(w.state.kind, HD_VERDICT_FAIL);
}

/* A counter of errors without one of requests: per second of traffic, beside stable or against its past. */
static void errors_without_requests(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double share, past;        /* of the traffic; errors a poll before the switch, < 0: not known */
        double candidate, stable;  /* errors a poll, with all the traffic; stable < 0: no series */
        uint8_t kind;
        int before;                /* it fails before this poll */
    } rows[] = {
        {"alike", .1, -1, 40, 40, HD_VERDICT_PASS, 0},
        {"alike while both rise", .1, 40, 160, 160, HD_VERDICT_PASS, 0},
        {"three times as many", .1, -1, 120, 40, HD_VERDICT_FAIL, 30},
        {"none on stable", .5, -1, 10, 0, HD_VERDICT_FAIL, 20},
        {"half as many", .5, -1, 20, 40, HD_VERDICT_PASS, 0},
        {"as before", 1, 40, 40, -1, HD_VERDICT_PASS, 0},
        {"twice as many as before", 1, 40, 80, -1, HD_VERDICT_FAIL, 12},
        {"nothing to compare with", 1, -1, 80, -1, HD_VERDICT_INCONCLUSIVE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static double events[STEPS], exposure[STEPS];
        struct world w;
        struct hd_past past;
        struct rng r = {i * 7919 + 11};
        world_init(&w, 1);
        w.check[0].query = (struct hd_query){.kind = HD_QUERY_RATE};
        w.share_ppm = (uint32_t)(rows[i].share * 1e6);
        world_start(&w);
        for (size_t k = 0; k < STEPS; k++) {
            events[k] = count(&r, fmax(rows[i].past, 0));
            exposure[k] = POLL_MS * 1000.0;
        }
        assert_true(past_learn(&w.policy, 0, &(struct history){events, exposure, STEPS}, POLL_MS, &past));
        if (rows[i].past >= 0)
            step(&w, &(struct hd_evidence){.before = true, .past = &past, .n_past = 1});
        for (uint32_t t = 1; t <= POLLS && !w.ended; t++) { /* what is counted stands where requests do */
            struct counts_of_poll c = {.side = {[HD_STABLE] = {{0, -1}}}};
            c.side[HD_CANDIDATE][0].exposure = count(&r, rows[i].candidate * rows[i].share);
            if (rows[i].stable >= 0)
                c.side[HD_STABLE][0].exposure = count(&r, rows[i].stable * (1 - rows[i].share));
            poll(&w, t, &c);
        }
        if (w.state.kind != rows[i].kind || (rows[i].before && w.ended >= rows[i].before))
            fail_msg("%s: %s in poll %d", rows[i].name, hd_verdict_word(w.state.kind), w.ended);
    }
}

/* Scrapes of 15 s at fixed moments: whichever polls a side's samples come in, the guard is watched. */
static void sides_take_turns(void **state)
{
    (void)state;
    for (int turns = 0; turns < 49; turns++) { /* in which of three polls each side has samples */
        int mine = turns % 7 + 1, theirs = turns / 7 + 1;
        struct world w;
        world_init(&w, 1);
        w.policy.guard.duration_ms = 60 * POLL_MS;
        w.scrape_ms = 15000;
        world_start(&w);
        for (uint32_t t = 1; t <= 60; t++) {
            struct counts_of_poll c = {.side = {{{0, 0}}}};
            c.side[HD_CANDIDATE][0].exposure = mine >> t % 3 & 1 ? 300 : 0;
            c.side[HD_STABLE][0].exposure = theirs >> t % 3 & 1 ? 2700 : 0;
            poll(&w, t, &c);
        }
        if (w.state.kind != HD_VERDICT_PASS)
            fail_msg("candidate in %d, stable in %d: %s", mine, theirs, hd_verdict_word(w.state.kind));
    }
}

/* What is enough to stop giving the candidate more traffic is no pass at the end, whatever the policy then
 * makes of it; what is less is one. */
static void doubt_at_the_end_is_no_pass(void **state)
{
    (void)state;
    int doubted = 0, passed = 0, waited = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct world w;
        struct rng r = {seed * 15485863 + 5};
        double bad = .001 + .007 * uniform(&r);
        world_init(&w, 1);
        w.policy.guard.duration_ms = 60 * POLL_MS;
        if (seed % 2)
            w.policy.on_inconclusive = HD_ON_INCONCLUSIVE_WAIT;
        world_start(&w);
        for (uint32_t t = 1; t <= 120 && !w.ended; t++) {
            struct counts_of_poll c = {.side = {{{0, 0}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, 100, bad);
            c.side[HD_STABLE][0] = draw(&r, 900, .002);
            poll(&w, t, &c);
        }
        bool doubt = weigh_view(&w.state).doubt > 0;
        assert_true(doubt || weigh_view(&w.state).log_e < log(20));
        assert_true(w.ended);
        if (w.state.kind != HD_VERDICT_FAIL && doubt != (w.state.kind == HD_VERDICT_INCONCLUSIVE))
            fail_msg("seed %llu: %s with ln E %g", (unsigned long long)seed, hd_verdict_word(w.state.kind),
                     weigh_view(&w.state).log_e);
        assert_true(!doubt || w.verdict.reason[0].number == HD_REASON_DOUBT || w.state.kind == HD_VERDICT_FAIL);
        doubted += doubt && w.state.kind == HD_VERDICT_INCONCLUSIVE;
        passed += w.state.kind == HD_VERDICT_PASS;
        waited += w.ended > 60;
    }
    assert_true(doubted > 2 && passed > 20 && waited > 2);
}

/* A state that a haldane before this one saved has no such evidence beside: it is no pass for that. */
static void an_older_state_keeps_its_doubt(void **state)
{
    (void)state;
    int doubted = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct world w;
        struct rng r = {seed * 15485863 + 5};
        double bad = .001 + .007 * uniform(&r);
        world_init(&w, 1);
        w.policy.guard.duration_ms = 60 * POLL_MS;
        world_start(&w);
        for (uint32_t t = 1; t <= 120 && !w.ended; t++) {
            struct counts_of_poll c = {.side = {{{0, 0}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, 100, bad);
            c.side[HD_STABLE][0] = draw(&r, 900, .002);
            if (t == 58)
                memset(w.state.check[0].words + offsetof(struct stream_words, kept) / sizeof(double), 0,
                       sizeof(struct seq_stream));
            poll(&w, t, &c);
        }
        bool pause = weigh_view(&w.state).pause;
        if (pause && w.state.kind == HD_VERDICT_PASS)
            fail_msg("seed %llu passes with ln E %g", (unsigned long long)seed, weigh_view(&w.state).log_e);
        doubted += pause && w.state.kind == HD_VERDICT_INCONCLUSIVE;
    }
    assert_true(doubted > 2);
}

/* --- a past with incidents --- */

struct incident {
    int from, until; /* steps */
    double share;
};

/* Three hours of `requests` a step at `usual`, but for the incidents. */
static void learn_incidents(struct world *w, struct rng *r, double requests, double usual,
                            const struct incident *in, size_t n, struct hd_past *ret)
{
    static double events[STEPS], exposure[STEPS];
    for (int k = 0; k < STEPS; k++) {
        double share = usual;
        for (size_t i = 0; i < n; i++)
            share = k >= in[i].from && k < in[i].until ? in[i].share : share;
        struct seq_arm a = draw(r, requests, share);
        events[k] = a.events;
        exposure[k] = a.exposure;
    }
    assert_true(past_learn(&w->policy, 0, &(struct history){events, exposure, STEPS}, POLL_MS, ret));
    step(w, &(struct hd_evidence){.before = true, .past = ret, .n_past = 1});
}

/* A candidate far above what is usual never passes because the past had incidents; and one that is as
 * usual passes all the same. */
static void no_past_lets_a_bad_release_pass(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct incident in[3];
        double bad;      /* the candidate's share */
        int since, last; /* it is bad from this poll on; polls */
    } rows[] = {
        {"an incident just before the switch", {{2100, 2145, .22}}, .30, 1, 24},
        {"incidents, and clean for the last minutes", {{300, 460, .3}, {1200, 1280, .5}, {1700, 1760, .9}}, .30, 3, 12},
        {"an incident of an hour", {{200, 920, .4}}, .30, 1, 40},
        {"bad for nearly half of it", {{0, 1000, .9}}, .30, 1, 40},
        {"only the last polls, longer than a blip", {{0, 900, .6}}, .30, 110, 120},
    };
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        bool well = i % 2;
        struct rng r = {i * 7919 + 3};
        struct world w;
        struct hd_past past;
        world_init(&w, 1);
        w.share_ppm = 1000000;
        w.policy.guard.duration_ms = rows[i / 2].last * POLL_MS;
        world_start(&w);
        learn_incidents(&w, &r, 400, .001, rows[i / 2].in, 3, &past);
        for (uint32_t t = 1; t <= 200 && !w.ended; t++) {
            bool bad = !well && (int)t >= rows[i / 2].since;
            struct counts_of_poll c = {.side = {[HD_STABLE] = {{0, -1}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, 400, bad ? rows[i / 2].bad : .001);
            poll(&w, t, &c);
        }
        bool told = w.state.kind == HD_VERDICT_FAIL || says(&w.verdict, HD_REASON_RESTLESS) ||
                    says(&w.verdict, HD_REASON_FAR_ABOVE);
        if (!w.ended || (w.state.kind == HD_VERDICT_PASS) != well || told == well ||
            (!well && says(&w.verdict, HD_REASON_WITHIN)))
            fail_msg("%s, %s: %s, first reason %u", rows[i / 2].name, well ? "well" : "bad",
                     hd_verdict_word(w.state.kind), w.verdict.reason[0].number);
    }
}

/* A state that an older haldane saved does not know what is usual: that alone stops nothing. */
static void an_older_state_knows_no_usual(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    world_start(&w);
    learn(&w, &(struct rng){31}, 400, .3);
    stream_words(&w.state.check[0])->usual = 0;
    w.state.check[0].sum_events = .3 * (w.state.check[0].sum_exposure = 1000);
    assert_false(weigh_is_unproven(&w.policy, &w.state, 0));
}

/* Any past whose half is at most 5 %, any candidate at 30 %. */
static void thirty_percent_never_passes(void **state)
{
    (void)state;
    int inconclusive = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng r = {seed * 104729 + 7};
        struct world w;
        struct hd_past past;
        struct incident in[3];
        int room = (int)(STEPS * .45 / 3), polls = 12 + (int)(60 * uniform(&r));
        double requests = 100 + 900 * uniform(&r), usual = .05 * uniform(&r);
        for (int k = 0; k < 3; k++) {
            in[k].from = (int)(uniform(&r) * STEPS);
            in[k].until = in[k].from + (int)(uniform(&r) * room);
            in[k].share = uniform(&r);
        }
        world_init(&w, 1);
        w.share_ppm = 1000000;
        w.policy.guard.duration_ms = polls * POLL_MS;
        world_start(&w);
        learn_incidents(&w, &r, requests, usual, in, 3, &past);
        for (uint32_t t = 1; t <= 200 && !w.ended; t++) {
            struct counts_of_poll c = {.side = {[HD_STABLE] = {{0, -1}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, requests, .3);
            poll(&w, t, &c);
        }
        inconclusive += w.state.kind == HD_VERDICT_INCONCLUSIVE;
        if (!w.ended || w.state.kind == HD_VERDICT_PASS)
            fail_msg("seed %llu: %s", (unsigned long long)seed, hd_verdict_word(w.state.kind));
    }
    assert_true(inconclusive > 5);
}

/* Stable's traffic is gone after the first poll: it was not watched beside the bad ones. */
static void stable_of_one_poll_blames_nobody(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct rng r = {23};
        struct world w;
        world_init(&w, 1);
        w.share_ppm = 1000000;
        w.scrape_ms = POLL_MS;
        world_start(&w);
        learn(&w, &r, 125, .002);
        for (uint32_t t = 1; t <= 60 && !w.ended; t++) {
            struct counts_of_poll c = {.side = {[HD_STABLE] = {{0, t > 1 && leaves ? 0 : 125}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, 125, t > 1 ? .3 : .1);
            poll(&w, t, &c);
        }
        if (w.state.kind == HD_VERDICT_PASS ||
            (w.state.cause == HD_CAUSE_RELEASE) == (leaves > 0))
            fail_msg("%s: %s, cause %u at %d", leaves ? "gone" : "there", hd_verdict_word(w.state.kind),
                     w.state.cause, w.ended);
        assert_true(w.state.check[0].consecutive + 1 >= (uint32_t)w.ended - 1);
    }
}

/* Errors that are seen one scrape before their requests are not lost, and no share is above 1. */
static void errors_wait_for_their_requests(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    world_start(&w);
    for (uint32_t t = 1; t <= 20; t++) {
        struct counts_of_poll c = {.side = {[HD_STABLE] = {{1, 1000}},
                                            [HD_CANDIDATE] = {{t % 2 ? 30 : 0, t % 2 ? 10 : 1000}}}};
        poll(&w, t, &c);
        const struct stream_words *s = stream_words(&w.state.check[0]);
        assert_true(s->excess >= 0 && s->wait_mine.events <= s->wait_mine.exposure);
    }
    assert_int_equal(w.state.kind, HD_VERDICT_FAIL);
}

/* 30 days of polls: the evidence of a release that is as good stays low, and every number finite. */
static void a_month_of_polls(void **state)
{
    (void)state;
    struct world w;
    struct rng r = {9};
    world_init(&w, 1);
    w.policy.guard.duration_ms = (int64_t)30 * 86400000;
    world_start(&w);
    struct counts_of_poll many[1000];
    for (int i = 0; i < 1000; i++) {
        many[i].side[HD_STABLE][0] = draw(&r, 300, .01);
        many[i].side[HD_CANDIDATE][0] = draw(&r, 300, .01);
    }
    uint32_t polls = (uint32_t)(w.policy.guard.duration_ms / POLL_MS);
    for (uint32_t t = 1; t < polls; t++)
        poll(&w, t, &many[(uint32_t)(uniform(&r) * 1000)]);
    struct weigh v = weigh_view(&w.state);
    assert_int_equal(w.state.kind, HD_VERDICT_NONE);
    assert_true(isfinite(v.log_e) && v.meter < 1);
    for (size_t i = 0; i < ENGINE_WORDS; i++)
        assert_false(isnan(w.state.words[i]) || isnan(w.state.check[0].words[i]));
    struct counts_of_poll bad = many[0];
    for (uint32_t t = polls; t < polls + 40 && w.state.kind == HD_VERDICT_NONE; t++) {
        w.policy.guard.duration_ms += POLL_MS;
        bad.side[HD_CANDIDATE][0] = (struct seq_arm){150, 300};
        poll(&w, t, &bad);
    }
    assert_int_equal(w.state.kind, HD_VERDICT_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_formulas),
        cmocka_unit_test(whom_it_blames),
        cmocka_unit_test(correlated_requests_count_less),
        cmocka_unit_test(noise_is_looked_for_where_there_are_events),
        cmocka_unit_test(the_past_picks_bounds),
        cmocka_unit_test(an_incident_in_the_past_blinds_nobody),
        cmocka_unit_test(doubt_at_the_end_is_no_pass),
        cmocka_unit_test(an_older_state_keeps_its_doubt),
        cmocka_unit_test(no_past_lets_a_bad_release_pass),
        cmocka_unit_test(an_older_state_knows_no_usual),
        cmocka_unit_test(thirty_percent_never_passes),
        cmocka_unit_test(stable_of_one_poll_blames_nobody),
        cmocka_unit_test(errors_without_requests),
        cmocka_unit_test(sides_take_turns),
        cmocka_unit_test(errors_wait_for_their_requests),
        cmocka_unit_test(a_month_of_polls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
