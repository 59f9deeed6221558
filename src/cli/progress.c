/* SPDX-License-Identifier: Apache-2.0
 *
 * See progress.h. Called by wait.c.
 */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/table.h"

const char *progress_paint(enum tone tone)
{
    static const char *const paint[] = {[TONE_PLAIN] = "\x1b[1m",
                                        [TONE_GOOD] = "\x1b[32m",
                                        [TONE_DOUBTFUL] = "\x1b[33m",
                                        [TONE_BAD] = "\x1b[31m"};
    return paint[tone];
}

/* "03:04:10 checkout  FAIL 3/12     text" */
static void line(const struct progress *p, const struct face_guard *g, int64_t wall_ms,
                 enum tone tone, const char *word, const char *text, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    char clock[STR_TIME_MAX];
    buf_print(to, "%s %s  %s%-13s%s %s\n", str_clock(wall_ms, clock), table_clean(a, g->service),
              p->colour ? progress_paint(tone) : "", word, p->colour ? PROGRESS_UNPAINT : "", table_clean(a, text));
}

/* --- checks --- */

struct word {
    char text[32];
    enum tone tone;
    bool counts; /* each further broken poll is news */
};

static struct word word_of(const struct face_check *c)
{
    struct word w = {"", TONE_PLAIN, false};
    bool fails = c->tripped || str_is(c->band, "fail");
    if (c->earlier && !c->advisory && !c->blind && (fails || str_is(c->band, "pass") || str_is(c->band, "warn"))) {
        w = (struct word){"not counted", TONE_DOUBTFUL, fails};
    } else if (c->tripped && c->sequential) {
        w = (struct word){"FAIL", c->advisory ? TONE_DOUBTFUL : TONE_BAD, false};
    } else if (fails && !c->broken) {
        w = (struct word){"over", TONE_DOUBTFUL, false}; /* its limit, and no poll counts: warm-up, or both sides */
    } else if (fails) {
        w.counts = true;
        w.tone = c->advisory ? TONE_DOUBTFUL : TONE_BAD;
        (void)snprintf(w.text, sizeof w.text, "%s %lld/%lld", c->advisory ? "advisory" : "FAIL",
                       (long long)c->broken, (long long)(c->judged - c->shared - c->warmup));
    } else if (c->blind) {
        w = (struct word){"blind", TONE_DOUBTFUL, false};
    } else if (str_is(c->band, "warn")) {
        w = (struct word){"warn", TONE_DOUBTFUL, false};
    } else if (str_is(c->band, "pass") && c->sequential) {
        w = (struct word){"weighed", TONE_PLAIN, false}; /* with all other polls: this value decides nothing */
    } else if (str_is(c->band, "pass")) {
        w = (struct word){"pass", TONE_GOOD, false};
    }
    return w;
}

/* What makes one line differ from the one before. */
static uint64_t key_of(const struct face_check *c, const struct word *w)
{
    return w->counts ? (uint64_t)c->broken + 1 : str_hash(w->text, 0);
}

static void look_at_checks(struct progress *p, const struct face_guard *g, int64_t wall_ms,
                           struct buf *to)
{
    ARENA_AUTO a = arena_new();
    size_t i = 0;
    for (const struct json *j = json_first(g->checks); j && i < HD_CHECKS_MAX;
         j = json_next(j), i++) {
        struct face_check c;
        face_check(j, &c);
        struct word w = word_of(&c);
        uint64_t key = key_of(&c, &w);
        if (!w.text[0] || key == p->shown[i])
            continue;
        p->shown[i] = key;
        line(p, g, wall_ms, w.tone, w.text,
             arena_print(a, "%s %s%s", c.name, face_check_line(a, &c, g->stable.colour),
                         c.earlier && !c.advisory ? ": it was broken before the switch too" : ""), to);
    }
}

/* Told at each further quarter, and when it falls: in between it goes up and down with every poll. */
static void look_at_evidence(struct progress *p, const struct face_guard *g, int64_t wall_ms, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    int quarters = g->meter >= 0 ? (int)(4 * g->meter) : 0;
    if (quarters == p->quarters)
        return;
    p->quarters = quarters;
    line(p, g, wall_ms, quarters >= 4 ? TONE_BAD : quarters >= 2 ? TONE_DOUBTFUL : TONE_PLAIN, "evidence",
         arena_print(a, "against %s: %.0f %% of what a revert needs", g->candidate.colour ? g->candidate.colour : "it",
                     floor(100 * g->meter)), to);
}

/* --- the guard --- */

enum tone progress_tone(const char *state)
{
    static const struct {
        int state;
        enum tone tone;
    } row[] = {
        {HD_STATE_PASSED, TONE_GOOD},           {HD_STATE_REVERTED, TONE_GOOD},
        {HD_STATE_AFTERCARE, TONE_GOOD},        {HD_STATE_DECIDING, TONE_BAD},
        {HD_STATE_REVERTING, TONE_BAD},         {HD_STATE_VERIFYING, TONE_BAD},
        {HD_STATE_NOT_VERIFIED, TONE_BAD},      {HD_STATE_NOT_RECOVERED, TONE_BAD},
        {HD_STATE_REFUSED, TONE_BAD},           {HD_STATE_ADVISED, TONE_BAD},
        {HD_STATE_INCONCLUSIVE, TONE_DOUBTFUL}, {HD_STATE_SUPERSEDED, TONE_DOUBTFUL},
        {HD_STATE_CANCELLED, TONE_DOUBTFUL},
    };
    int number = hd_state_of(state);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (row[i].state == number)
            return row[i].tone;
    }
    return TONE_PLAIN;
}

