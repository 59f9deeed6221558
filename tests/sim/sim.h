/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated world: services behind HAProxy, their pods and users, Prometheus, notifiers, humans,
 * a disk, and one daemon among them: the real pipeline, engine, codecs and store. Everything is
 * drawn from one number; nothing here reads the clock or the machine.
 *
 *   world.c    pods, traffic, scrapes
 *   router.c   HAProxy's runtime socket
 *   prom.c     Prometheus' query API
 *   cable.c    the wire between the daemon and all of them, and what goes wrong on it
 *   daemon.c   starts, turns, kills the daemon; its clocks and its disk
 *   script.c   what humans and fate do
 *   orders.c   what they order the daemon
 *   audit.c    the invariants, by the world's own knowledge
 *   bytes.c    the same at the moment when a change leaves
 *   main.c     episodes, output
 */
#ifndef SIM_H
#define SIM_H

#include <sqlite3.h>

#include "base/buf.h"
#include "pipeline/pipeline.h"

#include "faultvfs.h"

#define N_COLOURS 2
#define N_PODS 3 /* of a colour */
#define N_MEMBERS (N_COLOURS * N_PODS)
#define SERVICES_MAX 3
#define SCRAPES_KEEP 1024 /* newest ones of a pod that Prometheus knows */
#define SPLITS_KEEP 256
#define FLIPS_MAX 8
#define WALL0 1795000000000 /* of the simulated time 0 */
#define DB_PATH "/sim.db"
#define TOKEN "hld_the_operator_of_the_simulation"

/* --- chance: streams of their own, so that a change in one does not stir the others --- */
struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *);
uint64_t rng_below(struct rng *, uint64_t n);
int64_t rng_between(struct rng *, int64_t from, int64_t to); /* both included */
double rng_real(struct rng *);
bool rng_chance(struct rng *, double p);

/* --- pods --- */
enum { CODE_200, CODE_500, N_CODES };
enum { LE_100MS, LE_450MS, LE_INF, N_BUCKETS };

struct counters {
    uint64_t code[N_CODES], bucket[N_BUCKETS];
};

struct scrape {
    int64_t at;
    struct counters counters;
};

struct release {
    const char *name;
    double errors, slow; /* shares of its requests */
    bool crashes;        /* under traffic */
    bool good, bad;      /* clearly so; neither: arguable */
};

struct pod {
    char instance[32];
    bool up;
    int64_t since;       /* of `up` */
    int64_t flip;        /* when it changes by itself; INT64_MAX: not */
    int64_t started;     /* of its process */
    int64_t next_scrape;
    double owed;         /* part of a request */
    struct counters counters;
    struct scrape scrape[SCRAPES_KEEP];
    uint64_t n_scrapes;
};

/* --- the router --- */
enum who { BY_NOBODY, BY_HUMAN, BY_DAEMON, BY_RELOAD };
extern const char *const who_word[];

struct setting {
    unsigned weight;
    bool drain;
};

struct split {
    struct setting set[N_MEMBERS];
};

struct server {
    char name[16];
    unsigned file_weight;
    bool ready; /* by its health checks */
};

struct router {
    struct server server[N_MEMBERS]; /* blue1..3 green1..3 */
    struct split live;
    int64_t pid, started;
    enum who by;          /* who made the live split */
    int64_t by_t;
    int64_t others_t;     /* when somebody else made one last */
    int64_t reader_t;     /* when the daemon's newest whole reading was made */
    struct split read;    /* and what it said */
    unsigned read_ready[N_COLOURS];
    struct stood {        /* a ring of every split there was */
        int64_t t;
        enum who by;
        struct split split;
    } past[SPLITS_KEEP];
    uint64_t n_past;
    int64_t reload_t;     /* newest reload, whether it changed the split or not; -1: none */
    int64_t emptied_t;    /* when a write of the daemon left traffic on nobody; -1: never */
    int64_t trouble_t;    /* when it was last in trouble, for what is measured in good times only */
    char byte_of[27];     /* guard whose first byte came through last */
    int64_t rearm_t;      /* when a human re-armed its sides; -1: never */
    bool unjournaled;     /* store_lost: revert; the daemon may not remember its own write */
    struct flip {         /* orders on their way to an effect */
        int64_t t, ordered_t; /* t 0: none */
    } flip[FLIPS_MAX];
    char once_of[27];     /* guard whose once-only order has left */
    unsigned writes;      /* orders of the daemon that came through since the last other change */
};

