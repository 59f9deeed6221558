/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline's own structures, shared by its stage files and by nobody else.
 *
 *   watch.c    reads routers; a switch starts a guard, anybody's change ends one
 *   collect.c  what a guard's checks need is asked; rows -> measurements
 *   question.c the questions on their way, and the sources' clocks
 *   past.c     the hours before the switch, for the sequential rule
 *   decide.c   evidence -> engine -> verdict; what follows from it
 *   may.c      may haldane act on it, and if not, why not
 *   act.c      live read -> gate -> journal -> send -> read back (act.h: target.c intent.c send.c)
 *   marks.c    sides that were rejected
 *   care.c     after a verified revert: did users recover, does it stay so
 *   notify.c   events, outbox, heartbeat
 *   analysis.c judgement without power to act, ordered by other tools
 *   drill.c    a rehearsal on order
 *   limits.c   what other limits would have done, for the page
 *   command.c  orders of humans (order.h: the files of their families)
 *   recover.c  what a start finds
 *   save.c     the one transaction per turn
 */
#ifndef PIPELINE_INTERNAL_H
#define PIPELINE_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"
#include "base/would.h"
#include "engine/counts.h"
#include "pipeline/pipeline.h"
#include "sched/sched.h"

#include <haldane/actuator.h>
#include <haldane/notifier.h>
#include <haldane/provider.h>

struct guard;
struct service;

/* --- conversations --- */

struct talk;
/* Asks more or finishes: as the codecs' observe and fetch. `what` is the subject of the talk. */
typedef enum hd_code talk_next_fn(void *what, struct talk *, struct hd_ask *ret, struct hd_error *err);
/* The end; called once, never from talk_start. The talk is freed after it returns. */
typedef void talk_done_fn(void *user, struct talk *, enum hd_code code, const struct hd_error *err);

struct talk {
    struct pipeline *p;
    struct hd_arena *arena; /* everything said, and what the codec made of it */
    struct hd_exchange item[HD_TALK_MAX];
    struct hd_talk said;    /* over item */
    struct talk_slot {
        struct talk *talk;
        struct hd_request *request;
        const struct hd_response *response; /* NULL: not here yet */
        uint64_t id;
    } slot[HD_ASK_MAX];
    size_t n_slots, waiting;
    const struct hd_response *fresh; /* the one that was just delivered; NULL: all are kept in the arena */
    uint32_t base, bases;   /* replica in use; bases > 1: the core chooses the replica */
    uint32_t tried;         /* replicas tried so far */
    bool io_is_evidence;    /* failed exchanges are handed to the codec too */
    bool urgent;            /* a revert waits for it */
    int64_t deadline_ms;    /* boot; 0: the endpoints' own */
    enum hd_io io;          /* why it failed, when it did at the wire */
    uint16_t reason;        /* reason row of the failure */
    talk_next_fn *next;
    void *what;
    talk_done_fn *done;
    void *user;
    struct talk *later;     /* list of those whose first turn is still to come */
};
/* Never NULL; done comes later even when the first `next` fails. */
struct talk *talk_start(struct pipeline *, talk_next_fn *, void *what, talk_done_fn *, void *user,
                        int64_t deadline_ms);
struct talk *talk_replicas(struct talk *, uint32_t bases, uint32_t first); /* before the next turn */
bool talk_has_more(const struct talk *); /* a replica that was not asked yet */
struct talk *talk_cancel(struct talk *); /* no callback; takes NULL, returns NULL */
void talk_run_later(struct pipeline *);  /* first turns and ends that were put off */

/* --- reading a router --- */

struct observe {
    const struct hd_actuator *actuator;
    const struct hd_site *site;
    const char *follow;
    struct hd_live live;
};
/* `o` must live until done. */
struct talk *observe_start(struct pipeline *, struct observe *o, talk_done_fn *, void *user,
                           int64_t deadline_ms);
const struct hd_policy *policy_of(const struct service *); /* the live guard's pin, else the config's */

/* --- data sources --- */

