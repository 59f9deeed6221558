/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold for any guard: random policies and evidence from a small seeded generator. A
 * failing seed is named, and gives the same guard again.
 */
#include "engine/engine.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CHECKS = 3, POLLS = 80, GUARDS = 400, POLL_MS = 5000 };

static uint64_t seed;

static uint64_t any(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = seed >> 22 ^ seed;
    return x ^ x >> 31;
}

static uint32_t below(uint32_t n) { return (uint32_t)(any() % n); }

static bool one_in(uint32_t n) { return below(n) == 0; }

struct guard {
    struct hd_check check[CHECKS];
    struct hd_policy policy;
    struct hd_measurement m[POLLS][2 * CHECKS];
    struct hd_evidence evidence[POLLS];
};

static struct hd_rule random_rule(void)
{
    uint32_t k = 1 + below(5);
    return (struct hd_rule){(int32_t)below(4), k, k + below(6)}; /* one in four: SEQUENTIAL */
}

static void random_policy(struct guard *g)
{
    for (int i = 0; i < CHECKS; i++)
        g->check[i] = (struct hd_check){
            .query = {.kind = i == 2 ? (int32_t)below(3) : HD_QUERY_COUNTS},
            .max = 0.05, .min = NAN, .warn = one_in(2) ? 0.03 : NAN,
            .worse_than_baseline = one_in(3) ? 1.5 : NAN, .min_of_baseline = NAN,
            .fail_after = random_rule(), .critical = one_in(3), .advisory = one_in(5),
            .weight = below(4), .min_samples = below(3) * 100, .tolerance = 1.15,
            .tolerance_abs = NAN,
        };
    g->policy = (struct hd_policy){
        .checks = g->check, .n_checks = 1 + below(CHECKS), .on_inconclusive = (int32_t)below(4),
        .guard = {.duration_ms = 60 * POLL_MS, .interval_ms = POLL_MS,
                  .warmup_ms = below(3) * 30000, .blind_for_ms = 60000, .fail_after = random_rule(),
                  .pass_score = one_in(3) ? 90 : NAN, .false_rollbacks = 0.01, .tolerance = 1.15,
                  .tolerance_abs = NAN, .ignore_blips_ms = below(3) * 10000},
    };
}

static struct hd_measurement random_measurement(uint32_t check, uint32_t role, double share)
{
    struct hd_measurement m = {.check = (uint8_t)check, .role = (uint8_t)role, .fresh = !one_in(6),
                               .value = NAN, .covers_ms = POLL_MS};
    if (one_in(8))
        m.outcome = (uint8_t)(1 + below(HD_OUTCOME_ERROR));
    if (m.outcome || !m.fresh)
        return m;
    m.exposure = below(300);
    for (double i = 0; i < m.exposure; i++)
        m.events += below(1000) < share * 1000;
    m.value = share * 2 * below(1000) / 1000;
    return m;
}

/* Some guards are well, some bad on one side, some on both. */
static void random_guard(struct guard *g, uint64_t from)
{
    static const double shares[] = {0.001, 0.02, 0.05, 0.3};
    memset(g, 0, sizeof *g);
    seed = from;
    random_policy(g);
    double share[HD_ROLES] = {shares[below(4)], shares[below(4)]};
    for (uint32_t p = 0; p < POLLS; p++) {
        struct hd_evidence *e = &g->evidence[p];
        *e = (struct hd_evidence){.poll = p + 1, .before = p < 4, .m = g->m[p],
                                  .scrape_ms = one_in(2) ? 5000 : 15000};
        e->presence[HD_CANDIDATE] = (struct hd_presence){!one_in(3), 100000, one_in(9) ? 0 : 3, 3};
        for (uint32_t c = 0; c < g->policy.n_checks; c++) {
            for (uint32_t role = 0; role < HD_ROLES; role++) {
                if (!one_in(10))
                    g->m[p][e->n++] = random_measurement(c, role, share[role]);
            }
        }
    }
}

/* The time of a poll; bins before the switch come at 0. */
static int64_t time_of(uint32_t p) { return p < 4 ? 0 : (int64_t)(p - 3) * POLL_MS; }

static enum hd_code step(const struct guard *g, const struct hd_evidence *e, uint32_t p,
                         struct hd_guard_state *s, struct hd_verdict *v)
{
    return engine_step(&g->policy, s, e, time_of(p), s, v, NULL);
}

#define SAME_FIELD(type, name) same &= memcmp(&a->name, &b->name, sizeof a->name) == 0;

