/* SPDX-License-Identifier: Apache-2.0
 *
 * The option tables of the core, and the structs they fill. Each struct begins with a piece of the
 * frozen policy, filled in place; what follows is what a file says and a policy does not (names
 * instead of indices, one slot per codec). build.c makes the first from the second.
 */
#ifndef CONFIG_TABLES_H
#define CONFIG_TABLES_H

#include <haldane/policy.h>

#define CODECS_MAX 32 /* of one family; the tree is in-tree and grows by hand */

/* --- codecs, whatever their family --- */
enum family { FAMILY_PROVIDER, FAMILY_ACTUATOR, FAMILY_SIDE, FAMILY_NOTIFIER };

struct codec {
    const char *name, *summary;
    const struct hd_option *options; /* never NULL */
    uint32_t size;
    size_t slot; /* index in the registry */
};
bool codec_at(enum family, size_t index, struct codec *ret);
bool codec_find(enum family, const char *name, struct codec *ret);
/* Their names, NULL-terminated. */
const char *const *codec_names(struct hd_arena *, enum family);

/* How a HD_OPT_PLUGIN row is written in the human dialect: in row.words. */
struct plugin_row {
    enum family family;
    const char *form; /* NULL: {type: x, ...} under the key · "": `type` and the options stand
                         beside the other keys · else the one codec: its options under the key */
};
struct plugin_row plugin_row(const struct hd_option *);

/* C type behind a PLUGIN row of form NULL or "": one slot per codec, at most one filled. */
struct raw_plugin {
    const char *type;
    void *cfg[CODECS_MAX];
};

/* --- what a file says --- */
struct raw_globs {
    const char **item;
    uint32_t n;
};

/* A query as it was resolved when the guard's policy was frozen: pins carry it, so that a changed
 * library never changes a live guard. */
struct raw_query {
    struct hd_query query;
    const char *title, *unit;
    struct raw_globs text, events, exposure;
    struct raw_globs *values;
    uint32_t n_values;
};

struct raw_check {
    struct hd_check check;
    const char *ask; /* free query */
    struct hd_pair *with;
    uint32_t n_with;
    double bound;
    int32_t rule; /* enum hd_rule_by */
    void *http, *exec; /* options of a provider of its own */
    const char *datasource;
    struct raw_query *resolved; /* one once built */
    uint32_t n_resolved;
};

struct raw_colour {
    struct hd_colour colour;
    struct raw_globs label;
    struct raw_plugin side;
};

struct raw_probe {
    const char *url;
    int64_t timeout_ms;
};

struct raw_service {
    struct hd_policy policy;
    const char *stable, *candidate;
    const char *label, *shape, *datasource;
    struct raw_colour *colour;
    uint32_t n_colours;
    struct raw_plugin actuator;
    struct raw_probe probe;
    struct raw_globs approvers;
    struct raw_check *check;
    uint32_t n_checks;
};

struct raw_datasource {
    struct hd_datasource datasource;
    struct raw_plugin plugin;
};

struct raw_sink {
    struct hd_sink sink;
    struct raw_plugin plugin;
};

struct raw_token {
    struct hd_token token;
    struct raw_globs services;
};

struct raw_root {
    struct hd_config config;
    int64_t version;
    struct raw_token *token;
    uint32_t n_tokens;
    struct raw_datasource *datasource;
    uint32_t n_datasources;
    struct raw_sink *sink;
    uint32_t n_sinks;
    struct raw_service *service;
    uint32_t n_services;
};

extern const struct hd_option table_root[];
extern const struct hd_option table_service[];
extern const struct hd_option table_check[];
extern const struct hd_option table_defaults[]; /* keys of `defaults`: rows of table_service */

/* The row of a key that a file may have; NULL: none. */
const struct hd_option *table_find(const struct hd_option *table, const char *key);

#endif
