/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane wait` and `guard --wait` against a scripted daemon: every end has its exit code, a
 * restart is survived, Ctrl-C ends the waiting only.
 */
#include "server.h"

#define ID "01JD2K0000000000000000000A"
#define GUARD(state, live)                                                                         \
    "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"" state "\",\"live\":" live ","               \
    "\"headline\":\"About " state "\",\"stable\":{\"colour\":\"blue\"},"                               \
    "\"candidate\":{\"colour\":\"green\"}}"
#define SETTLED                                                                                    \
    "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"aftercare\",\"live\":true,"                   \
    "\"headline\":\"Back on blue\",\"recovered_at\":\"2026-11-20T03:04:10Z\"}"
#define PROBLEM(detail) "{\"title\":\"t\",\"detail\":\"" detail "\"}"
#define WATCHING GUARD("watching", "true")
#define TAKEN "{\"id\":\"" ID "\",\"service\":\"shop\",\"state\":\"watching\",\"headline\":\"Watching green\"}"

#define TEN "{},{},{},{},{},{},{},{},{},{},"

static const struct row {
    const char *name, *args[14];
    struct reply script[5];
    bool nobody; /* nobody listens */
    int status;
    const char *out, *err; /* NULL: not looked at */
    const char *request;   /* part of the first one */
} rows[] = {
    {"passed", {"wait", ID, "--token-file", "@"}, {{200, GUARD("passed", "false"), false}}, false, 0,
     "shop: passed. About passed\n", "shop  passed        About passed\n", "GET /api/v1/guards/" ID " HTTP"},
    {"reverted", {"wait", ID}, {{200, GUARD("reverted", "false"), false}}, false, 1, "shop: reverted", "", NULL},
    {"settled", {"wait", ID}, {{200, SETTLED, false}}, false, 1, "shop: aftercare. Back on blue", "RECOVERED", NULL},
    {"inconclusive", {"wait", ID}, {{200, GUARD("inconclusive", "false"), false}}, false, 3, NULL, NULL, NULL},
    {"not verified", {"wait", ID}, {{200, GUARD("not_verified", "false"), false}}, false, 4, NULL, NULL, NULL},
    {"advised", {"wait", ID}, {{200, GUARD("advised", "false"), false}}, false, 5, NULL, NULL, NULL},
    {"cancelled", {"wait", ID}, {{200, GUARD("cancelled", "false"), false}}, false, 9, NULL, NULL, NULL},
    {"a restart is survived", {"wait", ID},
     {{200, WATCHING, false}, {0, "", false}, {503, PROBLEM("starting"), false},
      {200, GUARD("passed", "false"), false}}, false, 0, NULL, "the daemon answers again\n", NULL},
    {"json", {"wait", ID, "-o", "json"}, {{200, GUARD("passed", "false"), false}}, false, 0,
     GUARD("passed", "false") "\n", "shop  passed", NULL},
    {"the wait times out", {"wait", ID, "--timeout", "200ms"}, {{200, WATCHING, false}}, false, 8,
     "shop: watching", "the guard goes on: haldane wait " ID, NULL},
    {"nobody there until the timeout", {"wait", ID, "-t", "200ms"}, {{0}}, true, 6, "",
     "daemon unreachable, trying again", NULL},
    {"Ctrl-C", {"wait", ID}, {{200, WATCHING, true}}, false, 130, "", "interrupted; the guard goes on", NULL},
    {"a group too large to be waited for", {"wait", "--group", "all"},
     {{200, "{\"guards\":[" TEN TEN TEN TEN TEN TEN "{},{},{},{},{}]}", false}}, false, 2, "",
     "has 65 guards, and 64 can be waited for", NULL},
    {"no such guard", {"wait", ID}, {{404, PROBLEM("there is no guard"), false}}, false, 2, "",
     "haldane: there is no guard\n", NULL},
    {"a wrong token", {"wait", ID, "--token-file", "@"}, {{401, PROBLEM("the token is not known"), false}}, false, 7,
     "", "not authorised: the token is not known", "Authorization: Bearer hld_secret\r\n"},
    {"no token", {"wait", ID, "--token-file", "/nonexistent/token"}, {{401, PROBLEM("x"), false}}, false, 7, "",
     "no token (/nonexistent/token", NULL},
    {"fail-on leaves out", {"wait", ID, "--fail-on", "3,4"}, {{200, GUARD("reverted", "false"), false}}, false, 0,
     NULL, NULL, NULL},
    {"fail-on names", {"wait", ID, "--fail-on", "1,3"}, {{200, GUARD("reverted", "false"), false}}, false, 1, NULL,
     NULL, NULL},
    {"fail-on never hides a wrong token", {"wait", ID, "--fail-on", "1"}, {{401, "{}", false}}, false, 7, NULL,
     NULL, NULL},
    {"fail-on of a timeout", {"wait", ID, "--fail-on", "1", "-t", "100ms"}, {{200, WATCHING, false}}, false, 0, NULL,
     NULL, NULL},
    {"fail-on is a list", {"wait", ID, "--fail-on", "1;3"}, {{200, "{}", false}}, false, 2, "", "list of exit codes",
     NULL},
    {"timeout is a duration", {"wait", ID, "-t", "20"}, {{200, "{}", false}}, false, 2, "", "duration", NULL},
    {"a service's newest guard", {"wait", "shop/eu"},
     {{200, "{\"items\":[{\"id\":\"" ID "\"}],\"next\":null}", false}, {200, GUARD("passed", "false"), false}}, false,
     0, "shop: passed", NULL, "GET /api/v1/guards?limit=1&service=shop%2Feu HTTP"},
    {"a service without guards", {"wait", "shop"}, {{200, "{\"items\":[],\"next\":null}", false}}, false, 2, "",
     "there is no service 'shop'", NULL},
    {"not haldane", {"show", ID}, {{200, "<html>", false}}, false, 6, "", "no answer of haldane", NULL},

    {"guard", {"guard", "shop", "--token-file", "@"}, {{201, TAKEN, false}}, false, 0,
     "shop: guard " ID " started. Watching green\n", "", "POST /api/v1/guards HTTP"},
    {"guard joins", {"guard", "shop", "--token-file", "@"}, {{200, TAKEN, false}}, false, 0, "joined", "", NULL},
    {"guard with all it takes", {"guard", "shop", "--to", "green", "--from", "blue", "--version", "v42", "--commit",
                                 "abc", "--change-url=http://ci/1", "--actor=ci"}, {{201, TAKEN, false}}, false, 0,
     NULL, NULL,
     "{\"service\":\"shop\",\"to\":\"green\",\"from\":\"blue\",\"change\":{\"version\":\"v42\",\"commit\":\"abc\","
     "\"url\":\"http://ci/1\",\"actor\":\"ci\"}}"},
    {"guard --wait", {"guard", "shop", "--wait", "--token-file", "@"},
     {{201, TAKEN, false}, {200, GUARD("reverted", "false"), false}}, false, 1, "shop: reverted", NULL, NULL},
    {"guard: --ci is for --wait", {"guard", "shop", "--ci", "github"}, {{201, TAKEN, false}}, false, 2, "",
     "--ci is for --wait, which is not given", NULL},
    {"guard: --timeout is for --wait", {"guard", "shop", "-t", "20m"}, {{201, TAKEN, false}}, false, 2, "",
     "--timeout is for --wait", NULL},
    {"guard: not yet", {"guard", "shop"}, {{503, PROBLEM("not read yet"), false}, {201, TAKEN, false}}, false, 0,
     "started", NULL, NULL},
    {"guard: nobody there", {"guard", "shop"}, {{0}}, true, 6, "",
     "is haldane serve running? Another address: --url or $HALDANE_URL\n",
     NULL},
    {"guard: no such service", {"guard", "shop"}, {{404, PROBLEM("there is no such service"), false}}, false, 2, "",
     "there is no such service", NULL},
    {"guard --dry-run of no colour", {"guard", "shop", "--dry-run", "--to", "purple"},
     {{200, "{\"name\":\"shop\",\"colours\":[\"blue\",\"green\"]}", false}}, false, 2, "",
     "service shop has no colour 'purple'", NULL},
    {"guard of a mode that is none", {"guard", "shop", "-n", "--mode", "odd"}, {{0}}, false, 2, "",
     "--mode is advise or shadow, not 'odd'", NULL},
    {"guard for 20", {"guard", "shop", "--duration", "20"}, {{0}}, false, 2, "",
     "--duration takes a duration like 30m or 2h", NULL},
    {"guard --dry-run", {"guard", "shop", "--dry-run"},
     {{200, "{\"name\":\"shop\",\"mode\":\"enforce\",\"checks\":[{},{}],\"reading\":{\"sides\":"
            "[{\"colour\":\"blue\",\"share\":1,\"ready\":3,\"wanted\":3}]}}", false}}, false, 0,
     "blue  100%  3 of 3 ready", "", "GET /api/v1/services/shop HTTP"},
};

static void waiting(void **state)
{
    (void)state;
    static struct server s;
    static struct said said;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        run_client(r->nobody ? NULL : r->script, r->args, &s, &said);
        if (said.status != r->status)
            fail_msg("%s: status %d, not %d: %s%s", r->name, said.status, r->status, said.out, said.err);
        holds(r->name, "stdout", said.out, r->out);
        if (r->err && *r->err) /* the missing configuration is said too */
            holds(r->name, "stderr", said.err, r->err);
        holds(r->name, "request", s.request[0], r->request);
    }
}

static void a_change_is_told_once(void **state)
{
    (void)state;
    static const struct reply script[] = {{200, WATCHING, false}, {200, WATCHING, false},
                                          {200, GUARD("passed", "false"), false}, {0, NULL, false}};
    static const char *const args[] = {"wait", ID, NULL};
    static struct server s;
    static struct said said;
    run_client(script, args, &s, &said);
    assert_int_equal(s.n, 3);
    const char *first = strstr(said.err, "watching      ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "watching      "));
    assert_null(strchr(said.err, '\x1b')); /* no terminal: no live line, no colour */
}

/* An order that perhaps arrived is never sent again by itself. */
static void a_lost_order_is_not_repeated(void **state)
{
    (void)state;
    static const struct reply script[] = {{0, "", false}, {0, NULL, false}};
    static const char *const args[] = {"revert", "shop", "--reason", "x", "--token-file", "@", NULL};
    static struct server s;
    static struct said said;
    run_client(script, args, &s, &said);
    assert_int_equal(said.status, CLI_UNREACHABLE);
    assert_int_equal(s.n, 1);
    holds("lost", "stderr", said.err, "the order may have been taken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(waiting), cmocka_unit_test(a_change_is_told_once),
                                       cmocka_unit_test(a_lost_order_is_not_repeated)};
    client_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
