/* SPDX-License-Identifier: Apache-2.0
 *
 * See child.h. Decides when a child starts, when its answer is whole, and when its group is killed:
 * at the deadline (SIGTERM, then SIGKILL), at the byte cap, on cancel, and what is left of it when
 * its leader has ended; nothing that a request started outlives it, unless it left the group. Never
 * waits for a running child, never uses a shell. Called by the pipeline.
 *
 * A killed child is answered for at once, and stays in its place until the kernel has ended it. The
 * leader is reaped last: as long as it is a zombie, the number of its group cannot mean others.
 */
#include "exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define READ_BYTES 16384
#define READS_A_TURN 16  /* a fast child must not hold the loop */
#define REAP_MS 1000     /* exec_free waits this long for a killed child */
#define PATH_OF_CHILDREN "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

TAILQ_HEAD(children, child);

struct child {
    TAILQ_ENTRY(child) link;
    struct children *list;
    struct exec *exec;
    uint64_t id;
    const struct hd_request *request;
    exec_done_fn *done; /* NULL: cancelled or answered */
    void *user;
    int64_t deadline_ms; /* boot; 0: none */
    int64_t end_ms;
    struct hd_now started;
    struct loop_timer timer;
    pid_t pid; /* of the leader and the group; 0: not started, or reaped */
    int pidfd, in, out, err; /* -1: closed */
    size_t sent;
    bool late; /* the deadline has passed; SIGTERM was sent */
    struct buf answer, noise;
    struct hd_response response;
    char text[300];
};

struct exec {
    struct loop *loop;
    struct children waiting, running, ended; /* ended: to be answered in the next turn */
    size_t n_waiting, n_running;
    struct loop_timer turn;
    uint64_t last_id;
};

/* --- lists and the answer --- */

static size_t *count_of(struct exec *x, const struct children *list)
{
    return list == &x->waiting ? &x->n_waiting : list == &x->running ? &x->n_running : NULL;
}

static void move(struct child *c, struct children *to)
{
    size_t *from_count = count_of(c->exec, c->list), *to_count = count_of(c->exec, to);
    if (c->list)
        TAILQ_REMOVE(c->list, c, link);
    if (from_count)
        --*from_count;
    c->list = to;
    if (to)
        TAILQ_INSERT_TAIL(to, c, link);
    if (to_count)
        ++*to_count;
}

static void close_fd(struct child *c, int *fd)
{
    if (*fd < 0)
        return;
    loop_remove(c->exec->loop, *fd);
    (void)close(*fd);
    *fd = -1;
}

