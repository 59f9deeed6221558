/* SPDX-License-Identifier: Apache-2.0
 *
 * See look.h.
 */
#include "cli/look.h"

#include <math.h>

#include "base/arena.h"
#include "base/reason.h"
#include "config/config.h"

void look_head(struct table *t)
{
    table_row(t, "SERVICE", "CHECK", "SIDE", "SERIES", "N", "VALUE", "AGE", "OUTCOME");
}

/* Why there is no value, as a sentence. */
static const char *outcome_text(struct hd_arena *a, const struct hd_policy *policy, uint32_t colour,
                                const struct ask_side *side)
{
    BUF_AUTO b = BUF_INIT(2000);
    struct hd_reason reason = {.number = side->reason, .check = HD_NO_CHECK, .role = HD_CANDIDATE};
    struct reason_names names = {.side = {"", policy->colours[colour].name}, .text = side->text};
    buf_text(&b, hd_outcome_word(side->outcome));
    if (side->reason && side->outcome != HD_OUTCOME_OK) {
        buf_text(&b, ": ");
        reason_render(&b, &reason, &names);
    }
    return arena_text(a, buf_at(&b));
}

static const char *name_of(struct hd_arena *a, const struct hd_check *check, const struct ask_side *side)
{
    if (isnan(side->bound))
        return check->name;
    return arena_print(a, "%s (%s)", check->name, config_bound_text(a, &check->query, side->bound));
}

bool look_check(struct asker *asker, struct table *t, const struct hd_config *config,
                const struct hd_policy *policy, const struct hd_check *check, int64_t window_ms,
                struct lint_sides *sides)
{
    ARENA_AUTO said = arena_new(); /* the whole answers; the table keeps its own copies */
    struct hd_arena *a = t->arena;
    struct ask_side side[HD_SIDES_MAX];
    struct hd_error err;
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        sides->series[i] = 1;
    if (ask_check(asker, said, config, policy, check, window_ms, side, &err)) {
        table_row(t, policy->name, check->name, "", "", "", "", "",
                  arena_print(a, "error: %s", err.text));
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const struct ask_side *s = &side[i];
        ok &= s->outcome != HD_OUTCOME_ERROR;
        sides->series[i] = s->outcome == HD_OUTCOME_NO_DATA ? s->series : 1;
        table_row(t, policy->name, name_of(a, check, s), policy->colours[i].name,
                  arena_print(a, "%zu", s->series), table_count(a, s->n),
                  table_value(a, s->value, check->unit), table_duration(a, s->age_ms),
                  outcome_text(a, policy, i, s));
    }
    return ok;
}

static const char *members_text(struct hd_arena *a, const struct hd_side_live *s)
{
    if (s->ready == HD_UNKNOWN)
        return "readiness unknown";
    if (s->wanted == HD_UNKNOWN)
        return arena_print(a, "%u ready", s->ready);
    return arena_print(a, "%u of %u ready", s->ready, s->wanted);
}

bool look_router(struct asker *asker, const struct hd_policy *policy, struct lint_sides *sides)
{
    ARENA_AUTO a = arena_new();
    struct hd_live live;
    struct hd_error err;
    struct table t = {.arena = a, .columns = 4};
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        sides->share_ppm[i] = HD_UNKNOWN;
    if (ask_router(asker, a, policy, &live, &err)) {
        (void)printf("%s: the router cannot be read: %s\n", policy->name, table_clean(a, err.text));
        return false;
    }
    for (uint32_t i = 0; i < policy->n_colours; i++)
        sides->share_ppm[i] = live.side[i].share_ppm;
    for (uint32_t i = 0; i < policy->n_colours; i++)
        table_row(&t, i ? " " : arena_print(a, "%s:", policy->name), policy->colours[i].name,
                  table_value(a, live.side[i].share_ppm / 1e6, "share"),
                  members_text(a, &live.side[i]));
    table_print(&t, stdout);
    if (live.settling)
        (void)puts("  a change is on its way");
    if (live.note)
        (void)printf("  %s\n", table_clean(a, live.note));
    return true;
}
