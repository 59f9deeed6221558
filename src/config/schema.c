/* SPDX-License-Identifier: Apache-2.0
 *
 * See schema.h.
 */
#include "config/schema.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "config/tables.h"

/* --- option rows -> schema --- */

static const cyaml_schema_value_t one_text = {
    .type = CYAML_STRING,
    .flags = CYAML_FLAG_POINTER,
    .data_size = sizeof(char),
    .string = {.min = 0, .max = CYAML_UNLIMITED},
};

static const cyaml_schema_field_t *schema_fields(struct hd_arena *, const struct hd_option *);

static cyaml_schema_value_t schema_map(struct hd_arena *a, const struct hd_option *rows,
                                       size_t size, enum cyaml_flag flags)
{
    return (cyaml_schema_value_t){
        .type = CYAML_MAPPING,
        .flags = flags,
        .data_size = size ? (uint32_t)size : 1,
        .mapping = {.fields = schema_fields(a, rows)},
    };
}

static cyaml_schema_value_t schema_list(const cyaml_schema_value_t *entry)
{
    return (cyaml_schema_value_t){
        .type = CYAML_SEQUENCE,
        .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
        .data_size = (entry->flags & CYAML_FLAG_POINTER) ? (uint32_t)sizeof(void *)
                                                         : entry->data_size,
        .sequence = {.entry = entry, .min = 0, .max = CYAML_UNLIMITED},
    };
}

static cyaml_schema_value_t schema_words(struct hd_arena *a, const char *const *words)
{
    uint32_t n = 0;
    while (words[n])
        n++;
    cyaml_strval_t *strings = arena_many(a, n, cyaml_strval_t);
    for (uint32_t i = 0; i < n; i++)
        strings[i] = (cyaml_strval_t){words[i], i};
    return (cyaml_schema_value_t){
        .type = CYAML_ENUM,
        .flags = CYAML_FLAG_STRICT,
        .data_size = sizeof(int32_t),
        .enumeration = {.strings = strings, .count = n},
    };
}

static cyaml_schema_value_t schema_number(enum cyaml_type type, size_t size)
{
    return (cyaml_schema_value_t){.type = type, .data_size = (uint32_t)size};
}

static cyaml_schema_value_t schema_rule(struct hd_arena *a)
{
    static const char *const kinds[] = {"consecutive", "k_of_n", "total", "sequential", NULL};
    cyaml_schema_field_t *f = arena_many(a, 4, cyaml_schema_field_t);
    f[0] = (cyaml_schema_field_t){.key = "kind",
                                  .data_offset = offsetof(struct hd_rule, kind),
                                  .value = schema_words(a, kinds)};
    f[1] = (cyaml_schema_field_t){.key = "k",
                                  .data_offset = offsetof(struct hd_rule, k),
                                  .value = schema_number(CYAML_UINT, sizeof(uint32_t))};
    f[2] = (cyaml_schema_field_t){.key = "n",
                                  .data_offset = offsetof(struct hd_rule, n),
                                  .value = schema_number(CYAML_UINT, sizeof(uint32_t))};
    return (cyaml_schema_value_t){
        .type = CYAML_MAPPING, .data_size = sizeof(struct hd_rule), .mapping = {.fields = f}};
}

/* {type: x, x: {...}}: a slot per codec, so that saving knows which one is filled. */
static cyaml_schema_value_t schema_plugin(struct hd_arena *a, const struct hd_option *o)
{
    struct plugin_row r = plugin_row(o);
    struct codec c;
    if (r.form && *r.form) {
        if (!codec_find(r.family, r.form, &c))
            return (cyaml_schema_value_t){.type = CYAML_IGNORE, .flags = CYAML_FLAG_OPTIONAL};
        return schema_map(a, c.options, c.size, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL);
    }
    cyaml_schema_field_t *f = arena_many(a, CODECS_MAX + 2, cyaml_schema_field_t);
    size_t n = 0;
    f[n] = (cyaml_schema_field_t){
        .key = "type", .data_offset = offsetof(struct raw_plugin, type), .value = one_text};
    f[n++].value.flags |= CYAML_FLAG_OPTIONAL;
    for (size_t i = 0; codec_at(r.family, i, &c); i++)
        f[n++] = (cyaml_schema_field_t){
            .key = c.name,
            .data_offset = (uint32_t)(offsetof(struct raw_plugin, cfg) + i * sizeof(void *)),
            .value = schema_map(a, c.options, c.size, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL),
        };
    return (cyaml_schema_value_t){
        .type = CYAML_MAPPING, .data_size = sizeof(struct raw_plugin), .mapping = {.fields = f}};
}

static const struct hd_option pair_rows[] = {
    {.key = "name", .type = HD_OPT_TEXT, .offset = offsetof(struct hd_pair, name)},
    {.key = "value", .type = HD_OPT_TEXT, .offset = offsetof(struct hd_pair, value)},
    {NULL},
};

static cyaml_schema_value_t schema_structs(struct hd_arena *a, const struct hd_option *rows,
                                           size_t size)
{
    cyaml_schema_value_t *entry = arena_of(a, cyaml_schema_value_t);
    *entry = schema_map(a, rows, size, CYAML_FLAG_DEFAULT);
    return schema_list(entry);
}

