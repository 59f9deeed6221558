/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting against ground truth: scripted pods are scraped by a scripted source, looked at through
 * the window that haldane would ask for, and what is counted must be what the pods counted.
 */
#include "engine/counts.h"
#include "engine/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN 1700000000000 /* the switch: since_ms */
#define END (BEGIN + 300000)

/* --- a source that scrapes pods --- */

enum { LIVES = 4, CODES = 2, POINTS = 1200 };

/* One process of a pod. Times are ms since BEGIN. */
struct life {
    int pod, side; /* pods number from 1; 0 ends the list */
    int64_t start, end;
    int64_t rate;       /* requests per second */
    int64_t errors_pm;  /* of 1000 requests, from errors_at on */
    int64_t errors_at;
    bool base_only;     /* first value unknown: it must count as base */
};

struct script {
    const char *name;
    int64_t scrape, poll;
    struct life life[LIVES];
    int64_t miss_from, miss_to; /* scrapes of pod 1 that fail */
    int64_t stall_from, stall_to; /* nobody looks */
    int64_t fail_from, fail_to; /* the source answers with an error */
    int64_t lag; /* a scrape is seen so long after it */
    bool starts; /* process start times are known */
    bool target_unknown;
};

static const char *const codes[CODES] = {"200", "500"};
static const char *const error_keys[] = {"5*", NULL}, *const all_keys[] = {"*", NULL};
static const struct hd_query http = {.kind = HD_QUERY_COUNTS, .classify = HD_CLASSIFY_KEYS,
                                     .events = error_keys, .exposure = all_keys};

/* What a process shows of one code at an instant; -1: no such series yet. */
static double shown(const struct life *l, int code, int64_t t)
{
    int64_t n = (t - l->start) * l->rate / 1000;
    int64_t since = l->errors_at > l->start ? l->errors_at : l->start;
    int64_t e = t > since ? (t - since) * l->rate / 1000 * l->errors_pm / 1000 : 0;
    if (code == 1)
        return e ? (double)e : -1;
    return (double)(n - e);
}

static bool scraped(const struct script *s, const struct life *l, int64_t t)
{
    int64_t offset = l->pod * 1700 % s->scrape;
    bool missed = l->pod == 1 && t >= s->miss_from && t < s->miss_to;
    return (t - offset) % s->scrape == 0 && t >= l->start && t < l->end && !missed;
}

struct source {
    struct hd_row row[2 * LIVES * CODES];
    struct hd_point point[2 * LIVES * CODES][POINTS];
    char series[2 * LIVES * CODES][64], target[LIVES][32];
    size_t n;
};

static struct hd_row *row_for(struct source *src, const struct script *s, const struct life *l,
                              const char *key)
{
    char name[64];
    (void)snprintf(name, sizeof name, "requests{code=%s,pod=%d}", key, l->pod);
    for (size_t i = 0; i < src->n; i++) {
        if (strcmp(src->series[i], name) == 0)
            return &src->row[i];
    }
    size_t i = src->n++;
    memcpy(src->series[i], name, sizeof name);
    (void)snprintf(src->target[l->pod], sizeof src->target[0], "job\x1fpod-%d", l->pod);
    src->row[i] = (struct hd_row){.side = (uint8_t)l->side, .outcome = HD_OUTCOME_OK, .key = key,
                                  .series = src->series[i], .point = src->point[i],
                                  .target = s->target_unknown ? NULL : src->target[l->pod]};
    return &src->row[i];
}

/* Every sample in (at - window, at]; with `starts`, the process start times instead. */
static struct hd_rows ask(struct source *src, const struct script *s, int64_t at, int64_t window,
                          bool starts)
{
    src->n = 0;
    for (int64_t t = at - window + 1; t <= at - s->lag; t++) {
        for (const struct life *l = s->life; l < s->life + LIVES && l->pod; l++) {
            if (!scraped(s, l, t))
                continue;
            for (int c = 0; c < (starts ? 1 : CODES); c++) {
                double v = starts ? (double)(BEGIN + l->start) / 1000 : shown(l, c, t);
                if (v < 0)
                    continue;
                struct hd_row *row = row_for(src, s, l, starts ? "" : codes[c]);
                ((struct hd_point *)row->point)[row->n++] = (struct hd_point){BEGIN + t, v};
            }
        }
    }
    return (struct hd_rows){.row = src->row, .n = src->n};
}

/* What the pods counted, by their scrapes after BEGIN. */
static void truth(const struct script *s, double n[HD_ROLES], double e[HD_ROLES])
{
    n[0] = n[1] = e[0] = e[1] = 0;
    for (const struct life *l = s->life; l < s->life + LIVES && l->pod; l++) {
        for (int c = 0; c < CODES; c++) {
            double base = 0, last = 0, first = -1;
            for (int64_t t = l->start; t <= END - BEGIN - s->lag; t++) {
                double v = scraped(s, l, t) ? shown(l, c, t) : -1;
                if (v < 0)
                    continue;
                if (t <= 0)
                    base = v;
                if (t > 0 && first < 0)
                    first = v;
                last = v;
            }
            if (l->base_only && first >= 0 && !(c == 1 && l->errors_at > l->start))
                base = first;
            n[l->side] += last - base;
            e[l->side] += c == 1 ? last - base : 0;
        }
    }
}

