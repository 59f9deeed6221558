/* SPDX-License-Identifier: Apache-2.0
 *
 * A switch of the past judged again: the evidence of its polls through the one engine, under the
 * policy of then or another one. Acts on nothing.
 */
#ifndef CLI_TRIAL_H
#define CLI_TRIAL_H

#include "cli/internal.h"
#include "engine/engine.h"
#include "engine/past.h"
#include "json/json.h"
#include "store/store.h"

/* What is known by hindsight. */
enum trial_truth { TRIAL_UNKNOWN, TRIAL_GOOD, TRIAL_BAD };

struct trial {
    const char *name; /* id of a guard, or NULL */
    int64_t switch_ms;
    const char *stable, *candidate; /* colours */
    int64_t cut_ms;                 /* when traffic moved on from the candidate; 0: not that is known */
    const char *next;               /* to which colour */
    bool silent;                    /* nobody counted a request since: the switch is told from that */
    enum trial_truth truth;
    const struct hd_policy *policy;
    struct past_releases before;     /* what stable ran before the switch */
    struct store_evidence *evidence; /* in the order of the engine's steps */
    struct engine_input *input;      /* what came from outside, in order */
    size_t n, n_inputs;
    bool as_it_was;                  /* orders and alerts end it where they did; else only the policy does */
};

struct trial_end {
    struct hd_verdict verdict;
    int64_t t_ms; /* guard time of the poll that ended it; -1: the evidence ended first */
};

/* A guard of the store with its evidence; all but its policy. HD_ABSENT: no such guard, or its
 * evidence was evicted. */
enum hd_code trial_load(struct store *, struct hd_arena *, const char *id,
                        struct store_guard *ret_guard, struct trial *ret, struct hd_error *err);
/* The same within the caller's transaction. */
enum hd_code trial_read(struct store *, struct hd_arena *, const char *id,
                        struct store_guard *ret_guard, struct trial *ret, struct hd_error *err);
/* Under `policy`, which has the checks of the trial's own. */
enum hd_code trial_run(const struct trial *, const struct hd_policy *policy, struct trial_end *ret,
                       struct hd_error *err);
/* The n-th reason as a sentence. */
const char *trial_reason(struct hd_arena *, const struct trial *, const struct hd_policy *,
                         const struct hd_reason *);

/* One of "reasons" in the commands' JSON. */
void trial_put_reason(struct json_out *, int number, const char *text);
/* The newest guard of a service, of the range `filter` (its service is set here); "" when the store knows
 * the service and has none. An exit status; of a service that it does not know, says which is meant. */
int trial_newest(struct store *, struct hd_arena *, const char *service, struct store_filter, const char **ret_id);

/* Of every command that looks at a range of time. */
#define CLI_RANGE_OPTIONS                                                                          \
    {"from", 'f', "T", "from then on: a time, or how long ago (24h)"},                             \
    {                                                                                              \
        "to", 't', "T", "up to then (default: now)"                                                \
    }
/* Reads them; *ret_from_ms is 0 without --from. An exit status. */
int trial_range(const struct cli_args *, int64_t now_ms, int64_t *ret_from_ms, int64_t *ret_to_ms);
/* One of them: a time, or how long ago. */
bool trial_time(const char *text, int64_t now_ms, int64_t *ret);

#endif