static void child_free(struct child *c)
{
    loop_timer_drop(c->exec->loop, &c->timer);
    int *fds[] = {&c->in, &c->out, &c->err, &c->pidfd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close_fd(c, fds[i]);
    move(c, NULL);
    buf_clear(&c->answer);
    buf_clear(&c->noise);
    free(c);
}

/* What the child said on stderr goes to the log as one line. */
static void log_noise(struct child *c, enum log_level level)
{
    if (!c->noise.len)
        return;
    for (char *p = c->noise.at; *p; p++) {
        if (*p == '\n')
            *p = p[1] ? ' ' : '\0';
    }
    log_write(level, c->request->label, "%s: %s", c->request->u.exec.argv[0], c->noise.at);
}

/* Calls back, once. The child's own life may go on. */
static void answer(struct child *c, enum hd_io io, int32_t status, const char *text)
{
    exec_done_fn *done = c->done;
    bool ok = io == HD_IO_OK;
    if (!done)
        return; /* the request may be gone */
    c->done = NULL;
    log_noise(c, ok && status == 0 ? LOG_DEBUG : LOG_WARN);
    c->response = (struct hd_response){
        .io = io,
        .status = ok ? status : 0,
        .body = ok ? buf_span(&c->answer) : (struct hd_span){"", 0},
        .text = text,
        .sent_ms = c->started.wall_ms,
        .took_ms = (int32_t)(clock_now().boot_ms - c->started.boot_ms),
    };
    done(c->user, &c->response);
}

static void on_turn(void *user);

/* No answer will come; said in the next turn, because callbacks never run inside exec_send. */
static void fail(struct child *c, enum hd_io io, const char *text)
{
    (void)snprintf(c->text, sizeof c->text, "%s", text);
    str_clean(c->text, sizeof c->text - 1);
    c->response.io = io;
    move(c, &c->exec->ended);
    loop_timer_set(c->exec->loop, &c->exec->turn, 0, on_turn, c->exec);
}

/* --- reading, writing, ending --- */

static void kill_group(const struct child *c, int signal)
{
    if (c->pid > 0)
        (void)kill(-c->pid, signal);
}

/* The end by force: nobody listens any more, and the place is free when the kernel says so. */
static void put_down(struct child *c)
{
    loop_timer_drop(c->exec->loop, &c->timer);
    kill_group(c, SIGKILL);
    close_fd(c, &c->in);
    close_fd(c, &c->out);
    close_fd(c, &c->err);
}

static void on_stdin(void *user, int fd, uint32_t events)
{
    struct child *c = user;
    const struct hd_span *body = &c->request->body;
    (void)events;
    while (c->sent < body->len) {
        ssize_t n = write(fd, body->at + c->sent, body->len - c->sent);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* the child does not want the rest; its answer counts */
        c->sent += (size_t)n;
    }
    close_fd(c, &c->in);
}

/* Reads what is there; closes at the end. */
static void drain(struct child *c, int *fd, struct buf *to, int reads)
{
    char piece[READ_BYTES];
    while (*fd >= 0 && reads-- > 0) {
        ssize_t n = read(*fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_fd(c, fd);
            return;
        }
        size_t room = to->max - to->len, take = (size_t)n;
        if (to == &c->noise && take > room)
            take = room; /* the rest of stderr is read and dropped */
        buf_add(to, piece, take);
        if (to == &c->answer && to->full)
            return;
    }
}

static void too_big(struct child *c)
{
    char text[100];
    (void)snprintf(text, sizeof text, "the answer is larger than %zu bytes", c->answer.max);
    put_down(c);
    answer(c, HD_IO_TOO_BIG, 0, text);
}

static void on_stdout(void *user, int fd, uint32_t events)
{
    struct child *c = user;
    (void)fd;
    (void)events;
    drain(c, &c->out, &c->answer, READS_A_TURN);
    if (c->answer.full)
        too_big(c);
}

static void on_stderr(void *user, int fd, uint32_t events)
{
    struct child *c = user;
    (void)fd;
    (void)events;
    drain(c, &c->err, &c->noise, READS_A_TURN);
}

static void start_waiting(struct exec *);

/* The leader has ended. What it wrote is in the pipes now; nobody else who holds them is waited
 * for. */
static void on_exit_of(void *user, int fd, uint32_t events)
{
    struct child *c = user;
    struct exec *x = c->exec;
    siginfo_t info = {0};
    (void)events;
    kill_group(c, SIGKILL);
    int all = (int)(c->answer.max / READ_BYTES) + 8; /* past the cap it stops by itself */
    drain(c, &c->err, &c->noise, READS_A_TURN);
    drain(c, &c->out, &c->answer, all);
    if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) != 0)
        info.si_code = 0;
    c->pid = 0;
    if (c->answer.full)
        too_big(c);
    else if (c->late)
        answer(c, HD_IO_TIMEOUT, 0, c->text);
    else if (info.si_code == CLD_EXITED)
        answer(c, HD_IO_OK, info.si_status, "");
    else if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
        answer(c, HD_IO_OK, 128 + info.si_status, "");
    else
        answer(c, HD_IO_LOST, 0, "the child's end could not be read");
    child_free(c);
    start_waiting(x);
}

static void on_grace_over(void *user)
{
    struct child *c = user;
    put_down(c);
    answer(c, HD_IO_TIMEOUT, 0, c->text);
}

static void on_deadline(void *user)
{
    struct child *c = user;
    char ms[STR_TIME_MAX];
    (void)snprintf(c->text, sizeof c->text, "did not end within %s and was killed",
                   str_duration(c->end_ms - c->started.boot_ms, ms));
    c->late = true;
    kill_group(c, SIGTERM);
    loop_timer_set(c->exec->loop, &c->timer, c->end_ms + HD_CHILD_GRACE_MS, on_grace_over, c);
}

