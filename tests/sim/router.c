/* SPDX-License-Identifier: Apache-2.0
 *
 * One HAProxy process of a service: its runtime socket as far as our codec and a human use it, and
 * what a reload forgets. Remembers every split there was and who made it, for the audit.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const char *const who_word[] = {"nobody", "human", "haldane", "reload"};

void router_value(const struct split *v, struct buf *to)
{
    for (int i = 0; i < N_MEMBERS; i++)
        buf_print(to, "%s%s%d=%u%s", i ? " " : "", i < N_PODS ? "blue" : "green", i % N_PODS + 1,
                  v->set[i].weight, v->set[i].drain ? "/drain" : "");
}

bool split_same(const struct split *a, const struct split *b)
{
    for (int i = 0; i < N_MEMBERS; i++) {
        if (a->set[i].weight != b->set[i].weight || a->set[i].drain != b->set[i].drain)
            return false;
    }
    return true;
}

/* As the codec says it: every server of the colour at its configured weight, or 100; a colour that
 * is wholly drained comes back, one drained server of it does not. */
struct split split_alone(const struct app *s, int colour)
{
    struct split v = {.set = {{0}}};
    bool all = true;
    for (int i = colour * N_PODS; i < (colour + 1) * N_PODS; i++)
        all = all && s->router.live.set[i].drain;
    for (int i = 0; i < N_MEMBERS; i++) {
        unsigned file = s->router.server[i].file_weight;
        bool mine = i / N_PODS == colour;
        v.set[i].weight = !mine ? 0 : file ? file : 100;
        v.set[i].drain = s->router.live.set[i].drain && !(mine && all);
    }
    return v;
}

struct split split_mix(const struct app *s, int to, unsigned percent)
{
    struct split v = {.set = {{0}}};
    (void)s;
    for (int i = 0; i < N_MEMBERS; i++)
        v.set[i].weight = i / N_PODS == to ? percent : 100 - percent;
    return v;
}

unsigned router_share(const struct app *s, const struct split *v, int colour)
{
    unsigned all = 0, mine = 0;
    (void)s;
    for (int i = 0; i < N_MEMBERS; i++) {
        unsigned w = v->set[i].drain ? 0 : v->set[i].weight;
        all += w;
        mine += i / N_PODS == colour ? w : 0;
    }
    return all ? 100 * mine / all : 0;
}

struct split router_view(const struct app *s, const struct split *v)
{
    return s->toggles ? split_mix(s, router_share(s, v, 1) > 50, 100) : *v;
}

static void remember(struct sim *sim, struct app *s, enum who by)
{
    struct router *r = &s->router;
    r->past[r->n_past++ % SPLITS_KEEP] = (struct stood){sim->t, by, r->live};
    r->by = by;
    r->by_t = sim->t;
    if (by != BY_DAEMON) {
        r->writes = 0;
        r->others_t = sim->t;
    }
    BUF_AUTO b = BUF_INIT(1000);
    router_value(&r->live, &b);
    say(sim, s->name, "router by %s: %s", who_word[by], buf_at(&b));
}

void router_init(struct sim *sim, struct app *s)
{
    struct router *r = &s->router;
    r->pid = 100 + s->index;
    r->started = -3600000;
    r->reload_t = r->reader_t = r->trouble_t = r->rearm_t = r->emptied_t = -1;
    for (int i = 0; i < N_MEMBERS; i++) {
        bool blue = i < N_PODS;
        (void)snprintf(r->server[i].name, sizeof r->server[i].name, "%s%d", blue ? "blue" : "green",
                       i % N_PODS + 1);
        r->server[i].ready = true;
        r->live.set[i].weight = r->server[i].file_weight = blue ? 100 : 0;
    }
    remember(sim, s, BY_NOBODY);
}

void router_set(struct sim *sim, struct app *s, const struct split *v, enum who by)
{
    world_advance(sim, sim->t);
    if (split_same(&s->router.live, v))
        return;
    s->router.live = *v;
    remember(sim, s, by);
}

/* A reload: another process, the file's weights. `keep`: somebody has written the live ones into
 * the file before. */
void router_reload(struct sim *sim, struct app *s, bool keep)
{
    struct router *r = &s->router;
    struct split before = r->live;
    world_advance(sim, sim->t);
    r->pid += 1000;
    r->started = r->reload_t = sim->t;
    for (int i = 0; i < N_MEMBERS; i++) {
        if (keep)
            r->server[i].file_weight = r->live.set[i].weight;
        r->live.set[i] = (struct setting){.weight = r->server[i].file_weight};
    }
    remember(sim, s, split_same(&before, &r->live) ? r->by : BY_RELOAD);
}

/* --- the socket --- */

static void show_info(const struct sim *sim, const struct router *r, struct buf *to)
{
    buf_print(to, "Name: HAProxy\nVersion: 2.6.12\nPid: %lld\nUptime_sec: %lld\nStart_time_sec: %lld\n\n",
              (long long)r->pid, (long long)((sim->t - r->started) / 1000),
              (long long)((WALL0 + r->started) / 1000));
}

