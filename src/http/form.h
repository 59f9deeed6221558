/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a page's form (application/x-www-form-urlencoded), and text of a URL as it was sent.
 * Pure. A sloppy text is refused whole rather than read in one of several ways.
 */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <haldane/types.h>

#define FORM_FIELDS_MAX 32 /* the largest form has ten */

struct form {
    size_t n;
    struct {
        const char *key, *value;
    } field[FORM_FIELDS_MAX];
};

/* HD_INVALID: a field twice, too many, a bad %-sequence, a NUL. Texts live in the arena. */
enum hd_code form_parse(struct hd_arena *, struct hd_span, struct form *ret, struct hd_error *err);
/* NULL: not given, or empty. */
const char *form_get(const struct form *, const char *key);

/* Why the target of a request ("/a/b?x=1") would be read differently by different programs: a
 * control character, a slash or NUL as %-sequence, a bad sequence, a dot segment, an empty one.
 * NULL: it would not. */
const char *form_target_fault(const char *target);

#endif