static struct counts_look look_of(const struct hd_query *q, int64_t at, const struct hd_rows *rows)
{
    return (struct counts_look){.query = q, .role_of = {0, 1, -1, -1}, .at_ms = at,
                                .since_ms = BEGIN, .interval_ms = 5000, .rows = rows};
}

struct sums {
    double n[HD_ROLES], e[HD_ROLES], most_e; /* most_e: in one look */
    int64_t covers[HD_ROLES];
};

static void take(struct sums *sum, const struct hd_measurement m[HD_ROLES])
{
    for (int r = 0; r < HD_ROLES; r++) {
        sum->n[r] += m[r].exposure;
        sum->e[r] += m[r].events;
        sum->covers[r] += m[r].covers_ms;
        sum->most_e = m[r].events > sum->most_e ? m[r].events : sum->most_e;
        if (m[r].outcome != HD_OUTCOME_OK)
            assert_true(m[r].exposure == 0 && m[r].events == 0 && !m[r].fresh);
    }
}

static bool within(int64_t t, int64_t from, int64_t to) { return t >= from && t < to; }

/* Looks at every poll of the script. `reload`: through save and load after every look. */
static struct sums watch(const struct script *s, bool reload)
{
    static struct source src, starts;
    struct counts *c = counts_new();
    struct sums sum = {.n = {0}};
    int64_t last = BEGIN;
    for (int64_t at = BEGIN + 100; at <= END + s->poll; at += s->poll) {
        if (within(at - BEGIN, s->stall_from, s->stall_to))
            continue;
        int64_t t = (at > END ? END : at) - BEGIN;
        int64_t window = counts_window_ms(c, BEGIN + t, s->poll);
        struct hd_rows rows = ask(&src, s, t, window, false);
        struct hd_rows targets = ask(&starts, s, t, window, true);
        if (within(t, s->fail_from, s->fail_to)) {
            for (size_t i = 0; i < rows.n; i++)
                src.row[i].outcome = HD_OUTCOME_ERROR;
        }
        struct counts_look look = look_of(&http, BEGIN + t, &rows);
        look.interval_ms = s->poll;
        look.targets = s->starts ? &targets : NULL;
        struct hd_measurement m[HD_ROLES] = {{.check = 7}, {.check = 7}};
        struct hd_error err;
        assert_int_equal(counts_look(c, &look, m, &err), HD_OK);
        assert_int_equal(m[0].check, 7);
        take(&sum, m);
        last = at;
        if (reload) {
            struct buf text = BUF_INIT(1 << 20);
            counts_save(c, &text);
            c = counts_free(c);
            assert_int_equal(counts_load(buf_span(&text), &c, &err), HD_OK);
            buf_clear(&text);
        }
    }
    assert_true(last >= END);
    counts_free(c);
    return sum;
}

#define OLD (-3600000) /* a pod that has run for an hour */
#define ON 99999999

static const struct script scripts[] = {
    {"steady, scrape 5 s", 5000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, ON, 40, 20, OLD}, {3, 1, OLD, ON, 25, 20, OLD}}},
    {"steady, scrape 15 s, three offsets", 15000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, ON, 40, 20, OLD}, {3, 1, OLD, ON, 25, 20, OLD}}},
    {"steady, scrape 1 s, poll 10 s", 1000, 10000, {{1, 1, OLD, ON, 100, 10, OLD}}},
    {"pod restart", 5000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, 90000, 40, 20, OLD},
      {2, 1, 93000, ON, 40, 20, 93000}}},
    {"pod restart between two scrapes", 15000, 5000,
     {{2, 1, OLD, 90000, 40, 20, OLD}, {2, 1, 91000, ON, 40, 20, 91000}}},
    {"restart: as many errors as before by the first scrape", 5000, 5000,
     {{2, 1, OLD, 90000, 40, 500, 88000}, {2, 1, 91000, ON, 40, 1000, 91000}}, .starts = true},
    {"restart: the first error comes a minute later", 5000, 5000,
     {{2, 1, OLD, 90000, 40, 500, 88000}, {2, 1, 91000, ON, 400, 1000, 151000}}, .starts = true},
    {"restart: with a scrape of one second", 1000, 5000,
     {{2, 1, OLD, 90000, 40, 20, 70000}, {2, 1, 91000, ON, 40, 1000, 91000}}, .starts = true},
    {"new pod, start time known", 5000, 5000,
     {{1, 1, OLD, ON, 40, 1, OLD}, {2, 1, 61000, ON, 40, 20, 61000}}, .starts = true},
    {"new pod, start time known, looked at before its first scrape", 15000, 5000,
     {{1, 1, OLD, ON, 40, 1, OLD}, {2, 1, 52000, ON, 40, 20, 52000}}, .starts = true},
    {"new pod, its first scrape seen by the second look after it", 5000, 5000,
     {{1, 1, OLD, ON, 40, 1, OLD}, {2, 1, 60050, ON, 40, 500, 60050}}, .lag = 2000, .starts = true},
    {"pod from before the switch, scraped after it: base only", 5000, 5000,
     {{1, 1, OLD, ON, 40, 1, OLD}, {2, 1, -1500, ON, 40, 500, -1500, true}}, .lag = 4000,
     .starts = true},
    {"new pod, start time unknown: base only", 5000, 5000,
     {{1, 1, OLD, ON, 40, 1, OLD}, {2, 1, 61000, ON, 40, 20, 61000, true}}},
    {"old pod seen for the first time: base only", 5000, 5000,
     {{1, 1, OLD, ON, 40, 500, OLD, true}, {2, 1, OLD, ON, 40, 20, OLD}}, .starts = true,
     .miss_from = OLD, .miss_to = 60000},
    {"scrapes missed for 16 s", 5000, 5000,
     {{1, 1, OLD, ON, 40, 20, OLD}, {2, 1, OLD, ON, 40, 20, OLD}}, .miss_from = 60000,
      .miss_to = 76000},
    {"old errors come back after four minutes", 5000, 5000,
     {{1, 1, OLD, ON, 40, 400, OLD}, {2, 1, OLD, ON, 40, 0, OLD}}, .miss_from = 30000,
      .miss_to = 270000},
    {"pod killed", 5000, 5000, {{1, 1, OLD, 100000, 40, 20, OLD}, {2, 1, OLD, ON, 40, 20, OLD}}},
    {"first error of a pod in the guard", 5000, 5000, {{1, 1, OLD, ON, 40, 50, 120000}}},
    {"first error, scrape 15 s", 15000, 5000, {{1, 1, OLD, ON, 40, 50, 120000}}},
    {"nobody looks for two minutes", 5000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, ON, 40, 20, OLD}}, .stall_from = 60000,
      .stall_to = 180000},
    {"the source fails for a minute", 5000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, ON, 40, 20, OLD}}, .fail_from = 60000,
      .fail_to = 120000},
    {"targets unknown", 5000, 5000,
     {{1, 0, OLD, ON, 40, 1, OLD}, {2, 1, OLD, ON, 40, 20, OLD}}, .target_unknown = true},
};

