/* SPDX-License-Identifier: Apache-2.0
 *
 * See view.h. Called by api.c and the pages.
 */
#include "http/view.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "json/json.h"

#define CARE_LEAST_MS 120000 /* of aftercare in a chart, */
#define CARE_BEHIND_MS 60000 /* and so much from when users were well */
#define EVENTS_SHOWN 500  /* of one guard on its page; the API has them all */
#define BESIDE_MS ((int64_t)15 * 60 * 1000)
#define BESIDE_MAX 20
#define EVENTS_READ 20000 /* to find the newest among them */

/* --- checks --- */

static const char *member_text(struct hd_arena *a, const struct json *j, const char *key,
                               const char *otherwise)
{
    const char *text;
    const struct json *m = json_get(j, key);
    if (!m || json_type(m) != JSON_STRING || json_text(m, key, &text, NULL))
        return otherwise;
    return arena_text(a, text);
}

static bool member_bool(const struct json *j, const char *key)
{
    bool yes = false;
    const struct json *m = json_get(j, key);
    if (m && json_bool(m, key, &yes, NULL))
        return false;
    return yes;
}

/* The config's own words ("<= 1%"), or the number it was judged by. */
static const char *limit_text(struct hd_arena *a, const struct json *j, const struct check_view *c)
{
    double number = c->limit_value;
    const struct json *m = json_get(j, "limit");
    if (m && json_type(m) == JSON_STRING)
        return member_text(a, j, "limit", "");
    if (m && json_type(m) == JSON_NUMBER)
        (void)json_double(m, "limit", &number, NULL);
    if (!isfinite(number))
        return "";
    BUF_AUTO b = BUF_INIT(64);
    reason_value(&b, number, c->unit);
    return arena_text(a, buf_at(&b));
}

void view_baseline(struct buf *b, const struct check_view *c)
{
    const struct hd_check_state *s = c->state;
    if (!s || s->baseline != 2 || !isfinite(c->stable))
        return;
    const int64_t minutes = str_is(c->kind, "gauge") ? s->before_judged : (s->before_ms + 30000) / 60000;
    buf_print(b, ", %lld min before the switch", (long long)minutes);
}

void view_polls(struct buf *b, const struct check_view *c)
{
    const struct hd_check_state *s = c->state;
    if (!s || !s->judged) {
        buf_byte(b, '-');
        return;
    }
    const uint32_t counted = s->judged - s->warm - s->shared;
    if (c->sequential)
        buf_print(b, "%u poll%s weighed together", s->judged, s->judged == 1 ? "" : "s");
    else if (counted)
        buf_print(b, "%u of %u poll%s", s->broken, counted, counted == 1 ? "" : "s");
    if (s->shared && !c->sequential)
        buf_print(b, "%s%u%s over on both sides: no count for or against", counted ? "; " : "", s->shared,
                  counted ? " more" : s->shared == 1 ? " poll" : " polls");
    if (s->warm)
        buf_print(b, "%snot judged%s: warm-up, %u poll%s", counted || s->shared ? "; " : "",
                  counted || s->shared ? "" : " yet", s->warm, s->warm == 1 ? "" : "s");
}

static void judge_words(struct check_view *c)
{
    const struct hd_check_state *s = c->state;
    c->band = s ? s->band : HD_BAND_NONE;
    c->tone = TONE_NONE;
    c->word = "not judged yet";
    if (!s || (s->warm && s->warm == s->judged && c->band == HD_BAND_PASS))
        return;
    if (s->tripped && !c->advisory && !s->earlier) {
        c->tone = TONE_FAIL;
        c->word = "fail";
    } else if (s->tripped || c->band == HD_BAND_FAIL) {
        c->tone = TONE_WARN;
        c->word = c->advisory ? "fail, advisory"
                  : s->earlier ? "does not count: bad before the switch too"
                  : s->shared_run && !c->sequential ? "over on both sides"
                  : s->warm && s->warm == s->judged ? "over its limit, in warm-up"
                                : "over its limit";
    } else if (s->blind) {
        c->tone = TONE_WARN;
        c->word = "blind";
    } else if (s->earlier && c->band != HD_BAND_NONE && !c->advisory) {
        c->tone = TONE_WARN;
        c->word = "does not count yet: bad before the switch";
    } else if (c->band == HD_BAND_WARN) {
        c->tone = TONE_WARN;
        c->word = "near its limit";
    } else if (c->band == HD_BAND_PASS) {
        c->tone = c->sequential ? TONE_RUN : TONE_PASS;
        c->word = c->sequential ? "weighed" : "pass";
    } else if (s->outcome != HD_OUTCOME_OK) {
        c->word = html_outcome_words(s->outcome);
    }
}

