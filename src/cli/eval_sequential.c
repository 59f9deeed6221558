/* SPDX-License-Identifier: Apache-2.0
 *
 * The sequential tests as rows of `haldane engine eval`: reads inputs, calls the engine, writes the
 * result. Computes nothing itself. Called by eval.c.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "cli/eval.h"
#include "engine/counts.h"
#include "engine/dispersion.h"
#include "engine/sequential.h"

#define STREAMS_MAX 2
#define BLOCK 60 /* polls of a block of the history in `ceiling` */

#define SECONDS_MAX 1e9 /* of a watch: their milliseconds are whole numbers */

/* What an input may be; ANY: whatever a number is. */
enum range { ANY, COUNT, ABOVE, SHARE, SECONDS, POLL, FROM_ONE };
static const struct {
    double least, most;
    const char *text;
} ranges[] = {
    [ANY] = {-INFINITY, INFINITY, ""},
    [COUNT] = {0, INFINITY, "at least 0"},
    [ABOVE] = {5e-324, INFINITY, "above 0"},
    [SHARE] = {0, 1, "within 0..1"},
    [SECONDS] = {0, SECONDS_MAX, "within 0..1e9"},
    [POLL] = {0.001, SECONDS_MAX, "within 0.001..1e9"},
    [FROM_ONE] = {1, INFINITY, "at least 1"},
};

struct input {
    const char *key;
    double *to;
    enum range range;
};

static enum hd_code fits(const char *key, double v, enum range r, struct hd_error *err)
{
    if (isnan(v) || (v >= ranges[r].least && v <= ranges[r].most))
        return HD_OK;
    return hd_fail(err, HD_INVALID, "%s: %g is not %s", key, v, ranges[r].text);
}

static enum hd_code numbers(const struct eval *e, const struct input *in, size_t n,
                            struct hd_error *err)
{
    for (size_t i = 0; i < n; i++) {
        enum hd_code code = eval_number(e, in[i].key, in[i].to, err);
        if (!code)
            code = fits(in[i].key, *in[i].to, in[i].range, err);
        if (code)
            return code;
    }
    return HD_OK;
}

static enum hd_code counts_in(const char *key, const struct eval_list *list, struct hd_error *err)
{
    enum hd_code code = HD_OK;
    for (size_t i = 0; !code && i < list->n; i++)
        code = fits(key, list->at[i], COUNT, err);
    return code;
}

/* A result; minus infinity is null, and what is beyond a double is none. */
static enum hd_code put(const struct eval *e, const char *key, double v, struct hd_error *err)
{
    if (isnan(v) || v == INFINITY)
        return hd_fail(err, HD_INVALID, "%s: no number, by these inputs", key);
    json_put_double(e->out, key, v);
    return HD_OK;
}
#define NUMBERS(e, err, ...)                                                                       \
    numbers((e), (const struct input[]){__VA_ARGS__},                                              \
            sizeof((const struct input[]){__VA_ARGS__}) / sizeof(struct input), (err))

/* --- single factors --- */

static enum hd_code kernel(const struct eval *e, struct hd_error *err)
{
    struct seq_arm a;
    double q, g;
    enum hd_code code =
        NUMBERS(e, err, {"e", &a.events, COUNT}, {"n", &a.exposure, COUNT}, {"q", &q, SHARE}, {"g", &g, ABOVE});
    return code ? code : put(e, "log_f", seq_kernel(a, q, g), err);
}

static enum hd_code kernel_poisson(const struct eval *e, struct hd_error *err)
{
    struct seq_arm a;
    double lambda, g;
    enum hd_code code =
        NUMBERS(e, err, {"e", &a.events, COUNT}, {"tau", &a.exposure, COUNT}, {"lambda", &lambda, COUNT},
                {"g", &g, ABOVE});
    return code ? code : put(e, "log_f", seq_kernel_poisson(a, lambda, g), err);
}

