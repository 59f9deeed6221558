/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of the engine state: bit for bit, and nothing but whole texts of a known version.
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

static uint8_t draw_u8(void) { return (uint8_t)draw(); }
static uint32_t draw_u32(void)
{
    return draw() % 3 ? (uint32_t)draw() : draw() % 2 ? UINT32_MAX : 0;
}
static uint64_t draw_u64(void) { return draw() % 3 ? draw() : draw() % 2 ? UINT64_MAX : 0; }

static int64_t draw_i64(void)
{
    static const int64_t edge[] = {INT64_MIN, INT64_MAX, -1, 0, 1};
    return draw() % 3 ? (int64_t)draw() : edge[draw() % 5];
}

static double draw_f64(void)
{
    static const double edge[] = {0.0, -0.0, 0.1, 1e300, 5e-324, -2.2250738585072014e-308};
    double v;
    uint64_t bits = draw();
    switch (bits % 8) {
    case 0:
        return NAN;
    case 1:
        return -INFINITY;
    case 2:
        return INFINITY;
    case 3:
        return edge[draw() % 6];
    case 4:
        bits |= 0x7ff0000000000001u; /* a NaN with a payload and perhaps a sign */
        break;
    default:
        break;
    }
    memcpy(&v, &bits, sizeof v);
    return v;
}

static struct hd_guard_state draw_state(void)
{
    struct hd_guard_state s;
    memset(&s, 0, sizeof s);
#define X(type, name) s.name = draw_##type();
    ENGINE_GUARD_STATE(X)
#undef X
    s.n_checks = (uint32_t)(draw() % (HD_CHECKS_MAX + 1));
    for (uint32_t i = 0; i < s.n_checks; i++) {
#define X(type, name) s.check[i].name = draw_##type();
        ENGINE_CHECK_STATE(X)
#undef X
        for (size_t k = 0; k < ENGINE_WORDS; k++)
            s.check[i].words[k] = draw_f64();
    }
    for (size_t k = 0; k < ENGINE_WORDS; k++)
        s.words[k] = draw_f64();
    return s;
}

#define SAME(field)                                                                                \
    if (memcmp(&a->field, &b->field, sizeof a->field) != 0)                                        \
        fail_msg("seed round %d: " #field, round)

static void same_state(int round, const struct hd_guard_state *a, const struct hd_guard_state *b)
{
#define X(type, name) SAME(name);
    ENGINE_GUARD_STATE(X)
#undef X
    SAME(words);
    SAME(n_checks);
    for (uint32_t i = 0; i < a->n_checks; i++) {
#define X(type, name) SAME(check[i].name);
        ENGINE_CHECK_STATE(X)
#undef X
        SAME(check[i].words);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    size_t longest = 0;
    for (int round = 0; round < 300; round++) {
        struct hd_guard_state put = draw_state(), got;
        struct hd_error err = {0};
        BUF_AUTO text = BUF_INIT(HD_BLOB_BYTES_MAX);
        store_state_save(&put, &text);
        assert_false(text.full);
        longest = text.len > longest ? text.len : longest;
        if (store_state_load(buf_span(&text), &got, &err))
            fail_msg("round %d: %s", round, err.text);
        same_state(round, &put, &got);
    }
    print_message("# the longest text: %zu bytes\n", longest);
}

/* What is written by hand is what printf writes: an older haldane, and eyes, read it. */
static void test_as_printf(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct hd_guard_state s = {.t_ms = 0};
        char want[64] = "";
        double v = draw_f64();
        s.t_ms = draw_i64();
        s.words[7] = v;
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        BUF_AUTO wanted = BUF_INIT(4096);
        BUF_AUTO text = BUF_INIT(4096);
        if (isnan(v))
            (void)snprintf(want, sizeof want, " 7=nan:%llx", (unsigned long long)bits);
        else if (bits)
            (void)snprintf(want, sizeof want, " 7=%a", v);
        buf_text(&wanted, "haldane-state 1\nguard");
        if (s.t_ms)
            buf_print(&wanted, " t_ms=%lld", (long long)s.t_ms);
        buf_print(&wanted, "\nwords%s\nend\n", want);
        store_state_save(&s, &text);
        assert_string_equal(buf_at(&text), buf_at(&wanted));
    }
}

/* Every text that is cut anywhere is refused. */
static void test_cut(void **state)
{
    (void)state;
    struct hd_guard_state put = draw_state(), got = {.polls = 77};
    put.n_checks = 1;
    BUF_AUTO text = BUF_INIT(HD_BLOB_BYTES_MAX);
    store_state_save(&put, &text);
    for (size_t len = 0; len < text.len; len++) {
        char *cut = malloc(len + 1); /* of the exact size: reading past it is found */
        assert_non_null(cut);
        memcpy(cut, text.at, len);
        if (store_state_load((struct hd_span){cut, len}, &got, NULL) != HD_PARSE)
            fail_msg("cut at %zu of %zu", len, text.len);
        free(cut);
    }
    assert_int_equal(got.polls, 77); /* written only on success */
}

#define G "haldane-state 1\nguard"
static void test_load(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        enum hd_code want;
    } row[] = {
        {"nothing yet", G "\nwords\nend\n", HD_OK},
        {"a field", G " polls=3\nwords 0=0x1p+0\nend\n", HD_OK},
        {"a check", G "\nwords\ncheck 0 judged=1\nwords\nend\n", HD_OK},
        {"another format", "{}", HD_PARSE},
        {"a newer version", "haldane-state 2\nguard\nwords\nend\n", HD_VERSION},
        {"a field of a newer version", G " colour=1\nwords\nend\n", HD_VERSION},
        {"a word too many", G "\nwords 48=0x1p+0\nend\n", HD_VERSION},
        {"no value", G " polls\nwords\nend\n", HD_PARSE},
        {"an empty value", G " polls=\nwords\nend\n", HD_PARSE},
        {"not a number", G " polls=x\nwords\nend\n", HD_PARSE},
        {"a number and more", G " polls=3x\nwords\nend\n", HD_PARSE},
        {"too big for 32 bits", G " polls=4294967296\nwords\nend\n", HD_PARSE},
        {"too big for 8 bits", G " kind=256\nwords\nend\n", HD_PARSE},
        {"too big for 64 bits", G " t_ms=9223372036854775808\nwords\nend\n", HD_PARSE},
        {"negative", G " polls=-1\nwords\nend\n", HD_PARSE},
        {"not a double", G " score=1,5\nwords\nend\n", HD_PARSE},
        {"a NaN that is none", G " score=nan:3ff0000000000000\nwords\nend\n", HD_PARSE},
        {"no words", G "\nend\n", HD_PARSE},
        {"the wrong check", G "\nwords\ncheck 1\nwords\nend\n", HD_PARSE},
        {"a check twice", G "\nwords\ncheck 0\nwords\ncheck 0\nwords\nend\n", HD_PARSE},
        {"more after the end", G "\nwords\nend\nx", HD_PARSE},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct hd_guard_state got;
        struct hd_error err = {0};
        struct hd_span text = {row[i].text, strlen(row[i].text)};
        enum hd_code code = store_state_load(text, &got, &err);
        if (code != row[i].want)
            fail_msg("%s: %s (%s)", row[i].name, hd_code_word(code), err.text);
    }
}

