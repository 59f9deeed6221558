/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of verdict-bench/1 through the one engine: the policy that its header means, its history as
 * what was learned before the switch, its polls as evidence.
 */
#ifndef CLI_BENCH_JUDGE_H
#define CLI_BENCH_JUDGE_H

#include "cli/bench_file.h"

struct bench_rule {
    double false_rollbacks;
    bool probes; /* guard: the old version keeps a little traffic, and it is looked at */
};

struct bench_end {
    double rollback_s; /* after the switch; NAN: never */
    double healthy_s;  /* when the new version was proven healthy; NAN: never */
};

enum hd_code bench_judge(struct hd_arena *, const struct bench_head *, const struct bench_run *,
                         const struct bench_rule *, struct bench_end *ret, struct hd_error *err);

#endif