struct source {
    char *name, *address;     /* address: every base, as text */
    const struct hd_provider *provider;
    uint32_t base;            /* replica that answered last */
    int8_t well;              /* 1 it answers, -1 it fails, 0 not asked yet */
    int64_t well_ms;          /* wall: since when */
    char *ill;                /* why it fails, or NULL */
    bool dirty;               /* the store does not know this yet */
    bool clock_known;
    bool clock_failing;       /* the last try failed: nobody waits for the next one */
    uint16_t clock_reason;    /* why not */
    int64_t clock_minus_boot; /* the source's wall clock less our boot clock */
    int64_t clock_read_ms;    /* boot */
    struct talk *clock_talk;
    struct metric *ok, *failed; /* questions */
    struct metric *took, *at;   /* of the newest answer */
};

/* --- services and guards --- */

struct service {
    struct pipeline *p;
    char *name;
    uint32_t index;             /* key of the schedule */
    const struct hd_policy *policy; /* of p->config; NULL: gone from the config */
    bool known;                 /* what the store knows of it was taken up */
    struct talk *reading;       /* in progress */
    struct config *reading_pin; /* owner of what it points into */
    const struct hd_policy *reading_policy;
    struct observe observe;
    bool read_again;            /* as soon as the one in progress ends */
    struct order_wait *orders;  /* commands that want a reading begun after them, oldest first */
    size_t n_orders, orders_ready; /* ready: covered by the reading in progress */
    struct hd_arena *last_arena;
    struct store_reading last;  /* newest reading; last.service == NULL: none */
    /* While the newest reading has traffic on nobody (a switch in two writes, caught half way): the
     * newest one that had some, and the colour to which it may return without that being a switch. */
    struct hd_arena *carried_arena;
    struct store_reading carried; /* carried.service == NULL: none */
    char carried_home[HD_NAME_MAX + 1]; /* "": none */
    char *forgets_to;           /* of the newest reading; NULL */
    bool last_dirty;
    int64_t unread_since_ms;    /* boot; -1: readable */
    bool unread_told;
    char *our_value;            /* what haldane wrote last; NULL: that is over */
    int64_t ours_ms;            /* wall: when */
    bool ours_dirty;
    char *limits;               /* what other limits would have done, until it is stored; or NULL */
    struct drill *drill;        /* the one on its way, or NULL */
    char *drilled;              /* what the last one found; NULL: none since the start */
    int64_t drilled_ms;         /* wall */
    char *drill_refused;        /* why haldane would not have done it by itself; NULL */
    bool drilled_ok, drilled_dirty;
    struct side_mark {          /* a side that a guard or a human rejected */
        char colour[HD_NAME_MAX + 1];
        char why[HD_TEXT_MAX];
        char guard[27];         /* that rejected it; "": not known */
        int64_t at_ms;          /* wall */
        bool rejected, dirty;
    } mark[HD_SIDES_MAX];
    struct guard *guard;        /* the live one, or NULL */
};

enum act_phase { ACT_NONE, ACT_READ, ACT_PROBE, ACT_SEND, ACT_BACK };

/* One change of traffic on its way. */
struct act {
    enum act_phase phase;
    bool automatic, reapply, resumed; /* resumed: the intent is from before a restart */
    char *why_now;              /* operator's reason, or NULL */
    struct talk *talk;          /* observe or probe */
    struct observe observe;
    uint64_t sending;           /* wire id; 0: none */
    struct hd_arena *arena;     /* of the plan and the intent */
    struct hd_plan plan;
    size_t step, begun;         /* begun: with which step the last send began */
    bool counted;               /* the last send counts against the limit of I6 */
    bool unseen;                /* a reading does not show the steps of a set one by one: none between them */
    struct store_intent intent; /* guard NULL: none yet; texts point into `texts` */
    struct {
        char *from, *steps, *native, *follow, *words;
    } texts;
    bool intent_dirty;
    bool stored;                /* the intent has its row, and its number for good */
    bool probe_bad;             /* after a restart: the target's probe failed */
    bool announced;             /* the event of the intent is written */
    bool unsent;                /* what was not answered yet certainly had no effect */
    uint32_t unchanged;         /* read-backs that showed no effect */
    uint32_t store_tries;
    uint32_t tries;             /* of this step or reading, for the backoff */
    int64_t again_ms;           /* boot: next read or send; INT64_MAX: none */
    int64_t deadline_ms;        /* boot */
    bool refused;               /* the router said no: one more reading to say what is done */
};

