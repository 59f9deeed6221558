/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane doctor`: would haldane work here, from the configuration to the telephone? One line for
 * each thing it leans on, and the next step where something is wrong. Reads only; with --notify it
 * sends one test message to each notifier.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/advice.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/lint.h"
#include "cli/table.h"
#include "json/json.h"
#include "store/store.h"

#include <haldane/notifier.h>

#define WINDOW_MS 60000   /* of a check */
#define SKEW_WARN_MS 2000 /* between our clock and a source's: times on the page are off by that */
#define SKEW_FAIL_MS 300000
#define DAEMON_MS 5000    /* for its answer: it is on this machine, as a rule */
#define MIB(n) ((int64_t)(n) << 20)

enum grade { PASS, WARN, FAIL, GRADES };
static const char *const grade_word[GRADES] = {"PASS", "WARN", "FAIL"};

struct doctor {
    struct hd_arena *a;
    const struct cli_args *args;
    const struct hd_config *config;
    struct asker *asker;
    struct table table;
    struct json_out *json;
    size_t count[GRADES];
};

/* One finding. `next`: what to do about it; NULL: nothing. */
static void find(struct doctor *d, enum grade grade, const char *what, const char *text, const char *next)
{
    d->count[grade]++;
    if (cli_json(d->args)) {
        json_begin(d->json, NULL, '{');
        json_put_text(d->json, "grade", grade_word[grade]);
        json_put_text(d->json, "what", what);
        json_put_text(d->json, "text", text);
        if (next)
            json_put_text(d->json, "next", next);
        json_end(d->json, '}');
        return;
    }
    table_row(&d->table, grade_word[grade], what,
              next ? arena_print(d->a, "%s -> %s", table_clean(d->a, text), next) : table_clean(d->a, text));
}

/* --- here: configuration, store, disk, the daemon --- */

static struct config *see_config(struct doctor *d, const char *file)
{
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    struct hd_error err;
    enum hd_code code = config_load(d->a, file, cli_option(d->args, "queries"), &config, &mistakes, &err);
    if (code) {
        const struct config_mistake *m = mistakes.n ? &mistakes.item[0] : NULL;
        while (m && m->warning)
            m++;
        find(d, FAIL, "config", m ? arena_print(d->a, "%s:%d:%d: %s: %s", m->file, m->line, m->column, m->path, m->text)
                                  : err.text,
             !m                    ? "name the file (haldane doctor FILE), or begin with haldane check --sample"
             : mistakes.errors > 1 ? arena_print(d->a, "haldane check %s names all %zu mistakes", file, mistakes.errors)
                                   : arena_print(d->a, "mend it and run haldane check %s", file));
        return NULL;
    }
    find(d, mistakes.n ? WARN : PASS, "config",
         arena_print(d->a, "%s, %u service%s", file, config_get(config)->n_services,
                     config_get(config)->n_services == 1 ? "" : "s"),
         mistakes.n ? arena_print(d->a, "%zu warning%s: haldane check %s", mistakes.n, mistakes.n == 1 ? "" : "s", file)
                    : NULL);
    return config;
}

/* True: it answers, and is well. */
static bool see_daemon(struct doctor *d)
{
    const char *base = client_url_of_listen(d->a, d->config->listen), *text;
    struct hd_endpoint at = {.name = "listen", .bases = &base, .n_bases = 1, .timeout_ms = DAEMON_MS};
    struct hd_request r = {.via = HD_VIA_HTTP, .effect = HD_EFFECT_READ, .label = "readyz", .at = &at,
                           .cap_bytes = HD_ANSWER_BYTES_SMALL};
    const struct hd_response *said;
    struct hd_error err;
    r.u.http.method = "GET";
    r.u.http.path = "/readyz";
    if (ask_once(d->asker, d->a, &r, &said, &err)) {
        find(d, WARN, "daemon", err.text, "start it: haldane serve");
        return false;
    }
    text = arena_print(d->a, "%s: %.*s", base, (int)strcspn(said->body.at, "\r\n"), said->body.at);
    find(d, said->status == 200 ? PASS : FAIL, "daemon", text,
         said->status == 200 ? NULL : "its log says more; is another program on this port?");
    return said->status == 200;
}

/* A daemon that is well has the store open, whoever asks; else whoever asks is taken for who will run it. */
static void see_store(struct doctor *d, bool daemon)
{
    __attribute__((cleanup(store_close_p))) struct store *s = NULL;
    const char *path = d->config->storage.path, *user = store_user(d->a);
    struct store_size size;
    struct hd_error err;
    if (!daemon && store_access(path, true, &err) == HD_DENIED) {
        find(d, FAIL, "store", err.text, STORE_ACCESS_NEXT);
        return;
    }
    enum hd_code code = store_open_reader(path, &s, &err);
    if (code == HD_ABSENT) {
        find(d, WARN, "store", arena_print(d->a, "%s is not there yet", path), "the daemon makes it: haldane serve");
        return;
    }
    if (code == HD_DENIED && daemon) {
        find(d, WARN, "store", arena_print(d->a, "the daemon has it open, and user %s may not look into %s", user, path),
             "run this as the daemon's user to have it checked");
        return;
    }
    if (code || store_check(s, &err) || store_measure(s, &size, &err)) {
        find(d, FAIL, "store", arena_print(d->a, "%s: %s", path, err.text),
             err.code == HD_CORRUPT   ? "stop the daemon and take the last copy (haldane db backup)"
             : err.code == HD_INVALID ? "a store of an older haldane is brought up to date by a restart of the daemon; no "
                                        "other program's file may stand at storage.path"
             : err.code == HD_VERSION ? "run the haldane that wrote it, or a newer one"
                                      : "run this as a user who may read it");
        return;
    }
    if (store_log_bytes(s) >= STORE_LOG_LONG) {
        find(d, WARN, "store",
             arena_print(d->a, "%s-wal has %s MiB, and grows while somebody reads what the store was", path,
                         table_count(d->a, floor((double)store_log_bytes(s) / (double)MIB(1)))),
             "end who has it open for long: a backup that hangs, a sqlite3 shell");
        return;
    }
    find(d, PASS, "store",
         arena_print(d->a, "%s is whole: %s MiB, %s guards; %s%s", path,
                     table_count(d->a, (double)size.bytes / (double)MIB(1)), table_count(d->a, (double)size.guards),
                     daemon ? "the daemon has it open" : "may be written by user ", daemon ? "" : user), NULL);
}

static void see_disk(struct doctor *d)
{
    const char *path = d->config->storage.path, *slash = strrchr(path, '/');
    const char *folder = arena_text_n(d->a, path, slash && slash > path ? (size_t)(slash - path) : 1);
    struct statvfs fs;
    if (statvfs(folder, &fs)) {
        find(d, FAIL, "disk", arena_print(d->a, "%s: %s", folder, strerror(errno)),
             arena_print(d->a, "make it, owned by the daemon's user: install -d %s", folder));
        return;
    }
    int64_t room = (int64_t)(fs.f_bavail * fs.f_frsize);
    const char *text = arena_print(d->a, "%s has %s MiB free", folder,
                                   table_count(d->a, floor((double)room / (double)MIB(1))));
    if (room < d->config->storage.ballast)
        find(d, FAIL, "disk", text, "free some: less than storage.ballast is left");
    else if (room < d->config->storage.max_size)
        find(d, WARN, "disk", text, "storage.max_size is more than that: free some, or lower it");
    else
        find(d, PASS, "disk", text, NULL);
}

/* --- data sources and checks --- */

static void see_source(struct doctor *d, const struct hd_datasource *source)
{
    ARENA_AUTO a = arena_new();
    const char *what = arena_print(d->a, "datasource %s", source->name);
    struct hd_error err;
    int64_t at_ms;
    enum hd_code code = ask_time(d->asker, a, d->config, source, &at_ms, &err);
    if (code == HD_INVALID) /* seen by its checks */
        return;
    if (code) {
        const struct hd_provider *p = hd_provider_find(source->plugin.type);
        const struct hd_endpoint *at = p->endpoint ? p->endpoint(source->plugin.cfg) : NULL;
        find(d, FAIL, what, err.text, advice_source(d->asker, d->a, at, "Prometheus", &err));
        return;
    }
    int64_t skew = at_ms - clock_now().wall_ms, off = skew < 0 ? -skew : skew;
    find(d, PASS, what, "answers", NULL);
    find(d, off > SKEW_FAIL_MS ? FAIL : off > SKEW_WARN_MS ? WARN : PASS, "clock",
         arena_print(d->a, "%s is %.1f s %s", source->name, (double)off / 1000, skew < 0 ? "behind" : "ahead"),
         off > SKEW_WARN_MS ? "let both machines keep time (systemd-timesyncd, chrony)" : NULL);
}

/* The first finding of a kind; NULL: there is none. */
static const char *first_of(const struct lints *found, enum lint_kind kind)
{
    for (size_t i = 0; i < found->n; i++) {
        if (found->item[i].kind == kind)
            return found->item[i].text;
    }
    return NULL;
}

static void see_check(struct doctor *d, const struct hd_policy *policy, const struct hd_check *check,
                      struct lint_sides *sides)
{
    ARENA_AUTO a = arena_new();
    const char *what = arena_print(d->a, "check %s/%s", policy->name, check->name), *lacks = NULL;
    struct lints found;
    struct ask_side side[HD_SIDES_MAX];
    struct hd_error err;
    enum hd_code code = ask_check(d->asker, a, d->config, policy, check, WINDOW_MS, side, &err);
    if (code) {
        find(d, FAIL, what, err.text,
             arena_print(a, "see datasource %s", d->config->datasources[check->datasource].name));
        return;
    }
    BUF_AUTO b = BUF_INIT(4000);
    size_t seen = 0, wrong = 0, absent = 0;
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        const struct ask_side *s = &side[i];
        sides->series[i] = s->outcome == HD_OUTCOME_NO_DATA ? s->series : 1;
        absent += sides->series[i] == 0;
        seen += s->outcome == HD_OUTCOME_OK || s->outcome == HD_OUTCOME_TOO_FEW;
        wrong += s->outcome == HD_OUTCOME_ERROR || s->outcome == HD_OUTCOME_TOO_MANY;
        const char *value = table_value(a, s->value, check->unit);
        buf_print(&b, "%s%s %s", i ? ", " : "", policy->colours[i].name, value                             ? value
                  : s->outcome == HD_OUTCOME_OK ? "no traffic"
                                                : hd_outcome_word(s->outcome));
        if (s->text)
            buf_print(&b, " (%s)", s->text);
    }
    lint_check(d->asker, a, d->config, policy, check, sides, &found);
    if (absent || wrong)
        lacks = first_of(&found, LINT_MISSING);
    const char *foreign = first_of(&found, LINT_FOREIGN), *mixed = foreign ? foreign : first_of(&found, LINT_MIXED);
    if (lacks)
        buf_print(&b, ": %s", lacks);
    bool blind = wrong || lacks || absent == policy->n_colours;
    if (mixed && !blind) {
        find(d, foreign ? FAIL : WARN, what, arena_print(d->a, "%s: %s", buf_at(&b), mixed),
             foreign ? "else a bad release of the other service would move this one's traffic"
                     : "if all of them are meant, name them all there");
        return;
    }
    find(d, blind ? FAIL : seen ? PASS : WARN, what, buf_at(&b),
         lacks          ? "write the name that is there, or let the source scrape it"
         : blind || !seen ? "haldane check --online says what is missing"
                          : NULL);
}

/* --- routers and targets --- */

static void see_target(struct doctor *d, const struct hd_policy *policy, uint32_t colour,
                       const struct hd_side_live *live)
{
    const struct hd_probe_policy *probe = &policy->target.probe;
    const char *name = policy->colours[colour].name;
    const char *what = arena_print(d->a, "target %s/%s", policy->name, name);
    if (live->ready == 0)
        find(d, FAIL, what, "no member is ready: a revert to it would be refused", "start it, or let it be");
    else if (live->ready != HD_UNKNOWN && live->wanted != HD_UNKNOWN && live->ready < live->wanted)
        find(d, WARN, what, arena_print(d->a, "%u of %u ready", live->ready, live->wanted),
             "start the others, or see why the router does not call them ready");
    else if (live->ready != HD_UNKNOWN)
        find(d, PASS, what,
             live->wanted == HD_UNKNOWN ? arena_print(d->a, "%u ready", live->ready)
                                        : arena_print(d->a, "%u of %u ready", live->ready, live->wanted), NULL);
    else if (policy->target.trust)
        find(d, WARN, what, "its readiness cannot be known, and is trusted", "a `target.probe` would know");
    else if (!probe->at[colour])
        find(d, WARN, what, "its readiness cannot be known", "name a `target.probe`");
    if (!probe->at[colour])
        return;
    ARENA_AUTO a = arena_new();
    struct hd_request r = {.via = HD_VIA_HTTP, .effect = HD_EFFECT_READ, .label = "probe",
                           .at = probe->at[colour], .cap_bytes = HD_ANSWER_BYTES_SMALL};
    const struct hd_response *said;
    struct hd_error err;
    r.u.http.method = "GET";
    r.u.http.path = probe->path[colour];
    if (ask_once(d->asker, a, &r, &said, &err))
        find(d, FAIL, what, err.text, "a revert to it would be refused: is it up?");
    else
        find(d, said->status == probe->expect ? PASS : FAIL, what,
             arena_print(d->a, "the probe gives %d, and %lld is expected", said->status, (long long)probe->expect),
             said->status == probe->expect ? NULL : "a revert to it would be refused: is it up?");
}

/* Its own answer, by the rules of the file and what the store knows of holds, budgets and rejected sides:
 * the way may be open, and haldane would not go it. */
static void see_will(struct doctor *d, const struct hd_policy *policy, uint32_t colour, const struct hd_side_live *live)
{
    __attribute__((cleanup(store_close_p))) struct store *s = NULL;
    ARENA_AUTO a = arena_new();
    char left[STR_TIME_MAX];
    struct would_rules rules;
    struct store_guard *guard = NULL;
    size_t n = 0;
    struct hd_error err;
    const struct store_filter newest = {.service = policy->name, .verdict = -1, .limit = 1};
    const char *what = arena_print(d->a, "act %s/%s", policy->name, policy->colours[colour].name);
    int64_t now_ms = clock_now().wall_ms;
    would_rules_of(a, policy, d->config, &rules);
    struct would_facts f = {.now_ms = now_ms, .rules = rules, .cooling_ms = -1};
    enum hd_code code = store_open_reader(d->config->storage.path, &s, &err);
    if (!code)
        code = store_guards(s, a, &newest, &guard, &n, &err);
    bool own = n && !hd_state_terminal(guard->state) && str_is(guard->stable, policy->colours[colour].name);
    const struct store_asked asked = {.service = policy->name, .guard = own ? guard : NULL,
                                      .rules = own && guard->rules ? NULL : &rules,
                                      .target = policy->colours[colour].name, .now_ms = now_ms};
    if (!code)
        code = store_would(s, a, &asked, &f, &err);
    if (code && code != HD_ABSENT) {
        find(d, WARN, what, err.text, "run this as a user who may read the store");
        return;
    }
    f.target = asked.target;
    f.ready = live->ready;
    f.wanted = live->wanted;
    f.candidate_good = 1;
    struct would w = would_act(&f);
    if (!w.reason) {
        find(d, PASS, what, "a guard would revert to it by itself", NULL);
        return;
    }
    BUF_AUTO b = BUF_INIT(4 * HD_TEXT_MAX);
    would_say(&b, &w, now_ms);
    if (w.until_ms > now_ms)
        buf_print(&b, ", %s left", str_duration(w.until_ms - now_ms, left));
    find(d, WARN, what, buf_at(&b), would_next(d->a, &w, policy->name));
}

static void see_permission(struct doctor *d, const struct hd_policy *policy, uint32_t colour)
{
    ARENA_AUTO a = arena_new();
    const char *what = arena_print(d->a, "revert %s/%s", policy->name, policy->colours[colour].name);
    const char *text = NULL;
    struct hd_error err;
    enum hd_code code = ask_rehearse(d->asker, a, policy, colour, &text, &err);
    if (!code)
        find(d, PASS, what, text, NULL);
    else if (code == HD_INVALID)
        find(d, WARN, what, err.text, "try it: a switch there and back at a quiet hour");
    else
        find(d, FAIL, what, err.text, advice_router(a, policy, &err));
}

static void see_router(struct doctor *d, const struct hd_policy *policy, struct lint_sides *sides)
{
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        sides->share_ppm[i] = HD_UNKNOWN;
    const char *what = arena_print(d->a, "router %s", policy->name);
    struct hd_live live;
    struct hd_error err;
    enum hd_code code = ask_router(d->asker, a, policy, &live, &err);
    if (code) {
        find(d, FAIL, what, err.text, advice_router(a, policy, &err));
        return;
    }
    BUF_AUTO b = BUF_INIT(2000);
    for (uint32_t i = 0; i < policy->n_colours; i++)
        sides->share_ppm[i] = live.side[i].share_ppm;
    for (uint32_t i = 0; i < policy->n_colours; i++)
        buf_print(&b, "%s%s %s", i ? ", " : "", policy->colours[i].name,
                  table_value(a, live.side[i].share_ppm / 1e6, "share"));
    find(d, PASS, what, buf_at(&b), NULL);
    for (uint32_t i = 0; i < policy->n_colours; i++) {
        if (live.side[i].share_ppm >= HD_WHOLE_PPM / 2 || !live.side[i].alone)
            continue; /* where the traffic is: nothing to go back to */
        see_target(d, policy, i, &live.side[i]);
        see_permission(d, policy, i);
        see_will(d, policy, i, &live.side[i]);
    }
}

/* --- notifiers --- */

/* Any answer is somebody's; one that is known to be another program is wrong. `kind`: what it should be. */
static void see_reach(struct doctor *d, const char *what, const struct hd_endpoint *at, const char *kind)
{
    ARENA_AUTO a = arena_new();
    for (uint32_t i = 0; at && i < at->n_bases; i++) {
        struct hd_error err;
        bool known;
        const char *who = advice_who(d->asker, a, at, i, &known, &err);
        if (!who)
            find(d, FAIL, what, err.text, advice_source(d->asker, a, at, kind, &err));
        else if (known && *kind && !str_is(who, kind))
            find(d, FAIL, what, arena_print(a, "%s is %s, and not %s", at->bases[i], who, kind), "look at the address");
        else
            find(d, PASS, what, arena_print(a, "%s answers there; doctor --notify sends a test message",
                                            known ? who : "somebody"), NULL);
    }
}

static void see_message(struct doctor *d, const char *what, const struct hd_notifier *n, const void *cfg)
{
    ARENA_AUTO a = arena_new();
    int64_t now = clock_now().wall_ms;
    struct hd_message m = {.seq = 1, .service = "haldane", .headline = "A test of haldane doctor: nothing happened",
                           .body = "", .severity = HD_SEVERITY_INFO, .at_ms = now, .ends_ms = now + 60000};
    struct hd_ask ask = {.n = 0};
    struct hd_error err;
    enum hd_code code = n->write(a, cfg, &m, &ask, &err);
    for (size_t i = 0; !code && i < ask.n; i++) {
        struct hd_exchange said = {ask.request[i], NULL};
        int32_t retry_ms = 0;
        code = ask_once(d->asker, a, ask.request[i], &said.response, &err);
        if (!code)
            code = n->reply(a, cfg, &said, &retry_ms, &err);
    }
    find(d, code ? FAIL : PASS, what, code ? err.text : "took a test message",
         code ? "until it does, nobody is told: look at its address and credentials" : NULL);
}

static void see_notifiers(struct doctor *d)
{
    bool page = false;
    for (uint32_t i = 0; i < d->config->n_sinks; i++) {
        const struct hd_sink *s = &d->config->sinks[i];
        const struct hd_notifier *n = hd_notifier_find(s->plugin.type);
        const char *what = arena_print(d->a, "notifier %s", s->name);
        page |= s->page;
        if (n && cli_option(d->args, "notify"))
            see_message(d, what, n, s->plugin.cfg);
        else if (n)
            see_reach(d, what, n->endpoint ? n->endpoint(s->plugin.cfg) : NULL,
                      str_is(n->name, "alertmanager") ? "Alertmanager" : "");
    }
    if (!page)
        find(d, WARN, "notifiers", d->config->n_sinks ? "none has `page: true`" : "there is none",
             "nobody is called when a human is needed: name one");
}

static void see_all(struct doctor *d)
{
    struct hd_error err;
    if (ask_open(&d->asker, &err)) {
        find(d, FAIL, "network", err.text, NULL);
        return;
    }
    see_store(d, see_daemon(d));
    see_disk(d);
    for (uint32_t i = 0; i < d->config->n_datasources; i++)
        see_source(d, &d->config->datasources[i]);
    for (uint32_t i = 0; i < d->config->n_services; i++) {
        const struct hd_policy *policy = &d->config->services[i];
        struct lint_sides sides;
        see_router(d, policy, &sides);
        for (uint32_t k = 0; k < policy->n_checks; k++)
            see_check(d, policy, &policy->checks[k], &sides);
    }
    see_notifiers(d);
    d->asker = ask_close(d->asker);
}

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(16u << 20);
    struct json_out json = json_out(&text);
    struct doctor d = {.a = a, .args = args, .table = {.arena = a, .columns = 3}, .json = &json};
    const char *file;
    if (cli_file(args, &file))
        return CLI_USAGE;
    json_begin(&json, NULL, '{');
    json_begin(&json, "findings", '[');
    struct config *config = see_config(&d, file);
    if (config) {
        d.config = config_get(config);
        see_all(&d);
    }
    json_end(&json, ']');
    for (size_t i = 0; i < GRADES; i++)
        json_put_i64(&json, grade_word[i], (int64_t)d.count[i]);
    json_end(&json, '}');
    if (cli_json(args)) {
        (void)puts(buf_at(&text));
    } else {
        table_print(&d.table, stdout);
        (void)printf("\n%zu passed, %zu warning%s, %zu failed\n", d.count[PASS], d.count[WARN],
                     d.count[WARN] == 1 ? "" : "s", d.count[FAIL]);
    }
    config_unref(config);
    return d.count[FAIL] ? CLI_REVERTED : CLI_OK;
}

static const struct cli_option options[] = {
    {"notify", '\0', NULL, "send one test message to each notifier"},
    CLI_QUERIES_OPTION,
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .synopsis = "[FILE] [--notify] [-o FORMAT]",
    .help = "would it work here? everything it leans on, and the next step",
    .notes =
        "Configuration, store, disk, daemon, data sources and their clocks, checks, routers, targets,\n"
        "the right to change traffic (rehearsed, nothing is changed), whether haldane would use it by\n"
        "itself right now, notifiers. Run it as the daemon's user: it sees what that user sees. Exit\n"
        "codes: 0 nothing failed, 1 something did, whatever it was: `check --online` tells a fault of the\n"
        "file (2) from what cannot be asked now (3).\n",
    .options = options,
    .most = 1,
    .run = run,
};
