/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane drill`: rehearses detect, revert and verify on a quiet day. The checks are asked here; the
 * way back is rehearsed by the daemon, as the user and from the machine that would go it. No traffic
 * moves.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

#define WINDOW_MS 60000 /* of a check */
#define WAIT_MS 60000   /* two readings, a probe and a rehearsal: seconds, as a rule */
#define PAUSE_MS 200

struct detect {
    size_t seen, checks;
    struct buf text;
};

static void ask_one(struct asker *asker, const struct hd_config *c, const struct hd_policy *policy,
                    const struct hd_check *check, struct detect *d)
{
    ARENA_AUTO a = arena_new();
    struct ask_side side[HD_SIDES_MAX];
    struct hd_error err;
    d->checks += !check->advisory;
    buf_print(&d->text, "%s%s:", d->text.len ? "; " : "", check->name);
    if (ask_check(asker, a, c, policy, check, WINDOW_MS, side, &err)) {
        buf_print(&d->text, " %s", err.text);
        return;
    }
    bool any = false;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const char *value = table_value(a, side[i].value, check->unit);
        any |= value != NULL;
        buf_print(&d->text, "%s %s %s", i ? "," : "", policy->colours[i].name,
                  value ? value : hd_outcome_word(side[i].outcome));
    }
    d->seen += any && !check->advisory;
}

/* Would a bad release be seen? A check that finds nothing for any colour would be blind; one that is
 * advisory does not matter. */
static int detect(const struct cli_args *args, struct detect *d)
{
    ASKER_AUTO asker = NULL;
    struct hd_error err;
    struct config *config = cli_load(cli_config_file(cli_option(args, "config")), NULL);
    if (!config)
        return CLI_USAGE;
    const struct hd_policy *policy = config_service(config, cli_word(args, 0));
    int status = CLI_OK;
    if (!policy)
        status = cli_unknown_service(config, cli_word(args, 0));
    else if (ask_open(&asker, &err))
        status = cli_fail(CLI_USAGE, "%s", err.text);
    for (uint32_t i = 0; !status && i < policy->n_checks; i++)
        ask_one(asker, config_get(config), policy, &policy->checks[i], d);
    config_unref(config);
    return status;
}

struct found {
    bool ok;             /* the way is open */
    const char *text;
    const char *refused; /* why haldane would not go it by itself; NULL: it would */
};

/* Orders the drill and waits for what it finds. */
static int rehearse(const struct cli_args *args, struct hd_arena *a, struct found *ret)
{
    CLIENT_AUTO client = NULL;
    const char *path = arena_print(a, "/services/%s", client_encode(a, cli_word(args, 0)));
    const char *to = cli_option(args, "to");
    BUF_AUTO body = BUF_INIT(HD_BODY_BYTES_MAX);
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    if (to)
        json_put_text(&o, "to", to);
    json_end(&o, '}');
    int status = client_open(args, CLIENT_ORDERS, &client);
    ANSWER_AUTO answer = {0};
    if (!status)
        status = client_ask_service(client, cli_word(args, 0), path, NULL, &answer);
    if (status)
        return status;
    int64_t before = face_time(json_get(answer.body, "drill"), "at");
    status = client_ask(client, arena_print(a, "%s/drill", path), NULL, buf_at(&body), &answer);
    int64_t end = clock_now().boot_ms + WAIT_MS;
    while (!status && clock_now().boot_ms < end) {
        client_sleep(client, PAUSE_MS);
        status = client_ask(client, path, NULL, NULL, &answer);
        const struct json *drill = status ? NULL : json_get(answer.body, "drill");
        if (!drill || json_type(drill) != JSON_OBJECT || face_time(drill, "at") == before)
            continue;
        const char *text = face_text(drill, "text");
        ret->ok = face_bool(drill, "ok");
        ret->text = arena_text(a, text ? text : "");
        ret->refused = arena_text(a, face_text(drill, "would_not_because"));
        return CLI_OK;
    }
    return status ? status : cli_fail(CLI_TIMEOUT, "the drill has not ended after %d s", WAIT_MS / 1000);
}

static void print_json(const struct detect *d, const struct found *f)
{
    BUF_AUTO b = BUF_INIT(1u << 20);
    struct json_out o = json_out(&b);
    json_begin(&o, NULL, '{');
    json_put_bool(&o, "detect", d->seen == d->checks);
    json_put_text(&o, "checks", buf_at(&d->text));
    json_put_bool(&o, "revert", f->ok);
    json_put_text(&o, "text", f->text);
    json_put_bool(&o, "would_act", f->ok && !f->refused);
    json_put_text(&o, "would_not_because", f->refused);
    json_end(&o, '}');
    (void)puts(buf_at(&b));
}

static void print_found(const struct detect *d, const struct found *f)
{
    ARENA_AUTO a = arena_new();
    (void)printf("detect  %-3s  %s\n", d->seen == d->checks ? "ok" : "NO", table_clean(a, buf_at(&d->text)));
    (void)printf("revert  %-3s  %s\n", f->ok ? "ok" : "NO", table_clean(a, f->text));
    (void)printf("verify  %-3s  %s\n", f->ok ? "ok" : "-",
                 f->ok ? "the router was read twice, and reads as before" : "not reached");
    (void)printf("act     %-3s  %s\n", !f->ok ? "-" : f->refused ? "NO" : "ok",
                 !f->ok       ? "not reached"
                 : f->refused ? table_clean(a, f->refused)
                              : "haldane would do it by itself");
}

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    struct detect d = {.text = BUF_INIT(65536)};
    struct found f = {.text = ""};
    int status = detect(args, &d);
    if (!status)
        status = rehearse(args, a, &f);
    if (!status && cli_json(args))
        print_json(&d, &f);
    else if (!status)
        print_found(&d, &f);
    bool good = f.ok && !f.refused && d.seen == d.checks;
    buf_clear(&d.text);
    return status ? status : good ? CLI_OK : CLI_REVERTED;
}

static const struct cli_option options[] = {
    {"to", 't', "COLOUR", "the side to rehearse; by default the one without traffic"},
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_drill = {
    .name = "drill",
    .synopsis = "SERVICE [--to COLOUR]",
    .help = "rehearse detect, revert and verify; no traffic moves",
    .notes =
        "Asks every check once, and lets the daemon read the router, plan the way to the side without\n"
        "traffic, probe it, rehearse the plan and read again. Its date stands on the service's page.\n"
        "Last it says whether haldane would go that way by itself: mode, holds, cool-down, budgets and\n"
        "rejected sides are asked as a decision would. Exit codes: 0 it would work, 1 it would not.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
