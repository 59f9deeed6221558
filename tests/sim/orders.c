/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders of humans and of CI to the daemon, as its HTTP face would hand them on. Many are answered
 * later, when the router has been read. What was answered well must be on the disk (I7), and every
 * order is answered while the daemon lives.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define ANSWER_MS 30000 /* readings time out after 2 s and are tried again every few */

/* An order nobody has answered yet. */
struct asked {
    struct asked *next;
    uint64_t id;
    int64_t t;
    const char *what;
    char durable[300]; /* what must be true on the disk; %s: the guard that the answer names */
};

static bool answer_location(const char *packet, char ret[27])
{
    static const char key[] = "\"location\":\"/api/v1/guards/";
    const char *at = strstr(packet, key);
    if (at)
        (void)snprintf(ret, 27, "%s", at + sizeof key - 1);
    return at != NULL;
}

static void judge(struct sim *sim, const struct asked *a, const char *packet)
{
    const char *status = strstr(packet, "\"status\":");
    int code = status && !faultvfs_down(sim->disk) ? atoi(status + 9) : 0;
    char guard[27] = "", sql[sizeof a->durable + sizeof guard];
    say(sim, "human", "is answered: %s %d", a->what, code);
    if (code / 100 != 2 || !*a->durable)
        return;
    const char *hole = strstr(a->durable, "%s");
    if (hole && !answer_location(packet, guard))
        violation(sim, "I7", "'%s' was answered well, and the answer names no guard", a->what);
    (void)snprintf(sql, sizeof sql, "%.*s%s%s", (int)(hole ? hole - a->durable : (long)strlen(a->durable)),
                   a->durable, guard, hole ? hole + 2 : "");
    audit_order(sim, sql, a->what);
}

static void answered(struct sim *sim, const char *packet)
{
    const char *id = strstr(packet, "\"id\":");
    uint64_t number = id ? strtoull(id + 5, NULL, 10) : 0;
    for (struct asked **at = &sim->asked; *at; at = &(*at)->next) {
        struct asked *a = *at;
        if (a->id != number)
            continue;
        *at = a->next;
        judge(sim, a, packet);
        free(a);
        return;
    }
    violation(sim, "I7", "an order that nobody gave was answered: %.100s", packet);
}

void orders_answer(void *ctx, struct hd_span packet)
{
    char *text = strndup(packet.at, packet.len);
    answered(ctx, text);
    free(text);
}

void orders_forget(struct sim *sim)
{
    while (sim->asked) {
        struct asked *a = sim->asked;
        sim->asked = a->next;
        free(a);
    }
}

void orders_look(struct sim *sim)
{
    for (const struct asked *a = sim->asked; a; a = a->next) {
        if (sim->t - a->t > ANSWER_MS)
            violation(sim, "I8", "'%s' is not answered after %lld ms", a->what, (long long)(sim->t - a->t));
    }
}

void orders_give(struct sim *sim, const char *what, const char *scope, const char *args, const char *durable)
{
    BUF_AUTO answer = BUF_INIT(PIPELINE_PACKET_MAX);
    BUF_AUTO packet = BUF_INIT(2000);
    if (!sim->alive)
        return;
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    *a = (struct asked){.next = sim->asked, .id = ++sim->n_orders, .t = sim->t, .what = what};
    (void)snprintf(a->durable, sizeof a->durable, "%s", durable);
    sim->asked = a;
    buf_print(&packet, "{\"id\":%" PRIu64 ",\"do\":\"%s\",\"token\":\"" TOKEN "\"%s%s,\"args\":{%s}}", a->id, what,
              *scope ? "," : "", scope, args);
    say(sim, "human", "orders %s", buf_at(&packet));
    pipeline_command(sim->pipeline, daemon_now(sim), buf_span(&packet), &answer);
    if (answer.len)
        answered(sim, buf_at(&answer));
    daemon_after(sim);
}

/* --- which --- */

static void of_service(const struct app *s, char ret[100])
{
    (void)snprintf(ret, 100, "\"service\":\"%s\"", s->name);
}

