/* SPDX-License-Identifier: Apache-2.0
 *
 * Collects what is wrong with a config, each at its place. Never stops a load by itself: every
 * mistake of a file is found in one run. Called by all parts of the loader.
 */
#ifndef CONFIG_MISTAKE_H
#define CONFIG_MISTAKE_H

#include "config/config.h"
#include "config/node.h"

/* Where we are, as a chain on the stack; made into text only when there is something to say. */
struct path {
    const struct path *up;
    const char *key; /* NULL: an item */
    size_t index;
};

struct mistakes {
    struct hd_arena *a; /* the caller's: the list lives there */
    const char *file;   /* for mistakes without a node */
    struct config_mistake *item; /* HD_MISTAKES_MAX of them */
    uint32_t *rank;              /* order of its file */
    size_t n, more, errors;
    unsigned quiet; /* > 0: what is read was complained about before */
    bool untried;   /* a rule over several keys was not tried, because one of them is wrong */
};

#define PATH_KEY(up_, key_) ((struct path){.up = (up_), .key = (key_)})
#define PATH_ITEM(up_, index_) ((struct path){.up = (up_), .index = (index_)})

/* "services.shop.checks[0].max"; "(top level)" for NULL. */
const char *path_text(struct hd_arena *, const struct path *);

void mistakes_init(struct mistakes *, struct hd_arena *, const char *file);
/* About `at` (NULL: the file as a whole). A node gets one error only: what follows from the first
 * is no news. */
void mistake_add(struct mistakes *, const struct node *at, const struct path *, const char *format,
                 ...) HD_PRINTF(4, 5);
/* The same about a mapping that lacks something: it may lack several things, and all are named. */
void mistake_also(struct mistakes *, const struct node *at, const struct path *, const char *format,
                  ...) HD_PRINTF(4, 5);
void mistake_warn(struct mistakes *, const struct node *at, const struct path *, const char *format,
                  ...) HD_PRINTF(4, 5);
/* Is something in `n` wrong already? Then a rule over it is not tried, and the list says so. */
bool mistake_hurts(struct mistakes *, const struct node *n);
/* Sorted by place. */
struct config_mistakes mistakes_list(struct mistakes *);

/* "; did you mean 'socket'?" or "". `words` ends with NULL. */
const char *mistake_hint(struct hd_arena *, const char *word, const char *const *words);
/* "a, b, c". */
const char *mistake_words(struct hd_arena *, const char *const *words);

#endif
