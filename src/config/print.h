/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of YAML with indentation, for print.c and sample.c.
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "base/buf.h"

struct printer {
    struct buf *b;
    unsigned indent;
    bool dash; /* the next line begins an item of a list */
};

/* Begins a line. */
void print_line(struct printer *);

#endif