static void fill_check(struct hd_arena *a, const struct json *j, const struct hd_check_state *s,
                       struct check_view *c)
{
    c->state = s;
    bool worst = s && s->tripped;
    bool judged = s && s->judged > 0;
    c->value = worst ? s->worst_value : judged ? s->value : (double)NAN;
    c->stable = worst ? s->worst_stable : judged ? s->stable_value : (double)NAN;
    c->limit_value = worst ? s->worst_limit : judged ? s->limit : (double)NAN;
    c->n = worst ? s->worst_n : judged ? s->n : (double)NAN;
    c->name = member_text(a, j, "name", "?");
    c->title = member_text(a, j, "title", c->name);
    c->unit = member_text(a, j, "unit", "");
    c->query = member_text(a, j, "query", NULL);
    c->kind = member_text(a, j, "kind", "");
    c->graph = member_text(a, j, "graph", NULL);
    c->by = member_text(a, j, "by", NULL);
    c->critical = member_bool(j, "critical");
    c->advisory = member_bool(j, "advisory");
    c->complement = member_bool(j, "complement");
    c->sequential = str_is(member_text(a, j, "rule", ""), "sequential");
    c->limit = limit_text(a, j, c);
    const char *moves = strstr(c->limit, "x baseline");
    c->moving = moves && !memchr(c->limit, ',', (size_t)(moves - c->limit));
    judge_words(c);
}

void view_checks(struct hd_arena *a, const char *text, const struct hd_guard_state *state,
                 struct check_view **ret, size_t *ret_n)
{
    JSON_AUTO j = NULL;
    *ret = NULL;
    *ret_n = 0;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, NULL) ||
        json_type(j) != JSON_ARRAY)
        return;
    size_t n = json_count(j);
    n = n < HD_CHECKS_MAX ? n : HD_CHECKS_MAX;
    struct check_view *list = arena_many(a, n, struct check_view);
    size_t i = 0;
    for (const struct json *k = json_first(j); k && i < n; k = json_next(k), i++) {
        list[i].index = (uint8_t)i;
        fill_check(a, k, state && i < state->n_checks ? &state->check[i] : NULL, &list[i]);
    }
    *ret = list;
    *ret_n = n;
}

static int badness(const struct check_view *c)
{
    static const int of[] = {
        [TONE_FAIL] = 0, [TONE_WARN] = 1, [TONE_NONE] = 2, [TONE_RUN] = 3, [TONE_PASS] = 4};
    return 2 * of[c->tone] + c->advisory;
}

const struct check_view **view_by_badness(struct hd_arena *a, const struct check_view *checks,
                                          size_t n)
{
    const struct check_view **list = arena_many(a, n, const struct check_view *);
    for (size_t i = 0; i < n; i++) { /* at most HD_CHECKS_MAX: insertion, keeps the file's order */
        size_t k = i;
        for (; k > 0 && badness(list[k - 1]) > badness(&checks[i]); k--)
            list[k] = list[k - 1];
        list[k] = &checks[i];
    }
    return list;
}

/* --- points --- */

struct sum {
    double events, exposure, covers_ms, gauge;
    bool any;
};

