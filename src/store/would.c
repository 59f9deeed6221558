/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store knows that says whether haldane would act right now: the rules a guard started with, or
 * those of the service, holds, budgets, rejected sides and the newest reading. Judges nothing
 * (base/would.c does). Called by the faces and by `haldane doctor`.
 */
#include <string.h>

#include "base/str.h"
#include "store/sql.h"

/* --- rules --- */

void store_rules_save(const struct would_rules *r, struct json_out *o, const char *key)
{
    json_begin(o, key, '{');
    json_put_bool(o, "on_fail_page", r->on_fail_page);
    json_put_bool(o, "unsafe", r->unsafe);
    json_put_bool(o, "rollback_safe", r->rollback_safe);
    json_put_i64(o, "rollback_unsafe_until_ms", r->rollback_unsafe_until_ms);
    json_put_i64(o, "cooldown_ms", r->cooldown_ms);
    json_put_i64(o, "reverts_per_hour", r->reverts_per_hour);
    json_put_i64(o, "brake", r->brake);
    json_put_double(o, "target_ready", r->target_ready);
    json_begin(o, "vouched", '[');
    for (size_t i = 0; i < r->n_vouched; i++)
        json_put_text(o, NULL, r->vouched[i]);
    json_end(o, ']');
    json_put_text(o, "approvers", r->approvers);
    json_end(o, '}');
}

static enum hd_code load_rules(struct hd_arena *a, const struct json *j, struct would_rules *ret, struct hd_error *err)
{
    struct would_rules r = {.n_vouched = 0};
    const char *approvers = NULL;
    const struct {
        const char *key;
        bool *to;
    } flag[] = {{"on_fail_page", &r.on_fail_page}, {"unsafe", &r.unsafe}, {"rollback_safe", &r.rollback_safe}};
    const struct {
        const char *key;
        int64_t *to;
    } number[] = {{"rollback_unsafe_until_ms", &r.rollback_unsafe_until_ms},
                  {"cooldown_ms", &r.cooldown_ms},
                  {"reverts_per_hour", &r.reverts_per_hour},
                  {"brake", &r.brake}};
    enum hd_code code = json_double(json_get(j, "target_ready"), "target_ready", &r.target_ready, err);
    for (size_t i = 0; !code && i < sizeof flag / sizeof *flag; i++)
        code = json_bool(json_get(j, flag[i].key), flag[i].key, flag[i].to, err);
    for (size_t i = 0; !code && i < sizeof number / sizeof *number; i++)
        code = json_i64(json_get(j, number[i].key), number[i].key, number[i].to, err);
    const struct json *item = json_first(json_get(j, "vouched"));
    for (; !code && item && r.n_vouched < HD_SIDES_MAX; item = json_next(item)) {
        const char *colour;
        code = json_text(item, "vouched", &colour, err);
        if (!code)
            r.vouched[r.n_vouched++] = arena_text(a, colour);
    }
    const struct json *by = json_get(j, "approvers");
    if (!code && by && json_type(by) == JSON_STRING)
        code = json_text(by, "approvers", &approvers, err);
    r.approvers = approvers ? arena_text(a, approvers) : NULL;
    if (!code)
        *ret = r;
    return code;
}

/* The object is the text itself, or (key) a member of it. */
static enum hd_code read_rules(struct hd_arena *a, const char *text, const char *key, struct would_rules *ret,
                               struct hd_error *err)
{
    JSON_AUTO j = NULL;
    enum hd_code code = json_parse((struct hd_span){text, strlen(text)}, &j, err);
    const struct json *rules = key ? json_get(j, key) : j;
    if (!code && !rules)
        code = hd_fail(err, HD_ABSENT, "no rules are stored");
    return code ? code : load_rules(a, rules, ret, err);
}

/* A guard's own, else the service's. */
static enum hd_code find_rules(struct store *s, struct hd_arena *a, const struct store_asked *of,
                               struct would_rules *ret, struct hd_error *err)
{
    struct store_service row;
    const struct store_service *service = of->row;
    enum hd_code code = HD_OK;
    if (of->rules) {
        *ret = *of->rules;
        return HD_OK;
    }
    bool own = of->guard && of->guard->rules;
    if (!own && !service) {
        code = store_service(s, a, of->service, &row, err);
        service = &row;
    }
    if (!code)
        code = own ? read_rules(a, of->guard->rules, NULL, ret, err) : read_rules(a, service->about, "rules", ret, err);
    if (!code)
        ret->mode = of->guard ? of->guard->mode : hd_mode_of(service->mode);
    return code;
}

/* --- budgets --- */

enum hd_code store_put_decisions(struct store *s, const int64_t *wall_ms, size_t n, struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(n * 24 + 1);
    for (size_t i = 0; i < n; i++)
        buf_print(&b, "%s%lld", i ? " " : "", (long long)wall_ms[i]);
    return store_put_fact(s, "decisions", buf_at(&b), err);
}

