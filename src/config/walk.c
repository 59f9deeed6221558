/* SPDX-License-Identifier: Apache-2.0
 *
 * See walk.h.
 */
#include "config/walk.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/brought.h"
#include "config/sugar.h"
#include "config/tables.h"

#define FROM_MAX 3 /* the mapping itself, and where its defaults come from */

struct walk {
    struct hd_arena *a;
    struct mistakes *m;
    struct buf *out;
    enum dialect dialect;
    const struct node *defaults; /* the file's `defaults`, or NULL */
    const struct node *service;  /* the one we are in, or NULL */
    struct codec side;           /* of its actuator; no name: unknown */
};

/* A mapping, and behind it the mappings its missing keys are taken from. at[0] may be NULL. */
struct from {
    const struct node *at[FROM_MAX];
};

static void walk_map(struct walk *, const struct path *, const struct node *here,
                     const struct hd_option *table, struct from);

bool walk_name_ok(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    return n >= 1 && n <= HD_NAME_MAX && strspn(name, letters) == n && !strchr("._-", *name);
}

static void put_key(struct walk *w, const char *key)
{
    scalar_quote(w->out, key);
    buf_text(w->out, ": ");
}

static void put_scalar(struct walk *w, const struct hd_option *o, const struct scalar *v)
{
    bool text = o->type == HD_OPT_TEXT || o->type == HD_OPT_SECRET || o->type == HD_OPT_PATH ||
                o->type == HD_OPT_URL;
    if (text && !v->text)
        return; /* absent texts are left out */
    put_key(w, o->key);
    scalar_write(w->out, o, DIALECT_CANONICAL, v);
    buf_text(w->out, ", ");
}

/* --- scalars --- */

/* {kind, k, n} of the canonical dialect as the text people write. */
static const char *rule_text(struct walk *w, const struct node *n)
{
    const struct node *kind = node_get(n, "kind"), *k = node_get(n, "k"), *of = node_get(n, "n");
    if (w->dialect != DIALECT_CANONICAL || !kind || !k || !of || kind->kind != NODE_SCALAR ||
        k->kind != NODE_SCALAR || of->kind != NODE_SCALAR)
        return NULL;
    if (str_is(kind->text, "k_of_n"))
        return arena_print(w->a, "%s of %s", k->text, of->text);
    return arena_print(w->a, str_is(kind->text, "total") ? "%s total" : "%s", k->text);
}

static bool read_scalar(struct walk *w, const struct path *p, const struct hd_option *o,
                        const struct node *n, struct scalar *ret)
{
    const char *text = n->text, *why;
    if (n->kind != NODE_SCALAR) {
        text = o->type == HD_OPT_RULE ? rule_text(w, n) : NULL;
        if (!text) {
            mistake_add(w->m, n, p, "must be a %s, and not a %s", scalar_type_word(o->type),
                        n->kind == NODE_LIST ? "list" : "mapping");
            return false;
        }
    }
    /* libcyaml saves the text "" as nothing, and the text "null" without quotes. */
    if (w->dialect == DIALECT_HUMAN && node_is_null(n)) {
        mistake_add(w->m, n, p, "has no value");
        return false;
    }
    if (!scalar_read(w->a, o, w->dialect, text, ret, &why)) {
        mistake_add(w->m, n, p, "%s", why);
        return false;
    }
    return true;
}

static void walk_scalar(struct walk *w, const struct path *p, const struct hd_option *o,
                        const struct node *n)
{
    struct scalar v = {.rule = {HD_RULE_CONSECUTIVE, 1, 0}};
    const char *why;
    if (!n || !read_scalar(w, p, o, n, &v)) {
        if (o->fallback && *o->fallback)
            (void)scalar_read(w->a, o, DIALECT_HUMAN, o->fallback, &v, &why);
        else if (o->fallback)
            v = scalar_absent(o);
    }
    put_scalar(w, o, &v);
}

