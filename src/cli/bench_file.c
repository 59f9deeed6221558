/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_file.h. Files may come from anywhere: every number is checked, nothing is guessed but
 * `scrape_s` and `history_poll_s`, which older files do not have. Called by bench.c and
 * tests/bench/verdict.
 */
#include "cli/bench_file.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"

#define POLLS_MAX 100000 /* 5 s for almost six days */

enum hd_code bench_read_line(FILE *from, struct buf *line, struct hd_error *err)
{
    char part[4096];
    buf_clear(line);
    while (fgets(part, sizeof part, from)) {
        size_t n = strlen(part);
        bool end = n && part[n - 1] == '\n';
        buf_add(line, part, end ? n - 1 : n);
        if (line->full)
            return hd_fail(err, HD_LIMIT, "a line of more than %zu bytes", line->max);
        if (end)
            return HD_OK;
    }
    if (ferror(from))
        return hd_fail(err, HD_IO, "the file cannot be read");
    return line->len ? HD_OK : hd_fail(err, HD_ABSENT, "the end of the file");
}

/* --- the head --- */

static enum hd_code number_of(const struct json *j, const char *key, double least, double most,
                              double *ret, struct hd_error *err)
{
    if (json_double(json_get(j, key), key, ret, err))
        return err->code;
    if (*ret < least || *ret > most)
        return hd_fail(err, HD_PARSE, "%s: %g is not within %g and %g", key, *ret, least, most);
    return HD_OK;
}

static enum hd_code count_of(const struct json *j, const char *key, int64_t most, uint32_t *ret,
                             struct hd_error *err)
{
    int64_t n;
    if (json_i64(json_get(j, key), key, &n, err))
        return err->code;
    if (n < 1 || n > most)
        return hd_fail(err, HD_PARSE, "%s: not within 1 and %lld", key, (long long)most);
    *ret = (uint32_t)n;
    return HD_OK;
}

static enum hd_code word_of(const struct json *j, const char *key, const char *no, const char *yes,
                            bool *ret, struct hd_error *err)
{
    const char *word;
    if (json_text(json_get(j, key), key, &word, err))
        return err->code;
    *ret = str_is(word, yes);
    if (!*ret && !str_is(word, no))
        return hd_fail(err, HD_PARSE, "%s: '%s' is neither %s nor %s", key, word, no, yes);
    return HD_OK;
}

static enum hd_code read_bounds(const struct json *j, struct bench_head *h, struct hd_error *err)
{
    const struct json *list = json_get(j, "bounds_s");
    if (!list || json_type(list) != JSON_ARRAY || json_count(list) > BENCH_BOUNDS_MAX)
        return hd_fail(err, HD_PARSE, "bounds_s: not a list of at most %d", BENCH_BOUNDS_MAX);
    for (const struct json *b = json_first(list); b; b = json_next(b)) {
        if (json_double(b, "bounds_s[]", &h->bounds_s[h->n_bounds], err))
            return err->code;
        if (h->n_bounds && !(h->bounds_s[h->n_bounds] > h->bounds_s[h->n_bounds - 1]))
            return hd_fail(err, HD_PARSE, "bounds_s: not ascending");
        h->n_bounds++;
    }
    return HD_OK;
}

static enum hd_code read_times(const struct json *j, struct bench_head *h, struct hd_error *err)
{
    enum hd_code code = number_of(j, "poll_s", .1, 3600, &h->poll_s, err);
    h->history_poll_s = h->poll_s;
    if (!code && json_get(j, "history_poll_s"))
        code = number_of(j, "history_poll_s", .1, 86400, &h->history_poll_s, err);
    if (!code && json_get(j, "scrape_s"))
        code = number_of(j, "scrape_s", 0, 3600, &h->scrape_s, err);
    if (!code)
        code = number_of(j, "onset_s", 0, 1e7, &h->onset_s, err);
    return code;
}

