/* SPDX-License-Identifier: Apache-2.0
 *
 * The frozen policy: what one YAML file says, with every default filled in. Built by config/,
 * read by everyone, changed by nobody. A live guard pins the service it started with.
 * Absent limits are NaN, absent texts NULL, absent times -1.
 */
#ifndef HALDANE_POLICY_H
#define HALDANE_POLICY_H

#include <haldane/actuator.h>
#include <haldane/option.h>
#include <haldane/types.h>
#include <haldane/wire.h>

enum hd_rule_kind { HD_RULE_CONSECUTIVE, HD_RULE_K_OF_N, HD_RULE_TOTAL, HD_RULE_SEQUENTIAL };

/* What `rule` says of the checks of a guard, or of one check. */
enum hd_rule_by { HD_BY_THRESHOLD, HD_BY_SEQUENTIAL };

/* When breached polls trip a check: k in a row · k of the last n · k in the whole guard. SEQUENTIAL:
 * when the evidence of all such checks together suffices. */
struct hd_rule {
    int32_t kind;
    uint32_t k, n; /* n: K_OF_N only, k <= n <= HD_WINDOW_MAX */
};

enum hd_query_kind {
    HD_QUERY_COUNTS, /* counters, raw samples, differenced by us: events of exposure */
    HD_QUERY_RATE,   /* counters, exposure only: the value is exposure per second */
    HD_QUERY_GAUGE,  /* one number a poll, without n */
};

/* How keys of a counter become events and exposure. */
enum hd_classify {
    HD_CLASSIFY_KEYS,   /* event: key matches one of `events`; exposure: every key of `exposure` */
    HD_CLASSIFY_BUCKET, /* keys are `le`; exposure: +Inf; event: +Inf less the bucket at `bound` */
};

/* What one check asks, ready to send. */
struct hd_query {
    int32_t kind;      /* enum hd_query_kind */
    int32_t classify;  /* enum hd_classify; COUNTS */
    const char *text[HD_SIDES_MAX]; /* one text with by_label, else one per colour */
    const char *by_label;           /* the sides are told apart by this label; NULL: a text each */
    const char *const *values[HD_SIDES_MAX]; /* with by_label: globs of each colour, NULL-terminated */
    const char *key_label;          /* "code", "le"; NULL: none */
    const char *const *events, *const *exposure; /* globs of keys, NULL-terminated */
    double bound;                   /* BUCKET, in the histogram's unit; NaN: not picked yet */
    int32_t bound_unit;             /* of it: 0 seconds, 1 milliseconds */
    bool complement;                /* the value is 1 - events/exposure */
    const char *target_text;        /* process start times of the same targets, or NULL */
};

/* A latency bound that nearly this share of stable's requests is slower than: 30, 5 and 0.5 %. NONE:
 * the file gives it, or there is none. */
enum hd_pick { HD_PICK_NONE, HD_PICK_P70, HD_PICK_P95, HD_PICK_P995 };

struct hd_check {
    const char *name, *title;
    const char *use;        /* query of the library, or NULL */
    const char *unit;       /* "share" "s" "1/s" "": how values are printed */
    int32_t pick;           /* enum hd_pick: stable's past says where the bound lies */
    int32_t datasource;     /* index into hd_config.datasources */
    struct hd_query query;
    double max, min, warn;  /* limits on the candidate's value; warn goes with max or min */
    double worse_than_baseline; /* breached when value > factor x baseline */
    double min_of_baseline;     /* breached when value < factor x baseline */
    struct hd_rule fail_after;
    double tolerance;     /* SEQUENTIAL: factor on the baseline that is no reason to go back */
    double tolerance_abs; /* SEQUENTIAL: the same, a share on top; NaN: by the kind of count */
    bool critical, advisory;
    double weight;          /* in the score; SEQUENTIAL: in the evidence too */
    double min_samples;     /* COUNTS: requests of the candidate before a poll is judged */
};

enum hd_kind { HD_KIND_BLUE_GREEN, HD_KIND_CANARY };
enum hd_on_fail { HD_ON_FAIL_REVERT, HD_ON_FAIL_PAGE };
enum hd_on_inconclusive {
    HD_ON_INCONCLUSIVE_WAIT,
    HD_ON_INCONCLUSIVE_PAGE,
    HD_ON_INCONCLUSIVE_PASS,
    HD_ON_INCONCLUSIVE_REVERT,
};

struct hd_colour {
    const char *name;
    const char *const *label; /* globs of the metrics label's values, NULL-terminated */
    const char *match;        /* matcher for {{match}}, or NULL */
    const void *side;         /* per-colour options of the actuator */
};

