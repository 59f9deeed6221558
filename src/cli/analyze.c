/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane analyze`: judgement without power to act, once, from a terminal or a script.
 */
#include "cli/analyze.h"

static int run(const struct cli_args *args)
{
    return cli_option(args, "kayenta-config") ? analyze_canary(args)
                                              : cli_usage(args, "--kayenta-config FILE is needed");
}

static const struct cli_option options[] = {
    {"kayenta-config", 'k', "FILE", "a canary config in Kayenta's JSON"},
    {"pairs", '\0', "FILE", "values of both sides: Kayenta's metricSetPairList"},
    {"control", '\0', "FILE", "values of the control: {\"METRIC\": [1, 2, ...], ...}"},
    {"experiment", '\0', "FILE", "values of the experiment"},
    {"request", '\0', "FILE", "or where and when: Kayenta's execution request"},
    {"datasource", 'd', "NAME", "of the configuration, which is asked for these windows"},
    {"thresholds", '\0', "PASS,MARGINAL", "scores (default: of the request, of the config, 75,50)"},
    {"compat", '\0', "MODE", "strict (default) or upstream, which passes what it cannot judge"},
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_analyze = {
    .name = "analyze",
    .synopsis = "--kayenta-config FILE (--pairs FILE | --control FILE --experiment FILE | "
                "--request FILE --datasource NAME)",
    .help = "judge once, without power to act",
    .notes =
        "Judges a canary config as Kayenta's NetflixACAJudge does, with its score and labels, and\n"
        "prints why. Changes nothing anywhere.\n"
        "Exit codes: 0 pass, 3 marginal, 5 fail, 2 it cannot be judged.\n",
    .options = options,
    .run = run,
};