static bool same_check(const struct hd_check_state *a, const struct hd_check_state *b)
{
    bool same = memcmp(a->words, b->words, sizeof a->words) == 0;
    ENGINE_CHECK_STATE(SAME_FIELD)
    return same;
}

/* Bit for bit, field by field: padding is nobody's business. */
static bool same_state(const struct hd_guard_state *a, const struct hd_guard_state *b)
{
    bool same = memcmp(a->words, b->words, sizeof a->words) == 0 && a->n_checks == b->n_checks;
    ENGINE_GUARD_STATE(SAME_FIELD)
    for (uint32_t i = 0; same && i < a->n_checks; i++)
        same = same_check(&a->check[i], &b->check[i]);
    return same;
}

static bool same_verdict(const struct hd_verdict *a, const struct hd_verdict *b)
{
    bool same = a->kind == b->kind && a->cause == b->cause && a->page == b->page && a->n == b->n &&
                memcmp(&a->score, &b->score, sizeof a->score) == 0;
    for (size_t i = 0; same && i < a->n; i++) {
        const struct hd_reason *x = &a->reason[i], *y = &b->reason[i];
        same = x->number == y->number && x->check == y->check && x->k == y->k && x->of == y->of &&
               memcmp(&x->value, &y->value, 4 * sizeof(double)) == 0;
    }
    return same;
}

/* I9: from a state copied field by field at any poll, the guard goes on to the same bits. */
static void I9_resumes_bit_for_bit(void **state)
{
    (void)state;
    static struct guard g;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        random_guard(&g, n);
        struct hd_guard_state whole, resumed, copy;
        struct hd_verdict a, b;
        engine_state_init(&g.policy, &whole);
        engine_state_init(&g.policy, &resumed);
        for (uint32_t p = 0; p < POLLS; p++) {
            assert_int_equal(step(&g, &g.evidence[p], p, &whole, &a), HD_OK);
            memset(&copy, 0xa5, sizeof copy);
#define COPY_GUARD(type, name) copy.name = resumed.name;
#define COPY_CHECK(type, name) copy.check[i].name = resumed.check[i].name;
            ENGINE_GUARD_STATE(COPY_GUARD)
            memcpy(copy.words, resumed.words, sizeof copy.words);
            copy.n_checks = resumed.n_checks;
            for (uint32_t i = 0; i < resumed.n_checks; i++) {
                ENGINE_CHECK_STATE(COPY_CHECK)
                memcpy(copy.check[i].words, resumed.check[i].words, sizeof copy.check[i].words);
            }
            assert_int_equal(engine_step(&g.policy, &copy, &g.evidence[p], time_of(p), &resumed,
                &b, NULL), HD_OK);
            if (!same_state(&whole, &resumed) || !same_verdict(&a, &b))
                fail_msg("seed %llu, poll %u", (unsigned long long)n, p);
        }
    }
}

static void order_of_measurements_does_not_matter(void **state)
{
    (void)state;
    static struct guard g;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        random_guard(&g, n);
        struct hd_guard_state one, other;
        struct hd_verdict a, b;
        engine_state_init(&g.policy, &one);
        other = one;
        for (uint32_t p = 0; p < POLLS; p++) {
            struct hd_measurement m[2 * CHECKS];
            struct hd_evidence e = g.evidence[p];
            memcpy(m, e.m, e.n * sizeof *m);
            for (size_t i = e.n; i > 1; i--) {
                size_t k = below((uint32_t)i);
                struct hd_measurement swap = m[i - 1];
                m[i - 1] = m[k];
                m[k] = swap;
            }
            e.m = m;
            assert_int_equal(step(&g, &g.evidence[p], p, &one, &a), HD_OK);
            assert_int_equal(step(&g, &e, p, &other, &b), HD_OK);
            if (!same_state(&one, &other) || !same_verdict(&a, &b))
                fail_msg("seed %llu, poll %u", (unsigned long long)n, p);
        }
    }
}

/* I1: a poll without fresh evidence of a check judges nothing, observes nothing,
    watches nothing. */
