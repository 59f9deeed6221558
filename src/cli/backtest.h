/* SPDX-License-Identifier: Apache-2.0
 *
 * What `haldane backtest` found out, and how it is said.
 */
#ifndef CLI_BACKTEST_H
#define CLI_BACKTEST_H

#include "cli/sweep.h"

#define BACKTEST_TRIALS_MAX 1000

/* One switch, judged by the policy as it is. */
struct tried {
    struct trial trial;   /* evidence: only while it is judged */
    const char *left_out; /* why it could not be judged; NULL: it was */
    size_t polls;
    int64_t end_ms;       /* of its evidence, since the switch */
    struct trial_end end;
    const char *why;      /* the verdict's first reason, a sentence */
    struct config *pin;   /* owner of the policy of a stored guard; NULL */
};

struct backtest {
    const struct cli_args *args;
    struct hd_arena *arena;
    const char *service;
    const struct hd_config *config; /* NULL: the guards of the store bring their own */
    const struct hd_policy *policy; /* of which checks are swept; NULL: there is no guard */
    struct tried *tried;            /* [BACKTEST_TRIALS_MAX], oldest first */
    size_t n;
    struct sweep sweep[SWEEPS_MAX];
    size_t n_sweeps;
    struct hd_error err;
};

#define BACKTEST_KEPT "backtest" /* trigger of a guard that --save made */
/* backtest_save.c: a new store (HD_CONFLICT: the file exists), and one switch into it. */
enum hd_code backtest_save_open(const char *path, struct store **ret, struct hd_error *err);
enum hd_code backtest_save(struct store *, const struct config *, struct tried *, size_t place,
                           struct hd_error *err);

/* Prints the result as -o says, and draws it for --svg. An exit status. */
int backtest_say(struct backtest *);

#endif