static void show_servers(const struct app *s, struct buf *to)
{
    const struct router *r = &s->router;
    buf_text(to, "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
                 "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
                 "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
                 "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
                 "srv_agent_addr srv_agent_port\n");
    for (int i = 0; i < N_MEMBERS; i++)
        buf_print(to, "3 %s %d %s 10.0.0.%d %d %d %u %u 1 6 %d 1 6 0 0 0 - 80 - 0 0 - - 0\n", s->name,
                  i + 1, r->server[i].name, i + 1, r->server[i].ready ? 2 : 0,
                  r->live.set[i].drain ? 8 : 0, r->live.set[i].weight, r->server[i].file_weight,
                  r->server[i].ready ? 3 : 2);
    buf_byte(to, '\n');
}

/* "set server shop/blue1 weight 100", "... state drain", and the rehearsal without a number. */
static void set_server(struct app *s, const char *command, struct split *next, struct buf *to)
{
    char backend[32], server[32], what[16], value[16] = "";
    int n = sscanf(command, "set server %31[^/]/%31s %15s %15s", backend, server, what, value);
    int at = -1;
    for (int i = 0; n >= 3 && i < N_MEMBERS; i++) {
        if (str_is(s->router.server[i].name, server))
            at = i;
    }
    if (n < 3 || !str_is(backend, s->name) || at < 0) {
        buf_text(to, "No such server.\n\n");
    } else if (str_is(what, "weight") && n == 3) {
        buf_text(to, "Require <weight> or <weight%>.\n\n");
    } else if (str_is(what, "weight")) {
        next->set[at].weight = (unsigned)strtoul(value, NULL, 10);
        buf_text(to, "\n");
    } else if (str_is(what, "state") && (str_is(value, "ready") || str_is(value, "drain"))) {
        next->set[at].drain = str_is(value, "drain");
        buf_text(to, "\n");
    } else {
        buf_text(to, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n");
    }
}

static void note_reading(struct sim *sim, struct app *s)
{
    struct router *r = &s->router;
    r->reader_t = sim->t;
    r->read = router_view(s, &r->live);
    memset(r->read_ready, 0, sizeof r->read_ready);
    for (int i = 0; i < N_MEMBERS; i++)
        r->read_ready[i / N_PODS] += r->server[i].ready;
}

void router_talk(struct sim *sim, struct app *s, const char *line, enum who by, struct buf *answer)
{
    char copy[8192];
    struct split next = s->router.live;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
    bool changes = false;
    for (char *save, *c = strtok_r(copy, ";", &save); c; c = strtok_r(NULL, ";", &save)) {
        if (str_is(c, "show info")) {
            show_info(sim, &s->router, answer);
        } else if (str_begins(c, "show servers state ")) {
            show_servers(s, answer);
            if (by == BY_DAEMON)
                note_reading(sim, s);
        } else if (str_begins(c, "set server ")) {
            set_server(s, c, &next, answer);
            changes = true;
        } else if (str_begins(c, "show stat ")) {
            buf_text(answer, "# pxname,svname,act,bck,\n");
            for (int i = 0; i < N_MEMBERS; i++)
                buf_print(answer, "%s,%s,1,0,\n", s->name, s->router.server[i].name);
            buf_byte(answer, '\n');
        } else if (!str_is(c, "quit")) {
            buf_text(answer, "Unknown command.\n\n");
        }
    }
    if (!changes || split_same(&next, &s->router.live))
        return;
    router_set(sim, s, &next, by);
    if (by == BY_DAEMON)
        audit_router(sim, s);
}

/* --- the one that toggles --- */

/* An order is taken at once and done after a while. */
int router_http(struct sim *sim, struct app *s, const char *path, struct buf *answer)
{
    struct router *r = &s->router;
    if (str_is(path, "/flip")) {
        int i = 0;
        while (i < FLIPS_MAX - 1 && r->flip[i].t)
            i++;
        bool soon = rng_chance(&sim->world_rng, 0.5);
        r->flip[i] = (struct flip){sim->t + (soon ? 1 : rng_between(&sim->world_rng, 100, 6000)), sim->t};
        buf_text(answer, "{}");
        return 202;
    }
    note_reading(sim, s);
    buf_print(answer, "{\"live\":\"%s\",\"ready\":{\"blue\":%u,\"green\":%u}}",
              router_share(s, &r->live, 1) > 50 ? "green" : "blue", r->read_ready[0], r->read_ready[1]);
    return 200;
}

void router_step(struct sim *sim, struct app *s)
{
    struct router *r = &s->router;
    for (int i = 0; i < FLIPS_MAX; i++) {
        struct flip *f = &r->flip[i];
        if (!f->t || f->t > sim->t)
            continue;
        f->t = 0;
        /* Who changes the split while a toggle is on its way shares what comes of it. */
        bool theirs = r->by != BY_DAEMON && r->by_t >= f->ordered_t - 300; /* our reading is as old */
        struct split v = split_mix(s, router_share(s, &r->live, 1) <= 50, 100);
        router_set(sim, s, &v, theirs ? r->by : BY_DAEMON);
        if (!theirs)
            audit_router(sim, s);
    }
}