/* --- starting --- */

struct pipes {
    int in[2], out[2], err[2]; /* [0] reads */
};

static void close_pair(int fd[2])
{
    for (int i = 0; i < 2; i++) {
        if (fd[i] >= 0)
            (void)close(fd[i]);
    }
}

static enum hd_code make_pipes(struct pipes *p, struct hd_error *err)
{
    int *pair[] = {p->in, p->out, p->err};
    for (size_t i = 0; i < 3; i++) {
        int ours;
        if (pipe2(pair[i], O_CLOEXEC) != 0 ||
            (ours = pair[i][i == 0 ? 1 : 0], fcntl(ours, F_SETFL, O_NONBLOCK) != 0))
            return hd_fail(err, HD_IO, "no pipe: %s", strerror(errno));
    }
    return HD_OK;
}

/* Returns 0 or an errno. Signals back to their defaults, none blocked, nothing open above 2. */
static int spawn(const struct hd_request *r, const struct pipes *p, pid_t *ret)
{
    static const char *const environment[] = {PATH_OF_CHILDREN, "LANG=C", "HALDANE=1", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    (void)posix_spawnattr_init(&how);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    int e = posix_spawn_file_actions_adddup2(&files, p->in[0], STDIN_FILENO);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, p->out[1], STDOUT_FILENO);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, p->err[1], STDERR_FILENO);
    if (!e)
        e = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (!e)
        e = posix_spawn(ret, r->u.exec.argv[0], &files, &how, (char *const *)r->u.exec.argv,
                        r->u.exec.own ? environ : (char *const *)environment);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

static enum hd_code watch(struct child *c, struct hd_error *err)
{
    struct loop *l = c->exec->loop;
    enum hd_code code = loop_add(l, c->out, EPOLLIN, on_stdout, c, err);
    if (!code)
        code = loop_add(l, c->err, EPOLLIN, on_stderr, c, err);
    if (!code)
        code = loop_add(l, c->pidfd, EPOLLIN, on_exit_of, c, err);
    if (!code && c->request->body.len)
        code = loop_add(l, c->in, EPOLLOUT, on_stdin, c, err);
    else
        close_fd(c, &c->in);
    return code;
}

/* A child that runs and cannot be watched is ended at once; its effect is unknown. */
static void lose(struct child *c, const char *text)
{
    kill_group(c, SIGKILL);
    (void)waitpid(c->pid, NULL, 0);
    c->pid = 0;
    fail(c, HD_IO_LOST, text);
}

static void begin(struct child *c)
{
    const struct hd_request *r = c->request;
    struct hd_error err = {0};
    struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}};
    const char *program = r->u.exec.argv[0];
    enum hd_code code = make_pipes(&p, &err);
    int e = code ? 0 : spawn(r, &p, &c->pid);
    if (e)
        code = hd_fail(&err, HD_IO, "%s: %s", program, strerror(e));
    if (code) {
        close_pair(p.in);
        close_pair(p.out);
        close_pair(p.err);
        fail(c, HD_IO_NOT_SENT, err.text);
        return;
    }
    (void)close(p.in[0]);
    (void)close(p.out[1]);
    (void)close(p.err[1]);
    c->in = p.in[1];
    c->out = p.out[0];
    c->err = p.err[0];
    c->pidfd = pidfd_open(c->pid, 0);
    if (c->pidfd < 0)
        lose(c, strerror(errno));
    else if (watch(c, &err))
        lose(c, err.text);
    else
        loop_timer_set(c->exec->loop, &c->timer, c->end_ms, on_deadline, c);
}

static void start(struct child *c)
{
    const struct hd_request *r = c->request;
    int64_t limit = r->at ? r->at->timeout_ms : 0;
    if (limit <= 0 || limit > HD_EXCHANGE_MS_MAX)
        limit = HD_EXCHANGE_MS_MAX;
    loop_timer_drop(c->exec->loop, &c->timer);
    move(c, &c->exec->running);
    c->started = clock_now();
    c->end_ms = c->started.boot_ms + limit;
    if (c->deadline_ms && c->deadline_ms < c->end_ms)
        c->end_ms = c->deadline_ms;
    c->answer = BUF_INIT(r->cap_bytes < HD_ANSWER_BYTES_MAX ? r->cap_bytes : HD_ANSWER_BYTES_MAX);
    c->noise = BUF_INIT(HD_CHILD_STDERR_MAX);
    if (r->via != HD_VIA_EXEC || !r->u.exec.argv[0])
        fail(c, HD_IO_NOT_SENT, "not a request for a program");
    else if (c->end_ms <= c->started.boot_ms)
        fail(c, HD_IO_NOT_SENT, "the deadline had passed");
    else
        begin(c);
}

