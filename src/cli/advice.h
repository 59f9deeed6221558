/* SPDX-License-Identifier: Apache-2.0
 *
 * The next step after something could not be asked: what a failure means, how a router lets us in, what
 * it is that answers at an address. For `check --online` and `doctor`. Reads only.
 */
#ifndef CLI_ADVICE_H
#define CLI_ADVICE_H

#include "cli/ask.h"

/* Is it the world that fails (not there, closed to us, too slow), and not what the configuration says of it? */
bool advice_world(enum hd_code);
/* About a data source, a probe or a notifier at `at` (NULL: none that answers HTTP). `kind`: what it should be
 * ("Prometheus"). Asks the address what it is when an answer came that was not understood. */
const char *advice_source(struct asker *, struct hd_arena *, const struct hd_endpoint *at, const char *kind,
                          const struct hd_error *);
/* About the router of a service. */
const char *advice_router(struct hd_arena *, const struct hd_policy *, const struct hd_error *);
/* What answers at a base, in words ("Grafana", "a web page called 'Login'"); NULL: nothing, and why.
 * `ret_known`: a program that is known by its API. */
const char *advice_who(struct asker *, struct hd_arena *, const struct hd_endpoint *at, uint32_t base, bool *ret_known,
                       struct hd_error *err);

#endif
