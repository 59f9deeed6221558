/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane replay`: runs the stored evidence of a guard through the engine, under the policy it was
 * started with, and compares the verdict with the stored one. Reads the store only.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/reason.h"
#include "cli/face.h"
#include "cli/internal.h"
#include "cli/table.h"
#include "store/store.h"

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

static void render(struct hd_arena *a, const struct hd_policy *policy, const struct store_guard *g,
                   const struct hd_verdict *v, struct outcome *ret)
{
    const char *checks[HD_CHECKS_MAX], *units[HD_CHECKS_MAX];
    struct reason_names names = {.check = checks,
                                 .unit = units,
                                 .n_checks = policy->n_checks,
                                 .side = {g->stable, g->candidate}};
    for (uint32_t i = 0; i < policy->n_checks; i++) {
        checks[i] = policy->checks[i].name;
        units[i] = policy->checks[i].unit;
    }
    *ret = (struct outcome){.kind = v->kind, .cause = v->cause, .score = v->score, .n = v->n};
    for (size_t i = 0; i < v->n; i++) {
        BUF_AUTO b = BUF_INIT(1000);
        reason_render(&b, &v->reason[i], &names);
        ret->reason[i].number = v->reason[i].number;
        ret->reason[i].text = arena_text(a, buf_at(&b));
    }
}

/* What the store knows of a guard. */
struct record {
    struct store_guard guard;
    struct store_evidence *evidence;
    struct store_extension *extension;
    size_t n_evidence, n_extensions;
};

static enum hd_code replay(const struct hd_policy *policy, const struct record *r,
                           struct hd_verdict *ret, struct hd_error *err)
{
    const struct store_evidence *e = r->evidence;
    struct hd_guard_state state;
    struct hd_verdict verdict = {.score = NAN};
    engine_state_init(policy, &state);
    *ret = verdict;
    for (size_t i = 0, x = 0; i < r->n_evidence; i++) {
        for (; x < r->n_extensions && r->extension[x].polls <= state.polls; x++)
            state.extended_ms += r->extension[x].by_ms;
        if (engine_step(policy, &state, &e[i].evidence, e[i].t_ms, &state, &verdict, err))
            return hd_error_add(err, "poll %u", e[i].evidence.poll);
        if (!e[i].evidence.before) /* what the minutes before say is no verdict yet */
            *ret = verdict;
    }
    return HD_OK;
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
    for (size_t i = 0; i < o->n; i++) {
        json_begin(out, NULL, '{');
        json_put_i64(out, "number", o->reason[i].number);
        json_put_text(out, "slug", reason_slug(o->reason[i].number));
        json_put_text(out, "text", o->reason[i].text);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

static int report(const struct cli_args *args, const struct store_guard *g, size_t n,
                  const struct outcome *stored, const struct outcome *now)
{
    bool equal = same(stored, now);
    if (cli_json(args)) {
        BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
        struct json_out out = json_out(&b);
        json_begin(&out, NULL, '{');
        json_put_text(&out, "id", g->id);
        json_put_bool(&out, "equal", equal);
        json_put_i64(&out, "evidence", (int64_t)n);
        put_json(&out, "stored", stored);
        put_json(&out, "replayed", now);
        json_end(&out, '}');
        (void)puts(buf_at(&b));
        return equal ? CLI_OK : DIFFERENT;
    }
    (void)printf("guard %s of %s, %zu rows of evidence\n", g->id, g->service, n);
    print_text("replayed", now);
    if (!equal)
        print_text("stored", stored);
    (void)puts(equal ? "equal to the stored verdict" : "DIFFERENT from the stored verdict");
    return equal ? CLI_OK : DIFFERENT;
}

/* --- haldane replay --- */

static enum hd_code load(struct store *s, struct hd_arena *a, const char *id, struct record *ret,
                         struct hd_error *err)
{
    enum hd_code code = store_begin(s, err); /* one moment for all */
    if (!code)
        code = store_guard(s, a, id, &ret->guard, err);
    if (!code)
        code = store_evidence(s, a, id, &ret->evidence, &ret->n_evidence, err);
    if (!code)
        code = store_extensions(s, a, id, &ret->extension, &ret->n_extensions, err);
    store_rollback(s);
    return code;
}

static int replay_guard(const struct cli_args *args, struct hd_arena *a, const struct record *r)
{
    struct config *pin = NULL;
    const struct store_guard *g = &r->guard;
    struct hd_verdict *verdict = arena_of(a, struct hd_verdict);
    struct outcome stored = {.kind = g->verdict, .cause = g->cause, .score = g->score}, now;
    struct hd_error err;
    if (config_load_pin((struct hd_span){g->pin, strlen(g->pin)}, &pin, &err))
        return cli_fail(CLI_USAGE, "the policy of guard %s: %s", g->id, err.text);
    const struct hd_policy *policy = config_service(pin, g->service);
    int status = CLI_OK;
    if (!policy)
        status = cli_fail(CLI_USAGE, "guard %s: its policy does not name %s", g->id, g->service);
    else if (read_reasons(a, g->reasons, &stored, &err) || replay(policy, r, verdict, &err))
        status = cli_fail(CLI_USAGE, "guard %s: %s", g->id, err.text);
    else
        render(a, policy, g, verdict, &now);
    config_unref(pin);
    return status ? status : report(args, g, r->n_evidence, &stored, &now);
}

static int run(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    STORE_AUTO store = NULL;
    struct record *record = arena_of(a, struct record);
    struct hd_error err;
    const char *id = cli_word(args, 0), *path;
    if (!face_is_id(id))
        return cli_usage(args, "'%s' is not the id of a guard", id);
    path = cli_store_path(args, a);
    if (!path)
        return CLI_USAGE;
    if (store_open_reader(path, &store, &err) || load(store, a, id, record, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    return replay_guard(args, a, record);
}

static const struct cli_option options[] = {
    {"store", 's', "PATH", "the store (default: as the configuration says)"},
    CLI_OUTPUT_OPTION,
    CLI_CONFIG_OPTION,
    {0},
};

const struct cli_command cli_replay = {
    .name = "replay",
    .synopsis = "ID [--store PATH] [-o json]",
    .help = "judge a guard's stored evidence again and compare",
    .notes = "Exit codes: 0 the same verdict, 1 another one, 2 no such guard or evidence.\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
