/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that need no daemon: check, query, db and replay, on files and a store of their own,
 * and against scripted sources.
 */
#include "server.h"

#include "../../support/store_fixture.h"

#include "config/config.h"

#define MINIMAL TEST_DATA "/golden/config/minimal.yaml"
#define VECTORS TEST_DATA "/golden/engine/"
#define CANARY TEST_DATA "/golden/canary/"
#define WARNING TEST_DATA "/golden/config/warning.yaml"
#define LINTS TEST_DATA "/golden/lint/"
#define MISTAKES TEST_DATA "/golden/config/mistakes.yaml"

static struct said run(const char *const *args)
{
    static struct said said;
    char *argv[14] = {(char *)"haldane"};
    int argc = 1;
    for (; argc < 13 && args[argc - 1]; argc++)
        argv[argc] = (char *)args[argc - 1];
    capture(cli_main, argc, argv, &said);
    return said;
}

/* --- files --- */

static const struct row {
    const char *name, *args[13];
    int status;
    const char *out, *err; /* NULL: not looked at; "": nothing */
} rows[] = {
    {"analyze: a canary config", {"analyze", "--kayenta-config", CANARY "config.json", "--control",
     CANARY "control.json", "--experiment", CANARY "experiment.json"}, 3,
     "score 60: Marginal (pass from 95, marginal from 50)", "latency: only 10 values"},
    {"analyze: other thresholds, as JSON", {"analyze", "--kayenta-config", CANARY "config.json", "--control",
     CANARY "control.json", "--experiment", CANARY "experiment.json", "-o", "json",
     "--thresholds", "60,50"}, 0, "\"thresholds\":{\"pass\":60,\"marginal\":50}", ""},
    {"analyze: both sides the same", {"analyze", "--kayenta-config", CANARY "config.json", "--control",
     CANARY "control.json", "--experiment", CANARY "control.json"}, 0, "score 100: Pass",
     "warning: errors: only 10"},
    {"analyze: a metric without values", {"analyze", "--kayenta-config", CANARY "config.json", "--control",
     CANARY "control.json", "--experiment", CANARY "half.json"}, 5,
     "critical metric 'errors' is Nodata: the experiment has no data", "warning: latency"},
    {"analyze: of nothing", {"analyze"}, 2, "", "--kayenta-config"},
    {"analyze: thresholds without a test", {"analyze", "shop", "--candidate", "green", "--thresholds", "95,75"}, 2, "",
     "--thresholds does nothing here: it is for --rule or --kayenta-config"},
    {"analyze: values for a service", {"analyze", "shop", "--candidate", "green", "--pairs", "x"}, 2, "",
     "--pairs does nothing here: it is for --kayenta-config"},
    {"analyze: a source without a request", {"analyze", "-k", CANARY "config.json", "--pairs", "x", "-d", "prom"}, 2, "",
     "--datasource does nothing here: it is for --request"},
    {"analyze: a colour of a canary config", {"analyze", "-k", CANARY "config.json", "--candidate", "green"}, 2, "",
     "--candidate does nothing here: it is for a service"},
    {"analyze: where are the values", {"analyze", "-k", CANARY "config.json"}, 2, "", "say where the values are"},
    {"analyze: no canary config", {"analyze", "-k", CANARY "control.json", "--pairs", "x"}, 2, "",
     "metrics: at least one is needed"},
    {"analyze: a compat that is none", {"analyze", "-k", CANARY "config.json", "--compat", "old"}, 2, "",
     "strict or upstream"},
    {"analyze: marginal above pass", {"analyze", "-k", CANARY "config.json", "--control", CANARY "control.json",
     "--experiment", CANARY "control.json", "--thresholds", "75,95"}, 2, "", "--thresholds is PASS,MARGINAL such as 95,75"},
    {"analyze: thresholds that are none", {"analyze", "-k", CANARY "config.json", "--control",
     CANARY "control.json", "--experiment", CANARY "control.json", "--thresholds", "95"}, 2, "",
     "PASS,MARGINAL"},
    {"an option before the command", {"-c", MINIMAL, "status"}, 2, "",
     "options stand behind the command: haldane COMMAND -c ...\n"},
    {"check", {"check", MINIMAL}, 0, "minimal.yaml: ok, 1 service, 2 checks\n", ""},
    {"check: two files", {"check", MINIMAL, "-c", WARNING}, 2, "", "the file is named twice"},
    {"serve: two files", {"serve", MINIMAL, "-c", WARNING}, 2, "", "the file is named twice"},
    {"doctor: two files", {"doctor", MINIMAL, "-c", WARNING}, 2, "", "the file is named twice"},
    {"backtest: the newest of a source", {"backtest", "shop", "--last", "3"}, 2, "", "--last goes with --guards"},
    {"check by option", {"check", "-c", MINIMAL}, 0, "ok, 1 service", ""},
    {"check names warnings", {"check", WARNING}, 0, "ok, 1 service", "warning"},
    {"another command names none", {"completion", "services", "-c", WARNING}, 0, "shop\n", ""},
    {"check names mistakes", {"check", MISTAKES}, 2, "", "services.shop.actuator: unknown key 'sokcet'"},
    {"check says places", {"check", MISTAKES}, 2, "", "mistakes.yaml:"},
    {"check as json", {"check", WARNING, "-o", "json"}, 0,
     "\"ok\":true,\"services\":1,\"checks\":2,\"mistakes\":[{\"file\":", ""},
    {"check as json names mistakes", {"check", MISTAKES, "-o", "json"}, 2,
     "\"path\":\"services.shop.actuator\",\"text\":\"unknown key 'sokcet'", ""},
    {"check as json of what is online", {"check", MINIMAL, "-o", "json", "--online"}, 2, "", "haldane doctor -o json"},
    {"check of no file", {"check", "/nonexistent/h.yaml"}, 2, "", "/nonexistent/h.yaml"},
    {"check --print", {"check", "--print", MINIMAL}, 0, "http://127.0.0.1:9090", ""},
    {"check --sample", {"check", "--sample"}, 0, "version: 1", ""},
    {"check --reference", {"check", "--reference"}, 0, "services", ""},
    {"query list", {"query", "list"}, 0, "http-5xx-ratio", ""},
    {"query of what", {"query", "drop"}, 2, "", "none of list, run and lint"},
    {"query run of what", {"query", "run", "shop", "-c", MINIMAL}, 2, "", "a check or --all"},
    {"query run of three", {"query", "run", "shop", "x", "y"}, 2, "", "unexpected 'y'"},
    {"query lint of a query", {"query", "lint", "rate(x_total[1m])"}, 2, "no_colour", ""},
    {"query lint of a good one", {"query", "lint", "sum(rate(x_total{version=\"a\"}[5m]))"}, 0, "nothing found\n", ""},
    {"query lint of a file", {"query", "lint", LINTS "two.promql"}, 2, "two.promql:1: ", ""},
    {"query lint says what a file is", {"query", "lint", LINTS "two.promql"}, 2,
     "two.promql: read as one query, 3 findings\n", ""},
    {"query lint of a configuration", {"query", "lint", LINTS "config.yaml"}, 2,
     "config.yaml:9:28: services.shop.checks[1].query: ", ""},
    {"query lint says what a configuration has", {"query", "lint", MINIMAL, LINTS "config.yaml"}, 2,
     "minimal.yaml: read as a configuration, 2 checks, 0 with a query of their own, nothing found\n", ""},
    {"query lint of no file", {"query", "lint", "queries/shop.promql"}, 2, "",
     "queries/shop.promql cannot be opened: No such file"},
    {"query lint of nothing", {"query", "lint"}, 2, "", "queries, or files"},
    {"query run of both", {"query", "run", "shop", "x", "--all"}, 2, "", "a check or --all"},
    {"query run of no service", {"query", "run", "x", "--all", "-c", MINIMAL}, 2, "", "there is no service 'x'"},
    {"query run of a check misspelt", {"query", "run", "shop", "http-5x-ratio", "-c", MINIMAL}, 2, "",
     "did you mean 'http-5xx-ratio'?"},
    {"doctor of no file", {"doctor", "/nonexistent/h.yaml"}, 1, "haldane check --sample", ""},
    {"query run of no check", {"query", "run", "shop", "x", "-c", MINIMAL}, 2, "",
     "has no check 'x'; it has: http-5xx-ratio, http-slower-than\n"},
    {"serve of no file", {"serve", "-c", "/nonexistent/h.yaml"}, 2, "", "/nonexistent/h.yaml"},
    {"serve at no level", {"serve", "-l", "loud"}, 2, "", "log-level is one of"},
    {"db of no store", {"db", "check", "--store", "/nonexistent/h.db"}, 2, "", "/nonexistent/h.db"},
    {"db of what", {"db", "drop"}, 2, "", "none of check, backup, stats"},
    {"engine: the vectors hold", {"engine", "eval", "--check", VECTORS "statistics.json"}, 0,
     "491 passed, 0 failed\n", ""},
    {"engine: the vectors of Kayenta hold", {"engine", "eval", "--check", VECTORS "kayenta.json"}, 0,
     "125 passed, 0 failed\n", ""},
    {"engine: a file of lists", {"engine", "eval", "--check", VECTORS "lists.json"}, 1, "1 passed, 1 failed\n", ""},
    {"engine: a line for each line", {"engine", "eval", VECTORS "lines.jsonl"}, 2,
     "{\"id\":7,\"group\":\"kernel\",\"log_f\":1.0844084563630274}\n"
     "{\"id\":\"named\",\"group\":\"effective\",\"e_eff\":1.5,\"n_eff\":50.5}\n"
     "{\"id\":3,\"error\":\"e: not a number\"}\n"
     "{\"id\":4,\"error\":\"no statistic 'fortune'; see haldane engine list\"}\n"
     "{\"id\":5,\"error\":", ""},
    {"engine: edges, computed by another program", {"engine", "eval", "--check", VECTORS "edges.jsonl"}, 0,
     "333 passed, 0 failed\n", ""},
    {"engine: outside of what a statistic takes", {"engine", "eval", VECTORS "outside.jsonl"}, 2,
     "{\"id\":1,\"error\":\"e: -1 is not at least 0\"}\n"
     "{\"id\":2,\"error\":\"q: 1.5 is not within 0..1\"}\n"
     "{\"id\":3,\"error\":\"g: 0 is not above 0\"}\n"
     "{\"id\":4,\"group\":\"rate_bet\",\"log_f\":null}\n"
     "{\"id\":5,\"error\":\"q: 0 is not above 0\"}\n"
     "{\"id\":6,\"error\":\"log_f: no number, by these inputs\"}\n"
     "{\"id\":7,\"error\":\"N: 0 is not above 0\"}\n"
     "{\"id\":8,\"error\":\"e: -1 is not at least 0\"}\n"
     "{\"id\":9,\"error\":\"t: 0 is not at least 1\"}\n"
     "{\"id\":10,\"error\":\"alpha: 0 is not between 0 and 1\"}\n"
     "{\"id\":11,\"error\":\"blip_s: 1e+300 is not within 0..1e9\"}\n"
     "{\"id\":12,\"error\":\"samples: -2 is not at least 0\"}\n"
     "{\"id\":13,\"error\":\"p: 2 is not within 0..1\"}\n", ""},
    {"engine: a difference is seen", {"engine", "eval", "--check", VECTORS "wrong.jsonl"}, 1,
     "1 passed, 3 failed\n", ""},
    {"engine: of no file", {"engine", "eval", "/nonexistent/v.json"}, 2, "", "cannot be opened"},
    {"engine: lists", {"engine", "list"}, 0, "gauge_sign\n    takes alpha", ""},
    {"engine: what", {"engine", "judge"}, 2, "", "neither eval nor list"},
    {"replay of nothing", {"replay"}, 2, "", "or a range of time"},
    {"replay of a folder", {"replay", TEST_DATA, "--store", "/nonexistent/h.db"}, 2, "", "/nonexistent/h.db"},
    {"replay of a range and an id", {"replay", "shop", "--from", "3h"}, 2, "", "or a range of time"},
    {"backtest of no service", {"backtest", "nosuch", "-c", MINIMAL}, 2, "", "there is no service 'nosuch'\n"},
    {"backtest of a service misspelt", {"backtest", "shpo", "-c", MINIMAL}, 2, "",
     "there is no service 'shpo'; did you mean 'shop'?\n"},
    {"replay of no receipt", {"replay", "/nonexistent/shop"}, 2, "", "/nonexistent/shop"},
    {"replay of another file", {"replay", MINIMAL}, 2, "", "is no receipt"},
};

