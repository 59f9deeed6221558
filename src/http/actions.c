/* SPDX-License-Identifier: Apache-2.0
 *
 * See actions.h. The rows below are all there is; the routes name the same paths. Every page that
 * asks also says how to do the same by API, by the command line, and by hand when haldane is dead.
 */
#include "http/actions.h"

#include <string.h>

#include "base/str.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/orders.h"
#include "http/parts.h"

#define BIT(state) (1u << HD_STATE_##state)
#define WATCHED (BIT(PENDING) | BIT(WARMING) | BIT(WATCHING))

enum on { ON_GUARD, ON_SERVICE, ON_FLEET, ON_APPROVAL };
enum {
    MOVES = 1,   /* traffic: the way back is shown, and the side to go to is named */
    REASON = 2,  /* it needs one */
    STARTS = 4,  /* a guard: takes the switch it is about, and no reason */
    DECIDES = 8, /* yes or no */
};

/* In effect, api and cli "*" is the id or the name; in api "reason" stands for the form's fields. */
static const struct action {
    enum on on;
    const char *slug, *label, *effect;
    unsigned flags;
    const char *lasts;    /* key of a duration; NULL: it takes none */
    const char *key, *value; /* a field that is fixed */
    const char *api, *cli;
} rows[] = {
    {ON_GUARD, "revert", "Revert now",
     "haldane reads the router, asks whether the target is ready, and moves the traffic back at once; "
     "then it reads back and watches that users recover.",
     MOVES | REASON, NULL, NULL, NULL, "POST /api/v1/guards/*/revert {\"to\", \"reason\"}",
     "haldane revert * --reason TEXT"},
    {ON_GUARD, "extend", "Extend", "The guard watches longer before it gives its verdict.", 0,
     "extend", NULL, NULL, "PATCH /api/v1/guards/* {\"extend\": \"30m\"}",
     "haldane change * --extend 30m"},
    {ON_GUARD, "advise", "Advise only",
     "The guard goes on judging, and no longer moves traffic by itself: it says what it would do.",
     REASON, NULL, "mode", "advise", "PATCH /api/v1/guards/* {\"mode\": \"advise\"}",
     "haldane change * --mode advise --reason TEXT"},
    {ON_GUARD, "cancel", "Cancel", "The guard ends without a verdict; the traffic stays where it is.",
     REASON, NULL, NULL, NULL, "POST /api/v1/guards/*/cancel {\"reason\"}",
     "haldane cancel * --reason TEXT"},
    {ON_GUARD, "acknowledge", "I have seen it",
     "The banner goes and the alert resolves; nothing else changes.", 0, NULL, NULL, NULL,
     "POST /api/v1/guards/*/acknowledge", "haldane ack *"},
    {ON_GUARD, "false-alarm", "Mark false alarm",
     "The verdict stays as it was; it counts as a false alarm in the service's record.", REASON,
     NULL, "verdict", "false_alarm", "POST /api/v1/guards/*/mark {\"verdict\": \"false_alarm\", \"reason\"}",
     "haldane mark * false_alarm --reason TEXT"},
    {ON_GUARD, "missed", "Mark missed",
     "The release was bad. The verdict stays as it was; the record counts it as missed, and its time is no measure of "
     "what is usual for the next one.", REASON,
     NULL, "verdict", "missed", "POST /api/v1/guards/*/mark {\"verdict\": \"missed\", \"reason\"}",
     "haldane mark * missed --reason TEXT"},
    {ON_GUARD, "rearm", "Re-arm",
     "The side that was rejected may have the traffic again, also by a revert of haldane.", REASON,
     NULL, NULL, NULL, "POST /api/v1/guards/*/rearm {\"reason\"}",
     "haldane rearm SERVICE --reason TEXT"},
    {ON_SERVICE, "guard", "Start guard",
     "haldane watches the release that has the traffic now, as if it had seen the switch itself: from now on, "
     "for the service's own time and by its own rules. A guard that is live already is joined.",
     STARTS, NULL, NULL, NULL,
     "POST /api/v1/guards {\"service\": \"*\", \"to\", \"from\", \"change\"}", "haldane guard * --to COLOUR"},
    {ON_SERVICE, "revert", "Revert now",
     "haldane reads the router, asks whether the target is ready, and moves the traffic to it at once; "
     "then it reads back and watches that users recover.",
     MOVES | REASON, NULL, NULL, NULL, "POST /api/v1/services/*/revert {\"to\", \"reason\"}",
     "haldane revert * --to COLOUR --reason TEXT"},
    {ON_SERVICE, "hold", "Hold auto-revert",
     "Until it expires haldane does not move this service's traffic by itself; an order still works.",
     REASON, "for", NULL, NULL, "POST /api/v1/services/*/hold {\"for\": \"30m\", \"reason\"}",
     "haldane hold * --for 30m --reason TEXT"},
    {ON_SERVICE, "release", "Release the hold",
     "haldane may move this service's traffic by itself again.", 0, NULL, NULL, NULL,
     "POST /api/v1/services/*/release", "haldane release *"},
    {ON_SERVICE, "rearm", "Re-arm",
     "The sides that were rejected may have the traffic again, also by a revert of haldane.", REASON,
     NULL, NULL, NULL, "POST /api/v1/services/*/rearm {\"reason\"}", "haldane rearm * --reason TEXT"},
    {ON_FLEET, "hold", "Hold all automatic reverts",
     "Until it expires haldane moves no traffic by itself, of any service; orders still work.",
     REASON, "for", NULL, NULL, "POST /api/v1/holds {\"for\": \"30m\", \"reason\"}",
     "haldane hold --for 30m --reason TEXT"},
    {ON_FLEET, "release", "Release the fleet's hold",
     "haldane may move traffic by itself again, of every service without a hold of its own.", 0,
     NULL, NULL, NULL, "POST /api/v1/holds/release", "haldane release"},
    {ON_APPROVAL, "approvals", "Approve or reject",
     "The release failed its guard, and by its settings a named human decides. Approved, the revert goes its usual "
     "way: haldane reads the router, asks whether the target is ready, and moves the traffic back. Rejected, the "
     "guard ends and the traffic stays. Unanswered, the revert is only advised.",
     MOVES | REASON | DECIDES, NULL, NULL, NULL, "POST /api/v1/approvals/* {\"decision\", \"reason\"}",
     "haldane approve * --reason TEXT"},
};
#define ROWS (sizeof rows / sizeof *rows)

