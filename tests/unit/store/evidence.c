/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence and bands come back bit for bit, in the order of the polls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

static uint64_t seed = 0x5eed;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static double draw_double(void)
{
    static const double odd[] = {0.0, -0.0, 1.0, -1.0, 0.5, 127, 128, 9007199254740992.0,
                                 9007199254740993.0, 9007199254740994.0, 1e300, 5e-324};
    double v;
    uint64_t bits = draw();
    switch (bits % 6) {
    case 0:
        return odd[draw() % (sizeof odd / sizeof *odd)];
    case 1:
        return (double)(draw() % 100000);
    case 2:
        return NAN;
    case 3:
        return draw() % 2 ? INFINITY : -INFINITY;
    default: /* any bits: NaNs with a payload too */
        memcpy(&v, &bits, sizeof v);
        return v;
    }
}

static struct hd_measurement draw_measurement(void)
{
    return (struct hd_measurement){
        .check = (uint8_t)draw(), .role = draw() % HD_ROLES, .outcome = (uint8_t)draw(),
        .reason = (uint16_t)draw(), .fresh = draw() % 2, .events = draw_double(),
        .exposure = draw_double(), .value = draw_double(),
        .age_ms = draw() % 3 ? (int64_t)(draw() % 10000) : (int64_t)draw(),
        .covers_ms = draw() % 3 ? 5000 : -1,
    };
}

static struct hd_presence draw_presence(void)
{
    struct hd_presence p = {.known = draw() % 2};
    if (p.known) {
        p.share_ppm = draw() % 2 ? UINT32_MAX : (uint32_t)(draw() % 1000001);
        p.ready = draw() % 2 ? UINT32_MAX : (uint32_t)draw();
        p.wanted = draw() % 2 ? UINT32_MAX : 0;
    }
    return p;
}

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static void same_measurement(const struct hd_measurement *a, const struct hd_measurement *b)
{
    assert_int_equal(a->check, b->check);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->fresh, b->fresh);
    assert_true(same_bits(a->events, b->events));
    assert_true(same_bits(a->exposure, b->exposure));
    assert_true(same_bits(a->value, b->value));
    assert_int_equal(a->age_ms, b->age_ms);
    assert_int_equal(a->covers_ms, b->covers_ms);
}

static void same_evidence(const struct store_evidence *a, const struct store_evidence *b)
{
    assert_int_equal(a->wall_ms, b->wall_ms);
    assert_int_equal(a->t_ms, b->t_ms);
    assert_int_equal(a->evidence.poll, b->evidence.poll);
    assert_int_equal(a->evidence.before, b->evidence.before);
    assert_int_equal(a->evidence.backfill, b->evidence.backfill);
    assert_int_equal(a->evidence.scrape_ms, b->evidence.scrape_ms);
    assert_memory_equal(a->evidence.presence, b->evidence.presence, sizeof a->evidence.presence);
    assert_int_equal(a->evidence.n, b->evidence.n);
    for (size_t i = 0; i < a->evidence.n; i++)
        same_measurement(&a->evidence.m[i], &b->evidence.m[i]);
    assert_int_equal(a->evidence.n_past, b->evidence.n_past);
    for (size_t i = 0; i < a->evidence.n_past; i++) {
        const struct hd_past *x = &a->evidence.past[i], *y = &b->evidence.past[i];
        assert_int_equal(x->check, y->check);
        assert_int_equal(x->step_ms, y->step_ms);
        assert_memory_equal(&x->rho, &y->rho, sizeof *x - offsetof(struct hd_past, rho));
    }
}

static struct hd_past draw_past(void)
{
    struct hd_past past = {.check = (uint8_t)draw(), .step_ms = (int64_t)draw()};
    double *at[] = {&past.rho, &past.between, &past.events, &past.exposure, &past.limit,
                    &past.bad[0], &past.bad[1], &past.polls[0], &past.polls[1]};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        *at[i] = draw_double();
    return past;
}

