/* SPDX-License-Identifier: Apache-2.0
 *
 * A store with the guards that a page must be able to show: reverted and recovered, not verified,
 * watching, passed, and one in which every foreign text is hostile.
 */
#ifndef TEST_HTTP_SAMPLE_H
#define TEST_HTTP_SAMPLE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/store.h"

#define MINUTE ((int64_t)60000)
#define SAMPLE_REVERTED "01JD2K0000000000000000000B"
#define SAMPLE_BROKEN "01JD2K0000000000000000000D"
#define SAMPLE_WATCHING "01JD2K0000000000000000000C"
#define SAMPLE_PASSED "01JD2K0000000000000000000A"
#define SAMPLE_HOSTILE "01JD2K00000000000000000009"
#define HOSTILE                                                                                    \
    "<script>alert(1)</script>\"' onload='x &amp; \xE2\x80\xAE"                                    \
    "evil\xFF\x1B[31m"
#define HOSTILE_JSON                                                                               \
    "<script>alert(1)</script>\\\"' onload='x &amp; \xE2\x80\xAE"                                  \
    "evil"

static const char sample_checks[] =
    "[{\"name\":\"errors\",\"title\":\"5xx ratio\",\"unit\":\"share\",\"limit\":\"\xE2\x89\xA4 "
    "1%\","
    "\"critical\":true,\"advisory\":false,\"kind\":\"counts\",\"query\":"
    "\"http_requests_total{service=\\\"shop\\\",code=~\\\"5..\\\"}[40s]\"},"
    "{\"name\":\"slow\",\"title\":\"Requests slower than 450 ms\",\"unit\":\"share\","
    "\"limit\":\"\xE2\x89\xA4 1%\",\"critical\":false,\"advisory\":false,\"kind\":\"counts\","
    "\"query\":\"http_request_duration_seconds_bucket{service=\\\"shop\\\"}[40s]\"},"
    "{\"name\":\"cpu\",\"title\":\"CPU of a pod\",\"unit\":\"share\",\"limit\":\"\xE2\x89\xA4 "
    "80%\","
    "\"critical\":false,\"advisory\":true,\"kind\":\"gauge\",\"query\":\"avg(cpu)\"}]";

static void sample_ok(enum hd_code code, const struct hd_error *err)
{
    if (code) {
        (void)fprintf(stderr, "sample: %s\n", err->text);
        abort();
    }
}

static void sample_event(struct store *s, const char *guard, const char *service, int64_t at_ms,
                         enum hd_severity severity, bool resolved, const char *headline,
                         const char *text)
{
    struct hd_error err;
    int64_t seq;
    const char *const sinks[] = {"alertmanager", "slack"};
    const struct store_event e = {.wall_ms = at_ms,
                                  .guard = guard,
                                  .service = service,
                                  .kind = "state",
                                  .severity = (int32_t)severity,
                                  .headline = headline,
                                  .text = text,
                                  .resolved = resolved};
    sample_ok(store_add_event(s, &e, sinks, severity == HD_SEVERITY_ACT ? 2 : 0, &seq, &err), &err);
}

/* Polls every 5 s: `bad_from` is the poll from which the candidate fails; `calm_from` the one from
 * which stable has the traffic again. */
