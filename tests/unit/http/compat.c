/* SPDX-License-Identifier: Apache-2.0
 *
 * One table for what other tools are told: every route that tells a verdict, by what there is to tell
 * (a pass, a fail, neither, nothing yet), and by what can be wrong (a service nobody knows, a daemon
 * that is starting, a store that is gone, a body that is no JSON). A second one for the routes that
 * give an order, by what the loop says to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "face.h"
#include "http/compat.h"

enum { PASS, FAIL, NEITHER, RUNNING, KINDS };
static const char *const names[KINDS] = {"pass", "fail", "neither", "running"};

/* --- the store: for each kind a service, its guard, and an analysis under two names --- */

static const char *id_of(int kind, bool analysis)
{
    static char id[27];
    (void)snprintf(id, sizeof id, "01JD2K00000000000000000%s%d0", analysis ? "A" : "G", kind);
    return id;
}

static struct store_guard guard_of(int kind, bool analysis, int64_t now_ms)
{
    static const struct {
        int state, verdict, cause;
        double score;
    } as[KINDS] = {{HD_STATE_PASSED, HD_VERDICT_PASS, HD_CAUSE_UNKNOWN, 97},
                   {HD_STATE_ADVISED, HD_VERDICT_FAIL, HD_CAUSE_RELEASE, 40},
                   {HD_STATE_INCONCLUSIVE, HD_VERDICT_INCONCLUSIVE, HD_CAUSE_SHARED, 50},
                   {HD_STATE_WATCHING, HD_VERDICT_NONE, HD_CAUSE_UNKNOWN, NAN}};
    struct store_guard g = sample_guard(id_of(kind, analysis), names[kind], as[kind].state,
                                        now_ms - 2 * MINUTE);
    g.verdict = as[kind].verdict;
    g.cause = as[kind].cause;
    g.score = as[kind].score;
    g.analysis = analysis;
    g.mode = analysis ? HD_MODE_SHADOW : HD_MODE_ENFORCE;
    g.ended_ms = kind == RUNNING ? -1 : now_ms - MINUTE;
    g.headline = kind == RUNNING ? "Watching green" : "It has ended";
    g.why = "that is\nwhy";
    return g;
}

static void put_run(struct store *s, const char *service, const char *run, const char *guard,
                    int64_t now_ms)
{
    struct hd_error err;
    struct store_run r = {service, run, guard, now_ms + 60 * MINUTE,
                          "{\"application\":\"app\",\"pass\":90,\"marginal\":60}"};
    sample_ok(store_put_run(s, &r, now_ms, &err), &err);
}

static void put_kind(struct store *s, int kind, int64_t now_ms)
{
    struct hd_error err;
    char name[64];
    const struct store_reading reading = {.service = names[kind],
                                          .first_ms = now_ms,
                                          .last_ms = now_ms,
                                          .value = "blue=0 green=100"};
    sample_ok(store_put_reading(s, &reading, &err), &err);
    for (int analysis = 0; analysis < 2; analysis++) {
        struct store_guard g = guard_of(kind, analysis, now_ms);
        sample_ok(store_add_guard(s, &g, &err), &err);
    }
    put_run(s, names[kind], "r1", id_of(kind, true), now_ms);
    (void)snprintf(name, sizeof name, "flagger/%s.ns/green/c1", names[kind]);
    put_run(s, names[kind], name, id_of(kind, true), now_ms);
}

static void fill(const char *path)
{
    struct hd_error err;
    struct store *s = NULL;
    int64_t now_ms = clock_now().wall_ms;
    const struct store_options o = {.path = path};
    struct store_service service[KINDS] = {0};
    sample_ok(store_open(&o, &s, &err), &err);
    sample_ok(store_begin(s, &err), &err);
    for (int i = 0; i < KINDS; i++)
        service[i] = (struct store_service){
            .name = names[i], .colours = "[\"blue\",\"green\"]", .checks = "[]", .about = "{}"};
    sample_ok(store_put_services(s, service, KINDS, &err), &err);
    sample_ok(store_put_fact(s, "config/loaded", "1700000000000 hash", &err), &err);
    for (int i = 0; i < KINDS; i++)
        put_kind(s, i, now_ms);
    sample_ok(store_commit(s, &err), &err);
    assert_null(store_close(s));
}

/* --- what there is to tell --- */

