/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start finds: guards that were live go on with their evidence (I9), intents that were open
 * are resolved by reading the world, never by guessing. Called once, by pipeline_new; a reload asks
 * what is known of services that come back with it.
 */
#include "pipeline/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "json/json.h"

static void take_up_reading(struct service *s)
{
    struct hd_error err;
    struct hd_arena *a = arena_new();
    struct store_reading last;
    if (store_reading(s->p->o.store, a, s->name, &last, &err)) {
        arena_free(a);
        return;
    }
    s->last_arena = a;
    s->last = last;
    s->last.service = s->name;
    s->carried_home[0] = '\0';
    if (!reading_idle(&last))
        return;
    s->carried_arena = arena_new();
    if (!store_reading_with_traffic(s->p->o.store, s->carried_arena, s->name, &last, &err)) {
        s->carried = last;
        s->carried.service = s->name;
    }
}

static void take_up_ours(struct service *s)
{
    ARENA_AUTO a = arena_new();
    const char *fact;
    struct hd_error err;
    if (store_fact(s->p->o.store, a, arena_print(a, "ours/%s", s->name), &fact, &err) || !*fact)
        return;
    const char *value = strchr(fact, ' ');
    int64_t ms;
    if (!value || !str_read_i64(arena_text_n(a, fact, (size_t)(value - fact)), &ms))
        return;
    service_ours(s, value + 1);
    s->ours_ms = ms;
    s->ours_dirty = false;
}

static void load_check_counts(struct guard *g, uint32_t check, struct hd_span bytes)
{
    struct counts *loaded = NULL;
    struct hd_error err;
    if (!bytes.len || counts_load(bytes, &loaded, &err))
        return;
    counts_free(g->counts[check]);
    g->counts[check] = loaded;
}

/* Until schema 9: a JSON array of texts. */
static void load_counts_text(struct guard *g, struct hd_span text)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    if (json_parse(text, &j, &err))
        return;
    const struct json *item = json_first(j);
    for (uint32_t i = 0; i < g->policy->n_checks && item; i++, item = json_next(item)) {
        const char *one = "";
        (void)json_text(item, "counts", &one, &err);
        load_check_counts(g, i, (struct hd_span){one, strlen(one)});
    }
}

static void load_counts(struct guard *g, struct hd_span bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    struct unpack in = {at, at + bytes.len, false};
    if (bytes.len && *bytes.at == '[') {
        load_counts_text(g, bytes);
        return;
    }
    bool known = unpack_byte(&in) == GUARD_SERIES_VERSION;
    for (uint32_t i = 0; known && i < g->policy->n_checks && !in.bad; i++) {
        size_t len = (size_t)unpack_varint(&in, HD_BLOB_BYTES_MAX);
        if (len > (size_t)(in.end - in.at))
            return;
        load_check_counts(g, i, (struct hd_span){(const char *)in.at, len});
        in.at += len;
    }
}

static int64_t resume_i64(const struct json *j, const char *key, int64_t fallback)
{
    int64_t v;
    return json_i64(json_get(j, key), key, &v, NULL) ? fallback : v;
}

static bool resume_bool(const struct json *j, const char *key)
{
    bool v = false;
    return !json_bool(json_get(j, key), key, &v, NULL) && v;
}

/* The guard's own clock over a restart: boot time if the machine ran on, else what the wall clock
 * says, but never backwards. */
static int64_t resumed_time(const struct guard *g, const struct json *j)
{
    const struct pipeline *p = g->p;
    const char *boot = NULL;
    int64_t t = resume_i64(j, "t_ms", 0);
    bool same = !json_text(json_get(j, "boot_id"), "boot_id", &boot, NULL) && str_is(boot, p->o.boot_id);
    int64_t gone = same ? p->now.boot_ms - resume_i64(j, "boot_ms", p->now.boot_ms)
                        : p->now.wall_ms - resume_i64(j, "wall_ms", p->now.wall_ms);
    return t + (gone > 0 ? gone : 0);
}

