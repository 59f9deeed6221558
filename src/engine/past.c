/* SPDX-License-Identifier: Apache-2.0
 *
 * See past.h. Walks the arrays it is given, allocates nothing. Called by pipeline/, and by what
 * replays histories: backtest and verdict-bench.
 */
#include "engine/past.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "engine/stream.h"

#define STEPS_MIN 60         /* an hour of minutes, or five minutes of polls */
#define BLOCK_MS 600000      /* level shifts are looked for between blocks of 10 minutes */
#define LONG_STEP_MS 60000
#define WAVE_MS 320000       /* noise is what comes and goes faster, 16 polls and more; slower waves
                              * move the level between blocks. Fewer, longer batches say less */
#define LONG_BLOCK_MS 4800000 /* with longer steps: little traffic, so that few fall in a block */
#define PAST_MS (3 * 3600000)       /* how much of the past is normal */
#define LONG_MS (24 * 3600000)      /* the same, below LOW_RATE */
#define LOW_RATE 1.0                /* requests per second */
#define LOW_STEP_MS 80000           /* of such a past: a step must hold some requests */
#define CHUNK_MS 600000             /* 1,200 series at 15 s are 1.1 MB */
#define LONG_CHUNK_MS 3600000
#define PICK_LEAST 200.0     /* requests; of fewer the slowest would pick */
#define QUANTILE 0.9         /* of a gauge: what is usual */
#define BOUND_BINS 20        /* of a chunk of buckets: half a minute, so that little is left out with a bad one */

struct seq_arm past_step(const struct hd_check *c, const struct hd_measurement *m)
{
    struct stream_shape shape = stream_shape(c);
    if (!poll_usable(c, m))
        return (struct seq_arm){0, 0};
    if (c->query.kind == HD_QUERY_GAUGE)
        return (struct seq_arm){m->value, 1};
    if (c->query.kind == HD_QUERY_RATE)
        return (struct seq_arm){m->exposure, (double)m->covers_ms * 1000};
    double events = m->events < m->exposure ? m->events : m->exposure;
    return (struct seq_arm){shape.flip ? m->exposure - events : events, m->exposure};
}

