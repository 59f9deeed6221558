/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the frozen policy from what a file says, and names mistakes that no single key shows: an
 * unknown data source, no limit on a check, a warm-up longer than the guard. Called by load.c.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/library.h"

struct build {
    struct hd_arena *a; /* the config's */
    struct mistakes *m;
    struct library *library;
    const struct node *tree; /* where things stand in the file */
    struct raw_root *root;
    bool pin;                /* the canonical dialect: "nan" stands for no limit */
    struct hd_datasource *datasource; /* named ones, then those of single checks */
    uint32_t n_datasources;
};

/* Fills root->config and everything under it; with mistakes it must not be used. */
void build_config(struct build *);

/* --- shared between build.c and build_check.c --- */

/* One service being built. */
struct site {
    struct build *b;
    struct raw_service *raw;
    const struct node *node;
    struct path path;
};
/* Where a key stands, or, if it is not there, its mapping. */
const struct node *build_at(const struct node *map, const char *key);
/* NULL-terminated copy. */
const char *const *build_globs(struct build *, struct raw_globs);
void build_checks(struct site *);
/* Warns at `at` of a rule that asks for more polls than the guard has after `warmup_ms`. */
void build_polls(struct site *, const struct hd_rule *, int64_t warmup_ms, const struct node *at, const struct path *);

/* A mistake whose text begins with the option it is about ("write[0].body: ..."): named at that
 * option's place below `map`, else at the mapping itself. */
void build_wrong(struct build *, const struct node *map, const struct path *, const char *text);

#endif