static void sample_polls(struct store *s, const char *guard, int64_t switch_ms, uint32_t n,
                         uint32_t bad_from)
{
    struct hd_error err;
    for (uint32_t i = 0; i < HD_BEFORE_BINS + n; i++) {
        bool before = i < HD_BEFORE_BINS;
        uint32_t poll = before ? i + 1 : i - HD_BEFORE_BINS + 1;
        bool bad = !before && poll >= bad_from;
        double wave = 6 + 4 * sin(i * 0.7);
        struct hd_measurement m[] = {
            {.check = 0,
             .role = HD_STABLE,
             .fresh = true,
             .events = round(wave / 3),
             .exposure = 980,
             .value = (double)NAN,
             .covers_ms = 5000},
            {.check = 0,
             .role = HD_CANDIDATE,
             .fresh = true,
             .events = bad ? 120 + 10 * wave : wave / 2,
             .exposure = 4120,
             .value = (double)NAN,
             .covers_ms = 5000},
            {.check = 1,
             .role = HD_STABLE,
             .fresh = true,
             .events = 4,
             .exposure = 980,
             .value = (double)NAN,
             .covers_ms = 5000},
            {.check = 1,
             .role = HD_CANDIDATE,
             .fresh = true,
             .events = 12 + wave,
             .exposure = 4120,
             .value = (double)NAN,
             .covers_ms = 5000,
             .outcome = poll == 9 ? HD_OUTCOME_STALE : 0},
            {.check = 2, .role = HD_CANDIDATE, .fresh = true, .value = 0.55 + wave / 100},
        };
        const struct store_evidence e = {
            .wall_ms = before ? switch_ms - (HD_BEFORE_BINS - (int64_t)i) * MINUTE
                              : switch_ms + (int64_t)poll * 5000,
            .t_ms = before ? 0 : (int64_t)poll * 5000,
            .evidence = {.poll = poll,
                         .before = before,
                         .scrape_ms = 5000,
                         .presence = {{true, 200000, 5, 5}, {true, 800000, 5, 5}},
                         .m = m,
                         .n = before ? 1 : sizeof m / sizeof *m}};
        sample_ok(store_put_evidence(s, guard, &e, &err), &err);
    }
}

static void sample_engine(struct hd_guard_state *g, bool fail)
{
    *g = (struct hd_guard_state){.polls = 38, .n_checks = 3, .score = fail ? 33 : (double)NAN};
    for (uint32_t i = 0; i < 3; i++)
        g->check[i] = (struct hd_check_state){.judged = 38,
                                              .observed = 38,
                                              .band = HD_BAND_PASS,
                                              .value = 0.0021 + 0.002 * i,
                                              .stable_value = 0.002,
                                              .limit = i == 2 ? 0.8 : 0.01,
                                              .n = i == 2 ? 0 : 4120};
    g->check[2].value = 0.61;
    g->check[2].stable_value = (double)NAN;
    if (fail) {
        struct hd_check_state *c = &g->check[0];
        c->tripped = 1;
        c->band = HD_BAND_FAIL;
        c->broken = 3;
        c->worst_value = 0.048;
        c->worst_stable = 0.002;
        c->worst_limit = 0.01;
        c->worst_n = 12431;
        c->worst_k = 3;
    }
}

static struct store_guard sample_guard(const char *id, const char *service, int state,
                                       int64_t at_ms)
{
    struct store_guard g = {
        .version = 1,
        .service = service,
        .state = state,
        .mode = HD_MODE_ENFORCE,
        .score = (double)NAN,
        .trigger = "traffic",
        .stable = "blue",
        .candidate = "green",
        .stable_version = "v41",
        .candidate_version = "v42",
        .value_before = "blue=100 green=0",
        .value_after = "blue=0 green=100",
        .switch_from_ms = at_ms - 5000,
        .switch_to_ms = at_ms,
        .started_ms = at_ms,
        .until_ms = at_ms + 15 * MINUTE,
        .ended_ms = -1,
        .decided_ms = -1,
        .sent_ms = -1,
        .accepted_ms = -1,
        .verified_ms = -1,
        .recovered_ms = -1,
        .bad_since_ms = -1,
        .headline = "",
        .why = "",
        .reasons = "[]",
        .native = "echo 'set weight shop/blue1 100; set weight shop/green1 0' | "
                  "socat stdio /run/haproxy.sock",
        .rehearsal = "a revert would work right now: 5 of 5 blue servers are ready",
        .config_hash = "4be1c0de",
        .pin = "{}",
        .checks = sample_checks};
    (void)snprintf(g.id, sizeof g.id, "%s", id);
    return g;
}

