/* SPDX-License-Identifier: Apache-2.0
 *
 * What humans and fate do, drawn from the seed: releases and switches, edits and roll-backs,
 * orders to the daemon, reloads, crashes, power cuts, full disks, broken wires, clocks that jump;
 * at random times, and as ambushes in the moments after a decision.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600000.0
#define ROLL_OUT_MS 70000 /* a switch with all its steps, and until its guard is seen */

static const char *const colour_word[] = {"blue", "green"};

static const struct release releases[] = {
    {"good", 0.001, 0.005, false, true, false},
    {"good", 0.001, 0.005, false, true, false},
    {"5xx", 0.30, 0.005, false, false, true},
    {"slow", 0.001, 0.40, false, false, true},
    {"crash", 0.001, 0.005, true, false, true},
    {"slightly bad", 0.018, 0.03, false, false, false},
    {"a little bad", 0.04, 0.01, false, false, false},
};

static struct todo *add(struct sim *sim, int64_t in_ms, void (*run)(struct sim *, const struct todo *),
                        int service)
{
    struct todo *t = calloc(1, sizeof *t), **at = &sim->todo;
    if (!t)
        abort();
    *t = (struct todo){.at = sim->t + in_ms, .run = run, .service = service};
    while (*at && (*at)->at <= t->at)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    return t;
}

static int64_t wait_ms(struct sim *sim, double per_hour)
{
    double u = rng_real(&sim->script_rng), ln = 0;
    for (double x = u > 1e-9 ? u : 1e-9; x < 1; x *= 1.01) /* -ln u without libm's last bit */
        ln += 0.00995033085316808;
    return (int64_t)(ln * HOUR / per_hour) + 1;
}

static int any_service(struct sim *sim)
{
    return (int)rng_below(&sim->script_rng, (uint64_t)sim->n_services);
}

/* --- switches --- */

static int carrier(const struct app *s)
{
    return router_share(s, &s->router.live, 1) > 50;
}

static void touch(struct sim *sim, struct app *s)
{
    (void)sim;
    s->clean = false;
}

static void shift(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    struct split v = split_mix(s, t->colour, (unsigned)t->arg);
    bool stops = sim->weather.chaos <= 0 || rng_chance(&sim->script_rng, 0.5);
    if (t->value != s->switch_t || (stops && !split_same(&s->router.live, &s->shifted)))
        return; /* this roll-out was given up */
    if (rng_chance(&sim->script_rng, 0.2) && t->arg == 100) { /* some drain instead of weighing */
        for (int i = 0; i < N_MEMBERS; i++) {
            v.set[i].drain = i / N_PODS != t->colour;
            v.set[i].weight = i / N_PODS != t->colour ? s->router.live.set[i].weight : 100;
        }
    }
    s->shifted = v;
    router_set(sim, s, &v, BY_HUMAN);
}

static void give_up(struct app *s, int64_t t) { s->switch_t = t; }

/* CI asks for the guard of its switch; it may come before the first step and after the last. */
static void ci_asks(struct sim *sim, const struct todo *t)
{
    orders_guard(sim, &sim->service[t->service], t->arg ? colour_word[t->colour] : NULL, (int)t->value);
}

static void begin_switch(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    struct rng *r = &sim->script_rng;
    s->from = carrier(s);
    s->to = !s->from;
    s->before = s->shifted = s->router.live;
    s->tried = s->release[s->to];
    s->switch_t = sim->t;
    s->clean = true;
    s->reverted = s->passed = s->judged = false;
    bool steps = rng_chance(r, 0.3) && !s->toggles;
    static const unsigned percent[] = {10, 50, 100};
    for (int i = steps ? 0 : 2, at = 0; i < 3; i++, at += 20000) {
        struct todo *next = add(sim, at, shift, t->service);
        next->colour = s->to;
        next->arg = (int)percent[i];
        next->value = s->switch_t;
    }
    if (rng_chance(r, 0.3)) {
        struct todo *ask = add(sim, rng_between(r, 0, 4000), ci_asks, t->service);
        ask->colour = s->to;
        ask->arg = rng_chance(r, 0.7);
        ask->value = rng_chance(r, 0.7) ? (int64_t)sim->n_orders + 10 : 0; /* every one a new version */
    }
}

/* The next one comes soon after the guard of the last has ended, so that guards fill most of the
 * time; where things go wrong also before it has. */
