/* SPDX-License-Identifier: Apache-2.0
 *
 * The invariants, judged by what the world knows and by rows read through handles of its own: what
 * a second process would see, and what would be left if the power went now. Never asks the daemon
 * what it thinks.
 */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/internal.h"

#define SLACK_MS 5000
#define IN_FLIGHT_MAX 64
#define LOST_MS 1050 /* I9: of evidence, by a power cut */

int audit_colour(const char *word) { return *word == 'g'; }

int audit_service(const struct sim *sim, const char *name)
{
    for (int i = 0; i < sim->n_services; i++) {
        if (str_is(sim->service[i].name, name))
            return i;
    }
    return 0;
}

const char *audit_text(sqlite3_stmt *q, int column)
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text ? text : "";
}

int64_t audit_sim_of_wall(const struct sim *sim, int64_t wall_ms)
{
    return wall_ms - WALL0 - sim->wall_off;
}

struct seen_guard *audit_guard(struct audit *a, const char *id)
{
    for (size_t i = a->n_guards; i > 0; i--) {
        if (str_is(a->guard[i - 1].id, id))
            return &a->guard[i - 1];
    }
    return NULL;
}

/* --- handles --- */

static sqlite3_stmt *prepare(struct sim *sim, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        violation(sim, "audit", "%s: %s", sql, sqlite3_errmsg(db));
    return q;
}

void audit_open(struct sim *sim)
{
    sim->audit->changes = 0; /* whatever became of the disk meanwhile: all is read again */
    if (sqlite3_open_v2(DB_PATH, &sim->reader, SQLITE_OPEN_READWRITE, "sim") != SQLITE_OK) {
        violation(sim, "audit", "cannot open the store");
        return;
    }
    (void)sqlite3_exec(sim->reader, "PRAGMA query_only = ON", NULL, NULL, NULL);
    sim->guards_of = prepare(
        sim, sim->reader,
        "SELECT g.seq, g.id, g.service, g.state, g.version, g.\"trigger\", g.stable, g.candidate,"
        " g.started_ms, g.switch_to_ms, json_extract(m.resume, '$.t_ms'),"
        " json_extract(m.resume, '$.polls'),"
        " (SELECT max(poll) FROM evidence e WHERE e.guard = g.seq AND e.after = 1), g.live, g.switch_from_ms,"
        " g.ended_ms"
        " FROM guard g LEFT JOIN guard_memory m ON m.guard = g.seq WHERE g.seq >= ? ORDER BY g.seq");
    sim->intents_of = prepare(
        sim, sim->reader,
        "SELECT i.seq, i.guard, i.kind, i.automatic, i.outcome, i.sends,"
        " (SELECT count(*) FROM event e WHERE e.guard = i.guard AND e.severity = 2"
        "  AND e.wall_ms = i.done_ms), i.service"
        " FROM intent i WHERE i.seq >= ? ORDER BY i.seq");
}

void audit_close(struct sim *sim)
{
    (void)sqlite3_finalize(sim->guards_of);
    (void)sqlite3_finalize(sim->intents_of);
    (void)sqlite3_close(sim->reader);
    sim->guards_of = sim->intents_of = NULL;
    sim->reader = NULL;
}

void audit_init(struct sim *sim)
{
    sim->audit = calloc(1, sizeof *sim->audit);
    if (!sim->audit)
        abort();
    sim->audit->power_t = -1;
}

void audit_free(struct sim *sim)
{
    audit_forget_pins(sim->audit);
    free(sim->audit);
    sim->audit = NULL;
}

/* --- I1, I9, I11: guards --- */

/* I11: did anybody else change the split between the two readings? */
static void check_cause(struct sim *sim, const struct seen_guard *g, int64_t from_t, int64_t started_t)
{
    const struct router *r = &sim->service[g->service].router;
    bool settled = sim->t - started_t < 3000 && sim->t - started_t >= 0 && sim->jump_t < 0;
    bool others = false;
    for (uint64_t i = r->n_past; i > 0 && i + SPLITS_KEEP > r->n_past; i--) {
        const struct stood *p = &r->past[(i - 1) % SPLITS_KEEP];
        if (p->t <= started_t && p->t >= from_t - 300) /* a reading is some milliseconds old */
            others |= p->by != BY_DAEMON;
    }
    if (g->traffic && settled && !others && !r->unjournaled)
        violation(sim, "I11", "guard %s was started, and nobody but haldane had changed the traffic", g->id);
}

