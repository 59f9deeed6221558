/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a codec's struct from its own option table, so that tests and fuzz targets need neither the
 * config loader nor the struct. Knows the types these codecs use; aborts on everything else.
 */
#ifndef TESTS_SUPPORT_OPTIONS_H
#define TESTS_SUPPORT_OPTIONS_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <haldane/option.h>
#include <haldane/wire.h>

#include "base/arena.h"
#include "base/str.h"

/* A key is "read.path" in a group, "write.0.path" in a list. A list of texts or sockets is written
 * "a|b", pairs "name=value|name=value". */
struct opt {
    const char *key, *value;
};

#define OPT_LIST_MAX 4u

static inline size_t opt_split(struct hd_arena *a, const char *text, const char ***ret)
{
    const char **list = arena_many(a, 64, const char *);
    size_t n = 0;
    for (char *save, *copy = arena_text(a, text), *w = strtok_r(copy, "|", &save); w && n < 63;
         w = strtok_r(NULL, "|", &save))
        list[n++] = w;
    *ret = list;
    return n;
}

static inline void opt_put_pairs(struct hd_arena *a, char *at, char *count, const char *text)
{
    const char **word;
    uint32_t n = (uint32_t)opt_split(a, text, &word);
    struct hd_pair *p = arena_many(a, n + 1u, struct hd_pair);
    for (uint32_t i = 0; i < n; i++) {
        char *name = arena_text(a, word[i]), *eq = strchr(name, '=');
        assert(eq);
        *eq = '\0';
        p[i] = (struct hd_pair){name, eq + 1};
    }
    memcpy(at, &p, sizeof p);
    memcpy(count, &n, sizeof n);
}

static inline void opt_put(struct hd_arena *a, const struct hd_option *o, char *cfg,
                           const char *text)
{
    char *at = cfg + o->offset, *count = cfg + o->count_offset;
    const char **list;
    switch (o->type) {
    case HD_OPT_TEXT:
    case HD_OPT_SECRET:
    case HD_OPT_PATH:
    case HD_OPT_URL:
        memcpy(at, &text, sizeof text);
        break;
    case HD_OPT_TEXTS:
    case HD_OPT_URLS:
    case HD_OPT_SOCKETS: {
        uint32_t n = (uint32_t)opt_split(a, text, &list);
        for (uint32_t i = 0; o->type == HD_OPT_SOCKETS && i < n; i++)
            list[i] = list[i][0] == '/' ? arena_print(a, "unix:%s", list[i]) : list[i];
        memcpy(at, &list, sizeof list);
        memcpy(count, &n, sizeof n);
        break;
    }
    case HD_OPT_PAIRS:
        opt_put_pairs(a, at, count, text);
        break;
    case HD_OPT_BOOL:
        *(bool *)at = str_is(text, "true");
        break;
    case HD_OPT_DURATION: {
        int64_t ms = 0;
        assert(str_read_duration(text, &ms));
        if (o->size == sizeof(int32_t))
            *(int32_t *)at = (int32_t)ms;
        else
            *(int64_t *)at = ms;
        break;
    }
    case HD_OPT_WORD: {
        int32_t i = 0;
        while (o->words[i] && !str_is(o->words[i], text))
            i++;
        assert(o->words[i]);
        *(int32_t *)at = i;
        break;
    }
    default:
        fprintf(stderr, "options.h: no type %d (%s)\n", o->type, o->key);
        abort();
    }
}

static inline void opt_defaults(struct hd_arena *a, const struct hd_option *o, char *cfg)
{
    for (; o->key; o++) {
        if (o->type == HD_OPT_GROUP)
            opt_defaults(a, o->sub, cfg + o->offset);
        else if (!o->alias && o->fallback && *o->fallback)
            opt_put(a, o, cfg, o->fallback);
    }
}

static inline void opt_set(struct hd_arena *a, const struct hd_option *o, char *cfg,
                           const char *key, const char *value)
{
    size_t len = strcspn(key, ".");
    while (o->key && (strlen(o->key) != len || strncmp(o->key, key, len) != 0))
        o++;
    if (!o->key) {
        fprintf(stderr, "options.h: no key %s\n", key);
        abort();
    }
    if (o->type == HD_OPT_GROUP) {
        opt_set(a, o->sub, cfg + o->offset, key + len + 1, value);
    } else if (o->type == HD_OPT_LIST) {
        uint32_t i = (uint32_t)(key[len + 1] - '0'), *n = (uint32_t *)(cfg + o->count_offset);
        assert(i < OPT_LIST_MAX);
        char **list = (char **)(cfg + o->offset);
        if (!*list)
            *list = arena_array(a, OPT_LIST_MAX, o->size);
        for (; *n <= i; ++*n)
            opt_defaults(a, o->sub, *list + (size_t)*n * o->size);
        opt_set(a, o->sub, *list + (size_t)i * o->size, key + len + 3, value);
    } else {
        opt_put(a, o, cfg, value);
    }
}

/* A struct of `size` bytes with defaults and then `opts` (ends with a NULL key). */
static inline const void *opt_fill(struct hd_arena *a, const struct hd_option *table, uint32_t size,
                                   const struct opt *opts)
{
    char *cfg = arena_alloc(a, size);
    opt_defaults(a, table, cfg);
    for (; opts && opts->key; opts++)
        opt_set(a, table, cfg, opts->key, opts->value);
    return cfg;
}

#endif
