/* SPDX-License-Identifier: Apache-2.0
 *
 * The query library: files that say how an indicator is asked. Found by id in an explicit folder
 * first, else among those built into the binary. Says what a file says; fill.c makes a check's
 * query from it. Called by build.c and sample.c.
 */
#ifndef CONFIG_LIBRARY_H
#define CONFIG_LIBRARY_H

#include "config/mistake.h"
#include "config/tables.h"

enum param_kind {
    PARAM_NAME,    /* name of a metric or label, put in as it is */
    PARAM_VALUE,   /* a literal, quoted */
    PARAM_MATCHER, /* `label="value"` in {{selector}}, when given */
    PARAM_SIDE,    /* glob with {{colour}}: the value of the shape's label for each colour */
    PARAM_WINDOW,  /* a duration, as PromQL writes it */
};

struct library_param {
    const char *name, *label, *fallback, *help;
    int32_t kind; /* enum param_kind */
};

/* How a shape tells the colours apart: by the service's label, by a colour's servers in `label`, or
 * by a pattern (the parameter of kind SIDE) of the values of `label`. */
enum sides { SIDES_LABEL, SIDES_SERVERS, SIDES_PATTERN };

#define LIBRARY_SHAPE_ANY "any" /* name of a shape that fits every service: it is about machines */

/* How one family of metric names answers. */
struct library_shape {
    const char *name, *refuse, *provider, *label, *query, *target, *key;
    int32_t sides;      /* enum sides */
    int32_t bound_unit; /* of the buckets' bounds: 0 seconds, 1 milliseconds */
    struct raw_globs events, exposure;
    struct library_param *param;
    uint32_t n_params;
};

struct library_query {
    const char *id, *title, *unit;
    bool higher_is_better;
    int32_t kind, classify; /* enum hd_query_kind, hd_classify */
    bool complement;
    struct library_shape *shape; /* its own, or those of the query `shapes_of` */
    uint32_t n_shapes;
    const char *shapes_of;
};

/* One file built into the binary; the list ends with a NULL id. */
struct library_file {
    const char *id, *text;
};
extern const struct library_file library_files[];

struct library {
    struct hd_arena *a;
    const char *folder; /* NULL: the built-in ones only */
    struct library_entry *first;
};

/* NULL: no such query, or its file is wrong; *ret_why says so. */
const struct library_query *library_find(struct library *, const char *id, const char **ret_why);
/* Ids, sorted, NULL-terminated. */
const char *const *library_ids(struct library *);
/* Parses one file. Mistakes go to the list. */
const struct library_query *library_parse(struct hd_arena *, const char *file, struct hd_span text,
                                          struct mistakes *);

#endif
