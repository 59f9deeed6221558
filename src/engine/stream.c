/* SPDX-License-Identifier: Apache-2.0
 *
 * See stream.h. Turns counts and values into log factors; keeps what must wait for its other half.
 * Decides nothing. Called by weigh.c.
 */
#include "engine/stream.h"

#include <math.h>

#include "engine/judge.h"

#define SHARE_MAX 0.95      /* a null of all requests bad could never be refuted */
#define SHARE_MIN 1e-6      /* nor may one event alone be the whole proof */
#define OFFSET_ERRORS 1e-4  /* differences below one request in ten thousand never matter */
#define OFFSET_SLOW 1e-3
#define OK_RATIO 2.0        /* proven healthy: not twice as bad as the baseline, */
#define OK_ERRORS 1e-3      /* and this on top */
#define OK_SLOW 5e-3
#define OK_Z 1.645          /* of the lower limit of the past: 95 % */
#define MICROSECONDS 1e6
#define ABOVE_RATIO 2.0     /* far above: twice the tolerated share, */
#define ABOVE_SHARE 0.02    /* at least so much more, */
#define ABOVE_RATE 1e-7     /* a rate: six events a minute, in events per microsecond; */
#define LEAST_USUAL 1e-300  /* 0 is not known */
#define ABOVE_Z 3.0         /* and no few requests by chance */
#define GAUGE_Q_MAX 0.9     /* bad again after a bad one, where the past has seen too few */
#define BLOCK_MS 60000.0    /* a gauge without a past: means of a minute against each other */
#define COIN 0.5            /* the chance that the one is the higher if both are alike */

bool stream_is_sequential(const struct hd_policy *p, uint32_t check)
{
    return p->checks[check].fail_after.kind == HD_RULE_SEQUENTIAL;
}

static bool is_bucket(const struct hd_check *c)
{
    return c->query.kind == HD_QUERY_COUNTS && c->query.classify == HD_CLASSIFY_BUCKET;
}

/* Shares: the null is always "bad share at most ...". min_of_baseline f of a good share g is one too:
 * 1 - g_new <= (1 - f) + f (1 - g_old). */
static struct stream_shape counts_shape(const struct hd_check *c)
{
    struct stream_shape s = {.flip = c->query.complement, .limit = NAN, .ratio = c->tolerance};
    s.offset = isfinite(c->tolerance_abs) ? c->tolerance_abs
               : is_bucket(c) ? OFFSET_SLOW : OFFSET_ERRORS;
    bool high = isfinite(c->max) || isfinite(c->worse_than_baseline);
    if (isfinite(c->max)) {
        s.limit = c->max;
    } else if (isfinite(c->min)) {
        s.flip = !c->query.complement;
        s.limit = 1 - c->min;
    }
    if (isfinite(c->worse_than_baseline)) {
        s.ratio = c->worse_than_baseline;
    } else if (!high && isfinite(c->min_of_baseline)) {
        s.flip = !c->query.complement;
        s.ratio = c->min_of_baseline;
        s.offset = 1 - c->min_of_baseline;
    } else if (!high && !isfinite(c->min)) {
        s.flip = false; /* without a limit, what is counted as an event is bad */
    }
    return s;
}

struct stream_shape stream_shape(const struct hd_check *c)
{
    if (c->query.kind == HD_QUERY_COUNTS)
        return counts_shape(c);
    bool high = isfinite(c->max) || isfinite(c->worse_than_baseline);
    struct stream_shape s = {.low = !high && (isfinite(c->min) || isfinite(c->min_of_baseline)),
                             .limit = isfinite(c->max) ? c->max : c->min};
    s.ratio = isfinite(c->worse_than_baseline) && !s.low ? c->worse_than_baseline
              : isfinite(c->min_of_baseline) && s.low ? c->min_of_baseline
              : s.low ? 1 / c->tolerance : c->tolerance;
    if (c->query.kind == HD_QUERY_RATE)
        s.limit /= MICROSECONDS;
    return s;
}

