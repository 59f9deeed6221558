/* SPDX-License-Identifier: Apache-2.0
 *
 * Was it the release? No more is claimed than was observed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cause.h"
#include "base/str.h"

#define PASS HD_VERDICT_PASS
#define FAIL HD_VERDICT_FAIL
#define OPEN HD_VERDICT_INCONCLUSIVE
#define R(name) HD_REASON_##name
#define CANNOT "Cannot tell this release from a shared outage: "
#define ALONE CANNOT "blue had too little traffic in the same polls to compare with."

static void sentences(void **state)
{
    static const struct {
        const char *name;
        int verdict, cause, first;
        bool recovered;
        const char *want;
        bool known, both;
    } row[] = {
        {"watching, all well", 0, 0, R(WITHIN), false, "", true, false},
        {"passed", PASS, 0, R(ALL_GOOD), false, "", true, false},
        {"passed, though shared once", PASS, 0, R(SHARED), false, "", true, false},
        {"beside stable", FAIL, HD_CAUSE_RELEASE, R(ABOVE_MAX), true,
         "Yes: blue, watched in the same polls, is well.", true, false},
        {"no member", FAIL, HD_CAUSE_RELEASE, R(CANDIDATE_SILENT), false,
         "Likely: green has no ready member. Whether blue served its users well was not compared.", true, false},
        {"no samples", FAIL, HD_CAUSE_RELEASE, R(CANDIDATE_NO_SAMPLES), false,
         "Likely: green gives no samples, while the source still has those of blue.", true, false},
        {"nothing beside it", FAIL, 0, R(ABOVE_MAX), false, ALONE, false, false},
        {"nothing beside it, then well", FAIL, 0, R(EVIDENCE), true,
         ALONE " Users were well again after the traffic was moved back, which points at the release.", false,
         false},
        {"an order", FAIL, 0, 0, true, "", true, false},
        {"an alert", FAIL, 0, R(ALERT), false,
         CANNOT "an alert said that it fails, and compares it with nothing.", false, false},
        {"the score", FAIL, 0, R(LOW_SCORE), false,
         CANNOT "no check failed by itself, the score of all of them is too low.", false, false},
        {"shared, watching", 0, 0, R(SHARED), false,
         "Likely not: blue and green broke the same limit in the same polls.", true, true},
        {"shared to the end", OPEN, HD_CAUSE_SHARED, R(SHARED), false,
         "Likely not: blue and green broke the same limit in the same polls.", true, true},
        {"no worse", OPEN, HD_CAUSE_SHARED, R(NO_WORSE), false,
         "Likely not: green is no worse than blue in the same time.", true, true},
        {"turned together", OPEN, 0, R(BOTH_BAD_AFTER_SWITCH), false,
         CANNOT "blue and green turned bad together, after the switch.", false, true},
        {"earlier", OPEN, HD_CAUSE_EARLIER, R(ADVISORY), false,
         "Likely not: the limit was broken before the switch too.", true, false},
        {"not enough", OPEN, 0, R(TOO_FEW_SAMPLES), false, "", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct cause_facts f = {row[i].verdict, row[i].cause, row[i].first, row[i].recovered, "blue", "green"};
        BUF_AUTO b = BUF_INIT(1000);
        cause_say(&b, &f);
        if (!str_is(b.len ? buf_at(&b) : "", row[i].want) || cause_is_known(cause_of(&f)) != row[i].known ||
            cause_both_bad(cause_of(&f)) != row[i].both)
            fail_msg("%s: %s", row[i].name, b.len ? buf_at(&b) : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