enum hd_code bench_read_head(struct hd_span line, struct bench_head *ret, struct hd_error *err)
{
    JSON_AUTO j = NULL;
    const char *format, *scenario;
    struct bench_head h = {.n_bounds = 0};
    if (json_parse(line, &j, err) || json_text(json_get(j, "bench"), "bench", &format, err) ||
        json_text(json_get(j, "scenario"), "scenario", &scenario, err))
        return err->code;
    if (!str_is(format, "verdict-bench/1"))
        return hd_fail(err, HD_VERSION, "bench: '%s' is not verdict-bench/1", format);
    (void)snprintf(h.scenario, sizeof h.scenario, "%s", scenario);
    enum hd_code code = word_of(j, "mode", "canary", "guard", &h.guard, err);
    if (!code)
        code = word_of(j, "expect", "keep", "rollback", &h.expect_rollback, err);
    if (!code)
        code = number_of(j, "rps", 0, 1e9, &h.rps, err);
    if (!code)
        code = count_of(j, "runs", 10000000, &h.runs, err);
    if (!code)
        code = json_i64(json_get(j, "seed"), "seed", &h.seed, err);
    if (!code)
        code = count_of(j, "polls", POLLS_MAX, &h.polls, err);
    if (!code)
        code = count_of(j, "history_polls", POLLS_MAX, &h.history_polls, err);
    if (!code)
        code = read_times(j, &h, err);
    if (!code)
        code = read_bounds(j, &h, err);
    if (!code)
        *ret = h;
    return code;
}

/* --- a run --- */

static enum hd_code read_row(const struct json *row, uint32_t columns, double *ret,
                             struct hd_error *err)
{
    uint32_t n = 0;
    if (json_type(row) != JSON_ARRAY)
        return hd_fail(err, HD_PARSE, "not a list");
    for (const struct json *j = json_first(row); j; j = json_next(j), n++) {
        if (n >= columns)
            return hd_fail(err, HD_PARSE, "more than %u counts", columns);
        if (json_double(j, "count", &ret[n], err))
            return err->code;
        if (ret[n] < 0 || ret[n] > ret[BENCH_REQUESTS])
            return hd_fail(err, HD_PARSE, "a count of %g in %g requests", ret[n], ret[0]);
    }
    return n == columns ? HD_OK : hd_fail(err, HD_PARSE, "fewer than %u counts", columns);
}

static enum hd_code read_series(struct hd_arena *a, const struct json *run, const char *key,
                                uint32_t polls, uint32_t columns, struct bench_series *ret,
                                struct hd_error *err)
{
    const struct json *list = json_get(run, key);
    *ret = (struct bench_series){.polls = polls, .columns = columns};
    ret->at = arena_many(a, (size_t)polls * columns, double);
    if (!list || json_type(list) != JSON_ARRAY || json_count(list) != polls)
        return hd_fail(err, HD_PARSE, "%s: not a list of %u polls", key, polls);
    double *row = ret->at;
    for (const struct json *j = json_first(list); j; j = json_next(j), row += columns) {
        if (read_row(j, columns, row, err))
            return hd_error_add(err, "%s[%zu]", key, (size_t)(row - ret->at) / columns);
    }
    return HD_OK;
}

enum hd_code bench_read_run(struct hd_arena *a, const struct bench_head *h, struct hd_span line,
                            struct bench_run *ret, struct hd_error *err)
{
    JSON_AUTO j = NULL;
    int64_t run;
    uint32_t columns = 2 + h->n_bounds;
    struct bench_run r = {.run = 0};
    if (json_parse(line, &j, err) || json_i64(json_get(j, "run"), "run", &run, err))
        return err->code;
    const char *beside = h->guard ? "probe" : "old";
    enum hd_code code = read_series(a, j, "history", h->history_polls, columns, &r.history, err);
    if (!code)
        code = read_series(a, j, "new", h->polls, columns, &r.candidate, err);
    if (!code && (!h->guard || json_get(j, beside)))
        code = read_series(a, j, beside, h->polls, columns, &r.stable, err);
    if (code)
        return hd_error_add(err, "run %lld", (long long)run);
    r.run = (uint32_t)run;
    *ret = r;
    return HD_OK;
}