static cyaml_schema_value_t schema_value(struct hd_arena *a, const struct hd_option *o)
{
    cyaml_schema_value_t v;
    switch (o->type) {
    case HD_OPT_BOOL: return schema_number(CYAML_BOOL, sizeof(bool));
    case HD_OPT_INT:
    case HD_OPT_DURATION:
    case HD_OPT_SIZE:
    case HD_OPT_TIME: return schema_number(CYAML_INT, o->size ? o->size : sizeof(int64_t));
    case HD_OPT_NUMBER:
    case HD_OPT_SHARE:
    case HD_OPT_FACTOR:
    case HD_OPT_AMOUNT: return schema_number(CYAML_FLOAT, sizeof(double));
    case HD_OPT_WORD: return schema_words(a, o->words);
    case HD_OPT_RULE: return schema_rule(a);
    case HD_OPT_GROUP: return schema_map(a, o->sub, o->size, CYAML_FLAG_DEFAULT);
    case HD_OPT_TEXTS:
    case HD_OPT_URLS:
    case HD_OPT_SOCKETS: return schema_list(&one_text);
    case HD_OPT_PAIRS: return schema_structs(a, pair_rows, sizeof(struct hd_pair));
    case HD_OPT_LIST:
    case HD_OPT_NAMED: return schema_structs(a, o->sub, o->size);
    case HD_OPT_PLUGIN: return schema_plugin(a, o);
    default:
        v = one_text;
        v.flags |= CYAML_FLAG_OPTIONAL;
        return v;
    }
}

static const cyaml_schema_field_t *schema_fields(struct hd_arena *a, const struct hd_option *rows)
{
    size_t n = 0, i = 0;
    while (rows[n].key)
        n++;
    cyaml_schema_field_t *f = arena_many(a, n + 1, cyaml_schema_field_t);
    for (const struct hd_option *o = rows; o->key; o++) {
        if (o->alias || (o->type == HD_OPT_GROUP && !o->size))
            continue;
        f[i++] = (cyaml_schema_field_t){
            .key = o->key,
            .data_offset = o->offset,
            .count_offset = o->count_offset,
            .count_size = sizeof(uint32_t),
            .value = schema_value(a, o),
        };
    }
    return f;
}

/* --- loading and saving --- */

/* libcyaml lengthens a list by one entry at a time; blocks of doubling size keep that linear in an
 * arena, which frees nothing. */
struct block {
    size_t size;
    max_align_t at[];
};

static void *mem_in_arena(void *arena, void *old, size_t size)
{
    if (!size)
        return NULL;
    struct block *b = old ? (struct block *)((char *)old - offsetof(struct block, at)) : NULL;
    if (b && size <= b->size)
        return old;
    size_t room = 16;
    while (room < size)
        room *= 2;
    struct block *wider = arena_alloc(arena, sizeof *wider + room);
    wider->size = room;
    if (b)
        memcpy(wider->at, b->at, b->size);
    return wider->at;
}

/* Keeps the first line of what libcyaml says. */
struct words {
    char text[200];
};

static void keep_words(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    struct words *w = ctx;
    (void)level;
    if (!*w->text) {
        (void)vsnprintf(w->text, sizeof w->text, format, args);
        w->text[strcspn(w->text, "\n")] = '\0';
    }
}

static cyaml_config_t settings(struct hd_arena *a, struct words *w)
{
    return (cyaml_config_t){
        .log_fn = keep_words,
        .log_ctx = w,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = mem_in_arena,
        .mem_ctx = a,
        .flags = CYAML_CFG_STYLE_BLOCK,
    };
}

enum hd_code schema_load(struct hd_arena *a, const struct hd_option *table, size_t size,
                         struct hd_span normal, void **ret, struct hd_error *err)
{
    ARENA_AUTO own = arena_new();
    struct words words = {""};
    cyaml_config_t c = settings(a, &words);
    cyaml_schema_value_t top = schema_map(own, table, size, CYAML_FLAG_POINTER);
    void *data = NULL;
    const uint8_t *bytes = (const uint8_t *)normal.at;
    cyaml_err_t code = cyaml_load_data(bytes, normal.len, &c, &top, &data, NULL);
    if (code != CYAML_OK || !data)
        return hd_fail(err, HD_INVALID, "the normal form does not load: %s: %s",
                       cyaml_strerror(code), words.text);
    *ret = data;
    return HD_OK;
}

enum hd_code schema_save(const struct hd_option *table, size_t size, const void *from,
                         struct buf *to, struct hd_error *err)
{
    ARENA_AUTO own = arena_new();
    struct words words = {""};
    cyaml_config_t c = settings(own, &words);
    cyaml_schema_value_t top = schema_map(own, table, size, CYAML_FLAG_POINTER);
    char *text;
    size_t len;
    cyaml_err_t code = cyaml_save_data(&text, &len, &c, &top, from, 0);
    if (code != CYAML_OK)
        return hd_fail(err, HD_INVALID, "the policy does not save: %s: %s", cyaml_strerror(code),
                       words.text);
    buf_add(to, text, len);
    return to->full ? hd_fail(err, HD_LIMIT, "the normal form is too large") : HD_OK;
}