static void files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said said = run(rows[i].args);
        if (said.status != rows[i].status)
            fail_msg("%s: status %d, not %d: %s", rows[i].name, said.status, rows[i].status, said.err);
        holds(rows[i].name, "stdout", said.out, rows[i].out);
        holds(rows[i].name, "stderr", said.err, rows[i].err);
    }
}

/* --- the store --- */

static void db(void **state)
{
    struct fixture *f = *state;
    char copy[96];
    (void)snprintf(copy, sizeof copy, "%s.copy", f->path);
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    struct said said = run((const char *[]){"db", "check", "--store", f->path, NULL});
    assert_int_equal(said.status, 0);
    said = run((const char *[]){"db", "stats", "--store", f->path, "-o", "json", NULL});
    holds("stats", "stdout", said.out, "\"guards\":1,\"evidence_rows\":0");
    said = run((const char *[]){"db", "backup", "--store", f->path, NULL});
    assert_int_equal(said.status, CLI_USAGE);
    said = run((const char *[]){"db", "backup", copy, "--store", f->path, NULL});
    assert_int_equal(said.status, 0);
    said = run((const char *[]){"db", "stats", "--store", copy, NULL});
    holds("copy", "stdout", said.out, "guards         1\n");
    said = run((const char *[]){"db", "backup", copy, "--store", f->path, NULL}); /* never over one */
    assert_int_equal(said.status, 1);
    char want[160];
    (void)snprintf(want, sizeof want, "haldane: not copied: %s: the file exists\n", copy);
    holds("a copy is there", "stderr", said.err, want);
}

