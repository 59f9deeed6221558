/* SPDX-License-Identifier: Apache-2.0
 *
 * The program behind tests/bench/verdict/run: lists scenarios, writes files of verdict-bench/1, or
 * makes the runs of one cell in memory and lets every rule decide on them. Prints how many runs
 * each rule ended at which second; scores nothing.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/bench_judge.h"
#include "generate.h"
#include "metrics.h"
#include "oracle.h"
#include "peers.h"

#define ENDS_MAX (SCENARIO_SECONDS + 601)

struct order {
    struct generate_cell cell;
    uint32_t first, runs;
    const char *rules; /* names between commas; NULL: all */
    const char *job;
    int64_t switch_s;
};

static int usage(void)
{
    (void)fputs(
        "usage: verdict-bench list\n"
        "       verdict-bench gen  [OPTIONS] SCENARIO canary|guard RPS RUNS SEED\n"
        "       verdict-bench cell [OPTIONS] SCENARIO canary|guard RPS RUNS SEED\n"
        "\n"
        "gen writes verdict-bench/1; cell prints when each rule decided, as one line of JSON.\n"
        "\n"
        "  --poll S      5 or 10 (default 10)\n"
        "  --scrape S    scrape interval; 0 (default): a poll sees everything\n"
        "  --first N     number of the first run (default 0): a cell can be done in parts\n"
        "  --rules A,B   cell: only these rules; `oracle` are all members of its family\n",
        stderr);
    return 2;
}

static void list(void)
{
    for (size_t i = 0; i < n_scenarios; i++)
        (void)printf("%s\t%s\tonset=%g\n", scenarios[i].name,
                     scenarios[i].rollback ? "alt" : "null", scenarios[i].onset_s);
}

static void gen(const struct order *o)
{
    struct bench_head head = generate_head(&o->cell, o->runs);
    generate_write_head(&head, stdout);
    for (uint32_t i = 0; i < o->runs; i++) {
        ARENA_AUTO a = arena_new();
        struct bench_run run = generate_run(a, &o->cell, o->first + i);
        generate_write_run(&head, &run, stdout);
    }
}

static void metrics(const struct order *o)
{
    ARENA_AUTO a = arena_new();
    struct bench_head head = generate_head(&o->cell, 1);
    struct bench_run run = metrics_run(a, &o->cell, o->first, o->job, o->switch_s, stdout);
    generate_write_head(&head, stderr);
    generate_write_run(&head, &run, stderr);
}

static bool wanted(const struct order *o, const char *rule)
{
    size_t n = strlen(rule);
    for (const char *at = o->rules; at && (at = strstr(at, rule)); at += n) {
        if ((at == o->rules || at[-1] == ',') && (at[n] == ',' || !at[n]))
            return true;
    }
    return !o->rules;
}

/* How many runs ended at which second, and how many were kept. */
struct ends {
    uint32_t kept, at[ENDS_MAX];
};

static void note(struct ends *e, double decision_s)
{
    if (isnan(decision_s))
        e->kept++;
    else
        e->at[decision_s < ENDS_MAX ? (size_t)decision_s : ENDS_MAX - 1]++;
}

static void print_ends(const char *rule, const struct ends *e, bool first)
{
    (void)printf("%s\"%s\":{\"kept\":%u", first ? "" : ",", rule, e->kept);
    for (size_t s = 0; s < ENDS_MAX; s++) {
        if (e->at[s])
            (void)printf(",\"%zu\":%u", s, e->at[s]);
    }
    (void)putchar('}');
}

/* Our own rules, through the engine. */
static const struct own {
    const char *name;
    struct bench_rule rule;
    bool guard_only, health; /* health: when it was proven, instead of when it was rolled back */
} owns[] = {
    {"haldane", {.01, false}},
    {"haldane-healthy", {.01, false}, .health = true}, /* seen while `haldane` decided */
    {"haldane-strict", {.001, false}},
    {"haldane+probe", {.01, true}, .guard_only = true},
};
#define N_OWNS (sizeof owns / sizeof *owns)

static bool plays(const struct order *o, size_t rule)
{
    return rule < n_peers ? wanted(o, peers[rule].name)
                          : wanted(o, owns[rule - n_peers].name) &&
                                (o->cell.guard || !owns[rule - n_peers].guard_only);
}

static double decide(struct hd_arena *a, size_t rule, const struct bench_head *head,
                     const struct bench_run *run)
{
    static struct bench_end end;
    static uint32_t ended = UINT32_MAX; /* the last run that `haldane` decided on */
    struct hd_error err;
    if (rule < n_peers)
        return peer_decide(&peers[rule], head, run);
    const struct own *own = &owns[rule - n_peers];
    bool same = own->health && ended == run->run;
    ended = own == owns ? run->run : UINT32_MAX;
    if (!same && bench_judge(a, head, run, &own->rule, &end, &err)) {
        (void)fprintf(stderr, "verdict-bench: %s\n", err.text);
        exit(1);
    }
    return own->health ? end.healthy_s : end.rollback_s;
}

