/* SPDX-License-Identifier: Apache-2.0
 *
 * See weigh.h. A guard goes back when the evidence against the candidate reaches 1/false_rollbacks
 * and stable, as far as it has traffic, is seen to be better in the same time. Kept from poll to
 * poll in hd_guard_state.words. Called by engine.c and verdict.c.
 */
#include "engine/weigh.h"

#include <math.h>

#include "engine/judge.h"
#include "engine/stream.h"

#define ALPHA_USUAL 0.01
#define ALPHA_PAUSE 0.05      /* enough to stop giving the candidate more traffic */
#define ALPHA_OK 0.05         /* wrong proofs of health */
#define ALPHA_BOTH 0.05       /* a shared outage taken for the release */
#define ALPHA_ROUTING 0.005   /* of each direction */
#define PAST_PART 0.1         /* of alpha, for a ceiling that is too low by chance */
#define ALONE_SHARE 0.95      /* from here on stable has a hold-back, and the past must do */
#define DOUBT_MS 120000       /* how long stable may take to show that it is better */
#define DOUBT_REQUESTS 20     /* fewer of stable in that time say nothing */
#define ROUTING_RATIO 1.25    /* routers round, and scrapes come at different moments */
#define ROUTING_OFFSET 0.02
#define ROUTING_RHO 0.01      /* 100 independent choices a poll at most */

struct weigh_words {
    struct seq_meter main;
    double both_log_a, stable_log_a;
    double both_ms, stable_ms, crossed_ms, healthy_ms, doubtful_ms, routing_ms;
    double stepped_ms, talked_ms;  /* last step; stable's last traffic */
    double doubt_n;                /* stable's requests since the crossing */
    double alone, by_past, mute;   /* 0 or 1; mute: stable has had no traffic for two scrapes */
    double threshold;
    double blame;                  /* check + 1 */
    struct seq_stream more, less;  /* than its share of the requests */
    struct seq_arm routed, routed_old; /* events: candidate, exposure: all; waiting ones */
    double share_ppm;
    double kept_log_a, kept_run;   /* as of the meter, over the checks' `kept` */
};
_Static_assert(sizeof(struct weigh_words) <= ENGINE_WORDS * sizeof(double), "words of a guard");

static struct weigh_words *words_of(struct hd_guard_state *g)
{
    return (struct weigh_words *)(void *)g->words;
}

static const struct weigh_words *const_words_of(const struct hd_guard_state *g)
{
    return (const struct weigh_words *)(const void *)g->words;
}

static double alpha_of(const struct hd_policy *p)
{
    double a = p->guard.false_rollbacks;
    return a > 0 && a < 1 ? a : ALPHA_USUAL;
}

static double threshold_of(const struct hd_policy *p, const struct weigh_words *w)
{
    return -log(alpha_of(p) * (w->by_past > 0 ? 1 - PAST_PART : 1));
}

static bool is_mute(const struct hd_policy *p, const struct hd_guard_state *g)
{
    const struct weigh_words *w = const_words_of(g);
    int64_t quiet_ms = 2 * (g->scrape_ms + p->guard.interval_ms);
    return w->talked_ms <= 0 || (double)g->t_ms - w->talked_ms > (double)quiet_ms;
}

static bool weighs(const struct hd_policy *p, uint32_t i)
{
    return stream_is_sequential(p, i) && !p->checks[i].advisory;
}

/* Weights by check, 1 in sum; what was bad before the switch keeps its part and uses none of it.
 * Returns how many weigh at all. */
static size_t weights_of(const struct hd_policy *p, const struct hd_guard_state *g,
                         double ret[HD_CHECKS_MAX])
{
    double sum = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        double weight = p->checks[i].weight;
        ret[i] = weighs(p, i) && isfinite(weight) && weight > 0 ? weight : 0;
        sum += ret[i];
        n += ret[i] > 0;
    }
    for (uint32_t i = 0; i < p->n_checks; i++)
        ret[i] = sum > 0 && !g->check[i].earlier ? ret[i] / sum : 0;
    return n;
}

void weigh_init(const struct hd_policy *p, struct hd_guard_state *g)
{
    struct weigh_words *w = words_of(g);
    bool any = false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (stream_is_sequential(p, i))
            stream_init(stream_words(&g->check[i]));
        any |= stream_is_sequential(p, i);
    }
    if (!any)
        return;
    seq_meter_init(&w->main);
    w->both_log_a = w->stable_log_a = w->kept_log_a = -INFINITY;
    seq_stream_init(&w->more);
    seq_stream_init(&w->less);
}