static void new_guard(struct sim *sim, sqlite3_stmt *q)
{
    struct audit *a = sim->audit;
    if (a->n_guards == GUARDS_MAX) {
        violation(sim, "I8", "more than %d guards in one episode", GUARDS_MAX);
        return;
    }
    struct seen_guard *g = &a->guard[a->n_guards++];
    *g = (struct seen_guard){
        .service = audit_service(sim, audit_text(q, 2)),
        .seq = sqlite3_column_int64(q, 0),
        .stable = audit_colour(audit_text(q, 6)),
        .candidate = audit_colour(audit_text(q, 7)),
        .traffic = str_is(audit_text(q, 5), "traffic"),
        .first_t = sim->t,
        .end_t = -1,
        .decided_t = -1,
        .t_ms = -1,
        .polls = -1,
        .max_poll = -1,
        .version = -1,
        .switch_t = audit_sim_of_wall(sim, sqlite3_column_int64(q, 9)),
    };
    (void)snprintf(g->id, sizeof g->id, "%s", audit_text(q, 1));
    /* A guard may be a while old when it is seen first: the daemon was dead since. */
    bool jumped = sim->jump_t >= 0 && sim->jump_t > a->seen_t - 20000;
    g->loose = jumped || sim->t - g->switch_t > sim->set.duration_ms;
    if (jumped)
        g->switch_t = sim->t - 1000; /* its row is of another wall clock */
    g->started_t = sim->jump_t < 0 ? audit_sim_of_wall(sim, sqlite3_column_int64(q, 8)) : sim->t - 1000;
    sim->n_guards++;
    check_cause(sim, g, audit_sim_of_wall(sim, sqlite3_column_int64(q, 14)), g->started_t);
    for (size_t i = 0; !hd_state_terminal(sqlite3_column_int(q, 3)) && i + 1 < a->n_guards; i++) {
        if (a->guard[i].service == g->service && a->guard[i].end_t < 0)
            violation(sim, "I9", "guard %s lives beside guard %s", g->id, a->guard[i].id);
    }
}

/* I1: how much of a guard's time the candidate was really shown to the daemon. */
static void check_pass(struct sim *sim, const struct seen_guard *g, int64_t end_t)
{
    if (str_is(sim->set.on_inconclusive, "pass"))
        return;
    const struct app *s = &sim->service[g->service];
    const struct settings *set = &sim->set;
    const struct watched *w = &s->watched[0][g->candidate]; /* the critical check */
    int64_t seen_ms = 0, newest = -1;
    for (size_t i = 0; i < w->n; i++) {
        const struct told *t = &w->told[i];
        if (t->t < g->started_t || t->to <= newest || t->to <= g->switch_t)
            continue;
        /* Counters tell also of the time since the sample before, if it is not forgotten. */
        bool known = newest >= 0 && t->to - newest < HD_SERIES_KEEP_MS;
        int64_t from = known ? newest : t->from > g->switch_t ? t->from : g->switch_t;
        seen_ms += t->to - from;
        newest = t->to;
    }
    int64_t last_ms = 3 * set->interval_ms;
    if (last_ms < 2 * set->scrape_ms + set->interval_ms)
        last_ms = 2 * set->scrape_ms + set->interval_ms;
    if (seen_ms < set->duration_ms / 2 - set->scrape_ms)
        violation(sim, "I1", "guard %s passed, and was shown %lld ms of %lld", g->id, (long long)seen_ms,
                  (long long)set->duration_ms);
    else if (sim->jump_t < g->first_t && end_t - newest > last_ms + set->scrape_ms + set->interval_ms + 2000)
        violation(sim, "I1", "guard %s passed, and saw nothing for the last %lld ms", g->id,
                  (long long)(end_t - newest));
}

