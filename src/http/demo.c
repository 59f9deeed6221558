/* SPDX-License-Identifier: Apache-2.0
 *
 * See demo.h: a release that failed and was taken back, as numbers. The page is the one of real guards.
 */
#include "http/demo.h"

#include <math.h>

#include "base/arena.h"
#include "http/guard.h"
#include "http/handlers.h"

#define BEGIN_MS ((int64_t)1577934067000) /* 2020-01-02T03:01:07Z: nobody takes it for last night */
#define STEP_MS 5000
#define POLLS 37
#define BAD_FROM 30 /* poll */
#define DECIDED POLLS

#define AFTER(ms) (BEGIN_MS + DECIDED * STEP_MS + (ms))

static const char checks[] =
    "[{\"name\":\"http-5xx-ratio\",\"title\":\"Share of requests answered with 5xx\",\"unit\":\"share\","
    "\"limit\":\"<= 1%\",\"critical\":true,\"kind\":\"counts\","
    "\"query\":\"http_requests_total{version=~\\\"blue|green\\\", job=\\\"demo\\\"}\"},"
    "{\"name\":\"http-slow-ratio\",\"title\":\"Share of requests slower than 450 ms\",\"unit\":\"share\","
    "\"limit\":\"<= 1%\",\"kind\":\"counts\",\"query\":\"http_request_duration_seconds_bucket{job=\\\"demo\\\"}\"}]";

static const struct store_guard guard = {
    .id = "DEMO",
    .service = "demo",
    .state = HD_STATE_REVERTED,
    .mode = HD_MODE_ENFORCE,
    .verdict = HD_VERDICT_FAIL,
    .cause = HD_CAUSE_RELEASE,
    .score = 50,
    .trigger = "traffic",
    .stable = "blue",
    .candidate = "green",
    .stable_version = "v41",
    .candidate_version = "v42",
    .value_before = "blue=100 green=0",
    .value_after = "blue=0 green=100",
    .switch_from_ms = BEGIN_MS - STEP_MS,
    .switch_to_ms = BEGIN_MS,
    .started_ms = BEGIN_MS,
    .until_ms = BEGIN_MS + 900000,
    .ended_ms = AFTER(600000),
    .decided_ms = AFTER(0),
    .sent_ms = AFTER(200),
    .accepted_ms = AFTER(400),
    .verified_ms = AFTER(3100),
    .recovered_ms = AFTER(48000),
    .bad_since_ms = BEGIN_MS + BAD_FROM * STEP_MS,
    .marked_ms = -1,
    .headline = "Rolled back to blue and recovered - no action needed",
    .why = "http-5xx-ratio on green 4.8% > 1% (blue 0.2%), 3 of 3 polls, n=1,250",
    .rehearsal = "ok: blue has 5 of 5 members ready",
    .config_hash = "demo",
    .checks = checks,
};

static const struct {
    int64_t at_ms;
    int32_t severity;
    const char *headline, *text;
} told[] = {
    {BEGIN_MS, HD_SEVERITY_INFO, "Watching green (from blue)", "switch seen"},
    {BEGIN_MS + 40, HD_SEVERITY_INFO, "Watching green (from blue)", "rehearsal: a revert would work right now"},
    {AFTER(0), HD_SEVERITY_WARN, "green is failing: checking that blue can take the traffic back",
     "http-5xx-ratio on green 4.8% > 1% (blue 0.2%), 3 of 3 polls, n=1,250"},
    {AFTER(150), HD_SEVERITY_INFO, "Moving the traffic back from green to blue", "journaled before it was sent"},
    {AFTER(3100), HD_SEVERITY_INFO, "Rolled back to blue, verified; waiting for users to recover",
     "a reading proves the revert"},
    {AFTER(48000), HD_SEVERITY_INFO, "Rolled back to blue and recovered - no action needed", "users recovered"},
};

