/* SPDX-License-Identifier: Apache-2.0
 *
 * The runs of verdict-bench against the truth they are drawn from, the files against what reads
 * them, and the peers' rules against counts made by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "generate.h"
#include "peers.h"

#define SIGMAS 4.5

static struct generate_cell cell_of(const char *scenario, bool guard, double rps, uint32_t poll_s,
                                    double scrape_s)
{
    struct generate_cell c = {scenario_of(scenario), guard, rps, poll_s, scrape_s, 1};
    assert_non_null(c.scenario);
    return c;
}

static double sum_of(const struct bench_series *s, uint32_t column)
{
    double sum = 0;
    for (uint32_t i = 0; i < s->polls; i++)
        sum += bench_row(s, i)[column];
    return sum;
}

static void assert_near(const char *what, double got, double want)
{
    if (fabs(got - want) > SIGMAS * sqrt(want) + 1e-9)
        fail_msg("%s: %g, not about %g", what, got, want);
}

static void there_are_21_scenarios(void **unused)
{
    (void)unused;
    assert_int_equal(n_scenarios, 21);
    for (size_t i = 0; i < n_scenarios; i++)
        assert_ptr_equal(scenario_of(scenarios[i].name), &scenarios[i]);
    assert_null(scenario_of("err"));
}

/* Sums over a run: what the old version had before, and the new one from the switch on. The end of
 * the hour is seen only as far as the pods were scraped: half an interval less in the mean. */
static const struct {
    const char *scenario;
    bool guard;
    double rps;
    uint32_t poll_s;
    double scrape_s;
    double requests, errors; /* of the candidate */
} sums[] = {
    {"healthy", true, 100, 10, 0, 360000, 360},
    {"healthy", false, 100, 10, 0, 36000, 36},
    {"healthy", false, 100, 5, 0, 36000, 36},
    {"healthy", true, .1, 10, 0, 360, .36},
    {"err .1->5%", true, 100, 5, 15, 359250, 17962.5},
    {"err .1->1%", false, 1000, 5, 5, 359750, 3597.5},
    {"late .1->50% @30min", true, 100, 10, 0, 360000, 180 + 90000},
    {"slow ramp .1->2%/1h", true, 100, 10, 0, 360000, 3780},
    {"blip 20s 5%", true, 100, 10, 0, 360000, 360 + 98},
    {"blip 20s 50%", true, 100, 5, 15, 359250, 360 + 998},
    {"cold start 20s (5%, lat x3)", true, 100, 5, 1, 359950, 360 + 98},
    {"outage both +5% 20min", true, 100, 10, 0, 360000, 360 + 6000},
};

static void sums_are_the_truths(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        ARENA_AUTO a = arena_new();
        struct generate_cell c =
            cell_of(sums[i].scenario, sums[i].guard, sums[i].rps, sums[i].poll_s, sums[i].scrape_s);
        struct bench_run r = generate_run(a, &c, 3);
        /* the scrape offsets move the end by up to half an interval more */
        double slack = sums[i].scrape_s * sums[i].rps / 2, n = sum_of(&r.candidate, BENCH_REQUESTS);
        if (fabs(n - sums[i].requests) > slack + SIGMAS * sqrt(sums[i].requests))
            fail_msg("%s: %g requests, not about %g", sums[i].scenario, n, sums[i].requests);
        double e = sum_of(&r.candidate, BENCH_ERRORS);
        if (fabs(e - sums[i].errors) > slack * .5 + SIGMAS * sqrt(sums[i].errors))
            fail_msg("%s: %g errors, not about %g", sums[i].scenario, e, sums[i].errors);
    }
}