static void replace(struct buf *b, const char *text, const char *with)
{
    for (; *text; text++) {
        if (*text == '*')
            buf_text(b, with);
        else
            buf_byte(b, *text);
    }
}

/* --- where they stand --- */

static void link_to(struct buf *b, enum on on, const char *slug, const char *about)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].on != on || !str_is(rows[i].slug, slug))
            continue;
        html_print(b, on == ON_GUARD      ? "<a class=\"button\" id=\"do-%s\" href=\"/g/"
                      : on == ON_SERVICE  ? "<a class=\"button\" id=\"do-%s\" href=\"/s/"
                      : on == ON_APPROVAL ? "<a class=\"button\" id=\"do-%s\" href=\"/approvals/"
                                          : "<a class=\"button\" id=\"do-%s\" href=\"/fleet",
                   slug);
        if (about)
            html_segment(b, about);
        html_print(b, on == ON_APPROVAL ? "\">" : "/%s\">", slug);
        html_print(b, "%s</a> ", rows[i].label);
    }
}

void actions_of_guard(struct buf *b, const struct guard_view *v, const struct way *w, int64_t now_ms)
{
    const struct store_guard *g = &v->guard;
    const bool watched = 1u << g->state & WATCHED, ended = hd_state_terminal(g->state);
    const bool held = view_hold(v->hold, v->n_holds, g->service) != NULL;
    const bool back = w->state <= WAY_BLOCKED;
    html_print(b, "<p class=\"do\">");
    if (view_waits(v, now_ms))
        link_to(b, ON_APPROVAL, "approvals", g->id);
    if (watched && back && !g->analysis)
        link_to(b, ON_GUARD, "revert", g->id);
    else if (ended && back && v->has_service && !g->analysis)
        link_to(b, ON_SERVICE, "revert", g->service);
    if (ended && g->needs_human)
        link_to(b, ON_GUARD, "acknowledge", g->id);
    if (!ended && v->has_service && !g->analysis)
        link_to(b, ON_SERVICE, held ? "release" : "hold", g->service);
    if (watched && !g->analysis)
        link_to(b, ON_GUARD, "extend", g->id);
    if (watched && g->mode == HD_MODE_ENFORCE && !g->analysis)
        link_to(b, ON_GUARD, "advise", g->id);
    if (watched)
        link_to(b, ON_GUARD, "cancel", g->id);
    if (ended && g->verdict != HD_VERDICT_PASS && !(g->marked_ms >= 0 && g->was_good))
        link_to(b, ON_GUARD, "false-alarm", g->id);
    if (ended && g->verdict != HD_VERDICT_FAIL && !(g->marked_ms >= 0 && !g->was_good))
        link_to(b, ON_GUARD, "missed", g->id);
    if (ended && v->rejected[HD_CANDIDATE] && v->has_service)
        link_to(b, ON_GUARD, "rearm", g->id);
    html_print(b, "</p>");
}