/* Requests and how many of them were bad, of one side in one poll: a little uneven, always the same. */
static struct hd_measurement measure(uint8_t check, uint8_t role, uint32_t poll)
{
    double share = 0.002 + 0.0004 * (double)((poll * 7 + check * 3 + role) % 4);
    if (check == 0 && role == HD_CANDIDATE && poll > BAD_FROM)
        share = fmin(0.048, 0.012 * (poll - BAD_FROM));
    return (struct hd_measurement){.check = check,
                                   .role = role,
                                   .outcome = HD_OUTCOME_OK,
                                   .fresh = true,
                                   .exposure = 1250,
                                   .events = floor(1250 * share),
                                   .value = NAN,
                                   .covers_ms = STEP_MS};
}

static void evidence(struct hd_arena *a, struct guard_view *v)
{
    v->n_evidence = v->polls = POLLS;
    v->polls_every = 1;
    v->evidence = arena_many(a, POLLS, struct store_evidence);
    for (uint32_t i = 0; i < POLLS; i++) {
        struct hd_measurement *m = arena_many(a, 4, struct hd_measurement);
        for (uint8_t k = 0; k < 4; k++)
            m[k] = measure(k / 2, k % 2, i + 1);
        v->evidence[i] = (struct store_evidence){.wall_ms = BEGIN_MS + (i + 1) * STEP_MS,
                                                 .t_ms = (i + 1) * STEP_MS,
                                                 .evidence = {.poll = i + 1, .m = m, .n = 4}};
    }
}

static void engine(struct hd_guard_state *g)
{
    g->polls = DECIDED;
    g->n_checks = 2;
    for (uint32_t i = 0; i < 2; i++)
        g->check[i] = (struct hd_check_state){.judged = DECIDED,
                                              .observed = DECIDED,
                                              .band = i ? HD_BAND_PASS : HD_BAND_FAIL,
                                              .value = i ? 0.0026 : 0.048,
                                              .stable_value = 0.002,
                                              .limit = 0.01,
                                              .n = 1250,
                                              .sum_exposure = DECIDED * 1250,
                                              .stable_exposure = DECIDED * 1250};
    struct hd_check_state *bad = &g->check[0];
    bad->tripped = 1;
    bad->broken = 3;
    bad->worst_value = 0.048;
    bad->worst_stable = 0.002;
    bad->worst_limit = 0.01;
    bad->worst_n = 1250;
}

void demo_view(struct hd_arena *a, struct guard_view *ret)
{
    struct guard_view *v = ret;
    struct hd_guard_state *state = arena_of(a, struct hd_guard_state);
    *v = (struct guard_view){.guard = guard,
                             .demo = true,
                             .at_ms = guard.ended_ms,
                             .measured_ms = -1,
                             .change_version = "v42",
                             .change_commit = "9f31c2ab",
                             .change_actor = "a pipeline"};
    engine(state);
    v->guard.engine = state;
    v->n_events = sizeof told / sizeof *told;
    v->event = arena_many(a, v->n_events, struct store_event);
    for (size_t i = 0; i < v->n_events; i++)
        v->event[i] = (struct store_event){.seq = (int64_t)i,
                                           .wall_ms = told[i].at_ms,
                                           .severity = told[i].severity,
                                           .headline = told[i].headline,
                                           .text = told[i].text};
    evidence(a, v);
    v->has_reading = true;
    v->reading = (struct store_reading){.service = guard.service,
                                        .first_ms = AFTER(3100),
                                        .last_ms = guard.ended_ms,
                                        .value = guard.value_before,
                                        .n_sides = 2,
                                        .side = {{"blue", 1000000, 5, 5}, {"green", 0, 5, 5}}};
    view_checks(a, v->guard.checks, state, &v->check, &v->n_checks);
    view_measure(v);
}

enum hd_code demo_page(struct call *c, struct hd_error *err)
{
    struct guard_view *v = arena_of(c->arena, struct guard_view);
    (void)err;
    demo_view(c->arena, v);
    const struct html_page page = call_page(c, "");
    v->account = page.account;
    v->csrf = page.csrf;
    guard_render(call_answer(c, 200, CALL_HTML), c->arena, v, c->now_ms);
    return HD_OK;
}
