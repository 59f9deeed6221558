/* SPDX-License-Identifier: Apache-2.0
 *
 * See library.h. A query file is read like a config: by option tables, strictly, with its mistakes
 * at their places.
 */
#include "config/library.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/file.h"
#include "config/schema.h"
#include "config/walk.h"

#define NORMAL_MAX (4u << 20) /* of one query file: a few KiB in practice */

struct library_entry {
    struct library_entry *next;
    const char *id, *why;
    const struct library_query *query; /* NULL: see why */
};

/* What the tests of a file say. Read here so that a wrong one is named; run elsewhere. */
struct library_series {
    const char *series, *values;
};
struct library_test {
    const char *name, *shape, *by;
    struct hd_pair *with, *label, *match, *expect;
    uint32_t n_with, n_label, n_match, n_expect, n_series;
    double bound;
    struct library_series *series;
};
struct library_text {
    struct library_query query;
    int32_t better;
    struct library_test *test;
    uint32_t n_tests;
};

static const char *const kind_words[] = {"counts", "rate", "gauge", NULL};
static const char *const classify_words[] = {"keys", "bucket", NULL};
static const char *const better_words[] = {"lower", "higher", NULL};
static const char *const sides_words[] = {"label", "servers", "pattern", NULL};
static const char *const unit_words[] = {"s", "ms", NULL};
static const char *const param_words[] = {"name", "value", "matcher", "side", "window", NULL};

#define GLOBS(type, member) \
    .offset = offsetof(type, member.item), .count_offset = offsetof(type, member.n)
#define MANY(type, member, n_, of) \
    .offset = offsetof(type, member), .count_offset = offsetof(type, n_), .size = sizeof(of)

#define AT(field) .offset = offsetof(struct library_param, field)
static const struct hd_option rows_param[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(name)},
    {.key = "kind", .type = HD_OPT_WORD, AT(kind), .words = param_words},
    {.key = "label", .type = HD_OPT_TEXT, AT(label), .fallback = ""},
    {.key = "default", .type = HD_OPT_TEXT, AT(fallback), .fallback = ""},
    {.key = "help", .type = HD_OPT_TEXT, AT(help)},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct library_shape, field)
static const struct hd_option rows_shape[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(name)},
    {.key = "refuse", .type = HD_OPT_TEXT, AT(refuse), .fallback = ""},
    {.key = "provider", .type = HD_OPT_TEXT, AT(provider), .fallback = "prometheus"},
    {.key = "sides", .type = HD_OPT_WORD, AT(sides), .fallback = "label", .words = sides_words},
    {.key = "label", .type = HD_OPT_TEXT, AT(label), .fallback = ""},
    {.key = "query", .type = HD_OPT_TEXT, AT(query), .fallback = ""},
    {.key = "target", .type = HD_OPT_TEXT, AT(target), .fallback = ""},
    {.key = "key", .type = HD_OPT_TEXT, AT(key), .fallback = ""},
    {.key = "bound_unit", .type = HD_OPT_WORD, AT(bound_unit), .fallback = "s",
     .words = unit_words},
    {.key = "events", .type = HD_OPT_TEXTS, GLOBS(struct library_shape, events), .fallback = ""},
    {.key = "exposure", .type = HD_OPT_TEXTS, GLOBS(struct library_shape, exposure),
     .fallback = "*"},
    {.key = "params", .type = HD_OPT_NAMED,
     MANY(struct library_shape, param, n_params, struct library_param), .fallback = "",
     .max = 16, .sub = rows_param},
    {NULL},
};
#undef AT

static const struct hd_option rows_series[] = {
    {.key = "series", .type = HD_OPT_TEXT, .offset = offsetof(struct library_series, series)},
    {.key = "values", .type = HD_OPT_TEXT, .offset = offsetof(struct library_series, values)},
    {NULL},
};

