/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of subcommands, and the configuration file that many of them read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/table.h"

static int print_version(const struct cli_args *args)
{
    (void)args;
    (void)puts("haldane " HALDANE_VERSION);
    return CLI_OK;
}

static int print_help(const struct cli_args *args);

static const struct cli_command version = {
    .name = "version", .synopsis = "", .help = "print the version", .run = print_version};
static const struct cli_command help = {.name = "help",
                                        .synopsis = "[COMMAND]",
                                        .help = "print this, or what one command takes",
                                        .most = 1,
                                        .run = print_help};

static const struct cli_command *const commands[] = {
    &cli_serve,  &cli_check,  &cli_guard,   &cli_wait,   &cli_status, &cli_watch, &cli_show, &cli_list,
    &cli_revert, &cli_approve, &cli_hold,   &cli_release, &cli_cancel, &cli_rearm,  &cli_ack,  &cli_reload,
    &cli_analyze,
    &cli_change, &cli_mark,   &cli_export,
    &cli_query,  &cli_doctor,
    &cli_drill,
    &cli_replay, &cli_backtest,
    &cli_bench,
    &cli_engine, &cli_token,  &cli_db,     &cli_man,    &cli_completion, &version, &help,
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

const struct cli_exit_row cli_exit_rows[] = {
    {CLI_OK, "passed, or done"},
    {CLI_REVERTED, "failed, and reverted and verified; of doctor and drill: it would not work"},
    {CLI_USAGE, "wrong arguments or configuration"},
    {CLI_INCONCLUSIVE, "inconclusive: not enough evidence"},
    {CLI_NOT_VERIFIED, "a revert is not verified, was not possible, or users have not recovered after it"},
    {CLI_ADVISED, "failed; by its settings haldane only said so"},
    {CLI_UNREACHABLE, "the daemon does not answer"},
    {CLI_AUTH, "no token, or one that may not"},
    {CLI_TIMEOUT, "the wait timed out; the guard goes on"},
    {CLI_SUPERSEDED, "somebody else changed the traffic, or an operator cancelled"},
    {CLI_INTERRUPTED, "interrupted; the guard goes on"},
    {0, NULL},
};

const struct cli_command *cli_command_at(size_t i) { return i < N_COMMANDS ? commands[i] : NULL; }

static const struct cli_command *command_of(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (str_is(commands[i]->name, name))
            return commands[i];
    }
    return NULL;
}

static void print_commands(FILE *to)
{
    (void)fputs("haldane watches a release the moment traffic moves to it, and moves traffic back\n"
                "when the metrics say so.\n\n"
                "usage: haldane COMMAND [...]      haldane COMMAND --help\n\n",
                to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->help);
}

int cli_no_service(const struct str_near *near)
{
    ARENA_AUTO a = arena_new();
    const char *word = table_clean(a, near->word);
    if (near->name)
        return cli_fail(CLI_USAGE, "there is no service '%s'; did you mean '%s'?", word,
                        table_clean(a, near->name));
    return cli_fail(CLI_USAGE, "there is no service '%s'", word);
}

int cli_unknown_service(const struct config *config, const char *word)
{
    const struct hd_config *c = config_get(config);
    struct str_near near = {.word = word};
    for (size_t i = 0; i < c->n_services; i++)
        str_near_offer(&near, c->services[i].name);
    return cli_no_service(&near);
}

static int unknown_command(const char *name)
{
    struct str_near near = {.word = name};
    if (*name == '-')
        return cli_fail(CLI_USAGE, "options stand behind the command: haldane COMMAND %s ...", name);
    for (size_t i = 0; i < N_COMMANDS; i++)
        str_near_offer(&near, commands[i]->name);
    if (near.name)
        return cli_fail(CLI_USAGE, "no command '%s'; did you mean '%s'?", name, near.name);
    return cli_fail(CLI_USAGE, "no command '%s'; see haldane help", name);
}

static int print_help(const struct cli_args *args)
{
    const char *name = args ? cli_word(args, 0) : NULL;
    const struct cli_command *c = name ? command_of(name) : NULL;
    if (name && !c)
        return unknown_command(name);
    if (c) {
        cli_help(c);
        return CLI_OK;
    }
    print_commands(stdout);
    (void)puts("\nExit codes:");
    for (const struct cli_exit_row *r = cli_exit_rows; r->help; r++)
        (void)printf("  %3d  %s\n", r->code, r->help);
    return CLI_OK;
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_commands(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (str_is(name, "--help") || str_is(name, "-h"))
        return print_help(NULL);
    if (str_is(name, "--version"))
        return print_version(NULL);
    const struct cli_command *c = command_of(name);
    return c ? cli_run(c, argc - 1, argv + 1) : unknown_command(name);
}

/* --- the configuration file --- */

const char *cli_config_file(const char *given)
{
    const char *env = getenv("HALDANE_CONFIG"); /* read before any thread starts */
    return given ? given : env && *env ? env : CLI_CONFIG_DEFAULT;
}

int cli_file(const struct cli_args *args, const char **ret)
{
    const char *word = cli_word(args, 0), *given = cli_option(args, "config");
    if (word && given)
        return cli_usage(args, "the file is named twice: '%s' and --config %s", word, given);
    *ret = cli_config_file(word ? word : given);
    return CLI_OK;
}

void cli_print_mistakes(const struct config_mistakes *mistakes)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    if (!mistakes->n)
        return;
    config_print_mistakes(mistakes, &text);
    (void)fputs(buf_at(&text), stderr);
}

struct config *cli_load(const char *file, const char *queries)
{
    ARENA_AUTO a = arena_new();
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = config_load(a, file, queries, &config, &mistakes, &err);
    if (code && mistakes.n)
        cli_print_mistakes(&mistakes);
    else if (code)
        (void)cli_fail(CLI_USAGE, "%s", err.text);
    return code ? NULL : config;
}

const char *cli_store_path(const struct cli_args *args, struct hd_arena *a)
{
    const char *path = cli_option(args, "store");
    if (path)
        return path;
    struct config *config = cli_load(cli_config_file(cli_option(args, "config")), NULL);
    if (config)
        path = arena_text(a, config_get(config)->storage.path);
    config_unref(config);
    return path;
}
