/* SPDX-License-Identifier: Apache-2.0
 *
 * See metrics.h. What a pod counted between two of its scrapes is drawn as one; pods restart just
 * after a scrape, so that nothing is lost which no scrape saw. Called by main.c for the proof that
 * the engine decides alike on a real data source.
 */
#include "metrics.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

#define PODS 3
#define VISIBLE_S .02 /* from a scrape to its samples being there to ask for */
#define HISTORY_S 10800
#define COLUMNS (2 + MEANS_BOUNDS)
#define NEVER 1e9

struct pod {
    const char *version;
    int number;
    double first_s;            /* its first scrape */
    double restarts[2];        /* after the first scrape from then on */
    double started_s;          /* of its process */
    double count[MEANS_CELLS]; /* since then */
};

struct world {
    FILE *to;
    const char *job;
    double switch_s, scrape_s;
    struct bench_run *run;
    double poll_s;
};

/* --- samples --- */

static void sample(const struct world *w, const struct pod *p, double at_s, const char *name,
                   const char *label, double value)
{
    (void)fprintf(w->to, "%s{job=\"%s\",instance=\"%s-%d\",version=\"%s\"%s} %.17g %.3f\n", name,
                  w->job, p->version, p->number, p->version, label, value, w->switch_s + at_s);
}

static void scrape(const struct world *w, const struct pod *p, double at_s)
{
    char label[32];
    double failed = 0, good = 0, upto = 0;
    for (int b = 0; b < MEANS_BUCKETS; b++) {
        failed += p->count[b];
        good += p->count[MEANS_BUCKETS + b];
    }
    sample(w, p, at_s, "process_start_time_seconds", "", w->switch_s + p->started_s);
    sample(w, p, at_s, "http_requests_total", ",code=\"200\"", good);
    if (failed > 0) /* as client libraries do: no series before its first event */
        sample(w, p, at_s, "http_requests_total", ",code=\"500\"", failed);
    for (int b = 0; b < MEANS_BOUNDS; b++) {
        upto += p->count[b] + p->count[MEANS_BUCKETS + b];
        (void)snprintf(label, sizeof label, ",le=\"%g\"", means_bounds_s[b]);
        sample(w, p, at_s, "http_request_duration_seconds_bucket", label, upto);
    }
    sample(w, p, at_s, "http_request_duration_seconds_bucket", ",le=\"+Inf\"", failed + good);
}

/* --- polls --- */

static void add_cells(double *row, const double cell[MEANS_CELLS])
{
    for (int c = 0; c < MEANS_CELLS; c++) {
        row[BENCH_REQUESTS] += cell[c];
        row[BENCH_ERRORS] += c < MEANS_BUCKETS ? cell[c] : 0;
        for (int b = 0; b < c % MEANS_BUCKETS; b++)
            row[BENCH_SLOWER + b] += cell[c];
    }
}

/* What this scrape brought, where the first poll after it finds it. */
static void note(const struct world *w, const struct bench_series *live, double at_s,
                 const double cell[MEANS_CELLS])
{
    double poll = ceil((at_s + VISIBLE_S) / w->poll_s) - 1;
    const struct bench_series *history = &w->run->history;
    if (poll >= 0 && poll < live->polls)
        add_cells(live->at + (size_t)poll * live->columns, cell);
    poll += history->polls;
    if (live == &w->run->stable && poll >= 0 && poll < history->polls)
        add_cells(history->at + (size_t)poll * history->columns, cell);
}

static void live(const struct world *w, struct pod *p, const struct means *m, struct rng *r,
                 const struct bench_series *counts)
{
    int restarts = 0;
    double before[MEANS_CELLS] = {0};
    means_add(m, p->first_s, 1. / PODS, before);
    for (double at_s = p->first_s; at_s <= SCENARIO_SECONDS; at_s += w->scrape_s) {
        double upto[MEANS_CELLS] = {0}, more[MEANS_CELLS];
        means_add(m, at_s, 1. / PODS, upto);
        for (int c = 0; c < MEANS_CELLS; c++) {
            more[c] = rng_poisson(r, upto[c] - before[c]);
            p->count[c] += more[c];
        }
        memcpy(before, upto, sizeof before);
        note(w, counts, at_s, more);
        scrape(w, p, at_s);
        if (restarts < 2 && at_s >= p->restarts[restarts]) {
            restarts++;
            p->started_s = at_s + .1;
            memset(p->count, 0, sizeof p->count);
        }
    }
}

static void colour(struct hd_arena *a, const struct world *w, const struct arm *arm, struct rng *r,
                   struct bench_series *counts)
{
    double length_s = arm->new_version ? 120 : HISTORY_S; /* new pods were there before, and idle */
    struct means m = means_of(a, arm, r, -length_s, SCENARIO_SECONDS, 1);
    for (int p = 0; p < PODS; p++) {
        struct pod pod = {.version = arm->new_version ? "green" : "blue",
                          .number = p,
                          .first_s = w->scrape_s * rng_uniform(r) - length_s,
                          .restarts = {NEVER, NEVER},
                          .started_s = -length_s - 60};
        if (p == 0) { /* far enough after the switch for its counters to fall visibly */
            pod.restarts[0] = arm->new_version ? 3 * w->scrape_s : -1000;
            pod.restarts[1] = arm->new_version ? 900 : 60;
        }
        live(w, &pod, &m, r, counts);
    }
}

static struct bench_series empty(struct hd_arena *a, uint32_t polls)
{
    return (struct bench_series){polls, COLUMNS, arena_many(a, (size_t)polls * COLUMNS, double)};
}

struct bench_run metrics_run(struct hd_arena *a, const struct generate_cell *c, uint32_t run,
                             const char *job, int64_t switch_s, FILE *to)
{
    struct bench_run ret = {.run = run,
                            .history = empty(a, HISTORY_S / c->poll_s),
                            .candidate = empty(a, SCENARIO_SECONDS / c->poll_s),
                            .stable = empty(a, SCENARIO_SECONDS / c->poll_s)};
    struct world w = {to, job, (double)switch_s, c->scrape_s, &ret, c->poll_s};
    struct rng r = generate_rng(c, run);
    struct scenario_draw draw = scenario_draw(c->scenario, &r);
    struct generate_arms arms = generate_arms(c, &draw);
    if (c->guard)
        arms.stable.rps = 0;
    colour(a, &w, &arms.stable, &r, &ret.stable);
    colour(a, &w, &arms.candidate, &r, &ret.candidate);
    return ret;
}
