/* SPDX-License-Identifier: Apache-2.0
 *
 * See client.h. Reads the configuration only for the address and the token's place. One that cannot be
 * read does not say which daemon is meant: who only asks is answered from the default address, and told
 * so; an order is given to nobody. Never retries an order.
 */
#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/face.h"
#include "cred/cred.h"
#include "net/net.h"

#define LISTEN_DEFAULT "127.0.0.1:8417"
#define STORE_DEFAULT "/var/lib/haldane/haldane.db"
#define CALL_MS 15000 /* the daemon itself waits 10 s for a commit on a bad disk */
#define API "/api/v1"
#define QUIET_MS 45000 /* a stream without even a comment for three of the daemon's beats */

struct client {
    struct hd_arena *arena;
    struct loop *loop;
    struct net *net;
    struct hd_endpoint at;
    unsigned use;                 /* enum client_use */
    const char *no_token;         /* why there is none; NULL: there is one */
    int signal;                   /* that came; 0: none */
    struct client_answer *answer; /* being waited for; NULL: none */
    char io_text[1000];
    enum hd_io io;
    struct {
        struct hd_request request;
        uint64_t id; /* 0: it does not go on */
        bool news, midline;
        char lost[1000];
    } stream;
};

/* --- where and as whom --- */

const char *client_url_of_listen(struct hd_arena *a, const char *listen)
{
    static const struct {
        const char *any, *here;
    } row[] = {
        {"0.0.0.0:", "127.0.0.1:"}, {"[::]:", "[::1]:"}, {"*:", "127.0.0.1:"}, {":", "127.0.0.1:"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (str_begins(listen, row[i].any))
            return arena_print(a, "http://%s%s", row[i].here, listen + strlen(row[i].any));
    }
    return arena_print(a, "http://%s", listen);
}

struct found {
    const char *listen, *store;
    const char *url, *certificate; /* with TLS; else NULL */
};

/* A file that says nothing: may the defaults stand for it? Never for an option that names no file, and
 * never as the address of an order or as the place of its token: a typing error must not talk to another
 * daemon. `given`: the address is. */
static bool may_guess(const struct cli_args *args, const char *file, const struct config_mistakes *mistakes,
                      const char *why, bool order, bool given)
{
    bool named = cli_option(args, "config") || !str_is(file, CLI_CONFIG_DEFAULT);
    if (!mistakes->n && !named && access(file, F_OK) != 0)
        return true; /* nobody has made one */
    if (!mistakes->n && cli_option(args, "config")) {
        (void)cli_fail(0, "%s", why);
        return false;
    }
    bool stale = !cli_option(args, "config") && !str_is(file, CLI_CONFIG_DEFAULT);
    if (!order) {
        (void)cli_fail(0, "%s%s cannot be read (haldane check %s says why); using the default %s", file,
                       stale ? ", which $HALDANE_CONFIG names," : "", file, given ? "store's token" : "address and store");
        return true;
    }
    cli_print_mistakes(mistakes);
    (void)cli_fail(0, "nothing was ordered: without %s%s it is not known %s%s%s. Mend the file%s, or name %s", file,
                   stale ? ", which $HALDANE_CONFIG names," : "",
                   given ? "as whom" : "which daemon is meant", mistakes->n ? "" : ": ", mistakes->n ? "" : why,
                   stale ? " or unset HALDANE_CONFIG" : "",
                   given ? "--token-file or $HALDANE_TOKEN" : "the daemon with --url");
    return false;
}

/* What the configuration says; the defaults where it cannot be read and they may be used. False: they
 * may not; said why. */
static bool read_config(const struct cli_args *args, bool order, bool given, struct hd_arena *a, struct found *ret)
{
    ARENA_AUTO scratch = arena_new();
    const char *file = cli_config_file(cli_option(args, "config"));
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    *ret = (struct found){.listen = LISTEN_DEFAULT, .store = STORE_DEFAULT};
    enum hd_code code = config_load(scratch, file, NULL, &config, &mistakes, &err);
    if (code)
        return may_guess(args, file, &mistakes, err.text, order, given);
    const struct hd_config *c = config_get(config);
    ret->listen = arena_text(a, c->listen);
    ret->store = arena_text(a, c->storage.path);
    ret->certificate = arena_text(a, c->certificate);
    if (c->certificate) /* it names what people type, and no loopback address */
        ret->url = c->public_url ? arena_text(a, c->public_url)
                                 : arena_print(a, "https://%s", c->listen);
    config_unref(config);
    return true;
}

static const char *environment(const char *name)
{
    const char *text = getenv(name); /* read before any thread starts */
    return text && *text ? text : NULL;
}

/* The token as a reference that net/ resolves at each use. */
static void find_token(struct client *c, const struct cli_args *args, const char *store)
{
    const char *file = cli_option(args, "token-file");
    if (!file && environment("HALDANE_TOKEN")) {
        c->at.secret = "${env:HALDANE_TOKEN}";
    } else {
        const char *path = file ? file : arena_print(c->arena, "%s.token", store);
        char *whole = realpath(path, NULL); /* a reference takes absolute paths only */
        if (whole)
            c->at.secret = arena_print(c->arena, "${file:%s}", whole);
        else
            c->no_token =
                arena_print(c->arena, "%s: %s", path, strerrordesc_np(errno));
        free(whole);
    }
    const char *token;
    struct hd_error err;
    ARENA_AUTO scratch = arena_new();
    if (!c->no_token && cred_resolve(scratch, c->at.secret, &token, &err))
        c->no_token = arena_text(c->arena, err.text);
    if (!c->no_token)
        c->at.auth = HD_AUTH_BEARER;
}

static int find_daemon(struct client *c, const struct cli_args *args, unsigned use)
{
    const char *url = cli_option(args, "url");
    struct found found = {0};
    if (!url)
        url = environment("HALDANE_URL");
    bool has_token = cli_option(args, "token-file") || environment("HALDANE_TOKEN");
    if (!(url && has_token) && !read_config(args, use & CLIENT_ORDERS, url, c->arena, &found))
        return CLI_USAGE;
    if (!url) {
        url = found.url ? found.url : client_url_of_listen(c->arena, found.listen);
        c->at.ca_file = found.certificate; /* exactly what the daemon shows is trusted */
    }
    if (!str_begins(url, "http://") && !str_begins(url, "https://"))
        return cli_usage(args, "the URL must begin with http:// or https://, not '%s'", url);
    char *base = arena_text(c->arena, url);
    for (size_t n = strlen(base); n && base[n - 1] == '/'; n--)
        base[n - 1] = '\0';
    const char **bases = arena_many(c->arena, 1, const char *);
    bases[0] = base;
    c->at.name = "daemon";
    c->at.bases = bases;
    c->at.n_bases = 1;
    c->at.timeout_ms = CALL_MS;
    find_token(c, args, found.store);
    return CLI_OK;
}

/* --- opening --- */

static enum hd_code secret(struct hd_arena *a, const char *reference, const char **ret,
                           struct hd_error *err)
{
    return cred_resolve(a, reference, ret, err);
}

static void signalled(void *user, int signal)
{
    struct client *c = user;
    if (signal != SIGWINCH)
        c->signal = signal;
}

static enum hd_code start(struct client *c, struct hd_error *err)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGWINCH};
    enum hd_code code = loop_new(&c->loop, err);
    if (!code && c->use & CLIENT_SIGNALS)
        code = loop_signals(c->loop, signals, c->use & CLIENT_SCREEN ? 3 : 2, signalled, c, err);
    return code ? code : net_new(c->loop, secret, &c->net, err);
}

