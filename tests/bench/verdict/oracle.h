/* SPDX-License-Identifier: Apache-2.0
 *
 * The threshold rules that somebody could have written who already knew what would go wrong: every
 * combination of a limit, a window, an interval and a number of failures. The best of them in a cell
 * is what a hand-tuned rule can reach there at most.
 */
#ifndef VERDICT_ORACLE_H
#define VERDICT_ORACLE_H

#include "cli/bench_file.h"

#define ORACLE_LIMITS 7
#define ORACLE_LOOKS 4
#define ORACLE_FAILS 3
#define ORACLE_MEMBERS (ORACLE_LIMITS * ORACLE_LOOKS * ORACLE_FAILS)
enum oracle_measure { ORACLE_ERRORS, ORACLE_P99, ORACLE_MEASURES };

/* Seconds after the switch at which each member acts; NAN: never. */
void oracle_decide(const struct bench_head *, const struct bench_run *, enum oracle_measure,
                   double ret[ORACLE_MEMBERS]);
/* "oracle errors>0.5% 60s/10s x4": the window, how often it is looked at, failures that end it. */
void oracle_name(enum oracle_measure, uint32_t member, char ret[64]);

#endif