static enum hd_code two_arm(const struct eval *e, struct hd_error *err)
{
    struct seq_arm new, old;
    double ratio, offset, g;
    enum hd_code code =
        NUMBERS(e, err, {"e_new", &new.events, COUNT}, {"n_new", &new.exposure, COUNT},
                {"e_old", &old.events, COUNT}, {"n_old", &old.exposure, COUNT}, {"rho0", &ratio, COUNT},
                {"delta0", &offset, COUNT}, {"g", &g, ABOVE});
    return code ? code : put(e, "log_f", seq_two_arm(new, old, ratio, offset, g), err);
}

static enum hd_code rate_bet(const struct eval *e, struct hd_error *err)
{
    double r, q, stake;
    enum hd_code code = NUMBERS(e, err, {"r", &r, COUNT}, {"q", &q, ABOVE}, {"lambda", &stake, SHARE});
    return code ? code : put(e, "log_f", seq_rate_bet(r, q, stake), err);
}

static enum hd_code logsumexp(const struct eval *e, struct hd_error *err)
{
    struct eval_list x;
    enum hd_code code = eval_numbers(e, "x", -INFINITY, &x, err);
    return code ? code : put(e, "lse", seq_log_sum(x.at, x.n), err);
}

static enum hd_code start_weight(const struct eval *e, struct hd_error *err)
{
    double t, horizon;
    enum hd_code code = NUMBERS(e, err, {"t", &t, FROM_ONE}, {"horizon", &horizon, COUNT});
    return code ? code : put(e, "w", seq_start_weight(t, horizon), err);
}

/* --- histories --- */

static enum hd_code effective(const struct eval *e, struct hd_error *err)
{
    struct seq_arm a;
    double rho;
    enum hd_code code = NUMBERS(e, err, {"e", &a.events, COUNT}, {"n", &a.exposure, COUNT},
                                {"rho", &rho, COUNT});
    if (code)
        return code;
    a = dispersion_effective(a, rho);
    code = put(e, "e_eff", a.events, err);
    return code ? code : put(e, "n_eff", a.exposure, err);
}

static enum hd_code poisson_upper(const struct eval *e, struct hd_error *err)
{
    double events, exposure, z;
    enum hd_code code = NUMBERS(e, err, {"E", &events, COUNT}, {"N", &exposure, ABOVE}, {"z", &z, COUNT});
    return code ? code : put(e, "upper", dispersion_upper(events, exposure, z), err);
}

static enum hd_code read_history(const struct eval *e, struct history *ret, struct hd_error *err)
{
    struct eval_list events, exposure;
    enum hd_code code = eval_numbers(e, "e", 0, &events, err);
    if (!code)
        code = eval_numbers(e, "n", 0, &exposure, err);
    if (!code)
        code = counts_in("e", &events, err);
    if (!code)
        code = counts_in("n", &exposure, err);
    if (code)
        return code;
    if (events.n != exposure.n)
        return hd_fail(err, HD_INVALID, "%zu values of e, %zu of n", events.n, exposure.n);
    *ret = (struct history){events.at, exposure.at, events.n};
    return HD_OK;
}

static enum hd_code dispersion(const struct eval *e, struct hd_error *err)
{
    struct history h;
    enum hd_code code = read_history(e, &h, err);
    return code ? code : put(e, "rho", dispersion_rho(&h, h.n), err);
}

static enum hd_code ceiling(const struct eval *e, struct hd_error *err)
{
    struct history h;
    double rho, ratio, offset, z;
    enum hd_code code = read_history(e, &h, err);
    if (!code)
        code = NUMBERS(e, err, {"rho", &rho, COUNT}, {"rho0", &ratio, COUNT}, {"delta0", &offset, COUNT},
                       {"z", &z, COUNT});
    if (code)
        return code;
    struct past past = dispersion_learn(&h, rho, BLOCK);
    code = put(e, "between", past.between, err);
    return code ? code : put(e, "ceiling", dispersion_ceiling(&past, ratio, offset, z), err);
}

static enum hd_code counter_delta(const struct eval *e, struct hd_error *err)
{
    struct eval_list samples;
    enum hd_code code = eval_numbers(e, "samples", NAN, &samples, err);
    if (!code)
        code = counts_in("samples", &samples, err);
    if (code)
        return code;
    double last = NAN;
    json_begin(e->out, "delta", '[');
    for (size_t i = 0; i < samples.n; i++) {
        double now = samples.at[i];
        json_put_double(e->out, NULL, isnan(now) || isnan(last) ? NAN : counts_grown(last, now));
        last = isnan(now) ? last : now;
    }
    json_end(e->out, ']');
    return HD_OK;
}

