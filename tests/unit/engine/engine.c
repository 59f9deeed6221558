/* SPDX-License-Identifier: Apache-2.0
 *
 * The decision as scenes: one letter per poll for each role, and what the guard must say. The rows
 * are named after the requirement they hold; I1 is the invariant that silence is never a pass.
 */
#include "engine/engine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/reason.h"
#include "engine/stream.h"

enum { POLL_MS = 5000, POLLS = 60, DURATION_MS = POLLS * POLL_MS };

/* What a letter means for one role in one poll: of 1,000 requests unless it says otherwise. */
static const struct letter {
    char letter;
    uint8_t outcome;
    bool fresh;
    double events, exposure, value;
} letters[] = {
    {'g', HD_OUTCOME_OK, true, 1, 1000, 1},        /* good: 0.1 % */
    {'w', HD_OUTCOME_OK, true, 7, 1000, 7},        /* near the limit of 1 % */
    {'b', HD_OUTCOME_OK, true, 50, 1000, 50},      /* bad: 5 % */
    {'m', HD_OUTCOME_OK, true, 13, 1000, 13},      /* a little bad: 1.3 % */
    {'f', HD_OUTCOME_OK, true, 0, 30, 0},          /* few requests */
    {'F', HD_OUTCOME_OK, true, 15, 30, 0},         /* few requests, half of them bad */
    {'h', HD_OUTCOME_OK, true, 1, 30, 0},          /* few requests, one of them bad: may be chance */
    {'z', HD_OUTCOME_OK, true, 0, 0, 0},           /* a scrape without requests */
    {'-', HD_OUTCOME_OK, false, 0, 0, NAN},        /* no new samples */
    {'o', HD_OUTCOME_OK, false, 50, 1000, 50},     /* no new samples, and the old ones repeated */
    {'n', HD_OUTCOME_NO_DATA, false, 0, 0, NAN},
    {'s', HD_OUTCOME_STALE, false, 0, 0, NAN},
    {'e', HD_OUTCOME_ERROR, false, 0, 0, NAN},
    {'x', HD_OUTCOME_OK, true, NAN, 1000, NAN},    /* a lie: OK with a NaN */
    {'i', HD_OUTCOME_OK, true, -5, INFINITY, INFINITY},
};

static const struct letter *letter_of(char c)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].letter == c)
            return &letters[i];
    }
    fail_msg("no letter '%c'", c);
    return NULL;
}

struct setup {
    struct hd_check check[2]; /* the second is a copy that always gets 'g' from both */
    struct hd_policy policy;
};

struct scene {
    const char *name;
    void (*tune)(struct setup *);
    const char *candidate, *stable; /* the last letter repeats; "~" in front: all of it repeats;
                                       NULL: no measurement */
    const char *before;             /* stable, a letter per minute before the switch */
    uint8_t kind, cause;
    int at;                         /* poll in which it ends */
    int first;                      /* number of the first reason */
    int pages;                      /* polls that page */
    const char *presence;           /* per poll: '1' ready, '0' none ready, '?' unread,
        '_' no share,
                                       'u' ready unknown; NULL: '?' */
    uint32_t share_ppm;             /* 0: 100000 */
    int64_t scrape_ms;
};

static struct setup setup_new(void (*tune)(struct setup *))
{
    static const struct hd_rule three = {HD_RULE_CONSECUTIVE, 3, 0};
    struct setup s = {.policy = {
        .n_checks = 1, .on_inconclusive = HD_ON_INCONCLUSIVE_PAGE,
        .guard = {.duration_ms = DURATION_MS, .interval_ms = POLL_MS, .blind_for_ms = 60000,
                  .fail_after = three, .pass_score = NAN},
    }};
    s.check[0] = (struct hd_check){
        .name = "errors", .unit = "share", .max = 0.01, .min = NAN, .warn = 0.005,
        .worse_than_baseline = NAN, .min_of_baseline = NAN, .fail_after = three, .weight = 1,
        .min_samples = 100,
    };
    s.check[1] = s.check[0];
    if (tune)
        tune(&s);
    return s;
}

static char letter_at(const char *script, int poll)
{
    size_t n = strlen(script);
    if (script[0] == '~')
        return script[1 + (size_t)(poll - 1) % (n - 1)];
    return script[(size_t)poll <= n ? (size_t)poll - 1 : n - 1];
}

static struct hd_measurement measure(uint8_t check, enum hd_role role, char c)
{
    const struct letter *l = letter_of(c);
    return (struct hd_measurement){
        .check = check, .role = (uint8_t)role, .outcome = l->outcome, .fresh = l->fresh,
        .reason = l->outcome == HD_OUTCOME_ERROR ? HD_REASON_UNREACHABLE : HD_REASON_NONE,
        .events = l->events, .exposure = l->exposure, .value = l->value,
        .covers_ms = l->fresh ? POLL_MS : 0};
}

/* After polls without new samples the next one covers them too. */
static struct hd_measurement measure_at(enum hd_role role, const char *script, int poll)
{
    struct hd_measurement m = measure(0, role, letter_at(script, poll));
    for (int back = poll - 1; m.fresh && back > 0 && letter_at(script, back) == '-'; back--)
        m.covers_ms += POLL_MS;
    return m;
}

static struct hd_presence presence_of(char c, uint32_t share_ppm)
{
    return (struct hd_presence){.known = c != '?', .share_ppm = c == '_' ? 0 : share_ppm,
                                .ready = c == '1' ? 2 : c == 'u' ? UINT32_MAX : 0, .wanted = 2};
}

struct outcome {
    struct hd_guard_state state;
    struct hd_verdict verdict;
    int at, pages;
};

static void step(const struct setup *s, const struct hd_evidence *e, int64_t t_ms,
    struct outcome *o)
{
    struct hd_error err;
    assert_int_equal(engine_step(&s->policy, &o->state, e, t_ms, &o->state, &o->verdict, &err),
        HD_OK);
}

