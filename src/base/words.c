/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the enums of haldane/types.h, and the moves of state.def. Data only.
 */
#include <haldane/types.h>

#include "base/str.h"

struct word {
    int number;
    const char *text;
};

static const char *word_of(const struct word *list, size_t n, int number)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].number == number)
            return list[i].text;
    }
    return "?";
}

static int number_of(const struct word *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(list[i].text, text))
            return list[i].number;
    }
    return -1;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define ROW(number, name, word) {number, word},

static const struct word outcomes[] = {HD_OUTCOMES(ROW)};
static const struct word bands[] = {HD_BANDS(ROW)};
static const struct word verdicts[] = {HD_VERDICTS(ROW)};
static const struct word causes[] = {HD_CAUSES(ROW)};
static const struct word modes[] = {HD_MODES(ROW)};
static const struct word intents[] = {HD_INTENT_OUTCOMES(ROW)};
static const struct word severities[] = {HD_SEVERITIES(ROW)};
static const struct word states[] = {
#define STATE(number, name, word, terminal, sentence) {number, word},
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
};

const char *hd_outcome_word(int n) { return word_of(outcomes, COUNT(outcomes), n); }
const char *hd_band_word(int n) { return word_of(bands, COUNT(bands), n); }
const char *hd_verdict_word(int n) { return word_of(verdicts, COUNT(verdicts), n); }
const char *hd_cause_word(int n) { return word_of(causes, COUNT(causes), n); }
const char *hd_mode_word(int n) { return word_of(modes, COUNT(modes), n); }
const char *hd_intent_word(int n) { return word_of(intents, COUNT(intents), n); }
const char *hd_severity_word(int n) { return word_of(severities, COUNT(severities), n); }
const char *hd_state_word(int n) { return word_of(states, COUNT(states), n); }
int hd_state_of(const char *word) { return number_of(states, COUNT(states), word); }
int hd_mode_of(const char *word) { return number_of(modes, COUNT(modes), word); }
int hd_verdict_of(const char *word) { return number_of(verdicts, COUNT(verdicts), word); }

bool hd_state_terminal(int state)
{
    switch (state) {
#define STATE(number, name, word, terminal, sentence)                                              \
    case number:                                                                                   \
        return terminal;
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
    default:
        return true;
    }
}

bool hd_state_may_move(int from, int to)
{
    static const struct {
        int from, to;
    } moves[] = {
#define STATE(number, name, word, terminal, sentence)
#define MOVE(from, to, cause) {HD_STATE_##from, HD_STATE_##to},
#include <haldane/state.def>
#undef STATE
#undef MOVE
    };
    for (size_t i = 0; i < COUNT(moves); i++) {
        if (moves[i].from == from && moves[i].to == to)
            return true;
    }
    return false;
}
