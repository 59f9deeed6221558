/* SPDX-License-Identifier: Apache-2.0
 *
 * Would haldane take a release back by itself right now, and if not, why not and until when? The one
 * answer to that: the decision asks it with what it knows, the rehearsal, the drill, the doctor, the
 * pages and the CLI with what the store knows. Pure: plain values in, a reason out.
 */
#ifndef BASE_WOULD_H
#define BASE_WOULD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#include <haldane/policy.h>

#define WOULD_HOUR_MS 3600000 /* of reverts_per_hour */
#define WOULD_BRAKE_MS 60000  /* "within a minute" */

/* What the configuration says of it, and whoever started the guard. */
struct would_rules {
    int32_t mode; /* enum hd_mode; of the guard, where there is one */
    bool on_fail_page;
    bool unsafe;  /* whoever started the guard said that going back would break things */
    bool rollback_safe;
    int64_t rollback_unsafe_until_ms; /* wall; -1: not limited */
    int64_t cooldown_ms;
    int64_t reverts_per_hour, brake;
    double target_ready; /* share of the target's members that must be ready */
    const char *vouched[HD_SIDES_MAX]; /* colours whose readiness need not be read: a probe or trust */
    size_t n_vouched;
    const char *approvers; /* who must approve a revert, by name; NULL: nobody */
};

struct would_facts {
    int64_t now_ms; /* wall, like every time here */
    struct would_rules rules;
    const char *held;      /* why automatic reverts are held; NULL: they are not */
    int64_t held_until_ms;
    bool held_all;         /* the hold is on the whole fleet */
    bool reverted_before;  /* this very version */
    const char *unwatched; /* what has traffic though it was rejected, with no guard; NULL: nothing */
    int64_t cooling_ms;    /* the newest automatic revert of this service; -1: none */
    const int64_t *reverts, *decisions; /* of all services in the last hour, and minute; oldest first */
    size_t n_reverts, n_decisions;
    size_t coming;         /* reverts that are decided and not journaled yet */
    /* Where the traffic would go, as last read; target NULL: not known, and not asked about. */
    const char *target, *rejected; /* rejected: why it is no target; NULL: it may be one */
    const char *probe_bad;         /* what its probe said; NULL: nothing bad */
    uint32_t ready, wanted;        /* HD_UNKNOWN */
    double candidate_good;         /* as would_good */
};

struct would {
    int reason;       /* enum hd_reason_number; 0: it would act */
    const char *text; /* words of others in its sentence; NULL */
    const char *target;
    uint32_t ready, wanted;
    bool all;         /* not about this service alone */
    int64_t until_ms; /* when this reason ends by itself; -1: nobody knows */
};

/* Texts of the policy are borrowed. */
void would_rules_of(struct hd_arena *, const struct hd_policy *, const struct hd_config *, struct would_rules *ret);
/* "alice, bob"; NULL: nobody is asked. */
const char *would_approvers(struct hd_arena *, const struct hd_policy *);
/* Rules, holds and budgets: what makes a decision an advice. */
struct would would_decide(const struct would_facts *);
/* The gate (I4): may the target take the traffic? What is not automatic may go to a rejected side. */
struct would would_gate(const struct would_facts *, bool automatic);
/* Both: the whole answer. */
struct would would_act(const struct would_facts *);

/* The share of good answers in the worst of the failing checks, one after another from 1 on; `complement`: its
 * value is that share already. A check of another unit, or without a value, says nothing. */
double would_worst(double worst, const char *unit, bool complement, double value);
/* How much of the traffic the candidate still serves well, 0..1: its ready share times the share of
 * good answers in its worst failing check. */
double would_good(uint32_t ready, uint32_t wanted, double worst);

/* The sentence; the same words in the journal, on the pages and in the CLI. Nothing when it would. */
void would_say(struct buf *, const struct would *, int64_t now_ms);
/* "10:32:05Z" of an end within a day, else with its date. */
const char *would_until(int64_t until_ms, int64_t now_ms, char out[STR_TIME_MAX]);
/* What a human could do so that it would; NULL: nothing but wait, or it is meant to be so. */
const char *would_next(struct hd_arena *, const struct would *, const char *service);

#endif
