/* SPDX-License-Identifier: Apache-2.0
 *
 * See brought.h. Data: what other tools' words are here. What is one of our own keys in another place is
 * found in the option tables. Called by walk.c for keys that are unknown where they stand.
 */
#include "config/brought.h"

#include "base/arena.h"
#include "base/str.h"
#include "config/tables.h"

static const struct {
    const char *key, *here;
} rows[] = {
    /* Argo Rollouts */
    {"metric", "`use: http-5xx-ratio` asks a query of the library (its metric: `with: {metric: ...}`), `query:` one of "
               "your own"},
    {"metrics", "what is measured are the `checks` of the service"},
    {"successCondition", "`max` and `min` say what is good"},
    {"failureCondition", "`max` and `min` say what is good"},
    {"failureLimit", "`guard.fail_after` says how many bad polls fail a check"},
    {"consecutiveErrorLimit", "`guard.blind_for` says how long a check may be without evidence"},
    {"inconclusiveLimit", "`guard.blind_for` says how long a check may be without evidence"},
    {"consecutiveSuccessLimit", "a guard passes at the end of `guard.duration`"},
    {"count", "`guard.duration` says how long it is watched"},
    {"initialDelay", "`guard.warmup` is the time in which only critical checks count"},
    {"provider", "`datasource` names one of the `datasources`"},
    {"analysis", "a service has `guard` and `checks`"},
    {"dryRun", "`mode: shadow` only records; a check with `advisory: true` fails no guard"},
    /* Flagger */
    {"thresholdRange", "`max` and `min` say what is good"},
    {"threshold", "`max` or `min` is the limit, `guard.fail_after` how often it may be broken"},
    {"iterations", "`guard.duration` says how long it is watched"},
    {"templateRef", "`use` names a query of the library"},
    {"skipAnalysis", "`mode: shadow` only records"},
    {"maxWeight", "haldane moves no traffic forward: it only takes it back"},
    {"stepWeight", "haldane moves no traffic forward: it only takes it back"},
    {"webhooks", "`notifiers` are told; a check may ask by `http`"},
    {"targetRef", "`actuator` names the router, `colours` its sides"},
    {"alerts", "`notifiers` are told"},
    /* Kayenta */
    {"direction", "`max` limits what may not rise, `min` what may not fall"},
    {"nanStrategy", "no data is never good: `guard.blind_for` says how long it may last"},
    {"groupWeights", "each check has a `weight`"},
    {"groups", "each check has a `weight`"},
    {"scoreThresholds", "`guard.pass_score` is the least score that passes"},
    {"marginal", "`guard.pass_score` is the least score that passes"},
    {"classifier", "each check has a `weight`, and `guard.pass_score` is the least score that passes"},
    {"judge", "`guard.rule` is threshold or sequential; canary configs are for haldane analyze"},
    {"allowedIncrease", "`worse_than_baseline: 1.5x` compares with the other colour"},
    {"allowedDecrease", "`min_of_baseline: 0.8x` compares with the other colour"},
    {"lifetime", "`guard.duration` says how long it is watched"},
    {"scopes", "`colours` are the sides, `label` tells them apart in metrics"},
    /* everybody */
    {"timeout", "`guard.duration` says how long it is watched"},
    {"url", "addresses stand under `datasources`, `notifiers` and the `actuator`"},
    {"prometheus", "data sources stand under `datasources`, by a name"},
    {"limit", "`max` or `min` is the limit"},
    {"operator", "`max` or `min` is the limit"},
    {"canary", "`kind: {canary: {stable: ..., candidate: ...}}` fixes the roles"},
    {"stable", "`kind: {canary: {stable: ..., candidate: ...}}` fixes the roles; else the side that has the traffic is "
               "stable"},
    {"baseline", "stable is the side that had the traffic before; `worse_than_baseline` compares with it"},
    {"rollback", "`mode: enforce` takes releases back; `on_inconclusive` is for those that nobody can judge"},
};

/* Rows of ours that a key may be meant for, by where they stand. */
static const char *elsewhere(struct hd_arena *a, const char *key)
{
    const struct {
        const struct hd_option *table;
        const char *place;
    } places[] = {{table_check, "at a check"}, {table_service, "at the service"}, {table_root, "at the top of the file"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (table_find(places[i].table, key))
            return arena_print(a, "; `%s` stands %s", key, places[i].place);
        for (const struct hd_option *o = places[i].table; o->key; o++) {
            if (!o->internal && o->type == HD_OPT_GROUP && table_find(o->sub, key))
                return arena_print(a, "; did you mean `%s.%s`, %s?", o->key, key, places[i].place);
        }
    }
    return "";
}

const char *brought_hint(struct hd_arena *a, const char *key, bool service)
{
    for (size_t i = 0; service && i < sizeof rows / sizeof *rows; i++) {
        if (str_is(rows[i].key, key))
            return arena_print(a, "; here %s", rows[i].here);
    }
    return elsewhere(a, key);
}
