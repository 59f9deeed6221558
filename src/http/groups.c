/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups: services that were released together have guards that carry the same name. A group is
 * nothing but its guards; it is told as one verdict, the worst of theirs, in the API and on a page. No guard
 * acts on another's verdict: what is to be taken back together is for whoever released it together to decide.
 */
#include <stdlib.h>
#include <string.h>

#include "http/follow.h"
#include "http/handlers.h"
#include "http/show.h"

#include "base/arena.h"
#include "base/str.h"
#include "http/parts.h"

struct group {
    struct store_guard *guard;
    size_t n;
};

/* False: refused, or `err` says why. */
static bool load(struct call *c, struct hd_arena *a, struct group *ret, struct hd_error *err)
{
    struct store_filter filter = {.group = c->param, .verdict = -1, .limit = HD_ROWS_MAX};
    err->code = HD_OK;
    if (store_guards(c->store, a, &filter, &ret->guard, &ret->n, err))
        return false;
    if (!ret->n)
        (void)call_refuse(c, 404, "unknown_group", "no guard belongs to group %s", c->param);
    return ret->n > 0;
}

/* A guard without a verdict may still fail, one that is inconclusive did not. */
static const int rank[] = {
    [HD_VERDICT_PASS] = 0, [HD_VERDICT_INCONCLUSIVE] = 1, [HD_VERDICT_NONE] = 2, [HD_VERDICT_FAIL] = 3};

static int worst_verdict(const struct group *g)
{
    int worst = HD_VERDICT_PASS;
    for (size_t i = 0; i < g->n; i++)
        worst = rank[g->guard[i].verdict] > rank[worst] ? g->guard[i].verdict : worst;
    return worst;
}

