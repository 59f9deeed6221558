/* SPDX-License-Identifier: Apache-2.0
 *
 * One check of a sequential rule: what its limits mean as a null hypothesis, what its past allows,
 * and the factors of one poll. weigh.h joins the checks and decides.
 */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "engine/dispersion.h"
#include "engine/poll.h"
#include "engine/sequential.h"

/* What a check carries from poll to poll, in hd_check_state.words. */
struct stream_words {
    struct seq_stream main;    /* the candidate against its null: decides */
    struct seq_stream both;    /* the candidate against stable in the same time: attributes */
    struct seq_stream stable;  /* stable against its own past: a shared outage */
    double ok[SEQ_OK_TILTS];   /* the candidate's proof of health */
    double rho;                /* of live polls */
    double ceiling, ok_limit;  /* by the past, in events per exposure; 0: no past */
    struct seq_arm mine, theirs;           /* since the last step */
    struct seq_arm wait_mine, wait_theirs; /* since both sides last had some */
    double excess, stable_excess; /* events that came before their requests */
    double effective;             /* independent requests of the candidate so far */
    double gauge_limit, gauge_q[2], gauge_bit, gauge_ms; /* ms: length of a block; 0: no past */
    double block_ms;              /* GAUGE: since the last step */
    struct seq_stream kept;       /* as main, but that a burst takes nothing along: may it pass? */
    double usual;                 /* by the past, robust against its incidents; bad ones per exposure; 0: unknown */
    double above;                 /* polls in a row, up to the last, far above what is tolerated */
};
_Static_assert(sizeof(struct stream_words) <= ENGINE_WORDS * sizeof(double), "words of a check");

static inline struct stream_words *stream_words(struct hd_check_state *s)
{
    return (struct stream_words *)(void *)s->words;
}

/* A check's limits: its value turned so that more is worse, unless `low`. */
struct stream_shape {
    bool flip;     /* COUNTS: bad is exposure - events */
    bool low;      /* RATE, GAUGE: less is worse */
    double limit;  /* absolute, in bad ones per exposure; NaN: none */
    double ratio, offset; /* tolerated: ratio x baseline + offset */
};
struct stream_shape stream_shape(const struct hd_check *);

bool stream_is_sequential(const struct hd_policy *, uint32_t check);

void stream_init(struct stream_words *);
/* Takes a past in; `z` of the ceiling. */
void stream_learn(const struct hd_policy *, const struct hd_past *, double z,
                  struct stream_words *);

/* Takes one poll's evidence in. */
void stream_gather(const struct poll *, uint32_t check, struct stream_words *);

/* The factors of what was gathered since the last step. */
struct stream_factors {
    double stable_n; /* stable's requests, or readings */
    double main[SEQ_TILTS], both[SEQ_TILTS], stable[SEQ_TILTS], ok[SEQ_OK_TILTS];
};
/* `alone`: so little traffic is on stable that the past must do. */
void stream_step(const struct hd_policy *, uint32_t check, bool alone, struct stream_words *,
                 struct stream_factors *ret);
/* Is there a null to test the candidate against, in a judgement of what `s` has gathered? */
bool stream_has_null(const struct hd_check *, const struct hd_check_state *s, bool alone,
                     bool stable_usable);
/* Before the step: is this poll worse than usual, or far above it, whatever the past lets be proven? `beside`:
 * stable was watched. */
void stream_compare(const struct hd_policy *, uint32_t check, bool beside, struct hd_check_state *);
/* The same of the whole guard. */
bool stream_is_above(const struct hd_policy *, uint32_t check, const struct hd_check_state *);
/* The least value of the candidate that the requests so far would have proven, with the null at `limit` and
 * a meter of `log_e` to fill; both in the check's own unit. NaN: it counts no requests. */
double stream_least(const struct hd_policy *, uint32_t check, const struct stream_words *, double limit,
                    double log_e);
/* Is the value on the bad side of the limit? */
bool stream_is_beyond(const struct hd_check *, double value, double limit);
/* The tolerated value now, in the check's own unit; NaN: unknown. `stable`: the baseline's value. */
double stream_limit(const struct hd_policy *, uint32_t check, const struct stream_words *,
                    bool alone, double stable);

#endif
