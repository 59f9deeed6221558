/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane query`: the query library, and what a service's checks get right now.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/look.h"
#include "config/lint.h"
#include "json/json.h"

#define WINDOW_MS 60000 /* default */
#define LINTED_MAX 64   /* words of a command line */

static int list(const struct cli_args *args)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    struct hd_error err;
    if (args->n_words > 1)
        return cli_usage(args, "unexpected '%s'", cli_word(args, 1));
    if (config_print_queries(cli_option(args, "queries"), &text, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    (void)fputs(buf_at(&text), stdout);
    return CLI_OK;
}

static int no_check(const struct hd_policy *policy, const char *check)
{
    struct str_near near = {.word = check};
    BUF_AUTO all = BUF_INIT(4000);
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        str_near_offer(&near, policy->checks[i].name);
        buf_print(&all, "%s%s", i ? ", " : "", policy->checks[i].name);
    }
    if (near.name)
        return cli_fail(CLI_USAGE, "service %s has no check '%s'; did you mean '%s'?", policy->name, check, near.name);
    return cli_fail(CLI_USAGE, "service %s has no check '%s'; it has: %s", policy->name, check, buf_at(&all));
}

/* What a check got, as data. False: no answer. */
static bool put_check(struct json_out *o, struct asker *asker, const struct hd_config *c, const struct hd_policy *policy,
                      const struct hd_check *check, int64_t window_ms)
{
    ARENA_AUTO a = arena_new();
    struct ask_side side[HD_SIDES_MAX];
    struct hd_error err;
    bool ok = !ask_check(asker, a, c, policy, check, window_ms, side, &err);
    json_begin(o, NULL, '{');
    json_put_text(o, "check", check->name);
    json_put_text(o, "unit", check->unit);
    json_put_text(o, "error", ok ? NULL : err.text);
    json_begin(o, "sides", '[');
    for (uint32_t i = 0; ok && i < policy->n_colours; i++) {
        json_begin(o, NULL, '{');
        json_put_text(o, "colour", policy->colours[i].name);
        json_put_i64(o, "series", (int64_t)side[i].series);
        json_put_double(o, "n", side[i].n);
        json_put_double(o, "value", side[i].value);
        json_put_double(o, "age_s", side[i].age_ms >= 0 ? (double)side[i].age_ms / 1000 : (double)NAN);
        json_put_text(o, "outcome", hd_outcome_word(side[i].outcome));
        json_end(o, '}');
    }
    for (uint32_t i = 0; ok && i < policy->n_colours; i++)
        ok = side[i].outcome != HD_OUTCOME_ERROR;
    json_end(o, ']');
    json_end(o, '}');
    return ok;
}

static int ask_json(const struct hd_config *c, const struct hd_policy *policy, const char *check, int64_t window_ms)
{
    ASKER_AUTO asker = NULL;
    BUF_AUTO text = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct json_out o = json_out(&text);
    struct hd_error err;
    bool ok = true, found = false;
    if (ask_open(&asker, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "service", policy->name);
    json_begin(&o, "checks", '[');
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        if (check && !str_is(policy->checks[i].name, check))
            continue;
        found = true;
        ok &= put_check(&o, asker, c, policy, &policy->checks[i], window_ms);
    }
    json_end(&o, ']');
    json_end(&o, '}');
    if (!found)
        return no_check(policy, check);
    (void)puts(buf_at(&text));
    return ok ? CLI_OK : CLI_INCONCLUSIVE;
}

static int ask_all(const struct hd_config *c, const struct hd_policy *policy, const char *check,
                   int64_t window_ms)
{
    ARENA_AUTO a = arena_new();
    ASKER_AUTO asker = NULL;
    struct table t = {.arena = a, .columns = LOOK_COLUMNS};
    struct hd_error err;
    bool ok = true, found = false;
    if (ask_open(&asker, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    struct lint_sides sides;
    look_head(&t);
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        if (check && !str_is(policy->checks[i].name, check))
            continue;
        found = true;
        ok &= !look_check(asker, &t, c, policy, &policy->checks[i], window_ms, &sides);
    }
    if (!found)
        return no_check(policy, check);
    table_print(&t, stdout);
    return ok ? CLI_OK : CLI_INCONCLUSIVE;
}

static int ask(const struct cli_args *args)
{
    const char *service = cli_word(args, 1), *check = cli_word(args, 2);
    const char *window = cli_option(args, "window");
    int64_t window_ms = WINDOW_MS;
    if (!service || !check == !cli_option(args, "all"))
        return cli_usage(args, "run takes a service, and a check or --all");
    if (args->n_words > 3)
        return cli_usage(args, "unexpected '%s'", cli_word(args, 3));
    if (window &&
        (!str_read_duration(window, &window_ms) || window_ms < 1000 || window_ms > 3600000))
        return cli_usage(args, "--window is a duration from 1s to 1h, not '%s'", window);
    struct config *config =
        cli_load(cli_config_file(cli_option(args, "config")), cli_option(args, "queries"));
    if (!config)
        return CLI_USAGE;
    const struct hd_policy *policy = config_service(config, service);
    int status = !policy          ? cli_unknown_service(config, service)
                 : cli_json(args) ? ask_json(config_get(config), policy, check, window_ms)
                                  : ask_all(config_get(config), policy, check, window_ms);
    config_unref(config);
    return status;
}

/* --- lint --- */

/* `where`: stands before each line; "" for a query of the command line. */
static size_t print_lints(const char *where, const char *query, const char *label)
{
    ARENA_AUTO a = arena_new();
    struct config_lints found;
    config_lint(a, query, label, &found);
    for (size_t i = 0; i < found.n; i++)
        (void)printf("%s%zu: %s: %s\n", where, found.item[i].at + 1, found.item[i].slug, found.item[i].text);
    return found.n;
}

static const char *findings_text(struct hd_arena *a, size_t n)
{
    return n ? arena_print(a, "%zu finding%s", n, n == 1 ? "" : "s") : "nothing found";
}

/* The one query that is a whole file, or standard input. */
static int lint_stream(FILE *from, const char *name, const char *label, size_t *n)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(HD_QUERY_BYTES_MAX);
    char piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof piece, from)) > 0 && !text.full;)
        buf_add(&text, piece, got);
    if (ferror(from))
        return cli_fail(CLI_USAGE, "%s cannot be read: %s", name, strerror(errno));
    if (text.full)
        return cli_fail(CLI_USAGE, "%s: a query has at most %d bytes", name, HD_QUERY_BYTES_MAX);
    size_t found = print_lints(arena_print(a, "%s:", name), buf_at(&text), label);
    (void)printf("%s: read as one query, %s\n", name, findings_text(a, found));
    *n += found;
    return CLI_OK;
}

/* The queries that a configuration words itself, where they stand in it. */
static int lint_config(const struct cli_args *args, const char *file, size_t *n)
{
    ARENA_AUTO a = arena_new();
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = config_load(a, file, cli_option(args, "queries"), &config, &mistakes, &err);
    if (code && mistakes.n)
        cli_print_mistakes(&mistakes);
    if (code)
        return cli_fail(CLI_USAGE, "%s: its queries cannot be read before the configuration is right",
                        mistakes.n ? file : err.text);
    const struct hd_config *c = config_get(config);
    size_t own = 0, checks = 0, found = 0;
    for (uint32_t i = 0; i < c->n_services; i++) {
        for (uint32_t k = 0; k < c->services[i].n_checks; k++, checks++)
            own += !c->services[i].checks[k].use && c->services[i].checks[k].query.text[0];
    }
    for (size_t i = 0; i < mistakes.n; i++) {
        const struct config_mistake *m = &mistakes.item[i];
        if (!str_ends(m->path, ".query"))
            continue;
        found++;
        (void)printf("%s:%d:%d: %s: %s\n", m->file, m->line, m->column, m->path, m->text);
    }
    (void)printf("%s: read as a configuration, %zu check%s, %zu with a query of %s own, %s\n", file, checks,
                 checks == 1 ? "" : "s", own, own == 1 ? "its" : "their", findings_text(a, found));
    *n += found;
    config_unref(config);
    return CLI_OK;
}

/* Nobody asks for a metric by a name with a slash, or with the ending of a file. */
static bool means_a_file(const char *word)
{
    static const char *const endings[] = {".yaml", ".yml", ".json", ".promql", ".txt"};
    bool means = strchr(word, '/') && !strpbrk(word, " \t\n(){}[]");
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        means |= str_ends(word, endings[i]) && !strpbrk(word, " \t\n(){}[]");
    return means;
}

static int lint_file(const struct cli_args *args, const char *file, const char *label, size_t *n)
{
    if (str_ends(file, ".yaml") || str_ends(file, ".yml") || str_ends(file, ".json"))
        return lint_config(args, file, n);
    FILE *from = fopen(file, "re");
    if (!from)
        return cli_fail(CLI_USAGE, "%s cannot be opened: %s", file, strerror(errno));
    int status = lint_stream(from, file, label, n);
    (void)fclose(from);
    return status;
}

/* Queries, files of one query each, configurations; "-" is standard input. */
static int lint(const struct cli_args *args)
{
    const char *word, *label = cli_option(args, "label") ? cli_option(args, "label") : "version";
    size_t n = 0;
    int status = CLI_OK;
    if (!cli_word(args, 1))
        return cli_usage(args, "lint takes queries, or files");
    for (int i = 1; !status && (word = cli_word(args, i)) != NULL; i++) {
        struct stat about;
        bool is_file = stat(word, &about) == 0 && !S_ISDIR(about.st_mode);
        if (str_is(word, "-")) {
            status = lint_stream(stdin, "-", label, &n);
        } else if (is_file || means_a_file(word)) {
            status = lint_file(args, word, label, &n);
        } else {
            size_t found = print_lints("", word, label);
            if (!found)
                (void)puts("nothing found");
            n += found;
        }
    }
    return status ? status : n ? CLI_USAGE : CLI_OK;
}

static int run(const struct cli_args *args)
{
    if (str_is(cli_word(args, 0), "lint"))
        return lint(args);
    if (str_is(cli_word(args, 0), "list"))
        return list(args);
    if (str_is(cli_word(args, 0), "run"))
        return ask(args);
    return cli_usage(args, "'%s' is none of list, run and lint", cli_word(args, 0));
}

static const struct cli_option options[] = {
    {"all", 'a', NULL, "every check of the service"},
    {"window", 'w', "T", "count over so long a time until now (default 1m)"},
    {"label", 'l', "NAME", "lint: the label that tells colours apart (default version)"},
    {"output", 'o', "FORMAT", "run: text (default) or json"},
    CLI_QUERIES_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_query = {
    .name = "query",
    .synopsis = "list | run SERVICE CHECK | run SERVICE --all | lint PROMQL|FILE...",
    .help = "list the query library, ask a service's checks now, or look over a query",
    .notes =
        "run prints for each side how many series answered, the requests counted (n), the value\n"
        "and the age of the newest sample. Exit codes: 0 answered, 3 no answer.\n"
        "lint says what is known to go wrong with a query that decides over a release, as\n"
        "BYTE: NAME: TEXT, and what to write instead. It may hold {{by}}, {{match}} and {{colour}}. A FILE\n"
        "holds one query (\"-\": standard input), or is a configuration (.yaml, .json), whose queries are\n"
        "looked over where they stand. Exit codes: 0 nothing found, 2 something.\n",
    .options = options,
    .least = 1,
    .most = LINTED_MAX,
    .run = run,
};
