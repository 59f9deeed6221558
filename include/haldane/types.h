/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the house as C: roles, outcomes, bands, modes. Every enum that is stored, printed
 * or sent is one X-macro list, so its word exists once; `hd_<enum>_word()` gives it and
 * `hd_<enum>_of()` reads it. Numbers are stored: append only, never renumber.
 */
#ifndef HALDANE_TYPES_H
#define HALDANE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <haldane/error.h>
#include <haldane/limits.h>

struct hd_arena; /* base/arena.h: one per act (a fetch, an intent); freed whole */

/* Borrowed bytes; at[len] == 0, so text can be used as a C string. */
struct hd_span {
    const char *at;
    size_t len;
};

/* The two clocks, read once per turn of the loop and handed down. Wall time is for records and
 * queries; boot time (it runs on through suspend) is for waiting and for the guard's own clock. */
struct hd_now {
    int64_t wall_ms;
    int64_t boot_ms;
};

/* The roles of a guard. A colour's role changes from switch to switch. */
enum hd_role { HD_STABLE = 0, HD_CANDIDATE = 1, HD_ROLES = 2 };

#define HD_OUTCOMES(X)                                                                             \
    X(0, OK, "ok")                                                                                 \
    X(1, NO_DATA, "no_data")   /* the source answered, and has nothing */                          \
    X(2, TOO_FEW, "too_few")   /* fewer requests than min_samples */                               \
    X(3, NAN, "nan")           /* NaN or an infinity where a number should be */                   \
    X(4, STALE, "stale")       /* the newest sample is older than two scrapes and a poll */        \
    X(5, PARTIAL, "partial")   /* the source says that its answer is not complete */               \
    X(6, TOO_MANY, "too_many") /* more series or bytes than the caps allow */                      \
    X(7, ERROR, "error")       /* no usable answer at all */
enum hd_outcome {
#define X(number, name, word) HD_OUTCOME_##name = number,
    HD_OUTCOMES(X)
#undef X
};

#define HD_BANDS(X)                                                                                \
    X(0, NONE, "none")                                                                             \
    X(1, PASS, "pass")                                                                             \
    X(2, WARN, "warn")                                                                             \
    X(3, FAIL, "fail")
enum hd_band {
#define X(number, name, word) HD_BAND_##name = number,
    HD_BANDS(X)
#undef X
};

#define HD_VERDICTS(X)                                                                             \
    X(0, NONE, "none") /* not ended yet */                                                         \
    X(1, PASS, "pass")                                                                             \
    X(2, FAIL, "fail")                                                                             \
    X(3, INCONCLUSIVE, "inconclusive")
enum hd_verdict_kind {
#define X(number, name, word) HD_VERDICT_##name = number,
    HD_VERDICTS(X)
#undef X
};

#define HD_CAUSES(X)                                                                               \
    X(0, UNKNOWN, "unknown") /* cannot tell this release from a shared outage */                   \
    X(1, RELEASE, "release") /* stable is well in the same polls; or the candidate is mute */                      \
    X(2, SHARED, "shared")   /* both colours break the same limit */                               \
    X(3, EARLIER, "earlier") /* the limit was broken before the switch already */
enum hd_cause {
#define X(number, name, word) HD_CAUSE_##name = number,
    HD_CAUSES(X)
#undef X
};

#define HD_MODES(X)                                                                                \
    X(0, ENFORCE, "enforce") /* acts */                                                            \
    X(1, ADVISE, "advise")   /* says what it would do, with the command */                         \
    X(2, SHADOW, "shadow")   /* records only */
enum hd_mode {
#define X(number, name, word) HD_MODE_##name = number,
    HD_MODES(X)
#undef X
};

#define HD_INTENT_OUTCOMES(X)                                                                      \
    X(0, JOURNALED, "journaled")   /* durable, no byte sent yet */                                 \
    X(1, SENT, "sent")                                                                             \
    X(2, ACCEPTED, "accepted")     /* the router said yes */                                       \
    X(3, UNKNOWN, "unknown")       /* sent, and the answer is lost */                              \
    X(4, VERIFIED, "verified")     /* a read-back shows the goal */                                \
    X(5, UNVERIFIED, "unverified") /* the deadline passed without such a read-back */              \
    X(6, CONFLICT, "conflict")     /* somebody else changed it; we stood down */                   \
    X(7, REFUSED, "refused")       /* the router said no */
enum hd_intent_outcome {
#define X(number, name, word) HD_INTENT_##name = number,
    HD_INTENT_OUTCOMES(X)
#undef X
};

#define HD_SEVERITIES(X)                                                                           \
    X(0, INFO, "info")                                                                             \
    X(1, WARN, "warn")                                                                             \
    X(2, ACT, "act") /* needs a human now: banner, metric, exit code, every page notifier */
enum hd_severity {
#define X(number, name, word) HD_SEVERITY_##name = number,
    HD_SEVERITIES(X)
#undef X
};

/* State of a guard: the rows of state.def. */
enum hd_state {
#define STATE(number, name, word, terminal, sentence) HD_STATE_##name = number,
#define MOVE(from, to, cause)
#include <haldane/state.def>
#undef STATE
#undef MOVE
};

/* Number of a reason: the rows of reason.def. */
enum hd_reason_number {
#define REASON(number, name, slug, severity, sentence) HD_REASON_##name = number,
#include <haldane/reason.def>
#undef REASON
};

/* Words of the enums above; never NULL ("?" for a number from the future). */
const char *hd_outcome_word(int);
const char *hd_band_word(int);
const char *hd_verdict_word(int);
const char *hd_cause_word(int);
const char *hd_mode_word(int);
const char *hd_intent_word(int);
const char *hd_severity_word(int);
const char *hd_state_word(int);
bool hd_state_terminal(int state);
/* True when state.def has the row MOVE(from, to, ...). */
bool hd_state_may_move(int from, int to);
/* -1 when there is no such word. */
int hd_state_of(const char *word);
int hd_mode_of(const char *word);
int hd_verdict_of(const char *word);

#endif
