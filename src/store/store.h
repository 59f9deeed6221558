/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that remembers: readings of routers, guards, evidence, verdicts, intents, events,
 * the outbox, holds. SQLite, WAL, synchronous=FULL; all SQL of the program lives in this folder.
 * The guard loop owns the only writer; faces and offline commands open readers. Every call is on
 * the caller's thread; a handle is not shared between threads.
 *
 * Rows given out live in the caller's arena. Texts may be NULL where the comment says so; times
 * are wall ms, -1: not happened.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/would.h"
#include "engine/engine.h"
#include "json/json.h"

#include <haldane/verdict.h>

struct store;

struct store_options {
    const char *path;
    int64_t max_size; /* of the database and its log; 0: no limit */
    int64_t ballast;  /* bytes kept aside beside the database and freed when the disk is full; 0: none */
    const char *vfs;  /* NULL: the system's; the simulation gives its own */
};

/* The writer: creates, locks PATH-lock (HD_CONFLICT: another daemon has it), migrates forward.
 * HD_VERSION: a newer haldane wrote it; HD_CORRUPT: damaged, nothing was changed; HD_INVALID:
 * another program's database. A full disk frees PATH-ballast, and does not keep it from opening. */
enum hd_code store_open(const struct store_options *, struct store **ret, struct hd_error *err);
/* A query-only handle. HD_ABSENT: no such file, or never used; HD_INVALID: a schema that the daemon
 * has not migrated yet. Between begin and commit (or rollback) it sees one moment. */
enum hd_code store_open_reader(const char *path, struct store **ret, struct hd_error *err);
/* May the user who runs this write a store at `path` (or read it)? HD_DENIED names the user and what is
 * closed to him, HD_ABSENT the folder that is not there. A file that is not there will be made. */
enum hd_code store_access(const char *path, bool write, struct hd_error *err);
const char *store_user(struct hd_arena *); /* who runs this, by name */
#define STORE_ACCESS_NEXT "run haldane as its owner, or let root give it to this user (chown)"
struct store *store_close(struct store *); /* takes NULL, returns NULL; rolls back what is open */
static inline void store_close_p(struct store **s) { *s = store_close(*s); }

/* One transaction at a time. Everything below that writes must stand between begin and commit. After
 * a failed write every further one is refused, and commit rolls back and fails with its code.
 * commit returns HD_OK only once the rows are on disk (I2, I7); when it fails, nothing of the
 * transaction is stored and none is open. Full disk: begin, any write or commit fails with HD_FULL
 * and has freed the ballast; roll back and do the whole transaction once more. HD_FULL again: there
 * is no room left. */
enum hd_code store_begin(struct store *, struct hd_error *err);
/* As store_begin; but its commit does not wait for the disk: kill -9 loses nothing of it, a power cut
 * may, up to the next store_sync or commit of store_begin. What is left is always a whole
 * number of commits, the oldest ones. */
enum hd_code store_begin_relaxed(struct store *, struct hd_error *err);
/* Waits for the disk to have every commit so far. */
enum hd_code store_sync(struct store *, struct hd_error *err);
enum hd_code store_commit(struct store *, struct hd_error *err);
void store_rollback(struct store *); /* without a transaction: nothing */
/* Grows whenever another handle has committed; microseconds. */
enum hd_code store_version(struct store *, int64_t *ret, struct hd_error *err);
/* True when the ballast is gone (the disk was full); store_restore_ballast makes it anew, or fails
 * with HD_FULL. */
bool store_ballast_used(const struct store *);
enum hd_code store_restore_ballast(struct store *, struct hd_error *err);

/* --- services: what the faces need to know of the config --- */
struct store_service {
    const char *name, *mode, *kind;
    const char *colours; /* JSON array of names */
    const char *checks;  /* JSON array, as store_guard.checks */
    const char *config_hash;
    const char *about;   /* JSON object: actuator, durations, runbook, on_fail ... for show */
};
/* Replaces the whole list; services that are gone keep their history. */
enum hd_code store_put_services(struct store *, const struct store_service *, size_t n, struct hd_error *err);
/* HD_ABSENT: not configured. */
enum hd_code store_service(struct store *, struct hd_arena *, const char *name,
                           struct store_service *ret, struct hd_error *err);
