/* SPDX-License-Identifier: Apache-2.0
 *
 * A fast Prometheus and HAProxy in one process, for the benchmarks: answers the queries of the
 * shipped library with replies of the usual size (two colours of three pods; six status codes, or
 * two buckets, each a raw window of scrapes), and a stats socket with any number of backends
 * s0000 ... . Speaks just enough of both to be measured against; judges nothing.
 *
 *     fake SOCKET BACKENDS [SCRAPE_MS]   prints its HTTP port, serves until stdin ends
 *
 * Requests of a job whose name begins with "bad" fail on green. Extra commands of the socket:
 * "bench live COLOUR FROM TO" gives backends FROM..TO-1 to a colour, "bench count" says how many
 * replies were sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PODS 3
#define SERVERS (2 * PODS)
#define BACKENDS_MAX 4096
#define IN_MAX 32768
#define OUT_MAX (1u << 20)
#define CACHED 64
#define FDS_MAX 4096

static const char *const colours[] = {"blue", "green"};

struct text {
    size_t len;
    char at[OUT_MAX];
};

static void put(struct text *t, const char *s)
{
    size_t n = strlen(s);
    if (n > OUT_MAX - 1 - t->len) {
        (void)fprintf(stderr, "fake: a reply of more than %u bytes\n", OUT_MAX);
        exit(1);
    }
    memcpy(t->at + t->len, s, n + 1);
    t->len += n;
}

static void put_number(struct text *t, uint64_t v)
{
    char digits[21];
    char *p = digits + sizeof digits;
    for (*--p = '\0'; v >= 10; v /= 10)
        *--p = (char)('0' + v % 10);
    *--p = (char)('0' + v);
    put(t, p);
}

static void put_time(struct text *t, int64_t ms)
{
    char rest[] = {'.', (char)('0' + ms % 1000 / 100), (char)('0' + ms % 100 / 10),
                   (char)('0' + ms % 10), '\0'};
    put_number(t, (uint64_t)ms / 1000);
    put(t, rest);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- Prometheus --- */

static int64_t scrape_ms = 5000;
static uint64_t replies;

struct ask {
    enum { ASK_TIME, ASK_TARGETS, ASK_CODES, ASK_BUCKETS } what;
    bool bad;
    int64_t at_ms, window_ms;
};

static int64_t number_after(const char *form, const char *mark)
{
    const char *p = strstr(form, mark);
    return p ? (int64_t)(strtod(p + strlen(mark), NULL) * 1000 + 0.5) : -1;
}

static struct ask read_ask(const char *form)
{
    struct ask a = {.what = strstr(form, "process_start_time_seconds") ? ASK_TARGETS
                            : strstr(form, "_bucket")                  ? ASK_BUCKETS
                            : strstr(form, "query=time")               ? ASK_TIME
                                                                       : ASK_CODES,
                    .bad = strstr(form, "%22bad") != NULL,
                    .at_ms = number_after(form, "&time="),
                    .window_ms = number_after(form, "%5B") / 1000};
    if (a.at_ms < 0)
        a.at_ms = now_ms();
    return a;
}

static void put_labels(struct text *t, const char *name, const char *key, const char *value,
                       int colour, int pod)
{
    put(t, "{\"metric\":{\"__name__\":\"");
    put(t, name);
    put(t, "\",\"");
    put(t, key);
    put(t, "\":\"");
    put(t, value);
    put(t, "\",\"instance\":\"10.20.");
    put_number(t, (uint64_t)colour + 30);
    put(t, ".");
    put_number(t, (uint64_t)pod + 110);
    put(t, ":8080\",\"job\":\"shop\",\"version\":\"");
    put(t, colours[colour]);
    put(t, "\"}");
}

/* A counter of `rate` a second, scraped every scrape_ms; each pod at its own moment. */
static void put_samples(struct text *t, const struct ask *a, int pod, uint64_t rate)
{
    int64_t offset = 317 * (pod + 1), first = (a->at_ms - a->window_ms - offset) / scrape_ms + 1;
    const char *gap = "";
    put(t, ",\"values\":[");
    for (int64_t k = first; k * scrape_ms + offset <= a->at_ms; k++, gap = ",") {
        put(t, gap);
        put(t, "[");
        put_time(t, k * scrape_ms + offset);
        put(t, ",\"");
        put_number(t, rate * (uint64_t)(k * scrape_ms / 1000 % 10000000));
        put(t, "\"]");
    }
    put(t, "]}");
}

