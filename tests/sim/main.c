/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs episodes and prints a line for every few; the first violation is printed with the command
 * that shows its whole story, and ends the run.
 */
#include "sim.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct sim *sim_now;

static const struct weather weathers[] = {
    /* name       switches chaos ambush kills disk  net   humans clocks */
    {"calm",      6,       0,    0,     false, false, false, false, false},
    {"windy",     8,       30,   0,     false, false, true,  false, false},
    {"busy",      10,      30,   0.3,   false, false, true,  true,  false},
    {"crashes",   10,      20,   0.7,   true,  false, false, false, false},
    {"crashes and people", 10, 30, 0.7, true,  false, true,  true,  false},
    {"bad disk",  10,      20,   0.6,   true,  true,  false, false, false},
    {"all at once", 10,    60,   0.7,   true,  true,  true,  true,  true},
};

static void stamp(const struct sim *sim, char out[32])
{
    long long ms = sim->t;
    (void)snprintf(out, 32, "%02lld:%02lld:%02lld.%03lld", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
                   ms % 1000);
}

void say(const struct sim *sim, const char *who, const char *format, ...)
{
    char at[32];
    va_list args;
    if (!sim->verbose)
        return;
    stamp(sim, at);
    printf("%s %-8s ", at, who);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
}

void violation(struct sim *sim, const char *invariant, const char *format, ...)
{
    char at[32];
    va_list args;
    if (sim->failed)
        return;
    sim->failed = true;
    stamp(sim, at);
    buf_print(&sim->why, "%s at %s: ", invariant, at);
    va_start(args, format);
    buf_vprint(&sim->why, format, args);
    va_end(args);
    say(sim, "AUDIT", "%s", buf_at(&sim->why));
}

/* --- one episode --- */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t next_event(const struct sim *sim)
{
    int64_t next = least(least(world_next(sim), cable_next(sim)), script_next(sim));
    return least(next, sim->alive ? sim->next_tick : sim->start_at);
}

static void step(struct sim *sim)
{
    int64_t next = next_event(sim), before = sim->t;
    if (next > sim->t)
        sim->t = next;
    world_step(sim);
    script_step(sim);
    cable_step(sim);
    if (!sim->failed && !sim->alive && sim->start_at <= sim->t)
        daemon_start(sim);
    if (!sim->failed && sim->alive && sim->next_tick <= sim->t)
        daemon_turn(sim);
    if (!sim->failed && sim->t / 1000 != before / 1000)
        audit_look(sim);
}

static void begin(struct sim *sim, uint64_t seed, uint64_t episode, bool verbose)
{
    struct rng r = {seed ^ (episode * 0x9E3779B97F4A7C15u)};
    *sim = (struct sim){.seed = seed, .episode = episode, .verbose = verbose, .jump_t = -1};
    sim->why = BUF_INIT(2000);
    sim->alerts = BUF_INIT(8u << 20);
    sim->world_rng.state = rng_next(&r);
    sim->net_rng.state = rng_next(&r);
    sim->script_rng.state = rng_next(&r);
    sim->weather = weathers[rng_below(&r, sizeof weathers / sizeof *weathers)];
    sim->n_services = 1 + (int)rng_below(&r, SERVICES_MAX);
    sim->prom_offset = rng_between(&r, -3000, 3000);
    sim->boot_0 = -(int64_t)rng_between(&r, 60000, 600000);
    (void)snprintf(sim->boot_id, sizeof sim->boot_id, "boot-0");
    settings_draw(sim);
    sim->calm_from = rng_between(&r, 40, 60) * 60000;
    sim->end = sim->calm_from + 2 * sim->set.duration_ms + sim->set.aftercare_ms + sim->set.recover_ms + 400000;
    sim->disk = faultvfs_new("sim", rng_next(&r));
    world_init(sim);
    script_init(sim);
    audit_init(sim);
    say(sim, "sim", "seed %llu episode %llu: %s, %d services, scrapes every %lld ms",
        (unsigned long long)seed, (unsigned long long)episode, sim->weather.name, sim->n_services,
        (long long)sim->set.scrape_ms);
}

static bool episode(struct sim *sim)
{
    sim_now = sim;
    daemon_start(sim);
    while (!sim->failed && sim->t < sim->end)
        step(sim);
    if (!sim->failed)
        audit_end(sim);
    if (sim->failed && sim->verbose)
        audit_story(sim);
    daemon_free(sim);
    cable_free(sim);
    script_free(sim);
    world_free(sim);
    audit_free(sim);
    sim_now = NULL;
    return !sim->failed;
}

