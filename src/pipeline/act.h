/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of one act, for each other only: act.c reads the world and decides, target.c asks its
 * probe, intent.c keeps what is journaled, send.c sends it.
 */
#ifndef PIPELINE_ACT_H
#define PIPELINE_ACT_H

#include "pipeline/internal.h"

/* act.c */
void act_read(struct guard *, enum act_phase);  /* reads the world, and goes on from there */
void act_again(struct guard *);                 /* later, with backoff */
void act_schedule(struct guard *);
/* Ends the guard without success; in one transaction with its act-now notice (I3). */
void act_stand_down(struct guard *, int state, int outcome, int reason, const char *text);

/* target.c */
struct talk *target_probe(struct guard *, talk_done_fn *, int64_t deadline_ms);

/* intent.c */
void intent_clear(struct act *);
void intent_fill(struct guard *, const char *from, bool counted); /* counted: by the limit of I6 */
void intent_unsend(struct act *);               /* what was filled in for a send that did not happen */
void intent_resume(struct guard *, const struct store_intent *); /* one from before a restart */
/* A final outcome also says when; text NULL: as it is. */
void intent_outcome(struct guard *, int outcome, const char *text);
/* What went wrong last: the intent's text too, once there is an intent. */
void intent_words(struct act *, const char *text);
void intent_follow(struct act *, const char *follow); /* id of the change, from the reply */
/* True when what is missing now is the last part of the journaled plan, and not all of it. */
bool intent_is_rest(const struct guard *, const struct hd_plan *rest);

/* send.c. I2: commit, then send. */
void act_send(struct guard *);

#endif