static void latency_is_lognormal(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct generate_cell c = cell_of("p99 x2", true, 1000, 10, 0);
    struct bench_run r = generate_run(a, &c, 0);
    struct bench_head h = generate_head(&c, 1);
    for (int is_new = 0; is_new < 2; is_new++) {
        const struct bench_series *s = is_new ? &r.candidate : &r.history;
        double n = sum_of(s, BENCH_REQUESTS), median = is_new ? .080 : .040;
        for (uint32_t b = 0; b < h.n_bounds; b++) {
            double over = .5 * erfc(log(h.bounds_s[b] / median) / .7 / M_SQRT2);
            assert_near("slower than a bound", sum_of(s, BENCH_SLOWER + b), n * over);
        }
    }
}

/* Over-dispersed counts vary more than their requests explain, even ones do not. */
static void noise_shows_in_the_variance(void **unused)
{
    (void)unused;
    static const struct {
        const char *scenario;
        double least, most; /* variance of a poll's errors over its mean */
    } rows[] = {{"healthy", .8, 1.2}, {"overdispersed bb", 8, 14}, {"overdispersed AR", 2, 6}};
    for (size_t i = 0; i < 3; i++) {
        ARENA_AUTO a = arena_new();
        struct generate_cell c = cell_of(rows[i].scenario, true, 1000, 10, 0);
        struct bench_run r = generate_run(a, &c, 1);
        double mean = sum_of(&r.history, BENCH_ERRORS) / r.history.polls, square = 0;
        for (uint32_t p = 0; p < r.history.polls; p++)
            square += pow(bench_row(&r.history, p)[BENCH_ERRORS] - mean, 2);
        double ratio = square / r.history.polls / mean;
        if (ratio < rows[i].least || ratio > rows[i].most)
            fail_msg("%s: variance %g times the mean", rows[i].scenario, ratio);
    }
}

/* Offsets are fixed, so at scrapes of 15 s each pod gives news in every third poll of 5 s. */
static void scrapes_arrive_in_steps(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct generate_cell c = cell_of("healthy", true, 100, 5, 15);
    struct bench_run r = generate_run(a, &c, 5);
    for (uint32_t i = 4; i + 3 < r.candidate.polls; i++) {
        bool now = bench_row(&r.candidate, i)[BENCH_REQUESTS] > 0;
        assert_int_equal(now, bench_row(&r.candidate, i + 3)[BENCH_REQUESTS] > 0);
    }
}

static bool same_series(const struct bench_series *x, const struct bench_series *y)
{
    return x->polls == y->polls && x->columns == y->columns &&
           !memcmp(x->at, y->at, (size_t)x->polls * x->columns * sizeof *x->at);
}

static bool same_run(const struct bench_run *x, const struct bench_run *y)
{
    return x->run == y->run && same_series(&x->history, &y->history) &&
           same_series(&x->candidate, &y->candidate) && same_series(&x->stable, &y->stable);
}

static void a_run_is_its_seed_and_number(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    struct generate_cell c = cell_of("overdispersed AR", false, 10, 5, 5), other = c;
    struct bench_run x = generate_run(a, &c, 4), y = generate_run(a, &c, 4);
    struct bench_run next = generate_run(a, &c, 5);
    other.seed = 2;
    struct bench_run seeded = generate_run(a, &other, 4);
    assert_true(same_run(&x, &y));
    assert_false(same_series(&x.candidate, &next.candidate));
    assert_false(same_series(&x.candidate, &seeded.candidate));
}

static void what_is_written_reads_back(void **unused)
{
    (void)unused;
    ARENA_AUTO a = arena_new();
    BUF_AUTO line = BUF_INIT(HD_ANSWER_BYTES_MAX);
    for (int guard = 0; guard < 2; guard++) {
        struct generate_cell c = cell_of("err .1->1%", guard, guard ? .1 : 100, 5, 15);
        struct bench_head h = generate_head(&c, 1), head;
        struct bench_run r = generate_run(a, &c, 2), run;
        struct hd_error err = {0};
        FILE *f = tmpfile();
        assert_non_null(f);
        generate_write_head(&h, f);
        generate_write_run(&h, &r, f);
        rewind(f);
        assert_int_equal(bench_read_line(f, &line, &err), HD_OK);
        if (bench_read_head(buf_span(&line), &head, &err))
            fail_msg("%s", err.text);
        assert_int_equal(bench_read_line(f, &line, &err), HD_OK);
        if (bench_read_run(a, &head, buf_span(&line), &run, &err))
            fail_msg("%s", err.text);
        assert_int_equal(bench_read_line(f, &line, &err), HD_ABSENT);
        (void)fclose(f);
        assert_true(same_run(&r, &run));
        assert_string_equal(head.scenario, "err .1->1%");
        assert_true(head.guard == (bool)guard && head.expect_rollback && head.n_bounds == 6);
        assert_true(head.history_poll_s > (guard ? 79 : 4) &&
                    head.history_poll_s < (guard ? 81 : 6));
    }
}

