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

#define PODS 3
#define VISIBLE_S .02      /* from a scrape to its samples being there to ask for */
#define HISTORY_S 10800    /* 3 h */
#define LONG_HISTORY_S 86400 /* of services with at most LOW_RPS */
#define LONG_STEP_S 80
#define LOW_RPS 1.
#define CANARY_SHARE .1
#define SHOCK_S 10.        /* one beta-binomial shock */
#define SHOCK_RHO .001
#define SHOCK_SLOWER .10   /* deviation of the logarithm */
#define WAVE_S 60.         /* correlation time */
#define WAVE_ERRORS .5     /* deviations of the logarithms */
#define WAVE_SLOWER .05
#define BOUNDS 6
#define BUCKETS (BOUNDS + 1)
#define CELLS (2 * BUCKETS) /* failed ones, then the others */

static const double bounds_s[BOUNDS] = {.025, .05, .1, .25, .5, 1};

/* --- noise: each colour has its own --- */

struct noise {
    int kind;
    struct rng *rng;
    double shock_until_s, errors, slower; /* BURSTS: of the shock that lasts */
    bool begun;                           /* WAVES */
    double wave_errors, wave_slower;
};

/* The shock that begins with this step draws the share of its whole time from the truth of now. */
static void burst(struct noise *n, double at_s, const struct scenario_truth *t)
{
    if (at_s < n->shock_until_s)
        return;
    double most = 1 / SHOCK_RHO - 1;
    n->errors = rng_beta(n->rng, fmax(t->errors * most, 1e-9), fmax((1 - t->errors) * most, 1e-9));
    n->slower = exp(SHOCK_SLOWER * rng_normal(n->rng));
    n->shock_until_s = at_s + SHOCK_S;
}

static void wave(struct noise *n, double step_s)
{
    double keep = n->begun ? exp(-step_s / WAVE_S) : 0, add = sqrt(1 - keep * keep);
    n->begun = true;
    n->wave_errors = keep * n->wave_errors + add * rng_normal(n->rng);
    n->wave_slower = keep * n->wave_slower + add * rng_normal(n->rng);
}

static void disturb(struct noise *n, double at_s, double step_s, struct scenario_truth *t)
{
    if (n->kind == BURSTS) {
        burst(n, at_s, t);
        t->errors = n->errors;
        t->slower *= n->slower;
    } else if (n->kind == WAVES) {
        wave(n, step_s);
        t->errors *= exp(WAVE_ERRORS * n->wave_errors - WAVE_ERRORS * WAVE_ERRORS / 2);
        t->errors = fmin(t->errors, 1);
        t->slower *= exp(WAVE_SLOWER * n->wave_slower);
    }
}

/* --- means per step --- */

/* Share of requests in each latency bucket. */
static void bucket_shares(double slower, double ret[BUCKETS])
{
    double left = 1;
    for (int b = 0; b < BOUNDS; b++) {
        double z = (log(bounds_s[b]) - log(SCENARIO_MEDIAN_S * slower)) / SCENARIO_SIGMA;
        double over = .5 * erfc(z / M_SQRT2);
        ret[b] = left - over;
        left = over;
    }
    ret[BOUNDS] = left;
}

/* Means of the cells from the first step's beginning to each step's end. */
struct means {
    double first_s, step_s;
    size_t steps;
    double *upto; /* [steps + 1][CELLS] */
};

struct arm {
    const struct generate_cell *cell;
    const struct scenario_draw *draw;
    bool new_version;
    double rps_before, rps; /* before the switch, and from it on */
    int noise;
};

static struct means means_of(struct hd_arena *a, const struct arm *arm, struct rng *r,
                             double first_s, double last_s, double step_s)
{
    struct means m = {first_s, step_s, (size_t)((last_s - first_s) / step_s + .5), NULL};
    struct noise noise = {.kind = arm->noise, .rng = r, .shock_until_s = first_s};
    double share[BUCKETS], of = -1;
    m.upto = arena_many(a, (m.steps + 1) * CELLS, double);
    for (size_t i = 0; i < m.steps; i++) {
        double at_s = first_s + (double)i * step_s;
        struct scenario_truth t =
            scenario_truth(arm->cell->scenario, arm->draw, arm->new_version, at_s, step_s);
        disturb(&noise, at_s, step_s, &t);
        if (t.slower > of || t.slower < of)
            bucket_shares(of = t.slower, share);
        double n = (at_s < 0 ? arm->rps_before : arm->rps) * t.traffic * step_s;
        double *now = m.upto + i * CELLS, *next = now + CELLS;
        for (int b = 0; b < BUCKETS; b++) {
            next[b] = now[b] + n * t.errors * share[b];
            next[BUCKETS + b] = now[BUCKETS + b] + n * (1 - t.errors) * share[b];
        }
    }
    return m;
}

/* Adds the means from the start to `at_s`, times `weight`. */
static void add_means(const struct means *m, double at_s, double weight, double to[CELLS])
{
    double steps = fmax((at_s - m->first_s) / m->step_s, 0);
    size_t whole = steps < (double)m->steps ? (size_t)steps : m->steps;
    double part = whole < m->steps ? steps - (double)whole : 0;
    const double *now = m->upto + whole * CELLS, *next = now + (part > 0 ? CELLS : 0);
    for (int c = 0; c < CELLS; c++)
        to[c] += weight * (now[c] + part * (next[c] - now[c]));
}

