/* SPDX-License-Identifier: Apache-2.0
 *
 * Real children: what goes in and comes out, ends of every kind, caps, the group, the environment.
 */
#include "exec/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

enum { CALLS = 40 };

struct call {
    struct scene *scene;
    const char *argv[4];
    struct hd_request request;
    uint64_t id;
    int answers, order;
    struct hd_response response; /* body and text point into the two below */
    char body[200000], text[400];
};

struct scene {
    struct loop *loop;
    struct exec *exec;
    struct call *call; /* CALLS */
    int n_answers;
    struct call *cancel, *send; /* done by the next answer */
};

static char folder[] = "/tmp/exec-XXXXXX";
static const struct hd_endpoint endpoint = {.name = "routers.script", .timeout_ms = 5000};

static int open_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct hd_error err;
    if (!s || !(s->call = calloc(CALLS, sizeof *s->call)) || loop_new(&s->loop, &err) ||
        exec_new(s->loop, &s->exec, &err))
        return -1;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    s->exec = exec_free(s->exec);
    s->loop = loop_free(s->loop);
    free(s->call);
    free(s);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1; /* no zombie is left */
}

static void send_call(struct scene *s, struct call *c, int64_t deadline_ms);

static void on_answer(void *user, const struct hd_response *r)
{
    struct call *c = user;
    struct scene *s = c->scene;
    assert_non_null(r->text);
    assert_true(r->body.len < sizeof c->body);
    memcpy(c->body, r->body.at, r->body.len + 1);
    (void)snprintf(c->text, sizeof c->text, "%s", r->text);
    c->response = *r;
    c->answers++;
    c->order = s->n_answers++;
    struct call *cancel = s->cancel, *next = s->send;
    s->cancel = s->send = NULL;
    if (cancel)
        exec_cancel(s->exec, cancel->id);
    if (next)
        send_call(s, next, 0);
}

static void send_call(struct scene *s, struct call *c, int64_t deadline_ms)
{
    c->scene = s;
    c->request.via = HD_VIA_EXEC;
    c->request.label = "test";
    c->request.u.exec.argv = c->argv;
    c->id = exec_send(s->exec, &c->request, deadline_ms, on_answer, c);
}

static struct call *shell(struct scene *s, int i, const char *script)
{
    struct call *c = &s->call[i];
    c->argv[0] = "/bin/sh";
    c->argv[1] = "-c";
    c->argv[2] = script;
    c->request.at = &endpoint;
    c->request.cap_bytes = 100000;
    return c;
}

static void turn(struct scene *s, int64_t cap_ms)
{
    struct pollfd p = {.fd = loop_fd(s->loop), .events = POLLIN};
    (void)poll(&p, 1, (int)loop_wait_ms(s->loop, clock_now().boot_ms, cap_ms));
    loop_dispatch(s->loop, clock_now().boot_ms);
}

static void run_until(struct scene *s, int answers)
{
    int64_t end = clock_now().boot_ms + 20000;
    while (s->n_answers < answers) {
        if (clock_now().boot_ms > end)
            fail_msg("%d of %d answers", s->n_answers, answers);
        turn(s, 1000);
    }
}

static void run_for(struct scene *s, int64_t ms)
{
    for (int64_t end = clock_now().boot_ms + ms; clock_now().boot_ms < end;)
        turn(s, 10);
}

static struct call *run(struct scene *s, const char *script)
{
    struct call *c = shell(s, 0, script);
    c->answers = 0;
    send_call(s, c, 0);
    assert_int_equal(c->answers, 0); /* never from exec_send */
    run_until(s, s->n_answers + 1);
    return c;
}

