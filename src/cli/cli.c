/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of subcommands, and the few things they all say.
 */
#include "cli/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

static int cli_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("haldane " HALDANE_VERSION);
    return CLI_OK;
}

static int cli_all_help(int argc, char **argv);

static const struct cli_command commands[] = {
    {"serve", "[FILE]", "run the daemon", cli_serve},
    {"version", "", "print the version", cli_version},
    {"help", "", "print this", cli_all_help},
};

const struct cli_command *cli_commands(size_t *ret_n)
{
    *ret_n = sizeof commands / sizeof *commands;
    return commands;
}

static void print_commands(FILE *to)
{
    (void)fprintf(to, "haldane watches a release the moment traffic moves to it, and moves traffic back when\n"
                      "the metrics say so.\n\nusage: haldane COMMAND [...]      haldane COMMAND --help\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        (void)fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
}

static int cli_all_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_commands(stdout);
    (void)puts("\nExit codes: 0 passed or done, 1 failed and reverted, 2 usage or configuration,\n"
               "3 inconclusive, 4 revert not verified, 5 failed and only advised, 6 daemon unreachable,\n"
               "7 not authorised, 8 wait timed out, 9 superseded or cancelled, 130 interrupted.");
    return CLI_OK;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (str_is(name, "--help") || str_is(name, "-h"))
        return cli_all_help(argc, argv);
    if (str_is(name, "--version"))
        return cli_version(argc, argv);
    const char *nearest = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (str_is(commands[i].name, name))
            return commands[i].run(argc - 1, argv + 1);
        unsigned d = str_distance(commands[i].name, name, 9);
        if (*name && d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    if (*name)
        (void)fprintf(stderr, "haldane: no command '%s'%s%s%s\n\n", name, nearest ? "; did you mean '" : "",
                      nearest ? nearest : "", nearest ? "'?" : "");
    print_commands(stderr);
    return CLI_USAGE;
}

static const struct cli_command *command_of(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (str_is(commands[i].name, name))
            return &commands[i];
    }
    return &commands[0];
}

int cli_usage(const char *subcommand, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "haldane %s: ", subcommand);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nusage: haldane %s %s\n", subcommand, command_of(subcommand)->synopsis);
    return CLI_USAGE;
}

int cli_fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "haldane: ");
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return status;
}

int cli_help(const char *subcommand, const char *options)
{
    const struct cli_command *c = command_of(subcommand);
    (void)printf("haldane %s: %s\n\nusage: haldane %s %s\n\n%s", c->name, c->help, c->name, c->synopsis, options);
    return CLI_OK;
}

const char *cli_config_file(const char *given)
{
    const char *env = getenv("HALDANE_CONFIG"); /* read before any thread starts */
    return given ? given : env && *env ? env : CLI_CONFIG_DEFAULT;
}

struct config *cli_load(const char *file, const char *queries)
{
    ARENA_AUTO a = arena_new();
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = config_load(a, file, queries, &config, &mistakes, &err);
    if (mistakes.n) {
        BUF_AUTO text = BUF_INIT(1u << 20);
        config_print_mistakes(&mistakes, &text);
        (void)fputs(buf_at(&text), stderr);
    } else if (code) {
        (void)cli_fail(CLI_USAGE, "%s", err.text);
    }
    return code ? NULL : config;
}
