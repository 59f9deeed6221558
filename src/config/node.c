/* SPDX-License-Identifier: Apache-2.0
 *
 * See node.h. Built from libyaml's events and not from its document, because a document forgets
 * anchors and where an alias stood.
 */
#include "config/node.h"

#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/mistake.h"

struct reader {
    struct hd_arena *a;
    struct mistakes *m;
    const char *file;
    uint32_t rank;
    struct hd_span text;
    yaml_parser_t parser;
};

static void yaml_event_free_p(yaml_event_t *e) { yaml_event_delete(e); }
#define EVENT_AUTO __attribute__((cleanup(yaml_event_free_p))) yaml_event_t

struct node *node_get(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *c = map->first; c; c = c->next) {
        if (str_is(c->key->text, key))
            return c;
    }
    return NULL;
}

bool node_is_null(const struct node *n)
{
    return n->kind == NODE_SCALAR && n->plain &&
           (!*n->text || str_is(n->text, "~") || str_is(n->text, "null"));
}

bool node_is_hurt(const struct node *n)
{
    if (!n)
        return false;
    bool hurt = n->bad || (n->key && n->key->bad);
    for (const struct node *c = n->first; c && !hurt; c = c->next)
        hurt = node_is_hurt(c);
    return hurt;
}

bool node_is_same(const struct node *x, const struct node *y)
{
    if (!x || !y)
        return x == y;
    bool same = x->kind == y->kind && x->n == y->n && str_is(x->text ? x->text : "", y->text ? y->text : "");
    const struct node *item = y->first;
    for (const struct node *c = x->first; c && same; c = c->next) {
        same = node_is_same(c, c->key ? node_get(y, c->key->text) : item);
        item = item ? item->next : NULL;
    }
    return same;
}

struct node *node_make(struct hd_arena *a, const struct node *like, enum node_kind kind,
                       const char *text)
{
    struct node *n = arena_of(a, struct node);
    n->kind = kind;
    n->plain = true;
    n->file = like->file;
    n->file_rank = like->file_rank;
    n->line = like->line;
    n->column = like->column;
    n->text = text;
    return n;
}

static void append(struct node *parent, struct node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->n++;
}

void node_put(struct hd_arena *a, struct node *map, const char *key, struct node *child)
{
    child->key = node_make(a, child, NODE_SCALAR, key);
    append(map, child);
}

static struct node *node_at(struct reader *r, const yaml_event_t *e, enum node_kind kind)
{
    struct node like = {.file = r->file,
                        .file_rank = r->rank,
                        .line = (int)e->start_mark.line + 1,
                        .column = (int)e->start_mark.column + 1};
    return node_make(r->a, &like, kind, NULL);
}

/* The character at a place of the parser (lines from 0). */
static char char_at(const struct reader *r, const yaml_mark_t *mark)
{
    const char *p = r->text.at;
    for (size_t line = mark->line; p && line; line--) {
        p = strchr(p, '\n');
        if (p)
            p++;
    }
    return p && strlen(p) > mark->column ? p[mark->column] : '\0';
}

/* What is most likely meant by the parser's words, for people. */
static const char *hint_of(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    unsigned long line = (unsigned long)p->context_mark.line + 1;
    const char *context = p->context ? p->context : "";
    if (char_at(r, &p->problem_mark) == '\t')
        return "; a tab stands here: YAML indents with blanks";
    if (str_is(context, "while parsing a flow mapping"))
        return arena_print(r->a, "; is the '{' of line %lu closed?", line);
    if (str_is(context, "while parsing a flow sequence"))
        return arena_print(r->a, "; is the '[' of line %lu closed?", line);
    if (str_is(context, "while scanning a quoted scalar"))
        return arena_print(r->a, "; is the quote of line %lu closed?", line);
    return "";
}

/* False: the parser stopped; its words are in the list. */
static bool read_event(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return true;
    const yaml_parser_t *p = &r->parser;
    bool scan = p->error != YAML_READER_ERROR;
    struct node at = {.file = r->file,
                      .file_rank = r->rank,
                      .line = scan ? (int)p->problem_mark.line + 1 : 0,
                      .column = scan ? (int)p->problem_mark.column + 1 : 0};
    mistake_add(r->m, &at, NULL, "this is not YAML: %s%s%s%s; nothing else of the file was looked at",
                p->problem ? p->problem : "unreadable", p->context ? " " : "", p->context ? p->context : "",
                hint_of(r));
    return false;
}

static void refuse_marks(struct reader *r, struct node *n, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    if (anchor)
        mistake_add(r->m, n, NULL, "anchor '&%s': anchors are not supported, write it out",
                    (const char *)anchor);
    if (tag)
        mistake_add(r->m, n, NULL, "tag '%s': tags are not supported", (const char *)tag);
}

static struct node *read_scalar(struct reader *r, const yaml_event_t *e)
{
    struct node *n = node_at(r, e, NODE_SCALAR);
    n->text = arena_text_n(r->a, (const char *)e->data.scalar.value, e->data.scalar.length);
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    refuse_marks(r, n, e->data.scalar.anchor, e->data.scalar.tag);
    if (strlen(n->text) != e->data.scalar.length)
        mistake_add(r->m, n, NULL, "a zero byte in a text");
    return n;
}