static void test_ends(void **state)
{
    static const struct {
        const char *script, *stdin_text;
        enum hd_io io;
        int status;
        const char *body;
    } row[] = {
        {"cat", "hello\nyou\n", HD_IO_OK, 0, "hello\nyou\n"},
        {"cat", "", HD_IO_OK, 0, ""},
        {"exit 3", "not read", HD_IO_OK, 3, ""},
        {"echo out; echo err >&2; exit 255", "", HD_IO_OK, 255, "out\n"},
        {"echo before; kill -TERM $$; sleep 5", "", HD_IO_OK, 128 + SIGTERM, "before\n"},
        {"kill -KILL $$", "", HD_IO_OK, 128 + SIGKILL, ""},
        {"exec 1>&-; exit 4", "", HD_IO_OK, 4, ""},
        {"exec 0<&-; sleep 0.05; echo late", "x", HD_IO_OK, 0, "late\n"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        s->call[0].request.body = (struct hd_span){row[i].stdin_text, strlen(row[i].stdin_text)};
        struct call *c = run(s, row[i].script);
        if (c->response.io != row[i].io || c->response.status != row[i].status ||
            strcmp(c->body, row[i].body) != 0)
            fail_msg("%s: io %d status %d \"%s\" %s", row[i].script, c->response.io,
                     c->response.status, c->body, c->text);
    }
}

static void test_large_stdin_and_stdout(void **state)
{
    struct scene *s = *state;
    static char text[90000];
    memset(text, 'a', sizeof text);
    s->call[0].request.body = (struct hd_span){text, sizeof text};
    struct call *c = run(s, "cat; cat /dev/null");
    assert_int_equal(c->response.io, HD_IO_OK);
    assert_int_equal(c->response.body.len, sizeof text);
    assert_memory_equal(c->body, text, sizeof text);
    c = run(s, "exec 0<&-; echo done"); /* a broken pipe on stdin is no failure */
    assert_int_equal(c->response.io, HD_IO_OK);
    assert_string_equal(c->body, "done\n");
}

static void test_not_sent(void **state)
{
    struct scene *s = *state;
    static const char *const program[] = {"/nonexistent/program", "/etc/passwd", "/"};
    for (int i = 0; i < 3; i++) {
        struct call *c = shell(s, i, "");
        c->argv[0] = program[i];
        send_call(s, c, 0);
        assert_int_equal(c->answers, 0);
    }
    struct call *c = shell(s, 3, "echo no");
    send_call(s, c, clock_now().boot_ms - 1);
    run_until(s, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(s->call[i].response.io, HD_IO_NOT_SENT);
    assert_string_equal(s->call[0].text, "/nonexistent/program: No such file or directory");
    assert_string_equal(s->call[1].text, "/etc/passwd: Permission denied");
}

/* True when the process is gone or a zombie. */
static bool is_gone(const char *pid_file)
{
    char path[300], line[300] = "";
    long pid = 0;
    FILE *f = fopen(pid_file, "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld", &pid), 1);
    (void)fclose(f);
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    f = fopen(path, "re");
    if (!f)
        return true;
    bool dead = !fgets(line, sizeof line, f) || strstr(line, ") Z ") || strstr(line, ") X ");
    (void)fclose(f);
    return dead;
}

static void want_gone(const char *pid_file)
{
    for (int i = 0; i < 100 && !is_gone(pid_file); i++)
        (void)poll(NULL, 0, 10);
    assert_true(is_gone(pid_file));
    assert_int_equal(unlink(pid_file), 0);
}

static void test_deadline_kills_the_group(void **state)
{
    static const struct {
        const char *name, *script; /* %s: file for the grandchild's pid */
        int64_t least_ms, most_ms;
    } row[] = {
        {"obeys SIGTERM", "sleep 60 & echo $! >%s; wait", 150, 150 + HD_CHILD_GRACE_MS - 50},
        {"ignores SIGTERM", "trap '' TERM; sleep 60 & echo $! >%s; wait; wait; sleep 60",
         150 + HD_CHILD_GRACE_MS, 150 + HD_CHILD_GRACE_MS + 2000},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char script[500], pid_file[200];
        (void)snprintf(pid_file, sizeof pid_file, "%s/pid", folder);
        (void)snprintf(script, sizeof script, row[i].script, pid_file);
        struct call *c = shell(s, 0, script);
        int64_t start = clock_now().boot_ms;
        send_call(s, c, start + 150);
        run_until(s, (int)i + 1);
        int64_t took = clock_now().boot_ms - start;
        assert_int_equal(c->response.io, HD_IO_TIMEOUT);
        if (took < row[i].least_ms || took > row[i].most_ms)
            fail_msg("%s: took %lld ms", row[i].name, (long long)took);
        assert_non_null(strstr(c->text, "did not end within 1")); /* 150 ms, or one less */
        want_gone(pid_file);
        run_for(s, 50);
    }
}

static void test_endpoint_timeout(void **state)
{
    struct scene *s = *state;
    static const struct hd_endpoint quick = {.name = "quick", .timeout_ms = 100};
    struct call *c = shell(s, 0, "sleep 60");
    c->request.at = &quick;
    int64_t start = clock_now().boot_ms;
    send_call(s, c, start + 10000);
    run_until(s, 1);
    assert_int_equal(c->response.io, HD_IO_TIMEOUT);
    assert_true(clock_now().boot_ms - start < 2000);
}

static void test_leftovers_end_with_the_leader(void **state)
{
    struct scene *s = *state;
    char script[300], pid_file[200];
    (void)snprintf(pid_file, sizeof pid_file, "%s/pid", folder);
    (void)snprintf(script, sizeof script, "sleep 60 & echo $! >%s; echo answer", pid_file);
    int64_t start = clock_now().boot_ms;
    struct call *c = run(s, script); /* the sleeper holds stdout open */
    assert_true(clock_now().boot_ms - start < 2000);
    assert_int_equal(c->response.io, HD_IO_OK);
    assert_string_equal(c->body, "answer\n");
    want_gone(pid_file);
}

static void test_I8_answer_cap(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *script;
        enum hd_io io;
    } row[] = {{"head -c 70000 /dev/zero | tr '\\0' x", HD_IO_OK},
               {"head -c 70001 /dev/zero | tr '\\0' x", HD_IO_TOO_BIG},
               {"yes", HD_IO_TOO_BIG}};
    for (int i = 0; i < 3; i++) {
        struct call *c = shell(s, i, row[i].script);
        c->request.cap_bytes = 70000;
        send_call(s, c, 0);
    }
    run_until(s, 3);
    for (int i = 0; i < 3; i++) {
        if (s->call[i].response.io != row[i].io)
            fail_msg("%s: io %d", row[i].script, s->call[i].response.io);
    }
    assert_int_equal(s->call[0].response.body.len, 70000);
    assert_string_equal(s->call[2].text, "the answer is larger than 70000 bytes");
}