static void run_poll(const struct setup *s, const struct scene *scene, int poll, struct outcome *o)
{
    struct hd_measurement m[4];
    size_t n = 0;
    if (scene->candidate)
        m[n++] = measure_at(HD_CANDIDATE, scene->candidate, poll);
    if (scene->stable)
        m[n++] = measure_at(HD_STABLE, scene->stable, poll);
    if (s->policy.n_checks > 1) {
        m[n++] = measure(1, HD_CANDIDATE, 'g');
        m[n++] = measure(1, HD_STABLE, 'g');
    }
    struct hd_evidence e = {.poll = (uint32_t)poll, .scrape_ms = scene->scrape_ms, .m = m, .n = n};
    uint32_t share = scene->share_ppm ? scene->share_ppm : 100000;
    e.presence[HD_CANDIDATE] = presence_of(scene->presence ? letter_at(scene->presence,
        poll) : '?', share);
    step(s, &e, (int64_t)poll * POLL_MS, o);
    o->pages += o->verdict.page;
    if (o->verdict.kind && !o->at)
        o->at = poll;
}

static struct outcome run(const struct setup *s, const struct scene *scene)
{
    struct outcome o = {.at = 0};
    engine_state_init(&s->policy, &o.state);
    for (const char *bin = scene->before; bin && *bin; bin++) {
        struct hd_measurement m = measure(0, HD_STABLE, *bin);
        m.covers_ms = 60000;
        struct hd_evidence e = {.before = true, .m = &m, .n = 1};
        step(s, &e, 0, &o);
    }
    for (int poll = 1; poll <= 2 * POLLS + 2 && !o.at; poll++)
        run_poll(s, scene, poll, &o);
    return o;
}

/* --- tunings --- */

static void three_of_five(struct setup *s)
{
    s->check[0].fail_after = (struct hd_rule){HD_RULE_K_OF_N, 3, 5};
}
static void guards_three_of_ten(struct setup *s)
{
    s->policy.guard.fail_after = (struct hd_rule){HD_RULE_K_OF_N, 3, 10};
}
static void four_total(struct setup *s)
{
    s->check[0].fail_after = (struct hd_rule){HD_RULE_TOTAL, 4, 0};
}
static void guards_rule(struct setup *s)
{
    s->check[0].fail_after = (struct hd_rule){0};
    s->policy.guard.fail_after.k = 2;
}
static void success_min(struct setup *s)
{
    s->check[0].query.complement = true;
    s->check[0].max = s->check[0].warn = NAN;
    s->check[0].min = 0.99;
}
static void relative(struct setup *s)
{
    s->check[0].max = s->check[0].warn = NAN;
    s->check[0].worse_than_baseline = 2;
}
static void both_limits(struct setup *s) { s->check[0].worse_than_baseline = 2; }
static void gauge(struct setup *s)
{
    s->check[0].query.kind = HD_QUERY_GAUGE;
    s->check[0].max = 10;
    s->check[0].warn = 5;
}
static void gauge_of_baseline(struct setup *s)
{
    gauge(s);
    s->check[0].max = s->check[0].warn = NAN;
    s->check[0].min_of_baseline = 0.8;
}
static void rate_min(struct setup *s) /* 1,000 requests in 5 s are 200/s */
{
    s->check[0].query.kind = HD_QUERY_RATE;
    s->check[0].max = s->check[0].warn = NAN;
    s->check[0].min = 20;
}
static void advisory(struct setup *s)
{
    s->policy.n_checks = 2;
    s->check[0].advisory = true;
}
static void two_checks(struct setup *s) { s->policy.n_checks = 2; }
static void two_critical_second(struct setup *s)
{
    s->policy.n_checks = 2;
    s->check[1].critical = true;
}
static void warm(struct setup *s) { s->policy.guard.warmup_ms = 60000; }
static void warm_once(struct setup *s)
{
    warm(s);
    s->check[0].fail_after.k = 1;
}
static void warm_critical(struct setup *s)
{
    warm(s);
    s->check[0].critical = true;
}
static void many_samples(struct setup *s) { s->check[0].min_samples = 1e6; }
static void waits(struct setup *s) { s->policy.on_inconclusive = HD_ON_INCONCLUSIVE_WAIT; }
static void passes_open(struct setup *s) { s->policy.on_inconclusive = HD_ON_INCONCLUSIVE_PASS; }
static void passes_open_of_two(struct setup *s)
{
    two_checks(s);
    passes_open(s);
}
static void sequential_first(struct setup *s)
{
    two_checks(s);
    s->check[0].fail_after.kind = HD_RULE_SEQUENTIAL;
}
static void score_95(struct setup *s) { s->policy.guard.pass_score = 95; }
static void score_95_blind_half(struct setup *s)
{
    two_critical_second(s);
    score_95(s);
}
static void no_checks(struct setup *s) { s->policy.n_checks = 0; }

#define PASS HD_VERDICT_PASS
#define FAIL HD_VERDICT_FAIL
#define OPEN HD_VERDICT_INCONCLUSIVE
#define RELEASE HD_CAUSE_RELEASE
#define UNKNOWN HD_CAUSE_UNKNOWN
#define SHARED HD_CAUSE_SHARED
#define GOOD HD_REASON_ALL_GOOD
#define ABOVE HD_REASON_ABOVE_MAX

