/* SPDX-License-Identifier: Apache-2.0
 *
 * The face as its clients see it: a real one on a free port, raw sockets on one side, and on the
 * other end of the pair this test as the guard loop. Every route, every refusal, and what happens
 * when somebody is slow, silent, gone or too many.
 */
#include "face.h"

/* --- the table of routes --- */

static const struct {
    const char *name, *request;
    int status;
    const char *want;    /* in the reply; NULL: nothing particular */
    const char *command; /* what the loop must have got; NULL: nothing may reach it */
    const char *answer;
} rows[] = {
    {"fleet", GET("/"), 200, "<title>1 thing needs you", NULL, NULL},
    {"fleet, wrong method", POST("/", ORDER, "{}"), 405, "Allow: OPTIONS, GET, HEAD\r\n", NULL, NULL},
    {"fleet, HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200, "\r\n\r\n",
     NULL, NULL},
    {"fleet, odd parameter", GET("/?x=1"), 400, "there is no parameter x here", NULL, NULL},
    {"guard page", GET("/g/" SAMPLE_REVERTED), 200, "You are not needed", NULL, NULL},
    {"service, filtered", GET("/s/checkout?show=passed"), 200, "No guard is like that", NULL, NULL},
    {"service, since a day", GET("/s/checkout?since=2020-01-01&until=2099-12-31"), 200, "/g/", NULL,
     NULL},
    {"service, a day long ago", GET("/s/checkout?until=2020-01-01"), 200, "No guard is like that",
     NULL, NULL},
    {"service, no such choice", GET("/s/checkout?show=x"), 400, "one of the choices", NULL, NULL},
    {"service, days that are none", GET("/s/checkout?since=2026-11-20&until=2026-11-19"), 400, "lies before", NULL, NULL},
    {"service, one day", GET("/s/checkout?since=2026-11-20&until=2026-11-20"), 200, NULL, NULL, NULL},
    {"history of no service", GET("/s/nobody/guards.csv"), 404, "no service nobody", NULL, NULL},
    {"service, no day", GET("/s/checkout?since=yesterday"), 400, "not a day", NULL, NULL},
    {"history as CSV", GET("/s/checkout/guards.csv"), 200,
     "\"reverted\",\"fail\",\"release\",", NULL, NULL},
    {"history as JSON", GET("/s/checkout/guards.json?show=reverted"), 200, SAMPLE_REVERTED, NULL,
     NULL},
    {"group page", GET("/groups/spring%20%3C1%3E"), 200,
     "<title>spring &lt;1&gt;: 1 of 2 releases needs you</title>", NULL, NULL},
    {"group page, the worst first", GET("/groups/spring%20%3C1%3E"), 200,
     "<tbody><tr><td data-l=\"state\"><span class=\"s fail\"><svg class=\"i fail\" aria-hidden=\"true\">"
     "<use href=\"#i-fail\"/></svg>not verified</span></td><td data-l=\"service\"><a href=\"/s/search\">", NULL, NULL},
    {"group page, unknown", GET("/groups/autumn"), 404, "no guard belongs to group autumn", NULL, NULL},
    {"groups on the fleet's page", GET("/"), 200, "<a href=\"/groups/spring%20%3C1%3E\">spring &lt;1&gt;</a></th>"
     "<td data-l=\"guards\">1 watched, 1 ended, 1 failed</td>", NULL, NULL},
    {"guards of a group", GET("/api/v1/guards?group=spring%20%3C1%3E&limit=1"), 200,
     "\"next\":\"" SAMPLE_BROKEN "\"", NULL, NULL},
    {"guards of no group", GET("/api/v1/guards?group=autumn"), 200, "\"items\":[]", NULL, NULL},
    {"settings", GET("/settings"), 200, "What would a revert do right now?", NULL, NULL},
    {"guard page, unknown", GET("/g/01JD2K9999999999999999999X"), 404, "<h1>", NULL, NULL},
    {"guard page, hostile", GET("/g/%3Cscript%3E"), 404, "There is no guard &lt;script&gt;", NULL,
     NULL},
    {"service page", GET("/s/cart"), 200, "<h1>cart</h1>", NULL, NULL},
    {"service page, unknown", GET("/s/nobody"), 404, "There is no service nobody", NULL, NULL},
    {"service page, bad cursor", GET("/s/cart?before=x"), 400, NULL, NULL, NULL},
    {"style", GET("/assets/style.css"), 200, ":root", NULL, NULL},
    {"healthz", GET("/healthz"), 200, "\"status\":\"ok\"", NULL, NULL},
    {"readyz", GET("/readyz"), 200, "\"status\":\"ok\"", NULL, NULL},
    {"metrics", GET("/metrics"), 200, "haldane_http_requests_total{code=\"2xx\"}", NULL, NULL},
    {"openmetrics",
     "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept: "
     "application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n",
     200, "# EOF\n", NULL, NULL},
    {"no route", GET("/nothing"), 404, "<title>No such thing", NULL, NULL},
    {"no API route", GET("/api/v2/guards"), 404, "\"code\":\"no_route\"", NULL, NULL},
    {"security headers", GET("/"), 200, "Content-Security-Policy: default-src 'none'; ", NULL,
     NULL},

    {"services", GET("/api/v1/services"), 200, "\"name\":\"checkout\"", NULL, NULL},
    {"service", GET("/api/v1/services/search"), 200, "\"share\":0.38,\"ready\":5", NULL, NULL},
    {"service, unknown", GET("/api/v1/services/nobody"), 404, "\"code\":\"unknown_service\"", NULL,
     NULL},
    {"guards", GET("/api/v1/guards?limit=1"), 200, "\"next\":\"" SAMPLE_BROKEN "\"", NULL, NULL},
    {"guards, next page", GET("/api/v1/guards?limit=200&cursor=" SAMPLE_WATCHING), 200,
     "{\"items\":[{\"id\":\"" SAMPLE_REVERTED "\"", NULL, NULL},
    {"guards, last page", GET("/api/v1/guards?service=mail"), 200, "\"next\":null", NULL, NULL},
    {"guards, live", GET("/api/v1/guards?state=live"), 200,
     "{\"items\":[{\"id\":\"" SAMPLE_WATCHING "\"", NULL, NULL},
    {"guards, needed", GET("/api/v1/guards?needs_human=true"), 200, "\"needs_human\":true", NULL,
     NULL},
    {"guards, verdict", GET("/api/v1/guards?verdict=pass"), 200,
     "{\"items\":[{\"id\":\"" SAMPLE_PASSED "\"", NULL, NULL},
    {"guards, by state", GET("/api/v1/guards?state=passed"), 200,
     "{\"items\":[{\"id\":\"" SAMPLE_PASSED "\"", NULL, NULL},
    {"guards, since", GET("/api/v1/guards?since=2099-01-01T00:00:00Z"), 200, "{\"items\":[]", NULL, NULL},
    {"guards, an interval that is none", GET("/api/v1/guards?since=2026-11-20T00:00:00Z&until=2026-11-20T00:00:00Z"), 400,
     "since must lie before until", NULL, NULL},
    {"guards, of no service", GET("/api/v1/guards?service="), 400, "must not be empty", NULL, NULL},
    {"guards, of no group", GET("/api/v1/guards?group="), 400, "must not be empty", NULL, NULL},
    {"guards, since when", GET("/api/v1/guards?since=noon"), 400, "bad_parameter", NULL, NULL},
    {"guards, the next page as a link", GET("/api/v1/guards?limit=1&state=all"), 200,
     "Link: </api/v1/guards?cursor=" SAMPLE_BROKEN "&state=all&limit=1>; rel=\"next\"\r\n", NULL, NULL},
    {"services, seen", "GET /api/v1/services HTTP/1.1\r\nHost: h\r\nConnection: close\r\nIf-None-Match: *\r\n\r\n",
     304, "ETag: \"", NULL, NULL},
    {"verdicts", GET("/api/v1/guards/" SAMPLE_REVERTED "/verdicts"), 200, "{\"verdict\":\"fail\"", NULL, NULL},
    {"verdicts are for ever", GET("/api/v1/guards/" SAMPLE_REVERTED "/verdicts"), 200,
     "Cache-Control: private, max-age=31536000, immutable\r\n", NULL, NULL},
    {"chart", GET("/api/v1/guards/" SAMPLE_REVERTED "/chart.svg"), 200, "<svg xmlns=", NULL, NULL},
    {"chart of nothing", GET("/api/v1/guards/" SAMPLE_REVERTED "/chart.svg?check=x"), 404, "unknown_check", NULL,
     NULL},
    {"config", GET("/api/v1/config"), 200, "\"yaml\":null", NULL, NULL},
    {"release one hold",
     "DELETE /api/v1/holds/7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" TOKEN "\r\n", 200, NULL,
     "\"args\":{\"name\":\"7\"}", "\"status\":200"},
    {"guards, bad state", GET("/api/v1/guards?state=x"), 400, "state must be live, all or a state", NULL,
     NULL},
    {"guards, bad verdict", GET("/api/v1/guards?verdict=x"), 400, "bad_parameter", NULL, NULL},
    {"guards, limit at the cap", GET("/api/v1/guards?limit=200"), 200, NULL, NULL, NULL},
    {"guards, limit past it", GET("/api/v1/guards?limit=201"), 400, "bad_parameter", NULL, NULL},
    {"guards, bad cursor", GET("/api/v1/guards?cursor=x"), 400, "bad_parameter", NULL, NULL},
    {"guards, odd parameter", GET("/api/v1/guards?stat=live"), 400, "unknown_parameter", NULL,
     NULL},
    {"guard", GET("/api/v1/guards/" SAMPLE_REVERTED), 200,
     "\"outcome\":\"ok\",\"band\":\"fail\",\"value\":0.048,\"stable\":0.002", NULL, NULL},
    {"guard's intent", GET("/api/v1/guards/" SAMPLE_REVERTED), 200, "\"outcome\":\"verified\"",
     NULL, NULL},
    {"guard's address", GET("/api/v1/guards/" SAMPLE_REVERTED), 200, "/g/" SAMPLE_REVERTED "\"",
     NULL, NULL},
    {"guard, unknown", GET("/api/v1/guards/01JD2K9999999999999999999X"), 404,
     "\"code\":\"unknown_guard\"", NULL, NULL},
    {"timeline", GET("/api/v1/guards/" SAMPLE_REVERTED "/timeline"), 200, "users recovered", NULL,
     NULL},
    {"timeline, unknown", GET("/api/v1/guards/x/timeline"), 404, "unknown_guard", NULL, NULL},
    {"evidence", GET("/api/v1/guards/" SAMPLE_REVERTED "/evidence"), 200, "\"covers_ms\":5000",
     NULL, NULL},
    {"evidence, past the end", GET("/api/v1/guards/" SAMPLE_REVERTED "/evidence?cursor=9999"), 200,
     "\"items\":[]", NULL, NULL},
    {"evidence, bad cursor", GET("/api/v1/guards/" SAMPLE_REVERTED "/evidence?cursor=-1"), 400, NULL,
     NULL, NULL},
    {"holds", GET("/api/v1/holds"), 200, "{\"items\":[", NULL, NULL},

    {"start", POST("/api/v1/guards", ORDER, "{\"service\":\"cart\",\"to\":\"green\"}"), 201,
     "Location: /api/v1/guards/new\r\n",
     "\"do\":\"guard\",\"token\":\"hld_secret\",\"service\":\"cart\",\"guard\":null,\"args\":{"
     "\"to\":\"green\"}",
     "\"status\":201,\"location\":\"/api/v1/guards/new\",\"body\":{\"id\":\"new\"}"},
    {"start with a change",
     POST("/api/v1/guards", ORDER,
          "{\"service\":\"cart\",\"change\":{\"version\":\"v9\",\"url\":\"https://ci/1\"}}"),
     200, "{\"joined\":true,\"n\":[1,null]}",
     "\"args\":{\"version\":\"v9\",\"url\":\"https://ci/1\"}",
     "\"status\":200,\"body\":{\"joined\":true,\"n\":[1,null]}"},
    {"start, no service", POST("/api/v1/guards", ORDER, "{}"), 422, "/service: is missing", NULL,
     NULL},
    {"start, bad url",
     POST("/api/v1/guards", ORDER, "{\"service\":\"cart\",\"change\":{\"url\":\"javascript:x\"}}"),
     422, "\"pointer\":\"/change\"", NULL, NULL},
    {"start, a part of the change twice",
     POST("/api/v1/guards", ORDER, "{\"service\":\"cart\",\"change\":{\"version\":\"1\",\"version\":\"2\"}}"), 422,
     "/change: version is given twice", NULL, NULL},
    {"change, the ETag is empty", PATCH(G, ORDER "If-Match: \r\n", "{\"note\":\"x\"}"), 428,
     "no_if_match", NULL, NULL},
    {"start, wrong type", POST("/api/v1/guards", ORDER, "{\"service\":1  }"), 422, "must be a text",
     NULL, NULL},
    {"revert", POST(G "/revert", ORDER, "{\"reason\":\"bad\"}"), 202, "{}",
     "\"do\":\"revert\",\"token\":\"hld_secret\",\"service\":null,\"guard\":\"" SAMPLE_WATCHING
     "\",\"args\":{\"reason\":\"bad\"}",
     "\"status\":202"},
    {"revert, refused by the loop", POST(G "/revert", ORDER, "{\"reason\":\"bad\"}"), 409,
     "\"title\":\"Conflict\",\"status\":409,\"detail\":\"it has ended\",\"instance\":\"" G
     "/revert\",\"code\":\"ended\",\"retryable\":false,\"guard\":\"x\"",
     "\"do\":\"revert\"",
     "\"status\":409,\"body\":{\"code\":\"ended\",\"detail\":\"it has ended\",\"guard\":\"x\"}"},
    {"revert, no reason", POST(G "/revert", ORDER, "{}"), 422, "/reason: is missing", NULL, NULL},
    {"revert, empty reason", POST(G "/revert", ORDER, "{\"reason\":\"\"}"), 422, "not be empty",
     NULL, NULL},
    {"revert, blank reason", POST(G "/revert", ORDER, "{\"reason\":\" \\n\"}"), 422, "not be empty", NULL, NULL},
    {"revert, unknown field", POST(G "/revert", ORDER, "{\"reason\":\"a\",\"force\":1}"), 422,
     "\"pointer\":\"/force\"", NULL, NULL},
    {"revert, field twice", POST(G "/revert", ORDER, "{\"reason\":\"a\",\"reason\":\"b\"}"), 422,
     "given twice", NULL, NULL},
    {"revert, bad JSON", POST(G "/revert", ORDER, "{\"reason\""), 400, "bad_json", NULL, NULL},
    {"revert, no object", POST(G "/revert", ORDER, "[]"), 400, "must be a JSON object", NULL, NULL},
    {"revert, wrong method", GET(G "/revert"), 405, "Allow: OPTIONS, POST\r\n", NULL, NULL},
    {"hold a guard", POST(G "/hold", ORDER, "{\"reason\":\"a\",\"for\":\"1h30m\"}"), 202, NULL,
     "\"args\":{\"reason\":\"a\",\"duration_ms\":5400000}", "\"status\":202,\"body\":{}"},
    {"hold, no end", POST(G "/hold", ORDER, "{\"reason\":\"a\"}"), 422, "/for: is missing", NULL,
     NULL},
    {"hold, bad duration", POST(G "/hold", ORDER, "{\"reason\":\"a\",\"for\":\"30\"}"), 422,
     "must be a duration", NULL, NULL},
    {"release a guard", POST(G "/release", TOKEN "Idempotency-Key: k\r\n", ""), 200, NULL, "\"do\":\"release\"",
     "\"status\":200"},
    {"cancel", POST(G "/cancel", ORDER, "{\"reason\":\"a\"}"), 200, NULL, "\"do\":\"cancel\"",
     "\"status\":200"},
    {"acknowledge", POST(G "/acknowledge", ORDER, "{}"), 200, NULL, "\"do\":\"acknowledge\"",
     "\"status\":200"},
    {"hold a service",
     POST("/api/v1/services/cart/hold", ORDER, "{\"reason\":\"a\",\"for\":\"2h\"}"), 200, NULL,
     "\"do\":\"hold\",\"token\":\"hld_secret\",\"service\":\"cart\",\"guard\":null",
     "\"status\":200"},
    {"release a service", POST("/api/v1/services/cart/release", ORDER, "{}"), 200, NULL,
     "\"do\":\"release\"", "\"status\":200"},
    {"rearm", POST("/api/v1/services/cart/rearm", ORDER, "{\"reason\":\"a\"}"), 200, NULL,
     "\"do\":\"rearm\"", "\"status\":200"},
    {"revert a service",
     POST("/api/v1/services/cart/revert", ORDER, "{\"reason\":\"a\",\"to\":\"blue\"}"), 202, NULL,
     "\"do\":\"revert\",\"token\":\"hld_secret\",\"service\":\"cart\"", "\"status\":202"},
    {"drill", POST("/api/v1/services/cart/drill", ORDER, "{\"to\":\"blue\"}"), 202, NULL,
     "\"do\":\"drill\",\"token\":\"hld_secret\",\"service\":\"cart\"", "\"status\":202"},
    {"hold the fleet", POST("/api/v1/holds", ORDER, "{\"reason\":\"a\",\"for\":\"2h\"}"), 201, NULL,
     "\"service\":null,\"guard\":null", "\"status\":201"},
    {"hold the fleet for ever", POST("/api/v1/holds", ORDER, "{\"reason\":\"a\"}"), 422,
     "/for: is missing", NULL, NULL},
    {"release the fleet", POST("/api/v1/holds/release", ORDER, "{}"), 200, NULL,
     "\"do\":\"release\"", "\"status\":200"},
    {"reload", POST("/api/v1/config/reload", ORDER, "{}"), 422, "\"errors\":[{\"line\":3}]",
     "\"do\":\"reload\"", "\"status\":422,\"body\":{\"errors\":[{\"line\":3}]}"},
    {"loop's answer without status", POST("/api/v1/config/reload", ORDER, "{}"), 500,
     "outcome_unknown", "\"do\":\"reload\"", "\"body\":{}"},

    {"no token", POST(G "/revert", "Content-Type: application/json\r\n", "{}"), 401,
     "WWW-Authenticate: Bearer\r\n", NULL, NULL},
    {"basic, no bearer", POST(G "/revert", "Authorization: Basic aGxk\r\n", "{}"), 401, NULL, NULL,
     NULL},
    {"odd token", POST(G "/revert", "Authorization: Bearer a\"b\r\n", "{}"), 401, NULL, NULL, NULL},
    {"form", POST(G "/revert", TOKEN "Content-Type: text/plain\r\n", "{\"reason\":\"bad\"}"), 415,
     NULL, NULL, NULL},
    {"no content type", POST(G "/revert", TOKEN, "{\"reason\":\"bad\"}"), 415, NULL, NULL, NULL},
    {"JSON with a charset",
     POST(G "/acknowledge", TOKEN "Content-Type: application/json; charset=utf-8\r\n", "{}"), 200,
     NULL, "acknowledge", "\"status\":200"},
    {"other site, by fetch", POST(G "/revert", ORDER "Sec-Fetch-Site: cross-site\r\n", "{}"), 403,
     "cross_site", NULL, NULL},
    {"other site, by origin", POST(G "/revert", ORDER "Origin: https://evil.example\r\n", "{}"),
     403, "cross_site", NULL, NULL},
    {"origin null", POST(G "/revert", ORDER "Origin: null\r\n", "{}"), 403, NULL, NULL, NULL},
    {"own origin",
     POST(G "/acknowledge", ORDER "Origin: http://h\r\nSec-Fetch-Site: same-origin\r\n", "{}"), 200,
     NULL, "acknowledge", "\"status\":200"},
    {"no Host",
     "POST " G "/acknowledge HTTP/1.1\r\nConnection: close\r\n" ORDER "Content-Length: 2\r\n\r\n{}",
     400, NULL, NULL, NULL},
    {"no Host, HTTP/1.0", "POST " G "/acknowledge HTTP/1.0\r\n" ORDER "Content-Length: 2\r\n\r\n{}",
     400, NULL, NULL, NULL},
    {"two Hosts", POST(G "/acknowledge", ORDER "Host: i\r\n", "{}"), 400, "bad_framing", NULL,
     NULL},
    {"length and encoding",
     POST(G "/acknowledge", ORDER "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 400,
     "bad_framing", NULL, NULL},
    {"two lengths", POST(G "/acknowledge", ORDER "Content-Length: 3\r\n", "{}"), 400, NULL, NULL,
     NULL},
    {"the same length twice", POST(G "/acknowledge", ORDER "Content-Length: 2\r\n", "{}"), 400,
     NULL, NULL, NULL},
    {"two lengths on a GET",
     "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n"
     "Content-Length: 5\r\n\r\n",
     400, NULL, NULL, NULL},
    {"chunked alone",
     "POST " G "/acknowledge HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" ORDER
     "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
     411, "no_length", NULL, NULL},
    {"two types", POST(G "/acknowledge", ORDER "Content-Type: text/plain\r\n", "{}"), 400,
     "more than one Content-Type", NULL, NULL},
    {"two tokens", POST(G "/acknowledge", ORDER TOKEN, "{}"), 400, "more than one Authorization",
     NULL, NULL},
    {"blank before the colon", POST(G "/acknowledge", ORDER "X-A : 1\r\n", "{}"), 400, NULL, NULL,
     NULL},
    {"odd header name", POST(G "/acknowledge", ORDER "X(A: 1\r\n", "{}"), 400, "bad_framing", NULL,
     NULL},
    {"no plain length",
     "POST " G "/acknowledge HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" ORDER
     "Content-Length: +2\r\n\r\n{}",
     400, NULL, NULL, NULL},
    {"NUL in the path", POST(G "/acknowledge%00/x", ORDER, "{}"), 400, "bad_target", NULL, NULL},
    {"slash in a segment", POST("/api/v1/services/a%2Fhold", ORDER, "{}"), 400, "bad_target", NULL,
     NULL},
    {"dot segment", POST("/x/.." G "/acknowledge", ORDER, "{}"), 400, "dot segment", NULL, NULL},
    {"escaped dot", GET("/x/%2e%2e/healthz"), 400, "is escaped", NULL, NULL},
    {"empty segment", GET("//healthz"), 400, "empty or a dot segment", NULL, NULL},
    {"bad escape", GET("/g/%zz"), 400, "begins no %-sequence", NULL, NULL},
    {"NUL in the query", GET("/api/v1/guards?service=a%00b"), 400, "bad_target", NULL, NULL},
    {"fragment", GET("/healthz#x"), 400, "must be escaped", NULL, NULL},
    {"a parameter twice", GET("/api/v1/guards?limit=1&limit=2"), 400, "repeated_parameter", NULL,
     NULL},

    {"login", GET("/login?next=/g/x"), 200, "name=\"next\" value=\"/g/x\"", NULL, NULL},
    {"login elsewhere", GET("/login?next=//evil.example"), 200, "name=\"next\" value=\"/\"", NULL,
     NULL},
    {"login elsewhere, by a tab that browsers drop", GET("/login?next=/%09/evil.example"), 200,
     "name=\"next\" value=\"/\"", NULL, NULL},
    {"log in", POST("/login", FORM, "token=hld_a&next=%2Fg%2Fx"), 303,
     "Location: /g/x\r\nSet-Cookie: haldane=hls_b; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200\r\n",
     "\"do\":\"login\",\"token\":\"hld_a\"", "\"status\":201,\"body\":{\"session\":\"hls_b\"}"},
    {"log in, refused", POST("/login", FORM, "token=hld_a"), 401, "<h1>", "\"do\":\"login\"",
     "\"status\":401,\"body\":{\"code\":\"bad_token\",\"detail\":\"no\"}"},
    {"log in with no token", POST("/login", FORM, "token=a+b"), 422, "That is no token", NULL, NULL},
    {"revert without a key",
     POST(G "/revert", TOKEN "Content-Type: application/json\r\n", "{\"reason\":\"a\"}"), 400, "no_key", NULL,
     NULL},
    {"key of blanks",
     POST(G "/revert", TOKEN "Content-Type: application/json\r\nIdempotency-Key: a b\r\n", "{\"reason\":\"a\"}"),
     400, "bad_key", NULL, NULL},
    {"quoted key",
     POST(G "/revert", TOKEN "Content-Type: application/json\r\nIdempotency-Key: \"a-b\"\r\n",
          "{\"reason\":\"a\"}"),
     200, NULL, "\"key\":\"a-b\",\"do\":\"revert\"", "\"status\":200"},
    {"two keys", POST(G "/revert", ORDER "Idempotency-Key: b\r\n", "{\"reason\":\"a\"}"), 400,
     "bad_framing", NULL, NULL},
    {"change", PATCH(G, ORDER "If-Match: \"v3\"\r\n", "{\"extend\":\"10m\",\"mode\":\"advise\"}"), 200,
     NULL, "\"args\":{\"if_match\":\"\\\"v3\\\"\",\"duration_ms\":600000,\"mode\":\"advise\"}",
     "\"status\":200"},
    {"change unseen", PATCH(G, ORDER, "{\"note\":\"a\"}"), 428, "no_if_match", NULL, NULL},
    {"change of nothing known", PATCH(G, ORDER "If-Match: *\r\n", "{\"state\":\"passed\"}"), 422,
     "/state: is not known here", NULL, NULL},
    {"mark", POST(G "/mark", ORDER, "{\"verdict\":\"false_alarm\"}"), 200, NULL,
     "\"do\":\"mark\"", "\"status\":200"},
    {"log in from elsewhere", POST("/login", FORM "Origin: https://evil.example\r\n", "token=a"), 403,
     NULL, NULL, NULL},
    {"log in, field twice", POST("/login", FORM, "token=a&token=b"), 400, "twice", NULL, NULL},
    {"log in by JSON", POST("/login", "Content-Type: application/json\r\n", "{}"), 415, NULL, NULL,
     NULL},
    {"make a token",
     POST("/api/v1/tokens", ORDER,
          "{\"name\":\"ci\",\"role\":\"operator\",\"services\":[\"a-*\",\"b\"],\"for\":\"1h\"}"),
     201, "\"token\":\"hld_x\"",
     "\"args\":{\"name\":\"ci\",\"role\":\"operator\",\"services\":\"a-*,b\",\"duration_ms\":3600000}",
     "\"status\":201,\"body\":{\"token\":\"hld_x\"}"},
    {"make a token, bad globs",
     POST("/api/v1/tokens", ORDER, "{\"name\":\"ci\",\"role\":\"viewer\",\"services\":[\"a,b\"]}"), 422,
     "without commas", NULL, NULL},
    {"revoke a token",
     "DELETE /api/v1/tokens/ci HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" TOKEN "\r\n", 200, NULL,
     "\"do\":\"revoke_token\",\"token\":\"hld_secret\",\"service\":null,\"guard\":null,"
     "\"args\":{\"name\":\"ci\"}",
     "\"status\":200"},
};

/* What a newer libmicrohttpd (1.0) refuses before us, in its own words. */
static bool refused_before_us(const char *reply)
{
    return status_of(reply) == 400 && strstr(reply, "\r\n\r\n<html><head><title>");
}

static void test_routes(void **state)
{
    struct bench b;
    struct command c;
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = dial(&b);
        say_text(fd, rows[i].request);
        if (rows[i].command) {
            take_command(&b, &c);
            if (!strstr(c.text, rows[i].command))
                fail_msg("%s: the loop got %s", rows[i].name, c.text);
            give_answer(&b, c.id, rows[i].answer);
        }
        const char *reply = hear(fd);
        if (status_of(reply) != rows[i].status)
            fail_msg("%s: status %d, not %d: %s", rows[i].name, status_of(reply), rows[i].status,
                     reply);
        if (rows[i].want && !strstr(reply, rows[i].want) && !refused_before_us(reply))
            fail_msg("%s: no \"%s\" in %s", rows[i].name, rows[i].want, reply);
        struct pollfd p = {.fd = b.loop, .events = POLLIN};
        if (poll(&p, 1, 0) != 0)
            fail_msg("%s: the loop got a command it should not have", rows[i].name);
    }
    bench_close(&b);
}

