/* SPDX-License-Identifier: Apache-2.0
 *
 * What every actuator must do, over one table of recorded talks: the right questions, the reading,
 * the plans and rehearsals are in golden files, byte by byte; the rest is the same for all rows.
 * The HAProxy answers were recorded from 2.6.12 by tests/scenario/haproxy_live.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <haldane/actuator.h>

#include "../../support/options.h"
#include "../../support/wire.h"

#define ANSWERS_MAX 4
#define GOALS_MAX 5

struct answer {
    const char *file, *text; /* one of both */
    int32_t status;
    const char *etag;
};

static const struct row {
    const char *name; /* golden/NAME.want */
    const char *actuator;
    struct opt cfg[12], side[HD_SIDES_MAX][4];
    struct answer answer[ANSWERS_MAX];
    struct hd_goal goal[GOALS_MAX];
} rows[] = {
#define ONE_SOCKET                                                                                 \
    {"socket", "/run/haproxy/admin.sock"},                                                         \
    {                                                                                              \
        "backend", "shop"                                                                          \
    }
    {.name = "haproxy/blue_live",
     .actuator = "haproxy",
     .cfg = {ONE_SOCKET},
     .answer = {{.file = "haproxy/blue_live.txt"}},
     .goal = {{.value = "blue1=0 blue2=0 green1=100 green2=100"},
              {.value = "blue1=90 blue2=90 green1=10 green2=10"},
              {.value = "blue1=100 blue2=100 green1=0 green2=0", .rehearse = true}}},
    {.name = "haproxy/green_live",
     .actuator = "haproxy",
     .cfg = {{"socket", "/run/a&b;$HOME`id`.sock"}, {"backend", "shop"}},
     .answer = {{.file = "haproxy/green_live.txt"}},
     .goal = {{.value = "blue1=100 blue2=100 green1=0 green2=0"},
              {.value = "blue1=100 blue2=100/drain green1=0/maint green2=0"}}},
    {.name = "haproxy/held",
     .actuator = "haproxy",
     .cfg = {ONE_SOCKET},
     .side = {{{"servers", "blue*"}}, {{"servers", "green1|green2"}}},
     .answer = {{.file = "haproxy/held.txt"}},
     .goal = {{.value = "blue1=100 blue2=100 green1=0 green2=0"}}},
    {.name = "haproxy/one_down",
     .actuator = "haproxy",
     .cfg = {ONE_SOCKET},
     .answer = {{.file = "haproxy/one_down.txt"}},
     .goal = {{.value = "blue1=0 blue2=0 green1=100 green2=100"}}},
    {.name = "haproxy/two_agree",
     .actuator = "haproxy",
     .cfg = {{"sockets", "/run/a.sock|tcp:127.0.0.1:9999"}, {"backend", "shop"}},
     .answer = {{.file = "haproxy/green_live.txt"}, {.file = "haproxy/green_live.txt"}},
     .goal = {{.value = "blue1=100 blue2=100 green1=0 green2=0"},
              {.value = "blue1=100 blue2=100 green1=0 green2=0", .rehearse = true}}},
    {.name = "haproxy/two_disagree",
     .actuator = "haproxy",
     .cfg = {{"sockets", "/run/a.sock|/run/b.sock"}, {"backend", "shop"}},
     .answer = {{.file = "haproxy/green_live.txt"}, {.file = "haproxy/blue_live.txt"}},
     .goal = {{.value = "blue1=100 blue2=100 green1=0 green2=0"},
              {.value = "unix:/run/a.sock: blue1=100 blue2=100 green1=0 green2=0 | "
                        "unix:/run/b.sock: blue1=50 blue2=100 green1=0 green2=0"}}},
    {.name = "haproxy/map_blue",
     .actuator = "haproxy",
     .cfg = {{"socket", "/run/a.sock"}, {"map.file", "/etc/haproxy/shop.map"}, {"map.key", "shop"}},
     .answer = {{.file = "haproxy/map_blue.txt"}},
     .goal = {{.value = "shop=green"}, {.value = "shop=green", .rehearse = true}}},
    {.name = "exec/blue_live",
     .actuator = "exec",
     .cfg = {{"command", "/usr/local/bin/route|--json|it's; rm -rf $HOME"}, {"rehearse", "true"}},
     .answer = {{.file = "exec/blue_live.txt"}},
     .goal = {{.value = "green", .stamp = "guard 42: it's bad"},
              {.value = "green", .rehearse = true},
              {.value = "'$(reboot)'\"`"}}},
    {.name = "exec/once_settling",
     .actuator = "exec",
     .cfg = {{"command", "/bin/swap"}, {"kind", "once"}},
     .answer = {{.text = "{\"value\":\"blue 0.9\",\"settling\":true,\"owner\":\"argo\","
                         "\"note\":\"sticky\",\"forgets_to\":\"x\",\"sides\":{"
                         "\"blue\":{\"share\":0.9},\"green\":{\"share\":0.1}}}"}},
     .goal = {{.value = "green"}, {.value = "green", .rehearse = true}}},
    {.name = "webhook/blue_live",
     .actuator = "webhook",
     .cfg = {{"url", "https://router.example/api"},
             {"read.path", "/route?full=1"},
             {"read.value", "$.live"},
             {"read.version", "etag"},
             {"read.ready", "$.pools.{{colour}}.ready"},
             {"read.wanted", "$.pools.{{ colour }}.size"},
             {"write.0.path", "/route/{{colour}}?why={{stamp}}"},
             {"write.0.body", "{\"to\":\"{{value}}\",\"from\":\"{{from}}\",\"why\":\"{{stamp}}\"}"},
             {"write.0.headers", "If-Match={{version}}|X-By=haldane"},
             {"auth.type", "bearer"},
             {"auth.token", "${file:/run/secrets/router}"}},
     .side = {{{"value", "pool blue"}}, {{"value", "pool green"}}},
     .answer = {{.file = "webhook/blue_live.txt", .status = 200, .etag = "\"v7\""}},
     .goal = {{.value = "pool green", .stamp = "guard 42: \"5xx\"\nover"},
              {.value = "a third\"value'; $(reboot)"},
              {.value = "pool green", .rehearse = true}}},
    {.name = "webhook/two_writes",
     .actuator = "webhook",
     .cfg = {{"url", "unix:/run/router.sock"},
             {"read.path", "/colour"},
             {"kind", "once"},
             {"write.0.path", "/a"},
             {"write.0.method", "POST"},
             {"write.0.as", "form"},
             {"write.0.body", "colour={{value}}&v={{version}}"},
             {"write.1.path", "/b?c={{value}}"},
             {"write.1.method", "DELETE"},
             {"headers", "X-Key=${file:/k}|X-Team=shop"}},
     .answer = {{.text = "\"blue\"", .status = 200}},
     .goal = {{.value = "green"}}},
};
#define N_ROWS (sizeof rows / sizeof *rows)