static const struct scene scenes[] = {
    /* rules */
    {"good to the end passes", NULL, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"near the limit passes", NULL, "w", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"consecutive: the third in a row fails", NULL, "gbbb", "g", NULL, FAIL, RELEASE, 4, ABOVE, 0},
    {"consecutive: a good poll resets", NULL, "~bbg", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"k of n: three of five", three_of_five, "bgbgb", "g", NULL, FAIL, RELEASE, 5, ABOVE, 0},
    {"k of n: three of six is not enough", three_of_five, "~bggbgg", "g", NULL, PASS, UNKNOWN, 60,
     GOOD, 0},
    {"total: the fourth in all", four_total, "bggbggbggb", "g", NULL, FAIL, RELEASE, 10, ABOVE, 0},
    {"no rule of its own: the guard's", guards_rule, "bb", "g", NULL, FAIL, RELEASE, 2, ABOVE, 0},
    {"min on a success ratio", success_min, "gbbb", "g", NULL, FAIL, RELEASE, 4,
     HD_REASON_BELOW_MIN, 0},
    {"min holds", success_min, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"gauge above max", gauge, "bbb", "g", NULL, FAIL, RELEASE, 3, ABOVE, 0},
    {"gauge good", gauge, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"rate below min", rate_min, "gfff", "g", NULL, FAIL, RELEASE, 4, HD_REASON_BELOW_MIN, 0},
    {"rate: no request at all is below min", rate_min, "gzzz", "g", NULL, FAIL, RELEASE, 4,
     HD_REASON_BELOW_MIN, 0},
    {"rate after a full switch: stable's trickle shares nothing", rate_min, "gfff", "m", NULL,
     FAIL, UNKNOWN, 4,
     HD_REASON_BELOW_MIN, 0, "1", 1000000},
    {"one bad check of two is enough", two_checks, "bbb", "g", NULL, FAIL, RELEASE, 3, ABOVE, 0},
    /* polls that are none */
    {"no new samples steps nothing", NULL, "~b--g--", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"bad polls with gaps still are in a row", NULL, "b--b--b", "g", NULL, FAIL, RELEASE, 7, ABOVE,
     0},
    {"samples seen before are no evidence", NULL, "~bogog", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"errors of the source neither trip nor reset", NULL, "bebeb", "g", NULL, FAIL, RELEASE, 5,
     ABOVE, 0},
    {"NaN never trips", NULL, "bbxxxg", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"infinite and negative never trip", NULL, "bbiiig", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    /* gathering */
    {"few samples are gathered: four polls are one judgement", NULL, "F", "g", NULL, FAIL, RELEASE,
     12, ABOVE, 0},
    {"few samples, good", NULL, "f", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"a gathered judgement counts as one poll", NULL, "FFFFgFFFFFFFFg", "g", NULL, PASS, UNKNOWN,
     60, GOOD, 0},
    {"the baseline is gathered over the same polls", relative, "g-b-b-b-", "-g-g-g-g", NULL, FAIL,
     RELEASE, 7,
     HD_REASON_WORSE_THAN_BASELINE, 0},
    /* baseline */
    {"worse than stable", relative, "gbbb", "g", NULL, FAIL, RELEASE, 4,
     HD_REASON_WORSE_THAN_BASELINE, 0},
    {"as bad as stable is fine for a relative limit", relative, "b", "b", NULL, PASS, UNKNOWN, 60,
     GOOD, 0},
    {"worse than before, stable without traffic", relative, "gbbb", "z", "ggg", FAIL, UNKNOWN, 4,
     HD_REASON_WORSE_THAN_BASELINE, 0},
    {"no baseline: undecidable", relative, "b", NULL, NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_POLLS, 1},
    {"AND: bad, but not worse than stable", both_limits, "m", "w", NULL, PASS, UNKNOWN, 60, GOOD,
     0},
    {"AND: worse, but within max", both_limits, "w", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"AND: both broken", both_limits, "b", "g", NULL, FAIL, RELEASE, 3, ABOVE, 0},
    {"AND without baseline: the absolute limit holds", both_limits, "g", NULL, NULL, PASS, UNKNOWN,
     60, GOOD, 0},
    {"AND without baseline: undecidable", both_limits, "b", NULL, NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_POLLS, 1},
    {"gauge below its baseline", gauge_of_baseline, "bggg", "b", NULL, FAIL, RELEASE, 4,
     HD_REASON_BELOW_BASELINE, 0},
    {"gauge below the mean before", gauge_of_baseline, "bggg", "e", "bb", FAIL, UNKNOWN, 4,
     HD_REASON_BELOW_BASELINE, 0},
    {"no baseline for an absolute limit: the cause is unknown", NULL, "bbb", NULL, NULL, FAIL,
     UNKNOWN, 3, ABOVE, 0},
    {"stable seen beside one bad poll of three: the cause is unknown", NULL, "bbb", "gz", NULL, FAIL,
     UNKNOWN, 3, ABOVE, 0},
    {"stable seen beside two of three", NULL, "bbb", "ggz", NULL, FAIL, RELEASE, 3, ABOVE, 0},
    {"after a full switch an idle stable's calm gauge tells nothing", gauge, "bbb", "g", NULL, FAIL,
     UNKNOWN, 3, ABOVE, 0, "1", 1000000},
    /* shared */
    {"shared to the end is not the deploy: page, and early once", NULL, "b", "b", NULL, OPEN,
     SHARED, 60,
     HD_REASON_SHARED, 2},
    {"shared, then both well", NULL, "bbbbbbbg", "bbbbbbbg", NULL, PASS, UNKNOWN, 60, GOOD, 1},
    {"shared does not trip; alone it does", NULL, "bbbbbbbb", "bbbbbg", NULL, FAIL, RELEASE, 8,
     ABOVE, 1},
    {"shared does not reset", NULL, "bbbb", "ggbg", NULL, FAIL, RELEASE, 4, ABOVE, 0},
    {"stable alone bad is nothing", NULL, "g", "b", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"stable with few samples that prove nothing is not shared", NULL, "bbb", "h", NULL, FAIL,
     UNKNOWN, 3, ABOVE, 0},
    {"few samples of stable that prove it are shared", NULL, "b", "F", NULL, OPEN, SHARED, 60,
     HD_REASON_SHARED, 2},
    {"both bad after a full switch", NULL, "b", "b", "ggg", OPEN, UNKNOWN, 60,
     HD_REASON_BOTH_BAD_AFTER_SWITCH, 2,
     "1", 995000},
    {"both bad, not a full switch", NULL, "b", "b", "ggg", OPEN, SHARED, 60, HD_REASON_SHARED, 2,
     "1", 500000},
    {"shared pages even when inconclusive passes", passes_open, "b", "b", NULL, OPEN, SHARED, 60,
     HD_REASON_SHARED, 2},
    /* earlier */
    {"broken before and still: nothing else decides", NULL, "b", "g", "bbgbb", OPEN, HD_CAUSE_EARLIER, 60,
     HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before and still: no pass by the other check", two_checks, "b", "g", "bbgbb", OPEN,
     HD_CAUSE_EARLIER, 60, HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before and still: no pass by policy", passes_open_of_two, "b", "g", "bb", OPEN, HD_CAUSE_EARLIER,
     60, HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before, well for two polls, broken to the end: no pass", two_checks, "ggb", "g", "bb", OPEN,
     HD_CAUSE_EARLIER, 60, HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before, in and out to the end: no pass", two_checks, "~bgg", "g", "bb", OPEN, HD_CAUSE_EARLIER, 60,
     HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before, shared to the end: no pass", two_checks, "b", "b", "bb", OPEN, HD_CAUSE_EARLIER, 60,
     HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before and still, by the sequential rule: no pass", sequential_first, "b", "g", "bb", OPEN,
     HD_CAUSE_EARLIER, 60, HD_REASON_NOT_WELL_AGAIN, 1},
    {"broken before, well at once: it passes", NULL, "g", "g", "bb", PASS, UNKNOWN, 60, GOOD, 0},
    {"broken before, tripped uncounted, well again: it passes", NULL, "bbbbbg", "g", "bb", PASS, UNKNOWN, 60,
     GOOD, 0},
    {"broken before, seen well for three polls: it counts again", NULL, "gggbbb", "g", "bb", FAIL, RELEASE, 6,
     ABOVE, 0},
    {"as long as a trip takes by its own rule", three_of_five, "gggbgbgb", "g", "bb", FAIL, RELEASE, 8, ABOVE, 0},
    {"what broke till then is forgotten", four_total, "bbbggggbbb", "g", "bb", FAIL, RELEASE, 11, ABOVE, 0},
    {"a shared poll is not well", NULL, "ggbgb", "ggbg", "bb", OPEN, HD_CAUSE_EARLIER, 60, HD_REASON_NOT_WELL_AGAIN, 1},
    {"polls without samples are not well", NULL, "g-gbbb", "g", "bb", OPEN, HD_CAUSE_EARLIER, 60,
     HD_REASON_NOT_WELL_AGAIN, 1},
    {"well again, then both bad after a full switch", NULL, "gggb", "gggb", "bb", OPEN, UNKNOWN, 60,
     HD_REASON_BOTH_BAD_AFTER_SWITCH, 2, "1", 995000},
    {"the newest minute before was clean: it is over", NULL, "bbb", "g", "bbbbg", FAIL, RELEASE, 3, ABOVE, 0},
    {"half broken before is not earlier", NULL, "bbb", "g", "bgbg", FAIL, RELEASE, 3, ABOVE, 0},
    {"one bin is too few", NULL, "bbb", "g", "b", FAIL, RELEASE, 3, ABOVE, 0},
    {"bins without samples are not judged", NULL, "bbb", "g", "bfff", FAIL, RELEASE, 3, ABOVE, 0},
    {"advisory never fails the guard", advisory, "b", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    /* warm-up */
    {"warm-up: not counted", warm, "bbbbbbbbbbbg", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"warm-up over: counted from then", warm, "b", "g", NULL, FAIL, RELEASE, 14, ABOVE, 0},
    {"warm-up: critical is judged", warm_critical, "b", "g", NULL, FAIL, RELEASE, 3, ABOVE, 0},
    {"warm-up: what was gathered in it is not judged later", warm_once, "FFFFFFFFFFFf", "g", NULL, PASS,
     UNKNOWN, 60, GOOD, 0},
    {"warm-up: silence is judged", warm, "g", "g", NULL, FAIL, RELEASE, 3,
     HD_REASON_CANDIDATE_SILENT, 0, "0"},
    /* silence */
    {"no ready member, three polls", NULL, "n", "g", NULL, FAIL, RELEASE, 3,
     HD_REASON_CANDIDATE_SILENT, 0, "0"},
    {"ready unknown is not silent", NULL, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0, "u"},
    {"no share is not silent", NULL, "n", "g", NULL, OPEN, UNKNOWN, 60, HD_REASON_TOO_FEW_SAMPLES,
     2, "_"},
    {"ready in one poll of three", NULL, "g", "g", NULL, FAIL, RELEASE, 4, HD_REASON_CANDIDATE_SILENT, 0, "~001"},
    {"ready in every second poll", NULL, "g", "g", NULL, FAIL, RELEASE, 5, HD_REASON_CANDIDATE_SILENT, 0, "~01"},
    {"ready in two polls of three", NULL, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0, "~011"},
    {"ready after two polls, and again later", NULL, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0, "00111100111"},
    {"in as many polls as the guard's rule looks at", guards_three_of_ten, "g", "g", NULL, FAIL, RELEASE, 7,
     HD_REASON_CANDIDATE_SILENT, 0, "~011"},
    {"unread router is no news", NULL, "n", "e", NULL, FAIL, RELEASE, 5,
     HD_REASON_CANDIDATE_SILENT, 0, "0?0?0"},
    {"no samples, source alive, after two scrapes and a poll", NULL, "n", "g", NULL, FAIL, RELEASE,
     9,
     HD_REASON_CANDIDATE_NO_SAMPLES, 0, NULL, 0, 15000},
    {"stale candidate, source alive", NULL, "gggs", "g", NULL, FAIL, RELEASE, 6,
     HD_REASON_CANDIDATE_NO_SAMPLES, 0},
    {"no samples, source dead as well", NULL, "n", "s", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"no samples from one check only", two_checks, "n", "g", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"an idle service has nobody to be silent to", NULL, "n", "z", "zzz", OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    /* I1 */
    {"I1: nothing observed is inconclusive", NULL, "e", "e", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"I1: no measurement at all", NULL, NULL, NULL, NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"I1: no new samples to the end", NULL, "-", "-", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"I1: half of the time is not most of it", NULL, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeg", "g", NULL,
     OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_POLLS, 2},
    {"I1: more than half is", NULL, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeg", "g", NULL, PASS, UNKNOWN, 60,
     GOOD, 1},
    {"I1: the last polls count", NULL,
     "ggggggggggggggggggggggggggggggggggggggggggggggggggggggggeeee", "g", NULL, OPEN,
     UNKNOWN, 60, HD_REASON_LAST_POLLS_BLIND, 1},
    {"I1: three polls without are allowed", NULL,
     "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggeee", "g",
     NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"I1: with a long scrape, two scrapes and a poll", NULL,
     "ggggggggggggggggggggggggggggggggggggggggggggggggggggg-------", "g", NULL, PASS, UNKNOWN, 60,
     GOOD, 0, NULL, 0, 15000},
    {"I1: too few requests", many_samples, "g", "g", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 1},
    {"I1: scrapes without requests", NULL, "z", "z", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 1},
    {"I1: critical checks are the required ones", two_critical_second, "e", "g", NULL, PASS,
     UNKNOWN, 60, GOOD, 1},
    {"I1: without a critical check all are", two_checks, "e", "g", NULL, OPEN, UNKNOWN, 60,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"I1: NaN is not observed", NULL, "x", "g", NULL, OPEN, UNKNOWN, 60, HD_REASON_TOO_FEW_SAMPLES,
     2},
    {"I1: no check, no pass", no_checks, NULL, NULL, NULL, OPEN, UNKNOWN, 60, 0, 1},
    /* the end */
    {"blind pages once, and once more after it recovered", NULL,
     "ggggeeeeeeeeeeeeeeggggggeeeeeeeeeeeeeeg", "g", NULL, PASS, UNKNOWN, 60, GOOD, 2},
    {"blind advisory check does not page", advisory, "e", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"wait: goes on until it can say", waits, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeg", "g",
     NULL, PASS, UNKNOWN, 71, GOOD, 1},
    {"wait: twice the duration at most", waits, "e", "g", NULL, OPEN, UNKNOWN, 120,
     HD_REASON_TOO_FEW_SAMPLES, 2},
    {"wait: a fail in the extension fails", waits,
     "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeb", "g", NULL, FAIL, RELEASE,
     65, ABOVE, 1},
    {"score: enough", score_95, "g", "g", NULL, PASS, UNKNOWN, 60, GOOD, 0},
    {"score: a warning is one half", score_95, "w", "g", NULL, FAIL, UNKNOWN, 60,
     HD_REASON_LOW_SCORE, 0},
    {"score: what is not known fails nothing", score_95_blind_half, "e", "g", NULL, OPEN, UNKNOWN,
     60, HD_REASON_LOW_SCORE, 2},
};

static void decisions(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        const struct scene *scene = &scenes[i];
        struct setup s = setup_new(scene->tune);
        s.policy.checks = s.check;
        struct outcome o = run(&s, scene);
        int first = o.verdict.n ? o.verdict.reason[0].number : 0;
        if (o.verdict.kind != scene->kind || o.verdict.cause != scene->cause || o.at != scene->at ||
            first != scene->first || o.pages != scene->pages)
            wrong++, print_error("%s: %s by %s at %d, %s first, %d pages\n", scene->name,
                                 hd_verdict_word(o.verdict.kind), hd_cause_word(o.verdict.cause),
                                 o.at, reason_slug(first), o.pages);
    }
    assert_int_equal(wrong, 0);
}

/* What was judged and counted for or against nothing is told apart. */
static void counted_apart(void **state)
{
    static const struct {
        const char *name;
        void (*tune)(struct setup *);
        const char *candidate, *stable;
        uint32_t judged, warm, shared, broken;
    } row[] = {
        {"warm-up", warm, "b", "g", 14, 11, 0, 3},
        {"critical knows no warm-up", warm_critical, "b", "g", 3, 0, 0, 3},
        {"both sides", NULL, "bbbbbbbb", "bbbbbg", 8, 0, 5, 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct setup s = setup_new(row[i].tune);
        s.policy.checks = s.check;
        const struct outcome o = run(&s, &(struct scene){.candidate = row[i].candidate, .stable = row[i].stable});
        const struct hd_check_state *c = &o.state.check[0];
        if (c->judged != row[i].judged || c->warm != row[i].warm || c->shared != row[i].shared ||
            c->broken != row[i].broken)
            fail_msg("%s: %u judged, %u warm, %u shared, %u broken", row[i].name, c->judged, c->warm, c->shared,
                     c->broken);
    }
}

/* Once ended, nothing changes any more, whatever comes. */
static void ended_stays_ended(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct outcome o = run(&s, &(struct scene){.candidate = "bbb", .stable = "g"});
    struct hd_verdict said = o.verdict;
    struct hd_guard_state was = o.state;
    for (int poll = 4; poll < 200; poll++)
        run_poll(&s, &(struct scene){.candidate = "g", .stable = "g"}, poll, &o);
    struct hd_measurement bin = measure(0, HD_STABLE, 'b');
    step(&s, &(struct hd_evidence){.before = true, .m = &bin, .n = 1}, 0, &o);
    assert_memory_equal(&was, &o.state, sizeof was);
    assert_int_equal(o.verdict.kind, said.kind);
    assert_int_equal(o.verdict.cause, said.cause);
    assert_int_equal(o.verdict.n, said.n);
    assert_memory_equal(o.verdict.reason, said.reason, said.n * sizeof *said.reason);
    assert_int_equal(o.pages, 0);
}

static const struct hd_reason *find(const struct hd_verdict *v, int number)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->reason[i].number == number)
            return &v->reason[i];
    }
    return NULL;
}

