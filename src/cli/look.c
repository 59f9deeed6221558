/* SPDX-License-Identifier: Apache-2.0
 *
 * See look.h.
 */
#include "cli/look.h"

#include <math.h>

#include "base/arena.h"
#include "base/reason.h"
#include "cli/advice.h"
#include "cli/cli.h"
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

/* Of an answer that is an error: the source's trouble, and not the question's. */
static bool is_worlds(uint16_t reason)
{
    static const uint16_t rows[] = {HD_REASON_EXECUTION, HD_REASON_HTTP_STATUS, HD_REASON_HTTP_503, HD_REASON_DENIED,
                                    HD_REASON_TIMEOUT, HD_REASON_UNREACHABLE, HD_REASON_CUT_SHORT,
                                    HD_REASON_CHILD_FAILED};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (reason == rows[i])
            return true;
    }
    return false;
}

static int status_of(enum hd_code code) { return advice_world(code) ? CLI_INCONCLUSIVE : CLI_USAGE; }

int look_worse(int a, int b) { return a == CLI_USAGE || b == CLI_USAGE ? CLI_USAGE : a ? a : b; }

int look_check(struct asker *asker, struct table *t, const struct hd_config *config,
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
        const struct hd_datasource *source = &config->datasources[check->datasource];
        const struct hd_provider *p = hd_provider_find(source->plugin.type);
        const struct hd_endpoint *at = p->endpoint ? p->endpoint(source->plugin.cfg) : NULL;
        table_row(t, policy->name, check->name, "", "", "", "", "",
                  arena_print(a, "error: %s -> %s", err.text, advice_source(asker, said, at, "Prometheus", &err)));
        return status_of(err.code);
    }
    int status = CLI_OK;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const struct ask_side *s = &side[i];
        if (s->outcome == HD_OUTCOME_ERROR)
            status = look_worse(status, is_worlds(s->reason) ? CLI_INCONCLUSIVE : CLI_USAGE);
        sides->series[i] = s->outcome == HD_OUTCOME_NO_DATA ? s->series : 1;
        table_row(t, policy->name, name_of(a, check, s), policy->colours[i].name,
                  arena_print(a, "%zu", s->series), table_count(a, s->n),
                  table_value(a, s->value, check->unit), table_duration(a, s->age_ms),
                  outcome_text(a, policy, i, s));
    }
    return status;
}

static const char *members_text(struct hd_arena *a, const struct hd_side_live *s)
{
    if (s->ready == HD_UNKNOWN)
        return "readiness unknown";
    if (s->wanted == HD_UNKNOWN)
        return arena_print(a, "%u ready", s->ready);
    return arena_print(a, "%u of %u ready", s->ready, s->wanted);
}

/* Would the router take a change? A side that has the traffic needs none. */
static int look_permission(struct asker *asker, const struct hd_policy *policy, const struct hd_live *live)
{
    ARENA_AUTO a = arena_new();
    int status = CLI_OK;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const char *text;
        struct hd_error err;
        if (live->side[i].share_ppm >= HD_WHOLE_PPM / 2 || !live->side[i].alone)
            continue;
        enum hd_code code = ask_rehearse(asker, a, policy, i, &text, &err);
        if (!code || code == HD_INVALID) /* it cannot be asked beforehand */
            continue;
        (void)printf("%s: a revert to %s would be refused: %s -> %s\n", policy->name, policy->colours[i].name,
                     table_clean(a, err.text), advice_router(a, policy, &err));
        status = look_worse(status, status_of(code));
    }
    return status;
}

int look_router(struct asker *asker, const struct hd_policy *policy, struct lint_sides *sides)
{
    ARENA_AUTO a = arena_new();
    struct hd_live live;
    struct hd_error err;
    struct table t = {.arena = a, .columns = 4};
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        sides->share_ppm[i] = HD_UNKNOWN;
    if (ask_router(asker, a, policy, &live, &err)) {
        (void)printf("%s: the router cannot be read: %s -> %s\n", policy->name, table_clean(a, err.text),
                     advice_router(a, policy, &err));
        return status_of(err.code);
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
    return look_permission(asker, policy, &live);
}
