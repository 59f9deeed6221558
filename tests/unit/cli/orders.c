/* SPDX-License-Identifier: Apache-2.0
 *
 * The orders of an operator and the reading commands against a scripted daemon: address, body, what
 * is refused before anything is sent, what is printed.
 */
#include "server.h"

#define ID "01JD2K0000000000000000000A"
#define LOWER "01jd2k0000000000000000000a"
#define MISTAKES TEST_DATA "/golden/config/mistakes.yaml"
#define OK_REPLY "{\"ok\":true}"
#define GUARD "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"deciding\",\"headline\":\"Going back\"}"
#define SERVICE                                                                                    \
    "{\"name\":\"shop\",\"mode\":\"enforce\",\"reading\":{\"sides\":[{\"colour\":\"blue\",\"share\":1,"  \
    "\"ready\":3,\"wanted\":3},{\"colour\":\"green\",\"share\":0,\"ready\":null,\"wanted\":null}]},"    \
    "\"holds\":[{\"reason\":\"move\",\"until\":\"2026-11-20T03:04:10Z\"}]}"
#define ROW                                                                                        \
    "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"passed\",\"live\":false,\"verdict\":\"pass\","  \
    "\"headline\":\"Good\",\"started_at\":\"2026-11-20T03:04:10Z\",\"ended_at\":\"2026-11-20T03:06:13Z\"}"
#define HELD "{\"ok\":true,\"service\":\"shop\",\"until\":\"2026-11-20T03:04:10Z\"}"
#define EARLIER "01JD1Z0000000000000000000A"
#define NEEDING(id)                                                                                \
    "{\"id\":\"" id "\",\"service\":\"shop\",\"state\":\"advised\",\"needs_human\":true,"           \
    "\"headline\":\"Look\"}"
#define LIVE(would_not, since)                                                                     \
    "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"watching\",\"live\":true,"  \
    "\"headline\":\"Watching\",\"bad_since\":" since would_not "}"
#define WOULD_NOT(because, until) ",\"would_act\":false,\"would_not_because\":\"" because "\",\"would_not_until\":" until
#define IDLE "{\"name\":\"shop\",\"mode\":\"enforce\",\"holds\":[]" WOULD_NOT("cool-down", "null") "}"
#define FREE "{\"name\":\"shop\",\"mode\":\"enforce\",\"holds\":[]}"
#define ITEMS(item) "{\"items\":[" item "],\"next\":null}"

#define SEVERAL                                                                                    \
    {404, "{\"code\":\"ambiguous_id\",\"detail\":\"the ids of several guards begin with 01JD2\"}", false}
#define UNKNOWN {404, "{\"detail\":\"nothing of that name\"}", false}
#define MEANT "haldane: there is no service 'shpo'; did you mean 'shop'?\n"