/* stderr goes to ours, through the log: caught in a file. */
static void test_I8_stderr_is_logged_and_capped(void **state)
{
    struct scene *s = *state;
    char path[200], *text = calloc(1, 20000);
    (void)snprintf(path, sizeof path, "%s/log", folder);
    int saved = dup(STDERR_FILENO), file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && file >= 0 && text);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    struct call *c = run(s, "echo first >&2; echo second >&2; exit 1");
    struct call *big = run(s, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo fine; exit 2");
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_ptr_equal(c, big);
    assert_int_equal(c->response.io, HD_IO_OK);
    assert_string_equal(c->body, "fine\n");
    ssize_t n = pread(file, text, 19999, 0);
    assert_true(n > 0 && n < HD_CHILD_STDERR_MAX + 500);
    assert_non_null(strstr(text, "/bin/sh: first second\n"));
    (void)close(saved);
    (void)close(file);
    (void)unlink(path);
    free(text);
}

static struct call *program(struct scene *s, int i, const char *name, const char *a, const char *b)
{
    struct call *c = shell(s, i, b);
    c->argv[0] = name;
    c->argv[1] = a;
    send_call(s, c, 0);
    return c;
}

static void test_clean_environment(void **state)
{
    struct scene *s = *state;
    assert_int_equal(setenv("HALDANE_TEST_SECRET", "x", 1), 0);
    sigset_t set, old;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    int leak = dup(STDOUT_FILENO); /* without close-on-exec */
    struct call *c = run(s, "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; "
                            "kill -PIPE $$; echo SIGPIPE is ignored");
    assert_string_equal(c->body, "HALDANE=1\nLANG=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                                 "/usr/bin:/sbin:/bin\n");
    assert_int_equal(c->response.status, 128 + SIGPIPE);

    /* Without a shell, which has descriptors and blocked signals of its own at times. */
    struct call *fds = program(s, 1, "/bin/ls", "/proc/self/fd", NULL),
                *mask = program(s, 2, "/bin/grep", "SigBlk:.0000000000000000", "/proc/self/status");
    run_until(s, 3);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    (void)close(leak);
    assert_string_equal(fds->body, "0\n1\n2\n3\n"); /* 3: the folder that it lists */
    assert_int_equal(mask->response.status, 0);
}

static void test_no_leaked_descriptors(void **state)
{
    struct scene *s = *state;
    int before = open_descriptors();
    for (int i = 0; i < 20; i++) {
        (void)run(s, i % 2 ? "echo x" : "exit 1");
        s->call[1].argv[0] = "/nonexistent";
        s->call[1].request.at = &endpoint;
        send_call(s, &s->call[1], 0);
        run_until(s, s->n_answers + 1);
    }
    assert_int_equal(open_descriptors(), before);
}

/* Processes whose parent we are, zombies too. */
static int children_alive(void)
{
    int n = 0;
    char path[300], line[300];
    DIR *d = opendir("/proc");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        (void)snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        const char *name_end = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        int parent = 0;
        if (name_end && sscanf(name_end, ") %*c %d", &parent) == 1)
            n += parent == getpid();
        if (f)
            (void)fclose(f);
    }
    (void)closedir(d);
    return n;
}

