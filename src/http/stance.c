/* SPDX-License-Identifier: Apache-2.0
 *
 * See stance.h. Judges nothing: base/would.c does. Called by the pages and by api.c.
 */
#include "http/stance.h"

#include "base/arena.h"
#include "base/str.h"

enum hd_code stance_load(struct store *s, struct hd_arena *a, const struct store_asked *of, struct stance *ret,
                         struct hd_error *err)
{
    struct would_facts f;
    char left[STR_TIME_MAX];
    *ret = (struct stance){.known = false};
    enum hd_code code = store_would(s, a, of, &f, err);
    if (code)
        return code == HD_ABSENT ? HD_OK : code;
    ret->known = true;
    ret->act = would_act(&f);
    if (f.target)
        ret->order = would_gate(&f, false);
    if (!ret->act.reason)
        return HD_OK;
    BUF_AUTO b = BUF_INIT(4 * HD_TEXT_MAX);
    would_say(&b, &ret->act, of->now_ms);
    ret->because = arena_text(a, buf_at(&b));
    ret->next = would_next(a, &ret->act, of->service);
    if (ret->act.until_ms > of->now_ms)
        ret->left = arena_print(a, "%s left", str_duration(ret->act.until_ms - of->now_ms, left));
    return HD_OK;
}

bool stance_open(const struct store_guard *g)
{
    return !g->analysis && (g->state == HD_STATE_PENDING || g->state == HD_STATE_WARMING ||
                            g->state == HD_STATE_WATCHING);
}

enum hd_code stance_of_guard(struct store *s, struct hd_arena *a, const struct store_guard *g,
                             const struct store_budgets *budgets, int64_t now_ms, struct stance *ret,
                             struct hd_error *err)
{
    const struct store_asked asked = {.service = g->service, .guard = g, .budgets = budgets, .now_ms = now_ms};
    *ret = (struct stance){.known = false};
    return stance_open(g) ? stance_load(s, a, &asked, ret, err) : HD_OK;
}

const char *stance_left(struct hd_arena *a, const struct stance *s)
{
    return s->left ? arena_print(a, ", %s", s->left) : "";
}

void stance_put(struct json_out *o, const struct stance *s)
{
    if (s && s->known)
        json_put_bool(o, "would_act", !s->because);
    else
        json_put_null(o, "would_act");
    json_put_text(o, "would_not_because", s ? s->because : NULL);
    json_put_time(o, "would_not_until", stance_left_alone(s) ? s->act.until_ms : -1);
}
