/* SPDX-License-Identifier: Apache-2.0
 *
 * libcyaml's schemas, made from the option tables; the only place that calls libcyaml. It fills the
 * structs from the normal form that walk.c wrote, and saves them as the canonical text behind hash
 * and pin. Called by load.c, print.c and library.c.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "base/buf.h"

#include <haldane/option.h>

/* Fills one struct of `size` bytes, with all it points to in the arena. What fails here was let
 * through by the walk: our bug, HD_INVALID. */
enum hd_code schema_load(struct hd_arena *, const struct hd_option *table, size_t size,
                         struct hd_span normal, void **ret, struct hd_error *err);
/* The canonical text of a struct. */
enum hd_code schema_save(const struct hd_option *table, size_t size, const void *from,
                         struct buf *to, struct hd_error *err);

#endif
