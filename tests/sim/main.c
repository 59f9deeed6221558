/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs episodes and prints a line for every few; the first violation is printed with the command
 * that shows its whole story, and ends the run.
 */
#include "sim.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define SETTLE_MS 240000 /* after the last trouble, before an end is looked for */

struct sim *sim_now;

static const struct weather weathers[] = {
    /* name                chaos ambush kills disk   net    humans clocks */
    {"calm",               0,    0,     false, false, false, false, false},
    {"windy",              20,   0,     false, false, true,  false, false},
    {"busy",               20,   0.3,   false, false, true,  true,  false},
    {"crashes",            15,   0.7,   true,  false, false, false, false},
    {"crashes and people", 20,   0.7,   true,  false, true,  true,  false},
    {"bad disk",           15,   0.6,   true,  true,  false, false, false},
    {"all at once",        60,   0.7,   true,  true,  true,  true,  true},
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
    if (!sim->failed && sim->t / 1000 != before / 1000) {
        audit_look(sim);
        orders_look(sim);
    }
}

static void begin(struct sim *sim, uint64_t seed, uint64_t episode, bool verbose)
{
    struct rng r = {seed ^ (episode * 0x9E3779B97F4A7C15u)};
    *sim = (struct sim){.seed = seed, .episode = episode, .verbose = verbose, .jump_t = -1};
    sim->why = BUF_INIT(2000);
    sim->alerts = BUF_INIT(8u << 20);
    sim->loaded_from = BUF_INIT(65536);
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
    while (!sim->failed && sim->t < sim->end && !(sim->t > sim->calm_from + SETTLE_MS && audit_idle(sim)))
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
    "usage: sim [--seed N] [--episodes N | --hours N | --episode N] [--jobs N] [-v]\n"
    "Runs haldane's pipeline, engine, codecs and store in a simulated world and checks the eleven\n"
    "invariants against what the world knows. An episode is drawn from the seed and its number alone.\n"
    "  --seed N      the number everything is drawn from (default 1)\n"
    "  --episodes N  how many (default 20)\n"
    "  --hours N     as many as N hours of live guards take\n"
    "  --episode N   this one only\n"
    "  --jobs N      processes (default 1)\n"
    "  --every N     a line of output after every N episodes (default 50)\n"
    "  --keep-going  count violations instead of stopping at the first\n"
    "  -v            the whole story of each episode\n";

#define JOBS_MAX 64

struct run {
    uint64_t seed, episodes, only, every, jobs;
    bool help, verbose, go_on;
    double hours;
};

static bool read_run(int argc, char **argv, struct run *ret)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},    {"episodes", required_argument, NULL, 'n'},
        {"hours", required_argument, NULL, 'h'},   {"episode", required_argument, NULL, 'e'},
        {"every", required_argument, NULL, 'l'},   {"jobs", required_argument, NULL, 'j'},
        {"verbose", no_argument, NULL, 'v'},       {"keep-going", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, '?'},          {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
        uint64_t *number = c == 's' ? &ret->seed : c == 'n' ? &ret->episodes : c == 'e' ? &ret->only
                           : c == 'l' ? &ret->every : c == 'j' ? &ret->jobs : NULL;
        if (number)
            *number = strtoull(optarg, NULL, 10);
        else if (c == 'h')
            ret->hours = strtod(optarg, NULL);
        else if (c == 'v')
            ret->verbose = true;
        else if (c == 'k')
            ret->go_on = true;
        else
            ret->help = true;
    }
    if (ret->only || ret->verbose)
        ret->jobs = 1;
    return !ret->help && ret->seed && ret->every && ret->jobs && ret->jobs <= JOBS_MAX;
}

/* What an episode adds; small enough for one write into a pipe. */
struct sum {
    uint64_t episode, episodes, failed, guards, reverts, passes, pages, kills;
    double hours, guard_hours;
    int64_t revert_ms, byte_ms;
    char why[600];
};

static struct sum run_one(const struct run *run, uint64_t number)
{
    static struct sim sim;
    begin(&sim, run->seed, number, run->verbose);
    bool well = episode(&sim);
    struct sum sum = {.episode = number,
                      .episodes = 1,
                      .failed = !well,
                      .guards = sim.n_guards,
                      .reverts = sim.n_reverts,
                      .passes = sim.n_passes,
                      .pages = sim.n_pages,
                      .kills = sim.kills,
                      .hours = (double)sim.t / 3600000,
                      .guard_hours = sim.guard_ms / 3600000,
                      .revert_ms = sim.slowest_revert_ms,
                      .byte_ms = sim.slowest_byte_ms};
    if (!well)
        (void)snprintf(sum.why, sizeof sum.why, "FAILED %.400s\n  weather: %s; see: sim --seed %llu --episode %llu -v",
                       buf_at(&sim.why), sim.weather.name, (unsigned long long)run->seed,
                       (unsigned long long)number);
    buf_clear(&sim.why);
    return sum;
}

static void count(struct sum *to, const struct sum *one)
{
    to->episodes += one->episodes;
    to->failed += one->failed;
    to->guards += one->guards;
    to->reverts += one->reverts;
    to->passes += one->passes;
    to->pages += one->pages;
    to->kills += one->kills;
    to->hours += one->hours;
    to->guard_hours += one->guard_hours;
    to->revert_ms = one->revert_ms > to->revert_ms ? one->revert_ms : to->revert_ms;
    to->byte_ms = one->byte_ms > to->byte_ms ? one->byte_ms : to->byte_ms;
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

static bool is_last(const struct run *run, uint64_t number)
{
    return run->only || (run->hours <= 0 && number + run->jobs > run->episodes);
}

/* Every jobs-th episode; a pipe of results, so that nobody shares anything else. */
static pid_t start_worker(const struct run *run, uint64_t k, int to)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid)
        return pid;
    for (uint64_t i = run->only ? run->only : k + 1;; i += run->jobs) {
        struct sum one = run_one(run, i);
        (void)fflush(stdout);
        if (write(to, &one, sizeof one) != sizeof one || is_last(run, i))
            _exit(0);
    }
}

/* True when the run is over. */
static bool take(const struct run *run, struct sum *sum, const struct sum *one)
{
    count(sum, one);
    if (one->failed)
        printf("%s\n", one->why);
    bool over = (one->failed && !run->go_on) || (run->hours > 0 && sum->guard_hours >= run->hours);
    if (!over && sum->episodes % run->every == 0)
        report(sum);
    return over;
}

int main(int argc, char **argv)
{
    struct run run = {.seed = 1, .episodes = 20, .every = 50, .jobs = 1};
    struct sum sum = {0}, one;
    pid_t worker[JOBS_MAX];
    int results[2];
    if (!read_run(argc, argv, &run)) {
        (void)fputs(help, run.help ? stdout : stderr);
        return run.help ? 0 : 2;
    }
    /* One thread in each process, and memory that is asked for again soon. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    if (pipe(results))
        return 2;
    for (uint64_t k = 0; k < run.jobs; k++)
        worker[k] = start_worker(&run, k, results[1]);
    (void)close(results[1]);
    bool over = false;
    while (!over && read(results[0], &one, sizeof one) == sizeof one)
        over = take(&run, &sum, &one);
    bool well = sum.episodes > 0;
    for (uint64_t k = 0; k < run.jobs; k++) {
        int status = 0;
        if (over)
            (void)kill(worker[k], SIGKILL);
        if (waitpid(worker[k], &status, 0) < 0 || (!over && status)) {
            printf("FAILED: a process of the simulation ended with status %d\n", status);
            well = false;
        }
    }
    report(&sum);
    return sum.failed || !well;
}