/* An alias cannot be read on: it becomes an empty text with its mistake. */
static struct node *read_alias(struct reader *r, const yaml_event_t *e)
{
    struct node *n = node_at(r, e, NODE_SCALAR);
    n->text = "";
    mistake_add(r->m, n, NULL, "alias '*%s': aliases are not supported, write it out",
                (const char *)e->data.alias.anchor);
    return n;
}

static struct node *read_node(struct reader *r, yaml_event_t *e, unsigned depth);

static bool read_list(struct reader *r, struct node *n, unsigned depth)
{
    for (;;) {
        EVENT_AUTO e = {0};
        if (!read_event(r, &e))
            return false;
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return true;
        struct node *item = read_node(r, &e, depth);
        if (!item)
            return false;
        append(n, item);
    }
}

/* Keys of one map, sorted into buckets, so that a map of thousands is read in linear time. */
struct keys {
    const struct node **slot;
    size_t n, size;
};

/* The earlier node with this key, or NULL and `key` is remembered. */
static const struct node *keys_add(struct hd_arena *a, struct keys *k, const struct node *key)
{
    if (k->n * 2 >= k->size) {
        struct keys wider = {.size = k->size ? k->size * 4 : 16, .n = 0};
        wider.slot = arena_many(a, wider.size, const struct node *);
        for (size_t i = 0; i < k->size; i++) {
            if (k->slot[i])
                (void)keys_add(a, &wider, k->slot[i]);
        }
        *k = wider;
    }
    for (size_t i = str_hash(key->text, 0) % k->size;; i = (i + 1) % k->size) {
        if (!k->slot[i]) {
            k->slot[i] = key;
            k->n++;
            return NULL;
        }
        if (str_is(k->slot[i]->text, key->text))
            return k->slot[i];
    }
}

static bool read_map(struct reader *r, struct node *n, unsigned depth)
{
    struct keys keys = {0};
    for (;;) {
        EVENT_AUTO e = {0};
        if (!read_event(r, &e))
            return false;
        if (e.type == YAML_MAPPING_END_EVENT)
            return true;
        struct node *key = read_node(r, &e, depth);
        if (!key)
            return false;
        EVENT_AUTO v = {0};
        if (!read_event(r, &v))
            return false;
        struct node *value = read_node(r, &v, depth);
        if (!value)
            return false;
        if (key->kind != NODE_SCALAR) {
            mistake_add(r->m, key, NULL, "a key must be a text");
            continue;
        }
        if (key->plain && str_is(key->text, "<<")) {
            mistake_add(r->m, key, NULL, "merge key '<<': merging is not supported, write it out");
            continue;
        }
        if (key->bad)
            continue;
        const struct node *before = keys_add(r->a, &keys, key);
        if (before) {
            mistake_add(r->m, key, NULL, "key '%s' given twice (first at line %d)", key->text,
                        before->line);
            continue;
        }
        value->key = key;
        append(n, value);
    }
}

static struct node *read_node(struct reader *r, yaml_event_t *e, unsigned depth)
{
    if (e->type == YAML_ALIAS_EVENT)
        return read_alias(r, e);
    if (e->type == YAML_SCALAR_EVENT)
        return read_scalar(r, e);
    bool map = e->type == YAML_MAPPING_START_EVENT;
    struct node *n = node_at(r, e, map ? NODE_MAP : NODE_LIST);
    if (depth >= HD_CONFIG_DEPTH_MAX) {
        mistake_add(r->m, n, NULL, "nested deeper than %d levels", HD_CONFIG_DEPTH_MAX);
        return NULL;
    }
    if (map)
        refuse_marks(r, n, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    else
        refuse_marks(r, n, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    bool whole = map ? read_map(r, n, depth + 1) : read_list(r, n, depth + 1);
    return whole ? n : NULL;
}

static struct node *read_document(struct reader *r)
{
    struct node *root = NULL;
    for (;;) {
        EVENT_AUTO e = {0};
        if (!read_event(r, &e))
            return NULL;
        switch (e.type) {
        case YAML_STREAM_END_EVENT:
            if (!root)
                mistake_add(r->m, node_at(r, &e, NODE_SCALAR), NULL, "the document is empty");
            return root;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root) {
                mistake_add(r->m, node_at(r, &e, NODE_SCALAR), NULL,
                            "a second document: one file is one document");
                return root;
            }
            break;
        default:
            root = read_node(r, &e, 0);
            if (!root)
                return NULL;
        }
    }
}

struct node *node_parse(struct hd_arena *a, const char *file, uint32_t rank, struct hd_span text,
                        struct mistakes *m)
{
    struct reader r = {.a = a, .m = m, .file = file, .rank = rank, .text = text};
    if (text.len > HD_CONFIG_BYTES_MAX) {
        struct node at = {.file = file, .file_rank = rank};
        mistake_add(m, &at, NULL, "larger than %u bytes", HD_CONFIG_BYTES_MAX);
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser))
        return NULL;
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.at, text.len);
    struct node *root = read_document(&r);
    yaml_parser_delete(&r.parser);
    if (root && node_is_null(root)) {
        mistake_add(m, root, NULL, "the document is empty");
        return NULL;
    }
    if (root && root->kind != NODE_MAP) {
        mistake_add(m, root, NULL, "must be a mapping of keys");
        return NULL;
    }
    return root;
}
