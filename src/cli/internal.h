/* SPDX-License-Identifier: Apache-2.0
 *
 * What the subcommands share: options of every command, the configuration file, messages.
 */
#ifndef CLI_INTERNAL_H
#define CLI_INTERNAL_H

#include <getopt.h>
#include <stdbool.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "config/config.h"

#define CLI_CONFIG_DEFAULT "/etc/haldane/haldane.yaml"

/* One row of the table in cli.c. `run` gets argv[0] = the subcommand. */
struct cli_command {
    const char *name, *synopsis, *help;
    int (*run)(int argc, char **argv);
};
const struct cli_command *cli_commands(size_t *ret_n);

int cli_serve(int argc, char **argv);

/* Prints "haldane SUBCOMMAND: text" and the synopsis on stderr; returns CLI_USAGE. */
int cli_usage(const char *subcommand, const char *format, ...) HD_PRINTF(2, 3);
/* Prints "haldane: text" on stderr; returns `status`. */
int cli_fail(int status, const char *format, ...) HD_PRINTF(2, 3);
/* Prints the help of one subcommand on stdout; returns CLI_OK. `options`: its own lines. */
int cli_help(const char *subcommand, const char *options);

/* Loads a configuration, printing every mistake on stderr; NULL: there were errors. */
struct config *cli_load(const char *file, const char *queries);
/* The file to use: `given`, else $HALDANE_CONFIG, else the default. */
const char *cli_config_file(const char *given);

#endif