void weigh_past(const struct hd_policy *p, const struct hd_evidence *e, struct hd_guard_state *g)
{
    double weight[HD_CHECKS_MAX];
    if (!e->n_past)
        return;
    size_t n = weights_of(p, g, weight);
    double z = dispersion_z(alpha_of(p) * PAST_PART / (double)(n ? n : 1));
    for (size_t i = 0; i < e->n_past; i++) {
        const struct hd_past *past = &e->past[i];
        if (stream_is_sequential(p, past->check))
            stream_learn(p, past, z, stream_words(&g->check[past->check]));
    }
}

bool weigh_is_alone(const struct poll *p, const struct hd_guard_state *g)
{
    const struct hd_presence *presence = &p->evidence->presence[HD_CANDIDATE];
    double mine = 0, theirs = 0;
    if (presence->known)
        return presence->share_ppm >= ALONE_SHARE * 1e6;
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        mine += g->check[i].sum_exposure;
        theirs += g->check[i].stable_exposure;
    }
    return mine > 0 && mine / (mine + theirs) >= ALONE_SHARE;
}

bool weigh_wants_past(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t i)
{
    const struct stream_words *s = (const struct stream_words *)(const void *)g->check[i].words;
    return stream_is_sequential(p, i) && !(s->ceiling > 0) && !(s->gauge_ms > 0);
}

/* --- routing --- */

static const struct hd_measurement *counts_of(const struct poll *p, enum hd_role role)
{
    for (uint32_t i = 0; i < p->policy->n_checks; i++) {
        const struct hd_check *c = &p->policy->checks[i];
        if (c->query.kind == HD_QUERY_COUNTS)
            return poll_usable(c, p->m[i][role]) ? p->m[i][role] : NULL;
    }
    return NULL;
}

/* Do the requests follow the router's settings? A setting that changes begins anew. */
static void gather_routing(const struct poll *p, struct weigh_words *w)
{
    const struct hd_presence *presence = p->evidence->presence;
    const struct hd_measurement *mine = counts_of(p, HD_CANDIDATE), *theirs = counts_of(p, HD_STABLE);
    bool known = presence[HD_CANDIDATE].known && presence[HD_STABLE].known;
    double ppm = known ? presence[HD_CANDIDATE].share_ppm : 0;
    if (ppm != w->share_ppm) {
        w->routed_old = (struct seq_arm){0, 0};
        w->routed = (struct seq_arm){0, 0};
    } else {
        w->routed_old.events += mine ? mine->exposure : 0;
        w->routed_old.exposure += theirs ? theirs->exposure : 0;
    }
    w->share_ppm = ppm;
}

static void step_routing(struct weigh_words *w, double log_weight, int64_t t_ms)
{
    double share = w->share_ppm / 1e6, more[SEQ_TILTS] = {0}, less[SEQ_TILTS] = {0};
    double mine = w->routed_old.events, all = mine + w->routed_old.exposure;
    double high = share * ROUTING_RATIO + ROUTING_OFFSET;
    double low = share / ROUTING_RATIO - ROUTING_OFFSET;
    if (share > 0 && share < 1 && mine > 0 && all > mine) {
        struct seq_arm a = dispersion_effective((struct seq_arm){mine, all}, ROUTING_RHO);
        for (int k = 0; k < SEQ_TILTS; k++) {
            more[k] = high < 1 ? seq_kernel(a, high, seq_tilt[k]) : 0;
            less[k] = low > 0 ? seq_kernel(a, low, 1 / seq_tilt[k]) : 0;
        }
        w->routed.events += mine;
        w->routed.exposure += all;
        w->routed_old = (struct seq_arm){0, 0};
    }
    seq_take(&w->more, log_weight, more);
    seq_take(&w->less, log_weight, less);
    double log_e = fmax(seq_share(&w->more, 1), seq_share(&w->less, 1));
    if (w->routing_ms <= 0 && log_e >= -log(ALPHA_ROUTING))
        w->routing_ms = (double)t_ms;
}

/* --- the evidence --- */

struct sums { /* of one step */
    double weight[HD_CHECKS_MAX]; /* by check */
    double stable_n;
    bool healthy;
};