static void sample_reading(struct store *s, const char *service, int64_t at_ms, uint32_t blue_ppm,
                           const char *note)
{
    struct hd_error err;
    const struct store_reading r = {
        .service = service,
        .first_ms = at_ms,
        .last_ms = at_ms,
        .value = "blue=100 green=0",
        .note = note,
        .n_sides = 2,
        .side = {{"blue", blue_ppm, 5, 5}, {"green", 1000000 - blue_ppm, 5, 5}}};
    sample_ok(store_put_reading(s, &r, &err), &err);
}

static void sample_reverted(struct store *s, int64_t now_ms)
{
    struct hd_error err;
    struct hd_guard_state engine;
    int64_t at = now_ms - 42 * MINUTE, bad = at + 170000, decided = at + 183000, seq;
    struct store_guard g = sample_guard(SAMPLE_REVERTED, "checkout", HD_STATE_REVERTED, at);
    sample_engine(&engine, true);
    g.engine = &engine;
    g.verdict = HD_VERDICT_FAIL;
    g.cause = HD_CAUSE_RELEASE;
    g.score = 33;
    g.bad_since_ms = bad;
    g.decided_ms = decided;
    g.sent_ms = decided + 200;
    g.accepted_ms = decided + 400;
    g.verified_ms = decided + 3100;
    g.recovered_ms = decided + 52000;
    g.ended_ms = decided + 5 * MINUTE;
    g.headline = "checkout rolled back green v42 to blue v41 and recovered: no action needed";
    g.why = "5xx ratio on green 4.8% > 1% (blue 0.2%), 3 of 3 polls, n=12,431";
    g.reasons = "[{\"number\":50,\"slug\":\"above_max\",\"severity\":\"warn\",\"text\":"
                "\"5xx ratio on green 4.8% > 1% (blue 0.2%), 3 of 3 polls, n=12,431\",\"check\":0},"
                "{\"number\":67,\"slug\":\"within\",\"severity\":\"info\",\"text\":"
                "\"Requests slower than 450 ms on green 0.41% within 1% (blue 0.2%), n=4,120\","
                "\"check\":1}]";
    g.change =
        "{\"version\":\"v42\",\"commit\":\"9f31c2ab\",\"url\":\"https://ci.example/runs/812\","
        "\"actor\":\"ci-bot\"}";
    sample_ok(store_add_guard(s, &g, &err), &err);
    sample_polls(s, g.id, at, 38, 34);
    const struct store_intent it = {.guard = g.id,
                                    .service = "checkout",
                                    .actuator = "haproxy",
                                    .kind = "revert",
                                    .automatic = true,
                                    .candidate = "green",
                                    .candidate_version = "v42",
                                    .from = "blue=0 green=100",
                                    .to = "blue=100 green=0",
                                    .native = g.native,
                                    .steps =
                                        "[{\"label\":\"set weights\",\"effect\":\"set\",\"text\":"
                                        "\"set weight shop/blue1 100; set weight shop/green1 0\"}]",
                                    .outcome = HD_INTENT_VERIFIED,
                                    .sends = 1,
                                    .step = 1,
                                    .journaled_ms = decided,
                                    .sent_ms = decided + 200,
                                    .done_ms = decided + 3100,
                                    .deadline_ms = decided + 30000};
    sample_ok(store_add_intent(s, &it, &seq, &err), &err);
    sample_event(s, g.id, "checkout", at, HD_SEVERITY_INFO, false,
                 "switch seen: green has 100% (was 0%)", "");
    sample_event(s, g.id, "checkout", at + 1000, HD_SEVERITY_INFO, false,
                 "rehearsal: a revert would work right now", "");
    sample_event(s, g.id, "checkout", decided, HD_SEVERITY_WARN, false,
                 "5xx ratio fails: 4.8% > 1%, 3 of 3 polls",
                 "n=12,431, blue 0.2% in the same polls");
    sample_event(s, g.id, "checkout", decided, HD_SEVERITY_INFO, false,
                 "revert 1 journaled: blue=100 green=0", "");
    sample_event(s, g.id, "checkout", decided + 3100, HD_SEVERITY_INFO, false,
                 "verified: the router gives blue 100%", "");
    sample_event(s, g.id, "checkout", decided + 52000, HD_SEVERITY_INFO, false, "users recovered",
                 "");
    sample_reading(s, "checkout", now_ms - 4000, 1000000, NULL);
}