/* --- lists of texts, mappings of texts --- */

/* False: too many to be looked at. Too few are looked at all the same. */
static bool count_ok(struct walk *w, const struct path *p, const struct hd_option *o,
                     const struct node *n)
{
    size_t low = o->min > 0 ? (size_t)o->min : o->fallback ? 0 : 1;
    if (o->max > 0 && n->n > (size_t)o->max) {
        mistake_add(w->m, n, p, "has %zu, and at most %zu are supported", n->n, (size_t)o->max);
        return false;
    }
    if (n->n < low)
        mistake_add(w->m, n, p, "needs at least %zu, and has %zu", low, n->n);
    return true;
}

static void walk_text(struct walk *w, const struct path *p, const struct hd_option *o,
                      const struct node *n)
{
    struct scalar v;
    if (!read_scalar(w, p, o, n, &v))
        return;
    scalar_quote(w->out, v.text);
    buf_text(w->out, ", ");
}

static void walk_texts(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *n)
{
    put_key(w, o->key);
    buf_byte(w->out, '[');
    if (!n && o->fallback && *o->fallback) {
        scalar_quote(w->out, o->fallback);
    } else if (n && n->kind == NODE_SCALAR) {
        walk_text(w, p, o, n);
    } else if (n && n->kind == NODE_MAP) {
        mistake_add(w->m, n, p, "must be a list");
    } else if (n) {
        size_t i = 0;
        const struct node *c = count_ok(w, p, o, n) ? n->first : NULL;
        for (; c; c = c->next, i++)
            walk_text(w, &PATH_ITEM(p, i), o, c);
    }
    buf_text(w->out, "], ");
}

/* Headers whose value is a secret whatever it says. */
static bool is_secret_header(const char *name)
{
    static const char *const secret[] = {"authorization", "proxy-authorization", "cookie",
                                         "x-api-key", NULL};
    for (size_t i = 0; secret[i]; i++) {
        if (strcasecmp(name, secret[i]) == 0)
            return true;
    }
    return strcasestr(name, "token") || strcasestr(name, "secret");
}

static void walk_pair(struct walk *w, const struct path *p, const struct hd_option *o,
                      const char *name, const struct node *value)
{
    static const struct hd_option text = {.type = HD_OPT_TEXT}, secret = {.type = HD_OPT_SECRET};
    struct path here = PATH_KEY(p, name);
    bool header = str_is(o->key, "headers");
    struct scalar v;
    if (!read_scalar(w, &here, header && is_secret_header(name) ? &secret : &text, value, &v))
        return;
    if (header && (strpbrk(v.text, "\r\n") || !*name || strpbrk(name, "\r\n: "))) {
        mistake_add(w->m, value, &here, "is no header of one line");
        return;
    }
    buf_text(w->out, "{name: ");
    scalar_quote(w->out, name);
    buf_text(w->out, ", value: ");
    scalar_quote(w->out, v.text);
    buf_text(w->out, "}, ");
}

static void walk_pairs(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *n)
{
    put_key(w, o->key);
    buf_byte(w->out, '[');
    if (n && n->kind == NODE_MAP) {
        for (const struct node *c = n->first; c; c = c->next)
            walk_pair(w, p, o, c->key->text, c);
    } else if (n && n->kind == NODE_LIST && w->dialect == DIALECT_CANONICAL) {
        for (const struct node *c = n->first; c; c = c->next) {
            const struct node *name = node_get(c, "name"), *value = node_get(c, "value");
            if (name && value && name->kind == NODE_SCALAR)
                walk_pair(w, p, o, name->text, value);
            else
                mistake_add(w->m, c, p, "is no {name, value}");
        }
    } else if (n) {
        mistake_add(w->m, n, p, "must be a mapping of keys and texts");
    }
    buf_text(w->out, "], ");
}

/* --- keys --- */