#define AT(field) .offset = offsetof(struct library_test, field)
static const struct hd_option rows_test[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(name)},
    {.key = "shape", .type = HD_OPT_TEXT, AT(shape)},
    {.key = "with", .type = HD_OPT_PAIRS, AT(with),
     .count_offset = offsetof(struct library_test, n_with), .fallback = ""},
    {.key = "bound", .type = HD_OPT_AMOUNT, AT(bound), .fallback = ""},
    {.key = "by", .type = HD_OPT_TEXT, AT(by), .fallback = ""},
    {.key = "label", .type = HD_OPT_PAIRS, AT(label),
     .count_offset = offsetof(struct library_test, n_label), .fallback = ""},
    {.key = "match", .type = HD_OPT_PAIRS, AT(match),
     .count_offset = offsetof(struct library_test, n_match), .fallback = ""},
    {.key = "series", .type = HD_OPT_LIST,
     MANY(struct library_test, series, n_series, struct library_series), .sub = rows_series},
    {.key = "expect", .type = HD_OPT_PAIRS, AT(expect),
     .count_offset = offsetof(struct library_test, n_expect)},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct library_text, field)
static const struct hd_option rows_query[] = {
    {.key = "id", .type = HD_OPT_TEXT, AT(query.id)},
    {.key = "title", .type = HD_OPT_TEXT, AT(query.title)},
    {.key = "unit", .type = HD_OPT_TEXT, AT(query.unit)},
    {.key = "better", .type = HD_OPT_WORD, AT(better), .words = better_words},
    {.key = "kind", .type = HD_OPT_WORD, AT(query.kind), .words = kind_words},
    {.key = "classify", .type = HD_OPT_WORD, AT(query.classify), .fallback = "keys",
     .words = classify_words},
    {.key = "complement", .type = HD_OPT_BOOL, AT(query.complement), .fallback = "false"},
    {.key = "shapes_of", .type = HD_OPT_TEXT, AT(query.shapes_of), .fallback = ""},
    {.key = "shapes", .type = HD_OPT_NAMED,
     MANY(struct library_text, query.shape, query.n_shapes, struct library_shape), .fallback = "",
     .max = 32, .sub = rows_shape},
    {.key = "tests", .type = HD_OPT_LIST,
     MANY(struct library_text, test, n_tests, struct library_test), .sub = rows_test},
    {NULL},
};
#undef AT

static bool has_side_param(const struct library_shape *s)
{
    for (uint32_t i = 0; i < s->n_params; i++) {
        if (s->param[i].kind == PARAM_SIDE)
            return true;
    }
    return false;
}

static void check_query(const struct library_query *q, const struct node *root, struct mistakes *m)
{
    if (!q->n_shapes == !q->shapes_of)
        mistake_add(m, root, NULL, "needs one of: shapes, shapes_of");
    for (uint32_t i = 0; i < q->n_shapes; i++) {
        const struct library_shape *s = &q->shape[i];
        const struct node *at = node_get(node_get(root, "shapes"), s->name);
        struct path shapes = PATH_KEY(NULL, "shapes"), p = PATH_KEY(&shapes, s->name);
        if (!s->refuse == !s->query)
            mistake_add(m, at, &p, "needs one of: query, refuse");
        else if (s->query && !strstr(s->query, "{{selector}}"))
            mistake_add(m, at, &p, "the query must hold {{selector}}");
        else if (s->query && q->kind == HD_QUERY_COUNTS && !s->key)
            mistake_add(m, at, &p, "a counting query needs `key`");
        if (s->sides != SIDES_LABEL && !s->label)
            mistake_add(m, at, &p, "sides by servers or by a pattern need `label`");
        if ((s->sides == SIDES_PATTERN) != has_side_param(s))
            mistake_add(m, at, &p, "sides by a pattern need a parameter of kind `side`");
    }
}

const struct library_query *library_parse(struct hd_arena *a, const char *file, struct hd_span text,
                                          struct mistakes *m)
{
    struct node *root = node_parse(a, file, 0, text, m);
    if (!root)
        return NULL;
    BUF_AUTO normal = BUF_INIT(NORMAL_MAX);
    walk_document(a, m, DIALECT_HUMAN, rows_query, root, &normal);
    struct hd_error err;
    void *got;
    if (schema_load(a, rows_query, sizeof(struct library_text), buf_span(&normal), &got, &err)) {
        mistake_add(m, root, NULL, "%s", err.text);
        return NULL;
    }
    struct library_text *t = got;
    t->query.higher_is_better = t->better == 1;
    check_query(&t->query, root, m);
    return m->errors ? NULL : &t->query;
}