/* A client that sends two requests under one doubtful frame must not get the second one through. */
static void test_smuggled(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    const char *reply = ask(&b, "POST " G "/acknowledge HTTP/1.1\r\nHost: h\r\n" ORDER
                                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                                "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(reply), 400);
    assert_null(strstr(reply + 1, "HTTP/1.1 "));
    bench_close(&b);
}

static void test_body_size(void **state)
{
    static const struct {
        const char *name;
        size_t bytes;
        int status;
    } row[] = {
        {"at the cap", HD_BODY_BYTES_MAX, 422}, /* read whole, and then the reason is too long */
        {"one past it", HD_BODY_BYTES_MAX + 1, 413},
        {"far past it", 3 * HD_BODY_BYTES_MAX, 413},
    };
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char head[500];
        char *body = malloc(row[i].bytes);
        assert_non_null(body);
        memset(body, 'a', row[i].bytes);
        memcpy(body, "{\"reason\":\"", 11);
        memcpy(body + row[i].bytes - 2, "\"}", 2);
        int n = snprintf(head, sizeof head,
                         "POST " G "/revert HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" ORDER
                         "Content-Length: %zu\r\n\r\n",
                         row[i].bytes);
        int fd = dial(&b);
        say(fd, head, (size_t)n);
        say(fd, body, row[i].bytes);
        free(body);
        const char *reply = hear(fd);
        if (status_of(reply) != row[i].status)
            fail_msg("%s: %s", row[i].name, reply);
    }
    bench_close(&b);
}

