/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the house and the life of a guard: a walk over every row of state.def.
 */
#include <haldane/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct state {
    int number;
    const char *word;
    bool terminal;
} states[] = {
#define STATE(number, name, word, terminal, sentence) {number, word, terminal},
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
};

static const struct move {
    int from, to;
    const char *cause;
} moves[] = {
#define STATE(number, name, word, terminal, sentence)
#define MOVE(from, to, cause) {HD_STATE_##from, HD_STATE_##to, cause},
#include <haldane/state.def>
#undef STATE
#undef MOVE
};

enum { STATES = sizeof states / sizeof *states, MOVES = sizeof moves / sizeof *moves };

static void words_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < STATES; i++) {
        assert_int_equal(hd_state_of(hd_state_word(states[i].number)), states[i].number);
        assert_string_equal(hd_state_word(states[i].number), states[i].word);
        assert_int_equal(hd_state_terminal(states[i].number), states[i].terminal);
    }
    assert_string_equal(hd_outcome_word(HD_OUTCOME_TOO_FEW), "too_few");
    assert_string_equal(hd_band_word(HD_BAND_WARN), "warn");
    assert_string_equal(hd_cause_word(HD_CAUSE_EARLIER), "earlier");
    assert_string_equal(hd_intent_word(HD_INTENT_CONFLICT), "conflict");
    assert_string_equal(hd_severity_word(HD_SEVERITY_ACT), "act");
    assert_int_equal(hd_mode_of("advise"), HD_MODE_ADVISE);
    assert_int_equal(hd_verdict_of("inconclusive"), HD_VERDICT_INCONCLUSIVE);
    assert_int_equal(hd_verdict_of("maybe"), -1);
    assert_int_equal(hd_state_of(""), -1);
    assert_string_equal(hd_outcome_word(99), "?");
    assert_string_equal(hd_state_word(-1), "?");
    assert_true(hd_state_terminal(99)); /* a state of the future is left alone */
}

/* Exactly the rows are allowed; each is there once and has a cause. */
static void moves_are_the_table(void **state)
{
    (void)state;
    for (int from = 0; from < STATES; from++) {
        for (int to = 0; to < STATES; to++) {
            int rows = 0;
            for (int i = 0; i < MOVES; i++)
                rows += moves[i].from == from && moves[i].to == to && *moves[i].cause;
            assert_true(rows <= 1);
            assert_int_equal(hd_state_may_move(from, to), rows);
        }
    }
}

/* Nothing leaves a terminal state; every other state is left, and can reach a terminal one. */
static void every_guard_can_end(void **state)
{
    (void)state;
    bool ends[STATES] = {false}, reached[STATES] = {[HD_STATE_PENDING] = true};
    for (int round = 0; round < STATES; round++) {
        for (int i = 0; i < MOVES; i++) {
            assert_false(states[moves[i].from].terminal);
            ends[moves[i].from] |= states[moves[i].to].terminal || ends[moves[i].to];
            reached[moves[i].to] |= reached[moves[i].from];
        }
    }
    for (int i = 0; i < STATES; i++) {
        if (!states[i].terminal && !ends[i])
            fail_msg("%s: no way to an end", states[i].word);
        if (!reached[i])
            fail_msg("%s: never reached", states[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_read_back),
        cmocka_unit_test(moves_are_the_table),
        cmocka_unit_test(every_guard_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
