/* SPDX-License-Identifier: Apache-2.0
 *
 * Guards: every field comes back, what is set once stays, lists filter and page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../support/store_fixture.h"
#include "store/sql.h"

#define TEXTS(X)                                                                                   \
    X(service) X(trigger) X(stable) X(candidate) X(stable_version) X(candidate_version)            \
    X(value_before) X(value_after) X(headline) X(why) X(reasons) X(native) X(rehearsal) X(change)  \
    X(group) X(config_hash) X(checks) X(resume)
#define NUMBERS(X)                                                                                 \
    X(state) X(mode) X(verdict) X(cause) X(needs_human) X(analysis) X(switch_from_ms)              \
    X(switch_to_ms) X(started_ms) X(until_ms) X(ended_ms) X(decided_ms) X(sent_ms) X(accepted_ms)  \
    X(verified_ms) X(recovered_ms) X(bad_since_ms)

static void same_text(const char *name, const char *a, const char *b)
{
    if (!a != !b || (a && strcmp(a, b) != 0))
        fail_msg("%s: %s, not %s", name, a ? a : "NULL", b ? b : "NULL");
}

static void same_guard(const struct store_guard *a, const struct store_guard *b)
{
#define X(field) same_text(#field, a->field, b->field);
    TEXTS(X)
#undef X
#define X(field)                                                                                   \
    if (a->field != b->field)                                                                      \
        fail_msg("%s: %lld, not %lld", #field, (long long)a->field, (long long)b->field);
    NUMBERS(X)
#undef X
    assert_string_equal(a->id, b->id);
    if (isnan(b->score) ? !isnan(a->score) : a->score != b->score)
        fail_msg("score");
}

static struct store_guard load(struct fixture *f, const char *id)
{
    struct store_guard g;
    OK(f, store_guard(f->s, f->arena, id, &g, &f->err));
    return g;
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct hd_guard_state engine = {.polls = 7, .n_checks = 1, .check[0].value = 0.1};
    struct store_guard g = fixture_guard(1);
    g.engine = &engine;
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    fixture_commit(f);
    struct store_guard got = load(f, g.id);
    same_guard(&got, &g);
    assert_int_equal(got.version, 1);
    assert_string_equal(got.pin, "the pin");
    assert_int_equal(got.counts.len, g.counts.len);
    assert_memory_equal(got.counts.at, g.counts.at, g.counts.len);
    assert_non_null(got.engine);
    assert_int_equal(got.engine->polls, 7);
    assert_true(got.engine->check[0].value == 0.1);
    assert_int_equal(store_guard(f->s, f->arena, fixture_id(2), &got, &f->err), HD_ABSENT);
    assert_non_null(strstr(f->err.text, fixture_id(2)));
}

static void test_put(void **state)
{
    struct fixture *f = *state;
    struct store_guard g = fixture_guard(1);
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    g.state = HD_STATE_DECIDING;
    g.score = NAN;
    g.needs_human = true;
    g.native = NULL;
    g.group = "train";
    g.why = "too many errors";
    g.pin = "another pin";
    g.checks = "[2]";
    g.resume = "{\"r\":2}";
    OK(f, store_put_guard(f->s, &g, &f->err));
    fixture_commit(f);
    struct store_guard got = load(f, g.id);
    assert_string_equal(got.pin, "the pin");
    assert_string_equal(got.checks, "[1]");
    assert_int_equal(got.version, 2);
    g.checks = "[1]";
    same_guard(&got, &g);
    struct store_guard none = fixture_guard(9);
    fixture_begin(f);
    assert_int_equal(store_put_guard(f->s, &none, &f->err), HD_ABSENT);
    store_rollback(f->s);
}

/* A finished guard keeps the engine's last state for the page, and nothing to go on with. */
static void test_finished(void **state)
{
    struct fixture *f = *state;
    struct hd_guard_state engine = {.polls = 7};
    struct store_guard g = fixture_guard(1);
    g.engine = &engine;
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    g.state = HD_STATE_REVERTED;
    g.engine = NULL;
    OK(f, store_put_guard(f->s, &g, &f->err));
    fixture_commit(f);
    struct store_guard got = load(f, g.id);
    assert_null(got.resume);
    assert_null(got.counts.at);
    assert_non_null(got.engine);
    assert_int_equal(got.engine->polls, 7);
}

static void test_same_id_twice(void **state)
{
    struct fixture *f = *state;
    struct store_guard g = fixture_guard(1);
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    assert_int_equal(store_add_guard(f->s, &g, &f->err), HD_CONFLICT);
    assert_int_equal(store_commit(f->s, &f->err), HD_CONFLICT);
    assert_int_equal(store_guard(f->s, f->arena, g.id, &g, &f->err), HD_ABSENT);
}