static void test_text_length(void **state)
{
    static const struct {
        const char *name;
        int bytes, status;
    } row[] = {{"at the cap", HD_TEXT_MAX, 200}, {"one past it", HD_TEXT_MAX + 1, 422}};
    struct bench b;
    struct command c;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char request[2000];
        int n = snprintf(request, sizeof request,
                         "POST " G "/cancel HTTP/1.1\r\nHost: h\r\nConnection: close"
                         "\r\n" ORDER "Content-Length: %d\r\n\r\n{\"reason\":\"%0*d\"}",
                         row[i].bytes + 13, row[i].bytes, 0);
        int fd = dial(&b);
        say(fd, request, (size_t)n);
        if (row[i].status == 200) {
            take_command(&b, &c);
            give_answer(&b, c.id, "\"status\":200");
        }
        const char *reply = hear(fd);
        if (status_of(reply) != row[i].status)
            fail_msg("%s: %s", row[i].name, reply);
    }
    bench_close(&b);
}

static const char acknowledge[] = POST(G "/acknowledge", ORDER, "{}");

static int order(const struct bench *b)
{
    int fd = dial(b);
    say_text(fd, acknowledge);
    return fd;
}

static void test_any_order(void **state)
{
    enum { N = 8 };
    struct bench b;
    struct command c;
    int fd[N];
    int64_t id[N];
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (int i = 0; i < N; i++) {
        fd[i] = order(&b);
        take_command(&b, &c);
        id[i] = c.id;
    }
    assert_int_equal(status_of(ask(&b, GET("/healthz"))), 200); /* nobody is held up */
    for (int i = N - 1; i >= 0; i--) {
        char rest[100], want[20];
        (void)snprintf(rest, sizeof rest, "\"status\":200,\"body\":{\"n\":%d}", i);
        (void)snprintf(want, sizeof want, "{\"n\":%d}", i);
        give_answer(&b, id[i], rest);
        give_answer(&b, id[i], rest); /* twice: the second is ignored */
        assert_non_null(strstr(hear(fd[i]), want));
    }
    bench_close(&b);
}