/* The smallest value that `share` of the seen steps do not exceed, by bisection. */
static double quantile(const struct history *h, double share)
{
    double low = INFINITY, high = -INFINITY, n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (!(h->exposure[i] > 0))
            continue;
        low = h->events[i] < low ? h->events[i] : low;
        high = h->events[i] > high ? h->events[i] : high;
        n++;
    }
    for (int step = 0; step < 60 && low < high; step++) {
        double middle = low + (high - low) / 2, below = 0;
        for (size_t i = 0; i < h->n; i++)
            below += h->exposure[i] > 0 && h->events[i] <= middle;
        if (below >= share * n)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* How often a step was bad, after a good one and after a bad one. */
static void learn_gauge(const struct hd_check *c, const struct history *h, struct hd_past *ret)
{
    struct stream_shape shape = stream_shape(c);
    bool last = false, known = false;
    double usual = quantile(h, shape.low ? 1 - QUANTILE : QUANTILE);
    ret->limit = isfinite(shape.limit) ? shape.limit : usual * shape.ratio;
    for (size_t i = 0; i < h->n; i++) {
        if (!(h->exposure[i] > 0))
            continue;
        bool bad = shape.low ? h->events[i] < ret->limit : h->events[i] > ret->limit;
        if (known) {
            ret->polls[last]++;
            ret->bad[last] += bad;
        }
        last = bad;
        known = true;
    }
}

/* Half of the blocks keep to it: incidents do not move it, as long as they are not the rule. */
static double usual_of(const struct history *h)
{
    double share[2 * STEPS_MIN], seen[2 * STEPS_MIN];
    size_t size = h->n / STEPS_MIN, n = h->n / size;
    for (size_t i = 0; i < n; i++) {
        struct seq_arm sum = {0, 0};
        for (size_t k = i * size; k < (i + 1) * size; k++) {
            sum.events += h->events[k];
            sum.exposure += h->exposure[k];
        }
        seen[i] = sum.exposure > 0;
        share[i] = seen[i] > 0 ? sum.events / sum.exposure : 0;
    }
    return quantile(&(struct history){share, seen, n}, 0.5);
}

bool past_learn(const struct hd_policy *p, uint32_t check, const struct history *h,
                int64_t step_ms, struct hd_past *ret)
{
    const struct hd_check *c = &p->checks[check];
    struct hd_past past = {.check = (uint8_t)check, .step_ms = step_ms, .limit = NAN};
    size_t seen = 0;
    for (size_t i = 0; i < h->n; i++)
        seen += h->exposure[i] > 0;
    if (seen < STEPS_MIN || step_ms <= 0)
        return false;
    if (c->query.kind == HD_QUERY_GAUGE) {
        learn_gauge(c, h, &past);
    } else {
        size_t block = step_ms <= LONG_STEP_MS ? (size_t)(BLOCK_MS / step_ms)
                                               : (size_t)(LONG_BLOCK_MS / step_ms);
        /* Incidents in the past can give more than 1; no poll counts as less than one request. */
        double rho = dispersion_rho(h, (size_t)(WAVE_MS / step_ms));
        struct past learned = dispersion_learn(h, fmin(rho, 1), block);
        past.rho = learned.rho;
        past.between = learned.between;
        past.events = learned.events;
        past.exposure = learned.exposure;
        past.limit = usual_of(h);
    }
    *ret = past;
    return true;
}

/* --- rejected releases --- */

#define WINDOW_MS (2 * PAST_SCRAPE_MS) /* a count may tell of so long before its sample */

bool past_left_out(const struct past_releases *r, int64_t before_ms, int64_t span_ms)
{
    for (size_t i = 0; r && i < r->n; i++) {
        int64_t until_ms = i + 1 < r->n ? r->on[i + 1].from_ms : r->on[i].until_ms;
        int64_t first_ms = r->since_ms - r->on[i].from_ms; /* before the switch, as the span */
        int64_t last_ms = r->since_ms - until_ms;
        if (r->on[i].rejected && before_ms < first_ms + WINDOW_MS && before_ms + span_ms > last_ms - WINDOW_MS)
            return true;
    }
    return false;
}

/* --- reading it --- */

static size_t bins_of(const struct past_bins *b)
{
    size_t n = (size_t)(LONG_MS / b->bin_ms);
    return n < PAST_BINS_MAX ? n : PAST_BINS_MAX;
}

void past_begin(const struct hd_policy *p, const struct hd_check *c, int64_t scrape_ms,
                struct past_bins *b)
{
    int64_t interval = p->guard.interval_ms > 1000 ? p->guard.interval_ms : 1000;
    int64_t rare = c->query.kind == HD_QUERY_GAUGE ? PAST_GAUGE_STEP_MS : scrape_ms;
    b->bin_ms = rare > interval ? (rare + interval - 1) / interval * interval : interval;
    b->back_ms = b->left_out_ms = 0;
    b->requests = 0;
    for (size_t i = 0; i < bins_of(b); i++)
        b->events[i] = b->exposure[i] = 0;
}

int64_t past_next_ms(const struct past_bins *b, const struct hd_check *c)
{
    bool gauge = c->query.kind == HD_QUERY_GAUGE;
    bool quiet = !gauge && b->requests < LOW_RATE * (double)(PAST_MS / 1000);
    int64_t ms = b->back_ms < PAST_MS ? gauge ? PAST_MS : CHUNK_MS
                 : quiet && b->back_ms < LONG_MS ? LONG_CHUNK_MS : 0;
    return ms - ms % b->bin_ms;
}

void past_read(struct past_bins *b, int64_t chunk_ms) { b->back_ms += chunk_ms; }

void past_put(struct past_bins *b, const struct hd_check *c, int64_t before_ms,
              const struct hd_measurement *m)
{
    size_t from_end = (size_t)(before_ms / b->bin_ms), n = bins_of(b);
    if (before_ms < 0 || from_end >= n)
        return;
    struct seq_arm a = past_step(c, m);
    if (a.exposure > 0 && past_left_out(b->releases, before_ms, b->bin_ms)) {
        b->left_out_ms += b->bin_ms;
        return;
    }
    b->events[n - 1 - from_end] = a.events;
    b->exposure[n - 1 - from_end] = a.exposure;
    b->requests += a.exposure > 0 ? m->exposure : 0;
}

/* Steps of at least LOW_STEP_MS. */
static void join_steps(double *events, double *exposure, size_t n, size_t parts)
{
    for (size_t i = 0; i < n; i++) {
        double e = events[i], x = exposure[i];
        events[i] = exposure[i] = 0;
        events[i / parts] += e;
        exposure[i / parts] += x;
    }
}

bool past_end(const struct hd_policy *p, uint32_t check, struct past_bins *b, struct hd_past *ret)
{
    size_t n = (size_t)(b->back_ms / b->bin_ms), all = bins_of(b), parts = 1;
    n = n < all ? n : all;
    double *events = b->events + all - n, *exposure = b->exposure + all - n;
    if (b->back_ms > PAST_MS)
        parts = (size_t)((LOW_STEP_MS + b->bin_ms - 1) / b->bin_ms);
    if (parts > 1)
        join_steps(events, exposure, n, parts);
    struct history h = {events, exposure, n / parts};
    return past_learn(p, check, &h, (int64_t)parts * b->bin_ms, ret);
}

size_t past_pick_bounds(const struct history *h, size_t n, size_t ret[3])
{
    static const double target[3] = {0.30, 0.05, 0.005};
    size_t picked = 0;
    for (size_t k = 0; k < 3 && n; k++) {
        size_t best = 0;
        double nearest = INFINITY;
        for (size_t i = 0; i < n; i++) {
            double events = 0, exposure = 0;
            for (size_t j = 0; j < h[i].n; j++) {
                events += h[i].events[j];
                exposure += h[i].exposure[j];
            }
            double share = exposure > 0 ? events / exposure : 0;
            double off = fabs(log(share > 1e-9 ? share : 1e-9) - log(target[k]));
            if (off < nearest) {
                nearest = off;
                best = i;
            }
        }
        bool again = false;
        for (size_t j = 0; j < picked; j++)
            again |= ret[j] == best;
        if (!again)
            ret[picked++] = best;
    }
    return picked;
}

/* --- bounds --- */

static enum hd_code find_bounds(const struct hd_rows *rows, struct past_bounds *b,
                                struct hd_error *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        double bound;
        size_t k = 0;
        if (!rows->row[i].key || !str_read_double(rows->row[i].key, &bound) || !isfinite(bound))
            continue;
        while (k < b->n && fabs(b->bound[k] - bound) > 1e-9 * fabs(bound))
            k++;
        if (k < b->n)
            continue;
        if (b->n == PAST_BOUNDS_MAX)
            return hd_fail(err, HD_LIMIT, "the histogram has more than %d buckets", PAST_BOUNDS_MAX);
        b->bound[b->n++] = bound;
    }
    return HD_OK;
}

