/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence of one poll as the rules take it in: by check and role. Lives for one step.
 */
#ifndef ENGINE_POLL_H
#define ENGINE_POLL_H

#include "engine/engine.h"

struct poll {
    const struct hd_policy *policy;
    const struct hd_evidence *evidence;
    const struct hd_measurement *m[HD_CHECKS_MAX][HD_ROLES];
    int64_t t_ms, since_last_ms, scrape_ms; /* scrape: last known; 0: never */
    bool warm; /* still warming up */
    bool full;  /* the candidate has had nearly everything */
    bool alone; /* it has so much now that stable's traffic says little */
};

/* Fresh, and fit to be judged. */
bool poll_usable(const struct hd_check *, const struct hd_measurement *);

#endif
