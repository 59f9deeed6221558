/* SPDX-License-Identifier: Apache-2.0
 *
 * See accounts.h. Also carries out the orders about tokens and sessions. A new secret leaves the
 * program once, in the answer to who asked for it; stored are hashes. Called by command.c and
 * save.c, and by the face through a pointer.
 */
#include "pipeline/accounts.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cred/cred.h"
#include "pipeline/order.h"

#define TOKEN_LASTS_MAX_MS ((int64_t)5 * 366 * 86400 * 1000)

static const char *const roles[] = {
    [HD_TOKEN_VIEWER] = "viewer", [HD_TOKEN_OPERATOR] = "operator", [HD_TOKEN_ADMIN] = "admin"};
#define N_ROLES ((int32_t)(sizeof roles / sizeof *roles))

/* --- whose secret --- */

static const char *const *globs_of(struct hd_arena *a, const char *services)
{
    JSON_AUTO j = NULL;
    const char **list = arena_many(a, HD_GLOBS_MAX + 1, const char *);
    size_t n = 0;
    if (json_parse((struct hd_span){services, strlen(services)}, &j, NULL))
        return list;
    for (const struct json *k = json_first(j); k && n < HD_GLOBS_MAX; k = json_next(k)) {
        const char *text;
        if (!json_text(k, "services", &text, NULL))
            list[n++] = arena_text(a, text);
    }
    return list;
}

static bool is_of(struct hd_arena *a, const struct store_token *t, const char *hash, int64_t now_ms)
{
    const char *want = t->hash;
    if (t->until_ms >= 0 && t->until_ms <= now_ms)
        return false;
    if (t->origin == STORE_ORIGIN_CONFIG && cred_resolve(a, t->hash, &want, NULL))
        return false;
    return cred_equal(hash, want);
}

enum hd_code accounts_find(struct store *s, struct hd_arena *a, const char *secret, int64_t now_ms,
                           struct account *ret, struct hd_error *err)
{
    struct account found = {0};
    struct store_token *list;
    const char *of_session;
    size_t n;
    cred_sha256_hex((struct hd_span){secret, strlen(secret)}, found.hash);
    enum hd_code code = store_session(s, a, found.hash, now_ms, &of_session, err);
    if (code && code != HD_ABSENT)
        return code;
    found.session = !code;
    if (found.session)
        (void)snprintf(found.hash, sizeof found.hash, "%s", of_session);
    if (store_tokens(s, a, &list, &n, err))
        return err->code;
    const struct store_token *mine = NULL;
    for (size_t i = 0; i < n; i++) { /* all of them: the time tells nothing */
        if (is_of(a, &list[i], found.hash, now_ms))
            mine = &list[i];
    }
    if (!mine)
        return hd_fail(err, HD_DENIED, "the token is not known");
    found.name = mine->name;
    found.role = mine->role;
    found.services = globs_of(a, mine->services);
    *ret = found;
    return HD_OK;
}

enum hd_code accounts_who(struct store *s, struct hd_arena *a, const char *secret, int64_t now_ms,
                          struct store_account *ret, struct hd_error *err)
{
    struct account found;
    enum hd_code code = accounts_find(s, a, secret, now_ms, &found, err);
    if (code)
        return code;
    *ret = (struct store_account){.name = found.name, .role = found.role};
    if (found.session) {
        /* Made from the cookie, which no other site can read. */
        const char *text = arena_print(a, "csrf %s", secret);
        char csrf[65];
        cred_sha256_hex((struct hd_span){text, strlen(text)}, csrf);
        ret->csrf = arena_text(a, csrf);
    }
    return HD_OK;
}

int32_t accounts_role(const struct account *a, const char *service)
{
    bool covers = service ? str_glob_any(a->services, service) : a->role == HD_TOKEN_ADMIN;
    return covers ? a->role : HD_TOKEN_VIEWER;
}

/* --- what the store keeps of the config --- */

static const char *services_json(struct hd_arena *a, const char *const *globs)
{
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out o = json_out(&b);
    json_begin(&o, NULL, '[');
    for (; *globs; globs++)
        json_put_text(&o, NULL, *globs);
    json_end(&o, ']');
    return arena_text(a, buf_at(&b));
}

enum hd_code accounts_save(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    const struct hd_config *c = p->c;
    struct store_token *row = arena_many(a, c->n_tokens + 1, struct store_token);
    size_t n = 0;
    for (; n < c->n_tokens; n++) {
        const struct hd_token *t = &c->tokens[n];
        const char *hash;
        struct hd_error missing;
        if (cred_resolve(a, t->hash, &hash, &missing))
            log_warn(NULL, "auth.tokens.%s: %s", t->name, missing.text);
        row[n] = (struct store_token){.origin = STORE_ORIGIN_CONFIG,
                                      .name = t->name,
                                      .role = t->role,
                                      .services = services_json(a, t->services),
                                      .hash = t->hash,
                                      .made_ms = p->now.wall_ms,
                                      .until_ms = -1};
    }
    if (p->o.admin_token_hash)
        row[n++] = (struct store_token){.origin = STORE_ORIGIN_LOCAL,
                                        .name = "local",
                                        .role = HD_TOKEN_ADMIN,
                                        .services = "[\"*\"]",
                                        .hash = p->o.admin_token_hash,
                                        .made_ms = p->now.wall_ms,
                                        .until_ms = -1};
    enum hd_code code = store_put_tokens(p->o.store, row, n, err);
    return code ? code
                : store_put_fact(p->o.store, "anonymous",
                                 c->anonymous == HD_ANONYMOUS_READ ? "read" : "nothing", err);
}

/* --- orders --- */