/* Answers of no actuator, and of the wrong one. */
static const char *const foreign[] = {
    "",
    "\n",
    "\n\n",
    "null",
    "{}",
    "[]",
    "\"\"",
    "{\"value\":\"\"}",
    "<html>502</html>\n",
    "Permission denied\n\n",
    "Unknown command: 'show', but maybe help\n\n",
    "1\n# be_id be_name\n\n",
    "Name: HAProxy\nPid: x\n\n",
    "Name: HAProxy\nPid: 1\n\n1\n# be_id be_name srv_id srv_name\n\n",
    "{\"value\":1,\"sides\":{}}",
    "{\"value\":\"blue\",\"sides\":{\"blue\":{\"share\":2},\"green\":{\"share\":0}}}",
    "{\"live\":{}}",
    "{\"live\":\"a\\u0007b\"}",
    "\xff\xfe\x00\x01",
};

struct stage { /* one row made ready */
    struct hd_site site;
    const struct hd_actuator *act;
    struct hd_exchange said[HD_TALK_MAX];
    struct hd_talk talk;
    struct hd_response response[HD_TALK_MAX];
};

static struct hd_response make_response(struct hd_arena *a, const struct answer *from)
{
    struct hd_response r = {.status = from->status};
    r.body =
        from->file ? golden_read(a, from->file) : (struct hd_span){from->text, strlen(from->text)};
    struct hd_pair *h = arena_of(a, struct hd_pair);
    *h = (struct hd_pair){"etag", from->etag};
    r.headers = h;
    r.n_headers = from->etag ? 1 : 0;
    return r;
}

