/* SPDX-License-Identifier: Apache-2.0
 *
 * The statistics that `haldane engine eval` can compute, as rows: a judge or a test is added with a
 * list of rows and a line in eval.c. A row reads its inputs by name and writes its results by name.
 */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include "json/json.h"

struct eval {
    const struct json *in; /* the inputs; what it does not know is left alone */
    struct json_out *out;  /* an open object */
    struct hd_arena *arena;
};

struct eval_statistic {
    const char *name;
    const char *takes, *gives; /* for `engine list` */
    enum hd_code (*run)(const struct eval *, struct hd_error *err);
};

/* Each list ends with a row without a name. */
extern const struct eval_statistic eval_sequential[], eval_kayenta[];

/* A number, or a list of numbers, by name; HD_ABSENT or HD_PARSE name the input. `null` stands for
 * JSON's null in a list (an infinity, a missed poll). */
enum hd_code eval_number(const struct eval *, const char *key, double *ret, struct hd_error *err);
struct eval_list {
    double *at;
    size_t n;
};
enum hd_code eval_numbers(const struct eval *, const char *key, double null, struct eval_list *ret,
                          struct hd_error *err);
/* A list of rows of `columns` numbers each, flat; a row that is null gets `null` in every place. */
enum hd_code eval_rows(const struct eval *, const char *key, size_t columns, double null,
                       struct eval_list *ret, struct hd_error *err);

#endif