/* Reasons carry their figures; the sentences are what people read. */
static void reasons_read_well(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*tune)(struct setup *);
        const char *candidate, *stable, *before;
        int polls, number;
        const char *want;
        const char *presence;
    } rows[] = {
        {"tripped", NULL, "bbb", "g", NULL, 3, HD_REASON_ABOVE_MAX,
         "errors on green 5% > 1% (blue 0.1%), 3 of 3 polls, n=1,000"},
        {"on its way", NULL, "gbb", "g", NULL, 3, HD_REASON_ABOVE_MAX,
         "errors on green 5% > 1% (blue 0.1%), 2 of 3 polls, n=1,000"},
        {"window", three_of_five, "bgb", "g", NULL, 3, HD_REASON_ABOVE_MAX,
         "errors on green 5% > 1% (blue 0.1%), 2 of 5 polls, n=1,000"},
        {"before as baseline", relative, "bbb", "z", "gg", 3, HD_REASON_WORSE_THAN_BASELINE,
         "errors on green 5% > 0.2% by its baseline (before the switch 0.1%), "
         "3 of 3 polls, n=1,000"},
        {"no baseline", NULL, "bbb", NULL, NULL, 3, HD_REASON_ABOVE_MAX,
         "errors on green 5% > 1%, 3 of 3 polls, n=1,000"},
        {"within", NULL, "g", "g", NULL, 1, HD_REASON_WITHIN,
         "errors on green 0.1% within 1% (blue 0.1%), n=1,000"},
        {"near", NULL, "w", "g", NULL, 1, HD_REASON_NEAR,
         "errors on green 0.7% is near its limit 1% (blue 0.1%), n=1,000"},
        {"gathering", NULL, "ff", "g", NULL, 2, HD_REASON_TOO_FEW_SAMPLES,
         "errors saw 60 requests of the 100 it needs"},
        {"silent", NULL, "n", "g", NULL, 1, HD_REASON_CANDIDATE_SILENT,
         "green carries traffic and has 0 of 2 members ready", "0"},
        {"shared", NULL, "b", "b", NULL, 1, HD_REASON_SHARED,
         "errors: both colours break the limit (5%, blue 5%): likely not the deploy"},
        {"earlier", NULL, "b", "g", "bb", 1, HD_REASON_EARLIER,
         "errors broke its limit before the switch already (5% against 1%): "
         "advisory for this guard"},
        {"earlier, and still", NULL, "b", "g", "bb", 1, HD_REASON_NOT_WELL_AGAIN,
         "errors on green 5% (limit 1%) does not count: its limit was broken before the switch too, "
         "and it is not well again"},
        {"advisory", advisory, "bbb", "g", NULL, 3, HD_REASON_ADVISORY,
         "errors on green broke its limit (5% against 1%); it is advisory"},
        {"the outcome's own reason", NULL, "e", "g", NULL, 1, HD_REASON_UNREACHABLE,
         "cannot connect"},
    };
    static const char *const check[] = {"errors", "other"}, *const unit[] = {"share", "share"};
    const struct reason_names names = {check, unit, 2, {"blue", "green"}, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct setup s = setup_new(rows[i].tune);
        s.policy.checks = s.check;
        struct scene scene = {.candidate = rows[i].candidate, .stable = rows[i].stable,
                              .presence = rows[i].presence};
        struct outcome o = {.at = 0};
        engine_state_init(&s.policy, &o.state);
        for (const char *bin = rows[i].before; bin && *bin; bin++) {
            struct hd_measurement m = measure(0, HD_STABLE, *bin);
            step(&s, &(struct hd_evidence){.before = true, .m = &m, .n = 1}, 0, &o);
        }
        for (int poll = 1; poll <= rows[i].polls; poll++)
            run_poll(&s, &scene, poll, &o);
        const struct hd_reason *r = find(&o.verdict, rows[i].number);
        BUF_AUTO text = BUF_INIT(500);
        if (r)
            reason_render(&text, r, &names);
        if (strcmp(buf_at(&text), rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, buf_at(&text));
    }
}

