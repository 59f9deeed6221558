/* SPDX-License-Identifier: Apache-2.0
 *
 * See way.h. Called by the pages of guards, services and settings, and before every confirmed order.
 */
#include "http/way.h"

#include "base/str.h"

#define OLD_MS 60000     /* a reading that old says little of now; routers are read every 5 s */
#define DECIDED_MS 5000  /* the router is read at a decision: when that long passed without, it cannot be read */
#define MOST_PPM 990000u /* "the traffic": what is left of the rest is draining */

static const struct store_side *side_of(const struct store_reading *r, const char *colour)
{
    for (size_t i = 0; r && colour && i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, colour))
            return &r->side[i];
    }
    return NULL;
}

const char *way_busiest(const struct store_reading *r, const char *except)
{
    const struct store_side *best = NULL;
    for (size_t i = 0; r && i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, except))
            continue;
        if (!best || r->side[i].share_ppm > best->share_ppm)
            best = &r->side[i];
    }
    return best ? best->colour : NULL;
}

const char *way_target(const struct store_reading *r, const struct store_guard *g)
{
    const char *live = way_busiest(r, NULL);
    if (g && !hd_state_terminal(g->state))
        return g->stable;
    if (g && live && (str_is(live, g->candidate) || str_is(live, g->stable)))
        return g->stable;
    return NULL;
}

static void HD_PRINTF(4, 5)
    add(struct hd_arena *a, struct way *w, enum tone tone, const char *format, ...)
{
    va_list args;
    if (w->n >= WAY_LINES_MAX)
        return;
    va_start(args, format);
    w->line[w->n].tone = tone;
    w->line[w->n++].text = arena_vprint(a, format, args);
    va_end(args);
    if (tone == TONE_FAIL)
        w->state = WAY_BLOCKED;
    else if (tone == TONE_WARN && w->state == WAY_OPEN)
        w->state = WAY_DOUBT;
}

static bool is_old(const struct way_facts *f)
{
    int64_t read = f->reading->last_ms, decided = f->guard ? f->guard->decided_ms : -1;
    return f->unread || f->now_ms - read > OLD_MS || (read < decided && f->now_ms - decided > DECIDED_MS);
}

static void ask_reading(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    char age[STR_TIME_MAX];
    if (!f->reading) {
        add(a, w, TONE_WARN, "The router has not been read yet.");
        return;
    }
    int64_t ms = f->now_ms - f->reading->last_ms;
    (void)str_duration(ms > 0 ? ms : 0, age);
    if (is_old(f)) {
        w->old = arena_text(a, age);
        add(a, w, TONE_WARN, "The router was last read %s ago: it may stand otherwise now.", age);
    } else
        add(a, w, TONE_PASS, "The router was read %s ago.", age);
}

static void ask_target(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    const struct store_side *s = side_of(f->reading, w->to);
    const struct stance *st = f->stance;
    BUF_AUTO gate = BUF_INIT(2 * HD_TEXT_MAX);
    if (st && st->known)
        would_say(&gate, &st->order, f->now_ms);
    if (gate.len)
        add(a, w, TONE_FAIL, "%s.", buf_at(&gate));
    else if (!s || s->ready == UINT32_MAX)
        add(a, w, TONE_WARN, "Whether %s is ready cannot be seen in the router; its probe is asked first.",
            w->to);
    else if (!s->ready)
        add(a, w, TONE_FAIL, "%s has no ready member: going back would be the outage.", w->to);
    else if (s->wanted != UINT32_MAX && s->ready < s->wanted)
        add(a, w, TONE_WARN, "%s has only %u of %u members ready.", w->to, s->ready, s->wanted);
    else
        add(a, w, TONE_PASS, "%s has %u member%s ready.", w->to, s->ready, s->ready == 1 ? "" : "s");
    if (f->rejected)
        add(a, w, TONE_WARN,
            "%s was rejected (%s): it must be named in the order, or re-armed first.", w->to,
            *f->rejected ? f->rejected : "by a guard or a human");
}

/* What stood in the way of the last change, and no reading tells whether it still does. */
static void ask_last(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    const struct store_guard *g = f->guard;
    if (!g)
        return;
    if (g->state == HD_STATE_REFUSED && f->ended_by == HD_REASON_TARGET_PROBE)
        add(a, w, TONE_WARN, "The probe of %s failed when haldane wanted to go back; an order asks it again.", w->to);
    if (g->sent_ms < 0)
        return;
    if (g->state == HD_STATE_REFUSED)
        add(a, w, TONE_WARN, "The router refused the change that haldane sent last.");
    else if (g->state == HD_STATE_NOT_VERIFIED)
        add(a, w, TONE_WARN, g->verified_ms < 0 ? "The change that haldane sent last had no effect that could be read."
                                                : "The change that haldane sent last was undone.");
}