/* What counting remembers, in guard.series: this byte, then for each check its length as a varint
 * and what counts_save made; length 0: nothing. */
#define GUARD_SERIES_VERSION 1

#define GUARD_INPUTS_MAX 4 /* an extension (the next one waits), an alert, an order: more cannot come */
#define PENDING_EVIDENCE_MAX 720 /* an hour of polls while the store cannot commit */

struct guard {
    struct pipeline *p;
    struct service *service;
    struct config *pin;
    const struct hd_policy *policy;
    const struct hd_actuator *actuator;
    struct hd_arena *own;       /* texts that live as long as the guard */
    struct store_guard row;     /* texts point into own or the bufs below */
    struct buf headline, why, reasons, rehearsal, native, change, resume, series;
    bool added, dirty;          /* row is in the store · row must be saved */
    uint8_t stable, candidate;  /* colour indices */
    uint32_t slot;              /* of an analysis: its place in pipeline.analyses */
    struct store_run run;       /* an analysis: under which name others find it; run NULL: not stored */
    bool run_dirty;
    struct store_approval approval; /* of its revert; guard NULL: never asked */
    bool approval_dirty;
    bool pin_dirty;             /* the policy has changed since it was stored */
    struct engine_input input[GUARD_INPUTS_MAX]; /* that wait for the next commit */
    uint32_t n_inputs;
    bool from_rejected;         /* stable was rejected when it began: going there again is no
                                   roll-back but another try */
    /* the guard's own clock: t = t_base_ms + (boot - boot_base_ms) */
    int64_t t_base_ms, boot_base_ms;
    /* evidence */
    struct hd_guard_state engine;
    struct counts *counts[HD_CHECKS_MAX];
    struct collect *collect;    /* poll in progress, or NULL */
    struct past_talk *past;     /* hours before the switch, on their way; or NULL */
    bool past_asked;
    uint8_t past_tries;
    bool past_taken;            /* it is evidence, which is stored once: not asked again after a restart */
    bool before_done;
    uint32_t polls;
    int64_t polled_ms;          /* boot time of the last finished poll */
    int64_t asked_ms;           /* boot time of the instant asked last */
    bool backfill;              /* the next poll covers a time without haldane */
    struct hd_verdict verdict;  /* of the last step */
    uint64_t told_blind, told_shared; /* bits by check: paged once */
    struct evidence_item *queue, **queue_end; /* not saved yet */
    size_t n_queue;
    struct guard_gauges *gauges; /* decide.c */
    struct store_band bands[HD_CHECKS_MAX];
    size_t n_bands;
    struct act act;
    /* rehearsal */
    struct talk *rehearse;
    struct observe rehearse_observe;
    bool rehearsed;
    struct hd_arena *rehearse_arena;
    struct hd_plan rehearse_plan;
    size_t rehearse_step;
    uint64_t rehearse_send;
    /* aftercare */
    struct engine_health health;
    int64_t verified_t_ms;      /* guard time of the proof */
    bool unwell;                /* users are not well, and somebody was told */
    bool turned;                /* after they had been */
    bool reapplied;
    bool taken_over;            /* somebody moved the traffic after the revert */
    int end_reason;             /* why it has ended; 0: it has not */
    bool ordered;               /* a human asked for the revert */
    bool unsafe;                /* whoever started it says that going back would break things */
    char *goal;                 /* value of the revert */
    struct guard *next_ended;   /* list of those to free at the end of the turn */
};

struct evidence_item {
    struct evidence_item *next;
    struct store_evidence row;
    struct hd_measurement m[2 * HD_CHECKS_MAX];
    struct hd_past past[];
};

/* --- events waiting for the next commit --- */

struct event_item {
    struct event_item *next;
    struct hd_arena *arena;
    struct store_event row;
    bool tell;    /* notifiers without `page` are told too */
    uint64_t direct; /* bits by sink: told past the store already, because it could not commit */
};