static void counted_is_the_truth(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const struct script *s = &scripts[i];
        double n[HD_ROLES], e[HD_ROLES];
        truth(s, n, e);
        struct sums got = watch(s, false), again = watch(s, true);
        for (int r = 0; r < HD_ROLES; r++) {
            if (got.n[r] != n[r] || got.e[r] != e[r])
                fail_msg("%s: role %d counted %.0f/%.0f, truth %.0f/%.0f", s->name, r, got.e[r],
                         got.n[r], e[r], n[r]);
        }
        if (memcmp(&got, &again, sizeof got) != 0)
            fail_msg("%s: save and load changed what is counted", s->name);
    }
}

/* I9: covered time adds up to the time watched, back-filled time included, and never to more. */
static void I9_covers_adds_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct sums got = watch(&scripts[i], false);
        int64_t least = END - BEGIN - 2 * scripts[i].scrape;
        if (got.covers[1] > END - BEGIN || got.covers[1] < least)
            fail_msg("%s: covers %lld ms", scripts[i].name, (long long)got.covers[1]);
    }
}

/* A pod with old errors, gone for longer than the memory, is not a burst when it returns. */
static void forgotten_pod_is_no_burst(void **state)
{
    (void)state;
    struct hd_point before = {BEGIN + 1000, 5000},
        after = {BEGIN + 1000 + HD_SERIES_KEEP_MS + 60000, 5900},
                    later = {after.at_ms + 5000, 5910};
    struct hd_row row = {.side = 1, .key = "500", .series = "s", .target = "t", .point = &before,
        .n = 1};
    struct hd_rows rows = {.row = &row, .n = 1}, none = {.n = 0};
    struct counts *c = counts_new();
    struct hd_measurement m[HD_ROLES] = {{0}};
    struct counts_look look = look_of(&http, before.at_ms + 100, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    look = look_of(&http, before.at_ms + HD_SERIES_KEEP_MS + 1, &none);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_int_equal(m[1].outcome, HD_OUTCOME_NO_DATA);
    row.point = &after;
    look = look_of(&http, after.at_ms + 100, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_false(m[1].fresh);
    assert_true(m[1].exposure == 0);
    row.point = &later;
    look = look_of(&http, later.at_ms + 100, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_true(m[1].fresh && m[1].exposure == 10 && m[1].events == 10);
    counts_free(c);
}

/* One series of a process that runs on may be dropped and made again: the others are no burst. A
 * process that restarts may count something that does not. A small step back of a process that runs
 * on is an older sample. */
static void one_fall_is_no_restart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double start;      /* of the process, s since BEGIN; NaN: unknown */
        double after;      /* the 200s, 1000 before */
        double events, ok; /* of 10 more errors over 400; of the 200s */
        double later;      /* of 1020 200s in the third look */
    } rows[] = {
        {"a series made anew", -3600, 3, 10, 3, 1017},
        {"an exporter made anew", 11, 1003, 10, 3, 17},
        {"a process made anew", 11, 3, 410, 3, 1017},
        {"another replica, whose clock is ahead", -3600, 985, 10, 0, 20},
        {"a tenth is no small step back", -3600, 900, 10, 900, 120},
        {"a step back, start unknown", NAN, 985, 10, 985, 35},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hd_point ok[3] = {
            {BEGIN + 8000, 1000}, {BEGIN + 13000, rows[i].after}, {BEGIN + 18000, 1020}};
        struct hd_point bad[2] = {{BEGIN + 8000, 400}, {BEGIN + 13000, 410}};
        struct hd_point began = {BEGIN + 13000, BEGIN / 1000.0 + rows[i].start};
        struct hd_row row[] = {
            {.side = 1, .key = "200", .series = "a", .target = "t", .point = ok, .n = 1},
            {.side = 1, .key = "500", .series = "b", .target = "t", .point = bad, .n = 1},
        };
        struct hd_row start = {.target = "t", .point = &began, .n = 1};
        struct hd_rows rows_of = {.row = row, .n = 2}, starts = {.row = &start, .n = 1};
        struct hd_measurement m[HD_ROLES] = {{0}};
        struct counts *c = counts_new();
        struct counts_look look = look_of(&http, BEGIN + 10000, &rows_of);
        assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
        row[0].n = row[1].n = 2;
        look = look_of(&http, BEGIN + 15000, &rows_of);
        look.targets = &starts;
        assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
        if (m[1].events != rows[i].events || m[1].exposure - m[1].events != rows[i].ok)
            fail_msg("%s: %.0f errors of %.0f", rows[i].name, m[1].events, m[1].exposure);
        row[0].n = 3;
        rows_of.n = 1;
        look = look_of(&http, BEGIN + 20000, &rows_of);
        look.targets = &starts;
        assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
        if (m[1].exposure != rows[i].later)
            fail_msg("%s: then %.0f requests", rows[i].name, m[1].exposure);
        counts_free(c);
    }
}

/* --- single looks, as tables --- */

struct sample {
    const char *key, *series, *target;
    int64_t at; /* ms since BEGIN */
    double value;
    uint8_t outcome; /* not OK: a row without points */
};

struct one {
    const char *name;
    const struct hd_query *query;
    struct sample first[6], second[6]; /* two looks, at 10 s and 15 s; of the candidate */
    uint8_t outcome;
    uint16_t reason;
    bool fresh;
    double events, exposure; /* of the second look */
};

static const struct hd_query slow = {.kind = HD_QUERY_COUNTS, .classify = HD_CLASSIFY_BUCKET,
                                     .bound = 1};
static const char *const ok_keys[] = {"2*", NULL};
static const struct hd_query rate = {.kind = HD_QUERY_RATE, .exposure = ok_keys};
static const struct hd_query bare = {.kind = HD_QUERY_RATE};

static const struct one ones[] = {
    {"events of exposure", &http, {{"200", "a", "t", 8000, 10}, {"500", "b", "t", 8000, 1}},
     {{"200", "a", "t", 13000, 30}, {"500", "b", "t", 13000, 3}}, 0, 0, true, 2, 22},
    {"samples seen before count once", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 8000, 10}, {"200", "a", "t", 8000, 10}}, 0, HD_REASON_NO_NEW_SAMPLES},
    {"the same series twice in one answer", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 30}, {"200", "a", "t", 13000, 30}}, 0, 0, true, 0, 20},
    {"no requests, but a scrape: seen", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 10}}, 0, 0, true, 0, 0},
    {"reset: the new value in full", &http, {{"500", "a", "t", 8000, 1000}},
     {{"500", "a", "t", 13000, 7}}, 0, 0, true, 7, 7},
    {"base lies before the switch", &http, {{"200", "a", "t", -2000, 500}},
     {{"200", "a", "t", 13000, 530}}, 0, 0, true, 0, 30},
    {"a new series of a target known without it: all", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 10}, {"500", "b", "t", 13000, 4}}, 0, 0, true, 4, 4},
    {"a new series of a new target: base", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 10}, {"500", "b", "u", 13000, 400}}, 0, 0, true, 0, 0},
    {"unaligned series of one target are not new", &http,
     {{"200", "a", "t", 3000, 10}, {"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 10}, {"500", "b", "t", 5000, 400}, {"500", "b", "t", 10000, 400}},
     0, 0, true, 0, 0},
    {"rate counts its keys only", &rate, {{"200", "a", "t", 8000, 10}, {"500", "b", "t", 8000, 1}},
     {{"200", "a", "t", 13000, 30}, {"500", "b", "t", 13000, 3}}, 0, 0, true, 0, 20},
    {"rate without keys counts all", &bare, {{NULL, "a", "t", 8000, 10}},
     {{NULL, "a", "t", 13000, 35}}, 0, 0, true, 0, 25},
    {"histogram: slow is +Inf less the bucket", &slow,
     {{"+Inf", "a", "t", 8000, 100}, {"1.0", "b", "t", 8000, 90}, {"0.5", "c", "t", 8000, 50}},
     {{"+Inf", "a", "t", 13000, 150}, {"1.0", "b", "t", 13000, 137}, {"0.5", "c", "t", 13000, 60}},
     0, 0, true, 3, 50},
    {"histogram: 1e+00 is the bound 1", &slow, {{"+Inf", "a", "t", 8000, 100},
     {"1e+00", "b", "t", 8000, 90}},
     {{"+Inf", "a", "t", 13000, 150}, {"1e+00", "b", "t", 13000, 137}}, 0, 0, true, 3, 50},
    {"histogram: clamped per target", &slow,
     {{"+Inf", "a", "t", 8000, 100}, {"1", "b", "t", 8000, 90}, {"+Inf", "c", "u", 8000, 100},
      {"1", "d", "u", 8000, 90}},
     {{"+Inf", "a", "t", 13000, 110}, {"1", "b", "t", 13000, 105}, {"+Inf", "c", "u", 13000, 110},
      {"1", "d", "u", 13000, 95}},
     0, 0, true, 5, 20},
    {"histogram: one target without the bound", &slow,
     {{"+Inf", "a", "t", 8000, 100}, {"1", "b", "t", 8000, 90}},
     {{"+Inf", "a", "t", 13000, 150}, {"1", "b", "t", 13000, 140}, {"+Inf", "c", "u", 13000, 10},
      {"2.5", "d", "u", 13000, 9}},
     HD_OUTCOME_ERROR, HD_REASON_NO_SUCH_BOUND},
    {"histogram: a bucket without +Inf", &slow, {{NULL}},
     {{"1", "b", "t", 13000, 140}, {"+Inf", "c", "u", 13000, 10}, {"1", "d", "u", 13000, 9}},
     HD_OUTCOME_ERROR, HD_REASON_NEGATIVE_COUNT},
    {"a torn scrape waits: errors and requests stay together", &http,
     {{"200", "a", "t", 8000, 10}, {"500", "b", "t", 8000, 1}},
     {{"200", "a", "t", 8000, 10}, {"200", "a", "t", 13000, 30}, {"500", "b", "t", 8000, 1}},
     0, HD_REASON_NO_NEW_SAMPLES},
    {"nothing at all", &http, {{"200", "a", "t", 8000, 10}}, {{NULL}}, HD_OUTCOME_NO_DATA,
     HD_REASON_NO_SERIES},
    {"one key has nothing: fine", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 30}, {"500", NULL, NULL, 0, 0, HD_OUTCOME_NO_DATA}}, 0, 0, true, 0,
      20},
    {"one row failed: nothing is counted", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", 13000, 30}, {"500", NULL, NULL, 0, 0, HD_OUTCOME_PARTIAL}},
      HD_OUTCOME_PARTIAL},
    {"the worst outcome wins", &http, {{NULL}},
     {{"200", NULL, NULL, 0, 0, HD_OUTCOME_ERROR}, {"500", NULL, NULL, 0, 0, HD_OUTCOME_PARTIAL}},
      HD_OUTCOME_ERROR},
    {"NaN", &http, {{"200", "a", "t", 8000, 10}}, {{"200", "a", "t", 13000, NAN}}, HD_OUTCOME_NAN,
     HD_REASON_NOT_A_NUMBER},
    {"infinite", &http, {{"200", "a", "t", 8000, 10}}, {{"200", "a", "t", 13000, INFINITY}},
     HD_OUTCOME_NAN, HD_REASON_INFINITE},
    {"negative", &http, {{"200", "a", "t", 8000, 10}}, {{"200", "a", "t", 13000, -1}},
     HD_OUTCOME_ERROR, HD_REASON_NEGATIVE_COUNT},
    {"a sample at no possible time", &http, {{"200", "a", "t", 8000, 10}},
     {{"200", "a", "t", INT64_MAX / 2, 11}}, HD_OUTCOME_ERROR, HD_REASON_WRONG_TYPE},
};

