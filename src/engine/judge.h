/* SPDX-License-Identifier: Apache-2.0
 *
 * One judgement of one check: values against limits. No state, no time.
 */
#ifndef ENGINE_JUDGE_H
#define ENGINE_JUDGE_H

#include <haldane/policy.h>
#include <haldane/verdict.h>

enum judge_baseline { JUDGE_NO_BASELINE, JUDGE_CONCURRENT, JUDGE_BEFORE };
enum judge_limit { JUDGE_HOLDS, JUDGE_MAX, JUDGE_MIN, JUDGE_WORSE, JUDGE_BELOW };

/* What one side showed. For a gauge only `value`; for counters the sums and the time they cover. */
struct judge_sums {
    double events, exposure;
    int64_t ms;
    double value;
};

struct judgement {
    bool decided; /* false: a limit needs a baseline, and there is none */
    bool broken, shared;
    uint8_t band, baseline, broke_by;
    double value, n, stable, limit; /* n: NaN for a gauge; stable: the baseline's value or NaN */
};

/* Is the measurement fit to be judged: its outcome, or NAN when its numbers are none. NULL is
 * NO_DATA. *ret_reason: enum hd_reason_number behind it. */
uint8_t judge_outcome(const struct hd_check *, const struct hd_measurement *, uint16_t *ret_reason);
/* Requests needed before a judgement; 0 for a gauge. */
double judge_need(const struct hd_check *);
/* The candidate's sums are enough for a judgement. */
bool judge_enough(const struct hd_check *, const struct judge_sums *);
/* The sums make a baseline to compare with. */
bool judge_baseline_enough(const struct hd_check *, const struct judge_sums *);
/* So few requests, and yet the absolute limit is broken beyond chance (exact binomial tail at most
 * 1 in 1,000): a tenth of the traffic left on stable must be able to say that it is bad too. */
bool judge_proves_break(const struct hd_check *, const struct judge_sums *);
/* The check's value by the sums; NaN when they give none. */
double judge_value(const struct hd_check *, const struct judge_sums *);
bool judge_has_absolute(const struct hd_check *);
/* Which absolute limit the value breaks. */
enum judge_limit judge_absolute(const struct hd_check *, double value);

/* `stable` and `before` may be NULL: not enough for a baseline. */
struct judgement judge(const struct hd_check *, const struct judge_sums *candidate,
                       const struct judge_sums *stable, const struct judge_sums *before);

#endif
