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

/* What is ordered. */
struct deed {
    const char *path;
    const char *service;     /* that it is about, by its name; NULL: none */
    const char *guard;       /* its id, where the answer need not name it; NULL */
    const char *const *keys; /* options that go into the body */
    const char *verdict;     /* one more field; NULL: none */
    bool change;             /* a PATCH */
    const char *done;        /* said when it worked; NULL: what is held, and until when */
};

static void print_held(const struct json *answer)
{
    ARENA_AUTO a = arena_new();
    const char *service = face_text(answer, "service"), *until = table_time(a, face_time(answer, "until"));
    (void)printf("automatic reverts of %s are held%s%s\n", service ? table_clean(a, service) : "the whole fleet",
                 until ? " until " : "", until ? until : "");
}

static int send_deed(struct client *client, const struct cli_args *args, const struct deed *d)
{
    ANSWER_AUTO answer = {0};
    ARENA_AUTO a = arena_new();
    BUF_AUTO body = BUF_INIT(HD_BODY_BYTES_MAX);
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    for (const char *const *key = d->keys; *key; key++)
        put_option(&o, args, *key);
    if (d->verdict)
        json_put_text(&o, "verdict", d->verdict);
    json_end(&o, '}');
    int status = d->change ? client_change(client, d->path, buf_at(&body), &answer)
                           : client_ask_service(client, d->service, d->path, buf_at(&body), &answer);
    if (status)
        return status;
    const char *id = face_text(answer.body, "id"), *headline = face_text(answer.body, "headline");
    const char *unwatched = face_text(answer.body, "unwatched");
    id = id ? id : d->guard;
    if (cli_json(args))
        (void)puts(buf_at(&answer.raw));
    else if (!d->done)
        print_held(answer.body);
    else if (id)
        (void)printf("%s: guard %s%s%s\n", d->done, table_clean(a, id), headline && *headline ? ". " : "",
                     headline && *headline ? table_clean(a, headline) : "");
    else
        (void)printf("%s\n", d->done);
    if (unwatched && !cli_json(args))
        (void)printf("%s\n", table_clean(a, unwatched));
    return CLI_OK;
}

static int order(const struct cli_args *args, const struct deed *d)
{
    CLIENT_AUTO client = NULL;
    int status = client_open(args, CLIENT_ORDERS, &client);
    return status ? status : send_deed(client, args, d);
}

