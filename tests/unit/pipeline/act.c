/* SPDX-License-Identifier: Apache-2.0
 *
 * A revert of several steps, ordered by a human: which of them leave, how often, and how the guard ends, when the
 * router answers late, says "not now" or cannot be reached. After a slow step the router is read before the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/internal.h"
#include "world.h"

#define SLOW_MS 30
#define HEAD "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n" \
             "services:\n  shop:\n    colours: [blue, green]\n"
#define TAIL "    checks: [{use: http-5xx-ratio, max: 1%}]\n    guard: {duration: 1h, blind_for: 50m}\n"

static int32_t took_ms; /* by every answer of the router */
static const char *script; /* what the requests of a webhook are told, in their order; then always yes */

static void answered(struct world *w, size_t i, enum hd_io io, int status, const char *body)
{
    struct call c = w->call[i];
    w->call[i] = w->call[--w->n_calls];
    const struct hd_response r = {.io = io, .status = status, .body = {body, strlen(body)},
                                  .text = io == HD_IO_OK ? "" : "refused", .took_ms = took_ms};
    c.done(c.user, &r);
}

/* The only guard's id and state. */
static const char *newest(struct world *w, char id[27])
{
    struct store_guard *list;
    const struct store_filter all = {.verdict = -1};
    size_t n;
    OK(&w->f, store_guards(w->f.s, w->f.arena, &all, &list, &n, &w->f.err));
    assert_int_equal(n, 1);
    memcpy(id, list[0].id, sizeof list[0].id);
    return hd_state_word(list[0].state);
}

static bool away; /* the store, until it was asked to take an intent */

static void move_store(struct world *w, bool to)
{
    char other[100];
    (void)snprintf(other, sizeof other, "%s.away", w->f.path);
    assert_int_equal(rename(to ? w->f.path : other, to ? other : w->f.path), 0);
    away = to;
}

/* What comes of an order to revert. */
static const char *revert(struct world *w, bool restart)
{
    char id[27];
    assert_int_equal(ordered(w, "revert", "\"reason\":\"x\""), 202);
    if (script && *script == '0') {
        script++;
        move_store(w, true);
    }
    pass(w, 3);
    if (restart) {
        pipeline_free(w->p);
        script = "";
        start(w);
    }
    pass(w, 60);
    return newest(w, id);
}

/* --- several HAProxy instances --- */

static unsigned n_instances, weight[HD_LINE_INSTANCES_MAX][2], sets, pid; /* weight: blue, green */

static void show(unsigned i, struct buf *b)
{
    buf_print(b, "Name: HAProxy\nPid: %u\nStart_time_sec: 1795000000\n\n1\n# be_name srv_name srv_op_state srv_admin_state"
                 " srv_uweight srv_iweight srv_check_result srv_check_state\n", pid);
    buf_print(b, "b blue 2 0 %u 100 3 6\nb green 2 0 %u 100 3 6\n\n", weight[i][0], weight[i][1]);
}

static void set(unsigned i, const char *line, struct buf *b)
{
    for (; (line = strstr(line, "set server b/")); line++) {
        unsigned to;
        char name[16];
        if (sscanf(line, "set server b/%15s weight %u", name, &to) == 2)
            weight[i][str_is(name, "green")] = to;
        buf_byte(b, '\n');
    }
    sets++;
}

static void answer_lines(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        const struct hd_request *r = w->call[i].request;
        BUF_AUTO b = BUF_INIT(10000);
        if (r->via != HD_VIA_LINE) {
            i++;
            continue;
        }
        if (str_begins(r->body.at, "show info"))
            show(r->base, &b);
        else if (strstr(r->body.at, "show stat"))
            buf_text(&b, "# pxname,svname,act,bck,\n\n");
        else
            set(r->base, r->body.at, &b);
        answered(w, i, HD_IO_OK, 0, buf_at(&b));
    }
}

static void split(unsigned blue, unsigned green)
{
    for (unsigned i = 0; i < n_instances; i++) {
        weight[i][0] = blue;
        weight[i][1] = green;
    }
}

/* Green has the traffic, and a guard. */
static struct world *switched(unsigned instances)
{
    BUF_AUTO yaml = BUF_INIT(4000);
    buf_text(&yaml, HEAD "    actuator: {type: haproxy, backend: b, sockets: [");
    n_instances = instances;
    pid = 7;
    for (unsigned i = 0; i < n_instances; i++)
        buf_print(&yaml, "%s/run/%u", i ? ", " : "", i);
    buf_text(&yaml, "]}\n" TAIL);
    split(100, 0);
    struct world *w = world_new(buf_at(&yaml), answer_lines);
    pass(w, 10);
    split(0, 100);
    pass(w, 10);
    sets = 0;
    return w;
}

