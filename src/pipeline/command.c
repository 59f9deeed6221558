/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders of humans and of CI, as they come from the HTTP face: one JSON packet in, one out, and
 * the 2xx only after the commit (I7). Finds what an order is about, checks the token, and calls the
 * one of its row; the files of the families carry it out.
 */
#include "pipeline/once.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

struct order_wait {
    struct order_wait *next;
    char *packet;
    size_t len;
    char once_hash[65]; /* "": without a key */
};

#define ORDERS_MAX 16 /* waiting for one reading of one service */

void order_problem(struct order *o, int status, const char *code, const char *detail)
{
    o->status = status;
    o->code = code;
    o->detail = detail;
}

const char *order_text(const struct order *o, const char *key)
{
    const char *text = NULL;
    if (json_text(json_get(o->args, key), key, &text, NULL) || !*text)
        return NULL;
    char *copy = arena_text(o->arena, text);
    str_clean(copy, HD_TEXT_MAX);
    return copy;
}

int64_t order_number(const struct order *o, const char *key, int64_t fallback)
{
    int64_t v;
    return json_i64(json_get(o->args, key), key, &v, NULL) ? fallback : v;
}

static struct guard *live_guard(const struct pipeline *p, const char *id)
{
    for (size_t i = 0; i < p->n_services; i++) {
        struct guard *g = p->services[i]->guard;
        if (g && str_is(g->row.id, id))
            return g;
    }
    return NULL;
}

void order_about(struct order *o, struct guard *g, int status)
{
    o->about = g;
    memcpy(o->about_id, g->row.id, sizeof o->about_id);
    o->status = status;
}

void order_read_first(struct order *o)
{
    struct service *s = o->s;
    struct order_wait *w = calloc(1, sizeof *w), **at = &s->orders;
    if (!w || s->n_orders >= ORDERS_MAX || !o->p->o.answer) {
        free(w);
        order_problem(o, 503, "busy", "too many orders wait for a reading of the router");
        return;
    }
    *w = (struct order_wait){.packet = strndup(o->text.at, o->text.len), .len = o->text.len};
    memcpy(w->once_hash, o->once_hash, sizeof w->once_hash);
    while (*at)
        at = &(*at)->next;
    *at = w;
    s->n_orders++;
    o->later = true;
    watch_now(s);
}

/* A page that was open for a while must not order what its reader would not have. */
static bool as_seen(struct order *o, const struct guard *g)
{
    const char *seen = order_text(o, "if_state"), *now = g ? hd_state_word(g->row.state) : NULL;
    struct store_guard row;
    struct hd_error err;
    if (!seen || !o->guard)
        return true;
    if (!now && !store_guard(o->p->o.store, o->arena, o->guard, &row, &err))
        now = hd_state_word(row.state);
    if (str_is(seen, now))
        return true;
    order_problem(o, 409, "changed",
                  arena_print(o->arena, "the guard was %s on the page, and is %s now", seen, now ? now : "gone"));
    return false;
}

static bool allowed(struct order *o, int32_t need)
{
    struct hd_error err;
    if (!o->token) {
        order_problem(o, 401, "no_token", "this needs a bearer token");
        return false;
    }
    enum hd_code code = accounts_find(o->p->o.store, o->arena, o->token, o->p->now.wall_ms, &o->by, &err);
    if (code == HD_DENIED) {
        order_problem(o, 401, "bad_token", "the token is not known");
        return false;
    }
    if (code) {
        order_problem(o, 503, "no_store", arena_text(o->arena, err.text));
        return false;
    }
    int32_t role = accounts_role(&o->by, o->service);
    if (role < need)
        order_problem(o, 403, "not_allowed", "the token's role or services do not cover this");
    return role >= need;
}

/* What an order must name, and what it finds then. */
enum about {
    ABOUT_FREE,    /* what it likes; it looks for itself */
    ABOUT_FLEET,   /* nothing, or a service */
    ABOUT_SERVICE, /* a service, or a live guard of it */
    ABOUT_PAST,    /* a service, or any guard of it */
    ABOUT_LIVE,    /* a live guard or analysis */
    ABOUT_GUARD,   /* any guard or analysis */
};

/* What the order is about, from the names in its packet. */
static void look_up(struct order *o, enum about about)
{
    struct pipeline *p = o->p;
    const struct store_hold *hold = order_named_hold(o);
    struct store_guard row;
    struct hd_error err;
    if (o->guard)
        o->g = live_guard(p, o->guard);
    if (o->guard && !o->g && (about == ABOUT_LIVE || about == ABOUT_GUARD))
        o->g = analysis_live(p, o->guard);
    if (o->g)
        o->service = o->g->service->name;
    else if (o->guard) /* ended: the row says whose it was, for the token */
        o->service = store_guard(p->o.store, o->arena, o->guard, &row, &err) ? NULL : row.service;
    if (hold) /* for the token */
        o->service = hold->service ? arena_text(o->arena, hold->service) : NULL;
    o->s = o->service ? service_find(p, o->service) : NULL;
}

