/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a config: whole texts with a cap, names in a folder in order. Called by load.c and
 * library.c.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <haldane/types.h>

/* HD_ABSENT, HD_DENIED, HD_IO, HD_LIMIT (above HD_CONFIG_BYTES_MAX); the text names the file. */
enum hd_code file_read(struct hd_arena *, const char *path, struct hd_span *ret,
                       struct hd_error *err);
/* Names that end in ".yaml" and do not begin with a dot, sorted, NULL-terminated. An absent folder
 * is an empty one. */
enum hd_code file_names(struct hd_arena *, const char *folder, const char *const **ret,
                        struct hd_error *err);

#endif
