/* SPDX-License-Identifier: Apache-2.0
 *
 * See report.h. One test case for the guard, one for each check. Called by wait.c.
 */
#include "cli/report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/table.h"

enum mark { PASSED, SKIPPED, FAILED, ERRORED };

static enum mark mark_of_guard(int status)
{
    switch (status) {
    case CLI_OK: return PASSED;
    case CLI_INCONCLUSIVE:
    case CLI_SUPERSEDED: return SKIPPED;
    case CLI_REVERTED:
    case CLI_NOT_VERIFIED:
    case CLI_ADVISED: return FAILED;
    default: return ERRORED;
    }
}

/* A check that cannot fail the guard fails no test either. */
static enum mark mark_of_check(const struct face_check *c)
{
    bool bad = c->tripped || str_is(c->band, "fail");
    if (bad)
        return c->advisory || c->earlier ? SKIPPED : FAILED;
    return c->blind || !(str_is(c->band, "pass") || str_is(c->band, "warn")) ? SKIPPED : PASSED;
}

static const char *check_text(struct hd_arena *a, const struct face_guard *g,
                              const struct face_check *c)
{
    const char *said = table_clean(a, face_check_line(a, c, g->stable.colour));
    if (c->advisory)
        return arena_print(a, "advisory: %s", said);
    if (c->earlier)
        return arena_print(a, "does not count, bad before the switch too: %s", said);
    return c->blind ? arena_print(a, "blind: %s", said) : said;
}

static const char *guard_text(struct hd_arena *a, const struct face_guard *g, const char *why)
{
    if (!why && g->because)
        return table_clean(a, arena_print(a, "%s: %s", g->headline, g->because));
    return table_clean(a, why ? why : g->headline);
}

/* --- GitHub Actions --- */

static void put_command(struct buf *b, const char *text, bool property)
{
    for (; *text; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n' ||
            (property && (*text == ':' || *text == ',')))
            buf_print(b, "%%%02X", (unsigned)*text);
        else
            buf_byte(b, *text);
    }
}

static void github_line(struct buf *b, enum mark mark, const char *title, const char *text)
{
    static const char *const command[] = {"notice", "warning", "error", "error"};
    buf_print(b, "::%s title=", command[mark]);
    put_command(b, title, true);
    buf_text(b, "::");
    put_command(b, text, false);
    buf_byte(b, '\n');
}

void report_github(const struct face_guard *g, int status, const char *why, struct buf *b)
{
    ARENA_AUTO a = arena_new();
    const char *url = g->url ? table_clean(a, g->url) : "";
    github_line(b, mark_of_guard(status),
                arena_print(a, "haldane %s %s", table_clean(a, g->service), table_clean(a, g->state)),
                arena_print(a, "%s%s%s", guard_text(a, g, why), *url ? " " : "", url));
    for (const struct json *j = json_first(g->checks); j; j = json_next(j)) {
        struct face_check c;
        face_check(j, &c);
        enum mark mark = mark_of_check(&c);
        if (mark != PASSED)
            github_line(b, mark, table_clean(a, c.name), check_text(a, g, &c));
    }
}

/* --- JUnit --- */

static void put_xml(struct buf *b, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': buf_text(b, "&amp;"); break;
        case '<': buf_text(b, "&lt;"); break;
        case '>': buf_text(b, "&gt;"); break;
        case '"': buf_text(b, "&quot;"); break;
        default: buf_byte(b, *text);
        }
    }
}

static void put_attribute(struct buf *b, const char *key, const char *value)
{
    buf_print(b, " %s=\"", key);
    put_xml(b, value);
    buf_byte(b, '"');
}

static void junit_case(struct buf *b, const struct face_guard *g, enum mark mark, const char *name,
                       const char *text)
{
    static const char *const element[] = {"", "skipped", "failure", "error"};
    buf_text(b, "    <testcase");
    put_attribute(b, "classname", g->service);
    put_attribute(b, "name", name);
    if (mark == PASSED) {
        buf_text(b, "/>\n");
        return;
    }
    buf_print(b, "><%s", element[mark]);
    put_attribute(b, "message", text);
    buf_text(b, "/></testcase>\n");
}

void report_junit(const struct face_guard *g, int status, const char *why, int64_t wall_ms,
                  struct buf *b)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO cases = BUF_INIT(1u << 20);
    struct face_guard clean = *g;
    unsigned count[ERRORED + 1] = {0};
    char at[STR_TIME_MAX];
    int64_t end_ms = g->ended_ms >= 0 ? g->ended_ms : wall_ms;
    clean.service = table_clean(a, g->service);
    count[mark_of_guard(status)]++;
    junit_case(&cases, &clean, mark_of_guard(status), "guard",
               arena_print(a, "%s%s%s", guard_text(a, g, why), g->url ? " " : "",
                           g->url ? table_clean(a, g->url) : ""));
    for (const struct json *j = json_first(g->checks); j; j = json_next(j)) {
        struct face_check c;
        face_check(j, &c);
        count[mark_of_check(&c)]++;
        junit_case(&cases, &clean, mark_of_check(&c), table_clean(a, c.name), check_text(a, g, &c));
    }
    buf_text(b, "  <testsuite");
    put_attribute(b, "name", arena_print(a, "haldane %s", clean.service));
    buf_print(b, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"",
              count[PASSED] + count[SKIPPED] + count[FAILED] + count[ERRORED], count[FAILED],
              count[ERRORED], count[SKIPPED],
              g->started_ms >= 0 ? (double)(end_ms - g->started_ms) / 1000 : 0.0);
    put_attribute(b, "timestamp", str_time(end_ms, at));
    buf_print(b, ">\n%s  </testsuite>\n", buf_at(&cases));
}

void report_junit_file(const struct buf *suites, struct buf *b)
{
    buf_print(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n%s</testsuites>\n", buf_at(suites));
}

bool report_save(const char *path, const struct buf *b)
{
    ARENA_AUTO a = arena_new();
    const char *aside = arena_print(a, "%s.new", path);
    FILE *f = fopen(aside, "we");
    if (!f)
        return false;
    bool ok = fwrite(buf_at(b), 1, b->len, f) == b->len;
    ok = fclose(f) == 0 && ok && rename(aside, path) == 0;
    if (!ok)
        (void)unlink(aside);
    return ok;
}
