/* SPDX-License-Identifier: Apache-2.0
 *
 * See record.h. Called by the pages of guards and services, and by the exports.
 */
#include "http/record.h"

#include <stdlib.h>

#include "base/str.h"
#include "http/html.h"

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The lower one of the two in the middle: a time that was measured. */
static int64_t median(int64_t *list, size_t n)
{
    if (!n)
        return -1;
    qsort(list, n, sizeof *list, by_size);
    return list[(n - 1) / 2];
}

static void take(int64_t from_ms, int64_t to_ms, int64_t *list, size_t *n)
{
    if (from_ms >= 0 && to_ms >= from_ms)
        list[(*n)++] = to_ms - from_ms;
}

void record_of(struct hd_arena *a, const struct store_guard *g, size_t n, struct record *ret)
{
    int64_t *list[3];
    size_t count[3] = {0};
    for (size_t i = 0; i < 3; i++)
        list[i] = arena_many(a, n, int64_t);
    *ret = (struct record){0};
    for (size_t i = 0; i < n; i++) {
        if (!hd_state_terminal(g[i].state))
            continue;
        ret->guards++;
        ret->of_state[g[i].state & 15]++;
        bool alarm = g[i].verdict == HD_VERDICT_FAIL && g[i].bad_since_ms >= 0;
        ret->alarms += alarm;
        ret->false_alarms += alarm && g[i].marked_ms >= 0 && g[i].was_good;
        ret->missed += g[i].verdict != HD_VERDICT_FAIL && g[i].marked_ms >= 0 && !g[i].was_good;
        if (alarm)
            take(g[i].switch_to_ms, g[i].decided_ms, list[0], &count[0]);
        take(g[i].decided_ms, g[i].verified_ms, list[1], &count[1]);
        take(g[i].decided_ms, g[i].recovered_ms, list[2], &count[2]);
    }
    ret->detect_ms = median(list[0], count[0]);
    ret->revert_ms = median(list[1], count[1]);
    ret->recover_ms = median(list[2], count[2]);
}

void record_say(struct buf *b, const struct record *r)
{
    if (!r->guards) {
        html_print(b, "No guard has ended yet.");
        return;
    }
    html_print(b, "Of %zu guard%s %zu raised an alarm", r->guards, r->guards == 1 ? "" : "s",
               r->alarms);
    if (r->alarms || r->false_alarms)
        html_print(b, "; %zu of these %s marked false (%.0f%%)", r->false_alarms,
                   r->false_alarms == 1 ? "was" : "were",
                   r->alarms ? 100.0 * (double)r->false_alarms / (double)r->alarms : 100.0);
    if (r->missed)
        html_print(b, "; %zu other%s bad and not caught", r->missed, r->missed == 1 ? " was" : "s were");
    html_print(b, ".");
}

void record_times(struct buf *b, const struct record *r)
{
    const struct {
        const char *word;
        int64_t ms;
    } row[] = {{"detected", r->detect_ms}, {"reverted", r->revert_ms}, {"recovered", r->recover_ms}};
    char text[STR_TIME_MAX];
    const char *glue = "";
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (row[i].ms < 0)
            continue;
        html_print(b, "%s%s %s", glue, row[i].word, str_duration(row[i].ms, text));
        glue = ", ";
    }
}