static const char *builtin_text(const char *id)
{
    for (const struct library_file *f = library_files; f->id; f++) {
        if (str_is(f->id, id))
            return f->text;
    }
    return NULL;
}

/* The shapes of another query; that one must have its own. */
static void take_shapes(struct library *l, struct library_entry *e)
{
    const char *why;
    const struct library_query *other = library_find(l, e->query->shapes_of, &why);
    if (!other || other->shapes_of) {
        e->why = arena_print(l->a, "shapes_of: %s", other ? "that one has no shapes of its own" : why);
        e->query = NULL;
        return;
    }
    struct library_query *q = arena_copy(l->a, e->query, sizeof *q);
    q->shape = other->shape;
    q->n_shapes = other->n_shapes;
    e->query = q;
}

static void library_read(struct library *l, struct library_entry *e)
{
    struct hd_span text = {0};
    const char *file = arena_print(l->a, "%s/%s.yaml", l->folder ? l->folder : "queries", e->id);
    struct hd_error err;
    enum hd_code code = HD_ABSENT;
    if (l->folder)
        code = file_read(l->a, file, &text, &err);
    const char *own = builtin_text(e->id);
    if (code == HD_ABSENT && own) {
        text = (struct hd_span){own, strlen(own)};
        code = HD_OK;
    }
    if (code == HD_ABSENT) {
        const char *const *ids = library_ids(l);
        e->why = arena_print(l->a, "'%s' is no query of the library%s; there are: %s", e->id,
                             mistake_hint(l->a, e->id, ids), mistake_words(l->a, ids));
        return;
    }
    if (code) {
        e->why = arena_text(l->a, err.text);
        return;
    }
    struct mistakes m;
    mistakes_init(&m, l->a, file);
    e->query = library_parse(l->a, file, text, &m);
    if (e->query && !str_is(e->query->id, e->id)) {
        e->why = arena_print(l->a, "%s has the id '%s'", file, e->query->id);
        e->query = NULL;
    } else if (!e->query) {
        struct config_mistakes list = mistakes_list(&m);
        const struct config_mistake *first = list.item;
        e->why = arena_print(l->a, "its file is wrong: %s:%d:%d: %s: %s", first->file, first->line,
                             first->column, first->path, first->text);
    } else if (e->query->shapes_of) {
        take_shapes(l, e);
    }
}

const struct library_query *library_find(struct library *l, const char *id, const char **ret_why)
{
    struct library_entry *e = l->first;
    while (e && !str_is(e->id, id))
        e = e->next;
    if (!e) {
        e = arena_of(l->a, struct library_entry);
        e->id = arena_text(l->a, id);
        e->next = l->first;
        l->first = e; /* before it is read: it may ask for itself */
        if (walk_name_ok(id))
            library_read(l, e);
        else
            e->why = arena_print(l->a, "'%s' is no name of a query", id);
    }
    *ret_why = e->why;
    return e->query;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *library_ids(struct library *l)
{
    const char *const *names = NULL;
    struct hd_error err;
    size_t n = 0, more = 0;
    if (l->folder && file_names(l->a, l->folder, &names, &err))
        names = NULL;
    while (names && names[more])
        more++;
    for (const struct library_file *f = library_files; f->id; f++)
        n++;
    const char **ids = arena_many(l->a, n + more + 1, const char *);
    n = 0;
    for (const struct library_file *f = library_files; f->id; f++)
        ids[n++] = f->id;
    for (size_t i = 0; i < more; i++) {
        const char *id = arena_text_n(l->a, names[i], strlen(names[i]) - strlen(".yaml"));
        if (!builtin_text(id))
            ids[n++] = id;
    }
    qsort(ids, n, sizeof *ids, by_text);
    return ids;
}