static void load_resume(struct guard *g, const char *text)
{
    JSON_AUTO j = NULL;
    struct hd_error err;
    const char *goal;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, &err)) {
        g->t_base_ms = g->p->now.wall_ms - g->row.switch_to_ms;
        return;
    }
    g->t_base_ms = resumed_time(g, j);
    g->polls = (uint32_t)resume_i64(j, "polls", 0);
    g->verified_t_ms = resume_i64(j, "verified_t_ms", 0);
    g->before_done = resume_bool(j, "before_done");
    g->past_asked = g->past_taken = resume_bool(j, "past_taken");
    g->told_blind = (uint64_t)resume_i64(j, "told_blind", 0);
    g->told_shared = (uint64_t)resume_i64(j, "told_shared", 0);
    g->reapplied = resume_bool(j, "reapplied");
    g->unwell = resume_bool(j, "unwell");
    g->turned = resume_bool(j, "turned");
    g->from_rejected = resume_bool(j, "from_rejected");
    g->act.automatic = resume_bool(j, "automatic");
    g->ordered = resume_bool(j, "ordered");
    g->unsafe = resume_bool(j, "unsafe");
    g->act.reapply = resume_bool(j, "reapply");
    if (!json_text(json_get(j, "goal"), "goal", &goal, NULL))
        g->goal = strdup(goal);
}

/* The row's texts, copied to live as long as the guard. */
static void own_row(struct guard *g, const struct store_guard *row)
{
    struct hd_arena *a = g->own;
    g->row = *row;
    g->row.service = g->service->name;
    g->row.trigger = arena_text(a, row->trigger);
    g->row.stable = guard_colour(g, HD_STABLE);
    g->row.candidate = guard_colour(g, HD_CANDIDATE);
    g->row.stable_version = arena_text(a, row->stable_version);
    g->row.candidate_version = arena_text(a, row->candidate_version);
    g->row.group = arena_text(a, row->group);
    g->row.value_before = arena_text(a, row->value_before);
    g->row.value_after = arena_text(a, row->value_after);
    g->row.config_hash = arena_text(a, row->config_hash);
    g->row.pin = arena_text(a, row->pin);
    g->row.checks = arena_text(a, row->checks);
    g->row.rules = arena_text(a, row->rules);
    buf_text(&g->headline, row->headline);
    buf_text(&g->why, row->why);
    buf_text(&g->reasons, row->reasons);
    buf_text(&g->native, row->native);
    buf_text(&g->rehearsal, row->rehearsal);
    buf_text(&g->change, row->change);
    if (row->engine)
        g->engine = *row->engine;
}

/* Of an analysis; when its name is gone already, it still ends in time. */
static void take_up_run(struct guard *g)
{
    struct hd_error err;
    if (!g->row.analysis || !store_run_of(g->p->o.store, g->own, g->row.id, &g->run, &err))
        return;
    g->run = (struct store_run){.expires_ms = g->row.started_ms + HD_RUN_TTL_MS_MAX};
}

/* Was it said that its router cannot be read? The next reading takes that back. */
static bool was_unread(const struct guard *g)
{
    ARENA_AUTO a = arena_new();
    struct store_event *acts;
    size_t n = 0;
    bool was = false;
    if (store_open_acts(g->p->o.store, a, &acts, &n, NULL))
        return false;
    for (size_t i = 0; i < n; i++)
        was |= str_is(acts[i].guard, g->row.id) && acts[i].reason == HD_REASON_ROUTER_UNREADABLE;
    return was;
}

static struct guard *take_up_guard(struct pipeline *p, struct service *s, const struct store_guard *row,
                                   struct hd_error *err)
{
    struct config *pin = NULL;
    enum hd_code code = config_load_pin((struct hd_span){row->pin, strlen(row->pin)}, &pin, err);
    const struct hd_policy *policy = code ? NULL : config_service(pin, s->name);
    int stable = policy ? policy_colour(policy, row->stable) : -1;
    int candidate = policy ? policy_colour(policy, row->candidate) : -1;
    if (stable < 0 || candidate < 0) {
        config_unref(pin);
        if (!code)
            (void)hd_fail(err, HD_CORRUPT, "its pinned config does not know its colours");
        return NULL;
    }
    struct guard *g = guard_new(s, pin, policy, row->analysis);
    config_unref(pin); /* the guard has its own reference */
    g->stable = (uint8_t)stable;
    g->candidate = (uint8_t)candidate;
    own_row(g, row);
    load_resume(g, row->resume);
    load_counts(g, row->counts);
    take_up_run(g);
    if (store_approval(p->o.store, g->own, g->row.id, &g->approval, err) == HD_OK)
        g->approval.guard = g->row.id;
    if (g->row.needs_human)
        s->unread_told = was_unread(g);
    g->added = true;
    g->dirty = true;
    g->backfill = !analysis_of_past(g); /* which leaves nothing out */
    g->boot_base_ms = p->now.boot_ms;
    return g;
}