int client_open(const struct cli_args *args, unsigned use, struct client **ret)
{
    ARENA_AUTO a = arena_new();
    struct client *c = arena_of(a, struct client);
    struct hd_error err;
    c->arena = a;
    c->use = use;
    int status = find_daemon(c, args, use);
    if (status)
        return status;
    c->arena = arena_ref(a);
    if (start(c, &err)) {
        (void)client_close(c);
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    }
    *ret = c;
    return CLI_OK;
}

struct client *client_close(struct client *c)
{
    if (!c)
        return NULL;
    (void)net_free(c->net);
    (void)loop_free(c->loop);
    (void)arena_free(c->arena); /* c itself lives there */
    return NULL;
}

/* --- asking --- */

void client_answer_clear(struct client_answer *answer)
{
    answer->body = json_free(answer->body);
    buf_clear(&answer->raw);
    answer->status = 0;
    answer->why[0] = '\0';
}

static void answered(void *user, const struct hd_response *r)
{
    struct client *c = user;
    struct client_answer *answer = c->answer;
    c->answer = NULL;
    c->io = r->io;
    (void)snprintf(c->io_text, sizeof c->io_text, "%s", r->text ? r->text : "");
    if (r->io == HD_IO_OK) {
        answer->status = r->status;
        buf_add(&answer->raw, r->body.at, r->body.len);
    }
}