static void test_no_answer(void **state)
{
    struct bench b;
    struct command c;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 150, 0);
    int64_t from = clock_now().boot_ms;
    int fd = order(&b);
    take_command(&b, &c);
    const char *reply = hear(fd);
    int64_t took = clock_now().boot_ms - from;
    assert_int_equal(status_of(reply), 504);
    assert_non_null(strstr(reply, "\"code\":\"outcome_unknown\""));
    assert_non_null(strstr(reply, "/api/v1/guards show"));
    assert_in_range(took, 150, 1500);
    give_answer(&b, c.id, "\"status\":200"); /* too late */
    (void)send(b.loop, "no json", 7, MSG_NOSIGNAL);
    fd = order(&b);
    take_command(&b, &c);
    give_answer(&b, c.id, "\"status\":200");
    assert_int_equal(status_of(hear(fd)), 200);
    bench_close(&b);
}

static void test_too_many_orders(void **state)
{
    struct bench b;
    struct command c;
    int fd[HD_COMMANDS_MAX];
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (int i = 0; i < HD_COMMANDS_MAX; i++) {
        fd[i] = order(&b);
        take_command(&b, &c);
    }
    const char *reply = hear(order(&b));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "Retry-After: 1\r\n"));
    assert_non_null(strstr(reply, "\"retryable\":true"));
    give_answer(&b, c.id, "\"status\":200");
    assert_int_equal(status_of(hear(fd[HD_COMMANDS_MAX - 1])), 200);
    fd[HD_COMMANDS_MAX - 1] = order(&b);
    take_command(&b, &c); /* one has room again */
    /* Stopping answers all that wait, and does not abort. */
    b.http = http_stop(b.http);
    for (int i = 0; i < HD_COMMANDS_MAX; i++) {
        reply = hear(fd[i]);
        if (status_of(reply) != 503 || !strstr(reply, "outcome_unknown"))
            fail_msg("order %d when stopping: %s", i, reply);
    }
    bench_close(&b);
}

