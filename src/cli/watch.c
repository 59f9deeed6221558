/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane watch`: the fleet, live. On a terminal a screen that is drawn anew when something has changed; else
 * one line for each change. The daemon's journal says when to look; what is shown is asked for whole each
 * time. Only asks. Owns the terminal's mode while it runs, and gives it back as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/screen.h"
#include "loop/loop.h"

#define APART_MS 250   /* a burst of news is one look */
#define LIVE_MS 5000   /* figures of a guard move without an event */
#define IDLE_MS 60000  /* "3 min ago" */
#define AGAIN_MS 2000  /* a daemon that has gone */
#define WIDTH 80
#define HEIGHT 24

struct watch {
    struct client *client;
    const char *path;
    bool screen, json, colour, quit, keys;
    struct termios before;
    struct client_answer fleet; /* the last that came */
    int64_t stale_ms;           /* wall; -1: live */
    int64_t looked_ms, followed_ms; /* boot */
    bool any_live;
    struct buf drawn;
    struct screen_seen seen;
};

/* --- the terminal --- */

static void on_key(void *user, int fd, uint32_t events)
{
    struct watch *w = user;
    char key;
    (void)events;
    ssize_t n = read(fd, &key, 1);
    if (n == 1)
        w->quit |= key == 'q' || key == 'Q' || key == 4 /* Ctrl-D */;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        loop_remove(client_loop(w->client), fd); /* the keyboard is gone; the screen need not be */
}

static void screen_begin(struct watch *w)
{
    struct hd_error err;
    if (!w->screen)
        return;
    w->keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &w->before) == 0 &&
              !loop_add(client_loop(w->client), STDIN_FILENO, EPOLLIN, on_key, w, &err);
    if (w->keys) {
        struct termios now = w->before;
        now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        now.c_cc[VMIN] = 1;
        now.c_cc[VTIME] = 0;
        now.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stopped screen would leave the terminal as it is now */
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    (void)fputs("\x1b[?1049h\x1b[?25l", stdout); /* a screen of our own, no cursor */
}

static void screen_end(struct watch *w)
{
    if (!w->screen)
        return;
    (void)fputs("\x1b[?25h\x1b[?1049l", stdout);
    (void)fflush(stdout);
    if (w->keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &w->before);
}

static size_t at_least(size_t n, size_t least) { return n < least ? least : n; }

static struct screen screen_of(const struct watch *w)
{
    struct winsize size = {.ws_col = 0};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return (struct screen){.width = at_least(size.ws_col ? size.ws_col : WIDTH, 20),
                           .height = at_least(size.ws_row ? size.ws_row - 1u : HEIGHT - 1, 4),
                           .colour = w->colour,
                           .now_ms = clock_now().wall_ms,
                           .stale_ms = w->stale_ms};
}

/* Only what differs from what stands there costs a write. */
static void draw(struct watch *w)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    struct screen look = screen_of(w);
    buf_print(&text, "%zux%zu\n", look.width, look.height); /* a new size clears what the terminal made of the old */
    screen_render(w->fleet.body, &look, &text);
    if (str_is(buf_at(&text), buf_at(&w->drawn)))
        return;
    buf_clear(&w->drawn);
    w->drawn = BUF_INIT(1u << 20);
    buf_text(&w->drawn, buf_at(&text));
    (void)fputs("\x1b[H", stdout);
    for (const char *line = strchr(buf_at(&text), '\n') + 1; *line;) {
        size_t n = strcspn(line, "\n");
        (void)printf("%.*s\x1b[K\n", (int)n, line);
        line += n + 1;
    }
    (void)fputs("\x1b[J", stdout);
    (void)fflush(stdout);
}

/* --- the daemon --- */

static void print_changes(struct watch *w)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    screen_changes(w->fleet.body, &w->seen, clock_now().wall_ms, w->json, &text);
    (void)fputs(buf_at(&text), stdout);
    w->quit |= fflush(stdout) != 0; /* nobody reads any more */
}

static void now_stale(struct watch *w, const char *why)
{
    if (w->stale_ms >= 0)
        return;
    w->stale_ms = clock_now().wall_ms;
    if (!w->screen)
        (void)cli_fail(0, "the daemon does not answer, trying again (%s)", why);
}

/* One look. An exit status; CLI_UNREACHABLE leaves the last picture. */
static int look(struct watch *w)
{
    struct client_answer answer = {0};
    int status = client_call(w->client, w->path, NULL, NULL, &answer);
    w->looked_ms = clock_now().boot_ms;
    if (status) {
        (void)snprintf(w->fleet.why, sizeof w->fleet.why, "%s", answer.why);
        w->fleet.status = answer.status;
        client_answer_clear(&answer);
        return status;
    }
    if (w->stale_ms >= 0 && !w->screen)
        (void)cli_fail(0, "the daemon answers again");
    w->stale_ms = -1;
    client_answer_clear(&w->fleet);
    w->fleet = answer;
    w->any_live = json_count(json_get(w->fleet.body, "live")) > 0;
    if (!w->screen)
        print_changes(w);
    return CLI_OK;
}

/* ms until the next look without news. */
static int64_t due_ms(const struct watch *w, int64_t now_ms)
{
    int64_t every = w->stale_ms >= 0 ? AGAIN_MS : w->any_live ? LIVE_MS : IDLE_MS;
    int64_t left = w->looked_ms + every - now_ms;
    return left > 0 ? left : 0;
}

static int turn(struct watch *w)
{
    int64_t now_ms = clock_now().boot_ms;
    if (client_lost(w->client) && now_ms - w->followed_ms >= AGAIN_MS) {
        client_follow(w->client);
        w->followed_ms = now_ms;
    }
    bool early = now_ms - w->looked_ms < APART_MS;
    if ((!early && client_news(w->client)) || !due_ms(w, now_ms)) {
        int status = look(w);
        if (status == CLI_UNREACHABLE)
            now_stale(w, w->fleet.why);
        else if (status)
            return status;
    }
    if (w->screen)
        draw(w);
    int64_t wait_ms = due_ms(w, clock_now().boot_ms);
    client_pause(w->client, early ? APART_MS : client_lost(w->client) && wait_ms > AGAIN_MS ? AGAIN_MS : wait_ms);
    return CLI_OK;
}

static int follow(struct watch *w)
{
    screen_begin(w);
    client_follow(w->client);
    int status = CLI_OK;
    while (!status && !w->quit && !client_interrupted(w->client))
        status = turn(w);
    screen_end(w);
    if (status == CLI_INTERRUPTED || client_interrupted(w->client))
        return CLI_INTERRUPTED;
    return status ? cli_fail(status, "%s", w->fleet.why) : CLI_OK;
}

/* --- haldane watch --- */

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    CLIENT_AUTO client = NULL;
    const char *service = cli_word(args, 0), *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct watch *w = arena_of(a, struct watch);
    w->json = cli_json(args);
    w->screen = !w->json && isatty(STDOUT_FILENO) && term && !str_is(term, "dumb");
    w->colour = w->screen && !(no_colour && *no_colour);
    w->path = service ? arena_print(a, "/fleet?service=%s", client_encode(a, service)) : "/fleet";
    w->stale_ms = -1;
    int status = client_open(args, CLIENT_SIGNALS | CLIENT_SCREEN, &client);
    if (status)
        return status;
    w->client = client;
    status = look(w);
    if (!status)
        status = follow(w);
    else if (status != CLI_INTERRUPTED)
        status = client_refused(client, service, status, &w->fleet);
    client_answer_clear(&w->fleet);
    buf_clear(&w->drawn);
    return status;
}

static const struct cli_option options[] = {CLI_OUTPUT_OPTION, CLI_CLIENT_OPTIONS, {0}};

const struct cli_command cli_watch = {
    .name = "watch",
    .synopsis = "[SERVICE] [-o json]",
    .help = "follow the fleet live: who is needed, what is watched, what has ended",
    .notes = "On a terminal a screen; q quits. Else, and with -o json, a line for each change. Goes on when the\n"
             "daemon is restarted. Exit codes: 0 quit by q, 130 interrupted, 6 no daemon at the start.\n",
    .options = options,
    .most = 1,
    .run = run,
};
