/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane analyze`: judgement without power to act, once, from a terminal or a script.
 */
#include "cli/analyze.h"
#include "cli/trial.h"

enum { SERVICE = 1, RULE = 2, CANARY = 4, REQUEST = 8 };

/* An option of another way than the one that is gone. */
static int check_vain(const struct cli_args *args, bool canary)
{
    static const struct {
        const char *option, *is_for;
        int of;
    } row[] = {
        {"candidate", "a service", SERVICE},       {"stable", "a service", SERVICE},
        {"candidate-label", "a service", SERVICE}, {"stable-label", "a service", SERVICE},
        {"from", "a service", SERVICE},            {"to", "a service", SERVICE},
        {"stable-from", "a service", SERVICE},     {"rule", "a service", SERVICE},
        {"pairs", "--kayenta-config", CANARY},     {"control", "--kayenta-config", CANARY},
        {"experiment", "--kayenta-config", CANARY}, {"request", "--kayenta-config", CANARY},
        {"datasource", "--request", REQUEST},      {"every", "--request", REQUEST},
        {"thresholds", "--rule or --kayenta-config", RULE | CANARY},
        {"compat", "--rule or --kayenta-config", RULE | CANARY},
    };
    int way = !canary ? SERVICE | (cli_option(args, "rule") ? RULE : 0)
                      : CANARY | (cli_option(args, "request") ? REQUEST : 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (cli_option(args, row[i].option) && !(row[i].of & way))
            return cli_usage(args, "--%s does nothing here: it is for %s", row[i].option, row[i].is_for);
    }
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    bool canary = cli_option(args, "kayenta-config") != NULL;
    if (canary == (cli_word(args, 0) != NULL))
        return cli_usage(args, "analyze takes a service, or --kayenta-config FILE");
    int status = check_vain(args, canary);
    if (status)
        return status;
    return canary ? analyze_canary(args) : analyze_service(args);
}

static const struct cli_option options[] = {
    {"candidate", '\0', "COLOUR", "whom to judge"},
    {"stable", '\0', "COLOUR", "against whom (default: the other colour)"},
    {"candidate-label", '\0', "VALUE", "or by a version: a value of the label that tells the colours"},
    {"stable-label", '\0', "VALUE", "against which version"},
    CLI_RANGE_OPTIONS,
    {"stable-from", '\0', "T", "stable's part begins then, not at --from"},
    {"rule", '\0', "kayenta", "judge the checks' values by Kayenta's test, not by their limits"},
    {"kayenta-config", 'k', "FILE", "a canary config in Kayenta's JSON"},
    {"pairs", '\0', "FILE", "values of both sides: Kayenta's metricSetPairList"},
    {"control", '\0', "FILE", "values of the control: {\"METRIC\": [1, 2, ...], ...}"},
    {"experiment", '\0', "FILE", "values of the experiment"},
    {"request", '\0', "FILE", "or where and when: Kayenta's execution request"},
    {"datasource", 'd', "NAME", "of the configuration, which is asked for these windows"},
    {"every", '\0', "T", "judge growing windows of the request, the first so long, each so much longer"},
    {"thresholds", '\0', "PASS,MARGINAL", "scores (default: of the request, of the config, 75,50)"},
    {"compat", '\0', "MODE", "strict (default) or upstream, which passes what it cannot judge"},
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_analyze = {
    .name = "analyze",
    .synopsis = "SERVICE --candidate COLOUR [--stable COLOUR] [--from T] [--to T] [--stable-from T]"
                " | --kayenta-config FILE ...",
    .help = "judge a time of the past, or a canary config, once",
    .notes =
        "SERVICE: its own checks over a time of the past (default: the guard's duration until "
        "now),\n"
        "one colour against the other, or against another time: with --stable-from the evidence "
        "of\n"
        "stable (default: the candidate itself) is that of a time of equal length that begins "
        "then.\n"
        "With --candidate-label and --stable-label two versions are compared that need be no colours: the\n"
        "service's checks are asked for these values of the label instead (`label`, or `version`).\n"
        "With --rule kayenta each check's values, one for each poll with new samples, are compared "
        "by\n"
        "Kayenta's test; its limits say only which way is bad.\n"
        "--kayenta-config: a canary config, judged as Kayenta's NetflixACAJudge does. Values come\n"
        "from --pairs, from --control and --experiment, or by --request from --datasource. With\n"
        "--every the first window with a score at or below marginal ends the analysis.\n"
        "Changes nothing anywhere.\n"
        "Exit codes: 0 pass, 3 inconclusive or marginal, 5 fail, 2 it cannot be judged.\n",
    .options = options,
    .most = 1,
    .run = run,
};
