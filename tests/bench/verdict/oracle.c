/* SPDX-License-Identifier: Apache-2.0
 *
 * See oracle.h. A member looks at one window of the new version's counts every so often, counts the
 * looks at which the share of errors (or the p99) was above its limit, and acts when there were
 * enough in all; a window without requests is no failure. The old version is not looked at. Called
 * by main.c.
 */
#include "oracle.h"

#include <math.h>
#include <stdio.h>

#include "peers.h"

static const struct {
    uint32_t window_s, every_s;
} looks[ORACLE_LOOKS] = {{10, 10}, {60, 10}, {300, 10}, {300, 60}};
static const uint32_t fails[ORACLE_FAILS] = {2, 4, 9};
static const double limits[ORACLE_MEASURES][ORACLE_LIMITS] = {
    [ORACLE_ERRORS] = {.002, .003, .005, .007, .01, .02, .04},
    [ORACLE_P99] = {.24, .25, .27, .3, .33, .36, .4},
};

static double value_of(const struct bench_head *h, enum oracle_measure m, const double *row)
{
    return m == ORACLE_P99 ? peer_quantile(h, row, .99) : row[BENCH_ERRORS] / row[BENCH_REQUESTS];
}

/* Takes polls [from, to) into the window, or out of it. */
static void move(const struct bench_series *s, uint32_t from, uint32_t to, double sign, double *row)
{
    for (uint32_t i = from; i < to && i < s->polls; i++) {
        for (uint32_t c = 0; c < s->columns; c++)
            row[c] += sign * bench_row(s, i)[c];
    }
}

static void look(const struct bench_head *h, const struct bench_run *r, enum oracle_measure m,
                 uint32_t which, double *ret)
{
    uint32_t window = (uint32_t)(looks[which].window_s / h->poll_s);
    uint32_t every = (uint32_t)(looks[which].every_s / h->poll_s);
    uint32_t failed[ORACLE_LIMITS] = {0}, from = 0;
    double row[BENCH_COLUMNS_MAX] = {0};
    for (uint32_t at = every; at <= h->polls; at += every) {
        uint32_t begin = at > window ? at - window : 0;
        move(&r->candidate, at - every, at, 1, row);
        move(&r->candidate, from, begin, -1, row);
        from = begin;
        double value = value_of(h, m, row);
        for (uint32_t l = 0; l < ORACLE_LIMITS; l++) {
            failed[l] += value > limits[m][l];
            for (uint32_t f = 0; f < ORACLE_FAILS; f++) {
                double *end = &ret[l * ORACLE_FAILS + f];
                if (isnan(*end) && failed[l] >= fails[f])
                    *end = at * h->poll_s;
            }
        }
    }
}

void oracle_decide(const struct bench_head *h, const struct bench_run *r, enum oracle_measure m,
                   double ret[ORACLE_MEMBERS])
{
    for (uint32_t i = 0; i < ORACLE_MEMBERS; i++)
        ret[i] = NAN;
    for (uint32_t i = 0; i < ORACLE_LOOKS; i++)
        look(h, r, m, i, ret + i * ORACLE_LIMITS * ORACLE_FAILS);
}

void oracle_name(enum oracle_measure m, uint32_t member, char ret[64])
{
    uint32_t l = member / ORACLE_FAILS % ORACLE_LIMITS;
    uint32_t k = member / (ORACLE_FAILS * ORACLE_LIMITS);
    double limit = limits[m][l];
    (void)snprintf(ret, 64, "oracle %s>%g%s %us/%us x%u", m == ORACLE_P99 ? "p99" : "errors",
                   m == ORACLE_P99 ? limit * 1000 : limit * 100, m == ORACLE_P99 ? "ms" : "%",
                   looks[k].window_s, looks[k].every_s, fails[member % ORACLE_FAILS]);
}