/* An answer to an order with a key, waiting for the next commit; see once.c. */
struct answered {
    struct answered *next;
    char hash[65], order[65], *text;
    struct store_answered row; /* over the fields before */
};

struct sink {
    const char *name;
    const struct hd_notifier *notifier;
    const void *cfg;
    bool page;
    struct delivery *sending; /* one at a time keeps the order */
    int64_t heartbeat_ms, repeat_ms, direct_ms; /* boot: next; direct: past the store, after a failure */
    uint32_t direct_tries;
    size_t repeat_at;
    struct metric *ok, *failed;
};

#define FETCH_LISTS 1024 /* of questions on their way: six for each of a thousand guards */

struct pipeline {
    struct pipeline_options o;
    struct config *config;
    const struct hd_config *c;
    struct hd_now now;          /* of this turn */
    int64_t wall_minus_boot;    /* to notice jumps of the wall clock */
    int64_t id_ms;              /* the time in the newest guard's id */
    struct sched *sched;
    struct service **services;
    size_t n_services;
    struct guard *analyses[HD_ANALYSES_MAX]; /* by slot; NULL: free */

    struct source **sources;    /* every data source met so far, by name */
    size_t n_sources;
    struct sink *sinks;
    size_t n_sinks;
    struct talk *later;
    struct event_item *events, **events_end;
    size_t n_events;
    struct answered *answered;
    struct guard *ended;
    struct fetch *fetches[FETCH_LISTS]; /* on their way, by the hash of the question: for sharing */
    size_t n_pasts;             /* guards that read the hours before their switch */
    int64_t decisions[HD_SERVICES_MAX]; /* boot times of automatic decisions to revert, a ring: the brake */
    size_t n_decisions;
    bool decisions_dirty;
    struct hd_arena *holds_arena;
    struct store_hold *holds;   /* in force or expired since; read again after every change */
    size_t n_holds;
    size_t n_acts;              /* act events in the store that are not resolved */
    bool acts_old;              /* n_acts must be counted anew */
    bool services_dirty;
    int64_t config_ms;          /* wall: since when this configuration is in force */
    char *refused;              /* "MS TEXT" of a reload that failed, until it is stored; or NULL */
    struct limits *limits;      /* what is being computed, or NULL */
    bool store_lost;
    int64_t store_try_ms;       /* boot: when to try again */
    int64_t durable_ms;         /* boot: newest commit that waited for the disk */
    bool owed;                  /* a later one did not */
    int64_t evict_ms, outbox_ms, ballast_ms; /* boot: next */
    bool metrics_told;          /* that there are more than fit */
    int64_t log_told;           /* bytes of the store's log when its length was told; 0: it is short */
    uint64_t random;
    bool stopping;
    struct doctor *doctor;      /* the one on its way, or NULL */
};

/* --- keys of the schedule: kind in the upper half, index of the service below; ANALYSE: slot --- */
enum due_kind { DUE_READ = 1, DUE_POLL = 2, DUE_ACT = 3, DUE_CARE = 4, DUE_ANALYSE = 5, DUE_LIMITS = 6 };
void due_set(struct pipeline *, enum due_kind, uint32_t index, int64_t boot_ms);
void due_drop(struct pipeline *, enum due_kind, uint32_t index);
int64_t boot_of_wall(const struct pipeline *, int64_t wall_ms);
uint64_t random_next(struct pipeline *);

struct service *service_find(struct pipeline *, const char *name);
struct service *service_need(struct pipeline *, const char *name); /* made where there is none */
bool service_waits(const struct service *); /* to be stored */
/* Every callback of the wire begins with it: time has passed since the last turn. */
void pipeline_wake(struct pipeline *);

void holds_read(struct pipeline *);
/* The hold on this service's automatic reverts that is in force now, or NULL. */
const struct store_hold *hold_of(const struct pipeline *, const char *service);

