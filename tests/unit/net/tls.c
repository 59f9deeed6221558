/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS against openssl's own test server: CA files, client certificates, and what their absence
 * means. Skipped where the openssl program is not installed.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static char folder[] = "/tmp/net-XXXXXX";

static void path_of(char out[200], const char *name)
{
    (void)snprintf(out, 200, "%s/%s", folder, name);
}

static bool make_certificate(const char *name)
{
    char command[900];
    (void)snprintf(command, sizeof command,
                   "exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                   "-keyout %s/%s.key -out %s/%s.crt -subj /CN=%s -addext "
                   "subjectAltName=IP:127.0.0.1 -days 2 >/dev/null 2>&1",
                   folder, name, folder, name, name);
    return system(command) == 0;
}

/* The server, started; its port is read from its output. TLS 1.2, where a client's certificate is
 * refused before the request is sent. */
static pid_t serve(int *ret_port)
{
    char crt[200], key[200], client[200], text[1000] = "";
    path_of(crt, "server.crt");
    path_of(key, "server.key");
    path_of(client, "client.crt");
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDERR_FILENO);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", crt, "-key",
               key, "-CAfile", client, "-Verify", "1", "-verify_return_error", "-www", "-tls1_2",
               NULL);
        _exit(127);
    }
    (void)close(out[1]);
    const char *at = NULL;
    for (size_t len = 0; !(at = strstr(text, "ACCEPT 127.0.0.1:")) || !strchr(at, '\n');) {
        ssize_t n = read(out[0], text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    (void)close(out[0]);
    *ret_port = (int)strtol(at + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
    return pid;
}

static void test_certificates(void **state)
{
    static const struct {
        const char *name, *ca, *own;
        enum hd_io io;
        const char *text;
    } row[] = {
        {"all right", "server.crt", "client", HD_IO_OK, ""},
        {"the system's CAs", NULL, "client", HD_IO_NOT_SENT, "certificate"},
        {"another CA", "client.crt", "client", HD_IO_NOT_SENT, "certificate"},
        {"CA file is missing", "none.crt", "client", HD_IO_NOT_SENT, "none.crt"},
        {"no certificate", "server.crt", NULL, HD_IO_NOT_SENT, ""},
        {"another's certificate", "server.crt", "server", HD_IO_NOT_SENT, ""},
    };
    struct client *client = *state;
    int port = 0;
    if (system("openssl version >/dev/null 2>&1") != 0) {
        print_message("# left out: no openssl program\n");
        return;
    }
    assert_true(make_certificate("server") && make_certificate("client"));
    pid_t pid = serve(&port);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char base[100], name[50], ca[200], crt[200], key[200];
        (void)snprintf(base, sizeof base, "https://127.0.0.1:%d", port);
        struct call *c = call_to(client, (int)i, base);
        path_of(ca, row[i].ca ? row[i].ca : "");
        (void)snprintf(name, sizeof name, "%s.crt", row[i].own);
        path_of(crt, name);
        (void)snprintf(name, sizeof name, "%s.key", row[i].own);
        path_of(key, name);
        c->endpoint.ca_file = row[i].ca ? ca : NULL;
        c->endpoint.cert_file = row[i].own ? crt : NULL;
        c->endpoint.key_file = row[i].own ? key : NULL;
        const struct hd_response *r = ask(c);
        if (r->io != row[i].io || !strstr(r->text, row[i].text) ||
            (r->io == HD_IO_OK && r->status != 200) || (r->io && !strstr(r->text, ": 127.0.0.1:")))
            fail_msg("%s: io %d status %d: %s", row[i].name, r->io, r->status, r->text);
    }
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int clean_up(void **state)
{
    static const char *const names[] = {"server.crt", "server.key", "client.crt", "client.key"};
    char path[200];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        path_of(path, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {CLIENT_CASE(test_certificates)};
    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