struct built {
    struct hd_row row[6];
    struct hd_point point[6][6];
    size_t n;
};

/* Samples of one series become one row. */
static struct hd_rows build(struct built *b, const struct sample *s)
{
    *b = (struct built){.n = 0};
    for (size_t i = 0; i < 6 && (s[i].series || s[i].outcome); i++) {
        struct hd_row *row = b->n ? &b->row[b->n - 1] : NULL;
        bool goes_on = row && row->series && s[i].series && strcmp(row->series, s[i].series) == 0 &&
                       row->point[row->n - 1].at_ms < BEGIN + s[i].at;
        if (!goes_on) {
            row = &b->row[b->n];
            *row = (struct hd_row){.side = 1, .outcome = s[i].outcome, .key = s[i].key,
                                   .series = s[i].series, .target = s[i].target,
                                   .point = b->point[b->n]};
            b->n++;
        }
        if (!s[i].outcome)
            b->point[b->n - 1][row->n++] = (struct hd_point){BEGIN + s[i].at, s[i].value};
    }
    return (struct hd_rows){.row = b->row, .n = b->n};
}

static void single_looks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        const struct one *o = &ones[i];
        static struct built built;
        struct hd_measurement m[HD_ROLES] = {{0}}, backwards[HD_ROLES] = {{0}},
            base[HD_ROLES] = {{0}};
        for (int pass = 0; pass < 2; pass++) { /* the order of the rows must not matter */
            struct counts *c = counts_new();
            struct hd_rows rows = build(&built, o->first);
            struct counts_look look = look_of(o->query, BEGIN + 10000, &rows);
            assert_int_equal(counts_look(c, &look, base, NULL), HD_OK);
            rows = build(&built, o->second);
            for (size_t k = 0; pass && k < rows.n / 2; k++) {
                struct hd_row swap = built.row[k];
                built.row[k] = built.row[rows.n - 1 - k];
                built.row[rows.n - 1 - k] = swap;
            }
            look = look_of(o->query, BEGIN + 15000, &rows);
            assert_int_equal(counts_look(c, &look, pass ? backwards : m, NULL), HD_OK);
            counts_free(c);
        }
        const struct hd_measurement *got = &m[HD_CANDIDATE];
        if (got->outcome != o->outcome || got->reason != o->reason || got->fresh != o->fresh ||
            got->events != o->events || got->exposure != o->exposure)
            fail_msg("%s: outcome %d reason %d fresh %d %g/%g", o->name, got->outcome, got->reason,
                     got->fresh, got->events, got->exposure);
        got = &backwards[HD_CANDIDATE];
        if (got->outcome != o->outcome || got->events != o->events || got->exposure != o->exposure)
            fail_msg("%s: the order of the rows matters", o->name);
        assert_int_equal(m[HD_STABLE].outcome, HD_OUTCOME_NO_DATA);
    }
}