static bool plays_oracle(const struct order *o) { return o->rules && wanted(o, "oracle"); }

static void note_oracle(const struct bench_head *head, const struct bench_run *run,
                        struct ends ends[ORACLE_MEASURES][ORACLE_MEMBERS])
{
    double end_s[ORACLE_MEMBERS];
    for (enum oracle_measure m = 0; m < ORACLE_MEASURES; m++) {
        oracle_decide(head, run, m, end_s);
        for (uint32_t i = 0; i < ORACLE_MEMBERS; i++)
            note(&ends[m][i], end_s[i]);
    }
}

static void print_oracle(struct ends ends[ORACLE_MEASURES][ORACLE_MEMBERS], bool first)
{
    char name[64];
    (void)printf("%s\"oracle\":{}", first ? "" : ",");
    for (enum oracle_measure m = 0; m < ORACLE_MEASURES; m++) {
        for (uint32_t i = 0; i < ORACLE_MEMBERS; i++) {
            oracle_name(m, i, name);
            print_ends(name, &ends[m][i], false);
        }
    }
}

static void cell(const struct order *o)
{
    static struct ends oracle[ORACLE_MEASURES][ORACLE_MEMBERS];
    struct bench_head head = generate_head(&o->cell, o->runs);
    static struct ends ends[16];
    size_t n = n_peers + N_OWNS;
    for (uint32_t i = 0; i < o->runs; i++) {
        ARENA_AUTO a = arena_new();
        struct bench_run run = generate_run(a, &o->cell, o->first + i);
        for (size_t r = 0; r < n; r++) {
            if (plays(o, r))
                note(&ends[r], decide(a, r, &head, &run));
        }
        if (plays_oracle(o))
            note_oracle(&head, &run, oracle);
    }
    (void)printf("{\"scenario\":\"%s\",\"mode\":\"%s\",\"rps\":%g,\"poll_s\":%g,\"scrape_s\":%g,"
                 "\"seed\":%lld,\"first\":%u,\"runs\":%u,\"ends\":{",
                 head.scenario, head.guard ? "guard" : "canary", head.rps, head.poll_s,
                 head.scrape_s, (long long)head.seed, o->first, o->runs);
    bool first = true;
    for (size_t r = 0; r < n; r++) {
        if (!plays(o, r))
            continue;
        print_ends(r < n_peers ? peers[r].name : owns[r - n_peers].name, &ends[r], first);
        first = false;
    }
    if (plays_oracle(o))
        print_oracle(oracle, first);
    (void)puts("}}");
}

static bool read_count(const char *text, int64_t most, uint32_t *ret)
{
    int64_t n;
    if (!text || !str_read_i64(text, &n) || n < 0 || n > most)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool read_words(char **words, struct order *o)
{
    struct generate_cell *c = &o->cell;
    c->scenario = scenario_of(words[0]);
    c->guard = str_is(words[1], "guard");
    return c->scenario && (c->guard || str_is(words[1], "canary")) &&
           str_read_double(words[2], &c->rps) && c->rps > 0 &&
           read_count(words[3], 1000000, &o->runs) && str_read_i64(words[4], &c->seed);
}

static bool read_options(int argc, char **argv, struct order *o)
{
    static const struct option longs[] = {{"poll", required_argument, NULL, 'p'},
                                          {"scrape", required_argument, NULL, 's'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"rules", required_argument, NULL, 'r'},
                                          {"job", required_argument, NULL, 'j'},
                                          {"at", required_argument, NULL, 'a'},
                                          {0}};
    bool ok = true;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'p')
            ok &= read_count(optarg, 10, &o->cell.poll_s);
        else if (c == 's')
            ok &= str_read_double(optarg, &o->cell.scrape_s);
        else if (c == 'f')
            ok &= read_count(optarg, 100000000, &o->first);
        else if (c == 'r')
            o->rules = optarg;
        else if (c == 'j')
            o->job = optarg;
        else if (c == 'a')
            ok &= str_read_i64(optarg, &o->switch_s);
        else
            return false;
    }
    return ok && (o->cell.poll_s == 5 || o->cell.poll_s == 10) && o->cell.scrape_s >= 0 &&
           o->cell.scrape_s <= 300;
}

int main(int argc, char **argv)
{
    struct order order = {.cell.poll_s = 10};
    const char *what = argc > 1 ? argv[1] : "";
    if (str_is(what, "list")) {
        list();
        return 0;
    }
    if (!str_is(what, "gen") && !str_is(what, "cell") && !str_is(what, "metrics"))
        return usage();
    if (!read_options(argc - 1, argv + 1, &order) || argc - 1 - optind != 5 ||
        !read_words(argv + 1 + optind, &order))
        return usage();
    if (str_is(what, "gen"))
        gen(&order);
    else if (!str_is(what, "metrics"))
        cell(&order);
    else if (order.job && order.cell.scrape_s > 0 && order.cell.rps > 1)
        metrics(&order);
    else
        return usage();
    return 0;
}
