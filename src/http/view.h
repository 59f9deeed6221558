/* SPDX-License-Identifier: Apache-2.0
 *
 * What a guard's page and its JSON show, put together from the rows of the store: each check's
 * description beside its engine state, and the points of its chart. Pure but for view_load.
 */
#ifndef HTTP_VIEW_H
#define HTTP_VIEW_H

#include "http/parts.h"
#include "http/record.h"
#include "http/way.h"

struct check_view {
    const char *name, *title, *unit, *limit, *query, *kind; /* never NULL but query */
    const char *graph, *by; /* where its source draws queries, and the labels to sum by; NULL: nowhere */
    bool critical, advisory, complement;
    bool moving;     /* its limit follows the baseline: another one in each poll */
    bool sequential; /* all its polls are weighed together; none of them breaks a limit by itself */
    uint8_t index;
    const struct hd_check_state *state; /* NULL: nothing judged yet */
    /* Of the judgement that tripped it, else of the last one; NaN: none. */
    double value, stable, limit_value, n;
    enum hd_band band;
    enum tone tone;
    const char *word; /* "fail", "near its limit", "no data" ... */
};

/* Reads a guard's or service's list of checks; a list that cannot be read is an empty one. */
void view_checks(struct hd_arena *, const char *checks_json, const struct hd_guard_state *,
                 struct check_view **ret, size_t *ret_n);
/* ", the 5 min before the switch" when stable's value is from then; nothing when it is of the same polls. */
void view_baseline(struct buf *, const struct check_view *);
/* "3 of 38 polls", and which of those that were judged counted neither for nor against the release. */
void view_polls(struct buf *, const struct check_view *);
/* Worst first, as the page shows them; pointers into `checks`. */
const struct check_view **view_by_badness(struct hd_arena *, const struct check_view *checks,
                                          size_t n);

#define VIEW_POINTS_MAX 60 /* of a chart or its table; more polls share a point */
#define VIEW_CARE_MAX 30   /* behind them, of aftercare; likewise */

struct view_point {
    int64_t at_ms;
    bool before;                         /* before the switch */
    uint8_t outcome[HD_ROLES];           /* enum hd_outcome of its last poll */
    double value[HD_ROLES], n[HD_ROLES]; /* NaN: not observed; n 0: a gauge */
};
struct view_series {
    size_t n, polls_per_point;
    size_t polls_every; /* as of guard_view */
    struct view_point point[VIEW_POINTS_MAX + HD_BEFORE_BINS + VIEW_CARE_MAX];
};
/* Polls [from, to) of one check as one point; false when none of them asked it. */
bool view_point(const struct check_view *, const struct store_evidence *, size_t from, size_t to,
                struct view_point *ret);
/* One check's points. Counts of polls that share a point are added up, so that a point is exactly
 * the ratio over its time. */
void view_points(const struct check_view *, const struct store_evidence *, size_t n,
                 struct view_series *ret);
/* The points of aftercare behind those. */
void view_care_points(const struct check_view *, const struct store_evidence *, size_t n, struct view_series *);

struct guard_view {
    struct store_guard guard;
    struct check_view *check;
    size_t n_checks;
    bool has_reading;
    struct store_reading reading; /* the service's newest */
    struct store_evidence *care;     /* polls of aftercare, as many as a chart shows */
    size_t n_care;
    struct store_evidence *evidence; /* by time; of a long guard one poll in polls_every, and the newest ones */
    size_t polls, polls_every;       /* polls: how many there are in the store */
    struct store_event *event;
    struct store_message *told;
    struct store_intent *intent;
    struct store_hold *hold; /* in force on this service or the fleet */
    struct store_approval approval; /* guard NULL: nobody was asked */
    struct store_run run;           /* of an analysis; run NULL: nobody's name for it */
    size_t n_evidence, n_events, n_told, n_intents, n_holds;
    size_t events_left_out;  /* older ones */
    /* by view_load_service */
    bool has_service;
    struct store_service service;     /* as it is configured now */
    struct contacts contacts;         /* of the service */
    const char *rejected[HD_ROLES];   /* why this side is no target; NULL: it may be one */
    struct stance stance;             /* by itself: of a live guard; by order: to its stable side */
    struct store_guard *recent;       /* the service's newest, this one among them */
    struct store_guard *beside;       /* other services' that began near it in time */
    size_t n_recent, n_beside;
    struct record record;             /* of these */

    double measured[HD_ROLES];        /* share of the requests of the last poll; NaN: unknown */
    int64_t measured_ms;
    int64_t at_ms;           /* it shows this moment (moment.h), and offers nothing; 0: now */
    bool demo;               /* invented (demo.h): nothing on it leads anywhere */
    bool by_name;            /* the order of its checks; else the worst comes first */
    const char *alarm;       /* as html_page.alarm; not loaded here, like the next */
    const char *account, *csrf;
    const char *no_evidence; /* why there is none to show, a sentence; NULL: there is */
    const char *change_version, *change_commit, *change_url, *change_actor; /* NULL: not said */
};

/* Its revert waits for a named human, and it is not too late. */
bool view_waits(const struct guard_view *, int64_t now_ms);
/* The guard's way back, by what was loaded. */
void view_way(struct hd_arena *, const struct guard_view *, int64_t now_ms, struct way *ret);
/* The way back by what the facts name, and what the store knows besides; `facts` without stance and
 * rejected. */
enum hd_code view_find_way(struct store *, struct hd_arena *, const struct way_facts *,
                           const struct store_budgets *, struct way *ret, struct hd_error *err);
/* Of the object `about` of a service; NULL: not said. */
const char *view_about(struct hd_arena *, const struct store_service *, const char *key);
void view_contacts(struct hd_arena *, const struct store_service *, struct contacts *ret);
/* What the candidate's requests were of all, in the last poll that counted both sides. */
void view_measure(struct guard_view *);
/* The hold in force that concerns this service; NULL: none. */
const struct store_hold *view_hold(const struct store_hold *, size_t n, const char *service);
/* HD_ABSENT: no such guard. */
enum hd_code view_load(struct store *, struct hd_arena *, const char *id, int64_t now_ms,
                       struct guard_view *ret, struct hd_error *err);
/* Its evidence up to a moment in place of what was loaded; INT64_MAX: all. Bounded by HD_PAGE_POLLS_MAX. */
enum hd_code view_evidence(struct store *, struct hd_arena *, struct guard_view *, int64_t until_ms, struct hd_error *err);
/* And what stands around it, for its page: the service today, and how that did before. */
enum hd_code view_load_service(struct store *, struct hd_arena *, struct guard_view *, int64_t now_ms,
                               struct hd_error *err);
/* False when there is no reading yet. */
enum hd_code view_reading(struct store *, struct hd_arena *, const char *service, bool *ret_has,
                          struct store_reading *ret, struct hd_error *err);
/* NULL: the reading does not name this colour. */
const struct store_side *view_side(const struct store_reading *, const char *colour);
bool view_is_id(const char *text);  /* looks like a guard's id */
bool view_in_ids(const char *text); /* all of its characters may stand in one */

#endif