enum hd_code store_services(struct store *, struct hd_arena *, struct store_service **ret, size_t *ret_n,
                            struct hd_error *err);

/* --- readings --- */
struct store_side {
    const char *colour;
    uint32_t share_ppm, ready, wanted; /* HD_UNKNOWN: UINT32_MAX */
    const struct store_rejection *rejected; /* set by who shows it; NULL */
};
struct store_reading {
    int64_t id;
    const char *service;
    int64_t first_ms, last_ms; /* seen from, seen until */
    const char *value;
    const char *owner, *memory, *note; /* NULL: unknown */
    bool ours;                 /* came to be by haldane's own write */
    size_t n_sides;
    struct store_side side[HD_SIDES_MAX];
};
/* The same value, memory and shares as the service's newest reading only move its last_ms and the
 * ready counts; else a new row. */
enum hd_code store_put_reading(struct store *, const struct store_reading *, struct hd_error *err);
/* The newest; HD_ABSENT: none. */
enum hd_code store_reading(struct store *, struct hd_arena *, const char *service,
                           struct store_reading *ret, struct hd_error *err);
/* The one that stood at a moment. */
enum hd_code store_reading_at(struct store *, struct hd_arena *, const char *service, int64_t at_ms,
                              struct store_reading *ret, struct hd_error *err);
/* The newest in which any side has a share, or an unknown one. */
enum hd_code store_reading_with_traffic(struct store *, struct hd_arena *, const char *service,
                                        struct store_reading *ret, struct hd_error *err);

/* --- guards --- */
/* How a sentence ends that calls for a human; a longer one stands before its beginning. */
#define STORE_CALLS(CALL) CALL(" - act now") CALL(" - look now") CALL(" - look") CALL(" - decide yourself")

struct store_guard {
    char id[27];            /* ULID */
    int64_t version;        /* grows with every update: the ETag */
    const char *service;
    int32_t state, mode, verdict, cause; /* enums of haldane/types.h */
    double score;           /* NaN: none */
    bool needs_human;
    bool analysis;          /* judgement without power to act */
    const char *trigger;    /* "traffic" "cli" "api" */
    const char *stable, *candidate;                 /* colours */
    const char *stable_version, *candidate_version; /* NULL: unknown */
    const char *value_before, *value_after;         /* the router's value before and after the switch */
    int64_t switch_from_ms, switch_to_ms; /* the switch lies between the two reads */
    int64_t started_ms, until_ms, ended_ms;
    int64_t decided_ms, sent_ms, accepted_ms, verified_ms, recovered_ms;
    int64_t bad_since_ms;   /* first breach of the check that decided; -1 */
    const char *headline;   /* the one sentence */
    const char *why;        /* worst reason, a sentence; "" : none yet */
    const char *reasons;    /* JSON array [{"number","slug","severity","text","check"}] */
    const char *native;     /* what a human could paste; NULL */
    const char *rehearsal;  /* what the rehearsal said; NULL: none yet */
    const char *change;     /* JSON {version, commit, url, actor}; NULL */
    const char *group;      /* name of what was released together; NULL: nothing else */
    const char *config_hash;
    const char *pin;        /* normal form of the service it started with; see store_put_pin */
    const char *checks;     /* JSON array [{"name","title","unit","limit","warn","critical","advisory",
                               "query","kind"}]; likewise */
    const char *rules;      /* JSON of store_rules_save; NULL: not known; likewise */
    const char *resume;     /* JSON of the pipeline: what is needed to go on; NULL */
    struct hd_span counts;  /* of the pipeline: series memories; at NULL: none */
    const struct hd_guard_state *engine; /* NULL: none stored */
    /* What a human said of it, by store_mark_guard; -1: nothing was said. */
    int64_t marked_ms;
    bool was_good;          /* the release, whatever the verdict */
    const char *mark_reason, *mark_actor; /* NULL */
};
enum hd_code store_add_guard(struct store *, const struct store_guard *, struct hd_error *err);
/* Everything but its pin and its checks. HD_ABSENT: no such guard. */
enum hd_code store_put_guard(struct store *, const struct store_guard *, struct hd_error *err);
/* One that has ended belongs to this group. */
enum hd_code store_group_guard(struct store *, const char *id, const char *group, struct hd_error *err);
/* A human has seen it: `words` take the place of the call to act in its sentence; nothing else of the row
 * changes. HD_ABSENT: no such guard. */
