/* SPDX-License-Identifier: Apache-2.0
 *
 * A frozen config as YAML for people: every default written, units readable, secrets as their
 * references. It loads back to the same policy. Called through config.h.
 */
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "config/frozen.h"
#include "config/print.h"
#include "config/scalar.h"

void print_line(struct printer *p)
{
    unsigned spaces = p->indent;
    if (p->dash)
        spaces -= 2;
    buf_print(p->b, "%*s%s", (int)spaces, "", p->dash ? "- " : "");
    p->dash = false;
}

static void print_rows(struct printer *, const struct hd_option *, const void *base);

static void print_key(struct printer *p, const char *key)
{
    static const struct hd_option text = {.type = HD_OPT_TEXT};
    struct scalar v = {.text = key};
    print_line(p);
    scalar_write(p->b, &text, DIALECT_HUMAN, &v);
    buf_byte(p->b, ':');
}

/* A mapping under a key; one without any row is {}. */
static void print_map(struct printer *p, const char *key, const struct hd_option *rows,
                      const void *base)
{
    print_key(p, key);
    size_t before = p->b->len;
    buf_byte(p->b, '\n');
    p->indent += 2;
    print_rows(p, rows, base);
    p->indent -= 2;
    if (p->b->len == before + 1 && !p->b->full) {
        p->b->len = before;
        buf_text(p->b, " {}\n");
    }
}

static void print_texts(struct printer *p, const struct hd_option *o, const void *base)
{
    static const struct hd_option text = {.type = HD_OPT_TEXT};
    const char *const *item = *(const char *const *const *)((const char *)base + o->offset);
    uint32_t n = *(const uint32_t *)((const char *)base + o->count_offset);
    if (!n)
        return;
    print_key(p, o->key);
    buf_text(p->b, " [");
    for (uint32_t i = 0; i < n; i++) {
        struct scalar v = {.text = item[i]};
        buf_text(p->b, i ? ", " : "");
        scalar_write(p->b, &text, DIALECT_HUMAN, &v);
    }
    buf_text(p->b, "]\n");
}

static void print_pairs(struct printer *p, const struct hd_option *o, const void *base)
{
    static const struct hd_option text = {.type = HD_OPT_TEXT};
    const struct hd_pair *item = *(const struct hd_pair *const *)((const char *)base + o->offset);
    uint32_t n = *(const uint32_t *)((const char *)base + o->count_offset);
    if (!n)
        return;
    print_key(p, o->key);
    buf_byte(p->b, '\n');
    p->indent += 2;
    for (uint32_t i = 0; i < n; i++) {
        struct scalar v = {.text = item[i].value};
        print_key(p, item[i].name);
        buf_byte(p->b, ' ');
        scalar_write(p->b, &text, DIALECT_HUMAN, &v);
        buf_byte(p->b, '\n');
    }
    p->indent -= 2;
}

/* The rows behind the first one, which is the name. */
static void print_named(struct printer *p, const struct hd_option *o, const char *at, uint32_t n)
{
    if (!n)
        return;
    print_key(p, o->key);
    buf_byte(p->b, '\n');
    p->indent += 2;
    for (uint32_t i = 0; i < n; i++, at += o->size)
        print_map(p, scalar_get(&o->sub[0], at).text, o->sub + 1, at);
    p->indent -= 2;
}

static void print_list(struct printer *p, const struct hd_option *o, const char *at, uint32_t n)
{
    if (!n)
        return;
    print_key(p, o->key);
    buf_byte(p->b, '\n');
    p->indent += 4;
    for (uint32_t i = 0; i < n; i++, at += o->size) {
        p->dash = true;
        print_rows(p, o->sub, at);
    }
    p->indent -= 4;
}

static void print_plugin(struct printer *p, const struct hd_option *o, const char *at)
{
    struct plugin_row r = plugin_row(o);
    struct codec c;
    if (r.form && *r.form) {
        const void *cfg = *(void *const *)(const void *)at;
        if (cfg && codec_find(r.family, r.form, &c))
            print_map(p, o->key, c.options, cfg);
        return;
    }
    const struct raw_plugin *plugin = (const void *)at;
    if (!plugin->type || !codec_find(r.family, plugin->type, &c))
        return;
    unsigned indent = p->indent;
    if (!r.form) {
        print_key(p, o->key);
        buf_byte(p->b, '\n');
        p->indent += 2;
    }
    if (r.family != FAMILY_SIDE) {
        print_key(p, "type");
        buf_print(p->b, " %s\n", c.name);
    }
    print_rows(p, c.options, plugin->cfg[c.slot]);
    p->indent = indent;
}

static void print_rows(struct printer *p, const struct hd_option *rows, const void *base)
{
    for (const struct hd_option *o = rows; o->key; o++) {
        const char *at = (const char *)base + o->offset;
        const void *list = NULL;
        uint32_t n = 0;
        if (o->alias || o->internal || (o->type == HD_OPT_GROUP && !o->size))
            continue;
        if (o->type == HD_OPT_LIST || o->type == HD_OPT_NAMED) {
            list = *(void *const *)(const void *)at;
            n = *(const uint32_t *)((const char *)base + o->count_offset);
        }
        switch (o->type) {
        case HD_OPT_GROUP: print_map(p, o->key, o->sub, at); break;
        case HD_OPT_TEXTS:
        case HD_OPT_URLS:
        case HD_OPT_SOCKETS: print_texts(p, o, base); break;
        case HD_OPT_PAIRS: print_pairs(p, o, base); break;
        case HD_OPT_NAMED: print_named(p, o, list, n); break;
        case HD_OPT_LIST: print_list(p, o, list, n); break;
        case HD_OPT_PLUGIN: print_plugin(p, o, at); break;
        default: {
            struct scalar v = scalar_get(o, base);
            if (scalar_is_absent(o, &v))
                break;
            print_key(p, o->key);
            buf_byte(p->b, ' ');
            scalar_write(p->b, o, DIALECT_HUMAN, &v);
            buf_byte(p->b, '\n');
        }
        }
    }
}

void config_print(const struct config *c, struct buf *out)
{
    struct printer p = {.b = out};
    print_rows(&p, table_root, c->root);
}

void config_print_mistakes(const struct config_mistakes *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct config_mistake *k = &m->item[i];
        buf_text(out, k->file);
        if (k->line)
            buf_print(out, ":%d:%d", k->line, k->column);
        buf_print(out, ": %s: %s%s\n", k->path, k->warning ? "warning: " : "", k->text);
    }
    if (m->more)
        buf_print(out, "... and %zu more\n", m->more);
    size_t warnings = m->n + m->more - m->errors;
    buf_print(out, "%zu mistake%s", m->errors, m->errors == 1 ? "" : "s");
    if (warnings)
        buf_print(out, ", %zu warning%s", warnings, warnings == 1 ? "" : "s");
    if (m->untried)
        buf_text(out, "; what depends on them was not tried, so more may follow");
    buf_byte(out, '\n');
}
