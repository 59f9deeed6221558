/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML -> frozen policy. Names every mistake of a file in one run, each at its place.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"

#include <haldane/policy.h>

struct config_mistake {
    const char *file; /* borrowed from the list */
    int line, column; /* from 1; 0: about the file as a whole */
    const char *path; /* "services.shop.checks[0].max" */
    const char *text; /* what is wrong, and the nearest name or the allowed words */
    bool warning;     /* accepted, but probably not meant */
};

struct config_mistakes {
    const struct config_mistake *item; /* in the order of the file */
    size_t n;      /* at most HD_MISTAKES_MAX */
    size_t more;   /* beyond that */
    size_t errors; /* how many of all are not warnings */
    bool untried;  /* rules over wrong keys were not tried: more may follow when they are mended */
};

/* A frozen config and everything it points to, reference-counted: live guards pin theirs. Not
 * thread-safe: the loop's thread only. */
struct config;
struct config *config_ref(struct config *);
struct config *config_unref(struct config *); /* takes NULL, returns NULL */
const struct hd_config *config_get(const struct config *);
/* One of its services alone, guarding for another time. */
struct config *config_vary(struct config *, const struct hd_policy *, int64_t duration_ms);
/* NULL: no such service. */
const struct hd_policy *config_service(const struct config *, const char *name);

/* Loads `file` (and conf.d/?*.yaml beside it, in name order). `queries` is the folder of the query
 * library; NULL: the one built in or installed. HD_INVALID: there are mistakes, see them; HD_IO: no
 * such file. The mistakes (warnings on success too) live in the arena. */
enum hd_code config_load(struct hd_arena *, const char *file, const char *queries,
                         struct config **ret, struct config_mistakes *ret_mistakes,
                         struct hd_error *err);
/* The same from text, for tests, `check -` and replay. `name` stands for the file. */
enum hd_code config_load_text(struct hd_arena *, const char *name, struct hd_span text,
                              const char *queries, struct config **ret,
                              struct config_mistakes *ret_mistakes, struct hd_error *err);

/* "file:line:col: path: text", a line each, and a closing count. */
void config_print_mistakes(const struct config_mistakes *, struct buf *);
/* The effective config as readable YAML: every default written, secrets masked. */
void config_print(const struct config *, struct buf *);
/* A check of a histogram whose bound (`bound_at`) stable's past picks: is it not picked yet? */
bool config_unpicked(const struct hd_check *);
/* Both are, and ask the same histogram: one look picks for both. */
bool config_same_histogram(const struct hd_policy *, uint32_t check, uint32_t other);
/* Its query with every bucket asked for. */
struct hd_query config_every_bucket(struct hd_arena *, const struct hd_config *,
                                    const struct hd_check *);
/* The policy with bounds put in: `bound` by check, in the histogram's unit; NaN: left as it is. It
 * borrows from `policy`. */
const struct hd_policy *config_pick(struct hd_arena *, const struct hd_config *,
                                    const struct hd_policy *, const double *bound);
/* "250ms" */
const char *config_bound_text(struct hd_arena *, const struct hd_query *, double bound);

/* The normal form of one service with what it needs (data sources without secrets' values): a live
 * guard's pin. Loads back by config_load_pin to the same policy, with bounds that config_pick put in;
 * its `guard` part may differ from the config's. */
void config_pin(const struct config *, const struct hd_policy *, struct buf *);
enum hd_code config_load_pin(struct hd_span text, struct config **ret, struct hd_error *err);
/* The service, as if the series of its colours had other values of the metrics' label: versions
 * (NULL: as it is), by which they go where that can be a name. HD_INVALID: a colour or a check is not told by that label. */
enum hd_code config_relabel(const struct config *, const struct hd_policy *,
                            const char *const label[HD_SIDES_MAX], struct config **ret, struct hd_error *err);

/* The annotated sample, and the reference of all keys (for help, man page, docs), both made from
 * the option tables. */
void config_print_sample(struct buf *);
void config_print_reference(struct buf *);

/* The query library: one line per query (id, title, unit, shapes, parameters). */
enum hd_code config_print_queries(const char *queries, struct buf *, struct hd_error *err);

#endif
