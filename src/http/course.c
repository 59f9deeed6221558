/* SPDX-License-Identifier: Apache-2.0
 *
 * See course.h. Called by fleet.c, guard_lead.c and service.c.
 */
#include "http/course.h"

enum course course_of(const struct store_guard *g, const struct stance *stance)
{
    const bool over = g->bad_since_ms >= 0;
    if (hd_state_terminal(g->state) || g->analysis)
        return COURSE_WELL;
    if (g->state > HD_STATE_DECIDING)
        return g->state != HD_STATE_AFTERCARE ? COURSE_ACTING : g->recovered_ms < 0 ? COURSE_BACK : COURSE_WELL;
    if (g->state == HD_STATE_DECIDING) /* without a breach: an order */
        return over ? COURSE_OVER : COURSE_ACTING;
    if (stance_left_alone(stance))
        return over ? COURSE_OVER_LEFT : COURSE_LEFT;
    return over ? COURSE_OVER : COURSE_WELL;
}

const char *course_need(const struct store_guard *g, enum course course)
{
    if (hd_state_terminal(g->state))
        return "You are not needed";
    if (g->state == HD_STATE_AFTERCARE)
        return g->recovered_ms >= 0 ? "Not needed: users are well again; haldane watches that it stays so"
                                    : "Not needed yet: the traffic is back; haldane watches users recover";
    if (g->state >= HD_STATE_DECIDING)
        return "Not needed yet: haldane is acting";
    switch (course) {
    case COURSE_OVER_LEFT:
        return "It is over its limit, and haldane will NOT take this back: watch it yourself";
    case COURSE_LEFT:
        return "If it fails, haldane will NOT take this back: watch it yourself";
    case COURSE_OVER:
        return "Not needed yet: it is over its limit, and haldane is deciding";
    default:
        return "Not needed: haldane is watching";
    }
}

void course_say(struct buf *b, enum course course, size_t n)
{
    static const struct {
        const char *before, *one, *many;
    } words[COURSES] = {
        [COURSE_WELL] = {"All well: ", "release is being watched", "releases are being watched"},
        [COURSE_LEFT] = {"", "release is being watched that haldane will NOT take back: watch it yourself",
                         "releases are being watched that haldane will NOT take back: watch them yourself"},
        [COURSE_BACK] = {"", "release was taken back; haldane watches users recover",
                         "releases were taken back; haldane watches users recover"},
        [COURSE_ACTING] = {"", "release is being taken back", "releases are being taken back"},
        [COURSE_OVER] = {"", "release is over its limit; haldane is deciding",
                         "releases are over their limits; haldane is deciding"},
        [COURSE_OVER_LEFT] = {"", "release is over its limit; haldane will NOT take it back: watch it yourself",
                              "releases are over their limits; haldane will NOT take them back: watch them yourself"},
    };
    html_print(b, "%s%zu %s", words[course].before, n, n == 1 ? words[course].one : words[course].many);
}
