/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging a browser in and out: a token is shown once, and a cookie stands for it from then on. The
 * loop makes the session; here is the page around it. The cookie is sent along with a link from a
 * chat (SameSite=Lax), so that on-call lands on the page and not at the login; what changes
 * something needs the form's own secret as well.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/handlers.h"
#include "http/html.h"
#include "http/limit.h"
#include "http/orders.h"
#include "http/who.h"

/* Where to go after it: a path of ours, or the fleet. Browsers drop a tab or a line's end: with one between
 * them two slashes lead to another host. */
static const char *next_of(const char *asked)
{
    bool ours = asked && asked[0] == '/' && asked[1] != '/';
    for (const char *c = asked; ours && *c; c++)
        ours = (unsigned char)*c > ' ' && *c != 0x7F && *c != '\\';
    return ours ? asked : "/";
}

static enum hd_code show(struct call *c, unsigned status, const char *next, const char *why)
{
    struct buf *b = call_answer(c, status, CALL_HTML);
    struct html_page page = call_page(c, "Log in");
    html_head(b, &page);
    html_print(b, "<section class=\"lead\"><h1>Log in</h1>");
    if (why)
        html_print(b, "<p role=\"alert\">%s</p>", why);
    html_print(b,
               "<form method=\"post\" action=\"/login\">"
               "<input type=\"hidden\" name=\"next\" value=\"%s\">"
               "<p><label for=\"token\">Token</label> "
               "<input id=\"token\" name=\"token\" type=\"password\" required "
               "autocomplete=\"current-password\"></p>"
               "<p><button>Log in</button></p></form>"
               "<p>Make one on the daemon's machine: <code>haldane token new NAME --role "
               "operator</code></p></section>",
               next_of(next));
    html_foot(b);
    return HD_OK;
}

enum hd_code login_page(struct call *c, struct hd_error *err)
{
    (void)err;
    return show(c, 200, call_query(c, "next"), NULL);
}

static void set_cookie(struct call *c, const char *value, int64_t seconds)
{
    c->reply.cookie = arena_print(
        c->arena, WHO_COOKIE "=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s", value,
        (long long)seconds, str_begins(c->facts->public_url, "https://") ? "; Secure" : "");
}

static void logged_in(struct call *c, unsigned status, const struct json *body)
{
    const char *session;
    if (status != 201 || json_text(json_get(body, "session"), "session", &session, NULL) ||
        !who_is_secret(session)) {
        orders_page(c, status < 400 ? 500 : status, body);
        return;
    }
    (void)call_redirect(c, next_of(call_form(c, "next")));
    set_cookie(c, session, HD_SESSION_MS / 1000);
}

enum hd_code login_take(struct call *c, struct hd_error *err)
{
    const char *token = call_form(c, "token"), *next = call_form(c, "next");
    struct store_account account;
    if (limit_spent(c->facts->limits, LIMIT_FAILED, c->peer, clock_now().boot_ms))
        return show(c, 429, next, "Too many unknown tokens came from this address; wait a minute.");
    if (!who_is_secret(token))
        return show(c, 422, next, "That is no token: it begins with hld_.");
    enum hd_code code =
        c->facts->who ? c->facts->who(c->store, c->arena, token, c->now_ms, &account, err) : HD_OK;
    if (code == HD_DENIED) {
        who_refuse_secret(c);
        return show(c, c->reply.status, next, "The token is not known, or it has ended.");
    }
    if (code)
        return code;
    c->secret = token;
    c->taken = logged_in;
    return orders_take(c, err);
}

static void logged_out(struct call *c, unsigned status, const struct json *body)
{
    if (status >= 400) {
        orders_page(c, status, body);
        return;
    }
    (void)call_redirect(c, "/");
    set_cookie(c, "", 0);
}

enum hd_code logout_take(struct call *c, struct hd_error *err)
{
    c->taken = logged_out;
    return orders_take(c, err);
}