static void ended(struct sim *sim, struct seen_guard *g, int64_t end_t)
{
    struct app *s = &sim->service[g->service];
    g->end_t = sim->t;
    say(sim, s->name, "guard %s ended as %s", g->id, hd_state_word(g->state));
    if (g->state == HD_STATE_PASSED) {
        sim->n_passes++;
        check_pass(sim, g, end_t);
    }
    sim->n_reverts += g->state == HD_STATE_REVERTED;
    if (g->first_t >= s->switch_t && s->switch_t >= 0) {
        s->passed |= g->state == HD_STATE_PASSED;
        s->judged = true;
    }
}

/* The guard's clock against the world's: never back, never faster. */
static void check_time(struct sim *sim, struct seen_guard *g, int64_t t_ms, bool fresh)
{
    if (t_ms < g->t_ms)
        violation(sim, "I9", "guard %s: its time went back from %lld to %lld", g->id, (long long)g->t_ms,
                  (long long)t_ms);
    bool jumped = sim->jump_t >= g->first_t || sim->audit->power_t >= g->first_t;
    g->loose |= jumped;
    int64_t want = sim->t - g->switch_t;
    if (g->traffic && fresh && !g->loose && (t_ms > want + 2000 || t_ms < want - 3000))
        violation(sim, "I9", "guard %s: its time is %lld, and %lld passed since the switch", g->id,
                  (long long)t_ms, (long long)want);
    g->t_ms = t_ms;
}

static void look_at_guard(struct sim *sim, struct seen_guard *g, sqlite3_stmt *q)
{
    int state = sqlite3_column_int(q, 3);
    int64_t version = sqlite3_column_int64(q, 4), polls = sqlite3_column_int64(q, 11);
    int64_t max_poll = sqlite3_column_int64(q, 12);
    if (hd_state_terminal(g->state) && g->version >= 0 && state != g->state)
        violation(sim, "I9", "guard %s went on after its end: %s to %s", g->id, hd_state_word(g->state),
                  hd_state_word(state));
    bool fresh = g->version >= 0 && polls != g->polls; /* its time is that of its newest poll */
    if (g->state == HD_STATE_PENDING) /* its time begins with the switch */
        g->t_ms = -1;
    g->version = version;
    g->state = state;
    if (g->decided_t < 0 && state >= HD_STATE_DECIDING)
        g->decided_t = sim->t;
    if (hd_state_terminal(state)) {
        if (g->end_t < 0)
            ended(sim, g, audit_sim_of_wall(sim, sqlite3_column_int64(q, 15)));
        return;
    }
    /* A power cut may cost the evidence of the last second before it, and no more. */
    int64_t spare = g->polls_t >= sim->cut_t - LOST_MS && g->polls_t <= sim->cut_t;
    if (polls != g->polls)
        g->polls_t = sim->t;
    if (polls < g->polls - spare || max_poll < g->max_poll - spare)
        violation(sim, "I9", "guard %s lost polls: %lld and %lld, were %lld and %lld", g->id,
                  (long long)polls, (long long)max_poll, (long long)g->polls, (long long)g->max_poll);
    g->polls = polls;
    g->max_poll = max_poll;
    check_time(sim, g, sqlite3_column_int64(q, 10), fresh);
}

void audit_newest_guard(const struct sim *sim, const struct app *s, bool live, char id[27])
{
    id[0] = '\0';
    for (size_t i = 0; i < sim->audit->n_guards; i++) {
        const struct seen_guard *g = &sim->audit->guard[i];
        if (g->service == s->index && (g->end_t < 0 || !live))
            (void)snprintf(id, 27, "%s", g->id);
    }
}

bool audit_idle(const struct sim *sim)
{
    const struct audit *a = sim->audit;
    bool idle = sim->alive;
    for (size_t i = 0; i < a->n_guards; i++)
        idle = idle && a->guard[i].end_t >= 0 && sim->t - a->guard[i].end_t > 60000;
    for (size_t i = 0; i < a->n_intents; i++)
        idle = idle && a->intent[i].outcome >= HD_INTENT_VERIFIED;
    return idle;
}

static int64_t oldest_open_guard(const struct audit *a)
{
    for (size_t i = 0; i < a->n_guards; i++) {
        if (a->guard[i].end_t < 0)
            return a->guard[i].seq;
    }
    return a->n_guards ? a->guard[a->n_guards - 1].seq + 1 : 0;
}

