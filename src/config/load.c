/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from files to a frozen config: read, parse, merge conf.d, walk, load, build, hash. Never
 * gives back a config that has an error. Called by cli/ and pipeline/ through config.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/build.h"
#include "config/config.h"
#include "config/file.h"
#include "config/frozen.h"
#include "config/schema.h"
#include "config/walk.h"
#include "cred/cred.h"

struct config *config_ref(struct config *c)
{
    c->refs++;
    return c;
}

struct config *config_unref(struct config *c)
{
    if (!c || --c->refs)
        return NULL;
    struct config *base = c->base;
    arena_free(c->a); /* it lives in there itself */
    return config_unref(base);
}

const struct hd_config *config_get(const struct config *c) { return &c->root->config; }

const struct hd_policy *config_service(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->root->config.n_services; i++) {
        if (str_is(c->root->config.services[i].name, name))
            return &c->root->config.services[i];
    }
    return NULL;
}

struct config *config_vary(struct config *base, const struct hd_policy *policy, int64_t duration_ms)
{
    struct hd_arena *own = arena_new();
    struct config *c = arena_of(own, struct config);
    struct raw_root *root = arena_copy(own, base->root, sizeof *root);
    struct hd_policy *one = arena_copy(own, policy, sizeof *one);
    one->guard.duration_ms = duration_ms;
    root->config.services = one;
    root->config.n_services = 1;
    *c = (struct config){.refs = 1, .a = own, .root = root, .base = config_ref(base)};
    return c;
}

/* --- conf.d --- */

static const char *const mergeable[] = {"datasources", "notifiers", "services", NULL};

static bool is_mergeable(const char *key)
{
    for (size_t i = 0; mergeable[i]; i++) {
        if (str_is(mergeable[i], key))
            return true;
    }
    return false;
}

/* Moves the entries of one mapping behind those of another. */
static void merge_entries(struct mistakes *m, struct node *into, struct node *from,
                          const struct path *p)
{
    for (struct node *c = from->first, *next; c; c = next) {
        next = c->next;
        c->next = NULL;
        const struct node *before = node_get(into, c->key->text);
        if (before) {
            mistake_add(m, c->key, p, "'%s' given twice (first at %s:%d)", c->key->text,
                        before->key->file, before->key->line);
            continue;
        }
        if (into->last)
            into->last->next = c;
        else
            into->first = c;
        into->last = c;
        into->n++;
    }
}

static void merge_file(struct hd_arena *a, struct mistakes *m, struct node *root, struct node *more)
{
    for (struct node *c = more->first; c; c = c->next) {
        const char *key = c->key->text;
        struct path p = PATH_KEY(NULL, key);
        if (str_is(key, "version"))
            continue;
        if (!is_mergeable(key)) {
            mistake_add(m, c->key, NULL, "key '%s' does not go into conf.d: only %s do%s", key,
                        mistake_words(a, mergeable), mistake_hint(a, key, mergeable));
            continue;
        }
        struct node *into = node_get(root, key);
        if (!into) {
            into = node_make(a, c, NODE_MAP, NULL);
            node_put(a, root, key, into);
        }
        if (node_is_null(into))
            into->kind = NODE_MAP;
        if (c->kind != NODE_MAP || into->kind != NODE_MAP)
            mistake_add(m, c, &p, "must be a mapping by name");
        else
            merge_entries(m, into, c, &p);
    }
}

static enum hd_code merge_folder(struct hd_arena *a, struct mistakes *m, const char *file,
                                 struct node *root, struct hd_error *err)
{
    const char *slash = strrchr(file, '/');
    int above = slash ? (int)(slash - file) + 1 : 0;
    const char *folder = arena_print(a, "%.*sconf.d", above, file);
    const char *const *names;
    enum hd_code code = file_names(a, folder, &names, err);
    size_t bytes = 0;
    for (uint32_t i = 0; !code && names[i]; i++) {
        const char *path = arena_print(a, "%s/%s", folder, names[i]);
        struct hd_span text;
        code = file_read(a, path, &text, err);
        if (code)
            break;
        bytes += text.len;
        if (bytes > HD_CONFIG_BYTES_MAX)
            return hd_fail(err, HD_LIMIT, "%s: together larger than %u bytes", folder,
                           HD_CONFIG_BYTES_MAX);
        struct node *more = node_parse(a, path, i + 1, text, m);
        if (more)
            merge_file(a, m, root, more);
    }
    return code;
}

/* --- one load --- */

struct load {
    const char *name, *queries;
    enum dialect dialect;
    bool folder; /* conf.d counts */
    struct hd_span text;
};

#define NORMAL_MAX ((size_t)64 << 20) /* the largest file with every default written, 8 to 1 */

static enum hd_code hash(struct config *c, struct hd_error *err)
{
    BUF_AUTO normal = BUF_INIT(NORMAL_MAX);
    enum hd_code code =
        schema_save(table_root, sizeof(struct raw_root), c->root, &normal, err);
    if (code)
        return code;
    cred_sha256_hex(buf_span(&normal), c->root->config.hash);
    c->root->config.normal = arena_text_n(c->a, buf_at(&normal), normal.len);
    return HD_OK;
}

