/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CI system is told about the end of a guard.
 */
#include "capture.h"

#include "cli/cli.h"
#include "cli/report.h"

#define AT 1700000000000 /* 2023-11-14T22:13:20Z */
#define HEAD "\"service\":\"shop\",\"started_at\":\"2023-11-14T22:13:00Z\",\"stable\":{\"colour\":\"blue\"},"
#define CHECK(name, band, more)                                                                    \
    "{\"name\":\"" name "\",\"band\":\"" band "\",\"value\":0.048,\"unit\":\"share\",\"limit\":\"<= 1%\",\"n\":4120" more "}"

static const struct row {
    const char *name, *json, *why;
    int status;
    const char *github, *junit;
} rows[] = {
    {"passed", "{" HEAD "\"state\":\"passed\",\"headline\":\"green stays\",\"checks\":[" CHECK("5xx", "pass", "") "]}",
     NULL, CLI_OK, "::notice title=haldane shop passed::green stays\n",
     "tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"20.000\" timestamp=\"2023-11-14T22:13:20.000Z\">\n"
     "    <testcase classname=\"shop\" name=\"guard\"/>\n    <testcase classname=\"shop\" name=\"5xx\"/>\n"},
    {"reverted", "{" HEAD "\"state\":\"reverted\",\"headline\":\"5xx 4.8% > 1%\",\"url\":\"http://h/g/1\",\"checks\":["
     CHECK("5xx", "fail", ",\"tripped\":true") "," CHECK("slow", "warn", "") "]}", NULL, CLI_REVERTED,
     "::error title=haldane shop reverted::5xx 4.8%25 > 1%25 http://h/g/1\n"
     "::error title=5xx::4.8%25 (<= 1%25) n=4,120\n",
     "tests=\"3\" failures=\"2\" errors=\"0\" skipped=\"0\" time=\"20.000\" timestamp=\"2023-11-14T22:13:20.000Z\">\n"
     "    <testcase classname=\"shop\" name=\"guard\"><failure message=\"5xx 4.8% &gt; 1% http://h/g/1\"/></testcase>\n"
     "    <testcase classname=\"shop\" name=\"5xx\"><failure message=\"4.8% (&lt;= 1%) n=4,120\"/></testcase>\n"
     "    <testcase classname=\"shop\" name=\"slow\"/>\n"},
    {"advisory and blind fail nothing", "{" HEAD "\"state\":\"inconclusive\",\"headline\":\"not enough\",\"checks\":["
     CHECK("a,b:c", "fail", ",\"advisory\":true") "," CHECK("slow", "none", ",\"blind\":true") "]}", NULL,
     CLI_INCONCLUSIVE,
     "::warning title=haldane shop inconclusive::not enough\n"
     "::warning title=a%2Cb%3Ac::advisory: 4.8%25 (<= 1%25) n=4,120\n"
     "::warning title=slow::blind: 4.8%25 (<= 1%25) n=4,120\n", "failures=\"0\" errors=\"0\" skipped=\"3\""},
    {"broken before the switch fails nothing", "{" HEAD "\"state\":\"inconclusive\",\"headline\":\"over\",\"checks\":["
     CHECK("5xx", "fail", ",\"earlier\":true") "]}", NULL, CLI_INCONCLUSIVE,
     "::warning title=haldane shop inconclusive::over\n"
     "::warning title=5xx::does not count, bad before the switch too: 4.8%25 (<= 1%25) n=4,120\n",
     "failures=\"0\" errors=\"0\" skipped=\"2\""},
    {"foreign text", "{" HEAD "\"state\":\"passed\",\"headline\":\"<a b='1'>\\\"&\\n::error::x\"}", NULL, CLI_ADVISED,
     NULL, "message=\"&lt;a b='1'&gt;&quot;&amp;"},
    {"never answered", "{\"service\":\"shop\",\"state\":\"not known\"}", "nobody listens", CLI_UNREACHABLE,
     "::error title=haldane shop not known::nobody listens\n",
     "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\""},
};

static void reports(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        JSON_AUTO j = NULL;
        struct hd_error err;
        struct face_guard g;
        BUF_AUTO github = BUF_INIT(1u << 16);
        BUF_AUTO junit = BUF_INIT(1u << 16);
        if (json_parse((struct hd_span){r->json, strlen(r->json)}, &j, &err))
            fail_msg("%s: %s", r->name, err.text);
        face_guard(j, &g);
        report_github(&g, r->status, r->why, &github);
        BUF_AUTO suites = BUF_INIT(1u << 16);
        report_junit(&g, r->status, r->why, AT, &suites);
        report_junit_file(&suites, &junit);
        if (r->github && strcmp(buf_at(&github), r->github) != 0)
            fail_msg("%s: %s", r->name, buf_at(&github));
        if (!strstr(buf_at(&junit), r->junit))
            fail_msg("%s: %s", r->name, buf_at(&junit));
        /* one command per line, whatever the daemon says */
        for (const char *line = buf_at(&github); *line; line = strchr(line, '\n') + 1)
            assert_true(strncmp(line, "::", 2) == 0 && strncmp(line, "::error::x", 10) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reports)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