/* marks.c */
void mark_reject(struct guard *, const char *why); /* its candidate */
void mark_passed(struct guard *);
bool mark_rearm(struct service *, const char *colour); /* NULL: every side; false: none is rejected */
const struct side_mark *mark_of(const struct service *, const char *colour); /* NULL: not rejected */
const char *service_rejected(const struct service *, const char *colour); /* why, or NULL */
/* A rejected side has traffic and no guard watches it: which guard ended so, and what a human does; NULL. */
const char *mark_unwatched(const struct service *, struct hd_arena *);
/* The newest reading shows a rejected side without traffic that had some: its notice is over. */
void mark_left(struct service *, const struct store_reading *last, const struct store_reading *now);
void mark_take_up(struct service *);
bool mark_waits(const struct service *);
enum hd_code mark_write(const struct service *, struct hd_error *err);
void mark_saved(struct service *);

/* watch.c */
void watch_due(struct service *);
void watch_now(struct service *);
void watch_stop(struct service *); /* drops the reading in progress */
/* A reading that an act made: taken like one of the schedule, or only kept as the newest one. */
void watch_take(struct service *, const struct hd_live *);
void watch_rebase(struct service *, const struct hd_policy *, const struct hd_live *);
/* From here on this value in the router is our doing (I11), also after a restart. NULL: no more. */
void service_ours(struct service *, const char *value);
/* The share of a colour in a reading, ppm. */
/* Nobody gets traffic. */
bool reading_idle(const struct store_reading *);
uint32_t reading_share(const struct store_reading *, const char *colour);
/* Every word of the value is one of `from` or of `to`; else somebody else had a hand in it. The words
 * of several routers that disagree ("address: ... | address: ...") are told from these. */
bool value_made_of(const char *value, const char *from, const char *to);
void live_to_reading(struct hd_arena *, const struct service *, const struct hd_policy *,
                     const struct hd_live *, struct store_reading *ret);

/* guard.c */
struct guard_start {
    uint8_t stable, candidate;
    const char *trigger, *change;  /* change: JSON or NULL */
    const char *version, *stable_version; /* of the candidate, of stable; NULL */
    struct config *pin;            /* NULL: the service's own configuration */
    const char *group;             /* of what was released together; NULL */
    const char *value_before, *value_after;
    int64_t switch_from_ms, switch_to_ms;
    bool pending;                  /* the switch has not been read yet */
    bool analysis;                 /* judges beside the live guard, and never acts */
    int64_t duration_ms, interval_ms; /* of an analysis */
    bool advise;                   /* a human ordered the move: haldane does not undo it */
};
struct guard *guard_start(struct service *, const struct guard_start *);
/* Watches for another time. Only while no evidence was taken: that is judged by one policy. */
void guard_take_duration(struct guard *, int64_t duration_ms);
/* The parts that a new guard and one from the store have in common; makes it the live one, or gives
 * an analysis the free slot that there must be. */
struct guard *guard_new(struct service *, struct config *pin, const struct hd_policy *, bool analysis);
void guard_id_taken(struct pipeline *, const char *id); /* the next one comes behind it */
/* Every live guard, then every analysis; begin with *at = 0. NULL at the end. */
struct guard *guard_next(const struct pipeline *, size_t *at);
void guard_poll_at(struct guard *, int64_t boot_ms);
void guard_tell_switch(struct guard *, const char *how); /* its candidate has traffic */
void guard_take_policy(struct guard *, const struct hd_policy *); /* lives as long as the guard or its pin */
void guard_pin(struct guard *); /* what of its policy is stored with it */
void guard_checks_json(const struct hd_config *, const struct hd_policy *, struct buf *to); /* store_guard.checks */
struct guard *guard_free(struct guard *);
int64_t guard_time(const struct guard *); /* t_ms now */
/* Moves the state by state.def and marks the row; an illegal move is our bug and is refused. */
void guard_move(struct guard *, int state);
/* The state's sentence, from colours and what is known; called by guard_move and at each poll. */
void guard_headline(struct guard *);
/* The same sentence without its call for a human. */
const char *headline_uncalled(struct hd_arena *, const char *text);
/* Moves to a terminal state, records the event, stops everything of the guard. */
void guard_end(struct guard *, int state, int reason, const char *text);
void guard_needs_human(struct guard *, int reason, const char *text);
void guard_why(struct guard *, const struct hd_reason *, const char *text);
void guard_names(const struct guard *, struct reason_names *ret, const char **checks, const char **units,
                 const char *text);