static double sum_value(const struct check_view *c, const struct sum *s)
{
    if (!s->any)
        return NAN;
    if (str_is(c->kind, "rate"))
        return s->covers_ms > 0 ? s->exposure / (s->covers_ms / 1000) : (double)NAN;
    if (s->exposure > 0)
        return c->complement ? 1 - s->events / s->exposure : s->events / s->exposure;
    return s->gauge;
}

static void sum_add(struct sum *s, const struct hd_measurement *m)
{
    bool usable = m->outcome == HD_OUTCOME_OK || m->outcome == HD_OUTCOME_TOO_FEW;
    if (!usable || !m->fresh)
        return;
    s->events += m->events;
    s->exposure += m->exposure;
    s->covers_ms += (double)m->covers_ms;
    s->gauge = m->value;
    s->any = true;
}

bool view_point(const struct check_view *c, const struct store_evidence *e, size_t from, size_t to,
                struct view_point *ret)
{
    struct sum sum[HD_ROLES] = {0};
    bool asked = false;
    *ret = (struct view_point){.at_ms = e[to - 1].wall_ms, .before = e[from].evidence.before};
    for (size_t i = from; i < to; i++) {
        for (size_t k = 0; k < e[i].evidence.n; k++) {
            const struct hd_measurement *m = &e[i].evidence.m[k];
            if (m->check != c->index || m->role >= HD_ROLES)
                continue;
            asked = true;
            ret->outcome[m->role] = m->outcome;
            sum_add(&sum[m->role], m);
        }
    }
    for (int r = 0; r < HD_ROLES; r++) {
        ret->value[r] = sum_value(c, &sum[r]);
        ret->n[r] = sum[r].exposure;
    }
    return asked;
}

void view_points(const struct check_view *c, const struct store_evidence *e, size_t n,
                 struct view_series *ret)
{
    size_t before = 0;
    ret->n = 0;
    while (before < n && e[before].evidence.before)
        before++;
    size_t step = (n - before + VIEW_POINTS_MAX - 1) / VIEW_POINTS_MAX;
    ret->polls_per_point = step ? step : 1;
    /* Of the bins before the switch the newest matter. */
    size_t skip = before > HD_BEFORE_BINS ? before - HD_BEFORE_BINS : 0;
    for (size_t i = skip; i < before; i++)
        ret->n += view_point(c, e, i, i + 1, &ret->point[ret->n]);
    for (size_t i = before; i < n; i += ret->polls_per_point) {
        size_t to = i + ret->polls_per_point < n ? i + ret->polls_per_point : n;
        ret->n += view_point(c, e, i, to, &ret->point[ret->n]);
    }
}

void view_care_points(const struct check_view *c, const struct store_evidence *e, size_t n, struct view_series *s)
{
    size_t step = (n + VIEW_CARE_MAX - 1) / VIEW_CARE_MAX;
    for (size_t i = 0; i < n; i += step)
        s->n += view_point(c, e, i, i + step < n ? i + step : n, &s->point[s->n]);
}

void view_measure(struct guard_view *v)
{
    v->measured[HD_STABLE] = v->measured[HD_CANDIDATE] = NAN;
    v->measured_ms = -1;
    for (size_t i = v->n_evidence; i-- > 0 && i + 3 > v->n_evidence;) {
        const struct store_evidence *e = &v->evidence[i];
        double n[HD_ROLES] = {0};
        for (size_t k = 0; k < e->evidence.n && !e->evidence.before; k++) {
            const struct hd_measurement *m = &e->evidence.m[k];
            if (m->role < HD_ROLES && m->fresh && m->exposure > n[m->role])
                n[m->role] = m->exposure;
        }
        double all = n[HD_STABLE] + n[HD_CANDIDATE];
        if (!(all > 0))
            continue;
        for (int r = 0; r < HD_ROLES; r++)
            v->measured[r] = n[r] / all;
        v->measured_ms = e->wall_ms;
        return;
    }
}

