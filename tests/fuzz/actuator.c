/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the answer of a router, for every actuator: no crash, no reading that lies, and what
 * was read can be planned from. The input is one raw answer as in tests/golden/haproxy; it is also
 * given as the reply to every step of the plan.
 */
#include <haldane/actuator.h>

#include "../support/options.h"

#include "fuzz.h"

static const struct {
    const char *actuator;
    struct opt cfg[8];
} shapes[] = {
    {"haproxy", {{"socket", "/run/a.sock"}, {"backend", "shop"}}},
    {"haproxy", {{"sockets", "/run/a.sock|tcp:127.0.0.1:1"}, {"backend", "shop"}}},
    {"haproxy", {{"socket", "/run/a.sock"}, {"map.file", "/m"}, {"map.key", "shop"}}},
    {"exec", {{"command", "/bin/x"}, {"rehearse", "true"}}},
    {"webhook",
     {{"url", "http://r"},
      {"read.path", "/"},
      {"read.value", "$.live"},
      {"read.ready", "$.pools.{{colour}}.ready"},
      {"write.0.path", "/{{value}}"},
      {"write.0.body", "{\"to\":\"{{value}}\",\"from\":\"{{from}}\"}"}}},
};

static void try_plan(struct hd_arena *a, const struct hd_actuator *act, const struct hd_site *site,
                     const struct hd_talk *talk, const char *value, bool rehearse, size_t *ret_n)
{
    struct hd_goal goal = {.value = value, .stamp = "fuzz", .rehearse = rehearse};
    struct hd_plan plan;
    struct hd_error err = {0};
    MUST(act->plan(a, site, talk, &goal, &plan, &err) == HD_OK);
    MUST(plan.n <= HD_PLAN_MAX && plan.native && fuzz_plain(plan.native));
    for (size_t i = 0; i < plan.n; i++) {
        struct hd_exchange x = {plan.step[i], talk->item[0].response};
        struct hd_reply reply;
        MUST((plan.step[i]->effect == HD_EFFECT_READ) == rehearse);
        MUST(act->reply(a, site, &x, &reply, &err) == HD_OK);
        MUST(reply.retry_ms >= 0 && (!reply.text || fuzz_plain(reply.text)));
    }
    *ret_n = plan.n;
}

static void check_live(struct hd_arena *a, const struct hd_actuator *act,
                       const struct hd_site *site, const struct hd_talk *talk,
                       const struct hd_live *live)
{
    size_t n;
    MUST(live->value && *live->value && fuzz_plain(live->value));
    try_plan(a, act, site, talk, live->value, false, &n);
    MUST(n == 0);
    try_plan(a, act, site, talk, live->value, true, &n);
    for (size_t k = 0; k < site->n_sides; k++) {
        const struct hd_side_live *s = &live->side[k];
        MUST(s->share_ppm <= HD_WHOLE_PPM);
        if (!s->alone)
            continue;
        MUST(*s->alone && fuzz_plain(s->alone));
        try_plan(a, act, site, talk, s->alone, false, &n);
        MUST((n == 0) == str_is(s->alone, live->value));
    }
}

static void try_shape(size_t shape, struct hd_span body)
{
    ARENA_AUTO a = arena_new();
    const struct hd_actuator *act = hd_actuator_find(shapes[shape].actuator);
    const void *side = opt_fill(a, act->side_options, act->side_size, NULL);
    struct hd_site site = {.cfg = opt_fill(a, act->options, act->cfg_size, shapes[shape].cfg),
                           .n_sides = 2,
                           .colour = {"blue", "green"},
                           .side = {side, side}};
    struct hd_response response = {.status = act == hd_actuator_find("webhook") ? 200 : 0,
                                   .body = body};
    struct hd_exchange said[HD_TALK_MAX];
    struct hd_talk talk = {said, 0};
    struct hd_live live = {.value = NULL};
    struct hd_error err = {0};
    enum hd_code code = HD_OK;
    MUST(act->check(&site, &err) == HD_OK);
    for (bool asks = true; asks && !code;) { /* it may ask once more for what the answer lacks */
        struct hd_ask ask = {.n = 0};
        code = act->observe(a, &site, NULL, &talk, &ask, &live, &err);
        asks = ask.n > 0;
        MUST(talk.n ? !(asks && live.value) && talk.n + ask.n <= HD_TALK_MAX : asks && !code);
        for (size_t i = 0; i < ask.n; i++)
            said[talk.n++] = (struct hd_exchange){ask.request[i], &response};
    }
    if (code == HD_OK)
        check_live(a, act, &site, &talk, &live);
    else
        MUST(err.code == code && *err.text && fuzz_plain(err.text) && !live.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *body = malloc(size + 1);
    if (!body)
        return 0;
    memcpy(body, data, size);
    body[size] = '\0';
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        try_shape(i, (struct hd_span){body, size});
    free(body);
    return 0;
}