#define POLLS 200

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct store_evidence want[POLLS] = {0}, *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    for (uint32_t i = 0; i < POLLS; i++) {
        size_t most = i == 0 ? 0 : i == 1 ? (size_t)HD_CHECKS_MAX * HD_ROLES : draw() % 20;
        struct hd_measurement *m = arena_many(f->arena, most, struct hd_measurement);
        for (size_t k = 0; k < most; k++)
            m[k] = draw_measurement();
        want[i].wall_ms = (int64_t)draw();
        want[i].t_ms = (int64_t)(draw() >> 2);
        want[i].evidence = (struct hd_evidence){.poll = i + 1, .backfill = draw() % 2,
                                                .scrape_ms = (int64_t)draw(), .m = m, .n = most};
        size_t pasts = i % 3 ? 0 : i == 3 ? HD_CHECKS_MAX : draw() % 4;
        struct hd_past *past = arena_many(f->arena, pasts, struct hd_past);
        for (size_t k = 0; k < pasts; k++)
            past[k] = draw_past();
        want[i].evidence.past = past;
        want[i].evidence.n_past = pasts;
        /* member for member, so that padding compares equal */
        memset(want[i].evidence.presence, 0, sizeof want[i].evidence.presence);
        for (int role = 0; role < HD_ROLES; role++) {
            struct hd_presence p = draw_presence();
            want[i].evidence.presence[role].known = p.known;
            want[i].evidence.presence[role].share_ppm = p.share_ppm;
            want[i].evidence.presence[role].ready = p.ready;
            want[i].evidence.presence[role].wanted = p.wanted;
        }
        OK(f, store_put_evidence(f->s, fixture_id(1), &want[i], &f->err));
    }
    fixture_commit(f);
    OK(f, store_evidence(f->s, f->arena, fixture_id(1), &got, &n, &f->err));
    assert_int_equal(n, POLLS);
    for (size_t i = 0; i < n; i++)
        same_evidence(&got[i], &want[i]);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t poll;
        bool before;
    } put[] = {{1, false}, {3, true}, {2, false}, {1, true}, {2, true}, {3, false}},
      *want = put; /* a replay must step as the daemon did, late bins included */
    struct store_evidence *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_add_guard(f, 2);
    for (size_t i = 0; i < 6; i++) {
        struct store_evidence e = fixture_evidence(f->arena, put[i].poll, 2);
        e.evidence.before = put[i].before;
        OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    }
    fixture_commit(f);
    OK(f, store_evidence(f->s, f->arena, fixture_id(1), &got, &n, &f->err));
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].evidence.poll, want[i].poll);
        assert_int_equal(got[i].evidence.before, want[i].before);
    }
    OK(f, store_evidence(f->s, f->arena, fixture_id(2), &got, &n, &f->err));
    assert_int_equal(n, 0);
}

/* Poll k comes at second k; three bins from before the switch, put late, at 0.001 to 0.003 s. */
static void add_long(struct fixture *f, uint32_t polls)
{
    fixture_begin(f);
    fixture_add_guard(f, 1);
    for (uint32_t i = 1; i <= polls; i++) {
        struct store_evidence e = fixture_evidence(f->arena, i, 2);
        OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    }
    for (uint32_t i = 3; i > 0; i--) {
        struct store_evidence e = fixture_evidence(f->arena, i, 2);
        e.evidence.before = true;
        e.wall_ms = i;
        OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    }
    fixture_commit(f);
}

static void test_I8_spread(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        int64_t until_ms;
        size_t most, polls, every, n; /* n: of polls */
        uint32_t first, last;
    } row[] = {
        {"the cap", INT64_MAX, 100, 100, 1, 100, 1, 100},
        {"one past it", INT64_MAX, 99, 100, 2, 50 + 4, 2, 100},
        {"a tenth", INT64_MAX, 10, 100, 10, 10 + 7, 10, 100},
        {"up to a poll", 50000, 100, 50, 1, 50, 1, 50},
        {"between two", 50999, 100, 50, 1, 50, 1, 50},
        {"a fifth of half", 50000, 10, 50, 5, 10 + 6, 5, 50},
        {"before the first", 999, 10, 0, 1, 0, 0, 0},
        {"behind the last", 1 << 30, 100, 100, 1, 100, 1, 100},
    };
    add_long(f, 100);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_evidence_spread got;
        OK(f, store_evidence_spread(f->s, f->arena, fixture_id(1), row[i].until_ms, row[i].most, &got, &f->err));
        if (got.polls != row[i].polls || got.every != row[i].every || got.n != row[i].n + 3)
            fail_msg("%s: %zu polls, every %zu, %zu rows", row[i].name, got.polls, got.every, got.n);
        for (size_t k = 1; k < got.n; k++)
            assert_true(got.list[k].wall_ms > got.list[k - 1].wall_ms);
        assert_true(got.list[2].evidence.before);
        if (row[i].n && (got.list[3].evidence.poll != row[i].first || got.list[got.n - 1].evidence.poll != row[i].last))
            fail_msg("%s: polls %u to %u", row[i].name, got.list[3].evidence.poll, got.list[got.n - 1].evidence.poll);
    }
}

