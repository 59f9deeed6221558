/* SPDX-License-Identifier: Apache-2.0
 *
 * The decision, pure: policy + state + evidence + time in; state + verdict + reasons out. Links
 * libm and nothing else: no time, no I/O, no allocation. The daemon, replay, backtest and the
 * simulation call this one function.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <haldane/policy.h>
#include <haldane/verdict.h>

/* A room for rules that carry evidence from poll to poll (sequential tests need 45 a check). */
#define ENGINE_WORDS 48

/* The state is flat: no pointers, fixed width. Each list below is the only place that names its
 * fields; struct, save, load, compare and print are made from it. F(type, name), types: u8 u32 u64
 * i64 f64. Times are guard time: ms since the switch. */
#define ENGINE_CHECK_STATE(F)                                                                      \
    F(u64, recent)          /* bit 0: the last judged poll broke the limit, bit 1: the one before */ \
    F(u32, judged)          /* polls that ended in a judgement */                                  \
    F(u32, warm)            /* of these, the ones in the warm-up, which no rule took in */         \
    F(u32, observed)        /* polls whose evidence was usable, gathering ones included */         \
    F(u32, consecutive)     /* judged polls in a row that broke the limit */                       \
    F(u32, well_run)        /* broken ones since the last good one with stable well beside */      \
    F(u32, broken)          /* judged polls that broke the limit, in all */                        \
    F(u32, shared)          /* judged polls in which stable broke it too */                        \
    F(u32, shared_run)      /* of those, the ones since the last judged poll that was not shared */ \
    F(u32, before_judged)   /* before-switch bins judged */                                        \
    F(u32, before_broken)   /* before-switch bins that broke the limit */                          \
    F(u8, tripped)          /* 1: fail_after was met */                                            \
    F(u8, earlier)          /* 1: broke its limit before the switch: advisory for this guard */    \
    F(u32, well_again)      /* while `earlier`: judged polls in a row within the limit */          \
    F(u8, band)             /* enum hd_band now */                                                 \
    F(u8, outcome)          /* enum hd_outcome of the candidate's last measurement */              \
    F(u8, baseline)         /* which one was used last: 0 none, 1 concurrent, 2 before */          \
    F(u8, blind)            /* 1: no usable evidence for blind_for, and said so */                 \
    F(u8, broke_by)         /* index of the limit that broke last: 0 none 1 max 2 min 3 worse 4 below */ \
    F(u32, reason)          /* enum hd_reason_number behind the outcome */                         \
    F(i64, tripped_ms)                                                                             \
    F(i64, judged_ms)       /* guard time of the last judgement */                                 \
    F(i64, observed_ms)     /* guard time of the newest usable sample; 0: the switch itself */     \
    F(i64, watched_ms)      /* time covered by evidence that was judged */                         \
    F(f64, sum_events) F(f64, sum_exposure)                 /* candidate, whole guard */           \
    F(f64, stable_events) F(f64, stable_exposure)           /* stable, whole guard */              \
    F(f64, before_events) F(f64, before_exposure) F(i64, before_ms)                                \
    F(f64, before_value)    /* GAUGE: mean of the bins */                                          \
    F(f64, gather_events) F(f64, gather_exposure)           /* candidate, since the last judgement */ \
    F(f64, gather_stable_events) F(f64, gather_stable_exposure)                                    \
    F(i64, gather_ms) F(i64, gather_stable_ms) /* time covered by what is gathered */              \
    F(f64, value) F(f64, stable_value) F(f64, limit) F(f64, n) /* of the last judgement, for show */ \
    F(f64, worst_value)     /* of the judgement that tripped it */                                 \
    F(f64, worst_stable) F(f64, worst_limit) F(f64, worst_n) F(u32, worst_k)

