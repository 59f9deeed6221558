/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane show`: everything about one guard: now, done, why; its checks; its timeline.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/progress.h"
#include "cli/table.h"

static void row(struct table *t, const char *key, const char *text)
{
    if (text && *text)
        table_row(t, key, text);
}

/* "43 % of what a revert needs; sufficed 03:04:10Z"; NULL: no sequential rule. */
static const char *weigh_line(struct hd_arena *a, const struct json *weigh)
{
    double meter = face_number(weigh, "meter");
    int64_t sufficed = face_time(weigh, "sufficed_at"), healthy = face_time(weigh, "healthy_at");
    if (!(meter >= 0))
        return NULL;
    return arena_print(a, "%.0f %% of what a revert needs%s%s%s", 100 * meter,
                       sufficed >= 0 ? "; sufficed " : healthy >= 0 ? "; proven healthy " : "",
                       sufficed >= 0 ? table_time(a, sufficed)
                       : healthy >= 0 ? table_time(a, healthy) : "",
                       face_bool(weigh, "cannot_tell") ? "; cannot tell it from a shared outage" : "");
}

static void print_facts(struct hd_arena *a, const struct json *j, const struct face_guard *g)
{
    struct table t = {.arena = a, .columns = 2};
    const struct json *change = json_get(j, "change"), *mark = json_get(j, "mark");
    row(&t, "  mode", g->mode);
    row(&t, "  verdict",
        arena_print(a, "%s, score %s", g->verdict ? g->verdict : "none",
                    g->score >= 0 ? arena_print(a, "%.4g", g->score) : "none yet"));
    row(&t, "  release?", g->cause);
    row(&t, "  evidence", weigh_line(a, json_get(j, "weigh")));
    row(&t, "  switch", table_time(a, g->switch_ms));
    row(&t, "  started", table_time(a, g->started_ms));
    row(&t, "  until", g->live && g->decided_ms < 0 ? table_time(a, g->until_ms) : NULL);
    row(&t, "  decided", table_time(a, g->decided_ms));
    row(&t, "  sent", table_time(a, g->sent_ms));
    row(&t, "  verified", table_time(a, g->verified_ms));
    row(&t, "  recovered", table_time(a, g->recovered_ms));
    row(&t, "  ended", table_time(a, g->ended_ms));
    row(&t, "  version", face_text(change, "version"));
    row(&t, "  commit", face_text(change, "commit"));
    row(&t, "  change", face_text(change, "url"));
    row(&t, "  actor", face_text(change, "actor"));
    row(&t, "  marked", face_text(mark, "verdict"));
    row(&t, "  because", face_text(mark, "reason"));
    row(&t, "  rehearsal", g->rehearsal);
    row(&t, "  left alone", g->would_not);
    row(&t, "  by hand", g->needs_human ? NULL : g->native); /* else said above */
    table_print(&t, stdout);
}

static const char *polls_text(struct hd_arena *a, const struct face_check *c)
{
    if (c->sequential)
        return arena_print(a, "%lld weighed together", (long long)c->judged);
    const int64_t counted = c->judged - c->shared - c->warmup;
    BUF_AUTO b = BUF_INIT(200);
    buf_print(&b, "%lld of %lld over", (long long)c->broken, (long long)counted);
    if (c->shared)
        buf_print(&b, "; %lld on both sides, no count", (long long)c->shared);
    if (c->warmup)
        buf_print(&b, "; %lld in warm-up, not judged", (long long)c->warmup);
    return arena_text(a, buf_at(&b));
}

static const char *stable_text(struct hd_arena *a, const struct face_check *c)
{
    const char *value = table_value(a, c->stable, c->unit);
    return value && c->before ? arena_print(a, "%s before", value) : value;
}

static void print_checks(struct hd_arena *a, const struct face_guard *g)
{
    struct table t = {.arena = a, .columns = 7};
    const char *candidate = g->candidate.colour, *stable = g->stable.colour;
    table_row(&t, "  CHECK", "BAND", candidate ? candidate : "CANDIDATE",
              stable ? stable : "STABLE", "LIMIT", "N", "POLLS");
    for (const struct json *j = json_first(g->checks); j; j = json_next(j)) {
        struct face_check c;
        face_check(j, &c);
        const char *band = c.tripped ? "FAIL" : c.blind ? "blind" : c.band;
        if (c.sequential && str_is(band, "pass"))
            band = "weighed";
        const char *note = c.critical ? "critical" : c.advisory ? "advisory" : NULL;
        if (c.earlier && !c.advisory)
            note = "does not count: bad before the switch too";
        table_row(&t, arena_print(a, "  %s", c.name), band, table_value(a, c.value, c.unit),
                  stable_text(a, &c), c.limit, table_count(a, c.n),
                  arena_print(a, "%s%s%s", polls_text(a, &c), note ? ", " : "", note ? note : ""));
    }
    if (t.n > 1)
        (void)puts("");
    if (t.n > 1)
        table_print(&t, stdout);
}

static void print_timeline(struct hd_arena *a, const struct json *items)
{
    struct table t = {.arena = a, .columns = 3};
    for (const struct json *j = json_first(items); j; j = json_next(j)) {
        const char *headline = face_text(j, "headline"), *text = face_text(j, "text");
        bool more = text && *text && !str_is(text, headline);
        const char *time = table_time(a, face_time(j, "at"));
        table_row(
            &t, arena_print(a, "  %s", time ? time : "?"), face_text(j, "kind"),
            arena_print(a, "%s%s%s", headline ? headline : "", more ? ": " : "", more ? text : ""));
    }
    if (t.n)
        (void)puts("");
    table_print(&t, stdout);
}

/* The whole timeline, page by page; what has come is printed though the rest fails. */
static int show_timeline(struct client *c, const char *id)
{
    ARENA_AUTO a = arena_new();
    const char *query = NULL;
    do {
        ANSWER_AUTO page = {0};
        const char *path = arena_print(a, "/guards/%s/timeline", id);
        int status = client_ask(c, path, query, NULL, &page);
        if (status)
            return status;
        print_timeline(a, json_get(page.body, "items"));
        const char *next = face_text(page.body, "next");
        query = next ? arena_print(a, "cursor=%s", client_encode(a, next)) : NULL;
    } while (query);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    CLIENT_AUTO client = NULL;
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO guard = {0};
    BUF_AUTO head = BUF_INIT(1u << 16);
    struct face_guard g;
    char id[27];
    int status = client_open(args, CLIENT_READS, &client);
    if (!status)
        status = client_guard_id(client, cli_word(args, 0), id);
    if (!status)
        status = client_ask(client, arena_print(a, "/guards/%s", id), NULL, NULL, &guard);
    if (status)
        return status;
    if (cli_json(args)) {
        (void)puts(buf_at(&guard.raw));
        return CLI_OK;
    }
    face_guard(guard.body, &g);
    progress_result(&g, &head);
    (void)fputs(buf_at(&head), stdout);
    print_facts(a, guard.body, &g);
    print_checks(a, &g);
    return show_timeline(client, id);
}

static const struct cli_option options[] = {CLI_OUTPUT_OPTION, CLI_CLIENT_OPTIONS, {0}};

const struct cli_command cli_show = {
    .name = "show",
    .synopsis = "ID|SERVICE [-o json]",
    .help = "show one guard: what happened, why, its checks and timeline",
    .notes = "A service stands for its newest guard. Times are UTC.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