/* Commits what `code` began; true when it is durable, else the order is refused. */
static bool committed(struct order *o, enum hd_code code, struct hd_error *err)
{
    struct store *s = o->p->o.store;
    if (!code)
        code = store_commit(s, err);
    if (!code)
        return true;
    store_rollback(s);
    if (code == HD_CONFLICT)
        order_problem(o, 409, "name_taken", arena_text(o->arena, err->text));
    else if (code == HD_ABSENT)
        order_problem(o, 404, "no_token", arena_text(o->arena, err->text));
    else if (code == HD_LIMIT)
        order_problem(o, 409, "too_many", arena_text(o->arena, err->text));
    else
        order_problem(o, 503, "not_saved", arena_text(o->arena, err->text));
    return false;
}

/* "shop-*,cart" -> ["shop-*","cart"]; NULL: an empty one, or too many. */
static const char *split_globs(struct order *o, const char *text)
{
    const char **list = arena_many(o->arena, HD_GLOBS_MAX + 1, const char *);
    for (size_t n = 0; n < HD_GLOBS_MAX; n++) {
        size_t len = strcspn(text, ",");
        if (!len)
            return NULL;
        list[n] = arena_text_n(o->arena, text, len);
        text += len;
        if (!*text)
            return services_json(o->arena, list);
        text++;
    }
    return NULL;
}

static const char *token_json(struct order *o, const struct store_token *t, const char *token)
{
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "name", t->name);
    json_put_text(&out, "role", roles[t->role]);
    json_put_raw(&out, "services", t->services);
    json_put_text(&out, "origin", "order");
    json_put_text(&out, "actor", t->actor);
    json_put_time(&out, "made_at", t->made_ms);
    json_put_time(&out, "until", t->until_ms);
    json_put_text(&out, "token", token);
    json_end(&out, '}');
    return arena_text(o->arena, buf_at(&b));
}

/* Only what an address can name can be revoked; a control character has become '?'. */
static bool is_name(const char *name)
{
    return name && !strpbrk(name, "/?") && !str_is(name, ".") && !str_is(name, "..") && *name != ' ' &&
           !str_ends(name, " ");
}

void accounts_token(struct order *o)
{
    const char *role = order_text(o, "role"), *services = order_text(o, "services");
    struct store *s = o->p->o.store;
    struct hd_error err;
    char token[64], hash[65];
    int64_t now = o->p->now.wall_ms, lasts = order_number(o, "duration_ms", 0);
    struct store_token t = {.name = order_text(o, "name"),
                            .actor = o->by.name,
                            .made_ms = now,
                            .until_ms = lasts ? now + lasts : -1,
                            .hash = hash};
    while (t.role < N_ROLES && !str_is(roles[t.role], role))
        t.role++;
    t.services = split_globs(o, services ? services : "*");
    if (!is_name(t.name) || t.role == N_ROLES || !t.services || lasts < 0 || lasts > TOKEN_LASTS_MAX_MS) {
        order_problem(o, 422, "bad_token", "a token needs a name without '/', a role (viewer, operator or admin), "
                                           "at most 32 globs of services and 5 years");
        return;
    }
    if (cred_token_new(token, &err)) {
        order_problem(o, 503, "no_random", arena_text(o->arena, err.text));
        return;
    }
    cred_sha256_hex((struct hd_span){token, strlen(token)}, hash);
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_add_token(s, &t, &err);
    if (!committed(o, code, &err))
        return;
    event_add(o->p, NULL, NULL, "operator", HD_REASON_NONE,
              arena_print(o->arena, "Token %s was made: %s", t.name, roles[t.role]),
              arena_print(o->arena, "by %s, for the services %s", o->by.name, t.services), false);
    o->body = token_json(o, &t, token);
    o->status = 201;
}

void accounts_revoke(struct order *o)
{
    const char *name = order_text(o, "name");
    struct store *s = o->p->o.store;
    struct hd_error err;
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_drop_token(s, name ? name : "", &err);
    if (!committed(o, code, &err))
        return;
    event_add(o->p, NULL, NULL, "operator", HD_REASON_NONE,
              arena_print(o->arena, "Token %s was revoked", name),
              arena_print(o->arena, "by %s", o->by.name), false);
    o->status = 200;
}

/* The token has been checked: a session stands for it until it ends or the token does. */
void accounts_login(struct order *o)
{
    struct store *s = o->p->o.store;
    struct hd_error err;
    char secret[64], hash[65];
    int64_t now = o->p->now.wall_ms;
    if (o->by.session) { /* it would never end */
        order_problem(o, 401, "bad_token", "a login needs a token");
        return;
    }
    if (cred_token_new(secret, &err)) {
        order_problem(o, 503, "no_random", arena_text(o->arena, err.text));
        return;
    }
    memcpy(secret, "hls_", 4); /* so that nobody takes it for a token */
    cred_sha256_hex((struct hd_span){secret, strlen(secret)}, hash);
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_add_session(s, hash, o->by.hash, now, now + HD_SESSION_MS, &err);
    if (!committed(o, code, &err))
        return;
    o->body = arena_print(o->arena, "{\"session\":\"%s\"}", secret);
    o->status = 201;
}

void accounts_logout(struct order *o)
{
    struct store *s = o->p->o.store;
    struct hd_error err;
    char hash[65];
    cred_sha256_hex((struct hd_span){o->token, strlen(o->token)}, hash);
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_drop_session(s, hash, &err);
    if (committed(o, code, &err))
        o->status = 200;
}

bool accounts_shows_secret(const struct order *o)
{
    return str_is(o->what, "token") || str_is(o->what, "login");
}