struct watched { /* what the daemon was told about one check of one colour */
    struct told {
        int64_t t, from, to; /* delivered at; samples of (from, to] */
    } *told;
    size_t n, room;
};

struct app {
    char name[16];
    int index;
    bool toggles; /* its router knows one order: the other colour, now; repeated, it goes back */
    double rps;
    struct pod pod[N_MEMBERS];
    struct release release[N_COLOURS];
    struct router router;
    struct watched watched[2][N_COLOURS]; /* errors, latency */
    double outage;        /* share of errors that both colours have */
    double miss;          /* share of scrapes that fail */
    uint64_t user_errors, users;
    /* the switch that was made last */
    struct split before;  /* live before it */
    int64_t switch_t;     /* -1: none yet */
    int from, to;         /* colours */
    struct release tried; /* what it was for */
    struct split shifted; /* what the roll-out has set last */
    bool clean;           /* nobody else touched the service since */
    bool reverted, passed, judged;
};

/* --- trouble --- */
enum peer { PEER_ROUTER, PEER_PROM = SERVICES_MAX, PEER_AM, PEER_HOOK, N_PEERS };
enum trouble {
    WELL,
    REFUSED,     /* certainly not sent */
    HANGING,     /* no answer until the deadline, no effect */
    LOST_BEFORE, /* broken without an effect */
    LOST_AFTER,  /* broken after the effect */
    LATE,        /* answers and effects after seconds */
    UNAVAILABLE, /* 503 */
    HTML,
    GARBAGE,     /* cut short, but whole for the transport */
    TOO_BIG,
    EMPTY,       /* the source knows nothing */
    WARNING,     /* the source says that it is not all */
    NANS,
    N_TROUBLES
};
extern const char *const trouble_word[];

struct peer_state {
    enum trouble trouble;
    double share;    /* of the exchanges that meet it */
    int64_t until;
};

struct flight;
struct sim;

/* --- what is to come --- */
struct todo {
    struct todo *next;
    int64_t at;
    void (*run)(struct sim *, const struct todo *);
    int service, colour, arg;
    int64_t value;
};

/* --- the whole --- */
struct weather { /* of one episode */
    const char *name;
    double chaos;     /* random events an hour */
    double ambush;    /* share of decisions at which something happens */
    bool kills, disk, net, humans, clocks;
};

struct settings { /* drawn for the config */
    int64_t duration_ms, interval_ms, warmup_ms, detect_ms, scrape_ms, aftercare_ms, recover_ms;
    int64_t timeout_ms, cooldown_ms;
    int reverts_per_hour, brake, reapply;
    double switch_at;
    const char *on_inconclusive, *store_lost, *mode;
    bool relative, latency, gauge;
};

struct sim {
    uint64_t seed, episode;
    bool verbose, failed;
    struct buf why; /* of the failure */
    int64_t t, end, calm_from; /* calm_from: nothing goes wrong from here on */
    struct rng world_rng, net_rng, script_rng;
    struct weather weather;
    struct settings set;
    struct app service[SERVICES_MAX];
    int n_services;
    int64_t world_t;
    struct todo *todo;
    /* the cable */
    struct flight *flights;
    uint64_t flight_id;
    struct peer_state peer[N_PEERS];
    int64_t prom_offset;
    size_t in_flight_max;
    uint64_t sends;
    uint64_t kill_at_send; /* 0: not */
    bool kill_before;      /* the byte does not leave */
    struct buf alerts;     /* guards that the pager heard of */
    /* daemon */
    struct faultvfs *disk;
    struct store *store;
    struct config *config;
    struct config *loaded;  /* of the newest start, and the text it was made of */
    struct buf loaded_from;
    struct pipeline *pipeline;
    bool alive, busy;
    int64_t boot_0;        /* simulated time of the machine's boot */
    int64_t wall_off;      /* of the daemon's wall clock */
    char boot_id[32];
    int64_t next_tick;     /* simulated */
    int64_t start_at;      /* when a dead daemon comes back */
    int64_t alive_since;
    uint64_t starts, kills;
    int64_t disk_bad_until; /* full; 0: it is well */
    bool disk_error;       /* one change is to fail, or has failed lately */
    int64_t jump_t, down_ms;
    int64_t cut_t;         /* when the power went last */
    bool power_armed;      /* what is armed on the disk is a power cut */
    bool no_hook, drop_last; /* of the config now */
    struct asked *asked;     /* orders that wait for an answer */
    uint64_t n_orders;
    int64_t spin_t;
    unsigned spins;
    /* audit */
    sqlite3 *reader;
    sqlite3_stmt *guards_of, *intents_of;
    struct audit *audit;
    /* totals for the line of output */
    uint64_t n_guards, n_reverts, n_passes, n_pages;
    double guard_ms;
    int64_t slowest_revert_ms, slowest_byte_ms;
};