static void torn_scrape_is_counted_when_whole(void **state)
{
    (void)state;
    struct hd_point a[] = {{BEGIN + 8000, 10}, {BEGIN + 13000, 30}},
        b[] = {{BEGIN + 8000, 1}, {BEGIN + 13000, 5}};
    struct hd_row row[] = {{.side = 1, .key = "200", .series = "a", .target = "t", .point = a,
        .n = 1},
                           {.side = 1, .key = "500", .series = "b", .target = "t", .point = b,
                            .n = 1}};
    struct hd_rows rows = {.row = row, .n = 2};
    struct counts *c = counts_new();
    struct hd_measurement m[HD_ROLES] = {{0}};
    static const struct {
        size_t seen_a, seen_b;
        double events, exposure;
    } steps[] = {{1, 1, 0, 0}, {2, 1, 0, 0}, {2, 2, 4, 24}};
    for (size_t i = 0; i < 3; i++) {
        row[0].n = steps[i].seen_a;
        row[1].n = steps[i].seen_b;
        struct counts_look look = look_of(&http, BEGIN + 10000 + 4000 * (int64_t)i, &rows);
        assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
        assert_true(m[1].events == steps[i].events && m[1].exposure == steps[i].exposure);
    }
    counts_free(c);
}

/* I1: a source that goes on answering with old samples is stale, not good. */
static void I1_old_samples_are_stale(void **state)
{
    (void)state;
    struct hd_point p[] = {{BEGIN + 1000, 1}, {BEGIN + 6000, 2}, {BEGIN + 11000, 3}};
    struct hd_row row = {.side = 1, .key = "200", .series = "a", .target = "t", .point = p, .n = 3};
    struct hd_rows rows = {.row = &row, .n = 1};
    struct counts *c = counts_new();
    static const struct {
        int64_t at;
        bool fresh;
        uint8_t outcome;
        int64_t age;
    } looks[] = {
        {12000, true, HD_OUTCOME_OK, 1000},
        {17000, false, HD_OUTCOME_OK, 6000},
        {26000, false, HD_OUTCOME_OK, 15000},  /* two scrapes and a poll */
        {26001, false, HD_OUTCOME_STALE, 15001},
        {90000, false, HD_OUTCOME_STALE, 79000},
    };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        struct hd_measurement m[HD_ROLES] = {{0}};
        struct counts_look look = look_of(&http, BEGIN + looks[i].at, &rows);
        assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
        assert_int_equal(m[1].fresh, looks[i].fresh);
        assert_int_equal(m[1].outcome, looks[i].outcome);
        assert_int_equal(m[1].age_ms, looks[i].age);
    }
    assert_int_equal(counts_scrape_ms(c), 5000);
    counts_free(c);
}