static const struct store_intent *intent_of(const struct guard *g, const struct store_intent *list, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (str_is(list[i - 1].guard, g->row.id))
            return &list[i - 1];
    }
    return NULL;
}

static void go_on(struct guard *g, const struct store_intent *intent)
{
    struct pipeline *p = g->p;
    struct service *s = g->service;
    event_guard(g, "daemon", HD_REASON_RESTARTED, NULL, false);
    log_info(s->name, "guard %s goes on as %s", g->row.id, hd_state_word(g->row.state));
    due_set(p, DUE_READ, s->index, p->now.boot_ms);
    if (intent) {
        event_guard(g, "daemon", HD_REASON_INTENT_OPEN, intent->to, false);
        act_resume(g, intent);
    } else if (act_busy(g)) { /* decided, and nothing was journaled: decide by a live reading again */
        if (g->row.state != HD_STATE_DECIDING)
            g->row.state = HD_STATE_DECIDING;
        act_start(g, g->act.automatic, g->act.reapply, NULL);
    } else if (g->row.state == HD_STATE_AFTERCARE) {
        care_begin(g);
    } else {
        guard_poll_at(g, p->now.boot_ms);
        if (!g->row.rehearsal && g->row.state != HD_STATE_PENDING && !g->row.analysis)
            act_rehearse(g);
    }
}

/* Nobody is asked any more about a guard that is written off. */
static enum hd_code withdraw_approval(struct pipeline *p, struct hd_arena *arena, const char *guard, struct hd_error *err)
{
    struct store_approval a;
    enum hd_code code = store_approval(p->o.store, arena, guard, &a, err);
    if (code || a.outcome != APPROVAL_OPEN)
        return code == HD_ABSENT ? HD_OK : code;
    a.outcome = APPROVAL_WITHDRAWN;
    a.decided_ms = p->now.wall_ms;
    return store_put_approval(p->o.store, &a, err);
}

static enum hd_code end_intents(struct pipeline *p, const struct store_guard *row, struct store_intent *intents, size_t n,
                                const char *why, bool *ret_any, struct hd_error *err)
{
    enum hd_code code = HD_OK;
    for (size_t i = 0; !code && i < n; i++) {
        if (!str_is(intents[i].guard, row->id))
            continue;
        *ret_any = true;
        intents[i].outcome = HD_INTENT_UNVERIFIED;
        intents[i].done_ms = p->now.wall_ms;
        intents[i].text = why;
        code = store_put_intent(p->o.store, &intents[i], err);
    }
    return code;
}

/* As it ends for whoever reads of it; `acting`: a revert may have been sent. */
static void end_row(struct store_guard *row, bool acting, const char *why, int64_t now_ms)
{
    bool failed = acting || row->verdict == HD_VERDICT_FAIL;
    row->state = acting   ? HD_STATE_NOT_VERIFIED
                 : failed ? HD_STATE_REFUSED
                          : HD_STATE_INCONCLUSIVE;
    row->verdict = failed ? HD_VERDICT_FAIL : HD_VERDICT_INCONCLUSIVE;
    row->needs_human = !row->analysis && row->mode != HD_MODE_SHADOW;
    row->ended_ms = now_ms;
    row->headline = row->analysis ? "haldane could not take up this analysis after a restart"
                    : row->needs_human ? "haldane could not take up this guard after a restart - act now"
                                       : "haldane could not take up this guard after a restart";
    row->why = why;
    row->version++;
}

/* A live guard that cannot be taken up (damaged, or of another version) must not be forgotten: it
 * ends here, its intents too, and a human is told, in one transaction. */