enum hd_code store_acknowledge(struct store *, const char *id, const char *words, struct hd_error *err);
enum hd_code store_guard(struct store *, struct hd_arena *, const char *id, struct store_guard *ret,
                         struct hd_error *err);
enum store_analyses { STORE_GUARDS, STORE_GUARDS_AND_ANALYSES, STORE_ANALYSES };
struct store_filter {
    const char *service; /* NULL: all */
    const char *group;   /* NULL: all */
    int32_t analyses;    /* enum store_analyses */
    bool live, needs_human;
    int32_t verdict;     /* -1: all */
    uint32_t states;     /* bits by state; 0: all */
    int64_t since_ms;    /* started at or after; 0: all */
    int64_t until_ms;    /* started before; 0: all */
    const char *before;  /* id: older than this one (keyset paging); NULL */
    size_t limit;
};
/* Newest first; without pin, counts and engine. At most HD_ROWS_MAX; limit 0: as many. */
enum hd_code store_guards(struct store *, struct hd_arena *, const struct store_filter *,
                          struct store_guard **ret, size_t *ret_n, struct hd_error *err);

/* Guards and analyses whose id begins with `begin`, newest first. */
struct store_named {
    const char *id, *service;
};
enum hd_code store_guards_named(struct store *, struct hd_arena *, const char *begin, size_t limit,
                                struct store_named **ret, size_t *ret_n, struct hd_error *err);

/* Switches onto a side before a moment, oldest first, the newest `limit` of two days: when each began, when
 * its guard ended (-1: lives), and whether its release was rejected: it failed its guard, or was taken back
 * by a human; a human's word on the verdict wins. */
struct store_switch {
    int64_t from_ms, ended_ms;
    bool rejected;
};
enum hd_code store_switches_onto(struct store *, struct hd_arena *, const char *service, const char *colour,
                                 int64_t before_ms, size_t limit, struct store_switch **ret, size_t *ret_n,
                                 struct hd_error *err);

/* A human's word on a verdict, once more replaces it; `was_good`: the release. HD_ABSENT. */
enum hd_code store_mark_guard(struct store *, const char *id, bool was_good, const char *reason,
                              const char *actor, int64_t wall_ms, struct hd_error *err);
/* "right" of a verdict fail or pass · "false_alarm": the release was good, and not let pass · "missed": it was bad,
 * and not failed. */
/* NULL: not marked, or no such word. Said to humans: "missed a bad release"; ret_said may be NULL. */
const char *store_mark_word(const struct store_guard *, const char **ret_said);
const char *store_mark_read(const char *word, int32_t verdict, bool *ret_was_good); /* returns what is said */
const char *store_mark_words(struct hd_arena *, int32_t verdict); /* "right or false_alarm" */

/* --- runs: another tool's name for an analysis of ours, until it expires --- */
struct store_run {
    const char *service, *run;
    const char *guard; /* id of the analysis */
    int64_t expires_ms;
    const char *note;  /* what the asker wants to find again, its own text; NULL */
};
/* Replaces what the name meant before, and drops what has expired at `now_ms`; beyond HD_RUNS_MAX the
 * next ones to expire go. */
enum hd_code store_put_run(struct store *, const struct store_run *, int64_t now_ms, struct hd_error *err);
/* HD_ABSENT: no such run, or it has expired. */
enum hd_code store_run(struct store *, struct hd_arena *, const char *service, const char *run,
                       int64_t now_ms, struct store_run *ret, struct hd_error *err);
/* The run that an analysis belongs to, expired or not; HD_ABSENT: none any more. */
enum hd_code store_run_of(struct store *, struct hd_arena *, const char *guard, struct store_run *ret,
                          struct hd_error *err);
