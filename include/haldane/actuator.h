/* SPDX-License-Identifier: Apache-2.0
 *
 * The actuator contract: a router as a codec. Reading is a conversation; writing is a list of
 * requests that is journaled and shown before its first byte leaves; `value` is the whole truth
 * about the split; a plan converges (the plan of a reached goal is empty). Sending, retrying,
 * comparing, verifying and paging are the core's, once for all actuators.
 */
#ifndef HALDANE_ACTUATOR_H
#define HALDANE_ACTUATOR_H

#include <haldane/option.h>
#include <haldane/wire.h>

#define HD_UNKNOWN UINT32_MAX
#define HD_WHOLE_PPM 1000000u

/* One configured actuator: options of the router and of each colour. */
struct hd_site {
    const void *cfg;
    size_t n_sides;
    const char *colour[HD_SIDES_MAX];
    const void *side[HD_SIDES_MAX]; /* per-colour options (side_options); never NULL */
    const char *mark[HD_SIDES_MAX]; /* what marks a colour in the router where no option can say it
                                       (a version number); NULL: not known */
    int64_t timeout_ms;             /* deadline of one exec or webhook call, where the codec needs it */
};

struct hd_side_live {
    uint32_t share_ppm;  /* of the traffic, by the router's own settings */
    uint32_t ready, wanted; /* members; HD_UNKNOWN where the router cannot say */
    const char *alone;   /* the value that gives this side everything; NULL: cannot be said */
};

/* What one reading says. Texts live in the arena of the act. */
struct hd_live {
    struct hd_side_live side[HD_SIDES_MAX];
    const char *value;   /* canonical text of exactly the fields we would write */
    const char *version; /* compare-and-swap token; NULL: none */
    const char *owner;   /* who manages or last changed it; NULL: unknown */
    const char *memory;  /* changes when the router restarted and forgot run-time state; NULL: it
                            cannot forget */
    const char *forgets_to; /* the value the router returns to when it forgets (its file); NULL: unknown */
    const char *note;    /* what outranks or delays the value: stickiness, TTL; NULL: nothing */
    bool settling;       /* a change is on its way: nothing is planned, nothing counts as verified */
};

struct hd_goal {
    const char *value; /* as once read in hd_live.value or hd_side_live.alone */
    const char *stamp; /* who and why, for routers that keep a note; may be NULL */
    bool rehearse;     /* proof that we could: every request has HD_EFFECT_READ */
};

struct hd_plan {
    const struct hd_request *step[HD_PLAN_MAX];
    size_t n;
    const char *native; /* shell command that does the same without haldane; no secrets */
};

enum hd_answer {
    HD_ANSWER_ACCEPTED,
    HD_ANSWER_RETRY,    /* certainly no effect */
    HD_ANSWER_CONFLICT, /* look, then decide */
    HD_ANSWER_REFUSED,
};

struct hd_reply {
    enum hd_answer answer;
    int32_t retry_ms;   /* with RETRY: not before; 0: our own backoff */
    const char *text;   /* the router's own words */
    const char *follow; /* id of the change, handed to later observes; NULL: none */
};

enum hd_cas { HD_CAS_STRONG, HD_CAS_READ_COMPARE, HD_CAS_NONE };
enum hd_rehearsal { HD_REHEARSE_DRY_RUN, HD_REHEARSE_PERMISSION, HD_REHEARSE_NONE };

struct hd_actuator {
    const char *name, *summary;
    enum hd_cas cas;
    const char *window; /* what may still slip in between our read and our write, in words */
    enum hd_rehearsal rehearsal;
    /* With this cfg, does observe tell how many members are ready? NULL: never. Without it a
     * service in mode enforce names a probe or `target: trust`. */
    bool (*readiness)(const void *cfg);
    bool absolute;      /* its writes are HD_EFFECT_SET; false: may be ONCE by option */
    uint32_t cfg_size, side_size;
    const struct hd_option *options, *side_options;
    enum hd_code (*check)(const struct hd_site *, struct hd_error *err);
    /* What of the router's own configuration lets haldane read and write, as a sentence to act on; `group`: of
     * the user who runs haldane. NULL: there is no such line. */
    const char *(*let_in)(struct hd_arena *, const void *cfg, const char *group);
    /* Fails with DENIED (401, 403), ABSENT (404, no such server), BUSY (read again later), PARSE
     * (names the field). */
    enum hd_code (*observe)(struct hd_arena *, const struct hd_site *, const char *follow,
                            const struct hd_talk *, struct hd_ask *ret_ask, struct hd_live *ret_live,
                            struct hd_error *err);
    /* What is still missing from the live state in `talk` (a finished observe) to the goal. */
    enum hd_code (*plan)(struct hd_arena *, const struct hd_site *, const struct hd_talk *,
                         const struct hd_goal *, struct hd_plan *ret_plan, struct hd_error *err);
    /* What the router said to one step. */
    enum hd_code (*reply)(struct hd_arena *, const struct hd_site *, const struct hd_exchange *,
                          struct hd_reply *ret_reply, struct hd_error *err);
};

extern const struct hd_actuator *const hd_actuators[];
const struct hd_actuator *hd_actuator_find(const char *name);

#endif
