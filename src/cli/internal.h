/* SPDX-License-Identifier: Apache-2.0
 *
 * What the subcommands share: their rows, options of every command, the configuration file,
 * messages. Results go to stdout, everything else to stderr.
 */
#ifndef CLI_INTERNAL_H
#define CLI_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/config.h"

#define CLI_CONFIG_DEFAULT "/etc/haldane/haldane.yaml"
#define CLI_OPTIONS_MAX 20 /* of one command; the longest --help fits a screen */

/* One option; the last row of a list has no name. From it come parsing and --help. */
struct cli_option {
    const char *name;
    char letter;       /* '\0': none */
    const char *value; /* what it takes ("FILE"); NULL: nothing */
    const char *help;
};

#define CLI_CONFIG_OPTION                                                                          \
    {                                                                                              \
        "config", 'c', "FILE",                                                                     \
            "configuration (default $HALDANE_CONFIG, else " CLI_CONFIG_DEFAULT ")"                 \
    }
#define CLI_QUERIES_OPTION                                                                         \
    {                                                                                              \
        "queries", 'q', "DIR", "query library instead of the one built in"                         \
    }
#define CLI_OUTPUT_OPTION                                                                          \
    {                                                                                              \
        "output", 'o', "FORMAT", "of the result on stdout: text (default) or json"                 \
    }
/* Where the daemon is, and who we are. */
#define CLI_CLIENT_OPTIONS                                                                         \
    {"url", 'u', "URL",                                                                            \
     "of the daemon (default $HALDANE_URL, else `listen` of the configuration)"},                  \
        {"token-file", '\0', "FILE",                                                               \
         "token (default $HALDANE_TOKEN, else the daemon's own file)"},                            \
        CLI_CONFIG_OPTION

struct cli_args;

/* One subcommand. */
struct cli_command {
    const char *name, *synopsis, *help; /* synopsis without the options' own words */
    const char *notes;                  /* more for --help, or NULL */
    const struct cli_option *options;   /* or NULL */
    int least, most;                    /* words it takes */
    int (*run)(const struct cli_args *);
};

/* What the user wrote. */
struct cli_args {
    const struct cli_command *command;
    const char *value[CLI_OPTIONS_MAX]; /* by row of the options; "" of a flag; NULL: not given */
    const char *const *word;
    int n_words;
};

/* The value of an option of this command; NULL: not given. Any other name is our bug. */
const char *cli_option(const struct cli_args *, const char *name);
/* The n-th word, or NULL. */
const char *cli_word(const struct cli_args *, int n);
bool cli_json(const struct cli_args *); /* -o json */

/* Reads argv[1...] by the command's rows and runs it; says what is wrong with them itself. */
int cli_run(const struct cli_command *, int argc, char **argv);
void cli_help(const struct cli_command *); /* on stdout */

/* Prints "haldane SUBCOMMAND: text" and the synopsis on stderr; returns CLI_USAGE. */
int cli_usage(const struct cli_args *, const char *format, ...) HD_PRINTF(2, 3);
/* Prints "haldane: text" on stderr; returns `status`. */
int cli_fail(int status, const char *format, ...) HD_PRINTF(2, 3);

/* Loads a configuration; NULL: there were errors, and each is said on stderr. Warnings are for those
 * who check or serve it: `check`, `doctor`, `serve`. */
struct config *cli_load(const char *file, const char *queries);
/* Every mistake and warning on stderr. */
void cli_print_mistakes(const struct config_mistakes *);
/* The file to use: `given`, else $HALDANE_CONFIG, else the default. */
const char *cli_config_file(const char *given);
/* The file that is named: by the first word, or by --config. An exit status. */
int cli_file(const struct cli_args *, const char **ret);
/* "there is no service 'x'; did you mean 'y'?"; returns CLI_USAGE. */
int cli_no_service(const struct str_near *);
/* The same, of the services of a configuration. */
int cli_unknown_service(const struct config *, const char *word);
/* The store of an offline command: --store, else that of the configuration; NULL: said why. */
const char *cli_store_path(const struct cli_args *, struct hd_arena *);

extern const struct cli_command cli_serve, cli_check, cli_query, cli_guard, cli_wait, cli_status,
    cli_show, cli_list, cli_revert, cli_hold, cli_release, cli_cancel, cli_rearm, cli_ack,
    cli_reload, cli_replay, cli_engine, cli_token, cli_doctor, cli_drill, cli_db, cli_man, cli_completion,
    cli_backtest, cli_approve;
extern const struct cli_command cli_analyze;
extern const struct cli_command cli_watch;
extern const struct cli_command cli_change, cli_mark, cli_export;
extern const struct cli_command cli_bench;

/* All of them, in the order of the help; NULL past the last. */
const struct cli_command *cli_command_at(size_t);

struct cli_exit_row {
    int code; /* enum cli_exit */
    const char *help;
};
extern const struct cli_exit_row cli_exit_rows[]; /* the last has no help */

#endif
