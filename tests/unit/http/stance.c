/* SPDX-License-Identifier: Apache-2.0
 *
 * Every reason for which haldane would leave a release alone, on every face of a real server over a real
 * store: the same sentence on the pages of the fleet, the service, the guard and the settings and in the
 * API, while it holds, and on none of them when it is gone.
 */
#include "face.h"

#define BUDGET_LIMIT 3
#define GREEN "green"

static struct bench bench;
static int64_t now_ms;

struct world {
    struct store *s;
    struct store_guard guard;
    struct would_rules rules;
    struct store_reading reading;
};

static void hold(struct world *w)
{
    struct hd_error err;
    int64_t id;
    sample_ok(store_add_hold(w->s, &(struct store_hold){.service = "cart", .reason = "freeze", .actor = "ann",
                                                        .from_ms = now_ms - 1000, .until_ms = now_ms + 10 * MINUTE,
                                                        .released_ms = -1}, &id, &err), &err);
}

static void hold_fleet(struct world *w)
{
    struct hd_error err;
    int64_t id;
    sample_ok(store_add_hold(w->s, &(struct store_hold){.reason = "move", .actor = "ann", .from_ms = now_ms - 1000,
                                                        .until_ms = now_ms + 10 * MINUTE, .released_ms = -1}, &id, &err),
              &err);
}

static void reverted(struct world *w, const char *service, int64_t ago_ms, const char *version)
{
    struct hd_error err;
    int64_t seq;
    const struct store_intent i = {.guard = w->guard.id, .service = service, .actuator = "haproxy", .kind = "revert",
                                   .automatic = true, .candidate = GREEN, .candidate_version = version, .from = "a",
                                   .to = "b", .steps = "[]", .outcome = HD_INTENT_VERIFIED, .sends = 1,
                                   .journaled_ms = now_ms - ago_ms, .sent_ms = now_ms - ago_ms,
                                   .done_ms = now_ms - ago_ms, .deadline_ms = now_ms};
    sample_ok(store_add_intent(w->s, &i, &seq, &err), &err);
}

static void shadow(struct world *w) { w->guard.mode = HD_MODE_SHADOW; }
static void advise(struct world *w) { w->guard.mode = HD_MODE_ADVISE; }
static void unsafe(struct world *w) { w->rules.unsafe = true; }
static void on_fail(struct world *w) { w->rules.on_fail_page = true; }
static void not_safe(struct world *w) { w->rules.rollback_safe = false; }
static void once(struct world *w) { reverted(w, "cart", 30 * MINUTE, w->guard.candidate_version); }
static void cool(struct world *w) { reverted(w, "cart", 4 * MINUTE, "v0"); }
static void asks(struct world *w) { w->rules.approvers = "ann, bob"; }
static void down(struct world *w) { w->reading.side[0].ready = 0; }
static void few(struct world *w) { w->reading.side[0].ready = 1; }
static void unread(struct world *w) { w->reading.side[0].ready = w->reading.side[0].wanted = HD_UNKNOWN; }

static void budget(struct world *w)
{
    for (int64_t i = 0; i < BUDGET_LIMIT; i++)
        reverted(w, "other", (20 + i) * MINUTE, "v9");
}

static void brake(struct world *w)
{
    struct hd_error err;
    sample_ok(store_put_decisions(w->s, (int64_t[]){now_ms - 9000, now_ms - 5000}, 2, &err), &err);
}

static void reject(struct world *w)
{
    struct hd_error err;
    const struct store_rejection r = {"blue", "left by an order", NULL, now_ms - 1000, true};
    sample_ok(store_put_rejection(w->s, "cart", &r, &err), &err);
}

static const struct row {
    const char *name;
    void (*set)(struct world *);
    const char *sentence;
} rows[] = {
    {"shadow", shadow, "mode shadow: recorded only"},
    {"advise", advise, "mode advise: haldane says what it would do"},
    {"the guard is not safe", unsafe, "rollback_safe says that going back would break things"},
    {"on_fail", on_fail, "on_fail: page"},
    {"the service is not safe", not_safe, "rollback_safe says that going back would break things"},
    {"held", hold, "Z: freeze"},
    {"all held", hold_fleet, "Z: move"},
    {"once already", once, "this version was reverted automatically once already"},
    {"cool-down", cool, "this service was reverted a short while ago: cool-down until "},
    {"budget", budget, "reverts_per_hour is used up until "},
    {"brake", brake, "a common cause is likelier than this release; held until "},
    {"asks", asks, "it asks a human first: ann, bob"},
    {"rejected", reject, "blue was rejected by a guard or a human before: left by an order"},
    {"down", down, "blue has no ready member: going back would be the outage"},
    {"few", few, "blue has 1 of 5 members ready, and the candidate still serves better"},
    {"unread", unread, "readiness of blue cannot be read, and neither a probe nor"},
};

