/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine reads and says: evidence in, verdict with reasons out. Plain values, no text.
 */
#ifndef HALDANE_VERDICT_H
#define HALDANE_VERDICT_H

#include <haldane/types.h>

/* What one check got in one poll for one role. */
struct hd_measurement {
    uint8_t check;     /* index into hd_policy.checks */
    uint8_t role;      /* enum hd_role */
    uint8_t outcome;   /* enum hd_outcome; every one but OK counts as not observed */
    uint16_t reason;   /* enum hd_reason_number behind the outcome; 0: none */
    bool fresh;        /* new samples came since the last poll; without them nothing was seen */
    double events, exposure; /* increments since the last poll; 0 for a gauge */
    double value;      /* GAUGE: the value; else NaN */
    int64_t age_ms;    /* of the newest sample, at the instant of the poll; -1: unknown */
    int64_t covers_ms; /* how long a time the increments cover */
};

/* The router and the actuator's reading are evidence too. */
struct hd_presence {
    bool known;         /* the router was read for this poll */
    uint32_t share_ppm; /* of the traffic, by the router's settings */
    uint32_t ready, wanted; /* UINT32_MAX: the router cannot say */
};

/* What stable's own past taught about one check, before the first poll (engine/past.h makes it). */
struct hd_past {
    uint8_t check;
    int64_t step_ms;          /* of its steps */
    double rho;               /* correlation of the requests of one step */
    double between;           /* relative spread of its level beyond chance */
    double events, exposure;  /* counts of the past, as independent requests; RATE: exposure in us */
    double limit;             /* GAUGE: what counts as bad; else what is usual (NaN: not kept by an
                               * older version): half of the past is no worse, whatever its incidents */
    double bad[2], polls[2];  /* GAUGE: steps, and bad ones, after a good [0] and a bad [1] one */
};

struct hd_evidence {
    uint32_t poll;     /* 1, 2, ...; before-switch bins count on their own */
    bool before;       /* from before the switch: baseline and `earlier` only */
    bool backfill;     /* covers a time in which haldane did not run */
    int64_t scrape_ms; /* learned scrape interval, the larger of both roles; 0: unknown */
    struct hd_presence presence[HD_ROLES];
    const struct hd_measurement *m;
    size_t n;
    const struct hd_past *past; /* with `before` only */
    size_t n_past;
};

#define HD_NO_CHECK 255u

/* Why, as numbers. The sentence is made in base/reason.c. */
struct hd_reason {
    uint16_t number; /* enum hd_reason_number */
    uint8_t check;   /* HD_NO_CHECK: about the whole guard */
    uint8_t role;
    uint8_t baseline; /* 0 none, 1 concurrent, 2 before */
    double value, limit, stable, n; /* NaN where it does not apply */
    uint32_t k, of; /* of: UINT32_MAX where nobody knows */
};

struct hd_verdict {
    uint8_t kind;  /* enum hd_verdict_kind */
    uint8_t cause; /* enum hd_cause */
    bool page;     /* an event that needs a human now, whatever the kind */
    double score;  /* 0..100; NaN: nothing judged yet */
    size_t n;
    struct hd_reason reason[HD_REASONS_MAX]; /* worst first */
};

#endif