/* The rows whose keys may stand in one mapping: a table, and those of a codec beside it. */
struct rows {
    const struct hd_option *table, *codec; /* codec: NULL when there is none */
    bool type;                             /* `type` is a key too */
};

static bool is_inline(const struct walk *w, const struct hd_option *o)
{
    return o->type == HD_OPT_PLUGIN && w->dialect == DIALECT_HUMAN &&
           str_is(plugin_row(o).form, "");
}

/* False for rows no one can write: internal ones, a codec that this build does not have. */
static bool is_offered(const struct walk *w, const struct hd_option *o)
{
    struct codec c;
    if (is_inline(w, o) || (o->internal && w->dialect == DIALECT_HUMAN))
        return false;
    struct plugin_row r = o->type == HD_OPT_PLUGIN ? plugin_row(o) : (struct plugin_row){0};
    return !r.form || !*r.form || codec_find(r.family, r.form, &c);
}

static size_t offer(const struct walk *w, const struct hd_option *table, const char **words,
                    size_t n, size_t max)
{
    for (; table && table->key && n < max; table++) {
        if (is_offered(w, table))
            words[n++] = table->key;
    }
    return n;
}

static bool in_service(const struct path *p)
{
    while (p && p->up)
        p = p->up;
    return p && p->key && (str_is(p->key, "services") || str_is(p->key, "defaults"));
}

/* What was meant by a key that is none of `words`. */
static const char *hint(const struct walk *w, const struct path *p, const char *key, const char *const *words)
{
    const char *brought = brought_hint(w->a, key, in_service(p));
    return *brought ? brought : mistake_hint(w->a, key, words);
}

static void check_keys(struct walk *w, const struct path *p, const struct node *n, struct rows rows)
{
    enum { MAX = 128 };
    const char *words[MAX + 2];
    size_t count = offer(w, rows.table, words, 0, MAX);
    count = offer(w, rows.codec, words, count, MAX);
    if (rows.type)
        words[count++] = "type";
    words[count] = NULL;
    for (const struct node *c = n ? n->first : NULL; c; c = c->next) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = str_is(words[i], c->key->text);
        if (!known)
            mistake_add(w->m, c->key, p, "unknown key '%s'%s", c->key->text,
                        hint(w, p, c->key->text, words));
    }
}

/* --- codecs --- */

/* The codec that `n`'s `type` names; complains. */
static bool type_of(struct walk *w, const struct path *p, enum family family, const struct node *n,
                    struct codec *ret)
{
    const struct node *type = node_get(n, "type");
    if (!type) {
        mistake_add(w->m, n, p, "missing key 'type'");
        return false;
    }
    struct path here = PATH_KEY(p, "type");
    const char *text = type->kind == NODE_SCALAR ? type->text : "...";
    if (codec_find(family, text, ret))
        return true;
    const char *const *names = codec_names(w->a, family);
    mistake_add(w->m, type, &here, "'%s' is not one of: %s%s", text, mistake_words(w->a, names),
                mistake_hint(w->a, text, names));
    return false;
}

static void put_rows(struct walk *, const struct path *, const struct node *here,
                     const struct hd_option *table, struct from, const struct codec *beside);

/* The normal form of a codec: {type: x, x: {...}}; {} for an unknown one. */
static void put_codec(struct walk *w, const struct path *p, const char *key, const struct codec *c,
                      const struct node *here, const struct node *options)
{
    put_key(w, key);
    buf_byte(w->out, '{');
    if (c) {
        put_key(w, "type");
        scalar_quote(w->out, c->name);
        buf_text(w->out, ", ");
        put_key(w, c->name);
        buf_byte(w->out, '{');
        put_rows(w, p, here, c->options, (struct from){{options}}, NULL);
        buf_byte(w->out, '}');
    }
    buf_text(w->out, "}, ");
}