/* --- replay --- */

/* Polls in which green fails two requests of ten, through the engine as the daemon would. */
static struct hd_verdict judge(struct fixture *f, const struct hd_policy *policy, const char *id,
                               uint32_t polls)
{
    static struct hd_guard_state engine;
    static struct hd_verdict verdict;
    engine_state_init(policy, &engine);
    for (uint32_t poll = 1; poll <= polls; poll++) {
        struct hd_measurement m[4];
        for (uint8_t i = 0; i < 4; i++)
            m[i] = (struct hd_measurement){.check = i / 2, .role = i % 2, .outcome = HD_OUTCOME_OK, .fresh = true,
                                           .events = i == 1 ? 200 : 1, .exposure = 1000, .value = NAN,
                                           .age_ms = 500, .covers_ms = 5000};
        struct store_evidence e = {.wall_ms = 60000 + 5000 * poll, .t_ms = 60000 + 5000 * poll,
                                   .evidence = {.poll = poll, .scrape_ms = 1000, .m = m, .n = 4}};
        e.evidence.presence[HD_CANDIDATE] = (struct hd_presence){true, 1000000, 3, 3};
        e.evidence.presence[HD_STABLE] = (struct hd_presence){true, 0, 3, 3};
        OK(f, store_put_evidence(f->s, id, &e, &f->err));
        OK(f, engine_step(policy, &engine, &e.evidence, e.t_ms, &engine, &verdict, &f->err));
    }
    return verdict;
}

