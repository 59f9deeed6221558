/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods, the users' requests by the router's weights, and Prometheus scraping. Integers only where
 * a real counter has integers.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_MS 2000 /* until the router's health checks notice */
#define STEP_MS 1000

uint64_t rng_next(struct rng *r) /* splitmix64 */
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *r, uint64_t n) { return n ? rng_next(r) % n : 0; }

int64_t rng_between(struct rng *r, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(r, (uint64_t)(to - from + 1));
}

double rng_real(struct rng *r) { return (double)(rng_next(r) >> 11) * 0x1p-53; }

bool rng_chance(struct rng *r, double p) { return rng_real(r) < p; }

static const char *const colour_word[] = {"blue", "green"};

void pod_set(struct sim *sim, struct pod *p, bool up)
{
    if (p->up == up)
        return;
    p->up = up;
    p->since = sim->t;
    if (up) {
        p->started = sim->t;
        p->counters = (struct counters){.code = {0}};
    }
}

static void pod_init(struct sim *sim, struct app *s, int i)
{
    struct pod *p = &s->pod[i];
    char name[sizeof p->instance];
    (void)snprintf(name, sizeof name, "%s-%s%d:80", s->name, colour_word[i / N_PODS], i % N_PODS + 1);
    memcpy(p->instance, name, sizeof name);
    p->up = true;
    p->flip = INT64_MAX;
    p->started = p->since = -3600000; /* an hour old */
    p->next_scrape = rng_between(&sim->world_rng, 0, sim->set.scrape_ms - 1);
}

void world_init(struct sim *sim)
{
    static const char *const name[SERVICES_MAX] = {"shop", "cart", "mail"};
    for (int i = 0; i < sim->n_services; i++) {
        struct app *s = &sim->service[i];
        *s = (struct app){.index = i, .switch_t = -1, .rps = 60 + 40.0 * i};
        (void)snprintf(s->name, sizeof s->name, "%s", name[i]);
        s->toggles = rng_chance(&sim->world_rng, 0.25);
        for (int k = 0; k < N_COLOURS; k++)
            s->release[k] = (struct release){.name = "first", .errors = 0.001, .slow = 0.005, .good = true};
        for (int k = 0; k < N_MEMBERS; k++)
            pod_init(sim, s, k);
        router_init(sim, s);
    }
}

void world_free(struct sim *sim)
{
    for (int i = 0; i < sim->n_services; i++) {
        for (int k = 0; k < 2 * N_COLOURS; k++)
            free(sim->service[i].watched[k / N_COLOURS][k % N_COLOURS].told);
    }
}

static void serve(struct sim *sim, struct app *s, int i, double requests)
{
    struct pod *p = &s->pod[i];
    const struct release *r = &s->release[i / N_PODS];
    struct rng *rng = &sim->world_rng;
    p->owed += requests;
    uint64_t n = (uint64_t)p->owed;
    p->owed -= (double)n;
    s->users += n;
    if (!p->up) {
        s->user_errors += n;
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        bool error = rng_chance(rng, r->errors + s->outage);
        bool slow = rng_chance(rng, r->slow);
        p->counters.code[error ? CODE_500 : CODE_200]++;
        p->counters.bucket[LE_INF]++;
        p->counters.bucket[LE_450MS] += !slow;
        p->counters.bucket[LE_100MS] += !slow && (k & 1);
        s->user_errors += error;
    }
    if (n && r->crashes && p->flip == INT64_MAX)
        p->flip = sim->t + rng_between(rng, 3000, 6000);
}

static bool takes(const struct app *s, int i)
{
    const struct setting *set = &s->router.live.set[i];
    return set->weight > 0 && !set->drain && s->router.server[i].ready;
}

void world_advance(struct sim *sim, int64_t t)
{
    double seconds = (double)(t - sim->world_t) / 1000;
    if (t <= sim->world_t)
        return;
    sim->world_t = t;
    for (int k = 0; k < sim->n_services; k++) {
        struct app *s = &sim->service[k];
        unsigned all = 0;
        for (int i = 0; i < N_MEMBERS; i++)
            all += takes(s, i) ? s->router.live.set[i].weight : 0;
        for (int i = 0; all && i < N_MEMBERS; i++) {
            if (takes(s, i))
                serve(sim, s, i, s->rps * seconds * s->router.live.set[i].weight / all);
        }
        if (!all)
            s->user_errors += (uint64_t)(s->rps * seconds);
    }
}

static int64_t pod_next(const struct pod *p)
{
    return p->flip < p->next_scrape ? p->flip : p->next_scrape;
}

int64_t world_next(const struct sim *sim)
{
    int64_t next = (sim->t / STEP_MS + 1) * STEP_MS;
    for (int k = 0; k < sim->n_services; k++) {
        for (int i = 0; i < FLIPS_MAX; i++) {
            int64_t at = sim->service[k].router.flip[i].t;
            next = at && at < next ? at : next;
        }
        for (int i = 0; i < N_MEMBERS; i++) {
            int64_t at = pod_next(&sim->service[k].pod[i]);
            next = at < next ? at : next;
        }
    }
    return next;
}

/* Crash-looping: a few seconds up, some more down. */
static void flip(struct sim *sim, const struct app *s, int i)
{
    struct pod *p = &((struct app *)s)->pod[i];
    bool loops = s->release[i / N_PODS].crashes;
    pod_set(sim, p, !p->up);
    p->flip = INT64_MAX;
    if (!p->up)
        p->flip = sim->t + (loops ? rng_between(&sim->world_rng, 40000, 60000)
                                  : rng_between(&sim->world_rng, 3000, 40000));
}

static void scrape(struct sim *sim, struct app *s, struct pod *p)
{
    p->next_scrape += sim->set.scrape_ms;
    if (!p->up || rng_chance(&sim->world_rng, s->miss))
        return;
    p->scrape[p->n_scrapes++ % SCRAPES_KEEP] = (struct scrape){sim->t, p->counters};
}

void world_step(struct sim *sim)
{
    world_advance(sim, sim->t);
    for (int k = 0; k < sim->n_services; k++) {
        struct app *s = &sim->service[k];
        for (int i = 0; i < N_MEMBERS; i++) {
            struct pod *p = &s->pod[i];
            if (p->flip <= sim->t)
                flip(sim, s, i);
            if (p->next_scrape <= sim->t)
                scrape(sim, s, p);
            if (sim->t - p->since >= CHECK_MS)
                s->router.server[i].ready = p->up;
        }
        router_step(sim, s);
    }
}

void world_deploy(struct sim *sim, int service, int colour, const struct release *r)
{
    struct app *s = &sim->service[service];
    s->release[colour] = *r;
    for (int i = colour * N_PODS; i < (colour + 1) * N_PODS; i++) {
        pod_set(sim, &s->pod[i], false);
        s->pod[i].flip = sim->t + 1500;
    }
    say(sim, s->name, "release '%s' on %s", r->name, colour_word[colour]);
}