static void order_reload(struct order *o)
{
    struct pipeline *p = o->p;
    struct config *fresh = NULL;
    struct hd_error err;
    if (!p->o.load) {
        order_problem(o, 501, "no_file", "this daemon has no file to load");
        return;
    }
    BUF_AUTO errors = BUF_INIT(PIPELINE_PACKET_MAX / 2);
    if (p->o.load(p->o.load_ctx, &fresh, &errors, &err)) {
        pipeline_reload_refused(p, p->now, err.text);
        order_problem(o, 422, "bad_config", arena_text(o->arena, err.text));
        o->errors = errors.len ? arena_text(o->arena, buf_at(&errors)) : NULL;
        return;
    }
    pipeline_reload(p, p->now, fresh);
    config_unref(fresh);
    o->status = 200;
}

static const struct row {
    const char *what;
    enum about about;
    int32_t role;
    void (*run)(struct order *);
} rows[] = {
    {"guard", ABOUT_SERVICE, HD_TOKEN_OPERATOR, guard_order},
    {"revert", ABOUT_SERVICE, HD_TOKEN_OPERATOR, revert_order},
    {"cancel", ABOUT_LIVE, HD_TOKEN_OPERATOR, cancel_order},
    {"acknowledge", ABOUT_GUARD, HD_TOKEN_OPERATOR, acknowledge_order},
    {"change", ABOUT_GUARD, HD_TOKEN_OPERATOR, change_order},
    {"mark", ABOUT_GUARD, HD_TOKEN_OPERATOR, mark_order},
    {"approve", ABOUT_GUARD, HD_TOKEN_OPERATOR, approval_order},
    {"analyse", ABOUT_SERVICE, HD_TOKEN_OPERATOR, analysis_order},
    {"alerts", ABOUT_SERVICE, HD_TOKEN_OPERATOR, alerts_order},
    {"drill", ABOUT_SERVICE, HD_TOKEN_OPERATOR, drill_order},
    {"hold", ABOUT_FLEET, HD_TOKEN_OPERATOR, hold_order},
    {"release", ABOUT_FLEET, HD_TOKEN_OPERATOR, release_order},
    {"release_hold", ABOUT_FREE, HD_TOKEN_OPERATOR, release_order},
    {"rearm", ABOUT_PAST, HD_TOKEN_OPERATOR, rearm_order},
    {"reload", ABOUT_FLEET, HD_TOKEN_ADMIN, order_reload},
    {"doctor", ABOUT_FREE, HD_TOKEN_ADMIN, doctor_order},
    {"gate", ABOUT_FREE, HD_TOKEN_OPERATOR, gates_order},
    {"flagger_event", ABOUT_FREE, HD_TOKEN_OPERATOR, gates_event},
    {"token", ABOUT_FREE, HD_TOKEN_ADMIN, accounts_token},
    {"revoke_token", ABOUT_FREE, HD_TOKEN_ADMIN, accounts_revoke},
    {"login", ABOUT_FREE, HD_TOKEN_VIEWER, accounts_login},
    {"logout", ABOUT_FREE, HD_TOKEN_VIEWER, accounts_logout},
};

static bool names_it(struct order *o, enum about about)
{
    bool live = about == ABOUT_FLEET || about == ABOUT_SERVICE || about == ABOUT_LIVE;
    bool fits = about == ABOUT_FREE || about == ABOUT_FLEET || (about == ABOUT_LIVE && o->g) ||
                (about == ABOUT_GUARD && o->guard) ||
                ((about == ABOUT_SERVICE || about == ABOUT_PAST) && o->s);
    if (live && o->guard && !o->g)
        order_problem(o, 404, "no_live_guard", "no such guard is live");
    else if (about != ABOUT_FREE && o->service && !(o->s && o->s->policy) && !o->guard)
        order_problem(o, 404, "no_service", "there is no such service");
    else if (!fits)
        order_problem(o, 400, "bad_command", "the order does not say what it is about");
    else
        return true;
    return false;
}

static void run(struct order *o)
{
    const struct row *row = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !row; i++)
        row = str_is(rows[i].what, o->what) ? &rows[i] : NULL;
    look_up(o, row ? row->about : ABOUT_FREE);
    if (!allowed(o, row ? row->role : HD_TOKEN_OPERATOR) || !once_admit(o) || !as_seen(o, o->g))
        return;
    if (!row)
        order_problem(o, 400, "bad_command", "there is no such command");
    else if (names_it(o, row->about))
        row->run(o);
}

