/* SPDX-License-Identifier: Apache-2.0
 *
 * Was it the release? The one place that answers, from what was really observed, for page, post-mortem,
 * API, CLI, headline and other tools. It claims no more than the evidence does. Pure.
 */
#ifndef BASE_CAUSE_H
#define BASE_CAUSE_H

#include "base/buf.h"

#include <haldane/verdict.h>

enum cause_said {
    CAUSE_UNSAID,    /* nothing failed, or a human decided: nobody asked */
    CAUSE_BESIDE,    /* stable was watched beside it, and was well */
    CAUSE_DEAD,      /* the candidate has no ready member */
    CAUSE_MUTE,      /* the candidate gives no samples, while its source is alive */
    CAUSE_SHARED,    /* both broke the same limit */
    CAUSE_NO_WORSE,  /* by the sequential rule: no worse than stable in the same time */
    CAUSE_TURNED,    /* both turned bad after a full switch */
    CAUSE_EARLIER,   /* the limit was broken before the switch */
    CAUSE_ALERT,     /* another tool's alert said it */
    CAUSE_SCORE,     /* no check by itself */
    CAUSE_ALONE,     /* nothing to compare with */
    CAUSE_RECOVERED, /* nothing to compare with; users were well again after the revert */
};

struct cause_facts {
    int verdict, cause; /* enum hd_verdict_kind, enum hd_cause */
    int first;          /* number of the reason that decided, or that leads so far; 0: none did */
    bool recovered;     /* users were well after the traffic went back */
    const char *stable, *candidate;
};
enum cause_said cause_of(const struct cause_facts *);
/* "Yes: blue, watched in the same polls, is well." Writes nothing when there is nothing to say. */
void cause_say(struct buf *, const struct cause_facts *);
/* The evidence gives an answer, or nobody asked. */
bool cause_is_known(enum cause_said);
/* Moving the traffic back would move users from one failure to the other. */
bool cause_both_bad(enum cause_said);

#endif