void stream_init(struct stream_words *w)
{
    *w = (struct stream_words){.rho = 0};
    seq_stream_init(&w->main);
    seq_stream_init(&w->both);
    seq_stream_init(&w->stable);
    seq_stream_init(&w->kept);
}

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

static double lower(double events, double exposure, double z)
{
    double v = (events + z * z / 2 - z * sqrt(events + z * z / 4)) / exposure;
    return v > 0 ? v : 0;
}

static double ok_offset(const struct hd_check *c)
{
    return c->query.kind != HD_QUERY_COUNTS ? 0 : is_bucket(c) ? OK_SLOW : OK_ERRORS;
}

static void learn_gauge(const struct hd_past *past, double z, int64_t interval_ms,
                        struct stream_words *w)
{
    w->gauge_limit = past->limit;
    w->gauge_ms = (double)(past->step_ms > interval_ms ? past->step_ms : interval_ms);
    for (int i = 0; i < 2; i++) {
        double q = past->polls[i] > 0 ? dispersion_upper(past->bad[i], past->polls[i], z) : 1;
        w->gauge_q[i] = clamp(q, SHARE_MIN, GAUGE_Q_MAX);
    }
}

void stream_learn(const struct hd_policy *p, const struct hd_past *past, double z,
                  struct stream_words *w)
{
    const struct hd_check *c = &p->checks[past->check];
    struct stream_shape s = stream_shape(c);
    int64_t interval_ms = p->guard.interval_ms > 0 ? p->guard.interval_ms : past->step_ms;
    if (c->query.kind == HD_QUERY_GAUGE) {
        if (isfinite(past->limit))
            learn_gauge(past, z, interval_ms, w);
        return;
    }
    if (!(past->exposure > 0) || !(past->events >= 0) || !(past->rho >= 0))
        return;
    w->usual = fmax(isfinite(past->limit) ? past->limit : past->events / past->exposure, LEAST_USUAL);
    /* What must be kept of a past in longer steps is the long-run inflation, not rho. */
    double steps = (double)past->step_ms / (double)interval_ms;
    w->rho = fmin(past->rho * fmax(steps, 1), 1);
    struct past known = {past->rho, past->between, past->events, past->exposure};
    if (s.low)
        w->ceiling = s.ratio * lower(past->events, past->exposure, z) /
                     (1 + 2 * past->between);
    else
        w->ceiling = dispersion_ceiling(&known, s.ratio, s.offset, z);
    w->ok_limit = OK_RATIO * lower(past->events, past->exposure, OK_Z) + ok_offset(c);
}

/* What one side showed; `excess` keeps events that came before their requests. */
static struct seq_arm arm_of(const struct hd_check *c, const struct hd_measurement *m,
                             double *excess)
{
    if (c->query.kind == HD_QUERY_RATE)
        return (struct seq_arm){m->exposure, (double)m->covers_ms * 1000};
    double events = m->events + *excess;
    double fit = events < m->exposure ? events : m->exposure;
    *excess = events - fit;
    return (struct seq_arm){stream_shape(c).flip ? m->exposure - fit : fit, m->exposure};
}

static void one_arm(const struct hd_check *c, const struct stream_shape *s, struct seq_arm a,
                    double q, double f[SEQ_TILTS])
{
    if (!(a.exposure > 0))
        return;
    for (int k = 0; k < SEQ_TILTS; k++) {
        double g = s->low ? 1 / seq_tilt[k] : seq_tilt[k];
        f[k] = c->query.kind == HD_QUERY_RATE
                   ? seq_kernel_poisson(a, q, g)
                   : seq_kernel(a, clamp(q, SHARE_MIN, SHARE_MAX), g);
    }
}

static void ok_alone(const struct hd_check *c, const struct stream_shape *s, struct seq_arm a,
                     const struct stream_words *w, double f[SEQ_OK_TILTS])
{
    double q = isfinite(s->limit) ? s->limit : w->ok_limit;
    for (int k = 0; k < SEQ_OK_TILTS && a.exposure > 0 && q > 0 && !s->low; k++)
        f[k] = c->query.kind == HD_QUERY_RATE
                   ? seq_kernel_poisson(a, q, seq_ok_tilt[k])
                   : seq_kernel(a, clamp(q, SHARE_MIN, SHARE_MAX), seq_ok_tilt[k]);
}