void progress_look(struct progress *p, const struct face_guard *g, int64_t wall_ms, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    if (!p->begun)
        line(p, g, wall_ms, TONE_PLAIN, "guard", arena_print(a, "%s %s", g->id, g->url ? g->url : ""),
             to);
    p->begun = true;
    look_at_checks(p, g, wall_ms, to); /* first what was seen, then what follows from it */
    look_at_evidence(p, g, wall_ms, to);
    if (!str_is(p->state, g->state)) {
        (void)snprintf(p->state, sizeof p->state, "%s", g->state);
        line(p, g, wall_ms, progress_tone(g->state), g->state, g->headline, to);
    }
    bool recovered = g->recovered_ms >= 0;
    if (recovered && !p->recovered)
        line(p, g, wall_ms, TONE_GOOD, "RECOVERED", g->headline, to);
    p->recovered = recovered;
    if (g->needs_human && !p->needs_human) /* of one that goes on, the line of its state said something else */
        line(p, g, wall_ms, TONE_BAD, "ACT NOW",
             g->because                       ? g->because
             : g->live && g->why && *g->why ? arena_print(a, "%s: %s", g->headline, g->why)
             : g->why                         ? g->why
                                              : g->headline, to);
    p->needs_human = g->needs_human;
}

static int badness(const struct face_check *c)
{
    if (c->tripped || str_is(c->band, "fail"))
        return c->advisory ? 3 : 5;
    return c->blind ? 4 : str_is(c->band, "warn") ? 2 : str_is(c->band, "pass") ? 1 : 0;
}

static bool worst_check(const struct face_guard *g, struct face_check *ret)
{
    int worst = -1;
    for (const struct json *j = json_first(g->checks); j; j = json_next(j)) {
        struct face_check c;
        face_check(j, &c);
        if (badness(&c) <= worst)
            continue;
        worst = badness(&c);
        *ret = c;
    }
    return worst >= 0;
}

/* Cuts to `width` characters, between two of them. */
static void cut(char *text, size_t width)
{
    for (; *text; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        if (width-- == 0) {
            *text = '\0';
            return;
        }
    }
}

void progress_live(const struct progress *p, const struct face_guard *g, int64_t wall_ms,
                   size_t width, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(4096);
    struct face_check c;
    char text[STR_TIME_MAX];
    buf_print(&b, "%s  %s", g->service, g->state);
    if (g->candidate.colour)
        buf_print(&b, " %s", g->candidate.colour);
    if (g->candidate.share >= 0) /* not NaN */
        buf_print(&b, " %.4g%%", 100 * g->candidate.share);
    if (g->live && g->until_ms > wall_ms && g->decided_ms < 0)
        buf_print(&b, ", %s left", str_duration(g->until_ms - wall_ms, text));
    if (worst_check(g, &c))
        buf_print(&b, "  %s %s", c.name, face_check_line(a, &c, g->stable.colour));
    if (g->live && g->meter >= 0)
        buf_print(&b, "  evidence %.0f %%", floor(100 * g->meter));
    char *whole = arena_text(a, table_clean(a, buf_at(&b)));
    cut(whole, width);
    buf_print(to, "%s%s%s", p->colour ? "\x1b[2m" : "", whole, p->colour ? "\x1b[0m" : "");
}

/* --- the result --- */

static void result_row(struct buf *to, const char *key, const char *text)
{
    ARENA_AUTO a = arena_new();
    if (text && *text)
        buf_print(to, "  %-10s %s\n", key, table_clean(a, text));
}

static const char *side_text(struct hd_arena *a, const struct face_side *s)
{
    return arena_print(a, "%s%s%s", s->colour ? s->colour : "?", s->version ? " " : "",
                       s->version ? s->version : "");
}

void progress_result(const struct face_guard *g, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    buf_print(to, "%s: %s. %s\n", table_clean(a, g->service), table_clean(a, g->state),
              table_clean(a, g->headline));
    result_row(to, "because", g->because);
    result_row(to, "why", g->why);
    result_row(to, "candidate", side_text(a, &g->candidate));
    result_row(to, "stable", side_text(a, &g->stable));
    if (g->verified_ms >= 0 && g->decided_ms >= 0)
        result_row(to, "verified",
                   arena_print(a, "%s after the decision",
                               table_duration(a, g->verified_ms - g->decided_ms)));
    if (g->recovered_ms >= 0 && g->decided_ms >= 0)
        result_row(to, "recovered",
                   arena_print(a, "%s after the decision",
                               table_duration(a, g->recovered_ms - g->decided_ms)));
    if (g->needs_human && !(g->stable.share > 0.99)) /* else it is there */
        result_row(to, "by hand", g->native);
    result_row(to, "page", g->url);
    result_row(to, "guard", g->id);
}