static const struct row {
    const char *name, *args[10];
    struct reply script[4];
    int status, sent; /* sent: how many requests */
    const char *out, *err, *line, *body; /* line, body: of the first request; NULL: not looked at */
} rows[] = {
    {"revert a service", {"revert", "shop", "--reason", "5xx \"now\""}, {{202, GUARD, false}}, 0, 1,
     "revert ordered: guard " ID ". Going back\n", NULL, "POST /api/v1/services/shop/revert HTTP",
     "\r\n\r\n{\"reason\":\"5xx \\\"now\\\"\"}"},
    {"revert a guard", {"revert", ID, "--reason", "x"}, {{202, GUARD, false}}, 0, 1, NULL, NULL,
     "POST /api/v1/guards/" ID "/revert HTTP", NULL},
    {"revert a guard, in small letters", {"revert", LOWER, "--reason", "x"}, {{202, GUARD, false}}, 0, 1, NULL, NULL,
     "POST /api/v1/guards/" ID "/revert HTTP", NULL},
    {"revert by the beginning of an id", {"revert", "01jd2", "--reason", "x"},
     {UNKNOWN, {200, GUARD, false}, {202, GUARD, false}}, 0, 3, "revert ordered: guard " ID, NULL,
     "GET /api/v1/services/01jd2 HTTP", NULL},
    {"a service may be called like one", {"revert", "0123", "--reason", "x"},
     {{200, SERVICE, false}, {202, GUARD, false}}, 0, 2, "revert ordered", NULL, NULL, NULL},
    {"revert by the beginning of two ids", {"hold", "01JD2", "--for", "1h", "--reason", "x"}, {UNKNOWN, SEVERAL}, 2, 2, "",
     "haldane: the ids of several guards begin with 01JD2\n", NULL, NULL},
    {"revert as json", {"revert", ID, "--reason", "x", "-o", "json"}, {{202, GUARD, false}}, 0, 1, GUARD "\n", NULL,
     NULL, NULL},
    {"revert without a reason", {"revert", "shop"}, {{202, GUARD, false}}, 2, 0, "", "--reason is needed", NULL, NULL},
    {"revert of nothing", {"revert", "--reason", "x"}, {{202, GUARD, false}}, 2, 0, "", "an argument is missing", NULL,
     NULL},
    {"the wrong moment", {"revert", "shop", "--reason", "x"},
     {{409, "{\"title\":\"Conflict\",\"detail\":\"the guard is\\nverifying\"}", false}}, 2, 1, "",
     "haldane: the guard is?verifying\n", NULL, NULL},
    {"not allowed", {"revert", "shop", "--reason", "x", "--token-file", "@"},
     {{403, "{\"detail\":\"role\"}", false}}, 7, 1, "", "not authorised: role", NULL, NULL},
    {"no token", {"revert", "shop", "--reason", "x"}, {{401, "{\"detail\":\"role\"}", false}}, 7, 1, "",
     "no token (/var/lib/haldane/haldane.db.token", NULL, NULL},
    {"a daemon in trouble", {"revert", "shop", "--reason", "x"}, {{500, "oops", false}}, 6, 1, "", "status 500", NULL,
     NULL},
    {"hold a service", {"hold", "shop", "--for", "2h", "--reason", "db"}, {{201, HELD, false}}, 0, 1,
     "automatic reverts of shop are held until 2026-11-20 03:04:10Z\n", NULL, "POST /api/v1/services/shop/hold HTTP",
     "\r\n\r\n{\"reason\":\"db\",\"for\":\"2h\"}"},
    {"hold the fleet", {"hold", "--for", "30m", "--reason", "db"}, {{201, OK_REPLY, false}}, 0, 1,
     "automatic reverts of the whole fleet are held\n", NULL,
     "POST /api/v1/holds HTTP", NULL},
    {"hold for ever", {"hold", "shop", "--reason", "db"}, {{201, OK_REPLY, false}}, 2, 0, "", "--for is needed", NULL,
     NULL},
    {"hold for 30", {"hold", "shop", "--for", "30", "--reason", "db"}, {{201, OK_REPLY, false}}, 2, 0, "",
     "--for takes a duration like 30m or 2h, not '30'", NULL, NULL},
    {"release a service", {"release", "shop"}, {{200, OK_REPLY, false}}, 0, 1, "released\n", NULL,
     "POST /api/v1/services/shop/release HTTP", "\r\n\r\n{}"},
    {"release the fleet", {"release"}, {{200, OK_REPLY, false}}, 0, 1, NULL, NULL, "POST /api/v1/holds/release HTTP",
     NULL},
    {"cancel", {"cancel", ID, "--reason", "x"}, {{200, GUARD, false}}, 0, 1, "cancelled: guard", NULL,
     "POST /api/v1/guards/" ID "/cancel HTTP", NULL},
    {"cancel a service's newest guard", {"cancel", "shop", "--reason", "x"},
     {{200, ITEMS(ROW), false}, {200, GUARD, false}}, 0, 2, "cancelled: guard " ID, NULL,
     "GET /api/v1/guards?limit=1&service=shop HTTP", NULL},
    {"ack a service: what needs a human", {"ack", "shop"},
     {{200, ITEMS(NEEDING(EARLIER)), false}, {200, OK_REPLY, false}}, 0, 2, "acknowledged: guard " EARLIER "\n", NULL,
     "GET /api/v1/guards?needs_human=true&limit=200&service=shop HTTP", NULL},
    {"ack a service: all that need a human", {"ack", "shop"},
     {{200, ITEMS(NEEDING(ID) "," NEEDING(EARLIER)), false}, {200, OK_REPLY, false}, {200, OK_REPLY, false}}, 0, 3,
     "acknowledged: guard " ID "\nacknowledged: guard " EARLIER "\n", NULL, NULL, NULL},
    {"ack a service: one refused leaves none out", {"ack", "shop"},
     {{200, ITEMS(NEEDING(ID) "," NEEDING(EARLIER)), false}, {404, "{\"detail\":\"gone\"}", false},
      {200, OK_REPLY, false}}, 2, 3, "acknowledged: guard " EARLIER "\n", "haldane: gone\n", NULL, NULL},
    {"ack of no service", {"ack", "shpo"}, {{200, ITEMS(""), false}, {200, ITEMS(SERVICE), false}}, 2, 2, "",
     "haldane: there is no service 'shpo'; did you mean 'shop'?\n", NULL, NULL},
    {"ack of nothing", {"ack", "shop"}, {{200, ITEMS(""), false}, {200, ITEMS(SERVICE), false}}, 2, 2, "",
     "haldane: no guard of service 'shop' needs a human\n", NULL, NULL},
    {"change", {"change", ID, "--extend", "30m", "--mode", "advise"}, {{200, OK_REPLY, false}}, 0, 1,
     "changed: guard " ID "\n",
     NULL, "PATCH /api/v1/guards/" ID " HTTP", "{\"extend\":\"30m\",\"mode\":\"advise\"}"},
    {"change a service's newest guard", {"change", "shop", "--note", "x"},
     {{200, ITEMS(ROW), false}, {200, OK_REPLY, false}}, 0, 2, "changed: guard " ID "\n", NULL,
     "GET /api/v1/guards?limit=1&service=shop HTTP", NULL},
    {"change of no service", {"change", "shpo", "--note", "x"},
     {{200, ITEMS(""), false}, {200, ITEMS(SERVICE), false}}, 2, 2, "", "did you mean 'shop'?\n", NULL, NULL},
    {"change nothing", {"change", ID}, {{0}}, 2, 0, "", "--extend, --mode or --note", NULL, NULL},
    {"mark a service's newest guard", {"mark", "shop", "right"},
     {{200, ITEMS(ROW), false}, {200, OK_REPLY, false}}, 0, 2, "marked: guard " ID "\n", NULL, NULL, NULL},
    {"the beginning of an id", {"ack", "01JD2"},
     {{200, ITEMS(""), false}, {200, GUARD, false}, {200, GUARD, false}}, 0, 3, "acknowledged: guard " ID, NULL,
     NULL, NULL},
    {"the beginning of two ids", {"ack", "01JD2"},
     {{200, ITEMS(""), false}, SEVERAL}, 2, 2, "", "haldane: the ids of several guards begin with 01JD2\n", NULL, NULL},
    {"revert of no service", {"revert", "shpo", "--reason", "x"}, {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "",
     MEANT, NULL, NULL},
    {"hold of no service", {"hold", "shpo", "--for", "1h", "--reason", "x"},
     {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "", MEANT, NULL, NULL},
    {"release of no service", {"release", "shpo"}, {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "", MEANT, NULL,
     NULL},
    {"release of no hold", {"release", "shop"}, {{404, "{\"detail\":\"there is no such hold\"}", false},
     {200, ITEMS(SERVICE), false}}, 2, 2, "", "haldane: there is no such hold\n", NULL, NULL},
    {"rearm of no service", {"rearm", "shpo", "--reason", "x"}, {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "",
     MEANT, NULL, NULL},
    {"guard of no service", {"guard", "shpo"}, {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "", MEANT, NULL, NULL},
    {"status of no service", {"status", "shpo"}, {UNKNOWN, {200, ITEMS(SERVICE), false}}, 2, 2, "", MEANT, NULL, NULL},
    {"mark", {"mark", ID, "false_alarm", "--reason", "flaky"}, {{200, OK_REPLY, false}}, 0, 1, "marked: guard " ID "\n",
     NULL, "POST /api/v1/guards/" ID "/mark HTTP", "{\"reason\":\"flaky\",\"verdict\":\"false_alarm\"}"},
    {"mark as something else", {"mark", ID, "odd"}, {{0}}, 2, 0, NULL, "right, false_alarm or missed", NULL, NULL},
    {"tokens of a name", {"token", "list", "ci"}, {{0}}, 2, 0, "", "list takes no name", NULL, NULL},
    {"tokens of a role", {"token", "list", "--role", "admin"}, {{0}}, 2, 0, "", "--role is for a new token", NULL, NULL},
    {"revoke later", {"token", "revoke", "ci", "--for", "1h"}, {{0}}, 2, 0, "", "--for is for a new token", NULL, NULL},
    {"rearm", {"rearm", "shop", "--colour", "blue", "--reason", "fixed"}, {{200, OK_REPLY, false}}, 0, 1, "re-armed\n",
     NULL, "POST /api/v1/services/shop/rearm HTTP", "{\"colour\":\"blue\",\"reason\":\"fixed\"}"},
    {"ack", {"ack", ID}, {{200, GUARD, false}}, 0, 1, "acknowledged", NULL,
     "POST /api/v1/guards/" ID "/acknowledge HTTP", "\r\n\r\n{}"},
    {"ack, nothing more to say", {"ack", ID}, {{200, "{\"id\":\"" ID "\"}", false}}, 0, 1, "acknowledged: guard " ID "\n",
     NULL, NULL, NULL},
    {"reload", {"reload"}, {{200, OK_REPLY, false}}, 0, 1, "configuration loaded\n", NULL,
     "POST /api/v1/config/reload HTTP", NULL},
    {"reload refused", {"reload"}, {{422, "{\"detail\":\"f:1:2: x: y\"}", false}}, 2, 1, "", "f:1:2: x: y", NULL, NULL},
    {"an odd name is encoded", {"release", "a/b ?"}, {{200, OK_REPLY, false}}, 0, 1, NULL, NULL,
     "POST /api/v1/services/a%2Fb%20%3F/release HTTP", NULL},

    {"status", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(""), false}, {200, ITEMS(""), false}}, 0, 3,
     "shop     enforce  blue 100% (3/3 ready), green 0%  -      -   -      -\n",
     NULL, "GET /api/v1/services HTTP", NULL},
    {"status: holds", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(ROW), false}, {200, ITEMS(""), false}}, 0, 3,
     "                     fleet held until 2026-11-20 03:04:10Z: move\n", NULL, NULL, NULL},
    {"status: an ended guard needs somebody", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(""), false}, {200, ITEMS(ROW), false}}, 0, 3, ID, NULL, NULL,
     NULL},
    {"status: an earlier guard needs somebody beside the live one", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(ROW), false}, {200, ITEMS(NEEDING(EARLIER)), false}}, 0, 3,
     "advised  " EARLIER "  ACT NOW  Look\n", NULL, NULL, NULL},
    {"status: the live guard is not hidden by it", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(ROW), false}, {200, ITEMS(NEEDING(EARLIER)), false}}, 0, 3,
     "passed   " ID "  -        Good\n", NULL, NULL, NULL},
    {"status: a live guard over its limit", {"status"},
     {{200, ITEMS(FREE), false}, {200, ITEMS(LIVE("", "\"2026-11-20T03:04:10Z\"")), false},
      {200, ITEMS(""), false}}, 0, 3, " over its limit since 2026-11-20 03:04:10Z\n", NULL, NULL, NULL},
    {"status: one that haldane will not take back", {"status"},
     {{200, ITEMS(FREE), false}, {200, ITEMS(LIVE(WOULD_NOT("mode advise", "null"), "null")), false},
      {200, ITEMS(""), false}}, 0, 3,
     "   haldane will NOT take this back (mode advise): watch it yourself\n", NULL, NULL, NULL},
    {"status: for how long", {"status"},
     {{200, ITEMS(FREE), false},
      {200, ITEMS(LIVE(WOULD_NOT("cool-down until x", "\"2099-11-20T03:04:10Z\""), "null")), false},
      {200, ITEMS(""), false}}, 0, 3, "   haldane will NOT take this back (cool-down until x, ", NULL, NULL, NULL},
    {"status: the next one would not be taken back", {"status"},
     {{200, ITEMS(IDLE), false}, {200, ITEMS(""), false}, {200, ITEMS(""), false}}, 0, 3,
     "   haldane would NOT take back the next release if it failed now: cool-down\n", NULL, NULL, NULL},
    {"status: over its limit, and held", {"status"},
     {{200, ITEMS(SERVICE), false}, {200, ITEMS(LIVE(WOULD_NOT("held", "null"), "\"2026-11-20T03:04:10Z\"")), false},
      {200, ITEMS(""), false}}, 0, 3,
     "over its limit since 2026-11-20 03:04:10Z; haldane will NOT take this back (held): watch it yourself\n", NULL, NULL,
     NULL},
    {"status of one", {"status", "shop"},
     {{200, SERVICE, false}, {200, ITEMS(""), false}, {200, ITEMS(""), false}}, 0, 3, "shop     enforce",
     NULL, "GET /api/v1/services/shop HTTP", NULL},
    {"status as json", {"status", "shop", "-o", "json"},
     {{200, SERVICE, false}, {200, ITEMS(""), false}, {200, ITEMS(""), false}}, 0, 3,
     "{\"services\":{\"items\":[" SERVICE "],\"next\":null},\"guards\":" ITEMS("") ",\"needing\":" ITEMS("") "}\n",
     NULL, NULL, NULL},
    {"list", {"list", "--live", "--service", "shop", "-n", "5"}, {{200, ITEMS(ROW), false}}, 0, 1,
     ID "  shop     2026-11-20 03:04:10Z  2m 03s  passed  pass     Good\n", NULL,
     "GET /api/v1/guards?service=shop&limit=5&state=live HTTP", NULL},
    {"list: the next page", {"list", "--before", ID, "-n", "5"}, {{200, ITEMS(ROW), false}}, 0, 1, ID, NULL,
     "GET /api/v1/guards?limit=5&cursor=" ID " HTTP", NULL},
    {"list of nothing", {"list"}, {{200, ITEMS(""), false}}, 0, 1, "HEADLINE\n",
     "no guard yet: one begins with", NULL, NULL},
    {"the beginning of no id", {"show", "01ZZZZ"}, {{200, ITEMS(""), false}, UNKNOWN}, 2, 2, "",
     "no service '01ZZZZ', and no guard whose id begins so\n", NULL, NULL},
    {"change to no mode", {"change", ID, "--mode", "enforc"}, {{0}}, 2, 0, "", "advise or shadow, not 'enforc'", NULL, NULL},
    {"change for no time", {"change", ID, "--extend", "x"}, {{0}}, 2, 0, "",
     "a duration like 30m or 2h, not 'x'", NULL, NULL},
    {"an option misspelt", {"guard", "shop", "--wiat"}, {{0}}, 2, 0, "",
     "--wiat is not known here; did you mean --wait?", NULL, NULL},
    {"an option misspelt, with a value", {"guard", "shop", "--tmeout=3s"}, {{0}}, 2, 0, "", "did you mean --timeout?", NULL,
     NULL},
    {"an option like none", {"guard", "shop", "--purple"}, {{0}}, 2, 0, "",
     "option --purple is not known here\n", NULL, NULL},
    {"guard: a dry run as json", {"guard", "shop", "-n", "--to", "green", "-o", "json"}, {{200, SERVICE, false}}, 0, 1,
     "{\"method\":\"POST\",\"path\":\"/api/v1/guards\",\"body\":{\"service\":\"shop\",\"to\":\"green\"},\"service\":" SERVICE
     "}\n", NULL, NULL, NULL},
    {"list of no service", {"list", "-s", "nope"}, {{200, ITEMS(""), false}, {200, ITEMS(SERVICE), false}}, 2, 2, "",
     "haldane: there is no service 'nope'\n", NULL, NULL},
    {"list of a service without guards", {"list", "-s", "shop"},
     {{200, ITEMS(""), false}, {200, ITEMS(SERVICE), false}}, 0, 2, "STATE  VERDICT  HEADLINE\n", NULL, NULL, NULL},
    {"show", {"show", ID},
     {{200, GUARD, false},
      {200, ITEMS("{\"at\":\"2026-11-20T03:04:10Z\",\"kind\":\"state\",\"headline\":\"Going back\",\"text\":\"5xx\"}"),
       false}}, 0, 2, "  2026-11-20 03:04:10Z  state  Going back: 5xx\n", NULL, "GET /api/v1/guards/" ID " HTTP", NULL},

    {"an address that is none", {"list", "--url", "ftp://x"}, {{200, "{}", false}}, 2, 0, "", "must begin with http",
     NULL, NULL},
    {"no such command", {"rewert", "shop"}, {{200, "{}", false}}, 2, 0, "", "did you mean 'revert'?", NULL, NULL},
    {"help of one", {"help", "revert"}, {{200, "{}", false}}, 0, 0, "usage: haldane revert SERVICE|ID", "", NULL, NULL},
};