/* The sides of an analysis as an asker names them; NULL: not said, whichever it is. */
struct store_sides {
    const char *candidate, *stable, *candidate_version, *stable_version;
};
/* A sentence when the analysis that `run` names judged others than these; NULL: it is about them. */
const char *store_run_other(struct hd_arena *, const char *run, const struct store_guard *,
                            const struct store_sides *asked);

/* --- approvals: one for each guard whose revert waits for a human --- */
enum store_approval_outcome {
    APPROVAL_OPEN,
    APPROVAL_APPROVED,
    APPROVAL_REJECTED,
    APPROVAL_EXPIRED,
    APPROVAL_WITHDRAWN, /* the guard ended by itself, or was ordered otherwise */
};
struct store_approval {
    const char *guard, *service, *approvers; /* names, separated by ", " */
    int64_t asked_ms, expires_ms, decided_ms;
    int32_t outcome;
    const char *actor, *reason; /* NULL: nobody */
};
enum hd_code store_put_approval(struct store *, const struct store_approval *, struct hd_error *err);
enum hd_code store_approval(struct store *, struct hd_arena *, const char *guard, struct store_approval *ret,
                            struct hd_error *err); /* HD_ABSENT: never asked */
/* Those that are open, oldest first. */
enum hd_code store_approvals(struct store *, struct hd_arena *, struct store_approval **ret, size_t *ret_n,
                             struct hd_error *err);

/* Those that were answered in one way or another, newest first, at most `limit`. */
enum hd_code store_approvals_past(struct store *, struct hd_arena *, size_t limit, struct store_approval **ret,
                                  size_t *ret_n, struct hd_error *err);

/* --- gates: another controller waits at one until it is open --- */
struct store_gate {
    const char *space, *name; /* "gate" or "rollback"; the other controller's name */
    bool open;
    const char *run;          /* open for this run only; NULL: for any */
    const char *reason, *actor;
    int64_t changed_ms, expires_ms;
};
/* Drops what has expired at changed_ms. HD_LIMIT: HD_GATES_MAX others are there. */
enum hd_code store_put_gate(struct store *, const struct store_gate *, struct hd_error *err);
/* HD_ABSENT: nobody has touched it, or that has expired: closed. */
enum hd_code store_gate(struct store *, struct hd_arena *, const char *space, const char *name,
                        int64_t now_ms, struct store_gate *ret, struct hd_error *err);

/* --- alerts of an Alertmanager, known again by fingerprint and begin --- */
struct store_alert {
    const char *service, *what; /* what it does there: "feed" or "fail" */
    const char *fingerprint, *name;
    int64_t starts_ms, seen_ms;
    bool firing;
};
/* An alert that has resolved stays so: what comes later under the same begin is an old message. `ret_news`:
 * it was not known, or has resolved just now. `ret_firing`: it stands as firing. */
enum hd_code store_put_alert(struct store *, const struct store_alert *, bool *ret_news, bool *ret_firing,
                             struct hd_error *err);
/* The begin of the one with this fingerprint that feeds the service and fires. HD_ABSENT: none does. */
enum hd_code store_alert_since(struct store *, const char *service, const char *fingerprint,
                               int64_t *ret_starts_ms, struct hd_error *err);
/* One that feeds the service, fires since `since_ms` or later, and was repeated at `seen_ms` or later.
 * HD_ABSENT: none. */
enum hd_code store_alert_firing(struct store *, struct hd_arena *, const char *service, int64_t since_ms,
                                int64_t seen_ms, struct store_alert *ret, struct hd_error *err);

/* --- evidence: one packed row per guard and poll --- */
struct store_evidence {
    int64_t wall_ms, t_ms; /* instant of the poll; guard time */
    bool care;             /* of aftercare: to look at, never to judge again; numbered from 1 by the store */
    struct hd_evidence evidence;
};
enum hd_code store_put_evidence(struct store *, const char *guard, const struct store_evidence *,
                                struct hd_error *err);