void actions_of_service(struct buf *b, const char *service, const struct way *w, bool live, bool held,
                        bool any_rejected)
{
    html_print(b, "<p class=\"do\">");
    if (!live)
        link_to(b, ON_SERVICE, "guard", service);
    if (w->state != WAY_NONE)
        link_to(b, ON_SERVICE, "revert", service);
    link_to(b, ON_SERVICE, held ? "release" : "hold", service);
    if (any_rejected)
        link_to(b, ON_SERVICE, "rearm", service);
    html_print(b, "</p>");
}

void actions_of_fleet(struct buf *b, bool held)
{
    html_print(b, "<p class=\"do\">");
    link_to(b, ON_FLEET, held ? "release" : "hold", NULL);
    html_print(b, "</p>");
}

/* --- the page that asks --- */

struct ask {
    struct call *call;
    const struct action *row;
    const char *about;   /* id or name; NULL: the fleet */
    const char *service; /* NULL: the fleet */
    struct guard_view *view;
    struct way way;
    const char *changed; /* why it is asked anew; NULL: it is asked for the first time */
};

/* "/g/ID/extend" -> its row; the routes let nothing else through. */
static const struct action *row_of(const char *path)
{
    const bool approval = str_begins(path, "/approvals/");
    enum on on = approval                  ? ON_APPROVAL
                 : str_begins(path, "/g/") ? ON_GUARD
                 : str_begins(path, "/s/") ? ON_SERVICE
                                           : ON_FLEET;
    const char *slug = approval ? "approvals" : strrchr(path, '/') + 1;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].on == on && str_is(rows[i].slug, slug))
            return &rows[i];
    }
    return NULL;
}

/* A service's newest guard stands for it: it says what back is. Without one there is only the reading. */
static enum hd_code load_service(struct ask *q, struct hd_error *err)
{
    struct call *c = q->call;
    const struct store_filter newest = {.service = c->param, .verdict = -1, .limit = 1};
    struct store_guard *list;
    size_t n;
    struct guard_view *v = q->view;
    if (store_service(c->store, c->arena, c->param, &v->service, err))
        return err->code;
    if (store_guards(c->store, c->arena, &newest, &list, &n, err))
        return err->code;
    if (n)
        return view_load(c->store, c->arena, list->id, c->now_ms, v, err);
    v->guard = (struct store_guard){.service = c->param, .state = -1};
    return view_reading(c->store, c->arena, c->param, &v->has_reading, &v->reading, err);
}

/* About one guard, whatever its path. */
static bool on_guard(const struct ask *q)
{
    return q->row->on == ON_GUARD || q->row->on == ON_APPROVAL;
}

static enum hd_code load(struct ask *q, struct hd_error *err)
{
    struct call *c = q->call;
    struct guard_view *v = q->view = arena_of(c->arena, struct guard_view);
    q->row = row_of(c->path);
    q->about = q->row->on == ON_FLEET ? NULL : c->param;
    if (q->row->on == ON_FLEET)
        return HD_OK;
    enum hd_code code = on_guard(q)
                            ? view_load(c->store, c->arena, c->param, c->now_ms, v, err)
                            : load_service(q, err);
    if (code)
        return code;
    if (q->row->flags & DECIDES && !v->approval.guard)
        return hd_fail(err, HD_ABSENT, "no revert of guard %s was asked about", c->param);
    q->service = v->guard.service;
    v->alarm = call_alarm(c);
    if (v->guard.state < 0) {
        q->way = (struct way){.state = WAY_NONE, .until_ms = -1, .sentence = "No switch was seen yet."};
        v->has_service = true;
        return HD_OK;
    }
    if (view_load_service(c->store, c->arena, v, c->now_ms, err))
        return err->code;
    view_way(c->arena, v, c->now_ms, &q->way);
    return HD_OK;
}