/* Which of them show the whole sentence; the tables of many services are shorter. */
static const char *const faces[] = {
    GET("/"), GET("/s/cart"), GET("/g/" SAMPLE_WATCHING), GET("/settings"),
    GET("/api/v1/guards/" SAMPLE_WATCHING), GET("/api/v1/guards?state=live"), GET("/api/v1/services/cart"),
    GET("/api/v1/services"), GET("/api/v1/fleet"), GET("/api/v1/groups/spring"), GET("/s/cart/guards.json"),
};

static const char *get(const char *request)
{
    int fd = dial(&bench);
    say(fd, request, strlen(request));
    const char *text = hear(fd);
    (void)close(fd);
    return text;
}

/* JSON keeps the apostrophe that HTML escapes. */
static bool has(const char *text, const char *sentence)
{
    char plain[200];
    const char *quote = strstr(sentence, "&#39;");
    if (strstr(text, sentence) || !quote)
        return strstr(text, sentence) != NULL;
    (void)snprintf(plain, sizeof plain, "%.*s'%s", (int)(quote - sentence), sentence, quote + 5);
    return strstr(text, plain) != NULL;
}

static void save(struct world *w)
{
    struct hd_error err;
    BUF_AUTO rules = BUF_INIT(4096);
    BUF_AUTO about = BUF_INIT(8192);
    struct json_out o = json_out(&rules), a = json_out(&about);
    store_rules_save(&w->rules, &o, NULL);
    json_begin(&a, NULL, '{');
    store_rules_save(&w->rules, &a, "rules");
    json_end(&a, '}');
    w->guard.rules = buf_at(&rules);
    const struct store_service cart = {.name = "cart", .mode = "enforce", .kind = "blue_green",
                                       .colours = "[\"blue\",\"green\"]", .checks = "[]", .config_hash = "0",
                                       .about = buf_at(&about)};
    sample_ok(store_put_services(w->s, &cart, 1, &err), &err);
    sample_ok(store_add_guard(w->s, &w->guard, &err), &err);
    sample_ok(store_put_reading(w->s, &w->reading, &err), &err);
}

/* A live guard on green, against which nothing stands but what `set` makes of it. */
static void make(void (*set)(struct world *))
{
    struct hd_error err;
    const struct store_options o = {.path = bench.path};
    struct world w = {
        .guard = sample_guard(SAMPLE_WATCHING, "cart", HD_STATE_WATCHING, now_ms - MINUTE),
        .rules = {.rollback_safe = true, .rollback_unsafe_until_ms = -1, .cooldown_ms = 10 * MINUTE,
                  .reverts_per_hour = BUDGET_LIMIT, .brake = 2, .target_ready = 0.8},
        .reading = {.service = "cart", .first_ms = now_ms - MINUTE, .last_ms = now_ms, .value = "green=100",
                    .n_sides = 2, .side = {{"blue", 0, 5, 5}, {GREEN, 1000000, 5, 5}}}};
    w.guard.headline = "Watching green (from blue)";
    w.guard.until_ms = now_ms + 10 * MINUTE;
    w.guard.group = "spring";
    sample_ok(store_open(&o, &w.s, &err), &err);
    sample_ok(store_begin(w.s, &err), &err);
    if (set)
        set(&w);
    save(&w);
    sample_ok(store_commit(w.s, &err), &err);
    (void)store_close(w.s);
}

static void test_every_face(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench_open(&bench, -1, 1000, 5000);
        now_ms = clock_now().wall_ms;
        make(rows[i].set);
        for (size_t k = 0; k < sizeof faces / sizeof *faces; k++) {
            const char *text = get(faces[k]);
            bool json = strstr(text, "application/json") != NULL;
            if (!has(text, rows[i].sentence))
                fail_msg("%s: %.30s does not say it:\n%s", rows[i].name, faces[k], text);
            if (json && !strstr(text, "\"would_act\":false"))
                fail_msg("%s: %.30s would act", rows[i].name, faces[k]);
            if (strstr(text, "would work right now.") || strstr(text, "haldane is watching<") || strstr(text, "All well"))
                fail_msg("%s: %.30s promises what would not happen", rows[i].name, faces[k]);
        }
        bench_close(&bench);
    }
}

static void test_nothing_stands_against_it(void **state)
{
    (void)state;
    bench_open(&bench, -1, 1000, 5000);
    now_ms = clock_now().wall_ms;
    make(NULL);
    for (size_t k = 0; k < sizeof faces / sizeof *faces; k++) {
        const char *text = get(faces[k]);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            if (has(text, rows[i].sentence))
                fail_msg("%.30s says: %s", faces[k], rows[i].sentence);
        }
        if (strstr(text, "application/json") ? !strstr(text, "\"would_act\":true") : strstr(text, "NOT take") != NULL)
            fail_msg("%.30s: it would act", faces[k]);
    }
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_face),
                                       cmocka_unit_test(test_nothing_stands_against_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
