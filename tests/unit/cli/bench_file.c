/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading files of verdict-bench/1 that others have written: what is wrong is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "cli/bench_file.h"

#define HEAD                                                                                       \
    "\"bench\":\"verdict-bench/1\",\"scenario\":\"x\",\"mode\":\"canary\",\"expect\":\"keep\","    \
    "\"rps\":1,\"runs\":2,\"seed\":3,\"polls\":2,\"history_polls\":1,\"onset_s\":0"

static const struct {
    const char *line, *want; /* want: in the message; NULL: good */
} heads[] = {
    {"{" HEAD ",\"poll_s\":10,\"bounds_s\":[0.1,0.2]}", NULL},
    {"{" HEAD ",\"poll_s\":10,\"bounds_s\":[]}", NULL},
    {"{" HEAD ",\"poll_s\":0,\"bounds_s\":[]}", "poll_s"},
    {"{" HEAD ",\"poll_s\":10,\"bounds_s\":[0.2,0.1]}", "ascending"},
    {"{" HEAD ",\"poll_s\":10}", "bounds_s"},
    {"{" HEAD ",\"poll_s\":10,\"scrape_s\":-1,\"bounds_s\":[]}", "scrape_s"},
    {"{\"bench\":\"verdict-bench/2\",\"scenario\":\"x\"}", "verdict-bench/1"},
    {"{\"bench\":\"verdict-bench/1\",\"scenario\":\"x\",\"mode\":\"all\"}", "mode"},
    {"[]", "bench"},
    {"", "ends in the middle"},
};

static void heads_are_read_or_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct bench_head h;
        struct hd_error err = {0};
        enum hd_code code =
            bench_read_head((struct hd_span){heads[i].line, strlen(heads[i].line)}, &h, &err);
        if (heads[i].want ? !code || !strstr(err.text, heads[i].want) : code != HD_OK)
            fail_msg("row %zu: %d '%s'", i, code, err.text);
        if (!code) /* what older files do not have */
            assert_true(h.history_poll_s > 9 && h.history_poll_s < 11 && h.scrape_s < .1);
    }
}

static const struct {
    const char *line, *want;
} runs[] = {
    {"{\"run\":1,\"history\":[[9,1]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", NULL},
    {"{\"run\":1,\"history\":[[9,1]],\"new\":[[5,0],[0,0]]}", "old"},
    {"{\"run\":1,\"history\":[[9,1]],\"new\":[[5,0]],\"old\":[[5,5],[1,0]]}", "new: not a list of 2"},
    {"{\"run\":1,\"history\":[[9,10]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", "history[0]"},
    {"{\"run\":1,\"history\":[[9,1]],\"new\":[[5,0],[-1,0]],\"old\":[[5,5],[1,0]]}", "new[1]"},
    {"{\"run\":1,\"history\":[[9]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", "fewer than 2"},
    {"{\"run\":1,\"history\":[[9,1,1]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", "more than 2"},
    {"{\"run\":1,\"history\":[[9,\"1\"]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", "history[0]"},
    {"{\"history\":[[9,1]],\"new\":[[5,0],[0,0]],\"old\":[[5,5],[1,0]]}", "run"},
};

static void runs_are_read_or_refused(void **unused)
{
    (void)unused;
    struct bench_head h = {.runs = 2, .polls = 2, .history_polls = 1, .poll_s = 10};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        ARENA_AUTO a = arena_new();
        struct bench_run r;
        struct hd_error err = {0};
        enum hd_code code =
            bench_read_run(a, &h, (struct hd_span){runs[i].line, strlen(runs[i].line)}, &r, &err);
        if (runs[i].want ? !code || !strstr(err.text, runs[i].want) : code != HD_OK)
            fail_msg("row %zu: %d '%s'", i, code, err.text);
    }
}

static void I8_a_line_has_a_maximum(void **unused)
{
    (void)unused;
    static const struct {
        size_t bytes;
        enum hd_code want;
    } rows[] = {{101, HD_OK}, {102, HD_LIMIT}, {9000, HD_LIMIT}};
    for (size_t i = 0; i < 3; i++) {
        BUF_AUTO line = BUF_INIT(101);
        struct hd_error err;
        FILE *f = tmpfile();
        assert_non_null(f);
        for (size_t k = 0; k < rows[i].bytes; k++)
            (void)fputc('x', f);
        (void)fputs("\nsecond", f);
        rewind(f);
        if (bench_read_line(f, &line, &err) != rows[i].want)
            fail_msg("%zu bytes: not %d", rows[i].bytes, rows[i].want);
        if (!rows[i].want) {
            assert_int_equal(line.len, rows[i].bytes);
            assert_int_equal(bench_read_line(f, &line, &err), HD_OK);
            assert_string_equal(buf_at(&line), "second");
            assert_int_equal(bench_read_line(f, &line, &err), HD_ABSENT);
        }
        (void)fclose(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read_or_refused),
        cmocka_unit_test(runs_are_read_or_refused),
        cmocka_unit_test(I8_a_line_has_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
