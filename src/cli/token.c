/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane token`: who may use the API. A new token is printed once, on stdout, and kept nowhere;
 * the daemon stores its hash.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

/* "shop-*,cart" as a list. */
static void put_globs(struct json_out *o, struct hd_arena *a, const char *text)
{
    json_begin(o, "services", '[');
    while (*text) {
        size_t n = strcspn(text, ",");
        if (n)
            json_put_text(o, NULL, arena_text_n(a, text, n));
        text += n + (text[n] == ',');
    }
    json_end(o, ']');
}

static int token_new(const struct cli_args *args, struct client *client)
{
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    BUF_AUTO body = BUF_INIT(HD_BODY_BYTES_MAX);
    const char *role = cli_option(args, "role"), *services = cli_option(args, "services");
    const char *lasts = cli_option(args, "for"), *name = cli_word(args, 1);
    if (!name || !role)
        return cli_usage(args, "a new token needs a NAME and a --role");
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "name", name);
    json_put_text(&o, "role", role);
    if (services)
        put_globs(&o, a, services);
    if (lasts)
        json_put_text(&o, "for", lasts);
    json_end(&o, '}');
    int status = client_ask(client, "/tokens", NULL, buf_at(&body), &answer);
    if (status)
        return status;
    const char *token = face_text(answer.body, "token");
    if (cli_json(args))
        (void)puts(buf_at(&answer.raw));
    else if (token)
        (void)puts(table_clean(a, token));
    (void)fprintf(stderr, "haldane: this token is shown only now; the daemon keeps its hash\n");
    return CLI_OK;
}

static const char *globs_text(struct hd_arena *a, const struct json *list)
{
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX * HD_GLOBS_MAX);
    for (const struct json *k = list ? json_first(list) : NULL; k; k = json_next(k)) {
        const char *text;
        if (!json_text(k, "", &text, NULL))
            buf_print(&b, "%s%s", b.len ? "," : "", text);
    }
    return table_clean(a, buf_at(&b));
}

static int token_list(const struct cli_args *args, struct client *client)
{
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    struct table t = {.arena = a, .columns = 6};
    int status = client_ask(client, "/tokens", NULL, NULL, &answer);
    if (status)
        return status;
    if (cli_json(args)) {
        (void)puts(buf_at(&answer.raw));
        return CLI_OK;
    }
    table_row(&t, "NAME", "ROLE", "FROM", "UNTIL", "MADE BY", "SERVICES");
    const struct json *items = json_get(answer.body, "items");
    for (const struct json *k = items ? json_first(items) : NULL; k; k = json_next(k))
        table_row(&t, table_clean(a, face_text(k, "name")), table_clean(a, face_text(k, "role")),
                  table_clean(a, face_text(k, "origin")), table_time(a, face_time(k, "until")),
                  table_clean(a, face_text(k, "actor")), globs_text(a, json_get(k, "services")));
    table_print(&t, stdout);
    return CLI_OK;
}

static int token_revoke(const struct cli_args *args, struct client *client)
{
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    const char *name = cli_word(args, 1);
    if (!name)
        return cli_usage(args, "which token?");
    int status = client_delete(client, arena_print(a, "/tokens/%s", client_encode(a, name)), &answer);
    if (status)
        return cli_fail(status, "%s", answer.why);
    (void)printf("revoked: %s\n", name);
    return CLI_OK;
}

static int token(const struct cli_args *args)
{
    static const char *const of_new[] = {"role", "services", "for"};
    static const struct {
        const char *verb;
        unsigned use;
        int (*run)(const struct cli_args *, struct client *);
    } row[] = {{"new", CLIENT_ORDERS, token_new},
               {"list", CLIENT_READS, token_list},
               {"revoke", CLIENT_ORDERS, token_revoke}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        CLIENT_AUTO client = NULL;
        if (!str_is(row[i].verb, cli_word(args, 0)))
            continue;
        for (size_t k = 0; k < sizeof of_new / sizeof *of_new; k++) {
            if (row[i].run != token_new && cli_option(args, of_new[k]))
                return cli_usage(args, "--%s is for a new token", of_new[k]);
        }
        if (row[i].run == token_list && cli_word(args, 1))
            return cli_usage(args, "list takes no name");
        int status = client_open(args, row[i].use, &client);
        return status ? status : row[i].run(args, client);
    }
    return cli_usage(args, "new, list or revoke, not '%s'", cli_word(args, 0));
}

static const struct cli_option options[] = {
    {"role", 'r', "ROLE", "of a new one: viewer, operator (orders) or admin (also the whole fleet,"
                          " tokens, reload)"},
    {"services", 's', "GLOBS", "that it may change, with commas (\"shop-*,cart\"; default all)"},
    {"for", 'f', "DURATION", "until it ends by itself (default never)"},
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_token = {
    .name = "token",
    .synopsis = "new NAME --role ROLE [--services GLOBS] | list | revoke NAME",
    .help = "make, list and revoke tokens of the API",
    .notes = "A token of `auth.tokens` in the configuration is revoked there. A revoked token ends the\n"
             "browsers' logins that it was used for.\n",
    .options = options,
    .least = 1,
    .most = 2,
    .run = token,
};
