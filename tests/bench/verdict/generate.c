/* SPDX-License-Identifier: Apache-2.0
 *
 * See generate.h. Requests are Poisson, so the numbers of (failed or not) x (latency bucket) over
 * disjoint times and pods are independent Poisson too: each poll is drawn at once from its summed
 * means, which is the same law as drawing every request. Errors and latency of a request are
 * independent. Called by main.c and the tests.
 */
#include "generate.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "means.h"

#define PODS 3
#define VISIBLE_S .02        /* from a scrape to its samples being there to ask for */
#define HISTORY_S 10800      /* 3 h */
#define LONG_HISTORY_S 86400 /* of services with at most LOW_RPS */
#define LONG_STEP_S 80
#define LOW_RPS 1.
#define CANARY_SHARE .1
#define COLUMNS (2 + MEANS_BOUNDS)

/* --- counts per poll --- */

static void draw_row(struct rng *r, const double means[MEANS_CELLS], double row[COLUMNS])
{
    memset(row, 0, COLUMNS * sizeof *row);
    for (int c = 0; c < MEANS_CELLS; c++) {
        double k = rng_poisson(r, means[c]);
        row[BENCH_REQUESTS] += k;
        row[BENCH_ERRORS] += c < MEANS_BUCKETS ? k : 0;
        for (int b = 0; b < c % MEANS_BUCKETS; b++)
            row[BENCH_SLOWER + b] += k;
    }
}

/* Up to which second the pod's counters are known at `at_s`. */
static double seen_until(double scrape_s, double offset_s, double at_s)
{
    return scrape_s > 0 ? offset_s + scrape_s * floor((at_s - VISIBLE_S - offset_s) / scrape_s)
                        : at_s;
}

static struct bench_series draw_series(struct hd_arena *a, struct rng *r, const struct means *m,
                                       double from_s, double poll_s, uint32_t polls,
                                       double scrape_s)
{
    struct bench_series s = {polls, COLUMNS, arena_many(a, (size_t)polls * COLUMNS, double)};
    double offset_s[PODS], before[MEANS_CELLS] = {0};
    for (int p = 0; p < PODS; p++)
        offset_s[p] = scrape_s * rng_uniform(r);
    for (uint32_t i = 0; i <= polls; i++) {
        double upto[MEANS_CELLS] = {0}, more[MEANS_CELLS];
        for (int p = 0; p < PODS; p++)
            means_add(m, seen_until(scrape_s, offset_s[p], from_s + i * poll_s), 1. / PODS, upto);
        for (int c = 0; c < MEANS_CELLS; c++)
            more[c] = upto[c] - before[c];
        memcpy(before, upto, sizeof before);
        if (i)
            draw_row(r, more, s.at + (size_t)(i - 1) * s.columns);
    }
    return s;
}

/* --- a run --- */

static struct bench_series draw_live(struct hd_arena *a, struct rng *r,
                                     const struct generate_cell *c, const struct arm *arm)
{
    bool exact = c->poll_s == 10 && c->scrape_s <= 0; /* steps of a poll, as the first files had */
    double first_s = exact ? 0 : -10 * ceil((c->scrape_s + 1) / 10);
    struct means m = means_of(a, arm, r, first_s, SCENARIO_SECONDS, exact ? 10 : 1);
    return draw_series(a, r, &m, 0, c->poll_s, SCENARIO_SECONDS / c->poll_s, c->scrape_s);
}

static struct bench_series draw_history(struct hd_arena *a, struct rng *r,
                                        const struct generate_cell *c, struct arm arm)
{
    bool low = c->rps <= LOW_RPS;
    double length_s = low ? LONG_HISTORY_S : HISTORY_S, step_s = low ? LONG_STEP_S : c->poll_s;
    if (low) { /* a whole day: what swings over it has gone */
        arm.scenario = &scenarios[0];
        arm.noise = EVEN;
    }
    struct means m = means_of(a, &arm, r, -length_s, 0, step_s);
    return draw_series(a, r, &m, -length_s, step_s, (uint32_t)(length_s / step_s), 0);
}

