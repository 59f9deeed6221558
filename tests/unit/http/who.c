/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask the face what: tokens, browsers' sessions and their forms, and how often one may fail.
 */
#include "face.h"

static bool anonymous_reads;

static enum hd_code who(struct store *s, struct hd_arena *a, const char *secret, int64_t now_ms,
                        struct store_account *ret, struct hd_error *err)
{
    (void)s;
    (void)a;
    (void)now_ms;
    if (str_is(secret, "hls_gone") || str_is(secret, "hld_gone"))
        return hd_fail(err, HD_DENIED, "not known");
    if (str_is(secret, "hld_broken"))
        return hd_fail(err, HD_IO, "the disk is gone");
    *ret = (struct store_account){.name = "x", .role = HD_TOKEN_OPERATOR};
    if (str_is(secret, "hld_admin"))
        ret->role = HD_TOKEN_ADMIN;
    if (str_begins(secret, "hls_"))
        ret->csrf = "c5rf";
    return HD_OK;
}

#define ASK(path, headers) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" headers "\r\n"
#define JSON "Content-Type: application/json\r\n"
#define COOKIE "Cookie: haldane=hls_a\r\n"

static void test_who(void **state)
{
    static const struct {
        const char *name, *request;
        bool open; /* auth.anonymous: read */
        int status;
        const char *want;
        bool loop; /* the loop gets an order */
    } row[] = {
        {"open page", GET("/"), true, 200, NULL, false},
        {"closed page", GET("/g/a"), false, 303, "Location: /login?next=%2Fg%2Fa\r\n", false},
        {"closed API", GET("/api/v1/guards"), false, 401, "\"code\":\"no_token\"", false},
        {"closed metrics", GET("/metrics"), false, 401, NULL, false},
        {"health is open", GET("/healthz"), false, 200, NULL, false},
        {"readiness is open", GET("/readyz"), false, 200, NULL, false},
        {"style is open", GET("/assets/style.css"), false, 200, NULL, false},
        {"login is open", GET("/login"), false, 200, NULL, false},
        {"by token", ASK("/api/v1/guards", TOKEN), false, 200, NULL, false},
        {"by cookie", ASK("/", COOKIE), false, 200, NULL, false},
        {"by an ended session", ASK("/", "Cookie: haldane=hls_gone\r\n"), false, 303, "/login", false},
        {"an ended session where all may read", ASK("/", "Cookie: haldane=hls_gone\r\n"), true, 200,
         NULL, false},
        {"a bad token where all may read", ASK("/", "Authorization: Bearer hld_gone\r\n"), true, 401,
         "the token is not known", false},
        {"a bad token and a good cookie",
         ASK("/", COOKIE "Authorization: Bearer hld_gone\r\n"), true, 401, NULL, false},
        {"store that fails", ASK("/", "Authorization: Bearer hld_broken\r\n"), true, 503,
         "the disk is gone", false},
        {"tokens, nobody", GET("/api/v1/tokens"), true, 401, NULL, false},
        {"tokens, operator", ASK("/api/v1/tokens", TOKEN), true, 403, NULL, false},
        {"tokens, admin", ASK("/api/v1/tokens", "Authorization: Bearer hld_admin\r\n"), true, 200,
         "{\"items\":[]", false},
        {"order by token", POST(G "/acknowledge", ORDER, "{}"), true, 200, NULL, true},
        {"order of nobody", POST(G "/acknowledge", JSON "Authorization: Bearer hld_gone\r\n", "{}"),
         true, 401, "bad_token", false},
        {"order while the store fails",
         POST(G "/acknowledge", JSON "Authorization: Bearer hld_broken\r\n", "{}"), true, 200, NULL,
         true},
        {"order by cookie alone", POST(G "/acknowledge", JSON COOKIE, "{}"), true, 403, "stale_form",
         false},
        {"order by cookie with the page's secret",
         POST(G "/acknowledge", JSON COOKIE "X-CSRF-Token: c5rf\r\n", "{}"), true, 200, NULL, true},
        {"order by cookie with another",
         POST(G "/acknowledge", JSON COOKIE "X-CSRF-Token: c5rg\r\n", "{}"), true, 403, NULL, false},
        {"form, a field is wrong", POST("/fleet/hold", FORM COOKIE, "csrf=c5rf&for=soon&reason=a"), true, 422,
         "/for: must be a duration", false},
        {"and what was typed stands there again", POST("/fleet/hold", FORM COOKIE, "csrf=c5rf&for=soon&reason=my+own"),
         true, 422, "value=\"soon\"", false},
        {"all of it", POST("/fleet/hold", FORM COOKIE, "csrf=c5rf&for=soon&reason=my+own"), true, 422,
         "value=\"my own\"", false},
        {"form, a field is missing", POST("/fleet/hold", FORM COOKIE, "csrf=c5rf&for=2h"), true, 422,
         "/reason: is missing", false},
        {"log out", POST("/logout", FORM COOKIE, "csrf=c5rf"), true, 303,
         "Set-Cookie: haldane=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0\r\n", true},
        {"log out without the form", POST("/logout", FORM COOKIE, ""), true, 403, NULL, false},
        {"log in, unknown", POST("/login", FORM, "token=hld_gone"), false, 401, "is not known", false},
        {"path token, on an ordinary route", GET("/t/hld_x/api/v1/guards"), false, 401, NULL, false},
        {"Basic, on an ordinary route",
         ASK("/api/v1/guards", "Authorization: Basic eDpobGRfYWRtaW4=\r\n"), false, 401, NULL, false},
    };
    struct bench b;
    struct command c;
    (void)state;
    bench_who = who;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (anonymous_reads != row[i].open)
            sample_fact(b.path, "anonymous", row[i].open ? "read" : "nothing");
        anonymous_reads = row[i].open;
        int fd = dial(&b);
        say_text(fd, row[i].request);
        if (row[i].loop) {
            take_command(&b, &c);
            give_answer(&b, c.id, "\"status\":200");
        }
        const char *reply = hear(fd);
        if (status_of(reply) != row[i].status || (row[i].want && !strstr(reply, row[i].want)))
            fail_msg("%s: %s", row[i].name, reply);
        const char *foot = strstr(reply, "</html>");
        if (foot && strcmp(foot, "</html>\n") != 0)
            fail_msg("%s: something follows the page: %s", row[i].name, reply);
        struct pollfd p = {.fd = b.loop, .events = POLLIN};
        if (poll(&p, 1, 0) != 0)
            fail_msg("%s: the loop got a command it should not have", row[i].name);
    }
    bench_close(&b);
    bench_who = NULL;
}

/* Ten wrong ones from an address, then it is told to wait; who has a good one is not. */
static void test_failed_logins(void **state)
{
    struct bench b;
    (void)state;
    bench_who = who;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    sample_fact(b.path, "anonymous", "read");
    for (int i = 0; i < 10; i++)
        assert_int_equal(status_of(ask(&b, ASK("/metrics", "Authorization: Bearer hld_gone\r\n"))),
                         401);
    assert_int_equal(status_of(ask(&b, ASK("/metrics", "Authorization: Bearer hld_gone\r\n"))), 429);
    assert_int_equal(status_of(ask(&b, POST("/login", FORM, "token=hld_gone"))), 429);
    assert_int_equal(status_of(ask(&b, ASK("/metrics", TOKEN))), 200);
    bench_close(&b);
    bench_who = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who),
        cmocka_unit_test(test_failed_logins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
