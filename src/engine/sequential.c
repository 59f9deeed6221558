/* SPDX-License-Identifier: Apache-2.0
 *
 * See sequential.h. Pure arithmetic over what it is given; no allocation. Called by evidence.c and
 * by `haldane engine eval`.
 */
#include "engine/sequential.h"

#include <math.h>

#define START_WEIGHT 0.5   /* on "broken from the first poll", the usual case */
#define UNSPENT_MIN 1e-12  /* what is left of 1 after it was taken off in small parts */

const double seq_tilt[SEQ_TILTS] = {1.3, 2, 4, 10, 40};
const double seq_ok_tilt[SEQ_OK_TILTS] = {0.7, 0.4, 0.1};

double seq_kernel(struct seq_arm a, double q, double g)
{
    return a.events * log(g) - a.exposure * log1p((g - 1) * q);
}

double seq_kernel_poisson(struct seq_arm a, double lambda, double g)
{
    return a.events * log(g) - (g - 1) * lambda * a.exposure;
}

/* With q = ratio n_new / (ratio n_new + n_old) and x = g / (1 + (g-1) q) - 1, exp(f) is
 * (1+x)^e_new (1 - x q/(1-q))^e_old exp(-x offset n_new); by 1 + u <= e^u its expectation is at most
 * exp(x n_new (p_new - ratio p_old - offset)) for every p_old and every split of the traffic. */
double seq_two_arm(struct seq_arm new, struct seq_arm old, double ratio, double offset, double g)
{
    if (!(new.exposure > 0) || !(old.exposure > 0))
        return 0;
    double q = ratio * new.exposure / (ratio * new.exposure + old.exposure);
    double d = log1p((g - 1) * q);
    double x = g * exp(-d) - 1;
    return new.events * log(g) - (new.events + old.events) * d - x * offset * new.exposure;
}

double seq_rate_bet(double r, double q, double stake) { return log1p(stake * (r / q - 1)); }

double seq_log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

double seq_log_sum(const double *x, size_t n)
{
    double high = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        high = x[i] > high ? x[i] : high;
    if (high == -INFINITY)
        return high;
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i] - high);
    return high + log(sum);
}

double seq_start_weight(double t, double horizon)
{
    if (t <= 1)
        return START_WEIGHT;
    if (horizon > 0)
        return t <= horizon ? (1 - START_WEIGHT) / (horizon - 1) : 0;
    return (1 - START_WEIGHT) / (t * (t - 1));
}

uint32_t seq_limiter_polls(int64_t blip_ms, int64_t poll_ms, int64_t scrape_ms)
{
    if (poll_ms <= 0)
        return 2;
    double polls = ceil(((double)blip_ms + (double)scrape_ms) / (double)poll_ms) + 2;
    return polls < UINT32_MAX ? (uint32_t)polls : UINT32_MAX;
}

void seq_stream_init(struct seq_stream *s)
{
    for (int i = 0; i < SEQ_TILTS; i++)
        s->ls[i] = -INFINITY;
}

void seq_meter_init(struct seq_meter *m)
{
    *m = (struct seq_meter){.unspent = 1, .log_a = -INFINITY};
}

double seq_meter_log_e(const struct seq_meter *m)
{
    return m->unspent > UNSPENT_MIN ? seq_log_add(m->log_a, log(m->unspent)) : m->log_a;
}

double seq_begin(struct seq_meter *m, double horizon)
{
    m->t++;
    double w = seq_start_weight(m->t, horizon);
    m->unspent = m->unspent > w ? m->unspent - w : 0;
    return w > 0 ? log(w) : -INFINITY;
}

void seq_take(struct seq_stream *s, double log_weight, const double f[SEQ_TILTS])
{
    for (int i = 0; i < SEQ_TILTS; i++)
        s->ls[i] = seq_log_add(s->ls[i], log_weight) + (f ? f[i] : 0);
}

void seq_take_capped(struct seq_stream *s, double log_weight, const double f[SEQ_TILTS], double most)
{
    for (int i = 0; i < SEQ_TILTS; i++) {
        double before = seq_log_add(s->ls[i], log_weight);
        s->ls[i] = fmin(before + f[i], fmax(before, most));
    }
}

double seq_share(const struct seq_stream *s, double weight)
{
    return weight > 0 ? seq_log_sum(s->ls, SEQ_TILTS) + log(weight / SEQ_TILTS) : -INFINITY;
}

void seq_end(struct seq_meter *m, struct seq_stream *const *streams, const double *weight, size_t n,
             double threshold, uint32_t limit)
{
    double log_a = -INFINITY, burst = SEQ_BURST * threshold;
    for (size_t i = 0; i < n; i++)
        log_a = seq_log_add(log_a, seq_share(streams[i], weight[i]));
    if (limit && m->run < limit - 1 && log_a > burst) {
        for (size_t i = 0; i < n; i++) {
            for (int k = 0; k < SEQ_TILTS; k++)
                streams[i]->ls[k] -= log_a - burst;
        }
        log_a = burst;
    }
    m->log_a = log_a;
    m->run = log_a > 0 ? m->run + 1 : 0;
}

double seq_ok_log_e(const double sum[SEQ_OK_TILTS])
{
    return seq_log_sum(sum, SEQ_OK_TILTS) - log(SEQ_OK_TILTS);
}