static void orders(void **state)
{
    (void)state;
    static struct server s;
    static struct said said;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        run_client(r->script, r->args, &s, &said);
        if (said.status != r->status || s.n != r->sent)
            fail_msg("%s: status %d, not %d; %d requests, not %d: %s%s", r->name, said.status, r->status, s.n, r->sent,
                     said.out, said.err);
        holds(r->name, "stdout", said.out, r->out);
        holds(r->name, "stderr", said.err, r->err);
        holds(r->name, "request", s.request[0], r->line);
        holds(r->name, "request", s.request[0], r->body);
    }
}

/* A configuration with mistakes does not say which daemon is meant: an order reaches none, and the
 * mistakes are named. Nor does it say whose token it is. Who only asks is told. */
static const struct row doubtful[] = {
    {"revert", {"revert", "shop", "--reason", "x"}, {{0}}, 2, 0, "", "unknown key 'sokcet'", NULL, NULL},
    {"reload", {"reload"}, {{0}}, 2, 0, "", "nothing was ordered: without " MISTAKES, NULL, NULL},
    {"guard", {"guard", "shop", "--wait"}, {{0}}, 2, 0, "", "name the daemon with --url", NULL, NULL},
    {"cancel", {"cancel", "shop", "--reason", "x"}, {{0}}, 2, 0, "", "nothing was ordered", NULL, NULL},
    {"a token", {"token", "revoke", "ci"}, {{0}}, 2, 0, "", "nothing was ordered", NULL, NULL},
    {"of no file", {"release", "-c", "/nonexistent/h.yaml"}, {{0}}, 2, 0, "", "/nonexistent/h.yaml", NULL, NULL},
    {"to a daemon by its name, as nobody knows whom", {"release", "shop", "--url"}, {{0}}, 2, 0, "",
     "which $HALDANE_CONFIG names, it is not known as whom. Mend the file or unset HALDANE_CONFIG, or name --token-file",
     NULL, NULL},
    {"to a daemon by its name, with a token", {"release", "shop", "--token-file", MISTAKES, "--url"},
     {{200, OK_REPLY, false}}, 0, 1, "released\n", NULL, NULL, NULL},
    {"list", {"list", "--url"}, {{200, ITEMS(ROW), false}}, 0, 1, ID, "haldane check " MISTAKES " says why", NULL, NULL},
};

