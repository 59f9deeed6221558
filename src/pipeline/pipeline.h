/* SPDX-License-Identifier: Apache-2.0
 *
 * The only conductor: takes what is due, asks, judges, records, acts, tells. Everything else in the
 * program is a part it plays. Runs on the guard loop's thread; never waits; time, network and
 * store come in as arguments, so that a simulation can be its whole world.
 */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include "config/config.h"
#include "net/net.h"
#include "store/store.h"

struct pipeline;

/* How requests leave. `done` is called once per send, later, never from inside send. */
struct pipeline_wire {
    void *ctx;
    uint64_t (*send)(void *ctx, const struct hd_request *, int64_t deadline_boot_ms, net_done_fn *done,
                     void *user);
    void (*cancel)(void *ctx, uint64_t id);
    struct hd_now (*now)(void *ctx); /* asked at the start of each `done` */
};

#define PIPELINE_PACKET_MAX 131072 /* of a command's answer: what a pair of sockets takes by default */

struct pipeline_options {
    struct pipeline_wire wire;
    struct store *store;     /* the writer; borrowed */
    struct config *config;   /* a reference is taken */
    uint64_t seed;           /* of ids and jitter */
    const char *boot_id;     /* of this boot of the machine */
    const char *program;     /* haldane itself, for what a process of its own computes; NULL: nothing is */
    const char *store_path;  /* for it */
    const char *admin_token_hash; /* hex SHA-256 of the local admin token; NULL: none */
    /* Takes the answer of a command that had to wait (pipeline_command). */
    void (*answer)(void *ctx, struct hd_span packet);
    void *answer_ctx;
    /* Loads the file anew for a reload command; NULL: reload is refused. */
    /* `errors`: a JSON array of its mistakes. */
    enum hd_code (*load)(void *ctx, struct config **ret, struct buf *errors, struct hd_error *err);
    void *load_ctx;
    const char *const *doctor; /* argv of `haldane doctor -o json`; NULL: cannot be asked */
};

/* Starts: takes up every guard and intent that was live (I9, "crash anywhere"). */
enum hd_code pipeline_new(const struct pipeline_options *, struct hd_now now, struct pipeline **ret,
                          struct hd_error *err);
struct pipeline *pipeline_free(struct pipeline *); /* takes NULL, returns NULL */

/* Does what is due and saves what changed; returns when it wants to be called next (boot ms).
 * Must also be called after every turn of the wire's callbacks. */
int64_t pipeline_tick(struct pipeline *, struct hd_now now);

/* A human's command (see http/http.h for the packet); the answer is written after the commit. An
 * empty answer: it comes later by options.answer (the router is read first). */
void pipeline_command(struct pipeline *, struct hd_now now, struct hd_span packet, struct buf *answer);

/* Swaps the whole config; live guards keep what they started with. */
void pipeline_reload(struct pipeline *, struct hd_now now, struct config *);
/* Somebody asked for one and it cannot be loaded: the page says so until one succeeds. */
void pipeline_reload_refused(struct pipeline *, struct hd_now now, const char *why);

/* The end of the program: true while a revert is on its way and should be finished first. */
bool pipeline_busy(const struct pipeline *);
/* Saves everything; call before free when the stop is orderly. */
void pipeline_stop(struct pipeline *, struct hd_now now);
size_t pipeline_live_guards(const struct pipeline *);

#endif
