/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane export`: a guard as a post-mortem to be finished (Markdown), as a receipt that
 * `haldane replay FILE` proves again without daemon and store (JSON), or the chart of one of its checks
 * (SVG). Asks the daemon; writes to stdout.
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
    const char *check = cli_option(args, "check"), *word = cli_word(args, 0), *what = "export.md";
    static const char *const forms[][2] = {{"md", "export.md"}, {"json", "receipt"}, {"svg", "chart.svg"}};
    unsigned asked = 0;
    char id[27];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (cli_option(args, forms[i][0])) {
            what = forms[i][1];
            asked++;
        }
    }
    if (asked > 1)
        return cli_usage(args, "one of --md, --json and --svg");
    if (check && !cli_option(args, "svg"))
        return cli_usage(args, "--check goes with --svg");
    if (check)
        what = arena_print(a, "chart.svg?check=%s", client_encode(a, check));
    int status = client_open(args, CLIENT_READS, &client);
    if (!status)
        status = client_guard_id(client, word, id);
    if (!status)
        status = client_text(client, arena_print(a, "/guards/%s/%s", id, what), &answer);
    if (status)
        return status;
    (void)fwrite(answer.raw.at, 1, answer.raw.len, stdout);
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"md", '\0', NULL, "a post-mortem in Markdown (default)"},
    {"json", '\0', NULL, "a receipt: all that the verdict was made of, chained by hashes"},
    {"svg", '\0', NULL, "a chart of its worst check, as a drawing of its own"},
    {"check", '\0', "NAME", "with --svg: of this check"},
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_export = {
    .name = "export",
    .synopsis = "ID|SERVICE [--md | --json | --svg [--check NAME]]",
    .help = "a guard as a post-mortem, as a receipt that proves itself, or as a chart",
    .notes = "A service stands for its newest guard. haldane replay FILE judges a receipt again.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