static void read_guards(struct sim *sim)
{
    struct audit *a = sim->audit;
    sqlite3_stmt *q = sim->guards_of;
    a->n_live = 0;
    (void)sqlite3_bind_int64(q, 1, oldest_open_guard(a));
    while (!sim->failed && sqlite3_step(q) == SQLITE_ROW) {
        struct seen_guard *g = audit_guard(a, audit_text(q, 1));
        if (!g) {
            new_guard(sim, q);
            g = audit_guard(a, audit_text(q, 1));
        }
        if (g)
            look_at_guard(sim, g, q);
        a->n_live += sqlite3_column_int(q, 13) != 0;
    }
    (void)sqlite3_reset(q);
}

static void look_at_guards(struct sim *sim)
{
    struct audit *a = sim->audit;
    for (size_t i = 0; i < a->n_guards; i++)
        sim->guard_ms += a->guard[i].end_t < 0 ? (double)(sim->t - a->looked_t) : 0;
    if (a->n_live != pipeline_live_guards(sim->pipeline) && !sim->pipeline->store_lost)
        violation(sim, "I9", "%zu guards live on disk, %zu in the daemon", a->n_live,
                  pipeline_live_guards(sim->pipeline));
}

/* --- I3, I6: intents --- */

static struct seen_intent *intent_of(struct sim *sim, int64_t seq)
{
    struct audit *a = sim->audit;
    for (size_t i = 0; i < a->n_intents; i++) {
        if (a->intent[i].seq == seq)
            return &a->intent[i];
    }
    if (a->n_intents == INTENTS_MAX) {
        violation(sim, "I6", "more than %d intents in one episode", INTENTS_MAX);
        return NULL;
    }
    a->intent[a->n_intents] = (struct seen_intent){.seq = seq, .first_t = sim->t, .since = sim->t};
    return &a->intent[a->n_intents++];
}

static void new_intent(struct sim *sim, struct seen_intent *i, sqlite3_stmt *q)
{
    struct audit *a = sim->audit;
    struct seen_guard *g = audit_guard(a, audit_text(q, 1));
    i->automatic = sqlite3_column_int(q, 3) != 0;
    i->revert = str_is(audit_text(q, 2), "revert");
    if (!g)
        violation(sim, "I2", "intent %lld has no guard", (long long)i->seq);
    else if (i->revert && i->automatic && ++g->reverts > 1)
        violation(sim, "I6", "a second automatic revert of guard %s", g->id);
    else if (!i->revert && ++g->reapplies > 1)
        violation(sim, "I6", "a second re-apply of guard %s", g->id);
    int in_hour = 0;
    for (size_t k = 0; k < a->n_intents; k++)
        in_hour += a->intent[k].automatic && a->intent[k].revert;
    if (sim->jump_t < 0 && in_hour > sim->set.reverts_per_hour && sim->end <= 3600000)
        violation(sim, "I6", "%d automatic reverts, and %d an hour are allowed", in_hour,
                  sim->set.reverts_per_hour);
}

static void read_intent(struct sim *sim, struct seen_intent *i, sqlite3_stmt *q)
{
    int outcome = sqlite3_column_int(q, 4);
    bool open = outcome < HD_INTENT_VERIFIED, was_open = i->outcome < HD_INTENT_VERIFIED;
    if (!was_open && outcome != i->outcome)
        violation(sim, "I3", "intent %lld: its outcome changed after it was final", (long long)i->seq);
    if (sqlite3_column_int(q, 5) > 3)
        violation(sim, "I6", "intent %lld was sent %d times", (long long)i->seq, sqlite3_column_int(q, 5));
    if (!open && was_open && outcome != HD_INTENT_VERIFIED && !sqlite3_column_int(q, 6))
        violation(sim, "I3", "intent %lld is %s, and no act-now notice was committed with it",
                  (long long)i->seq, hd_intent_word(outcome));
    i->outcome = outcome;
}

