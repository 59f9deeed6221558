/* SPDX-License-Identifier: Apache-2.0
 *
 * See moment.h. Takes away from a loaded view what was not known yet. The engine's state is stored for its
 * last poll only, so the checks show how they were judged then (bands are stored with their times) beside
 * what the last poll before the moment saw. Called by guard.c.
 */
#include "http/moment.h"

#include <math.h>

#include "base/arena.h"

static void unless_later(int64_t *ms, int64_t at_ms)
{
    if (*ms > at_ms)
        *ms = -1;
}

/* State and headline are in every event of the guard, as they were after it. */
static void row_at(struct guard_view *v, int64_t at_ms)
{
    struct store_guard *g = &v->guard;
    int64_t *const times[] = {&g->ended_ms,    &g->decided_ms,   &g->sent_ms,      &g->accepted_ms,
                              &g->verified_ms, &g->recovered_ms, &g->bad_since_ms, &g->marked_ms};
    const bool over = g->ended_ms >= 0 && g->ended_ms <= at_ms;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        unless_later(times[i], at_ms);
    if (g->marked_ms < 0)
        g->was_good = false;
    if (g->decided_ms < 0 && !over) {
        g->why = "";
        g->reasons = NULL;
        g->verdict = HD_VERDICT_NONE;
        g->cause = HD_CAUSE_UNKNOWN;
    }
    if (!over) {
        g->score = NAN;
        g->state = HD_STATE_WATCHING;
    }
    for (size_t i = v->n_events; i-- > 0;) {
        const struct store_event *e = &v->event[i];
        int state = e->state ? hd_state_of(e->state) : -1;
        if (state < 0)
            continue;
        g->state = state;
        g->headline = e->headline;
        break;
    }
    g->engine = NULL;
    g->needs_human = false; /* whether a notice was settled by then is not stored */
}

static void intent_at(struct store_intent *it, int64_t at_ms)
{
    if (it->done_ms > at_ms || it->sent_ms > at_ms) {
        it->outcome = it->sent_ms >= 0 && it->sent_ms <= at_ms ? HD_INTENT_SENT : HD_INTENT_JOURNALED;
        it->text = NULL;
    }
    unless_later(&it->sent_ms, at_ms);
    unless_later(&it->done_ms, at_ms);
}

/* Keeps of a list, in its order, what began by then. */
#define KEEP(list, n, ms)                                                                          \
    do {                                                                                           \
        size_t kept_ = 0;                                                                          \
        for (size_t i = 0; i < (n); i++) {                                                         \
            if ((list)[i].ms <= at_ms)                                                             \
                (list)[kept_++] = (list)[i];                                                       \
        }                                                                                          \
        (n) = kept_;                                                                               \
    } while (0)

static void lists_at(struct guard_view *v, int64_t at_ms)
{
    KEEP(v->event, v->n_events, wall_ms);
    KEEP(v->evidence, v->n_evidence, wall_ms);
    KEEP(v->intent, v->n_intents, journaled_ms);
    KEEP(v->told, v->n_told, event.wall_ms);
    for (size_t i = 0; i < v->n_intents; i++)
        intent_at(&v->intent[i], at_ms);
    for (size_t i = 0; i < v->n_told; i++) {
        if (v->told[i].done && v->told[i].done_ms > at_ms)
            v->told[i].done = 0;
    }
    if (v->approval.guard && v->approval.asked_ms > at_ms)
        v->approval.guard = NULL;
    if (v->approval.decided_ms > at_ms) {
        v->approval.outcome = APPROVAL_OPEN;
        v->approval.decided_ms = -1;
        v->approval.actor = v->approval.reason = NULL;
    }
}

static const struct store_band *band_at(const struct store_band *list, size_t n, uint8_t check, int64_t at_ms)
{
    const struct store_band *last = NULL;
    for (size_t i = 0; i < n; i++) {
        if (list[i].check == check && list[i].wall_ms <= at_ms)
            last = &list[i];
    }
    return last;
}

static void check_at(const struct guard_view *v, struct check_view *c, const struct store_band *band)
{
    static const struct {
        enum tone tone;
        const char *word;
    } of[] = {[HD_BAND_PASS] = {TONE_PASS, "pass"},
              [HD_BAND_WARN] = {TONE_WARN, "near its limit"},
              [HD_BAND_FAIL] = {TONE_WARN, "over its limit"},
              [HD_BAND_NONE] = {TONE_NONE, "not judged"}};
    c->state = NULL;
    c->band = band && band->band < sizeof of / sizeof *of ? (enum hd_band)band->band : HD_BAND_NONE;
    c->tone = of[c->band].tone;
    c->word = of[c->band].word;
    if (c->band == HD_BAND_FAIL && v->guard.decided_ms >= 0 && !c->advisory) {
        c->tone = TONE_FAIL;
        c->word = "fail";
    }
    c->value = c->stable = c->n = NAN;
    c->limit_value = band ? band->limit : (double)NAN;
    for (size_t i = v->n_evidence; i-- > 0 && !v->evidence[i].evidence.before;) {
        struct view_point p;
        if (!view_point(c, v->evidence, i, i + 1, &p))
            continue;
        c->value = p.value[HD_CANDIDATE];
        c->stable = p.value[HD_STABLE];
        c->n = p.n[HD_CANDIDATE];
        break;
    }
}

enum hd_code moment_freeze(struct store *s, struct hd_arena *a, struct guard_view *v, int64_t at_ms,
                           struct hd_error *err)
{
    struct store_band *band;
    size_t n;
    v->at_ms = at_ms;
    enum hd_code code = store_reading_at(s, a, v->guard.service, at_ms, &v->reading, err);
    if (code && code != HD_ABSENT)
        return code;
    v->has_reading = !code;
    if (v->has_reading && v->reading.last_ms > at_ms)
        v->reading.last_ms = at_ms;
    if (store_bands(s, a, v->guard.id, &band, &n, err) || view_evidence(s, a, v, at_ms, err))
        return err->code;
    lists_at(v, at_ms);
    row_at(v, at_ms);
    view_measure(v);
    for (size_t i = 0; i < v->n_checks; i++)
        check_at(v, &v->check[i], band_at(band, n, v->check[i].index, at_ms));
    return HD_OK;
}
