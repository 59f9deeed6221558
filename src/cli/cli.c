/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of subcommands.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int cli_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("haldane " HALDANE_VERSION);
    return CLI_OK;
}

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"version", "print the version", cli_version},
};

int cli_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    (void)fprintf(stderr, "usage: haldane COMMAND [...]\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        (void)fprintf(stderr, "  %-10s %s\n", commands[i].name, commands[i].help);
    return CLI_USAGE;
}
