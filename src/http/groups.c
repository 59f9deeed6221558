/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups: services that were released together have guards that carry the same name. A group is
 * nothing but its guards; it is told as one verdict, the worst of theirs. No guard acts on another's
 * verdict: what is to be taken back together is for whoever released it together to decide.
 */
#include "http/follow.h"
#include "http/handlers.h"
#include "http/show.h"

#include "base/str.h"

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
static int worst_verdict(const struct group *g)
{
    static const int rank[] = {[HD_VERDICT_PASS] = 0, [HD_VERDICT_INCONCLUSIVE] = 1,
                               [HD_VERDICT_NONE] = 2, [HD_VERDICT_FAIL] = 3};
    int worst = HD_VERDICT_PASS;
    for (size_t i = 0; i < g->n; i++)
        worst = rank[g->guard[i].verdict] > rank[worst] ? g->guard[i].verdict : worst;
    return worst;
}

static void answer(struct call *c, const struct group *g)
{
    bool terminal = true, reverted = false, needs_human = false;
    for (size_t i = 0; i < g->n; i++) {
        terminal &= hd_state_terminal(g->guard[i].state);
        reverted |= g->guard[i].verified_ms >= 0;
        needs_human |= g->guard[i].needs_human;
    }
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_put_text(&o, "id", c->param);
    json_put_text(&o, "verdict", hd_verdict_word(worst_verdict(g)));
    json_put_bool(&o, "terminal", terminal);
    json_put_bool(&o, "reverted", reverted);
    json_put_bool(&o, "needs_human", needs_human);
    json_begin(&o, "guards", '[');
    for (size_t i = 0; i < g->n; i++)
        show_guard_row(&o, &g->guard[i], NULL, NULL, c->facts->public_url);
    json_end(&o, ']');
    json_end(&o, '}');
}

enum hd_code group_show(struct call *c, struct hd_error *err)
{
    struct group g;
    if (load(c, c->arena, &g, err))
        answer(c, &g);
    return err->code;
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
        answer(c, &g);
    return HD_OK;
}
