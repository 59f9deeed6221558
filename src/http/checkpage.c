/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that validates a pasted configuration: every mistake at its place. It changes nothing, what is
 * in force stays as it is; only who is logged in may have the daemon read a text.
 */
#include <string.h>

#include "base/str.h"
#include "http/handlers.h"
#include "http/parts.h"

static void mistake(struct buf *b, const struct http_mistake *m)
{
    enum tone tone = m->warning ? TONE_WARN : TONE_FAIL;
    html_print(b, "<tr><td data-l=\"state\"><span class=\"s %s\">", html_tone_word(tone));
    html_icon(b, tone);
    html_print(b, "%s</span></td><td data-l=\"line\">", m->warning ? "doubtful" : "wrong");
    if (m->line)
        html_print(b, "%d:%d", m->line, m->column);
    else
        html_print(b, "-");
    html_print(b, "</td><td data-l=\"where\" class=\"w\"><code>%s</code></td><td data-l=\"what\" class=\"w\">%s</td></tr>",
               m->path, m->text);
}

static void result(struct buf *b, const struct http_checked *r)
{
    enum tone tone = r->errors ? TONE_FAIL : r->n ? TONE_WARN : TONE_PASS;
    html_print(b, "<section class=\"lead %s\"><p class=\"need %s\" role=\"status\">", html_tone_word(tone),
               html_tone_word(tone));
    html_icon(b, tone);
    if (r->errors)
        html_print(b, "%zu mistake%s: this would be refused", r->errors, r->errors == 1 ? "" : "s");
    else
        html_print(b, "It would be accepted: %zu service%s, %zu check%s", r->services, r->services == 1 ? "" : "s",
                   r->checks, r->checks == 1 ? "" : "s");
    html_print(b, "</p><p>Nothing was loaded, and nothing asked of a source or a router.</p></section>");
    if (!r->n)
        return;
    html_print(b, "<table class=\"list\"><thead><tr><th scope=\"col\">state</th><th scope=\"col\">line</th>"
                  "<th scope=\"col\">where</th><th scope=\"col\">what</th></tr></thead><tbody>");
    for (size_t i = 0; i < r->n; i++)
        mistake(b, &r->item[i]);
    html_print(b, "</tbody></table>");
    if (r->more)
        html_print(b, "<p>And %zu more.</p>", r->more);
}

static void form(struct buf *b, const struct call *c, const char *text)
{
    if (!call_csrf(c)) {
        html_print(b, "<p><a class=\"button\" href=\"/login?next=%%2Fsettings%%2Fcheck\">Log in to do this</a></p>");
        return;
    }
    html_print(b,
               "<form method=\"post\" class=\"ask\"><input type=\"hidden\" name=\"csrf\" value=\"%s\">"
               "<p><label for=\"yaml\">The whole file</label></p><p><textarea id=\"yaml\" name=\"yaml\" rows=\"16\" "
               "cols=\"80\" maxlength=\"%d\" spellcheck=\"false\" required>\n%s</textarea></p>"
               "<p class=\"do\"><button>Validate</button> <a class=\"button\" href=\"/settings\">Back</a></p></form>",
               call_csrf(c), HD_CHECK_BYTES_MAX, text);
}

/* A browser sends its lines with CR LF. */
static struct hd_span plain(struct hd_arena *a, const char *text)
{
    char *out = arena_alloc(a, strlen(text) + 1), *to = out;
    for (const char *p = text; *p; p++) {
        if (*p != '\r')
            *to++ = *p;
    }
    return (struct hd_span){out, (size_t)(to - out)};
}

enum hd_code check_page(struct call *c, struct hd_error *err)
{
    const char *text = call_form(c, "yaml");
    struct http_checked r = {0};
    if (!c->facts->check)
        return call_refuse(c, 501, "no_check", "This daemon has no file, and cannot check one.");
    if (text && strlen(text) > HD_CHECK_BYTES_MAX)
        return call_refuse(c, 413, "too_large", "That is more than %d bytes: use haldane check FILE.", HD_CHECK_BYTES_MAX);
    if (text && c->facts->check(c->arena, plain(c->arena, text), c->facts->queries, &r, err))
        return call_refuse(c, 422, "bad_config", "%s", err->text);
    struct buf *b = call_answer(c, 200, CALL_HTML);
    struct html_page page = call_page(c, "Validate a configuration");
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / <a href=\"/settings\">settings</a></p>"
                  "<h1>Validate a configuration</h1><p>The same on the daemon's machine: <code>haldane check FILE</code>, "
                  "and with <code>--online</code> it also asks every source and router once.</p>");
    if (text)
        result(b, &r);
    form(b, c, text);
    html_foot(b);
    return HD_OK;
}