/* How much a check contributes. */
static double share_of(const struct hd_guard_state *g, const struct sums *sums, uint32_t i)
{
    const struct stream_words *s = (const struct stream_words *)(const void *)g->check[i].words;
    return sums->weight[i] > 0 ? seq_share(&s->main, sums->weight[i]) : -INFINITY;
}

static uint32_t limiter(const struct hd_policy *p, const struct hd_guard_state *g)
{
    return seq_limiter_polls(p->guard.ignore_blips_ms, p->guard.interval_ms, g->scrape_ms);
}

/* By its past, not by a limit or by stable: that is part of the risk. */
static bool goes_by_past(const struct hd_policy *p, const struct hd_guard_state *g)
{
    const struct weigh_words *w = const_words_of(g);
    bool any = w->by_past > 0;
    for (uint32_t i = 0; i < p->n_checks && w->alone > 0; i++) {
        const struct stream_words *s = (const struct stream_words *)(const void *)g->check[i].words;
        any |= stream_is_sequential(p, i) && !judge_has_absolute(&p->checks[i]) &&
               (s->ceiling > 0 || s->gauge_ms > 0);
    }
    return any;
}

/* The limiter of bursts takes along what was gathered before one, so that a worse candidate could pass where
 * a better one had failed. Beside the evidence that decides runs one that is cut by itself: never less
 * than the other, never less for a worse candidate, and no more after a burst alone than the limiter leaves
 * on each tilt. */
static void step_kept(const struct hd_policy *p, const struct hd_guard_state *g, double log_weight,
                      double weight, const double f[SEQ_TILTS], struct seq_stream *kept)
{
    const struct weigh_words *w = const_words_of(g);
    bool open = w->kept_run >= limiter(p, g) - 1;
    double most = SEQ_BURST * threshold_of(p, w) - log(weight / SEQ_TILTS);
    seq_take_capped(kept, log_weight, f, open ? INFINITY : most);
}

/* Stable's samples come with its own scrapes, not with every poll. */
static bool is_beside(const struct hd_guard_state *g, const struct stream_words *s)
{
    double talked_ms = const_words_of(g)->talked_ms;
    return s->theirs.exposure > 0 || (talked_ms > 0 && (double)g->t_ms - talked_ms <= (double)g->scrape_ms);
}

static void step_streams(const struct hd_policy *p, struct hd_guard_state *g, double log_weight,
                         struct sums *sums)
{
    struct weigh_words *w = words_of(g);
    w->both_log_a = w->stable_log_a = w->kept_log_a = -INFINITY;
    w->by_past = goes_by_past(p, g);
    sums->healthy = true;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        struct stream_words *s = stream_words(&g->check[i]);
        struct stream_factors f;
        if (!stream_is_sequential(p, i))
            continue;
        stream_compare(p, i, is_beside(g, s), &g->check[i]);
        stream_step(p, i, w->alone > 0, s, &f);
        seq_take(&s->main, log_weight, f.main);
        seq_take(&s->both, log_weight, f.both);
        seq_take(&s->stable, log_weight, f.stable);
        for (int k = 0; k < SEQ_OK_TILTS; k++)
            s->ok[k] += f.ok[k];
        w->both_log_a = seq_log_add(w->both_log_a, seq_share(&s->both, sums->weight[i]));
        w->stable_log_a = seq_log_add(w->stable_log_a, seq_share(&s->stable, sums->weight[i]));
        sums->stable_n = f.stable_n > sums->stable_n ? f.stable_n : sums->stable_n;
        if (sums->weight[i] > 0)
            step_kept(p, g, log_weight, sums->weight[i], f.main, &s->kept);
        w->kept_log_a = seq_log_add(w->kept_log_a, seq_share(&s->kept, sums->weight[i]));
        if (weighs(p, i))
            sums->healthy &= seq_ok_log_e(s->ok) >= -log(ALPHA_OK);
    }
    w->kept_run = w->kept_log_a > 0 ? w->kept_run + 1 : 0;
}

static void step_meter(const struct hd_policy *p, struct hd_guard_state *g, const struct sums *sums)
{
    struct seq_stream *stream[HD_CHECKS_MAX];
    double weight[HD_CHECKS_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        if (!(sums->weight[i] > 0))
            continue;
        stream[n] = &stream_words(&g->check[i])->main;
        weight[n++] = sums->weight[i];
    }
    seq_end(&words_of(g)->main, stream, weight, n, threshold_of(p, words_of(g)), limiter(p, g));
}