static enum hd_code write_off(struct pipeline *p, struct store_guard *row, struct store_intent *intents,
                              size_t n_intents, const char *why, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    const char *sinks[64];
    size_t n_sinks = 0;
    bool cares = row->state == HD_STATE_AFTERCARE, acting = cares;
    int64_t seq;
    enum hd_code code = store_begin(p->o.store, err);
    if (!code)
        code = end_intents(p, row, intents, n_intents, why, &acting, err);
    end_row(row, acting, why, p->now.wall_ms);
    for (size_t i = 0; row->needs_human && i < p->n_sinks && n_sinks < 64; i++)
        sinks[n_sinks++] = p->sinks[i].name;
    const struct store_rejection left = {row->candidate, "failed a guard", row->id, p->now.wall_ms, true};
    const struct store_event event = {.wall_ms = p->now.wall_ms,
                                      .guard = row->id,
                                      .service = row->service,
                                      .kind = "daemon",
                                      .reason = acting ? HD_REASON_NOT_VERIFIED : HD_REASON_NONE,
                                      .severity = row->needs_human ? HD_SEVERITY_ACT : HD_SEVERITY_WARN,
                                      .state = hd_state_word(row->state),
                                      .headline = row->headline,
                                      .text = why,
                                      .native = row->native};
    if (!code)
        code = store_put_guard(p->o.store, row, err);
    if (!code && row->verdict == HD_VERDICT_FAIL && !cares && !row->analysis) /* of that it is known already */
        code = store_put_rejection(p->o.store, row->service, &left, err);
    if (!code)
        code = withdraw_approval(p, a, row->id, err);
    if (!code)
        code = store_add_event(p->o.store, &event, sinks, n_sinks, &seq, err);
    if (!code)
        code = store_commit(p->o.store, err);
    if (code)
        store_rollback(p->o.store);
    return code;
}

static enum hd_code take_up(struct pipeline *p, struct store_guard *listed, struct store_intent *intents,
                            size_t n_intents, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct store_guard row;
    struct hd_error mine;
    struct service *s = service_need(p, listed->service);
    if (!s->last.service) {
        take_up_reading(s);
        take_up_ours(s);
    }
    bool room = listed->analysis ? analysis_room(s) : s->guard == NULL;
    enum hd_code code = room ? store_guard(p->o.store, a, listed->id, &row, &mine)
                             : hd_fail(&mine, HD_CONFLICT, "more live guards or analyses of one service "
                                       "than there can be");
    struct guard *g = code ? NULL : take_up_guard(p, s, &row, &mine);
    if (!g)
        return write_off(p, listed, intents, n_intents, mine.text, err);
    go_on(g, intent_of(g, intents, n_intents));
    return HD_OK;
}

void recover_services(struct pipeline *p)
{
    for (size_t i = 0; i < p->n_services; i++) {
        struct service *s = p->services[i];
        if (s->known)
            continue;
        s->known = true;
        take_up_reading(s);
        take_up_ours(s);
        mark_take_up(s);
    }
}

enum hd_code recover_all(struct pipeline *p, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct store_filter live = {
        .analyses = STORE_GUARDS_AND_ANALYSES, .live = true, .verdict = -1, .limit = 500};
    const struct store_filter newest = {.analyses = STORE_GUARDS_AND_ANALYSES, .verdict = -1, .limit = 1};
    struct store_guard *rows = NULL;
    struct store_intent *intents = NULL;
    size_t n = 0, n_intents = 0;
    for (size_t i = 0; i < p->n_services; i++) {
        take_up_reading(p->services[i]);
        take_up_ours(p->services[i]);
    }
    enum hd_code code = store_intents(p->o.store, a, NULL, &intents, &n_intents, err);
    if (!code)
        code = store_guards(p->o.store, a, &newest, &rows, &n, err);
    if (!code && n)
        guard_id_taken(p, rows[0].id);
    do { /* page by page */
        n = 0;
        if (!code)
            code = store_guards(p->o.store, a, &live, &rows, &n, err);
        for (size_t i = 0; !code && i < n; i++)
            code = take_up(p, &rows[i], intents, n_intents, err);
        if (n)
            live.before = rows[n - 1].id;
    } while (!code && n == live.limit);
    for (size_t i = 0; !code && i < p->n_services; i++) {
        mark_take_up(p->services[i]);
        p->services[i]->known = true;
    }
    holds_read(p);
    may_take_up(p);
    notify_hurry(p); /* the clock may have been set back meanwhile */
    return code;
}