/* I8: 32 checks, and one more. */
static void test_I8_checks(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct hd_guard_state got;
    buf_text(&text, G "\nwords\n");
    for (unsigned i = 0; i < HD_CHECKS_MAX; i++)
        buf_print(&text, "check %u\nwords\n", i);
    size_t len = text.len;
    buf_text(&text, "end\n");
    assert_int_equal(store_state_load(buf_span(&text), &got, NULL), HD_OK);
    assert_int_equal(got.n_checks, HD_CHECKS_MAX);
    text.len = len;
    buf_print(&text, "check %u\nwords\nend\n", HD_CHECKS_MAX);
    assert_int_equal(store_state_load(buf_span(&text), &got, NULL), HD_PARSE);
}

/* I9: a restart after every poll, through the stored text, spends no second error budget: the
 * evidence is the same to the last bit. */
static void test_I9_sequential(void **state)
{
    (void)state;
    struct hd_check check = {.max = NAN, .min = NAN, .warn = NAN, .worse_than_baseline = NAN,
                             .min_of_baseline = NAN, .tolerance = 1.15, .tolerance_abs = NAN,
                             .weight = 1, .fail_after = {HD_RULE_SEQUENTIAL, 3, 0}};
    struct hd_policy policy = {.checks = &check, .n_checks = 1,
                               .guard = {.duration_ms = 3600000, .interval_ms = 5000,
                                         .blind_for_ms = 60000, .pass_score = NAN,
                                         .false_rollbacks = 0.01, .ignore_blips_ms = 20000}};
    struct hd_guard_state whole, resumed;
    engine_state_init(&policy, &whole);
    resumed = whole;
    for (uint32_t poll = 1; poll <= 200; poll++) {
        struct hd_measurement m[HD_ROLES];
        struct hd_evidence e = {.poll = poll, .m = m, .n = HD_ROLES};
        struct hd_verdict verdict;
        struct hd_error err;
        for (uint8_t r = 0; r < HD_ROLES; r++)
            m[r] = (struct hd_measurement){.role = r, .fresh = true, .value = NAN,
                                           .events = (double)(draw() % (poll > 180 ? 300 : 8)),
                                           .exposure = 500 + (double)(draw() % 100)};
        assert_int_equal(engine_step(&policy, &whole, &e, poll * 5000, &whole, &verdict, &err), 0);
        BUF_AUTO text = BUF_INIT(HD_BLOB_BYTES_MAX);
        store_state_save(&resumed, &text);
        assert_int_equal(store_state_load(buf_span(&text), &resumed, &err), HD_OK);
        assert_int_equal(engine_step(&policy, &resumed, &e, poll * 5000, &resumed, &verdict, &err), 0);
        assert_memory_equal(whole.words, resumed.words, sizeof whole.words);
        assert_memory_equal(whole.check[0].words, resumed.check[0].words, sizeof whole.words);
        assert_int_equal(whole.kind, resumed.kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_as_printf),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_I8_checks),
        cmocka_unit_test(test_I9_sequential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