/* How long the service keeps what a revert would go back to; 0: for good. */
static int64_t kept_for(const struct store_service *s)
{
    JSON_AUTO j = NULL;
    int64_t ms = 0;
    if (s && s->about && !json_parse((struct hd_span){s->about, strlen(s->about)}, &j, NULL) &&
        json_get(j, "kept_for_ms"))
        (void)json_i64(json_get(j, "kept_for_ms"), "kept_for_ms", &ms, NULL);
    return ms;
}

void view_way(struct hd_arena *a, const struct guard_view *v, int64_t now_ms, struct way *ret)
{
    struct way_facts f = {.service = v->has_service ? &v->service : NULL,
                          .reading = v->has_reading ? &v->reading : NULL,
                          .guard = &v->guard,
                          .stance = &v->stance,
                          .rejected = v->rejected[HD_STABLE],
                          .alarm = v->alarm,
                          .now_ms = now_ms};
    f.kept_for_ms = kept_for(f.service);
    for (size_t i = v->n_events; i-- > 0 && !f.ended_by;)
        f.ended_by = str_is(v->event[i].state, hd_state_word(v->guard.state)) ? v->event[i].reason : 0;
    for (size_t i = 0; i < v->n_events && !hd_state_terminal(v->guard.state); i++)
        f.unread |= v->event[i].reason == HD_REASON_ROUTER_UNREADABLE && !v->event[i].resolved;
    way_find(a, &f, ret);
}

enum hd_code view_find_way(struct store *s, struct hd_arena *a, const struct way_facts *facts,
                           const struct store_budgets *budgets, struct way *ret, struct hd_error *err)
{
    struct way_facts f = *facts;
    struct stance stance = {.known = false};
    const struct store_guard *g = f.guard && stance_open(f.guard) ? f.guard : NULL;
    struct store_asked asked = {.row = f.service, .guard = g, .target = way_target(f.reading, f.guard),
                                .budgets = budgets, .now_ms = f.now_ms};
    asked.service = f.service ? f.service->name : f.guard ? f.guard->service : NULL;
    f.stance = &stance;
    f.kept_for_ms = kept_for(f.service);
    if (asked.target && (store_rejected(s, a, asked.service, asked.target, &f.rejected, err) ||
                         stance_load(s, a, &asked, &stance, err)))
        return err->code;
    way_find(a, &f, ret);
    return HD_OK;
}

bool view_waits(const struct guard_view *v, int64_t now_ms)
{
    return v->approval.guard && v->approval.outcome == APPROVAL_OPEN && now_ms < v->approval.expires_ms;
}

/* --- loading --- */

/* Who else has to do with it: whom its revert was left to, or who asked for the analysis. */
static enum hd_code load_others(struct store *s, struct hd_arena *a, struct guard_view *v, struct hd_error *err)
{
    enum hd_code code = v->guard.analysis ? store_run_of(s, a, v->guard.id, &v->run, err)
                                          : store_approval(s, a, v->guard.id, &v->approval, err);
    return code == HD_ABSENT ? HD_OK : code;
}

bool view_in_ids(const char *text)
{
    static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    return text[strspn(text, crockford)] == '\0';
}

bool view_is_id(const char *text) { return strlen(text) == 26 && view_in_ids(text); }

const struct store_side *view_side(const struct store_reading *r, const char *colour)
{
    for (size_t i = 0; i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, colour))
            return &r->side[i];
    }
    return NULL;
}

enum hd_code view_reading(struct store *s, struct hd_arena *a, const char *service, bool *ret_has,
                          struct store_reading *ret, struct hd_error *err)
{
    struct store_rejection *rejected;
    size_t n = 0;
    enum hd_code code = store_reading(s, a, service, ret, err);
    *ret_has = code == HD_OK;
    if (!code)
        code = store_rejections(s, a, service, &rejected, &n, err);
    for (size_t i = 0; !code && i < ret->n_sides; i++) {
        for (size_t k = 0; k < n; k++) {
            if (str_is(rejected[k].colour, ret->side[i].colour))
                ret->side[i].rejected = &rejected[k];
        }
    }
    return code == HD_ABSENT ? HD_OK : code;
}

