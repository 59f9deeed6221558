/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the HAProxy actuator against a real socket, with plain blocking calls, for
 * tests/scenario/haproxy_live.py: a helper, no test of its own.
 *
 *     drive SOCKETS BACKEND observe            prints the reading
 *     drive SOCKETS BACKEND plan GOAL          prints the native command
 *     drive SOCKETS BACKEND set GOAL           sends the plan, step by step, stops at a refusal
 *     drive SOCKETS BACKEND rehearse GOAL
 *     drive SOCKETS BACKEND record             prints the raw answers
 *
 * The colours are blue and green. BACKEND "FILE KEY" is the map form.
 */
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <haldane/actuator.h>

#include "../../support/options.h"
#include "base/buf.h"

static void die(const char *what)
{
    fprintf(stderr, "drive: %s\n", what);
    exit(2);
}

static int dial(const char *base)
{
    struct timeval limit = {5, 0};
    int fd = -1;
    if (str_begins(base, "unix:")) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        snprintf(to.sun_path, sizeof to.sun_path, "%s", base + 5);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
            die(strerror(errno));
    } else {
        char host[256];
        snprintf(host, sizeof host, "%s", base + 4);
        char *port = strrchr(host, ':');
        struct addrinfo *to, hint = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
        *port++ = '\0';
        if (getaddrinfo(host, port, &hint, &to))
            die("address");
        fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
            die(strerror(errno));
        freeaddrinfo(to);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static struct hd_exchange say(struct hd_arena *a, const struct hd_request *r)
{
    struct hd_response *out = arena_of(a, struct hd_response);
    BUF_AUTO answer = BUF_INIT(r->cap_bytes);
    char piece[4096];
    int fd = dial(r->at->bases[r->base]);
    if (write(fd, r->body.at, r->body.len) != (ssize_t)r->body.len)
        die("write");
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) != 0;) {
        if (n < 0)
            die(strerror(errno));
        buf_add(&answer, piece, (size_t)n);
    }
    close(fd);
    out->body = (struct hd_span){arena_text_n(a, buf_at(&answer), answer.len), answer.len};
    return (struct hd_exchange){r, out};
}

static void print_live(const struct hd_site *site, const struct hd_live *live)
{
    printf("value: %s\nmemory: %s\nforgets_to: %s\nnote: %s\n", live->value, live->memory,
           live->forgets_to ? live->forgets_to : "-", live->note ? live->note : "-");
    for (size_t k = 0; k < site->n_sides; k++) {
        const struct hd_side_live *s = &live->side[k];
        printf("%s.share: %u\n%s.ready: %d\n%s.wanted: %u\n%s.alone: %s\n", site->colour[k],
               s->share_ppm, site->colour[k], s->ready == HD_UNKNOWN ? -1 : (int)s->ready,
               site->colour[k], s->wanted, site->colour[k], s->alone);
    }
}

static int send_plan(struct hd_arena *a, const struct hd_actuator *act, const struct hd_site *site,
                     const struct hd_plan *plan)
{
    static const char *const word[] = {"accepted", "retry", "conflict", "refused"};
    struct hd_error err = {0};
    for (size_t i = 0; i < plan->n; i++) {
        struct hd_exchange x = say(a, plan->step[i]);
        struct hd_reply reply;
        if (act->reply(a, site, &x, &reply, &err))
            die(err.text);
        printf("%s: %s%s%s\n", plan->step[i]->label, word[reply.answer], reply.text ? ": " : "",
               reply.text ? reply.text : "");
        if (reply.answer != HD_ANSWER_ACCEPTED)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    ARENA_AUTO a = arena_new();
    const struct hd_actuator *act = hd_actuator_find("haproxy");
    struct hd_error err = {0};
    if (argc < 4)
        die("usage: drive SOCKETS BACKEND observe|plan|set|rehearse|record [GOAL]");
    char *key = strchr(argv[2], ' ');
    struct opt opts[] = {{"sockets", argv[1]}, {"backend", argv[2]}, {NULL, NULL}, {NULL, NULL}};
    if (key) {
        *key++ = '\0';
        opts[1] = (struct opt){"map.file", argv[2]};
        opts[2] = (struct opt){"map.key", key};
    }
    const void *side = opt_fill(a, act->side_options, act->side_size, NULL);
    struct hd_site site = {.cfg = opt_fill(a, act->options, act->cfg_size, opts),
                           .n_sides = 2,
                           .colour = {"blue", "green"},
                           .side = {side, side}};
    struct hd_exchange said[HD_TALK_MAX];
    struct hd_talk talk = {said, 0};
    struct hd_ask ask = {0};
    struct hd_live live;
    if (act->check(&site, &err) || act->observe(a, &site, NULL, &talk, &ask, &live, &err))
        die(err.text);
    for (; talk.n < ask.n; talk.n++)
        said[talk.n] = say(a, ask.request[talk.n]);
    if (str_is(argv[3], "record")) {
        for (size_t i = 0; i < talk.n; i++)
            fwrite(said[i].response->body.at, 1, said[i].response->body.len, stdout);
        return 0;
    }
    for (;;) {
        if (act->observe(a, &site, NULL, &talk, &ask, &live, &err))
            die(err.text);
        if (!ask.n)
            break;
        for (size_t i = 0; i < ask.n; i++)
            said[talk.n++] = say(a, ask.request[i]);
    }
    if (str_is(argv[3], "observe")) {
        print_live(&site, &live);
        return 0;
    }
    struct hd_goal goal = {.value = argc > 4 ? argv[4] : "",
                           .rehearse = str_is(argv[3], "rehearse")};
    struct hd_plan plan;
    if (act->plan(a, &site, &talk, &goal, &plan, &err))
        die(err.text);
    if (str_is(argv[3], "plan")) {
        puts(plan.native);
        return 0;
    }
    return send_plan(a, act, &site, &plan);
}