/* Everything from the tree on. The tree dies with `tmp`, the config lives in c->a. */
static enum hd_code freeze(const struct load *l, struct hd_arena *tmp, struct mistakes *m,
                           struct node *tree, struct config *c, struct hd_error *err)
{
    BUF_AUTO normal = BUF_INIT(NORMAL_MAX);
    walk_document(tmp, m, l->dialect, table_root, tree, &normal);
    if (normal.full)
        return hd_fail(err, HD_LIMIT, "%s: too large with every default written", l->name);
    void *root;
    enum hd_code code =
        schema_load(c->a, table_root, sizeof(struct raw_root), buf_span(&normal), &root, err);
    if (code)
        return code;
    c->root = root;
    c->root->config.file = arena_text(c->a, l->name);
    struct library library = {.a = c->a, .folder = l->queries};
    struct build b = {.a = c->a, .m = m, .library = &library, .tree = tree, .root = c->root,
                      .pin = l->dialect == DIALECT_CANONICAL};
    build_config(&b);
    return m->errors ? HD_OK : hash(c, err);
}

static enum hd_code load(const struct load *l, struct hd_arena *a, struct config **ret,
                         struct config_mistakes *ret_mistakes, struct hd_error *err)
{
    ARENA_AUTO tmp = arena_new();
    struct mistakes m;
    mistakes_init(&m, a, l->name);
    struct hd_arena *own = arena_new();
    struct config *c = arena_of(own, struct config);
    *c = (struct config){.refs = 1, .a = own, .queries = arena_text(own, l->queries)};
    enum hd_code code = HD_OK;
    struct node *tree = node_parse(tmp, l->name, 0, l->text, &m);
    if (tree && l->folder)
        code = merge_folder(tmp, &m, l->name, tree, err);
    if (tree && !code)
        code = freeze(l, tmp, &m, tree, c, err);
    *ret_mistakes = mistakes_list(&m);
    if (!code && m.errors)
        code = hd_fail(err, HD_INVALID, "%s: %zu mistake%s", l->name, m.errors,
                       m.errors == 1 ? "" : "s");
    if (code)
        config_unref(c);
    else
        *ret = c;
    return code;
}

enum hd_code config_load(struct hd_arena *a, const char *file, const char *queries,
                         struct config **ret, struct config_mistakes *ret_mistakes,
                         struct hd_error *err)
{
    ARENA_AUTO tmp = arena_new();
    struct load l = {.name = file, .queries = queries, .folder = true};
    *ret_mistakes = (struct config_mistakes){0};
    enum hd_code code = file_read(tmp, file, &l.text, err);
    if (code == HD_LIMIT)
        return code;
    if (code) {
        if (err)
            err->code = HD_IO; /* whatever kept us from the file: config.h has one word for it */
        return HD_IO;
    }
    return load(&l, a, ret, ret_mistakes, err);
}

enum hd_code config_load_text(struct hd_arena *a, const char *name, struct hd_span text,
                              const char *queries, struct config **ret,
                              struct config_mistakes *ret_mistakes, struct hd_error *err)
{
    struct load l = {.name = name, .queries = queries, .text = text};
    return load(&l, a, ret, ret_mistakes, err);
}

/* --- pins --- */

/* Checks of a pin: with the bounds that were picked since. */
static struct raw_check *picked_checks(struct hd_arena *a, const struct raw_service *s,
                                       const struct hd_policy *policy)
{
    struct raw_check *checks = arena_copy(a, s->check, s->n_checks * sizeof *checks);
    for (uint32_t i = 0; i < s->n_checks; i++) {
        const struct hd_check *c = &policy->checks[i];
        if (!c->pick || config_unpicked(c))
            continue;
        struct raw_query *q = arena_copy(a, checks[i].resolved, sizeof *q);
        q->title = c->title;
        q->query = c->query;
        q->text.item = arena_copy(a, c->query.text, q->text.n * sizeof *q->text.item);
        checks[i].resolved = q;
    }
    return checks;
}

static const struct raw_service *service_of(const struct config *c, const struct hd_policy *policy)
{
    for (uint32_t i = 0; i < c->root->n_services; i++) {
        if (str_is(c->root->service[i].policy.name, policy->name))
            return &c->root->service[i];
    }
    return NULL;
}

/* One service with the data sources that it needs. */
static void save_service(const struct config *c, struct raw_service *s, struct buf *out)
{
    ARENA_AUTO tmp = arena_new();
    struct raw_root root = *c->root;
    root.service = s;
    root.n_services = 1;
    root.n_tokens = root.n_sinks = root.n_datasources = 0;
    root.token = NULL;
    root.sink = NULL;
    root.datasource = arena_many(tmp, c->root->n_datasources, struct raw_datasource);
    for (uint32_t i = 0; i < c->root->n_datasources; i++) {
        const char *name = c->root->datasource[i].datasource.name;
        bool used = str_is(s->datasource, name);
        for (uint32_t k = 0; k < s->n_checks; k++)
            used = used || str_is(s->check[k].datasource, name);
        if (used)
            root.datasource[root.n_datasources++] = c->root->datasource[i];
    }
    if (!root.n_datasources)
        root.datasource = NULL; /* an empty list and none are written alike */
    struct hd_error err;
    if (schema_save(table_root, sizeof root, &root, out, &err))
        out->full = true;
}