static void start_waiting(struct exec *x)
{
    while (x->n_running < HD_CHILD_MAX && !TAILQ_EMPTY(&x->waiting))
        start(TAILQ_FIRST(&x->waiting));
}

static void on_waited_too_long(void *user)
{
    fail(user, HD_IO_NOT_SENT, "the deadline passed while other programs ran");
}

/* Answers those that had no chance; what fails in their callbacks waits for the next turn. */
static void on_turn(void *user)
{
    struct exec *x = user;
    struct child *c;
    size_t count = 0;
    TAILQ_FOREACH(c, &x->ended, link)
        count++;
    while (count-- && (c = TAILQ_FIRST(&x->ended))) {
        move(c, NULL);
        answer(c, c->response.io, 0, c->text);
        child_free(c);
    }
    start_waiting(x);
}

/* --- the public face --- */

enum hd_code exec_new(struct loop *loop, struct exec **ret, struct hd_error *err)
{
    struct exec *x = calloc(1, sizeof *x);
    if (!x)
        return hd_fail(err, HD_NOMEM, "children: out of memory");
    (void)signal(SIGPIPE, SIG_IGN); /* a child that closes its stdin is no reason to die */
    x->loop = loop;
    TAILQ_INIT(&x->waiting);
    TAILQ_INIT(&x->running);
    TAILQ_INIT(&x->ended);
    *ret = x;
    return HD_OK;
}

struct exec *exec_free(struct exec *x)
{
    if (!x)
        return NULL;
    struct child *c;
    TAILQ_FOREACH(c, &x->running, link)
        put_down(c);
    while ((c = TAILQ_FIRST(&x->running))) {
        struct pollfd end = {.fd = c->pidfd, .events = POLLIN};
        (void)poll(&end, 1, REAP_MS);
        (void)waitpid(c->pid, NULL, WNOHANG);
        child_free(c);
    }
    while ((c = TAILQ_FIRST(&x->waiting)))
        child_free(c);
    while ((c = TAILQ_FIRST(&x->ended)))
        child_free(c);
    loop_timer_drop(x->loop, &x->turn);
    free(x);
    return NULL;
}

uint64_t exec_send(struct exec *x, const struct hd_request *request, int64_t deadline_boot_ms,
                   exec_done_fn *done, void *user)
{
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        abort(); /* as an arena does: an answer is always delivered */
    *c = (struct child){.exec = x,
                        .id = ++x->last_id,
                        .request = request,
                        .done = done,
                        .user = user,
                        .deadline_ms = deadline_boot_ms,
                        .started = clock_now(),
                        .pidfd = -1,
                        .in = -1,
                        .out = -1,
                        .err = -1};
    if (request->effect != HD_EFFECT_READ || request->urgent ||
        (x->n_running < HD_CHILD_MAX && TAILQ_EMPTY(&x->waiting))) {
        start(c);
    } else if (x->n_waiting >= HD_CHILD_WAITING_MAX) {
        fail(c, HD_IO_NOT_SENT, "too many programs are waiting");
    } else {
        move(c, &x->waiting);
        if (deadline_boot_ms)
            loop_timer_set(x->loop, &c->timer, deadline_boot_ms, on_waited_too_long, c);
    }
    return x->last_id;
}

void exec_cancel(struct exec *x, uint64_t id)
{
    struct children *lists[] = {&x->running, &x->waiting, &x->ended};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct child *c;
        TAILQ_FOREACH(c, lists[i], link) {
            if (c->id != id)
                continue;
            c->done = NULL;
            if (lists[i] == &x->running)
                put_down(c);
            else
                child_free(c);
            return;
        }
    }
}
