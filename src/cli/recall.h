/* SPDX-License-Identifier: Apache-2.0
 *
 * The past of a data source as evidence: the polls that a guard would have made after a switch. Raw
 * counters are asked in large pieces and cut to what each poll would have been given, so the counts
 * are made by the code that counts live.
 */
#ifndef CLI_RECALL_H
#define CLI_RECALL_H

#include "cli/ask.h"
#include "cli/trial.h"

/* Told at the beginning and after each poll how far it is; NULL: nobody. */
typedef void recall_progress_fn(void *user, size_t done, size_t of);

/* Fills the evidence of a trial: the minutes before its switch, then every poll up to the end of
 * the guard, to cut_ms, or to `until_ms`. Fails when a source cannot be asked about the past, or gives no answer.
 */
enum hd_code recall_collect(struct asker *, struct hd_arena *, const struct hd_config *,
                            struct trial *, int64_t until_ms, recall_progress_fn *, void *user,
                            struct hd_error *err);

#endif
