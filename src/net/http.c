/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP through libcurl: a request becomes the options of an easy handle, curl's result becomes
 * enum hd_io. Decides one thing on its own: after a 401 the secrets are read again, and if they
 * have changed the request is sent once more. Never follows a redirect, never reads a proxy from
 * the environment, never sends an HD_EFFECT_ONCE request on a used connection (curl would silently
 * send it again when that connection turns out dead). Called by net.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "net/transfer.h"

#define CONNECTION_AGE_S 300L /* reused no longer: a moved name or a drained balancer is seen */
#define CA_CACHE_S 60L        /* a rotated CA file is seen after this long */

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)

/* --- what comes in --- */

static size_t on_body(char *at, size_t size, size_t n, void *user)
{
    struct transfer *t = user;
    long status = 0;
    if (t->piece && curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200) {
        t->piece(t->user, (struct hd_span){at, size * n});
        return size * n;
    }
    buf_add(&t->body, at, size * n); /* decompressed already */
    t->too_big |= t->body.full;
    return t->too_big ? 0 : size * n;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static size_t on_header(char *at, size_t size, size_t n, void *user)
{
    struct transfer *t = user;
    size_t len = size * n;
    t->header_bytes += len;
    if (t->header_bytes > HD_HEADER_BYTES_MAX) {
        t->too_big = true;
        return 0;
    }
    if (len >= 5 && memcmp(at, "HTTP/", 5) == 0) {
        t->n_header = 0; /* a new status line: what came before was a 1xx or a proxy's */
        t->head_whole = false;
    } else if (at[0] == '\r' || at[0] == '\n') {
        t->head_whole = true;
    }
    const char *colon = memchr(at, ':', len);
    if (!colon || is_blank(at[0]) || t->n_header >= HD_HEADERS_MAX)
        return len;
    const char *value = colon + 1, *end = at + len;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    char *name = arena_text_n(t->arena, at, (size_t)(colon - at));
    for (char *p = name; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    t->header[t->n_header++] =
        (struct hd_pair){name, arena_text_n(t->arena, value, (size_t)(end - value))};
    return len;
}

/* --- what goes out --- */

/* Everything secret of the request, read now: [0] password or token, then the header values, then
 * the address. */
static enum hd_code read_secrets(struct transfer *t, const char *const **ret, struct hd_error *err)
{
    const struct hd_endpoint *at = t->request->at;
    const char **secret = arena_many(t->arena, at->n_headers + 2, const char *);
    if (at->auth == HD_AUTH_BEARER && !at->secret)
        return hd_fail(err, HD_INVALID, "%s: bearer needs a secret", at->name);
    if (at->auth != HD_AUTH_NONE && at->secret &&
        t->net->secret(t->arena, at->secret, &secret[0], err))
        return hd_error_add(err, "%s", at->name);
    for (size_t i = 0; i < at->n_headers; i++) {
        if (t->net->secret(t->arena, at->headers[i].value, &secret[i + 1], err))
            return hd_error_add(err, "%s: header %s", at->name, at->headers[i].name);
    }
    if (t->net->secret(t->arena, at->bases[t->request->base], &secret[at->n_headers + 1], err))
        return hd_error_add(err, "%s: url", at->name);
    *ret = secret;
    return HD_OK;
}

static enum hd_code add_line(struct transfer *t, const char *name, const char *value,
                             struct hd_error *err)
{
    for (const char *p = name; *p; p++) {
        if (*p <= ' ' || *p == ':' || *p == 0x7f)
            return hd_fail(err, HD_INVALID, "not a header name: %s", name);
    }
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < ' ' && *p != '\t')
            return hd_fail(err, HD_INVALID, "header %s: a control character in its value", name);
    }
    /* curl's own notation: "Name:" takes a header away, "Name;" is one without a value. */
    const char *line = *value ? arena_print(t->arena, "%s: %s", name, value)
                              : arena_print(t->arena, "%s;", name);
    struct curl_slist *more = curl_slist_append(t->lines, line);
    if (!more)
        return hd_fail(err, HD_NOMEM, "out of memory");
    t->lines = more;
    return HD_OK;
}

