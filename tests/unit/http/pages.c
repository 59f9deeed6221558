/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages over a real store: that the first screen answers, that states show as words, that
 * hostile texts stay text, that nothing on a page needs script or style attributes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/demo.h"
#include "http/export.h"
#include "http/fleet.h"
#include "http/guard.h"
#include "http/guard_parts.h"
#include "http/moment.h"
#include "http/parts.h"
#include "http/show.h"
#include "sample.h"

static char dir[100], path[120];
static int64_t now_ms;

static int make_store(void **state)
{
    (void)state;
    now_ms = clock_now().wall_ms;
    sample_fill(sample_make(dir, path), SAMPLE_WITH_HOSTILE, now_ms);
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    sample_drop(dir, path);
    return 0;
}

static void render(struct hd_arena *a, const char *id, struct buf *to)
{
    struct hd_error err;
    struct store *s = NULL;
    struct guard_view *v = arena_of(a, struct guard_view);
    sample_ok(store_open_reader(path, &s, &err), &err);
    sample_ok(view_load(s, a, id, now_ms, v, &err), &err);
    sample_ok(view_load_service(s, a, v, now_ms, &err), &err);
    guard_render(to, a, v, now_ms);
    assert_false(to->full);
    (void)store_close(s);
}

/* What stands before the heading of the checks: one screen. */
static void test_first_screen(void **state)
{
    static const struct {
        const char *name, *id;
        const char *want[8];
    } row[] = {
        {"reverted",
         SAMPLE_REVERTED,
         {"You are not needed", "<h1>checkout: checkout rolled back green v42 to blue v41 and recovered",
          "<title>checkout: checkout rolled back green v42 to blue v41 and recovered", "gets <b>100%</b>",
          "recovered <time", "affected for about <b>65 s</b>", "watched in the same polls, is well",
          "4.8% &gt; 1% (blue 0.2%), 3 of 3 polls, n=12,431"}},
        {"not verified",
         SAMPLE_BROKEN,
         {"You are needed now", "role=\"alert\"", "not verified</li>",
          "old: by the router, read 95 s ago", "38% of the traffic is still on green.",
          "<details open><summary>by hand: moves the traffic to blue", "set weight shop/blue1 100"}},
        {"watching",
         SAMPLE_WATCHING,
         {"Not needed: haldane is watching", "Nothing was changed. Watching since", "until <time",
          "content=\"15\"", "gets <b>80%</b>"}},
        {"passed",
         SAMPLE_PASSED,
         {"You are not needed", "every check held to the end", "for 15m 00s"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        render(a, row[i].id, &b);
        char *end = strstr(b.at, "<h2 id=\"checks\">Checks");
        assert_non_null(end);
        *end = '\0';
        for (const char *const *w = row[i].want; w < row[i].want + 8 && *w; w++) {
            if (!strstr(b.at, *w))
                fail_msg("%s: the first screen lacks \"%s\"", row[i].name, *w);
        }
    }
}

static void test_no_refresh_when_ended(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
    render(a, SAMPLE_REVERTED, &b);
    assert_null(strstr(b.at, "http-equiv=\"refresh\""));
    assert_non_null(
        strstr(b.at, "<td data-l=\"limit\">\xE2\x89\xA4 1%</td><td data-l=\"n\">12,431</td>"));
    assert_non_null(strstr(b.at, "<desc id=\"cd0\">green between 0."));
    assert_non_null(strstr(b.at, "href=\"https://ci.example/runs/812\""));
}

/* Whatever a foreign text tries, only elements that our formats contain may open. */
static void check_markup(const char *name, const char *html)
{
    static const char *const never[] = {"<script>", "<img",        "onload='",
                                        " style=", "javascript:", "\xE2\x80\xAE",
                                        "\x1B",    "\xFF",        NULL};
    for (const char *const *n = never; *n; n++) {
        if (strstr(html, *n))
            fail_msg("%s: the page contains \"%s\"", name, *n);
    }
    const char *script = strstr(html, "<script"); /* ours, by its address, and no other */
    if (!script || !str_begins(script, "<script defer src=\"/assets/live.js?v=") ||
        strstr(script + 1, "<script"))
        fail_msg("%s: another script than ours", name);
}

static void test_hostile(void **state)
{
    struct hd_error err;
    struct store *s = NULL;
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
    render(a, SAMPLE_HOSTILE, &b);
    check_markup("guard", b.at);
    assert_non_null(strstr(b.at, "&lt;script&gt;alert(1)"));
    sample_ok(store_open_reader(path, &s, &err), &err);
    struct fleet_view v = {.now_ms = now_ms};
    struct store_reading reading = {.service = HOSTILE,
                                    .last_ms = now_ms,
                                    .value = HOSTILE,
                                    .note = HOSTILE,
                                    .n_sides = 1,
                                    .side = {{HOSTILE, 1000000, 1, 1}}};
    bool has = true;
    struct store_service service = {.name = HOSTILE, .mode = HOSTILE};
    struct store_event act = {
        .headline = HOSTILE, .text = HOSTILE, .native = HOSTILE, .service = HOSTILE};
    sample_ok(
        store_guards(s, a, &(struct store_filter){.verdict = -1}, &v.recent, &v.n_recent, &err),
        &err);
    sample_ok(store_holds(s, a, now_ms, &v.hold, &v.n_holds, &err), &err);
    v.service = &service;
    v.reading = &reading;
    v.has_reading = &has;
    v.act = &act;
    v.n_services = v.n_acts = 1;
    v.needing = v.live = v.recent;
    v.n_needing = v.n_live = v.n_recent;
    buf_clear(&b);
    fleet_render(&b, &v);
    check_markup("fleet", b.at);
    assert_non_null(strstr(b.at, "href=\"/s/%3Cscript%3Ealert%281%29"));
    (void)store_close(s);
}

static void test_fleet_says(void **state)
{
    struct store_service service = {.name = "cart", .mode = "enforce"};
    struct store_guard one = {.headline = "x",
                              .why = "y",
                              .stable = "b",
                              .candidate = "g",
                              .service = "cart",
                              .state = HD_STATE_WATCHING};
    bool has = false;
    struct store_reading reading = {0};
    const struct {
        const char *name, *want;
        size_t services, needing, live;
        const char *alarm;
        size_t course[COURSES];
    } row[] = {
        {"empty", "<title>No service is configured", 0, 0, 0, NULL, {0}},
        {"calm", "<title>All well: nothing is being released", 1, 0, 0, NULL, {0}},
        {"watching", "<title>All well: 1 release is being watched", 1, 0, 1, NULL, {[COURSE_WELL] = 1}},
        {"over", "<title>1 release is over its limit; haldane is deciding", 1, 0, 1, NULL, {[COURSE_OVER] = 1}},
        {"left alone", "<title>1 release is being watched that haldane will NOT take back: watch it yourself", 1, 0, 1,
         NULL, {[COURSE_LEFT] = 1}},
        {"what presses most", "<title>2 releases are over their limits; haldane will NOT take them back", 1, 0, 1, NULL,
         {1, 1, 1, 1, 1, 2}},
        {"back", "<title>1 release was taken back; haldane watches users recover", 1, 0, 1, NULL, {[COURSE_BACK] = 1}},
        {"needed", "<title>1 thing needs you", 1, 1, 1, NULL, {[COURSE_OVER] = 1}},
        {"the loop is stuck", "<title>haldane itself needs you", 1, 0, 1, "The guard loop ...", {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct fleet_view v = {.now_ms = now_ms,
                                     .alarm = row[i].alarm,
                                     .service = &service,
                                     .reading = &reading,
                                     .has_reading = &has,
                                     .needing = &one,
                                     .live = &one,
                                     .n_services = row[i].services,
                                     .n_needing = row[i].needing,
                                     .n_live = row[i].live};
        memcpy(v.n_course, row[i].course, sizeof v.n_course);
        fleet_render(&b, &v);
        if (!strstr(b.at, row[i].want))
            fail_msg("%s: no \"%s\" on the page", row[i].name, row[i].want);
    }
}

/* Why haldane did not act stands beside what it saw, which is not said twice. */
static void test_fleet_notice(void **state)
{
    static const struct {
        const char *notice, *want, *not;
    } row[] = {{NULL, "<p>5xx 5%</p>", "held"},
               {"held until noon", "<p class=\"pre\">held until noon</p><p>5xx 5%</p>", NULL},
               {"held until noon; 5xx 5%", "<p class=\"pre\">held until noon; 5xx 5%</p>", "<p>5xx 5%</p>"}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct store_service service = {.name = "cart", .mode = "enforce"};
        struct store_guard one = sample_guard(SAMPLE_WATCHING, "cart", HD_STATE_ADVISED, now_ms);
        bool has = false;
        struct store_reading reading = {0};
        const char *notice = row[i].notice;
        one.why = "5xx 5%";
        fleet_render(&b, &(struct fleet_view){.now_ms = now_ms, .service = &service, .reading = &reading,
                                              .has_reading = &has, .needing = &one, .notice = &notice,
                                              .n_services = 1, .n_needing = 1});
        if (!strstr(b.at, row[i].want) || (row[i].not && strstr(b.at, row[i].not)))
            fail_msg("row %zu: %s", i, b.at);
    }
}

/* Nobody reads "haldane is watching" over a guard that breaks a limit or that haldane would leave alone. */
static void test_guard_course(void **state)
{
    static const char over[] = "Not needed yet: it is over its limit", left[] = "haldane will NOT take this back";
    static const struct stance held = {.known = true, .because = "automatic reverts are held: freeze"},
                               acts = {.known = true}, unknown = {.known = false};
    static const struct {
        const char *name;
        int64_t bad_since_ms;
        int32_t state;
        const struct stance *stance;
        enum course want;
        const char *says;
    } row[] = {
        {"well", -1, HD_STATE_WATCHING, &acts, COURSE_WELL, "haldane is watching"},
        {"over", 1, HD_STATE_WARMING, &acts, COURSE_OVER, over},
        {"left", -1, HD_STATE_WATCHING, &held, COURSE_LEFT, left},
        {"left, and why", -1, HD_STATE_WATCHING, &held, COURSE_LEFT, "automatic reverts are held: freeze"},
        {"left, over", 1, HD_STATE_WATCHING, &held, COURSE_OVER_LEFT, left},
        {"not known", -1, HD_STATE_WATCHING, &unknown, COURSE_WELL, "haldane is watching"},
        {"deciding", 1, HD_STATE_DECIDING, &held, COURSE_OVER, "haldane is acting"},
        {"ordered", -1, HD_STATE_DECIDING, &held, COURSE_ACTING, "haldane is acting"},
        {"sending", 1, HD_STATE_REVERTING, &held, COURSE_ACTING, "haldane is acting"},
        {"back", 1, HD_STATE_AFTERCARE, &held, COURSE_BACK, "the traffic is back; haldane watches users recover"},
        {"ended", 1, HD_STATE_ADVISED, &held, COURSE_WELL, "You are not needed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct guard_view *v = arena_of(a, struct guard_view);
        v->guard = sample_guard(SAMPLE_WATCHING, "cart", row[i].state, now_ms);
        v->guard.bad_since_ms = row[i].bad_since_ms;
        v->has_service = true;
        v->service = (struct store_service){.name = "cart", .mode = "enforce"};
        v->stance = *row[i].stance;
        enum course course = course_of(&v->guard, &v->stance);
        if (course != row[i].want)
            fail_msg("%s: course %d, not %d", row[i].name, (int)course, (int)row[i].want);
        guard_lead(&b, a, v, now_ms);
        if (!strstr(b.at, row[i].says))
            fail_msg("%s: no \"%s\" on the page", row[i].name, row[i].says);
    }
}

/* What became of a question, by whom and when, each set apart. */
static void test_approval(void **state)
{
    static const struct {
        int32_t outcome;
        const char *actor, *want;
    } row[] = {{APPROVAL_APPROVED, "ann", "<b>approved</b> by ann: seen, <time"},
               {APPROVAL_EXPIRED, NULL, "<b>too late: nobody decided</b>, <time"},
               {APPROVAL_WITHDRAWN, NULL, "settled otherwise</b>, <time"}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        const struct store_approval a = {.guard = "g", .approvers = "ann", .asked_ms = now_ms - 9000, .expires_ms = now_ms,
                                         .outcome = row[i].outcome, .actor = row[i].actor, .reason = "seen",
                                         .decided_ms = now_ms - 1000};
        part_approval(&b, &a, now_ms);
        if (!strstr(b.at, row[i].want))
            fail_msg("no \"%s\" in %s", row[i].want, b.at);
    }
}

/* Who reads of the last rollback is told of the newer release that needs somebody. */
static void test_newer_needs(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct store_guard recent[] = {sample_guard(SAMPLE_BROKEN, "cart", HD_STATE_REFUSED, now_ms),
                                   sample_guard(SAMPLE_REVERTED, "cart", HD_STATE_REVERTED, now_ms - 1)};
    recent[0].headline = "green is failing";
    for (int needs = 0; needs < 2; needs++) {
        for (int older = 0; older < 2; older++) {
            BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
            struct guard_view *v = arena_of(a, struct guard_view);
            recent[0].needs_human = needs;
            v->guard = older ? sample_guard("01JD2K0000000000000000000Z", "cart", HD_STATE_REVERTED, now_ms) : recent[1];
            v->recent = recent;
            v->n_recent = 2;
            guard_lead(&b, a, v, now_ms);
            bool told = strstr(b.at, "You are needed, by a newer release: <a href=\"/g/" SAMPLE_BROKEN
                                     "\">green is failing</a>") != NULL;
            if (told != (needs && !older) || (strstr(b.at, "You are not needed") != NULL) == told)
                fail_msg("needs %d, older %d: told %d", needs, older, told);
        }
    }
}

/* A stuck loop must not look like calm. */
static void test_alarm(void **state)
{
    struct hd_error err;
    struct store *s = NULL;
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct guard_view *v = arena_of(a, struct guard_view);
    sample_ok(store_open_reader(path, &s, &err), &err);
    sample_ok(view_load(s, a, SAMPLE_WATCHING, now_ms, v, &err), &err);
    v->alarm = "The guard loop last turned 9.0 s ago";
    guard_render(&b, a, v, now_ms);
    assert_non_null(strstr(b.at, "The guard loop last turned 9.0 s ago"));
    assert_non_null(strstr(b.at, "You are needed: haldane itself is not well"));
    (void)store_close(s);
}

/* A poll that could neither trip nor clear a check is not told as one that held. */
static void test_polls(void **state)
{
    static const struct {
        struct hd_check_state check;
        const char *word, *polls;
    } row[] = {
        {{.judged = 0}, "not judged yet", "-"},
        {{.judged = 1, .warm = 1, .band = HD_BAND_PASS}, "not judged yet", "not judged yet: warm-up, 1 poll"},
        {{.judged = 4, .warm = 4, .band = HD_BAND_FAIL}, "over its limit, in warm-up",
         "not judged yet: warm-up, 4 polls"},
        {{.judged = 9, .warm = 4, .broken = 1, .band = HD_BAND_PASS}, "pass",
         "1 of 5 polls; not judged: warm-up, 4 polls"},
        {{.judged = 7, .shared = 7, .shared_run = 7, .band = HD_BAND_FAIL}, "over on both sides",
         "7 polls over on both sides: no count for or against"},
        {{.judged = 4, .broken = 3, .tripped = 1, .earlier = 1, .band = HD_BAND_FAIL},
         "does not count: bad before the switch too", "3 of 4 polls"},
        {{.judged = 4, .broken = 3, .earlier = 1, .band = HD_BAND_PASS},
         "does not count yet: bad before the switch", "3 of 4 polls"},
        {{.judged = 7, .shared = 2, .warm = 3, .broken = 1, .band = HD_BAND_FAIL}, "over its limit",
         "1 of 2 polls; 2 more over on both sides: no count for or against; not judged: warm-up, 3 polls"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(1000);
        struct hd_guard_state g = {.n_checks = 1, .check = {row[i].check}};
        struct check_view *c;
        size_t n;
        view_checks(a, sample_checks, &g, &c, &n);
        view_polls(&b, c);
        assert_string_equal(c->word, row[i].word);
        assert_string_equal(buf_at(&b), row[i].polls);
    }
}

/* Where stable's value comes from is said beside it; words, not slugs; an analysis has no switch. */
static void test_words(void **state)
{
    struct hd_error err;
    struct store *s = NULL;
    ARENA_AUTO a = arena_new();
    BUF_AUTO guard = BUF_INIT(HD_REPLY_BYTES_MAX);
    BUF_AUTO analysis = BUF_INIT(HD_REPLY_BYTES_MAX);
    BUF_AUTO post = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct guard_view *v = arena_of(a, struct guard_view);
    (void)state;
    sample_ok(store_open_reader(path, &s, &err), &err);
    sample_ok(view_load(s, a, SAMPLE_REVERTED, now_ms, v, &err), &err);
    struct hd_guard_state g = *v->guard.engine;
    g.check[0].baseline = 2;
    g.check[0].before_ms = 5 * MINUTE;
    g.check[1].judged = 0;
    g.check[1].band = HD_BAND_NONE;
    g.check[1].outcome = HD_OUTCOME_NO_DATA;
    view_checks(a, sample_checks, &g, &v->check, &v->n_checks);
    guard_render(&guard, a, v, now_ms);
    export_guard(&post, a, v, "", now_ms);
    assert_non_null(strstr(guard.at, "0.2%<span class=\"m\">, 5 min before the switch</span>"));
    assert_non_null(strstr(post.at, "0.2%, 5 min before the switch |"));
    assert_non_null(strstr(guard.at, "no data</span>"));
    assert_null(strstr(guard.at, "no_data"));
    assert_non_null(strstr(guard.at, "blue v41 to green v42"));
    v->guard.analysis = true;
    guard_render(&analysis, a, v, now_ms);
    assert_non_null(strstr(analysis.at, "green v42 against blue v41"));
    assert_null(strstr(analysis.at, "<dt>switch seen"));
    assert_null(strstr(analysis.at, "switched "));
    (void)store_close(s);
}

/* Page, post-mortem and API say one thing of the cause, and no more than was observed. */
static void test_cause(void **state)
{
    static const struct {
        const char *name;
        int cause, first;
        bool recovered;
        const char *want;
    } row[] = {
        {"beside stable", HD_CAUSE_RELEASE, HD_REASON_ABOVE_MAX, true, "Yes: blue, watched in the same polls, is well."},
        {"full switch", HD_CAUSE_UNKNOWN, HD_REASON_ABOVE_MAX, true, "Cannot tell this release from a shared outage: "
         "blue had too little traffic in the same polls to compare with. Users were well again"},
        {"no member", HD_CAUSE_RELEASE, HD_REASON_CANDIDATE_SILENT, false, "Likely: green has no ready member."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct hd_error err;
        struct store *s = NULL;
        ARENA_AUTO a = arena_new();
        BUF_AUTO page = BUF_INIT(HD_REPLY_BYTES_MAX);
        BUF_AUTO post = BUF_INIT(HD_REPLY_BYTES_MAX);
        BUF_AUTO api = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct guard_view *v = arena_of(a, struct guard_view);
        sample_ok(store_open_reader(path, &s, &err), &err);
        sample_ok(view_load(s, a, SAMPLE_REVERTED, now_ms, v, &err), &err);
        v->guard.cause = row[i].cause;
        v->guard.reasons = arena_print(a, "[{\"number\":%d,\"text\":\"bad\"}]", row[i].first);
        v->guard.why = "bad";
        v->guard.recovered_ms = row[i].recovered ? v->guard.verified_ms + 1000 : -1;
        struct json_out o = json_out(&api);
        guard_render(&page, a, v, now_ms);
        export_guard(&post, a, v, "", now_ms);
        show_guard(&o, v, "");
        if (!strstr(page.at, row[i].want) || !strstr(post.at, row[i].want) || !strstr(api.at, row[i].want))
            fail_msg("%s: page %d, post-mortem %d, API %d", row[i].name, strstr(page.at, row[i].want) != NULL,
                     strstr(post.at, row[i].want) != NULL, strstr(api.at, row[i].want) != NULL);
        (void)store_close(s);
    }
}

/* A moment shows what was known then, and offers nothing. */
static void test_moment(void **state)
{
    static const struct {
        const char *name;
        int64_t after_ms; /* the switch */
        const char *want[5], *never[6];
    } row[] = {
        {"before the decision", 60000,
         {"This is how it stood at", "Nothing was changed. Watching since", "polls until then"},
         {"affected for", "revert 1 ", "verified", "class=\"button\"", "http-equiv=\"refresh\"", "You are"}},
        {"at its end", 600000,
         {"This is how it stood at", "affected for about <b>65 s</b>"},
         {"class=\"button\"", "http-equiv=\"refresh\"", "You are"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct hd_error err;
        struct store *s = NULL;
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
        struct guard_view *v = arena_of(a, struct guard_view);
        sample_ok(store_open_reader(path, &s, &err), &err);
        sample_ok(view_load(s, a, SAMPLE_REVERTED, now_ms, v, &err), &err);
        sample_ok(view_load_service(s, a, v, now_ms, &err), &err);
        sample_ok(moment_freeze(s, a, v, v->guard.switch_to_ms + row[i].after_ms, &err), &err);
        guard_render(&b, a, v, now_ms);
        for (const char *const *w = row[i].want; w < row[i].want + 5 && *w; w++) {
            if (!strstr(b.at, *w))
                fail_msg("%s: the page lacks \"%s\"", row[i].name, *w);
        }
        for (const char *const *w = row[i].never; w < row[i].never + 6 && *w; w++) {
            if (strstr(b.at, *w))
                fail_msg("%s: the page has \"%s\"", row[i].name, *w);
        }
        (void)store_close(s);
    }
}

/* The invented guard says what it is, and leads to nothing that would not be there. */
static void test_demo(void **state)
{
    static const char *const want[] = {"An invented example", "<title>Invented example: demo: Rolled back to blue",
                                       "n=1,250", "affected for about", "limit 1%", ">03:01:07Z</text>"},
                      *const never[] = {"href=\"/g/", "href=\"/s/", "/api/v1/", "class=\"button\"", "?at=", "?sort=",
                                        "http-equiv=\"refresh\"", "You are"};
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct guard_view *v = arena_of(a, struct guard_view);
    demo_view(a, v);
    guard_render(&b, a, v, now_ms);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (!strstr(b.at, want[i]))
            fail_msg("the page lacks \"%s\"", want[i]);
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        if (strstr(b.at, never[i]))
            fail_msg("the page has \"%s\"", never[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_screen), cmocka_unit_test(test_no_refresh_when_ended),
        cmocka_unit_test(test_hostile),      cmocka_unit_test(test_fleet_says),
        cmocka_unit_test(test_fleet_notice), cmocka_unit_test(test_guard_course),
        cmocka_unit_test(test_newer_needs),  cmocka_unit_test(test_approval),
        cmocka_unit_test(test_alarm),        cmocka_unit_test(test_moment),
        cmocka_unit_test(test_demo),         cmocka_unit_test(test_cause),
        cmocka_unit_test(test_polls),        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