static struct stage *set_up(struct hd_arena *a, const struct row *row)
{
    struct stage *s = arena_of(a, struct stage);
    struct hd_error err = {0};
    s->act = hd_actuator_find(row->actuator);
    assert_non_null(s->act);
    s->site = (struct hd_site){
        .cfg = opt_fill(a, s->act->options, s->act->cfg_size, row->cfg),
        .n_sides = 2,
        .colour = {"blue", "green"},
        .side = {opt_fill(a, s->act->side_options, s->act->side_size, row->side[0]),
                 opt_fill(a, s->act->side_options, s->act->side_size, row->side[1])},
    };
    if (s->act->check(&s->site, &err))
        fail_msg("%s: check: %s", row->name, err.text);
    s->talk.item = s->said;
    return s;
}

/* Runs the conversation with the row's answers until nothing more is asked. */
static enum hd_code converse(struct hd_arena *a, struct stage *s, const struct row *row,
                             struct buf *asked, struct hd_live *ret, struct hd_error *err)
{
    for (;;) {
        struct hd_ask ask = {0};
        enum hd_code code = s->act->observe(a, &s->site, NULL, &s->talk, &ask, ret, err);
        if (code || ask.n == 0)
            return code;
        for (size_t i = 0; i < ask.n; i++) {
            size_t n = s->talk.n++;
            assert_true(n < ANSWERS_MAX && (row->answer[n].file || row->answer[n].text));
            assert_int_equal(ask.request[i]->effect, HD_EFFECT_READ);
            if (asked)
                wire_print(asked, ask.request[i]);
            s->response[n] = make_response(a, &row->answer[n]);
            s->said[n] = (struct hd_exchange){ask.request[i], &s->response[n]};
        }
    }
}

static void print_count(struct buf *to, uint32_t n)
{
    if (n == HD_UNKNOWN)
        buf_byte(to, '?');
    else
        buf_print(to, "%u", n);
}

static void print_live(struct buf *to, const struct stage *s, const struct hd_live *live)
{
    buf_print(to,
              "value: %s\nversion: %s\nowner: %s\nmemory: %s\nforgets_to: %s\nnote: %s\n"
              "settling: %d\n",
              live->value, live->version ? live->version : "-", live->owner ? live->owner : "-",
              live->memory ? live->memory : "-", live->forgets_to ? live->forgets_to : "-",
              live->note ? live->note : "-", live->settling);
    for (size_t k = 0; k < s->site.n_sides; k++) {
        buf_print(to, "%s: share %u ready ", s->site.colour[k], live->side[k].share_ppm);
        print_count(to, live->side[k].ready);
        buf_text(to, " of ");
        print_count(to, live->side[k].wanted);
        buf_print(to, " alone %s\n", live->side[k].alone ? live->side[k].alone : "-");
    }
}

static void print_plan(struct hd_arena *a, struct buf *to, const struct stage *s,
                       const struct row *row, const struct hd_goal *goal)
{
    struct hd_plan plan;
    struct hd_error err = {0};
    buf_print(to, "=== %s %s\n", goal->rehearse ? "rehearse" : "plan", goal->value);
    if (s->act->plan(a, &s->site, &s->talk, goal, &plan, &err))
        fail_msg("%s: plan: %s", row->name, err.text);
    for (size_t i = 0; i < plan.n; i++) {
        wire_print(to, plan.step[i]);
        if (goal->rehearse && plan.step[i]->effect != HD_EFFECT_READ)
            fail_msg("%s: a rehearsal writes", row->name);
        if (!goal->rehearse && plan.step[i]->effect == HD_EFFECT_READ)
            fail_msg("%s: a plan that only reads", row->name);
    }
    buf_print(to, "native: %s\n", plan.native);
}