static void test_loop_ends(void **state)
{
    struct bench b;
    struct command c;
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    int fd = order(&b);
    take_command(&b, &c);
    (void)close(b.loop);
    b.loop = -1;
    const char *reply = hear(fd);
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "outcome of this order is unknown"));
    reply = hear(order(&b));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "nothing was done"));
    assert_int_equal(status_of(ask(&b, GET("/readyz"))), 503);
    assert_int_equal(status_of(ask(&b, GET("/healthz"))), 503);
    assert_non_null(strstr(ask(&b, GET("/")), "haldane itself needs you"));
    bench_close(&b);
}

/* A client that left does not take the face with it (no SIGPIPE, no dangling wait). */
static void test_client_leaves(void **state)
{
    struct bench b;
    struct command c;
    (void)state;
    bench_open(&b, SAMPLE_USUAL, 0, 0);
    for (int i = 0; i < 20; i++) {
        int fd = order(&b);
        struct linger now = {.l_onoff = 1};
        take_command(&b, &c);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
        (void)close(fd); /* with a reset */
        give_answer(&b, c.id, "\"status\":200");
    }
    for (int i = 0; i < 20; i++) {
        int fd = dial(&b);
        say(fd, GET("/g/" SAMPLE_REVERTED), sizeof GET("/g/" SAMPLE_REVERTED) - 1);
        (void)close(fd);
    }
    assert_int_equal(status_of(ask(&b, GET("/healthz"))), 200);
    bench_close(&b);
}