#define ARGO "/compat/argo/v1/analysis"
#define FLAGGER "/compat/flagger"
#define COLUMNS 8
#define UNKNOWN KINDS, "nobody"

static const struct column {
    const char *name;
    int kind;
    const char *service;
    enum { FINE, STARTING, LOST, NO_JSON } fault;
} column[COLUMNS] = {
    {"pass", PASS, "pass", FINE},          {"fail", FAIL, "fail", FINE},
    {"inconclusive", NEITHER, "neither", FINE}, {"running", RUNNING, "running", FINE},
    {"unknown service", UNKNOWN, FINE},    {"starting", RUNNING, "running", STARTING},
    {"store lost", PASS, "pass", LOST},    {"bad JSON", PASS, "pass", NO_JSON},
};

/* $S: the service, $I: the id of its analysis (or guard). A body makes it a POST. */
struct want {
    int status;
    const char *text; /* in the reply; NULL: only the status counts */
};
#define ARGO_WANTS                                                                                 \
    {200, "{\"phase\":\"Successful\",\"verdict\":\"pass\",\"ok\":true,\"ready\":true,\"score\":97,"}, \
    {200, "{\"phase\":\"Failed\",\"verdict\":\"fail\",\"ok\":false,\"ready\":true,\"score\":40,"},  \
    {200, "{\"phase\":\"Inconclusive\",\"verdict\":\"inconclusive\",\"ok\":false,\"ready\":true,"}, \
    {200, "{\"phase\":\"Running\",\"verdict\":\"none\",\"ok\":false,\"ready\":false,"},             \
    {200, "{\"phase\":\"Failed\",\"verdict\":\"none\",\"ok\":false,\"ready\":false,"},        \
    {200, "{\"phase\":\"Running\",\"verdict\":\"none\",\"ok\":false,\"ready\":false,"},             \
    {200, "{\"phase\":\"Running\",\"verdict\":\"none\",\"ok\":false,\"ready\":false,"}
#define HOOK "{\"name\":\"$S\",\"namespace\":\"ns\",\"phase\":\"Progressing\",\"checksum\":\"c1\"}"

