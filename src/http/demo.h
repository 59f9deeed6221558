/* SPDX-License-Identifier: Apache-2.0
 *
 * An invented guard, to show what a page of a real one says before there is any. It is compiled in, never
 * stored, and never mixed with what was watched. Pure.
 */
#ifndef HTTP_DEMO_H
#define HTTP_DEMO_H

#include "http/view.h"

/* Sets view->demo, so that the page says what it is and leads nowhere. */
void demo_view(struct hd_arena *, struct guard_view *ret);

#endif