/* What the reader decides by, in a word that comes back with the form: where the traffic is (to the percent:
 * a canary's next step is another question), and for what moves it whether it would be refused. What
 * moves nothing depends on neither. */
static const char *saw(const struct ask *q)
{
    const struct guard_view *v = q->view;
    BUF_AUTO b = BUF_INIT(1000);
    if (!(q->row->flags & (MOVES | STARTS)))
        return "";
    if (q->row->flags & MOVES)
        buf_print(&b, "%d %s", q->way.state < WAY_BLOCKED ? (int)WAY_OPEN : (int)q->way.state,
                  q->way.to ? q->way.to : "-");
    for (size_t i = 0; v->has_reading && i < v->reading.n_sides; i++)
        buf_print(&b, " %u", (v->reading.side[i].share_ppm + 5000) / 10000);
    return arena_text(q->call->arena, buf_at(&b));
}

/* What was typed before it was refused, else what is suggested. */
static const char *typed(const struct ask *q, const char *key, const char *fallback)
{
    const char *text = call_form(q->call, key);
    return text ? text : fallback;
}

static void colours(struct buf *b, const struct ask *q, const char *key, const char *word, const char *fallback)
{
    const struct store_reading *r = &q->view->reading;
    const char *chosen = typed(q, key, fallback);
    html_print(b, "<p><label for=\"%s\">%s</label> <select id=\"%s\" name=\"%s\">", key, word, key, key);
    for (size_t i = 0; q->view->has_reading && i < r->n_sides; i++)
        html_print(b, "<option%s>%s</option>", str_is(r->side[i].colour, chosen) ? " selected" : "",
                   r->side[i].colour);
    html_print(b, "</select></p>");
}

/* Which switch: from the side that had the traffic to the one that has it. */
static void which_switch(struct buf *b, const struct ask *q)
{
    static const char *const texts[][2] = {{"version", "Version"}, {"commit", "Commit"}};
    const char *to = way_busiest(q->view->has_reading ? &q->view->reading : NULL, NULL);
    colours(b, q, "to", "Release on", to);
    colours(b, q, "from", "Back to", way_busiest(q->view->has_reading ? &q->view->reading : NULL, to));
    for (size_t i = 0; i < 2; i++)
        html_print(b,
                   "<p><label for=\"%s\">%s (optional)</label> <input id=\"%s\" name=\"%s\" "
                   "maxlength=\"%d\" value=\"%s\"></p>",
                   texts[i][0], texts[i][1], texts[i][0], texts[i][0], HD_NAME_MAX,
                   call_form(q->call, texts[i][0]));
}

static void reason_field(struct buf *b, const struct ask *q)
{
    html_print(b,
               "<p><label for=\"reason\">Reason%s</label> <input id=\"reason\" name=\"reason\" "
               "maxlength=\"%d\" value=\"%s\"%s> <span class=\"m\">kept, shown and told</span></p>",
               q->row->flags & REASON ? "" : " (optional)", HD_TEXT_MAX, call_form(q->call, "reason"),
               q->row->flags & REASON ? " required" : "");
}

/* Is the account one of "alice, bob"? The loop decides; here it is said before anybody types. */
static bool is_asked(const struct store_approval *a, const char *account)
{
    size_t n = strlen(account);
    for (const char *p = a->approvers; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, account, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    }
    return false;
}

