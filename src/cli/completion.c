/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane completion`: completion scripts made from the tables of commands and options. They call
 * `haldane completion services` for the names of services, which needs no daemon.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/internal.h"

static bool takes_service(const struct cli_command *c)
{
    return c->most > 0 && strstr(c->synopsis, "SERVICE");
}

/* A word may be a file: also of a command whose word may be a service. */
static bool may_take_file(const struct cli_command *c)
{
    return c->most > 0 && (!takes_service(c) || strstr(c->synopsis, "FILE"));
}

static bool takes_file(const struct cli_option *o)
{
    return o->value && (str_is(o->value, "FILE") || str_is(o->value, "DIR"));
}

static bool takes_format(const struct cli_option *o) { return str_is(o->name, "output"); }

/* Inside single quotes of a shell. */
static void quoted(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", stdout);
        else
            (void)putchar(*text);
    }
}

/* --- bash --- */

static void bash_values(const struct cli_command *c)
{
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        if (!o->value)
            continue;
        (void)printf("    %s:--%s", c->name, o->name);
        if (o->letter)
            (void)printf("|%s:-%c", c->name, o->letter);
        (void)printf(") %s; return ;;\n", takes_file(o) ? "COMPREPLY=($(compgen -f -- \"$word\"))"
                                          : takes_format(o)
                                              ? "COMPREPLY=($(compgen -W 'text json' -- \"$word\"))"
                                              : "COMPREPLY=()");
    }
}

static void bash(void)
{
    (void)puts("# haldane completion bash >/etc/bash_completion.d/haldane\n"
               "_haldane() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
               "  COMPREPLY=()\n"
               "  case ${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]} in");
    for (size_t i = 0; cli_command_at(i); i++)
        bash_values(cli_command_at(i));
    (void)puts("  esac\n  if ((COMP_CWORD == 1)); then");
    (void)fputs("    words='", stdout);
    for (size_t i = 0; cli_command_at(i); i++)
        (void)printf("%s%s", i ? " " : "", cli_command_at(i)->name);
    (void)puts("'\n  else case ${COMP_WORDS[1]} in");
    for (size_t i = 0; cli_command_at(i); i++) {
        const struct cli_command *c = cli_command_at(i);
        (void)printf("    %s) words=\"--help", c->name);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            (void)printf(" --%s", o->name);
        (void)printf("%s\" ;;\n",
                     takes_service(c) ? " $(haldane completion services 2>/dev/null)" : "");
    }
    (void)puts("  esac; fi\n"
               "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
               "}\n"
               "complete -o default -F _haldane haldane");
}

/* --- zsh --- */

/* What stands in a spec's brackets may hold neither these nor a colon. */
static void zsh_help(const char *text)
{
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            (void)putchar('\\');
        if (*text == '\'')
            (void)fputs("'\\''", stdout);
        else
            (void)putchar(*text);
    }
}

static void zsh_option(const struct cli_option *o)
{
    if (o->letter)
        (void)printf(" \\\n        '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
                     o->value ? "+" : "", o->name, o->value ? "=" : "");
    else
        (void)printf(" \\\n        '--%s%s[", o->name, o->value ? "=" : "");
    zsh_help(o->help);
    (void)putchar(']');
    if (o->value)
        (void)printf(":%s:%s", o->value, takes_file(o)     ? "_files"
                                         : takes_format(o) ? "(text json)"
                                                           : " ");
    (void)putchar('\'');
}

static void zsh(void)
{
    (void)puts("#compdef haldane\n"
               "# haldane completion zsh >\"${fpath[1]}/_haldane\"\n"
               "_haldane_services() {\n"
               "  local -a services=(${(f)\"$(haldane completion services 2>/dev/null)\"})\n"
               "  _describe service services\n"
               "}\n"
               "_haldane() {\n"
               "  local -a commands=(");
    for (size_t i = 0; cli_command_at(i); i++) {
        (void)printf("    '%s:", cli_command_at(i)->name);
        quoted(cli_command_at(i)->help);
        (void)puts("'");
    }
    (void)puts("  )\n"
               "  if ((CURRENT == 2)); then _describe command commands; return; fi\n"
               "  local command=$words[2]\n"
               "  shift words; ((CURRENT--))\n"
               "  case $command in");
    for (size_t i = 0; cli_command_at(i); i++) {
        const struct cli_command *c = cli_command_at(i);
        (void)printf("    %s) _arguments -s '(-h --help)'{-h,--help}'[print help]'", c->name);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            zsh_option(o);
        (void)printf(" \\\n        '*::word:%s' ;;\n",
                     !takes_service(c)  ? (c->most ? "_files" : " ")
                     : may_take_file(c) ? "{_haldane_services; _files}"
                                        : "_haldane_services");
    }
    (void)puts("  esac\n}\n_haldane \"$@\"");
}

/* --- fish --- */

static void fish_option(const struct cli_command *c, const struct cli_option *o)
{
    (void)printf("complete -c haldane -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        (void)printf(" -s %c", o->letter);
    if (takes_file(o))
        (void)fputs(" -r -F", stdout);
    else if (takes_format(o))
        (void)fputs(" -x -a 'text json'", stdout);
    else if (o->value)
        (void)fputs(" -x", stdout);
    (void)fputs(" -d '", stdout);
    quoted(o->help);
    (void)puts("'");
}

static void fish(void)
{
    (void)puts("# haldane completion fish >~/.config/fish/completions/haldane.fish\n"
               "complete -c haldane -f");
    for (size_t i = 0; cli_command_at(i); i++) {
        const struct cli_command *c = cli_command_at(i);
        (void)printf("complete -c haldane -n __fish_use_subcommand -a %s -d '", c->name);
        quoted(c->help);
        (void)puts("'");
        if (takes_service(c))
            (void)printf("complete -c haldane -n '__fish_seen_subcommand_from %s' "
                         "-a '(haldane completion services 2>/dev/null)'\n",
                         c->name);
        if (may_take_file(c))
            (void)printf("complete -c haldane -n '__fish_seen_subcommand_from %s' -F\n", c->name);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            fish_option(c, o);
    }
}

/* --- names of services --- */

static int services(const struct cli_args *args)
{
    struct config *config = cli_load(cli_config_file(cli_option(args, "config")), NULL);
    if (!config)
        return CLI_USAGE;
    const struct hd_config *c = config_get(config);
    for (uint32_t i = 0; i < c->n_services; i++)
        (void)puts(c->services[i].name);
    config_unref(config);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shell[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    const char *name = cli_word(args, 0);
    if (str_is(name, "services"))
        return services(args);
    for (size_t i = 0; i < sizeof shell / sizeof *shell; i++) {
        if (!str_is(shell[i].name, name))
            continue;
        shell[i].print();
        return CLI_OK;
    }
    return cli_usage(args, "no completion for '%s'", name);
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_completion = {
    .name = "completion",
    .synopsis = "bash | zsh | fish | services [-c FILE]",
    .help = "print a completion script, or the names that it completes",
    .notes = "bash: source <(haldane completion bash)\n"
             "zsh:  haldane completion zsh >\"${fpath[1]}/_haldane\"\n"
             "fish: haldane completion fish >~/.config/fish/completions/haldane.fish\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
