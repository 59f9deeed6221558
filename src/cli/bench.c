/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane bench decide`: what the engine decides on the runs of a file of verdict-bench/1,
 * wherever it was made. tests/bench/verdict makes such files, and scores the decisions.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/bench_judge.h"
#include "cli/internal.h"

#define FILE_AUTO __attribute__((cleanup(close_file))) FILE *

static void close_file(FILE **f)
{
    if (*f && *f != stdin)
        (void)fclose(*f);
}

static int decide_all(const struct cli_args *args, FILE *from, const struct bench_rule *rule)
{
    BUF_AUTO line = BUF_INIT(HD_ANSWER_BYTES_MAX);
    struct bench_head head;
    struct hd_error err;
    if (bench_read_line(from, &line, &err) || bench_read_head(buf_span(&line), &head, &err))
        return cli_fail(CLI_USAGE, "%s: %s", cli_word(args, 1), err.text);
    (void)puts("run,decision_s");
    for (uint32_t i = 0; i < head.runs; i++) {
        ARENA_AUTO a = arena_new();
        struct bench_run run;
        struct bench_end end;
        if (bench_read_line(from, &line, &err) ||
            bench_read_run(a, &head, buf_span(&line), &run, &err) ||
            bench_judge(a, &head, &run, rule, &end, &err))
            return cli_fail(CLI_USAGE, "%s: %s", cli_word(args, 1), err.text);
        (void)printf("%u,", run.run);
        if (!isnan(end.rollback_s))
            (void)printf("%g", end.rollback_s);
        (void)putchar('\n');
    }
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct bench_rule rule = {.false_rollbacks = .01, .probes = cli_option(args, "probes") != NULL};
    const char *alpha = cli_option(args, "false-rollbacks"), *path = cli_word(args, 1);
    if (!str_is(cli_word(args, 0), "decide"))
        return cli_usage(args, "'%s' is not decide", cli_word(args, 0));
    if (alpha && (!str_read_double(alpha, &rule.false_rollbacks) || rule.false_rollbacks < 1e-6 ||
                  rule.false_rollbacks > .2))
        return cli_usage(args, "--false-rollbacks is a share from 0.000001 to 0.2, not '%s'",
                         alpha);
    FILE_AUTO from = str_is(path, "-") ? stdin : fopen(path, "re");
    if (!from)
        return cli_fail(CLI_USAGE, "%s: %s", path, strerror(errno));
    return decide_all(args, from, &rule);
}

static const struct cli_option options[] = {
    {"false-rollbacks", 'a', "SHARE", "as in a policy (default 0.01)"},
    {"probes", 'p', NULL,
     "guard runs: the old version keeps a little traffic, and it is looked at"},
    {0},
};

const struct cli_command cli_bench = {
    .name = "bench",
    .synopsis = "decide FILE.jsonl [--false-rollbacks SHARE] [--probes]",
    .help = "decide on the runs of a file of verdict-bench/1",
    .notes =
        "Prints run,decision_s for each run; nothing after the comma: the new version was kept.\n"
        "- reads stdin. The policy is rule: sequential with its defaults.\n",
    .options = options,
    .least = 2,
    .most = 2,
    .run = run,
};
