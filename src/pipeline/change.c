/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders that change a guard without moving traffic: extend it, lower its mode, leave a note, say
 * that its verdict was a false alarm; and what an order to guard asks beyond the configuration. Each
 * is in the journal with who ordered it.
 */
#include <string.h>

#include "base/str.h"
#include "pipeline/order.h"

/* What a client saw, against what is stored now; true: it is the same, or it said "*". */
static bool unchanged(struct order *o, const struct store_guard *row)
{
    const char *seen = order_text(o, "if_match");
    const char *now = arena_print(o->arena, "\"v%lld\"", (long long)row->version);
    if (!seen || str_is(seen, "*") || str_is(seen, now))
        return true;
    order_problem(o, 412, "changed",
                  arena_print(o->arena, "the guard has changed since: it is %s now", now));
    return false;
}

void order_tell(struct order *o, struct guard *g, const struct store_guard *row, const char *what)
{
    const char *why = order_text(o, "reason"), *by = o->by.name;
    const char *text = why ? arena_print(o->arena, "%s: %s", by, why) : by;
    if (g)
        event_guard(g, "operator", HD_REASON_NONE, arena_print(o->arena, "%s. %s", what, text), false);
    else
        event_past(o->p, row, arena_print(o->arena, "%s. %s", what, text));
}

/* The mode may go down from what the config says, and back up to that. */
static bool mode_fits(struct order *o, const struct hd_policy *policy, const char *word)
{
    int mode = hd_mode_of(word);
    if (mode >= 0 && mode >= policy->mode)
        return true;
    order_problem(o, 422, "bad_mode",
                  arena_print(o->arena, "the mode of this guard can be %s or less",
                              hd_mode_word(policy->mode)));
    return false;
}

/* Takes effect with the commit that answers the order: memory, row and journal go together. */
static bool extend(struct order *o, struct guard *g, int64_t by_ms)
{
    if (g->row.until_ms + by_ms > g->row.switch_to_ms + HD_GUARD_MS_MAX) {
        order_problem(o, 422, "too_long", "a guard lasts at most a day");
        return false;
    }
    if (g->n_inputs) { /* the store could not commit the last one yet */
        order_problem(o, 503, "not_saved", "the last extension is not on the disk yet");
        return false;
    }
    decide_take(g, ENGINE_EXTENDED, by_ms);
    g->row.until_ms += by_ms;
    return true;
}

static bool watches(const struct guard *g)
{
    return !g->row.analysis && (g->row.state == HD_STATE_PENDING || g->row.state == HD_STATE_WARMING ||
                                 g->row.state == HD_STATE_WATCHING);
}

static void change(struct order *o, struct guard *g, const struct store_guard *row)
{
    int64_t by_ms = order_number(o, "duration_ms", 0);
    const char *mode = order_text(o, "mode"), *note = order_text(o, "note");
    char lasts[STR_TIME_MAX];
    if (!unchanged(o, row))
        return;
    if (!by_ms && !mode && !note) {
        order_problem(o, 422, "nothing", "say what to change: extend, mode or note");
        return;
    }
    if ((by_ms || mode) && !(g && watches(g))) {
        order_problem(o, 409, "wrong_state",
                      arena_print(o->arena, "too late: the guard's state is %s",
                                  hd_state_word(g ? g->row.state : row->state)));
        return;
    }
    if ((mode && !mode_fits(o, g->policy, mode)) || (by_ms && !extend(o, g, by_ms)))
        return; /* all of it, or nothing */
    if (mode)
        g->row.mode = hd_mode_of(mode);
    if (g)
        g->dirty = true;
    if (mode)
        order_tell(o, g, row, arena_print(o->arena, "Mode set to %s", mode));
    if (by_ms)
        order_tell(o, g, row, arena_print(o->arena, "Extended by %s", str_duration(by_ms, lasts)));
    if (note)
        order_tell(o, g, row, arena_print(o->arena, "Note: %s", note));
    o->status = 200;
}

