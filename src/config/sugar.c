/* SPDX-License-Identifier: Apache-2.0
 *
 * See sugar.h.
 */
#include "config/sugar.h"

#include "base/arena.h"
#include "base/str.h"

/* X becomes {key: X}, in the same place. */
static void wrap(struct hd_arena *a, struct node *n, const char *key, const char *text)
{
    struct node *inner = node_make(a, n, NODE_SCALAR, text ? text : n->text);
    inner->plain = n->plain;
    inner->bad = n->bad;
    n->kind = NODE_MAP;
    n->first = n->last = NULL;
    n->n = 0;
    node_put(a, n, key, inner);
}

/* {canary: {stable: X, candidate: Y}} -> {type: canary, stable: X, candidate: Y} */
static void sugar_kind(struct hd_arena *a, struct node *kind)
{
    if (kind->kind == NODE_SCALAR && !node_is_null(kind)) {
        wrap(a, kind, "type", NULL);
        return;
    }
    struct node *canary = node_get(kind, "canary");
    if (!canary || kind->n != 1 || canary->kind != NODE_MAP)
        return;
    kind->first = canary->first;
    kind->last = canary->last;
    kind->n = canary->n;
    node_put(a, kind, "type", node_make(a, canary->key, NODE_SCALAR, "canary"));
}

static void sugar_rollback_safe(struct hd_arena *a, struct node *safe)
{
    if (safe->kind == NODE_SCALAR && !node_is_null(safe))
        wrap(a, safe, "safe", NULL);
    else if (node_get(safe, "until") && !node_get(safe, "safe"))
        node_put(a, safe, "safe", node_make(a, safe, NODE_SCALAR, "false"));
}

void sugar_service(struct hd_arena *a, struct node *service)
{
    struct node *kind = node_get(service, "kind"), *target = node_get(service, "target");
    struct node *safe = node_get(service, "rollback_safe");
    if (kind)
        sugar_kind(a, kind);
    if (target && target->kind == NODE_SCALAR && str_is(target->text, "trust"))
        wrap(a, target, "trust", "true");
    if (safe)
        sugar_rollback_safe(a, safe);
}
