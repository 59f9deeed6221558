/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers recorded from a real Prometheus 2.42 and VictoriaMetrics 1.79 (tests/golden/prometheus)
 * against the rows they must become. With HALDANE_GOLDEN=write in the environment the NAME.want
 * files are written instead, to be read before they are committed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#include "reply.h"

#define FOLDER TEST_DATA "/golden/prometheus/"

static const char *const blue[] = {"blue", NULL}, *const green[] = {"gree?", NULL};

enum ask { SIDES, KEYS, RAW, START_TIMES, ONE, RANGE, CLOCK };

/* What was asked. The window ends where the recording says; it plays no part in reading. */
static const struct {
    struct hd_probe probe;
    int64_t range_ms;
    size_t n;
} asks[] = {
    [SIDES] = {{"q", -1, "version", {blue, green}, NULL, false}, 0, 1},
    [KEYS] = {{"q", -1, "version", {blue, green}, "code", false}, 0, 1},
    [RAW] = {{"q", -1, "version", {blue, green}, "code", true}, 4000, 1},
    [START_TIMES] = {{"q", -1, "version", {blue, green}, NULL, true}, 0, 1},
    [ONE] = {{"q", 0, NULL, {NULL}, NULL, false}, 0, 1},
    [RANGE] = {{"q", -1, "version", {blue, green}, NULL, false}, 6000, 1},
    [CLOCK] = {{"q"}, 0, 0},
};

static const struct {
    const char *name;
    enum ask ask;
} cases[] = {
    {"prometheus-sides", SIDES},
    {"prometheus-keys", KEYS},
    {"prometheus-raw", RAW},
    {"prometheus-raw-empty", RAW},
    {"prometheus-raw-gone", RAW},
    {"prometheus-start-times", START_TIMES},
    {"prometheus-several", SIDES},
    {"prometheus-empty", SIDES},
    {"prometheus-one-side", SIDES},
    {"prometheus-nan", SIDES},
    {"prometheus-infinite", SIDES},
    {"prometheus-odd-labels", SIDES},
    {"prometheus-scalar", ONE},
    {"prometheus-string", ONE},
    {"prometheus-bad-query", SIDES},
    {"prometheus-bad-selector", RAW},
    {"prometheus-execution", SIDES},
    {"prometheus-clock", CLOCK},
    {"prometheus-range", RANGE},
    {"prometheus-range-nan", RANGE},
    {"prometheus-too-many-points", RANGE},
    {"prometheus-not-found", SIDES},
    {"prometheus-native", ONE},
    {"prometheus-native-raw", RAW},
    {"prometheus-timeout", SIDES},
    {"prometheus-method", SIDES},
    {"prometheus-starting", SIDES},
    {"prometheus-warning", SIDES},
    {"prometheus-warning-empty", SIDES},
    {"prometheus-warning-raw", RAW},
    {"prometheus-unauthorized", SIDES},
    {"victoria-sides", SIDES},
    {"victoria-keys", KEYS},
    {"victoria-raw", RAW},
    {"victoria-raw-empty", RAW},
    {"victoria-raw-gone", RAW},
    {"victoria-start-times", START_TIMES},
    {"victoria-several", SIDES},
    {"victoria-empty", SIDES},
    {"victoria-one-side", SIDES},
    {"victoria-nan", SIDES},
    {"victoria-infinite", SIDES},
    {"victoria-odd-labels", SIDES},
    {"victoria-scalar", ONE},
    {"victoria-string", ONE},
    {"victoria-bad-query", SIDES},
    {"victoria-bad-selector", RAW},
    {"victoria-execution", SIDES},
    {"victoria-clock", CLOCK},
    {"victoria-range", RANGE},
    {"victoria-range-nan", RANGE},
    {"victoria-too-many-points", RANGE},
    {"victoria-not-found", SIDES},
};
#define N_CASES (sizeof cases / sizeof *cases)

static struct hd_span read_file(struct hd_arena *a, const char *name, const char *ending)
{
    static char bytes[1 << 16];
    FILE *f = fopen(arena_print(a, FOLDER "%s.%s", name, ending), "rb");
    if (!f)
        fail_msg("%s.%s: no such file", name, ending);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return (struct hd_span){arena_text_n(a, bytes, n), n};
}

static void write_want(struct hd_arena *a, const char *name, const struct buf *b)
{
    FILE *f = fopen(arena_print(a, FOLDER "%s.want", name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(buf_at(b), 1, b->len, f), b->len);
    fclose(f);
}

static void read_case(struct hd_arena *a, const struct hd_provider *p, size_t i, struct buf *got)
{
    struct hd_question q = {.probe = &asks[cases[i].ask].probe, .n = asks[cases[i].ask].n,
                            .at_ms = 1, .range_ms = asks[cases[i].ask].range_ms, .step_ms = 2000};
    struct hd_span file = read_file(a, cases[i].name, "http");
    struct hd_response response = reply_parse(a, file.at, file.len);
    struct hd_request request = {0};
    struct hd_exchange exchange = {&request, &response};
    struct hd_ask ask = {.n = 1};
    struct hd_rows rows;
    uint16_t reason;
    struct hd_error err;
    void *cfg = arena_alloc(a, p->cfg_size);
    enum hd_code code =
        p->fetch(a, cfg, &q, &(struct hd_talk){&exchange, 1}, &ask, &rows, &reason, &err);
    if (code) {
        buf_print(got, "fails %s/%s: %s\n", hd_code_word(code), reason_slug(reason), err.text);
        return;
    }
    assert_int_equal(ask.n, 0);
    rows_dump(got, &rows);
}

static void test_golden(void **state)
{
    (void)state;
    const struct hd_provider *p = hd_provider_find("prometheus");
    bool write = str_is(getenv("HALDANE_GOLDEN"), "write");
    int failed = 0;
    for (size_t i = 0; i < N_CASES; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO got = BUF_INIT(1 << 16);
        read_case(a, p, i, &got);
        if (write) {
            write_want(a, cases[i].name, &got);
            continue;
        }
        const char *want = read_file(a, cases[i].name, "want").at;
        if (!str_is(buf_at(&got), want)) {
            print_error("%s:\n--- want\n%s--- got\n%s", cases[i].name, want, buf_at(&got));
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

/* A recording that no case reads would prove nothing. */
static void test_every_recording_is_read(void **state)
{
    (void)state;
    DIR *d = opendir(FOLDER);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!str_ends(e->d_name, ".http"))
            continue;
        bool known = false;
        for (size_t i = 0; i < N_CASES; i++)
            known |= strlen(cases[i].name) + 5 == strlen(e->d_name) &&
                     str_begins(e->d_name, cases[i].name);
        if (!known)
            print_error("%s has no case\n", e->d_name);
        n += known;
    }
    closedir(d);
    assert_int_equal(n, N_CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_every_recording_is_read),
    };
    return cmocka_run_group_tests_name("prometheus golden", tests, NULL, NULL);
}
