/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's JSON as C: the fields of a guard that texts are made of. Lenient: what is missing or
 * of another type is absent, so that an older or newer daemon can be talked to. Texts are borrowed
 * from the document, and foreign: clean them before they reach a terminal.
 */
#ifndef CLI_FACE_H
#define CLI_FACE_H

#include <haldane/types.h>

#include "json/json.h"

const char *face_text(const struct json *, const char *key); /* NULL: absent */
double face_number(const struct json *, const char *key);    /* NaN */
int64_t face_time(const struct json *, const char *key);     /* wall ms; -1 */
bool face_bool(const struct json *, const char *key);        /* false */

struct face_side {
    const char *colour, *version; /* NULL: unknown */
    double share, ready, wanted;  /* NaN: unknown */
};

struct face_guard {
    const char *id, *service, *state, *headline;                         /* "" when absent */
    const char *why, *because, *mode, *verdict, *cause, *native, *rehearsal, *url; /* NULL: absent */
    const char *would_not; /* why haldane would not take it back by itself now; NULL: it would, or not said */
    bool live, needs_human;
    double score, meter; /* meter: of the evidence a revert needs; NaN: no sequential rule */
    const char *leading; /* the check that gives most of it; NULL: none */
    struct face_side stable, candidate;
    int64_t switch_ms, started_ms, until_ms, ended_ms, bad_since_ms;
    int64_t decided_ms, sent_ms, verified_ms, recovered_ms;
    const struct json *checks; /* array, or NULL */
};
void face_guard(const struct json *, struct face_guard *ret);

struct face_check {
    const char *name, *title, *band, *outcome, *limit, *unit; /* "" when absent */
    double value, stable, n;
    bool before; /* stable's value is from before the switch */
    int64_t broken, judged, shared, warmup;
    bool tripped, blind, critical, advisory, earlier; /* earlier: broken before the switch, does not count */
    bool sequential; /* weighed over all polls; none is over a limit by itself */
};
void face_check(const struct json *, struct face_check *ret);

/* "cool-down until 10:32:05Z, 4m 10s left" of what would_not and its end say; NULL: it would. */
const char *face_would_not(struct hd_arena *, const struct json *guard_or_service, int64_t now_ms);

/* "4.8% (<= 1%; blue 0.2%) n=4,120", in the arena. */
const char *face_check_line(struct hd_arena *, const struct face_check *,
                            const char *stable_colour);

/* How a guard ended, as an exit status; -1: it goes on. After a verified revert users have
 * recovered, or somebody is told that they have not: settled, though haldane still looks after it. */
int face_exit(const struct face_guard *);
/* Looks like a guard's id, in capitals or not. */
bool face_is_id(const char *word);
/* The same as it is stored. */
void face_id(const char *word, char ret_id[27]);
/* Could be the beginning of one. */
bool face_begins_id(const char *word);

#endif