static void form(struct buf *b, const struct ask *q)
{
    struct call *c = q->call;
    const struct action *row = q->row;
    const char *csrf = call_csrf(c);
    if (row->flags & DECIDES && !view_waits(q->view, c->now_ms))
        return; /* what became of it is said above */
    if (!csrf) {
        html_print(b, "<p><a class=\"button\" href=\"/login?next=");
        html_segment(b, c->path);
        html_print(b, "\">Log in to do this</a></p>");
        return;
    }
    if (row->flags & DECIDES && !is_asked(&q->view->approval, c->account->name)) {
        html_print(b, "<p class=\"note warn\">You are %s here, and only %s may decide this, with a token or login of "
                      "their own.</p>", c->account->name, q->view->approval.approvers);
        return;
    }
    html_print(b, "<form method=\"post\" class=\"ask\"><input type=\"hidden\" name=\"csrf\" value=\"%s\">",
               csrf);
    html_print(b, "<input type=\"hidden\" name=\"saw\" value=\"%s\">", saw(q));
    if (on_guard(q))
        html_print(b, "<input type=\"hidden\" name=\"seen\" value=\"%s\">",
                   hd_state_word(q->view->guard.state));
    if (row->key)
        html_print(b, "<input type=\"hidden\" name=\"%s\" value=\"%s\">", row->key, row->value);
    if (row->flags & DECIDES)
        ; /* the guard knows its target */
    else if (row->flags & MOVES && row->on == ON_GUARD)
        html_print(b, "<input type=\"hidden\" name=\"to\" value=\"%s\">", q->view->guard.stable);
    else if (row->flags & MOVES)
        colours(b, q, "to", "All the traffic to", q->way.to);
    if (row->flags & STARTS)
        which_switch(b, q);
    if (row->lasts)
        html_print(b,
                   "<p><label for=\"lasts\">For how long</label> <input id=\"lasts\" name=\"%s\" "
                   "value=\"%s\" required pattern=\"([0-9]+(d|h|ms|m|s))+\" size=\"8\"> "
                   "<span class=\"m\">like 30m or 1h30m</span></p>",
                   row->lasts, typed(q, row->lasts, "30m"));
    if (!(row->flags & STARTS))
        reason_field(b, q);
    html_print(b, "<p class=\"do\">");
    if (row->flags & DECIDES)
        html_print(b, "<button class=\"danger\" name=\"decision\" value=\"approve\">Approve: back to %s</button> "
                      "<button name=\"decision\" value=\"reject\">Reject: keep %s</button> ",
                   q->view->guard.stable, q->view->guard.candidate);
    else
        html_print(b, row->flags & MOVES ? "<button class=\"danger\">%s</button> " : "<button>%s</button> ",
                   row->label);
    html_print(b, on_guard(q)              ? "<a class=\"button\" href=\"/g/"
                  : row->on == ON_SERVICE ? "<a class=\"button\" href=\"/s/"
                                          : "<a class=\"button\" href=\"/settings");
    if (q->about)
        html_segment(b, q->about);
    html_print(b, "\">No, go back</a></p></form>");
}

static void other_ways(struct buf *b, const struct ask *q)
{
    BUF_AUTO api = BUF_INIT(2000);
    BUF_AUTO cli = BUF_INIT(2000);
    const char *native = q->view->guard.native;
    replace(&api, q->row->api, q->about ? q->about : "");
    replace(&cli, q->row->cli, q->about ? q->about : "");
    html_print(b, "<h2>The same without this page</h2><dl class=\"rows\"><div><dt>API</dt><dd><code>%s"
                  "</code></dd></div><div><dt>CLI</dt><dd><code>%s</code></dd></div>",
               buf_at(&api), buf_at(&cli));
    if (q->row->flags & MOVES && native && q->way.state != WAY_THERE)
        html_print(b, "<div><dt>By hand</dt><dd>when haldane is dead, this moves the traffic to %s:"
                      "<pre class=\"cmd\">%s</pre></dd></div>",
                   q->view->guard.stable, native);
    html_print(b, "</dl>");
}