/* 40 guards: even ones of shop, odd ones of api; live below 6; every tenth needs a human; 38 is an
 * analysis. */
static void add_forty(struct fixture *f)
{
    fixture_begin(f);
    for (unsigned i = 0; i < 40; i++) {
        struct store_guard g = fixture_guard(i);
        g.service = i % 2 ? "api" : "shop";
        g.state = i < 6 ? HD_STATE_WATCHING : HD_STATE_PASSED;
        g.verdict = i < 6 ? HD_VERDICT_NONE : i % 3 ? HD_VERDICT_PASS : HD_VERDICT_FAIL;
        g.needs_human = i % 10 == 0;
        g.analysis = i == 38;
        g.group = i % 7 == 0 ? "train" : i == 1 ? "tram" : NULL;
        OK(f, store_add_guard(f->s, &g, &f->err));
    }
    fixture_commit(f);
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        struct store_filter filter;
        size_t want;
        unsigned first; /* number of the newest */
    } row[] = {
        {"all", {.analyses = STORE_GUARDS_AND_ANALYSES, .verdict = -1}, 40, 39},
        {"guards", {.verdict = -1}, 39, 39},
        {"analyses", {.analyses = STORE_ANALYSES, .verdict = -1}, 1, 38},
        {"limit", {.verdict = -1, .limit = 3}, 3, 39},
        {"one service", {.service = "shop", .verdict = -1}, 19, 36},
        {"a group", {.group = "train", .verdict = -1}, 6, 35},
        {"a group, of one", {.group = "train", .service = "api", .verdict = -1}, 3, 35},
        {"no such group", {.group = "trai", .verdict = -1}, 0, 0},
        {"another", {.service = "nobody", .verdict = -1}, 0, 0},
        {"live", {.live = true, .verdict = -1}, 6, 5},
        {"live of one", {.live = true, .service = "shop", .verdict = -1}, 3, 4},
        {"needs a human", {.needs_human = true, .verdict = -1}, 4, 30},
        {"live, needs a human", {.live = true, .needs_human = true, .verdict = -1}, 1, 0},
        {"verdict", {.verdict = HD_VERDICT_FAIL}, 12, 39},
        {"verdict none", {.verdict = HD_VERDICT_NONE}, 6, 5},
        {"since", {.verdict = -1, .since_ms = 3030}, 9, 39},
        {"since, of one", {.service = "shop", .verdict = -1, .since_ms = 3030}, 4, 36},
        {"since later than all", {.verdict = -1, .since_ms = 999999}, 0, 0},
        {"until", {.verdict = -1, .until_ms = 3010}, 10, 9},
        {"state", {.verdict = -1, .states = 1u << HD_STATE_WATCHING}, 6, 5},
        {"one of two states",
         {.verdict = -1, .states = 1u << HD_STATE_WATCHING | 1u << HD_STATE_PASSED},
         39,
         39},
    };
    add_forty(f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_guard *got = NULL;
        size_t n = 0;
        OK(f, store_guards(f->s, f->arena, &row[i].filter, &got, &n, &f->err));
        if (n != row[i].want || (n && strcmp(got[0].id, fixture_id(row[i].first)) != 0))
            fail_msg("%s: %zu rows, first %s", row[i].name, n, n ? got[0].id : "-");
    }
}

static void test_list_leaves_out(void **state)
{
    struct fixture *f = *state;
    struct hd_guard_state engine = {0};
    struct store_guard g = fixture_guard(1), *got = NULL;
    size_t n = 0;
    g.engine = &engine;
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    fixture_commit(f);
    OK(f, store_guards(f->s, f->arena, &(struct store_filter){.verdict = -1}, &got, &n, &f->err));
    assert_int_equal(n, 1);
    same_guard(&got[0], &g);
    assert_true(!got[0].pin && !got[0].counts.at && !got[0].engine);
}

/* What a human says of a verdict is kept beside it, the last word counts, and whoever holds the
 * row's version sees that it is another. */