void config_pin(const struct config *c, const struct hd_policy *policy, struct buf *out)
{
    const struct raw_service *s = service_of(c, policy);
    if (!s)
        return;
    ARENA_AUTO tmp = arena_new();
    struct raw_service one = *s;
    one.policy.guard = policy->guard; /* which a guard may have of its own */
    one.check = s->n_checks ? picked_checks(tmp, s, policy) : s->check;
    save_service(c, &one, out);
}

static enum hd_code load_canonical(const char *name, const char *queries, struct hd_span text,
                                   struct config **ret, struct hd_error *err)
{
    ARENA_AUTO tmp = arena_new();
    struct config_mistakes mistakes;
    struct load l = {.name = name, .queries = queries, .dialect = DIALECT_CANONICAL, .text = text};
    enum hd_code code = load(&l, tmp, ret, &mistakes, err);
    if (code != HD_INVALID || !mistakes.n)
        return code;
    const struct config_mistake *first = mistakes.item;
    while (first->warning)
        first++;
    return hd_fail(err, HD_INVALID, "%d:%d: %s: %s", first->line, first->column, first->path,
                   first->text);
}

enum hd_code config_load_pin(struct hd_span text, struct config **ret, struct hd_error *err)
{
    return load_canonical("pin", NULL, text, ret, err);
}

/* --- versions --- */

/* Does the check now look for this value? One that tells its sides by servers, or by the colours'
 * names, still asks what it asked before. */
static bool is_told(const struct hd_check *was, const struct hd_check *now, uint32_t side, const char *label)
{
    const char *const *values = now->query.values[side];
    if (now->query.by_label)
        return values && str_is(values[0], label) && !values[1];
    return !str_is(was->query.text[side], now->query.text[side]);
}

static enum hd_code all_told(const struct hd_policy *was, const struct hd_policy *now,
                             const char *const label[HD_SIDES_MAX], struct hd_error *err)
{
    for (uint32_t i = 0; i < now->n_checks; i++) {
        for (uint32_t k = 0; k < now->n_colours; k++) {
            if (label[k] && !is_told(&was->checks[i], &now->checks[i], k, label[k]))
                return hd_fail(err, HD_INVALID, "%s does not tell its sides by the label of the colours",
                               now->checks[i].name);
        }
    }
    return HD_OK;
}

static bool is_its_own(const struct raw_colour *c, const char *label)
{
    return c->label.n == 1 && str_is(c->label.item[0], label);
}

/* It goes by its version, if that can be a colour's name. */
static void rename(struct raw_service *s, uint32_t colour, const char **label)
{
    const char **const name = &s->colour[colour].colour.name, **const roles[] = {&s->stable, &s->candidate};
    s->colour[colour].label = (struct raw_globs){label, 1};
    if (!walk_name_ok(*label))
        return;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        *roles[i] = str_is(*roles[i], *name) ? *label : *roles[i];
    *name = *label;
}

enum hd_code config_relabel(const struct config *c, const struct hd_policy *policy,
                            const char *const label[HD_SIDES_MAX], struct config **ret, struct hd_error *err)
{
    ARENA_AUTO tmp = arena_new();
    BUF_AUTO text = BUF_INIT(NORMAL_MAX);
    const struct raw_service *from = service_of(c, policy);
    struct config *made = NULL;
    const char *asked[HD_SIDES_MAX] = {NULL};
    if (!from)
        return hd_fail(err, HD_ABSENT, "there is no service %s", policy->name);
    struct raw_service s = *from;
    s.colour = arena_copy(tmp, s.colour, s.n_colours * sizeof *s.colour);
    s.check = arena_copy(tmp, s.check, s.n_checks * sizeof *s.check);
    for (uint32_t i = 0; i < s.n_colours; i++) {
        const char **one = arena_copy(tmp, &label[i], sizeof *one);
        if (label[i] && strpbrk(label[i], "*?") && !is_its_own(&s.colour[i], label[i]))
            return hd_fail(err, HD_INVALID, "\"%s\" is a pattern, not a version: * and ? stand for others", label[i]);
        if (label[i] && s.colour[i].colour.match)
            return hd_fail(err, HD_INVALID, "%s is told by `match`, not by a label", s.colour[i].colour.name);
        asked[i] = is_its_own(&s.colour[i], label[i]) ? NULL : label[i];
        if (label[i])
            rename(&s, i, one);
    }
    for (uint32_t i = 0; i < s.n_checks; i++) /* what it asks is made anew */
        s.check[i].n_resolved = 0;
    save_service(c, &s, &text);
    enum hd_code code = load_canonical("versions", c->queries, buf_span(&text), &made, err);
    if (!code)
        code = all_told(policy, config_service(made, policy->name), asked, err);
    if (code)
        config_unref(made);
    else
        *ret = made;
    return code;
}