/* {type: x, ...} under a key of its own; {type: x, x: {...}} in the canonical dialect. */
static void walk_nested(struct walk *w, const struct path *p, const struct hd_option *o,
                        const struct node *n)
{
    struct codec c;
    if (n && n->kind != NODE_MAP)
        mistake_add(w->m, n, p, "must be a mapping with a `type`");
    if (!n || n->kind != NODE_MAP || !type_of(w, p, plugin_row(o).family, n, &c)) {
        put_codec(w, p, o->key, NULL, NULL, NULL);
        return;
    }
    const struct node *options = n;
    if (w->dialect == DIALECT_CANONICAL)
        options = node_get(n, c.name);
    check_keys(w, p, options, (struct rows){c.options, NULL, w->dialect == DIALECT_HUMAN});
    put_codec(w, p, o->key, &c, n, options);
}

static void walk_plugin(struct walk *w, const struct path *p, const struct hd_option *o,
                        const struct node *n)
{
    struct plugin_row r = plugin_row(o);
    struct codec c;
    if (!r.form || !*r.form) {
        walk_nested(w, r.form ? p->up : p, o, n); /* "datasources.prom" in every dialect */
    } else if (n && codec_find(r.family, r.form, &c)) {
        put_key(w, o->key);
        walk_map(w, p, n, c.options, (struct from){{n}});
        buf_text(w->out, ", ");
    }
}

/* --- mappings --- */

/* Where the keys of a group are taken from: its own mapping, then that of the defaults. */
static struct from from_group(const struct from *from, const char *key, const struct node *own)
{
    struct from sub = {{own}};
    for (size_t i = 1; i < FROM_MAX; i++)
        sub.at[i] = node_get(from->at[i], key);
    return sub;
}

static void walk_group(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *n, const struct from *from, const struct node *here)
{
    struct buf *out = w->out;
    BUF_AUTO unused = BUF_INIT(HD_CONFIG_BYTES_MAX);
    if (!o->size)
        w->out = &unused;
    put_key(w, o->key);
    walk_map(w, p, n ? n : here, o->sub, from_group(from, o->key, n));
    buf_text(w->out, ", ");
    w->out = out;
}

static void walk_item(struct walk *w, const struct path *p, const struct hd_option *o,
                      const struct node *n)
{
    struct from from = {{n}};
    if (o->sub == table_check) {
        from.at[1] = node_get(w->service, "guard");
        from.at[2] = node_get(w->defaults, "guard");
    }
    walk_map(w, p, n, o->sub, from);
    buf_text(w->out, ", ");
}

static void walk_list(struct walk *w, const struct path *p, const struct hd_option *o,
                      const struct node *n)
{
    put_key(w, o->key);
    buf_byte(w->out, '[');
    if (n && n->kind != NODE_LIST) {
        mistake_add(w->m, n, p, "must be a list");
    } else if (n && count_ok(w, p, o, n)) {
        size_t i = 0;
        for (const struct node *c = n->first; c; c = c->next, i++)
            walk_item(w, &PATH_ITEM(p, i), o, c);
    }
    buf_text(w->out, "], ");
}

/* The name as the first key of the entry, before one that somebody wrote into it. */
static void put_name(struct walk *w, const struct path *p, struct node *n, const struct node *name,
                     const struct node *inside)
{
    if (inside)
        mistake_add(w->m, inside->key, p, "unknown key 'name': the name is '%s'", name->text);
    struct node *own = node_make(w->a, name, NODE_SCALAR, name->text);
    own->key = node_make(w->a, name, NODE_SCALAR, "name");
    own->plain = false;
    own->next = n->first;
    n->first = own;
    n->last = n->last ? n->last : own;
    n->n++;
}

