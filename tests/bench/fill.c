/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a store with finished guards and their evidence, as a daemon leaves them: what a start has
 * to look through.
 *
 *     fill PATH GUARDS POLLS [SERVICES]
 *
 * Without SERVICES each guard has its own; with it they go round, one each ten minutes up to now.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/store.h"

#define CHECKS 3
#define START_MS 1795220000000
#define INTERVAL_MS 5000
#define SPREAD_MS 600000
#define BATCH 500 /* guards in one transaction */

static enum hd_code fill_guard(struct store *s, int i, int polls, int services, int64_t at,
                               struct hd_error *err)
{
    char service[32];
    (void)snprintf(service, sizeof service, "s%04d", i % services);
    struct hd_guard_state engine = {.n_checks = CHECKS};
    struct store_guard g = {
        .version = 1, .service = service, .state = HD_STATE_PASSED, .verdict = HD_VERDICT_PASS,
        .score = 100, .trigger = "traffic", .stable = "blue", .candidate = "green",
        .value_before = "blue1=100 green1=0", .value_after = "blue1=0 green1=100",
        .switch_from_ms = at, .switch_to_ms = at, .started_ms = at,
        .until_ms = at + polls * INTERVAL_MS, .ended_ms = at + polls * INTERVAL_MS,
        .decided_ms = -1, .sent_ms = -1, .accepted_ms = -1, .verified_ms = -1, .recovered_ms = -1,
        .bad_since_ms = -1, .headline = "green passed - no action needed", .why = "",
        .reasons = "[]", .config_hash = "0", .pin = "version: 1", .checks = "[]", .engine = &engine};
    (void)snprintf(g.id, sizeof g.id, "01HADANEBENCH%013d", i);
    enum hd_code code = store_add_guard(s, &g, err);
    for (int p = 1; !code && p <= polls; p++) {
        struct hd_measurement m[CHECKS * HD_ROLES];
        for (uint8_t k = 0; k < CHECKS * HD_ROLES; k++)
            m[k] = (struct hd_measurement){.check = k / HD_ROLES, .role = k % HD_ROLES, .fresh = true,
                                           .events = p % 7, .exposure = 500 + p, .value = NAN,
                                           .age_ms = 1200, .covers_ms = INTERVAL_MS};
        struct store_evidence e = {.wall_ms = at + p * INTERVAL_MS, .t_ms = p * INTERVAL_MS,
                                   .evidence = {.poll = (uint32_t)p, .scrape_ms = INTERVAL_MS,
                                                .m = m, .n = CHECKS * HD_ROLES}};
        code = store_put_evidence(s, g.id, &e, err);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct hd_error err = {0};
    struct store *s = NULL;
    if (argc < 4)
        return 2;
    int guards = atoi(argv[2]), services = argc > 4 ? atoi(argv[4]) : guards;
    int64_t now = (int64_t)time(NULL) * 1000;
    struct store_options o = {.path = argv[1]};
    enum hd_code code = store_open(&o, &s, &err);
    for (int i = 0; !code && i < guards; i++) {
        int64_t at = argc > 4 ? now - (int64_t)(guards - i) * SPREAD_MS : START_MS + i;
        if (i % BATCH == 0)
            code = store_begin(s, &err);
        if (!code)
            code = fill_guard(s, i, atoi(argv[3]), services, at, &err);
        if (!code && (i % BATCH == BATCH - 1 || i == guards - 1))
            code = store_commit(s, &err);
    }
    if (code)
        (void)fprintf(stderr, "fill: %s\n", err.text);
    store_close(s);
    return code ? 1 : 0;
}