static void I1_missing_polls_create_no_evidence(void **state)
{
    (void)state;
    static struct guard g;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        random_guard(&g, n);
        struct hd_guard_state s, was;
        struct hd_verdict v;
        engine_state_init(&g.policy, &s);
        for (uint32_t p = 0; p < POLLS; p++) {
            bool seen[CHECKS] = {false};
            for (size_t i = 0; i < g.evidence[p].n; i++) {
                const struct hd_measurement *m = &g.m[p][i];
                seen[m->check] |= m->role == HD_CANDIDATE && m->fresh &&
                    m->outcome == HD_OUTCOME_OK;
            }
            was = s;
            assert_int_equal(step(&g, &g.evidence[p], p, &s, &v), HD_OK);
            for (uint32_t c = 0; c < g.policy.n_checks; c++) {
                const struct hd_check_state *a = &was.check[c], *b = &s.check[c];
                if (!seen[c] && (a->judged != b->judged || a->observed != b->observed ||
                                 a->watched_ms != b->watched_ms ||
                                     a->consecutive != b->consecutive ||
                                 a->tripped != b->tripped || a->sum_exposure != b->sum_exposure))
                    fail_msg("seed %llu, poll %u, check %u", (unsigned long long)n, p, c);
            }
        }
    }
}

static struct hd_verdict run(const struct guard *g, uint32_t *ret_at)
{
    struct hd_guard_state s;
    struct hd_verdict v = {.kind = HD_VERDICT_NONE};
    engine_state_init(&g->policy, &s);
    for (*ret_at = 0; *ret_at < POLLS && !v.kind; ++*ret_at)
        assert_int_equal(step(g, &g->evidence[*ret_at], *ret_at, &s, &v), HD_OK);
    return v;
}

static bool any_sequential(const struct guard *g)
{
    bool any = false;
    for (uint32_t i = 0; i < g->policy.n_checks; i++)
        any |= g->check[i].fail_after.kind == HD_RULE_SEQUENTIAL;
    return any;
}

/* A check was broken before the switch: it counts again once the candidate was seen well, and a worse one
 * is seen well later, or never. */
static bool any_earlier(const struct guard *g)
{
    struct hd_guard_state s;
    struct hd_verdict v;
    bool any = false;
    engine_state_init(&g->policy, &s);
    for (uint32_t p = 0; g->evidence[p].before; p++)
        assert_int_equal(step(g, &g->evidence[p], p, &s, &v), HD_OK);
    for (uint32_t i = 0; i < g->policy.n_checks; i++)
        any |= s.check[i].earlier;
    return any;
}

static void a_worse_candidate_never_passes_instead(void **state)
{
    (void)state;
    static struct guard g;
    int fails = 0, passes = 0;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        uint32_t at, worse_at;
        random_guard(&g, n);
        struct hd_verdict good = run(&g, &at);
        for (uint32_t p = 0; p < POLLS; p++) {
            for (size_t i = 0; i < g.evidence[p].n; i++) {
                struct hd_measurement *m = &g.m[p][i];
                if (m->role != HD_CANDIDATE || g.evidence[p].before || one_in(2))
                    continue;
                m->events += (m->exposure - m->events) * below(100) / 100;
                m->value *= 1 + below(5);
            }
        }
        struct hd_verdict worse = run(&g, &worse_at);
        fails += good.kind == HD_VERDICT_FAIL;
        passes += good.kind == HD_VERDICT_PASS;
        bool low = isfinite(g.policy.guard.pass_score) &&
            good.reason[0].number == HD_REASON_LOW_SCORE;
        if (good.kind == HD_VERDICT_FAIL && worse.kind == HD_VERDICT_PASS)
            fail_msg("seed %llu: fail at %u became pass", (unsigned long long)n, at);
        /* A greater burst may be held back a little longer by the limiter of bursts. */
        if (good.kind == HD_VERDICT_FAIL && !low && !any_sequential(&g) && !any_earlier(&g) &&
            (worse.kind != HD_VERDICT_FAIL || worse_at > at))
            fail_msg("seed %llu: fail at %u, worse %s at %u", (unsigned long long)n, at,
                     hd_verdict_word(worse.kind), worse_at);
    }
    assert_true(fails > GUARDS / 10 && passes > GUARDS / 40); /* the guards are of both kinds */
}

/* A poll that comes in two halves is one poll: what two bad polls do not trip, two halves more do not
 * either, and what is bad for long enough fails all the same. */
