/* SPDX-License-Identifier: Apache-2.0
 *
 * At the end of an episode every guard that ended is judged again from what is stored of it, whatever
 * humans, alerts, deaths and power cuts came between its polls: the verdict must be the one that is
 * stored. Called by audit.c.
 */
#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/trial.h"
#include "config/config.h"
#include "json/json.h"

/* The reasons' numbers, as a text. */
static const char *stored_reasons(struct hd_arena *a, const char *text)
{
    BUF_AUTO b = BUF_INIT(4096);
    JSON_AUTO j = NULL;
    int64_t number;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, NULL))
        return "";
    for (const struct json *r = json_first(j); r; r = json_next(r)) {
        if (!json_i64(json_get(r, "number"), "number", &number, NULL))
            buf_print(&b, " %lld", (long long)number);
    }
    return arena_text(a, buf_at(&b));
}

static const char *replayed_reasons(struct hd_arena *a, const struct hd_verdict *v)
{
    BUF_AUTO b = BUF_INIT(4096);
    for (size_t i = 0; i < v->n; i++)
        buf_print(&b, " %d", v->reason[i].number);
    return arena_text(a, buf_at(&b));
}

/* Somebody ended it before a verdict was due, or it could not be taken up after a start. */
static bool ended_early(const struct store_guard *g, const struct hd_verdict *v)
{
    return v->kind == HD_VERDICT_NONE &&
           (g->state == HD_STATE_SUPERSEDED || g->state == HD_STATE_CANCELLED || !g->reasons ||
            str_begins(g->headline, "haldane could not take up"));
}

/* The config that a guard was pinned to; most guards of a service have the same text. */
static enum hd_code read_pin(struct sim *sim, const struct store_guard *g, struct config **ret, struct hd_error *err)
{
    struct pin *pin = &sim->audit->pin[audit_service(sim, g->service)];
    if (!pin->text || !str_is(pin->text, g->pin)) {
        struct config *config;
        enum hd_code code = config_load_pin((struct hd_span){g->pin, strlen(g->pin)}, &config, err);
        if (code)
            return code;
        free(pin->text);
        config_unref(pin->config);
        *pin = (struct pin){strdup(g->pin), config};
    }
    *ret = config_ref(pin->config);
    return HD_OK;
}

void audit_forget_pins(struct audit *a)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        free(a->pin[i].text);
        config_unref(a->pin[i].config);
    }
}

static void replay(struct sim *sim, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct store_guard g;
    struct trial t;
    struct trial_end *end = arena_of(a, struct trial_end);
    struct hd_error err;
    enum hd_code code = trial_load(sim->store, a, id, &g, &t, &err);
    if (code == HD_ABSENT) /* it had no poll */
        return;
    struct config *pin = NULL;
    if (!code)
        code = read_pin(sim, &g, &pin, &err);
    t.as_it_was = true;
    if (!code)
        code = trial_run(&t, config_service(pin, g.service), end, &err);
    config_unref(pin);
    if (code) {
        violation(sim, "replay", "guard %s: %s", id, err.text);
        return;
    }
    const char *was = stored_reasons(a, g.reasons), *is = replayed_reasons(a, &end->verdict);
    if (!ended_early(&g, &end->verdict) && (g.verdict != end->verdict.kind || !str_is(was, is)))
        violation(sim, "replay", "guard %s (%s): verdict %s because of%s, and %s because of%s when it is judged again",
                  id, hd_state_word(g.state), hd_verdict_word(g.verdict), was,
                  hd_verdict_word(end->verdict.kind), is);
}

void audit_replay(struct sim *sim)
{
    for (size_t i = 0; i < sim->audit->n_guards && sim->store && !sim->failed; i++)
        replay(sim, sim->audit->guard[i].id);
}
