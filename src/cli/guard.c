/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane guard`: for a switch script or CI, right after (or before) the switch. Starts a guard,
 * or joins the one that the daemon has started by itself.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/face.h"
#include "cli/table.h"
#include "cli/wait.h"

#define AGAIN_MS 15000 /* a daemon that has just started reads its routers first */
#define PAUSE_MS 500

static const char *order_text(const struct cli_args *args, struct hd_arena *a)
{
    static const struct {
        const char *key, *option;
    } change[] = {
        {"version", "version"}, {"commit", "commit"}, {"url", "change-url"}, {"actor", "actor"}};
    BUF_AUTO b = BUF_INIT(HD_BODY_BYTES_MAX);
    struct json_out o = json_out(&b);
    const char *to = cli_option(args, "to"), *from = cli_option(args, "from");
    const char *group = cli_option(args, "group");
    const char *duration = cli_option(args, "duration"), *mode = cli_option(args, "mode");
    bool any = false;
    json_begin(&o, NULL, '{');
    json_put_text(&o, "service", cli_word(args, 0));
    if (to)
        json_put_text(&o, "to", to);
    if (from)
        json_put_text(&o, "from", from);
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        const char *text = cli_option(args, change[i].option);
        if (!text)
            continue;
        if (!any)
            json_begin(&o, "change", '{');
        any = true;
        json_put_text(&o, change[i].key, text);
    }
    if (any)
        json_end(&o, '}');
    if (group)
        json_put_text(&o, "group", group);
    if (duration)
        json_put_text(&o, "duration", duration);
    if (mode)
        json_put_text(&o, "mode", mode);
    if (cli_option(args, "no-rollback"))
        json_put_bool(&o, "rollback_safe", false);
    json_end(&o, '}');
    return arena_text(a, buf_at(&b));
}

/* Repeated when the daemon says "not yet", and for someone who waits anyway: an order to guard
 * joins what it has started before. */
static int order(struct client *c, const char *service, const char *body, bool waits, struct client_answer *ret)
{
    int64_t until = clock_now().boot_ms + AGAIN_MS;
    for (;;) {
        int status = client_call(c, "/guards", NULL, body, ret);
        bool again = status == CLI_UNREACHABLE && (waits || ret->status == 503);
        if (!again || clock_now().boot_ms >= until)
            return status ? client_refused(c, service, status, ret) : CLI_OK;
        client_sleep(c, PAUSE_MS);
    }
}

static int start(const struct cli_args *args, struct client *c, const struct wait_options *o)
{
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO answer = {0};
    bool waits = cli_option(args, "wait") != NULL;
    int status = order(c, cli_word(args, 0), order_text(args, a), waits, &answer);
    if (status)
        return status;
    const char *id = face_text(answer.body, "id"), *headline = face_text(answer.body, "headline");
    if (!id || !face_is_id(id))
        return cli_fail(CLI_UNREACHABLE, "the answer names no guard");
    if (waits)
        return wait_guard(c, id, o);
    if (o->json)
        (void)puts(buf_at(&answer.raw));
    else
        (void)printf("%s: guard %s %s. %s\n", table_clean(a, cli_word(args, 0)), id,
                     answer.status == 201 ? "started" : "was live already, joined",
                     table_clean(a, headline));
    return CLI_OK;
}

/* The side that is named, and that the service does not have; NULL: none. */
static const char *odd_side(const struct cli_args *args, const struct json *colours)
{
    static const char *const keys[] = {"to", "from"};
    for (size_t i = 0; colours && i < sizeof keys / sizeof *keys; i++) {
        const char *named = cli_option(args, keys[i]), *text;
        bool known = !named;
        for (const struct json *k = json_first(colours); k && !known; k = json_next(k))
            known = !json_text(k, "", &text, NULL) && str_is(text, named);
        if (!known)
            return named;
    }
    return NULL;
}

/* Shows what would be ordered and what it would be about; orders nothing. */
static int rehearse(const struct cli_args *args, struct client *c)
{
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO answer = {0};
    const char *path = arena_print(a, "/services/%s", client_encode(a, cli_word(args, 0)));
    int status = client_ask_service(c, cli_word(args, 0), path, NULL, &answer);
    if (status)
        return status;
    const char *body = order_text(args, a), *odd = odd_side(args, json_get(answer.body, "colours"));
    if (odd)
        return cli_fail(CLI_USAGE, "service %s has no colour '%s'", cli_word(args, 0), odd);
    size_t checks = json_count(json_get(answer.body, "checks"));
    if (cli_json(args)) {
        (void)printf("{\"method\":\"POST\",\"path\":\"/api/v1/guards\",\"body\":%s,\"service\":%s}\n", body,
                     buf_at(&answer.raw));
        return CLI_OK;
    }
    struct table t = {.arena = a, .columns = 3};
    const struct json *reading = json_get(answer.body, "reading");
    (void)printf("would order: POST /api/v1/guards %s\n", body);
    (void)printf("%s: mode %s, %zu check%s\n", table_clean(a, cli_word(args, 0)),
                 table_clean(a, face_text(answer.body, "mode")),
                 checks, checks == 1 ? "" : "s");
    for (const struct json *s = json_first(json_get(reading, "sides")); s; s = json_next(s)) {
        double ready = face_number(s, "ready"), wanted = face_number(s, "wanted");
        table_row(&t, face_text(s, "colour"), table_value(a, face_number(s, "share"), "share"),
                  ready >= 0 ? arena_print(a, "%.0f of %.0f ready", ready, wanted) : NULL);
    }
    table_print(&t, stdout);
    if (!t.n)
        (void)puts("the router has not been read yet");
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct wait_options o;
    CLIENT_AUTO client = NULL;
    int status = wait_read_options(args, &o);
    const char *mode = cli_option(args, "mode"), *lasts = cli_option(args, "duration");
    int64_t ms;
    if (!status && mode && !str_is(mode, "enforce") && !str_is(mode, "advise") && !str_is(mode, "shadow"))
        status = cli_usage(args, "--mode is advise or shadow, not '%s'", mode);
    if (!status && lasts && (!str_read_duration(lasts, &ms) || ms <= 0))
        status = cli_usage(args, "--duration takes a duration like 30m or 2h, not '%s'", lasts);
    unsigned use = cli_option(args, "dry-run") ? CLIENT_READS : CLIENT_ORDERS;
    const char *vain = cli_option(args, "wait") ? NULL : wait_option(args);
    if (!status && vain) /* a job that is green because it did not wait */
        status = cli_usage(args, "--%s is for --wait, which is not given", vain);
    if (!status)
        status = client_open(args, use | (cli_option(args, "wait") ? CLIENT_SIGNALS : 0), &client);
    if (status)
        return status;
    return cli_option(args, "dry-run") ? rehearse(args, client) : start(args, client, &o);
}

static const struct cli_option options[] = {
    {"to", '\0', "COLOUR", "side that is to be watched (default: the one with the traffic)"},
    {"from", '\0', "COLOUR", "side to go back to"},
    {"version", '\0', "V", "version of the release"},
    {"commit", '\0', "ID", "commit of the release"},
    {"change-url", '\0', "URL", "of the change, for the page and the notices"},
    {"actor", '\0', "NAME", "who or what made the switch"},
    {"group", '\0', "NAME", "what is released together: the same name for each of its services"},
    {"duration", 'd', "DURATION", "how long it is watched; one that has begun is only lengthened"},
    {"mode", '\0', "MODE", "advise or shadow: do not act by itself on this one"},
    {"no-rollback", '\0', NULL, "going back would break things (a one-way migration): only advise"},
    {"wait", 'w', NULL, "wait for the end; the exit code says how it ended (see haldane wait)"},
    {"dry-run", 'n', NULL, "only show what would be ordered"},
    WAIT_OPTIONS,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_guard = {
    .name = "guard",
    .synopsis = "SERVICE [--to COLOUR] [--wait] [...]",
    .help = "watch a release, or join the guard that watches it",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