static void test_I8_at_most_so_many_at_once(void **state)
{
    struct scene *s = *state;
    int most = 0;
    for (int i = 0; i < CALLS; i++)
        send_call(s, shell(s, i, "sleep 0.05"), 0);
    for (int64_t end = clock_now().boot_ms + 20000; s->n_answers < CALLS;) {
        int now = children_alive();
        most = now > most ? now : most;
        assert_true(clock_now().boot_ms < end);
        turn(s, 100);
    }
    assert_int_equal(most, HD_CHILD_MAX);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(s->call[i].answers, 1);
    for (int i = 1; i < CALLS / HD_CHILD_MAX; i++) /* first in, first out */
        assert_true(s->call[(i - 1) * HD_CHILD_MAX].order < s->call[i * HD_CHILD_MAX].order);
}

static void test_deadline_while_waiting(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < HD_CHILD_MAX; i++)
        send_call(s, shell(s, i, "sleep 0.4"), 0);
    struct call *late = shell(s, HD_CHILD_MAX, "echo no");
    send_call(s, late, clock_now().boot_ms + 100);
    run_until(s, 1);
    assert_int_equal(late->answers, 1);
    assert_int_equal(late->response.io, HD_IO_NOT_SENT);
    run_until(s, HD_CHILD_MAX + 1);
}

static void test_cancel(void **state)
{
    struct scene *s = *state;
    char script[300], pid_file[200];
    (void)snprintf(pid_file, sizeof pid_file, "%s/pid", folder);
    (void)snprintf(script, sizeof script, "echo $$ >%s; sleep 60", pid_file);
    struct call *runs = shell(s, 0, script), *quick = shell(s, 1, "sleep 0.2; echo x"),
                *next = shell(s, 2, "echo next");
    send_call(s, runs, 0);
    send_call(s, quick, 0);
    s->cancel = runs;
    s->send = next;
    run_until(s, 2);
    want_gone(pid_file);
    run_for(s, 100);
    assert_int_equal(runs->answers, 0);
    assert_string_equal(next->body, "next\n");

    s->cancel = quick; /* itself, in its own callback */
    send_call(s, quick, 0);
    run_until(s, 3);
    exec_cancel(s->exec, quick->id);
    exec_cancel(s->exec, 999999);

    struct call *fails = shell(s, 3, "");
    fails->argv[0] = "/nonexistent";
    send_call(s, fails, 0);
    exec_cancel(s->exec, fails->id);
    run_for(s, 50);
    assert_int_equal(fails->answers, 0);
}

static void test_free_ends_all(void **state)
{
    struct scene *s = *state;
    char script[300], pid_file[200];
    (void)snprintf(pid_file, sizeof pid_file, "%s/pid", folder);
    (void)snprintf(script, sizeof script, "echo $$ >%s; echo ready; trap '' TERM; sleep 60",
                   pid_file);
    for (int i = 0; i < CALLS; i++) /* some still wait */
        send_call(s, shell(s, i, i ? "sleep 60" : script), 0);
    run_for(s, 200);
    s->exec = exec_free(s->exec);
    want_gone(pid_file);
    assert_int_equal(s->n_answers, 0);
}

static int clean_up(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_ends), CASE(test_large_stdin_and_stdout), CASE(test_not_sent),
        CASE(test_deadline_kills_the_group), CASE(test_endpoint_timeout),
        CASE(test_leftovers_end_with_the_leader), CASE(test_I8_answer_cap),
        CASE(test_I8_stderr_is_logged_and_capped), CASE(test_clean_environment),
        CASE(test_no_leaked_descriptors), CASE(test_I8_at_most_so_many_at_once),
        CASE(test_deadline_while_waiting), CASE(test_cancel), CASE(test_free_ends_all),
    };
    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