static void look_at_intent(struct sim *sim, struct seen_intent *i)
{
    if (sim->alive_since > i->since)
        i->since = sim->alive_since;
    if (sim->disk_bad_until)
        i->since = sim->t;
    if (i->outcome < HD_INTENT_VERIFIED && sim->t - i->since > sim->set.timeout_ms + SLACK_MS)
        violation(sim, "I3", "intent %lld is still %s after %lld ms", (long long)i->seq,
                  hd_intent_word(i->outcome), (long long)(sim->t - i->since));
}

static void read_intents(struct sim *sim)
{
    struct audit *a = sim->audit;
    sqlite3_stmt *q = sim->intents_of;
    int64_t from = 0;
    for (size_t i = 0; i < a->n_intents; i++) {
        from = a->intent[i].seq;
        if (a->intent[i].outcome < HD_INTENT_VERIFIED)
            break;
        from++;
    }
    (void)sqlite3_bind_int64(q, 1, from);
    while (!sim->failed && sqlite3_step(q) == SQLITE_ROW) {
        size_t known = a->n_intents;
        struct seen_intent *i = intent_of(sim, sqlite3_column_int64(q, 0));
        if (i && a->n_intents > known)
            new_intent(sim, i, q);
        if (i)
            read_intent(sim, i, q);
    }
    (void)sqlite3_reset(q);
}

/* --- a world in good weather: it must also end well --- */

static void check_lives(struct sim *sim, struct app *s)
{
    const struct settings *set = &sim->set;
    const struct release *r = &s->tried;
    if (!s->clean || s->switch_t < 0 || sim->weather.chaos > 0)
        return;
    int64_t age = sim->t - s->switch_t;
    struct split live = router_view(s, &s->router.live), before = router_view(s, &s->before);
    bool back = s->router.by == BY_DAEMON && split_same(&live, &before);
    if (back && !s->reverted) {
        s->reverted = true;
        if (age > sim->slowest_revert_ms)
            sim->slowest_revert_ms = age;
        if (r->good)
            violation(sim, "liveness", "a good release was reverted on %s", s->name);
    }
    bool seen = r->slow < 0.1 || set->latency;
    int64_t bad_by = set->detect_ms + 2 * set->scrape_ms + 6 * set->interval_ms + 40000 +
                     (r->slow > 0.1 ? set->warmup_ms : 0) + (r->crashes ? 30000 : 0);
    if (r->bad && seen && !s->reverted && age > bad_by)
        violation(sim, "liveness", "release '%s' on %s is not reverted after %lld ms", r->name, s->name,
                  (long long)age);
    int64_t good_by = set->detect_ms + set->duration_ms + 4 * set->interval_ms + 2 * set->scrape_ms + 50000;
    if (r->good && !s->passed && age > good_by)
        violation(sim, "liveness", "a good release on %s has not passed after %lld ms", s->name,
                  (long long)age);
}

/* I8: what may grow must have its end. */
static void check_memory(struct sim *sim)
{
    const struct pipeline *p = sim->pipeline;
    if (p->n_events > 10000)
        violation(sim, "I8", "%zu events in memory", p->n_events);
    for (size_t i = 0; i < p->n_services; i++) {
        const struct guard *g = p->services[i]->guard;
        if (g && g->n_queue > PENDING_EVIDENCE_MAX)
            violation(sim, "I8", "%zu polls wait for the store", g->n_queue);
    }
    if (sim->in_flight_max > IN_FLIGHT_MAX)
        violation(sim, "I8", "%zu requests in flight", sim->in_flight_max);
}

void audit_look(struct sim *sim)
{
    if (!str_is(sim->audit->boot_id, sim->boot_id)) {
        if (sim->audit->boot_id[0])
            sim->audit->power_t = sim->t;
        (void)snprintf(sim->audit->boot_id, sizeof sim->audit->boot_id, "%s", sim->boot_id);
    }
    if (sim->alive && sim->reader) {
        uint64_t changes = faultvfs_changes_ever(sim->disk);
        if (changes != sim->audit->changes) { /* else every row is as it was */
            read_guards(sim);
            read_intents(sim);
        }
        sim->audit->changes = changes;
        look_at_guards(sim);
        for (size_t i = 0; i < sim->audit->n_intents; i++)
            look_at_intent(sim, &sim->audit->intent[i]);
        check_memory(sim);
        sim->audit->seen_t = sim->t;
    }
    for (int i = 0; i < sim->n_services; i++)
        check_lives(sim, &sim->service[i]);
    sim->audit->looked_t = sim->t;
}