/* --- counts per poll --- */

static void draw_row(struct rng *r, const double means[CELLS], double row[2 + BOUNDS])
{
    memset(row, 0, (2 + BOUNDS) * sizeof *row);
    for (int c = 0; c < CELLS; c++) {
        double k = rng_poisson(r, means[c]);
        row[BENCH_REQUESTS] += k;
        row[BENCH_ERRORS] += c < BUCKETS ? k : 0;
        for (int b = 0; b < c % BUCKETS; b++)
            row[BENCH_SLOWER + b] += k;
    }
}

/* Up to which second the pod's counters are known at `at_s`. */
static double seen_until(double scrape_s, double offset_s, double at_s)
{
    return scrape_s > 0
               ? offset_s + scrape_s * floor((at_s - VISIBLE_S - offset_s) / scrape_s)
               : at_s;
}

static struct bench_series draw_series(struct hd_arena *a, struct rng *r, const struct means *m,
                                       double from_s, double poll_s, uint32_t polls,
                                       double scrape_s)
{
    struct bench_series s = {polls, 2 + BOUNDS, arena_many(a, (size_t)polls * (2 + BOUNDS), double)};
    double offset_s[PODS], before[CELLS] = {0};
    for (int p = 0; p < PODS; p++)
        offset_s[p] = scrape_s * rng_uniform(r);
    for (uint32_t i = 0; i <= polls; i++) {
        double upto[CELLS] = {0}, more[CELLS];
        for (int p = 0; p < PODS; p++)
            add_means(m, seen_until(scrape_s, offset_s[p], from_s + i * poll_s), 1. / PODS, upto);
        for (int c = 0; c < CELLS; c++)
            more[c] = upto[c] - before[c];
        memcpy(before, upto, sizeof before);
        if (i)
            draw_row(r, more, s.at + (size_t)(i - 1) * s.columns);
    }
    return s;
}

/* --- a run --- */

static struct bench_series draw_live(struct hd_arena *a, struct rng *r, const struct arm *arm)
{
    const struct generate_cell *c = arm->cell;
    bool exact = c->poll_s == 10 && c->scrape_s <= 0; /* steps of a poll, as the first files had */
    double first_s = exact ? 0 : -10 * ceil((c->scrape_s + 1) / 10);
    struct means m = means_of(a, arm, r, first_s, SCENARIO_SECONDS, exact ? 10 : 1);
    return draw_series(a, r, &m, 0, c->poll_s, SCENARIO_SECONDS / c->poll_s, c->scrape_s);
}

static struct bench_series draw_history(struct hd_arena *a, struct rng *r, struct arm arm)
{
    const struct generate_cell *c = arm.cell;
    bool low = c->rps <= LOW_RPS;
    double length_s = low ? LONG_HISTORY_S : HISTORY_S, step_s = low ? LONG_STEP_S : c->poll_s;
    struct generate_cell even = *c;
    if (low) { /* a whole day: what swings over it has gone */
        even.scenario = &scenarios[0];
        arm.cell = &even;
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
                           .history_polls = low ? LONG_HISTORY_S / LONG_STEP_S
                                                : HISTORY_S / c->poll_s,
                           .poll_s = c->poll_s,
                           .history_poll_s = low ? LONG_STEP_S : c->poll_s,
                           .scrape_s = c->scrape_s,
                           .onset_s = c->scenario->onset_s,
                           .n_bounds = BOUNDS};
    (void)snprintf(h.scenario, sizeof h.scenario, "%s", c->scenario->name);
    memcpy(h.bounds_s, bounds_s, sizeof bounds_s);
    return h;
}

static struct rng rng_of_run(const struct generate_cell *c, uint32_t run)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s|%s|%g|%u|%g|%u", c->scenario->name,
                   c->guard ? "guard" : "canary", c->rps, c->poll_s, c->scrape_s, run);
    return rng_of((uint64_t)c->seed, str_hash(key, 0));
}

struct bench_run generate_run(struct hd_arena *a, const struct generate_cell *c, uint32_t run)
{
    struct rng r = rng_of_run(c, run);
    struct scenario_draw draw = scenario_draw(c->scenario, &r);
    int noise = c->scenario->noise;
    double few = fmin(2, .02 * c->rps + 1); /* what a hold-back or probes keep on the old version */
    struct arm before = {c, &draw, false, c->rps, 0, noise};
    struct arm candidate = {c, &draw, true, 0, c->guard ? c->rps : CANARY_SHARE * c->rps, noise};
    struct arm old = {c, &draw, false, c->rps, c->guard ? few : (1 - CANARY_SHARE) * c->rps, noise};
    struct bench_run ret = {.run = run};
    ret.history = draw_history(a, &r, before);
    ret.candidate = draw_live(a, &r, &candidate);
    ret.stable = draw_live(a, &r, &old);
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
