/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard's page as it was at a moment: what the journal, the polls and the readings say up to then, and
 * nothing that came later. Only what is stored with its time is shown; the rest is left out.
 */
#ifndef HTTP_MOMENT_H
#define HTTP_MOMENT_H

#include "http/view.h"

/* After view_load; sets view->at_ms. The moment must not lie before the guard's start. */
enum hd_code moment_freeze(struct store *, struct hd_arena *, struct guard_view *, int64_t at_ms,
                           struct hd_error *err);

#endif