static void put_series(struct text *t, const struct ask *a)
{
    static const struct {
        const char *code;
        uint64_t rate, bad;
    } codes[] = {{"200", 90, 50}, {"201", 3, 1}, {"204", 2, 1}, {"304", 3, 1}, {"404", 2, 1},
                 {"500", 0, 46}};
    static const struct {
        const char *le;
        uint64_t rate;
    } buckets[] = {{"0.45", 100}, {"+Inf", 100}};
    size_t n = a->what == ASK_CODES ? sizeof codes / sizeof *codes : sizeof buckets / sizeof *buckets;
    const char *gap = "";
    for (size_t i = 0; i < n; i++) {
        for (int s = 0; s < SERVERS; s++, gap = ",") {
            int colour = s / PODS, pod = s % PODS;
            put(t, gap);
            if (a->what == ASK_CODES) {
                put_labels(t, "http_requests_total", "code", codes[i].code, colour, pod);
                put_samples(t, a, pod, a->bad && colour ? codes[i].bad : codes[i].rate);
            } else {
                put_labels(t, "http_request_duration_seconds_bucket", "le", buckets[i].le, colour, pod);
                put_samples(t, a, pod, buckets[i].rate);
            }
        }
    }
}

static void put_targets(struct text *t, const struct ask *a)
{
    for (int s = 0; s < SERVERS; s++) {
        if (s)
            put(t, ",");
        put_labels(t, "process_start_time_seconds", "namespace", "default", s / PODS, s % PODS);
        put(t, ",\"value\":[");
        put_time(t, a->at_ms);
        put(t, ",\"1790000000.12\"]}");
    }
}

static void put_body(struct text *t, const struct ask *a)
{
    put(t, "{\"status\":\"success\",\"data\":{\"resultType\":\"");
    if (a->what == ASK_TIME) {
        put(t, "scalar\",\"result\":[");
        put_time(t, a->at_ms);
        put(t, ",\"");
        put_time(t, a->at_ms);
        put(t, "\"]}}");
        return;
    }
    put(t, a->what == ASK_TARGETS ? "vector\",\"result\":[" : "matrix\",\"result\":[");
    if (a->what == ASK_TARGETS)
        put_targets(t, a);
    else
        put_series(t, a);
    put(t, "]}}");
}

static bool same(const struct ask *a, const struct ask *b)
{
    return a->what == b->what && a->bad == b->bad && a->at_ms == b->at_ms &&
           a->window_ms == b->window_ms;
}