/* --- peers --- */

static const struct {
    double row[5], q, want; /* bounds .1 .2 .4 */
} quantiles[] = {
    {{100, 0, 50, 10, 0}, .5, .1},   {{100, 0, 50, 10, 0}, .7, .15},
    {{100, 0, 50, 10, 0}, .99, .38}, {{100, 0, 100, 100, 100}, .5, .4},
    {{100, 0, 0, 0, 0}, .99, .099},  {{0, 0, 0, 0, 0}, .99, NAN},
};

static void quantiles_are_prometheus_own(void **unused)
{
    (void)unused;
    struct bench_head h = {.n_bounds = 3, .bounds_s = {.1, .2, .4}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double got = peer_quantile(&h, quantiles[i].row, quantiles[i].q), want = quantiles[i].want;
        if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-12))
            fail_msg("row %zu: %g, not %g", i, got, want);
    }
}

/* Polls of 10 s with 100 requests each; from `from` to `to` (polls) so many fail; -1: no requests.
 */
static const struct {
    const char *rule;
    int from, to, errors;
    double want;
} decisions[] = {
    {"argo99", 0, 0, 0, NAN},
    {"argo99", 0, 360, 100, 240}, /* the 4th failed measurement */
    {"argo99", 0, 360, 1, NAN},   /* exactly the limit */
    {"argo99", 0, 360, -1, 240},  /* NaN is not true */
    {"argo99", 60, 61, 100, 840}, /* 10 s in a 5 minute window fail 5 measurements */
    {"argo99-10s", 0, 2, 100, 40},
    {"flagger99", 0, 360, 100, 360}, /* 5 failed checks, and one look later */
    {"flagger99", 0, 24, 100, NAN},  /* four are not enough */
    {"flagger99", 0, 360, -1, 360},
};

static void peers_count_as_their_code_does(void **unused)
{
    (void)unused;
    struct bench_head h = {.polls = 360, .poll_s = 10, .n_bounds = 3, .bounds_s = {.1, .2, .4}};
    for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++) {
        double at[360][5] = {{0}};
        for (int p = 0; p < 360; p++) {
            bool hit = p >= decisions[i].from && p < decisions[i].to;
            at[p][0] = hit && decisions[i].errors < 0 ? 0 : 100;
            at[p][1] = hit && decisions[i].errors > 0 ? decisions[i].errors : 0;
        }
        struct bench_run r = {.candidate = {360, 5, at[0]}};
        for (size_t p = 0; p < n_peers; p++) {
            if (strcmp(peers[p].name, decisions[i].rule))
                continue;
            double got = peer_decide(&peers[p], &h, &r), want = decisions[i].want;
            if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-9))
                fail_msg("row %zu, %s: %g, not %g", i, peers[p].name, got, want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_21_scenarios),
        cmocka_unit_test(sums_are_the_truths),
        cmocka_unit_test(latency_is_lognormal),
        cmocka_unit_test(noise_shows_in_the_variance),
        cmocka_unit_test(scrapes_arrive_in_steps),
        cmocka_unit_test(a_run_is_its_seed_and_number),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(quantiles_are_prometheus_own),
        cmocka_unit_test(peers_count_as_their_code_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