/* The first one counts: it ends the episode. */
void violation(struct sim *, const char *invariant, const char *format, ...) HD_PRINTF(3, 4);
void say(const struct sim *, const char *who, const char *format, ...) HD_PRINTF(3, 4);
extern struct sim *sim_now; /* for log.c */

/* world.c */
void world_init(struct sim *);
void world_advance(struct sim *, int64_t t); /* traffic up to t */
int64_t world_next(const struct sim *);      /* when something happens by itself */
void world_step(struct sim *);               /* what is due at t */
void pod_set(struct sim *, struct pod *, bool up);
void world_deploy(struct sim *, int service, int colour, const struct release *);
void world_free(struct sim *);

/* router.c */
void router_init(struct sim *, struct app *);
/* One line of the runtime socket, as HAProxy answers it. */
void router_talk(struct sim *, struct app *, const char *line, enum who, struct buf *answer);
/* The same of a router that toggles, over HTTP. */
int router_http(struct sim *, struct app *, const char *path, struct buf *answer);
void router_step(struct sim *, struct app *);
/* A split as the router shows it: one that toggles knows only who carries. */
struct split router_view(const struct app *, const struct split *);
void router_set(struct sim *, struct app *, const struct split *, enum who);
void router_reload(struct sim *, struct app *, bool keep);
unsigned router_share(const struct app *, const struct split *, int colour); /* percent */
void router_value(const struct split *, struct buf *);
bool split_same(const struct split *, const struct split *);
struct split split_alone(const struct app *, int colour);
struct split split_mix(const struct app *, int to, unsigned percent);

/* prom.c: the answer to a form; what it tells is noted in *ret by check and colour */
struct telling {
    int service;
    int check;  /* -1: nothing that counts */
    int64_t from, newest[N_COLOURS];
};
int prom_answer(struct sim *, const char *form, enum trouble, struct buf *answer, struct telling *ret);

/* cable.c */
struct pipeline_wire cable_wire(struct sim *);
int64_t cable_next(const struct sim *);
void cable_step(struct sim *);
void cable_daemon_died(struct sim *, bool power);
void cable_free(struct sim *);

/* daemon.c */
struct hd_now daemon_now(const struct sim *);
void daemon_start(struct sim *);
void daemon_die(struct sim *, enum fault, int64_t back_in_ms);
void daemon_turn(struct sim *);
void daemon_after(struct sim *); /* after every call into it */
void daemon_free(struct sim *);
void settings_draw(struct sim *);
void daemon_config(struct sim *, struct buf *yaml);

/* script.c */
void script_init(struct sim *);
int64_t script_next(const struct sim *);
void script_step(struct sim *);
void script_ambush(struct sim *); /* the daemon has just decided something */
void script_free(struct sim *);

/* orders.c */
struct asked;
void orders_any(struct sim *, struct app *);
void orders_guard(struct sim *, struct app *, const char *to, int version); /* NULL, 0: not named */
/* scope: "\"service\":...", "\"guard\":..." or "" (the fleet); durable: a query for 1 or more once it
 * was answered well, "": none; a %s in it is the guard that the answer names. */
void orders_give(struct sim *, const char *what, const char *scope, const char *args, const char *durable);
void orders_answer(void *sim, struct hd_span packet); /* the daemon's late answers */
void orders_look(struct sim *);   /* every simulated second */
void orders_forget(struct sim *); /* the daemon is dead */

/* audit.c */
void audit_init(struct sim *);
void audit_open(struct sim *);  /* with every daemon */
void audit_close(struct sim *);
/* live: only one that lives; "": none */
void audit_newest_guard(const struct sim *, const struct app *, bool live, char id[27]);
void audit_look(struct sim *);  /* every simulated second */
void audit_send(struct sim *, struct app *, const struct hd_request *); /* a byte of a change leaves */
void audit_once(struct sim *, struct app *); /* a byte of a once-only order has left */
void audit_router(struct sim *, struct app *); /* and arrives */
void audit_order(struct sim *, const char *sql, const char *what); /* I7: true on the durable disk? */
void audit_story(struct sim *);
bool audit_idle(const struct sim *); /* no guard lives, no intent is open */
void audit_end(struct sim *);
void audit_free(struct sim *);

#endif