/* The range holds the guard, stored with a changed verdict, then with the right one, and a guard
 * without evidence, which proves nothing. */
static void replay_range(struct fixture *f, const struct store_guard *g)
{
    struct store_guard ended = *g, empty = fixture_guard(3);
    ended.state = empty.state = HD_STATE_ADVISED;
    ended.ended_ms = empty.ended_ms = 99000;
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &empty, &f->err));
    OK(f, store_put_guard(f->s, &empty, &f->err));
    fixture_commit(f);
    for (int right = 0; right < 2; right++) {
        ended.verdict = right ? g->verdict : HD_VERDICT_PASS;
        fixture_begin(f);
        OK(f, store_put_guard(f->s, &ended, &f->err));
        fixture_commit(f);
        struct said said = run((const char *[]){"replay", "--service", g->service, "--store", f->path, NULL});
        if (said.status != !right)
            fail_msg("status %d: %s%s", said.status, said.out, said.err);
        holds("range", "stdout", said.out, right ? "equal" : "DIFFERENT");
        holds("range", "stdout", said.out, "no evidence");
        holds("range", "stdout", said.out, "blue > green");
        holds("range", "stdout", said.out, right ? "2 guards: 1 equal, 0 different, 1 without evidence\n"
                                                 : "2 guards: 0 equal, 1 different, 1 without evidence\n");
        said = run((const char *[]){"replay", "--to", "1970-01-01T00:00:00.001Z", "-o", "json", "--store", f->path, NULL});
        assert_string_equal(said.out, "[]\n");
        assert_int_equal(said.status, 0);
    }
    struct said said = run((const char *[]){"backtest", g->service, "--guards", "--store", f->path, NULL});
    if (said.status)
        fail_msg("status %d: %s%s", said.status, said.out, said.err);
    holds("backtest", "stdout", said.out, "revert  75 s   http-5xx-ratio on green 20% > 1%");
}

