/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane serve`: puts the daemon together and turns its loop. Decides nothing about releases;
 * owns the order of start and stop, the signals, the watchdog and the local admin token.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "cli/checked.h"
#include "cli/internal.h"
#include "cli/replay.h"
#include "cred/cred.h"
#include "http/http.h"
#include "pipeline/accounts.h"
#include "pipeline/pipeline.h"
#include "pipeline/wire.h"

#define STOP_WAIT_MS 60000 /* a revert on its way may take so long after SIGTERM; then it is journaled */

struct daemon {
    const char *file, *queries;
    const char *doctor[8]; /* our own program as `doctor` */
    struct config *config;
    struct store *store;
    struct loop *loop;
    struct wire wire;
    struct pipeline *pipeline;
    struct http *http;
    int commands; /* our end of the pair */
    char token_hash[65];
    bool stop;
    int64_t stop_ms;
};

/* sd_notify(3): one datagram; without systemd nothing happens. */
static void tell_systemd(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path) + 1);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ssize_t done = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    (void)done;
    (void)close(fd);
}

/* --- the local admin token: whoever can read the store's folder may order what they like --- */

static enum hd_code read_token(const char *path, char *token, size_t size, struct hd_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return hd_fail(err, errno == ENOENT ? HD_ABSENT : HD_IO, "%s: %s", path, strerrordesc_np(errno));
    ssize_t n = read(fd, token, size - 1);
    (void)close(fd);
    if (n < 0)
        return hd_fail(err, HD_IO, "%s: cannot read", path);
    token[n] = '\0';
    token[strcspn(token, "\n")] = '\0';
    return *token ? HD_OK : hd_fail(err, HD_ABSENT, "%s: empty", path);
}

/* Under its name only when it is whole: a start that dies, or has no room, leaves no half of one. */
static enum hd_code write_token(struct hd_arena *a, const char *path, char *token, struct hd_error *err)
{
    const char *fresh = arena_print(a, "%s.new", path);
    enum hd_code code = cred_token_new(token, err);
    if (code)
        return code;
    (void)unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return hd_fail(err, HD_IO, "%s: %s", fresh, strerrordesc_np(errno));
    bool ok = dprintf(fd, "%s\n", token) > 0 && fsync(fd) == 0 && rename(fresh, path) == 0;
    if (!ok)
        (void)hd_fail(err, HD_IO, "%s: cannot write: %s", path, strerrordesc_np(errno));
    (void)close(fd);
    (void)unlink(fresh);
    return ok ? HD_OK : HD_IO;
}

static enum hd_code admin_token(const char *store_path, char hash[65], struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    char token[128];
    const char *path = arena_print(a, "%s.token", store_path);
    enum hd_code code = read_token(path, token, sizeof token, err);
    if (code == HD_ABSENT)
        code = write_token(a, path, token, err);
    if (!code)
        cred_sha256_hex((struct hd_span){token, strlen(token)}, hash);
    return code;
}

/* --- reload --- */

/* What of the config is not the pipeline's. */
static void take_limits(struct daemon *d, const struct config *config)
{
    const struct hd_config *c = config_get(config);
    net_set_in_flight(d->wire.net, (size_t)c->limits.in_flight);
    store_set_max_size(d->store, c->storage.max_size);
}

/* What is open, and stays as it was opened. */
static void tell_what_waits(const struct daemon *d, const struct config *config)
{
    const struct hd_config *runs = config_get(d->config), *c = config_get(config);
    const struct {
        const char *key;
        bool same;
    } row[] = {
        {"listen.http", str_is(runs->listen, c->listen)},
        {"listen.public_url", str_is(runs->public_url, c->public_url)},
        {"storage.path", str_is(runs->storage.path, c->storage.path)},
        {"storage.ballast", runs->storage.ballast == c->storage.ballast},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (!row[i].same)
            log_warn("config", "%s has changed: that is in force from the next start on", row[i].key);
    }
}

/* Certificates are renewed by a script, and a reload tells us so. */
static enum hd_code renew(struct daemon *d, const struct config *config, struct buf *errors, struct hd_error *err)
{
    const struct hd_config *c = config_get(config);
    if (!d->http || !http_renew(d->http, c->certificate, c->key, err))
        return HD_OK;
    struct http_mistake m = {.file = d->file, .path = "listen.certificate", .text = err->text};
    http_put_mistakes(&(struct http_checked){.item = &m, .n = 1}, false, errors);
    return hd_error_add(err, "listen.certificate (the old one stays)");
}

static enum hd_code load_again(void *ctx, struct config **ret, struct buf *errors, struct hd_error *err)
{
    struct daemon *d = ctx;
    ARENA_AUTO a = arena_new();
    struct config_mistakes mistakes = {.n = 0};
    enum hd_code code = config_load(a, d->file, d->queries, ret, &mistakes, err);
    for (size_t i = 0; i < mistakes.n; i++) {
        const struct config_mistake *m = &mistakes.item[i];
        log_write(m->warning ? LOG_WARN : LOG_ERROR, "config", "%s:%d:%d: %s: %s", m->file, m->line,
                  m->column, m->path, m->text);
    }
    if (code && mistakes.errors) {
        const struct config_mistake *m = &mistakes.item[0];
        struct http_checked list;
        checked_copy(a, &mistakes, &list);
        http_put_mistakes(&list, false, errors);
        while (m->warning)
            m++;
        (void)hd_fail(err, HD_INVALID, "%s:%d:%d: %s: %s (%zu mistakes; the old configuration stays)", m->file,
                      m->line, m->column, m->path, m->text, mistakes.errors);
    }
    if (!code && (code = renew(d, *ret, errors, err)))
        *ret = config_unref(*ret);
    if (code) {
        metric_set(metric_get("haldane_config_last_reload_successful", METRIC_GAUGE,
                              "1: the last load of the configuration was accepted", ""), 0);
        return code;
    }
    take_limits(d, *ret);
    tell_what_waits(d, *ret);
    return HD_OK;
}

static void reload(struct daemon *d)
{
    struct config *fresh = NULL;
    struct hd_error err;
    BUF_AUTO errors = BUF_INIT(PIPELINE_PACKET_MAX);
    if (load_again(d, &fresh, &errors, &err)) {
        log_error("config", "reload refused: %s", err.text);
        pipeline_reload_refused(d->pipeline, clock_now(), err.text);
        return;
    }
    pipeline_reload(d->pipeline, clock_now(), fresh);
    config_unref(fresh);
}

static void signalled(void *user, int signal)
{
    struct daemon *d = user;
    if (signal == SIGHUP) {
        reload(d);
        return;
    }
    if (!d->stop)
        log_info(NULL, "stopping (signal %d)", signal);
    d->stop = true;
    d->stop_ms = clock_now().boot_ms;
}

/* --- commands of the face --- */

static void send_answer(void *ctx, struct hd_span packet)
{
    const struct daemon *d = ctx;
    if (send(d->commands, packet.at, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_warn("http", "an answer was lost: %s", strerrordesc_np(errno));
}

static void commands_ready(void *user, int fd, uint32_t events)
{
    struct daemon *d = user;
    static char packet[HTTP_PACKET_MAX + 1];
    (void)events;
    for (int i = 0; i < 16; i++) { /* a flood of orders must not starve a revert */
        ssize_t n = recv(fd, packet, HTTP_PACKET_MAX, MSG_DONTWAIT);
        if (n <= 0)
            return;
        packet[n] = '\0';
        BUF_AUTO answer = BUF_INIT(HTTP_PACKET_MAX);
        pipeline_command(d->pipeline, clock_now(), (struct hd_span){packet, (size_t)n}, &answer);
        if (answer.len) /* else it comes when the router was read */
            send_answer(d, buf_span(&answer));
    }
}

/* --- start, turn, stop --- */

static enum hd_code secret(struct hd_arena *a, const char *reference, const char **ret, struct hd_error *err)
{
    return cred_resolve(a, reference, ret, err);
}

/* Whoever opens all the connections that the face takes must not use up the descriptors that a revert
 * needs: the usual soft limit of 1024 is hardly more than those. */
static void take_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < HD_DESCRIPTORS_MAX ? limit.rlim_max : HD_DESCRIPTORS_MAX;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn(NULL, "the limit of open files cannot be raised: %s", strerrordesc_np(errno));
}

static enum hd_code start_loop(struct daemon *d, struct hd_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    take_descriptors();
    enum hd_code code = loop_new(&d->loop, err);
    if (!code)
        code = loop_signals(d->loop, signals, 3, signalled, d, err);
    if (!code)
        code = net_new(d->loop, secret, &d->wire.net, err);
    if (!code)
        code = exec_new(d->loop, &d->wire.exec, err);
    return code;
}

static enum hd_code start_face(struct daemon *d, const struct hd_config *c, struct hd_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return hd_fail(err, HD_IO, "socketpair: %s", strerrordesc_np(errno));
    d->commands = pair[0];
    struct http_options o = {.listen = c->listen,
                             .public_url = c->public_url,
                             .certificate = c->certificate,
                             .key = c->key,
                             .store_path = c->storage.path,
                             .who = accounts_who,
                             .digest = cred_sha256_hex,
                             .check = checked_text,
                             .replay = replay_json,
                             .queries = d->queries,
                             .commands = pair[1]};
    enum hd_code code = loop_add(d->loop, d->commands, EPOLLIN, commands_ready, d, err);
    return code ? code : http_start(&o, &d->http, err);
}

static enum hd_code start_pipeline(struct daemon *d, struct hd_error *err)
{
    struct hd_now now = clock_now();
    uint64_t seed = (uint64_t)now.wall_ms ^ (uint64_t)getpid() << 40;
    struct pipeline_options o = {
        .wire = wire_of(&d->wire),
        .store = d->store,
        .config = d->config,
        .seed = seed,
        .boot_id = clock_boot_id(),
        .program = "/proc/self/exe",
        .store_path = config_get(d->config)->storage.path,
        .admin_token_hash = d->token_hash,
        .answer = send_answer,
        .answer_ctx = d,
        .load = load_again,
        .load_ctx = d,
        .doctor = d->doctor,
    };
    return pipeline_new(&o, now, &d->pipeline, err);
}

static enum hd_code start(struct daemon *d, struct hd_error *err)
{
    const struct hd_config *c = config_get(d->config);
    struct store_options store = {
        .path = c->storage.path, .max_size = c->storage.max_size, .ballast = c->storage.ballast};
    enum hd_code code = start_loop(d, err);
    if (!code)
        code = store_open(&store, &d->store, err);
    if (!code)
        take_limits(d, d->config);
    if (!code)
        code = admin_token(c->storage.path, d->token_hash, err);
    if (!code)
        code = start_pipeline(d, err);
    if (!code)
        code = start_face(d, c, err);
    return code;
}

static void turn(struct daemon *d)
{
    struct hd_now now = clock_now();
    int64_t next = pipeline_tick(d->pipeline, now);
    int64_t wait = next - clock_now().boot_ms;
    net_wait(d->wire.net, wait > 0 ? wait : 0);
    tell_systemd("WATCHDOG=1");
}

static void stop(struct daemon *d)
{
    tell_systemd("STOPPING=1");
    if (d->pipeline)
        pipeline_stop(d->pipeline, clock_now());
    d->http = http_stop(d->http);
    if (d->commands >= 0 && d->loop) {
        loop_remove(d->loop, d->commands);
        (void)close(d->commands);
    }
    d->pipeline = pipeline_free(d->pipeline);
    d->wire.exec = exec_free(d->wire.exec);
    d->wire.net = net_free(d->wire.net);
    d->loop = loop_free(d->loop);
    d->store = store_close(d->store);
    d->config = config_unref(d->config);
}

static int run(struct daemon *d)
{
    struct hd_error err;
    if (start(d, &err)) {
        log_error(NULL, "cannot start: %s", err.text);
        stop(d);
        return CLI_USAGE;
    }
    const struct hd_config *c = config_get(d->config);
    log_info(NULL, "haldane " HALDANE_VERSION " guards %u service%s; page at %s (port %d); store %s",
             c->n_services, c->n_services == 1 ? "" : "s", c->public_url ? c->public_url : c->listen,
             http_port(d->http), c->storage.path);
    tell_systemd("READY=1");
    while (!d->stop || (pipeline_busy(d->pipeline) && clock_now().boot_ms - d->stop_ms < STOP_WAIT_MS))
        turn(d);
    stop(d);
    log_info(NULL, "stopped");
    return CLI_OK;
}

/* The first load: what is wrong, and what is doubtful, goes to whoever starts us. */
static struct config *load_first(const struct daemon *d)
{
    ARENA_AUTO a = arena_new();
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = config_load(a, d->file, d->queries, &config, &mistakes, &err);
    cli_print_mistakes(&mistakes);
    if (code && !mistakes.n)
        (void)cli_fail(CLI_USAGE, "%s", err.text);
    return code ? NULL : config;
}

/* The program that runs, also when the file of its name is a newer one by now. */
static void fill_doctor(struct daemon *d)
{
    const char *argv[] = {"/proc/self/exe", "doctor", d->file, "-o", "json", d->queries ? "-q" : NULL, d->queries};
    memcpy(d->doctor, argv, sizeof argv);
}

static int serve(const struct cli_args *args)
{
    struct daemon d = {.commands = -1};
    const char *level = cli_option(args, "log-level");
    if (level && log_level_of(level) < 0)
        return cli_usage(args, "log-level is one of: error warn info debug");
    if (level)
        log_set_level((enum log_level)log_level_of(level));
    d.queries = cli_option(args, "queries");
    if (cli_file(args, &d.file))
        return CLI_USAGE;
    d.config = load_first(&d);
    if (!d.config)
        return CLI_USAGE;
    fill_doctor(&d);
    return run(&d);
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTION,
    CLI_QUERIES_OPTION,
    {"log-level", 'l', "LEVEL", "error warn info debug (default info)"},
    {0},
};

const struct cli_command cli_serve = {
    .name = "serve",
    .synopsis = "[FILE] [-q DIR] [-l LEVEL]",
    .help = "run the daemon",
    .notes = "SIGHUP loads the configuration anew (a new address, public_url, storage.path or ballast waits for\n"
             "a restart, and the log says so); SIGTERM stops, and finishes a revert that is on its way first.\n",
    .options = options,
    .most = 1,
    .run = serve,
};
