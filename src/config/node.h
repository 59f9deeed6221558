/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML file as a tree in which every node knows its place. Refuses by name what a config must not
 * have: anchors, aliases, merge keys, tags, second documents, keys that are no text. Knows nothing
 * about options. Called by load.c and query.c.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <haldane/types.h>

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;         /* scalar without quotes */
    bool bad;           /* a mistake at this node was named already */
    uint32_t file_rank; /* order of the file among those read */
    const char *file;
    int line, column;   /* from 1 */
    const char *text;   /* scalar; of a child of a map: see key */
    const struct node *key; /* child of a map: its key, a scalar */
    struct node *first, *last, *next; /* children; next sibling */
    size_t n;           /* children */
};

struct mistakes;
/* One document. NULL when it cannot be read at all; the mistake is then in the list. */
struct node *node_parse(struct hd_arena *, const char *file, uint32_t rank, struct hd_span text,
                        struct mistakes *);

/* Child of a map by key; NULL when absent, or when the node is NULL or no map. */
struct node *node_get(const struct node *, const char *key);
/* A child made by us in place of shorthand: takes the place of `like`. */
struct node *node_make(struct hd_arena *, const struct node *like, enum node_kind,
                       const char *text);
void node_put(struct hd_arena *, struct node *map, const char *key, struct node *child);
/* True for a plain scalar that says nothing: empty, ~, null. */
bool node_is_null(const struct node *);
/* Do both say the same: keys in any order, however quoted? Two NULLs do. */
bool node_is_same(const struct node *, const struct node *);
/* True when a mistake was named at it or at anything in it. NULL is whole. */
bool node_is_hurt(const struct node *);

#endif