static void splitting_a_poll_flips_nothing(void **state)
{
    (void)state;
    static const struct {
        struct hd_rule rule;
        uint32_t bad; /* polls */
        uint8_t kind;
    } rows[] = {
        {{HD_RULE_CONSECUTIVE, 3, 0}, 2, HD_VERDICT_PASS}, {{HD_RULE_CONSECUTIVE, 3, 0}, 3, HD_VERDICT_FAIL},
        {{HD_RULE_K_OF_N, 3, 5}, 2, HD_VERDICT_PASS},      {{HD_RULE_K_OF_N, 3, 5}, 3, HD_VERDICT_FAIL},
        {{HD_RULE_TOTAL, 3, 0}, 2, HD_VERDICT_PASS},       {{HD_RULE_TOTAL, 3, 0}, 4, HD_VERDICT_FAIL},
        {{HD_RULE_CONSECUTIVE, 1, 0}, 0, HD_VERDICT_PASS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int parts = 1; parts <= 2; parts++) {
            struct guard g = {.policy = {.n_checks = 1}};
            struct hd_guard_state s;
            struct hd_verdict v = {.kind = HD_VERDICT_NONE};
            g.check[0] = (struct hd_check){.max = .05, .min = NAN, .warn = NAN, .worse_than_baseline = NAN,
                                           .min_of_baseline = NAN, .weight = 1, .min_samples = 100,
                                           .fail_after = rows[i].rule};
            g.policy.checks = g.check;
            g.policy.guard.duration_ms = 20 * POLL_MS;
            g.policy.guard.interval_ms = POLL_MS;
            g.policy.guard.fail_after = rows[i].rule;
            g.policy.guard.pass_score = NAN;
            engine_state_init(&g.policy, &s);
            for (uint32_t p = 1; p <= 20; p++) {
                for (int k = parts; k > 0; k--) {
                    struct hd_measurement m = {.role = HD_CANDIDATE, .fresh = true, .value = NAN,
                                               .exposure = 1000.0 / parts, .covers_ms = POLL_MS / parts,
                                               .events = p > 5 && p <= 5 + rows[i].bad ? 60.0 / parts : 0};
                    struct hd_evidence e = {.poll = p, .m = &m, .n = 1};
                    assert_int_equal(engine_step(&g.policy, &s, &e, (int64_t)p * POLL_MS - (k - 1) * 700, &s, &v,
                                                 NULL), HD_OK);
                }
            }
            if (v.kind != rows[i].kind)
                fail_msg("row %zu in %d parts: %s", i, parts, hd_verdict_word(v.kind));
        }
    }
}

/* 30 days of polls under limits: nothing drifts, no counter wraps, and at the end it still fails. */
static void a_month_of_polls_under_limits(void **state)
{
    (void)state;
    static struct guard g;
    struct hd_guard_state s;
    struct hd_verdict v = {.kind = HD_VERDICT_NONE};
    const uint32_t polls = 30u * 86400 / 5;
    g = (struct guard){.policy = {.checks = g.check, .n_checks = 1}};
    g.check[0] = (struct hd_check){.max = .05, .min = NAN, .warn = NAN, .worse_than_baseline = 1.5,
                                   .min_of_baseline = NAN, .weight = 1, .min_samples = 200,
                                   .fail_after = {HD_RULE_CONSECUTIVE, 3, 0}};
    g.policy.guard.duration_ms = (int64_t)(polls + 10) * POLL_MS;
    g.policy.guard.interval_ms = POLL_MS;
    g.policy.guard.blind_for_ms = 60000;
    g.policy.guard.pass_score = NAN;
    engine_state_init(&g.policy, &s);
    for (uint32_t p = 1; p <= polls + 3; p++) {
        struct hd_measurement m[HD_ROLES] = {
            {.role = HD_STABLE, .fresh = true, .value = NAN, .events = 1e9, .exposure = 1e12, .covers_ms = POLL_MS},
            {.role = HD_CANDIDATE, .fresh = true, .value = NAN, .events = p > polls ? 1e11 : p % 2 ? 1e9 : 1.01e9,
             .exposure = 1e12, .covers_ms = POLL_MS}};
        struct hd_evidence e = {.poll = p, .m = m, .n = 2};
        assert_int_equal(engine_step(&g.policy, &s, &e, (int64_t)p * POLL_MS, &s, &v, NULL), HD_OK);
        if (p <= polls && v.kind)
            fail_msg("poll %u: %s", p, hd_verdict_word(v.kind));
    }
    assert_int_equal(v.kind, HD_VERDICT_FAIL);
    assert_true(s.check[0].sum_exposure == 1e12 * (polls + 3) && s.check[0].judged == polls + 3);
}

