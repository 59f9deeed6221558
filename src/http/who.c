/* SPDX-License-Identifier: Apache-2.0
 *
 * See who.h. Called by server.c around the choice of the route, and by login.c.
 */
#include "http/who.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/form.h"
#include "http/html.h"
#include "http/limit.h"

#define SECRET_MAX 200

bool who_is_secret(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    size_t n = text ? strlen(text) : 0;
    return n && n <= SECRET_MAX && strspn(text, allowed) == n;
}

void who_take_path(struct call *c)
{
    if (!str_begins(c->path, "/t/"))
        return;
    size_t n = strcspn(c->path + 3, "/");
    const char *token = arena_text_n(c->arena, c->path + 3, n);
    c->path += 3 + n; /* so that no error page or log says the token */
    if (!who_is_secret(token))
        return;
    c->secret = token;
    c->from = FROM_PATH;
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The part behind the colon of base64("user:password"); NULL: not that. */
static const char *basic_password(struct hd_arena *a, const char *text)
{
    size_t n = strlen(text), len = 0;
    char *out = arena_alloc(a, n + 1);
    unsigned bits = 0, have = 0;
    while (n && text[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return NULL;
        bits = bits << 6 | (unsigned)digit;
        have += 6;
        if (have >= 8)
            out[len++] = (char)(bits >> (have -= 8) & 255);
    }
    const char *colon = strchr(out, ':');
    return colon ? colon + 1 : NULL;
}

/* What stands behind the scheme's word; NULL: another scheme. */
static const char *behind(const char *header, const char *scheme)
{
    size_t n = strlen(scheme);
    if (!header || strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
        return NULL;
    return header + n + strspn(header + n, " ");
}

void who_read(struct call *c)
{
    const char *header = call_header(c, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *bearer = behind(header, "Bearer"), *basic = behind(header, "Basic");
    bool any = c->route && c->route->needs & ROUTE_ANY_SECRET;
    if (c->from == FROM_PATH && any)
        return;
    c->from = FROM_NOBODY;
    c->secret = NULL;
    if (header) { /* who shows a token means it: no cookie stands in for a bad one */
        c->secret = bearer ? bearer : basic && any ? basic_password(c->arena, basic) : NULL;
        c->from = bearer ? FROM_BEARER : FROM_BASIC;
    } else {
        c->secret = MHD_lookup_connection_value(c->connection, MHD_COOKIE_KIND, WHO_COOKIE);
        c->from = FROM_COOKIE;
    }
    if (!who_is_secret(c->secret)) {
        c->secret = NULL;
        c->from = FROM_NOBODY;
    }
}

/* --- may this be asked at all --- */

void who_refuse_secret(struct call *c)
{
    if (limit_take(c->facts->limits, LIMIT_FAILED, c->peer, clock_now().boot_ms))
        (void)call_refuse(c, 401, "bad_token", "the token is not known");
    else
        (void)call_refuse(c, 429, "too_many_failures",
                          "too many unknown tokens came from this address; wait a minute");
}

static bool changes(const struct call *c)
{
    return !str_is(c->route->method, "GET");
}

static bool anybody_may_read(struct call *c)
{
    const char *what;
    struct hd_error err;
    return !store_fact(c->store, c->arena, "anonymous", &what, &err) && str_is(what, "read");
}

/* Without a secret, or with a browser's that has ended. */
static bool admit_nobody(struct call *c)
{
    if (!changes(c) && anybody_may_read(c))
        return true;
    if (changes(c) || !(c->route->needs & ROUTE_HTML)) {
        (void)call_refuse(c, 401, "no_token", "send \"Authorization: Bearer hld_...\"");
        return false;
    }
    BUF_AUTO to = BUF_INIT(4 * HD_HTTP_HEAD_MAX);
    buf_text(&to, "/login?next=");
    html_segment(&to, c->path);
    (void)call_redirect(c, buf_at(&to));
    return false;
}

/* A cookie goes along with whatever page made the browser send it; the form's field does not. */
static bool form_is_ours(struct call *c)
{
    const char *said = c->form ? form_get(c->form, "csrf") : call_header(c, "X-CSRF-Token");
    return c->account->csrf && said && str_is(said, c->account->csrf);
}

static bool no_store(struct call *c, const struct hd_error *err)
{
    /* The loop has a handle of its own: a revert may not depend on the face's. */
    if (c->route->order && c->from != FROM_COOKIE)
        return true;
    (void)call_refuse(c, 503, "no_store", "The history cannot be read: %s", err->text);
    return false;
}

bool who_admit(struct call *c, const struct hd_error *unread)
{
    struct store_account *account = arena_of(c->arena, struct store_account);
    struct hd_error err = {0};
    enum hd_code code = HD_DENIED;
    if (!c->facts->who || c->route->needs & ROUTE_OPEN)
        return true;
    if (unread)
        return no_store(c, unread);
    if (c->secret)
        code = c->facts->who(c->store, c->arena, c->secret, c->now_ms, account, &err);
    if (code && code != HD_DENIED)
        return no_store(c, &err);
    if (code && c->secret && (c->from != FROM_COOKIE || changes(c))) {
        who_refuse_secret(c);
        return false;
    }
    if (code)
        return admit_nobody(c);
    c->account = account;
    if (!changes(c))
        return true;
    if (c->from == FROM_COOKIE && !form_is_ours(c))
        (void)call_refuse(c, 403, "stale_form",
                          "this page was made for another login; load it again");
    else if (!limit_take(c->facts->limits, LIMIT_ORDERS, str_hash(c->secret, 0), clock_now().boot_ms))
        (void)call_refuse(c, 429, "too_many_orders", "this token orders too often; nothing was done");
    else
        return true;
    return false;
}
