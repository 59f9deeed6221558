/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane backtest`: runs the policy of a service over switches of the past and says what it would
 * have done at each, and what other limits would have. Evidence comes from a data source that
 * remembers, or from the guards in the store; it is judged and let go switch by switch. Acts on
 * nothing, writes nothing but the picture that was asked for.
 */
#include "cli/backtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/find.h"

#define STORE_AUTO __attribute__((cleanup(store_close_p))) struct store *
#define BAR 40            /* characters */
#define NEAR_MS 120000    /* so near a switch the time of a label may be */

struct task {
    struct backtest b;
    int64_t from_ms, to_ms; /* 0: not given */
    struct asker *asker;
    struct store *store;    /* whose guards are judged; or what is kept of a data source's switches */
    struct config *loaded;
    struct hd_arena *one;   /* evidence of the switch in hand */
    size_t at;              /* its place */
    bool finding;
};

static int fail(const struct task *k)
{
    return cli_fail(CLI_USAGE, "%s", k->b.err.text);
}

static void progress(void *user, size_t done, size_t of)
{
    const struct task *k = user;
    if (!isatty(STDERR_FILENO) || !of || (!k->finding && done % 16 && done < of))
        return;
    size_t hashes = BAR * done / of;
    if (k->finding)
        (void)fputs("\rlooking for switches", stderr);
    else
        (void)fprintf(stderr, "\rswitch %zu of %zu", k->at + 1, k->b.n);
    (void)fprintf(stderr, " [%.*s%*s] %zu%%", (int)hashes, "########################################",
                  (int)(BAR - hashes), "", 100 * done / of);
    if (done >= of && (k->finding || k->at + 1 == k->b.n))
        (void)fputs("\r\033[K", stderr);
}

/* --- which switches --- */

static struct tried *add(struct task *k, const struct hd_policy *policy)
{
    struct tried *x = &k->b.tried[k->b.n++];
    x->trial.policy = policy;
    return x;
}

static int colour(const struct hd_policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_colours; i++) {
        if (str_is(p->colours[i].name, name))
            return (int)i;
    }
    return -1;
}

/* The side that a switch to `candidate` leaves, where that is clear. */
static int other(const struct hd_policy *p, int candidate)
{
    if (p->kind == HD_KIND_CANARY)
        return p->stable;
    return p->n_colours == 2 && candidate >= 0 ? 1 - candidate : -1;
}

static bool read_truth(const char *word, enum trial_truth *ret)
{
    *ret = str_is(word, "good") ? TRIAL_GOOD : str_is(word, "bad") ? TRIAL_BAD : TRIAL_UNKNOWN;
    return *ret != TRIAL_UNKNOWN;
}

/* TIME=[STABLE>]COLOUR[,good|,bad] */
static int read_switch(struct task *k, const char *word)
{
    struct backtest *b = &k->b;
    char *copy = arena_text(b->arena, word), *at = strchr(copy, '='), *stable = NULL;
    int64_t ms;
    enum trial_truth truth = TRIAL_UNKNOWN;
    if (at)
        *at++ = '\0';
    if (!at || !str_read_time(copy, &ms))
        return cli_usage(b->args, "'%s' is not TIME=COLOUR, such as 2026-11-20T03:00:00Z=green", word);
    char *comma = strchr(at, ',');
    if (comma) {
        *comma++ = '\0';
        if (!read_truth(comma, &truth))
            return cli_usage(b->args, "'%s': a switch was good or bad, not '%s'", word, comma);
    }
    char *arrow = strchr(at, '>');
    if (arrow) {
        *arrow++ = '\0';
        stable = at;
        at = arrow;
    }
    int candidate = colour(b->policy, at);
    int left = stable ? colour(b->policy, stable) : other(b->policy, candidate);
    if (candidate < 0 || (stable && left < 0))
        return cli_usage(b->args, "service %s has no colour '%s'", b->service, candidate < 0 ? at : stable);
    if (left < 0 || left == candidate)
        return cli_usage(b->args, "'%s': write TIME=STABLE>COLOUR, of which colour it was a switch away",
                         word);
    struct trial *t = &add(k, b->policy)->trial;
    t->switch_ms = ms;
    t->stable = b->policy->colours[left].name;
    t->candidate = b->policy->colours[candidate].name;
    t->truth = truth;
    return CLI_OK;
}

static struct find find_of(struct task *k)
{
    return (struct find){.asker = k->asker, .arena = k->b.arena, .config = k->b.config, .policy = k->b.policy,
                         .progress = progress, .user = k};
}

static void take_end(const struct hd_policy *p, const struct find_switch *f, struct trial *t)
{
    t->cut_ms = f->until_ms < 0 ? 0 : f->until_ms;
    t->next = f->until_ms < 0 ? NULL : p->colours[f->next].name;
    t->silent = f->silent;
}

static int find_all(struct task *k)
{
    struct backtest *b = &k->b;
    const struct find f = find_of(k);
    struct find_switch *found;
    size_t n;
    if (!k->from_ms)
        return cli_usage(b->args,
                         "name the switches, or say --from when to look for them in the traffic");
    k->finding = true;
    if (find_switches(&f, k->from_ms, k->to_ms, &found, &n, &b->err))
        return fail(k);
    k->finding = false;
    for (size_t i = 0; i < n && b->n < BACKTEST_TRIALS_MAX; i++) {
        struct trial *t = &add(k, b->policy)->trial;
        t->switch_ms = found[i].at_ms;
        t->stable = b->policy->colours[found[i].stable].name;
        t->candidate = b->policy->colours[found[i].candidate].name;
        take_end(b->policy, &found[i], t);
    }
    return CLI_OK;
}

/* When traffic moved on from the candidate of a switch that was named. */
static enum hd_code find_its_end(struct task *k, struct trial *t)
{
    ARENA_AUTO a = arena_new();
    struct find f = find_of(k);
    struct find_switch s = {.at_ms = t->switch_ms,
                            .stable = (uint32_t)colour(f.policy, t->stable),
                            .candidate = (uint32_t)colour(f.policy, t->candidate)};
    f.arena = a;
    f.progress = NULL;
    if (find_end(&f, k->to_ms, &s, &k->b.err))
        return k->b.err.code;
    take_end(f.policy, &s, t);
    return HD_OK;
}

/* --- what is known of them --- */

/* By its id, or the one nearest to a time. */
static struct tried *meant(struct task *k, const char *word)
{
    struct tried *best = NULL;
    int64_t ms, nearest = NEAR_MS + 1;
    bool is_time = str_read_time(word, &ms);
    for (size_t i = 0; i < k->b.n; i++) {
        struct tried *x = &k->b.tried[i];
        int64_t off = is_time ? x->trial.switch_ms - ms : 0;
        off = off < 0 ? -off : off;
        if (is_time ? off < nearest : str_is(x->trial.name, word)) {
            best = x;
            nearest = off;
        }
    }
    return best;
}

static int read_labels(struct task *k, const char *option, enum trial_truth truth)
{
    const char *list = cli_option(k->b.args, option);
    char *save, *copy = list ? arena_text(k->b.arena, list) : NULL;
    for (char *w = copy ? strtok_r(copy, ",", &save) : NULL; w; w = strtok_r(NULL, ",", &save)) {
        struct tried *x = meant(k, w);
        if (!x)
            return cli_usage(k->b.args, "--%s: none of these %zu switches is %s, or within two minutes of it",
                             option, k->b.n, w);
        x->trial.truth = truth;
    }
    return CLI_OK;
}

/* What is swept, before anything is asked: a name that is wrong is said at once. */
static int read_sweeps(struct task *k)
{
    struct backtest *b = &k->b;
    const char *wanted = cli_option(b->args, "sweep");
    if (!b->policy)
        return CLI_OK;
    if (!wanted) {
        b->n_sweeps = sweep_defaults(b->policy, b->sweep);
        return CLI_OK;
    }
    if (sweep_read(b->arena, b->policy, wanted, &b->sweep[0], &b->err))
        return cli_usage(b->args, "--sweep: %s", b->err.text);
    b->n_sweeps = 1;
    return CLI_OK;
}

/* --- judging --- */

/* Judges the switch in hand as it is, and under each value of each sweep. */
static enum hd_code try(struct task *k, struct tried *x)
{
    struct backtest *b = &k->b;
    const struct trial *t = &x->trial;
    if (trial_run(t, t->policy, &x->end, &b->err))
        return b->err.code;
    x->polls = t->n;
    x->end_ms = t->cut_ms ? t->cut_ms - t->switch_ms : t->n ? t->evidence[t->n - 1].t_ms : 0;
    x->why = x->end.verdict.n ? trial_reason(b->arena, t, t->policy, &x->end.verdict.reason[0]) : "";
    for (size_t i = 0; i < b->n_sweeps; i++) {
        if (sweep_add(&b->sweep[i], t, &b->err))
            return b->err.code;
    }
    return HD_OK;
}

/* Evidence of `one`, which is let go. */
static void let_go(struct task *k, struct tried *x)
{
    arena_reset(k->one);
    x->trial.evidence = NULL;
    x->trial.input = NULL;
    x->trial.n = x->trial.n_inputs = 0;
    x->trial.before = (struct past_releases){.n = 0};
}

/* --- evidence of a data source --- */

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct tried *)a)->trial.switch_ms, y = ((const struct tried *)b)->trial.switch_ms;
    return x < y ? -1 : x > y;
}

/* What was said of it, else the verdict, or that it was taken back while a guard would have watched: as
 * a daemon would know it at the next switch. */
static bool was_rejected(const struct tried *x)
{
    if (x->trial.truth != TRIAL_UNKNOWN)
        return x->trial.truth == TRIAL_BAD;
    return x->end.verdict.kind == HD_VERDICT_FAIL || (x->trial.cut_ms && str_is(x->trial.next, x->trial.stable));
}

/* The releases that its stable had before, of the switches that are judged already. */
static void look_back(const struct task *k, struct trial *t)
{
    const struct tried *tried = k->b.tried;
    struct past_switch *on = arena_many(k->one, k->at, struct past_switch);
    size_t n = 0;
    for (size_t i = 0; i < k->at; i++) {
        const struct trial *earlier = &tried[i].trial;
        int64_t until_ms = tried[i].end.t_ms < 0 ? tried[i].end_ms : tried[i].end.t_ms;
        if (str_is(earlier->candidate, t->stable) && earlier->switch_ms < t->switch_ms)
            on[n++] = (struct past_switch){earlier->switch_ms, earlier->switch_ms + until_ms, was_rejected(&tried[i])};
    }
    t->before = (struct past_releases){on, n, t->switch_ms};
}

static int collect(struct task *k)
{
    struct backtest *b = &k->b;
    int64_t now_ms;
    int status = read_sweeps(k);
    const char *save = cli_option(b->args, "save");
    if (status)
        return status;
    if (save && backtest_save_open(save, &k->store, &b->err))
        return fail(k);
    if (!b->policy->n_checks)
        return cli_fail(CLI_USAGE, "service %s has no checks", b->service);
    if (ask_open(&k->asker, &b->err) ||
        ask_clock(k->asker, b->arena, b->config, b->policy, &b->policy->checks[0], &now_ms, &b->err))
        return fail(k);
    status = trial_range(b->args, now_ms, &k->from_ms, &k->to_ms);
    bool named = b->args->n_words > 1;
    for (int i = 1; !status && i < b->args->n_words; i++)
        status = read_switch(k, cli_word(b->args, i));
    if (!status && !named)
        status = find_all(k);
    if (!status)
        status = read_labels(k, "good", TRIAL_GOOD);
    if (!status)
        status = read_labels(k, "bad", TRIAL_BAD);
    if (b->n)
        qsort(b->tried, b->n, sizeof *b->tried, by_time);
    for (k->at = 0; !status && k->at < b->n; k->at++) {
        struct tried *x = &b->tried[k->at];
        look_back(k, &x->trial);
        if ((named && find_its_end(k, &x->trial)) ||
            recall_collect(k->asker, k->one, b->config, &x->trial, k->to_ms, progress, k, &b->err) || try(k, x) ||
            (k->store && backtest_save(k->store, k->loaded, x, k->at, &b->err)))
            status = fail(k);
        let_go(k, x);
    }
    return status;
}

/* --- evidence of the store --- */

static enum trial_truth truth_of(const struct store_guard *g)
{
    if (g->marked_ms >= 0)
        return g->was_good ? TRIAL_GOOD : TRIAL_BAD;
    bool lived = g->verdict == HD_VERDICT_PASS && !str_is(g->trigger, BACKTEST_KEPT);
    return lived ? TRIAL_GOOD : TRIAL_UNKNOWN; /* it passed, and nobody said otherwise since */
}

/* A guard of the store by its own policy; not its evidence. */
static enum hd_code take_guard(struct task *k, const char *id)
{
    struct backtest *b = &k->b;
    struct store_guard g;
    struct tried *x = add(k, NULL);
    enum hd_code code = store_guard(k->store, b->arena, id, &g, &b->err);
    if (code)
        return code;
    x->trial.name = arena_text(b->arena, id);
    x->trial.switch_ms = g.switch_to_ms;
    x->trial.stable = g.stable;
    x->trial.candidate = g.candidate;
    x->trial.truth = truth_of(&g);
    if (!g.pin || !*g.pin) {
        x->left_out = "its policy and evidence were evicted";
        return HD_OK;
    }
    if (config_load_pin((struct hd_span){g.pin, strlen(g.pin)}, &x->pin, &b->err))
        x->left_out = arena_print(b->arena, "its policy cannot be read: %s", b->err.text);
    else if (!(x->trial.policy = config_service(x->pin, g.service)))
        x->left_out = "its policy does not name the service";
    else
        b->policy = x->trial.policy;
    return HD_OK;
}

static int64_t number_of(const struct task *k, const char *option, int64_t usual)
{
    int64_t n;
    const char *text = cli_option(k->b.args, option);
    return text && str_read_i64(text, &n) ? n : text ? -1 : usual;
}

/* The newest guards that have ended, oldest first. */
static enum hd_code take_guards(struct task *k, int64_t most)
{
    struct store_guard *list;
    size_t n, first = 0;
    struct backtest *b = &k->b;
    struct store_filter filter = {
        .service = b->service, .verdict = -1, .since_ms = k->from_ms, .until_ms = k->to_ms};
    if (store_guards(k->store, b->arena, &filter, &list, &n, &b->err))
        return b->err.code;
    for (int64_t left = most; first < n && left > 0; first++)
        left -= list[first].ended_ms >= 0;
    for (size_t i = first; i-- > 0 && b->n < BACKTEST_TRIALS_MAX;) {
        if (list[i].ended_ms >= 0 && take_guard(k, list[i].id))
            return b->err.code;
    }
    return HD_OK;
}

/* Evidence of a stored guard, judged; what cannot be is left out, and said. */
static enum hd_code try_guard(struct task *k, struct tried *x, int64_t most)
{
    struct store_guard g;
    struct trial t = {.n = 0};
    struct backtest *b = &k->b;
    if (x->left_out)
        return HD_OK;
    enum hd_code code = trial_load(k->store, k->one, x->trial.name, &g, &t, &b->err);
    if (code && code != HD_ABSENT)
        return code;
    if (code || !t.n) {
        x->left_out = code ? "its evidence was evicted" : "it ended before anything was measured";
        return HD_OK;
    }
    if ((int64_t)t.n > most) {
        x->left_out = "more polls than --polls";
        return HD_OK;
    }
    x->trial.evidence = t.evidence;
    x->trial.n = t.n;
    x->trial.input = t.input;
    x->trial.n_inputs = t.n_inputs;
    return try(k, x);
}

static int load(struct task *k)
{
    struct backtest *b = &k->b;
    const char *path = cli_store_path(b->args, b->arena), *newest;
    int64_t last = number_of(k, "last", BACKTEST_TRIALS_MAX), polls = number_of(k, "polls", INT64_MAX);
    if (!path)
        return CLI_USAGE;
    if (cli_option(b->args, "save"))
        return cli_usage(b->args, "--save is for a data source's switches: those of the store are kept (haldane db backup)");
    if (last < 1 || polls < 1)
        return cli_usage(b->args, "--last and --polls are numbers, 1 or more");
    if (b->args->n_words > 1)
        return cli_usage(b->args, "the store knows its switches; '%s' is for a data source",
                         cli_word(b->args, 1));
    int status = trial_range(b->args, clock_now().wall_ms, &k->from_ms, &k->to_ms);
    if (status)
        return status;
    if (store_open_reader(path, &k->store, &b->err))
        return fail(k);
    status = trial_newest(k->store, b->arena, b->service, (struct store_filter){.verdict = -1}, &newest);
    if (!status && take_guards(k, last))
        return fail(k);
    if (!status)
        status = read_sweeps(k);
    if (!status)
        status = read_labels(k, "good", TRIAL_GOOD);
    if (!status)
        status = read_labels(k, "bad", TRIAL_BAD);
    for (k->at = 0; !status && k->at < b->n; k->at++) {
        if (try_guard(k, &b->tried[k->at], polls))
            status = fail(k);
        let_go(k, &b->tried[k->at]);
    }
    return status;
}

/* --- haldane backtest --- */

static int from_source(struct task *k)
{
    const struct cli_args *args = k->b.args;
    struct config *config = cli_load(cli_config_file(cli_option(args, "config")), cli_option(args, "queries"));
    if (!config)
        return CLI_USAGE;
    k->loaded = config;
    k->b.config = config_get(config);
    k->b.policy = config_service(config, k->b.service);
    int status = k->b.policy ? collect(k) : cli_unknown_service(config, k->b.service);
    if (!status)
        status = backtest_say(&k->b);
    config_unref(config);
    return status;
}

static int run(const struct cli_args *args)
{
    static const char *const of_guards[] = {"last", "polls", "store"};
    ARENA_AUTO a = arena_new();
    ARENA_AUTO one = arena_new();
    struct task *k = arena_of(a, struct task);
    *k = (struct task){.one = one};
    k->b.args = args;
    k->b.arena = a;
    k->b.service = cli_word(args, 0);
    k->b.tried = arena_many(a, BACKTEST_TRIALS_MAX, struct tried);
    int status;
    if (cli_option(args, "background"))
        (void)setpriority(PRIO_PROCESS, 0, 19); /* a sandbox may forbid even that */
    for (size_t i = 0; i < sizeof of_guards / sizeof *of_guards; i++) {
        if (cli_option(args, of_guards[i]) && !cli_option(args, "guards"))
            return cli_usage(args, "--%s goes with --guards", of_guards[i]);
    }
    if (cli_option(args, "guards")) {
        status = load(k);
        if (!status)
            status = backtest_say(&k->b);
    } else {
        status = from_source(k);
    }
    for (size_t i = 0; i < k->b.n; i++)
        config_unref(k->b.tried[i].pin);
    k->asker = ask_close(k->asker);
    k->store = store_close(k->store);
    return status;
}

static const struct cli_option options[] = {
    CLI_RANGE_OPTIONS,
    {"guards", 'g', NULL, "judge the evidence of the guards in the store, each by its own policy"},
    {"good", '\0', "WHICH,...", "these switches were good: their times, or ids of guards"},
    {"bad", '\0', "WHICH,...", "these were bad"},
    {"sweep", 'w', "NAME=VALUES",
     "what to try of CHECK, false_rollbacks or tolerance, as 5xx=0.5%,1%"},
    {"svg", '\0', "FILE", "draw the sweeps, beside what is printed"},
    {"background", '\0', NULL, "yield to everything else that runs on this machine"},
    {"save", '\0', "FILE", "keep the switches and their evidence as a new store"},
    {"last", '\0', "N", "with --guards: only the newest N that have ended"},
    {"polls", '\0', "N", "with --guards: leave those out that have more polls"},
    {"store", 's', "PATH", "with --guards: the store (default: as the configuration says)"},
    CLI_OUTPUT_OPTION,
    CLI_QUERIES_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_backtest = {
    .name = "backtest",
    .synopsis = "SERVICE [TIME=COLOUR[,good|,bad]]... [--from T] [--to T] [--guards]",
    .help = "say what a policy would have done in the past",
    .notes =
        "A switch is TIME=COLOUR or TIME=STABLE>COLOUR; without any, all that the source can show are\n"
        "found in the requests between --from and --to. What moves back while a guard would have\n"
        "watched ends the trial there, as it ends a guard; a trial that ends before its verdict is\n"
        "undecided, cut short. A candidate whose samples end is taken for dead, not for moved away.\n"
        "Each limit is tried at 1/4 to 4 times its own, and what the sequential rule was given around\n"
        "that; --sweep tries something else. Real and false reverts are told apart by what you say\n"
        "(good, bad) or a human said of a stored guard (haldane mark); a stored guard that passed and\n"
        "has no mark counts as good, everything else as unknown. What a side did under a release that\n"
        "was bad, or by this policy would have been taken back, is no past for the next one. Counters\n"
        "are asked raw and counted as a live guard counts them. Nothing is changed. What --save kept is\n"
        "judged again, without the source, by haldane replay --service NAME --store FILE, and by\n"
        "haldane backtest --guards.\n",
    .options = options,
    .least = 1,
    .most = 65,
    .run = run,
};