static const struct row {
    const char *name, *path, *body;
    struct want want[COLUMNS];
    const char *method; /* NULL: GET, with a body POST */
} rows[] = {
    {"argo, a guard", ARGO "?guard=$I", NULL, {ARGO_WANTS, {0, NULL}}},
    {"argo, a service", ARGO "?service=$S", NULL, {ARGO_WANTS, {0, NULL}}},
    {"argo, a run", ARGO "?service=$S&run=r1", NULL, {ARGO_WANTS, {0, NULL}}},
    {"argo, by POST", ARGO, "{\"service\":\"$S\",\"run\":\"r1\",\"candidate\":\"green\"}",
     {ARGO_WANTS, {200, "{\"phase\":\"Failed\",\"verdict\":\"none\",\"ok\":false,"}}},
    {"kayenta, an execution", "/compat/kayenta/canary/$I", NULL,
     {{200, "\"complete\":true,\"status\":\"succeeded\",\"result\":{\"judgeResult\":"},
      {200, "\"score\":{\"score\":0,\"classification\":\"Fail\""},
      {200, "\"score\":{\"score\":60,\"classification\":\"Marginal\""},
      {200, "\"complete\":false,\"status\":\"running\""},
      {404, "\"message\":"},
      {200, "\"complete\":false,\"status\":\"running\""},
      {200, "\"complete\":false,\"status\":\"running\""},
      {0, NULL}}},
    {"kayenta, the configs", "/compat/kayenta/canaryConfig?application=app", NULL,
     {{200, "{\"id\":\"pass\",\"name\":\"pass\",\"updatedTimestamp\":1700000000000,\"updatedTimestampIso\":"
            "\"2023-11-14T22:13:20.000Z\",\"applications\":[\"app\"]}"},
      {0, NULL}, {0, NULL}, {0, NULL}, {0, NULL}, {200, NULL}, {503, "\"message\":"}, {0, NULL}}},
    {"kayenta, a config", "/compat/kayenta/canaryConfig/$S", NULL,
     {{200, "{\"id\":\"pass\",\"name\":\"pass\","}, {200, NULL}, {200, NULL}, {200, NULL},
      {404, "\"message\":"}, {200, NULL}, {503, "\"message\":"}, {0, NULL}}},
    {"kayenta, the accounts", "/compat/kayenta/credentials", NULL,
     {{200, "[{\"name\":\"haldane\",\"type\":\"haldane\",\"supportedTypes\":[\"METRICS_STORE\","},
      {0, NULL}, {0, NULL}, {0, NULL}, {0, NULL}, {200, NULL}, {200, NULL}, {0, NULL}}},
    {"kayenta, a cancel of what has ended", "/compat/kayenta/pipelines/$I/cancel", "",
     {{202, NULL}, {202, NULL}, {202, NULL}, {0, NULL}, {404, "\"message\":"}, {503, "\"message\":"},
      {503, "\"message\":"}, {202, NULL}}, "PUT"},
    {"flagger, check", FLAGGER "/check", HOOK,
     {{200, "\r\n\r\nIt has ended: that is"}, {403, "\r\n\r\nForbidden: "}, {403, NULL}, {403, NULL},
      {404, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"flagger, check of a run", FLAGGER "/check?candidate=green", HOOK,
     {{200, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {404, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"flagger, a lenient check", FLAGGER "/check?on_running=pass&on_inconclusive=pass", HOOK,
     {{200, NULL}, {403, NULL}, {200, NULL}, {200, NULL}, {404, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"flagger, rollback", FLAGGER "/rollback", HOOK,
     {{403, NULL}, {200, NULL}, {403, NULL}, {403, NULL}, {404, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"flagger, rollback of a run", FLAGGER "/rollback?candidate=green", HOOK,
     {{403, NULL}, {200, NULL}, {403, NULL}, {403, NULL}, {404, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"flagger, a gate", FLAGGER "/gate", HOOK,
     {{403, "is closed"}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"gate/check", "/gate/check", HOOK,
     {{403, "is closed"}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"rollback/check", "/rollback/check", HOOK,
     {{403, "is closed"}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {400, NULL}}},
    {"gate/halt", "/gate/halt", HOOK,
     {{403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}, {403, NULL}}},
    {"gate/approve", "/gate/approve", HOOK,
     {{200, NULL}, {200, NULL}, {200, NULL}, {200, NULL}, {200, NULL}, {200, NULL}, {200, NULL}, {200, NULL}}},
    {"no such hook", FLAGGER "/rollbak", HOOK,
     {{404, NULL}, {404, NULL}, {404, NULL}, {404, NULL}, {404, NULL}, {404, NULL}, {404, NULL}, {404, NULL}}},
};

/* `template` with $S and $I filled in. */
static void expand(struct buf *to, const char *template, const struct column *c, bool analysis)
{
    for (const char *p = template; *p; p++) {
        if (str_begins(p, "$S"))
            buf_text(to, c->service);
        else if (str_begins(p, "$I"))
            buf_text(to, c->kind == KINDS ? "01JD2K9999999999999999999X" : id_of(c->kind, analysis));
        else
            buf_byte(to, *p);
        p += *p == '$';
    }
}

static const char *request_of(const struct row *r, const struct column *c, struct buf *to)
{
    BUF_AUTO path = BUF_INIT(1000);
    BUF_AUTO body = BUF_INIT(1000);
    expand(&path, r->path, c, !str_begins(r->path, ARGO));
    if (!r->body) {
        buf_print(to, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", buf_at(&path));
        return buf_at(to);
    }
    expand(&body, c->fault == NO_JSON ? "{\"name\"" : r->body, c, true);
    buf_print(to, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" TOKEN "Content-Length: %zu\r\n\r\n%s",
              r->method ? r->method : "POST", buf_at(&path), body.len, buf_at(&body));
    return buf_at(to);
}

static void set_tick(const struct column *c)
{
    metric_set(metric_get("haldane_last_tick_timestamp_seconds", METRIC_GAUGE, "", ""),
               c->fault == STARTING ? 0 : (double)clock_now().wall_ms / 1000);
}

static void test_verdicts(void **state)
{
    struct bench whole, empty; /* the second has no store */
    (void)state;
    bench_open(&whole, -1, 5000, 0);
    fill(whole.path);
    bench_open(&empty, -1, 5000, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < COLUMNS; k++) {
            const struct want *want = &rows[i].want[k];
            BUF_AUTO request = BUF_INIT(4096);
            if (!want->status)
                continue;
            set_tick(&column[k]);
            const char *reply = ask(column[k].fault == LOST ? &empty : &whole,
                                    request_of(&rows[i], &column[k], &request));
            const char *body = strstr(reply, "\r\n\r\n");
            bool bare = !body || str_begins(body + 4, "null") || (!body[4] && want->status != 202);
            if (status_of(reply) != want->status || (want->text && !strstr(reply, want->text)) || bare)
                fail_msg("%s, %s:\n%s", rows[i].name, column[k].name, reply);
            if (strstr(reply, "text/plain") && strcspn(body + 4, "\n") + 1 != strlen(body + 4))
                fail_msg("%s, %s: more than one line:\n%s", rows[i].name, column[k].name, reply);
        }
    }
    bench_close(&whole);
    bench_close(&empty);
}

/* Of a service's newest guard only what is fresh and still stands is told: it may be about the release
 * before. Each row is such a guard. */
static void test_old(void **state)
{
    static const struct {
        const char *name;
        int64_t ended_ago_ms;
        const char *value; /* of the router now */
        bool told;
    } row[] = {
        {"just now", MINUTE, "blue=0 green=100", true},
        {"at the limit", COMPAT_FRESH_MS + 1, "blue=0 green=100", false},
        {"long ago", 600 * MINUTE, "blue=0 green=100", false},
        {"moved since", MINUTE, "blue=100 green=0", false},
    };
    struct hd_error err;
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct bench b;
        struct store *s = NULL;
        int64_t now_ms = clock_now().wall_ms;
        bench_open(&b, -1, 5000, 0);
        const struct store_options o = {.path = b.path};
        const struct store_service service = {.name = "pass", .colours = "[]", .checks = "[]", .about = "{}"};
        const struct store_reading reading = {
            .service = "pass", .first_ms = now_ms, .last_ms = now_ms, .value = row[i].value};
        struct store_guard g = guard_of(PASS, false, now_ms);
        g.ended_ms = now_ms - row[i].ended_ago_ms;
        sample_ok(store_open(&o, &s, &err), &err);
        sample_ok(store_begin(s, &err), &err);
        sample_ok(store_put_services(s, &service, 1, &err), &err);
        sample_ok(store_put_reading(s, &reading, &err), &err);
        sample_ok(store_add_guard(s, &g, &err), &err);
        sample_ok(store_commit(s, &err), &err);
        assert_null(store_close(s));
        const char *reply = ask(&b, GET(ARGO "?service=pass"));
        if ((strstr(reply, "\"Successful\"") != NULL) != row[i].told)
            fail_msg("%s:\n%s", row[i].name, reply);
        bench_close(&b);
    }
}

/* A service that is not configured: a mistake of who asks only when it never was there. */
static void test_gone(void **state)
{
    static const struct {
        const char *name, *ask;
        bool others, was_there; /* other services are configured; this one has had a guard */
        const char *phase;
    } row[] = {
        {"never there", ARGO "?service=pass", true, false, "\"Failed\",\"verdict\":\"none\""},
        {"never there, a run", ARGO "?service=pass&run=r1", true, false, "\"Failed\",\"verdict\":\"none\""},
        {"taken out by a reload", ARGO "?service=pass", true, true, "\"Inconclusive\",\"verdict\":\"none\""},
        {"taken out, its run", ARGO "?service=pass&run=r1", true, true, "\"Successful\",\"verdict\":\"pass\""},
        {"nothing is written yet", ARGO "?service=pass", false, false, "\"Running\",\"verdict\":\"none\""},
    };
    struct hd_error err;
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct bench b;
        struct store *s = NULL;
        int64_t now_ms = clock_now().wall_ms;
        bench_open(&b, -1, 5000, 0);
        set_tick(&column[0]);
        const struct store_options o = {.path = b.path};
        const struct store_service other = {.name = "other", .colours = "[]", .checks = "[]", .about = "{}"};
        sample_ok(store_open(&o, &s, &err), &err);
        sample_ok(store_begin(s, &err), &err);
        if (row[i].others)
            sample_ok(store_put_services(s, &other, 1, &err), &err);
        if (row[i].was_there)
            put_kind(s, PASS, now_ms);
        sample_ok(store_commit(s, &err), &err);
        assert_null(store_close(s));
        BUF_AUTO request = BUF_INIT(500);
        buf_print(&request, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", row[i].ask);
        const char *reply = ask(&b, buf_at(&request));
        if (!strstr(reply, row[i].phase))
            fail_msg("%s:\n%s", row[i].name, reply);
        bench_close(&b);
    }
}

/* --- orders --- */

static const struct order_row {
    const char *name, *path, *body;
    const char *command;     /* what the loop must have got */
    /* Status by what the loop says; gone: no loop; no_json 0: the body is not read */
    int done, absent, many, lost, gone, no_json;
    const char *text;        /* when it was done */
    const char *method;      /* NULL: POST */
} orders[] = {
    {"argo starts", ARGO, "{\"service\":\"pass\",\"run\":\"new\",\"candidate\":\"green\"}",
     "\"do\":\"analyse\",\"token\":\"hld_secret\",\"service\":\"pass\",\"guard\":null,\"args\":{\"run\":\"new\","
     "\"trigger\":\"argo\",\"candidate\":\"green\"}",
     200, 200, 200, 200, 200, 200, "{\"phase\":\"Running\",\"verdict\":\"none\",\"ok\":false,"},
    {"flagger starts", FLAGGER "/check?candidate=green",
     "{\"name\":\"pass\",\"namespace\":\"ns\",\"checksum\":\"new\"}",
     "\"run\":\"flagger/pass.ns/green/new\",\"trigger\":\"flagger\",\"candidate\":\"green\"", 403, 404, 403, 403,
     403, 400, "Forbidden: Analysing"},
    {"flagger starts, leniently", FLAGGER "/check?candidate=green&on_running=pass",
     "{\"name\":\"pass\",\"namespace\":\"ns\",\"checksum\":\"new\"}", "\"do\":\"analyse\"", 200, 404, 403, 403, 403,
     400, "Analysing"},
    {"kayenta starts", "/compat/kayenta/canary/pass",
     "{\"scopes\":{\"d\":{\"controlScope\":{\"scope\":\"blue\"},\"experimentScope\":{\"scope\":\"green\"}}},"
     "\"thresholds\":{\"pass\":95,\"marginal\":75}}",
     "\"do\":\"analyse\",\"token\":\"hld_secret\",\"service\":\"pass\"", 200, 404, 429, 503, 503, 400,
     "{\"canaryExecutionId\":\"01X\"}"},
    {"kayenta starts, over a time of the past", "/compat/kayenta/canary/pass",
     "{\"scopes\":{\"d\":{\"controlScope\":{\"scope\":\"blue\",\"start\":\"2026-11-20T03:00:00Z\","
     "\"end\":\"2026-11-20T03:10:00Z\"},\"experimentScope\":{\"scope\":\"green\","
     "\"start\":\"2026-11-20T04:00:00+01:00\",\"end\":\"2026-11-20T03:10:00Z\"}}},"
     "\"thresholds\":{\"pass\":95,\"marginal\":75}}",
     "\"from_ms\":1795143600000,\"to_ms\":1795144200000", 200, 404, 429, 503, 503, 400,
     "{\"canaryExecutionId\":\"01X\"}"},
    {"kayenta cancels", "/compat/kayenta/pipelines/01JD2K00000000000000000A30/cancel", "",
     "\"do\":\"cancel\",\"token\":\"hld_secret\",\"service\":null,\"guard\":\"01JD2K00000000000000000A30\","
     "\"args\":{\"reason\":\"cancelled by Kayenta's client\"}", 202, 404, 429, 503, 503, 0, NULL, "PUT"},
    {"gate/open", "/gate/open", "{\"name\":\"pass\",\"namespace\":\"ns\",\"reason\":\"go\",\"for\":\"2h\"}",
     "\"args\":{\"space\":\"gate\",\"name\":\"pass.ns\",\"to\":\"open\",\"reason\":\"go\",\"duration_ms\":7200000}",
     202, 404, 403, 403, 403, 400, NULL},
    {"rollback/open", "/rollback/open", "{\"name\":\"pass\",\"namespace\":\"ns\"}",
     "\"args\":{\"space\":\"rollback\",\"name\":\"pass.ns\",\"to\":\"open\"}", 202, 404, 403, 403, 403, 400, NULL},
    {"rollback/close", "/rollback/close", "{\"name\":\"pass\",\"namespace\":\"ns\"}", "\"to\":\"close\"", 202, 404,
     403, 403, 403, 400, NULL},
    {"flagger tells", FLAGGER "/event",
     "{\"name\":\"pass\",\"namespace\":\"ns\",\"phase\":\"Failed\",\"metadata\":{\"eventMessage\":\"no\"}}",
     "\"args\":{\"name\":\"pass.ns\",\"phase\":\"Failed\",\"text\":\"no\"}", 202, 404, 403, 403, 403, 400, NULL},
    {"alerts", "/compat/alertmanager?service=pass&do=fail",
     "{\"alerts\":[{\"status\":\"firing\",\"startsAt\":\"2026-11-20T03:04:10Z\",\"fingerprint\":\"f\","
     "\"labels\":{\"alertname\":\"Bad\"}}]}",
     "\"alerts\":[{\"fingerprint\":\"f\",\"name\":\"Bad\",\"text\":\"\",\"starts_ms\":1795143850000,"
     "\"firing\":true}],\"left_out\":0,\"rest_fires\":false}", 202, 404, 429, 503, 503, 400, "\"id\":\"01X\""},
    {"alerts, cut short", "/compat/alertmanager?service=pass&do=fail",
     "{\"status\":\"firing\",\"groupKey\":\"{}:{}\",\"truncatedAlerts\":2,\"alerts\":[]}",
     "\"alerts\":[],\"left_out\":2,\"rest_fires\":true}", 202, 404, 429, 503, 503, 400, "\"id\":\"01X\""},
    {"the end of alerts, cut short", "/compat/alertmanager?service=pass&do=fail",
     "{\"status\":\"resolved\",\"groupKey\":\"{}:{}\",\"truncatedAlerts\":2,\"alerts\":[]}",
     "\"alerts\":[],\"left_out\":2,\"rest_fires\":false}", 202, 404, 429, 503, 503, 400, "\"id\":\"01X\""},
};

enum { DONE, ABSENT, MANY, GONE_STORE, LOOP_ANSWERS };

static const char *post_of(const struct order_row *r, const char *body, struct buf *to)
{
    buf_clear(to);
    buf_print(to,
              "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" TOKEN
              "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
              r->method ? r->method : "POST", r->path, strlen(body), body);
    return buf_at(to);
}

static void one_order(const struct bench *b, const struct order_row *r)
{
    static const char *const answer[LOOP_ANSWERS] = {
        "\"status\":202,\"body\":{\"id\":\"01X\",\"service\":\"pass\",\"headline\":\"Analysing\",\"verdict\":\"none\"}",
        "\"status\":404,\"body\":{\"code\":\"no_service\",\"detail\":\"there is no such service\"}",
        "\"status\":429,\"body\":{\"code\":\"too_many\",\"detail\":\"too many\"}",
        "\"status\":503,\"body\":{\"code\":\"not_saved\",\"detail\":\"the disk is full\"}"};
    const int want[LOOP_ANSWERS] = {r->done, r->absent, r->many, r->lost};
    BUF_AUTO request = BUF_INIT(4096);
    for (int i = 0; i < LOOP_ANSWERS; i++) {
        struct command got;
        int fd = dial(b);
        say_text(fd, post_of(r, r->body, &request));
        take_command(b, &got);
        give_answer(b, got.id, answer[i]);
        const char *reply = hear(fd);
        if (!strstr(got.text, r->command))
            fail_msg("%s: the loop got %s", r->name, got.text);
        if (status_of(reply) != want[i] || (i == DONE && r->text && !strstr(reply, r->text)))
            fail_msg("%s, answer %d:\n%s", r->name, i, reply);
        bool failed = strstr(reply, "Failed") && !strstr(reply, "a mistake in the template");
        if (i != DONE && (strstr(reply, "Successful") || failed))
            fail_msg("%s, answer %d is taken for a verdict:\n%s", r->name, i, reply);
    }
    const char *reply = r->no_json ? ask(b, post_of(r, "{\"name\"", &request)) : "";
    if (r->no_json && status_of(reply) != r->no_json)
        fail_msg("%s, bad JSON:\n%s", r->name, reply);
}

static void test_orders(void **state)
{
    struct bench b;
    BUF_AUTO request = BUF_INIT(4096);
    (void)state;
    bench_open(&b, -1, 5000, 0);
    fill(b.path);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        one_order(&b, &orders[i]);
    (void)close(b.loop);
    b.loop = -1;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        const char *reply = ask(&b, post_of(&orders[i], orders[i].body, &request));
        if (status_of(reply) != orders[i].gone)
            fail_msg("%s, no loop:\n%s", orders[i].name, reply);
    }
    bench_close(&b);
}

/* What is wrong as it is put is told, and neither answered as something else nor ordered. */
static void test_mistaken(void **state)
{
#define GUARD_ID "01JD2K00000000000000000G00" /* of the service pass */
#define UNSAID "\"Inconclusive\",\"verdict\":\"none\""
#define MISTAKEN "{\"phase\":\"Failed\",\"verdict\":\"none\""
#define HOOK_WITH(more) "{\"name\":\"pass\",\"namespace\":\"ns\"," more "}"
#define SIDE(colour, times) "{\"scope\":\"" colour "\"," times "}"
#define HOOK_C1 HOOK_WITH("\"checksum\":\"c1\"")
#define SCOPES(times)                                                                                          \
    "{\"scopes\":{\"d\":{\"controlScope\":" SIDE("blue", times) ",\"experimentScope\":" SIDE("green", times) \
    "}},\"thresholds\":{\"pass\":95,\"marginal\":75}}"
    static const struct {
        const char *name, *path, *body; /* body NULL: a GET */
        int status;
        const char *text;
    } row[] = {
        {"argo, the guard of another service", ARGO "?guard=" GUARD_ID "&service=fail", NULL, 200, UNSAID},
        {"argo, the guard of another side", ARGO "?guard=" GUARD_ID "&candidate=blue", NULL, 200, UNSAID},
        {"argo, a guard as it is", ARGO "?guard=" GUARD_ID "&service=pass&candidate=green", NULL, 200, "\"Successful\""},
        {"argo, no colour", ARGO "?service=pass&candidate=purple", NULL, 200, MISTAKEN},
        {"argo, no colour to compare with", ARGO "?service=pass&stable=purple", NULL, 200, MISTAKEN},
        {"argo, a field twice", ARGO, "{\"service\":\"pass\",\"service\":\"fail\"}", 200, MISTAKEN},
        {"flagger, another word", FLAGGER "/check?on_running=yes", HOOK_C1, 400, "on_running"},
        {"flagger, no word", FLAGGER "/check?on_inconclusive=", HOOK_C1, 400, "on_inconclusive"},
        {"flagger, no candidate", FLAGGER "/check?candidate=", HOOK_C1, 400, "candidate"},
        {"a gate for 30", "/gate/open", HOOK_WITH("\"for\":30"), 400, "for must be a text"},
        {"a gate for nothing", "/gate/open", HOOK_WITH("\"for\":\"\""), 400, "for must be a duration"},
        {"a gate of run 5", "/gate/open", HOOK_WITH("\"run\":5"), 400, "run must be a text"},
        {"a gate of no run", "/gate/open", HOOK_WITH("\"run\":\"\""), 400, "run is empty"},
        {"a gate of checksum 5", "/gate/open", HOOK_WITH("\"checksum\":5"), 400, "checksum must be a text"},
        {"an event of phase 7", FLAGGER "/event", HOOK_WITH("\"phase\":7"), 400, "phase must be a text"},
        {"alerts, a side without a start", "/compat/alertmanager?service=pass&to=green", "{\"alerts\":[]}", 400, "do=start"},
        {"alerts, a count of words", "/compat/alertmanager?service=pass", "{\"alerts\":[],\"truncatedAlerts\":\"5\"}", 400,
         "truncatedAlerts"},
        {"alerts, a count below 0", "/compat/alertmanager?service=pass", "{\"alerts\":[],\"truncatedAlerts\":-5}", 400,
         "truncatedAlerts"},
        {"kayenta, times as numbers", "/compat/kayenta/canary/pass", SCOPES("\"start\":1700000000000,\"end\":1700000600000"),
         400, "start and end of a scope must be times"},
    };
    struct bench b;
    (void)state;
    bench_open(&b, -1, 5000, 0);
    fill(b.path);
    set_tick(&column[0]);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO request = BUF_INIT(4096);
        if (row[i].body)
            (void)post_of(&(struct order_row){.path = row[i].path}, row[i].body, &request);
        else
            buf_print(&request, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", row[i].path);
        const char *reply = ask(&b, buf_at(&request));
        if (status_of(reply) != row[i].status || !strstr(reply, row[i].text))
            fail_msg("%s:\n%s", row[i].name, reply);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts), cmocka_unit_test(test_old),
        cmocka_unit_test(test_gone),
                                       cmocka_unit_test(test_orders), cmocka_unit_test(test_mistaken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