static void facts(struct buf *b, const struct ask *q)
{
    const struct guard_view *v = q->view;
    const struct store_guard *g = v->guard.state >= 0 ? &v->guard : NULL;
    if (!q->service)
        return;
    html_print(b, "<dl class=\"rows\"><div><dt>Now</dt><dd>");
    if (v->has_reading)
        part_sides(b, &v->reading, g, g != NULL, q->call->now_ms);
    else
        html_print(b, "<span class=\"m\">the router was not read yet</span>");
    html_print(b, "</dd></div>");
    if (g) {
        html_print(b, "<div><dt>Guard</dt><dd>");
        part_state(b, g->state);
        html_print(b, " <a href=\"/g/%s\">%s</a></dd></div>", g->id, g->headline);
    }
    if (g && q->row->flags & DECIDES) {
        html_print(b, "<div><dt>Why</dt><dd><b>%s</b></dd></div><div><dt>Asked</dt><dd>", g->why);
        part_approval(b, &v->approval, q->call->now_ms);
        html_print(b, "</dd></div>");
    }
    html_print(b, "<div><dt>%s</dt><dd>%s", q->row->flags & MOVES ? "Target" : "Way back", q->way.sentence);
    part_until(b, &q->way, q->call->now_ms);
    part_way(b, &q->way);
    html_print(b, "</dd></div></dl>");
}

static enum hd_code show(const struct ask *q, unsigned status)
{
    struct call *c = q->call;
    const char *title = q->service ? arena_print(c->arena, "%s: %s?", q->service, q->row->label)
                                   : arena_print(c->arena, "%s?", q->row->label);
    struct html_page page = call_page(c, title);
    page.tone = q->row->flags & MOVES ? TONE_WARN : TONE_NONE;
    struct buf *b = call_answer(c, status, CALL_HTML);
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a>");
    if (q->service) {
        html_print(b, " / ");
        part_service_link(b, q->service);
    }
    html_print(b, "</p><section class=\"lead %s\"><h1>%s</h1>", html_tone_word(page.tone), title);
    if (q->changed) {
        html_print(b, "<p class=\"need fail\" role=\"alert\">");
        html_icon(b, TONE_FAIL);
        html_print(b, "%s Nothing was done. This is how it stands now:</p>", q->changed);
    }
    html_print(b, "<p>%s</p>", q->row->effect);
    facts(b, q);
    form(b, q);
    html_print(b, "</section>");
    other_ways(b, q);
    html_foot(b);
    return HD_OK;
}

static enum hd_code absent(struct call *c, const struct hd_error *err)
{
    if (err->code != HD_ABSENT)
        return err->code;
    return call_refuse(c, 404, "absent", "There is nothing of that name.");
}

enum hd_code action_ask(struct call *c, struct hd_error *err)
{
    struct ask q = {.call = c};
    if (load(&q, err))
        return absent(c, err);
    return show(&q, 200);
}

/* The reader can mend these; what was typed stands in the form again. */
static bool can_mend(unsigned status)
{
    return status == 400 || status == 409 || status == 412 || status == 422;
}

static const char *sentence(struct call *c, const char *text)
{
    char *copy = arena_print(c->arena, "%s%s", text, str_ends(text, ".") ? "" : ".");
    if (*copy >= 'a' && *copy <= 'z')
        *copy = (char)(*copy - 'a' + 'A');
    return copy;
}

/* As call.taken. */
static void answered(struct call *c, unsigned status, const struct json *body)
{
    struct ask *q = c->asked;
    const char *detail = NULL;
    if (!can_mend(status) || json_text(json_get(body, "detail"), "detail", &detail, NULL)) {
        orders_page(c, status, body);
        return;
    }
    q->changed = sentence(c, detail);
    (void)show(q, status);
}

enum hd_code action_take(struct call *c, struct hd_error *err)
{
    struct ask *q = arena_of(c->arena, struct ask);
    *q = (struct ask){.call = c};
    const char *had = call_form(c, "saw"), *state = call_form(c, "seen");
    if (load(q, err))
        return absent(c, err);
    const char *now = saw(q);
    bool moved = had && !str_is(had, now);
    bool other = on_guard(q) && state && !str_is(state, hd_state_word(q->view->guard.state));
    if (moved || other) {
        q->changed = other ? arena_print(c->arena, "The guard was %s when you were asked.", state)
                          : "The traffic or the target is not as it was when you were asked.";
        return show(q, 409);
    }
    c->asked = q;
    c->taken = answered;
    enum hd_code code = orders_take(c, err);
    if (code || !can_mend(c->reply.status))
        return code;
    q->changed = sentence(c, c->refused);
    return show(q, c->reply.status);
}
