/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane query`: the query library, and what a service's checks get right now.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/look.h"
#include "config/lint.h"

#define WINDOW_MS 60000 /* default */

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
    look_head(&t);
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        if (check && !str_is(policy->checks[i].name, check))
            continue;
        found = true;
        ok &= look_check(asker, &t, c, policy, &policy->checks[i], window_ms);
    }
    if (!found)
        return cli_fail(CLI_USAGE, "service %s has no check '%s'", policy->name,
                        check ? check : "");
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
    if (window &&
        (!str_read_duration(window, &window_ms) || window_ms < 1000 || window_ms > 3600000))
        return cli_usage(args, "--window is a duration from 1s to 1h, not '%s'", window);
    struct config *config =
        cli_load(cli_config_file(cli_option(args, "config")), cli_option(args, "queries"));
    if (!config)
        return CLI_USAGE;
    const struct hd_policy *policy = config_service(config, service);
    int status = policy ? ask_all(config_get(config), policy, check, window_ms)
                        : cli_unknown_service(config, service);
    config_unref(config);
    return status;
}

static size_t print_lints(struct hd_arena *a, const char *query, const char *label)
{
    struct config_lints found;
    config_lint(a, query, label, &found);
    for (size_t i = 0; i < found.n; i++)
        (void)printf("%zu: %s: %s\n", found.item[i].at + 1, found.item[i].slug, found.item[i].text);
    return found.n;
}

/* The one query of the command line; "-" is standard input. */
static int lint(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(HD_QUERY_BYTES_MAX);
    const char *query = cli_word(args, 1), *label = cli_option(args, "label");
    if (!query || args->n_words > 2)
        return cli_usage(args, "lint takes one query; the queries of a configuration are linted by `check`");
    if (str_is(query, "-")) {
        char piece[4096];
        for (size_t n; (n = fread(piece, 1, sizeof piece, stdin)) > 0 && !text.full;)
            buf_add(&text, piece, n);
        if (text.full)
            return cli_fail(CLI_USAGE, "a query has at most %d bytes", HD_QUERY_BYTES_MAX);
        query = buf_at(&text);
    }
    size_t n = print_lints(a, query, label ? label : "version");
    if (!n)
        (void)puts("nothing found");
    return n ? CLI_USAGE : CLI_OK;
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
    CLI_QUERIES_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_query = {
    .name = "query",
    .synopsis = "list | run SERVICE CHECK | run SERVICE --all | lint PROMQL",
    .help = "list the query library, ask a service's checks now, or look over a query",
    .notes =
        "run prints for each side how many series answered, the requests counted (n), the value\n"
        "and the age of the newest sample. Exit codes: 0 answered, 3 no answer.\n"
        "lint says what is known to go wrong with a query that decides over a release, as\n"
        "BYTE: NAME: TEXT, and what to write instead; \"-\" reads it from standard input. It may hold\n"
        "{{by}}, {{match}} and {{colour}}. Exit codes: 0 nothing found, 2 something.\n",
    .options = options,
    .least = 1,
    .most = 3,
    .run = run,
};