/* What was judged, in the order in which it was put, which is that of the engine's steps (bins from before the
 * switch may come late, when the source failed at first). HD_ABSENT: no such guard, or evicted (the guard is
 * there); HD_LIMIT: more than HD_ROWS_BYTES_MAX. put: HD_CONFLICT when that poll (or bin) is stored
 * already. */
enum hd_code store_evidence(struct store *, struct hd_arena *, const char *guard,
                            struct store_evidence **ret, size_t *ret_n, struct hd_error *err);

/* Rows behind the place `after` (0: from the first), at most `limit`, in the same order; `last`: the place of
 * the last one. Errors as above. */
struct store_evidence_page {
    struct store_evidence *list;
    size_t n;
    int64_t last;
    bool more;
};
enum hd_code store_evidence_after(struct store *, struct hd_arena *, const char *guard, int64_t after, size_t limit,
                                  struct store_evidence_page *ret, struct hd_error *err);
/* What is enough to draw a guard, however long it was: all bins from before the switch, and of its polls at
 * or before `until_ms` (INT64_MAX: all) one in `every`, such that they are at most `most`, and the newest ones.
 * By time. */
#define STORE_SPREAD_NEWEST 8 /* polls: a page shows the last ones of each check by themselves */
struct store_evidence_spread {
    struct store_evidence *list;
    size_t n, every, polls; /* polls: how many there are up to then */
};
enum hd_code store_evidence_spread(struct store *, struct hd_arena *, const char *guard, int64_t until_ms, size_t most,
                                   struct store_evidence_spread *ret, struct hd_error *err);
/* Polls of aftercare at or before a moment, oldest first, at most so many. HD_ABSENT as above. */
enum hd_code store_evidence_care(struct store *, struct hd_arena *, const char *guard, int64_t until_ms, size_t most,
                                 struct store_evidence **ret, size_t *ret_n, struct hd_error *err);
/* How much there is, without reading it; 0 when it was evicted. Rows beyond `rows_max` are not counted. */
struct store_evidence_size {
    size_t rows;
    int64_t bytes; /* packed */
};
enum hd_code store_evidence_size(struct store *, const char *guard, size_t rows_max, struct store_evidence_size *ret,
                                 struct hd_error *err);

/* The bytes of one row, without poll, before and the times; unpack: HD_VERSION, HD_CORRUPT. */
void store_evidence_pack(const struct hd_evidence *, struct buf *);
enum hd_code store_evidence_unpack(struct hd_arena *, struct hd_span, struct hd_evidence *ret,
                                   struct hd_error *err);

/* A check's band changed. */
struct store_band {
    int64_t wall_ms; /* doubles are exact, but -0 becomes 0 */
    uint8_t check, band;
    double value, stable, limit, n;
};
enum hd_code store_put_band(struct store *, const char *guard, const struct store_band *, struct hd_error *err);
enum hd_code store_bands(struct store *, struct hd_arena *, const char *guard, struct store_band **ret,
                         size_t *ret_n, struct hd_error *err);

/* --- intents --- */
struct store_intent {
    int64_t seq;
    const char *guard, *service, *actuator;
    const char *kind;        /* "revert" "reapply" */
    bool automatic;
    const char *candidate, *candidate_version; /* what it moves away from */
    const char *from, *to;   /* values */
    const char *steps;       /* JSON array [{"label","effect","text"}]: the exact plan */
    const char *native;
    const char *follow;      /* the router's id of the change; NULL */
    int32_t outcome;         /* enum hd_intent_outcome */
    uint32_t sends;          /* how often a set was sent */
    uint32_t step;           /* steps known to be accepted */
    int64_t journaled_ms, sent_ms, done_ms, deadline_ms;
    const char *text;        /* the router's words, or what went wrong; NULL */
};
enum hd_code store_add_intent(struct store *, const struct store_intent *, int64_t *ret_seq, struct hd_error *err);
/* outcome, sends, step, follow, sent_ms, done_ms, text, steps, deadline_ms. */
enum hd_code store_put_intent(struct store *, const struct store_intent *, struct hd_error *err);
/* Of one guard, or (guard NULL) every one that is still open: journaled, sent, accepted, unknown. */
enum hd_code store_intents(struct store *, struct hd_arena *, const char *guard, struct store_intent **ret,
                           size_t *ret_n, struct hd_error *err);
