/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane backtest`: runs the policy of a service over switches of the past and says what it would
 * have done at each, and what other limits would have. Evidence comes from a data source that
 * remembers, or from the guards in the store. Acts on nothing, writes nothing.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/reason.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/recall.h"
#include "cli/sweep.h"
#include "cli/table.h"

#define STORE_AUTO __attribute__((cleanup(store_close_p))) struct store *
#define TRIALS_MAX 1000
#define BAR 40 /* characters */

struct backtest {
    const struct cli_args *args;
    struct hd_arena *arena;
    const char *service;
    const struct hd_config *config; /* NULL: the guards of the store bring their own */
    const struct hd_policy *policy;
    int64_t from_ms, to_ms; /* 0: not given */
    struct trial *trial[TRIALS_MAX];
    size_t n, at; /* at: the one being collected */
    struct config *pin[TRIALS_MAX + 1];
    struct hd_error err;
};

static const char *const truth_words[] = {
    [TRIAL_UNKNOWN] = NULL, [TRIAL_GOOD] = "good", [TRIAL_BAD] = "bad"};

static int fail(const struct backtest *b)
{
    return cli_fail(CLI_USAGE, "%s", b->err.text);
}

static void progress(void *user, size_t done, size_t of)
{
    const struct backtest *b = user;
    if (!isatty(STDERR_FILENO) || (done % 16 && done < of))
        return;
    size_t hashes = BAR * done / of;
    (void)fprintf(stderr, "\r%zu/%zu [%.*s%*s]", b->at + 1, b->n, (int)hashes,
                  "########################################", (int)(BAR - hashes), "");
    if (done == of)
        (void)fputs(b->at + 1 == b->n ? "\r\033[K" : "", stderr);
}

/* --- which switches --- */

static struct trial *add(struct backtest *b, const struct hd_policy *policy, int64_t switch_ms,
                         const char *stable, const char *candidate)
{
    struct trial *t = arena_of(b->arena, struct trial);
    *t = (struct trial){
        .policy = policy, .switch_ms = switch_ms, .stable = stable, .candidate = candidate};
    b->trial[b->n++] = t;
    return t;
}

static const char *colour(const struct hd_policy *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_colours; i++) {
        if (str_is(p->colours[i].name, name))
            return p->colours[i].name;
    }
    return NULL;
}

/* The side that a switch to `candidate` leaves, where that is clear. */
static const char *other(const struct hd_policy *p, const char *candidate)
{
    if (p->kind == HD_KIND_CANARY)
        return p->colours[p->stable].name;
    if (p->n_colours != 2)
        return NULL;
    return p->colours[str_is(p->colours[0].name, candidate)].name;
}

/* TIME=[STABLE>]COLOUR[,good|,bad] */
static int read_switch(struct backtest *b, const char *word)
{
    char *copy = arena_text(b->arena, word), *at = strchr(copy, '=');
    int64_t ms;
    enum trial_truth truth = TRIAL_UNKNOWN;
    if (at)
        *at++ = '\0';
    if (!at || !str_read_time(copy, &ms))
        return cli_usage(b->args, "'%s' is not TIME=COLOUR, such as 2026-11-20T03:00:00Z=green",
                         word);
    char *comma = strchr(at, ','), *stable = NULL;
    if (comma) {
        *comma++ = '\0';
        truth = str_is(comma, "good")  ? TRIAL_GOOD
                : str_is(comma, "bad") ? TRIAL_BAD
                                       : TRIAL_UNKNOWN;
        if (truth == TRIAL_UNKNOWN)
            return cli_usage(b->args, "'%s': a switch was good or bad, not '%s'", word, comma);
    }
    char *arrow = strchr(at, '>');
    if (arrow) {
        *arrow++ = '\0';
        stable = at;
        at = arrow;
    }
    const char *candidate = colour(b->policy, at);
    const char *left = stable      ? colour(b->policy, stable)
                       : candidate ? other(b->policy, candidate)
                                   : NULL;
    if (!candidate || (stable && !left))
        return cli_usage(b->args, "service %s has no colour '%s'", b->service,
                         candidate ? stable : at);
    if (!left || str_is(left, candidate))
        return cli_usage(
            b->args, "'%s': write TIME=STABLE>COLOUR, of which colour it was a switch away", word);
    add(b, b->policy, ms, left, candidate)->truth = truth;
    return CLI_OK;
}

static int find_switches(struct backtest *b, struct asker *asker)
{
    struct recall_switch *found;
    size_t n;
    if (!b->from_ms)
        return cli_usage(b->args,
                         "name the switches, or say --from when to look for them in the traffic");
    if (recall_find(asker, b->arena, b->config, b->policy, b->from_ms, b->to_ms, &found, &n,
                    &b->err))
        return fail(b);
    for (size_t i = 0; i < n && b->n < TRIALS_MAX; i++)
        add(b, b->policy, found[i].at_ms, b->policy->colours[found[i].stable].name,
            b->policy->colours[found[i].candidate].name);
    return CLI_OK;
}

/* --- evidence of a data source --- */

static int collect(struct backtest *b)
{
    ASKER_AUTO asker = NULL;
    int64_t now_ms;
    if (!b->policy->n_checks)
        return cli_fail(CLI_USAGE, "service %s has no checks", b->service);
    if (ask_open(&asker, &b->err) ||
        ask_clock(asker, b->arena, b->config, b->policy, &b->policy->checks[0], &now_ms, &b->err))
        return fail(b);
    int status = trial_range(b->args, now_ms, &b->from_ms, &b->to_ms);
    for (int i = 1; !status && i < b->args->n_words; i++)
        status = read_switch(b, cli_word(b->args, i));
    if (!status && b->args->n_words == 1)
        status = find_switches(b, asker);
    for (b->at = 0; !status && b->at < b->n; b->at++) {
        if (recall_collect(asker, b->arena, b->config, b->trial[b->at], b->to_ms, progress, b,
                           &b->err))
            status = fail(b);
    }
    return status;
}

/* --- evidence of the store --- */

static enum trial_truth truth_of(const struct store_guard *g)
{
    if (g->marked_ms >= 0)
        return g->false_alarm ? TRIAL_GOOD : TRIAL_BAD;
    return g->verdict == HD_VERDICT_PASS ? TRIAL_GOOD : TRIAL_UNKNOWN;
}

static enum hd_code load_guard(struct backtest *b, struct store *store, const char *id)
{
    struct store_guard g;
    struct trial *t = arena_of(b->arena, struct trial);
    enum hd_code code = trial_load(store, b->arena, id, &g, t, &b->err);
    if (code == HD_ABSENT || (!code && !t->n)) /* verdicts are kept longer than evidence */
        return HD_OK;
    if (!code)
        code = config_load_pin((struct hd_span){g.pin, strlen(g.pin)}, &b->pin[b->n], &b->err);
    if (code)
        return hd_error_add(&b->err, "guard %s", id);
    t->policy = config_service(b->pin[b->n], g.service);
    t->truth = truth_of(&g);
    if (!t->policy)
        return hd_fail(&b->err, HD_CORRUPT, "guard %s: its policy does not name %s", id, g.service);
    b->trial[b->n++] = t;
    return HD_OK;
}

static int load(struct backtest *b)
{
    STORE_AUTO store = NULL;
    struct store_guard *list;
    size_t n;
    const char *path = cli_store_path(b->args, b->arena);
    if (!path)
        return CLI_USAGE;
    if (b->args->n_words > 1)
        return cli_usage(b->args, "the store knows its switches; '%s' is for a data source",
                         cli_word(b->args, 1));
    int status = trial_range(b->args, clock_now().wall_ms, &b->from_ms, &b->to_ms);
    if (status)
        return status;
    struct store_filter filter = {
        .service = b->service, .verdict = -1, .since_ms = b->from_ms, .until_ms = b->to_ms};
    if (store_open_reader(path, &store, &b->err))
        return fail(b);
    const char *newest;
    status = trial_newest(store, b->arena, b->service, filter, &newest);
    if (status)
        return status;
    if (store_guards(store, b->arena, &filter, &list, &n, &b->err))
        return fail(b);
    for (size_t i = n; i-- > 0 && b->n < TRIALS_MAX;) {
        if (list[i].ended_ms >= 0 && load_guard(b, store, list[i].id))
            return fail(b);
    }
    return CLI_OK;
}

/* --- the result --- */

static const char *what_of(const struct trial_end *e)
{
    static const char *const words[] = {[HD_VERDICT_NONE] = "undecided",
                                        [HD_VERDICT_PASS] = "keep",
                                        [HD_VERDICT_FAIL] = "revert",
                                        [HD_VERDICT_INCONCLUSIVE] = "inconclusive"};
    return words[e->verdict.kind];
}

static const char *why_of(struct backtest *b, const struct trial *t, const struct trial_end *e)
{
    return e->verdict.n ? trial_reason(b->arena, t, t->policy, &e->verdict.reason[0]) : "";
}

static void print_switches(struct backtest *b, const struct trial_end *end)
{
    struct table t = {.arena = b->arena, .columns = 6};
    table_row(&t, "SWITCH (UTC)", "FROM > TO", "WAS", "WOULD", "AFTER", "WHY");
    for (size_t i = 0; i < b->n; i++) {
        const struct trial *x = b->trial[i];
        table_row(&t, table_time(b->arena, x->switch_ms),
                  arena_print(b->arena, "%s > %s", x->stable, x->candidate), truth_words[x->truth],
                  what_of(&end[i]), table_duration(b->arena, end[i].t_ms),
                  table_clean(b->arena, why_of(b, x, &end[i])));
    }
    table_print(&t, stdout);
}

static void put_switches(struct backtest *b, const struct trial_end *end, struct json_out *out)
{
    json_begin(out, "switches", '[');
    for (size_t i = 0; i < b->n; i++) {
        const struct trial *x = b->trial[i];
        json_begin(out, NULL, '{');
        json_put_text(out, "guard", x->name);
        json_put_time(out, "switch_at", x->switch_ms);
        json_put_text(out, "stable", x->stable);
        json_put_text(out, "candidate", x->candidate);
        json_put_text(out, "was", truth_words[x->truth]);
        json_put_text(out, "would", what_of(&end[i]));
        json_put_text(out, "verdict", hd_verdict_word(end[i].verdict.kind));
        json_put_text(out, "cause", hd_cause_word(end[i].verdict.cause));
        json_put_double(out, "score", end[i].verdict.score);
        json_put_double(out, "after_s", end[i].t_ms < 0 ? (double)NAN : (double)end[i].t_ms / 1000);
        json_put_text(out, "reason",
                      end[i].verdict.n ? reason_slug(end[i].verdict.reason[0].number) : NULL);
        json_put_text(out, "why", why_of(b, x, &end[i]));
        json_put_i64(out, "polls", (int64_t)x->n);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static const char *value_text(struct backtest *b, const struct hd_check *c, double value)
{
    BUF_AUTO text = BUF_INIT(64);
    bool factor =
        str_is(sweep_limit(c), "worse_than_baseline") || str_is(sweep_limit(c), "min_of_baseline");
    reason_value(&text, value, factor ? "" : c->unit);
    return arena_text(b->arena, buf_at(&text));
}

/* One sweep as text, or into `out`. */
static enum hd_code put_sweep(struct backtest *b, const struct hd_check *c, const struct sweep *s,
                              struct json_out *out)
{
    struct sweep_row row[SWEEP_VALUES_MAX];
    const struct trial *list[TRIALS_MAX];
    memcpy(list, b->trial, b->n * sizeof *list);
    if (sweep_run(s, list, b->n, row, &b->err))
        return b->err.code;
    if (!out)
        (void)printf("\n%s, %s (all else as it is):\n", c->name, sweep_limit(c));
    for (size_t i = 0; i < s->n; i++) {
        if (!out) {
            (void)printf("  %c %-8s %s\n", row[i].own ? '*' : ' ', value_text(b, c, row[i].value),
                         sweep_text(b->arena, &row[i]));
            continue;
        }
        json_begin(out, NULL, '{');
        json_put_text(out, "check", c->name);
        json_put_text(out, "limit", sweep_limit(c));
        json_put_double(out, "value", row[i].value);
        json_put_bool(out, "own", row[i].own);
        json_put_i64(out, "reverts", (int64_t)row[i].reverts);
        json_put_i64(out, "real", (int64_t)row[i].real);
        json_put_i64(out, "false", (int64_t)row[i].false_ones);
        json_put_i64(out, "missed", (int64_t)row[i].missed);
        json_end(out, '}');
    }
    return HD_OK;
}

/* Sweeps the check that was asked for, else every one of the newest policy. */
static int put_sweeps(struct backtest *b, struct json_out *out)
{
    const char *wanted = cli_option(b->args, "sweep");
    const struct hd_policy *policy = b->n ? b->trial[b->n - 1]->policy : NULL;
    struct sweep s;
    bool found = false;
    if (wanted && sweep_read(b->arena, wanted, &s, &b->err))
        return cli_usage(b->args, "--sweep: %s", b->err.text);
    for (uint32_t i = 0; policy && i < policy->n_checks; i++) {
        const struct hd_check *c = &policy->checks[i];
        if (wanted ? !str_is(c->name, s.check) || !sweep_limit(c) : !sweep_default(c, &s))
            continue;
        found = true;
        if (put_sweep(b, c, &s, out))
            return fail(b);
    }
    if (wanted && policy && !found)
        return cli_usage(b->args, "--sweep: no check '%s' with a limit", s.check);
    return CLI_OK;
}

static int report(struct backtest *b)
{
    struct trial_end *end = arena_many(b->arena, b->n, struct trial_end);
    for (size_t i = 0; i < b->n; i++) {
        if (trial_run(b->trial[i], b->trial[i]->policy, &end[i], &b->err))
            return fail(b);
    }
    if (!cli_json(b->args)) {
        if (!b->n)
            (void)puts("no switch");
        else
            print_switches(b, end);
        return put_sweeps(b, NULL);
    }
    BUF_AUTO text = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct json_out out = json_out(&text);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "service", b->service);
    put_switches(b, end, &out);
    json_begin(&out, "sweep", '[');
    int status = put_sweeps(b, &out);
    json_end(&out, ']');
    json_end(&out, '}');
    if (!status)
        (void)puts(buf_at(&text));
    return status;
}

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    struct config *config = NULL;
    struct backtest *b = arena_of(a, struct backtest);
    *b = (struct backtest){.args = args, .arena = a, .service = cli_word(args, 0)};
    int status = CLI_OK;
    if (cli_option(args, "guards")) {
        status = load(b);
    } else {
        config = cli_load(cli_config_file(cli_option(args, "config")), cli_option(args, "queries"));
        b->policy = config ? config_service(config, b->service) : NULL;
        b->config = config ? config_get(config) : NULL;
        status = !config      ? CLI_USAGE
                 : !b->policy ? cli_unknown_service(config, b->service)
                              : collect(b);
    }
    if (!status)
        status = report(b);
    for (size_t i = 0; i <= b->n; i++)
        config_unref(b->pin[i]);
    config_unref(config);
    return status;
}

static const struct cli_option options[] = {
    CLI_RANGE_OPTIONS,
    {"guards", 'g', NULL, "judge the evidence of the guards in the store, each by its own policy"},
    {"sweep", 'w', "CHECK=LIMITS",
     "limits to try (0.5%,1%,2%) instead of 1/4 to 4 times each check's own"},
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
        "A switch is TIME=COLOUR or TIME=STABLE>COLOUR; without any they are found in the traffic\n"
        "between --from and --to, where a colour has traffic after more than a minute without; name\n"
        "what followed sooner. What you say of a switch (good, bad) or a human said of a "
        "stored\n"
        "guard (false alarm) tells real reverts from false ones. Counters are asked raw and "
        "counted as\n"
        "a live guard counts them; how the traffic was split is read off the requests. Nothing is changed.\n",
    .options = options,
    .least = 1,
    .most = 65,
    .run = run,
};