void guard_pack(struct guard *); /* bufs -> row, resume */
const char *guard_colour(const struct guard *, enum hd_role);
int policy_colour(const struct hd_policy *, const char *name); /* its index; -1: none, also of NULL */

struct doctor *doctor_free(struct doctor *); /* takes NULL, returns NULL */

/* approval.c */
bool approval_open(const struct guard *);
/* True: the automatic revert waits for a human, who is asked at the first call. */
bool approval_ask(struct guard *);
void approval_close(struct guard *, enum store_approval_outcome, const char *actor, const char *reason);
bool approval_due(struct guard *); /* true: nobody answered in time, and the guard has ended */

/* analysis.c */
struct analysis_start {
    uint8_t stable, candidate;
    const char *trigger, *version, *stable_version;
    struct config *pin;            /* asks for these versions; NULL: for the colours */
    const char *run, *note;        /* as store_run's; run NULL: its own id */
    int64_t ttl_ms;
    int64_t from_ms;               /* wall; before now: the time since then is judged as well */
    int64_t duration_ms, interval_ms;
};
/* The caller has asked analysis_room. */
struct guard *analysis_start(struct service *, const struct analysis_start *);
bool analysis_room(const struct service *);
/* A live one by the name of its run, by its id; NULL: none. */
struct guard *analysis_find(const struct service *, const char *run);
struct guard *analysis_live(const struct pipeline *, const char *id);
void analysis_due(struct pipeline *, uint32_t slot);
/* It judges by the service's policy, but as long and as often as its asker said. */
void analysis_take_times(struct guard *, const struct guard_start *);
/* It began before it was ordered: every poll since then is made up for, one right after the other. */
bool analysis_of_past(const struct guard *);
void analysis_enter(struct guard *); /* takes a slot */
void analysis_leave(struct guard *);
void analysis_headline(struct guard *);

/* collect.c */
void collect_poll(struct guard *);
struct collect *collect_free(struct collect *);
const struct hd_datasource *collect_source(const struct guard *, const struct hd_check *);
/* When the switch happened, on the source's clock: the earlier of the two readings around it. */
int64_t collect_since(const struct guard *, const struct source *);

/* question.c */
struct source *source_find(struct pipeline *, const struct hd_datasource *);
uint32_t source_replicas(const struct source *, const void *cfg);
void question_stop(struct pipeline *); /* cancels every question; before free */

/* past.c */
void past_poll(struct guard *); /* asks for it, once, if a check wants it */
struct past_talk *past_free(struct past_talk *);
/* The releases on stable before the switch, and which were rejected; in `a`. */
const struct past_releases *past_releases(const struct guard *, struct hd_arena *a);

/* decide.c */
void decide_evidence(struct guard *, const struct hd_evidence *, int64_t wall_ms, int64_t t_ms);
/* For the store, with the next commit; `care`: of aftercare. */
void decide_keep(struct guard *, const struct hd_evidence *, int64_t wall_ms, int64_t t_ms, bool care);
void decide_revert(struct guard *, bool automatic, const char *why_now);
/* rollback_safe says that going back would break things. */
bool decide_unsafe(const struct hd_policy *, int64_t wall_ms);
/* Takes in what comes from outside, for the commit of this turn. */
void decide_take(struct guard *, enum engine_input_kind, int64_t by_ms);
/* An alert fails the guard, as a check would: mode, holds and budgets apply. */
void decide_alert(struct guard *, const char *words);

/* may.c */
/* Of a guard's automatic revert: by rules, holds and budgets · and by its target as last read. */
struct would may_decide(const struct guard *, struct hd_arena *);
struct would may_act(const struct guard *, struct hd_arena *);
/* To a colour whatever guard is live, by a live reading. */
struct would may_go(const struct service *, const struct hd_policy *, const struct hd_config *,
                    const struct hd_live *, uint32_t target, struct hd_arena *);
