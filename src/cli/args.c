/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments and --help of every subcommand from its rows, and the messages about them. Called by
 * cli.c for every command, and by the commands for what they find wrong themselves.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"

#define HELP_ROW CLI_OPTIONS_MAX /* --help: every command has it */

static size_t count_options(const struct cli_command *c)
{
    size_t n = 0;
    while (c->options && c->options[n].name)
        n++;
    return n;
}

static int option_row(const struct cli_command *c, const char *name)
{
    for (int i = 0; c->options && c->options[i].name; i++) {
        if (str_is(c->options[i].name, name))
            return i;
    }
    return -1;
}

const char *cli_option(const struct cli_args *args, const char *name)
{
    int row = option_row(args->command, name);
    if (row < 0)
        abort();
    return args->value[row];
}

const char *cli_word(const struct cli_args *args, int n)
{
    return n < args->n_words ? args->word[n] : NULL;
}

bool cli_json(const struct cli_args *args)
{
    return str_is(cli_option(args, "output"), "json");
}

/* --- messages --- */

static int complain(const struct cli_command *c, const char *format, va_list args)
{
    (void)fprintf(stderr, "haldane %s: ", c->name);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nusage: haldane %s%s%s\n", c->name, *c->synopsis ? " " : "", c->synopsis);
    return CLI_USAGE;
}

HD_PRINTF(2, 3) static int refuse(const struct cli_command *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = complain(c, format, args);
    va_end(args);
    return status;
}

int cli_usage(const struct cli_args *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = complain(a->command, format, args);
    va_end(args);
    return status;
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

static void help_row(const struct cli_option *o)
{
    char left[40];
    (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                   o->value ? o->value : "");
    if (o->letter)
        (void)printf("  -%c, %-19s %s\n", o->letter, left, o->help);
    else
        (void)printf("      %-19s %s\n", left, o->help);
}

void cli_help(const struct cli_command *c)
{
    (void)printf("haldane %s: %s\n\nusage: haldane %s %s\n\n", c->name, c->help, c->name,
                 c->synopsis);
    for (const struct cli_option *o = c->options; o && o->name; o++)
        help_row(o);
    help_row(&(struct cli_option){"help", 'h', NULL, "print this"});
    if (c->notes)
        (void)printf("\n%s", c->notes);
}

/* --- parsing --- */

/* The rows as getopt_long wants them; a long option's `val` is its row plus 256. */
static void getopt_tables(const struct cli_command *c, struct option *longs, char *letters)
{
    size_t n = count_options(c);
    if (n > CLI_OPTIONS_MAX)
        abort();
    *letters++ = ':'; /* tell a missing value from an unknown option, and print nothing */
    for (size_t i = 0; i < n; i++) {
        const struct cli_option *o = &c->options[i];
        longs[i] = (struct option){o->name, o->value ? required_argument : no_argument, NULL,
                                   256 + (int)i};
        if (!o->letter)
            continue;
        *letters++ = o->letter;
        if (o->value)
            *letters++ = ':';
    }
    longs[n] = (struct option){"help", no_argument, NULL, 256 + HELP_ROW};
    longs[n + 1] = (struct option){0};
    *letters++ = 'h';
    *letters = '\0';
}

static int row_of(const struct cli_command *c, int found)
{
    if (found >= 256)
        return found - 256;
    if (found == 'h')
        return HELP_ROW;
    for (int i = 0; c->options && c->options[i].name; i++) {
        if (c->options[i].letter == found)
            return i;
    }
    return -1;
}

static int check_words(const struct cli_args *args)
{
    const struct cli_command *c = args->command;
    if (args->n_words < c->least)
        return refuse(c, "an argument is missing");
    if (args->n_words > c->most)
        return refuse(c, "unexpected '%s'", args->word[c->most]);
    int output = option_row(c, "output");
    const char *format = output < 0 ? NULL : args->value[output];
    if (format && !str_is(format, "text") && !str_is(format, "json"))
        return refuse(c, "--output is text or json, not '%s'", format);
    return CLI_OK;
}

static int refuse_option(const struct cli_command *c, int found, char **argv)
{
    const char *what = found == ':' ? "needs a value" : "is not known here";
    if (optopt > 0 && optopt < 256) /* one letter, perhaps of a bundle */
        return refuse(c, "option -%c %s", optopt, what);
    const char *word = argv[optind - 1];
    ARENA_AUTO a = arena_new();
    char *name = arena_text_n(a, word, strcspn(word, "=")); /* "--wiat=3" */
    struct str_near near = {.word = str_begins(name, "--") ? name + 2 : name};
    for (int i = 0; found == '?' && c->options && c->options[i].name; i++)
        str_near_offer(&near, c->options[i].name);
    if (near.name && !near.distance)
        return refuse(c, "option %s takes no value", word);
    if (near.name)
        return refuse(c, "option %s %s; did you mean --%s?", name, what, near.name);
    return refuse(c, "option %s %s", word, what);
}

int cli_run(const struct cli_command *c, int argc, char **argv)
{
    struct option longs[CLI_OPTIONS_MAX + 2];
    char letters[2 * CLI_OPTIONS_MAX + 4];
    struct cli_args args = {.command = c};
    getopt_tables(c, longs, letters);
    optind = 0; /* from the start, also when called again (tests) */
    for (int found; (found = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (found == '?' || found == ':')
            return refuse_option(c, found, argv);
        int row = row_of(c, found);
        if (row == HELP_ROW) {
            cli_help(c);
            return CLI_OK;
        }
        args.value[row] = optarg ? optarg : "";
    }
    args.word = (const char *const *)argv + optind;
    args.n_words = argc - optind;
    int status = check_words(&args);
    return status ? status : c->run(&args);
}