static void sample_broken(struct store *s, int64_t now_ms)
{
    struct hd_error err;
    struct hd_guard_state engine;
    int64_t at = now_ms - 5 * MINUTE, decided = now_ms - 134000;
    struct store_guard g = sample_guard(SAMPLE_BROKEN, "search", HD_STATE_NOT_VERIFIED, at);
    sample_engine(&engine, true);
    g.engine = &engine;
    g.verdict = HD_VERDICT_FAIL;
    g.group = "spring <1>";
    g.needs_human = true;
    g.bad_since_ms = decided - 15000;
    g.decided_ms = decided;
    g.sent_ms = decided + 300;
    g.accepted_ms = decided + 600;
    g.ended_ms = decided + 60000;
    g.headline = "search: rollback sent but NOT verified, act now";
    g.why = "5xx ratio on green 4.8% > 1% (blue 0.2%), 3 of 3 polls, n=12,431";
    sample_ok(store_add_guard(s, &g, &err), &err);
    sample_polls(s, g.id, at, 34, 30);
    sample_event(s, g.id, "search", at, HD_SEVERITY_INFO, false, "switch seen: green has 100%", "");
    sample_event(
        s, g.id, "search", decided + 60000, HD_SEVERITY_ACT, false,
        "no reading proves the revert within 1m 00s",
        "The router accepted the change at 03:04:10Z.\n38% of the traffic is still on green.");
    sample_reading(s, "search", now_ms - 95000, 620000, "stickiness pins users until 03:31Z");
}

static void sample_others(struct store *s, int64_t now_ms)
{
    struct hd_error err;
    struct hd_guard_state engine;
    struct store_guard g =
        sample_guard(SAMPLE_WATCHING, "cart", HD_STATE_WATCHING, now_ms - 6 * MINUTE);
    sample_engine(&engine, false);
    g.engine = &engine;
    g.group = "spring <1>";
    g.headline = "cart: watching green v42, every check within its limit";
    g.why = "5xx ratio on green 0.21% within 1% (blue 0.2%), n=4,120";
    sample_ok(store_add_guard(s, &g, &err), &err);
    sample_polls(s, g.id, g.started_ms, 70, 1000);
    sample_event(s, g.id, "cart", g.started_ms, HD_SEVERITY_INFO, false,
                 "switch seen: green has 80%", "");
    sample_reading(s, "cart", now_ms - 2000, 200000, NULL);

    g = sample_guard(SAMPLE_PASSED, "mail", HD_STATE_PASSED, now_ms - 190 * MINUTE);
    g.engine = &engine;
    g.verdict = HD_VERDICT_PASS;
    g.score = 100;
    g.ended_ms = g.started_ms + 15 * MINUTE;
    g.headline = "mail: green v42 is good";
    g.why = "every check held to the end";
    sample_ok(store_add_guard(s, &g, &err), &err);
    sample_polls(s, g.id, g.started_ms, 180, 1000);
    sample_event(s, g.id, "mail", g.ended_ms, HD_SEVERITY_INFO, false, "verdict pass, score 100",
                 "");
    sample_reading(s, "mail", now_ms - 3000, 0, NULL);
}

