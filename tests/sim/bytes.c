/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit at the moment that counts: a byte of a change leaves the daemon, arrives at the router,
 * or an order is answered well. What must be durable by then is read from a copy of the disk that
 * holds only what was synced.
 */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define WRITES_MAX 14       /* lines of the daemon between two changes by others: 3 sends and a
                               re-apply of 3, of two lines */
#define BYTE_MS 1000        /* I10: from decision to first byte when nothing is in its way */
#define STALE_READ_MS 1000  /* I5: a write's reading may be so old */
#define WINDOW_MS 30        /* what slips in between reading and writing both steps */
#define EMPTY_WINDOW_MS 200  /* the same, with the slowest answers */

/* "blue1=100 blue2=0/drain ...", or a colour's name. */
static bool read_value(const struct app *s, const char *text, struct split *ret)
{
    if (s->toggles) {
        *ret = split_mix(s, str_is(text, "green"), 100);
        return str_is(text, "green") || str_is(text, "blue");
    }
    *ret = (struct split){.set = {{0}}};
    for (int i = 0; i < N_MEMBERS; i++) {
        char name[16], hold[8] = "";
        unsigned weight;
        int n = 0;
        if (sscanf(text, " %15[a-z0-9]=%u%n", name, &weight, &n) != 2)
            return false;
        text += n;
        if (*text == '/' && sscanf(text, "/%7[a-z]%n", hold, &n) == 1)
            text += n;
        ret->set[i] = (struct setting){weight, str_is(hold, "drain")};
    }
    return true;
}

typedef void row_fn(struct sim *, sqlite3_stmt *, void *user);

static bool first_row(struct sim *sim, sqlite3 *db, const char *sql, const char *const *args, row_fn *row,
                      void *user)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    for (int i = 0; rc == SQLITE_OK && args && args[i]; i++)
        (void)sqlite3_bind_text(q, i + 1, args[i], -1, SQLITE_STATIC);
    bool found = rc == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
    if (found)
        row(sim, q, user);
    (void)sqlite3_finalize(q);
    return found;
}

/* Runs a query on what would survive a power cut now; `row` is called for its first row. When all is
 * synced, that is what a reader sees, and needs no copy of the disk to be opened. */
static bool on_durable(struct sim *sim, const char *sql, const char *const *args, row_fn *row, void *user)
{
    if (sim->reader && faultvfs_all_durable(sim->disk) && first_row(sim, sim->reader, sql, args, row, user))
        return true;
    struct faultvfs *copy = faultvfs_durable(sim->disk, "sim-durable");
    sqlite3 *db = NULL;
    bool found = sqlite3_open_v2(DB_PATH, &db, SQLITE_OPEN_READWRITE, "sim-durable") == SQLITE_OK &&
                 first_row(sim, db, sql, args, row, user);
    (void)sqlite3_close(db);
    faultvfs_free(copy);
    return found;
}

/* --- I2, I4, I5, I10, I11: a byte of a change leaves --- */

/* Among the splits that `by` made; BY_NOBODY: that anybody made. */
static bool was_live(const struct app *s, const struct split *v, enum who by)
{
    const struct router *r = &s->router;
    for (uint64_t i = r->n_past > SPLITS_KEEP ? r->n_past - SPLITS_KEEP : 0; i < r->n_past; i++) {
        struct split shown = router_view(s, &r->past[i % SPLITS_KEEP].split);
        if (split_same(&shown, v) && (by == BY_NOBODY || r->past[i % SPLITS_KEEP].by == by))
            return true;
    }
    return false;
}

static void check_target(struct sim *sim, const struct app *s, const char *to, int stable, int candidate)
{
    struct split v, live = router_view(s, &s->router.live);
    struct split alone = s->toggles ? split_mix(s, stable, 100) : split_alone(s, stable);
    if (!read_value(s, to, &v)) {
        violation(sim, "I4", "'%s' is no value of this router", to);
        return;
    }
    if (!was_live(s, &v, BY_NOBODY) && !split_same(&v, &alone))
        violation(sim, "I4", "'%s' was never live, and is not %s alone", to, stable ? "green" : "blue");
    if (!router_share(s, &v, stable))
        violation(sim, "I4", "'%s' gives %s nothing", to, stable ? "green" : "blue");
    if (router_share(s, &v, candidate) > router_share(s, &live, candidate) &&
        split_same(&live, &s->router.read))
        violation(sim, "I4", "'%s' gives the candidate more than it has", to);
    if (!s->router.read_ready[stable])
        violation(sim, "I4", "%s has no ready member by haldane's own reading", stable ? "green" : "blue");
}

/* I5: nothing is written over what somebody else has set, but for what slips in between reading
 * and writing. */
static void check_others(struct sim *sim, const struct app *s, sqlite3_stmt *q)
{
    const struct router *r = &s->router;
    const char *kind = audit_text(q, 4), *after = audit_text(q, 10);
    struct split watched, live = router_view(s, &r->live);
    bool theirs = r->by == BY_HUMAN || r->by == BY_RELOAD;
    if (!split_same(&live, &r->read)) {
        if (theirs && sim->t - r->reader_t > STALE_READ_MS && sim->t - r->by_t > STALE_READ_MS)
            violation(sim, "I5", "written over a change %lld ms ago, after a reading %lld ms ago",
                      (long long)(sim->t - r->by_t), (long long)(sim->t - r->reader_t));
        return;
    }
    if (!theirs || sim->t - r->by_t < WINDOW_MS || !read_value(s, after, &watched) ||
        split_same(&live, &watched))
        return;
    if (r->reload_t >= r->by_t && str_is(kind, "reapply"))
        return;
    if (was_live(s, &live, BY_DAEMON)) /* the very thing that we left half done */
        return;
    int candidate = audit_colour(audit_text(q, 9));
    bool step = router_share(s, &live, candidate) > router_share(s, &watched, candidate);
    if (!step)
        violation(sim, "I5", "a %s is sent over what the %s set %lld ms ago", kind, who_word[r->by],
                  (long long)(sim->t - r->by_t));
}

