/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane replay`: runs the stored evidence of a guard through the engine, under the policy it was
 * started with, and compares the verdict with the stored one. Reads the store only.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/reason.h"
#include "cli/face.h"
#include "cli/internal.h"
#include "cli/receipt.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "cli/trial.h"

#define STORE_AUTO __attribute__((cleanup(store_close_p))) struct store *
#define DIFFERENT 1 /* exit code */

/* A verdict as far as the store keeps it. */
struct outcome {
    int kind, cause;
    double score;
    size_t n;
    struct {
        int number;
        const char *text;
    } reason[HD_REASONS_MAX];
};

/* --- the stored one --- */

static enum hd_code read_reasons(struct hd_arena *a, const char *text, struct outcome *ret,
                                 struct hd_error *err)
{
    JSON_AUTO list = NULL;
    if (!text || !*text)
        return HD_OK;
    if (json_parse((struct hd_span){text, strlen(text)}, &list, err))
        return hd_error_add(err, "stored reasons");
    for (const struct json *j = json_first(list); j && ret->n < HD_REASONS_MAX; j = json_next(j)) {
        int64_t number;
        if (json_i64(json_get(j, "number"), "reasons[].number", &number, err))
            return err->code;
        ret->reason[ret->n].number = (int)number;
        ret->reason[ret->n++].text = arena_text(a, face_text(j, "text"));
    }
    return HD_OK;
}

/* --- the new one --- */

static void render(struct hd_arena *a, const struct trial *t, const struct hd_verdict *v,
                   struct outcome *ret)
{
    *ret = (struct outcome){.kind = v->kind, .cause = v->cause, .score = v->score, .n = v->n};
    for (size_t i = 0; i < v->n; i++) {
        ret->reason[i].number = v->reason[i].number;
        ret->reason[i].text = trial_reason(a, t, t->policy, &v->reason[i]);
    }
}

/* --- comparing --- */

static bool same(const struct outcome *x, const struct outcome *y)
{
    bool equal = x->kind == y->kind && x->cause == y->cause && x->n == y->n &&
                 (x->score == y->score || (isnan(x->score) && isnan(y->score)));
    for (size_t i = 0; equal && i < x->n; i++)
        equal = x->reason[i].number == y->reason[i].number;
    return equal;
}

/* Somebody ended the guard, and the evidence up to then decides nothing: so it did then. */
static bool none_was_due(const struct store_guard *g, const struct outcome *now)
{
    return now->kind == HD_VERDICT_NONE &&
           (g->state == HD_STATE_SUPERSEDED || g->state == HD_STATE_CANCELLED);
}

static bool agree(const struct store_guard *g, const struct outcome *stored, const struct outcome *now)
{
    return none_was_due(g, now) || same(stored, now);
}

static void print_text(const char *title, const struct outcome *o)
{
    ARENA_AUTO a = arena_new();
    (void)printf("%s: verdict %s, cause %s, score ", title, hd_verdict_word(o->kind),
                 hd_cause_word(o->cause));
    (void)(isnan(o->score) ? printf("none\n") : printf("%.17g\n", o->score));
    for (size_t i = 0; i < o->n; i++)
        (void)printf("  %-22s %s\n", reason_slug(o->reason[i].number),
                     table_clean(a, o->reason[i].text));
}

static void put_json(struct json_out *out, const char *key, const struct outcome *o)
{
    json_begin(out, key, '{');
    json_put_text(out, "verdict", hd_verdict_word(o->kind));
    json_put_text(out, "cause", hd_cause_word(o->cause));
    json_put_double(out, "score", o->score);
    json_begin(out, "reasons", '[');
    for (size_t i = 0; i < o->n; i++)
        trial_put_reason(out, o->reason[i].number, o->reason[i].text);
    json_end(out, ']');
    json_end(out, '}');
}

static void put_report(struct json_out *out, const struct store_guard *g, size_t n,
                       const struct outcome *stored, const struct outcome *now)
{
    json_begin(out, NULL, '{');
    json_put_text(out, "id", g->id);
    json_put_bool(out, "equal", agree(g, stored, now));
    json_put_i64(out, "evidence", (int64_t)n);
    put_json(out, "stored", stored);
    put_json(out, "replayed", now);
    json_end(out, '}');
}

static int report(const struct cli_args *args, const struct store_guard *g, size_t n,
                  const struct outcome *stored, const struct outcome *now)
{
    bool equal = agree(g, stored, now);
    if (cli_json(args)) {
        BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
        struct json_out out = json_out(&b);
        put_report(&out, g, n, stored, now);
        (void)puts(buf_at(&b));
        return equal ? CLI_OK : DIFFERENT;
    }
    (void)printf("guard %s of %s, %zu rows of evidence\n", g->id, g->service, n);
    print_text("replayed", now);
    if (!equal)
        print_text("stored", stored);
    (void)puts(none_was_due(g, now) ? "no verdict was due: somebody ended the guard before"
               : equal              ? "equal to the stored verdict"
                                    : "DIFFERENT from the stored verdict");
    return equal ? CLI_OK : DIFFERENT;
}

/* --- haldane replay --- */

/* A guard judged twice: then, and now. */
struct both {
    struct outcome stored, now;
    size_t n; /* rows of evidence */
};

static enum hd_code judge(struct hd_arena *a, const struct store_guard *g, struct trial *t,
                          struct both *ret, struct hd_error *err)
{
    struct config *pin = NULL;
    struct trial_end *end = arena_of(a, struct trial_end);
    ret->stored = (struct outcome){.kind = g->verdict, .cause = g->cause, .score = g->score};
    ret->n = t->n;
    enum hd_code code = config_load_pin((struct hd_span){g->pin, strlen(g->pin)}, &pin, err);
    if (code)
        return hd_error_add(err, "the policy of guard %s", g->id);
    t->as_it_was = true;
    t->policy = config_service(pin, g->service);
    if (!t->policy)
        code = hd_fail(err, HD_CORRUPT, "its policy does not name %s", g->service);
    if (!code)
        code = read_reasons(a, g->reasons, &ret->stored, err);
    if (!code)
        code = trial_run(t, t->policy, end, err);
    if (!code)
        render(a, t, &end->verdict, &ret->now);
    config_unref(pin);
    return code ? hd_error_add(err, "guard %s", g->id) : HD_OK;
}

static int replay_receipt(const struct cli_args *args, struct hd_arena *a, const char *file)
{
    struct store_guard guard;
    struct trial t;
    struct both both;
    struct hd_error err;
    if (receipt_read(a, file, &guard, &t, &err) || judge(a, &guard, &t, &both, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    return report(args, &guard, both.n, &both.stored, &both.now);
}

static int replay_one(const struct cli_args *args, struct hd_arena *a, struct store *store,
                      const char *id)
{
    struct store_guard guard;
    struct trial t;
    struct both both;
    struct hd_error err;
    if (trial_load(store, a, id, &guard, &t, &err) || judge(a, &guard, &t, &both, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    return report(args, &guard, both.n, &both.stored, &both.now);
}

enum hd_code replay_json(struct store *store, struct hd_arena *a, const char *guard, struct json_out *out,
                         struct hd_error *err)
{
    struct store_guard g;
    struct trial t;
    struct both both;
    if (trial_read(store, a, guard, &g, &t, err) || judge(a, &g, &t, &both, err))
        return err->code;
    put_report(out, &g, both.n, &both.stored, &both.now);
    return HD_OK;
}

/* --- many guards --- */

#define GUARDS_MAX 20000 /* judged in one go: years of them; a range asks for less */

/* What came of so many guards. */
struct tally {
    size_t n, equal, different, not_due, without;
};

static const char *compare(const struct store_guard *g, const struct both *b, struct tally *t)
{
    t->n++;
    if (!b->n) {
        t->without++;
        return "no evidence";
    }
    if (none_was_due(g, &b->now)) {
        t->not_due++;
        return "not due: ended by somebody";
    }
    bool equal = same(&b->stored, &b->now);
    t->equal += equal;
    t->different += !equal;
    return equal ? "equal" : "DIFFERENT";
}

/* Where a row goes: into one of them. */
struct rows {
    struct json_out *out;
    struct table *table;
    struct tally tally;
};

static void put_row(struct rows *to, const struct store_guard *g, const struct both *b)
{
    const char *is = compare(g, b, &to->tally), *now = b->n ? hd_verdict_word(b->now.kind) : NULL;
    const char *why = b->n && b->now.n ? b->now.reason[0].text : NULL;
    if (!to->out) {
        struct hd_arena *a = to->table->arena;
        table_row(to->table, arena_text(a, g->id), table_clean(a, g->service), table_time(a, g->switch_to_ms),
                  arena_print(a, "%s > %s", table_clean(a, g->stable), table_clean(a, g->candidate)),
                  hd_verdict_word(g->verdict), now, is, table_clean(a, why));
        return;
    }
    json_begin(to->out, NULL, '{');
    json_put_text(to->out, "id", g->id);
    json_put_text(to->out, "service", g->service);
    json_put_time(to->out, "started_at", g->started_ms);
    json_put_time(to->out, "switch_at", g->switch_to_ms);
    json_put_text(to->out, "stable", g->stable);
    json_put_text(to->out, "candidate", g->candidate);
    json_put_text(to->out, "stored", hd_verdict_word(g->verdict));
    json_put_text(to->out, "replayed", now);
    json_put_text(to->out, "why", why);
    json_put_bool(to->out, "equal", b->n && agree(g, &b->stored, &b->now));
    json_end(to->out, '}');
}

/* Evidence that was evicted proves nothing, and is said. */
static enum hd_code replay_row(struct store *store, const char *id, struct rows *to, struct hd_error *err)
{
    ARENA_AUTO a = arena_new(); /* a long history is not held all at once */
    struct store_guard guard;
    struct trial t = {.n = 0};
    struct both both = {.n = 0};
    enum hd_code code = trial_load(store, a, id, &guard, &t, err);
    if (code == HD_ABSENT)
        code = store_guard(store, a, id, &guard, err);
    if (!code && t.n)
        code = judge(a, &guard, &t, &both, err);
    if (!code)
        put_row(to, &guard, &both);
    return code;
}

/* Ids of those that have ended, newest first, page by page. */
static enum hd_code ended_guards(struct store *store, struct hd_arena *a, struct store_filter filter,
                                 char (**ret)[27], size_t *ret_n, struct hd_error *err)
{
    char(*id)[27] = arena_array(a, GUARDS_MAX, sizeof *id);
    size_t page = HD_ROWS_MAX, n = 0;
    char before[27];
    while (page == HD_ROWS_MAX && n < GUARDS_MAX) {
        ARENA_AUTO tmp = arena_new();
        struct store_guard *list;
        if (store_guards(store, tmp, &filter, &list, &page, err))
            return err->code;
        for (size_t i = 0; i < page && n < GUARDS_MAX; i++) {
            if (list[i].ended_ms >= 0)
                memcpy(id[n++], list[i].id, sizeof *id);
        }
        if (page)
            filter.before = memcpy(before, list[page - 1].id, sizeof before);
    }
    *ret = id;
    *ret_n = n;
    return HD_OK;
}

static void say_tally(const struct tally *t)
{
    (void)printf("%zu guard%s: %zu equal, %zu different", t->n, t->n == 1 ? "" : "s", t->equal, t->different);
    if (t->not_due)
        (void)printf(", %zu ended by somebody before a verdict", t->not_due);
    if (t->without)
        (void)printf(", %zu without evidence", t->without);
    (void)puts(t->n == GUARDS_MAX ? "; older ones were left out" : "");
}

/* Every guard of the range that has ended, oldest first. */
static int replay_range(const struct cli_args *args, struct hd_arena *a, struct store *store)
{
    struct store_filter filter = {.service = cli_option(args, "service"), .verdict = -1};
    struct table table = {.arena = a, .columns = 8};
    struct hd_error err;
    char(*id)[27] = NULL;
    size_t n = 0;
    BUF_AUTO text = BUF_INIT(8 * HD_REPLY_BYTES_MAX);
    struct json_out out = json_out(&text);
    struct rows rows = {.out = cli_json(args) ? &out : NULL, .table = &table};
    int status = trial_range(args, clock_now().wall_ms, &filter.since_ms, &filter.until_ms);
    const char *newest;
    if (!status && filter.service)
        status = trial_newest(store, a, filter.service, filter, &newest);
    if (status)
        return status;
    json_begin(&out, NULL, '[');
    table_row(&table, "GUARD", "SERVICE", "SWITCH", "FROM > TO", "THEN", "NOW", "VERDICT IS", "WHY (NOW)");
    if (ended_guards(store, a, filter, &id, &n, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    while (n-- > 0) {
        if (replay_row(store, id[n], &rows, &err))
            return cli_fail(CLI_USAGE, "%s", err.text);
    }
    json_end(&out, ']');
    if (rows.out)
        (void)puts(buf_at(&text));
    else if (rows.tally.n)
        table_print(&table, stdout);
    if (!rows.out)
        say_tally(&rows.tally);
    return rows.tally.different ? DIFFERENT : CLI_OK;
}

/* The last guard of a service. */
static int replay_newest(const struct cli_args *args, struct hd_arena *a, struct store *store)
{
    const char *service = cli_word(args, 0), *id;
    int status = trial_newest(store, a, service, (struct store_filter){.verdict = -1}, &id);
    if (!status && !*id)
        status = cli_fail(CLI_USAGE, "service '%s' has no guard yet", table_clean(a, service));
    return status ? status : replay_one(args, a, store, id);
}

/* A guard by its id or the beginning of it, or a service, whose newest it is. */
static int replay_word(const struct cli_args *args, struct hd_arena *a, struct store *store, const char *word)
{
    struct store_service service;
    struct store_named *found;
    struct hd_error err;
    char id[27];
    size_t n = 0;
    if (face_is_id(word)) {
        face_id(word, id);
        return replay_one(args, a, store, id);
    }
    char *begin = arena_text(a, word);
    for (char *c = begin; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    bool may_be_id = face_begins_id(word) && store_service(store, a, word, &service, &err) == HD_ABSENT;
    if (may_be_id && store_guards_named(store, a, begin, 2, &found, &n, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (n > 1)
        return cli_fail(CLI_USAGE, "the ids of several guards begin with %s: %s (%s), %s (%s) ...; type more of it", word,
                        found[0].id, found[0].service, found[1].id, found[1].service);
    return n ? replay_one(args, a, store, found[0].id) : replay_newest(args, a, store);
}

static bool is_file(const char *word)
{
    struct stat about;
    return stat(word, &about) == 0 ? !S_ISDIR(about.st_mode) : strchr(word, '/') != NULL;
}

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    STORE_AUTO store = NULL;
    struct hd_error err;
    const char *word = cli_word(args, 0), *path;
    bool many = cli_option(args, "from") || cli_option(args, "to") || cli_option(args, "service");
    if (many == (word != NULL))
        return cli_usage(args, "replay takes a guard (its id, or its service), a receipt, or a range of time");
    if (word && !face_is_id(word) && is_file(word))
        return replay_receipt(args, a, word);
    path = cli_store_path(args, a);
    if (!path)
        return CLI_USAGE;
    if (store_open_reader(path, &store, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (!word)
        return replay_range(args, a, store);
    return replay_word(args, a, store, word);
}

static const struct cli_option options[] = {
    CLI_RANGE_OPTIONS,
    {"service", 'S', "NAME", "of this service only"},
    {"store", 's', "PATH", "the store (default: as the configuration says)"},
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_replay = {
    .name = "replay",
    .synopsis = "ID | SERVICE | FILE | [--from T] [--to T] [--service NAME]",
    .help = "judge the stored evidence of one or many guards again and compare",
    .notes = "A service stands for its newest guard; with --service all of its guards are judged.\n"
             "Of a range, each switch that a guard watched is told with the verdict then and the one now, from\n"
             "its own policy and evidence. What another policy would have done, and switches that nobody\n"
             "watched, are for haldane backtest.\n"
             "FILE is a receipt (haldane export --json): its chain is proved, and nothing else is read.\n"
             "A guard that somebody ended before its evidence decided anything owes no verdict.\n"
             "Exit codes: 0 the same verdict, 1 another one, 2 no such guard or evidence.\n",
    .options = options,
    .most = 1,
    .run = run,
};