#define ENGINE_GUARD_STATE(F)                                                                      \
    F(u32, polls)           /* evidence of after the switch, taken in */                           \
    F(i64, t_ms)            /* guard time of the last step */                                      \
    F(i64, scrape_ms)       /* scrape interval last known; 0: never */                             \
    F(u32, silent)          /* polls in a row in which the candidate was silent */                 \
    F(u64, silent_looks)    /* a bit for each look: 1 silent, 0 alive; the last one is the lowest */  \
    F(i64, silent_ms)       /* guard time of the last look */                                      \
    F(u32, silent_by)       /* reason number behind it */                                          \
    F(u32, silent_ready) F(u32, silent_wanted)                                                     \
    F(u8, kind)             /* enum hd_verdict_kind once ended */                                  \
    F(u8, cause)                                                                                   \
    F(u8, full_switch)      /* 1: the candidate has had (nearly) everything */                     \
    F(i64, extended_ms)     /* on_inconclusive: wait added so much */                              \
    F(f64, score)

#define ENGINE_C_u8 uint8_t
#define ENGINE_C_u32 uint32_t
#define ENGINE_C_u64 uint64_t
#define ENGINE_C_i64 int64_t
#define ENGINE_C_f64 double
#define ENGINE_FIELD(type, name) ENGINE_C_##type name;

struct hd_check_state {
    ENGINE_CHECK_STATE(ENGINE_FIELD)
    double words[ENGINE_WORDS];
};

struct hd_guard_state {
    ENGINE_GUARD_STATE(ENGINE_FIELD)
    double words[ENGINE_WORDS];
    uint32_t n_checks;
    struct hd_check_state check[HD_CHECKS_MAX];
};

void engine_state_init(const struct hd_policy *, struct hd_guard_state *ret);

/* One step. `t_ms`: ms since the switch on the guard's own clock; never smaller than before (an
 * earlier one is taken as the last). The verdict's kind is NONE until the guard ends; once it is
 * not NONE, further steps change nothing. Fails only with HD_INVALID (evidence that names a check
 * or role that the policy does not have). `ret_after` may be `before`. */
enum hd_code engine_step(const struct hd_policy *, const struct hd_guard_state *before,
                         const struct hd_evidence *, int64_t t_ms, struct hd_guard_state *ret_after,
                         struct hd_verdict *ret_verdict, struct hd_error *err);

/* What comes to a guard from outside, between two polls. Stored, so that a replay takes it at the same place.
 * Numbers are stored. */
enum engine_input_kind {
    ENGINE_EXTENDED = 0,      /* a human let it watch `by_ms` longer */
    ENGINE_ORDERED_BACK = 1,  /* a human took the release back: a verdict of its own */
    ENGINE_ALERT_FAILED = 2,  /* an alert fails the release, as a check would */
    ENGINE_ALERT_DOUBTED = 3, /* every check held, and an alert is firing */
    ENGINE_NEVER_CAME = 4,    /* the switch that it was told of: its time is over without one */
};
struct engine_input {
    int64_t polls; /* taken in before it */
    int64_t by_ms;
    int32_t kind;
};
/* Changes the memory that the next step begins with, or the verdict of the last one. */
void engine_take(const struct engine_input *, struct hd_guard_state *, struct hd_verdict *);

/* Aftercare: is this role well, by the evidence of one poll? PASS, FAIL, or NONE (not enough). Each
 * check that counts for this guard needs `min_samples` and new samples in two polls: within its absolute
 * limit; without one within what the role's own past tolerates, and nearer to its usual level than to the
 * one for which the candidate was failed. A check that nothing is known to measure by says nothing. `guard`:
 * its memory at its end; `sum` carries what is gathered from poll to poll (zero it at first). */
struct engine_health {
    double events[HD_CHECKS_MAX], exposure[HD_CHECKS_MAX];
    int64_t ms[HD_CHECKS_MAX];
    uint32_t polls[HD_CHECKS_MAX]; /* with new samples, since the check was last bad or unknown */
    uint32_t bad[HD_CHECKS_MAX];   /* judgements in a row that found it bad */
    uint8_t band[HD_CHECKS_MAX];
    uint32_t worst;                /* the check with the most of them, and its value last judged */
    double value[HD_CHECKS_MAX];
};
enum hd_band engine_health(const struct hd_policy *, const struct hd_guard_state *guard, enum hd_role,
                           const struct hd_evidence *, struct engine_health *sum);

#endif
