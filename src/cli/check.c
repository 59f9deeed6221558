/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane check`: names every mistake of a configuration, or says that there is none. With
 * --online also asks every data source and reads every router once; it never changes traffic.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/lint.h"
#include "cli/look.h"
#include "json/json.h"

#define WINDOW_MS 60000

static int print_made(void (*make)(struct buf *))
{
    BUF_AUTO text = BUF_INIT(HD_CONFIG_BYTES_MAX);
    make(&text);
    (void)fputs(buf_at(&text), stdout);
    return CLI_OK;
}

/* "-" is standard input. */
static enum hd_code load(struct hd_arena *a, const char *file, const char *queries,
                         struct config **ret, struct config_mistakes *ret_mistakes,
                         struct hd_error *err)
{
    if (!str_is(file, "-"))
        return config_load(a, file, queries, ret, ret_mistakes, err);
    BUF_AUTO text = BUF_INIT(HD_CONFIG_BYTES_MAX + 1u);
    char piece[8192];
    for (size_t n; (n = fread(piece, 1, sizeof piece, stdin)) > 0 && !text.full;)
        buf_add(&text, piece, n);
    if (ferror(stdin))
        return hd_fail(err, HD_IO, "standard input cannot be read");
    if (text.full)
        return hd_fail(err, HD_LIMIT, "standard input has more than %u bytes", HD_CONFIG_BYTES_MAX);
    return config_load_text(a, "-", buf_span(&text), queries, ret, ret_mistakes, err);
}

static size_t count_checks(const struct hd_config *c)
{
    size_t n = 0;
    for (uint32_t i = 0; i < c->n_services; i++)
        n += c->services[i].n_checks;
    return n;
}

static void print_ok(const char *file, const struct hd_config *c)
{
    size_t n = count_checks(c);
    (void)printf("%s: ok, %u service%s, %zu check%s\n", file, c->n_services, c->n_services == 1 ? "" : "s", n,
                 n == 1 ? "" : "s");
}

/* Checks that are wrong, by what is wrong with them. */
struct wrong {
    size_t missing, foreign;
};

/* One line for each thing found about a check. */
static void print_lints(struct asker *asker, const struct hd_config *c, const struct hd_policy *policy,
                        const struct hd_check *check, const struct lint_sides *sides, struct wrong *to)
{
    ARENA_AUTO a = arena_new();
    struct lints found;
    bool missing = true, foreign = false;
    for (uint32_t i = 0; i < policy->n_colours; i++)
        missing &= sides->series[i] == 0;
    lint_check(asker, a, c, policy, check, sides, &found);
    for (size_t i = 0; i < found.n; i++) {
        missing |= found.item[i].kind == LINT_MISSING;
        foreign |= found.item[i].kind == LINT_FOREIGN;
        (void)printf("%s/%s: %s: %s\n", policy->name, check->name, found.item[i].slug,
                     table_clean(a, found.item[i].text));
    }
    to->missing += missing;
    to->foreign += foreign && !missing;
}

/* The words at the end, and the exit status. */
static int sum_up(const char *file, const struct hd_config *c, int status, const struct wrong *w)
{
    size_t n = count_checks(c);
    if (w->missing)
        return cli_fail(CLI_USAGE, "%s: %zu of %zu checks ask%s for what is not there: a guard would not see it", file,
                        w->missing, n, w->missing == 1 ? "s" : "");
    if (w->foreign)
        return cli_fail(CLI_USAGE, "%s: %zu of %zu checks count%s another service too: a bad release of that one would "
                        "move this one's traffic", file, w->foreign, n, w->foreign == 1 ? "s" : "");
    if (status == CLI_USAGE)
        return cli_fail(status, "%s: what answers is not what it asks for", file);
    if (status)
        return cli_fail(status, "%s: not everything can be asked now, or lets haldane act", file);
    print_ok(file, c);
    return CLI_OK;
}

/* Exit status: names that nothing has are a fault of the configuration; what cannot be reached or refuses us leaves
 * it open whether there is one. */
static int go_online(const char *file, const struct hd_config *c)
{
    ARENA_AUTO a = arena_new();
    ASKER_AUTO asker = NULL;
    struct table t = {.arena = a, .columns = LOOK_COLUMNS};
    struct hd_error err;
    struct lint_sides *sides = arena_many(a, count_checks(c) + 1, struct lint_sides);
    struct wrong wrong = {.missing = 0};
    size_t n = 0;
    int status = CLI_OK;
    if (ask_open(&asker, &err))
        return cli_fail(CLI_INCONCLUSIVE, "%s", err.text);
    look_head(&t);
    for (uint32_t i = 0; i < c->n_services; i++) {
        const struct hd_policy *policy = &c->services[i];
        struct lint_sides split;
        status = look_worse(status, look_router(asker, policy, &split));
        for (uint32_t k = 0; k < policy->n_checks; k++, n++) {
            sides[n] = split;
            status = look_worse(status, look_check(asker, &t, c, policy, &policy->checks[k], WINDOW_MS, &sides[n]));
        }
    }
    (void)puts("");
    table_print(&t, stdout);
    (void)puts("");
    n = 0;
    for (uint32_t i = 0; i < c->n_services; i++) {
        for (uint32_t k = 0; k < c->services[i].n_checks; k++, n++)
            print_lints(asker, c, &c->services[i], &c->services[i].checks[k], &sides[n], &wrong);
    }
    (void)fflush(stdout); /* before what goes to stderr */
    return sum_up(file, c, status, &wrong);
}

/* The same for programs: every mistake with its place. */
static void print_json(const char *file, const struct config *config, const struct config_mistakes *mistakes)
{
    BUF_AUTO text = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct json_out o = json_out(&text);
    const struct hd_config *c = config ? config_get(config) : NULL;
    json_begin(&o, NULL, '{');
    json_put_text(&o, "file", file);
    json_put_bool(&o, "ok", c != NULL);
    json_put_i64(&o, "services", c ? c->n_services : 0);
    json_put_i64(&o, "checks", c ? (int64_t)count_checks(c) : 0);
    json_begin(&o, "mistakes", '[');
    for (size_t i = 0; i < mistakes->n; i++) {
        const struct config_mistake *m = &mistakes->item[i];
        json_begin(&o, NULL, '{');
        json_put_text(&o, "file", m->file);
        json_put_i64(&o, "line", m->line);
        json_put_i64(&o, "column", m->column);
        json_put_text(&o, "path", m->path);
        json_put_text(&o, "text", m->text);
        json_put_bool(&o, "warning", m->warning);
        json_end(&o, '}');
    }
    json_end(&o, ']');
    json_put_i64(&o, "more", (int64_t)mistakes->more);
    json_end(&o, '}');
    (void)puts(buf_at(&text));
}

static int check(const struct cli_args *args, const char *file, const struct config *config)
{
    const struct hd_config *c = config_get(config);
    if (cli_option(args, "print")) {
        BUF_AUTO text = BUF_INIT(4u * HD_CONFIG_BYTES_MAX);
        config_print(config, &text);
        (void)fputs(buf_at(&text), stdout);
        return CLI_OK;
    }
    if (cli_option(args, "online"))
        return go_online(file, c);
    print_ok(file, c);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    if (cli_option(args, "sample"))
        return print_made(config_print_sample);
    if (cli_option(args, "reference"))
        return print_made(config_print_reference);
    if (cli_json(args) && (cli_option(args, "online") || cli_option(args, "print")))
        return cli_usage(args, "-o json tells the mistakes of the file only; what is online: haldane doctor -o json");
    ARENA_AUTO a = arena_new();
    const char *file;
    if (cli_file(args, &file))
        return CLI_USAGE;
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = load(a, file, cli_option(args, "queries"), &config, &mistakes, &err);
    if (code && !mistakes.n)
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (cli_json(args)) {
        print_json(file, code ? NULL : config, &mistakes);
        config_unref(config);
        return code ? CLI_USAGE : CLI_OK;
    }
    cli_print_mistakes(&mistakes);
    int status = code ? CLI_USAGE : check(args, file, config);
    config_unref(config);
    return status;
}

static const struct cli_option options[] = {
    {"online", '\0', NULL, "also ask every data source and read every router once"},
    {"print", 'p', NULL, "print the effective configuration, secrets masked"},
    {"sample", '\0', NULL, "print an annotated sample configuration"},
    {"reference", '\0', NULL, "print every key there is"},
    {"output", 'o', "FORMAT", "text (default) or json: the mistakes, each with its place"},
    CLI_QUERIES_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_check = {
    .name = "check",
    .synopsis = "[FILE] [--online] [--print] [--sample] [--reference] [-q DIR]",
    .help = "check a configuration; name every mistake",
    .notes =
        "FILE \"-\" is standard input. Mistakes go to stderr as FILE:LINE:COLUMN: PATH: TEXT.\n"
        "Exit codes: 0 without errors, 2 with errors. With --online 2 also when the file names what is not\n"
        "there (a metric, label, bound, colour, backend, the address of another program) or when a check\n"
        "counts the series of another service, too; 3 when a source or\n"
        "router cannot be reached, or would refuse a revert: then the file may be right.\n",
    .options = options,
    .most = 1,
    .run = run,
};