static void window_reaches_back(void **state)
{
    (void)state;
    struct counts *c = counts_new();
    assert_int_equal(counts_scrape_ms(c), 0);
    assert_int_equal(counts_window_ms(c, BEGIN, 5000), 5000 + 120000 + 5000);
    struct hd_point p[] = {{BEGIN - 30000, 1}, {BEGIN - 15000, 2}, {BEGIN, 3}};
    struct hd_row row = {.side = 1, .key = "200", .series = "a", .target = "t", .point = p, .n = 3};
    struct hd_rows rows = {.row = &row, .n = 1};
    struct hd_measurement m[HD_ROLES] = {{0}};
    struct counts_look look = look_of(&http, BEGIN + 1000, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_int_equal(counts_scrape_ms(c), 15000);
    assert_int_equal(counts_window_ms(c, BEGIN + 6000, 5000), 40000);
    assert_int_equal(counts_window_ms(c, BEGIN + 121000, 5000), 150000);
    assert_int_equal(counts_window_ms(c, BEGIN + 86400000, 5000), HD_SERIES_KEEP_MS);
    counts_free(c);
}

static void bins_before_the_switch(void **state)
{
    (void)state;
    static const struct script s = {"", 15000, 5000, {{1, 0, OLD, ON, 40, 100, -120000}}};
    static struct source src;
    struct hd_rows rows = ask(&src, &s, 0, 330000, false);
    struct counts_look look = look_of(&http, BEGIN, &rows);
    struct hd_measurement m[5][HD_ROLES] = {{{.check = 3}}};
    assert_int_equal(counts_bins(&look, 60000, 5, m, NULL), HD_OK);
    assert_int_equal(m[0][0].check, 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(m[i][0].outcome, HD_OUTCOME_OK);
        assert_int_equal(m[i][1].outcome, HD_OUTCOME_NO_DATA);
        assert_true(m[i][0].covers_ms > 0 && m[i][0].covers_ms <= 60000);
        double share = m[i][0].events / m[i][0].exposure;
        if (m[i][0].exposure < 2390 || m[i][0].exposure > 2410 ||
            share < (i < 3 ? 0 : i == 3 ? 0.07 : 0.09) ||
            share > (i < 3 ? 0 : 0.11)) /* in bin 3 one scrape began before the errors */
            fail_msg("bin %d: %g of %g", i, m[i][0].events, m[i][0].exposure);
    }
    assert_int_equal(counts_bins(&look, 60000, HD_BINS_MAX + 1, m, NULL), HD_INVALID);
    assert_int_equal(counts_bins(&look, 0, 1, m, NULL), HD_INVALID);
}

/* I8: the memory is capped, and a look beyond the cap changes nothing. */
static void I8_series_are_capped(void **state)
{
    (void)state;
    enum { N = HD_SERIES_MAX + 1 };
    struct hd_row *row = calloc(N, sizeof *row);
    struct hd_point *point = calloc(N, sizeof *point);
    char (*name)[16] = calloc(N, sizeof *name);
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(name[i], sizeof name[i], "s%zu", i);
        point[i] = (struct hd_point){BEGIN + 1000, 1};
        row[i] = (struct hd_row){.side = 1, .key = "200", .series = name[i], .target = "t",
                                 .point = &point[i], .n = 1};
    }
    struct counts *c = counts_new();
    struct hd_measurement m[HD_ROLES] = {{0}};
    struct hd_error err;
    struct hd_rows rows = {.row = row, .n = HD_SERIES_MAX};
    struct counts_look look = look_of(&http, BEGIN + 2000, &rows);
    assert_int_equal(counts_look(c, &look, m, &err), HD_OK);
    struct buf before = BUF_INIT(HD_BLOB_BYTES_MAX), after = BUF_INIT(HD_BLOB_BYTES_MAX);
    counts_save(c, &before);
    assert_false(before.full); /* a full memory still fits one stored blob */
    rows.n = N;
    assert_int_equal(counts_look(c, &look, m, &err), HD_LIMIT);
    rows = (struct hd_rows){.row = row + HD_SERIES_MAX, .n = 1}; /* one more to remember */
    assert_int_equal(counts_look(c, &look, m, &err), HD_LIMIT);
    counts_save(c, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.at, after.at, before.len);
    struct counts *again;
    assert_int_equal(counts_load(buf_span(&before), &again, &err), HD_OK);
    counts_free(again);
    for (size_t i = 0; i < N; i++)
        row[i].outcome = HD_OUTCOME_NO_DATA; /* nothing of it would be remembered */
    rows = (struct hd_rows){.row = row, .n = N};
    assert_int_equal(counts_look(c, &look, m, &err), HD_LIMIT);
    buf_clear(&before);
    buf_clear(&after);
    counts_free(c);
    free(row);
    free(point);
    free(name);
}