static const char *detail_of(const struct client_answer *answer)
{
    const char *detail = face_text(answer->body, "detail");
    if (!detail)
        detail = face_text(answer->body, "title");
    return detail ? detail : "the answer says no more";
}

HD_PRINTF(3, 4)
static int failed(struct client_answer *answer, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(answer->why, sizeof answer->why, format, args);
    va_end(args);
    str_clean(answer->why, sizeof answer->why);
    return status;
}

/* What an answer, or none, means to the caller. */
static int judge(const struct client *c, bool order, struct client_answer *answer)
{
    const char *base = c->at.bases[0];
    struct hd_error err;
    bool is_json = answer->status && !json_parse(buf_span(&answer->raw), &answer->body, &err);
    if (c->signal)
        return failed(answer, CLI_INTERRUPTED, "interrupted%s",
                      order ? "; the order may have been taken: see haldane status" : "");
    if (c->io == HD_IO_NOT_SENT || (c->io && !order))
        return failed(answer, CLI_UNREACHABLE,
                      "no answer from %s (%s); is haldane serve running? Another address: --url or "
                      "$HALDANE_URL", base, c->io_text);
    if (c->io)
        return failed(answer, CLI_UNREACHABLE,
                      "%s: %s; the order may have been taken: see haldane status", base,
                      c->io_text);
    if ((answer->status == 401 || answer->status == 403) && c->no_token)
        return failed(answer, CLI_AUTH, "no token (%s); use --token-file or $HALDANE_TOKEN",
                      c->no_token);
    if (answer->status == 401 || answer->status == 403)
        return failed(answer, CLI_AUTH, "not authorised: %s", detail_of(answer));
    if (answer->status >= 500)
        return failed(answer, CLI_UNREACHABLE, "%s: status %d: %s", base, answer->status,
                      detail_of(answer));
    if (answer->status >= 400)
        return failed(answer, CLI_USAGE, "%s", detail_of(answer));
    if (answer->status < 200 || answer->status >= 300 || !is_json)
        return failed(answer, CLI_UNREACHABLE, "%s: status %d, which is no answer of haldane", base,
                      answer->status);
    return CLI_OK;
}

static int exchange(struct client *c, const char *method, const char *path, const char *query,
                    const char *body, struct client_answer *ret)
{
    ARENA_AUTO a = arena_new();
    bool order = !str_is(method, "GET");
    char key[64];
    struct hd_error err;
    client_answer_clear(ret);
    if (order && !(c->use & CLIENT_ORDERS))
        abort(); /* a bug of ours: its address may be a guess */
    if (order && cred_token_new(key, &err))
        return failed(ret, CLI_UNREACHABLE, "%s", err.text);
    const struct hd_pair headers[] = {{"Accept", "application/json"},
                                      {"Idempotency-Key", order ? key + strlen("hld_") : NULL},
                                      {"Content-Type", "application/json"},
                                      {"If-Match", "*"}}; /* what stands in the shell is meant */
    struct hd_request request = {
        .via = HD_VIA_HTTP,
        .effect = order ? HD_EFFECT_ONCE : HD_EFFECT_READ,
        .label = path,
        .at = &c->at,
        .u.http = {.method = method,
                   .path = arena_print(a, API "%s", path),
                   .query = query,
                   .headers = headers,
                   .n_headers = str_is(method, "PATCH") ? 4 : body ? 3 : order ? 2 : 1},
        .body = {body ? body : "", body ? strlen(body) : 0},
        .cap_bytes = HD_ANSWER_BYTES_MAX,
    };
    ret->raw = BUF_INIT(HD_ANSWER_BYTES_MAX);
    c->answer = ret;
    c->io = HD_IO_OK;
    uint64_t id = net_send(c->net, &request, 0, answered, c);
    while (c->answer && !c->signal)
        net_wait(c->net, CALL_MS);
    if (c->answer)
        net_cancel(c->net, id);
    c->answer = NULL;
    return judge(c, order, ret);
}

