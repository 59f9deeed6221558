/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of the oracle's family act at the look at which their failures are full, count a window
 * of the last polls only, and take silence for no failure.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "oracle.h"

#define POLLS 90 /* of 10 s */

/* `errors` of 1000 requests in each poll of [from, to); none in all others. */
static const struct {
    const char *member;
    uint32_t from, to;
    double errors, requests, want_s;
} rows[] = {
    {"oracle errors>0.5% 10s/10s x2", 0, POLLS, 6, 1000, 20},
    {"oracle errors>0.5% 10s/10s x2", 0, POLLS, 5, 1000, NAN}, /* at its limit is not above it */
    {"oracle errors>0.5% 10s/10s x9", 3, POLLS, 6, 1000, 120},
    {"oracle errors>0.5% 10s/10s x9", 3, 11, 6, 1000, NAN},
    {"oracle errors>0.5% 60s/10s x9", 30, 32, 100, 1000, NAN}, /* seven looks see it, then it is gone */
    {"oracle errors>0.5% 60s/10s x4", 30, 32, 100, 1000, 340},
    {"oracle errors>4% 60s/10s x2", 30, 32, 100, 1000, NAN},
    {"oracle errors>4% 60s/10s x2", 0, 2, 100, 1000, 20}, /* a window that has only begun */
    {"oracle errors>0.2% 300s/60s x4", 30, POLLS, 100, 1000, 540},
    {"oracle errors>0.2% 10s/10s x2", 0, POLLS, 0, 0, NAN},
};

static double decided(const char *member, const struct bench_head *h, const struct bench_run *r)
{
    double end_s[ORACLE_MEMBERS];
    char name[64];
    oracle_decide(h, r, ORACLE_ERRORS, end_s);
    for (uint32_t i = 0; i < ORACLE_MEMBERS; i++) {
        oracle_name(ORACLE_ERRORS, i, name);
        if (str_is(name, member))
            return end_s[i];
    }
    fail_msg("%s is no member", member);
    return NAN;
}

static void members_act_when_their_failures_are_full(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double at[POLLS * 2];
        for (uint32_t p = 0; p < POLLS; p++) {
            at[2 * p + BENCH_REQUESTS] = rows[i].requests;
            at[2 * p + BENCH_ERRORS] = p >= rows[i].from && p < rows[i].to ? rows[i].errors : 0;
        }
        struct bench_head h = {.polls = POLLS, .poll_s = 10};
        struct bench_run r = {.candidate = {POLLS, 2, at}};
        double got = decided(rows[i].member, &h, &r), want = rows[i].want_s;
        if (isnan(want) ? !isnan(got) : !(got == want))
            fail_msg("row %zu, %s: %g, want %g", i, rows[i].member, got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_act_when_their_failures_are_full),
    };
    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