static void scores(void **state)
{
    (void)state;
    static const struct {
        const char *name, *candidate;
        double weight, want;
    } rows[] = {
        {"both pass", "g", 1, 100},  {"a warning is one half", "w", 1, 75},
        {"a fail is nothing", "b", 1, 50}, {"by weight", "b", 3, 25},
        {"not known is nothing", "e", 1, 50}, {"weight nought", "b", 0, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct setup s = setup_new(two_checks);
        s.policy.checks = s.check;
        s.check[0].weight = rows[i].weight;
        struct outcome o = {.at = 0};
        engine_state_init(&s.policy, &o.state);
        run_poll(&s, &(struct scene){.candidate = rows[i].candidate, .stable = "g"}, 1, &o);
        if (o.verdict.score != rows[i].want)
            fail_msg("%s: %g", rows[i].name, o.verdict.score);
    }
}

/* Gathering polls are neither judgements nor blindness. */
static void gathering_is_shown(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct outcome o = {.at = 0};
    engine_state_init(&s.policy, &o.state);
    for (int poll = 1; poll <= 3; poll++) {
        run_poll(&s, &(struct scene){.candidate = "f", .stable = "g"}, poll, &o);
        assert_int_equal(o.state.check[0].outcome, HD_OUTCOME_TOO_FEW);
        assert_int_equal(o.state.check[0].judged, 0);
    }
    run_poll(&s, &(struct scene){.candidate = "f", .stable = "g"}, 4, &o);
    assert_int_equal(o.state.check[0].outcome, HD_OUTCOME_OK);
    assert_int_equal(o.state.check[0].judged, 1);
    assert_int_equal(o.state.check[0].band, HD_BAND_PASS);
    assert_true(o.state.check[0].n == 120);
    assert_int_equal(o.state.check[0].watched_ms, 4 * POLL_MS);
}

static void blind_is_shown_and_recovers(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct outcome o = {.at = 0};
    struct scene scene = {.candidate = "geeeeeeeeeeeeg", .stable = "g"};
    engine_state_init(&s.policy, &o.state);
    for (int poll = 1; poll <= 14; poll++) {
        run_poll(&s, &scene, poll, &o);
        bool blind = poll == 13; /* 60 s after the last usable poll */
        assert_int_equal(o.state.check[0].blind, blind);
        assert_int_equal(o.verdict.page, blind);
        assert_int_equal(find(&o.verdict, HD_REASON_BLIND) != NULL, blind);
        assert_int_equal(o.state.check[0].band, blind ? HD_BAND_NONE : HD_BAND_PASS);
    }
}

static void foreign_evidence_is_refused(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct hd_guard_state before, after;
    engine_state_init(&s.policy, &before);
    memset(&after, 7, sizeof after);
    struct hd_guard_state untouched = after;
    struct hd_verdict verdict;
    struct hd_error err;
    struct hd_measurement m[2] = {measure(0, HD_CANDIDATE, 'g'), measure(0, HD_CANDIDATE, 'g')};
    const struct hd_evidence e = {.m = m, .n = 2};
    assert_int_equal(engine_step(&s.policy, &before, &e, 1, &after, &verdict, &err), HD_INVALID);
    m[1].check = 1;
    assert_int_equal(engine_step(&s.policy, &before, &e, 1, &after, &verdict, &err), HD_INVALID);
    m[1].check = 0;
    m[1].role = HD_ROLES;
    assert_int_equal(engine_step(&s.policy, &before, &e, 1, &after, &verdict, &err), HD_INVALID);
    assert_memory_equal(&after, &untouched, sizeof after);
    m[1].role = HD_STABLE;
    assert_int_equal(engine_step(&s.policy, &before, &e, 1, &after, &verdict, &err), HD_OK);
}

/* Nobody polled for hours: the wait for an answer is over all the same. */
static void waiting_ends_after_a_long_gap(void **state)
{
    (void)state;
    struct setup s = setup_new(waits);
    s.policy.checks = s.check;
    struct outcome o = {.at = 0};
    engine_state_init(&s.policy, &o.state);
    run_poll(&s, &(struct scene){.candidate = "e", .stable = "g"}, 1, &o);
    run_poll(&s, &(struct scene){.candidate = "e", .stable = "g"}, 10 * POLLS, &o);
    assert_int_equal(o.verdict.kind, OPEN);
    assert_int_equal(o.state.extended_ms, DURATION_MS);
}

/* Who is given more time long before the end does not lack what is still to come. */
static void extended_early_lacks_nothing(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct outcome o = {.at = 0};
    engine_state_init(&s.policy, &o.state);
    for (int poll = 1; poll <= 4; poll++) {
        run_poll(&s, &(struct scene){.candidate = "g", .stable = "g"}, poll, &o);
        if (poll == 3)
            engine_take(&(struct engine_input){.by_ms = 10 * DURATION_MS, .kind = ENGINE_EXTENDED}, &o.state, &o.verdict);
    }
    assert_int_equal(o.verdict.kind, HD_VERDICT_NONE);
    assert_int_equal(o.verdict.reason[0].number, HD_REASON_WITHIN);
}

/* Guard time never runs back. */
static void time_never_runs_back(void **state)
{
    (void)state;
    struct setup s = setup_new(NULL);
    s.policy.checks = s.check;
    struct outcome o = {.at = 0};
    engine_state_init(&s.policy, &o.state);
    run_poll(&s, &(struct scene){.candidate = "g", .stable = "g"}, 10, &o);
    run_poll(&s, &(struct scene){.candidate = "g", .stable = "g"}, 3, &o);
    assert_int_equal(o.state.t_ms, 50000);
    assert_int_equal(o.state.polls, 2);
}

static void sequential(struct setup *s) /* 1.2 times as bad, and 0.1 % on top, is no reason to go back */
{
    relative(s);
    s->check[0].worse_than_baseline = NAN;
    s->check[0].tolerance = 1.2;
    s->check[0].tolerance_abs = 0.001;
    s->check[0].fail_after.kind = HD_RULE_SEQUENTIAL;
}

/* What a guard knew at its end of its first check. */
enum knew { NOTHING, BEFORE, PAST, BAD_5, BEFORE_AND_BAD_5, PAST_AND_BAD_1, ALL_AND_BAD_2, EARLIER };

static void learn(enum knew knew, struct hd_check_state *s)
{
    if (knew == BEFORE || knew == BEFORE_AND_BAD_5 || knew == ALL_AND_BAD_2) { /* 0.1 % */
        s->before_events = 10;
        s->before_exposure = 10000;
        s->before_ms = 300000;
        s->before_judged = 5;
        s->before_value = 1;
    }
    if (knew == PAST || knew == PAST_AND_BAD_1 || knew == ALL_AND_BAD_2)
        stream_words(s)->ceiling = 0.02;
    s->tripped = knew == BAD_5 || knew == BEFORE_AND_BAD_5 || knew == PAST_AND_BAD_1 || knew == ALL_AND_BAD_2;
    if (s->tripped)
        s->worst_value = knew == PAST_AND_BAD_1 ? 0.01 : knew == ALL_AND_BAD_2 ? 0.021 : 0.05;
    s->earlier = knew == EARLIER;
}

static void health(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*tune)(struct setup *);
        enum knew knew;
        const char *stable;
        enum hd_band want; /* after the last letter */
        uint32_t bad;      /* judgements in a row that found it bad */
    } rows[] = {
        {"well", NULL, NOTHING, "gg", HD_BAND_PASS, 0},
        {"one poll is no proof", NULL, NOTHING, "g", HD_BAND_NONE, 0},
        {"nor is the same one again", NULL, NOTHING, "g-", HD_BAND_NONE, 0},
        {"near is well", NULL, NOTHING, "ww", HD_BAND_PASS, 0},
        {"bad at once", NULL, NOTHING, "b", HD_BAND_FAIL, 1},
        {"few requests: not known yet", NULL, NOTHING, "fff", HD_BAND_NONE, 0},
        {"gathered over polls", NULL, NOTHING, "ffff", HD_BAND_PASS, 0},
        {"gathered bad", NULL, NOTHING, "FFFF", HD_BAND_FAIL, 1},
        {"no new samples: as it was", NULL, NOTHING, "gg-", HD_BAND_PASS, 0},
        {"samples seen before are not counted", NULL, NOTHING, "ggo", HD_BAND_PASS, 0},
        {"no data any more", NULL, NOTHING, "ggn", HD_BAND_NONE, 0},
        {"after no data it is proven anew", NULL, NOTHING, "ggng", HD_BAND_NONE, 0},
        {"NaN", NULL, NOTHING, "x", HD_BAND_NONE, 0},
        {"recovers", NULL, NOTHING, "bgg", HD_BAND_PASS, 0},
        {"not with the first good poll", NULL, NOTHING, "bg", HD_BAND_FAIL, 0},
        {"turns bad again", NULL, NOTHING, "ggbbb", HD_BAND_FAIL, 3},
        {"advisory checks do not count", advisory, NOTHING, "bb", HD_BAND_PASS, 0},
        {"nor what was bad before the switch", two_checks, EARLIER, "bb", HD_BAND_PASS, 0},
        {"a relative limit needs a baseline", relative, NOTHING, "gg", HD_BAND_NONE, 0},
        {"within a relative limit", relative, BEFORE, "gg", HD_BAND_PASS, 0},
        {"beyond a relative limit", relative, BEFORE, "b", HD_BAND_FAIL, 1},
        {"of two limits both must be broken", both_limits, NOTHING, "b", HD_BAND_FAIL, 1},
        {"gauge", gauge, NOTHING, "b", HD_BAND_FAIL, 1},
        {"gauge that is well", gauge, NOTHING, "gg", HD_BAND_PASS, 0},
        {"sequential: by nothing it cannot be said", sequential, NOTHING, "gggg", HD_BAND_NONE, 0},
        {"sequential: by its past", sequential, PAST, "gg", HD_BAND_PASS, 0},
        {"sequential: beyond its past", sequential, PAST, "b", HD_BAND_FAIL, 1},
        {"sequential: by the minutes before", sequential, BEFORE, "gg", HD_BAND_PASS, 0},
        {"sequential: beyond the minutes before", sequential, BEFORE, "m", HD_BAND_FAIL, 1},
        {"sequential: no error is far from bad", sequential, BAD_5, "gg", HD_BAND_PASS, 0},
        {"sequential: as bad as the candidate", sequential, BAD_5, "b", HD_BAND_FAIL, 1},
        {"sequential: far from bad", sequential, BEFORE_AND_BAD_5, "gg", HD_BAND_PASS, 0},
        {"sequential: what is not beyond its past was not bad", sequential, PAST_AND_BAD_1, "ww", HD_BAND_PASS, 0},
        {"sequential: nearer to the bad one than to its own", sequential, ALL_AND_BAD_2, "m", HD_BAND_FAIL, 1},
        {"no checks: not known", no_checks, NOTHING, "gg", HD_BAND_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct setup s = setup_new(rows[i].tune);
        struct hd_guard_state memory;
        s.policy.checks = s.check;
        engine_state_init(&s.policy, &memory);
        learn(rows[i].knew, &memory.check[0]);
        struct engine_health sum = {.events = {0}};
        enum hd_band band = HD_BAND_NONE;
        for (const char *c = rows[i].stable; *c; c++) {
            struct hd_measurement m[] = {measure(0, HD_CANDIDATE, 'b'), measure(0, HD_STABLE, *c),
                                         measure(1, HD_STABLE, 'g')};
            struct hd_evidence e = {.m = m, .n = 3};
            band = engine_health(&s.policy, &memory, HD_STABLE, &e, &sum);
        }
        if (band != rows[i].want || sum.bad[sum.worst] != rows[i].bad)
            fail_msg("%s: %s, bad %u", rows[i].name, hd_band_word((int)band), sum.bad[sum.worst]);
    }
}