/* How long there is something to go back to. */
static void ask_window(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    char kept[STR_TIME_MAX];
    if (!f->guard || f->kept_for_ms <= 0)
        return;
    w->until_ms = f->guard->switch_to_ms + f->kept_for_ms;
    if (w->until_ms > f->now_ms)
        add(a, w, TONE_PASS, "%s is kept for %s after the switch; then nothing can be taken back.", w->to,
            str_duration(f->kept_for_ms, kept));
    else
        add(a, w, TONE_WARN, "%s was kept for %s after the switch: it may be gone.", w->to,
            str_duration(f->kept_for_ms, kept));
}

/* Would haldane go it by itself? A human's order is kept by none of this. */
static void ask_rules(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    const struct store_guard *g = f->guard;
    const struct stance *st = f->stance;
    if (g && stance_open(g) && stance_left_alone(st) && !st->order.reason) {
        add(a, w, TONE_WARN, "By itself haldane would not go it: %s%s%s%s. An order would.", st->because,
            stance_left(a, st), st->next ? "; " : "", st->next ? st->next : "");
        w->state = w->state == WAY_BLOCKED ? w->state : WAY_ORDER;
    }
    if (g && g->rehearsal && str_begins(g->rehearsal, "ok"))
        add(a, w, TONE_PASS, "Rehearsed when the guard began: %s",
            g->rehearsal + (str_begins(g->rehearsal, "ok: ") ? 4 : 0));
    else if (g && g->rehearsal) /* what haldane would do by itself is said above, as it stands now */
        add(a, w, str_begins(g->rehearsal, "haldane would not") ? TONE_NONE : TONE_WARN,
            "Rehearsed when the guard began: %s", g->rehearsal);
}

static void answer(struct hd_arena *a, const struct way_facts *f, struct way *w)
{
    bool over = f->guard && hd_state_terminal(f->guard->state);
    const char *unknown = w->old ? arena_print(a, "is not known: the router was last read %s ago.", w->old) : NULL;
    switch (w->state) {
    case WAY_OPEN:
        w->sentence = arena_print(a, over ? "An order to go back to %s would work right now; haldane does not do it by "
                                            "itself, its guard has ended."
                                          : "A revert to %s would work right now.", w->to);
        break;
    case WAY_ORDER:
        w->sentence = arena_print(a, "By itself haldane would not revert to %s right now: %s%s. %s%s", w->to,
                                  f->stance->because, stance_left(a, f->stance),
                                  unknown ? "Whether an order would work " : "An order would work.",
                                  unknown ? unknown : "");
        break;
    case WAY_DOUBT:
        w->sentence = unknown ? arena_print(a, "Whether a revert to %s would work %s", w->to, unknown)
                              : arena_print(a, "A revert to %s is possible, with a doubt.", w->to);
        break;
    case WAY_BLOCKED:
        w->sentence = arena_print(a, "A revert to %s would be refused right now.", w->to);
        break;
    case WAY_THERE:
        w->sentence = arena_print(a, "The traffic is on %s already: there is nothing to take back.",
                                  w->to);
        break;
    case WAY_NONE:
        w->sentence = "No switch was seen yet, so there is no side to go back to.";
        break;
    }
}

void way_find(struct hd_arena *a, const struct way_facts *f, struct way *ret)
{
    struct way *w = ret;
    *w = (struct way){.state = WAY_OPEN, .until_ms = -1};
    w->to = way_target(f->reading, f->guard);
    w->from = way_busiest(f->reading, NULL);
    const struct store_side *s = side_of(f->reading, w->to);
    if (f->alarm)
        add(a, w, TONE_FAIL, "%s", f->alarm);
    if (!f->service)
        add(a, w, TONE_FAIL, "The service is no longer configured.");
    if (!w->to)
        w->state = w->state == WAY_BLOCKED ? w->state : WAY_NONE;
    else if (s && s->share_ppm >= MOST_PPM)
        w->state = WAY_THERE;
    if (w->state == WAY_OPEN || (w->state == WAY_BLOCKED && w->to)) {
        ask_reading(a, f, w);
        ask_target(a, f, w);
        ask_last(a, f, w);
        ask_window(a, f, w);
        ask_rules(a, f, w);
        w->native = f->guard ? f->guard->native : NULL;
    }
    if (w->state == WAY_BLOCKED && !w->to)
        w->sentence = "A revert would be refused right now.";
    else
        answer(a, f, w);
}
