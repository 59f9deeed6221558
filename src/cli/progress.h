/* SPDX-License-Identifier: Apache-2.0
 *
 * What someone who waits for a guard is told: one line for each change, and on a terminal a live
 * line below. Pure: JSON and time in, text out.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/buf.h"
#include "cli/face.h"

/* How a state is meant, and its colour on a terminal. */
enum tone { TONE_PLAIN, TONE_GOOD, TONE_DOUBTFUL, TONE_BAD };
enum tone progress_tone(const char *state);
const char *progress_paint(enum tone);
#define PROGRESS_UNPAINT "\x1b[0m"

struct progress {
    bool colour; /* set by the owner; all else zero at first */
    bool begun, needs_human;
    char state[32];
    bool recovered;
    int quarters; /* of the evidence that a revert needs, as last said */
    uint64_t shown[HD_CHECKS_MAX]; /* hash of what was last said of each check */
};

/* Appends what changed since the last look. */
void progress_look(struct progress *, const struct face_guard *, int64_t wall_ms,
                   struct buf *lines);
/* One line without a newline, at most `width` columns: state, time left, the worst check. */
void progress_live(const struct progress *, const struct face_guard *, int64_t wall_ms,
                   size_t width, struct buf *line);
/* The result, for stdout. */
void progress_result(const struct face_guard *, struct buf *text);

#endif