/* I10: only its own reading, the gate and one commit stand between decision and first byte. */
static void check_delay(struct sim *sim, struct app *s, const char *guard, int64_t decided_t)
{
    int64_t delay = sim->t - decided_t;
    bool first = !str_is(s->router.byte_of, guard);
    bool clear = s->router.trouble_t < decided_t && sim->alive_since < decided_t &&
                 sim->jump_t < decided_t && !sim->disk_bad_until && !sim->disk_error;
    (void)snprintf(s->router.byte_of, sizeof s->router.byte_of, "%s", guard);
    if (!clear || !first)
        return;
    if (delay > sim->slowest_byte_ms)
        sim->slowest_byte_ms = delay;
    if (delay > BYTE_MS)
        violation(sim, "I10", "%lld ms from the decision to the first byte", (long long)delay);
}

static void intent_row(struct sim *sim, sqlite3_stmt *q, void *user)
{
    struct app *s = user;
    int stable = audit_colour(audit_text(q, 8)), candidate = audit_colour(audit_text(q, 9));
    check_target(sim, s, audit_text(q, 2), stable, candidate);
    check_others(sim, s, q);
    if (str_is(audit_text(q, 4), "revert"))
        check_delay(sim, s, audit_text(q, 1), audit_sim_of_wall(sim, sqlite3_column_int64(q, 7)));
    const struct seen_guard *bad = audit_guard(sim->audit, audit_text(q, 11));
    if (sqlite3_column_int(q, 5) && bad && bad->decided_t >= 0 && bad->decided_t > s->router.rearm_t + 1000)
        violation(sim, "I11", "a revert to %s, which guard %s had rejected", audit_text(q, 8), bad->id);
}

void audit_send(struct sim *sim, struct app *s, const struct hd_request *r)
{
    static const char sql[] =
        "SELECT i.seq, i.guard, i.\"to\", i.\"from\", i.kind, i.automatic, i.outcome, g.decided_ms,"
        " g.stable, g.candidate, g.value_after,"
        /* the newest judged guard over the target as a candidate, if it did not pass */
        " (SELECT CASE WHEN o.state = 7 THEN NULL ELSE o.id END FROM guard o"
        "  WHERE o.service = i.service AND o.candidate = g.stable AND o.seq < g.seq"
        "  AND o.state BETWEEN 7 AND 12 ORDER BY o.seq DESC LIMIT 1)"
        " FROM intent i JOIN guard g ON g.id = i.guard, json_each(i.steps) s"
        " WHERE i.service = ?1 AND i.outcome <= 3 AND json_extract(s.value, '$.text') = ?2"
        " ORDER BY i.seq DESC LIMIT 1";
    char *text = strndup(r->body.at, r->body.len);
    const char *const args[] = {s->name, text, NULL};
    say(sim, "haldane", "sends %.*s", (int)strcspn(text, "\n"), text);
    bool found = on_durable(sim, sql, args, intent_row, s);
    bool lost = str_is(sim->set.store_lost, "revert") && (sim->disk_bad_until || sim->disk_error);
    s->router.unjournaled |= !found;
    if (!found && !lost)
        violation(sim, "I2", "no durable intent holds '%.*s'", (int)strcspn(text, "\n"), text);
    free(text);
}

/* I6: a toggle is never repeated, whatever became of the first one. */
void audit_once(struct sim *sim, struct app *s)
{
    struct router *r = &s->router;
    if (*r->byte_of && str_is(r->once_of, r->byte_of))
        violation(sim, "I6", "a once-only order of guard %s was sent twice", r->once_of);
    memcpy(r->once_of, r->byte_of, sizeof r->once_of);
}

void audit_router(struct sim *sim, struct app *s)
{
    unsigned all = 0;
    for (int i = 0; i < N_MEMBERS; i++)
        all += s->router.live.set[i].drain ? 0 : s->router.live.set[i].weight;
    /* Somebody between our reading and our two steps is the window that the actuator states; a human must
     * hear of what came of it. */
    if (!all && sim->t - s->router.others_t > EMPTY_WINDOW_MS)
        violation(sim, "I4", "haldane took all traffic away from %s", s->name);
    if (!all) {
        s->router.emptied_t = sim->t;
        s->clean = false;
    }
    if (++s->router.writes > WRITES_MAX)
        violation(sim, "I6", "%u orders of haldane to %s since somebody else changed it",
                  s->router.writes, s->name);
}

/* --- I7 --- */

static void order_row(struct sim *sim, sqlite3_stmt *q, void *user)
{
    if (sqlite3_column_int64(q, 0) < 1)
        violation(sim, "I7", "'%s' was answered well, and is not on the disk", (const char *)user);
}

void audit_order(struct sim *sim, const char *sql, const char *what)
{
    if (!on_durable(sim, sql, NULL, order_row, (void *)(uintptr_t)what))
        violation(sim, "I7", "'%s' was answered well, and the disk knows nothing of it", what);
}