static void new_switch(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    struct rng *r = &sim->script_rng;
    char guard[27];
    audit_newest_guard(sim, s, true, guard);
    bool rolls_out = s->switch_t >= 0 && sim->t - s->switch_t < ROLL_OUT_MS;
    bool waits = (*guard || rolls_out) && !(sim->weather.chaos > 0 && rng_chance(r, 0.03));
    int64_t next = waits ? 15000 : rng_between(r, 20000, 150000);
    if (sim->t + next < sim->calm_from)
        add(sim, next, new_switch, t->service);
    if (waits)
        return;
    size_t clear = 5, all = sizeof releases / sizeof *releases; /* the arguable ones come last */
    const struct release *release = &releases[rng_below(r, sim->weather.chaos > 0 ? all : clear)];
    world_deploy(sim, t->service, !carrier(s), release);
    add(sim, 6000, begin_switch, t->service);
}

/* --- humans --- */

static void human_back(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    touch(sim, s);
    if (s->switch_t < 0)
        return;
    give_up(s, sim->t);
    router_set(sim, s, &s->before, BY_HUMAN);
}

static void human_edit(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    struct rng *r = &sim->script_rng;
    struct split v = s->router.live;
    touch(sim, s);
    if (s->toggles)
        return; /* it has no weights */
    give_up(s, sim->t);
    int i = (int)rng_below(r, N_MEMBERS);
    if (rng_chance(r, 0.3))
        v = split_mix(s, (int)rng_below(r, 2), (unsigned)rng_between(r, 0, 100));
    else
        v.set[i].weight = (unsigned)rng_between(r, 0, 200);
    router_set(sim, s, &v, BY_HUMAN);
}

static void human_order(struct sim *sim, const struct todo *t)
{
    touch(sim, &sim->service[t->service]);
    orders_any(sim, &sim->service[t->service]);
}

static void human_again(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    touch(sim, s);
    struct split v = split_mix(s, !carrier(s), 100);
    give_up(s, sim->t);
    router_set(sim, s, &v, BY_HUMAN);
}

/* --- routers and pods --- */

static void reload(struct sim *sim, const struct todo *t)
{
    if (sim->service[t->service].toggles)
        return; /* it forgets nothing */
    touch(sim, &sim->service[t->service]);
    give_up(&sim->service[t->service], sim->t);
    router_reload(sim, &sim->service[t->service], rng_chance(&sim->script_rng, 0.5));
}

static void pod_dies(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    int i = (int)rng_below(&sim->script_rng, N_MEMBERS);
    touch(sim, s);
    pod_set(sim, &s->pod[i], false);
    s->pod[i].flip = sim->t + rng_between(&sim->script_rng, 2000, 60000);
}

static void colour_dies(struct sim *sim, const struct todo *t)
{
    struct app *s = &sim->service[t->service];
    int colour = (int)rng_below(&sim->script_rng, 2);
    touch(sim, s);
    for (int i = colour * N_PODS; i < (colour + 1) * N_PODS; i++) {
        pod_set(sim, &s->pod[i], false);
        s->pod[i].flip = sim->t + rng_between(&sim->script_rng, 20000, 200000);
    }
}

static void outage_ends(struct sim *sim, const struct todo *t) { sim->service[t->service].outage = 0; }

static void outage(struct sim *sim, const struct todo *t)
{
    touch(sim, &sim->service[t->service]);
    sim->service[t->service].outage = 0.05 + 0.5 * rng_real(&sim->script_rng);
    add(sim, rng_between(&sim->script_rng, 10000, 200000), outage_ends, t->service);
    say(sim, "fate", "both colours of %s fail", sim->service[t->service].name);
}

static void scrapes_fail(struct sim *sim, const struct todo *t)
{
    touch(sim, &sim->service[t->service]);
    sim->service[t->service].miss = rng_chance(&sim->script_rng, 0.5) ? 0.3 : 0;
}

/* --- wires, clocks, the disk --- */

static void trouble(struct sim *sim, const struct todo *t)
{
    static const enum trouble of_router[] = {REFUSED, HANGING, LOST_BEFORE, LOST_AFTER, LATE, GARBAGE};
    static const enum trouble of_prom[] = {REFUSED, HANGING, LOST_BEFORE, LATE, UNAVAILABLE, HTML,
                                           GARBAGE, TOO_BIG, EMPTY, WARNING, NANS};
    static const enum trouble of_sink[] = {REFUSED, HANGING, LOST_AFTER, UNAVAILABLE, HTML};
    struct rng *r = &sim->script_rng;
    enum peer peer = (enum peer)(PEER_ROUTER + t->service);
    enum trouble kind = of_router[rng_below(r, sizeof of_router / sizeof *of_router)];
    if (t->arg == 1) {
        peer = PEER_PROM;
        kind = of_prom[rng_below(r, sizeof of_prom / sizeof *of_prom)];
    } else if (t->arg == 2) {
        peer = rng_chance(r, 0.7) ? PEER_AM : PEER_HOOK;
        kind = of_sink[rng_below(r, sizeof of_sink / sizeof *of_sink)];
    }
    for (int i = 0; peer != (enum peer)t->service && i < sim->n_services; i++)
        touch(sim, &sim->service[i]);
    touch(sim, &sim->service[t->service]);
    sim->peer[peer] = (struct peer_state){kind, rng_chance(r, 0.6) ? 1 : 0.4,
                                          sim->t + wait_ms(sim, 90)};
    if (peer < PEER_PROM)
        sim->service[peer].router.trouble_t = sim->t;
    say(sim, "fate", "peer %d: %s for %lld ms", peer, trouble_word[kind],
        (long long)(sim->peer[peer].until - sim->t));
}