static void test_mark(void **state)
{
    struct fixture *f = *state;
    struct store_guard got, *list;
    size_t n;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    assert_int_equal(store_mark_guard(f->s, fixture_id(2), true, "", NULL, 5, &f->err), HD_ABSENT);
    fixture_commit(f);
    OK(f, store_guard(f->s, f->arena, fixture_id(1), &got, &f->err));
    assert_true(got.marked_ms == -1 && !got.was_good && !got.mark_reason);
    int64_t version = got.version;
    fixture_begin(f);
    OK(f, store_mark_guard(f->s, fixture_id(1), true, "the probe was wrong", "anna", 5, &f->err));
    OK(f, store_mark_guard(f->s, fixture_id(1), false, "no, it was right", "bob", 7, &f->err));
    OK(f, store_mark_guard(f->s, fixture_id(1), true, "yes it was", NULL, 9, &f->err));
    fixture_commit(f);
    OK(f, store_guards(f->s, f->arena, &(struct store_filter){.verdict = -1}, &list, &n, &f->err));
    assert_true(n == 1 && list[0].was_good && list[0].marked_ms == 9 && !list[0].mark_actor);
    assert_string_equal(list[0].mark_reason, "yes it was");
    assert_int_equal(list[0].version, version + 3);
}

/* Which words fit which verdict; a word that fits says the same of the release when it is read back. */
static void test_mark_words(void **state)
{
    static const char *const words[] = {"right", "false_alarm", "missed", "odd", ""};
    static const struct {
        int32_t verdict;
        const char *good, *bad, *both; /* how a good release is marked, a bad one */
    } rows[] = {
        {HD_VERDICT_FAIL, "false_alarm", "right", "right or false_alarm"},
        {HD_VERDICT_PASS, "right", "missed", "right or missed"},
        {HD_VERDICT_INCONCLUSIVE, "false_alarm", "missed", "false_alarm or missed"},
        {HD_VERDICT_NONE, "false_alarm", "missed", "false_alarm or missed"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(store_mark_words(f->arena, rows[i].verdict), rows[i].both);
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            struct store_guard g = {.verdict = rows[i].verdict, .marked_ms = -1};
            bool fits = str_is(words[k], rows[i].good) || str_is(words[k], rows[i].bad);
            const char *said = store_mark_read(words[k], g.verdict, &g.was_good), *again = NULL;
            assert_int_equal(said != NULL, fits);
            assert_null(store_mark_word(&g, NULL));
            if (!fits)
                continue;
            assert_int_equal(g.was_good, str_is(words[k], rows[i].good));
            g.marked_ms = 1;
            assert_string_equal(store_mark_word(&g, &again), words[k]);
            assert_string_equal(again, said);
        }
    }
    assert_null(store_mark_read(NULL, HD_VERDICT_FAIL, &(bool){false}));
}

/* Every switch onto green, and what became of it. */
static void test_switches_onto(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int state, verdict, mark; /* -1: none; else a false alarm or not */
        bool analysis, came, rolled_back;
        bool listed, rejected;
    } rows[] = {
        {HD_STATE_PASSED, HD_VERDICT_PASS, -1, false, true, false, true, false},
        {HD_STATE_REVERTED, HD_VERDICT_FAIL, -1, false, true, false, true, true},
        {HD_STATE_ADVISED, HD_VERDICT_FAIL, -1, false, true, false, true, true},
        {HD_STATE_REVERTED, HD_VERDICT_INCONCLUSIVE, -1, false, true, false, true, true},
        {HD_STATE_INCONCLUSIVE, HD_VERDICT_INCONCLUSIVE, -1, false, true, false, true, false},
        {HD_STATE_SUPERSEDED, HD_VERDICT_INCONCLUSIVE, -1, false, true, false, true, false},
        {HD_STATE_SUPERSEDED, HD_VERDICT_INCONCLUSIVE, -1, false, true, true, true, true},
        {HD_STATE_SUPERSEDED, HD_VERDICT_FAIL, -1, false, true, false, true, true},
        {HD_STATE_REVERTED, HD_VERDICT_FAIL, 1, false, true, false, true, false},
        {HD_STATE_SUPERSEDED, HD_VERDICT_INCONCLUSIVE, 1, false, true, true, true, false},
        {HD_STATE_PASSED, HD_VERDICT_PASS, 0, false, true, false, true, true},
        {HD_STATE_ADVISED, HD_VERDICT_FAIL, -1, true, true, false, false, false},
        {HD_STATE_INCONCLUSIVE, HD_VERDICT_INCONCLUSIVE, -1, false, false, false, false, false},
        {HD_STATE_WATCHING, HD_VERDICT_NONE, -1, false, true, false, true, false},
    };
    enum { N = sizeof rows / sizeof *rows };
    struct store_switch *got = NULL;
    size_t n = 0, at = 0;
    fixture_begin(f);
    for (unsigned i = 0; i < N; i++) {
        struct store_guard g = fixture_guard(i + 1);
        int64_t seq;
        g.state = rows[i].state;
        g.verdict = rows[i].verdict;
        g.analysis = rows[i].analysis;
        g.value_after = rows[i].came ? "a=0" : NULL;
        g.ended_ms = 5000 + i;
        OK(f, store_add_guard(f->s, &g, &f->err));
        const struct store_event e = {.guard = g.id, .service = "shop", .kind = "state",
                                      .reason = HD_REASON_RETURNED_TO_STABLE, .headline = "", .text = ""};
        if (rows[i].rolled_back)
            OK(f, store_add_event(f->s, &e, NULL, 0, &seq, &f->err));
        if (rows[i].mark >= 0)
            OK(f, store_mark_guard(f->s, g.id, rows[i].mark, "", NULL, 1, &f->err));
    }
    fixture_commit(f);
    OK(f, store_switches_onto(f->s, f->arena, "shop", "green", 9000, 99, &got, &n, &f->err));
    for (unsigned i = 0; i < N; i++) {
        if (!rows[i].listed)
            continue;
        assert_true(at < n);
        if (got[at].from_ms != 1001 + i || got[at].ended_ms != 5000 + i || got[at].rejected != rows[i].rejected)
            fail_msg("row %u: from %lld, rejected %d", i, (long long)got[at].from_ms, got[at].rejected);
        at++;
    }
    assert_int_equal(at, n);
    OK(f, store_switches_onto(f->s, f->arena, "shop", "green", 1004, 2, &got, &n, &f->err));
    assert_true(n == 2 && got[0].from_ms == 1002 && got[1].from_ms == 1003);
    OK(f, store_switches_onto(f->s, f->arena, "shop", "blue", 9000, 99, &got, &n, &f->err));
    assert_int_equal(n, 0);
    OK(f, store_switches_onto(f->s, f->arena, "shop", "green", 9000 + 3 * 86400000LL, 99, &got, &n, &f->err));
    assert_int_equal(n, 0);
}