enum hd_code past_add_bounds(const struct counts_look *look, const struct past_bins *bins,
                             int64_t chunk_ms, struct past_bounds *b, struct hd_error *err)
{
    struct hd_measurement m[BOUND_BINS][HD_ROLES];
    int64_t bin_ms = chunk_ms / BOUND_BINS;
    enum hd_code code = b->n ? HD_OK : find_bounds(look->rows, b, err);
    for (size_t k = 0; !code && k < b->n; k++) {
        struct hd_query query = *look->query;
        struct counts_look one = *look;
        query.bound = b->bound[k];
        one.query = &query;
        memset(m, 0, sizeof m);
        code = counts_bins(&one, bin_ms, BOUND_BINS, m, err);
        for (size_t i = 0; !code && i < BOUND_BINS; i++) {
            int64_t before_ms = bins->back_ms + (int64_t)(BOUND_BINS - 1 - i) * bin_ms;
            if (m[i][HD_STABLE].outcome != HD_OUTCOME_OK || past_left_out(bins->releases, before_ms, bin_ms))
                continue;
            b->slower[k] += m[i][HD_STABLE].events;
            b->requests[k] += m[i][HD_STABLE].exposure;
        }
    }
    return code;
}

double past_bounds_requests(const struct past_bounds *b)
{
    double most = 0;
    for (size_t k = 0; k < b->n; k++)
        most = fmax(most, b->requests[k]);
    return most;
}

bool past_pick(const struct past_bounds *b, double ret[HD_PICKS])
{
    struct history h[PAST_BOUNDS_MAX];
    size_t pick[HD_PICKS] = {0};
    for (size_t k = 0; k < b->n; k++)
        h[k] = (struct history){&b->slower[k], &b->requests[k], 1};
    size_t n = past_bounds_requests(b) >= PICK_LEAST ? past_pick_bounds(h, b->n, pick) : 0;
    for (size_t k = 0; n && k < HD_PICKS; k++)
        ret[k] = b->bound[pick[k < n ? k : n - 1]];
    return n > 0;
}