/* --- watches --- */

/* A watch of some streams; its factors of one poll come from outside. */
struct watch {
    const struct eval *e;
    double alpha, horizon, poll_s, blip_s, scrape_s;
    double threshold;
    uint32_t limit;
    struct seq_meter meter;
    struct seq_stream stream[STREAMS_MAX];
    double weight[STREAMS_MAX];
    size_t n;
};

static int64_t ms_of(double s) { return (int64_t)(s * 1000 + 0.5); }

static enum hd_code watch_begin(const struct eval *e, size_t streams, struct watch *w,
                                struct hd_error *err)
{
    *w = (struct watch){.e = e, .weight = {1}, .n = streams};
    enum hd_code code = NUMBERS(e, err, {"alpha", &w->alpha, SHARE}, {"horizon", &w->horizon, COUNT},
                                {"poll_s", &w->poll_s, POLL}, {"blip_s", &w->blip_s, SECONDS});
    if (!code && json_get(e->in, "scrape_s"))
        code = NUMBERS(e, err, {"scrape_s", &w->scrape_s, SECONDS});
    if (code)
        return code;
    if (!(w->alpha > 0 && w->alpha < 1))
        return hd_fail(err, HD_INVALID, "alpha: %g is not between 0 and 1", w->alpha);
    w->threshold = -log(w->alpha);
    w->limit = seq_limiter_polls(ms_of(w->blip_s), ms_of(w->poll_s), ms_of(w->scrape_s));
    seq_meter_init(&w->meter);
    for (size_t i = 0; i < streams; i++)
        seq_stream_init(&w->stream[i]);
    json_begin(e->out, "log_e", '{');
    return HD_OK;
}

/* The polls that the case itself lists, else all. */
static void put_log_e(const struct eval *e, double t, double log_e)
{
    char poll[24];
    const struct json *listed = json_get(e->in, "log_e");
    (void)snprintf(poll, sizeof poll, "%.0f", t);
    if (!listed || json_type(listed) != JSON_OBJECT || json_get(listed, poll))
        json_put_double(e->out, poll, log_e);
}

/* One poll; f: [stream][tilt], NULL: missed. True: the evidence suffices. */
static bool watch_step(struct watch *w, double (*f)[SEQ_TILTS])
{
    struct seq_stream *streams[STREAMS_MAX];
    double log_weight = seq_begin(&w->meter, w->horizon);
    for (size_t i = 0; i < w->n; i++) {
        streams[i] = &w->stream[i];
        seq_take(streams[i], log_weight, f ? f[i] : NULL);
    }
    seq_end(&w->meter, streams, w->weight, w->n, w->threshold, w->limit);
    double log_e = seq_meter_log_e(&w->meter);
    put_log_e(w->e, w->meter.t, log_e);
    return log_e >= w->threshold;
}

static void put_decision(const struct eval *e, bool decided, double t)
{
    if (decided)
        json_put_i64(e->out, "decision_poll", (int64_t)t);
    else
        json_put_null(e->out, "decision_poll");
}

static void watch_end(const struct watch *w, bool decided)
{
    json_end(w->e->out, '}');
    json_put_i64(w->e->out, "K", w->limit);
    put_decision(w->e, decided, w->meter.t);
}

