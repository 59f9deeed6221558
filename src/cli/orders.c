/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator orders: revert, hold, release, cancel, rearm, ack, reload. Each is one POST; a
 * 2xx means that the daemon has committed it. Nothing is ordered twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

/* One field of the order's body; the option of the same name gives it. */
static void put_option(struct json_out *o, const struct cli_args *args, const char *key)
{
    const char *text = cli_option(args, key);
    if (text)
        json_put_text(o, key, text);
}

/* Sends the named options as the body: a POST, or with `change` a PATCH; `done` is said when it
 * worked. `fixed`: one more field, "key=value"; NULL: none. */
static int send_order(const struct cli_args *args, const char *path, const char *const *keys,
                      const char *fixed, bool change, const char *done)
{
    CLIENT_AUTO client = NULL;
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    BUF_AUTO body = BUF_INIT(HD_BODY_BYTES_MAX);
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    for (; *keys; keys++)
        put_option(&o, args, *keys);
    const char *equals = fixed ? strchr(fixed, '=') : NULL;
    if (equals)
        json_put_text(&o, arena_text_n(a, fixed, (size_t)(equals - fixed)), equals + 1);
    json_end(&o, '}');
    int status = client_open(args, false, &client);
    if (!status)
        status = change ? client_change(client, path, buf_at(&body), &answer)
                        : client_ask(client, path, NULL, buf_at(&body), &answer);
    if (status)
        return status;
    const char *id = face_text(answer.body, "id"), *headline = face_text(answer.body, "headline");
    if (cli_json(args))
        (void)puts(buf_at(&answer.raw));
    else if (id)
        (void)printf("%s: guard %s%s%s\n", done, table_clean(a, id), headline && *headline ? ". " : "",
                     headline && *headline ? table_clean(a, headline) : "");
    else
        (void)printf("%s\n", done);
    return CLI_OK;
}

static int order(const struct cli_args *args, const char *path, const char *const *keys,
                 const char *done)
{
    return send_order(args, path, keys, NULL, false, done);
}

/* "/guards/ID/verb" or "/services/NAME/verb", by what the word looks like. */
static const char *path_of(struct hd_arena *a, const char *word, const char *verb)
{
    return arena_print(a, "/%s/%s/%s", face_is_id(word) ? "guards" : "services",
                       client_encode(a, word), verb);
}

static int need_reason(const struct cli_args *args)
{
    const char *reason = cli_option(args, "reason");
    return reason && *reason ? CLI_OK : cli_usage(args, "--reason is needed: others will ask why");
}

#define REASON_OPTION                                                                              \
    {                                                                                              \
        "reason", 'r', "TEXT", "why: kept, shown and told"                                         \
    }

/* --- revert --- */

static int revert(const struct cli_args *args)
{
    static const char *const keys[] = {"reason", "to", NULL};
    ARENA_AUTO a = arena_new();
    if (need_reason(args))
        return CLI_USAGE;
    return order(args, path_of(a, cli_word(args, 0), "revert"), keys, "revert ordered");
}