static void jump(struct sim *sim, const struct todo *t)
{
    static const int64_t by[] = {1500, 10000, 300000, 7200000};
    int64_t ms = by[rng_below(&sim->script_rng, 4)];
    (void)t;
    sim->wall_off += rng_chance(&sim->script_rng, 0.5) ? ms : -ms;
    sim->jump_t = sim->t;
    say(sim, "fate", "the wall clock jumps to %+lld ms", (long long)sim->wall_off);
}

static void all_touched(struct sim *sim)
{
    for (int i = 0; i < sim->n_services; i++)
        touch(sim, &sim->service[i]);
}

static void die(struct sim *sim, const struct todo *t)
{
    all_touched(sim);
    bool power = t->arg == 1;
    if (sim->alive)
        daemon_die(sim, power ? FAULT_POWER : FAULT_KILL, rng_between(&sim->script_rng, 100, power ? 60000 : 20000));
}

static void die_in_write(struct sim *sim, const struct todo *t)
{
    all_touched(sim);
    bool power = rng_chance(&sim->script_rng, 0.3);
    uint64_t nth = 1 + rng_below(&sim->script_rng, (uint64_t)t->value);
    sim->power_armed = power;
    faultvfs_arm(sim->disk, power ? FAULT_POWER : FAULT_KILL, nth);
    say(sim, "fate", "%s at change %llu of the disk", power ? "no power" : "kill -9",
        (unsigned long long)nth);
}

static void die_in_send(struct sim *sim, const struct todo *t)
{
    all_touched(sim);
    sim->sends = 0;
    sim->kill_at_send = 1 + rng_below(&sim->script_rng, (uint64_t)t->value);
    sim->kill_before = rng_chance(&sim->script_rng, 0.5);
}

static void disk_error(struct sim *sim, const struct todo *t)
{
    all_touched(sim);
    sim->disk_error = true;
    faultvfs_arm(sim->disk, FAULT_ERROR, 1 + rng_below(&sim->script_rng, (uint64_t)t->value));
}

static void disk_free(struct sim *sim, const struct todo *t)
{
    (void)t;
    faultvfs_set_capacity(sim->disk, 0);
    sim->disk_bad_until = 0;
    say(sim, "fate", "there is room on the disk again");
}

static void disk_full(struct sim *sim, const struct todo *t)
{
    struct rng *r = &sim->script_rng;
    int64_t lasts = rng_between(r, 5000, 120000);
    (void)t;
    if (!sim->alive)
        return;
    all_touched(sim);
    int64_t room = (int64_t)rng_below(r, 65536);
    bool other = rng_chance(r, 0.5); /* somebody else takes the ballast's room too */
    faultvfs_set_capacity(sim->disk, faultvfs_used(sim->disk) + room - (other ? 1 << 20 : 0));
    sim->disk_bad_until = sim->t + lasts;
    add(sim, lasts, disk_free, 0);
    say(sim, "fate", "the disk is full");
}

/* --- what comes when --- */

static const struct kind {
    void (*run)(struct sim *, const struct todo *);
    unsigned often;
    int64_t value; /* scale of the argument */
    int arg;
    size_t allowed; /* offset of its flag in the weather */
} kinds[] = {
#define IF(flag) offsetof(struct weather, flag)
    {human_back, 3, 0, 0, IF(humans)},   {human_edit, 3, 0, 0, IF(humans)},
    {human_order, 12, 0, 0, IF(humans)},  {human_again, 2, 0, 0, IF(humans)},
    {reload, 3, 0, 0, IF(humans)},       {pod_dies, 4, 0, 0, IF(net)},
    {colour_dies, 2, 0, 0, IF(net)},     {outage, 3, 0, 0, IF(net)},
    {scrapes_fail, 2, 0, 0, IF(net)},    {trouble, 4, 0, 0, IF(net)},
    {trouble, 5, 0, 1, IF(net)},         {trouble, 2, 0, 2, IF(net)},
    {jump, 2, 0, 0, IF(clocks)},         {die, 3, 0, 0, IF(kills)},
    {die, 2, 0, 1, IF(kills)},           {die_in_write, 3, 60, 0, IF(kills)},
    {die_in_send, 2, 20, 0, IF(kills)},  {disk_error, 2, 40, 0, IF(disk)},
    {disk_full, 2, 0, 0, IF(disk)},
};