/* Drips bytes until the face hangs up; how long that took. */
static int64_t drip(const struct bench *b, const char *first)
{
    int fd = dial(b);
    int64_t from = clock_now().boot_ms;
    say(fd, first, strlen(first));
    while (clock_now().boot_ms - from < 4000) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 40) == 1)
            break;
        say(fd, "a", 1);
    }
    (void)close(fd);
    return clock_now().boot_ms - from;
}

static void test_slow_clients(void **state)
{
    static const struct {
        const char *name, *first;
    } row[] = {
        {"slow headers", "GET / HTTP/1.1\r\nHost: h\r\nX: "},
        {"slow body",
         "POST " G "/cancel HTTP/1.1\r\nHost: h\r\n" ORDER "Content-Length: 1000\r\n\r\n{"},
        {"slow second request", "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"},
    };
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 300);
    for (size_t i = 0; i < 2; i++) {
        int64_t took = drip(&b, row[i].first);
        if (took < 200 || took > 2000)
            fail_msg("%s: cut off after %lld ms", row[i].name, (long long)took);
    }
    /* The answer comes, then the dripping of the next request is cut off. */
    int fd = dial(&b);
    say(fd, row[2].first, strlen(row[2].first));
    int64_t from = clock_now().boot_ms;
    say(fd, "GET / HT", 8);
    assert_int_equal(status_of(hear(fd)), 200);
    assert_in_range(clock_now().boot_ms - from, 200, 2000);
    /* Waiting for the loop is not being slow. */
    struct command c;
    fd = order(&b);
    take_command(&b, &c);
    (void)poll(NULL, 0, 500);
    give_answer(&b, c.id, "\"status\":200");
    assert_int_equal(status_of(hear(fd)), 200);
    bench_close(&b);
}

