/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane export`: a guard as a post-mortem to be finished (Markdown), or as a receipt that
 * `haldane replay FILE` proves again without daemon and store (JSON); the last twelve hours as a
 * handover. Asks the daemon; writes to stdout.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"

static int run(const struct cli_args *args)
{
    CLIENT_AUTO client = NULL;
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    const bool md = cli_option(args, "md"), json = cli_option(args, "json");
    const char *word = cli_word(args, 0);
    char id[27];
    if (md && json)
        return cli_usage(args, "--md or --json, not both");
    int status = client_open(args, CLIENT_READS, &client);
    if (!status)
        status = client_guard_id(client, word, id);
    if (!status)
        status = client_text(client, arena_print(a, "/guards/%s/%s", id, json ? "receipt" : "export.md"),
                             &answer);
    if (status)
        return status;
    (void)fwrite(answer.raw.at, 1, answer.raw.len, stdout);
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"md", '\0', NULL, "a post-mortem in Markdown (default)"},
    {"json", '\0', NULL, "a receipt: all that the verdict was made of, chained by hashes"},
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_export = {
    .name = "export",
    .synopsis = "ID|SERVICE [--md | --json]",
    .help = "a guard as a post-mortem, or as a receipt that proves itself",
    .notes = "A service stands for its newest guard. haldane replay FILE judges a receipt again.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