/* In the moments after a decision: the same, sooner and denser. */
static const struct kind ambushes[] = {
    {human_back, 3, 0, 0, IF(humans)},   {human_edit, 3, 0, 0, IF(humans)},
    {human_order, 2, 0, 0, IF(humans)},  {human_again, 1, 0, 0, IF(humans)},
    {reload, 3, 0, 0, IF(humans)},       {colour_dies, 2, 0, 0, IF(net)},
    {trouble, 8, 0, 0, IF(net)},         {trouble, 2, 0, 1, IF(net)},
    {trouble, 2, 0, 2, IF(net)},         {jump, 2, 0, 0, IF(clocks)},
    {die, 2, 0, 0, IF(kills)},           {die_in_write, 6, 24, 0, IF(kills)},
    {die_in_send, 8, 9, 0, IF(kills)},   {disk_error, 3, 12, 0, IF(disk)},
    {disk_full, 3, 0, 0, IF(disk)},
};
#undef IF

static void draw(struct sim *sim, const struct kind *list, size_t n, int64_t in_ms, int service)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        if (*((const bool *)((const char *)&sim->weather + list[i].allowed)))
            all += list[i].often;
    }
    uint64_t at = rng_below(&sim->script_rng, all);
    for (size_t i = 0; i < n; i++) {
        if (!*((const bool *)((const char *)&sim->weather + list[i].allowed)))
            continue;
        if (at < list[i].often) {
            struct todo *t = add(sim, in_ms, list[i].run, service);
            t->arg = list[i].arg;
            t->value = list[i].value;
            return;
        }
        at -= list[i].often;
    }
}

static void chaos(struct sim *sim, const struct todo *t)
{
    (void)t;
    int64_t next = wait_ms(sim, sim->weather.chaos);
    if (sim->t + next < sim->calm_from)
        add(sim, next, chaos, 0);
    draw(sim, kinds, sizeof kinds / sizeof *kinds, 0, any_service(sim));
}

void script_ambush(struct sim *sim)
{
    static const int64_t soon[] = {0, 1, 3, 10, 50, 300, 2000};
    struct rng *r = &sim->script_rng;
    if (sim->t >= sim->calm_from || !rng_chance(r, sim->weather.ambush))
        return;
    for (uint64_t n = 1 + rng_below(r, 2); n; n--)
        draw(sim, ambushes, sizeof ambushes / sizeof *ambushes, soon[rng_below(r, 7)], any_service(sim));
}

/* From here on the world is kind, so that everything can come to its end. */
static void calm(struct sim *sim, const struct todo *t)
{
    (void)t;
    for (int i = 0; i < N_PEERS; i++)
        sim->peer[i].until = sim->t;
    for (int i = 0; i < sim->n_services; i++)
        sim->service[i].miss = sim->service[i].outage = 0;
    if (!faultvfs_down(sim->disk))
        faultvfs_arm(sim->disk, FAULT_NONE, 0);
    sim->power_armed = sim->disk_error = false;
    faultvfs_set_capacity(sim->disk, 0);
    sim->disk_bad_until = 0;
    sim->kill_at_send = 0;
    sim->no_hook = sim->drop_last = false;
    orders_give(sim, "reload", "", "", "");
    say(sim, "fate", "nothing goes wrong from here on");
}

void script_init(struct sim *sim)
{
    for (int i = 0; i < sim->n_services; i++)
        add(sim, 60000 + rng_between(&sim->script_rng, 0, 300000), new_switch, i);
    if (sim->weather.chaos > 0)
        add(sim, wait_ms(sim, sim->weather.chaos), chaos, 0);
    add(sim, sim->calm_from, calm, 0);
}

int64_t script_next(const struct sim *sim) { return sim->todo ? sim->todo->at : INT64_MAX; }

void script_step(struct sim *sim)
{
    while (!sim->failed && sim->todo && sim->todo->at <= sim->t) {
        struct todo *t = sim->todo;
        sim->todo = t->next;
        t->run(sim, t);
        free(t);
    }
}

void script_free(struct sim *sim)
{
    while (sim->todo) {
        struct todo *t = sim->todo;
        sim->todo = t->next;
        free(t);
    }
}