static enum hd_code answer(struct call *c, const struct group *g, struct hd_error *err)
{
    struct store_budgets budgets;
    bool terminal = true, reverted = false, needs_human = false;
    for (size_t i = 0; i < g->n; i++) {
        terminal &= hd_state_terminal(g->guard[i].state);
        reverted |= g->guard[i].verified_ms >= 0;
        needs_human |= g->guard[i].needs_human;
    }
    if (store_budgets(c->store, c->arena, c->now_ms, &budgets, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "id", c->param);
    json_put_text(&o, "verdict", hd_verdict_word(worst_verdict(g)));
    json_put_bool(&o, "terminal", terminal);
    json_put_bool(&o, "reverted", reverted);
    json_put_bool(&o, "needs_human", needs_human);
    json_begin(&o, "guards", '[');
    for (size_t i = 0; i < g->n; i++) {
        struct stance stance;
        if (stance_of_guard(c->store, c->arena, &g->guard[i], &budgets, c->now_ms, &stance, err))
            return err->code;
        show_guard_row(&o, &g->guard[i], NULL, &stance, c->facts->public_url);
    }
    json_end(&o, ']');
    json_end(&o, '}');
    return HD_OK;
}

enum hd_code group_show(struct call *c, struct hd_error *err)
{
    struct group g;
    return load(c, c->arena, &g, err) ? answer(c, &g, err) : err->code;
}

enum hd_code group_wait(struct call *c, struct hd_error *err)
{
    ARENA_AUTO a = arena_new(); /* it may look hundreds of times */
    struct group g;
    const char *until = call_query(c, "until");
    int64_t timeout_ms;
    if (until && !str_is(until, "terminal") && !str_is(until, "settled"))
        return call_refuse(c, 400, "bad_parameter", "until is one of: terminal settled");
    if (!follow_timeout(c, &timeout_ms))
        return HD_OK;
    if (!load(c, a, &g, err))
        return err->code;
    if (!c->until_ms)
        c->until_ms = c->now_ms + timeout_ms;
    bool reached = true;
    for (size_t i = 0; i < g.n; i++)
        reached &= follow_reached(c, &g.guard[i], until);
    if (reached || c->now_ms >= c->until_ms)
        return answer(c, &g, err);
    return HD_OK;
}

/* --- the page --- */

/* Equally bad ones: the newest first. */
static int by_badness(const void *a, const void *b)
{
    const struct store_guard *x = a, *y = b;
    int d = y->needs_human - x->needs_human;
    d = d ? d : rank[y->verdict] - rank[x->verdict];
    return d ? d : strcmp(y->id, x->id);
}

/* How its guards stand together, in numbers and in one sentence. */
struct together {
    size_t n, live, needing, failed, reverted, undecided;
};

static struct together count(const struct group *g)
{
    struct together t = {.n = g->n};
    for (size_t i = 0; i < g->n; i++) {
        const struct store_guard *one = &g->guard[i];
        t.live += !hd_state_terminal(one->state);
        t.needing += one->needs_human;
        t.failed += one->verdict == HD_VERDICT_FAIL;
        t.reverted += one->verified_ms >= 0;
        t.undecided += hd_state_terminal(one->state) && one->verdict != HD_VERDICT_FAIL && one->verdict != HD_VERDICT_PASS;
    }
    return t;
}

static const char *say(struct hd_arena *a, const struct together *t, enum tone *ret)
{
    const char *of = arena_print(a, "of %zu release%s", t->n, t->n == 1 ? "" : "s");
    *ret = t->needing ? TONE_FAIL : t->failed || t->undecided ? TONE_WARN : t->live ? TONE_RUN : TONE_PASS;
    if (t->needing)
        return arena_print(a, "%zu %s need%s you", t->needing, of, t->needing == 1 ? "s" : "");
    if (t->failed)
        return arena_print(a, "%zu %s failed%s", t->failed, of, t->live ? ", others are being watched" : "");
    if (t->live)
        return arena_print(a, "%zu %s %s being watched", t->live, of, t->live == 1 ? "is" : "are");
    if (t->undecided)
        return arena_print(a, "%zu %s ended undecided", t->undecided, of);
    return t->n == 1 ? "The release passed" : arena_print(a, "All %zu releases passed", t->n);
}

static void lead(struct buf *b, const struct group *g, const struct together *t, enum tone tone, const char *sentence)
{
    html_print(b, "<section class=\"lead %s\"><p class=\"need %s\" role=\"%s\">", html_tone_word(tone),
               html_tone_word(tone), t->needing ? "alert" : "status");
    html_icon(b, tone);
    html_print(b, "%s</p><dl class=\"rows\"><div><dt>Together</dt><dd>verdict %s, %zu of %zu ended, %zu taken back</dd>"
                  "</div>"
                  "<div><dt>Meaning</dt><dd>They were released together, and that is all: haldane judges each by "
                  "itself, and takes none back because another one failed.</dd></div></dl></section>",
               sentence, hd_verdict_word(worst_verdict(g)), t->n - t->live, t->n, t->reverted);
}

/* What a shell takes as it stands: a foreign name must not become a command that somebody pastes. */
static bool is_word(const char *name)
{
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._") == strlen(name);
}

enum hd_code group_page(struct call *c, struct hd_error *err)
{
    struct group g;
    enum tone tone;
    if (!load(c, c->arena, &g, err))
        return err->code;
    const struct together t = count(&g);
    const char *sentence = say(c->arena, &t, &tone);
    qsort(g.guard, g.n, sizeof *g.guard, by_badness);
    struct html_page page = call_page(c, arena_print(c->arena, "%s: %s", c->param, sentence));
    page.live = t.live > 0;
    page.tone = tone;
    struct buf *b = call_answer(c, 200, CALL_HTML);
    html_head(b, &page);
    html_print(b, "<p class=\"crumb\"><a href=\"/\">fleet</a> / group %s</p><h1>%s</h1>", c->param, c->param);
    lead(b, &g, &t, tone, sentence);
    html_print(b, "<h2>Guards</h2>");
    part_guards(b, g.guard, g.n < HD_PAGE_ITEMS_MAX ? g.n : HD_PAGE_ITEMS_MAX, true, c->now_ms);
    if (g.n > HD_PAGE_ITEMS_MAX)
        html_print(b, "<p>And %zu more.</p>", g.n - HD_PAGE_ITEMS_MAX);
    html_print(b, "<p class=\"pages\"><a href=\"/api/v1/groups/");
    html_segment(b, c->param);
    const char *name = is_word(c->param) ? c->param : "NAME";
    html_print(b, "\">as JSON</a></p><p class=\"m\">In a shell: <code>haldane list --group %s</code>. A release joins with "
                  "<code>haldane guard SERVICE --group %s</code>.</p>", name, name);
    html_foot(b);
    return HD_OK;
}