/* A service stands for its last guard; one that the store does not know is told, with the nearest. */
static void replay_service(struct fixture *f, const struct store_guard *g)
{
    static const struct store_service known[] = {
        {.name = "shop", .mode = "enforce", .kind = "blue_green", .colours = "[]", .checks = "[]", .config_hash = "x"},
        {.name = "cart", .mode = "enforce", .kind = "blue_green", .colours = "[]", .checks = "[]", .config_hash = "x"}};
    static const struct {
        const char *args[5], *out, *err;
        int status;
    } row[] = {
        {{"replay", "shop", "--store"}, "equal to the stored verdict", "", 0},
        {{"replay", "cart", "--store"}, "", "haldane: service 'cart' has no guard yet\n", 2},
        {{"replay", "shpo", "--store"}, "", "there is no service 'shpo'; did you mean 'shop'?\n", 2},
        {{"replay", "--service", "shpo", "--store"}, "", "there is no service 'shpo'; did you mean 'shop'?\n", 2},
        {{"backtest", "crat", "--guards", "--store"}, "", "there is no service 'crat'; did you mean 'cart'?\n", 2},
    };
    fixture_begin(f);
    OK(f, store_put_guard(f->s, g, &f->err));
    OK(f, store_put_services(f->s, known, 2, &f->err));
    fixture_commit(f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *args[7] = {NULL};
        size_t n = 0;
        for (; row[i].args[n]; n++)
            args[n] = row[i].args[n];
        args[n] = f->path;
        struct said said = run(args);
        if (said.status != row[i].status)
            fail_msg("%s %s: status %d: %s%s", args[0], args[1], said.status, said.out, said.err);
        holds(args[1], "stdout", said.out, row[i].out);
        if (row[i].status)
            holds(args[1], "stderr", said.err, row[i].err);
    }
}