/* For the story of a failure: what the guards that live had on disk. */
void audit_story(struct sim *sim)
{
    sqlite3_stmt *q = sim->reader ? prepare(sim, sim->reader,
        "SELECT g.service, g.id, g.headline, g.why, m.engine FROM guard g JOIN guard_memory m"
        " ON m.guard = g.seq WHERE g.live = 1 OR g.seq = (SELECT max(seq) FROM guard)"
        " OR g.ended_ms > (SELECT max(ended_ms) - 3000 FROM guard)") : NULL;
    while (q && sqlite3_step(q) == SQLITE_ROW)
        say(sim, audit_text(q, 0), "guard %s: %s; %s\n%s", audit_text(q, 1), audit_text(q, 2), audit_text(q, 3),
            audit_text(q, 4));
    (void)sqlite3_finalize(q);
    q = sim->reader ? prepare(sim, sim->reader,
        "SELECT e.guard, o.sink, o.resolving, o.done, o.tries, o.error, e.text FROM outbox o JOIN event e"
        " ON e.seq = o.event WHERE e.severity = 2") : NULL;
    while (q && sqlite3_step(q) == SQLITE_ROW)
        say(sim, audit_text(q, 1), "act of %s: resolving %s done %s tries %s %s: %s", audit_text(q, 0),
            audit_text(q, 2), audit_text(q, 3), audit_text(q, 4), audit_text(q, 5), audit_text(q, 6));
    (void)sqlite3_finalize(q);
}

/* --- the end --- */

static int64_t number(struct sim *sim, const char *sql)
{
    sqlite3_stmt *q = prepare(sim, sim->reader, sql);
    int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    (void)sqlite3_finalize(q);
    return n;
}

static void check_pages(struct sim *sim)
{
    sqlite3_stmt *q = prepare(sim, sim->reader, "SELECT DISTINCT guard FROM event WHERE severity = 2 AND guard NOT NULL");
    while (!sim->failed && sqlite3_step(q) == SQLITE_ROW) {
        if (!strstr(buf_at(&sim->alerts), audit_text(q, 0)))
            violation(sim, "I3", "the pager never heard that guard %s needs a human", audit_text(q, 0));
    }
    (void)sqlite3_finalize(q);
}

/* A write of ours that met another one, and left traffic on nobody: a human was told, then. */
static void check_emptied(struct sim *sim, const struct app *s)
{
    char sql[200];
    int64_t since_ms = sim->jump_t < 0 ? WALL0 + sim->wall_off + s->router.emptied_t : 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM event WHERE service = '%s' AND severity = 2 AND wall_ms >= %lld", s->name,
                   (long long)since_ms);
    if (s->router.emptied_t >= 0 && !number(sim, sql))
        violation(sim, "I3", "%s had no traffic by haldane's own write, and nobody was told", s->name);
}

void audit_end(struct sim *sim)
{
    if (!sim->alive || !sim->reader) {
        violation(sim, "liveness", "the daemon does not come back");
        return;
    }
    audit_look(sim);
    if (number(sim, "SELECT count(*) FROM intent WHERE outcome <= 3"))
        violation(sim, "I3", "an intent is open at the end");
    if (number(sim, "SELECT count(*) FROM outbox WHERE done = 0"))
        violation(sim, "liveness", "a message waits still at the end");
    if (number(sim, "SELECT count(*) FROM guard WHERE live = 1"))
        violation(sim, "liveness", "a guard lives still at the end");
    check_pages(sim);
    for (int i = 0; i < sim->n_services; i++)
        check_emptied(sim, &sim->service[i]);
    audit_replay(sim);
    sqlite3_stmt *q = prepare(sim, sim->reader, "PRAGMA integrity_check");
    if (sqlite3_step(q) != SQLITE_ROW || !str_is(audit_text(q, 0), "ok"))
        violation(sim, "I9", "the database is damaged: %s", audit_text(q, 0));
    (void)sqlite3_finalize(q);
}