/* About the guard or the service that the first word names; without one `fleet`. */
static int order_at(const struct cli_args *args, const char *verb, const char *fleet, struct deed *d)
{
    ARENA_AUTO a = arena_new();
    CLIENT_AUTO client = NULL;
    char id[27] = "";
    const char *word = cli_word(args, 0);
    int status = client_open(args, CLIENT_ORDERS, &client);
    if (!status && word)
        status = client_guard_word(client, word, id);
    if (status)
        return status;
    d->path = id[0]  ? arena_print(a, "/guards/%s/%s", id, verb)
              : word ? arena_print(a, "/services/%s/%s", client_encode(a, word), verb)
                     : fleet;
    d->service = id[0] ? NULL : word;
    return send_deed(client, args, d);
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

static const char *const reason_key[] = {"reason", NULL};

/* --- revert --- */

static int revert(const struct cli_args *args)
{
    static const char *const keys[] = {"reason", "to", NULL};
    if (need_reason(args))
        return CLI_USAGE;
    return order_at(args, "revert", NULL, &(struct deed){.keys = keys, .done = "revert ordered"});
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
    const char *lasts = cli_option(args, "for");
    int64_t ms;
    if (need_reason(args))
        return CLI_USAGE;
    if (!lasts || !str_read_duration(lasts, &ms) || ms <= 0)
        return lasts ? cli_usage(args, "--for takes a duration like 30m or 2h, not '%s'", lasts)
                     : cli_usage(args, "--for is needed: a duration like 30m or 2h");
    return order_at(args, "hold", "/holds", &(struct deed){.keys = keys});
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
    return order_at(args, "release", "/holds/release", &(struct deed){.keys = reason_key, .done = "released"});
}

const struct cli_command cli_release = {
    .name = "release",
    .synopsis = "[SERVICE] [--reason TEXT]",
    .help = "end the holds of a service, or those of the whole fleet",
    .options = reason_options,
    .most = 1,
    .run = release,
};

/* --- orders about one guard: cancel, ack, change, mark --- */

/* The first word names the guard, or the service whose newest it is. `verb`: below its path, or NULL. */
static int order_guard(const struct cli_args *args, const char *verb, struct deed *d)
{
    ARENA_AUTO a = arena_new();
    CLIENT_AUTO client = NULL;
    char id[27];
    int status = client_open(args, CLIENT_ORDERS, &client);
    if (!status)
        status = client_guard_id(client, cli_word(args, 0), id);
    if (status)
        return status;
    d->path = verb ? arena_print(a, "/guards/%s/%s", id, verb) : arena_print(a, "/guards/%s", id);
    d->guard = id;
    return send_deed(client, args, d);
}

static int cancel(const struct cli_args *args)
{
    if (need_reason(args))
        return CLI_USAGE;
    return order_guard(args, "cancel", &(struct deed){.keys = reason_key, .done = "cancelled"});
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

static int ack_one(struct client *client, const struct cli_args *args, const char *id)
{
    ARENA_AUTO a = arena_new();
    return send_deed(client, args, &(struct deed){.path = arena_print(a, "/guards/%s/acknowledge", id), .guard = id,
                                                  .keys = reason_key, .done = "acknowledged"});
}

/* The word is no service with a guard that needs a human: the beginning of an id, or nothing to do. */
static int ack_other(struct client *client, const struct cli_args *args, const char *word)
{
    char id[27] = "";
    int status = face_begins_id(word) ? client_guard_begins(client, word, id) : CLI_OK;
    if (!status && id[0])
        return ack_one(client, args, id);
    if (!status)
        status = client_check_service(client, word);
    return status ? status : cli_fail(CLI_USAGE, "no guard of service '%s' needs a human", word);
}

/* A service stands for its guards that need a human, be they live or ended: the newest may need nobody. */
static int ack(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    CLIENT_AUTO client = NULL;
    ANSWER_AUTO needing = {0};
    const char *word = cli_word(args, 0);
    int status = client_open(args, CLIENT_ORDERS, &client);
    if (status)
        return status;
    char id[27];
    if (face_is_id(word)) {
        face_id(word, id);
        return ack_one(client, args, id);
    }
    const char *query = arena_print(a, "needs_human=true&limit=200&service=%s", client_encode(a, word));
    status = client_ask(client, "/guards", query, NULL, &needing);
    if (status)
        return status;
    const struct json *j = json_first(json_get(needing.body, "items"));
    if (!j)
        return ack_other(client, args, word);
    for (; j; j = json_next(j)) { /* one that is refused does not leave the others unseen */
        const char *whole = face_text(j, "id");
        int one = whole && face_is_id(whole) ? ack_one(client, args, whole) : CLI_OK;
        status = status ? status : one;
    }
    return status;
}

const struct cli_command cli_ack = {
    .name = "ack",
    .synopsis = "SERVICE|ID [--reason TEXT]",
    .help = "a human has seen it: the banner goes, the alert resolves",
    .notes = "A service stands for all of its guards that need a human; each is said, with -o json in a line.\n",
    .options = reason_options,
    .least = 1,
    .most = 1,
    .run = ack,
};

static int change(const struct cli_args *args)
{
    static const char *const keys[] = {"extend", "mode", "note", "reason", NULL};
    if (!cli_option(args, "extend") && !cli_option(args, "mode") && !cli_option(args, "note"))
        return cli_usage(args, "change what? --extend, --mode or --note");
    const char *extend = cli_option(args, "extend"), *mode = cli_option(args, "mode");
    int64_t ms;
    if (extend && (!str_read_duration(extend, &ms) || ms <= 0))
        return cli_usage(args, "--extend takes a duration like 30m or 2h, not '%s'", extend);
    if (mode && !str_is(mode, "enforce") && !str_is(mode, "advise") && !str_is(mode, "shadow"))
        return cli_usage(args, "--mode is advise or shadow, not '%s'", mode);
    return order_guard(args, NULL, &(struct deed){.keys = keys, .change = true, .done = "changed"});
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
    .synopsis = "SERVICE|ID [--extend DURATION] [--mode MODE] [--note TEXT]",
    .help = "let a live guard watch longer, or only advise; leave a note",
    .notes = "A service stands for its newest guard.\n",
    .options = change_options,
    .least = 1,
    .most = 1,
    .run = change,
};

static int mark(const struct cli_args *args)
{
    const char *verdict = cli_word(args, 1);
    if (!str_is(verdict, "right") && !str_is(verdict, "false_alarm") && !str_is(verdict, "missed"))
        return cli_usage(args, "a verdict is marked right, false_alarm or missed, not '%s'", verdict);
    return order_guard(args, "mark", &(struct deed){.keys = reason_key, .verdict = verdict, .done = "marked"});
}

const struct cli_command cli_mark = {
    .name = "mark",
    .synopsis = "SERVICE|ID right|false_alarm|missed [--reason TEXT]",
    .help = "say of a verdict that it was right, a false alarm, or missed a bad release",
    .notes =
        "A service stands for its newest guard. One that failed was right or a false_alarm; one that\n"
        "passed was right, or missed that its release was bad; one without a verdict missed it, or its\n"
        "page was a false_alarm. The time of a bad release is no measure of what is usual for the next.\n",
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
    return order(args, &(struct deed){.path = path, .service = cli_word(args, 0), .keys = keys, .done = "re-armed"});
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
    return order(args, &(struct deed){.path = "/config/reload", .keys = keys, .done = "configuration loaded"});
}

static const struct cli_option reload_options[] = {CLI_OUTPUT_OPTION, CLI_CLIENT_OPTIONS, {0}};

const struct cli_command cli_reload = {
    .name = "reload",
    .synopsis = "",
    .help = "load the configuration anew; refused whole when it has mistakes",
    .options = reload_options,
    .run = reload,
};