static enum hd_code set_headers(struct transfer *t, struct hd_error *err)
{
    const struct hd_request *r = t->request;
    enum hd_code code = HD_OK;
    if (r->at->auth == HD_AUTH_BEARER)
        code = add_line(t, "Authorization", arena_print(t->arena, "Bearer %s", t->secrets[0]), err);
    for (size_t i = 0; !code && i < r->at->n_headers; i++)
        code = add_line(t, r->at->headers[i].name, t->secrets[i + 1], err);
    for (size_t i = 0; !code && i < r->u.http.n_headers; i++)
        code = add_line(t, r->u.http.headers[i].name, r->u.http.headers[i].value, err);
    if (code)
        return code;
    struct curl_slist *more = curl_slist_append(t->lines, "Expect:"); /* no waiting for a 100 */
    if (!more)
        return hd_fail(err, HD_NOMEM, "out of memory");
    t->lines = more;
    if (SET(t->easy, CURLOPT_HTTPHEADER, t->lines))
        return hd_fail(err, HD_NOMEM, "out of memory");
    return HD_OK;
}

static enum hd_code set_target(struct transfer *t, struct hd_error *err)
{
    const struct hd_request *r = t->request;
    const char *base = t->secrets[r->at->n_headers + 1], *path = r->u.http.path;
    const char *query = r->u.http.query;
    bool local = str_begins(base, "unix:"), failed = false;
    if (!local && !str_begins(base, "http://") && !str_begins(base, "https://"))
        return hd_fail(err, HD_INVALID, "HTTP needs http://, https:// or unix:/path: %s",
                       r->at->bases[r->base]);
    if (local) {
        failed = SET(t->easy, CURLOPT_UNIX_SOCKET_PATH, base + strlen("unix:"));
        base = "http://localhost";
    }
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    const char *url = arena_print(t->arena, "%.*s%s%s%s", (int)len, base, path, query ? "?" : "",
                                  query ? query : "");
    failed |= SET(t->easy, CURLOPT_URL, url) || SET(t->easy, CURLOPT_PATH_AS_IS, 1L) ||
              SET(t->easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
              SET(t->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ||
              SET(t->easy, CURLOPT_PROXY, r->at->proxy ? r->at->proxy : "") ||
              SET(t->easy, CURLOPT_NOPROXY, "");
    return failed ? hd_fail(err, HD_NOMEM, "the address cannot be used: %s", transfer_peer(t)) : HD_OK;
}

static enum hd_code set_method(struct transfer *t, struct hd_error *err)
{
    const struct hd_request *r = t->request;
    const char *method = r->u.http.method;
    if (!*method || method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return hd_fail(err, HD_INVALID, "not an HTTP method: %s", method);
    bool carries = r->body.len || str_is(method, "POST") || str_is(method, "PUT") ||
                   str_is(method, "PATCH");
    bool failed;
    if (carries)
        failed = SET(t->easy, CURLOPT_POST, 1L) ||
                 SET(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) ||
                 SET(t->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.at : "");
    else if (str_is(method, "HEAD"))
        failed = SET(t->easy, CURLOPT_NOBODY, 1L);
    else
        failed = SET(t->easy, CURLOPT_HTTPGET, 1L);
    failed |= SET(t->easy, CURLOPT_CUSTOMREQUEST, method);
    return failed ? hd_fail(err, HD_NOMEM, "out of memory") : HD_OK;
}

static enum hd_code set_identity(struct transfer *t, struct hd_error *err)
{
    const struct hd_endpoint *at = t->request->at;
    bool failed = SET(t->easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
    if (at->auth == HD_AUTH_BASIC)
        failed |= SET(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) ||
                  SET(t->easy, CURLOPT_USERNAME, at->user ? at->user : "") ||
                  SET(t->easy, CURLOPT_PASSWORD, t->secrets[0] ? t->secrets[0] : "");
    if (at->ca_file)
        failed |= SET(t->easy, CURLOPT_CAINFO, at->ca_file) || SET(t->easy, CURLOPT_CAPATH, NULL);
    if (at->cert_file)
        failed |= SET(t->easy, CURLOPT_SSLCERT, at->cert_file);
    if (at->key_file)
        failed |= SET(t->easy, CURLOPT_SSLKEY, at->key_file);
    return failed ? hd_fail(err, HD_NOMEM, "the credentials cannot be used: %s", at->name) : HD_OK;
}

static enum hd_code set_limits(struct transfer *t, struct hd_error *err)
{
    long left = (long)transfer_left_ms(t);
    CURL *e = t->easy;
    t->curl_text[0] = '\0';
    long quiet_s = t->piece ? (long)((t->quiet_ms + 999) / 1000) : 0;
    bool failed = SET(e, CURLOPT_PRIVATE, t) || SET(e, CURLOPT_ERRORBUFFER, t->curl_text) ||
                  SET(e, CURLOPT_WRITEFUNCTION, on_body) || SET(e, CURLOPT_WRITEDATA, t) ||
                  SET(e, CURLOPT_HEADERFUNCTION, on_header) || SET(e, CURLOPT_HEADERDATA, t) ||
                  /* for each address of a name its share of the time */
                  SET(e, CURLOPT_TIMEOUT_MS, t->piece ? 0L : left) || SET(e, CURLOPT_LOW_SPEED_TIME, quiet_s) ||
                  SET(e, CURLOPT_LOW_SPEED_LIMIT, t->piece ? 1L : 0L) || SET(e, CURLOPT_CONNECTTIMEOUT_MS, left) ||
                  SET(e, CURLOPT_QUICK_EXIT, 1L) || SET(e, CURLOPT_NOSIGNAL, 1L) ||
                  SET(e, CURLOPT_FOLLOWLOCATION, 0L) ||
                  SET(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
                  SET(e, CURLOPT_ACCEPT_ENCODING, "gzip") ||
                  SET(e, CURLOPT_USERAGENT, "haldane/" HALDANE_VERSION) ||
                  SET(e, CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_S) ||
                  SET(e, CURLOPT_FRESH_CONNECT, t->request->effect == HD_EFFECT_ONCE ? 1L : 0L);
    return failed ? hd_fail(err, HD_NOMEM, "libcurl lacks an option that haldane needs") : HD_OK;
}

/* --- names that are not found in time --- */

/* An abandoned look-up leaves a thread behind for as long as the C library's patience lasts (up to
 * 30 s). So reads leave such a peer alone for a while; a change of traffic is always tried. */
static struct unresolved *unresolved_of(struct net *n, uint64_t hash)
{
    return &n->unresolved[hash % HD_LOOKUPS_MAX];
}

static void lookup_failed(const struct transfer *t)
{
    uint64_t hash = str_hash(transfer_peer(t), 0);
    *unresolved_of(t->net, hash) =
        (struct unresolved){hash, clock_now().boot_ms + HD_LOOKUP_PAUSE_MS};
}

static enum hd_code lookup_may_start(const struct transfer *t, struct hd_error *err)
{
    uint64_t hash = str_hash(transfer_peer(t), 0);
    const struct unresolved *u = unresolved_of(t->net, hash);
    int64_t left = u->until_ms - clock_now().boot_ms;
    char text[STR_TIME_MAX];
    if (t->request->effect != HD_EFFECT_READ || t->request->urgent || u->peer != hash || left <= 0)
        return HD_OK;
    return hd_fail(err, HD_BUSY, "its name was not found in time; asked again in %s: %s",
                   str_duration(left, text), transfer_peer(t));
}

/* --- from start to end --- */

void transfer_http_stop(struct transfer *t)
{
    if (!t->easy)
        return;
    (void)curl_multi_remove_handle(t->net->multi, t->easy);
    curl_easy_reset(t->easy); /* keeps nothing of us: no pointer, no secret */
    if (t->net->n_idle < HD_TRANSFERS_MAX)
        t->net->idle[t->net->n_idle++] = t->easy;
    else
        curl_easy_cleanup(t->easy);
    t->easy = NULL;
    curl_slist_free_all(t->lines);
    t->lines = NULL;
}

static enum hd_code http_begin(struct transfer *t, struct hd_error *err)
{
    struct net *n = t->net;
    t->easy = n->n_idle ? n->idle[--n->n_idle] : curl_easy_init();
    if (!t->easy)
        return hd_fail(err, HD_NOMEM, "out of memory");
    t->curl_text = arena_alloc(t->arena, CURL_ERROR_SIZE);
    t->attempt_ms = clock_now().wall_ms;
    enum hd_code code = set_target(t, err);
    if (!code)
        code = set_method(t, err);
    if (!code)
        code = set_headers(t, err);
    if (!code)
        code = set_identity(t, err);
    if (!code)
        code = set_limits(t, err);
    if (!code && curl_multi_add_handle(n->multi, t->easy) != CURLM_OK)
        code = hd_fail(err, HD_NOMEM, "out of memory");
    if (code)
        transfer_http_stop(t);
    return code;
}

enum hd_code transfer_http_start(struct transfer *t, struct hd_error *err)
{
    enum hd_code code = lookup_may_start(t, err);
    if (!code)
        code = read_secrets(t, &t->secrets, err);
    return code ? code : http_begin(t, err);
}

/* True: sent again with a secret that has changed since. */
static bool http_again(struct transfer *t)
{
    const char *const *old = t->secrets, *const *now;
    bool changed = false;
    struct hd_error err;
    if (t->again || read_secrets(t, &now, &err))
        return false;
    for (size_t i = 0; i < t->request->at->n_headers + 2; i++)
        changed |= !str_is(old[i], now[i]);
    if (!changed)
        return false;
    t->again = true;
    t->secrets = now;
    t->n_header = t->header_bytes = 0;
    t->head_whole = false;
    buf_clear(&t->body);
    return http_begin(t, &err) == HD_OK;
}

/* What curl can tell of one attempt, taken before its handle is reset. */
struct attempt {
    CURLcode code;
    long status, request_bytes, error;
    curl_off_t looked_up_us, sent_us, first_us;
};

static struct attempt read_attempt(const struct transfer *t, CURLcode code)
{
    struct attempt a = {.code = code};
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a.status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &a.request_bytes);
    (void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &a.error);
    (void)curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &a.looked_up_us);
    (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &a.sent_us);
    (void)curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &a.first_us);
    if (!a.request_bytes) /* curl 8.22 has a time of TLS here */
        a.first_us = 0;
    return a;
}

static const char *timeout_text(const struct transfer *t, const struct attempt *a)
{
    char ms[STR_TIME_MAX];
    if (t->piece && a->first_us)
        return arena_print(t->arena, "silent for %s", str_duration(t->quiet_ms, ms));
    const char *phase = a->request_bytes ? (a->first_us ? "while reading the answer" : "")
                        : a->looked_up_us  ? "while connecting" /* TLS included */
                                           : "while looking up the name";
    return arena_print(t->arena, "no %s within %s%s%s", a->first_us ? "whole answer" : "answer",
                       str_duration(t->end_ms - t->started.boot_ms, ms), *phase ? " " : "", phase);
}

static const char *failure_text(const struct transfer *t, const struct attempt *a)
{
    switch ((int)a->code) {
    case CURLE_OPERATION_TIMEDOUT:
        return timeout_text(t, a);
    case CURLE_COULDNT_CONNECT:
        if (a->error)
            return transfer_errno(t, (int)a->error);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the name cannot be looked up";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "the name of the proxy cannot be looked up";
    case CURLE_GOT_NOTHING:
        return "closed without an answer";
    case CURLE_OK: /* curl is content when a peer closes in the middle of the headers */
    case CURLE_PARTIAL_FILE:
        return "the answer was cut short";
    default:
        break;
    }
    return t->curl_text[0] ? t->curl_text : curl_easy_strerror(a->code);
}

static void http_finish(struct transfer *t, CURLcode code)
{
    const struct attempt a = read_attempt(t, code);
    int64_t sent_ms = t->attempt_ms + a.sent_us / 1000;
    transfer_http_stop(t);
    if (code == CURLE_OK && t->head_whole) {
        if (a.status != 401 || !http_again(t))
            transfer_end(t, HD_IO_OK, (int32_t)a.status, sent_ms, "");
        return;
    }
    const char *what = failure_text(t, &a);
    enum hd_io io = code == CURLE_OPERATION_TIMEDOUT ? HD_IO_TIMEOUT : HD_IO_LOST;
    if (t->too_big) {
        io = HD_IO_TOO_BIG;
        what = t->body.full
                   ? arena_print(t->arena, "the answer is larger than %zu bytes", t->body.max)
                   : arena_print(t->arena, "the headers are larger than %u bytes",
                                 HD_HEADER_BYTES_MAX);
    } else if (a.request_bytes == 0) {
        io = HD_IO_NOT_SENT; /* not one byte of the request was handed to the socket */
        if (code == CURLE_OPERATION_TIMEDOUT && a.looked_up_us == 0)
            lookup_failed(t);
    }
    transfer_end(t, io, 0, sent_ms, arena_print(t->arena, "%s: %s", what, transfer_peer(t)));
}

void transfer_http_collect(struct net *n)
{
    const CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(n->multi, &left))) {
        struct transfer *t = NULL;
        CURLcode code = m->data.result; /* the message dies with the handle's stay */
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) == CURLE_OK && t)
            http_finish(t, code);
    }
}