/* Guards ask for the same instant, so a reply is made once and sent often. */
static const struct text *answer(const char *form)
{
    static struct cached {
        struct ask ask;
        struct text text;
    } cache[CACHED], once;
    static size_t n;
    struct ask a = read_ask(form);
    struct cached *c = NULL;
    for (size_t i = 0; i < CACHED && !c && a.what != ASK_TIME; i++) {
        if (cache[i].text.len && same(&cache[i].ask, &a))
            return &cache[i].text;
    }
    c = a.what == ASK_TIME ? &once : &cache[n++ % CACHED];
    static struct text body;
    body.len = c->text.len = 0;
    c->ask = a;
    put_body(&body, &a);
    put(&c->text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ");
    put_number(&c->text, body.len);
    put(&c->text, "\r\n\r\n");
    put(&c->text, body.at);
    return &c->text;
}

/* --- HAProxy --- */

static uint32_t weight[BACKENDS_MAX][SERVERS];
static int backends;

static void put_backend(struct text *t, int b)
{
    put(t, "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
           "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
           "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
           "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr "
           "srv_agent_port\n");
    for (int s = 0; s < SERVERS; s++) {
        char line[256];
        (void)snprintf(line, sizeof line,
                       "%d s%04d %d %s%d 127.0.0.1 2 0 %u %d 9 6 3 1 6 0 0 0 - 80 - 0 0 - - 0\n", b + 3,
                       b, s + 1, colours[s / PODS], s % PODS + 1, weight[b][s], s < PODS ? 100 : 0);
        put(t, line);
    }
    put(t, "\n");
}

static void set_weight(struct text *t, const char *command)
{
    int b = -1, pod = 0;
    unsigned w;
    char colour[16];
    int got = sscanf(command, "set server s%d/%15[a-z]%d weight %u", &b, colour, &pod, &w);
    if (got < 3 || b < 0 || b >= backends || pod < 1 || pod > PODS)
        put(t, "No such server.\n\n");
    else if (got == 3)
        put(t, "Require <weight> or <weight%>.\n\n");
    else {
        weight[b][(strcmp(colour, "green") == 0) * PODS + pod - 1] = w;
        put(t, "\n");
    }
}

static void run(struct text *t, const char *command)
{
    int b, from, to;
    char word[16];
    if (strncmp(command, "show info", 9) == 0) {
        put(t, "Name: HAProxy\nVersion: 2.6.12\nPid: 4711\nUptime_sec: 9\nStart_time_sec: "
               "1795220358\n\n");
    } else if (sscanf(command, "show servers state s%d", &b) == 1 && b >= 0 && b < backends) {
        put_backend(t, b);
    } else if (strncmp(command, "show stat ", 10) == 0) {
        put(t, "# pxname,svname,act,bck,\n\n");
    } else if (strncmp(command, "quit", 4) == 0) {
        return;
    } else if (strncmp(command, "set server ", 11) == 0) {
        set_weight(t, command);
    } else if (sscanf(command, "bench live %15s %d %d", word, &from, &to) == 3) {
        for (b = from; b < to && b < backends; b++) {
            for (int s = 0; s < SERVERS; s++)
                weight[b][s] = strcmp(word, colours[s / PODS]) == 0 ? 100 : 0;
        }
        put(t, "\n");
    } else if (strncmp(command, "bench count", 11) == 0) {
        put_number(t, replies);
        put(t, "\n\n");
    } else {
        put(t, "Unknown command.\n\n");
    }
}

/* --- connections --- */

struct peer {
    bool http;
    size_t len;
    char in[IN_MAX];
};

static struct peer *peers[FDS_MAX];

static void hang_up(int fd)
{
    free(peers[fd]);
    peers[fd] = NULL;
    (void)close(fd);
}

/* Replies fit the socket's buffer, so waiting here is rare and short. */
static bool send_all(int fd, const char *at, size_t len)
{
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Serves one whole request at the start of the input; false: none is there. */
static bool serve_http(int fd, struct peer *p, bool *ret_ok)
{
    char *end = strstr(p->in, "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strcasestr(p->in, "content-length:");
    size_t head = (size_t)(end + 4 - p->in);
    size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    if (p->len < head + body)
        return false;
    char after = p->in[head + body];
    p->in[head + body] = '\0';
    const struct text *t = answer(p->in + head);
    p->in[head + body] = after;
    p->len -= head + body;
    memmove(p->in, p->in + head + body, p->len + 1);
    replies++;
    *ret_ok = send_all(fd, t->at, t->len);
    return *ret_ok;
}

static void serve_line(int fd, struct peer *p)
{
    static struct text t;
    char *end = strchr(p->in, '\n'), *save;
    if (!end)
        return;
    *end = '\0';
    t.len = 0;
    for (char *c = strtok_r(p->in, ";", &save); c; c = strtok_r(NULL, ";", &save))
        run(&t, c);
    (void)send_all(fd, t.at, t.len);
    hang_up(fd);
}

static void serve(int fd)
{
    struct peer *p = peers[fd];
    ssize_t n = recv(fd, p->in + p->len, IN_MAX - 1 - p->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(fd);
        return;
    }
    p->len += (size_t)n;
    p->in[p->len] = '\0';
    bool ok = true;
    if (!p->http)
        serve_line(fd, p);
    else
        while (serve_http(fd, p, &ok))
            ;
    if (!ok)
        hang_up(fd);
}

static void greet(int epoll, int listener, bool http)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int on = 1;
    if (http)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= FDS_MAX || !(peers[fd] = calloc(1, sizeof **peers))) {
        (void)close(fd);
        return;
    }
    peers[fd]->http = http;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static int listen_at(const char *path)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (path)
        (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *at = path ? (const void *)&un : (const void *)&in;
    if (fd < 0 || bind(fd, at, path ? sizeof un : sizeof in) != 0 || listen(fd, 1024) != 0) {
        perror(path ? path : "listen");
        exit(1);
    }
    socklen_t len = sizeof in;
    if (!path && getsockname(fd, (void *)&in, &len) == 0)
        (void)printf("%d\n", ntohs(in.sin_port));
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    backends = atoi(argv[2]) < BACKENDS_MAX ? atoi(argv[2]) : BACKENDS_MAX;
    if (argc > 3)
        scrape_ms = atoi(argv[3]);
    for (int b = 0; b < backends; b++) {
        for (int s = 0; s < PODS; s++)
            weight[b][s] = 100;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC), lines = listen_at(argv[1]), http = listen_at(NULL);
    int own[] = {lines, http, STDIN_FILENO};
    for (int i = 0; i < 3; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = own[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, own[i], &e) != 0)
            return 1;
    }
    (void)fflush(stdout);
    for (;;) {
        struct epoll_event e[64];
        int n = epoll_wait(epoll, e, 64, -1);
        for (int i = 0; i < n; i++) {
            int fd = e[i].data.fd;
            if (fd == STDIN_FILENO)
                return 0; /* who started us is gone */
            if (fd == http || fd == lines)
                greet(epoll, fd, fd == http);
            else if (peers[fd])
                serve(fd);
        }
    }
}