static void mark(struct order *o, struct guard *g, const struct store_guard *row)
{
    struct store *s = o->p->o.store;
    struct hd_error err;
    bool good;
    const char *said, *word = order_text(o, "verdict"), *actor = order_text(o, "actor");
    if (row->verdict == HD_VERDICT_NONE && !hd_state_terminal(row->state)) {
        order_problem(o, 409, "wrong_state", "the guard has no verdict yet");
        return;
    }
    said = store_mark_read(word, row->verdict, &good);
    if (!said) {
        order_problem(o, 422, "bad_verdict",
                      arena_print(o->arena, "its verdict is %s: it is marked %s, not '%s'", hd_verdict_word(row->verdict),
                                  store_mark_words(o->arena, row->verdict), word));
        return;
    }
    enum hd_code code = store_begin(s, &err);
    if (!code)
        code = store_mark_guard(s, row->id, good, order_text(o, "reason"), actor ? actor : o->by.name,
                                o->p->now.wall_ms, &err);
    if (!code)
        code = store_commit(s, &err);
    if (code) {
        store_rollback(s);
        order_problem(o, 503, "not_saved", arena_text(o->arena, err.text));
        return;
    }
    struct service *of = service_find(o->p, row->service);
    if (of)
        limits_old(of);
    order_tell(o, g, row, arena_print(o->arena, "Marked: %s", said));
    o->status = 200;
}

const struct store_guard *order_stored(struct order *o)
{
    struct store_guard *row = arena_of(o->arena, struct store_guard);
    struct hd_error err;
    if (store_guard(o->p->o.store, o->arena, o->guard, row, &err)) {
        order_problem(o, 404, "no_guard", "there is no such guard");
        return NULL;
    }
    memcpy(o->about_id, row->id, sizeof o->about_id);
    o->about = o->g;
    return row;
}

void change_order(struct order *o)
{
    const struct store_guard *row = order_stored(o);
    if (row)
        change(o, o->g, row);
}

void mark_order(struct order *o)
{
    const struct store_guard *row = order_stored(o);
    if (row)
        mark(o, o->g, row);
}

/* --- what an order to guard asks beyond the configuration --- */

static bool duration_fits(struct order *o, const struct hd_policy *policy, int64_t ms)
{
    char least[STR_TIME_MAX];
    int64_t three = 3 * policy->guard.interval_ms, warmup = policy->guard.warmup_ms;
    if (ms > warmup && ms >= three && ms <= HD_GUARD_MS_MAX)
        return true;
    order_problem(o, 422, "bad_duration",
                  arena_print(o->arena, "a guard of this service lasts longer than its warm-up and three "
                              "intervals (%s), and at most a day",
                              str_duration_exact(warmup > three ? warmup : three, least)));
    return false;
}

bool order_read_terms(struct order *o)
{
    const struct hd_policy *policy = policy_of(o->s);
    const char *mode = order_text(o, "mode");
    int64_t duration_ms = order_number(o, "duration_ms", 0);
    bool safe = true;
    bool said = !json_bool(json_get(o->args, "rollback_safe"), "rollback_safe", &safe, NULL);
    if (mode && !mode_fits(o, policy, mode))
        return false;
    if (duration_ms && !duration_fits(o, policy, duration_ms))
        return false;
    if (said && safe && decide_unsafe(policy, o->p->now.wall_ms)) {
        order_problem(o, 422, "bad_rollback_safe", "the configuration says that going back is not safe");
        return false;
    }
    o->terms = (struct terms){
        .duration_ms = duration_ms, .mode = mode ? hd_mode_of(mode) : 0, .unsafe = said && !safe};
    return true;
}

/* A guard that has seen nothing yet takes the time as its own. Later it is only made longer: what was
 * seen was judged as a part of the whole. */
static bool apply_duration(struct order *o, struct guard *g, int64_t duration_ms)
{
    int64_t more = duration_ms - (g->row.until_ms - g->row.switch_to_ms);
    char lasts[STR_TIME_MAX];
    if (!g->engine.polls && !g->engine.extended_ms) {
        guard_take_duration(g, duration_ms);
        return true;
    }
    if (more > 0 && !extend(o, g, more))
        return false;
    if (more > 0)
        order_tell(o, g, &g->row, arena_print(o->arena, "Extended by %s", str_duration(more, lasts)));
    return true;
}

bool order_apply_terms(struct order *o, struct guard *g)
{
    const struct terms *t = &o->terms;
    int32_t mode = t->unsafe && t->mode < HD_MODE_ADVISE ? (int32_t)HD_MODE_ADVISE : t->mode;
    if (!watches(g))
        return true; /* it has decided: they come too late to matter */
    if (t->duration_ms && !apply_duration(o, g, t->duration_ms))
        return false;
    if (t->unsafe && !g->unsafe)
        order_tell(o, g, &g->row, "Said to be not safe to roll back: it only advises");
    if (t->unsafe && !g->unsafe) {
        g->unsafe = true;
        guard_pin(g);
    }
    if (mode > g->row.mode) {
        g->row.mode = mode;
        order_tell(o, g, &g->row, arena_print(o->arena, "Mode set to %s", hd_mode_word(mode)));
    }
    g->dirty = true;
    return true;
}