/* More connections than slots: the ones in excess wait in the kernel, and get their turn. */
static void test_many_connections(void **state)
{
    enum { N = HD_HTTP_CONNECTIONS_MAX + 44 };
    struct bench b;
    int fd[N];
    (void)state;
    many_descriptors();
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (int i = 0; i < N; i++) {
        fd[i] = dial(&b);
        say_text(fd[i], "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    char text[2000];
    for (int i = 0; i < HD_HTTP_CONNECTIONS_MAX; i++)
        assert_true(recv(fd[i], text, sizeof text, 0) > 0);
    struct pollfd p = {.fd = fd[N - 1], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 50), 0);
    for (int i = 0; i < HD_HTTP_CONNECTIONS_MAX; i++)
        (void)close(fd[i]);
    for (int i = HD_HTTP_CONNECTIONS_MAX; i < N; i++) {
        if (recv(fd[i], text, sizeof text, 0) <= 0)
            fail_msg("connection %d never got its turn", i);
        (void)close(fd[i]);
    }
    bench_close(&b);
}

static void test_big_headers(void **state)
{
    enum { BYTES = HD_HTTP_HEAD_MAX + 1000 };
    static char request[BYTES + 100];
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    int n =
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nX: %0*d\r\n\r\n", BYTES, 0);
    int fd = dial(&b);
    say(fd, request, (size_t)n);
    assert_int_equal(status_of(hear(fd)), 431);
    bench_close(&b);
}

/* The page must say that the history cannot be read, and recover by itself once it can. */
static void test_store_comes_late(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, -1, 0, 0);
    const char *reply = ask(&b, GET("/"));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "The history cannot be read: "));
    assert_non_null(strstr(reply, "Content-Type: text/html"));
    reply = ask(&b, GET("/api/v1/guards"));
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "\"code\":\"no_store\""));
    assert_int_equal(status_of(ask(&b, GET("/readyz"))), 503);
    assert_int_equal(status_of(ask(&b, GET("/healthz"))), 200);
    sample_fill(b.path, SAMPLE_USUAL, clock_now().wall_ms);
    assert_int_equal(status_of(ask(&b, GET("/readyz"))), 200);
    assert_int_equal(status_of(ask(&b, GET("/"))), 200);
    bench_close(&b);
}