/* One bad poll decides nothing. Whoever ended the guard then left no verdict to compare with. */
static void replay_ended(struct fixture *f, const struct hd_policy *policy, const char *pin)
{
    static const struct {
        int state, status;
        const char *out;
    } row[] = {{HD_STATE_REVERTED, 1, "DIFFERENT"},
               {HD_STATE_SUPERSEDED, 0, "no verdict was due"},
               {HD_STATE_CANCELLED, 0, "no verdict was due"}};
    struct store_guard g = fixture_guard(4);
    g.pin = pin;
    g.ended_ms = 99000;
    g.verdict = HD_VERDICT_INCONCLUSIVE;
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    assert_int_equal(judge(f, policy, g.id, 1).kind, HD_VERDICT_NONE);
    fixture_commit(f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        g.state = row[i].state;
        fixture_begin(f);
        OK(f, store_put_guard(f->s, &g, &f->err));
        fixture_commit(f);
        struct said said = run((const char *[]){"replay", g.id, "--store", f->path, NULL});
        if (said.status != row[i].status)
            fail_msg("%s: status %d: %s%s", hd_state_word(g.state), said.status, said.out, said.err);
        holds(hd_state_word(g.state), "stdout", said.out, row[i].out);
    }
    struct said said = run((const char *[]){"replay", "--service", g.service, "--store", f->path, NULL});
    assert_int_equal(said.status, 0);
    holds("range", "stdout", said.out, "not due: ended by somebody");
}

static void replay(void **state)
{
    struct fixture *f = *state;
    struct config *config = NULL;
    struct config_mistakes mistakes;
    OK(f, config_load(f->arena, MINIMAL, NULL, &config, &mistakes, &f->err));
    const struct hd_policy *policy = config_service(config, "shop");
    BUF_AUTO pin = BUF_INIT(1u << 20);
    BUF_AUTO reasons = BUF_INIT(1u << 16);
    config_pin(config, policy, &pin);
    struct store_guard g = fixture_guard(1);
    g.pin = buf_at(&pin);
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    struct hd_verdict v = judge(f, policy, g.id, 5);
    assert_int_equal(v.kind, HD_VERDICT_FAIL);
    buf_text(&reasons, "[");
    for (size_t i = 0; i < v.n; i++)
        buf_print(&reasons, "%s{\"number\":%d,\"text\":\"t\"}", i ? "," : "", v.reason[i].number);
    buf_text(&reasons, "]");
    g.verdict = v.kind;
    g.cause = v.cause;
    g.score = v.score;
    g.reasons = buf_at(&reasons);
    OK(f, store_put_guard(f->s, &g, &f->err));
    fixture_commit(f);
    static const char *const changes[] = {"the same", "another kind", "another cause", "another score", "no reasons"};
    for (int i = 0; i < 5; i++) {
        struct store_guard other = g;
        other.verdict = i == 1 ? HD_VERDICT_PASS : g.verdict;
        other.cause = i == 2 ? HD_CAUSE_EARLIER : g.cause;
        other.score = i == 3 ? NAN : g.score;
        other.reasons = i == 4 ? "[]" : g.reasons;
        fixture_begin(f);
        OK(f, store_put_guard(f->s, &other, &f->err));
        fixture_commit(f);
        struct said said = run((const char *[]){"replay", g.id, "--store", f->path, NULL});
        if (said.status != (i ? 1 : 0))
            fail_msg("%s: status %d: %s%s", changes[i], said.status, said.out, said.err);
        holds(changes[i], "stdout", said.out, i ? "DIFFERENT" : "equal to the stored verdict");
        holds(changes[i], "stdout", said.out, "above_max");
    }
    struct said said = run((const char *[]){"replay", fixture_id(2), "--store", f->path, NULL});
    assert_int_equal(said.status, CLI_USAGE);
    replay_service(f, &g);
    replay_range(f, &g);
    replay_ended(f, policy, g.pin);
    config_unref(config);
}

/* --- sources --- */

static void write_file(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    va_list args;
    va_start(args, format);
    (void)vfprintf(file, format, args);
    va_end(args);
    (void)fclose(file);
}