enum hd_code store_decisions(struct store *s, struct hd_arena *a, int64_t since_ms, int64_t **ret, size_t *ret_n,
                             struct hd_error *err)
{
    const char *text = "";
    enum hd_code code = store_fact(s, a, "decisions", &text, err);
    if (code && code != HD_ABSENT)
        return code;
    int64_t *list = arena_many(a, strlen(text) / 2 + 1, int64_t);
    size_t n = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (str_read_i64(arena_text_n(a, text, len), &list[n]) && list[n] > since_ms)
            n++;
        text += len + (text[len] == ' ');
    }
    *ret = list;
    *ret_n = n;
    return HD_OK;
}

enum hd_code store_budgets(struct store *s, struct hd_arena *a, int64_t now_ms, struct store_budgets *ret,
                           struct hd_error *err)
{
    if (store_holds(s, a, now_ms, &ret->hold, &ret->n_holds, err) ||
        store_reverts(s, a, NULL, now_ms - WOULD_HOUR_MS, &ret->reverts, &ret->n_reverts, err) ||
        store_decisions(s, a, now_ms - WOULD_BRAKE_MS, &ret->decisions, &ret->n_decisions, err))
        return err->code;
    return HD_OK;
}

static void take_budgets(const struct store_budgets *b, const char *service, struct would_facts *f)
{
    f->reverts = b->reverts;
    f->n_reverts = b->n_reverts;
    f->decisions = b->decisions;
    f->n_decisions = b->n_decisions;
    for (size_t i = 0; i < b->n_holds && !f->held; i++) {
        if (b->hold[i].service && !str_is(b->hold[i].service, service))
            continue;
        f->held = b->hold[i].reason ? b->hold[i].reason : "";
        f->held_until_ms = b->hold[i].until_ms;
        f->held_all = !b->hold[i].service;
    }
}

/* --- the target --- */

static const struct store_side *side_of(const struct store_reading *r, const char *colour)
{
    for (size_t i = 0; colour && i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, colour))
            return &r->side[i];
    }
    return NULL;
}

static const char *busiest(const struct store_reading *r)
{
    const struct store_side *best = NULL;
    for (size_t i = 0; i < r->n_sides; i++) {
        if (!best || r->side[i].share_ppm > best->share_ppm)
            best = &r->side[i];
    }
    return best ? best->colour : NULL;
}

/* By the engine's last judgement. */
static double worst_of(const struct store_guard *g)
{
    JSON_AUTO j = NULL;
    double worst = 1;
    uint32_t i = 0;
    if (!g->checks || !g->engine || json_parse((struct hd_span){g->checks, strlen(g->checks)}, &j, NULL))
        return worst;
    for (const struct json *c = json_first(j); c && i < g->engine->n_checks; c = json_next(c), i++) {
        const struct hd_check_state *state = &g->engine->check[i];
        const char *unit = "";
        bool complement = false;
        (void)json_text(json_get(c, "unit"), "unit", &unit, NULL);
        (void)json_bool(json_get(c, "complement"), "complement", &complement, NULL);
        if (state->band == HD_BAND_FAIL)
            worst = would_worst(worst, unit, complement, state->value);
    }
    return worst;
}

static enum hd_code take_target(struct store *s, struct hd_arena *a, const struct store_asked *of,
                                struct would_facts *f, struct hd_error *err)
{
    struct store_reading r;
    struct store_guard whole;
    const struct store_guard *g = of->guard;
    enum hd_code code = store_reading(s, a, of->service, &r, err);
    if (code)
        return code == HD_ABSENT ? HD_OK : code; /* never read: the target is not known */
    const char *target = of->target ? of->target : g ? g->stable : busiest(&r);
    const struct store_side *side = side_of(&r, target), *other = g ? side_of(&r, g->candidate) : NULL;
    if (!side)
        return HD_OK;
    f->target = side->colour;
    f->ready = side->ready;
    f->wanted = side->wanted;
    f->candidate_good = 1;
    if (g && side->ready < side->wanted && !g->engine && !store_guard(s, a, g->id, &whole, err))
        g = &whole; /* a listed row has no memory, and it matters now */
    if (other)
        f->candidate_good = would_good(other->ready, other->wanted, worst_of(g));
    return store_rejected(s, a, of->service, f->target, &f->rejected, err);
}

enum hd_code store_would(struct store *s, struct hd_arena *a, const struct store_asked *of, struct would_facts *ret,
                         struct hd_error *err)
{
    struct would_facts f = {.now_ms = of->now_ms, .cooling_ms = -1, .ready = HD_UNKNOWN, .wanted = HD_UNKNOWN};
    struct store_budgets loaded = {.n_holds = 0};
    const struct store_guard *g = of->guard;
    int64_t *reverts;
    size_t n = 0;
    enum hd_code code = find_rules(s, a, of, &f.rules, err);
    if (!code && !of->budgets)
        code = store_budgets(s, a, of->now_ms, &loaded, err);
    if (!code)
        code = store_reverts(s, a, of->service, of->now_ms - f.rules.cooldown_ms, &reverts, &n, err);
    if (!code && g)
        code = store_was_reverted(s, of->service, g->candidate, g->candidate_version, &f.reverted_before, err);
    if (!code)
        code = take_target(s, a, of, &f, err);
    if (code)
        return code;
    take_budgets(of->budgets ? of->budgets : &loaded, of->service, &f);
    f.cooling_ms = n ? reverts[n - 1] : -1;
    *ret = f;
    return HD_OK;
}