static void test_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct store_evidence *all = NULL;
    struct store_evidence_page page = {.more = true};
    size_t n = 0, at = 0, pages = 0;
    add_long(f, 17);
    OK(f, store_evidence(f->s, f->arena, fixture_id(1), &all, &n, &f->err));
    for (; page.more; pages++) {
        OK(f, store_evidence_after(f->s, f->arena, fixture_id(1), page.last, 10, &page, &f->err));
        for (size_t i = 0; i < page.n; i++)
            same_evidence(&page.list[i], &all[at++]);
    }
    assert_int_equal(at, n);
    assert_int_equal(pages, 2); /* the second one ends exactly */
    OK(f, store_evidence_after(f->s, f->arena, fixture_id(1), page.last, 10, &page, &f->err));
    assert_true(page.n == 0 && !page.more);
    assert_int_equal(store_evidence_after(f->s, f->arena, fixture_id(2), 0, 10, &page, &f->err), HD_ABSENT);
}

/* Polls of aftercare are numbered by themselves, also when their number is one that was judged, and are no part of
 * what is judged again. */
static void test_care(void **state)
{
    struct fixture *f = *state;
    struct store_evidence *judged, *care = NULL;
    struct store_evidence_page page;
    struct store_evidence_spread spread;
    size_t n = 0;
    add_long(f, 17);
    OK(f, store_evidence(f->s, f->arena, fixture_id(1), &judged, &n, &f->err));
    const size_t before = n;
    fixture_begin(f);
    for (uint32_t i = 0; i < 5; i++) {
        struct store_evidence e = fixture_evidence(f->arena, 3 + i / 2, 2);
        e.care = true;
        e.wall_ms = 1000000 + i;
        OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    }
    fixture_commit(f);
    OK(f, store_evidence(f->s, f->arena, fixture_id(1), &judged, &n, &f->err));
    assert_int_equal(n, before);
    OK(f, store_evidence_spread(f->s, f->arena, fixture_id(1), INT64_MAX, 100, &spread, &f->err));
    assert_true(spread.n == before && spread.polls == 17);
    OK(f, store_evidence_after(f->s, f->arena, fixture_id(1), 0, 100, &page, &f->err));
    assert_true(page.n == before + 5 && !page.list[before - 1].care && page.list[before].care);
    static const struct {
        int64_t until_ms;
        size_t most, n;
    } rows[] = {{INT64_MAX, 100, 5}, {1000002, 100, 3}, {INT64_MAX, 2, 2}, {999999, 100, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        OK(f, store_evidence_care(f->s, f->arena, fixture_id(1), rows[i].until_ms, rows[i].most, &care, &n, &f->err));
        assert_int_equal(n, rows[i].n);
        for (size_t k = 0; k < n; k++)
            assert_true(care[k].care && care[k].evidence.poll == k + 1 && care[k].wall_ms == 1000000 + (int64_t)k);
    }
    assert_int_equal(store_evidence_care(f->s, f->arena, fixture_id(2), 0, 1, &care, &n, &f->err), HD_ABSENT);
}

static void test_size(void **state)
{
    struct fixture *f = *state;
    struct store_evidence_size size;
    struct store_evidence e = fixture_evidence(f->arena, 1, 2);
    BUF_AUTO one = BUF_INIT(1000);
    store_evidence_pack(&e.evidence, &one);
    add_long(f, 17);
    OK(f, store_evidence_size(f->s, fixture_id(1), 100, &size, &f->err));
    assert_int_equal(size.rows, 20);
    assert_in_range(size.bytes, 20 * one.len - 20, 20 * one.len + 20);
    OK(f, store_evidence_size(f->s, fixture_id(1), 5, &size, &f->err));
    assert_int_equal(size.rows, 5);
    assert_int_equal(store_evidence_size(f->s, fixture_id(2), 5, &size, &f->err), HD_ABSENT);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct store_evidence e = fixture_evidence(f->arena, 1, (size_t)HD_CHECKS_MAX * HD_ROLES + 1),
                          *got;
    size_t n;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    assert_int_equal(store_put_evidence(f->s, fixture_id(1), &e, &f->err), HD_LIMIT);
    e.evidence.n--;
    e.evidence.n_past = HD_CHECKS_MAX + 1;
    assert_int_equal(store_put_evidence(f->s, fixture_id(1), &e, &f->err), HD_LIMIT);
    e.evidence.n_past = 0;
    assert_int_equal(store_put_evidence(f->s, fixture_id(2), &e, &f->err), HD_ABSENT);
    OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    assert_int_equal(store_put_evidence(f->s, fixture_id(1), &e, &f->err), HD_CONFLICT);
    store_rollback(f->s);
    assert_int_equal(store_evidence(f->s, f->arena, fixture_id(1), &got, &n, &f->err), HD_ABSENT);
}

/* The usual poll: counts and a gauge of three checks for both sides. */
static void test_compact(void **state)
{
    struct fixture *f = *state;
    struct store_size before, after;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    OK(f, store_measure(f->s, &before, &f->err));
    fixture_begin(f);
    for (uint32_t poll = 1; poll <= 1000; poll++) {
        struct store_evidence e = fixture_evidence(f->arena, poll, 6);
        struct hd_measurement *m = arena_copy(f->arena, e.evidence.m, 6 * sizeof *m);
        for (size_t i = 0; i < 6; i++) {
            m[i].events = i < 4 ? poll % 7 : 0;
            m[i].exposure = i < 4 ? 1000 + poll : 0;
            m[i].value = i < 4 ? NAN : 0.1 * poll;
        }
        e.evidence.m = m;
        OK(f, store_put_evidence(f->s, fixture_id(1), &e, &f->err));
    }
    fixture_commit(f);
    OK(f, store_measure(f->s, &after, &f->err));
    /* Two of six are raw doubles; row, index and page overhead included. */
    int64_t pages = after.bytes - before.bytes;
    print_message("# %lld bytes a poll, in the file and in the log\n", (long long)pages / 1000);
    assert_in_range(pages, 1, 1000 * 2 * 160);
    assert_int_equal(after.evidence_rows, 1000);
}

static void test_bands(void **state)
{
    struct fixture *f = *state;
    const struct store_band put[] = {
        {.wall_ms = 5,
         .check = 3,
         .band = HD_BAND_FAIL,
         .value = 0.048,
         .stable = NAN,
         .limit = 0.01,
         .n = 1200},
        {.wall_ms = 4,
         .check = 0,
         .band = HD_BAND_PASS,
         .value = -0.5,
         .stable = 1,
         .limit = NAN,
         .n = NAN},
    };
    struct store_band *got = NULL;
    size_t n = 0;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    for (size_t i = 0; i < 2; i++)
        OK(f, store_put_band(f->s, fixture_id(1), &put[i], &f->err));
    assert_int_equal(store_put_band(f->s, fixture_id(2), &put[0], &f->err), HD_ABSENT);
    fixture_commit(f);
    OK(f, store_bands(f->s, f->arena, fixture_id(1), &got, &n, &f->err));
    assert_int_equal(n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got[i].wall_ms, put[i].wall_ms);
        assert_int_equal(got[i].check, put[i].check);
        assert_int_equal(got[i].band, put[i].band);
        assert_true(same_bits(got[i].value, put[i].value));
        assert_true(same_bits(got[i].stable, put[i].stable));
        assert_true(same_bits(got[i].limit, put[i].limit));
        assert_true(same_bits(got[i].n, put[i].n));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_round_trip), T(test_order), T(test_I8_spread),
                                       T(test_page_by_page), T(test_care), T(test_size), T(test_refused),
                                       T(test_compact), T(test_bands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