/* As haldane wrote it before schema 10. */
static void save_text(const struct counts *c, struct buf *to)
{
    buf_text(to, "haldane-counts 1\n");
    for (int r = 0; r < HD_ROLES; r++) {
        const struct counts_role *role = &c->role[r];
        buf_print(to, "%llx %llx %llx %llx", (unsigned long long)role->looked_ms, (unsigned long long)role->covered_ms,
                  (unsigned long long)role->newest_ms, (unsigned long long)role->steps);
        for (int i = 0; i < COUNTS_STEPS; i++)
            buf_print(to, " %llx", (unsigned long long)role->step[i]);
        buf_byte(to, '\n');
    }
    buf_print(to, "%zx\n", c->n);
    for (size_t i = 0; i < c->n; i++) {
        const struct counts_series *s = &c->series[i];
        unsigned long long bits;
        memcpy(&bits, &s->last, sizeof bits);
        buf_print(to, "%llx %llx %llx %llx %llx %llx\n", (unsigned long long)s->target, (unsigned long long)s->id[0],
                  (unsigned long long)s->id[1], (unsigned long long)s->first_ms, (unsigned long long)s->last_ms, bits);
    }
}

/* Two series of one target and one of another; irregular steps, and a value that is no whole number. */
static struct counts *small_memory(void)
{
    struct counts *c = counts_new();
    static const struct hd_point p[] = {{BEGIN + 1000, 12.5}, {BEGIN + 6000, 13}, {BEGIN + 12000, 14.25}};
    struct hd_row row[] = {{.side = 1, .key = "200", .series = "a", .target = "t", .point = p, .n = 3},
                           {.side = 1, .key = "200", .series = "b", .target = "t", .point = p, .n = 2},
                           {.side = 1, .key = "200", .series = "c", .target = "u", .point = p, .n = 1}};
    struct hd_rows rows = {.row = row, .n = 3};
    struct hd_measurement m[HD_ROLES] = {{0}};
    struct counts_look look = look_of(&http, BEGIN + 13000, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_int_equal(c->n, 3);
    return c;
}

/* Cut anywhere: refused. Any byte damaged: refused, or a memory that works. */
static void damage(struct buf *bytes, const char *with, size_t n_with)
{
    struct hd_error err;
    struct counts *c = NULL;
    struct hd_rows none = {0};
    struct counts_look look = look_of(&http, BEGIN + 14000, &none);
    for (size_t n = 0; n < bytes->len; n++) {
        char *copy = malloc(n + 1); /* of its own size, so that a read past it is seen */
        memcpy(copy, bytes->at, n);
        copy[n] = '\0';
        assert_int_equal(counts_load((struct hd_span){copy, n}, &c, &err), HD_PARSE);
        assert_null(c);
        free(copy);
    }
    for (size_t i = 0; i < bytes->len; i++) {
        char was = bytes->at[i];
        for (size_t k = 0; k < n_with; k++) {
            struct hd_measurement m[HD_ROLES] = {{0}};
            bytes->at[i] = with[k];
            c = NULL;
            if (counts_load(buf_span(bytes), &c, &err) == HD_OK)
                assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
            counts_free(c);
        }
        bytes->at[i] = was;
    }
}

static void damaged_memory_is_refused(void **state)
{
    (void)state;
    struct counts *c = small_memory(), *got = NULL;
    struct buf bytes = BUF_INIT(1 << 20), text = BUF_INIT(1 << 20);
    struct hd_error err;
    counts_save(c, &bytes);
    save_text(c, &text);
    damage(&bytes, "\0\1\2\3\x7f\x80\xff", 7);
    damage(&text, "z \n9f-", 6);
    struct counts_series first = c->series[0];
    c->series[0] = c->series[1];
    c->series[1] = first;
    bytes.len = text.len = 0;
    counts_save(c, &bytes);
    save_text(c, &text);
    assert_int_equal(counts_load(buf_span(&bytes), &got, &err), HD_PARSE); /* not in order */
    assert_int_equal(counts_load(buf_span(&text), &got, &err), HD_PARSE);
    assert_int_equal(counts_load((struct hd_span){"\3new", 4}, &got, &err), HD_VERSION);
    assert_int_equal(counts_load((struct hd_span){"{}", 2}, &got, &err), HD_PARSE);
    counts_free(c);
    buf_clear(&bytes);
    buf_clear(&text);
}

/* Bytes, and the text of before: the same memory, to the bit. */
static void both_forms_are_read(void **state)
{
    (void)state;
    struct counts *c = small_memory();
    struct buf bytes = BUF_INIT(1 << 20), text = BUF_INIT(1 << 20);
    struct hd_error err;
    counts_save(c, &bytes);
    save_text(c, &text);
    const struct buf *form[] = {&bytes, &text};
    for (size_t i = 0; i < 2; i++) {
        struct counts *got = NULL;
        assert_int_equal(counts_load(buf_span(form[i]), &got, &err), HD_OK);
        assert_memory_equal(got->role, c->role, sizeof c->role);
        assert_int_equal(got->n, c->n);
        assert_memory_equal(got->series, c->series, c->n * sizeof *c->series);
        counts_free(got);
    }
    assert_true(bytes.len * 3 < text.len); /* that is what it is for */
    counts_free(c);
    buf_clear(&bytes);
    buf_clear(&text);
}

static void a_foreign_side_is_refused(void **state)
{
    (void)state;
    struct hd_row row = {.side = HD_SIDES_MAX, .key = "200", .series = "a"};
    struct hd_rows rows = {.row = &row, .n = 1};
    struct counts *c = counts_new();
    struct hd_measurement m[HD_ROLES] = {{0}};
    struct counts_look look = look_of(&http, BEGIN, &rows);
    assert_int_equal(counts_look(c, &look, m, NULL), HD_INVALID);
    row.side = 2; /* a colour that is neither role */
    assert_int_equal(counts_look(c, &look, m, NULL), HD_OK);
    assert_int_equal(m[0].outcome, HD_OUTCOME_NO_DATA);
    counts_free(c);
    assert_null(counts_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_is_the_truth),
        cmocka_unit_test(I9_covers_adds_up),
        cmocka_unit_test(forgotten_pod_is_no_burst),
        cmocka_unit_test(one_fall_is_no_restart),
        cmocka_unit_test(single_looks),
        cmocka_unit_test(torn_scrape_is_counted_when_whole),
        cmocka_unit_test(I1_old_samples_are_stale),
        cmocka_unit_test(window_reaches_back),
        cmocka_unit_test(bins_before_the_switch),
        cmocka_unit_test(I8_series_are_capped),
        cmocka_unit_test(damaged_memory_is_refused),
        cmocka_unit_test(both_forms_are_read),
        cmocka_unit_test(a_foreign_side_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