struct hd_probe_policy { /* an HTTP probe of the target before a revert */
    const struct hd_endpoint *at[HD_SIDES_MAX]; /* one per colour; NULL: no probe */
    const char *path[HD_SIDES_MAX];
    int64_t expect; /* status */
};

/* One service: what is watched, how it is judged, how it is reverted. */
struct hd_policy {
    const char *name;
    int32_t kind; /* enum hd_kind */
    const struct hd_colour *colours;
    uint32_t n_colours;
    int32_t stable, candidate; /* CANARY: index of the colour with the fixed role; else -1 */
    struct hd_plugin actuator;
    struct hd_site site;       /* the same, as the codec wants it */
    const struct hd_check *checks;
    uint32_t n_checks;
    struct {
        int64_t every_ms;
        double switch_at; /* share above which a colour counts as switched to */
    } detect;
    struct {
        double ready;  /* share of the target's wanted members that must be ready */
        bool trust;    /* unknown readiness is accepted */
        int64_t kept_for_ms; /* how long the other colour is kept after a switch; 0: for good */
        struct hd_probe_policy probe;
    } target;
    struct {
        int64_t duration_ms, interval_ms, warmup_ms, blind_for_ms;
        double min_samples;
        struct hd_rule fail_after;
        int32_t rule;             /* enum hd_rule_by: what checks inherit */
        double false_rollbacks;   /* SEQUENTIAL: chance that one guard goes back needlessly */
        double tolerance, tolerance_abs; /* what checks inherit */
        int64_t ignore_blips_ms;  /* SEQUENTIAL: what is shorter cannot decide alone */
        double pass_score;    /* NaN: the score is shown, and decides nothing */
        int64_t cooldown_ms;  /* after a revert: no automatic revert of this service again */
    } guard;
    int32_t mode;              /* enum hd_mode */
    int32_t on_fail, on_inconclusive;
    bool rollback_safe;        /* false: only advise */
    int64_t rollback_unsafe_until_ms; /* wall; -1: not limited */
    struct {
        int64_t timeout_ms, recover_within_ms, aftercare_ms;
        int64_t reapply; /* 0 or 1 */
    } verify;
    struct {
        const char *const *by; /* accounts one of which must approve an automatic revert,
                                  NULL-terminated; empty: nobody is asked */
        int64_t within_ms;     /* after that it is only advised */
    } approval;
    const char *owner;   /* who is asked: a team, a channel; NULL: not said */
    const char *runbook, *dashboard; /* URLs, or NULL */
};

struct hd_datasource {
    const char *name;       /* "prom"; "@shop/ready" for a check's inline http or exec */
    struct hd_plugin plugin;
};

struct hd_sink {
    const char *name;
    struct hd_plugin plugin;
    bool page; /* is told what needs a human; without it, only what is good to know */
};

enum hd_token_role { HD_TOKEN_VIEWER, HD_TOKEN_OPERATOR, HD_TOKEN_ADMIN };

struct hd_token {
    const char *name;
    int32_t role;
    const char *const *services; /* globs, NULL-terminated */
    const char *hash;            /* reference to the hex SHA-256 of the token */
};

/* What the face answers to who shows no token: everything that changes nothing, or only whether it
 * is alive. */
enum hd_anonymous { HD_ANONYMOUS_READ, HD_ANONYMOUS_NOTHING };

enum hd_store_lost { HD_STORE_LOST_PAGE, HD_STORE_LOST_REVERT };

/* One file, frozen. */
struct hd_config {
    const char *file;
    char hash[65];          /* hex SHA-256 of the normal form */
    const char *normal;     /* the normal form: canonical YAML, secrets as references */
    const char *listen;     /* "127.0.0.1:8417" */
    const char *public_url; /* NULL: http://listen, or https:// */
    const char *certificate, *key; /* PEM files; NULL: no TLS */
    struct {
        const char *path;
        int64_t max_size, ballast;
        int32_t lost; /* enum hd_store_lost */
    } storage;
    struct {
        int64_t answer, series, in_flight, reverts_per_hour;
        int64_t brake; /* services that may revert within a minute before the rest hold and page */
    } limits;
    const struct hd_token *tokens;
    uint32_t n_tokens;
    int32_t anonymous; /* enum hd_anonymous */
    const struct hd_datasource *datasources;
    uint32_t n_datasources;
    const struct hd_sink *sinks;
    uint32_t n_sinks;
    const struct hd_policy *services;
    uint32_t n_services;
};

#endif