static void read_change(struct hd_arena *a, struct guard_view *v)
{
    JSON_AUTO j = NULL;
    const char *text = v->guard.change;
    if (!text || json_parse((struct hd_span){text, strlen(text)}, &j, NULL))
        return;
    v->change_version = member_text(a, j, "version", NULL);
    v->change_commit = member_text(a, j, "commit", NULL);
    v->change_url = member_text(a, j, "url", NULL);
    v->change_actor = member_text(a, j, "actor", NULL);
}

/* The newest; the store gives the oldest first, a page of rows at a time. */
static enum hd_code load_events(struct store *s, struct hd_arena *a, struct guard_view *v,
                                struct hd_error *err)
{
    struct store_event *all = arena_many(a, EVENTS_SHOWN, struct store_event), *some;
    size_t n = HD_ROWS_MAX, total = 0;
    int64_t after = 0;
    while (n == HD_ROWS_MAX && total < EVENTS_READ) {
        if (store_events(s, a, v->guard.id, after, HD_ROWS_MAX, &some, &n, err))
            return err->code;
        size_t take = n < EVENTS_SHOWN ? n : EVENTS_SHOWN;
        size_t kept = total < EVENTS_SHOWN ? total : EVENTS_SHOWN;
        size_t drop = kept + take > EVENTS_SHOWN ? kept + take - EVENTS_SHOWN : 0;
        memmove(all, all + drop, (kept - drop) * sizeof *all);
        if (take)
            memcpy(all + kept - drop, some + n - take, take * sizeof *all);
        after = n ? some[n - 1].seq : after;
        total += n;
    }
    v->event = all;
    v->n_events = total < EVENTS_SHOWN ? total : EVENTS_SHOWN;
    v->events_left_out = total - v->n_events;
    return HD_OK;
}

/* Until when a chart shows aftercare: as long again as the guard took to decide, two minutes at least, and in any
 * case until users were well. */
static int64_t care_shown_ms(const struct store_guard *g)
{
    int64_t took = g->decided_ms - g->switch_to_ms, well = g->recovered_ms + CARE_BEHIND_MS;
    int64_t until = g->decided_ms + (took > CARE_LEAST_MS ? took : CARE_LEAST_MS);
    return g->recovered_ms < 0 ? INT64_MAX : well > until ? well : until;
}

static enum hd_code load_care(struct store *s, struct hd_arena *a, struct guard_view *v, int64_t until_ms,
                              struct hd_error *err)
{
    int64_t shown_ms = care_shown_ms(&v->guard);
    if (v->guard.verified_ms < 0)
        return HD_OK;
    return store_evidence_care(s, a, v->guard.id, shown_ms < until_ms ? shown_ms : until_ms, HD_PAGE_POLLS_MAX, &v->care,
                               &v->n_care, err);
}

enum hd_code view_evidence(struct store *s, struct hd_arena *a, struct guard_view *v, int64_t until_ms,
                           struct hd_error *err)
{
    struct store_evidence_spread spread = {.every = 1};
    enum hd_code code = store_evidence_spread(s, a, v->guard.id, until_ms, HD_PAGE_POLLS_MAX, &spread, err);
    if (code && code != HD_ABSENT)
        return code;
    if (code)
        v->no_evidence = "The polls of this guard were removed to make room; its verdict is kept.";
    v->evidence = spread.list;
    v->n_evidence = spread.n;
    v->polls = spread.polls;
    v->polls_every = spread.every;
    v->n_care = 0;
    return code ? HD_OK : load_care(s, a, v, until_ms, err);
}

const char *view_about(struct hd_arena *a, const struct store_service *s, const char *key)
{
    JSON_AUTO j = NULL;
    if (!s->about || json_parse((struct hd_span){s->about, strlen(s->about)}, &j, NULL))
        return NULL;
    return member_text(a, j, key, NULL);
}