/* Pages of 7 give every guard once, newest first, also while new ones are added. */
static void test_pages(void **state)
{
    struct fixture *f = *state;
    struct store_filter filter = {
        .analyses = STORE_GUARDS_AND_ANALYSES, .verdict = -1, .limit = 7};
    unsigned next = 40;
    char before[27];
    add_forty(f);
    for (unsigned page = 0; next > 0; page++) {
        struct store_guard *got = NULL;
        size_t n = 0;
        OK(f, store_guards(f->s, f->arena, &filter, &got, &n, &f->err));
        assert_int_equal(n, next < 7 ? next : 7);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(got[i].id, fixture_id(--next));
        (void)snprintf(before, sizeof before, "%s", got[n - 1].id);
        filter.before = before;
        fixture_begin(f);
        fixture_add_guard(f, 100 + page);
        fixture_commit(f);
    }
}

static void test_list_cap(void **state)
{
    struct fixture *f = *state;
    struct store_guard *got = NULL;
    size_t n = 0;
    struct store_filter filter = {.verdict = -1, .limit = HD_ROWS_MAX + 1};
    fixture_begin(f);
    for (unsigned i = 0; i < HD_ROWS_MAX + 1; i++)
        fixture_add_guard(f, i);
    fixture_commit(f);
    OK(f, store_guards(f->s, f->arena, &filter, &got, &n, &f->err));
    assert_int_equal(n, HD_ROWS_MAX);
}

