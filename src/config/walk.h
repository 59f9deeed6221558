/* SPDX-License-Identifier: Apache-2.0
 *
 * The one walk: a tree beside the option tables. Names every mistake of type, range, word, key and
 * count, fills in every default, and writes the normal form (canonical dialect, as flow YAML) that
 * libcyaml loads. What is wrong is written as a harmless value, so that the walk and the checks
 * behind it always see the whole file.
 */
#ifndef CONFIG_WALK_H
#define CONFIG_WALK_H

#include "config/mistake.h"
#include "config/scalar.h"

/* `table`: rows of the document's top level. The text goes to `out`. */
void walk_document(struct hd_arena *, struct mistakes *, enum dialect,
                   const struct hd_option *table, struct node *root, struct buf *out);

/* True for a name of a service, a colour, ...: letters, digits, '.', '_', '-'; it begins with a
 * letter or digit and has at most HD_NAME_MAX bytes. */
bool walk_name_ok(const char *name);

#endif