void view_contacts(struct hd_arena *a, const struct store_service *s, struct contacts *ret)
{
    JSON_AUTO j = NULL;
    *ret = (struct contacts){0};
    if (!s->about || json_parse((struct hd_span){s->about, strlen(s->about)}, &j, NULL))
        return;
    ret->owner = member_text(a, j, "owner", NULL);
    ret->runbook = member_text(a, j, "runbook", NULL);
    ret->dashboard = member_text(a, j, "dashboard", NULL);
}

const struct store_hold *view_hold(const struct store_hold *hold, size_t n, const char *service)
{
    for (size_t i = 0; i < n; i++) {
        if (!hold[i].service || str_is(hold[i].service, service))
            return &hold[i];
    }
    return NULL;
}

/* What else was released around it: two changes at once are the commonest reason to blame the wrong one. */
static enum hd_code load_beside(struct store *s, struct hd_arena *a, struct guard_view *v, struct hd_error *err)
{
    const struct store_filter near = {.verdict = -1,
                                      .since_ms = v->guard.switch_to_ms - BESIDE_MS,
                                      .until_ms = v->guard.switch_to_ms + BESIDE_MS,
                                      .limit = BESIDE_MAX};
    size_t n, kept = 0;
    if (store_guards(s, a, &near, &v->beside, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++) {
        if (!str_is(v->beside[i].service, v->guard.service))
            v->beside[kept++] = v->beside[i];
    }
    v->n_beside = kept;
    return HD_OK;
}

enum hd_code view_load_service(struct store *s, struct hd_arena *a, struct guard_view *v, int64_t now_ms,
                               struct hd_error *err)
{
    const char *const colour[HD_ROLES] = {v->guard.stable, v->guard.candidate};
    const struct store_filter recent = {
        .service = v->guard.service, .verdict = -1, .limit = RECORD_GUARDS};
    enum hd_code code = store_service(s, a, v->guard.service, &v->service, err);
    if (code && code != HD_ABSENT)
        return code;
    v->has_service = !code;
    if (v->has_service)
        view_contacts(a, &v->service, &v->contacts);
    for (int r = 0; r < HD_ROLES; r++) {
        if (store_rejected(s, a, v->guard.service, colour[r], &v->rejected[r], err))
            return err->code;
    }
    if (hd_state_terminal(v->guard.state) && v->has_service && !v->guard.analysis) { /* what an order would find */
        const struct store_asked asked = {
            .service = v->guard.service, .row = &v->service, .target = v->guard.stable, .now_ms = now_ms};
        if (stance_load(s, a, &asked, &v->stance, err))
            return err->code;
    }
    if (store_guards(s, a, &recent, &v->recent, &v->n_recent, err))
        return err->code;
    record_of(a, v->recent, v->n_recent, &v->record);
    return load_beside(s, a, v, err);
}

static void keep_holds(struct guard_view *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n_holds; i++) {
        if (!v->hold[i].service || str_is(v->hold[i].service, v->guard.service))
            v->hold[kept++] = v->hold[i];
    }
    v->n_holds = kept;
}

enum hd_code view_load(struct store *s, struct hd_arena *a, const char *id, int64_t now_ms,
                       struct guard_view *ret, struct hd_error *err)
{
    struct guard_view *v = ret;
    *v = (struct guard_view){0};
    if (!view_is_id(id))
        return hd_fail(err, HD_ABSENT, "there is no guard %s", id);
    if (store_guard(s, a, id, &v->guard, err) ||
        view_reading(s, a, v->guard.service, &v->has_reading, &v->reading, err) ||
        load_others(s, a, v, err) || load_events(s, a, v, err) || view_evidence(s, a, v, INT64_MAX, err) ||
        store_outbox_of(s, a, id, &v->told, &v->n_told, err) ||
        store_intents(s, a, id, &v->intent, &v->n_intents, err) ||
        store_holds(s, a, now_ms, &v->hold, &v->n_holds, err) ||
        stance_of_guard(s, a, &v->guard, NULL, now_ms, &v->stance, err))
        return err->code;
    view_measure(v);
    view_checks(a, v->guard.checks, v->guard.engine, &v->check, &v->n_checks);
    read_change(a, v);
    keep_holds(v);
    return HD_OK;
}
