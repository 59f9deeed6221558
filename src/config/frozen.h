/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of struct config, for load.c and print.c.
 */
#ifndef CONFIG_FROZEN_H
#define CONFIG_FROZEN_H

#include "config/tables.h"

struct config {
    unsigned refs;
    struct hd_arena *a; /* holds everything, this struct too */
    struct raw_root *root;
    struct config *base; /* what this is a variation of, and points into; NULL */
    const char *queries; /* folder of its query library; NULL: the one built in */
};

#endif
