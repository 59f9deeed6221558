/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane wait`: looks at a guard until it has ended, and says with its exit code how. Survives
 * restarts of the daemon. Decides nothing about the guard; Ctrl-C ends the waiting only.
 */
#include "cli/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/progress.h"
#include "cli/report.h"

#define POLL_MS 500         /* an answer is a few KiB; a verdict is seen within a second */
#define SUITES_MAX (8u << 20) /* bytes of a JUnit file: GROUP_MAX guards of HD_CHECKS_MAX checks */
#define AWAY_MS (5 * 60000) /* without --timeout: how long a daemon may be away */

struct waiting {
    struct client *client;
    const struct wait_options *o;
    const char *id;
    char path[64];
    struct progress progress;
    bool tty, live_line;         /* a live line stands on the terminal */
    int64_t started_ms, away_ms; /* boot; away: since when it does not answer, -1: it does */
};

/* --- options --- */

static const int remappable[] = {CLI_REVERTED,    CLI_INCONCLUSIVE, CLI_NOT_VERIFIED, CLI_ADVISED,
                                 CLI_UNREACHABLE, CLI_TIMEOUT,      CLI_SUPERSEDED};

static bool read_codes(const char *text, uint32_t *ret)
{
    uint32_t codes = 0;
    do {
        char *end;
        unsigned long code = strtoul(text, &end, 10);
        if (end == text || code > 9 || (*end && *end != ','))
            return false;
        codes |= 1u << code;
        text = *end ? end + 1 : end;
    } while (*text);
    *ret = codes;
    return true;
}

const char *wait_option(const struct cli_args *args)
{
    static const struct cli_option of_wait[] = {WAIT_OPTIONS};
    for (size_t i = 0; i < sizeof of_wait / sizeof *of_wait; i++) {
        if (cli_option(args, of_wait[i].name))
            return of_wait[i].name;
    }
    return NULL;
}

int wait_read_options(const struct cli_args *args, struct wait_options *ret)
{
    const char *timeout = cli_option(args, "timeout"), *fail_on = cli_option(args, "fail-on");
    const char *ci = cli_option(args, "ci");
    *ret = (struct wait_options){.timeout_ms = -1, .fail_on = UINT32_MAX, .json = cli_json(args),
                                 .github = ci != NULL, .junit = cli_option(args, "junit")};
    if (ci && !str_is(ci, "github"))
        return cli_usage(args, "--ci is github, not '%s'", ci);
    if (timeout && (!str_read_duration(timeout, &ret->timeout_ms) || ret->timeout_ms <= 0))
        return cli_usage(args, "--timeout is a duration like 20m or 90s, not '%s'", timeout);
    if (fail_on && !read_codes(fail_on, &ret->fail_on))
        return cli_usage(args, "--fail-on is a list of exit codes like 1,3, not '%s'", fail_on);
    return CLI_OK;
}

static int remap(const struct wait_options *o, int status)
{
    for (size_t i = 0; i < sizeof remappable / sizeof *remappable; i++) {
        if (status == remappable[i] && !(o->fail_on >> status & 1))
            return CLI_OK;
    }
    return status;
}

/* --- telling --- */

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 79;
    return size.ws_col - 1u;
}

static void wipe(struct waiting *w)
{
    if (w->live_line)
        (void)fputs("\r\x1b[K", stderr);
    w->live_line = false;
}

static void say(struct waiting *w, const char *text)
{
    wipe(w);
    (void)fputs(text, stderr);
    (void)fflush(stderr);
}

static void tell(struct waiting *w, const struct face_guard *g, int64_t wall_ms)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    progress_look(&w->progress, g, wall_ms, &text);
    say(w, buf_at(&text));
    if (!w->tty)
        return;
    BUF_AUTO live = BUF_INIT(4096);
    progress_live(&w->progress, g, wall_ms, terminal_width(), &live);
    (void)fputs(buf_at(&live), stderr);
    (void)fflush(stderr);
    w->live_line = true;
}

/* For the CI system. A file that cannot be written changes nothing of what the guard's end means. */
static void report(struct waiting *w, const struct face_guard *g, int status, const char *why)
{
    BUF_AUTO github = BUF_INIT(1u << 20);
    BUF_AUTO own = BUF_INIT(SUITES_MAX);
    BUF_AUTO junit = BUF_INIT(SUITES_MAX);
    struct buf *suites = w->o->suites ? w->o->suites : &own;
    if (w->o->github) {
        report_github(g, status, why, &github);
        (void)fputs(buf_at(&github), stderr);
    }
    if (!w->o->junit)
        return;
    report_junit(g, status, why, clock_now().wall_ms, suites);
    report_junit_file(suites, &junit);
    if (!report_save(w->o->junit, &junit))
        (void)cli_fail(status, "%s cannot be written: %s", w->o->junit, strerror(errno));
}

/* The end of a wait that saw no end of the guard. */
static int give_up(struct waiting *w, int status, const char *why)
{
    struct face_guard none = {.id = w->id, .service = w->id, .state = "not known", .headline = why,
                              .started_ms = -1, .ended_ms = -1};
    wipe(w);
    report(w, &none, status, why);
    return cli_fail(status, "%s", why);
}

static int finish(struct waiting *w, const struct face_guard *g, const struct client_answer *answer,
                  int status)
{
    BUF_AUTO text = BUF_INIT(1u << 16);
    wipe(w);
    report(w, g, status, status == CLI_TIMEOUT ? "the wait timed out; the guard goes on" : NULL);
    if (!w->o->json)
        progress_result(g, &text);
    (void)printf("%s%s", w->o->json ? buf_at(&answer->raw) : buf_at(&text), w->o->json ? "\n" : "");
    return remap(w->o, status);
}

/* --- waiting --- */

/* The daemon does not answer: -1 to go on. */
static int away(struct waiting *w, const struct client_answer *answer, int64_t boot_ms)
{
    if (w->away_ms < 0) {
        BUF_AUTO text = BUF_INIT(2000);
        char clock[STR_TIME_MAX];
        buf_print(&text, "%s daemon unreachable, trying again (%s)\n",
                  str_clock(clock_now().wall_ms, clock), answer->why);
        say(w, buf_at(&text));
        w->away_ms = boot_ms;
    }
    bool late = w->o->timeout_ms < 0 ? boot_ms - w->away_ms > AWAY_MS
                                     : boot_ms - w->started_ms >= w->o->timeout_ms;
    return late ? give_up(w, CLI_UNREACHABLE, answer->why) : -1;
}

/* One look; -1 to go on. */
static int look(struct waiting *w)
{
    ANSWER_AUTO answer = {0};
    int status = client_call(w->client, w->path, NULL, NULL, &answer);
    struct hd_now now = clock_now();
    if (status == CLI_INTERRUPTED)
        return -1;
    if (status == CLI_UNREACHABLE)
        return remap(w->o, away(w, &answer, now.boot_ms));
    if (status)
        return give_up(w, status, answer.why);
    if (w->away_ms >= 0)
        say(w, "the daemon answers again\n");
    w->away_ms = -1;
    struct face_guard g;
    face_guard(answer.body, &g);
    tell(w, &g, now.wall_ms);
    status = face_exit(&g);
    if (status >= 0)
        return finish(w, &g, &answer, status);
    if (w->o->timeout_ms < 0 || now.boot_ms - w->started_ms < w->o->timeout_ms)
        return -1;
    (void)finish(w, &g, &answer, CLI_TIMEOUT);
    return remap(w->o, cli_fail(CLI_TIMEOUT,
                                "the wait timed out; the guard goes on: haldane wait %s", g.id));
}

static int64_t pause_ms(const struct waiting *w)
{
    int64_t left = w->o->timeout_ms - (clock_now().boot_ms - w->started_ms);
    return w->o->timeout_ms >= 0 && left < POLL_MS ? left : POLL_MS;
}

int wait_guard(struct client *client, const char *id, const struct wait_options *o)
{
    const char *no_colour = getenv("NO_COLOR");
    struct waiting w = {.client = client, .o = o, .id = id, .started_ms = clock_now().boot_ms, .away_ms = -1};
    (void)snprintf(w.path, sizeof w.path, "/guards/%s", id);
    w.tty = isatty(STDERR_FILENO) == 1;
    w.progress.colour = w.tty && !(no_colour && *no_colour);
    int status = look(&w);
    while (status < 0 && !client_interrupted(client)) {
        client_sleep(client, pause_ms(&w));
        if (!client_interrupted(client))
            status = look(&w);
    }
    if (status >= 0)
        return status;
    ARENA_AUTO a = arena_new();
    return give_up(&w, CLI_INTERRUPTED,
                   arena_print(a, "interrupted; the guard goes on: haldane wait %s", id));
}

/* --- haldane wait --- */

#define GROUP_MAX 64 /* guards of one group that are waited for */

/* From what a human must look at down to what is well. */
static int worse_of(int a, int b)
{
    static const int order[] = {CLI_NOT_VERIFIED, CLI_ADVISED, CLI_REVERTED,    CLI_INCONCLUSIVE,
                                CLI_SUPERSEDED,   CLI_TIMEOUT, CLI_UNREACHABLE, CLI_OK};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return a;
}

/* The next guard of the group that was not waited for; NULL: all were, or *ret_status says why. */
static const char *next_of_group(struct client *client, struct hd_arena *a, const char *name,
                                 const char **waited, size_t n, int *ret_status)
{
    ANSWER_AUTO answer = {0};
    *ret_status = client_ask(client, arena_print(a, "/groups/%s", client_encode(a, name)), NULL, NULL, &answer);
    const struct json *guards = *ret_status ? NULL : json_get(answer.body, "guards");
    if (guards && json_count(guards) > GROUP_MAX) {
        *ret_status = cli_fail(CLI_USAGE, "the group has %zu guards, and %d can be waited for", json_count(guards),
                               GROUP_MAX);
        return NULL;
    }
    for (const struct json *g = json_first(guards); g; g = json_next(g)) {
        const char *id = face_text(g, "id");
        bool known = !id || !face_is_id(id);
        for (size_t i = 0; i < n; i++)
            known |= str_is(waited[i], id);
        if (!known)
            return arena_text(a, id);
    }
    return NULL;
}

/* One guard after the other: the group has ended when the last one has. */
static int wait_group(struct client *client, const char *name, const struct wait_options *o)
{
    ARENA_AUTO a = arena_new();
    const char *waited[GROUP_MAX];
    struct wait_options left = *o;
    BUF_AUTO suites = BUF_INIT(SUITES_MAX);
    int64_t end_ms = clock_now().boot_ms + o->timeout_ms;
    int status, worst = CLI_OK;
    left.suites = &suites; /* the file tells of all of them, not of the last one */
    for (size_t n = 0; n < GROUP_MAX; n++) {
        waited[n] = next_of_group(client, a, name, waited, n, &status);
        if (!waited[n])
            return status ? status : worst;
        if (o->timeout_ms >= 0)
            left.timeout_ms = end_ms > clock_now().boot_ms ? end_ms - clock_now().boot_ms : 0;
        status = wait_guard(client, waited[n], &left);
        if (status == CLI_INTERRUPTED || status == CLI_AUTH)
            return status;
        worst = worse_of(worst, status);
    }
    return worst;
}

static int run(const struct cli_args *args)
{
    struct wait_options o;
    char id[27];
    const char *group = cli_option(args, "group");
    if ((group != NULL) == (cli_word(args, 0) != NULL))
        return cli_usage(args, "wait takes a guard, a service, or --group NAME");
    CLIENT_AUTO client = NULL;
    int status = wait_read_options(args, &o);
    if (!status)
        status = client_open(args, CLIENT_SIGNALS, &client);
    if (!status && group)
        return wait_group(client, group, &o);
    if (!status)
        status = client_guard_id(client, cli_word(args, 0), id);
    return status ? status : wait_guard(client, id, &o);
}

static const struct cli_option options[] = {
    {"group", '\0', "NAME", "every guard of the group; the exit code is of the worst"},
    WAIT_OPTIONS,
    CLI_OUTPUT_OPTION,
    CLI_CLIENT_OPTIONS,
    {0},
};

const struct cli_command cli_wait = {
    .name = "wait",
    .synopsis = "ID|SERVICE|--group NAME [--timeout T] [--fail-on CODES] [--ci github] [...]",
    .help = "wait for the end of a guard",
    .notes = "A service stands for its newest guard. Changes are told on stderr, the result on\n"
             "stdout. After a verified revert the wait ends when users have recovered.\n"
             "Exit codes: 0 passed, 1 reverted, 3 inconclusive, 4 revert not verified, not possible,\n"
             "or users not recovered after it (not_recovered), 5 only advised, 6 daemon unreachable,\n"
             "7 not authorised, 8 timed out, 9 superseded or cancelled, 130 interrupted.\n"
             "2, 7 and 130 always count as failures.\n",
    .options = options,
    .most = 1,
    .run = run,
};