/* One entry of a NAMED row. `n`: its mapping; `name`: where the name stands. */
static void walk_entry(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *name, struct node *n)
{
    struct path here = PATH_KEY(p, name->text);
    if (!walk_name_ok(name->text))
        mistake_add(w->m, name, p,
                    "'%s' is no name: letters, digits, '-', '_' and '.', at most %d", name->text,
                    HD_NAME_MAX);
    if (n->kind != NODE_MAP) {
        mistake_add(w->m, n, &here, "must be a mapping");
        n = node_make(w->a, n, NODE_MAP, NULL);
        n->bad = true;
    }
    const struct node *inside = node_get(n, "name");
    if (inside != name)
        put_name(w, &here, n, name, inside);
    struct from from = {{n}};
    bool service = o->sub == table_service;
    if (service) {
        if (w->dialect == DIALECT_HUMAN)
            sugar_service(w->a, n);
        const struct node *type = node_get(node_get(n, "actuator"), "type");
        w->side = (struct codec){0};
        if (type && type->kind == NODE_SCALAR)
            (void)codec_find(FAMILY_SIDE, type->text, &w->side);
        w->service = n;
        from.at[1] = w->defaults;
    }
    walk_map(w, &here, n, o->sub, from);
    buf_text(w->out, ", ");
    if (service)
        w->service = NULL;
}

/* A list of names, or of mappings with a name: [blue, green]. */
static void walk_names(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *n)
{
    size_t i = 0;
    for (struct node *c = n->first; c; c = c->next, i++) {
        const struct node *name = c->kind == NODE_SCALAR ? c : node_get(c, "name");
        bool text = name && name->kind == NODE_SCALAR &&
                    (c->kind == NODE_SCALAR || w->dialect == DIALECT_CANONICAL);
        if (!text) {
            mistake_add(w->m, c, &PATH_ITEM(p, i), "must be a name");
            continue;
        }
        for (const struct node *e = n->first; e != c; e = e->next) {
            const struct node *other = e->kind == NODE_SCALAR ? e : node_get(e, "name");
            if (other && other->kind == NODE_SCALAR && str_is(other->text, name->text))
                mistake_add(w->m, c, p, "'%s' given twice", name->text);
        }
        struct node *map = c->kind == NODE_SCALAR ? node_make(w->a, c, NODE_MAP, NULL) : c;
        walk_entry(w, p, o, name, map);
    }
}

static void walk_named(struct walk *w, const struct path *p, const struct hd_option *o,
                       const struct node *n)
{
    put_key(w, o->key);
    buf_byte(w->out, '[');
    if (n && n->kind == NODE_SCALAR) {
        mistake_add(w->m, n, p, "must be a mapping by name");
    } else if (n && count_ok(w, p, o, n)) {
        if (n->kind == NODE_LIST)
            walk_names(w, p, o, n);
        for (struct node *c = n->kind == NODE_MAP ? n->first : NULL; c; c = c->next) {
            struct node *map = node_is_null(c) ? node_make(w->a, c->key, NODE_MAP, NULL) : c;
            walk_entry(w, p, o, c->key, map);
        }
    }
    buf_text(w->out, "], ");
}

/* --- rows --- */

/* The node of a row: under its key or an alias, in the mapping itself or where its defaults are.
 * *ret_quiet: it was looked at before, as a default. */
static const struct node *find(struct walk *w, const struct path *p, const struct hd_option *o,
                               const struct from *from, bool *ret_quiet)
{
    const struct node *found = node_get(from->at[0], o->key);
    for (const struct hd_option *other = o + 1; other->key && other->alias; other++) {
        const struct node *n = node_get(from->at[0], other->key);
        if (n && found)
            mistake_add(w->m, n->key, p, "'%s' and '%s' are the same: give one of them",
                        found->key->text, other->key);
        found = found ? found : n;
    }
    *ret_quiet = false;
    for (size_t i = 1; i < FROM_MAX && !found; i++) {
        found = node_get(from->at[i], o->key);
        *ret_quiet = found != NULL;
    }
    return found;
}

