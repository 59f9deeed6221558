/* SPDX-License-Identifier: Apache-2.0
 *
 * See mistake.h.
 */
#include "config/mistake.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define TEXT_MAX 1000 /* of one mistake; foreign text inside is cleaned */

static void path_write(struct buf *b, const struct path *p)
{
    if (!p)
        return;
    path_write(b, p->up);
    if (p->key)
        buf_print(b, "%s%s", b->len ? "." : "", p->key);
    else
        buf_print(b, "[%zu]", p->index);
}

const char *path_text(struct hd_arena *a, const struct path *p)
{
    BUF_AUTO b = BUF_INIT(TEXT_MAX);
    path_write(&b, p);
    char *text = arena_text(a, b.len ? buf_at(&b) : "(top level)");
    str_clean(text, TEXT_MAX);
    return text;
}

void mistakes_init(struct mistakes *m, struct hd_arena *a, const char *file)
{
    *m = (struct mistakes){.a = a, .file = file};
    m->item = arena_many(a, HD_MISTAKES_MAX, struct config_mistake);
    m->rank = arena_many(a, HD_MISTAKES_MAX, uint32_t);
}

static void add(struct mistakes *m, const struct node *at, const struct path *p, bool warning,
                const char *format, va_list args)
{
    m->errors += !warning;
    if (m->n == HD_MISTAKES_MAX) {
        m->more++;
        return;
    }
    char *text = arena_vprint(m->a, format, args);
    str_clean(text, TEXT_MAX);
    m->rank[m->n] = at ? at->file_rank : 0;
    m->item[m->n++] = (struct config_mistake){
        .file = arena_text(m->a, at ? at->file : m->file),
        .line = at ? at->line : 0,
        .column = at ? at->column : 0,
        .path = path_text(m->a, p),
        .text = text,
        .warning = warning,
    };
}

void mistake_add(struct mistakes *m, const struct node *at, const struct path *p,
                 const char *format, ...)
{
    if (m->quiet)
        return;
    if (at) {
        if (at->bad)
            return;
        ((struct node *)at)->bad = true; /* the one mark that readers leave on a tree */
    }
    va_list args;
    va_start(args, format);
    add(m, at, p, false, format, args);
    va_end(args);
}

void mistake_also(struct mistakes *m, const struct node *at, const struct path *p,
                  const char *format, ...)
{
    if (m->quiet || (at && at->bad && at->kind != NODE_MAP))
        return;
    if (at)
        ((struct node *)at)->bad = true;
    va_list args;
    va_start(args, format);
    add(m, at, p, false, format, args);
    va_end(args);
}

void mistake_warn(struct mistakes *m, const struct node *at, const struct path *p,
                  const char *format, ...)
{
    if (m->quiet)
        return;
    va_list args;
    va_start(args, format);
    add(m, at, p, true, format, args);
    va_end(args);
}

bool mistake_hurts(struct mistakes *m, const struct node *n)
{
    bool hurt = node_is_hurt(n);
    m->untried |= hurt;
    return hurt;
}

struct ranked {
    struct config_mistake m;
    uint32_t rank, found;
};

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->m.line != y->m.line)
        return x->m.line < y->m.line ? -1 : 1;
    if (x->m.column != y->m.column)
        return x->m.column < y->m.column ? -1 : 1;
    return x->found < y->found ? -1 : 1;
}

struct config_mistakes mistakes_list(struct mistakes *m)
{
    struct ranked *r = arena_many(m->a, m->n, struct ranked);
    for (size_t i = 0; i < m->n; i++)
        r[i] = (struct ranked){m->item[i], m->rank[i], (uint32_t)i};
    qsort(r, m->n, sizeof *r, by_place);
    for (size_t i = 0; i < m->n; i++)
        m->item[i] = r[i].m;
    return (struct config_mistakes){m->item, m->n, m->more, m->errors, m->untried};
}

const char *mistake_hint(struct hd_arena *a, const char *word, const char *const *words)
{
    /* A third of the word may be wrong, and never more than three letters. */
    unsigned cap = (unsigned)strlen(word) / 3 + 1, best = cap < 3 ? cap + 1 : 4;
    const char *nearest = NULL;
    for (; *words; words++) {
        unsigned d = str_distance(word, *words, best);
        if (d < best) {
            best = d;
            nearest = *words;
        }
    }
    return nearest ? arena_print(a, "; did you mean '%s'?", nearest) : "";
}

const char *mistake_words(struct hd_arena *a, const char *const *words)
{
    BUF_AUTO b = BUF_INIT(TEXT_MAX);
    for (; *words; words++)
        buf_print(&b, "%s%s", b.len ? ", " : "", *words);
    return arena_text(a, buf_at(&b));
}