static void test_health(void **state)
{
    static const struct {
        const char *name, *path;
        double tick_age_s, ready; /* age < 0: never ticked */
        int status;
    } row[] = {
        {"fresh", "/healthz", 1, 1, 200},     {"stuck", "/healthz", 6, 1, 503},
        {"starting", "/healthz", -1, 1, 503}, {"ready", "/readyz", 1, 1, 200},
        {"draining", "/readyz", 1, 0, 503},   {"ready though stuck", "/readyz", 60, 1, 200},
    };
    struct bench b;
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char request[200];
        double now = (double)clock_now().wall_ms / 1000;
        metric_set(metric_get("haldane_last_tick_timestamp_seconds", METRIC_GAUGE, "", ""),
                   row[i].tick_age_s < 0 ? 0 : now - row[i].tick_age_s);
        metric_set(metric_get("haldane_ready", METRIC_GAUGE, "", ""), row[i].ready);
        (void)snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", row[i].path);
        const char *reply = ask(&b, request);
        if (status_of(reply) != row[i].status)
            fail_msg("%s: %s", row[i].name, reply);
    }
    bench_close(&b);
}

static void test_style_tag(void **state)
{
    struct bench b;
    char request[300], tag[40];
    (void)state;
    bench_open(&b, SAMPLE_EMPTY, 0, 0);
    const char *reply = ask(&b, GET("/assets/style.css")), *at = strstr(reply, "ETag: \"");
    assert_non_null(at);
    (void)snprintf(tag, sizeof tag, "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
    (void)snprintf(request, sizeof request,
                   "GET /assets/style.css HTTP/1.1\r\nHost: h\r\nConnection: "
                   "close\r\nIf-None-Match: %s\r\n\r\n",
                   tag);
    assert_int_equal(status_of(ask(&b, request)), 304);
    bench_close(&b);
}

static void test_start(void **state)
{
    static const struct {
        const char *name, *listen;
        enum hd_code want;
    } row[] = {
        {"no port", "127.0.0.1", HD_INVALID},
        {"a name", "localhost:0", HD_INVALID},
        {"port too large", "127.0.0.1:65536", HD_INVALID},
        {"no address", ":80", HD_INVALID},
        {"not ours", "192.0.2.1:0", HD_IO},
        {"IPv6 without brackets", "::1:80", HD_INVALID},
        {"empty", "", HD_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int pair[2];
        struct http *h = NULL;
        struct hd_error err;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        const struct http_options o = {
            .listen = row[i].listen, .store_path = "/nowhere", .commands = pair[0]};
        if (http_start(&o, &h, &err) != row[i].want || h)
            fail_msg("%s: %s", row[i].name, err.text);
        (void)close(pair[1]);
        assert_int_equal(close(pair[0]), -1); /* it was taken all the same */
    }
    assert_null(http_stop(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),           cmocka_unit_test(test_smuggled),
        cmocka_unit_test(test_body_size),        cmocka_unit_test(test_text_length),
        cmocka_unit_test(test_any_order),        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_too_many_orders),  cmocka_unit_test(test_loop_ends),
        cmocka_unit_test(test_client_leaves),    cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_many_connections), cmocka_unit_test(test_big_headers),
        cmocka_unit_test(test_store_comes_late), cmocka_unit_test(test_health),
        cmocka_unit_test(test_style_tag),        cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
