/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane analyze --kayenta-config`: judges a whole canary config once. Values come from files, or
 * from a data source for the windows of an execution request. Acts on nothing, stores nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/analyze.h"
#include "cli/ask.h"
#include "cli/table.h"
#include "config/file.h"
#include "pipeline/canary_query.h"

#define FEW 50 /* values a side, below which Kayenta warns */
#define DOCUMENTS_MAX 4
#define WINDOWS_MAX 200

struct analysis {
    const struct cli_args *args;
    struct hd_arena *arena;
    struct json *document[DOCUMENTS_MAX]; /* texts and values live there */
    size_t n_documents;
    struct canary canary;
    struct canary_pair *pair;
    size_t n;
    double pass, marginal;
    struct canary_report report;
    struct window { /* of --every, in order; the last one is the result */
        int64_t end_ms;
        struct kayenta_score score;
    } * window;
    size_t n_windows;
    struct hd_error err;
};

static int fail(const struct analysis *x)
{
    return cli_fail(CLI_USAGE, "%s", x->err.text);
}

static enum hd_code read_file(struct analysis *x, const char *path, const struct json **ret)
{
    struct hd_span text;
    if (file_read(x->arena, path, &text, &x->err))
        return x->err.code;
    if (json_parse(text, &x->document[x->n_documents], &x->err))
        return hd_error_add(&x->err, "%s", path);
    *ret = x->document[x->n_documents++];
    return HD_OK;
}

/* --- values from files --- */

/* {NAME: [values]} */
static size_t read_sides(struct analysis *x, const struct json *control,
                         const struct json *experiment)
{
    struct canary_pair *p = arena_many(x->arena, x->canary.n, struct canary_pair);
    bool strict = x->canary.strict;
    for (size_t i = 0; i < x->canary.n; i++) {
        const char *name = x->canary.metric[i].name;
        p[i] = (struct canary_pair){.name = name, .id = ""};
        const struct json *c = json_get(control, name), *e = json_get(experiment, name);
        enum hd_code code = HD_OK;
        if (c)
            code = canary_read_values(x->arena, c, name, strict, &p[i].control, &x->err);
        if (!code && e)
            code = canary_read_values(x->arena, e, name, strict, &p[i].experiment, &x->err);
        if (code)
            return 0;
    }
    x->pair = p;
    return x->canary.n;
}

static int load_files(struct analysis *x)
{
    const char *pairs = cli_option(x->args, "pairs"), *control = cli_option(x->args, "control"),
               *experiment = cli_option(x->args, "experiment");
    const struct json *list = NULL, *c = NULL, *e = NULL;
    if (pairs) {
        if (control || experiment)
            return cli_usage(x->args,
                             "--pairs holds both sides; --control and --experiment are left out");
        if (read_file(x, pairs, &list) ||
            canary_read_pairs(x->arena, list, x->canary.strict, &x->pair, &x->n, &x->err))
            return fail(x);
        return CLI_OK;
    }
    if (!control || !experiment)
        return cli_usage(x->args, "say where the values are: --pairs FILE, --control FILE "
                                  "--experiment FILE, or --request FILE --datasource NAME");
    if (read_file(x, control, &c) || read_file(x, experiment, &e))
        return fail(x);
    x->n = read_sides(x, c, e);
    return x->n ? CLI_OK : fail(x);
}

/* --- values from a data source --- */

static const struct hd_datasource *source_of(const struct hd_config *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_datasources; i++)
        if (str_is(c->datasources[i].name, name))
            return &c->datasources[i];
    return NULL;
}

static enum hd_code ask_side(struct analysis *x, struct asker *asker, const struct hd_config *c,
                             const struct hd_datasource *source, const struct canary_metric *m,
                             struct canary_side *side)
{
    const char *query;
    const struct canary_where *w = side->where;
    struct ask_range range = {w->start_ms, w->end_ms, w->step_ms};
    if (canary_query(x->arena, &x->canary, m, w, &query, &x->err))
        return x->err.code;
    if (ask_series(asker, x->arena, c, source, query, &range, &side->rows, &x->err))
        return hd_error_add(&x->err, "metric '%s'", m->name);
    return HD_OK;
}

static enum hd_code ask_all(struct analysis *x, const struct canary_request *r,
                            const struct hd_config *c, const struct hd_datasource *source)
{
    ASKER_AUTO asker = NULL;
    x->pair = arena_many(x->arena, CANARY_METRICS_MAX, struct canary_pair);
    if (ask_open(&asker, &x->err))
        return x->err.code;
    for (size_t i = 0; i < x->canary.n; i++) {
        const struct canary_metric *m = &x->canary.metric[i];
        size_t s = 0;
        while (s < r->n && !str_is(r->scope[s].name, m->scope))
            s++;
        if (s == r->n)
            return hd_fail(&x->err, HD_INVALID, "metric '%s': the request has no scope '%s'",
                           m->name, m->scope);
        struct canary_side control = {.where = &r->scope[s].control};
        struct canary_side experiment = {.where = &r->scope[s].experiment};
        if (ask_side(x, asker, c, source, m, &control) ||
            ask_side(x, asker, c, source, m, &experiment) ||
            canary_pair_rows(x->arena, m->name, &control, &experiment, x->pair, CANARY_METRICS_MAX,
                             &x->n, &x->err))
            return x->err.code;
    }
    return HD_OK;
}

static int read_thresholds(struct analysis *x);

/* From the beginning to one more step each time, as Kayenta does it afterwards. */
static enum hd_code ask_windows(struct analysis *x, const struct canary_request *r,
                                const struct hd_config *c, const struct hd_datasource *source,
                                int64_t every_ms)
{
    struct canary_request *cut = arena_copy(x->arena, r, sizeof *r);
    const struct canary_where *first = &r->scope[0].experiment;
    int64_t n = (first->end_ms - first->start_ms) / every_ms;
    if (n < 1 || n > WINDOWS_MAX)
        return hd_fail(&x->err, HD_INVALID, "--every: from 1 to %d windows, not %lld", WINDOWS_MAX,
                       (long long)n);
    x->window = arena_many(x->arena, (size_t)n, struct window);
    for (int64_t i = 1; i <= n; i++) {
        for (size_t s = 0; s < r->n; s++) {
            cut->scope[s].control.end_ms = r->scope[s].control.start_ms + i * every_ms;
            cut->scope[s].experiment.end_ms = r->scope[s].experiment.start_ms + i * every_ms;
        }
        x->n = 0;
        if (ask_all(x, cut, c, source) || canary_judge(x->arena, &x->canary, x->pair, x->n, x->pass,
                                                       x->marginal, &x->report, &x->err))
            return x->err.code;
        x->window[x->n_windows++] =
            (struct window){first->start_ms + i * every_ms, x->report.score};
        if (x->report.score.score <= x->marginal)
            break;
    }
    return HD_OK;
}

static int load_source(struct analysis *x, const char *path)
{
    const char *every = cli_option(x->args, "every");
    int64_t every_ms = 0;
    if (every && (!str_read_duration(every, &every_ms) || every_ms < 1000))
        return cli_usage(x->args, "--every is a duration from 1s on, not '%s'", every);
    const char *name = cli_option(x->args, "datasource");
    struct canary_request *request = arena_of(x->arena, struct canary_request);
    const struct json *from = NULL;
    if (!name || cli_option(x->args, "pairs") || cli_option(x->args, "control") ||
        cli_option(x->args, "experiment"))
        return cli_usage(x->args, "--request goes with --datasource NAME, and no other values");
    if (read_file(x, path, &from) || canary_read_request(from, request, &x->err))
        return fail(x);
    x->pass = isnan(request->pass) ? x->pass : request->pass;
    x->marginal = isnan(request->marginal) ? x->marginal : request->marginal;
    int status = read_thresholds(x);
    if (status)
        return status;
    struct config *config = cli_load(cli_config_file(cli_option(x->args, "config")), NULL);
    if (!config)
        return CLI_USAGE;
    const struct hd_datasource *source = source_of(config_get(config), name);
    if (!source)
        status = cli_fail(CLI_USAGE, "there is no data source '%s'", name);
    else if (every_ms ? ask_windows(x, request, config_get(config), source, every_ms)
                      : ask_all(x, request, config_get(config), source))
        status = fail(x);
    config_unref(config);
    return status;
}

/* --- the result --- */

static const char *few_text(struct analysis *x, size_t i)
{
    const struct kayenta_result *r = &x->report.result[i];
    size_t least = r->control.count < r->experiment.count ? r->control.count : r->experiment.count;
    if (!least || least >= FEW)
        return NULL;
    return arena_print(x->arena, "%s: only %zu values; a shift is seen late with fewer than %d",
                       x->pair[i].name, least, FEW);
}

static void print_json(struct analysis *x)
{
    BUF_AUTO b = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "config", x->canary.name);
    json_put_text(&out, "compat", x->canary.strict ? "strict" : "upstream");
    json_begin(&out, "thresholds", '{');
    json_put_double(&out, "pass", x->pass);
    json_put_double(&out, "marginal", x->marginal);
    json_end(&out, '}');
    canary_put(&out, "judgeResult", &x->canary, x->pair, &x->report);
    json_begin(&out, "windows", '[');
    for (size_t i = 0; i < x->n_windows; i++) {
        json_begin(&out, NULL, '{');
        json_put_time(&out, "end", x->window[i].end_ms);
        json_put_double(&out, "score", x->window[i].score.score);
        json_put_text(&out, "classification", kayenta_grade_word(x->window[i].score.grade));
        json_end(&out, '}');
    }
    json_end(&out, ']');
    json_begin(&out, "warnings", '[');
    for (size_t i = 0; i < x->n; i++) {
        const char *text = few_text(x, i);
        if (text)
            json_put_text(&out, NULL, text);
    }
    json_end(&out, ']');
    json_end(&out, '}');
    (void)puts(buf_at(&b));
}

static const char *number_text(struct hd_arena *a, double v)
{
    return isnan(v) ? "-" : arena_print(a, "%.4g", v);
}

static const char *groups_text(struct analysis *x, uint64_t groups)
{
    const char *text = "";
    for (size_t g = 0; g < x->canary.weights.n; g++)
        if (groups >> g & 1)
            text = arena_print(x->arena, "%s%s%s", text, *text ? "," : "", x->canary.group[g]);
    return text;
}

static void print_text(struct analysis *x)
{
    struct hd_arena *a = x->arena;
    struct table t = {.arena = a, .columns = 8};
    table_row(&t, "METRIC", "SERIES", "GROUPS", "LABEL", "CONTROL", "EXPERIMENT", "RATIO", "WHY");
    for (size_t i = 0; i < x->n; i++) {
        const struct kayenta_result *r = &x->report.result[i];
        table_row(&t, table_clean(a, x->pair[i].name), table_clean(a, x->pair[i].id),
                  table_clean(a, groups_text(x, r->groups)),
                  arena_print(a, "%s%s%s", kayenta_label_word(r->label),
                              r->critical ? " critical" : "", r->muted ? " muted" : ""),
                  number_text(a, r->control.count ? r->control.mean : (double)NAN),
                  number_text(a, r->experiment.count ? r->experiment.mean : (double)NAN),
                  number_text(a, r->ratio), canary_say(a, r));
    }
    for (size_t i = 0; i < x->n_windows; i++)
        (void)printf("until %s: score %g, %s\n", table_time(a, x->window[i].end_ms),
                     x->window[i].score.score, kayenta_grade_word(x->window[i].score.grade));
    const struct kayenta_score *s = &x->report.score;
    (void)printf("score %g: %s (pass from %g, marginal from %g)\n", s->score,
                 kayenta_grade_word(s->grade), x->pass, x->marginal);
    if (s->why)
        (void)printf("%s\n", table_clean(a, canary_say_score(a, &x->canary, &x->report)));
    (void)puts("");
    table_print(&t, stdout);
    for (size_t i = 0; i < x->n; i++) {
        const char *text = few_text(x, i);
        if (text)
            (void)fprintf(stderr, "warning: %s\n", table_clean(a, text));
    }
}

/* --- haldane analyze --kayenta-config --- */

/* "PASS,MARGINAL" */
static int read_thresholds(struct analysis *x)
{
    const char *text = cli_option(x->args, "thresholds");
    char *copy = arena_text(x->arena, text), *comma = text ? strchr(copy, ',') : NULL;
    if (comma)
        *comma = '\0';
    bool read = comma && str_read_double(copy, &x->pass) && str_read_double(comma + 1, &x->marginal);
    if (text && !(read && x->marginal >= 0 && x->marginal <= x->pass && x->pass <= 100))
        return cli_usage(x->args, "--thresholds is PASS,MARGINAL such as 95,75, not '%s'", text);
    return CLI_OK;
}

static int judge(struct analysis *x)
{
    static const int status[] = {[KAYENTA_GRADE_PASS] = CLI_OK,
                                 [KAYENTA_GRADE_MARGINAL] = CLI_INCONCLUSIVE,
                                 [KAYENTA_GRADE_FAIL] = CLI_ADVISED};
    int wrong = read_thresholds(x);
    if (wrong)
        return wrong;
    if (canary_judge(x->arena, &x->canary, x->pair, x->n, x->pass, x->marginal, &x->report,
                     &x->err))
        return fail(x);
    if (cli_json(x->args))
        print_json(x);
    else
        print_text(x);
    return status[x->report.score.grade];
}

int analyze_values(const struct cli_args *args, struct hd_arena *a, const struct canary *c,
                   struct canary_pair *pair, size_t n, double pass, double marginal)
{
    struct analysis *x = arena_of(a, struct analysis);
    x->args = args;
    x->arena = a;
    x->canary = *c;
    x->pair = pair;
    x->n = n;
    x->pass = pass;
    x->marginal = marginal;
    return judge(x);
}

int analyze_compat(const struct cli_args *args, bool *ret_strict)
{
    const char *compat = cli_option(args, "compat");
    *ret_strict = !compat || str_is(compat, "strict");
    if (!*ret_strict && !str_is(compat, "upstream"))
        return cli_usage(args, "--compat is strict or upstream, not '%s'", compat);
    return CLI_OK;
}

static int load(struct analysis *x)
{
    const char *request = cli_option(x->args, "request");
    const char *path = cli_option(x->args, "kayenta-config");
    bool strict;
    const struct json *from = NULL;
    int status = analyze_compat(x->args, &strict);
    if (status)
        return status;
    if (read_file(x, path, &from))
        return fail(x);
    if (canary_read(x->arena, from, strict, &x->canary, &x->err))
        return cli_fail(CLI_USAGE, "%s: %s", path, x->err.text);
    x->pass = isnan(x->canary.pass) ? ANALYZE_PASS : x->canary.pass;
    x->marginal = isnan(x->canary.marginal) ? ANALYZE_MARGINAL : x->canary.marginal;
    return request ? load_source(x, request) : load_files(x);
}

int analyze_canary(const struct cli_args *args)
{
    ARENA_AUTO a = arena_new();
    struct analysis *x = arena_of(a, struct analysis);
    x->args = args;
    x->arena = a;
    int status = load(x);
    if (!status)
        status = judge(x);
    for (size_t i = 0; i < x->n_documents; i++)
        (void)json_free(x->document[i]);
    return status;
}