static void add(struct seq_arm *to, struct seq_arm a)
{
    to->events += a.events;
    to->exposure += a.exposure;
}

/* Against each other, time counts by the traffic the router gives a side. */
static struct seq_arm by_traffic(const struct poll *p, const struct hd_check *c, enum hd_role role,
                                 struct seq_arm a)
{
    const struct hd_presence *presence = &p->evidence->presence[role];
    if (c->query.kind == HD_QUERY_RATE)
        a.exposure *= presence->known ? presence->share_ppm / 1e6 : 0;
    return a;
}

static void gather_counts(const struct poll *p, uint32_t i, struct stream_words *w)
{
    const struct hd_check *c = &p->policy->checks[i];
    if (poll_usable(c, p->m[i][HD_CANDIDATE])) {
        struct seq_arm a = arm_of(c, p->m[i][HD_CANDIDATE], &w->excess);
        add(&w->mine, a);
        add(&w->wait_mine, by_traffic(p, c, HD_CANDIDATE, a));
    }
    if (poll_usable(c, p->m[i][HD_STABLE])) {
        struct seq_arm a = arm_of(c, p->m[i][HD_STABLE], &w->stable_excess);
        add(&w->theirs, a);
        add(&w->wait_theirs, by_traffic(p, c, HD_STABLE, a));
    }
}

/* Sums of readings; a block of them is long enough for slow waves to pass. */
static void gather_gauge(const struct poll *p, uint32_t i, struct stream_words *w)
{
    const struct hd_check *c = &p->policy->checks[i];
    if (poll_usable(c, p->m[i][HD_CANDIDATE]))
        add(&w->mine, (struct seq_arm){p->m[i][HD_CANDIDATE]->value, 1});
    if (poll_usable(c, p->m[i][HD_STABLE]))
        add(&w->theirs, (struct seq_arm){p->m[i][HD_STABLE]->value, 1});
    w->block_ms += (double)p->since_last_ms;
}

void stream_gather(const struct poll *p, uint32_t check, struct stream_words *w)
{
    if (p->policy->checks[check].query.kind == HD_QUERY_GAUGE)
        gather_gauge(p, check, w);
    else
        gather_counts(p, check, w);
}

/* Both sides' counts wait until each has some: scrape offsets are fixed, and the two might never
 * meet in one poll. */
static void pair_factors(const struct hd_check *c, const struct stream_shape *s,
                         struct stream_words *w, bool alone, struct stream_factors *ret)
{
    if (!(w->wait_mine.exposure > 0) || !(w->wait_theirs.exposure > 0))
        return;
    struct seq_arm new = dispersion_effective(w->wait_mine, w->rho);
    struct seq_arm old = dispersion_effective(w->wait_theirs, w->rho);
    w->wait_mine = w->wait_theirs = (struct seq_arm){0, 0};
    for (int k = 0; k < SEQ_TILTS && s->ratio > 0; k++) {
        double g = s->low ? 1 / seq_tilt[k] : seq_tilt[k];
        ret->both[k] = seq_two_arm(new, old, s->ratio, s->offset, g);
    }
    for (int k = 0; k < SEQ_OK_TILTS && !alone && !isfinite(s->limit) && !s->low; k++)
        ret->ok[k] = seq_two_arm(new, old, OK_RATIO, ok_offset(c), seq_ok_tilt[k]);
}

static void copy(double to[SEQ_TILTS], const double from[SEQ_TILTS])
{
    for (int k = 0; k < SEQ_TILTS; k++)
        to[k] = from[k];
}

