/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane db`: looks after the store, also while the daemon runs. Reads only; a backup is a new
 * file.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"
#include "cli/table.h"
#include "store/store.h"

#define STORE_AUTO __attribute__((cleanup(store_close_p))) struct store *

static int db_check(const struct cli_args *args, struct store *s, const char *path)
{
    struct hd_error err;
    (void)args;
    if (store_check(s, &err))
        return cli_fail(CLI_REVERTED, "%s: %s", path, err.text);
    (void)printf("%s: ok\n", path);
    return CLI_OK;
}

static int db_backup(const struct cli_args *args, struct store *s, const char *path)
{
    struct hd_error err;
    const char *to = cli_word(args, 1);
    if (!to)
        return cli_usage(args, "backup takes the path of the copy");
    if (store_backup(s, to, &err))
        return cli_fail(CLI_REVERTED, "not copied: %s", err.text);
    (void)printf("%s: copied to %s\n", path, to);
    return CLI_OK;
}

static int db_stats(const struct cli_args *args, struct store *s, const char *path)
{
    ARENA_AUTO a = arena_new();
    struct store_size size;
    struct hd_error err;
    if (store_measure(s, &size, &err))
        return cli_fail(CLI_REVERTED, "%s: %s", path, err.text);
    if (cli_json(args)) {
        (void)printf("{\"bytes\":%lld,\"guards\":%lld,\"evidence_rows\":%lld,\"events\":%lld}\n",
                     (long long)size.bytes, (long long)size.guards, (long long)size.evidence_rows,
                     (long long)size.events);
        return CLI_OK;
    }
    struct table t = {.arena = a, .columns = 2};
    table_row(&t, "bytes", table_count(a, (double)size.bytes));
    table_row(&t, "guards", table_count(a, (double)size.guards));
    table_row(&t, "evidence rows", table_count(a, (double)size.evidence_rows));
    table_row(&t, "events", table_count(a, (double)size.events));
    table_print(&t, stdout);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    static const struct {
        const char *word;
        int words;
        int (*run)(const struct cli_args *, struct store *, const char *path);
    } row[] = {{"check", 1, db_check}, {"backup", 2, db_backup}, {"stats", 1, db_stats}};
    ARENA_AUTO a = arena_new();
    STORE_AUTO store = NULL;
    struct hd_error err;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (!str_is(cli_word(args, 0), row[i].word))
            continue;
        if (args->n_words > row[i].words)
            return cli_usage(args, "unexpected '%s'", cli_word(args, row[i].words));
        const char *path = cli_store_path(args, a);
        if (!path)
            return CLI_USAGE;
        if (store_open_reader(path, &store, &err))
            return cli_fail(err.code == HD_CORRUPT ? CLI_REVERTED : CLI_USAGE, "%s", err.text);
        return row[i].run(args, store, path);
    }
    return cli_usage(args, "'%s' is none of check, backup, stats", cli_word(args, 0));
}

static const struct cli_option options[] = {
    {"store", 's', "PATH", "the store (default: as the configuration says)"},
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_db = {
    .name = "db",
    .synopsis = "check | backup PATH | stats  [--store PATH]",
    .help = "check, copy or measure the store",
    .notes =
        "Works beside a running daemon. Exit codes: 0 done, 1 damaged or not copied, 2 usage.\n",
    .options = options,
    .least = 1,
    .most = 2,
    .run = run,
};