static void sample_hostile(struct store *s, int64_t now_ms)
{
    struct hd_error err;
    struct hd_guard_state engine;
    struct store_guard g =
        sample_guard(SAMPLE_HOSTILE, HOSTILE, HD_STATE_INCONCLUSIVE, now_ms - 400 * MINUTE);
    sample_engine(&engine, true);
    g.engine = &engine;
    g.stable = g.candidate = g.stable_version = g.headline = g.why = g.native = HOSTILE;
    g.rehearsal = g.value_before = g.value_after = g.config_hash = g.trigger = HOSTILE;
    g.ended_ms = g.started_ms + 15 * MINUTE;
    g.checks =
        "[{\"name\":\"" HOSTILE_JSON "\",\"title\":\"" HOSTILE_JSON "\",\"unit\":\"" HOSTILE_JSON
        "\",\"limit\":\"" HOSTILE_JSON "\",\"query\":\"" HOSTILE_JSON "\",\"kind\":\"counts\"}]";
    g.reasons = "[{\"text\":\"" HOSTILE_JSON "!\"}]";
    g.change = "{\"version\":\"" HOSTILE_JSON "\",\"url\":\"javascript:alert(1)\"}";
    sample_ok(store_add_guard(s, &g, &err), &err);
    sample_polls(s, g.id, g.started_ms, 3, 2);
    sample_event(s, g.id, g.service, g.started_ms, HD_SEVERITY_ACT, false, HOSTILE, HOSTILE);
    const struct store_reading r = {.service = HOSTILE,
                                    .first_ms = now_ms,
                                    .last_ms = now_ms,
                                    .value = HOSTILE,
                                    .owner = HOSTILE,
                                    .note = HOSTILE,
                                    .n_sides = 1,
                                    .side = {{HOSTILE, 1000000, 1, 1}}};
    sample_ok(store_put_reading(s, &r, &err), &err);
    const struct store_hold h = {.service = HOSTILE,
                                 .reason = HOSTILE,
                                 .actor = HOSTILE,
                                 .from_ms = now_ms,
                                 .until_ms = now_ms + 60 * MINUTE,
                                 .released_ms = -1};
    int64_t id;
    sample_ok(store_add_hold(s, &h, &id, &err), &err);
}

static void sample_services(struct store *s, bool hostile)
{
    struct hd_error err;
    struct store_service list[5];
    static const char *const names[] = {"checkout", "cart", "search", "mail", HOSTILE};
    for (size_t i = 0; i < 5; i++)
        list[i] = (struct store_service){.name = names[i],
                                         .mode = "enforce",
                                         .kind = "blue_green",
                                         .colours = "[\"blue\",\"green\"]",
                                         .checks = sample_checks,
                                         .config_hash = "4be1c0de",
                                         .about = "{\"actuator\":\"haproxy\"}"};
    sample_ok(store_put_services(s, list, hostile ? 5 : 4, &err), &err);
}

/* A fresh directory for a store; sample_drop removes both. */
static const char *sample_make(char dir[100], char path[120])
{
    (void)snprintf(dir, 100, "/tmp/haldane-http-XXXXXX");
    if (!mkdtemp(dir))
        abort();
    (void)snprintf(path, 120, "%s/db", dir);
    return path;
}

static void sample_drop(const char *dir, const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-ballast"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[150];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

enum sample_what { SAMPLE_EMPTY, SAMPLE_USUAL, SAMPLE_WITH_HOSTILE };

static void sample_fill(const char *path, enum sample_what what, int64_t now_ms)
{
    struct hd_error err;
    struct store *s = NULL;
    sample_ok(store_open(&(struct store_options){.path = path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    if (what != SAMPLE_EMPTY) {
        sample_services(s, what == SAMPLE_WITH_HOSTILE);
        if (what == SAMPLE_WITH_HOSTILE)
            sample_hostile(s, now_ms);
        sample_others(s, now_ms);
        sample_reverted(s, now_ms);
        sample_broken(s, now_ms);
    }
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
}

__attribute__((unused)) static void sample_fact(const char *path, const char *key, const char *value)
{
    struct hd_error err;
    struct store *s = NULL;
    sample_ok(store_open(&(struct store_options){.path = path}, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    sample_ok(store_put_fact(s, key, value, &err), &err);
    sample_ok(store_commit(s, &err), &err);
    (void)store_close(s);
}

#endif
