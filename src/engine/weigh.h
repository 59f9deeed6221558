/* SPDX-License-Identifier: Apache-2.0
 *
 * The sequential rule of a guard: all its sequential checks as one body of evidence, with one
 * chance of a needless revert.
 */
#ifndef ENGINE_WEIGH_H
#define ENGINE_WEIGH_H

#include "engine/poll.h"

void weigh_init(const struct hd_policy *, struct hd_guard_state *);
/* What the past taught. */
void weigh_past(const struct hd_policy *, const struct hd_evidence *, struct hd_guard_state *);
/* Would the past of this check help, and is it unknown? */
bool weigh_wants_past(const struct hd_policy *, const struct hd_guard_state *, uint32_t check);
/* Nearly everything is on the candidate: by the router's settings, else by the requests counted. */
bool weigh_is_alone(const struct poll *, const struct hd_guard_state *);
/* Takes a poll in, after the checks did; trips the check that is to blame once the evidence
 * suffices. True: a human is told now. */
bool weigh_step(const struct poll *, struct hd_guard_state *);

/* The limiter of bursts holds evidence back right now: the next polls say whether it was one. */
bool weigh_holds_back(const struct hd_policy *, const struct hd_guard_state *);

/* A check's candidate is far above what is usual, in the whole guard or since longer than a blip may last,
 * and it was not proven: no pass, whatever made the evidence so weak. */
bool weigh_is_unproven(const struct hd_policy *, const struct hd_guard_state *, uint32_t check);
/* The least value that would have been proven by now; NaN: not known. */
double weigh_least(const struct hd_policy *, const struct hd_guard_state *, uint32_t check);

/* Where the evidence stands; from the state alone. */
struct weigh {
    bool any;             /* the guard has sequential checks, and was polled */
    double log_e, threshold;
    double meter;         /* 0..1: how much of what a revert needs */
    int64_t crossed_ms;   /* guard time at which it sufficed; 0: never */
    int64_t healthy_ms;   /* proven healthy */
    int64_t routing_ms;   /* the requests do not follow the router's settings */
    double routed, share; /* of the requests; by the router */
    uint32_t leading;     /* the check that gives most of it */
    bool pause;           /* enough to stop giving it more traffic */
    double doubt;         /* > 0: too much for a pass; 0..1 as the meter, with what a burst took along */
    bool shared;          /* stable is worse than its own past allows, and the candidate no worse */
    bool cannot_tell;     /* no traffic on stable to compare with */
};
struct weigh weigh_view(const struct hd_guard_state *);
/* Independent requests of a check's candidate so far. */
double weigh_effective(const struct hd_guard_state *, uint32_t check);

#endif