/* The gate (I4), by a live reading: may the guard's target take the traffic? */
struct would may_take(const struct guard *, const struct hd_live *, bool automatic, struct hd_arena *);
/* A hold alone: what is decided already, and not begun. */
struct would may_hold(const struct guard *);
const char *may_say(const struct would *, const struct pipeline *, struct hd_arena *); /* its sentence */
void may_decided(struct pipeline *); /* for the brake */
void may_take_up(struct pipeline *); /* what the store knows of it */
enum hd_code may_write(struct pipeline *, struct hd_error *err);

/* act.c */
#define ACT_STAMP "haldane %s" /* what routers that keep a note are told: who */
void act_start(struct guard *, bool automatic, bool reapply, const char *why_now);
void act_resume(struct guard *, const struct store_intent *);
void act_due(struct guard *);
void act_clear(struct guard *);
void act_quiet(struct guard *); /* no answer is waited for any more; the intent stays */
void act_rehearse(struct guard *);
bool act_busy(const struct guard *);

/* rehearse.c: what a rehearsal says. */
void rehearse_plan(const struct hd_plan *, struct buf *to);
/* The target as it is now, in words; false: it could not take the traffic. */
bool rehearse_target(const struct hd_policy *, uint8_t side, const struct hd_live *, struct buf *to);

/* drill.c */
struct drill *drill_cancel(struct drill *); /* takes NULL, returns NULL */

/* limits.c */
void limits_start(struct pipeline *); /* looks at every service once */
void limits_old(struct service *);    /* what is known of it no longer holds */
void limits_due(struct pipeline *, uint32_t service);
void limits_yield(struct pipeline *); /* while a revert is on its way */
bool limits_busy(const struct service *); /* are its being computed? */
void limits_stop(struct pipeline *);

/* care.c */
void care_begin(struct guard *);
void care_evidence(struct guard *, const struct hd_evidence *, int64_t wall_ms, int64_t t_ms);
void care_reading(struct guard *, const struct store_reading *, bool reloaded);
void care_due(struct guard *);

/* notify.c */
void event_add(struct pipeline *, const struct guard *, const char *service, const char *kind, int reason,
               const char *headline, const char *text, bool tell);
void event_guard(struct guard *, const char *kind, int reason, const char *text, bool tell);
/* The same under another headline than the guard's own. */
void event_headed(struct guard *, const char *kind, int reason, const char *headline, const char *text, bool tell);
/* An operator's word about a guard that has ended; `row` is the store's. */
void event_past(struct pipeline *, const struct store_guard *row, const char *text);
/* What needed a human there has ended, and why. */
void event_settle(struct pipeline *, const struct store_guard *row, const char *text);
/* What needed a human has ended: for this guard, or for every guard of its service. */
void event_resolve(struct guard *, bool whole_service);
void notify_due(struct pipeline *);
void notify_hurry(struct pipeline *); /* what waits for its next try is tried now */
void notify_direct(struct pipeline *); /* the store is lost: page past it */
struct delivery *notify_cancel(struct delivery *);
int64_t notify_next(const struct pipeline *);

/* save.c */
/* Commits everything that waits. HD_OK: it is durable. */
enum hd_code save_all(struct pipeline *, struct hd_error *err);
/* The same for what nobody was told yet: evidence alone may wait for the disk a second. */
enum hd_code save_turn(struct pipeline *, struct hd_error *err);
int64_t save_next(const struct pipeline *); /* when the disk must be waited for; INT64_MAX: never */

/* command.c: runs the commands that waited for this reading; err NULL: it succeeded. */
void command_read(struct service *, const struct hd_error *err);
void command_gone(struct service *); /* it left the configuration: whoever waits is told */
void command_drop(struct service *);
/* An order with this key waits for a reading. */
bool command_waits(const struct service *, const char *once_hash);

/* recover.c */
enum hd_code recover_all(struct pipeline *, struct hd_error *err);
/* What the store knows of services that came with a reload: they may have been watched before (I11: rejected
 * sides stay rejected). */
void recover_services(struct pipeline *);

#endif