static void of_guard(struct sim *sim, const struct app *s, char ret[100])
{
    char guard[27];
    audit_newest_guard(sim, s, rng_chance(&sim->script_rng, 0.8), guard);
    *ret = '\0';
    if (*guard)
        (void)snprintf(ret, 100, "\"guard\":\"%s\"", guard);
}

static const char *any_colour(struct sim *sim)
{
    return rng_chance(&sim->script_rng, 0.5) ? "green" : "blue";
}

static void revert(struct sim *sim, struct app *s)
{
    char scope[100], args[200];
    of_service(s, scope);
    if (rng_chance(&sim->script_rng, 0.3))
        of_guard(sim, s, scope);
    int n = snprintf(args, sizeof args, "\"reason\":\"it smells\"");
    if (rng_chance(&sim->script_rng, 0.3))
        (void)snprintf(args + n, sizeof args - (size_t)n, ",\"to\":\"%s\"", any_colour(sim));
    orders_give(sim, "revert", *scope ? scope : "\"guard\":\"none\"", args,
                "SELECT count(*) FROM guard WHERE id='%s' AND decided_ms >= 0");
}

void orders_guard(struct sim *sim, struct app *s, const char *to, int version)
{
    char scope[100], args[200];
    int n = snprintf(args, sizeof args, "\"actor\":\"ci\"");
    if (version)
        n += snprintf(args + n, sizeof args - (size_t)n, ",\"version\":\"v%d\"", version);
    if (to)
        (void)snprintf(args + n, sizeof args - (size_t)n, ",\"to\":\"%s\"", to);
    of_service(s, scope);
    orders_give(sim, "guard", scope, args, "SELECT count(*) FROM guard WHERE id='%s'");
}

static void hold(struct sim *sim, const char *scope)
{
    char args[200], durable[200];
    (void)snprintf(args, sizeof args, "\"reason\":\"fair\",\"duration_ms\":%lld,\"actor\":\"ann\"",
                   (long long)rng_between(&sim->script_rng, 20000, 400000));
    (void)snprintf(durable, sizeof durable, "SELECT count(*) FROM hold WHERE from_ms=%lld",
                   (long long)daemon_now(sim).wall_ms);
    orders_give(sim, "hold", scope, args, durable);
}

static void release(struct sim *sim, const char *scope)
{
    char durable[200];
    (void)snprintf(durable, sizeof durable, "SELECT count(*) FROM hold WHERE released_ms=%lld",
                   (long long)daemon_now(sim).wall_ms);
    orders_give(sim, "release", scope, "", durable);
}

static void rearm(struct sim *sim, struct app *s, const char *scope)
{
    char durable[200];
    (void)snprintf(durable, sizeof durable,
                   "SELECT count(*) = 0 FROM rejection WHERE service='%s' AND rejected=1", s->name);
    orders_give(sim, "rearm", scope, "", durable);
    s->router.rearm_t = sim->t;
}

void orders_any(struct sim *sim, struct app *s)
{
    struct rng *r = &sim->script_rng;
    char service[100], guard[100];
    of_service(s, service);
    of_guard(sim, s, guard);
    const char *fleet = rng_chance(r, 0.8) ? service : "";
    switch (rng_below(r, 8)) {
    case 0:
        revert(sim, s);
        break;
    case 1:
        hold(sim, fleet);
        break;
    case 2:
        release(sim, fleet);
        break;
    case 3:
        if (*guard)
            orders_give(sim, "cancel", guard, "", "SELECT state = 15 FROM guard WHERE id='%s'");
        break;
    case 4:
        orders_guard(sim, s, rng_chance(r, 0.5) ? any_colour(sim) : NULL, (int)rng_below(r, 4));
        break;
    case 5:
        rearm(sim, s, service);
        break;
    case 6:
        if (*guard)
            orders_give(sim, "acknowledge", guard, "", "SELECT needs_human = 0 FROM guard WHERE id='%s'");
        break;
    default:
        sim->no_hook = rng_chance(r, 0.5);
        sim->drop_last = rng_chance(r, 0.3);
        orders_give(sim, "reload", "", "", "");
        break;
    }
}