static enum hd_code verdict_one_arm(const struct eval *e, struct hd_error *err)
{
    struct watch w;
    struct eval_list events, exposure;
    double q, f[1][SEQ_TILTS];
    bool decided = false;
    enum hd_code code = NUMBERS(e, err, {"q", &q, SHARE});
    if (!code)
        code = eval_numbers(e, "e", NAN, &events, err);
    if (!code)
        code = eval_numbers(e, "n", NAN, &exposure, err);
    if (!code)
        code = counts_in("e", &events, err);
    if (!code)
        code = counts_in("n", &exposure, err);
    if (!code && events.n != exposure.n)
        code = hd_fail(err, HD_INVALID, "%zu values of e, %zu of n", events.n, exposure.n);
    if (!code)
        code = watch_begin(e, 1, &w, err);
    if (code)
        return code;
    for (size_t t = 0; t < events.n && !decided; t++) {
        struct seq_arm a = {events.at[t], exposure.at[t]};
        for (int k = 0; k < SEQ_TILTS; k++)
            f[0][k] = seq_kernel(a, q, seq_tilt[k]);
        decided = watch_step(&w, isnan(a.events) || isnan(a.exposure) ? NULL : f);
    }
    watch_end(&w, decided);
    return HD_OK;
}

/* Rows of {requests, errors, slow ones}: one poll's factors; false: the poll is missing. */
static bool two_streams(const double *new, const double *old, const double *rho, double ratio,
                        const double *offset, double f[STREAMS_MAX][SEQ_TILTS])
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        struct seq_arm a = dispersion_effective((struct seq_arm){new[1 + i], new[0]}, rho[i]);
        struct seq_arm b = dispersion_effective((struct seq_arm){old[1 + i], old[0]}, rho[i]);
        for (int k = 0; k < SEQ_TILTS; k++)
            f[i][k] = seq_two_arm(a, b, ratio, offset[i], seq_tilt[k]);
    }
    return !isnan(f[0][0]) && !isnan(f[1][0]);
}

struct two_sides {
    struct eval_list new, old, offset, rho, weight;
    double ratio;
};

static enum hd_code read_two_sides(const struct eval *e, struct two_sides *s, struct hd_error *err)
{
    enum hd_code code = NUMBERS(e, err, {"rho0", &s->ratio, COUNT});
    if (!code)
        code = eval_rows(e, "new_n_err_slow", 3, NAN, &s->new, err);
    if (!code)
        code = eval_rows(e, "old_n_err_slow", 3, NAN, &s->old, err);
    if (!code)
        code = eval_numbers(e, "delta0", NAN, &s->offset, err);
    if (!code)
        code = eval_numbers(e, "rho", NAN, &s->rho, err);
    if (!code)
        code = eval_numbers(e, "omega", NAN, &s->weight, err);
    const struct {
        const char *key;
        const struct eval_list *list;
    } lists[] = {{"new_n_err_slow", &s->new}, {"old_n_err_slow", &s->old}, {"delta0", &s->offset}, {"rho", &s->rho},
                 {"omega", &s->weight}};
    for (size_t i = 0; !code && i < sizeof lists / sizeof *lists; i++)
        code = counts_in(lists[i].key, lists[i].list, err);
    if (code)
        return code;
    if (s->new.n != s->old.n || s->offset.n != 2 || s->rho.n != 2 || s->weight.n != 2)
        return hd_fail(err, HD_INVALID, "two sides of equal length and two of each parameter");
    return HD_OK;
}

static enum hd_code verdict_two_arm(const struct eval *e, struct hd_error *err)
{
    struct watch w;
    struct two_sides s;
    double f[STREAMS_MAX][SEQ_TILTS];
    bool decided = false;
    enum hd_code code = read_two_sides(e, &s, err);
    if (!code)
        code = watch_begin(e, 2, &w, err);
    if (code)
        return code;
    w.weight[0] = s.weight.at[0];
    w.weight[1] = s.weight.at[1];
    for (size_t t = 0; t + 2 < s.new.n && !decided; t += 3) {
        bool seen = two_streams(&s.new.at[t], &s.old.at[t], s.rho.at, s.ratio, s.offset.at, f);
        decided = watch_step(&w, seen ? f : NULL);
    }
    watch_end(&w, decided);
    bool second = seq_share(&w.stream[1], w.weight[1]) > seq_share(&w.stream[0], w.weight[0]);
    if (decided)
        json_put_i64(e->out, "blame", second);
    else
        json_put_null(e->out, "blame");
    return HD_OK;
}

