/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane list`: guards, newest first.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

static void put_parameter(struct buf *query, const char *key, const char *value)
{
    ARENA_AUTO a = arena_new();
    if (value)
        buf_print(query, "%s%s=%s", query->len ? "&" : "", key, client_encode(a, value));
}

static void print_guards(const struct json *items)
{
    ARENA_AUTO a = arena_new();
    struct table t = {.arena = a, .columns = 7, .prose = true};
    int64_t now_ms = clock_now().wall_ms;
    table_row(&t, "GUARD", "SERVICE", "STARTED", "TOOK", "STATE", "VERDICT", "HEADLINE");
    for (const struct json *j = json_first(items); j; j = json_next(j)) {
        struct face_guard g;
        face_guard(j, &g);
        int64_t end_ms = g.ended_ms >= 0 ? g.ended_ms : now_ms;
        table_row(&t, g.id, g.service, table_time(a, g.started_ms),
                  table_duration(a, end_ms - g.started_ms), g.state, g.verdict, g.headline);
    }
    table_print(&t, stdout);
}

static int run(const struct cli_args *args)
{
    CLIENT_AUTO client = NULL;
    ANSWER_AUTO answer = {0};
    BUF_AUTO query = BUF_INIT(4096);
    put_parameter(&query, "service", cli_option(args, "service"));
    put_parameter(&query, "group", cli_option(args, "group"));
    put_parameter(&query, "verdict", cli_option(args, "verdict"));
    put_parameter(&query, "limit", cli_option(args, "limit"));
    put_parameter(&query, "cursor", cli_option(args, "before"));
    put_parameter(&query, "state", cli_option(args, "live") ? "live" : NULL);
    put_parameter(&query, "needs_human", cli_option(args, "needs-human") ? "true" : NULL);
    int status = client_open(args, CLIENT_READS, &client);
    if (!status)
        status = client_ask(client, "/guards", query.len ? buf_at(&query) : NULL, NULL, &answer);
    if (status)
        return status;
    const char *service = cli_option(args, "service");
    if (service && !json_first(json_get(answer.body, "items"))) {
        status = client_check_service(client, service);
        if (status)
            return status;
    }
    const struct json *items = json_get(answer.body, "items");
    if (cli_json(args)) {
        (void)puts(buf_at(&answer.raw));
        return CLI_OK;
    }
    print_guards(items);
    return json_first(items) ? CLI_OK : cli_fail(CLI_OK, "%s", query.len ? "no guard is like that"
                                                 : "no guard yet: one begins with the next switch, or by haldane guard");
}

static const struct cli_option options[] = {
    {"service", 's', "NAME", "of this service only"},
    {"group", 'g', "NAME", "only what was released together under this name"},
    {"verdict", '\0', "WORD", "pass, fail, inconclusive or none"},
    {"live", 'l', NULL, "only those that go on"},
    {"needs-human", '\0', NULL, "only those that wait for a human"},
    {"limit", 'n', "N", "at most so many (default 50)"},
    {"before", '\0', "ID", "older than this one: the next page"},
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_list = {
    .name = "list",
    .synopsis = "[--service NAME] [--group NAME] [--verdict WORD] [--live] [--limit N] [-o json]",
    .help = "list guards, newest first",
    .options = options,
    .run = run,
};