static uint32_t guilty(const struct hd_policy *p, const struct hd_guard_state *g,
                       const struct sums *sums)
{
    uint32_t blame = 0;
    double most = -INFINITY;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        double share = share_of(g, sums, i);
        if (share > most) {
            most = share;
            blame = i;
        }
    }
    return blame;
}

static double value_now(const struct hd_check *c, const struct hd_check_state *s)
{
    struct judge_sums all = {s->sum_events, s->sum_exposure, s->watched_ms, s->value};
    return isfinite(s->value) ? s->value : judge_value(c, &all);
}

static void trip(const struct hd_policy *p, struct hd_guard_state *g, bool attributed)
{
    const struct weigh_words *w = const_words_of(g);
    uint32_t i = (uint32_t)w->blame - 1;
    struct hd_check_state *s = &g->check[i];
    if (s->tripped)
        return;
    s->tripped = 1;
    s->tripped_ms = g->t_ms;
    /* Beside most of the bad polls, not only in the first; where no poll was bad by itself, now. */
    s->well_run = !attributed ? 0 : s->consecutive ? s->well_run : w->mute == 0;
    s->band = HD_BAND_FAIL;
    s->worst_value = value_now(&p->checks[i], s);
    s->worst_stable = s->stable_value;
    s->worst_limit = s->limit;
    s->worst_n = p->checks[i].query.kind == HD_QUERY_GAUGE ? NAN : s->sum_exposure;
    s->worst_k = (uint32_t)fmin(weigh_effective(g, i), UINT32_MAX);
}

/* The evidence suffices: is it the release? True: stable has had its time to show that it is
 * better, and is not; a human is told. */
static bool attribute(const struct hd_policy *p, struct hd_guard_state *g)
{
    struct weigh_words *w = words_of(g);
    struct hd_check_state *blamed = &g->check[(uint32_t)w->blame - 1];
    bool better = w->both_ms > 0;
    bool mute = w->alone > 0 && w->mute > 0;
    bool late = (double)g->t_ms - w->crossed_ms >= DOUBT_MS;
    if (better || mute || (late && w->doubt_n < DOUBT_REQUESTS)) {
        blamed->shared_run = 0;
        trip(p, g, better);
        return false;
    }
    if (!late || w->doubtful_ms > 0)
        return false;
    w->doubtful_ms = (double)g->t_ms;
    blamed->shared_run = 1;
    return true;
}

static void show(const struct hd_policy *p, struct hd_guard_state *g, const struct sums *sums)
{
    const struct weigh_words *w = const_words_of(g);
    for (uint32_t i = 0; i < p->n_checks; i++) {
        struct hd_check_state *s = &g->check[i];
        if (!stream_is_sequential(p, i))
            continue;
        s->limit = stream_limit(p, i, stream_words(s), w->alone > 0, s->stable_value);
        if (s->tripped || s->band == HD_BAND_NONE)
            continue;
        bool pause = share_of(g, sums, i) >= -log(ALPHA_PAUSE);
        s->band = pause || stream_words(s)->above > 0 ? HD_BAND_WARN : HD_BAND_PASS;
    }
}

static double plus_unspent(const struct seq_meter *m, double log_a)
{
    struct seq_meter other = *m;
    other.log_a = log_a;
    return seq_meter_log_e(&other);
}

static void note(double *ms, bool is, int64_t t_ms)
{
    if (is && *ms <= 0)
        *ms = t_ms > 0 ? (double)t_ms : 1;
}