static void body_out(const struct order *o, struct json_out *out)
{
    if (o->status < 400 && o->body) {
        json_put_raw(out, "body", o->body);
        return;
    }
    json_begin(out, "body", '{');
    if (o->status >= 400) {
        json_put_text(out, "type", "about:blank");
        json_put_text(out, "title", o->code);
        json_put_i64(out, "status", o->status);
        json_put_text(out, "detail", o->detail);
        json_put_text(out, "code", o->code);
        json_put_bool(out, "retryable", o->status == 503);
        if (o->errors)
            json_put_raw(out, "errors", o->errors);
    } else if (o->about_id[0]) {
        json_put_text(out, "id", o->about_id);
        const struct guard *g = o->about;
        const struct store_guard *row = g ? &g->row : o->row;
        if (row) {
            json_put_text(out, "service", row->service);
            json_put_text(out, "state", hd_state_word(row->state));
            json_put_text(out, "headline", g ? buf_at(&g->headline) : row->headline);
            json_put_text(out, "mode", hd_mode_word(row->mode));
            json_put_time(out, "until", row->until_ms);
        }
        if (row && row->analysis) {
            json_put_text(out, "verdict", hd_verdict_word(row->verdict));
            json_put_double(out, "score", row->score);
            json_put_text(out, "why", g ? buf_at(&g->why) : row->why);
        }
    } else {
        json_put_bool(out, "ok", true);
    }
    json_end(out, '}');
}

/* The answer's members but the id, which is the packet's own. */
static const char *members_of(const struct order *o)
{
    BUF_AUTO text = BUF_INIT(PIPELINE_PACKET_MAX);
    struct json_out out = json_out(&text);
    if (o->again)
        return o->again;
    json_begin(&out, NULL, '{');
    json_put_i64(&out, "status", o->status);
    if (o->about_id[0])
        json_put_text(&out, "location", arena_print(o->arena, "/api/v1/guards/%s", o->about_id));
    body_out(o, &out);
    return arena_text(o->arena, buf_at(&text) + 1);
}

/* A repetition gets the first answer; one that held a secret is stored nowhere. */
static void remember(const struct order *o, const char *members)
{
    struct order shown = *o;
    if (o->status >= 400 || !accounts_shows_secret(o)) {
        once_remember(o, members);
        return;
    }
    shown.about_id[0] = '\0';
    order_problem(&shown, 409, "shown_once", "this order was carried out, and its secret was shown then: "
                  "end it and order another one");
    once_remember(&shown, members_of(&shown));
}

static void answer_out(const struct order *o, const char *members, struct buf *to)
{
    buf_print(to, "{\"id\":%lld,%s}", (long long)o->id, members);
}

static const char *packet_text(const struct order *o, const char *key)
{
    const char *text = NULL;
    return json_text(json_get(o->packet, key), key, &text, NULL) ? NULL : text;
}

/* True: the answer is written; false: it comes later. */
static bool command(struct pipeline *p, struct hd_span packet, bool fresh, const struct hd_error *unread,
                    struct buf *answer)
{
    ARENA_AUTO a = arena_new();
    JSON_AUTO j = NULL;
    struct hd_error err;
    struct order o = {.p = p, .arena = a, .text = packet, .fresh = fresh};
    if (json_parse(packet, &j, &err)) {
        order_problem(&o, 400, "bad_command", err.text);
    } else {
        o.packet = j;
        o.args = json_get(j, "args");
        (void)json_i64(json_get(j, "id"), "id", &o.id, NULL);
        o.what = packet_text(&o, "do");
        o.service = packet_text(&o, "service");
        o.guard = packet_text(&o, "guard");
        o.token = packet_text(&o, "token");
        o.key = packet_text(&o, "key");
        if (unread)
            order_problem(&o, 503, "router_unread", unread->text);
        else
            run(&o);
    }
    if (o.later)
        return false;
    const char *members = members_of(&o); /* before the commit, which frees a guard that ended */
    remember(&o, members);
    if (o.status < 400 && save_all(p, &err)) {
        o.about = NULL;
        o.again = NULL; /* not before it is durable (I7) */
        order_problem(&o, 503, "not_saved", err.text);
        members = members_of(&o);
    }
    log_info(o.service, "command %s: %d", o.what ? o.what : "?", o.status);
    answer_out(&o, members, answer);
    return true;
}

void pipeline_command(struct pipeline *p, struct hd_now now, struct hd_span packet, struct buf *answer)
{
    p->now = now;
    (void)command(p, packet, false, NULL, answer);
}

static struct order_wait *pop(struct service *s)
{
    struct order_wait *w = s->orders;
    s->orders = w->next;
    s->n_orders--;
    s->orders_ready -= s->orders_ready > 0;
    return w;
}

void command_read(struct service *s, const struct hd_error *err)
{
    size_t n = s->orders_ready;
    s->orders_ready = 0; /* an order may begin a reading, which counts them anew */
    for (; n && s->orders; n--) {
        struct order_wait *w = pop(s);
        BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
        if (command(s->p, (struct hd_span){w->packet, w->len}, true, err, &answer))
            s->p->o.answer(s->p->o.answer_ctx, buf_span(&answer));
        free(w->packet);
        free(w);
    }
}

void command_gone(struct service *s)
{
    s->orders_ready = s->n_orders;
    command_read(s, NULL);
}

bool command_waits(const struct service *s, const char *once_hash)
{
    const struct order_wait *w = s->orders;
    while (w && !str_is(w->once_hash, once_hash))
        w = w->next;
    return w != NULL;
}

void command_drop(struct service *s)
{
    while (s->orders) {
        struct order_wait *w = pop(s);
        free(w->packet);
        free(w);
    }
}
