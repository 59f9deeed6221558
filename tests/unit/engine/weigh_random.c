/* SPDX-License-Identifier: Apache-2.0
 *
 * The sequential rule through engine_step: what must never change a verdict, on random guards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weigh_guard.h"

static void run_random(struct world *w, uint64_t seed, double bad, int miss, int split)
{
    struct rng r = {seed * 2654435761u + 1};
    world_init(w, 2);
    world_start(w);
    for (uint32_t t = 1; t <= 120; t++) {
        struct counts_of_poll c, half = {.side = {{{0, 0}}}};
        for (int i = 0; i < 2; i++) {
            c.side[HD_CANDIDATE][i] = draw(&r, 500, bad);
            c.side[HD_STABLE][i] = draw(&r, 500, .002);
        }
        if (miss && t % (uint32_t)miss == 0)
            memset(&c, 0, sizeof c);
        for (int s = 0; split && s < HD_ROLES; s++) {
            for (int i = 0; i < 2; i++) {
                struct seq_arm *a = &c.side[s][i], *b = &half.side[s][i];
                *b = (struct seq_arm){floor(a->events / 2), floor(a->exposure / 2)};
                a->events -= b->events;
                a->exposure -= b->exposure;
            }
        }
        if (split)
            poll_at(w, t, (int64_t)t * POLL_MS - 700, &half);
        poll_at(w, t, (int64_t)t * POLL_MS, &c);
    }
}

static void splitting_a_poll_flips_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world whole, split;
        double bad = seed % 2 ? .002 : .05;
        run_random(&whole, seed, bad, 0, 0);
        run_random(&split, seed, bad, 0, 1);
        assert_int_equal(whole.state.kind, split.state.kind);
        assert_int_equal(whole.state.kind == HD_VERDICT_FAIL, seed % 2 == 0);
        assert_true(abs(whole.ended - split.ended) <= 2);
    }
}

static void missing_polls_are_no_evidence(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world all, some;
        run_random(&all, seed, .002, 0, 0);
        run_random(&some, seed, .002, 2, 0);
        assert_int_equal(some.state.kind, HD_VERDICT_NONE);
        assert_int_equal(all.state.kind, HD_VERDICT_NONE);
    }
    struct world w;
    world_init(&w, 2);
    world_start(&w);
    for (uint32_t t = 1; t <= 100; t++) {
        struct counts_of_poll c = {.side = {{{0, -1}, {0, -1}}, {{0, -1}, {0, -1}}}};
        poll(&w, t, &c);
        assert_true(weigh_view(&w.state).meter < 1e-12);
    }
}

/* More errors on the candidate, or fewer on stable, never turn a fail into a pass; a greater burst
 * may be held back once by the limiter. */
static void worse_is_never_better(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng r = {seed * 7919 + 3};
        struct world w[2];
        double bad = .004 + .02 * uniform(&r);
        for (int i = 0; i < 2; i++) {
            world_init(&w[i], 1);
            world_start(&w[i]);
        }
        for (uint32_t t = 1; t <= 120; t++) {
            struct counts_of_poll c = {.side = {{{0, 0}}}};
            c.side[HD_CANDIDATE][0] = draw(&r, 300, bad);
            c.side[HD_STABLE][0] = draw(&r, 2000, .002);
            poll(&w[0], t, &c);
            struct seq_arm *mine = &c.side[HD_CANDIDATE][0], *theirs = &c.side[HD_STABLE][0];
            mine->events = fmin(mine->exposure, mine->events + floor(20 * uniform(&r)));
            theirs->events = floor(theirs->events * uniform(&r));
            poll(&w[1], t, &c);
        }
        if (w[0].state.kind == HD_VERDICT_FAIL)
            assert_int_equal(w[1].state.kind, HD_VERDICT_FAIL);
        if (w[0].ended)
            assert_true(w[1].ended <= w[0].ended + LIMIT);
    }
}

/* 120 polls of a candidate with .4 to 1.4 % of errors beside .2 %. Returns what draws on. */
static struct rng bad_release(uint64_t seed, struct counts_of_poll c[120])
{
    struct rng r = {seed * 104729 + 1};
    double bad = .004 + .01 * uniform(&r);
    for (int t = 0; t < 120; t++) {
        c[t].side[HD_CANDIDATE][0] = draw(&r, 300, bad);
        c[t].side[HD_STABLE][0] = draw(&r, 2000, .002);
    }
    return r;
}

/* A burst in the last polls of a guard, which the limiter still holds back, is waited for: what would
 * have failed with the last poll does not pass for being worse. */
static void a_burst_at_the_end_saves_nobody(void **state)
{
    (void)state;
    int late = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct counts_of_poll c[120];
        (void)bad_release(seed, c);
        int last = 120;
        for (int run = 0; run < 6; run++) { /* when it fails; with that as its end; with a burst */
            struct world w;
            world_init(&w, 1);
            w.policy.guard.duration_ms = last * POLL_MS;
            world_start(&w);
            for (int t = 0; t < last; t++) {
                struct counts_of_poll more = c[t];
                if (run > 1 && t >= last - run + 1)
                    more.side[HD_CANDIDATE][0].events = more.side[HD_CANDIDATE][0].exposure;
                poll(&w, (uint32_t)t + 1, &more);
            }
            if (run <= 1 && w.state.kind != HD_VERDICT_FAIL)
                break; /* with another duration the evidence is weighed otherwise */
            last = run ? last : w.ended;
            late += run == 1;
            if (w.state.kind == HD_VERDICT_PASS)
                fail_msg("seed %llu, the last %d of %d", (unsigned long long)seed, run - 1, last);
        }
    }
    assert_true(late > 20);
}