bool weigh_step(const struct poll *p, struct hd_guard_state *g)
{
    struct weigh_words *w = words_of(g);
    const struct hd_policy *policy = p->policy;
    struct sums sums = {.stable_n = 0};
    if (!weights_of(policy, g, sums.weight))
        return false;
    w->alone = p->alone;
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        if (stream_is_sequential(policy, i))
            stream_gather(p, i, stream_words(&g->check[i]));
    }
    gather_routing(p, w);
    /* Two looks in one interval are one poll: a disturbance lasts no longer for being asked often. */
    if (w->main.t > 0 && (double)g->t_ms - w->stepped_ms < (double)policy->guard.interval_ms / 2)
        return false;
    w->stepped_ms = (double)g->t_ms;
    double interval_ms = (double)(policy->guard.interval_ms > 0 ? policy->guard.interval_ms : 1);
    double log_weight = seq_begin(&w->main, ceil((double)policy->guard.duration_ms / interval_ms));
    step_streams(policy, g, log_weight, &sums);
    step_routing(w, log_weight, g->t_ms);
    step_meter(policy, g, &sums);
    w->blame = guilty(policy, g, &sums) + 1;
    if (sums.stable_n > 0)
        w->talked_ms = (double)g->t_ms;
    w->mute = is_mute(policy, g);
    w->threshold = threshold_of(policy, w);
    note(&w->both_ms, plus_unspent(&w->main, w->both_log_a) >= -log(ALPHA_BOTH), g->t_ms);
    note(&w->stable_ms, plus_unspent(&w->main, w->stable_log_a) >= w->threshold, g->t_ms);
    note(&w->healthy_ms, sums.healthy, g->t_ms);
    note(&w->crossed_ms, seq_meter_log_e(&w->main) >= w->threshold, g->t_ms);
    show(policy, g, &sums);
    if (w->crossed_ms <= 0)
        return false;
    w->doubt_n += sums.stable_n;
    return attribute(policy, g);
}

static double above_run(const struct hd_guard_state *g, uint32_t i)
{
    return ((const struct stream_words *)(const void *)g->check[i].words)->above;
}

bool weigh_holds_back(const struct hd_policy *p, const struct hd_guard_state *g)
{
    const struct weigh_words *w = const_words_of(g);
    if (!(w->threshold > 0) || w->crossed_ms > 0)
        return false;
    for (uint32_t i = 0; i < p->n_checks; i++) {
        double run = weighs(p, i) ? above_run(g, i) : 0;
        if (run > 0 && run < limiter(p, g))
            return true;
    }
    return w->main.run < limiter(p, g) - 1 && w->main.log_a > 0 &&
           w->main.log_a >= SEQ_BURST * w->threshold * (1 - 1e-9);
}

bool weigh_is_unproven(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t i)
{
    return weighs(p, i) && (above_run(g, i) >= limiter(p, g) || stream_is_above(p, i, &g->check[i]));
}

double weigh_least(const struct hd_policy *p, const struct hd_guard_state *g, uint32_t i)
{
    const struct weigh_words *w = const_words_of(g);
    const struct hd_check_state *s = &g->check[i];
    double weight[HD_CHECKS_MAX];
    weights_of(p, g, weight);
    return weight[i] > 0 ? stream_least(p, i, (const struct stream_words *)(const void *)s->words, s->limit,
                                        w->threshold - log(weight[i])) : NAN;
}

/* --- for show --- */

struct weigh weigh_view(const struct hd_guard_state *g)
{
    const struct weigh_words *w = const_words_of(g);
    struct weigh v = {.any = w->main.t > 0 && w->threshold > 0};
    if (!v.any)
        return v;
    v.log_e = seq_meter_log_e(&w->main);
    v.threshold = w->threshold;
    v.meter = v.log_e <= 0 ? 0 : v.log_e >= v.threshold ? 1 : v.log_e / v.threshold;
    v.leading = w->blame > 0 ? (uint32_t)w->blame - 1 : 0;
    v.crossed_ms = (int64_t)w->crossed_ms;
    v.healthy_ms = (int64_t)w->healthy_ms;
    v.routing_ms = (int64_t)w->routing_ms;
    v.routed = w->routed.exposure > 0 ? w->routed.events / w->routed.exposure : NAN;
    v.share = w->share_ppm / 1e6;
    v.shared = w->stable_ms > 0 && !(w->both_ms > 0);
    v.pause = v.log_e >= -log(ALPHA_PAUSE);
    /* Never less than what decides; said here too for a guard that a haldane without `kept` began. */
    double kept = fmax(plus_unspent(&w->main, w->kept_log_a), v.log_e);
    v.doubt = kept >= -log(ALPHA_PAUSE) ? fmin(kept / v.threshold, 1) : 0;
    /* Unless stable, before it lost its traffic, has shown already that it is better. */
    v.cannot_tell = w->alone > 0 && w->mute > 0 && !(w->both_ms > 0);
    return v;
}

double weigh_effective(const struct hd_guard_state *g, uint32_t check)
{
    return ((const struct stream_words *)(const void *)g->check[check].words)->effective;
}