static double odd(void)
{
    static const double odds[] = {0, -0.0, -1, 1, 0.5, 1e9, 1e300, -1e300, DBL_MAX, DBL_MIN,
        5e-324};
    uint32_t i = below(sizeof odds / sizeof *odds + 3);
    return i == 0 ? NAN : i == 1 ? INFINITY : i == 2 ? -INFINITY : odds[i - 3];
}

static int64_t odd_ms(void)
{
    static const int64_t odds[] = {0, -1, 1, 5000, INT64_MAX, INT64_MIN, INT64_MAX / 2};
    return odds[below(sizeof odds / sizeof *odds)];
}

/* Any numbers: no crash, no undefined behaviour, scores in range, reasons within the cap. */
static void odd_numbers_do_no_harm(void **state)
{
    (void)state;
    static struct guard g;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        random_guard(&g, n);
        for (int i = 0; i < CHECKS; i++) {
            struct hd_check *c = &g.check[i];
            double *limit[] = {&c->max, &c->min, &c->warn, &c->worse_than_baseline,
                               &c->min_of_baseline, &c->weight, &c->min_samples};
            for (size_t k = 0; k < sizeof limit / sizeof *limit; k++)
                *limit[k] = one_in(3) ? odd() : *limit[k];
            c->fail_after = (struct hd_rule){(int32_t)below(5) - 1, below(3) * 40, below(3) * 70};
        }
        struct hd_guard_state s;
        struct hd_verdict v;
        engine_state_init(&g.policy, &s);
        for (uint32_t p = 0; p < POLLS; p++) {
            struct hd_evidence *e = &g.evidence[p];
            e->scrape_ms = one_in(4) ? odd_ms() : e->scrape_ms;
            for (size_t i = 0; i < e->n; i++) {
                struct hd_measurement *m = &g.m[p][i];
                m->events = one_in(2) ? odd() : m->events;
                m->exposure = one_in(2) ? odd() : m->exposure;
                m->value = one_in(2) ? odd() : m->value;
                m->covers_ms = one_in(2) ? odd_ms() : m->covers_ms;
                m->outcome = one_in(9) ? (uint8_t)below(256) : m->outcome;
            }
            int64_t t_ms = one_in(30) ? odd_ms() : time_of(p);
            assert_int_equal(engine_step(&g.policy, &s, e, t_ms, &s, &v, NULL), HD_OK);
            assert_true(v.n <= HD_REASONS_MAX);
            assert_true(isnan(v.score) || (v.score >= 0 && v.score <= 100));
            struct engine_health sum = {.events = {0}};
            (void)engine_health(&g.policy, &s, HD_STABLE, e, &sum);
        }
    }
}

/* Evidence that is not usable never fails a guard: every number of the candidate is odd, and a
 * limit that anything would break is not broken by it. */
static void unusable_evidence_never_fails(void **state)
{
    (void)state;
    static const double unusable[] = {NAN, INFINITY, -INFINITY};
    static struct guard g;
    for (uint64_t n = 1; n <= GUARDS; n++) {
        random_guard(&g, n);
        for (uint32_t p = 0; p < POLLS; p++) {
            g.evidence[p].presence[HD_CANDIDATE].known = false;
            for (size_t i = 0; i < g.evidence[p].n; i++) {
                struct hd_measurement *m = &g.m[p][i];
                if (m->role != HD_CANDIDATE)
                    continue;
                m->fresh = true;
                m->outcome = (uint8_t)(one_in(2) ? HD_OUTCOME_OK : 5 + below(3));
                m->events = m->exposure = m->value = unusable[below(3)];
                if (one_in(3))
                    m->exposure = -1;
            }
        }
        for (int i = 0; i < CHECKS; i++)
            g.check[i].max = -1;
        uint32_t at;
        struct hd_verdict v = run(&g, &at);
        if (v.kind == HD_VERDICT_FAIL || v.kind == HD_VERDICT_PASS)
            fail_msg("seed %llu: %s", (unsigned long long)n, hd_verdict_word(v.kind));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I9_resumes_bit_for_bit),
        cmocka_unit_test(order_of_measurements_does_not_matter),
        cmocka_unit_test(I1_missing_polls_create_no_evidence),
        cmocka_unit_test(a_worse_candidate_never_passes_instead),
        cmocka_unit_test(splitting_a_poll_flips_nothing),
        cmocka_unit_test(a_month_of_polls_under_limits),
        cmocka_unit_test(odd_numbers_do_no_harm),
        cmocka_unit_test(unusable_evidence_never_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
