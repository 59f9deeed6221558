/* SPDX-License-Identifier: Apache-2.0
 *
 * What collect.c and question.c share: a poll in progress, and what its questions got so far.
 */
#ifndef PIPELINE_COLLECT_H
#define PIPELINE_COLLECT_H

#include "pipeline/internal.h"

#define PIECES (HD_SIDES_MAX + 1) /* a text per colour, and the targets' start times */
#define PIECE_TARGETS HD_SIDES_MAX

/* What one piece of one check got. Rows live in the fetch's arena, which the collect keeps. */
struct piece {
    bool asked, here;
    enum hd_code code;
    uint16_t reason;
    struct hd_rows rows;
};

struct collect {
    struct guard *g;
    bool before;          /* the minutes before the switch, not a poll */
    bool waits_for_clock;
    int64_t at_boot_ms, wall_ms, t_ms;
    int64_t begun_ms;     /* boot: a clock that failed since then is not asked again */
    size_t waiting;
    struct hd_arena *arenas[HD_CHECKS_MAX * PIECES];
    size_t n_arenas;
    struct {
        int64_t at_ms, since_ms; /* on the source's clock, as asked: a fail-over in the middle of a
                                    poll has another clock */
    } when[HD_CHECKS_MAX];
    struct piece piece[HD_CHECKS_MAX][PIECES];
};

/* collect.c: asks what can be asked now; a clock that was waited for has come. */
void collect_ask(struct collect *);
void collect_done(struct collect *); /* nothing is waited for any more; frees it */

/* question.c */
void question_clock(struct guard *, struct source *, const struct hd_datasource *);
/* The answer comes into c->piece[check][piece]; until then c->waiting counts it. */
void question_ask(struct collect *c, uint32_t check, uint32_t piece, const struct hd_probe *,
                  const struct hd_question *);
/* What `old` waits for, `next` waits for from now on. */
void question_hand_over(struct collect *old, struct collect *next);
void question_drop(const struct collect *); /* it waits for nothing more */

#endif