static void counted_step(const struct hd_check *c, bool alone, struct stream_words *w,
                         struct stream_factors *ret)
{
    struct stream_shape s = stream_shape(c);
    double q = isfinite(s.limit) ? s.limit : w->ceiling; /* of one side on its own; 0: none */
    bool own = isfinite(s.limit) || (alone && q > 0);
    struct seq_arm mine = dispersion_effective(w->mine, w->rho);
    ret->stable_n = w->theirs.exposure;
    w->effective += c->query.kind == HD_QUERY_COUNTS ? mine.exposure : 0;
    if (isfinite(s.limit) || q > 0)
        one_arm(c, &s, dispersion_effective(w->theirs, w->rho), q, ret->stable);
    pair_factors(c, &s, w, alone, ret);
    if (own)
        one_arm(c, &s, mine, q, ret->main);
    else
        copy(ret->main, ret->both);
    if (own)
        ok_alone(c, &s, mine, w, ret->ok);
    w->mine = w->theirs = (struct seq_arm){0, 0};
}

static void gauge_step(const struct hd_check *c, struct stream_words *w, struct stream_factors *ret)
{
    struct stream_shape s = stream_shape(c);
    bool past = w->gauge_ms > 0;
    if (w->block_ms < (past ? w->gauge_ms : BLOCK_MS))
        return;
    double value = w->mine.exposure > 0 ? w->mine.events / w->mine.exposure : NAN;
    double stable = w->theirs.exposure > 0 ? w->theirs.events / w->theirs.exposure : NAN;
    double limit = past ? w->gauge_limit : s.limit, tolerated = s.ratio * stable;
    ret->stable_n = w->theirs.exposure;
    w->mine = w->theirs = (struct seq_arm){0, 0};
    w->block_ms = 0;
    if (!isfinite(value) || (!isfinite(limit) && !isfinite(tolerated)))
        return;
    /* A limit that is NaN holds nobody back: the other one decides; of two, both must be broken. */
    bool bad = s.low ? !(value >= limit) && !(value >= tolerated)
                     : !(value <= limit) && !(value <= tolerated);
    double q = past ? w->gauge_q[w->gauge_bit > 0] : COIN;
    for (int k = 0; k < SEQ_TILTS; k++)
        ret->main[k] = seq_kernel((struct seq_arm){bad, 1}, q, seq_tilt[k]);
    if (isfinite(stable))
        copy(ret->both, ret->main);
    w->gauge_bit = bad;
}

void stream_step(const struct hd_policy *p, uint32_t check, bool alone, struct stream_words *w,
                 struct stream_factors *ret)
{
    *ret = (struct stream_factors){.stable_n = 0};
    if (p->checks[check].query.kind == HD_QUERY_GAUGE)
        gauge_step(&p->checks[check], w, ret);
    else
        counted_step(&p->checks[check], alone, w, ret);
}

/* --- may it pass? --- */

/* The share or rate that is tolerated by what is usual, by the past and by stable beside it; NaN: unknown. A
 * null that incidents have raised is none here. */
static double usually_tolerated(const struct hd_check *c, const struct hd_check_state *s)
{
    const struct stream_words *w = (const struct stream_words *)(const void *)s->words;
    struct stream_shape shape = stream_shape(c);
    double usual = w->usual > 0 ? w->usual : NAN; /* a state of an older version has none */
    if (isfinite(shape.limit))
        return shape.limit;
    if (c->query.kind == HD_QUERY_COUNTS && s->stable_exposure >= judge_need(c)) {
        double now = s->stable_events / s->stable_exposure;
        usual = fmax(usual, shape.flip ? 1 - now : now);
    }
    return shape.ratio * usual + shape.offset;
}

static bool is_worse(const struct hd_check *c, struct seq_arm a, double limit)
{
    return !stream_shape(c).low && isfinite(limit) && a.exposure > 0 &&
           lower(a.events, a.exposure, ABOVE_Z) > limit;
}

static bool is_above(const struct hd_check *c, const struct hd_check_state *s, struct seq_arm a)
{
    double limit = usually_tolerated(c, s);
    if (c->query.kind == HD_QUERY_RATE)
        return is_worse(c, a, fmax(ABOVE_RATIO * limit, ABOVE_RATE)) && isfinite(limit);
    /* Of a share that is usual at 30 % not twice, but half of what is left. */
    return is_worse(c, a, limit + fmax(ABOVE_SHARE, fmin((ABOVE_RATIO - 1) * limit, (1 - limit) / 2)));
}

