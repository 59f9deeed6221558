/* SPDX-License-Identifier: Apache-2.0
 *
 * See course.h. Called by fleet.c and guard_lead.c.
 */
#include "http/course.h"

#include <string.h>

#include "base/reason.h"
#include "base/str.h"

/* What the guard itself said when it began on a side that was rejected before. */
static bool said_so(const struct course_facts *f)
{
    for (size_t i = 0; i < f->n_events; i++) {
        const struct store_event *e = &f->event[i];
        if (e->reason == HD_REASON_REJECTED_LIVE && e->text && strstr(e->text, "not taken back by haldane"))
            return true;
    }
    return false;
}

static bool is_left(struct hd_arena *a, const struct course_facts *f)
{
    struct way_facts way = {.service = f->service};
    view_window(f->service, &way);
    return f->guard->mode != HD_MODE_ENFORCE || f->hold ||
           (way.unsafe && (way.unsafe_until_ms < 0 || f->now_ms < way.unsafe_until_ms)) ||
           (f->service && str_is(view_about(a, f->service, "on_fail"), "page")) || said_so(f);
}

enum course course_of(struct hd_arena *a, const struct course_facts *f)
{
    const struct store_guard *g = f->guard;
    const bool over = g->bad_since_ms >= 0;
    if (hd_state_terminal(g->state) || g->analysis)
        return COURSE_WELL;
    if (g->state > HD_STATE_DECIDING)
        return g->recovered_ms < 0 ? COURSE_ACTING : COURSE_WELL;
    if (g->state == HD_STATE_DECIDING) /* without a breach: an order */
        return over ? COURSE_OVER : COURSE_ACTING;
    if (is_left(a, f))
        return over ? COURSE_OVER_LEFT : COURSE_LEFT;
    return over ? COURSE_OVER : COURSE_WELL;
}

void course_say(struct buf *b, enum course course, size_t n)
{
    static const struct {
        const char *before, *one, *many;
    } words[COURSES] = {
        [COURSE_WELL] = {"All well: ", "release is being watched", "releases are being watched"},
        [COURSE_LEFT] = {"", "release is being watched that haldane will NOT take back: watch it yourself",
                         "releases are being watched that haldane will NOT take back: watch them yourself"},
        [COURSE_ACTING] = {"", "release is being taken back", "releases are being taken back"},
        [COURSE_OVER] = {"", "release is over its limit; haldane is deciding",
                         "releases are over their limits; haldane is deciding"},
        [COURSE_OVER_LEFT] = {"", "release is over its limit; haldane will NOT take it back: watch it yourself",
                              "releases are over their limits; haldane will NOT take them back: watch them yourself"},
    };
    html_print(b, "%s%zu %s", words[course].before, n, n == 1 ? words[course].one : words[course].many);
}