/* When automatic reverts since `since_ms` were journaled, that were sent, or perhaps sent: one that is
 * still only `journaled` counts (service NULL: all). A re-apply does not. Oldest first; the newest
 * HD_REVERTS_PER_HOUR_MAX. */
enum hd_code store_reverts(struct store *, struct hd_arena *, const char *service, int64_t since_ms,
                           int64_t **ret, size_t *ret_n, struct hd_error *err);
/* Has this (service, candidate, version) been reverted automatically since it was last re-armed?
 * An unknown version (NULL) never matches. */
enum hd_code store_was_reverted(struct store *, const char *service, const char *candidate,
                                const char *version, bool *ret, struct hd_error *err);

/* --- sides that were rejected: no target until they pass or are re-armed --- */
struct store_rejection {
    const char *colour, *why, *guard; /* guard: that rejected it; NULL: not known */
    int64_t at_ms;                    /* since when it is so */
    bool rejected;                    /* false: it passed or was re-armed */
};
enum hd_code store_put_rejection(struct store *, const char *service, const struct store_rejection *,
                                 struct hd_error *err);
/* The sides of a service that are rejected, by name. */
enum hd_code store_rejections(struct store *, struct hd_arena *, const char *service,
                              struct store_rejection **ret, size_t *ret_n, struct hd_error *err);
/* ret_why: NULL when it is not rejected. */
enum hd_code store_rejected(struct store *, struct hd_arena *, const char *service, const char *colour,
                            const char **ret_why, struct hd_error *err);

/* --- events: the journal everyone reads, and the outbox --- */
struct store_event {
    int64_t seq, wall_ms;
    const char *guard, *service; /* NULL: the daemon's own */
    const char *kind;            /* "state" "reading" "check" "gate" "intent" "operator" "daemon" */
    int32_t reason;              /* enum hd_reason_number; 0: none */
    int32_t severity;            /* enum hd_severity */
    const char *state;           /* of the guard after it; NULL */
    const char *headline, *text; /* text: "" or a few lines */
    const char *native;          /* NULL */
    bool resolved;               /* an act event whose condition has ended */
};
/* Adds the event and one outbox row for each sink, due at once. Beyond HD_OUTBOX_MAX waiting rows the
 * least severe, oldest first, are given up. */
enum hd_code store_add_event(struct store *, const struct store_event *, const char *const *sinks,
                             size_t n_sinks, int64_t *ret_seq, struct hd_error *err);
/* Oldest first after `after_seq`, of a guard or (NULL) of all; at most `limit` and HD_ROWS_MAX (0: as
 * many). */
enum hd_code store_events(struct store *, struct hd_arena *, const char *guard, int64_t after_seq,
                          size_t limit, struct store_event **ret, size_t *ret_n, struct hd_error *err);
/* The number of the newest; 0: there is none. */
enum hd_code store_newest_event(struct store *, int64_t *ret_seq, struct hd_error *err);
/* The number of the oldest that is still there; 0: there is none. */
enum hd_code store_oldest_event(struct store *, int64_t *ret_seq, struct hd_error *err);
/* Act events not resolved yet, oldest first. */
enum hd_code store_open_acts(struct store *, struct hd_arena *, struct store_event **ret, size_t *ret_n,
                             struct hd_error *err);
/* Marks every open act event of the guard (or, guard NULL, of the service; both NULL: the daemon's
 * own) as resolved, takes the needs_human of their guards back, and puts one resolving outbox row
 * for each of them and each sink that was told. */
enum hd_code store_resolve_acts(struct store *, const char *guard, const char *service, int64_t wall_ms,
                                struct hd_error *err);

