/* SPDX-License-Identifier: Apache-2.0
 *
 * How other guards would have decided on the same counts: their rules with the settings that their
 * documentation shows, and tuned variants. Pure.
 */
#ifndef VERDICT_PEERS_H
#define VERDICT_PEERS_H

#include "cli/bench_file.h"

struct peer {
    const char *name;
    double (*decide)(const struct peer *, const struct bench_head *, const struct bench_run *);
    double success, p99_s;    /* fails below, fails above */
    double window_s, every_s; /* what is looked at, how often */
    unsigned fails;           /* failed measurements that end it */
    bool together;            /* failures of all metrics are counted in one */
    bool late;                /* acts one look after the count is full */
};

extern const struct peer peers[];
extern const size_t n_peers;

/* Seconds after the switch; NAN: it never acts. */
static inline double peer_decide(const struct peer *p, const struct bench_head *h,
                                 const struct bench_run *r)
{
    return p->decide(p, h, r);
}

/* The quantile that Prometheus' histogram_quantile() gives for a row of counts; NAN: no requests.
 */
double peer_quantile(const struct bench_head *, const double *row, double q);

#endif
