/* SPDX-License-Identifier: Apache-2.0
 *
 * See screen.h. The daemon's own sentences, in the order of its page: who needs you, what is watched, what
 * ended in the last twelve hours. Called by watch.c.
 */
#include "cli/screen.h"

#include "base/arena.h"
#include "base/str.h"
#include "cli/progress.h"
#include "cli/table.h"

#define LINES_MAX 1000
#define MINUTE_MS 60000

struct lines {
    struct hd_arena *a;
    const struct screen *look;
    struct {
        enum tone tone;
        size_t painted; /* bytes at its beginning in the tone's colour */
        const char *text;
    } item[LINES_MAX];
    size_t n;
};

static void add(struct lines *l, enum tone tone, const char *painted, const char *plain)
{
    if (l->n >= LINES_MAX)
        return;
    const char *first = table_clean(l->a, painted);
    l->item[l->n].tone = tone;
    l->item[l->n].painted = strlen(first);
    l->item[l->n++].text = arena_print(l->a, "%s%s", first, table_clean(l->a, plain));
}

/* --- words --- */

/* Coarse, so that a screen that says nothing new stays as it is. */
static const char *ago(struct hd_arena *a, int64_t ms, int64_t now_ms)
{
    char clock[STR_TIME_MAX];
    if (ms < 0)
        return "";
    int64_t minutes = (now_ms - ms) / MINUTE_MS;
    if (minutes < 1)
        return "just now";
    return minutes < 60 ? arena_print(a, "%lld min ago", (long long)minutes)
                        : arena_print(a, "%.5sZ", str_clock(ms, clock));
}

static const char *left(struct hd_arena *a, const struct face_guard *g, int64_t now_ms)
{
    if (g->until_ms < 0 || g->decided_ms >= 0 || !g->live)
        return "";
    int64_t minutes = (g->until_ms - now_ms) / MINUTE_MS;
    return minutes < 1 ? ", under a minute left" : arena_print(a, ", %lld min left", (long long)minutes);
}

static const char *mark(enum tone tone)
{
    static const char *const of[] = {
        [TONE_PLAIN] = "(o)", [TONE_GOOD] = "(v)", [TONE_DOUBTFUL] = "(?)", [TONE_BAD] = "(X)"};
    return of[tone];
}