static void I6_every_instance_is_told_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= HD_LINE_INSTANCES_MAX; n++) {
        for (took_ms = 0; took_ms <= SLOW_MS; took_ms += SLOW_MS) {
            struct world *w = switched(n);
            const char *ended = revert(w, false);
            if (!str_is(ended, "aftercare") || sets != 2 * n_instances)
                fail_msg("%u instances, %d ms: %s after %u changes", n_instances, took_ms, ended, sets);
            void *s = w;
            (void)teardown(&s);
        }
    }
}

/* A reload undid the revert, and haldane is about to apply it once more: what somebody else writes in this moment
 * stands, also if it is the very switch that was taken back. */
static void I5_a_switch_between_a_reload_and_the_re_apply(void **state)
{
    static const struct {
        const char *name;
        unsigned blue, green;
        const char *state;
        unsigned sets;
        char hold; /* b: ordered before the reload, a: after it */
    } rows[] = {
        {"nobody came", 100, 100, "aftercare", 1, 0},
        {"a human holds automatic reverts", 100, 100, "not_verified", 0, 'b'},
        {"a human holds them when it begins", 100, 100, "not_verified", 0, 'a'},
        {"back to blue by somebody", 100, 0, "aftercare", 0, 0},
        {"the same switch again", 0, 100, "superseded", 0, 0},
        {"more to green", 50, 100, "superseded", 0, 0},
        {"less to green", 100, 50, "superseded", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = switched(1);
        struct store_guard g;
        assert_string_equal(revert(w, false), "aftercare");
        char id[27];
        newest(w, id);
        if (rows[i].hold == 'b')
            assert_int_equal(ordered(w, "hold", "\"reason\":\"x\",\"duration_ms\":60000"), 201);
        pid++;
        split(100, 100); /* as the file has it */
        sets = 0;
        do {
            w->now.wall_ms += 100;
            w->now.boot_ms += 100;
            (void)pipeline_tick(w->p, w->now);
            w->answer(w);
            OK(&w->f, store_guard(w->f.s, w->f.arena, id, &g, &w->f.err));
        } while (w->p->services[0]->guard && w->p->services[0]->guard->row.state == HD_STATE_AFTERCARE);
        split(rows[i].blue, rows[i].green);
        if (rows[i].hold == 'a')
            assert_int_equal(ordered(w, "hold", "\"reason\":\"x\",\"duration_ms\":60000"), 201);
        pass(w, 10);
        OK(&w->f, store_guard(w->f.s, w->f.arena, id, &g, &w->f.err));
        if (!str_is(hd_state_word(g.state), rows[i].state) || sets != rows[i].sets)
            fail_msg("%s: %s after %u changes", rows[i].name, hd_state_word(g.state), sets);
        void *s = w;
        (void)teardown(&s);
    }
}

/* --- a webhook that is written in several requests: the last one moves the traffic --- */

#define WRITES_MAX 4

static char came[64];      /* which requests came, by their number */
static unsigned n_writes;

/* False: it hangs. */
static bool write_answered(struct world *w, size_t i)
{
    const char number = w->call[i].request->u.http.path[2];
    const char say = *script ? *script : '+';
    size_t n = strlen(came);
    assert_true(n + 1 < sizeof came);
    if (say == 'h')
        return false;
    script += *script != 0;
    if (say == 'n') {
        answered(w, i, HD_IO_NOT_SENT, 0, "");
        return true;
    }
    came[n] = number;
    if (say == 's' || say == 'S')
        move_store(w, true);
    if (say == '+' && number == '0' + (char)n_writes)
        w->live = "blue";
    if (say == 'l')
        answered(w, i, HD_IO_LOST, 0, "");
    else
        answered(w, i, HD_IO_OK, say == 'w' || say == 'S' ? 429 : 200, "");
    return true;
}

static void answer_http(struct world *w)
{
    for (size_t i = 0; i < w->n_calls;) {
        const char *path = is_child(&w->call[i]) ? "" : w->call[i].request->u.http.path;
        if (str_is(path, "/route")) {
            if (away && w->p->services[0]->guard->act.store_tries)
                move_store(w, false);
            reply_route(w, i);
        } else if (!str_begins(path, "/w") || !write_answered(w, i)) {
            i++;
        }
    }
}

static void I6_steps_of_a_webhook(void **state)
{
    static const struct {
        const char *name;
        unsigned n;
        bool once;
        int32_t took_ms;
        const char *script; /* + yes, w not now, n not sent, l lost, h haldane is restarted before it leaves;
                              - nothing comes of it; with the store away for a moment: s yes, S not now,
                              0 before the first */
        const char *state, *came;
    } rows[] = {
        {"one set", 1, false, SLOW_MS, "", "aftercare", "1"},
        {"two sets, fast", 2, false, 0, "", "aftercare", "12"},
        {"two sets, slow: no reading shows the first", 2, false, SLOW_MS, "", "aftercare", "112"},
        {"four sets, slow", 4, false, SLOW_MS, "", "aftercare", "11234"},
        {"one order", 1, true, SLOW_MS, "", "aftercare", "1"},
        {"two orders, fast", 2, true, 0, "", "aftercare", "12"},
        {"two orders, slow: none twice", 2, true, SLOW_MS, "", "aftercare", "12"},
        {"four orders, slow", 4, true, SLOW_MS, "", "aftercare", "1234"},
        {"two orders, the second not now", 2, true, 0, "+w", "aftercare", "122"},
        {"two orders, the second not sent for long", 2, true, 0, "+nnnnn", "aftercare", "12"},
        {"two orders, the first not now", 2, true, 0, "w", "aftercare", "112"},
        {"two orders, the second never now", 2, true, 0, "+wwwwwwww", "not_verified", "12222"},
        {"two orders, the first lost", 2, true, 0, "l", "not_verified", "1"},
        {"two orders, the second lost", 2, true, SLOW_MS, "+l", "not_verified", "12"},
        {"two sets, the second not sent", 2, false, 0, "+n", "aftercare", "112"},
        {"two sets, the second lost", 2, false, 0, "+l", "aftercare", "1212"},
        {"a set, and a restart", 1, false, 0, "h", "aftercare", "1"},
        {"two sets, and a restart after the first", 2, false, 0, "+h", "aftercare", "112"},
        {"two sets, slow, and a restart as it goes on", 2, false, SLOW_MS, "+h", "aftercare", "112"},
        {"two orders, slow, and a restart as it goes on", 2, true, SLOW_MS, "+h", "not_verified", "1"},
        {"an order, and a restart: it may have left", 1, true, 0, "h", "not_verified", ""},
        {"two orders, and a restart after the first", 2, true, 0, "+h", "not_verified", "1"},
        {"two orders, slow, and the second finds the store away", 2, true, SLOW_MS, "s", "aftercare", "12"},
        {"an order that is not taken now, and then finds the store away", 1, true, 0, "S", "aftercare", "11"},
        {"an order that finds the store away first", 1, true, 0, "0-", "not_verified", "1"},
        {"two sets, and the second finds the store away", 2, false, SLOW_MS, "s", "aftercare", "112"},
        {"sets that are never taken", 1, false, 0, "llllllll", "not_verified", "111"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BUF_AUTO yaml = BUF_INIT(4000);
        buf_print(&yaml, HEAD "    target: {trust: true}\n    actuator: {type: webhook, url: \"http://r\", kind: %s, read: "
                              "{path: /route, value: $.live, ready: $.ready, wanted: $.wanted}, write: [",
                  rows[i].once ? "once" : "set");
        for (unsigned k = 1; k <= rows[i].n; k++)
            buf_print(&yaml, "%s{path: /w%u, body: '{\"to\": \"{{value}}\"}'}", k > 1 ? ", " : "", k);
        buf_text(&yaml, "]}\n" TAIL);
        memset(came, 0, sizeof came);
        n_writes = rows[i].n;
        took_ms = rows[i].took_ms;
        script = rows[i].script;
        struct world *w = world_new(buf_at(&yaml), answer_http);
        pass(w, 10);
        w->live = "green";
        pass(w, 10);
        const char *ended = revert(w, strchr(rows[i].script, 'h') != NULL);
        if (!str_is(ended, rows[i].state) || !str_is(came, rows[i].came))
            fail_msg("%s: %s, and %s came", rows[i].name, ended, came);
        void *s = w;
        (void)teardown(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I6_every_instance_is_told_once),
        cmocka_unit_test(I5_a_switch_between_a_reload_and_the_re_apply),
        cmocka_unit_test(I6_steps_of_a_webhook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