struct store_message {
    int64_t id;
    const char *sink;
    uint32_t tries;
    int64_t next_ms;
    int32_t done;      /* 0 waiting, 1 delivered, 2 given up */
    int64_t done_ms;
    const char *error; /* NULL */
    bool resolving;
    struct store_event event;
};
/* Due now: the oldest waiting row of each sink, so that a sink's order is kept. */
enum hd_code store_outbox_due(struct store *, struct hd_arena *, int64_t now_ms, struct store_message **ret,
                              size_t *ret_n, struct hd_error *err);
/* When the next row of any sink is due; INT64_MAX: none. */
enum hd_code store_outbox_next(struct store *, int64_t *ret_ms, struct hd_error *err);
/* All that wait are due: the clock that says when was set back. */
enum hd_code store_outbox_hurry(struct store *, struct hd_error *err);
/* done 1 or 2 ends it; 0 sets the next try. */
enum hd_code store_outbox_put(struct store *, int64_t id, int32_t done, int64_t next_or_done_ms,
                              const char *error, struct hd_error *err);
/* Who was told of a guard, oldest first. */
enum hd_code store_outbox_of(struct store *, struct hd_arena *, const char *guard, struct store_message **ret,
                             size_t *ret_n, struct hd_error *err);

/* --- holds --- */
struct store_hold {
    int64_t id;
    const char *service; /* NULL: the whole fleet */
    const char *reason, *actor;
    int64_t from_ms, until_ms, released_ms; /* from: when it was ordered, for show */
};
#define STORE_HOLDS_MAX (2 * HD_SERVICES_MAX) /* two of each service */
/* Drops those that are over at from_ms. HD_LIMIT: so many are in force. */
enum hd_code store_add_hold(struct store *, const struct store_hold *, int64_t *ret_id, struct hd_error *err);
/* Releases the service's holds (NULL: the fleet's); ret_n: how many there were. */
enum hd_code store_release_holds(struct store *, const char *service, int64_t now_ms, size_t *ret_n,
                                 struct hd_error *err);
enum hd_code store_release_hold(struct store *, int64_t id, int64_t now_ms, struct hd_error *err); /* HD_ABSENT */
/* In force now. */
enum hd_code store_holds(struct store *, struct hd_arena *, int64_t now_ms, struct store_hold **ret,
                         size_t *ret_n, struct hd_error *err);

/* --- orders --- */
struct store_answered {
    const char *hash;   /* of who ordered and the Idempotency-Key */
    const char *order;  /* hash of what was ordered */
    int32_t status;
    const char *answer; /* members of the packet, without the id */
    int64_t made_ms;
};
/* Also drops what is older than HD_KEY_MS, and the oldest beyond HD_KEYS_MAX. */
enum hd_code store_put_answered(struct store *, const struct store_answered *, struct hd_error *err);
/* HD_ABSENT: no order had that key within HD_KEY_MS. */
enum hd_code store_answered(struct store *, struct hd_arena *, const char *hash, int64_t now_ms,
                            struct store_answered *ret, struct hd_error *err);
/* A guard gets another policy: it has taken no evidence yet, or its latency bounds were picked. */
enum hd_code store_put_pin(struct store *, const struct store_guard *, struct hd_error *err);
enum hd_code store_add_input(struct store *, const char *guard, const struct engine_input *, struct hd_error *err);
/* In the order in which they came. */
enum hd_code store_inputs(struct store *, struct hd_arena *, const char *guard, struct engine_input **ret,
                          size_t *ret_n, struct hd_error *err);

/* --- small facts: "boot_id", "last_tick_ms", "clean_stop", "anonymous" --- */
/* Forgets "PREFIX..." of every other name. */
enum hd_code store_keep_facts(struct store *, const char *prefix, const char *const *name, size_t n,
                              struct hd_error *err);
enum hd_code store_put_fact(struct store *, const char *key, const char *value, struct hd_error *err);
struct store_fact {
    const char *key, *value;
};
/* Those whose key begins with `prefix`, by key. */
enum hd_code store_facts(struct store *, struct hd_arena *, const char *prefix,
                         struct store_fact **ret, size_t *ret_n, struct hd_error *err);
/* HD_ABSENT. */
enum hd_code store_fact(struct store *, struct hd_arena *, const char *key, const char **ret, struct hd_error *err);