/* What SQLite has stepped through since it was asked last. */
static int steps(struct fixture *f)
{
    int n = 0;
    for (size_t i = 0; i < f->s->n_cached; i++)
        n += sqlite3_stmt_status(f->s->cache[i].stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
    return n;
}

/* A list of a few costs what the few cost, however long the history is: its pages are read all day. */
static void test_I8_list_walks_no_history(void **state)
{
    enum { HISTORY = 3000, FEW = 5 };
    const struct {
        const char *name;
        struct store_filter filter;
    } rows[] = {
        {"since", {.verdict = -1, .since_ms = 3000 + HISTORY - FEW}},
        {"since, of one", {.service = "shop", .verdict = -1, .since_ms = 3000 + HISTORY - FEW}},
        {"between", {.verdict = -1, .since_ms = 3000 + 100, .until_ms = 3000 + 100 + FEW}},
        {"the newest", {.verdict = -1, .limit = FEW}},
        {"the newest, of one", {.service = "shop", .verdict = -1, .limit = FEW}},
        {"who needs a human", {.verdict = -1, .needs_human = true}},
        {"of a group", {.group = "shop-eu", .verdict = -1}},
    };
    struct fixture *f = *state;
    fixture_begin(f);
    for (unsigned i = 0; i < HISTORY; i++) {
        struct store_guard g = fixture_guard(i);
        g.needs_human = i % 600 == 0;
        g.group = i % 600 ? NULL : "shop-eu";
        OK(f, store_add_guard(f->s, &g, &f->err));
    }
    fixture_commit(f);
    (void)steps(f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_guard *got = NULL;
        size_t n = 0;
        OK(f, store_guards(f->s, f->arena, &rows[i].filter, &got, &n, &f->err));
        int took = steps(f);
        if (n != FEW || took > FEW * 400)
            fail_msg("%s: %zu guards in %d steps", rows[i].name, n, took);
    }
}

static void raw(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

/* What schema 9 kept as text is read until the guard's next poll, and gone with it. */
static void test_counts_of_schema_9(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "[\"haldane-counts 1\\n\"]";
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    raw(f, "UPDATE guard_memory SET series = NULL, counts = '[\"haldane-counts 1\\n\"]'");
    struct store_guard g = load(f, fixture_id(1));
    assert_int_equal(g.counts.len, sizeof text - 1);
    assert_memory_equal(g.counts.at, text, sizeof text - 1);
    g.counts = (struct hd_span){0};
    fixture_begin(f);
    OK(f, store_put_guard(f->s, &g, &f->err));
    fixture_commit(f);
    assert_null(load(f, g.id).counts.at);
}

/* I8: the longest text that is stored, and one byte more. */
static void test_longest_text(void **state)
{
    struct fixture *f = *state;
    struct store_guard g = fixture_guard(1);
    char *text = malloc(HD_BLOB_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, 'x', HD_BLOB_BYTES_MAX + 1);
    text[HD_BLOB_BYTES_MAX] = '\0';
    g.resume = text;
    g.counts = (struct hd_span){text, HD_BLOB_BYTES_MAX};
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    fixture_commit(f);
    struct store_guard got = load(f, g.id);
    assert_string_equal(got.resume, text);
    assert_int_equal(got.counts.len, HD_BLOB_BYTES_MAX);
    g.counts.len++;
    g.resume = NULL;
    fixture_begin(f);
    assert_int_equal(store_put_guard(f->s, &g, &f->err), HD_LIMIT);
    store_rollback(f->s);
    g.counts.len--;
    g.resume = text;
    text[HD_BLOB_BYTES_MAX] = 'x';
    text[HD_BLOB_BYTES_MAX + 1] = '\0';
    fixture_begin(f);
    assert_int_equal(store_put_guard(f->s, &g, &f->err), HD_LIMIT);
    assert_int_equal(store_commit(f->s, &f->err), HD_LIMIT);
    assert_int_equal(load(f, g.id).version, 1);
    free(text);
}

/* Whatever the words by which it called: who is told that it is settled is not called any more. */
static void test_settled_headlines(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *headline, *acknowledged, *settled;
    } row[] = {
        {"green is failing - act now", "green is failing; seen", "green is failing; settled since"},
        {"Not enough evidence about green - decide yourself", "Not enough evidence about green; seen",
         "Not enough evidence about green; settled since"},
        {"green is failing, someone moved it - look now", "green is failing, someone moved it; seen",
         "green is failing, someone moved it; settled since"},
        {"Watching green, partly blind - look", "Watching green, partly blind; seen",
         "Watching green, partly blind; settled since"},
        {"green passed - no action needed", "green passed - no action needed", "green passed - no action needed"},
    };
    for (unsigned i = 0; i < 2 * sizeof row / sizeof *row; i++) {
        struct store_guard g = fixture_guard(i);
        g.headline = row[i / 2].headline;
        g.needs_human = true;
        fixture_begin(f);
        OK(f, store_add_guard(f->s, &g, &f->err));
        if (i % 2)
            OK(f, store_resolve_acts(f->s, g.id, NULL, 70, &f->err));
        else
            OK(f, store_acknowledge(f->s, g.id, "; seen", &f->err));
        fixture_commit(f);
        assert_false(load(f, g.id).needs_human);
        assert_string_equal(load(f, g.id).headline, i % 2 ? row[i / 2].settled : row[i / 2].acknowledged);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_round_trip), T(test_put), T(test_finished), T(test_same_id_twice), T(test_list),
        T(test_list_leaves_out), T(test_pages), T(test_list_cap),
        T(test_I8_list_walks_no_history), T(test_mark), T(test_mark_words), T(test_switches_onto),
        T(test_counts_of_schema_9), T(test_longest_text), T(test_settled_headlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