/* --- the run --- */

static const char help[] =
    "usage: sim [--seed N] [--episodes N | --hours N] [--episode N] [--every N] [-v]\n"
    "Runs haldane's pipeline, engine, codecs and store in a simulated world and checks the eleven\n"
    "invariants against what the world knows.\n"
    "  --seed N      the number everything is drawn from (default 1)\n"
    "  --episodes N  how many (default 20)\n"
    "  --hours N     as many as N hours of guarding take\n"
    "  --episode N   this one only\n"
    "  --keep-going  count failures instead of stopping at the first\n"
    "  --every N     a line of output after every N (default 50)\n"
    "  -v            the whole story of each episode\n";

struct run {
    uint64_t seed, episodes, only, every;
    bool one, verbose, go_on;
    double hours;
};

static bool read_run(int argc, char **argv, struct run *ret)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},    {"episodes", required_argument, NULL, 'n'},
        {"hours", required_argument, NULL, 'h'},   {"episode", required_argument, NULL, 'e'},
        {"every", required_argument, NULL, 'l'},   {"verbose", no_argument, NULL, 'v'},
        {"keep-going", no_argument, NULL, 'k'},    {"help", no_argument, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
        if (c == 's')
            ret->seed = strtoull(optarg, NULL, 10);
        else if (c == 'n')
            ret->episodes = strtoull(optarg, NULL, 10);
        else if (c == 'h')
            ret->hours = strtod(optarg, NULL);
        else if (c == 'l')
            ret->every = strtoull(optarg, NULL, 10);
        else if (c == 'v')
            ret->verbose = true;
        else if (c == 'k')
            ret->go_on = true;
        else if (c == 'e')
            ret->only = strtoull(optarg, NULL, 10), ret->one = true;
        else
            return false;
    }
    return ret->seed > 0 && ret->every > 0;
}

struct sum {
    uint64_t episodes, failed, guards, reverts, passes, pages, kills;
    double hours, guard_hours;
    int64_t revert_ms, byte_ms;
};

static void count(struct sum *to, const struct sim *sim)
{
    to->episodes++;
    to->failed += sim->failed;
    to->guards += sim->n_guards;
    to->reverts += sim->n_reverts;
    to->passes += sim->n_passes;
    to->pages += sim->n_pages;
    to->kills += sim->kills;
    to->hours += (double)sim->t / 3600000;
    to->guard_hours += sim->guard_ms / 3600000;
    if (sim->slowest_revert_ms > to->revert_ms)
        to->revert_ms = sim->slowest_revert_ms;
    if (sim->slowest_byte_ms > to->byte_ms)
        to->byte_ms = sim->slowest_byte_ms;
}

static void report(const struct sum *s)
{
    printf("%llu episodes, %.0f hours, %.0f guard-hours: %llu guards, %llu reverts, %llu passes, "
           "%llu pages, %llu deaths; slowest: bad release back in %.1f s, decision to byte %lld ms; "
           "%llu violations\n",
           (unsigned long long)s->episodes, s->hours, s->guard_hours, (unsigned long long)s->guards,
           (unsigned long long)s->reverts, (unsigned long long)s->passes, (unsigned long long)s->pages,
           (unsigned long long)s->kills, (double)s->revert_ms / 1000, (long long)s->byte_ms,
           (unsigned long long)s->failed);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct sim sim;
    struct run run = {.seed = 1, .episodes = 20, .every = 50};
    struct sum sum = {0};
    if (!read_run(argc, argv, &run)) {
        (void)fputs(help, stderr);
        return 2;
    }
    for (uint64_t i = run.one ? run.only : 1;; i++) {
        begin(&sim, run.seed, i, run.verbose);
        bool well = episode(&sim);
        count(&sum, &sim);
        if (!well)
            printf("FAILED %s\n  weather: %s; see: sim --seed %llu --episode %llu -v\n", buf_at(&sim.why),
                   sim.weather.name, (unsigned long long)run.seed, (unsigned long long)i);
        buf_clear(&sim.why);
        bool last = run.one || (run.hours > 0 ? sum.guard_hours >= run.hours : i >= run.episodes);
        if (last || sum.episodes % run.every == 0 || (!well && !run.go_on))
            report(&sum);
        if (last || (!well && !run.go_on))
            return sum.failed != 0;
    }
}