static const struct cli_option revert_options[] = {
    REASON_OPTION,
    {"to", 't', "COLOUR", "the side that shall have the traffic; needed when it was rejected"},
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

static const struct cli_option reason_options[] = {
    REASON_OPTION,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_revert = {
    .name = "revert",
    .synopsis = "SERVICE|ID --reason TEXT [--to COLOUR]",
    .help = "move the traffic back now",
    .notes = "The order is taken when this returns; haldane wait tells how it ends.\n",
    .options = revert_options,
    .least = 1,
    .most = 1,
    .run = revert,
};

/* --- hold, release --- */

static int hold(const struct cli_args *args)
{
    static const char *const keys[] = {"reason", "for", NULL};
    ARENA_AUTO a = arena_new();
    const char *lasts = cli_option(args, "for"), *word = cli_word(args, 0);
    int64_t ms;
    if (need_reason(args))
        return CLI_USAGE;
    if (!lasts || !str_read_duration(lasts, &ms) || ms <= 0)
        return lasts ? cli_usage(args, "--for takes a duration like 30m or 2h, not '%s'", lasts)
                     : cli_usage(args, "--for is needed: a duration like 30m or 2h");
    return order(args, word ? path_of(a, word, "hold") : "/holds", keys,
                 word ? "automatic reverts are held"
                      : "automatic reverts of the whole fleet are held");
}

static const struct cli_option hold_options[] = {
    {"for", 'f', "DURATION", "how long (\"30m\", at most 30 days)"},
    REASON_OPTION,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_hold = {
    .name = "hold",
    .synopsis = "[SERVICE] --for DURATION --reason TEXT",
    .help = "no automatic reverts for a while, of a service or of all",
    .options = hold_options,
    .most = 1,
    .run = hold,
};

static int release(const struct cli_args *args)
{
    static const char *const keys[] = {"reason", NULL};
    ARENA_AUTO a = arena_new();
    const char *word = cli_word(args, 0);
    return order(args, word ? path_of(a, word, "release") : "/holds/release", keys, "released");
}

const struct cli_command cli_release = {
    .name = "release",
    .synopsis = "[SERVICE] [--reason TEXT]",
    .help = "end the holds of a service, or those of the whole fleet",
    .options = reason_options,
    .most = 1,
    .run = release,
};

/* --- cancel, ack --- */

static int order_guard(const struct cli_args *args, const char *verb, const char *done)
{
    static const char *const keys[] = {"reason", NULL};
    ARENA_AUTO a = arena_new();
    CLIENT_AUTO client = NULL;
    char id[27];
    int status = client_open(args, false, &client);
    if (!status)
        status = client_guard_id(client, cli_word(args, 0), id);
    return status ? status : order(args, path_of(a, id, verb), keys, done);
}

static int cancel(const struct cli_args *args)
{
    return need_reason(args) ? CLI_USAGE : order_guard(args, "cancel", "cancelled");
}

const struct cli_command cli_cancel = {
    .name = "cancel",
    .synopsis = "SERVICE|ID --reason TEXT",
    .help = "end a guard without a verdict; the traffic stays as it is",
    .notes = "A service stands for its newest guard.\n",
    .options = reason_options,
    .least = 1,
    .most = 1,
    .run = cancel,
};

static int ack(const struct cli_args *args)
{
    return order_guard(args, "acknowledge", "acknowledged");
}

const struct cli_command cli_ack = {
    .name = "ack",
    .synopsis = "SERVICE|ID [--reason TEXT]",
    .help = "a human has seen it: the banner goes, the alert resolves",
    .notes = "A service stands for its newest guard.\n",
    .options = reason_options,
    .least = 1,
    .most = 1,
    .run = ack,
};

/* --- change, mark --- */

static int change(const struct cli_args *args)
{
    static const char *const keys[] = {"extend", "mode", "note", "reason", NULL};
    ARENA_AUTO a = arena_new();
    const char *id = cli_word(args, 0);
    if (!face_is_id(id))
        return cli_usage(args, "'%s' is not the id of a guard", id);
    return send_order(args, arena_print(a, "/guards/%s", id), keys, NULL, true, "changed");
}

static const struct cli_option change_options[] = {
    {"extend", '\0', "DURATION", "watch so much longer"},
    {"mode", '\0', "MODE", "advise or shadow: no longer act by itself"},
    {"note", '\0', "TEXT", "a line for its timeline"},
    REASON_OPTION,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_change = {
    .name = "change",
    .synopsis = "ID [--extend DURATION] [--mode MODE] [--note TEXT]",
    .help = "let a live guard watch longer, or only advise; leave a note",
    .options = change_options,
    .least = 1,
    .most = 1,
    .run = change,
};

static int mark(const struct cli_args *args)
{
    static const char *const keys[] = {"reason", NULL};
    ARENA_AUTO a = arena_new();
    const char *id = cli_word(args, 0), *verdict = cli_word(args, 1);
    if (!face_is_id(id))
        return cli_usage(args, "'%s' is not the id of a guard", id);
    if (!str_is(verdict, "false_alarm") && !str_is(verdict, "right"))
        return cli_usage(args, "a verdict is marked false_alarm or right");
    return send_order(args, path_of(a, id, "mark"), keys, arena_print(a, "verdict=%s", verdict), false,
                      "marked");
}

const struct cli_command cli_mark = {
    .name = "mark",
    .synopsis = "ID false_alarm|right [--reason TEXT]",
    .help = "say of a verdict that it was a false alarm, or right",
    .options = reason_options,
    .least = 2,
    .most = 2,
    .run = mark,
};

/* --- rearm, reload --- */

static int rearm(const struct cli_args *args)
{
    static const char *const keys[] = {"colour", "reason", NULL};
    ARENA_AUTO a = arena_new();
    if (need_reason(args))
        return CLI_USAGE;
    const char *path = arena_print(a, "/services/%s/rearm", client_encode(a, cli_word(args, 0)));
    return order(args, path, keys, "re-armed");
}

static const struct cli_option rearm_options[] = {
    {"colour", '\0', "COLOUR", "only this side (default: every rejected one)"},
    REASON_OPTION,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_rearm = {
    .name = "rearm",
    .synopsis = "SERVICE --reason TEXT [--colour COLOUR]",
    .help = "a rejected side may be the target of a revert again",
    .options = rearm_options,
    .least = 1,
    .most = 1,
    .run = rearm,
};

static int reload(const struct cli_args *args)
{
    static const char *const keys[] = {NULL};
    return order(args, "/config/reload", keys, "configuration loaded");
}

static const struct cli_option reload_options[] = {CLI_OUTPUT_OPTION, CLI_CLIENT_OPTIONS, {0}};

const struct cli_command cli_reload = {
    .name = "reload",
    .synopsis = "",
    .help = "load the configuration anew; refused whole when it has mistakes",
    .options = reload_options,
    .run = reload,
};