/* Everything the row says, as text. */
static const char *perform(struct hd_arena *a, const struct row *row)
{
    struct stage *s = set_up(a, row);
    struct hd_error err = {0};
    struct hd_live live;
    BUF_AUTO out = BUF_INIT(WIRE_TEXT_MAX);
    buf_text(&out, "=== ask\n");
    if (converse(a, s, row, &out, &live, &err))
        fail_msg("%s: observe: %s", row->name, err.text);
    buf_text(&out, "=== live\n");
    print_live(&out, s, &live);
    for (size_t g = 0; g < GOALS_MAX && row->goal[g].value; g++)
        print_plan(a, &out, s, row, &row->goal[g]);
    return arena_text(a, buf_at(&out));
}

static void reads_and_plans_as_recorded(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        const char *got = perform(a, &rows[i]);
        if (golden_same(a, arena_print(a, "%s.want", rows[i].name), got))
            continue;
        print_error("%s: differs from its golden file; got:\n%s", rows[i].name, got);
        bad++;
    }
    assert_int_equal(bad, 0);
}

static void same_talk_gives_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        ARENA_AUTO b = arena_new();
        if (!str_is(perform(a, &rows[i]), perform(b, &rows[i])))
            fail_msg("%s: two runs differ", rows[i].name);
    }
}

static void plan_of_a_reached_goal_is_empty(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        struct stage *s = set_up(a, &rows[i]);
        struct hd_error err = {0};
        struct hd_live live;
        struct hd_plan plan = {.n = 99};
        assert_int_equal(converse(a, s, &rows[i], NULL, &live, &err), HD_OK);
        struct hd_goal goal = {.value = live.value, .stamp = "again"};
        if (s->act->plan(a, &s->site, &s->talk, &goal, &plan, &err))
            fail_msg("%s: plan: %s", rows[i].name, err.text);
        if (plan.n != 0 || *plan.native)
            fail_msg("%s: %zu steps to where we are", rows[i].name, plan.n);
    }
}

/* What is alone's value must lead somewhere: its plan is never refused. */
static void alone_can_be_planned(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        struct stage *s = set_up(a, &rows[i]);
        struct hd_error err = {0};
        struct hd_live live;
        struct hd_plan plan;
        assert_int_equal(converse(a, s, &rows[i], NULL, &live, &err), HD_OK);
        for (size_t k = 0; k < s->site.n_sides; k++) {
            struct hd_goal goal = {.value = live.side[k].alone};
            if (!goal.value)
                continue;
            if (s->act->plan(a, &s->site, &s->talk, &goal, &plan, &err))
                fail_msg("%s: plan of alone: %s", rows[i].name, err.text);
            if (str_is(goal.value, live.value) != (plan.n == 0))
                fail_msg("%s: %zu steps to %s", rows[i].name, plan.n, goal.value);
        }
    }
}

static void expect_no_state(const struct row *row, struct stage *s, size_t which,
                            struct hd_span body, const char *what)
{
    ARENA_AUTO a = arena_new();
    struct hd_span whole = s->response[which].body;
    struct hd_error err = {0};
    struct hd_ask ask = {.n = 77};
    struct hd_live live = {.value = "untouched"};
    s->response[which].body = body;
    enum hd_code code = s->act->observe(a, &s->site, NULL, &s->talk, &ask, &live, &err);
    s->response[which].body = whole;
    if (code == HD_OK || err.code != code || !*err.text)
        fail_msg("%s: %s of %zu bytes gave a state (code %d)", row->name, what, body.len,
                 (int)code);
    if (!str_is(live.value, "untouched"))
        fail_msg("%s: %s: the result was written on failure", row->name, what);
    struct hd_plan plan = {.n = 99};
    struct hd_goal goal = row->goal[0];
    s->response[which].body = body;
    code = s->act->plan(a, &s->site, &s->talk, &goal, &plan, &err);
    s->response[which].body = whole;
    if (code == HD_OK || plan.n != 99)
        fail_msg("%s: %s of %zu bytes gave a plan", row->name, what, body.len);
}