/* --- would haldane act right now (base/would.h)? --- */
/* An object; without the mode, which the rows have. */
void store_rules_save(const struct would_rules *, struct json_out *, const char *key);
/* What holds for every service alike, so that a list asks for it once. */
struct store_budgets {
    struct store_hold *hold;
    int64_t *reverts, *decisions; /* of the last hour, and minute; oldest first */
    size_t n_holds, n_reverts, n_decisions;
};
enum hd_code store_budgets(struct store *, struct hd_arena *, int64_t now_ms, struct store_budgets *ret,
                           struct hd_error *err);
struct store_asked {
    const char *service;
    const struct store_service *row;  /* of it; NULL: looked up */
    const struct store_guard *guard;  /* the live one, which brings its own rules; NULL: none is */
    const struct would_rules *rules;  /* other ones than the stored; NULL */
    const char *target;               /* NULL: the guard's stable side, else the one that has the traffic now,
                                         to which the next switch would be taken back */
    const struct store_budgets *budgets; /* NULL: loaded */
    int64_t now_ms;
};
/* HD_ABSENT: no such service is configured, or a haldane before this one wrote it. */
enum hd_code store_would(struct store *, struct hd_arena *, const struct store_asked *,
                         struct would_facts *ret, struct hd_error *err);
/* Decisions to revert, wall ms, oldest first: the brake outlives a restart. */
enum hd_code store_put_decisions(struct store *, const int64_t *wall_ms, size_t n, struct hd_error *err);
enum hd_code store_decisions(struct store *, struct hd_arena *, int64_t since_ms, int64_t **ret, size_t *ret_n,
                             struct hd_error *err);

/* --- drills: the last rehearsal of a service that a human ordered --- */
struct store_drill {
    int64_t at_ms;
    bool ok;          /* the way is open */
    const char *text; /* what was found, one line */
    const char *refused; /* why haldane would not go it by itself; NULL: it would */
};
enum hd_code store_put_drill(struct store *, const char *service, const struct store_drill *, struct hd_error *err);
/* HD_ABSENT: never. */
enum hd_code store_drill(struct store *, struct hd_arena *, const char *service, struct store_drill *ret,
                         struct hd_error *err);

/* --- care --- */
struct store_size {
    int64_t bytes; /* in use, with the log; the file itself never shrinks, freed pages are used again */
    int64_t guards, evidence_rows, events;
};
/* What is in use, and what the disk below the file has left for us; microseconds. */
struct store_room {
    int64_t bytes, free_bytes;
};
enum hd_code store_room(struct store *, struct store_room *ret, struct hd_error *err);
/* Of the log beside the file, which cannot begin anew while somebody goes on reading an old moment of it. */
#define STORE_LOG_LONG (64 << 20) /* 15 times what it keeps; all we commit at once is less */
int64_t store_log_bytes(const struct store *);
/* Counts rows: 20 ms per million. */
enum hd_code store_measure(struct store *, struct store_size *ret, struct hd_error *err);
void store_set_max_size(struct store *, int64_t bytes); /* from now on; as in store_options */
/* Evicts until what is in use is below max_size: evidence of finished guards first (oldest first),
 * then their events, bands, pin and engine state, then events of no guard and old readings; verdicts
 * (guard rows), open acts and undelivered messages never. A bounded piece of work per call, in its
 * own transaction; ret_more: call again. */
enum hd_code store_evict(struct store *, bool *ret_more, struct hd_error *err);
/* integrity_check, foreign keys, schema version: HD_CORRUPT with the first finding. */
enum hd_code store_check(struct store *, struct hd_error *err);
/* A whole, consistent, compact copy at `path` (HD_CONFLICT: exists), durable. Not inside of a
 * transaction. */
enum hd_code store_backup(struct store *, const char *path, struct hd_error *err);

/* Engine state as versioned text, doubles as %a; load: HD_PARSE, HD_VERSION. */
void store_state_save(const struct hd_guard_state *, struct buf *);
enum hd_code store_state_load(struct hd_span text, struct hd_guard_state *ret, struct hd_error *err);

#endif