#define CONFIG                                                                                     \
    "version: 1\n"                                                                                 \
    "datasources: {prom: {type: prometheus, url: 'http://127.0.0.1:%d'}}\n"                        \
    "services:\n"                                                                                  \
    "  shop:\n"                                                                                    \
    "    colours: [blue, green]\n"                                                                 \
    "    actuator: {type: haproxy, socket: /nonexistent/admin.sock, backend: shop}\n"              \
    "    checks:\n"                                                                                \
    "      - {use: http-5xx-ratio, max: 1%%}\n"                                                    \
    "      - {name: free, query: 'up{ {{match}} }', max: 1}\n"

#define CLOCK "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1700000060,\"1700000060\"]}}"
#define MATRIX(series) "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" series "]}}"
#define VECTOR(series) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" series "]}}"
#define SERIES(code, to)                                                                           \
    "{\"metric\":{\"__name__\":\"http_requests_total\",\"job\":\"a\",\"instance\":\"i\","              \
    "\"version\":\"green\",\"code\":\"" code "\"},\"values\":[[1699999999,\"0\"],[1700000030,\"" to     \
    "\"],[1700000059,\"" to "\"]]}"

/* Starts the script, writes the config with its port, runs, stops. */
static struct said with_source(struct fixture *f, const struct reply *script, const char *const *args)
{
    static struct server s;
    char file[96];
    (void)snprintf(file, sizeof file, "%s-lock", f->path); /* the fixture removes it */
    server_start(&s, script);
    write_file(file, CONFIG, s.port);
    (void)setenv("HALDANE_CONFIG", file, 1);
    struct said said = run(args);
    server_stop(&s);
    (void)setenv("HALDANE_CONFIG", "/nonexistent/haldane.yaml", 1);
    return said;
}

static void sources(void **state)
{
    struct fixture *f = *state;
    static const struct reply counts[] = {
        {200, CLOCK, false}, {200, MATRIX(SERIES("200", "950") "," SERIES("500", "50")), false},
        {200, VECTOR(""), false}, {0, NULL, false}};
    static const struct reply gauge[] = {
        {200, CLOCK, false}, {200, VECTOR(""), false},
        {200, VECTOR("{\"metric\":{},\"value\":[1700000058,\"0.25\"]}"), false}, {0, NULL, false}};
    static const struct reply broken[] = {
        {200, CLOCK, false}, {503, "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"tired\"}", false},
        {0, NULL, false}};
    struct said said = with_source(f, counts, (const char *[]){"query", "run", "shop", "http-5xx-ratio", NULL});
    if (said.status)
        fail_msg("counts: %d: %s%s", said.status, said.out, said.err);
    holds("counts", "stdout", said.out, "shop     http-5xx-ratio  blue   0       -      -      -      no_data: no series");
    holds("counts", "stdout", said.out, "shop     http-5xx-ratio  green  2       1,000  5%     1.0 s  ok\n");
    said = with_source(f, gauge, (const char *[]){"query", "run", "shop", "free", NULL});
    holds("gauge", "stdout", said.out, "shop     free   green  1       -  0.25   2.0 s  ok\n");
    holds("gauge", "stdout", said.out, "shop     free   blue   0       -  -      -      no_data");
    said = with_source(f, gauge, (const char *[]){"query", "run", "shop", "free", "-o", "json", NULL});
    holds("as json", "stdout", said.out, "{\"colour\":\"green\",\"series\":1,\"n\":null,\"value\":0.25,\"age_s\":2,"
                                         "\"outcome\":\"ok\"}");
    said = with_source(f, broken, (const char *[]){"query", "run", "shop", "--all", NULL});
    assert_int_equal(said.status, CLI_INCONCLUSIVE);
    holds("broken", "stdout", said.out, "tired");
    said = with_source(f, broken, (const char *[]){"check", "--online", NULL});
    assert_int_equal(said.status, CLI_INCONCLUSIVE);
    holds("online", "stdout", said.out, "shop: the router cannot be read: ");
    holds("online", "stderr", said.err, "not everything can be asked now");
    assert_null(strstr(said.out, ": ok, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test_setup_teardown(db, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(replay, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(sources, fixture_setup, fixture_teardown),
    };
    client_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