static const char *state_words(struct hd_arena *a, const char *state)
{
    char *words = arena_text(a, state);
    for (char *c = words; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return words;
}

static const char *switch_text(struct hd_arena *a, const struct face_guard *g)
{
    return arena_print(a, "%s -> %s", g->stable.colour ? g->stable.colour : "?",
                       g->candidate.colour ? g->candidate.colour : "?");
}

/* --- sections --- */

static void section(struct lines *l, const char *title, const char *more)
{
    add(l, TONE_PLAIN, "", "");
    add(l, TONE_PLAIN, title, more);
}

static void needing(struct lines *l, const struct json *fleet)
{
    const struct json *acts = json_get(fleet, "acts"), *guards = json_get(fleet, "needing");
    size_t n = json_count(acts) + json_count(guards);
    if (n)
        section(l, arena_print(l->a, "NEEDS YOU (%zu)", n), "");
    for (const struct json *j = json_first(acts); j; j = json_next(j)) {
        const char *service = face_text(j, "service"), *text = face_text(j, "text"), *by_hand = face_text(j, "native");
        add(l, TONE_BAD, arena_print(l->a, "(X) %s", face_text(j, "headline")),
            arena_print(l->a, "  %s  %s", service ? service : "haldane", ago(l->a, face_time(j, "at"), l->look->now_ms)));
        if (text && *text)
            add(l, TONE_PLAIN, "", arena_print(l->a, "    %s", text));
        if (by_hand && *by_hand)
            add(l, TONE_PLAIN, "", arena_print(l->a, "    by hand: %s", by_hand));
    }
    for (const struct json *j = json_first(guards); j; j = json_next(j)) {
        struct face_guard g;
        face_guard(j, &g);
        add(l, TONE_BAD, arena_print(l->a, "(X) %s  %s", g.service, g.headline), "");
        add(l, TONE_PLAIN, "", arena_print(l->a, "    %s, %s, switched %s", state_words(l->a, g.state),
                                           switch_text(l->a, &g), ago(l->a, g.switch_ms, l->look->now_ms)));
        if (g.why && *g.why)
            add(l, TONE_PLAIN, "", arena_print(l->a, "    %s", g.why));
        add(l, TONE_PLAIN, "", arena_print(l->a, "    haldane show %s", g.id));
    }
}

static void watching(struct lines *l, const struct json *fleet)
{
    const struct json *guards = json_get(fleet, "live");
    if (json_count(guards))
        section(l, arena_print(l->a, "WATCHING (%zu)", json_count(guards)), "");
    for (const struct json *j = json_first(guards); j; j = json_next(j)) {
        struct face_guard g;
        face_guard(j, &g);
        enum tone tone = g.would_not ? TONE_DOUBTFUL : progress_tone(g.state);
        add(l, tone, arena_print(l->a, "%s %s", mark(tone), g.service),
            arena_print(l->a, "  %s  %s%s", state_words(l->a, g.state), switch_text(l->a, &g),
                        left(l->a, &g, l->look->now_ms)));
        add(l, TONE_PLAIN, "", arena_print(l->a, "    %s", g.headline));
        if (g.why && *g.why)
            add(l, TONE_PLAIN, "", arena_print(l->a, "    %s", g.why));
        if (g.would_not)
            add(l, TONE_DOUBTFUL, "    haldane will NOT take this back: ", g.would_not);
    }
}

static void ended(struct lines *l, const struct json *fleet)
{
    const char *sum = face_text(fleet, "ended");
    section(l, "LAST 12 HOURS", sum ? arena_print(l->a, "  %s", sum) : "");
    for (const struct json *j = json_first(json_get(fleet, "recent")); j; j = json_next(j)) {
        struct face_guard g;
        face_guard(j, &g);
        enum tone tone = progress_tone(g.state);
        add(l, tone, arena_print(l->a, "%s %s", mark(tone), g.service),
            arena_print(l->a, "  %s  %s", ago(l->a, g.ended_ms, l->look->now_ms), g.headline));
    }
}

static void holds(struct lines *l, const struct json *fleet)
{
    for (const struct json *j = json_first(json_get(fleet, "holds")); j; j = json_next(j)) {
        const char *service = face_text(j, "service"), *why = face_text(j, "reason");
        const char *until = table_time(l->a, face_time(j, "until"));
        add(l, TONE_DOUBTFUL, arena_print(l->a, "(!) %s: automatic reverts are held", service ? service : "the fleet"),
            arena_print(l->a, " until %s: %s", until ? until : "?", why ? why : ""));
    }
}

/* --- the screen --- */

/* Prints at most `width` characters; the first `painted` bytes in colour. */
static void put_line(const struct lines *l, size_t i, struct buf *to)
{
    const char *text = l->item[i].text;
    size_t width = l->look->width;
    bool paint = l->look->colour && l->item[i].painted;
    if (paint)
        buf_text(to, progress_paint(l->item[i].tone));
    for (size_t at = 0; text[at]; at++) {
        if (((unsigned char)text[at] & 0xc0) != 0x80 && width-- == 0)
            break;
        if (paint && at == l->item[i].painted) {
            buf_text(to, PROGRESS_UNPAINT);
            paint = false;
        }
        buf_byte(to, text[at]);
    }
    if (paint)
        buf_text(to, PROGRESS_UNPAINT);
    buf_byte(to, '\n');
}

static void title(struct lines *l, const struct json *fleet)
{
    const char *sentence = face_text(fleet, "sentence");
    char clock[STR_TIME_MAX];
    enum tone tone = l->look->stale_ms >= 0 ? TONE_DOUBTFUL : face_bool(fleet, "needed") ? TONE_BAD
                     : face_bool(fleet, "doubt")  ? TONE_DOUBTFUL
                                                  : TONE_GOOD;
    if (l->look->stale_ms >= 0)
        add(l, tone, arena_print(l->a, "STALE since %sZ: the daemon does not answer", str_clock(l->look->stale_ms, clock)),
            "  (q quits)");
    add(l, tone, arena_print(l->a, "%s", sentence ? sentence : "haldane"),
        l->look->stale_ms >= 0 ? "  (as it was then)" : "  (live; q quits)");
}

void screen_render(const struct json *fleet, const struct screen *look, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    struct lines *l = arena_of(a, struct lines);
    l->a = a;
    l->look = look;
    title(l, fleet);
    holds(l, fleet);
    needing(l, fleet);
    watching(l, fleet);
    ended(l, fleet);
    size_t fit = l->n <= look->height ? l->n : look->height - 1;
    for (size_t i = 0; i < fit; i++)
        put_line(l, i, to);
    if (fit < l->n)
        buf_print(to, "%.*s\n", (int)look->width,
                  arena_print(a, "... %zu more lines: make the terminal taller, or haldane list", l->n - fit));
}

/* --- changes --- */

/* True: not said yet. Takes it into `next`. */
static bool is_news(const struct screen_seen *seen, struct screen_seen *next, const char *id, const char *said)
{
    uint64_t key = str_hash(id, 0), hash = str_hash(said, 0);
    for (size_t i = 0; i < next->n; i++) {
        if (next->item[i].id == key)
            return false; /* it stands in two lists */
    }
    if (next->n < SCREEN_SEEN_MAX) {
        next->item[next->n].id = key;
        next->item[next->n++].said = hash;
    }
    for (size_t i = 0; i < seen->n; i++) {
        if (seen->item[i].id == key)
            return seen->item[i].said != hash;
    }
    return true;
}

struct change {
    const char *id, *service, *state, *headline, *why;
    bool needs_human;
    const char *would_not; /* NULL */
};

static void put_change(const struct change *c, int64_t now_ms, bool json, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    char clock[STR_TIME_MAX];
    if (!json) {
        bool why = c->needs_human && c->why && *c->why;
        buf_print(to, "%s %s  %-13s %s%s%s%s%s%s\n", str_clock(now_ms, clock), table_clean(a, c->service),
                  table_clean(a, c->state), c->needs_human ? "ACT NOW: " : "", table_clean(a, c->headline),
                  why ? ": " : "", why ? table_clean(a, c->why) : "",
                  c->would_not ? "; haldane will NOT take this back: " : "",
                  c->would_not ? table_clean(a, c->would_not) : "");
        return;
    }
    struct json_out o = json_out(to);
    json_begin(&o, NULL, '{');
    json_put_time(&o, "at", now_ms);
    json_put_text(&o, "id", c->id);
    json_put_text(&o, "service", c->service);
    json_put_text(&o, "state", c->state);
    json_put_text(&o, "headline", c->headline);
    json_put_text(&o, "why", c->why);
    json_put_bool(&o, "needs_human", c->needs_human);
    json_put_text(&o, "would_not_because", c->would_not);
    json_end(&o, '}');
    buf_byte(to, '\n');
}

/* `quiet`: only takes note. */
static void look_at(const struct screen_seen *seen, struct screen_seen *next, const struct change *c, bool quiet,
                    int64_t now_ms, bool json, struct buf *to)
{
    ARENA_AUTO a = arena_new();
    const char *said = arena_print(a, "%s\n%s\n%d\n%s", c->state, c->headline, c->needs_human,
                                   c->would_not ? c->would_not : "");
    if (is_news(seen, next, c->id, said) && !quiet)
        put_change(c, now_ms, json, to);
}

void screen_changes(const struct json *fleet, struct screen_seen *seen, int64_t now_ms, bool json, struct buf *to)
{
    static const char *const lists[] = {"needing", "live", "recent"};
    ARENA_AUTO a = arena_new();
    struct screen_seen *next = arena_of(a, struct screen_seen);
    for (const struct json *j = json_first(json_get(fleet, "acts")); j; j = json_next(j)) {
        const char *service = face_text(j, "service"), *headline = face_text(j, "headline");
        struct change c = {arena_print(a, "event %.0f", face_number(j, "seq")), service ? service : "haldane", "notice",
                           headline ? headline : "", face_text(j, "text"), true, NULL};
        look_at(seen, next, &c, false, now_ms, json, to);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct json *j = json_first(json_get(fleet, lists[i])); j; j = json_next(j)) {
            struct face_guard g;
            face_guard(j, &g);
            struct change c = {g.id, g.service, g.state, g.headline, g.why, g.needs_human, g.would_not};
            look_at(seen, next, &c, !seen->begun && i == 2, now_ms, json, to);
        }
    }
    next->begun = true;
    *seen = *next;
}
