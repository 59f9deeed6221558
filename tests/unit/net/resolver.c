/* SPDX-License-Identifier: Apache-2.0
 *
 * A name server that never answers must not stop the loop. The C library can be pointed at such a
 * server only through /etc/resolv.conf and port 53, so the test runs in a child with its own user,
 * mount and network namespaces; where the kernel forbids them it is skipped, with the reason.
 */
#include "fixture.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* SLACK_MS: a frozen loop stands still for 9.7 s (measured); a busy machine for less than this. */
enum { SKIP = 77, HANG_MS = 2000, SLACK_MS = 4000 };

/* In the child cmocka's asserts do not work: a line and the exit code tell. Nothing goes through
 * stdio, whose buffer was inherited. */
#define WANT(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)dprintf(STDOUT_FILENO, "# line %d: not so: %s\n", __LINE__, #condition);         \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)dprintf(STDOUT_FILENO, "# left out: %s: %s\n", what, strerror(errno));
    _exit(SKIP);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return fd >= 0 && close(fd) == 0 && ok;
}

/* Lays `text` over a file of /etc, in this namespace only. */
static void lay_over(const char *folder, const char *path, const char *text)
{
    char file[200];
    (void)snprintf(file, sizeof file, "%s/%s", folder, strrchr(path, '/') + 1);
    need(write_file(file, text), file);
    need(mount(file, path, NULL, MS_BIND, NULL) == 0, path);
}

/* Returns the name server's socket. */
static int enter_silence(const char *folder)
{
    char map[50];
    uid_t uid = getuid();
    gid_t gid = getgid();
    need(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0, "no namespaces");
    (void)write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1", uid);
    need(write_file("/proc/self/uid_map", map), "uid_map");
    (void)snprintf(map, sizeof map, "0 %u 1", gid);
    need(write_file("/proc/self/gid_map", map), "gid_map");
    need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
    lay_over(folder, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
    lay_over(folder, "/etc/nsswitch.conf", "hosts: files dns\n");

    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(53),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    need(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0, "loopback interface");
    need(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "port 53");
    return fd;
}

/* The longest turn until `answers` are there. */
static int64_t longest_turn(struct client *c, int answers)
{
    int64_t longest = 0, end = clock_now().boot_ms + 15000;
    while (c->n_answers < answers && clock_now().boot_ms < end) {
        int64_t start = clock_now().boot_ms;
        net_wait(c->net, 50);
        int64_t took = clock_now().boot_ms - start;
        longest = took > longest ? took : longest;
    }
    WANT(c->n_answers == answers);
    return longest;
}

static int hang(const char *folder)
{
    struct client *client;
    char query[600];
    int asked = enter_silence(folder);
    WANT(client_set_up((void **)&client) == 0);
    struct server *s = server_tcp(serve_echo, NULL);
    struct call *name = call_to(client, 0, "http://metrics.silent.example:9090"),
                *near = call_server(client, 1, s);
    name->endpoint.timeout_ms = HANG_MS;
    int64_t start = clock_now().boot_ms;
    send_call(name, 0);
    for (int i = 0; i < 2; i++) { /* a read, then a set, while the name hangs */
        near->request.effect = i ? HD_EFFECT_SET : HD_EFFECT_READ;
        send_call(near, 0);
        WANT(longest_turn(client, i + 1) < SLACK_MS);
        WANT(near->answers == i + 1 && near->response.io == HD_IO_OK);
    }
    WANT(clock_now().boot_ms - start < HANG_MS);
    WANT(name->answers == 0);
    WANT(longest_turn(client, 3) < SLACK_MS);
    int64_t took = clock_now().boot_ms - start;
    WANT(took >= HANG_MS - 50 && took < HANG_MS + SLACK_MS); /* clocks in whole ms */
    WANT(name->response.io == HD_IO_NOT_SENT);
    WANT(str_begins(name->response.text, "no answer within 2.0 s while looking up the name: "
                                         "metrics.silent.example:9090"));
    WANT(recv(asked, query, sizeof query, 0) > 12); /* it was asked, and kept silent */

    send_call(name, 0); /* a read leaves the name alone for a while */
    WANT(longest_turn(client, 4) < SLACK_MS);
    WANT(name->response.io == HD_IO_NOT_SENT && name->response.took_ms < 1000);
    WANT(str_begins(name->response.text, "its name was not found in time; asked again in "));
    struct call *other = call_to(client, 2, "http://other.silent.example:9090");
    other->endpoint.timeout_ms = 200;
    send_call(other, 0); /* but not another name */
    name->request.effect = HD_EFFECT_SET;
    name->endpoint.timeout_ms = 200;
    send_call(name, 0); /* nor does a set */
    WANT(longest_turn(client, 6) < SLACK_MS);
    WANT(strstr(other->response.text, "while looking up the name"));
    WANT(strstr(name->response.text, "while looking up the name"));

    send_call(name, 0);
    net_wait(client->net, 20);
    start = clock_now().boot_ms;
    net_cancel(client->net, name->id);
    send_call(name, 0); /* still on its way at the end */
    net_wait(client->net, 20);
    server_stop(s);
    (void)client_tear_down((void **)&client);
    WANT(clock_now().boot_ms - start < SLACK_MS);
    return 0;
}

static void test_silent_resolver(void **state)
{
    (void)state;
    char folder[] = "/tmp/net-XXXXXX", file[100];
    assert_non_null(mkdtemp(folder));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(hang(folder));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)snprintf(file, sizeof file, "%s/resolv.conf", folder);
    (void)unlink(file);
    (void)snprintf(file, sizeof file, "%s/nsswitch.conf", folder);
    (void)unlink(file);
    assert_int_equal(rmdir(folder), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != SKIP) /* cmocka's own skip() reads as a failure in its TAP output */
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_silent_resolver)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