struct bench_head generate_head(const struct generate_cell *c, uint32_t runs)
{
    bool low = c->rps <= LOW_RPS;
    struct bench_head h = {.guard = c->guard,
                           .expect_rollback = c->scenario->rollback,
                           .rps = c->rps,
                           .runs = runs,
                           .seed = c->seed,
                           .polls = SCENARIO_SECONDS / c->poll_s,
                           .history_polls =
                               low ? LONG_HISTORY_S / LONG_STEP_S : HISTORY_S / c->poll_s,
                           .poll_s = c->poll_s,
                           .history_poll_s = low ? LONG_STEP_S : c->poll_s,
                           .scrape_s = c->scrape_s,
                           .onset_s = c->scenario->onset_s,
                           .n_bounds = MEANS_BOUNDS};
    (void)snprintf(h.scenario, sizeof h.scenario, "%s", c->scenario->name);
    memcpy(h.bounds_s, means_bounds_s, sizeof means_bounds_s);
    return h;
}

struct rng generate_rng(const struct generate_cell *c, uint32_t run)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s|%s|%g|%u|%g|%u", c->scenario->name,
                   c->guard ? "guard" : "canary", c->rps, c->poll_s, c->scrape_s, run);
    return rng_of((uint64_t)c->seed, str_hash(key, 0));
}

struct generate_arms generate_arms(const struct generate_cell *c, const struct scenario_draw *d)
{
    const struct scenario *s = c->scenario;
    double few = fmin(2, .02 * c->rps + 1); /* what a hold-back or probes keep on the old version */
    return (struct generate_arms){
        .candidate = {s, d, true, 0, c->guard ? c->rps : CANARY_SHARE * c->rps, s->noise},
        .stable = {s, d, false, c->rps, c->guard ? few : (1 - CANARY_SHARE) * c->rps, s->noise},
    };
}

struct bench_run generate_run(struct hd_arena *a, const struct generate_cell *c, uint32_t run)
{
    struct rng r = generate_rng(c, run);
    struct scenario_draw draw = scenario_draw(c->scenario, &r);
    struct generate_arms arms = generate_arms(c, &draw);
    struct bench_run ret = {.run = run};
    ret.history = draw_history(a, &r, c, arms.stable);
    ret.candidate = draw_live(a, &r, c, &arms.candidate);
    ret.stable = draw_live(a, &r, c, &arms.stable);
    return ret;
}

/* --- as lines --- */

static void write_text(FILE *to, const char *text)
{
    (void)fprintf(to, "\"%s\"", text); /* our own words only: nothing to escape */
}

void generate_write_head(const struct bench_head *h, FILE *to)
{
    (void)fputs("{\"bench\":\"verdict-bench/1\",\"scenario\":", to);
    write_text(to, h->scenario);
    (void)fprintf(to,
                  ",\"mode\":\"%s\",\"rps\":%g,\"runs\":%u,\"seed\":%lld,\"poll_s\":%g,"
                  "\"scrape_s\":%g,\"polls\":%u,\"history_polls\":%u,\"history_poll_s\":%g,",
                  h->guard ? "guard" : "canary", h->rps, h->runs, (long long)h->seed, h->poll_s,
                  h->scrape_s, h->polls, h->history_polls, h->history_poll_s);
    (void)fprintf(to, "\"expect\":\"%s\",\"onset_s\":%g,\"bounds_s\":[",
                  h->expect_rollback ? "rollback" : "keep", h->onset_s);
    for (uint32_t b = 0; b < h->n_bounds; b++)
        (void)fprintf(to, "%s%g", b ? "," : "", h->bounds_s[b]);
    (void)fputs("],\"columns\":[\"requests\",\"errors\"", to);
    for (uint32_t b = 0; b < h->n_bounds; b++)
        (void)fprintf(to, ",\"slower_than_%g\"", h->bounds_s[b]);
    (void)fputs("]}\n", to);
}

static void write_series(const char *key, const struct bench_series *s, FILE *to)
{
    (void)fprintf(to, ",\"%s\":[", key);
    for (uint32_t i = 0; i < s->polls; i++) {
        for (uint32_t c = 0; c < s->columns; c++)
            (void)fprintf(to, "%s%.0f", c ? "," : i ? ",[" : "[", bench_row(s, i)[c]);
        (void)fputc(']', to);
    }
    (void)fputc(']', to);
}

void generate_write_run(const struct bench_head *h, const struct bench_run *r, FILE *to)
{
    (void)fprintf(to, "{\"run\":%u", r->run);
    write_series("history", &r->history, to);
    write_series("new", &r->candidate, to);
    write_series(h->guard ? "probe" : "old", &r->stable, to);
    (void)fputs("}\n", to);
}
