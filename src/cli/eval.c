/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane engine eval`: the engine's arithmetic, open to anyone who wants to check it against
 * theirs. Reads JSON lines (or a whole file of vectors), prints a JSON line for each. Reads no
 * configuration and no store.
 */
#include "cli/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"

#define INPUT_MAX ((size_t)64 << 20)      /* of one line, or of a file that is one value */
#define OUTPUT_MAX ((size_t)16 << 20)     /* of one result */
#define TOLERANCE 1e-9                    /* where the vectors name none */

static const struct eval_statistic *const lists[] = {eval_sequential, eval_kayenta};

/* What a case calls its statistic, its inputs, and what it expects. */
static const char *const name_keys[] = {"group", "fn", "kind", "statistic", "name", NULL};
static const char *const input_keys[] = {"inputs", "input", "in", "args", "params", NULL};
static const char *const want_keys[] = {"want", "expected", "expect", "output", "out", NULL};

/* One run over the input. */
struct run {
    bool check;
    size_t done, passed, failed, bad; /* bad: no result at all */
};

/* A group of cases in a file of vectors; the default is a line of its own. */
struct group {
    const char *name; /* NULL: the case names it */
    double rtol, atol;
};

/* --- reading inputs --- */

enum hd_code eval_number(const struct eval *e, const char *key, double *ret, struct hd_error *err)
{
    return json_double(json_get(e->in, key), key, ret, err);
}

static enum hd_code fill(const struct json *list, const char *key, size_t n, double null,
                         double *to, struct hd_error *err)
{
    size_t i = 0;
    if (!list || json_type(list) == JSON_NULL) {
        for (; i < n; i++)
            to[i] = null;
        return HD_OK;
    }
    if (json_type(list) != JSON_ARRAY || json_count(list) != n)
        return hd_fail(err, HD_PARSE, "%s: lists of %zu numbers", key, n);
    for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
        enum hd_code code = HD_OK;
        to[i] = null;
        if (json_type(j) != JSON_NULL)
            code = json_double(j, key, &to[i], err);
        if (code)
            return code;
    }
    return HD_OK;
}

static enum hd_code list_of(const struct eval *e, const char *key, const struct json **ret,
                            struct hd_error *err)
{
    const struct json *list = json_get(e->in, key);
    if (!list)
        return hd_fail(err, HD_ABSENT, "%s: missing", key);
    if (json_type(list) != JSON_ARRAY)
        return hd_fail(err, HD_PARSE, "%s: not a list", key);
    *ret = list;
    return HD_OK;
}

enum hd_code eval_numbers(const struct eval *e, const char *key, double null, struct eval_list *ret,
                          struct hd_error *err)
{
    const struct json *list = NULL;
    enum hd_code code = list_of(e, key, &list, err);
    if (code)
        return code;
    struct eval_list l = {.n = json_count(list)};
    l.at = arena_many(e->arena, l.n, double);
    code = fill(list, key, l.n, null, l.at, err);
    if (!code)
        *ret = l;
    return code;
}

enum hd_code eval_rows(const struct eval *e, const char *key, size_t columns, double null,
                       struct eval_list *ret, struct hd_error *err)
{
    const struct json *list = NULL;
    enum hd_code code = list_of(e, key, &list, err);
    if (code)
        return code;
    struct eval_list l = {.n = 0};
    l.at = arena_many(e->arena, json_count(list) * columns, double);
    for (const struct json *j = json_first(list); j && !code; j = json_next(j), l.n += columns)
        code = fill(j, key, columns, null, l.at + l.n, err);
    if (!code)
        *ret = l;
    return code;
}

/* --- comparing --- */

static bool is_close(const struct json *got, const struct json *want, const struct group *g)
{
    double x, y;
    struct hd_error err;
    if (json_double(got, "", &x, &err) || json_double(want, "", &y, &err))
        return false;
    return fabs(x - y) <= g->atol + g->rtol * fabs(y);
}

/* All of `want` is in `got`. */
static bool is_same(const struct json *got, const struct json *want, const struct group *g)
{
    if (!got || json_type(got) != json_type(want))
        return false;
    switch (json_type(want)) {
    case JSON_NUMBER:
        return is_close(got, want, g);
    case JSON_ARRAY:
        if (json_count(got) != json_count(want))
            return false;
        got = json_first(got);
        for (want = json_first(want); want; want = json_next(want), got = json_next(got)) {
            if (!is_same(got, want, g))
                return false;
        }
        return true;
    case JSON_OBJECT:
        for (want = json_first(want); want; want = json_next(want)) {
            if (!is_same(json_get(got, json_key(want)), want, g))
                return false;
        }
        return true;
    case JSON_STRING:
    case JSON_BOOL: {
        ARENA_AUTO a = arena_new();
        const char *x, *y;
        struct hd_error err;
        return !json_scalar(a, got, "", &x, &err) && !json_scalar(a, want, "", &y, &err) &&
               str_is(x, y);
    }
    default:
        return true;
    }
}

static bool is_label(const char *key) { return str_is(key, "id") || str_is(key, "group"); }

/* The result against what the case expects; false, and said which, at the first difference. A case
 * that expects nothing has failed: it would pass whatever we compute. */
static bool check_case(const char *result, const struct json *want, const struct group *g)
{
    JSON_AUTO got = NULL;
    struct hd_error err;
    size_t compared = 0;
    if (json_parse((struct hd_span){result, strlen(result)}, &got, &err))
        return false;
    for (const struct json *j = json_first(got); j; j = json_next(j)) {
        const struct json *expected = json_get(want, json_key(j));
        if (is_label(json_key(j)) || !expected)
            continue;
        compared++;
        if (!is_same(j, expected, g)) {
            (void)printf("%s differs: %s\n", json_key(j), result);
            return false;
        }
    }
    if (!compared)
        (void)printf("expects nothing: %s\n", result);
    return compared > 0;
}

/* --- one case --- */

static const struct json *first_of(const struct json *from, const char *const *keys,
                                   enum json_type type)
{
    for (; *keys; keys++) {
        const struct json *j = json_get(from, *keys);
        if (j && json_type(j) == type)
            return j;
    }
    return NULL;
}

static const struct eval_statistic *statistic_of(const char *name)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct eval_statistic *s = lists[i]; s->name; s++) {
            if (str_is(s->name, name))
                return s;
        }
    }
    return NULL;
}

static const char *name_of(const struct json *from, const struct group *g)
{
    const char *name = g->name;
    struct hd_error err;
    const struct json *j = first_of(from, name_keys, JSON_STRING);
    if (!name && j)
        (void)json_text(j, "group", &name, &err);
    return name;
}

/* The case's own id as it came, else its number. */
static void put_id(struct json_out *out, const struct json *id, const struct run *r)
{
    const char *text;
    double number;
    struct hd_error err;
    if (id && !json_text(id, "id", &text, &err))
        json_put_text(out, "id", text);
    else if (id && !json_double(id, "id", &number, &err))
        json_put_double(out, "id", number);
    else
        json_put_i64(out, "id", (int64_t)r->done);
}

static enum hd_code compute(struct hd_arena *a, const struct json *from, const char *name,
                            struct json_out *out, struct hd_error *err)
{
    const struct eval_statistic *s = name ? statistic_of(name) : NULL;
    const struct json *in = first_of(from, input_keys, JSON_OBJECT);
    if (!name)
        return hd_fail(err, HD_ABSENT, "group: missing");
    if (!s)
        return hd_fail(err, HD_ABSENT, "no statistic '%s'; see haldane engine list", name);
    return s->run(&(struct eval){in ? in : from, out, a}, err);
}

static void put_error(const struct json *id, const struct run *r, const struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    put_id(&out, id, r);
    json_put_text(&out, "error", err->text);
    json_end(&out, '}');
    (void)puts(buf_at(&b));
}

static void eval_case(struct run *r, const struct json *from, const struct group *g)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(OUTPUT_MAX);
    struct json_out out = json_out(&b);
    struct hd_error err;
    const char *name = name_of(from, g);
    r->done++;
    const struct json *id = json_get(from, "id");
    json_begin(&out, NULL, '{');
    put_id(&out, id, r);
    json_put_text(&out, "group", name);
    if (compute(a, from, name, &out, &err)) {
        put_error(id, r, &err);
        r->bad++;
        return;
    }
    json_end(&out, '}');
    if (!r->check) {
        (void)puts(buf_at(&b));
        return;
    }
    const struct json *want = first_of(from, want_keys, JSON_OBJECT);
    if (check_case(buf_at(&b), want ? want : from, g))
        r->passed++;
    else
        r->failed++;
}

/* --- a whole input --- */

static double tolerance(const struct json *from, const char *key, double otherwise)
{
    double v;
    struct hd_error err;
    return json_get(from, key) && !json_double(json_get(from, key), key, &v, &err) ? v : otherwise;
}

static struct group group_of(const struct json *from, const char *name)
{
    return (struct group){name, tolerance(from, "rtol", TOLERANCE),
                          tolerance(from, "atol", TOLERANCE)};
}

/* {NAME: [case, ...], ...}: beside a name of ours may stand what the file says of itself. */
static bool is_file(const struct json *value)
{
    bool any = false;
    struct group own = {0};
    if (json_type(value) != JSON_OBJECT || name_of(value, &own))
        return false;
    for (const struct json *j = json_first(value); j; j = json_next(j))
        any |= json_type(j) == JSON_ARRAY && statistic_of(json_key(j));
    return any;
}

/* A file of vectors, or one case. */
static void eval_value(struct run *r, const struct json *value)
{
    const struct json *groups = json_get(value, "cases");
    if (is_file(value))
        groups = value;
    if (!groups || json_type(groups) != JSON_OBJECT) {
        struct group own = group_of(value, NULL);
        eval_case(r, value, &own);
        return;
    }
    for (const struct json *j = json_first(groups); j; j = json_next(j)) {
        struct group g = group_of(j, json_key(j));
        const struct json *vectors = json_type(j) == JSON_ARRAY ? j : json_get(j, "vectors");
        for (const struct json *c = json_first(vectors); c; c = json_next(c))
            eval_case(r, c, &g);
    }
}

static bool eval_text(struct run *r, struct hd_span text, struct hd_error *err)
{
    JSON_AUTO value = NULL;
    if (json_parse(text, &value, err))
        return false;
    eval_value(r, value);
    (void)fflush(stdout); /* the other side of a pipe may wait for it */
    return true;
}

static bool is_blank(struct hd_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr(" \t\r\n", s.at[i]))
            return false;
    }
    return true;
}

static void eval_line(struct run *r, struct hd_span line)
{
    struct hd_error err;
    if (is_blank(line) || eval_text(r, line, &err))
        return;
    r->done++;
    r->bad++;
    put_error(NULL, r, &err);
}

/* JSON lines, unless the first line is not a value of its own: then all of it is one. */
static int eval_stream(struct run *r, FILE *from)
{
    BUF_AUTO all = BUF_INIT(INPUT_MAX);
    char *line = NULL;
    size_t size = 0;
    bool first = true, whole = false;
    struct hd_error err;
    for (ssize_t len; (len = getline(&line, &size, from)) >= 0;) {
        struct hd_span text = {line, (size_t)len};
        if (text.len > INPUT_MAX)
            break;
        if (first && !is_blank(text)) {
            whole = !eval_text(r, text, &err);
            first = false;
        } else if (!whole) {
            eval_line(r, text);
        }
        if (whole)
            buf_add(&all, text.at, text.len);
    }
    free(line);
    if (all.full || !feof(from))
        return cli_fail(CLI_USAGE, "the input cannot be read, or is longer than 64 MiB");
    if (whole && !eval_text(r, buf_span(&all), &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (r->check)
        (void)printf("%zu passed, %zu failed\n", r->passed, r->failed + r->bad);
    return r->bad ? CLI_USAGE : r->failed ? CLI_REVERTED : CLI_OK;
}

static int list_statistics(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct eval_statistic *s = lists[i]; s->name; s++)
            (void)printf("%s\n    takes %s\n    gives %s\n", s->name, s->takes, s->gives);
    }
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct run r = {.check = cli_option(args, "check") != NULL};
    const char *file = cli_word(args, 1);
    if (str_is(cli_word(args, 0), "list") && !file)
        return list_statistics();
    if (!str_is(cli_word(args, 0), "eval"))
        return cli_usage(args, "'%s' is neither eval nor list", cli_word(args, 0));
    if (!file || str_is(file, "-"))
        return eval_stream(&r, stdin);
    FILE *from = fopen(file, "re");
    if (!from)
        return cli_fail(CLI_USAGE, "%s: cannot be opened", file);
    int status = eval_stream(&r, from);
    (void)fclose(from);
    return status;
}

static const struct cli_option options[] = {
    {"check", 'k', NULL, "compare with what each case expects; print the differences and a count"},
    {0},
};

const struct cli_command cli_engine = {
    .name = "engine",
    .synopsis = "eval [FILE] [--check] | list",
    .help = "compute the engine's statistics from JSON lines, to check them against yours",
    .notes =
        "Each line names a statistic and its inputs, and is answered by one line:\n"
        "  {\"id\": 7, \"group\": \"kernel\", \"e\": 3, \"n\": 100, \"q\": 0.01, \"g\": 2}\n"
        "  {\"id\":7,\"group\":\"kernel\",\"log_f\":1.084...}\n"
        "The statistic may also be named by \"fn\", \"kind\" or \"statistic\", the inputs may stand in\n"
        "an object \"inputs\", and what is expected beside them or in an object \"want\" (for --check,\n"
        "within |got - want| <= atol + rtol |want|; both 1e-9 unless given). A file of vectors,\n"
        "{\"cases\": {NAME: {\"rtol\", \"atol\", \"vectors\": [...]}}} or {NAME: [...]}, is taken\n"
        "whole. Logarithms are natural; null is a missed poll, or minus infinity. `list` prints\n"
        "every statistic, its inputs and results; a list of polls in \"log_e\" limits what is printed\n"
        "to those.\n"
        "Exit codes: 0 computed (and equal), 1 something differs, 2 a line could not be computed.\n",
    .options = options,
    .least = 1,
    .most = 2,
    .run = run,
};