static void doubtful_config(void **state)
{
    (void)state;
    static struct server s;
    static struct said said;
    (void)setenv("HALDANE_CONFIG", MISTAKES, 1);
    (void)unsetenv("HALDANE_URL");
    for (size_t i = 0; i < sizeof doubtful / sizeof *doubtful; i++) {
        const struct row *r = &doubtful[i];
        char url[64], *argv[12] = {(char *)"haldane"};
        int argc = 1;
        for (; r->args[argc - 1]; argc++)
            argv[argc] = (char *)r->args[argc - 1];
        server_start(&s, r->script);
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
        if (strcmp(argv[argc - 1], "--url") == 0)
            argv[argc++] = url;
        capture(cli_main, argc, argv, &said);
        server_stop(&s);
        if (said.status != r->status || s.n != r->sent)
            fail_msg("%s: status %d, not %d; %d requests: %s%s", r->name, said.status, r->status, s.n, said.out, said.err);
        holds(r->name, "stdout", said.out, r->out);
        holds(r->name, "stderr", said.err, r->err);
    }
    (void)setenv("HALDANE_CONFIG", "/nonexistent/haldane.yaml", 1);
}

/* Every command has --help, with its synopsis and each of its options in a line. */
static void every_command_has_help(void **state)
{
    (void)state;
    static const char *const names[] = {"serve", "check", "guard", "wait", "status", "show", "list", "revert", "hold",
                                        "change", "mark", "export",
                                        "release", "cancel", "rearm", "ack", "reload", "query", "replay", "backtest", "db",
                                        "bench",
                                        "version", "help"};
    static struct said said;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *argv[] = {(char *)"haldane", (char *)names[i], (char *)"--help", NULL}, usage[64];
        capture(cli_main, 3, argv, &said);
        (void)snprintf(usage, sizeof usage, "usage: haldane %s", names[i]);
        assert_int_equal(said.status, 0);
        holds(names[i], "help", said.out, usage);
        holds(names[i], "help", said.out, "  -h, --help");
        char *line = strtok(said.out, "\n");
        for (; line; line = strtok(NULL, "\n")) {
            if (strlen(line) > 100)
                fail_msg("%s: a line of %zu columns: %s", names[i], strlen(line), line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders), cmocka_unit_test(doubtful_config),
                                       cmocka_unit_test(every_command_has_help)};
    client_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