static void walk_row(struct walk *w, const struct path *up, const struct node *here,
                     const struct hd_option *o, const struct from *from)
{
    bool quiet;
    const struct node *n = find(w, up, o, from, &quiet);
    struct path p = PATH_KEY(up, n && n->key ? n->key->text : o->key);
    if (!n && !o->fallback)
        mistake_also(w->m, here, up, "missing key '%s'%s", o->key,
                     o[1].alias ? arena_print(w->a, " (or '%s')", o[1].key) : "");
    bool lost = !n && !o->fallback; /* named: what would have been in it is no news */
    w->m->quiet += quiet || lost;
    switch (o->type) {
    case HD_OPT_GROUP: walk_group(w, &p, o, quiet ? NULL : n, from, here); break;
    case HD_OPT_TEXTS:
    case HD_OPT_URLS:
    case HD_OPT_SOCKETS: walk_texts(w, &p, o, n); break;
    case HD_OPT_PAIRS: walk_pairs(w, &p, o, n); break;
    case HD_OPT_LIST: walk_list(w, &p, o, n); break;
    case HD_OPT_NAMED: walk_named(w, &p, o, n); break;
    case HD_OPT_PLUGIN: walk_plugin(w, &p, o, n); break;
    default: walk_scalar(w, &p, o, n); break;
    }
    w->m->quiet -= quiet || lost;
}

/* Writes every row of a table. `beside`: the codec whose options stand in the same mapping. */
static void put_rows(struct walk *w, const struct path *p, const struct node *here,
                     const struct hd_option *table, struct from from, const struct codec *beside)
{
    for (const struct hd_option *o = table; o->key; o++) {
        if (o->alias)
            continue;
        if (is_inline(w, o)) {
            put_codec(w, p, o->key, beside, here, from.at[0]);
        } else if (o->internal && o->type == HD_OPT_TEXT) {
            struct scalar v = {.text = path_text(w->a, p)};
            put_scalar(w, o, &v);
        } else if (!o->internal || w->dialect == DIALECT_CANONICAL) {
            walk_row(w, p, here, o, &from);
        }
    }
}

/* A whole mapping: its keys are checked, its rows written as {...}. `here`: what is pointed at when
 * a key is missing. */
static void walk_map(struct walk *w, const struct path *p, const struct node *here,
                     const struct hd_option *table, struct from from)
{
    if (from.at[0] && node_is_null(from.at[0])) {
        from.at[0] = NULL; /* `guard:` with nothing behind it */
    } else if (from.at[0] && from.at[0]->kind != NODE_MAP) {
        mistake_add(w->m, from.at[0], p, "must be a mapping");
        from.at[0] = NULL;
    }
    struct rows rows = {.table = table};
    struct codec c;
    const struct codec *beside = NULL;
    bool all_known = true; /* no codec unknown whose keys could be among these */
    for (const struct hd_option *o = table; o->key; o++) {
        if (!is_inline(w, o))
            continue;
        enum family family = plugin_row(o).family;
        if (family == FAMILY_SIDE)
            c = w->side;
        rows.type = family != FAMILY_SIDE;
        all_known = rows.type ? from.at[0] && type_of(w, p, family, from.at[0], &c)
                              : c.name != NULL;
        if (all_known) {
            beside = &c;
            rows.codec = c.options;
        }
    }
    if (all_known)
        check_keys(w, p, from.at[0], rows);
    buf_byte(w->out, '{');
    put_rows(w, p, here, table, from, beside);
    buf_byte(w->out, '}');
}

void walk_document(struct hd_arena *a, struct mistakes *m, enum dialect dialect,
                   const struct hd_option *table, struct node *root, struct buf *out)
{
    struct walk w = {.a = a, .m = m, .out = out, .dialect = dialect};
    if (table == table_root && dialect == DIALECT_HUMAN)
        w.defaults = node_get(root, "defaults");
    walk_map(&w, NULL, root, table, (struct from){{root}});
}