int client_call(struct client *c, const char *path, const char *query, const char *body,
                struct client_answer *ret)
{
    return exchange(c, body ? "POST" : "GET", path, query, body, ret);
}

int client_delete(struct client *c, const char *path, struct client_answer *ret)
{
    return exchange(c, "DELETE", path, NULL, NULL, ret);
}

int client_change(struct client *c, const char *path, const char *body, struct client_answer *ret)
{
    int status = exchange(c, "PATCH", path, NULL, body, ret);
    return status ? cli_fail(status, "%s", ret->why) : CLI_OK;
}

int client_text(struct client *c, const char *path, struct client_answer *ret)
{
    int status = client_call(c, path, NULL, NULL, ret);
    if (status == CLI_UNREACHABLE && ret->status == 200) /* it is not JSON, and need not be */
        return CLI_OK;
    return status ? cli_fail(status, "%s", ret->why) : CLI_OK;
}

int client_ask(struct client *c, const char *path, const char *query, const char *body,
               struct client_answer *ret)
{
    int status = client_call(c, path, query, body, ret);
    return status ? cli_fail(status, "%s", ret->why) : CLI_OK;
}

void client_sleep(struct client *c, int64_t ms)
{
    int64_t until = clock_now().boot_ms + ms;
    for (int64_t left = ms; left > 0 && !c->signal; left = until - clock_now().boot_ms)
        net_wait(c->net, left);
}

bool client_interrupted(const struct client *c)
{
    return c->signal != 0;
}

/* --- the journal, followed --- */

/* News are whatever has data; the rest (comments, numbers) says that the daemon is there. */
static void on_piece(void *user, struct hd_span piece)
{
    struct client *c = user;
    for (size_t i = 0; i < piece.len; i++) {
        c->stream.news |= !c->stream.midline && piece.at[i] == 'd';
        c->stream.midline = piece.at[i] != '\n';
    }
}

static void stream_ended(void *user, const struct hd_response *r)
{
    struct client *c = user;
    c->stream.id = 0;
    if (r->io == HD_IO_OK && r->status != 200)
        (void)snprintf(c->stream.lost, sizeof c->stream.lost, "status %d", r->status);
    else
        (void)snprintf(c->stream.lost, sizeof c->stream.lost, "%s", r->io ? r->text : "the daemon has ended it");
    str_clean(c->stream.lost, sizeof c->stream.lost);
}

void client_follow(struct client *c)
{
    static const struct hd_pair accept[] = {{"Accept", "text/event-stream"}};
    if (c->stream.id)
        return;
    c->stream.request = (struct hd_request){
        .via = HD_VIA_HTTP, .effect = HD_EFFECT_READ, .label = "events", .at = &c->at,
        .u.http = {.method = "GET", .path = API "/events", .headers = accept, .n_headers = 1},
        .cap_bytes = HD_ANSWER_BYTES_SMALL};
    c->stream.news = true; /* what came before is not told */
    c->stream.midline = false;
    c->stream.lost[0] = '\0';
    c->stream.id = net_follow(c->net, &c->stream.request, QUIET_MS, on_piece, stream_ended, c);
}