static enum hd_code gauge_sign(const struct eval *e, struct hd_error *err)
{
    struct watch w;
    struct eval_list bits;
    double q[2], f[1][SEQ_TILTS];
    bool decided = false, last = false;
    enum hd_code code = eval_numbers(e, "d", NAN, &bits, err);
    if (!code)
        code = NUMBERS(e, err, {"q0", &q[0], SHARE}, {"q1", &q[1], SHARE});
    if (!code)
        code = watch_begin(e, 1, &w, err);
    if (code)
        return code;
    for (size_t t = 0; t < bits.n && !decided; t++) {
        bool seen = !isnan(bits.at[t]), bit = seen && bits.at[t] > 0;
        for (int k = 0; k < SEQ_TILTS; k++)
            f[0][k] = seq_kernel((struct seq_arm){bit, 1}, q[last], seq_tilt[k]);
        decided = watch_step(&w, seen ? f : NULL);
        last = seen ? bit : last;
    }
    watch_end(&w, decided);
    return HD_OK;
}

static enum hd_code accept(const struct eval *e, struct hd_error *err)
{
    struct eval_list new, old;
    double alpha, ratio, offset, sum[SEQ_OK_TILTS] = {0};
    double decided = 0;
    enum hd_code code =
        NUMBERS(e, err, {"alpha", &alpha, ABOVE}, {"rho1", &ratio, COUNT}, {"delta1", &offset, COUNT});
    if (!code)
        code = eval_rows(e, "new_n_err", 2, 0, &new, err);
    if (!code)
        code = eval_rows(e, "old_n_err", 2, 0, &old, err);
    if (!code)
        code = counts_in("new_n_err", &new, err);
    if (!code)
        code = counts_in("old_n_err", &old, err);
    if (!code && new.n != old.n)
        code = hd_fail(err, HD_INVALID, "%zu polls of new_n_err, %zu of old_n_err", new.n / 2, old.n / 2);
    if (code)
        return code;
    json_begin(e->out, "log_e", '{');
    for (size_t t = 0; t + 1 < new.n; t += 2) {
        struct seq_arm a = {new.at[t + 1], new.at[t]}, b = {old.at[t + 1], old.at[t]};
        for (int k = 0; k < SEQ_OK_TILTS; k++)
            sum[k] += seq_two_arm(a, b, ratio, offset, seq_ok_tilt[k]);
        double poll = (double)(t / 2 + 1), log_e = seq_ok_log_e(sum);
        put_log_e(e, poll, log_e);
        if (decided <= 0 && log_e >= -log(alpha))
            decided = poll;
    }
    json_end(e->out, '}');
    put_decision(e, decided > 0, decided);
    return HD_OK;
}

#define WATCH "alpha horizon poll_s blip_s [scrape_s]"
#define WATCHED "log_e{poll} K decision_poll"

const struct eval_statistic eval_sequential[] = {
    {"kernel", "e n q g", "log_f", kernel},
    {"kernel_poisson", "e tau lambda g", "log_f", kernel_poisson},
    {"two_arm", "e_new n_new e_old n_old rho0 delta0 g", "log_f", two_arm},
    {"rate_bet", "r q lambda", "log_f", rate_bet},
    {"effective", "e n rho", "e_eff n_eff", effective},
    {"poisson_upper", "E N z", "upper", poisson_upper},
    {"dispersion", "e[] n[]", "rho", dispersion},
    {"ceiling", "e[] n[] rho rho0 delta0 z", "between ceiling", ceiling},
    {"logsumexp", "x[]", "lse", logsumexp},
    {"start_weight", "t horizon", "w", start_weight},
    {"verdict_one_arm", WATCH " q e[] n[]", WATCHED, verdict_one_arm},
    {"verdict_two_arm",
     WATCH " rho0 delta0[2] rho[2] omega[2] new_n_err_slow[][3] old_n_err_slow[][3]",
     WATCHED " blame", verdict_two_arm},
    {"gauge_sign", WATCH " q0 q1 d[]", WATCHED, gauge_sign},
    {"accept", "alpha rho1 delta1 new_n_err[][2] old_n_err[][2]", "log_e{poll} decision_poll",
     accept},
    {"counter_delta", "samples[]", "delta[]", counter_delta},
    {0},
};
