/* SPDX-License-Identifier: Apache-2.0
 *
 * haldane approve: a named human lets a revert go, or stops it. Whoever decides must sit at a terminal
 * and type the name of the service: what comes down a pipe is no decision.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

/* Asks at the terminal itself; false: another word came, or there is no terminal (said so). */
static bool confirmed(const char *question, const char *want)
{
    char said[HD_NAME_MAX + 2] = "";
    FILE *tty = fopen("/dev/tty", "r+e");
    if (!tty || !isatty(fileno(tty))) {
        if (tty)
            (void)fclose(tty);
        (void)cli_fail(CLI_USAGE, "deciding needs a terminal: a human must type the name of the service");
        return false;
    }
    (void)fprintf(tty, "%s\nType the name of the service to go on: ", question);
    (void)fflush(tty);
    bool read = fgets(said, sizeof said, tty) != NULL;
    (void)fclose(tty);
    said[strcspn(said, "\n")] = '\0';
    if (read && str_is(said, want))
        return true;
    (void)cli_fail(CLI_USAGE, "not confirmed; nothing was decided");
    return false;
}

static int decide(struct client *client, const struct cli_args *args, const char *id)
{
    ANSWER_AUTO asked = {0};
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    BUF_AUTO body = BUF_INIT(HD_BODY_BYTES_MAX);
    bool yes = !cli_option(args, "reject");
    const char *path = arena_print(a, "/approvals/%s", id);
    int status = client_ask(client, path, NULL, NULL, &asked);
    if (status)
        return status;
    const char *service = face_text(asked.body, "service"), *outcome = face_text(asked.body, "outcome");
    if (!str_is(outcome, "open"))
        return cli_fail(CLI_USAGE, "it is %s already", table_clean(a, outcome ? outcome : "?"));
    const char *question =
        arena_print(a, "%s the roll-back of %s (guard %s, open until %s)?", yes ? "Approve" : "Reject",
                    table_clean(a, service), id, table_clean(a, face_text(asked.body, "expires_at")));
    if (!confirmed(question, service))
        return CLI_USAGE;
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "decision", yes ? "approve" : "reject");
    json_put_text(&o, "reason", cli_option(args, "reason"));
    json_end(&o, '}');
    status = client_ask(client, path, NULL, buf_at(&body), &answer);
    if (!status && cli_json(args))
        (void)puts(buf_at(&answer.raw));
    else if (!status)
        (void)printf("%s: guard %s. %s\n", yes ? "approved" : "rejected", id,
                     table_clean(a, face_text(answer.body, "headline")));
    return status;
}

static int approve(const struct cli_args *args)
{
    CLIENT_AUTO client = NULL;
    char id[27];
    const char *reason = cli_option(args, "reason");
    if (!reason || !*reason)
        return cli_usage(args, "--reason is needed: others will ask why");
    int status = client_open(args, CLIENT_ORDERS, &client);
    if (!status)
        status = client_guard_id(client, cli_word(args, 0), id);
    return status ? status : decide(client, args, id);
}

static const struct cli_option options[] = {
    {"reason", 'r', "TEXT", "why: kept, shown and told"},
    {"reject", '\0', NULL, "stop the revert instead; the guard ends"},
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_approve = {
    .name = "approve",
    .synopsis = "SERVICE|ID --reason TEXT [--reject] [-o json]",
    .help = "let a revert go that waits for you (approval.by), or stop it",
    .notes = "Asks at the terminal; the token must be one of those named in approval.by.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = approve,
};
