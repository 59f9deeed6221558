/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the audit share: audit.c looks at the store every second, bytes.c at every
 * byte of a change that leaves.
 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include "sim.h"

#define GUARDS_MAX 1024
#define INTENTS_MAX 1024

struct seen_guard {
    char id[27];
    int service, state, stable, candidate;
    bool traffic, loose; /* loose: its clock went through a jump or another boot */
    int64_t seq, version, first_t, t_ms, polls, max_poll, end_t, switch_t, decided_t, started_t;
    int64_t polls_t; /* when the newest poll was first seen */
    unsigned reverts, reapplies;
};

struct seen_intent {
    int64_t seq, first_t, since;
    int outcome;
    bool automatic, revert;
};

struct audit {
    struct seen_guard guard[GUARDS_MAX];
    struct seen_intent intent[INTENTS_MAX];
    size_t n_guards, n_intents;
    size_t n_live;    /* guards, by the rows that were read last */
    uint64_t changes; /* that the disk had seen by then */
    int64_t looked_t, power_t;
    int64_t seen_t; /* when the daemon's store was looked at last */
    char boot_id[32];
    struct pin {
        char *text;
        struct config *config;
    } pin[SERVICES_MAX]; /* of the guard that was replayed last */
};

void audit_replay(struct sim *); /* replay.c */
void audit_forget_pins(struct audit *);
int audit_colour(const char *word);
int audit_service(const struct sim *, const char *name);
const char *audit_text(sqlite3_stmt *, int column); /* never NULL */
int64_t audit_sim_of_wall(const struct sim *, int64_t wall_ms);
struct seen_guard *audit_guard(struct audit *, const char *id); /* NULL: not seen yet */

#endif
