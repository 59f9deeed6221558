/* SPDX-License-Identifier: Apache-2.0
 *
 * See cause.h. Reads the engine's cause and the reason that decided; decides nothing itself.
 */
#include "base/cause.h"

/* What both colours share is known by the reason, before the guard ends. */
static enum cause_said by_both(int first)
{
    switch (first) {
    case HD_REASON_BOTH_BAD_AFTER_SWITCH:
        return CAUSE_TURNED;
    case HD_REASON_SHARED:
        return CAUSE_SHARED;
    case HD_REASON_NO_WORSE:
        return CAUSE_NO_WORSE;
    default:
        return CAUSE_UNSAID;
    }
}

enum cause_said cause_of(const struct cause_facts *f)
{
    const enum cause_said both = by_both(f->first);
    if (f->cause == HD_CAUSE_RELEASE)
        return f->first == HD_REASON_CANDIDATE_SILENT       ? CAUSE_DEAD
               : f->first == HD_REASON_CANDIDATE_NO_SAMPLES ? CAUSE_MUTE
                                                            : CAUSE_BESIDE;
    if (f->cause == HD_CAUSE_EARLIER)
        return CAUSE_EARLIER;
    if (f->cause == HD_CAUSE_SHARED)
        return both == CAUSE_NO_WORSE ? both : CAUSE_SHARED;
    if (f->verdict == HD_VERDICT_PASS)
        return CAUSE_UNSAID;
    if (both)
        return both;
    if (f->verdict != HD_VERDICT_FAIL || !f->first)
        return CAUSE_UNSAID;
    if (f->first == HD_REASON_ALERT)
        return CAUSE_ALERT;
    if (f->first == HD_REASON_LOW_SCORE)
        return CAUSE_SCORE;
    return f->recovered ? CAUSE_RECOVERED : CAUSE_ALONE;
}

bool cause_is_known(enum cause_said said)
{
    return said < CAUSE_ALERT && said != CAUSE_TURNED;
}

bool cause_both_bad(enum cause_said said)
{
    return said == CAUSE_SHARED || said == CAUSE_NO_WORSE || said == CAUSE_TURNED;
}

#define CANNOT_TELL "Cannot tell this release from a shared outage: "

void cause_say(struct buf *b, const struct cause_facts *f)
{
    const char *s = f->stable ? f->stable : "stable", *c = f->candidate ? f->candidate : "the candidate";
    switch (cause_of(f)) {
    case CAUSE_UNSAID:
        break;
    case CAUSE_BESIDE:
        buf_print(b, "Yes: %s, watched in the same polls, is well.", s);
        break;
    case CAUSE_DEAD:
        buf_print(b, "Likely: %s has no ready member. Whether %s served its users well was not compared.", c, s);
        break;
    case CAUSE_MUTE:
        buf_print(b, "Likely: %s gives no samples, while the source still has those of %s.", c, s);
        break;
    case CAUSE_SHARED:
        buf_print(b, "Likely not: %s and %s broke the same limit in the same polls.", s, c);
        break;
    case CAUSE_NO_WORSE:
        buf_print(b, "Likely not: %s is no worse than %s in the same time.", c, s);
        break;
    case CAUSE_TURNED:
        buf_print(b, CANNOT_TELL "%s and %s turned bad together, after the switch.", s, c);
        break;
    case CAUSE_EARLIER:
        buf_text(b, "Likely not: the limit was broken before the switch too.");
        break;
    case CAUSE_ALERT:
        buf_text(b, CANNOT_TELL "an alert said that it fails, and compares it with nothing.");
        break;
    case CAUSE_SCORE:
        buf_text(b, CANNOT_TELL "no check failed by itself, the score of all of them is too low.");
        break;
    case CAUSE_ALONE:
        buf_print(b, CANNOT_TELL "%s had too little traffic in the same polls to compare with.", s);
        break;
    case CAUSE_RECOVERED:
        buf_print(b, CANNOT_TELL "%s had too little traffic in the same polls to compare with. Users were well "
                  "again after the traffic was moved back, which points at the release.", s);
        break;
    }
}