static void truncated_answers_give_no_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        struct stage *s = set_up(a, &rows[i]);
        struct hd_error err = {0};
        struct hd_live live;
        assert_int_equal(converse(a, s, &rows[i], NULL, &live, &err), HD_OK);
        for (size_t w = 0; w < s->talk.n; w++) {
            struct hd_span whole = s->response[w].body;
            assert_true(whole.len > 0);
            for (size_t len = 0; len < whole.len; len++) {
                struct hd_span cut = {strndup(whole.at, len), len};
                expect_no_state(&rows[i], s, w, cut, "a cut answer");
                free((void *)cut.at);
            }
        }
    }
}

static void foreign_answers_give_no_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        ARENA_AUTO a = arena_new();
        struct stage *s = set_up(a, &rows[i]);
        struct hd_error err = {0};
        struct hd_live live;
        assert_int_equal(converse(a, s, &rows[i], NULL, &live, &err), HD_OK);
        for (size_t f = 0; f < sizeof foreign / sizeof *foreign; f++)
            expect_no_state(&rows[i], s, 0, (struct hd_span){foreign[f], strlen(foreign[f])},
                            foreign[f]);
        for (size_t other = 0; other < N_ROWS; other++) {
            if (!str_is(rows[other].actuator, rows[i].actuator)) {
                struct hd_response r = make_response(a, &rows[other].answer[0]);
                expect_no_state(&rows[i], s, 0, r.body, rows[other].name);
            }
        }
    }
}

static const struct {
    const char *row, *goal;
    enum hd_code want;
    const char *words;
} bad_goals[] = {
    {"haproxy/blue_live", "", HD_CONFLICT, "came after"},
    {"haproxy/blue_live", "blue1=100 blue2=100 green1=0", HD_CONFLICT, "green2 came after"},
    {"haproxy/blue_live", "blue1=1 blue2=1 green1=0 green2=0 gone1=1", HD_CONFLICT, "names gone1"},
    {"haproxy/blue_live", "blue1=1 blue2=1 green1=0 green2=0 spare=1", HD_CONFLICT, "names spare"},
    {"haproxy/blue_live", "blue1=1 blue1=1 green1=0 green2=0", HD_INVALID, "blue1 twice"},
    {"haproxy/blue_live", "blue1=257 blue2=1 green1=0 green2=0", HD_INVALID, "no list"},
    {"haproxy/blue_live", "blue1=-1 blue2=1 green1=0 green2=0", HD_INVALID, "no list"},
    {"haproxy/blue_live", "blue1=1/off blue2=1 green1=0 green2=0", HD_INVALID, "no list"},
    {"haproxy/blue_live", "blue1", HD_INVALID, "no list"},
    {"haproxy/two_agree", "unix:/run/a.sock: blue1=1 blue2=1 green1=0 green2=0", HD_INVALID,
     "says nothing of tcp:127.0.0.1:9999"},
    {"haproxy/map_blue", "shop", HD_INVALID, "is not shop="},
    {"haproxy/map_blue", "other=green", HD_INVALID, "is not shop="},
    {"haproxy/map_blue", "shop=green;disable server a/b", HD_INVALID, "is not shop="},
};

static void goals_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_goals / sizeof *bad_goals; i++) {
        ARENA_AUTO a = arena_new();
        const struct row *row = rows;
        while (!str_is(row->name, bad_goals[i].row))
            row++;
        struct stage *s = set_up(a, row);
        struct hd_error err = {0};
        struct hd_live live;
        struct hd_plan plan = {.n = 99};
        assert_int_equal(converse(a, s, row, NULL, &live, &err), HD_OK);
        struct hd_goal goal = {.value = bad_goals[i].goal};
        enum hd_code code = s->act->plan(a, &s->site, &s->talk, &goal, &plan, &err);
        if (code != bad_goals[i].want || !strstr(err.text, bad_goals[i].words) || plan.n != 99)
            fail_msg("%s: '%s': code %d '%s'", row->name, goal.value, (int)code, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_plans_as_recorded),
        cmocka_unit_test(same_talk_gives_same_bytes),
        cmocka_unit_test(plan_of_a_reached_goal_is_empty),
        cmocka_unit_test(alone_can_be_planned),
        cmocka_unit_test(goals_that_do_not_fit_are_refused),
        cmocka_unit_test(truncated_answers_give_no_state),
        cmocka_unit_test(foreign_answers_give_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
