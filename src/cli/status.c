/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane status`: where the traffic of each service is, which guards are live, what is held, and
 * whether anyone is needed.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/face.h"
#include "cli/table.h"

/* "blue 100% (3/3), green 0% (2/3)" */
static const char *split_text(struct hd_arena *a, const struct json *service)
{
    BUF_AUTO b = BUF_INIT(4096);
    const struct json *sides = json_get(json_get(service, "reading"), "sides");
    for (const struct json *s = json_first(sides); s; s = json_next(s)) {
        double ready = face_number(s, "ready"), wanted = face_number(s, "wanted");
        const char *colour = face_text(s, "colour"),
                   *share = table_value(a, face_number(s, "share"), "share");
        buf_print(&b, "%s%s %s", b.len ? ", " : "", colour ? colour : "?", share ? share : "?");
        if (ready >= 0 && wanted >= 0)
            buf_print(&b, " (%.0f/%.0f ready)", ready, wanted);
    }
    return b.len ? arena_text(a, buf_at(&b)) : "not read yet";
}

static const char *held_text(struct hd_arena *a, const struct json *hold)
{
    const char *until = table_time(a, face_time(hold, "until")),
               *reason = face_text(hold, "reason");
    return arena_print(a, "%sheld until %s: %s", face_text(hold, "service") ? "" : "fleet ",
                       until ? until : "?", reason ? reason : "");
}

/* A side that was rejected and has traffic all the same; NULL: it is none. */
static const char *rejected_text(struct hd_arena *a, const struct json *side)
{
    const struct json *r = json_get(side, "rejected");
    const char *at = table_time(a, face_time(r, "at")), *guard = face_text(r, "guard"), *why = face_text(r, "why");
    if (!at || !(face_number(side, "share") > 0))
        return NULL;
    return arena_print(a, "%s has traffic and was rejected by guard %s at %s: %s", face_text(side, "colour"),
                       guard ? guard : "?", at, why ? why : "");
}

/* The first (newest) guard of a service in the list, else NULL. */
static const struct json *guard_of(const struct json *guards, const char *service)
{
    for (const struct json *j = json_first(guards); j; j = json_next(j)) {
        if (str_is(face_text(j, "service"), service))
            return j;
    }
    return NULL;
}

/* What a live guard that needs nobody yet says of itself too mildly, and what would become of the next release
 * where there is none; NULL: nothing. */
static const char *doubt_text(struct hd_arena *a, const struct face_guard *g, const struct json *guard,
                              const struct json *service)
{
    char since[STR_TIME_MAX];
    const char *over = "", *not = face_would_not(a, g->live ? guard : service, clock_now().wall_ms);
    if (!g->live)
        return not ? arena_print(a, "haldane would NOT take back the next release if it failed now: %s", not) : NULL;
    if (g->needs_human || g->decided_ms >= 0)
        return NULL;
    if (g->bad_since_ms >= 0)
        over = arena_print(a, "over its limit since %s", str_moment(g->bad_since_ms, 0, since));
    if (!not)
        return *over ? over : NULL;
    return arena_print(a, "%s%shaldane will NOT take this back (%s): watch it yourself", over, *over ? "; " : "", not);
}

#define WEIGHED_MAX 16 /* guards that are asked for their evidence */

/* Of a guard whose evidence is weighed: "evidence 32% of what a revert needs: http-5xx-ratio 28% (...)". No check is
 * over a limit before it suffices, and it would look as healthy as any. NULL: it has none. */
static const char *weighed_text(struct hd_arena *a, struct client *client, size_t *asked, const struct json *guard)
{
    ANSWER_AUTO whole = {0};
    struct face_guard g;
    bool weighed = false;
    const struct json *reasons = json_get(guard, "reasons");
    for (const struct json *r = json_first(reasons); r; r = json_next(r))
        weighed |= str_begins(face_text(r, "slug") ? face_text(r, "slug") : "", "evidence_");
    face_guard(guard, &g);
    if (!weighed || ++*asked > WEIGHED_MAX ||
        client_call(client, arena_print(a, "/guards/%s", client_encode(a, g.id)), NULL, NULL, &whole))
        return NULL;
    face_guard(whole.body, &g);
    if (!g.live || !(g.meter > 0))
        return NULL;
    const char *least = g.meter < 0.01 ? "under 1%" : table_value(a, g.meter, "share");
    for (const struct json *j = json_first(g.checks); j; j = json_next(j)) {
        struct face_check c;
        face_check(j, &c);
        if (g.leading && str_is(c.name, g.leading))
            return arena_print(a, "evidence %s of what a revert needs: %s %s", least, c.name,
                               face_check_line(a, &c, g.stable.colour));
    }
    return arena_print(a, "evidence %s of what a revert needs", least);
}

/* Every guard of the service that needs somebody, but the one that is shown already. */
static void put_needing(struct table *t, const char *service, const struct json *needing, const char *shown)
{
    for (const struct json *j = json_first(needing); j; j = json_next(j)) {
        struct face_guard g;
        face_guard(j, &g);
        if (str_is(g.service, service) && !str_is(g.id, shown))
            table_row(t, " ", " ", " ", g.state, g.id, "ACT NOW", g.headline);
    }
}

/* The live guard, else the newest that ended and still needs somebody; below it the others that do. */
static void put_service(struct table *t, struct client *client, size_t *asked, const struct json *service,
                        const struct json *guards, const struct json *needing)
{
    struct hd_arena *a = t->arena;
    const char *name = face_text(service, "name");
    const struct json *live = guard_of(guards, name), *j = live ? live : guard_of(needing, name);
    struct face_guard g;
    face_guard(j, &g);
    BUF_AUTO state = BUF_INIT(1000);
    int64_t left_ms = g.until_ms - clock_now().wall_ms;
    buf_text(&state, g.state);
    if (live && g.decided_ms < 0 && left_ms > 0)
        buf_print(&state, ", %s left", table_duration(a, left_ms));
    table_row(t, name, face_text(service, "mode"), split_text(a, service), buf_at(&state), g.id,
              g.needs_human ? "ACT NOW" : NULL, g.headline);
    const char *doubt = doubt_text(a, &g, j, service);
    if (doubt)
        table_row(t, " ", " ", " ", " ", " ", " ", doubt);
    const char *weighed = live && !g.needs_human ? weighed_text(a, client, asked, j) : NULL;
    if (weighed)
        table_row(t, " ", " ", " ", " ", " ", " ", weighed);
    put_needing(t, name, needing, g.id);
    for (const struct json *h = json_first(json_get(service, "holds")); h; h = json_next(h))
        table_row(t, " ", " ", " ", " ", " ", " ", held_text(a, h));
    const struct json *sides = json_get(json_get(service, "reading"), "sides");
    for (const struct json *s = json_first(sides); s; s = json_next(s)) {
        const char *text = rejected_text(a, s);
        if (text)
            table_row(t, " ", " ", " ", " ", " ", " ", text);
    }
}

static void print_status(struct client *client, const struct json *services, const struct json *guards,
                         const struct json *needing)
{
    ARENA_AUTO a = arena_new();
    struct table t = {.arena = a, .columns = 7, .prose = true};
    size_t asked = 0;
    table_row(&t, "SERVICE", "MODE", "TRAFFIC", "GUARD", "ID", "HUMAN", "HEADLINE");
    for (const struct json *s = json_first(services); s; s = json_next(s))
        put_service(&t, client, &asked, s, guards, needing);
    table_print(&t, stdout);
}

static int run(const struct cli_args *args)
{
    CLIENT_AUTO client = NULL;
    ARENA_AUTO a = arena_new();
    ANSWER_AUTO services = {0};
    ANSWER_AUTO guards = {0};
    ANSWER_AUTO needing = {0};
    const char *one = cli_word(args, 0) ? client_encode(a, cli_word(args, 0)) : NULL;
    const char *path = one ? arena_print(a, "/services/%s", one) : "/services";
    const char *scope = one ? arena_print(a, "service=%s", one) : "limit=200";
    int status = client_open(args, CLIENT_READS, &client);
    if (!status)
        status = client_ask_service(client, cli_word(args, 0), path, NULL, &services);
    if (!status)
        status = client_ask(client, "/guards", arena_print(a, "state=live&%s", scope), NULL, &guards);
    if (!status) /* an ended guard may still need somebody */
        status = client_ask(client, "/guards", arena_print(a, "needs_human=true&%s", scope), NULL, &needing);
    if (status)
        return status;
    if (cli_json(args) && one) { /* the same shape as for all */
        (void)printf("{\"services\":{\"items\":[%s],\"next\":null},\"guards\":%s,\"needing\":%s}\n",
                     buf_at(&services.raw), buf_at(&guards.raw), buf_at(&needing.raw));
    } else if (cli_json(args)) {
        (void)printf("{\"services\":%s,\"guards\":%s,\"needing\":%s}\n", buf_at(&services.raw),
                     buf_at(&guards.raw), buf_at(&needing.raw));
    } else if (one) {
        BUF_AUTO wrapped = BUF_INIT(HD_ANSWER_BYTES_MAX);
        JSON_AUTO list = NULL;
        struct hd_error err;
        buf_print(&wrapped, "[%s]", buf_at(&services.raw));
        if (json_parse(buf_span(&wrapped), &list, &err))
            return cli_fail(CLI_UNREACHABLE, "%s", err.text);
        print_status(client, list, json_get(guards.body, "items"), json_get(needing.body, "items"));
    } else {
        print_status(client, json_get(services.body, "items"), json_get(guards.body, "items"),
                     json_get(needing.body, "items"));
    }
    return CLI_OK;
}

static const struct cli_option options[] = {CLI_OUTPUT_OPTION, CLI_CLIENT_OPTIONS, {0}};

const struct cli_command cli_status = {
    .name = "status",
    .synopsis = "[SERVICE] [-o json]",
    .help = "where the traffic is, what is guarded, and whether anyone is needed",
    .options = options,
    .most = 1,
    .run = run,
};