void stream_compare(const struct hd_policy *p, uint32_t check, bool beside, struct hd_check_state *s)
{
    const struct hd_check *c = &p->checks[check];
    struct stream_words *w = stream_words(s);
    if (c->query.kind == HD_QUERY_GAUGE)
        return;
    bool goes_on = w->mine.exposure > 0 ? is_above(c, s, w->mine) : w->above > 0;
    w->above = goes_on ? w->above + 1 : 0;
    if (!(w->mine.exposure > 0))
        return;
    bool worse = is_worse(c, w->mine, usually_tolerated(c, s));
    s->broken += worse;
    s->consecutive = worse ? s->consecutive + 1 : 0;
    s->well_run = worse ? s->well_run + beside : 0;
}

bool stream_is_above(const struct hd_policy *p, uint32_t check, const struct hd_check_state *s)
{
    const struct hd_check *c = &p->checks[check];
    struct seq_arm all = {s->sum_events, s->sum_exposure};
    if (c->query.kind == HD_QUERY_GAUGE)
        return false;
    if (c->query.kind == HD_QUERY_RATE)
        all = (struct seq_arm){s->sum_exposure, (double)s->watched_ms * 1000};
    else if (stream_shape(c).flip)
        all.events = all.exposure - all.events;
    return is_above(c, s, all);
}

/* By bisection: the mixture gains about n x KL(share, limit), less what its parts cost. */
double stream_least(const struct hd_policy *p, uint32_t check, const struct stream_words *w, double limit,
                    double log_e)
{
    const struct hd_check *c = &p->checks[check];
    bool turned = stream_shape(c).flip != c->query.complement;
    double q = clamp(turned ? 1 - limit : limit, SHARE_MIN, SHARE_MAX), low = q, high = 1;
    if (c->query.kind != HD_QUERY_COUNTS || !isfinite(limit))
        return NAN;
    for (int i = 0; i < 40; i++) {
        double share = (low + high) / 2;
        double gain = share * log(share / q) + (share < 1 ? (1 - share) * log((1 - share) / (1 - q)) : 0);
        if (w->effective * gain < log_e + log(2.0 * SEQ_TILTS))
            low = share;
        else
            high = share;
    }
    return turned ? 1 - high : high;
}

bool stream_is_beyond(const struct hd_check *c, double value, double limit)
{
    struct stream_shape s = stream_shape(c);
    bool turned = c->query.kind == HD_QUERY_COUNTS && s.flip != c->query.complement;
    return turned || s.low ? value < limit : value > limit;
}

bool stream_has_null(const struct hd_check *c, const struct hd_check_state *s, bool alone,
                     bool stable_usable)
{
    const struct stream_words *w = (const struct stream_words *)(const void *)s->words;
    if (judge_has_absolute(c))
        return true;
    if (c->query.kind == HD_QUERY_GAUGE)
        return w->gauge_ms > 0 || stable_usable;
    return (alone && w->ceiling > 0) || s->gather_stable_exposure > 0;
}

double stream_limit(const struct hd_policy *p, uint32_t check, const struct stream_words *w,
                    bool alone, double stable)
{
    const struct hd_check *c = &p->checks[check];
    struct stream_shape s = stream_shape(c);
    if (judge_has_absolute(c))
        return isfinite(c->max) ? c->max : c->min;
    if (c->query.kind == HD_QUERY_GAUGE)
        return w->gauge_ms > 0 ? w->gauge_limit : s.ratio * stable;
    if (c->query.kind == HD_QUERY_RATE)
        return alone && w->ceiling > 0 ? w->ceiling * MICROSECONDS : s.ratio * stable;
    bool turned = s.flip != c->query.complement; /* the value is the good share */
    double bad = turned ? 1 - stable : stable;
    double limit = alone && w->ceiling > 0 ? w->ceiling : s.ratio * bad + s.offset;
    return turned ? 1 - limit : limit;
}