/* What comes from outside, onto the verdict of the last poll. */
static void taken_from_outside(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum engine_input_kind kind;
        uint8_t before, want;
        int64_t want_ms;
        int reason; /* 0: none */
    } rows[] = {
        {"extended", ENGINE_EXTENDED, HD_VERDICT_NONE, HD_VERDICT_NONE, 7, 0},
        {"an order is a verdict", ENGINE_ORDERED_BACK, HD_VERDICT_NONE, HD_VERDICT_FAIL, 0, 0},
        {"an order after a verdict changes none", ENGINE_ORDERED_BACK, HD_VERDICT_INCONCLUSIVE,
         HD_VERDICT_INCONCLUSIVE, 0, 0},
        {"an alert fails", ENGINE_ALERT_FAILED, HD_VERDICT_NONE, HD_VERDICT_FAIL, 0, HD_REASON_ALERT},
        {"an alert doubts", ENGINE_ALERT_DOUBTED, HD_VERDICT_PASS, HD_VERDICT_INCONCLUSIVE, 0, HD_REASON_ALERT},
        {"the switch never came", ENGINE_NEVER_CAME, HD_VERDICT_NONE, HD_VERDICT_INCONCLUSIVE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct setup s = setup_new(NULL);
        struct hd_guard_state memory;
        struct hd_verdict v = {.kind = rows[i].before};
        s.policy.checks = s.check;
        engine_state_init(&s.policy, &memory);
        engine_take(&(struct engine_input){.by_ms = 7, .kind = (int32_t)rows[i].kind}, &memory, &v);
        int reason = v.n ? v.reason[0].number : 0;
        if (v.kind != rows[i].want || memory.extended_ms != rows[i].want_ms || reason != rows[i].reason)
            fail_msg("%s: %s, %lld ms, reason %d", rows[i].name, hd_verdict_word(v.kind),
                     (long long)memory.extended_ms, reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),
        cmocka_unit_test(counted_apart), cmocka_unit_test(ended_stays_ended),
        cmocka_unit_test(reasons_read_well),
        cmocka_unit_test(scores),
        cmocka_unit_test(gathering_is_shown),
        cmocka_unit_test(blind_is_shown_and_recovers),
        cmocka_unit_test(foreign_evidence_is_refused),
        cmocka_unit_test(extended_early_lacks_nothing),
        cmocka_unit_test(time_never_runs_back),
        cmocka_unit_test(waiting_ends_after_a_long_gap),
        cmocka_unit_test(health),
        cmocka_unit_test(taken_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
