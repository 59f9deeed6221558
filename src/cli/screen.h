/* SPDX-License-Identifier: Apache-2.0
 *
 * What `haldane watch` shows: the fleet as lines of a terminal, and its changes as lines of a log. Pure: the
 * daemon's JSON and time in, text out.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/buf.h"
#include "json/json.h"

struct screen {
    size_t width, height; /* columns and lines there are; at least 20 and 4 */
    bool colour;
    int64_t now_ms;       /* wall */
    int64_t stale_ms;     /* wall: since when nothing comes; -1: it is live */
};

/* Lines with their newlines, at most as many and as long as fit; what is left out is counted. */
void screen_render(const struct json *fleet, const struct screen *, struct buf *to);

#define SCREEN_SEEN_MAX 600 /* guards and notices at a time; the daemon lists fewer */

/* What was said of each guard and notice. Zero at first. */
struct screen_seen {
    struct {
        uint64_t id, said; /* hashes */
    } item[SCREEN_SEEN_MAX];
    size_t n;
    bool begun;
};

/* One line for each guard or notice that is new or has changed; at first those that are live or need
 * somebody. `json`: an object each. */
void screen_changes(const struct json *fleet, struct screen_seen *, int64_t now_ms, bool json, struct buf *to);

#endif