bool client_news(struct client *c)
{
    bool news = c->stream.news;
    c->stream.news = false;
    return news;
}

const char *client_lost(const struct client *c) { return c->stream.id ? NULL : c->stream.lost; }

void client_pause(struct client *c, int64_t ms)
{
    if (!c->signal)
        net_wait(c->net, ms);
}

struct loop *client_loop(struct client *c) { return c->loop; }

/* --- words of the user --- */

const char *client_encode(struct hd_arena *a, const char *text)
{
    static const char digit[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * strlen(text) + 1), *to = out;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if ((*c < 128 && isalnum(*c)) || strchr("-_.~", *c)) {
            *to++ = (char)*c;
            continue;
        }
        *to++ = '%';
        *to++ = digit[*c >> 4];
        *to++ = digit[*c & 15];
    }
    return out;
}

int client_check_service(struct client *c, const char *name)
{
    ANSWER_AUTO answer = {0};
    struct str_near near = {.word = name};
    int status = client_ask(c, "/services", NULL, NULL, &answer);
    if (status)
        return status;
    const struct json *items = json_get(answer.body, "items");
    for (const struct json *j = json_first(items); j; j = json_next(j)) {
        const char *known = face_text(j, "name");
        if (known && str_is(known, name))
            return CLI_OK;
        if (known)
            str_near_offer(&near, known);
    }
    return cli_no_service(&near);
}

int client_refused(struct client *c, const char *service, int status, const struct client_answer *answer)
{
    int known = answer->status == 404 && service ? client_check_service(c, service) : CLI_OK;
    return known ? known : cli_fail(status, "%s", answer->why);
}

int client_ask_service(struct client *c, const char *service, const char *path, const char *body,
                       struct client_answer *ret)
{
    int status = client_call(c, path, NULL, body, ret);
    return status ? client_refused(c, service, status, ret) : CLI_OK;
}

int client_guard_begins(struct client *c, const char *word, char ret_id[27])
{
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO answer = {0};
    ret_id[0] = '\0';
    int status = client_call(c, arena_print(a, "/guards/%s", client_encode(a, word)), NULL, NULL, &answer);
    const char *code = face_text(answer.body, "code"), *id = face_text(answer.body, "id");
    if (answer.status == 404 && !str_is(code ? code : "", "ambiguous_id"))
        return CLI_OK;
    if (status)
        return cli_fail(status, "%s", answer.why);
    if (id && face_is_id(id))
        memcpy(ret_id, id, 27);
    return CLI_OK;
}

int client_guard_word(struct client *c, const char *word, char ret_id[27])
{
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO answer = {0};
    ret_id[0] = '\0';
    if (face_is_id(word))
        face_id(word, ret_id);
    if (ret_id[0] || !face_begins_id(word))
        return CLI_OK;
    bool service = !client_call(c, arena_print(a, "/services/%s", client_encode(a, word)), NULL, NULL, &answer);
    return service ? CLI_OK : client_guard_begins(c, word, ret_id);
}

int client_guard_id(struct client *c, const char *word, char ret_id[27])
{
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO answer = {0};
    if (face_is_id(word)) {
        face_id(word, ret_id);
        return CLI_OK;
    }
    const char *query = arena_print(a, "limit=1&service=%s", client_encode(a, word));
    int status = client_ask(c, "/guards", query, NULL, &answer);
    if (status)
        return status;
    const char *id = face_text(json_first(json_get(answer.body, "items")), "id");
    if ((!id || !face_is_id(id)) && face_begins_id(word)) {
        status = client_guard_begins(c, word, ret_id);
        if (status || ret_id[0])
            return status;
    }
    if ((!id || !face_is_id(id)) && face_begins_id(word))
        return cli_fail(CLI_USAGE, "there is no service '%s', and no guard whose id begins so", word);
    if (!id || !face_is_id(id)) {
        status = client_check_service(c, word);
        return status ? status : cli_fail(CLI_USAGE, "service '%s' has no guard yet", word);
    }
    memcpy(ret_id, id, 27);
    return CLI_OK;
}