/* Every poll of a guard that fails, with a burst somewhere in it: worse in each poll or alike. */
static void a_burst_in_the_middle_lets_nobody_pass(void **state)
{
    (void)state;
    int failed = 0, delayed = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct counts_of_poll c[120];
        struct rng r = bad_release(seed, c);
        int last = 120;
        for (int run = 0; run < 42; run++) { /* when it fails; with that, or a little more, as its end; bursts */
            struct world w[2]; /* as it was, and worse */
            int length = run / 2 % 4 + 1, from = (int)(uniform(&r) * last);
            for (int i = 0; i < 2; i++) {
                world_init(&w[i], 1);
                w[i].policy.guard.duration_ms = last * POLL_MS;
                world_start(&w[i]);
            }
            for (int t = 0; t < last; t++) {
                struct counts_of_poll more = c[t];
                struct seq_arm *mine = &more.side[HD_CANDIDATE][0];
                if (run > 1 && t >= from && t < from + length)
                    mine->events = fmax(mine->events, mine->exposure * (run % 2 ? .5 : .1));
                poll(&w[0], (uint32_t)t + 1, &c[t]);
                poll(&w[1], (uint32_t)t + 1, &more);
                struct weigh a = weigh_view(&w[0].state), b = weigh_view(&w[1].state);
                assert_true(a.doubt > 0 || !a.pause);
                assert_true(b.doubt >= a.doubt || w[0].ended || w[1].ended);
            }
            if (w[0].state.kind != HD_VERDICT_FAIL)
                break; /* with another duration the evidence is weighed otherwise */
            last = !run ? (int)fmin(w[0].ended + (double)(seed % 3) * 10, 120) : last;
            failed += run > 1;
            delayed += run > 1 && w[1].state.kind != HD_VERDICT_FAIL;
            if (w[1].state.kind == HD_VERDICT_PASS)
                fail_msg("seed %llu, %d polls from %d of %d", (unsigned long long)seed, length, from, last);
        }
    }
    assert_true(failed > 500 && delayed > 25);
}

/* A unit twice as fine on both sides changes nothing of a gauge's verdict; nor does the order in
 * which measurements come. */
static void order_and_units_do_not_matter(void **state)
{
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        struct world w[2];
        struct rng r = {5};
        for (int i = 0; i < 2; i++) {
            world_init(&w[i], 2);
            w[i].check[0].query.kind = HD_QUERY_GAUGE;
            w[i].check[0].min_samples = 0;
            world_start(&w[i]);
        }
        for (uint32_t t = 1; t <= POLLS; t++) {
            double mine = (bad ? 2 : 1) + .1 * uniform(&r), theirs = 1 + .1 * uniform(&r);
            for (int i = 0; i < 2; i++) {
                double unit = i ? 1000 : 1;
                struct hd_measurement m[4] = {
                    {.check = 0, .role = HD_CANDIDATE, .fresh = true, .value = mine * unit},
                    {.check = 0, .role = HD_STABLE, .fresh = true, .value = theirs * unit},
                    {.check = 1, .role = HD_CANDIDATE, .fresh = true, .events = 1, .exposure = 500,
                     .covers_ms = POLL_MS},
                    {.check = 1, .role = HD_STABLE, .fresh = true, .events = 1, .exposure = 500,
                     .covers_ms = POLL_MS},
                };
                for (int k = 0; i && k < 2; k++) {
                    struct hd_measurement first = m[k];
                    m[k] = m[3 - k];
                    m[3 - k] = first;
                }
                w[i].t_ms = (int64_t)t * POLL_MS;
                step(&w[i], &(struct hd_evidence){.poll = t, .m = m, .n = 4});
            }
            assert_int_equal(w[0].state.kind, w[1].state.kind);
            assert_true(weigh_view(&w[0].state).log_e ==
                        weigh_view(&w[1].state).log_e);
        }
        assert_int_equal(w[0].state.kind, bad ? HD_VERDICT_FAIL : HD_VERDICT_PASS);
    }
}

static void garbage_never_fails_a_guard(void **state)
{
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, -1, 1e300, 1e16, 0, 9007199254740992.0};
    struct rng r = {11};
    struct world w;
    world_init(&w, 2);
    w.share_ppm = 1000000;
    world_start(&w);
    struct hd_past past[2];
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 2; k++) {
            double *v = &past[k].rho;
            past[k].check = (uint8_t)k;
            past[k].step_ms = (int64_t)odd[i % 8 == 0 || i % 8 > 2 ? 6 : 3];
            for (int j = 0; j < 9; j++)
                v[j] = odd[(int)(uniform(&r) * 7)];
        }
        step(&w, &(struct hd_evidence){.before = true, .past = past, .n_past = 2});
    }
    world_start(&w);
    for (uint32_t t = 1; t <= 1000; t++) {
        struct counts_of_poll c;
        for (int s = 0; s < HD_ROLES; s++) {
            for (int i = 0; i < 2; i++)
                c.side[s][i] = (struct seq_arm){odd[(int)(uniform(&r) * 6)],
                                                odd[(int)(uniform(&r) * 6)]};
        }
        poll(&w, t, &c);
        assert_int_not_equal(w.state.kind, HD_VERDICT_FAIL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting_a_poll_flips_nothing),
        cmocka_unit_test(missing_polls_are_no_evidence),
        cmocka_unit_test(worse_is_never_better),
        cmocka_unit_test(a_burst_at_the_end_saves_nobody),
        cmocka_unit_test(a_burst_in_the_middle_lets_nobody_pass),
        cmocka_unit_test(order_and_units_do_not_matter),
        cmocka_unit_test(garbage_never_fails_a_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
