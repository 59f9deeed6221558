/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine, given runs of verdict-bench through a policy, decides in the same poll as a slow
 * reference in another language (statistics only, no engine) decided on the same runs.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "cli/bench_judge.h"
#include "generate.h"

#define RUNS 4
#define KEPT (-1)

static const struct {
    const char *scenario;
    bool guard;
    double rps;
    uint32_t poll_s;
    double scrape_s;
    double want[RUNS]; /* seconds */
} cells[] = {
    {"err .1->1%", false, 100, 10, 0, {100, 90, 60, 110}},
    {"p99 +50%", true, 10, 10, 0, {50, 40, 50, 70}},
    {"err .1->.2%", true, 100, 5, 5, {2410, 1220, 815, 870}},
    {"err .1->1%", false, 100, 5, 15, {135, 195, 140, 155}},
    {"late .1->1% @30min", true, 100, 5, 1, {1850, 1850, 1880, 1845}},
    {"overdispersed AR", false, 1000, 10, 15, {-1, -1, -1, -1}},
    {"slow ramp .1->2%/1h", false, 100, 10, 0, {1050, 840, 800, 920}},
    {"p99 x2", false, 100, 5, 30, {75, 80, 80, 60}},
    {"err .1->1% overdisp bb", true, 1000, 10, 0, {40, 40, 80, 40}},
    {"outage both +5% 20min", true, 100, 5, 15, {960, 955, 950, 965}},
    {"blip 20s 50%", false, 100, 5, 15, {-1, -1, -1, -1}},
};

static void decisions_are_the_references(void **unused)
{
    (void)unused;
    struct bench_rule rule = {.false_rollbacks = .01};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct generate_cell c = {scenario_of(cells[i].scenario),
                                  cells[i].guard,
                                  cells[i].rps,
                                  cells[i].poll_s,
                                  cells[i].scrape_s,
                                  1};
        struct bench_head head = generate_head(&c, RUNS);
        for (uint32_t r = 0; r < RUNS; r++) {
            ARENA_AUTO a = arena_new();
            struct bench_run run = generate_run(a, &c, r);
            struct bench_end end;
            struct hd_error err;
            if (bench_judge(a, &head, &run, &rule, &end, &err))
                fail_msg("%s", err.text);
            double got = isnan(end.rollback_s) ? KEPT : end.rollback_s;
            if (fabs(got - cells[i].want[r]) > 1e-9)
                fail_msg("%s, run %u: %g s, not %g s", cells[i].scenario, r, got, cells[i].want[r]);
        }
    }
}

/* With a hold-back on the old version, an outage of both is not taken for the release. */
static void probes_tell_an_outage_from_the_release(void **unused)
{
    (void)unused;
    struct generate_cell c = {scenario_of("outage both +5% 20min"), true, 100, 10, 0, 1};
    struct bench_head head = generate_head(&c, 1);
    for (int probes = 0; probes < 2; probes++) {
        ARENA_AUTO a = arena_new();
        struct bench_rule rule = {.false_rollbacks = .01, .probes = probes};
        struct bench_run run = generate_run(a, &c, 0);
        struct bench_end end;
        struct hd_error err;
        assert_int_equal(bench_judge(a, &head, &run, &rule, &end, &err), HD_OK);
        assert_int_equal(isnan(end.rollback_s), probes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_are_the_references),
        cmocka_unit_test(probes_tell_an_outage_from_the_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
